import { expect, test } from 'vitest';
import type { Registration, Ticket } from '@/api/types';
import { codeBody, codeDraft, emptyCode } from './code';
import { everyDay } from './days';
import { foretell } from './refund';
import { loadZones } from './zone';

const zones = await loadZones();
const tickets = ['1', '2', '3'].map((ticketId) => ({ ticketId, ticketTypeId: 'a', status: 'valid' })) as Ticket[];
const paid = (over: Partial<Registration> = {}) =>
  ({ amount: 7500, refundedAmount: 0, items: [{ ticketTypeId: 'a', quantity: 3, total: 7500 }], ...over }) as Registration;

test('a refund of everything is what is left, with all open tickets', () => {
  expect(foretell(paid(), tickets, { kind: 'all' })).toEqual({ amount: 7500, tickets: 3, about: false });
  expect(foretell(paid({ refundedAmount: 2500, refundFeeAmount: 300 }), tickets.slice(1), { kind: 'all' })).toEqual({
    amount: 4700,
    tickets: 2,
    about: false,
  });
});

test('a ticket is worth its share of the line, and about that where it is not divisible', () => {
  expect(foretell(paid(), tickets, { kind: 'tickets', tickets: tickets.slice(0, 2) })).toEqual({ amount: 5000, tickets: 2, about: false });
  const odd = paid({ amount: 100, items: [{ ticketTypeId: 'a', quantity: 3, total: 100 }] as Registration['items'] });
  expect(foretell(odd, tickets, { kind: 'tickets', tickets: tickets.slice(0, 1) })).toEqual({ amount: 33, tickets: 1, about: true });
  expect(foretell(odd, tickets, { kind: 'tickets', tickets })).toEqual({ amount: 100, tickets: 3, about: false });
});

test('an amount leaves the tickets, unless it is all that is left', () => {
  expect(foretell(paid(), tickets, { kind: 'amount', amount: 100 }).tickets).toBe(0);
  expect(foretell(paid(), tickets, { kind: 'amount', amount: 7500 }).tickets).toBe(3);
});

test('a day without sales is a gap, over the end of a month too', () => {
  const days = everyDay([{ date: '2026-12-02' }, { date: '2026-11-29' }], (date) => ({ date }));
  expect(days.map((day) => day.date)).toEqual(['2026-11-29', '2026-11-30', '2026-12-01', '2026-12-02']);
  expect(everyDay([], (date: string) => ({ date }))).toEqual([]);
});

test('a code that is read and written again is the same', () => {
  const { body } = codeBody(
    { ...emptyCode, kind: 'ticket', off: '5,5', maxUses: '7', endsAt: { at: '2027-10-31T02:30', later: true } },
    'EUR',
    'Europe/Berlin',
    zones,
  );
  expect(body).toMatchObject({ amount: 550, amountPer: 'ticket', percentBps: null, maxUses: 7, endsAt: '2027-10-31T01:30:00.000Z' });
  const code = { ...body, code: 'X' } as Parameters<typeof codeDraft>[0];
  expect(codeBody(codeDraft(code, 'EUR', 'Europe/Berlin', zones), 'EUR', 'Europe/Berlin', zones).body).toEqual(body);
});

test('what a code cannot be is told by its field', () => {
  expect(
    codeBody({ ...emptyCode, off: '120', maxTickets: 'x', startsAt: { at: '2027-03-28T02:30' } }, 'EUR', 'Europe/Berlin', zones).faults,
  ).toEqual({
    '/percentBps': 'percent',
    '/maxTickets': 'number',
    '/startsAt': 'skipped',
  });
});
