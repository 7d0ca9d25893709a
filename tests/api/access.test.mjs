// The generated access test: each route of /openapi.json x each kind of caller x each kind of thing, against the table in access_table.mjs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { roles, table, tokenless } from './access_table.mjs';
import { start, uuid7, waitFor } from './lib.mjs';

let w;

// ---- the world ----

async function enlist(usher, organizer, account, events, role) {
    const ids = {};
    for (const event of events) {
        const { staffId } = await usher.must(201, 'POST', `/v1/events/${event.eventId}/staff`, { token: organizer.token, body: { email: account.email, role } });
        ids[event.eventId] = staffId;
    }
    const mails = await waitFor(async () => {
        const found = (await usher.allMail()).filter((m) => m.to.includes(account.email) && m.text.includes('/invitations/'));
        return found.length === events.length && found;
    }, 'the invitations');
    for (const mail of mails)
        await usher.must(200, 'POST', '/v1/staff-invitations/accept', { token: account.token, body: { token: mail.text.match(/\/invitations\/([\w-]{43})/)[1] } });
    return ids;
}

async function device(usher, organizer, event) {
    const made = await usher.must(201, 'POST', `/v1/events/${event.eventId}/devices`, { token: organizer.token, body: { name: 'Phone' } });
    const claimed = await usher.must(200, 'POST', '/v1/devices/claim', { body: { token: made.token } });
    return { deviceId: made.deviceId, token: claimed.credential };
}

const types = [{ name: 'Free', price: 0, quantity: 500 }, { name: 'Paid', price: 2500, quantity: 500 }];

before(async () => {
    const usher = await start();
    const organizer = () => usher.account({ role: 'organizer' });
    const people = { own: await organizer(), rival: await organizer(), admin: await usher.shellAccount('Admins'), off: await usher.account() };
    for (const role of ['buyer', 'other', 'mgr', 'gate', 'gone'])
        people[role] = await usher.account();
    const { own, rival, buyer } = people;
    const newEvent = async (thing, owner = own) => {
        const event = await usher.createEvent(owner, { status: thing === 'draft' ? 'draft' : 'published', capacity: 1000, ticketTypes: types });
        await usher.must(200, 'PUT', `/v1/events/${event.eventId}/image`, { token: owner.token, body: table['PUT /v1/events/{eventId}/image'].raw.bytes, headers: { 'content-type': 'image/png' } });
        return event;
    };
    const event = await newEvent('event'), draft = await newEvent('draft'), foreign = await newEvent('event', rival);

    await usher.cli(['user', 'disable', people.off.email]);
    await enlist(usher, own, people.mgr, [event, draft], 'manager');
    const atGate = await enlist(usher, own, people.gate, [event, draft], 'gate');
    for (const [eventId, staffId] of Object.entries(await enlist(usher, own, people.gone, [event, draft], 'manager')))
        await usher.must(204, 'DELETE', `/v1/events/${eventId}/staff/${staffId}`, { token: own.token });

    const invited = async (thing, role = 'gate', email = `invited-${uuid7()}@example.org`) => {
        const { staffId } = await usher.must(201, 'POST', `/v1/events/${(thing === 'draft' ? draft : event).eventId}/staff`, { token: own.token, body: { email, role } });
        return { staffId, email };
    };
    const newCode = async (thing) => usher.must(201, 'POST', `/v1/events/${(thing === 'draft' ? draft : event).eventId}/discount-codes`,
        { token: own.token, body: { code: `FRESH-${uuid7().slice(-12)}`, amount: 1 } });
    const newDevice = async (thing) => device(usher, own, thing === 'draft' ? draft : event);
    const devices = { event: await newDevice('event'), draft: await newDevice('draft'), foreign: await device(usher, rival, foreign) };

    const registration = await usher.register(buyer, event, { quantity: 2 });
    const paid = await usher.pay(buyer, await usher.register(buyer, event, { quantity: 6, type: 1 }));
    const toPay = await usher.register(buyer, event, { type: 1 }), hold = await usher.register(buyer, event, { type: 1 });
    const typeOf = (e) => e.ticketTypes[0].ticketTypeId;
    const nobody = { eventId: uuid7(), registrationId: uuid7().slice(0, -2) + '00', ticketId: uuid7().slice(0, -2) + '01', staffId: uuid7(), deviceId: uuid7(), discountCodeId: uuid7(), ticketTypeId: typeOf(event) };
    const known = await invited('event'), letter = await invited('event');
    const invitation = await usher.mail((m) => m.to.includes(letter.email));
    const ids = {
        self: {},
        event: { eventId: event.eventId, registrationId: registration.registrationId, ticketId: registration.ticketIds[0], staffId: known.staffId,
            managerId: (await invited('event', 'manager')).staffId, gateId: atGate[event.eventId], deviceId: devices.event.deviceId, discountCodeId: (await newCode('event')).discountCodeId, ticketTypeId: typeOf(event) },
        draft: { ...nobody, eventId: draft.eventId, staffId: (await invited('draft')).staffId, managerId: (await invited('draft', 'manager')).staffId, gateId: atGate[draft.eventId], deviceId: devices.draft.deviceId, discountCodeId: (await newCode('draft')).discountCodeId, ticketTypeId: typeOf(draft) },
        none: nobody,
        lost: { ...nobody, eventId: event.eventId },
    };
    const scanned = async (thing) => {
        if (thing === 'event')
            await usher.validate(own, { ticketId: ids.event.ticketId });
        return {};
    };
    ids.event.registrationId = paid.registrationId; // it has money and tickets, so it is good for refunds and mails alike
    w = { usher, people, devices, ids, paid: { ...paid, ticketIds: [...paid.ticketIds] }, toPay, hold, newEvent, invited, newCode, newDevice, scanned, uuid: uuid7,
        invitation: invitation.text.match(/\/invitations\/([\w-]{43})/)[1] };
});

