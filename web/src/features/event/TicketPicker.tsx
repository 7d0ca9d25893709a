import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { useNavigate } from 'react-router';
import type { Event, TicketType } from '@/api/types';
import { serverNow } from '@/lib/clock';
import { formatDateTime } from '@/lib/time';
import { Badge, Button, Money, QtyStepper } from '@/ui';
import { type Picked, type Sale, saleOf, total } from './picking';

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
export function TicketPicker({ event }: { event: Event }) {
  const [picked, setPicked] = useState<Picked>({});
  const navigate = useNavigate();
  const now = useSecond();
  const sum = total(event, picked);
  const open = event.ticketTypes.some((type) => saleOf(event, type, now).state === 'open');
  const go = () => {
    const items = Object.entries(picked).filter(([, quantity]) => quantity > 0);
    navigate(`/checkout/${event.eventId}?${new URLSearchParams(items.map(([id, quantity]) => [id, String(quantity)]))}`);
  };
  return (
    <>
      <ul className="divide-y divide-border">
        {event.ticketTypes.map((type) => (
          <li key={type.ticketTypeId} className="py-3">
            <TypeRow
              event={event}
              type={type}
              sale={saleOf(event, type, now)}
              quantity={picked[type.ticketTypeId] ?? 0}
              onChange={(quantity) => setPicked({ ...picked, [type.ticketTypeId]: quantity })}
            />
          </li>
        ))}
      </ul>
      {open && (
        <div className="max-lg:fixed max-lg:inset-x-0 max-lg:bottom-0 max-lg:z-10 max-lg:border-t max-lg:border-border max-lg:bg-surface max-lg:p-3 lg:mt-3">
          <div className="mx-auto flex max-w-6xl items-center justify-between gap-4 lg:flex-col lg:items-stretch">
            <p aria-live="polite" className="flex flex-wrap justify-between gap-x-3 font-semibold">
              <span>
                <Plural value={sum.quantity} _0="No ticket chosen" one="# ticket" other="# tickets" />
              </span>
              {sum.quantity > 0 && (
                <span>{sum.amount ? <Money amount={sum.amount} currency={event.currency} /> : <Trans>Free</Trans>}</span>
              )}
            </p>
            <Button disabled={sum.quantity === 0} onClick={go}>
              {sum.amount || sum.quantity === 0 ? <Trans>Get tickets</Trans> : <Trans>Register</Trans>}
            </Button>
          </div>
        </div>
      )}
    </>
  );
}

type RowProps = { event: Event; type: TicketType; sale: Sale; quantity: number; onChange: (quantity: number) => void };

function TypeRow({ event, type, sale, quantity, onChange }: RowProps) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <div className="min-w-0">
        <p className="font-semibold">{type.name}</p>
        {type.description && <p className="text-sm text-muted">{type.description}</p>}
        <p>{type.total ? <Money amount={type.total} currency={event.currency} /> : <Trans>Free</Trans>}</p>
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
        <Badge tone="info">
          <Trans>On sale from {formatDateTime(sale.at, event.timezone, i18n.locale)}</Trans>
        </Badge>
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
