/** Every day from the first to the last, so that a day without sales is a gap and not skipped; `empty` stands for such a day. */
export function everyDay<T extends { date: string }>(days: T[], empty: (date: string) => T): T[] {
  const sorted = [...days].sort((a, b) => a.date.localeCompare(b.date));
  const first = sorted[0];
  const last = sorted[sorted.length - 1];
  if (!first || !last) return [];
  const known = new Map(sorted.map((day) => [day.date, day]));
  const all: T[] = [];
  for (let at = Date.parse(first.date); at <= Date.parse(last.date); at += 86_400_000) {
    const date = new Date(at).toISOString().slice(0, 10);
    all.push(known.get(date) ?? empty(date));
  }
  return all;
}
