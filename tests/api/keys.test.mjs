// The keys that sign tokens: rotated without anybody noticing, at once where a key is known to others, through kills, and by another process; and
// what ends remembered tokens.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { createLocalJWKSet, jwtVerify } from 'jose';

import { password, seed, seeded, start, waitFor } from './lib.mjs';

const run = promisify(execFile);
const lead = 361_000;       // how long a new key waits before it signs, and a second
const life = 600;           // of a token

const usher = await start({ env: { USHER_ACCESS_TOKEN_SECONDS: String(life) } });

async function keySet(on = usher, headers) {
    const { userPoolId } = await on.config();
    return on.api('GET', `/identity/${userPoolId}/.well-known/jwks.json`, { headers });
}
const kids = async (on = usher) => (await keySet(on)).body.keys.map((key) => key.kid);
const kidOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;
const status = async (token, on = usher) => (await on.api('GET', '/v1/registrations', { token })).status;
const list = async (on = usher) => (await on.cli(['keys', 'list', '--json'])).stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
const again = async (who, on = usher) => {
    const { error, body } = await on.cognito('GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    assert.equal(error, null, JSON.stringify(body));
    return { ...who, token: body.AuthenticationResult.IdToken, accessToken: body.AuthenticationResult.AccessToken, refreshToken: body.AuthenticationResult.RefreshToken };
};

test('a rotation: published at once, signing once caches have it, and the old key leaves behind its last token', async () => {
    const who = await usher.account();
    const before = await keySet();
    const [first] = await kids();
    const maxAge = Number(before.headers['cache-control'].match(/^public, max-age=(\d+)$/)[1]);
    assert.ok(maxAge * 1000 < lead, 'caches forget the old set before the new key signs');
    assert.equal((await keySet(usher, { 'if-none-match': before.headers.etag })).status, 304);

    const { stdout } = await usher.cli(['keys', 'rotate']);
    const after = await keySet(usher, { 'if-none-match': before.headers.etag });
    assert.equal(after.status, 200, 'the new set at once');
    const second = after.body.keys.map((key) => key.kid).find((kid) => kid !== first);
    assert.equal(after.body.keys.length, 2);
    assert.match(stdout, new RegExp(`^${second} is published and signs from 20\\S+Z on; ${first} leaves at 20\\S+Z\\.\n$`));
    assert.doesNotMatch(after.text, /"(d|p|q|dp|dq|qi)":/);
    assert.deepEqual((await list()).map(({ kid, state }) => [kid, state]), [[first, 'signs'], [second, 'next']]);
    const during = await usher.signIn(who.email);
    assert.equal(kidOf(during.token), first);

    await usher.advance(lead);
    const later = await usher.signIn(who.email);
    assert.equal(kidOf(later.token), second);
    assert.equal(kidOf(later.accessToken), second);
    assert.deepEqual((await list()).map(({ kid, state }) => [kid, state]), [[first, 'retires'], [second, 'signs']]);
    for (const one of [who, during, later]) {
        assert.equal(await status(one.token), 200);
        assert.equal(await status(one.accessToken), 200);
        const { userPoolClientId, userPoolId } = await usher.config();
        await jwtVerify(one.token, createLocalJWKSet((await keySet()).body), { issuer: `${usher.url}/identity/${userPoolId}`, audience: userPoolClientId, currentDate: new Date(usher.now()) });
    }

    const leaves = Date.parse(stdout.match(/leaves at (20\S+Z)/)[1]);
    await usher.advance(leaves - usher.now() - 20_000);
    assert.equal((await kids()).length, 2, 'a token of its last seconds is still good');
    await usher.advance(21_000);
    assert.deepEqual(await kids(), [second]);
    await waitFor(() => readFileSync(join(usher.data, 'keys', 'tokens.pem'), 'utf8').match(/BEGIN PRIVATE KEY/g).length === 1, 'the old key to leave the disk');
    assert.equal(statSync(join(usher.data, 'keys', 'tokens.pem')).mode & 0o777, 0o600);
    assert.equal(await status((await again(later)).token), 200, 'sessions know nothing of it');
});

test('nobody notices a rotation: not one request of those under way is refused, whichever key signed', async () => {
    const buyers = await Promise.all(Array.from({ length: 4 }, () => usher.account()));
    let going = true;
    let asked = 0;
    const signed = new Set();
    const work = buyers.map(async (buyer) => {
        let who = buyer;
        while (going) {
            assert.equal(await status(who.token), 200);
            assert.equal(await status(who.accessToken), 200);
            who = await again(who);
            signed.add(kidOf(who.token));
            asked += 3;
        }
    });
    for (let i = 0; i < 3; i++) {
        const from = asked;
        await usher.cli(['keys', 'rotate']);
        await usher.advance(i === 1 ? 100_000 : lead); // the third before the second signs
        await waitFor(() => asked > from + 24, 'requests behind the rotation');
    }
    going = false;
    await Promise.all(work);
    assert.ok(signed.size >= 3, [...signed].join());
});

// What is to make the tokens of `who` void at once, although the server remembers them as checked.
const piercing = {
    GlobalSignOut: async (who) => usher.cognito('GlobalSignOut', { AccessToken: who.accessToken }),
    RevokeToken: async (who) => usher.cognito('RevokeToken', { Token: who.refreshToken }),
    DeleteUser: async (who) => usher.cognito('DeleteUser', { AccessToken: who.accessToken }),
    'user disable': async (who) => usher.cli(['user', 'disable', who.email]),
    'a new password by mail': async (who) => {
        await usher.cognito('ForgotPassword', { Username: who.email });
        const mail = await usher.mail((m) => m.to.includes(who.email) && /new password/i.test(m.subject));
        return usher.cognito('ConfirmForgotPassword', { Username: who.email, ConfirmationCode: mail.text.match(/\d{6}/)[0], Password: `${password}-2` });
    },
    'keys rotate --now': async () => usher.cli(['keys', 'rotate', '--now']),
};
for (const [name, pierce] of Object.entries(piercing)) {
    test(`remembered tokens end at once: ${name}`, async () => {
        const who = await usher.account();
        const other = await usher.account();
        for (const token of [who.token, who.accessToken, other.token]) {
            assert.equal(await status(token), 200);
            const hits = await usher.metric('usher_token_cache_hits_total');
            await waitFor(async () => { // each loop has its own memory
                assert.equal(await status(token), 200);
                return await usher.metric('usher_token_cache_hits_total') > hits;
            }, 'the token to be remembered');
        }
        const { error = null } = await pierce(who);
        assert.equal(error, null);
        for (let i = 0; i < 5; i++) {
            assert.equal(await status(who.token), 401);
            assert.equal(await status(who.accessToken), 401);
        }
        assert.equal((await usher.api('POST', '/v1/events', { token: who.token, body: {} })).status, 401);
        assert.equal((await usher.cognito('GetUser', { AccessToken: who.accessToken })).error, 'NotAuthorizedException');
        assert.equal(await status(other.token), name.startsWith('keys') ? 401 : 200);
    });
}

test('a key that others know is replaced at once, and sessions go on by their refresh tokens', async () => {
    const who = await usher.account();
    const before = await kids();
    await usher.cli(['keys', 'rotate']); // one that waits goes with the others
    const { stdout } = await usher.cli(['keys', 'rotate', '--now']);
    const after = await kids();
    assert.equal(after.length, 1);
    assert.ok(!before.includes(after[0]));
    assert.equal(stdout, `${after[0]} signs from now on; every ID and access token from before is void.\n`);
    assert.equal(await status(who.token), 401);
    const next = await again(who);
    assert.equal(kidOf(next.token), after[0]);
    assert.equal(await status(next.token), 200);
    await usher.restart();
    assert.deepEqual(await kids(), after);
    assert.equal(await status(next.token), 200);
    assert.equal(await status(who.token), 401);
});

test('another process changes the file: this one sees it within seconds', async () => {
    const who = await usher.account();
    assert.equal(await status(who.token), 200);
    const other = mkdtempSync(join(tmpdir(), 'usher-keys-'));
    try {
        const file = join(usher.data, 'keys', 'tokens.pem');
        copyFileSync(join(usher.data, 'usher.db'), join(other, 'usher.db'));
        await run('mkdir', [join(other, 'keys')]);
        copyFileSync(file, join(other, 'keys', 'tokens.pem'));
        const elsewhere = async (...args) => {
            await run(usher.binary, ['keys', 'rotate', ...args, '--data', other], { env: usher.environment() });
            copyFileSync(join(other, 'keys', 'tokens.pem'), `${file}.copy`);
            renameSync(`${file}.copy`, file);
        };
        const before = await kids();
        await elsewhere();
        await waitFor(async () => (await kids()).length === before.length + 1, 'the new key', { timeout: 10_000 });
        assert.equal(await status(who.token), 200);
        await elsewhere('--now');
        await waitFor(async () => await status(who.token) === 401, 'the old tokens to be void', { timeout: 10_000 });
        assert.equal((await kids()).length, 1);
        assert.equal(await status((await again(who)).token), 200);
    } finally {
        rmSync(other, { recursive: true, force: true });
    }
});

test('a damaged file stops a start, and leaves a server that runs as it is', async () => {
    const own = await start();
    const who = await own.account();
    const file = join(own.data, 'keys', 'tokens.pem');
    copyFileSync(file, `${own.data}.pem`);
    await run('truncate', ['-s', '700', file]);
    await waitFor(() => /this server goes on with the keys that it has/.test(own.log), 'the error in the log');
    assert.equal(await status(who.token, own), 200);
    const refused = await own.cli(['keys', 'rotate'], { ok: false });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /tokens\.pem/);
    assert.equal(statSync(file).size, 700, 'nothing was written over');
    await own.cli(['keys', 'rotate', '--now']);
    assert.equal(await status(who.token, own), 401);
    assert.equal(await status((await again(who, own)).token, own), 200);
    rmSync(`${own.data}.pem`);
});

