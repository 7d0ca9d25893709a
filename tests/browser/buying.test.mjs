// From the list of events to the ticket, in a real browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { password, send, start } from '../api/lib.mjs';
import { axe, picture, visit } from './browser.mjs';

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer', name: 'Olga Organizer' });
const event = await usher.createEvent(organizer, {
    title: 'Night of <Cables> & Friends', capacity: 50,
    ticketTypes: [{ name: 'Standard', price: 2500, quantity: 40 }, { name: 'Guest list', price: 0, quantity: 10, maxPerOrder: 2 }] });

async function fillCard(page, number) {
    await page.getByLabel('Card number').fill(number);
    await page.getByLabel('Expires').fill('12/34');
    await page.getByLabel('Security code').fill('123');
    await page.getByRole('button', { name: /^Pay/ }).click();
}

test('sign up by the mailed code in the middle of buying, a declined card, a good one, and the ticket', async () => {
    const email = `buyer-${process.pid}@example.org`;
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await page.goto(usher.url);
    await page.getByRole('link', { name: event.title }).click();
    await page.getByRole('heading', { name: event.title }).waitFor();
    await page.getByRole('button', { name: 'One more: Standard' }).click();
    await page.getByRole('button', { name: 'One more: Standard' }).click();
    await page.getByText('€50.00').waitFor();
    await page.getByRole('button', { name: 'Get tickets' }).click();

    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('Your name').fill('Zoë Buyer');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByLabel('Six-digit code').fill(await usher.code(email));
    await page.getByRole('button', { name: 'Confirm' }).click();

    await page.getByLabel('Name each guest').check();
    await page.getByRole('group', { name: '2. Standard' }).getByLabel('Name').fill('Bob Guest');
    await picture(page, 'checkout-390');
    await axe(page, 'checkout');
    await page.getByRole('button', { name: 'Hold the seats and pay' }).dblclick();
    await page.getByRole('timer').waitFor();
    await axe(page, 'payment');
    await fillCard(page, '4000 0000 0000 0002');
    await page.getByText('The payment did not go through.').waitFor();
    assert.equal(await page.getByLabel('Card number').inputValue(), '4000 0000 0000 0002', 'a decline keeps what was typed');
    await picture(page, 'declined-390');
    await fillCard(page, '4242 4242 4242 4242');
    await page.getByText('You are in!').waitFor();
    await page.getByRole('link', { name: 'Show my tickets' }).click();
    await page.getByRole('img', { name: 'QR code of the ticket' }).waitFor();
    await picture(page, 'ticket-390');
    await axe(page, 'ticket');
    await page.getByRole('link', { name: 'All my tickets' }).click();
    await page.getByText('2 tickets').waitFor();
    await page.getByText('Bob Guest').waitFor();
    const { items } = await usher.must(200, 'GET', `/v1/events/${event.eventId}/registrations`, { token: organizer.token });
    assert.equal(items.length, 1, 'the double click held once');
    visitor.sound(/402 \(Payment Required\)/);
    await visitor.close();
});

