/* srp.c - see srp.h. */
#include "identity/srp.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/random.h"

SQL(srp_put_sql, "INSERT INTO srp_verifier (account, sealed) VALUES (:account, :sealed) ON CONFLICT (account) DO UPDATE SET sealed = excluded.sealed");
SQL(srp_get_sql, "SELECT sealed FROM srp_verifier WHERE account = :account");
SQL(srp_delete_sql, "DELETE FROM srp_verifier WHERE account = :account");
SQL(srp_delete_some_sql, "DELETE FROM srp_verifier WHERE account IN (SELECT account FROM srp_verifier WHERE account > :none ORDER BY account LIMIT 100)");
SQL(srp_any_sql, "SELECT 1 FROM srp_verifier WHERE account > :none LIMIT 1");

/* ---- numbers ---- */

/* OpenSSL has no more than memory to run out of here. */
static void must(bool good)
{
    if (!good)
        log_die("a calculation with large numbers failed");
}

struct group {
    BN_CTX *ctx; /* its numbers are wiped when it is freed */
    BIGNUM *n, *g;
};

static struct group group_open(void)
{
    struct group group = { .ctx = BN_CTX_secure_new() };

    must(group.ctx);
    BN_CTX_start(group.ctx);
    group.n = BN_CTX_get(group.ctx);
    group.g = BN_CTX_get(group.ctx);
    must(group.g && BN_get_rfc3526_prime_3072(group.n) && BN_set_word(group.g, 2));
    return group;
}

static void group_close(struct group *group)
{
    BN_CTX_end(group->ctx);
    BN_CTX_free(group->ctx);
}

static BIGNUM *number(struct group *group, const uint8_t *bytes, size_t len)
{
    BIGNUM *n = BN_CTX_get(group->ctx);

    must(n && (!bytes || BN_bin2bn(bytes, (int)len, n)));
    BN_set_flags(n, BN_FLG_CONSTTIME);
    return n;
}

/* base^exponent mod N in a time that does not depend on the exponent. */
static BIGNUM *power(struct group *group, const BIGNUM *base, const BIGNUM *exponent)
{
    BIGNUM *out = number(group, NULL, 0);

    must(BN_mod_exp_mont_consttime(out, base, exponent, group->n, group->ctx, NULL));
    return out;
}

static void write_number(const BIGNUM *n, uint8_t out[SRP_NUMBER_BYTES])
{
    must(BN_bn2binpad(n, out, SRP_NUMBER_BYTES) == SRP_NUMBER_BYTES);
}

/* As Java's BigInteger writes a number that is not negative; how long it is. */
static size_t java_bytes(const BIGNUM *n, uint8_t out[SRP_NUMBER_BYTES + 1])
{
    size_t len = (size_t)BN_num_bits(n) / 8 + 1;

    must(BN_bn2binpad(n, out, (int)len) == (int)len);
    return len;
}

static void hash_number(crypto_hash_sha256_state *state, const BIGNUM *n)
{
    uint8_t bytes[SRP_NUMBER_BYTES + 1];
    size_t len = java_bytes(n, bytes);

    crypto_hash_sha256_update(state, bytes, len);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

static void hash_two(const BIGNUM *first, const BIGNUM *second, uint8_t out[32])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    hash_number(&state, first);
    hash_number(&state, second);
    crypto_hash_sha256_final(&state, out);
}

bool srp_number_read(const char *hex, uint8_t out[SRP_NUMBER_BYTES])
{
    struct group group = group_open();
    BIGNUM *n = number(&group, NULL, 0);
    size_t len = strspn(hex, "0123456789abcdefABCDEF");
    bool good = len && !hex[len] && len <= 1024 && BN_hex2bn(&n, hex) == (int)len && !BN_is_zero(n) && BN_cmp(n, group.n) < 0;

    if (good)
        write_number(n, out);
    group_close(&group);
    return good;
}

/* ---- the calculation ---- */

void srp_challenge_with(const struct srp_verifier *verifier, const uint8_t a[SRP_NUMBER_BYTES], struct srp_secret *secret,
                        uint8_t b_public[SRP_NUMBER_BYTES])
{
    struct group group = group_open();
    BIGNUM *v = number(&group, verifier->v, sizeof verifier->v), *b = number(&group, secret->b, sizeof secret->b), *sum = number(&group, NULL, 0);
    uint8_t k[32];

    hash_two(group.n, group.g, k);
    must(BN_mod_mul(sum, number(&group, k, sizeof k), v, group.n, group.ctx) && BN_mod_add(sum, sum, power(&group, group.g, b), group.n, group.ctx));
    write_number(sum, b_public);
    memcpy(secret->a, a, sizeof secret->a);
    hash_two(number(&group, a, SRP_NUMBER_BYTES), sum, secret->u);
    group_close(&group);
}

void srp_challenge(const struct srp_verifier *verifier, const uint8_t a[SRP_NUMBER_BYTES], struct srp_secret *secret, uint8_t b_public[SRP_NUMBER_BYTES])
{
    random_bytes(secret->b, sizeof secret->b);
    srp_challenge_with(verifier, a, secret, b_public);
}

