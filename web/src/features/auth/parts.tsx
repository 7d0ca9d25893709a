import { Trans, useLingui } from '@lingui/react/macro';
import { type InputHTMLAttributes, type ReactNode, useState } from 'react';
import { Title } from '@/app/Title';
import { Button, Card, Field } from '@/ui';

export function AuthCard({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="mx-auto max-w-md">
      <Title>{title}</Title>
      <Card>
        <h1 className="mb-4 text-2xl font-bold">{title}</h1>
        {children}
      </Card>
    </div>
  );
}

export const PASSWORD_MIN = 8;

type PasswordProps = { fresh?: boolean; label?: ReactNode; error?: ReactNode } & InputHTMLAttributes<HTMLInputElement>;

/** A password that can be looked at and pasted into; `fresh` for one that is being chosen. */
export function PasswordField({ fresh, label, error, ...rest }: PasswordProps) {
  const { t } = useLingui();
  const [shown, setShown] = useState(false);
  return (
    <div>
      <Field
        label={label ?? t`Password`}
        type={shown ? 'text' : 'password'}
        autoComplete={fresh ? 'new-password' : 'current-password'}
        spellCheck={false}
        autoCapitalize="none"
        required
        minLength={fresh ? PASSWORD_MIN : undefined}
        maxLength={256}
        hint={fresh && t`At least ${PASSWORD_MIN} characters; a sentence of a few words is a good one.`}
        error={error}
        {...rest}
      />
      <Button look="quiet" className="-mx-4 mt-1 text-sm" aria-pressed={shown} onClick={() => setShown(!shown)}>
        {shown ? <Trans>Hide password</Trans> : <Trans>Show password</Trans>}
      </Button>
    </div>
  );
}

/** Six digits, as phones offer them from a mail or an authenticator app. */
export function CodeField(props: InputHTMLAttributes<HTMLInputElement> & { label?: ReactNode; hint?: ReactNode; error?: ReactNode }) {
  const { t } = useLingui();
  return (
    <Field
      label={t`Six-digit code`}
      name="code"
      inputMode="numeric"
      autoComplete="one-time-code"
      pattern="[0-9 ]{6,7}"
      maxLength={7}
      required
      className="[&_input]:text-xl [&_input]:tracking-widest"
      {...props}
    />
  );
}
