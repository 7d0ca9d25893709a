// A hand scanner that plays keyboard types faster than anybody, and ends with Enter.

/** Between two keys of a hand scanner; people need longer. */
const GAP_MS = 100;
/** Nothing shorter is a ticket, and much that people type is. */
const SHORTEST = 20;

/** Feed it keys; it gives back what a hand scanner typed, once its Enter is there. */
export function wedge(): (key: string, at: number) => string | undefined {
  let typed = '';
  let last = Number.NEGATIVE_INFINITY;
  return (key, at) => {
    if (at - last > GAP_MS) typed = '';
    last = at;
    if (key.length === 1) typed += key;
    if (key !== 'Enter') return undefined;
    const scanned = typed.length >= SHORTEST ? typed : undefined;
    typed = '';
    return scanned;
  };
}
