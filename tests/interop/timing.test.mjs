// Whether there is an account with an address cannot be told by the clock. Each operation is asked at least 2,000 times for a name that
// has an account and as often for one that has none, one after the other, in an order drawn by chance; Welch's t tells whether the two
// kinds of answers take different times. As dudect does (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?"), |t| of 4.5
// and more is a leak: by chance that comes once in 100,000 runs.
//
// All of it was decided before a measurement was looked at: the first 200 answers are dropped (caches, connections); what took longer than
// three quarters of all answers of both kinds took is dropped, with one bound for both, for that is the machine's doing; nothing is repeated
// until it suits. That the harness is not blind is shown by a proxy that keeps requests for known names back by a millisecond: found, or failed.
//
// Hashing is set to the least that the settings allow, so that minutes suffice: less noise beside the same leak, so the test is stricter by it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const PAIRS = 2_100;
const PLANTED_PAIRS = 1_000;
const WARM_UP = 100;      // pairs
const KEPT = 0.75;        // of all answers
const LEAK = 4.5;
const NAMES = 240;        // of each kind: nine tries each leave every door open

// ---- the planted leak: a proxy in a thread of its own, which keeps back what is for a known name ----

function planted({ target, known, delayMs }) {
    const names = new Set(known), agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const server = http.createServer((incoming, reply) => {
        const chunks = [];
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.on('end', () => {
            const body = Buffer.concat(chunks), { AuthParameters, Username = AuthParameters?.USERNAME } = JSON.parse(body);
            for (const end = performance.now() + (names.has(Username) ? delayMs : 0); performance.now() < end;);
            const onward = http.request(target + incoming.url, { method: incoming.method, headers: incoming.headers, agent }, (answer) => {
                reply.writeHead(answer.statusCode, answer.headers);
                answer.pipe(reply);
            });
            onward.end(body);
        });
    });
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(`http://127.0.0.1:${server.address().port}`));
}

async function proxy(delayMs) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { target: usher.url, known: names.known, delayMs } });
    after(() => worker.terminate());
    return new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject); });
}

// ---- measuring ----

function meanAndSpread(list) {
    const mean = list.reduce((sum, x) => sum + x, 0) / list.length;
    return { n: list.length, mean, variance: list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (list.length - 1) };
}
function welch(a, b) {
    const x = meanAndSpread(a), y = meanAndSpread(b);
    return { t: (x.mean - y.mean) / Math.sqrt(x.variance / x.n + y.variance / y.n), difference: x.mean - y.mean, n: Math.min(x.n, y.n), spread: Math.sqrt((x.variance + y.variance) / 2) };
}

