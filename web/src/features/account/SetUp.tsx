import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { QRCodeSVG } from 'qrcode.react';
import { useRef } from 'react';
import { auth, type User } from '@/app/session';
import { CodeField } from '@/features/auth/parts';
import { field, useAction } from '@/features/auth/useAction';
import { Button, ErrorState, Loading, Notice } from '@/ui';
import { useAccountError } from './errors';
import { SignInAgain, wantsSignIn } from './SignInAgain';

/** In groups of four, as one types it. */
const grouped = (secret: string) => secret.match(/.{1,4}/g)?.join(' ') ?? secret;

export function SetUp({ user, onDone, onCancel }: { user: User; onDone: () => void; onCancel: () => void }) {
  const { t } = useLingui();
  // Each asking makes a new secret that takes the place of the one before, so it is asked once and never by itself again.
  const secret = useQuery({
    queryKey: ['totp-secret'],
    queryFn: async () => {
      const { sharedSecret, getSetupUri } = await (await auth()).setUpTOTP();
      return { text: sharedSecret, uri: getSetupUri('Usher', encodeURIComponent(user.email)).href };
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnReconnect: false,
    refetchOnWindowFocus: false,
  });
  const proven = useRef(false);
  const confirm = useAction(async (form) => {
    const { verifyTOTPSetup, updateMFAPreference } = await auth();
    // A code proves the secret once; what failed behind that is all that is tried again.
    if (!proven.current) await verifyTOTPSetup({ code: field(form, 'code').replaceAll(' ', '') });
    proven.current = true;
    await updateMFAPreference({ totp: 'PREFERRED' });
    onDone();
  }, useAccountError());
  if (wantsSignIn(secret.error)) return <SignInAgain />;
  if (secret.isError) return <ErrorState error={secret.error} retry={() => void secret.refetch()} />;
  if (secret.isPending) return <Loading />;
  return (
    <form onSubmit={(event) => void confirm.submit(event)} className="space-y-4">
      <p>
        <Trans>1. Scan this with an authenticator app (or open it, if the app is on this device).</Trans>
      </p>
      <a
        href={secret.data.uri}
        className="mx-auto block w-58 max-w-full overflow-hidden rounded-lg bg-white"
        aria-label={t`Open in the app`}
      >
        <QRCodeSVG
          value={secret.data.uri}
          size={232}
          level="M"
          marginSize={4}
          bgColor="#ffffff"
          fgColor="#000000"
          className="h-auto w-full"
          aria-hidden="true"
        />
      </a>
      <div>
        <p>
          <Trans>Or type this secret into it:</Trans>
        </p>
        <p className="mt-1 font-mono text-lg break-words select-all" data-testid="totp-secret">
          {grouped(secret.data.text)}
        </p>
      </div>
      <CodeField label={t`2. The code that the app shows now`} error={confirm.error} />
      {proven.current && confirm.error && <Notice title={t`The code was right; only switching it on is left. Try again.`} />}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" busy={confirm.busy}>
          <Trans>Switch it on</Trans>
        </Button>
        <Button look="quiet" onClick={onCancel}>
          <Trans>Cancel</Trans>
        </Button>
      </div>
    </form>
  );
}
