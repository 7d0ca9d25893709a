import type { ReactNode } from 'react';
import { Card } from '@/ui';

/** A part of a long form, under its heading. */
export function Section({ title, hint, children }: { title: ReactNode; hint?: ReactNode; children: ReactNode }) {
  return (
    <Card>
      <fieldset className="min-w-0">
        <legend className="text-xl font-bold">{title}</legend>
        {hint && <p className="text-muted">{hint}</p>}
        <div className="mt-4 grid items-start gap-4 sm:grid-cols-2">{children}</div>
      </fieldset>
    </Card>
  );
}
