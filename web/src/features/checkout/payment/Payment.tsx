import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { ApiError } from '@/api/errors';
import { post } from '@/api/http';
import { keys, queries } from '@/api/query';
import type { Registration } from '@/api/types';
import { ErrorState, Loading, Notice } from '@/ui';
import type { Outcome } from './provider';

const StripeForm = lazy(() => import('./StripeForm'));
const TestCardForm = lazy(() => import('./TestCardForm'));

type Props = { registration: Registration; refused: boolean; paid: () => void; failed: () => void };

/** The form of whichever provider the server uses, once it has made the intent. A decline says so and keeps what was typed. */
export function Payment({ registration, refused, paid, failed }: Props) {
  const { t } = useLingui();
  const [refusal, setRefusal] = useState(refused ? t`Your bank said no. Try again, or take another card.` : undefined);
  const id = registration.registrationId;
  // Asking again answers the same intent while it can be paid: two tabs, a reload and the back button meet one payment.
  const intent = useQuery({
    queryKey: ['intent', id],
    queryFn: () =>
      post('/v1/create-payment-intent', { body: { registrationId: id } }).catch((error) => {
        // The hold ran out, or another tab paid: what the order is now says more than this refusal.
        if (error instanceof ApiError && error.status === 409) void queries.invalidateQueries({ queryKey: keys.registration(id) });
        throw error;
      }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const done = (outcome: Outcome) => {
    if (outcome.kind === 'taken') {
      setRefusal(undefined);
      paid();
    } else {
      failed();
      setRefusal(outcome.message);
      void queries.invalidateQueries({ queryKey: keys.registration(id) });
    }
  };
  if (intent.isPending) return <Loading />;
  if (intent.isError) return <ErrorState error={intent.error} retry={() => void intent.refetch()} />;
  const Form = intent.data.provider === 'stripe' ? StripeForm : TestCardForm;
  return (
    <>
      <h2 className="mb-3 text-xl font-bold">
        <Trans>How do you want to pay?</Trans>
      </h2>
      {refusal && (
        <div className="mb-4">
          <Notice tone="bad" title={t`The payment did not go through.`}>
            {refusal}
          </Notice>
        </div>
      )}
      <Suspense fallback={<Loading />}>
        <Form intent={intent.data} done={done} />
      </Suspense>
    </>
  );
}
