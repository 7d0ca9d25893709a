/* seal.c - what the server gives out of its hands, or keeps, so that nobody else can read or change it. */
#include <openssl/crypto.h>
#include <sodium.h>
#include <string.h>

#include "base/random.h"
#include "identity/parts.h"

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32, "the key is one MAC");

/* A key for each label, so that what was sealed for one use is nothing in another. */
static void key_of(const struct identity *identity, const char *label, uint8_t key[32])
{
    static const struct id none;

    identity_mac(identity, "seal", &none, label, strlen(label), key);
}

struct bytes seal_with(const uint8_t key[32], struct arena *arena, const void *data, size_t len)
{
    uint8_t *sealed = arena_alloc(arena, NONCE + len + TAG);

    random_bytes(sealed, NONCE); /* 24 bytes: random ones never meet */
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, data, len, NULL, 0, NULL, sealed, key);
    return (struct bytes){ sealed, NONCE + len + TAG };
}

bool unseal_with(const uint8_t key[32], struct arena *arena, struct bytes sealed, struct bytes *out)
{
    const uint8_t *from = sealed.data;

    if (sealed.len < NONCE + TAG)
        return false;
    uint8_t *plain = arena_alloc(arena, sealed.len - NONCE - TAG + 1);
    *out = (struct bytes){ plain, sealed.len - NONCE - TAG };
    return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, from + NONCE, sealed.len - NONCE, NULL, 0, from, key) == 0;
}

struct bytes identity_seal(const struct identity *identity, struct arena *arena, const char *label, const void *data, size_t len)
{
    uint8_t key[32];

    key_of(identity, label, key);
    struct bytes sealed = seal_with(key, arena, data, len);
    OPENSSL_cleanse(key, sizeof key);
    return sealed;
}

bool identity_unseal(const struct identity *identity, struct arena *arena, const char *label, struct bytes sealed, struct bytes *out)
{
    uint8_t key[32];

    key_of(identity, label, key);
    bool good = unseal_with(key, arena, sealed, out);
    OPENSSL_cleanse(key, sizeof key);
    return good;
}
