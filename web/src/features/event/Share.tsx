import { Trans, useLingui } from '@lingui/react/macro';
import { Button, useToast } from '@/ui';

/** The phone's own sheet where there is one, else the address on the clipboard. */
export function Share({ title }: { title: string }) {
  const { t } = useLingui();
  const say = useToast();
  const share = async () => {
    const url = location.href.split(/[?#]/)[0] ?? location.href;
    try {
      if (navigator.share) await navigator.share({ title, url });
      else {
        await navigator.clipboard.writeText(url);
        say(t`The address is on your clipboard.`);
      }
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) say(t`Copy the address from your browser's address bar.`, 'bad');
    }
  };
  return (
    <Button look="secondary" onClick={() => void share()}>
      <Trans>Share</Trans>
    </Button>
  );
}
