import { expect, test } from 'vitest';
import type { Event, TicketType } from '@/api/types';
import { pickedIn, stillToHave } from './picking';

const now = Date.parse('2026-12-01T12:00:00Z');
const type = (ticketTypeId: string, more: Partial<TicketType> = {}) =>
  ({ ticketTypeId, available: 10, minPerOrder: 1, ...more }) as TicketType;
const event = (...ticketTypes: TicketType[]) => ({ status: 'published', endsAt: '2026-12-24T00:00:00Z', ticketTypes }) as Event;

test('of a choice stays what can still be had', () => {
  const wanted = { a: 4, b: 2, c: 6, d: 1 };
  expect(stillToHave(event(type('a'), type('b'), type('c'), type('d')), wanted, now)).toEqual(wanted);
  const shrunk = event(
    type('a', { available: 3 }),
    type('b', { saleEndsAt: '2026-12-01T12:00:00Z' }),
    type('c', { available: 4, minPerOrder: 5 }),
    type('d', { available: 0 }),
  );
  expect(stillToHave(shrunk, wanted, now)).toEqual({ a: 3 });
  expect(stillToHave(shrunk, { a: 1, x: 9 }, now)).toEqual({ a: 1 });
});

test('a choice is read from an address, and nothing else is taken for one', () => {
  expect(pickedIn(new URLSearchParams('a=2&b=40&c=0&d=-1&e=1.5&f=x&g=999&code=SAVE10'))).toEqual({ a: 2, b: 40, g: 255 });
});
