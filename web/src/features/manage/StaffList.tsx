import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { get, patch, post, remove } from '@/api/http';
import { queries } from '@/api/query';
import type { Event, Staff } from '@/api/types';
import { formatDateTime } from '@/lib/time';
import { Badge, Button, Card, ErrorState, Field, Loading, Select, useErrorText, useToast } from '@/ui';

type Role = Staff['role'];
const staffKey = (eventId: string) => ['staff', eventId] as const;

export function useRoleName(): (role: Role) => string {
  const { t } = useLingui();
  return (role) => (role === 'manager' ? t`Manager` : t`Gate`);
}

/** Who works at the event, and who was asked to. Only the organizer appoints managers and changes roles. */
export function StaffList({ event, mayAppoint }: { event: Event; mayAppoint: boolean }) {
  const staff = useQuery({
    queryKey: staffKey(event.eventId),
    queryFn: ({ signal }) => get('/v1/events/{eventId}/staff', { path: { eventId: event.eventId }, signal }),
  });
  return (
    <Card>
      <h3 className="text-lg font-bold">
        <Trans>People</Trans>
      </h3>
      <p className="text-muted">
        <Trans>
          Gate staff scan tickets and see who is in. Managers also edit the event, see registrations and give refunds. Cancelling the event,
          its money and its managers stay with the organizer.
        </Trans>
      </p>
      <Invite event={event} mayAppoint={mayAppoint} />
      {staff.isPending && <Loading />}
      {staff.isError && <ErrorState error={staff.error} retry={() => void staff.refetch()} />}
      {staff.data?.items.length === 0 && (
        <p className="mt-4 text-muted">
          <Trans>Nobody yet.</Trans>
        </p>
      )}
      <ul className="mt-4 divide-y divide-border">
        {staff.data?.items.map((one) => (
          <li key={one.staffId} className="py-3">
            <Person event={event} person={one} mayAppoint={mayAppoint} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Invite({ event, mayAppoint }: { event: Event; mayAppoint: boolean }) {
  const { t } = useLingui();
  const say = useToast();
  const roleName = useRoleName();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('gate');
  const invite = useMutation({
    mutationFn: () => post('/v1/events/{eventId}/staff', { path: { eventId: event.eventId }, body: { email: email.trim(), role } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: staffKey(event.eventId) });
      say(t`The invitation is on its way.`);
      setEmail('');
    },
  });
  const submit = (submitted: FormEvent) => {
    submitted.preventDefault();
    if (!invite.isPending) invite.mutate();
  };
  return (
    <form onSubmit={submit} className="mt-4 grid items-end gap-3 sm:grid-cols-[minmax(0,1fr)_12rem_auto]">
      <Field
        label={t`E-mail address`}
        type="email"
        required
        maxLength={254}
        value={email}
        onChange={({ target }) => setEmail(target.value)}
      />
      <Select label={t`Role`} value={role} onChange={({ target }) => setRole(target.value === 'manager' ? 'manager' : 'gate')}>
        <option value="gate">{roleName('gate')}</option>
        {mayAppoint && <option value="manager">{roleName('manager')}</option>}
      </Select>
      <Button type="submit" busy={invite.isPending}>
        <Trans>Invite</Trans>
      </Button>
      {invite.isError && (
        <div className="sm:col-span-3">
          <ErrorState error={invite.error} />
        </div>
      )}
    </form>
  );
}

function Person({ event, person, mayAppoint }: { event: Event; person: Staff; mayAppoint: boolean }) {
  const { t, i18n } = useLingui();
  const say = useToast();
  const errorText = useErrorText();
  const roleName = useRoleName();
  const [sure, setSure] = useState(false);
  const path = { eventId: event.eventId, staffId: person.staffId };
  const act = useMutation({
    mutationFn: (what: () => Promise<unknown>) => what(),
    onError: (error) => say(errorText(error), 'bad'),
    onSettled: () => queries.invalidateQueries({ queryKey: staffKey(event.eventId) }),
  });
  const may = mayAppoint || person.role === 'gate';
  const who = person.name ?? person.email;
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <div className="min-w-0">
        <p className="font-semibold break-all">{who}</p>
        {person.name && <p className="text-sm break-all text-muted">{person.email}</p>}
        <p className="mt-1 flex flex-wrap items-center gap-2 text-sm">
          <Badge>{roleName(person.role)}</Badge>
          {person.status === 'active' && (
            <Badge tone="ok">
              <Trans>On the team</Trans>
            </Badge>
          )}
          {person.status === 'invited' && person.expiresAt && (
            <Badge tone="info">
              <Trans>Invited until {formatDateTime(person.expiresAt, event.timezone, i18n.locale)}</Trans>
            </Badge>
          )}
          {person.status === 'expired' && (
            <Badge tone="warn">
              <Trans>Invitation ran out</Trans>
            </Badge>
          )}
        </p>
      </div>
      {may && (
        <div className="flex flex-wrap items-center gap-2">
          {mayAppoint && (
            <Select
              label={t`Role of ${who}`}
              hideLabel
              value={person.role}
              onChange={({ target }) => {
                // Read now: until the answer comes the list shows the old role again.
                const role: Role = target.value === 'manager' ? 'manager' : 'gate';
                act.mutate(() => patch('/v1/events/{eventId}/staff/{staffId}', { path, body: { role } }));
              }}
            >
              <option value="gate">{roleName('gate')}</option>
              <option value="manager">{roleName('manager')}</option>
            </Select>
          )}
          {person.status !== 'active' && (
            <Button
              look="secondary"
              busy={act.isPending}
              onClick={() =>
                act.mutate(() => post('/v1/events/{eventId}/staff/{staffId}/resend', { path }).then(() => say(t`Sent again.`)))
              }
            >
              <Trans>Send again</Trans>
              <span className="sr-only"> {who}</span>
            </Button>
          )}
          <Button
            look={sure ? 'danger' : 'quiet'}
            onBlur={() => setSure(false)}
            onClick={() => (sure ? act.mutate(() => remove('/v1/events/{eventId}/staff/{staffId}', { path })) : setSure(true))}
          >
            {sure ? <Trans>Really remove</Trans> : person.status === 'active' ? <Trans>Remove</Trans> : <Trans>Withdraw</Trans>}
            <span className="sr-only"> {who}</span>
          </Button>
        </div>
      )}
    </div>
  );
}
