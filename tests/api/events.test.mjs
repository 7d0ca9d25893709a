// Events from outside: making, changing, finding and calling them off.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { deflateSync } from 'node:zlib';

import { send, seeded, seed, start, waitFor } from './lib.mjs';

const hour = 3_600_000;
let usher, organizer, other, buyer;

before(async () => {
    usher = await start();
    organizer = await usher.account({ role: 'organizer' });
    other = await usher.account({ role: 'organizer' });
    buyer = await usher.account();
});

const at = (ms) => new Date(usher.now() + ms).toISOString();
const pointers = (body) => body.errors.map((e) => e.pointer).sort();
const patch = (event, body, { token = organizer.token, ...options } = {}) => usher.api('PATCH', `/v1/events/${event.eventId}`, { token, body, ...options });
const show = (event, options) => usher.api('GET', `/v1/events/${event.eventId}`, options);

// All pages of a list.
async function pages(path, options = {}, limit = 7) {
    const items = [];
    let cursor = null;
    do {
        const page = await usher.must(200, 'GET', `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`, options);
        assert.ok(page.items.length <= limit);
        items.push(...page.items);
        cursor = page.nextCursor;
    } while (cursor);
    return items;
}

describe('making one', () => {
    test('answers the whole event, where it is, and its tag', async () => {
        const body = usher.eventBody({ admissionStartsAt: undefined, online: true });
        const answer = await usher.api('POST', '/v1/events', { token: organizer.token, body });
        assert.equal(answer.status, 201, answer.text);
        assert.equal(answer.headers.location, `/v1/events/${answer.body.eventId}`);
        const event = answer.body;
        assert.deepEqual(Object.keys(event).sort(), ['admissionStartsAt', 'capacity', 'category', 'createdAt', 'currency', 'description', 'endsAt', 'eventId',
            'imageUrl', 'online', 'organizerId', 'refundFeePercent', 'refundUntil', 'seller', 'serviceFee', 'startsAt', 'status', 'ticketTypes', 'timezone', 'title', 'updatedAt', 'venue']);
        assert.deepEqual(Object.keys(event.ticketTypes[0]).sort(), ['available', 'description', 'fee', 'hidden', 'maxPerAccount', 'maxPerOrder', 'minPerOrder',
            'name', 'price', 'quantity', 'saleEndsAt', 'saleStartsAt', 'tax', 'taxIncluded', 'taxRateBps', 'ticketTypeId', 'total']);
        assert.match(event.eventId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.equal(event.organizerId, organizer.sub);
        assert.equal(event.status, 'published');
        assert.equal(event.startsAt, body.startsAt);
        assert.deepEqual(event.venue, body.venue);
        assert.equal(event.ticketTypes[0].available, 100);
        assert.equal(event.ticketTypes[0].maxPerAccount, null);
        const shown = await show(event);
        assert.deepEqual(shown.body, event);
        assert.match(shown.headers.etag, /^"[^"]+"$/);
        assert.equal(answer.headers.etag, shown.headers.etag);
        assert.match(shown.headers['cache-control'], /public.*stale-while-revalidate/);
        assert.equal((await show(event, { headers: { 'if-none-match': shown.headers.etag } })).status, 304);
        assert.match((await show(event, { token: buyer.token })).headers['cache-control'], /private.*no-store/);
    });

    test('every fault is named, and nothing is changed', async () => {
        const good = usher.eventBody();
        const type = good.ticketTypes[0];
        const rows = [
            [{}, ['/capacity', '/currency', '/endsAt', '/startsAt', '/ticketTypes', '/timezone', '/title']],
            [{ ...good, title: '  ' }, ['/title']],
            [{ ...good, title: 'x'.repeat(201), endsAt: good.startsAt }, ['/endsAt', '/title']],
            [{ ...good, description: 'x'.repeat(10_001) }, ['/description']],
            [{ ...good, startsAt: 'tomorrow', timezone: 'Europe/Atlantis', currency: 'EURO', category: 'A B' }, ['/category', '/currency', '/startsAt', '/timezone']],
            [{ ...good, admissionStartsAt: at(40 * 24 * hour) }, ['/admissionStartsAt']],
            [{ ...good, ticketTypes: [{ ...type, price: -1 }, { ...type, quantity: '5' }, { name: 'x', price: 1 }, 7] },
                ['/ticketTypes/0/price', '/ticketTypes/1/quantity', '/ticketTypes/2/quantity', '/ticketTypes/3']],
            [{ ...good, ticketTypes: [{ ...type, minPerOrder: 5, maxPerOrder: 4, saleStartsAt: at(2 * hour), saleEndsAt: at(hour) }] },
                ['/ticketTypes/0/maxPerOrder', '/ticketTypes/0/saleEndsAt']],
            [{ ...good, venue: { city: ['Köln'], country: 'Germany' } }, ['/venue/city', '/venue/country']],
            [{ ...good, startsAt: at(-3 * hour), endsAt: at(-hour) }, ['/endsAt']],
            [{ ...good, status: 'cancelled', eventId: 'x', surprise: true }, ['/eventId', '/status', '/surprise']],
            [{ ...good, capacity: 2 ** 40 }, ['/capacity']],
            [{ ...good, ticketTypes: Array.from({ length: 101 }, () => type) }, ['/ticketTypes']],
        ];
        const rowsBefore = usher.rows();
        for (const [body, want] of rows) {
            const problem = await usher.must(422, 'POST', '/v1/events', { token: organizer.token, body });
            assert.deepEqual(pointers(problem), want, JSON.stringify(problem.errors));
            for (const error of problem.errors)
                assert.ok(error.code && error.detail);
        }
        assert.deepEqual(usher.rows(), rowsBefore);
    });

    test('is for organizers', async () => {
        await usher.must(401, 'POST', '/v1/events', { body: usher.eventBody() });
        await usher.must(403, 'POST', '/v1/events', { token: buyer.token, body: usher.eventBody() });
        await usher.must(403, 'POST', '/v1/events', { token: buyer.token, body: { nothing: 'right' } });
    });

    test('texts of all the world come back as they went in', async () => {
        const title = 'Zażółć 北京音乐节 คอนเสิร์ต الموسيقى दिल्ली 🎷';
        const event = await usher.createEvent(organizer, { title, description: 'first\nsecond\t"quoted" \\ <b>', venue: { name: 'Łódź', city: 'Łódź' } });
        assert.equal((await show(event)).body.title, title);
        assert.equal((await show(event)).body.description, 'first\nsecond\t"quoted" \\ <b>');
    });
});

describe('who sees it', () => {
    test('a draft exists for its organizer and admins alone', async () => {
        const draft = await usher.createEvent(organizer, { status: 'draft', title: 'Quasistellar draft' });
        const admin = await usher.shellAccount('Admins');
        assert.equal((await show(draft)).status, 404);
        for (const stranger of [buyer, other]) {
            assert.equal((await show(draft, { token: stranger.token })).status, 404);
            assert.equal((await patch(draft, { title: 'x' }, { token: stranger.token })).status, 404);
            await usher.must(404, 'GET', `/v1/events/${draft.eventId}/stats`, { token: stranger.token });
        }
        await usher.must(404, 'GET', `/v1/events/${draft.eventId}.ics`);
        for (const own of [organizer, admin]) {
            const shown = await show(draft, { token: own.token });
            assert.equal(shown.status, 200);
            assert.equal(shown.body.status, 'draft');
            assert.match(shown.headers['cache-control'], /private.*no-store/);
        }
        assert.equal((await show(draft)).status, 404);
        assert.equal((await usher.must(200, 'GET', '/v1/events?q=quasistellar')).items.length, 0);
    });

    test('what hangs on a published one is refused to others', async () => {
        const event = await usher.createEvent(organizer);
        for (const stranger of [buyer, other]) {
            const token = stranger.token;
            assert.equal((await patch(event, { title: 'x' }, { token })).status, 403);
            assert.equal((await patch(event, { title: 7 }, { token })).status, 403, 'who may not is told so before what is wrong');
            await usher.must(403, 'POST', `/v1/events/${event.eventId}/cancel`, { token });
            await usher.must(403, 'GET', `/v1/events/${event.eventId}/stats`, { token });
            await usher.must(403, 'PUT', `/v1/events/${event.eventId}/image`, { token, body: picture(), headers: { 'content-type': 'image/png' } });
        }
        await usher.must(401, 'PATCH', `/v1/events/${event.eventId}`, { body: { title: 'x' } });
        await usher.must(404, 'PATCH', `/v1/events/${event.eventId.slice(0, -1)}e`, { token: organizer.token, body: { title: 'x' } });
        await usher.must(404, 'GET', '/v1/events/nonsense');
        assert.equal((await show(event)).body.title, event.title);
    });
});

describe('changing one', () => {
    test('changes what is named and nothing else', async () => {
        const event = await usher.createEvent(organizer, { status: 'draft' });
        const answer = await patch(event, { title: 'Another night', venue: { city: 'Bonn' }, status: 'published' });
        assert.equal(answer.status, 200, answer.text);
        assert.deepEqual({ ...answer.body, updatedAt: '' }, { ...event, title: 'Another night', status: 'published', venue: { ...event.venue, city: 'Bonn' }, updatedAt: '' });
        assert.deepEqual((await show(event)).body, answer.body);
        const cleared = (await patch(event, { description: null, venue: null, category: null })).body;
        assert.equal(cleared.description, null);
        assert.deepEqual(cleared.venue, { name: null, address: null, city: null, country: null });
    });

    test('If-Match lets one of two editors through', async () => {
        const event = await usher.createEvent(organizer);
        const { etag } = (await show(event)).headers;
        const first = await patch(event, { title: 'One' }, { headers: { 'if-match': etag } });
        assert.equal(first.status, 200);
        assert.equal((await patch(event, { title: 'Two' }, { headers: { 'if-match': etag } })).status, 412);
        assert.equal((await patch(event, { title: 'Two' }, { headers: { 'if-match': `"nonsense", W/${first.headers.etag}` } })).status, 412);
        assert.equal((await patch(event, { title: 'Two' }, { headers: { 'if-match': `"nonsense", ${first.headers.etag}` } })).status, 200);
        assert.equal((await patch(event, { title: 'Three' }, { headers: { 'if-match': '*' } })).status, 200);
        assert.equal((await show(event)).body.title, 'Three');
    });

    test('a sale changes the tag and is no reason for 412', async () => {
        const event = await usher.createFreeEvent(organizer, { seats: 10 });
        const seen = (await show(event)).headers.etag;
        await usher.register(buyer, event);
        const now = await show(event);
        assert.notEqual(now.headers.etag, seen);
        assert.equal(now.body.ticketTypes[0].available, 9);
        assert.equal((await patch(event, { title: 'Meanwhile' }, { headers: { 'if-match': seen } })).status, 200);
    });

    test('ticket types: changed by id, added without, removed while nobody came', async () => {
        const event = await usher.createFreeEvent(organizer, { seats: 10 });
        const [first] = event.ticketTypes;
        const two = (await patch(event, { ticketTypes: [{ ticketTypeId: first.ticketTypeId, name: 'Floor' }, { name: 'Box', price: 900, quantity: 4 }] })).body;
        assert.deepEqual(two.ticketTypes.map((t) => [t.name, t.price, t.quantity]), [['Floor', 0, 10], ['Box', 900, 4]]);
        assert.equal(two.ticketTypes[0].ticketTypeId, first.ticketTypeId);
        const refused = await patch(event, { ticketTypes: [{ name: 'No price' }, { ticketTypeId: buyer.sub, price: 1 }] });
        assert.equal(refused.status, 422);
        assert.deepEqual(pointers(refused.body), ['/ticketTypes/0/price', '/ticketTypes/0/quantity']);
        const one = (await patch(event, { ticketTypes: [{ ticketTypeId: two.ticketTypes[1].ticketTypeId, remove: true }] })).body;
        assert.deepEqual(one.ticketTypes.map((t) => t.name), ['Floor']);
        await usher.register(buyer, one, { quantity: 3 });
        assert.equal((await patch(event, { ticketTypes: [{ ticketTypeId: first.ticketTypeId, remove: true }, { name: 'New', price: 0, quantity: 1 }] })).status, 409);
        assert.equal((await patch(event, { ticketTypes: [{ ticketTypeId: first.ticketTypeId, quantity: 2 }] })).status, 409);
        assert.equal((await patch(event, { capacity: 2 })).status, 409);
        assert.equal((await patch(event, { status: 'draft' })).status, 409);
        const full = await patch(event, { ticketTypes: [{ ticketTypeId: first.ticketTypeId, quantity: 3 }] });
        assert.equal(full.status, 200);
        assert.equal(full.body.ticketTypes[0].available, 0);
        assert.equal((await usher.tryRegister(buyer, event)).body.type.endsWith('/problems/sold-out'), true);
    });

    test('a removed ticket type leaves its number to nobody: a code for it does not open the next', async () => {
        const event = await usher.createFreeEvent(organizer, { seats: 10, currency: 'EUR' });
        const add = async (name) => (await patch(event, { ticketTypes: [{ name, price: 2000, quantity: 4, hidden: true }] })).body.ticketTypes.at(-1);
        const crew = await add('Crew');
        await usher.must(201, 'POST', `/v1/events/${event.eventId}/discount-codes`, { token: organizer.token,
            body: { code: 'CREW', percentBps: 10000, ticketTypeIds: [crew.ticketTypeId] } });
        assert.equal((await patch(event, { ticketTypes: [{ ticketTypeId: crew.ticketTypeId, remove: true }] })).status, 200);
        const patrons = await add('Patrons');
        assert.notEqual(patrons.ticketTypeId, crew.ticketTypeId);
        const seen = await usher.must(200, 'GET', `/v1/events/${event.eventId}?code=CREW`);
        assert.deepEqual(seen.ticketTypes.map((type) => type.name), [event.ticketTypes[0].name]);
        const order = await usher.api('POST', '/v1/price-quotes', { token: buyer.token,
            body: { eventId: event.eventId, items: [{ ticketTypeId: patrons.ticketTypeId, quantity: 1 }], discountCode: 'CREW' } });
        assert.equal(order.status, 422, order.text);
        // Removed and added in one change, too.
        const both = (await patch(event, { ticketTypes: [{ ticketTypeId: patrons.ticketTypeId, remove: true }, { name: 'Friends', price: 500, quantity: 1 }] })).body;
        assert.ok(![crew.ticketTypeId, patrons.ticketTypeId].includes(both.ticketTypes.at(-1).ticketTypeId));
    });

    test('seats taken away while people register are not sold', async () => {
        const event = await usher.createFreeEvent(organizer, { seats: 60 });
        const random = seeded(seed());
        const rush = Array.from({ length: 80 }, () => usher.tryRegister(buyer, event));
        const edits = Array.from({ length: 20 }, () => (random.below(2)
            ? patch(event, { capacity: 20 + random.below(60) })
            : patch(event, { ticketTypes: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, quantity: 20 + random.below(60) }] })));
        const sold = (await Promise.all(rush)).filter((a) => a.status === 201).length;
        for (const { status, text } of await Promise.all(edits))
            assert.ok(status === 200 || status === 409, text);
        const mine = await usher.must(200, 'GET', '/v1/my-events?limit=1', { token: organizer.token });
        const { capacity, counts, ticketTypes: [type] } = mine.items[0];
        assert.equal(mine.items[0].eventId, event.eventId);
        assert.equal(counts.sold, sold);
        assert.ok(sold <= capacity && sold <= type.quantity);
        await usher.check();
    });

    test('capacity bounds what all types together have left', async () => {
        const event = await usher.createEvent(organizer, { capacity: 5, ticketTypes: [{ name: 'A', price: 0, quantity: 5 }, { name: 'B', price: 0, quantity: 5 }] });
        await usher.register(buyer, event, { quantity: 3 });
        assert.deepEqual((await show(event)).body.ticketTypes.map((t) => t.available), [2, 2]);
        await patch(event, { capacity: 9 });
        assert.deepEqual((await show(event)).body.ticketTypes.map((t) => t.available), [2, 5]);
    });
});

