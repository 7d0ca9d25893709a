/* Bad days of the disk: full, broken, without power; and a process that is killed. What was answered with OK is there afterwards. */
#include "store_world.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/random.h"
#include "faulty_vfs.h"

SQL(put_number, "INSERT INTO provider_event (id, at) VALUES (:id, :at)");
SQL(count_numbers, "SELECT count(*) FROM provider_event");
SQL(all_numbers, "SELECT id FROM provider_event");
SQL(find_number, "SELECT 1 FROM provider_event WHERE id = :id");
SQL(take_stock, "UPDATE stock SET held = held + 1 WHERE event = :event AND n = 0 AND held + sold + 1 <= quantity");
SQL(make_stock, "INSERT INTO stock (event, n, quantity) VALUES (:event, 0, 1000000000)");
SQL(held_stock, "SELECT held FROM stock");

static const struct id some_event = { { 7 } };

/* ---- a stream of writes: number n is a row, and one more seat taken ---- */

struct stream;
struct stream_write {
    struct write write;
    struct stream *stream;
    int number;
};

struct stream {
    struct world *world;
    int ack_fd;                 /* acknowledged numbers go there; -1: into `acked` */
    atomic_int next, acked_count;
    atomic_bool over, paused;
    atomic_bool *acked;         /* by number */
    int acked_max;
    atomic_int outstanding;
    struct stream_write writes[64];
};

static enum err stream_run(struct write *write, struct tx *tx)
{
    struct stream_write *own = CONTAINER_OF(write, struct stream_write, write);
    struct query *q = query(tx, &take_stock);
    char text[16];

    bind_id(q, ":event", &some_event);
    if (query_run(q) != 1)
        return ERR_SOLD_OUT;
    snprintf(text, sizeof text, "%d", own->number);
    q = query(tx, &put_number);
    bind_text(q, ":id", text);
    bind_int(q, ":at", tx->now_ms);
    query_run(q);
    return own->number % 7 == 0 ? fail(tx, ERR_CONFLICT, "every seventh is refused, after it has written") : ERR_OK;
}

static void stream_push(struct stream_write *own)
{
    while (atomic_load(&own->stream->paused))
        usleep(500);
    own->number = atomic_fetch_add(&own->stream->next, 1);
    if (atomic_load(&own->stream->over) || own->number >= own->stream->acked_max || store_write(own->stream->world->store, &own->write) != ERR_OK)
        atomic_fetch_sub(&own->stream->outstanding, 1);
}

static void stream_done(struct write *done, enum err outcome)
{
    struct stream_write *own = CONTAINER_OF(done, struct stream_write, write);
    struct stream *stream = own->stream;

    if (outcome == ERR_OK) {
        if (stream->ack_fd >= 0 && write(stream->ack_fd, &own->number, sizeof own->number) != (ssize_t)sizeof own->number)
            _exit(1);
        if (stream->acked)
            atomic_store(&stream->acked[own->number], true);
        atomic_fetch_add(&stream->acked_count, 1);
    }
    stream_push(own);
}

static enum err make_stock_run(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &make_stock);

    bind_id(q, ":event", &some_event);
    query_run(q);
    return ERR_OK;
}

static void stream_start(struct stream *stream)
{
    store_start(stream->world->store);
    assert_int_equal(store_write_wait(stream->world->store, stream->world->arena, NULL, NULL, false, make_stock_run, NULL), ERR_OK);
    atomic_store(&stream->outstanding, (int)COUNT(stream->writes));
    atomic_store(&stream->next, 1);
    for (size_t i = 0; i < COUNT(stream->writes); i++) {
        struct stream_write *own = &stream->writes[i];

        own->stream = stream;
        own->write.run = stream_run;
        own->write.done = stream_done;
        own->write.arena = arena_new(512);
        stream_push(own);
    }
}

static void stream_stop(struct stream *stream)
{
    atomic_store(&stream->over, true);
    while (atomic_load(&stream->outstanding))
        usleep(100);
    for (size_t i = 0; i < COUNT(stream->writes); i++)
        arena_free(stream->writes[i].write.arena);
}

static bool number_is_there(struct world *world, int number)
{
    struct fault fault = { .arena = world->arena };
    struct query *q;
    struct tx tx;
    char text[16];
    bool there;

    snprintf(text, sizeof text, "%d", number);
    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, &find_number);
    bind_text(q, ":id", text);
    there = query_row(q);
    query_end(q);
    reader_end(world->reader, &tx);
    return there;
}