test('kill -9 in the middle leaves the old keys or the new ones, and what was answered stands', async () => {
    const from = seed();
    const random = seeded(from);
    const own = await start({ fast: true });
    const who = await own.account();
    await own.stop();
    const began = performance.now();
    await own.cli(['keys', 'rotate']);
    const usual = Math.ceil(performance.now() - began); // on this machine, as busy as it is: so that about half are killed on the way
    let killed = 0;
    let known = (await list(own)).map((key) => key.kid);
    for (let i = 0; i < 25; i++) {
        const now = known.length > 8 || i % 5 === 4;
        const child = spawn(own.binary, ['keys', 'rotate', ...(now ? ['--now'] : []), '--data', own.data], { env: own.environment(), stdio: 'ignore' });
        const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
        const timer = setTimeout(() => child.kill('SIGKILL'), random.below(usual));
        const code = await ended;
        clearTimeout(timer);
        killed += code === null;
        const found = (await list(own)).map((key) => key.kid);
        const kept = found.filter((kid) => known.includes(kid));
        if (now) // one new key alone, or all as they were
            assert.ok((found.length === 1 && kept.length === 0) || (code !== 0 && found.join() === known.join()), `seed ${from}, round ${i}`);
        else
            assert.ok(kept.join() === known.join() && (found.length === known.length + 1 || (code !== 0 && found.length === known.length)), `seed ${from}, round ${i}`);
        known = found;
    }
    assert.ok(killed > 3, `${killed} were killed in time`);
    // Beside a server, which dies with the answer just given.
    await own.start();
    assert.deepEqual(await kids(own), known);
    const { stdout } = await own.cli(['keys', 'rotate', '--now']);
    await own.kill();
    await own.start();
    assert.deepEqual(await kids(own), [stdout.split(' ')[0]]);
    assert.equal(await status((await again(who, own)).token, own), 200);
    assert.deepEqual(readdirSync(join(own.data, 'keys')).filter((name) => /^tokens|\.new$/.test(name) && name !== '.tokens.pem.new').sort(), ['tokens.pem']);
});

