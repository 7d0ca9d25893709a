/* The store's promises: what a write may rely on, what a batch does to its members, what a reader sees. */
#include "store_world.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

SQL(put, "INSERT INTO meta (key, value) VALUES (:key, :value)");
SQL(count_meta, "SELECT count(*) FROM meta");
SQL(stock_new, "INSERT INTO stock (event, n, quantity) VALUES (:event, 0, :quantity)");
SQL(stock_take, "UPDATE stock SET held = held + :n WHERE event = :event AND n = 0");
SQL(stock_held, "SELECT held FROM stock");
SQL(oplog_rows, "SELECT count(*) FROM oplog");
SQL(oplog_last, "SELECT length(changes) FROM oplog ORDER BY seq DESC LIMIT 1");
SQL(oplog_notes, "SELECT length(notes) FROM oplog ORDER BY seq DESC LIMIT 1");

static const struct id some_event = { { 1, 2, 3 } };

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static enum err put_one(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &put);

    bind_text(q, ":key", arg);
    bind_text(q, ":value", "x");
    return query_run(q) == 1 ? ERR_OK : ERR_CONFLICT;
}

static enum err refuse(struct tx *tx, void *arg)
{
    put_one(tx, arg);
    return fail(tx, ERR_SOLD_OUT, "%d left", 3);
}

static enum err write_now(struct world *world, enum err (*run)(struct tx *tx, void *arg), const void *arg, struct fault *fault)
{
    return store_write_wait(world->store, world->arena, fault, NULL, false, run, (void *)arg);
}

static void a_write_is_seen_by_the_next_reader(void **state)
{
    struct world *world = *state;

    store_start(world->store);
    assert_int_equal(world_number(world, &count_meta), 0);
    assert_int_equal(write_now(world, put_one, "a", NULL), ERR_OK);
    assert_int_equal(world_number(world, &count_meta), 1);
}

static void a_refusal_leaves_its_sentence_and_nothing_else(void **state)
{
    struct world *world = *state;
    struct fault fault = { 0 };

    store_start(world->store);
    assert_int_equal(write_now(world, refuse, "a", &fault), ERR_SOLD_OUT);
    assert_string_equal(fault.detail, "3 left");
    assert_int_equal(world_number(world, &count_meta), 0);
    assert_int_equal(world_number(world, &oplog_rows), 0);
}

/* ---- batches ---- */

struct item {
    struct write write;
    const char *key;
    enum err want, got;
    int runs;
    int order;
    enum err (*act)(struct tx *tx, struct item *item);
};

static int done_order;

static enum err item_run(struct write *write, struct tx *tx)
{
    struct item *item = CONTAINER_OF(write, struct item, write);

    item->runs++;
    return item->act(tx, item);
}

static void item_done(struct write *write, enum err outcome)
{
    struct item *item = CONTAINER_OF(write, struct item, write);

    item->got = outcome;
    item->order = ++done_order;
}

static void item_push(struct world *world, struct item *item)
{
    item->write.run = item_run;
    item->write.done = item_done;
    item->write.arena = arena_new(512);
    assert_int_equal(store_write(world->store, &item->write), ERR_OK);
}

static enum err item_put(struct tx *tx, struct item *item)
{
    return put_one(tx, (void *)item->key);
}

static enum err item_refuse(struct tx *tx, struct item *item)
{
    return refuse(tx, (void *)item->key);
}

static enum err item_oversell(struct tx *tx, struct item *item)
{
    struct query *q = query(tx, &stock_take);

    bind_int(q, ":n", 11);
    bind_id(q, ":event", &some_event);
    query_run(q);
    assert_true(tx_failed(tx));
    put_one(tx, (void *)item->key); /* gives nothing, harms nothing */
    return ERR_OK;
}

static enum err item_leave_open(struct tx *tx, struct item *item)
{
    struct query *q = query(tx, &count_meta);

    assert_true(query_row(q));
    return item_put(tx, item);
}

static enum err new_stock(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &stock_new);

    bind_id(q, ":event", &some_event);
    bind_int(q, ":quantity", 10);
    query_run(q);
    return ERR_OK;
}

static enum err item_stock(struct tx *tx, struct item *item)
{
    return new_stock(tx, NULL);
}

