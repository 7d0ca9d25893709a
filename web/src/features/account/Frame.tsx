import { Trans, useLingui } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import { NavLink } from 'react-router';
import { SignedIn } from '@/app/guard';
import type { User } from '@/app/session';
import { Title } from '@/app/Title';

const tab =
  'inline-flex min-h-11 items-center border-b-3 border-transparent px-3 no-underline hover:bg-surface-2 aria-[current=page]:border-accent aria-[current=page]:font-semibold';

/** The account's two pages, side by side. */
export function Frame({ title, children }: { title: string; children: (user: User) => ReactNode }) {
  const { t } = useLingui();
  return (
    <div className="mx-auto max-w-2xl space-y-5">
      <Title>{title}</Title>
      <SignedIn>
        {(user) => (
          <>
            <h1 className="text-3xl font-bold print:hidden">{title}</h1>
            <nav aria-label={t`Account`} className="flex flex-wrap gap-1 border-b border-border print:hidden">
              <NavLink to="/account" end className={tab}>
                <Trans>You and your data</Trans>
              </NavLink>
              <NavLink to="/account/security" className={tab}>
                <Trans>Security</Trans>
              </NavLink>
            </nav>
            {children(user)}
          </>
        )}
      </SignedIn>
    </div>
  );
}
