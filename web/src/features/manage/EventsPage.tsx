import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { get } from '@/api/http';
import { keys } from '@/api/query';
import type { Event, MyEvent, StaffOfEvent } from '@/api/types';
import { SignedIn } from '@/app/guard';
import { useSession } from '@/app/session';
import { Title } from '@/app/Title';
import { Button, ButtonLink, buttonClass, Card, Empty, ErrorState, EventTime, Loading, Notice, Select } from '@/ui';
import { EventStatus, isOrganizer, Meter, useCount } from './parts';

const statuses = ['draft', 'published', 'cancelled', 'ended'] as const;
type Status = (typeof statuses)[number];

export default function EventsPage() {
  const { t } = useLingui();
  return (
    <>
      <Title>{t`My events`}</Title>
      <SignedIn>
        {(user) => (
          <>
            <div className="mb-5 flex flex-wrap items-center justify-between gap-3">
              <h1 className="text-3xl font-bold">
                <Trans>My events</Trans>
              </h1>
              {isOrganizer(user) && (
                <ButtonLink to="/manage/new">
                  <Trans>New event</Trans>
                </ButtonLink>
              )}
            </div>
            {isOrganizer(user) ? <Own /> : <HowToOrganize />}
            <Helping />
          </>
        )}
      </SignedIn>
    </>
  );
}

function HowToOrganize() {
  const { t } = useLingui();
  const { leave } = useSession();
  const signUp = '/auth/sign-up?role=organizer&next=%2Fmanage';
  return (
    <Notice title={t`Your account buys tickets; it does not put on events.`}>
      <p className="mt-1">
        <Trans>
          To make events of your own, create an account as an organizer, under another e-mail address. Or ask whoever runs this site to make
          this account an organizer; sign in again afterwards.
        </Trans>
      </p>
      <Link to={signUp} className={buttonClass('secondary', 'mt-3')} onClick={() => void leave()}>
        <Trans>Sign out and create an organizer's account</Trans>
      </Link>
    </Notice>
  );
}

function Own() {
  const { t } = useLingui();
  const [params, setParams] = useSearchParams();
  const status = statuses.find((name) => name === params.get('status'));
  const names: Record<Status, string> = { draft: t`Drafts`, published: t`Published`, cancelled: t`Cancelled`, ended: t`Over` };
  const events = useInfiniteQuery({
    queryKey: keys.mine(status ?? ''),
    queryFn: ({ pageParam, signal }) =>
      get('/v1/my-events', { query: { limit: 24, ...(status && { status }), ...(pageParam && { cursor: pageParam }) }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: (before) => before,
  });
  const items = events.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Select
        label={t`Show`}
        className="mb-4 max-w-60"
        value={status ?? ''}
        onChange={({ target }) => setParams(target.value ? { status: target.value } : {}, { replace: true })}
      >
        <option value="">{t`All events`}</option>
        {statuses.map((name) => (
          <option key={name} value={name}>
            {names[name]}
          </option>
        ))}
      </Select>
      {events.isPending && <Loading />}
      {events.isError && <ErrorState error={events.error} retry={() => void events.refetch()} />}
      {events.isSuccess && items.length === 0 && (
        <Empty title={status ? t`No event has this status.` : t`You have no events yet.`}>
          {!status && (
            <p>
              <Trans>Make a draft first: nobody sees it until you publish it.</Trans>
            </p>
          )}
        </Empty>
      )}
      <ul className="grid gap-4 md:grid-cols-2" aria-busy={events.isFetching}>
        {items.map((event) => (
          <li key={event.eventId}>
            <OwnEvent event={event} />
          </li>
        ))}
      </ul>
      {events.hasNextPage && (
        <div className="mt-6 text-center">
          <Button look="secondary" busy={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
            <Trans>Show more events</Trans>
          </Button>
        </div>
      )}
    </>
  );
}

function EventHead({ event, to }: { event: Event; to: string }) {
  return (
    <>
      <div className="flex flex-wrap items-start justify-between gap-2">
        <h2 className="min-w-0 text-lg font-bold break-words">
          <Link to={to} className="inline-flex min-h-11 items-center">
            {event.title}
          </Link>
        </h2>
        <EventStatus status={event.status} />
      </div>
      <p>
        <EventTime at={event.startsAt} zone={event.timezone} />
      </p>
    </>
  );
}

function OwnEvent({ event }: { event: MyEvent }) {
  const count = useCount();
  const { held } = event.counts;
  const sold = count(event.counts.sold);
  const capacity = count(event.capacity);
  const { title } = event;
  return (
    <Card className="h-full">
      <EventHead event={event} to={`/manage/${event.eventId}`} />
      <p className="mt-2 flex justify-between gap-3">
        <span>
          <Trans>
            {sold} of {capacity} sold
          </Trans>
        </span>
        {held > 0 && (
          <span className="text-muted">
            <Plural value={held} one="# in a checkout" other="# in checkouts" />
          </span>
        )}
      </p>
      <Meter value={event.counts.sold} of={event.capacity} className="mt-1" />
      <div className="mt-3 flex flex-wrap gap-2">
        <ButtonLink look="secondary" to={`/manage/${event.eventId}/edit`}>
          <Trans>Edit</Trans>
          <span className="sr-only"> {title}</span>
        </ButtonLink>
        <ButtonLink look="quiet" to={`/manage/new?from=${event.eventId}`}>
          <Trans>Duplicate</Trans>
          <span className="sr-only"> {title}</span>
        </ButtonLink>
      </div>
    </Card>
  );
}

/** The events of others at which one works: a manager's pages are these too, a gate's is the scanner. */
function Helping() {
  const staff = useInfiniteQuery({
    queryKey: keys.me('staff'),
    queryFn: ({ pageParam, signal }) => get('/v1/me/staff', { query: { limit: 100, ...(pageParam && { cursor: pageParam }) }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });
  const items = staff.data?.pages.flatMap((page) => page.items) ?? [];
  if (items.length === 0) return null;
  return (
    <section className="mt-10">
      <h2 className="mb-3 text-2xl font-bold">
        <Trans>Events where you help</Trans>
      </h2>
      <ul className="grid gap-4 md:grid-cols-2">
        {items.map((one) => (
          <li key={one.staffId}>
            <HelpedEvent staff={one} />
          </li>
        ))}
      </ul>
      {staff.hasNextPage && (
        <Button look="secondary" className="mt-4" busy={staff.isFetchingNextPage} onClick={() => void staff.fetchNextPage()}>
          <Trans>Show more events</Trans>
        </Button>
      )}
    </section>
  );
}

function HelpedEvent({ staff: { role, event } }: { staff: StaffOfEvent }) {
  return (
    <Card className="h-full">
      <EventHead event={event} to={role === 'manager' ? `/manage/${event.eventId}` : `/e/${event.eventId}`} />
      <div className="mt-3 flex flex-wrap gap-2">
        {role === 'manager' && (
          <ButtonLink look="secondary" to={`/manage/${event.eventId}`}>
            <Trans>Manage</Trans>
          </ButtonLink>
        )}
        <ButtonLink look="secondary" to={`/scan/${event.eventId}`} reloadDocument>
          <Trans>Open the scanner</Trans>
        </ButtonLink>
      </div>
    </Card>
  );
}
