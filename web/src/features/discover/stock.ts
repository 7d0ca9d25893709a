// What a card says of an event's tickets: what the cheapest that can be had costs, and whether there is any haste.
import type { Event, TicketType } from '@/api/types';

export type Stock = 'none' | 'few' | 'plenty' | 'early' | 'over';

const begun = (type: TicketType, now: number) => !type.saleStartsAt || Date.parse(type.saleStartsAt) <= now;
const over = (type: TicketType, now: number) => Boolean(type.saleEndsAt && Date.parse(type.saleEndsAt) <= now);

/** Few are left when it is under a tenth of the seats, and at most 20. */
export function stockOf(event: Event, now: number): Stock {
  const coming = event.ticketTypes.filter((type) => !over(type, now));
  if (event.ticketTypes.length > 0 && coming.length === 0) return 'over';
  // Types that together have more than the event share its seats: then what is left of one is left of all.
  const shared = event.ticketTypes.reduce((sum, type) => sum + type.quantity, 0) > event.capacity;
  const left = coming.reduce((all, type) => (shared ? Math.max(all, type.available) : all + type.available), 0);
  if (left === 0) return 'none';
  if (!coming.some((type) => begun(type, now) && type.available > 0)) return 'early';
  return left <= Math.min(20, event.capacity / 10) ? 'few' : 'plenty';
}

/** The least and the most that a ticket costs: of those that can still be had, else of all. Undefined when every type is hidden. */
export function pricesOf(event: Event, now: number): { least: number; most: number } | undefined {
  const still = event.ticketTypes.filter((type) => type.available > 0 && !over(type, now));
  const prices = (still.length > 0 ? still : event.ticketTypes).map((type) => type.total);
  return prices.length > 0 ? { least: Math.min(...prices), most: Math.max(...prices) } : undefined;
}
