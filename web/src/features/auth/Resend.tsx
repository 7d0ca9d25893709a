import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { Button, useToast } from '@/ui';
import { useAuthError } from './errors';

const WAIT_S = 30;

/** Ask for another mail; then not again for half a minute, for the first is on its way. */
export function Resend({ send }: { send: () => Promise<unknown> }) {
  const { t } = useLingui();
  const say = useToast();
  const words = useAuthError();
  const [wait, setWait] = useState(WAIT_S);
  useEffect(() => {
    if (wait === 0) return;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);
  const again = async () => {
    setWait(WAIT_S);
    try {
      await send();
      say(t`A new code is on its way.`);
    } catch (error) {
      say(words(error), 'bad');
    }
  };
  return (
    <Button look="quiet" className="w-full" disabled={wait > 0} onClick={() => void again()}>
      {wait > 0 ? <Trans>Send a new code (in {wait} s)</Trans> : <Trans>Send a new code</Trans>}
    </Button>
  );
}
