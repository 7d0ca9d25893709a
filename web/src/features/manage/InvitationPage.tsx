import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { post } from '@/api/http';
import { keys, queries } from '@/api/query';
import type { StaffInvitation } from '@/api/types';
import { useSession } from '@/app/session';
import { Title } from '@/app/Title';
import { Button, ButtonLink, buttonClass, Card, ErrorState, EventTime, Loading, Notice } from '@/ui';

/** Where the link in an invitation's mail leads: what it is to, and yes. Accepting takes a sign-in with the address that was invited. */
export default function InvitationPage() {
  const { t } = useLingui();
  const { token = '' } = useParams();
  const invitation = useQuery({
    queryKey: ['invitation', token],
    queryFn: ({ signal }) => post('/v1/staff-invitations/look', { body: { token }, anonymous: true, signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <div className="mx-auto max-w-xl">
      <Title>{t`Invitation`}</Title>
      <h1 className="mb-4 text-3xl font-bold">
        <Trans>Invitation</Trans>
      </h1>
      {invitation.isPending && <Loading />}
      {invitation.isError && <Refusal error={invitation.error} retry={() => void invitation.refetch()} />}
      {invitation.data && <Invitation token={token} invitation={invitation.data} />}
    </div>
  );
}

function Refusal({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useLingui();
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 404 || status === 422)
    return <Notice tone="bad" title={t`There is no such invitation: it was withdrawn, or a newer mail took its place.`} />;
  if (status === 409)
    return (
      <Notice tone="bad" title={t`This invitation is not good any more.`}>
        <Trans>It has run out, or the event is cancelled or over. Ask who invited you for a new one.</Trans>
      </Notice>
    );
  return <ErrorState error={error} retry={retry} />;
}

function Invitation({ token, invitation }: { token: string; invitation: StaffInvitation }) {
  const { session, leave } = useSession();
  const { event, role, email } = invitation;
  const here = encodeURIComponent(`/invitations/${token}`);
  return (
    <Card className="space-y-4">
      <div>
        <h2 className="text-xl font-bold break-words">{event.title}</h2>
        <p>
          <EventTime at={event.startsAt} zone={event.timezone} />
        </p>
      </div>
      <p>
        {role === 'manager' ? (
          <Trans>You are asked to help run this event as a manager: edit it, see its registrations, and give refunds.</Trans>
        ) : (
          <Trans>You are asked to help at the gate of this event: scan tickets and see who is in.</Trans>
        )}
      </p>
      <p className="text-muted">
        <Trans>The invitation is for the address {email}.</Trans>
      </p>
      {session.status === 'loading' && <Loading />}
      {session.status === 'out' && (
        <div className="flex flex-wrap gap-3">
          <ButtonLink to={`/auth/sign-in?next=${here}`}>
            <Trans>Sign in to accept</Trans>
          </ButtonLink>
          <ButtonLink look="secondary" to={`/auth/sign-up?next=${here}`}>
            <Trans>Create an account</Trans>
          </ButtonLink>
        </div>
      )}
      {session.status === 'in' && <Accept token={token} as={session.user.email} onLeave={() => void leave()} />}
    </Card>
  );
}

function Accept({ token, as, onLeave }: { token: string; as: string; onLeave: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const accept = useMutation({
    mutationFn: () => post('/v1/staff-invitations/accept', { body: { token } }),
    onSuccess: async ({ role, event }) => {
      await queries.invalidateQueries({ queryKey: keys.me('staff') });
      if (role === 'manager') navigate(`/manage/${event.eventId}`, { replace: true });
    },
  });
  if (accept.isSuccess) {
    const { event } = accept.data;
    return (
      <Notice tone="ok" title={t`You are on the team.`}>
        <Link to={`/scan/${event.eventId}`} reloadDocument className={buttonClass('primary', 'mt-3')}>
          <Trans>Open the scanner</Trans>
        </Link>
      </Notice>
    );
  }
  const stranger = accept.error instanceof ApiError && accept.error.status === 403;
  return (
    <div className="space-y-3">
      {stranger ? (
        <Notice tone="bad" title={t`This invitation was mailed to another address than yours.`}>
          <Trans>Sign in with the address that was invited.</Trans>
        </Notice>
      ) : (
        accept.isError && <Refusal error={accept.error} />
      )}
      <div className="flex flex-wrap items-center gap-3">
        <Button busy={accept.isPending} onClick={() => accept.mutate()}>
          <Trans>Accept as {as}</Trans>
        </Button>
        <Button look="quiet" onClick={onLeave}>
          <Trans>Not you? Sign out</Trans>
        </Button>
      </div>
    </div>
  );
}
