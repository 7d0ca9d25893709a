// Tickets: the mail that brings them, the presigned download, the list, the keys that tell a forgery.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';

import { checkPdf, pdfText, readQr, sanitized, send, start, waitFor } from './lib.mjs';

const usher = await start();
const organizer = await usher.account({ role: 'organizer', name: 'Fundacja Żółw' });
const buyer = await usher.account({ name: 'José Ñúñez' });
const event = await usher.createFreeEvent(organizer, { title: 'Noc Świętojańska', seats: 300 });

const ticketMail = (m) => m.to.includes(buyer.email) && m.attachments.some((a) => a.contentType === 'text/calendar');
const mailsWith = async (word) => (await usher.allMail()).filter((m) => ticketMail(m) && m.text.includes(word));
const reference = (registration) => registration.registrationId.slice(-12, -2).toUpperCase();

async function fetchUrl(address, { method = 'GET', headers = {}, change = (url) => url } = {}) {
    const url = new URL(address);
    return send(url.origin, method, change(url.pathname + url.search), { headers });
}

function base32(text) {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const bits = [...text].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('');
    return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
}

test('a confirmed registration brings its tickets by mail, at once', async () => {
    const began = performance.now();
    const registration = await usher.register(buyer, event, { quantity: 2, attendees: [
        { ticketTypeId: event.ticketTypes[0].ticketTypeId, name: 'محمد عبد الله', email: 'm@example.org' },
        { ticketTypeId: event.ticketTypes[0].ticketTypeId, name: '王小明', email: 'w@example.org' }] });
    assert.equal(registration.status, 'confirmed');
    const mail = await usher.mail((m) => ticketMail(m) && m.text.includes(reference(registration)));
    const took = performance.now() - began;
    if (!sanitized)
        assert.ok(took < 3000, `${took} ms`); // 1 s by the contract; the machine may be busy with other tests
    assert.match(mail.subject, /Noc Świętojańska/);
    assert.match(mail.text, /Hello José Ñúñez/);
    const pdfs = mail.attachments.filter((a) => a.contentType === 'application/pdf');
    assert.equal(pdfs.length, 2);
    const codes = pdfs.map((a) => readQr(a.content));
    const tickets = await Promise.all(registration.ticketIds.map((id) => usher.ticket(buyer, id)));
    assert.deepEqual(codes.sort(), tickets.map((ticket) => ticket.qrCode).sort());
    for (const { content } of pdfs)
        checkPdf(content);
    assert.match(pdfText(pdfs[1].content), /王小明/);
    assert.deepEqual(tickets.map((ticket) => ticket.attendeeName), ['محمد عبد الله', '王小明']);
    const calendar = mail.attachments.find((a) => a.contentType === 'text/calendar').content.toString();
    assert.match(calendar, /^BEGIN:VCALENDAR\r\n[^]*BEGIN:VEVENT\r\n[^]*END:VCALENDAR\r\n$/);

    // What was attached is what the address gives, byte for byte.
    const pdf = await usher.pdf(buyer, tickets[0].ticketId);
    assert.ok(pdfs.some((a) => a.content.equals(pdf)));
});

