import { Trans } from '@lingui/react/macro';
import { scaleBand, scaleLinear } from '@visx/scale';
import { Bar } from '@visx/shape';
import type { ReactNode } from 'react';

export type Row = { key: string; cells: ReactNode[] };

/** What a chart shows, in figures: for those who do not see it, and those who want to know exactly. */
export function TableBehind({ head, rows }: { head: ReactNode[]; rows: Row[] }) {
  return (
    <details className="mt-2">
      <summary className="cursor-pointer py-2.5">
        <Trans>As a table</Trans>
      </summary>
      <div className="relative overflow-x-auto">
        <table className="w-full text-left tabular-nums">
          <thead>
            <tr className="border-b border-border">
              {head.map((cell, n) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the columns never change places
                <th key={n} scope="col" className="py-2 pr-4 font-semibold">
                  {cell}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.key} className="border-b border-border">
                {row.cells.map((cell, n) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: the columns never change places
                  <td key={n} className="py-2 pr-4">
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** One bar lying down: sold of what there is, and of the sold what is in. */
export function ShareBar({ label, total, sold, inside }: { label: string; total: number; sold: number; inside: number }) {
  const x = scaleLinear({ domain: [0, Math.max(total, sold, 1)], range: [0, 100] });
  return (
    <svg role="img" aria-label={label} viewBox="0 0 100 8" preserveAspectRatio="none" className="block h-4 w-full rounded-md">
      <Bar x={0} y={0} width={100} height={8} className="fill-surface-2" />
      <Bar x={0} y={0} width={x(sold)} height={8} className="fill-accent" />
      <Bar x={0} y={5} width={x(inside)} height={3} className="fill-ok" />
    </svg>
  );
}

/** A chart of fewer days is as wide as this many: one day is a bar, not a wall. */
export const SLOTS_MIN = 12;

/** Standing bars over days, below the line where an amount is negative. The words around it are HTML, so that they keep their size on a phone. */
export function DayBars({ label, days }: { label: string; days: { date: string; value: number; said: string }[] }) {
  const values = days.map((day) => day.value);
  const y = scaleLinear({ domain: [Math.min(0, ...values), Math.max(1, ...values)], range: [100, 0] });
  const x = scaleBand({
    domain: days.map((day) => day.date),
    range: [0, (300 * days.length) / Math.max(days.length, SLOTS_MIN)],
    padding: days.length > 60 ? 0 : 0.2,
  });
  const zero = y(0);
  return (
    <svg role="img" aria-label={label} viewBox="0 0 300 100" preserveAspectRatio="none" className="block h-40 w-full">
      {days.map((day) => (
        <Bar
          key={day.date}
          x={x(day.date)}
          width={x.bandwidth()}
          y={Math.min(y(day.value), zero)}
          height={Math.abs(y(day.value) - zero)}
          className={day.value < 0 ? 'fill-bad' : 'fill-accent'}
        >
          <title>{day.said}</title>
        </Bar>
      ))}
      <line x1={0} x2={300} y1={zero} y2={zero} className="stroke-control" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
