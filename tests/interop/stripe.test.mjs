// The official Stripe library is the judge of the simulator: intents, refunds, disputes, the balance, lists and errors.
import assert from 'node:assert/strict';
import test from 'node:test';

import Stripe from 'stripe';

import { send, start, waitFor } from '../api/lib.mjs';
import { clients, failure } from './stripe_client.mjs';

const usher = await start();
const { keys, client, stripe, browser, create, paid, hand } = clients(usher);
const state = () => hand('GET', 'state');

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
    const say = (outcome) => send(usher.url, 'POST', url.pathname + url.search, { body: `outcome=${outcome}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    const shown = await send(usher.url, 'GET', url.pathname + url.search);
    assert.match(shown.text, /<form method="post">/);
    assert.match(shown.text, /A payment of 42\.00 eur/);
    assert.doesNotMatch(shown.text, /<style|<script|style=/, 'nothing that the policy forbids');
    assert.match((await send(usher.url, 'GET', shown.text.match(/rel="stylesheet" href="([^"]+)"/)[1])).headers['content-type'], /^text\/css/);
    assert.equal((await send(usher.url, 'GET', url.pathname)).status, 404, 'not without the secret');
    // Another origin cannot be reached by a redirect behind a form (form-action 'self'): the page leads on.
    const answer = await say('pass');
    assert.equal(answer.status, 200);
    const back = new URL(answer.text.match(/<meta http-equiv="refresh" content="0;url=([^"]+)"/)[1].replaceAll('&amp;', '&'));
    assert.equal(back.origin + back.pathname, 'https://shop.example/back');
    assert.deepEqual(Object.fromEntries(back.searchParams), { x: '1', payment_intent: intent.id, payment_intent_client_secret: intent.client_secret, redirect_status: 'succeeded' });
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
    assert.equal((await say('fail')).text, answer.text, 'a second click goes the same way');
    assert.equal((await stripe.charges.list({ payment_intent: intent.id })).data.length, 1);
    // Our own origin is reached by a redirect, and a "no" leads back as well.
    const other = await create();
    const asked = await stripe.paymentIntents.confirm(other.id, { payment_method: 'pm_card_authenticationRequired', return_url: `${usher.url}/` });
    const page = new URL(asked.next_action.redirect_to_url.url);
    const no = await send(usher.url, 'POST', page.pathname + page.search, { body: 'outcome=fail', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    assert.equal(no.status, 303);
    assert.equal(new URL(no.headers.location).searchParams.get('redirect_status'), 'failed');
    const failed = await stripe.paymentIntents.retrieve(other.id);
    assert.deepEqual([failed.status, failed.last_payment_error.code], ['requires_payment_method', 'payment_intent_authentication_failure']);
    // A card that is declined behind the yes; the same by one call, and without a holder at all.
    const third = await create({ confirm: true, payment_method: 'pm_card_threeDSecureRequiredChargeDeclined' });
    const declined = await failure(stripe.rawRequest('POST', `/v1/payment_intents/${third.id}/authenticate`, { outcome: 'succeeded' }));
    assert.equal(declined.decline_code, 'generic_decline');
    const alone = await failure(paid('pm_card_threeDSecure2Required', { off_session: true }));
    assert.deepEqual([alone.statusCode, alone.code], [402, 'authentication_required']);
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

test('what is refused changes nothing', async () => {
    const before = await state();
    const intent = await create();
    const payable = await paid();
    const rows = [
        () => create({ expand: ['nonsense'] }), () => create({ confirm: true, payment_method: 'pm_card_visa', expand: ['latest_charge.nonsense'] }),
        () => create({ confirm: true }), () => create({ confirm: true, payment_method: 'pm_none' }), () => create({ metadata: { ['x'.repeat(41)]: 'y' } }),
        () => stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa', expand: ['nonsense'] }),
        () => stripe.paymentIntents.cancel(intent.id, { expand: ['nonsense'] }), () => stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'boredom' }),
        () => stripe.refunds.create({ payment_intent: payable.id, expand: ['nonsense'] }), () => stripe.refunds.create({ payment_intent: payable.id, amount: 4201 }),
        () => stripe.refunds.create({ payment_intent: payable.id, metadata: { a: 'x'.repeat(501) } }),
        () => stripe.paymentIntents.update(intent.id, { amount: 9000, currency: 'xxx' }), () => stripe.webhookEndpoints.create({ url: 'ftp://x', enabled_events: ['*'] }),
        () => create({}, { idempotencyKey: 'x'.repeat(256) }),
    ];
    await hand('POST', 'deliver');
    const now = await state();
    for (const call of rows)
        assert.equal((await failure(call(), String(call))).statusCode, 400, String(call));
    assert.deepEqual({ ...await state(), now: 0 }, { ...now, now: 0 });
    assert.equal(now.payment_intents.length, before.payment_intents.length + 2);
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).amount, 4200);
    // A decline is an answer like another, and stays.
    await failure(stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_chargeDeclined' }));
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).last_payment_error.decline_code, 'generic_decline');
});

test('a key is kept with its errors, has a length, and belongs to who used it', async () => {
    const key = { idempotencyKey: `${'k'.repeat(255)}` };
    const made = await create({}, key);
    assert.equal((await create({}, key)).id, made.id);
    const cancelled = await create();
    await stripe.paymentIntents.cancel(cancelled.id);
    const again = async () => failure(stripe.paymentIntents.confirm(cancelled.id, { payment_method: 'pm_card_visa' }, { idempotencyKey: 'state' }));
    const [first, second] = [await again(), await again()];
    assert.equal(first.requestId, second.requestId);
    assert.equal(second.headers['idempotent-replayed'], 'true');
    assert.equal((await failure(create({}, { idempotencyKey: 'x'.repeat(256) }))).type, 'StripeInvalidRequestError');
    const mine = await create({}, { idempotencyKey: 'shared' });
    const theirs = await failure(browser.paymentIntents.create({ amount: 4200, currency: 'eur', payment_method_types: ['card'] }, { idempotencyKey: 'shared' }));
    assert.equal(theirs.statusCode, 403);
    assert.ok(mine.id);
    // Two at once: one is carried out, the other is told to wait, or finds it done.
    await hand('POST', 'mischief', { rules: 'slow:400/POST:payment_intents' });
    const twins = await Promise.allSettled([create({}, { idempotencyKey: 'twin' }), create({}, { idempotencyKey: 'twin' })]);
    await hand('POST', 'mischief', { rules: '' });
    assert.deepEqual(twins.map((twin) => twin.status).sort(), ['fulfilled', 'rejected']);
    const refused = twins.find((twin) => twin.reason).reason;
    assert.deepEqual([refused.statusCode, refused.code], [409, 'idempotency_key_in_use']);
});

test('currencies and amounts that Stripe takes', async () => {
    for (const [currency, amount, code] of [['eur', 49, 'amount_too_small'], ['gbp', 29, 'amount_too_small'], ['jpy', 49, 'amount_too_small'], ['huf', 17499, 'amount_too_small'],
        ['xxx', 5000], ['e u', 5000], ['kwd', 5001], ['isk', 5050]]) {
        const error = await failure(create({ currency, amount }), currency);
        assert.deepEqual([error.statusCode, error.code, error.param], [400, code, code || ['kwd', 'isk'].includes(currency) ? 'amount' : 'currency'], currency);
    }
    for (const [currency, amount] of [['EUR', 50], ['gbp', 30], ['jpy', 50], ['kwd', 5010], ['isk', 5000], ['zmw', 1]])
        assert.deepEqual([(await create({ currency, amount })).currency, amount], [currency.toLowerCase(), amount]);
});

test('a card held first and charged later, in part, never, or too late', async () => {
    const held = await paid('pm_card_visa', { capture_method: 'manual' });
    assert.deepEqual([held.status, held.amount_capturable, held.amount_received], ['requires_capture', 4200, 0]);
    const charge = await stripe.charges.retrieve(held.latest_charge);
    assert.deepEqual([charge.captured, charge.paid, charge.status, charge.balance_transaction], [false, true, 'succeeded', null]);
    assert.equal((await failure(stripe.refunds.create({ payment_intent: held.id }))).statusCode, 400);
    assert.equal((await failure(stripe.refunds.create({ charge: held.latest_charge }))).statusCode, 400);
    assert.equal((await failure(stripe.paymentIntents.capture(held.id, { amount_to_capture: 4201 }))).code, 'amount_too_large');
    const part = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 4000, expand: ['latest_charge.balance_transaction'] });
    assert.deepEqual([part.status, part.amount_received, part.amount_capturable], ['succeeded', 4000, 0]);
    assert.deepEqual([part.latest_charge.amount_captured, part.latest_charge.balance_transaction.amount], [4000, 4000]);
    assert.equal((await failure(stripe.paymentIntents.capture(held.id))).code, 'payment_intent_unexpected_state');
    assert.equal((await stripe.refunds.create({ payment_intent: held.id })).amount, 4000);

    const dropped = await paid('pm_card_visa', { capture_method: 'manual' });
    assert.equal((await stripe.paymentIntents.cancel(dropped.id)).status, 'canceled');
    const released = await stripe.charges.retrieve(dropped.latest_charge);
    assert.deepEqual([released.refunded, released.captured], [true, false]);
});

// The simulator goes on by itself after `ms`. Where the machine was too busy for all of `act` to come before that, it is done once more.
async function before(ms, act) {
    for (let left = 20; ; left--) {
        const began = performance.now();
        const outcome = await act().then((value) => ({ value }), (error) => ({ error }));
        if (performance.now() - began >= ms && left)
            continue;
        if (outcome.error)
            throw outcome.error;
        return outcome.value;
    }
}

test('a debit is under way for a while, then there or not', async () => {
    const bank = (method) => create({ payment_method_types: ['us_bank_account'], currency: 'usd', confirm: true, payment_method: method });
    const [good, bad, stuck] = await before(3000, async () => {
        const intents = [await bank('pm_usBankAccount_success'), await bank('pm_usBankAccount_accountClosed'), await bank('pm_usBankAccount_processing')];
        for (const intent of intents) {
            assert.equal(intent.status, 'processing');
            assert.equal((await stripe.charges.retrieve(intent.latest_charge)).status, 'pending');
            assert.equal((await failure(stripe.paymentIntents.cancel(intent.id))).code, 'payment_intent_unexpected_state');
            assert.equal((await failure(stripe.refunds.create({ payment_intent: intent.id }))).statusCode, 400);
        }
        return intents;
    });
    await waitFor(async () => (await stripe.paymentIntents.retrieve(good.id)).status === 'succeeded', 'the debit by itself');
    await hand('POST', 'settle');
    const back = await stripe.paymentIntents.retrieve(bad.id);
    assert.deepEqual([back.status, back.last_payment_error.code, back.amount_received], ['requires_payment_method', 'account_closed', 0]);
    assert.equal((await stripe.paymentIntents.retrieve(stuck.id)).status, 'processing');
    await hand('POST', 'settle', { object: stuck.id, outcome: 'failed' });
    assert.equal((await stripe.paymentIntents.retrieve(stuck.id)).status, 'requires_payment_method');
    assert.equal((await failure(create({ confirm: true, payment_method: 'pm_usBankAccount_success' }))).param, 'payment_method');
    assert.equal((await stripe.paymentIntents.create({ amount: 100, currency: 'usd', confirm: true, payment_method: 'pm_usBankAccount_success' })).status, 'processing');
});

test('what an intent may be changed to, and when', async () => {
    const asked = await create({ confirm: true, payment_method: 'pm_card_threeDSecure2Required' });
    const dearer = await stripe.paymentIntents.update(asked.id, { amount: 9900 });
    assert.deepEqual([dearer.status, dearer.amount, dearer.next_action], ['requires_confirmation', 9900, null], 'a yes to another amount counts no more');
    const done = await paid();
    assert.equal((await stripe.paymentIntents.update(done.id, { metadata: { late: 'yes' }, description: 'still' })).metadata.late, 'yes');
    for (const [name, value] of [['amount', 1000], ['currency', 'usd'], ['payment_method', 'pm_card_visa']])
        assert.equal((await failure(stripe.paymentIntents.update(done.id, { [name]: value }))).code, 'payment_intent_unexpected_state', name);
    assert.equal((await stripe.paymentIntents.update(done.id, { metadata: '' })).metadata.late, undefined);
    const method = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_visa' }, metadata: { seat: '4' }, billing_details: { name: 'Ada', address: { city: 'Ulm' } } });
    const read = await stripe.paymentMethods.retrieve(method.id);
    assert.deepEqual([read.metadata.seat, read.billing_details.name, read.billing_details.address.city], ['4', 'Ada', 'Ulm']);
    assert.equal((await failure(create({ customer: 'cus_none' }))).param, 'customer');
});

test('what a browser may not do, nor see', async () => {
    const intent = await create({ metadata: { inside: 'x' } });
    const secret = { client_secret: intent.client_secret };
    for (const refused of [() => browser.paymentIntents.update(intent.id, { ...secret, amount: 100 }), () => browser.paymentIntents.capture(intent.id, secret),
        () => browser.paymentIntents.list(), () => browser.charges.list(), () => browser.disputes.list(), () => browser.balance.retrieve(), () => browser.balanceTransactions.list(),
        () => browser.webhookEndpoints.list(), () => browser.paymentMethods.retrieve('pm_x')])
        assert.equal((await failure(refused(), String(refused))).statusCode, 403, String(refused));
    for (const more of [{ amount: 1 }, { metadata: { a: 'b' } }, { off_session: true }])
        assert.equal((await failure(browser.paymentIntents.confirm(intent.id, { ...secret, payment_method: 'pm_card_visa', ...more }))).code, 'parameter_unknown');
    const error = await failure(browser.paymentIntents.confirm(intent.id, { ...secret, payment_method: 'pm_card_chargeDeclined' }));
    assert.equal(error.payment_intent.metadata, undefined);
    assert.equal((await browser.paymentIntents.confirm(intent.id, { ...secret, payment_method: 'pm_card_visa', expand: ['latest_charge'] })).latest_charge, undefined);
    await assert.rejects(hand('GET', 'state', {}, { key: keys.publishable }), /403/);
    await assert.rejects(hand('POST', 'reset', {}, { key: 'sk_test_wrong' }), /401/);
    assert.equal((await send(usher.url, 'POST', '/sim/reset')).status, 401);
});

test('refunds that take their time, fail, or are called off', async () => {
    const of = async (card) => stripe.refunds.create({ payment_intent: (await paid(card)).id, amount: 1000, expand: ['charge', 'balance_transaction'] });
    const slow = await before(1000, async () => {
        const refund = await of('pm_card_pendingRefund');
        assert.deepEqual([refund.status, refund.charge.amount_refunded, refund.balance_transaction.net], ['pending', 1000, -1000]);
        assert.equal((await stripe.refunds.cancel(refund.id)).status, 'canceled');
        return refund;
    });
    assert.equal((await stripe.charges.retrieve(slow.charge.id)).amount_refunded, 0);
    assert.equal((await failure(stripe.refunds.cancel(slow.id))).statusCode, 400);
    await before(1000, async () => {
        const failing = await of('pm_card_pendingRefund');
        await hand('POST', 'settle', { object: failing.id, outcome: 'failed' });
        const failed = await stripe.refunds.retrieve(failing.id, { expand: ['failure_balance_transaction'] });
        assert.deepEqual([failed.status, failed.failure_reason, failed.failure_balance_transaction.net], ['failed', 'expired_or_canceled_card', 1000]);
    });
    const good = await of('pm_card_pendingRefund');
    await hand('POST', 'settle');
    assert.equal((await stripe.refunds.retrieve(good.id)).status, 'succeeded');
    const late = await of('pm_card_refundFail');
    assert.equal(late.status, 'succeeded');
    await hand('POST', 'settle', { object: late.id });
    assert.equal((await stripe.refunds.retrieve(late.id)).status, 'failed');
    assert.equal((await stripe.refunds.create({ payment_intent: late.payment_intent })).amount, 4200, 'what failed can be given back again');
    assert.deepEqual((await stripe.refunds.list({ charge: good.charge.id })).data.map((r) => r.id), [good.id]);
    assert.deepEqual((await stripe.refunds.list({ charge: 'ch_none' })).data, []);
    const declined = await failure(paid('pm_card_chargeDeclined'));
    assert.equal((await failure(stripe.refunds.create({ charge: declined.charge }))).statusCode, 400, 'no money came');
});

test('disputes are opened, answered, won and lost', async () => {
    const open = async (card) => {
        const intent = await paid(card);
        await hand('POST', 'settle', { object: intent.latest_charge });
        const { data } = await stripe.disputes.list({ payment_intent: intent.id });
        assert.equal(data.length, 1);
        return data[0];
    };
    const answer = (dispute, text, more = {}) => stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: text, customer_name: 'Ada' }, ...more });
    const won = await open('pm_card_createDispute');
    assert.deepEqual([won.status, won.reason, won.amount, won.balance_transactions[0].net], ['needs_response', 'fraudulent', 4200, -5700]);
    assert.equal((await stripe.charges.retrieve(won.charge)).disputed, true);
    assert.equal((await failure(stripe.refunds.create({ charge: won.charge }))).code, 'charge_disputed');
    const draft = await answer(won, 'winning_evidence', { submit: false, metadata: { file: '7' } });
    assert.deepEqual([draft.status, draft.evidence.customer_name, draft.evidence_details.has_evidence, draft.metadata.file], ['needs_response', 'Ada', true, '7']);
    assert.equal((await stripe.disputes.update(won.id, { submit: true })).status, 'under_review');
    await waitFor(async () => (await stripe.disputes.retrieve(won.id)).status === 'won', 'the decision');
    assert.equal((await stripe.disputes.retrieve(won.id)).balance_transactions[1].net, 4200);
    assert.equal((await failure(answer(won, 'more'))).statusCode, 400);
    assert.equal((await failure(stripe.disputes.close(won.id))).statusCode, 400);
    const lost = await open('pm_card_createDisputeProductNotReceived');
    assert.equal(lost.reason, 'product_not_received');
    await answer(lost, 'losing_evidence');
    await hand('POST', 'settle');
    assert.equal((await stripe.disputes.retrieve(lost.id)).status, 'lost');
    assert.equal((await failure(stripe.refunds.create({ charge: lost.charge }))).code, 'charge_disputed');
    const inquiry = await open('pm_card_createDisputeInquiry');
    assert.deepEqual([inquiry.status, inquiry.balance_transactions.length], ['warning_needs_response', 0]);
    assert.equal((await stripe.refunds.create({ charge: inquiry.charge, amount: 100 })).status, 'succeeded');
    assert.equal((await stripe.disputes.close(inquiry.id)).status, 'warning_closed');
    const intent = await paid();
    const made = await hand('POST', 'dispute', { payment_intent: intent.id, reason: 'duplicate' });
    assert.deepEqual([made.object, made.reason, made.charge], ['dispute', 'duplicate', intent.latest_charge]);
    assert.equal((await stripe.disputes.close(made.id)).status, 'lost');
    await hand('POST', 'dispute', { payment_intent: intent.id }, { status: 400 });
    await hand('POST', 'dispute', { payment_intent: (await create()).id }, { status: 404 });
    assert.equal((await failure(stripe.disputes.update(lost.id, { evidence: { nonsense: 'x' } }))).code, 'parameter_unknown');
    assert.deepEqual((await stripe.disputes.list({ charge: lost.charge })).data.map((d) => d.id), [lost.id]);
});

test('the balance is the sum of its movements', async () => {
    await hand('POST', 'reset');
    assert.deepEqual((await stripe.balance.retrieve()).available, []);
    const one = await paid('pm_card_visa', { amount: 10_000 });
    await paid('pm_card_bypassPending', { amount: 1000, currency: 'usd' });
    await failure(paid('pm_card_chargeDeclined'));
    await stripe.refunds.create({ payment_intent: one.id, amount: 2500 });
    const charge = await stripe.charges.retrieve(one.latest_charge, { expand: ['balance_transaction'] });
    const moved = charge.balance_transaction;
    // 1.5 % and 25.
    assert.deepEqual([moved.amount, moved.fee, moved.net, moved.type, moved.status, moved.source, moved.fee_details[0].type],
        [10_000, 175, 9825, 'charge', 'pending', one.latest_charge, 'stripe_fee']);
    await hand('POST', 'dispute', { payment_intent: one.id });
    const all = [];
    for await (const txn of stripe.balanceTransactions.list({ limit: 2 }))
        all.push(txn);
    assert.deepEqual(all.map((t) => [t.type, t.currency, t.amount, t.fee, t.net]).reverse(), [['charge', 'eur', 10_000, 175, 9825], ['charge', 'usd', 1000, 40, 960],
        ['refund', 'eur', -2500, 0, -2500], ['adjustment', 'eur', -7500, 1500, -9000]]);
    assert.deepEqual((await stripe.balanceTransactions.list({ type: 'refund' })).data.map((t) => t.amount), [-2500]);
    assert.equal((await stripe.balanceTransactions.list({ source: one.latest_charge, expand: ['data.source'] })).data[0].source.id, one.latest_charge);
    const amounts = (part) => Object.fromEntries(part.map(({ currency, amount }) => [currency, amount]));
    const early = await stripe.balance.retrieve();
    assert.deepEqual([amounts(early.available), amounts(early.pending)], [{ eur: -11_500, usd: 960 }, { eur: 9825, usd: 0 }]);
    await usher.advance(3 * 86_400_000);
    const later = await stripe.balance.retrieve();
    assert.deepEqual([amounts(later.available), amounts(later.pending)], [{ eur: -1675, usd: 960 }, { eur: 0, usd: 0 }]);
    assert.equal((await stripe.balanceTransactions.retrieve(moved.id)).status, 'available');
    assert.deepEqual((await state()).balance.available, later.available);
});

test('a hold on a card, and the time to answer a dispute, run out by the clock', async () => {
    const held = await paid('pm_card_visa', { capture_method: 'manual' });
    const intent = await paid();
    const dispute = await hand('POST', 'dispute', { payment_intent: intent.id });
    await hand('POST', 'settle');
    assert.equal((await stripe.paymentIntents.retrieve(held.id)).status, 'requires_capture', 'settling now does not make it run out');
    await usher.advance(7 * 86_400_000 + 1000);
    await waitFor(async () => (await stripe.paymentIntents.retrieve(held.id)).status === 'canceled', 'the end of the hold');
    assert.equal((await stripe.paymentIntents.retrieve(held.id)).cancellation_reason, 'automatic');
    await waitFor(async () => (await stripe.disputes.retrieve(dispute.id)).status === 'lost', 'the end of the dispute');
});

test('lists are paged both ways, and bounded', async () => {
    await hand('POST', 'reset');
    const made = [];
    for (let i = 0; i < 7; i++)
        made.unshift((await create({ amount: 100 + i })).id);
    const ids = async (params) => (await stripe.paymentIntents.list(params)).data.map((i) => i.id);
    const seen = [];
    for await (const intent of stripe.paymentIntents.list({ limit: 3 }))
        seen.push(intent.id);
    assert.deepEqual(seen, made);
    assert.deepEqual(await ids({ limit: 2, starting_after: made[1] }), made.slice(2, 4));
    assert.deepEqual(await ids({ limit: 2, ending_before: made[4] }), made.slice(2, 4));
    assert.equal((await stripe.paymentIntents.list({ limit: 7 })).has_more, false);
    assert.equal((await stripe.paymentIntents.list({ limit: 6 })).has_more, true);
    assert.deepEqual(await ids({ customer: 'cus_none' }), []);
    const { created } = await stripe.paymentIntents.retrieve(made[3]);
    assert.ok((await ids({ created: { gte: created, lte: created } })).includes(made[3]));
    assert.deepEqual(await ids({ created: { lt: 1000 } }), []);
    for (const wrong of [{ limit: 0 }, { limit: 101 }, { starting_after: 'pi_none' }, { starting_after: made[0], ending_before: made[1] }, { colour: 'red' }])
        assert.equal((await failure(stripe.paymentIntents.list(wrong), JSON.stringify(wrong))).statusCode, 400, JSON.stringify(wrong));
    const charged = await paid();
    const [listed] = (await stripe.paymentIntents.list({ limit: 1, expand: ['data.latest_charge.balance_transaction'] })).data;
    assert.equal(listed.latest_charge.balance_transaction.source, charged.latest_charge);
    assert.deepEqual((await stripe.charges.list({ payment_intent: charged.id })).data.map((c) => c.id), [charged.latest_charge]);
});

test('the state in one answer, and an empty simulator again', async () => {
    const intent = await paid('pm_card_visa', { metadata: { registration_id: 'r9' } });
    await stripe.refunds.create({ payment_intent: intent.id, amount: 200 });
    const now = await state();
    assert.equal(now.whole, true);
    const mine = now.payment_intents.find((i) => i.id === intent.id);
    assert.deepEqual([mine.status, mine.amount_received, mine.metadata.registration_id], ['succeeded', 4200, 'r9']);
    assert.equal(now.charges.find((c) => c.payment_intent === intent.id).amount_refunded, 200);
    assert.equal(now.refunds.find((r) => r.payment_intent === intent.id).amount, 200);
    assert.ok(now.events > 0);
    await hand('POST', 'reset');
    const empty = await state();
    assert.deepEqual([empty.payment_intents, empty.charges, empty.refunds, empty.disputes, empty.events, empty.deliveries, empty.later], [[], [], [], [], 0, 0, 0]);
    assert.equal((await failure(stripe.paymentIntents.retrieve(intent.id))).statusCode, 404);
    assert.ok(await create({}, { idempotencyKey: 'pi-r1-1' }), 'keys are forgotten too');
});
