// What the tests stand on: a server of one's own in a fresh folder, its accounts, mails, events, tickets and money, and a clock to move.
//
//     const usher = await start();                      // usher serve on a free port; stopped (and judged) when the file's tests are over
//     const organizer = await usher.account({ role: 'organizer' });
//     const event = await usher.createEvent(organizer, { capacity: 10 });
//     const r = await usher.api('POST', '/v1/registrations', { token: buyer.token, body: { ... } });
//
// The binary is USHER_BIN_ASAN where it is set (the sanitizer build), else USHER_BIN, else build/usher; start({ fast: true })
// never takes the sanitizer build. Every answer passes through `judge`, so each test also holds the server to what the contract says
// of every response. Nothing here sleeps for a guess: waitFor polls a condition up to a deadline.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { simpleParser } from 'mailparser';

import { assertDescribed } from './described.mjs';

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const patience = 30_000;

export const password = 'Correct-horse-9-battery';

export function binary({ fast = false } = {}) {
    const plain = process.env.USHER_BIN ?? join(root, 'build', 'usher');
    return fast ? plain : process.env.USHER_BIN_ASAN ?? plain;
}

// True where the server under test is slowed by sanitizers: for expectations about time.
export const sanitized = Boolean(process.env.USHER_BIN_ASAN);

// Poll until `condition` gives something truthy, and give that back. An AssertionError inside counts as "not yet".
export async function waitFor(condition, what = 'a condition', { timeout = patience, every = 20 } = {}) {
    const end = Date.now() + timeout;
    let last;
    for (;;) {
        // Noted before the look, so that there is always one behind the deadline: this process may have been kept waiting itself.
        const over = Date.now() > end;
        try {
            const value = await condition();
            if (value)
                return value;
        } catch (error) {
            if (!(error instanceof assert.AssertionError))
                throw error;
            last = error;
        }
        if (over)
            throw new Error(`waited ${timeout} ms in vain for ${what}${last ? `: ${last.message}` : ''}`);
        await new Promise((resolve) => setTimeout(resolve, every));
        await new Promise(setImmediate); // what had arrived meanwhile is read between a timer and this
    }
}

