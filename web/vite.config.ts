import { fileURLToPath } from 'node:url';
import { lingui } from '@lingui/vite-plugin';
import babel from '@rolldown/plugin-babel';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { defineConfig } from 'vitest/config';

const api = ['/v1', '/identity', '/objects', '/sim', '/config.json', '/openapi.json'];
const server = process.env.USHER_URL ?? 'http://127.0.0.1:8080';

// React Router's package names its development build, warnings and all, for every bundler; the other lies beside it.
const router = fileURLToPath(new URL('./node_modules/react-router/dist/production/', import.meta.url));
const leanRouter = [
  { find: /^react-router$/, replacement: `${router}index.mjs` },
  { find: /^react-router\/dom$/, replacement: `${router}dom-export.mjs` },
];

// Of Axios's ways to the network a page takes the first that is there, XMLHttpRequest: the one over fetch need not be sent to anybody.
const oneAdapter: Plugin = {
  name: 'one-adapter',
  enforce: 'pre',
  resolveId: (source, importer) =>
    source === './fetch.js' && importer?.includes('/axios/lib/adapters/') ? '\0no-fetch-adapter' : undefined,
  load: (id) => (id === '\0no-fetch-adapter' ? 'export const getFetch = () => undefined;' : undefined),
};

export default defineConfig(({ command }) => ({
  plugins: [
    oneAdapter,
    react(),
    babel({ plugins: ['@lingui/babel-plugin-lingui-macro'] }),
    lingui(),
    tailwindcss(),
    // Only the scanner and one's own tickets work without a network: a public page that an old worker kept would show stale prices. Each registers the
    // worker for its own scope (/scan, /tickets), and the frame is given to no other path.
    VitePWA({
      registerType: 'prompt',
      injectRegister: false,
      scope: '/scan',
      manifestFilename: 'scan.webmanifest',
      filename: 'offline-worker.js',
      manifest: {
        name: 'Usher gate scanner',
        short_name: 'Usher gate',
        start_url: '/scan',
        scope: '/scan',
        display: 'standalone',
        background_color: '#15121a',
        theme_color: '#15121a',
        icons: [{ src: '/icon.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any' }],
      },
      workbox: {
        inlineWorkboxRuntime: true,
        // So that also the first visit, whose page came before the worker, has everything it fetches later.
        clientsClaim: true,
        globPatterns: ['index.html', 'theme.js', 'icon.svg', 'assets/*.{js,css,wasm}'],
        // The page as the server gives it under the scanner's address: with its settings, and its content policy.
        manifestTransforms: [
          (entries) => ({
            manifest: entries.map((entry) => (entry.url === 'index.html' ? { ...entry, url: '/scan' } : entry)),
            warnings: [],
          }),
        ],
        globIgnores: ['assets/{stripe,manage,checkout,discover}-*'],
        maximumFileSizeToCacheInBytes: 2_000_000,
        navigateFallback: '/scan',
        navigateFallbackAllowlist: [/^\/scan(\/|$)/, /^\/tickets(\/|$)/],
      },
    }),
  ],
  resolve: {
    alias: [{ find: '@', replacement: fileURLToPath(new URL('./src', import.meta.url)) }, ...(command === 'build' ? leanRouter : [])],
  },
  worker: { format: 'es' },
  build: {
    rolldownOptions: { checks: { pluginTimings: false } },
    target: 'es2022',
    assetsInlineLimit: 0, // the policy allows no data: in scripts or styles
    modulePreload: { polyfill: false },
    manifest: true, // for the size budgets
  },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
  server: { proxy: Object.fromEntries(api.map((path) => [path, server])) },
}));
