import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const manageRoutes: RouteObject[] = [
  { path: 'manage', lazy: page('manage', () => import('./EventsPage')) },
  { path: 'manage/new', lazy: page('manage', () => import('./NewPage')) },
  { path: 'manage/:eventId', lazy: page('manage', () => import('./DashboardPage')) },
  { path: 'manage/:eventId/edit', lazy: page('manage', () => import('./EditPage')) },
  { path: 'manage/:eventId/registrations', lazy: page('manage', () => import('./RegistrationsPage')) },
  { path: 'manage/:eventId/team', lazy: page('manage', () => import('./TeamPage')) },
  { path: 'manage/:eventId/codes', lazy: page('manage', () => import('./CodesPage')) },
  { path: 'invitations/:token', lazy: page('manage', () => import('./InvitationPage')) },
];
