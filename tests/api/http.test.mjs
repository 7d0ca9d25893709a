// What holds for every route: keys that repeat, caches, traces, limits, ranges, the log and the counters.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { sanitized, send, start, uuid7, waitFor } from './lib.mjs';

let usher, organizer, buyer, event;

before(async () => {
    usher = await start({ env: { USHER_CORS_ORIGINS: 'https://app.example' } });
    organizer = await usher.account({ role: 'organizer' });
    buyer = await usher.account();
    event = await usher.createFreeEvent(organizer, { seats: 500 });
});

const makeEvent = (key, title, token = organizer.token) => usher.api('POST', '/v1/events', { token, key, body: usher.eventBody({ title, startsAt: '2030-01-01T10:00:00Z', endsAt: '2030-01-01T12:00:00Z' }) });
const show = (headers = {}, path = `/v1/events/${event.eventId}`) => usher.api('GET', path, { headers });

describe('Idempotency-Key', () => {
    test('answers the first 2xx again, word for word, and changes nothing', async () => {
        const key = uuid7();
        const first = await makeEvent(key, 'Once');
        assert.equal(first.status, 201, first.text);
        const rows = usher.rows();
        const again = await makeEvent(key, 'Once');
        assert.equal(again.status, 201);
        assert.equal(again.text, first.text);
        assert.equal(again.headers.location, first.headers.location);
        assert.equal(again.headers.etag, first.headers.etag);
        assert.equal(again.headers['content-type'], first.headers['content-type']);
        assert.equal(again.headers['idempotency-replayed'], 'true');
        assert.equal(first.headers['idempotency-replayed'], undefined);
        assert.equal(usher.rows().event, rows.event);
    });

    test('with another body is refused; by another account it is another key', async () => {
        const key = uuid7();
        assert.equal((await makeEvent(key, 'One')).status, 201);
        const other = await makeEvent(key, 'Two');
        assert.equal(other.status, 422);
        assert.equal(other.body.type, '/problems/idempotency-key-reused');
        const second = await usher.account({ role: 'organizer' });
        assert.equal((await makeEvent(key, 'Two', second.token)).status, 201);
    });

    test('a refusal is not kept', async () => {
        const key = uuid7();
        assert.equal((await usher.api('POST', '/v1/events', { token: organizer.token, key, body: { title: 'x' } })).status, 422);
        assert.equal((await makeEvent(key, 'Now it is right')).status, 201);
    });

    test('survives a restart, and lasts 24 h', async () => {
        const key = uuid7();
        const first = await makeEvent(key, 'Kept');
        await usher.kill();
        await usher.start();
        assert.equal((await makeEvent(key, 'Kept')).text, first.text);
        await usher.advance(23.9 * 3_600_000);
        organizer = await usher.signIn(organizer.email);
        buyer = await usher.signIn(buyer.email);
        assert.equal((await makeEvent(key, 'Kept')).text, first.text);
        await usher.advance(0.2 * 3_600_000);
        const later = await makeEvent(key, 'Kept');
        assert.equal(later.status, 201);
        assert.notEqual(later.body.eventId, first.body.eventId);
    });

    test('twenty at once make one', async () => {
        const key = uuid7();
        const answers = await Promise.all(Array.from({ length: 20 }, () => usher.tryRegister(buyer, event, { key })));
        const good = answers.filter((answer) => answer.status === 201);
        assert.ok(good.length >= 1);
        assert.ok(answers.every((answer) => [201, 409].includes(answer.status)));
        assert.equal(new Set(good.map((answer) => answer.body.registrationId)).size, 1);
    });

    test('is taken by every write, whatever kind it is', async () => {
        const sale = await usher.createEvent(organizer);
        const order = (quantity) => ({ eventId: sale.eventId, items: [{ ticketTypeId: sale.ticketTypes[0].ticketTypeId, quantity }] });
        const paid = await usher.pay(buyer, await usher.register(buyer, sale, { quantity: 3 }));
        const [held, other] = [await usher.register(buyer, sale), await usher.register(buyer, sale)];
        const [first, second, third] = paid.ticketIds;
        const picture = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
        const image = { 'content-type': 'image/png' };
        const at = `/v1/events/${sale.eventId}`;
        // Who asks for what; the other body under the same key, where there is one, is refused.
        const rows = [
            [organizer, 'PATCH', at, { title: 'Renamed' }, { title: 'Renamed again' }],
            [organizer, 'PUT', `${at}/image`, picture, Buffer.concat([picture, picture]), image],
            [organizer, 'POST', `${at}/discount-codes`, { code: 'ONCE', percentBps: 100 }, { code: 'TWICE', percentBps: 100 }],
            [organizer, 'POST', `${at}/discount-codes/batch`, { count: 2, percentBps: 100 }, { count: 3, percentBps: 100 }],
            [organizer, 'POST', `${at}/staff`, { email: 'steward@example.org', role: 'gate' }, { email: 'other@example.org', role: 'gate' }],
            [buyer, 'POST', '/v1/registrations', order(1), order(2)],
            [buyer, 'POST', '/v1/create-payment-intent', { registrationId: held.registrationId }, { registrationId: other.registrationId }],
            [buyer, 'DELETE', `/v1/registrations/${other.registrationId}`],
            [buyer, 'POST', `/v1/registrations/${paid.registrationId}/resend`],
            [organizer, 'POST', '/v1/validate-ticket', { ticketId: first }, { ticketId: second }],
            [organizer, 'POST', `${at}/check-ins`, { scans: [{ ticketId: second }] }, { scans: [{ ticketId: third }] }],
            [organizer, 'POST', `${at}/check-ins/undo`, { ticketId: second }, { ticketId: first }],
            [organizer, 'POST', `/v1/registrations/${paid.registrationId}/refund`, { ticketIds: [third] }, { ticketIds: [second] }],
            [organizer, 'POST', `${at}/cancel`],
        ];
        for (const [{ token }, method, path, body, another, headers] of rows) {
            const ask = (key, sent = body) => usher.api(method, path, { token, key, body: sent, headers });
            const key = uuid7(), made = await ask(key), again = await ask(key);
            assert.ok(made.status < 300, `${method} ${path} -> ${made.status} ${made.text}`);
            assert.equal(made.headers['idempotency-replayed'], undefined, path);
            assert.deepEqual([again.status, again.text, again.headers['idempotency-replayed']], [made.status, made.text, 'true'], path);
            if (another)
                assert.match((await ask(key, another)).body.type, /idempotency-key-reused$/, path);
        }
    });

    test('must be visible ASCII', async () => {
        for (const key of ['a b', 'k'.repeat(256)]) {
            const answer = await makeEvent(key, 'x');
            assert.equal(answer.status, 422);
            assert.equal(answer.body.errors[0].pointer, 'Idempotency-Key');
        }
        assert.equal((await makeEvent(`k${'k'.repeat(254)}`, 'x')).status, 201);
    });
});

