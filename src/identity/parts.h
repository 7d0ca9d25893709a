/* parts.h - what the files of identity/ share among themselves; nobody outside includes it. */
#ifndef USHER_IDENTITY_PARTS_H
#define USHER_IDENTITY_PARTS_H

#include <pthread.h>

#include "identity/attempts.h"
#include "identity/identity.h"
#include "identity/jwt.h"
#include "identity/outside.h"
#include "identity/password.h"

enum { IDENTITY_SECRET_BYTES = 32 };

/* By which a changed tokens.pem is told; all zero when it is not there. */
struct key_file_stamp {
    uint64_t device, inode, size;
    int64_t changed_s, changed_ns;
};

struct identity {
    /* Constant from identity_open to identity_close: any thread reads freely. */
    struct app *app;
    char *pool_id, *client_id, *issuer;
    struct buf configuration;    /* the openid-configuration, as served */
    /* DIR/keys/identity.key: codes are kept as an HMAC under it, refresh tokens follow one another by it. */
    uint8_t secret[IDENTITY_SECRET_BYTES];
    struct attempts *attempts;   /* guards itself */
    struct outside *outside;     /* another issuer signs people in, and its keys are in the ring; NULL: we do */
    struct password_cost password_cost;     /* of new hashes */
    uint8_t srp_key[IDENTITY_SECRET_BYTES]; /* see srp.h; zero while the setting is off */
    struct password_effort password_effort; /* of passwords that do not match: as dear as this pool's hashes ever were */

    /* Guarded by lock, held for a few instructions. NULL at the very first start: the key is made in the background then, for that takes
     * 60-450 ms, and a server that is ready need not wait for what nobody can have a use for yet. */
    pthread_mutex_t lock;
    pthread_cond_t changed;      /* `ring` is there */
    struct key_ring *ring;

    /* Guarded by look_lock, held while the file is read: the file as it was when it was last looked at. Taken before `lock`, never behind it. */
    pthread_mutex_t look_lock;
    struct key_file_stamp seen;

    pthread_t maker;             /* joined by identity_close */
    bool making;
    char *dir;
};

/* ---- the keys in force (key_ring.c) ---- */

/* Constant while anybody uses it: a change of the keys makes a new ring, and the old one goes with its last user. */
struct key_ring {
    unsigned users;              /* guarded by identity.lock */
    struct jwt_pool pool;
};
/* An empty one, with the issuer's names. */
struct key_ring *key_ring_new(const struct identity *identity);
/* In force for everybody from here on; the identity's from here on. If a key went before its time, remembered tokens are looked at anew. */
void key_ring_put(struct identity *identity, struct key_ring *ring);
/* NULL as long as there is none. Any thread. */
struct key_ring *key_ring_take(struct identity *identity);
void key_ring_drop(struct identity *identity, struct key_ring *ring); /* takes NULL */

/* Read our own keys, or, at the very first start, have the first one made in the background. */
bool key_ring_open(struct identity *identity, struct buf *error);
/* A sweep: what another node, or a command, did to the keys; and keys whose last token has expired go from the disk too. */
void key_ring_sweep(struct app *app, struct reader *reader, struct arena *arena);

/* Is there a ring? No token can be good before: nothing was ever signed. */
bool identity_keys_ready(struct identity *identity);
/* Wait until there is. Not on a loop's thread. */
void identity_keys_wait(struct identity *identity);
/* Read the keys anew if their file has changed. Not on a loop's thread. */
void identity_keys_look(struct identity *identity);

/* jwt.h's functions with the keys in force. */
enum jwt_worth identity_judge(struct identity *identity, struct arena *arena, const char *token, size_t len, struct jwt_claims *out);
char *identity_sign(struct identity *identity, struct arena *arena, const struct jwt_claims *claims); /* waits for the keys */
bool identity_key_set(struct identity *identity, struct buf *out); /* false as long as there are none */

/* How long caches may keep the key set, and how long a new key is in it before it signs: as long, and what the slowest node needs to see the
 * file and clocks may differ. */
enum { KEY_SET_CACHE_SECONDS = 300, KEY_LEAD_SECONDS = KEY_SET_CACHE_SECONDS + 60 };

