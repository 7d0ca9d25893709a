import { useEffect, useRef, useState } from 'react';

/** A text field over a value that asks the server: what is typed goes there when the typing rests for 300 ms. */
export function useTyped(value: string, set: (value: string) => void) {
  const [typed, setTyped] = useState(value);
  const given = useRef(value);
  useEffect(() => {
    if (value !== given.current) {
      given.current = value;
      setTyped(value);
    }
  }, [value]);
  useEffect(() => {
    if (typed.trim() === given.current) return;
    const timer = setTimeout(() => {
      given.current = typed.trim();
      set(typed.trim());
    }, 300);
    return () => clearTimeout(timer);
  }, [typed, set]);
  return [typed, setTyped] as const;
}
