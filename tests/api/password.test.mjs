// Passwords from outside: what the operator's settings make of their hashes, and which are refused to whom.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { password, start } from './lib.mjs';

let counter = 0;
const fresh = (name = 'someone') => `${name}-${process.pid}-${counter++}@example.org`;
const signIn = (usher, email, pass = password) =>
    usher.cognito('InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: pass } });

// Is there a hash of this cost anywhere in the stopped server's database?
function hasHash(usher, memory, passes) {
    const files = readdirSync(usher.data).filter((name) => name.startsWith('usher.db'));
    assert.ok(files.length);
    return files.some((name) => readFileSync(join(usher.data, name)).includes(`$argon2id$v=19$m=${memory},t=${passes},p=1$`));
}

test('hashes follow the settings up as their owners sign in, and stay where they are when the settings fall', async () => {
    const usher = await start({ env: { USHER_ARGON2_MEMORY_KIB: '7168', USHER_ARGON2_PASSES: '1' } });
    const [email, other] = [fresh(), fresh()];
    for (const address of [email, other]) {
        await usher.signUp(address);
        await usher.confirm(address);
    }
    assert.match(usher.log, /less work than OWASP's least/);
    await usher.stop();
    assert.ok(hasHash(usher, 7168, 1));

    usher.settings.USHER_ARGON2_PASSES = '6';
    await usher.start();
    const wrong = await signIn(usher, email, 'a walk by the sea');
    assert.equal(wrong.error, 'NotAuthorizedException');
    await usher.stop();
    assert.ok(!hasHash(usher, 7168, 6), 'a wrong password changes no hash');

    /* Twenty at once: whoever finds the hash changed underneath is told to try again, never that the password is wrong. */
    await usher.start();
    const answers = await Promise.all(Array.from({ length: 20 }, () => signIn(usher, email)));
    assert.ok(answers.some(({ error }) => error === null));
    for (const { error } of answers)
        assert.ok(error === null || error === 'TooManyRequestsException', error);
    assert.equal((await signIn(usher, email)).error, null);
    await usher.stop();
    assert.ok(hasHash(usher, 7168, 6), 'the right one does');

    usher.settings.USHER_ARGON2_PASSES = '2';
    await usher.start();
    assert.equal((await signIn(usher, email)).error, null);
    await usher.stop();
    assert.ok(!hasHash(usher, 7168, 2), 'a dear hash is not made cheaper by a sign-in');
    await usher.start();
    assert.equal((await signIn(usher, email)).error, null);
    assert.equal((await signIn(usher, other)).error, null);
    assert.equal((await signIn(usher, other, 'a walk by the sea')).error, 'NotAuthorizedException');
    await usher.stop();
    assert.ok(hasHash(usher, 7168, 2), 'and a cheap one comes up to what is asked now');
});

test('a setting out of bounds stops the start', async () => {
    const usher = await start();
    for (const [name, value] of [['USHER_ARGON2_MEMORY_KIB', '7167'], ['USHER_ARGON2_MEMORY_KIB', '1048577'], ['USHER_ARGON2_PASSES', '0'], ['USHER_ARGON2_PASSES', '17']]) {
        usher.settings[name] = value;
        const { code, stderr } = await usher.cli(['user', 'list'], { ok: false });
        delete usher.settings[name];
        assert.notEqual(code, 0, `${name}=${value}`);
        assert.match(stderr, new RegExp(`${name}.*must be a whole number from`));
    }
});

test('trimmed words, and one\'s own name and address, are refused wherever a password is set', async () => {
    const usher = await start();
    const refuse = async (operation, input) => {
        const answer = await usher.cognito(operation, input);
        assert.equal(answer.error, 'InvalidPasswordException', `${operation} ${JSON.stringify(answer.body)}`);
        assert.match(answer.message, /would be guessed/);
    };
    const email = fresh('lovelace');
    const local = email.split('@')[0];
    for (const Password of ['P@ssw0rd2026!', '1qaz2wsx3edc', 'drowssap1', 'Usher-2026', email, `${local}!`, 'Lovelace1815', 'byron king', 'BYRON-1815'])
        await refuse('SignUp', { Username: email, Password, UserAttributes: [{ Name: 'name', Value: 'Byron King' }] });
    const who = await usher.account({ email, name: 'Byron King' });
    await refuse('ChangePassword', { AccessToken: who.accessToken, PreviousPassword: password, ProposedPassword: 'byron-king-1' });
    await refuse('ChangePassword', { AccessToken: who.accessToken, PreviousPassword: password, ProposedPassword: `${local}1` });

    /* A stranger who asks for a reset learns nobody's name by what is refused: only the address, which the stranger gave, counts. */
    const reset = { Username: email, ConfirmationCode: '000000' };
    await refuse('ConfirmForgotPassword', { ...reset, Password: 'Lovelace1815' });
    assert.notEqual((await usher.cognito('ConfirmForgotPassword', { ...reset, Password: 'byron-king-1' })).error, 'InvalidPasswordException');

    const shell = await usher.cli(['user', 'add', fresh('hopper'), '--group', 'Attendees', '--name', 'Grace Murray', '--password-stdin'],
        { input: 'GraceMurray1\n', ok: false });
    assert.notEqual(shell.code, 0);
    assert.match(shell.stderr, /would be guessed/);
});
