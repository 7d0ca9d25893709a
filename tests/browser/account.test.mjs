// One's own account in a real browser: the second step of the sign-in, the password, the data, and the way out.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { password, start } from '../api/lib.mjs';
import { axe, picture, visit } from './browser.mjs';

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer', name: 'Olga Organizer' });
const sale = await usher.createEvent(organizer, {
    title: 'Cheaper with a code', serviceFee: { fixed: 100, percentBps: 0, paidBy: 'buyer' },
    ticketTypes: [{ name: 'Standard', price: 2000, taxRateBps: 1900, quantity: 50 }, { name: 'Backstage', price: 5000, quantity: 5, hidden: true }] });
const codeOf = (body) => usher.must(201, 'POST', `/v1/events/${sale.eventId}/discount-codes`, { token: organizer.token, body });
await codeOf({ code: 'HALF', percentBps: 5000, maxUses: 1 });
await codeOf({ code: 'BACKDOOR', ticketTypeIds: [sale.ticketTypes[1].ticketTypeId] });

// RFC 6238 with the defaults that every authenticator app has.
function totp(secret, steps = 0) {
    const bits = [...secret.replaceAll(' ', '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(usher.now() / 30_000) + steps));
    const mac = createHmac('sha1', key).update(counter).digest();
    return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function typePassword(page, account) {
    await page.goto(`${usher.url}/auth/sign-in?next=/account/security`);
    await page.getByLabel('E-mail address').fill(account.email);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

test('two-step sign-in: set up, signed in with by code and by recovery code, and turned off', async () => {
    const account = await usher.account({ name: 'Tina Two' });
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn(account, password);
    await page.goto(`${usher.url}/account/security`);
    await page.getByRole('button', { name: 'Set up two-step sign-in' }).click();
    const secret = await page.getByTestId('totp-secret').textContent();
    const address = new URL(await page.getByRole('link', { name: 'Open in the app' }).getAttribute('href'));
    assert.equal(address.protocol, 'otpauth:');
    assert.equal(address.searchParams.get('secret'), secret.replaceAll(' ', ''));
    await picture(page, 'two-step-390');
    await axe(page, 'two-step: set up');
    await page.getByLabel('The code that the app shows now').fill(totp(secret) === '000000' ? '111111' : '000000');
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await page.getByText('This code is not right.').waitFor();
    await page.getByLabel('The code that the app shows now').fill(totp(secret));
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await page.getByText('Keep these recovery codes.').waitFor();
    const codes = await page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem').allTextContents();
    assert.equal(new Set(codes).size, 10);
    await picture(page, 'recovery-codes-390');
    await axe(page, 'recovery codes');
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    const kept = readFileSync(await file.path(), 'utf8');
    assert.ok(codes.every((code) => kept.includes(code)), 'the file has all codes');
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByText('10 recovery codes are left.').waitFor();
    assert.equal(await page.getByText(codes[0]).count(), 0, 'shown once');

    await page.getByRole('button', { name: 'Sign out here' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    await typePassword(page, account);
    await usher.advance(30_000); // the code of the setting-up is used up
    await page.getByLabel('Code from your authenticator app').fill(totp(secret));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('10 recovery codes are left.').waitFor();

    await page.getByRole('button', { name: 'Sign out here' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    await typePassword(page, account);
    await page.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await page.getByLabel('One of your recovery codes').fill(codes[3]);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('9 recovery codes are left.').waitFor();

    // A sign-in of long ago hands out no codes and changes nothing, and says what to do.
    await usher.advance(16 * 60_000);
    await page.getByRole('button', { name: 'New recovery codes' }).click();
    await page.getByRole('button', { name: 'Make new codes' }).click();
    await page.getByText('Please sign in again first.').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Turn off' }).click();
    await page.getByRole('button', { name: 'Turn it off' }).click();
    await page.getByText('Please sign in again first.').waitFor();
    await picture(page, 'two-step-stale-390');
    await axe(page, 'two-step: a sign-in of long ago');
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.getByLabel('E-mail address').fill(account.email);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Code from your authenticator app').fill(totp(secret));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Turn off' }).click();
    await page.getByRole('button', { name: 'Turn it off' }).click();
    await page.getByRole('button', { name: 'Set up two-step sign-in' }).waitFor();
    assert.equal((await usher.signIn(account.email)).sub, account.sub, 'the password alone opens it again');
    visitor.sound(/400 \(Bad Request\)|403 \(Forbidden\)/);
    await visitor.close();
});

test('name, language and password: other devices are signed out by a new password', async () => {
    const account = await usher.account({ name: 'Old Name' });
    const [here, there] = [await visit(usher), await visit(usher)];
    await here.signIn(account, password);
    await there.signIn(account, password);
    const { page } = here;
    await page.goto(`${usher.url}/account`);
    await page.getByRole('textbox', { name: 'Your name' }).fill('New Name');
    await page.getByRole('main').getByLabel('Language').selectOption('de');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Konto', exact: true }).waitFor();
    assert.equal((await usher.signIn(account.email)).claims.name, 'New Name');
    await picture(page, 'account-de-1280');
    await page.getByRole('main').getByLabel('Sprache').selectOption('en');
    await page.getByRole('button', { name: 'Speichern' }).click();
    await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();

    await page.getByRole('link', { name: 'Security' }).click();
    const next = `${password}-new`;
    const change = async (old) => {
        await page.getByRole('textbox', { name: 'Present password' }).fill(old);
        await page.getByRole('textbox', { name: 'New password' }).fill(next);
        await page.getByRole('button', { name: 'Change the password' }).click();
    };
    await change('not-the-password-9');
    await page.getByText('This is not your present password.').waitFor();
    await change(password);
    await page.getByText('Your password is changed.').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Two-step sign-in' }).waitFor();
    await there.page.goto(`${usher.url}/tickets`);
    await there.page.getByText('You are signed out.').or(there.page.getByRole('heading', { name: 'Sign in' })).first().waitFor();
    await usher.signIn(account.email, next);
    here.sound(/400 \(Bad Request\)/);
    await Promise.all([here.close(), there.close()]);
});

test('signing out everywhere is done everywhere, or says that it was not', async () => {
    const buyer = await usher.account();
    const visitor = await visit(usher);
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/account/security`);
    await page.getByRole('button', { name: 'Sign out everywhere' }).waitFor();
    await page.route('**/identity/', (route) => route.abort());
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByText('The server could not be reached.').waitFor();
    await usher.must(200, 'GET', '/v1/tickets', { token: buyer.token });
    await page.unroute('**/identity/');
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    await usher.must(401, 'GET', '/v1/tickets', { token: buyer.token });
    await visitor.close();
});

test('all one\'s data in a file, and an account that is gone for good, but not while guests are coming', async () => {
    const leaver = await usher.account({ role: 'organizer', name: 'Lea Leaver' });
    const event = await usher.createEvent(leaver);
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn(leaver, password);
    await page.goto(`${usher.url}/account`);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download my data' }).click()]);
    const data = JSON.parse(readFileSync(await file.path(), 'utf8'));
    assert.equal(data.account.email, leaver.email);
    assert.deepEqual(data.events.map((one) => one.eventId), [event.eventId]);

    const remove = async (typed) => {
        await page.getByLabel('Type your address to confirm').fill(typed);
        await page.getByRole('button', { name: 'Delete for good' }).click();
    };
    await page.getByRole('button', { name: 'Delete my account…' }).click();
    await picture(page, 'delete-390');
    await axe(page, 'delete');
    await remove('somebody@example.org');
    await page.getByText('This is not the address of this account.').waitFor();
    await remove(leaver.email);
    await page.getByText('You have published events that are not over yet').waitFor();
    await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: leaver.token });
    await remove(leaver.email);
    await page.getByText('Your account is deleted.').waitFor();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    assert.equal((await usher.cognito('InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: leaver.email, PASSWORD: password } })).error, 'NotAuthorizedException');
    visitor.sound(/409 \(Conflict\)/);
    await visitor.close();
});

async function fillCard(page) {
    await page.getByLabel('Card number').fill('4242 4242 4242 4242');
    await page.getByLabel('Expires').fill('12/34');
    await page.getByLabel('Security code').fill('123');
    await page.getByRole('button', { name: /^Pay/ }).click();
}

test('a discount code: refused with a reason, a lower price from the event\'s page to the receipt, and used up', async () => {
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn(await usher.account({ name: 'Carla Code' }), password);
    await page.goto(`${usher.url}/e/${sale.eventId}`);
    await page.getByText('includes €1.00 fee and €3.19 tax').waitFor();
    await page.getByRole('button', { name: 'One more: Standard' }).click();
    await page.getByText('€21.00').nth(1).waitFor();
    await page.getByRole('button', { name: 'Have a code?' }).click();
    await page.getByLabel('Discount code').fill('NOSUCH');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('There is no such code for this event.').waitFor();
    await axe(page, 'a code that is not good');
    await page.getByLabel('Discount code').fill('half');
    await page.getByLabel('Discount code').press('Enter');
    await page.getByText('With the code').waitFor();
    await page.getByText('€11.00').waitFor();
    await picture(page, 'event-code-390');
    await page.getByRole('button', { name: 'Get tickets' }).click();
    const summary = page.getByRole('table', { name: 'Your order' });
    await summary.getByRole('row', { name: 'Discount (HALF) -€10.00' }).waitFor();
    await summary.getByRole('row', { name: 'Fee €1.00' }).waitFor();
    await summary.getByRole('row', { name: 'Total €11.00' }).waitFor();
    await picture(page, 'checkout-code-390');
    await axe(page, 'checkout with a code');
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByRole('timer').waitFor();
    await summary.getByRole('row', { name: 'Total €11.00' }).waitFor();
    await fillCard(page);
    await page.getByText('You are in!').waitFor();

    // The second buyer comes to the checkout with the same link, and is told at the field.
    await page.goto(`${usher.url}/checkout/${sale.eventId}?${sale.ticketTypes[0].ticketTypeId}=1&code=HALF`);
    await page.getByText('This code was used as often as it may be.').waitFor();
    await summary.getByRole('row', { name: 'Total €21.00' }).waitFor();
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByText('This code was used as often as it may be.').waitFor();
    await page.getByLabel('Discount code').fill('');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByRole('button', { name: 'Have a code?' }).waitFor();
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByRole('timer').waitFor();
    visitor.sound(/409 \(Conflict\)|422/);
    await visitor.close();
});

test('a hidden ticket type is there for who has the code, up to the ticket', async () => {
    const visitor = await visit(usher);
    const { page } = visitor;
    await visitor.signIn(await usher.account({ name: 'Helga Hidden' }), password);
    await page.goto(`${usher.url}/e/${sale.eventId}`);
    await page.getByText('Standard').waitFor();
    assert.equal(await page.getByText('Backstage').count(), 0);
    await page.goto(`${usher.url}/e/${sale.eventId}?code=BACKDOOR`);
    await page.getByRole('button', { name: 'One more: Backstage' }).click();
    await page.getByRole('button', { name: 'Get tickets' }).click();
    await page.getByRole('row', { name: '1 × Backstage €50.00' }).waitFor();
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByRole('timer').waitFor();
    await page.getByRole('row', { name: '1 × Backstage €50.00' }).waitFor();
    await fillCard(page);
    await page.getByText('You are in!').waitFor();
    visitor.sound();
    await visitor.close();
});

test('tickets that were seen once are shown at a door without a network, also when the sign-in has run out; public pages are not', async () => {
    const buyer = await usher.account({ name: 'Otto Offline' });
    const event = await usher.createFreeEvent(organizer, { title: 'Behind thick walls' });
    const registration = await usher.register(buyer, event);
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/tickets`);
    await page.getByText('Behind thick walls').waitFor();
    await page.evaluate(async () => void await navigator.serviceWorker.ready); // everything is kept
    await usher.kill();
    await page.clock.setFixedTime(Date.now() + 3 * 3_600_000);
    await page.goto(`${usher.url}/tickets/${registration.ticketIds[0]}`);
    await page.getByRole('img', { name: 'QR code of the ticket' }).waitFor();
    await page.getByText('You are offline. This is the ticket as it was seen last.').waitFor();
    await picture(page, 'ticket-offline-390');
    await axe(page, 'ticket without a network');
    await page.getByRole('link', { name: 'All my tickets' }).click();
    await page.getByText('You are offline. These are your tickets as they were seen last.').waitFor();
    await page.getByText('Behind thick walls').waitFor();
    await axe(page, 'tickets without a network');
    const kept = await page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))).flat().map(({ url }) => url));
    assert.ok(kept.some((url) => /TicketPage/.test(url)));
    assert.deepEqual(kept.filter((url) => /wasm|scan|EventPage|DetailsPage|DashboardPage/i.test(url)), [], 'a ticket\'s holder keeps what tickets need, and nothing more');
    const other = await visitor.context.newPage();
    await assert.rejects(other.goto(`${usher.url}/e/${event.eventId}`), /ERR_CONNECTION_REFUSED/);
    await other.close();
    await usher.start();
    await page.goto(`${usher.url}/tickets`);
    await page.getByText('Behind thick walls').waitFor();
    await page.goto(`${usher.url}/account`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage }).includes('Otto')), false, 'nothing of the person is left behind');
    await visitor.close();
});

