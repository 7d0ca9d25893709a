import { expect, test } from 'vitest';
import type { Event, TicketType } from '@/api/types';
import { pricesOf, stockOf } from './stock';

const now = Date.parse('2026-12-01T12:00:00Z');
const type = (more: Partial<TicketType>) =>
  ({ total: 2500, available: 50, quantity: 50, saleStartsAt: null, saleEndsAt: null, ...more }) as TicketType;
const event = (...ticketTypes: TicketType[]) => ({ capacity: 100, ticketTypes }) as Event;

test('a price is that of a ticket which can be had', () => {
  const cheap = { total: 1000 };
  expect(pricesOf(event(type(cheap), type({})), now)).toEqual({ least: 1000, most: 2500 });
  expect(pricesOf(event(type({ ...cheap, available: 0 }), type({})), now)).toEqual({ least: 2500, most: 2500 });
  expect(pricesOf(event(type({ ...cheap, saleEndsAt: '2026-12-01T11:59:59Z' }), type({})), now)).toEqual({ least: 2500, most: 2500 });
  expect(pricesOf(event(type({ ...cheap, available: 0 })), now)).toEqual({ least: 1000, most: 1000 });
  expect(pricesOf(event(), now)).toBeUndefined();
});

test('a card says whether there is any haste, and why nothing can be had', () => {
  const later = { saleStartsAt: '2026-12-01T12:00:01Z' };
  const past = { saleEndsAt: '2026-12-01T12:00:00Z' };
  expect(stockOf(event(type({})), now)).toBe('plenty');
  expect(stockOf(event(type({ available: 10 })), now)).toBe('few');
  expect(stockOf(event(type({ available: 10 }), type({ available: 10 })), now)).toBe('plenty');
  expect(stockOf(event(type({ available: 10, quantity: 100 }), type({ available: 10, quantity: 100 })), now)).toBe('few');
  expect(stockOf(event(type({ available: 0 })), now)).toBe('none');
  expect(stockOf(event(type(later)), now)).toBe('early');
  expect(stockOf(event(type({ available: 0 }), type(later)), now)).toBe('early');
  expect(stockOf(event(type(past)), now)).toBe('over');
  expect(stockOf(event(type(past), type({})), now)).toBe('plenty');
});
