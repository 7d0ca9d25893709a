import { useLingui } from '@lingui/react/macro';
import { formatMoney } from '@/lib/money';
import { formatDateTime, formatForViewer, formatSpan, zoneName } from '@/lib/time';

export function Money({ amount, currency }: { amount: number; currency: string }) {
  const { i18n } = useLingui();
  return <span className="tabular-nums">{formatMoney(amount, currency, i18n.locale)}</span>;
}

/** A time of the event's, in its zone, and in the viewer's where that differs. */
export function EventTime({ at, until, zone }: { at: string; until?: string; zone: string }) {
  const { i18n, t } = useLingui();
  const viewer = formatForViewer(at, zone, i18n.locale);
  return (
    <>
      <time dateTime={at}>{until ? formatSpan(at, until, zone, i18n.locale) : formatDateTime(at, zone, i18n.locale)}</time>{' '}
      <span className="text-muted">{zoneName(at, zone, i18n.locale)}</span>
      {viewer && <span className="block text-sm text-muted">{t`Your time: ${viewer}`}</span>}
    </>
  );
}
