/*
 * store.h - the database: transactions, statements, and the one writer.
 *
 *     reading   store_read():  a snapshot on the caller's own reader
 *     writing   a `struct write` is queued; the writer runs what queued up in
 *               one transaction, each in its own savepoint, commits once and
 *               only then calls each `done` (group commit; design, section 2)
 *
 * Domain functions take a `struct tx` and neither open nor end one. On an error
 * nothing may be assumed written: the savepoint is rolled back.
 *
 * Statements are declared once, at file level, and prepared once per connection:
 *
 *     SQL(event_by_id, "SELECT title, capacity FROM event WHERE id = :id");
 *     ...
 *     struct query *q = query(tx, &event_by_id);
 *     bind_id(q, ":id", &event_id);
 *     if (query_row(q)) {
 *         out->title = col_text(q, 0, tx->arena);
 *         out->capacity = col_int(q, 1);
 *     }
 *     query_end(q);
 *
 * The text is the dialect that SQLite and PostgreSQL share (no AUTOINCREMENT, no
 * json_*, no LIKE; UPDATE .. RETURNING, ON CONFLICT, row values are fine).
 * Parameters are bound by name, always `:name`. tests/unit/test_query_plans runs
 * EXPLAIN QUERY PLAN over every SQL() in the program and fails on a scan.
 *
 * Engine trouble never returns to the caller as a row or a code: query_row and
 * query_run mark the transaction failed (`tx_failed`), give no row, and the
 * writer sees to the answer (507, 503, or the process ends). So a handler need
 * not check for I/O errors; it checks rows and change counts.
 */
#ifndef USHER_STORE_STORE_H
#define USHER_STORE_STORE_H

#include <stdatomic.h>

#include "base/app.h"
#include "base/err.h"
#include "base/id.h"

/* ---- statements ---- */

struct sql {
    const char *name, *text;
    int index; /* its place among all statements; set by store_open */
};

