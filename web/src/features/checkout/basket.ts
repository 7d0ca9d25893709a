// What is being bought stands in the address (type ids and how many of each), so that a reload, a sign-in in between or a shared link keep it.
import type { Event } from '@/api/types';

export type Line = { ticketTypeId: string; name: string; price: number; quantity: number };

export function basketOf(event: Event, params: URLSearchParams): Line[] {
  return event.ticketTypes.flatMap((type) => {
    const quantity = Number(params.get(type.ticketTypeId) ?? 0);
    return Number.isInteger(quantity) && quantity > 0 && quantity <= 255
      ? [{ ticketTypeId: type.ticketTypeId, name: type.name, price: type.total, quantity }]
      : [];
  });
}

export const amountOf = (lines: Line[]) => lines.reduce((sum, line) => sum + line.price * line.quantity, 0);
export const quantityOf = (lines: Line[]) => lines.reduce((sum, line) => sum + line.quantity, 0);

const KEY = 'usher.checkout';

type Kept = { for: string; key: string };

/**
 * The Idempotency-Key of one order. A double click, a reload while the answer is on its way, or a second try after a cut connection asks for the
 * same registration again; another basket, or a new order after this one, has another key. It lives as long as the tab.
 */
export function orderKey(what: string, make: () => string): string {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Kept | null;
    if (kept?.for === what) return kept.key;
    const key = make();
    sessionStorage.setItem(KEY, JSON.stringify({ for: what, key } satisfies Kept));
    return key;
  } catch {
    return make();
  }
}

/** The order was answered: the next one is a new one. */
export function forgetOrderKey(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // No storage: there was nothing to forget.
  }
}
