/*
 * jwt.h - the pool's tokens: RS256 JWTs with Cognito's claims, made and checked.
 *
 * Pure: no store, no clock, no globals. A pool's list of keys is constant once
 * it is open, so any thread may sign and verify with it at the same time.
 *
 * Checking follows RFC 8725. The algorithm is fixed: the header must say RS256
 * and name one of our own keys, nothing else in it is believed ("jku", "jwk",
 * "x5u" choose nothing, "crit" is refused). The payload is parsed only behind a
 * good signature, so its parser sees nothing but bytes that we wrote.
 */
#ifndef USHER_IDENTITY_JWT_H
#define USHER_IDENTITY_JWT_H

#include "base/buf.h"
#include "base/id.h"

enum {
    JWT_KEYS_MAX = 8,
    JWT_TEXT_MAX = 4096,       /* ours are about 1,000 bytes; headers in all may have 16 KiB */
    JWT_RSA_BITS = 2048,
    JWT_SKEW_SECONDS = 60,     /* how far ahead of our clock `iat` may lie: two nodes, or a clock set back */
    JWT_LIFE_MAX_SECONDS = 24 * 3600,
};

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

struct jwt_key {
    char kid[44];              /* the key's RFC 7638 thumbprint */
    struct evp_pkey_st *pkey;
};

/* What all tokens of this pool have in common. */
struct jwt_pool {
    const char *issuer;        /* "iss" */
    const char *client_id;     /* "aud" of id tokens, "client_id" of access tokens */
    struct jwt_key keys[JWT_KEYS_MAX];
    size_t key_count;          /* the first one signs, all of them verify */
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

/* A new RSA-2048 key in PEM (PKCS #8). 50-300 ms. False when OpenSSL has no randomness or memory. */
bool jwt_key_make(struct buf *pem);
/* Add the private keys in `pem`, one after another; false when one is not RSA-2048 or larger, or there are too many. */
bool jwt_keys_add(struct jwt_pool *pool, const char *pem, size_t len);
void jwt_keys_free(struct jwt_pool *pool);
/* The public keys as a JWK set (RFC 7517). */
void jwt_key_set(const struct jwt_pool *pool, struct buf *out);

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

#endif
