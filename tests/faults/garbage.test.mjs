// Garbage on every route that /openapi.json names, and on the socket itself: a precise error each time, nothing changed, nothing leaked
// (the sanitizer build ends with a report otherwise, which stopping it finds).
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { seed, seeded, send, start, uuid7, waitFor } from '../api/lib.mjs';

const from = seed();
const random = seeded(from);
const usher = await start();
const organizer = await usher.account({ role: 'organizer' });
const event = await usher.createFreeEvent(organizer);
const registration = await usher.register(organizer, event);
const spec = await usher.must(200, 'GET', '/openapi.json');

const operations = Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([method]) => ['get', 'put', 'post', 'patch', 'delete'].includes(method))
    .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));

// A path with every id in it put in by `id`.
const fill = (path, id) => path.replace(/\{[^}]+\}/g, id);

function deep(levels, open, close) {
    return open.repeat(levels) + close.repeat(levels);
}

const texts = {
    empty: '', blank: '  \n', word: 'garbage', half: '{"eventId":', array: '[]', number: '1', null: 'null', string: '"x"',
    'deep arrays': deep(5000, '[', ']'), 'deep objects': `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`,
    'a key twice': '{"eventId":1,"eventId":2,"title":"a","title":"b"}', 'a NUL': '{"title":"a\\u0000b","eventId":"\\u0000"}',
    'half a pair': '{"title":"\\ud800","registrationId":"\\udc00\\ud800"}', 'bad UTF-8': Buffer.from('{"title":"\xc3\x28\xff"}', 'latin1'),
    'overlong UTF-8': Buffer.from('{"title":"\xc0\xaf"}', 'latin1'), 'a byte order mark': '\ufeff{}', 'behind it': '{} {}', comment: '{/* x */}',
    'a huge number': '{"capacity":1e400,"quantity":99999999999999999999}', 'not a number': '{"capacity":NaN}',
    'a long name': `{"${'n'.repeat(20_000)}":1}`, 'many names': JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))),
};

const wrong = [null, true, -1, 0, 1.5, 1e30, '', ' ', 'x', 'x'.repeat(40_000), '\u202e\u0007', '😀'.repeat(300), [], [[]], [null], {}, { a: {} },
    '00000000-0000-0000-0000-000000000000', uuid7(), '2026-02-30T00:00:00Z', '9'.repeat(30), "'; DROP TABLE event; --", '../../etc/passwd', '%00', Array(300).fill('x')];

function fieldsOf(schema) {
    while (schema?.$ref)
        schema = schema.$ref.split('/').slice(1).reduce((at, name) => at[name], spec);
    return Object.keys(schema?.properties ?? {});
}
function bodyOf(operation) {
    return operation.requestBody?.content?.['application/json']?.schema;
}

// Ask, and hold the answer to the rules; `judge` in the harness has looked at its form already.
async function ask(method, path, options) {
    const answer = await usher.api(method, path, { token: organizer.token, ...options });
    assert.ok(answer.status < 500, `${method} ${path} ${JSON.stringify(options)?.slice(0, 300)} -> ${answer.status}`);
    return answer;
}

test('the description names the ten operations', () => {
    for (const name of ['POST /v1/events', 'GET /v1/events', 'GET /v1/events/{eventId}', 'POST /v1/registrations', 'GET /v1/my-events', 'GET /v1/events/{eventId}/registrations',
        'POST /v1/create-payment-intent', 'GET /v1/tickets', 'GET /v1/tickets/{ticketId}', 'POST /v1/validate-ticket']) {
        const [method, path] = name.split(' ');
        const shape = (p) => p.replace(/\{[^}]+\}/g, '{}');
        assert.ok(operations.some((o) => o.method === method && shape(o.path) === shape(path)), name);
    }
});

