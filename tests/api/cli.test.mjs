// The commands: what they print, how they refuse, accounts and backups beside a running server and without one.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, password, prepare, start, waitFor } from './lib.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'usher-cli-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const shell = prepare({ data: join(scratch, 'unused') }); // for its cli() and environment
const usher = (args, options) => shell.cli(args, { data: false, ok: false, ...options });

describe('the command line', () => {
    test('help tells of every command, and each command of itself', async () => {
        const help = await usher(['help']);
        assert.equal(help.code, 0);
        for (const name of ['serve', 'demo', 'user add', 'user list', 'user group', 'user disable', 'backup', 'restore', 'check', 'version', 'help']) {
            assert.match(help.stdout, new RegExp(`^  usher ${name} `, 'm'));
            for (const args of [['help', ...name.split(' ')], [...name.split(' '), '--help']]) {
                const own = await usher(args);
                assert.equal(own.code, 0, args.join(' '));
                assert.match(own.stdout, new RegExp(`^usher ${name}`), args.join(' '));
            }
        }
        assert.equal((await usher(['--help'])).stdout, help.stdout);
        assert.match((await usher(['version'])).stdout, /^usher \d+\.\d+\.\d+\n$/);
        assert.doesNotMatch(help.stdout, /render/);
    });

    test('what is not known is named with the nearest that is, and ends with 2', async () => {
        const cases = [
            [['serv'], /no command 'serv'; the nearest is 'serve'/],
            [['user', 'ad'], /user add EMAIL/],
            [['serve', '--dta', 'x'], /no option '--dta'; the nearest is '--data'/],
            [['serve', '-d', 'x'], /the nearest is '--data'/],
            [['serve', '--data'], /--data needs a value/],
            [['serve', '--data', 'a', '--data', 'b'], /twice/],
            [['serve', 'there'], /takes no words/],
            [['serve', '--listen', '8080'], /--listen must be ADDR:PORT/],
            [['check', '--json=1'], /takes no value/],
            [['user', 'add'], /needs EMAIL/],
            [['user', 'add', 'a@example.org', '--group', 'Gods'], /Attendees, Organizers and Admins/],
            [['user', 'group', 'a@example.org'], /needs --group/],
            [['restore', 'x', '--at', '2026-11-22T19:00:00Z'], /points in time come later/],
            [['demo', '--listen', '0.0.0.0:0'], /this machine alone/],
        ];
        for (const [args, expected] of cases) {
            const answer = await usher(args);
            assert.equal(answer.code, 2, `${args.join(' ')}: ${answer.stderr}`);
            assert.match(answer.stderr, expected, args.join(' '));
            assert.equal(answer.stdout, '', args.join(' '));
        }
        assert.equal((await usher([])).code, 2);
    });

    test('a wrong setting is named before anything is opened', async () => {
        const file = join(scratch, 'usher.conf');
        const cases = [
            [{ USHER_HOLD_SECOND: '1' }, '', /'USHER_HOLD_SECOND'.*'USHER_HOLD_SECONDS'/],
            [{ USHER_HOLD_SECONDS: '0' }, '', /1 to 86400/],
            [{ USHER_DATABASE_URL: 'postgres://u:hidden@h/d' }, '', /PostgreSQL comes later/],
            [{ USHER_S3_BUCKET: 'b' }, '', /S3 comes later/],
            [{}, 'hold_second = 1', /line 1.*'hold_seconds'/],
            // Lists whose words could never match anything.
            [{ USHER_CORS_ORIGINS: '*' }, '', /USHER_CORS_ORIGINS must be a list of origins/],
            [{ USHER_CORS_ORIGINS: 'https://app.example.org, https://two.example.org/' }, '', /without a slash at the end/],
            [{ USHER_CORS_ORIGINS: 'app.example.org' }, '', /USHER_CORS_ORIGINS/],
            [{ USHER_CORS_ORIGINS: 'https://App.example.org' }, '', /lower case/],
            [{ USHER_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' }, '', /USHER_TRUSTED_PROXIES must be a list of IP addresses/],
            // Settings that are good by themselves and not together.
            [{ USHER_STRIPE_SECRET_KEY: 'sk_live_hidden', USHER_STRIPE_API_BASE: 'http://127.0.0.1:9/sim/stripe' }, '', /live Stripe key/],
            [{ USHER_STRIPE_SECRET_KEY: 'pk_test_hidden' }, '', /not a Stripe secret key/],
            [{ USHER_STRIPE_WEBHOOK_SECRET: 'whsec_hidden,whsec_b,whsec_c' }, '', /takes one secret, or two/],
            [{ USHER_OIDC_ISSUER: 'https://issuer.example' }, '', /USHER_OIDC_CLIENT_ID/],
            [{ USHER_SIM_MISCHIEF: 'frob=1' }, '', /mischief 'frob=1' cannot be read/],
        ];
        for (const [env, text, expected] of cases) {
            const data = join(scratch, 'never-made');
            writeFileSync(file, text);
            const one = prepare({ data, env });
            const answer = await one.cli(['serve', '--config', file], { ok: false });
            assert.equal(answer.code, 2, answer.stderr);
            assert.match(answer.stderr, expected);
            assert.doesNotMatch(answer.stderr, /hidden/);
            assert.equal(existsSync(data), false);
        }
    });

    test('the settings in docs/operating.md are those that the program knows', async () => {
        const doc = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../../docs/operating.md'), 'utf8');
        const described = (await usher(['help', 'config'])).stdout.split('\n\n').slice(1).join('\n\n').trim();
        const shown = doc.match(/<!-- settings -->\n```text\n([\s\S]*?)\n```/);
        assert.ok(shown, 'docs/operating.md has its settings block');
        assert.equal(shown[1].trim(), described, 'paste the output of `usher help config` into docs/operating.md');
    });
});

describe('accounts', () => {
    // The same steps with and without a server.
    async function steps(one) {
        const who = `Ada.${one.process ? 'beside' : 'alone'}@Example.org`;
        const added = await one.cli(['user', 'add', who, '--group', 'Organizers', '--name', 'Ada Łovelace', '--password-stdin'], { input: `${password}\nrest` });
        assert.match(added.stdout, /was added/);
        const twice = await one.cli(['user', 'add', who.toLowerCase()], { ok: false });
        assert.equal(twice.code, 1);
        assert.match(twice.stderr, /there is an account/i);
        for (const bad of ['nobody', '@', 'a@b c', 'a@b\nc'])
            assert.notEqual((await one.cli(['user', 'add', bad], { ok: false })).code, 0, bad);
        const weak = await one.cli(['user', 'add', 'weak@example.org', '--password-stdin'], { input: 'short\n', ok: false });
        assert.equal(weak.code, 1);
        assert.doesNotMatch(weak.stderr, /short\b.*short/);
        await one.cli(['user', 'add', `second.${who}`]);
        await one.cli(['user', 'group', `second.${who}`, '--group', 'Admins,Attendees']);
        const users = (await one.cli(['user', 'list', '--json'])).stdout.trim().split('\n').map((line) => JSON.parse(line));
        const ada = users.find((u) => u.email === who), second = users.find((u) => u.email === `second.${who}`);
        assert.deepEqual([ada.groups, ada.status, ada.name], [['Organizers'], 'confirmed', 'Ada Łovelace']);
        assert.deepEqual(second.groups, ['Attendees', 'Admins']);
        assert.match((await one.cli(['user', 'list'])).stdout, /Organizers/);
        const nobody = await one.cli(['user', 'disable', 'nobody@example.org'], { ok: false });
        assert.equal(nobody.code, 1);
        return who;
    }

    test('on a stopped folder; the server knows them when it starts', async () => {
        const one = prepare({ data: join(scratch, 'alone') });
        const who = await steps(one);
        await one.start();
        const session = await one.signIn(who);
        assert.deepEqual(session.claims['cognito:groups'], ['Organizers']);
        await one.createFreeEvent(session);
        await one.stop();
    });

    test('beside a running server; disabling ends a token at once', async () => {
        const one = await start({ data: join(scratch, 'beside') });
        const who = await steps(one);
        const session = await one.signIn(who);
        await one.createFreeEvent(session);
        await one.cli(['user', 'disable', who]);
        await one.must(401, 'GET', '/v1/my-events', { token: session.token });
        await one.must(401, 'POST', '/v1/events', { token: session.token, body: one.eventBody() });
        await one.stop();
    });

    test('more accounts than a page are listed all, once each', async () => {
        const one = prepare({ data: join(scratch, 'many') });
        await one.cli(['user', 'add', 'first@example.org']);
        execFileSync('sqlite3', [join(one.data, 'usher.db')], { input: `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
            INSERT INTO account (id, email, email_key, groups, status, password, created_at, updated_at)
            SELECT randomblob(16), 'u' || i || '@example.org', 'u' || i || '@example.org', 1, 1, '', 1, 1 FROM n;` });
        const emails = (await one.cli(['user', 'list', '--json'])).stdout.trim().split('\n').map((line) => JSON.parse(line).email);
        assert.equal(emails.length, 1201);
        assert.equal(new Set(emails).size, 1201);
    });
});

describe('the control socket', () => {
    test('is the owner\'s alone, and takes no rubbish', async () => {
        const one = await start();
        const path = join(one.data, 'control.sock');
        assert.equal(statSync(path).mode & 0o777, 0o600);
        const ask = (bytes) => new Promise((resolve, reject) => {
            let reply = '';
            const socket = connect(path, () => socket.end(bytes));
            socket.on('data', (data) => { reply += data; });
            socket.on('close', () => resolve(reply));
            socket.on('error', (error) => (error.code === 'EPIPE' || error.code === 'ECONNRESET' ? resolve('') : reject(error)));
        });
        for (const rubbish of ['\n', 'x\n', '{}\n', '{"command":"shutdown"}\n', '{"command":7}\n', '[]\n', '{"command":"user-add"}\n',
            '{"command":"user-add","email":"a@b.c","groups":99}\n', '{"command":"backup","dir":"relative"}\n', '{"command":"backup"}\n', `${'['.repeat(5000)}\n`]) {
            const reply = JSON.parse(await ask(rubbish));
            assert.equal(reply.ok, false, rubbish);
            assert.ok(reply.error, rubbish);
        }
        assert.equal(await ask('no newline'), '');
        assert.equal(await ask(Buffer.alloc(200_000, 'x')), '');
        await one.shellAccount();
        await one.stop();
        assert.equal(existsSync(path), false);
    });

    test('a dead socket in the way does not keep the server from starting', async () => {
        const one = await start();
        await one.kill();
        assert.ok(existsSync(join(one.data, 'control.sock')));
        await one.cli(['user', 'add', 'dead@example.org']); // nobody listens: done on the folder itself
        await one.start();
        await one.shellAccount();
        await one.stop();
    });

    test('works where the path is longer than a socket address', async () => {
        const data = join(scratch, 'x'.repeat(100), 'y'.repeat(100));
        mkdirSync(dirname(data), { recursive: true });
        const one = await start({ data });
        await one.shellAccount();
        await one.stop();
    });

    test('a second server on the same folder is refused', async () => {
        const one = await start();
        const second = await one.cli(['serve', '--listen', '127.0.0.1:0'], { ok: false });
        assert.equal(second.code, 1);
        assert.match(second.stderr, /usher: /);
        await one.shellAccount(); // and did the first no harm
        await one.stop();
    });
});

describe('backup and restore', () => {
    test('beside a running server, then into a new folder, where everything is as it was', async () => {
        const one = await start({ data: join(scratch, 'original') });
        const organizer = await one.account({ role: 'organizer' });
        const buyer = await one.account();
        const event = await one.createFreeEvent(organizer, { seats: 9 });
        const registration = await one.register(buyer, event, { quantity: 2 });
        const pdf = await one.pdf(buyer, registration.ticketIds[0]);
        const backups = join(scratch, 'deep', 'backups');
        const said = await one.cli(['backup', backups]);
        assert.match(said.stdout, /backup-\d{8}T\d{6}\.\d{3}Z: \d+ files, \d+ bytes/);
        await one.register(buyer, event, { quantity: 1 }); // after the backup: not in it
        await one.stop();

        const [name] = readdirSync(backups);
        const files = readdirSync(join(backups, name));
        assert.deepEqual(files.sort(), ['SHA256SUMS', 'keys', 'manifest.json', 'objects', 'usher.db']);
        execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: join(backups, name) });
        for (const key of readdirSync(join(backups, name, 'keys')))
            assert.equal(statSync(join(backups, name, 'keys', key)).mode & 0o777, 0o600, key);

        mkdirSync(join(scratch, 'new'));
        const two = prepare({ data: join(scratch, 'new', 'place'), port: one.port });
        await two.cli(['restore', backups]);
        assert.equal(existsSync(join(two.data, 'sim.db')), false);
        await two.check();
        await two.start();
        // The token of before is good: the keys came along.
        const again = await two.registration(buyer, registration.registrationId);
        assert.deepEqual(again.ticketIds, registration.ticketIds);
        assert.equal((await two.must(200, 'GET', `/v1/events/${event.eventId}`)).ticketTypes[0].available, 7);
        assert.deepEqual(await two.pdf({ ...buyer }, registration.ticketIds[0]), pdf);
        await two.stop();

        const refused = await two.cli(['restore', backups], { ok: false });
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /holds usher\.db already/);
    });

    test('a damaged backup restores nothing', async () => {
        const one = prepare({ data: join(scratch, 'small') });
        await one.cli(['user', 'add', 'a@example.org']);
        mkdirSync(join(one.data, 'keys'), { recursive: true });
        writeFileSync(join(one.data, 'keys', 'k'), 'secret', { mode: 0o600 });
        for (const [what, hurt] of [
            ['a file longer', (dir) => appendFileSync(join(dir, 'keys/k'), 'x')],
            ['a file changed', (dir) => writeFileSync(join(dir, 'keys/k'), 'sEcret')],
            ['a file missing', (dir) => rmSync(join(dir, 'keys/k'))],
            ['a line missing', (dir) => writeFileSync(join(dir, 'SHA256SUMS'), readFileSync(join(dir, 'SHA256SUMS'), 'utf8').split('\n').slice(1).join('\n'))],
            ['no manifest', (dir) => rmSync(join(dir, 'manifest.json'))],
            ['half a manifest', (dir) => writeFileSync(join(dir, 'manifest.json'), '{"format":1')],
            ['another format', (dir) => writeFileSync(join(dir, 'manifest.json'), '{"format":2}')],
            ['the database torn', (dir) => writeFileSync(join(dir, 'usher.db'), readFileSync(join(dir, 'usher.db')).subarray(0, 8192))],
        ]) {
            const to = join(scratch, `hurt ${what}`);
            await one.cli(['backup', to]);
            const [name] = readdirSync(to);
            hurt(join(to, name));
            const two = prepare({ data: join(scratch, `from ${what}`) });
            const answer = await two.cli(['restore', to], { ok: false });
            assert.equal(answer.code, 1, what);
            assert.match(answer.stderr, /usher: /, what);
            assert.deepEqual(existsSync(two.data) ? readdirSync(two.data) : [], [], what);
        }
    });

    test('while people register: each backup is one moment, and holds what was answered before it', async () => {
        const one = await start({ data: join(scratch, 'busy'), fast: true });
        const organizer = await one.account({ role: 'organizer' });
        const buyers = await Promise.all(Array.from({ length: 4 }, () => one.account()));
        const event = await one.createFreeEvent(organizer, { seats: 100_000 });
        const answered = [];
        let over = false;
        const rush = buyers.map(async (buyer) => {
            while (!over)
                answered.push((await one.register(buyer, event)).registrationId);
        });
        const to = join(scratch, 'of the busy');
        const before = [];
        for (let i = 0; i < 3; i++) {
            await waitFor(() => answered.length >= 40 * (i + 1), 'some registrations');
            before.push([...answered]);
            await one.cli(['backup', to]);
        }
        over = true;
        await Promise.all(rush);
        await one.stop();
        for (const [i, name] of readdirSync(to).sort().entries()) {
            const two = prepare({ data: join(scratch, `busy ${i}`) });
            await two.cli(['restore', join(to, name)]);
            await two.check();
            const kept = execFileSync('sqlite3', [join(two.data, 'usher.db'), 'SELECT lower(hex(id)) FROM registration'], { encoding: 'utf8' });
            for (const id of before[i])
                assert.ok(kept.includes(id.replaceAll('-', '')), `${id} was answered before backup ${i}`);
        }
    });

    test('what a killed backup left is cleared away, and is never taken for one', async () => {
        const one = prepare({ data: join(scratch, 'left') });
        const to = join(scratch, 'leftovers');
        await one.cli(['user', 'add', 'a@example.org']);
        mkdirSync(join(to, '.backup-20260101T000000.000Z', 'keys'), { recursive: true });
        writeFileSync(join(to, '.backup-20260101T000000.000Z', 'usher.db'), 'half');
        const none = await prepare({ data: join(scratch, 'from half') }).cli(['restore', to], { ok: false });
        assert.equal(none.code, 1);
        assert.match(none.stderr, /no backup/);
        await one.cli(['backup', to]);
        assert.equal(readdirSync(to).length, 1);
    });

    test('the newest of several is taken, unless one is named', async () => {
        const one = prepare({ data: join(scratch, 'growing') });
        const to = join(scratch, 'several');
        for (let i = 1; i <= 3; i++) {
            await one.cli(['user', 'add', `user${i}@example.org`]);
            await one.cli(['backup', to]);
        }
        const count = async (from, name) => {
            const two = prepare({ data: join(scratch, name) });
            await two.cli(['restore', from]);
            return (await two.cli(['user', 'list', '--json'])).stdout.trim().split('\n').length;
        };
        assert.equal(await count(to, 'newest'), 3);
        assert.equal(await count(join(to, readdirSync(to).sort()[0]), 'oldest'), 1);
    });
});

