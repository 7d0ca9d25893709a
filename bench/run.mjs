// The measurements of docs/performance.md. The server under test and whatever it is compared with run on core 0, the load on core 1, one
// at a time and interleaved (A B C, A B C, ...), so that a change of the machine's mood hits all of them. Medians of the rounds, and the
// ratios of medians; the spread is printed beside them.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { prepare, send, start, waitFor } from '../tests/api/lib.mjs';

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: option } = parseArgs({ options: {
    rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' }, out: { type: 'string', default: join(root, 'bench', 'out') },
} });
const rounds = Number(option.rounds);
const seconds = Number(option.seconds);
const work = mkdtempSync(join(tmpdir(), 'usher-bench-'));
chmodSync(work, 0o755);
const children = [];
process.setMaxListeners(50);
process.on('exit', () => {
    for (const child of children)
        child.kill('SIGKILL');
    rmSync(work, { recursive: true, force: true });
});

const onServerCore = ['taskset', '-c', '0'];
const onLoadCore = ['taskset', '-c', '1'];

async function load(args) {
    const { stdout } = await run(onLoadCore[0], [...onLoadCore.slice(1), join(root, 'build/bench/load'), ...args.map(String)], { maxBuffer: 1 << 22 });
    return JSON.parse(stdout);
}
function list(name, lines) {
    const path = join(work, name);
    writeFileSync(path, lines.join('\n') + '\n');
    return path;
}

// ---- what it is compared with ----

async function startNginx(constants) {
    const port = 8890;
    // A word of nginx's configuration may have 4 KiB, so longer constants are put together of thousands.
    const locations = Object.entries(constants).map(([name, size]) =>
        `location = /${name} { default_type application/json; set $k '${'x'.repeat(1000)}'; return 200 '${'${k}'.repeat(Math.floor(size / 1000))}${'y'.repeat(size % 1000)}'; }`);
    writeFileSync(join(work, 'nginx.conf'), `daemon off; worker_processes 1; pid ${work}/nginx.pid; error_log ${work}/nginx.log;
events { worker_connections 2048; }
http { access_log off; keepalive_requests 1000000000; large_client_header_buffers 4 16k; client_body_temp_path ${work}/t1; proxy_temp_path ${work}/t2;
fastcgi_temp_path ${work}/t3; uwsgi_temp_path ${work}/t4; scgi_temp_path ${work}/t5;
server { listen 127.0.0.1:${port} backlog=4096; ${locations.join('\n')} } }
`);
    execFileSync('nginx', ['-t', '-q', '-c', join(work, 'nginx.conf')]);
    children.push(spawn(onServerCore[0], [...onServerCore.slice(1), 'nginx', '-c', join(work, 'nginx.conf')], { stdio: 'ignore' }));
    await waitFor(() => send(`http://127.0.0.1:${port}`, 'GET', `/${Object.keys(constants)[0]}`).then((a) => a.status === 200, () => false), 'nginx');
    return `127.0.0.1:${port}`;
}

// A cluster of our own with default durability; one row that everybody updates, as a naive ticket counter.
async function startPostgres() {
    const versions = readdirSync('/usr/lib/postgresql').sort();
    const bin = join('/usr/lib/postgresql', versions.at(-1), 'bin');
    const folder = join(work, 'postgres');
    mkdirSync(folder);
    const as = process.getuid() === 0 ? { uid: Number(execFileSync('id', ['-u', 'postgres'])), gid: Number(execFileSync('id', ['-g', 'postgres'])) } : {};
    if (as.uid !== undefined)
        chownSync(folder, as.uid, as.gid);
    const data = join(folder, 'data');
    execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust'], { ...as, cwd: folder, stdio: 'ignore' });
    children.push(spawn(onServerCore[0], [...onServerCore.slice(1), join(bin, 'postgres'), '-D', data, '-p', '8891', '-k', folder, '-c', 'listen_addresses=', '-c', 'max_connections=100'],
        { ...as, cwd: folder, stdio: 'ignore' }));
    const psql = (sql) => execFileSync(join(bin, 'psql'), ['-h', folder, '-p', '8891', '-U', 'postgres', '-c', sql], { ...as, cwd: folder, stdio: 'pipe' });
    await waitFor(() => {
        try {
            return psql('SELECT 1');
        } catch {
            return false;
        }
    }, 'postgres', { every: 200 });
    psql('CREATE TABLE stock (id int PRIMARY KEY, held bigint NOT NULL); INSERT INTO stock VALUES (1, 0)');
    const script = list('update.sql', ['UPDATE stock SET held = held + 1 WHERE id = 1;']);
    return async (clients) => {
        const { stdout } = await run(onLoadCore[0], [...onLoadCore.slice(1), join(bin, 'pgbench'), '-h', folder, '-p', '8891', '-U', 'postgres', '-n', '-M', 'prepared',
            '-f', script, '-c', String(clients), '-j', '1', '-T', String(seconds), 'postgres'], { ...as, cwd: folder });
        return { rps: Number(stdout.match(/tps = ([\d.]+)/)[1]) };
    };
}

