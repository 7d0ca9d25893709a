// No password, code, token, key or signature is ever in a log: everything that has one is done, well and badly, at the level of debugging, and then the whole
// log is searched for all of them, as they are, percent-encoded, escaped as JSON does it, and in base64.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { password, send, start } from './lib.mjs';
import { srpClient } from './srp_client.mjs';
import { signature, simulatorKeys } from './stripe_line.mjs';
import { totp } from './totp.mjs';

const secrets = new Map(); // value -> what it is
const keep = (what, ...values) => {
    for (const value of values)
        if (value)
            secrets.set(String(value), what);
    return values[0];
};
const codes = new Map();   // six digits, or so: looked for as whole numbers in texts alone
const keepCode = (what, value) => {
    codes.set(String(value), what);
    return value;
};

// Where a secret stands in a log, or null. Numbers of the log's own, times and sizes, are no texts.
function leak(log) {
    for (const [value, what] of secrets) {
        const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), Buffer.from(value).toString('base64').replace(/=+$/, '')];
        for (const form of forms) {
            const at = log.indexOf(form);
            if (at >= 0)
                return `${what} stands in the log: ...${log.slice(Math.max(0, at - 200), at + form.length + 50)}`;
        }
    }
    const texts = [];
    const walk = (value) => (typeof value === 'string' ? texts.push(value) : value && typeof value === 'object' && Object.values(value).forEach(walk));
    for (const line of log.split('\n')) {
        try {
            walk(JSON.parse(line));
        } catch {
            texts.push(line);
        }
    }
    for (const [value, what] of codes) {
        const found = texts.find((text) => new RegExp(`(?<![0-9a-fA-F-])${value}(?![0-9a-fA-F-])`).test(text));
        if (found)
            return `${what} stands in the log: ${found}`;
    }
    return null;
}

const usher = await start({ env: { USHER_LOG_LEVEL: 'debug', USHER_SRP: 'on' } });
const { userPoolId, userPoolClientId: ClientId } = await usher.config();
const pass = keep('a password', `Zo\u00eb "quoted" \\ & ${randomBytes(9).toString('base64')}`);
const second = keep('a new password', `A second one / ${randomBytes(9).toString('base64')}`);
const wrongPass = keep('a wrong password', `Not it ? ${randomBytes(9).toString('base64')}`);
let counter = 0;
const fresh = (name = 'someone') => `${name}-${process.pid}-${counter++}@example.org`;
const wrongOf = (code) => keepCode('a wrong code', String((Number(code) + 1) % 1_000_000).padStart(6, '0'));

function keepTokens(result) {
    keep('an access token', result.AccessToken, result.AccessToken.split('.')[2]);
    keep('an id token', result.IdToken, result.IdToken.split('.')[2]);
    keep('a refresh token', result.RefreshToken);
    return result;
}
async function good(operation, input) {
    const { error, body } = await usher.cognito(operation, input);
    assert.equal(error, null, `${operation} ${JSON.stringify(body)}`);
    if (body.AuthenticationResult)
        keepTokens(body.AuthenticationResult);
    return body;
}
async function bad(operation, input) {
    const { error } = await usher.cognito(operation, input);
    assert.ok(error, `${operation} is refused`);
}
const byPassword = (email, value) => ({ AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: value } });

const codeOf = (secret) => keepCode('a TOTP code', totp(secret, usher.now()));

async function account() {
    const email = fresh();
    await good('SignUp', { Username: email, Password: pass, UserAttributes: [{ Name: 'custom:role', Value: 'organizer' }] });
    const code = keepCode('a code', await usher.code(email));
    await bad('ConfirmSignUp', { Username: email, ConfirmationCode: wrongOf(code) });
    await good('ConfirmSignUp', { Username: email, ConfirmationCode: code });
    return email;
}

