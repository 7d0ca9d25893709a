// The unmodified aws-amplify 6 takes us for Cognito: its own sign-up, confirmation, sign-in, refresh and sign-out against the running server.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Amplify } from 'aws-amplify';
import {
    confirmResetPassword, confirmSignIn, confirmSignUp, deleteUser, fetchMFAPreference, fetchAuthSession, fetchUserAttributes, getCurrentUser, resendSignUpCode, resetPassword,
    setUpTOTP, signIn, signOut, signUp, updateMFAPreference, updatePassword, updateUserAttributes, verifyTOTPSetup,
} from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';

import { password, start, waitFor } from '../api/lib.mjs';
import { totp } from '../api/totp.mjs';

const usher = await start();
const { identityEndpoint, userPoolId, userPoolClientId } = await usher.config();

// Node has no localStorage: a map in its place, so that a "reload" finds the session.
const stored = new Map();
const storage = {
    setItem: async (key, value) => void stored.set(key, value),
    getItem: async (key) => stored.get(key) ?? null,
    removeItem: async (key) => void stored.delete(key),
    clear: async () => stored.clear(),
};
const warn = console.warn;
console.warn = (...words) => /custom.*endpoint/i.test(words.join(' ')) || warn(...words);
Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: new URL(identityEndpoint, usher.url).href } } });
cognitoUserPoolsTokenProvider.setKeyValueStorage(storage);

const email = `amplify-${process.pid}@example.org`;
const options = { authFlowType: 'USER_PASSWORD_AUTH' };

