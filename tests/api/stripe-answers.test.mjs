// A Stripe that answers anything at all: what we make of it, how often we ask, and that a retry carries the same key.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after } from 'node:test';

import { start, waitFor } from './lib.mjs';

// A server that answers each POST of an intent by the test's list (the last entry stays), and everything else with 404.
async function scripted() {
    const state = { answers: [], calls: [] };
    const server = http.createServer(async (request, response) => {
        let body = '';
        for await (const chunk of request)
            body += chunk;
        if (request.method !== 'POST' || request.url !== '/v1/payment_intents') {
            response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"type":"invalid_request_error","code":"resource_missing"}}');
            return;
        }
        state.calls.push({ headers: request.headers, form: new URLSearchParams(body) });
        const answer = state.answers.length > 1 ? state.answers.shift() : state.answers[0];
        answer(response, state.calls.at(-1).form);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    after(() => {
        server.closeAllConnections();
        server.close();
    });
    return { state, url: `http://127.0.0.1:${server.address().port}` };
}

let made = 0;
const intentOf = (form, changes = {}) => ({
    id: `pi_fake${++made}`, object: 'payment_intent', livemode: false, amount: Number(form.get('amount')), amount_received: 0, currency: form.get('currency'),
    status: 'requires_payment_method', client_secret: `pi_fake${made}_secret_x`, latest_charge: null,
    metadata: { registration_id: form.get('metadata[registration_id]'), attempt: form.get('metadata[attempt]') }, ...changes,
});
const json = (status, body, headers = {}) => (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const good = (changes) => (response, form) => json(200, intentOf(form, changes))(response);
const hangUp = (response) => response.destroy();
const error = (status, type, code, headers) => json(status, { error: { type, code, message: 'no' } }, headers);

const stripe = await scripted();
const usher = await start({ env: { USHER_STRIPE_SECRET_KEY: 'sk_test_scripted', USHER_STRIPE_PUBLISHABLE_KEY: 'pk_test_scripted',
    USHER_STRIPE_WEBHOOK_SECRET: 'whsec_scripted', USHER_STRIPE_API_BASE: `${stripe.url}/v1/` } });
const organizer = await usher.account({ role: 'organizer' });
const buyer = await usher.account();
const event = await usher.createEvent(organizer, { currency: 'JPY', ticketTypes: [{ name: 'Standard', price: 500, quantity: 100 }] });

async function ask(registration) {
    return usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId }, outage: true });
}

test('what is sent', async () => {
    stripe.state.answers = [good()];
    stripe.state.calls = [];
    const registration = await usher.register(buyer, event, { quantity: 2 });
    const answer = await ask(registration);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.provider, 'stripe');
    assert.equal(answer.body.publishableKey, 'pk_test_scripted');
    const [{ headers, form }] = stripe.state.calls;
    assert.equal(headers.authorization, 'Bearer sk_test_scripted');
    assert.match(headers['stripe-version'], /^\d{4}-\d{2}-\d{2}\./);
    assert.equal(headers['content-type'], 'application/x-www-form-urlencoded');
    assert.equal(headers['idempotency-key'], `pi-${registration.registrationId}-1`);
    assert.deepEqual(Object.fromEntries(form), { amount: '1000', currency: 'jpy', 'payment_method_types[0]': 'card',
        'metadata[registration_id]': registration.registrationId, 'metadata[event_id]': event.eventId, 'metadata[attempt]': '1' });
});

