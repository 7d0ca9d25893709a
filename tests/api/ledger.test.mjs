// Disputes, fees and the ledger, behind a Stripe whose answers are made by hand where the simulator's would do something else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';

import { waitFor } from './lib.mjs';
import { behindLine, deliver, payAt, simulator } from './stripe_line.mjs';

const shop = await behindLine();
const { usher, stripe, line } = shop;
const organizer = await usher.account({ role: 'organizer' });
const buyer = await usher.account();
const seconds = () => Math.floor(usher.now() / 1000);

// ---- a Stripe of our own making: what it took, and what banks say ----

const balances = new Map(); // txn id -> balance transaction
const disputes = new Map(); // intent -> dispute
const balanceOf = (id) => `txn_of_${id.slice(3)}`;
const intents = new Map(); // txn id -> intent of its source
function moved(id, amount, fee, source, intent, currency = 'eur') {
    const balance = { id, object: 'balance_transaction', amount, fee, net: amount - fee, currency, created: seconds(), available_on: seconds() + 2 * 86400, source };
    balances.set(id, balance);
    intents.set(id, intent);
    return balance;
}
line.change(/^(GET|POST) .*\/payment_intents\//, (intent) => {
    const charge = intent.latest_charge;
    if (!charge || !charge.id)
        return;
    charge.balance_transaction = balanceOf(intent.id);
    charge.disputed = disputes.has(intent.id);
});
line.serve(/^GET .*\/disputes\?/, (params) => ({ body: { object: 'list', has_more: false, data: disputes.has(params.get('payment_intent')) ? [disputes.get(params.get('payment_intent'))] : [] } }));
line.serve(/^GET .*\/balance_transactions\//, (params, url) => {
    const balance = balances.get(url.split('/').at(-1));
    return balance ? { body: balance } : { status: 404, body: { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'no' } } };
});

// The account's books: our charges and disputes, and the simulator's refunds.
line.change(/^GET .*\/balance_transactions\?/, (list) => {
    const ours = [...balances.values()].map((row) => ({ ...row, source: { id: row.source, payment_intent: intents.get(row.id) } }));
    list.data = [...ours, ...list.data.filter((row) => row.type !== 'charge')];
});

async function bought(event, options = {}) {
    const registration = await usher.register(buyer, event, options);
    const intent = await usher.intent(buyer, registration);
    moved(balanceOf(intent.paymentIntentId), registration.amount, options.fee ?? 0, 'ch_x', intent.paymentIntentId, options.settledIn);
    assert.equal((await payAt(stripe, intent)).status, 200);
    await deliver(shop, 'payment_intent.succeeded', { id: intent.paymentIntentId, object: 'payment_intent' });
    return usher.status(buyer, registration, 'confirmed');
}
const finance = (event, who = organizer) => usher.must(200, 'GET', `/v1/events/${event.eventId}/finance`, { token: who.token });
const seen = (registration) => usher.must(200, 'GET', `/v1/registrations/${registration.registrationId}`, { token: organizer.token });
const refund = (registration, body) => usher.api('POST', `/v1/registrations/${registration.registrationId}/refund`, { token: organizer.token, body });
const rowsOf = (event) => execFileSync('sqlite3', ['-readonly', '-separator', ' ', join(usher.data, 'usher.db'),
    `SELECT kind, back, amount, currency, provider_id FROM ledger WHERE event = X'${event.eventId.replaceAll('-', '')}' ORDER BY at, kind, back`], { encoding: 'utf8' }).trim().split('\n');

async function dispute(registration, status, { withdrawn = false, reinstated = false, reason = 'fraudulent', id = `du_of_${registration.paymentIntentId.slice(3)}`, ...rest } = {}) {
    const intent = registration.paymentIntentId;
    const txns = disputes.get(intent)?.balance_transactions ?? [];
    if (withdrawn)
        txns.push(moved(`txn_out_${intent.slice(3)}`, -registration.amount, 1500, id, intent));
    if (reinstated)
        txns.push(moved(`txn_in_${intent.slice(3)}`, registration.amount, 0, id, intent));
    const now = { id, object: 'dispute', livemode: false, amount: registration.amount, currency: 'eur', payment_intent: intent, status, reason, created: seconds(),
        evidence_details: { due_by: seconds() + 7 * 86400 }, balance_transactions: txns, ...rest };
    disputes.set(intent, now);
    return now;
}

