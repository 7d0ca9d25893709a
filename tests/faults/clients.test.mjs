// Clients that are slow, silent or gone, and a SIGTERM with requests in flight.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { send, start, uuid7, waitFor } from '../api/lib.mjs';

const usher = await start();
const organizer = await usher.account({ role: 'organizer' });
const event = await usher.createFreeEvent(organizer, { seats: 10_000 });

function connect(bytes = '') {
    const socket = net.connect(usher.port, '127.0.0.1');
    socket.text = '';
    socket.closed_ = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (data) => { socket.text += data.toString('latin1'); });
    socket.on('error', () => {});
    socket.write(bytes);
    return socket;
}

test('two hundred clients that never finish their request do not keep others waiting, and are shown the door', async () => {
    const began = Date.now();
    const slow = Array.from({ length: 200 }, (_, i) => connect(i % 2 ? 'GET /v1/events HT' : `POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:${usher.port}\r\nX-Slow:`));
    const dribble = setInterval(() => slow.forEach((s) => s.writable && s.write('a')), 500);
    for (let i = 0; i < 20; i++)
        await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    // The head has 10 s from its first byte, however it trickles.
    const patience = setTimeout(() => slow.forEach((s) => s.destroy()), 60_000);
    await Promise.all(slow.map((s) => s.closed_));
    clearTimeout(patience);
    clearInterval(dribble);
    const took = Date.now() - began;
    assert.ok(took > 8_000 && took < 30_000, `closed after ${took} ms`);
    assert.ok(slow.some((s) => /^HTTP\/1\.1 408 /.test(s.text)), 'they are told why');
});

test('a client that reads nothing does not fill the memory', async () => {
    const before = await residentKiB();
    const deaf = Array.from({ length: 20 }, () => {
        const socket = connect();
        socket.pause();
        for (let i = 0; i < 2000; i++)
            socket.write(`GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1:${usher.port}\r\n\r\n`);
        return socket;
    });
    await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    for (let i = 0; i < 50; i++)
        await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    const grown = await residentKiB() - before;
    deaf.forEach((s) => s.destroy());
    // 1 MiB of unsent reply each, and as much of requests; the sanitizers' shadow and quarantine count too.
    assert.ok(grown < 400 * 1024, `${grown} KiB more`);
});

async function residentKiB() {
    const { readFileSync } = await import('node:fs');
    return Number(readFileSync(`/proc/${usher.process.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
}

test('clients that leave in the middle of a write change nothing they should not', async () => {
    for (let i = 0; i < 60; i++) {
        const body = JSON.stringify({ eventId: event.eventId, items: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, quantity: 1 }] });
        const socket = connect(`POST /v1/registrations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${organizer.token}\r\nIdempotency-Key: ${uuid7()}\r\n`
            + `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${i % 3 ? body : body.slice(0, -5)}`);
        if (i % 2)
            await new Promise((resolve) => setImmediate(resolve));
        socket.destroy();
    }
    await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    await usher.check();
});

test('pipelined requests are answered in their order', async () => {
    const socket = connect([event.eventId, uuid7(), event.eventId].map((id) => `GET /v1/events/${id} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    await waitFor(() => (socket.text.match(/HTTP\/1\.1 \d{3}/g) ?? []).length === 3, 'three answers');
    assert.deepEqual(socket.text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
    socket.destroy();
});

test('SIGTERM: what is in flight is answered, and the exit is clean', async () => {
    const { userPoolClientId } = await usher.config();
    // Signing in takes its time in the hash lane, so these are surely under way.
    const signIns = Array.from({ length: 6 }, () => send(usher.url, 'POST', '/identity/', {
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.InitiateAuth' },
        body: JSON.stringify({ ClientId: userPoolClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: organizer.email, PASSWORD: 'wrong-Password-1' } }),
    }));
    const writes = Array.from({ length: 100 }, () => usher.tryRegister(organizer, event));
    await Promise.race(writes);
    const stopped = usher.stop();
    const answers = await Promise.all([...writes, ...signIns].map((p) => p.catch((error) => ({ error }))));
    await stopped;
    const cut = answers.filter(({ error }) => error && !['ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? error.cause?.code));
    assert.deepEqual(cut, []);
    const written = answers.filter((a) => a.status === 201).map((a) => a.body.registrationId);
    assert.ok(written.length > 0);
    for (const signIn of answers.slice(100).filter((a) => !a.error))
        assert.equal(signIn.status, 400);
    await usher.start();
    for (const id of written)
        assert.equal((await usher.registration(organizer, id)).status, 'confirmed');
    await usher.check();
});
