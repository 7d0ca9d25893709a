import { Trans, useLingui } from '@lingui/react/macro';
import { useRef } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { ApiError } from '@/api/errors';
import { post, upload } from '@/api/http';
import { SignedIn } from '@/app/guard';
import { Title } from '@/app/Title';
import { uuid7 } from '@/lib/id';
import { ErrorState, Loading, useErrorText, useToast } from '@/ui';
import { type Draft, duplicateOf, emptyDraft, toBody } from './draft';
import { Editor, type Save } from './Editor';
import { forget } from './kept';
import { eventChanged, useEdition } from './queries';
import { faultsOf } from './saving';
import { useZones, type Zones } from './zone';

/** A new event: empty, or like another of one's own. */
export default function NewPage() {
  const { t } = useLingui();
  const [params] = useSearchParams();
  const from = params.get('from');
  return (
    <>
      <Title>{t`New event`}</Title>
      <p>
        <Link to="/manage" className="inline-flex min-h-11 items-center">
          <Trans>All my events</Trans>
        </Link>
      </p>
      <h1 className="mb-4 text-3xl font-bold">
        <Trans>New event</Trans>
      </h1>
      <SignedIn>{() => (from ? <Duplicate from={from} /> : <Fresh />)}</SignedIn>
    </>
  );
}

function Fresh() {
  const zones = useZones();
  if (zones.isPending) return <Loading />;
  if (zones.isError) return <ErrorState error={zones.error} retry={() => void zones.refetch()} />;
  return <New name="new" zones={zones.data} draft={emptyDraft(Intl.DateTimeFormat().resolvedOptions().timeZone)} />;
}

function Duplicate({ from }: { from: string }) {
  const zones = useZones();
  const edition = useEdition(from);
  if (zones.isPending || edition.isPending) return <Loading />;
  if (zones.isError) return <ErrorState error={zones.error} retry={() => void zones.refetch()} />;
  if (edition.isError) return <ErrorState error={edition.error} retry={() => void edition.refetch()} />;
  return <New name={`like-${from}`} zones={zones.data} draft={duplicateOf(edition.data.event, zones.data)} />;
}

function New({ name, zones, draft }: { name: string; zones: Zones; draft: Draft }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const say = useToast();
  const errorText = useErrorText();
  const initial = useRef(draft);
  // One key for one body: a second click, or a try after no answer came, makes no second event.
  const order = useRef({ text: '', key: '' });

  const save: Save = async (now, picture, intent) => {
    const body = { ...toBody(now, zones).body, status: intent === 'publish' ? ('published' as const) : ('draft' as const) };
    const text = JSON.stringify(body);
    if (order.current.text !== text) order.current = { text, key: uuid7() };
    try {
      const event = await post('/v1/events', { body, key: order.current.key });
      if (picture)
        await upload(`/v1/events/${event.eventId}/image`, picture).catch((error) =>
          say(t`The picture was not taken: ${{ why: errorText(error) }}`, 'bad'),
        );
      await eventChanged(event.eventId);
      forget(name);
      say(intent === 'publish' ? t`The event is published.` : t`The draft is saved.`);
      navigate(intent === 'publish' ? `/manage/${event.eventId}` : `/manage/${event.eventId}/edit`, { replace: true });
      return undefined;
    } catch (error) {
      if (error instanceof ApiError && error.faults.length > 0) return faultsOf(error, []);
      throw error;
    }
  };
  return <Editor name={name} initial={initial.current} zones={zones} onSave={save} />;
}
