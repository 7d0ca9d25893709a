import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from 'react-router';
import { SignedIn } from '@/app/guard';
import { type User, useSession } from '@/app/session';
import { Title } from '@/app/Title';
import { Button, Card } from '@/ui';

export default function AccountPage() {
  const { t } = useLingui();
  return (
    <div className="mx-auto max-w-2xl space-y-5">
      <Title>{t`Account`}</Title>
      <h1 className="text-3xl font-bold">
        <Trans>Account</Trans>
      </h1>
      <SignedIn>{(user) => <Profile user={user} />}</SignedIn>
    </div>
  );
}

function Profile({ user }: { user: User }) {
  const { leave } = useSession();
  const navigate = useNavigate();
  const out = async (everywhere: boolean) => {
    await leave(everywhere);
    navigate('/');
  };
  return (
    <Card>
      <p className="text-xl font-bold">{user.name}</p>
      <p>{user.email}</p>
      <div className="mt-4 flex flex-wrap gap-2">
        <Button look="secondary" onClick={() => void out(false)}>
          <Trans>Sign out</Trans>
        </Button>
        <Button look="secondary" onClick={() => void out(true)}>
          <Trans>Sign out everywhere</Trans>
        </Button>
      </div>
    </Card>
  );
}