// Milliseconds from the request to the last byte of its answer.
function ask(base, operation, input, from) {
    const body = JSON.stringify({ ClientId: clientId, ...input }), { hostname, port } = new URL(base);
    return new Promise((resolve, reject) => {
        const began = performance.now();
        const outgoing = http.request({ hostname, port, method: 'POST', path: '/identity/', agent: connection, headers: {
            'content-type': 'application/x-amz-json-1.1', 'content-length': Buffer.byteLength(body), 'x-forwarded-for': from,
            'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` } }, (answer) => {
            const chunks = [];
            answer.on('data', (chunk) => chunks.push(chunk));
            answer.on('end', () => resolve({ ms: performance.now() - began, kind: answer.headers['x-amzn-errortype'] ?? 'none' }));
        });
        outgoing.on('error', reject);
        outgoing.end(body);
    });
}

// A client of its own for each request, so that no count of one comes into the way of another.
let clients = 0;
const client = () => { clients++; return `10.${clients >> 16 & 255}.${clients >> 8 & 255}.${clients & 255}`; };

async function compare(what, base, operation, input, expected, pairs = PAIRS) {
    const taken = { known: [], unknown: [] }, kinds = {};
    for (let pair = -WARM_UP; pair < pairs; pair++) {
        const order = chance.next() < 0.5 ? ['known', 'unknown'] : ['unknown', 'known'];
        for (const kind of order) {
            const name = next(kind, operation);
            const { ms, kind: error } = await ask(base, operation, input(name), client());
            kinds[error] = (kinds[error] ?? 0) + 1;
            if (pair >= 0)
                taken[kind].push(ms);
        }
    }
    assert.deepEqual(Object.keys(kinds), [expected], `${what}: ${JSON.stringify(kinds)}`);
    const all = [...taken.known, ...taken.unknown].sort((a, b) => a - b), bound = all[Math.floor(all.length * KEPT)];
    const result = welch(taken.known.filter((ms) => ms <= bound), taken.unknown.filter((ms) => ms <= bound));
    console.log(`${what}: t = ${result.t.toFixed(2)}, known - unknown = ${(result.difference * 1000).toFixed(1)} us, spread ${(result.spread * 1000).toFixed(0)} us, ` +
        `bound ${bound.toFixed(2)} ms, ${pairs} pairs (seed ${seedNumber})`);
    return result;
}

// The names go round, the two kinds side by side, so that both have been asked for equally often.
const rounds = {};
function next(kind, operation) {
    const key = `${operation} ${kind}`;
    rounds[key] = (rounds[key] ?? -1) + 1;
    return names[kind][rounds[key] % NAMES];
}

let usher, names, clientId, chance, seedNumber, connection;

if (!isMainThread) {
    planted(workerData);
} else {
    const { password, seed, seeded, start, waitFor } = await import('../api/lib.mjs');
    seedNumber = seed();
    chance = seeded(seedNumber);
    // With SRP on, which is off by default, all that is done without it is done as well.
    usher = await start({ fast: true, env: { USHER_TRUSTED_PROXIES: '127.0.0.1', USHER_SRP: 'on', USHER_ARGON2_MEMORY_KIB: '7168', USHER_ARGON2_PASSES: '1' } });
    connection = new http.Agent({ keepAlive: true, maxSockets: 1 });
    clientId = (await usher.config()).userPoolClientId;
    const letters = () => Array.from({ length: 12 }, () => 'abcdefghijklmnopqrstuvwxyz'[chance.below(26)]).join('');
    names = { known: Array.from({ length: NAMES }, () => `${letters()}@example.org`), unknown: Array.from({ length: NAMES }, () => `${letters()}@example.org`) };
    for (const name of names.known)
        await usher.signUp(name);
    const codes = await waitFor(async () => {
        const found = new Map((await usher.allMail()).map((m) => [m.to[0], m.text.match(/\d{6}/)?.[0]]));
        return found.size === NAMES && found;
    }, 'the codes', { every: 200 });
    for (const name of names.known)
        assert.equal((await usher.cognito('ConfirmSignUp', { Username: name, ConfirmationCode: codes.get(name) })).error, null);

    const signIn = (name) => ({ AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: name, PASSWORD: 'not the password' } });
    const rows = [
        ['a challenge of SRP', 'InitiateAuth', (name) => ({ AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: name, SRP_A: 'ab'.repeat(383) } }), 'none'],
        ['a wrong password', 'InitiateAuth', signIn, 'NotAuthorizedException'],
        ['asking for a new password', 'ForgotPassword', (name) => ({ Username: name }), 'none'],
        ['a wrong code for a new password', 'ConfirmForgotPassword', (name) => ({ Username: name, ConfirmationCode: 'no code', Password: 'Another-password-9' }), 'CodeMismatchException'],
        ['signing up', 'SignUp', (name) => ({ Username: name, Password: password }), 'none'],
        ['a wrong code for a sign-up', 'ConfirmSignUp', (name) => ({ Username: name, ConfirmationCode: 'no code' }), 'CodeMismatchException'],
    ];
    // Doors that nine wrong passwords left open are closed by the next nine: a day later all is forgotten.
    const forgetAll = () => usher.advance(25 * 3_600_000);

    for (const [what, operation, input, expected] of rows)
        test(`${what} takes as long for a name that has an account as for one that has none`, async () => {
            const { t } = await compare(what, usher.url, operation, input, expected);
            assert.ok(Math.abs(t) < LEAK, `|t| = ${Math.abs(t)}`);
        });

    test('a planted millisecond is found, and the proxy alone plants none', async () => {
        await forgetAll();
        const straight = await compare('through a proxy', await proxy(0), 'InitiateAuth', signIn, 'NotAuthorizedException', PLANTED_PAIRS);
        assert.ok(Math.abs(straight.t) < LEAK, `|t| = ${Math.abs(straight.t)}`);
        await forgetAll();
        const late = await compare('a planted millisecond', await proxy(1), 'InitiateAuth', signIn, 'NotAuthorizedException', PLANTED_PAIRS);
        assert.ok(late.t >= LEAK, `t = ${late.t}`);
    });
}
