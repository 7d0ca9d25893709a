// Who is signed in. Amplify holds the tokens and is loaded only by those who are, or want to be: a visitor of a public page never fetches it.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { tokensFrom } from '@/api/http';
import { queries } from '@/api/query';
import { forgetGuests } from '@/features/checkout/guests';
import { forgetTickets } from '@/features/tickets/kept';
import { config } from '@/lib/boot';

export type Group = 'Attendees' | 'Organizers' | 'Admins';
export type User = { sub: string; email: string; name: string; groups: Group[] };
export type Session = { status: 'loading' | 'out'; user?: undefined } | { status: 'in'; user: User };

type Value = { session: Session; refresh: () => Promise<void>; leave: (everywhere?: boolean) => Promise<void> };

const Context = createContext<Value | undefined>(undefined);

export function useSession(): Value {
  const value = useContext(Context);
  if (!value) throw new Error('useSession outside of SessionProvider');
  return value;
}

/** Amplify keeps the last user's name here; without it nobody is signed in, and nothing needs to be loaded to know that. */
function mayBeSignedIn(): boolean {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith('CognitoIdentityServiceProvider.') && key.endsWith('.LastAuthUser'));
  } catch {
    return false;
  }
}

const KNOWN = 'usher.user';

/** Who was signed in when the server was asked last: for when it cannot be. */
function remembered(): User | undefined {
  try {
    return (JSON.parse(localStorage.getItem(KNOWN) ?? 'null') as User | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(user: User | undefined): void {
  try {
    if (user) localStorage.setItem(KNOWN, JSON.stringify(user));
    else localStorage.removeItem(KNOWN);
  } catch {
    // No storage: then Amplify has none either.
  }
}

/** Amplify with our pool, loaded once. */
export async function auth() {
  const module = await import('@/features/auth/amplify');
  module.configure(await config());
  return module;
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session>({ status: mayBeSignedIn() ? 'loading' : 'out' });

  const refresh = useCallback(async () => {
    if (!mayBeSignedIn()) {
      setSession({ status: 'out' });
      return;
    }
    try {
      const user = await (await auth()).currentUser();
      remember(user);
      setSession(user ? { status: 'in', user } : { status: 'out' });
    } catch {
      // The server cannot be asked. Who was signed in stays so, as far as this device knows: the tickets must open at a door without a network.
      const user = mayBeSignedIn() ? remembered() : undefined;
      setSession(user ? { status: 'in', user } : { status: 'out' });
    }
  }, []);

  const leave = useCallback(async (everywhere = false) => {
    await (await auth()).leave(everywhere);
    queries.clear();
    forgetTickets();
    forgetGuests();
    remember(undefined);
    setSession({ status: 'out' });
  }, []);

  useEffect(() => {
    tokensFrom(async () => (mayBeSignedIn() ? (await auth()).idToken() : undefined));
    void refresh();
    // Signed out or in by another tab.
    const changed = (event: StorageEvent) => {
      if (event.key?.endsWith('.LastAuthUser')) void refresh();
    };
    window.addEventListener('storage', changed);
    const back = () => void refresh();
    window.addEventListener('online', back);
    return () => {
      window.removeEventListener('storage', changed);
      window.removeEventListener('online', back);
    };
  }, [refresh]);

  const value = useMemo(() => ({ session, refresh, leave }), [session, refresh, leave]);
  return <Context value={value}>{children}</Context>;
}
