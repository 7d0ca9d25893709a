import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { get, patch, remove } from '@/api/http';
import { queries } from '@/api/query';
import type { DiscountCode, Event } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { formatDateTime } from '@/lib/time';
import { Badge, Button, Card, Dialog, Empty, ErrorState, Loading, useErrorText, useToast } from '@/ui';
import { CodeForm, type Editing } from './CodeForm';
import { percentInput } from './draft';
import { EventFrame, typeName } from './parts';
import { codesKey } from './queries';
import { useZones } from './zone';

export default function CodesPage() {
  const { t } = useLingui();
  return <EventFrame title={t`Discount codes`}>{({ event }) => <Codes event={event} />}</EventFrame>;
}

function Codes({ event }: { event: Event }) {
  const { t } = useLingui();
  const [editing, setEditing] = useState<Editing>();
  const zones = useZones();
  const codes = useInfiniteQuery({
    queryKey: codesKey(event.eventId),
    queryFn: ({ pageParam, signal }) =>
      get('/v1/events/{eventId}/discount-codes', {
        path: { eventId: event.eventId },
        query: { limit: 50, ...(pageParam && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });
  const items = codes.data?.pages.flatMap((page) => page.items) ?? [];
  const title = { one: t`New code`, many: t`Many codes at once`, change: t`Change the code` };
  return (
    <>
      <div className="mb-4 flex flex-wrap gap-3">
        <Button onClick={() => setEditing({ kind: 'one' })}>
          <Trans>New code</Trans>
        </Button>
        <Button look="secondary" onClick={() => setEditing({ kind: 'many' })}>
          <Trans>Many codes at once</Trans>
        </Button>
      </div>
      {codes.isPending && <Loading />}
      {codes.isError && <ErrorState error={codes.error} retry={() => void codes.refetch()} />}
      {codes.isSuccess && items.length === 0 && (
        <Empty title={t`No codes yet.`}>
          <Trans>A code takes something off the price, or opens hidden ticket types.</Trans>
        </Empty>
      )}
      <ul className="space-y-3">
        {items.map((code) => (
          <li key={code.discountCodeId}>
            <OneCode event={event} code={code} onChange={() => setEditing({ kind: 'change', code })} />
          </li>
        ))}
      </ul>
      {codes.hasNextPage && (
        <div className="mt-6 text-center">
          <Button look="secondary" busy={codes.isFetchingNextPage} onClick={() => void codes.fetchNextPage()}>
            <Trans>Show more</Trans>
          </Button>
        </div>
      )}
      <Dialog open={Boolean(editing)} onClose={() => setEditing(undefined)} title={editing ? title[editing.kind] : ''}>
        {editing && zones.isPending && <Loading />}
        {editing && zones.isError && <ErrorState error={zones.error} retry={() => void zones.refetch()} />}
        {editing && zones.data && <CodeForm event={event} editing={editing} zones={zones.data} onDone={() => setEditing(undefined)} />}
      </Dialog>
    </>
  );
}

/** What the code does, in a line. */
function useTerms(event: Event, code: DiscountCode): string[] {
  const { t, i18n } = useLingui();
  const money = (amount: number) => formatMoney(amount, event.currency, i18n.locale);
  const at = (time: string) => formatDateTime(time, event.timezone, i18n.locale);
  const terms: string[] = [];
  if (code.percentBps !== null) terms.push(t`${{ percent: percentInput(code.percentBps) }} % off each ticket`);
  if (code.amount !== null)
    terms.push(
      code.amountPer === 'ticket'
        ? t`${{ amount: money(code.amount) }} off each ticket`
        : t`${{ amount: money(code.amount) }} off the order`,
    );
  if (code.percentBps === null && code.amount === null) terms.push(t`opens hidden ticket types`);
  if (code.ticketTypeIds) terms.push(t`for ${{ types: code.ticketTypeIds.map((id) => typeName(event, id)).join(', ') }}`);
  if (code.startsAt) terms.push(t`from ${{ time: at(code.startsAt) }}`);
  if (code.endsAt) terms.push(t`until ${{ time: at(code.endsAt) }}`);
  return terms;
}

function OneCode({ event, code, onChange }: { event: Event; code: DiscountCode; onChange: () => void }) {
  const { t } = useLingui();
  const say = useToast();
  const errorText = useErrorText();
  const terms = useTerms(event, code);
  const path = { eventId: event.eventId, discountCodeId: code.discountCodeId };
  const { used, maxUses } = code;
  const act = useMutation({
    mutationFn: (what: () => Promise<unknown>) => what(),
    onError: (error) => say(errorText(error), 'bad'),
    onSettled: () => queries.invalidateQueries({ queryKey: codesKey(event.eventId) }),
  });
  const name = <span className="sr-only"> {code.code}</span>;
  return (
    <Card className="flex flex-wrap items-center justify-between gap-3">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-mono text-lg font-bold break-all">{code.code}</span>
          {!code.active && (
            <Badge>
              <Trans>Switched off</Trans>
            </Badge>
          )}
        </p>
        <p className="text-muted">{terms.join(' · ')}</p>
        <p>
          {maxUses === null ? (
            <Plural value={used} _0="Not used yet" one="Used once" other="Used # times" />
          ) : (
            t`Used ${used} of ${maxUses} times`
          )}
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button look="secondary" onClick={onChange}>
          <Trans>Change</Trans>
          {name}
        </Button>
        <Button
          look="quiet"
          busy={act.isPending}
          onClick={() =>
            act.mutate(() => patch('/v1/events/{eventId}/discount-codes/{discountCodeId}', { path, body: { active: !code.active } }))
          }
        >
          {code.active ? <Trans>Switch off</Trans> : <Trans>Switch on</Trans>}
          {name}
        </Button>
        {used === 0 && (
          <Button look="quiet" onClick={() => act.mutate(() => remove('/v1/events/{eventId}/discount-codes/{discountCodeId}', { path }))}>
            <Trans>Delete</Trans>
            {name}
          </Button>
        )}
      </div>
    </Card>
  );
}
