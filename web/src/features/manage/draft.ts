// The editor's form as plain text, as it is typed and kept; to the API's shape and back; and what can be told to be wrong before the server is asked.
import type { Event, EventNew, EventPatch, TicketType } from '@/api/types';
import { uuid7 } from '@/lib/id';
import { moneyInput, parseMoney } from '@/lib/money';
import type { Wall, Zones } from './zone';

export type TypeDraft = {
  /** Ours, for the page; `id` is the server's, once there is one. */
  key: string;
  id?: string;
  removed?: boolean;
  name: string;
  description: string;
  price: string;
  quantity: string;
  saleStartsAt: Wall;
  saleEndsAt: Wall;
  minPerOrder: string;
  maxPerOrder: string;
  maxPerAccount: string;
  tax: string;
  taxIncluded: boolean;
  hidden: boolean;
};

export type Draft = {
  title: string;
  description: string;
  category: string;
  startsAt: Wall;
  endsAt: Wall;
  admissionStartsAt: Wall;
  timezone: string;
  online: boolean;
  venue: { name: string; address: string; city: string; country: string };
  currency: string;
  capacity: string;
  refundUntil: Wall;
  refundFeePercent: string;
  feeFixed: string;
  feePercent: string;
  feePaidBy: 'buyer' | 'organizer';
  seller: { name: string; address: string; taxId: string };
  types: TypeDraft[];
};

/** Why a field cannot be sent; the page has the words. */
export type Fault = 'required' | 'number' | 'money' | 'percent' | 'skipped' | 'order';
/** By JSON pointer, as the server's own faults are; ticket types by their place in the form. */
export type Faults = Record<string, Fault>;

const none: Wall = { at: '' };

export const emptyType = (): TypeDraft => ({
  key: uuid7(),
  name: '',
  description: '',
  price: '0',
  quantity: '100',
  saleStartsAt: none,
  saleEndsAt: none,
  minPerOrder: '',
  maxPerOrder: '',
  maxPerAccount: '',
  tax: '0',
  taxIncluded: true,
  hidden: false,
});

export const emptyDraft = (timezone: string): Draft => ({
  title: '',
  description: '',
  category: '',
  startsAt: none,
  endsAt: none,
  admissionStartsAt: none,
  timezone,
  online: false,
  venue: { name: '', address: '', city: '', country: '' },
  currency: 'EUR',
  capacity: '100',
  refundUntil: none,
  refundFeePercent: '0',
  feeFixed: '0',
  feePercent: '0',
  feePaidBy: 'buyer',
  seller: { name: '', address: '', taxId: '' },
  types: [emptyType()],
});

/** Hundredths of a percent as an input shows them: 1950 is "19.5". */
export const percentInput = (bps: number | null | undefined) => String((bps ?? 0) / 100);

/** "19.5" or "19,5" in hundredths of a percent; undefined when it is none from 0 to 100. */
export function parsePercent(text: string): number | undefined {
  const match = /^\s*(\d{1,3})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  if (!match) return undefined;
  const bps = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
  return bps <= 10_000 ? bps : undefined;
}

/** A whole number in digits; undefined when it is none. */
export const parseCount = (text: string) => (/^\s*\d{1,9}\s*$/.test(text) ? Number(text) : undefined);

const count = (value: number | null | undefined) => (value == null ? '' : String(value));

function typeDraft(type: TicketType, event: Event, zones: Zones): TypeDraft {
  return {
    key: type.ticketTypeId,
    id: type.ticketTypeId,
    name: type.name,
    description: type.description ?? '',
    price: moneyInput(type.price, event.currency),
    quantity: String(type.quantity),
    saleStartsAt: zones.show(type.saleStartsAt, event.timezone),
    saleEndsAt: zones.show(type.saleEndsAt, event.timezone),
    minPerOrder: type.minPerOrder && type.minPerOrder > 1 ? String(type.minPerOrder) : '',
    maxPerOrder: count(type.maxPerOrder),
    maxPerAccount: count(type.maxPerAccount),
    tax: percentInput(type.taxRateBps),
    taxIncluded: type.taxIncluded ?? true,
    hidden: type.hidden ?? false,
  };
}

