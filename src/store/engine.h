/*
 * engine.h - what a database must do for store.c. Internal to store/.
 *
 * One `struct engine` is a table of functions over one connection, and one
 * connection belongs to one thread at a time. SQLite is the engine there is
 * (sqlite.c); another one adds a file with such a table and its migrations.
 *
 * No function here returns an error code. What goes wrong is left in
 * `connection->trouble`, and whoever ends the transaction reads it there:
 *
 *     STATEMENT  this savepoint cannot stand (a CHECK, a UNIQUE); others can
 *     BUSY       the engine cannot now (a lock, memory); nothing of the batch stands
 *     FULL       the disk is full; nothing of the batch stands
 *     IO         the disk or the file failed; the outcome may be unknown
 */
#ifndef USHER_STORE_ENGINE_H
#define USHER_STORE_ENGINE_H

#include "base/buf.h"
#include "store/store.h"

enum trouble { TROUBLE_NONE, TROUBLE_STATEMENT, TROUBLE_BUSY, TROUBLE_FULL, TROUBLE_IO };

enum role { ROLE_WRITER, ROLE_READER };

/* A statement has at most so many parameters; `bound` has a bit for each. */
#define QUERY_PARAMS_MAX 64

/* One prepared statement of one connection. The engine's own struct begins with it. */
struct query {
    struct connection *connection;
    const struct sql *sql;
    struct query *open_next;  /* of the connection's `open` */
    bool open;                /* between query() and its end */
    int param_count;
    int param_hint;           /* parameters are mostly bound in the order in which they appear */
    uint64_t bound;
    const char *params[QUERY_PARAMS_MAX]; /* names with their colon, as long as the statement lives */
};

struct after_commit {
    void (*fn)(struct app *app, void *arg);
    void *arg;
};

/* What a batch leaves besides its rows. A savepoint that is rolled back takes its part with it. */
struct trail {
    struct buf notes;          /* heap */
    struct after_commit *hooks;
    size_t hook_count, hook_cap;
};

struct connection {
    const struct engine *engine;
    struct app *app;
    struct query **queries;    /* by sql->index; NULL until first used */
    struct query *open;        /* those between query() and their end */
    struct trail *trail;       /* the writer's; NULL for readers */
    enum trouble trouble;
};

struct engine {
    const char *name;

    /* `dir` is the data folder. NULL and a sentence in `error` on a fault. Only the one ROLE_WRITER connection creates the database. */
    struct connection *(*open)(const char *dir, enum role role, struct buf *error);
    void (*close)(struct connection *connection);

    /* The number of the last migration that was run; 0 for an empty database. */
    int64_t (*version)(struct connection *connection);
    /* Inside a transaction: run one statement of a migration; record its number. False and a sentence in `error` on a fault. */
    bool (*migrate)(struct connection *connection, const char *statement, struct buf *error);
    void (*set_version)(struct connection *connection, int64_t version);

    void (*begin)(struct connection *connection);
    void (*commit)(struct connection *connection);   /* TROUBLE_IO: whether it stands is not known */
    void (*rollback)(struct connection *connection); /* also when none is open */
    bool (*stands)(struct connection *connection);   /* is the transaction still open? */
    void (*savepoint)(struct connection *connection);
    void (*release)(struct connection *connection);
    void (*rollback_to)(struct connection *connection); /* and release */
    /* Has anything been written since begin? A rolled back savepoint may count. */
    bool (*wrote)(struct connection *connection);

    /* Never NULL: a statement that does not prepare is our own mistake and ends the process. */
    struct query *(*prepare)(struct connection *connection, const struct sql *sql);
    void (*finalize)(struct query *query);
    void (*bind_int)(struct query *query, int param, int64_t value); /* params count from 0 */
    void (*bind_text)(struct query *query, int param, const char *text, size_t len);
    void (*bind_blob)(struct query *query, int param, const void *data, size_t len);
    void (*bind_null)(struct query *query, int param);
    bool (*step)(struct query *query);
    void (*reset)(struct query *query);
    int64_t (*changes)(struct query *query);
    int64_t (*col_int)(struct query *query, int col);
    bool (*col_is_null)(struct query *query, int col);
    struct bytes (*col_bytes)(struct query *query, int col); /* of text or a blob, until the next step; NULL data for NULL */

    /* The writer's, once and after the last change: everything changed since begin, to be kept in the oplog; valid until the next begin.
     * No bytes when the engine keeps no such record. */
    struct bytes (*record)(struct connection *connection);

    /* The writer's, between transactions and after the replies: checkpoint. */
    void (*tidy)(struct connection *connection);
    uint64_t (*wal_bytes)(struct connection *connection);

    /* A reader's: copy the database as it is now into the new file `path`, durably. */
    enum err (*snapshot)(struct connection *connection, const char *path, struct buf *error);
};

extern const struct engine engine_sqlite;

/* query.c */
void connection_end_queries(struct connection *connection); /* reset what a handler left open */
void connection_free_queries(struct connection *connection);
void trail_cut(struct trail *trail, size_t notes_len, size_t hook_count);
void trail_free(struct trail *trail);

#endif
