import { useLingui } from '@lingui/react/macro';
import { DeleteAccount } from './DeleteAccount';
import { Export } from './Export';
import { Frame } from './Frame';
import { Profile } from './Profile';

export default function AccountPage() {
  const { t } = useLingui();
  return (
    <Frame title={t`Account`}>
      {(user) => (
        <>
          <Profile user={user} />
          <Export />
          <DeleteAccount user={user} />
        </>
      )}
    </Frame>
  );
}
