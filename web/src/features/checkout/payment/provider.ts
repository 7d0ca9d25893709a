// What every way of paying has in common. The server picks the provider; a page never falls back to another.

import { useEffect } from 'react';

/** What came of a try, as far as the page can know. Whatever it is, the order itself is asked of our server. */
export type Outcome =
  | { kind: 'taken' } // succeeded, or on its way: ask the server
  | { kind: 'declined'; message: string }
  | { kind: 'unknown'; message: string };

/** A page that the browser kept while the buyer was at the bank comes back as it was: busy, and nobody to end that. */
export function useBackFromBank(again: () => void): void {
  useEffect(() => {
    const shown = (event: PageTransitionEvent) => event.persisted && again();
    window.addEventListener('pageshow', shown);
    return () => window.removeEventListener('pageshow', shown);
  }, [again]);
}

/** Longer than any script should take; a script that hangs must not leave an empty box for ever. */
export const LOAD_MS = 8000;

export function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('timed out')), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
