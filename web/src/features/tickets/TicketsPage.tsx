import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Link } from 'react-router';
import { get } from '@/api/http';
import { keys } from '@/api/query';
import type { Ticket } from '@/api/types';
import { SignedIn } from '@/app/guard';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';
import { serverNow } from '@/lib/clock';
import { ticketsWorkOffline } from '@/lib/offline';
import { Badge, Button, ButtonLink, Card, Empty, ErrorState, EventTime, Loading, Notice } from '@/ui';
import { Holds } from './Holds';
import { keepTickets, keptTickets } from './kept';

export default function TicketsPage() {
  const { t } = useLingui();
  return (
    <>
      <Title>{t`My tickets`}</Title>
      <h1 className="mb-5 text-3xl font-bold">
        <Trans>My tickets</Trans>
      </h1>
      <SignedIn>
        {(user) => (
          <div className="space-y-6">
            <Holds />
            <Tickets user={user} />
          </div>
        )}
      </SignedIn>
    </>
  );
}

type Group = { event: Ticket['event']; eventId: string; tickets: Ticket[] };

/** One entry an event, in the order in which they come. */
function byEvent(tickets: Ticket[]): Group[] {
  const groups = new Map<string, Group>();
  for (const ticket of tickets) {
    const group = groups.get(ticket.eventId) ?? { event: ticket.event, eventId: ticket.eventId, tickets: [] };
    group.tickets.push(ticket);
    groups.set(ticket.eventId, group);
  }
  return [...groups.values()];
}

/** An event is past half a day after its start: the API's ticket does not say when it ends. */
const PAST_MS = 12 * 3_600_000;

function Tickets({ user }: { user: User }) {
  const tickets = useInfiniteQuery({
    queryKey: keys.tickets({}),
    queryFn: ({ pageParam, signal }) => get('/v1/tickets', { query: { limit: 100, ...(pageParam && { cursor: pageParam }) }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });
  const seen = tickets.data?.pages;
  const all = seen?.flatMap((page) => page.items) ?? keptTickets(user.sub);
  const { t } = useLingui();
  useEffect(() => void ticketsWorkOffline(), []);
  useEffect(() => {
    if (seen)
      keepTickets(
        user.sub,
        seen.flatMap((page) => page.items),
      );
  }, [seen, user.sub]);

  if (tickets.isPending && all.length === 0) return <Loading />;
  if (tickets.isError && all.length === 0) return <ErrorState error={tickets.error} retry={() => void tickets.refetch()} />;
  if (all.length === 0)
    return (
      <Empty title={<Trans>You have no tickets yet.</Trans>}>
        <ButtonLink to="/">
          <Trans>Find an event</Trans>
        </ButtonLink>
      </Empty>
    );
  const groups = byEvent(all);
  const now = serverNow();
  const isPast = (group: Group) => Date.parse(group.event.startsAt) + PAST_MS < now;
  const upcoming = groups.filter((group) => !isPast(group)).sort((a, b) => a.event.startsAt.localeCompare(b.event.startsAt));
  const past = groups.filter(isPast).sort((a, b) => b.event.startsAt.localeCompare(a.event.startsAt));
  return (
    <div className="space-y-8">
      {(tickets.isError || tickets.isPaused || tickets.failureCount > 0) && (
        <Notice tone="warn" title={t`You are offline. These are your tickets as they were seen last.`}>
          <Button look="secondary" className="mt-3" busy={tickets.isFetching} onClick={() => void tickets.refetch()}>
            <Trans>Try again</Trans>
          </Button>
        </Notice>
      )}
      <Section title={<Trans>Upcoming</Trans>} groups={upcoming} />
      <Section title={<Trans>Past</Trans>} groups={past} />
      {tickets.hasNextPage && (
        <Button look="secondary" busy={tickets.isFetchingNextPage} onClick={() => void tickets.fetchNextPage()}>
          <Trans>Show more</Trans>
        </Button>
      )}
    </div>
  );
}

function Section({ title, groups }: { title: React.ReactNode; groups: Group[] }) {
  if (groups.length === 0) return null;
  return (
    <section>
      <h2 className="mb-3 text-xl font-bold">{title}</h2>
      <ul className="grid gap-4 md:grid-cols-2">
        {groups.map((group) => (
          <li key={group.eventId}>
            <EventTickets group={group} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function EventTickets({ group }: { group: Group }) {
  const good = group.tickets.filter((ticket) => ticket.status !== 'cancelled').length;
  return (
    <Card className="h-full">
      <h3 className="text-lg font-bold" dir="auto">
        {group.event.title}
      </h3>
      <p>
        <EventTime at={group.event.startsAt} zone={group.event.timezone} />
      </p>
      <p className="text-muted">{[group.event.venue?.name, group.event.venue?.city].filter(Boolean).join(', ')}</p>
      <p className="mt-2 font-semibold">
        <Plural value={good} _0="No valid ticket" one="# ticket" other="# tickets" />
      </p>
      <ul className="mt-2 divide-y divide-border">
        {group.tickets.map((ticket, n) => (
          <li key={ticket.ticketId}>
            <Link to={`/tickets/${ticket.ticketId}`} className="flex min-h-11 items-center justify-between gap-3 py-2 no-underline">
              <span className="min-w-0 underline underline-offset-4">{ticket.attendeeName ?? <Trans>Ticket {n + 1}</Trans>}</span>
              <StatusBadge status={ticket.status} />
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function StatusBadge({ status }: { status: Ticket['status'] }) {
  if (status === 'used')
    return (
      <Badge>
        <Trans>Used</Trans>
      </Badge>
    );
  if (status === 'cancelled')
    return (
      <Badge tone="bad">
        <Trans>Cancelled</Trans>
      </Badge>
    );
  return (
    <Badge tone="ok">
      <Trans>Valid</Trans>
    </Badge>
  );
}
