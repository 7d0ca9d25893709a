// Accounts on Cognito's wire, from outside: what each operation answers, what ends a token, and what a stranger cannot learn or force.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { exportSPKI, createLocalJWKSet, importJWK, jwtVerify } from 'jose';

import { password, sanitized, send, start, waitFor } from './lib.mjs';

const usher = await start();
let counter = 0;
const fresh = (name = 'someone') => `${name}-${process.pid}-${counter++}@example.org`;

async function raw(body, { target = 'InitiateAuth', type = 'application/x-amz-json-1.1', path = '/identity/', on = usher, method = 'POST' } = {}) {
    const headers = { 'content-type': type };
    if (target)
        headers['x-amz-target'] = target.includes('.') ? target : `AWSCognitoIdentityProviderService.${target}`;
    const answer = await send(on.url, method, path, { headers, body });
    return { ...answer, text: answer.text, body: JSON.parse(answer.text) };
}

async function refused(name, operation, input, message) {
    const answer = await usher.cognito(operation, input);
    assert.equal(answer.error, name, `${operation} ${JSON.stringify(answer.body)}`);
    assert.equal(answer.status, 400);
    if (message)
        assert.match(answer.message, message);
    return answer;
}

const signInInput = (email, pass = password) => ({ AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: pass } });
const me = (who, on = usher) => on.api('GET', '/v1/registrations', { token: who.token ?? who });

async function keys(on = usher) {
    const { userPoolId } = await on.config();
    return on.must(200, 'GET', `/identity/${userPoolId}/.well-known/jwks.json`);
}

test('sign-up, confirmation, sign-in: each answer has the form that clients know', async () => {
    const email = fresh('Ada.Lovelace');
    const signUp = await raw(JSON.stringify({
        ClientId: (await usher.config()).userPoolClientId, Username: email, Password: password,
        UserAttributes: [{ Name: 'email', Value: email }, { Name: 'name', Value: 'Ada Lovelace' }, { Name: 'locale', Value: 'en-GB' }, { Name: 'custom:role', Value: 'organizer' }],
        ClientMetadata: { from: 'a page' }, UserContextData: { EncodedData: 'x' }, ValidationData: null,
    }), { target: 'SignUp' });
    assert.equal(signUp.status, 200, signUp.text);
    assert.match(signUp.headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/);
    assert.equal(signUp.body.UserConfirmed, false);
    assert.match(signUp.body.UserSub, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    assert.deepEqual(signUp.body.CodeDeliveryDetails, { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'A***@e***' });

    await refused('UserNotConfirmedException', 'InitiateAuth', signInInput(email));
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email, 'wrong password'), /^Incorrect username or password\.$/);
    const code = await usher.code(email);
    const wrong = String((Number(code) + 1) % 1000000).padStart(6, '0');
    await refused('CodeMismatchException', 'ConfirmSignUp', { Username: email, ConfirmationCode: wrong });
    const confirmed = await usher.cognito('ConfirmSignUp', { Username: email.toUpperCase(), ConfirmationCode: code });
    assert.deepEqual(confirmed.body, {});
    await refused('ExpiredCodeException', 'ConfirmSignUp', { Username: email, ConfirmationCode: code });

    const answer = await usher.cognito('InitiateAuth', signInInput(email.toLowerCase()));
    assert.equal(answer.error, null, JSON.stringify(answer.body));
    assert.deepEqual(answer.body.ChallengeParameters, {});
    const result = answer.body.AuthenticationResult;
    assert.equal(result.ExpiresIn, 3600);
    assert.equal(result.TokenType, 'Bearer');

    const user = await usher.cognito('GetUser', { AccessToken: result.AccessToken });
    assert.equal(user.body.Username, signUp.body.UserSub);
    assert.deepEqual(Object.fromEntries(user.body.UserAttributes.map((a) => [a.Name, a.Value])), {
        sub: signUp.body.UserSub, email, email_verified: 'true', name: 'Ada Lovelace', locale: 'en-GB', 'custom:role': 'organizer' });
});

