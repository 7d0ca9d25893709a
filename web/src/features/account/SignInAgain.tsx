import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from 'react-router';
import { ApiError } from '@/api/errors';
import { useSession } from '@/app/session';
import { Button, Notice } from '@/ui';

/** Is what was refused done behind a fresh sign-in only? */
export function wantsSignIn(error: unknown): boolean {
  return error instanceof ApiError ? error.status === 403 : error instanceof Error && /^sign in again/i.test(error.message);
}

/** The second step is changed shortly after a sign-in only: a device that lies around unlocked must not take it off. */
export function SignInAgain() {
  const { t } = useLingui();
  const { leave } = useSession();
  const navigate = useNavigate();
  const again = async () => {
    await leave();
    navigate('/auth/sign-in?next=/account/security');
  };
  return (
    <Notice tone="warn" title={t`Please sign in again first.`}>
      <p>
        <Trans>
          Two-step sign-in is changed, and recovery codes are given out, only within 15 minutes of a sign-in. Nothing has changed.
        </Trans>
      </p>
      <Button look="secondary" className="mt-3" onClick={() => void again()}>
        <Trans>Sign in again</Trans>
      </Button>
    </Notice>
  );
}
