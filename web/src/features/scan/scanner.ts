// One gate at work: codes go in, verdicts come out, and what was decided without a network reaches the server as soon as there is one. Pages watch
// it by `subscribe` and `snapshot`; everything that must outlive the page stands in the store.
import { toApiError } from '@/api/http';
import type { Verdict } from '@/api/types';
import { serverNow } from '@/lib/clock';
import { uuid7 } from '@/lib/id';
import type { Conflict, Counts, Last, Queued, Setup, Store } from './db';
import { isGenuine, isOf, judge, type Reason, readToken, SAME_CODE_MS, type Token } from './engine';
import { download, type GateApi, gateApi, handIn } from './sync';

/** `denied`: the server knows this phone or person not, or not any more. `unsaved`: this phone could not write an admission down. */
export type Outcome = 'admit' | 'saved' | 'denied' | 'unsaved' | Reason;
export type Shown = {
  serial: number;
  outcome: Outcome;
  name: string | null;
  type: string | null;
  usedAt: string | null;
  usedGate: string | null;
};
export type State = Counts & {
  setup: Setup;
  verdict?: Shown;
  reachable: boolean;
  denied: boolean;
  syncedAt?: number;
  conflicts: Conflict[];
  last?: Last;
};

/** Seconds between two talks with the server: while all is well, and while there is something to make up for. */
const CALM_MS = 10_000;
const EAGER_MS = 4_000;
/** The whole list at most so often where it changed, and a second more for each of its pages; and at least so often in any case. */
const LIST_MS = 15_000;
const LIST_AT_LEAST_MS = 300_000;
const ROWS_A_PAGE = 100;

export class Scanner {
  private state: State;
  private readonly api: GateApi;
  private readonly watchers = new Set<() => void>();
  private readonly recent = new Map<string, number>();
  private line: Promise<unknown> = Promise.resolve();
  private syncing?: Promise<void>;
  private timer?: ReturnType<typeof setTimeout>;
  private listedAt = Number.NEGATIVE_INFINITY;
  private shownText = '';
  private serial = 0;

  constructor(
    setup: Setup,
    private readonly store: Store,
    api?: GateApi,
  ) {
    this.api = api ?? gateApi(setup);
    this.state = { setup, reachable: true, denied: false, conflicts: [], ins: 0, all: 0, queued: 0, elsewhere: 0 };
  }

  subscribe = (watcher: () => void) => {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  };
  snapshot = () => this.state;

