// The organizer's pages, in a real browser: from a draft to the sold event, its refunds, its team and its codes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { password, start, waitFor } from '../api/lib.mjs';
import { axe, picture, visit } from './browser.mjs';

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer', name: 'Olga Organizer' });

async function signedIn(account, options) {
    const visitor = await visit(usher, options);
    await visitor.signIn(account, password);
    return visitor;
}
// Every page is judged as a phone and a desk see it, by day and by night.
async function everyLook(account, pages) {
    for (const [width, scheme] of [[390, 'light'], [1280, 'dark'], [1280, 'light'], [390, 'dark']]) {
        const visitor = await signedIn(account, { width, scheme });
        for (const [name, path, sight] of pages) {
            await visitor.page.goto(usher.url + path);
            await sight(visitor.page).first().waitFor();
            await axe(visitor.page, `${name} at ${width}, ${scheme}`);
            await picture(visitor.page, `${name}-${width}-${scheme}`);
        }
        visitor.sound();
        await visitor.close();
    }
}
const nowOf = (eventId) => usher.must(200, 'GET', `/v1/events/${eventId}`, { token: organizer.token });

test('an attendee is told how to become an organizer', async () => {
    const visitor = await signedIn(await usher.account());
    await visitor.page.goto(`${usher.url}/manage`);
    await visitor.page.getByText('it does not put on events').waitFor();
    assert.equal(await visitor.page.getByRole('link', { name: 'Organize', exact: true }).count(), 0);
    await axe(visitor.page, 'manage for an attendee');
    visitor.sound();
    await visitor.close();
});

