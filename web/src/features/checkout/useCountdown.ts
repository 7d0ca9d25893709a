import { useEffect, useState } from 'react';
import { serverNow } from '@/lib/clock';

/** Whole seconds until `at` by the server's clock, never below 0; null without a time. */
export function useCountdown(at: string | null | undefined): number | null {
  const left = () => (at ? Math.max(0, Math.ceil((Date.parse(at) - serverNow()) / 1000)) : null);
  const [seconds, setSeconds] = useState(left);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `left` is made of `at`
  useEffect(() => {
    setSeconds(left());
    if (!at) return;
    const timer = setInterval(() => setSeconds(left()), 500);
    return () => clearInterval(timer);
  }, [at]);
  return seconds;
}

export const clockText = (seconds: number) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