  private set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const watcher of this.watchers) watcher();
  }

  /** Read again what the store holds. */
  private async look(change: Partial<State> = {}): Promise<void> {
    const { eventId } = this.state.setup.event;
    const [counts, conflicts, last, syncedAt] = await Promise.all([
      this.store.counts(eventId),
      this.store.conflicts(eventId),
      this.store.get('last'),
      this.store.get('syncedAt'),
    ]);
    this.set({ ...counts, conflicts, last, syncedAt, ...change });
  }

  /** The list and the keys, for the first time or anew; an error is the caller's to show. */
  async prepare(onPage?: (rows: number) => void): Promise<void> {
    await this.look();
    const event = await download(this.api, this.store, this.state.setup, onPage);
    this.listedAt = performance.now();
    await this.changeSetup({ event });
    await this.store.put('syncedAt', Date.now());
    await this.look({ reachable: true, denied: false });
  }

  private async changeSetup(change: Partial<Setup>): Promise<void> {
    const setup = { ...this.state.setup, ...change };
    await this.store.setUp(setup);
    this.set({ setup });
  }

  start(): void {
    window.addEventListener('online', this.wake);
    this.wake();
  }
  stop(): void {
    window.removeEventListener('online', this.wake);
    clearTimeout(this.timer);
    this.timer = undefined;
    this.dismiss();
  }

  private wake = (): void => {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      await this.sync();
      this.again();
    });
  };
  private again(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.wake, this.state.reachable && !this.state.queued ? CALM_MS : EAGER_MS);
  }

  /** Hand in what waits, then see whether the list is still true. One at a time. */
  sync(): Promise<void> {
    this.syncing ??= this.talk().finally(() => {
      this.syncing = undefined;
    });
    return this.syncing;
  }

  private async talk(): Promise<void> {
    try {
      // What waits is measured by the server's clock, so first a word from it: this phone's own clock may be wrong.
      if (this.state.queued > 0) await this.api.counts();
      await handIn(this.api, this.store, this.state.setup.event.eventId);
      const counts = await this.api.counts();
      const seen = `${counts.checkedIn} of ${counts.sold}`;
      if (this.listIsDue(seen !== (await this.store.get('seen')))) {
        await this.prepare();
        await this.store.put('seen', seen);
      }
      await this.store.put('syncedAt', Date.now());
      await this.look({ reachable: true, denied: false });
    } catch (error) {
      await this.look(this.fault(error));
    }
  }

  private listIsDue(changed: boolean): boolean {
    const age = performance.now() - this.listedAt;
    const often = Math.max(LIST_MS, (this.state.all / ROWS_A_PAGE) * 1000);
    return age > (changed ? often : Math.max(often, LIST_AT_LEAST_MS));
  }

  private fault(error: unknown): Partial<State> {
    const { status } = toApiError(error);
    return [401, 403, 404].includes(status) ? { reachable: true, denied: true } : { reachable: false };
  }

  /** A code that a camera or a hand scanner read. */
  scan(text: string): Promise<void> {
    const now = performance.now();
    const code = text.trim();
    const shown = this.state.verdict !== undefined && this.shownText === code;
    if (!code || shown || now - (this.recent.get(code) ?? Number.NEGATIVE_INFINITY) < SAME_CODE_MS) return Promise.resolve();
    this.remember(code, now);
    return this.inLine(async () => {
      const token = readToken(code);
      const verdict = token ? await this.judged(token.ticketId, token) : this.refusal('forged');
      this.remember(code, performance.now());
      this.shownText = code;
      this.show(verdict);
    });
  }

  private remember(code: string, at: number): void {
    if (this.recent.size > 1000) this.recent.clear();
    this.recent.set(code, at);
  }

  /** By hand, from the list. */
  admit(ticketId: string): Promise<void> {
    return this.inLine(async () => {
      const verdict = await this.judged(ticketId);
      this.shownText = '';
      this.show(verdict);
    });
  }

  private inLine(work: () => Promise<void>): Promise<void> {
    // Counters that cannot be read again are old ones, and no reason to keep an answer back.
    const done = this.line.then(work).then(() => this.look().catch(() => undefined));
    this.line = done.catch(() => undefined);
    return done;
  }

  /** A verdict in any case, for a mute scanner leaves a steward guessing: what fails here is the phone's own storage, when it is full. */
  private async judged(ticketId: string, token?: Token): Promise<Omit<Shown, 'serial'>> {
    try {
      return await this.decide(ticketId, token);
    } catch (error) {
      console.warn('scanner:', error);
      return this.refusal('unsaved');
    }
  }

  private show(verdict: Omit<Shown, 'serial'>): void {
    this.serial++;
    this.set({ verdict: { ...verdict, serial: this.serial } });
  }
  /** Away with the verdict. With `serial`, by itself, and only if it is still that one; else by a tap, after which its code may rest a while longer. */
  dismiss = (serial?: number): void => {
    if (serial === undefined) this.remember(this.shownText, performance.now());
    if (serial === undefined || this.state.verdict?.serial === serial) this.set({ verdict: undefined });
  };

  private refusal(outcome: Outcome, more: Partial<Shown> = {}): Omit<Shown, 'serial'> {
    return { outcome, name: null, type: null, usedAt: null, usedGate: null, ...more };
  }

  private async decide(ticketId: string, token?: Token): Promise<Omit<Shown, 'serial'>> {
    const { setup, reachable } = this.state;
    const scan: Queued = {
      scanId: uuid7(),
      eventId: setup.event.eventId,
      ticketId,
      ...(token && { qrCode: token.text }),
      gate: setup.gate,
      deviceId: setup.deviceId,
      scannedAt: new Date(serverNow()).toISOString(),
      name: null,
      tried: 0,
    };
    // What this phone let in and has not handed in, the server cannot know.
    if (!reachable || (await this.store.waits(ticketId))) return this.decideAlone(scan, token);
    try {
      return await this.told(scan, await this.api.validate(scan));
    } catch (error) {
      const fault = this.fault(error);
      this.set(fault);
      if (fault.denied) return this.refusal('denied');
      this.again();
      // It may have arrived all the same; the same device and time then make it the same scan.
      return this.decideAlone({ ...scan, tried: 1 }, token);
    }
  }

  private async told(scan: Queued, verdict: Verdict): Promise<Omit<Shown, 'serial'>> {
    const { ticketId, scannedAt, gate, scanId } = scan;
    const row = await this.store.row(ticketId);
    const name = verdict.ticket?.attendeeName ?? row?.attendeeName ?? null;
    const type = row?.ticketTypeName ?? null;
    const { reason, firstUsedAt: usedAt, firstUsedGate: usedGate } = verdict;
    try {
      if (reason === null) {
        await this.store.learn(ticketId, { status: 'used', usedAt: scannedAt, usedGate: gate });
        await this.store.put('last', { ticketId, scanId, name });
      } else if (reason === 'already-used') await this.store.learn(ticketId, { status: 'used', usedAt, usedGate });
    } catch (error) {
      // The server has decided; that this phone cannot remember it changes nothing for who stands before it.
      console.warn('scanner:', error);
    }
    return reason === null ? this.refusal('admit', { name, type }) : this.refusal(reason, { name, type, usedAt, usedGate });
  }

  private async decideAlone(scan: Queued, token?: Token): Promise<Omit<Shown, 'serial'>> {
    const { event } = this.state.setup;
    if (token && !(await isGenuine(token, (await this.store.get('keys')) ?? []))) return this.refusal('forged');
    if (token && !isOf(token, event.eventId)) return this.refusal('wrong-event');
    const { reason, row } = await this.store.admit(scan, token?.edition, (known) =>
      judge(event, known, token?.edition, Date.parse(scan.scannedAt)),
    );
    const who = { name: row?.attendeeName ?? null, type: row?.ticketTypeName ?? null };
    return reason === null
      ? this.refusal('saved', who)
      : this.refusal(reason, {
          ...who,
          ...(reason === 'already-used' && { usedAt: row?.usedAt ?? null, usedGate: row?.usedGate ?? null }),
        });
  }

  /** Take the last admission back: here, while it has not left the phone; else at the server. */
  undo(): Promise<void> {
    return this.inLine(async () => {
      const { last, setup } = this.state;
      if (!last || (await this.store.unqueue(last))) return;
      await handIn(this.api, this.store, setup.event.eventId);
      await this.api.undo(last.ticketId, setup);
      await this.store.learn(last.ticketId, { status: 'valid', usedAt: null, usedGate: null });
      await this.store.clearLast();
    }).finally(() => this.recent.clear());
  }

  async clearConflicts(): Promise<void> {
    await this.store.clearConflicts(this.state.setup.event.eventId);
    await this.look();
  }
}
