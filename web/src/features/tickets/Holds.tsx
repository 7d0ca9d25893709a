import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { get } from '@/api/http';
import { keys } from '@/api/query';
import { serverNow } from '@/lib/clock';
import { ButtonLink, Notice } from '@/ui';

/** Seats that wait to be paid for: whoever closed the tab finds the way back here. */
export function Holds() {
  const { t, i18n } = useLingui();
  const held = useQuery({
    queryKey: keys.registrations,
    queryFn: ({ signal }) => get('/v1/registrations', { query: { status: 'pending', limit: 10 }, signal }),
  });
  const now = serverNow();
  const open = held.data?.items.filter(({ expiresAt }) => expiresAt && Date.parse(expiresAt) > now) ?? [];
  return open.map(({ registrationId, eventId, expiresAt }) => {
    const until = new Date(expiresAt ?? 0).toLocaleTimeString(i18n.locale, { hour: 'numeric', minute: '2-digit' });
    return (
      <Notice key={registrationId} tone="warn" title={t`You hold seats that are not paid for yet.`}>
        <p>
          <Trans>They are yours until {until}.</Trans>
        </p>
        <ButtonLink to={`/checkout/${eventId}/${registrationId}`} className="mt-3">
          <Trans>Pay for them</Trans>
        </ButtonLink>
      </Notice>
    );
  });
}