test('a download address lets in whoever holds it unbent, for a quarter of an hour', async (t) => {
    const registration = await usher.register(buyer, event);
    const { downloadUrl, downloadUrlExpiresAt } = await usher.ticket(buyer, registration.ticketIds[0]);
    assert.ok(downloadUrl.startsWith(`${usher.url}/objects/`), downloadUrl);
    assert.equal(new URL(downloadUrl).searchParams.get('X-Amz-Expires'), '900');
    const lasts = Date.parse(downloadUrlExpiresAt) - usher.now();
    assert.ok(lasts > 890_000 - 30_000 && lasts <= 900_000, `${lasts} ms`);

    const whole = await fetchUrl(downloadUrl);
    assert.equal(whole.status, 200);
    assert.equal(whole.headers['content-type'], 'application/pdf');
    assert.match(whole.headers['content-disposition'], /^attachment; filename="ticket-[0-9A-F]{10}-1\.pdf"$/);
    assert.equal(whole.headers['cache-control'], 'private, no-store');
    assert.equal(Number(whole.headers['content-length']), whole.bytes.length);
    assert.match(whole.headers['x-request-id'], /^[0-9a-f-]{36}$/);

    await t.test('a part of it', async () => {
        const part = await fetchUrl(downloadUrl, { headers: { range: 'bytes=10-19' } });
        assert.equal(part.status, 206);
        assert.equal(part.headers['content-range'], `bytes 10-19/${whole.bytes.length}`);
        assert.deepEqual(part.bytes, whole.bytes.subarray(10, 20));
        assert.equal((await fetchUrl(downloadUrl, { headers: { range: `bytes=${whole.bytes.length}-` } })).status, 416);
    });

    const bends = {
        'another signature': (url) => url.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
        'another object': (url) => url.replace('.pdf?', '.pdx?'),
        'no signature': (url) => url.replace(/&X-Amz-Signature=.*/, ''),
        'a longer life': (url) => url.replace('X-Amz-Expires=900', 'X-Amz-Expires=901'),
        'a life too long': (url) => url.replace('X-Amz-Expires=900', 'X-Amz-Expires=99999999'),
        'another type': (url) => url.replace('application%2Fpdf', 'text%2Fhtml'),
        'one more parameter': (url) => `${url}&response-content-language=xx`,
        'no query': (url) => url.replace(/\?.*/, ''),
    };
    for (const [name, change] of Object.entries(bends)) {
        await t.test(`${name}: 403`, async () => {
            const answer = await fetchUrl(downloadUrl, { change });
            assert.equal(answer.status, 403, answer.text);
            assert.match(answer.headers['content-type'], /xml/);
            assert.match(answer.text, /<Error><Code>(SignatureDoesNotMatch|AccessDenied)<\/Code>/);
        });
    }
    await t.test('HEAD by an address for GET: 403', async () => {
        assert.equal((await fetchUrl(downloadUrl, { method: 'HEAD' })).status, 403);
    });
    await t.test('through a proxy that names another host it holds', async () => {
        assert.equal((await fetchUrl(downloadUrl, { headers: { host: `localhost:${usher.port}` } })).status, 200);
    });
});

test('the public keys tell a ticket from a forgery in any WebCrypto', async () => {
    const registration = await usher.register(buyer, event);
    const ticket = await usher.ticket(buyer, registration.ticketIds[0]);
    const answer = await usher.api('GET', '/v1/gate-keys');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['cache-control'], /public/);
    const token = base32(ticket.qrCode);
    assert.equal(token.length, 91);
    assert.equal(token[0], 1);
    const jwk = answer.body.keys.find((key) => key.kid === String(token[1]));
    assert.equal(jwk.d, undefined);
    const key = await webcrypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    const verify = (bytes) => webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes.subarray(27), bytes.subarray(0, 27));
    assert.equal(await verify(token), true);
    for (let i = 0; i < token.length; i += 7) {
        const forged = Uint8Array.from(token);
        forged[i] ^= 1;
        assert.equal(await verify(forged), false, `byte ${i}`);
    }
    const hex = Buffer.from(token).toString('hex');
    assert.equal(hex.slice(6, 22), event.eventId.replaceAll('-', '').slice(16));
    assert.equal(hex.slice(22, 54), ticket.ticketId.replaceAll('-', ''));
});

test('the list holds own tickets alone, in a total order, page by page', async () => {
    const account = await usher.account();
    const second = await usher.createFreeEvent(organizer);
    const first = await usher.register(account, event, { quantity: 3 });
    const later = await usher.register(account, second, { quantity: 2 });
    const wanted = [...later.ticketIds, ...first.ticketIds];
    const all = await usher.must(200, 'GET', '/v1/tickets', { token: account.token });
    assert.deepEqual(all.items.map((ticket) => ticket.ticketId), wanted);
    assert.equal(all.nextCursor, null);
    for (const limit of [1, 2, 3, 4]) {
        const seen = [];
        let cursor = '';
        do {
            const page = await usher.must(200, 'GET', `/v1/tickets?limit=${limit}${cursor && `&cursor=${cursor}`}`, { token: account.token });
            assert.ok(page.items.length <= limit);
            seen.push(...page.items.map((ticket) => ticket.ticketId));
            cursor = page.nextCursor;
        } while (cursor);
        assert.deepEqual(seen, wanted);
    }
    const ofSecond = await usher.must(200, 'GET', `/v1/tickets?eventId=${second.eventId}&status=valid`, { token: account.token });
    assert.deepEqual(ofSecond.items.map((ticket) => ticket.ticketId), later.ticketIds);
    assert.deepEqual((await usher.must(200, 'GET', '/v1/tickets?status=used', { token: account.token })).items, []);
    const { items: [one] } = ofSecond;
    assert.deepEqual(Object.keys(one).sort(), ['attendeeName', 'event', 'eventId', 'qrCode', 'registrationId', 'status', 'ticketId', 'ticketTypeId', 'usedAt', 'userId']);
    assert.deepEqual(one.event, { title: second.title, startsAt: second.startsAt, timezone: second.timezone, venue: second.venue });
    assert.equal(one.userId, account.sub);
    await usher.must(401, 'GET', '/v1/tickets');
    await usher.must(422, 'GET', '/v1/tickets?status=lost', { token: account.token });
    await usher.must(422, 'GET', '/v1/tickets?cursor=xyz', { token: account.token });
});

