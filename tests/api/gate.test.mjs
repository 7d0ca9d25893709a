// The door: who is let in, exactly once, on line and off.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { start, uuid7 } from './lib.mjs';

const minute = 60_000, hour = 60 * minute;
let usher, organizer, other, buyer;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer' });
    other = await usher.account({ role: 'organizer' });
    buyer = await usher.account({ name: 'Ada Lovelace' });
});

const at = (ms) => new Date(usher.now() + ms).toISOString();

// Tokens live for an hour.
async function advance(ms) {
    await usher.advance(ms);
    for (const account of [organizer, other, buyer])
        Object.assign(account, await usher.signIn(account.email));
}

// A free event and its tickets, as their owner sees them.
async function party(quantity = 3, overrides = {}, options = {}) {
    const event = await usher.createFreeEvent(organizer, { seats: 100, ...overrides });
    const registration = await usher.register(buyer, event, { quantity, ...options });
    assert.equal(registration.status, 'confirmed');
    const tickets = [];
    for (const id of registration.ticketIds)
        tickets.push(await usher.ticket(buyer, id));
    return { event, registration, tickets };
}
const scan = (input, token = organizer.token) => usher.must(200, 'POST', '/v1/validate-ticket', { token, body: input });
const verdict = async (input) => {
    const { result, reason } = await scan(input);
    assert.equal(result, reason === null ? 'valid' : 'invalid');
    return reason;
};
const checkIns = (event, scans, { token = organizer.token, ...options } = {}) =>
    usher.api('POST', `/v1/events/${event.eventId}/check-ins`, { token, body: { scans }, ...options });
const undo = (event, ticketId, token = organizer.token) => usher.api('POST', `/v1/events/${event.eventId}/check-ins/undo`, { token, body: { ticketId } });

