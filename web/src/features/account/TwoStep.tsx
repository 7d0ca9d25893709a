import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, post } from '@/api/http';
import { keys, queries } from '@/api/query';
import { auth, type User } from '@/app/session';
import { Badge, Button, Card, Dialog, ErrorState, Loading, Notice } from '@/ui';
import { useAccountError } from './errors';
import { RecoveryCodes } from './RecoveryCodes';
import { SetUp } from './SetUp';
import { SignInAgain, wantsSignIn } from './SignInAgain';

/** A password and a code of an authenticator app. */
export function TwoStep({ user }: { user: User }) {
  const [setting, setSetting] = useState(false);
  const mfa = useQuery({ queryKey: keys.me('mfa'), queryFn: ({ signal }) => get('/v1/me/mfa', { signal }) });
  // Codes are shown this once and kept nowhere: not in the cache of queries either.
  const recovery = useMutation({
    mutationFn: () => post('/v1/me/recovery-codes'),
    onSettled: () => queries.invalidateQueries({ queryKey: keys.me('mfa') }),
    gcTime: 0,
  });
  const enabled = () => {
    setSetting(false);
    recovery.mutate();
  };
  return (
    <Card>
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2 print:hidden">
        <h2 className="text-xl font-bold">
          <Trans>Two-step sign-in</Trans>
        </h2>
        {mfa.data && (
          <Badge tone={mfa.data.totpEnabled ? 'ok' : 'plain'}>{mfa.data.totpEnabled ? <Trans>On</Trans> : <Trans>Off</Trans>}</Badge>
        )}
      </div>
      <p className="mb-4 print:hidden">
        <Trans>Besides the password, a sign-in takes a code of an app on your phone. A stolen password alone opens nothing.</Trans>
      </p>
      {recovery.data ? (
        <RecoveryCodes codes={recovery.data.recoveryCodes} email={user.email} onDone={() => recovery.reset()} />
      ) : setting ? (
        <SetUp user={user} onDone={enabled} onCancel={() => setSetting(false)} />
      ) : mfa.isPending ? (
        <Loading />
      ) : mfa.isError && !mfa.data ? (
        <ErrorState error={mfa.error} retry={() => void mfa.refetch()} />
      ) : (
        <div className="space-y-4">
          {recovery.isError && (wantsSignIn(recovery.error) ? <SignInAgain /> : <ErrorState error={recovery.error} />)}
          {mfa.data.totpEnabled ? (
            <On
              left={mfa.data.recoveryCodesLeft}
              busy={recovery.isPending}
              renew={() => recovery.mutate()}
              replace={() => setSetting(true)}
            />
          ) : (
            <Button onClick={() => setSetting(true)}>
              <Trans>Set up two-step sign-in</Trans>
            </Button>
          )}
        </div>
      )}
    </Card>
  );
}

function On({ left, busy, renew, replace }: { left: number; busy: boolean; renew: () => void; replace: () => void }) {
  const { t } = useLingui();
  const [dialog, setDialog] = useState<'codes' | 'off'>();
  const close = () => setDialog(undefined);
  return (
    <>
      {left <= 3 && (
        <Notice tone="warn" title={left ? t`You are running out of recovery codes.` : t`You have no recovery codes.`}>
          <Trans>Without one, whoever loses the phone cannot sign in any more.</Trans>
        </Notice>
      )}
      <p>
        <Plural value={left} _0="No recovery code is left." one="# recovery code is left." other="# recovery codes are left." />
      </p>
      <div className="flex flex-wrap gap-2">
        <Button look="secondary" busy={busy} onClick={() => (left ? setDialog('codes') : renew())}>
          <Trans>New recovery codes</Trans>
        </Button>
        <Button look="secondary" onClick={replace}>
          <Trans>Use another app</Trans>
        </Button>
        <Button look="danger" onClick={() => setDialog('off')}>
          <Trans>Turn off</Trans>
        </Button>
      </div>
      <Dialog open={dialog === 'codes'} onClose={close} title={t`New recovery codes?`}>
        <p className="mb-4">
          <Trans>The codes that you have now stop working at once.</Trans>
        </p>
        <Button
          onClick={() => {
            close();
            renew();
          }}
        >
          <Trans>Make new codes</Trans>
        </Button>
      </Dialog>
      <Dialog open={dialog === 'off'} onClose={close} title={t`Turn two-step sign-in off?`}>
        <TurnOff onClose={close} />
      </Dialog>
    </>
  );
}

function TurnOff({ onClose }: { onClose: () => void }) {
  const words = useAccountError();
  const off = useMutation({
    mutationFn: async () => (await auth()).updateMFAPreference({ totp: 'DISABLED' }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.me('mfa') });
      onClose();
    },
  });
  return (
    <div className="space-y-4">
      <p>
        <Trans>The password alone will open your account again, and your recovery codes stop working. A mail tells you of it.</Trans>
      </p>
      {off.isError && (wantsSignIn(off.error) ? <SignInAgain /> : <Notice tone="bad" title={words(off.error)} />)}
      <div className="flex flex-wrap gap-2">
        <Button look="danger" busy={off.isPending} onClick={() => off.mutate()}>
          <Trans>Turn it off</Trans>
        </Button>
        <Button look="secondary" onClick={onClose}>
          <Trans>Leave it on</Trans>
        </Button>
      </div>
    </div>
  );
}