static void neighbours_of_a_failed_write_stand(void **state)
{
    struct world *world = *state;
    struct item items[] = {
        { .key = "-", .act = item_stock, .want = ERR_OK },
        { .key = "a", .act = item_put, .want = ERR_OK },
        { .key = "b", .act = item_refuse, .want = ERR_SOLD_OUT },
        { .key = "c", .act = item_oversell, .want = ERR_INTERNAL },
        { .key = "a", .act = item_put, .want = ERR_INTERNAL }, /* the key is there: a UNIQUE fails */
        { .key = "d", .act = item_leave_open, .want = ERR_OK },
        { .key = "e", .act = item_leave_open, .want = ERR_OK },
        { .key = "f", .act = item_put, .want = ERR_BUSY, .write.gone = true },
        { .key = "g", .act = item_put, .want = ERR_BUSY, .write.deadline_ms = 1 },
        { .key = "h", .act = item_put, .want = ERR_OK, .write.urgent = true },
    };
    struct store_stats stats;

    for (size_t i = 0; i < COUNT(items); i++)
        item_push(world, &items[i]); /* before the start, so that they are one batch */
    done_order = 0;
    store_start(world->store);
    store_stop(world->store);
    for (size_t i = 0; i < COUNT(items); i++) {
        assert_int_equal(items[i].got, items[i].want);
        assert_int_equal(items[i].runs, !items[i].write.gone && !items[i].write.deadline_ms);
        arena_free(items[i].write.arena);
    }
    assert_int_equal(items[9].order, 1); /* urgent goes first */
    store_stats(world->store, &stats);
    assert_int_equal(stats.writes, COUNT(items));
    assert_int_equal(stats.batches, 1);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.queued_bytes, 0);
    assert_int_equal(world_number(world, &count_meta), 4);
}

static void the_schemas_fence_fails_only_its_own_write(void **state)
{
    struct world *world = *state;
    struct item items[] = {
        { .key = "a", .act = item_put, .want = ERR_OK },
        { .key = "b", .act = item_oversell, .want = ERR_INTERNAL },
        { .key = "c", .act = item_put, .want = ERR_OK },
    };

    store_start(world->store);
    assert_int_equal(write_now(world, new_stock, NULL, NULL), ERR_OK);
    for (size_t i = 0; i < COUNT(items); i++)
        item_push(world, &items[i]);
    store_stop(world->store);
    for (size_t i = 0; i < COUNT(items); i++) {
        assert_int_equal(items[i].got, items[i].want);
        arena_free(items[i].write.arena);
    }
    assert_int_equal(world_number(world, &count_meta), 2);
    assert_int_equal(world_number(world, &stock_held), 0);
}

static void the_queue_has_a_limit_in_writes_and_in_bytes(void **state)
{
    struct world *world = *state;
    struct item *items = calloc(4097, sizeof *items);
    struct item heavy = { .key = "heavy", .act = item_refuse, .write.bytes = (size_t)16 << 20 };
    struct arena *arena = arena_new(0);
    struct store_stats stats;

    assert_non_null(items);
    for (int i = 0; i < 4097; i++) {
        items[i] = (struct item){ .key = "a", .act = item_refuse };
        items[i].write.run = item_run;
        items[i].write.done = item_done;
        items[i].write.arena = arena;
        items[i].write.bytes = 1;
        assert_int_equal(store_write(world->store, &items[i].write), i < 4096 ? ERR_OK : ERR_BUSY);
    }
    store_start(world->store);
    assert_int_equal(write_now(world, put_one, "waited for room", NULL), ERR_OK);
    item_push(world, &heavy);
    store_stop(world->store);
    assert_int_equal(heavy.got, ERR_SOLD_OUT);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(items[i].got, ERR_SOLD_OUT);
    assert_int_equal(items[4096].runs, 0);
    store_stats(world->store, &stats);
    assert_int_equal(stats.refused_full, 1);
    assert_true(stats.batches >= 16);
    heavy.write.bytes++;
    assert_int_equal(store_write(world->store, &heavy.write), ERR_BUSY);
    arena_free(heavy.write.arena);
    arena_free(arena);
    free(items);
}

/* ---- running again ---- */

static int hook_calls;

static void hook(struct app *app, void *arg)
{
    hook_calls++;
}

static enum err note_and_put(struct tx *tx, void *arg)
{
    static void *first_address;
    void *address = arena_alloc(tx->arena, 100);