test('on a stopped folder too; and a backup holds the keys as they are', async () => {
    const own = await start();
    const who = await own.account();
    const backups = mkdtempSync(join(tmpdir(), 'usher-backup-'));
    try {
        await own.cli(['keys', 'rotate']);
        await own.cli(['backup', backups]);
        const keys = await list(own);
        assert.equal(keys.length, 2);
        await own.stop();
        await own.cli(['keys', 'rotate', '--now']);
        assert.equal((await list(own)).length, 1);
        const restored = join(backups, 'data');
        await run(own.binary, ['restore', backups, '--data', restored], { env: own.environment() });
        const { stdout } = await run(own.binary, ['keys', 'list', '--json', '--data', restored], { env: own.environment() });
        assert.deepEqual(stdout.trim().split('\n').map((line) => JSON.parse(line)), keys);
        assert.ok(!existsSync(join(restored, 'keys', '.lock')) || statSync(join(restored, 'keys', '.lock')).size === 0);
        await own.start();
        assert.equal(await status(who.token, own), 401);
        assert.equal(await status((await again(who, own)).token, own), 200);
    } finally {
        rmSync(backups, { recursive: true, force: true });
    }
    const nowhere = await own.cli(['keys', 'rotate', '--data', '/nowhere'], { ok: false, data: false });
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /There is no usher\.db in \/nowhere/);
});
