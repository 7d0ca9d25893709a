// Sign-in by USER_SRP_AUTH, off and on: a client of our own against the server, what it refuses, and what a stranger cannot learn.
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { N, srpClient, timestamp } from './srp_client.mjs';
import { password, sanitized, start, waitFor } from './lib.mjs';

const usher = await start({ env: { USHER_SRP: 'on' } });
const pool = (await usher.config()).userPoolId.split('_')[1];
let counter = 0;
const fresh = (name = 'someone') => `${name}-${process.pid}-${counter++}@example.org`;

async function account(email = fresh(), pass = password, on = usher) {
    await on.signUp(email, { pass });
    await on.confirm(email);
    return email;
}

async function begin(email, { pass = password, on = usher, name = on === usher ? pool : null } = {}) {
    const client = srpClient({ pool: name ?? (await on.config()).userPoolId.split('_')[1], password: pass, at: on.now() });
    const { error, body, message } = await on.cognito('InitiateAuth', { AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A: client.A } });
    return { client, error, message, challenge: body.ChallengeParameters, body };
}
const respond = (ChallengeResponses, on = usher) => on.cognito('RespondToAuthChallenge', { ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses });
async function signIn(email, options = {}) {
    const { client, error, challenge, message } = await begin(email, options);
    return error ? { error, message } : respond(client.answer(challenge, options), options.on ?? usher);
}

test('off, which is the default, the flow is not there and nothing is kept for it', async () => {
    const plain = await start();
    const email = await account(fresh(), password, plain);
    await plain.signIn(email);
    for (const [operation, input] of [
        ['InitiateAuth', { AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A: 'abc' } }],
        ['RespondToAuthChallenge', { ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses: {} }],
    ]) {
        const answer = await plain.cognito(operation, input);
        assert.equal(answer.error, 'InvalidParameterException');
        assert.match(answer.message, /not enabled/);
    }
    assert.ok(!existsSync(join(plain.data, 'keys', 'srp.key')));
});

test('the right password signs in, by its name in any case, and the wrong one does not', async () => {
    const email = await account(fresh('Ada'));
    const { client, challenge, body } = await begin(email.toUpperCase());
    assert.equal(body.ChallengeName, 'PASSWORD_VERIFIER');
    assert.equal(body.Session, undefined);
    assert.deepEqual(Object.keys(challenge).sort(), ['SALT', 'SECRET_BLOCK', 'SRP_B', 'USERNAME', 'USER_ID_FOR_SRP']);
    assert.match(challenge.SALT, /^[0-9a-f]{32}$/);
    assert.match(challenge.SRP_B, /^[0-9a-f]{768}$/);
    const answer = await respond(client.answer(challenge));
    assert.equal(answer.error, null, JSON.stringify(answer.body));
    const { AccessToken, IdToken, RefreshToken, ExpiresIn, TokenType } = answer.body.AuthenticationResult;
    assert.equal(ExpiresIn, 3600);
    assert.equal(TokenType, 'Bearer');
    assert.ok(RefreshToken);
    assert.equal((await usher.cognito('GetUser', { AccessToken })).error, null);
    assert.equal((await usher.api('GET', '/v1/registrations', { token: IdToken })).status, 200);

    const wrong = await signIn(email, { pass: 'a walk by the sea' });
    assert.deepEqual([wrong.error, wrong.message], ['NotAuthorizedException', 'Incorrect username or password.']);
});

