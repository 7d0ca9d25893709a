// What a gate decides, apart from any page, storage or network: what a code says, whether it is ours, and whether its bearer may come in.
import type { Event, Verdict } from '@/api/types';

export type Reason = NonNullable<Verdict['reason']>;
export type GateEvent = Pick<Event, 'eventId' | 'title' | 'status' | 'startsAt' | 'endsAt' | 'admissionStartsAt' | 'timezone'>;
export type Row = {
  ticketId: string;
  ticketTypeName: string | null;
  attendeeName: string | null;
  status: 'valid' | 'used' | 'cancelled';
  edition: number;
  usedAt: string | null;
  usedGate: string | null;
};
export type Key = { kid: string; x: string; y: string };

/** Doors stay open so long after an event's end, as the server has it (docs/events-and-gate.md). */
export const AFTER_END_MS = 24 * 3_600_000;

// The layout is src/tickets/token.c's: version 1, key id 1, edition 1, tail of the event id 8, ticket id 16, r 32, s 32; in base32 of RFC 4648.
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const TOKEN_BYTES = 91;
const TOKEN_CHARACTERS = 146;
const SIGNED_BYTES = 27;

export type Token = {
  text: string;
  keyId: number;
  edition: number;
  eventTail: string;
  ticketId: string;
  signed: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
};

function base32(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(TOKEN_BYTES);
  let held = 0;
  let bits = 0;
  let n = 0;
  for (const letter of text) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[n++] = (held >> bits) & 0xff;
    }
  }
  // One text for each token: the spare bits of the last letter are zero.
  return n === TOKEN_BYTES && (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What was scanned as a ticket's code, or undefined for anything else. Whether it is genuine is another question. */
export function readToken(scanned: string): Token | undefined {
  const text = scanned.trim().toUpperCase();
  const bytes = text.length === TOKEN_CHARACTERS ? base32(text) : undefined;
  if (bytes?.[0] !== 1) return undefined;
  const id = hex(bytes.subarray(11, SIGNED_BYTES));
  return {
    text,
    keyId: bytes[1] ?? 0,
    edition: bytes[2] ?? 0,
    eventTail: hex(bytes.subarray(3, 11)),
    ticketId: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-'),
    signed: bytes.slice(0, SIGNED_BYTES),
    signature: bytes.slice(SIGNED_BYTES),
  };
}

/** Signed by one of the gate's keys (ECDSA P-256 with SHA-256, r and s side by side, which is how WebCrypto wants them). */
export async function isGenuine(token: Token, keys: Key[]): Promise<boolean> {
  const known = keys.find((key) => key.kid === String(token.keyId));
  if (!known) return false;
  const jwk = { kty: 'EC', crv: 'P-256', x: known.x, y: known.y };
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, token.signature, token.signed);
}

export const isOf = (token: Token, eventId: string) => eventId.replaceAll('-', '').endsWith(token.eventTail);

/**
 * The verdict without a server, in the server's order (src/gate/gate.c, judge): null lets in. A genuine ticket that the list does not have was sold
 * after the list was fetched, for the list has every status: it is let in. So is a later edition than the list's; an earlier one was transferred away.
 * `edition` is undefined where a person is let in by hand.
 */
export function judge(event: GateEvent, row: Row | undefined, edition: number | undefined, now: number): Reason | null {
  if (event.status === 'cancelled' || row?.status === 'cancelled') return 'cancelled';
  if (row && edition !== undefined && edition < row.edition) return 'cancelled';
  if (row?.status === 'used') return 'already-used';
  if (event.admissionStartsAt && now < Date.parse(event.admissionStartsAt)) return 'not-yet-open';
  if (now >= Date.parse(event.endsAt) + AFTER_END_MS) return 'ended';
  if (!row && edition === undefined) return 'not-found';
  return null;
}

/** The same code again within this time is not a second scan; after it the code is answered again, for a scanner is never mute. */
export const SAME_CODE_MS = 3000;

/** How old the last word from the server may be before the badge turns. */
export function freshness(syncedAt: number | undefined, now: number): 'fresh' | 'old' | 'stale' {
  const age = syncedAt === undefined ? Number.POSITIVE_INFINITY : now - syncedAt;
  return age < 60_000 ? 'fresh' : age < 300_000 ? 'old' : 'stale';
}

/** Rows by which words a steward typed: all of them in the name, or the beginning of the ticket's id. */
export function search(rows: Row[], typed: string, limit: number): Row[] {
  const fold = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const words = fold(typed).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const id = typed.trim().toLowerCase();
  const found: Row[] = [];
  for (const row of rows) {
    const name = fold(row.attendeeName ?? '');
    if (words.every((word) => name.includes(word)) || (id.length >= 4 && (row.ticketId.startsWith(id) || row.ticketId.endsWith(id))))
      found.push(row);
    if (found.length === limit) break;
  }
  return found;
}
