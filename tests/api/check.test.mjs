// `usher check` must name every breach of an invariant that is planted in the rows, by SQL, behind the server's back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { start, waitFor } from './lib.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'usher-check-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const blob = (id) => `X'${id.replaceAll('-', '')}'`;
// The parent's id: the last byte is the child's number.
const parent = (id) => `${id.slice(0, 34)}00`;

const usher = await start();
let world; // the ids of what is there

// Copy the stopped server's folder, change it, check it: the answer as JSON, and what a person would read.
let copies = 0;
async function checkWith(sql) {
    const data = join(scratch, `copy-${copies++}`);
    cpSync(usher.data, data, { recursive: true });
    if (sql)
        execFileSync('sqlite3', [join(data, 'usher.db')], { input: `PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; ${sql};` });
    const shown = await usher.cli(['check', '--data', data], { data: false, ok: false });
    const json = await usher.cli(['check', '--json', '--data', data], { data: false, ok: false });
    assert.equal(shown.code, json.code, shown.stdout + shown.stderr);
    rmSync(data, { recursive: true, force: true });
    return { code: shown.code, text: shown.stdout, ...JSON.parse(json.stdout) };
}

before(async () => {
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const paidEvent = await usher.createEvent(organizer, { capacity: 20, ticketTypes: [
        { name: 'One', price: 1000, quantity: 10 }, { name: 'Two', price: 2000, quantity: 15 }] });
    const freeEvent = await usher.createFreeEvent(organizer, { seats: 5 });
    const types = paidEvent.ticketTypes.map((t) => t.ticketTypeId);
    const paid = await usher.pay(buyer, await usher.register(buyer, paidEvent, {
        items: [{ ticketTypeId: types[0], quantity: 1 }, { ticketTypeId: types[1], quantity: 2 }] }));
    const refunded = await usher.pay(buyer, await usher.register(buyer, paidEvent, { quantity: 2 }));
    await usher.api('POST', `/v1/registrations/${refunded.registrationId}/refund`, { token: organizer.token, body: {} });
    await usher.status(buyer, refunded, 'refunded');
    // One of its three given back; and of another, the one that was free.
    const parted = await usher.pay(buyer, await usher.register(buyer, paidEvent, { quantity: 3 }));
    await usher.must(200, 'POST', `/v1/registrations/${parted.registrationId}/refund`, { token: organizer.token, body: { ticketIds: [parted.ticketIds[1]] } });
    const mixedEvent = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Paid', price: 700, quantity: 5 }, { name: 'Child', price: 0, quantity: 5 }] });
    const mixed = await usher.pay(buyer, await usher.register(buyer, mixedEvent, { items: mixedEvent.ticketTypes.map((t) => ({ ticketTypeId: t.ticketTypeId, quantity: 1 })) }));
    await usher.must(200, 'POST', `/v1/registrations/${mixed.registrationId}/refund`, { token: organizer.token, body: { ticketIds: [mixed.ticketIds[1]] } });
    const pending = await usher.register(buyer, paidEvent, { type: 1, quantity: 3 });
    const free = await usher.register(buyer, freeEvent, { quantity: 2 });
    const ticket = await usher.ticket(buyer, free.ticketIds[0]);
    assert.equal((await usher.validate(organizer, ticket.qrCode)).result, 'valid');
    // Nothing on its way any more, so that each breach stands alone.
    await waitFor(async () => (JSON.parse((await usher.cli(['check', '--json'])).stdout)).jobCount === 0, 'the jobs to be done');
    world = { paidEvent, freeEvent, types, paid, refunded, parted, pending, free, used: free.ticketIds[0], unused: free.ticketIds[1] };

    await usher.check(); // beside the running server, too
    await usher.stop();
});

test('a sound folder is called sound, with a row for each invariant', async () => {
    const found = await checkWith('');
    assert.equal(found.code, 0, found.text);
    assert.equal(found.ok, true);
    assert.deepEqual(found.invariants.map((i) => [i.number, i.ok]), [1, 2, 3, 4, 5, 6].map((n) => [n, true]));
    for (let n = 1; n <= 6; n++)
        assert.match(found.text, new RegExp(`^ok +${n} `, 'm'));
    assert.ok(found.invariants[0].lookedAt >= 4 && found.invariants[1].lookedAt >= 7 && found.invariants[3].lookedAt === 1, found.text);
});

