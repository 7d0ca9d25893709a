import { Trans, useLingui } from '@lingui/react/macro';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useBlocker } from 'react-router';
import { ApiError } from '@/api/errors';
import type { Event } from '@/api/types';
import { categories } from '@/lib/categories';
import { Button, ButtonLink, Card, Checkbox, Dialog, ErrorState, Field, Notice, Select, TextArea } from '@/ui';
import { Checklist, useChecklist } from './Checklist';
import { type Draft, toBody } from './draft';
import { useFaultText } from './faults';
import { forget, keep, kept } from './kept';
import { PictureField } from './PictureField';
import { Section } from './Section';
import { TimeField } from './TimeField';
import { TypesEditor } from './TypesEditor';
import type { Zones } from './zone';

/** Currencies that Stripe takes cards in and events are sold in; an event in another keeps its own. */
const currencies =
  'EUR USD GBP CHF AED AUD BGN BHD BRL CAD CZK DKK HKD HUF INR JOD JPY KRW KWD MXN MYR NOK NZD OMR PLN RON SEK SGD THB TND ZAR'.split(' ');

/** 'save' leaves the status as it is. */
export type Intent = 'save' | 'publish' | 'withdraw';
/** Save the draft; gives the server's faults back as pointers into the form, or nothing where it was taken. Throws whatever else went wrong. */
export type Save = (draft: Draft, picture: File | undefined, intent: Intent) => Promise<Record<string, string> | undefined>;

type Props = {
  /** Under what name the unsaved draft is kept: an event's id, or "new". */
  name: string;
  /** This editor stands where another stood, which saved or took over: who goes by keyboard is still at its buttons. */
  again?: boolean;
  initial: Draft;
  event?: Event;
  zones: Zones;
  onSave: Save;
  /** Somebody else changed the event meanwhile: take theirs for what is changed next. */
  onTakeOver?: () => Promise<void>;
};

