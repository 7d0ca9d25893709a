/*
 * jwt.h - the pool's tokens: RS256 JWTs with Cognito's claims, made and checked; and the keys that do it.
 *
 * Pure: no store, no clock, no globals. A pool's list of keys is constant once
 * it is filled, so any thread may sign and verify with it at the same time.
 *
 * Checking follows RFC 8725. The algorithm is fixed: the header must say RS256
 * and name one of the keys that we hold, nothing else in it is believed ("jku",
 * "jwk", "x5u" choose nothing, "crit" and a type that is no token's are
 * refused). The payload is parsed only behind a good signature, so its parser
 * sees nothing but bytes that the issuer wrote.
 */
#ifndef USHER_IDENTITY_JWT_H
#define USHER_IDENTITY_JWT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum {
    JWT_KEYS_MAX = 16,
    JWT_KID_MAX = 128,         /* of another issuer's key; ours have 43 */
    JWT_TEXT_MAX = 8192,       /* ours are about 1,000 bytes, Keycloak's with many roles some thousands; headers in all may have 16 KiB */
    JWT_RSA_BITS = 2048,
    JWT_RSA_BITS_MAX = 4096,   /* verifying with one of 16,384 bits would take milliseconds on a loop */
    JWT_SKEW_SECONDS = 60,     /* how far ahead of our clock `iat` may lie: two nodes, or a clock set back */
    JWT_LIFE_MAX_SECONDS = 24 * 3600,
};

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct json_t;

struct jwt_key {
    char kid[JWT_KID_MAX + 1]; /* ours: the key's RFC 7638 thumbprint */
    struct evp_pkey_st *pkey;
    int64_t signs_from_ms;     /* ours: it is published before it signs, so that caches of the key set have it by then */
    int64_t leaves_at_ms;      /* it verifies nothing from then on; 0: no end is in sight */
};

/* What all tokens of one issuer have in common. */
struct jwt_pool {
    const char *issuer;        /* "iss" */
    const char *client_id;     /* "aud" of id tokens, "client_id" of access tokens */
    struct jwt_key keys[JWT_KEYS_MAX];
    size_t key_count;
};

enum jwt_use { JWT_ID, JWT_ACCESS };

struct jwt_claims {
    enum jwt_use use;
    struct id account;         /* "sub", "cognito:username" */
    struct id session;         /* "origin_jti" */
    struct id event;           /* "event_id": the request that made it */
    struct id id;              /* "jti" */
    int64_t epoch;             /* "usher:epoch": the account's when the token was made */
    unsigned groups;           /* "cognito:groups", GROUP_... bits */
    const char *email, *name;  /* in id tokens only; name may be NULL */
    int64_t auth_time_s, issued_at_s, expires_at_s; /* seconds since 1970, as JWT has them */
};

/* ---- keys (jwt_keys.c) ---- */

/* A new RSA-2048 key in PEM (PKCS #8). 50-300 ms. False when OpenSSL has no randomness or memory. */
bool jwt_key_make(struct buf *pem);
/* Add the private keys of a key file: PEM blocks one after another, before each the line "signs-from: <RFC 3339>" unless it signs from the
 * beginning. False when one is not RSA of 2048 to 4096 bits or a line is not understood, when there is none, or there are too many. */
bool jwt_keys_add(struct jwt_pool *pool, const char *text, size_t len);
/* The file that jwt_keys_add reads. False when OpenSSL fails. */
bool jwt_keys_write(const struct jwt_pool *pool, struct buf *out);
/* Find out when each key leaves: once what it signed has expired, `life_s` after the key behind it has begun to sign. */
void jwt_keys_end(struct jwt_pool *pool, int64_t life_s);
/* Drop those that have left at `now_ms`; how many they were. */
size_t jwt_keys_drop_left(struct jwt_pool *pool, int64_t now_ms);
/* The key that signs at `now_ms`: the newest that has begun, or where none has, the next one. NULL in an empty pool. */
const struct jwt_key *jwt_signing_key(const struct jwt_pool *pool, int64_t now_ms);
const struct jwt_key *jwt_key_find(const struct jwt_pool *pool, const char *kid);
static inline bool jwt_key_has_left(const struct jwt_key *key, int64_t now_ms)
{
    return key->leaves_at_ms && now_ms >= key->leaves_at_ms;
}
void jwt_keys_free(struct jwt_pool *pool);
/* The public keys as a JWK set (RFC 7517), those that have yet to sign too. */
void jwt_key_set(const struct jwt_pool *pool, int64_t now_ms, struct buf *out);
/* Add the keys of another issuer's JWK set that may verify RS256: RSA of 2048 to 4096 bits, with a "kid", and where "use", "alg" or "key_ops"
 * stand, for signatures, RS256 and verifying. Others are passed over, as RFC 7517, 5 asks, and so are those over JWT_KEYS_MAX. ERR_INVALID with a
 * sentence when it is no key set, or holds no key for us; then nothing was added. */
enum err jwt_key_set_read(struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, struct fault *fault);

/* ---- tokens (jwt.c) ---- */

/* The names of these groups (GROUP_...), as elements of an array. */
void jwt_groups_json(struct buf *out, unsigned groups);

/* The signed compact form, in `arena`. 130-270 us: on LANE_HASH or LANE_SIGN, never on a loop. NULL when OpenSSL fails. */
char *jwt_sign(const struct jwt_pool *pool, struct arena *arena, const struct jwt_claims *claims);

enum jwt_worth { JWT_GOOD, JWT_EXPIRED, JWT_BAD };

/* What a text is worth at `now_ms`: a token that this pool made and that is in force, one that was, or nothing. `out` is filled unless
 * it is JWT_BAD, with strings in `arena`. 25-40 us, nearly all of it the signature. */
enum jwt_worth jwt_judge(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, int64_t now_ms, struct jwt_claims *out);
static inline bool jwt_verify(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, int64_t now_ms,
                              struct jwt_claims *out)
{
    return jwt_judge(pool, arena, text, len, now_ms, out) == JWT_GOOD;
}

/* What both kinds of issuers have in common: the payload behind a good signature by one of the pool's keys, whatever it claims.
 * JWT_NO_KEY: a sound header names a key that the pool does not hold (yet). */
enum jwt_opened { JWT_OPEN, JWT_NO_KEY, JWT_SHUT };
enum jwt_opened jwt_open(const struct jwt_pool *pool, struct arena *arena, const char *text, size_t len, int64_t now_ms, struct json_t **out);
/* "iat", "exp" and, where it is there, "nbf", as far as they make sense together. */
enum jwt_worth jwt_judge_times(const struct json_t *body, int64_t now_ms, int64_t *issued_at_s, int64_t *expires_at_s);

/* The bit of a group's name, 0 when it is none of ours. */
unsigned jwt_group_bit(const char *name);

/* base64url without padding (RFC 7515, appendix C). Reading is strict, so that each value has one spelling. */
void jwt_add_b64(struct buf *out, const void *data, size_t len);
bool jwt_read_b64(struct arena *arena, const char *text, size_t len, struct bytes *out);

#endif
