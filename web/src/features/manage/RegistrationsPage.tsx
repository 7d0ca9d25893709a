import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { useSearchParams } from 'react-router';
import { download, get } from '@/api/http';
import { keys } from '@/api/query';
import type { Event, Registration } from '@/api/types';
import { formatDateTime } from '@/lib/time';
import { useTyped } from '@/lib/typed';
import { Button, cx, Dialog, Empty, ErrorState, Field, Loading, Money, Select, useErrorText, useToast } from '@/ui';
import { Bulk } from './Bulk';
import { EventFrame } from './parts';
import { RegistrationBadge, statuses, useStatusName } from './RegistrationBadge';
import { RegistrationView } from './RegistrationView';

export default function RegistrationsPage() {
  const { t } = useLingui();
  return <EventFrame title={t`Registrations`}>{({ event }) => <Registrations event={event} />}</EventFrame>;
}

function Registrations({ event }: { event: Event }) {
  const { t } = useLingui();
  const say = useToast();
  const errorText = useErrorText();
  const nameOf = useStatusName();
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (name: string, value: string) =>
      setParams(
        (now) => {
          const next = new URLSearchParams(now);
          if (value) next.set(name, value);
          else next.delete(name);
          return next;
        },
        { replace: true },
      ),
    [setParams],
  );
  // Also those that another search has out of sight stay chosen; the bar says how many.
  const [chosen, setChosen] = useState<Registration[]>([]);
  const choose = (registration: Registration, on: boolean) =>
    setChosen((now) => [...now.filter((one) => one.registrationId !== registration.registrationId), ...(on ? [registration] : [])]);
  const shown = params.get('show') ?? '';
  const setShown = (id: string) => set('show', id);
  const setWords = useCallback((value: string) => set('q', value), [set]);
  const words = params.get('q') ?? '';
  const status = statuses.find((name) => name === params.get('status'));
  const [q, setQ] = useTyped(words, setWords);
  const registrations = useInfiniteQuery({
    queryKey: keys.eventRegistrations(event.eventId, { q: words, status: status ?? '' }),
    queryFn: ({ pageParam, signal }) =>
      get('/v1/events/{eventId}/registrations', {
        path: { eventId: event.eventId },
        query: { limit: 50, ...(words && { q: words }), ...(status && { status }), ...(pageParam && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: (before) => before,
  });
  const items = registrations.data?.pages.flatMap((page) => page.items) ?? [];
  const byId = new Map(items.map((one) => [one.registrationId, one]));
  // As they are now: what was refunded since it was chosen is so no more.
  const stillChosen = chosen.map((one) => byId.get(one.registrationId) ?? one).filter((one) => one.status === 'confirmed');
  const isChosen = (id: string) => stillChosen.some((one) => one.registrationId === id);
  const more = items.filter((one) => one.status === 'confirmed' && !isChosen(one.registrationId));
  const csv = () =>
    download(`/v1/events/${event.eventId}/registrations.csv`, 'registrations.csv').catch((error) => say(errorText(error), 'bad'));
  return (
    <>
      <div className="mb-4 grid items-end gap-3 sm:grid-cols-[minmax(0,1fr)_14rem_auto]">
        <Field
          label={t`Search`}
          type="search"
          placeholder={t`Name or e-mail address`}
          value={q}
          maxLength={100}
          autoComplete="off"
          onChange={({ target }) => setQ(target.value)}
        />
        <Select label={t`Status`} value={status ?? ''} onChange={({ target }) => set('status', target.value)}>
          <option value="">{t`All`}</option>
          {statuses.map((name) => (
            <option key={name} value={name}>
              {nameOf(name)}
            </option>
          ))}
        </Select>
        <Button look="secondary" onClick={() => void csv()}>
          <Trans>All as CSV</Trans>
        </Button>
      </div>
      <p role="status" className="sr-only">
        {registrations.isSuccess &&
          (registrations.hasNextPage ? t`More than ${items.length} registrations` : t`${items.length} registrations`)}
      </p>
      {registrations.isPending && <Loading />}
      {registrations.isError && <ErrorState error={registrations.error} retry={() => void registrations.refetch()} />}
      {registrations.isSuccess && items.length === 0 && (
        <Empty title={words || status ? t`No registration fits.` : t`Nobody has registered yet.`} />
      )}
      {more.length > 1 && (
        <Button look="quiet" className="mb-2" onClick={() => setChosen([...stillChosen, ...more])}>
          <Trans>Choose all shown</Trans>
        </Button>
      )}
      <ul className="space-y-2" aria-busy={registrations.isFetching}>
        {items.map((registration) => (
          <li key={registration.registrationId}>
            <RegistrationRow
              event={event}
              registration={registration}
              chosen={isChosen(registration.registrationId)}
              onChoose={(on) => choose(registration, on)}
              onOpen={() => setShown(registration.registrationId)}
            />
          </li>
        ))}
      </ul>
      {registrations.hasNextPage && (
        <div className="mt-6 text-center">
          <Button look="secondary" busy={registrations.isFetchingNextPage} onClick={() => void registrations.fetchNextPage()}>
            <Trans>Show more</Trans>
          </Button>
        </div>
      )}
      <Bulk event={event} chosen={stillChosen} onChoose={setChosen} />
      <Dialog open={Boolean(shown)} onClose={() => setShown('')} title={t`Registration`}>
        {shown && <RegistrationView event={event} id={shown} />}
      </Dialog>
    </>
  );
}

type RowProps = { event: Event; registration: Registration; chosen: boolean; onChoose: (on: boolean) => void; onOpen: () => void };

/** A row to be pressed: who, how many, what was paid, and how it stands. */
function RegistrationRow({ event, registration, chosen, onChoose, onOpen }: RowProps) {
  const { t, i18n } = useLingui();
  const { attendees, items, amount, refundedAmount, currency, status, createdAt } = registration;
  const quantity = items.reduce((sum, item) => sum + item.quantity, 0);
  const names = [...new Set(attendees.map((one) => one.name))];
  const others = names.length - 1;
  const who = names[0] ?? '';
  return (
    <div className="flex items-stretch gap-1">
      {/* Only what has tickets can have them mailed or given back; the others keep the place free, so that names stand under each other. */}
      <label className={cx('grid w-11 shrink-0 place-items-center', status !== 'confirmed' && 'invisible')}>
        <span className="sr-only">{t`Choose ${who}`}</span>
        <input
          type="checkbox"
          className="size-6 accent-accent"
          checked={chosen}
          disabled={status !== 'confirmed'}
          onChange={({ target }) => onChoose(target.checked)}
        />
      </label>
      <button
        type="button"
        onClick={onOpen}
        className="flex min-w-0 flex-1 flex-wrap items-center gap-x-4 gap-y-1 rounded-card border border-border bg-surface p-3 text-left hover:bg-surface-2 sm:grid sm:grid-cols-[minmax(0,1fr)_7rem_9rem_8rem]"
      >
        <span className="w-full min-w-0 sm:w-auto">
          <span className="block truncate font-semibold">
            {names[0]} {others > 0 && <Plural value={others} one="and # other" other="and # others" />}
          </span>
          <span className="block truncate text-sm text-muted">
            {attendees[0]?.email} · {formatDateTime(createdAt, event.timezone, i18n.locale)}
          </span>
        </span>
        <span>
          <Plural value={quantity} one="# ticket" other="# tickets" />
        </span>
        <span className="sm:text-right">
          <Money amount={amount} currency={currency} />
          {refundedAmount > 0 && status === 'confirmed' && (
            <span className="block text-sm text-muted">
              <Trans>
                <Money amount={refundedAmount} currency={currency} /> given back
              </Trans>
            </span>
          )}
        </span>
        <span className="ml-auto sm:text-right">
          <RegistrationBadge status={status} />
        </span>
      </button>
    </div>
  );
}