test('bodies that are not what they should be', async () => {
    const before = usher.rows();
    for (const { method, path, operation } of operations.filter((o) => bodyOf(o.operation))) {
        const fields = fieldsOf(bodyOf(operation));
        for (const id of [uuid7(), event.eventId]) {
            for (const [name, text] of Object.entries(texts)) {
                const answer = await ask(method, fill(path, id), { body: text, headers: { 'content-type': 'application/json' } });
                // An empty body reads as {} where it may.
                assert.ok(answer.status >= 400 || name === 'empty' || name === 'blank', `${method} ${path} took ${name}: ${answer.status}`);
            }
        }
        for (const field of fields) {
            for (let i = 0; i < 6; i++) {
                const body = { [field]: random.pick(wrong), unknownField: 1 };
                const answer = await ask(method, fill(path, uuid7()), { body });
                assert.ok(answer.status >= 400, `${method} ${path} took ${JSON.stringify(body).slice(0, 200)}`);
            }
        }
    }
    assert.deepEqual(changed(before, usher.rows()), {}, `something was changed (TEST_SEED=${from})`);
});

// Tables whose number of rows is another now, less what only says that time went by.
function changed(before, now) {
    const out = {};
    for (const [table, count] of Object.entries(now))
        if (count !== before[table] && !/^(oplog|job|session|idempotency)$/.test(table))
            out[table] = count - before[table];
    return out;
}

test('every fault of a body is named, each with its pointer', async () => {
    const answer = await ask('POST', '/v1/events', { body: { title: '', startsAt: 'soon', capacity: -1, currency: 'euro', ticketTypes: [{ name: 'A', price: -1, quantity: 'x', colour: 1 }], more: true } });
    assert.equal(answer.status, 422);
    const pointers = answer.body.errors.map((e) => e.pointer).sort();
    for (const pointer of ['/title', '/startsAt', '/endsAt', '/timezone', '/capacity', '/currency', '/ticketTypes/0/price', '/ticketTypes/0/quantity', '/ticketTypes/0/colour', '/more'])
        assert.ok(pointers.includes(pointer), `${pointer} is not among ${pointers}`);
    for (const error of answer.body.errors)
        assert.ok(error.code && error.detail, JSON.stringify(error));
});

test('queries that are not what they should be', async () => {
    const queries = ['limit=0', 'limit=101', 'limit=x', 'limit=1&limit=2', 'cursor=x', 'cursor=%00', 'unknown=1', '%', '%zz=1', '=', '&&&', 'q=%C3%28', 'from=yesterday', 'status=asleep',
        'q='.padEnd(7000, 'a'), 'cursor='.padEnd(400, 'A'), 'limit=1e1', 'limit=%2B5', 'limit=-0'];
    for (const { method, path } of operations.filter((o) => o.method === 'GET')) {
        for (const query of queries)
            await ask(method, `${fill(path, event.eventId)}?${query}`);
        const answer = await ask(method, `${fill(path, event.eventId)}?surely=unknown`);
        if (path.startsWith('/v1/') && answer.status !== 404 && answer.status !== 403) {
            assert.equal(answer.status, 422, `${path} took an unknown parameter`);
            assert.equal(answer.body.errors[0].pointer, 'surely');
        }
    }
    assert.equal((await ask('GET', '/v1/events?q='.padEnd(9000, 'a'))).status, 414);
});

test('paths, methods and headers that are not what they should be', async () => {
    for (const { path } of operations) {
        for (const id of ['x', '0', uuid7().slice(1), '%00', '%2e%2e%2f', `${event.eventId}%20`, '%C3%28', 'a'.repeat(300)])
            if (path.includes('{'))
                for (const method of ['GET', 'POST'])
                    assert.ok([400, 401, 403, 404, 405, 415, 422].includes((await ask(method, fill(path, id))).status), `${method} ${path} with ${id}`);
        const known = operations.filter((o) => o.path === path).map((o) => o.method);
        for (const method of ['DELETE', 'PUT', 'PATCH', 'TRACE', 'PROPFIND'].filter((m) => !known.includes(m))) {
            const answer = await ask(method, fill(path, event.eventId));
            if (answer.status === 405)
                for (const allowed of known)
                    assert.ok(answer.headers.allow.split(/, */).includes(allowed), `Allow of ${path}: ${answer.headers.allow}`);
        }
    }
    const odd = [{ 'content-type': 'text/plain' }, { 'content-type': '' }, { 'content-type': 'application/json; charset=latin1' }, { 'idempotency-key': '' },
        { 'idempotency-key': 'x'.repeat(256) }, { 'idempotency-key': 'a b' }, { 'if-match': 'x' }, { authorization: 'Basic x' }, { authorization: 'Bearer ' },
        { authorization: `Bearer ${'x'.repeat(9000)}` }, { authorization: 'Bearer a.b.c' }, { traceparent: 'x' }, { 'x-amzn-trace-id': 'Root=;;;' }, { accept: 'x/x' },
        { 'content-encoding': 'gzip' }, { range: 'bytes=-' }, { expect: 'something' }, { 'x-forwarded-for': '1.1.1.1, x, ::' }];
    for (const headers of odd)
        for (const [method, path] of [['POST', '/v1/events'], ['PATCH', `/v1/events/${uuid7()}`], ['GET', `/v1/events/${event.eventId}`]])
            await ask(method, path, { headers, body: method === 'GET' ? undefined : '{}' });
    assert.equal((await ask('POST', '/v1/events', { body: 'x'.repeat(2_000_000), headers: { 'content-type': 'application/json' } })).status, 413);
});

