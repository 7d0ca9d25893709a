import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { auth, useSession } from '@/app/session';
import { safeNext } from '@/lib/next';
import { Button, Field, Notice } from '@/ui';
import { AuthCard, CodeField, PasswordField } from './parts';
import { field, useAction } from './useAction';

type Step = 'password' | 'totp' | 'recovery';

export default function SignInPage() {
  const { t } = useLingui();
  const [step, setStep] = useState<Step>('password');
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const { refresh } = useSession();
  const next = safeNext(params.get('next'));

  const done = async () => {
    await refresh();
    navigate(next, { replace: true });
  };
  /** What Amplify says is still missing. */
  const goOn = async (nextStep: { signInStep: string }, email: string) => {
    if (nextStep.signInStep === 'DONE') await done();
    else if (nextStep.signInStep === 'CONFIRM_SIGN_IN_WITH_TOTP_CODE') setStep('totp');
    else if (nextStep.signInStep === 'CONFIRM_SIGN_UP') navigate(`/auth/verify?${new URLSearchParams({ email, next, resend: '1' })}`);
    else throw new Error(nextStep.signInStep);
  };
  const password = useAction(async (form) => {
    const { signIn, flow, leave } = await auth();
    const email = field(form, 'email');
    const options = { username: email, password: String(form.get('password') ?? ''), options: flow };
    const answer = await signIn(options).catch(async (error) => {
      // Amplify refuses while somebody is signed in, which here is a session that the server has ended.
      if (error instanceof Error && error.name === 'UserAlreadyAuthenticatedException') {
        await leave(false);
        return signIn(options);
      }
      throw error;
    });
    await goOn(answer.nextStep, email);
  });
  const code = useAction(async (form) => {
    const { confirmSignIn } = await auth();
    const answer = await confirmSignIn({ challengeResponse: field(form, 'code').replaceAll(' ', '') });
    await goOn(answer.nextStep, '');
  });

  if (step !== 'password')
    return (
      <AuthCard title={t`One more step`}>
        <form onSubmit={(event) => void code.submit(event)} className="space-y-4">
          {step === 'totp' ? (
            <CodeField key="totp" label={t`Code from your authenticator app`} autoFocus error={code.error} />
          ) : (
            <Field
              key="recovery"
              label={t`One of your recovery codes`}
              name="code"
              autoComplete="off"
              spellCheck={false}
              required
              autoFocus
              error={code.error}
            />
          )}
          <Button type="submit" busy={code.busy} className="w-full">
            <Trans>Sign in</Trans>
          </Button>
          <Button look="quiet" className="w-full" onClick={() => setStep(step === 'totp' ? 'recovery' : 'totp')}>
            {step === 'totp' ? <Trans>Use a recovery code instead</Trans> : <Trans>Use the authenticator app instead</Trans>}
          </Button>
        </form>
      </AuthCard>
    );
  return (
    <AuthCard title={t`Sign in`}>
      {params.get('done') === 'reset' && (
        <div className="mb-4">
          <Notice tone="ok" title={t`Your password is changed. Sign in with the new one.`} />
        </div>
      )}
      {params.get('done') === 'verified' && (
        <div className="mb-4">
          <Notice tone="ok" title={t`Your address is confirmed. You can sign in now.`} />
        </div>
      )}
      <form onSubmit={(event) => void password.submit(event)} className="space-y-4">
        <Field
          label={t`E-mail address`}
          name="email"
          type="email"
          autoComplete="username"
          defaultValue={params.get('email') ?? ''}
          required
          maxLength={254}
        />
        <PasswordField name="password" />
        {password.error && <Notice tone="bad" title={password.error} />}
        <Button type="submit" busy={password.busy} className="w-full">
          <Trans>Sign in</Trans>
        </Button>
      </form>
      <p className="mt-4 flex flex-wrap justify-between gap-3">
        <Link to="/auth/forgot" className="inline-flex min-h-11 items-center">
          <Trans>Forgot your password?</Trans>
        </Link>
        <Link to={`/auth/sign-up?next=${encodeURIComponent(next)}`} className="inline-flex min-h-11 items-center">
          <Trans>Create an account</Trans>
        </Link>
      </p>
    </AuthCard>
  );
}
