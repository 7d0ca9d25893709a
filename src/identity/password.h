/*
 * password.h - the rule for passwords, and Argon2id.
 *
 * Length decides first (8..256 characters), then whether a guesser would try it
 * among the first (guessable.h); nothing is asked of letters and digits (NIST
 * SP 800-63B, 3.1.1.2). Passwords are compared in Unicode NFC, so that a
 * keyboard's way of composing an accent does not lock anybody out (RFC 8265,
 * 4.2.2).
 *
 * Cost: Argon2id with the memory and passes of the settings; OWASP's first
 * choice, 19 MiB and two passes, is 21-44 ms of one core. LANE_HASH only.
 */
#ifndef USHER_IDENTITY_PASSWORD_H
#define USHER_IDENTITY_PASSWORD_H

#include "base/arena.h"

enum { PASSWORD_CHARS_MIN = 8, PASSWORD_CHARS_MAX = 256 };

/* What one hash takes. */
struct password_cost {
    int memory_kib, passes;
};

/* What it costs in time, whatever the shape: KiB filled. */
static inline int64_t password_work(struct password_cost cost)
{
    return (int64_t)cost.memory_kib * cost.passes;
}

/* What a password that does not match takes, whatever it is compared with: as much work as the dearest hash that there may be. Nobody learns by
 * the clock whether there is such an account, nor whether its hash is from before the settings were raised. */
struct password_effort {
    int64_t work;
    int memory_kib; /* the most to use at a time */
};

/* NULL when the password will do, else a sentence that says what is wrong with it. `password` is valid UTF-8. The owner's address and name, where
 * they are known (else NULL), are no passwords for it. */
const char *password_fault(const char *password, const char *email, const char *name);

/* libsodium's "$argon2id$..." text in `arena`; NULL when memory for it cannot be had. Slow on purpose. */
const char *password_hash(struct arena *arena, struct password_cost cost, const char *password);

/* By which a hash is known again where it must not stand itself. */
enum { PASSWORD_TAG_BYTES = 16 };
void password_tag(const char *hash, uint8_t tag[PASSWORD_TAG_BYTES]);

/* Was it hashed with less work than this? */
bool password_is_cheaper(const char *hash, struct password_cost cost);

/* Does the password match? A NULL or empty hash is nobody's and never matches. Slow on purpose. */
bool password_matches(struct arena *arena, const char *hash, const char *password, const struct password_effort *effort);

#endif
