import { type LoaderFunctionArgs, type RouteObject, redirectDocument } from 'react-router';
import { page } from '@/app/lazy';

/** The scanner's pages have a content policy of their own (WebAssembly), so a page that was loaded as another cannot turn into one of these. */
function ownDocument({ request }: LoaderFunctionArgs) {
  const [loaded] = performance.getEntriesByType('navigation');
  if (loaded && !new URL(loaded.name).pathname.startsWith('/scan')) throw redirectDocument(request.url);
  return null;
}

const ScanPage = page('scan', () => import('./ScanPage'));

export const scanRoutes: RouteObject[] = [
  { path: 'scan', loader: ownDocument, lazy: ScanPage },
  { path: 'scan/:eventId', loader: ownDocument, lazy: ScanPage },
];
