// Money: what is paid becomes tickets or goes back, whatever comes twice, late, wrong or not at all.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';

import { prepare, sanitized, send, start, uuid7, waitFor } from './lib.mjs';
import { behindLine, payAt, signature, simulator, simulatorKeys } from './stripe_line.mjs';

const patience = sanitized ? 15_000 : 2_000; // the contract's two seconds

async function seats(usher, organizer, event) {
    const now = await usher.must(200, 'GET', `/v1/events/${event.eventId}`, { token: organizer.token });
    return now.ticketTypes[0].available;
}

async function shop(usher, overrides) {
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const event = await usher.createEvent(organizer, overrides);
    return { organizer, buyer, event };
}

test('with the simulator in the house', async (t) => {
    const usher = await start();
    const { organizer, buyer, event } = await shop(usher, { capacity: 500, ticketTypes: [{ name: 'Standard', price: 2500, quantity: 500 }] });
    const at = (path, options) => usher.api('POST', path, { token: buyer.token, ...options });

    await t.test('a payment becomes tickets within two seconds', async () => {
        const registration = await usher.register(buyer, event, { quantity: 2 });
        const intent = await usher.intent(buyer, registration);
        assert.deepEqual(Object.keys(intent).sort(), ['amount', 'clientSecret', 'currency', 'paymentIntentId', 'provider', 'publishableKey']);
        assert.equal(intent.amount, 5000);
        assert.equal(intent.currency, 'EUR');
        assert.equal(intent.provider, 'simulator');
        assert.match(intent.clientSecret, new RegExp(`^${intent.paymentIntentId}_secret_`));
        assert.equal((await usher.confirmIntent(intent)).body.status, 'succeeded');
        const paid = await usher.status(buyer, registration, 'confirmed', { timeout: patience });
        assert.equal(paid.ticketIds.length, 2);
        assert.equal(paid.paymentIntentId, intent.paymentIntentId);
        assert.equal(paid.expiresAt, null);
        assert.equal(paid.refundedAmount, 0);
    });

    await t.test('a declined card changes nothing, and another card pays the same intent', async () => {
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        const rows = [
            ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
            ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
            ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
            ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc'],
            ['pm_card_chargeDeclinedProcessingError', 'processing_error', 'processing_error'],
        ];
        for (const [card, code, reason] of rows) {
            const { status, body } = await usher.confirmIntent(intent, card);
            assert.equal(status, 402, card);
            assert.deepEqual([body.error.type, body.error.code, body.error.decline_code], ['card_error', code, reason], card);
            assert.equal(body.error.payment_intent.status, 'requires_payment_method');
        }
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'pending');
        assert.equal((await usher.intent(buyer, registration)).paymentIntentId, intent.paymentIntentId);
        assert.equal((await usher.confirmIntent(intent)).status, 200);
        await usher.status(buyer, registration, 'confirmed');
    });

    await t.test('a card that asks first pays once its holder said yes', async () => {
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        const asked = await usher.confirmIntent(intent, 'pm_card_threeDSecure2Required');
        assert.equal(asked.body.status, 'requires_action');
        const url = new URL(asked.body.next_action.redirect_to_url.url);
        assert.match((await send(usher.url, 'GET', url.pathname + url.search)).text, /<form method="post">/);
        const no = await send(usher.url, 'POST', url.pathname + url.search, { body: 'outcome=fail', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
        assert.equal(no.status, 303);
        assert.match(no.headers.location, /redirect_status=failed/);
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'pending');
        assert.equal((await usher.confirmIntent(intent, 'pm_card_threeDSecure2Required')).body.status, 'requires_action');
        const yes = await send(usher.url, 'POST', url.pathname + url.search, { body: 'outcome=pass', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
        assert.match(yes.headers.location, /redirect_status=succeeded/);
        await usher.status(buyer, registration, 'confirmed', { timeout: patience });
    });

    await t.test('two tabs and a double click get one intent', async () => {
        const registration = await usher.register(buyer, event);
        const answers = await Promise.all(Array.from({ length: 20 }, () => usher.intent(buyer, registration)));
        assert.equal(new Set(answers.map((a) => a.paymentIntentId)).size, 1);
        assert.equal(new Set(answers.map((a) => a.clientSecret)).size, 1);
        const made = await simulator(usher, 'GET', 'payment_intents', { limit: 100 });
        assert.equal(made.body.data.filter((i) => i.metadata.registration_id === registration.registrationId).length, 1);
    });

    await t.test('asked again under a key, the answer is the same', async () => {
        const registration = await usher.register(buyer, event);
        const key = uuid7();
        const ask = () => at('/v1/create-payment-intent', { key, body: { registrationId: registration.registrationId } });
        const first = await ask();
        assert.equal(first.status, 200, first.text);
        assert.deepEqual((await ask()).body, first.body);
        const another = await usher.register(buyer, event);
        assert.equal((await at('/v1/create-payment-intent', { key, body: { registrationId: another.registrationId } })).status, 422);
    });

    await t.test('paying lengthens a hold once', async () => {
        const registration = await usher.register(buyer, event);
        const before = Date.parse(registration.expiresAt);
        await usher.intent(buyer, registration);
        const once = Date.parse((await usher.registration(buyer, registration.registrationId)).expiresAt);
        assert.ok(once >= before && once <= before + 600_000, `${once - before} ms`);
        await usher.intent(buyer, registration);
        assert.equal(Date.parse((await usher.registration(buyer, registration.registrationId)).expiresAt), once);
    });

    await t.test('who may not pay, and what cannot be paid', async () => {
        const stranger = await usher.account();
        const mine = await usher.register(buyer, event);
        const ask = (token, registrationId) => usher.api('POST', '/v1/create-payment-intent', { token, body: { registrationId } });
        assert.equal((await ask(undefined, mine.registrationId)).status, 401);
        assert.equal((await ask(stranger.token, mine.registrationId)).status, 404);
        assert.equal((await ask(organizer.token, mine.registrationId)).status, 404);
        assert.equal((await ask(buyer.token, uuid7())).status, 404);
        assert.equal((await at('/v1/create-payment-intent', { body: {} })).status, 422);
        assert.equal((await at('/v1/create-payment-intent', { body: { registrationId: mine.registrationId, amount: 1 } })).status, 422);
        const free = await usher.createFreeEvent(organizer);
        assert.equal((await ask(buyer.token, (await usher.register(buyer, free)).registrationId)).status, 409);
        await usher.must(200, 'DELETE', `/v1/registrations/${mine.registrationId}`, { token: buyer.token });
        assert.equal((await ask(buyer.token, mine.registrationId)).status, 409);
        const paid = await usher.register(buyer, event);
        await usher.pay(buyer, paid);
        assert.equal((await ask(buyer.token, paid.registrationId)).status, 409);
    });

    await t.test('a webhook is what was signed, and twice is once', async () => {
        const { webhook } = simulatorKeys(usher);
        const registration = await usher.register(buyer, event);
        await usher.pay(buyer, registration);
        const events = await simulator(usher, 'GET', 'events', { type: 'payment_intent.succeeded', limit: 1 });
        const payload = JSON.stringify(events.body.data[0]);
        const post = (body, header) => usher.api('POST', '/v1/stripe-webhook',
            { body, headers: { 'content-type': 'application/json', ...(header ? { 'stripe-signature': header } : {}) } });
        for (const bad of [undefined, '', 't=1,v1=00', signature('whsec_other', payload), signature(webhook, `${payload} `),
            signature(webhook, payload, Math.floor(Date.now() / 1000) - 400)])
            assert.equal((await post(payload, bad)).status, 400, bad);
        for (let i = 0; i < 3; i++)
            assert.equal((await post(payload, signature(webhook, payload))).status, 200);
        const again = payload.replace(/evt_[A-Za-z0-9]+/, 'evt_again');
        assert.equal((await post(again, signature(webhook, again))).status, 200);
        for (const body of ['{"id":"evt_x1","object":"event","type":"invoice.paid","created":1,"livemode":false,"data":{"object":{"id":"in_1","object":"invoice"}}}',
            '{"id":"evt_x2","object":"event","type":"payment_intent.succeeded","created":1,"livemode":true,"data":{"object":{"id":"pi_unheard","object":"payment_intent"}}}',
            '{"id":"evt_x3","object":"event","type":"payment_intent.succeeded","created":1,"livemode":false,"data":{"object":{"id":"pi_unheard","object":"payment_intent"}}}'])
            assert.equal((await post(body, signature(webhook, body))).status, 200, body);
        for (const body of ['{}', '[]', 'null', '{"id":7}', 'x', ''])
            assert.equal((await post(body, signature(webhook, body))).status, 400, body);
        const after = await usher.registration(buyer, registration.registrationId);
        assert.equal(after.status, 'confirmed');
        assert.equal(after.ticketIds.length, 1);
    });

    await t.test('an intent whose amount was changed confirms nothing; the money goes back, and the buyer may pay again', async () => {
        const registration = await usher.register(buyer, event, { quantity: 2 });
        const intent = await usher.intent(buyer, registration);
        assert.equal((await simulator(usher, 'POST', `payment_intents/${intent.paymentIntentId}`, { amount: '100' })).body.amount, 100);
        assert.equal((await usher.confirmIntent(intent)).status, 200);
        await waitFor(async () => (await simulator(usher, 'GET', 'refunds', { payment_intent: intent.paymentIntentId })).body.data.length === 1, 'the refund');
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'pending');
        const second = await usher.intent(buyer, registration);
        assert.notEqual(second.paymentIntentId, intent.paymentIntentId);
        assert.equal((await usher.confirmIntent(second)).status, 200);
        await usher.status(buyer, registration, 'confirmed');
    });

    await t.test('paid by another intent than the buyer was given: that is the one it was bought with, and the buyer\'s cannot be paid any more', async () => {
        const registration = await usher.register(buyer, event);
        const given = await usher.intent(buyer, registration);
        const other = (await simulator(usher, 'POST', 'payment_intents', { amount: String(registration.amount), currency: 'eur', 'payment_method_types[0]': 'card',
            'metadata[registration_id]': registration.registrationId, payment_method: 'pm_card_visa', confirm: 'true' })).body;
        assert.equal(other.status, 'succeeded', JSON.stringify(other));
        const now = await usher.status(buyer, registration, 'confirmed', { timeout: patience });
        assert.equal(now.paymentIntentId, other.id);
        await waitFor(async () => (await simulator(usher, 'GET', `payment_intents/${given.paymentIntentId}`)).body.status === 'canceled', 'the cancel', { timeout: patience });
    });

    await t.test('a hold that is given back takes its intent with it', async () => {
        const left = await seats(usher, organizer, event);
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        const given = await usher.must(200, 'DELETE', `/v1/registrations/${registration.registrationId}`, { token: buyer.token });
        assert.equal(given.status, 'cancelled');
        assert.equal(await seats(usher, organizer, event), left);
        await waitFor(async () => (await simulator(usher, 'GET', `payment_intents/${intent.paymentIntentId}`)).body.status === 'canceled', 'the intent to be cancelled');
        const late = await usher.confirmIntent(intent);
        assert.equal(late.status, 400);
        assert.equal(late.body.error.code, 'payment_intent_unexpected_state');
    });

    await t.test('a hold that runs out: the intent first, then the seats', async () => {
        const left = await seats(usher, organizer, event);
        const registration = await usher.register(buyer, event, { quantity: 3 });
        const intent = await usher.intent(buyer, registration);
        await usher.advance(21 * 60_000);
        await usher.status(buyer, registration, 'expired', { timeout: patience });
        assert.equal((await simulator(usher, 'GET', `payment_intents/${intent.paymentIntentId}`)).body.status, 'canceled');
        assert.equal((await usher.confirmIntent(intent)).body.error.code, 'payment_intent_unexpected_state');
        assert.ok(await seats(usher, organizer, event) >= left);
        const answer = await at('/v1/create-payment-intent', { body: { registrationId: registration.registrationId } });
        assert.equal(answer.status, 409);
        assert.match(answer.body.type, /hold-expired$/);
    });

    await usher.check();
});

test('refunds', async (t) => {
    const usher = await start();
    const { organizer, buyer, event } = await shop(usher, { capacity: 50, ticketTypes: [{ name: 'Standard', price: 2000, quantity: 50 }] });
    const refund = (registration, body, token = organizer.token, options = {}) =>
        usher.api('POST', `/v1/registrations/${registration.registrationId}/refund`, { token, body, ...options });
    const atStripe = async (registration) => (await simulator(usher, 'GET', 'refunds', { payment_intent: registration.paymentIntentId, limit: 100 })).body.data;
    const bought = async (quantity = 1, card) => usher.pay(buyer, await usher.register(buyer, event, { quantity }), card);

    await t.test('everything: money, tickets and seats', async () => {
        const before = await seats(usher, organizer, event);
        const registration = await bought(2);
        const answer = await refund(registration, {});
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.body.status, 'refunded');
        assert.equal(answer.body.refundedAmount, 4000);
        assert.equal(await seats(usher, organizer, event), before);
        for (const id of registration.ticketIds) {
            assert.equal((await usher.ticket(buyer, id)).status, 'cancelled');
            assert.equal((await usher.validate(organizer, { ticketId: id })).reason, 'cancelled');
        }
        const [made] = await waitFor(async () => {
            const all = await atStripe(registration);
            return all.length === 1 && all;
        }, 'the refund at Stripe');
        assert.equal(made.amount, 4000);
        assert.equal(made.metadata.registration_id, registration.registrationId);
        assert.equal((await refund(registration, {})).status, 409);
        assert.equal((await atStripe(registration)).length, 1);
    });

    await t.test('by ticket, by amount, and never more than was paid', async () => {
        const registration = await bought(4);
        const [first, second] = registration.ticketIds;
        let now = (await refund(registration, { ticketIds: [first], reason: 'ill' })).body;
        assert.deepEqual([now.status, now.refundedAmount], ['confirmed', 2000]);
        assert.equal((await usher.ticket(buyer, first)).status, 'cancelled');
        assert.equal((await usher.ticket(buyer, second)).status, 'valid');
        assert.equal((await refund(registration, { ticketIds: [first] })).status, 409, 'twice the same ticket');
        now = (await refund(registration, { amount: 500 })).body;
        assert.deepEqual([now.status, now.refundedAmount], ['confirmed', 2500]);
        now = (await refund(registration, { amount: 1, ticketIds: [second] })).body;
        assert.equal(now.refundedAmount, 2501);
        assert.equal((await usher.ticket(buyer, second)).status, 'cancelled');
        assert.equal((await refund(registration, { amount: 5500 })).status, 409);
        now = (await refund(registration, {})).body;
        assert.deepEqual([now.status, now.refundedAmount], ['refunded', 8000]);
        await waitFor(async () => (await atStripe(registration)).length === 4, 'four refunds at Stripe');
        assert.equal((await atStripe(registration)).reduce((sum, r) => sum + r.amount, 0), 8000);
    });

    await t.test('what is not a refund', async () => {
        const registration = await bought(1);
        const stranger = await usher.account();
        const other = await usher.account({ role: 'organizer' });
        assert.equal((await refund(registration, {}, stranger.token)).status, 404);
        assert.equal((await refund(registration, {}, other.token)).status, 404);
        assert.equal((await refund(registration, {}, buyer.token)).status, 403);
        assert.equal((await refund({ registrationId: uuid7() }, {})).status, 404);
        for (const [body, pointer] of [[{ amount: 0 }, '/amount'], [{ amount: -1 }, '/amount'], [{ amount: '5' }, '/amount'], [{ ticketIds: [] }, '/ticketIds'],
            [{ ticketIds: [uuid7()] }, '/ticketIds/0'], [{ ticketIds: [registration.ticketIds[0], registration.ticketIds[0]] }, '/ticketIds/1'], [{ who: 1 }, '/who']]) {
            const answer = await refund(registration, body);
            assert.equal(answer.status, 422, JSON.stringify(body));
            assert.equal(answer.body.errors[0].pointer, pointer);
        }
        assert.equal((await refund(await usher.register(buyer, event), {})).status, 409, 'pending');
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'confirmed');
    });

    await t.test('under one key it is one refund', async () => {
        const registration = await bought(2);
        const key = uuid7();
        const answers = await Promise.all(Array.from({ length: 10 }, () => refund(registration, { amount: 100 }, organizer.token, { key })));
        for (const answer of answers)
            assert.equal(answer.status, 200, answer.text);
        assert.equal((await usher.registration(buyer, registration.registrationId)).refundedAmount, 100);
    });

    await t.test('a free registration is just cancelled', async () => {
        const free = await usher.createFreeEvent(organizer);
        const registration = await usher.register(buyer, free, { quantity: 2 });
        const answer = await refund(registration, {});
        assert.deepEqual([answer.status, answer.body.status, answer.body.refundedAmount], [200, 'cancelled', 0]);
    });

    await t.test('one that fails later is taken back and told to the organizer', async () => {
        const registration = await bought(1, 'pm_card_refundFail');
        assert.equal((await refund(registration, {})).body.refundedAmount, 2000);
        await waitFor(async () => (await usher.registration(buyer, registration.registrationId)).refundedAmount === 0, 'the refund to be taken back');
        const mail = await usher.mail((m) => m.to.includes(organizer.email) && /refund failed/i.test(m.subject));
        assert.match(mail.text, /expired_or_canceled_card/);
    });

    await t.test('one that takes its time, and one that was made at Stripe', async () => {
        const slow = await bought(1, 'pm_card_pendingRefund');
        assert.equal((await refund(slow, {})).body.refundedAmount, 2000);
        await waitFor(async () => (await atStripe(slow))[0]?.status === 'succeeded', 'the slow refund');
        const registration = await bought(2);
        await simulator(usher, 'POST', 'refunds', { payment_intent: registration.paymentIntentId, amount: '700' });
        await waitFor(async () => (await usher.registration(buyer, registration.registrationId)).refundedAmount === 700, 'the part', { timeout: patience });
        await simulator(usher, 'POST', 'refunds', { payment_intent: registration.paymentIntentId });
        const whole = await usher.status(buyer, registration, 'refunded', { timeout: patience });
        assert.equal(whole.refundedAmount, 4000);
        assert.equal((await usher.ticket(buyer, registration.ticketIds[0])).status, 'cancelled');
    });

    // At a bank, a refund that had gone out comes back.
    const comesBack = async (registration, intent) => {
        const [made] = await waitFor(async () => {
            const all = await atStripe({ paymentIntentId: intent });
            return all.length === 1 && all;
        }, 'the refund at Stripe');
        const answer = await send(usher.url, 'POST', '/sim/settle', { body: new URLSearchParams({ object: made.id, outcome: 'failed' }).toString(),
            headers: { authorization: `Bearer ${simulatorKeys(usher).secret}`, 'content-type': 'application/x-www-form-urlencoded' } });
        assert.equal(answer.status, 200, answer.text);
        return waitFor(async () => {
            const now = await usher.registration(buyer, registration.registrationId);
            return now.refunds[0].status === 'failed' && now;
        }, 'the failure to be known', { timeout: patience });
    };
    const byHand = async (registration, intent) => {
        assert.equal((await simulator(usher, 'POST', 'refunds', { payment_intent: intent })).status, 200);
        return waitFor(async () => {
            const now = await usher.registration(buyer, registration.registrationId);
            return now.refunds[1]?.status === 'succeeded' && now;
        }, 'the refund by hand to be known', { timeout: patience });
    };

    await t.test('one that failed and was then made at Stripe by hand is the buyer\'s all the same', async () => {
        const registration = await bought(1);
        assert.equal((await refund(registration, {})).status, 200);
        assert.equal((await comesBack(registration, registration.paymentIntentId)).refundedAmount, 0);
        const now = await byHand(registration, registration.paymentIntentId);
        assert.deepEqual([now.status, now.refundedAmount], ['refunded', 2000]);
    });

    await t.test('a second payment that is given back by hand leaves the first one\'s tickets', async () => {
        const registration = await bought(1);
        const second = (await simulator(usher, 'POST', 'payment_intents', { amount: '2000', currency: 'eur', 'payment_method_types[0]': 'card',
            'metadata[registration_id]': registration.registrationId, payment_method: 'pm_card_visa', confirm: 'true' })).body;
        assert.equal(second.status, 'succeeded');
        await comesBack(registration, second.id);
        const now = await byHand(registration, second.id);
        assert.deepEqual([now.status, now.refundedAmount, now.ticketIds], ['confirmed', 0, registration.ticketIds]);
    });

    await t.test('in more pieces than a list has', async () => {
        const registration = await bought(1);
        for (let n = 0; n < 105; n += 15)
            for (const answer of await Promise.all(Array.from({ length: 15 }, () => refund(registration, { amount: 1 }))))
                assert.equal(answer.status, 200, answer.text);
        await waitFor(async () => {
            const { refunds } = await usher.must(200, 'GET', `/v1/events/${event.eventId}/finance`, { token: organizer.token });
            return refunds.every(({ status }) => status !== 'asked');
        }, 'all of them at Stripe', { timeout: 60_000, every: 200 });
        const now = await usher.registration(buyer, registration.registrationId);
        assert.deepEqual([now.status, now.refundedAmount, now.ticketIds], ['confirmed', 105, registration.ticketIds]);
    });

    await t.test('what the organizer keeps of the last ticket stays kept', async () => {
        const registration = await bought(2);
        const [first, second] = registration.ticketIds;
        let now = (await refund(registration, { amount: 300, ticketIds: [first] })).body;
        assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['confirmed', 300, 0]);
        now = (await refund(registration, { amount: 1500, ticketIds: [second] })).body;
        assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['refunded', 1800, 2200]);
        await usher.check();
    });

    await usher.check();
});

