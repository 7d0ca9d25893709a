// What clients do that should not: slow, broken, ambiguous, too much, too many, gone. Raw sockets, so that nothing is put right on the way.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { before, describe, test } from 'node:test';

import { start, uuid7, waitFor } from './lib.mjs';

let usher, organizer;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer' });
});

// A connection that keeps what it got, and when it ended.
function dial(server = usher) {
    const socket = net.connect(server.port, '127.0.0.1');
    const line = { socket, text: '', ended: null, began: performance.now() };
    socket.setEncoding('latin1');
    socket.on('data', (text) => { line.text += text; });
    line.end = new Promise((resolve) => {
        const over = (how) => {
            line.ended ??= { how, after: performance.now() - line.began };
            resolve(line.ended);
        };
        socket.on('end', () => over('end'));
        socket.on('error', (error) => over(error.code));
        socket.on('close', () => over('close'));
    });
    line.send = (text) => socket.write(text);
    line.statuses = () => [...line.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((found) => Number(found[1]));
    return line;
}

async function ask(text, { server, count = 1 } = {}) {
    const line = dial(server);
    line.send(text);
    await waitFor(() => line.statuses().length >= count || line.ended, 'an answer');
    return line;
}

const healthy = async (server = usher) => assert.equal((await server.api('GET', '/healthz')).status, 200);
const host = 'Host: x\r\n';
const post = (path, body, headers = '') => `POST ${path} HTTP/1.1\r\n${host}Authorization: Bearer ${organizer.token}\r\nContent-Type: application/json\r\n${headers}`
    + `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('ambiguous or broken framing is refused, and the connection closed', { concurrency: 4 }, () => {
    const body = '{}';
    const rows = {
        'no Host': [400, 'GET /healthz HTTP/1.1\r\n\r\n'],
        'two Hosts': [400, `GET /healthz HTTP/1.1\r\n${host}${host}\r\n`],
        'Content-Length and chunked': [400, `POST /v1/events HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
        'two Content-Lengths': [400, `POST /v1/events HTTP/1.1\r\n${host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n${body}`],
        'the same Content-Length twice': [400, `POST /v1/events HTTP/1.1\r\n${host}Content-Length: 2\r\nContent-Length: 2\r\n\r\n${body}`],
        'space before the colon': [400, `POST /v1/events HTTP/1.1\r\n${host}Content-Length : 2\r\n\r\n${body}`],
        'a signed Content-Length': [400, `POST /v1/events HTTP/1.1\r\n${host}Content-Length: +2\r\n\r\n${body}`],
        'xchunked': [400, `POST /v1/events HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
        'two codings': [400, `POST /v1/events HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
        'a folded header': [400, `GET /healthz HTTP/1.1\r\n${host}X-A: b\r\n c\r\n\r\n`],
        '100 KB of headers': [431, `GET /healthz HTTP/1.1\r\n${host}X-A: ${'a'.repeat(100_000)}\r\n\r\n`],
        '1000 headers': [431, `GET /healthz HTTP/1.1\r\n${host}${'X-A: b\r\n'.repeat(1000)}\r\n`],
        'a long target': [414, `GET /${'a'.repeat(9000)} HTTP/1.1\r\n${host}\r\n`],
        'TLS to a port without': [400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
        'no HTTP at all': [400, 'HELO mail.example.org\r\n'],
    };
    for (const [name, [status, bytes]] of Object.entries(rows)) {
        test(name, async () => {
            const line = await ask(bytes);
            await line.end;
            assert.deepEqual(line.statuses(), [status]);
            assert.match(line.text, /\r\nConnection: close\r\n/);
            assert.match(line.text, /application\/problem\+json/);
            assert.ok(line.ended.after < 5000, `closed only after ${line.ended.after} ms`);
        });
    }
});

test('a body too long by its own word is refused before it is sent', async () => {
    const line = await ask(`POST /v1/events HTTP/1.1\r\n${host}Authorization: Bearer ${organizer.token}\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n`);
    assert.deepEqual(line.statuses(), [413]);
    await line.end;
});