test('a hundred fresh users with a password of many scripts, each by SRP', async () => {
    const pass = 'p\u00e4ssw\u00f6rt \u4f60\u597d \ud83c\udfab \u0142';
    const emails = Array.from({ length: sanitized ? 20 : 100 }, () => fresh('many'));
    const each = async (email) => {
        await usher.cli(['user', 'add', email, '--group', 'Attendees', '--password-stdin'], { input: `${pass}\n` });
        assert.equal((await signIn(email, { pass })).error, 'NotAuthorizedException', 'no verifier yet');
        await usher.signIn(email, pass); // which makes it
    };
    for (let at = 0; at < emails.length; at += 10) // the queue of the hash lane is bounded
        await Promise.all(emails.slice(at, at + 10).map(each));
    const salts = new Set();
    for (const email of emails) {
        const { client, challenge } = await begin(email, { pass });
        salts.add(challenge.SALT);
        const answer = await respond(client.answer(challenge));
        assert.equal(answer.error, null, `${email} ${JSON.stringify(challenge)}`);
    }
    assert.equal(salts.size, emails.length);
});

test('a name that nobody has, and one that somebody has, are challenged alike and for good', async () => {
    const known = await account();
    const nobody = fresh('nobody');
    const shapes = [];
    for (const email of [known, nobody]) {
        const first = (await begin(email)).challenge, second = (await begin(email.toUpperCase())).challenge;
        assert.equal(first.SALT, second.SALT);
        assert.equal(first.USER_ID_FOR_SRP, second.USER_ID_FOR_SRP);
        assert.notEqual(first.SRP_B, second.SRP_B);
        assert.notEqual(first.SECRET_BLOCK, second.SECRET_BLOCK);
        assert.ok(BigInt(`0x${first.SRP_B}`) < N);
        assert.match(first.USER_ID_FOR_SRP, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        shapes.push(Object.entries(first).map(([name, value]) => [name, name === 'USERNAME' ? 0 : value.length]));
        const wrong = await signIn(email, { pass: 'a walk by the sea' });
        assert.deepEqual([wrong.error, wrong.message], ['NotAuthorizedException', 'Incorrect username or password.']);
    }
    assert.deepEqual(shapes[0], shapes[1]);

    /* Neither signing up nor a new password shows in what a stranger sees. */
    const before = (await begin(nobody)).challenge;
    await account(nobody);
    assert.equal((await signIn(nobody)).error, null);
    await usher.cognito('ForgotPassword', { Username: nobody });
    await usher.mail((m) => m.to.includes(nobody) && /new password/.test(m.subject));
    const code = await usher.code(nobody);
    const reset = await usher.cognito('ConfirmForgotPassword', { Username: nobody, ConfirmationCode: code, Password: 'A-second-password-9' });
    assert.equal(reset.error, null, reset.message);
    const later = (await begin(nobody)).challenge;
    assert.deepEqual([later.SALT, later.USER_ID_FOR_SRP], [before.SALT, before.USER_ID_FOR_SRP]);
    assert.equal((await signIn(nobody)).error, 'NotAuthorizedException');
    assert.equal((await signIn(nobody, { pass: 'A-second-password-9' })).error, null);
});

test('a changed password takes its verifier along', async () => {
    const email = await account();
    const { accessToken } = await usher.signIn(email);
    const { client, challenge } = await begin(email);
    const change = await usher.cognito('ChangePassword', { AccessToken: accessToken, PreviousPassword: password, ProposedPassword: 'A-second-password-9' });
    assert.equal(change.error, null, change.message);
    assert.equal((await respond(client.answer(challenge))).error, 'NotAuthorizedException', 'a challenge of before');
    assert.equal((await signIn(email)).error, 'NotAuthorizedException');
    assert.equal((await signIn(email, { pass: 'A-second-password-9' })).error, null);
});

test('SRP_A: what is no number between 0 and N is refused', async () => {
    const email = await account();
    for (const SRP_A of ['0', '00', N.toString(16), (2n * N).toString(16), (N + 1n).toString(16), '', 'xyz', '-1', '0x12', 'f'.repeat(1025)]) {
        const answer = await usher.cognito('InitiateAuth', { AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A } });
        assert.equal(answer.error, 'InvalidParameterException', SRP_A.slice(0, 20));
    }
});

