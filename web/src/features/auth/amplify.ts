// Amplify's sign-in against our own user pool. The only file that imports it.
import { Amplify } from 'aws-amplify';
import { fetchAuthSession, signOut } from 'aws-amplify/auth';
import type { Group, User } from '@/app/session';
import type { Config } from '@/lib/boot';

let endpoint = '';

export function configure(config: Config): void {
  if (endpoint) return;
  endpoint = config.identityEndpoint;
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

/** Amplify's own global sign-out is silent when the server was not reached, or the token at hand had run out: a stolen phone would stay signed in. */
async function endEverySession(): Promise<void> {
  const accessToken = (await fetchAuthSession()).tokens?.accessToken.toString();
  if (!accessToken) throw failure('NotAuthorizedException', 'Access Token has been revoked');
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'AWSCognitoIdentityProviderService.GlobalSignOut' },
    body: JSON.stringify({ AccessToken: accessToken }),
  }).catch(() => {
    throw failure('NetworkError', '');
  });
  if (answer.ok) return;
  const { __type = '', message = '' } = (await answer.json().catch(() => ({}))) as { __type?: string; message?: string };
  throw failure(__type, message);
}

const failure = (name: string, message: string) => Object.assign(new Error(message), { name });

/** Out on this device, whatever comes; with `everywhere` only once the server has ended all the others. */
export async function leave(everywhere: boolean): Promise<void> {
  if (everywhere) await endEverySession();
  await signOut();
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
