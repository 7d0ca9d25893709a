// The client's side of SRP as Cognito speaks it, written from the formulas with BigInt: what our server is held against, beside Amplify's own.
// Run by itself it prints the numbers of tests/unit/test_srp.c.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';

// RFC 3526, 4: 2^3072 - 2^3008 - 1 + 2^64 * ([2^2942 pi] + 1690314), with pi from Machin's formula, so that no digit of it is copied from anywhere.
function pi(bits) {
    const guard = 64n;
    const one = 1n << (BigInt(bits) + guard);
    const arctan = (inverse) => {
        let term = one / inverse, sum = term, n = 1n;
        for (let sign = -1n; term; sign = -sign, n += 2n) {
            term /= inverse * inverse;
            sum += sign * (term / (n + 2n));
        }
        return sum;
    };
    return (4n * (4n * arctan(5n) - arctan(239n))) >> guard;
}
export const N = (1n << 3072n) - (1n << 3008n) - 1n + (1n << 64n) * (pi(2942) + 1690314n);
export const g = 2n;

export function power(base, exponent, modulus = N) {
    let result = 1n;
    for (base %= modulus; exponent; exponent >>= 1n, base = (base * base) % modulus)
        if (exponent & 1n)
            result = (result * base) % modulus;
    return result;
}
const bytes = (n) => {
    let hex = n.toString(16);
    if (hex.length % 2)
        hex = `0${hex}`;
    return Buffer.from(/^[89a-f]/.test(hex) ? `00${hex}` : hex, 'hex');
};
const number = (buffer) => BigInt(`0x${buffer.toString('hex')}`);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const k = number(sha256(bytes(N), bytes(g)));

export const xOf = ({ pool, user, password, salt }) => number(sha256(bytes(BigInt(`0x${salt}`)), sha256(`${pool}${user}:${password}`)));
export function keyOf({ u, S }) {
    const extracted = createHmac('sha256', bytes(u)).update(bytes(S)).digest();
    return createHmac('sha256', extracted).update('Caldera Derived Key\x01').digest().subarray(0, 16);
}
export const uOf = (A, B) => number(sha256(bytes(A), bytes(B)));
export const proofOf = ({ key, pool, user, block, timestamp }) =>
    createHmac('sha256', key).update(pool).update(user).update(Buffer.from(block, 'base64')).update(timestamp).digest('base64');

// "Sun Nov 22 19:19:33 UTC 2026"
export function timestamp(ms = Date.now()) {
    const [day, date, month, year, time] = new Date(ms).toUTCString().replace(',', '').split(' ');
    return `${day} ${month} ${Number(date)} ${time} UTC ${year}`;
}

// A client: { A } to begin with, and the responses to a challenge.
export function srpClient({ pool, password, a = number(randomBytes(32)), at = Date.now() }) {
    const A = power(g, a);
    return {
        A: A.toString(16),
        answer({ SALT, SRP_B, SECRET_BLOCK, USER_ID_FOR_SRP }, { time = timestamp(at), username = USER_ID_FOR_SRP } = {}) {
            const B = BigInt(`0x${SRP_B}`), u = uOf(A, B);
            const x = xOf({ pool, user: USER_ID_FOR_SRP, password, salt: SALT });
            const S = power((((B - k * power(g, x)) % N) + N) % N, a + u * x);
            const key = keyOf({ u, S });
            return {
                USERNAME: username, PASSWORD_CLAIM_SECRET_BLOCK: SECRET_BLOCK, TIMESTAMP: time,
                PASSWORD_CLAIM_SIGNATURE: proofOf({ key, pool, user: USER_ID_FOR_SRP, block: SECRET_BLOCK, timestamp: time }),
            };
        },
    };
}

// ---- vectors ----

// What the server derives from an address: HMAC-SHA-256 under its key over a label with its NUL, an id and what else there is.
const mac = (label, id, data = '') => createHmac('sha256', Buffer.alloc(32, 7)).update(`${label}\0`).update(id).update(data).digest();
function userOf(email) {
    const id = Buffer.from(mac('srp user', Buffer.alloc(16), email).subarray(0, 16));
    id[6] = 0x70 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    return { id, text: id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') };
}
const saltOf = (email) => mac('srp salt', userOf(email).id).subarray(0, 16).toString('hex');

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
    // The first addresses whose salts begin with a zero byte, with a clear bit and with a set one: each is written in its own way.
    const emails = [/^00/, /^[1-7]/, /^[89a-f]/].map((form) => {
        let n = 0;
        while (!form.test(saltOf(`ada${n}@example.org`)))
            n++;
        return `ada${n}@example.org`;
    });
    const pool = 'abcdefghi', time = 'Sun Nov 22 19:19:33 UTC 2026', password = 'cr\u00e8me br\u00fbl\u00e9e';
    const text = (hex) => hex.replace(/.{1,128}/g, '\n      "$&"');
    console.log('/* Made by "node tests/api/srp_client.mjs", which calculates with BigInt and shares nothing with the server. */');
    for (const email of emails) {
        const user = userOf(email).text, salt = saltOf(email), wide = (n, digits = 768) => n.toString(16).padStart(digits, '0');
        const a = number(sha256(`a ${email}`)), b = number(sha256(`b ${email}`)), x = xOf({ pool, user, password, salt }), v = power(g, x);
        const A = power(g, a), B = (k * v + power(g, b)) % N, u = uOf(A, B), S = power(A * power(v, u), b);
        if (S !== power((((B - k * v) % N) + N) % N, a + u * x))
            throw new Error('both sides must find the same S');
        const key = keyOf({ u, S }), block = Buffer.from(`block of ${email}`).toString('base64');
        const proof = Buffer.from(proofOf({ key, pool, user, block, timestamp: time }), 'base64').toString('hex');
        console.log(`    { "${email}", "${user}", "${salt}",${text(wide(v))},${text(wide(b, 64))},${text(wide(A))},${text(wide(B))},\n      "${key.toString('hex')}",${text(proof)} },`);
    }
}
