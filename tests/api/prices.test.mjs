// What a ticket costs in the end: tax, service fee, discount codes, hidden ticket types, quotes; and that a code's limit is a limit.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { send, start, uuid7, waitFor } from './lib.mjs';

let usher, organizer, other, buyer;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer' });
    other = await usher.account({ role: 'organizer' });
    buyer = await usher.account();
});

const path = (event, rest = '') => `/v1/events/${event.eventId}/discount-codes${rest}`;
const makeCode = (event, body) => usher.must(201, 'POST', path(event), { token: organizer.token, body });
const typeIds = (event) => event.ticketTypes.map((t) => t.ticketTypeId);
const quote = (event, items, discountCode, options) =>
    usher.api('POST', '/v1/price-quotes', { body: { eventId: event.eventId, items: items.map(([type, quantity]) => ({ ticketTypeId: typeIds(event)[type] ?? type, quantity })), discountCode }, ...options });
const buy = (event, items, discountCode, { who = buyer, ...options } = {}) =>
    usher.api('POST', '/v1/registrations', { token: who.token, key: uuid7(), body: { eventId: event.eventId, items: items.map(([type, quantity]) => ({ ticketTypeId: typeIds(event)[type] ?? type, quantity })), discountCode }, ...options });
const fault = (answer) => answer.body.errors.map((e) => [e.pointer, e.code]);

// 19 % in the price, 7 % on top, and one that is free; a fee of 1.00 and 2.5 % from the buyer.
const priced = (overrides) => usher.createEvent(organizer, {
    serviceFee: { fixed: 100, percentBps: 250, paidBy: 'buyer' },
    seller: { name: 'Lange Kabel GmbH', address: 'Ringstraße 1\n50667 Köln', taxId: 'DE123456789' },
    ticketTypes: [
        { name: 'Standard', price: 2500, quantity: 100, taxRateBps: 1900 },
        { name: 'Reduced', price: 1050, quantity: 100, taxRateBps: 700, taxIncluded: false },
        { name: 'Child', price: 0, quantity: 100 },
    ],
    ...overrides,
});

