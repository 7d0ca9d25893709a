// The unmodified clients with USER_SRP_AUTH, which is what Amplify does when nobody says otherwise: aws-amplify 6, and the AWS SDK with a client of SRP of ours.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { CognitoIdentityProviderClient, InitiateAuthCommand, RespondToAuthChallengeCommand } from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, confirmSignUp, fetchAuthSession, getCurrentUser, setUpTOTP, signIn, signOut, signUp, updateMFAPreference, updatePassword, verifyTOTPSetup } from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import { createRemoteJWKSet, jwtVerify } from 'jose';

import { sanitized, start } from '../api/lib.mjs';
import { srpClient } from '../api/srp_client.mjs';
import { totp } from '../api/totp.mjs';

const usher = await start({ env: { USHER_SRP: 'on' } });
const { identityEndpoint, userPoolId, userPoolClientId } = await usher.config();
const endpoint = new URL(identityEndpoint, usher.url).href;
const issuer = `${usher.url}/identity/${userPoolId}`;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));

const stored = new Map();
const storage = {
    setItem: async (key, value) => void stored.set(key, value),
    getItem: async (key) => stored.get(key) ?? null,
    removeItem: async (key) => void stored.delete(key),
    clear: async () => stored.clear(),
};
const warn = console.warn;
console.warn = (...words) => /custom.*endpoint/i.test(words.join(' ')) || warn(...words);
Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: endpoint } } });
cognitoUserPoolsTokenProvider.setKeyValueStorage(storage);

const password = () => `Zo\u00eb \u0141\u00f3d\u017a \u4f60\u597d \ud83c\udfab ${randomBytes(6).toString('base64')}`;
let counter = 0;
const fresh = () => `srp-${process.pid}-${counter++}@example.org`;

async function account(pass) {
    const email = fresh();
    await signUp({ username: email, password: pass, options: { userAttributes: { email } } });
    await confirmSignUp({ username: email, confirmationCode: await usher.code(email) });
    return email;
}

test('Amplify as it is: signs in without sending the password, refreshes, is known to the API, signs out', async () => {
    const pass = password();
    const email = await account(pass);
    await assert.rejects(signIn({ username: email, password: `${pass}!` }), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
    await assert.rejects(signIn({ username: fresh(), password: pass }), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
    const signedIn = await signIn({ username: email, password: pass });
    assert.equal(signedIn.nextStep.signInStep, 'DONE');
    const user = await getCurrentUser();
    assert.equal(user.signInDetails.loginId, email);
    assert.equal(user.signInDetails.authFlowType, 'USER_SRP_AUTH');
    const session = await fetchAuthSession();
    assert.equal(session.userSub, user.userId);
    const { payload } = await jwtVerify(session.tokens.idToken.toString(), keys, { issuer, audience: userPoolClientId });
    assert.equal(payload.email, email);
    const refreshed = await fetchAuthSession({ forceRefresh: true });
    assert.equal((await usher.api('GET', '/v1/registrations', { token: refreshed.tokens.idToken.toString() })).status, 200);

    await updatePassword({ oldPassword: pass, newPassword: `${pass}-2` });
    await signOut();
    await assert.rejects(signIn({ username: email, password: pass }), { name: 'NotAuthorizedException' });
    assert.equal((await signIn({ username: email, password: `${pass}-2` })).isSignedIn, true);
    await signOut({ global: true });
});

test('Amplify: an unconfirmed account leads to its code, a second factor to its own step', async () => {
    const pass = password();
    const email = fresh();
    await signUp({ username: email, password: pass, options: { userAttributes: { email } } });
    assert.equal((await signIn({ username: email, password: pass })).nextStep.signInStep, 'CONFIRM_SIGN_UP');
    await confirmSignUp({ username: email, confirmationCode: await usher.code(email) });
    await signIn({ username: email, password: pass });
    const { sharedSecret } = await setUpTOTP();
    await verifyTOTPSetup({ code: totp(sharedSecret, usher.now()) });
    await updateMFAPreference({ totp: 'PREFERRED' });
    await signOut();

    await usher.advance(30_000);
    const half = await signIn({ username: email, password: pass });
    assert.equal(half.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    const good = totp(sharedSecret, usher.now());
    await assert.rejects(confirmSignIn({ challengeResponse: good === '000000' ? '000001' : '000000' }), { name: 'CodeMismatchException' });
    assert.equal((await confirmSignIn({ challengeResponse: good })).isSignedIn, true);
    assert.equal((await getCurrentUser()).signInDetails.loginId, email);
    await signOut();
});

test('Amplify: many fresh users, each with a password of its own in many scripts', async () => {
    for (let i = 0; i < (sanitized ? 20 : 110); i++) {
        const pass = password();
        const email = await account(pass);
        const signedIn = await signIn({ username: email, password: pass });
        assert.equal(signedIn.isSignedIn, true, `${email} ${pass}`);
        await signOut();
    }
});

test('the AWS SDK: challenge and answer, and the names of what is refused', async () => {
    const client = new CognitoIdentityProviderClient({ region: 'us-east-1', endpoint, credentials: { accessKeyId: 'x', secretAccessKey: 'x' }, maxAttempts: 1 });
    const pass = password();
    const email = await account(pass);
    const srp = srpClient({ pool: userPoolId.split('_')[1], password: pass, at: usher.now() });
    const begin = () => client.send(new InitiateAuthCommand({ ClientId: userPoolClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A: srp.A } }));
    const answer = (ChallengeResponses) => client.send(new RespondToAuthChallengeCommand({ ClientId: userPoolClientId, ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses }));
    const challenge = await begin();
    assert.equal(challenge.ChallengeName, 'PASSWORD_VERIFIER');
    const responses = srp.answer(challenge.ChallengeParameters);
    const { AuthenticationResult } = await answer(responses);
    const { payload } = await jwtVerify(AuthenticationResult.AccessToken, keys, { issuer });
    assert.equal(payload.token_use, 'access');
    await assert.rejects(answer(responses), { name: 'NotAuthorizedException' });
    await assert.rejects(answer({ ...responses, TIMESTAMP: 'now' }), { name: 'InvalidParameterException' });
    const wrong = await begin();
    await assert.rejects(answer({ ...srp.answer(wrong.ChallengeParameters), PASSWORD_CLAIM_SIGNATURE: Buffer.alloc(32).toString('base64') }),
        { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
    await assert.rejects(client.send(new InitiateAuthCommand({ ClientId: userPoolClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A: '0' } })),
        { name: 'InvalidParameterException' });
    client.destroy();
});
