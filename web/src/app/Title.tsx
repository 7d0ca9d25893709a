/** The page's title, which React puts into the head. */
export function Title({ children }: { children?: string }) {
  return <title>{children ? `${children} · Usher` : 'Usher'}</title>;
}
