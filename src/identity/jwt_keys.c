/* jwt_keys.c - see jwt.h: signing keys in their file, and public keys as JWK sets, ours and another issuer's. */
#include "identity/jwt.h"

#include <assert.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

static const char signs_from[] = "signs-from: ";

/* ---- one key ---- */

static bool is_good_rsa(EVP_PKEY *pkey)
{
    return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= JWT_RSA_BITS && EVP_PKEY_get_bits(pkey) <= JWT_RSA_BITS_MAX;
}

static void add_public_number(struct buf *out, EVP_PKEY *pkey, const char *param)
{
    BIGNUM *n = NULL;
    uint8_t raw[1024];

    int got = EVP_PKEY_get_bn_param(pkey, param, &n);
    assert(got == 1);
    size_t len = (size_t)BN_num_bytes(n);
    assert(len <= sizeof raw);
    BN_bn2bin(n, raw);
    BN_free(n);
    jwt_add_b64(out, raw, len);
}

/* RFC 7638: SHA-256 over the required members in lexicographic order, without blanks. */
static void thumbprint(struct jwt_key *key)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct buf text = buf_heap();

    buf_str(&text, "{\"e\":\"");
    add_public_number(&text, key->pkey, OSSL_PKEY_PARAM_RSA_E);
    buf_str(&text, "\",\"kty\":\"RSA\",\"n\":\"");
    add_public_number(&text, key->pkey, OSSL_PKEY_PARAM_RSA_N);
    buf_str(&text, "\"}");
    SHA256((const uint8_t *)text.data, text.len, digest);
    sodium_bin2base64(key->kid, sizeof key->kid, digest, sizeof digest, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf_free(&text);
}

static bool add_pem(struct buf *out, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool made = pkey && bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;

    if (made) {
        char *text;
        long len = BIO_get_mem_data(bio, &text);

        buf_add(out, text, (size_t)len);
        OPENSSL_cleanse(text, (size_t)len);
    }
    BIO_free(bio);
    return made;
}

bool jwt_key_make(struct buf *pem)
{
    EVP_PKEY *pkey = EVP_RSA_gen(JWT_RSA_BITS);
    bool made = add_pem(pem, pkey);

    EVP_PKEY_free(pkey);
    return made;
}

/* ---- the file ---- */

static bool add_block(struct jwt_pool *pool, const char *pem, size_t len, int64_t signs_from_ms)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (!pkey || !is_good_rsa(pkey) || pool->key_count == JWT_KEYS_MAX) {
        EVP_PKEY_free(pkey);
        return false;
    }
    struct jwt_key *key = &pool->keys[pool->key_count++];
    *key = (struct jwt_key){ .pkey = pkey, .signs_from_ms = signs_from_ms };
    thumbprint(key);
    return true;
}

/* One line outside the blocks. */
static bool read_line(const char *line, size_t len, int64_t *signs_from_ms)
{
    size_t prefix = sizeof signs_from - 1;

    if (len == 0 || *line == '#')
        return true;
    return len > prefix && memcmp(line, signs_from, prefix) == 0 && clock_parse(line + prefix, len - prefix, signs_from_ms);
}

bool jwt_keys_add(struct jwt_pool *pool, const char *text, size_t len)
{
    static const char begin[] = "-----BEGIN ", end[] = "-----END ";
    const char *stop = text + len;
    size_t before = pool->key_count;
    int64_t signs_from_ms = 0;

    while (text < stop) {
        const char *newline = memchr(text, '\n', (size_t)(stop - text));
        const char *next = newline ? newline + 1 : stop;

        if ((size_t)(stop - text) > sizeof begin && memcmp(text, begin, sizeof begin - 1) == 0) {
            const char *last = memmem(text, (size_t)(stop - text), end, sizeof end - 1);

            newline = last ? memchr(last, '\n', (size_t)(stop - last)) : NULL;
            next = newline ? newline + 1 : stop;
            if (!last || !add_block(pool, text, (size_t)(next - text), signs_from_ms))
                return false;
            signs_from_ms = 0;
        } else if (!read_line(text, (size_t)((newline ? newline : stop) - text), &signs_from_ms)) {
            return false;
        }
        text = next;
    }
    return pool->key_count > before;
}

bool jwt_keys_write(const struct jwt_pool *pool, struct buf *out)
{
    char at[CLOCK_TEXT_LEN + 1];

    for (size_t i = 0; i < pool->key_count; i++) {
        if (pool->keys[i].signs_from_ms) {
            clock_format(pool->keys[i].signs_from_ms, at);
            buf_printf(out, "%s%s\n", signs_from, at);
        }
        if (!add_pem(out, pool->keys[i].pkey))
            return false;
    }
    return true;
}

/* ---- their times ---- */

/* When the next key after this one begins to sign; 0 when there is none. */
static int64_t successor_ms(const struct jwt_pool *pool, const struct jwt_key *key)
{
    int64_t found = 0;

    for (size_t i = 0; i < pool->key_count; i++) {
        int64_t from = pool->keys[i].signs_from_ms;

        if (from > key->signs_from_ms && (!found || from < found))
            found = from;
    }
    return found;
}

void jwt_keys_end(struct jwt_pool *pool, int64_t life_s)
{
    for (size_t i = 0; i < pool->key_count; i++) {
        int64_t ends = successor_ms(pool, &pool->keys[i]);

        /* The skew: until then a node whose clock is behind may still have signed with it. */
        pool->keys[i].leaves_at_ms = ends ? ends + (life_s + JWT_SKEW_SECONDS) * 1000 : 0;
    }
}

