// The second factor from outside: an authenticator app is enrolled, asked for at sign-in, each code good once; and what stands in for a lost one.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';

import { password, start, waitFor } from './lib.mjs';

const usher = await start();

function base32(text) {
    let bits = '';
    for (const letter of text)
        bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0');
    return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

// RFC 6238 by node's own crypto.
function totp(secret, now = Date.now() + usher.offset, steps = 0) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000) + steps));
    const mac = createHmac('sha1', base32(secret)).update(counter).digest();
    return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
const other = (code) => String((Number(code) + 500_000) % 1_000_000).padStart(6, '0');

async function refused(name, operation, input) {
    const answer = await usher.cognito(operation, input);
    assert.equal(answer.error, name, `${operation}: ${JSON.stringify(answer.body)}`);
}
async function done(operation, input) {
    const answer = await usher.cognito(operation, input);
    assert.equal(answer.error, null, `${operation}: ${JSON.stringify(answer.body)}`);
    return answer.body;
}
const byPassword = (email, pass = password) => ({ AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: pass } });
const answerTo = (session, email, code) => ({ ChallengeName: 'SOFTWARE_TOKEN_MFA', Session: session, ChallengeResponses: { USERNAME: email, SOFTWARE_TOKEN_MFA_CODE: code } });
const on = (who, enabled = true) => ({ AccessToken: who.accessToken, SoftwareTokenMfaSettings: { Enabled: enabled, PreferredMfa: enabled } });
// To the beginning of a later step, so that none ends between a code's making and its reading.
const nextStep = () => usher.advance(30_000 - usher.now() % 30_000 + 1000);

async function enrolled() {
    const who = await usher.account();
    const { SecretCode: secret } = await done('AssociateSoftwareToken', { AccessToken: who.accessToken });
    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.deepEqual(await done('VerifySoftwareToken', { AccessToken: who.accessToken, UserCode: totp(secret), FriendlyDeviceName: 'Phone' }), { Status: 'SUCCESS' });
    assert.deepEqual(await done('SetUserMFAPreference', on(who)), {});
    await nextStep();
    return { ...who, secret };
}
async function challenge(who) {
    const body = await done('InitiateAuth', byPassword(who.email));
    assert.equal(body.ChallengeName, 'SOFTWARE_TOKEN_MFA');
    assert.equal(body.AuthenticationResult, undefined);
    return body.Session;
}

test('enrolling: a code proves the secret, and only the preference switches it on', async () => {
    const who = await usher.account();
    await refused('EnableSoftwareTokenMFAException', 'VerifySoftwareToken', { AccessToken: who.accessToken, UserCode: '123456' });
    await refused('InvalidParameterException', 'SetUserMFAPreference', on(who));
    const { SecretCode: secret } = await done('AssociateSoftwareToken', { AccessToken: who.accessToken });
    await refused('EnableSoftwareTokenMFAException', 'VerifySoftwareToken', { AccessToken: who.accessToken, UserCode: other(totp(secret)) });
    await refused('InvalidParameterException', 'SetUserMFAPreference', on(who));
    await done('VerifySoftwareToken', { AccessToken: who.accessToken, UserCode: totp(secret) });
    await usher.signIn(who.email);
    assert.equal((await done('GetUser', { AccessToken: who.accessToken })).UserMFASettingList, undefined);
    await done('SetUserMFAPreference', on(who));
    const user = await done('GetUser', { AccessToken: who.accessToken });
    assert.deepEqual([user.UserMFASettingList, user.PreferredMfaSetting], [['SOFTWARE_TOKEN_MFA'], 'SOFTWARE_TOKEN_MFA']);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && /sign-in is on/.test(m.subject)), 'the notice');

    // A new secret that nobody proved leaves the old one in force.
    await nextStep();
    const { SecretCode: second } = await done('AssociateSoftwareToken', { AccessToken: who.accessToken });
    const session = await challenge(who);
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(session, who.email, totp(second)));
    assert.ok((await done('RespondToAuthChallenge', answerTo(session, who.email, totp(secret)))).AuthenticationResult.AccessToken);

    await done('VerifySoftwareToken', { AccessToken: who.accessToken, UserCode: totp(second) });
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && /was replaced/.test(m.subject)), 'the warning');
    await refused('InvalidParameterException', 'SetUserMFAPreference', { AccessToken: who.accessToken, SoftwareTokenMfaSettings: { PreferredMfa: true } });
    await challenge(who);
    await done('SetUserMFAPreference', on(who, false));
    await usher.signIn(who.email);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && /sign-in is off/.test(m.subject)), 'the other notice');
});

