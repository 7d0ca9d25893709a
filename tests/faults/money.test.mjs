// kill -9 in the middle of paying, declining, giving back and refunding, again and again: in the end each succeeded payment is one set of
// tickets or one refund, to the cent, by the simulator's books and by `usher check`. TEST_SEED repeats a run.
import assert from 'node:assert/strict';
import test from 'node:test';

import { seed, seeded, send, start, waitFor } from '../api/lib.mjs';
import { simulator } from '../api/stripe_line.mjs';

const rounds = Number(process.env.TEST_ROUNDS ?? 4);

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

test('money survives being killed', async (t) => {
    const first = seed();
    t.diagnostic(`TEST_SEED=${first}`);
    const chance = seeded(first);
    const usher = await start({ env: { USHER_ACCESS_TOKEN_SECONDS: '86400' } }); // the clock is turned on below
    const organizer = await usher.account({ role: 'organizer' });
    const buyers = await Promise.all([1, 2, 3, 4].map(() => usher.account()));
    const event = await usher.createEvent(organizer, { capacity: 400, ticketTypes: [{ name: 'Standard', price: 1999, quantity: 400 }] });
    const known = new Map(); // registration id -> buyer
    let payments = 0;

    // One customer's way, cut off anywhere. Whatever fails does so because the server is gone, or because it says no.
    const visit = async (buyer) => {
        const registered = await usher.tryRegister(buyer, event, { quantity: 1 + chance.below(3) });
        if (registered.status !== 201)
            return;
        const registration = registered.body;
        known.set(registration.registrationId, buyer);
        if (chance.below(8) === 0)
            return;
        const asked = await usher.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId } });
        if (asked.status !== 200)
            return;
        const card = chance.pick(['pm_card_visa', 'pm_card_visa', 'pm_card_visa', 'pm_card_visa_chargeDeclined', 'pm_card_threeDSecure2Required']);
        const [paid] = await Promise.all([
            usher.confirmIntent(asked.body, card),
            chance.below(3) === 0 && usher.api('DELETE', `/v1/registrations/${registration.registrationId}`, { token: buyer.token }),
        ]);
        payments += paid.body.status === 'succeeded';
        if (paid.status === 200 && chance.below(3) === 0)
            await usher.api('POST', `/v1/registrations/${registration.registrationId}/refund`, { token: organizer.token, body: chance.below(2) ? {} : { amount: 500 } });
    };
    const quietly = async (buyer, until) => {
        while (!until.over)
            await visit(buyer).catch(() => {});
    };

    // A machine that is busy with others may get nobody as far as paying in so short a time: then there are more rounds.
    for (let round = 0; round < rounds || (!payments && round < 30 * rounds); round++) {
        const until = { over: false };
        const running = buyers.map((buyer) => quietly(buyer, until));
        await new Promise((resolve) => setTimeout(resolve, 150 + chance.below(400)));
        await usher.kill();
        until.over = true;
        await Promise.all(running);
        await usher.start();
    }

    // Every hold runs out, every intent comes to its end, every job is done.
    await usher.advance(25 * 60_000);
    await waitFor(async () => {
        const { code, stdout } = await usher.cli(['check'], { ok: false });
        const open = (await all(usher, 'payment_intents')).filter((intent) => !['succeeded', 'canceled'].includes(intent.status));
        if (code === 0 && /jobs +0 to be done/.test(stdout) && !open.length)
            return true;
        await usher.advance(30_000);
        return false;
    }, 'the end of all jobs', { timeout: 120_000, every: 500 });

    const intents = await all(usher, 'payment_intents');
    const refunds = await all(usher, 'refunds');
    const settled = async () => {
        for (const intent of intents) {
            const id = intent.metadata.registration_id;
            const back = refunds.filter((refund) => refund.payment_intent === intent.id).reduce((sum, refund) => sum + refund.amount, 0);
            const registration = await usher.registration(known.get(id) ?? buyers[0], id).catch(() => null);
            if (!registration)
                continue; // the answer that named it was cut off; `usher check` has looked at it
            if (intent.status !== 'succeeded') {
                assert.equal(intent.status, 'canceled', `${intent.id} can still be paid`);
                continue;
            }
            if (registration.status === 'confirmed' && registration.paymentIntentId === intent.id) {
                assert.equal(registration.amount, intent.amount_received);
                assert.equal(registration.refundedAmount, back);
            } else {
                assert.equal(back, intent.amount_received, `${intent.id} was paid; its registration is ${registration.status}`);
            }
        }
    };
    await settled();
    const confirmed = await Promise.all([...known].map(async ([id, buyer]) => usher.registration(buyer, id)));
    assert.ok(!confirmed.some((registration) => registration.status === 'pending'), 'no hold outlives its time');
    const succeeded = intents.filter((intent) => intent.status === 'succeeded').length;
    t.diagnostic(`${known.size} registrations, ${intents.length} intents, ${succeeded} paid, ${refunds.length} refunds`);
    assert.ok(succeeded > 0, 'something was paid');
    assert.equal((await send(usher.url, 'GET', '/healthz')).status, 200);
    await usher.check();
});
