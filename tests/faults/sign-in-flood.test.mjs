// Everybody signs in at once, and somebody guesses as fast as the wire allows: the sale goes on, and nobody with a right password is told that it is wrong.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { password, start, waitFor } from '../api/lib.mjs';

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer' });
const buyers = await Promise.all(Array.from({ length: 4 }, () => usher.account()));
const SALES = 300;
// How much slower the sale may get: the flood's own share of two cores and of this process, not a queue behind the hashing. Behind it, each
// registration would wait for the 64 passwords of a full lane, and the ratio would be in the hundreds.
const SLOWER_AT_MOST = 15;

const signIn = (email, pass) => usher.cognito('InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: pass } });

// Milliseconds for all of them, eight at a time.
async function sell(event) {
    const began = performance.now();
    let n = 0;
    await Promise.all(Array.from({ length: 8 }, async () => {
        while (n < SALES) {
            const answer = await usher.tryRegister(buyers[n++ % buyers.length], event);
            assert.equal(answer.status, 201, answer.text);
        }
    }));
    return performance.now() - began;
}

test('a flood of sign-ins is turned away, and does not slow a sale', async () => {
    const quiet = await sell(await usher.createFreeEvent(organizer, { seats: SALES * 2 }));

    const tally = { right: {}, guess: {} };
    let flooding = true, sent = 0;
    // A refused client asks again a little later, as Amplify does.
    const flood = Array.from({ length: 160 }, async (_, i) => {
        while (flooding) {
            const kind = i % 2 ? 'right' : 'guess';
            const { error, status } = kind === 'right' ? await signIn(buyers[i % buyers.length].email, password) : await signIn(`guess-${randomBytes(6).toString('hex')}@example.org`, 'Summer-of-2026');
            sent++;
            tally[kind][error] = (tally[kind][error] ?? 0) + 1;
            assert.ok(status === 200 || status === 400, `${status}`);
            if (error === 'TooManyRequestsException')
                await new Promise((resolve) => setTimeout(resolve, 100));
        }
    });
    await waitFor(() => tally.guess.TooManyRequestsException && tally.right.TooManyRequestsException, 'the lane to be full');

    const before = sent;
    const event = await usher.createFreeEvent(organizer, { seats: SALES * 2 });
    const busy = await sell(event);
    const during = sent - before;
    flooding = false;
    await Promise.all(flood);

    assert.ok(during > 20, `${during} sign-ins were answered meanwhile: the flood was on`);
    assert.deepEqual(Object.keys(tally.right).filter((error) => !['null', 'TooManyRequestsException'].includes(error)), [], JSON.stringify(tally));
    assert.deepEqual(Object.keys(tally.guess).filter((error) => !['NotAuthorizedException', 'TooManyRequestsException'].includes(error)), [], JSON.stringify(tally));
    assert.ok(tally.right.null > 0, 'some got in');
    assert.ok(busy < quiet * SLOWER_AT_MOST, `${SALES} registrations took ${busy.toFixed(0)} ms beside the flood, ${quiet.toFixed(0)} ms without`);
    console.log(`${SALES} registrations: ${quiet.toFixed(0)} ms alone, ${busy.toFixed(0)} ms beside ${during} sign-ins; ${JSON.stringify(tally)}`);

    // It is over as soon as it is over.
    for (const buyer of buyers)
        await usher.signIn(buyer.email);
    const shown = await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
    assert.equal(shown.ticketTypes[0].available, SALES);
    await usher.check();
});
