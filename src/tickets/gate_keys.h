/*
 * gate_keys.h - the P-256 keys that sign tickets, and the signature itself.
 *
 * The signature is ECDSA with SHA-256 and the derived nonce of RFC 6979, raw
 * r|s of 32 bytes each, as WebCrypto takes it. OpenSSL 3.0 draws its nonces at
 * random and has no switch for it (3.2 has), so the few lines of arithmetic are
 * here, over OpenSSL's own curve and numbers.
 *
 * On time that could leak the key: the nonce's multiplication k*G is OpenSSL's
 * constant-time one (nistz256); everything that follows is done on numbers
 * multiplied by a fresh random blind, so what BN's variable-time division shows
 * is not the nonce and not the key.
 */
#ifndef USHER_TICKETS_GATE_KEYS_H
#define USHER_TICKETS_GATE_KEYS_H

#include "base/buf.h"

#define GATE_SIGNATURE_BYTES 64

struct gate_key;

/* From 32 bytes of private scalar, big-endian; NULL when it is 0 or not below the order. */
struct gate_key *gate_key_from_scalar(const uint8_t scalar[32]);
/* A new random one. */
struct gate_key *gate_key_new(void);
/* The file's key, made (0600, synced) when `make` and it is not there. NULL and a sentence on a fault. */
struct gate_key *gate_key_load(const char *path, bool make, struct buf *error);
void gate_key_free(struct gate_key *key);

/* Any thread. */
void gate_key_sign(const struct gate_key *key, const void *message, size_t len, uint8_t out[GATE_SIGNATURE_BYTES]);
bool gate_key_verify(const struct gate_key *key, const void *message, size_t len, const uint8_t signature[GATE_SIGNATURE_BYTES]);
/* Affine coordinates of the public point, big-endian. */
void gate_key_public(const struct gate_key *key, uint8_t x[32], uint8_t y[32]);

#endif
