// Another issuer in place of our own pool: tokens as Amazon Cognito and as Keycloak make them, signed with jose; its keys change, go away, come
// back, and are nonsense; its people have rows here, and may be shut out here.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import http from 'node:http';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';

import { freePort, password, prepare, start, waitFor } from './lib.mjs';

const client = '4hclient0example0of0cognito';

// An issuer on this machine. `mode` says how it answers for its keys.
class Issuer {
    constructor(path = '/eu-west-1_AbCdEf123', keysPath = `${path}/.well-known/jwks.json`) {
        Object.assign(this, { path, keysPath, mode: 'good', asked: 0, keys: [], port: 0, sockets: new Set() });
    }
    get url() { return `http://127.0.0.1:${this.port}${this.path}`; }
    get keysUrl() { return `http://127.0.0.1:${this.port}${this.keysPath}`; }
    async open() {
        this.server = http.createServer((request, response) => this.answer(request, response));
        this.server.on('connection', (socket) => { this.sockets.add(socket); socket.on('close', () => this.sockets.delete(socket)); });
        this.port ||= await freePort(); // it comes back where it was
        await new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
        return this;
    }
    async close() {
        for (const socket of this.sockets)
            socket.destroy();
        await new Promise((resolve) => this.server.close(resolve));
    }
    answer(request, response) {
        assert.equal(request.url, this.keysPath);
        this.asked++;
        const set = JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) });
        const answers = {
            good: () => response.end(set),
            garbage: () => response.end('<html>Service Unavailable</html>'),
            empty: () => response.end('{"keys":[]}'),
            twice: () => response.end(`{"keys":[],${set.slice(1)}`),
            error: () => response.writeHead(500).end(set),
            moved: () => response.writeHead(302, { location: this.keysUrl }).end(set),
            huge: () => response.end(`{"padding":"${'x'.repeat(2 << 20)}",${set.slice(1)}`),
            slow: () => response.write('{'),
        };
        answers[this.mode]();
    }
    async addKey({ alg = 'RS256', kid = randomUUID(), modulusLength = 2048, ...more } = {}) {
        const pair = await generateKeyPair(alg, { modulusLength, extractable: true });
        const key = { ...pair, kid, alg, jwk: { ...await exportJWK(pair.publicKey), kid, alg, use: 'sig', ...more } };
        this.keys.push(key);
        return key;
    }
    sign(claims, { key = this.keys.at(-1), header = {}, now = usher.now() } = {}) {
        const at = Math.floor(now / 1000);
        const all = { iss: this.url, iat: at, exp: at + 3600, ...claims };
        for (const name of Object.keys(all))
            if (all[name] === undefined)
                delete all[name];
        return new SignJWT(all).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
    }
    // As Cognito makes them.
    person({ sub = randomUUID(), email = `${sub.slice(0, 8)}@example.org`, name = 'Ada Lovelace', groups } = {}) {
        const both = { sub, auth_time: 1, origin_jti: randomUUID(), event_id: randomUUID(), jti: randomUUID(), 'cognito:groups': groups };
        return {
            sub, email,
            id: { ...both, aud: client, token_use: 'id', email, email_verified: true, name, 'cognito:username': sub },
            access: { ...both, client_id: client, token_use: 'access', scope: 'openid', username: sub },
        };
    }
}

const cognito = await new Issuer().open();
await cognito.addKey();
const settings = (issuer, more = {}) => ({ env: { USHER_OIDC_ISSUER: issuer.url, USHER_OIDC_CLIENT_ID: client, ...more } });
const usher = await start(settings(cognito));
after(() => cognito.close());

const status = async (token, on = usher) => (await on.api('GET', '/v1/registrations', { token, outage: true })).status;
const users = async (on = usher) => (await on.cli(['user', 'list', '--json'])).stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
const rowOf = (sub, on) => waitFor(async () => (await users(on)).find((user) => user.email.startsWith(sub.slice(0, 8))), 'the row');

