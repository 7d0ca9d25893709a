// Who is coming, as it was typed: kept in the tab, so that a reload, a session that ended or a look back at the event loses none of forty names.
import { useState } from 'react';

export type Guest = { name: string; email: string };
export type Guests = { named: boolean; of: Record<string, Guest> };

const KEY = 'usher.guests';

function read(eventId: string): Guests {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as (Guests & { eventId: string }) | null;
    if (kept?.eventId === eventId) return { named: kept.named, of: kept.of };
  } catch {
    // No storage, or nothing that we wrote.
  }
  return { named: false, of: {} };
}

export function useGuests(eventId: string) {
  const [guests, setGuests] = useState(() => read(eventId));
  const change = (next: Guests) => {
    setGuests(next);
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ eventId, ...next }));
    } catch {
      // No storage: they live as long as the page.
    }
  };
  return [guests, change] as const;
}

/** The order has them. */
export function forgetGuests(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There was nothing to forget.
  }
}