export function toDraft(event: Event, zones: Zones): Draft {
  const { venue, seller, serviceFee: fee, timezone: zone } = event;
  return {
    title: event.title,
    description: event.description ?? '',
    category: event.category ?? '',
    startsAt: zones.show(event.startsAt, zone),
    endsAt: zones.show(event.endsAt, zone),
    admissionStartsAt: zones.show(event.admissionStartsAt, zone),
    timezone: zone,
    online: event.online ?? false,
    venue: { name: venue?.name ?? '', address: venue?.address ?? '', city: venue?.city ?? '', country: venue?.country ?? '' },
    currency: event.currency,
    capacity: String(event.capacity),
    refundUntil: zones.show(event.refundUntil, zone),
    refundFeePercent: String(event.refundFeePercent ?? 0),
    feeFixed: moneyInput(fee?.fixed ?? 0, event.currency),
    feePercent: percentInput(fee?.percentBps),
    feePaidBy: fee?.paidBy ?? 'buyer',
    seller: { name: seller?.name ?? '', address: seller?.address ?? '', taxId: seller?.taxId ?? '' },
    types: event.ticketTypes.map((type) => typeDraft(type, event, zones)),
  };
}

/** The same event again, as a new one: everything but its times, which nobody wants twice. */
export function duplicateOf(event: Event, zones: Zones): Draft {
  const draft = toDraft(event, zones);
  return {
    ...draft,
    startsAt: none,
    endsAt: none,
    admissionStartsAt: none,
    refundUntil: none,
    types: draft.types.map(({ id: _, ...type }) => ({ ...type, key: uuid7(), saleStartsAt: none, saleEndsAt: none })),
  };
}

/** Reads one field after another; what cannot be read leaves a fault and a value that is never sent. */
class Reader {
  readonly faults: Faults = {};

  constructor(
    private readonly zones: Zones,
    private readonly zone: string,
    private readonly currency: string,
  ) {}

  private parsed(at: string, value: number | undefined, fault: Fault): number {
    if (value === undefined) this.faults[at] = fault;
    return value ?? 0;
  }
  text(at: string, text: string): string {
    if (!text.trim()) this.faults[at] = 'required';
    return text.trim();
  }
  count(at: string, text: string): number {
    return this.parsed(at, parseCount(text), text.trim() ? 'number' : 'required');
  }
  limit(at: string, text: string): number | null {
    return text.trim() ? this.count(at, text) : null;
  }
  money(at: string, text: string): number {
    return this.parsed(at, parseMoney(text, this.currency), text.trim() ? 'money' : 'required');
  }
  percent(at: string, text: string): number {
    return this.parsed(at, parsePercent(text || '0'), 'percent');
  }
  time(at: string, wall: Wall): string | null {
    const reading = this.zones.read(wall, this.zone);
    if (reading.kind === 'skipped') this.faults[at] = 'skipped';
    return 'utc' in reading ? reading.utc : null;
  }
  needed(at: string, wall: Wall): string {
    const time = this.time(at, wall);
    if (!time && !this.faults[at]) this.faults[at] = 'required';
    return time ?? '';
  }
}

const orNull = (text: string) => text.trim() || null;

function typeBody(read: Reader, type: TypeDraft, n: number) {
  const at = (field: string) => `/ticketTypes/${n}/${field}`;
  return {
    name: read.text(at('name'), type.name),
    description: orNull(type.description),
    price: read.money(at('price'), type.price),
    quantity: read.count(at('quantity'), type.quantity),
    saleStartsAt: read.time(at('saleStartsAt'), type.saleStartsAt),
    saleEndsAt: read.time(at('saleEndsAt'), type.saleEndsAt),
    minPerOrder: read.limit(at('minPerOrder'), type.minPerOrder),
    maxPerOrder: read.limit(at('maxPerOrder'), type.maxPerOrder),
    maxPerAccount: read.limit(at('maxPerAccount'), type.maxPerAccount),
    taxRateBps: read.percent(at('taxRateBps'), type.tax),
    taxIncluded: type.taxIncluded,
    hidden: type.hidden,
  };
}

type TypeBody = ReturnType<typeof typeBody>;
export type Body = Omit<EventNew, 'ticketTypes' | 'status'> & { ticketTypes: TypeBody[] };

