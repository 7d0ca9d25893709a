import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQuery } from '@tanstack/react-query';
import { QRCodeSVG } from 'qrcode.react';
import { type TouchEvent, useEffect, useRef, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { get, post } from '@/api/http';
import { keys } from '@/api/query';
import type { Ticket } from '@/api/types';
import { SignedIn } from '@/app/guard';
import { NotFound } from '@/app/RouteError';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';
import { ticketsWorkOffline } from '@/lib/offline';
import { formatDateTime } from '@/lib/time';
import { useWakeLock } from '@/lib/wakeLock';
import { Button, ButtonLink, buttonClass, Card, ErrorState, EventTime, Loading, Notice, useErrorText, useToast } from '@/ui';
import { keepTickets, keptTickets } from './kept';
import { useTicketsOf } from './ofEvent';

export default function TicketPage() {
  return <SignedIn>{(user) => <Loaded user={user} />}</SignedIn>;
}

function Loaded({ user }: { user: User }) {
  const { ticketId = '' } = useParams();
  const ticket = useQuery({
    queryKey: keys.ticket(ticketId),
    queryFn: ({ signal }) => get('/v1/tickets/{ticketId}', { path: { ticketId }, signal }),
    // Shown at a door: it should turn to "used" while it is looked at.
    refetchInterval: 10_000,
  });
  const seen = ticket.data;
  useEffect(() => void ticketsWorkOffline(), []);
  useEffect(() => {
    if (seen) keepTickets(user.sub, [seen]);
  }, [seen, user.sub]);
  const all = keptTickets(user.sub);
  const kept = all.find((one) => one.ticketId === ticketId);
  // With a friend's ticket in the same hand: the others of this event are one step away, also where there is no network.
  const eventId = (seen ?? kept)?.eventId ?? '';
  const others = useTicketsOf(eventId).data;
  useEffect(() => {
    if (others) keepTickets(user.sub, others);
  }, [others, user.sub]);
  const ids = (others ?? all.filter((one) => one.eventId === eventId)).map((one) => one.ticketId);

  if (ticket.data) return <TicketView ticket={ticket.data} ids={ids} download={ticket.data.downloadUrl} offline={ticket.isError} />;
  if (ticket.isError && ticket.error instanceof ApiError && ticket.error.status === 404) return <NotFound />;
  // At a door nobody waits for the third try: what is kept is shown at once.
  if (kept) return <TicketView ticket={kept} ids={ids} offline={ticket.isError || ticket.isPaused || ticket.failureCount > 0} />;
  if (ticket.isError) return <ErrorState error={ticket.error} retry={() => void ticket.refetch()} />;
  return <Loading />;
}

type ViewProps = { ticket: Ticket; ids: string[]; download?: string | null; offline?: boolean };

function TicketView({ ticket, ids, download, offline }: ViewProps) {
  const { t } = useLingui();
  const swipe = useSwipe(ticket.ticketId, ids);
  useWakeLock();
  return (
    <article className="mx-auto max-w-md space-y-4" {...swipe}>
      <Title>{ticket.event.title}</Title>
      {offline && <Notice tone="warn" title={t`You are offline. This is the ticket as it was seen last.`} />}
      <Card className="text-center">
        <h1 className="text-2xl font-bold" dir="auto">
          {ticket.event.title}
        </h1>
        <p className="mt-1">
          <EventTime at={ticket.event.startsAt} zone={ticket.event.timezone} />
        </p>
        <p className="text-muted">
          {[ticket.event.venue?.name, ticket.event.venue?.address, ticket.event.venue?.city].filter(Boolean).join(', ')}
        </p>
        {ticket.attendeeName && <p className="mt-3 text-xl font-semibold">{ticket.attendeeName}</p>}
        <Code ticket={ticket} />
        {ticket.status === 'valid' && (
          <p className="mt-3 text-sm text-muted">
            <Trans>At the door, turn the brightness of your screen up.</Trans>
          </p>
        )}
        <p className="mt-3 font-mono text-sm text-muted">{ticket.ticketId}</p>
      </Card>
      <Steps ticketId={ticket.ticketId} ids={ids} />
      {!offline && (
        <div className="flex flex-wrap justify-center gap-2">
          {download && (
            <a className={buttonClass('secondary')} href={download}>
              <Trans>PDF</Trans>
            </a>
          )}
          <a className={buttonClass('secondary')} href={`/v1/events/${ticket.eventId}.ics`} download>
            <Trans>Add to calendar</Trans>
          </a>
          <Resend registrationId={ticket.registrationId} />
          <ButtonLink to={`/tickets/orders/${ticket.registrationId}`} look="secondary">
            <Trans>Order and receipt</Trans>
          </ButtonLink>
        </div>
      )}
      <p className="text-center">
        <Link to="/tickets" className="inline-flex min-h-11 items-center">
          <Trans>All my tickets</Trans>
        </Link>
      </p>
    </article>
  );
}

/** A finger's way over the screen, in pixels, from which on it is a swipe. */
const SWIPE = 60;

/** To the next ticket by a finger, as through the pages of a book. */
function useSwipe(ticketId: string, ids: string[]) {
  const navigate = useNavigate();
  const start = useRef<{ x: number; y: number }>(undefined);
  return {
    onTouchStart: ({ touches }: TouchEvent) => {
      const touch = touches[0];
      start.current = touch && touches.length === 1 ? { x: touch.clientX, y: touch.clientY } : undefined;
    },
    onTouchEnd: ({ changedTouches }: TouchEvent) => {
      const touch = changedTouches[0];
      if (!touch || !start.current) return;
      const [x, y] = [touch.clientX - start.current.x, touch.clientY - start.current.y];
      if (Math.abs(x) < SWIPE || Math.abs(x) < 2 * Math.abs(y)) return;
      const to = ids[ids.indexOf(ticketId) + (x < 0 ? 1 : -1)];
      if (to) navigate(`/tickets/${to}`, { replace: true, preventScrollReset: true });
    },
  };
}

function Steps({ ticketId, ids }: { ticketId: string; ids: string[] }) {
  const { t } = useLingui();
  const at = ids.indexOf(ticketId);
  if (at < 0 || ids.length < 2) return null;
  const step = (to: string | undefined, name: string, sign: string) =>
    to ? (
      <ButtonLink to={`/tickets/${to}`} replace preventScrollReset look="secondary" className="w-14 max-w-1/4 text-2xl" aria-label={name}>
        <span aria-hidden="true">{sign}</span>
      </ButtonLink>
    ) : (
      <span className="w-14 max-w-1/4" />
    );
  return (
    <nav aria-label={t`Tickets`} className="flex items-center justify-center gap-2">
      {step(ids[at - 1], t`Previous ticket`, '‹')}
      <span className="font-semibold whitespace-nowrap tabular-nums">
        <Trans>
          {at + 1} of {ids.length}
        </Trans>
      </span>
      {step(ids[at + 1], t`Next ticket`, '›')}
    </nav>
  );
}

/** Dark on white in every theme, with its quiet zone; in its place a stamp once it opens no door any more. */
function Code({ ticket }: { ticket: Ticket }) {
  const { t, i18n } = useLingui();
  if (ticket.status !== 'valid')
    return (
      <div
        className="mt-4 rounded-card border-4 border-double border-bad p-8 text-bad"
        role="img"
        aria-label={ticket.status === 'used' ? t`Used` : t`Cancelled`}
      >
        <p className="-rotate-6 text-4xl font-black tracking-wide uppercase">
          {ticket.status === 'used' ? <Trans>Used</Trans> : <Trans>Cancelled</Trans>}
        </p>
        {ticket.usedAt && <p className="mt-3">{formatDateTime(ticket.usedAt, ticket.event.timezone, i18n.locale)}</p>}
      </div>
    );
  return (
    <div className="mx-auto mt-4 w-70 max-w-full overflow-hidden rounded-lg bg-white">
      <QRCodeSVG
        className="h-auto w-full"
        value={ticket.qrCode}
        size={280}
        level="M"
        marginSize={4}
        bgColor="#ffffff"
        fgColor="#000000"
        title={t`QR code of the ticket`}
      />
    </div>
  );
}

function Resend({ registrationId }: { registrationId: string }) {
  const { t } = useLingui();
  const say = useToast();
  const words = useErrorText();
  const [sent, setSent] = useState(false);
  const resend = useMutation({
    mutationFn: () => post('/v1/registrations/{registrationId}/resend', { path: { registrationId } }),
    onSuccess: () => {
      setSent(true);
      say(t`The tickets are on their way to your mailbox.`);
    },
    onError: (error) => say(words(error), 'bad'),
  });
  return (
    <Button look="secondary" busy={resend.isPending} disabled={sent} onClick={() => resend.mutate()}>
      {sent ? <Trans>Sent</Trans> : <Trans>Mail them again</Trans>}
    </Button>
  );
}
