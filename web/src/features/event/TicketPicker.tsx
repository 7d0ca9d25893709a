import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { startTransition, useEffect, useRef, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useQuote } from '@/api/prices';
import type { Event, TicketType } from '@/api/types';
import { basketQuery } from '@/features/checkout/basket';
import { serverNow } from '@/lib/clock';
import { formatMoney } from '@/lib/money';
import { formatDateTime } from '@/lib/time';
import { Badge, Button, Money, Notice } from '@/ui';
import { CodeEntry, useCodeFault } from '@/ui/CodeEntry';
import { type Picked, pickedIn, type Sale, saleOf, stillToHave, total } from './picking';
import { QtyStepper } from './QtyStepper';

/** Few are left of a type when it is a tenth of it, and at most 10. */
const FEW = 10;

function useSecond(): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** How many of what, and on to the checkout, which holds the seats. */
export function TicketPicker({ event, code, fault }: { event: Event; code: string; fault?: string }) {
  const navigate = useNavigate();
  const now = useSecond();
  const [params, setParams] = useSearchParams();
  // Whoever comes back from the checkout finds the choice as it was.
  const [wanted, setWanted] = useState<Picked>(() => pickedIn(params));
  const picked = stillToHave(event, wanted, now);
  const fewer = total(event, wanted).quantity - total(event, picked).quantity;
  const list = useRef<HTMLUListElement>(null);
  const codeFault = useCodeFault();
  const plain = total(event, picked);
  const items = event.ticketTypes.flatMap(({ ticketTypeId }) => {
    const quantity = picked[ticketTypeId] ?? 0;
    return quantity > 0 ? [{ ticketTypeId, quantity }] : [];
  });
  // Without a code the sum is known here; with one only the server reckons it.
  const quote = useQuote(event.eventId, items, code, code !== '' && !fault);
  const sum = { quantity: plain.quantity, amount: quote.data?.amount ?? plain.amount };
  const open = event.ticketTypes.some((type) => saleOf(event, type, now).state === 'open');
  const choose = (type: TicketType, quantity: number) => setWanted({ ...picked, [type.ticketTypeId]: quantity });
  const [going, setGoing] = useState(false);
  const go = async () => {
    const query = basketQuery(items, code);
    setGoing(true);
    await navigate(`?${query}`, { replace: true, preventScrollReset: true });
    await navigate(`/checkout/${event.eventId}?${query}`);
    // Behind the change of pages, which is a transition as well: until it is seen the button takes no second click.
    startTransition(() => setGoing(false));
  };
  /** On a phone the choice lies below the description; the bar leads there. */
  const show = () => {
    list.current?.scrollIntoView({ block: 'center' });
    list.current?.querySelector<HTMLButtonElement>('button:enabled')?.focus({ preventScroll: true });
  };
  return (
    <>
      <SoldOut event={event} now={now} />
      <ul ref={list} className="divide-y divide-border">
        {event.ticketTypes.map((type) => (
          <li key={type.ticketTypeId} className="py-3">
            <TypeRow
              event={event}
              type={type}
              sale={saleOf(event, type, now)}
              quantity={picked[type.ticketTypeId] ?? 0}
              onChange={(quantity) => choose(type, quantity)}
            />
          </li>
        ))}
      </ul>
      <div role="status">
        {fewer > 0 && (
          <Notice tone="warn">
            <Plural
              value={fewer}
              one="# ticket that you had chosen is not to be had any more."
              other="# tickets that you had chosen are not to be had any more."
            />
          </Notice>
        )}
      </div>
      {event.status === 'published' && Date.parse(event.endsAt) > now && (
        <div className="border-t border-border pt-3">
          <CodeEntry
            code={code}
            error={fault ?? codeFault(quote.error)}
            onApply={(next) => setParams(next ? { code: next } : {}, { replace: true, preventScrollReset: true })}
          />
        </div>
      )}
      {open && (
        <div
          className="max-lg:fixed max-lg:inset-x-0 max-lg:bottom-0 max-lg:z-10 max-lg:border-t max-lg:border-border max-lg:bg-surface max-lg:p-3 max-lg:pb-[max(0.75rem,env(safe-area-inset-bottom))] lg:mt-3"
          data-buy-bar
        >
          <div className="mx-auto flex max-w-6xl items-center justify-between gap-4 lg:flex-col lg:items-stretch">
            <p aria-live="polite" className="flex flex-wrap justify-between gap-x-3 font-semibold">
              <span>
                <Plural value={sum.quantity} _0="No ticket chosen" one="# ticket" other="# tickets" />
              </span>
              {sum.quantity > 0 && (
                <span>{sum.amount ? <Money amount={sum.amount} currency={event.currency} /> : <Trans>Free</Trans>}</span>
              )}
            </p>
            {sum.quantity === 0 && (
              <Button className="lg:hidden" onClick={show}>
                <Trans>Choose tickets</Trans>
              </Button>
            )}
            <Button
              className={sum.quantity === 0 ? 'max-lg:hidden' : undefined}
              disabled={sum.quantity === 0}
              busy={going}
              onClick={() => void go()}
            >
              {sum.amount || sum.quantity === 0 ? <Trans>Get tickets</Trans> : <Trans>Register</Trans>}
            </Button>
          </div>
        </div>
      )}
    </>
  );
}

