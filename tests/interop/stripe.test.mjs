// The official Stripe library is the judge of the simulator, and of our ear for webhooks.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after } from 'node:test';

import Stripe from 'stripe';

import { send, start, waitFor } from '../api/lib.mjs';
import { simulatorKeys } from '../api/stripe_line.mjs';

const usher = await start();
const keys = simulatorKeys(usher);
const options = (overrides = {}) => ({ host: '127.0.0.1', port: usher.port, protocol: 'http', telemetry: false, maxNetworkRetries: 0, ...overrides });

// The library calls /v1/...; ours is under /sim/stripe. A prefix is what it cannot be told, so its own HTTP client gets one.
class Prefixed extends http.Agent {
    addRequest(request, ...rest) {
        request.path = `/sim/stripe${request.path}`;
        return super.addRequest(request, ...rest);
    }
}
const client = (key, overrides) => new Stripe(key, options({ httpAgent: new Prefixed({ keepAlive: true }), ...overrides }));
const stripe = client(keys.secret);
const browser = client(keys.publishable);

const create = (overrides = {}, more) => stripe.paymentIntents.create({ amount: 4200, currency: 'eur', payment_method_types: ['card'], ...overrides }, more);

test('an intent is made, read, changed and listed', async () => {
    const intent = await create({ metadata: { registration_id: 'r1', 'a b': 'ü&=+' }, description: 'Two seats' });
    assert.match(intent.id, /^pi_/);
    assert.equal(intent.object, 'payment_intent');
    assert.equal(intent.status, 'requires_payment_method');
    assert.deepEqual([intent.amount, intent.currency, intent.amount_received, intent.livemode], [4200, 'eur', 0, false]);
    assert.deepEqual({ ...intent.metadata }, { registration_id: 'r1', 'a b': 'ü&=+' });
    assert.match(intent.client_secret, new RegExp(`^${intent.id}_secret_`));
    assert.match(intent.lastResponse.requestId, /^req_/);
    const read = await stripe.paymentIntents.retrieve(intent.id);
    assert.deepEqual(read, intent);
    const changed = await stripe.paymentIntents.update(intent.id, { amount: 5000, metadata: { 'a b': '', c: 'd' } });
    assert.equal(changed.amount, 5000);
    assert.deepEqual({ ...changed.metadata }, { registration_id: 'r1', c: 'd' });
    const list = await stripe.paymentIntents.list({ limit: 1 });
    assert.equal(list.data[0].id, intent.id);
    assert.equal(list.url, '/v1/payment_intents');
});

test('confirmed with a test card, with its charge', async () => {
    const intent = await create();
    const paid = await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa', expand: ['latest_charge', 'payment_method'] });
    assert.equal(paid.status, 'succeeded');
    assert.equal(paid.amount_received, 4200);
    assert.equal(paid.latest_charge.object, 'charge');
    assert.equal(paid.latest_charge.amount_refunded, 0);
    assert.equal(paid.latest_charge.payment_method_details.card.last4, '4242');
    assert.equal(paid.payment_method.card.brand, 'visa');
    const charge = await stripe.charges.retrieve(paid.latest_charge.id);
    assert.equal(charge.payment_intent, intent.id);
    const once = await create({ confirm: true, payment_method: 'pm_card_mastercard' });
    assert.equal(once.status, 'succeeded');
});

test('declines are card errors with their code', async () => {
    const rows = [
        ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
        ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
        ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
        ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
        ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
        ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc'],
        ['pm_card_chargeDeclinedProcessingError', 'processing_error', 'processing_error'],
    ];
    for (const [card, code, reason] of rows) {
        const intent = await create();
        const error = await stripe.paymentIntents.confirm(intent.id, { payment_method: card }).then(() => assert.fail(card), (e) => e);
        assert.ok(error instanceof Stripe.errors.StripeCardError, `${card}: ${error}`);
        assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, code, reason], card);
        assert.ok(error.message);
        assert.equal(error.payment_intent.id, intent.id);
        const after = await stripe.paymentIntents.retrieve(intent.id);
        assert.equal(after.status, 'requires_payment_method');
        assert.equal(after.last_payment_error.code, code);
    }
});

