// The line between a server and Stripe, to be cut, slowed or garbled: a proxy on loopback in front of another server's simulator.
//
//     const { usher, stripe, line } = await behindLine();   // usher's Stripe is stripe's simulator, reached through line
//     line.cut();  ...  line.mend();
//     line.serve(/^GET .*\/disputes/, () => ({ status: 200, body: {...} }));      // an answer of the test's own
//     line.before(/^POST .*\/refunds$/, (form) => form.has('x') && { status: 400, body: {...} });   // the same for some forms, the others go on
//     line.change(/^GET .*\/payment_intents\//, (body) => { body.livemode = true; });   // the simulator's, changed on the way
//
// The webhooks of that simulator go to its own server, which knows nothing of the registrations: to `usher` every webhook is lost,
// unless the test brings it (deliver).
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { createHmac } from 'node:crypto';
import { after } from 'node:test';

import { send, start } from './lib.mjs';

export function simulatorKeys(usher) {
    const [secret, publishable, webhook] = readFileSync(join(usher.data, 'keys', 'stripe-simulator'), 'utf8').trim().split('\n');
    return { secret, publishable, webhook };
}

// A call to a simulator with its secret key: { status, body, headers }.
export async function simulator(usher, method, path, params, { key, secret } = {}) {
    const form = new URLSearchParams(params ?? {}).toString();
    const headers = { authorization: `Bearer ${secret ?? simulatorKeys(usher).secret}` };
    if (method === 'POST')
        headers['content-type'] = 'application/x-www-form-urlencoded';
    if (key)
        headers['idempotency-key'] = key;
    const answer = await send(usher.url, method, `/sim/stripe/v1/${path}${method === 'GET' && form ? `?${form}` : ''}`,
        { headers, body: method === 'POST' ? form : undefined });
    return { status: answer.status, body: JSON.parse(answer.text), headers: answer.headers };
}

// As Stripe signs: the HMAC of "time.body" under the whole secret.
export function signature(secret, payload, at = Math.floor(Date.now() / 1000)) {
    return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${payload}`).digest('hex')}`;
}

export async function line(target) {
    const agent = new http.Agent({ keepAlive: true });
    const state = { mode: 'up', seen: [], held: [], served: [], before: [], changed: [] };
    const server = http.createServer((incoming, outgoing) => {
        state.seen.push(`${incoming.method} ${incoming.url}`);
        if (state.mode === 'cut') {
            incoming.socket.destroy();
            return;
        }
        const what = `${incoming.method} ${incoming.url}`;
        const own = state.served.findLast(([pattern]) => pattern.test(what));
        if (own) {
            incoming.resume();
            const { status = 200, body } = own[1](new URL(incoming.url, 'http://x').searchParams, incoming.url);
            outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
            return;
        }
        const changes = state.changed.filter(([pattern]) => pattern.test(what));
        const forward = () => {
            const { hostname, port } = new URL(target().url);
            const through = http.request({ hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers, agent }, (answer) => {
                // "deaf": it was done, and nobody hears of it.
                if (state.mode === 'deaf') {
                    answer.resume();
                    incoming.socket.destroy();
                    return;
                }
                if (changes.length) {
                    const chunks = [];
                    answer.on('data', (chunk) => chunks.push(chunk));
                    answer.on('end', () => {
                        const body = JSON.parse(Buffer.concat(chunks).toString());
                        for (const [, change] of changes)
                            change(body);
                        outgoing.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(JSON.stringify(body));
                    });
                    return;
                }
                outgoing.writeHead(answer.statusCode, answer.headers);
                answer.pipe(outgoing);
            });
            through.on('error', () => incoming.socket.destroy());
            if (read)
                through.end(read);
            else
                incoming.pipe(through);
        };
        const first = state.before.find(([pattern]) => pattern.test(what));
        let read;
        if (first) {
            const chunks = [];
            incoming.on('data', (chunk) => chunks.push(chunk));
            incoming.on('end', () => {
                read = Buffer.concat(chunks);
                const answer = first[1](new URLSearchParams(read.toString()));
                if (answer)
                    outgoing.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
                else
                    forward();
            });
            return;
        }
        if (state.mode === 'hold')
            state.held.push(forward);
        else
            forward();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    after(() => {
        server.closeAllConnections();
        server.close();
    });
    return {
        url: `http://127.0.0.1:${server.address().port}/sim/stripe`,
        seen: state.seen,
        serve(pattern, answer) { state.served.push([pattern, answer]); },
        before(pattern, answer) { state.before.push([pattern, answer]); },
        change(pattern, change) { state.changed.push([pattern, change]); },
        cut() { state.mode = 'cut'; },
        deaf() { state.mode = 'deaf'; },
        hold() { state.mode = 'hold'; },
        mend() {
            state.mode = 'up';
            for (const forward of state.held.splice(0))
                forward();
        },
    };
}

export async function behindLine(env = {}) {
    const stripe = await start();
    const between = await line(() => stripe);
    const { secret, publishable, webhook } = simulatorKeys(stripe);
    const usher = await start({ env: { USHER_STRIPE_SECRET_KEY: secret, USHER_STRIPE_PUBLISHABLE_KEY: publishable, USHER_STRIPE_WEBHOOK_SECRET: webhook,
        USHER_STRIPE_API_BASE: between.url, USHER_ACCESS_TOKEN_SECONDS: '86400' /* these tests turn the clock on */, ...env } });
    return { usher, stripe, line: between, webhook };
}

// A webhook of Stripe's to `usher`, signed as it signs.
let events = 0;
export async function deliver({ usher, webhook }, type, object) {
    const payload = JSON.stringify({ id: `evt_line${++events}${Date.now()}`, object: 'event', type, created: Math.floor(usher.now() / 1000), livemode: false, data: { object } });
    return usher.must(200, 'POST', '/v1/stripe-webhook', { body: payload,
        headers: { 'content-type': 'application/json', 'stripe-signature': signature(webhook, payload, Math.floor(usher.now() / 1000)) } });
}

// A browser at `stripe`, whoever made the intent.
export async function payAt(stripe, intent, card = 'pm_card_visa') {
    const answer = await stripe.confirmIntent({ ...intent, publishableKey: simulatorKeys(stripe).publishable }, card);
    return answer;
}
