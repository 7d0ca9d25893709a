import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const manageRoutes: RouteObject[] = [
  { path: 'manage', lazy: page('manage', () => import('./EventsPage')) },
  { path: 'manage/new', lazy: page('manage', () => import('./NewPage')) },
  { path: 'manage/:eventId/edit', lazy: page('manage', () => import('./EditPage')) },
];
