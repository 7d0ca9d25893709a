// Buyers give tickets back themselves, as far as the event's policy lets them; and what a registration's money did is shown one by one.
import assert from 'node:assert/strict';
import test from 'node:test';

import { start, waitFor } from './lib.mjs';
import { simulator } from './stripe_line.mjs';

const usher = await start();
const organizer = await usher.account({ role: 'organizer' });
const buyer = await usher.account();
const day = 86_400_000;
const at = (ms) => new Date(usher.now() + ms).toISOString();

const refund = (registration, body, token = buyer.token, options = {}) =>
    usher.api('POST', `/v1/registrations/${registration.registrationId}/refund`, { token, body, ...options });
const bought = async (event, options, card) => usher.pay(buyer, await usher.register(buyer, event, options), card);
const atStripe = async (registration) => (await simulator(usher, 'GET', 'refunds', { payment_intent: registration.paymentIntentId, limit: 100 })).body.data;

test('an event says until when, and what it keeps', async () => {
    const plain = await usher.createEvent(organizer);
    assert.deepEqual([plain.refundUntil, plain.refundFeePercent], [null, 0]);
    const until = at(20 * day);
    const event = await usher.createEvent(organizer, { refundUntil: until, refundFeePercent: 15 });
    assert.deepEqual([event.refundUntil, event.refundFeePercent], [until, 15]);
    const seen = await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    assert.deepEqual([seen.refundUntil, seen.refundFeePercent], [until, 15]);
    const { items } = await usher.must(200, 'GET', `/v1/events?organizerId=${event.organizerId}`);
    assert.equal(items.find((item) => item.eventId === event.eventId).refundFeePercent, 15);
    for (const [body, pointer] of [[{ refundFeePercent: 101 }, '/refundFeePercent'], [{ refundFeePercent: -1 }, '/refundFeePercent'], [{ refundFeePercent: 1.5 }, '/refundFeePercent'],
        [{ refundUntil: 'soon' }, '/refundUntil'], [{ refundUntil: at(40 * day) }, '/refundUntil']]) {
        const created = await usher.api('POST', '/v1/events', { token: organizer.token, body: usher.eventBody(body) });
        assert.equal(created.status, 422, JSON.stringify(body));
        assert.deepEqual(created.body.errors.map((error) => error.pointer), [pointer]);
        const patched = await usher.api('PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body });
        assert.equal(patched.status, 422, JSON.stringify(body));
    }
    const earlier = await usher.api('PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body: { startsAt: at(9 * day), endsAt: at(10 * day) } });
    assert.deepEqual(earlier.body.errors.map((error) => error.pointer), ['/endsAt']);
    const changed = await usher.must(200, 'PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body: { refundUntil: null, refundFeePercent: 0 } });
    assert.deepEqual([changed.refundUntil, changed.refundFeePercent], [null, 0]);
});

test('without a policy the organizer decides', async () => {
    const registration = await bought(await usher.createEvent(organizer));
    assert.equal((await refund(registration, {})).status, 403);
    assert.equal((await refund(registration, { nonsense: 1 })).status, 403, 'who may not is told so before the body is judged');
});

test('all of it: the fee is kept, rounded half up, and the seats are free again', async (t) => {
    // price, percent, back, kept
    for (const [price, percent, back, kept] of [[2500, 0, 2500, 0], [2500, 10, 2250, 250], [1005, 10, 904, 101], [1004, 10, 904, 100], [333, 50, 166, 167], [1999, 33, 1339, 660], [101, 49, 52, 49], [99999, 99, 1000, 98999]])
        await t.test(`${percent} % of ${price}`, async () => {
            const event = await usher.createEvent(organizer, { refundUntil: at(day), refundFeePercent: percent, ticketTypes: [{ name: 'Standard', price, quantity: 5 }] });
            const registration = await bought(event);
            const answer = await refund(registration, { reason: 'ill' });
            assert.equal(answer.status, 200, answer.text);
            const now = answer.body;
            assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount, now.ticketIds.length], ['refunded', back, kept, 0]);
            assert.deepEqual(now.refunds.map((r) => [r.amount, r.reason, r.failure]), [[back, 'ill', null]]);
            assert.equal((await usher.validate(organizer, { ticketId: registration.ticketIds[0] })).reason, 'cancelled');
            assert.equal((await usher.must(200, 'GET', `/v1/events/${event.eventId}`)).ticketTypes[0].available, 5);
            await waitFor(async () => (await usher.registration(buyer, registration.registrationId)).refunds[0].status === 'succeeded', 'the refund');
            assert.deepEqual((await atStripe(registration)).map((r) => r.amount), [back]);
            assert.equal((await refund(registration, {})).status, 409, 'twice');
        });
});

test('the buyer is told by mail what comes back, and why', async () => {
    const event = await usher.createEvent(organizer, { title: 'A night that moved' });
    const registration = await bought(event, { quantity: 2 });
    assert.equal((await refund(registration, { ticketIds: [registration.ticketIds[0]], reason: 'The hall is smaller.' }, organizer.token)).status, 200);
    const mail = await usher.mail((m) => m.to.includes(buyer.email) && m.subject === 'Your refund' && m.text.includes('A night that moved'));
    assert.match(mail.text, /EUR 25\.00 of your order/);
    assert.match(mail.text, /The hall is smaller\./);
    assert.equal((await refund(registration, { amount: 99_999 }, organizer.token)).status, 409, 'a refusal tells nobody');
    assert.equal((await usher.allMail()).filter((m) => m.subject === 'Your refund' && m.text.includes('A night that moved')).length, 1);
});

test('by ticket, and what is kept of it the organizer may give back too', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day), refundFeePercent: 10, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 10 }] });
    const registration = await bought(event, { quantity: 4 });
    const [first, second, third, fourth] = registration.ticketIds;
    assert.equal((await usher.validate(organizer, { ticketId: first })).result, 'valid');
    assert.equal((await refund(registration, {})).status, 409, 'one was used');
    assert.equal((await refund(registration, { ticketIds: [first] })).status, 409);
    for (const body of [{ amount: 1 }, { amount: 900, ticketIds: [second] }]) {
        const answer = await refund(registration, body);
        assert.equal(answer.status, 422);
        assert.equal(answer.body.errors[0].pointer, '/amount');
    }
    let now = (await refund(registration, { ticketIds: [second] })).body;
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['confirmed', 900, 100]);
    assert.deepEqual(now.ticketIds, [first, third, fourth]);
    assert.equal((await refund(registration, { ticketIds: [second] })).status, 409, 'twice');
    now = (await refund(registration, { ticketIds: [third, fourth] })).body;
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['confirmed', 2700, 300]);
    assert.equal((await refund(registration, { amount: 1301 }, organizer.token)).status, 409);
    now = (await refund(registration, { amount: 200 }, organizer.token)).body;
    assert.deepEqual([now.refundedAmount, now.refundFeeAmount], [2900, 300], 'there is more than the fee left');
    now = (await refund(registration, { amount: 900 }, organizer.token)).body;
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['confirmed', 3800, 200]);
    now = (await refund(registration, { amount: 200 }, organizer.token)).body;
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount, now.ticketIds], ['refunded', 4000, 0, []]);
});

