/*
 * store.c - the writer and its queue, readers, versions, and the life of the store.
 *
 * Knows no SQL engine but through engine.h.
 *
 *     store_write -> queue -> writer: begin, savepoint, run, ... commit -> done, done, ...
 *
 * The batch needs no timer: while one commits, the next queues up.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/engine.h"
#include "store/migrations.h"
#include "store/oplog.h"
#include "store/thread.h"

#define QUEUE_WRITES_MAX 4096
#define QUEUE_BYTES_MAX ((size_t)16 << 20)
/* The knee of the curve as measured: 1,024 is up to 2.7 times faster, but then a reply waits 24 to 75 ms. */
#define BATCH_WRITES_MAX 256
#define BATCH_US_MAX 2000
#define VERSION_SLOTS 4096

struct queue {
    struct write *first, *last;
};

struct store {
    /* Set by store_open, constant from then on. */
    struct app *app;
    char *dir;
    const struct engine *engine;
    int lock_fd;
    bool readonly;
    bool rerun;           /* for tests: run each write twice, as if the first run had lost a race */
    int64_t batch_us_max; /* BATCH_US_MAX, but for tests */

    /* The writer's thread alone, once it runs. */
    struct connection *connection;
    struct trail trail;
    struct oplog oplog;
    struct queue taken_urgent, taken; /* out of the queue, not yet in a batch */
    struct write *batch[BATCH_WRITES_MAX];

    /* Guarded by lock, which is held for a few instructions and never with another. */
    pthread_mutex_t lock;
    pthread_cond_t work;   /* the writer waits */
    pthread_cond_t room;   /* store_write_wait waits */
    struct queue urgent, normal;
    size_t queued, queued_bytes; /* until `done`: in the queue and in the batch */
    unsigned waiting_for_room;
    bool writer_waits, running, stopping;

    pthread_t thread;

    /* Guarded by snapshot_lock, which is held for the whole copy. */
    pthread_mutex_t snapshot_lock;
    struct connection *snapshot_reader;

    /* Any thread. Raised after the commit and before the replies leave. */
    atomic_uint_fast64_t version_of_all, versions[VERSION_SLOTS];
    /* Any thread, relaxed; shown in metrics, decides nothing. */
    atomic_uint_fast64_t batches, writes, refused_full, commit_us_total, wal_bytes;
};

/* ---- the queue ---- */

static void queue_push(struct queue *queue, struct write *write)
{
    write->next = NULL;
    if (queue->last)
        queue->last->next = write;
    else
        queue->first = write;
    queue->last = write;
}

static struct write *queue_pop(struct queue *queue)
{
    struct write *write = queue->first;

    if (write) {
        queue->first = write->next;
        if (!queue->first)
            queue->last = NULL;
        write->next = NULL;
    }
    return write;
}

/* Put all of `from` behind `to`. */
static void queue_append(struct queue *to, struct queue *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    *from = (struct queue){ 0 };
}

static bool queue_has_room_locked(const struct store *store, const struct write *write)
{
    return store->queued < QUEUE_WRITES_MAX && store->queued_bytes + write->bytes <= QUEUE_BYTES_MAX;
}

static void queue_push_locked(struct store *store, struct write *write)
{
    queue_push(write->urgent ? &store->urgent : &store->normal, write);
    store->queued++;
    store->queued_bytes += write->bytes;
    if (store->writer_waits) {
        store->writer_waits = false;
        pthread_cond_signal(&store->work);
    }
}

enum err store_write(struct store *store, struct write *write)
{
    enum err e = ERR_OK;

    assert(write->run && write->done && write->arena);
    pthread_mutex_lock(&store->lock);
    if (!store->stopping && queue_has_room_locked(store, write))
        queue_push_locked(store, write);
    else
        e = ERR_BUSY;
    pthread_mutex_unlock(&store->lock);
    if (e)
        atomic_fetch_add_explicit(&store->refused_full, 1, memory_order_relaxed);
    return e;
}

