// The server's time. A buyer's clock may be off by hours; what is left of a hold is counted by the server's, known from the Date of each answer.
let offset = 0; // server minus client, in milliseconds
let certainty = Number.POSITIVE_INFINITY; // how far off that may be: a Date has whole seconds, and the answer was on its way

/** Learn from an answer: its Date header, and when the request left (performance.now). */
export function learnTime(date: string | undefined | null, sentAt: number): void {
  const at = date ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(at)) return;
  const travel = performance.now() - sentAt;
  const doubt = 500 + travel / 2;
  const seen = at + 500 + travel / 2 - Date.now();
  // A better reading replaces a worse one; so does one that cannot be reconciled, for then a clock was set.
  if (doubt <= certainty || Math.abs(seen - offset) > doubt + certainty) {
    offset = seen;
    certainty = doubt;
  }
}

/** Milliseconds since 1970 by the server's clock. */
export function serverNow(): number {
  return Date.now() + offset;
}