/* HKDF of RFC 5869 with u for the salt, one round, half of it. */
static void derive(const BIGNUM *s, const BIGNUM *u, uint8_t key[SRP_KEY_BYTES])
{
    static const char purpose[] = "Caldera Derived Key\x01";
    uint8_t bytes[SRP_NUMBER_BYTES + 1], extracted[32], expanded[32];
    crypto_auth_hmacsha256_state state;
    size_t len = java_bytes(u, bytes);

    crypto_auth_hmacsha256_init(&state, bytes, len);
    len = java_bytes(s, bytes);
    crypto_auth_hmacsha256_update(&state, bytes, len);
    crypto_auth_hmacsha256_final(&state, extracted);
    crypto_auth_hmacsha256(expanded, (const uint8_t *)purpose, sizeof purpose - 1, extracted);
    memcpy(key, expanded, SRP_KEY_BYTES);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(extracted, sizeof extracted);
    OPENSSL_cleanse(expanded, sizeof expanded);
    OPENSSL_cleanse(&state, sizeof state);
}

void srp_key(const struct srp_verifier *verifier, const struct srp_secret *secret, uint8_t key[SRP_KEY_BYTES])
{
    struct group group = group_open();
    BIGNUM *u = number(&group, secret->u, sizeof secret->u), *b = number(&group, secret->b, sizeof secret->b), *base = number(&group, NULL, 0);

    must(BN_mod_mul(base, number(&group, secret->a, sizeof secret->a), power(&group, number(&group, verifier->v, sizeof verifier->v), u), group.n,
                    group.ctx));
    derive(power(&group, base, b), u, key);
    group_close(&group);
}

void srp_proof(const uint8_t key[SRP_KEY_BYTES], const char *pool, const struct id *user, struct bytes block, const char *timestamp,
               uint8_t out[SRP_PROOF_BYTES])
{
    crypto_auth_hmacsha256_state state;
    char name[ID_TEXT_LEN + 1];

    id_format(user, name);
    crypto_auth_hmacsha256_init(&state, key, SRP_KEY_BYTES);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)pool, strlen(pool));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)name, strlen(name));
    crypto_auth_hmacsha256_update(&state, block.data, block.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)timestamp, strlen(timestamp));
    crypto_auth_hmacsha256_final(&state, out);
}

const char *srp_pool_name(const struct identity *identity)
{
    const char *underscore = strchr(identity->pool_id, '_');

    return underscore ? underscore + 1 : identity->pool_id;
}

/* ---- what follows from an address ---- */

struct id srp_user(const struct identity *identity, const char *email_key)
{
    static const struct id none;
    struct id user;
    uint8_t mac[32];

    identity_mac(identity, "srp user", &none, email_key, strlen(email_key), mac);
    memcpy(user.byte, mac, sizeof user.byte);
    user.byte[6] = (uint8_t)(0x70 | (user.byte[6] & 0x0f)); /* the form of every id here */
    user.byte[8] = (uint8_t)(0x80 | (user.byte[8] & 0x3f));
    return user;
}

static void salt_of(const struct identity *identity, const struct id *user, uint8_t salt[SRP_SALT_BYTES])
{
    uint8_t mac[32];

    identity_mac(identity, "srp salt", user, "", 0, mac);
    memcpy(salt, mac, SRP_SALT_BYTES);
}

/* ---- verifiers ---- */

struct srp_verifier srp_make_verifier(const struct identity *identity, const char *email_key, const char *hash, const char *password)
{
    struct srp_verifier verifier = { .user = srp_user(identity, email_key) };
    struct group group = group_open();
    crypto_hash_sha256_state state;
    char name[ID_TEXT_LEN + 1];
    uint8_t inner[32], x[32];

    salt_of(identity, &verifier.user, verifier.salt);
    password_tag(hash, verifier.password);
    id_format(&verifier.user, name);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)srp_pool_name(identity), strlen(srp_pool_name(identity)));
    crypto_hash_sha256_update(&state, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&state, (const uint8_t *)":", 1);
    crypto_hash_sha256_update(&state, (const uint8_t *)password, strlen(password));
    crypto_hash_sha256_final(&state, inner);
    crypto_hash_sha256_init(&state);
    hash_number(&state, number(&group, verifier.salt, sizeof verifier.salt));
    crypto_hash_sha256_update(&state, inner, sizeof inner);
    crypto_hash_sha256_final(&state, x);
    write_number(power(&group, group.g, number(&group, x, sizeof x)), verifier.v);
    OPENSSL_cleanse(&state, sizeof state);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(x, sizeof x);
    group_close(&group);
    return verifier;
}

struct srp_verifier srp_decoy(const struct identity *identity, const struct id *user)
{
    struct srp_verifier decoy = { .user = *user };
    struct group group = group_open();
    BIGNUM *root, *v = number(&group, NULL, 0);

