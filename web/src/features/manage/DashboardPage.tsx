import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { get } from '@/api/http';
import { keys } from '@/api/query';
import type { Event, EventStats } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { ButtonLink, Card, ErrorState, Loading, Money, Notice } from '@/ui';
import { CancelEvent } from './CancelEvent';
import { ShareBar, TableBehind } from './charts';
import { Finance } from './Finance';
import { EventFrame, isOwner, Meter, useCount } from './parts';
import { LIVE_MS } from './queries';

export default function DashboardPage() {
  const { t } = useLingui();
  return (
    <EventFrame title={t`Overview`}>
      {({ event }, user) => (
        <div className="space-y-6">
          {event.status === 'draft' && (
            <Notice tone="warn" title={t`Nobody sees this event yet: it is a draft.`}>
              <ButtonLink look="secondary" to={`/manage/${event.eventId}/edit`} className="mt-2">
                <Trans>Finish and publish it</Trans>
              </ButtonLink>
            </Notice>
          )}
          <Stats event={event} />
          {isOwner(user, event) && <Finance event={event} />}
          {isOwner(user, event) && event.status !== 'ended' && event.status !== 'cancelled' && <CancelEvent event={event} />}
        </div>
      )}
    </EventFrame>
  );
}

function Stats({ event }: { event: Event }) {
  const { t, i18n } = useLingui();
  const stats = useQuery({
    queryKey: keys.stats(event.eventId),
    queryFn: ({ signal }) => get('/v1/events/{eventId}/stats', { path: { eventId: event.eventId }, signal }),
    refetchInterval: LIVE_MS,
  });
  if (stats.isPending) return <Loading />;
  if (!stats.data) return <ErrorState error={stats.error} retry={() => void stats.refetch()} />;
  const asOf = new Intl.DateTimeFormat(i18n.locale, { timeStyle: 'medium' }).format(stats.dataUpdatedAt);
  return (
    <>
      {stats.isError && <Notice tone="warn" title={t`The figures are old: the server does not answer.`} />}
      {event.status === 'cancelled' && <RefundProgress stats={stats.data} />}
      <Figures stats={stats.data} />
      <p className="text-sm text-muted">
        <Trans>As of {asOf}</Trans>
      </p>
      {stats.data.sold === 0 && event.status === 'published' && (
        <Notice title={t`Nothing is sold yet. Tell people about it:`}>
          <a href={`/e/${event.eventId}`} className="inline-flex min-h-11 items-center break-all">
            {`${location.origin}/e/${event.eventId}`}
          </a>
        </Notice>
      )}
      <ByType stats={stats.data} />
    </>
  );
}

function Figure({ name, children, below }: { name: ReactNode; children: ReactNode; below?: ReactNode }) {
  return (
    <div className="rounded-card border border-border bg-surface p-3 sm:p-4">
      <dt className="text-muted">{name}</dt>
      <dd>
        <p className="text-xl font-bold tabular-nums sm:text-2xl">{children}</p>
        {below && <div className="mt-1 text-sm text-muted">{below}</div>}
      </dd>
    </div>
  );
}

function Figures({ stats }: { stats: EventStats }) {
  const count = useCount();
  const { held, currency, refunded } = stats;
  const refundedText = useMoneyText(refunded, currency);
  const sold = count(stats.sold);
  const capacity = count(stats.capacity);
  const checkedIn = count(stats.checkedIn);
  return (
    <dl className="grid grid-cols-2 gap-3 sm:gap-4 lg:grid-cols-4">
      <Figure name={<Trans>Revenue</Trans>} below={refunded > 0 && <Trans>{refundedText} given back</Trans>}>
        <Money amount={stats.revenue - refunded} currency={currency} />
      </Figure>
      <Figure name={<Trans>Sold</Trans>} below={<Meter value={stats.sold} of={stats.capacity} />}>
        <Trans>
          {sold} of {capacity}
        </Trans>
      </Figure>
      <Figure name={<Trans>Checked in</Trans>} below={<Meter value={stats.checkedIn} of={stats.sold} />}>
        <Trans>
          {checkedIn} of {sold}
        </Trans>
      </Figure>
      <Figure
        name={<Trans>Registrations</Trans>}
        below={held > 0 && <Plural value={held} one="# seat is being bought" other="# seats are being bought" />}
      >
        {count(stats.confirmedRegistrations)}
      </Figure>
    </dl>
  );
}

function useMoneyText(amount: number, currency: string): string {
  const { i18n } = useLingui();
  return formatMoney(amount, currency, i18n.locale);
}

function RefundProgress({ stats: { refunds } }: { stats: EventStats }) {
  const { t } = useLingui();
  const all = refunds.asked + refunds.pending + refunds.succeeded + refunds.failed;
  const { succeeded, failed } = refunds;
  if (all === 0) return <Notice title={t`This event is cancelled. There is nothing to give back.`} />;
  return (
    <Notice tone={failed ? 'bad' : succeeded === all ? 'ok' : 'info'} title={t`This event is cancelled; the buyers get their money back.`}>
      <p>
        <Trans>
          {succeeded} of {all} refunds are done.
        </Trans>
      </p>
      <Meter value={succeeded} of={all} className="my-2" />
      {failed > 0 && (
        <p>
          <Plural
            value={failed}
            one="# refund failed; its money is still with you. The registration says why."
            other="# refunds failed; their money is still with you. The registrations say why."
          />
        </p>
      )}
    </Notice>
  );
}

function ByType({ stats }: { stats: EventStats }) {
  const { t } = useLingui();
  const count = useCount();
  return (
    <Card>
      <h3 className="mb-3 text-lg font-bold">
        <Trans>Ticket types</Trans>
      </h3>
      <ul className="space-y-3">
        {stats.ticketTypes.map((type) => (
          <li key={type.ticketTypeId}>
            <OneType type={type} />
          </li>
        ))}
      </ul>
      <TableBehind
        head={[t`Ticket type`, t`Number`, t`Sold`, t`Being bought`, t`Left`, t`Checked in`]}
        rows={stats.ticketTypes.map((type) => ({
          key: type.ticketTypeId,
          cells: [type.name, ...[type.quantity, type.sold, type.held, type.available, type.checkedIn].map(count)],
        }))}
      />
    </Card>
  );
}

function OneType({ type }: { type: EventStats['ticketTypes'][number] }) {
  const { t } = useLingui();
  const count = useCount();
  const { name } = type;
  const sold = count(type.sold);
  const quantity = count(type.quantity);
  const checkedIn = count(type.checkedIn);
  return (
    <>
      <p className="flex flex-wrap justify-between gap-x-3">
        <span className="font-semibold">{name}</span>
        <span className="tabular-nums">
          <Trans>
            {sold} of {quantity} sold, {checkedIn} in
          </Trans>
        </span>
      </p>
      <ShareBar
        label={t`${name}: ${sold} of ${quantity} sold, ${checkedIn} in`}
        total={type.quantity}
        sold={type.sold}
        inside={type.checkedIn}
      />
    </>
  );
}
