// What things cost before anybody buys: an event with what a code opens, and the exact sum of an order.
import { useQuery } from '@tanstack/react-query';
import { ApiError } from './errors';
import { get, post } from './http';
import { keys } from './query';
import type { Event } from './types';

export type Item = { ticketTypeId: string; quantity: number };

/** Not again by itself: each wrong code counts against whoever tries many. */
export const tryAgain = (failures: number, error: Error) =>
  failures < 2 && error instanceof ApiError && error.passing && error.status !== 429;

/** The query of an event as everybody sees it, and the hidden types that a code opens; a code that is not good opens none. */
export function eventWith(eventId: string, code: string | null | undefined) {
  const plain = (signal: AbortSignal) => get('/v1/events/{eventId}', { path: { eventId }, signal, anonymous: true });
  if (!code) return { queryKey: keys.event(eventId), queryFn: ({ signal }: { signal: AbortSignal }) => plain(signal) };
  return {
    queryKey: [...keys.event(eventId, code), 'basket'],
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<Event> =>
      get('/v1/events/{eventId}', { path: { eventId }, query: { code }, signal }).catch((error) => {
        if (error instanceof ApiError && [409, 422, 429].includes(error.status)) return plain(signal);
        throw error;
      }),
  };
}

/** The exact sum of an order, by the server's own reckoning. Nothing is held. */
export function useQuote(eventId: string, items: Item[], code: string, enabled = true) {
  return useQuery({
    queryKey: ['quote', eventId, items, code],
    queryFn: ({ signal }) => post('/v1/price-quotes', { body: { eventId, items, ...(code && { discountCode: code }) }, signal }),
    enabled: enabled && items.length > 0,
    retry: tryAgain,
    refetchOnWindowFocus: false,
  });
}

/** A discount code as it stands in an address. */
export const codeOf = (params: URLSearchParams) => (params.get('code') ?? '').trim().slice(0, 40);
