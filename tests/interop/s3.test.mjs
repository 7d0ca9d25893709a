// The AWS SDK against our object store: addresses that it presigns with our credentials are good here, whatever stands in the key.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { GetObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

import { send, start } from '../api/lib.mjs';

const usher = await start();
const [accessKeyId, secretAccessKey] = readFileSync(join(usher.data, 'keys', 'objects'), 'utf8').trim().split('\n');
const client = (credentials = { accessKeyId, secretAccessKey }, region = 'us-east-1') =>
    new S3Client({ endpoint: `${usher.url}/objects`, forcePathStyle: true, region, credentials });

async function get(address, method = 'GET') {
    const url = new URL(address);
    return send(url.origin, method, url.pathname + url.search);
}

const organizer = await usher.account({ role: 'organizer' });
const event = await usher.createFreeEvent(organizer);
const registration = await usher.register(organizer, event);
const ticket = await usher.ticket(organizer, registration.ticketIds[0]);
const [, Bucket, Key] = new URL(ticket.downloadUrl).pathname.match(/^\/objects\/([^/]+)\/(.*)$/);

test('the SDK finds the object by an address of its own', async () => {
    const ours = await get(ticket.downloadUrl);
    assert.equal(ours.status, 200);
    const command = new GetObjectCommand({ Bucket, Key, ResponseContentDisposition: 'inline; filename="a b.pdf"', ResponseContentType: 'application/x-ticket' });
    const theirs = await get(await getSignedUrl(client(), command, { expiresIn: 60 }));
    assert.equal(theirs.status, 200, theirs.text);
    assert.deepEqual(theirs.bytes, ours.bytes);
    assert.equal(theirs.headers['content-disposition'], 'inline; filename="a b.pdf"');
    assert.equal(theirs.headers['content-type'], 'application/x-ticket');
    const head = await get(await getSignedUrl(client(), new HeadObjectCommand({ Bucket, Key }), { expiresIn: 60 }), 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(Number(head.headers['content-length']), ours.bytes.length);
    assert.equal(head.bytes.length, 0);
});

test('a key with every awkward character is signed alike on both sides', async () => {
    for (const awkward of ['a b+c', 'ü~(1)\'!*é&=?#%', 'a//b', '%2F', '++', '王小明', 'x'.repeat(300)]) {
        const answer = await get(await getSignedUrl(client(), new GetObjectCommand({ Bucket, Key: `none/${awkward}.pdf` }), { expiresIn: 60 }));
        assert.equal(answer.status, 404, `${awkward}: ${answer.text}`);
        assert.match(answer.text, /<Code>NoSuchKey<\/Code>/);
    }
});

test('other credentials, another region, another date are refused', async () => {
    const command = new GetObjectCommand({ Bucket, Key });
    const refused = {
        InvalidAccessKeyId: await getSignedUrl(client({ accessKeyId: 'AKIAOTHER', secretAccessKey }), command),
        SignatureDoesNotMatch: await getSignedUrl(client({ accessKeyId, secretAccessKey: 'other' }), command),
        AccessDenied: await getSignedUrl(client(), command, { expiresIn: 60, signingDate: new Date(Date.now() - 120_000) }),
    };
    for (const [code, address] of Object.entries(refused)) {
        const answer = await get(address);
        assert.equal(answer.status, 403);
        assert.match(answer.text, new RegExp(`<Code>${code}</Code>`));
    }
    assert.equal((await get(await getSignedUrl(client(undefined, 'eu-west-1'), command))).status, 403);
    assert.equal((await get(await getSignedUrl(client(), command, { expiresIn: 60, signingDate: new Date(Date.now() + 3_600_000) }))).status, 403);
});

test('nothing but presigned addresses reaches the files beside them', async () => {
    for (const path of ['/objects/../keys/objects', '/objects/%2e%2e/keys/objects', '/objects/..%2fkeys%2fobjects', '/objects/', '/objects/tickets/', '/objects/.new/x', '/objects/%00']) {
        const answer = await send(usher.url, 'GET', path);
        assert.ok([400, 403, 404].includes(answer.status), `${path} -> ${answer.status}`);
        assert.ok(!answer.text.includes(secretAccessKey));
    }
    for (const key of ['../keys/objects', '.new/x', 'a/../../keys/objects']) {
        const answer = await get(await getSignedUrl(client(), new GetObjectCommand({ Bucket: 'tickets', Key: key }), { expiresIn: 60 }));
        assert.ok([400, 403, 404].includes(answer.status), `${key} -> ${answer.status}`);
    }
    assert.ok(readdirSync(join(usher.data, 'keys')).includes('objects'));
});
