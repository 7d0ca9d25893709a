import { Plural, Trans } from '@lingui/react/macro';
import { cx } from '@/ui';
import { clockText, useCountdown } from './useCountdown';

/** Read out at these minutes and no others: a clock that speaks each second is no help. */
const SPOKEN = [5, 2, 1];

export function Countdown({ expiresAt }: { expiresAt: string }) {
  const seconds = useCountdown(expiresAt) ?? 0;
  const minutes = Math.ceil(seconds / 60);
  const spoken = SPOKEN.findLast((minute) => minutes <= minute && minutes > 0);
  return (
    <div
      className={cx(
        'sticky top-2 z-10 rounded-card border border-border px-4 py-3 font-semibold',
        seconds > 300 ? 'bg-surface-2' : seconds > 60 ? 'bg-warn-soft text-warn' : 'bg-bad-soft text-bad',
      )}
    >
      <p>
        <Trans>Your seats are held for</Trans>{' '}
        <span role="timer" className="text-xl tabular-nums">
          {clockText(seconds)}
        </span>
      </p>
      <p className="sr-only" aria-live="polite">
        {spoken && <Plural value={spoken} one="# minute left to pay" other="# minutes left to pay" />}
      </p>
    </div>
  );
}