struct waiting_write {
    struct write write;
    enum err (*run)(struct tx *tx, void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static enum err waiting_write_run(struct write *write, struct tx *tx)
{
    struct waiting_write *waiting = CONTAINER_OF(write, struct waiting_write, write);

    return waiting->run(tx, waiting->arg);
}

static void waiting_write_done(struct write *write, enum err outcome)
{
    struct waiting_write *waiting = CONTAINER_OF(write, struct waiting_write, write);

    /* Signalled under the lock: the waiter's stack is gone the moment it may go on. */
    pthread_mutex_lock(&waiting->lock);
    waiting->done = true;
    pthread_cond_signal(&waiting->cond);
    pthread_mutex_unlock(&waiting->lock);
}

enum err store_write_wait(struct store *store, struct arena *arena, struct fault *fault, const struct id *key, bool urgent,
                          enum err (*run)(struct tx *tx, void *arg), void *arg)
{
    struct waiting_write waiting = {
        .write = { .run = waiting_write_run, .done = waiting_write_done, .arena = arena, .urgent = urgent },
        .run = run,
        .arg = arg,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .cond = PTHREAD_COND_INITIALIZER,
    };
    enum err e = ERR_OK;

    assert(!store->running || !pthread_equal(pthread_self(), store->thread));
    waiting.write.fault.arena = arena;
    if (key)
        waiting.write.key = *key;
    pthread_mutex_lock(&store->lock);
    while (!store->stopping && !queue_has_room_locked(store, &waiting.write)) {
        store->waiting_for_room++;
        pthread_cond_wait(&store->room, &store->lock);
        store->waiting_for_room--;
    }
    if (store->stopping)
        e = ERR_BUSY;
    else
        queue_push_locked(store, &waiting.write);
    pthread_mutex_unlock(&store->lock);
    if (!e) {
        pthread_mutex_lock(&waiting.lock);
        while (!waiting.done)
            pthread_cond_wait(&waiting.cond, &waiting.lock);
        pthread_mutex_unlock(&waiting.lock);
        e = waiting.write.outcome;
        if (fault)
            *fault = waiting.write.fault;
    }
    pthread_mutex_destroy(&waiting.lock);
    pthread_cond_destroy(&waiting.cond);
    return e;
}

/* ---- the writer ---- */

/* The next write of the batch, urgent ones first; NULL when nothing more is queued. */
static struct write *writer_next(struct store *store)
{
    struct write *write = queue_pop(&store->taken_urgent);

    if (!write)
        write = queue_pop(&store->taken);
    if (write)
        return write;
    pthread_mutex_lock(&store->lock);
    queue_append(&store->taken_urgent, &store->urgent);
    queue_append(&store->taken, &store->normal);
    pthread_mutex_unlock(&store->lock);
    write = queue_pop(&store->taken_urgent);
    return write ? write : queue_pop(&store->taken);
}

/* Wait for work. False when there is none and none will come. */
static bool writer_wait(struct store *store)
{
    bool more;

    if (store->taken_urgent.first || store->taken.first) {
        /* What is urgent and came meanwhile goes before what was taken long ago. */
        pthread_mutex_lock(&store->lock);
        queue_append(&store->taken_urgent, &store->urgent);
        pthread_mutex_unlock(&store->lock);
        return true;
    }
    pthread_mutex_lock(&store->lock);
    while (!store->urgent.first && !store->normal.first && !store->stopping) {
        store->writer_waits = true;
        pthread_cond_wait(&store->work, &store->lock);
    }
    store->writer_waits = false;
    more = store->urgent.first || store->normal.first;
    pthread_mutex_unlock(&store->lock);
    return more;
}

/* One run of one write in its savepoint, which stays open. */
static enum err writer_try(struct store *store, struct write *write, struct tx *tx, struct arena_mark mark)
{
    struct connection *connection = store->connection;
    enum err e;

    arena_rewind(write->arena, mark);
    write->fault.arena = write->fault.arena ? write->fault.arena : write->arena;
    fault_clear(&write->fault);
    tx->arena = write->arena;
    tx->fault = &write->fault;
    tx->now_ms = clock_now_ms();
    tx->actor = write->actor;
    connection->engine->savepoint(connection);
    if (connection->trouble)
        return ERR_INTERNAL;
    e = write->run(write, tx);
    connection_end_queries(connection);
    if (connection->trouble == TROUBLE_STATEMENT) {
        /* The schema's own fence held: only this one falls. */
        connection->trouble = TROUBLE_NONE;
        fault_clear(&write->fault);
        e = ERR_INTERNAL;
    }
    /* The engine may have thrown away the whole transaction (SQLite on a full disk). */
    if (!connection->trouble && !connection->engine->stands(connection))
        connection->trouble = TROUBLE_BUSY;
    return e;
}

/* Run it and keep what it wrote, or all but that. The outcome stands only if the batch does. */
static enum err writer_run(struct store *store, struct write *write, struct tx *tx)
{
    struct connection *connection = store->connection;
    const struct engine *engine = connection->engine;
    struct arena_mark mark = arena_mark(write->arena);
    size_t notes = store->trail.notes.len, hooks = store->trail.hook_count;
    enum err e = writer_try(store, write, tx, mark);

    if (store->rerun && !connection->trouble) {
        engine->rollback_to(connection);
        trail_cut(&store->trail, notes, hooks);
        e = writer_try(store, write, tx, mark);
    }
    if (connection->trouble)
        return ERR_INTERNAL;
    if (e) {
        engine->rollback_to(connection);
        trail_cut(&store->trail, notes, hooks);
    } else {
        engine->release(connection);
    }
    return e;
}

static bool write_is_void(const struct write *write)
{
    return atomic_load_explicit(&write->gone, memory_order_relaxed) || (write->deadline_ms && clock_now_ms() > write->deadline_ms);
}

/* What all of a batch that fell are told. Past TROUBLE_IO nobody is told anything: whether the batch stands is not known, and only
 * a restart finds out. Whoever asks again with the same Idempotency-Key then gets the answer. */
static enum err batch_fate(struct connection *connection)
{
    switch (connection->trouble) {
    case TROUBLE_FULL:
        return ERR_DISK_FULL;
    case TROUBLE_BUSY:
        return ERR_BUSY;
    case TROUBLE_IO:
        log_die("the database cannot be written; nothing was answered");
    case TROUBLE_NONE:
    case TROUBLE_STATEMENT:
        break;
    }
    return ERR_INTERNAL;
}

/* Run and commit what is queued, as many as a batch takes. Returns their number. `fate` is ERR_OK when what they did stands,
 * and `stand` how many of them succeeded. */
static size_t writer_batch(struct store *store, enum err *fate, size_t *stand)
{
    struct connection *connection = store->connection;
    const struct engine *engine = connection->engine;
    struct tx tx = { .app = store->app, .writing = true, .connection = connection };
    struct write *write;
    size_t count = 0;
    int64_t begun_us = clock_mono_us(), committing_us;

    *stand = 0;
    connection->trouble = TROUBLE_NONE;
    trail_cut(&store->trail, 0, 0);
    engine->begin(connection);
    while (count < BATCH_WRITES_MAX && (write = writer_next(store))) {
        store->batch[count++] = write;
        if (connection->trouble)
            break; /* one at least is told */
        if (write_is_void(write)) {
            write->outcome = ERR_BUSY;
            continue;
        }
        write->outcome = writer_run(store, write, &tx);
        *stand += write->outcome == ERR_OK;
        if (connection->trouble || clock_mono_us() - begun_us > store->batch_us_max)
            break;
    }
    if (!connection->trouble && *stand)
        oplog_write(&store->oplog, connection, &store->trail.notes);
    committing_us = clock_mono_us();
    if (!connection->trouble)
        engine->commit(connection);
    if (!connection->trouble) {
        *fate = ERR_OK;
    } else {
        *fate = batch_fate(connection);
        engine->rollback(connection);
        oplog_forget(&store->oplog);
    }
    atomic_fetch_add_explicit(&store->commit_us_total, (uint64_t)(clock_mono_us() - committing_us), memory_order_relaxed);
    return count;
}

static size_t version_slot(const struct id *key)
{
    uint64_t hash;

    /* The end of an id is random (the last byte aside); multiplying spreads what is left. */
    memcpy(&hash, key->byte + 7, sizeof hash);
    return (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 52) % VERSION_SLOTS;
}

static void raise_versions(struct store *store, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct write *write = store->batch[i];

        if (write->outcome == ERR_OK && !id_is_zero(&write->key))
            atomic_fetch_add_explicit(&store->versions[version_slot(&write->key)], 1, memory_order_release);
    }
    atomic_fetch_add_explicit(&store->version_of_all, 1, memory_order_release);
}

/* Let the replies go. A write belongs to its owner again once `done` was called. */
static void writer_answer(struct store *store, size_t count, enum err fate)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += store->batch[i]->bytes;
    pthread_mutex_lock(&store->lock);
    store->queued -= count;
    store->queued_bytes -= bytes;
    if (store->waiting_for_room)
        pthread_cond_broadcast(&store->room);
    pthread_mutex_unlock(&store->lock);
    for (size_t i = 0; i < count; i++) {
        struct write *write = store->batch[i];

        if (fate) {
            write->outcome = fate;
            fault_clear(&write->fault);
        }
        write->done(write, write->outcome);
    }
}

