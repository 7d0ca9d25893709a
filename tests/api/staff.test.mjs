// Staff of an event: asked by mail, bound to the address, with no more rights than the role has, and none from the moment of removal.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { start, uuid7, waitFor } from './lib.mjs';

const day = 86_400_000;
let usher, organizer, stranger;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer' });
    stranger = await usher.account();
});

const staffPath = (event, ...rest) => [`/v1/events/${event.eventId}/staff`, ...rest].join('/');
const invite = (event, email, role = 'gate', { token = organizer.token } = {}) => usher.api('POST', staffPath(event), { token, body: { email, role } });
const accept = (account, token) => usher.api('POST', '/v1/staff-invitations/accept', { token: account.token, body: { token } });
const list = async (event, token = organizer.token) => (await usher.must(200, 'GET', staffPath(event), { token })).items;
// Tokens of all invitations mailed to the address, oldest first.
async function tokensFor(email, count = 1) {
    const found = await waitFor(async () => {
        const mails = (await usher.allMail()).filter((m) => m.to.includes(email) && m.text.includes('/invitations/'));
        return mails.length >= count && mails.sort((a, b) => a.name.localeCompare(b.name)).map((m) => m.text.match(/\/invitations\/([\w-]{43})/)[1]);
    }, `${count} invitations mailed to ${email}`);
    assert.equal(found.length, count, `invitations mailed to ${email}`);
    return found;
}
let people = 0;
const address = () => `helper-${++people}-${uuid7().slice(0, 8)}@example.org`;

// A member of the event's staff by way of mail.
async function member(event, role = 'gate') {
    const email = address();
    const invitation = await usher.must(201, 'POST', staffPath(event), { token: organizer.token, body: { email, role } });
    const account = await usher.account({ email });
    const [token] = await tokensFor(email);
    const answer = await accept(account, token);
    assert.equal(answer.status, 200, answer.text);
    return { ...account, staffId: invitation.staffId, invitation: token };
}
async function eventWithTicket() {
    const event = await usher.createFreeEvent(organizer);
    const registration = await usher.register(stranger, event, { quantity: 3 });
    return { event, registration, ticketIds: registration.ticketIds };
}
const scan = (account, body) => usher.api('POST', '/v1/validate-ticket', { token: account.token, body });