test('an event is made, refused where it is wrong, kept in the tab, published, found, changed and duplicated', async () => {
    const visitor = await signedIn(organizer);
    const { page } = visitor;
    await page.getByRole('link', { name: 'Organize' }).click();
    await page.getByText('You have no events yet.').waitFor();
    await page.getByRole('link', { name: 'New event' }).click();
    await page.getByRole('button', { name: 'Save the draft' }).click();
    await page.getByText('This is needed.').first().waitFor();
    await waitFor(() => page.getByLabel('Title').evaluate((field) => field === document.activeElement), 'the focus on the first wrong field');

    await page.getByLabel('Title').fill('Evening of <Knots>');
    await page.getByLabel('Time zone').selectOption('Europe/Berlin');
    // Both nights on which a clock in Berlin is odd: 02:30 does not exist on 28 March 2027, and comes twice on 31 October.
    await page.getByLabel('Start', { exact: true }).fill('2027-03-28T02:30');
    await page.getByText('this time does not exist. Use 03:30').waitFor();
    await page.getByLabel('Start', { exact: true }).fill('2027-10-31T02:30');
    await page.getByText('this time comes twice').waitFor();
    await page.getByRole('radio', { name: /GMT\+1|CET$/ }).check();
    await page.getByLabel('End', { exact: true }).fill('2027-10-31T06:00');
    await page.getByLabel('Venue').fill('Kabelhalle');
    await page.getByLabel('City').fill('Köln');
    await page.getByLabel('Country').fill('de');
    const type = page.getByRole('group', { name: /^Ticket type 1|^Standard/ });
    await type.getByLabel('Name').fill('Standard');
    await page.getByLabel('Price (EUR)').fill('25,5x');
    await page.getByText('An amount in this currency').waitFor();
    await page.getByLabel('Price (EUR)').fill('25,50');

    await page.getByRole('link', { name: 'My tickets' }).click();
    await page.getByRole('dialog', { name: 'Leave without saving?' }).waitFor();
    await axe(page, 'leaving an editor');
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('heading', { name: 'My tickets' }).waitFor();
    await page.goto(`${usher.url}/manage/new`);
    await page.getByText('What you had not saved is here again.').waitFor();
    assert.equal(await page.getByLabel('Title').inputValue(), 'Evening of <Knots>');
    await page.getByLabel('Picture').setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') });
    await page.getByRole('button', { name: 'Save the draft' }).click();
    await page.waitForURL(/\/manage\/[0-9a-f-]{36}\/edit$/);
    const eventId = page.url().match(/manage\/([^/]+)/)[1];
    const draft = await nowOf(eventId);
    assert.deepEqual([draft.status, draft.startsAt, draft.venue.country, draft.ticketTypes[0].price], ['draft', '2027-10-31T01:30:00.000Z', 'DE', 2550]);
    assert.ok(draft.imageUrl, 'the picture went with it');

    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('The event is published.').waitFor();
    const guest = await visit(usher);
    await guest.page.goto(usher.url);
    await guest.page.getByRole('link', { name: 'Evening of <Knots>' }).waitFor();
    await guest.close();

    // Somebody else changes the place while the title is being typed: neither change is lost.
    await page.getByLabel('Title').fill('Evening of Knots and Cables');
    await usher.must(200, 'PATCH', `/v1/events/${eventId}`, { token: organizer.token, body: { venue: { city: 'Bonn' } } });
    await page.getByRole('button', { name: 'Save the changes' }).click();
    await page.getByText('Somebody else changed this event meanwhile').waitFor();
    await page.getByRole('button', { name: 'Load their changes' }).click();
    await waitFor(async () => (await page.getByLabel('City').inputValue()) === 'Bonn', 'the other change in the form');
    await page.getByRole('button', { name: 'Save the changes' }).click();
    // Exactly: "The draft is saved." may still stand there from before.
    await page.getByText('Saved.', { exact: true }).waitFor();
    const both = await nowOf(eventId);
    assert.deepEqual([both.title, both.venue.city], ['Evening of Knots and Cables', 'Bonn']);

    // What is sold is guarded by the server's answer, shown at its field.
    const buyer = await usher.account();
    await usher.pay(buyer, await usher.register(buyer, both, { quantity: 3 }));
    await page.getByLabel('Number of tickets').fill('2');
    await page.getByRole('button', { name: 'Save the changes' }).click();
    await page.getByRole('alert').first().waitFor();
    assert.equal((await nowOf(eventId)).ticketTypes[0].quantity, 100);
    await page.getByLabel('Number of tickets').fill('100');

    // A photo as a phone takes it, on its end and of some megabytes, is made as small as the server takes it; what is none is refused here.
    await page.getByLabel('Picture').setInputFiles({ name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') });
    await page.getByText('A PNG, JPEG or WebP picture, please.').waitFor();
    const photo = await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(1500, 2000);
        const context = canvas.getContext('2d');
        const noise = context.createImageData(1500, 2000);
        for (let at = 0; at < noise.data.length; at += 65536)
            crypto.getRandomValues(noise.data.subarray(at, Math.min(at + 65536, noise.data.length)));
        context.putImageData(noise, 0, 0);
        const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
        let text = '';
        for (let at = 0; at < bytes.length; at += 32768)
            text += String.fromCharCode(...bytes.subarray(at, at + 32768));
        return btoa(text);
    }).then((text) => Buffer.from(text, 'base64'));
    assert.ok(photo.length > 5 * 1024 * 1024, 'larger than the server takes');
    await page.getByLabel('Picture').setInputFiles({ name: 'photo.png', mimeType: 'image/png', buffer: photo });
    await page.getByRole('img', { name: 'As buyers will see it' }).waitFor();
    await waitFor(async () => (await page.getByRole('img', { name: 'As buyers will see it' }).getAttribute('src')).startsWith('blob:'), 'the photo beside the form');
    const [put] = await Promise.all([page.waitForRequest((request) => request.method() === 'PUT'), page.getByRole('button', { name: 'Save the changes' }).click()]);
    assert.equal(put.headers()['content-type'], 'image/jpeg');
    await waitFor(async () => (await nowOf(eventId)).imageUrl !== draft.imageUrl, 'the photo at the event');
    await waitFor(() => page.getByRole('complementary').evaluate((aside) => aside === document.activeElement), 'the focus at the buttons after the save');
    await page.getByRole('button', { name: 'Back to draft' }).click();
    await page.getByRole('button', { name: 'Really take it off sale' }).waitFor();
    assert.equal((await nowOf(eventId)).status, 'published', 'asked first');

    await page.goto(`${usher.url}/manage`);
    await page.getByText('3 of 100 sold').waitFor();
    await page.getByRole('link', { name: /^Duplicate/ }).click();
    await waitFor(async () => (await page.getByLabel('Title').inputValue()) === 'Evening of Knots and Cables', 'the copy');
    assert.equal(await page.getByLabel('Start', { exact: true }).inputValue(), '');
    visitor.sound(/409|412|422/);
    await visitor.close();

    await everyLook(organizer, [
        ['manage-events', '/manage', (at) => at.getByText('3 of 100 sold')],
        ['manage-new', '/manage/new', (at) => at.getByLabel('Title')],
        ['manage-edit', `/manage/${eventId}/edit`, (at) => at.getByLabel('Title')],
    ]);
});