test('a browser confirms with the publishable key, the secret of the intent, and a card number', async () => {
    const card = (number, more = {}) => ({ payment_method_data: { type: 'card', card: { number, exp_month: 12, exp_year: 2040, cvc: '123', ...more } } });
    const intent = await create({ metadata: { inside: 'x' } });
    const secret = { client_secret: intent.client_secret };
    for (const [data, code] of [[card('4242424242424241'), 'incorrect_number'], [card('4000000000000002'), 'card_declined'],
        [card('4242424242424242', { exp_year: 2020 }), 'invalid_expiry_year'], [card('4242424242424242', { exp_month: 13 }), 'invalid_expiry_month'],
        [card('4242424242424242', { cvc: '1' }), 'invalid_cvc'], [card('4000000000000127'), 'incorrect_cvc']]) {
        const error = await browser.paymentIntents.confirm(intent.id, { ...data, ...secret }).then(() => assert.fail(code), (e) => e);
        assert.ok(error instanceof Stripe.errors.StripeCardError, String(error));
        assert.equal(error.code, code);
    }
    const seen = await browser.paymentIntents.retrieve(intent.id, secret);
    assert.equal(seen.metadata, undefined);
    await assert.rejects(browser.paymentIntents.retrieve(intent.id, { client_secret: 'x' }), Stripe.errors.StripeInvalidRequestError);
    await assert.rejects(browser.paymentIntents.retrieve(intent.id), Stripe.errors.StripeAuthenticationError);
    const method = await browser.paymentMethods.create({ type: 'card', card: { number: '4242 4242 4242 4242', exp_month: 1, exp_year: 2041, cvc: '999' } });
    assert.equal(method.card.last4, '4242');
    const paid = await browser.paymentIntents.confirm(intent.id, { payment_method: method.id, ...secret });
    assert.equal(paid.status, 'succeeded');
    for (const refused of [() => browser.paymentIntents.create({ amount: 1, currency: 'eur' }), () => browser.paymentIntents.cancel(intent.id, secret),
        () => browser.refunds.create({ payment_intent: intent.id }), () => browser.events.list()])
        await assert.rejects(refused(), (e) => [401, 403].includes(e.statusCode));
});

