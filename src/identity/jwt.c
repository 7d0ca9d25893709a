/* jwt.c - see jwt.h. Rule of the house: nothing of a token is looked at twice, and nothing before its signature but the header. */
#include "identity/jwt.h"

#include <assert.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "base/json.h"
#include "http/req.h"

enum { B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static const struct { unsigned bit; const char *name; } group_names[] = {
    { GROUP_ADMINS, "Admins" },
    { GROUP_ATTENDEES, "Attendees" },
    { GROUP_ORGANIZERS, "Organizers" },
};

/* ---- base64url (RFC 7515, appendix C: no padding) ---- */

static void add_b64(struct buf *out, const void *data, size_t len)
{
    size_t room = sodium_base64_ENCODED_LEN(len, B64);
    char *to = buf_reserve(out, room);

    sodium_bin2base64(to, room, data, len, B64);
    out->len += strlen(to);
}

/* Strict: no padding, no blanks, no stray bits in the last character, so that each value has one spelling. */
static bool read_b64(struct arena *arena, const char *text, size_t len, struct bytes *out)
{
    size_t room = len / 4 * 3 + 3;
    uint8_t *to = arena_alloc(arena, room + 1);
    const char *end = NULL;
    size_t got = 0;

    if (len == 0 || sodium_base642bin(to, room, text, len, NULL, &got, &end, B64) != 0 || end != text + len)
        return false;
    *out = (struct bytes){ to, got };
    return true;
}

/* ---- keys ---- */

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
    add_b64(out, raw, len);
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
    sodium_bin2base64(key->kid, sizeof key->kid, digest, sizeof digest, B64);
    buf_free(&text);
}

bool jwt_key_make(struct buf *pem)
{
    EVP_PKEY *pkey = EVP_RSA_gen(JWT_RSA_BITS);
    BIO *bio = BIO_new(BIO_s_mem());
    bool made = pkey && bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;

    if (made) {
        char *text;
        long len = BIO_get_mem_data(bio, &text);

        buf_add(pem, text, (size_t)len);
        OPENSSL_cleanse(text, (size_t)len);
    }
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return made;
}

bool jwt_keys_add(struct jwt_pool *pool, const char *pem, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    bool good = bio != NULL;
    size_t before = pool->key_count;

    while (good) {
        EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

        if (!pkey)
            break;
        good = pool->key_count < JWT_KEYS_MAX && EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= JWT_RSA_BITS &&
               EVP_PKEY_get_bits(pkey) <= 4096;
        if (!good) {
            EVP_PKEY_free(pkey);
            break;
        }
        struct jwt_key *key = &pool->keys[pool->key_count++];
        key->pkey = pkey;
        thumbprint(key);
    }
    ERR_clear_error(); /* the end of the text counts as "no start line" */
    BIO_free(bio);
    return good && pool->key_count > before;
}

void jwt_keys_free(struct jwt_pool *pool)
{
    for (size_t i = 0; i < pool->key_count; i++)
        EVP_PKEY_free(pool->keys[i].pkey);
    pool->key_count = 0;
}

void jwt_key_set(const struct jwt_pool *pool, struct buf *out)
{
    json_open(out, NULL);
    json_open_array(out, "keys");
    for (size_t i = 0; i < pool->key_count; i++) {
        struct buf number = buf_heap();

        json_open(out, NULL);
        json_str(out, "alg", "RS256");
        add_public_number(&number, pool->keys[i].pkey, OSSL_PKEY_PARAM_RSA_E);
        json_strn(out, "e", number.data, number.len);
        json_str(out, "kid", pool->keys[i].kid);
        json_str(out, "kty", "RSA");
        buf_clear(&number);
        add_public_number(&number, pool->keys[i].pkey, OSSL_PKEY_PARAM_RSA_N);
        json_strn(out, "n", number.data, number.len);
        json_str(out, "use", "sig");
        json_close(out);
        buf_free(&number);
    }
    json_close_array(out);
    json_close(out);
}

/* ---- making ---- */

static void write_claims(const struct jwt_pool *pool, const struct jwt_claims *claims, struct buf *out)
{
    json_open(out, NULL);
    json_id(out, "sub", &claims->account);
    if (claims->groups) {
        json_open_array(out, "cognito:groups");
        for (size_t i = 0; i < COUNT(group_names); i++) {
            if (claims->groups & group_names[i].bit)
                json_str(out, NULL, group_names[i].name);
        }
        json_close_array(out);
    }
    json_str(out, "iss", pool->issuer);
    if (claims->use == JWT_ACCESS) {
        json_str(out, "client_id", pool->client_id);
        json_str(out, "scope", "aws.cognito.signin.user.admin");
        json_id(out, "username", &claims->account);
    } else {
        json_str(out, "aud", pool->client_id);
        json_id(out, "cognito:username", &claims->account);
        json_str(out, "email", claims->email);
        json_bool(out, "email_verified", true);
        if (claims->name)
            json_str(out, "name", claims->name);
    }
    json_id(out, "origin_jti", &claims->session);
    json_id(out, "event_id", &claims->event);
    json_str(out, "token_use", claims->use == JWT_ACCESS ? "access" : "id");
    json_int(out, "auth_time", claims->auth_time_s);
    json_int(out, "exp", claims->expires_at_s);
    json_int(out, "iat", claims->issued_at_s);
    json_id(out, "jti", &claims->id);
    json_int(out, "usher:epoch", claims->epoch);
    json_close(out);
}