describe('one ticket', () => {
    test('is let in once; the second scan is told when and where', async () => {
        const { event, tickets } = await party();
        const before = usher.now();
        const first = await scan({ qrCode: tickets[0].qrCode, eventId: event.eventId, gate: 'North', deviceId: 'scanner-1' });
        assert.equal(first.result, 'valid');
        assert.equal(first.reason, null);
        assert.equal(first.firstUsedAt, null);
        assert.equal(first.ticket.ticketId, tickets[0].ticketId);
        assert.equal(first.ticket.status, 'used');
        assert.equal(first.ticket.qrCode, tickets[0].qrCode);
        assert.equal(first.ticket.attendeeName, 'Ada Lovelace');
        const second = await scan({ ticketId: tickets[0].ticketId, gate: 'South' });
        assert.equal(second.ticket.qrCode, tickets[0].qrCode);
        assert.deepEqual([second.result, second.reason, second.firstUsedGate], ['invalid', 'already-used', 'North']);
        assert.equal(second.firstUsedAt, first.ticket.usedAt);
        assert.ok(Math.abs(Date.parse(second.firstUsedAt) - before) < 20_000);
        const owners = await usher.ticket(buyer, tickets[0].ticketId);
        assert.deepEqual([owners.status, owners.usedAt], ['used', first.ticket.usedAt]);
    });

    test('two gates at the same instant: exactly one opens', async () => {
        const { tickets } = await party(20);
        for (const { qrCode } of tickets) {
            const verdicts = await Promise.all(['North', 'South', 'East'].map((gate) => scan({ qrCode, gate })));
            assert.equal(verdicts.filter((v) => v.result === 'valid').length, 1);
            for (const refused of verdicts.filter((v) => v.result === 'invalid'))
                assert.equal(refused.reason, 'already-used');
        }
        await usher.check();
    });

    test('reasons, in the order in which they are looked at', async () => {
        const { event, tickets } = await party(4, { admissionStartsAt: at(hour), startsAt: at(2 * hour), endsAt: at(3 * hour) });
        const { event: second, tickets: [elsewhere] } = await party(1);
        const qrCode = tickets[0].qrCode;
        assert.equal(await verdict({ qrCode: 'HELLO' }), 'forged');
        assert.equal(await verdict({ qrCode: '' }), 'forged');
        assert.equal(await verdict({ qrCode: 'https://example.org/'.repeat(200) }), 'forged');
        assert.equal(await verdict({ qrCode: `${qrCode.slice(0, 100)}${qrCode[100] === 'A' ? 'B' : 'A'}${qrCode.slice(101)}` }), 'forged');
        assert.equal(await verdict({ ticketId: uuid7() }), 'not-found');
        assert.equal(await verdict({ ticketId: uuid7(), eventId: event.eventId }), 'not-found');
        assert.equal(await verdict({ qrCode: elsewhere.qrCode, eventId: event.eventId }), 'wrong-event');
        assert.equal(await verdict({ qrCode: qrCode.toLowerCase() }), 'not-yet-open');
        await advance(61 * minute);
        assert.equal(await verdict({ qrCode: ` ${qrCode.toLowerCase()}\n` }), null);
        assert.equal(await verdict({ qrCode }), 'already-used');
        await advance(3 * hour + 24 * hour - 62 * minute - minute);
        assert.equal(await verdict({ qrCode: tickets[1].qrCode }), null, 'late, and still within a day of the end');
        await advance(2 * minute);
        assert.equal(await verdict({ qrCode: tickets[2].qrCode }), 'ended');
        assert.equal(await verdict({ qrCode }), 'already-used');
        await usher.must(200, 'POST', `/v1/events/${second.eventId}/cancel`, { token: organizer.token });
        assert.equal(await verdict({ qrCode: elsewhere.qrCode }), 'cancelled');
        assert.equal(await verdict({ qrCode: elsewhere.qrCode, eventId: event.eventId }), 'wrong-event');
    });

    test('only who runs the event may scan, and a stranger is shown nothing', async () => {
        const { event, tickets: [ticket] } = await party(1);
        const theirs = await usher.createFreeEvent(other);
        const body = { qrCode: ticket.qrCode };
        await usher.must(401, 'POST', '/v1/validate-ticket', { body });
        await usher.must(403, 'POST', '/v1/validate-ticket', { token: buyer.token, body });
        await usher.must(403, 'POST', '/v1/validate-ticket', { token: other.token, body });
        await usher.must(403, 'POST', '/v1/validate-ticket', { token: other.token, body: { ticketId: ticket.ticketId, eventId: event.eventId } });
        await usher.must(404, 'POST', '/v1/validate-ticket', { token: other.token, body: { ...body, eventId: uuid7() } });
        const strange = await scan({ ...body, eventId: theirs.eventId }, other.token);
        assert.deepEqual([strange.reason, strange.ticket], ['wrong-event', null]);
        assert.equal((await checkIns(event, [body], { token: other.token })).status, 403);
        assert.equal((await undo(event, ticket.ticketId, other.token)).status, 403);
        await usher.must(403, 'GET', `/v1/events/${event.eventId}/roster`, { token: other.token });
        await usher.must(403, 'GET', `/v1/events/${event.eventId}/roster`, { token: buyer.token });
        await usher.must(401, 'GET', `/v1/events/${event.eventId}/roster`);
        assert.equal(await verdict(body), null);
    });

    test('faults are named', async () => {
        const rows = [
            [{}, ['/qrCode']],
            [{ qrCode: 'x', ticketId: uuid7() }, ['/ticketId']],
            [{ ticketId: 'seven', eventId: 'x', scannedAt: 'now', door: 1 }, ['/door', '/eventId', '/scannedAt', '/ticketId']],
            [{ qrCode: 'x', scannedAt: at(hour) }, ['/scannedAt']],
            [{ qrCode: 'x', scannedAt: at(-31 * 24 * hour) }, ['/scannedAt']],
            [{ qrCode: 'x', gate: 'g'.repeat(101) }, ['/gate']],
        ];
        for (const [body, want] of rows) {
            const problem = await usher.must(422, 'POST', '/v1/validate-ticket', { token: organizer.token, body });
            assert.deepEqual(problem.errors.map((e) => e.pointer).sort(), want);
        }
    });

    test('an order that is not paid opens nothing, a refunded one no more', async () => {
        const event = await usher.createEvent(organizer);
        const paid = await usher.pay(buyer, await usher.register(buyer, event));
        const { qrCode } = await usher.ticket(buyer, paid.ticketIds[0]);
        await usher.must(200, 'POST', `/v1/registrations/${paid.registrationId}/refund`, { token: organizer.token, body: {} });
        await usher.status(buyer, paid, 'refunded');
        assert.equal(await verdict({ qrCode }), 'cancelled');
    });
});

