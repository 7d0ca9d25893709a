// Receipts and credit notes: numbered without gaps for each organizer, never changed once given, and sound PDFs in any script.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { checkPdf, pdfText, send, start, uuid7, waitFor } from './lib.mjs';

let usher, organizer, buyer;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer', name: 'Olga Orga' });
    buyer = await usher.account({ name: 'Béa 王小明' });
});

const papers = (registration, { who = buyer, status = 200 } = {}) => usher.must(status, 'GET', `/v1/registrations/${registration.registrationId}/receipt`, { token: who.token });
async function fetchPdf(paper) {
    const url = new URL(paper.downloadUrl);
    const answer = await send(url.origin, 'GET', url.pathname + url.search);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-disposition'], /filename="(receipt-R|credit-note-C)-\d{6}\.pdf"/);
    checkPdf(answer.bytes);
    return { bytes: answer.bytes, text: pdfText(answer.bytes) };
}
const priced = (overrides) => usher.createEvent(organizer, {
    serviceFee: { fixed: 100, percentBps: 250 }, seller: { name: 'Lange Kabel GmbH', address: 'Ringstraße 1\n50667 Köln', taxId: 'DE123456789' },
    ticketTypes: [{ name: 'Standard', price: 2500, quantity: 100, taxRateBps: 1900 }, { name: 'Ermäßigt', price: 1050, quantity: 100, taxRateBps: 700, taxIncluded: false }],
    ...overrides,
});
const order = async (event, items, options = {}) => {
    const body = { eventId: event.eventId, items: items.map(([type, quantity]) => ({ ticketTypeId: event.ticketTypes[type].ticketTypeId, quantity })), discountCode: options.code };
    return usher.pay(options.who ?? buyer, await usher.must(201, 'POST', '/v1/registrations', { token: (options.who ?? buyer).token, key: uuid7(), body }));
};
const refund = (registration, body) => usher.must(200, 'POST', `/v1/registrations/${registration.registrationId}/refund`, { token: organizer.token, body });
const credited = (registration, count) => waitFor(async () => {
    const all = await papers(registration);
    return all.creditNotes.length === count && all;
}, `${count} credit notes`);