describe('planted', () => {
    const plantedCode = (used) => `INSERT INTO discount_code (event, id, code, code_key, kind, value, active, used, created_at, updated_at)
        VALUES (${blob(world.paidEvent.eventId)}, ${blob('01935f00-0001-7002-8003-040506070800')}, 'PLANTED', 'planted', 1, 1000, 1, ${used}, 1, 1)`;
    // What, the invariant that must be called broken, the id that must be named, and the SQL. `also`: others that break with it.
    const breaches = [
        ['a seat counted as sold that nobody bought', 1, () => world.types[0],
            () => `UPDATE stock SET sold = sold + 1 WHERE event = ${blob(world.paidEvent.eventId)} AND n = 1`],
        ['a held seat forgotten', 1, () => world.types[1],
            () => `UPDATE stock SET held = held - 1 WHERE event = ${blob(world.paidEvent.eventId)} AND n = 2`],
        ['the event\'s own sum off', 1, () => world.paidEvent.eventId,
            () => `UPDATE stock SET sold = sold - 1 WHERE event = ${blob(world.paidEvent.eventId)} AND n = 0`],
        ['more sold than there are', 1, () => world.types[1],
            () => `UPDATE stock SET quantity = 4 WHERE event = ${blob(world.paidEvent.eventId)} AND n = 2`],
        ['more than the capacity', 1, () => world.freeEvent.eventId,
            () => `UPDATE stock SET quantity = 1 WHERE event = ${blob(world.freeEvent.eventId)} AND n = 0`],
        ['a counter gone', 1, () => world.types[0], () => `DELETE FROM stock WHERE event = ${blob(world.paidEvent.eventId)} AND n = 1`],
        ['an order for more than its items', 1, () => world.pending.registrationId,
            () => `UPDATE registration SET quantity = 4 WHERE id = ${blob(world.pending.registrationId)}`],
        ['a damaged order', 1, () => world.pending.registrationId,
            () => `UPDATE registration SET items = 'rubbish' WHERE id = ${blob(world.pending.registrationId)}`, [3]],
        ['a registration of no event', 1, () => world.free.registrationId,
            () => `UPDATE registration SET event = ${blob('01935f00-0001-7002-8003-040506070800')} WHERE id = ${blob(world.free.registrationId)}`],
        ['a ticket missing', 2, () => world.paid.registrationId,
            () => `DELETE FROM ticket WHERE registration = ${blob(world.paid.registrationId)} AND n = 3`],
        ['a ticket too many', 2, () => world.paid.registrationId,
            () => `INSERT INTO ticket (registration, n, type) VALUES (${blob(world.paid.registrationId)}, 4, 1)`],
        ['a ticket of another type', 2, () => world.paid.registrationId,
            () => `UPDATE ticket SET type = 2 WHERE registration = ${blob(world.paid.registrationId)} AND n = 1`],
        ['a valid ticket of a refunded registration', 2, () => world.refunded.registrationId,
            () => `UPDATE ticket SET status = 0 WHERE registration = ${blob(world.refunded.registrationId)} AND n = 1`],
        ['a ticket of a pending registration', 2, () => world.pending.registrationId,
            () => `INSERT INTO ticket (registration, n, type) VALUES (${blob(world.pending.registrationId)}, 1, 2)`],
        ['a ticket of nobody', 2, () => '01935f00-0001-7002-8003-040506070800',
            () => `INSERT INTO ticket (registration, n, type) VALUES (${blob('01935f00-0001-7002-8003-040506070800')}, 1, 1)`],
        ['a cancelled ticket without a refund', 2, () => world.paid.registrationId,
            () => `UPDATE ticket SET status = 2 WHERE registration = ${blob(world.paid.registrationId)} AND n = 1;
                   UPDATE stock SET sold = sold - 1 WHERE event = ${blob(world.paidEvent.eventId)} AND n IN (0, 1)`],
        ['another ticket cancelled than the refund names', 2, () => world.parted.registrationId,
            () => `UPDATE ticket SET status = 2 - status WHERE registration = ${blob(world.parted.registrationId)} AND n IN (1, 2)`],
        ['a confirmed registration that nobody paid', 3, () => world.paid.registrationId,
            () => `DELETE FROM payment WHERE registration = ${blob(world.paid.registrationId)}`],
        ['a payment of less', 3, () => world.paid.registrationId,
            () => `UPDATE payment SET amount = amount - 1, received = received - 1 WHERE registration = ${blob(world.paid.registrationId)}`],
        ['a payment in another currency', 3, () => world.paid.registrationId,
            () => `UPDATE payment SET currency = 'USD' WHERE registration = ${blob(world.paid.registrationId)}`],
        ['money received for nothing', 3, () => world.pending.registrationId,
            () => `INSERT INTO payment (registration, attempt, status, amount, currency, intent, received, created_at, updated_at)
                   VALUES (${blob(world.pending.registrationId)}, 1, 3, 6000, 'EUR', 'pi_planted', 6000, 1, 1)`],
        ['paid twice and given back never', 3, () => world.paid.registrationId,
            () => `INSERT INTO payment (registration, attempt, status, amount, currency, intent, received, created_at, updated_at)
                   VALUES (${blob(world.paid.registrationId)}, 9, 3, 5000, 'EUR', 'pi_planted', 5000, 1, 1)`],
        ['a refund that never was', 3, () => world.refunded.registrationId,
            () => `DELETE FROM refund WHERE registration = ${blob(world.refunded.registrationId)}`],
        ['a refund that failed with no one to see to it', 3, () => world.refunded.registrationId,
            () => `UPDATE refund SET status = 3 WHERE registration = ${blob(world.refunded.registrationId)}`],
        ['a charge that the ledger does not know', 3, () => world.paid.registrationId,
            () => `DELETE FROM ledger WHERE registration = ${blob(world.paid.registrationId)} AND kind = 0`],
        ['a charge of a cent less in the ledger', 3, () => world.paid.registrationId,
            () => `UPDATE ledger SET amount = amount - 1 WHERE registration = ${blob(world.paid.registrationId)} AND kind = 0`],
        ['a refund that the ledger has twice', 3, () => world.refunded.registrationId,
            () => `INSERT INTO ledger SELECT 're_planted', kind, back, event, registration, amount, currency, at FROM ledger
                   WHERE registration = ${blob(world.refunded.registrationId)} AND kind = 2`],
        ['money in the ledger of nobody', 3, () => '01935f00-0001-7002-8003-040506070800',
            () => `UPDATE ledger SET registration = ${blob('01935f00-0001-7002-8003-040506070800')} WHERE registration = ${blob(world.paid.registrationId)}`],
        ['money in the ledger of another event', 3, () => world.paid.registrationId,
            () => `UPDATE ledger SET event = ${blob(world.freeEvent.eventId)} WHERE registration = ${blob(world.paid.registrationId)}`],
        ['a dispute that its tickets do not know', 3, () => world.paid.registrationId,
            () => `INSERT INTO dispute SELECT 'dp_planted', r.event, r.id, r.intent, r.amount, r.currency, 2, 'fraudulent', 1, '[]', 1, 1 FROM registration r
                   WHERE r.id = ${blob(world.paid.registrationId)}`],
        ['tickets disputed by nobody', 3, () => world.paid.registrationId,
            () => `UPDATE registration SET disputed = 1 WHERE id = ${blob(world.paid.registrationId)}`],
        ['a refund that the registration does not know', 3, () => world.refunded.registrationId,
            () => `UPDATE registration SET refunded = refunded - 1 WHERE id = ${blob(world.refunded.registrationId)}`],
        ['a receipt gone', 3, null, () => `DELETE FROM receipt WHERE kind = 1 AND number = 1`],
        ['a number that was given to nothing', 3, null, () => `UPDATE receipt_series SET last = last + 1 WHERE kind = 1`],
        ['a code used by nobody', 1, () => '01935f00-0001-7002-8003-040506070800', () => plantedCode(1)],
        ['a use of a code that it does not count', 1, () => '01935f00-0001-7002-8003-040506070800',
            () => `${plantedCode(0)}; UPDATE registration SET code = ${blob('01935f00-0001-7002-8003-040506070800')} WHERE id = ${blob(world.paid.registrationId)}`],
        ['a code that there is not', 1, () => world.paid.registrationId,
            () => `UPDATE registration SET code = ${blob('01935f00-0001-7002-8003-040506070800')} WHERE id = ${blob(world.paid.registrationId)}`],
        ['more kept than was left', 3, () => world.refunded.registrationId,
            () => `UPDATE registration SET kept = 1 WHERE id = ${blob(world.refunded.registrationId)}`],
        ['a price that is not the items\'', 3, () => world.pending.registrationId,
            () => `UPDATE registration SET amount = 1 WHERE id = ${blob(world.pending.registrationId)}`],
        ['a used ticket that no gate saw', 4, () => world.unused,
            () => `UPDATE ticket SET status = 1, used_at = 1 WHERE registration = ${blob(parent(world.unused))} AND n = ${parseInt(world.unused.slice(-2), 16)}`],
        ['an admission twice', 4, () => world.used,
            () => `INSERT INTO check_in (event, ticket, n, kind, at, actor)
                   SELECT event, ticket, n + 1, kind, at, actor FROM check_in WHERE ticket = ${blob(world.used)}`],
        ['an admitted ticket valid again', 4, () => world.used,
            () => `UPDATE ticket SET status = 0, used_at = NULL WHERE registration = ${blob(parent(world.used))} AND n = ${parseInt(world.used.slice(-2), 16)}`],
        ['an undoing of nothing', 4, () => world.unused,
            () => `INSERT INTO check_in (event, ticket, n, kind, at, actor) VALUES (${blob(world.freeEvent.eventId)}, ${blob(world.unused)}, 1, 2, 1, x'00')`],
        ['an admission of no ticket', 4, () => `${parent(world.unused).slice(0, 34)}7f`,
            () => `INSERT INTO check_in (event, ticket, n, kind, at, actor)
                   VALUES (${blob(world.freeEvent.eventId)}, ${blob(`${parent(world.unused).slice(0, 34)}7f`)}, 1, 1, 1, x'00')`],
        ['a refund that nothing will send', 6, null,
            () => `UPDATE refund SET status = 0 WHERE registration = ${blob(world.refunded.registrationId)}`, [3]],
        ['a delivery of nothing', 6, null,
            () => `INSERT INTO job (lane, kind, key, run_at, created_at) VALUES (5, 'deliver', '01935f00-0001-7002-8003-040506070800', 9999999999999, 1)`],
    ];
    for (const [what, number, id, sql, also = []] of breaches) {
        test(what, async () => {
            const found = await checkWith(sql());
            assert.equal(found.code, 1, found.text);
            assert.equal(found.ok, false);
            const broken = found.invariants.filter((i) => !i.ok).map((i) => i.number);
            assert.ok(broken.includes(number), `expected ${number} to be broken:\n${found.text}`);
            assert.match(found.text, new RegExp(`^BROKEN +${number} `, 'm'));
            for (const other of broken)
                // Tickets and admissions lean on registrations, so a planted row may show twice; nothing unrelated may.
                assert.ok([number, 1, 2, ...also].includes(other), `${other} was called broken, too:\n${found.text}`);
            if (id) {
                const breachesOf = found.invariants[number - 1].breaches.map((b) => b.about).join('\n');
                assert.ok(breachesOf.includes(id()), `${id()} is not named:\n${found.text}`);
            }
        });
    }

    test('a mail of tickets that was asked for again and waits is nothing wrong', async () => {
        const id = world.refunded.registrationId;
        const found = await checkWith(`INSERT INTO job (lane, kind, key, run_at, created_at) VALUES (5, 'deliver', '${id} ${parent(id)}', 9999999999999, 1)`);
        assert.equal(found.code, 0, found.text);
    });

    test('money on its way back by a parked job is listed, not called broken', async () => {
        const found = await checkWith(`UPDATE refund SET status = 3 WHERE registration = ${blob(world.refunded.registrationId)};
            UPDATE registration SET refunded = 0 WHERE id = ${blob(world.refunded.registrationId)};
            INSERT INTO ledger SELECT provider_id, kind, 1, event, registration, -amount, currency, at FROM ledger
            WHERE registration = ${blob(world.refunded.registrationId)} AND kind = 2;
            INSERT INTO job (lane, kind, key, run_at, created_at, attempts, parked, failure)
            SELECT 5, 'stripe-sync', intent, 1, 1, 8, 1, 'it would not' FROM payment WHERE registration = ${blob(world.refunded.registrationId)}`);
        assert.equal(found.code, 0, found.text);
        assert.equal(found.jobsParked, 1);
        assert.equal(found.jobs[0].kind, 'stripe-sync');
        assert.match(found.text, /parked stripe-sync pi_.*it would not/);
    });

    test('a torn page of the database file', async () => {
        const data = join(scratch, 'torn');
        cpSync(usher.data, data, { recursive: true });
        const file = join(data, 'usher.db');
        // The root page of an index, where no walk through the rows need come by.
        const page = Number(execFileSync('sqlite3', [file, "PRAGMA wal_checkpoint(TRUNCATE); SELECT rootpage FROM sqlite_master WHERE name = 'session_expiry'"],
            { encoding: 'utf8' }).trim().split('\n').at(-1));
        const size = Number(execFileSync('sqlite3', [file, 'PRAGMA page_size'], { encoding: 'utf8' }));
        execFileSync('dd', ['if=/dev/urandom', `of=${file}`, `bs=${size}`, `seek=${page - 1}`, 'count=1', 'conv=notrunc'], { stdio: 'ignore' });
        const found = await usher.cli(['check', '--data', data], { data: false, ok: false });
        assert.equal(found.code, 1);
        assert.match(found.stdout + found.stderr, /BROKEN +5 /);
    });
});

test('without a database there is nothing to check', async () => {
    const found = await usher.cli(['check', '--data', join(scratch, 'nowhere')], { data: false, ok: false });
    assert.equal(found.code, 1);
    assert.match(found.stderr, /usher: /);
});