test('the overview is live, and a cancelled event is confirmed by its name and shows how far its refunds are', async () => {
    const event = await usher.createEvent(organizer, { title: 'Cables by night', capacity: 40, ticketTypes: [
        { name: 'Standard', price: 2500, quantity: 30 }, { name: 'Guest list', price: 0, quantity: 10 }] });
    const [buyer, guest] = [await usher.account(), await usher.account()];
    const visitor = await signedIn(organizer);
    const { page } = visitor;
    await page.goto(`${usher.url}/manage/${event.eventId}`);
    await page.getByText('0 of 40').waitFor();
    await usher.pay(buyer, await usher.register(buyer, event, { quantity: 2 }));
    const free = await usher.register(guest, event, { type: 1 });
    await usher.validate(organizer, { ticketId: free.ticketIds[0], eventId: event.eventId });
    // Nobody touches the page: it asks by itself every five seconds.
    await page.getByText('3 of 40').waitFor();
    await page.getByText('1 of 3').waitFor();
    await page.getByRole('img', { name: 'Standard: 2 of 30 sold, 0 in' }).waitFor();
    await page.getByRole('img', { name: 'Net by day, EUR' }).waitFor();
    await page.getByText('As a table').last().click();
    await page.getByRole('cell', { name: '€50.00' }).first().waitFor();
    await visitor.close();
    await everyLook(organizer, [['manage-overview', `/manage/${event.eventId}`, (at) => at.getByRole('img', { name: 'Net by day, EUR' })]]);

    const again = await signedIn(organizer);
    await again.page.goto(`${usher.url}/manage/${event.eventId}`);
    await again.page.getByRole('button', { name: 'Cancel the event…' }).click();
    const sure = again.page.getByRole('button', { name: 'Cancel it and refund everybody' });
    await again.page.getByLabel("Type the event's title").fill('Cables');
    assert.equal(await sure.isDisabled(), true, 'half a name is no confirmation');
    await again.page.getByLabel("Type the event's title").fill('Cables by night');
    await axe(again.page, 'cancelling');
    await sure.click();
    await again.page.getByText('1 of 1 refunds are done.').waitFor({ timeout: 30_000 });
    await axe(again.page, 'cancelled');
    assert.equal((await nowOf(event.eventId)).status, 'cancelled');
    again.sound();
    await again.close();
});