// ---- the server ----

const usher = await start({ fast: true, argv0: onServerCore, env: { USHER_ACCESS_LOG: 'off', USHER_HOLD_SECONDS: '86400' } });
const address = usher.url.replace('http://', '');
console.error(`usher on ${address}, data in ${usher.data}`);

const organizer = await usher.account({ role: 'organizer' });
const buyers = [];
for (let i = 0; i < 32; i++)
    buyers.push(await usher.account());
const tokens = list('tokens', buyers.map((b) => b.token));
const managers = list('managers', [organizer.token]);

const seats = 1_000_000;
const hot = await usher.createEvent(organizer, { capacity: seats, ticketTypes: [{ name: 'Standard', price: 2500, quantity: seats }] });
for (let i = 0; i < 20; i++)
    await usher.createEvent(organizer);
const body = JSON.stringify({ eventId: hot.eventId, items: [{ ticketTypeId: hot.ticketTypes[0].ticketTypeId, quantity: 1 }] });

// Tickets for the gate: each is scanned once.
console.error('making tickets for the gate');
const scansEach = Math.round(200 * seconds);
const concert = await usher.createFreeEvent(organizer, { seats: 100_000 });
const gateTickets = [];
while (gateTickets.length < 2 * rounds * scansEach) {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => usher.register(buyers[i], concert, { quantity: 20 })));
    gateTickets.push(...answers.flatMap((r) => r.ticketIds));
}
// And others whose pages are drawn when they are asked for.
const show = await usher.createFreeEvent(organizer, { seats: 10_000 });
const pages = (await usher.register(buyers[0], show, { quantity: 200 })).ticketIds;
const drawn = () => readdirSync(join(usher.data, 'objects'), { recursive: true }).filter((name) => name.endsWith('.pdf'));
const drawBegan = performance.now();
await waitFor(() => drawn().length >= gateTickets.length + pages.length, 'the tickets to be drawn', { timeout: 300_000, every: 200 });
const delivered = drawn().length / ((performance.now() - drawBegan) / 1000);
console.error(`${drawn().length} pages were drawn and mailed, about ${delivered.toFixed(0)} a second`);

const one = await usher.tryRegister(buyers[0], hot);
const shown = await usher.api('GET', `/v1/events/${hot.eventId}`);
const listed = await usher.api('GET', '/v1/events');
const nginx = await startNginx({ registration: one.bytes.length, event: shown.bytes.length, list: listed.bytes.length });
const pgbench = await startPostgres();

const post = (c, to, path) => ['-c', c, '-s', seconds, '-w', 0.3, '-m', 'POST', '-b', body, '-t', tokens, '-k', to, path];
const get = (c, to, path) => ['-c', c, '-s', seconds, '-w', 0.3, to, path];

