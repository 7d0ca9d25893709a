import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const checkoutRoutes: RouteObject[] = [
  { path: 'checkout/:eventId', lazy: page('checkout', () => import('./DetailsPage')) },
  { path: 'checkout/:eventId/:registrationId', lazy: page('checkout', () => import('./PayPage')) },
];
