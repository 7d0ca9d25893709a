import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { lingui } from '@lingui/vite-plugin';
import babel from '@rolldown/plugin-babel';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { type ManifestOptions, VitePWA } from 'vite-plugin-pwa';
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

type Chunk = { file: string; imports?: string[]; dynamicImports?: string[]; css?: string[]; assets?: string[] };

/** The built files that pages under these folders of the sources load, now or later; and the frame, its words, and who is signed in. */
function filesOf(folders: string[]): Set<string> {
  const chunks: Record<string, Chunk> = JSON.parse(readFileSync(new URL('./dist/.vite/manifest.json', import.meta.url), 'utf8'));
  const names = new Set<string>();
  const take = (name: string, later: boolean) => {
    if (names.has(name)) return;
    names.add(name);
    const { imports = [], dynamicImports = [] } = chunks[name] ?? {};
    for (const next of later ? [...imports, ...dynamicImports] : imports) take(next, later);
  };
  // The frame names every page as one that may be loaded later: those are not taken.
  take('index.html', false);
  const own = ['src/locales/', 'src/features/auth/amplify.ts', ...folders];
  for (const name of Object.keys(chunks)) if (own.some((folder) => name.startsWith(folder))) take(name, true);
  return new Set([...names].flatMap((name) => [chunks[name]?.file ?? '', ...(chunks[name]?.css ?? []), ...(chunks[name]?.assets ?? [])]));
}

/**
 * A worker that opens one part of the app without a network, with what that part needs and nothing more: a ticket's holder does not fetch the scanner's
 * WebAssembly. Only the scanner and one's own tickets have one: a public page that an old worker kept would show stale prices. Each is registered for its
 * own scope, and the frame is given to no other path.
 */
function offline(scope: string, filename: string, folders: string[], others: string[], manifest?: Partial<ManifestOptions>) {
  return VitePWA({
    registerType: 'prompt',
    injectRegister: false,
    scope,
    filename,
    includeManifestIcons: false,
    ...(manifest ? { manifest, manifestFilename: 'scan.webmanifest' } : { manifest: false }),
    workbox: {
      inlineWorkboxRuntime: true,
      // So that also the first visit, whose page came before the worker, has everything it fetches later.
      clientsClaim: true,
      globPatterns: ['index.html', 'theme.js', 'icon.svg', 'assets/*.{js,css}', ...others],
      manifestTransforms: [
        (entries) => {
          const files = filesOf(folders);
          const needed = (url: string) => !/^assets\/.*\.(js|css)$/.test(url) || files.has(url);
          return {
            // The page as the server gives it under this part's address: with its settings, and its content policy.
            manifest: entries
              .filter(({ url }) => needed(url))
              .map((entry) => (entry.url === 'index.html' ? { ...entry, url: scope } : entry)),
            warnings: [],
          };
        },
      ],
      maximumFileSizeToCacheInBytes: 2_000_000,
      navigateFallback: scope,
      navigateFallbackAllowlist: [new RegExp(`^${scope}(/|$)`)],
    },
  });
}

export default defineConfig(({ command }) => ({
  plugins: [
    oneAdapter,
    react(),
    babel({ plugins: ['@lingui/babel-plugin-lingui-macro'] }),
    lingui(),
    tailwindcss(),
    ...offline('/scan', 'offline-worker.js', ['src/features/scan/'], ['assets/*.wasm'], {
      name: 'Usher gate scanner',
      short_name: 'Usher gate',
      start_url: '/scan',
      scope: '/scan',
      display: 'standalone',
      background_color: '#15121a',
      theme_color: '#15121a',
      icons: [{ src: '/icon.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any' }],
    }),
    ...offline('/tickets', 'tickets-worker.js', ['src/features/tickets/', 'src/features/checkout/locales/'], []),
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