function tokenOf(role, thing) {
    if (role === 'anon')
        return undefined;
    if (role === 'bad')
        return 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmVk';
    if (role === 'dev')
        return w.devices[thing === 'draft' ? 'draft' : 'event'].token;
    if (role === 'devx')
        return w.devices.foreign.token;
    return w.people[role].token;
}

// ---- one call ----

const routeOf = (name) => name.replace(/ \(.*\)$/, '').split(' ');
const takesBody = (row) => Boolean(row.body || row.raw);

async function call(name, role, thing, { ids = {}, wrong = false } = {}) {
    const row = table[name];
    const [method, template] = routeOf(name);
    const all = { ...w.ids[thing], ...row.ids?.(w, thing), ...ids };
    if (thing === 'none' || thing === 'lost')
        Object.assign(all, w.ids[thing]);
    const path = template.replace(/\{(\w+)\}/g, (_, id) => all[id]);
    const options = { token: tokenOf(role, thing), headers: {} };
    if (row.raw) {
        const file = wrong ? row.wrong : row.raw;
        Object.assign(options, { body: file.bytes, headers: { 'content-type': file.type } });
    } else if (row.body) {
        options.body = wrong ? { nonsense: true } : row.body(w, all, thing);
    }
    return (await w.usher.api(method, path + (wrong && !takesBody(row) ? '?nonsense=1' : ''), options)).status;
}

// Each cell of the table: [route, thing, role, status, status with a wrong body].
function* cells() {
    for (const [name, row] of Object.entries(table))
        for (const [thing, line] of Object.entries(row.rows)) {
            const good = line.split(' ').map(Number), bad = row.bad?.[thing]?.split(' ').map(Number);
            assert.equal(good.length, roles.length, `${name}, ${thing}: a status for each role`);
            assert.ok(!bad || bad.length === roles.length, `${name}, ${thing}: a status for each role, with a wrong body`);
            for (const [i, role] of roles.entries())
                yield { name, thing, role, status: good[i], wrong: bad ? bad[i] : good[i] < 300 ? row.wrongStatus ?? 422 : good[i] };
        }
}
const isRefused = (status) => status >= 400;

const sql = (text) => execFileSync('sqlite3', ['-readonly', join(w.usher.data, 'usher.db'), text], { encoding: 'utf8', maxBuffer: 1 << 26 });

// Everything that the server keeps, but its own log of changes and when a scanner was last seen. Jobs that were asked for before may meanwhile be
// done; none may be new.
function digest() {
    const tables = sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('oplog', 'device', 'job') ORDER BY name").trim().split('\n');
    const rows = tables.map((name) => [name, sql(`SELECT * FROM "${name}"`)]);
    rows.push(['device', sql('SELECT id, event, name, gate, token_hash, credential_hash, epoch, claimed_at, revoked_at FROM device')]);
    return Object.fromEntries(rows.map(([name, text]) => [name, createHash('sha256').update(text).digest('hex')]));
}
const jobs = () => sql('SELECT id, kind, key FROM job').trim().split('\n').filter(Boolean);
async function atRest() {
    await waitFor(() => sql('SELECT count(*) FROM job WHERE run_at <= (SELECT max(at) FROM oplog) AND parked = 0').trim() === '0', 'all jobs to be done');
}

async function judgeAll(list, run) {
    const wrong = [];
    for (let i = 0; i < list.length; i += 16) {
        const slice = list.slice(i, i + 16);
        const got = await Promise.all(slice.map(run));
        got.forEach((status, k) => {
            const { name, thing, role, want } = slice[k];
            if (status !== want)
                wrong.push(`${name} on ${thing} by ${role}: ${status}, and not ${want}`);
        });
    }
    assert.deepEqual(wrong, []);
}

