/*
 * srp.h - signing in without sending the password: SRP-6a as Cognito's clients speak it (RFC 5054, with Cognito's own group and key derivation).
 *
 *     x = H(salt | H(pool | user | ":" | password))       v = g^x             the server keeps salt and v
 *     client: A = g^a                                     B = k*v + g^b       server, b fresh for each challenge
 *     u = H(A | B)                                        S = (A * v^u)^b     the same for both if the password is right
 *     key = HKDF(S, u)    proof = HMAC(key, pool | user | secret block | timestamp)
 *
 * N is the 3,072-bit prime of RFC 3526, which RFC 5054 uses too, but g is 2. H
 * is SHA-256 over numbers as Java writes them: no leading zeros but the one that
 * keeps the first bit clear.
 *
 * What it trades: v is one fast hash of the password. Guessing at it takes one
 * exponentiation, measured at 0.6-2 ms of a core, against 21-44 ms for Argon2id;
 * and none of the 19 MiB by which Argon2id keeps graphics cards out. Therefore
 *
 *   1. verifiers exist only while the setting `srp` is on;
 *   2. they are sealed under DIR/keys/srp.key, which is for them alone: removing
 *      it, at the first start with the setting off, makes every copy worthless that
 *      the database, its log or its free pages still hold; a sweep removes the rows;
 *   3. a verifier counts only beside the very password hash that it was made with.
 *      However a password is changed, the old one's verifier opens nothing.
 *
 * Nobody may learn who has an account, or a verifier. So `user` (USER_ID_FOR_SRP)
 * is not the account's sub, which tells when it was made, and the salt is not
 * random: both follow from the address under the server's key, for an address
 * with an account just as for one without; and where there is no verifier, a
 * decoy's takes its place in all calculations.
 *
 * The password is taken as typed, byte for byte, for so do the clients. Argon2id
 * gets it in NFC. Whoever types an accent in another way than when the verifier
 * was made is let in by USER_PASSWORD_AUTH alone.
 */
#ifndef USHER_IDENTITY_SRP_H
#define USHER_IDENTITY_SRP_H

#include "identity/parts.h"

enum { SRP_NUMBER_BYTES = 384, SRP_SALT_BYTES = 16, SRP_SECRET_BYTES = 32, SRP_KEY_BYTES = 16, SRP_PROOF_BYTES = 32 };

struct srp_verifier {
    struct id user;
    uint8_t password[PASSWORD_TAG_BYTES]; /* of the hash that it goes with */
    uint8_t salt[SRP_SALT_BYTES];
    uint8_t v[SRP_NUMBER_BYTES];
};

/* Load or make the key, or remove it, as the setting says. False with a sentence. */
bool srp_open(struct identity *identity, struct buf *error);

/* USER_ID_FOR_SRP of an address. */
struct id srp_user(const struct identity *identity, const char *email_key);

/* What to keep for this account and password, of which `hash` is the Argon2id text: sealed. 0.6-2 ms: LANE_HASH. */
struct bytes srp_make(const struct identity *identity, struct arena *arena, const struct account *account, const char *hash, const char *password);
/* The same, opened. */
struct srp_verifier srp_make_verifier(const struct identity *identity, const char *email_key, const char *hash, const char *password);
void srp_keep(struct tx *tx, const struct id *account, struct bytes sealed);
/* False when there is none, or none for the account's present password. */
bool srp_read(struct tx *tx, const struct account *account, struct srp_verifier *out);
/* In place of one that is not there: always the same for a user, and nobody's. */
struct srp_verifier srp_decoy(const struct identity *identity, const struct id *user);
void srp_remove(struct tx *tx, const struct id *account);
/* Remove up to 100 of anybody; how many they were. */
int64_t srp_remove_some(struct tx *tx);
bool srp_any(struct tx *tx);

/* ---- the calculation; numbers are big-endian ---- */

/* A of a client, in hexadecimal. False unless 0 < A < N: with a multiple of N anybody would know S. */
bool srp_number_read(const char *hex, uint8_t out[SRP_NUMBER_BYTES]);

/* What the server keeps to itself between the two steps. */
struct srp_secret {
    uint8_t a[SRP_NUMBER_BYTES], b[SRP_SECRET_BYTES], u[SRP_PROOF_BYTES];
};
/* Choose b and calculate B. About 0.6 ms. */
void srp_challenge(const struct srp_verifier *verifier, const uint8_t a[SRP_NUMBER_BYTES], struct srp_secret *secret, uint8_t b_public[SRP_NUMBER_BYTES]);
/* The same with a given secret->b, for tests. */
void srp_challenge_with(const struct srp_verifier *verifier, const uint8_t a[SRP_NUMBER_BYTES], struct srp_secret *secret,
                        uint8_t b_public[SRP_NUMBER_BYTES]);
/* The key that a client with the right password has as well. About 1.2 ms. */
void srp_key(const struct srp_verifier *verifier, const struct srp_secret *secret, uint8_t key[SRP_KEY_BYTES]);
/* What such a client answers. `pool` is the pool's name: its id from behind the first '_'. */
void srp_proof(const uint8_t key[SRP_KEY_BYTES], const char *pool, const struct id *user, struct bytes block, const char *timestamp,
               uint8_t out[SRP_PROOF_BYTES]);
const char *srp_pool_name(const struct identity *identity);

/* "Sun Nov 22 19:19:33 UTC 2026", as milliseconds; false for anything else. */
bool srp_time_read(const char *text, int64_t *out_ms);

#endif
