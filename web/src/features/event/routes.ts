import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const eventRoutes: RouteObject[] = [{ path: 'e/:eventId', lazy: page('event', () => import('./EventPage')) }];
