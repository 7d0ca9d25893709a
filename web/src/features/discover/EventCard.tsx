import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from 'react-router';
import type { Event } from '@/api/types';
import { serverNow } from '@/lib/clock';
import { formatMoney } from '@/lib/money';
import { formatDateTime } from '@/lib/time';
import { Badge } from '@/ui';
import { Picture } from '@/ui/Picture';
import { pricesOf, type Stock, stockOf } from './stock';

function usePrice(event: Event, now: number): string {
  const { t, i18n } = useLingui();
  const prices = pricesOf(event, now);
  if (!prices) return '';
  const { least, most } = prices;
  if (most === 0) return t`Free`;
  const dearest = formatMoney(most, event.currency, i18n.locale);
  if (least === 0) return t`Free to ${dearest}`;
  const cheapest = formatMoney(least, event.currency, i18n.locale);
  return least === most ? cheapest : t`from ${cheapest}`;
}

/** What there is to say beside the price; nothing while there are plenty. */
function StockBadge({ stock }: { stock: Stock }) {
  switch (stock) {
    case 'none':
      return (
        <Badge tone="bad">
          <Trans>Sold out</Trans>
        </Badge>
      );
    case 'few':
      return (
        <Badge tone="warn">
          <Trans>Few left</Trans>
        </Badge>
      );
    case 'early':
      return (
        <Badge tone="info">
          <Trans>On sale soon</Trans>
        </Badge>
      );
    case 'over':
      return (
        <Badge>
          <Trans>Sale has ended</Trans>
        </Badge>
      );
    case 'plenty':
      return null;
  }
}

export function EventCard({ event, eager }: { event: Event; eager: boolean }) {
  const { i18n } = useLingui();
  const now = serverNow();
  const price = usePrice(event, now);
  const place = [event.venue?.name, event.venue?.city].filter(Boolean).join(', ');
  return (
    <article className="relative flex h-full flex-col overflow-hidden rounded-card border border-border bg-surface focus-within:outline-3 focus-within:outline-offset-2 focus-within:outline-[var(--focus)]">
      <Picture url={event.imageUrl} id={event.eventId} eager={eager} className="aspect-[16/9]" />
      <div className="flex flex-1 flex-col gap-1 p-4">
        <p className="font-semibold text-accent">{formatDateTime(event.startsAt, event.timezone, i18n.locale)}</p>
        <h2 className="text-lg leading-snug font-bold" dir="auto">
          {/* The whole card is the link, and is named by its title alone. */}
          <Link to={`/e/${event.eventId}`} className="no-underline outline-none after:absolute after:inset-0">
            {event.title}
          </Link>
        </h2>
        <p className="text-muted">{place || (event.online ? <Trans>Online</Trans> : <Trans>Place to be announced</Trans>)}</p>
        <p className="mt-auto flex flex-wrap items-center justify-between gap-2 pt-2 font-semibold">
          <span>{price}</span>
          <StockBadge stock={stockOf(event, now)} />
        </p>
      </div>
    </article>
  );
}
