import { useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { Field } from '@/ui';

/** What the server takes. */
const PICTURE_BYTES_MAX = 5 * 1024 * 1024;
const kinds = ['image/png', 'image/jpeg', 'image/webp'];

type Props = { url?: string | null; file?: File; onChange: (file: File | undefined) => void };

/** The event's picture, shown in the shape in which the event's page cuts it. It is sent when the event is saved. */
export function PictureField({ url, file, onChange }: Props) {
  const { t } = useLingui();
  const [error, setError] = useState('');
  const [preview, setPreview] = useState<string>();
  useEffect(() => {
    if (!file) return setPreview(undefined);
    const made = URL.createObjectURL(file);
    setPreview(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const choose = (chosen: File | undefined) => {
    const fault = !chosen
      ? ''
      : !kinds.includes(chosen.type)
        ? t`A PNG, JPEG or WebP picture, please.`
        : chosen.size > PICTURE_BYTES_MAX
          ? t`The picture is larger than 5 MB.`
          : '';
    setError(fault);
    onChange(fault ? undefined : chosen);
  };
  const shown = preview ?? url;
  return (
    <div className="sm:col-span-2">
      <Field
        label={t`Picture`}
        hint={t`PNG, JPEG or WebP, up to 5 MB. It is shown 16:9, cut at the edges.`}
        type="file"
        accept={kinds.join(',')}
        error={error}
        onChange={({ target }) => choose(target.files?.[0])}
      />
      {shown && <img src={shown} alt={t`As buyers will see it`} className="mt-3 aspect-[16/9] w-full max-w-md rounded-card object-cover" />}
    </div>
  );
}