// A port that nobody listens on, from below those that the kernel lends to clients (ip_local_port_range): whoever stops and starts again finds it free,
// for no connection of another test has borrowed it meanwhile.
export async function freePort() {
    for (;;) {
        const port = randomInt(10_000, 32_000);
        const probe = net.createServer();
        const free = await new Promise((resolve) => probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
        if (!free)
            continue;
        await new Promise((resolve) => probe.close(resolve));
        return port;
    }
}

// UUID version 7, as our own clients make their Idempotency-Keys.
export function uuid7(now = Date.now()) {
    const bytes = randomBytes(16);
    bytes.writeUIntBE(now, 0, 6);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    const hex = bytes.toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

// A small seeded generator (mulberry32), for tests that print the seed they fail with.
export function seeded(seed) {
    let a = seed >>> 0;
    const next = () => {
        a = (a + 0x6d2b79f5) >>> 0;
        let t = a;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}
export function seed() {
    return process.env.TEST_SEED ? Number(process.env.TEST_SEED) : randomInt(1, 2 ** 31);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1024 });

// One request as bytes, by node:http: unlike fetch it sends what it is told, and any number at the same time.
export function send(base, method, path, { headers = {}, body, timeout = 120_000, connection = agent } = {}) {
    const { hostname, port } = new URL(base);
    return new Promise((resolve, reject) => {
        const outgoing = http.request({ hostname, port, method, path, headers, agent: connection, timeout }, (incoming) => {
            const chunks = [];
            incoming.on('data', (chunk) => chunks.push(chunk));
            incoming.on('error', reject);
            incoming.on('end', () => {
                const bytes = Buffer.concat(chunks);
                resolve({ status: incoming.statusCode, headers: incoming.headers, bytes, get text() { return bytes.toString('utf8'); } });
            });
        });
        outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path} in ${timeout} ms`)));
        outgoing.on('error', reject);
        outgoing.end(body);
    });
}

// What holds for every answer of ours whatever it is about (the guests behind /identity, /objects and /sim have their own forms of errors).
function judge(method, path, answer) {
    const at = `${method} ${path} -> ${answer.status}`;
    assert.match(answer.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/, `${at}: X-Request-Id`);
    assert.ok(answer.headers['cache-control'], `${at}: Cache-Control`);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', `${at}: nosniff`);
    if (answer.status < 400 || /^\/(identity|objects|sim)\b/.test(path))
        return;
    assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/, `${at}: ${answer.text.slice(0, 300)}`);
    if (method === 'HEAD')
        return;
    const problem = JSON.parse(answer.text);
    assert.equal(problem.status, answer.status, at);
    assert.equal(problem.requestId, answer.headers['x-request-id'], at);
    assert.match(problem.type, /\/problems\/[a-z-]+$/, at);
    assert.ok(problem.title, at);
    assert.doesNotMatch(answer.text, /sqlite|SELECT |INSERT |\.c:\d|errno|\/tmp\//i, `${at} speaks of the inside`);
}

// /openapi.json, asked for once: it is the same for every server of one binary.
let description;
async function descriptionOf(url) {
    description ??= send(url, 'GET', '/openapi.json').then((answer) => JSON.parse(answer.text));
    return description;
}

const servers = new Set();
if (!process.env.BENCH) // bench/run has no test runner around it and stops its servers itself
    after(async () => {
        for (const server of servers)
            await server.stop();
    });
process.on('exit', () => {
    for (const server of servers)
        server.process?.kill('SIGKILL');
});

class Usher {
    constructor({ data, env = {}, fast = false, args = [], limits = 'off', port = 0, argv0 = [] }) {
        this.data = data ?? mkdtempSync(join(tmpdir(), 'usher-test-'));
        this.ownsData = !data;
        this.clockFile = `${this.data}.clock`;
        this.offset = 0;
        this.binary = binary({ fast });
        this.settings = { USHER_LIMITS: limits, USHER_TEST_CLOCK: this.clockFile, ...env };
        this.args = args;
        this.argv0 = argv0; // a command that the server is started through, e.g. prlimit
        this.port = port;
        this.log = '';
        this.mails = new Map();
    }

    get outbox() { return join(this.data, 'outbox'); }

    environment() {
        const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('USHER_')));
        return {
            ...env,
            ASAN_OPTIONS: 'abort_on_error=0:exitcode=99:detect_leaks=1',
            UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
            ...this.settings,
        };
    }

    // Start (or start again) on the same data, and on the same port once it had one.
    async start() {
        assert.ok(existsSync(this.binary), `${this.binary} is not built`);
        if (!existsSync(this.clockFile))
            writeFileSync(this.clockFile, String(this.offset));
        this.port ||= await freePort();
        const argv = [...this.argv0, this.binary, 'serve', '--data', this.data, '--listen', `127.0.0.1:${this.port}`, ...this.args];
        this.began = performance.now();
        const child = spawn(argv[0], argv.slice(1), { env: this.environment(), stdio: ['ignore', 'ignore', 'pipe'] });
        this.process = child;
        this.exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
        servers.add(this);
        let ended = null;
        this.exit.then((how) => { ended = how; });
        child.stderr.setEncoding('utf8');
        let own = ''; // its first words; `log` also has what servers before it said, which may come late
        child.stderr.on('data', (text) => {
            this.log += text;
            if (own.length < 100_000)
                own += text;
            if (this.log.length > 8_000_000)
                this.log = this.log.slice(-4_000_000);
        });
        const ready = await waitFor(() => {
            const line = own.match(/^usher: ready on (http:\/\/\S+)$/m);
            if (!line && ended)
                throw new Error(`usher ended (${ended.code ?? ended.signal}) before it was ready:\n${this.tail()}`);
            return line;
        }, `the ready line; it said:\n${this.tail()}`, { every: 3 });
        this.readyMs = performance.now() - this.began;
        this.url = ready[1];
        this.port = Number(new URL(this.url).port);
        return this;
    }

    tail(lines = 40) { return this.log.split('\n').slice(-lines).join('\n'); }

    // SIGTERM, and judged: exit code 0, nothing from the sanitizers (leaks are found at the end).
    async stop() {
        if (!this.process)
            return;
        const child = this.process;
        const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
        child.kill('SIGTERM');
        const how = await this.exit;
        clearTimeout(timer);
        this.process = null;
        servers.delete(this);
        assert.deepEqual(how, { code: 0, signal: null }, `usher did not end well:\n${this.tail(80)}`);
        assert.doesNotMatch(this.log, /ERROR: (Address|Leak|Thread)Sanitizer|runtime error:/, 'the sanitizers found something');
        if (this.ownsData && !process.env.KEEP_DATA) {
            this.clean = () => {
                rmSync(this.data, { recursive: true, force: true });
                rmSync(this.clockFile, { force: true });
            };
            process.once('exit', this.clean);
        }
    }

    // kill -9, now.
    async kill() {
        this.process.kill('SIGKILL');
        await this.exit;
        this.process = null;
        servers.delete(this);
    }

    async restart() {
        await this.stop();
        return this.start();
    }

    // Move the server's wall clock forward (or back) and wait until its answers carry the new time.
    async advance(ms) {
        this.offset += ms;
        writeFileSync(`${this.clockFile}.new`, String(this.offset));
        renameSync(`${this.clockFile}.new`, this.clockFile);
        await waitFor(async () => {
            const answer = await send(this.url, 'GET', '/healthz');
            return Math.abs(Date.parse(answer.headers.date) - (Date.now() + this.offset)) < 3000;
        }, 'the server to see its clock moved');
    }
    now() { return Date.now() + this.offset; }

    // ---- HTTP ----

    // One call of the API. `body` is sent as JSON unless it is a string or Buffer. Any answer of 500 and more is a failure unless it is expected.
    async api(method, path, { token, body, headers = {}, key, outage = false, ...rest } = {}) {
        const all = { ...headers };
        if (token)
            all.authorization ??= `Bearer ${token}`;
        if (key)
            all['idempotency-key'] = key;
        let bytes = body;
        if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) {
            bytes = JSON.stringify(body);
            all['content-type'] ??= 'application/json';
        }
        const answer = await send(this.url, method, path, { headers: all, body: bytes, ...rest }).catch((error) => {
            throw new Error(`${method} ${path}: ${error.message}; the server ${this.process?.exitCode ?? this.process?.signalCode ?? 'runs'}, and said:\n${this.tail(5)}`, { cause: error });
        });
        judge(method, path, answer);
        if (path.startsWith('/v1/'))
            assertDescribed(await descriptionOf(this.url), method, path, answer);
        if (/json/.test(answer.headers['content-type'] ?? '') && answer.bytes.length && method !== 'HEAD')
            answer.body = JSON.parse(answer.text);
        if (answer.status >= 500 && !outage)
            assert.fail(`${method} ${path} -> ${answer.status} ${answer.text}\n${this.tail(10)}`);
        return answer;
    }

    // The same, and the status it must have; gives the body.
    async must(status, method, path, options) {
        const answer = await this.api(method, path, options);
        assert.equal(answer.status, status, `${method} ${path} -> ${answer.status} ${answer.text.slice(0, 1000)}`);
        return answer.body;
    }

    // ---- accounts ----

    async config() {
        this.configuration ??= await this.must(200, 'GET', '/config.json');
        return this.configuration;
    }

    // An operation on Cognito's wire: { status, headers, body, error } with error the exception's short name, or null.
    // `from`: as a client of that address, where the server trusts 127.0.0.1 as a proxy.
    async cognito(operation, input, { from } = {}) {
        const { userPoolClientId } = await this.config();
        const answer = await send(this.url, 'POST', '/identity/', {
            headers: {
                'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}`,
                ...(from ? { 'x-forwarded-for': from } : {}),
            },
            body: JSON.stringify({ ClientId: userPoolClientId, ...input }),
        });
        judge('POST', '/identity/', answer);
        const body = JSON.parse(answer.text);
        const error = answer.status === 200 ? null : (body.__type ?? '').replace(/^.*#/, '');
        return { status: answer.status, headers: answer.headers, body, error, message: body.message ?? body.Message };
    }

    async signUp(email, { role, name, pass = password } = {}) {
        const attributes = [{ Name: 'email', Value: email }];
        if (name)
            attributes.push({ Name: 'name', Value: name });
        if (role)
            attributes.push({ Name: 'custom:role', Value: role });
        const { error, body } = await this.cognito('SignUp', { Username: email, Password: pass, UserAttributes: attributes });
        assert.equal(error, null, JSON.stringify(body));
        assert.equal(body.UserConfirmed, false);
        return body.UserSub;
    }

    // The code in the newest mail to that address.
    async code(email) {
        const mail = await this.mail((m) => m.to.includes(email) && /\b\d{6}\b/.test(m.text));
        const codes = mail.text.match(/\d{6,}/g);
        assert.equal(codes.length, 1, `one run of six digits in: ${mail.text}`);
        return codes[0];
    }

    async confirm(email) {
        const { error, body } = await this.cognito('ConfirmSignUp', { Username: email, ConfirmationCode: await this.code(email) });
        assert.equal(error, null, JSON.stringify(body));
    }

    async signIn(email, pass = password) {
        const { error, body } = await this.cognito('InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD: pass } });
        assert.equal(error, null, JSON.stringify(body));
        const result = body.AuthenticationResult;
        const claims = JSON.parse(Buffer.from(result.IdToken.split('.')[1], 'base64url'));
        return { email, token: result.IdToken, accessToken: result.AccessToken, refreshToken: result.RefreshToken, sub: claims.sub, claims };
    }

    // A signed-in account by way of sign-up, mail and confirmation. `role` is 'organizer' or 'attendee'.
    async account({ role = 'attendee', email = `${role}-${randomBytes(5).toString('hex')}@example.org`, name } = {}) {
        await this.signUp(email, { role, name });
        await this.confirm(email);
        return this.signIn(email);
    }

    // The same from the shell, beside the running server.
    async shellAccount(group = 'Attendees', email = `shell-${randomBytes(5).toString('hex')}@example.org`) {
        await this.cli(['user', 'add', email, '--group', group, '--password-stdin'], { input: `${password}\n` });
        return this.signIn(email);
    }

    // A command of usher on this server's data: { code, stdout, stderr }.
    async cli(args, { input = '', ok = true, data = true } = {}) {
        const child = run(this.binary, [...args, ...(data ? ['--data', this.data] : [])], { env: this.environment(), maxBuffer: 1 << 26 });
        child.child.stdin.on('error', () => {}); // it may have ended without reading
        child.child.stdin.end(input);
        const result = await child.then((r) => ({ code: 0, ...r }), (e) => ({ code: e.code ?? e.signal, stdout: e.stdout, stderr: e.stderr }));
        if (ok)
            assert.equal(result.code, 0, `usher ${args.join(' ')}:\n${result.stdout}\n${result.stderr}`);
        return result;
    }

    // `usher check` on the data as it is, running or not; all invariants must hold.
    async check() { return this.cli(['check']); }

    // ---- mail ----

    // Wait for a mail in the outbox for which `which` holds (the newest such), parsed: { to, subject, text, html, attachments, raw, ... }.
    async mail(which, options) {
        return waitFor(async () => {
            const all = await this.allMail();
            return all.findLast(which);
        }, 'a mail', options);
    }

    // All mails in order of their writing.
    async allMail() {
        const names = existsSync(this.outbox) ? readdirSync(this.outbox).filter((name) => name.endsWith('.eml')) : [];
        for (const name of names) {
            if (this.mails.has(name))
                continue;
            const raw = readFileSync(join(this.outbox, name));
            const parsed = await simpleParser(raw);
            this.mails.set(name, { name, raw, subject: parsed.subject, text: parsed.text ?? '', html: parsed.html || '', attachments: parsed.attachments,
                headers: parsed.headers, to: [parsed.to ?? []].flat().flatMap((a) => a.value).map((a) => a.address), at: parsed.date });
        }
        return [...this.mails.values()];
    }

    // ---- the product ----

    eventBody(overrides = {}) {
        const starts = this.now() + 30 * 86_400_000;
        return {
            title: `Night of the Long Cables ${randomBytes(3).toString('hex').replace(/\d/g, (d) => 'ghijklmnop'[d])}`, // six digits would read like a code in mails
            description: 'Talks about long cables, and the people who pull them.',
            category: 'technology',
            status: 'published',
            startsAt: new Date(starts).toISOString(),
            endsAt: new Date(starts + 4 * 3_600_000).toISOString(),
            timezone: 'Europe/Berlin',
            venue: { name: 'Kabelhalle', address: 'Ringstraße 1', city: 'Köln', country: 'DE' },
            currency: 'EUR',
            capacity: 100,
            ticketTypes: [{ name: 'Standard', price: 2500, quantity: 100 }],
            ...overrides,
        };
    }
    async createEvent(organizer, overrides) {
        return this.must(201, 'POST', '/v1/events', { token: organizer.token, body: this.eventBody(overrides) });
    }
    // An event that costs nothing, so that a registration is confirmed at once.
    async createFreeEvent(organizer, { seats = 100, ...overrides } = {}) {
        return this.createEvent(organizer, { capacity: seats, ticketTypes: [{ name: 'Free', price: 0, quantity: seats }], ...overrides });
    }

    // The answer, whatever it is.
    async tryRegister(buyer, event, { quantity = 1, type = 0, key = uuid7(), attendees, items, ...rest } = {}) {
        const body = { eventId: event.eventId, items: items ?? [{ ticketTypeId: event.ticketTypes[type].ticketTypeId, quantity }] };
        if (attendees)
            body.attendees = attendees;
        return this.api('POST', '/v1/registrations', { token: buyer.token, body, key, ...rest });
    }
    async register(buyer, event, options) {
        const answer = await this.tryRegister(buyer, event, options);
        assert.equal(answer.status, 201, answer.text);
        return answer.body;
    }
    async registration(buyer, id) { return this.must(200, 'GET', `/v1/registrations/${id}`, { token: buyer.token }); }

    async intent(buyer, registration) {
        return this.must(200, 'POST', '/v1/create-payment-intent', { token: buyer.token, body: { registrationId: registration.registrationId } });
    }
    // What a browser does: confirm with the publishable key and the client secret. The simulator's answer.
    async confirmIntent(intent, card = 'pm_card_visa') {
        const form = new URLSearchParams({ payment_method: card, client_secret: intent.clientSecret, return_url: `${this.url}/` });
        const answer = await send(this.url, 'POST', `/sim/stripe/v1/payment_intents/${intent.paymentIntentId}/confirm`, {
            headers: { authorization: `Bearer ${intent.publishableKey}`, 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString(),
        });
        return { status: answer.status, body: JSON.parse(answer.text) };
    }
    // Pay, and wait until the registration shows it.
    async pay(buyer, registration, card = 'pm_card_visa') {
        const intent = await this.intent(buyer, registration);
        assert.equal(intent.amount, registration.amount);
        const answer = await this.confirmIntent(intent, card);
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        assert.equal(answer.body.status, 'succeeded');
        return this.status(buyer, registration, 'confirmed');
    }
    async status(buyer, registration, wanted, options) {
        return waitFor(async () => {
            const now = await this.registration(buyer, registration.registrationId);
            assert.equal(now.status, wanted);
            return now;
        }, `registration to be ${wanted}`, options);
    }

    async ticket(buyer, ticketId) { return this.must(200, 'GET', `/v1/tickets/${ticketId}`, { token: buyer.token }); }
    // The ticket's PDF through its presigned address.
    async pdf(buyer, ticketId) {
        const { downloadUrl } = await this.ticket(buyer, ticketId);
        const url = new URL(downloadUrl);
        const answer = await send(url.origin, 'GET', url.pathname + url.search);
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.headers['content-type'], /^application\/pdf/);
        return answer.bytes;
    }
    async validate(organizer, input, options = {}) {
        return this.must(200, 'POST', '/v1/validate-ticket', { token: organizer.token, body: typeof input === 'string' ? { qrCode: input } : input, ...options });
    }

    async metrics() { return (await send(this.url, 'GET', '/metrics')).text; }
    // Sum of a metric over all its labels.
    async metric(name) {
        const lines = (await this.metrics()).split('\n').filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length]));
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    }
    // A number that changes with anything a request could have changed: rows of all tables.
    rows() {
        const tables = execFileSync('sqlite3', ['-readonly', join(this.data, 'usher.db'), "SELECT name FROM sqlite_master WHERE type='table'"], { encoding: 'utf8' }).trim().split('\n');
        const counts = tables.map((name) => `SELECT '${name}', count(*) FROM "${name}"`).join(' UNION ALL ');
        const text = execFileSync('sqlite3', ['-readonly', join(this.data, 'usher.db'), counts], { encoding: 'utf8' });
        return Object.fromEntries(text.trim().split('\n').map((line) => line.split('|')).map(([name, count]) => [name, Number(count)]));
    }
}