describe('serving', () => {
    test('SIGTERM and SIGINT end it with 0; the address is kept for the next start on another port', async () => {
        const one = await start();
        const first = one.url;
        const { iss } = (await one.shellAccount()).claims;
        assert.ok(iss.startsWith(first), iss);
        one.process.kill('SIGINT');
        assert.deepEqual(await one.exit, { code: 0, signal: null });
        one.process = null;
        one.port = 0;
        await one.start();
        assert.equal((await one.shellAccount()).claims.iss, iss);
        await one.stop();
    });

    test('SIGHUP ends it as well; SIGUSR1 means nothing to it', async () => {
        const one = await start();
        one.process.kill('SIGUSR1');
        await one.must(200, 'GET', '/v1/events');
        one.process.kill('SIGHUP');
        assert.deepEqual(await one.exit, { code: 0, signal: null });
        one.process = null;
    });

    test('USHER_PUBLIC_URL stands where it is set', async () => {
        const one = await start({ env: { USHER_PUBLIC_URL: 'https://tickets.example/shop/' } });
        assert.match((await one.shellAccount()).claims.iss, /^https:\/\/tickets\.example\/shop\/identity\//);
        await one.stop();
    });

    test('a port that is taken is said', async () => {
        const one = await start();
        const two = prepare({ data: join(scratch, 'taken') });
        writeFileSync(two.clockFile, '0');
        const answer = await two.cli(['serve', '--listen', `127.0.0.1:${one.port}`], { ok: false });
        assert.equal(answer.code, 1);
        assert.match(answer.stderr, new RegExp(`usher: .*${one.port}`));
        await one.stop();
    });
});

describe('the demo', () => {
    test('fills an empty folder once, prints sign-ins that work, and holds the invariants', async () => {
        const one = prepare({ data: join(scratch, 'demo') });
        async function run() {
            const child = spawn(binary(), ['demo', '--data', one.data, '--listen', '127.0.0.1:0'], { env: one.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
            const ended = new Promise((resolve) => child.once('exit', resolve));
            let out = '', log = '';
            child.stdout.on('data', (data) => { out += data; });
            child.stderr.on('data', (data) => { log += data; });
            await waitFor(() => /^usher: ready on /m.test(log), 'the demo to be ready');
            one.url = log.match(/^usher: ready on (\S+)/m)[1];
            one.process = child;
            const [, organizer, organizerPassword] = out.match(/organizer +(\S+@\S+) +(\S+)/);
            const [, attendee, attendeePassword] = out.match(/attendee +(\S+@\S+) +(\S+)/);
            return { organizer: await one.signIn(organizer, organizerPassword), attendee: await one.signIn(attendee, attendeePassword),
                stop: async () => { child.kill('SIGTERM'); assert.equal(await ended, 0, log); one.process = null; } };
        }
        writeFileSync(one.clockFile, '0');
        let demo = await run();
        const list = await one.must(200, 'GET', '/v1/events?limit=100');
        assert.ok(list.items.length >= 11, `${list.items.length} events are listed`);
        assert.ok(new Set(list.items.map((e) => e.venue?.country)).size >= 8);
        assert.ok(list.items.some((e) => e.ticketTypes.every((t) => t.available === 0)), 'one is sold out');
        const own = await one.must(200, 'GET', '/v1/my-events?limit=100', { token: demo.organizer.token });
        assert.ok(own.items.some((e) => e.status === 'draft') && own.items.some((e) => e.status === 'cancelled'));
        const tickets = await one.must(200, 'GET', '/v1/tickets', { token: demo.attendee.token });
        assert.ok(tickets.items.length >= 3);
        // Visitors come and pay with a test card, by way of the simulator.
        await waitFor(async () => (await one.must(200, 'GET', '/v1/registrations?limit=100', { token: demo.attendee.token })).items
            .some((r) => r.amount > 0 && r.status === 'confirmed'), 'a paid registration');
        await waitFor(() => one.rows().payment === 6, 'all six sales');
        await waitFor(async () => JSON.parse((await one.cli(['check', '--json'])).stdout).jobCount === 0, 'the jobs to be done');
        const before = one.rows();
        assert.ok(before.check_in >= 5);
        await demo.stop();
        demo = await run();
        const again = one.rows();
        for (const table of ['account', 'event', 'registration', 'ticket', 'check_in', 'payment'])
            assert.equal(again[table], before[table], table);
        await demo.stop();
        rmSync(one.clockFile, { force: true });
    });

    test('leaves another\'s folder alone', async () => {
        const one = prepare({ data: join(scratch, 'not-the-demos') });
        await one.cli(['user', 'add', 'owner@example.org']);
        writeFileSync(one.clockFile, '0');
        const answer = await one.cli(['demo', '--listen', '127.0.0.1:0'], { ok: false });
        assert.equal(answer.code, 1);
        assert.match(answer.stderr, /not the demo's/);
        rmSync(one.clockFile, { force: true });
    });
});
