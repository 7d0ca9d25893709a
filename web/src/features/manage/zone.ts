// Times on the clock of an event's zone. The arithmetic (and the two nights a year on which it is not plain) is Temporal's, fetched when an editor opens.
import { useQuery } from '@tanstack/react-query';

/** What a clock on the wall shows, "2026-12-05T19:00"; '' is no time. `later`: of an hour that comes twice, the second. */
export type Wall = { at: string; later?: boolean };

/** What a wall's time is: an instant; one of two (`twice`); or none, in the hour that is skipped in spring. `next` is the time the clocks jump to meanwhile. */
export type Reading = { kind: 'none' } | { kind: 'once' | 'twice'; utc: string } | { kind: 'skipped'; next: string };

export type Zones = { read: (wall: Wall, zone: string) => Reading; show: (utc: string | null | undefined, zone: string) => Wall };

export async function loadZones(): Promise<Zones> {
  const { Temporal } = await import('temporal-polyfill');
  const read = (wall: Wall, zone: string): Reading => {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(wall.at)) return { kind: 'none' };
    const plain = Temporal.PlainDateTime.from(wall.at);
    const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' });
    const later = plain.toZonedDateTime(zone, { disambiguation: 'later' });
    if (!later.toPlainDateTime().equals(plain))
      return { kind: 'skipped', next: later.toPlainDateTime().toString({ smallestUnit: 'minute' }) };
    const instant = wall.later ? later : earlier;
    return { kind: earlier.equals(later) ? 'once' : 'twice', utc: new Date(instant.epochMilliseconds).toISOString() };
  };
  const show = (utc: string | null | undefined, zone: string): Wall => {
    if (!utc) return { at: '' };
    const at = Temporal.Instant.from(utc).toZonedDateTimeISO(zone).toPlainDateTime().toString({ smallestUnit: 'minute' });
    const first = read({ at }, zone);
    return first.kind === 'twice' && Date.parse(first.utc) < Date.parse(utc) - 60_000 ? { at, later: true } : { at };
  };
  return { read, show };
}

export const useZones = () => useQuery({ queryKey: ['zones'], queryFn: loadZones, staleTime: Number.POSITIVE_INFINITY });