test('tokens that are not good', async () => {
    const [header, payload, signature] = organizer.token.split('.');
    const claims = { ...organizer.claims, 'cognito:groups': ['Admins'] };
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bad = ['x', '.', '..', '...', `${header}.${payload}.`, `${header}.${payload}.${signature.slice(0, -2)}`, `${header}.${encode(claims)}.${signature}`,
        `${encode({ alg: 'none' })}.${payload}.`, `${encode({ alg: 'HS256' })}.${payload}.${signature}`, `${organizer.token}.x`, organizer.token.replaceAll('.', ' '),
        organizer.refreshToken, Buffer.from(organizer.token).toString('base64url')];
    for (const token of bad) {
        const answer = await ask('GET', '/v1/my-events', { token });
        assert.equal(answer.status, 401, token.slice(0, 80));
        assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
    }
    for (const token of [organizer.token, organizer.accessToken])
        await usher.must(200, 'GET', '/v1/my-events', { token });
    assert.equal((await usher.api('GET', '/v1/my-events', { headers: { authorization: organizer.token } })).status, 200, 'the bare token');
});

// What a socket says to those bytes, until it is closed or has said one whole head.
function raw(bytes, { wait = 3000 } = {}) {
    return new Promise((resolve) => {
        const socket = net.connect(usher.port, '127.0.0.1');
        let text = '';
        const end = () => {
            clearTimeout(timer);
            socket.destroy();
            resolve(text);
        };
        const timer = setTimeout(end, wait);
        socket.on('connect', () => socket.write(bytes));
        socket.on('data', (data) => {
            text += data.toString('latin1');
            if (text.includes('\r\n\r\n'))
                end();
        });
        socket.on('close', end);
        socket.on('error', end);
    });
}

