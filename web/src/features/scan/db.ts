// What a scanner keeps on its phone. This is the truth; pages are views of it. Each change that belongs together is one transaction.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { GateEvent, Key, Reason, Row } from './engine';

/** Who scans, where. A device that was claimed has a credential of its own; else the person that is signed in scans. */
export type Setup = { event: GateEvent; gate: string; deviceId: string; deviceName?: string; credential?: string };
/** An admission that the server does not know yet. `tried`: it was on its way once, so that the server may know it after all. */
export type Queued = {
  scanId: string;
  eventId: string;
  ticketId: string;
  qrCode?: string;
  gate: string;
  deviceId: string;
  scannedAt: string;
  name: string | null;
  tried: 0 | 1;
};
/** Let in without a network, and the server says that it should not have been. */
export type Conflict = Pick<Queued, 'scanId' | 'eventId' | 'ticketId' | 'scannedAt' | 'name'> & {
  reason: Reason | 'refused';
  firstUsedAt: string | null;
  firstUsedGate: string | null;
};
/** The admission that "undo" takes back. */
export type Last = { ticketId: string; scanId: string; name: string | null };
export type Counts = { ins: number; all: number; queued: number; elsewhere: number };

type Meta = { setup: Setup; keys: Key[]; syncedAt: number; seen: string; last: Last; deviceId: string };
type Shape = DBSchema & {
  meta: { key: string; value: unknown };
  roster: { key: string; value: Row; indexes: { status: string } };
  queue: { key: string; value: Queued; indexes: { eventId: string } };
  conflicts: { key: string; value: Conflict; indexes: { eventId: string } };
};

/** The server refuses what is older than 30 days or more than five minutes ahead; a phone's clock can be that wrong. */
const OLDEST_MS = 29 * 86_400_000;
const AHEAD_MS = 5 * 60_000;
/** An admission that this phone saw while a list was under way is newer than the list. */
const OVERLAP_MS = 5000;

/** A step of a transaction. Whether it holds is told by the end of the whole, which is awaited. */
const within = (step: Promise<unknown>) => void step.catch(() => undefined);

export class Store {
  constructor(private readonly db: IDBPDatabase<Shape>) {}

  async get<K extends keyof Meta>(key: K): Promise<Meta[K] | undefined> {
    return (await this.db.get('meta', key)) as Meta[K] | undefined;
  }
  async put<K extends keyof Meta>(key: K, value: Meta[K]): Promise<void> {
    await this.db.put('meta', value, key);
  }

  /** From now on for this event and gate. Another event's list goes; scans that wait and conflicts stay, whosever they are. */
  async setUp(setup: Setup): Promise<void> {
    const tx = this.db.transaction(['meta', 'roster'], 'readwrite');
    const before = (await tx.objectStore('meta').get('setup')) as Setup | undefined;
    if (before?.event.eventId !== setup.event.eventId) {
      within(tx.objectStore('roster').clear());
      for (const key of ['syncedAt', 'seen', 'last']) within(tx.objectStore('meta').delete(key));
    }
    within(tx.objectStore('meta').put(setup, 'setup'));
    await tx.done;
  }

  /** The names and the credential leave the phone; what was not handed in stays. */
  async forget(): Promise<void> {
    const tx = this.db.transaction(['meta', 'roster'], 'readwrite');
    within(tx.objectStore('roster').clear());
    for (const key of ['setup', 'keys', 'syncedAt', 'seen', 'last']) within(tx.objectStore('meta').delete(key));
    await tx.done;
  }

  row(ticketId: string): Promise<Row | undefined> {
    return this.db.get('roster', ticketId);
  }
  rows(): Promise<Row[]> {
    return this.db.getAll('roster');
  }

  /** The server's list takes the place of ours, but for what this phone itself let in since the list was begun, or has not handed in. */
  async replaceRoster(eventId: string, rows: Row[], startedAt: number): Promise<void> {
    const tx = this.db.transaction(['roster', 'queue'], 'readwrite');
    const roster = tx.objectStore('roster');
    const waiting = new Set((await tx.objectStore('queue').index('eventId').getAll(eventId)).map((scan) => scan.ticketId));
    const before = new Map((await roster.getAll()).map((row) => [row.ticketId, row]));
    const ownNews = (row: Row) => waiting.has(row.ticketId) || (!!row.usedAt && Date.parse(row.usedAt) > startedAt - OVERLAP_MS);
    for (const row of rows) {
      const own = before.get(row.ticketId);
      before.delete(row.ticketId);
      if (own?.status === 'used' && row.status === 'valid' && ownNews(own)) continue;
      if (JSON.stringify(own) !== JSON.stringify(row)) within(roster.put(row));
    }
    for (const gone of before.values()) if (!ownNews(gone)) within(roster.delete(gone.ticketId));
    await tx.done;
  }

  /** What the server said of one ticket. */
  async learn(ticketId: string, change: Partial<Row>): Promise<void> {
    const tx = this.db.transaction('roster', 'readwrite');
    const row = await tx.store.get(ticketId);
    if (row) within(tx.store.put({ ...row, ...change }));
    await tx.done;
  }

