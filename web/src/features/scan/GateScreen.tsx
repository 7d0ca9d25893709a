import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useWakeLock } from '@/lib/wakeLock';
import { Badge, Button, Notice, useErrorText, useToast } from '@/ui';
import { type Abilities, Camera, type CameraFault } from './camera';
import type { Store } from './db';
import { freshness } from './engine';
import { QueueDialog } from './QueueDialog';
import { SearchDialog } from './SearchDialog';
import { Denied } from './StartScreen';
import type { Scanner, State } from './scanner';
import { VerdictView } from './VerdictView';
import { wedge } from './wedge';

type Props = { scanner: Scanner; store: Store; onStop: () => void };

/** The gate at work: camera, counters, and the verdict over it all. */
export function GateScreen({ scanner, store, onStop }: Props) {
  const { t } = useLingui();
  const state = useSyncExternalStore(scanner.subscribe, scanner.snapshot);
  const [panel, setPanel] = useState<'search' | 'queue'>();
  const say = useToast();
  const words = useErrorText();
  useWakeLock();
  useHandScanner(scanner);
  useEffect(() => {
    scanner.start();
    return () => scanner.stop();
  }, [scanner]);

  const { setup, verdict, last } = state;
  const undo = async () => {
    try {
      await scanner.undo();
      say(last?.name ? t`${last.name} is out again.` : t`The last admission is undone.`);
    } catch (error) {
      say(words(error), 'bad');
    }
  };
  return (
    <main data-full-screen className="flex h-dvh flex-col bg-bg">
      <header className="flex items-center justify-between gap-3 px-4 py-2">
        <div className="min-w-0">
          <h1 className="truncate font-bold">{setup.event.title}</h1>
          <p className="truncate text-sm text-muted">{setup.gate}</p>
        </div>
        <button type="button" onClick={() => setPanel('queue')} className="min-h-11 shrink-0 rounded-full px-1">
          <SyncBadge state={state} />
        </button>
      </header>
      {state.denied && (
        <div className="px-4 pb-2">
          <Denied device={!!setup.credential} />
        </div>
      )}
      <Viewfinder scanner={scanner} resting={panel !== undefined} />
      <div className="space-y-2 px-4 py-3">
        <dl className="flex flex-wrap justify-around gap-x-3 text-center">
          <Count name={<Trans>In</Trans>} value={state.ins} />
          <Count name={<Trans>Still to come</Trans>} value={state.all - state.ins} />
          <Count name={<Trans>To hand in</Trans>} value={state.queued} />
        </dl>
        <div className="flex flex-wrap gap-2 *:flex-[1_0_auto]">
          <Button look="secondary" onClick={() => setPanel('search')}>
            <Trans>Search</Trans>
          </Button>
          <Button look="secondary" disabled={!last} onClick={() => void undo()}>
            <Trans>Undo last</Trans>
          </Button>
          <Button look="secondary" onClick={onStop}>
            <Trans>Pause</Trans>
          </Button>
        </div>
      </div>
      <SearchDialog
        open={panel === 'search' && !verdict}
        store={store}
        onClose={() => setPanel(undefined)}
        onAdmit={(ticketId) => void scanner.admit(ticketId)}
      />
      <QueueDialog open={panel === 'queue' && !verdict} scanner={scanner} onClose={() => setPanel(undefined)} />
      {verdict && <VerdictView key={verdict.serial} verdict={verdict} zone={setup.event.timezone} onDone={scanner.dismiss} />}
    </main>
  );
}

function Count({ name, value }: { name: React.ReactNode; value: number }) {
  const { i18n } = useLingui();
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="text-2xl font-bold tabular-nums">{value.toLocaleString(i18n.locale)}</dd>
    </div>
  );
}

/** Keys that come faster than people type are a hand scanner's, wherever the focus stands. */
function useHandScanner(scanner: Scanner) {
  useEffect(() => {
    const feed = wedge();
    const key = (event: KeyboardEvent) => {
      const scanned = feed(event.key, event.timeStamp);
      if (!scanned) return;
      event.preventDefault();
      void scanner.scan(scanned);
    };
    window.addEventListener('keydown', key, true);
    return () => window.removeEventListener('keydown', key, true);
  }, [scanner]);
}