test('a secret block is used once, within three minutes, unchanged and by its own user', async () => {
    const email = await account(), other = await account();
    const refused = async (responses, message) => {
        const answer = await respond(responses);
        assert.equal(answer.error, 'NotAuthorizedException', JSON.stringify(answer.body));
        assert.match(answer.message, message);
    };
    const { client, challenge } = await begin(email);
    const good = client.answer(challenge);
    const raw = Buffer.from(challenge.SECRET_BLOCK, 'base64');
    raw[raw.length >> 1] ^= 1;
    await refused({ ...good, PASSWORD_CLAIM_SECRET_BLOCK: raw.toString('base64') }, /Invalid session/);
    await refused({ ...good, PASSWORD_CLAIM_SECRET_BLOCK: 'AAAA' }, /Invalid session/);
    await refused({ ...good, PASSWORD_CLAIM_SECRET_BLOCK: '!' }, /Invalid session/);
    await refused({ ...good, USERNAME: other }, /Invalid session/);
    await refused({ ...good, USERNAME: (await begin(other)).challenge.USER_ID_FOR_SRP }, /Invalid session/);
    assert.equal((await respond({ ...good, USERNAME: email.toUpperCase() })).error, null, 'the name as typed will do as well');
    await refused(good, /Invalid session/);

    const twenty = await begin(email);
    const answers = await Promise.all(Array.from({ length: 20 }, () => respond(twenty.client.answer(twenty.challenge))));
    assert.equal(answers.filter(({ error }) => error === null).length, 1, 'of twenty at once, one');

    const wrong = await begin(email);
    const right = wrong.client.answer(wrong.challenge);
    await refused({ ...right, PASSWORD_CLAIM_SIGNATURE: Buffer.alloc(32).toString('base64') }, /Incorrect username or password/);
    await refused(right, /Invalid session/);
    for (const PASSWORD_CLAIM_SIGNATURE of ['!', 'AAAA', right.PASSWORD_CLAIM_SIGNATURE.slice(0, -1)]) {
        const next = await begin(email);
        await refused({ ...next.client.answer(next.challenge), PASSWORD_CLAIM_SIGNATURE }, /Incorrect username or password/);
    }

    const late = await begin(email);
    await usher.advance(3 * 60_000 + 1000);
    await refused(late.client.answer(late.challenge, { time: timestamp(usher.now()) }), /expired/);
});

test('TIMESTAMP: its form, and a clock that is not far off', async () => {
    const email = await account();
    const { client, challenge } = await begin(email);
    const now = usher.now();
    for (const time of ['', 'now', new Date(now).toISOString(), timestamp(now).replace('UTC', 'CET'), timestamp(now - 16 * 60_000), timestamp(now + 16 * 60_000), `${timestamp(now)}x`]) {
        const answer = await respond(client.answer(challenge, { time }));
        assert.equal(answer.error, 'InvalidParameterException', time);
    }
    assert.equal((await respond(client.answer(challenge, { time: timestamp(now - 14 * 60_000) }))).error, null);
});

