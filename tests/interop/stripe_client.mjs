// The official Stripe library, told where the simulator of a server is; and the hand on that simulator.
import http from 'node:http';

import Stripe from 'stripe';

import { send } from '../api/lib.mjs';
import { simulatorKeys } from '../api/stripe_line.mjs';

// The library calls /v1/...; ours is under /sim/stripe. A prefix is what it cannot be told, so its own HTTP client gets one.
class Prefixed extends http.Agent {
    addRequest(request, ...rest) {
        request.path = `/sim/stripe${request.path}`;
        return super.addRequest(request, ...rest);
    }
}

export function clients(usher) {
    const keys = simulatorKeys(usher);
    const client = (key, overrides) => new Stripe(key, { host: '127.0.0.1', port: usher.port, protocol: 'http', telemetry: false, maxNetworkRetries: 0,
        httpAgent: new Prefixed({ keepAlive: true }), ...overrides });
    const stripe = client(keys.secret);
    const create = (overrides = {}, more) => stripe.paymentIntents.create({ amount: 4200, currency: 'eur', payment_method_types: ['card'], ...overrides }, more);
    const paid = (card = 'pm_card_visa', overrides = {}) => create({ confirm: true, payment_method: card, ...overrides });

    // POST (with a form) or GET of /sim/...; the status must be 200 unless another is expected.
    const hand = async (method, path, form = {}, { key = keys.secret, status = 200 } = {}) => {
        const answer = await send(usher.url, method, `/sim/${path}`, { body: method === 'POST' ? new URLSearchParams(form).toString() : undefined,
            headers: { authorization: `Bearer ${key}`, ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}) } });
        if (answer.status !== status)
            throw new Error(`${method} /sim/${path} -> ${answer.status} ${answer.text}`);
        return JSON.parse(answer.text);
    };
    return { keys, client, stripe, browser: client(keys.publishable), create, paid, hand };
}

// The error of a call that must fail.
export async function failure(promise, what = 'it was done') {
    const value = await promise.then((done) => ({ done }), (error) => ({ error }));
    if (!value.error)
        throw new Error(`${what}: ${JSON.stringify(value.done)}`);
    return value.error;
}

// An endpoint of a shop that keeps what it gets. `answer(n)` gives the status of its n-th answer, or nothing: then it never answers. `given.up` counts
// the calls that ended without one.
export async function listener(answer = () => 200) {
    const seen = [], given = { up: 0 };
    const server = http.createServer(async (request, response) => {
        const chunks = [];
        response.on('close', () => { given.up += !response.writableFinished; });
        for await (const chunk of request)
            chunks.push(chunk);
        seen.push({ payload: Buffer.concat(chunks).toString(), header: request.headers['stripe-signature'], type: JSON.parse(Buffer.concat(chunks)).type });
        const status = answer(seen.length);
        if (status)
            response.writeHead(status).end();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { seen, given, url: `http://127.0.0.1:${server.address().port}/hook`, close: () => { server.closeAllConnections(); server.close(); } };
}