describe('scanners that were off line', () => {
    test('hand in a log; each scan is answered, and the log may be sent again', async () => {
        const { event, tickets } = await party(4);
        const { tickets: [elsewhere] } = await party(1);
        const scans = [
            { qrCode: tickets[0].qrCode, gate: 'North', deviceId: 'd1', scannedAt: at(-30 * minute) },
            { ticketId: tickets[1].ticketId, gate: 'North', deviceId: 'd1', scannedAt: at(-29 * minute) },
            { qrCode: tickets[0].qrCode, gate: 'North', deviceId: 'd1', scannedAt: at(-28 * minute) },
            { qrCode: 'nonsense', deviceId: 'd1', scannedAt: at(-27 * minute) },
            { qrCode: elsewhere.qrCode, deviceId: 'd1', scannedAt: at(-26 * minute) },
        ];
        const first = await checkIns(event, scans);
        assert.equal(first.status, 200, first.text);
        assert.deepEqual(first.body.items.map((v) => v.reason), [null, null, 'already-used', 'forged', 'wrong-event']);
        assert.equal(first.body.items[0].ticket.usedAt, scans[0].scannedAt);
        assert.equal(first.body.items[2].firstUsedAt, scans[0].scannedAt);
        const again = await checkIns(event, scans);
        assert.deepEqual(again.body.items.map((v) => v.reason), first.body.items.map((v) => v.reason));
        const late = await scan({ qrCode: tickets[1].qrCode, gate: 'South', deviceId: 'd2', scannedAt: at(-60 * minute) });
        assert.deepEqual([late.reason, late.firstUsedGate], ['already-used', 'North'], 'who reports first was first');
        await usher.check();
    });

    test('a batch has 1 to 100 scans, and every fault in it is named', async () => {
        const event = await usher.createFreeEvent(organizer);
        const many = (n) => Array.from({ length: n }, () => ({ qrCode: 'x' }));
        assert.equal((await checkIns(event, many(100))).status, 200);
        assert.equal((await checkIns(event, many(101))).status, 422);
        assert.equal((await checkIns(event, [])).status, 422);
        const problem = await checkIns(event, [{ qrCode: 'x' }, {}, { ticketId: 7 }, { qrCode: 'x', scannedAt: at(hour) }]);
        assert.deepEqual(problem.body.errors.map((e) => e.pointer).sort(), ['/scans/1/qrCode', '/scans/2/ticketId', '/scans/3/scannedAt']);
    });

    test('undoing makes a used ticket valid once more', async () => {
        const { event, tickets } = await party(2);
        const [{ qrCode, ticketId }] = tickets;
        assert.equal((await undo(event, ticketId)).status, 409);
        assert.equal(await verdict({ qrCode }), null);
        const undone = await undo(event, ticketId);
        assert.equal(undone.status, 200, undone.text);
        assert.deepEqual([undone.body.status, undone.body.usedAt], ['valid', null]);
        assert.equal((await undo(event, ticketId)).status, 409);
        assert.equal(await verdict({ qrCode }), null);
        assert.equal(await verdict({ qrCode }), 'already-used');
        assert.equal((await undo(event, uuid7())).status, 404);
        const elsewhere = await usher.createFreeEvent(organizer);
        assert.equal((await undo(elsewhere, ticketId)).status, 404);
        await usher.check();
    });

    test('the roster has every ticket, with the name at the door', async () => {
        const event = await usher.createFreeEvent(organizer);
        const [type] = event.ticketTypes;
        const named = await usher.register(buyer, event, { quantity: 2,
            attendees: [{ ticketTypeId: type.ticketTypeId, name: 'Grace Hopper', email: 'grace@example.org' }] });
        const more = [];
        for (let i = 0; i < 4; i++)
            more.push(...(await usher.register(buyer, event, { quantity: 3 })).ticketIds);
        const token = organizer.token;
        const rows = [];
        let cursor = '';
        do {
            const page = await usher.must(200, 'GET', `/v1/events/${event.eventId}/roster?limit=5${cursor}`, { token });
            rows.push(...page.items);
            cursor = page.nextCursor && `&cursor=${page.nextCursor}`;
        } while (cursor);
        assert.deepEqual(rows.map((r) => r.ticketId).sort(), [...named.ticketIds, ...more].sort());
        const name = (id) => rows.find((r) => r.ticketId === id).attendeeName;
        assert.deepEqual(named.ticketIds.map(name).sort(), ['Ada Lovelace', 'Grace Hopper']);
        assert.ok(rows.every((r) => r.status === 'valid' && r.edition === 1 && r.ticketTypeId === type.ticketTypeId && r.ticketTypeName === 'Free'));
        const path = `/v1/events/${event.eventId}/roster`;
        const before = await usher.api('GET', path, { token });
        assert.equal((await usher.api('GET', path, { token, headers: { 'if-none-match': before.headers.etag } })).status, 304);
        await scan({ ticketId: more[0], gate: 'West' });
        const after = await usher.api('GET', path, { token, headers: { 'if-none-match': before.headers.etag } });
        assert.equal(after.status, 200);
        const used = after.body.items.find((r) => r.ticketId === more[0]);
        assert.deepEqual([used.status, used.usedGate], ['used', 'West']);
    });
});
