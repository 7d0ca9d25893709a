/** What stands where an event has no picture: two colours of its own, drawn from its id, so that a list is no wall of grey. */
export function Cover({ id }: { id: string }) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) % 360;
  return (
    <div
      aria-hidden="true"
      className="grid size-full place-items-center"
      style={{ backgroundImage: `linear-gradient(135deg, hsl(${hash} 45% 40%), hsl(${(hash + 50) % 360} 50% 22%))` }}
    >
      <img src="/icon.svg" alt="" width="72" height="72" className="opacity-30 grayscale" />
    </div>
  );
}
