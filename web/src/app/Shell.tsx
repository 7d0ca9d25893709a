import { Trans, useLingui } from '@lingui/react/macro';
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Link, NavLink, Outlet, ScrollRestoration, useLocation, useNavigation } from 'react-router';
import { choose, type Locale, locales } from '@/i18n';
import { cx } from '@/ui';
import { useSession } from './session';
import { currentTheme, setTheme, type Theme } from './theme';

/** What stands around every page but the scanner. */
export function Shell() {
  const { pathname } = useLocation();
  const navigation = useNavigation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  // A new page is a new place: whoever reads by ear or goes by keyboard begins at its top, not at the link that led there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what this waits for
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className="flex min-h-dvh flex-col pr-[env(safe-area-inset-right)] pl-[env(safe-area-inset-left)]">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-3">
        <Trans>Skip to content</Trans>
      </a>
      <div
        className={cx(
          'fixed inset-x-0 top-0 z-50 h-1 bg-accent transition-opacity',
          navigation.state === 'idle' ? 'opacity-0' : 'animate-pulse opacity-100',
        )}
      />
      <Header />
      <Offline />
      <main id="main" ref={main} tabIndex={-1} className="mx-auto w-full max-w-6xl flex-1 px-4 py-6 outline-none sm:px-6">
        <Outlet />
      </main>
      <Footer />
      <ScrollRestoration />
    </div>
  );
}

function onNetwork(changed: () => void) {
  window.addEventListener('online', changed);
  window.addEventListener('offline', changed);
  return () => {
    window.removeEventListener('online', changed);
    window.removeEventListener('offline', changed);
  };
}

/** Without a network nothing new comes: what is shown may be old, and what is asked for waits. */
function Offline() {
  const online = useSyncExternalStore(onNetwork, () => navigator.onLine);
  return (
    <div role="status">
      {!online && (
        <p className="bg-warn-soft px-4 py-2 text-center font-semibold text-warn print:hidden">
          <Trans>No connection. This page goes on by itself as soon as there is one.</Trans>
        </p>
      )}
    </div>
  );
}

/** Where a sign-in leads back to: this page, and from the pages of signing in to where those would have led. */
function useSignIn(): string {
  const { pathname, search } = useLocation();
  const next = pathname.startsWith('/auth/') ? new URLSearchParams(search).get('next') : pathname + search;
  return `/auth/sign-in?${new URLSearchParams({ next: next ?? '/' })}`;
}

const item =
  'rounded-[0.625rem] px-3 py-2 min-h-11 inline-flex items-center no-underline hover:bg-white/10 aria-[current=page]:underline underline-offset-8 decoration-2';

function Header() {
  const { session } = useSession();
  const signIn = useSignIn();
  return (
    <header className="bg-band text-band-ink print:hidden">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-2 gap-y-1 px-4 py-2 sm:px-6">
        <Link to="/" className="mr-auto flex min-h-11 items-center gap-2 text-lg font-bold no-underline">
          <img src="/icon.svg" alt="" width="32" height="32" />
          Usher
        </Link>
        <nav aria-label="Usher" className="flex flex-wrap items-center gap-1">
          <NavLink to="/" end className={cx(item, 'max-sm:hidden')}>
            <Trans>Events</Trans>
          </NavLink>
          {session.status === 'in' && (
            <>
              <NavLink to="/tickets" className={item}>
                <Trans>My tickets</Trans>
              </NavLink>
              {session.user.groups.some((group) => group !== 'Attendees') && (
                <NavLink to="/manage" className={item}>
                  <Trans>Organize</Trans>
                </NavLink>
              )}
              <NavLink to="/account" className={item}>
                <Trans>Account</Trans>
              </NavLink>
            </>
          )}
          {session.status === 'out' && (
            <Link to={signIn} className={item}>
              <Trans>Sign in</Trans>
            </Link>
          )}
        </nav>
      </div>
    </header>
  );
}

function Footer() {
  return (
    <footer className="border-t border-border pb-[env(safe-area-inset-bottom)] print:hidden">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-4 px-4 py-5 text-sm text-muted sm:px-6">
        <p>
          <Trans>Usher: from the idea to the opened gate.</Trans>
        </p>
        <div className="flex flex-wrap gap-4">
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
      </div>
    </footer>
  );
}

function Choice({
  label,
  value,
  onChange,
  children,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: ReactNode;
}) {
  return (
    <label className="flex max-w-full flex-wrap items-center gap-x-2">
      {label}
      <select
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="min-h-11 max-w-full rounded-[0.625rem] border border-control bg-surface px-2 text-text"
      >
        {children}
      </select>
    </label>
  );
}

function LanguageSwitch() {
  const { t, i18n } = useLingui();
  return (
    <Choice label={t`Language`} value={i18n.locale} onChange={(locale) => void choose(locale as Locale)}>
      {Object.entries(locales).map(([tag, name]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
    </Choice>
  );
}

function ThemeSwitch() {
  const { t } = useLingui();
  const [theme, set] = useState(currentTheme);
  const change = (next: string) => {
    setTheme(next as Theme);
    set(next as Theme);
  };
  return (
    <Choice label={t`Appearance`} value={theme} onChange={change}>
      <option value="system">{t`As the system`}</option>
      <option value="light">{t`Light`}</option>
      <option value="dark">{t`Dark`}</option>
    </Choice>
  );
}
