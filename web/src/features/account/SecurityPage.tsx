import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useSession } from '@/app/session';
import { Button, Card, Notice } from '@/ui';
import { useAccountError } from './errors';
import { Frame } from './Frame';
import { Password } from './Password';
import { TwoStep } from './TwoStep';

export default function SecurityPage() {
  const { t } = useLingui();
  return (
    <Frame title={t`Security`}>
      {(user) => (
        <>
          <TwoStep user={user} />
          <Password user={user} />
          <SignOuts />
        </>
      )}
    </Frame>
  );
}

function SignOuts() {
  const { leave } = useSession();
  const navigate = useNavigate();
  const words = useAccountError();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const out = async (everywhere: boolean) => {
    setBusy(true);
    setError(undefined);
    try {
      await leave(everywhere);
      navigate('/');
    } catch (cause) {
      setError(words(cause));
      setBusy(false);
    }
  };
  return (
    <Card className="print:hidden">
      <h2 className="mb-2 text-xl font-bold">
        <Trans>Signed in</Trans>
      </h2>
      <p className="mb-4">
        <Trans>Lost a device, or used somebody else's? Sign out everywhere: each device has to sign in again, this one too.</Trans>
      </p>
      {error && <Notice tone="bad" title={error} />}
      <div className="flex flex-wrap gap-2">
        <Button look="secondary" busy={busy} onClick={() => void out(false)}>
          <Trans>Sign out here</Trans>
        </Button>
        <Button look="secondary" busy={busy} onClick={() => void out(true)}>
          <Trans>Sign out everywhere</Trans>
        </Button>
      </div>
    </Card>
  );
}
