// A caching nginx before the server: what may be shared is answered from its cache, what took a token never is, and what the headers say of both holds.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { freePort, send, start, waitFor } from '../api/lib.mjs';

const usher = await start({ fast: true });
const proxy = await nginx(usher.url);
const organizer = await usher.account({ role: 'organizer' });
const buyer = await usher.account();

// Debian's nginx, in a folder of its own, that keeps whatever the answers allow.
async function nginx(upstream) {
    const folder = mkdtempSync(join(tmpdir(), 'usher-nginx-'));
    const port = await freePort();
    writeFileSync(join(folder, 'nginx.conf'), `
        daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
        events { worker_connections 256; }
        http {
            access_log off;
            client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
            proxy_cache_path ${folder}/cache keys_zone=usher:1m use_temp_path=off;
            server {
                listen 127.0.0.1:${port};
                location / {
                    proxy_pass ${upstream}; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection "";
                    proxy_cache usher; proxy_cache_revalidate on; proxy_cache_background_update on;
                    add_header X-Cache $upstream_cache_status always;
                }
            }
        }`);
    const child = spawn('/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
    after(() => {
        child.kill('SIGTERM');
        rmSync(folder, { recursive: true, force: true });
    });
    const url = `http://127.0.0.1:${port}`;
    await waitFor(() => send(url, 'GET', '/healthz').then(({ status }) => status === 200, () => false), 'nginx');
    return url;
}

const ask = (path, headers = {}) => send(proxy, 'GET', path, { headers });
const hit = (answer) => answer.headers['x-cache'];
const bearer = ({ token }) => ({ authorization: `Bearer ${token}` });

test('a public list and event come from the cache, and are fresh again within seconds of a change', async () => {
    const event = await usher.createEvent(organizer);
    const path = `/v1/events/${event.eventId}`;
    for (const shared of [path, '/v1/events?limit=5', `/e/${event.eventId}`, '/']) {
        // A second lies between a hit and what is old: two asks in a row may be further apart on a busy machine.
        const again = await waitFor(async () => {
            await ask(shared);
            const answer = await ask(shared);
            assert.equal(hit(answer), 'HIT', shared);
            return answer;
        }, 'a hit');
        assert.match(again.headers['cache-control'], /public, max-age=1, stale-while-revalidate=\d+/, shared);
    }
    await usher.must(200, 'PATCH', path, { token: organizer.token, body: { title: 'Renamed while it sold' } });
    await waitFor(async () => JSON.parse((await ask(path)).text).title === 'Renamed while it sold', 'the new title');
    await waitFor(async () => /<title>Renamed while it sold/.test((await ask(`/e/${event.eventId}`)).text), 'the new page');
});

test('what took a token is in no cache, and no draft leaks by way of one', async () => {
    const draft = await usher.createEvent(organizer, { status: 'draft' });
    const path = `/v1/events/${draft.eventId}`;
    const own = await ask(path, bearer(organizer));
    assert.equal(own.status, 200);
    assert.match(own.headers['cache-control'], /private, no-store/);
    assert.equal((await ask(path)).status, 404, 'a stranger behind the same cache');
    assert.equal((await ask(path, bearer(organizer))).status, 200, 'and the refusal is not kept either');
    for (const mine of ['/v1/registrations', '/v1/tickets', '/v1/me/mfa', '/v1/my-events'])
        for (let n = 0; n < 2; n++) {
            const answer = await ask(mine, bearer(organizer));
            assert.equal(answer.status, 200, mine);
            assert.notEqual(hit(answer), 'HIT', mine);
            assert.match(answer.headers['cache-control'], /private, no-store/, mine);
        }
    assert.equal((await ask('/v1/registrations', bearer(buyer))).text.includes(organizer.sub), false);
});

test('the app\'s files: hashed names for ever, pages and workers asked for anew, compressed forms kept apart', async () => {
    const page = (await ask('/')).text;
    const script = page.match(/src="(\/assets\/index-[^"]+\.js)"/)[1];
    const forms = new Map();
    for (const coding of ['br', 'gzip', 'identity']) {
        await ask(script, { 'accept-encoding': coding });
        const answer = await ask(script, { 'accept-encoding': coding });
        assert.equal(hit(answer), 'HIT', coding);
        assert.equal(answer.headers['cache-control'], 'public, max-age=31536000, immutable');
        assert.equal(answer.headers['content-encoding'], coding === 'identity' ? undefined : coding);
        forms.set(coding, answer.bytes.length);
    }
    assert.ok(forms.get('br') < forms.get('gzip') && forms.get('gzip') < forms.get('identity') / 2, JSON.stringify([...forms]));
    for (const path of ['/manage', '/tickets', '/auth/sign-in'])
        assert.match((await ask(path)).headers['cache-control'], /no-cache/, path);
    assert.equal((await ask('/assets/index-00000000.js')).status, 404, 'a file of another version is a 404, not a page');
});

test('a ticket is downloaded in pieces, through the cache as well as past it', async () => {
    const event = await usher.createFreeEvent(organizer);
    const registration = await usher.register(buyer, event);
    const { downloadUrl } = await usher.ticket(buyer, registration.ticketIds[0]);
    const { pathname, search } = new URL(downloadUrl);
    const whole = await ask(pathname + search, { host: new URL(usher.url).host });
    assert.equal(whole.status, 200);
    assert.doesNotMatch(whole.headers['cache-control'], /public/);
    for (const [range, from, to] of [['bytes=0-99', 0, 100], ['bytes=100-', 100, undefined], ['bytes=-50', -50, undefined]]) {
        const part = await send(usher.url, 'GET', pathname + search, { headers: { range } });
        assert.equal(part.status, 206, range);
        assert.deepEqual(part.bytes, whole.bytes.subarray(from, to), range);
    }
});
