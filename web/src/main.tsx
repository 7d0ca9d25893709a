import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router/dom';
import { queries } from '@/api/query';
import { SessionProvider } from '@/app/session';
import { preferredLocale, speak } from '@/i18n';
import { Toasts } from '@/ui/Toast';
import { makeRouter } from './routes';
import './styles/app.css';

async function begin() {
  await speak(preferredLocale());
  const router = makeRouter();
  const root = document.getElementById('root');
  if (!root) throw new Error('The page has no #root.');
  createRoot(root).render(
    <StrictMode>
      <I18nProvider i18n={i18n}>
        <QueryClientProvider client={queries}>
          <SessionProvider>
            <Toasts>
              <RouterProvider router={router} />
            </Toasts>
          </SessionProvider>
        </QueryClientProvider>
      </I18nProvider>
    </StrictMode>,
  );
}

void begin();
