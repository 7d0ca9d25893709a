import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const accountRoutes: RouteObject[] = [
  { path: 'account', lazy: page('account', () => import('./AccountPage'), 'auth') },
  { path: 'account/security', lazy: page('account', () => import('./SecurityPage'), 'auth') },
];
