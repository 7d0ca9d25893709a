import { Trans, useLingui } from '@lingui/react/macro';
import { type FormEvent, useCallback, useState } from 'react';
import type { PaymentIntent } from '@/api/types';
import { Button, Field, Money, Notice } from '@/ui';
import { type Outcome, useBackFromBank } from './provider';

type Props = { intent: PaymentIntent; done: (outcome: Outcome) => void };
type Answer = {
  status?: string;
  next_action?: { redirect_to_url?: { url?: string } } | null;
  error?: { message?: string; type?: string; payment_intent?: { status?: string } };
};

/** As Stripe's script does it: the publishable key and the intent's secret, in Stripe's own form. */
async function confirm(intent: PaymentIntent, card: FormData): Promise<Answer> {
  const [month, year] = String(card.get('expiry') ?? '')
    .split('/')
    .map((part) => part.trim());
  const form = new URLSearchParams({
    client_secret: intent.clientSecret,
    return_url: location.href.split(/[?#]/)[0] ?? location.href,
    'payment_method_data[type]': 'card',
    'payment_method_data[card][number]': String(card.get('number') ?? '').replaceAll(/\s/g, ''),
    'payment_method_data[card][exp_month]': month ?? '',
    'payment_method_data[card][exp_year]': year ?? '',
    'payment_method_data[card][cvc]': String(card.get('cvc') ?? '').trim(),
  });
  const answer = await fetch(`/sim/stripe/v1/payment_intents/${intent.paymentIntentId}/confirm`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${intent.publishableKey}`, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: form,
  });
  return (await answer.json()) as Answer;
}

/** The built-in simulator's card form: no money moves. The fields keep what was typed, so that a declined card can be mended. */
export default function TestCardForm({ intent, done }: Props) {
  const { t } = useLingui();
  const [busy, setBusy] = useState(false);
  useBackFromBank(useCallback(() => setBusy(false), []));
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      const answer = await confirm(intent, new FormData(event.currentTarget));
      const bank = answer.next_action?.redirect_to_url?.url;
      if (answer.status === 'requires_action' && bank) {
        location.assign(bank);
        return;
      }
      // A second click, or another tab, paid meanwhile: that is no failure.
      if (answer.error?.payment_intent?.status === 'succeeded' || answer.status === 'succeeded' || answer.status === 'processing')
        done({ kind: 'taken' });
      else done({ kind: 'declined', message: answer.error?.message ?? t`Please try another card.` });
    } catch {
      done({
        kind: 'unknown',
        message: t`The answer got lost on the way. If the payment went through, this page will show it in a moment.`,
      });
    }
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <Notice tone="warn" title={t`Test mode: no money moves.`}>
        <Trans>
          Pay with the card <code className="whitespace-nowrap">4242 4242 4242 4242</code>, any date to come and any three digits. The card{' '}
          <code className="whitespace-nowrap">4000 0000 0000 0002</code> is declined,{' '}
          <code className="whitespace-nowrap">4000 0000 0000 3220</code> asks its holder's bank.
        </Trans>
      </Notice>
      <Field
        label={t`Card number`}
        name="number"
        inputMode="numeric"
        autoComplete="cc-number"
        required
        pattern="[0-9 ]{12,24}"
        placeholder="4242 4242 4242 4242"
      />
      <div className="grid grid-cols-2 gap-4">
        <Field
          label={t`Expires (MM/YY)`}
          name="expiry"
          inputMode="numeric"
          autoComplete="cc-exp"
          required
          pattern="(0?[1-9]|1[0-2]) ?/ ?([0-9]{2}|[0-9]{4})"
          placeholder="12/34"
        />
        <Field
          label={t`Security code`}
          name="cvc"
          inputMode="numeric"
          autoComplete="cc-csc"
          required
          pattern="[0-9]{3,4}"
          placeholder="123"
        />
      </div>
      <Button type="submit" busy={busy} className="w-full">
        <span>
          <Trans>
            Pay <Money amount={intent.amount} currency={intent.currency} />
          </Trans>
        </span>
      </Button>
    </form>
  );
}