describe('calling one off', () => {
    test('is final, can be said twice, and ends the sale', async () => {
        const event = await usher.createFreeEvent(organizer, { title: 'Xylophone gala' });
        await usher.register(buyer, event);
        assert.equal((await usher.must(200, 'GET', '/v1/events?q=xylophone')).items.length, 1);
        const cancelled = await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
        assert.equal(cancelled.status, 'cancelled');
        await usher.must(200, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
        assert.equal((await patch(event, { status: 'published' })).status, 409);
        assert.equal((await patch(event, { title: 'x' })).status, 409);
        assert.equal((await usher.tryRegister(buyer, event)).status, 409);
        assert.equal((await show(event)).body.status, 'cancelled');
        assert.equal((await usher.must(200, 'GET', '/v1/events?q=xylophone')).items.length, 0);
        await waitFor(async () => {
            const { items } = await usher.must(200, 'GET', `/v1/tickets?eventId=${event.eventId}`, { token: buyer.token });
            return items.length && items.every((ticket) => ticket.status === 'cancelled');
        }, 'the tickets to be called off too');
    });
});

describe('finding them', () => {
    test('by words, category, city, dates and organizer, in every mixture', async () => {
        const random = seeded(seed());
        const host = await usher.account({ role: 'organizer' });
        const day = Math.floor(usher.now() / (24 * hour)) * 24 * hour + 100 * 24 * hour;
        const made = [];
        for (let i = 0; i < 60; i++) {
            const startsAt = day + random.below(10) * hour;
            const words = [random.pick(['Gryfon', 'Wolpertinger']), random.pick(['wieczór', 'straße', '音楽祭'])];
            made.push(await usher.createEvent(host, {
                title: words.join(' '), description: '', category: random.pick(['folk', 'metal']), startsAt: new Date(startsAt).toISOString(),
                endsAt: new Date(startsAt + hour).toISOString(), venue: { city: random.pick(['Łódź', 'São Paulo']) },
            }));
        }
        const order = (a, b) => (a.startsAt < b.startsAt ? -1 : a.startsAt > b.startsAt ? 1 : a.eventId < b.eventId ? -1 : 1);
        const fits = {
            q: { 'gryfon': (e) => e.title.startsWith('Gryfon'), 'WIECZOR wolp': (e) => /Wolp.*wiecz/.test(e.title), 'strasse': (e) => /straße/.test(e.title),
                '音楽': (e) => /音楽/.test(e.title), 'gryfon unheard': () => false },
            category: { folk: (e) => e.category === 'folk', metal: (e) => e.category === 'metal' },
            city: { lodz: (e) => e.venue.city === 'Łódź', 'SAO PAULO': (e) => e.venue.city === 'São Paulo' },
            from: { [new Date(day + 4 * hour).toISOString()]: (e) => Date.parse(e.startsAt) >= day + 4 * hour },
            to: { [new Date(day + 7 * hour).toISOString()]: (e) => Date.parse(e.startsAt) <= day + 7 * hour },
        };
        for (let round = 0; round < 60; round++) {
            const ask = new URLSearchParams({ organizerId: host.sub });
            let want = made;
            for (const [name, values] of Object.entries(fits)) {
                if (random.below(2))
                    continue;
                const value = random.pick(Object.keys(values));
                ask.set(name, value);
                want = want.filter(values[value]);
            }
            const got = await pages(`/v1/events?${ask}`, {}, 1 + random.below(20));
            assert.deepEqual(got.map((e) => e.eventId), want.toSorted(order).map((e) => e.eventId), ask.toString());
        }
        const everyone = await pages('/v1/events?q=wolpertinger');
        assert.ok(everyone.length > 0 && everyone.every((e) => e.ticketTypes.length === 1 && e.ticketTypes[0].available === 100));
    });

    test('pages stay whole while events come in between', async () => {
        const host = await usher.account({ role: 'organizer' });
        const startsAt = at(200 * 24 * hour), endsAt = at(201 * 24 * hour);
        const first = [];
        for (let i = 0; i < 12; i++)
            first.push((await usher.createEvent(host, { startsAt, endsAt })).eventId);
        const seen = [];
        let cursor = '';
        do {
            const page = await usher.must(200, 'GET', `/v1/events?organizerId=${host.sub}&limit=3${cursor}`);
            seen.push(...page.items.map((e) => e.eventId));
            cursor = page.nextCursor && `&cursor=${page.nextCursor}`;
            if (seen.length < 12) {
                await usher.createEvent(host, { startsAt: at(199 * 24 * hour), endsAt }); // before all of them
                await usher.createEvent(host, { startsAt, endsAt });
            }
        } while (cursor);
        assert.equal(new Set(seen).size, seen.length, 'none twice');
        assert.deepEqual(seen.filter((id) => first.includes(id)), first, 'none lost, in order');
    });

    test('a new one, a changed one and one called off are in the next answer', async () => {
        const q = 'q=kaleidoscopic';
        const count = async () => (await usher.must(200, 'GET', `/v1/events?${q}`)).items.length;
        assert.equal(await count(), 0);
        const event = await usher.createEvent(organizer, { title: 'Kaleidoscopic' });
        assert.equal(await count(), 1);
        await patch(event, { title: 'Plain' });
        assert.equal(await count(), 0);
        await patch(event, { description: `${'many words '.repeat(50)} Kaleidoscopic` });
        assert.equal(await count(), 1);
        await patch(event, { status: 'draft' });
        assert.equal(await count(), 0);
    });

    test('what cannot be asked is 422, and a blank question asks for all', async () => {
        const rows = [['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=x', 'limit'], ['cursor=zzz', 'cursor'], ['from=yesterday', 'from'],
            ['organizerId=7', 'organizerId'], ['colour=red', 'colour'], ['q=a&q=b', 'q'], [`from=${at(2 * hour)}&to=${at(hour)}`, 'to'], ['category=A%20B', 'category']];
        for (const [query, pointer] of rows)
            assert.deepEqual(pointers(await usher.must(422, 'GET', `/v1/events?${query}`)), [pointer], query);
        assert.ok((await usher.must(200, 'GET', '/v1/events?q=')).items.length > 0);
        assert.equal((await usher.must(200, 'GET', '/v1/events?q=%21%3F')).items.length, 0);
        assert.equal((await usher.must(200, 'GET', '/v1/events?city=Nowhere')).items.length, 0);
    });

    test('the list has a tag and goes through shared caches', async () => {
        const list = await usher.api('GET', '/v1/events?limit=2');
        assert.match(list.headers['cache-control'], /public.*stale-while-revalidate/);
        assert.equal((await usher.api('GET', '/v1/events?limit=2', { headers: { 'if-none-match': list.headers.etag } })).status, 304);
    });
});

describe('what an organizer has', () => {
    test('my events: newest first, by status, with counts', async () => {
        const host = await usher.account({ role: 'organizer' });
        const made = [];
        for (let i = 0; i < 9; i++)
            made.push(await usher.createFreeEvent(host, { seats: 10, status: i % 3 ? 'published' : 'draft' }));
        await usher.register(buyer, made[1], { quantity: 4 });
        await usher.must(200, 'POST', `/v1/events/${made[2].eventId}/cancel`, { token: host.token });
        const token = host.token;
        const mine = await pages('/v1/my-events', { token }, 4);
        assert.deepEqual(mine.map((e) => e.eventId), made.map((e) => e.eventId).reverse());
        assert.deepEqual(mine.find((e) => e.eventId === made[1].eventId).counts, { held: 0, sold: 4, available: 6 });
        const of = async (status) => (await pages(`/v1/my-events?status=${status}`, { token }, 2)).map((e) => made.findIndex((m) => m.eventId === e.eventId));
        assert.deepEqual(await of('draft'), [6, 3, 0]);
        assert.deepEqual(await of('published'), [8, 7, 5, 4, 1]);
        assert.deepEqual(await of('cancelled'), [2]);
        assert.deepEqual(await of('ended'), []);
        await usher.must(403, 'GET', '/v1/my-events', { token: buyer.token });
        await usher.must(401, 'GET', '/v1/my-events');
        assert.deepEqual(pointers(await usher.must(422, 'GET', '/v1/my-events?status=lost', { token })), ['status']);
    });

    test('statistics: seats, people and money', async () => {
        const event = await usher.createEvent(organizer, { ticketTypes: [{ name: 'Paid', price: 1500, quantity: 50 }, { name: 'Guest', price: 0, quantity: 10 }] });
        const stats = () => usher.must(200, 'GET', `/v1/events/${event.eventId}/stats`, { token: organizer.token });
        await usher.register(buyer, event, { type: 1, quantity: 2 });
        const pending = await usher.register(buyer, event, { quantity: 3 });
        assert.deepEqual([(await stats()).held, (await stats()).revenue], [3, 0]);
        const paid = await usher.pay(buyer, pending);
        const ticket = await usher.ticket(buyer, paid.ticketIds[0]);
        await usher.validate(organizer, ticket.qrCode);
        const now = await stats();
        assert.deepEqual([now.held, now.sold, now.available, now.checkedIn, now.revenue, now.currency], [0, 5, 95, 1, 4500, 'EUR']);
        assert.deepEqual(now.ticketTypes.map((t) => [t.name, t.sold, t.checkedIn]), [['Paid', 3, 1], ['Guest', 2, 0]]);
    });

    test('an event that is over has ended: off the list, still there, not to be called off', async () => {
        const event = await usher.createEvent(organizer, { title: 'Ephemeral', startsAt: at(hour), endsAt: at(2 * hour) });
        assert.equal((await usher.must(200, 'GET', '/v1/events?q=ephemeral')).items.length, 1);
        await usher.advance(3 * hour);
        for (const account of [organizer, other, buyer]) // tokens live for an hour
            Object.assign(account, await usher.signIn(account.email));
        assert.equal((await show(event)).body.status, 'ended');
        assert.equal((await usher.must(200, 'GET', '/v1/events?q=ephemeral')).items.length, 0);
        await usher.must(409, 'POST', `/v1/events/${event.eventId}/cancel`, { token: organizer.token });
        assert.deepEqual((await pages('/v1/my-events?status=ended', { token: organizer.token })).map((e) => e.eventId), [event.eventId]);
        assert.equal((await usher.tryRegister(buyer, event)).status, 409);
    });
});

// ---- pictures and calendar files ----

function picture(width = 2, height = 3) {
    const crcOf = (bytes) => {
        let crc = ~0;
        for (const byte of bytes) {
            crc ^= byte;
            for (let k = 0; k < 8; k++)
                crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
        }
        return ~crc >>> 0;
    };
    const chunk = (name, data) => {
        const body = Buffer.concat([Buffer.from(name), data]);
        const out = Buffer.alloc(body.length + 8);
        out.writeUInt32BE(data.length, 0);
        body.copy(out, 4);
        out.writeUInt32BE(crcOf(body), body.length + 4);
        return out;
    };
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head[8] = 8;
    head[9] = 2;
    return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.alloc(height * (width * 3 + 1), width))), chunk('IEND', Buffer.alloc(0))]);
}

