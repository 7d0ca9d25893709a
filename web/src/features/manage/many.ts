// The same work for many registrations, one after the other: the server takes no list of them, and one that is refused must not keep the others.
import { ApiError } from '@/api/errors';

export type Failure<T> = { item: T; error: unknown };
type Options = {
  onStep: (done: number) => void;
  /** Asked before each: true ends it, and what was not begun is given back with the failures. */
  stopped: () => boolean;
  wait?: (ms: number) => Promise<void>;
};

/** So often one is tried that was told to wait, or got no answer; `work` names its own Idempotency-Key, so that a second try does nothing twice. */
const TRIES = 5;
const WAIT_S = 2;

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

async function patiently(work: () => Promise<unknown>, wait: (ms: number) => Promise<void>, stopped: () => boolean): Promise<void> {
  for (let tried = 1; ; tried++)
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.passing) || tried === TRIES || stopped()) throw error;
      await wait((error.retryAfter ?? WAIT_S * tried) * 1000);
    }
}

/** What could not be done, and why; `error` is undefined for what was not begun. */
export async function forEach<T>(
  items: T[],
  work: (item: T) => Promise<unknown>,
  { onStep, stopped, wait = pause }: Options,
): Promise<Failure<T>[]> {
  const left: Failure<T>[] = [];
  for (const [n, item] of items.entries()) {
    if (stopped()) {
      left.push({ item, error: undefined });
      continue;
    }
    await patiently(() => work(item), wait, stopped).catch((error: unknown) => left.push({ item, error }));
    onStep(n + 1);
  }
  return left;
}