// ---- fees ----

test('what Stripe took is in the ledger a moment later, once, whatever comes twice', async () => {
    const event = await usher.createEvent(organizer);
    const registration = await bought(event, { quantity: 2, fee: 88 });
    const now = await waitFor(async () => {
        const all = await finance(event);
        return all.totals[0]?.fees === 88 && all;
    }, 'the fee');
    assert.deepEqual(now.totals, [{ currency: 'EUR', gross: 5000, fees: 88, refunds: 0, disputes: 0, adjustments: 0, net: 4912, payments: 1 }]);
    assert.equal(now.days.length, 1);
    for (let i = 0; i < 3; i++)
        await deliver(shop, 'payment_intent.succeeded', { id: registration.paymentIntentId, object: 'payment_intent' });
    await waitFor(async () => JSON.parse((await usher.cli(['check', '--json'])).stdout).jobCount === 0, 'the jobs');
    assert.deepEqual((await finance(event)).totals, now.totals);
});

test('an account that is kept in another currency has its fees in that', async () => {
    const event = await usher.createEvent(organizer);
    await bought(event, { fee: 95, settledIn: 'usd' });
    const now = await waitFor(async () => {
        const all = await finance(event);
        return all.totals.length === 2 && all;
    }, 'the fee');
    assert.deepEqual(now.totals.map((t) => [t.currency, t.gross, t.fees, t.net]).sort(), [['EUR', 2500, 0, 2500], ['USD', 0, 95, -95]]);
});

test('where Stripe moved another sum, the difference is an adjustment, and the log has it', async () => {
    const event = await usher.createEvent(organizer);
    const registration = await usher.register(buyer, event);
    const intent = await usher.intent(buyer, registration);
    moved(balanceOf(intent.paymentIntentId), 2400, 10, 'ch_x', intent.paymentIntentId);
    await payAt(stripe, intent);
    await deliver(shop, 'payment_intent.succeeded', { id: intent.paymentIntentId, object: 'payment_intent' });
    const now = await waitFor(async () => {
        const all = await finance(event);
        return all.totals[0]?.adjustments === -100 && all;
    }, 'the adjustment');
    assert.equal(now.totals[0].net, 2390);
    await waitFor(() => /Stripe moved 2400 EUR/.test(usher.log), 'the line in the log');
});

// ---- days and CSV ----

test('days are the event\'s own, and the CSV has every row', async () => {
    const event = await usher.createEvent(organizer, { timezone: 'Pacific/Auckland' });
    const registration = await bought(event, { quantity: 2, fee: 50 });
    assert.equal((await refund(registration, { amount: 300 })).status, 200);
    await waitFor(async () => (await finance(event)).totals[0].refunds === 300 && (await finance(event)).totals[0].fees === 50, 'fee and refund');
    const now = await finance(event);
    const there = new Intl.DateTimeFormat('en-CA', { timeZone: 'Pacific/Auckland' });
    const [at] = rowsOf(event);
    assert.ok(at);
    assert.equal(now.timezone, 'Pacific/Auckland');
    assert.ok(now.days.every((day) => Math.abs(Date.parse(day.date) - Date.parse(there.format(usher.now()))) <= 86_400_000));
    const csv = await usher.api('GET', `/v1/events/${event.eventId}/finance.csv`, { token: organizer.token });
    assert.equal(csv.status, 200);
    assert.match(csv.headers['content-type'], /^text\/csv/);
    const [header, ...rows] = csv.text.trim().split('\r\n').map((row) => row.split(','));
    assert.deepEqual(header, ['at', 'date', 'type', 'reversal', 'amount', 'currency', 'registrationId', 'providerId']);
    assert.deepEqual(rows.map((row) => [row[2], row[3], row[4], row[5], row[6]]).sort(), [
        ['charge', 'false', '5000', 'EUR', registration.registrationId], ['fee', 'false', '-50', 'EUR', registration.registrationId], ['refund', 'false', '-300', 'EUR', registration.registrationId]]);
    for (const row of rows)
        assert.equal(row[1], there.format(new Date(row[0])), 'the date is the day there');
    assert.equal(rows.reduce((sum, row) => sum + Number(row[4]), 0), now.totals[0].net);
});

