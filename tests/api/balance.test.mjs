// The ledger against the provider's own books, and what becomes available for payouts by day.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';

import { start, waitFor } from './lib.mjs';
import { behindLine, deliver, payAt, simulator } from './stripe_line.mjs';

const HOUR = 3_600_000;
const scratch = mkdtempSync(join(tmpdir(), 'usher-balance-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const checked = async (usher, args = []) => {
    const found = await usher.cli(['check', '--json', ...args], { ok: false, data: !args.length });
    return { code: found.code, ...JSON.parse(found.stdout) };
};
const finance = (usher, organizer, event) => usher.must(200, 'GET', `/v1/events/${event.eventId}/finance`, { token: organizer.token });
const sql = (usher, text) => execFileSync('sqlite3', ['-readonly', join(usher.data, 'usher.db'), text], { encoding: 'utf8' }).trim();
const readTo = (usher, time) => waitFor(async () => {
    const now = await checked(usher);
    return now.balanceReadTo && Date.parse(now.balanceReadTo) >= time && !now.jobs.some((job) => ['stripe-sync', 'balance'].includes(job.kind)) && now;
}, 'the balance to be read', { timeout: 30_000 });

test('payments, refunds, failed refunds and disputes are found again in the balance; a difference is a breach', async () => {
    const usher = await start({ env: { USHER_ACCESS_TOKEN_SECONDS: '86400' } });
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const event = await usher.createEvent(organizer, { timezone: 'Pacific/Auckland' });
    assert.deepEqual((await finance(usher, organizer, event)).payouts, []);
    const bought = async (card) => usher.pay(buyer, await usher.register(buyer, event), card);
    const refund = (registration, body) => usher.must(200, 'POST', `/v1/registrations/${registration.registrationId}/refund`, { token: organizer.token, body });

    const kept = await bought();
    const refunded = await bought();
    await refund(refunded, {});
    const parted = await bought();
    await refund(parted, { amount: 300 });
    const failed = await bought('pm_card_refundFail');
    await refund(failed, {});
    const disputed = await bought('pm_card_createDispute');
    await waitFor(async () => (await usher.must(200, 'GET', `/v1/registrations/${disputed.registrationId}`, { token: organizer.token })).disputed, 'the dispute');
    await waitFor(async () => (await usher.must(200, 'GET', `/v1/registrations/${failed.registrationId}`, { token: organizer.token })).refunds[0]?.status === 'failed', 'the refund to fail');
    const before = await checked(usher);
    assert.deepEqual([before.balanceCompared, before.balanceAbsent], [0, 0], 'an hour has not passed');

    const paidBy = usher.now();
    await usher.advance(3 * HOUR);
    const now = await readTo(usher, paidBy + 1.2 * HOUR);
    assert.deepEqual([now.code, now.balanceCompared, now.balanceAbsent], [0, 5, 0], JSON.stringify(now.invariants));
    assert.match((await usher.check()).stdout, /^balance +read up to .* 5 registrations/m);

    // By the day in Auckland, from the simulator's own books.
    const books = (await simulator(usher, 'GET', 'balance_transactions', { limit: '100' })).body.data;
    const there = new Intl.DateTimeFormat('en-CA', { timeZone: 'Pacific/Auckland' });
    const days = new Map();
    for (const row of books) {
        const day = there.format(new Date(row.available_on * 1000));
        days.set(day, (days.get(day) ?? 0) + row.net);
    }
    const shown = await finance(usher, organizer, event);
    assert.deepEqual(shown.payouts, [...days].sort().map(([date, amount]) => ({ date, currency: 'EUR', amount })));
    assert.ok(shown.payouts.length >= 2 && shown.payouts[0].amount < 0, 'refunds go at once, charges come two days later');
    assert.equal(shown.payouts.reduce((sum, row) => sum + row.amount, 0), shown.totals[0].net);

    assert.equal(Number(sql(usher, 'SELECT count(*) FROM balance_transaction')), books.length, 'each is there once');
    await usher.stop();

    const breaches = async (name, text) => {
        const data = join(scratch, name);
        cpSync(usher.data, data, { recursive: true });
        execFileSync('sqlite3', [join(data, 'usher.db')], { input: `${text};` });
        const found = await checked(usher, ['--data', data]);
        rmSync(data, { recursive: true, force: true });
        return found;
    };
    const id = (registration) => `X'${registration.registrationId.replaceAll('-', '')}'`;
    const planted = [
        ['a fee that nobody took', kept, `UPDATE ledger SET amount = amount - 1 WHERE kind = 1 AND registration = ${id(kept)}`, /money of 2436 EUR in the ledger; the provider's balance has 2437/],
        ['a fee that the ledger lacks', kept, `DELETE FROM ledger WHERE kind = 1 AND registration = ${id(kept)}`, /money of 2500 EUR/],
        ['a refund that the ledger lacks', parted, `INSERT INTO balance_transaction SELECT 'txn_planted', event, registration, -200, 0, currency, available_at, at FROM balance_transaction WHERE registration = ${id(parted)} LIMIT 1`, /the provider's balance has 1937/],
        ['money in a currency of its own', kept, `INSERT INTO balance_transaction SELECT 'txn_planted', event, registration, 100, 0, 'USD', available_at, at FROM balance_transaction WHERE registration = ${id(kept)} LIMIT 1`, /money of 0 USD in the ledger; the provider's balance has 100/],
        ['a dispute\'s row gone', disputed, `DELETE FROM ledger WHERE kind = 3 AND registration = ${id(disputed)}`, /in the ledger/],
    ];
    for (const [name, registration, text, says] of planted) {
        const found = await breaches(name.replaceAll(/\W/g, '-'), text);
        assert.equal(found.code, 1, name);
        const [money] = found.invariants.filter((i) => i.name === 'money');
        const said = money.breaches.find((b) => b.about.includes(registration.registrationId) && says.test(b.what));
        assert.ok(said, `${name}: ${JSON.stringify(found.invariants)}`);
    }
    // What is not there at all is told, and not called broken: it may be another account's. What was not read yet is not compared.
    const absent = await breaches('absent', `DELETE FROM balance_transaction WHERE registration = ${id(kept)}`);
    assert.deepEqual([absent.code, absent.balanceCompared, absent.balanceAbsent], [0, 4, 1]);
    const early = await breaches('early', `UPDATE ledger SET amount = amount - 1 WHERE kind = 1; UPDATE meta SET value = '${Math.floor(paidBy / 1000)}' WHERE key = 'stripe_balance_read_to'`);
    assert.deepEqual([early.code, early.balanceCompared], [0, 0]);
    const syncing = await breaches('syncing', `UPDATE ledger SET amount = amount - 1 WHERE kind = 1 AND registration = ${id(kept)};
        INSERT INTO job (lane, kind, key, run_at, created_at) SELECT 2, 'stripe-sync', intent, 9999999999999, 1 FROM payment WHERE registration = ${id(kept)}`);
    assert.equal(syncing.code, 0, 'a job sees to it');
});

test('pages are read to their end, what is of others on the account is left out, and what the ledger lacks is asked after', async () => {
    const shop = await behindLine();
    const { usher, stripe, line } = shop;
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const event = await usher.createEvent(organizer);
    const registration = await usher.register(buyer, event);
    const intent = await usher.intent(buyer, registration);
    let fees = 'unknown';
    line.change(/^(GET|POST) .*\/payment_intents\//, (body) => {
        if (fees === 'unknown' && body.latest_charge?.id)
            body.latest_charge.balance_transaction = null;
    });
    assert.equal((await payAt(stripe, intent)).status, 200);
    await deliver(shop, 'payment_intent.succeeded', { id: intent.paymentIntentId, object: 'payment_intent' });
    await usher.status(buyer, registration, 'confirmed');
    const [real] = (await simulator(stripe, 'GET', 'balance_transactions', { 'expand[]': 'data.source' })).body.data;
    assert.equal(real.source.payment_intent, intent.paymentIntentId, 'the simulator says whose it is');

    const other = (n) => ({ ...real, id: `txn_other${n}`, source: { ...real.source, id: `ch_other${n}`, payment_intent: n % 2 ? `pi_other${n}` : null } });
    const payout = { ...real, id: 'txn_payout', type: 'payout', source: { id: 'po_1', object: 'payout' } };
    const asked = [], later = [];
    line.serve(/^GET .*\/balance_transactions\?/, (params) => {
        asked.push(Object.fromEntries(params));
        const behind = params.get('starting_after');
        const inside = [real, ...later].filter((row) => row.created >= Number(params.get('created[gte]')) && row.created < Number(params.get('created[lt]')));
        const data = !inside.length ? [] : !behind ? [other(1), other(2)] : behind === 'txn_other2' ? [payout, other(3)] : inside;
        return { body: { object: 'list', has_more: inside.length > 0 && behind !== 'txn_other3', data } };
    });
    await usher.advance(1.5 * HOUR);
    // The charge has a transaction that the payment's own answers did not name: it is asked after, and this time they do.
    await waitFor(() => sql(usher, 'SELECT id FROM balance_transaction') === real.id, 'the row', { timeout: 30_000 });
    await readTo(usher, usher.now() - 1.2 * HOUR); // a round that is still under way would leave the next one out
    fees = 'known';
    await usher.advance(1.5 * HOUR);
    await waitFor(async () => (await finance(usher, organizer, event)).totals[0].fees === real.fee, 'the fee');
    let now = await readTo(usher, usher.now() - 1.2 * HOUR);
    assert.deepEqual([now.code, now.balanceCompared], [0, 1], JSON.stringify(now.invariants));
    assert.ok(asked.every((query) => query.limit === '100' && query['expand[]'] === 'data.source'));
    // A refund made at Stripe that no webhook and no event ever told of.
    line.serve(/^GET .*\/events\?/, () => ({ body: { object: 'list', has_more: false, data: [] } }));
    await stripe.advance(usher.now() - stripe.now());
    assert.equal((await simulator(stripe, 'POST', 'refunds', { payment_intent: intent.paymentIntentId, amount: '100' })).status, 200);
    later.push((await simulator(stripe, 'GET', 'balance_transactions', { limit: '1', 'expand[]': 'data.source' })).body.data[0]);
    assert.equal(later[0].amount, -100);
    await usher.advance(3 * HOUR);
    await waitFor(async () => (await finance(usher, organizer, event)).totals[0].refunds === 100, 'the refund', { timeout: 30_000 });
    now = await readTo(usher, usher.now() - 1.2 * HOUR);
    assert.equal(now.code, 0, JSON.stringify(now.invariants));
    // Answers that cannot be used leave the time where it is.
    line.serve(/^GET .*\/balance_transactions\?/, (params) => { asked.push(Object.fromEntries(params)); return { body: { object: 'list', has_more: false, data: [{ ...real, amount: 'much' }] } }; });
    const count = asked.length;
    await usher.advance(2 * HOUR);
    await waitFor(async () => asked.length > count + 1 || usher.advance(61_000), 'one round whole, and the next');
    const { balanceReadTo } = await checked(usher);
    assert.ok(Date.parse(balanceReadTo) < usher.now() - 2.5 * HOUR, `${balanceReadTo}, once ${now.balanceReadTo}`);
});

test('a key that may not read it turns it off, and check says so', async () => {
    const shop = await behindLine();
    const { usher, stripe, line } = shop;
    line.serve(/^GET .*\/balance_transactions/, () => ({ status: 403, body: { error: { type: 'invalid_request_error', message: 'no' } } }));
    const buyer = await usher.account();
    const organizer = await usher.account({ role: 'organizer' });
    const registration = await usher.register(buyer, await usher.createEvent(organizer));
    const intent = await usher.intent(buyer, registration);
    await payAt(stripe, intent);
    await deliver(shop, 'payment_intent.succeeded', { id: intent.paymentIntentId, object: 'payment_intent' });
    await usher.status(buyer, registration, 'confirmed');
    await usher.advance(3 * HOUR);
    await waitFor(() => /not reconciled to them/.test(usher.log), 'the line in the log', { timeout: 30_000 });
    const lists = () => line.seen.filter((what) => /balance_transactions\?/.test(what)).length;
    assert.equal(lists(), 1);
    await usher.advance(3 * HOUR);
    await waitFor(async () => line.seen.filter((what) => /\/events\?/.test(what)).length >= 2, 'other rounds');
    assert.equal(lists(), 1);
    assert.match((await usher.check()).stdout, /^balance +the ledger was not compared/m);
});
