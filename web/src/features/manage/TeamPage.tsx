import { useLingui } from '@lingui/react/macro';
import { Devices } from './Devices';
import { EventFrame, isOwner } from './parts';
import { StaffList } from './StaffList';

export default function TeamPage() {
  const { t } = useLingui();
  return (
    <EventFrame title={t`Team`}>
      {({ event }, user) => (
        <div className="space-y-6">
          <StaffList event={event} mayAppoint={isOwner(user, event)} />
          <Devices event={event} />
        </div>
      )}
    </EventFrame>
  );
}
