import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import { Field, Spinner } from '@/ui';
import { fitting, kinds } from './picture';

type Props = { url?: string | null; file?: File; onChange: (file: File | undefined) => void };

/** The event's picture, shown in the shape in which the event's page cuts it. It is sent when the event is saved. */
export function PictureField({ url, file, onChange }: Props) {
  const { t } = useLingui();
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const choice = useRef(0);
  const [preview, setPreview] = useState<string>();
  useEffect(() => {
    if (!file) return setPreview(undefined);
    const made = URL.createObjectURL(file);
    setPreview(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const choose = async (chosen: File | undefined) => {
    // A large one takes a moment, and the last that was chosen counts.
    const turn = ++choice.current;
    setError('');
    setBusy(Boolean(chosen));
    const fits = chosen && (await fitting(chosen));
    if (turn !== choice.current) return;
    setBusy(false);
    if (chosen && !fits) setError(t`A PNG, JPEG or WebP picture, please.`);
    onChange(fits);
  };
  const shown = preview ?? url;
  return (
    <div className="sm:col-span-2">
      <Field
        label={t`Picture`}
        hint={t`PNG, JPEG or WebP; a large photo is made smaller. It is shown 16:9, cut at the edges.`}
        type="file"
        accept={kinds.join(',')}
        error={error}
        onChange={({ target }) => void choose(target.files?.[0])}
      />
      {busy && (
        <p role="status" className="mt-2 flex items-center gap-2 text-muted">
          <Spinner /> <Trans>Reading the picture…</Trans>
        </p>
      )}
      {shown && <img src={shown} alt={t`As buyers will see it`} className="mt-3 aspect-[16/9] w-full max-w-md rounded-card object-cover" />}
    </div>
  );
}
