import { cx } from './cx';

type Props = { url?: string | null; id: string; eager?: boolean; className?: string };

/**
 * An event's picture in a frame of one shape, whole whatever its own shape is: a poster and a banner lose nothing, and what they leave open is filled with
 * themselves, blurred. Without a picture, two colours drawn from the event's id, so that a list is no wall of grey.
 */
export function Picture({ url, id, eager, className }: Props) {
  const loading = eager ? 'eager' : 'lazy';
  return (
    <div aria-hidden="true" className={cx('relative overflow-hidden bg-surface-2', className)}>
      {url ? (
        <>
          <img src={url} alt="" loading={loading} className="absolute inset-0 size-full scale-125 object-cover blur-xl" />
          <img src={url} alt="" loading={loading} className="relative size-full object-contain" />
        </>
      ) : (
        <Cover id={id} />
      )}
    </div>
  );
}

function Cover({ id }: { id: string }) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) % 360;
  return (
    <div
      className="grid size-full place-items-center"
      style={{ backgroundImage: `linear-gradient(135deg, hsl(${hash} 45% 40%), hsl(${(hash + 50) % 360} 50% 22%))` }}
    >
      <img src="/icon.svg" alt="" width="72" height="72" className="opacity-30 grayscale" />
    </div>
  );
}