function SyncBadge({ state }: { state: State }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const age = freshness(state.syncedAt, Math.max(now, state.syncedAt ?? 0));
  if (state.denied)
    return (
      <Badge tone="bad">
        <Trans>Not allowed</Trans>
      </Badge>
    );
  if (state.conflicts.length > 0)
    return (
      <Badge tone="bad">
        <Plural value={state.conflicts.length} one="# conflict" other="# conflicts" />
      </Badge>
    );
  if (age === 'stale')
    return (
      <Badge tone="bad">
        <Trans>Offline for over 5 min</Trans>
      </Badge>
    );
  if (age === 'old')
    return (
      <Badge tone="warn">
        <Trans>Offline for over 1 min</Trans>
      </Badge>
    );
  if (!state.reachable)
    return (
      <Badge tone="info">
        <Trans>Offline</Trans>
      </Badge>
    );
  return (
    <Badge tone="ok">
      <Trans>In sync</Trans>
    </Badge>
  );
}

/** `resting`: the steward reads something else, and the phone points anywhere. */
function Viewfinder({ scanner, resting }: { scanner: Scanner; resting: boolean }) {
  const { t } = useLingui();
  const video = useRef<HTMLVideoElement>(null);
  const camera = useRef<Camera>(undefined);
  const [fault, setFault] = useState<CameraFault>();
  const [can, setCan] = useState<Abilities>();
  const [torch, setTorch] = useState(false);
  const [turn, setTurn] = useState(0);
  const rests = useRef(resting);
  useEffect(() => {
    rests.current = resting;
  }, [resting]);

  const show = useCallback((result: { fault: CameraFault } | { abilities: Abilities }) => {
    // Each camera has a light of its own, which is out.
    setTorch(false);
    if ('fault' in result) setFault(result.fault);
    else setCan(result.abilities);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `turn` asks for the camera anew
  useEffect(() => {
    if (!video.current) return;
    const read = (text: string, capturedAt: number) => {
      if (rests.current) return;
      const before = scanner.snapshot().verdict?.serial;
      void scanner.scan(text).then(() => {
        // How long people wait for us, in the browser's own tool for that.
        if (scanner.snapshot().verdict?.serial !== before)
          performance.measure('usher.verdict', { start: capturedAt, end: performance.now() });
      });
    };
    const opened = new Camera(video.current, read, setFault);
    camera.current = opened;
    setFault(undefined);
    void opened.open().then(show);
    return () => opened.close();
  }, [scanner, turn, show]);

  return (
    <div className="relative min-h-0 flex-1 overflow-hidden bg-black">
      <video ref={video} muted playsInline aria-label={t`Camera`} className="absolute inset-0 size-full object-cover" />
      <div aria-hidden="true" className="pointer-events-none absolute inset-0 grid place-items-center [container-type:size]">
        <div className="size-[min(80cqmin,20rem)] rounded-card border-4 border-white/80" />
      </div>
      {fault && (
        <div className="absolute inset-0 grid place-items-center bg-bg p-4">
          <div className="max-w-md">
            <Notice tone="bad" title={<CameraWords fault={fault} />}>
              <Trans>A hand scanner and the search work without a camera.</Trans>
              {fault !== 'insecure' && (
                <Button look="secondary" className="mt-3 flex" onClick={() => setTurn(turn + 1)}>
                  <Trans>Try the camera again</Trans>
                </Button>
              )}
            </Notice>
          </div>
        </div>
      )}
      {!fault && can && (
        <div className="absolute inset-x-0 bottom-2 flex items-center justify-center gap-2 px-3">
          {can.torch && (
            <Button
              look="secondary"
              aria-pressed={torch}
              onClick={() => {
                void camera.current?.torch(!torch);
                setTorch(!torch);
              }}
            >
              <Trans>Light</Trans>
            </Button>
          )}
          {can.zoom && (
            <input
              type="range"
              aria-label={t`Zoom`}
              {...can.zoom}
              defaultValue={can.zoom.min}
              onChange={(event) => void camera.current?.zoom(Number(event.target.value))}
              className="min-h-11 max-w-40 flex-1 accent-accent"
            />
          )}
          {can.cameras > 1 && (
            <Button look="secondary" onClick={() => void camera.current?.another().then(show)}>
              <Trans>Other camera</Trans>
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

function CameraWords({ fault }: { fault: CameraFault }) {
  switch (fault) {
    case 'insecure':
      return <Trans>Browsers give the camera only to pages over https. Open the scanner at an https address.</Trans>;
    case 'refused':
      return <Trans>The camera is not allowed for this page. Allow it in the browser's settings for this site.</Trans>;
    case 'none':
      return <Trans>There is no camera.</Trans>;
    case 'busy':
      return <Trans>The camera gives no picture. Another app may be using it.</Trans>;
    case 'reader':
      return <Trans>The camera works, but nothing here reads its pictures. Load this page again with a connection.</Trans>;
  }
}