/* How many of the numbers marked in `acked` are not there. */
static int count_missing(struct world *world, bool *acked, int numbers)
{
    struct fault fault = { .arena = world->arena };
    struct arena_mark mark = arena_mark(world->arena);
    struct query *q;
    struct tx tx;
    int missing = 0;

    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, &all_numbers);
    while (query_row(q)) {
        int number = atoi(col_text(q, 0, world->arena));

        if (number < numbers)
            acked[number] = false;
        arena_rewind(world->arena, mark);
    }
    query_end(q);
    reader_end(world->reader, &tx);
    for (int i = 0; i < numbers; i++)
        missing += acked[i];
    return missing;
}

/* Seats and rows tell the same, no refusal is among them, and the file is sound. */
static void check_rows(struct world *world)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *stmt;

    assert_int_equal(world_number(world, &count_numbers), world_number(world, &held_stock) < 0 ? 0 : world_number(world, &held_stock));
    assert_false(number_is_there(world, 7));
    snprintf(path, sizeof path, "%s/usher.db", world->dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/* ---- power ---- */

static void cut_the_power(struct world *world, struct stream *stream, int cut)
{
    struct world after = { .arena = world->arena };
    int numbers = atomic_load(&stream->next);
    bool *acked = calloc((size_t)numbers + 1, sizeof *acked);
    char command[128];

    assert_non_null(acked);
    for (int i = 0; i < numbers; i++)
        acked[i] = atomic_load(&stream->acked[i]);
    strcpy(after.dir, "/tmp/usher-unit-XXXXXX");
    assert_non_null(mkdtemp(after.dir));
    faulty_power_cut(after.dir, cut % 2);
    atomic_store(&stream->paused, true);
    world_open_store(&after);
    assert_int_equal(count_missing(&after, acked, numbers), 0);
    check_rows(&after);
    world_close_store(&after);
    free(acked);
    snprintf(command, sizeof command, "rm -rf '%s'", after.dir);
    assert_int_equal(system(command), 0);
    atomic_store(&stream->paused, false);
}

static void a_power_cut_loses_nothing_that_was_acknowledged(void **state)
{
    struct world *world;
    struct stream *stream = calloc(1, sizeof *stream);

    assert_non_null(stream);
    srand(1);
    world = world_new();
    world_close_store(world);
    strcpy(faulty.dir, world->dir);
    world_open_store(world);
    stream->world = world;
    stream->ack_fd = -1;
    stream->acked_max = 2000000;
    stream->acked = calloc((size_t)stream->acked_max, sizeof *stream->acked);
    assert_non_null(stream->acked);
    stream_start(stream);
    for (int cut = 0; cut < 24; cut++) {
        int before = atomic_load(&stream->acked_count);

        /* Somewhere in the middle of the next batches; the second half meets checkpoints. */
        while (atomic_load(&stream->acked_count) < before + 50 + rand() % 600)
            usleep((useconds_t)(rand() % 300));
        cut_the_power(world, stream, cut);
    }
    stream_stop(stream);
    check_rows(world);
    world_free(world);
    faulty.dir[0] = '\0';
    faulty_forget();
    free(stream->acked);
    free(stream);
}

/* ---- kill -9 ---- */

static _Noreturn void be_killed(const char *dir, int ack_fd)
{
    static struct world world;
    static struct stream stream;
    struct buf error = buf_heap();

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    strcpy(world.dir, dir);
    world.arena = arena_new(0);
    world.store = store_open(&world.app, world.dir, &error);
    if (!world.store)
        _exit(2);
    stream.world = &world;
    stream.ack_fd = ack_fd;
    stream.acked_max = 1 << 30;
    stream_start(&stream);
    for (;;)
        pause();
}

static void killed_at_any_instant_it_loses_nothing_that_was_acknowledged(void **state)
{
    srand(2);
    for (int round = 0; round < 5; round++) {
        struct world world = { .arena = arena_new(0) };
        int *acked = calloc(2000000, sizeof *acked), count = 0, wanted = 500 + rand() % 4000;
        char command[128];
        int pipes[2], status;
        ssize_t got;
        pid_t child;

        assert_non_null(acked);
        strcpy(world.dir, "/tmp/usher-unit-XXXXXX");
        assert_non_null(mkdtemp(world.dir));
        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            be_killed(world.dir, pipes[1]);
        close(pipes[1]);
        while (count < wanted && (got = read(pipes[0], &acked[count], sizeof *acked)) == sizeof *acked)
            count++;
        assert_int_equal(kill(child, SIGKILL), 0);
        while ((got = read(pipes[0], &acked[count], sizeof *acked)) == sizeof *acked) /* what it still said */
            count++;
        close(pipes[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && count >= wanted);
        world_open_store(&world);
        for (int i = 0; i < count; i++)
            assert_true(number_is_there(&world, acked[i]));
        check_rows(&world);
        world_close_store(&world);
        arena_free(world.arena);
        free(acked);
        snprintf(command, sizeof command, "rm -rf '%s'", world.dir);
        assert_int_equal(system(command), 0);
    }
}

/* ---- a full disk ---- */

struct three {
    struct write write[3];
    enum err got[3];
    int done;
    const char *id[3];
};

static enum err three_run(struct write *write, struct tx *tx)
{
    static const char *const ids[] = { "a", "b", "c" };
    int which = write->urgent ? 0 : write->deadline_ms ? 1 : 2;
    struct query *q = query(tx, &put_number);
    /* Long enough that each takes pages of its own. */
    char *text = arena_alloc(tx->arena, 9001);

    memset(text, 'x', 9000);
    text[0] = ids[which][0];
    snprintf(text + 1, 20, "%" PRId64, id_number(&write->key) + (int64_t)write->key.byte[14] * 256);
    text[strlen(text)] = '-';
    bind_text(q, ":id", text);
    bind_int(q, ":at", 1);
    query_run(q);
    return which == 1 ? ERR_CONFLICT : ERR_OK;
}

static struct three *three_now;

static void three_done(struct write *write, enum err outcome)
{
    three_now->got[write - three_now->write] = outcome;
    three_now->done++;
}

/* One batch of three writes: two that succeed and between them a refusal. Stops the store. */
static void run_three(struct world *world, struct three *three, int round)
{
    three_now = three;
    for (int i = 0; i < 3; i++) {
        three->write[i] = (struct write){ .run = three_run, .done = three_done, .arena = arena_new(0) };
        three->write[i].urgent = i == 0;
        three->write[i].deadline_ms = i == 1 ? INT64_MAX : 0;
        three->write[i].key.byte[14] = (uint8_t)(round >> 8);
        three->write[i].key.byte[15] = (uint8_t)round;
        assert_int_equal(store_write(world->store, &three->write[i]), ERR_OK);
    }
    store_start(world->store);
    store_stop(world->store);
    assert_int_equal(three->done, 3);
    for (int i = 0; i < 3; i++)
        arena_free(three->write[i].arena);
}

static void a_full_disk_answers_507_to_all_of_the_batch_and_reading_goes_on(void **state)
{
    struct world *world = world_new();
    int rounds_full = 0, rows = 0;

    /* The n-th write to the disk finds it full, for n = 1, 2, ... until the batch gets through. */
    for (int n = 1; n < 400; n++) {
        struct three three = { 0 };
        bool full;

        faulty_arm(n, SQLITE_FULL, false, false);
        run_three(world, &three, n);
        full = three.got[0] == ERR_DISK_FULL;
        if (full) {
            rounds_full++;
            assert_int_equal(three.got[1], ERR_DISK_FULL); /* its refusal may have rested on a neighbour */
            assert_int_equal(three.got[2], ERR_DISK_FULL);
        } else {
            rows += 2;
            assert_int_equal(three.got[0], ERR_OK);
            assert_int_equal(three.got[1], ERR_CONFLICT);
            assert_int_equal(three.got[2], ERR_OK);
        }
        assert_int_equal(world_number(world, &count_numbers), rows); /* the disk is still full */
        faulty_arm(0, 0, false, false);
        world_close_store(world);
        world_open_store(world);
        assert_int_equal(world_number(world, &count_numbers), rows);
        if (!full)
            break;
    }
    assert_true(rounds_full >= (faulty.traits ? 1 : 5) && rows == 2); /* gathered, a commit is one write or two */
    world_free(world);
}

static enum err put_x(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &put_number);

    bind_text(q, ":id", arg);
    bind_int(q, ":at", 1);
    return query_run(q) == 1 ? ERR_OK : ERR_CONFLICT;
}

static void when_there_is_room_again_it_goes_on_by_itself(void **state)
{
    struct world *world = world_new();

    store_start(world->store);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, put_x, "1"), ERR_OK);
    faulty_arm(1, SQLITE_FULL, false, false);
    for (int i = 0; i < 5; i++) {
        struct fault fault = { 0 };

        assert_int_equal(store_write_wait(world->store, world->arena, &fault, NULL, false, put_x, "2"), ERR_DISK_FULL);
        assert_null(fault.detail);
        assert_int_equal(world_number(world, &count_numbers), 1);
    }
    faulty_arm(0, 0, false, false);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, put_x, "2"), ERR_OK);
    assert_int_equal(world_number(world, &count_numbers), 2);
    world_free(world);
}

