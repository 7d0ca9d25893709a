// An edited event that was not saved yet is kept in this tab, so that a closed page or a signed-out session costs nobody their text.
import { type Draft, rebase } from './draft';

const key = (name: string) => `usher.draft.${name}`;

type Kept = { draft: Draft; before: Draft };

/** Keep the draft, and beside it what it was made from. */
export function keep(name: string, draft: Draft, before: Draft): void {
  try {
    sessionStorage.setItem(key(name), JSON.stringify({ draft, before } satisfies Kept));
  } catch {
    // No storage, or it is full: the page still warns before it is left.
  }
}

/** The kept draft, on top of what the event is now: what somebody else changed meanwhile is not undone by it. */
export function kept(name: string, now: Draft): Draft | undefined {
  try {
    const found = JSON.parse(sessionStorage.getItem(key(name)) ?? 'null') as Kept | null;
    return found ? rebase(found.draft, found.before, now) : undefined;
  } catch {
    return undefined;
  }
}

export function forget(name: string): void {
  try {
    sessionStorage.removeItem(key(name));
  } catch {
    // Then nothing was kept either.
  }
}
