// Money on bad days: an event that is cancelled and a server that is killed while it refunds; a Stripe that is away for the hour in which holds
// run out; and everything that an impatient buyer does.
import assert from 'node:assert/strict';
import test from 'node:test';

import { start, uuid7, waitFor } from '../api/lib.mjs';
import { behindLine, payAt, simulator } from '../api/stripe_line.mjs';

async function all(usher, path, params) {
    const items = [];
    for (let after; ;) {
        const { body } = await simulator(usher, 'GET', path, { ...params, limit: 100, ...(after ? { starting_after: after } : {}) });
        items.push(...body.data);
        if (!body.has_more)
            return items;
        after = body.data.at(-1).id;
    }
}

test('a cancelled event refunds two hundred buyers once each, killed in the middle of it', async (t) => {
    const usher = await start({ fast: true, env: { USHER_ACCESS_TOKEN_SECONDS: '86400' } });
    const organizer = await usher.account({ role: 'organizer' });
    const buyers = await Promise.all([1, 2, 3, 4].map(() => usher.account()));
    const event = await usher.createEvent(organizer, { capacity: 250, ticketTypes: [{ name: 'Standard', price: 1500, quantity: 250 }] });
    const stats = () => usher.must(200, 'GET', `/v1/events/${event.eventId}/stats`, { token: organizer.token });
    await Promise.all(buyers.map(async (buyer) => {
        for (let i = 0; i < 50; i++) {
            const intent = await usher.intent(buyer, await usher.register(buyer, event));
            assert.equal((await usher.confirmIntent(intent)).status, 200);
        }
    }));
    await waitFor(async () => (await stats()).confirmedRegistrations === 200, 'all to be paid', { timeout: 120_000, every: 200 });
    await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
    const middle = await waitFor(async () => {
        const now = await stats();
        return now.refunds.asked + now.refunds.succeeded > 0 && now;
    }, 'the first refunds', { every: 1 });
    await usher.kill();
    t.diagnostic(`killed with ${middle.refunds.asked} asked, ${middle.refunds.succeeded} succeeded, ${middle.confirmedRegistrations} waiting`);
    assert.ok(middle.refunds.succeeded < 200, 'it was the middle');
    await usher.start();
    const end = await waitFor(async () => {
        const now = await stats();
        if (now.refunds.succeeded === 200)
            return now;
        await usher.advance(5_000);
        return false;
    }, 'all refunds', { timeout: 180_000, every: 300 });
    assert.deepEqual(end.refunds, { asked: 0, pending: 0, succeeded: 200, failed: 0 });
    assert.deepEqual([end.confirmedRegistrations, end.refunded], [0, 300_000]);
    const refunds = await all(usher, 'refunds');
    assert.equal(refunds.length, 200);
    assert.equal(new Set(refunds.map((refund) => refund.payment_intent)).size, 200);
    const { totals: [sums] } = await usher.must(200, 'GET', `/v1/events/${event.eventId}/finance`, { token: organizer.token });
    assert.deepEqual([sums.gross, sums.refunds], [300_000, 300_000]);
    await usher.check();
});

test('Stripe is away for the hour in which holds run out', async () => {
    const { usher, stripe, line } = await behindLine({ USHER_EXPIRY_GRACE: '60' });
    const organizer = await usher.account({ role: 'organizer' });
    const [early, late, other] = await Promise.all([1, 2, 3].map(() => usher.account()));
    const event = await usher.createEvent(organizer, { capacity: 3, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 3 }] });
    const first = await usher.register(early, event), second = await usher.register(late, event, { quantity: 2 });
    const intents = [await usher.intent(early, first), await usher.intent(late, second)];
    line.cut();
    for (const intent of intents)
        assert.equal((await payAt(stripe, intent)).status, 200);
    for (let minutes = 0; minutes < 60; minutes += 5) {
        await usher.advance(5 * 60_000);
        if (minutes === 30) {
            await usher.status(early, first, 'expired');
            await usher.status(late, second, 'expired');
        }
    }
    await usher.register(other, event, { quantity: 2 }); // one seat is left when Stripe is back
    line.mend();
    const settled = async (who, registration) => (await usher.registration(who, registration.registrationId));
    const ends = await waitFor(async () => {
        const now = [await settled(early, first), await settled(late, second)];
        if (now.every((r) => r.status === 'confirmed' || r.refunds.some((refund) => refund.status === 'succeeded')))
            return now;
        await usher.advance(30_000);
        return false;
    }, 'both payments to end', { timeout: 240_000, every: 300 });
    assert.deepEqual(ends.map((now) => [now.status, now.refundedAmount]), [['confirmed', 0], ['expired', 2000]]);
    for (const [i, now] of ends.entries()) {
        assert.deepEqual(now.payments.map((p) => [p.status, p.received]), [['succeeded', now.amount]]);
        const back = (await simulator(stripe, 'GET', 'refunds', { payment_intent: intents[i].paymentIntentId })).body.data;
        // What a buyer sees is what Stripe did: tickets and nothing back, or all of it back.
        assert.equal(now.refundedAmount, back.reduce((sum, refund) => sum + refund.amount, 0));
    }
    await waitFor(async () => (await usher.cli(['check'], { ok: false })).code === 0, 'all invariants');
});

