// The whole main job, end to end, with every part real: from a stranger's sign-up to a ticket that opens the gate once.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkPdf, pdfText, readQr, send, start } from './lib.mjs';

const usher = await start();

test('from sign-up to the opened gate', async (t) => {
    let organizer, buyer, event, registration, ticket, code, broken;
    // Each step stands on the one before: what follows a broken one is not tried.
    const step = (name, run) => t.test(name, async (s) => {
        if (broken)
            return s.skip('a step before it failed');
        broken = true;
        await run();
        broken = false;
    });

    await step('an organizer and a buyer sign up, verify by mail, sign in', async () => {
        organizer = await usher.account({ role: 'organizer', name: 'Orla Organizer' });
        buyer = await usher.account({ role: 'attendee', name: 'Zoë Ważna' });
        assert.deepEqual(organizer.claims['cognito:groups'], ['Organizers']);
        assert.deepEqual(buyer.claims['cognito:groups'], ['Attendees']);
        assert.equal(buyer.claims.email_verified, true);
    });

    await step('the organizer creates an event; a buyer may not', async () => {
        await usher.must(403, 'POST', '/v1/events', { token: buyer.token, body: usher.eventBody() });
        event = await usher.createEvent(organizer, { title: 'Großes Kabelfest', capacity: 3, ticketTypes: [
            { name: 'Standard', price: 2500, quantity: 2 }, { name: 'Patron', price: 9900, quantity: 2 }] });
        assert.equal(event.status, 'published');
    });

    await step('anyone finds it by a word, in any case and without its accents', async () => {
        const found = await usher.must(200, 'GET', '/v1/events?q=grosses+KABELFEST&city=K%C3%B6ln&category=technology');
        assert.deepEqual(found.items.map((e) => e.eventId), [event.eventId]);
        const shown = await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
        assert.equal(shown.ticketTypes[0].available, 2);
    });

    await step('the buyer registers: a hold with a deadline', async () => {
        registration = await usher.register(buyer, event, { attendees: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, name: 'Zoë Ważna', email: buyer.email }] });
        assert.equal(registration.status, 'pending');
        assert.equal(registration.amount, 2500);
        assert.ok(Date.parse(registration.expiresAt) > usher.now());
        const shown = await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
        assert.equal(shown.ticketTypes[0].available, 1);
    });

    await step('a declined card leaves the hold, a good one confirms it', async () => {
        const declined = await usher.confirmIntent(await usher.intent(buyer, registration), 'pm_card_visa_chargeDeclined');
        assert.equal(declined.status, 402);
        assert.equal(declined.body.error.type, 'card_error');
        assert.equal((await usher.registration(buyer, registration.registrationId)).status, 'pending');
        registration = await usher.pay(buyer, registration);
        assert.equal(registration.ticketIds.length, 1);
        assert.equal(registration.expiresAt, null);
    });

    await step('the ticket comes by mail with its PDF and a calendar entry', async () => {
        const mail = await usher.mail((m) => m.to.includes(buyer.email) && m.attachments.some((a) => a.contentType === 'application/pdf'));
        assert.ok(mail.attachments.some((a) => a.contentType === 'text/calendar'), mail.attachments.map((a) => a.contentType).join());
        const pdf = mail.attachments.find((a) => a.contentType === 'application/pdf').content;
        checkPdf(pdf);
        assert.match(pdfText(pdf), /Kabelfest/);
    });

    await step('the download is presigned, good for 15 minutes, and for nobody who bends it', async () => {
        ticket = await usher.ticket(buyer, registration.ticketIds[0]);
        const left = Date.parse(ticket.downloadUrlExpiresAt) - usher.now();
        assert.ok(left > 13 * 60_000 && left <= 15 * 60_000 + 1000, `${left} ms`);
        const url = new URL(ticket.downloadUrl);
        const bent = await send(url.origin, 'GET', url.pathname + url.search.replace(/(X-Amz-Signature=)(.)/, (_, name, c) => name + (c === '0' ? '1' : '0')));
        assert.equal(bent.status, 403);
        const pdf = await usher.pdf(buyer, ticket.ticketId);
        checkPdf(pdf);
        code = readQr(pdf);
        assert.equal(code, ticket.qrCode);
        assert.equal(code.length, 146);
        const stranger = await usher.account();
        await usher.must(404, 'GET', `/v1/tickets/${ticket.ticketId}`, { token: stranger.token });
    });

    await step('the gate admits it once and says afterwards when and where', async () => {
        await usher.must(403, 'POST', '/v1/validate-ticket', { token: buyer.token, body: { qrCode: code } });
        const forged = code.slice(0, -8) + (code.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA');
        assert.equal((await usher.validate(organizer, { qrCode: forged })).reason, 'forged');
        const first = await usher.validate(organizer, { qrCode: code, eventId: event.eventId, gate: 'North' });
        assert.deepEqual([first.result, first.reason], ['valid', null], JSON.stringify(first));
        const second = await usher.validate(organizer, { qrCode: code, eventId: event.eventId, gate: 'South' });
        assert.deepEqual([second.result, second.reason, second.firstUsedGate], ['invalid', 'already-used', 'North'], JSON.stringify(second));
        assert.equal((await usher.ticket(buyer, ticket.ticketId)).status, 'used');
    });

    await step('the books balance', async () => {
        await usher.check();
    });
});