    /* The arena is back at its mark: the same memory again. */
    if (first_address)
        assert_ptr_equal(address, first_address);
    first_address = address;
    assert_null(tx->fault->detail);
    fault_set(tx->fault, ERR_OK, "left by the first run");
    tx_note(tx, "test.put", &some_event, NULL);
    tx_after_commit(tx, hook, NULL);
    return put_one(tx, arg);
}

static void a_write_that_is_run_again_leaves_one_trace(void **state)
{
    struct world *world = *state;

    hook_calls = 0;
    store_rerun_for_tests(world->store, true);
    store_start(world->store);
    assert_int_equal(write_now(world, note_and_put, "a", NULL), ERR_OK);
    store_stop(world->store);
    assert_int_equal(hook_calls, 1);
    assert_int_equal(world_number(world, &count_meta), 1);
    assert_int_equal(world_number(world, &oplog_rows), 1);
    assert_int_equal(world_number(world, &oplog_notes), strlen("test.put") + 1 + ID_TEXT_LEN + 4 + 1);
}

static enum err note_and_refuse(struct tx *tx, void *arg)
{
    tx_note(tx, "test.refused", &some_event, NULL);
    tx_after_commit(tx, hook, arg);
    return ERR_CONFLICT;
}

static void a_refusal_takes_its_notes_and_hooks_with_it(void **state)
{
    struct world *world = *state;

    hook_calls = 0;
    store_start(world->store);
    assert_int_equal(write_now(world, note_and_refuse, NULL, NULL), ERR_CONFLICT);
    store_stop(world->store);
    assert_int_equal(hook_calls, 0);
    assert_int_equal(world_number(world, &oplog_rows), 0);
}

/* ---- versions ---- */

static void a_version_rises_before_the_reply(void **state)
{
    struct world *world = *state;
    struct id other = { { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9 } };
    uint64_t all = store_version(world->store, NULL), one = store_version(world->store, &some_event), two = store_version(world->store, &other);

    store_start(world->store);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, &some_event, false, put_one, "a"), ERR_OK);
    assert_int_equal(store_version(world->store, NULL), all + 1);
    assert_int_equal(store_version(world->store, &some_event), one + 1);
    assert_int_equal(store_version(world->store, &other), two);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, &some_event, false, refuse, "b"), ERR_SOLD_OUT);
    assert_int_equal(store_version(world->store, &some_event), one + 1);
}

/* ---- columns and parameters ---- */

SQL(echo, "SELECT :int, :id, :none, :text, :blob, :empty, :time");

static void values_come_back_as_they_went_in(void **state)
{
    struct world *world = *state;
    struct fault fault = { .arena = world->arena };
    struct bytes blob;
    struct id id;
    struct query *q;
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, &echo);
    bind_blob(q, ":empty", NULL, 0); /* any order */
    bind_int(q, ":int", INT64_MIN);
    bind_id(q, ":id", &some_event);
    bind_id_or_null(q, ":none", &(struct id){ { 0 } });
    bind_textn(q, ":text", "Zo\xc3\xab and more", 4);
    bind_blob(q, ":blob", "\0\1\2", 3);
    bind_time_or_null(q, ":time", 0);
    assert_true(query_row(q));
    assert_true(col_int(q, 0) == INT64_MIN);
    id = col_id(q, 1);
    assert_true(id_equal(&id, &some_event));
    assert_true(col_is_null(q, 2));
    id = col_id(q, 2);
    assert_true(id_is_zero(&id));
    assert_null(col_text(q, 2, world->arena));
    assert_int_equal(col_int(q, 2), 0);
    assert_string_equal(col_text(q, 3, world->arena), "Zo\xc3\xab");
    blob = col_blob(q, 4, world->arena);
    assert_int_equal(blob.len, 3);
    assert_memory_equal(blob.data, "\0\1\2", 3);
    blob = col_blob(q, 5, world->arena);
    assert_non_null(blob.data);
    assert_int_equal(blob.len, 0);
    assert_true(col_is_null(q, 6));
    assert_false(query_row(q));
    assert_false(query_row(q)); /* still the end */
    query_end(q);
    reader_end(world->reader, &tx);
}

