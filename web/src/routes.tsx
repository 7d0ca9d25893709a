// Every page of the app. A page's code is fetched when it is visited; each branch has its own boundary for what goes wrong.
import { createBrowserRouter, type RouteObject } from 'react-router';
import { NotFound, RouteError } from '@/app/RouteError';
import { Shell } from '@/app/Shell';
import { accountRoutes } from '@/features/account/routes';
import { authRoutes } from '@/features/auth/routes';
import { checkoutRoutes } from '@/features/checkout/routes';
import { discoverRoutes } from '@/features/discover/routes';
import { eventRoutes } from '@/features/event/routes';
import { manageRoutes } from '@/features/manage/routes';
import { scanRoutes } from '@/features/scan/routes';
import { ticketsRoutes } from '@/features/tickets/routes';
import { Loading } from '@/ui';

const pages: RouteObject[] = [
  ...discoverRoutes,
  ...eventRoutes,
  ...checkoutRoutes,
  ...ticketsRoutes,
  ...authRoutes,
  ...accountRoutes,
  ...manageRoutes,
  { path: '*', Component: NotFound },
];

/** Made once the words of the frame are there, for it begins to fetch its first page at once. */
export const makeRouter = () =>
  createBrowserRouter([
    {
      Component: Shell,
      hydrateFallbackElement: <Loading />,
      children: [{ errorElement: <RouteError />, children: pages }],
    },
    // The scanner has the screen to itself.
    { errorElement: <RouteError />, hydrateFallbackElement: <Loading />, children: scanRoutes },
  ]);