test('3-D Secure waits for its holder', async () => {
    const intent = await create();
    const waiting = await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_threeDSecure2Required', return_url: 'https://shop.example/back?x=1' });
    assert.equal(waiting.status, 'requires_action');
    assert.equal(waiting.next_action.type, 'redirect_to_url');
    const url = new URL(waiting.next_action.redirect_to_url.url);
    const answer = await send(usher.url, 'POST', url.pathname + url.search, { body: 'outcome=pass', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    assert.equal(answer.status, 303);
    assert.equal(new URL(answer.headers.location).searchParams.get('payment_intent'), intent.id);
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
});

test('what is over stays as it is', async () => {
    const cancelled = await create();
    assert.equal((await stripe.paymentIntents.cancel(cancelled.id, { cancellation_reason: 'abandoned' })).status, 'canceled');
    const paid = await create({ confirm: true, payment_method: 'pm_card_visa' });
    for (const wrong of [() => stripe.paymentIntents.cancel(cancelled.id), () => stripe.paymentIntents.confirm(cancelled.id, { payment_method: 'pm_card_visa' }),
        () => stripe.paymentIntents.update(cancelled.id, { amount: 1 }), () => stripe.paymentIntents.cancel(paid.id),
        () => stripe.paymentIntents.confirm(paid.id, { payment_method: 'pm_card_visa' }), () => stripe.paymentIntents.update(paid.id, { amount: 1 })]) {
        const error = await wrong().then(() => assert.fail('it was done'), (e) => e);
        assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError, String(error));
        assert.deepEqual([error.statusCode, error.code], [400, 'payment_intent_unexpected_state']);
        assert.ok(error.payment_intent.id);
    }
});

test('refunds, whole, in part, and no more than that', async () => {
    const paid = await create({ confirm: true, payment_method: 'pm_card_visa' });
    const part = await stripe.refunds.create({ payment_intent: paid.id, amount: 1000, reason: 'requested_by_customer', metadata: { refund_id: 'x' } });
    assert.deepEqual([part.object, part.amount, part.status, part.payment_intent, part.metadata.refund_id], ['refund', 1000, 'succeeded', paid.id, 'x']);
    await assert.rejects(stripe.refunds.create({ payment_intent: paid.id, amount: 3201 }), (e) => e.param === 'amount');
    const rest = await stripe.refunds.create({ charge: paid.latest_charge });
    assert.equal(rest.amount, 3200);
    await assert.rejects(stripe.refunds.create({ payment_intent: paid.id }), (e) => e.code === 'charge_already_refunded');
    const charge = await stripe.charges.retrieve(paid.latest_charge);
    assert.deepEqual([charge.amount_refunded, charge.refunded], [4200, true]);
    const list = await stripe.refunds.list({ payment_intent: paid.id });
    assert.deepEqual(list.data.map((r) => r.id), [rest.id, part.id]);
    assert.equal((await stripe.refunds.retrieve(part.id)).id, part.id);
    await assert.rejects(stripe.refunds.create({ payment_intent: (await create()).id }), Stripe.errors.StripeInvalidRequestError);
    const failing = await create({ confirm: true, payment_method: 'pm_card_refundFail' });
    const refund = await stripe.refunds.create({ payment_intent: failing.id });
    assert.equal(refund.status, 'succeeded');
    await waitFor(async () => (await stripe.refunds.retrieve(refund.id)).status === 'failed', 'the refund to fail');
    assert.equal((await stripe.charges.retrieve(failing.latest_charge)).amount_refunded, 0);
});

test('one key is one payment, and with other parameters an error', async () => {
    const first = await create({}, { idempotencyKey: 'pi-r1-1' });
    const again = await create({}, { idempotencyKey: 'pi-r1-1' });
    assert.equal(again.id, first.id);
    assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
    assert.equal(again.lastResponse.requestId, first.lastResponse.requestId);
    await assert.rejects(create({ amount: 4201 }, { idempotencyKey: 'pi-r1-1' }), Stripe.errors.StripeIdempotencyError);
    // A decline was carried out, so it is played back; a malformed request was not.
    const intent = await create();
    const decline = () => stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa_chargeDeclined' }, { idempotencyKey: 'decline' });
    const one = await decline().catch((e) => e);
    const two = await decline().catch((e) => e);
    assert.equal(two.charge, one.charge);
    await assert.rejects(create({ amount: 0 }, { idempotencyKey: 'malformed' }), Stripe.errors.StripeInvalidRequestError);
    assert.ok(await create({}, { idempotencyKey: 'malformed' }));
});

test('errors of the form, the key and the address', async () => {
    const rows = [
        [() => create({ amount: undefined }), 'parameter_missing', 'amount'],
        [() => create({ currency: undefined }), 'parameter_missing', 'currency'],
        [() => create({ amount: 1.5 }), 'parameter_invalid_integer', 'amount'],
        [() => create({ amount: -1 }), 'parameter_invalid_integer', 'amount'],
        [() => create({ currency: 'euro' }), undefined, 'currency'],
        [() => create({ surprise: 1 }), 'parameter_unknown', 'surprise'],
        [() => stripe.paymentIntents.retrieve('pi_none'), 'resource_missing', 'intent'],
        [() => stripe.refunds.retrieve('re_none'), 'resource_missing', 'id'],
        [() => stripe.paymentIntents.retrieve('pi_none', { expand: ['x'] }), 'resource_missing', 'intent'],
    ];
    for (const [call, code, param] of rows) {
        const error = await call().then(() => assert.fail(`${call}`), (e) => e);
        assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError, String(error));
        assert.deepEqual([error.code, error.param], [code, param], String(call));
        assert.match(error.requestId, /^req_/);
    }
    await assert.rejects(client('sk_test_wrong').paymentIntents.list(), Stripe.errors.StripeAuthenticationError);
    const basic = await send(usher.url, 'GET', '/sim/stripe/v1/events?limit=1', { headers: { authorization: `Basic ${Buffer.from(`${keys.secret}:`).toString('base64')}` } });
    assert.equal(basic.status, 200);
    assert.equal((await send(usher.url, 'GET', '/sim/stripe/v1/customers', { headers: { authorization: `Bearer ${keys.secret}` } })).status, 404);
    assert.equal((await send(usher.url, 'GET', '/sim/stripe/v1/events')).status, 401);
});

