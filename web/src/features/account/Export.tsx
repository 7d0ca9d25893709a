import { Trans } from '@lingui/react/macro';
import { useMutation } from '@tanstack/react-query';
import { download } from '@/api/http';
import { Button, Card, ErrorState } from '@/ui';

export function Export() {
  const fetched = useMutation({ mutationFn: () => download('/v1/me/export', 'usher-export.json') });
  return (
    <Card>
      <h2 className="mb-2 text-xl font-bold">
        <Trans>Your data</Trans>
      </h2>
      <p className="mb-4">
        <Trans>
          One file with everything that is held on you: account, orders, tickets, payments, admissions, events. It says what is left out,
          and why.
        </Trans>
      </p>
      {fetched.isError && (
        <div className="mb-4">
          <ErrorState error={fetched.error} />
        </div>
      )}
      <Button look="secondary" busy={fetched.isPending} onClick={() => fetched.mutate()}>
        <Trans>Download my data</Trans>
      </Button>
    </Card>
  );
}