test('tokens carry Cognito\'s claims, and any library verifies them by the published keys', async () => {
    const who = await usher.account({ role: 'organizer', name: 'Grace "Ł" Hopper' });
    const { userPoolId, userPoolClientId } = await usher.config();
    const issuer = `${usher.url}/identity/${userPoolId}`;
    const set = await keys();
    assert.equal(set.keys.length, 1);
    assert.deepEqual(Object.keys(set.keys[0]).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
    const id = await jwtVerify(who.token, createLocalJWKSet(set), { issuer, audience: userPoolClientId, algorithms: ['RS256'] });
    const access = await jwtVerify(who.accessToken, createLocalJWKSet(set), { issuer, algorithms: ['RS256'] });
    assert.deepEqual(Object.keys(id.protectedHeader).sort(), ['alg', 'kid']);
    for (const { payload } of [id, access]) {
        assert.equal(payload.sub, who.sub);
        assert.deepEqual(payload['cognito:groups'], ['Organizers']);
        assert.equal(payload.exp - payload.iat, 3600);
        assert.ok(payload.auth_time <= payload.iat);
        for (const claim of ['jti', 'origin_jti', 'event_id'])
            assert.match(payload[claim], /^[0-9a-f-]{36}$/, claim);
    }
    assert.notEqual(id.payload.jti, access.payload.jti);
    assert.equal(id.payload.origin_jti, access.payload.origin_jti);
    assert.equal(id.payload.token_use, 'id');
    assert.equal(id.payload['cognito:username'], who.sub);
    assert.equal(id.payload.email, who.email);
    assert.equal(id.payload.email_verified, true);
    assert.equal(id.payload.name, 'Grace "Ł" Hopper');
    assert.equal(access.payload.token_use, 'access');
    assert.equal(access.payload.client_id, userPoolClientId);
    assert.equal(access.payload.username, who.sub);
    assert.equal(access.payload.email, undefined);

    const configuration = await usher.must(200, 'GET', `/identity/${userPoolId}/.well-known/openid-configuration`);
    assert.equal(configuration.issuer, issuer);
    assert.equal(configuration.jwks_uri, `${issuer}/.well-known/jwks.json`);
    const answer = await usher.api('GET', `/identity/${userPoolId}/.well-known/jwks.json`);
    assert.match(answer.headers['cache-control'], /public/);
    assert.ok(answer.headers.etag);
    for (const other of ['usher_000000000/.well-known/jwks.json', `${userPoolId}/.well-known/`, `${userPoolId}/.well-known/jwks.jsonx`, ''])
        assert.equal((await usher.api('GET', `/identity/${other}`)).status >= 404, true, other);
});

test('the API takes the id token and the access token, with "Bearer" and without, and nothing that only looks like them', async () => {
    const who = await usher.account();
    for (const authorization of [`Bearer ${who.token}`, who.token, `Bearer ${who.accessToken}`, `bearer ${who.token}`])
        assert.equal((await usher.api('GET', '/v1/registrations', { headers: { authorization } })).status, 200, authorization.slice(0, 10));

    const [header, payload, signature] = who.token.split('.');
    const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
    const key = (await keys()).keys[0];
    const pem = await exportSPKI(await importJWK(key, 'RS256', { extractable: true }));
    const hs = (text, secret) => `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    const forged = [
        `${b64({ alg: 'none' })}.${payload}.`,
        `${b64({ alg: 'none', kid: key.kid })}.${payload}.${signature}`,
        hs(`${b64({ alg: 'HS256', kid: key.kid })}.${payload}`, pem),
        hs(`${b64({ alg: 'HS256', kid: key.kid })}.${payload}`, key.n),
        `${b64({ alg: 'RS256', kid: 'other' })}.${payload}.${signature}`,
        `${b64({ alg: 'RS256', kid: key.kid, jwk: key })}.${payload}.${signature}`,
        `${header}.${b64({ ...claims, 'cognito:groups': ['Admins'] })}.${signature}`,
        `${header}.${b64({ ...claims, exp: claims.exp + 9999 })}.${signature}`,
        `${header}.${payload}.${signature.slice(0, -2)}`,
        `${header}.${payload}.${signature}=`,
        `${header}.${payload}`,
        `${header}..${signature}`,
        who.refreshToken,
        'x'.repeat(9000),
        '', '.', '..', 'null',
    ];
    for (const token of forged)
        assert.equal((await usher.api('GET', '/v1/registrations', { headers: { authorization: `Bearer ${token}` } })).status, 401, token.slice(0, 60));
    assert.equal((await usher.api('GET', '/v1/registrations')).status, 401);
});

test('what is not a sign-up is refused by name', async () => {
    const email = fresh();
    const attributes = (...list) => list.map(([Name, Value]) => ({ Name, Value }));
    const base = { Username: email, Password: password };
    const rows = [
        ['InvalidParameterException', { ...base, Username: 'no address' }],
        ['InvalidParameterException', { ...base, Username: undefined }],
        ['InvalidParameterException', { ...base, Username: 5 }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['custom:role', 'admin']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['custom:role', 'Organizer']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['cognito:groups', 'Admins']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['email_verified', 'true']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['sub', '0']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['email', 'other@example.org']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['locale', '../../etc']) }],
        ['InvalidParameterException', { ...base, UserAttributes: attributes(['name', 'a\nBcc: b@example.org']) }],
        ['InvalidParameterException', { ...base, UserAttributes: 'x' }],
        ['InvalidParameterException', { ...base, UserAttributes: Array(30).fill({ Name: 'name', Value: 'a' }) }],
        ['InvalidPasswordException', { ...base, Password: 'Short-7' }],
        ['InvalidPasswordException', { ...base, Password: 'password1' }],
        ['InvalidPasswordException', { ...base, Password: 'Football' }],
        ['InvalidPasswordException', { ...base, Password: 'aaaaaaaaaaaa' }],
        ['InvalidPasswordException', { ...base, Password: 'ä'.repeat(257) }],
        ['InvalidPasswordException', { ...base, Password: email }],
        ['ResourceNotFoundException', { ...base, ClientId: 'another' }],
        ['InvalidParameterException', { ...base, ClientId: undefined }],
    ];
    for (const [name, input] of rows)
        await refused(name, 'SignUp', input);
    /* Nothing of it left a trace, and a long password of odd letters is fine. */
    const good = await usher.cognito('SignUp', { ...base, Password: `ż€${'ä'.repeat(254)}` });
    assert.equal(good.error, null, JSON.stringify(good.body));
});

test('whatever is sent to the address gets JSON with a name, and never an inside', async () => {
    const { userPoolClientId: ClientId } = await usher.config();
    const rows = [
        ['UnknownOperationException', '{}', { target: 'DescribeUserPool' }],
        ['UnknownOperationException', '{}', { target: null }],
        ['UnknownOperationException', '{}', { target: 'SomethingElse.SignUp' }],
        ['UnknownOperationException', '{}', { target: `AWSCognitoIdentityProviderService.${'A'.repeat(3000)}` }],
        ['SerializationException', '', {}],
        ['SerializationException', '{', {}],
        ['SerializationException', '{"a":1,"a":2}', {}],
        ['SerializationException', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}],
        ['SerializationException', `${'['.repeat(50000)}`, {}],
        ['InvalidParameterException', '{}', {}],
        ['InvalidParameterException', JSON.stringify({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH' }), {}],
        ['InvalidParameterException', JSON.stringify({ ClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: 'a', SRP_A: '1' } }), {}],
        ['InvalidParameterException', JSON.stringify({ ClientId, AuthFlow: 'CUSTOM_AUTH', AuthParameters: {} }), {}],
        ['InvalidParameterException', JSON.stringify({ ClientId, AuthFlow: 7, AuthParameters: {} }), {}],
        ['InvalidParameterException', JSON.stringify({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'a', PASSWORD: ['x'] } }), {}],
    ];
    for (const [name, body, options] of rows) {
        const answer = await raw(body, options);
        const what = `${options.target} ${String(body).slice(0, 60)} -> ${answer.text.slice(0, 200)}`;
        assert.equal(answer.status, 400, what);
        assert.equal(answer.body.__type, name, what);
        assert.equal(answer.headers['x-amzn-errortype'], name, what);
        assert.match(answer.headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/, what);
        assert.match(answer.headers['content-type'], /json/, what);
        assert.ok(answer.body.message, what);
        assert.match(answer.headers['cache-control'], /no-store/, what);
    }
    const big = await raw(JSON.stringify({ ClientId, AuthFlow: 'x'.repeat(200_000) }));
    assert.equal(big.body.__type, 'InvalidParameterException');
});

test('a code: its mail says it once, five guesses void it, a new one replaces it, a day ends it', async () => {
    const email = fresh('code');
    await usher.signUp(email);
    const first = await usher.code(email);
    const mail = await usher.mail((m) => m.to.includes(email));
    assert.equal(mail.text.match(/\d{6}/g).length, 1);

    const guess = (n) => String((Number(first) + n) % 1000000).padStart(6, '0');
    for (let n = 1; n <= 5; n++)
        await refused('CodeMismatchException', 'ConfirmSignUp', { Username: email, ConfirmationCode: guess(n) });
    await refused('ExpiredCodeException', 'ConfirmSignUp', { Username: email, ConfirmationCode: first });
    await refused('CodeMismatchException', 'ConfirmSignUp', { Username: fresh('nobody'), ConfirmationCode: first });

    const resent = await usher.cognito('ResendConfirmationCode', { Username: email });
    assert.deepEqual(resent.body, { CodeDeliveryDetails: { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'c***@e***' } });
    await waitFor(async () => (await usher.allMail()).filter((m) => m.to.includes(email)).length === 2, 'the second mail');
    const second = await usher.code(email);
    const confirmed = await usher.cognito('ConfirmSignUp', { Username: email, ConfirmationCode: second });
    assert.equal(confirmed.error, null, JSON.stringify(confirmed.body));

    const late = fresh('late');
    await usher.signUp(late);
    const over = await usher.code(late);
    await usher.advance(24 * 3_600_000);
    await refused('ExpiredCodeException', 'ConfirmSignUp', { Username: late, ConfirmationCode: over });
    await usher.advance(-24 * 3_600_000);

    /* A name that nobody has: the same answer, and no mail; and both stop after five. */
    const nobody = fresh('cnobody');
    const waiting = fresh('cwaiting');
    await usher.signUp(waiting);
    for (const name of [nobody, waiting]) {
        for (let n = name === waiting ? 1 : 0; n < 5; n++) // the sign-up itself was the first
            assert.deepEqual((await usher.cognito('ResendConfirmationCode', { Username: name })).body, resent.body);
        await refused('LimitExceededException', 'ResendConfirmationCode', { Username: name });
    }
    assert.equal((await usher.allMail()).some((m) => m.to.includes(nobody)), false);
});

// The mails to an address, oldest first, with at least `count` of them.
async function mailsTo(email, count = 1, on = usher) {
    return waitFor(async () => {
        const all = (await on.allMail()).filter((m) => m.to.includes(email));
        return all.length >= count && all;
    }, `${count} mails to ${email}`);
}
const codeIn = (mail) => mail.text.match(/\d{6,}/g)?.[0];
// What of an answer a stranger could compare.
const seen = ({ status, headers, text }) => ({
    status, text: text.replace(/"UserSub":"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"/, '"UserSub":"a version 7 id"'),
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(x-amzn-requestid|x-request-id|date)$/.test(name))),
});

test('a sign-up tells a stranger nothing, whatever there is with that address, and its owner all', async () => {
    const names = { confirmed: fresh('same'), waiting: fresh('same'), disabled: fresh('same'), nobody: fresh('same') };
    await usher.account({ email: names.confirmed });
    await usher.signUp(names.waiting);
    await usher.shellAccount('Attendees', names.disabled);
    await usher.cli(['user', 'disable', names.disabled]);
    const { userPoolClientId: ClientId } = await usher.config();
    const ask = async (target, input) => {
        const answers = {};
        for (const [kind, Username] of Object.entries(names))
            answers[kind] = seen(await raw(JSON.stringify({ ClientId, Username, ...input }), { target }));
        for (const kind of Object.keys(names))
            assert.deepEqual(answers[kind], answers.nobody, `${target} of one that is ${kind}`);
        return JSON.parse(answers.nobody.text);
    };
    for (let i = 0; i < 5; i++)
        assert.equal((await ask('ConfirmSignUp', { ConfirmationCode: 'no-code' })).__type, 'CodeMismatchException');
    assert.equal((await ask('ConfirmSignUp', { ConfirmationCode: 'no-code' })).__type, 'ExpiredCodeException');
    assert.equal((await ask('SignUp', { Password: 'Strangers-own-7' })).UserConfirmed, false);
    assert.equal((await ask('SignUp', { Password: 'short' })).__type, 'InvalidPasswordException');
    assert.ok((await ask('ResendConfirmationCode', {})).CodeDeliveryDetails);
    assert.equal((await ask('ConfirmSignUp', { ConfirmationCode: 'no-code' })).__type, 'CodeMismatchException', 'asking again opened the door');
    assert.equal((await ask('InitiateAuth', signInInput(undefined, 'not it at all'))).__type, 'InvalidParameterException');

    // The owner is told, and nothing of theirs has changed.
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(names.confirmed) && m.subject === 'You already have an account' && /Forgot password/.test(m.text)), 'the word to the owner');
    assert.ok((await mailsTo(names.confirmed)).every((m) => m.subject !== 'Your confirmation code' || codeIn(m)));
    assert.equal((await usher.allMail()).filter((m) => m.to.includes(names.confirmed) && m.subject === 'Your confirmation code').length, 1, 'the one of its own sign-up');
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(names.disabled) && m.subject === 'Your account is disabled'), 'the word to the barred owner');
    await usher.signIn(names.confirmed);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(names.disabled), /disabled/);
});

test('who signs up and then signs in learns nothing either, and gets no more guesses by it', async () => {
    const theirs = 'Strangers-own-7', names = { confirmed: fresh('probed'), disabled: fresh('probed'), nobody: fresh('probed') };
    await usher.account({ email: names.confirmed });
    await usher.shellAccount('Attendees', names.disabled);
    await usher.cli(['user', 'disable', names.disabled]);
    const { userPoolClientId: ClientId } = await usher.config();
    const answers = {};
    for (const [kind, email] of Object.entries(names)) {
        const signIn = async (pass) => seen(await raw(JSON.stringify({ ClientId, ...signInInput(email, pass) })));
        answers[kind] = [];
        await usher.signUp(email, { pass: theirs });
        for (let i = 0; i < 10; i++)
            answers[kind].push(await signIn(theirs), await signIn(`wrong number ${i}`));
        answers[kind].push(await signIn(theirs));
        assert.deepEqual(answers[kind], answers.confirmed, `of one that is ${kind}`);
    }
    const kinds = answers.nobody.map(({ text }) => JSON.parse(text)).map(({ __type, message }) => `${__type}: ${message}`);
    assert.deepEqual([...new Set(kinds)], ['UserNotConfirmedException: User is not confirmed.', 'NotAuthorizedException: Incorrect username or password.',
        'NotAuthorizedException: Password attempts exceeded']);
    assert.match(kinds.at(-1), /exceeded/);
    await usher.advance(61_000);
    await usher.signIn(names.confirmed);
});

test('who signs up again has a new code, and it confirms the password it was mailed for', async () => {
    const email = fresh('again');
    const first = await usher.signUp(email, { pass: 'My-first-thought-1' });
    const [one] = await mailsTo(email);
    const second = await usher.signUp(email, { pass: 'My-second-thought-2', role: 'organizer' });
    assert.notEqual(first, second);
    const [, two] = await mailsTo(email, 2);
    if (codeIn(one) !== codeIn(two))
        await refused('CodeMismatchException', 'ConfirmSignUp', { Username: email, ConfirmationCode: codeIn(one) });
    await refused('UserNotConfirmedException', 'InitiateAuth', signInInput(email, 'My-second-thought-2'));
    await usher.confirm(email);
    const who = await usher.signIn(email, 'My-second-thought-2');
    assert.equal(who.sub, second);
    assert.deepEqual(who.claims['cognito:groups'], ['Organizers']);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email, 'My-first-thought-1'));
});

test('nobody can slip their own password under the code that the owner is about to type', async () => {
    const other = await start({ env: { USHER_TRUSTED_PROXIES: '127.0.0.1' } });
    const owner = { from: '198.51.100.7' }, stranger = { from: '203.0.113.9' };
    const signUp = async (email, pass, where) => assert.equal((await other.cognito('SignUp', { Username: email, Password: pass }, where)).error, null);
    const confirm = (email, mail, where) => other.cognito('ConfirmSignUp', { Username: email, ConfirmationCode: codeIn(mail) }, where);
    const signIn = async (email, pass) => (await other.cognito('InitiateAuth', signInInput(email, pass))).error;
    const mine = 'The-owners-own-1', theirs = 'The-strangers-own-2';

    // The stranger before the owner, and behind; the owner types the code of their own mail.
    for (const [first, second] of [[stranger, owner], [owner, stranger]]) {
        const email = fresh('contested');
        await signUp(email, first === owner ? mine : theirs, first);
        await mailsTo(email, 1, other);
        await signUp(email, second === owner ? mine : theirs, second);
        const mails = await mailsTo(email, 2, other);
        assert.match(mails[1].text, /More than one sign-up/);
        assert.equal((await confirm(email, mails[first === owner ? 0 : 1], owner)).error, null);
        assert.equal(await signIn(email, theirs), 'NotAuthorizedException');
        assert.equal(await signIn(email, mine), null);
        assert.equal((await confirm(email, mails[first === owner ? 1 : 0], stranger)).error, 'ExpiredCodeException', 'what else waited is over');
    }

    // The owner types the stranger's code, the newest there is: the address is confirmed, and nobody's password counts.
    const email = fresh('contested');
    await signUp(email, mine, owner);
    await mailsTo(email, 1, other);
    await signUp(email, theirs, stranger);
    const mails = await mailsTo(email, 2, other);
    assert.equal((await confirm(email, mails[1], owner)).error, null);
    for (const pass of [theirs, mine, ''])
        assert.notEqual(await signIn(email, pass), null);
    await waitFor(async () => (await other.allMail()).some((m) => m.to.includes(email) && /choose a password/.test(m.subject)), 'the word to the owner');
    await other.cognito('ForgotPassword', { Username: email }, owner);
    const reset = await other.mail((m) => m.to.includes(email) && /code for a new password/.test(m.subject));
    assert.equal((await other.cognito('ConfirmForgotPassword', { Username: email, ConfirmationCode: codeIn(reset), Password: mine }, owner)).error, null);
    assert.equal(await signIn(email, mine), null);

    // One sign-up alone may be confirmed from anywhere: the mail is read on the way.
    const moving = fresh('moving');
    await signUp(moving, mine, owner);
    const [mail] = await mailsTo(moving, 1, other);
    assert.equal((await confirm(moving, mail, { from: '2001:db8::1' })).error, null);
    assert.equal(await signIn(moving, mine), null);
    await other.stop();
});

test('a stranger who keeps asking and guessing holds nobody up', async () => {
    const other = await start({ env: { USHER_TRUSTED_PROXIES: '127.0.0.1' } });
    const { email } = await other.account();
    const owner = { from: '198.51.100.7' };
    const forgot = async (where) => (await other.cognito('ForgotPassword', { Username: email }, where)).error;
    const reset = async (code, where) => (await other.cognito('ConfirmForgotPassword', { Username: email, ConfirmationCode: code, Password: 'A-second-password-9' }, where)).error;
    const asked = async () => (await other.allMail()).filter((m) => m.to.includes(email) && /code for a new password/.test(m.subject));

    // One address has its five mails and no more; four of them use the name's twenty up.
    for (let client = 1; client <= 4; client++) {
        const where = { from: `203.0.113.${client}` };
        for (let i = 0; i < 5; i++)
            assert.equal(await forgot(where), null);
        assert.equal(await forgot(where), 'LimitExceededException');
        for (let i = 0; i < 5; i++)
            assert.equal(await reset('000000', where), 'CodeMismatchException');
        assert.equal(await reset('000000', where), 'ExpiredCodeException');
    }
    await waitFor(() => other.rows().job === 0, 'all those mails to be written');
    const before = new Set((await asked()).map((m) => m.name));
    assert.equal(await forgot(owner), null, 'the owner asks for the first time');
    const code = await waitFor(async () => codeIn((await asked()).find((m) => !before.has(m.name)) ?? { text: '' }), "the owner's code");
    // Guesses of others, as many as there are, and asking of theirs leave the owner's code good where it was asked for.
    for (let client = 5; client <= 8; client++)
        for (let i = 0; i < 5; i++)
            await reset('000000', { from: `203.0.113.${client}` });
    assert.equal(await forgot({ from: '203.0.113.9' }), null);
    if (code !== '000000')
        assert.equal(await reset(code, { from: '203.0.113.10' }), 'ExpiredCodeException', 'elsewhere it was guessed at too often');
    assert.equal(await reset(code, owner), null);
    assert.equal((await other.cognito('InitiateAuth', signInInput(email, 'A-second-password-9'))).error, null);
    await other.stop();
});

test('wrong password and unknown user are one answer', async () => {
    const { email } = await usher.account();
    const pair = [];
    for (const name of [email, fresh('nobody')]) {
        const answer = await raw(JSON.stringify({ ClientId: (await usher.config()).userPoolClientId, ...signInInput(name, 'a wrong password') }));
        const { 'x-amzn-requestid': a, 'x-request-id': b, date, ...headers } = answer.headers;
        pair.push({ status: answer.status, text: answer.text, headers });
    }
    assert.deepEqual(pair[0], pair[1]);
    assert.deepEqual(JSON.parse(pair[0].text), { __type: 'NotAuthorizedException', message: 'Incorrect username or password.' });
});

test('ten wrong passwords close the door at once, alike for a name that nobody has, for longer and longer', async () => {
    const { email } = await usher.account();
    const unknown = fresh('nobody');
    for (const name of [email, unknown]) {
        for (let n = 0; n < 10; n++)
            await refused('NotAuthorizedException', 'InitiateAuth', signInInput(name, `wrong ${n} ......`), /^Incorrect/);
        const began = performance.now();
        await refused('NotAuthorizedException', 'InitiateAuth', signInInput(name), /^Password attempts exceeded$/);
        if (!sanitized)
            assert.ok(performance.now() - began < 20, `${performance.now() - began} ms: nothing was hashed`);
    }
    /* The wait survives a restart for an account. */
    await usher.restart();
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email), /^Password attempts exceeded$/);
    await usher.advance(61_000);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email, 'wrong again .....'), /^Incorrect/);
    await usher.advance(61_000);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email), /^Password attempts exceeded$/);
    await usher.advance(61_000);
    await usher.signIn(email);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email, 'wrong once ......'), /^Incorrect/);
    await usher.signIn(email);
    await usher.advance(-183_000);
});

test('one password tried on many names closes the door of that address, not of the names', async () => {
    const other = await start({ limits: 'on', env: { USHER_TRUSTED_PROXIES: '127.0.0.1' } });
    const { email } = await other.account();
    const spray = { from: '2001:db8:1:2::7' };
    const answers = [];
    for (let round = 0; round < 5; round++) {
        for (let n = 0; n < 25; n++)
            answers.push((await other.cognito('InitiateAuth', signInInput(fresh('sprayed'), 'Summer-2026!'), spray)).message);
        if (round < 4)
            await other.advance(61_000);
    }
    const closed = answers.indexOf('Password attempts exceeded');
    assert.ok(closed >= 100 && closed <= 106, `closed after ${closed}`);
    assert.equal(answers.slice(0, closed).every((message) => message === 'Incorrect username or password.'), true);
    for (const from of ['2001:db8:1:2::7', '2001:db8:1:2:ffff::1']) // one household
        assert.equal((await other.cognito('InitiateAuth', signInInput(email), { from })).message, 'Password attempts exceeded');
    for (const from of ['2001:db8:1:3::7', '198.51.100.7'])
        assert.equal((await other.cognito('InitiateAuth', signInInput(email), { from })).error, null);
    assert.equal((await other.cognito('ForgotPassword', { Username: email }, spray)).error, null, 'a reset is never locked out');
    await other.advance(16 * 60_000);
    assert.equal((await other.cognito('InitiateAuth', signInInput(email), spray)).error, null);
    await other.stop();
});

test('a venue that is one address: whoever gets in in the end was not guessing, and own slips pay for no guesses at others', async () => {
    const other = await start({ limits: 'on', env: { USHER_TRUSTED_PROXIES: '127.0.0.1', USHER_ARGON2_MEMORY_KIB: '7168', USHER_ARGON2_PASSES: '1' } });
    const people = Array.from({ length: 13 }, () => fresh('guest'));
    for (const email of people)
        await other.cli(['user', 'add', email, '--group', 'Attendees', '--password-stdin'], { input: `${password}\n` });
    const say = async (email, pass, from) => (await other.cognito('InitiateAuth', signInInput(email, pass), { from })).message ?? 'in';
    // Every second sign-in is a slip, 130 in all.
    for (let round = 0; round < 10; round++) {
        for (const email of people)
            assert.deepEqual([await say(email, 'a slip of mine', '192.0.2.1'), await say(email, password, '192.0.2.1')], ['Incorrect username or password.', 'in'], `round ${round}`);
        await other.advance(61_000);
    }
    // Beside an account of one's own, mistyped and opened again and again.
    const guesses = [];
    for (let round = 0; round < 6; round++) {
        for (let n = 0; n < 24; n++)
            guesses.push(await say(fresh('sprayed'), 'Summer-2026!', '192.0.2.2'));
        const own = [await say(people[0], 'a slip of mine', '192.0.2.2'), await say(people[0], password, '192.0.2.2')];
        if (guesses.includes('Password attempts exceeded'))
            break;
        assert.deepEqual(own, ['Incorrect username or password.', 'in']);
        await other.advance(61_000);
    }
    const closed = guesses.indexOf('Password attempts exceeded');
    assert.ok(closed >= 100 && closed <= 107, `closed after ${closed}`);
    await other.stop();
});

test('a hundred guesses at the same time are not more than ten', async () => {
    const { email } = await usher.account();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => usher.cognito('InitiateAuth', signInInput(email, `guess ${n} ......`))));
    const tally = {};
    for (const { error, message, status } of answers) {
        assert.equal(status, 400);
        tally[`${error} ${message}`] = (tally[`${error} ${message}`] ?? 0) + 1;
    }
    const tried = tally['NotAuthorizedException Incorrect username or password.'] ?? 0;
    assert.ok(tried >= 1 && tried <= 10, JSON.stringify(tally));
    /* The lane's queue is bounded: what it did not take is told to come back, never "wrong". */
    for (const key of Object.keys(tally))
        assert.match(key, /^(NotAuthorizedException (Incorrect username or password\.|Password attempts exceeded)|TooManyRequestsException .*)$/);
});

// The newest code for a new password; waits until there are `count` such mails.
async function resetCode(email, count = 1) {
    const mails = await waitFor(async () => {
        const all = (await usher.allMail()).filter((m) => m.to.includes(email) && /new password/.test(m.subject));
        return all.length >= count && all;
    }, `reset mail ${count} for ${email}`);
    const codes = mails.map((m) => m.text.match(/\d{6,}/g));
    assert.ok(codes.every((list) => list.length === 1), 'one run of six digits in each');
    return codes.map((list) => list[0]);
}
const other = (code) => String((Number(code) + 1) % 1000000).padStart(6, '0');

test('a forgotten password: a code by mail makes a new one, ends every session and opens the door to a locked-out owner', async () => {
    const who = await usher.account();
    for (let i = 0; i < 10; i++)
        await usher.cognito('InitiateAuth', signInInput(who.email, `guess number ${i}`));
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(who.email), /attempts exceeded/);

    const asked = await usher.cognito('ForgotPassword', { Username: who.email.toUpperCase() });
    assert.deepEqual(asked.body, { CodeDeliveryDetails: { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'A***@E***' } });
    const [code] = await resetCode(who.email);
    const confirm = (over = {}) => ({ Username: who.email, ConfirmationCode: code, Password: 'A-second-password-9', ...over });
    await refused('InvalidPasswordException', 'ConfirmForgotPassword', confirm({ Password: 'short' }), /not long enough/);
    await refused('InvalidPasswordException', 'ConfirmForgotPassword', confirm({ Password: 'short', ConfirmationCode: other(code) }), /not long enough/);
    await refused('CodeMismatchException', 'ConfirmForgotPassword', confirm({ ConfirmationCode: other(code) }));
    assert.equal((await me(who)).status, 200, 'nothing has happened yet');
    assert.deepEqual((await usher.cognito('ConfirmForgotPassword', confirm())).body, {});
    assert.equal((await me(who)).status, 401);
    await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    await refused('ExpiredCodeException', 'ConfirmForgotPassword', confirm(), /request a code again/);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(who.email), /^Incorrect username or password\.$/);
    assert.equal((await me(await usher.signIn(who.email, 'A-second-password-9'))).status, 200);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && m.subject === 'Your password was changed'), 'the warning');
});

test('a reset code: five guesses void it, a new one replaces it, an hour ends it, and a sign-up\'s code is none', async () => {
    const { email } = await usher.account();
    const confirm = (code) => ({ Username: email, ConfirmationCode: code, Password: 'A-second-password-9' });
    await usher.cognito('ForgotPassword', { Username: email });
    const [first] = await resetCode(email);
    for (let i = 0; i < 5; i++)
        await refused('CodeMismatchException', 'ConfirmForgotPassword', confirm(other(first)));
    await refused('ExpiredCodeException', 'ConfirmForgotPassword', confirm(first));
    await usher.cognito('ForgotPassword', { Username: email });
    const second = (await resetCode(email, 2)).find((code) => code !== first);
    await refused('CodeMismatchException', 'ConfirmForgotPassword', confirm(first));
    await usher.advance(3600_000);
    await refused('ExpiredCodeException', 'ConfirmForgotPassword', confirm(second));

    const unconfirmed = fresh('unconfirmed');
    await usher.signUp(unconfirmed);
    const signUpCode = await usher.code(unconfirmed);
    await refused('CodeMismatchException', 'ConfirmForgotPassword', { Username: unconfirmed, ConfirmationCode: signUpCode, Password: 'A-second-password-9' });
    await usher.cognito('ForgotPassword', { Username: unconfirmed });
    const [reset] = await resetCode(unconfirmed);
    if (reset !== signUpCode)
        await refused('CodeMismatchException', 'ConfirmSignUp', { Username: unconfirmed, ConfirmationCode: reset });
    assert.deepEqual((await usher.cognito('ConfirmForgotPassword', { Username: unconfirmed, ConfirmationCode: reset, Password: 'A-second-password-9' })).body, {});
    assert.equal((await me(await usher.signIn(unconfirmed, 'A-second-password-9'))).status, 200, 'the code proved the address as well');
});

test('a reset tells a stranger nothing: a name that nobody has gets the same answers, and no mail', async () => {
    const known = (await usher.account({ email: fresh('same') })).email, unknown = fresh('same');
    const strip = ({ status, headers, text }) => ({ status, text, headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(x-amzn-requestid|x-request-id|date)$/.test(name))) });
    const clientId = (await usher.config()).userPoolClientId;
    const both = async (target, input) => {
        const [a, b] = [await raw(JSON.stringify({ ClientId: clientId, Username: known, ...input }), { target }), await raw(JSON.stringify({ ClientId: clientId, Username: unknown, ...input }), { target })];
        assert.deepEqual(strip(a), strip(b), target);
        return a.body;
    };
    const guess = { ConfirmationCode: '123456', Password: 'A-second-password-9' };
    assert.equal((await both('ConfirmForgotPassword', guess)).__type, 'CodeMismatchException', 'before anybody asked');
    for (let i = 0; i < 5; i++)
        assert.ok((await both('ForgotPassword', {})).CodeDeliveryDetails);
    assert.equal((await both('ForgotPassword', {})).__type, 'LimitExceededException');
    const [code] = (await resetCode(known)).slice(-1);
    const wrong = { ...guess, ConfirmationCode: other(code) };
    for (let i = 0; i < 5; i++)
        assert.equal((await both('ConfirmForgotPassword', wrong)).__type, 'CodeMismatchException');
    assert.equal((await both('ConfirmForgotPassword', wrong)).__type, 'ExpiredCodeException');
    assert.equal((await usher.allMail()).filter((m) => m.to.includes(unknown)).length, 0);
});

test('a new password with the old one at hand: this session goes on, the others end', async () => {
    const here = await usher.account();
    const there = await usher.signIn(here.email);
    const change = (over) => ({ AccessToken: here.accessToken, PreviousPassword: password, ProposedPassword: 'A-second-password-9', ...over });
    await refused('NotAuthorizedException', 'ChangePassword', change({ PreviousPassword: 'not it at all' }), /^Incorrect username or password\.$/);
    await refused('InvalidPasswordException', 'ChangePassword', change({ ProposedPassword: 'password1' }));
    await refused('NotAuthorizedException', 'ChangePassword', change({ AccessToken: here.token }), /Invalid Access Token/);
    assert.deepEqual((await usher.cognito('ChangePassword', change())).body, {});
    assert.equal((await me(here)).status, 200);
    assert.equal((await me(there)).status, 401);
    assert.equal((await usher.cognito('GetTokensFromRefreshToken', { RefreshToken: here.refreshToken })).error, null);
    await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: there.refreshToken });
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(here.email));
    await usher.signIn(here.email, 'A-second-password-9');
    for (let i = 0; i < 10; i++)
        await usher.cognito('ChangePassword', change({ PreviousPassword: `guess number ${i}` }));
    await refused('LimitExceededException', 'ChangePassword', change({ PreviousPassword: 'A-second-password-9', ProposedPassword: 'A-third-password-9' }));
});

test('name and locale may be changed; address, role and what is no attribute of ours may not', async () => {
    const who = await usher.account({ name: 'Before' });
    const update = (...attributes) => ({ AccessToken: who.accessToken, UserAttributes: attributes.map(([Name, Value]) => ({ Name, Value })) });
    assert.deepEqual((await usher.cognito('UpdateUserAttributes', update(['name', 'Zoë Ångström'], ['locale', 'de-AT']))).body, { CodeDeliveryDetailsList: [] });
    const read = async () => Object.fromEntries((await usher.cognito('GetUser', { AccessToken: who.accessToken })).body.UserAttributes.map((a) => [a.Name, a.Value]));
    assert.equal((await read()).name, 'Zoë Ångström');
    assert.equal((await read()).locale, 'de-AT');
    for (const attribute of [['custom:role', 'organizer'], ['email', 'x@example.org'], ['email_verified', 'true'], ['sub', 'x'], ['locale', 'no tag!']])
        await refused('InvalidParameterException', 'UpdateUserAttributes', update(['name', 'Changed'], attribute));
    assert.equal((await read()).name, 'Zoë Ångström', 'a refusal changed nothing');
    assert.deepEqual((await usher.cognito('UpdateUserAttributes', update(['email', who.email]))).body, { CodeDeliveryDetailsList: [] });
});

test('deleting an account: its tokens are void at once, its address is free, its registrations stay whole without it', async () => {
    const organizer = await usher.account({ role: 'organizer' });
    const event = await usher.createEvent(organizer, { capacity: 10 });
    const email = fresh('leaver');
    const who = await usher.account({ email, name: 'Leaver of the house' });
    await refused('InvalidParameterException', 'DeleteUser', { AccessToken: organizer.accessToken }, /published events/);
    const registration = await usher.register(who, event);
    assert.deepEqual((await usher.cognito('DeleteUser', { AccessToken: who.accessToken })).body, {});
    assert.equal((await me(who)).status, 401);
    assert.equal((await usher.api('DELETE', `/v1/registrations/${registration.registrationId}`, { token: who.token })).status, 401);
    await refused('NotAuthorizedException', 'GetUser', { AccessToken: who.accessToken });
    await refused('NotAuthorizedException', 'DeleteUser', { AccessToken: who.accessToken });
    await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email), /^Incorrect username or password\.$/);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(email) && m.subject === 'Your account was deleted'), 'the farewell');

    const list = await usher.must(200, 'GET', `/v1/events/${event.eventId}/registrations`, { token: organizer.token });
    assert.equal(list.items.length, 1);
    assert.ok(!JSON.stringify(list).includes(email));
    assert.equal((await usher.cli(['check'])).code ?? 0, 0);
    await usher.signUp(email);
    await waitFor(async () => (await usher.allMail()).filter((m) => m.to.includes(email) && /confirmation code/.test(m.subject)).length === 2, 'the new code');
    await usher.confirm(email);
    const again = await usher.signIn(email);
    assert.notEqual(again.sub, who.sub);
    assert.deepEqual((await usher.must(200, 'GET', '/v1/registrations', { token: again.token })).items, []);
});

test('refresh by both operations: one keeps the token, the other turns it, and an old one ends the session', async () => {
    const who = await usher.account({ role: 'organizer' });
    const kept = await usher.cognito('InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: who.refreshToken } });
    assert.equal(kept.error, null, JSON.stringify(kept.body));
    assert.equal(kept.body.AuthenticationResult.RefreshToken, undefined);
    const claims = JSON.parse(Buffer.from(kept.body.AuthenticationResult.IdToken.split('.')[1], 'base64url'));
    assert.equal(claims.origin_jti, who.claims.origin_jti);
    assert.equal(claims.auth_time, who.claims.auth_time);
    assert.equal((await me(kept.body.AuthenticationResult.IdToken)).status, 200);

    const turn = async (token) => usher.cognito('GetTokensFromRefreshToken', { RefreshToken: token });
    const tabs = await Promise.all([turn(who.refreshToken), turn(who.refreshToken), turn(who.refreshToken)]);
    const next = new Set(tabs.map((t) => t.body.AuthenticationResult.RefreshToken));
    assert.equal(next.size, 1, 'tabs that refresh at once end up with one token');
    const [second] = next;
    assert.notEqual(second, who.refreshToken);
    await usher.advance(61_000);
    const third = (await turn(second)).body.AuthenticationResult.RefreshToken;
    assert.ok(third);

    await refused('RefreshTokenReuseException', 'GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: third }, /revoked/);
    await refused('NotAuthorizedException', 'InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: third } });
    assert.equal((await me(kept.body.AuthenticationResult.IdToken)).status, 401, 'the tokens of the stolen session are void');
    for (const junk of ['x', third.slice(1), `A${third.slice(1)}`, who.accessToken, '"', 'A'.repeat(64)])
        await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: junk });
    await usher.advance(-61_000);
});

test('without a grace the token before the newest ends the session at once', async () => {
    const strict = await start({ env: { USHER_REFRESH_GRACE_SECONDS: '0' } });
    const who = await strict.account();
    const turned = await strict.cognito('GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    assert.equal(turned.error, null);
    assert.equal((await strict.cognito('GetTokensFromRefreshToken', { RefreshToken: who.refreshToken })).error, 'RefreshTokenReuseException');
    assert.equal((await strict.cognito('GetTokensFromRefreshToken', { RefreshToken: turned.body.AuthenticationResult.RefreshToken })).error, 'NotAuthorizedException');
});

test('whoever holds a token cannot hash, mail and write without bound', async () => {
    const limited = await start({ limits: 'on' });
    const who = await limited.account();
    const answers = [];
    for (let i = 0; i < 40; i++)
        answers.push((await limited.cognito('UpdateUserAttributes', { AccessToken: who.accessToken, UserAttributes: [{ Name: 'name', Value: `Name ${i}` }] })).error);
    assert.ok(answers.slice(0, 25).every((error) => error === null));
    assert.equal(answers.at(-1), 'TooManyRequestsException');
});

test('a refresh token and an access token have their time', async () => {
    const who = await usher.account();
    await usher.advance(3_601_000);
    assert.equal((await me(who)).status, 401);
    await refused('NotAuthorizedException', 'GetUser', { AccessToken: who.accessToken }, /expired/);
    const again = await usher.cognito('InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: who.refreshToken } });
    assert.equal((await me(again.body.AuthenticationResult.IdToken)).status, 200);
    await usher.advance(30 * 86_400_000);
    await refused('NotAuthorizedException', 'InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: who.refreshToken } });
    await usher.advance(-30 * 86_400_000 - 3_601_000);
});

test('signing out here ends this session, everywhere ends them all, at once', async () => {
    const one = await usher.account();
    const two = await usher.signIn(one.email);
    assert.equal((await me(one)).status, 200);
    assert.equal((await me(two)).status, 200);

    assert.deepEqual((await usher.cognito('RevokeToken', { Token: one.refreshToken })).body, {});
    assert.equal((await me(one)).status, 401);
    assert.equal((await me(one.accessToken)).status, 401);
    assert.equal((await me(two)).status, 200);
    await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: one.refreshToken }, /revoked/);
    assert.deepEqual((await usher.cognito('RevokeToken', { Token: one.refreshToken })).body, {}, 'twice is no fault');
    assert.deepEqual((await usher.cognito('RevokeToken', { Token: 'nonsense' })).body, {});
    await refused('UnsupportedTokenTypeException', 'RevokeToken', { Token: two.accessToken });
    await refused('NotAuthorizedException', 'GetUser', { AccessToken: one.accessToken }, /revoked/);
    await refused('NotAuthorizedException', 'GetUser', { AccessToken: two.token }, /Invalid Access Token/);

    const three = await usher.signIn(one.email);
    await refused('NotAuthorizedException', 'GlobalSignOut', { AccessToken: three.token });
    assert.deepEqual((await usher.cognito('GlobalSignOut', { AccessToken: two.accessToken })).body, {});
    for (const who of [two, three]) {
        assert.equal((await me(who)).status, 401);
        await refused('NotAuthorizedException', 'InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: who.refreshToken } });
    }
    await refused('NotAuthorizedException', 'GlobalSignOut', { AccessToken: two.accessToken });
    assert.equal((await me(await usher.signIn(one.email))).status, 200);
});

test('tokens outlive a restart, also on another port', async () => {
    const who = await usher.account();
    const before = await keys();
    await usher.stop();
    const port = usher.port;
    usher.port = 0;
    await usher.start();
    assert.equal((await me(who)).status, 200);
    const refreshed = await usher.cognito('GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    assert.equal(refreshed.error, null);
    assert.deepEqual(await keys(), before);
    assert.ok(refreshed.body.AuthenticationResult.AccessToken);
    await usher.stop();
    usher.port = port;
    await usher.start();
});

test('accounts from the shell: made, moved between groups, disabled beside the running server', async () => {
    const who = await usher.shellAccount('Attendees');
    assert.deepEqual(who.claims['cognito:groups'], ['Attendees']);
    assert.equal((await usher.api('GET', '/v1/my-events', { token: who.token })).status, 403);
    await usher.cli(['user', 'group', who.email, '--group', 'Organizers']);
    assert.equal((await usher.api('GET', '/v1/my-events', { token: who.token })).status, 200, 'at once, with the token in hand');
    await usher.cli(['user', 'disable', who.email]);
    assert.equal((await usher.api('GET', '/v1/my-events', { token: who.token })).status, 401);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(who.email), /disabled/);
    await refused('NotAuthorizedException', 'GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    await usher.signUp(who.email);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && m.subject === 'Your account is disabled'), 'the word to its owner');
});

test('a flood of sign-ins is bounded and never called a wrong password', async () => {
    const accounts = await Promise.all([1, 2, 3].map(() => usher.account()));
    const answers = await Promise.all(Array.from({ length: 150 }, (_, n) => usher.cognito('InitiateAuth', signInInput(accounts[n % 3].email))));
    const ok = answers.filter((a) => a.status === 200).length;
    const busy = answers.filter((a) => a.error === 'TooManyRequestsException').length;
    assert.equal(ok + busy, 150, JSON.stringify(answers.find((a) => a.status !== 200 && a.error !== 'TooManyRequestsException')?.body));
    assert.ok(ok >= 60 && busy > 0, `${ok} signed in, ${busy} told to come back`);
});

test('while passwords are hashed, sessions go on', { skip: sanitized }, async () => {
    const who = await usher.account();
    let hashing = true;
    const flood = Promise.all(Array.from({ length: 60 }, () => usher.cognito('InitiateAuth', signInInput(fresh('nobody'), 'a wrong password'))))
        .finally(() => { hashing = false; });
    await me(who);
    const refreshed = await usher.cognito('InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: who.refreshToken } });
    const user = await usher.cognito('GetUser', { AccessToken: who.accessToken });
    assert.equal(hashing, true, 'the flood was still on');
    assert.equal(refreshed.error ?? user.error, null);
    await flood;
});

test('a page of an allowed origin may call, see refusals and read their names; another may not', async () => {
    const origin = 'https://app.example.org';
    const other = await start({ env: { USHER_CORS_ORIGINS: origin } });
    const asked = 'amz-sdk-invocation-id,amz-sdk-request,cache-control,content-type,x-amz-target,x-amz-user-agent';
    const preflight = (from) => send(other.url, 'OPTIONS', '/identity/', { headers: {
        origin: from, 'access-control-request-method': 'POST', 'access-control-request-headers': asked } });
    const allowed = await preflight(origin);
    assert.ok([200, 204].includes(allowed.status));
    assert.equal(allowed.headers['access-control-allow-origin'], origin);
    const names = allowed.headers['access-control-allow-headers'].toLowerCase().split(/,\s*/);
    for (const name of asked.split(','))
        assert.ok(names.includes(name), name);
    assert.ok(Number(allowed.headers['access-control-max-age']) > 0);
    assert.equal((await preflight('https://evil.example.org')).headers['access-control-allow-origin'], undefined);

    const refusal = await send(other.url, 'POST', '/identity', { headers: {
        origin, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.GetUser' }, body: '{"AccessToken":"x"}' });
    assert.equal(refusal.status, 400);
    assert.equal(JSON.parse(refusal.text).__type, 'NotAuthorizedException');
    assert.equal(refusal.headers['access-control-allow-origin'], origin);
    const exposed = refusal.headers['access-control-expose-headers'].toLowerCase();
    assert.ok(exposed.includes('x-amzn-requestid') && exposed.includes('x-amzn-errortype'));
    await other.stop();
});

test('what was answered stands after kill -9: the account, its session, its sign-out', async () => {
    const other = await start();
    const here = await other.account();
    const gone = await other.account();
    assert.deepEqual((await other.cognito('GlobalSignOut', { AccessToken: gone.accessToken })).body, {});
    await other.kill();
    await other.start();
    assert.equal((await me(here, other)).status, 200);
    assert.equal((await other.cognito('GetTokensFromRefreshToken', { RefreshToken: here.refreshToken })).error, null);
    assert.equal((await me(gone, other)).status, 401);
    await other.signIn(gone.email);
    await other.stop();
});

test('sign-in and sign-up have their rate by address', async () => {
    const limited = await start({ limits: 'on' });
    const { userPoolClientId: ClientId } = await limited.config();
    const call = async (operation, input) => (await raw(JSON.stringify({ ClientId, ...input }), { target: operation, on: limited })).body.__type ?? null;
    /* The bucket fills again while we ask: as many as it holds, and at most what has flowed in since, then a refusal. */
    const burst = async (perMinute, otherwise, ask) => {
        const began = Date.now();
        let allowed = 0;
        for (;;) {
            const answer = await ask();
            if (answer === 'TooManyRequestsException')
                break;
            assert.equal(answer, otherwise);
            allowed++;
            assert.ok(allowed <= perMinute + 1 + ((Date.now() - began) / 60000) * perMinute, `${allowed} were let through`);
        }
        assert.ok(allowed >= perMinute, `only ${allowed} were let through`);
    };
    await burst(10, null, () => call('SignUp', { Username: fresh('rate'), Password: password }));
    await burst(30, 'NotAuthorizedException', () => call('InitiateAuth', signInInput(fresh('rate'), 'some password')));
    await limited.stop();
});

test('no password, code, token or secret is in the log or in the clear at rest', async () => {
    const email = fresh('secret');
    const pass = 'a very particular secret phrase 7391';
    await usher.signUp(email, { pass });
    const code = await usher.code(email);
    await refused('NotAuthorizedException', 'InitiateAuth', signInInput(email, `${pass}!`));
    await usher.confirm(email);
    const who = await usher.signIn(email, pass);
    await usher.cognito('GetTokensFromRefreshToken', { RefreshToken: who.refreshToken });
    await usher.stop();
    const pem = readFileSync(join(usher.data, 'keys', 'tokens.pem'), 'utf8');
    const secrets = [pass, who.token.split('.')[2], who.accessToken.split('.')[2], who.refreshToken, pem.split('\n')[5]];
    for (const secret of [...secrets, email])
        assert.equal(usher.log.includes(secret), false, 'in the log');
    assert.doesNotMatch(usher.log, new RegExp(`(?<!\\d)${code}(?!\\d)`));
    for (const name of readdirSync(usher.data).filter((n) => n.startsWith('usher.db'))) {
        const bytes = readFileSync(join(usher.data, name));
        for (const secret of secrets)
            assert.equal(bytes.includes(secret), false, name);
        assert.equal(bytes.includes(createHash('sha256').update(code).digest()), false, 'a plain hash of six digits is no secret');
    }
    for (const name of readdirSync(join(usher.data, 'keys')))
        assert.equal(statSync(join(usher.data, 'keys', name)).mode & 0o777, 0o600, name);
    await usher.start();
});