const residentKiB = () => Number(readFileSync(`/proc/${usher.process.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
let peakKiB = 0;
async function watched(work_) {
    const timer = setInterval(() => { peakKiB = Math.max(peakKiB, residentKiB()); }, 50);
    try {
        return await work_;
    } finally {
        clearInterval(timer);
    }
}

const subjects = {};
for (const c of [16, 64, 256]) {
    subjects[`usher register c${c}`] = () => watched(load(post(c, address, '/v1/registrations')));
    subjects[`nginx register c${c}`] = () => load(post(c, nginx, '/registration'));
    if (c !== 256)
        subjects[`postgres row c${c}`] = () => pgbench(c);
}
subjects['usher event c64'] = () => watched(load(get(64, address, `/v1/events/${hot.eventId}`)));
subjects['nginx event c64'] = () => load(get(64, nginx, '/event'));
subjects['usher list c64'] = () => watched(load(get(64, address, '/v1/events')));
subjects['nginx list c64'] = () => load(get(64, nginx, '/list'));
let scanned = 0;
// Twice: while the sale runs at half of what it can, as it should, and while 64 clients push it to its limit. There the load core is full, too.
const validateBeside = (rate) => async () => {
    const mine = gateTickets.slice(scanned, scanned + scansEach);
    scanned += scansEach;
    const scans = list('scans', mine.map((ticketId) => JSON.stringify({ ticketId, eventId: concert.eventId, gate: 'North' })));
    const sale = load([...rate(), ...post(64, address, '/v1/registrations').map((arg, i, all) => (all[i - 1] === '-s' ? seconds + 1 : arg))]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const result = await load(['-c', 4, '-r', 200, '-1', '-s', seconds, '-m', 'POST', '-B', scans, '-t', managers, address, '/v1/validate-ticket']);
    result.saleRps = (await sale).rps;
    return result;
};
subjects['usher validate 200/s, sale at half its peak'] = validateBeside(() => ['-r', Math.round(results['usher register c64'].at(-1).rps / 2)]);
subjects['usher validate 200/s, sale at its peak'] = validateBeside(() => []);
subjects['append 4096 B + fdatasync'] = async () => JSON.parse((await run(join(root, 'build/bench/append'), [join(usher.data, 'append.tmp'), '4096', String(Math.min(seconds, 2))])).stdout);

const results = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(subjects)) {
        const result = await measure();
        results[name].push(result);
        const odd = Object.entries(result.statuses ?? {}).filter(([status]) => !/^2/.test(status));
        console.error(`${round + 1}/${rounds}  ${name.padEnd(46)} ${Math.round(result.rps).toString().padStart(7)}/s`
            + (result.p50 ? `  p50 ${result.p50} p99 ${result.p99} us` : '') + (odd.length ? `  NOT 2xx: ${JSON.stringify(result.statuses)}` : ''));
        rmSync(join(usher.data, 'append.tmp'), { force: true });
    }
}

// Pages drawn on demand: the files are taken away (while it stands still, for it remembers which it has drawn) and asked for.
await usher.stop();
for (const name of drawn())
    rmSync(join(usher.data, 'objects', name));
await usher.start();
const pdf = await load(['-c', 8, '-1', '-P', list('pages', pages.map((id) => `/v1/tickets/${id}`)), '-t', list('first', [buyers[0].token]), '-s', 120, address]);
if (pdf.statuses['200'] !== pages.length || drawn().length !== pages.length)
    throw new Error(`${drawn().length} of ${pages.length} pages were drawn: ${JSON.stringify(pdf.statuses)}`);
await usher.check();
const size = statSync(join(usher.data, 'usher.db')).size;
await usher.stop();

// From the command to the line that says ready: on an empty folder, and on one with a little in it.
const empty = [], again = [];
for (let i = 0; i < 9; i++) {
    const fresh = prepare({ fast: true, argv0: onServerCore, env: { USHER_ACCESS_LOG: 'off' } });
    await fresh.start();
    empty.push(fresh.readyMs);
    await fresh.stop();
    await fresh.start();
    again.push(fresh.readyMs);
    await fresh.stop();
}

// ---- the report ----

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const of = (name, what = 'rps') => median(results[name].map((r) => r[what]));
const spread = (name) => {
    const all = results[name].map((r) => r.rps);
    return `${Math.round(Math.min(...all))}–${Math.round(Math.max(...all))}`;
};
const ratio = (a, b) => (of(a) / of(b)).toFixed(2);
const number = (value) => Math.round(value).toLocaleString('en-US');
const version = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();

const lines = [
    `Commit ${version}, ${cpus()[0].model.trim()}, server on core 0, load on core 1, ${rounds} interleaved rounds of ${seconds} s, medians (spread).`,
    '', '| what | a second | p50 us | p99 us | p99.9 us |', '|---|---|---|---|---|',
    ...Object.keys(results).map((name) => `| ${name} | ${number(of(name))} (${spread(name)}) | ${of(name, 'p50') ?? ''} | ${of(name, 'p99') ?? ''} | ${of(name, 'p999') ?? ''} |`),
    '', '| ratio or figure | measured | aim |', '|---|---|---|',
    ...[16, 64, 256].map((c) => `| registrations / nginx, ${c} connections | ${ratio(`usher register c${c}`, `nginx register c${c}`)} | ≥ 0.18 |`),
    `| registrations / PostgreSQL's hot row, 16 clients | ${ratio('usher register c16', 'postgres row c16')} | ≥ 6 |`,
    `| registrations / PostgreSQL's hot row, 64 clients | ${ratio('usher register c64', 'postgres row c64')} | ≥ 20 |`,
    `| registrations (64 connections) / append + fdatasync | ${ratio('usher register c64', 'append 4096 B + fdatasync')} | |`,
    `| GET one event / nginx | ${ratio('usher event c64', 'nginx event c64')} | ≥ 0.7 |`,
    `| GET the list / nginx | ${ratio('usher list c64', 'nginx list c64')} | ≥ 0.7 |`,
    ...['half its peak', 'its peak'].map((at) => {
        const name = `usher validate 200/s, sale at ${at}`;
        return `| validate, p99 while the sale runs at ${at} (${number(of(name, 'saleRps'))}/s) | ${(of(name, 'p99') / 1000).toFixed(1)} ms | ≤ 5 ms |`;
    }),
    `| PDFs a second on demand (drawn, stored, presigned) | ${number(pdf.rps)} | |`,
    `| PDFs a second with their mails, by jobs | ${number(delivered)} | |`,
    `| start to ready, empty folder | ${median(empty).toFixed(0)} ms | ≤ 100 ms |`,
    `| start to ready, again | ${median(again).toFixed(0)} ms | ≤ 100 ms |`,
    `| resident under load, most | ${(peakKiB / 1024).toFixed(1)} MiB | ≤ 64 MiB |`,
    '', `Database afterwards: ${(size / 1048576).toFixed(0)} MiB; \`usher check\` found every invariant whole.`,
];
mkdirSync(option.out, { recursive: true });
writeFileSync(join(option.out, 'results.md'), lines.join('\n') + '\n');
writeFileSync(join(option.out, 'results.json'), JSON.stringify({ version, cpu: cpus()[0].model, rounds, seconds, results, pdf, delivered, empty, again, peakKiB, size }, null, 1));
console.log(lines.join('\n'));
process.exit(0);