test('registrations are searched, shown, mailed again, and refunded by ticket, by amount and whole', async () => {
    const event = await usher.createEvent(organizer, { capacity: 40, ticketTypes: [{ name: 'Standard', price: 2500, quantity: 30 }] });
    const buyer = await usher.account({ name: 'Zoë Buyer' });
    const other = await usher.account({ name: 'Max Other' });
    const paid = await usher.pay(buyer, await usher.register(buyer, event, { quantity: 3 }));
    await usher.pay(other, await usher.register(other, event));
    const look = () => usher.registration(organizer, paid.registrationId);
    const visitor = await signedIn(organizer);
    const { page } = visitor;
    await page.goto(`${usher.url}/manage/${event.eventId}/registrations`);
    await page.getByRole('button', { name: /Max Other/ }).waitFor();
    await page.getByLabel('Search').fill('zoe');
    await page.getByRole('button', { name: /Max Other/ }).waitFor({ state: 'detached' });
    await page.waitForURL(/q=zoe/);
    const file = page.waitForEvent('download');
    await page.getByRole('button', { name: 'All as CSV' }).click();
    assert.equal((await file).suggestedFilename(), 'registrations.csv');

    await page.getByRole('button', { name: /Zoë Buyer/ }).click();
    await page.getByRole('dialog').getByText('3 tickets').waitFor();
    await axe(page, 'a registration');
    await picture(page, 'manage-registration-1280');
    await page.getByRole('button', { name: 'Mail the tickets again' }).click();
    await page.getByText('The tickets are being mailed again.').waitFor();

    await page.getByRole('button', { name: 'Refund…' }).click();
    await page.getByText('€75.00 goes back to the buyer.').waitFor();
    await page.getByText('3 tickets become void').waitFor();
    await page.getByRole('radio', { name: 'Single tickets' }).check();
    await page.getByRole('dialog').getByRole('checkbox').first().check();
    await page.getByText('€25.00 goes back to the buyer.').waitFor();
    await page.getByText('1 ticket becomes void').waitFor();
    await page.getByLabel('Reason').fill('Fell ill');
    await axe(page, 'a refund');
    await picture(page, 'manage-refund-1280');
    assert.equal((await look()).refundedAmount, 0, 'nothing before the button');
    await page.getByRole('button', { name: 'Refund now' }).dblclick();
    await page.getByText('Fell ill').waitFor();
    await page.getByText('done', { exact: true }).waitFor({ timeout: 30_000 });
    let now = await look();
    assert.deepEqual([now.status, now.refundedAmount, now.refunds.length], ['confirmed', 2500, 1], 'the double click gave back once');

    await page.getByRole('button', { name: 'Refund…' }).click();
    await page.getByRole('radio', { name: 'An amount; the tickets stay valid' }).check();
    await page.getByLabel('Amount (EUR)').fill('60');
    await page.getByText('An amount up to €50.00').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Refund now' }).isDisabled(), true);
    await page.getByLabel('Amount (EUR)').fill('10,50');
    await page.getByText('All tickets stay valid.').waitFor();
    await page.getByRole('button', { name: 'Refund now' }).click();
    await page.getByRole('button', { name: 'Refund…' }).waitFor();
    now = await look();
    assert.deepEqual([now.status, now.refundedAmount], ['confirmed', 3550]);

    await page.getByRole('button', { name: 'Refund…' }).click();
    await page.getByText('€39.50 goes back to the buyer.').waitFor();
    await page.getByRole('button', { name: 'Refund now' }).click();
    await page.getByRole('dialog').getByText('Refunded', { exact: true }).waitFor();
    now = await look();
    assert.deepEqual([now.status, now.refundedAmount], ['refunded', 7500]);
    visitor.sound();
    await visitor.close();
    await everyLook(organizer, [['manage-registrations', `/manage/${event.eventId}/registrations`, (at) => at.getByRole('button', { name: /Max Other/ })]]);
});