test('signing up, in, out, and all that goes wrong in it', async () => {
    const email = await account();
    const other = fresh();
    await good('SignUp', { Username: other, Password: pass });
    await good('ResendConfirmationCode', { Username: other });
    await good('SignUp', { Username: other, Password: wrongPass });
    await good('SignUp', { Username: email, Password: wrongPass });
    await bad('SignUp', { Username: pass, Password: 'short', [second]: second });
    await bad('SignUp', { Username: fresh(), Password: { nested: pass } });
    await bad('SignUp', { Username: fresh(), Password: pass, UserAttributes: [{ Name: wrongPass, Value: second }] });
    await bad('InitiateAuth', byPassword(email, wrongPass));
    await bad('InitiateAuth', byPassword(wrongPass, pass));
    await bad('InitiateAuth', { AuthFlow: pass, AuthParameters: { USERNAME: email, PASSWORD: pass } });
    const { AuthenticationResult: first } = await good('InitiateAuth', byPassword(email, pass));
    await good('InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: first.RefreshToken } });
    const { AuthenticationResult: turned } = await good('GetTokensFromRefreshToken', { RefreshToken: first.RefreshToken });
    await good('GetTokensFromRefreshToken', { RefreshToken: turned.RefreshToken });
    await usher.advance(61_000);
    await bad('GetTokensFromRefreshToken', { RefreshToken: first.RefreshToken });
    await bad('GetTokensFromRefreshToken', { RefreshToken: keep('no refresh token', randomBytes(48).toString('base64url')) });

    const { AuthenticationResult: again } = await good('InitiateAuth', byPassword(email, pass));
    await good('GetUser', { AccessToken: again.AccessToken });
    await bad('GetUser', { AccessToken: `${again.AccessToken}x` });
    await bad('GetUser', { AccessToken: again.IdToken });
    await good('UpdateUserAttributes', { AccessToken: again.AccessToken, UserAttributes: [{ Name: 'name', Value: 'Ada' }] });
    await bad('ChangePassword', { AccessToken: again.AccessToken, PreviousPassword: wrongPass, ProposedPassword: second });
    await good('ChangePassword', { AccessToken: again.AccessToken, PreviousPassword: pass, ProposedPassword: second });
    await good('ForgotPassword', { Username: email });
    await usher.mail((m) => m.to.includes(email) && /new password/.test(m.subject) && /\d{6}/.test(m.text));
    const mail = (await usher.allMail()).findLast((m) => m.to.includes(email) && /code for a new password/.test(m.subject));
    const code = keepCode('a reset code', mail.text.match(/\d{6}/)[0]);
    await bad('ConfirmForgotPassword', { Username: email, ConfirmationCode: wrongOf(code), Password: pass });
    await bad('ConfirmForgotPassword', { Username: email, ConfirmationCode: code, Password: keep('a weak password', `${email}!`) });
    await good('ConfirmForgotPassword', { Username: email, ConfirmationCode: code, Password: pass });
    secrets.delete(`${email}!`); // its beginning is an address; those have a test of their own
    const { AuthenticationResult: last } = await good('InitiateAuth', byPassword(email, pass));
    await good('RevokeToken', { Token: last.RefreshToken });
    await bad('RevokeToken', { Token: last.AccessToken });
    const { AuthenticationResult: end } = await good('InitiateAuth', byPassword(email, pass));
    await good('GlobalSignOut', { AccessToken: end.AccessToken });
    await bad('GetUser', { AccessToken: end.AccessToken });
    const { AuthenticationResult: leaving } = await good('InitiateAuth', byPassword(email, pass));
    await good('DeleteUser', { AccessToken: leaving.AccessToken });
    for (let i = 0; i < 12; i++)
        await bad('InitiateAuth', byPassword(fresh('nobody'), wrongPass));
});

test('SRP and second factors', async () => {
    const email = await account();
    const begin = async (value) => {
        const client = srpClient({ pool: userPoolId.split('_')[1], password: value, at: usher.now() });
        const { ChallengeParameters } = await good('InitiateAuth', { AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A: keep('SRP_A', client.A) } });
        keep('an SRP challenge', ChallengeParameters.SALT, ChallengeParameters.SRP_B, ChallengeParameters.SECRET_BLOCK);
        const responses = client.answer(ChallengeParameters);
        keep('an SRP signature', responses.PASSWORD_CLAIM_SIGNATURE);
        return { ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses: responses };
    };
    const answer = await begin(pass);
    const { AuthenticationResult: { AccessToken, IdToken } } = await good('RespondToAuthChallenge', answer);
    await bad('RespondToAuthChallenge', answer);
    await bad('RespondToAuthChallenge', await begin(wrongPass));
    const late = await begin(pass);
    late.ChallengeResponses.TIMESTAMP = keep('a timestamp that is none', randomBytes(12).toString('hex'));
    await bad('RespondToAuthChallenge', late);

    const { SecretCode } = await good('AssociateSoftwareToken', { AccessToken });
    keep('a TOTP secret', SecretCode);
    await bad('VerifySoftwareToken', { AccessToken, UserCode: wrongOf(codeOf(SecretCode)) });
    await good('VerifySoftwareToken', { AccessToken, UserCode: codeOf(SecretCode) });
    await good('SetUserMFAPreference', { AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } });
    const { recoveryCodes: recovery } = await usher.must(200, 'POST', '/v1/me/recovery-codes', { token: IdToken });
    assert.ok(recovery.length);
    for (const code of recovery)
        keep('a recovery code', code, code.replace(/[^a-z0-9]/gi, ''));
    await usher.advance(30_000);
    for (const code of [codeOf(SecretCode), recovery[0]]) {
        const { Session } = await good('InitiateAuth', byPassword(email, pass));
        keep('a session', Session);
        const respond = (SOFTWARE_TOKEN_MFA_CODE) => ({ ChallengeName: 'SOFTWARE_TOKEN_MFA', Session, ChallengeResponses: { USERNAME: email, SOFTWARE_TOKEN_MFA_CODE } });
        await bad('RespondToAuthChallenge', respond(keep('a wrong recovery code', randomBytes(8).toString('hex'))));
        await good('RespondToAuthChallenge', respond(code));
    }
});

