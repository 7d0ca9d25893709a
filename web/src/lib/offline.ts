// The service workers that let a part of the app open without a network (vite.config.ts: each gives the frame to its part's pages and to no others).

/** The scanner's. */
export const WORKER = '/offline-worker.js';

/** From the next load on, one's tickets open without a network. A newer version takes over at the next load, too. */
export async function ticketsWorkOffline(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker.register('/tickets-worker.js', { scope: '/tickets' });
    registration.waiting?.postMessage({ type: 'SKIP_WAITING' });
  } catch {
    // No workers here, or not for this visitor: the pages work as long as there is a network.
  }
}