test('several registrations are mailed again and refunded at once; one that is refused keeps none of the others', async () => {
    const event = await usher.createEvent(organizer, { capacity: 40, ticketTypes: [{ name: 'Standard', price: 2500, quantity: 30 }] });
    const names = ['Ada Early', 'Ben Between', 'Cem Cancelled', 'Dora Debt'];
    const made = [];
    for (const name of names) {
        const buyer = await usher.account({ name });
        const registration = await usher.register(buyer, event, { quantity: 2 });
        made.push({ buyer, id: registration.registrationId });
        if (name !== 'Dora Debt')
            await usher.pay(buyer, registration);
    }
    const visitor = await signedIn(organizer, { width: 390 });
    const { page } = visitor;
    await page.goto(`${usher.url}/manage/${event.eventId}/registrations`);
    await page.getByRole('button', { name: /Dora Debt/ }).waitFor();
    assert.equal(await page.getByLabel('Choose Dora Debt').isDisabled(), true, 'what is not paid has no tickets');
    await page.getByRole('button', { name: 'Choose all shown' }).click();
    await page.getByText('3 chosen').waitFor();
    await axe(page, 'choosing registrations');
    await picture(page, 'manage-bulk-390');
    await page.getByRole('region', { name: 'Chosen registrations' }).getByRole('button', { name: 'Mail the tickets again' }).click();
    await page.getByText('The tickets of 3 registrations are mailed again').waitFor();
    await page.getByRole('button', { name: 'Mail now' }).click();
    await page.getByText('3 registrations are done.').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    assert.equal(await page.getByText(/chosen/).count(), 0);

    await page.getByLabel('Choose Ada Early').check();
    await page.getByLabel('Choose Cem Cancelled').check();
    await page.getByRole('region', { name: 'Chosen registrations' }).getByRole('button', { name: 'Refund…' }).click();
    await page.getByText('€100.00 goes back in all.').waitFor();
    await axe(page, 'a refund of several');
    await picture(page, 'manage-bulk-refund-390');
    // Meanwhile somebody else gives one of them back: that one is refused, and the other is done all the same.
    await usher.must(200, 'POST', `/v1/registrations/${made[2].id}/refund`, { token: organizer.token, body: {} });
    await page.getByRole('button', { name: 'Refund 2 registrations now' }).dblclick();
    await page.getByText('1 registration is done.').waitFor();
    await page.getByText('1 was not done; it stays chosen.').waitFor();
    await page.getByRole('dialog').getByText('Cem Cancelled').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    for (const [n, refunds] of [[0, 1], [1, 0], [2, 1]])
        assert.equal((await usher.registration(organizer, made[n].id)).refunds.length, refunds, names[n]);
    await page.getByRole('button', { name: /Ada Early.*Refunded/s }).waitFor({ timeout: 30_000 });
    visitor.sound(/409/);
    await visitor.close();
});

test('a manager is invited, accepts with the right address only, and sees what a manager may; a phone becomes a scanner', async () => {
    const event = await usher.createEvent(organizer, { title: 'Evening of helpers' });
    const helper = await usher.account({ name: 'Hilde Helper' });
    const visitor = await signedIn(organizer);
    const { page } = visitor;
    await page.goto(`${usher.url}/manage/${event.eventId}/team`);
    await page.getByLabel('E-mail address').fill(helper.email);
    await page.getByRole('combobox', { name: 'Role', exact: true }).selectOption('manager');
    await page.getByRole('button', { name: 'Invite' }).click();
    await page.getByText('Invited until').waitFor();
    const mail = await usher.mail((one) => one.to.includes(helper.email) && one.text.includes('/invitations/'));
    const path = mail.text.match(/\/invitations\/[\w-]+/)[0];

    const wrong = await signedIn(await usher.account(), { width: 390, scheme: 'dark' });
    await wrong.page.goto(usher.url + path);
    await wrong.page.getByRole('button', { name: /^Accept as/ }).click();
    await wrong.page.getByText('mailed to another address than yours').waitFor();
    await axe(wrong.page, 'a refused invitation');
    wrong.sound(/403/);
    await wrong.close();

    const right = await visit(usher, { width: 390 });
    await right.page.goto(usher.url + path);
    await right.page.getByText('Evening of helpers').waitFor();
    await axe(right.page, 'an invitation');
    await picture(right.page, 'invitation-390');
    await right.page.getByRole('link', { name: 'Sign in to accept' }).click();
    await right.page.getByLabel('E-mail address').fill(helper.email);
    await right.page.getByRole('textbox', { name: 'Password' }).fill(password);
    await right.page.getByRole('button', { name: 'Sign in' }).click();
    await right.page.getByRole('button', { name: /^Accept as/ }).click();
    await right.page.getByRole('heading', { name: 'Evening of helpers' }).waitFor();
    await right.page.getByText('0 of 100', { exact: true }).waitFor();
    assert.equal(await right.page.getByText('What it earned').count(), 0, 'the money is not a manager\'s');
    assert.equal(await right.page.getByText('Cancel the event').count(), 0);
    await right.page.goto(`${usher.url}/manage`);
    await right.page.getByRole('heading', { name: 'Events where you help' }).waitFor();
    right.sound();
    await right.close();

    await page.reload();
    await page.getByText('On the team').waitFor();
    await page.getByLabel('Role of Hilde Helper').selectOption('gate');
    await waitFor(async () => (await usher.must(200, 'GET', `/v1/events/${event.eventId}/staff`, { token: organizer.token })).items[0].role === 'gate', 'the new role');

    await page.getByLabel('Name of the phone').fill('Door phone');
    await page.getByLabel('Gate (may be empty)').fill('North');
    await page.getByRole('button', { name: 'Add a phone' }).click();
    await page.getByRole('img', { name: 'QR code that makes a phone a scanner' }).waitFor();
    await axe(page, 'a phone\'s code');
    await picture(page, 'manage-phone-1280');
    const src = await page.getByRole('img', { name: 'QR code that makes a phone a scanner' }).evaluate((img) => img.naturalWidth);
    assert.ok(src > 0, 'the code is drawn');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy the address instead' }).click();
    const address = await waitFor(() => page.evaluate(() => navigator.clipboard.readText()), 'the address');
    const token = decodeURIComponent(address.split('#')[1]).replace(/^.*[=/]/, '');
    await usher.must(200, 'POST', '/v1/devices/claim', { body: { token } });
    await page.getByText('The phone is ready to scan.').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Rename Door phone' }).click();
    await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Side door');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Revoke Side door' }).click();
    await page.getByRole('button', { name: 'Really revoke Side door' }).click();
    await page.getByText('Revoked').waitFor();
    await page.getByRole('button', { name: 'Remove Hilde Helper' }).click();
    await page.getByRole('button', { name: 'Really remove Hilde Helper' }).click();
    await page.getByText('Nobody yet.').waitFor();
    visitor.sound();
    await visitor.close();
    await everyLook(organizer, [['manage-team', `/manage/${event.eventId}/team`, (at) => at.getByText('Side door')]]);
});

