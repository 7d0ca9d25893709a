// The worst minute of an on-sale: everyone at once for the last seats.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { start, uuid7, waitFor } from '../api/lib.mjs';

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer' });
const buyers = await Promise.all(Array.from({ length: 4 }, () => usher.account()));

function tally(answers) {
    const by = {};
    for (const { status } of answers)
        by[status] = (by[status] ?? 0) + 1;
    return by;
}

test('600 simultaneous requests for 50 seats sell 50', async () => {
    const event = await usher.createFreeEvent(organizer, { seats: 50 });
    const answers = await Promise.all(Array.from({ length: 600 }, (_, i) => usher.tryRegister(buyers[i % buyers.length], event)));
    assert.deepEqual(tally(answers), { 201: 50, 409: 550 });
    for (const { body } of answers.filter((a) => a.status === 409)) {
        assert.match(body.type, /\/problems\/sold-out$/);
        assert.ok(Array.isArray(body.available), JSON.stringify(body));
    }
    const ids = new Set(answers.filter((a) => a.status === 201).map((a) => a.body.registrationId));
    assert.equal(ids.size, 50);
    const shown = await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    assert.equal(shown.ticketTypes[0].available, 0);
    await usher.check();
});

test('600 simultaneous holds of 1 to 3 seats never pass 50, and leave no seat that somebody could have had', async () => {
    const event = await usher.createEvent(organizer, { capacity: 50, ticketTypes: [{ name: 'A', price: 1000, quantity: 40 }, { name: 'B', price: 2000, quantity: 40 }] });
    const answers = await Promise.all(Array.from({ length: 600 }, (_, i) =>
        usher.tryRegister(buyers[i % buyers.length], event, { type: i % 2, quantity: 1 + (i % 3) })));
    const held = answers.filter((a) => a.status === 201).reduce((sum, a) => sum + a.body.items.reduce((n, item) => n + item.quantity, 0), 0);
    assert.deepEqual(Object.keys(tally(answers)).sort(), ['201', '409']);
    assert.equal(held, 50, 'single seats were asked for to the end, so all must be gone');
    await usher.check();
});

test('the same Idempotency-Key a hundred times at once is one registration', async () => {
    const event = await usher.createFreeEvent(organizer, { seats: 50 });
    const key = uuid7();
    const answers = await Promise.all(Array.from({ length: 100 }, () => usher.tryRegister(buyers[0], event, { key })));
    assert.deepEqual(tally(answers), { 201: 100 });
    assert.equal(new Set(answers.map((a) => a.text)).size, 1, 'all got the same bytes');
    assert.equal((await usher.must(200, 'GET', `/v1/events/${event.eventId}`)).ticketTypes[0].available, 49);
    const other = await usher.tryRegister(buyers[0], event, { key, quantity: 2 });
    assert.equal(other.status, 422);
    assert.match(other.body.type, /idempotency-key-reused$/);
    assert.equal((await usher.tryRegister(buyers[1], event, { key })).status, 201, "another account's key is its own");
});

test('a limit for one account holds against its own hundred requests', async () => {
    const event = await usher.createFreeEvent(organizer, { ticketTypes: [{ name: 'Free', price: 0, quantity: 100, maxPerAccount: 4 }] });
    const answers = await Promise.all(Array.from({ length: 100 }, () => usher.tryRegister(buyers[0], event)));
    assert.deepEqual(tally(answers), { 201: 4, 409: 96 });
    await usher.check();
});

test('one ticket at twenty gates at once is admitted once', async () => {
    const event = await usher.createFreeEvent(organizer);
    const { ticketIds } = await usher.register(buyers[0], event, { quantity: 5 });
    for (const ticketId of ticketIds) {
        const verdicts = await Promise.all(Array.from({ length: 20 }, (_, i) => usher.validate(organizer, { ticketId, gate: `Gate ${i}` })));
        const admitted = verdicts.filter((v) => v.result === 'valid');
        assert.equal(admitted.length, 1);
        assert.ok(verdicts.filter((v) => v.result === 'invalid').every((v) => v.reason === 'already-used' && v.firstUsedGate), JSON.stringify(verdicts[0]));
    }
    await usher.check();
});

test('holds that run out give their seats back, in one wave', async () => {
    const event = await usher.createEvent(organizer, { capacity: 50, ticketTypes: [{ name: 'A', price: 1000, quantity: 50 }] });
    await Promise.all(Array.from({ length: 50 }, (_, i) => usher.register(buyers[i % buyers.length], event)));
    assert.equal((await usher.tryRegister(buyers[0], event)).status, 409);
    await usher.advance(601_000);
    await waitFor(async () => (await usher.must(200, 'GET', `/v1/events/${event.eventId}`)).ticketTypes[0].available === 50, 'all seats to be back');
    await usher.check();
});
