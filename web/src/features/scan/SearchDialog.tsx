import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { Badge, Button, Dialog, Field } from '@/ui';
import type { Store } from './db';
import { type Row, search } from './engine';

const LIMIT = 30;

type Props = { open: boolean; store: Store; onClose: () => void; onAdmit: (ticketId: string) => void };

/** Who has no code that can be read is found in the list, by name or by the ticket's id. */
export function SearchDialog({ open, store, onClose, onAdmit }: Props) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>Search the list</Trans>}>
      <Search store={store} onClose={onClose} onAdmit={onAdmit} />
    </Dialog>
  );
}

function Search({ store, onClose, onAdmit }: Omit<Props, 'open'>) {
  const { t } = useLingui();
  const [rows, setRows] = useState<Row[]>([]);
  const [typed, setTyped] = useState('');
  useEffect(() => void store.rows().then(setRows), [store]);
  const found = search(rows, typed, LIMIT);
  return (
    <div className="space-y-3">
      <Field
        label={t`Name or ticket number`}
        type="search"
        autoComplete="off"
        autoFocus
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <p role="status" className="text-sm text-muted">
        {typed.trim() ? (
          found.length === LIMIT ? (
            <Trans>The first {LIMIT} are shown; type more of the name.</Trans>
          ) : (
            <Plural value={found.length} _0="Nobody found" one="# found" other="# found" />
          )
        ) : (
          <Trans>Check who it is before you let anybody in by hand.</Trans>
        )}
      </p>
      <ul className="divide-y divide-border">
        {found.map((row) => (
          <li key={row.ticketId} className="flex items-center justify-between gap-3 py-2">
            <div className="min-w-0">
              <p className="font-semibold">{row.attendeeName ?? <Trans>Without a name</Trans>}</p>
              <p className="text-sm text-muted">
                {row.ticketTypeName} · <span className="font-mono">…{row.ticketId.slice(-6)}</span>
              </p>
            </div>
            {row.status === 'valid' ? (
              <Button
                onClick={() => {
                  onClose();
                  onAdmit(row.ticketId);
                }}
              >
                <Trans>Let in</Trans>
              </Button>
            ) : (
              <Badge tone={row.status === 'used' ? 'warn' : 'bad'}>
                {row.status === 'used' ? <Trans>Used</Trans> : <Trans>Cancelled</Trans>}
              </Badge>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
