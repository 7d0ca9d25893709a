// One page of a browser scans at a time: two would take each other's list away, and fight for the camera.
import { useCallback, useEffect, useRef, useState } from 'react';

const LOCK = 'usher-scan';

/**
 * The page that was opened last is the one that its user looks at: it takes the scanner over, and the one before is told. `taken`: another page has it
 * now; `take` takes it back.
 */
export function useOnly(): { taken: boolean; take: () => void } {
  const [taken, setTaken] = useState(false);
  const turns = useRef(0);
  const take = useCallback(() => {
    const turn = ++turns.current;
    setTaken(false);
    // Held until this page goes; an end before that is another page's taking, or our own. Browsers without locks are left to their users.
    navigator.locks?.request(LOCK, { steal: true }, () => new Promise(() => undefined)).catch(() => setTaken(turn === turns.current));
  }, []);
  useEffect(take, [take]);
  return { taken, take };
}
