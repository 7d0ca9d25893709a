/*
 * attempts.h - how often something was tried under a name or from an address, and how long the next try must wait.
 *
 * Bounded tables in memory, one a kind, for all names whether there is such an
 * account or not, so that an answer tells nothing. Names and addresses are kept
 * as keyed hashes only. Wrong passwords and wrong second factors of accounts
 * are written through to their rows by a sweep (a guess costs no commit), and
 * read back by attempts_wait_ms after a restart.
 *
 * What counts, how many tries are free and how the wait grows is a table in
 * attempts.c, where each number has its reason beside it.
 *
 * A full table forgets what costs least: of the eight entries where a new one
 * belongs, the one with the fewest tries that still count. Places follow from a
 * keyed hash, so nobody can aim at one. To make it forget a name with ten wrong
 * passwords, all eight places of its set must hold eleven tries and more: with
 * 2,048 sets some 16,000 other names, 180,000 hashed passwords, over an hour of
 * the whole hash lane; and an account's row remembers all the same.
 */
#ifndef USHER_IDENTITY_ATTEMPTS_H
#define USHER_IDENTITY_ATTEMPTS_H

#include "base/id.h"

struct attempts;

enum attempt_kind {
    ATTEMPT_PASSWORD,         /* wrong passwords under a name; kept in the account's row */
    ATTEMPT_TOTP,             /* wrong second factors of an account; kept in its row */
    ATTEMPT_CLIENT_PASSWORD,  /* wrong passwords from an address, whatever the names: password spraying */
    ATTEMPT_CLIENT_NAME,      /* ... under one name: what is taken back once that name's owner gets it right there */
    ATTEMPT_CLIENT_TOTP,      /* wrong second factors from an address */
    ATTEMPT_SRP_BLOCK,        /* wrong answers to an SRP challenge: the first uses it up */
    ATTEMPT_SRP_TURN,         /* ... to one for the password of a sign-up: the next is for the account's */
    ATTEMPT_MAIL,             /* codes asked for under a name from an address */
    ATTEMPT_NAME_MAIL,        /* ... under a name, where the address has asked before */
    ATTEMPT_NAME_MAIL_ALL,    /* ... under a name in all */
    ATTEMPT_KIND_COUNT
};

struct attempt_key {
    uint8_t byte[16];
};

/* Any thread may use it. */
struct attempts *attempts_new(void);
void attempts_free(struct attempts *attempts); /* takes NULL */

/* `client` NULL: whatever the address. */
struct attempt_key attempts_key(const struct attempts *attempts, enum attempt_kind kind, const char *name, const struct id *client);

/* What the row remembers; used when the table has nothing newer. NULL or zeros for what has no row. */
struct attempts_kept {
    struct id account;
    int64_t failures, failed_at_ms;
};

/* Milliseconds until the next try may be made; 0: now. */
int64_t attempts_wait_ms(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept,
                         int64_t now_ms);
/* Count one try (a wrong password, a code that was mailed). True when this is the one that closes the door for the first time. */
bool attempts_add(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept, int64_t now_ms);
/* How many tries count at present. */
int64_t attempts_count(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, int64_t now_ms);
/* All is forgiven: the right password. What a row remembers counts no more either, and is taken away by the next write of what changed. */
void attempts_clear(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key);
/* Forget up to `max` of the tries that count; how many they were. */
int64_t attempts_take_back(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, int64_t max, int64_t now_ms);

/* Move up to `max` accounts whose count of this kind changed since they were last taken into `out`; how many there were. */
size_t attempts_take_changed(struct attempts *attempts, enum attempt_kind kind, struct attempts_kept *out, size_t max);

#endif
