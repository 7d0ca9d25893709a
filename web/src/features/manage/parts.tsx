import { Trans, useLingui } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import { Link, NavLink, useParams } from 'react-router';
import type { Event } from '@/api/types';
import { SignedIn } from '@/app/guard';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';
import { Badge, cx, ErrorState, EventTime, Loading } from '@/ui';
import { type Edition, useEdition } from './queries';

export function EventStatus({ status }: { status: Event['status'] }) {
  switch (status) {
    case 'draft':
      return (
        <Badge tone="warn">
          <Trans>Draft</Trans>
        </Badge>
      );
    case 'published':
      return (
        <Badge tone="ok">
          <Trans>Published</Trans>
        </Badge>
      );
    case 'cancelled':
      return (
        <Badge tone="bad">
          <Trans>Cancelled</Trans>
        </Badge>
      );
    case 'ended':
      return (
        <Badge>
          <Trans>Over</Trans>
        </Badge>
      );
  }
}

/** Makes events: by the groups in the token, as the server sees it. */
export const isOrganizer = (user: User) => user.groups.includes('Organizers') || user.groups.includes('Admins');

/** Runs this event as its own: appoints managers, cancels it, sees its money. Everybody else who may be here is a manager. */
export const isOwner = (user: User, event: Event) => user.sub === event.organizerId || user.groups.includes('Admins');

/** Whole numbers as one reads them: 10,080. */
export function useCount(): (value: number) => string {
  const { i18n } = useLingui();
  return (value) => value.toLocaleString(i18n.locale);
}

const tab =
  'inline-flex min-h-11 items-center whitespace-nowrap rounded-[0.625rem] px-3 no-underline hover:bg-surface-2 aria-[current=page]:bg-accent-soft aria-[current=page]:font-semibold';

type FrameProps = { title: string; children: (edition: Edition, user: User) => ReactNode };

/** What stands above each page about one event: its name, its state, and the way to the other pages. */
export function EventFrame({ title, children }: FrameProps) {
  const { eventId = '' } = useParams();
  return (
    <SignedIn>
      {(user) => (
        <Framed eventId={eventId} user={user} title={title}>
          {children}
        </Framed>
      )}
    </SignedIn>
  );
}

function Framed({ eventId, user, title, children }: FrameProps & { eventId: string; user: User }) {
  const edition = useEdition(eventId);
  if (edition.isPending) return <Loading />;
  if (edition.isError && !edition.data) return <ErrorState error={edition.error} retry={() => void edition.refetch()} />;
  const { event } = edition.data;
  return (
    <>
      <Title>{`${title} · ${event.title}`}</Title>
      <p>
        <Link to="/manage" className="inline-flex min-h-11 items-center">
          <Trans>All my events</Trans>
        </Link>
      </p>
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="min-w-0 text-2xl font-bold break-words sm:text-3xl">{event.title}</h1>
        <EventStatus status={event.status} />
      </div>
      <div className="text-muted">
        <EventTime at={event.startsAt} zone={event.timezone} />
      </div>
      <Tabs event={event} />
      <h2 className="mb-4 text-xl font-bold">{title}</h2>
      {children(edition.data, user)}
    </>
  );
}

function Tabs({ event: { eventId, status } }: { event: Event }) {
  const { t } = useLingui();
  const to = (page: string) => `/manage/${eventId}${page}`;
  return (
    <nav aria-label={t`Event`} className="my-4 flex flex-wrap gap-1 border-b border-border pb-2">
      <NavLink to={to('')} end className={tab}>
        <Trans>Overview</Trans>
      </NavLink>
      <NavLink to={to('/edit')} className={tab}>
        <Trans>Edit</Trans>
      </NavLink>
      <NavLink to={to('/registrations')} className={tab}>
        <Trans>Registrations</Trans>
      </NavLink>
      <NavLink to={to('/team')} className={tab}>
        <Trans>Team</Trans>
      </NavLink>
      <NavLink to={to('/codes')} className={tab}>
        <Trans>Discount codes</Trans>
      </NavLink>
      <Link to={`/e/${eventId}`} className={tab}>
        <Trans>Buyer's view</Trans>
      </Link>
      {status === 'published' && (
        <Link to={`/scan/${eventId}`} className={tab} reloadDocument>
          <Trans>Scanner</Trans>
        </Link>
      )}
    </nav>
  );
}

/** How full something is, for the eye; the words beside it say the same. */
export function Meter({ value, of, className }: { value: number; of: number; className?: string }) {
  const share = of > 0 ? Math.min(100, (value / of) * 100) : 0;
  return (
    <span aria-hidden="true" className={cx('block h-2 overflow-hidden rounded-full bg-surface-2', className)}>
      <span className="block h-full rounded-full bg-accent" style={{ width: `${share}%` }} />
    </span>
  );
}

export const typeName = (event: Event, id: string) => event.ticketTypes.find((type) => type.ticketTypeId === id)?.name ?? '–';