test('what is made of each answer, and how often it is asked for', async (t) => {
    // name, answers, status of ours, calls
    const rows = [
        ['500 twice, then good', [error(500, 'api_error'), error(503, 'api_error'), good()], 200, 3],
        ['500 again and again', [error(500, 'api_error')], 502, 3],
        ['409, another request has the key, then good', [error(409, 'idempotency_error'), good()], 200, 2],
        ['409 that must not be retried', [error(409, 'invalid_request_error', 'lock_timeout', { 'stripe-should-retry': 'false' }), good()], 502, 1],
        ['500 that must not be retried', [error(500, 'api_error', 'x', { 'Stripe-Should-Retry': 'false' }), good()], 502, 1],
        ['400 that may be retried', [error(400, 'invalid_request_error', 'x', { 'stripe-should-retry': 'true' }), good()], 200, 2],
        ['429 is for later', [error(429, 'rate_limit_error'), good()], 502, 1],
        ['429 that may be tried at once', [error(429, 'rate_limit_error', 'x', { 'stripe-should-retry': 'true' }), good()], 200, 2],
        ['429 that says when', [error(429, 'rate_limit_error', 'x', { 'retry-after': '1' }), good()], 200, 2],
        ['503 that says when', [error(503, 'api_error', 'x', { 'Retry-After': ' 1 ' }), good()], 200, 2],
        ['503 for longer than a buyer waits', [error(503, 'api_error', 'x', { 'retry-after': '3' }), good()], 502, 1],
        ['503 with a time that is none', [error(503, 'api_error', 'x', { 'retry-after': '-1' }), good()], 200, 2],
        ['our key is wrong', [error(401, 'invalid_request_error'), good()], 502, 1],
        ['the line breaks, then good', [hangUp, good()], 200, 2],
        ['a redirect is not followed', [json(302, '', { location: `${stripe.url}/v1/payment_intents` })], 502, 1],
        ['no JSON', [json(200, '<html>')], 502, 1],
        ['JSON of another shape', [json(200, [])], 502, 1],
        ['nothing', [json(200, '')], 502, 1],
        ['an object of another kind', [good({ object: 'charge' })], 502, 1],
        ['an id that leads elsewhere', [good({ id: 'pi_/../../v1/refunds' })], 502, 1],
        ['an id that is none', [good({ id: 7 })], 502, 1],
        ['another amount', [good({ amount: 1 })], 502, 1],
        ['another currency', [good({ currency: 'eur' })], 502, 1],
        ['an intent of live mode', [good({ livemode: true })], 502, 1],
        ['another registration', [good({ metadata: { registration_id: '01a2054a-c6a8-7028-9857-811197eab200' } })], 502, 1],
        ['no metadata', [good({ metadata: null })], 502, 1],
        ['a fraction', [good({ amount: 1000.5 })], 502, 1],
        ['a status that nobody knows', [good({ status: 'requires_thought' })], 502, 1],
        ['no secret', [good({ client_secret: null })], 502, 1],
        ['nested without end', [json(200, '['.repeat(100_000))], 502, 1],
        ['more than we read', [(response) => { response.writeHead(200); response.end(Buffer.alloc(3 << 20, 'x')); }], 502, 1],
    ];
    for (const [name, answers, status, calls] of rows)
        await t.test(name, async () => {
            const registration = await usher.register(buyer, event);
            stripe.state.answers = [...answers];
            stripe.state.calls = [];
            const answer = await ask(registration);
            assert.equal(answer.status, status, answer.text);
            assert.equal(stripe.state.calls.length, calls);
            assert.equal(new Set(stripe.state.calls.map((call) => call.headers['idempotency-key'])).size, 1);
            assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'pending');
            if (status !== 200) {
                assert.doesNotMatch(answer.text, /sk_test|127\.0\.0\.1/);
                stripe.state.answers = [good()];
                assert.equal((await ask(registration)).status, 200, 'and then it works');
                assert.equal(stripe.state.calls.at(-1).headers['idempotency-key'], `pi-${registration.registrationId}-1`, 'under the same key');
            }
            await usher.must(200, 'DELETE', `/v1/registrations/${registration.registrationId}`, { token: buyer.token });
        });
});

test('a refusal is another attempt the next time, for its answer would be played back for a day', async () => {
    const registration = await usher.register(buyer, event);
    stripe.state.answers = [error(400, 'invalid_request_error', 'amount_too_small'), good()];
    stripe.state.calls = [];
    assert.equal((await ask(registration)).status, 502);
    assert.equal((await ask(registration)).status, 200);
    assert.deepEqual(stripe.state.calls.map((call) => call.headers['idempotency-key'].slice(-2)), ['-1', '-2']);
});

test('who cannot be reached is not asked again and again', async () => {
    const registration = await usher.register(buyer, event);
    stripe.state.answers = [hangUp];
    stripe.state.calls = [];
    await waitFor(async () => {
        const before = stripe.state.calls.length;
        assert.equal((await ask(registration)).status, 502);
        return stripe.state.calls.length === before;
    }, 'the breaker to open');
    const began = performance.now();
    assert.equal((await ask(registration)).status, 502);
    assert.ok(performance.now() - began < 1000, 'refused at once');
    // Half open: of a crowd that comes when the time is over, one tries (its tries after the first are for the next turn).
    stripe.state.calls = [];
    await waitFor(async () => {
        await Promise.all(Array.from({ length: 8 }, () => ask(registration)));
        return stripe.state.calls.length > 0;
    }, 'a turn to try', { every: 50 });
    assert.ok(stripe.state.calls.length <= 3, `${stripe.state.calls.length} calls: one buyer's, and perhaps the reconciler's`);
    stripe.state.answers = [good()];
    await waitFor(async () => (await ask(registration)).status === 200, 'the breaker to close', { every: 200 });
});

test('who is told to come again later stays away, and tells the buyer when', async () => {
    const first = await usher.register(buyer, event), second = await usher.register(buyer, event);
    stripe.state.answers = [error(429, 'rate_limit_error', 'x', { 'retry-after': '3' }), good()];
    stripe.state.calls = [];
    const told = await ask(first);
    assert.equal(told.status, 502, told.text);
    assert.equal(told.headers['retry-after'], '3');
    const kept = await ask(second);
    assert.equal(kept.status, 502);
    assert.match(kept.headers['retry-after'], /^[1-3]$/);
    assert.equal(stripe.state.calls.length, 1, 'nobody else asks meanwhile');
    await waitFor(async () => (await ask(second)).status === 200, 'the time to be over', { every: 200 });
    assert.equal((await ask(first)).status, 200);
});

test('its log holds no secret', () => {
    assert.doesNotMatch(usher.log, /sk_test_scripted|whsec_|_secret_/);
});
