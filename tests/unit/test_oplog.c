/* The oplog: its changesets rebuild the database, whatever was rolled back or written twice; and it does not grow without end. */
#include "store_world.h"

#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

#include "store/engine.h"
#include "store/lanes.h"
#include "store/oplog.h"

SQL(meta_put, "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
SQL(meta_drop, "DELETE FROM meta WHERE key = :key");
SQL(stock_put, "INSERT INTO stock (event, n, quantity) VALUES (:event, :n, 100000) ON CONFLICT (event, n) DO NOTHING");
SQL(stock_hold, "UPDATE stock SET held = held + :n WHERE event = :event");
SQL(stock_sell, "UPDATE stock SET held = held - 1, sold = sold + 1 WHERE event = :event AND n = :n AND held > 0");
SQL(stock_renumber, "UPDATE stock SET n = n + 100 WHERE event = :event AND n = :n");
SQL(reply_put, "INSERT INTO idempotency (key, account, request, status, location, reply, created_at)"
               " VALUES (:key, :account, :request, 201, :location, :reply, :at) ON CONFLICT (key, account) DO NOTHING");
SQL(reply_drop, "DELETE FROM idempotency WHERE id = :id");
SQL(reply_change, "UPDATE idempotency SET location = :location, reply = :reply WHERE id = :id");
SQL(check_in_put, "INSERT INTO check_in (event, ticket, n, kind, at, actor) VALUES (:event, :ticket, :n, 1, :at, :actor)"
                  " ON CONFLICT (event, ticket, n) DO UPDATE SET gate = :gate, kind = 3 - check_in.kind");
SQL(oplog_rows, "SELECT count(*) FROM oplog");
SQL(oplog_bytes, "SELECT sum(length(changes) + coalesce(length(notes), 0)) FROM oplog");
SQL(oplog_total, "SELECT max(total) FROM oplog");
SQL(oplog_first, "SELECT min(seq) FROM oplog");

static int pick(int below)
{
    return rand() % below;
}

static struct id pick_id(int below)
{
    struct id id = { { 9 } };

    id.byte[1] = (uint8_t)pick(below);
    return id;
}

static void do_something(struct tx *tx)
{
    static const struct id someone = { { 4 } };
    struct id event = pick_id(4);
    char text[2000];
    struct query *q;

    snprintf(text, sizeof text, "%d%0*d", pick(40), pick(3) ? 1 : pick(1900) + 1, 0);
    switch (pick(10)) {
    case 0:
        q = query(tx, &meta_put);
        bind_text(q, ":key", text);
        bind_text(q, ":value", pick(2) ? text : "");
        break;
    case 1:
        q = query(tx, &meta_drop);
        bind_text(q, ":key", text);
        break;
    case 2:
        q = query(tx, &stock_put);
        bind_id(q, ":event", &event);
        bind_int(q, ":n", pick(3));
        break;
    case 3:
    case 4:
        q = query(tx, &stock_hold);
        bind_id(q, ":event", &event);
        bind_int(q, ":n", pick(3)); /* by 0, too */
        break;
    case 5:
        q = query(tx, pick(4) ? &stock_sell : &stock_renumber);
        bind_id(q, ":event", &event);
        bind_int(q, ":n", pick(3));
        break;
    case 6:
        q = query(tx, &reply_put);
        bind_text(q, ":key", text);
        bind_id(q, ":account", &event);
        bind_blob(q, ":request", text, (size_t)pick(3));
        bind_text(q, ":location", pick(2) ? text : NULL);
        bind_blob(q, ":reply", text, strlen(text));
        bind_int(q, ":at", pick(2) ? -1 : INT64_MAX);
        break;
    case 7:
        q = query(tx, &reply_drop);
        bind_int(q, ":id", pick(30));
        break;
    case 8:
        q = query(tx, &reply_change);
        bind_int(q, ":id", pick(30));
        bind_text(q, ":location", pick(2) ? text : NULL);
        bind_blob(q, ":reply", text, (size_t)pick(20));
        break;
    default:
        q = query(tx, &check_in_put);
        bind_id(q, ":event", &event);
        bind_id(q, ":ticket", &event);
        bind_int(q, ":n", pick(5));
        bind_int(q, ":at", 1);
        bind_id(q, ":actor", &someone);
        bind_text(q, ":gate", pick(2) ? text : NULL);
    }
    query_run(q);
}

static enum err do_things(struct write *write, struct tx *tx)
{
    for (int i = pick(6); i >= 0; i--)
        do_something(tx);
    return pick(4) ? ERR_OK : ERR_CONFLICT;
}

static void done(struct write *write, enum err outcome)
{
    assert_true(outcome == ERR_OK || outcome == ERR_CONFLICT || outcome == ERR_INTERNAL /* renumbered onto another */);
}

/* Everything in all tables but the oplog and the stored replies, which it leaves out, as one text. */
static char *dump(sqlite3 *db)
{
    sqlite3_str *out = sqlite3_str_new(NULL);
    sqlite3_stmt *tables, *rows;

    sqlite3_str_appendall(out, "all\n");
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('oplog', 'idempotency') ORDER BY name", -1, &tables, NULL), SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        char *text = sqlite3_mprintf("SELECT * FROM %s ORDER BY 1, 2", (const char *)sqlite3_column_text(tables, 0));

        assert_int_equal(sqlite3_prepare_v2(db, text, -1, &rows, NULL), SQLITE_OK);
        sqlite3_free(text);
        while (sqlite3_step(rows) == SQLITE_ROW) {
            sqlite3_str_appendall(out, (const char *)sqlite3_column_text(tables, 0));
            for (int i = 0; i < sqlite3_column_count(rows); i++) {
                const unsigned char *bytes = sqlite3_column_blob(rows, i);

                sqlite3_str_appendf(out, "|%d:", sqlite3_column_type(rows, i));
                for (int at = 0; at < sqlite3_column_bytes(rows, i); at++)
                    sqlite3_str_appendf(out, "%02x", bytes[at]);
            }
            sqlite3_str_appendchar(out, 1, '\n');
        }
        sqlite3_finalize(rows);
    }
    sqlite3_finalize(tables);
    return sqlite3_str_finish(out);
}

