import { Trans } from '@lingui/react/macro';
import { useMutation } from '@tanstack/react-query';
import { ApiError } from '@/api/errors';
import { get } from '@/api/http';
import { Button, buttonClass, ErrorState, Notice } from '@/ui';

/** The papers are drawn and their addresses made when somebody asks: those hold for 15 minutes. */
export function Receipts({ registrationId }: { registrationId: string }) {
  const papers = useMutation({ mutationFn: () => get('/v1/registrations/{registrationId}/receipt', { path: { registrationId } }) });
  if (papers.data)
    return (
      <p className="mt-3 flex flex-wrap gap-2">
        {[papers.data.receipt, ...papers.data.creditNotes].map((paper, n) => (
          <a key={paper.number} href={paper.downloadUrl} className={buttonClass('secondary')}>
            {n === 0 ? <Trans>Receipt {paper.number} (PDF)</Trans> : <Trans>Credit note {paper.number} (PDF)</Trans>}
          </a>
        ))}
      </p>
    );
  return (
    <div className="mt-3 space-y-3">
      {papers.error instanceof ApiError && papers.error.status === 404 ? (
        <Notice>
          <Trans>There is no receipt for this order.</Trans>
        </Notice>
      ) : (
        papers.isError && <ErrorState error={papers.error} />
      )}
      <Button look="secondary" busy={papers.isPending} onClick={() => papers.mutate()}>
        <Trans>Receipt</Trans>
      </Button>
    </div>
  );
}