describe('its picture', () => {
    const put = (event, body, { type = 'image/png', token = organizer.token } = {}) =>
        usher.api('PUT', `/v1/events/${event.eventId}/image`, { token, body, headers: { 'content-type': type } });

    test('is stored as it came and served for long under an address of its own', async () => {
        const event = await usher.createEvent(organizer);
        assert.equal(event.imageUrl, null);
        await usher.must(404, 'GET', `/v1/events/${event.eventId}/image`);
        const first = await put(event, picture());
        assert.equal(first.status, 200, first.text);
        const url = new URL(first.body.imageUrl);
        const shown = await send(url.origin, 'GET', url.pathname + url.search);
        assert.equal(shown.status, 200);
        assert.deepEqual(shown.bytes, picture());
        assert.equal(shown.headers['content-type'], 'image/png');
        assert.match(shown.headers['cache-control'], /public.*max-age=31536000.*immutable/);
        assert.equal(shown.headers['x-content-type-options'], 'nosniff');
        assert.equal((await send(url.origin, 'GET', url.pathname + url.search, { headers: { 'if-none-match': shown.headers.etag } })).status, 304);

        const second = await put(event, picture(5, 5));
        assert.notEqual(second.body.imageUrl, first.body.imageUrl);
        const latest = await usher.api('GET', `/v1/events/${event.eventId}/image`);
        assert.deepEqual(latest.bytes, picture(5, 5));
        assert.doesNotMatch(latest.headers['cache-control'], /immutable/);
        assert.equal((await show(event)).body.imageUrl, second.body.imageUrl);
        const kept = () => readdirSync(join(usher.data, 'objects', 'events', event.eventId));
        await waitFor(() => kept().length === 1, 'the picture that nobody shows any more to be deleted');
    });

    test('may have 5 MiB, and several may come at once', async () => {
        const event = await usher.createEvent(organizer);
        const big = Buffer.concat([picture(), Buffer.alloc(5 * 1024 * 1024 - picture().length)]);
        const answers = await Promise.all(Array.from({ length: 6 }, () => put(event, big)));
        assert.deepEqual(answers.map((a) => a.status), answers.map(() => 200), answers.map((a) => a.text.slice(0, 200)).join());
        assert.deepEqual((await usher.api('GET', `/v1/events/${event.eventId}/image`)).bytes, big);
    });

    test('is a PNG, JPEG or WebP of a size that can be shown', async () => {
        const event = await usher.createEvent(organizer);
        assert.equal((await put(event, '<svg xmlns="http://www.w3.org/2000/svg"/>', { type: 'image/svg+xml' })).status, 415);
        assert.equal((await put(event, Buffer.from('GIF89a'), { type: 'image/png' })).status, 415);
        assert.equal((await put(event, picture(), { type: 'text/plain' })).status, 415);
        assert.equal((await put(event, picture(10_001, 1))).status, 422);
        assert.equal((await put(event, Buffer.concat([picture(), Buffer.alloc(5 * 1024 * 1024)]))).status, 413);
        assert.equal((await show(event)).body.imageUrl, null);
    });
});

test('a calendar file', async () => {
    const event = await usher.createEvent(organizer, { title: 'Jazz, late; loud' });
    const answer = await usher.api('GET', `/v1/events/${event.eventId}.ics`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/calendar/);
    assert.match(answer.text, /^BEGIN:VCALENDAR\r\n/);
    assert.match(answer.text, /\r\nSUMMARY:Jazz\\, late\\; loud\r\n/);
    assert.ok(answer.text.includes(`DTSTART:${event.startsAt.replace(/\.\d+|[-:]/g, '')}`));
    assert.ok(answer.text.endsWith('END:VCALENDAR\r\n'));
    for (const line of answer.text.split('\r\n'))
        assert.ok(Buffer.byteLength(line) <= 75);
});
