/*
 * outside.h - another issuer in place of our own pool (USHER_OIDC_ISSUER): a pool at Amazon Cognito, Keycloak, or another OpenID provider.
 *
 *     outside_claims.c     what a token of such an issuer says; pure
 *     outside.c            its public keys: fetched by a thread of their own, kept on the disk, put into force (key_ring)
 *     outside_accounts.c   the rows of its people here, and the checks that http asks for
 *
 * The issuer signs people in and says who they are and what they may do; our
 * own wire refuses. Each person has a row here, whose id follows from issuer and
 * "sub", so that what hangs on an account (registrations, tickets, mail) is the
 * same everywhere. What a person may do is read from each token, but a row that
 * is disabled or deleted here shuts its person out whatever the issuer says.
 *
 * Not here: sessions. A sign-out at the issuer reaches us when its tokens expire.
 */
#ifndef USHER_IDENTITY_OUTSIDE_H
#define USHER_IDENTITY_OUTSIDE_H

#include "identity/identity.h"
#include "identity/jwt.h"

/* ---- tokens (outside_claims.c) ---- */

struct outside_claims {
    struct id account;           /* outside_account_id */
    struct id session;           /* of "origin_jti" or "sid", else of the account; names a sign-in, proves nothing */
    const char *email;           /* NULL: none, or the issuer says that it is not verified */
    const char *name;            /* NULL: none */
    const char *handle;          /* another name to go by where a row has none yet; may be NULL */
    bool has_groups;             /* the token says which groups there are: Keycloak leaves roles out of ID tokens, Cognito leaves none out */
    unsigned groups;
    int64_t issued_at_s, expires_at_s;
};

/* NO_KEY: it names a key that the pool does not hold; perhaps the issuer has a new one. */
enum outside_worth { OUTSIDE_GOOD, OUTSIDE_EXPIRED, OUTSIDE_BAD, OUTSIDE_NO_KEY };
/*
 * Judge a token as jwt_judge does, by the claims of other issuers. It must be for our client (`pool->client_id`):
 *
 *     Cognito      "token_use" is "id", and "aud" the client; or "access", and "client_id" the client
 *     Keycloak     "typ" is "ID", and "aud" holds the client, which "azp" is, too, where it is there; or "Bearer", and "aud" holds the client, or
 *                  "azp" or "client_id" is the client
 *     others       as "Bearer"
 *
 * A refresh token, and a logout token (it has "events"; OpenID Back-Channel Logout, 2.4) is none. `groups_claim` names where groups are: a member,
 * or a path of members with dots between. Its texts are matched with ours, "/Organizers" (Keycloak's path of a group) too.
 */
enum outside_worth outside_judge(const struct jwt_pool *pool, const char *groups_claim, struct arena *arena, const char *text, size_t len, int64_t now_ms,
                                 struct outside_claims *out);
/* The id of a person's row: SHA-256 over both, in the form of a UUIDv7 (its time means nothing). */
struct id outside_account_id(const char *issuer, const char *sub);

/* ---- the issuer's keys (outside.c) ---- */

struct identity;
struct outside;
/* Take issuer and client from the settings, and what is on the disk of the keys; begin to fetch them. At a first start waits for them, 3 s at
 * most. */
struct outside *outside_open(struct identity *identity);
void outside_close(struct outside *outside);
/* Somebody showed a token of an unknown key: fetch the keys soon. At once, but once in 10 s, so that made-up names do not become requests to
 * the issuer. Any thread. */
void outside_ask(struct outside *outside);
/* For /config.json: what stands before the issuer's last slash, and what stands behind it. */
const char *outside_endpoint(const struct outside *outside);

/* ---- its people (outside_accounts.c) ---- */

/* http_hooks, where there is an outside issuer. ERR_BUSY as long as its keys were never seen. */
enum err outside_authenticate(struct identity *identity, struct tx *tx, const char *token, size_t len, struct caller *out);
enum err outside_still_valid(struct tx *tx, const struct caller *caller);

#endif