test('the pool is named to clients, its tokens are taken, and our own wire refuses with a name', async () => {
    const config = await usher.config();
    assert.equal(config.userPoolId, 'eu-west-1_AbCdEf123');
    assert.equal(config.userPoolClientId, client);
    assert.equal(config.identityEndpoint, `http://127.0.0.1:${cognito.port}/`);
    assert.equal(config.issuer, cognito.url);
    const who = cognito.person();
    assert.equal(await status(await cognito.sign(who.id)), 200);
    assert.equal(await status(await cognito.sign(who.access)), 200);
    for (const operation of ['SignUp', 'InitiateAuth', 'GetUser', 'ForgotPassword', 'NoSuchThing']) {
        const { status: code, error, message } = await usher.cognito(operation, { Username: 'a@example.org', Password: password, AuthFlow: 'USER_PASSWORD_AUTH' });
        assert.deepEqual([code, error], [400, 'ResourceNotFoundException'], operation);
        assert.match(message, new RegExp(cognito.url));
    }
    for (const path of ['jwks.json', 'openid-configuration'])
        assert.equal((await usher.api('GET', `/identity/eu-west-1_AbCdEf123/.well-known/${path}`)).status, 404);
    for (const args of [['user', 'add', 'x@example.org'], ['user', 'group', who.email, '--group', 'Admins']]) {
        const { code, stderr } = await usher.cli(args, { ok: false });
        assert.equal(code, 1);
        assert.match(stderr, /USHER_OIDC_ISSUER/);
    }
});

test('a person buys with the first request there is, and mail, lists and groups work by what the tokens say', async () => {
    const organizer = { token: await cognito.sign(cognito.person({ groups: ['Organizers', 'other'] }).id) };
    const event = await usher.createFreeEvent(organizer);
    const person = cognito.person({ name: 'Grace Ł Hopper' });
    const buyer = { token: await cognito.sign(person.id) };
    assert.equal((await usher.api('POST', '/v1/events', { token: buyer.token, body: usher.eventBody() })).status, 403);
    const first = cognito.person({ name: 'First Asker' });
    const registration = await usher.register({ token: await cognito.sign(first.id) }, event, { quantity: 2 });
    assert.equal(registration.status, 'confirmed');
    const mail = await usher.mail((m) => m.to.includes(first.email) && m.attachments.length);
    assert.ok(mail);
    const shown = await usher.must(200, 'GET', `/v1/events/${event.eventId}/registrations`, { token: organizer.token });
    assert.equal(shown.items.length, 1);
    const row = await rowOf(first.sub);
    assert.equal(row.accountId, registration.userId);
    assert.equal(row.name, 'First Asker');
    assert.equal(row.status, 'confirmed');

    // The same id after a restart, by either token; and groups go when the token says so.
    await usher.restart();
    assert.equal((await usher.register({ token: await cognito.sign(first.access) }, event)).userId, registration.userId);
    const demoted = await cognito.sign({ ...cognito.person({ groups: [] }).id });
    assert.equal((await usher.api('POST', '/v1/events', { token: demoted, body: usher.eventBody() })).status, 403);
    // Cognito leaves the claim out where there are none: the row keeps no group either.
    const once = cognito.person({ groups: ['Admins'] });
    assert.equal(await status(await cognito.sign(once.id)), 200);
    assert.deepEqual((await rowOf(once.sub)).groups, ['Admins']);
    assert.equal(await status(await cognito.sign({ ...once.access, 'cognito:groups': undefined })), 200);
    await waitFor(async () => (await rowOf(once.sub)).groups.length === 0, 'the row without groups');
    await usher.check();
});

