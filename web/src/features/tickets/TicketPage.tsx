import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQuery } from '@tanstack/react-query';
import { QRCodeSVG } from 'qrcode.react';
import { useEffect, useState } from 'react';
import { Link, useParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { get, post } from '@/api/http';
import { keys } from '@/api/query';
import type { Ticket } from '@/api/types';
import { SignedIn } from '@/app/guard';
import { NotFound } from '@/app/RouteError';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';
import { worksOffline } from '@/lib/offline';
import { formatDateTime } from '@/lib/time';
import { useWakeLock } from '@/lib/wakeLock';
import { Button, ButtonLink, buttonClass, Card, ErrorState, EventTime, Loading, Notice, useErrorText, useToast } from '@/ui';
import { keepTickets, keptTickets } from './kept';

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
  useEffect(() => void worksOffline('/tickets'), []);
  useEffect(() => {
    if (seen) keepTickets(user.sub, [seen]);
  }, [seen, user.sub]);
  const kept = keptTickets(user.sub).find((one) => one.ticketId === ticketId);

  if (ticket.data) return <TicketView ticket={ticket.data} download={ticket.data.downloadUrl} offline={ticket.isError} />;
  if (ticket.isError && ticket.error instanceof ApiError && ticket.error.status === 404) return <NotFound />;
  // At a door nobody waits for the third try: what is kept is shown at once.
  if (kept) return <TicketView ticket={kept} offline={ticket.isError || ticket.isPaused || ticket.failureCount > 0} />;
  if (ticket.isError) return <ErrorState error={ticket.error} retry={() => void ticket.refetch()} />;
  return <Loading />;
}

function TicketView({ ticket, download, offline }: { ticket: Ticket; download?: string | null; offline?: boolean }) {
  const { t } = useLingui();
  useWakeLock();
  return (
    <article className="mx-auto max-w-md space-y-4">
      <Title>{ticket.event.title}</Title>
      {offline && <Notice tone="warn" title={t`You are offline. This is the ticket as it was seen last.`} />}
      <Card className="text-center">
        <h1 className="text-2xl font-bold">{ticket.event.title}</h1>
        <p className="mt-1">
          <EventTime at={ticket.event.startsAt} zone={ticket.event.timezone} />
        </p>
        <p className="text-muted">
          {[ticket.event.venue?.name, ticket.event.venue?.address, ticket.event.venue?.city].filter(Boolean).join(', ')}
        </p>
        {ticket.attendeeName && <p className="mt-3 text-xl font-semibold">{ticket.attendeeName}</p>}
        <Code ticket={ticket} />
        <p className="mt-3 font-mono text-sm text-muted">{ticket.ticketId}</p>
      </Card>
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
    <div className="mx-auto mt-4 w-fit max-w-full overflow-hidden rounded-lg bg-white">
      <QRCodeSVG
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
