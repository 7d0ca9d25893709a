import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQueries, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, post } from '@/api/http';
import { keys } from '@/api/query';
import type { Event, RegistrationDetail, Ticket } from '@/api/types';
import { formatDateTime } from '@/lib/time';
import { Badge, Button, ErrorState, Loading, Money, Notice, useToast } from '@/ui';
import { typeName } from './parts';
import { RefundForm } from './RefundForm';
import { RegistrationBadge } from './RegistrationBadge';

/** One registration in a dialog: who, what, which money went where, and what can be done about it. */
export function RegistrationView({ event, id }: { event: Event; id: string }) {
  const { t } = useLingui();
  const [refunding, setRefunding] = useState(false);
  const registration = useQuery({
    queryKey: keys.registration(id),
    queryFn: ({ signal }) => get('/v1/registrations/{registrationId}', { path: { registrationId: id }, signal }),
    // While money is on its way back the page follows it.
    refetchInterval: ({ state }) => (state.data?.refunds.some((one) => one.status === 'asked' || one.status === 'pending') ? 2000 : false),
  });
  const tickets = useQueries({
    queries: (registration.data?.ticketIds ?? []).map((ticketId) => ({
      queryKey: keys.ticket(ticketId),
      queryFn: ({ signal }: { signal: AbortSignal }) => get('/v1/tickets/{ticketId}', { path: { ticketId }, signal }),
    })),
  });
  if (registration.isPending || tickets.some((ticket) => ticket.isPending)) return <Loading />;
  if (!registration.data) return <ErrorState error={registration.error} retry={() => void registration.refetch()} />;
  const failed = tickets.find((ticket) => !ticket.data);
  if (failed) return <ErrorState error={failed.error} retry={() => void failed.refetch()} />;
  const all = tickets.flatMap((ticket) => (ticket.data ? [ticket.data] : []));
  const detail = registration.data;
  if (refunding) return <RefundForm event={event} registration={detail} tickets={all} onDone={() => setRefunding(false)} />;
  return (
    <div className="space-y-5">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <RegistrationBadge status={detail.status} />
        <Sums detail={detail} />
      </div>
      {detail.disputed && <Notice tone="bad" title={t`The payment is disputed at the bank; its tickets are void meanwhile.`} />}
      <People event={event} detail={detail} tickets={all} />
      <Refunds event={event} detail={detail} />
      <div className="flex flex-wrap gap-3">
        {detail.status === 'confirmed' && <Resend id={id} />}
        {detail.status === 'confirmed' && !detail.disputed && (
          <Button look="danger" onClick={() => setRefunding(true)}>
            <Trans>Refund…</Trans>
          </Button>
        )}
      </div>
      <p className="text-sm break-all text-muted">
        <Trans>Reference: {id}</Trans>
      </p>
    </div>
  );
}

function Sums({ detail }: { detail: RegistrationDetail }) {
  const { amount, refundedAmount, currency, discountCode } = detail;
  return (
    <p className="text-right">
      <span className="text-lg font-bold">
        <Money amount={amount} currency={currency} />
      </span>
      {refundedAmount > 0 && (
        <span className="block text-sm text-muted">
          <Trans>
            of it given back: <Money amount={refundedAmount} currency={currency} />
          </Trans>
        </span>
      )}
      {discountCode && (
        <span className="block text-sm text-muted">
          <Trans>with the code {discountCode}</Trans>
        </span>
      )}
    </p>
  );
}

function TicketState({ status }: { status: Ticket['status'] }) {
  if (status === 'used')
    return (
      <Badge tone="info">
        <Trans>Let in</Trans>
      </Badge>
    );
  if (status === 'cancelled')
    return (
      <Badge tone="bad">
        <Trans>Void</Trans>
      </Badge>
    );
  return (
    <Badge tone="ok">
      <Trans>Valid</Trans>
    </Badge>
  );
}

function People({ event, detail, tickets }: { event: Event; detail: RegistrationDetail; tickets: Ticket[] }) {
  // Tickets, once there are some; before, and when a hold ran out, what was asked for.
  const rows =
    tickets.length > 0
      ? tickets.map((ticket) => ({ key: ticket.ticketId, name: ticket.attendeeName, type: ticket.ticketTypeId, status: ticket.status }))
      : detail.items.map((item) => ({ key: item.ticketTypeId, name: `${item.quantity} ×`, type: item.ticketTypeId, status: undefined }));
  const addresses = [...new Set(detail.attendees.map((one) => one.email).filter(Boolean))];
  return (
    <div>
      <h3 className="font-bold">
        <Plural value={tickets.length} _0="Ordered" one="# ticket" other="# tickets" />
      </h3>
      {addresses.length > 0 && <p className="break-all text-muted">{addresses.join(', ')}</p>}
      <ul className="mt-1 divide-y divide-border">
        {rows.map((row) => (
          <li key={row.key} className="flex flex-wrap items-center justify-between gap-x-3 py-2">
            <span>
              {row.name} <span className="text-muted">{typeName(event, row.type)}</span>
            </span>
            {row.status && <TicketState status={row.status} />}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Refunds({ event, detail }: { event: Event; detail: RegistrationDetail }) {
  const { t, i18n } = useLingui();
  if (detail.refunds.length === 0) return null;
  const words = { asked: t`being sent`, pending: t`on its way`, succeeded: t`done`, failed: t`failed` };
  return (
    <div>
      <h3 className="font-bold">
        <Trans>Refunds</Trans>
      </h3>
      <ul className="divide-y divide-border">
        {detail.refunds.map((refund) => (
          <li key={refund.refundId} className="py-2">
            <p className="flex flex-wrap justify-between gap-x-3">
              <span>{formatDateTime(refund.createdAt, event.timezone, i18n.locale)}</span>
              <span>
                <Money amount={refund.amount} currency={refund.currency} />{' '}
                <Badge tone={refund.status === 'failed' ? 'bad' : refund.status === 'succeeded' ? 'ok' : 'info'}>
                  {words[refund.status]}
                </Badge>
              </span>
            </p>
            {refund.reason && <p className="text-sm text-muted">{refund.reason}</p>}
            {refund.failure && (
              <p className="text-sm text-bad">
                <Trans>The payment provider says: {refund.failure}. The money is still with you.</Trans>
              </p>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Resend({ id }: { id: string }) {
  const { t } = useLingui();
  const say = useToast();
  const resend = useMutation({
    mutationFn: () => post('/v1/registrations/{registrationId}/resend', { path: { registrationId: id } }),
    onSuccess: () => say(t`The tickets are being mailed again.`),
  });
  return (
    <div>
      <Button look="secondary" busy={resend.isPending} onClick={() => resend.mutate()}>
        <Trans>Mail the tickets again</Trans>
      </Button>
      {resend.isError && <ErrorState error={resend.error} />}
    </div>
  );
}