test('a ticket shows itself to its owner and the organizer, and does not exist for others', async () => {
    const registration = await usher.register(buyer, event);
    const path = `/v1/tickets/${registration.ticketIds[0]}`;
    assert.equal((await usher.must(200, 'GET', path, { token: organizer.token })).userId, buyer.sub);
    const stranger = await usher.account({ role: 'organizer' });
    await usher.must(404, 'GET', path, { token: stranger.token });
    await usher.must(401, 'GET', path);
    await usher.must(404, 'GET', path.replace(/..$/, 'ff'), { token: buyer.token });
});

test('the mail comes again when it is asked for, to whom it belongs', async () => {
    const registration = await usher.register(buyer, event);
    const path = `/v1/registrations/${registration.registrationId}/resend`;
    await usher.mail((m) => ticketMail(m) && m.text.includes(reference(registration)));
    await usher.must(202, 'POST', path, { token: organizer.token });
    await waitFor(async () => (await mailsWith(reference(registration))).length === 2, 'a second mail');
    const stranger = await usher.account();
    await usher.must(404, 'POST', path, { token: stranger.token });
    await usher.must(401, 'POST', path);
    const ids = (await mailsWith(reference(registration))).map((m) => m.headers.get('message-id'));
    assert.equal(new Set(ids).size, 2);
});

test('a cancelled ticket has no download, and its mail is not sent again', async () => {
    const registration = await usher.register(buyer, event);
    await usher.mail((m) => ticketMail(m) && m.text.includes(reference(registration)));
    await usher.must(200, 'POST', `/v1/registrations/${registration.registrationId}/refund`, { token: organizer.token, body: {} });
    const ticket = await waitFor(async () => {
        const now = await usher.ticket(buyer, registration.ticketIds[0]);
        return now.status === 'cancelled' && now;
    }, 'the ticket to be cancelled');
    assert.equal(ticket.downloadUrl, null);
    assert.equal(ticket.downloadUrlExpiresAt, null);
    await usher.must(409, 'POST', `/v1/registrations/${registration.registrationId}/resend`, { token: buyer.token });
});

test('an order of many tickets is mailed as addresses', async () => {
    const registration = await usher.register(buyer, event, { quantity: 12 });
    const mail = await usher.mail((m) => ticketMail(m) && m.text.includes(reference(registration)));
    assert.deepEqual(mail.attachments.map((a) => a.contentType), ['text/calendar']);
    const addresses = mail.text.match(/http\S+X-Amz-Signature=[0-9a-f]{64}/g);
    assert.equal(addresses.length, 12);
    const answer = await fetchUrl(addresses[11]);
    assert.equal(answer.status, 200);
    checkPdf(answer.bytes);
});

test('an address ends with its time', async () => {
    const registration = await usher.register(buyer, event);
    const { downloadUrl } = await usher.ticket(buyer, registration.ticketIds[0]);
    await usher.advance(14 * 60_000);
    assert.equal((await fetchUrl(downloadUrl)).status, 200);
    await usher.advance(61_000);
    const answer = await fetchUrl(downloadUrl);
    assert.equal(answer.status, 403);
    assert.match(answer.text, /<Code>AccessDenied<\/Code><Message>Request has expired/);
});

test('a kill loses no mail: what was confirmed is delivered by the next start', async () => {
    const other = await start();
    const account = await other.account({ role: 'organizer' });
    const { eventId, ticketTypes } = await other.createFreeEvent(account);
    // Most of them still wait to be drawn when it is killed.
    const orders = await Promise.all(Array.from({ length: 12 }, () => other.register(account, { eventId, ticketTypes })));
    await other.kill();
    await other.start();
    await waitFor(async () => {
        const mails = (await other.allMail()).map((m) => m.text).join('\n');
        return orders.every((order) => mails.includes(`Order ${reference(order)},`));
    }, 'a mail for each order');
    await other.check();
});

test('no address, name or code of a mail is in the log', async () => {
    assert.ok(!usher.log.includes(buyer.email));
    assert.ok(!usher.log.includes('José'));
    assert.ok(!/X-Amz-Signature/.test(usher.log), 'an address that opens a ticket was logged');
});
