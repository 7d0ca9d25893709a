import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { download, get } from '@/api/http';
import type { Event, EventFinance } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatDate } from '@/lib/time';
import { Button, Card, ErrorState, Loading, Money, Notice, useErrorText, useToast } from '@/ui';
import { DayBars, SLOTS_MIN, TableBehind } from './charts';
import { everyDay } from './days';
import { LIVE_MS } from './queries';

type Line = EventFinance['days'][number];

/** What the event earned, what is paid out of it, and what is disputed: its organizer's alone. */
export function Finance({ event }: { event: Event }) {
  const say = useToast();
  const errorText = useErrorText();
  const finance = useQuery({
    queryKey: ['finance', event.eventId],
    queryFn: ({ signal }) => get('/v1/events/{eventId}/finance', { path: { eventId: event.eventId }, signal }),
    refetchInterval: LIVE_MS,
  });
  if (finance.isPending) return <Loading />;
  if (!finance.data) return <ErrorState error={finance.error} retry={() => void finance.refetch()} />;
  const { totals, days, disputes, payouts } = finance.data;
  const csv = () => download(`/v1/events/${event.eventId}/finance.csv`, 'finance.csv').catch((error) => say(errorText(error), 'bad'));
  return (
    <Card>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h3 className="text-lg font-bold">
          <Trans>What it earned</Trans>
        </h3>
        {totals.length > 0 && (
          <Button look="secondary" onClick={() => void csv()}>
            <Trans>Every movement as CSV</Trans>
          </Button>
        )}
      </div>
      {totals.length === 0 && (
        <p className="text-muted">
          <Trans>No money has moved yet.</Trans>
        </p>
      )}
      {totals.map((total) => (
        <OneCurrency key={total.currency} total={total} days={days.filter((day) => day.currency === total.currency)} />
      ))}
      {payouts.length > 0 && <Payouts payouts={payouts} />}
      {disputes.length > 0 && <Disputes event={event} disputes={disputes} />}
    </Card>
  );
}

/** Days of the event's zone already, so they are only written out. */
function useDay(): (date: string | undefined) => string {
  const { i18n } = useLingui();
  return (date) => (date ? formatDate(`${date}T12:00:00Z`, 'UTC', i18n.locale) : '');
}

/** The days that are next, or were last; the others are a table away. */
const PAYOUTS_SHOWN = 3;

function Payouts({ payouts }: Pick<EventFinance, 'payouts'>) {
  const { t } = useLingui();
  const dayOf = useDay();
  const newest = [...payouts].sort((a, b) => b.date.localeCompare(a.date));
  const money = (one: (typeof payouts)[number]) => <Money amount={one.amount} currency={one.currency} />;
  return (
    <div className="my-4">
      <h4 className="font-bold">
        <Trans>Payouts</Trans>
      </h4>
      <p className="text-sm text-muted">
        <Trans>What the payment provider makes available on which day; when it is sent to your bank is its schedule.</Trans>
      </p>
      <ul className="mt-1 max-w-md divide-y divide-border">
        {newest.slice(0, PAYOUTS_SHOWN).map((one) => (
          <li key={one.date + one.currency} className="flex justify-between gap-3 py-2">
            <span>{dayOf(one.date)}</span>
            <span className="font-semibold">{money(one)}</span>
          </li>
        ))}
      </ul>
      {newest.length > PAYOUTS_SHOWN && (
        <TableBehind
          head={[t`Day`, t`Amount`]}
          rows={newest.map((one) => ({ key: one.date + one.currency, cells: [dayOf(one.date), money(one)] }))}
        />
      )}
    </div>
  );
}

/** Stripe's words for how a dispute stands; a new one of theirs is shown as it is. */
function useDisputeWords(): (status: string) => string {
  const { t } = useLingui();
  const words: Record<string, string> = {
    needs_response: t`waits for your answer`,
    under_review: t`the bank is deciding`,
    won: t`decided for you`,
    lost: t`decided for the buyer`,
    warning_needs_response: t`the bank asks; nothing is taken yet`,
    warning_under_review: t`the bank is looking at your answer`,
    warning_closed: t`closed without a dispute`,
  };
  return (status) => words[status] ?? status.replaceAll('_', ' ');
}

function Disputes({ event, disputes }: { event: Event; disputes: EventFinance['disputes'] }) {
  const { i18n } = useLingui();
  const words = useDisputeWords();
  return (
    <Notice tone="warn" title={<Plural value={disputes.length} one="# disputed payment" other="# disputed payments" />}>
      <ul>
        {disputes.map((dispute) => {
          const due = dispute.evidenceDueBy && formatDate(dispute.evidenceDueBy, event.timezone, i18n.locale);
          return (
            <li key={dispute.disputeId} className="flex flex-wrap items-center justify-between gap-x-3">
              <span>
                <Money amount={dispute.amount} currency={dispute.currency} />: {words(dispute.status)}
                {due && dispute.status.endsWith('needs_response') && (
                  <>
                    {', '}
                    <Trans>at the payment provider's, by {due}</Trans>
                  </>
                )}
              </span>
              <Link
                to={`/manage/${event.eventId}/registrations?show=${dispute.registrationId}`}
                className="inline-flex min-h-11 items-center"
              >
                <Trans>See the registration</Trans>
              </Link>
            </li>
          );
        })}
      </ul>
    </Notice>
  );
}

const nothing = { gross: 0, fees: 0, refunds: 0, disputes: 0, adjustments: 0, net: 0, payments: 0 };

function OneCurrency({ total, days }: { total: Omit<Line, 'date'>; days: Line[] }) {
  const { t, i18n } = useLingui();
  const dateOf = useDay();
  const { currency } = total;
  // What is taken off is shown with its sign; but nothing is not less than nothing.
  const money = (amount: number) => <Money amount={amount || 0} currency={currency} />;
  const all = everyDay(days, (date) => ({ date, currency, ...nothing }));
  const best = all.reduce<Line | undefined>((top, day) => (top && top.net >= day.net ? top : day), undefined);
  const most = formatMoney(best?.net ?? 0, currency, i18n.locale);
  const bestDay = dateOf(best?.date);
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
          {best && (
            <p className="mb-1 text-sm text-muted">
              <Trans>
                Net by day. The most on one day: {most} on {bestDay}
              </Trans>
            </p>
          )}
          <DayBars
            label={t`Net by day, ${currency}`}
            days={all.map((day) => ({
              date: day.date,
              value: day.net,
              said: `${dateOf(day.date)}: ${formatMoney(day.net, currency, i18n.locale)}`,
            }))}
          />
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
