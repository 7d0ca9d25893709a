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
    assert.equal(await page.getByLabel('Title').evaluate((field) => field === document.activeElement), true, 'the first wrong field has the focus');

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
    await page.getByText('Saved.').waitFor();
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
