// The service worker that lets the scanner open without a network.
import { useEffect, useState } from 'react';
import { WORKER } from '@/lib/offline';

const SCOPE = '/scan';

/**
 * `ready`: the scanner opens without a network from now on. `update`: a newer version waits; it takes effect, with a reload, when this is called and
 * never by itself, for that could be in the middle of a queue.
 */
export function useOffline(): { ready: boolean; update?: () => void } {
  const [ready, setReady] = useState(false);
  const [waiting, setWaiting] = useState<ServiceWorker>();
  useEffect(() => {
    const workers = navigator.serviceWorker;
    let gone = false;
    workers
      ?.register(WORKER, { scope: SCOPE })
      .then((registration) => {
        const look = () => {
          if (gone) return;
          setReady(!!registration.active);
          setWaiting(registration.active ? (registration.waiting ?? undefined) : undefined);
        };
        const watch = () => registration.installing?.addEventListener('statechange', look);
        look();
        watch();
        registration.addEventListener('updatefound', watch);
      })
      // Without it the scanner still works while there is a network.
      .catch(() => undefined);
    return () => {
      gone = true;
    };
  }, []);
  const update = () => {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting?.postMessage({ type: 'SKIP_WAITING' });
  };
  return { ready, update: waiting && update };
}
