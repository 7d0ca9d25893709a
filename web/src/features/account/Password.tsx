import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { auth, type User } from '@/app/session';
import { PasswordField } from '@/features/auth/parts';
import { useAction } from '@/features/auth/useAction';
import { Button, Card, Notice } from '@/ui';
import { useAccountError } from './errors';

export function Password({ user }: { user: User }) {
  const { t } = useLingui();
  const words = useAccountError();
  // Counts the changes: each empties the fields by making them anew.
  const [changed, setChanged] = useState(0);
  const change = useAction(async (form) => {
    const { updatePassword } = await auth();
    await updatePassword({ oldPassword: String(form.get('old') ?? ''), newPassword: String(form.get('new') ?? '') });
    setChanged((n) => n + 1);
  }, words);
  return (
    <Card className="print:hidden">
      <h2 className="mb-2 text-xl font-bold">
        <Trans>Password</Trans>
      </h2>
      <p className="mb-4">
        <Trans>A new password signs out every other device. This one stays signed in.</Trans>
      </p>
      {changed > 0 && !change.error && (
        <div className="mb-4">
          <Notice tone="ok" title={t`Your password is changed. All other devices are signed out.`} />
        </div>
      )}
      <form key={changed} onSubmit={(event) => void change.submit(event)} className="space-y-4">
        {/* For password keepers, which want to know whose it is. */}
        <input type="text" name="username" autoComplete="username" value={user.email} readOnly hidden />
        <PasswordField name="old" label={t`Present password`} />
        <PasswordField name="new" fresh label={t`New password`} />
        {change.error && <Notice tone="bad" title={change.error} />}
        <Button type="submit" busy={change.busy}>
          <Trans>Change the password</Trans>
        </Button>
      </form>
    </Card>
  );
}
