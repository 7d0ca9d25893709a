import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { toApiError } from '@/api/http';
import { formatDateTime } from '@/lib/time';
import { Button, ButtonLink, Card, Dialog, ErrorState, Notice, Spinner } from '@/ui';
import { useOffline } from './offline';
import { Screen } from './Screen';
import type { Scanner } from './scanner';
import { unlockSound } from './sound';

type Props = { scanner: Scanner; onStart: () => void; onLeave: () => void };

/** The list comes down; then one large button, whose tap also lets the page sound and see. */
export function StartScreen({ scanner, onStart, onLeave }: Props) {
  const { i18n } = useLingui();
  const state = useSyncExternalStore(scanner.subscribe, scanner.snapshot);
  const [pages, setPages] = useState(0);
  const [stage, setStage] = useState<'loading' | 'ready' | 'failed'>('loading');
  const [error, setError] = useState<unknown>();
  const { ready, update } = useOffline();
  const [leaving, setLeaving] = useState(false);
  const { event, gate, deviceName, credential } = state.setup;

  const prepare = useCallback(async () => {
    setStage('loading');
    setError(undefined);
    try {
      await scanner.prepare(setPages);
      setStage('ready');
    } catch (fault) {
      setError(fault);
      setStage('failed');
    }
  }, [scanner]);
  useEffect(() => void prepare(), [prepare]);

  const denied = error !== undefined && [401, 403, 404].includes(toApiError(error).status);
  const usable = stage === 'ready' || (!denied && state.syncedAt !== undefined);
  const start = () => {
    unlockSound();
    onStart();
  };
  return (
    <Screen title={event.title}>
      <p className="text-lg">
        <Trans>Gate: {gate}</Trans>
        {deviceName && deviceName !== gate && ` · ${deviceName}`}
      </p>
      <Card className="space-y-2">
        {stage === 'loading' && (
          <p role="status" className="flex items-center gap-2">
            <Spinner /> <Plural value={pages} _0="Fetching the list of tickets…" one="# ticket so far…" other="# tickets so far…" />
          </p>
        )}
        {stage === 'ready' && (
          <p role="status" className="font-semibold text-ok">
            <Plural
              value={state.all}
              _0="The list is here; nobody has a ticket yet."
              one="The list is here: # ticket."
              other="The list is here: # tickets."
            />
          </p>
        )}
        {ready && (
          <p className="text-muted">
            <Trans>The scanner also opens without a network.</Trans>
          </p>
        )}
        {state.queued > 0 && (
          <p>
            <Plural value={state.queued} one="# scan waits to be handed in." other="# scans wait to be handed in." />
          </p>
        )}
      </Card>
      {denied && <Denied device={!!credential} />}
      {stage === 'failed' && !denied && state.syncedAt !== undefined && (
        <Notice tone="warn" title={<Trans>No connection</Trans>}>
          <Trans>
            You can scan with the list of {formatDateTime(new Date(state.syncedAt).toISOString(), event.timezone, i18n.locale)}. Scans are
            kept and handed in later.
          </Trans>
        </Notice>
      )}
      {stage === 'failed' && !usable && !denied && <ErrorState error={error} />}
      {stage === 'failed' && (
        <Button look="secondary" onClick={() => void prepare()}>
          <Trans>Try again</Trans>
        </Button>
      )}
      <Button disabled={!usable} onClick={start} className="min-h-24">
        <span className="text-3xl">
          <Trans>Start</Trans>
        </span>
      </Button>
      {update && (
        <Notice tone="info" title={<Trans>A newer version of the scanner is ready.</Trans>}>
          <Button look="secondary" className="mt-2" onClick={update}>
            <Trans>Load it now</Trans>
          </Button>
        </Notice>
      )}
      <Button look="quiet" onClick={() => setLeaving(true)}>
        {credential ? <Trans>End this phone's work as a scanner</Trans> : <Trans>Another event or gate</Trans>}
      </Button>
      <Dialog open={leaving} onClose={() => setLeaving(false)} title={<Trans>Stop scanning for this event?</Trans>}>
        <div className="space-y-4">
          <p>
            {credential ? (
              <Trans>The list of names leaves this phone. To scan again it needs a new code from the organizer.</Trans>
            ) : (
              <Trans>The list of names leaves this phone. To choose an event again it needs a connection.</Trans>
            )}
          </p>
          {state.queued > 0 && (
            <Notice tone="warn">
              <Plural
                value={state.queued}
                one="# scan is not handed in yet. It stays here until this phone scans for this event again."
                other="# scans are not handed in yet. They stay here until this phone scans for this event again."
              />
            </Notice>
          )}
          <Button look="danger" onClick={onLeave} className="w-full">
            <Trans>Yes, stop</Trans>
          </Button>
          <Button look="secondary" onClick={() => setLeaving(false)} className="w-full">
            <Trans>No, keep scanning</Trans>
          </Button>
        </div>
      </Dialog>
    </Screen>
  );
}

/** The server refuses: who is signed in was signed out or is not staff any more, or the device was revoked. */
export function Denied({ device }: { device: boolean }) {
  return (
    <Notice
      tone="bad"
      title={device ? <Trans>This scanner was revoked, or its event is over.</Trans> : <Trans>You may not scan for this event.</Trans>}
    >
      {device ? (
        <Trans>Ask the organizer for a new code for this phone.</Trans>
      ) : (
        <>
          <p className="mb-2">
            <Trans>You are signed out, or not staff of this event any more. What was scanned is kept on this phone.</Trans>
          </p>
          <ButtonLink look="secondary" to="/auth/sign-in?next=%2Fscan" reloadDocument>
            <Trans>Sign in</Trans>
          </ButtonLink>
        </>
      )}
    </Notice>
  );
}