  /** Judge by our own list and, if good, write the admission down, in one step: of two scans of one ticket the second finds the first. */
  async admit(
    scan: Queued,
    edition: number | undefined,
    judge: (row: Row | undefined) => Reason | null,
  ): Promise<{ reason: Reason | null; row?: Row }> {
    const tx = this.db.transaction(['roster', 'queue', 'meta'], 'readwrite');
    const row = await tx.objectStore('roster').get(scan.ticketId);
    const reason = judge(row);
    if (reason === null) {
      const known = row ?? { ticketId: scan.ticketId, ticketTypeName: null, attendeeName: null, edition: edition ?? 0 };
      within(tx.objectStore('roster').put({ ...known, status: 'used', usedAt: scan.scannedAt, usedGate: scan.gate }));
      within(tx.objectStore('queue').put({ ...scan, name: known.attendeeName }));
      within(tx.objectStore('meta').put({ ticketId: scan.ticketId, scanId: scan.scanId, name: known.attendeeName } satisfies Last, 'last'));
    }
    await tx.done;
    return { reason, row };
  }

  /** Is it let in here already, and not handed in? */
  async waits(ticketId: string): Promise<boolean> {
    return (await this.db.getAll('queue')).some((scan) => scan.ticketId === ticketId);
  }

  /** Take an admission back that never left this phone; false where it did, or may have. */
  async unqueue(last: Last): Promise<boolean> {
    const tx = this.db.transaction(['roster', 'queue', 'meta'], 'readwrite');
    const scan = await tx.objectStore('queue').get(last.scanId);
    const ours = scan?.tried === 0;
    if (ours) {
      const row = await tx.objectStore('roster').get(last.ticketId);
      within(tx.objectStore('queue').delete(last.scanId));
      if (row) within(tx.objectStore('roster').put({ ...row, status: 'valid', usedAt: null, usedGate: null }));
      within(tx.objectStore('meta').delete('last'));
    }
    await tx.done;
    return ours;
  }

  async clearLast(): Promise<void> {
    await this.db.delete('meta', 'last');
  }

  /**
   * The next scans to hand in, oldest first, marked as tried before they leave; their times made such as the server takes. Of a scan that was tried the
   * time must stay, for by it the server knows the scan again; but not one that lies so far ahead that the server cannot have taken it.
   */
  async batch(eventId: string, limit: number, now: number): Promise<Queued[]> {
    const tx = this.db.transaction('queue', 'readwrite');
    const all = await tx.store.index('eventId').getAll(eventId);
    const next = all.sort((a, b) => a.scannedAt.localeCompare(b.scannedAt)).slice(0, limit);
    for (const scan of next.filter((one) => !one.tried || Date.parse(one.scannedAt) > now + AHEAD_MS)) {
      const at = Math.max(now - OLDEST_MS, Math.min(now, Date.parse(scan.scannedAt)));
      Object.assign(scan, { tried: 1, scannedAt: new Date(at).toISOString() });
      within(tx.store.put(scan));
    }
    await tx.done;
    return next;
  }

  /**
   * Answered: out of the queue, and where the server would not have let in, into the list of conflicts. Such an admission is not undone any more: that
   * would take back another gate's.
   */
  async settle(scans: Queued[], conflicts: Conflict[]): Promise<void> {
    const tx = this.db.transaction(['queue', 'conflicts', 'meta'], 'readwrite');
    const last = (await tx.objectStore('meta').get('last')) as Last | undefined;
    if (conflicts.some((conflict) => conflict.scanId === last?.scanId)) within(tx.objectStore('meta').delete('last'));
    for (const scan of scans) within(tx.objectStore('queue').delete(scan.scanId));
    for (const conflict of conflicts) within(tx.objectStore('conflicts').put(conflict));
    await tx.done;
  }

  conflicts(eventId: string): Promise<Conflict[]> {
    return this.db.getAllFromIndex('conflicts', 'eventId', eventId);
  }
  async clearConflicts(eventId: string): Promise<void> {
    const tx = this.db.transaction('conflicts', 'readwrite');
    for (const key of await tx.store.index('eventId').getAllKeys(eventId)) within(tx.store.delete(key));
    await tx.done;
  }

  async counts(eventId: string | undefined): Promise<Counts> {
    const tx = this.db.transaction(['roster', 'queue']);
    const status = tx.objectStore('roster').index('status');
    const [ins, valid, waiting, queued] = await Promise.all([
      status.count('used'),
      status.count('valid'),
      tx.objectStore('queue').count(),
      eventId ? tx.objectStore('queue').index('eventId').count(eventId) : 0,
    ]);
    return { ins, all: ins + valid, queued, elsewhere: waiting - queued };
  }
}

let opened: Promise<Store> | undefined;

export function openStore(): Promise<Store> {
  opened ??= openDB<Shape>('usher-scan', 1, {
    upgrade(db) {
      db.createObjectStore('meta');
      db.createObjectStore('roster', { keyPath: 'ticketId' }).createIndex('status', 'status');
      db.createObjectStore('queue', { keyPath: 'scanId' }).createIndex('eventId', 'eventId');
      db.createObjectStore('conflicts', { keyPath: 'scanId' }).createIndex('eventId', 'eventId');
    },
  }).then((db) => new Store(db));
  opened.catch(() => {
    opened = undefined;
  });
  return opened;
}
