import { Trans, useLingui } from '@lingui/react/macro';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { Title } from '@/app/Title';
import { serverNow } from '@/lib/clock';
import { Button, ErrorState, Loading } from '@/ui';
import { openStore, type Setup, type Store } from './db';
import { AFTER_END_MS } from './engine';
import { useOnly } from './only';
import { Screen } from './Screen';
import { StartScreen } from './StartScreen';
import { Scanner } from './scanner';

// A phone is set up once and scans for days: what only that needs is fetched apart.
const ClaimScreen = lazy(() => import('./ClaimScreen'));
const SetupScreen = lazy(() => import('./SetupScreen'));
// Comes while the list does.
const gateScreen = () => import('./GateScreen');
const GateScreen = lazy(() => gateScreen().then((module) => ({ default: module.GateScreen })));

/** The code of a device's QR code stands in the fragment, which no server's log sees (src/gate/device_routes.c). */
const codeIn = (hash: string) => new URLSearchParams(hash.slice(1)).get('claim') ?? undefined;

/** Names do not stay on a phone longer than they are of use. */
async function forgetOld(store: Store): Promise<void> {
  const setup = await store.get('setup');
  if (!setup || serverNow() < Date.parse(setup.event.endsAt) + AFTER_END_MS) return;
  if ((await store.counts(setup.event.eventId)).queued === 0) await store.forget();
}

export default function ScanPage() {
  const { t } = useLingui();
  const [store, setStore] = useState<Store>();
  const [fault, setFault] = useState<unknown>();
  const { taken, take } = useOnly();
  useEffect(() => {
    openStore()
      .then(async (opened) => {
        await forgetOld(opened);
        setStore(opened);
      })
      .catch(setFault);
    // Else the phone may drop what waits to be handed in when its storage is short.
    void navigator.storage?.persist?.();
  }, []);
  return (
    <>
      <Title>{t`Gate scanner`}</Title>
      {fault ? (
        <Screen title={<Trans>This browser keeps nothing</Trans>}>
          <p className="mb-3">
            <Trans>The scanner has to keep its list on this phone. Leave private browsing, or allow this site to store data.</Trans>
          </p>
          <ErrorState error={fault} retry={() => location.reload()} />
        </Screen>
      ) : taken ? (
        <Screen title={<Trans>The scanner is open in another tab</Trans>}>
          <p>
            <Trans>Only one tab of a phone scans at a time. What this one has scanned is kept.</Trans>
          </p>
          <Button onClick={take} className="min-h-14">
            <Trans>Scan in this tab</Trans>
          </Button>
        </Screen>
      ) : store ? (
        <Suspense fallback={<Loading />}>
          <Choose store={store} />
        </Suspense>
      ) : (
        <Screen title={<Trans>Gate scanner</Trans>}>
          <Loading />
        </Screen>
      )}
    </>
  );
}

/** Claim, set up, start, scan: where this phone stands. */
function Choose({ store }: { store: Store }) {
  const { hash } = useLocation();
  const navigate = useNavigate();
  const [setup, setSetup] = useState<Setup | null>();
  const [scanner, setScanner] = useState<Scanner>();
  const [started, setStarted] = useState(false);
  const code = codeIn(hash);

  const load = useCallback(async () => {
    const kept = (await store.get('setup')) ?? null;
    setStarted(false);
    setSetup(kept);
    setScanner(kept ? new Scanner(kept, store) : undefined);
  }, [store]);
  useEffect(() => void load(), [load]);
  useEffect(() => {
    if (setup) gateScreen().catch(() => undefined);
  }, [setup]);

  const claimed = async () => {
    await load();
    navigate('/scan', { replace: true });
  };
  const leave = async () => {
    await store.forget();
    await load();
  };
  if (code)
    return <ClaimScreen store={store} code={code} onDone={() => void claimed()} onCancel={() => navigate('/scan', { replace: true })} />;
  if (setup === undefined) return <Loading />;
  if (!setup || !scanner) return <SetupScreen store={store} onDone={() => void load()} />;
  if (!started) return <StartScreen scanner={scanner} onStart={() => setStarted(true)} onLeave={() => void leave()} />;
  return <GateScreen scanner={scanner} store={store} onStop={() => setStarted(false)} />;
}
