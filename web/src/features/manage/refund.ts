// What a refund will give back and cancel, said before it is asked for. The server reckons; this only foretells, and says where it cannot to the last unit.
import type { Registration, Ticket } from '@/api/types';

export type Choice = { kind: 'all' } | { kind: 'tickets'; tickets: Ticket[] } | { kind: 'amount'; amount: number };

/** `about`: tickets of a line whose sum is not divisible differ by one least unit. */
export type Forecast = { amount: number; tickets: number; about: boolean };

/** What `{}` gives back: all but what the buyer was kept before. By amount that may be given too. */
export const leftOf = ({ amount, refundedAmount, refundFeeAmount }: Registration) => amount - refundedAmount - (refundFeeAmount ?? 0);
export const mostOf = ({ amount, refundedAmount }: Registration) => amount - refundedAmount;

export function foretell(registration: Registration, open: Ticket[], choice: Choice): Forecast {
  const left = leftOf(registration);
  switch (choice.kind) {
    case 'all':
      return { amount: left, tickets: open.length, about: false };
    case 'amount':
      // All that is left is the whole registration: its tickets go with it.
      return { amount: choice.amount, tickets: choice.amount === mostOf(registration) ? open.length : 0, about: false };
    case 'tickets': {
      let amount = 0;
      let about = false;
      for (const ticket of choice.tickets) {
        const line = registration.items.find((item) => item.ticketTypeId === ticket.ticketTypeId);
        if (!line) continue;
        amount += Math.floor(line.total / line.quantity);
        about ||= line.total % line.quantity !== 0;
      }
      if (choice.tickets.length === open.length && amount >= left - choice.tickets.length)
        return { amount: left, tickets: open.length, about: false };
      return { amount: Math.min(amount, left), tickets: choice.tickets.length, about };
    }
  }
}