test('a factor is changed behind a fresh sign-in only, and sessions elsewhere end with the change', async () => {
    const who = await usher.account(), elsewhere = await usher.signIn(who.email);
    const works = async ({ accessToken, token }) => [(await usher.cognito('GetUser', { AccessToken: accessToken })).error, (await usher.api('GET', '/v1/registrations', { token })).status];
    const again = async (operation, input) => {
        const { error, message } = await usher.cognito(operation, input);
        assert.deepEqual([error, /^Sign in again first/.test(message)], ['NotAuthorizedException', true], operation);
    };
    await usher.advance(15 * 60_000 + 1000);
    await again('AssociateSoftwareToken', { AccessToken: who.accessToken });
    await again('VerifySoftwareToken', { AccessToken: who.accessToken, UserCode: '123456' });

    const fresh = await usher.signIn(who.email);
    const { SecretCode: secret } = await done('AssociateSoftwareToken', { AccessToken: fresh.accessToken });
    await done('VerifySoftwareToken', { AccessToken: fresh.accessToken, UserCode: totp(secret) });
    await again('SetUserMFAPreference', on(who));
    assert.deepEqual([await works(who), await works(elsewhere)], [[null, 200], [null, 200]]);
    await done('SetUserMFAPreference', on(fresh));
    assert.deepEqual([await works(fresh), await works(who), await works(elsewhere)], [[null, 200], ['NotAuthorizedException', 401], ['NotAuthorizedException', 401]]);

    await usher.advance(15 * 60_000 + 1000);
    await done('SetUserMFAPreference', on(fresh)); // it says what is so already
    await done('SetUserMFAPreference', { AccessToken: fresh.accessToken });
    await again('SetUserMFAPreference', on(fresh, false));
    await again('AssociateSoftwareToken', { AccessToken: fresh.accessToken });
    await challenge(who);
    const { AuthenticationResult: { AccessToken } } = await done('RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(secret)));
    await done('SetUserMFAPreference', on({ accessToken: AccessToken }, false));
    await usher.signIn(who.email);
    assert.deepEqual(await works(fresh), ['NotAuthorizedException', 401]);
});

test('signing in: the session bears a wrong code, a code counts once, one step either side', async () => {
    const who = await enrolled();
    await refused('NotAuthorizedException', 'InitiateAuth', byPassword(who.email, 'not the password'));
    const session = await challenge(who), twin = await challenge(who);
    assert.ok(session.length >= 20);
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(session, who.email, other(totp(who.secret))));
    await refused('NotAuthorizedException', 'RespondToAuthChallenge', answerTo(session, 'somebody-else@example.org', totp(who.secret)));
    await refused('NotAuthorizedException', 'RespondToAuthChallenge', answerTo(session.slice(0, 40) + (session[40] === 'A' ? 'B' : 'A') + session.slice(41), who.email, totp(who.secret)));
    const code = totp(who.secret);
    const { AuthenticationResult: result } = await done('RespondToAuthChallenge', answerTo(session, who.email, code));
    assert.equal((await usher.api('GET', '/v1/registrations', { token: result.IdToken })).status, 200);
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(twin, who.email, code));

    await nextStep();
    await refused('NotAuthorizedException', 'RespondToAuthChallenge', answerTo(session, who.email, totp(who.secret)));
    await nextStep();
    assert.ok((await done('RespondToAuthChallenge', answerTo(await challenge(who), who.sub, totp(who.secret, undefined, -1)))).AuthenticationResult, 'a slow thumb, and the sub as the name');
    await nextStep();
    await nextStep();
    assert.ok((await done('RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(who.secret, undefined, 1)))).AuthenticationResult, 'a fast clock');
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(who.secret, undefined, -2)));

    const late = await challenge(who);
    await usher.advance(180_000);
    await refused('NotAuthorizedException', 'RespondToAuthChallenge', answerTo(late, who.email, totp(who.secret)));
});

test('a sign-in that waits for its code ends with the password that began it', async () => {
    const who = await enrolled();
    const session = await challenge(who);
    await done('ChangePassword', { AccessToken: who.accessToken, PreviousPassword: password, ProposedPassword: 'A-second-password-9' });
    await refused('NotAuthorizedException', 'RespondToAuthChallenge', answerTo(session, who.email, totp(who.secret)));
    const { Session } = await done('InitiateAuth', byPassword(who.email, 'A-second-password-9'));
    assert.ok((await done('RespondToAuthChallenge', answerTo(Session, who.email, totp(who.secret)))).AuthenticationResult);
});

test('one code at the same instant in twenty sessions signs in once', async () => {
    const who = await enrolled();
    const sessions = [];
    for (let i = 0; i < 20; i++)
        sessions.push(await challenge(who));
    const code = totp(who.secret);
    const answers = await Promise.all(sessions.map((session) => usher.cognito('RespondToAuthChallenge', answerTo(session, who.email, code))));
    assert.equal(answers.filter((a) => a.error === null).length, 1);
    assert.ok(answers.every((a) => [null, 'CodeMismatchException', 'LimitExceededException'].includes(a.error)), JSON.stringify(answers.map((a) => a.error)));
});

