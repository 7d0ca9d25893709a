/*
 * secret.h - texts that are a key by themselves: whoever shows one is who it was given to (an invitation, a scanner's credential).
 *
 * 256 random bits in base64url (RFC 4648, 5), which a URL carries as they are. Only the SHA-256 of one is kept: with so many
 * bits nobody guesses the text from its hash, and looking the hash up in an index takes no time that tells anything of it.
 */
#ifndef USHER_BASE_SECRET_H
#define USHER_BASE_SECRET_H

#include "base/arena.h"

enum { SECRET_TEXT_LEN = 43, SECRET_HASH_BYTES = 32 };

/* A new one behind `prefix` (a word that tells people and scanners of leaked secrets what it is; may be ""), in the arena. */
char *secret_make(struct arena *arena, const char *prefix);
/* Of the text as a whole, its prefix too. */
void secret_hash(const char *text, size_t len, uint8_t out[SECRET_HASH_BYTES]);

#endif