test('ten wrong answers close the door as ten wrong passwords do, and both count together, alike for a name that nobody has', async () => {
    const known = await account();
    for (const email of [known, fresh('nobody')]) {
        for (let i = 0; i < 5; i++) {
            assert.equal((await signIn(email, { pass: `wrong number ${i}` })).message, 'Incorrect username or password.');
            const answer = await usher.cognito('InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: `wrong number ${i}` } });
            assert.equal(answer.message, 'Incorrect username or password.');
        }
        const closed = await signIn(email);
        assert.deepEqual([closed.error, closed.message], ['NotAuthorizedException', 'Password attempts exceeded']);
    }
    await usher.advance(61_000);
    assert.equal((await signIn(known)).error, null);
});

test('an account that is not confirmed, or disabled, says so behind the right password only', async () => {
    const email = fresh();
    await usher.signUp(email);
    assert.equal((await signIn(email)).error, 'UserNotConfirmedException');
    assert.equal((await signIn(email, { pass: 'a walk by the sea' })).error, 'NotAuthorizedException');
    await usher.confirm(email);
    assert.equal((await signIn(email)).error, null);
    await usher.cli(['user', 'disable', email]);
    const disabled = await signIn(email);
    assert.deepEqual([disabled.error, disabled.message], ['NotAuthorizedException', 'User is disabled.']);
});

test('whoever signs up with an address and then asks for SRP learns nothing of whether it has an account', async () => {
    const mine = 'A-strangers-password-7';
    const withVerifier = await account(fresh('owner')), withoutVerifier = fresh('imported'), nobody = fresh('nobody');
    await usher.cli(['user', 'add', withoutVerifier, '--group', 'Attendees', '--password-stdin'], { input: `${password}\n` });
    // All that a client sees of a sign-in, but for what is drawn anew each time.
    const drawn = /^(date|x-request-id|x-amzn-requestid|x-amzn-trace-id|traceparent)$/;
    const seen = async (email, pass) => {
        const { client, challenge } = await begin(email, { pass });
        const { status, headers, body } = await respond(client.answer(challenge));
        const lengths = Object.entries(challenge).map(([name, value]) => [name, name === 'USERNAME' ? 0 : value.length]);
        return { lengths, status, headers: Object.entries(headers).filter(([name]) => !drawn.test(name)), body };
    };
    const strange = [];
    for (const email of [withVerifier, withoutVerifier, nobody]) {
        const story = [];
        await usher.signUp(email, { pass: mine });
        for (const pass of [mine, mine, 'a walk by the sea', mine, mine, 'by the sea a walk', mine, mine])
            story.push(await seen(email, pass));
        strange.push(story);
    }
    assert.deepEqual(strange[1], strange[0]);
    assert.deepEqual(strange[2], strange[0]);
});

test('an owner who signed up by mistake gets in by SRP: at the second try, or at once with the password typed there as well', async () => {
    const email = await account(), other = await account();
    await usher.signUp(email, { pass: 'A-second-password-9' });
    assert.equal((await signIn(email)).error, 'NotAuthorizedException', 'the challenge is for the password of the sign-up');
    assert.equal((await signIn(email)).error, null);
    assert.equal((await signIn(email)).error, null, 'and from then on');
    await usher.signUp(other, { pass: password });
    assert.equal((await signIn(other)).error, null);
});

test('a deleted account has no verifier any more, and its name is nobody\'s', async () => {
    const email = await account();
    const { accessToken } = await usher.signIn(email);
    assert.equal((await usher.cognito('DeleteUser', { AccessToken: accessToken })).error, null);
    assert.equal((await signIn(email)).error, 'NotAuthorizedException');
    const codes = async () => (await usher.allMail()).filter((m) => m.to.includes(email) && /confirmation code/.test(m.subject)).length;
    await usher.signUp(email, { pass: 'A-second-password-9' });
    await waitFor(async () => await codes() === 2, 'the second code');
    await usher.confirm(email);
    assert.equal((await signIn(email, { pass: 'A-second-password-9' })).error, null);
});

test('switched off, verifiers and their key are gone; switched on again, a sign-in by password makes them anew', async () => {
    const other = await start({ env: { USHER_SRP: 'on' } });
    const email = await account(fresh(), password, other);
    assert.equal((await signIn(email, { on: other })).error, null);
    const key = join(other.data, 'keys', 'srp.key');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    await other.restart();
    assert.equal((await signIn(email, { on: other })).error, null, 'a restart keeps them');

    await other.stop();
    other.settings.USHER_SRP = 'off';
    await other.start();
    assert.ok(!existsSync(key));
    assert.equal((await begin(email, { on: other })).error, 'InvalidParameterException');
    await other.signIn(email);
    await other.stop();
    other.settings.USHER_SRP = 'on';
    await other.start();
    assert.equal((await signIn(email, { on: other })).error, 'NotAuthorizedException');
    await other.signIn(email);
    assert.equal((await signIn(email, { on: other })).error, null);
});