test('an access token tells no address: the row has none until an ID token comes, and keeps it from then on', async () => {
    const person = cognito.person({ groups: ['Attendees'] });
    const before = await users();
    assert.equal(await status(await cognito.sign(person.access)), 200);
    const row = await waitFor(async () => (await users()).find((user) => !before.some((old) => old.accountId === user.accountId)), 'the row');
    assert.deepEqual([row.email, row.name, row.groups], ['', 'Guest', ['Attendees']]);
    const organizer = { token: await cognito.sign(cognito.person({ groups: ['Organizers'] }).id) };
    const event = await usher.createFreeEvent(organizer);
    const registration = await usher.register({ token: await cognito.sign(person.access) }, event);
    assert.equal(registration.userId, row.accountId);

    assert.equal(await status(await cognito.sign(person.id)), 200);
    const now = () => users().then((all) => all.find((user) => user.accountId === row.accountId));
    await waitFor(async () => (await now()).email === person.email, 'the address');
    assert.equal((await now()).name, 'Ada Lovelace');
    assert.equal(await status(await cognito.sign({ ...person.access, jti: randomUUID() })), 200);
    assert.equal(await status(await cognito.sign({ ...person.id, email: 'not-verified@example.org', email_verified: false })), 200);
    assert.equal(await status(await cognito.sign({ ...person.id, email: 'not an address' })), 200);
    assert.equal(await status(await cognito.sign({ ...person.id, email: `${person.sub.slice(0, 8)}-new@example.org`, email_verified: 'true' })), 200);
    await waitFor(async () => (await now()).email.includes('-new@'), 'the changed address');
    await usher.check();
});

test('one address, two people: both have a row', async () => {
    const one = cognito.person();
    const two = { ...cognito.person({ email: one.email, name: 'Second' }) };
    assert.equal(await status(await cognito.sign(one.id)), 200);
    await rowOf(one.sub);
    assert.equal(await status(await cognito.sign(two.id)), 200);
    await waitFor(async () => (await users()).filter((user) => user.email === one.email).length === 2, 'both rows');
});

test('what is not for us, not in force, or not by a key of the issuer, is refused', async () => {
    const person = cognito.person();
    const other = await new Issuer().addKey();
    const rs512 = await cognito.addKey({ alg: 'RS512' });
    const ps256 = await cognito.addKey({ alg: 'PS256' });
    const es256 = await cognito.addKey({ alg: 'ES256' });
    const enc = await cognito.addKey({ use: 'enc' });
    const key = cognito.keys[0];
    const spki = await exportSPKI(key.publicKey);
    const at = Math.floor(usher.now() / 1000);
    const good = await cognito.sign(person.id, { key });
    const [head, body, signature] = good.split('.');
    const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const hs = (text) => `${text}.${createHmac('sha256', spki).update(text).digest('base64url')}`;
    const signed = (claims, options) => cognito.sign({ ...person.id, ...claims }, { key, ...options });
    const refused = {
        'another client': await signed({ aud: 'other' }),
        'no client': await signed({ aud: undefined }),
        'another client\'s access token': await cognito.sign({ ...person.access, client_id: 'other' }, { key }),
        'an access token with the client as audience only': await cognito.sign({ ...person.access, client_id: undefined, aud: client }, { key }),
        'another issuer': await signed({ iss: `${cognito.url}/` }),
        'no issuer': await signed({ iss: undefined }),
        'a use that is none': await signed({ token_use: 'refresh' }),
        'a use that is no text': await signed({ token_use: ['id'] }),
        'a logout token': await signed({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }),
        'a logout token by its type': await signed({}, { header: { typ: 'logout+jwt' } }),
        'run out': await signed({ iat: at - 7200, exp: at - 1 }),
        'not yet': await signed({ nbf: at + 600 }),
        'of the future': await signed({ iat: at + 600, exp: at + 1200 }),
        'too long a life': await signed({ exp: at + 25 * 3600 }),
        'no end': await signed({ exp: undefined }),
        'nobody': await signed({ sub: undefined }),
        'nobody by name': await signed({ sub: '' }),
        'a number as subject': await signed({ sub: 7 }),
        'a long subject': await signed({ sub: 'x'.repeat(256) }),
        'a stranger\'s key under a name of the issuer': await cognito.sign(person.id, { key: { ...other, kid: key.kid } }),
        'a stranger\'s key in the header': await cognito.sign(person.id, { key: other, header: { jwk: other.jwk, kid: key.kid } }),
        'no key named': await cognito.sign(person.id, { key, header: { kid: undefined } }),
        'RS512': await cognito.sign(person.id, { key: rs512 }),
        'PS256': await cognito.sign(person.id, { key: ps256 }),
        'ES256': await cognito.sign(person.id, { key: es256 }),
        'a key for encrypting': await cognito.sign(person.id, { key: enc }),
        'no signature': `${b64({ alg: 'none', kid: key.kid })}.${body}.`,
        'the public key as a secret': hs(`${b64({ alg: 'HS256', kid: key.kid })}.${body}`),
        'another body': `${head}.${b64({ ...person.id, iss: cognito.url, iat: at, exp: at + 60, sub: 'victim' })}.${signature}`,
        'huge': `${head}.${'A'.repeat(9000)}.${signature}`,
    };
    cognito.keys = [key];
    assert.equal(await status(good), 200);
    await rowOf(person.sub);
    const rows = usher.rows().account;
    for (const [name, token] of Object.entries(refused))
        assert.equal(await status(token), 401, name);
    assert.equal(usher.rows().account, rows, 'and nobody of them has a row');
});