// Start a server; it is stopped when the file's tests are over.
export async function start(options = {}) {
    return new Usher(options).start();
}
// Not started yet: for tests of starting itself.
export function prepare(options = {}) {
    return new Usher(options);
}

// ---- readers that we did not write ----

function scratch(bytes, suffix) {
    const folder = mkdtempSync(join(tmpdir(), 'usher-look-'));
    const path = join(folder, `file${suffix}`);
    writeFileSync(path, bytes);
    return { folder, path, end: () => rmSync(folder, { recursive: true, force: true }) };
}

// The text of the QR code on a PDF's first page, read from its picture as a scanner does.
export function readQr(pdf, dpi = 150) {
    const look = scratch(pdf, '.pdf');
    try {
        execFileSync('pdftoppm', ['-r', String(dpi), '-png', '-singlefile', look.path, join(look.folder, 'page')]);
        return execFileSync('zbarimg', ['--raw', '-q', '-Sdisable', '-Sqrcode.enable', join(look.folder, 'page.png')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } finally {
        look.end();
    }
}
export function pdfText(pdf) {
    const look = scratch(pdf, '.pdf');
    try {
        return execFileSync('pdftotext', ['-layout', look.path, '-'], { encoding: 'utf8' });
    } finally {
        look.end();
    }
}
// Throws unless qpdf finds the file sound.
export function checkPdf(pdf) {
    const look = scratch(pdf, '.pdf');
    try {
        execFileSync('qpdf', ['--check', look.path], { stdio: 'pipe' });
    } finally {
        look.end();
    }
}