describe('the whole price', () => {
    test('stands on the event before anything is ordered, and a quote and a registration say the same', async () => {
        const event = await priced();
        assert.deepEqual(event.serviceFee, { fixed: 100, percentBps: 250, paidBy: 'buyer' });
        assert.equal(event.seller.taxId, 'DE123456789');
        const shown = event.ticketTypes.map(({ price, fee, tax, total, taxRateBps, taxIncluded }) => ({ price, fee, tax, total, taxRateBps, taxIncluded }));
        assert.deepEqual(shown, [
            { price: 2500, fee: 163, tax: 399, total: 2663, taxRateBps: 1900, taxIncluded: true },
            { price: 1050, fee: 126, tax: 74, total: 1250, taxRateBps: 700, taxIncluded: false },
            { price: 0, fee: 0, tax: 0, total: 0, taxRateBps: 0, taxIncluded: true },
        ]);
        const asked = (await quote(event, [[0, 2], [1, 3], [2, 1]])).body;
        assert.deepEqual(asked.items.map((i) => i.total), [2 * 2663, 3 * 1250, 0]);
        assert.deepEqual({ ...asked, items: undefined, eventId: undefined }, { items: undefined, eventId: undefined, currency: 'EUR', discountCode: null, subtotal: 8150,
            discount: 0, fees: 704, tax: 1020, amount: 9076 });
        assert.equal(asked.subtotal - asked.discount + asked.fees + 3 * 74, asked.amount);
        const held = (await buy(event, [[0, 2], [1, 3], [2, 1]])).body;
        for (const name of ['items', 'subtotal', 'discount', 'fees', 'tax', 'amount', 'discountCode'])
            assert.deepEqual(held[name], asked[name], name);
        assert.equal((await usher.intent(buyer, held)).amount, 9076);
    });

    test('is kept when the event changes, and the tag of the event with it', async () => {
        const event = await priced();
        const held = (await buy(event, [[0, 1]])).body;
        const tag = (await usher.api('GET', `/v1/events/${event.eventId}`)).headers.etag;
        const change = { serviceFee: { percentBps: 0, paidBy: 'organizer' }, seller: { taxId: null }, ticketTypes: [{ ticketTypeId: typeIds(event)[0], taxRateBps: 700, price: 3000 }] };
        const changed = await usher.must(200, 'PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, headers: { 'if-match': tag }, body: change });
        assert.deepEqual(changed.serviceFee, { fixed: 100, percentBps: 0, paidBy: 'organizer' });
        assert.deepEqual(changed.seller, { name: 'Lange Kabel GmbH', address: 'Ringstraße 1\n50667 Köln', taxId: null });
        assert.deepEqual([changed.ticketTypes[0].total, changed.ticketTypes[0].fee, changed.ticketTypes[0].tax], [3000, 0, 196]);
        assert.equal((await usher.api('PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, headers: { 'if-match': tag }, body: { serviceFee: null } })).status, 412);
        assert.equal((await usher.must(200, 'PATCH', `/v1/events/${event.eventId}`, { token: organizer.token, body: { serviceFee: null, seller: null } })).serviceFee, null);
        const now = await usher.registration(buyer, held.registrationId);
        assert.deepEqual([now.amount, now.fees, now.tax, now.items[0].taxRateBps], [2663, 163, 399, 1900]);
        const bad = await usher.api('PATCH', `/v1/events/${event.eventId}`, { token: organizer.token,
            body: { serviceFee: { fixed: -1, percentBps: 10001, paidBy: 'nobody' }, ticketTypes: [{ ticketTypeId: typeIds(event)[0], taxRateBps: 10001 }] } });
        assert.deepEqual(bad.body.errors.map((e) => e.pointer).sort(), ['/serviceFee/fixed', '/serviceFee/paidBy', '/serviceFee/percentBps', '/ticketTypes/0/taxRateBps']);
    });

    test('below the least card payment is refused before a seat is held; nothing at all is free and never at the provider', async () => {
        const event = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Standard', price: 1000, quantity: 10 }] });
        await makeCode(event, { code: 'NEARLY', percentBps: 9600 });
        await makeCode(event, { code: 'FREE', percentBps: 10000 });
        for (const ask of [quote, buy]) {
            const refused = await ask(event, [[0, 1]], 'nearly');
            assert.equal(refused.status, 409);
            assert.match(refused.body.type, /amount-too-small$/);
            assert.match(refused.body.detail, /EUR 0\.40.*EUR 0\.50/);
        }
        assert.equal((await buy(event, [[0, 2]], 'nearly')).body.amount, 80);
        const free = (await buy(event, [[0, 1]], 'FREE')).body;
        assert.deepEqual([free.status, free.amount, free.discount, free.paymentIntentId], ['confirmed', 0, 1000, null]);
        assert.equal(free.ticketIds.length, 1);
        const shown = await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
        assert.equal(shown.ticketTypes[0].available, 7);
    });
});

describe('a discount code', () => {
    test('is its organizer\'s: made, listed, changed, switched off', async () => {
        const event = await priced();
        const code = await makeCode(event, { code: ' Früh2027 ', percentBps: 2000, maxUses: 10, ticketTypeIds: [typeIds(event)[0]] });
        assert.equal(code.code, 'Früh2027');
        assert.deepEqual([code.percentBps, code.amount, code.amountPer, code.maxUses, code.used, code.active], [2000, null, null, 10, 0, true]);
        for (const [token, status] of [[undefined, 401], [buyer.token, 403], [other.token, 403]]) {
            assert.equal((await usher.api('GET', path(event), { token })).status, status);
            assert.equal((await usher.api('POST', path(event), { token, body: {} })).status, status);
            assert.equal((await usher.api('PATCH', path(event, `/${code.discountCodeId}`), { token, body: {} })).status, status);
            assert.equal((await usher.api('DELETE', path(event, `/${code.discountCodeId}`), { token })).status, status);
        }
        // The same in another case, and with the umlaut in two pieces, is the same code.
        assert.equal((await usher.api('POST', path(event), { token: organizer.token, body: { code: 'FRU\u0308H2027', amount: 100 } })).status, 409);
        const rows = [
            [{ code: 'X' }, [['/percentBps', 'required']]],
            [{ code: 'X', percentBps: 100, amount: 100 }, [['/amount', 'conflict']]],
            [{ percentBps: 0, code: '' }, [['/code', 'too-short'], ['/percentBps', 'too-small']]],
            [{ code: 'X', percentBps: 100, startsAt: '2031-01-02T00:00:00Z', endsAt: '2031-01-01T00:00:00Z' }, [['/endsAt', 'order']]],
            [{ code: 'X', percentBps: 100, ticketTypeIds: [buyer.sub] }, [['/ticketTypeIds/0', 'not-found']]],
        ];
        for (const [body, faults] of rows) {
            const answer = await usher.api('POST', path(event), { token: organizer.token, body });
            assert.equal(answer.status, 422, answer.text);
            assert.deepEqual(fault(answer).sort(), faults);
        }
        const held = (await buy(event, [[0, 1]], 'FRÜH2027')).body;
        assert.equal(held.discountCode, 'Früh2027');
        assert.equal(held.discount, 500);
        const patch = (body) => usher.api('PATCH', path(event, `/${code.discountCodeId}`), { token: organizer.token, body });
        const changed = (await patch({ percentBps: null, amount: 300, amountPer: 'ticket', maxUses: 1 })).body;
        assert.deepEqual([changed.percentBps, changed.amount, changed.amountPer, changed.maxUses, changed.used], [null, 300, 'ticket', 1, 1]);
        assert.equal((await patch({ amount: null, ticketTypeIds: null })).status, 422);
        // It was used: it stays, switched off, and is unknown to buyers; the order that has it is as it was.
        const off = await usher.api('DELETE', path(event, `/${code.discountCodeId}`), { token: organizer.token });
        assert.deepEqual([off.status, off.body.active], [200, false]);
        assert.deepEqual(fault(await buy(event, [[0, 1]], 'früh2027')), [['/discountCode', 'unknown']]);
        assert.equal((await usher.registration(buyer, held.registrationId)).discount, 500);
        const never = await makeCode(event, { code: 'NEVER', amount: 1 });
        assert.equal((await usher.api('DELETE', path(event, `/${never.discountCodeId}`), { token: organizer.token })).status, 204);
        const batch = await usher.must(201, 'POST', path(event, '/batch'), { token: organizer.token, body: { prefix: 'VIP-', count: 100, percentBps: 5000 } });
        assert.equal(new Set(batch.items.map((c) => c.code)).size, 100);
        assert.ok(batch.items.every((c) => /^VIP-[A-HJKMNP-Z2-9]{8}$/.test(c.code) && c.maxUses === 1));
        let listed = [], cursor = '';
        do {
            const page = await usher.must(200, 'GET', path(event, `?limit=40${cursor && `&cursor=${cursor}`}`), { token: organizer.token });
            listed = listed.concat(page.items);
            cursor = page.nextCursor;
        } while (cursor);
        assert.deepEqual(listed.map((c) => c.code), [...batch.items.map((c) => c.code).reverse(), 'Früh2027']);
        assert.equal(listed.at(-1).used, 1);
    });

    test('takes off what it says, of the tickets that it is for', async () => {
        const event = await priced();
        await makeCode(event, { code: 'ORDER', amount: 1000 });
        await makeCode(event, { code: 'TICKET', amount: 3000, amountPer: 'ticket' });
        await makeCode(event, { code: 'ONLY1', percentBps: 5000, ticketTypeIds: [typeIds(event)[1]], maxTickets: 2 });
        const order = (await quote(event, [[0, 1], [1, 2]], 'order')).body;
        assert.equal(order.discount, 1000);
        assert.equal(order.items.reduce((sum, i) => sum + i.total, 0), order.amount);
        // 25.00 - 5.43 = 19.57: 3.12 of tax in it, and a fee of 1.49; 2 x 10.50 - 4.57: 8.21 and 8.22, on top 0.57 and 0.58.
        assert.deepEqual(order.items.map((i) => [i.discount, i.fee, i.tax, i.total]), [[543, 149, 312, 2106], [457, 242, 115, 2000]]);
        const ticket = (await quote(event, [[0, 2], [1, 1]], 'TICKET')).body;
        assert.deepEqual([ticket.amount, ticket.discount], [0, 6050]);
        const only = (await quote(event, [[0, 1], [1, 2]], 'only1')).body;
        assert.deepEqual(only.items.map((i) => i.discount), [0, 1050]);
        assert.deepEqual(fault(await quote(event, [[0, 1]], 'only1')), [['/discountCode', 'not-applicable']]);
        assert.deepEqual(fault(await quote(event, [[1, 3]], 'only1')), [['/discountCode', 'too-many']]);
        assert.deepEqual(fault(await quote(event, [[0, 1]], 'nonsense')), [['/discountCode', 'unknown']]);
        const stranger = await priced();
        assert.deepEqual(fault(await buy(stranger, [[0, 1]], 'order')), [['/discountCode', 'unknown']], 'a code is one event\'s');
    });

    test('is good between its times, and for an account as often as it says; uses come back with what had them', async () => {
        const event = await priced();
        const soon = new Date(usher.now() + 60_000).toISOString(), later = new Date(usher.now() + 3_600_000).toISOString();
        await makeCode(event, { code: 'SOON', amount: 100, startsAt: soon });
        const twice = await makeCode(event, { code: 'ONCE', amount: 100, maxUsesPerAccount: 1, maxUses: 2, endsAt: later });
        const used = async () => (await usher.must(200, 'GET', path(event), { token: organizer.token })).items.find((c) => c.discountCodeId === twice.discountCodeId).used;
        assert.deepEqual(fault(await buy(event, [[0, 1]], 'soon')), [['/discountCode', 'not-yet']]);
        const first = (await buy(event, [[0, 1]], 'once')).body;
        assert.match((await buy(event, [[0, 1]], 'once')).body.type, /limit-reached$/);
        assert.match((await quote(event, [[0, 1]], 'once', { token: buyer.token })).body.type, /limit-reached$/);
        assert.equal((await quote(event, [[0, 1]], 'once')).status, 200, 'a stranger may ask');
        const second = await buy(event, [[0, 1]], 'once', { who: other });
        assert.equal(second.status, 201);
        assert.match((await buy(event, [[0, 1]], 'once', { who: organizer })).body.type, /code-used-up$/);
        assert.equal(await used(), 2);
        await usher.must(200, 'DELETE', `/v1/registrations/${first.registrationId}`, { token: buyer.token });
        assert.equal(await used(), 1);
        // Paid for, then refunded whole: that use comes back too. The other runs out.
        const again = await usher.pay(buyer, (await buy(event, [[0, 2]], 'once')).body);
        assert.equal(await used(), 2);
        await usher.must(200, 'POST', `/v1/registrations/${again.registrationId}/refund`, { token: organizer.token, body: { ticketIds: [again.ticketIds[0]] } });
        assert.equal(await used(), 2, 'one of two tickets is not the whole');
        await usher.must(200, 'POST', `/v1/registrations/${again.registrationId}/refund`, { token: organizer.token, body: {} });
        assert.equal(await used(), 1);
        await usher.advance(11 * 60_000);
        await waitFor(async () => (await used()) === 0, 'the hold to run out');
        assert.equal((await buy(event, [[0, 1]], 'soon')).status, 201);
        await usher.advance(3_600_000);
        buyer = await usher.signIn(buyer.email);
        organizer = await usher.signIn(organizer.email);
        other = await usher.signIn(other.email);
        assert.deepEqual(fault(await buy(event, [[0, 1]], 'once')), [['/discountCode', 'expired']]);
        await usher.check();
    });

    test('one ticket\'s refund is what that ticket cost, and all of them are the amount', async () => {
        const event = await priced();
        await makeCode(event, { code: 'ODD', amount: 1000 });
        let order = await usher.pay(buyer, (await buy(event, [[0, 1], [1, 3]], 'odd')).body);
        const backs = [];
        for (const id of [...order.ticketIds]) {
            const before = order.refundedAmount;
            order = await usher.must(200, 'POST', `/v1/registrations/${order.registrationId}/refund`, { token: organizer.token, body: { ticketIds: [id] } });
            backs.push(order.refundedAmount - before);
        }
        assert.equal(order.status, 'refunded');
        assert.equal(order.refundedAmount, order.amount);
        assert.equal(backs.reduce((a, b) => a + b), order.amount);
        const line = order.items[1].total;
        assert.equal(backs[1] + backs[2] + backs[3], line);
        assert.ok(Math.max(...backs.slice(1)) - Math.min(...backs.slice(1)) <= 3, backs.join());
        await usher.check();
    });

    test('opens hidden ticket types to who has it, and to nobody else', async () => {
        const event = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Open', price: 2500, quantity: 10 }, { name: 'Backstage', price: 9000, quantity: 1, hidden: true }] });
        assert.equal(event.ticketTypes.length, 2);
        await makeCode(event, { code: 'Crew', ticketTypeIds: [typeIds(event)[1]], maxTickets: 1 });
        await makeCode(event, { code: 'ALL10', percentBps: 1000 });
        const names = async (query, options) => (await usher.must(200, 'GET', `/v1/events/${event.eventId}${query}`, options)).ticketTypes.map((t) => t.name);
        assert.deepEqual(await names(''), ['Open']);
        assert.deepEqual(await names('', { token: buyer.token }), ['Open']);
        assert.deepEqual(await names('', { token: organizer.token }), ['Open', 'Backstage']);
        assert.deepEqual(await names('?code=crew'), ['Open', 'Backstage']);
        assert.deepEqual(await names('?code=all10'), ['Open'], 'a code for all types is not a key');
        const listed = await usher.must(200, 'GET', `/v1/events?organizerId=${organizer.sub}&limit=100`);
        assert.ok(listed.items.every((e) => e.ticketTypes.every((t) => !t.hidden)));
        const opened = await usher.api('GET', `/v1/events/${event.eventId}?code=crew`);
        assert.match(opened.headers['cache-control'], /private.*no-store/);
        const wrong = await usher.api('GET', `/v1/events/${event.eventId}?code=guess`);
        assert.deepEqual([wrong.status, fault(wrong)], [422, [['code', 'unknown']]]);
        for (const ask of [quote, buy])
            for (const code of [undefined, 'ALL10'])
                assert.deepEqual(fault(await ask(event, [[1, 1]], code)), [['/items/0/ticketTypeId', 'not-found']]);
        assert.equal((await buy(event, [[1, 1]], 'CREW')).body.amount, 9000);
        const gone = await buy(event, [[1, 1]], 'CREW', { who: other });
        assert.match(gone.body.type, /sold-out$/);
        assert.deepEqual(gone.body.available.map((a) => a.ticketTypeId), [typeIds(event)[0]], 'what is hidden is not told');
    });
});

test('600 buyers for a code that is good for 50 get 50, and what is given back is taken again', async () => {
    const quick = await start({ fast: true });
    const owner = await quick.account({ role: 'organizer' });
    const buyers = await Promise.all(Array.from({ length: 12 }, () => quick.shellAccount()));
    const event = await quick.createEvent(owner, { capacity: 5000, ticketTypes: [{ name: 'Standard', price: 2500, quantity: 5000 }] });
    const code = await quick.must(201, 'POST', path(event), { token: owner.token, body: { code: 'RUSH', percentBps: 2000, maxUses: 50, maxUsesPerAccount: 5 } });
    const order = (who) => quick.api('POST', '/v1/registrations', { token: who.token, key: uuid7(),
        body: { eventId: event.eventId, items: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, quantity: 1 }], discountCode: 'rush' } });
    const rush = async () => {
        const answers = await Promise.all(Array.from({ length: 600 }, (_, i) => order(buyers[i % buyers.length])));
        const got = answers.flatMap((a, i) => (a.status === 201 ? [{ ...a.body, who: buyers[i % buyers.length] }] : []));
        assert.ok(answers.every((a) => a.status === 201 || /(code-used-up|limit-reached)$/.test(a.body.type)), answers.find((a) => a.status !== 201 && a.status !== 409)?.text);
        return got;
    };
    const first = await rush();
    assert.equal(first.length, 50);
    assert.ok(first.every((r) => r.amount === 2000));
    for (const who of buyers)
        assert.ok(first.filter((r) => r.who === who).length <= 5);
    await Promise.all(first.slice(0, 20).map((r) => quick.must(200, 'DELETE', `/v1/registrations/${r.registrationId}`, { token: r.who.token })));
    assert.equal((await rush()).length, 20);
    const listed = await quick.must(200, 'GET', path(event), { token: owner.token });
    assert.equal(listed.items.find((c) => c.discountCodeId === code.discountCodeId).used, 50);
    await quick.check();
});

test('who guesses codes is slowed down, and then a right one does not help', async () => {
    const limited = await start({ limits: 'on' });
    const owner = await limited.account({ role: 'organizer' });
    const event = await limited.createEvent(owner);
    await limited.must(201, 'POST', path(event), { token: owner.token, body: { code: 'RIGHT', percentBps: 1000 } });
    const ask = (code) => limited.api('POST', '/v1/price-quotes', { body: { eventId: event.eventId, items: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, quantity: 1 }], discountCode: code } });
    for (let i = 0; i < 25; i++)
        assert.equal((await ask('RIGHT')).status, 200, 'right ones do not count');
    const statuses = [];
    for (let i = 0; i < 25; i++)
        statuses.push((await ask(`WRONG${i}`)).status);
    assert.equal(statuses.filter((s) => s === 422).length, 20);
    assert.equal(statuses.at(-1), 429);
    const right = await ask('RIGHT');
    assert.equal(right.status, 429);
    assert.ok(Number(right.headers['retry-after']) >= 1);
    assert.equal((await limited.api('GET', `/v1/events/${event.eventId}?code=RIGHT`)).status, 429);
    assert.equal((await ask(undefined)).status, 200, 'asking without a code goes on');
});
