import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '@/api/errors';
import { post } from '@/api/http';
import { keys, queries } from '@/api/query';
import type { Event, RegistrationDetail, Ticket } from '@/api/types';
import { serverNow } from '@/lib/clock';
import { uuid7 } from '@/lib/id';
import { formatMoney } from '@/lib/money';
import { formatDateTime } from '@/lib/time';
import { Button, Checkbox, Dialog, ErrorState, Notice, useToast } from '@/ui';
import { mayGiveBack, refundOf } from './refund';

type Props = { order: RegistrationDetail; event: Event; tickets: Ticket[] };

export function GiveBack({ order, event, tickets }: Props) {
  const { t, i18n } = useLingui();
  const [open, setOpen] = useState(false);
  const valid = tickets.filter((ticket) => ticket.status === 'valid');
  if (valid.length === 0 || order.status !== 'confirmed') return null;
  if (!mayGiveBack(event, order, serverNow()) || !event.refundUntil)
    return (
      <p className="mt-3 text-sm text-muted">
        {event.refundUntil ? (
          <Trans>The time in which tickets could be given back is over. Ask the organizer.</Trans>
        ) : (
          <Trans>Refunds for this event are given by its organizer.</Trans>
        )}
      </p>
    );
  const until = formatDateTime(event.refundUntil, event.timezone, i18n.locale);
  return (
    <div className="mt-3">
      <Button look="secondary" onClick={() => setOpen(true)}>
        <Trans>Give tickets back…</Trans>
      </Button>
      <p className="mt-1 text-sm text-muted">
        <Trans>Until {until}.</Trans>
      </p>
      <Dialog open={open} onClose={() => setOpen(false)} title={t`Give tickets back`}>
        <Choose order={order} event={event} tickets={tickets} valid={valid} onClose={() => setOpen(false)} />
      </Dialog>
    </div>
  );
}

function Choose({ order, event, tickets, valid, onClose }: Props & { valid: Ticket[]; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const say = useToast();
  // A choice has one key for all its tries: a second click, or a try after a cut connection, gives nothing back twice.
  const [{ kept, key }, setChoice] = useState({ kept: [] as string[], key: uuid7() });
  const setKept = (next: string[]) => setChoice({ kept: next, key: uuid7() });
  const chosen = valid.filter((ticket) => !kept.includes(ticket.ticketId));
  // A used ticket stays one, so that the others are named.
  const all = kept.length === 0 && tickets.every((ticket) => ticket.status !== 'used');
  const { back, kept: fee, exact } = refundOf(event, order, chosen, all);
  const money = (amount: number) => formatMoney(amount, order.currency, i18n.locale);
  const refund = useMutation({
    mutationFn: () =>
      post('/v1/registrations/{registrationId}/refund', {
        path: { registrationId: order.registrationId },
        body: all ? {} : { ticketIds: chosen.map((ticket) => ticket.ticketId) },
        key,
      }),
    onError: (error) => {
      if (error instanceof ApiError && !error.passing) setKept(kept);
    },
    onSuccess: (now) => {
      queries.setQueryData(keys.registration(order.registrationId), now);
      void queries.invalidateQueries({ queryKey: ['tickets'] });
      void queries.invalidateQueries({ queryKey: ['ticket'] });
      say(back > 0 ? t`Done. The money is on its way back.` : t`Done. The tickets are cancelled.`);
      onClose();
    },
  });
  return (
    <div className="space-y-4">
      {valid.length > 1 && (
        <fieldset>
          <legend className="font-medium">
            <Trans>Which?</Trans>
          </legend>
          {valid.map((ticket) => (
            <Checkbox
              key={ticket.ticketId}
              label={nameOf(ticket, tickets, event)}
              checked={!kept.includes(ticket.ticketId)}
              disabled={refund.isPending}
              onChange={(change) =>
                setKept(change.target.checked ? kept.filter((id) => id !== ticket.ticketId) : [...kept, ticket.ticketId])
              }
            />
          ))}
        </fieldset>
      )}
      {order.amount > 0 ? (
        <dl className="grid grid-cols-[1fr_auto] gap-x-4 gap-y-1 border-y border-border py-3" aria-live="polite">
          <dt className="font-bold">{exact ? <Trans>You get back</Trans> : <Trans>You get back, to a cent or two</Trans>}</dt>
          <dd className="text-right font-bold tabular-nums">{money(back)}</dd>
          <dt>
            <Trans>The organizer keeps ({event.refundFeePercent ?? 0} %)</Trans>
          </dt>
          <dd className="text-right tabular-nums">{money(fee)}</dd>
        </dl>
      ) : (
        <p>
          <Trans>These tickets cost nothing, so no money moves.</Trans>
        </p>
      )}
      <Notice tone="warn">
        <Trans>The tickets open no door from that moment on, and their seats go back on sale. The money comes by the way you paid.</Trans>
      </Notice>
      {refund.isError && <ErrorState error={refund.error} />}
      <div className="flex flex-wrap gap-2">
        <Button look="danger" disabled={chosen.length === 0} busy={refund.isPending} onClick={() => refund.mutate()}>
          <Trans>Give back</Trans>
        </Button>
        <Button look="secondary" onClick={onClose}>
          <Trans>Keep them</Trans>
        </Button>
      </div>
    </div>
  );
}

function nameOf(ticket: Ticket, tickets: Ticket[], event: Event): string {
  const type = event.ticketTypes.find((one) => one.ticketTypeId === ticket.ticketTypeId)?.name;
  const number = tickets.indexOf(ticket) + 1;
  return [`${number}.`, ticket.attendeeName, type].filter(Boolean).join(' ');
}