    salt_of(identity, user, decoy.salt);
    for (uint8_t part = 0; part < SRP_NUMBER_BYTES / 32; part++)
        identity_mac(identity, "srp decoy", user, &part, 1, decoy.v + (size_t)part * 32);
    root = number(&group, decoy.v, sizeof decoy.v);
    must(BN_mod_sqr(v, root, group.n, group.ctx)); /* a square, as every power of 2 is one in this group */
    write_number(v, decoy.v);
    group_close(&group);
    return decoy;
}

/* ---- rows ---- */

struct bytes srp_make(const struct identity *identity, struct arena *arena, const struct account *account, const char *hash, const char *password)
{
    struct srp_verifier verifier = srp_make_verifier(identity, account->email_key, hash, password);
    struct bytes sealed = seal_with(identity->srp_key, arena, &verifier, sizeof verifier);

    OPENSSL_cleanse(&verifier, sizeof verifier);
    return sealed;
}

void srp_keep(struct tx *tx, const struct id *account, struct bytes sealed)
{
    struct query *q = query(tx, &srp_put_sql);

    bind_id(q, ":account", account);
    bind_blob(q, ":sealed", sealed.data, sealed.len);
    query_run(q);
}

bool srp_read(struct tx *tx, const struct account *account, struct srp_verifier *out)
{
    /* Where there is none, as much work is done on nothing: it takes the same time. */
    static const uint8_t nobodys[sizeof *out + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES];
    const struct identity *identity = tx->app->identity;
    struct bytes sealed = { 0 }, plain;
    struct query *q = query(tx, &srp_get_sql);
    uint8_t tag[PASSWORD_TAG_BYTES];

    bind_id(q, ":account", &account->id);
    if (query_row(q))
        sealed = col_blob(q, 0, tx->arena);
    query_end(q);
    if (account->status == ACCOUNT_UNCONFIRMED)
        sealed = account->verifier;
    if (!sealed.len)
        sealed = (struct bytes){ nobodys, sizeof nobodys };
    bool opened = unseal_with(identity->srp_key, tx->arena, sealed, &plain) && plain.len == sizeof *out;
    password_tag(account->password ? account->password : "", tag);
    struct id user = srp_user(identity, account->email_key ? account->email_key : ""); /* nor may one be moved to another account's row */
    if (!opened)
        return false;
    memcpy(out, plain.data, sizeof *out);
    return CRYPTO_memcmp(tag, out->password, sizeof tag) == 0 && id_equal(&user, &out->user);
}

void srp_remove(struct tx *tx, const struct id *account)
{
    struct query *q = query(tx, &srp_delete_sql);

    bind_id(q, ":account", account);
    query_run(q);
}

int64_t srp_remove_some(struct tx *tx)
{
    static const struct id none;
    struct query *q = query(tx, &srp_delete_some_sql);

    bind_id(q, ":none", &none);
    return query_run(q);
}

bool srp_any(struct tx *tx)
{
    static const struct id none;
    struct query *q = query(tx, &srp_any_sql);

    bind_id(q, ":none", &none);
    bool any = query_row(q);

    query_end(q);
    return any;
}

/* ---- the key ---- */

static const char key_name[] = "srp.key";

static bool make_key(struct buf *out)
{
    uint8_t key[IDENTITY_SECRET_BYTES];

    random_bytes(key, sizeof key);
    buf_add(out, key, sizeof key);
    OPENSSL_cleanse(key, sizeof key);
    return true;
}

bool srp_open(struct identity *identity, struct buf *error)
{
    struct buf key = buf_heap();

    if (!identity->app->config->srp)
        return key_file_remove(identity->dir, key_name, error);
    bool good = key_file(identity->dir, key_name, make_key, &key, error);
    if (good && key.len != sizeof identity->srp_key) {
        buf_printf(error, "%s/keys/%s does not hold %zu bytes", identity->dir, key_name, sizeof identity->srp_key);
        good = false;
    }
    if (good)
        memcpy(identity->srp_key, key.data, sizeof identity->srp_key);
    key_file_forget(&key);
    return good;
}

/* ---- the client's time ---- */

bool srp_time_read(const char *text, int64_t *out_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", days[] = "SunMonTueWedThuFriSat";
    char day[4], month[4], back[64];
    struct tm tm = { 0 };

    if (sscanf(text, "%3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d UTC %4d", day, month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year) != 7)
        return false;
    const char *at = strstr(months, month);
    if (!at || strlen(month) != 3 || (at - months) % 3)
        return false;
    tm.tm_mon = (int)(at - months) / 3;
    tm.tm_year -= 1900;
    time_t seconds = timegm(&tm);
    /* Written again it must be the same: so the weekday is right, no day is over, and nothing stands behind. */
    snprintf(back, sizeof back, "%.3s %.3s %d %02d:%02d:%02d UTC %04d", days + (size_t)tm.tm_wday * 3, month, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             tm.tm_year + 1900);
    *out_ms = (int64_t)seconds * 1000;
    return strcmp(back, text) == 0;
}