test('all of it is what the tickets that are left cost, whatever the organizer gave for the others', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day), refundFeePercent: 10, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 10 }] });
    const registration = await bought(event, { quantity: 2 });
    assert.equal((await refund(registration, { ticketIds: [registration.ticketIds[0]], amount: 200 }, organizer.token)).status, 200);
    const now = (await refund(registration, {})).body;
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['refunded', 1100, 900]);
    await usher.check();
});

test('what was kept and is given back at the provider is kept no more', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day), refundFeePercent: 50, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 10 }] });
    const registration = await bought(event, { quantity: 2 });
    assert.equal((await refund(registration, { ticketIds: [registration.ticketIds[0]] })).body.refundFeeAmount, 500);
    await waitFor(async () => (await atStripe(registration)).length === 1, 'the refund');
    assert.equal((await simulator(usher, 'POST', 'refunds', { payment_intent: registration.paymentIntentId })).body.amount, 1500);
    const now = await waitFor(async () => {
        const shown = await usher.registration(buyer, registration.registrationId);
        return shown.refunds.length === 2 && shown;
    }, 'it to be known');
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount, now.ticketIds], ['refunded', 2000, 0, []]);
});

test('with a fee of everything a ticket can still be given back', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day), refundFeePercent: 100, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 10 }] });
    const registration = await bought(event, { quantity: 2 });
    const part = (await refund(registration, { ticketIds: [registration.ticketIds[0]] })).body;
    assert.deepEqual([part.status, part.refundedAmount, part.refundFeeAmount, part.ticketIds.length], ['confirmed', 0, 1000, 1]);
    await usher.check();
    const whole = (await refund(registration, {})).body;
    assert.deepEqual([whole.status, whole.refundedAmount, whole.refundFeeAmount, whole.refunds], ['cancelled', 0, 2000, []]);
    const other = await bought(event, { quantity: 2 });
    const named = (await refund(other, { ticketIds: other.ticketIds })).body;
    assert.deepEqual([named.status, named.refundedAmount, named.refundFeeAmount], ['cancelled', 0, 2000], 'one by one as all at once');
    assert.equal((await usher.must(200, 'GET', `/v1/events/${event.eventId}`)).ticketTypes[0].available, 10);
});

