// The unmodified AWS SDK for Cognito against the running server, and jose verifying its tokens through the published keys.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    AssociateSoftwareTokenCommand, ChangePasswordCommand, CognitoIdentityProviderClient, ConfirmForgotPasswordCommand, ConfirmSignUpCommand,
    DeleteUserCommand, ForgotPasswordCommand, GetTokensFromRefreshTokenCommand, GetUserCommand, GlobalSignOutCommand, InitiateAuthCommand,
    ResendConfirmationCodeCommand, RespondToAuthChallengeCommand, RevokeTokenCommand, SetUserMFAPreferenceCommand, SignUpCommand,
    UpdateUserAttributesCommand, VerifySoftwareTokenCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { createRemoteJWKSet, jwtVerify } from 'jose';

import { password, start, waitFor } from '../api/lib.mjs';
import { totp } from '../api/totp.mjs';

const usher = await start();
const { identityEndpoint, userPoolId, userPoolClientId: ClientId } = await usher.config();
const client = new CognitoIdentityProviderClient({
    region: 'us-east-1', endpoint: new URL(identityEndpoint, usher.url).href, credentials: { accessKeyId: 'none', secretAccessKey: 'none' }, maxAttempts: 1,
});
const email = `sdk-${process.pid}@example.org`;

test('the SDK signs up, confirms, signs in, refreshes and signs out', async () => {
    const signedUp = await client.send(new SignUpCommand({ ClientId, Username: email, Password: password, UserAttributes: [{ Name: 'email', Value: email }] }));
    assert.equal(signedUp.UserConfirmed, false);
    assert.equal(signedUp.CodeDeliveryDetails.Destination, 's***@e***');
    await usher.code(email); // a mail that was not sent yet would be the new code's
    const resent = await client.send(new ResendConfirmationCodeCommand({ ClientId, Username: email }));
    assert.equal(resent.CodeDeliveryDetails.DeliveryMedium, 'EMAIL');
    await waitFor(async () => (await usher.allMail()).filter((m) => m.to.includes(email)).length === 2, 'the second code');
    await client.send(new ConfirmSignUpCommand({ ClientId, Username: email, ConfirmationCode: await usher.code(email) }));

    const signIn = () => client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: password } }));
    const { AuthenticationResult: tokens } = await signIn();
    const refreshed = await client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: tokens.RefreshToken } }));
    assert.equal(refreshed.AuthenticationResult.RefreshToken, undefined);
    const turned = await client.send(new GetTokensFromRefreshTokenCommand({ ClientId, RefreshToken: tokens.RefreshToken }));
    assert.ok(turned.AuthenticationResult.RefreshToken);
    const user = await client.send(new GetUserCommand({ AccessToken: turned.AuthenticationResult.AccessToken }));
    assert.equal(user.UserAttributes.find((a) => a.Name === 'email').Value, email);

    const keys = createRemoteJWKSet(new URL(`${usher.url}/identity/${userPoolId}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(tokens.IdToken, keys, { issuer: `${usher.url}/identity/${userPoolId}`, audience: ClientId, algorithms: ['RS256'] });
    assert.equal(payload.sub, signedUp.UserSub);

    await client.send(new RevokeTokenCommand({ ClientId, Token: turned.AuthenticationResult.RefreshToken }));
    await assert.rejects(client.send(new GetUserCommand({ AccessToken: tokens.AccessToken })), { name: 'NotAuthorizedException' });
    const second = (await signIn()).AuthenticationResult;
    await client.send(new GlobalSignOutCommand({ AccessToken: second.AccessToken }));
    await assert.rejects(client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: second.RefreshToken } })),
        { name: 'NotAuthorizedException' });
});

const fails = async (name, command) => {
    const error = await client.send(command).then(() => null, (e) => e);
    assert.equal(error?.name, name, `${command.constructor.name}: ${error}`);
    assert.ok(error instanceof Error && error.message, `${command.constructor.name}: a sentence for people`);
    assert.equal(error.$metadata.httpStatusCode, 400);
    assert.ok(error.$metadata.requestId);
};

test('the SDK changes and resets a password, keeps attributes, sets up a second factor, and deletes the account', async () => {
    const who = await usher.account();
    const signIn = (Password) => client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: who.email, PASSWORD: Password } }));
    let AccessToken = who.accessToken;
    const updated = await client.send(new UpdateUserAttributesCommand({ AccessToken, UserAttributes: [{ Name: 'name', Value: 'Łucja' }, { Name: 'locale', Value: 'pl' }] }));
    assert.deepEqual(updated.CodeDeliveryDetailsList, []);
    const { UserAttributes, UserMFASettingList } = await client.send(new GetUserCommand({ AccessToken }));
    assert.deepEqual(['name', 'locale'].map((name) => UserAttributes.find((a) => a.Name === name).Value), ['Łucja', 'pl']);
    assert.equal(UserMFASettingList, undefined);

    await client.send(new ChangePasswordCommand({ AccessToken, PreviousPassword: password, ProposedPassword: 'A-second-password-9' }));
    await assert.rejects(signIn(password), { name: 'NotAuthorizedException' });
    const asked = await client.send(new ForgotPasswordCommand({ ClientId, Username: who.email }));
    assert.equal(asked.CodeDeliveryDetails.AttributeName, 'email');
    const mail = await usher.mail((m) => m.to.includes(who.email) && /code for a new password/.test(m.subject));
    await client.send(new ConfirmForgotPasswordCommand({ ClientId, Username: who.email, ConfirmationCode: mail.text.match(/\d{6}/)[0], Password: password }));
    await fails('NotAuthorizedException', new GetUserCommand({ AccessToken }));
    ({ AuthenticationResult: { AccessToken } } = await signIn(password));

    const { SecretCode } = await client.send(new AssociateSoftwareTokenCommand({ AccessToken }));
    const right = () => totp(SecretCode, usher.now()), wrong = () => String((Number(right()) + 500_000) % 1_000_000).padStart(6, '0');
    await fails('EnableSoftwareTokenMFAException', new VerifySoftwareTokenCommand({ AccessToken, UserCode: wrong() }));
    await fails('InvalidParameterException', new SetUserMFAPreferenceCommand({ AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } }));
    const verified = await client.send(new VerifySoftwareTokenCommand({ AccessToken, UserCode: right(), FriendlyDeviceName: 'phone' }));
    assert.equal(verified.Status, 'SUCCESS');
    await client.send(new SetUserMFAPreferenceCommand({ AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } }));
    assert.deepEqual((await client.send(new GetUserCommand({ AccessToken }))).UserMFASettingList, ['SOFTWARE_TOKEN_MFA']);

    await usher.advance(30_000);
    const challenge = await signIn(password);
    assert.equal(challenge.ChallengeName, 'SOFTWARE_TOKEN_MFA');
    assert.equal(challenge.ChallengeParameters.FRIENDLY_DEVICE_NAME, 'phone');
    assert.equal(challenge.AuthenticationResult, undefined);
    const answer = (SOFTWARE_TOKEN_MFA_CODE, Session = challenge.Session) => new RespondToAuthChallengeCommand({
        ClientId, ChallengeName: 'SOFTWARE_TOKEN_MFA', Session, ChallengeResponses: { USERNAME: who.email, SOFTWARE_TOKEN_MFA_CODE } });
    await fails('CodeMismatchException', answer(wrong()));
    await fails('NotAuthorizedException', answer(right(), `${challenge.Session}x`));
    const done = await client.send(answer(right()));
    assert.ok(done.AuthenticationResult.RefreshToken);
    await fails('NotAuthorizedException', answer(right()));
    await client.send(new SetUserMFAPreferenceCommand({ AccessToken: done.AuthenticationResult.AccessToken, SoftwareTokenMfaSettings: { Enabled: false } }));
    assert.ok((await signIn(password)).AuthenticationResult);

    await client.send(new DeleteUserCommand({ AccessToken: done.AuthenticationResult.AccessToken }));
    await fails('NotAuthorizedException', new GetUserCommand({ AccessToken: done.AuthenticationResult.AccessToken }));
    await assert.rejects(signIn(password), { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
});

test('errors reach the SDK by their names', async () => {
    const rows = [
        ['InvalidPasswordException', new SignUpCommand({ ClientId, Username: `x${email}`, Password: 'a' })],
        ['InvalidParameterException', new SignUpCommand({ ClientId, Username: 'x', Password: password })],
        ['NotAuthorizedException', new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: 'x' } })],
        ['ResourceNotFoundException', new InitiateAuthCommand({ ClientId: 'nobody', AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: 'x' } })],
        ['NotAuthorizedException', new GetUserCommand({ AccessToken: 'a.b.c' })],
        ['CodeMismatchException', new ConfirmSignUpCommand({ ClientId, Username: `nobody-${email}`, ConfirmationCode: '123456' })],
        ['CodeMismatchException', new ConfirmSignUpCommand({ ClientId, Username: email, ConfirmationCode: '123456' })],
        ['ResourceNotFoundException', new ResendConfirmationCodeCommand({ ClientId: 'nobody', Username: email })],
        ['InvalidParameterException', new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: email, SRP_A: 'a' } })],
        ['InvalidParameterException', new InitiateAuthCommand({ ClientId, AuthFlow: 'CUSTOM_AUTH', AuthParameters: { USERNAME: email } })],
        ['NotAuthorizedException', new InitiateAuthCommand({ ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: 'none of ours' } })],
        ['NotAuthorizedException', new GetTokensFromRefreshTokenCommand({ ClientId, RefreshToken: 'none of ours' })],
        ['InvalidParameterException', new RespondToAuthChallengeCommand({ ClientId, ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses: { USERNAME: email } })],
        ['NotAuthorizedException', new RespondToAuthChallengeCommand({ ClientId, ChallengeName: 'SOFTWARE_TOKEN_MFA', Session: 'a session that is none of ours',
            ChallengeResponses: { USERNAME: email, SOFTWARE_TOKEN_MFA_CODE: '123456' } })],
        ['ResourceNotFoundException', new ForgotPasswordCommand({ ClientId: 'nobody', Username: email })],
        ['CodeMismatchException', new ConfirmForgotPasswordCommand({ ClientId, Username: email, ConfirmationCode: '123456', Password: password })],
        ['InvalidPasswordException', new ConfirmForgotPasswordCommand({ ClientId, Username: email, ConfirmationCode: '123456', Password: 'password1' })],
        ['UnsupportedTokenTypeException', new RevokeTokenCommand({ ClientId, Token: 'a.b.c' })],
        ...[[ChangePasswordCommand, { PreviousPassword: 'a', ProposedPassword: password }], [UpdateUserAttributesCommand, { UserAttributes: [{ Name: 'name', Value: 'x' }] }],
            [DeleteUserCommand], [GlobalSignOutCommand], [AssociateSoftwareTokenCommand], [VerifySoftwareTokenCommand, { UserCode: '123456' }], [SetUserMFAPreferenceCommand]]
            .map(([Command, more]) => ['NotAuthorizedException', new Command({ AccessToken: 'a.b.c', ...more })]),
    ];
    for (const [name, command] of rows)
        await fails(name, command);
});

test('a verifier that keeps the key set follows a rotation without being told', async () => {
    const issuer = `${usher.url}/identity/${userPoolId}`;
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cooldownDuration: 0 });
    const verify = (token) => jwtVerify(token, keys, { issuer, audience: ClientId, algorithms: ['RS256'], currentDate: new Date(usher.now()) });
    const who = await usher.account();
    const { protectedHeader: old } = await verify(who.token);
    await usher.cli(['keys', 'rotate']);
    await verify((await usher.signIn(who.email)).token);
    await usher.advance(361_000);
    const later = await usher.signIn(who.email);
    const { protectedHeader: next } = await verify(later.token); // an unknown kid: jose asks for the set again
    assert.notEqual(next.kid, old.kid);
    await verify(who.token);

    // One that had the set from before the new key signed needs nothing.
    const patient = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cooldownDuration: 3_600_000 });
    await jwtVerify(later.token, patient, { issuer, audience: ClientId, currentDate: new Date(usher.now()) });
    await usher.cli(['keys', 'rotate', '--now']);
    const last = await usher.signIn(who.email);
    await verify(last.token);
    await assert.rejects(verify(later.token), { code: 'ERR_JWKS_NO_MATCHING_KEY' });
});
