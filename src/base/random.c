#include "base/random.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t ready = PTHREAD_ONCE_INIT;
static atomic_uint_fast64_t test_seed;  /* 0: real randomness */
static atomic_uint_fast64_t test_draws; /* since the seed was set; each draw has its own stream */

static void init(void)
{
    if (sodium_init() < 0)
        abort();
}

void random_bytes(void *out, size_t len)
{
    uint64_t seed = atomic_load(&test_seed);

    pthread_once(&ready, init);
    if (seed) {
        unsigned char key[randombytes_SEEDBYTES] = { 0 };
        uint64_t draw = atomic_fetch_add(&test_draws, 1);

        memcpy(key, &seed, sizeof seed);
        memcpy(key + sizeof seed, &draw, sizeof draw);
        randombytes_buf_deterministic(out, len, key);
    } else {
        randombytes_buf(out, len);
    }
}

uint32_t random_below(uint32_t bound)
{
    uint32_t value, reject;

    assert(bound);
    /* Numbers under 2^32 mod bound would make the low results likelier; draw again. */
    reject = -bound % bound;
    do
        random_bytes(&value, sizeof value);
    while (value < reject);
    return value % bound;
}

void random_seed_for_tests(uint64_t seed)
{
    atomic_store(&test_draws, 0);
    atomic_store(&test_seed, seed);
}
