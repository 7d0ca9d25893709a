import { Trans } from '@lingui/react/macro';
import { useEffect } from 'react';
import { isRouteErrorResponse, useRouteError } from 'react-router';
import { ButtonLink, ErrorState } from '@/ui';
import { Title } from './Title';

const RELOADED = 'usher.reloaded';

/** A page's code that is not there any more: a newer version was installed meanwhile. Loading the page again brings it, but not twice in a row. */
function reloadOnce(error: unknown): boolean {
  if (!(error instanceof TypeError) || !/dynamically imported module|module script|Importing a module/i.test(error.message)) return false;
  try {
    if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < 30_000) return false;
    sessionStorage.setItem(RELOADED, String(Date.now()));
  } catch {
    return false;
  }
  location.reload();
  return true;
}

export function RouteError() {
  const error = useRouteError();
  useEffect(() => {
    reloadOnce(error);
  }, [error]);
  if (isRouteErrorResponse(error) && error.status === 404) return <NotFound />;
  return (
    <div className="mx-auto max-w-2xl p-4">
      <ErrorState error={error} retry={() => location.reload()} />
    </div>
  );
}

export function NotFound() {
  return (
    <div className="mx-auto max-w-2xl px-4 py-16 text-center">
      <Title />
      <h1 className="text-3xl font-bold">
        <Trans>There is no such page</Trans>
      </h1>
      <p className="mt-3 mb-6 text-muted">
        <Trans>The address may be mistyped, or the page is gone.</Trans>
      </p>
      <ButtonLink to="/">
        <Trans>Upcoming events</Trans>
      </ButtonLink>
    </div>
  );
}