test('a cancelled event gives everybody back what is theirs', async () => {
    const usher = await start();
    const organizer = await usher.account({ role: 'organizer' });
    const event = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Standard', price: 1500, quantity: 50 }, { name: 'Guest', price: 0, quantity: 50 }] });
    const buyers = await Promise.all(Array.from({ length: 3 }, () => usher.account()));
    const paid = [], holds = [], free = [];
    for (let i = 0; i < 14; i++)
        paid.push([buyers[i % 3], await usher.pay(buyers[i % 3], await usher.register(buyers[i % 3], event))]);
    for (let i = 0; i < 4; i++) {
        const registration = await usher.register(buyers[i % 3], event);
        const intent = i % 2 ? await usher.intent(buyers[i % 3], registration) : null;
        holds.push([buyers[i % 3], registration, intent]);
    }
    for (let i = 0; i < 8; i++)
        free.push([buyers[i % 3], await usher.register(buyers[i % 3], event, { type: 1 })]);

    const cancelled = await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
    assert.equal(cancelled.status, 'cancelled');
    for (const [buyer, registration] of paid) {
        const now = await usher.status(buyer, registration, 'refunded');
        assert.equal(now.refundedAmount, 1500);
    }
    for (const [buyer, registration] of [...holds, ...free])
        await usher.status(buyer, registration, 'cancelled');
    await waitFor(async () => (await simulator(usher, 'GET', 'refunds', { limit: 100 })).body.data.length === paid.length, 'the refunds at Stripe');
    for (const [, , intent] of holds.filter((hold) => hold[2]))
        await waitFor(async () => (await simulator(usher, 'GET', `payment_intents/${intent.paymentIntentId}`)).body.status === 'canceled', 'a hold\'s intent');
    const mail = await usher.mail((m) => m.to.includes(buyers[0].email) && /cancelled/i.test(m.subject));
    assert.match(mail.text, /will not take place/);
    await usher.check();
});

