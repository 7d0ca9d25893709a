// The official Stripe library is the judge of the simulator's events and webhooks, of our ear for them, and of how it fares when Stripe misbehaves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';

import Stripe from 'stripe';

import { send, start, waitFor } from '../api/lib.mjs';
import { clients, failure, listener } from './stripe_client.mjs';

const usher = await start({ env: { USHER_CORS_ORIGINS: 'https://shop.example' } });
const { keys, client, stripe, create, paid, hand } = clients(usher);

const listen = async (types, answer) => {
    const ear = await listener(answer);
    after(ear.close);
    const endpoint = await stripe.webhookEndpoints.create({ url: ear.url, enabled_events: types });
    return { ...ear, endpoint };
};

test('events are listed by type and time, page by page', async () => {
    const intent = await create({ confirm: true, payment_method: 'pm_card_visa' });
    await stripe.refunds.create({ payment_intent: intent.id });
    const types = ['payment_intent.succeeded', 'charge.refunded', 'refund.created'];
    const mine = [];
    for await (const event of stripe.events.list({ types, limit: 2, created: { gte: intent.created } }))
        if ([event.data.object.id, event.data.object.payment_intent].includes(intent.id))
            mine.push(event);
    assert.deepEqual(mine.map((e) => e.type), ['charge.refunded', 'refund.created', 'payment_intent.succeeded']);
    const read = await stripe.events.retrieve(mine[0].id);
    assert.deepEqual({ ...read, pending_webhooks: 0 }, { ...mine[0], pending_webhooks: 0 });
    await waitFor(async () => (await stripe.events.retrieve(mine[0].id)).pending_webhooks === 0, 'its webhook to be taken');
    assert.equal((await stripe.events.list({ created: { gt: intent.created + 1000 } })).data.length, 0);
    const newest = await stripe.events.list({ limit: 3 });
    const before = await stripe.events.list({ limit: 3, ending_before: newest.data[2].id });
    assert.deepEqual(before.data.map((e) => e.id), newest.data.slice(0, 2).map((e) => e.id));
    assert.equal(mine[0].api_version, '2026-10-28.endive');
});

test('its webhooks are what the library takes, and are sent until they are taken', async () => {
    const { seen, endpoint } = await listen(['payment_intent.succeeded'], (n) => n <= 2 ? 500 : 200);
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

test('an event says what was before, which call it came of, and no more than happened', async () => {
    const intent = await paid('pm_card_visa', { metadata: { a: 'b' } });
    const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 1000 }, { idempotencyKey: 'its-refund' });
    await stripe.refunds.update(refund.id, { metadata: { c: 'd' } });
    const { data } = await stripe.events.list({ limit: 100 });
    const of = (type) => data.find((e) => e.type === type && [e.data.object.id, e.data.object.payment_intent].includes(intent.id));
    assert.deepEqual(of('charge.refunded').data.previous_attributes, { amount_refunded: 0 });
    assert.deepEqual(of('refund.updated').data.previous_attributes, { metadata: {} });
    assert.equal(of('payment_intent.succeeded').data.previous_attributes, undefined);
    assert.deepEqual({ ...of('refund.created').request }, { id: refund.lastResponse.requestId, idempotency_key: 'its-refund' });
    assert.equal(of('payment_intent.created').data.object.status, 'requires_confirmation', 'a snapshot of then');
    assert.equal(of('charge.succeeded').data.object.amount_refunded, 0);
    assert.deepEqual(['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded', 'refund.created', 'charge.refunded', 'refund.updated'].map((type) => of(type)?.type),
        data.filter((e) => [e.data.object.id, e.data.object.payment_intent].includes(intent.id)).map((e) => e.type).reverse());
    assert.ok((await stripe.events.list({ type: 'charge.*' })).data.every((e) => e.type.startsWith('charge.')));
});

