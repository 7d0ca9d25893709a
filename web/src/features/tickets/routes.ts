import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const ticketsRoutes: RouteObject[] = [
  { path: 'tickets', lazy: page('tickets', () => import('./TicketsPage')) },
  { path: 'tickets/orders/:registrationId', lazy: page('tickets', () => import('./OrderPage'), 'checkout') },
  { path: 'tickets/:ticketId', lazy: page('tickets', () => import('./TicketPage')) },
];