test('whoever is disabled here is shut out at once, by address or by id, whatever the issuer says', async () => {
    for (const by of ['email', 'accountId']) {
        const person = cognito.person({ groups: ['Admins'] });
        const tokens = [await cognito.sign(person.id), await cognito.sign(person.access)];
        for (const token of [...tokens, ...tokens])
            assert.equal(await status(token), 200);
        const row = await rowOf(person.sub);
        await usher.cli(['user', 'disable', row[by]]);
        for (const token of [...tokens, await cognito.sign({ ...person.id, jti: randomUUID() })])
            assert.equal(await status(token), 401, by);
        assert.equal((await usher.api('POST', '/v1/events', { token: tokens[0], body: usher.eventBody() })).status, 401);
    }
});

test('a person takes along all that is held here, and deletes it, whatever the issuer goes on saying', async () => {
    const organizer = cognito.person({ groups: ['Organizers'] }), seller = { token: await cognito.sign(organizer.id) };
    const event = await usher.createFreeEvent(seller);
    const person = cognito.person({ name: 'Mary Somerville' }), token = await cognito.sign(person.id);
    const { userId } = await usher.register({ token }, event, { quantity: 2 });
    const listed = async () => JSON.stringify(await usher.must(200, 'GET', `/v1/events/${event.eventId}/registrations`, { token: seller.token }));
    assert.match(await listed(), new RegExp(person.email));
    const all = await usher.must(200, 'GET', '/v1/me/export', { token });
    assert.deepEqual([all.account.accountId, all.account.email, all.account.name, all.registrations.length], [userId, person.email, 'Mary Somerville', 1]);

    const refused = await usher.api('DELETE', '/v1/me', { token: seller.token });
    assert.equal(refused.status, 409, 'who sells must be there for the buyers');
    assert.match(refused.body.detail, /published events/);
    assert.equal(await status(seller.token), 200);

    assert.equal((await usher.api('DELETE', '/v1/me', { token })).status, 204);
    await usher.mail((m) => m.to.includes(person.email) && m.subject === 'Your account was deleted');
    for (const late of [token, await cognito.sign(person.access), await cognito.sign({ ...person.id, jti: randomUUID() })])
        assert.equal(await status(late), 401);
    await waitFor(async () => !/Somerville|@/.test(await listed()), 'the order to be nobody\'s');
    const row = (await users()).find((user) => user.accountId === userId);
    assert.deepEqual([row.status, row.name, row.email.includes('@')], ['deleted', 'Former user', false]);

    // Also with the very first request, and without an address to write to.
    const shy = cognito.person();
    const only = await cognito.sign(shy.access);
    assert.equal((await usher.api('DELETE', '/v1/me', { token: only })).status, 204);
    assert.equal(await status(only), 401);
    assert.equal((await usher.api('DELETE', '/v1/me', { token: only })).status, 401);
    await usher.check();
});

