import { type FormEvent, useState } from 'react';
import { useAuthError } from './errors';

/** A form's one action: busy while it runs, its error in words (`words` where a page has better ones), and no second run beside the first. */
export function useAction(run: (form: FormData) => Promise<void>, words?: (error: unknown) => string) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const usual = useAuthError();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await run(new FormData(event.currentTarget));
    } catch (cause) {
      setError((words ?? usual)(cause));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, setError, submit };
}

export const field = (form: FormData, name: string) => String(form.get(name) ?? '').trim();
