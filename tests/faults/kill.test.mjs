// kill -9 in the middle of a rush, at instants drawn from a seed that a failure prints. What was answered with 2xx is there afterwards,
// the same Idempotency-Key gets the same answer, and the books balance.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { seed, seeded, send, start, uuid7 } from '../api/lib.mjs';

const rounds = Number(process.env.TEST_KILLS ?? 12);
const from = seed();
const random = seeded(from);

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer' });
const buyers = await Promise.all(Array.from({ length: 4 }, () => usher.account()));
const answered = []; // every 2xx: { buyer, key, body, answer }
let unknown = []; // requests that the kill cut off

// 32 clients, each one request after the other, until the server is gone.
async function rush(event) {
    let gone = false;
    const client = async (n) => {
        const buyer = buyers[n % buyers.length];
        while (!gone) {
            const asked = { buyer, key: uuid7(), quantity: 1 + random.below(3) };
            try {
                const answer = await usher.tryRegister(buyer, event, asked);
                if (answer.status === 201)
                    answered.push({ ...asked, event, answer });
                else
                    assert.equal(answer.status, 409, answer.text);
            } catch (error) {
                if (error instanceof assert.AssertionError)
                    throw error;
                gone = true;
                unknown.push({ ...asked, event });
            }
        }
    };
    await Promise.all(Array.from({ length: 32 }, (_, n) => client(n)));
}

test(`${rounds} kills in a rush lose nothing that was answered (TEST_SEED=${from})`, async () => {
    for (let round = 0; round < rounds; round++) {
        const event = random.below(2) ? await usher.createFreeEvent(organizer, { seats: 100_000 })
            : await usher.createEvent(organizer, { capacity: 100_000, ticketTypes: [{ name: 'Standard', price: 2500, quantity: 100_000 }] });
        const before = answered.length;
        const clients = rush(event);
        await new Promise((resolve) => setTimeout(resolve, 5 + random.below(250)));
        await usher.kill();
        await clients;
        if (random.below(4) === 0) { // and once more while it comes back
            const again = usher.start().catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, random.below(30)));
            usher.process.kill('SIGKILL');
            await usher.exit;
            await again;
        }
        await usher.start();

        // Recount: every registration answered exists, with its tickets.
        const found = new Map();
        let cursor = '';
        do {
            const page = await usher.must(200, 'GET', `/v1/events/${event.eventId}/registrations?limit=100${cursor}`, { token: organizer.token });
            for (const r of page.items)
                found.set(r.registrationId, r);
            cursor = page.nextCursor ? `&cursor=${encodeURIComponent(page.nextCursor)}` : null;
        } while (cursor);
        for (const { answer } of answered.slice(before)) {
            const there = found.get(answer.body.registrationId);
            assert.ok(there, `round ${round}: ${answer.body.registrationId} was answered with 201 and is gone`);
            assert.deepEqual([there.status, there.ticketIds, there.amount], [answer.body.status, answer.body.ticketIds, answer.body.amount]);
        }
        // What was cut off either happened or did not; never more than was asked.
        assert.ok(found.size - (answered.length - before) <= unknown.filter((u) => u.event === event).length, 'more registrations than requests');

        // The replay of an answered key is the same answer; of a cut-off one, an answer at last, and never a second registration.
        for (const asked of answered.slice(before).filter(() => random.below(10) === 0)) {
            const again = await usher.tryRegister(asked.buyer, event, asked);
            assert.deepEqual([again.status, again.text], [201, asked.answer.text], 'the replay is the first answer');
        }
        for (const asked of unknown.filter((u) => u.event === event)) {
            const again = await usher.tryRegister(asked.buyer, event, asked);
            assert.equal(again.status, 201, again.text);
            const twice = await usher.tryRegister(asked.buyer, event, asked);
            assert.equal(twice.text, again.text);
            answered.push({ ...asked, answer: again });
        }
        await usher.check();
    }
    assert.ok(answered.length > rounds * 5, `only ${answered.length} were answered: the kills came too soon to mean anything`);
});

test('money asked for before a kill is taken once after it', async () => {
    const event = await usher.createEvent(organizer);
    const registrations = await Promise.all(Array.from({ length: 8 }, (_, i) => usher.register(buyers[i % buyers.length], event)));
    const owner = (i) => buyers[i % buyers.length];
    const intents = await Promise.all(registrations.map((r, i) => usher.intent(owner(i), r)));
    const confirmed = intents.map((intent) => usher.confirmIntent(intent).catch(() => null));
    await new Promise((resolve) => setTimeout(resolve, random.below(60)));
    await usher.kill();
    await Promise.all(confirmed);
    await usher.start();
    for (const [i, intent] of intents.entries()) {
        const again = await usher.intent(owner(i), registrations[i]).catch(() => null); // 409 when it was confirmed meanwhile
        if (again)
            assert.equal(again.paymentIntentId, intent.paymentIntentId, 'the same intent, not a second one');
        await usher.confirmIntent(intent); // refused by the simulator where it has succeeded
        await usher.status(owner(i), registrations[i], 'confirmed');
    }
    await usher.check();
    const paid = await send(usher.url, 'GET', '/metrics');
    assert.equal(paid.status, 200);
});
