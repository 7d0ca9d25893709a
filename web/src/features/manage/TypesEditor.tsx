import { Trans, useLingui } from '@lingui/react/macro';
import { Button, Checkbox, Field, Select } from '@/ui';
import { emptyType, type TypeDraft } from './draft';
import { TimeField } from './TimeField';
import type { Zones } from './zone';

/** As many ticket types as an event may have (the API's). */
const TYPES_MAX = 100;

type Common = { zone: string; zones: Zones; currency: string; errorOf: (pointer: string) => string | undefined };
type Props = Common & { types: TypeDraft[]; onChange: (types: TypeDraft[]) => void };

export function TypesEditor({ types, onChange, ...common }: Props) {
  const set = (n: number, part: Partial<TypeDraft>) => onChange(types.map((type, at) => (at === n ? { ...type, ...part } : type)));
  const left = types.filter((type) => !type.removed).length;
  return (
    <>
      {types.map((type, n) => (
        <OneType
          key={type.key}
          {...common}
          type={type}
          place={n}
          canRemove={left > 1}
          onChange={(part) => set(n, part)}
          onRemove={() => (type.id ? set(n, { removed: true }) : onChange(types.filter((_, at) => at !== n)))}
        />
      ))}
      <div className="sm:col-span-2">
        <Button look="secondary" disabled={types.length >= TYPES_MAX} onClick={() => onChange([...types, emptyType()])}>
          <Trans>Add a ticket type</Trans>
        </Button>
      </div>
    </>
  );
}

type OneProps = Common & {
  type: TypeDraft;
  place: number;
  canRemove: boolean;
  onChange: (part: Partial<TypeDraft>) => void;
  onRemove: () => void;
};

function OneType({ type, place, zone, zones, currency, errorOf, canRemove, onChange, onRemove }: OneProps) {
  const { t } = useLingui();
  const error = (field: string) => errorOf(`/ticketTypes/${place}/${field}`);
  const name = type.name || t`Ticket type ${place + 1}`;
  if (type.removed)
    return (
      <div className="flex flex-wrap items-center justify-between gap-3 rounded-card bg-surface-2 p-3 sm:col-span-2">
        <p>
          <Trans>{name} is removed when you save.</Trans>
        </p>
        <Button look="secondary" onClick={() => onChange({ removed: false })}>
          <Trans>Keep it</Trans>
        </Button>
        {errorOf(`/ticketTypes/${place}`) && <p className="w-full text-bad">{errorOf(`/ticketTypes/${place}`)}</p>}
      </div>
    );
  return (
    <fieldset className="grid min-w-0 items-start gap-4 rounded-card border border-border p-4 sm:col-span-2 sm:grid-cols-2">
      <legend className="px-1 font-semibold">{name}</legend>
      {errorOf(`/ticketTypes/${place}`) && (
        <p className="text-bad sm:col-span-2" role="alert">
          {errorOf(`/ticketTypes/${place}`)}
        </p>
      )}
      <Field
        label={t`Name`}
        value={type.name}
        maxLength={100}
        error={error('name')}
        onChange={({ target }) => onChange({ name: target.value })}
      />
      <Field
        label={t`Price (${currency})`}
        hint={t`0 is free.`}
        inputMode="decimal"
        value={type.price}
        error={error('price')}
        onChange={({ target }) => onChange({ price: target.value })}
      />
      <Field
        label={t`Number of tickets`}
        hint={type.id && t`0 closes the sale. Not below what is sold or being bought.`}
        inputMode="numeric"
        value={type.quantity}
        error={error('quantity')}
        onChange={({ target }) => onChange({ quantity: target.value })}
      />
      <Field
        label={t`Description`}
        value={type.description}
        maxLength={1000}
        error={error('description')}
        onChange={({ target }) => onChange({ description: target.value })}
      />
      <details className="sm:col-span-2" open={Object.values(more(error)).some(Boolean) || undefined}>
        <summary className="cursor-pointer py-2.5 font-medium">
          <Trans>Sale times, limits and tax</Trans>
        </summary>
        <div className="mt-2 grid items-start gap-4 sm:grid-cols-2">
          <TimeField
            label={t`On sale from`}
            hint={t`Empty: at once.`}
            value={type.saleStartsAt}
            zone={zone}
            zones={zones}
            error={error('saleStartsAt')}
            onChange={(saleStartsAt) => onChange({ saleStartsAt })}
          />
          <TimeField
            label={t`On sale until`}
            hint={t`Empty: until the event is over.`}
            value={type.saleEndsAt}
            zone={zone}
            zones={zones}
            error={error('saleEndsAt')}
            onChange={(saleEndsAt) => onChange({ saleEndsAt })}
          />
          <Field
            label={t`At least in one order`}
            inputMode="numeric"
            value={type.minPerOrder}
            error={error('minPerOrder')}
            onChange={({ target }) => onChange({ minPerOrder: target.value })}
          />
          <Field
            label={t`At most in one order`}
            inputMode="numeric"
            value={type.maxPerOrder}
            error={error('maxPerOrder')}
            onChange={({ target }) => onChange({ maxPerOrder: target.value })}
          />
          <Field
            label={t`At most for one account`}
            inputMode="numeric"
            value={type.maxPerAccount}
            error={error('maxPerAccount')}
            onChange={({ target }) => onChange({ maxPerAccount: target.value })}
          />
          <Field
            label={t`Tax (%)`}
            inputMode="decimal"
            value={type.tax}
            error={error('taxRateBps')}
            onChange={({ target }) => onChange({ tax: target.value })}
          />
          <Select
            label={t`The tax`}
            value={type.taxIncluded ? 'in' : 'on'}
            onChange={({ target }) => onChange({ taxIncluded: target.value === 'in' })}
          >
            <option value="in">{t`is part of the price`}</option>
            <option value="on">{t`is added to the price`}</option>
          </Select>
          <Checkbox
            label={t`Hidden`}
            hint={t`Seen and sold only with a discount code that names it.`}
            checked={type.hidden}
            onChange={({ target }) => onChange({ hidden: target.checked })}
          />
        </div>
      </details>
      <div className="sm:col-span-2">
        <Button look="quiet" disabled={!canRemove} onClick={onRemove}>
          <Trans>Remove</Trans>
          <span className="sr-only"> {name}</span>
        </Button>
      </div>
    </fieldset>
  );
}

/** The faults of the fields that are folded away: where there is one, they are shown. */
const more = (error: (field: string) => string | undefined) =>
  ['saleStartsAt', 'saleEndsAt', 'minPerOrder', 'maxPerOrder', 'maxPerAccount', 'taxRateBps'].map(error);
