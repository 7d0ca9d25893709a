import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from 'react-router';
import { auth } from '@/app/session';
import { Button, Field, Notice } from '@/ui';
import { AuthCard } from './parts';
import { field, useAction } from './useAction';

export default function ForgotPage() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const action = useAction(async (form) => {
    const email = field(form, 'email');
    await (await auth()).resetPassword({ username: email });
    navigate(`/auth/reset?${new URLSearchParams({ email })}`);
  });
  return (
    <AuthCard title={t`A new password`}>
      <form onSubmit={(event) => void action.submit(event)} className="space-y-4">
        <Field label={t`E-mail address`} name="email" type="email" autoComplete="username" required maxLength={254} />
        {action.error && <Notice tone="bad" title={action.error} />}
        <Button type="submit" busy={action.busy} className="w-full">
          <Trans>Send me a code</Trans>
        </Button>
      </form>
    </AuthCard>
  );
}