test('events are listed by type and time, page by page', async () => {
    const intent = await create({ confirm: true, payment_method: 'pm_card_visa' });
    await stripe.refunds.create({ payment_intent: intent.id });
    const types = ['payment_intent.succeeded', 'charge.refunded', 'refund.created'];
    const mine = [];
    for await (const event of stripe.events.list({ types, limit: 2, created: { gte: intent.created } }))
        if ([event.data.object.id, event.data.object.payment_intent].includes(intent.id))
            mine.push(event);
    assert.deepEqual(mine.map((e) => e.type), ['charge.refunded', 'refund.created', 'payment_intent.succeeded']);
    assert.deepEqual(await stripe.events.retrieve(mine[0].id), { ...mine[0] });
    assert.equal((await stripe.events.list({ created: { gt: intent.created + 1000 } })).data.length, 0);
    const newest = await stripe.events.list({ limit: 3 });
    const before = await stripe.events.list({ limit: 3, ending_before: newest.data[2].id });
    assert.deepEqual(before.data.map((e) => e.id), newest.data.slice(0, 2).map((e) => e.id));
    assert.equal(mine[0].api_version, '2026-10-28.endive');
});

test('its webhooks are what the library takes, and are sent until they are taken', async () => {
    const seen = [];
    let refusals = 2;
    const server = http.createServer(async (request, answer) => {
        const chunks = [];
        for await (const chunk of request)
            chunks.push(chunk);
        seen.push({ payload: Buffer.concat(chunks).toString(), header: request.headers['stripe-signature'] });
        answer.writeHead(refusals-- > 0 ? 500 : 200).end();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    after(() => server.close());
    const endpoint = await stripe.webhookEndpoints.create({ url: `http://127.0.0.1:${server.address().port}/hook`, enabled_events: ['payment_intent.succeeded'] });
    assert.match(endpoint.secret, /^whsec_/);
    const intent = await create({ confirm: true, payment_method: 'pm_card_visa', description: 'ü 漢字 "quoted"' });
    await waitFor(() => seen.length === 3, 'two refusals and a third try');
    for (const { payload, header } of seen) {
        const event = stripe.webhooks.constructEvent(payload, header, endpoint.secret);
        assert.equal(event.type, 'payment_intent.succeeded');
        assert.equal(event.data.object.id, intent.id);
        assert.equal(event.data.object.description, 'ü 漢字 "quoted"');
        assert.throws(() => stripe.webhooks.constructEvent(`${payload} `, header, endpoint.secret), Stripe.errors.StripeSignatureVerificationError);
    }
    assert.equal(new Set(seen.map(({ payload }) => payload)).size, 1);
    assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined);
    assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
    await create({ confirm: true, payment_method: 'pm_card_visa' });
    assert.equal((await stripe.webhookEndpoints.list()).data.length, 0);
    assert.equal(seen.length, 3);
});

test('our ear for signatures is the library\'s', async () => {
    const payload = JSON.stringify({ id: 'evt_ear', object: 'event', type: 'ping', created: 1, livemode: false, data: { object: { id: 'x', object: 'y' } } });
    const now = Math.floor(Date.now() / 1000);
    const made = (overrides = {}) => stripe.webhooks.generateTestHeaderString({ payload, secret: keys.webhook, timestamp: now, ...overrides });
    const good = made();
    const headers = [good, made({ timestamp: now - 290 }), made({ timestamp: now + 200 }), `${good},v1=${'0'.repeat(64)}`, `t=${now},v1=${'0'.repeat(64)},${good.split(',')[1]}`,
        `${good},v0=abc`, `x=y,${good}`, made({ timestamp: now - 400 }), made({ secret: 'whsec_other' }), made({ payload: `${payload} ` }), good.replace('v1', 'v0'),
        good.split(',')[1], good.split(',')[0], good.replace(',', ', '), good.toUpperCase(), '', 't=1', `t=${now},v1=`];
    for (const header of headers) {
        let library;
        try {
            stripe.webhooks.constructEvent(payload, header, keys.webhook);
            library = 200;
        } catch {
            library = 400;
        }
        const answer = await send(usher.url, 'POST', '/v1/stripe-webhook', { body: payload, headers: { 'content-type': 'application/json', 'stripe-signature': header } });
        assert.equal(answer.status, library, `${header}: ${answer.text}`);
    }
});

test('a retry of the library is not a second payment', async () => {
    const retrying = client(keys.secret, { maxNetworkRetries: 2 });
    const intents = await Promise.all(Array.from({ length: 5 }, () => retrying.paymentIntents.create({ amount: 100, currency: 'usd' }, { idempotencyKey: 'same-time' })));
    assert.equal(new Set(intents.map((i) => i.id)).size, 1);
});
