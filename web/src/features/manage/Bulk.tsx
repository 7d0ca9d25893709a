import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import { post } from '@/api/http';
import { keys, queries } from '@/api/query';
import type { Event, Registration } from '@/api/types';
import { uuid7 } from '@/lib/id';
import { formatMoney } from '@/lib/money';
import { Button, Dialog, Notice, useErrorText } from '@/ui';
import { type Failure, forEach } from './many';
import { Meter } from './parts';
import { leftOf } from './refund';

type Work = 'resend' | 'refund';

type Props = { event: Event; chosen: Registration[]; onChoose: (chosen: Registration[]) => void };

/** What can be done for several registrations at once, in a bar that stays in sight while one goes on choosing. */
export function Bulk({ event, chosen, onChoose }: Props) {
  const { t } = useLingui();
  const [work, setWork] = useState<Work>();
  const [running, setRunning] = useState(false);
  const titles: Record<Work, string> = { resend: t`Mail the tickets again`, refund: t`Refund several registrations` };
  if (chosen.length === 0 && !work) return null;
  return (
    <>
      <section
        aria-label={t`Chosen registrations`}
        className="sticky bottom-0 z-10 -mx-4 mt-4 flex flex-wrap items-center gap-2 border-t border-border bg-surface px-4 py-2 sm:mx-0 sm:rounded-card sm:border"
      >
        <p role="status" className="mr-auto font-semibold">
          <Plural value={chosen.length} one="# chosen" other="# chosen" />
        </p>
        <Button look="secondary" onClick={() => setWork('resend')}>
          <Trans>Mail the tickets again</Trans>
        </Button>
        <Button look="danger" onClick={() => setWork('refund')}>
          <Trans>Refund…</Trans>
        </Button>
        <Button look="quiet" onClick={() => onChoose([])}>
          <Trans>Choose none</Trans>
        </Button>
      </section>
      <Dialog open={work !== undefined} onClose={() => !running && setWork(undefined)} title={work && titles[work]}>
        {work && (
          <Doing
            event={event}
            work={work}
            chosen={chosen}
            onRunning={setRunning}
            onDone={(left) => {
              setWork(undefined);
              onChoose(left);
            }}
          />
        )}
      </Dialog>
    </>
  );
}

type DoingProps = {
  event: Event;
  work: Work;
  chosen: Registration[];
  onRunning: (running: boolean) => void;
  /** With those that were not done, to be tried again. */
  onDone: (left: Registration[]) => void;
};

function Doing({ event, work, chosen, onRunning, onDone }: DoingProps) {
  const [all] = useState(chosen);
  const [done, setDone] = useState<number>();
  const [left, setLeft] = useState<Failure<Registration>[]>();
  const stop = useRef(false);
  // One key for each: a second try after no answer came pays nobody twice.
  const order = useRef(new Map<string, string>());
  const busy = done !== undefined && left === undefined;
  useEffect(() => {
    onRunning(busy);
    if (!busy) return;
    const warn = (leaving: BeforeUnloadEvent) => leaving.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [busy, onRunning]);
  // A page that is left does not go on in secret.
  useEffect(
    () => () => {
      stop.current = true;
    },
    [],
  );

  const one = ({ registrationId }: Registration) => {
    const key = order.current.get(registrationId) ?? uuid7();
    order.current.set(registrationId, key);
    const path = { registrationId };
    return work === 'resend'
      ? post('/v1/registrations/{registrationId}/resend', { path, key })
      : post('/v1/registrations/{registrationId}/refund', { path, body: {}, key });
  };
  const run = async () => {
    stop.current = false;
    setDone(0);
    const failures = await forEach(all, one, { onStep: setDone, stopped: () => stop.current });
    setLeft(failures);
    await Promise.all(
      [['event-registrations', event.eventId], keys.stats(event.eventId), ['registration'], ['ticket']].map((queryKey) =>
        queries.invalidateQueries({ queryKey }),
      ),
    );
  };
  if (left) return <Outcome all={all.length} left={left} onDone={() => onDone(left.map(({ item }) => item))} />;
  if (busy)
    return (
      <div className="space-y-4">
        <p role="status">
          <Trans>
            {done} of {all.length} done. Keep this page open.
          </Trans>
        </p>
        <Meter value={done} of={all.length} />
        <Button
          look="secondary"
          onClick={({ detail }) => {
            // Not the second half of a double click on the button that stood here before.
            if (detail < 2) stop.current = true;
          }}
        >
          <Trans>Stop after this one</Trans>
        </Button>
      </div>
    );
  return (
    <div className="space-y-4">
      {work === 'refund' ? (
        <RefundTold all={all} currency={event.currency} />
      ) : (
        <p>
          <Plural
            value={all.length}
            one="The tickets of # registration are mailed again to its buyer."
            other="The tickets of # registrations are mailed again to their buyers."
          />
        </p>
      )}
      <div className="flex flex-wrap gap-3">
        <Button look={work === 'refund' ? 'danger' : 'primary'} onClick={() => void run()}>
          {work === 'refund' ? (
            <Plural value={all.length} one="Refund # registration now" other="Refund # registrations now" />
          ) : (
            <Trans>Mail now</Trans>
          )}
        </Button>
        <Button look="secondary" onClick={() => onDone(chosen)}>
          <Trans>Back</Trans>
        </Button>
      </div>
    </div>
  );
}

/** As for a single one it is said before it is asked for what money goes back, and what becomes of the tickets. */
function RefundTold({ all, currency }: { all: Registration[]; currency: string }) {
  const { t, i18n } = useLingui();
  const sum = all.reduce((total, registration) => total + leftOf(registration), 0);
  const money = formatMoney(sum, currency, i18n.locale);
  return (
    <Notice tone="warn" title={sum > 0 ? t`${money} goes back in all.` : t`No money goes back.`}>
      <Plural
        value={all.length}
        one="All tickets of # registration become void at the gate at once, and their seats are free again. This cannot be undone."
        other="All tickets of # registrations become void at the gate at once, and their seats are free again. This cannot be undone."
      />
    </Notice>
  );
}

function Outcome({ all, left, onDone }: { all: number; left: Failure<Registration>[]; onDone: () => void }) {
  const errorText = useErrorText();
  const good = all - left.length;
  return (
    <div className="space-y-4">
      <Notice
        tone={left.length ? 'warn' : 'ok'}
        title={<Plural value={good} one="# registration is done." other="# registrations are done." />}
      >
        {left.length > 0 && (
          <Plural value={left.length} one="# was not done; it stays chosen." other="# were not done; they stay chosen." />
        )}
      </Notice>
      <ul className="divide-y divide-border">
        {left
          .filter(({ error }) => error !== undefined)
          .map(({ item, error }) => (
            <li key={item.registrationId} className="py-2">
              <p className="font-semibold">{item.attendees[0]?.name}</p>
              <p className="text-sm text-bad">{errorText(error)}</p>
            </li>
          ))}
      </ul>
      <Button onClick={onDone}>
        <Trans>Done</Trans>
      </Button>
    </div>
  );
}