test('an impatient buyer', async (t) => {
    const usher = await start();
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const event = await usher.createEvent(organizer, { capacity: 100, ticketTypes: [{ name: 'Standard', price: 2500, quantity: 100 }] });
    const refundsOf = async (intent) => (await simulator(usher, 'GET', 'refunds', { payment_intent: intent })).body.data;

    await t.test('the same key from fifty connections at once is one order and one intent', async () => {
        const key = uuid7(), payKey = uuid7();
        const orders = await Promise.all(Array.from({ length: 50 }, () => usher.tryRegister(buyer, event, { key })));
        assert.deepEqual([...new Set(orders.map((o) => `${o.status} ${o.body.registrationId}`))], [`201 ${orders[0].body.registrationId}`]);
        const { registrationId } = orders[0].body;
        const asked = await Promise.all(Array.from({ length: 50 }, () => usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, key: payKey, body: { registrationId } })));
        assert.ok(asked.every((a) => a.status === 200 || a.status === 409), asked.map((a) => a.status).join());
        const good = asked.filter((a) => a.status === 200);
        assert.ok(good.length > 0);
        assert.equal(new Set(good.map((a) => a.body.paymentIntentId)).size, 1);
        assert.equal((await all(usher, 'payment_intents')).filter((i) => i.metadata.registration_id === registrationId).length, 1);
    });

    await t.test('paid in two tabs at the same instant, it is paid once', async () => {
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        const paid = await Promise.all(Array.from({ length: 8 }, () => usher.confirmIntent(intent)));
        assert.ok(paid.some((p) => p.status === 200));
        const now = await usher.status(buyer, registration, 'confirmed');
        assert.deepEqual([now.payments.length, now.refunds.length], [1, 0]);
        // The back button: the page asks again for what is paid.
        assert.equal((await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId } })).status, 409);
    });

    await t.test('a second payment of the same order is given back, shown, and does not make it free', async () => {
        const registration = await usher.pay(buyer, await usher.register(buyer, event));
        const second = (await simulator(usher, 'POST', 'payment_intents', { amount: '2500', currency: 'eur', 'payment_method_types[0]': 'card',
            'metadata[registration_id]': registration.registrationId, payment_method: 'pm_card_visa', confirm: 'true' })).body;
        assert.equal(second.status, 'succeeded');
        await waitFor(async () => (await refundsOf(second.id)).length === 1, 'the refund');
        const now = await waitFor(async () => {
            const shown = await usher.registration(buyer, registration.registrationId);
            return shown.refunds[0]?.status === 'succeeded' && shown;
        }, 'it to be shown');
        assert.deepEqual([now.status, now.refundedAmount, now.ticketIds.length], ['confirmed', 0, 1]);
        assert.deepEqual(now.payments.map((p) => p.received), [2500, 2500]);
        assert.deepEqual(now.refunds.map((r) => [r.amount, r.paymentIntentId, r.reason]), [[2500, second.id, 'It was paid twice.']]);
        assert.equal((await refundsOf(registration.paymentIntentId)).length, 0);
    });

    await t.test('of another currency: given back whole, and nothing is confirmed', async () => {
        const registration = await usher.register(buyer, event);
        const wrong = (await simulator(usher, 'POST', 'payment_intents', { amount: '2500', currency: 'jpy', 'payment_method_types[0]': 'card',
            'metadata[registration_id]': registration.registrationId, payment_method: 'pm_card_visa', confirm: 'true' })).body;
        assert.equal(wrong.status, 'succeeded');
        await waitFor(async () => (await refundsOf(wrong.id)).length === 1, 'the refund');
        const now = await usher.registration(buyer, registration.registrationId);
        assert.deepEqual([now.status, now.refundedAmount], ['pending', 0]);
        assert.deepEqual(now.refunds.map((r) => [r.amount, r.currency]), [[2500, 'JPY']]);
    });

    await waitFor(async () => (await usher.cli(['check'], { ok: false })).code === 0, 'all invariants');
});
