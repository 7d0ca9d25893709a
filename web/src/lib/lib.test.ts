import { expect, test } from 'vitest';
import { ApiError, faultsToForm } from '@/api/errors';
import type { Event, TicketType } from '@/api/types';
import { dayRange } from '@/features/discover/days';
import { saleOf, total } from '@/features/event/picking';
import { uuid7 } from './id';
import { formatMoney, moneyInput, parseMoney } from './money';
import { safeNext } from './next';
import { formatForViewer, formatSpan } from './time';

test('money has its minor digits: two, none, three', () => {
  expect(formatMoney(2500, 'EUR', 'en')).toContain('25.00');
  expect(formatMoney(2500, 'JPY', 'en')).toContain('2,500');
  expect(formatMoney(2500, 'KWD', 'en')).toContain('2.500');
  expect(moneyInput(2550, 'EUR')).toBe('25.50');
});

test.each([
  ['25', 'EUR', 2500],
  ['25,5', 'EUR', 2550],
  ['0.07', 'EUR', 7],
  ['25.505', 'EUR', undefined],
  ['25.5', 'JPY', undefined],
  ['1.234', 'KWD', 1234],
  ['-1', 'EUR', undefined],
  ['1e3', 'EUR', undefined],
  ['', 'EUR', undefined],
])('the amount %j of %s is %j', (text, currency, amount) => {
  expect(parseMoney(text, currency)).toBe(amount);
});

test.each([
  ['/tickets?x=1#y', '/tickets?x=1#y'],
  ['//evil.example/x', '/'],
  ['https://evil.example/', '/'],
  ['/\\evil.example', '/'],
  ['javascript:alert(1)', '/'],
  [null, '/'],
])('after signing in, %j leads to %j', (next, to) => {
  expect(safeNext(next)).toBe(to);
});

test('an id is a UUID of version 7 and grows with time', () => {
  expect(uuid7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(uuid7().replaceAll('-', '').slice(0, 12), 16)).toBeGreaterThan(Date.now() - 1000);
});

test('a span within one day names the day once', () => {
  const text = formatSpan('2026-12-05T18:00:00.000Z', '2026-12-05T21:00:00.000Z', 'Europe/Berlin', 'en');
  expect(text.match(/2026/g)).toHaveLength(1);
  expect(text).toContain('7:00');
});

test('the viewer is told his own time only where it differs', () => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  expect(formatForViewer('2026-12-05T18:00:00.000Z', zone, 'en')).toBeUndefined();
  expect(formatForViewer('2026-12-05T18:00:00.000Z', 'Pacific/Kiritimati', 'en')).toBeDefined();
});

test('the weekend begins on Friday evening, and is what is left of it on a Sunday', () => {
  const wednesday = dayRange('weekend', new Date(2026, 11, 2, 12));
  expect(new Date(wednesday.from ?? '')).toEqual(new Date(2026, 11, 4, 17));
  expect(new Date(wednesday.to ?? '').getDate()).toBe(6);
  const sunday = new Date(2026, 11, 6, 12);
  expect(new Date(dayRange('weekend', sunday).from ?? '')).toEqual(sunday);
});

const type = (over: Partial<TicketType>) =>
  ({ ticketTypeId: 'a', name: 'A', price: 500, fee: 0, tax: 0, total: 500, quantity: 10, available: 10, ...over }) as TicketType;
const event = (types: TicketType[]) =>
  ({ status: 'published', endsAt: '2026-12-06T00:00:00.000Z', currency: 'EUR', ticketTypes: types }) as unknown as Event;
const now = Date.parse('2026-12-01T00:00:00.000Z');

test.each([
  ['open', {}, { state: 'open', max: 10 }],
  ['limited by order', { maxPerOrder: 4 }, { state: 'open', max: 4 }],
  ['sold out', { available: 0 }, { state: 'sold-out' }],
  ['too few for the least order', { available: 1, minPerOrder: 2 }, { state: 'sold-out' }],
  ['early', { saleStartsAt: '2026-12-02T00:00:00.000Z' }, { state: 'early', at: '2026-12-02T00:00:00.000Z' }],
  ['over', { saleEndsAt: '2026-12-01T00:00:00.000Z' }, { state: 'over' }],
])('a type that is %s', (_, over, sale) => {
  expect(saleOf(event([type(over)]), type(over), now)).toEqual(sale);
});

test('the sum counts what was picked', () => {
  expect(total(event([type({}), type({ ticketTypeId: 'b', total: 250 })]), { a: 2, b: 1 })).toEqual({ quantity: 3, amount: 1250 });
});

test('faults find their fields, and those that find none are given back', () => {
  const error = new ApiError(422, 'invalid', '', [
    { pointer: '/ticketTypes/0/price', code: 'range', detail: 'Too much.' },
    { pointer: '/odd', code: 'unknown', detail: 'Unknown.' },
  ]);
  const seen: string[] = [];
  const rest = faultsToForm(error, (name) => name.startsWith('ticketTypes') && seen.push(name) > 0);
  expect(seen).toEqual(['ticketTypes.0.price']);
  expect(rest.map((fault) => fault.pointer)).toEqual(['/odd']);
});