test('free tickets are given back for nothing', async () => {
    const event = await usher.createFreeEvent(organizer, { refundUntil: at(day), refundFeePercent: 10 });
    const answer = await refund(await usher.register(buyer, event), {});
    assert.deepEqual([answer.status, answer.body.status, answer.body.refundFeeAmount], [200, 'cancelled', 0]);
});

test('what currencies without hundredths, and with thousandths, can move', async () => {
    for (const [currency, price, percent, back] of [['JPY', 1050, 15, 892], ['KWD', 10500, 15, 8920], ['ISK', 99, 10, 89], ['MGA', 10500, 15, 8900]]) {
        const event = await usher.createEvent(organizer, { currency, refundUntil: at(day), refundFeePercent: percent, ticketTypes: [{ name: 'Standard', price, quantity: 10 }] });
        const now = (await refund(await bought(event), {})).body;
        assert.deepEqual([now.refundedAmount, now.refundFeeAmount], [back, price - back], currency);
    }
});

test('only in time, only one\'s own, only while it is confirmed', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day) });
    const registration = await bought(event);
    const stranger = await usher.account();
    assert.equal((await refund(registration, {}, stranger.token)).status, 404);
    assert.equal((await refund(registration, {}, null)).status, 401);
    assert.equal((await refund(await usher.register(buyer, event), {})).status, 409, 'pending');
    await usher.must(200, 'PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body: { refundUntil: at(-1000) } });
    const late = await refund(registration, {});
    assert.equal(late.status, 409);
    assert.match(late.body.detail, /time/);
    assert.equal((await refund(registration, {}, organizer.token)).status, 200, 'the organizer still may');
});

test('a double click and two tabs give back once', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day), refundFeePercent: 10 });
    const registration = await bought(event, { quantity: 2 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund(registration, {})));
    assert.equal(answers.filter((a) => a.status === 200).length, 1);
    assert.ok(answers.every((a) => [200, 409].includes(a.status)));
    await waitFor(async () => (await atStripe(registration)).length === 1, 'the refund');
});

test('a refund that fails later is shown as failed, with the reason', async () => {
    const event = await usher.createEvent(organizer, { refundUntil: at(day) });
    const registration = await bought(event, {}, 'pm_card_refundFail');
    assert.equal((await refund(registration, {})).body.refunds[0].status, 'asked');
    const failed = await waitFor(async () => {
        const now = await usher.registration(buyer, registration.registrationId);
        return now.refunds[0].status === 'failed' && now;
    }, 'the failure');
    assert.equal(failed.refunds[0].failure, 'expired_or_canceled_card');
    assert.equal(failed.refundedAmount, 0);
    assert.deepEqual(failed.payments.map((p) => [p.paymentIntentId, p.status, p.received]), [[registration.paymentIntentId, 'succeeded', 2500]]);
});

test('all sums hold', async () => { await usher.check(); });
