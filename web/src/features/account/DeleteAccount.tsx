import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { call } from '@/api/http';
import { type User, useSession } from '@/app/session';
import { field, useAction } from '@/features/auth/useAction';
import { Button, Card, Dialog, Field, Notice, useToast } from '@/ui';
import { useAccountError } from './errors';

export function DeleteAccount({ user }: { user: User }) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  return (
    <Card>
      <h2 className="mb-2 text-xl font-bold">
        <Trans>Delete the account</Trans>
      </h2>
      <p className="mb-4">
        <Trans>For good: nobody can bring it back. You are told first what goes and what stays.</Trans>
      </p>
      <Button look="danger" onClick={() => setOpen(true)}>
        <Trans>Delete my account…</Trans>
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t`Delete the account for good?`}>
        <Confirm user={user} onClose={() => setOpen(false)} />
      </Dialog>
    </Card>
  );
}

function Confirm({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useLingui();
  const { leave } = useSession();
  const navigate = useNavigate();
  const say = useToast();
  const words = useAccountError();
  const [fault, setFault] = useState<string>();
  const remove = useAction(async (form) => {
    setFault(undefined);
    if (field(form, 'address').toLowerCase() !== user.email.toLowerCase()) {
      setFault(t`This is not the address of this account.`);
      return;
    }
    await call('delete', '/v1/me');
    await leave();
    navigate('/', { replace: true });
    say(t`Your account is deleted.`);
  }, words);
  return (
    <form onSubmit={(event) => void remove.submit(event)} className="space-y-4">
      <div>
        <h3 className="font-bold">
          <Trans>What goes</Trans>
        </h3>
        <ul className="list-disc pl-5">
          <li>
            <Trans>Your address, name, password and second factor; you are signed out everywhere at once.</Trans>
          </li>
          <li>
            <Trans>The names and addresses that you typed into orders, the files of your tickets, and your memberships in teams.</Trans>
          </li>
          <li>
            <Trans>Seats that you hold and have not paid for.</Trans>
          </li>
        </ul>
      </div>
      <div>
        <h3 className="font-bold">
          <Trans>What stays</Trans>
        </h3>
        <ul className="list-disc pl-5">
          <li>
            <Trans>Your tickets are good until their events are over. Save them first: they cannot be shown or mailed to you again.</Trans>
          </li>
          <li>
            <Trans>
              Orders and amounts under a number that is nobody's, and receipts as they were given: the law on bookkeeping wants them.
            </Trans>
          </li>
          <li>
            <Trans>Events that you organized, with their texts.</Trans>
          </li>
        </ul>
      </div>
      <Field
        label={t`Type your address to confirm: ${user.email}`}
        name="address"
        type="email"
        autoComplete="off"
        required
        maxLength={254}
        error={fault}
      />
      {remove.error && <Notice tone="bad" title={remove.error} />}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="danger" busy={remove.busy}>
          <Trans>Delete for good</Trans>
        </Button>
        <Button look="secondary" onClick={onClose}>
          <Trans>Keep my account</Trans>
        </Button>
      </div>
    </form>
  );
}
