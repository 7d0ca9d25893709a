import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from 'react-router';
import type { Event } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatDateTime } from '@/lib/time';
import { Badge } from '@/ui';
import { Cover } from './Cover';

/** Few are left when it is under a tenth of the seats, and at most 20. */
function stock(event: Event): 'none' | 'few' | 'plenty' {
  const left = event.ticketTypes.reduce((most, type) => most + type.available, 0);
  if (left === 0) return 'none';
  return left <= Math.min(20, event.capacity / 10) ? 'few' : 'plenty';
}

function usePrice(event: Event): string {
  const { t, i18n } = useLingui();
  const prices = event.ticketTypes.map((type) => type.total);
  const least = Math.min(...prices);
  const text = formatMoney(least, event.currency, i18n.locale);
  const dearest = Math.max(...prices);
  if (dearest === 0) return t`Free`;
  const most = formatMoney(dearest, event.currency, i18n.locale);
  if (least === 0) return t`Free to ${most}`;
  return prices.every((price) => price === least) ? text : t`from ${text}`;
}

export function EventCard({ event, eager }: { event: Event; eager: boolean }) {
  const { i18n } = useLingui();
  const price = usePrice(event);
  const left = stock(event);
  const place = [event.venue?.name, event.venue?.city].filter(Boolean).join(', ');
  return (
    <article className="relative flex h-full flex-col overflow-hidden rounded-card border border-border bg-surface focus-within:outline-3 focus-within:outline-offset-2 focus-within:outline-[var(--focus)]">
      <div className="aspect-[16/9] bg-surface-2">
        {event.imageUrl ? (
          <img src={event.imageUrl} alt="" loading={eager ? 'eager' : 'lazy'} className="size-full object-cover" />
        ) : (
          <Cover id={event.eventId} />
        )}
      </div>
      <div className="flex flex-1 flex-col gap-1 p-4">
        <p className="font-semibold text-accent">{formatDateTime(event.startsAt, event.timezone, i18n.locale)}</p>
        <h2 className="text-lg leading-snug font-bold">
          {/* The whole card is the link, and is named by its title alone. */}
          <Link to={`/e/${event.eventId}`} className="no-underline outline-none after:absolute after:inset-0">
            {event.title}
          </Link>
        </h2>
        <p className="text-muted">{place || (event.online ? <Trans>Online</Trans> : <Trans>Place to be announced</Trans>)}</p>
        <p className="mt-auto flex flex-wrap items-center justify-between gap-2 pt-2 font-semibold">
          <span>{price}</span>
          {left === 'none' && (
            <Badge tone="bad">
              <Trans>Sold out</Trans>
            </Badge>
          )}
          {left === 'few' && (
            <Badge tone="warn">
              <Trans>Few left</Trans>
            </Badge>
          )}
        </p>
      </div>
    </article>
  );
}