test('the events of all that can happen', async () => {
    const { seen, endpoint } = await listen(['*']);
    const manual = await paid('pm_card_visa', { capture_method: 'manual' });
    await stripe.paymentIntents.capture(manual.id);
    const disputed = await paid('pm_card_createDispute');
    await hand('POST', 'settle', { object: disputed.latest_charge });
    const [dispute] = (await stripe.disputes.list({ payment_intent: disputed.id })).data;
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' } });
    const slow = await paid('pm_card_pendingRefund');
    await stripe.refunds.create({ payment_intent: slow.id });
    const failing = await paid('pm_card_refundFail');
    await stripe.refunds.create({ payment_intent: failing.id });
    await create({ payment_method_types: ['us_bank_account'], confirm: true, payment_method: 'pm_usBankAccount_success' });
    await create({ confirm: true, payment_method: 'pm_card_threeDSecure2Required' });
    await stripe.paymentIntents.cancel((await create()).id);
    await failure(paid('pm_card_chargeDeclined'));
    await hand('POST', 'settle');
    await hand('POST', 'deliver');
    const types = ['payment_intent.amount_capturable_updated', 'charge.captured', 'charge.dispute.created', 'charge.dispute.funds_withdrawn', 'charge.dispute.updated',
        'charge.dispute.closed', 'charge.dispute.funds_reinstated', 'refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated', 'charge.refunded', 'charge.pending',
        'payment_intent.processing', 'payment_intent.requires_action', 'payment_intent.canceled', 'payment_intent.payment_failed', 'charge.failed', 'charge.succeeded',
        'payment_intent.created', 'payment_intent.succeeded'];
    const got = new Set(seen.map((e) => e.type));
    assert.deepEqual(types.filter((type) => !got.has(type)), []);
    assert.deepEqual([...got].filter((type) => !types.includes(type)), []);
    await stripe.webhookEndpoints.del(endpoint.id);
});

test('an endpoint is changed, switched off and on', async () => {
    const { seen, endpoint, url } = await listen(['payment_intent.created']);
    await create();
    await waitFor(() => seen.length === 1, 'the first');
    const changed = await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: ['payment_intent.canceled'], description: 'other', metadata: { a: 'b' } });
    assert.deepEqual([changed.enabled_events, changed.description, changed.metadata.a, changed.secret], [['payment_intent.canceled'], 'other', 'b', undefined]);
    await stripe.paymentIntents.cancel((await create()).id);
    await waitFor(() => seen.length === 2, 'the second');
    assert.equal(seen[1].type, 'payment_intent.canceled');
    assert.equal((await stripe.webhookEndpoints.update(endpoint.id, { disabled: true })).status, 'disabled');
    await stripe.paymentIntents.cancel((await create()).id);
    assert.equal((await stripe.webhookEndpoints.update(endpoint.id, { disabled: false, url: `${url}?x=1` })).status, 'enabled');
    await stripe.paymentIntents.cancel((await create()).id);
    await waitFor(() => seen.length === 3, 'the one after it was switched on again');
    assert.equal((await failure(stripe.webhookEndpoints.update(endpoint.id, { url: 'gopher://x' }))).code, 'url_invalid');
    await stripe.webhookEndpoints.del(endpoint.id);
    assert.equal((await failure(stripe.webhookEndpoints.retrieve(endpoint.id))).statusCode, 404);
});

test('an endpoint that never answers holds up no other', async () => {
    const dead = await listen(['payment_intent.created'], () => undefined);
    const good = await listen(['payment_intent.created']);
    for (let i = 0; i < 12; i++)
        await create();
    const before = dead.given.up; // none, unless a busy machine took longer to make them than the dead one's time-out
    await waitFor(() => good.seen.length === 12, 'the good one to have all');
    assert.ok(dead.given.up - before <= 4, `${dead.given.up - before} calls to the dead one were given up meanwhile: the good one waited for them`);
    if (!dead.given.up)
        assert.ok(dead.seen.length <= 4, `${dead.seen.length} at a time`);
    await stripe.webhookEndpoints.del(dead.endpoint.id);
    await stripe.webhookEndpoints.del(good.endpoint.id);
});

test('what is planned survives kill -9', async () => {
    let up = false;
    const { seen, endpoint } = await listen(['payment_intent.succeeded'], () => up ? 200 : 503);
    const intent = await paid();
    const slow = await paid('pm_card_pendingRefund');
    const refund = await stripe.refunds.create({ payment_intent: slow.id });
    await waitFor(() => seen.length >= 1, 'a try');
    await usher.kill();
    up = true;
    await usher.start();
    await waitFor(() => seen.some((e) => JSON.parse(e.payload).data.object.id === intent.id && e.header), 'the webhook after the kill');
    await hand('POST', 'deliver');
    await waitFor(async () => (await stripe.refunds.retrieve(refund.id)).status === 'succeeded', 'the refund after the kill');
    await stripe.webhookEndpoints.del(endpoint.id);
});

