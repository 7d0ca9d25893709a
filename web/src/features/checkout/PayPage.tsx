import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { useLocation, useNavigate, useParams } from 'react-router';
import { get, remove } from '@/api/http';
import { eventWith } from '@/api/prices';
import { keys, queries } from '@/api/query';
import type { Event, Registration } from '@/api/types';
import { SignedIn } from '@/app/guard';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';
import { serverNow } from '@/lib/clock';
import { Button, ButtonLink, buttonClass, Card, ErrorState, Loading, Notice, useErrorText, useToast } from '@/ui';
import { basketQuery } from './basket';
import { Countdown } from './Countdown';
import { Payment } from './payment/Payment';
import { Summary } from './Summary';

export default function PayPage() {
  return <SignedIn>{(user) => <Order user={user} />}</SignedIn>;
}

/** How often to ask while something is under way: 2 s at first, then ever more rarely, at most every 10 s. */
const patience = (asked: number) => Math.min(2000 * 1.2 ** Math.max(0, asked - 5), 10_000);

type Came = 'paying' | 'refused' | undefined;

/** How the buyer came back from the bank, if from there: as Stripe says it in the address, which also has the intent's secret and is cleared of it. */
function useReturn(): Came {
  const { pathname, search } = useLocation();
  const navigate = useNavigate();
  const [came] = useState((): Came => {
    const params = new URLSearchParams(search);
    if (!params.has('payment_intent')) return undefined;
    return params.get('redirect_status') === 'failed' ? 'refused' : 'paying';
  });
  useEffect(() => {
    if (search) void navigate(pathname, { replace: true });
  }, [navigate, pathname, search]);
  return came;
}

/** True once something has been so for so long. */
function useLasting(on: boolean, ms: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!on) return;
    const timer = setTimeout(() => setLasts(true), ms);
    return () => {
      clearTimeout(timer);
      setLasts(false);
    };
  }, [on, ms]);
  return lasts;
}

/** Most banks answer within seconds; from then on the buyer is told more, and may pay anew. */
const LONG_MS = 30_000;

function Order({ user }: { user: User }) {
  const { eventId = '', registrationId = '' } = useParams();
  const came = useReturn();
  // Set once the provider took the payment: from then on only the server's word counts.
  const [paying, setPaying] = useState(came === 'paying');
  const registration = useQuery({
    queryKey: keys.registration(registrationId),
    queryFn: ({ signal }) => get('/v1/registrations/{registrationId}', { path: { registrationId }, signal }),
    staleTime: 0,
    refetchInterval: (query) => {
      const now = query.state.data;
      if (now?.status !== 'pending') return false;
      const over = now.expiresAt && Date.parse(now.expiresAt) <= serverNow();
      return paying || over ? patience(query.state.dataUpdateCount) : 10_000;
    },
  });
  const event = useQuery({
    ...eventWith(eventId, registration.data?.discountCode),
    enabled: Boolean(registration.data),
  });
  const paid = useCallback(() => {
    setPaying(true);
    void queries.invalidateQueries({ queryKey: keys.registration(registrationId) });
  }, [registrationId]);

  if (registration.isError && !registration.data)
    return <ErrorState error={registration.error} retry={() => void registration.refetch()} />;
  if (registration.isPending || event.isPending) return <Loading />;
  if (event.isError && !event.data) return <ErrorState error={event.error} retry={() => void event.refetch()} />;
  const props = { event: event.data, registration: registration.data, user };
  switch (registration.data.status) {
    case 'pending':
      return <Pending {...props} refused={came === 'refused'} paying={paying} paid={paid} failed={() => setPaying(false)} />;
    case 'confirmed':
      return <Confirmed {...props} />;
    default:
      return <Ended {...props} />;
  }
}

type Props = { event: Event; registration: Registration; user: User };

type PendingProps = Props & { refused: boolean; paying: boolean; paid: () => void; failed: () => void };

