// The gate scanner in a real browser, with a film of a ticket before its camera: with a network, without one, and of two minds.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { password, start, waitFor } from '../api/lib.mjs';
import { axe, picture, visit } from './browser.mjs';
import { film } from './film.mjs';

const usher = await start({ fast: true });
const organizer = await usher.account({ role: 'organizer', name: 'Olga Organizer' });
const buyer = await usher.account({ name: 'Zoë Buyer' });

// What a dead server does to a page's console.
const offline = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|Failed to fetch/;

async function eventWithTickets(quantity = 1, overrides = {}) {
    const event = await usher.createFreeEvent(organizer, { title: 'Night of Cables & Friends', ...overrides });
    const [{ ticketTypeId }] = event.ticketTypes;
    const attendees = Array.from({ length: quantity }, (_, n) => ({ ticketTypeId, name: ['Ada Lovelace', 'Bob Guest', 'Çelik Ünlü'][n] ?? `Guest ${n}` }));
    await usher.register(buyer, event, { quantity, attendees });
    const { items } = await usher.must(200, 'GET', '/v1/tickets?limit=100', { token: buyer.token });
    return { event, tickets: items.filter((ticket) => ticket.eventId === event.eventId).sort((a, b) => a.attendeeName.localeCompare(b.attendeeName)) };
}

async function device(event, gate) {
    return usher.must(201, 'POST', `/v1/events/${event.eventId}/devices`, { token: organizer.token, body: { name: `Phone at ${gate}`, gate } });
}

// A phone that was set up by its QR code's link and has the list.
async function phone(event, gate, options = {}) {
    const { qrText } = await device(event, gate);
    const visitor = await visit(usher, { width: 390, height: 844, ...options });
    const { page } = visitor;
    await page.goto(usher.url + new URL(qrText).pathname + new URL(qrText).hash);
    await page.getByRole('button', { name: 'Set up this phone' }).click();
    await page.getByText(/The list is here: \d+ ticket/).waitFor();
    assert.equal(new URL(page.url()).hash, '', 'the code does not stay in the address');
    return visitor;
}

const outcome = (page, name) => page.locator(`[data-outcome="${name}"]`);

async function ofTicket(ticket) {
    return (await usher.ticket(buyer, ticket.ticketId)).status;
}

