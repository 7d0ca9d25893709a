import { Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { get, patch, post, remove } from '@/api/http';
import { queries } from '@/api/query';
import type { Device, DeviceCode, Event } from '@/api/types';
import { formatDateTime, formatTime } from '@/lib/time';
import { Badge, Button, Card, Dialog, ErrorState, Field, Loading, Notice, useErrorText, useToast } from '@/ui';

const devicesKey = (eventId: string) => ['devices', eventId] as const;

/** Phones at the gate that need nobody's password. */
export function Devices({ event }: { event: Event }) {
  const { t } = useLingui();
  const [code, setCode] = useState<DeviceCode>();
  const [renamed, setRenamed] = useState<Device>();
  const devices = useInfiniteQuery({
    queryKey: devicesKey(event.eventId),
    queryFn: ({ pageParam, signal }) =>
      get('/v1/events/{eventId}/devices', {
        path: { eventId: event.eventId },
        query: { limit: 100, ...(pageParam && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    // While a code is shown, the page waits for the phone that takes it.
    refetchInterval: code ? 2000 : false,
  });
  const items = devices.data?.pages.flatMap((page) => page.items) ?? [];
  const claimed = Boolean(code) && items.some((device) => device.deviceId === code?.deviceId && device.status === 'active');
  return (
    <Card>
      <h3 className="text-lg font-bold">
        <Trans>Scanner phones</Trans>
      </h3>
      <p className="text-muted">
        <Trans>A phone becomes a scanner for this event by a code, with nobody's password. It works until a day after the event.</Trans>
      </p>
      <Make event={event} onMade={setCode} />
      {devices.isPending && <Loading />}
      {devices.isError && <ErrorState error={devices.error} retry={() => void devices.refetch()} />}
      <ul className="mt-4 divide-y divide-border">
        {items.map((device) => (
          <li key={device.deviceId} className="py-3">
            <OneDevice event={event} device={device} onCode={setCode} onRename={() => setRenamed(device)} />
          </li>
        ))}
      </ul>
      {devices.hasNextPage && (
        <Button look="secondary" busy={devices.isFetchingNextPage} onClick={() => void devices.fetchNextPage()}>
          <Trans>Show more</Trans>
        </Button>
      )}
      <Dialog open={Boolean(code)} onClose={() => setCode(undefined)} title={code ? t`Scan this with ${{ phone: code.name }}` : ''}>
        {code && <Code event={event} code={code} claimed={claimed} />}
      </Dialog>
      <Dialog open={Boolean(renamed)} onClose={() => setRenamed(undefined)} title={t`Rename the phone`}>
        {renamed && <Rename event={event} device={renamed} onDone={() => setRenamed(undefined)} />}
      </Dialog>
    </Card>
  );
}

function Make({ event, onMade }: { event: Event; onMade: (code: DeviceCode) => void }) {
  const { t } = useLingui();
  const [name, setName] = useState('');
  const [gate, setGate] = useState('');
  const make = useMutation({
    mutationFn: () =>
      post('/v1/events/{eventId}/devices', { path: { eventId: event.eventId }, body: { name: name.trim(), gate: gate.trim() || null } }),
    onSuccess: async (code) => {
      await queries.invalidateQueries({ queryKey: devicesKey(event.eventId) });
      setName('');
      onMade(code);
    },
  });
  const submit = (submitted: FormEvent) => {
    submitted.preventDefault();
    if (!make.isPending) make.mutate();
  };
  return (
    <form onSubmit={submit} className="mt-4 grid items-end gap-3 sm:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_auto]">
      <Field label={t`Name of the phone`} required maxLength={100} value={name} onChange={({ target }) => setName(target.value)} />
      <Field label={t`Gate (may be empty)`} maxLength={100} value={gate} onChange={({ target }) => setGate(target.value)} />
      <Button type="submit" busy={make.isPending}>
        <Trans>Add a phone</Trans>
      </Button>
      {make.isError && (
        <div className="sm:col-span-3">
          <ErrorState error={make.error} />
        </div>
      )}
    </form>
  );
}

/** The code is shown this once; on white in the dark too, or no camera reads it. */
function Code({ event, code, claimed }: { event: Event; code: DeviceCode; claimed: boolean }) {
  const { t, i18n } = useLingui();
  const say = useToast();
  if (claimed) return <Notice tone="ok" title={t`The phone is ready to scan.`} />;
  const until = formatTime(code.tokenExpiresAt, event.timezone, i18n.locale);
  const copy = () =>
    navigator.clipboard.writeText(code.qrText).then(
      () => say(t`The address is on your clipboard.`),
      () => say(t`Your browser did not let the page copy.`, 'bad'),
    );
  return (
    <div className="space-y-4">
      <p>
        <Trans>Open the phone's camera and point it here. The code works once, until {until}, and is not shown again.</Trans>
      </p>
      {code.qrSvg && (
        <img
          src={`data:image/svg+xml;utf8,${encodeURIComponent(code.qrSvg)}`}
          alt={t`QR code that makes a phone a scanner`}
          className="mx-auto w-full max-w-72 rounded-card bg-white p-3"
        />
      )}
      <Button look="secondary" onClick={() => void copy()}>
        <Trans>Copy the address instead</Trans>
      </Button>
      <p role="status" className="text-muted">
        <Trans>Waiting for the phone…</Trans>
      </p>
    </div>
  );
}

function Rename({ event, device, onDone }: { event: Event; device: Device; onDone: () => void }) {
  const { t } = useLingui();
  const [name, setName] = useState(device.name);
  const [gate, setGate] = useState(device.gate ?? '');
  const rename = useMutation({
    mutationFn: () =>
      patch('/v1/events/{eventId}/devices/{deviceId}', {
        path: { eventId: event.eventId, deviceId: device.deviceId },
        body: { name: name.trim(), gate: gate.trim() || null },
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: devicesKey(event.eventId) });
      onDone();
    },
  });
  return (
    <form
      className="space-y-4"
      onSubmit={(submitted) => {
        submitted.preventDefault();
        if (!rename.isPending) rename.mutate();
      }}
    >
      <Field label={t`Name`} required maxLength={100} value={name} onChange={({ target }) => setName(target.value)} />
      <Field label={t`Gate (may be empty)`} maxLength={100} value={gate} onChange={({ target }) => setGate(target.value)} />
      {rename.isError && <ErrorState error={rename.error} />}
      <Button type="submit" busy={rename.isPending}>
        <Trans>Save</Trans>
      </Button>
    </form>
  );
}

function DeviceState({ status }: { status: Device['status'] }) {
  const { t } = useLingui();
  const words: Record<Device['status'], ['ok' | 'info' | 'warn' | 'plain', string]> = {
    active: ['ok', t`Ready`],
    waiting: ['info', t`Waits for its phone`],
    expired: ['warn', t`Code ran out`],
    suspended: ['warn', t`Suspended: who made it is off the team`],
    revoked: ['plain', t`Revoked`],
  };
  const [tone, text] = words[status];
  return <Badge tone={tone}>{text}</Badge>;
}

type OneProps = { event: Event; device: Device; onCode: (code: DeviceCode) => void; onRename: () => void };

function OneDevice({ event, device, onCode, onRename }: OneProps) {
  const { i18n } = useLingui();
  const say = useToast();
  const errorText = useErrorText();
  const [sure, setSure] = useState(false);
  const path = { eventId: event.eventId, deviceId: device.deviceId };
  const act = useMutation({
    mutationFn: (what: () => Promise<unknown>) => what(),
    onError: (error) => say(errorText(error), 'bad'),
    onSettled: () => queries.invalidateQueries({ queryKey: devicesKey(event.eventId) }),
  });
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <div className="min-w-0">
        <p className="font-semibold break-words">
          {device.name} {device.gate && <span className="font-normal text-muted">{device.gate}</span>}
        </p>
        <p className="mt-1 flex flex-wrap items-center gap-2 text-sm">
          <DeviceState status={device.status} />
          {device.lastSeenAt && (
            <span className="text-muted">
              <Trans>last seen {formatDateTime(device.lastSeenAt, event.timezone, i18n.locale)}</Trans>
            </span>
          )}
        </p>
      </div>
      {device.status !== 'revoked' && (
        <div className="flex flex-wrap gap-2">
          <Button look="quiet" onClick={onRename}>
            <Trans>Rename</Trans>
            <span className="sr-only"> {device.name}</span>
          </Button>
          <Button
            look="secondary"
            busy={act.isPending}
            onClick={() => act.mutate(() => post('/v1/events/{eventId}/devices/{deviceId}/provision', { path }).then(onCode))}
          >
            <Trans>New code</Trans>
            <span className="sr-only"> {device.name}</span>
          </Button>
          <Button
            look={sure ? 'danger' : 'quiet'}
            onBlur={() => setSure(false)}
            onClick={() => (sure ? act.mutate(() => remove('/v1/events/{eventId}/devices/{deviceId}', { path })) : setSure(true))}
          >
            {sure ? <Trans>Really revoke</Trans> : <Trans>Revoke</Trans>}
            <span className="sr-only"> {device.name}</span>
          </Button>
        </div>
      )}
    </div>
  );
}
