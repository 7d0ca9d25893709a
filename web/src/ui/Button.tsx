import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Link, type LinkProps } from 'react-router';
import { cx } from './cx';

type Look = 'primary' | 'secondary' | 'quiet' | 'danger';

const looks: Record<Look, string> = {
  primary: 'bg-accent text-accent-ink hover:brightness-110 border-transparent',
  secondary: 'bg-surface text-text border-control hover:bg-surface-2',
  quiet: 'bg-transparent text-text border-transparent hover:bg-surface-2',
  danger: 'bg-surface text-bad border-bad hover:bg-bad-soft',
};
const base =
  'inline-flex items-center justify-center gap-2 min-h-11 px-4 py-2 rounded-[0.625rem] border font-semibold text-base leading-tight no-underline disabled:opacity-60 disabled:cursor-not-allowed aria-disabled:opacity-60';

export function buttonClass(look: Look = 'primary', more?: string): string {
  return cx(base, looks[look], more);
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { look?: Look; busy?: boolean; children: ReactNode };

/** `busy` keeps the button's place and name, shows that something is under way, and takes no second click. */
export function Button({ look, busy, className, disabled, type = 'button', children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={buttonClass(look, className)}
      disabled={disabled}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {busy && <Spinner />}
      {children}
    </button>
  );
}

export function ButtonLink({ look, className, ...rest }: LinkProps & { look?: Look }) {
  return <Link className={buttonClass(look, className)} {...rest} />;
}

export function Spinner() {
  return <span aria-hidden="true" className="inline-block size-4 rounded-full border-2 border-current border-r-transparent animate-spin" />;
}