test('a file of the first version is taken over', async () => {
    const older = await start();
    await older.stop();
    const sql = `PRAGMA journal_mode = WAL; CREATE TABLE object (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, parent TEXT, trait TEXT, json TEXT NOT NULL) STRICT;
        CREATE INDEX object_kind ON object (kind, seq);
        CREATE TABLE kept_answer (key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
        CREATE TABLE delivery (id INTEGER PRIMARY KEY, event TEXT NOT NULL, endpoint TEXT, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL) STRICT;
        CREATE TABLE later (id INTEGER PRIMARY KEY, due INTEGER NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL) STRICT;
        INSERT INTO object VALUES (1, 'pi_old', 'payment_intent', NULL, NULL, '{"id":"pi_old","object":"payment_intent","created":1795700000,"status":"succeeded","amount":100}');
        INSERT INTO object VALUES (2, 'evt_old', 'event', NULL, NULL, '{"id":"evt_old","object":"event","created":1795700001,"type":"payment_intent.succeeded","data":{"object":{}}}');
        PRAGMA user_version = 1;`;
    for (const suffix of ['', '-wal', '-shm'])
        rmSync(join(older.data, `sim.db${suffix}`), { force: true });
    execFileSync('sqlite3', [join(older.data, 'sim.db'), sql]);
    await older.start();
    const there = clients(older).stripe;
    assert.equal((await there.paymentIntents.retrieve('pi_old')).amount, 100);
    assert.deepEqual((await there.events.list({ type: 'payment_intent.succeeded', created: { gte: 1795700001 } })).data.map((e) => e.id), ['evt_old']);
    assert.deepEqual((await there.paymentIntents.list({ created: { gt: 1795700000 } })).data, []);
    await older.stop();
});

// ---- mischief ----

const mischief = (rules) => hand('POST', 'mischief', { rules });

test('the library gets through by its retries, and pays once', async () => {
    const patient = client(keys.secret, { maxNetworkRetries: 4 });
    for (const rules of ['fail@1,2/POST:payment_intents', 'fail_after@1/POST:payment_intents', 'reset@1,2/POST:payment_intents', 'reset_after@1,2/POST:payment_intents']) {
        await mischief(rules);
        const before = (await hand('GET', 'state')).payment_intents.length;
        const intent = await patient.paymentIntents.create({ amount: 4200, currency: 'eur', confirm: true, payment_method: 'pm_card_visa' });
        assert.equal(intent.status, 'succeeded', rules);
        const { rules: [rule] } = await hand('GET', 'mischief');
        assert.deepEqual([rule.done, rule.met], [rule.turns.length, rule.turns.length + 1], rules);
        assert.equal((await hand('GET', 'state')).payment_intents.length, before + 1, rules);
        if (rules.includes('after'))
            assert.equal(intent.lastResponse.headers['idempotent-replayed'], 'true', rules);
    }
    await mischief('limit@1');
    const limited = await failure(create());
    assert.deepEqual([limited.type, limited.statusCode, limited.code], ['StripeRateLimitError', 429, 'rate_limit']);
    await mischief('hang:300@1,2'); // the library tries once more by itself when a connection that it kept is reset
    const began = Date.now(), key = { idempotencyKey: 'hung' };
    assert.ok((await failure(create({}, key))) instanceof Stripe.errors.StripeConnectionError);
    assert.ok(Date.now() - began >= 290);
    assert.equal((await create({}, key)).lastResponse.headers['idempotent-replayed'], 'true');
    await mischief('slow:300@1');
    const at = Date.now();
    await create();
    assert.ok(Date.now() - at >= 290);
    await mischief('');
});

test('while calls hang, one way through stays open', async () => {
    await mischief('hang:3000/POST:payment_intents');
    let over = 0;
    const hanging = Array.from({ length: 8 }, () => create().catch((error) => error).finally(() => { over++; }));
    assert.ok(await stripe.balance.retrieve());
    assert.equal(over, 0, 'they hung still');
    assert.ok((await Promise.all(hanging)).every((error) => error instanceof Stripe.errors.StripeConnectionError));
    await mischief('');
});