test('it is the organizer\'s alone', async () => {
    const event = await usher.createEvent(organizer);
    const other = await usher.account({ role: 'organizer' });
    for (const path of ['finance', 'finance.csv']) {
        assert.equal((await usher.api('GET', `/v1/events/${event.eventId}/${path}`)).status, 401);
        assert.equal((await usher.api('GET', `/v1/events/${event.eventId}/${path}`, { token: other.token })).status, 403);
        assert.equal((await usher.api('GET', `/v1/events/${event.eventId}/${path}`, { token: buyer.token })).status, 403);
    }
    assert.deepEqual((await finance(event)).totals, []);
});

// ---- disputes ----

test('a dispute blocks the tickets, keeps the evidence, and is reversed when it is won', async () => {
    const event = await usher.createEvent(organizer);
    const registration = await bought(event, { quantity: 2, fee: 88 });
    const [used, unused] = registration.ticketIds;
    assert.equal((await usher.validate(organizer, { ticketId: used, gate: 'North' })).result, 'valid');
    await deliver(shop, 'charge.dispute.created', await dispute(registration, 'needs_response', { withdrawn: true }));
    const open = await waitFor(async () => {
        const now = await seen(registration);
        return now.disputed && now;
    }, 'the dispute');
    assert.equal(open.status, 'confirmed');
    assert.equal(open.disputes.length, 1);
    const [row] = open.disputes;
    assert.deepEqual([row.status, row.reason, row.amount, row.currency, row.paymentIntentId], ['needs_response', 'fraudulent', 5000, 'EUR', registration.paymentIntentId]);
    assert.ok(Date.parse(row.evidenceDueBy) > usher.now());
    assert.deepEqual(row.admissions.map((a) => [a.ticketId, a.kind, a.gate]), [[used, 'admitted', 'North']]);
    assert.equal((await usher.registration(buyer, registration.registrationId)).disputes, undefined, 'the buyer sees none of it');
    assert.equal((await usher.validate(organizer, { ticketId: unused })).reason, 'cancelled');
    const roster = await usher.must(200, 'GET', `/v1/events/${event.eventId}/roster`, { token: organizer.token });
    assert.deepEqual(roster.items.map((item) => item.status).sort(), ['cancelled', 'used']);
    const refused = await refund(registration, {});
    assert.equal(refused.status, 409);
    assert.match(refused.body.detail, /disputed/);
    const mail = await usher.mail((m) => m.to.includes(organizer.email) && /disputed/.test(m.subject));
    assert.match(mail.text, /fraudulent/);
    const taken = await waitFor(async () => {
        const { totals: [all] } = await finance(event);
        return all.fees === 1588 && all;
    }, 'fees');
    assert.deepEqual([taken.disputes, taken.net], [5000, 5000 - 5000 - 1588]);

    await deliver(shop, 'charge.dispute.closed', await dispute(registration, 'won', { reinstated: true }));
    await waitFor(async () => !(await seen(registration)).disputed, 'it to be won');
    assert.equal((await seen(registration)).disputes[0].status, 'won');
    assert.equal((await usher.validate(organizer, { ticketId: unused })).result, 'valid');
    const { totals: [all] } = await finance(event);
    assert.deepEqual([all.gross, all.disputes, all.fees, all.net], [5000, 0, 1588, 3412]);
    await usher.mail((m) => m.to.includes(organizer.email) && /decided/.test(m.subject) && /for you/.test(m.text));
});

