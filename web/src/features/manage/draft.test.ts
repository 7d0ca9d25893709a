import { expect, test } from 'vitest';
import type { Event } from '@/api/types';
import { emptyDraft, parseCount, parsePercent, pointerToForm, rebase, toBody, toDraft, toPatch } from './draft';
import { loadZones } from './zone';

const zones = await loadZones();
const zone = 'Europe/Berlin';

test('an hour that is skipped is none, and one that comes twice is two', () => {
  expect(zones.read({ at: '2027-03-28T02:30' }, zone)).toEqual({ kind: 'skipped', next: '2027-03-28T03:30' });
  expect(zones.read({ at: '2027-10-31T02:30' }, zone)).toEqual({ kind: 'twice', utc: '2027-10-31T00:30:00.000Z' });
  expect(zones.read({ at: '2027-10-31T02:30', later: true }, zone)).toEqual({ kind: 'twice', utc: '2027-10-31T01:30:00.000Z' });
  expect(zones.read({ at: '2027-07-01T19:00' }, zone)).toEqual({ kind: 'once', utc: '2027-07-01T17:00:00.000Z' });
  expect(zones.read({ at: '12027-07-01T19:0' }, zone)).toEqual({ kind: 'none' });
});

test.each(['2027-10-31T00:30:00.000Z', '2027-10-31T01:30:00.000Z', '2027-03-28T01:30:00.000Z'])(
  '%s is shown and read again as the same',
  (utc) => {
    expect(zones.read(zones.show(utc, zone), zone)).toMatchObject({ utc });
  },
);

test.each([
  ['19', 1900],
  ['19,5', 1950],
  ['0.07', 7],
  ['100', 10_000],
  ['100.01', undefined],
  ['-1', undefined],
  ['1.234', undefined],
])('%j percent is %j', (text, bps) => {
  expect(parsePercent(text)).toBe(bps);
});

test('a count is digits and nothing else', () => {
  expect(['7', ' 7 ', '', '7.5', '-7', '1e3'].map(parseCount)).toEqual([7, 7, undefined, undefined, undefined, undefined]);
});

const event = {
  eventId: 'e',
  title: 'Knots',
  startsAt: '2027-07-01T17:00:00.000Z',
  endsAt: '2027-07-01T20:00:00.000Z',
  timezone: zone,
  currency: 'EUR',
  capacity: 100,
  venue: { name: 'Hall', city: 'Bonn' },
  ticketTypes: ['a', 'b', 'c'].map((id) => ({ ticketTypeId: id, name: id, price: 2500, quantity: 10, minPerOrder: 1 })),
} as unknown as Event;

test('what was not changed is not sent', () => {
  const draft = toDraft(event, zones);
  expect(toPatch(draft, draft, zones)).toEqual({ patch: {}, places: [] });
  const changed = { ...draft, title: 'Cables', types: draft.types.map((type) => (type.id === 'b' ? { ...type, price: '30' } : type)) };
  const { patch, places } = toPatch(changed, draft, zones);
  expect(patch).toEqual({ title: 'Cables', ticketTypes: [{ ticketTypeId: 'b', price: 3000 }] });
  expect(pointerToForm('/ticketTypes/0/price', places)).toBe('/ticketTypes/1/price');
});

test('a type that is taken away goes, whatever is wrong with it', () => {
  const draft = toDraft(event, zones);
  const without = { ...draft, types: draft.types.map((type) => (type.id === 'c' ? { ...type, name: '', removed: true } : type)) };
  expect(toBody(without, zones).faults).toEqual({});
  expect(toPatch(without, draft, zones).patch).toEqual({ ticketTypes: [{ ticketTypeId: 'c', remove: true }] });
});

test('two editors: mine where I changed it, theirs elsewhere', () => {
  const before = toDraft(event, zones);
  const mine = { ...before, title: 'Mine', types: before.types.map((type) => (type.id === 'a' ? { ...type, price: '1' } : type)) };
  const theirs = { ...before, capacity: '50', types: before.types.map((type) => ({ ...type, quantity: '5' })) };
  const both = rebase(mine, before, theirs);
  expect([both.title, both.capacity, both.types[0]?.price, both.types[0]?.quantity]).toEqual(['Mine', '50', '1', '5']);
});

test('an empty form says what is missing', () => {
  expect(toBody(emptyDraft(zone), zones).faults).toEqual({
    '/title': 'required',
    '/startsAt': 'required',
    '/endsAt': 'required',
    '/ticketTypes/0/name': 'required',
  });
});