export function Editor({ name, again, initial: given, event, zones, onSave, onTakeOver }: Props) {
  const { t } = useLingui();
  // What it began with stays the same while this editor is shown; a new reading of the event is a new editor.
  const [initial] = useState(given);
  const [restored] = useState(() => kept(name, initial));
  const [draft, setDraft] = useState<Draft>(restored ?? initial);
  const [told, setTold] = useState(Boolean(restored));
  const [picture, setPicture] = useState<File>();
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<unknown>();
  const [refusals, setRefusals] = useState(0);
  const [busy, setBusy] = useState<Intent>();
  const [sure, setSure] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const buttons = useRef<HTMLElement>(null);
  useEffect(() => {
    if (again) buttons.current?.focus({ preventScroll: true });
  }, [again]);
  const saved = useRef(false);
  const faultText = useFaultText();

  const { faults } = toBody(draft, zones);
  const checklist = useChecklist(draft, faults, Boolean(picture || event?.imageUrl), zones);
  const ready = checklist.every((item) => item.done || !item.needed);
  const dirty = Boolean(picture) || JSON.stringify(draft) !== JSON.stringify(initial);
  const live = event?.status === 'published';
  const fixed = event?.status === 'cancelled' || event?.status === 'ended';

  useEffect(() => {
    if (dirty) keep(name, draft, initial);
    else forget(name);
  }, [name, dirty, draft, initial]);

  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) => dirty && !saved.current && currentLocation.pathname !== nextLocation.pathname,
  );
  useEffect(() => {
    if (!dirty) return;
    const warn = (leaving: BeforeUnloadEvent) => leaving.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [dirty]);

  const set = (part: Partial<Draft>) => {
    setDraft((now) => ({ ...now, ...part }));
    setRefused({});
  };
  const errorOf = (pointer: string): string | undefined => {
    const fault = faults[pointer];
    return refused[pointer] ?? (tried && fault ? faultText(fault) : undefined);
  };
  // Once the faults are shown, the first field that has one gets the focus.
  useEffect(() => {
    if (refusals > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [refusals]);
  const toFirstError = () => setRefusals((count) => count + 1);

  const save = async (intent: Intent) => {
    setTried(true);
    setFailure(undefined);
    if (Object.keys(faults).length > 0) {
      toFirstError();
      return;
    }
    setBusy(intent);
    try {
      // A page that opens by itself after the save is no page that is left unsaved.
      saved.current = true;
      const wrong = await onSave(draft, picture, intent);
      if (wrong) {
        setRefused(wrong);
        toFirstError();
      } else {
        forget(name);
        setPicture(undefined);
      }
    } catch (error) {
      setFailure(error);
    } finally {
      saved.current = false;
      setBusy(undefined);
    }
  };
  const discard = () => {
    forget(name);
    setDraft(initial);
    setPicture(undefined);
    setTold(false);
    setRefused({});
    setTried(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save('save');
  };
  const unplaced = Object.entries(refused).filter(([pointer]) => !placed.test(pointer));
  const time = { zone: draft.timezone, zones };
  const { venue, seller } = draft;

  return (
    <form ref={form} onSubmit={submit} noValidate className="[&_:is(input,select,textarea)]:scroll-mb-20">
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
        {/* What is typed while it is being saved would be in neither: not in what is sent, nor in what is read afterwards. */}
        <div className="min-w-0 space-y-5" inert={busy !== undefined}>
          {told && (
            <Notice tone="info" title={t`What you had not saved is here again.`}>
              <Button look="secondary" className="mt-2" onClick={discard}>
                <Trans>Throw it away</Trans>
              </Button>
            </Notice>
          )}
          {fixed && <Notice tone="warn" title={t`This event is cancelled or over. Its texts can still be mended.`} />}
          <Section title={<Trans>Basics</Trans>}>
            <Field
              label={t`Title`}
              className="sm:col-span-2"
              value={draft.title}
              maxLength={200}
              error={errorOf('/title')}
              onChange={({ target }) => set({ title: target.value })}
            />
            <TextArea
              label={t`Description`}
              className="sm:col-span-2"
              rows={8}
              value={draft.description}
              maxLength={10000}
              error={errorOf('/description')}
              onChange={({ target }) => set({ description: target.value })}
            />
            <CategorySelect value={draft.category} error={errorOf('/category')} onChange={(category) => set({ category })} />
            <PictureField url={event?.imageUrl} file={picture} onChange={setPicture} />
          </Section>
          <Section title={<Trans>Time</Trans>} hint={<Trans>All times are those of the clock in the event's time zone.</Trans>}>
            <TimeField
              label={t`Start`}
              value={draft.startsAt}
              {...time}
              error={errorOf('/startsAt')}
              onChange={(startsAt) => set({ startsAt })}
            />
            <TimeField label={t`End`} value={draft.endsAt} {...time} error={errorOf('/endsAt')} onChange={(endsAt) => set({ endsAt })} />
            <ZoneSelect value={draft.timezone} error={errorOf('/timezone')} onChange={(timezone) => set({ timezone })} />
            <TimeField
              label={t`Doors open`}
              hint={t`Before it no ticket is let in. Empty: at any time.`}
              value={draft.admissionStartsAt}
              {...time}
              error={errorOf('/admissionStartsAt')}
              onChange={(admissionStartsAt) => set({ admissionStartsAt })}
            />
          </Section>
          <Section title={<Trans>Place</Trans>}>
            <Checkbox
              label={t`Online`}
              className="sm:col-span-2"
              checked={draft.online}
              onChange={({ target }) => set({ online: target.checked })}
            />
            <Field
              label={t`Venue`}
              value={venue.name}
              maxLength={200}
              error={errorOf('/venue/name')}
              onChange={({ target }) => set({ venue: { ...venue, name: target.value } })}
            />
            <Field
              label={t`Street and number`}
              value={venue.address}
              maxLength={300}
              error={errorOf('/venue/address')}
              onChange={({ target }) => set({ venue: { ...venue, address: target.value } })}
            />
            <Field
              label={t`City`}
              value={venue.city}
              maxLength={100}
              error={errorOf('/venue/city')}
              onChange={({ target }) => set({ venue: { ...venue, city: target.value } })}
            />
            <Field
              label={t`Country`}
              hint={t`Two letters, such as DE.`}
              value={venue.country}
              maxLength={2}
              error={errorOf('/venue/country')}
              onChange={({ target }) => set({ venue: { ...venue, country: target.value } })}
            />
          </Section>
          <Section title={<Trans>Tickets</Trans>}>
            <CurrencySelect value={draft.currency} error={errorOf('/currency')} onChange={(currency) => set({ currency })} />
            <Field
              label={t`Seats in all`}
              hint={t`The ticket types share them; their numbers may add up to more.`}
              inputMode="numeric"
              value={draft.capacity}
              error={errorOf('/capacity')}
              onChange={({ target }) => set({ capacity: target.value })}
            />
            <TypesEditor types={draft.types} currency={draft.currency} {...time} errorOf={errorOf} onChange={(types) => set({ types })} />
            {errorOf('/ticketTypes') && <p className="text-bad">{errorOf('/ticketTypes')}</p>}
          </Section>
          <Section
            title={<Trans>Service fee</Trans>}
            hint={<Trans>For each ticket that is not free. Buyers see one price with everything in it.</Trans>}
          >
            <Field
              label={t`Fixed (${draft.currency})`}
              inputMode="decimal"
              value={draft.feeFixed}
              error={errorOf('/serviceFee/fixed')}
              onChange={({ target }) => set({ feeFixed: target.value })}
            />
            <Field
              label={t`Percent`}
              inputMode="decimal"
              value={draft.feePercent}
              error={errorOf('/serviceFee/percentBps')}
              onChange={({ target }) => set({ feePercent: target.value })}
            />
            <Select
              label={t`Who pays it`}
              value={draft.feePaidBy}
              onChange={({ target }) => set({ feePaidBy: target.value === 'organizer' ? 'organizer' : 'buyer' })}
            >
              <option value="buyer">{t`The buyer, on top of the price`}</option>
              <option value="organizer">{t`The organizer, out of the price`}</option>
            </Select>
          </Section>
          <Section title={<Trans>Giving tickets back</Trans>}>
            <TimeField
              label={t`Buyers may give tickets back until`}
              hint={t`Empty: only you give refunds.`}
              value={draft.refundUntil}
              {...time}
              error={errorOf('/refundUntil')}
              onChange={(refundUntil) => set({ refundUntil })}
            />
            <Field
              label={t`What you keep of the price (%)`}
              inputMode="numeric"
              value={draft.refundFeePercent}
              error={errorOf('/refundFeePercent')}
              onChange={({ target }) => set({ refundFeePercent: target.value })}
            />
          </Section>
          <Section title={<Trans>Seller</Trans>} hint={<Trans>Stands on receipts. Empty: your account's name.</Trans>}>
            <Field
              label={t`Legal name`}
              value={seller.name}
              maxLength={200}
              error={errorOf('/seller/name')}
              onChange={({ target }) => set({ seller: { ...seller, name: target.value } })}
            />
            <Field
              label={t`Tax number`}
              value={seller.taxId}
              maxLength={50}
              error={errorOf('/seller/taxId')}
              onChange={({ target }) => set({ seller: { ...seller, taxId: target.value } })}
            />
            <Field
              label={t`Address`}
              className="sm:col-span-2"
              value={seller.address}
              maxLength={300}
              error={errorOf('/seller/address')}
              onChange={({ target }) => set({ seller: { ...seller, address: target.value } })}
            />
          </Section>
        </div>
        <aside ref={buttons} tabIndex={-1} aria-label={t`Save and publish`} className="outline-none lg:sticky lg:top-4">
          <Card className="space-y-4">
            <Checklist items={checklist} />
            {tried && Object.keys(faults).length > 0 && (
              <Notice tone="bad" title={t`Some fields need your attention; nothing was saved.`} />
            )}
            {unplaced.map(([pointer, text]) => (
              <Notice key={pointer} tone="bad" title={text} />
            ))}
            {failure !== undefined && <SaveFailure error={failure} onTakeOver={onTakeOver} onDone={() => setFailure(undefined)} />}
            <div className="flex flex-col gap-2">
              {!live && !fixed && (
                <Button busy={busy === 'publish'} disabled={!ready} onClick={() => void save('publish')}>
                  <Trans>Publish</Trans>
                </Button>
              )}
              <Button
                type="submit"
                look={live || fixed ? 'primary' : 'secondary'}
                busy={busy === 'save'}
                disabled={Boolean(event) && !dirty}
              >
                {event && event.status !== 'draft' ? <Trans>Save the changes</Trans> : <Trans>Save the draft</Trans>}
              </Button>
              {event && (
                <ButtonLink look="quiet" to={`/e/${event.eventId}`}>
                  <Trans>See it as a buyer</Trans>
                </ButtonLink>
              )}
              {live && (
                <Button
                  look={sure ? 'danger' : 'quiet'}
                  busy={busy === 'withdraw'}
                  onBlur={() => setSure(false)}
                  onClick={() => (sure ? void save('withdraw') : setSure(true))}
                >
                  {sure ? <Trans>Really take it off sale</Trans> : <Trans>Back to draft</Trans>}
                </Button>
              )}
            </div>
            {dirty && (
              <p className="text-sm text-muted" role="status">
                <Trans>Not saved yet; kept in this tab.</Trans>
              </p>
            )}
          </Card>
        </aside>
      </div>
      {dirty && (
        <div className="sticky bottom-0 z-10 -mx-4 mt-4 flex items-center justify-between gap-3 border-t border-border bg-surface px-4 py-2 sm:-mx-6 sm:px-6 lg:hidden">
          <p className="text-sm text-muted">
            <Trans>Not saved yet; kept in this tab.</Trans>
          </p>
          <Button type="submit" busy={busy === 'save'}>
            <Trans>Save</Trans>
          </Button>
        </div>
      )}
      <Dialog open={blocker.state === 'blocked'} onClose={() => blocker.reset?.()} title={t`Leave without saving?`}>
        <p>
          <Trans>What you changed is kept in this tab until you close it, and is here again when you come back. Nobody else sees it.</Trans>
        </p>
        <div className="mt-4 flex flex-wrap gap-3">
          <Button onClick={() => blocker.reset?.()}>
            <Trans>Stay here</Trans>
          </Button>
          <Button look="secondary" onClick={() => blocker.proceed?.()}>
            <Trans>Leave</Trans>
          </Button>
        </div>
      </Dialog>
    </form>
  );
}

/** Pointers that some field of the form shows beside itself. */
const placed =
  /^\/(title|description|category|startsAt|endsAt|admissionStartsAt|timezone|currency|capacity|refundUntil|refundFeePercent|ticketTypes|venue\/\w+|seller\/\w+|serviceFee\/(fixed|percentBps)|ticketTypes\/\d+(\/(name|description|price|quantity|saleStartsAt|saleEndsAt|minPerOrder|maxPerOrder|maxPerAccount|taxRateBps))?)$/;

type FailureProps = { error: unknown; onTakeOver?: () => Promise<void>; onDone: () => void };

function SaveFailure({ error, onTakeOver, onDone }: FailureProps) {
  const { t } = useLingui();
  if (!(error instanceof ApiError && error.status === 412 && onTakeOver)) return <ErrorState error={error} />;
  return (
    <Notice tone="bad" title={t`Somebody else changed this event meanwhile; nothing was saved.`}>
      <p>
        <Trans>
          Your own text is still here. Load their changes first, then save yours on top; only the fields that you changed are sent.
        </Trans>
      </p>
      <Button look="secondary" className="mt-2" onClick={() => void onTakeOver().then(onDone)}>
        <Trans>Load their changes</Trans>
      </Button>
    </Notice>
  );
}

type SelectProps = { value: string; error?: string; onChange: (value: string) => void };

function CategorySelect({ value, error, onChange }: SelectProps) {
  const { t, i18n } = useLingui();
  return (
    <Select label={t`Category`} value={value} error={error} onChange={({ target }) => onChange(target.value)}>
      <option value="">{t`None`}</option>
      {value && !(value in categories) && <option value={value}>{value}</option>}
      {Object.entries(categories).map(([slug, name]) => (
        <option key={slug} value={slug}>
          {i18n._(name)}
        </option>
      ))}
    </Select>
  );
}

function CurrencySelect({ value, error, onChange }: SelectProps) {
  const { t, i18n } = useLingui();
  const names = new Intl.DisplayNames(i18n.locale, { type: 'currency' });
  return (
    <Select label={t`Currency`} value={value} error={error} onChange={({ target }) => onChange(target.value)}>
      {[...new Set([value, ...currencies])].map((code) => (
        <option key={code} value={code}>
          {code} – {names.of(code)}
        </option>
      ))}
    </Select>
  );
}

function ZoneSelect({ value, error, onChange }: SelectProps) {
  const { t } = useLingui();
  const all = [...new Set([value, ...Intl.supportedValuesOf('timeZone')])];
  const regionOf = (zone: string) => zone.split('/')[0] ?? zone;
  const regions = [...new Set(all.map(regionOf))];
  return (
    <Select label={t`Time zone`} value={value} error={error} onChange={({ target }) => onChange(target.value)}>
      {regions.map((region) => (
        <optgroup key={region} label={region}>
          {all
            .filter((zone) => regionOf(zone) === region)
            .map((zone) => (
              <option key={zone} value={zone}>
                {zone.replaceAll('_', ' ')}
              </option>
            ))}
        </optgroup>
      ))}
    </Select>
  );
}
