import { Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useSearchParams } from 'react-router';
import { get } from '@/api/http';
import { keys } from '@/api/query';
import { Title } from '@/app/Title';
import { categories } from '@/lib/categories';
import { useTyped } from '@/lib/typed';
import { Button, Card, Empty, ErrorState, Field, Loading, Select, Skeleton } from '@/ui';
import { type Day, dayRange } from './days';
import { EventCard } from './EventCard';

/** The filters as they stand in the address: a list can be bookmarked, shared and gone back to. */
function useFilters() {
  const [params, setParams] = useSearchParams();
  const all = {
    q: params.get('q') ?? '',
    city: params.get('city') ?? '',
    category: params.get('category') ?? '',
    day: (params.get('day') ?? '') as Day,
  };
  const set = (name: string, value: string) =>
    setParams(
      (now) => {
        const next = new URLSearchParams(now);
        if (value) next.set(name, value);
        else next.delete(name);
        return next;
      },
      { replace: true, preventScrollReset: true },
    );
  return { all, set, clear: () => setParams({}) };
}

export default function ListPage() {
  const { t, i18n } = useLingui();
  const { all, set, clear } = useFilters();
  const [q, setQ] = useTyped(all.q, (value) => set('q', value));
  const [city, setCity] = useTyped(all.city, (value) => set('city', value));
  const filtered = Object.values(all).some(Boolean);
  const query = {
    ...(all.q && { q: all.q }),
    ...(all.city && { city: all.city }),
    ...(all.category && { category: all.category }),
    ...dayRange(all.day),
  };
  const events = useInfiniteQuery({
    queryKey: keys.events(all),
    queryFn: ({ pageParam, signal }) =>
      get('/v1/events', { query: { ...query, limit: 24, ...(pageParam && { cursor: pageParam }) }, signal, anonymous: true }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: (before) => before,
  });
  const items = events.data?.pages.flatMap((page) => page.items) ?? [];

  const list = useRef<HTMLUListElement>(null);
  // On to the first of the next events: the button may be gone when they are there.
  const next = useRef(0);
  const more = () => {
    next.current = items.length;
    void events.fetchNextPage();
  };
  useEffect(() => {
    if (next.current === 0 || items.length <= next.current) return;
    list.current?.children[next.current]?.querySelector('a')?.focus({ preventScroll: true });
    next.current = 0;
  }, [items.length]);

  return (
    <>
      <Title>{t`Upcoming events`}</Title>
      <h1 className="text-3xl font-bold sm:text-4xl">
        <Trans>Upcoming events</Trans>
      </h1>
      <search>
        <Card className="my-5 grid grid-cols-[repeat(auto-fit,minmax(min(9rem,100%),1fr))] gap-3">
          <Field
            label={t`Search`}
            type="search"
            value={q}
            maxLength={100}
            autoComplete="off"
            onChange={(event) => setQ(event.target.value)}
          />
          <Field label={t`City`} value={city} maxLength={100} autoComplete="off" onChange={(event) => setCity(event.target.value)} />
          <Select label={t`When`} value={all.day} onChange={(event) => set('day', event.target.value)}>
            <option value="">{t`Any day`}</option>
            <option value="today">{t`Today`}</option>
            <option value="weekend">{t`This weekend`}</option>
            <option value="week">{t`Next 7 days`}</option>
            <option value="month">{t`Next 30 days`}</option>
          </Select>
          <Select label={t`Category`} value={all.category} onChange={(event) => set('category', event.target.value)}>
            <option value="">{t`All categories`}</option>
            {Object.entries(categories).map(([slug, name]) => (
              <option key={slug} value={slug}>
                {i18n._(name)}
              </option>
            ))}
          </Select>
        </Card>
      </search>
      <p role="status" className="sr-only">
        {events.isSuccess && (events.hasNextPage ? t`More than ${items.length} events` : t`${items.length} events`)}
      </p>
      {events.isPending && <Cards loading />}
      {events.isError && !events.isFetchNextPageError && <ErrorState error={events.error} retry={() => void events.refetch()} />}
      {events.isSuccess && items.length === 0 && (
        <Empty title={filtered ? t`No event fits these filters.` : t`No events are announced at the moment.`}>
          {filtered && (
            <Button look="secondary" onClick={clear}>
              <Trans>Clear the filters</Trans>
            </Button>
          )}
        </Empty>
      )}
      <ul ref={list} className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3" aria-busy={events.isFetching}>
        {items.map((event, n) => (
          <li key={event.eventId}>
            <EventCard event={event} eager={n < 3} />
          </li>
        ))}
      </ul>
      {events.hasNextPage && (
        <div className="mt-6 space-y-3 text-center">
          {events.isFetchNextPageError && <ErrorState error={events.error} />}
          <Button look="secondary" busy={events.isFetchingNextPage} onClick={more}>
            <Trans>Show more events</Trans>
          </Button>
        </div>
      )}
    </>
  );
}

function Cards({ loading }: { loading: boolean }) {
  return loading ? (
    <Loading>
      <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {['a', 'b', 'c', 'd', 'e', 'f'].map((name) => (
          <Skeleton key={name} className="h-[22rem] rounded-card" />
        ))}
      </div>
    </Loading>
  ) : null;
}