// ---- the test ----

describe('access', () => {
    test('the table has every route, and no other', async () => {
        const { paths } = await w.usher.must(200, 'GET', '/openapi.json');
        const routes = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
        const written = new Set([...Object.keys(table).map((name) => routeOf(name).join(' ')), ...Object.keys(tokenless)]);
        assert.deepEqual(routes.filter((route) => !written.has(route)), [], 'routes that nobody has decided about');
        assert.deepEqual([...written].filter((route) => !routes.includes(route)), [], 'routes that are gone');
        for (const [name, row] of Object.entries(table)) {
            const [method, path] = routeOf(name);
            assert.equal(Boolean(paths[path][method.toLowerCase()].requestBody), takesBody(row), `${name}: a body`);
        }
    });

    test('what is refused is refused, also with a wrong body, and changes nothing', async () => {
        await atRest();
        const rest = digest(), waiting = jobs();
        const refused = [...cells()].filter((cell) => isRefused(cell.status));
        await judgeAll(refused.map((cell) => ({ ...cell, want: cell.status })), (cell) => call(cell.name, cell.role, cell.thing));
        // A wrong query comes behind 401 and 403; that a thing does not exist may come behind it.
        const alsoWrong = [...cells()].filter((cell) => (takesBody(table[cell.name]) ? true : cell.status === 401 || cell.status === 403));
        await judgeAll(alsoWrong.map((cell) => ({ ...cell, want: cell.wrong })), (cell) => call(cell.name, cell.role, cell.thing, { wrong: true }));
        assert.deepEqual(digest(), rest);
        assert.deepEqual(jobs().filter((job) => !waiting.includes(job)), []);
    });

    test('what is allowed is done', async () => {
        // One after the other: each may need its own thing.
        const wrong = [];
        for (const { name, thing, role, status } of cells()) {
            if (isRefused(status) || table[name].last?.includes(role))
                continue;
            const made = await table[name].fresh?.(w, thing);
            const got = await call(name, role, thing, { ids: made });
            if (got !== status)
                wrong.push(`${name} on ${thing} by ${role}: ${got}, and not ${status}`);
        }
        // Who leaves has no rights for the other cells any more.
        for (const { name, thing, role, status } of cells())
            if (table[name].last?.includes(role) && !isRefused(status)) {
                const got = await call(name, role, thing);
                if (got !== status)
                    wrong.push(`${name} on ${thing} by ${role}: ${got}, and not ${status}`);
            }
        assert.deepEqual(wrong, []);
        await atRest();
        await w.usher.check();
    });

    test('where no token is read everybody gets what a stranger gets', async () => {
        for (const [name, status] of Object.entries(tokenless)) {
            const [method, path] = name.split(' ');
            for (const role of roles) {
                const answer = await w.usher.api(method, path.replace(/\{\w+\}/, 'nothing'), { token: tokenOf(role, 'event'), body: method === 'POST' ? '{}' : undefined,
                    headers: { 'content-type': path === '/identity/' ? 'application/x-amz-json-1.1' : 'application/json' } });
                assert.equal(answer.status, status, `${name} by ${role}`);
            }
        }
    });

    test('a group that was taken away is gone at once, and so is one that was given there', async () => {
        const { usher } = w;
        const account = await usher.account({ role: 'organizer' });
        const mine = async () => (await usher.api('GET', '/v1/my-events', { token: account.token })).status;
        const event = await usher.createFreeEvent(account);
        assert.equal(await mine(), 200);
        await usher.cli(['user', 'group', account.email, '--group', 'Attendees']);
        assert.equal(await mine(), 403);
        assert.equal((await usher.api('POST', '/v1/events', { token: account.token, body: usher.eventBody() })).status, 403);
        await usher.must(200, 'GET', `/v1/events/${event.eventId}/registrations`, { token: account.token }); // his buyers still have somebody
        await usher.cli(['user', 'group', account.email, '--group', 'Admins']);
        await usher.must(200, 'GET', `/v1/events/${w.ids.draft.eventId}/stats`, { token: account.token });
        await usher.cli(['user', 'group', account.email, '--group', 'Attendees']);
        await usher.must(404, 'GET', `/v1/events/${w.ids.draft.eventId}/stats`, { token: account.token });
    });

    test('nobody signs up as an admin', async () => {
        for (const role of ['admin', 'Admins', 'admins', '4']) {
            const { error, body } = await w.usher.cognito('SignUp', { Username: `rising-${role}@example.org`, Password: 'Correct-horse-9-battery',
                UserAttributes: [{ Name: 'email', Value: `rising-${role}@example.org` }, { Name: 'custom:role', Value: role }] });
            assert.equal(error, 'InvalidParameterException', JSON.stringify(body));
        }
    });
});
