import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { Navigate, useNavigate, useParams, useSearchParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { post } from '@/api/http';
import { codeOf, eventWith, useQuote } from '@/api/prices';
import { keys, queries } from '@/api/query';
import type { Event } from '@/api/types';
import { SignedIn } from '@/app/guard';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';
import { uuid7 } from '@/lib/id';
import { Button, ButtonLink, Card, Checkbox, ErrorState, Field, Loading, Notice } from '@/ui';
import { CodeEntry, useCodeFault } from '@/ui/CodeEntry';
import { basketOf, basketQuery, forgetOrderKey, type Line, orderKey, plainSums } from './basket';
import { forgetGuests, type Guest, useGuests } from './guests';
import { Summary } from './Summary';

export default function DetailsPage() {
  const { eventId = '' } = useParams();
  const code = codeOf(useSearchParams()[0]);
  const event = useQuery({
    ...eventWith(eventId, code),
    // Another code must not take away what was typed meanwhile.
    placeholderData: keepPreviousData,
  });
  return (
    <SignedIn>
      {(user) => {
        if (event.isPending) return <Loading />;
        if (!event.data) return <ErrorState error={event.error} retry={() => void event.refetch()} />;
        return <Details event={event.data} user={user} />;
      }}
    </SignedIn>
  );
}

/** One seat a ticket, in the order of the lines. */
function seatsOf(lines: Line[]): { id: string; ticketTypeId: string; label: string }[] {
  return lines.flatMap((line) =>
    Array.from({ length: line.quantity }, (_, n) => ({
      id: `${line.ticketTypeId}-${n}`,
      ticketTypeId: line.ticketTypeId,
      label: line.name,
    })),
  );
}

function Details({ event, user }: { event: Event; user: User }) {
  const { t } = useLingui();
  const [params, setParams] = useSearchParams();
  const code = codeOf(params);
  const codeFault = useCodeFault();
  const navigate = useNavigate();
  const lines = basketOf(event, params);
  const seats = seatsOf(lines);
  const items = lines.map(({ ticketTypeId, quantity }) => ({ ticketTypeId, quantity }));
  const quote = useQuote(event.eventId, items, code);
  const [guests, setGuests] = useGuests(event.eventId);
  const { named } = guests;
  // The first ticket is one's own until another name is put there.
  const guestOf = (id: string): Guest => guests.of[id] ?? { name: id === seats[0]?.id ? user.name : '', email: '' };

  const order = useMutation({
    mutationFn: () => {
      const attendees = seats
        .map((seat, n) => ({
          ticketTypeId: seat.ticketTypeId,
          guest: named ? guestOf(seat.id) : { name: n === 0 ? user.name : '', email: '' },
        }))
        .filter(({ guest }) => guest.name.trim())
        .map(({ ticketTypeId, guest }) => ({ ticketTypeId, name: guest.name.trim(), email: guest.email.trim() || undefined }));
      const body = {
        eventId: event.eventId,
        items,
        ...(attendees.length > 0 && { attendees }),
        ...(code && { discountCode: code }),
      };
      return post('/v1/registrations', { body, key: orderKey(`${user.sub} ${JSON.stringify(body)}`, uuid7) });
    },
    onSuccess: (registration) => {
      forgetOrderKey();
      forgetGuests();
      queries.setQueryData(keys.registration(registration.registrationId), registration);
      void queries.invalidateQueries({ queryKey: keys.event(event.eventId) });
      navigate(`/checkout/${event.eventId}/${registration.registrationId}`, { replace: true });
    },
    onError: (error) => {
      // A refusal changed nothing; what is asked for next is another order.
      if (error instanceof ApiError && !error.passing) forgetOrderKey();
      void queries.invalidateQueries({ queryKey: keys.event(event.eventId) });
    },
  });

  const eventPath = `/e/${event.eventId}?${basketQuery(items, code)}`;
  if (lines.length === 0) return <Navigate to={eventPath} replace />;
  const sums = quote.data ?? plainSums(event, lines);
  const fault = codeFault(order.error) ?? codeFault(quote.error);
  // Of a quote: a sum too small for any card; and with a code, that nobody knows the sum.
  const error =
    order.error ?? (quote.error instanceof ApiError && (code || quote.error.code === 'amount-too-small') ? quote.error : undefined);
  const apply = (next: string) => {
    order.reset();
    setParams(
      (now) => {
        if (next) now.set('code', next);
        else now.delete('code');
        return now;
      },
      { replace: true, preventScrollReset: true },
    );
  };
  const set = (id: string, part: Partial<Guest>) => setGuests({ named, of: { ...guests.of, [id]: { ...guestOf(id), ...part } } });

  return (
    <>
      <Title>{t`Your order`}</Title>
      <h1 className="mb-5 text-3xl font-bold">
        <Trans>Your order</Trans>
      </h1>
      <form
        className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_24rem]"
        onSubmit={(submitted) => {
          submitted.preventDefault();
          if (!order.isPending) order.mutate();
        }}
      >
        <div className="space-y-5">
          <Card>
            <h2 className="text-xl font-bold">
              <Trans>Who is coming?</Trans>
            </h2>
            <p className="mt-1">
              <Trans>
                Tickets and receipt go to <strong>{user.email}</strong>.
              </Trans>
            </p>
            <Checkbox
              label={t`Name each guest on the ticket`}
              hint={t`A ticket without a guest's name has yours.`}
              checked={named}
              onChange={(change) => setGuests({ ...guests, named: change.target.checked })}
            />
            {named && <Guests seats={seats} guestOf={guestOf} set={set} error={order.error} />}
          </Card>
        </div>
        <aside>
          <Summary event={event} sums={sums} pending={code !== '' && quote.isPending && !fault}>
            <div className="mt-3">
              <CodeEntry code={code} error={fault} onApply={apply} />
            </div>
            {error && !codeFault(error) && (
              <div className="mt-4">
                <OrderError error={error} eventPath={eventPath} retry={order.error ? undefined : () => void quote.refetch()} />
              </div>
            )}
            <Button type="submit" busy={order.isPending} className="mt-4 w-full">
              {sums.amount ? <Trans>Hold the seats and pay</Trans> : <Trans>Register</Trans>}
            </Button>
            <ButtonLink to={eventPath} look="quiet" className="mt-1 w-full">
              <Trans>Change the tickets</Trans>
            </ButtonLink>
          </Summary>
        </aside>
      </form>
    </>
  );
}

