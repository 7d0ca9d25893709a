export type Day = '' | 'today' | 'weekend' | 'week' | 'month';

const HOURS = 3_600_000;

/** The first and last instant of a span of days by the viewer's calendar, as the API takes them. */
export function dayRange(day: Day, now = new Date()): { from?: string; to?: string } {
  const midnight = (days: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  const span = (from: Date, to: Date) => ({ from: from.toISOString(), to: new Date(to.getTime() - 1).toISOString() });
  switch (day) {
    case 'today':
      return span(now, midnight(1));
    case 'weekend': {
      // Friday from 17:00 to the end of Sunday; on a weekend, what is left of it.
      const weekday = now.getDay() || 7;
      const friday = new Date(midnight(5 - weekday).getTime() + 17 * HOURS);
      return span(now > friday ? now : friday, midnight(8 - weekday));
    }
    case 'week':
      return span(now, midnight(7));
    case 'month':
      return span(now, midnight(30));
    default:
      return {};
  }
}