test('a cancelled event: one registration whose rows do not fit keeps nobody else waiting, and is seen', async () => {
    const usher = await start();
    const { organizer, buyer, event } = await shop(usher);
    const paid = [];
    for (let i = 0; i < 4; i++)
        paid.push(await usher.pay(buyer, await usher.register(buyer, event)));
    await usher.stop();
    const spoilt = paid[1].registrationId;
    execFileSync('sqlite3', [join(usher.data, 'usher.db'), `PRAGMA ignore_check_constraints = 1; UPDATE registration SET refunded = amount + 1 WHERE id = X'${spoilt.replaceAll('-', '')}'`]);
    await usher.start();
    await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
    for (const registration of paid.filter(({ registrationId }) => registrationId !== spoilt))
        await usher.status(buyer, registration, 'refunded');
    assert.equal((await usher.registration(buyer, spoilt)).status, 'confirmed');
    await waitFor(() => usher.log.includes(`registration ${spoilt} of a cancelled event cannot be given back`), 'the line in the log');
});

test('holds are short and end on time', async () => {
    const usher = await start({ env: { USHER_HOLD_SECONDS: '1' } });
    const { buyer, event } = await shop(usher, { capacity: 3, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 3 }] });
    const registrations = await Promise.all([1, 2, 3].map(() => usher.register(buyer, event)));
    // On a busy machine the second may be over by now, and is then told.
    await Promise.all(registrations.map(async ({ registrationId, expiresAt }) => {
        const answer = await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId } });
        if (answer.status !== 200)
            assert.ok(answer.status === 409 && /hold-expired$/.test(answer.body.type) && Date.now() >= Date.parse(expiresAt), answer.text);
    }));
    for (const registration of registrations) {
        const held = await usher.registration(buyer, registration.registrationId);
        if (held.status === 'pending')
            await waitFor(() => Date.now() >= Date.parse(held.expiresAt), 'the end of the hold');
        await usher.status(buyer, registration, 'expired', { timeout: patience });
    }
    assert.equal((await usher.tryRegister(buyer, event, { quantity: 3 })).status, 201, 'the seats are back');
    await usher.check();
});

