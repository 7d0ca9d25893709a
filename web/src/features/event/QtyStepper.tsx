import { useLingui } from '@lingui/react/macro';

type Props = { value: number; min?: number; max: number; label: string; onChange: (value: number) => void };

/** How many, by buttons large enough for a thumb, or typed: forty tickets are no forty taps. From 0 the first step goes to `min`. */
export function QtyStepper({ value, min = 1, max, label, onChange }: Props) {
  const { t } = useLingui();
  const less = value <= min ? 0 : value - 1;
  const more = value === 0 ? min : value + 1;
  const button =
    'grid size-11 place-items-center rounded-full border border-control bg-surface text-2xl leading-none disabled:opacity-40 hover:bg-surface-2';
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would want a legend that is seen
    <div role="group" aria-label={label} className="flex shrink-0 items-center gap-1">
      <button type="button" className={button} disabled={value === 0} onClick={() => onChange(less)} aria-label={t`One less: ${label}`}>
        <span aria-hidden="true">−</span>
      </button>
      <input
        className="h-11 w-12 rounded-[0.625rem] border border-transparent bg-transparent text-center text-lg font-semibold tabular-nums hover:border-control"
        inputMode="numeric"
        autoComplete="off"
        maxLength={3}
        aria-label={t`How many: ${label}`}
        value={value}
        onFocus={(event) => event.target.select()}
        onChange={(event) => onChange(Math.min(max, Number(event.target.value.replaceAll(/\D/g, ''))))}
        onBlur={() => value > 0 && value < min && onChange(min)}
      />
      <button type="button" className={button} disabled={more > max} onClick={() => onChange(more)} aria-label={t`One more: ${label}`}>
        <span aria-hidden="true">+</span>
      </button>
    </div>
  );
}
