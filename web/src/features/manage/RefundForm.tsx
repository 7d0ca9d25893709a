import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { post } from '@/api/http';
import { keys, queries } from '@/api/query';
import type { Event, RegistrationDetail, Ticket } from '@/api/types';
import { uuid7 } from '@/lib/id';
import { formatMoney, parseMoney } from '@/lib/money';
import { Button, Checkbox, ErrorState, Field, Notice, useToast } from '@/ui';
import { typeName } from './parts';
import { type Choice, type Forecast, foretell, mostOf } from './refund';

type Props = { event: Event; registration: RegistrationDetail; tickets: Ticket[]; onDone: () => void };
type Kind = Choice['kind'];

/** Full, by ticket or by amount; before it is asked for it says what money goes back and which tickets become void. */
export function RefundForm({ event, registration, tickets, onDone }: Props) {
  const { t, i18n } = useLingui();
  const say = useToast();
  const open = tickets.filter((ticket) => ticket.status !== 'cancelled');
  const [kind, setKind] = useState<Kind>('all');
  const [picked, setPicked] = useState<string[]>([]);
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const { currency, registrationId } = registration;
  const most = mostOf(registration);
  const amount = parseMoney(typed, currency);
  const fits = amount !== undefined && amount > 0 && amount <= most;
  const choice: Choice | undefined =
    kind === 'all'
      ? { kind }
      : kind === 'tickets'
        ? picked.length > 0
          ? { kind, tickets: open.filter((ticket) => picked.includes(ticket.ticketId)) }
          : undefined
        : fits
          ? { kind, amount }
          : undefined;
  const forecast = choice && foretell(registration, open, choice);
  // One key for one refund: a second try after no answer came pays nobody twice.
  const order = useRef({ text: '', key: '' });

  const refund = useMutation({
    mutationFn: () => {
      const body = {
        ...(kind === 'tickets' && { ticketIds: picked }),
        ...(kind === 'amount' && { amount }),
        ...(reason.trim() && { reason: reason.trim() }),
      };
      const text = JSON.stringify(body);
      if (order.current.text !== text) order.current = { text, key: uuid7() };
      return post('/v1/registrations/{registrationId}/refund', { path: { registrationId }, body, key: order.current.key });
    },
    onSuccess: async (detail) => {
      queries.setQueryData(keys.registration(registrationId), detail);
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['event-registrations', event.eventId] }),
        queries.invalidateQueries({ queryKey: keys.stats(event.eventId) }),
        ...tickets.map(({ ticketId }) => queries.invalidateQueries({ queryKey: keys.ticket(ticketId) })),
      ]);
      say(t`The refund is on its way.`);
      onDone();
    },
  });
  const submit = (submitted: FormEvent) => {
    submitted.preventDefault();
    if (choice && !refund.isPending) refund.mutate();
  };
  const mostText = formatMoney(most, currency, i18n.locale);
  const kinds: [Kind, string][] = [
    ['all', t`Everything that is left`],
    ['tickets', t`Single tickets`],
    ...(most > 0 ? ([['amount', t`An amount; the tickets stay valid`]] as [Kind, string][]) : []),
  ];
  return (
    <form onSubmit={submit} className="space-y-4">
      <fieldset>
        <legend className="font-semibold">
          <Trans>What is given back?</Trans>
        </legend>
        {kinds.map(([name, label]) => (
          <label key={name} className="flex min-h-11 items-center gap-3">
            <input type="radio" name="kind" className="size-5 accent-accent" checked={kind === name} onChange={() => setKind(name)} />
            {label}
          </label>
        ))}
      </fieldset>
      {kind === 'tickets' && (
        <fieldset className="max-h-60 overflow-auto rounded-card border border-border p-3">
          <legend className="sr-only">
            <Trans>Tickets</Trans>
          </legend>
          {open.map(({ ticketId, attendeeName, ticketTypeId, status }) => (
            <Checkbox
              key={ticketId}
              label={`${attendeeName ?? '–'} · ${typeName(event, ticketTypeId)}`}
              hint={status === 'used' ? t`Was let in already.` : undefined}
              checked={picked.includes(ticketId)}
              onChange={({ target }) => setPicked(target.checked ? [...picked, ticketId] : picked.filter((id) => id !== ticketId))}
            />
          ))}
        </fieldset>
      )}
      {kind === 'amount' && (
        <Field
          label={t`Amount (${currency})`}
          inputMode="decimal"
          value={typed}
          error={typed && !fits ? t`An amount up to ${mostText}, please.` : undefined}
          onChange={({ target }) => setTyped(target.value)}
        />
      )}
      <Field
        label={t`Reason`}
        hint={t`Stands in the list of refunds. May be empty.`}
        value={reason}
        maxLength={500}
        onChange={({ target }) => setReason(target.value)}
      />
      <div aria-live="polite">{forecast && <Told forecast={forecast} currency={currency} />}</div>
      {refund.isError && <ErrorState error={refund.error} />}
      <div className="flex flex-wrap gap-3">
        <Button type="submit" look="danger" disabled={!choice} busy={refund.isPending}>
          <Trans>Refund now</Trans>
        </Button>
        <Button look="secondary" onClick={onDone}>
          <Trans>Back</Trans>
        </Button>
      </div>
    </form>
  );
}

function Told({ forecast: { amount, tickets, about }, currency }: { forecast: Forecast; currency: string }) {
  const { t, i18n } = useLingui();
  const money = formatMoney(amount, currency, i18n.locale);
  return (
    <Notice
      tone="warn"
      title={
        amount === 0 ? t`No money goes back.` : about ? t`About ${money} goes back to the buyer.` : t`${money} goes back to the buyer.`
      }
    >
      <Plural
        value={tickets}
        _0="All tickets stay valid."
        one="# ticket becomes void at the gate at once, and its seat is free again."
        other="# tickets become void at the gate at once, and their seats are free again."
      />
    </Notice>
  );
}
