/* store_world.h - a store in a folder of its own, for unit tests. */
#ifndef USHER_TESTS_STORE_WORLD_H
#define USHER_TESTS_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* store.h has a word of that name */

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"

struct world {
    struct app app;
    char dir[64];
    struct store *store;
    struct reader *reader;
    struct arena *arena;
};

static inline void world_open_store(struct world *world)
{
    struct buf error = buf_heap();

    world->store = store_open(&world->app, world->dir, &error);
    if (!world->store)
        print_error("%s\n", error.data);
    assert_non_null(world->store);
    store_batch_us_for_tests(world->store, 60000000); /* what is queued before the start is one batch, on any machine */
    world->app.store = world->store;
    world->reader = reader_open(world->store);
}

static inline void world_close_store(struct world *world)
{
    if (world->store)
        store_stop(world->store);
    reader_close(world->reader);
    store_close(world->store);
    world->reader = NULL;
    world->store = world->app.store = NULL;
}

/* A store that is open and not started. */
static inline struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    strcpy(world->dir, "/tmp/usher-unit-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->arena = arena_new(0);
    world_open_store(world);
    return world;
}

static inline void world_free(struct world *world)
{
    char command[128];

    world_close_store(world);
    arena_free(world->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", world->dir);
    if (system(command) != 0)
        print_message("%s stays behind\n", world->dir);
    free(world);
}

/* One number from the world's reader: the first column of the first row, -1 without a row. */
static inline int64_t world_number(struct world *world, struct sql *sql)
{
    struct fault fault = { .arena = world->arena };
    struct tx tx;
    struct query *q;
    int64_t number;

    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, sql);
    number = query_row(q) ? col_int(q, 0) : -1;
    query_end(q);
    reader_end(world->reader, &tx);
    return number;
}

#endif