char *jwt_sign(const struct jwt_pool *pool, struct arena *arena, const struct jwt_claims *claims)
{
    struct buf text = buf_in(arena), part = buf_in(arena);
    uint8_t signature[512]; /* RSA-4096 at most */
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert(pool->key_count > 0);
    buf_printf(&part, "{\"kid\":\"%s\",\"alg\":\"RS256\"}", pool->keys[0].kid);
    add_b64(&text, part.data, part.len);
    buf_char(&text, '.');
    buf_clear(&part);
    write_claims(pool, claims, &part);
    add_b64(&text, part.data, part.len);

    bool good = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pool->keys[0].pkey) == 1 &&
                EVP_DigestSign(ctx, signature, &len, (const uint8_t *)text.data, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good) {
        ERR_clear_error();
        return NULL;
    }
    buf_char(&text, '.');
    add_b64(&text, signature, len);
    return text.data;
}

/* ---- checking ---- */

static const char *member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name)); /* NULL when absent or no string */
}

static bool member_id(const json_t *object, const char *name, struct id *out)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) && id_parse(json_string_value(value), json_string_length(value), out);
}

static bool member_int(const json_t *object, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(object, name);

    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 0;
}

static bool same(const char *text, const char *want)
{
    return text && strcmp(text, want) == 0;
}

static bool read_part(struct arena *arena, const char *text, size_t len, json_t **out)
{
    struct fault fault = { .arena = arena };
    struct bytes raw;

    return read_b64(arena, text, len, &raw) && json_parse(arena, raw.data, raw.len, out, &fault) == ERR_OK && json_is_object(*out);
}

/* The key that the header names, if the header is one that we could have written. */
static const struct jwt_key *key_of_header(const struct jwt_pool *pool, const json_t *header)
{
    const char *kid = member_text(header, "kid");

    /* RFC 7515, 4.1.11: who does not understand what "crit" lists must refuse; we understand no extension. */
    if (!same(member_text(header, "alg"), "RS256") || !kid || json_object_get(header, "crit"))
        return NULL;
    for (size_t i = 0; i < pool->key_count; i++) {
        if (strcmp(pool->keys[i].kid, kid) == 0)
            return &pool->keys[i];
    }
    return NULL;
}

static bool signature_good(const struct jwt_key *key, const char *text, size_t len, const struct bytes *signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && signature->len == (size_t)EVP_PKEY_get_size(key->pkey) &&
                EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
                EVP_DigestVerify(ctx, signature->data, signature->len, (const uint8_t *)text, len) == 1;

    EVP_MD_CTX_free(ctx);
    if (!good)
        ERR_clear_error();
    return good;
}

static unsigned read_groups(const json_t *list)
{
    unsigned groups = 0;
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        for (size_t g = 0; g < COUNT(group_names); g++) {
            if (same(json_string_value(item), group_names[g].name))
                groups |= group_names[g].bit;
        }
    }
    return groups;
}

static bool read_claims(const struct jwt_pool *pool, struct arena *arena, const json_t *body, struct jwt_claims *out)
{
    const char *use = member_text(body, "token_use");

    *out = (struct jwt_claims){ 0 };
    if (same(use, "id"))
        out->use = JWT_ID;
    else if (same(use, "access"))
        out->use = JWT_ACCESS;
    else
        return false;
    if (!same(member_text(body, out->use == JWT_ID ? "aud" : "client_id"), pool->client_id) || !same(member_text(body, "iss"), pool->issuer))
        return false;
    if (!member_id(body, "sub", &out->account) || !member_id(body, "origin_jti", &out->session) || !member_int(body, "usher:epoch", &out->epoch) ||
        !member_int(body, "auth_time", &out->auth_time_s) || !member_int(body, "iat", &out->issued_at_s) ||
        !member_int(body, "exp", &out->expires_at_s))
        return false;
    out->groups = read_groups(json_object_get(body, "cognito:groups"));
    out->email = arena_strdup(arena, member_text(body, "email"));
    out->name = arena_strdup(arena, member_text(body, "name"));
    return true;
}

/* Everything but the time. */
static bool read_token(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, struct jwt_claims *out)
{
    if (len > JWT_TEXT_MAX)
        return false;

    const char *first = memchr(text, '.', len);
    const char *second = first ? memchr(first + 1, '.', len - (size_t)(first + 1 - text)) : NULL;
    json_t *header = NULL, *body = NULL;
    struct bytes signature;

    if (!second || memchr(second + 1, '.', len - (size_t)(second + 1 - text)))
        return false;
    if (!read_part(arena, text, (size_t)(first - text), &header))
        return false;
    const struct jwt_key *key = key_of_header(pool, header);
    if (!key || !read_b64(arena, second + 1, len - (size_t)(second + 1 - text), &signature) ||
        !signature_good(key, text, (size_t)(second - text), &signature))
        return false;
    return read_part(arena, first + 1, (size_t)(second - first - 1), &body) && read_claims(pool, arena, body, out);
}

enum jwt_worth jwt_judge(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, int64_t now_ms, struct jwt_claims *out)
{
    int64_t now_s = now_ms / 1000;

    if (!read_token(pool, arena, text, len, out) || out->issued_at_s > now_s + JWT_SKEW_SECONDS || out->issued_at_s >= out->expires_at_s ||
        out->expires_at_s - out->issued_at_s > JWT_LIFE_MAX_SECONDS)
        return JWT_BAD;
    return now_s < out->expires_at_s ? JWT_GOOD : JWT_EXPIRED;
}
