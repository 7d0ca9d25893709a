import { Trans, useLingui } from '@lingui/react/macro';
import { Navigate, useNavigate, useSearchParams } from 'react-router';
import { auth } from '@/app/session';
import { Button, Notice } from '@/ui';
import { AuthCard, CodeField, PasswordField } from './parts';
import { Resend } from './Resend';
import { field, useAction } from './useAction';

export default function ResetPage() {
  const { t } = useLingui();
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const email = params.get('email') ?? '';
  const action = useAction(async (form) => {
    await (await auth()).confirmResetPassword({
      username: email,
      confirmationCode: field(form, 'code').replaceAll(' ', ''),
      newPassword: String(form.get('password') ?? ''),
    });
    navigate(`/auth/sign-in?${new URLSearchParams({ email, done: 'reset' })}`, { replace: true });
  });
  if (!email) return <Navigate to="/auth/forgot" replace />;
  return (
    <AuthCard title={t`A new password`}>
      <p className="mb-4">
        <Trans>
          If there is an account with the address <strong>{email}</strong>, a code is on its way. It holds for an hour.
        </Trans>
      </p>
      <form onSubmit={(event) => void action.submit(event)} className="space-y-4">
        <CodeField autoFocus />
        <PasswordField name="password" fresh label={t`New password`} />
        {action.error && <Notice tone="bad" title={action.error} />}
        <Button type="submit" busy={action.busy} className="w-full">
          <Trans>Set the new password</Trans>
        </Button>
        <Resend send={async () => (await auth()).resetPassword({ username: email })} />
      </form>
    </AuthCard>
  );
}
