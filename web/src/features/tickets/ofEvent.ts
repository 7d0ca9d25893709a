import { useQuery } from '@tanstack/react-query';
import { get } from '@/api/http';
import { keys } from '@/api/query';
import type { Ticket } from '@/api/types';

/** All of one's tickets of an event; an order may have more of them than a page of the list. */
async function ticketsOf(eventId: string, signal: AbortSignal): Promise<Ticket[]> {
  const all: Ticket[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await get('/v1/tickets', { query: { eventId, limit: 100, ...(cursor && { cursor }) }, signal });
    all.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return all;
}

export function useTicketsOf(eventId: string) {
  return useQuery({
    queryKey: keys.tickets({ eventId }),
    queryFn: ({ signal }) => ticketsOf(eventId, signal),
    enabled: eventId !== '',
  });
}
