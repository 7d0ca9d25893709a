import { Trans, useLingui } from '@lingui/react/macro';
import { serverNow } from '@/lib/clock';
import { cx } from '@/ui';
import type { Draft, Faults } from './draft';
import type { Zones } from './zone';

type Item = { label: string; done: boolean; needed: boolean };

/** What an event has to have before it is published, and what buyers would miss. */
export function useChecklist(draft: Draft, faults: Faults, hasPicture: boolean, zones: Zones): Item[] {
  const { t } = useLingui();
  const sound = (...pointers: string[]) => !Object.keys(faults).some((at) => pointers.some((pointer) => at.startsWith(pointer)));
  const end = zones.read(draft.endsAt, draft.timezone);
  const place = draft.online || Boolean(draft.venue.name.trim() && draft.venue.city.trim());
  const types = draft.types.filter((type) => !type.removed);
  return [
    { label: t`A title`, done: sound('/title'), needed: true },
    {
      label: t`Start and end, with the end in the future`,
      done: sound('/startsAt', '/endsAt') && 'utc' in end && Date.parse(end.utc) > serverNow(),
      needed: true,
    },
    { label: t`Ticket types with names, prices and numbers`, done: types.length > 0 && sound('/ticketTypes', '/capacity'), needed: true },
    { label: t`A place with its city, or online`, done: place, needed: false },
    { label: t`A description`, done: Boolean(draft.description.trim()), needed: false },
    { label: t`A picture`, done: hasPicture, needed: false },
  ];
}

export function Checklist({ items }: { items: Item[] }) {
  return (
    <ul className="space-y-1">
      {items.map((item) => (
        <li key={item.label} className="flex gap-2">
          <span aria-hidden="true" className={cx('font-bold', item.done ? 'text-ok' : item.needed ? 'text-bad' : 'text-muted')}>
            {item.done ? '✓' : item.needed ? '!' : '–'}
          </span>
          <span>
            {item.label}{' '}
            <span className={item.done ? 'sr-only' : 'text-sm text-muted'}>
              {item.done ? <Trans>(done)</Trans> : item.needed ? <Trans>(needed)</Trans> : <Trans>(recommended)</Trans>}
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}
