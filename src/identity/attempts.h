/*
 * attempts.h - how often something was tried under a name, and how long the next try must wait.
 *
 * One bounded table in memory for all names, whether there is such an account
 * or not, so that an answer tells nothing. Names are kept as keyed hashes only.
 * Wrong passwords of known accounts are written through to their rows by a
 * sweep (design: a guess costs no commit), and read back by attempts_begin
 * after a restart.
 *
 * With `free` tries used up, the wait after the n-th further one is first << n,
 * at most `longest`, from the last try on; `forget` after the last try all is forgotten.
 */
#ifndef USHER_IDENTITY_ATTEMPTS_H
#define USHER_IDENTITY_ATTEMPTS_H

#include "base/id.h"

struct attempts;

enum attempt_kind { ATTEMPT_PASSWORD, ATTEMPT_CODE_MAIL, ATTEMPT_TOTP, ATTEMPT_KIND_COUNT };

struct attempt_key {
    uint8_t byte[16];
};

/* 16,384 names; a newer one takes the place of the oldest of four. Any thread may use it. */
struct attempts *attempts_new(void);
void attempts_free(struct attempts *attempts); /* takes NULL */

struct attempt_key attempts_key(const struct attempts *attempts, enum attempt_kind kind, const char *name);

/* What the account's row remembers; used when the table has nothing newer. Zeros for a name without one. */
struct attempts_kept {
    struct id account;
    int64_t failures, failed_at_ms;
};

/* Milliseconds until the next try may be made; 0: now. */
int64_t attempts_wait_ms(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept,
                         int64_t now_ms);
/* Count one try (a wrong password, a code that was mailed). */
void attempts_add(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept, int64_t now_ms);
/* All is forgiven: the right password. */
void attempts_clear(struct attempts *attempts, const struct attempt_key *key);

/* Move up to `max` accounts whose count changed since they were last taken into `out`; how many there were. */
size_t attempts_take_changed(struct attempts *attempts, struct attempts_kept *out, size_t max);

#endif
