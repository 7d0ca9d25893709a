import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useState, useSyncExternalStore } from 'react';
import { formatDateTime } from '@/lib/time';
import { Button, Dialog, Notice } from '@/ui';
import type { Conflict } from './db';
import type { Scanner } from './scanner';

type Props = { open: boolean; scanner: Scanner; onClose: () => void };

/** What the server does not know yet, and what it did not agree with. */
export function QueueDialog({ open, scanner, onClose }: Props) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>Connection</Trans>}>
      <Queue scanner={scanner} />
    </Dialog>
  );
}

function Queue({ scanner }: { scanner: Scanner }) {
  const { i18n } = useLingui();
  const { setup, syncedAt, queued, elsewhere, conflicts } = useSyncExternalStore(scanner.subscribe, scanner.snapshot);
  const [busy, setBusy] = useState(false);
  const zone = setup.event.timezone;
  const sync = async () => {
    setBusy(true);
    await scanner.sync();
    setBusy(false);
  };
  return (
    <div className="space-y-4">
      <p>
        {syncedAt === undefined ? (
          <Trans>The server was not reached yet.</Trans>
        ) : (
          <Trans>The server was last reached: {formatDateTime(new Date(syncedAt).toISOString(), zone, i18n.locale)}</Trans>
        )}
      </p>
      <p>
        <Plural value={queued} _0="Everything is handed in." one="# scan waits to be handed in." other="# scans wait to be handed in." />
      </p>
      {elsewhere > 0 && (
        <Notice tone="warn">
          <Plural
            value={elsewhere}
            one="# scan of another event waits on this phone."
            other="# scans of other events wait on this phone."
          />
        </Notice>
      )}
      <Button look="secondary" busy={busy} onClick={() => void sync()}>
        <Trans>Try now</Trans>
      </Button>
      {conflicts.length > 0 && (
        <section className="space-y-2">
          <h3 className="text-lg font-bold">
            <Trans>Let in here, refused by the server</Trans>
          </h3>
          <p className="text-muted">
            <Trans>These were scanned without a connection. The organizer may want to know.</Trans>
          </p>
          <ul className="divide-y divide-border">
            {conflicts.map((conflict) => (
              <li key={conflict.scanId} className="py-2">
                <p className="font-semibold">{conflict.name ?? <span className="font-mono">…{conflict.ticketId.slice(-6)}</span>}</p>
                <p className="text-sm">
                  <Trans>Here: {formatDateTime(conflict.scannedAt, zone, i18n.locale)}</Trans>
                </p>
                <p className="text-sm text-bad">
                  <Why conflict={conflict} zone={zone} />
                </p>
              </li>
            ))}
          </ul>
          <Button look="secondary" onClick={() => void scanner.clearConflicts()}>
            <Trans>I have seen them: clear the list</Trans>
          </Button>
        </section>
      )}
    </div>
  );
}

function Why({ conflict, zone }: { conflict: Conflict; zone: string }) {
  const { i18n } = useLingui();
  const { reason, firstUsedAt, firstUsedGate } = conflict;
  const at = firstUsedAt ? formatDateTime(firstUsedAt, zone, i18n.locale) : '';
  if (reason === 'already-used')
    return firstUsedGate ? (
      <Trans>
        Already used: {at} at {firstUsedGate}
      </Trans>
    ) : (
      <Trans>Already used: {at}</Trans>
    );
  if (reason === 'cancelled') return <Trans>The ticket was refunded, cancelled or replaced by a newer one.</Trans>;
  if (reason === 'not-yet-open') return <Trans>Admission has not begun.</Trans>;
  if (reason === 'ended') return <Trans>The event is over.</Trans>;
  return <Trans>The server does not know this ticket.</Trans>;
}