static void a_snapshot_does_not_move(void **state)
{
    struct world *world = *state;
    struct fault fault = { .arena = world->arena };
    struct query *q;
    struct tx tx;

    store_start(world->store);
    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, &count_meta);
    assert_true(query_row(q));
    assert_int_equal(col_int(q, 0), 0);
    query_end(q);
    assert_int_equal(write_now(world, put_one, "a", NULL), ERR_OK);
    q = query(&tx, &count_meta);
    assert_true(query_row(q));
    assert_int_equal(col_int(q, 0), 0);
    reader_end(world->reader, &tx); /* ends the query, too */
    assert_int_equal(world_number(world, &count_meta), 1);
}

/* ---- the folder ---- */

static void a_folder_has_one_owner(void **state)
{
    struct world *world = *state;
    struct buf error = buf_heap();

    assert_null(store_open(&world->app, world->dir, &error));
    assert_non_null(strstr(error.data, "in use"));
    buf_free(&error);
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    struct world *world = *state;

    store_start(world->store);
    assert_int_equal(write_now(world, put_one, "a", NULL), ERR_OK);
    world_close_store(world);
    world_open_store(world);
    store_start(world->store);
    assert_int_equal(world_number(world, &count_meta), 1);
    assert_int_equal(write_now(world, put_one, "b", NULL), ERR_OK);
    assert_int_equal(world_number(world, &oplog_rows), 2);
    assert_true(world_number(world, &oplog_last) > 0);
}

static void a_snapshot_file_is_a_whole_database(void **state)
{
    struct world *world = *state;
    struct buf error = buf_heap();
    char path[128];
    struct stat stat_of_copy;

    store_start(world->store);
    assert_int_equal(write_now(world, put_one, "a", NULL), ERR_OK);
    snprintf(path, sizeof path, "%s/copy", world->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/usher.db");
    assert_int_equal(store_snapshot(world->store, path, &error), ERR_OK);
    assert_int_equal(stat(path, &stat_of_copy), 0);
    assert_int_equal(stat_of_copy.st_mode & 0777, 0600);
    assert_int_equal(store_snapshot(world->store, path, &error), ERR_INTERNAL); /* it is there already */
    buf_free(&error);
    world_close_store(world);
    strcat(world->dir, "/copy");
    world_open_store(world);
    assert_int_equal(world_number(world, &count_meta), 1);
    world->dir[strlen(world->dir) - 5] = '\0';
}

static void a_reader_needs_no_lock(void **state)
{
    struct world *world = *state;
    struct buf error = buf_heap();
    struct store *beside;
    struct reader *own = world->reader;

    store_start(world->store);
    assert_int_equal(write_now(world, put_one, "a", NULL), ERR_OK);
    beside = store_open_readonly(&world->app, world->dir, &error);
    assert_non_null(beside);
    world->reader = reader_open(beside);
    assert_int_equal(world_number(world, &count_meta), 1);
    reader_close(world->reader);
    world->reader = own;
    store_close(beside);
    assert_null(store_open_readonly(&world->app, "/tmp/usher-unit-none", &error));
    buf_free(&error);
}

static void meta_is_kept_under_a_name(void **state)
{
    struct world *world = *state;
    struct fault fault = { .arena = world->arena };
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    assert_null(store_meta_get(&tx, "a"));
    reader_end(world->reader, &tx);
    store_start(world->store);
    assert_int_equal(write_now(world, put_one, "a", NULL), ERR_OK);
    reader_begin(world->reader, &tx, world->arena, &fault);
    assert_string_equal(store_meta_get(&tx, "a"), "x");
    reader_end(world->reader, &tx);
}

int main(void)
{
#define WITH_STORE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_write_is_seen_by_the_next_reader),
        WITH_STORE(a_refusal_leaves_its_sentence_and_nothing_else),
        WITH_STORE(neighbours_of_a_failed_write_stand),
        WITH_STORE(the_schemas_fence_fails_only_its_own_write),
        WITH_STORE(the_queue_has_a_limit_in_writes_and_in_bytes),
        WITH_STORE(a_write_that_is_run_again_leaves_one_trace),
        WITH_STORE(a_refusal_takes_its_notes_and_hooks_with_it),
        WITH_STORE(a_version_rises_before_the_reply),
        WITH_STORE(values_come_back_as_they_went_in),
        WITH_STORE(a_snapshot_does_not_move),
        WITH_STORE(a_folder_has_one_owner),
        WITH_STORE(what_was_written_is_there_after_a_restart),
        WITH_STORE(a_snapshot_file_is_a_whole_database),
        WITH_STORE(a_reader_needs_no_lock),
        WITH_STORE(meta_is_kept_under_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
