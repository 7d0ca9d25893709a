// What a first visit of each page loads, in KiB of gzip: the frame, the page's own code and all that they import at once. Fails past budgets.json.
import { globSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist)));
const { css, wasm, ...budgets } = JSON.parse(readFileSync(new URL('../budgets.json', import.meta.url)));
const kib = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length / 1024;

function closure(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const needed of manifest[name].imports ?? []) closure(needed, seen);
  return seen;
}

const words = (page) => ['src/locales/en.po', page.replace(/[^/]+$/, 'locales/en.po')].filter((name) => manifest[name]);
let over = 0;
const say = (name, size, budget) => {
  if (size > budget) over++;
  console.log(`${size > budget ? 'OVER ' : 'ok   '} ${size.toFixed(1).padStart(6)} of ${budget} KiB  ${name}`);
};

for (const [page, budget] of Object.entries(budgets)) {
  if (!manifest[page]) throw new Error(`${page} is no page of the build`);
  const names = new Set(['index.html', page, ...words(page)].flatMap((name) => [...closure(name)]));
  say(
    page,
    [...names].reduce((sum, name) => sum + kib(manifest[name].file), 0),
    budget,
  );
}
const styles = new Set(Object.values(manifest).flatMap((entry) => entry.css ?? []));
say(
  'css',
  [...styles].reduce((sum, file) => sum + kib(file), 0),
  css,
);
say(
  'wasm',
  globSync('assets/*.wasm', { cwd: dist }).reduce((sum, file) => sum + kib(file), 0),
  wasm,
);
process.exit(over ? 1 : 0);