test('a chunked body too long is refused on the way', async () => {
    const line = dial();
    line.send(`POST /v1/events HTTP/1.1\r\n${host}Authorization: Bearer ${organizer.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 4000 && !line.ended; i++) {
        line.send(`400\r\n${' '.repeat(1024)}\r\n`);
        await new Promise(setImmediate);
    }
    await line.end;
    assert.deepEqual(line.statuses(), [413]);
});

test('a chunked body is a body', async () => {
    const body = JSON.stringify(usher.eventBody());
    const half = Math.floor(Buffer.byteLength(body) / 2);
    const bytes = Buffer.from(body);
    const chunks = Buffer.concat([bytes.subarray(0, half), bytes.subarray(half)].flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])).toString();
    const line = await ask(`POST /v1/events HTTP/1.1\r\n${host}Authorization: Bearer ${organizer.token}\r\nContent-Type: application/json\r\n`
        + `Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    assert.deepEqual(line.statuses(), [201]);
    line.socket.destroy();
});

test('Expect: 100-continue is answered before the body', async () => {
    const body = JSON.stringify(usher.eventBody());
    const line = await ask(`POST /v1/events HTTP/1.1\r\n${host}Authorization: Bearer ${organizer.token}\r\nContent-Type: application/json\r\n`
        + `Expect: 100-continue\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`);
    assert.deepEqual(line.statuses(), [100]);
    line.socket.write(body);
    await waitFor(() => line.statuses().length === 2, 'the answer behind the 100');
    assert.deepEqual(line.statuses(), [100, 201]);
    line.socket.destroy();
});

describe('pipelining', () => {
    test('reads and durable writes in one segment are answered in order', async () => {
        const bodies = ['First of the line', 'Second of the line'].map((title) => JSON.stringify(usher.eventBody({ title })));
        const line = await ask(`GET /healthz HTTP/1.1\r\n${host}\r\n${post('/v1/events', bodies[0])}GET /readyz HTTP/1.1\r\n${host}\r\n`
            + `${post('/v1/events', bodies[1])}GET /v1/nowhere HTTP/1.1\r\n${host}\r\n`, { count: 5 });
        assert.deepEqual(line.statuses(), [200, 201, 200, 201, 404]);
        assert.ok(line.text.indexOf('First of the line') < line.text.indexOf('Second of the line'));
        line.socket.destroy();
    });

    test('ten thousand requests whose answers nobody reads wait without growing the server, and all arrive in the end', async () => {
        const line = dial();
        const count = 10_000;
        line.socket.pause();
        line.send(`GET /v1/events HTTP/1.1\r\n${host}\r\n`.repeat(count - 1) + `GET /v1/events HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
        for (let i = 0; i < 20; i++)
            await healthy();
        const rss = Number(readFileSync(`/proc/${usher.process.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
        if (!process.env.USHER_BIN_ASAN)
            assert.ok(rss < 128 * 1024, `${rss} KiB resident`);
        line.socket.resume();
        await line.end;
        assert.equal(line.statuses().length, count);
        assert.ok(line.statuses().every((status) => status === 200));
    });
});

describe('many at the same instant', () => {
    for (const count of [127, 128, 129, 256]) {
        test(`${count} connections that speak at once are all answered`, async () => {
            const lines = Array.from({ length: count }, () => dial());
            await Promise.all(lines.map((line) => new Promise((resolve) => line.socket.once('connect', resolve))));
            const began = performance.now();
            for (const line of lines)
                line.send(`GET /v1/events HTTP/1.1\r\n${host}\r\n`);
            await waitFor(() => lines.every((line) => line.statuses().length === 1), `${count} answers`);
            assert.ok(performance.now() - began < 9000, 'they were not answered before the end of the time that a head has');
            assert.ok(lines.every((line) => line.statuses()[0] === 200));
            for (const line of lines)
                line.socket.destroy();
        });
    }

    test('over the limit of connections the answer is 503, and the others are served on', async () => {
        const small = await start({ env: { USHER_MAX_CONNECTIONS: '40' } });
        const lines = [];
        for (let i = 0; i < 38; i++) {
            const line = await ask(`GET /healthz HTTP/1.1\r\n${host}\r\n`, { server: small });
            assert.deepEqual(line.statuses(), [200]);
            lines.push(line);
        }
        const over = Array.from({ length: 10 }, () => dial(small));
        await waitFor(() => over.some((line) => line.statuses()[0] === 503), 'a 503');
        const refused = over.find((line) => line.statuses()[0] === 503);
        assert.match(refused.text, /Retry-After: 1\r\n/);
        await refused.end;
        lines[0].send(`GET /healthz HTTP/1.1\r\n${host}\r\n`);
        await waitFor(() => lines[0].statuses().length === 2, 'an open connection to be served');
        for (const line of [...lines, ...over])
            line.socket.destroy();
        await waitFor(async () => (await dialOnce(small)) === 200, 'room again');
        await small.stop();
    });
});

async function dialOnce(server) {
    const line = await ask(`GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, { server });
    return line.statuses()[0];
}

describe('slow clients gain no time by dripping', { concurrency: 5 }, () => {
    // Each byte would renew an inactivity timeout; the deadlines are absolute.
    async function drip(line, text, every) {
        for (const c of text) {
            if (line.ended)
                return;
            line.send(c);
            await new Promise((resolve) => setTimeout(resolve, every));
        }
    }

    test('a header is cut off after 10 s', async () => {
        const line = dial();
        drip(line, `GET /healthz HTTP/1.1\r\nX-A: ${'a'.repeat(1000)}`, 250);
        const { after } = await line.end;
        assert.ok(after > 9_000 && after < 25_000, `cut after ${after} ms`);
        assert.deepEqual(line.statuses(), [408]);
    });

    test('a body is cut off after 30 s', async () => {
        const line = dial();
        line.send(`POST /v1/events HTTP/1.1\r\n${host}Authorization: Bearer ${organizer.token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`);
        drip(line, ' '.repeat(1000), 500);
        const { after } = await line.end;
        assert.ok(after > 29_000 && after < 50_000, `cut after ${after} ms`);
        assert.deepEqual(line.statuses(), [408]);
    });

    test('an idle connection is kept for 31 s and more', async () => {
        const line = await ask(`GET /healthz HTTP/1.1\r\n${host}\r\n`);
        await new Promise((resolve) => setTimeout(resolve, 31_000)); // this is what is tested
        assert.equal(line.ended, null);
        line.send(`GET /healthz HTTP/1.1\r\n${host}\r\n`);
        await waitFor(() => line.statuses().length === 2, 'the second answer');
        line.socket.destroy();
    });
});

test('clients that leave in the middle of a write hurt nobody', async () => {
    const event = await usher.createFreeEvent(organizer, { seats: 1000 });
    const body = JSON.stringify({ eventId: event.eventId, items: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, quantity: 1 }] });
    const lines = Array.from({ length: 300 }, () => dial());
    await Promise.all(lines.map((line) => new Promise((resolve) => line.socket.once('connect', resolve))));
    lines.forEach((line, i) => {
        line.send(post('/v1/registrations', body, `Idempotency-Key: ${uuid7()}\r\n`));
        if (i % 3 === 0)
            setImmediate(() => line.socket.resetAndDestroy());
        else if (i % 3 === 1)
            setImmediate(() => line.socket.destroy());
    });
    const staying = lines.filter((_, i) => i % 3 === 2);
    await waitFor(() => staying.every((line) => line.statuses().length === 1), 'those who stayed to be answered');
    assert.ok(staying.every((line) => line.statuses()[0] === 201));
    staying.forEach((line) => line.socket.destroy());
    await waitFor(async () => (await usher.metric('usher_connections_open')) < 20, 'the descriptors to come back');
    await usher.check();
});

test('SIGTERM: what is in flight is answered, idle connections end, new ones are refused', async () => {
    const other = await start();
    const owner = await other.account({ role: 'organizer' });
    const idle = await ask(`GET /healthz HTTP/1.1\r\n${host}\r\n`, { server: other });
    const busy = Array.from({ length: 50 }, () => dial(other));
    await Promise.all(busy.map((line) => new Promise((resolve) => line.socket.once('connect', resolve))));
    const body = JSON.stringify(other.eventBody());
    for (const line of busy)
        line.send(`POST /v1/events HTTP/1.1\r\n${host}Authorization: Bearer ${owner.token}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    await waitFor(() => busy.some((line) => line.statuses().length), 'the first answer');
    await other.stop();
    await idle.end;
    await Promise.all(busy.map((line) => line.end));
    // Whoever was heard was answered in full; a request that had not been read yet got nothing, and may be sent elsewhere.
    for (const line of busy)
        assert.ok(line.text === '' || (line.statuses()[0] === 201 && line.text.endsWith('}')), line.text.slice(-200));
});

test('after all that the server is well', async () => {
    await healthy();
    assert.equal(await usher.metric('usher_log_dropped_total') >= 0, true);
});
