import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const discoverRoutes: RouteObject[] = [{ index: true, lazy: page('discover', () => import('./ListPage')) }];
