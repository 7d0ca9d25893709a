// Tickets that were seen once are kept on this device, so that they can be shown at a door without a network. Signing out removes them.
import type { Ticket } from '@/api/types';

const KEY = 'usher.tickets';
/** As many as fit in any browser's 5 MB beside everything else; the newest stay. */
const MAX = 200;

type Kept = { user: string; tickets: Ticket[] };

function read(): Kept | undefined {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? 'null') as Kept | null) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keptTickets(user?: string): Ticket[] {
  const kept = read();
  return kept && (user === undefined || kept.user === user) ? kept.tickets : [];
}

/** Remember these; others of the same person stay, those of somebody else go. */
export function keepTickets(user: string, tickets: Ticket[]): void {
  const ids = new Set(tickets.map((ticket) => ticket.ticketId));
  const all = [...tickets, ...keptTickets(user).filter((ticket) => !ids.has(ticket.ticketId))].slice(0, MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify({ user, tickets: all } satisfies Kept));
  } catch {
    // Full or forbidden: the ticket's PDF is in the mail as well.
  }
}

export function forgetTickets(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing could be kept either.
  }
}
