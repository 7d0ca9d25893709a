import { describe, expect, it } from 'vitest';
import type { Event, RegistrationDetail, Ticket } from '@/api/types';
import { mayGiveBack, refundOf } from './refund';

const until = '2026-12-01T12:00:00Z';
const event = (more: Partial<Event> = {}) => ({ status: 'published', refundUntil: until, refundFeePercent: 10, ...more }) as Event;
const order = (more: Partial<RegistrationDetail> = {}) =>
  ({
    status: 'confirmed',
    disputed: false,
    amount: 5000,
    refundedAmount: 0,
    refundFeeAmount: 0,
    currency: 'EUR',
    items: [{ ticketTypeId: 'a', quantity: 2, total: 5000 }],
    ...more,
  }) as RegistrationDetail;
const ticket = { ticketTypeId: 'a' } as Ticket;

describe('giving tickets back', () => {
  it('is the buyer’s own until the time is over, and never of what a bank or a cancelled event decides', () => {
    const before = Date.parse(until) - 1;
    expect(mayGiveBack(event(), order(), before)).toBe(true);
    expect(mayGiveBack(event(), order(), before + 1)).toBe(false);
    expect(mayGiveBack(event({ refundUntil: null }), order(), before)).toBe(false);
    expect(mayGiveBack(event({ status: 'cancelled' }), order(), before)).toBe(false);
    expect(mayGiveBack(event(), order({ disputed: true }), before)).toBe(false);
    expect(mayGiveBack(event(), order({ status: 'pending' }), before)).toBe(false);
  });

  it('brings the price without the fee, which is rounded half up', () => {
    expect(refundOf(event(), order(), [ticket], false)).toEqual({ back: 2250, kept: 250, exact: true });
    expect(refundOf(event({ refundFeePercent: 0 }), order(), [ticket, ticket], true)).toEqual({ back: 5000, kept: 0, exact: true });
    expect(refundOf(event(), order({ amount: 5 }), [ticket, ticket], true)).toEqual({ back: 4, kept: 1, exact: true });
  });

  it('never brings more than is left, and says where it may be a cent off', () => {
    expect(refundOf(event(), order({ refundedAmount: 2250, refundFeeAmount: 250 }), [ticket], true).back).toBe(2250);
    const uneven = order({ amount: 4999, items: [{ ticketTypeId: 'a', quantity: 2, total: 4999 }] as RegistrationDetail['items'] });
    expect(refundOf(event(), uneven, [ticket], false).exact).toBe(false);
    expect(refundOf(event(), uneven, [ticket, ticket], true)).toEqual({ back: 4499, kept: 500, exact: true });
  });

  it('keeps the thousandths that no card network moves', () => {
    expect(refundOf(event(), order({ amount: 5555, currency: 'KWD' }), [ticket, ticket], true)).toEqual({
      back: 4990,
      kept: 565,
      exact: true,
    });
  });
});
