// Amplify's sign-in against our own user pool. The only file that imports it.
import { Amplify } from 'aws-amplify';
import { fetchAuthSession, signOut } from 'aws-amplify/auth';
import type { Group, User } from '@/app/session';
import type { Config } from '@/lib/boot';

let configured = false;

export function configure(config: Config): void {
  if (configured) return;
  configured = true;
  Amplify.configure({
    Auth: {
      Cognito: {
        userPoolId: config.userPoolId,
        userPoolClientId: config.userPoolClientId,
        userPoolEndpoint: config.identityEndpoint,
      },
    },
  });
}

export async function idToken(): Promise<string | undefined> {
  return (await fetchAuthSession()).tokens?.idToken?.toString();
}

export async function currentUser(): Promise<User | undefined> {
  const claims = (await fetchAuthSession()).tokens?.idToken?.payload;
  if (!claims?.sub) return undefined;
  const email = String(claims.email ?? '');
  return {
    sub: claims.sub,
    email,
    name: String(claims.name ?? email.split('@')[0]),
    groups: (claims['cognito:groups'] as Group[] | undefined) ?? [],
  };
}

/** New tokens now, for what the old ones say of the person has changed. */
export async function renew(): Promise<void> {
  await fetchAuthSession({ forceRefresh: true });
}

export async function leave(everywhere: boolean): Promise<void> {
  await signOut({ global: everywhere });
}

/** Every sign-in of ours is by password over TLS; the pool's SRP is off unless its operator wants it. */
export const flow = { authFlowType: 'USER_PASSWORD_AUTH' } as const;

export {
  autoSignIn,
  confirmResetPassword,
  confirmSignIn,
  confirmSignUp,
  resendSignUpCode,
  resetPassword,
  setUpTOTP,
  signIn,
  signUp,
  updateMFAPreference,
  updatePassword,
  updateUserAttributes,
  verifyTOTPSetup,
} from 'aws-amplify/auth';
