// Between the phone and the server: the list comes down, admissions go up.
import { get, post, toApiError } from '@/api/http';
import { serverNow } from '@/lib/clock';
import type { Conflict, Queued, Setup, Store } from './db';
import type { GateEvent, Key, Row } from './engine';

/** Scans in one batch, as many as the server takes. */
const BATCH = 100;
/** After so long without an answer the scanner decides by itself. */
const PATIENCE_MS = 2500;

/** The gate's calls, as the device that was claimed or as the person that is signed in. */
export function gateApi({ event: { eventId }, credential: bearer }: Pick<Setup, 'event' | 'credential'>) {
  const path = { eventId };
  return {
    validate: (scan: Queued) =>
      post('/v1/validate-ticket', { body: { ...scanOf(scan), eventId }, bearer, signal: AbortSignal.timeout(PATIENCE_MS) }),
    handIn: async (scans: Queued[]) =>
      (await post('/v1/events/{eventId}/check-ins', { path, body: { scans: scans.map(scanOf) }, bearer })).items,
    undo: (ticketId: string, { gate, deviceId }: Setup) =>
      post('/v1/events/{eventId}/check-ins/undo', { path, body: { ticketId, gate, deviceId }, bearer }),
    counts: () => get('/v1/events/{eventId}/check-in-counts', { path, bearer }),
    keys: async (): Promise<Key[]> => (await get('/v1/gate-keys', { bearer })).keys,
    event: async (): Promise<GateEvent> =>
      eventOf(bearer ? (await get('/v1/device', { bearer })).event : await get('/v1/events/{eventId}', { path })),
    roster: async (onPage?: (rows: number) => void): Promise<Row[]> => {
      const rows: Row[] = [];
      let cursor: string | undefined;
      do {
        const page = await get('/v1/events/{eventId}/roster', { path, query: { limit: 100, ...(cursor && { cursor }) }, bearer });
        for (const { ticketId, ticketTypeName, attendeeName, status, edition, usedAt, usedGate } of page.items)
          rows.push({ ticketId, ticketTypeName, attendeeName, status, edition, usedAt, usedGate });
        cursor = page.nextCursor ?? undefined;
        onPage?.(rows.length);
      } while (cursor);
      return rows;
    },
  };
}
export type GateApi = ReturnType<typeof gateApi>;

const scanOf = ({ qrCode, ticketId, gate, deviceId, scannedAt }: Queued) => ({
  ...(qrCode ? { qrCode } : { ticketId }),
  gate,
  deviceId,
  scannedAt,
});

/** Of an event only what a gate needs. */
export const eventOf = ({ eventId, title, status, startsAt, endsAt, admissionStartsAt, timezone }: GateEvent): GateEvent => ({
  eventId,
  title,
  status,
  startsAt,
  endsAt,
  admissionStartsAt,
  timezone,
});

/** Fetch the event, the keys and every page of the list, then let them take effect. */
export async function download(api: GateApi, store: Store, setup: Setup, onPage?: (rows: number) => void): Promise<GateEvent> {
  const startedAt = serverNow();
  const [event, keys] = await Promise.all([api.event(), api.keys()]);
  const rows = await api.roster(onPage);
  await store.replaceRoster(setup.event.eventId, rows, startedAt);
  await store.put('keys', keys);
  return event;
}

function conflictOf(
  { scanId, eventId, ticketId, scannedAt, name }: Queued,
  reason: Conflict['reason'],
  used?: Pick<Conflict, 'firstUsedAt' | 'firstUsedGate'>,
): Conflict {
  return {
    scanId,
    eventId,
    ticketId,
    scannedAt,
    name,
    reason,
    firstUsedAt: used?.firstUsedAt ?? null,
    firstUsedGate: used?.firstUsedGate ?? null,
  };
}

/** One scan that the server will not even read must not keep all others waiting: then each goes alone. */
async function handInEach(api: GateApi, store: Store, scans: Queued[]): Promise<void> {
  try {
    const items = await api.handIn(scans);
    const conflicts = scans.flatMap((scan, n) => {
      const reason = items[n]?.reason;
      return reason ? [conflictOf(scan, reason, items[n])] : [];
    });
    await store.settle(scans, conflicts);
  } catch (error) {
    if (![400, 413, 422].includes(toApiError(error).status)) throw error;
    if (scans.length > 1) for (const scan of scans) await handInEach(api, store, [scan]);
    else
      await store.settle(
        scans,
        scans.map((scan) => conflictOf(scan, 'refused')),
      );
  }
}

/** Everything that waits for this event, in batches. Handing in twice changes nothing: device and time of a scan make it the same scan. */
export async function handIn(api: GateApi, store: Store, eventId: string): Promise<void> {
  for (;;) {
    const scans = await store.batch(eventId, BATCH, serverNow());
    if (scans.length === 0) return;
    await handInEach(api, store, scans);
  }
}