test('framing that two servers could read differently, and bytes that are no HTTP', async () => {
    const head = `Host: 127.0.0.1:${usher.port}\r\n`;
    const refused = [
        `POST /v1/events HTTP/1.1\r\n${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `POST /v1/events HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
        `POST /v1/events HTTP/1.1\r\n${head}Content-Length : 5\r\n\r\nhello`,
        `POST /v1/events HTTP/1.1\r\n${head}Content-Length: -1\r\n\r\n`,
        `POST /v1/events HTTP/1.1\r\n${head}Content-Length: 99999999999999999999\r\n\r\n`,
        `POST /v1/events HTTP/1.1\r\n${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
        `POST /v1/events HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
        `POST /v1/events HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\n\r\n`,
        'GET /v1/events HTTP/1.1\r\n\r\n',
        `GET /v1/events HTTP/1.1\r\n${head}${head}\r\n`,
        `GET /v1/events HTTP/1.1\r\n${head}X: ${'a'.repeat(20_000)}\r\n\r\n`,
        `GET /v1/events HTTP/1.1\r\n${head}${Array.from({ length: 100 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`,
        `GET /v1/events HTTP/9.9\r\n${head}\r\n`,
        `GET /v1/ev\0ents HTTP/1.1\r\n${head}\r\n`,
        `\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03${'\0'.repeat(200)}`,
        `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
        'garbage\r\n\r\n',
    ];
    for (const bytes of refused) {
        const said = await raw(bytes);
        assert.match(said, /^(HTTP\/1\.1 [45]\d\d |$)/, `${JSON.stringify(bytes.slice(0, 150))} -> ${said.slice(0, 60)}`);
        assert.doesNotMatch(said, /^HTTP\/1\.1 5(?!05)/, bytes.slice(0, 150));
    }
    for (let i = 0; i < 200; i++) {
        const bytes = Buffer.from(Array.from({ length: random.below(400) }, () => random.below(256)));
        const said = await raw(Buffer.concat([bytes, Buffer.from('\r\n\r\n')]), { wait: 500 });
        assert.match(said, /^(HTTP\/1\.1 4\d\d |$)/, `${bytes.toString('hex')} (TEST_SEED=${from})`);
    }
    assert.equal((await usher.api('GET', '/healthz')).status, 200);
});

test('garbage for the guests: identity, objects, simulator, webhook', async () => {
    const before = usher.rows();
    const { userPoolClientId } = await usher.config();
    for (const target of ['SignUp', 'ConfirmSignUp', 'InitiateAuth', 'GetUser', 'GetTokensFromRefreshToken', 'NoSuchThing', '', 'x'.repeat(5000)]) {
        for (const body of [...Object.values(texts), JSON.stringify({ ClientId: userPoolClientId, Username: [], AuthFlow: {}, AuthParameters: [1] }),
            JSON.stringify({ ClientId: 'x', Username: 'a'.repeat(5000), Password: '\u0000' }), JSON.stringify({ ClientId: userPoolClientId, Username: 'a@b', Password: 1, UserAttributes: [[], null, { Name: 1 }] })]) {
            const answer = await send(usher.url, 'POST', '/identity/', { body, headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${target}` } });
            assert.ok(answer.status >= 400 && answer.status < 500, `${target} ${String(body).slice(0, 100)} -> ${answer.status} ${answer.text}`);
            assert.ok(JSON.parse(answer.text).__type, answer.text);
        }
    }
    for (const path of ['/objects/', '/objects/x', '/objects/../../etc/passwd', '/objects/%2e%2e/%2e%2e/etc/passwd', '/objects/tickets/x?X-Amz-Signature=x', `/objects/t/${'a'.repeat(3000)}`,
        '/objects/t/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%2F%2F%2F%2F&X-Amz-Date=x&X-Amz-Expires=999999999999&X-Amz-SignedHeaders=host;;&X-Amz-Signature=zz']) {
        const answer = await send(usher.url, 'GET', path);
        assert.ok(answer.status >= 400 && answer.status < 500, `${path} -> ${answer.status}`);
    }
    for (const path of ['payment_intents', 'payment_intents/pi_x', 'payment_intents/pi_x/confirm', 'refunds', 'events/evt_x', 'nothing']) {
        for (const body of ['', 'amount=x', 'amount[]=1&amount[a][b]=2', '%zz', `metadata[${'k'.repeat(3000)}]=1`, 'a=1&'.repeat(5000), '\u0000=1']) {
            const answer = await send(usher.url, 'POST', `/sim/stripe/v1/${path}`, { body, headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Bearer sk_test_x' } });
            assert.ok(answer.status >= 400 && answer.status < 500, `${path} ${body.slice(0, 50)} -> ${answer.status}`);
        }
    }
    for (const header of ['', 't=1,v1=00', 't=x', `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`, 'v1='.repeat(500)]) {
        const answer = await send(usher.url, 'POST', '/v1/stripe-webhook', { body: '{"id":"evt_1","type":"payment_intent.succeeded"}', headers: { 'stripe-signature': header, 'content-type': 'application/json' } });
        assert.equal(answer.status, 400, `${header}: ${answer.text}`);
    }
    assert.deepEqual(changed(before, usher.rows()), {});
});

test('after all of it: the data as before, and the server well', async () => {
    assert.equal((await usher.must(200, 'GET', `/v1/events/${event.eventId}`)).title, event.title);
    assert.equal((await usher.registration(organizer, registration.registrationId)).status, 'confirmed');
    await waitFor(async () => (await usher.api('GET', '/readyz')).status === 200, 'readiness');
    await usher.check();
});
