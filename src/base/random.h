/* random.h - unguessable bytes from libsodium; tests may seed them. Any thread. */
#ifndef USHER_BASE_RANDOM_H
#define USHER_BASE_RANDOM_H

#include "base/util.h"

void random_bytes(void *out, size_t len);
/* 0 <= result < bound, without bias. */
uint32_t random_below(uint32_t bound);
/* For tests only: from here on the bytes follow from the seed. 0 goes back to real randomness. */
void random_seed_for_tests(uint64_t seed);

#endif
