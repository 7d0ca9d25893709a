import { Trans, useLingui } from '@lingui/react/macro';
import { Button, Notice, useToast } from '@/ui';

/** Shown this once: the server keeps only their hashes. */
export function RecoveryCodes({ codes, email, onDone }: { codes: string[]; email: string; onDone: () => void }) {
  const { t } = useLingui();
  const say = useToast();
  const text = codes.join('\n');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say(t`The codes are on your clipboard.`);
    } catch {
      say(t`This browser lets nothing be copied. Download or print them.`, 'bad');
    }
  };
  const save = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`Usher ${email}\n\n${text}\n`], { type: 'text/plain' }));
    link.download = 'usher-recovery-codes.txt';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <div className="space-y-4">
      <Notice tone="ok" title={t`Two-step sign-in is on. Keep these recovery codes.`}>
        <Trans>Each opens your account once, should the phone be lost. They are shown only now; older ones work no longer.</Trans>
      </Notice>
      <p className="hidden print:block">Usher {email}</p>
      <ul className="grid gap-x-6 gap-y-1 rounded-card bg-surface-2 p-4 font-mono text-lg sm:grid-cols-2" aria-label={t`Recovery codes`}>
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2 print:hidden">
        <Button look="secondary" onClick={() => void copy()}>
          <Trans>Copy</Trans>
        </Button>
        <Button look="secondary" onClick={save}>
          <Trans>Download</Trans>
        </Button>
        <Button look="secondary" onClick={() => window.print()}>
          <Trans>Print</Trans>
        </Button>
        <Button onClick={onDone}>
          <Trans>I have kept them</Trans>
        </Button>
      </div>
    </div>
  );
}