test('when Stripe cannot be reached', async (t) => {
    const { usher, stripe, line } = await behindLine({ USHER_EXPIRY_GRACE: '60' });
    const { organizer, buyer, event } = await shop(usher, { capacity: 4, ticketTypes: [{ name: 'Standard', price: 1000, quantity: 4 }] });
    const other = await usher.account();
    // Jobs wait a while after a failure; the clock of the test does not.
    const eventually = (condition, what) => waitFor(async () => {
        if (await condition())
            return true;
        await usher.advance(8_000);
        return false;
    }, what, { timeout: 180_000, every: 250 });
    const statusIs = (who, registration, wanted) => async () => (await usher.registration(who, registration.registrationId)).status === wanted;
    const refundsOf = async (intent) => (await simulator(stripe, 'GET', 'refunds', { payment_intent: intent.paymentIntentId })).body.data;

    await t.test('a payment that no webhook told of is found', async () => {
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        assert.equal((await payAt(stripe, intent)).status, 200);
        await eventually(statusIs(buyer, registration, 'confirmed'), 'the reconciler');
        assert.equal((await usher.api('POST', `/v1/registrations/${registration.registrationId}/refund`, { token: organizer.token, body: {} })).status, 200);
        await eventually(async () => (await refundsOf(intent)).length === 1, 'the refund');
    });

    await t.test('a buyer is told at once, and goes on when it is back', async () => {
        const registration = await usher.register(buyer, event);
        line.cut();
        const answer = await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId }, outage: true });
        assert.equal(answer.status, 502, answer.text);
        line.mend();
        const intent = await waitFor(async () => {
            const again = await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId }, outage: true });
            return again.status === 200 && again.body;
        }, 'an intent', { every: 200 });
        assert.ok(intent.clientSecret);
        await usher.must(200, 'DELETE', `/v1/registrations/${registration.registrationId}`, { token: buyer.token });
        await eventually(async () => (await simulator(stripe, 'GET', `payment_intents/${intent.paymentIntentId}`)).body.status === 'canceled', 'its cancel');
    });

    await t.test('an answer that was lost makes no second intent', async () => {
        const registration = await usher.register(buyer, event);
        line.deaf();
        await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId }, outage: true });
        line.mend();
        await waitFor(async () => (await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId }, outage: true })).status === 200,
            'the intent', { every: 200 });
        const made = (await simulator(stripe, 'GET', 'payment_intents', { limit: 100 })).body.data.filter((i) => i.metadata.registration_id === registration.registrationId);
        assert.equal(made.length, 1);
        await usher.must(200, 'DELETE', `/v1/registrations/${registration.registrationId}`, { token: buyer.token });
    });

    await t.test('kill -9 while Stripe makes the intent: the next start finds it', async () => {
        const registration = await usher.register(buyer, event);
        line.hold();
        const before = line.seen.length; // the cancel that the DELETE above asked for may come before or after this call
        const asked = usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId } }).catch(() => null);
        await waitFor(() => line.seen.slice(before).includes('POST /sim/stripe/v1/payment_intents'), 'the call');
        await usher.kill();
        await asked;
        line.mend();
        await usher.start();
        await eventually(async () => (await usher.registration(buyer, registration.registrationId)).paymentIntentId !== null, 'the intent to be stored');
        const made = (await simulator(stripe, 'GET', 'payment_intents', { limit: 100 })).body.data.filter((i) => i.metadata.registration_id === registration.registrationId);
        assert.equal(made.length, 1);
        await eventually(statusIs(buyer, registration, 'expired'), 'the hold to run out');
    });

    await t.test('given back in the moment of paying: refunded', async () => {
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        assert.equal((await payAt(stripe, intent)).status, 200);
        await usher.must(200, 'DELETE', `/v1/registrations/${registration.registrationId}`, { token: buyer.token });
        await eventually(async () => (await refundsOf(intent)).length === 1, 'the refund');
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'cancelled');
    });

    await t.test('after the grace the seats go back; what was paid meanwhile is honoured while there are seats', async () => {
        const registration = await usher.register(buyer, event);
        const intent = await usher.intent(buyer, registration);
        line.cut();
        assert.equal((await payAt(stripe, intent)).status, 200);
        const due = Date.parse((await usher.registration(buyer, registration.registrationId)).expiresAt);
        await usher.advance(due - usher.now() + 1000);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'pending', 'within the grace the seats wait');
        await usher.advance(61_000);
        await usher.status(buyer, registration, 'expired');
        line.mend();
        await eventually(statusIs(buyer, registration, 'confirmed'), 'the late payment to be honoured');
        assert.equal((await refundsOf(intent)).length, 0);
    });

    await t.test('and refunded when the seats are gone', async () => {
        const registration = await usher.register(buyer, event, { quantity: 3 });
        const intent = await usher.intent(buyer, registration);
        line.cut();
        assert.equal((await payAt(stripe, intent)).status, 200);
        const due = Date.parse((await usher.registration(buyer, registration.registrationId)).expiresAt);
        await usher.advance(due - usher.now() + 62_000);
        await usher.status(buyer, registration, 'expired');
        const taken = await usher.register(other, event, { quantity: 3 });
        line.mend();
        await eventually(async () => (await refundsOf(intent)).length === 1, 'the refund');
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'expired');
        assert.equal((await usher.registration(other, taken.registrationId)).eventId, event.eventId);
        await usher.mail((m) => m.to.includes(buyer.email) && /given back/.test(m.subject));
    });

    await eventually(async () => {
        const { code } = await usher.cli(['check'], { ok: false });
        return code === 0;
    }, 'all invariants');
});

