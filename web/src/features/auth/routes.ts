import type { RouteObject } from 'react-router';
import { page } from '@/app/lazy';

export const authRoutes: RouteObject[] = [
  { path: 'auth/sign-in', lazy: page('auth', () => import('./SignInPage')) },
  { path: 'auth/sign-up', lazy: page('auth', () => import('./SignUpPage')) },
  { path: 'auth/verify', lazy: page('auth', () => import('./VerifyPage')) },
  { path: 'auth/forgot', lazy: page('auth', () => import('./ForgotPage')) },
  { path: 'auth/reset', lazy: page('auth', () => import('./ResetPage')) },
];
