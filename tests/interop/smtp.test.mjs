// Mail by SMTP: a small server of ours takes what usher hands over, refuses, and is away for a while.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { simpleParser } from 'mailparser';

import { freePort, start, waitFor } from '../api/lib.mjs';

// RFC 5321 as far as a relay needs it. `refuse(recipient)` gives an answer instead of 250.
class Sink {
    constructor() {
        this.mails = [];
        this.connections = 0;
        this.commands = [];
        this.refuse = () => null;
        this.sockets = new Set();
        this.server = net.createServer((socket) => this.serve(socket));
    }

    async listen() {
        this.port ??= await freePort(); // and there again after it was away
        return new Promise((resolve, reject) => {
            this.server.once('error', reject);
            this.server.listen(this.port, '127.0.0.1', () => resolve(this));
        });
    }

    close() {
        for (const socket of this.sockets)
            socket.destroy();
        return new Promise((resolve) => this.server.close(resolve));
    }

    serve(socket) {
        this.connections++;
        this.sockets.add(socket);
        socket.on('close', () => this.sockets.delete(socket));
        socket.on('error', () => {});
        let text = '', mail = null;
        const say = (line) => socket.write(`${line}\r\n`);
        say('220 sink');
        socket.on('data', (data) => {
            text += data.toString('latin1');
            for (;;) {
                if (mail?.data) {
                    const end = text.indexOf('\r\n.\r\n');
                    if (end < 0)
                        return;
                    mail.raw = Buffer.from(text.slice(0, end + 2).replace(/^\.\./gm, '.'), 'latin1');
                    text = text.slice(end + 5);
                    this.mails.push(mail);
                    mail = null;
                    say('250 taken');
                    continue;
                }
                const end = text.indexOf('\r\n');
                if (end < 0)
                    return;
                const line = text.slice(0, end);
                text = text.slice(end + 2);
                this.commands.push(line);
                const [, verb] = line.match(/^(\w+)/) ?? [];
                switch (verb?.toUpperCase()) {
                case 'EHLO': say('250-sink'); say('250 8BITMIME'); break;
                case 'MAIL': mail = { from: line, to: [] }; say('250 ok'); break;
                case 'RCPT': {
                    const no = this.refuse(line);
                    if (!no)
                        mail.to.push(line.match(/<(.*)>/)[1]);
                    say(no ?? '250 ok');
                    break;
                }
                case 'DATA': mail.data = true; say('354 go on'); break;
                case 'QUIT': say('221 bye'); socket.end(); break;
                default: say('250 ok');
                }
            }
        });
    }
}

const sink = await new Sink().listen();
const usher = await start({ env: { USHER_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, USHER_MAIL_FROM: 'box-office@example.org' } });
test.after(() => sink.close());

async function mailTo(address, which = () => true) {
    const found = await waitFor(() => sink.mails.filter((mail) => mail.to.includes(address)).findLast(which), `a mail to ${address}`);
    return { ...found, parsed: await simpleParser(found.raw) };
}
async function signUp(email) {
    await usher.signUp(email, { role: 'organizer', name: 'Łukasz "Ł" Żółw' });
}

let organizer;

test('a code goes to its address alone, from the address that was set', async () => {
    await signUp('first@example.org');
    const mail = await mailTo('first@example.org');
    assert.deepEqual(mail.to, ['first@example.org']);
    assert.match(mail.from, /^MAIL FROM:<box-office@example\.org>/);
    assert.equal(mail.parsed.from.value[0].address, 'box-office@example.org');
    const codes = mail.parsed.text.match(/\d{6,}/g);
    assert.equal(codes.length, 1);
    const { error } = await usher.cognito('ConfirmSignUp', { Username: 'first@example.org', ConfirmationCode: codes[0] });
    assert.equal(error, null);
    organizer = await usher.signIn('first@example.org');
});

test('tickets arrive whole, lines of dots and all', async () => {
    const event = await usher.createFreeEvent(organizer, { title: 'Night of dots\u2026' });
    const registration = await usher.register(organizer, event, { attendees: [{ ticketTypeId: event.ticketTypes[0].ticketTypeId, name: '.', email: 'a@example.org' }] });
    const mail = await mailTo('first@example.org', (m) => m.raw.includes('application/pdf'));
    const pdf = mail.parsed.attachments.find((a) => a.contentType === 'application/pdf').content;
    assert.deepEqual(pdf, await usher.pdf(organizer, registration.ticketIds[0]));
    assert.equal(mail.parsed.to.value[0].name, 'Łukasz "Ł" Żółw');
    assert.equal(mail.parsed.subject, 'Your ticket for Night of dots…');
});

test('one connection carries many mails, and nobody adds a command to it', async () => {
    const before = sink.connections;
    for (let i = 0; i < 5; i++)
        await signUp(`many-${i}@example.org`);
    for (let i = 0; i < 5; i++)
        await mailTo(`many-${i}@example.org`);
    assert.ok(sink.connections - before <= 2, `${sink.connections - before} connections for 5 mails`);
    const { error } = await usher.cognito('SignUp', { Username: 'x@example.org>\r\nRCPT TO:<evil@example.org', Password: 'Correct-horse-9', UserAttributes: [] });
    assert.equal(error, 'InvalidParameterException');
    assert.ok(!sink.commands.some((line) => line.includes('evil')));
});

test('what is refused for now, or while the server is away, is sent later', async () => {
    let refused = 0;
    sink.refuse = (line) => (line.includes('later@') && refused++ === 0 ? '451 come back' : null);
    await signUp('later@example.org');
    await waitFor(() => refused > 0, 'the refusal');
    await sink.close();
    await signUp('away@example.org');
    sink.server = net.createServer((socket) => sink.serve(socket));
    await sink.listen();
    // The waiting time of a retry is the server's clock's, so it can be shortened.
    await waitFor(async () => {
        await usher.advance(120_000);
        return sink.mails.some((mail) => mail.to.includes('later@example.org')) && sink.mails.some((mail) => mail.to.includes('away@example.org'));
    }, 'both mails', { every: 500 });
});

test('no address and no text of a mail is in the log', async () => {
    assert.doesNotMatch(usher.log, /@example\.org/);
});
