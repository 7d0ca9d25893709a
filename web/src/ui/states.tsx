import { Trans, useLingui } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import { useLocation } from 'react-router';
import { ApiError } from '@/api/errors';
import { Button, ButtonLink } from './Button';
import { cx } from './cx';

type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'plain';

const tones: Record<Tone, string> = {
  ok: 'bg-ok-soft text-ok',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  info: 'bg-info-soft text-info',
  plain: 'bg-surface-2 text-text',
};

export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={cx('inline-block rounded-full px-2.5 py-0.5 text-sm font-semibold', tones[tone])}>{children}</span>;
}

/** Something to be told, in the page's flow. Bad news is announced at once. */
export function Notice({ tone = 'info', title, children }: { tone?: Tone; title?: ReactNode; children?: ReactNode }) {
  return (
    <div role={tone === 'bad' ? 'alert' : 'status'} className={cx('rounded-card p-4', tones[tone])}>
      {title && <p className="font-bold">{title}</p>}
      {children && <div className="text-text">{children}</div>}
    </div>
  );
}

export function Card({ children, className }: { children: ReactNode; className?: string }) {
  return <section className={cx('rounded-card border border-border bg-surface p-4 sm:p-5', className)}>{children}</section>;
}

/** A grey bar of about the size of what will stand there. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden="true" className={cx('block animate-pulse rounded-md bg-surface-2', className)} />;
}

export function Loading({ children }: { children?: ReactNode }) {
  return (
    <div role="status" className="py-6">
      <span className="sr-only">
        <Trans>Loading…</Trans>
      </span>
      {children ?? (
        <div className="space-y-3">
          <Skeleton className="h-8 w-2/3" />
          <Skeleton className="h-5 w-full" />
          <Skeleton className="h-5 w-5/6" />
        </div>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="rounded-card border border-dashed border-control px-6 py-12 text-center">
      <p className="text-lg font-semibold">{title}</p>
      {children && <div className="mt-2 text-muted">{children}</div>}
    </div>
  );
}

/** In words for people what went wrong. */
export function useErrorText(): (error: unknown) => string {
  const { t } = useLingui();
  return (error) => {
    if (!(error instanceof ApiError)) return t`Something went wrong in this page.`;
    if (error.status === 0) return t`The server could not be reached. Check your connection.`;
    if (error.status === 401) return t`You are signed out. Please sign in again.`;
    if (error.status === 403) return t`You are not allowed to do this.`;
    if (error.status === 404) return t`This does not exist, or not for you.`;
    if (error.status === 429) return t`Too many tries. Please wait a moment.`;
    if (error.status >= 500) return t`The server is busy. Please try again in a moment.`;
    return error.detail;
  };
}

export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const text = useErrorText();
  const { pathname, search } = useLocation();
  // The session ended while the page was open: the way back leads here again.
  if (error instanceof ApiError && error.status === 401)
    return (
      <Notice tone="bad" title={text(error)}>
        <ButtonLink to={`/auth/sign-in?next=${encodeURIComponent(pathname + search)}`} className="mt-3">
          <Trans>Sign in</Trans>
        </ButtonLink>
      </Notice>
    );
  return (
    <Notice tone="bad" title={text(error)}>
      {error instanceof ApiError && error.requestId && (
        <p className="text-sm text-muted">
          <Trans>Reference: {error.requestId}</Trans>
        </p>
      )}
      {retry && (
        <Button look="secondary" className="mt-3" onClick={retry}>
          <Trans>Try again</Trans>
        </Button>
      )}
    </Notice>
  );
}
