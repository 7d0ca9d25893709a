/*
 * Key sets of another issuer. Each key that is taken is one that we would take again from a set of our own making, and none is beyond its bounds.
 * "%" stands for a modulus, which chance would not find.
 */
#include <openssl/evp.h>

#include "fuzz.h"
#include "identity/jwt.h"

static const char modulus[] =
    "kevGM6I7CK3URstHpKvm-bMlRxRV4Mmwuk_2wV4yu2TI49Bw0B4lt638An8eKAFv5_JwAws9bmNkoQQ6Loj4W7UMmk00CplfKvxPiVa97m-ECBWrs0"
    "SLSvgza6Eab8VjzGJp0fPZCVLsFhWV33HdefyWOvfalDoJCFmeEDNdNW8DxY_d6UqgzYlw0fPv-xZOX8_QTa3x89MmLH42HUXQFn_zTmCup8xLSu4g"
    "MBOw11zTAA9u3iJ4ZZTV0zydrPw1xPursgoHZglWOlP0SxvRn7S14j8pwRbEDBcmYxkkLbVd_4On_QTDeKwk_uX5mY432VXFCf7l4A-kVefuB_ULCQ";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena };
    struct jwt_pool pool = { .key_count = 0 }, again = { .key_count = 0 };
    struct buf text = buf_in(arena), set = buf_in(arena), second = buf_in(arena);

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '%')
            buf_str(&text, modulus);
        else
            buf_char(&text, (char)data[i]);
    }
    enum err e = jwt_key_set_read(&pool, arena, text.len ? text.data : "", text.len, &fault);

    HOLDS((e == ERR_OK) == (pool.key_count > 0) && (e == ERR_OK) == (fault.detail == NULL));
    if (e)
        return 0;
    HOLDS(pool.key_count <= JWT_KEYS_MAX);
    for (size_t i = 0; i < pool.key_count; i++) {
        const struct jwt_key *key = &pool.keys[i];

        HOLDS(*key->kid && strlen(key->kid) <= JWT_KID_MAX && jwt_key_find(&pool, key->kid) == key);
        HOLDS(EVP_PKEY_get_bits(key->pkey) >= JWT_RSA_BITS && EVP_PKEY_get_bits(key->pkey) <= JWT_RSA_BITS_MAX);
    }
    jwt_key_set(&pool, 0, &set);
    HOLDS(jwt_key_set_read(&again, arena, set.data, set.len, &fault) == ERR_OK);
    jwt_key_set(&again, 0, &second);
    HOLDS(set.len == second.len && memcmp(set.data, second.data, set.len) == 0);
    PLANT(strlen(pool.keys[0].kid) > 4);
    jwt_keys_free(&pool);
    jwt_keys_free(&again);
    return 0;
}
