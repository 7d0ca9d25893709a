// docs/api.md is run as it stands: every block, in order, in one shell.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { checkPdf, start } from './lib.mjs';

test('the walk through the API in docs/api.md works', async () => {
    const usher = await start();
    const folder = mkdtempSync(join(tmpdir(), 'usher-docs-'));
    try {
        const text = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
        const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((m) => m[1]);
        assert.ok(blocks.length >= 10);
        const script = ['set -euo pipefail', ...blocks, 'printf "%s\\n" "RESULT $(jq -r .result <<<"$FIRST") $(jq -r .reason <<<"$SECOND") $(jq .status <<<"$PROBLEM")"'].join('\n');
        const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder, timeout: 60_000, env: { ...process.env, BASE: usher.url, DATA: usher.data } })
            .catch((error) => assert.fail(`${error.message}\n${error.stdout}\n${error.stderr}`));
        assert.match(stdout, /^RESULT valid already-used 422$/m);
        checkPdf(readFileSync(join(folder, 'ticket.pdf')));
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
});
