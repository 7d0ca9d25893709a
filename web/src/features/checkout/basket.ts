// What is being bought stands in the address (type ids and how many of each), so that a reload, a sign-in in between or a shared link keep it.
import type { Event, Registration } from '@/api/types';

export type Line = { ticketTypeId: string; name: string; quantity: number };

export function basketOf(event: Event, params: URLSearchParams): Line[] {
  return event.ticketTypes.flatMap((type) => {
    const quantity = Number(params.get(type.ticketTypeId) ?? 0);
    return Number.isInteger(quantity) && quantity > 0 && quantity <= 255
      ? [{ ticketTypeId: type.ticketTypeId, name: type.name, quantity }]
      : [];
  });
}

/** What an order comes to, as the server says it of a quote and of a registration. */
export type Sums = Pick<Registration, 'discountCode' | 'subtotal' | 'discount' | 'fees' | 'tax' | 'amount'> & {
  items: { ticketTypeId: string; quantity: number; unitPrice: number }[];
};

/** The same from the event's own prices: exact as long as there is no code. */
export function plainSums(event: Event, lines: Line[]): Sums {
  const sums: Sums = { items: [], discountCode: null, subtotal: 0, discount: 0, fees: 0, tax: 0, amount: 0 };
  for (const { ticketTypeId, quantity } of lines) {
    const type = event.ticketTypes.find((one) => one.ticketTypeId === ticketTypeId);
    if (!type) continue;
    sums.items.push({ ticketTypeId, quantity, unitPrice: type.price });
    sums.subtotal += type.price * quantity;
    sums.fees += type.fee * quantity;
    sums.tax += type.tax * quantity;
    sums.amount += type.total * quantity;
  }
  return sums;
}

/** A basket as it stands in an address, with its code. */
export function basketQuery(items: { ticketTypeId: string; quantity: number }[], code: string | null): URLSearchParams {
  const params = new URLSearchParams(items.map((item) => [item.ticketTypeId, String(item.quantity)]));
  if (code) params.set('code', code);
  return params;
}

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