test('a bank that asks: the way there and back, and a bank that says no', async () => {
    const buyer = await usher.account();
    const visitor = await visit(usher);
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/checkout/${event.eventId}?${event.ticketTypes[0].ticketTypeId}=1`);
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await fillCard(page, '4000 0000 0000 3220');
    await page.waitForURL(/\/sim\//);
    await page.getByRole('button').first().click();
    await page.getByText('You are in!').waitFor();

    await page.goto(`${usher.url}/checkout/${event.eventId}?${event.ticketTypes[0].ticketTypeId}=1`);
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await fillCard(page, '4000 0000 0000 3220');
    await page.waitForURL(/\/sim\//);
    await page.getByRole('button').last().click();
    await page.getByText('Your bank said no.').waitFor();
    await page.waitForURL((url) => url.search === ''); // the intent's secret does not stay in the address
    await fillCard(page, '4242 4242 4242 4242');
    await page.getByText('You are in!').waitFor();
    await visitor.close();
});

test('what was chosen and typed outlives a reload, a look back, a tunnel and a session that ends', async () => {
    const buyer = await usher.account({ name: 'Rea Reload' });
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/e/${event.eventId}`);
    await page.getByRole('button', { name: 'Choose tickets' }).click();
    const chosen = page.getByRole('textbox', { name: 'How many: Standard' });
    await chosen.fill('12');
    await page.getByText('€300.00').waitFor();
    await page.getByRole('button', { name: 'Get tickets' }).click();
    await page.getByLabel('Name each guest').check();
    const guest = (n) => page.getByRole('group', { name: `${n}. Standard`, exact: true }).getByLabel('Name');
    assert.equal(await guest(1).inputValue(), 'Rea Reload');
    await guest(12).fill('Guest Twelve');
    await page.reload();
    await guest(12).waitFor();
    assert.equal(await guest(12).inputValue(), 'Guest Twelve');

    await page.goBack();
    await chosen.waitFor();
    assert.equal(await chosen.inputValue(), '12');
    await visitor.context.setOffline(true);
    await page.getByText('No connection.').waitFor();
    await page.getByRole('heading', { name: event.title }).waitFor();
    await visitor.context.setOffline(false);
    await page.getByText('No connection.').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Get tickets' }).click();
    await guest(12).waitFor();

    await usher.cognito('GlobalSignOut', { AccessToken: buyer.accessToken, ClientId: undefined });
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByText('You are signed out.').waitFor();
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('E-mail address', { exact: true }).fill(buyer.email);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await guest(12).waitFor();
    assert.equal(await guest(12).inputValue(), 'Guest Twelve');
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByRole('timer').waitFor();

    // Whoever loses the tab finds the seats under the tickets, and can give them back.
    await page.goto(`${usher.url}/tickets`);
    await page.getByRole('link', { name: 'Pay for them' }).click();
    await page.getByRole('button', { name: 'Give the seats back' }).click();
    await page.getByText('The seats are back on sale.').waitFor();
    await chosen.waitFor();
    assert.equal(await chosen.inputValue(), '12');
    await visitor.close();
});

test('nothing is cut off on the smallest phone: a long name, and a code at the door', async () => {
    const name = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnungstagung';
    const long = await usher.createFreeEvent(organizer, { title: name });
    const buyer = await usher.account({ name });
    const { ticketIds } = await usher.register(buyer, long, { quantity: 2, attendees: [{ ticketTypeId: long.ticketTypes[0].ticketTypeId, name }] });
    const visitor = await visit(usher, { width: 320, height: 568 });
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    for (const path of ['/', `/e/${long.eventId}`, `/checkout/${long.eventId}?${long.ticketTypes[0].ticketTypeId}=1`, '/tickets', `/tickets/${ticketIds[0]}`]) {
        await page.goto(usher.url + path);
        await page.getByRole('main').getByText(name).first().waitFor();
        await axe(page, `${path} at 320`);
    }
    const code = page.getByRole('img', { name: 'QR code of the ticket' });
    await code.waitFor();
    assert.ok(await code.evaluate((svg) => svg.getBoundingClientRect().right <= svg.parentElement.getBoundingClientRect().right), 'the whole code is seen');
    await page.getByRole('link', { name: 'Next ticket' }).click();
    await page.getByText('2 of 2').waitFor();
    await code.waitFor();
    visitor.sound();
    await visitor.close();
});

test('a free ticket is one screen, and touches no payment', async () => {
    const buyer = await usher.account();
    const visitor = await visit(usher);
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/e/${event.eventId}`);
    await page.getByRole('button', { name: 'One more: Guest list' }).click();
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByText('You are in!').waitFor();
    visitor.sound();
    await visitor.close();
});

test('a hold that runs out says so, keeps the basket, and can be tried again', async () => {
    const buyer = await usher.account();
    const visitor = await visit(usher);
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/checkout/${event.eventId}?${event.ticketTypes[0].ticketTypeId}=1`);
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByRole('timer').waitFor();
    await page.getByLabel('Card number').waitFor();
    await usher.advance(30 * 60_000);
    await page.getByText('The time to pay is over').waitFor({ timeout: 30_000 });
    await axe(page, 'expired');
    await page.getByRole('link', { name: 'Try again with the same tickets' }).click();
    await page.getByRole('button', { name: 'Hold the seats and pay' }).waitFor();
    visitor.sound(/409|401/);
    await visitor.close();
});

