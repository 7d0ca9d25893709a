import { Trans, useLingui } from '@lingui/react/macro';
import { formatDateTime, zoneName } from '@/lib/time';
import { Field } from '@/ui';
import type { Wall, Zones } from './zone';

type Props = {
  label: string;
  hint?: string;
  value: Wall;
  zone: string;
  zones: Zones;
  error?: string;
  required?: boolean;
  onChange: (value: Wall) => void;
};

/** A time on the clock of the event's zone. The hour that is skipped in spring is named; of the one that comes twice in autumn one is chosen. */
export function TimeField({ label, hint, value, zone, zones, error, required, onChange }: Props) {
  const { t, i18n } = useLingui();
  const reading = zones.read(value, zone);
  const skipped =
    reading.kind === 'skipped' && t`The clocks are put forward then: this time does not exist. Use ${reading.next.slice(11)} instead.`;
  const names = (later: boolean) => {
    const chosen = zones.read({ at: value.at, later }, zone);
    return 'utc' in chosen ? `${formatDateTime(chosen.utc, zone, i18n.locale)} ${zoneName(chosen.utc, zone, i18n.locale)}` : '';
  };
  return (
    <div>
      <Field
        label={label}
        hint={hint}
        type="datetime-local"
        value={value.at}
        required={required}
        max="9999-12-31T23:59"
        error={skipped || error}
        onChange={({ target }) => onChange({ at: target.value.slice(0, 16) })}
      />
      {reading.kind === 'twice' && (
        <fieldset className="mt-2 rounded-card bg-warn-soft p-3">
          <legend className="sr-only">{label}</legend>
          <p className="text-warn">
            <Trans>The clocks are put back then: this time comes twice. Which one?</Trans>
          </p>
          {[false, true].map((later) => (
            <label key={String(later)} className="flex min-h-11 items-center gap-3">
              <input
                type="radio"
                className="size-5 accent-accent"
                checked={Boolean(value.later) === later}
                onChange={() => onChange(later ? { at: value.at, later } : { at: value.at })}
              />
              {names(later)}
            </label>
          ))}
        </fieldset>
      )}
    </div>
  );
}