test('webhooks come twice, late, out of order or never, and the seed says which', async () => {
    const { seen, endpoint } = await listen(['payment_intent.created']);
    const ids = (n) => seen.slice(n).map((e) => JSON.parse(e.payload).data.object.id);
    const make = async (n) => {
        const made = [];
        for (let i = 0; i < n; i++)
            made.push((await create()).id);
        return made;
    };
    await mischief('duplicate@2 drop@3');
    const [one, two, , four] = await make(4);
    await hand('POST', 'deliver');
    assert.deepEqual(ids(0).sort(), [one, two, two, four].sort());
    await mischief('delay:86400000');
    let from = seen.length;
    const [late] = await make(1);
    await mischief('');
    const [prompt] = await make(1);
    await waitFor(() => ids(from).length === 1, 'the prompt one');
    assert.deepEqual(ids(from), [prompt]);
    const delivered = await hand('POST', 'deliver');
    assert.ok(delivered.tried >= 1, 'the late one, and what the server\'s own endpoint still waited for');
    assert.deepEqual(ids(from), [prompt, late]);
    const fates = [];
    for (const seed of [3, 3, 4]) {
        await mischief(`seed=${seed} drop=0.5/payment_intent.created`);
        from = seen.length;
        const made = await make(16);
        await hand('POST', 'deliver');
        fates.push(made.map((id) => ids(from).includes(id)).join());
    }
    assert.equal(fates[0], fates[1]);
    assert.notEqual(fates[0], fates[2]);
    await mischief('reorder:60000');
    from = seen.length;
    await make(1);
    assert.equal((await hand('GET', 'state')).deliveries, 1);
    await usher.advance(61_000);
    await waitFor(() => seen.length === from + 1, 'it by the clock');
    await mischief('');
    await stripe.webhookEndpoints.del(endpoint.id);
});

test('rules and their counts outlive a kill; a wrong rule is named and changes nothing', async () => {
    await mischief('seed=12 fail@2/POST:refunds');
    const intent = await paid();
    await stripe.refunds.create({ payment_intent: intent.id, amount: 1 });
    await usher.kill();
    await usher.start();
    const before = await hand('GET', 'mischief');
    assert.deepEqual([before.seed, before.rules[0].met, before.rules[0].done], [12, 1, 0]);
    const wrong = await hand('POST', 'mischief', { rules: 'fail sometimes=0.5' }, { status: 400 });
    assert.match(wrong.error.message, /sometimes=0.5/);
    assert.deepEqual(await hand('GET', 'mischief'), before);
    assert.equal((await failure(stripe.refunds.create({ payment_intent: intent.id, amount: 1 }))).statusCode, 500);
    assert.equal((await stripe.refunds.list({ payment_intent: intent.id })).data.length, 1);
    await mischief('');
});

test('the setting begins it; a wrong one stops the start', async () => {
    const cursed = await start({ env: { USHER_SIM_MISCHIEF: 'seed=3 limit@1' } });
    const there = clients(cursed);
    assert.equal((await failure(there.create())).statusCode, 429);
    assert.ok(await there.create());
    await cursed.restart();
    assert.ok(await there.create(), 'its counts go on');
    await cursed.stop();
    cursed.settings.USHER_SIM_MISCHIEF = 'limits';
    const refused = await cursed.cli(['serve', '--listen', '127.0.0.1:0'], { ok: false });
    assert.match(refused.stderr, /The mischief 'limits' cannot be read/);
    assert.equal(refused.code, 2);
});

test('a page of another origin may confirm where it is listed, as Stripe\'s script calls', async () => {
    const intent = await create();
    const path = `/sim/stripe/v1/payment_intents/${intent.id}/confirm`;
    const origin = 'https://shop.example';
    const asked = await send(usher.url, 'OPTIONS', path, { headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,stripe-version' } });
    assert.equal(asked.headers['access-control-allow-origin'], origin);
    assert.match(asked.headers['access-control-allow-headers'], /Authorization.*Stripe-Version/);
    // The key in the form, and no header that needs asking.
    const form = new URLSearchParams({ key: keys.publishable, client_secret: intent.client_secret, payment_method: 'pm_card_visa', _stripe_version: 'x' }).toString();
    const answer = await send(usher.url, 'POST', path, { body: form, headers: { origin, 'content-type': 'application/x-www-form-urlencoded' } });
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin'], JSON.parse(answer.text).status], [200, origin, 'succeeded']);
    assert.equal((await send(usher.url, 'OPTIONS', path, { headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } })).headers['access-control-allow-origin'], undefined);
});
