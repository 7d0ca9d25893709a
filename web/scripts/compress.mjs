// Beside each built file that is worth it, its brotli and gzip forms, so that the server never compresses anything itself.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

// The server fills these (src/http/assets.c) and counts on them.
const shell = readFileSync(new URL('../dist/index.html', import.meta.url), 'utf8');
const marks = ['<!--head-->', '<!--/head-->', '<!--body-->', '<!--boot-->'];
if (marks.some((mark, n) => shell.indexOf(mark) < 0 || (n && shell.indexOf(mark) < shell.indexOf(marks[n - 1]))))
  throw new Error(`dist/index.html must hold ${marks.join(', ')} in this order`);

const dist = new URL('../dist', import.meta.url).pathname;
const worth = /\.(html|js|css|svg|json|webmanifest|wasm|txt)$/;

for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name);
  if (!worth.test(name) || name.startsWith('.vite') || !statSync(path).isFile()) continue;
  const plain = readFileSync(path);
  const forms = {
    br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
    gz: gzipSync(plain, { level: 9 }),
  };
  for (const [ending, packed] of Object.entries(forms)) if (packed.length < plain.length) writeFileSync(`${path}.${ending}`, packed);
}