static void *writer_main(void *arg)
{
    struct store *store = arg;

    while (writer_wait(store)) {
        enum err fate;
        size_t stand, count = writer_batch(store, &fate, &stand);

        if (!fate && stand) {
            raise_versions(store, count);
            for (size_t i = 0; i < store->trail.hook_count; i++)
                store->trail.hooks[i].fn(store->app, store->trail.hooks[i].arg);
        }
        atomic_fetch_add_explicit(&store->batches, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&store->writes, count, memory_order_relaxed);
        writer_answer(store, count, fate);
        store->engine->tidy(store->connection);
        atomic_store_explicit(&store->wal_bytes, store->engine->wal_bytes(store->connection), memory_order_relaxed);
    }
    return NULL;
}

/* ---- readers ---- */

struct reader {
    struct connection *connection;
    struct app *app;
};

struct reader *reader_open(struct store *store)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct buf error = buf_heap();

    if (!reader)
        log_die("out of memory");
    reader->app = store->app;
    reader->connection = store->engine->open(store->dir, ROLE_READER, &error);
    if (!reader->connection)
        log_die("%s", error.data);
    return reader;
}

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    reader->connection->engine->close(reader->connection);
    free(reader);
}

void reader_begin(struct reader *reader, struct tx *tx, struct arena *arena, struct fault *fault)
{
    reader->connection->trouble = TROUBLE_NONE;
    *tx = (struct tx){ .app = reader->app, .arena = arena, .fault = fault, .now_ms = clock_now_ms(), .connection = reader->connection };
    reader->connection->engine->begin(reader->connection);
}

