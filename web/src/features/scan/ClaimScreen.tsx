import { Plural, Trans } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '@/api/errors';
import { post } from '@/api/http';
import { Button, ErrorState, Notice } from '@/ui';
import type { Store } from './db';
import { Screen } from './Screen';
import { eventOf } from './sync';

type Props = { store: Store; code: string; onDone: () => void; onCancel: () => void };

/** The phone becomes the device of the code, by a tap: a code works once, and a preview of the link must not use it up. */
export default function ClaimScreen({ store, code, onDone, onCancel }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const before = useQuery({
    queryKey: ['scan', 'before'],
    queryFn: async () => (await store.get('setup')) ?? null,
    staleTime: 0,
    networkMode: 'always',
  });
  const waiting = useQuery({ queryKey: ['scan', 'waiting'], queryFn: () => store.counts(undefined), staleTime: 0, networkMode: 'always' });

  const claim = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const device = await post('/v1/devices/claim', { body: { token: code }, anonymous: true });
      await store.setUp({
        event: eventOf(device.event),
        gate: device.gate ?? device.name,
        deviceId: device.deviceId,
        deviceName: device.name,
        credential: device.credential,
      });
      onDone();
    } catch (fault) {
      setBusy(false);
      setError(fault);
    }
  };
  const unknown = error instanceof ApiError && error.status === 404;
  return (
    <Screen title={<Trans>Set up this phone as a scanner</Trans>}>
      <p>
        <Trans>The code works once. This phone then scans for one event, without anybody's password on it.</Trans>
      </p>
      {before.data && (
        <Notice tone="warn">
          <Trans>This phone is set up for “{before.data.event.title}” now. That ends here.</Trans>
        </Notice>
      )}
      {!!waiting.data?.elsewhere && (
        <Notice tone="warn">
          <Plural
            value={waiting.data.elsewhere}
            one="# scan is not handed in yet. It stays on this phone, and is handed in when the phone scans for its event again."
            other="# scans are not handed in yet. They stay on this phone, and are handed in when the phone scans for their event again."
          />
        </Notice>
      )}
      {unknown ? (
        <Notice tone="bad" title={<Trans>This code is used, too old or withdrawn.</Trans>}>
          <Trans>Ask the organizer for a new one. A code is good for 15 minutes.</Trans>
        </Notice>
      ) : (
        error !== undefined && <ErrorState error={error} />
      )}
      {!unknown && (
        <Button busy={busy} onClick={() => void claim()} className="min-h-14">
          <Trans>Set up this phone</Trans>
        </Button>
      )}
      <Button look="secondary" onClick={onCancel}>
        <Trans>Cancel</Trans>
      </Button>
    </Screen>
  );
}