test('requests that are no requests: broken JSON, wrong types, wrong places', async () => {
    const json = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.InitiateAuth' };
    const post = (body, headers = json, path = '/identity/') => send(usher.url, 'POST', path, { headers, body });
    const text = JSON.stringify({ ClientId, ...byPassword('a@example.org', pass) });
    await post(text.slice(0, -3));
    await post(`${text}${text}`);
    await post(text, { ...json, 'content-type': 'text/plain' });
    await post(text, { ...json, 'x-amz-target': `AWSCognitoIdentityProviderService.${keep('a name of nothing', randomBytes(12).toString('hex'))}` });
    await post(Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xff, 0xfe]), Buffer.from('}')]));
    await post(JSON.stringify({ ClientId, filler: 'x'.repeat(70_000), ...byPassword('a@example.org', pass) }));
    await post(text, { 'content-type': 'application/json' }, '/v1/registrations');
    await post(text, { 'content-type': 'application/json' }, '/v1/stripe-webhook');
    const token = keep('a token that is none', `${randomBytes(20).toString('base64url')}.${randomBytes(90).toString('base64url')}.${randomBytes(200).toString('base64url')}`);
    await usher.api('GET', '/v1/registrations', { token });
    await usher.api('GET', `/v1/events?access_token=${token}&q=${encodeURIComponent(pass)}`);
    await usher.api('GET', '/v1/registrations', { headers: { authorization: `Basic ${keep('Basic credentials', Buffer.from(`ada:${second}`).toString('base64'))}` } });
    await usher.api('GET', '/v1/events', { headers: { cookie: `session=${keep('a cookie', randomBytes(20).toString('hex'))}` } });
    const shell = await usher.cli(['user', 'add', fresh('shell'), '--group', 'Attendees', '--password-stdin'], { input: `${second}\n` });
    assert.equal(leak(shell.stdout + shell.stderr), null);
});

test('money and tickets: keys, client secrets, webhooks, presigned addresses', async () => {
    const keys = simulatorKeys(usher);
    keep('Stripe\'s secret key', keys.secret);
    keep('the webhook secret', keys.webhook);
    const seller = await usher.account({ role: 'organizer' }), buyer = await usher.account();
    for (const who of [seller, buyer])
        keepTokens({ AccessToken: who.accessToken, IdToken: who.token, RefreshToken: who.refreshToken });
    keep('a password', password);
    const event = await usher.createEvent(seller);
    const registration = await usher.register(buyer, event);
    const intent = await usher.intent(buyer, registration);
    keep('a client secret', intent.clientSecret);
    await usher.confirmIntent(intent, 'pm_card_visa_chargeDeclined');
    const paid = await usher.pay(buyer, registration);
    const ticket = await usher.ticket(buyer, paid.ticketIds[0]);
    const url = new URL(ticket.downloadUrl);
    keep('a presigned address', url.searchParams.get('X-Amz-Signature'));
    keep('a ticket\'s code', ticket.qrCode);
    assert.equal((await send(url.origin, 'GET', url.pathname + url.search)).status, 200);
    const tampered = new URL(url);
    tampered.searchParams.set('X-Amz-Signature', keep('a forged signature', randomBytes(32).toString('hex')));
    assert.equal((await send(url.origin, 'GET', tampered.pathname + tampered.search)).status, 403);
    await usher.validate(seller, ticket.qrCode);
    await usher.validate(seller, keep('a forged ticket', ticket.qrCode.slice(0, -8) + 'AAAAAAAA'));

    const payload = JSON.stringify({ id: 'evt_1', object: 'event', type: 'nothing.known', data: { object: {} } });
    for (const header of [signature(keys.webhook, payload), signature(keep('another webhook secret', `whsec_${randomBytes(16).toString('hex')}`), payload), 't=1,v1=00']) {
        keep('a webhook\'s signature', header.split('v1=')[1].length > 8 && header.split('v1=')[1]);
        await usher.api('POST', '/v1/stripe-webhook', { headers: { 'stripe-signature': header, 'content-type': 'application/json' }, body: payload });
    }
    const refund = await usher.api('POST', `/v1/registrations/${registration.registrationId}/refund`, { token: seller.token, body: {}, key: 'refund-1' });
    assert.ok(refund.status < 300, refund.text);
});