type GuestsProps = {
  seats: ReturnType<typeof seatsOf>;
  guestOf: (id: string) => Guest;
  set: (id: string, part: Partial<Guest>) => void;
  error: unknown;
};

function Guests({ seats, guestOf, set, error }: GuestsProps) {
  const { t } = useLingui();
  // The server counts only the guests that were named; so do its pointers.
  const named = seats.filter((seat) => guestOf(seat.id).name.trim());
  const fault = (id: string, field: string) =>
    error instanceof ApiError
      ? error.faults.find((one) => one.pointer === `/attendees/${named.findIndex((seat) => seat.id === id)}/${field}`)?.detail
      : undefined;
  return (
    <ol className="mt-2 space-y-4">
      {seats.map((seat, n) => (
        <li key={seat.id}>
          <fieldset className="grid gap-3 rounded-card border border-border p-3 sm:grid-cols-2">
            <legend className="px-1 font-semibold">
              {n + 1}. {seat.label}
            </legend>
            <Field
              label={t`Name`}
              value={guestOf(seat.id).name}
              autoComplete={n === 0 ? 'name' : 'off'}
              maxLength={200}
              required={guestOf(seat.id).email.trim() !== ''}
              error={fault(seat.id, 'name')}
              onChange={(change) => set(seat.id, { name: change.target.value })}
            />
            <Field
              label={t`E-mail address (optional)`}
              type="email"
              value={guestOf(seat.id).email}
              autoComplete="off"
              maxLength={254}
              error={fault(seat.id, 'email')}
              onChange={(change) => set(seat.id, { email: change.target.value })}
            />
          </fieldset>
        </li>
      ))}
    </ol>
  );
}

function OrderError({ error, eventPath, retry }: { error: unknown; eventPath: string; retry?: () => void }) {
  const { t } = useLingui();
  const back = (
    <ButtonLink to={eventPath} look="secondary" className="mt-3">
      <Trans>What is left</Trans>
    </ButtonLink>
  );
  if (error instanceof ApiError && error.code === 'sold-out')
    return (
      <Notice tone="warn" title={t`Not enough tickets are left.`}>
        <p>
          <Trans>Others were faster. See what there still is, and choose again.</Trans>
        </p>
        {back}
      </Notice>
    );
  if (error instanceof ApiError && error.code === 'sale-closed')
    return (
      <Notice tone="warn" title={t`These tickets are not on sale now.`}>
        <p>
          <Trans>Their sale has not begun, or has ended meanwhile. Nothing was charged.</Trans>
        </p>
        {back}
      </Notice>
    );
  if (error instanceof ApiError && error.code === 'limit-reached')
    return (
      <Notice tone="warn" title={t`That is more of these tickets than one person may have.`}>
        <p>
          <Trans>Tickets that you have already, and seats that you hold, count as well.</Trans>
        </p>
        {back}
      </Notice>
    );
  if (error instanceof ApiError && error.code === 'amount-too-small')
    return <Notice tone="warn" title={t`This sum is too small for a card payment. Choose more tickets, or take the code off.`} />;
  return <ErrorState error={error} retry={retry} />;
}