/** The form as the API takes it, a ticket type at each place of the form (those to be removed too), and what is wrong with it. */
export function toBody(draft: Draft, zones: Zones): { body: Body; faults: Faults } {
  const read = new Reader(zones, draft.timezone, draft.currency);
  const fixed = read.money('/serviceFee/fixed', draft.feeFixed || '0');
  const percentBps = read.percent('/serviceFee/percentBps', draft.feePercent);
  const { venue, seller } = draft;
  const body: Body = {
    title: read.text('/title', draft.title),
    description: orNull(draft.description),
    category: draft.category || null,
    startsAt: read.needed('/startsAt', draft.startsAt),
    endsAt: read.needed('/endsAt', draft.endsAt),
    admissionStartsAt: read.time('/admissionStartsAt', draft.admissionStartsAt),
    timezone: draft.timezone,
    online: draft.online,
    venue: {
      name: orNull(venue.name),
      address: orNull(venue.address),
      city: orNull(venue.city),
      country: orNull(venue.country.toUpperCase()),
    },
    currency: draft.currency,
    capacity: read.count('/capacity', draft.capacity),
    refundUntil: read.time('/refundUntil', draft.refundUntil),
    refundFeePercent: read.count('/refundFeePercent', draft.refundFeePercent || '0'),
    serviceFee: fixed || percentBps ? { fixed, percentBps, paidBy: draft.feePaidBy } : null,
    seller: { name: orNull(seller.name), address: orNull(seller.address), taxId: orNull(seller.taxId) },
    ticketTypes: draft.types.map((type, n) => typeBody(read, type, n)),
  };
  draft.types.forEach((type, n) => {
    if (type.removed) for (const at of Object.keys(read.faults)) if (at.startsWith(`/ticketTypes/${n}/`)) delete read.faults[at];
  });
  if (body.startsAt && body.endsAt && body.endsAt <= body.startsAt) read.faults['/endsAt'] = 'order';
  return { body, faults: read.faults };
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** Field by field: mine where I changed it, else theirs. */
function merged<T extends object>(mine: T, before: T, theirs: T): T {
  const fields = Object.keys(theirs) as (keyof T)[];
  return Object.fromEntries(fields.map((field) => [field, same(mine[field], before[field]) ? theirs[field] : mine[field]])) as T;
}

/** A draft that was made from `before`, on top of what the event is now. */
export function rebase(mine: Draft, before: Draft, theirs: Draft): Draft {
  const typeOf = (draft: Draft, id: string | undefined) => draft.types.find((type) => type.id && type.id === id);
  const types = theirs.types.map((type) => {
    const edited = typeOf(mine, type.id);
    return edited ? { ...merged(edited, typeOf(before, type.id) ?? type, type), removed: edited.removed } : type;
  });
  const { types: _, ...rest } = merged(mine, before, theirs);
  // An event that is not there yet is nobody else's: its types are as I have them.
  return { ...rest, types: theirs.types.some((type) => type.id) ? [...types, ...mine.types.filter((type) => !type.id)] : mine.types };
}

/** What of `now` is other than in `before`. */
function changed<T extends object>(now: T, before: T): Partial<T> {
  const fields = (Object.keys(now) as (keyof T)[]).filter((field) => !same(now[field], before[field]));
  return Object.fromEntries(fields.map((field) => [field, now[field]])) as Partial<T>;
}

/** Only what was changed, so that what somebody else changed meanwhile stays; and, for each ticket type that is sent, its place in the form. */
export function toPatch(draft: Draft, before: Draft, zones: Zones): { patch: EventPatch; places: number[] } {
  const { ticketTypes: types, ...now } = toBody(draft, zones).body;
  const { ticketTypes: oldTypes, ...old } = toBody(before, zones).body;
  const ticketTypes: NonNullable<EventPatch['ticketTypes']> = [];
  const places: number[] = [];
  draft.types.forEach((type, n) => {
    const body = types[n];
    const was = oldTypes[before.types.findIndex((one) => one.id === type.id)];
    if (!body || (!type.id && type.removed)) return;
    const entry = !type.id ? body : type.removed ? { remove: true } : was ? changed(body, was) : {};
    if (Object.keys(entry).length === 0) return;
    ticketTypes.push(type.id ? { ticketTypeId: type.id, ...entry } : entry);
    places.push(n);
  });
  return { patch: { ...changed(now, old), ...(ticketTypes.length > 0 && { ticketTypes }) }, places };
}

/** The server's pointer into what was sent, as one into the form. */
export function pointerToForm(pointer: string, places: number[]): string {
  return pointer.replace(/^\/ticketTypes\/(\d+)/, (_, n: string) => `/ticketTypes/${places[Number(n)] ?? n}`);
}
