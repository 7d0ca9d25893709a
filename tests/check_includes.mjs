// Arrows between the rooms of src/ point down only. Reads every #include "room/file.h" and fails on one that the table does not allow.
//
//     node tests/check_includes.mjs            check src/
//     node tests/check_includes.mjs --prove    plant arrows that point up and expect each to be found
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

// Room: the rooms it may use beside its own. The order is from the bottom up; nothing names a room below itself.
const under = { base: [] };
under.store = ['base'];
under.observe = ['base', 'store'];
under.http = ['base', 'store', 'observe'];
const frame = ['base', 'store', 'observe', 'http'];
under.objects = frame;
under.mail = frame;
under.identity = [...frame, 'mail'];
under.events = [...frame, 'identity', 'objects', 'mail'];
under.registrations = [...under.events, 'events'];
under.tickets = [...under.registrations, 'registrations'];
under.payments = [...under.tickets, 'tickets'];
under.gate = [...under.payments, 'payments'];
under.sim = frame; // a guest: it knows Stripe's wire and nothing of the product
under.cli = [...under.gate, 'gate', 'sim'];
const top = under.cli.concat('cli'); // src/main.c

// Libraries that belong to one room: the seam is worth nothing if others reach around it.
const keepers = {
    'sqlite3.h': ['store', 'sim', 'cli'],
    'uv.h': ['http', 'store', 'cli', 'main.c'],
    'http_parser.h': ['http'],
    'jansson.h': ['base', 'http', 'store', 'events', 'registrations', 'identity', 'payments', 'tickets', 'gate', 'mail', 'sim', 'cli'],
    'curl/curl.h': ['identity', 'payments', 'mail', 'objects', 'sim', 'cli'],
    'pango/pangocairo.h': ['tickets'],
    'cairo.h': ['tickets'],
    'qrencode.h': ['tickets'],
};

function files(folder) {
    return readdirSync(folder).flatMap((name) => {
        const path = join(folder, name);
        return statSync(path).isDirectory() ? files(path) : /\.[ch]$/.test(name) ? [path] : [];
    });
}

function roomOf(path) {
    return path.includes('/') ? path.split('/')[0] : path;
}

// The sentences of what is wrong with one file's text.
export function faults(path, text, known) {
    const room = roomOf(path);
    const allowed = path.includes('/') ? under[room] : top;
    if (!allowed)
        return [`${path}: the room "${room}" is not in the table of tests/check_includes.mjs`];
    const found = [];
    text.split('\n').forEach((line, i) => {
        const own = line.match(/^\s*#\s*include\s*"([^"]+)"/);
        const system = line.match(/^\s*#\s*include\s*<([^>]+)>/);
        if (own) {
            const target = roomOf(own[1]);
            if (!known.has(own[1]))
                found.push(`${path}:${i + 1}: "${own[1]}" is not a path from src/`);
            else if (target !== room && !allowed.includes(target))
                found.push(`${path}:${i + 1}: ${room} may not include ${own[1]}: that arrow points up`);
        }
        if (system && keepers[system[1]] && !keepers[system[1]].includes(room))
            found.push(`${path}:${i + 1}: <${system[1]}> belongs to ${keepers[system[1]].join(', ')}`);
    });
    return found;
}

// Headers in a ring cannot be read in any order, within a room neither.
export function rings(texts) {
    const includes = new Map();
    for (const [path, text] of texts)
        includes.set(path, [...text.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)].map((m) => m[1]).filter((p) => texts.has(p)));
    const state = new Map();
    const found = [];
    const visit = (path, trail) => {
        if (state.get(path) === 'done')
            return;
        if (state.get(path) === 'open') {
            found.push(`headers in a ring: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`);
            return;
        }
        state.set(path, 'open');
        for (const next of includes.get(path))
            visit(next, [...trail, path]);
        state.set(path, 'done');
    };
    for (const path of texts.keys())
        visit(path, []);
    return found;
}

const texts = new Map(files(source).map((path) => [relative(source, path), readFileSync(path, 'utf8')]));
const known = new Set(texts.keys());

if (process.argv.includes('--prove')) {
    const planted = [
        ['base/arena.c', '#include "store/store.h"\n'],
        ['store/store.h', '#include "http/req.h"\n'],
        ['http/http.h', '#include "events/event.h"\n'],
        ['events/event.c', '#include "registrations/registration.h"\n'],
        ['payments/payment.h', '  #  include   "gate/gate.h"\n'],
        ['sim/sim.h', '#include "payments/payment.h"\n'],
        ['gate/gate.c', '#include "sim/sim.h"\n'],
        ['tickets/ticket.c', '#include "ticket.h"\n'],
        ['events/event.c', '#include <sqlite3.h>\n'],
        ['cellar/new.c', '#include "base/arena.h"\n'],
    ];
    let missed = 0;
    for (const [path, line] of planted)
        if (faults(path, line, known).length !== 1) {
            console.log(`not found: ${line.trim()} in ${path}`);
            missed++;
        }
    const ring = rings(new Map([['a/a.h', '#include "a/b.h"'], ['a/b.h', '#include "a/c.h"'], ['a/c.h', '#include "a/a.h"']]));
    if (ring.length !== 1) {
        console.log('not found: a ring of headers');
        missed++;
    }
    console.log(`${planted.length + 1 - missed} of ${planted.length + 1} planted faults found`);
    process.exit(missed ? 1 : 0);
}

const found = [...texts].flatMap(([path, text]) => faults(path, text, known));
found.push(...rings(new Map([...texts].filter(([path]) => path.endsWith('.h')))));
for (const sentence of found)
    console.log(sentence);
console.log(`${texts.size} files, ${found.length} arrows that point up`);
process.exit(found.length ? 1 : 0);