describe('an invitation', () => {
    test('goes by mail, is accepted by its addressee, and lets in from then on', async () => {
        const { event, ticketIds } = await eventWithTicket();
        const email = address();
        const made = await invite(event, email.toUpperCase());
        assert.equal(made.status, 201, made.text);
        assert.deepEqual([made.body.role, made.body.status, made.body.name, made.body.acceptedAt], ['gate', 'invited', null, null]);
        assert.ok(Math.abs(Date.parse(made.body.expiresAt) - usher.now() - 7 * day) < 60_000);
        const mail = await usher.mail((m) => m.to.includes(email.toUpperCase()));
        assert.ok(mail.subject.includes(event.title));
        assert.ok(mail.text.includes(event.title) && mail.text.includes('gate'));
        const link = mail.text.match(/http\S+\/invitations\/([\w-]+)/);
        assert.ok(link[0].startsWith(`${usher.url}/invitations/`), link[0]);

        const helper = await usher.account({ email, name: 'Hilde' });
        assert.equal((await scan(helper, { ticketId: ticketIds[0] })).status, 403, 'invited is not accepted');
        assert.deepEqual((await usher.must(200, 'GET', '/v1/me/staff', { token: helper.token })).items, []);
        const accepted = await accept(helper, link[1]);
        assert.equal(accepted.status, 200, accepted.text);
        assert.deepEqual([accepted.body.role, accepted.body.event.eventId, accepted.body.staffId], ['gate', event.eventId, made.body.staffId]);
        assert.equal((await scan(helper, { ticketId: ticketIds[0], eventId: event.eventId })).body.result, 'valid');

        const mine = await usher.must(200, 'GET', '/v1/me/staff', { token: helper.token });
        assert.deepEqual(mine.items.map((s) => [s.event.eventId, s.role]), [[event.eventId, 'gate']]);
        const [row] = await list(event);
        assert.deepEqual([row.status, row.name, row.expiresAt, row.email], ['active', 'Hilde', null, email.toUpperCase()]);
        await usher.check();
    });

    test('takes the token and the address: neither alone is enough', async () => {
        const event = await usher.createFreeEvent(organizer);
        const email = address();
        await invite(event, email);
        const [token] = await tokensFor(email);
        assert.equal((await usher.api('POST', '/v1/staff-invitations/accept', { body: { token } })).status, 401);
        const look = await usher.must(200, 'POST', '/v1/staff-invitations/look', { body: { token } });
        assert.deepEqual([look.role, look.status, look.event.title], ['gate', 'invited', event.title]);
        assert.match(look.email, /^h\*+@e\*+$/, 'enough to know which mailbox, and not to read it');
        await usher.must(404, 'POST', '/v1/staff-invitations/look', { body: { token: 'A'.repeat(43) } });
        const thief = await accept(stranger, token);
        assert.equal(thief.status, 403);
        assert.ok(!thief.text.includes(email), 'the address is not told');
        const helper = await usher.account({ email });
        assert.equal((await accept(helper, 'A'.repeat(43))).status, 404);
        assert.equal((await accept(helper, token.toLowerCase())).status, 404);
        assert.equal((await accept(helper, token)).status, 200);
    });

    test('twice accepted is once accepted; removed, it is gone', async () => {
        const event = await usher.createFreeEvent(organizer);
        const helper = await member(event);
        const before = usher.rows();
        const again = await accept(helper, helper.invitation);
        assert.equal(again.status, 200);
        assert.equal(again.body.staffId, helper.staffId);
        assert.equal(usher.rows().staff, before.staff);
        await usher.must(204, 'DELETE', staffPath(event, helper.staffId), { token: organizer.token });
        assert.equal((await accept(helper, helper.invitation)).status, 404);
        assert.equal((await usher.api('DELETE', staffPath(event, helper.staffId), { token: organizer.token })).status, 404);
        assert.equal((await invite(event, helper.email)).status, 201, 'and may be invited anew');
        await tokensFor(helper.email, 2);
    });

    test('is one for each address; the organizer needs none; an answer tells nothing of accounts', async () => {
        const event = await usher.createFreeEvent(organizer);
        const known = await usher.account(), unknown = address();
        const [a, b] = [await invite(event, known.email), await invite(event, unknown)];
        assert.deepEqual([a.status, b.status], [201, 201]);
        assert.deepEqual(Object.keys(a.body), Object.keys(b.body));
        assert.deepEqual([a.body.name, b.body.name], [null, null]);
        assert.equal((await invite(event, known.email.toUpperCase(), 'manager')).status, 409);
        const own = await invite(event, organizer.email);
        assert.equal(own.status, 422);
        assert.deepEqual(own.body.errors.map((e) => [e.pointer, e.code]), [['/email', 'organizer']]);
        for (const [body, pointers] of [[{}, ['/email', '/role']], [{ email: 'nobody', role: 'king' }, ['/email', '/role']], [{ email: unknown, role: 'gate', x: 1 }, ['/x']]]) {
            const bad = await usher.must(422, 'POST', staffPath(event), { token: organizer.token, body });
            assert.deepEqual(bad.errors.map((e) => e.pointer).sort(), pointers);
        }
    });

    test('runs out after seven days, and is sent again with a new link', async () => {
        const event = await usher.createFreeEvent(organizer);
        const email = address();
        const { body: { staffId } } = await invite(event, email);
        const helper = await usher.account({ email });
        const [first] = await tokensFor(email);
        const resent = await usher.must(200, 'POST', staffPath(event, staffId, 'resend'), { token: organizer.token });
        assert.equal(resent.status, 'invited');
        const second = (await tokensFor(email, 2)).find((t) => t !== first);
        assert.equal((await accept(helper, first)).status, 404, 'the older link is void');
        await usher.advance(7 * day + 1000);
        for (const account of [organizer, stranger, helper])
            Object.assign(account, await usher.signIn(account.email));
        assert.equal((await list(event))[0].status, 'expired');
        assert.equal((await accept(helper, second)).status, 409);
        await usher.must(409, 'POST', '/v1/staff-invitations/look', { body: { token: second } });
        const renewed = await invite(event, email, 'manager');
        assert.equal(renewed.status, 201, 'an address whose invitation ran out may be invited anew');
        const third = (await tokensFor(email, 3)).find((t) => t !== first && t !== second);
        assert.equal((await accept(helper, third)).body.role, 'manager');
        assert.equal((await usher.api('POST', staffPath(event, renewed.body.staffId, 'resend'), { token: organizer.token })).status, 409);
    });

    test('not for an event that is cancelled or over', async () => {
        const cancelled = await usher.createFreeEvent(organizer);
        const email = address();
        await invite(cancelled, email);
        const helper = await usher.account({ email });
        const [token] = await tokensFor(email);
        await usher.must(200, 'POST', `/v1/events/${cancelled.eventId}/cancel`, { token: organizer.token });
        assert.equal((await accept(helper, token)).status, 409);
        assert.equal((await invite(cancelled, address())).status, 409);
        const over = await usher.createFreeEvent(organizer, { startsAt: new Date(usher.now() + 3_600_000).toISOString(), endsAt: new Date(usher.now() + 7_200_000).toISOString() });
        assert.equal((await invite(over, address())).status, 201);
        await usher.advance(27 * 3_600_000);
        for (const account of [organizer, stranger])
            Object.assign(account, await usher.signIn(account.email));
        assert.equal((await invite(over, address())).status, 409);
    });
});