test('the issuer rotates: a new key is fetched when its first token comes, one that was withdrawn ends what it signed', async () => {
    const own = await start(settings(cognito));
    const old = cognito.keys[0];
    const person = cognito.person();
    const before = await cognito.sign(person.id, { key: old });
    assert.equal(await status(before, own), 200);
    assert.equal(await status(before, own), 200);
    const next = await cognito.addKey();
    const later = await cognito.sign(person.id, { key: next });
    await waitFor(async () => await status(later, own) === 200, 'the new key');
    assert.equal(await status(before, own), 200);

    // Names of no keys at all do not become requests to the issuer.
    const asked = cognito.asked, since = Date.now();
    for (let i = 0; i < 200; i++)
        assert.equal(await status(await cognito.sign(person.id, { key: { ...next, kid: randomUUID() } }), own), 401);
    const may = 2 + Math.floor((Date.now() - since) / 10_000); // one every 10 s
    assert.ok(cognito.asked <= asked + may, `${cognito.asked - asked} requests, where ${may} may be`);

    cognito.keys = [next];
    await waitFor(async () => {
        await status(await cognito.sign(person.id, { key: { ...next, kid: randomUUID() } }), own); // makes it look, once its 10 s are over
        return await status(before, own) === 401;
    }, 'the withdrawn key\'s tokens to end', { timeout: 60_000, every: 500 });
    assert.equal(await status(later, own), 200);
});

