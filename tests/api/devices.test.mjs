// Scanner devices: set up by a QR code, good for one event's gate, and for nothing from the moment of revocation.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { start, uuid7, waitFor } from './lib.mjs';

const minute = 60_000, hour = 60 * minute;
let usher, organizer, buyer;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer' });
    buyer = await usher.account({ name: 'Ada Lovelace' });
});
async function advance(ms) {
    await usher.advance(ms);
    for (const account of [organizer, buyer])
        Object.assign(account, await usher.signIn(account.email));
}

const path = (event, ...rest) => [`/v1/events/${event.eventId}/devices`, ...rest].join('/');
const make = (event, body = { name: 'Phone 1', gate: 'North' }) => usher.must(201, 'POST', path(event), { token: organizer.token, body });
const claim = (token) => usher.api('POST', '/v1/devices/claim', { body: { token } });
const listed = async (event) => (await usher.must(200, 'GET', path(event), { token: organizer.token })).items;
async function ready(event, body) {
    const made = await make(event, body);
    const claimed = await claim(made.token);
    assert.equal(claimed.status, 200, claimed.text);
    return { ...claimed.body, token: claimed.body.credential };
}
async function party(quantity = 3, overrides = {}) {
    const event = await usher.createFreeEvent(organizer, overrides);
    const registration = await usher.register(buyer, event, { quantity });
    return { event, ticketIds: registration.ticketIds };
}
const scan = (device, body) => usher.api('POST', '/v1/validate-ticket', { token: device.token, body });

