import type { ReactNode } from 'react';
import { Navigate, useLocation } from 'react-router';
import { Loading } from '@/ui';
import { type User, useSession } from './session';

/** Its children for whoever is signed in; others go to the sign-in and come back here. */
export function SignedIn({ children }: { children: (user: User) => ReactNode }) {
  const { session } = useSession();
  const { pathname, search } = useLocation();
  if (session.status === 'loading') return <Loading />;
  if (!session.user) return <Navigate to={`/auth/sign-in?next=${encodeURIComponent(pathname + search)}`} replace />;
  return children(session.user);
}