test('invitations of staff, and the credentials of scanners', async () => {
    const organizer = await usher.account({ role: 'organizer' }), helper = await usher.account();
    const event = await usher.createFreeEvent(organizer);
    await usher.must(201, 'POST', `/v1/events/${event.eventId}/staff`, { token: organizer.token, body: { email: helper.email, role: 'gate' } });
    const mail = await usher.mail((m) => m.to.includes(helper.email) && m.text.includes('/invitations/'));
    const invitation = keep('an invitation', mail.text.match(/\/invitations\/([\w-]{43})/)[1]);
    await send(usher.url, 'GET', `/invitations/${invitation}`);
    await usher.must(200, 'POST', '/v1/staff-invitations/look', { body: { token: invitation } });
    const forged = keep('an invitation that is none', randomBytes(32).toString('base64url'));
    await usher.api('POST', '/v1/staff-invitations/accept', { token: helper.token, body: { token: forged } });
    await usher.must(200, 'POST', '/v1/staff-invitations/accept', { token: helper.token, body: { token: invitation } });

    const made = await usher.must(201, 'POST', `/v1/events/${event.eventId}/devices`, { token: organizer.token, body: { name: 'Phone' } });
    keep('a device\'s code', made.token);
    const { credential } = await usher.must(200, 'POST', '/v1/devices/claim', { body: { token: made.token } });
    keep('a device\'s credential', credential);
    await usher.api('POST', '/v1/devices/claim', { body: { token: made.token } });
    await usher.must(200, 'GET', '/v1/device', { token: credential });
    await usher.api('GET', '/v1/device', { token: keep('a credential that is none', `usher_device_${randomBytes(32).toString('base64url')}`) });
    for (const path of [`/v1/tickets/${invitation}`, `/${forged}`, `/objects/${credential}`, `/identity/${made.token}/x`])
        await send(usher.url, 'GET', path);
});

// Outside services that cannot be reached: what is logged then has seen their keys.
test('keys of services that cannot be reached', async () => {
    const smtp = keep('the mail server\'s password', `smtp${randomBytes(9).toString('hex')}`), key = keep('Stripe\'s secret key', `sk_test_${randomBytes(16).toString('hex')}`);
    const hook = keep('the webhook secret', `whsec_${randomBytes(16).toString('hex')}`);
    const lost = await start({ env: {
        USHER_LOG_LEVEL: 'debug', USHER_SMTP_URL: `smtp://postman:${smtp}@127.0.0.1:9`, USHER_STRIPE_SECRET_KEY: key, USHER_STRIPE_PUBLISHABLE_KEY: 'pk_test_1',
        USHER_STRIPE_WEBHOOK_SECRET: hook, USHER_STRIPE_API_BASE: 'http://127.0.0.1:9',
    } });
    const seller = await lost.shellAccount('Organizers'), buyer = await lost.shellAccount();
    await lost.signUp(fresh('unmailed'), { pass });
    const event = await lost.createEvent(seller);
    const registration = await lost.register(buyer, event);
    const intent = await lost.api('POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId }, outage: true });
    assert.ok(intent.status >= 500, intent.text);
    keepTokens({ AccessToken: buyer.accessToken, IdToken: buyer.token, RefreshToken: buyer.refreshToken });
    await lost.stop();
    assert.match(lost.log, /"level":"(warn|error)"/, 'it said that something cannot be reached');
    assert.equal(leak(lost.log), null);
});

test('none of all this is in the log', async () => {
    await usher.stop();
    for (const name of readdirSync(join(usher.data, 'keys')).filter((n) => n.endsWith('.pem')))
        keep('a private key', readFileSync(join(usher.data, 'keys', name), 'utf8').split('\n')[3]);
    assert.equal(leak(usher.log), null);
    assert.ok(secrets.size > 60 && codes.size > 8, `there was something to look for: ${secrets.size}, ${codes.size}`);
    assert.ok(usher.log.split('\n').length > 100, 'and somewhere to look');
    assert.ok(leak(`{"message":"it is ${[...codes.keys()][0]}."}`) && leak(`x${encodeURIComponent(second)}`), 'and the search finds');
});
