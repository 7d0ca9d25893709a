// A discount code's form as text, to the API's shape and back.
import type { DiscountCode, DiscountCodePatch } from '@/api/types';
import { moneyInput, parseMoney } from '@/lib/money';
import { type Fault, parseCount, parsePercent, percentInput } from './draft';
import type { Wall, Zones } from './zone';

export type CodeKind = 'percent' | 'order' | 'ticket' | 'opens';

export type CodeDraft = {
  code: string;
  kind: CodeKind;
  off: string;
  ticketTypeIds: string[];
  maxUses: string;
  maxUsesPerAccount: string;
  maxTickets: string;
  startsAt: Wall;
  endsAt: Wall;
  active: boolean;
};

export const emptyCode: CodeDraft = {
  code: '',
  kind: 'percent',
  off: '10',
  ticketTypeIds: [],
  maxUses: '',
  maxUsesPerAccount: '',
  maxTickets: '',
  startsAt: { at: '' },
  endsAt: { at: '' },
  active: true,
};

const text = (value: number | null) => (value === null ? '' : String(value));

export function codeDraft(code: DiscountCode, currency: string, zone: string, zones: Zones): CodeDraft {
  const kind = code.percentBps !== null ? 'percent' : code.amount === null ? 'opens' : (code.amountPer ?? 'order');
  return {
    code: code.code,
    kind,
    off: code.percentBps !== null ? percentInput(code.percentBps) : code.amount !== null ? moneyInput(code.amount, currency) : '',
    ticketTypeIds: code.ticketTypeIds ?? [],
    maxUses: text(code.maxUses),
    maxUsesPerAccount: text(code.maxUsesPerAccount),
    maxTickets: text(code.maxTickets),
    startsAt: zones.show(code.startsAt, zone),
    endsAt: zones.show(code.endsAt, zone),
    active: code.active,
  };
}

/** All but the code itself, and the faults by pointer. */
export function codeBody(
  draft: CodeDraft,
  currency: string,
  zone: string,
  zones: Zones,
): { body: DiscountCodePatch; faults: Record<string, Fault> } {
  const faults: Record<string, Fault> = {};
  const parsed = (at: string, value: number | undefined, fault: Fault) => {
    if (value === undefined) faults[at] = fault;
    return value ?? 0;
  };
  const limit = (at: string, typed: string) => (typed.trim() ? parsed(at, parseCount(typed), 'number') : null);
  const time = (at: string, wall: Wall) => {
    const reading = zones.read(wall, zone);
    if (reading.kind === 'skipped') faults[at] = 'skipped';
    return 'utc' in reading ? reading.utc : null;
  };
  const percent = draft.kind === 'percent';
  const amount = draft.kind === 'order' || draft.kind === 'ticket';
  const body: DiscountCodePatch = {
    percentBps: percent ? parsed('/percentBps', parsePercent(draft.off), 'percent') : null,
    amount: amount ? parsed('/amount', parseMoney(draft.off, currency), 'money') : null,
    ...(amount && { amountPer: draft.kind === 'ticket' ? ('ticket' as const) : ('order' as const) }),
    ticketTypeIds: draft.ticketTypeIds.length > 0 ? draft.ticketTypeIds : null,
    maxUses: limit('/maxUses', draft.maxUses),
    maxUsesPerAccount: limit('/maxUsesPerAccount', draft.maxUsesPerAccount),
    maxTickets: limit('/maxTickets', draft.maxTickets),
    startsAt: time('/startsAt', draft.startsAt),
    endsAt: time('/endsAt', draft.endsAt),
    active: draft.active,
  };
  return { body, faults };
}