void reader_end(struct reader *reader, struct tx *tx)
{
    struct connection *connection = reader->connection;

    assert(tx->connection == connection);
    connection_end_queries(connection);
    if (connection->engine->stands(connection))
        connection->engine->commit(connection); /* there is nothing to undo, and this is the cheaper end */
    tx->connection = NULL;
}

uint64_t store_version(const struct store *store, const struct id *key)
{
    const atomic_uint_fast64_t *version = !key || id_is_zero(key) ? &store->version_of_all : &store->versions[version_slot(key)];

    return atomic_load_explicit(version, memory_order_acquire);
}

/* ---- life ---- */

static void number_statements(void)
{
    for (size_t i = 0; i < sql_count(); i++)
        sql_at(i)->index = (int)i;
}

static int64_t newest_version(void)
{
    int64_t version = 0;

    for (const struct migration *step = store_migrations; step->version; step++)
        version = step->version;
    return version;
}

/* One of our own programs at a time: two writers would each believe to be the only one. */
static int take_data_lock(const char *dir, struct buf *error)
{
    struct buf path = buf_heap();
    int fd;

    buf_printf(&path, "%s/lock", dir);
    fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        buf_printf(error, "%s cannot be opened: %s", path.data, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        buf_printf(error, "the data folder %s is in use by another usher process", dir);
        close(fd);
        fd = -1;
    }
    buf_free(&path);
    return fd;
}

static bool make_folder(const char *dir, struct buf *error)
{
    char *path = strdup(dir);

    if (!path)
        log_die("out of memory");
    for (char *at = path + 1; *at; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0755); /* what went wrong shows in the last one */
            *at = '/';
        }
    }
    free(path);
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return true;
    buf_printf(error, "the data folder %s cannot be made: %s", dir, strerror(errno));
    return false;
}

static bool migrate(struct store *store, struct buf *error)
{
    struct connection *connection = store->connection;
    const struct engine *engine = store->engine;
    int64_t have, newest = newest_version();

    engine->begin(connection);
    have = connection->trouble ? -1 : engine->version(connection);
    if (have < 0) {
        buf_printf(error, "the database in %s cannot be read", store->dir);
        goto fail;
    }
    if (have > newest) {
        buf_printf(error, "the database in %s was made by a newer version of usher (schema %" PRId64 "; this one knows up to %" PRId64 ")",
                   store->dir, have, newest);
        goto fail;
    }
    for (const struct migration *step = store_migrations; step->version; step++) {
        struct buf why = buf_heap();

        for (const char *const *text = step->statements; step->version > have && *text; text++) {
            if (!engine->migrate(connection, *text, &why)) {
                buf_printf(error, "step %d of the schema failed: %s", step->version, why.data);
                buf_free(&why);
                goto fail;
            }
        }
        buf_free(&why);
    }
    if (have < newest)
        engine->set_version(connection, newest);
    if (!connection->trouble)
        engine->commit(connection);
    if (!connection->trouble)
        return true;
    buf_printf(error, "the schema of the database in %s cannot be written", store->dir);
fail:
    engine->rollback(connection);
    return false;
}

