// Times come in UTC and are shown in the event's zone, with the viewer's beside it where that differs.

const viewerZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

function format(at: string, zone: string, locale: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone }).format(new Date(at));
}

/** "Sat, 5 Dec 2026, 19:00" in the event's zone. */
export function formatDateTime(at: string, zone: string, locale: string): string {
  return format(at, zone, locale, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  });
}

export function formatDate(at: string, zone: string, locale: string): string {
  return format(at, zone, locale, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
}

export function formatTime(at: string, zone: string, locale: string): string {
  return format(at, zone, locale, { hour: 'numeric', minute: '2-digit' });
}

/** From and to: the day is named once where both lie on it. */
export function formatSpan(from: string, to: string, zone: string, locale: string): string {
  const same = format(from, zone, 'en-CA', { dateStyle: 'short' }) === format(to, zone, 'en-CA', { dateStyle: 'short' });
  return `${formatDateTime(from, zone, locale)} – ${same ? formatTime(to, zone, locale) : formatDateTime(to, zone, locale)}`;
}

/** "CET" or "GMT+1": how the zone calls itself at that time. */
export function zoneName(at: string, zone: string, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' }).formatToParts(new Date(at));
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? zone;
}

/** The same instant by the viewer's clock, or undefined where that shows the same. */
export function formatForViewer(at: string, zone: string, locale: string): string | undefined {
  const here = viewerZone();
  const theirs = formatDateTime(at, here, locale);
  return here === zone || theirs === formatDateTime(at, zone, locale) ? undefined : `${theirs} ${zoneName(at, here, locale)}`;
}
