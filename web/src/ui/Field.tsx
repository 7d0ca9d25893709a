import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId } from 'react';
import { cx } from './cx';

const control =
  'w-full min-h-11 rounded-[0.625rem] border bg-surface px-3 py-2 text-base text-text placeholder:text-muted disabled:opacity-60 aria-invalid:border-bad';

type Common = { label: ReactNode; hint?: ReactNode; error?: ReactNode; className?: string; hideLabel?: boolean };

type Wires = { id: string; 'aria-invalid': true | undefined; 'aria-describedby': string | undefined };

/** Label, control, hint and error, wired together for those who cannot see that they stand together. */
function Frame({ label, hint, error, className, hideLabel, children }: Common & { children: (wires: Wires) => ReactNode }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'mb-1 block font-medium'}>
        {label}
      </label>
      {children({ id, 'aria-invalid': error ? true : undefined, 'aria-describedby': described })}
      {hint && (
        <p id={`${id}-hint`} className="mt-1 text-sm text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="mt-1 text-sm text-bad" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

export function Field({ label, hint, error, className, hideLabel, ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Frame {...{ label, hint, error, className, hideLabel }}>
      {(wires) => <input className={cx(control, error ? 'border-bad' : 'border-control')} {...rest} {...wires} />}
    </Frame>
  );
}

export function TextArea({ label, hint, error, className, hideLabel, ...rest }: Common & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Frame {...{ label, hint, error, className, hideLabel }}>
      {(wires) => <textarea rows={5} className={cx(control, error ? 'border-bad' : 'border-control')} {...rest} {...wires} />}
    </Frame>
  );
}

/** The browser's own list: the best there is on a phone, and nothing to load. */
export function Select({ label, hint, error, className, hideLabel, children, ...rest }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Frame {...{ label, hint, error, className, hideLabel }}>
      {(wires) => (
        <select className={cx(control, error ? 'border-bad' : 'border-control')} {...rest} {...wires}>
          {children}
        </select>
      )}
    </Frame>
  );
}

export function Checkbox({ label, hint, className, ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className={cx('flex items-start gap-3 py-2', className)}>
      <input
        id={id}
        type="checkbox"
        className="mt-0.5 size-6 shrink-0 accent-accent"
        aria-describedby={hint ? `${id}-hint` : undefined}
        {...rest}
      />
      <div className="min-w-0">
        <label htmlFor={id} className="block min-h-7 pt-0.5">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-sm text-muted">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}
