// The service worker that lets a part of the app open without a network (vite.config.ts: it gives the frame to that part's pages and to no others).

export const WORKER = '/offline-worker.js';

/** From the next load on, pages under this path open without a network. A newer version takes over at the next load, too. */
export async function worksOffline(scope: '/tickets'): Promise<void> {
  try {
    const registration = await navigator.serviceWorker.register(WORKER, { scope });
    registration.waiting?.postMessage({ type: 'SKIP_WAITING' });
  } catch {
    // No workers here, or not for this visitor: the pages work as long as there is a network.
  }
}
