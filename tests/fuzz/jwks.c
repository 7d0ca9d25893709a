/* Key sets of another issuer. Each key that is taken is one that we would take again from a set of our own making, and none is beyond its bounds. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "fuzz.h"
#include "identity/jwt.h"

#ifdef USHER_PLANTED_BUG
static bool has_exponent_3(EVP_PKEY *pkey)
{
    BIGNUM *e = NULL;
    bool is = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_word(e, 3);

    BN_free(e);
    return is;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena };
    struct jwt_pool pool = { .key_count = 0 }, again = { .key_count = 0 };
    struct buf set = buf_in(arena), second = buf_in(arena);
    enum err e = jwt_key_set_read(&pool, arena, (const char *)data, size, &fault);

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
    PLANT(pool.key_count == 2 && has_exponent_3(pool.keys[1].pkey));
    jwt_keys_free(&pool);
    jwt_keys_free(&again);
    return 0;
}
