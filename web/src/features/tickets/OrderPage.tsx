import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { get } from '@/api/http';
import { eventWith } from '@/api/prices';
import { keys } from '@/api/query';
import type { Event, RegistrationDetail, Ticket } from '@/api/types';
import { SignedIn } from '@/app/guard';
import { NotFound } from '@/app/RouteError';
import { Title } from '@/app/Title';
import { Summary } from '@/features/checkout/Summary';
import { formatDateTime } from '@/lib/time';
import { ButtonLink, Card, ErrorState, Loading, Money, Notice } from '@/ui';
import { GiveBack } from './GiveBack';
import { useTicketsOf } from './ofEvent';
import { Receipts } from './Receipts';
import { StatusBadge } from './TicketsPage';

export default function OrderPage() {
  return <SignedIn>{() => <Loaded />}</SignedIn>;
}

/** Money that is on its way changes its state within seconds. */
const UNDER_WAY_MS = 5000;
const underWay = (order: RegistrationDetail) => order.refunds.some(({ status }) => status === 'asked' || status === 'pending');

function Loaded() {
  const { registrationId = '' } = useParams();
  const order = useQuery({
    queryKey: keys.registration(registrationId),
    queryFn: ({ signal }) => get('/v1/registrations/{registrationId}', { path: { registrationId }, signal }),
    refetchInterval: (query) => query.state.data && underWay(query.state.data) && UNDER_WAY_MS,
  });
  const eventId = order.data?.eventId ?? '';
  const event = useQuery({ ...eventWith(eventId, order.data?.discountCode), enabled: eventId !== '' });
  const tickets = useTicketsOf(eventId);
  if (order.isError && !order.data)
    return order.error instanceof ApiError && order.error.status === 404 ? (
      <NotFound />
    ) : (
      <ErrorState error={order.error} retry={() => void order.refetch()} />
    );
  if (event.isError && !event.data) return <ErrorState error={event.error} retry={() => void event.refetch()} />;
  if (tickets.isError && !tickets.data) return <ErrorState error={tickets.error} retry={() => void tickets.refetch()} />;
  if (!order.data || !event.data || !tickets.data) return <Loading />;
  const own = tickets.data.filter((ticket) => ticket.registrationId === registrationId);
  return <OrderView order={order.data} event={event.data} tickets={own} />;
}

function OrderView({ order, event, tickets }: { order: RegistrationDetail; event: Event; tickets: Ticket[] }) {
  const { t } = useLingui();
  return (
    <div className="mx-auto max-w-2xl space-y-5">
      <Title>{t`Your order`}</Title>
      <h1 className="text-3xl font-bold">
        <Trans>Your order</Trans>
      </h1>
      <State order={order} event={event} />
      <Summary event={event} sums={order} />
      {tickets.length > 0 && (
        <Card>
          <h2 className="text-xl font-bold">
            <Plural value={tickets.length} one="Ticket" other="Tickets" />
          </h2>
          <ul className="mt-2 divide-y divide-border">
            {tickets.map((ticket, n) => (
              <li key={ticket.ticketId}>
                <Link to={`/tickets/${ticket.ticketId}`} className="flex min-h-11 items-center justify-between gap-3 py-2 no-underline">
                  <span className="min-w-0 underline underline-offset-4">{ticket.attendeeName ?? <Trans>Ticket {n + 1}</Trans>}</span>
                  <StatusBadge status={ticket.status} />
                </Link>
              </li>
            ))}
          </ul>
          <GiveBack order={order} event={event} tickets={tickets} />
        </Card>
      )}
      {order.amount > 0 && order.status !== 'pending' && order.status !== 'expired' && (
        <Card>
          <h2 className="text-xl font-bold">
            <Trans>Payments</Trans>
          </h2>
          <Movements order={order} event={event} />
          <Receipts registrationId={order.registrationId} />
        </Card>
      )}
    </div>
  );
}

function State({ order, event }: { order: RegistrationDetail; event: Event }) {
  const { t } = useLingui();
  switch (order.status) {
    case 'pending':
      return (
        <Notice tone="warn" title={t`This order is not paid yet.`}>
          <ButtonLink to={`/checkout/${event.eventId}/${order.registrationId}`} className="mt-3">
            <Trans>Pay</Trans>
          </ButtonLink>
        </Notice>
      );
    case 'expired':
      return <Notice title={t`The time to pay for this order ran out.`} />;
    case 'cancelled':
      return <Notice title={t`This order was cancelled.`} />;
    case 'refunded':
      return <Notice title={t`This order was refunded.`} />;
    default:
      return order.disputed ? <Notice tone="warn" title={t`Your bank is looking into this payment.`} /> : null;
  }
}

/** What was paid and what went back, one line each, and what was kept. */
function Movements({ order, event }: { order: RegistrationDetail; event: Event }) {
  const { t, i18n } = useLingui();
  const when = (at: string | undefined) => (at ? formatDateTime(at, event.timezone, i18n.locale) : '');
  const stateOf = (status: RegistrationDetail['refunds'][number]['status']) =>
    status === 'succeeded' ? t`Given back` : status === 'failed' ? t`The bank did not take it: the organizer is told` : t`On its way back`;
  return (
    <ul className="mt-2 divide-y divide-border">
      {order.payments
        .filter((payment) => payment.received)
        .map((payment) => (
          <Line key={payment.paymentIntentId} name={t`Paid`} when={when(payment.createdAt)} amount={payment.received ?? 0} order={order} />
        ))}
      {order.refunds.map((refund) => (
        <Line
          key={refund.refundId}
          name={stateOf(refund.status)}
          when={when(refund.createdAt)}
          amount={-(refund.amount ?? 0)}
          order={order}
        />
      ))}
      {(order.refundFeeAmount ?? 0) > 0 && (
        <Line name={t`Kept by the organizer of what was given back`} when="" amount={order.refundFeeAmount ?? 0} order={order} />
      )}
    </ul>
  );
}

function Line({ name, when, amount, order }: { name: string; when: string; amount: number; order: RegistrationDetail }) {
  return (
    <li className="flex items-start justify-between gap-3 py-2">
      <span>
        {name} <span className="block text-sm text-muted">{when}</span>
      </span>
      <Money amount={amount} currency={order.currency} />
    </li>
  );
}