test('guessing is slowed down, and the owner gets in again', async () => {
    const who = await enrolled();
    const session = await challenge(who);
    for (let i = 0; i < 5; i++)
        await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(session, who.email, other(totp(who.secret))));
    await refused('LimitExceededException', 'RespondToAuthChallenge', answerTo(session, who.email, totp(who.secret)));
    const warnings = async () => (await usher.allMail()).filter((m) => m.to.includes(who.email) && /knows your password/.test(m.subject)).length;
    await waitFor(async () => await warnings() === 1, 'the warning');

    // A restart forgets none of it; guessing on is not told again.
    await usher.restart();
    await refused('LimitExceededException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(who.secret)));
    await usher.advance(61_000);
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, other(totp(who.secret))));
    await refused('LimitExceededException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(who.secret)));
    await usher.advance(121_000);
    assert.ok((await done('RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(who.secret)))).AuthenticationResult);
    await usher.restart();
    await nextStep();
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, other(totp(who.secret))));
    assert.ok((await done('RespondToAuthChallenge', answerTo(await challenge(who), who.email, totp(who.secret)))).AuthenticationResult, 'a right code forgave the rest');
    assert.equal(await warnings(), 1);
});

test('who lost app and codes is helped from the shell, and told so', async () => {
    const who = await enrolled();
    await challenge(who);
    const { stdout } = await usher.cli(['user', 'mfa', who.email.toUpperCase(), '--off']);
    assert.match(stdout, /signs in by password alone/);
    await usher.signIn(who.email);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && /sign-in is off/.test(m.subject) && /who runs/.test(m.text)), 'the notice');
    assert.equal((await usher.cli(['user', 'mfa', who.email, '--off'], { ok: false })).code, 1, 'there is none any more');
    assert.equal((await usher.cli(['user', 'mfa', 'nobody@example.org', '--off'], { ok: false })).code, 1);
    assert.equal((await usher.cli(['user', 'mfa', who.email], { ok: false })).code, 2, 'what is to be done must be said');

    // On a stopped folder as well; the mail waits for the next start.
    const second = await enrolled();
    await usher.stop();
    await usher.cli(['user', 'mfa', second.sub, '--off']); // by its id, as the other commands take it too
    await usher.start();
    await usher.signIn(second.email);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(second.email) && /sign-in is off/.test(m.subject)), 'the notice');
});

test('recovery codes: ten, each once, in place of the app; only after a fresh sign-in', async () => {
    const plain = await usher.account();
    assert.equal((await usher.api('POST', '/v1/me/recovery-codes', { token: plain.token })).status, 409);
    const who = await enrolled();
    const make = () => usher.api('POST', '/v1/me/recovery-codes', { token: who.token, headers: { 'idempotency-key': 'same' } });
    const old = (await make()).body.recoveryCodes;
    const { recoveryCodes: codes } = (await make()).body;
    assert.equal(new Set([...old, ...codes]).size, 20, 'nothing is kept to be answered again');
    await waitFor(async () => (await usher.allMail()).filter((m) => m.to.includes(who.email) && /New recovery codes/.test(m.subject)).length === 2, 'the notices');
    assert.ok(codes.every((code) => /^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/.test(code)));

    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, old[0]));
    const { AuthenticationResult: result } = await done('RespondToAuthChallenge', answerTo(await challenge(who), who.email, codes[3].toLowerCase().replace('-', ' ')));
    await refused('CodeMismatchException', 'RespondToAuthChallenge', answerTo(await challenge(who), who.email, codes[3]));
    assert.deepEqual((await usher.api('GET', '/v1/me/mfa', { token: result.IdToken })).body, { totpEnabled: true, recoveryCodesLeft: 9 });
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(who.email) && /recovery code/.test(m.subject) && /left: 9/.test(m.text)), 'the notice');
    const both = await Promise.all((await Promise.all([challenge(who), challenge(who)])).map((session) => usher.cognito('RespondToAuthChallenge', answerTo(session, who.email, codes[5]))));
    assert.deepEqual(both.map((a) => a.error).sort(), ['CodeMismatchException', null].sort());

    await usher.advance(15 * 60_000);
    const stale = await make();
    assert.equal(stale.status, 403);
    assert.match(stale.body.detail, /Sign in again/);
});

test('no secret, code or session of it is in the log or in the clear at rest', async () => {
    const who = await enrolled();
    const session = await challenge(who);
    const code = totp(who.secret);
    await done('RespondToAuthChallenge', answerTo(session, who.email, code));
    const { stdout } = await usher.cli(['check']);
    assert.ok(stdout);
    for (const secret of [who.secret, session])
        assert.ok(!usher.log.includes(secret));
    const { readFileSync, readdirSync } = await import('node:fs');
    const files = readdirSync(usher.data).filter((name) => name.startsWith('usher.db')).map((name) => readFileSync(`${usher.data}/${name}`));
    assert.ok(files.length > 0);
    for (const bytes of files) {
        assert.equal(bytes.indexOf(base32(who.secret)), -1, 'the secret is sealed');
        assert.equal(bytes.indexOf(who.secret), -1);
    }
});
