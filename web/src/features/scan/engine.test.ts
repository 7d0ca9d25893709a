// @vitest-environment node
import { beforeAll, expect, test } from 'vitest';
import { freshness, isGenuine, isOf, judge, type Key, type Row, readToken, search } from './engine';
import { wedge } from './wedge';

const event = {
  eventId: '019a0000-0000-7000-8000-00000000beef',
  title: 'Night',
  status: 'published' as const,
  startsAt: '2026-12-05T18:00:00Z',
  endsAt: '2026-12-05T22:00:00Z',
  admissionStartsAt: '2026-12-05T17:00:00Z',
  timezone: 'Europe/Berlin',
};
const ticketId = '019a1111-2222-7333-8444-555566667777';
const during = Date.parse('2026-12-05T18:30:00Z');
const row: Row = {
  ticketId,
  ticketTypeName: 'Standard',
  attendeeName: 'Zoë Buyer',
  status: 'valid',
  edition: 2,
  usedAt: null,
  usedGate: null,
};

const bytesOf = (id: string) => Uint8Array.from(id.replaceAll('-', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** As src/tickets/token.c prints it, written a second time so that the reader is not tested against itself. */
function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.padEnd(Math.ceil(bits.length / 5) * 5, '0').match(/.{5}/g) ?? [])
    .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)])
    .join('');
}

let pair: CryptoKeyPair;
let keys: Key[];

async function print(edition: number, version = 1, keyId = 7): Promise<string> {
  const signed = new Uint8Array([version, keyId, edition, ...bytesOf(event.eventId).subarray(8), ...bytesOf(ticketId)]);
  const signature = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, signed));
  return base32(new Uint8Array([...signed, ...signature]));
}

beforeAll(async () => {
  pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  keys = [{ kid: '7', x, y }];
});

test('a code says what it is of, in any case and with blanks around', async () => {
  const text = await print(3);
  expect(text).toHaveLength(146);
  for (const scanned of [text, text.toLowerCase(), ` ${text}\r\n`]) {
    const token = readToken(scanned);
    expect(token).toMatchObject({ text, keyId: 7, edition: 3, ticketId });
    expect(token && isOf(token, event.eventId)).toBe(true);
    expect(token && isOf(token, ticketId)).toBe(false);
  }
});

test('what is no code of ours is none', async () => {
  const text = await print(1);
  // 91 bytes are 728 bits and the text has 730: another last letter with the same bytes is refused.
  const twin =
    text.slice(0, -1) + ('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'['ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(text.slice(-1)) + 1] ?? '');
  for (const other of ['', 'https://example.org/', text.slice(1), `${text}A`, text.replace(/.$/, '1'), twin, await print(1, 2)])
    expect(readToken(other)).toBeUndefined();
});

test('only a signature of a known key is genuine, over exactly these bytes', async () => {
  const token = readToken(await print(1));
  if (!token) throw new Error('no token');
  expect(await isGenuine(token, keys)).toBe(true);
  expect(await isGenuine(token, [])).toBe(false);
  expect(await isGenuine({ ...token, keyId: 8 }, keys)).toBe(false);
  for (let at = 0; at < token.signed.length; at++) {
    const signed = token.signed.slice();
    signed[at] = (signed[at] ?? 0) ^ 1;
    expect(await isGenuine({ ...token, signed }, keys)).toBe(false);
  }
});

test.each([
  ['a good one', row, 2, during, null],
  ['by hand', row, undefined, during, null],
  ['cancelled', { ...row, status: 'cancelled' as const }, 2, during, 'cancelled'],
  ['an older paper than the list knows', row, 1, during, 'cancelled'],
  ['a newer paper than the list knows', row, 3, during, null],
  ['used', { ...row, status: 'used' as const }, 2, during, 'already-used'],
  ['used, an older paper', { ...row, status: 'used' as const }, 1, during, 'cancelled'],
  ['used, before the doors', { ...row, status: 'used' as const }, 2, 0, 'already-used'],
  ['sold after the list was fetched', undefined, 1, during, null],
  ['by hand, not in the list', undefined, undefined, during, 'not-found'],
  ['one millisecond before the doors', row, 2, Date.parse(event.admissionStartsAt) - 1, 'not-yet-open'],
  ['when the doors open', row, 2, Date.parse(event.admissionStartsAt), null],
  ['at the last', row, 2, Date.parse(event.endsAt) + 24 * 3_600_000 - 1, null],
  ['24 hours after the end', row, 2, Date.parse(event.endsAt) + 24 * 3_600_000, 'ended'],
])('%s', (_, known, edition, now, reason) => {
  expect(judge(event, known, edition, now)).toBe(reason);
});

test('a cancelled event lets nobody in', () => {
  expect(judge({ ...event, status: 'cancelled' }, row, 2, during)).toBe('cancelled');
});

test('the badge turns at one minute and at five', () => {
  const ages = [0, 59_999, 60_000, 299_999, 300_000].map((age) => freshness(1_000_000, 1_000_000 + age));
  expect(ages).toEqual(['fresh', 'fresh', 'old', 'old', 'stale']);
  expect(freshness(undefined, 0)).toBe('stale');
});

test('people are found by the words of their name without accents, and by the ends of a ticket id', () => {
  const other = { ...row, ticketId: '019a1111-2222-7333-8444-000000000000', attendeeName: null };
  expect(search([row, other], 'buyer zoe', 9)).toEqual([row]);
  expect(search([row, other], '7777', 9)).toEqual([row]);
  expect(search([row, other], '019a1111', 9)).toEqual([row, other]);
  expect(search([row, other], '019a1111', 1)).toEqual([row]);
  expect(search([row, other], '  ', 9)).toEqual([]);
});

test('a hand scanner is told from a person typing', () => {
  const type = (text: string, every: number) => {
    const feed = wedge();
    return [...text.split(''), 'Enter'].map((key, n) => feed(key, n * every)).findLast(Boolean);
  };
  const code = 'A'.repeat(146);
  expect(type(code, 8)).toBe(code);
  expect(type(code, 150)).toBeUndefined();
  expect(type('Zoë', 8)).toBeUndefined();
  const feed = wedge();
  feed('x', 0);
  let scanned: string | undefined;
  for (const [n, key] of [...code.split(''), 'Shift', 'Enter'].entries()) scanned = feed(key, 1000 + n);
  expect(scanned).toBe(code);
});