test('keys that do not go together are refused before anything starts', async () => {
    const rows = [
        [{ USHER_STRIPE_SECRET_KEY: 'sk_live_abc', USHER_STRIPE_API_BASE: 'http://127.0.0.1:9/sim/stripe' }, /live Stripe key/],
        [{ USHER_STRIPE_SECRET_KEY: 'rk_live_abc', USHER_STRIPE_API_BASE: 'http://127.0.0.1:9/sim/stripe/v1/' }, /live Stripe key/],
        [{ USHER_STRIPE_SECRET_KEY: 'sk_live_abc', USHER_STRIPE_API_BASE: 'http://api.example' }, /https/],
        [{ USHER_STRIPE_API_BASE: 'https://api.example' }, /USHER_STRIPE_SECRET_KEY/],
        [{ USHER_STRIPE_SECRET_KEY: 'pk_test_abc' }, /not a Stripe secret key/],
        [{ USHER_STRIPE_SECRET_KEY: 'sk_abc' }, /not a Stripe secret key/],
        [{ USHER_STRIPE_SECRET_KEY: 'sk_live_abc', USHER_STRIPE_PUBLISHABLE_KEY: 'pk_test_abc' }, /PUBLISHABLE/],
        [{ USHER_STRIPE_SECRET_KEY: 'rk_test_abc', USHER_STRIPE_PUBLISHABLE_KEY: 'pk_live_abc' }, /PUBLISHABLE/],
        [{ USHER_STRIPE_WEBHOOK_SECRET: 'whsec_a,whsec_b,whsec_c' }, /two/],
    ];
    for (const [env, what] of rows) {
        const usher = prepare({ env });
        await assert.rejects(usher.start(), what, JSON.stringify(env));
        usher.process = null;
    }
});
