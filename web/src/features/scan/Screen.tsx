import { Trans } from '@lingui/react/macro';
import type { ReactNode } from 'react';

/** The frame of every screen but the gate's own. */
export function Screen({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-dvh max-w-xl flex-col gap-4 px-4 py-6">
      <p className="flex items-center gap-2 font-bold text-muted">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <Trans>Usher at the gate</Trans>
      </p>
      <h1 className="text-3xl font-bold">{title}</h1>
      {children}
    </main>
  );
}