size_t jwt_keys_drop_left(struct jwt_pool *pool, int64_t now_ms)
{
    size_t kept = 0, before = pool->key_count;

    for (size_t i = 0; i < before; i++) {
        if (jwt_key_has_left(&pool->keys[i], now_ms))
            EVP_PKEY_free(pool->keys[i].pkey);
        else
            pool->keys[kept++] = pool->keys[i];
    }
    pool->key_count = kept;
    return before - kept;
}

const struct jwt_key *jwt_signing_key(const struct jwt_pool *pool, int64_t now_ms)
{
    const struct jwt_key *newest = NULL, *next = NULL;

    for (size_t i = 0; i < pool->key_count; i++) {
        const struct jwt_key *key = &pool->keys[i];

        if (key->signs_from_ms > now_ms)
            next = !next || key->signs_from_ms < next->signs_from_ms ? key : next;
        else if (!newest || key->signs_from_ms > newest->signs_from_ms)
            newest = key;
    }
    return newest ? newest : next;
}

const struct jwt_key *jwt_key_find(const struct jwt_pool *pool, const char *kid)
{
    for (size_t i = 0; i < pool->key_count; i++) {
        if (strcmp(pool->keys[i].kid, kid) == 0)
            return &pool->keys[i];
    }
    return NULL;
}

void jwt_keys_free(struct jwt_pool *pool)
{
    for (size_t i = 0; i < pool->key_count; i++)
        EVP_PKEY_free(pool->keys[i].pkey);
    pool->key_count = 0;
}

/* ---- JWK sets: ours ---- */

static void write_key(const struct jwt_key *key, struct buf *out)
{
    struct buf number = buf_heap();

    json_open(out, NULL);
    json_str(out, "alg", "RS256");
    add_public_number(&number, key->pkey, OSSL_PKEY_PARAM_RSA_E);
    json_strn(out, "e", number.data, number.len);
    json_str(out, "kid", key->kid);
    json_str(out, "kty", "RSA");
    buf_clear(&number);
    add_public_number(&number, key->pkey, OSSL_PKEY_PARAM_RSA_N);
    json_strn(out, "n", number.data, number.len);
    json_str(out, "use", "sig");
    json_close(out);
    buf_free(&number);
}

void jwt_key_set(const struct jwt_pool *pool, int64_t now_ms, struct buf *out)
{
    json_open(out, NULL);
    json_open_array(out, "keys");
    for (size_t i = 0; i < pool->key_count; i++) {
        if (!jwt_key_has_left(&pool->keys[i], now_ms))
            write_key(&pool->keys[i], out);
    }
    json_close_array(out);
    json_close(out);
}

/* ---- JWK sets: another issuer's ---- */

/* A base64urlUInt of at most `bytes_max` bytes (RFC 7518, 2), or NULL. */
static BIGNUM *read_number(struct arena *arena, const json_t *value, size_t bytes_max)
{
    struct bytes raw;

    if (!json_is_string(value) || json_string_length(value) > bytes_max * 2 ||
        !jwt_read_b64(arena, json_string_value(value), json_string_length(value), &raw) || raw.len > bytes_max)
        return NULL;
    return BN_bin2bn(raw.data, (int)raw.len, NULL);
}

/* NULL unless both make an RSA key that we take. */
static EVP_PKEY *public_key(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (build && ctx && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) &&
        (params = OSSL_PARAM_BLD_to_param(build)) && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1 && !is_good_rsa(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return pkey;
}

static bool absent_or(const json_t *key, const char *name, const char *want)
{
    const json_t *value = json_object_get(key, name);

    return !value || (json_is_string(value) && strcmp(json_string_value(value), want) == 0);
}

/* RFC 7517, 4.3. */
static bool may_verify(const json_t *operations)
{
    size_t i;
    json_t *item;

    json_array_foreach(operations, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), "verify") == 0)
            return true;
    }
    return !operations;
}

static void read_key(struct jwt_pool *pool, struct arena *arena, const json_t *from)
{
    const json_t *kid = json_object_get(from, "kid");
    BIGNUM *n = NULL, *e = NULL;
    EVP_PKEY *pkey = NULL;

    if (pool->key_count == JWT_KEYS_MAX || !json_is_object(from) || !json_object_get(from, "kty") || !absent_or(from, "kty", "RSA") ||
        !absent_or(from, "use", "sig") || !absent_or(from, "alg", "RS256") || !may_verify(json_object_get(from, "key_ops")) ||
        !json_is_string(kid) || json_string_length(kid) == 0 || json_string_length(kid) > JWT_KID_MAX || jwt_key_find(pool, json_string_value(kid)))
        return;
    n = read_number(arena, json_object_get(from, "n"), JWT_RSA_BITS_MAX / 8);
    e = read_number(arena, json_object_get(from, "e"), 8); /* a longer exponent only makes each check dearer */
    if (n && e && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e))
        pkey = public_key(n, e);
    if (pkey) {
        struct jwt_key *key = &pool->keys[pool->key_count++];

        *key = (struct jwt_key){ .pkey = pkey };
        memcpy(key->kid, json_string_value(kid), json_string_length(kid) + 1);
    }
    BN_free(n);
    BN_free(e);
}

enum err jwt_key_set_read(struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, struct fault *fault)
{
    json_t *set = NULL;
    size_t before = pool->key_count, i;
    json_t *key;

    if (json_parse(arena, text, len, &set, fault))
        return ERR_INVALID;
    if (!json_is_object(set) || !json_is_array(json_object_get(set, "keys")))
        return fault_set(fault, ERR_INVALID, "It is no JWK set.");
    json_array_foreach(json_object_get(set, "keys"), i, key)
        read_key(pool, arena, key);
    if (pool->key_count == before)
        return fault_set(fault, ERR_INVALID, "It holds no RSA key of %d to %d bits for RS256.", JWT_RSA_BITS, JWT_RSA_BITS_MAX);
    return ERR_OK;
}
