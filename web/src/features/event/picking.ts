import type { Event, TicketType } from '@/api/types';

export type Picked = Record<string, number>;

export type Sale =
  | { state: 'open'; max: number }
  | { state: 'sold-out' }
  | { state: 'early'; at: string }
  | { state: 'over' }
  | { state: 'closed' };

/** At most this many tickets in one registration (the contract's). */
export const ORDER_MAX = 255;

/** What can be had of one ticket type now, by the server's clock. */
export function saleOf(event: Event, type: TicketType, now: number): Sale {
  if (event.status !== 'published' || Date.parse(event.endsAt) <= now) return { state: 'closed' };
  if (type.saleStartsAt && Date.parse(type.saleStartsAt) > now) return { state: 'early', at: type.saleStartsAt };
  if (type.saleEndsAt && Date.parse(type.saleEndsAt) <= now) return { state: 'over' };
  const max = Math.min(type.available, type.maxPerOrder ?? ORDER_MAX, type.maxPerAccount ?? ORDER_MAX);
  return max < (type.minPerOrder ?? 1) ? { state: 'sold-out' } : { state: 'open', max };
}

/** What of a choice can still be had: stock shrinks and sales end while somebody chooses. */
export function stillToHave(event: Event, picked: Picked, now: number): Picked {
  const left: Picked = {};
  for (const type of event.ticketTypes) {
    const sale = saleOf(event, type, now);
    const quantity = Math.min(picked[type.ticketTypeId] ?? 0, sale.state === 'open' ? sale.max : 0);
    if (quantity > 0) left[type.ticketTypeId] = quantity;
  }
  return left;
}

/** A choice as it stands in an address, to come back to from the checkout. */
export function pickedIn(params: URLSearchParams): Picked {
  const picked: Picked = {};
  for (const [name, value] of params) if (/^[1-9]\d{0,2}$/.test(value)) picked[name] = Math.min(Number(value), ORDER_MAX);
  return picked;
}

export function total(event: Event, picked: Picked): { quantity: number; amount: number } {
  let quantity = 0;
  let amount = 0;
  for (const type of event.ticketTypes) {
    const n = picked[type.ticketTypeId] ?? 0;
    quantity += n;
    amount += n * type.total;
  }
  return { quantity, amount };
}
