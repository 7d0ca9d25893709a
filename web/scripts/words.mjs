// Are the catalogs those of the sources, and is every sentence there in every language? `words.mjs --write` brings them up to date first.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const lingui = join('node_modules', '@lingui', 'cli', 'dist', 'lingui.js');
const extract = () => execFileSync(process.execPath, [lingui, 'extract', '--clean'], { stdio: 'pipe' });
const catalogs = () => globSync('src/**/locales/*.po').sort();
// Without what changes by itself.
const text = (path) => readFileSync(path, 'utf8').replace(/^"POT-Creation-Date.*\n/m, '');

if (process.argv[2] === '--write') extract();
const kept = mkdtempSync(join(tmpdir(), 'words-'));
const faults = [];
try {
  cpSync('src', kept, { recursive: true });
  extract();
  for (const path of catalogs()) {
    const before = join(kept, path.replace(/^src\//, ''));
    if (!existsSync(before) || text(before) !== text(path))
      faults.push(`${path} is not what the sources say; run scripts/words.mjs --write`);
    // A message ends in an empty translation where nothing follows its msgstr "".
    for (const [, id] of text(path).matchAll(/msgid ("(?:.+?)"(?:\n".*")*)\nmsgstr ""\n(?!")/g)) faults.push(`${path}: no words for ${id}`);
    cpSync(existsSync(before) ? before : path, path);
  }
} finally {
  rmSync(kept, { recursive: true, force: true });
}
for (const fault of faults) console.log(fault);
process.exit(faults.length ? 1 : 0);