// What a hand scanner types, as fast as one does: keys sent one by one from here may be further apart on a busy machine than the page allows.
const handScanner = (page, text) => page.evaluate((typed) => {
    for (const key of [...typed, 'Enter'])
        (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
}, text);

test('a gate steward scans a ticket by camera: in once, and not again', async (t) => {
    const { event, tickets: [ticket] } = await eventWithTickets();
    const steward = await usher.account({ name: 'Stella Steward' });
    await usher.must(201, 'POST', `/v1/events/${event.eventId}/staff`, { token: organizer.token, body: { email: steward.email, role: 'gate' } });
    const mail = await usher.mail((m) => m.to.includes(steward.email) && /\/invitations\//.test(m.text));
    await usher.must(200, 'POST', '/v1/staff-invitations/accept', { token: steward.token, body: { token: mail.text.match(/invitations\/([\w-]{43})/)[1] } });

    const reel = await film(ticket.qrCode);
    const visitor = await visit(usher, { width: 390, height: 844, args: reel.args });
    const { page } = visitor;
    await page.goto(`${usher.url}/scan`);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('E-mail address').fill(steward.email);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('radio', { name: event.title }).check();
    await page.getByLabel('Name of this gate').fill('North door');
    await picture(page, 'scan-setup-390');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('The list is here: 1 ticket.').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await outcome(page, 'admit').filter({ hasText: /ADMIT\s*Ada Lovelace\s*Free/i }).waitFor(); // in one look: it goes by itself in a second
    await outcome(page, 'admit').waitFor({ state: 'detached' });
    await outcome(page, 'already-used').waitFor();
    assert.match(await outcome(page, 'already-used').innerText(), /ALREADY USED.*North door/is);
    await picture(page, 'scan-used-390');
    assert.equal(await ofTicket(ticket), 'used');
    const [took] = await page.evaluate(() => performance.getEntriesByName('usher.verdict').map((entry) => entry.duration));
    assert.ok(took > 0, 'the time from camera to verdict is measured');
    t.diagnostic(`camera to verdict, with the server: ${took.toFixed(0)} ms`);
    visitor.sound();
    await visitor.close();
    reel.end();
});

test('without a server the scanner opens, lets in and refuses by itself, and hands in as soon as there is one', async (t) => {
    const { event, tickets: [ticket] } = await eventWithTickets();
    const reel = await film(ticket.qrCode);
    const visitor = await phone(event, 'South', { args: reel.args });
    const { page } = visitor;
    await page.getByText('The scanner also opens without a network.').waitFor();
    await usher.kill();
    await page.reload();
    await page.getByText('No connection').waitFor();
    await picture(page, 'scan-start-offline-390');
    await page.getByRole('button', { name: 'Start' }).click();
    await outcome(page, 'saved').waitFor();
    assert.match(await outcome(page, 'saved').innerText(), /SAVED OFFLINE\s+Ada Lovelace/i);
    await picture(page, 'scan-saved-390');
    const [took] = await page.evaluate(() => performance.getEntriesByName('usher.verdict').map((entry) => entry.duration));
    t.diagnostic(`camera to verdict, without a server: ${took.toFixed(0)} ms`);
    await outcome(page, 'saved').click();
    await outcome(page, 'already-used').waitFor();
    await outcome(page, 'already-used').click();
    await usher.start();
    await page.getByText('In sync').waitFor({ timeout: 30_000 });
    await waitFor(async () => (await ofTicket(ticket)) === 'used', 'the scan to be handed in');
    const { items } = await usher.must(200, 'GET', `/v1/events/${event.eventId}/roster`, { token: organizer.token });
    assert.equal(items[0].usedGate, 'South');
    assert.ok(Date.parse(items[0].usedAt) < Date.now() + usher.offset, 'used when it was scanned');
    visitor.sound(offline);
    await visitor.close();
    reel.end();
});

test('two phones without a server let the same ticket in: the second to report is told', async () => {
    const { event, tickets: [ticket] } = await eventWithTickets();
    const reel = await film(ticket.qrCode);
    const both = [await phone(event, 'East', { args: reel.args }), await phone(event, 'West', { args: reel.args })];
    for (const { page } of both)
        await page.getByText('The scanner also opens without a network.').waitFor();
    await usher.kill();
    for (const { page } of both) {
        await page.getByRole('button', { name: 'Start' }).click();
        await outcome(page, 'saved').click();
    }
    await usher.start();
    const conflict = await waitFor(async () => {
        for (const { page } of both)
            if (await page.getByRole('button', { name: '1 conflict' }).count())
                return page;
        return null;
    }, 'a conflict on one of the two');
    // The film still runs, and the ticket is used: that verdict is in the way of everything else until it is tapped.
    await outcome(conflict, 'already-used').click();
    await conflict.getByRole('button', { name: '1 conflict' }).click();
    await conflict.getByText('Let in here, refused by the server').waitFor();
    await conflict.getByText(/Already used: .* at (East|West)/).waitFor();
    await picture(conflict, 'scan-conflict-390');
    assert.ok(await conflict.locator('button', { hasText: 'Undo last' }).isDisabled(), "nobody undoes the other gate's admission");
    const { items } = await usher.must(200, 'GET', `/v1/events/${event.eventId}/roster`, { token: organizer.token });
    assert.equal(items.filter((row) => row.status === 'used').length, 1);
    for (const visitor of both) {
        visitor.sound(offline);
        await visitor.close();
    }
    reel.end();
});

test('a phone without a camera: a hand scanner, the search, undo, and a credential that ends', async () => {
    const { event, tickets: [ada, bob] } = await eventWithTickets(3);
    const { tickets: [stranger] } = await eventWithTickets(1, { title: 'Another night' });
    const visitor = await phone(event, 'Stairs');
    const { page } = visitor;
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('A hand scanner and the search work without a camera.').waitFor();
    const wedge = async (text) => {
        await handScanner(page, text);
    };
    await wedge(ada.qrCode);
    await outcome(page, 'admit').waitFor();
    await outcome(page, 'admit').waitFor({ state: 'detached' });
    assert.equal(await ofTicket(ada), 'used');
    await wedge('HTTPS://EXAMPLE.ORG/NOT-A-TICKET-OF-OURS');
    await outcome(page, 'forged').click();
    await wedge(stranger.qrCode);
    await outcome(page, 'wrong-event').click();

    await page.getByRole('button', { name: 'Undo last' }).click();
    await page.getByText('Ada Lovelace is out again.').waitFor();
    assert.equal(await ofTicket(ada), 'valid');

    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByLabel('Name or ticket number').fill('guest bob');
    await picture(page, 'scan-search-390');
    await page.getByRole('button', { name: 'Let in' }).click();
    await outcome(page, 'admit').waitFor();
    await outcome(page, 'admit').waitFor({ state: 'detached' });
    assert.equal(await ofTicket(bob), 'used');

    const { items: [{ deviceId }] } = await usher.must(200, 'GET', `/v1/events/${event.eventId}/devices`, { token: organizer.token });
    await usher.must(204, 'DELETE', `/v1/events/${event.eventId}/devices/${deviceId}`, { token: organizer.token });
    await wedge(ada.qrCode);
    await outcome(page, 'denied').click();
    await page.getByText('This scanner was revoked').waitFor();
    await page.getByRole('button', { name: 'Not allowed' }).waitFor();
    assert.equal(await ofTicket(ada), 'valid', 'a revoked phone lets nobody in');
    visitor.sound(/401/);
    await visitor.close();
});

test('a phone whose clock is an hour ahead loses no admission: what it let in without a server is taken, at the server\'s time', async () => {
    const { event, tickets: [ticket] } = await eventWithTickets();
    const visitor = await phone(event, 'Tower');
    const { page, context } = visitor;
    await page.getByText('The scanner also opens without a network.').waitFor();
    await context.addInitScript(() => {
        const { now } = Date;
        Date.now = () => now() + 3_600_000;
    });
    await usher.kill();
    await page.reload();
    await page.getByText('No connection').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('A hand scanner and the search').waitFor();
    await handScanner(page, ticket.qrCode);
    await outcome(page, 'saved').click();
    await usher.start();
    await page.getByText('In sync').waitFor({ timeout: 30_000 });
    await waitFor(async () => (await ofTicket(ticket)) === 'used', 'the scan to be handed in');
    assert.equal(await page.getByRole('button', { name: /conflict/ }).count(), 0);
    visitor.sound(offline);
    await visitor.close();
});

test('a full phone says so, and lets in what the server decides; the page opened last scans; stopping is asked about', async () => {
    const { event, tickets: [ada, bob] } = await eventWithTickets(2);
    const visitor = await phone(event, 'Cellar');
    const { page, context } = visitor;
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('A hand scanner and the search').waitFor();
    // As a browser does whose disk is full: the step succeeds, its transaction does not.
    await page.evaluate(() => {
        const { put } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.put = function (...row) {
            const request = put.apply(this, row);
            request.addEventListener('success', () => this.transaction.abort());
            return request;
        };
    });
    await handScanner(page, ada.qrCode);
    await outcome(page, 'admit').waitFor();
    assert.equal(await ofTicket(ada), 'used');
    await outcome(page, 'admit').waitFor({ state: 'detached' });
    await usher.kill();
    await handScanner(page, bob.qrCode);
    await outcome(page, 'unsaved').waitFor();
    await picture(page, 'scan-unsaved-390');
    await axe(page, 'not saved');
    await page.keyboard.press('Enter');
    await outcome(page, 'unsaved').waitFor({ state: 'detached' });
    await usher.start();

    const second = await context.newPage();
    await second.goto(`${usher.url}/scan`);
    await page.getByRole('heading', { name: 'The scanner is open in another tab' }).waitFor();
    await axe(page, 'scanning goes on elsewhere');
    await picture(page, 'scan-elsewhere-390');
    await second.getByText('The list is here: 2 tickets.').waitFor();
    await page.getByRole('button', { name: 'Scan in this tab' }).click();
    await second.getByRole('heading', { name: 'The scanner is open in another tab' }).waitFor();
    await second.close();

    await page.reload();
    await page.getByText('The list is here: 2 tickets.').waitFor();
    await page.getByRole('button', { name: "End this phone's work as a scanner" }).click();
    await page.getByText('To scan again it needs a new code').waitFor();
    await axe(page, 'stopping');
    await page.getByRole('button', { name: 'No, keep scanning' }).click();
    await page.getByRole('button', { name: 'Start' }).waitFor();
    await page.getByRole('button', { name: "End this phone's work as a scanner" }).click();
    await page.getByRole('button', { name: 'Yes, stop' }).click();
    await page.getByRole('heading', { name: 'You work at the gate' }).waitFor();
    visitor.sound(offline, /scanner: /);
    await visitor.close();
});

test('a code that was used sets nothing up', async () => {
    const { event } = await eventWithTickets();
    const { token, qrText } = await device(event, 'Gate');
    await usher.must(200, 'POST', '/v1/devices/claim', { body: { token } });
    const visitor = await visit(usher, { width: 390, height: 844 });
    await visitor.page.goto(usher.url + new URL(qrText).pathname + new URL(qrText).hash);
    await visitor.page.getByRole('button', { name: 'Set up this phone' }).click();
    await visitor.page.getByText('This code is used, too old or withdrawn.').waitFor();
    visitor.sound(/404/);
    await visitor.close();
});

test('every screen can be read by all, small and large, by day and by night', async () => {
    const { event, tickets: [ticket] } = await eventWithTickets(3);
    const { qrText } = await device(event, 'Main entrance');
    const visitor = await visit(usher, { width: 390, height: 844 });
    const { page } = visitor;
    const look = async (name) => {
        for (const [width, height] of [[390, 844], [1280, 900]])
            for (const colorScheme of ['light', 'dark']) {
                await page.setViewportSize({ width, height });
                await page.emulateMedia({ colorScheme });
                await axe(page, `${name} ${width} ${colorScheme}`);
                await picture(page, `scan-${name}-${width}-${colorScheme}`);
            }
    };
    await page.goto(`${usher.url}/scan`);
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    await look('welcome');
    await page.goto(usher.url + new URL(qrText).pathname + new URL(qrText).hash);
    await page.getByRole('button', { name: 'Set up this phone' }).waitFor();
    await look('claim');
    await page.getByRole('button', { name: 'Set up this phone' }).click();
    await page.getByText('The list is here: 3 tickets.').waitFor();
    await look('start');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('A hand scanner and the search').waitFor();
    await look('gate');
    // With letters of twice the size a phone is half as wide; and some hold it on its side.
    for (const [width, height] of [[195, 422], [844, 390]]) {
        await page.setViewportSize({ width, height });
        await axe(page, `gate ${width}`);
    }
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByLabel('Name or ticket number').fill('a');
    await page.getByRole('button', { name: 'Let in' }).first().waitFor();
    await look('search');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'In sync' }).click();
    await page.getByText('Everything is handed in.').waitFor();
    await look('queue');
    await page.getByRole('button', { name: 'Close' }).click();
    await usher.validate(organizer, ticket.qrCode);
    await handScanner(page, ticket.qrCode);
    await outcome(page, 'already-used').waitFor();
    await look('used');
    await outcome(page, 'already-used').click();
    await handScanner(page, 'NOT-A-TICKET-BUT-LONG-ENOUGH');
    await outcome(page, 'forged').waitFor();
    await look('forged');
    visitor.sound();
    await visitor.close();
});

test('in German', async () => {
    const { event } = await eventWithTickets();
    const { qrText } = await device(event, 'Haupteingang');
    const visitor = await visit(usher, { width: 390, height: 844, locale: 'de-DE' });
    const { page } = visitor;
    await page.goto(usher.url + new URL(qrText).pathname + new URL(qrText).hash);
    await page.getByRole('button', { name: 'Dieses Telefon einrichten' }).click();
    await page.getByText('Die Liste ist da: 1 Ticket.').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('Handscanner und Suche').waitFor();
    await picture(page, 'scan-gate-de-390');
    visitor.sound();
    await visitor.close();
});