test('an older word of a dispute that is over changes nothing', async () => {
    const event = await usher.createEvent(organizer);
    const registration = await bought(event);
    await deliver(shop, 'charge.dispute.closed', await dispute(registration, 'lost', { withdrawn: true }));
    await waitFor(async () => (await seen(registration)).disputed, 'it to be lost');
    await deliver(shop, 'charge.dispute.updated', await dispute(registration, 'under_review'));
    await waitFor(async () => JSON.parse((await usher.cli(['check', '--json'])).stdout).jobCount === 0, 'the jobs');
    assert.equal((await seen(registration)).disputes[0].status, 'lost');
    assert.equal((await usher.validate(organizer, { ticketId: registration.ticketIds[0] })).reason, 'cancelled');
    const { totals: [all] } = await finance(event);
    assert.deepEqual([all.gross, all.disputes, all.net], [2500, 2500, -1500]);
});

test('an inquiry takes nothing and blocks nothing', async () => {
    const registration = await bought(await usher.createEvent(organizer));
    await deliver(shop, 'charge.dispute.created', await dispute(registration, 'warning_needs_response'));
    await waitFor(async () => (await seen(registration)).disputes.length === 1, 'the inquiry');
    assert.equal((await seen(registration)).disputed, false);
    assert.equal((await usher.validate(organizer, { ticketId: registration.ticketIds[0] })).result, 'valid');
});

test('a cancelled event with a dispute: the others are refunded, and this one once it is won', async () => {
    const event = await usher.createEvent(organizer);
    const disputed = await bought(event), other = await bought(event);
    await deliver(shop, 'charge.dispute.created', await dispute(disputed, 'needs_response', { withdrawn: true }));
    await waitFor(async () => (await seen(disputed)).disputed, 'the dispute');
    await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
    await usher.status(buyer, other, 'refunded');
    const over = await usher.status(buyer, disputed, 'cancelled');
    assert.deepEqual([over.refundedAmount, over.refunds], [0, []]);
    await usher.check();
    await deliver(shop, 'charge.dispute.closed', await dispute(disputed, 'won', { reinstated: true }));
    const back = await waitFor(async () => {
        const now = await seen(disputed);
        return now.refundedAmount === 2500 && now;
    }, 'the money to go back');
    assert.equal(back.disputed, false);
    await waitFor(async () => (await simulator(stripe, 'GET', 'refunds', { payment_intent: disputed.paymentIntentId })).body.data.length === 1, 'the refund at Stripe');
});

// The simulator knows nothing of disputes that are made here, so what it would answer to a refund is made here, too.
const refusing = new Map(); // intent -> the code that a refund of it is refused with
line.before(/^POST .*\/refunds$/, (form) => {
    const code = refusing.get(form.get('payment_intent'));
    return code && { status: 400, body: { error: { type: 'invalid_request_error', code, message: 'no' } } };
});
const failed = (registration, code) => waitFor(async () => {
    const now = await seen(registration);
    return now.refunds.some((row) => row.status === 'failed' && row.failure === code) && now;
}, `a refund refused with ${code}`);
const atStripe = async (registration) => (await simulator(stripe, 'GET', 'refunds', { payment_intent: registration.paymentIntentId })).body.data.map((row) => row.amount);

test('a refund that failed is given back by hand: a dispute that is won later does not pay it a second time', async () => {
    const event = await usher.createEvent(organizer);
    const registration = await bought(event, { quantity: 2 });
    refusing.set(registration.paymentIntentId, 'expired_or_canceled_card');
    assert.equal((await refund(registration, { ticketIds: [registration.ticketIds[0]] })).status, 200);
    await failed(registration, 'expired_or_canceled_card');
    const asked = await usher.mail((m) => m.to.includes(organizer.email) && /refund failed/i.test(m.subject) && /another way/.test(m.text));
    assert.match(asked.text, /EUR 25\.00 .*still with you/s);
    refusing.delete(registration.paymentIntentId);
    await deliver(shop, 'charge.dispute.created', await dispute(registration, 'needs_response', { withdrawn: true }));
    await waitFor(async () => (await seen(registration)).disputed, 'the dispute');
    await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
    await usher.status(buyer, registration, 'cancelled');
    const said = await usher.mail((m) => m.to.includes(buyer.email) && m.subject === `Cancelled: ${event.title}` && /tickets are void/.test(m.text));
    assert.match(said.text, /bank has taken up the payment/);
    assert.doesNotMatch(said.text, /is given back to your card/);
    await deliver(shop, 'charge.dispute.closed', await dispute(registration, 'won', { reinstated: true }));
    await waitFor(async () => (await atStripe(registration)).length, 'the refund at Stripe');
    const now = await waitFor(async () => {
        const row = await seen(registration);
        return row.refunds.some(({ status }) => status === 'succeeded') && row;
    }, 'the refund');
    assert.deepEqual([await atStripe(registration), now.refundedAmount], [[2500], 2500], 'the other 2500 is given back by hand');
    await usher.check();
});