/* ---- a broken disk ---- */

/* A child writes "1", then meets the fault with "2". Its exit code; `said` is how many OKs it gave for the second. */
static int meet(struct world *world, int n, int code, bool syncs, int *said)
{
    int pipes[2], status;
    char byte;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct buf error = buf_heap();

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(3);
        world->store = store_open(&world->app, world->dir, &error);
        if (!world->store)
            _exit(2);
        store_start(world->store);
        if (store_write_wait(world->store, world->arena, NULL, NULL, false, put_x, "1") != ERR_OK)
            _exit(3);
        faulty_arm(n, code, false, syncs);
        if (store_write_wait(world->store, world->arena, NULL, NULL, false, put_x, "2") == ERR_OK && write(pipes[1], "k", 1) != 1)
            _exit(4);
        store_stop(world->store);
        _exit(0);
    }
    close(pipes[1]);
    *said = read(pipes[0], &byte, 1) == 1;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void behind_a_failed_write_or_sync_nothing_is_answered(void **state)
{
    static const struct { int code; bool syncs; } faults[] = { { SQLITE_IOERR_WRITE, false }, { SQLITE_IOERR_FSYNC, true } };
    int deaths[COUNT(faults)] = { 0 };

    for (size_t i = 0; i < COUNT(faults); i++) {
        for (int n = 1; n < 100; n++) {
            struct world world = { .arena = arena_new(0) };
            char command[128];
            int said, status;

            strcpy(world.dir, "/tmp/usher-unit-XXXXXX");
            assert_non_null(mkdtemp(world.dir));
            status = meet(&world, n, faults[i].code, faults[i].syncs, &said);
            if (status != 0 && status != 70)
                print_error("exit %d at %d of fault %zu\n", status, n, i);
            world_open_store(&world);
            assert_true(number_is_there(&world, 1));
            if (status == 70) {
                deaths[i]++;
                assert_int_equal(said, 0);
            } else {
                assert_int_equal(status, 0);
                assert_int_equal(said, 1);
                assert_true(number_is_there(&world, 2));
            }
            world_close_store(&world);
            arena_free(world.arena);
            snprintf(command, sizeof command, "rm -rf '%s'", world.dir);
            assert_int_equal(system(command), 0);
            if (status == 0)
                break;
        }
        assert_true(deaths[i] >= 1);
    }
}

