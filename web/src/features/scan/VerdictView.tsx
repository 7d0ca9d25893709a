import { Trans, useLingui } from '@lingui/react/macro';
import { type ReactNode, useEffect } from 'react';
import { formatDateTime } from '@/lib/time';
import { cx } from '@/ui';
import { feel, type Tone, toneOf } from './feedback';
import type { Outcome, Shown } from './scanner';

/** Green goes by itself, so that the line keeps moving; what needs a word with the guest waits for a tap. */
const CLEAR_MS = 1200;

const grounds: Record<Tone, string> = {
  admit: 'bg-gate-admit text-white',
  used: 'bg-gate-used text-black',
  refuse: 'bg-gate-refuse text-white',
  saved: 'bg-gate-saved text-white',
};
const signs: Record<Tone, string> = {
  admit: 'M14 34 28 48 52 18',
  used: 'M33 12v26M33 50v4',
  refuse: 'M16 16 50 50M50 16 16 50',
  saved: 'M33 12v30M19 30l14 14 14-14M22 54h22',
};

type Props = { verdict: Shown; zone: string; onDone: (serial?: number) => void };

/** The whole screen is the answer, and a tap anywhere takes it away. Scanning goes on underneath. */
export function VerdictView({ verdict, zone, onDone }: Props) {
  const { i18n } = useLingui();
  const { serial, outcome, name, type, usedAt, usedGate } = verdict;
  const tone = toneOf(outcome);
  useEffect(() => {
    feel(outcome);
    if (outcome !== 'admit') return;
    const timer = setTimeout(() => onDone(serial), CLEAR_MS);
    return () => clearTimeout(timer);
  }, [serial, outcome, onDone]);
  return (
    <div role="alert" className="fixed inset-0 z-40">
      <button
        type="button"
        onClick={() => onDone()}
        data-outcome={outcome}
        className={cx(
          'flex size-full flex-col items-center justify-center gap-4 p-6 text-center -outline-offset-8 outline-current',
          grounds[tone],
        )}
      >
        <svg viewBox="0 0 66 66" aria-hidden="true" className="size-32 sm:size-40">
          <circle cx="33" cy="33" r="31" fill="none" stroke="currentColor" strokeWidth="3" />
          <path d={signs[tone]} fill="none" stroke="currentColor" strokeWidth="7" strokeLinecap="round" strokeLinejoin="round" />
        </svg>
        <span className="text-5xl font-black tracking-wide uppercase sm:text-7xl">{word(outcome)}</span>
        {name && <span className="text-3xl font-bold">{name}</span>}
        {type && <span className="text-2xl">{type}</span>}
        {usedAt && (
          <span className="text-xl">
            {usedGate ? (
              <Trans>
                {formatDateTime(usedAt, zone, i18n.locale)} at {usedGate}
              </Trans>
            ) : (
              formatDateTime(usedAt, zone, i18n.locale)
            )}
          </span>
        )}
        <span className="max-w-md text-lg">{advice(outcome)}</span>
        {outcome !== 'admit' && (
          <span className="mt-4 rounded-full border-2 border-current px-6 py-2 text-lg font-semibold">
            <Trans>Tap to go on</Trans>
          </span>
        )}
      </button>
    </div>
  );
}

function word(outcome: Outcome): ReactNode {
  switch (outcome) {
    case 'admit':
      return <Trans>Admit</Trans>;
    case 'saved':
      return <Trans>Saved offline</Trans>;
    case 'already-used':
      return <Trans>Already used</Trans>;
    case 'wrong-event':
      return <Trans>Wrong event</Trans>;
    case 'cancelled':
      return <Trans>Cancelled</Trans>;
    case 'not-yet-open':
      return <Trans>Not yet open</Trans>;
    case 'ended':
      return <Trans>Ended</Trans>;
    case 'denied':
      return <Trans>Not allowed</Trans>;
    default:
      return <Trans>Invalid</Trans>;
  }
}

function advice(outcome: Outcome): ReactNode {
  switch (outcome) {
    case 'admit':
    case 'already-used':
      return null;
    case 'saved':
      return <Trans>Let them in. The server is told when there is a connection.</Trans>;
    case 'wrong-event':
      return <Trans>This ticket is for another event.</Trans>;
    case 'cancelled':
      return <Trans>The ticket was refunded, cancelled or replaced by a newer one.</Trans>;
    case 'not-yet-open':
      return <Trans>Admission has not begun.</Trans>;
    case 'ended':
      return <Trans>The event is over.</Trans>;
    case 'denied':
      return <Trans>This phone may not scan here any more. The ticket was not checked.</Trans>;
    case 'not-found':
      return <Trans>There is no such ticket.</Trans>;
    default:
      return <Trans>This is not a ticket of ours.</Trans>;
  }
}
