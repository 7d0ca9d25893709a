import { Trans } from '@lingui/react/macro';
import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from 'react';
import { cx } from './cx';

type Tone = 'ok' | 'bad';
type Said = { id: number; tone: Tone; text: ReactNode };

const Say = createContext<(text: ReactNode, tone?: Tone) => void>(() => {});

/** say('Saved.'): a short word at the screen's edge, read out, gone after 6 s or by a click. Never the only place of something important. */
export const useToast = () => useContext(Say);

export function Toasts({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState<Said[]>([]);
  const next = useRef(1);
  const forget = useCallback((id: number) => setSaid((all) => all.filter((one) => one.id !== id)), []);
  const say = useCallback(
    (text: ReactNode, tone: Tone = 'ok') => {
      const id = next.current++;
      setSaid((all) => [...all.slice(-2), { id, tone, text }]);
      setTimeout(() => forget(id), 6000);
    },
    [forget],
  );
  return (
    <Say value={say}>
      {children}
      <div
        role="status"
        aria-live="polite"
        className="pointer-events-none fixed inset-x-0 bottom-[max(1rem,env(safe-area-inset-bottom))] z-50 flex flex-col items-center gap-2 px-4"
      >
        {said.map((one) => (
          <div
            key={one.id}
            className={cx(
              'pointer-events-auto flex items-center gap-3 rounded-card border bg-surface px-4 py-2 shadow-lg',
              one.tone === 'ok' ? 'border-ok text-ok' : 'border-bad text-bad',
            )}
          >
            <span>{one.text}</span>
            <button
              type="button"
              onClick={() => forget(one.id)}
              className="-mr-2 grid size-11 shrink-0 place-items-center rounded-full hover:bg-surface-2"
            >
              <span aria-hidden="true">×</span>
              <span className="sr-only">
                <Trans>Dismiss</Trans>
              </span>
            </button>
          </div>
        ))}
      </div>
    </Say>
  );
}
