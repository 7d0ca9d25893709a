/*
 * fuzz.h - what every fuzz target has in common.
 *
 * A target is one file with LLVMFuzzerTestOneInput. It is built twice: as
 * fuzz_<name>, run for a minute by scripts/test, and as planted_<name> with
 * -DUSHER_PLANTED_BUG, where PLANT is a crash. The condition of a PLANT needs
 * valid structure (a signature that verified, a list inside a checked shape),
 * so finding it shows that the target reaches what it is meant to test.
 */
#ifndef USHER_TESTS_FUZZ_H
#define USHER_TESTS_FUZZ_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef USHER_PLANTED_BUG
#define PLANT(condition)                                       \
    do {                                                       \
        if (condition) {                                       \
            fputs("planted bug reached\n", stderr);            \
            abort();                                           \
        }                                                      \
    } while (0)
#else
#define PLANT(condition) ((void)0)
#endif

/* Properties are checked in every build. */
#define HOLDS(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

/* One arena for all runs: reset, never freed, as a connection's is. */
static inline struct arena *fuzz_arena(void)
{
    static struct arena *arena;

    if (!arena)
        arena = arena_new(0);
    arena_reset(arena);
    return arena;
}

/* The input's next line without its newline (NUL-terminated, in the arena); the rest stays. For targets with several texts. */
static inline const char *fuzz_line(struct arena *arena, const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
    size_t len = end ? (size_t)(end - *data) : *size;
    char *line = arena_copy(arena, *data, len);

    *data += end ? len + 1 : len;
    *size -= end ? len + 1 : len;
    return line;
}

#endif
