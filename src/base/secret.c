#include "base/secret.h"

#include <sodium.h>
#include <string.h>

#include "base/random.h"

char *secret_make(struct arena *arena, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    char *text = arena_alloc(arena, prefix_len + SECRET_TEXT_LEN + 1);
    uint8_t raw[32];

    random_bytes(raw, sizeof raw);
    memcpy(text, prefix, prefix_len);
    sodium_bin2base64(text + prefix_len, SECRET_TEXT_LEN + 1, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(raw, sizeof raw);
    return text;
}

void secret_hash(const char *text, size_t len, uint8_t out[SECRET_HASH_BYTES])
{
    crypto_hash_sha256(out, (const unsigned char *)text, len);
}