/* ---- a copy while serving ---- */

static void a_copy_made_in_a_rush_is_whole(void **state)
{
    struct world *world = world_new(), after = { .arena = world->arena };
    struct stream *stream = calloc(1, sizeof *stream);
    struct buf error = buf_heap();
    char path[128];

    assert_non_null(stream);
    stream->world = world;
    stream->ack_fd = -1;
    stream->acked_max = 1 << 30;
    stream_start(stream);
    for (int copy = 0; copy < 3; copy++) {
        int acked = atomic_load(&stream->acked_count);

        while (atomic_load(&stream->acked_count) < acked + 500)
            usleep(200);
        acked = atomic_load(&stream->acked_count);
        snprintf(after.dir, sizeof after.dir, "%s/%d", world->dir, copy);
        assert_int_equal(mkdir(after.dir, 0700), 0);
        snprintf(path, sizeof path, "%s/usher.db", after.dir);
        assert_int_equal(store_snapshot(world->store, path, &error), ERR_OK);
        world_open_store(&after);
        assert_true(world_number(&after, &count_numbers) >= acked);
        check_rows(&after);
        world_close_store(&after);
    }
    stream_stop(stream);
    check_rows(world);
    world_free(world);
    free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_instant_it_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(behind_a_failed_write_or_sync_nothing_is_answered),
        cmocka_unit_test(a_full_disk_answers_507_to_all_of_the_batch_and_reading_goes_on),
        cmocka_unit_test(when_there_is_room_again_it_goes_on_by_itself),
        cmocka_unit_test(a_copy_made_in_a_rush_is_whole),
        cmocka_unit_test(a_power_cut_loses_nothing_that_was_acknowledged),
    };

    faulty_register();
    /* Twice, for SQLite treats two kinds of disk differently, and the log is gathered (store/gather.h) on the second only. */
    int failed = cmocka_run_group_tests_name("a plain disk", tests, NULL, NULL);
    faulty.traits = SQLITE_IOCAP_POWERSAFE_OVERWRITE;
    return failed + cmocka_run_group_tests_name("a disk with safe overwrite", tests, NULL, NULL);
}
