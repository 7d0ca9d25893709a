// Stripe's list of events, read from where it was read last: also when there are more than a round can read.
import assert from 'node:assert/strict';
import test from 'node:test';

import { waitFor } from './lib.mjs';
import { behindLine, deliver, payAt, simulator } from './stripe_line.mjs';

const HOUR = 3600;

test('more events than a round can read: none is passed over, whatever the order they are listed in', async () => {
    const shop = await behindLine();
    const { usher, stripe, line } = shop;
    // Only the events tell of it: no webhook, no list of the balance.
    line.serve(/^GET .*\/balance_transactions\?/, () => ({ status: 403, body: { error: { type: 'invalid_request_error', message: 'no' } } }));
    const events = []; // newest first
    const asked = [];
    line.serve(/^GET .*\/events\?/, (params) => {
        asked.push(params);
        const since = Number(params.get('created[gte]')), until = Number(params.get('created[lt]') ?? Infinity), behind = params.get('starting_after');
        const inside = events.filter((event) => event.created >= since && event.created < until);
        const from = behind ? inside.findIndex((event) => event.id === behind) + 1 : 0;
        return { body: { object: 'list', has_more: inside.length > from + 100, data: inside.slice(from, from + 100) } };
    });
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const registration = await usher.register(buyer, await usher.createEvent(organizer));
    const intent = await usher.intent(buyer, registration);
    assert.equal((await payAt(stripe, intent)).status, 200);
    await deliver(shop, 'payment_intent.succeeded', { id: intent.paymentIntentId, object: 'payment_intent' });
    await usher.status(buyer, registration, 'confirmed');
    await waitFor(async () => (await usher.must(200, 'GET', `/v1/events/${registration.eventId}/finance`, { token: organizer.token })).totals[0]?.fees > 0,
        'the fee: what is not known of a payment would be asked after');
    await waitFor(async () => { await usher.advance(31_000); return asked.length > 1; }, 'the cursor to be set, and a round behind it');

    // While the network was away: a refund at Stripe's dashboard, and then 20,400 events of others.
    const begin = Math.floor(usher.now() / 1000);
    assert.equal((await simulator(stripe, 'POST', 'refunds', { payment_intent: intent.paymentIntentId, amount: '100' })).status, 200);
    const of = (id, created, object) => ({ id, object: 'event', type: 'charge.refunded', created, livemode: false, data: { object } });
    const many = 20_400;
    const list = [of('evt_refund', begin + 300, { id: 're_x', object: 'refund', payment_intent: intent.paymentIntentId })];
    for (let n = 0; n < many; n++)
        list.push(of(`evt_other${n}`, begin + 600 + Math.floor(n * HOUR / many), { id: `ch_other${n}`, object: 'charge', payment_intent: null }));
    await usher.advance(2 * HOUR * 1000);
    events.push(...list.reverse());
    const now = await waitFor(async () => {
        await usher.advance(31_000);
        const row = await usher.must(200, 'GET', `/v1/registrations/${registration.registrationId}`, { token: organizer.token });
        return row.refundedAmount === 100 && row;
    }, 'the refund', { timeout: 240_000, every: 500 });
    assert.equal(now.refunds.length, 1);
    // Once all were read, a round is a page again.
    await waitFor(async () => {
        await usher.advance(31_000);
        const last = asked.at(-1);
        return Number(last.get('created[gte]')) === begin + 600 + HOUR - 1 - 120 && !last.get('created[lt]');
    }, 'the cursor to reach the newest event', { timeout: 120_000, every: 200 });
});