// Two tickets, paid for, of an event that takes them back for a tenth.
async function paidOrder(buyer) {
    const event = await usher.createEvent(organizer, { title: 'Second thoughts', refundUntil: new Date(usher.now() + 86_400_000).toISOString(), refundFeePercent: 10 });
    return usher.pay(buyer, await usher.register(buyer, event, { quantity: 2, attendees: [
        { ticketTypeId: event.ticketTypes[0].ticketTypeId, name: 'Rita Refund' }, { ticketTypeId: event.ticketTypes[0].ticketTypeId, name: 'Bob Guest' }] }));
}

test('a buyer reads the receipt and gives tickets back by the event\'s policy: one, then the other', async () => {
    const buyer = await usher.account({ name: 'Rita Refund' });
    const order = await paidOrder(buyer);
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/tickets/${order.ticketIds[0]}`);
    await page.getByRole('link', { name: 'Order and receipt' }).click();
    await page.getByRole('row', { name: 'Total €50.00' }).waitFor();
    await page.getByRole('button', { name: 'Receipt' }).click();
    const paper = await page.getByRole('link', { name: /^Receipt R-\d+ \(PDF\)$/ }).getAttribute('href');
    assert.match((await usher.api('GET', paper.slice(usher.url.length))).headers['content-type'], /^application\/pdf/);

    await page.getByRole('button', { name: 'Give tickets back…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('€45.00').waitFor();
    await dialog.getByLabel(/Bob Guest/).uncheck();
    await dialog.getByText('€22.50').waitFor();
    await dialog.getByText('€2.50').waitFor();
    await picture(page, 'refund-390');
    await axe(page, 'refund');
    await dialog.getByRole('button', { name: 'Give back' }).dblclick();
    await page.getByText('Done. The money is on its way back.').first().waitFor();
    await page.getByRole('link', { name: /Rita Refund Cancelled/ }).waitFor();
    await page.getByRole('link', { name: /Bob Guest Valid/ }).waitFor();
    await page.getByText('Given back').waitFor({ timeout: 30_000 });
    let now = await usher.registration(buyer, order.registrationId);
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount, now.refunds.length], ['confirmed', 2250, 250, 1]);

    await page.getByRole('button', { name: 'Give tickets back…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Give back' }).click();
    await page.getByText('This order was refunded.').waitFor();
    now = await usher.registration(buyer, order.registrationId);
    assert.deepEqual([now.status, now.refundedAmount, now.refundFeeAmount], ['refunded', 4500, 500]);
    await axe(page, 'refunded order');
    visitor.sound();
    await visitor.close();
});

test('the account\'s pages, light and dark, on a phone and a desk, can be used by everybody', async () => {
    const account = await usher.account({ name: 'Axel Axe' });
    const order = await paidOrder(account);
    for (const scheme of ['light', 'dark']) {
        for (const width of [390, 1280]) {
            const visitor = await visit(usher, { scheme, width });
            await visitor.signIn(account, password);
            for (const [name, path, ready] of [['account', '/account', 'Delete the account'], ['security', '/account/security', 'Set up two-step sign-in'],
                ['order', `/tickets/orders/${order.registrationId}`, 'Give tickets back…'], ['tickets', '/tickets', 'Second thoughts']]) {
                await visitor.page.goto(usher.url + path);
                await visitor.page.getByText(ready).first().waitFor();
                await picture(visitor.page, `${name}-${width}-${scheme}`);
                await axe(visitor.page, `${name} ${width} ${scheme}`);
            }
            visitor.sound();
            await visitor.close();
        }
    }
});