/** Why nothing can be had, and what may still come of it. */
function SoldOut({ event, now }: { event: Event; now: number }) {
  const { t } = useLingui();
  const states = event.ticketTypes.map((type) => saleOf(event, type, now).state);
  if (states.length === 0 || !states.includes('sold-out') || states.includes('open') || states.includes('early')) return null;
  return (
    <Notice title={t`All tickets are taken at the moment.`}>
      <Trans>Seats that somebody holds but does not pay for come back within minutes. This page shows them by itself.</Trans>
    </Notice>
  );
}

type RowProps = { event: Event; type: TicketType; sale: Sale; quantity: number; onChange: (quantity: number) => void };

function TypeRow({ event, type, sale, quantity, onChange }: RowProps) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <div className="min-w-0 flex-1 basis-36">
        <p className="font-semibold" dir="auto">
          {type.name}
        </p>
        {type.description && (
          <p className="text-sm text-muted" dir="auto">
            {type.description}
          </p>
        )}
        <p>{type.total ? <Money amount={type.total} currency={event.currency} /> : <Trans>Free</Trans>}</p>
        <Included type={type} currency={event.currency} />
        {sale.state === 'open' && type.available <= Math.min(FEW, type.quantity / 10) && (
          <Badge tone="warn">
            <Plural value={type.available} one="Only # left" other="Only # left" />
          </Badge>
        )}
      </div>
      <SaleControl event={event} type={type} sale={sale} quantity={quantity} onChange={onChange} />
    </div>
  );
}

/** Of the price, which is all that is paid, what is not the ticket's own. */
function Included({ type, currency }: { type: TicketType; currency: string }) {
  const { t, i18n } = useLingui();
  const fee = formatMoney(type.fee, currency, i18n.locale);
  const tax = formatMoney(type.tax, currency, i18n.locale);
  const text =
    type.fee && type.tax ? t`includes ${fee} fee and ${tax} tax` : type.fee ? t`includes ${fee} fee` : type.tax && t`includes ${tax} tax`;
  return text ? <p className="text-sm text-muted">{text}</p> : null;
}

function SaleControl({ event, type, sale, quantity, onChange }: RowProps) {
  const { i18n } = useLingui();
  switch (sale.state) {
    case 'open':
      return <QtyStepper label={type.name} value={quantity} min={type.minPerOrder ?? 1} max={sale.max} onChange={onChange} />;
    case 'sold-out':
      return (
        <Badge tone="bad">
          <Trans>Sold out</Trans>
        </Badge>
      );
    case 'early':
      return (
        <div>
          <Badge tone="info">
            <Trans>On sale from {formatDateTime(sale.at, event.timezone, i18n.locale)}</Trans>
          </Badge>
          <Opens at={sale.at} />
        </div>
      );
    case 'over':
      return (
        <Badge>
          <Trans>Sale has ended</Trans>
        </Badge>
      );
    case 'closed':
      return null;
  }
}

/** How long until the sale begins, once that is within a day: the clock of whoever waits with the finger on the button. */
function Opens({ at }: { at: string }) {
  const seconds = Math.ceil((Date.parse(at) - useSecond()) / 1000);
  if (seconds <= 0 || seconds > 86_400) return null;
  const two = (n: number) => String(n).padStart(2, '0');
  const left = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return (
    <p className="mt-1 text-sm">
      <Trans>
        in <span className="tabular-nums">{left}</span>
      </Trans>
    </p>
  );
}
