import { Trans, useLingui } from '@lingui/react/macro';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '@/api/http';
import type { Event } from '@/api/types';
import { Button, Card, Dialog, ErrorState, Field, useToast } from '@/ui';
import { eventChanged } from './queries';

/** Cancelling cannot be taken back and pays everybody: who does it types the event's name. */
export function CancelEvent({ event }: { event: Event }) {
  const { t } = useLingui();
  const say = useToast();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const cancel = useMutation({
    mutationFn: () => post('/v1/events/{eventId}/cancel', { path: { eventId: event.eventId } }),
    onSuccess: async () => {
      await eventChanged(event.eventId);
      setOpen(false);
      say(t`The event is cancelled.`);
    },
  });
  return (
    <Card className="border-bad">
      <h3 className="text-lg font-bold">
        <Trans>Cancel the event</Trans>
      </h3>
      <p className="my-2">
        <Trans>Every ticket becomes void, everybody is told by mail, and whoever paid gets all of it back. This cannot be undone.</Trans>
      </p>
      <Button look="danger" onClick={() => setOpen(true)}>
        <Trans>Cancel the event…</Trans>
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t`Cancel this event for good?`}>
        <form
          className="space-y-4"
          onSubmit={(submitted) => {
            submitted.preventDefault();
            if (typed.trim() === event.title.trim()) cancel.mutate();
          }}
        >
          <Field
            label={t`Type the event's title to confirm`}
            hint={event.title}
            value={typed}
            autoComplete="off"
            onChange={({ target }) => setTyped(target.value)}
          />
          {cancel.isError && <ErrorState error={cancel.error} />}
          <div className="flex flex-wrap gap-3">
            <Button type="submit" look="danger" busy={cancel.isPending} disabled={typed.trim() !== event.title.trim()}>
              <Trans>Cancel it and refund everybody</Trans>
            </Button>
            <Button look="secondary" onClick={() => setOpen(false)}>
              <Trans>Keep the event</Trans>
            </Button>
          </div>
        </form>
      </Dialog>
    </Card>
  );
}
