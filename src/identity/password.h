/*
 * password.h - the rule for passwords, and Argon2id.
 *
 * Length decides first (8..256 characters), then a short list of the commonest
 * ones; nothing is asked of letters and digits (NIST SP 800-63B, 3.1.1.2).
 * Passwords are compared in Unicode NFC, so that a keyboard's way of composing
 * an accent does not lock anybody out (RFC 8265, 4.2.2).
 *
 * Cost: Argon2id, 19 MiB, t=2, p=1: 21-44 ms of one core. LANE_HASH only.
 */
#ifndef USHER_IDENTITY_PASSWORD_H
#define USHER_IDENTITY_PASSWORD_H

#include "base/arena.h"

enum { PASSWORD_CHARS_MIN = 8, PASSWORD_CHARS_MAX = 256 };

/* NULL when the password will do, else a sentence that says what is wrong with it. `password` is valid UTF-8. */
const char *password_fault(const char *password);

/* libsodium's "$argon2id$..." text in `arena`; NULL when memory for it cannot be had. Slow on purpose. */
const char *password_hash(struct arena *arena, const char *password);

/* Does the password match? A NULL or empty hash is nobody's: it is compared with a dummy at the same cost and never matches. Slow on purpose. */
bool password_matches(struct arena *arena, const char *hash, const char *password);

#endif
