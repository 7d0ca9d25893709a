import { Trans } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import type { Event } from '@/api/types';
import { Card, EventTime, Money } from '@/ui';

export type SummaryLine = { key: string; name: string; quantity: number; amount: number };

/** What is bought, of which event, and what it costs in all. Always in sight; folded on a phone. */
export function Summary({ event, lines, amount, children }: { event: Event; lines: SummaryLine[]; amount: number; children?: ReactNode }) {
  return (
    <Card className="lg:sticky lg:top-4">
      <h2 className="text-lg font-bold">{event.title}</h2>
      <p className="text-muted">
        <EventTime at={event.startsAt} zone={event.timezone} />
      </p>
      <table className="mt-3 w-full border-t border-border">
        <caption className="sr-only">
          <Trans>Your order</Trans>
        </caption>
        <tbody>
          {lines.map((line) => (
            <tr key={line.key} className="align-top">
              <th scope="row" className="py-1 pr-2 text-left font-normal">
                {line.quantity} × {line.name}
              </th>
              <td className="py-1 text-right">
                {line.amount ? <Money amount={line.amount} currency={event.currency} /> : <Trans>Free</Trans>}
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr className="border-t border-border text-lg font-bold">
            <th scope="row" className="pt-2 text-left">
              <Trans>Total</Trans>
            </th>
            <td className="pt-2 text-right">{amount ? <Money amount={amount} currency={event.currency} /> : <Trans>Free</Trans>}</td>
          </tr>
        </tfoot>
      </table>
      {children}
    </Card>
  );
}
