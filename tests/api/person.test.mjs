// What is held on a person: all of it given out on asking, and all but accounting gone when the person leaves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { binary, password, pdfText, prepare, sanitized, send, start, waitFor } from './lib.mjs';

const HOUR = 3_600_000;

function sql(usher, text) {
    return execFileSync('sqlite3', ['-readonly', '-cmd', '.timeout 5000', join(usher.data, 'usher.db'), text], { encoding: 'utf8', maxBuffer: 1 << 28 }).trim();
}

function files(folder) {
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile()) : [];
}

// Every row of every table but the oplog, as text; blobs as hexadecimal. Invitations mailed to an address are counted for a day.
// Receipts are kept by law, with the buyer's name (docs/prices.md): they are looked at by themselves.
function dump(usher, { day = false, receipts = true } = {}) {
    const tables = sql(usher, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('oplog'${day ? '' : ", 'staff_mail'"}${receipts ? '' : ", 'receipt'"})`).split('\n');
    return tables.map((table) => execFileSync('sqlite3', ['-readonly', '-quote', join(usher.data, 'usher.db'), `SELECT '${table}', * FROM "${table}"`],
        { encoding: 'utf8', maxBuffer: 1 << 28 })).join('');
}

async function exportOf(usher, who) {
    return usher.must(200, 'GET', '/v1/me/export', { token: who.token });
}

async function leave(usher, who) {
    assert.deepEqual((await usher.cognito('DeleteUser', { AccessToken: who.accessToken })).body, {});
}

// Both rounds: at once, and the later look. `between` writes what was under way in that moment.
async function forgotten(usher, between = async () => {}) {
    await waitFor(() => !sql(usher, "SELECT 1 FROM job WHERE kind = 'forget' AND (payload IS NULL OR payload NOT LIKE '2%')"), 'the first round');
    await between();
    await usher.advance(11 * 60_000);
    await waitFor(() => !sql(usher, "SELECT 1 FROM job WHERE kind = 'forget'"), 'the later look');
}

// A buyer with a bit of everything.
async function fullLife(usher, { name, email, guest, guestEmail }) {
    const organizer = await usher.account({ role: 'organizer' });
    const who = await usher.account({ email, name });
    const paid = await usher.createEvent(organizer);
    const free = await usher.createFreeEvent(organizer);
    const type = free.ticketTypes[0].ticketTypeId;
    const order = await usher.pay(who, await usher.register(who, paid, { quantity: 2 }));
    const named = await usher.register(who, free, { quantity: 2, attendees: [{ ticketTypeId: type, name: guest, email: guestEmail }] });
    const hold = await usher.register(who, paid, { quantity: 3 });
    await usher.intent(who, hold);
    const other = await usher.account({ name: 'Somebody Else' });
    const others = await usher.register(other, free, { attendees: [{ ticketTypeId: type, name: 'Third Person', email: 'third@example.org' }] });
    const tickets = (await usher.must(200, 'GET', '/v1/tickets', { token: who.token })).items;
    const used = tickets.find((ticket) => ticket.registrationId === named.registrationId);
    assert.equal((await usher.validate(organizer, { qrCode: used.qrCode, gate: 'North' })).result, 'valid');
    await usher.must(200, 'POST', `/v1/registrations/${order.registrationId}/refund`, {
        token: organizer.token, body: { ticketIds: [order.ticketIds[0]], reason: `${name} fell ill` } });
    await waitFor(() => sql(usher, 'SELECT status FROM refund') === '2', 'the refund');
    for (const ticket of tickets)
        await usher.pdf(who, ticket.ticketId).catch(() => {}); // a cancelled one has none
    await usher.must(201, 'POST', `/v1/events/${paid.eventId}/staff`, { token: organizer.token, body: { email, role: 'gate' } });
    const invitation = await usher.mail((m) => m.to.includes(email) && m.text.includes('/invitations/'));
    await usher.must(200, 'POST', '/v1/staff-invitations/accept', { token: who.token, body: { token: invitation.text.match(/\/invitations\/([\w-]{43})/)[1] } });
    return { organizer, who, paid, free, order, named, hold, other, others, tickets, used };
}

test('the export holds everything of a person, nothing of another, and no secret', async () => {
    const usher = await start();
    const { who, paid, free, order, named, hold, other, others, used, organizer } = await fullLife(usher,
        { name: 'Xaverine Quux', email: 'xaverine@example.org', guest: 'Guest Guestsson', guestEmail: 'guest@example.org' });
    const answer = await usher.api('GET', '/v1/me/export', { token: who.token });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(answer.headers['content-disposition'], 'attachment; filename="usher-export.json"');
    assert.equal(answer.headers['cache-control'], 'private, no-store');
    const all = answer.body;

    assert.equal(all.account.accountId, who.sub);
    assert.equal(all.account.email, 'xaverine@example.org');
    assert.equal(all.account.name, 'Xaverine Quux');
    assert.deepEqual(all.account.groups, ['Attendees']);
    assert.equal(all.account.status, 'confirmed');
    assert.deepEqual(all.account.secondFactor, { totpEnabled: false, deviceName: null, since: null, failedCodes: 0, lastFailedCodeAt: null, recoveryCodesLeft: 0 });
    assert.equal(all.sessions.length, 1);
    assert.equal(all.sessions[0].sessionId, who.claims.origin_jti);
    const list = (await usher.must(200, 'GET', '/v1/registrations', { token: who.token })).items;
    assert.deepEqual(all.registrations, list);
    assert.deepEqual(all.registrations.map((r) => r.registrationId).sort(), [order, named, hold].map((r) => r.registrationId).sort());
    const ofNamed = all.registrations.find((r) => r.registrationId === named.registrationId);
    assert.deepEqual(ofNamed.attendees.map((a) => [a.name, a.email]), [['Guest Guestsson', 'guest@example.org']]);
    assert.equal(all.tickets.length, 4);
    const shown = all.tickets.find((ticket) => ticket.ticketId === used.ticketId);
    assert.deepEqual([shown.status, shown.usedGate, shown.eventTitle], ['used', 'North', free.title]);
    assert.equal(all.tickets.filter((ticket) => ticket.status === 'cancelled').length, 1);
    assert.deepEqual(all.checkIns.map((c) => [c.ticketId, c.kind, c.gate]), [[used.ticketId, 'admitted', 'North']]);
    assert.deepEqual(all.payments.map((p) => [p.registrationId, p.status, p.amount, p.received]).sort(),
        [[order.registrationId, 'succeeded', 5000, 5000], [hold.registrationId, 'open', 7500, 0]].sort());
    assert.equal(all.payments.find((p) => p.registrationId === order.registrationId).paymentIntentId, order.paymentIntentId);
    assert.deepEqual(all.refunds.map((r) => [r.registrationId, r.status, r.amount, r.reason]), [[order.registrationId, 'succeeded', 2500, 'Xaverine Quux fell ill']]);
    assert.deepEqual(all.events, []);
    assert.deepEqual(all.staffAt.map((s) => [s.eventId, s.email, s.role]), [[paid.eventId, 'xaverine@example.org', 'gate']]);
    for (const { what, why } of all.notIncluded)
        assert.ok(what && why.length > 20, what);

    // Nothing of others.
    for (const strange of [other.sub, other.email, 'Somebody Else', 'third@example.org', others.registrationId, organizer.sub, organizer.email])
        assert.ok(!answer.text.includes(strange), strange);
    // No secrets: neither the codes that open doors, nor what the store keeps of tokens and passwords, in any spelling.
    for (const { qrCode } of (await usher.must(200, 'GET', '/v1/tickets', { token: who.token })).items)
        assert.ok(!answer.text.includes(qrCode));
    const kept = sql(usher, "SELECT password FROM account UNION ALL SELECT hex(hash) FROM session UNION ALL SELECT client_secret FROM payment WHERE client_secret IS NOT NULL").split('\n');
    assert.ok(kept.length > 5);
    for (const secret of kept)
        for (const spelling of [secret, secret.toLowerCase(), Buffer.from(secret, 'hex').toString('base64').slice(0, 24) || secret])
            assert.ok(!answer.text.includes(spelling));

    // The organizer's own has the events, and no buyer.
    const seller = await exportOf(usher, organizer);
    assert.deepEqual(seller.events.map((e) => [e.eventId, e.title, e.status]), [[free.eventId, free.title, 'published'], [paid.eventId, paid.title, 'published']]);
    assert.ok(!JSON.stringify(seller).includes('Xaverine'));

    assert.equal((await usher.api('GET', '/v1/me/export')).status, 401);
});

test('an export of many rows goes through slices, each row once', async () => {
    const usher = await start({ fast: true });
    const organizer = await usher.account({ role: 'organizer' });
    const who = await usher.account();
    const event = await usher.createFreeEvent(organizer, { seats: 2000 });
    const many = 321;
    const made = new Set();
    for (let i = 0; i < many; i += 40)
        await Promise.all(Array.from({ length: Math.min(40, many - i) }, async () => made.add((await usher.register(who, event, { quantity: 2 })).registrationId)));
    const all = await exportOf(usher, who);
    assert.equal(all.registrations.length, many);
    assert.deepEqual(new Set(all.registrations.map((r) => r.registrationId)), made);
    assert.equal(all.tickets.length, 2 * many);
    assert.equal(new Set(all.tickets.map((ticket) => ticket.ticketId)).size, 2 * many);
    assert.deepEqual(readdirSync(usher.data).filter((name) => name.startsWith('export-')), [], 'the file has no name');
});

test('an export may be asked for six times an hour', async () => {
    const usher = await start({ limits: 'on' });
    const who = await usher.account();
    for (let i = 0; i < 6; i++) {
        const answer = await usher.api('GET', '/v1/me/export', { token: who.token });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['ratelimit-policy'], '"export";q=6;w=3600');
    }
    const answer = await usher.api('GET', '/v1/me/export', { token: who.token });
    assert.equal(answer.status, 429);
    assert.ok(Number(answer.headers['retry-after']) > 60, answer.headers['retry-after']);
    assert.equal((await usher.api('GET', '/v1/registrations', { token: who.token })).status, 200, 'nothing else is counted');
    await usher.advance(11 * 60_000);
    const again = await usher.signIn(who.email);
    assert.equal((await usher.api('GET', '/v1/me/export', { token: again.token })).status, 200, 'one is there again after a sixth of the hour');
});

test('who leaves is nowhere any more: not in the rows, not in the files, and a day later not in a single byte', async () => {
    const usher = await start();
    const person = { name: 'Zebulonia Wachtelkoenig', email: 'zebulonia.wk@example.org', guest: 'Gastrid Mitnahme', guestEmail: 'gastrid@example.org' };
    const traces = [/zebulonia/i, /wachtelkoenig/i, /gastrid/i, /mitnahme/i];
    const { organizer, who, paid, order, named, hold, tickets } = await fullLife(usher, person);
    await usher.must(202, 'POST', `/v1/registrations/${named.registrationId}/resend`, { token: who.token });
    await waitFor(() => !sql(usher, "SELECT 1 FROM job WHERE kind IN ('deliver', 'mail')"), 'the mails');
    const pdfs = () => files(join(usher.data, 'objects')).filter((path) => path.endsWith('.pdf'));
    const withTraces = () => pdfs().filter((path) => traces.some((trace) => trace.test(pdfText(readFileSync(path)))));
    assert.ok(withTraces().length >= 3, 'there is something to find');
    for (const trace of traces)
        assert.match(dump(usher), trace);
    const money = sql(usher, 'SELECT hex(registration), attempt, status, amount, currency, intent, received, created_at FROM payment ORDER BY 1, 2');
    const valid = tickets.find((ticket) => ticket.registrationId === named.registrationId && ticket.status === 'valid' && ticket.attendeeName === person.name);

    await leave(usher, who);
    // A page that was being drawn when the account went is written behind the first round.
    const late = join(usher.data, 'objects', 'tickets', paid.eventId, `${order.ticketIds[1]}-0123456789abcdef.pdf`);
    const others = join(usher.data, 'objects', 'tickets', paid.eventId, `${order.ticketIds[1].slice(0, -4)}ff01-0123456789abcdef.pdf`);
    await forgotten(usher, async () => {
        assert.deepEqual(readdirSync(join(usher.data, 'objects', 'tickets', paid.eventId)), []);
        assert.match(pdfText(await usher.pdf(organizer, valid.ticketId)), /Former user/); // drawn without the name, and deleted again by the later look
        for (const path of [late, others])
            writeFileSync(path, '%PDF-1.7');
    });
    assert.deepEqual([late, others].map(existsSync), [false, true], 'another person\'s stays');
    rmSync(others);
    assert.ok(traces.some((trace) => trace.test(sql(usher, 'SELECT hex(changes) FROM oplog').split('\n').map((hex) => Buffer.from(hex, 'hex').toString('latin1')).join(' '))),
        'the oplog of the day still has it, as docs/security.md says');
    const rows = dump(usher, { receipts: false });
    for (const trace of traces)
        assert.doesNotMatch(rows, trace);
    assert.match(sql(usher, 'SELECT content FROM receipt'), /"buyer":"Zebulonia Wachtelkoenig"/);
    assert.doesNotMatch(sql(usher, 'SELECT * FROM receipt'), /zebulonia\.wk|gastrid|mitnahme/i, 'no more than the name');
    assert.deepEqual(withTraces().filter((path) => !path.startsWith(join(usher.data, 'objects', 'receipts'))), []);
    assert.equal(sql(usher, `SELECT count(*) FROM idempotency WHERE account = x'${who.sub.replaceAll('-', '')}'`), '0');
    assert.equal(sql(usher, `SELECT count(*) FROM session WHERE account = x'${who.sub.replaceAll('-', '')}'`), '0');
    await usher.check();

    // The hold went back, accounting stays to the cent.
    const left = (await usher.must(200, 'GET', `/v1/events/${paid.eventId}`)).ticketTypes[0].available;
    assert.equal(left, 99, 'of two tickets sold one was refunded; three seats were held');
    const after = sql(usher, 'SELECT hex(registration), attempt, status, amount, currency, intent, received, created_at FROM payment ORDER BY 1, 2');
    const paidLine = (text) => text.split('\n').find((line) => line.startsWith(order.registrationId.replaceAll('-', '').toUpperCase()));
    assert.equal(paidLine(after), paidLine(money));
    await waitFor(() => sql(usher, `SELECT status FROM payment WHERE registration = x'${hold.registrationId.replaceAll('-', '')}'`) === '4', 'the intent of the hold to be cancelled');

    // The organizer sees an order without a person; the ticket in hand opens the door, once.
    const list = await usher.must(200, 'GET', `/v1/events/${paid.eventId}/registrations`, { token: (await usher.signIn(organizer.email)).token });
    const shown = list.items.find((item) => item.registrationId === order.registrationId);
    assert.deepEqual(shown.attendees.map((a) => [a.name, a.email]), [['Former user', null], ['Former user', null]]);
    assert.equal(shown.amount, 5000);
    const steward = await usher.signIn(organizer.email);
    const csv = await usher.api('GET', `/v1/events/${paid.eventId}/registrations.csv`, { token: steward.token });
    assert.match(csv.text, /Former user/);
    assert.doesNotMatch(csv.text, /deleted:/);
    const first = await usher.validate(steward, valid.qrCode);
    assert.deepEqual([first.result, first.ticket.attendeeName], ['valid', 'Former user']);
    assert.equal((await usher.validate(steward, valid.qrCode)).reason, 'already-used');
    // Its page is drawn anew for who may see it, without the name.
    assert.match(pdfText(await usher.pdf(steward, valid.ticketId)), /Former user/);

    // A day later the invitations are not counted any more; a day after that the oplog has let go too, though nobody wrote. Then not even the free
    // space of the files has a trace.
    await usher.advance(25 * HOUR);
    await waitFor(() => sql(usher, 'SELECT count(*) FROM staff_mail') === '0', 'the invitations to be uncounted', { timeout: 60_000 });
    for (const trace of traces)
        assert.doesNotMatch(dump(usher, { day: true, receipts: false }), trace);
    await usher.advance(25 * HOUR);
    await waitFor(() => Number(sql(usher, 'SELECT min(at) FROM oplog')) > usher.now() - 24 * HOUR, 'the oplog to let go', { timeout: 60_000 });
    await usher.stop();
    await usher.check();
    execFileSync('sqlite3', [join(usher.data, 'usher.db'), 'PRAGMA secure_delete = ON; DELETE FROM receipt; PRAGMA wal_checkpoint(TRUNCATE);']);
    for (const path of files(usher.data).filter((file) => !/\/(outbox|objects)\//.test(file)))
        for (const trace of traces)
            assert.doesNotMatch(readFileSync(path).toString('latin1'), trace, path);
    assert.doesNotMatch(usher.log, /zebulonia|gastrid/i);
});

test('mails that wait are in the export, and are dropped when their owner leaves; the last one still goes out', async () => {
    const usher = await start({ env: { USHER_SMTP_URL: 'smtp://127.0.0.1:1' } });
    const who = await usher.shellAccount('Attendees', 'waiting@example.org');
    const other = await usher.shellAccount();
    for (const one of [who, other])
        assert.equal((await usher.cognito('ChangePassword', { AccessToken: one.accessToken, PreviousPassword: password, ProposedPassword: `${password}-2` })).error, null);
    const mails = () => sql(usher, "SELECT payload FROM job WHERE kind = 'mail'").split('\n').filter(Boolean).map(JSON.parse);
    assert.equal(mails().length, 2);
    const { mailsWaiting } = await exportOf(usher, who);
    assert.deepEqual(mailsWaiting.map((mail) => [mail.to, mail.subject]), [['waiting@example.org', 'Your password was changed']]);
    await leave(usher, who);
    await forgotten(usher);
    assert.deepEqual(mails().map((mail) => [mail.to, mail.subject]).sort(), [[other.email, 'Your password was changed'], ['waiting@example.org', 'Your account was deleted']].sort());
});

test('a kill in the middle of forgetting loses nothing of it', async () => {
    const usher = await start({ fast: true });
    const organizer = await usher.account({ role: 'organizer' });
    const who = await usher.account({ email: 'manifold@example.org', name: 'Manifold Buyer' });
    const count = 500;
    // An event each, so that the job has that many writes to make.
    for (let i = 0; i < count; i += 25)
        await Promise.all(Array.from({ length: 25 }, async () => {
            const event = await usher.createFreeEvent(organizer, { seats: 3 });
            await usher.register(who, event, { attendees: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, name: 'Companion Person', email: 'companion@example.org' }] });
        }));
    const left = () => Number(sql(usher, 'SELECT count(*) FROM registration WHERE attendees IS NOT NULL'));
    assert.equal(left(), count);
    // In steps of some milliseconds, stopped while the rows are looked at: so it is caught in the middle on any machine.
    const { pid } = usher.process;
    const answer = usher.cognito('DeleteUser', { AccessToken: who.accessToken }).catch(() => {});
    await waitFor(async () => {
        process.kill(pid, 'SIGCONT');
        await new Promise((resolve) => setTimeout(resolve, 2));
        process.kill(pid, 'SIGSTOP');
        return left() < count;
    }, 'some of it to be done', { every: 1 });
    const seen = left();
    assert.ok(seen > 0, 'it was caught in the middle');
    await usher.kill();
    await answer;
    await usher.start();
    await forgotten(usher);
    assert.equal(left(), 0);
    assert.doesNotMatch(dump(usher), /companion|manifold/i);
    await usher.check();
});

test('from the shell: beside a server and on a stopped folder, by the same rules', async () => {
    const usher = await start();
    const organizer = await usher.account({ role: 'organizer', name: 'Ottokar Veranstalter' });
    const who = await usher.account({ name: 'Shell Leaver' });
    const event = await usher.createFreeEvent(organizer);
    const type = event.ticketTypes[0].ticketTypeId;
    const order = await usher.register(who, event, { attendees: [{ ticketTypeId: type, name: 'Shell Guest', email: 'sg@example.org' }] });
    assert.match(pdfText(await usher.pdf(who, order.ticketIds[0])), /Ottokar/);

    const refused = await usher.cli(['user', 'delete', organizer.email], { ok: false });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /published events/);
    assert.match((await usher.cli(['user', 'delete', 'nobody@example.org'], { ok: false })).stderr, /no account/);
    await usher.cli(['user', 'delete', who.email]);
    assert.equal((await usher.api('GET', '/v1/registrations', { token: who.token })).status, 401);
    await forgotten(usher);
    assert.doesNotMatch(dump(usher), /Shell (Leaver|Guest)|sg@example/);

    // Once the event is over its organizer may go: on a stopped folder the rest waits for the next start.
    const buyer = await usher.account({ name: 'Staying Buyer' });
    const kept = await usher.register(buyer, event);
    await usher.pdf(buyer, kept.ticketIds[0]);
    await usher.advance(32 * 24 * HOUR);
    await waitFor(() => sql(usher, 'SELECT listed FROM event') === '0', 'the event to be over');
    await usher.stop();
    await usher.cli(['user', 'delete', organizer.email]);
    assert.doesNotMatch(sql(usher, 'SELECT email, name FROM account'), /Ottokar|organizer-/);
    await usher.start();
    await forgotten(usher);
    const pdfs = files(join(usher.data, 'objects')).filter((path) => path.endsWith('.pdf'));
    assert.deepEqual(pdfs.filter((path) => /Ottokar/.test(pdfText(readFileSync(path)))), []);
    const again = await usher.signIn(buyer.email);
    const text = pdfText(await usher.pdf(again, kept.ticketIds[0]));
    assert.match(text, /Staying Buyer/, 'what others bought is theirs');
    assert.doesNotMatch(text, /Ottokar/);
    assert.equal((await exportOf(usher, again)).registrations.length, 1);
    await usher.check();
});
