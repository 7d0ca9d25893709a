/*
 * identity.h - accounts, their passwords and tokens, on Amazon Cognito's wire.
 *
 *     UNCONFIRMED --ConfirmSignUp--> CONFIRMED --disable--> DISABLED
 *
 * What is unconfirmed is no row of account, but a sign-up that waits (sign_up.c).
 *
 * Passwords are Argon2id (settings argon2_memory_kib and argon2_passes) and are hashed on LANE_HASH only. Tokens
 * are RS256 with Cognito's claims; the signing key is DIR/keys/tokens.pem (0600).
 * A token carries the account's epoch; raising the epoch voids every older one.
 * Where USHER_OIDC_ISSUER names another issuer (outside.h), that one signs people in, and this wire refuses.
 */
#ifndef USHER_IDENTITY_IDENTITY_H
#define USHER_IDENTITY_IDENTITY_H

#include "base/config.h"
#include "http/http.h"

enum account_status { ACCOUNT_UNCONFIRMED, ACCOUNT_CONFIRMED, ACCOUNT_DISABLED };

struct account {
    struct id id;
    const char *email, *email_key, *name, *locale;
    unsigned groups;
    enum account_status status;
    const char *password;
    int64_t epoch, failures, failed_at_ms, created_at_ms;
    struct bytes verifier; /* sealed (srp.h); of a sign-up that waits alone, an account's has its own row */
};

/* Do the settings of another issuer go together? A sentence and false when not. Asked before anything is opened. */
bool identity_settings_good(const struct config *config, struct buf *error);
/* Load or make the keys under `dir`/keys, the pool and client id in the store. NULL and a sentence on a fault.
 * Needs app->store, started, until identity_close has returned, and app->public_url. */
struct identity *identity_open(struct app *app, const char *dir, struct buf *error);
void identity_close(struct identity *identity);
const char *identity_pool_id(const struct identity *identity);
const char *identity_client_id(const struct identity *identity);
/* The members of /config.json that tell where and how people sign in. */
void identity_web_config(const struct identity *identity, struct buf *out);

/* ---- signing keys, from the shell: on the folder of app->config->data, and known to app->identity at once where that is open ---- */

/*
 *     NEXT --its lead is over--> SIGNS --the next one begins--> RETIRES --all that it signed has expired--> gone
 *
 * Each of them is in the published key set and verifies.
 */
enum token_key_state { TOKEN_KEY_NEXT, TOKEN_KEY_SIGNS, TOKEN_KEY_RETIRES };
struct token_key {
    const char *kid;
    enum token_key_state state;
    int64_t signs_from_ms;   /* 0: from the beginning */
    int64_t leaves_at_ms;    /* 0: no end is in sight */
};
/* Publish a new key, which signs 6 minutes later. `at_once`: it signs now, all others are gone, and every token that they signed is void.
 * ERR_CONFLICT with a sentence when there are 16 keys. 50-300 ms. */
enum err identity_keys_rotate(struct app *app, bool at_once, struct fault *fault);
/* In the order of their making. */
enum err identity_keys_list(struct app *app, struct arena *arena, struct token_key **out, size_t *count, struct fault *fault);

/* http_hooks. */
enum err identity_authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out);
enum err identity_still_valid(struct tx *tx, const struct caller *caller);

/* What an address is looked up by: NFC, case folded. NULL when it is not UTF-8. */
char *account_fold_email(struct arena *arena, const char *email);
/* false when there is none. Strings live in tx->arena. */
bool account_by_id(struct tx *tx, const struct id *id, struct account *out);
bool account_by_email(struct tx *tx, const char *email, struct account *out);

/* From the shell (`usher user ...`), as writes. A new account is confirmed at once.
 * `password_hash` from identity_hash_password; NULL: sign-in is impossible until the password is reset. ERR_CONFLICT when the address is taken. */
enum err account_add(struct tx *tx, const char *email, const char *name, unsigned groups, const char *password_hash, struct id *out);
/* `email` may also be the account's id. */
enum err account_set_groups(struct tx *tx, const char *email, unsigned groups);
enum err account_disable(struct tx *tx, const char *email);
/* Take off the second factor and its recovery codes, and tell the owner by mail. ERR_NOT_FOUND when there is none. */
enum err account_take_factor_off(struct tx *tx, const char *email);
/* For ever: as if its owner had asked (DeleteUser). ERR_CONFLICT while it has published events that have not ended. */
enum err account_remove(struct tx *tx, const char *email);
/* Slow on purpose: call on LANE_HASH or in a command, never on a loop. ERR_INVALID with the rule broken when it is too weak (password.h), also for
 * an account with this address and name (NULL: none given). */
enum err identity_hash_password(struct arena *arena, struct fault *fault, const struct config *config, const char *password, const char *email,
                                const char *name, const char **out);

extern const struct route identity_routes[];
extern const struct route me_routes[];       /* /v1/me/... */
extern const struct answer_schema me_schemas[];
extern const struct person_part identity_people[];
extern const struct job_kind identity_jobs[];
extern const struct sweep identity_sweeps[];

#endif
