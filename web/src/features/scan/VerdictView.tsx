import { Trans, useLingui } from '@lingui/react/macro';
import { type ReactNode, useEffect, useRef } from 'react';
import { serverNow } from '@/lib/clock';
import { formatDateTime, formatTime } from '@/lib/time';
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
  const { serial, outcome, name, type, usedAt, usedGate } = verdict;
  const tone = toneOf(outcome);
  const button = useRef<HTMLButtonElement>(null);
  // Enter takes it away, too; and who goes by keyboard is afterwards where they were.
  useEffect(() => {
    const before = document.activeElement;
    button.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  useEffect(() => {
    feel(outcome);
    if (outcome !== 'admit') return;
    const timer = setTimeout(() => onDone(serial), CLEAR_MS);
    return () => clearTimeout(timer);
  }, [serial, outcome, onDone]);
  return (
    <div role="alert" className="fixed inset-0 z-40">
      <button
        ref={button}
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
        {usedAt && <Used at={usedAt} gate={usedGate} zone={zone} />}
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

/** When and where it was used. Of what happened just now the steward sees at once whether it was the same person a moment ago. */
function Used({ at, gate, zone }: { at: string; gate: string | null; zone: string }) {
  const { i18n } = useLingui();
  const minutes = Math.max(0, Math.floor((serverNow() - Date.parse(at)) / 60_000));
  const time = minutes < 12 * 60 ? formatTime(at, zone, i18n.locale) : formatDateTime(at, zone, i18n.locale);
  return (
    <span className="text-xl">
      {gate ? (
        <Trans>
          {time} at {gate}
        </Trans>
      ) : (
        time
      )}
      {minutes < 60 && (
        <span className="block font-bold">
          {new Intl.RelativeTimeFormat(i18n.locale, { numeric: 'auto' }).format(-minutes, minutes === 0 ? 'second' : 'minute')}
        </span>
      )}
    </span>
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
    case 'unsaved':
      return <Trans>Not saved</Trans>;
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
    case 'unsaved':
      return (
        <Trans>
          This phone's storage is full or broken, so that nothing could be written down. Use another phone, or free some space and try
          again.
        </Trans>
      );
    case 'not-found':
      return <Trans>There is no such ticket.</Trans>;
    default:
      return <Trans>This is not a ticket of ours.</Trans>;
  }
}
