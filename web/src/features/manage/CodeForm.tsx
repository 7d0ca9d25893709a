import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ApiError } from '@/api/errors';
import { patch, post } from '@/api/http';
import { queries } from '@/api/query';
import type { DiscountCode, Event } from '@/api/types';
import { Button, Checkbox, ErrorState, Field, Notice, Select, TextArea, useToast } from '@/ui';
import { type CodeDraft, type CodeKind, codeBody, codeDraft, emptyCode } from './code';
import { parseCount } from './draft';
import { useFaultText } from './faults';
import { codesKey } from './queries';
import { faultsOf } from './saving';
import { TimeField } from './TimeField';
import type { Zones } from './zone';

export type Editing = { kind: 'one' } | { kind: 'many' } | { kind: 'change'; code: DiscountCode };

/** As many as one call makes (the API's). */
const BATCH_MAX = 100;

type Props = { event: Event; editing: Editing; zones: Zones; onDone: () => void };

export function CodeForm({ event, editing, zones, onDone }: Props) {
  const { t } = useLingui();
  const say = useToast();
  const faultText = useFaultText();
  const { eventId, currency, timezone } = event;
  const [draft, setDraft] = useState<CodeDraft>(() =>
    editing.kind === 'change'
      ? codeDraft(editing.code, currency, timezone, zones)
      : editing.kind === 'many'
        ? { ...emptyCode, maxUses: '1' }
        : emptyCode,
  );
  const [count, setCount] = useState('10');
  const [tried, setTried] = useState(false);
  const [made, setMade] = useState<string[]>();
  const { body, faults } = codeBody(draft, currency, timezone, zones);
  if (editing.kind === 'one' && !draft.code.trim()) faults['/code'] = 'required';
  const many = parseCount(count) ?? 0;
  if (editing.kind === 'many' && (many < 1 || many > BATCH_MAX)) faults['/count'] = 'number';

  const save = useMutation({
    mutationFn: async (): Promise<string[] | undefined> => {
      const path = { eventId };
      if (editing.kind === 'change') {
        await patch('/v1/events/{eventId}/discount-codes/{discountCodeId}', {
          path: { eventId, discountCodeId: editing.code.discountCodeId },
          body,
        });
        return undefined;
      }
      if (editing.kind === 'one') {
        await post('/v1/events/{eventId}/discount-codes', { path, body: { ...body, code: draft.code.trim() } });
        return undefined;
      }
      const prefix = draft.code.trim();
      const answer = await post('/v1/events/{eventId}/discount-codes/batch', {
        path,
        body: { ...body, count: many, ...(prefix && { prefix }) },
      });
      return answer.items.map((one) => one.code);
    },
    onSuccess: async (codes) => {
      await queries.invalidateQueries({ queryKey: codesKey(eventId) });
      if (codes) {
        setMade(codes);
        return;
      }
      say(t`Saved.`);
      onDone();
    },
  });
  const refused = save.error instanceof ApiError ? faultsOf(save.error, []) : {};
  const errorOf = (pointer: string) => {
    const fault = faults[pointer];
    return refused[pointer] ?? (tried && fault ? faultText(fault) : undefined);
  };
  const set = (part: Partial<CodeDraft>) => setDraft((now) => ({ ...now, ...part }));
  const submit = (submitted: FormEvent) => {
    submitted.preventDefault();
    setTried(true);
    if (Object.keys(faults).length === 0 && !save.isPending) save.mutate();
  };
  if (made) return <Made codes={made} onDone={onDone} />;

  const limits = [
    ['maxUses', t`Registrations in all`],
    ['maxUsesPerAccount', t`Registrations for one account`],
    ['maxTickets', t`Tickets in one registration`],
  ] as const;
  const kinds: [CodeKind, string][] = [
    ['percent', t`A percentage off each ticket`],
    ['order', t`An amount off the order`],
    ['ticket', t`An amount off each ticket`],
    ['opens', t`Nothing; it only opens hidden types`],
  ];
  const time = { zone: timezone, zones };
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      {editing.kind !== 'change' && (
        <Field
          label={editing.kind === 'one' ? t`Code` : t`Every code begins with`}
          hint={editing.kind === 'one' ? t`Capitals do not matter.` : t`May be empty; the rest is random.`}
          value={draft.code}
          maxLength={editing.kind === 'one' ? 40 : 20}
          autoComplete="off"
          error={errorOf('/code') ?? errorOf('/prefix')}
          onChange={({ target }) => set({ code: target.value })}
        />
      )}
      {editing.kind === 'many' && (
        <Field
          label={t`How many codes (up to ${BATCH_MAX})`}
          inputMode="numeric"
          value={count}
          error={errorOf('/count')}
          onChange={({ target }) => setCount(target.value)}
        />
      )}
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <Select label={t`Takes off`} value={draft.kind} onChange={({ target }) => set({ kind: target.value as CodeKind })}>
          {kinds.map(([kind, label]) => (
            <option key={kind} value={kind}>
              {label}
            </option>
          ))}
        </Select>
        {draft.kind !== 'opens' && (
          <Field
            label={draft.kind === 'percent' ? t`Percent` : t`Amount (${currency})`}
            inputMode="decimal"
            value={draft.off}
            error={errorOf(draft.kind === 'percent' ? '/percentBps' : '/amount')}
            onChange={({ target }) => set({ off: target.value })}
          />
        )}
      </div>
      <fieldset>
        <legend className="font-medium">
          <Trans>For these ticket types</Trans>
        </legend>
        <p className="text-sm text-muted">
          <Trans>None chosen: for all that are not hidden.</Trans>
        </p>
        {event.ticketTypes.map(({ ticketTypeId: id, name, hidden }) => (
          <Checkbox
            key={id}
            label={name}
            hint={hidden && t`Hidden`}
            checked={draft.ticketTypeIds.includes(id)}
            onChange={({ target }) =>
              set({ ticketTypeIds: target.checked ? [...draft.ticketTypeIds, id] : draft.ticketTypeIds.filter((one) => one !== id) })
            }
          />
        ))}
        {errorOf('/ticketTypeIds') && <p className="text-sm text-bad">{errorOf('/ticketTypeIds')}</p>}
      </fieldset>
      <fieldset className="grid items-end gap-4 sm:grid-cols-3">
        <legend className="mb-2 font-medium">
          <Trans>At most (empty: any number)</Trans>
        </legend>
        {limits.map(([name, label]) => (
          <Field
            key={name}
            label={label}
            inputMode="numeric"
            value={draft[name]}
            error={errorOf(`/${name}`)}
            onChange={({ target }) => set({ [name]: target.value })}
          />
        ))}
      </fieldset>
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <TimeField
          label={t`Good from`}
          value={draft.startsAt}
          {...time}
          error={errorOf('/startsAt')}
          onChange={(startsAt) => set({ startsAt })}
        />
        <TimeField label={t`Good until`} value={draft.endsAt} {...time} error={errorOf('/endsAt')} onChange={(endsAt) => set({ endsAt })} />
      </div>
      {save.isError && <ErrorState error={save.error} />}
      <Button type="submit" busy={save.isPending}>
        {editing.kind === 'many' ? <Trans>Make the codes</Trans> : <Trans>Save</Trans>}
      </Button>
    </form>
  );
}

function Made({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const { t } = useLingui();
  return (
    <div className="space-y-4">
      <Notice tone="ok" title={<Plural value={codes.length} one="# code is made." other="# codes are made." />} />
      <TextArea label={t`The codes, one a line`} readOnly rows={10} value={codes.join('\n')} onFocus={({ target }) => target.select()} />
      <Button onClick={onDone}>
        <Trans>Done</Trans>
      </Button>
    </div>
  );
}