/* ---- key files (key_files.c) ---- */

/*
 * DIR/keys/NAME, mode 0600. Changed under a lock (DIR/keys/.lock) by writing a
 * hidden file, syncing and renaming it, so that a kill leaves the old or the new
 * one, and a backup, which passes hidden names over, never copies half of one.
 */

/* Read it; where there is none, make it. False with a sentence. */
bool key_file(const char *dir, const char *name, bool (*make)(struct buf *out), struct buf *out, struct buf *error);
/* The same without making it: false with errno. */
bool key_file_read(const char *dir, const char *name, struct buf *out);
bool key_file_replace(const char *dir, const char *name, const struct buf *content, struct buf *error);
bool key_file_remove(const char *dir, const char *name, struct buf *error); /* true as well when there was none */
void key_file_forget(struct buf *secret); /* wipes and frees */

/* False when there is no such file. */
bool token_keys_seen(const char *dir, struct key_file_stamp *out);
/* The keys in tokens.pem, each with its time to leave; made where there are none if `make`. */
bool token_keys_read(const char *dir, int64_t life_s, bool make, struct jwt_pool *pool, struct buf *error);
/* Put a new key behind those in the file, to sign after its lead; at once: in place of them. ERR_CONFLICT when there are too many. */
enum err token_keys_rotate(const char *dir, int64_t life_s, bool at_once, struct buf *error);
/* Drop from the file what has left. */
void token_keys_prune(const char *dir, int64_t life_s);

struct req;
/* The id that stands for the client's address (an IPv6 client's /64): rows tell who asked for a code without keeping addresses. */
struct id identity_client(const struct identity *identity, const struct req *req);

/* HMAC-SHA-256 under the server's secret over a label (so that no two uses share a value), an id and some bytes. */
void identity_mac(const struct identity *identity, const char *label, const struct id *id, const void *data, size_t len, uint8_t out[32]);

/* The id that stands for an address, with an account or without: always the same one, and never told to anybody. */
struct id identity_subject(const struct identity *identity, const char *email_key);

/* Encrypt under a key of the server's for this label (XChaCha20-Poly1305): only this server reads it, and only under the same label. */
struct bytes identity_seal(const struct identity *identity, struct arena *arena, const char *label, const void *data, size_t len);
/* False when it is nothing that identity_seal made under this label. */
bool identity_unseal(const struct identity *identity, struct arena *arena, const char *label, struct bytes sealed, struct bytes *out);

/* The same under a key of one's own. */
struct bytes seal_with(const uint8_t key[32], struct arena *arena, const void *data, size_t len);
bool unseal_with(const uint8_t key[32], struct arena *arena, struct bytes sealed, struct bytes *out);

/* ---- the second factor (totp.c) ---- */

enum { TOTP_SECRET_BYTES = 20, TOTP_STEP_SECONDS = 30, RECOVERY_CODES = 10 };

struct totp {
    bool proven, enabled;
    struct bytes secret, pending; /* opened */
    int64_t last_step;
    const char *name;
    int64_t failures, failed_at_ms; /* wrong codes, as attempts.c had counted them when they were last written through */
};

/* The code of RFC 6238 for a step: six digits and a NUL. */
void totp_code(const uint8_t *secret, size_t len, int64_t step, char out[7]);
/* The newest step, one either side of now, whose code this is and that was not used up; 0 when there is none. */
int64_t totp_step(struct bytes secret, const char *code, int64_t now_ms, int64_t last_step);
/* False when the account has none. */
bool totp_read(struct tx *tx, const struct id *account, struct totp *out);
/* A new secret that waits for its proof, in the arena. */
struct bytes totp_begin(struct tx *tx, const struct id *account);
/* The secret that waited is proven by this step. */
void totp_prove(struct tx *tx, const struct id *account, int64_t step, const char *name);
void totp_enable(struct tx *tx, const struct id *account);
/* With its recovery codes. False when there was none. */
bool totp_remove(struct tx *tx, const struct id *account);
void totp_keep_failures(struct tx *tx, const struct attempts_kept *kept);
/* After a right code: forget the failures. */
void totp_forgive(struct tx *tx, const struct id *account);
/* False when the step was used before, or the factor is not enabled any more. */
bool totp_use(struct tx *tx, const struct id *account, int64_t step);
/* Ten new codes instead of all older ones; RECOVERY_CODES texts in the arena. */
const char **recovery_make(struct tx *tx, const struct id *account);
/* Is it one that was not used? Blanks, dashes and case do not matter. */
bool recovery_good(struct tx *tx, const struct id *account, const char *code);
bool recovery_use(struct tx *tx, const struct id *account, const char *code);
int64_t recovery_left(struct tx *tx, const struct id *account);

