// Paying by keyboard alone; and Stripe's own form, with a stand-in for its script where Stripe is not to be reached: it loads, it cannot be loaded, it declines.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, test } from 'node:test';

import { password, start, waitFor } from '../api/lib.mjs';
import { simulator, simulatorKeys } from '../api/stripe_line.mjs';
import { axe, picture, visit } from './browser.mjs';

// What react-stripe-js asks of Stripe's script, and no more. It pays by the address that the real one uses.
const standIn = `(() => {
    window.Stripe = function (key) {
        const elements = () => ({
            create(kind) {
                const calls = {};
                return {
                    on(name, call) { calls[name] = call; return this; }, off() {}, update() {}, destroy() {}, unmount() {},
                    mount(box) { box.textContent = kind + ' of the stand-in'; setTimeout(() => calls.ready && calls.ready({}), 0); },
                };
            },
            getElement: () => null, update() {}, submit: async () => ({}), fetchUpdates: async () => ({}),
        });
        return {
            elements, createToken() {}, createPaymentMethod() {}, confirmCardPayment() {}, retrievePaymentIntent() {}, handleNextAction() {}, _registerWrapper() {}, registerAppInfo() {},
            confirmPayment: async ({ elements: ignored, confirmParams }) => (await fetch('https://api.stripe.com/v1/confirm?key=' + key)).json(),
        };
    };
    window.Stripe.version = 'endive';
})();`;

// Stripe at an address that is not our simulator's own, so that the server takes it for the real one.
async function stripeElsewhere() {
    const stripe = await start({ fast: true });
    const agent = new http.Agent({ keepAlive: true });
    const server = http.createServer((incoming, outgoing) => {
        const { hostname, port } = new URL(stripe.url);
        incoming.pipe(http.request({ hostname, port, method: incoming.method, path: `/sim/stripe${incoming.url}`, headers: incoming.headers, agent }, (answer) => {
            outgoing.writeHead(answer.statusCode, answer.headers);
            answer.pipe(outgoing);
        }));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    after(() => {
        server.closeAllConnections();
        server.close();
    });
    const { secret, publishable, webhook } = simulatorKeys(stripe);
    const usher = await start({ fast: true, env: { USHER_STRIPE_SECRET_KEY: secret, USHER_STRIPE_PUBLISHABLE_KEY: publishable, USHER_STRIPE_WEBHOOK_SECRET: webhook,
        USHER_STRIPE_API_BASE: `http://127.0.0.1:${server.address().port}` } });
    return { usher, stripe };
}

test('Stripe\'s form: a script that does not come says so and can be tried again; a decline is shown; then it is paid', async () => {
    const { usher, stripe } = await stripeElsewhere();
    assert.equal((await usher.config()).paymentProvider, 'stripe');
    const organizer = await usher.account({ role: 'organizer' });
    const event = await usher.createEvent(organizer);
    const buyer = await usher.account();
    const visitor = await visit(usher);
    const { page } = visitor;
    let script = 'blocked';
    await page.route('https://js.stripe.com/**', (route) => (script === 'blocked' ? route.abort() : route.fulfill({ contentType: 'text/javascript', body: standIn })));
    let card = 'pm_card_visa_chargeDeclined';
    await page.route('https://api.stripe.com/**', async (route) => {
        const [intent] = (await simulator(stripe, 'GET', 'payment_intents', { limit: 1 })).body.data;
        const { body } = await simulator(stripe, 'POST', `payment_intents/${intent.id}/confirm`, { payment_method: card });
        await route.fulfill({ contentType: 'application/json', headers: { 'access-control-allow-origin': '*' }, body: JSON.stringify(body.error ? { error: body.error } : { paymentIntent: body }) });
    });

    await visitor.signIn(buyer, password);
    await page.goto(`${usher.url}/checkout/${event.eventId}?${event.ticketTypes[0].ticketTypeId}=1`);
    await page.getByRole('button', { name: 'Hold the seats and pay' }).click();
    await page.getByText('The payment form could not be loaded.').waitFor({ timeout: 20_000 });
    await page.getByRole('timer').waitFor();
    await axe(page, 'no script of Stripe');
    await picture(page, 'stripe-blocked-1280');
    script = 'there';
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('payment of the stand-in').waitFor();
    await page.getByRole('button', { name: /^Pay/ }).click();
    await page.getByText('The payment did not go through.').waitFor();
    card = 'pm_card_visa';
    await page.getByRole('button', { name: /^Pay/ }).click();
    await waitFor(async () => (await simulator(stripe, 'GET', 'payment_intents', { limit: 1 })).body.data[0].status === 'succeeded', 'the payment');
    await usher.advance(40_000); // this simulator's webhooks go to its own server: the reconciler finds it
    await page.getByText('You are in!').waitFor({ timeout: 30_000 });
    visitor.sound(/js\.stripe\.com|api\.stripe\.com|ERR_FAILED|Stripe/);
    await visitor.close();
});

test('from the list to the ticket by keyboard alone', async () => {
    const usher = await start({ fast: true });
    const organizer = await usher.account({ role: 'organizer' });
    const event = await usher.createEvent(organizer, { title: 'By keyboard' });
    const buyer = await usher.account();
    const visitor = await visit(usher, { width: 1280 });
    const { page } = visitor;
    // Tab on until the thing with this name has the focus, which must be seen, and press a key.
    const reach = async (name, key) => {
        for (let tabs = 0; tabs < 60; tabs++) {
            const at = await page.evaluate(() => {
                const e = document.activeElement;
                const label = e?.labels?.[0]?.textContent ?? e?.getAttribute('aria-label') ?? e?.textContent ?? '';
                const style = e && getComputedStyle(e.closest('article') && e.matches('article a') ? e.closest('article') : e);
                return { label: label.trim(), seen: Boolean(style) && (style.outlineStyle !== 'none' || style.boxShadow !== 'none') };
            });
            if (name.test(at.label)) {
                assert.ok(at.seen, `the focus on "${at.label}" is seen`);
                if (key)
                    await page.keyboard.press(key);
                return;
            }
            await page.keyboard.press('Tab');
        }
        assert.fail(`${name} is not to be reached by Tab`);
    };
    const type = async (name, text) => {
        await reach(name);
        await page.keyboard.type(text);
    };
    await page.goto(usher.url);
    await page.getByText('By keyboard').first().waitFor();
    await page.getByRole('banner').waitFor();
    await reach(/^By keyboard$/, 'Enter');
    await page.getByRole('heading', { name: 'Tickets' }).waitFor();
    await reach(/^One more: Standard$/, 'Space');
    await reach(/^Get tickets$/, 'Enter');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await type(/^E-mail address$/, buyer.email);
    await type(/^Password$/, password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your order' }).waitFor();
    await reach(/^Hold the seats and pay$/, 'Enter');
    await page.getByLabel('Card number').waitFor();
    await type(/^Card number$/, '4242424242424242');
    await type(/^Expires/, '12/34');
    await type(/^Security code$/, '123');
    await reach(/^Pay/, 'Enter');
    await page.getByText('You are in!').waitFor();
    await reach(/^Show my tickets$/, 'Enter');
    await page.getByRole('img', { name: 'QR code of the ticket' }).waitFor();
    visitor.sound();
    await visitor.close();
});
