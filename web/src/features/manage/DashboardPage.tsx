import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { download, get } from '@/api/http';
import { keys } from '@/api/query';
import type { Event, EventFinance, EventStats } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatDate } from '@/lib/time';
import { Button, Card, ErrorState, Loading, Money, Notice, useErrorText, useToast } from '@/ui';
import { CancelEvent } from './CancelEvent';
import { DayBars, ShareBar, SLOTS_MIN, TableBehind } from './charts';
import { everyDay } from './days';
import { EventFrame, isOwner, Meter } from './parts';

/** Figures are at most this old while the page is open. */
const LIVE_MS = 5000;

export default function DashboardPage() {
  const { t } = useLingui();
  return (
    <EventFrame title={t`Overview`}>
      {({ event }, user) => (
        <div className="space-y-6">
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
          <a href={`/e/${event.eventId}`} className="break-all">
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
    <div className="rounded-card border border-border bg-surface p-4">
      <dt className="text-muted">{name}</dt>
      <dd>
        <p className="text-2xl font-bold tabular-nums">{children}</p>
        {below && <div className="mt-1 text-sm text-muted">{below}</div>}
      </dd>
    </div>
  );
}

function Figures({ stats }: { stats: EventStats }) {
  const { sold, capacity, checkedIn, held, currency, refunded } = stats;
  const refundedText = useMoneyText(refunded, currency);
  return (
    <dl className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
      <Figure name={<Trans>Revenue</Trans>} below={refunded > 0 && <Trans>{refundedText} given back</Trans>}>
        <Money amount={stats.revenue - refunded} currency={currency} />
      </Figure>
      <Figure name={<Trans>Sold</Trans>} below={<Meter value={sold} of={capacity} />}>
        <Trans>
          {sold} of {capacity}
        </Trans>
      </Figure>
      <Figure name={<Trans>Checked in</Trans>} below={<Meter value={checkedIn} of={sold} />}>
        <Trans>
          {checkedIn} of {sold}
        </Trans>
      </Figure>
      <Figure
        name={<Trans>Registrations</Trans>}
        below={held > 0 && <Plural value={held} one="# seat is being bought" other="# seats are being bought" />}
      >
        {stats.confirmedRegistrations}
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
  return (
    <Card>
      <h3 className="mb-3 text-lg font-bold">
        <Trans>Ticket types</Trans>
      </h3>
      <ul className="space-y-3">
        {stats.ticketTypes.map(({ ticketTypeId, name, quantity, sold, checkedIn }) => (
          <li key={ticketTypeId}>
            <p className="flex flex-wrap justify-between gap-x-3">
              <span className="font-semibold">{name}</span>
              <span className="tabular-nums">
                <Trans>
                  {sold} of {quantity} sold, {checkedIn} in
                </Trans>
              </span>
            </p>
            <ShareBar label={t`${name}: ${sold} of ${quantity} sold, ${checkedIn} in`} total={quantity} sold={sold} inside={checkedIn} />
          </li>
        ))}
      </ul>
      <TableBehind
        head={[t`Ticket type`, t`Number`, t`Sold`, t`Being bought`, t`Left`, t`Checked in`]}
        rows={stats.ticketTypes.map((type) => ({
          key: type.ticketTypeId,
          cells: [type.name, type.quantity, type.sold, type.held, type.available, type.checkedIn],
        }))}
      />
    </Card>
  );
}

type Line = EventFinance['days'][number];

function Finance({ event }: { event: Event }) {
  const { t } = useLingui();
  const say = useToast();
  const errorText = useErrorText();
  const finance = useQuery({
    queryKey: ['finance', event.eventId],
    queryFn: ({ signal }) => get('/v1/events/{eventId}/finance', { path: { eventId: event.eventId }, signal }),
    refetchInterval: LIVE_MS,
  });
  if (finance.isPending) return <Loading />;
  if (!finance.data) return <ErrorState error={finance.error} retry={() => void finance.refetch()} />;
  const { totals, days, disputes } = finance.data;
  const csv = () => download(`/v1/events/${event.eventId}/finance.csv`, 'finance.csv').catch((error) => say(errorText(error), 'bad'));
  return (
    <Card>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h3 className="text-lg font-bold">
          <Trans>What it earned</Trans>
        </h3>
        <Button look="secondary" onClick={() => void csv()}>
          <Trans>Every movement as CSV</Trans>
        </Button>
      </div>
      {totals.length === 0 && (
        <p className="text-muted">
          <Trans>No money has moved yet.</Trans>
        </p>
      )}
      {totals.map((total) => (
        <OneCurrency key={total.currency} total={total} days={days.filter((day) => day.currency === total.currency)} />
      ))}
      {disputes.length > 0 && (
        <Notice tone="warn" title={<Plural value={disputes.length} one="# disputed payment" other="# disputed payments" />}>
          <ul>
            {disputes.map((dispute) => (
              <li key={dispute.disputeId}>
                <Money amount={dispute.amount} currency={dispute.currency} /> – {dispute.status}
                {dispute.evidenceDueBy && <> – {t`answer the bank by ${{ day: dispute.evidenceDueBy.slice(0, 10) }}`}</>}
              </li>
            ))}
          </ul>
        </Notice>
      )}
    </Card>
  );
}

const nothing = { gross: 0, fees: 0, refunds: 0, disputes: 0, adjustments: 0, net: 0, payments: 0 };

function OneCurrency({ total, days }: { total: Omit<Line, 'date'>; days: Line[] }) {
  const { t, i18n } = useLingui();
  const { currency } = total;
  // What is taken off is shown with its sign; but nothing is not less than nothing.
  const money = (amount: number) => <Money amount={amount || 0} currency={currency} />;
  const all = everyDay(days, (date) => ({ date, currency, ...nothing }));
  // A date of the event's zone already, so it is only written out.
  const dateOf = (date: string | undefined) => date && formatDate(`${date}T12:00:00Z`, 'UTC', i18n.locale);
  const sums: [string, number][] = [
    [t`Taken`, total.gross],
    [t`Fees`, -total.fees],
    [t`Given back`, -total.refunds],
    [t`Disputed`, -total.disputes],
    [t`Adjustments`, total.adjustments],
    [t`Net`, total.net],
  ];
  return (
    <div className="mt-3">
      <dl className="mb-4 flex flex-wrap gap-x-8 gap-y-2">
        {sums.map(([name, amount]) => (
          <div key={name}>
            <dt className="text-sm text-muted">{name}</dt>
            <dd className="font-semibold">{money(amount)}</dd>
          </div>
        ))}
      </dl>
      {all.length > 0 && (
        <>
          <DayBars label={t`Net by day, ${currency}`} days={all.map((day) => ({ date: day.date, value: day.net }))} />
          <p aria-hidden="true" className="flex justify-between text-sm text-muted">
            <span>{dateOf(all[0]?.date)}</span>
            {all.length >= SLOTS_MIN && <span>{dateOf(all[all.length - 1]?.date)}</span>}
          </p>
          <TableBehind
            head={[t`Day`, t`Payments`, t`Taken`, t`Fees`, t`Given back`, t`Net`]}
            rows={[...days].reverse().map((day) => ({
              key: day.date,
              cells: [dateOf(day.date), day.payments, money(day.gross), money(-day.fees), money(-day.refunds), money(day.net)],
            }))}
          />
        </>
      )}
    </div>
  );
}
