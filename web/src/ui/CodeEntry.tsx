import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { ApiError } from '@/api/errors';
import { Button } from './Button';
import { Field } from './Field';

/** Why a discount code was refused, in words; undefined where the error is about something else. */
export function useCodeFault(): (error: unknown) => string | undefined {
  const { t } = useLingui();
  return (error) => {
    if (!(error instanceof ApiError)) return undefined;
    const fault = error.faults.find(({ pointer }) => /^\/?(discountCode|code)$/.test(pointer));
    switch (fault?.code ?? error.code) {
      case 'unknown':
        return t`There is no such code for this event.`;
      case 'not-yet':
        return t`This code is not good yet.`;
      case 'expired':
        return t`This code is not good any more.`;
      case 'not-applicable':
        return t`This code is not for the tickets you chose.`;
      case 'too-many':
        return t`This code is for fewer tickets than you chose.`;
      case 'code-used-up':
        return t`This code was used as often as it may be.`;
      case 'limit-reached':
        return /this code/i.test(error.detail) ? t`You have used this code as often as you may.` : undefined;
      case 'too-many-requests':
        return t`Too many wrong codes. Please wait a minute.`;
      default:
        return fault?.detail;
    }
  };
}

type Props = { code: string; error?: string; onApply: (code: string) => void };

/** "Have a code?": a field when asked for; once a code holds, what it is, and the way to be rid of it. Not a form: it stands inside of one. */
export function CodeEntry({ code, error, onApply }: Props) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState(code);
  const apply = () => onApply(typed.trim());
  if (code && !error)
    return (
      <p className="flex flex-wrap items-center justify-between gap-2" role="status">
        <span>
          <Trans>
            With the code <strong>{code}</strong>
          </Trans>
        </span>
        <Button
          look="quiet"
          onClick={() => {
            setTyped('');
            onApply('');
          }}
        >
          <Trans>Take it off</Trans>
        </Button>
      </p>
    );
  if (!open && !code)
    return (
      <Button look="quiet" className="-mx-4" onClick={() => setOpen(true)}>
        <Trans>Have a code?</Trans>
      </Button>
    );
  return (
    <div className="flex items-start gap-2">
      <Field
        label={t`Discount code`}
        className="min-w-0 flex-1"
        value={typed}
        maxLength={40}
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        autoFocus={open}
        error={error}
        onChange={(change) => setTyped(change.target.value)}
        onKeyDown={(pressed) => {
          if (pressed.key !== 'Enter') return;
          pressed.preventDefault();
          apply();
        }}
      />
      <Button look="secondary" className="mt-7" onClick={apply}>
        <Trans>Apply</Trans>
      </Button>
    </div>
  );
}