/* False when the challenge was answered before. */
bool challenge_spend(struct tx *tx, const struct id *challenge, int64_t expires_at_ms);
bool challenge_is_spent(struct tx *tx, const struct id *challenge);
/* Remove up to 100 that expired; how many they were. */
int64_t challenge_remove_expired(struct tx *tx);

/* ---- accounts (account.c) ---- */

/* The rule of FIELD_EMAIL, for addresses that did not come through a shape. */
bool account_email_good(const char *email);
/* Either as text, as the shell has it: accounts of another issuer may have no address. */
bool account_by_email_or_id(struct tx *tx, const char *text, struct account *out);
/* False when the address is taken. */
bool account_insert(struct tx *tx, const struct account *account);
/* After the right password: forget the failures. False when password, epoch or status changed since `account` was read. */
bool account_signed_in(struct tx *tx, const struct account *account);
/* The same password in a dearer hash. */
void account_rehash_password(struct tx *tx, const struct account *account, const char *password);
/* A new password by reset: failures are forgotten, and every session and token so far is void. False when the account was disabled or deleted meanwhile. */
bool account_reset_password(struct tx *tx, const struct id *id, const char *password);
/* All sessions but `keep` end, and their tokens with them. */
void account_end_others(struct tx *tx, const struct id *id, const struct id *keep);
/* A new password by its owner, signed in as `keep`: other sessions end, this one goes on. False when password, epoch or status changed
 * since `account` was read. */
bool account_change_password(struct tx *tx, const struct account *account, const char *password, const struct id *keep);
/* NULL leaves name or locale as it is. */
void account_set_names(struct tx *tx, const struct id *id, const char *name, const char *locale);
/* Is a published event of this organizer still to come, or under way? */
bool account_sells(struct tx *tx, const struct id *id);
/* The person goes, the number that accounting knows stays: address, name, password and second factor are removed, every session and token
 * is void at once, and the address is free for a new account. The rest goes by a job: account_leave asks for it. */
void account_delete(struct tx *tx, const struct id *id);
/* leave.c: farewell, deletion, and the job that lets go of the rest. ERR_CONFLICT while the account sells. */
enum err account_leave(struct tx *tx, const struct account *account);
enum err leave_run_forget(struct job *job); /* the job "forget", its key an account that was deleted */
/* person.c: the work of GET /v1/me/export. */
enum err export_work(struct req *req);
void account_keep_failures(struct tx *tx, const struct attempts_kept *kept);
/* Void every token and session so far. */
void account_raise_epoch(struct tx *tx, const struct id *id);
/* Is a token of this session and epoch in force? Fills `out` (may be NULL). */
bool account_of_token(struct tx *tx, const struct id *id, int64_t epoch, const struct id *session, struct account *out);
/* Tell the HTTP server, once this transaction is durable, to look at the account's tokens anew. */
void account_tell(struct tx *tx, const struct id *id);

/* ---- codes sent by mail (code.c) ---- */

enum code_purpose { CODE_SIGN_UP = 1, CODE_RESET = 2 };
enum code_verdict { CODE_GOOD, CODE_WRONG, CODE_EXPIRED };
enum { CODE_GUESSES_MAX = 5, CODE_OTHERS_GUESSES_MAX = 10, CODE_SEED_BYTES = 16, CODE_SIGN_UP_HOURS = 24, CODE_RESET_HOURS = 1 };

/* Whose code, what it is good for, and the client who asks for it or types it. `subject` is identity_subject of the name, whether that has an
 * account or not: any name gets the same rows, and so the same answers. */
