import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { useParams, useSearchParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { get } from '@/api/http';
import { codeOf, tryAgain } from '@/api/prices';
import { keys } from '@/api/query';
import type { Event } from '@/api/types';
import { NotFound } from '@/app/RouteError';
import { Title } from '@/app/Title';
import { serverNow } from '@/lib/clock';
import { formatDateTime } from '@/lib/time';
import { buttonClass, Card, ErrorState, EventTime, Loading, Notice } from '@/ui';
import { useCodeFault } from '@/ui/CodeEntry';
import { Picture } from '@/ui/Picture';
import { Share } from './Share';
import { TicketPicker } from './TicketPicker';

export default function EventPage() {
  const { eventId = '' } = useParams();
  const code = codeOf(useSearchParams()[0]);
  // Public events come from shared caches; only one that is not there for everybody is asked for by token, for it may be a draft of one's own.
  const event = useQuery({
    queryKey: keys.event(eventId),
    queryFn: ({ signal }) =>
      get('/v1/events/{eventId}', { path: { eventId }, signal, anonymous: true }).catch((error) => {
        if (error instanceof ApiError && error.status === 404) return get('/v1/events/{eventId}', { path: { eventId }, signal });
        throw error;
      }),
    refetchInterval: 30_000,
  });
  // Beside it, what a code opens: the public one stays in sight meanwhile, and when the code is not good.
  const opened = useQuery({
    queryKey: keys.event(eventId, code),
    queryFn: ({ signal }) => get('/v1/events/{eventId}', { path: { eventId }, query: { code }, signal }),
    enabled: code !== '',
    retry: tryAgain,
    refetchOnWindowFocus: false,
    refetchInterval: (query) => (query.state.error ? false : 30_000),
  });
  const codeFault = useCodeFault();
  if (event.isPending) return <Loading />;
  if (event.isError && event.error instanceof ApiError && event.error.status === 404) return <NotFound />;
  // What was read once stays to be read in a tunnel.
  if (!event.data) return <ErrorState error={event.error} retry={() => void event.refetch()} />;
  return <EventView event={(code && opened.data) || event.data} code={code} fault={codeFault(opened.error)} />;
}

function EventView({ event, code, fault }: { event: Event; code: string; fault?: string }) {
  const place = [event.venue?.name, event.venue?.address, event.venue?.city].filter(Boolean).join(', ');
  const { t } = useLingui();
  return (
    <article>
      <Title>{event.title}</Title>
      {event.imageUrl && (
        <Picture url={event.imageUrl} id={event.eventId} eager className="mb-6 aspect-[16/9] max-h-96 w-full rounded-card" />
      )}
      <StatusNotice event={event} />
      <div className="grid gap-8 lg:grid-cols-[minmax(0,1fr)_24rem]">
        <div>
          <h1 className="text-3xl leading-tight font-bold sm:text-4xl" dir="auto">
            {event.title}
          </h1>
          <dl className="mt-4 space-y-3">
            <div>
              <dt className="sr-only">
                <Trans>When</Trans>
              </dt>
              <dd className="text-lg font-semibold">
                <EventTime at={event.startsAt} until={event.endsAt} zone={event.timezone} />
              </dd>
            </div>
            <div>
              <dt className="sr-only">
                <Trans>Where</Trans>
              </dt>
              <dd className="text-lg">{place || (event.online ? t`Online` : t`Place to be announced`)}</dd>
            </div>
            {event.seller?.name && (
              <div>
                <dt className="sr-only">
                  <Trans>Organizer</Trans>
                </dt>
                <dd className="text-muted">
                  <Trans>By {event.seller.name}</Trans>
                </dd>
              </div>
            )}
          </dl>
          <div className="mt-4 flex flex-wrap gap-2">
            <a className={buttonClass('secondary')} href={`/v1/events/${event.eventId}.ics`} download>
              <Trans>Add to calendar</Trans>
            </a>
            <Share title={event.title} />
          </div>
          {event.description && (
            <div className="mt-6 max-w-prose whitespace-pre-line" dir="auto">
              {event.description}
            </div>
          )}
        </div>
        <aside aria-labelledby="tickets-heading">
          <Card className="lg:sticky lg:top-4">
            <h2 id="tickets-heading" className="mb-3 text-xl font-bold">
              <Trans>Tickets</Trans>
            </h2>
            <TicketPicker event={event} code={code} fault={fault} />
            <Policy event={event} />
          </Card>
        </aside>
      </div>
    </article>
  );
}

/** Before anybody pays: may tickets be given back, until when, and for how much of the money. */
function Policy({ event }: { event: Event }) {
  const { i18n } = useLingui();
  if (event.status !== 'published' || event.ticketTypes.every((type) => type.total === 0)) return null;
  const until = event.refundUntil && formatDateTime(event.refundUntil, event.timezone, i18n.locale);
  const percent = event.refundFeePercent ?? 0;
  return (
    <p className="mt-3 border-t border-border pt-3 text-sm text-muted">
      {!until ? (
        <Trans>Refunds for this event are given by its organizer. If it is cancelled, you get your money back.</Trans>
      ) : percent ? (
        <Trans>
          Tickets can be given back until {until}; the organizer then keeps {percent} % of the price.
        </Trans>
      ) : (
        <Trans>Tickets can be given back for the full price until {until}.</Trans>
      )}
    </p>
  );
}

function StatusNotice({ event }: { event: Event }) {
  const { t } = useLingui();
  if (event.status === 'cancelled')
    return (
      <div className="mb-6">
        <Notice tone="bad" title={t`This event was cancelled.`}>
          <Trans>Whoever paid gets the money back without asking.</Trans>
        </Notice>
      </div>
    );
  if (event.status === 'ended' || (event.status === 'published' && Date.parse(event.endsAt) <= serverNow()))
    return (
      <div className="mb-6">
        <Notice title={t`This event is over.`} />
      </div>
    );
  if (event.status === 'draft')
    return (
      <div className="mb-6">
        <Notice tone="warn" title={t`This is a draft: only you can see it.`} />
      </div>
    );
  return null;
}
