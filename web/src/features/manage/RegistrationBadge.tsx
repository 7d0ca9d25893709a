import { useLingui } from '@lingui/react/macro';
import { Badge } from '@/ui';

export const statuses = ['confirmed', 'pending', 'refunded', 'cancelled', 'expired'] as const;
type Status = (typeof statuses)[number];

export function useStatusName(): (status: Status) => string {
  const { t } = useLingui();
  return (status) =>
    ({ confirmed: t`Confirmed`, pending: t`Being paid`, refunded: t`Refunded`, cancelled: t`Called off`, expired: t`Ran out` })[status];
}

export function RegistrationBadge({ status }: { status: Status }) {
  const nameOf = useStatusName();
  return <Badge tone={status === 'confirmed' ? 'ok' : status === 'pending' ? 'info' : 'plain'}>{nameOf(status)}</Badge>;
}