test('a refund that a bank stands in the way of is asked for again when the dispute is won, and not by hand', async () => {
    const event = await usher.createEvent(organizer);
    const registration = await bought(event, { quantity: 2 });
    // The bank has it, and nobody told us yet.
    const open = await dispute(registration, 'needs_response', { withdrawn: true });
    refusing.set(registration.paymentIntentId, 'charge_disputed');
    assert.equal((await refund(registration, { ticketIds: [registration.ticketIds[0]] })).status, 200);
    const waits = await failed(registration, 'charge_disputed');
    assert.equal(waits.refundedAmount, 0);
    await waitFor(async () => (await seen(registration)).disputed, 'the refusal tells of the dispute');
    const told = await usher.mail((m) => m.to.includes(organizer.email) && /refund failed/i.test(m.subject) && /bank has taken/.test(m.text));
    assert.match(told.text, /do not give it back/);
    refusing.delete(registration.paymentIntentId);
    await deliver(shop, 'charge.dispute.closed', await dispute(registration, 'won', { reinstated: true, id: open.id }));
    const now = await waitFor(async () => {
        const row = await seen(registration);
        return row.refunds.some(({ status }) => status === 'succeeded') && row;
    }, 'it to be asked for again');
    assert.deepEqual([await atStripe(registration), now.refundedAmount, now.status, now.ticketIds.length], [[2500], 2500, 'confirmed', 1]);
    assert.deepEqual(now.refunds.map(({ status, failure }) => [status, failure]), [['failed', 'asked_again'], ['succeeded', null]]);
    // Heard again, it is not asked for again.
    await deliver(shop, 'charge.dispute.updated', await dispute(registration, 'won', { id: open.id }));
    await usher.advance(60_000);
    await usher.check();
    assert.deepEqual(await atStripe(registration), [2500]);
});

test('what is of the other mode, or of another payment, is not taken in', async () => {
    const registration = await bought(await usher.createEvent(organizer));
    await deliver(shop, 'charge.dispute.created', await dispute(registration, 'needs_response', { withdrawn: true, livemode: true }));
    await waitFor(() => /not of this mode/.test(usher.log), 'the refusal');
    assert.deepEqual((await seen(registration)).disputes, []);
    await deliver(shop, 'charge.dispute.created', await dispute(registration, 'needs_response'));
    await waitFor(async () => (await seen(registration)).disputed, 'the same in our mode');
});

test('a dispute that no webhook told of is found', async () => {
    const registration = await bought(await usher.createEvent(organizer));
    await deliver(shop, 'charge.dispute.created', await dispute(registration, 'warning_needs_response'));
    await waitFor(async () => (await seen(registration)).disputes.length === 1, 'the inquiry');
    await dispute(registration, 'needs_response', { withdrawn: true });
    await usher.advance(2 * 3_600_000);
    await waitFor(async () => (await seen(registration)).disputed, 'the reconciler');
});

test('all sums hold, and the provider\'s books agree', async () => {
    const until = usher.now();
    await usher.advance(3 * 3_600_000);
    await waitFor(async () => {
        const { code, stdout } = await usher.cli(['check', '--json'], { ok: false });
        const now = JSON.parse(stdout);
        // What a job sees to is not compared until it is done.
        if (code === 0 && Date.parse(now.balanceReadTo ?? 0) > until + 1.2 * 3_600_000 && now.balanceCompared >= 11)
            return true;
        await usher.advance(61_000); // a round that was under way has left the next one out
        return false;
    }, 'all invariants', { timeout: 60_000, every: 500 }).catch(async (error) => { throw new Error(`${error.message}\n${(await usher.cli(['check'], { ok: false })).stdout}`); });
});