describe('a device', () => {
    test('is made, claimed by its QR code, scans, and is revoked', async () => {
        const { event, ticketIds } = await party();
        const made = await make(event);
        assert.equal(made.status, 'waiting');
        assert.equal(made.qrText, `${usher.url}/scan#claim=${made.token}`);
        assert.ok(Math.abs(Date.parse(made.tokenExpiresAt) - usher.now() - 15 * minute) < 30_000);
        const claimed = await claim(made.token);
        assert.equal(claimed.status, 200, claimed.text);
        const { credential, ...self } = claimed.body;
        assert.match(credential, /^usher_device_[\w-]{43}$/);
        assert.deepEqual([self.deviceId, self.name, self.gate, self.event.eventId], [made.deviceId, 'Phone 1', 'North', event.eventId]);
        assert.equal(Date.parse(self.expiresAt), Date.parse(event.endsAt) + 24 * hour);
        assert.deepEqual(await usher.must(200, 'GET', '/v1/device', { token: credential }), self);

        const device = { token: credential };
        const verdict = await scan(device, { ticketId: ticketIds[0], deviceId: 'somebody else' });
        assert.equal(verdict.status, 200, verdict.text);
        assert.deepEqual([verdict.body.result, verdict.body.ticket.status], ['valid', 'used']);
        assert.ok(!verdict.text.includes('@'));
        const again = await scan(device, { ticketId: ticketIds[0], eventId: event.eventId });
        assert.deepEqual([again.body.reason, again.body.firstUsedGate], ['already-used', 'North'], 'at its own gate');
        const batch = await usher.must(200, 'POST', `/v1/events/${event.eventId}/check-ins`, { token: credential, body: { scans: [{ ticketId: ticketIds[1], gate: 'South' }] } });
        assert.equal(batch.items[0].result, 'valid');
        await usher.must(200, 'POST', `/v1/events/${event.eventId}/check-ins/undo`, { token: credential, body: { ticketId: ticketIds[1] } });
        assert.equal((await usher.must(200, 'GET', `/v1/events/${event.eventId}/roster`, { token: credential })).items.length, 3);
        assert.equal((await usher.must(200, 'GET', `/v1/events/${event.eventId}/check-in-counts`, { token: credential })).checkedIn, 1);
        await usher.must(200, 'GET', '/v1/gate-keys', { token: credential });
        const [row] = await listed(event);
        assert.deepEqual([row.status, row.madeBy], ['active', organizer.sub]);
        const history = execFileSync('sqlite3', ['-readonly', join(usher.data, 'usher.db'), 'SELECT DISTINCT device, lower(hex(actor)) FROM check_in'], { encoding: 'utf8' });
        assert.equal(history.trim(), `${made.deviceId}|${made.deviceId.replaceAll('-', '')}`, 'the history names the device, not what it claims to be');

        await usher.must(204, 'DELETE', path(event, made.deviceId), { token: organizer.token });
        for (const [method, where, body] of [['GET', '/v1/device'], ['GET', `/v1/events/${event.eventId}/roster`], ['POST', '/v1/validate-ticket', { ticketId: ticketIds[2] }]])
            assert.equal((await usher.api(method, where, { token: credential, body })).status, 401, where);
        await usher.must(204, 'DELETE', path(event, made.deviceId), { token: organizer.token });
        assert.equal((await listed(event))[0].status, 'revoked');
        assert.ok(!usher.log.includes(credential) && !usher.log.includes(made.token), 'no secret in the log');
        await usher.check();
    });

    test('the picture is a QR code that any reader reads', async () => {
        const made = await make(await usher.createFreeEvent(organizer));
        const folder = mkdtempSync(join(tmpdir(), 'usher-qr-'));
        try {
            // Drawn from the path by hand: a square of 8 pixels a module, as a portable bitmap.
            const side = Number(made.qrSvg.match(/viewBox="0 0 (\d+) \1"/)[1]);
            const dark = new Set();
            for (const [, x, y, run] of made.qrSvg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g))
                for (let i = 0; i < Number(run); i++)
                    dark.add(`${Number(x) + i},${y}`);
            const rows = Array.from({ length: side * 8 }, (_, y) => Array.from({ length: side * 8 }, (_, x) => (dark.has(`${x >> 3},${y >> 3}`) ? 1 : 0)).join(' '));
            writeFileSync(join(folder, 'code.pbm'), `P1\n${side * 8} ${side * 8}\n${rows.join('\n')}\n`);
            const read = execFileSync('zbarimg', ['--raw', '-q', '-Sdisable', '-Sqrcode.enable', join(folder, 'code.pbm')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
            assert.equal(read.trim(), made.qrText);
        } finally {
            rmSync(folder, { recursive: true, force: true });
        }
    });

    test('its code works once, also when two phones claim at one instant, and for fifteen minutes', async () => {
        const event = await usher.createFreeEvent(organizer);
        for (let i = 0; i < 5; i++) {
            const { token } = await make(event);
            const statuses = (await Promise.all([claim(token), claim(token), claim(token)])).map((a) => a.status).sort();
            assert.deepEqual(statuses, [200, 404, 404]);
        }
        const late = await make(event);
        const unused = await make(event);
        await usher.must(204, 'DELETE', path(event, unused.deviceId), { token: organizer.token });
        const used = await make(event);
        await claim(used.token);
        await advance(15 * minute + 1000);
        const answers = await Promise.all([late.token, unused.token, used.token, late.token.toLowerCase(), 'x', `usher_claim_${'A'.repeat(43)}`].map(claim));
        assert.deepEqual(answers.map((a) => a.status), Array(6).fill(404));
        assert.equal(new Set(answers.map((a) => a.body.detail)).size, 1, 'one answer for every reason');
        assert.equal((await listed(event)).find((d) => d.deviceId === late.deviceId).status, 'expired');
        const fresh = await usher.must(200, 'POST', path(event, late.deviceId, 'provision'), { token: organizer.token });
        assert.equal(fresh.status, 'waiting');
        assert.equal((await claim(fresh.token)).status, 200);
        assert.equal((await usher.api('POST', path(event, unused.deviceId, 'provision'), { token: organizer.token })).status, 409);
        await usher.must(422, 'POST', '/v1/devices/claim', { body: {} });
    });

    test('a phone that was lost is out at once, and another takes its place', async () => {
        const { event, ticketIds } = await party();
        const lost = await ready(event);
        assert.equal((await scan(lost, { ticketId: ticketIds[0] })).status, 200);
        const fresh = await usher.must(200, 'POST', path(event, lost.deviceId, 'provision'), { token: organizer.token });
        assert.deepEqual([fresh.status, fresh.claimedAt], ['waiting', null]);
        assert.equal((await scan(lost, { ticketId: ticketIds[1] })).status, 401);
        assert.equal((await usher.api('GET', '/v1/device', { token: lost.token })).status, 401);
        const found = await claim(fresh.token);
        assert.equal((await scan(lost, { ticketId: ticketIds[1] })).status, 401);
        assert.equal((await scan({ token: found.body.credential }, { ticketId: ticketIds[1] })).body.result, 'valid');
    });

    test('a manager who is removed leaves no device behind that lets in', async () => {
        const { event, ticketIds } = await party();
        const manager = await usher.account();
        const { staffId } = await usher.must(201, 'POST', `/v1/events/${event.eventId}/staff`, { token: organizer.token, body: { email: manager.email, role: 'manager' } });
        const mail = await usher.mail((m) => m.to.includes(manager.email) && m.text.includes('/invitations/'));
        await usher.must(200, 'POST', '/v1/staff-invitations/accept', { token: manager.token, body: { token: mail.text.match(/\/invitations\/([\w-]{43})/)[1] } });
        const made = await usher.must(201, 'POST', path(event), { token: manager.token, body: { name: 'Back door' } });
        const device = { token: (await claim(made.token)).body.credential };
        const waiting = await usher.must(201, 'POST', path(event), { token: manager.token, body: { name: 'Not claimed yet' } });
        assert.equal((await scan(device, { ticketId: ticketIds[0] })).body.result, 'valid');
        await usher.must(204, 'DELETE', `/v1/events/${event.eventId}/staff/${staffId}`, { token: organizer.token });
        assert.equal((await scan(device, { ticketId: ticketIds[1] })).status, 403);
        assert.equal((await usher.api('GET', `/v1/events/${event.eventId}/roster`, { token: device.token })).status, 403);
        assert.equal((await usher.api('GET', '/v1/device', { token: device.token })).status, 403, 'nor does it see its event any more');
        const late = await claim(waiting.token);
        assert.equal(late.status, 404, 'nor does a code that he made before');
        const row = (await listed(event)).find((d) => d.deviceId === made.deviceId);
        assert.deepEqual([row.status, row.madeBy], ['suspended', manager.sub]);
        assert.equal((await listed(event)).find((d) => d.deviceId === waiting.deviceId).status, 'expired');
        const fresh = await usher.must(200, 'POST', path(event, made.deviceId, 'provision'), { token: organizer.token });
        assert.equal((await scan(device, { ticketId: ticketIds[1] })).status, 401, 'the phone that he had stays out');
        assert.equal((await scan({ token: (await claim(fresh.token)).body.credential }, { ticketId: ticketIds[1] })).body.result, 'valid');
        assert.equal((await listed(event)).find((d) => d.deviceId === made.deviceId).madeBy, organizer.sub);
    });

    test('keeps the gate of its own event and calls nothing else', async () => {
        const { event } = await party();
        const device = await ready(event);
        const other = await party(1);
        const foreign = await scan(device, { ticketId: other.ticketIds[0] });
        assert.equal(foreign.status, 403);
        const wrong = await scan(device, { ticketId: other.ticketIds[0], eventId: event.eventId });
        assert.deepEqual([wrong.body.reason, wrong.body.ticket], ['wrong-event', null]);
        for (const [method, where, status] of [['GET', `/v1/events/${other.event.eventId}/roster`, 403], ['GET', `/v1/events/${uuid7()}/roster`, 404],
            ['GET', `/v1/events/${event.eventId}`, 403], ['GET', '/v1/events', 403], ['GET', '/v1/tickets', 403], ['GET', path(event), 403],
            ['POST', path(event), 403], ['GET', '/v1/me/staff', 403], ['POST', '/v1/registrations', 403], ['POST', '/v1/devices/claim', 403]])
            assert.equal((await usher.api(method, where, { token: device.token })).status, status, `${method} ${where}`);
        assert.equal((await usher.api('GET', '/v1/device', { token: organizer.token })).status, 404);
    });

    test('is renamed, moved, seen, and over a day after the end', async () => {
        const { event, ticketIds } = await party(3, { startsAt: new Date(usher.now() + hour).toISOString(), endsAt: new Date(usher.now() + 2 * hour).toISOString() });
        const device = await ready(event);
        const changed = await usher.must(200, 'PATCH', path(event, device.deviceId), { token: organizer.token, body: { gate: null, name: 'Tablet' } });
        assert.deepEqual([changed.name, changed.gate], ['Tablet', null]);
        await usher.must(200, 'PATCH', path(event, device.deviceId), { token: organizer.token, body: { gate: 'West' } });
        assert.equal((await scan(device, { ticketId: ticketIds[0] })).body.ticket.usedAt !== null, true);
        assert.equal((await scan(device, { ticketId: ticketIds[0] })).body.firstUsedGate, 'West');
        const seen = (await listed(event))[0].lastSeenAt;
        await advance(5 * minute);
        await usher.must(200, 'GET', '/v1/device', { token: device.token });
        await waitFor(async () => (await listed(event))[0].lastSeenAt > seen, 'the device to be seen again');
        await advance(25 * hour + 54 * minute);
        assert.equal((await scan(device, { ticketId: ticketIds[1] })).body.result, 'valid');
        await advance(2 * minute);
        assert.equal((await scan(device, { ticketId: ticketIds[2] })).status, 401);
        assert.equal((await usher.api('POST', path(event), { token: organizer.token, body: { name: 'Late' } })).status, 409);
    });

    test('a scan that waits behind the revocation is refused', async () => {
        const { event, ticketIds } = await party(20);
        const device = await ready(event);
        const scans = ticketIds.map((ticketId) => scan(device, { ticketId }));
        const revoked = usher.api('DELETE', path(event, device.deviceId), { token: organizer.token });
        const statuses = (await Promise.all(scans)).map((a) => a.status);
        assert.equal((await revoked).status, 204);
        assert.ok(statuses.every((s) => s === 200 || s === 401), statuses.join());
        assert.equal((await scan(device, { ticketId: ticketIds[0] })).status, 401);
    });

    test('at most a hundred an event, listed in pages; faults are named', async () => {
        const event = await usher.createFreeEvent(organizer);
        const all = await Promise.all(Array.from({ length: 101 }, (_, i) => usher.api('POST', path(event), { token: organizer.token, body: { name: `D${i}` } })));
        assert.deepEqual([201, 409].map((s) => all.filter((a) => a.status === s).length), [100, 1]);
        const first = await usher.must(200, 'GET', `${path(event)}?limit=60`, { token: organizer.token });
        const second = await usher.must(200, 'GET', `${path(event)}?limit=60&cursor=${first.nextCursor}`, { token: organizer.token });
        assert.equal(new Set([...first.items, ...second.items].map((d) => d.deviceId)).size, 100);
        assert.equal(second.nextCursor, null);
        const bad = await usher.must(422, 'POST', path(event), { token: organizer.token, body: { name: ' ', gate: 'g'.repeat(101), power: 1 } });
        assert.deepEqual(bad.errors.map((e) => e.pointer).sort(), ['/gate', '/name', '/power']);
    });

    test('claims have a rate', async () => {
        const limited = await start({ limits: 'on' });
        const statuses = [];
        for (let i = 0; i < 32; i++)
            statuses.push((await limited.api('POST', '/v1/devices/claim', { body: { token: 'nothing' } })).status);
        assert.deepEqual([statuses[0], statuses.at(-1)], [404, 429]);
    });
});
