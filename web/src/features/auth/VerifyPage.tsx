import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { auth, useSession } from '@/app/session';
import { safeNext } from '@/lib/next';
import { Button, Field, Notice } from '@/ui';
import { AuthCard, CodeField } from './parts';
import { Resend } from './Resend';
import { field, useAction } from './useAction';

export default function VerifyPage() {
  const { t } = useLingui();
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const { refresh } = useSession();
  const email = params.get('email') ?? '';
  const next = safeNext(params.get('next'));
  const sent = useRef(false);

  // Whoever comes from a sign-in has no fresh code in the mailbox.
  useEffect(() => {
    if (params.get('resend') !== '1' || !email || sent.current) return;
    sent.current = true;
    void auth().then(({ resendSignUpCode }) => resendSignUpCode({ username: email }).catch(() => {}));
  }, [params, email]);

  const action = useAction(async (form) => {
    const amplify = await auth();
    const username = email || field(form, 'email');
    const answer = await amplify.confirmSignUp({ username, confirmationCode: field(form, 'code').replaceAll(' ', '') });
    if (answer.nextStep.signUpStep === 'COMPLETE_AUTO_SIGN_IN') {
      // Amplify puts another function in this place once the address is confirmed.
      const signed = await amplify.autoSignIn().catch(() => undefined);
      if (signed?.isSignedIn) {
        await refresh();
        navigate(next, { replace: true });
        return;
      }
    }
    navigate(`/auth/sign-in?${new URLSearchParams({ email: username, next, done: 'verified' })}`, { replace: true });
  });

  return (
    <AuthCard title={t`Confirm your address`}>
      <p className="mb-4">
        {email ? (
          <Trans>
            We have sent a code to <strong>{email}</strong>. It holds for a day; look among the junk mail as well.
          </Trans>
        ) : (
          <Trans>Type the code from our mail.</Trans>
        )}
      </p>
      <form onSubmit={(event) => void action.submit(event)} className="space-y-4">
        {!email && <Field label={t`E-mail address`} name="email" type="email" autoComplete="username" required />}
        <CodeField autoFocus={Boolean(email)} />
        {action.error && <Notice tone="bad" title={action.error} />}
        <Button type="submit" busy={action.busy} className="w-full">
          <Trans>Confirm</Trans>
        </Button>
        {email && <Resend send={async () => (await auth()).resendSignUpCode({ username: email })} />}
      </form>
    </AuthCard>
  );
}