/* Every SQL() puts a pointer into this section, which makes the table of all statements. */
#define SQL(var, sql_text)                                  \
    static struct sql var = { .name = #var, .text = sql_text, .index = -1 }; \
    static struct sql *const var##_entry __attribute__((section("usher_sql"), used)) = &var

/* All statements of the program, in link order. */
size_t sql_count(void);
struct sql *sql_at(size_t i);

/* ---- transactions ---- */

struct connection;

struct tx {
    struct app *app;
    struct arena *arena;   /* the request's, or the caller's */
    struct fault *fault;   /* where a refusal leaves its sentence */
    int64_t now_ms;        /* one time for everything in this handler */
    struct id actor;       /* account that asks, zero for the system */
    bool writing;
    struct connection *connection; /* the engine's */
};

/* Refuse with a sentence: return fail(tx, ERR_SOLD_OUT, "%d left", n); */
#define fail(tx, e, ...) fault_set((tx)->fault, (e), __VA_ARGS__)

struct query;
/* A statement ready to be bound. At most one use of the same SQL() at a time in a transaction; nest different ones freely. */
struct query *query(struct tx *tx, struct sql *sql);
void bind_int(struct query *q, const char *name, int64_t value);
void bind_id(struct query *q, const char *name, const struct id *id);
void bind_id_or_null(struct query *q, const char *name, const struct id *id); /* a zero id or NULL binds NULL */
void bind_text(struct query *q, const char *name, const char *text);          /* NULL binds NULL; not copied: must live until query_end */
void bind_textn(struct query *q, const char *name, const char *text, size_t len);
void bind_blob(struct query *q, const char *name, const void *data, size_t len);
void bind_null(struct query *q, const char *name);
void bind_time_or_null(struct query *q, const char *name, int64_t at_ms);     /* 0 binds NULL */

bool query_row(struct query *q); /* step; false at the end or when the transaction failed */
void query_end(struct query *q); /* reset; required after query_row */
/* Step to the end and reset; the number of rows changed (0 when the transaction failed). */
int64_t query_run(struct query *q);

int64_t col_int(struct query *q, int col); /* NULL reads as 0 */
bool col_is_null(struct query *q, int col);
struct id col_id(struct query *q, int col); /* NULL reads as the zero id */
/* Copied into the arena. NULL gives NULL. */
char *col_text(struct query *q, int col, struct arena *arena);
struct bytes col_blob(struct query *q, int col, struct arena *arena);

/* True when the engine failed underneath; nothing done in this transaction will stand. */
bool tx_failed(const struct tx *tx);

/* A line of the audit trail, in the batch's oplog row: "registration.created", the thing, and what it hangs on (or NULL). */
void tx_note(struct tx *tx, const char *kind, const struct id *thing, const struct id *about);

/* Call `fn(arg)` on the writer's thread once this transaction's batch is durable, not at all if it is rolled back.
 * For waking threads and raising in-memory epochs: quick, never blocking. `arg` must outlive it (the heap, the app). */
void tx_after_commit(struct tx *tx, void (*fn)(struct app *app, void *arg), void *arg);

/* ---- writing ---- */

struct write {
    struct write *next;     /* the queue's */
    enum err (*run)(struct write *write, struct tx *tx); /* may be run again; touches nothing outside tx and arena */
    /* Called on the writer's thread after the commit (outcome: what run returned) or when nothing stands
     * (ERR_BUSY, ERR_DISK_FULL, ERR_INTERNAL). Also for one that was skipped, with ERR_BUSY. */
    void (*done)(struct write *write, enum err outcome);
    struct arena *arena;    /* rewound to its mark before each run */
    struct fault fault;
    struct id key;          /* whose lane: the event, or the account in identity; zero: any */
    struct id actor;
    bool urgent;            /* gate, payment results, sign-out: drained first */
    atomic_bool gone;       /* set by anyone: do not run any more */
    int64_t deadline_ms;    /* wall clock; 0: none. Overdue writes are not run */
    size_t bytes;           /* counted against the queue's 16 MiB */
    enum err outcome;       /* the writer's */
};

/* Queue it: the store owns it until `done`. ERR_BUSY at once (and no `done`) when the queue is full: 4,096 writes or 16 MiB. Any thread. */
enum err store_write(struct store *store, struct write *write);

/* Run `run(tx, arg)` as one write and wait for its commit. Not on a loop thread, nor the writer's. Waits for room when the queue is full.
 * `fault` may be NULL. Results must be copied out of tx->arena: it is `arena`, rewound if the run is repeated. */
enum err store_write_wait(struct store *store, struct arena *arena, struct fault *fault, const struct id *key, bool urgent,
                          enum err (*run)(struct tx *tx, void *arg), void *arg);

/* ---- reading ---- */

/* One reader belongs to one thread. */
struct reader;
struct reader *reader_open(struct store *store);
void reader_close(struct reader *reader);
/* Begin a snapshot that sees every write answered before, fill `tx`; end it. Nothing blocks but the page cache. */
void reader_begin(struct reader *reader, struct tx *tx, struct arena *arena, struct fault *fault);
void reader_end(struct reader *reader, struct tx *tx);

/* ---- versions, for cached replies ---- */

/* Rises whenever a batch that wrote under `key` became durable, before its replies leave (4,096 slots: two keys may share one).
 * A zero key: rises with every batch. Read it before the snapshot that fills a cache. Any thread. */
uint64_t store_version(const struct store *store, const struct id *key);

/* ---- life ---- */

/* Open (or create) DIR/usher.db, take the data lock, migrate. On a fault NULL and a sentence in `error` (heap). */
struct store *store_open(struct app *app, const char *dir, struct buf *error);
/* Readers only, no lock, no migration, no writer thread: for `usher check` beside a running server. */
struct store *store_open_readonly(struct app *app, const char *dir, struct buf *error);
void store_start(struct store *store);  /* the writer's thread */
/* For tests, before store_start: each write is run, undone and run again, as if it had lost a race. */
void store_rerun_for_tests(struct store *store, bool rerun);
/* For tests, before store_start: how long a batch may take, so that a slow machine does not split it. */
void store_batch_us_for_tests(struct store *store, int64_t us);
void store_stop(struct store *store);   /* runs what is queued, then joins */
void store_close(struct store *store);

/* A consistent copy of the database into `path` (which must not exist), while serving. Called from a lane's thread. */
enum err store_snapshot(struct store *store, const char *path, struct buf *error);

/* For /metrics. */
struct store_stats {
    uint64_t batches, writes, refused_full;
    uint64_t queued, queued_bytes;
    uint64_t commit_us_total, wal_bytes;
};
void store_stats(const struct store *store, struct store_stats *out);

/* What is kept under a name in the table `meta`; NULL when absent. */
char *store_meta_get(struct tx *tx, const char *key);
void store_meta_set(struct tx *tx, const char *key, const char *value);

#endif