test('codes are made one by one and many at once, lower the price, change, and are switched off', async () => {
    const event = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Standard', price: 2500, quantity: 100 }] });
    const quote = (discountCode) => usher.api('POST', '/v1/price-quotes', {
        body: { eventId: event.eventId, items: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, quantity: 1 }], discountCode } });
    const visitor = await signedIn(organizer);
    const { page } = visitor;
    await page.goto(`${usher.url}/manage/${event.eventId}/codes`);
    await page.getByText('No codes yet.').waitFor();
    await page.getByRole('button', { name: 'New code' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('This is needed.').waitFor();
    await page.getByLabel('Code', { exact: true }).fill('FRIENDS');
    await page.getByLabel('Percent', { exact: true }).fill('12,5');
    await axe(page, 'a new code');
    await picture(page, 'manage-code-1280');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('12.5 % off each ticket').waitFor();
    assert.equal((await quote('friends')).body.amount, 2187);

    await page.getByRole('button', { name: 'New code' }).click();
    await page.getByLabel('Code', { exact: true }).fill('Friends');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByRole('alert').first().waitFor();
    await page.getByRole('button', { name: 'Close' }).click();

    await page.getByRole('button', { name: 'Many codes at once' }).click();
    await page.getByLabel('Every code begins with').fill('VIP-');
    await page.getByLabel('How many codes').fill('7');
    await page.getByLabel('Takes off').selectOption('ticket');
    await page.getByLabel('Amount (EUR)').fill('5');
    await page.getByRole('button', { name: 'Make the codes' }).click();
    await page.getByText('7 codes are made.').waitFor();
    const codes = (await page.getByLabel('The codes, one a line').inputValue()).split('\n');
    assert.equal(new Set(codes).size, 7);
    assert.equal((await quote(codes[0])).body.amount, 2000);
    await page.getByRole('button', { name: 'Done' }).click();

    await page.getByRole('button', { name: 'Change FRIENDS' }).click();
    await page.getByLabel('Registrations in all').fill('2');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Used 0 of 2 times').waitFor();
    await page.getByRole('button', { name: 'Switch off FRIENDS' }).click();
    await page.getByText('Switched off').waitFor();
    assert.equal((await quote('friends')).status, 422);
    await page.getByRole('button', { name: 'Delete FRIENDS' }).click();
    await page.getByRole('button', { name: 'Delete FRIENDS' }).waitFor({ state: 'detached' });
    visitor.sound(/409|422/);
    await visitor.close();
    await everyLook(organizer, [['manage-codes', `/manage/${event.eventId}/codes`, (at) => at.getByText(codes[0])]]);
});