struct code_for {
    struct id subject;
    enum code_purpose purpose;
    struct id client;
};

/* A new code of six digits, in tx->arena, instead of this client's older one. Those of up to 15 other clients stay good. Forgets what the client
 * guessed wrong. */
const char *code_make(struct tx *tx, const struct code_for *what);
/* This client's code, if it has not run out, in tx->arena, or NULL. */
const char *code_live(struct tx *tx, const struct code_for *what);
/* What a typed code is worth, whichever client asked for it (`asked_by`, when it is good). EXPIRED: a code that was good once, or this client
 * has guessed too often and must ask again. Writes nothing. */
enum code_verdict code_judge(struct tx *tx, const struct code_for *what, const char *code, struct id *asked_by);
/* The same, and counts a wrong one; after a good one all codes of this name and purpose are over. */
enum code_verdict code_use(struct tx *tx, const struct code_for *what, const char *code, struct id *asked_by);
/* Remove up to 100 codes and 100 counts that were over a day ago; the larger of both numbers. */
int64_t code_remove_old(struct tx *tx);

/* ---- sign-ups that wait for their code (sign_up.c) ---- */

/* The client's sign-up under this name, instead of its older one: all but status and what is counted. */
void sign_up_put(struct tx *tx, const struct id *subject, const struct id *client, const struct account *account);
/* How many wait under this name, up to 16; this client's in `out` (own), else the newest, as an account with the status UNCONFIRMED. */
size_t sign_up_find(struct tx *tx, const struct id *subject, const struct id *client, struct account *out, bool *own);
bool sign_up_by_id(struct tx *tx, const struct id *id, struct account *out);
void sign_up_remove(struct tx *tx, const struct id *subject);
/* Remove up to 100 that ran out; how many they were. */
int64_t sign_up_remove_old(struct tx *tx);

/* ---- sessions and their refresh tokens (session.c) ---- */

enum { REFRESH_SECRET_BYTES = 32 };

struct session {
    struct id id, account;
    uint8_t hash[32], previous_hash[32];
    int64_t rotated_at_ms, epoch, auth_time_ms, expires_at_ms, revoked_at_ms;
};

/* What a refresh token is worth:
 * CURRENT   the newest of its session;
 * PREVIOUS  the one before it, within the grace: two tabs that refreshed at the same moment;
 * REUSED    an older one: somebody has a copy, the session must end;
 * OVER      its session is revoked, expired, or from before a sign-out everywhere;
 * UNKNOWN   none of ours. */
enum refresh_worth { REFRESH_CURRENT, REFRESH_PREVIOUS, REFRESH_REUSED, REFRESH_OVER, REFRESH_UNKNOWN };

struct refresh_token {
    struct id session;
    uint8_t secret[REFRESH_SECRET_BYTES];
};

bool refresh_token_read(const char *text, struct refresh_token *out);
char *refresh_token_write(struct arena *arena, const struct refresh_token *token);

/* Judge it against its session and account, both filled unless UNKNOWN. Writes nothing. */
enum refresh_worth session_judge(struct tx *tx, const struct refresh_token *token, struct session *session, struct account *account);
/* A new session and its first refresh token, nothing written yet. */
struct session session_new(const struct account *account, int64_t now_ms, int64_t life_s, struct refresh_token *token);
void session_insert(struct tx *tx, const struct session *session);
/* The token that follows this one. It is the same for everybody who holds this one, so that two tabs end up with one token. */
struct refresh_token session_successor(const struct identity *identity, const struct refresh_token *token);
/* The successor becomes the newest; false when the token was not the newest any more. */
bool session_rotate(struct tx *tx, const struct refresh_token *token, const struct refresh_token *successor);
void session_revoke(struct tx *tx, const struct session *session);
/* Did it begin a moment ago? A stolen token, or a phone that lies around unlocked, must not make itself a way past the second factor, nor lock the
 * owner out by one of its own: what changes it, and hands out what stands in for it, takes a sign-in of the last 15 minutes. */
bool session_is_fresh(struct tx *tx, const struct id *session);
/* Remove up to 100 sessions that expired a day ago; how many they were. */
int64_t session_remove_expired(struct tx *tx);

#endif