test('sign up, a wrong code, the right code', async () => {
    const signedUp = await signUp({ username: email, password, options: { userAttributes: { email, name: 'Ámplify User', 'custom:role': 'organizer' } } });
    assert.equal(signedUp.isSignUpComplete, false);
    assert.equal(signedUp.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
    assert.equal(signedUp.nextStep.codeDeliveryDetails.deliveryMedium, 'EMAIL');
    assert.match(signedUp.userId, /^[0-9a-f-]{36}$/);
    await assert.rejects(signUp({ username: `x${email}`, password: 'short' }), { name: 'InvalidPasswordException' });

    const early = await signIn({ username: email, password, options });
    assert.equal(early.nextStep.signInStep, 'CONFIRM_SIGN_UP', 'Amplify leads from there to the code');

    const first = await usher.code(email);
    await assert.rejects(confirmSignUp({ username: email, confirmationCode: first === '000000' ? '000001' : '000000' }), { name: 'CodeMismatchException' });
    const resent = await resendSignUpCode({ username: email });
    assert.equal(resent.destination, 'a***@e***');
    await waitFor(async () => (await usher.allMail()).filter((m) => m.to.includes(email)).length === 2, 'the second code');
    const confirmed = await confirmSignUp({ username: email, confirmationCode: await usher.code(email) });
    assert.equal(confirmed.isSignUpComplete, true);

    const again = await signUp({ username: email, password: 'Another-password-9' });
    assert.deepEqual({ ...again, userId: '' }, { ...signedUp, userId: '' }, 'who has an account is answered like who has none');
    assert.notEqual(again.userId, signedUp.userId);
    await waitFor(async () => (await usher.allMail()).some((m) => m.to.includes(email) && m.subject === 'You already have an account'), 'the word to its owner');
});

test('sign in, who am I, refresh, and the API takes the token', async () => {
    await assert.rejects(signIn({ username: email, password: 'not the password', options }), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
    await assert.rejects(signIn({ username: `nobody-${email}`, password, options }), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
    const signedIn = await signIn({ username: email, password, options });
    assert.equal(signedIn.isSignedIn, true);
    assert.equal(signedIn.nextStep.signInStep, 'DONE');

    const user = await getCurrentUser();
    assert.equal(user.signInDetails.loginId, email);
    const session = await fetchAuthSession();
    assert.equal(session.userSub, user.userId);
    assert.deepEqual(session.tokens.idToken.payload['cognito:groups'], ['Organizers']);
    assert.equal((await usher.api('GET', '/v1/my-events', { token: session.tokens.idToken.toString() })).status, 200);

    const attributes = await fetchUserAttributes();
    assert.equal(attributes.email, email);
    assert.equal(attributes.email_verified, 'true');
    assert.equal(attributes.name, 'Ámplify User');

    const refreshKey = [...stored.keys()].find((key) => key.endsWith('.refreshToken'));
    const before = stored.get(refreshKey);
    const refreshed = await fetchAuthSession({ forceRefresh: true });
    assert.notEqual(refreshed.tokens.accessToken.toString(), session.tokens.accessToken.toString());
    assert.notEqual(stored.get(refreshKey), before, 'the refresh token was turned, and Amplify keeps the new one');
    const again = await fetchAuthSession({ forceRefresh: true });
    assert.equal((await usher.api('GET', '/v1/my-events', { token: again.tokens.idToken.toString() })).status, 200);
});

test('sign out reaches the server, and what was kept elsewhere is void', async () => {
    const { tokens } = await fetchAuthSession();
    const refreshToken = stored.get([...stored.keys()].find((key) => key.endsWith('.refreshToken')));
    await signOut();
    await assert.rejects(getCurrentUser(), { name: 'UserUnAuthenticatedException' });
    assert.equal((await usher.api('GET', '/v1/my-events', { token: tokens.idToken.toString() })).status, 401);
    assert.equal((await usher.cognito('GetTokensFromRefreshToken', { RefreshToken: refreshToken })).error, 'NotAuthorizedException');
});

test('sign out everywhere, seen from another device: the session is over without an outage', async () => {
    const other = await usher.signIn(email);
    await signIn({ username: email, password, options });
    await usher.cognito('GlobalSignOut', { AccessToken: other.accessToken });
    const session = await fetchAuthSession({ forceRefresh: true });
    assert.equal(session.tokens, undefined, 'Amplify clears its tokens on NotAuthorizedException at a refresh');

    await signIn({ username: email, password, options });
    const third = await usher.signIn(email);
    await signOut({ global: true });
    assert.equal((await usher.api('GET', '/v1/my-events', { token: third.token })).status, 401);
});

test('a forgotten password, a changed one, and attributes', async () => {
    const asked = await resetPassword({ username: email });
    assert.equal(asked.nextStep.resetPasswordStep, 'CONFIRM_RESET_PASSWORD_WITH_CODE');
    assert.equal(asked.nextStep.codeDeliveryDetails.destination, 'a***@e***');
    const mail = await usher.mail((m) => m.to.includes(email) && /new password/.test(m.subject));
    const [code] = mail.text.match(/\d{6}/);
    const wrong = String((Number(code) + 1) % 1000000).padStart(6, '0');
    await assert.rejects(confirmResetPassword({ username: email, confirmationCode: wrong, newPassword: 'A-second-password-9' }), { name: 'CodeMismatchException' });
    await assert.rejects(confirmResetPassword({ username: email, confirmationCode: code, newPassword: 'short' }), { name: 'InvalidPasswordException' });
    await confirmResetPassword({ username: email, confirmationCode: code, newPassword: 'A-second-password-9' });
    await assert.rejects(confirmResetPassword({ username: email, confirmationCode: code, newPassword: 'A-third-password-9' }), { name: 'ExpiredCodeException' });

    await signIn({ username: email, password: 'A-second-password-9', options });
    await assert.rejects(updatePassword({ oldPassword: 'not it at all', newPassword: 'A-third-password-9' }), { name: 'NotAuthorizedException' });
    await updatePassword({ oldPassword: 'A-second-password-9', newPassword: password });
    const updated = await updateUserAttributes({ userAttributes: { name: 'Renamed', locale: 'de' } });
    assert.equal(updated.name.isUpdated, true);
    assert.equal((await fetchUserAttributes()).name, 'Renamed');
    await assert.rejects(updateUserAttributes({ userAttributes: { 'custom:role': 'attendee' } }), { name: 'InvalidParameterException' });
    await signOut();
});

test('an authenticator app: set up, asked for at sign-in, switched off', async () => {
    const code = (secret) => totp(secret, usher.now());
    await signIn({ username: email, password, options });
    const { sharedSecret } = await setUpTOTP();
    const wrong = String((Number(code(sharedSecret)) + 500_000) % 1_000_000).padStart(6, '0');
    await assert.rejects(verifyTOTPSetup({ code: wrong }), { name: 'EnableSoftwareTokenMFAException' });
    await verifyTOTPSetup({ code: code(sharedSecret) });
    await updateMFAPreference({ totp: 'PREFERRED' });
    assert.deepEqual(await fetchMFAPreference(), { enabled: ['TOTP'], preferred: 'TOTP' });
    await signOut();

    await usher.advance(30_000);
    const asked = await signIn({ username: email, password, options });
    assert.equal(asked.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    const slip = String((Number(code(sharedSecret)) + 500_000) % 1_000_000).padStart(6, '0');
    await assert.rejects(confirmSignIn({ challengeResponse: slip }), { name: 'CodeMismatchException' });
    assert.equal((await confirmSignIn({ challengeResponse: code(sharedSecret) })).isSignedIn, true);
    await updateMFAPreference({ totp: 'DISABLED' });
    assert.equal((await fetchMFAPreference()).enabled, undefined);
    await signOut();
    assert.equal((await signIn({ username: email, password, options })).nextStep.signInStep, 'DONE');
    await signOut();
});

test('leaving: the account is gone, and so is the session', async () => {
    await signIn({ username: email, password, options });
    await deleteUser();
    await assert.rejects(getCurrentUser(), { name: 'UserUnAuthenticatedException' });
    await assert.rejects(signIn({ username: email, password, options }), { name: 'NotAuthorizedException' });
});