test('while the issuer is away or talks nonsense, the keys that it had stay in force, across restarts too', async () => {
    const own = await start(settings(cognito));
    const token = await cognito.sign(cognito.person().id);
    assert.equal(await status(token, own), 200);
    const copy = join(own.data, 'keys', 'issuer.json');
    assert.ok(existsSync(copy));
    await own.stop();
    for (const mode of ['garbage', 'empty', 'twice', 'error', 'moved', 'huge', 'slow', 'away']) {
        cognito.mode = mode;
        const from = own.log.length;
        const asked = cognito.asked;
        if (mode === 'away')
            await cognito.close();
        await own.start();
        assert.equal(await status(token, own), 200, mode);
        if (mode === 'slow')
            await waitFor(() => cognito.asked > asked, 'the question');
        else
            await waitFor(() => /issuer's keys could not be fetched/.test(own.log.slice(from)), `the warning for ${mode}`);
        assert.equal(await status(token, own), 200, mode);
        const began = performance.now();
        await own.stop(); // does not wait for one that drips
        assert.ok(performance.now() - began < 9_000, 'a fetch has 10 s');
    }
    // What is on the disk is believed for this issuer and address alone.
    for (const change of [(c) => ({ ...c, issuer: `${c.issuer}x` }), (c) => ({ ...c, url: `${c.url}x` }), () => 'no JSON']) {
        const kept = readFileSync(copy, 'utf8');
        const changed = change(JSON.parse(kept));
        writeFileSync(copy, typeof changed === 'string' ? changed : JSON.stringify(changed));
        await own.start();
        assert.equal(await status(token, own), 503);
        await own.stop();
        writeFileSync(copy, kept);
    }
    cognito.mode = 'good';
    await cognito.open();
});

test('a first start without the issuer says so and is not in the way; it goes on by itself', async () => {
    const away = await new Issuer().open();
    await away.addKey();
    await away.close();
    const own = await start(settings(away));
    assert.ok(own.readyMs < 10_000, `${own.readyMs} ms`);
    const token = await away.sign(away.person().id);
    const answer = await own.api('GET', '/v1/registrations', { token, outage: true });
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    await own.must(200, 'GET', '/v1/events');
    await away.open();
    await waitFor(async () => await status(token, own) === 200, 'the issuer to be found', { timeout: 30_000, every: 200 });
    await own.stop();
    await away.close();
});

test('Keycloak: audiences, the party, roles within a claim, and no token but those for access', async () => {
    const keycloak = await new Issuer('/realms/usher', '/realms/usher/protocol/openid-connect/certs').open();
    after(() => keycloak.close());
    await keycloak.addKey({ alg: 'RSA-OAEP', use: 'enc' }).catch(() => {});
    await keycloak.addKey();
    const own = await start(settings(keycloak, { USHER_OIDC_JWKS_URL: keycloak.keysUrl, USHER_OIDC_CLIENT_ID: 'usher-web', USHER_OIDC_GROUPS_CLAIM: 'realm_access.roles' }));
    const config = await own.config();
    assert.equal(config.identityEndpoint, `${keycloak.url}/`);
    assert.equal(config.userPoolId, 'oidc_usher');
    assert.equal(config.userPoolClientId, 'usher-web');

    const sub = `f:${randomUUID()}:ada`;
    const access = { sub, typ: 'Bearer', azp: 'usher-web', aud: ['account', 'usher-api'], sid: randomUUID(), realm_access: { roles: ['offline_access', 'Organizers'] },
        email: 'ada@example.org', email_verified: true, name: 'Ada', preferred_username: 'ada' };
    const id = { sub, typ: 'ID', azp: 'usher-web', aud: 'usher-web', email: 'ada@example.org', email_verified: true, preferred_username: 'ada' };
    const header = { typ: 'JWT' };
    const event = await own.createEvent({ token: await keycloak.sign(access, { header }) });
    assert.equal((await own.createEvent({ token: await keycloak.sign({ ...access, azp: 'other', aud: ['usher-web', 'account'] }, { header: { typ: 'at+jwt' } }) })).organizerId, event.organizerId);
    assert.equal(await status(await keycloak.sign(id, { header }), own), 200);
    assert.equal((await own.api('POST', '/v1/events', { token: await keycloak.sign(id, { header }), body: own.eventBody() })).status, 403, 'no role in an ID token');
    const row = (await users(own)).find((user) => user.accountId === event.organizerId);
    assert.deepEqual([row.email, row.name, row.groups], ['ada@example.org', 'Ada', ['Organizers']], 'an ID token without roles takes none away');
    const refused = {
        'another party': { ...access, azp: 'other' },
        'an ID token of another client that names us too': { ...id, aud: ['usher-web', 'other'], azp: 'other' },
        'an ID token for others': { ...id, aud: 'other' },
        'a refresh token': { ...access, typ: 'Refresh' },
        'an offline token': { ...access, typ: 'Offline' },
        'a logout token': { ...access, typ: 'Logout' },
    };
    for (const [name, claims] of Object.entries(refused))
        assert.equal(await status(await keycloak.sign(claims, { header }), own), 401, name);
});

test('Keycloak\'s groups are paths, and a claim may be one text', async () => {
    const own = await start(settings(cognito, { USHER_OIDC_GROUPS_CLAIM: 'groups' }));
    const token = async (groups) => ({ token: await cognito.sign({ ...cognito.person().id, groups }) });
    await own.createEvent(await token(['/Organizers']));
    await own.createEvent(await token('Admins'));
    for (const groups of [['/a/Organizers'], ['organizers'], { Organizers: true }, undefined, 7])
        assert.equal((await own.api('POST', '/v1/events', { ...await token(groups), body: own.eventBody() })).status, 403);
});

test('settings that would trust the wrong ones stop the start', async () => {
    const rows = [
        [{ USHER_OIDC_ISSUER: 'https://issuer.example' }, /USHER_OIDC_CLIENT_ID/],
        [{ USHER_OIDC_ISSUER: 'http://issuer.example', USHER_OIDC_CLIENT_ID: 'c' }, /https/],
        [{ USHER_OIDC_ISSUER: 'http://127.0.0.1.evil.example', USHER_OIDC_CLIENT_ID: 'c' }, /https/],
        [{ USHER_OIDC_ISSUER: 'https://issuer.example', USHER_OIDC_CLIENT_ID: 'c', USHER_OIDC_JWKS_URL: 'http://issuer.example/keys' }, /https/],
        [{ USHER_OIDC_ISSUER: 'issuer.example', USHER_OIDC_CLIENT_ID: 'c' }, /USHER_OIDC_ISSUER must be a URL/],
    ];
    for (const [env, sentence] of rows) {
        const own = prepare({ env });
        writeFileSync(own.clockFile, '0');
        const { code, stderr } = await own.cli(['serve', '--listen', '127.0.0.1:0'], { ok: false });
        assert.ok(code === 1 || code === 2, `${code}`);
        assert.match(stderr, sentence);
        rmSync(own.data, { recursive: true });
        rmSync(own.clockFile);
    }
});