describe('roles', () => {
    test('gate: the gate and nothing else', async () => {
        const { event, registration, ticketIds } = await eventWithTicket();
        const gate = await member(event);
        const path = `/v1/events/${event.eventId}`;
        const get = async (rest) => (await usher.api('GET', path + rest, { token: gate.token })).status;
        const roster = await usher.must(200, 'GET', `${path}/roster`, { token: gate.token });
        assert.ok(!JSON.stringify(roster).includes('@'), 'no addresses at the gate');
        const scans = await usher.must(200, 'POST', `${path}/check-ins`, { token: gate.token, body: { scans: [{ ticketId: ticketIds[0] }] } });
        assert.equal(scans.items[0].result, 'valid');
        assert.ok(!JSON.stringify(scans).includes('@'));
        const counts = await usher.must(200, 'GET', `${path}/check-in-counts`, { token: gate.token });
        assert.deepEqual([counts.sold, counts.checkedIn, counts.ticketTypes[0].checkedIn], [3, 1, 1]);
        assert.ok(!JSON.stringify(counts).match(/revenue|amount|price/));
        await usher.must(200, 'POST', `${path}/check-ins/undo`, { token: gate.token, body: { ticketId: ticketIds[0] } });
        await usher.must(200, 'GET', '/v1/gate-keys', { token: gate.token });
        for (const rest of ['/registrations', '/registrations.csv', '/stats', '/staff'])
            assert.equal(await get(rest), 403, rest);
        assert.equal((await usher.api('PATCH', path, { token: gate.token, body: { title: 'Mine' } })).status, 403);
        assert.equal((await usher.api('GET', `/v1/tickets/${ticketIds[0]}`, { token: gate.token })).status, 404);
        assert.equal((await usher.api('GET', `/v1/registrations/${registration.registrationId}`, { token: gate.token })).status, 404);
        const other = await usher.createFreeEvent(organizer);
        assert.equal((await usher.api('GET', `/v1/events/${other.eventId}/roster`, { token: gate.token })).status, 403);
    });

    test('manager: runs the event, cannot call it off nor appoint managers', async () => {
        const { event, registration, ticketIds } = await eventWithTicket();
        const manager = await member(event, 'manager');
        const gate = await member(event);
        const path = `/v1/events/${event.eventId}`, { token } = manager;
        await usher.must(200, 'PATCH', path, { token, body: { description: 'Better' } });
        for (const rest of ['/registrations', '/registrations.csv', '/stats', '/staff', '/roster'])
            assert.equal((await usher.api('GET', path + rest, { token })).status, 200, rest);
        await usher.must(200, 'GET', `/v1/tickets/${ticketIds[0]}`, { token });
        await usher.must(202, 'POST', `/v1/registrations/${registration.registrationId}/resend`, { token });
        assert.equal((await usher.api('POST', `${path}/cancel`, { token })).status, 403);
        assert.equal((await invite(event, address(), 'manager', { token })).status, 403);
        assert.equal((await invite(event, address(), 'gate', { token })).status, 201);
        assert.equal((await usher.api('PATCH', staffPath(event, gate.staffId), { token, body: { role: 'manager' } })).status, 403);
        const second = await member(event, 'manager');
        assert.equal((await usher.api('DELETE', staffPath(event, second.staffId), { token })).status, 403, 'managers do not send each other away');
        await usher.must(204, 'DELETE', staffPath(event, gate.staffId), { token });
        await usher.must(204, 'DELETE', staffPath(event, manager.staffId), { token });
        assert.equal((await usher.api('GET', `${path}/stats`, { token })).status, 403, 'who left has left');
    });

    test('a draft exists for its staff and for no stranger', async () => {
        const draft = await usher.createFreeEvent(organizer, { status: 'draft' });
        const gate = await member(draft);
        await usher.must(200, 'GET', `/v1/events/${draft.eventId}`, { token: gate.token });
        await usher.must(200, 'GET', `/v1/events/${draft.eventId}/roster`, { token: gate.token });
        assert.equal((await usher.api('GET', `/v1/events/${draft.eventId}/stats`, { token: gate.token })).status, 403);
        await usher.must(404, 'GET', `/v1/events/${draft.eventId}`, { token: stranger.token });
        await usher.must(404, 'GET', `/v1/events/${draft.eventId}/roster`, { token: stranger.token });
    });

    test('a role that changed and a member that was removed: at once', async () => {
        const { event, ticketIds } = await eventWithTicket();
        const helper = await member(event);
        const stats = async () => (await usher.api('GET', `/v1/events/${event.eventId}/stats`, { token: helper.token })).status;
        assert.equal(await stats(), 403);
        assert.equal((await usher.must(200, 'PATCH', staffPath(event, helper.staffId), { token: organizer.token, body: { role: 'manager' } })).role, 'manager');
        assert.equal(await stats(), 200);
        await usher.must(200, 'PATCH', staffPath(event, helper.staffId), { token: organizer.token, body: { role: 'gate' } });
        assert.equal(await stats(), 403);
        // Scans that are under way when the removal is: each is either before it and valid, or after it and refused.
        const scans = Array.from({ length: 40 }, () => scan(helper, { ticketId: ticketIds[1], eventId: event.eventId }));
        const removal = usher.api('DELETE', staffPath(event, helper.staffId), { token: organizer.token });
        const statuses = (await Promise.all(scans)).map((a) => a.status);
        assert.equal((await removal).status, 204);
        assert.ok(statuses.every((s) => s === 200 || s === 403), statuses.join());
        assert.equal((await scan(helper, { ticketId: ticketIds[2] })).status, 403);
        assert.deepEqual((await usher.must(200, 'GET', '/v1/me/staff', { token: helper.token })).items, []);
    });

    test('who is removed brings nobody in behind: invitations go with the manager who sent them, members stay', async () => {
        const event = await usher.createFreeEvent(organizer);
        const manager = await member(event, 'manager');
        const [inside, late, later] = [await usher.account(), await usher.account(), await usher.account()];
        const ids = [];
        for (const one of [inside, late, later])
            ids.push((await usher.must(201, 'POST', staffPath(event), { token: manager.token, body: { email: one.email, role: 'gate' } })).staffId);
        const tokens = await Promise.all([inside, late, later].map(async (one) => (await tokensFor(one.email))[0]));
        assert.equal((await accept(inside, tokens[0])).status, 200);
        await usher.must(204, 'DELETE', staffPath(event, manager.staffId), { token: organizer.token });

        const refused = await accept(late, tokens[1]);
        assert.equal(refused.status, 409, refused.text);
        await usher.must(409, 'POST', '/v1/staff-invitations/look', { body: { token: tokens[1] } });
        const rows = await list(event);
        assert.deepEqual(rows.map((row) => [row.staffId, row.status, row.invitedBy]), [
            [ids[0], 'active', manager.sub], [ids[1], 'expired', manager.sub], [ids[2], 'expired', manager.sub]]);
        await usher.must(200, 'GET', `/v1/events/${event.eventId}/roster`, { token: inside.token });

        const resent = await usher.must(200, 'POST', staffPath(event, ids[1], 'resend'), { token: organizer.token });
        assert.deepEqual([resent.status, resent.invitedBy], ['invited', organizer.sub]);
        assert.equal((await accept(late, (await tokensFor(late.email, 2)).find((t) => t !== tokens[1]))).status, 200);
        assert.equal((await invite(event, later.email)).status, 201, 'or is asked anew');
        assert.equal((await accept(later, tokens[2])).status, 404, 'the removed one\'s link is gone for good');
    });

    test('where I am staff comes in pages', async () => {
        const helper = await usher.account();
        const events = [];
        for (let i = 0; i < 5; i++) {
            const event = await usher.createFreeEvent(organizer);
            await invite(event, helper.email);
            events.unshift(event.eventId);
        }
        for (const token of await tokensFor(helper.email, 5))
            assert.equal((await accept(helper, token)).status, 200);
        const seen = [];
        for (let cursor = ''; cursor !== null;) {
            const page = await usher.must(200, 'GET', `/v1/me/staff?limit=2${cursor}`, { token: helper.token });
            seen.push(...page.items.map((s) => s.event.eventId));
            cursor = page.nextCursor && `&cursor=${page.nextCursor}`;
        }
        assert.deepEqual(seen, events);
    });
});

describe('limits', () => {
    test('an address gets five invitations a day, an event has a hundred staff', async () => {
        const limited = await start({ limits: 'on' });
        const boss = await limited.account({ role: 'organizer' });
        const victim = 'victim@example.org';
        const statuses = [];
        for (let i = 0; i < 6; i++) {
            const event = await limited.createFreeEvent(boss);
            const answer = await limited.api('POST', `/v1/events/${event.eventId}/staff`, { token: boss.token, body: { email: victim, role: 'gate' } });
            statuses.push(answer.status);
            if (answer.status === 429)
                assert.ok(Number(answer.headers['retry-after']) > 0);
        }
        assert.deepEqual(statuses, [201, 201, 201, 201, 201, 429]);

        const event = await usher.createFreeEvent(organizer);
        const all = await Promise.all(Array.from({ length: 101 }, (_, i) => invite(event, `crowd-${i}@example.org`)));
        assert.equal(all.filter((a) => a.status === 201).length, 100);
        assert.equal(all.filter((a) => a.status === 409).length, 1);
        assert.equal((await list(event)).length, 100);
    });
});