static int refuse_conflict(void *arg, int conflict, sqlite3_changeset_iter *iter)
{
    ++*(int *)arg;
    return SQLITE_CHANGESET_ABORT;
}

static sqlite3 *open_file(const char *dir, const char *name)
{
    char path[128];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void changesets_rebuild_the_database(void **state)
{
    struct world *world = world_new();
    struct write writes[20] = { 0 };
    struct buf error = buf_heap();
    char path[128], *is, *was;
    sqlite3 *db, *copy;
    sqlite3_stmt *stmt;
    int conflicts = 0, batches = 0;

    srand(3);
    snprintf(path, sizeof path, "%s/copy.db", world->dir);
    assert_int_equal(store_snapshot(world->store, path, &error), ERR_OK);
    for (size_t i = 0; i < COUNT(writes); i++)
        writes[i].arena = arena_new(512);
    for (int round = 0; round < 120; round++) {
        int count = 1 + pick(COUNT(writes));

        for (int i = 0; i < count; i++) {
            writes[i].run = do_things;
            writes[i].done = done;
            assert_int_equal(store_write(world->store, &writes[i]), ERR_OK);
        }
        store_rerun_for_tests(world->store, round % 2);
        store_start(world->store);
        world_close_store(world);
        world_open_store(world);
    }
    for (size_t i = 0; i < COUNT(writes); i++)
        arena_free(writes[i].arena);
    world_close_store(world);

    db = open_file(world->dir, "usher.db");
    copy = open_file(world->dir, "copy.db");
    was = dump(copy);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT changes FROM oplog ORDER BY seq", -1, &stmt, NULL), SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; batches++) {
        int rc = sqlite3changeset_apply(copy, sqlite3_column_bytes(stmt, 0), (void *)sqlite3_column_blob(stmt, 0), NULL, refuse_conflict, &conflicts);

        assert_int_equal(rc, SQLITE_OK);
    }
    sqlite3_finalize(stmt);
    assert_true(batches > 100);
    assert_int_equal(conflicts, 0);
    is = dump(copy);
    assert_string_not_equal(is, was);
    sqlite3_free(was);
    was = dump(db);
    assert_true(strcmp(is, was) == 0); /* too long to print */
    sqlite3_free(is);
    sqlite3_free(was);
    sqlite3_close(copy);
    sqlite3_close(db);
    world_open_store(world);
    world_free(world);
}

