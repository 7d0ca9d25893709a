import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useParams } from 'react-router';
import { get } from '@/api/http';
import type { Event } from '@/api/types';
import { type User, useSession } from '@/app/session';
import { serverNow } from '@/lib/clock';
import { uuid7 } from '@/lib/id';
import { Button, ButtonLink, Card, Empty, ErrorState, EventTime, Field, Loading, Notice } from '@/ui';
import type { Store } from './db';
import { AFTER_END_MS } from './engine';
import { Screen } from './Screen';
import { eventOf } from './sync';

type Props = { store: Store; onDone: () => void };

/** Who scans, for which event, at which gate. */
export default function SetupScreen({ store, onDone }: Props) {
  const { session } = useSession();
  const { eventId } = useParams();
  const next = encodeURIComponent(eventId ? `/scan/${eventId}` : '/scan');
  const waiting = useQuery({ queryKey: ['scan', 'waiting'], queryFn: () => store.counts(undefined), staleTime: 0, networkMode: 'always' });
  return (
    <Screen title={<Trans>Gate scanner</Trans>}>
      {!!waiting.data?.elsewhere && (
        <Notice tone="warn">
          <Plural
            value={waiting.data.elsewhere}
            one="# scan on this phone is not handed in yet. Choose its event again to hand it in."
            other="# scans on this phone are not handed in yet. Choose their event again to hand them in."
          />
        </Notice>
      )}
      {session.status === 'loading' && <Loading />}
      {session.status === 'out' && (
        <>
          <Card className="space-y-3">
            <h2 className="text-xl font-bold">
              <Trans>You work at the gate</Trans>
            </h2>
            <p>
              <Trans>Sign in with the address that the organizer invited.</Trans>
            </p>
            <ButtonLink to={`/auth/sign-in?next=${next}`} reloadDocument className="w-full">
              <Trans>Sign in</Trans>
            </ButtonLink>
          </Card>
          <Card className="space-y-2">
            <h2 className="text-xl font-bold">
              <Trans>This phone is a scanner</Trans>
            </h2>
            <p>
              <Trans>
                Point its camera app at the QR code that the organizer made for this phone, and open the link. No password is needed.
              </Trans>
            </p>
          </Card>
        </>
      )}
      {session.status === 'in' && <ForUser user={session.user} store={store} onDone={onDone} />}
    </Screen>
  );
}

/** Own events and those where one is staff; what is over by a day opens no gate any more. */
async function eventsOf(user: User, signal: AbortSignal): Promise<Event[]> {
  const all = new Map<string, Event>();
  let cursor: string | undefined;
  do {
    const page = await get('/v1/me/staff', { query: { limit: 100, ...(cursor && { cursor }) }, signal });
    for (const { event } of page.items) all.set(event.eventId, event);
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
  if (user.groups.includes('Organizers') || user.groups.includes('Admins'))
    do {
      const page = await get('/v1/my-events', { query: { limit: 100, ...(cursor && { cursor }) }, signal });
      for (const event of page.items) all.set(event.eventId, event);
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
  const now = serverNow();
  return [...all.values()]
    .filter((event) => event.status !== 'cancelled' && event.status !== 'draft' && now < Date.parse(event.endsAt) + AFTER_END_MS)
    .sort((a, b) => a.startsAt.localeCompare(b.startsAt));
}

function ForUser({ user, store, onDone }: Props & { user: User }) {
  const { t } = useLingui();
  const { eventId } = useParams();
  const [chosen, setChosen] = useState(eventId);
  const events = useQuery({ queryKey: ['scan', 'events', user.sub], queryFn: ({ signal }) => eventsOf(user, signal) });
  if (events.isError) return <ErrorState error={events.error} retry={() => void events.refetch()} />;
  if (events.isPending) return <Loading />;
  if (events.data.length === 0)
    return (
      <Empty title={<Trans>You have no event with an open gate.</Trans>}>
        <p>
          <Trans>Ask the organizer to invite {user.email} as staff, or publish an event of your own.</Trans>
        </p>
      </Empty>
    );
  const event = events.data.find((one) => one.eventId === chosen) ?? (events.data.length === 1 ? events.data[0] : undefined);

  const submit = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    const gate = String(new FormData(submitted.currentTarget).get('gate') ?? '').trim();
    if (!event || !gate) return;
    const deviceId = (await store.get('deviceId')) ?? uuid7();
    await store.put('deviceId', deviceId);
    await store.setUp({ event: eventOf(event), gate, deviceId });
    onDone();
  };
  return (
    <form onSubmit={(submitted) => void submit(submitted)} className="space-y-5">
      <fieldset className="space-y-2">
        <legend className="mb-2 text-xl font-bold">
          <Trans>Which event?</Trans>
        </legend>
        {events.data.map((one) => (
          <label
            key={one.eventId}
            className="flex min-h-14 cursor-pointer items-start gap-3 rounded-card border border-control bg-surface p-3 has-checked:border-accent has-checked:bg-accent-soft"
          >
            <input
              type="radio"
              name="event"
              value={one.eventId}
              required
              checked={one === event}
              onChange={() => setChosen(one.eventId)}
              className="mt-1 size-5 shrink-0 accent-accent"
            />
            <span className="min-w-0">
              <span className="block font-semibold">{one.title}</span>
              <span className="block text-sm">
                <EventTime at={one.startsAt} zone={one.timezone} />
              </span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field
        label={t`Name of this gate`}
        name="gate"
        required
        maxLength={100}
        autoComplete="off"
        hint={t`For example “Main entrance”. Whoever comes with a used ticket is told where it was used.`}
      />
      <Button type="submit" className="min-h-14 w-full">
        <Trans>Continue</Trans>
      </Button>
    </form>
  );
}
