// What giving tickets back would bring, by the event's policy. The server reckons it again when it is asked; here it is what the buyer is told before.
import type { Event, RegistrationDetail, Ticket } from '@/api/types';
import { minorDigits } from '@/lib/money';

export type Refund = { back: number; kept: number; exact: boolean };

/** May its buyer give tickets back now, by himself? */
export function mayGiveBack(event: Event, order: RegistrationDetail, now: number): boolean {
  const { refundUntil } = event;
  return order.status === 'confirmed' && !order.disputed && event.status !== 'cancelled' && !!refundUntil && now < Date.parse(refundUntil);
}

/** Of these tickets; `all` says that none of the order's stays. */
export function refundOf(event: Event, order: RegistrationDetail, tickets: Ticket[], all: boolean): Refund {
  const left = order.amount - order.refundedAmount - (order.refundFeeAmount ?? 0);
  let exact = true;
  let price = 0;
  for (const ticket of tickets) {
    const item = order.items.find((one) => one.ticketTypeId === ticket.ticketTypeId);
    if (!item) continue;
    // The odd cents of a line are on some of its tickets; which, the server knows.
    if (item.total % item.quantity !== 0) exact = false;
    price += item.total / item.quantity;
  }
  price = all ? left : Math.min(Math.round(price), left);
  const percent = event.refundFeePercent ?? 0;
  const back = price - Math.floor((price * percent + 50) / 100);
  // Of thousandths the card networks move none (docs/prices.md).
  const moved = minorDigits(order.currency) === 3 ? back - (back % 10) : back;
  return { back: moved, kept: price - moved, exact: all || exact };
}
