// React Query: keys in one place, and the rule for trying again.
import { QueryClient } from '@tanstack/react-query';
import { boot } from '@/lib/boot';
import { ApiError } from './errors';

export const keys = {
  events: (filters: Record<string, string>) => ['events', filters] as const,
  /** With a code there may be more in it; both go stale by the id. */
  event: (id: string, code?: string | null) => (code ? ['event', id, code] : ['event', id]),
  registrations: ['registrations'] as const,
  registration: (id: string) => ['registration', id] as const,
  tickets: (filters: Record<string, string>) => ['tickets', filters] as const,
  ticket: (id: string) => ['ticket', id] as const,
  mine: (status: string) => ['my-events', status] as const,
  stats: (id: string) => ['stats', id] as const,
  eventRegistrations: (id: string, filters: Record<string, string>) => ['event-registrations', id, filters] as const,
  me: (what: string) => ['me', what] as const,
};

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (failures, error) => failures < 3 && error instanceof ApiError && error.passing,
      retryDelay: (attempt, error) => ((error instanceof ApiError && error.retryAfter) || Math.min(2 ** attempt, 10)) * 1000,
    },
    mutations: { retry: false },
  },
});

if (boot.event) queries.setQueryData(keys.event(boot.event.eventId), boot.event);
