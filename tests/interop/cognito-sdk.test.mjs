// The unmodified AWS SDK for Cognito against the running server, and jose verifying its tokens through the published keys.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    CognitoIdentityProviderClient, ConfirmSignUpCommand, GetTokensFromRefreshTokenCommand, GetUserCommand, GlobalSignOutCommand, InitiateAuthCommand,
    ResendConfirmationCodeCommand, RevokeTokenCommand, SignUpCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { createRemoteJWKSet, jwtVerify } from 'jose';

import { password, start, waitFor } from '../api/lib.mjs';

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

test('errors reach the SDK by their names', async () => {
    const rows = [
        ['UsernameExistsException', new SignUpCommand({ ClientId, Username: email, Password: password })],
        ['InvalidPasswordException', new SignUpCommand({ ClientId, Username: `x${email}`, Password: 'a' })],
        ['InvalidParameterException', new SignUpCommand({ ClientId, Username: 'x', Password: password })],
        ['NotAuthorizedException', new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: 'x' } })],
        ['ResourceNotFoundException', new InitiateAuthCommand({ ClientId: 'nobody', AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: 'x' } })],
        ['NotAuthorizedException', new GetUserCommand({ AccessToken: 'a.b.c' })],
        ['CodeMismatchException', new ConfirmSignUpCommand({ ClientId, Username: `nobody-${email}`, ConfirmationCode: '123456' })],
    ];
    for (const [name, command] of rows) {
        const error = await client.send(command).then(() => null, (e) => e);
        assert.equal(error?.name, name, `${command.constructor.name}: ${error}`);
        assert.equal(error.$metadata.httpStatusCode, 400);
        assert.ok(error.$metadata.requestId);
    }
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
