/* jwt.c - see jwt.h. Rule of the house: nothing of a token is looked at twice, and nothing before its signature but the header. */
#include "identity/jwt.h"

#include <assert.h>
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "http/req.h"

enum { B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static const struct { unsigned bit; const char *name; } group_names[] = {
    { GROUP_ADMINS, "Admins" },
    { GROUP_ATTENDEES, "Attendees" },
    { GROUP_ORGANIZERS, "Organizers" },
};

void jwt_groups_json(struct buf *out, unsigned groups)
{
    for (size_t i = 0; i < COUNT(group_names); i++) {
        if (groups & group_names[i].bit)
            json_str(out, NULL, group_names[i].name);
    }
}

/* ---- base64url ---- */

void jwt_add_b64(struct buf *out, const void *data, size_t len)
{
    size_t room = sodium_base64_ENCODED_LEN(len, B64);
    char *to = buf_reserve(out, room);

    sodium_bin2base64(to, room, data, len, B64);
    out->len += strlen(to);
}

/* No padding, no blanks, no stray bits in the last character. */
bool jwt_read_b64(struct arena *arena, const char *text, size_t len, struct bytes *out)
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

/* ---- making ---- */

static void write_claims(const struct jwt_pool *pool, const struct jwt_claims *claims, struct buf *out)
{
    json_open(out, NULL);
    json_id(out, "sub", &claims->account);
    if (claims->groups) {
        json_open_array(out, "cognito:groups");
        jwt_groups_json(out, claims->groups);
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
    const struct jwt_key *key = jwt_signing_key(pool, claims->issued_at_s * 1000);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert(key);
    buf_printf(&part, "{\"kid\":\"%s\",\"alg\":\"RS256\"}", key->kid);
    jwt_add_b64(&text, part.data, part.len);
    buf_char(&text, '.');
    buf_clear(&part);
    write_claims(pool, claims, &part);
    jwt_add_b64(&text, part.data, part.len);

    bool good = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
                EVP_DigestSign(ctx, signature, &len, (const uint8_t *)text.data, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good) {
        ERR_clear_error();
        return NULL;
    }
    buf_char(&text, '.');
    jwt_add_b64(&text, signature, len);
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

    return jwt_read_b64(arena, text, len, &raw) && json_parse(arena, raw.data, raw.len, out, &fault) == ERR_OK && json_is_object(*out);
}

/* RFC 8725, 3.11: what is typed as something else (a logout token, a proof of possession) is no token for the API, whoever signed it. */
static bool type_good(const json_t *type)
{
    static const char *const good[] = { "JWT", "at+jwt", "application/at+jwt" };
    const char *text = json_string_value(type);

    for (size_t i = 0; text && i < COUNT(good); i++) {
        if (strcasecmp(text, good[i]) == 0)
            return true;
    }
    return !type;
}

/* The key id, if the header is one that an issuer of ours could have written. */
static const char *kid_of_header(const json_t *header)
{
    /* RFC 7515, 4.1.11: who does not understand what "crit" lists must refuse; we understand no extension. */
    if (!same(member_text(header, "alg"), "RS256") || json_object_get(header, "crit") || !type_good(json_object_get(header, "typ")))
        return NULL;
    return member_text(header, "kid");
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

unsigned jwt_group_bit(const char *name)
{
    for (size_t i = 0; i < COUNT(group_names); i++) {
        if (same(name, group_names[i].name))
            return group_names[i].bit;
    }
    return 0;
}

static unsigned read_groups(const json_t *list)
{
    unsigned groups = 0;
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
        groups |= jwt_group_bit(json_string_value(item));
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
        !member_int(body, "auth_time", &out->auth_time_s))
        return false;
    out->groups = read_groups(json_object_get(body, "cognito:groups"));
    out->email = arena_strdup(arena, member_text(body, "email"));
    out->name = arena_strdup(arena, member_text(body, "name"));
    return true;
}

enum jwt_worth jwt_judge_times(const struct json_t *body, int64_t now_ms, int64_t *issued_at_s, int64_t *expires_at_s)
{
    int64_t now_s = now_ms / 1000, not_before_s = 0;

    if (!member_int(body, "iat", issued_at_s) || !member_int(body, "exp", expires_at_s) ||
        (json_object_get(body, "nbf") && !member_int(body, "nbf", &not_before_s)))
        return JWT_BAD;
    if (MAX(*issued_at_s, not_before_s) > now_s + JWT_SKEW_SECONDS || *issued_at_s >= *expires_at_s ||
        *expires_at_s - *issued_at_s > JWT_LIFE_MAX_SECONDS)
        return JWT_BAD;
    return now_s < *expires_at_s ? JWT_GOOD : JWT_EXPIRED;
}

enum jwt_opened jwt_open(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, int64_t now_ms, struct json_t **out)
{
    if (len > JWT_TEXT_MAX)
        return JWT_SHUT;

    const char *first = memchr(text, '.', len);
    const char *second = first ? memchr(first + 1, '.', len - (size_t)(first + 1 - text)) : NULL;
    json_t *header = NULL;
    struct bytes signature;

    if (!second || memchr(second + 1, '.', len - (size_t)(second + 1 - text)))
        return JWT_SHUT;
    if (!read_part(arena, text, (size_t)(first - text), &header))
        return JWT_SHUT;
    const char *kid = kid_of_header(header);
    if (!kid || !jwt_read_b64(arena, second + 1, len - (size_t)(second + 1 - text), &signature))
        return JWT_SHUT;
    const struct jwt_key *key = jwt_key_find(pool, kid);
    if (!key)
        return JWT_NO_KEY;
    if (jwt_key_has_left(key, now_ms) || !signature_good(key, text, (size_t)(second - text), &signature) ||
        !read_part(arena, first + 1, (size_t)(second - first - 1), out))
        return JWT_SHUT;
    return JWT_OPEN;
}

enum jwt_worth jwt_judge(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, int64_t now_ms, struct jwt_claims *out)
{
    json_t *body = NULL;

    if (jwt_open(pool, arena, text, len, now_ms, &body) != JWT_OPEN || !read_claims(pool, arena, body, out))
        return JWT_BAD;
    return jwt_judge_times(body, now_ms, &out->issued_at_s, &out->expires_at_s);
}