function Pending({ event, registration, refused, paying, paid, failed }: PendingProps) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const say = useToast();
  const words = useErrorText();
  const long = useLasting(paying, LONG_MS);
  const giveBack = useMutation({
    mutationFn: () => remove('/v1/registrations/{registrationId}', { path: { registrationId: registration.registrationId } }),
    onSuccess: () => {
      queries.removeQueries({ queryKey: keys.registration(registration.registrationId) });
      void queries.invalidateQueries({ queryKey: keys.event(event.eventId) });
      say(t`The seats are back on sale. Nothing was charged.`);
      navigate(`/e/${event.eventId}?${basketQuery(registration.items, registration.discountCode)}`, { replace: true });
    },
    onError: (error) => say(words(error), 'bad'),
  });
  return (
    <>
      <Title>{t`Payment`}</Title>
      <h1 className="text-3xl font-bold">
        <Trans>Payment</Trans>
      </h1>
      <p className="mb-5 text-lg text-muted" dir="auto">
        {event.title}
      </p>
      <div className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_24rem]">
        <div className="space-y-4">
          {registration.expiresAt && !paying && <Countdown expiresAt={registration.expiresAt} />}
          {paying && (
            <Notice title={t`Your payment is being confirmed…`}>
              <Trans>This takes a few seconds. You may leave this page: the tickets come by mail as well.</Trans>
              {long && (
                <>
                  <p className="mt-2">
                    <Trans>It takes longer than usual. Your bank may still be thinking; you are never charged twice for this order.</Trans>
                  </p>
                  <Button look="secondary" className="mt-3" onClick={failed}>
                    <Trans>Back to the payment form</Trans>
                  </Button>
                </>
              )}
            </Notice>
          )}
          <Card className={paying ? 'hidden' : undefined}>
            <Payment registration={registration} refused={refused} paid={paid} failed={failed} />
          </Card>
        </div>
        <aside>
          <Summary event={event} sums={registration}>
            {!paying && (
              <Button look="quiet" className="mt-3 w-full" busy={giveBack.isPending} onClick={() => giveBack.mutate()}>
                <Trans>Give the seats back</Trans>
              </Button>
            )}
          </Summary>
        </aside>
      </div>
    </>
  );
}

function Confirmed({ event, registration, user }: Props) {
  const { t } = useLingui();
  return (
    <div className="mx-auto max-w-2xl space-y-5">
      <Title>{t`You are in`}</Title>
      <Notice tone="ok" title={t`You are in! Your tickets are here.`}>
        <Trans>
          We have sent them to <strong>{user.email}</strong> as well.
        </Trans>
      </Notice>
      <h1 className="sr-only">{event.title}</h1>
      <Summary event={event} sums={registration}>
        <div className="mt-4 flex flex-wrap gap-2">
          {registration.ticketIds[0] && (
            <ButtonLink to={`/tickets/${registration.ticketIds[0]}`}>
              <Trans>Show my tickets</Trans>
            </ButtonLink>
          )}
          <ButtonLink to={`/tickets/orders/${registration.registrationId}`} look="secondary">
            <Trans>Order and receipt</Trans>
          </ButtonLink>
          <a className={buttonClass('secondary')} href={`/v1/events/${event.eventId}.ics`} download>
            <Trans>Add to calendar</Trans>
          </a>
        </div>
      </Summary>
    </div>
  );
}

function Ended({ event, registration }: Props) {
  const { t } = useLingui();
  const expired = registration.status === 'expired';
  return (
    <div className="mx-auto max-w-2xl space-y-5">
      <Title>{t`Your order`}</Title>
      <h1 className="text-3xl font-bold">{event.title}</h1>
      {expired ? (
        <Notice tone="warn" title={t`The time to pay is over, and the seats are back on sale.`}>
          <Trans>Nothing was charged. If a payment still comes through, you get your tickets if seats are left, else the money back.</Trans>
        </Notice>
      ) : (
        <Notice title={registration.status === 'refunded' ? t`This order was refunded.` : t`This order was cancelled.`} />
      )}
      <div className="flex flex-wrap gap-2">
        {event.status === 'published' && (
          <ButtonLink to={`/checkout/${registration.eventId}?${basketQuery(registration.items, registration.discountCode)}`} replace>
            <Trans>Try again with the same tickets</Trans>
          </ButtonLink>
        )}
        <ButtonLink to={`/e/${event.eventId}`} look="secondary">
          <Trans>To the event</Trans>
        </ButtonLink>
      </div>
    </div>
  );
}