static enum err hold_run(struct tx *tx, void *arg)
{
    struct id event = { { 9, 1 } };
    struct query *q = query(tx, &stock_put);

    bind_id(q, ":event", &event);
    bind_int(q, ":n", 0);
    query_run(q);
    for (int i = 0; i < *(int *)arg; i++) {
        q = query(tx, &stock_hold);
        bind_id(q, ":event", &event);
        bind_int(q, ":n", 1);
        query_run(q);
    }
    return ERR_OK;
}

static void a_hot_row_is_in_a_batch_once(void **state)
{
    struct world *world = world_new();
    int64_t before, once;
    int times = 0;

    store_start(world->store);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, hold_run, &times), ERR_OK);
    before = world_number(world, &oplog_bytes);
    times = 1;
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, hold_run, &times), ERR_OK);
    once = world_number(world, &oplog_bytes) - before;
    before += once;
    times = 100;
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, hold_run, &times), ERR_OK);
    assert_int_equal(world_number(world, &oplog_bytes) - before, once);
    assert_int_equal(world_number(world, &oplog_total), before + once);
    world_free(world);
}

/* ---- pruning ---- */

struct filling {
    int64_t rows, bytes, at_ms;
};

/* Fill the oplog behind the store's back: its own rows would take too long. */
static struct world *world_with_oplog(struct filling filling)
{
    struct world *world = world_new();
    sqlite3 *db;
    char *text;

    world_close_store(world);
    db = open_file(world->dir, "usher.db");
    text = sqlite3_mprintf("INSERT INTO oplog (seq, at, changes, notes, total)"
                           " WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %lld)"
                           " SELECT n, %lld, x'00', NULL, n * %lld FROM numbers",
                           (long long)filling.rows, (long long)filling.at_ms, (long long)filling.bytes);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(text);
    sqlite3_close(db);
    world_open_store(world);
    store_start(world->store);
    return world;
}

static void write_batches(struct world *world, int count)
{
    int times = 1;

    while (count--)
        assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, hold_run, &times), ERR_OK);
}

static void old_rows_go_two_for_each_new_one(void **state)
{
    static const struct filling fillings[] = {
        { .rows = OPLOG_ROWS_MAX + 3, .bytes = 1 },                     /* too many */
        { .rows = 300, .bytes = OPLOG_BYTES_MAX / 290 },                /* too big */
        { .rows = 20, .bytes = 1, .at_ms = -OPLOG_AGE_MS_MAX - 60000 }, /* too old */
    };
    static const int64_t left[] = { OPLOG_ROWS_MAX, 290 + 21, 21 };

    for (size_t i = 0; i < COUNT(fillings); i++) {
        struct filling filling = fillings[i];
        struct world *world;
        int64_t rows;

        filling.at_ms += clock_now_ms();
        world = world_with_oplog(filling);
        rows = world_number(world, &oplog_rows);
        assert_int_equal(rows, filling.rows);
        write_batches(world, 1);
        assert_int_equal(world_number(world, &oplog_rows), rows - 1);
        assert_int_equal(world_number(world, &oplog_first), 3);
        write_batches(world, 20);
        assert_int_equal(world_number(world, &oplog_rows), left[i]);
        world_free(world);
    }
}

/* Rows hold what was deleted since: on a quiet server they must go by themselves. */
static void old_rows_go_when_nobody_writes(void **state)
{
    struct world *world = world_with_oplog((struct filling){ .rows = 1234, .bytes = 1, .at_ms = clock_now_ms() - OPLOG_AGE_MS_MAX + 60000 });

    store_sweeps[0].run(&world->app, world->reader, world->arena);
    assert_int_equal(world_number(world, &oplog_rows), 1234); /* young enough, and nothing was written */
    clock_set_offset_ms(120000);
    store_sweeps[0].run(&world->app, world->reader, world->arena);
    assert_int_equal(world_number(world, &oplog_rows), 1);
    assert_int_equal(world_number(world, &oplog_first), 1235);
    store_sweeps[0].run(&world->app, world->reader, world->arena);
    assert_int_equal(world_number(world, &oplog_rows), 1);
    clock_set_offset_ms(0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changesets_rebuild_the_database),
        cmocka_unit_test(a_hot_row_is_in_a_batch_once),
        cmocka_unit_test(old_rows_go_two_for_each_new_one),
        cmocka_unit_test(old_rows_go_when_nobody_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
