import { Trans, useLingui } from '@lingui/react/macro';
import { Elements, PaymentElement, useElements, useStripe } from '@stripe/react-stripe-js';
import type { Stripe } from '@stripe/stripe-js';
import { loadStripe } from '@stripe/stripe-js/pure';
import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { PaymentIntent } from '@/api/types';
import { Button, Loading, Money, Notice } from '@/ui';
import { LOAD_MS, type Outcome, useBackFromBank, within } from './provider';

type Props = { intent: PaymentIntent; done: (outcome: Outcome) => void };
type Script = { state: 'loading' } | { state: 'ready'; stripe: Stripe } | { state: 'failed' };

/** Stripe's own form, once its script is there. <Elements> is drawn only then: given a script that fails or hangs, it would stay an empty box. */
export default function StripeForm({ intent, done }: Props) {
  const { t, i18n } = useLingui();
  const [script, setScript] = useState<Script>({ state: 'loading' });
  const [tries, setTries] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each try is a new load
  useEffect(() => {
    let current = true;
    setScript({ state: 'loading' });
    within(LOAD_MS, loadStripe(intent.publishableKey ?? ''))
      .then((stripe) => {
        if (current) setScript(stripe ? { state: 'ready', stripe } : { state: 'failed' });
      })
      .catch(() => {
        if (current) setScript({ state: 'failed' });
      });
    return () => {
      current = false;
    };
  }, [intent.publishableKey, tries]);

  if (script.state === 'loading') return <Loading />;
  if (script.state === 'failed')
    return (
      <Notice tone="bad" title={t`The payment form could not be loaded.`}>
        <p>
          <Trans>
            Stripe's script did not come through. A blocker, a strict network or a short outage may be the reason. Your seats stay held
            meanwhile.
          </Trans>
        </p>
        <Button look="secondary" className="mt-3" onClick={() => setTries(tries + 1)}>
          <Trans>Try again</Trans>
        </Button>
      </Notice>
    );
  const dark =
    document.documentElement.dataset.theme === 'dark' ||
    (!document.documentElement.dataset.theme && matchMedia('(prefers-color-scheme: dark)').matches);
  return (
    <Elements
      stripe={script.stripe}
      options={{ clientSecret: intent.clientSecret, locale: i18n.locale as 'en' | 'de', appearance: { theme: dark ? 'night' : 'stripe' } }}
    >
      <Form intent={intent} done={done} />
    </Elements>
  );
}

function Form({ intent, done }: Props) {
  const { t } = useLingui();
  const stripe = useStripe();
  const elements = useElements();
  const [ready, setReady] = useState(false);
  const [busy, setBusy] = useState(false);
  useBackFromBank(useCallback(() => setBusy(false), []));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || !stripe || !elements) return;
    setBusy(true);
    const lost: Outcome = {
      kind: 'unknown',
      message: t`The answer got lost on the way. If the payment went through, this page will show it in a moment.`,
    };
    const answer = await stripe
      .confirmPayment({
        elements,
        redirect: 'if_required',
        confirmParams: { return_url: location.href.split(/[?#]/)[0] ?? location.href },
      })
      .catch(() => undefined);
    setBusy(false);
    if (!answer) return done(lost);
    const { error, paymentIntent } = answer;
    if (paymentIntent?.status === 'succeeded' || paymentIntent?.status === 'processing' || error?.payment_intent?.status === 'succeeded')
      done({ kind: 'taken' });
    else if (error?.type === 'api_connection_error') done(lost);
    else done({ kind: 'declined', message: error?.message ?? t`Please try another card.` });
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <PaymentElement onReady={() => setReady(true)} />
      <Button type="submit" busy={busy} disabled={!ready} className="w-full">
        <span>
          <Trans>
            Pay <Money amount={intent.amount} currency={intent.currency} />
          </Trans>
        </span>
      </Button>
    </form>
  );
}
