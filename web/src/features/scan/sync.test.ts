import { expect, test } from 'vitest';
import { ApiError } from '@/api/errors';
import type { Conflict, Queued, Store } from './db';
import { type GateApi, handIn } from './sync';

const scan = (n: number): Queued => ({
  scanId: `scan-${n}`,
  eventId: 'event',
  ticketId: `ticket-${n}`,
  gate: 'North',
  deviceId: 'phone',
  scannedAt: new Date(n * 1000).toISOString(),
  name: `Guest ${n}`,
  tried: 1,
});

/** A queue in memory, with the two calls that handing in makes. */
function queue(scans: Queued[]) {
  const waiting = [...scans];
  const conflicts: Conflict[] = [];
  const store = {
    batch: async (_: string, limit: number) => waiting.slice(0, limit),
    settle: async (settled: Queued[], found: Conflict[]) => {
      for (const one of settled) waiting.splice(waiting.indexOf(one), 1);
      conflicts.push(...found);
    },
  };
  return { store: store as unknown as Store, waiting, conflicts };
}

const admitted = { result: 'valid', reason: null, ticket: null, firstUsedAt: null, firstUsedGate: null } as const;
const answering = (answer: (scans: Queued[]) => unknown) => ({ handIn: async (scans: Queued[]) => answer(scans) }) as unknown as GateApi;

test('a long queue goes up in batches of at most a hundred, in order', async () => {
  const { store, waiting } = queue(Array.from({ length: 230 }, (_, n) => scan(n)));
  const sizes: number[] = [];
  await handIn(
    answering((scans) => {
      sizes.push(scans.length);
      return scans.map(() => admitted);
    }),
    store,
    'event',
  );
  expect(sizes).toEqual([100, 100, 30]);
  expect(waiting).toEqual([]);
});

test('what the server would not have let in becomes a conflict', async () => {
  const { store, waiting, conflicts } = queue([scan(1), scan(2)]);
  const used = { ...admitted, result: 'invalid', reason: 'already-used', firstUsedAt: '2026-12-05T18:00:00Z', firstUsedGate: 'South' };
  await handIn(
    answering(() => [admitted, used]),
    store,
    'event',
  );
  expect(waiting).toEqual([]);
  expect(conflicts).toMatchObject([{ scanId: 'scan-2', name: 'Guest 2', reason: 'already-used', firstUsedGate: 'South' }]);
});

test('one scan that the server cannot read does not keep the others', async () => {
  const { store, waiting, conflicts } = queue([scan(1), scan(2), scan(3)]);
  await handIn(
    answering((scans) => {
      if (scans.some((one) => one.scanId === 'scan-2')) throw new ApiError(422, 'invalid', 'no');
      return scans.map(() => admitted);
    }),
    store,
    'event',
  );
  expect(waiting).toEqual([]);
  expect(conflicts).toMatchObject([{ scanId: 'scan-2', reason: 'refused' }]);
});

test.each([0, 401, 403, 429, 503])('status %d loses nothing', async (status) => {
  const { store, waiting, conflicts } = queue([scan(1), scan(2)]);
  const api = answering(() => {
    throw new ApiError(status, 'no', 'no');
  });
  await expect(handIn(api, store, 'event')).rejects.toThrow();
  expect(waiting).toHaveLength(2);
  expect(conflicts).toEqual([]);
});