test('two buyers race for the last ticket: one holds it, the other is told', async () => {
    const last = await usher.createEvent(organizer, { title: 'One seat', capacity: 1, ticketTypes: [{ name: 'Seat', price: 1000, quantity: 1 }] });
    const both = await Promise.all([1, 2].map(async () => {
        const visitor = await visit(usher);
        await visitor.signIn(await usher.account(), password);
        await visitor.page.goto(`${usher.url}/checkout/${last.eventId}?${last.ticketTypes[0].ticketTypeId}=1`);
        await visitor.page.getByRole('button', { name: 'Hold the seats and pay' }).waitFor();
        return visitor;
    }));
    await Promise.all(both.map(({ page }) => page.getByRole('button', { name: 'Hold the seats and pay' }).click()));
    const saw = await Promise.all(both.map(({ page }) => Promise.race([
        page.getByRole('timer').waitFor().then(() => 'holds it'), page.getByText('Not enough tickets are left.').waitFor().then(() => 'is told')])));
    assert.deepEqual(saw.sort(), ['holds it', 'is told']);
    await Promise.all(both.map((visitor) => visitor.close()));
});

test('what a visitor without JavaScript and a search engine read', async () => {
    const visitor = await visit(usher, { javaScriptEnabled: false });
    await visitor.page.goto(`${usher.url}/e/${event.eventId}`);
    assert.equal(await visitor.page.title(), `${event.title} · Usher`);
    await visitor.page.getByRole('heading', { name: event.title }).waitFor();
    await visitor.page.getByText('Standard: EUR 25.00').waitFor();
    await visitor.close();
    const html = (await usher.api('GET', `/e/${event.eventId}`)).text;
    const data = JSON.parse(html.match(/<script type="application\/ld\+json">(.*?)<\/script>/)[1]);
    assert.equal(data['@type'], 'Event');
    assert.equal(data.name, event.title);
    assert.match(data.startDate, /T\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
    assert.deepEqual(data.offers.map((offer) => [offer.price, offer.priceCurrency]), [['25.00', 'EUR'], ['0.00', 'EUR']]);
    assert.match((await usher.api('GET', '/sitemap.xml')).text, new RegExp(`/e/${event.eventId}</loc>`));
    assert.match((await usher.api('GET', '/robots.txt')).text, /Sitemap: http/);
    const missing = await send(usher.url, 'GET', `/e/${event.eventId.replace(/...$/, '900')}`, { headers: { accept: 'text/html' } });
    assert.equal(missing.status, 404);
    assert.match(missing.text, /noindex/);
});

test('every public page, light and dark, on a phone and a desk, can be used by everybody', async () => {
    for (const scheme of ['light', 'dark']) {
        for (const width of [390, 1280]) {
            const visitor = await visit(usher, { scheme, width });
            for (const [name, path, ready] of [['list', '/', event.title], ['event', `/e/${event.eventId}`, 'Standard'], ['sign-in', '/auth/sign-in', 'Forgot your password?'],
                ['sign-up', '/auth/sign-up', 'Create the account'], ['forgot', '/auth/forgot', 'Send me a code']]) {
                await visitor.page.goto(usher.url + path);
                await visitor.page.getByRole('banner').waitFor(); // the app, not the text for those without JavaScript
                await visitor.page.getByText(ready).first().waitFor();
                await picture(visitor.page, `${name}-${width}-${scheme}`);
                await axe(visitor.page, `${name} ${width} ${scheme}`);
            }
            visitor.sound();
            await visitor.close();
        }
    }
});

test('the pages between, light and dark, on a phone and a desk: a code to type, an invitation, what is confirmed, an order, the account\'s security', async () => {
    const buyer = await usher.account();
    const paid = await usher.pay(buyer, await usher.register(buyer, event));
    const visitor = await visit(usher);
    const { page } = visitor;
    await visitor.signIn(buyer, password);
    for (const [name, path, ready] of [['verify', '/auth/verify?email=a%40example.org', 'Six-digit code'], ['reset', '/auth/reset?email=a%40example.org', 'New password'],
        ['invitation', '/invitations/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', /invitation/i], ['confirmed', `/checkout/${event.eventId}/${paid.registrationId}`, 'You are in!'],
        ['order', `/tickets/orders/${paid.registrationId}`, event.title], ['account', '/account', buyer.email], ['security', '/account/security', /password/i]]) {
        await page.goto(usher.url + path);
        await page.getByRole('main').getByText(ready).first().waitFor();
        for (const width of [390, 1280])
            for (const colorScheme of ['light', 'dark']) {
                await page.setViewportSize({ width, height: 900 });
                await page.emulateMedia({ colorScheme });
                await axe(page, `${name} ${width} ${colorScheme}`);
                await picture(page, `${name}-${width}-${colorScheme}`);
            }
    }
    visitor.sound(/404/);
    await visitor.close();
});