static struct store *store_new(struct app *app, const char *dir)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct store *store = calloc(1, sizeof *store);

    if (!store || !(store->dir = strdup(dir)))
        log_die("out of memory");
    pthread_once(&once, number_statements);
    store->app = app;
    store->engine = &engine_sqlite;
    store->lock_fd = -1;
    store->batch_us_max = BATCH_US_MAX;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->work, NULL);
    pthread_cond_init(&store->room, NULL);
    pthread_mutex_init(&store->snapshot_lock, NULL);
    return store;
}

struct store *store_open(struct app *app, const char *dir, struct buf *error)
{
    struct store *store = store_new(app, dir);

    if (!make_folder(dir, error))
        goto fail;
    store->lock_fd = take_data_lock(dir, error);
    if (store->lock_fd < 0)
        goto fail;
    store->connection = store->engine->open(dir, ROLE_WRITER, error);
    if (!store->connection)
        goto fail;
    store->connection->app = app;
    if (!migrate(store, error))
        goto fail;
    store->connection->trail = &store->trail;
    oplog_open(&store->oplog, store->connection);
    return store;
fail:
    store_close(store);
    return NULL;
}

struct store *store_open_readonly(struct app *app, const char *dir, struct buf *error)
{
    struct store *store = store_new(app, dir);
    int64_t have;

    store->readonly = true;
    store->snapshot_reader = store->engine->open(dir, ROLE_READER, error);
    if (!store->snapshot_reader)
        goto fail;
    have = store->engine->version(store->snapshot_reader);
    if (have != newest_version()) {
        buf_printf(error, "the database in %s has schema %" PRId64 ", this usher reads %" PRId64 "%s", dir, have, newest_version(),
                   have >= 0 && have < newest_version() ? "; start `usher serve` once to bring it up to date" : "");
        goto fail;
    }
    return store;
fail:
    store_close(store);
    return NULL;
}

void store_start(struct store *store)
{
    assert(!store->readonly && !store->running);
    store->running = true;
    store->thread = thread_start("writer", 0, writer_main, store);
}

void store_rerun_for_tests(struct store *store, bool rerun)
{
    assert(!store->running);
    store->rerun = rerun;
}

void store_batch_us_for_tests(struct store *store, int64_t us)
{
    assert(!store->running);
    store->batch_us_max = us;
}

void store_stop(struct store *store)
{
    if (!store->running)
        return;
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_broadcast(&store->work);
    pthread_cond_broadcast(&store->room);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    store->running = false;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_stop(store);
    if (store->snapshot_reader)
        store->engine->close(store->snapshot_reader);
    if (store->connection)
        store->engine->close(store->connection);
    trail_free(&store->trail);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->room);
    pthread_mutex_destroy(&store->snapshot_lock);
    free(store->dir);
    free(store);
}

enum err store_snapshot(struct store *store, const char *path, struct buf *error)
{
    enum err e = ERR_OK;

    pthread_mutex_lock(&store->snapshot_lock);
    /* Kept open from then on; a copy an hour is worth a connection. */
    if (!store->snapshot_reader)
        store->snapshot_reader = store->engine->open(store->dir, ROLE_READER, error);
    if (store->snapshot_reader)
        e = store->engine->snapshot(store->snapshot_reader, path, error);
    else
        e = ERR_INTERNAL;
    pthread_mutex_unlock(&store->snapshot_lock);
    return e;
}

void store_stats(const struct store *store, struct store_stats *out)
{
    struct store *changeable = (struct store *)store; /* for its lock */

    pthread_mutex_lock(&changeable->lock);
    out->queued = store->queued;
    out->queued_bytes = store->queued_bytes;
    pthread_mutex_unlock(&changeable->lock);
    out->batches = atomic_load_explicit(&store->batches, memory_order_relaxed);
    out->writes = atomic_load_explicit(&store->writes, memory_order_relaxed);
    out->refused_full = atomic_load_explicit(&store->refused_full, memory_order_relaxed);
    out->commit_us_total = atomic_load_explicit(&store->commit_us_total, memory_order_relaxed);
    out->wal_bytes = atomic_load_explicit(&store->wal_bytes, memory_order_relaxed);
}

/* ---- meta ---- */

SQL(meta_get, "SELECT value FROM meta WHERE key = :key");
SQL(meta_set, "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value");

char *store_meta_get(struct tx *tx, const char *key)
{
    struct query *q = query(tx, &meta_get);
    char *value = NULL;

    bind_text(q, ":key", key);
    if (query_row(q))
        value = col_text(q, 0, tx->arena);
    query_end(q);
    return value;
}

void store_meta_set(struct tx *tx, const char *key, const char *value)
{
    struct query *q = query(tx, &meta_set);

    bind_text(q, ":key", key);
    bind_text(q, ":value", value);
    query_run(q);
}
