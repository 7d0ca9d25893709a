// A full disk: writes are refused with 507 (or 503), reads go on, and when there is room again everything goes on by itself.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { start, waitFor } from '../api/lib.mjs';

const mayMount = process.getuid() === 0;
const folder = mkdtempSync(join(tmpdir(), 'usher-small-disk-'));
if (mayMount)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', folder]);
const usher = mayMount ? await start({ data: join(folder, 'data') }) : null;
after(async () => {
    await usher?.stop();
    if (mayMount)
        execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
});

// Take what is left of the disk, to the last byte.
function fill() {
    const filler = openSync(join(folder, 'filler'), 'a');
    for (let size = 1 << 20; size >= 512; size >>= 1) {
        const block = Buffer.alloc(size, 'x');
        try {
            for (;;)
                if (writeSync(filler, block) < size)
                    break;
        } catch (error) {
            assert.equal(error.code, 'ENOSPC');
        }
    }
    closeSync(filler);
}

test('a full disk refuses writes, answers reads, and recovers', { skip: !mayMount && 'needs root, for a small tmpfs' }, async () => {
    const organizer = await usher.account({ role: 'organizer' });
    const buyer = await usher.account();
    const event = await usher.createFreeEvent(organizer, { seats: 100_000 });
    const good = await usher.register(buyer, event);

    for (let round = 0; round < 3; round++) {
        fill();
        // The log of the database may have room in it still, so it takes some writes before the disk is really full.
        let refused = 0;
        const taken = [];
        for (let i = 0; i < 3000 && refused < 20; i++) {
            const answer = await usher.tryRegister(buyer, event, { outage: true });
            assert.ok([201, 503, 507].includes(answer.status), answer.text);
            if (answer.status === 201) {
                taken.push(answer.body.registrationId);
            } else {
                refused++;
                if (answer.status === 503)
                    assert.ok(answer.headers['retry-after']);
            }
        }
        assert.equal(refused, 20, 'the disk was never full');

        // Together in one batch, too: all or none of them stand, and those answered do.
        const together = await Promise.all(Array.from({ length: 50 }, () => usher.tryRegister(buyer, event, { outage: true })));
        for (const answer of together) {
            assert.ok([201, 503, 507].includes(answer.status), answer.text);
            if (answer.status === 201)
                taken.push(answer.body.registrationId);
        }

        await usher.must(200, 'GET', `/v1/events/${event.eventId}`);
        await usher.must(200, 'GET', '/v1/events');
        assert.equal((await usher.registration(buyer, good.registrationId)).status, 'confirmed');
        assert.equal((await usher.api('GET', '/healthz')).status, 200);

        rmSync(join(folder, 'filler'));
        await waitFor(async () => (await usher.tryRegister(buyer, event, { outage: true })).status === 201, 'writing to work again');
        for (const id of taken)
            assert.equal((await usher.registration(buyer, id)).status, 'confirmed', 'what was answered with 201 is there');
        await usher.check();
    }

    // It survives a stop and a start as well, and what could not be sent then is sent now.
    await usher.restart();
    await usher.check();
    const stranger = await usher.account();
    assert.ok(stranger.token);
});
