import { Trans, useLingui } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import type { Event } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { Card, EventTime, Money } from '@/ui';
import type { Sums } from './basket';

/** `pending`: the server still reckons the sum, and no other is shown meanwhile. */
type Props = { event: Event; sums: Sums; pending?: boolean; children?: ReactNode };

/** What is bought, of which event, and how its sum comes about. Always in sight. */
export function Summary({ event, sums, pending, children }: Props) {
  const { t, i18n } = useLingui();
  const { currency } = event;
  // Tax counts both kinds; what the sum has beyond price and fees is the kind that comes on top (docs/prices.md).
  const onTop = sums.amount - (sums.subtotal - sums.discount + sums.fees);
  const included = formatMoney(sums.tax - onTop, currency, i18n.locale);
  return (
    <Card className="lg:sticky lg:top-4">
      <h2 className="text-lg font-bold" dir="auto">
        {event.title}
      </h2>
      <p className="text-muted">
        <EventTime at={event.startsAt} zone={event.timezone} />
      </p>
      <table className="mt-3 w-full border-t border-border">
        <caption className="sr-only">
          <Trans>Your order</Trans>
        </caption>
        <tbody>
          {sums.items.map((item) => (
            <Row
              key={item.ticketTypeId}
              name={`${item.quantity} × ${event.ticketTypes.find((type) => type.ticketTypeId === item.ticketTypeId)?.name ?? t`Ticket`}`}
              amount={item.unitPrice * item.quantity}
              currency={currency}
            />
          ))}
          {sums.discount > 0 && <Row name={t`Discount (${sums.discountCode ?? ''})`} amount={-sums.discount} currency={currency} />}
          {sums.fees > 0 && <Row name={t`Fee`} amount={sums.fees} currency={currency} />}
          {onTop > 0 && <Row name={t`Tax`} amount={onTop} currency={currency} />}
        </tbody>
        <tfoot>
          <tr className="border-t border-border text-lg font-bold">
            <th scope="row" className="pt-2 text-left">
              <Trans>Total</Trans>
            </th>
            <td className="pt-2 text-right">
              {pending ? '…' : sums.amount ? <Money amount={sums.amount} currency={currency} /> : <Trans>Free</Trans>}
            </td>
          </tr>
        </tfoot>
      </table>
      {!pending && sums.tax > onTop && (
        <p className="text-right text-sm text-muted">
          <Trans>includes {included} tax</Trans>
        </p>
      )}
      {children}
    </Card>
  );
}

function Row({ name, amount, currency }: { name: ReactNode; amount: number; currency: string }) {
  return (
    <tr className="align-top">
      <th scope="row" className="py-1 pr-2 text-left font-normal break-words">
        {name}
      </th>
      <td className="py-1 text-right whitespace-nowrap">{amount ? <Money amount={amount} currency={currency} /> : <Trans>Free</Trans>}</td>
    </tr>
  );
}