test('a paid order has a receipt with everything that was paid, in its mail too', async () => {
    const event = await priced();
    await usher.must(201, 'POST', `/v1/events/${event.eventId}/discount-codes`, { token: organizer.token, body: { code: 'FRÜH', amount: 1000 } });
    const paid = await order(event, [[0, 1], [1, 2]], { code: 'früh' });
    const { receipt, creditNotes, currency } = await papers(paid);
    assert.match(receipt.number, /^R-\d{6}$/);
    assert.deepEqual([receipt.amount, currency, creditNotes], [paid.amount, 'EUR', []]);
    const { bytes, text } = await fetchPdf(receipt);
    for (const part of ['Receipt', receipt.number, 'Lange Kabel GmbH', 'Ringstraße 1', '50667 Köln', 'Tax ID DE123456789', 'Béa 王小明', event.title, 'Standard', 'Ermäßigt',
        paid.paymentIntentId, 'EUR 46.00', 'Discount (FRÜH)', 'EUR -10.00', 'Service fee', 'EUR 3.91', 'Tax 7 %', 'EUR 1.15', 'Total paid', 'EUR 41.06', 'Tax 19 % included in EUR 19.57', 'EUR 3.12',
        'Tax 7 % on EUR 16.43'])
        assert.ok(text.includes(part), `${part} in:\n${text}`);
    const mail = await usher.mail((m) => m.to.includes(buyer.email) && m.attachments.some((a) => a.filename === `receipt-${receipt.number}.pdf`));
    assert.ok(mail.attachments.find((a) => a.filename.startsWith('receipt')).content.equals(bytes), 'what was mailed is what the address gives');
    assert.match(mail.text, new RegExp(`Receipt ${receipt.number} is attached`));
    assert.ok(!text.includes(buyer.email), 'a name is enough for the books');
    // Nothing that happens later changes it.
    await usher.must(200, 'PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body: { title: 'Another name', seller: null } });
    assert.ok((await fetchPdf((await papers(paid)).receipt)).bytes.equals(bytes));
    assert.equal((await papers(paid, { who: organizer })).receipt.number, receipt.number, 'who runs the event sees it');
    const stranger = await usher.account();
    await papers(paid, { who: stranger, status: 404 });
});

test('an order that went back in a hundred pieces and more has a credit note for each, in pages', async () => {
    const event = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Standard', price: 50_000, quantity: 10, taxRateBps: 1900 }] });
    const paid = await order(event, [[0, 1]]);
    const pieces = 103;
    for (let n = 0; n < pieces; n++)
        await refund(paid, { amount: 100 + n });
    const all = async () => {
        const notes = [];
        for (let cursor = ''; cursor !== null;) {
            const page = await usher.must(200, 'GET', `/v1/registrations/${paid.registrationId}/receipt?limit=40${cursor}`, { token: buyer.token });
            assert.match(page.receipt.number, /^R-/);
            assert.ok(page.creditNotes.length <= 40);
            notes.push(...page.creditNotes);
            cursor = page.nextCursor ? `&cursor=${encodeURIComponent(page.nextCursor)}` : null;
        }
        return notes;
    };
    const notes = await waitFor(async () => {
        const now = await all();
        return now.length === pieces && now;
    }, 'all credit notes', { timeout: 60_000, every: 500 });
    assert.equal(new Set(notes.map((note) => note.number)).size, pieces);
    assert.equal(notes.reduce((sum, note) => sum + note.amount, 0), 103 * 100 + 102 * 103 / 2);
    // The last one gives back what is left of the tax, which only who knows all before it can say.
    await refund(paid, {});
    const last = await waitFor(async () => (await all()).at(pieces), 'the last', { timeout: 60_000, every: 500 });
    const cents = (text) => [...text.matchAll(/ax 19 %[^\n]*?EUR (\d+\.\d\d)\s*$/gm)].reduce((sum, [, amount]) => sum + Math.round(Number(amount) * 100), 0);
    const before = notes.reduce((sum, note) => sum + Math.floor(7983 * note.amount / 50_000), 0);
    assert.equal(cents((await fetchPdf(last)).text), 7983 - before);
});

test('what is free, or not paid, has none', async () => {
    const free = await usher.register(buyer, await usher.createFreeEvent(organizer));
    await papers(free, { status: 404 });
    const event = await priced();
    await papers(await usher.register(buyer, event), { status: 404 });
});

test('each refund that went out has a credit note; together they give back every tax to the cent', async () => {
    const event = await priced();
    const paid = await order(event, [[0, 2], [1, 1]]);
    await refund(paid, { ticketIds: [paid.ticketIds[0]] });
    const one = await credited(paid, 1);
    const first = await fetchPdf(one.creditNotes[0]);
    assert.equal(one.creditNotes[0].amount, 2663);
    for (const part of ['Credit note', `For receipt ${one.receipt.number}`, 'Standard, returned', 'EUR 26.63', 'Tax 19 % included in EUR 25.00', 'EUR 3.99'])
        assert.ok(first.text.includes(part), `${part} in:\n${first.text}`);
    await refund(paid, { amount: 500 });
    const two = await credited(paid, 2);
    assert.match((await fetchPdf(two.creditNotes[1])).text, /Refund +EUR 5\.00/);
    await refund(paid, {});
    const all = await credited(paid, 3);
    assert.equal(all.creditNotes.reduce((sum, n) => sum + n.amount, 0), paid.amount);
    const tax = async (rate) => {
        let cents = 0;
        for (const note of all.creditNotes)
            for (const [, amount] of (await fetchPdf(note)).text.matchAll(new RegExp(`ax ${rate} %[^\\n]*?EUR (\\d+\\.\\d\\d)\\s*$`, 'gm')))
                cents += Math.round(Number(amount) * 100);
        return cents;
    };
    assert.equal(await tax(19), 2 * 399);
    assert.equal(await tax(7), 74);
});

test('numbers have no gap and are given once, however many orders are paid at once', async () => {
    const owner = await usher.account({ role: 'organizer', name: 'Zahl & Reihe' });
    const events = await Promise.all([0, 1, 2].map(() => usher.createEvent(owner, { ticketTypes: [{ name: 'Standard', price: 1500, quantity: 50 }] })));
    const paid = await Promise.all(Array.from({ length: 24 }, (_, i) => order(events[i % 3], [[0, 1]])));
    const asked = await Promise.all([...paid, ...paid].map((r) => papers(r)));
    const numbers = asked.map((a) => a.receipt.number);
    assert.deepEqual([...new Set(numbers)].sort(), Array.from({ length: 24 }, (_, i) => `R-${String(i + 1).padStart(6, '0')}`));
    assert.deepEqual(numbers.slice(0, 24), numbers.slice(24));
    const resold = await usher.must(202, 'POST', `/v1/registrations/${paid[0].registrationId}/resend`, { token: buyer.token });
    assert.equal(resold.status, 'queued');
    await usher.restart();
    assert.equal((await papers(paid[0])).receipt.number, numbers[0], 'also after a restart');
    await usher.check();
});

test('currencies without minor units and with three digits, and names in any script', async () => {
    const reader = await usher.account({ name: 'نور المصري' });
    const yen = await usher.createEvent(organizer, { title: '東京ナイトラン', currency: 'JPY', timezone: 'Asia/Tokyo', ticketTypes: [{ name: '一般', price: 4545, quantity: 10, taxRateBps: 1000, taxIncluded: false }] });
    const first = (await fetchPdf((await papers(await order(yen, [[0, 2]], { who: reader }), { who: reader })).receipt)).text;
    for (const part of ['JPY 4545', 'JPY 9090', 'JPY 910', 'JPY 10000', '東京ナイトラン', 'Olga Orga'])
        assert.ok(first.includes(part), `${part} in:\n${first}`);
    const dinar = await usher.createEvent(organizer, { currency: 'KWD', timezone: 'Asia/Kuwait', ticketTypes: [{ name: 'دخول', price: 1250, quantity: 10, taxRateBps: 500 }] });
    const second = (await fetchPdf((await papers(await order(dinar, [[0, 3]], { who: reader }), { who: reader })).receipt)).text;
    for (const part of ['KWD 1.250', 'KWD 3.750', 'KWD 0.180'])
        assert.ok(second.includes(part), `${part} in:\n${second}`);
});

test('a hundred lines go on over pages', async () => {
    const event = await usher.createEvent(organizer, { capacity: 1000,
        ticketTypes: Array.from({ length: 100 }, (_, i) => ({ name: `Row ${i + 1}, ${'with a rather long name '.repeat(3)}`.slice(0, 100).trim(), price: 1000 + i, quantity: 10, taxRateBps: 100 * (i % 25) })) });
    const paid = await order(event, event.ticketTypes.map((_, i) => [i, 1]));
    const { text } = await fetchPdf((await papers(paid)).receipt);
    assert.ok(text.includes('Row 1,') && text.includes('Row 100,') && text.includes('Page 4'), text);
    assert.ok(text.includes('Total paid'));
});
