import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { ApiError } from '@/api/errors';
import { patch as change, upload } from '@/api/http';
import type { EventPatch } from '@/api/types';
import { ErrorState, Loading, useErrorText, useToast } from '@/ui';
import { toDraft, toPatch } from './draft';
import { Editor, type Intent, type Save } from './Editor';
import { forget } from './kept';
import { EventFrame } from './parts';
import { type Edition, eventChanged, fetchEdition } from './queries';
import { faultsOf } from './saving';
import { useZones } from './zone';

export default function EditPage() {
  const { t } = useLingui();
  return <EventFrame title={t`Edit`}>{(edition) => <Edit key={edition.event.eventId} edition={edition} />}</EventFrame>;
}

const statusOf: Record<Intent, EventPatch['status']> = { save: undefined, publish: 'published', withdraw: 'draft' };

function Edit({ edition }: { edition: Edition }) {
  const { t } = useLingui();
  const say = useToast();
  const errorText = useErrorText();
  const zones = useZones();
  // What was read when editing began, and not what arrived since: against that a change is told, and its version is the one to be replaced.
  const [base, setBase] = useState({ ...edition, round: 0 });
  if (zones.isPending) return <Loading />;
  if (zones.isError) return <ErrorState error={zones.error} retry={() => void zones.refetch()} />;
  const { eventId } = base.event;
  const before = toDraft(base.event, zones.data);
  const readAgain = async () => {
    const fresh = await fetchEdition(eventId);
    setBase(({ round }) => ({ ...fresh, round: round + 1 }));
  };

  const save: Save = async (draft, picture, intent) => {
    const { patch, places } = toPatch(draft, before, zones.data);
    const status = statusOf[intent];
    const body = { ...patch, ...(status && { status }) };
    try {
      if (Object.keys(body).length > 0) await change('/v1/events/{eventId}', { path: { eventId }, body, match: base.etag });
    } catch (error) {
      if (error instanceof ApiError && error.faults.length > 0) return faultsOf(error, places);
      throw error;
    }
    const pictureFault = picture && (await upload(`/v1/events/${eventId}/image`, picture).then(() => undefined, errorText));
    if (pictureFault) say(t`The picture was not taken: ${{ why: pictureFault }}`, 'bad');
    forget(eventId);
    await Promise.all([readAgain(), eventChanged(eventId)]);
    say(intent === 'publish' ? t`The event is published.` : intent === 'withdraw' ? t`The event is a draft again.` : t`Saved.`);
    return undefined;
  };
  return (
    <Editor
      key={base.round}
      again={base.round > 0}
      name={eventId}
      initial={before}
      event={base.event}
      zones={zones.data}
      onSave={save}
      onTakeOver={readAgain}
    />
  );
}