describe('public reads', () => {
    test('see every write answered before them, however hot the cache is', async () => {
        for (let i = 0; i < 30; i++) {
            const before = await show();
            assert.equal((await show()).text, before.text);
            const title = `Title ${i}`;
            await usher.must(200, 'PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body: { title } });
            assert.equal((await show()).body.title, title);
            assert.equal((await usher.api('GET', '/v1/events')).body.items.find((item) => item.eventId === event.eventId).title, title);
        }
        assert.ok(await usher.metric('usher_reply_cache_hits_total') >= 30);
    });

    test('carry a tag that spares the body', async () => {
        const first = await show();
        assert.match(first.headers.etag, /^"[^"]+"$/);
        assert.match(first.headers['cache-control'], /public.*stale-while-revalidate/);
        for (const tag of [first.headers.etag, `W/${first.headers.etag}`, `"x", ${first.headers.etag}`, '*']) {
            const answer = await show({ 'if-none-match': tag });
            assert.equal(answer.status, 304, tag);
            assert.equal(answer.bytes.length, 0);
            assert.equal(answer.headers.etag, first.headers.etag);
        }
        assert.equal((await show({ 'if-none-match': '"other"' })).status, 200);
    });

    test('each may be kept by a shared cache, served stale while it is asked anew, and spared by its tag', async () => {
        for (const path of [`/v1/events/${event.eventId}`, `/v1/events/${event.eventId}.ics`, '/v1/events', '/v1/gate-keys', `/e/${event.eventId}`, '/', '/openapi.json',
            '/config.json', '/problems/invalid', '/robots.txt', '/sitemap.xml']) {
            const first = await usher.api('GET', path);
            assert.equal(first.status, 200, path);
            assert.match(first.headers['cache-control'], /^public, max-age=\d+, stale-while-revalidate=\d+$/, path);
            assert.match(first.headers.etag ?? '', /^"[^"]+"$/, path);
            const again = await usher.api('GET', path, { headers: { 'if-none-match': first.headers.etag } });
            assert.equal(again.status, 304, path);
            assert.equal(again.headers['cache-control'], first.headers['cache-control'], path);
        }
    });

    test('HEAD is GET without the body', async () => {
        for (const path of [`/v1/events/${event.eventId}`, '/v1/events', '/', '/openapi.json', '/healthz']) {
            const get = await usher.api('GET', path);
            const head = await usher.api('HEAD', path);
            assert.equal(head.status, get.status);
            assert.equal(head.bytes.length, 0);
            for (const name of ['content-type', 'content-length', 'etag', 'cache-control'])
                assert.equal(head.headers[name], get.headers[name], `${name} of ${path}`);
        }
    });

    test('what took a token is private', async () => {
        const answer = await usher.api('GET', `/v1/events/${event.eventId}`, { token: organizer.token });
        assert.equal(answer.headers['cache-control'], 'private, no-store');
    });
});

describe('CORS', () => {
    test('an origin of the list may call and read, also errors', async () => {
        const origin = 'https://app.example';
        const preflight = await usher.api('OPTIONS', '/v1/registrations', { headers: {
            origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type,idempotency-key' } });
        assert.equal(preflight.status, 204);
        assert.equal(preflight.headers['access-control-allow-origin'], origin);
        assert.match(preflight.headers['access-control-allow-methods'], /POST/);
        assert.equal(preflight.headers['access-control-max-age'], '7200');
        for (const name of ['authorization', 'content-type', 'idempotency-key', 'x-amz-target', 'x-amz-user-agent', 'amz-sdk-invocation-id', 'amz-sdk-request', 'cache-control'])
            assert.ok(preflight.headers['access-control-allow-headers'].toLowerCase().split(', ').includes(name), name);
        for (const path of ['/v1/events', '/v1/nowhere', '/v1/my-events']) {
            const answer = await usher.api('GET', path, { headers: { origin } });
            assert.equal(answer.headers['access-control-allow-origin'], origin, path);
            assert.match(answer.headers.vary, /Origin/);
            assert.match(answer.headers['access-control-expose-headers'], /X-Request-Id/);
        }
    });

    test('another may not', async () => {
        const answer = await usher.api('GET', '/v1/events', { headers: { origin: 'https://app.example.evil' } });
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
    });
});

describe('traces and logs', () => {
    const lineOf = (id) => waitFor(() => usher.log.split('\n').find((line) => line.includes(`"requestId":"${id}"`)), `the log line of ${id}`, { timeout: sanitized ? 10_000 : 1500 }).then(JSON.parse);

    test('ids are taken up, answered and logged within a second', async () => {
        const id = uuid7();
        const trace = '0af7651916cd43dd8448eb211c80319c';
        const answer = await usher.api('GET', '/v1/events?q=secret-word', { token: buyer.token, headers: { 'x-request-id': id, traceparent: `00-${trace}-b7ad6b7169203331-01` } });
        assert.equal(answer.headers['x-request-id'], id);
        assert.match(answer.headers.traceparent, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
        const line = await lineOf(id);
        assert.equal(line.traceId, trace);
        assert.equal(line.route, '/v1/events');
        assert.equal(line.method, 'GET');
        assert.equal(line.status, 200);
        assert.equal(line.account, buyer.sub);
        assert.ok(line.us >= 0 && line.bytes > 0);
        assert.ok(Math.abs(Date.parse(line.time) - usher.now()) < 5000);
        assert.doesNotMatch(JSON.stringify(line), /secret-word|@/);
    });

    test('a load balancer\'s trace is taken up; a broken one is replaced', async () => {
        const amzn = await usher.api('GET', '/healthz', { headers: { 'x-amzn-trace-id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1' } });
        assert.match(amzn.headers['x-amzn-trace-id'], /^Root=1-5759e988-bd862e3fe1be46a994272793/);
        const broken = await usher.api('GET', '/healthz', { headers: { traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01', 'x-request-id': 'not one' } });
        assert.match(broken.headers['x-request-id'], /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
        assert.doesNotMatch(broken.headers.traceparent, /0{32}/);
    });

    test('errors name the request that the log names', async () => {
        const answer = await usher.api('GET', '/v1/registrations/01930000-0000-7000-8000-000000000000', { token: buyer.token });
        assert.equal(answer.status, 404);
        assert.equal(answer.body.requestId, answer.headers['x-request-id']);
        assert.match((await lineOf(answer.body.requestId)).route, /^\/v1\/registrations\/\{\w+\}$/);
    });

    test('counters are labelled by template, never by id', async () => {
        const before = await usher.metric('usher_registrations_total');
        const key = uuid7();
        await usher.register(buyer, event, { key });
        await usher.register(buyer, event, { key }); // a replay is no second registration
        assert.equal(await usher.metric('usher_registrations_total'), before + 1);
        await show();
        const text = await usher.metrics();
        assert.ok(!text.includes(event.eventId));
        assert.match(text, /usher_http_request_duration_seconds_bucket\{method="GET",route="\/v1\/events\/\{[a-zA-Z]+\}",status="2xx",le="\+Inf"\} \d+/);
        for (const name of ['usher_write_queue', 'usher_batches_total', 'usher_lane_queue', 'usher_jobs_parked', 'usher_log_dropped_total', 'usher_connections_open', 'usher_reply_cache_hits_total'])
            assert.match(text, new RegExp(`^${name}[ {]`, 'm'));
        // Buckets are cumulative and end in the count.
        const buckets = [...text.matchAll(/_bucket\{method="POST",route="\/v1\/registrations",status="2xx",le="[^"]+"\} (\d+)/g)].map((found) => Number(found[1]));
        assert.deepEqual(buckets, [...buckets].sort((a, b) => a - b));
        assert.equal(buckets.at(-1), Number(text.match(/_count\{method="POST",route="\/v1\/registrations",status="2xx"\} (\d+)/)[1]));
    });
});

describe('limits', () => {
    test('an account has 120 writes a minute, and is told how many are left', async () => {
        const limited = await start({ limits: 'on' });
        const account = await limited.account();
        const other = await limited.account();
        const write = (token) => limited.api('DELETE', `/v1/registrations/${event.eventId}`, { token });
        const first = await write(account.token);
        assert.equal(first.status, 404);
        assert.equal(first.headers['ratelimit-policy'], '"writes";q=120;w=60');
        assert.match(first.headers.ratelimit, /^"writes";r=119;t=\d+$/);
        // Two more a second flow in while we ask.
        const answers = [], began = Date.now();
        while (answers.at(-1)?.status !== 429) {
            answers.push(await write(account.token));
            const may = 120 + (Date.now() - began) / 500;
            assert.ok(answers.length <= may, `${answers.length} answers, where ${may} writes may be`);
        }
        const refused = answers.at(-1);
        assert.ok(answers.length >= 119);
        assert.ok(Number(refused.headers['retry-after']) >= 1);
        assert.equal((await write(other.token)).status, 404); // its own bucket
        assert.equal((await limited.api('GET', '/v1/registrations', { token: account.token })).status, 200); // reading goes on
        await limited.advance(60_000);
        assert.equal((await write(account.token)).status, 404);
    });
});

describe('pages', () => {
    test('are sent with what keeps a browser safe', async () => {
        for (const path of ['/', '/problems/invalid']) {
            const { headers } = await usher.api('GET', path);
            assert.match(headers['content-security-policy'], /default-src 'self'.*frame-ancestors 'none'/);
            assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
            assert.equal(headers['x-content-type-options'], 'nosniff');
            assert.equal(headers['permissions-policy'], 'camera=(self)');
            assert.ok(headers['referrer-policy']);
        }
    });

    test('that are not there are 404: a page for people, a problem for programs', async () => {
        const person = await send(usher.url, 'GET', '/no/such/page', { headers: { accept: 'text/html,*/*' } });
        assert.equal(person.status, 404);
        assert.match(person.headers['content-type'], /^text\/html/);
        const program = await usher.api('GET', '/no/such/page');
        assert.equal(program.status, 404);
        assert.equal(program.headers['content-type'], 'application/problem+json');
    });

    test('every problem type has its page', async () => {
        for (const slug of ['invalid', 'not-found', 'sold-out', 'busy', 'idempotency-key-reused', 'request-timeout'])
            assert.match((await usher.api('GET', `/problems/${slug}`)).text, /<h1>/);
        assert.equal((await usher.api('GET', '/problems/nonsense')).status, 404);
    });
});

test('what is not JSON is 400, what is JSON and wrong is 422, and either comes behind who may and of which type', async () => {
    const refused = async (status, body, headers = {}) => {
        const answer = await usher.api('POST', '/v1/events', { token: organizer.token, body, headers: { 'content-type': 'application/json', ...headers } });
        assert.equal(answer.status, status, `${body}: ${answer.text}`);
        return answer.body;
    };
    for (const body of ['', '{', 'nul', '{}{}', Buffer.from('{"title":"\xff"}', 'latin1')])
        assert.equal((await refused(400, body)).errors, undefined);
    for (const body of ['[]', '1', 'null', '"x"', '{"capacity":99999999999999999999}', '{"title":"a\\u0000b"}']) {
        const { errors } = await refused(422, body);
        assert.equal(errors.length, 1, body);
        assert.equal(errors[0].pointer, '', body);
    }
    const large = ' '.repeat(300_000);
    await refused(415, large, { 'content-type': 'text/plain' });
    await refused(413, large);
    for (const [status, token] of [[401, undefined], [403, buyer.token]])
        assert.equal((await usher.api('POST', '/v1/events', { token, body: large, headers: { 'content-type': 'text/plain' } })).status, status);
});

test('the description names every route with its fields, and all its references lead somewhere', async () => {
    const answer = await usher.api('GET', '/openapi.json');
    const api = answer.body;
    assert.equal(api.openapi, '3.1.0');
    for (const [path, method] of [['/v1/events', 'get'], ['/v1/events', 'post'], ['/v1/registrations', 'post'], ['/v1/validate-ticket', 'post'], ['/v1/tickets', 'get']])
        assert.ok(api.paths[path]?.[method], `${method} ${path}`);
    const refs = [...answer.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((found) => found[1]);
    assert.ok(refs.length > 20);
    assert.deepEqual([...new Set(refs)].filter((name) => !api.components.schemas[name]), []);
    const ids = Object.values(api.paths).flatMap((item) => Object.values(item)).map((operation) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(answer.headers.etag);
});

test('a file may be had in parts', async () => {
    const paid = await usher.register(buyer, event);
    const ticket = await usher.ticket(buyer, paid.ticketIds[0]);
    const url = new URL(ticket.downloadUrl);
    const get = (range) => send(usher.url, 'GET', url.pathname + url.search, { headers: { host: url.host, ...range } });
    const whole = await get({});
    assert.equal(whole.status, 200);
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    const size = whole.bytes.length;
    for (const [range, from, to] of [['bytes=0-99', 0, 100], [`bytes=${size - 10}-`, size - 10, size], ['bytes=-5', size - 5, size], [`bytes=10-${size * 2}`, 10, size]]) {
        const part = await get({ range });
        assert.equal(part.status, 206, range);
        assert.equal(part.headers['content-range'], `bytes ${from}-${to - 1}/${size}`);
        assert.equal(createHash('sha256').update(part.bytes).digest('hex'), createHash('sha256').update(whole.bytes.subarray(from, to)).digest('hex'));
    }
    const beyond = await get({ range: `bytes=${size}-` });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], `bytes */${size}`);
    assert.equal((await get({ range: 'lines=1-2' })).status, 200);
    assert.equal((await get({ range: 'bytes=0-1,4-5' })).status, 200);
});

test('a token is void at once when its account signs out everywhere', async () => {
    const account = await usher.account();
    await usher.must(200, 'GET', '/v1/registrations', { token: account.token });
    await usher.cognito('GlobalSignOut', { AccessToken: account.accessToken });
    assert.equal((await usher.api('GET', '/v1/registrations', { token: account.token })).status, 401);
});
