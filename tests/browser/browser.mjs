// A real browser for the tests: Debian's Chromium, driven by playwright-core against the real server, each visitor with a profile of its own.
//
//     const visitor = await visit(usher);             // a fresh browser context: { page, close, faults }
//     await visitor.page.goto(usher.url);
//
// Whatever a page says on the console as an error or a warning, every breach of the content policy, every failed request and every request to another
// origin is a fault; `sound` fails on those that the test did not announce. `axe` judges a page by WCAG 2.2 AA.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after } from 'node:test';

import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let running;
const own = new Set();
async function browser(extra = []) {
    if (extra.length)
        return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: [...flags, ...extra] }).then((chrome) => {
            own.add(chrome); // also one whose test fails must not keep the run alive
            return chrome;
        });
    running ??= chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
    return running;
}
after(async () => {
    await (await running)?.close();
    for (const chrome of own)
        await chrome.close();
});

// Amplify warns of every endpoint that is not Amazon's; just this is expected.
const expected = [/custom Amazon.*endpoint/i];

export async function visit(usher, { width = 1280, height = 900, scheme = 'light', locale = 'en-US', args = [], timezone = 'Europe/Berlin', ...options } = {}) {
    const chrome = await browser(args);
    const context = await chrome.newContext({ viewport: { width, height }, colorScheme: scheme, locale, timezoneId: timezone, ...options });
    const page = await context.newPage();
    const faults = [];
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()) && !expected.some((words) => words.test(message.text())))
            faults.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`page error: ${error.message}`));
    page.on('request', (request) => {
        const url = new URL(request.url());
        if (/^http/.test(url.protocol) && url.origin !== new URL(usher.url).origin)
            faults.push(`a request to a third party: ${url.origin}`);
    });
    await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    const visitor = {
        page, context, faults,
        // Nothing went wrong but what `but` describes.
        sound(...but) {
            const left = faults.filter((fault) => !but.some((words) => words.test(fault)));
            assert.deepEqual(left, []);
        },
        async close() {
            await context.close();
            if (args.length)
                await chrome.close();
        },
        // By keyboard and eye: sign in at the sign-in page.
        async signIn(account, pass) {
            await page.goto(`${usher.url}/auth/sign-in`);
            await page.getByLabel('E-mail address').fill(account.email);
            await page.getByRole('textbox', { name: 'Password' }).fill(pass);
            await page.getByRole('button', { name: 'Sign in' }).click();
            await page.getByRole('link', { name: 'Account', exact: true }).waitFor();
        },
    };
    return visitor;
}

// WCAG 2.2 A and AA as far as a program can judge them; also that nothing has to be scrolled sideways.
export async function axe(page, what) {
    await page.evaluate(axeSource);
    const found = await page.evaluate(async () => (await globalThis.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations
        .map((violation) => `${violation.id}: ${violation.help}: ${violation.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`));
    assert.deepEqual(found, [], `${what}: accessibility`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${what}: ${wide} px have to be scrolled sideways`);
}

// KEEP_SCREENSHOTS=FOLDER keeps a picture of each page that a test looks at.
export async function picture(page, name) {
    if (process.env.KEEP_SCREENSHOTS)
        await page.screenshot({ path: `${process.env.KEEP_SCREENSHOTS}/${name}.png`, fullPage: true });
}
