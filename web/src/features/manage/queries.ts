// What the organizer's pages ask the server, in one place.
import { useQuery } from '@tanstack/react-query';
import { call } from '@/api/http';
import { keys, queries } from '@/api/query';
import type { Event } from '@/api/types';

/** An event with the ETag that its next change names. */
export type Edition = { event: Event; etag: string };

/** Figures are at most this old while their page is open. */
export const LIVE_MS = 5000;

const editionKey = (eventId: string) => ['edition', eventId] as const;

export async function fetchEdition(eventId: string, signal?: AbortSignal): Promise<Edition> {
  const answer = await call('get', '/v1/events/{eventId}', { path: { eventId }, signal });
  return { event: answer.data, etag: String(answer.headers.etag ?? '') };
}

export const codesKey = (eventId: string) => ['codes', eventId] as const;

/** The event as those who run it see it: hidden ticket types too. */
export function useEdition(eventId: string) {
  return useQuery({ queryKey: editionKey(eventId), queryFn: ({ signal }) => fetchEdition(eventId, signal) });
}

/** After a change of the event: whatever shows it asks again. */
export function eventChanged(eventId: string): Promise<unknown> {
  return Promise.all([
    queries.invalidateQueries({ queryKey: editionKey(eventId) }),
    queries.invalidateQueries({ queryKey: keys.event(eventId) }),
    queries.invalidateQueries({ queryKey: keys.stats(eventId) }),
    queries.invalidateQueries({ queryKey: ['my-events'] }),
  ]);
}
