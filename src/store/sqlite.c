/*
 * sqlite.c - the embedded engine.
 *
 * WAL, synchronous=FULL, one writing connection. It alone checkpoints: Debian
 * 12's SQLite 3.40 can corrupt the file when two connections write or
 * checkpoint at the same instant (fixed in 3.51.3), so readers are opened
 * READONLY, never checkpoint, not even on closing, and no other program may
 * write beside us (the data lock keeps our own commands out).
 */
#include "store/engine.h"
#include "store/gather.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/recorder.h"

/* A checkpoint after so many new pages: small and often had the best p99.9 (measured: 32 ms at 1,000 pages, 139 ms at 16,000). */
#define CHECKPOINT_PAGES 1000
/* Readers that overlap without a gap keep the log from starting over. Past this size (64 MiB) we wait for them, this long at most. */
#define RESTART_PAGES 16000
#define RESTART_WAIT_MS 20
#define PAGE_BYTES 4096

struct sqlite {
    struct connection base;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *savepoint, *release, *rollback_to;
    int64_t changes_at_begin;
    int wal_pages;        /* in the log after the last commit */
    int checkpoint_at;    /* the next checkpoint is due at so many */
    uint64_t wal_written; /* pages, all told */
    struct recorder *recorder; /* the writer's, once it has a trail */
    bool tidy_failed;     /* said once, until it works again */
    int64_t full_said_us; /* a full disk is said once a second: every batch meets it */
};

struct sqlite_query {
    struct query base;
    sqlite3_stmt *stmt;
};

static struct sqlite *of(struct connection *connection)
{
    return CONTAINER_OF(connection, struct sqlite, base);
}

static sqlite3_stmt *stmt_of(struct query *query)
{
    return CONTAINER_OF(query, struct sqlite_query, base)->stmt;
}

/* ---- trouble ---- */

static enum trouble trouble_of(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return TROUBLE_NONE;
    case SQLITE_FULL:
        return TROUBLE_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
        return TROUBLE_BUSY;
    case SQLITE_IOERR:
        /* The index of the log could not grow. Behind a failed fsync ENOSPC may have lost pages already, so that one stays what it is. */
        if (sqlite3_system_errno(db) == ENOSPC && rc != SQLITE_IOERR_FSYNC && rc != SQLITE_IOERR_DIR_FSYNC)
            return TROUBLE_FULL;
        return rc == SQLITE_IOERR_NOMEM ? TROUBLE_BUSY : TROUBLE_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return TROUBLE_IO;
    default: /* CONSTRAINT, MISMATCH, TOOBIG, RANGE, ERROR: this statement's own */
        return TROUBLE_STATEMENT;
    }
}

/* The message names tables and columns, never values. */
static void note_trouble(struct sqlite *sqlite, int rc, const char *what)
{
    enum trouble trouble = trouble_of(sqlite->db, rc);

    if (trouble > sqlite->base.trouble)
        sqlite->base.trouble = trouble;
    if (trouble == TROUBLE_FULL) {
        if (clock_mono_us() - sqlite->full_said_us < 1000000)
            return;
        sqlite->full_said_us = clock_mono_us();
    }
    if (trouble)
        log_error("database: %s: %s (%d)", what, sqlite3_errmsg(sqlite->db), sqlite3_extended_errcode(sqlite->db));
}

static void run_prepared(struct sqlite *sqlite, sqlite3_stmt *stmt, const char *what)
{
    int rc = sqlite3_step(stmt);

    if (rc != SQLITE_DONE)
        note_trouble(sqlite, rc, what);
    sqlite3_reset(stmt);
}

/* ---- life ---- */

static void configure_library(void)
{
    /* Each connection stays on one thread at a time, so SQLite needs no mutex for it; and counting its memory would put one lock under
     * every allocation of every thread. Both are refused once SQLite was used (a test's own VFS), which costs only speed. */
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool exec(struct sqlite *sqlite, const char *text)
{
    return sqlite3_exec(sqlite->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

static int log_grew(void *arg, sqlite3 *db, const char *schema, int pages)
{
    struct sqlite *sqlite = arg;

    if (pages < sqlite->wal_pages) { /* it started over */
        sqlite->wal_pages = 0;
        sqlite->checkpoint_at = CHECKPOINT_PAGES;
    }
    sqlite->wal_written += (uint64_t)(pages - sqlite->wal_pages);
    sqlite->wal_pages = pages;
    return SQLITE_OK;
}

static bool prepare_fixed(struct sqlite *sqlite, sqlite3_stmt **out, const char *text)
{
    return sqlite3_prepare_v3(sqlite->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK;
}

static void sqlite_close(struct connection *connection)
{
    struct sqlite *sqlite = of(connection);
    int rc;

    if (connection->queries)
        connection_free_queries(connection);
    recorder_close(sqlite->recorder);
    sqlite3_finalize(sqlite->begin);
    sqlite3_finalize(sqlite->commit);
    sqlite3_finalize(sqlite->rollback);
    sqlite3_finalize(sqlite->savepoint);
    sqlite3_finalize(sqlite->release);
    sqlite3_finalize(sqlite->rollback_to);
    rc = sqlite3_close(sqlite->db);
    assert(rc == SQLITE_OK);
    free(sqlite);
}

static struct connection *sqlite_open(const char *dir, enum role role, struct buf *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool writer = role == ROLE_WRITER;
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    struct buf path = buf_heap();
    int rc;

    pthread_once(&once, configure_library);
    if (!sqlite)
        log_die("out of memory");
    sqlite->base.engine = &engine_sqlite;
    sqlite->base.queries = calloc(sql_count() + 1, sizeof *sqlite->base.queries);
    if (!sqlite->base.queries)
        log_die("out of memory");
    sqlite->checkpoint_at = CHECKPOINT_PAGES;
    buf_printf(&path, "%s/usher.db", dir);
    rc = sqlite3_open_v2(path.data, &sqlite->db,
                         SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                             (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY),
                         writer ? gather_vfs() : NULL);
    buf_free(&path);
    if (rc != SQLITE_OK)
        goto fail;
    sqlite3_busy_timeout(sqlite->db, 5000);
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
    if (!exec(sqlite, "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY"))
        goto fail;
    if (writer) {
        /* A log that is kept is overwritten in place, which is faster than growing it anew (a raw append: 1.3 times). Only one that
         * a long reader made grow (a copy of the database under load: 100 MB a second) is cut back when it starts over. */
        if (!exec(sqlite, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;"
                          "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON") ||
            !prepare_fixed(sqlite, &sqlite->begin, "BEGIN IMMEDIATE"))
            goto fail;
        /* The checkpoint is ours to run (tidy), after the replies have left and with its errors seen; SQLite's own comes before and swallows them. */
        sqlite3_wal_hook(sqlite->db, log_grew, sqlite);
    } else {
        sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
        /* Reading through the map is 1.3 to 1.7 times pread; the number is the most that Debian's build allows. */
        if (!exec(sqlite, "PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112") || !prepare_fixed(sqlite, &sqlite->begin, "BEGIN"))
            goto fail;
        /* Read once, which opens the log and learns the schema: later there may be no file descriptor left for it. */
        if (!exec(sqlite, "SELECT count(*) FROM sqlite_schema"))
            goto fail;
    }
    if (!prepare_fixed(sqlite, &sqlite->commit, "COMMIT") || !prepare_fixed(sqlite, &sqlite->rollback, "ROLLBACK") ||
        !prepare_fixed(sqlite, &sqlite->savepoint, "SAVEPOINT one") || !prepare_fixed(sqlite, &sqlite->release, "RELEASE one") ||
        !prepare_fixed(sqlite, &sqlite->rollback_to, "ROLLBACK TO one"))
        goto fail;
    return &sqlite->base;
fail:
    buf_printf(error, "the database %s/usher.db cannot be opened: %s", dir, sqlite->db ? sqlite3_errmsg(sqlite->db) : "out of memory");
    sqlite_close(&sqlite->base);
    return NULL;
}

static int64_t sqlite_version(struct connection *connection)
{
    sqlite3_stmt *stmt = NULL;
    int64_t version = -1;

    if (sqlite3_prepare_v2(of(connection)->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int64(stmt, 0);
    else
        note_trouble(of(connection), sqlite3_extended_errcode(of(connection)->db), "reading the schema's version");
    sqlite3_finalize(stmt);
    return version;
}

static bool sqlite_migrate(struct connection *connection, const char *statement, struct buf *error)
{
    if (exec(of(connection), statement))
        return true;
    buf_printf(error, "%s", sqlite3_errmsg(of(connection)->db));
    return false;
}

static void sqlite_set_version(struct connection *connection, int64_t version)
{
    char text[64];

    snprintf(text, sizeof text, "PRAGMA user_version = %" PRId64, version);
    if (!exec(of(connection), text))
        note_trouble(of(connection), sqlite3_extended_errcode(of(connection)->db), "recording the schema's version");
}

/* ---- transactions ---- */

static void sqlite_begin(struct connection *connection)
{
    struct sqlite *sqlite = of(connection);

    sqlite->changes_at_begin = sqlite3_total_changes64(sqlite->db);
    run_prepared(sqlite, sqlite->begin, "begin");
    if (!connection->trail || connection->trouble)
        return;
    if (!sqlite->recorder)
        sqlite->recorder = recorder_open(sqlite->db);
    if (!sqlite->recorder)
        log_die("the schema cannot be read, or has a table without a primary key");
    recorder_begin(sqlite->recorder);
}

static void sqlite_rollback(struct connection *connection)
{
    struct sqlite *sqlite = of(connection);

    if (!sqlite3_get_autocommit(sqlite->db))
        run_prepared(sqlite, sqlite->rollback, "rollback");
}

static void sqlite_commit(struct connection *connection)
{
    run_prepared(of(connection), of(connection)->commit, "commit");
}

static bool sqlite_stands(struct connection *connection)
{
    return !sqlite3_get_autocommit(of(connection)->db);
}

static void sqlite_savepoint(struct connection *connection)
{
    recorder_savepoint(of(connection)->recorder);
    run_prepared(of(connection), of(connection)->savepoint, "savepoint");
}

static void sqlite_release(struct connection *connection)
{
    run_prepared(of(connection), of(connection)->release, "release");
}

static void sqlite_rollback_to(struct connection *connection)
{
    recorder_rollback_to(of(connection)->recorder);
    run_prepared(of(connection), of(connection)->rollback_to, "rollback to savepoint");
    run_prepared(of(connection), of(connection)->release, "release");
}

static bool sqlite_wrote(struct connection *connection)
{
    return sqlite3_total_changes64(of(connection)->db) != of(connection)->changes_at_begin;
}

/* ---- statements ---- */

static struct query *sqlite_prepare(struct connection *connection, const struct sql *sql)
{
    struct sqlite *sqlite = of(connection);
    struct sqlite_query *query = calloc(1, sizeof *query);
    int count;

    if (!query)
        log_die("out of memory");
    query->base.connection = connection;
    query->base.sql = sql;
    if (sqlite3_prepare_v3(sqlite->db, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &query->stmt, NULL) != SQLITE_OK)
        log_die("the statement %s does not prepare: %s", sql->name, sqlite3_errmsg(sqlite->db));
    count = sqlite3_bind_parameter_count(query->stmt);
    assert(count <= QUERY_PARAMS_MAX);
    query->base.param_count = count;
    for (int i = 0; i < count; i++) {
        query->base.params[i] = sqlite3_bind_parameter_name(query->stmt, i + 1);
        assert(query->base.params[i]); /* '?' has no name */
    }
    return &query->base;
}

static void sqlite_finalize(struct query *query)
{
    sqlite3_finalize(stmt_of(query));
    free(CONTAINER_OF(query, struct sqlite_query, base));
}

/* Binding fails only for a value past SQLite's limit of 1 GB, which nothing that comes in can reach. */
static void sqlite_bind_int(struct query *query, int param, int64_t value)
{
    sqlite3_bind_int64(stmt_of(query), param + 1, value);
}

static void sqlite_bind_text(struct query *query, int param, const char *text, size_t len)
{
    sqlite3_bind_text64(stmt_of(query), param + 1, text ? text : "", len, SQLITE_STATIC, SQLITE_UTF8);
}

static void sqlite_bind_blob(struct query *query, int param, const void *data, size_t len)
{
    sqlite3_bind_blob64(stmt_of(query), param + 1, data ? data : "", len, SQLITE_STATIC);
}

static void sqlite_bind_null(struct query *query, int param)
{
    sqlite3_bind_null(stmt_of(query), param + 1);
}

static bool sqlite_step(struct query *query)
{
    int rc = sqlite3_step(stmt_of(query));

    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        note_trouble(of(query->connection), rc, query->sql->name);
    return false;
}

static void sqlite_reset(struct query *query)
{
    sqlite3_reset(stmt_of(query));
}

static int64_t sqlite_changes(struct query *query)
{
    return sqlite3_stmt_readonly(stmt_of(query)) ? 0 : sqlite3_changes64(of(query->connection)->db);
}

static int64_t sqlite_col_int(struct query *query, int col)
{
    return sqlite3_column_int64(stmt_of(query), col);
}

static bool sqlite_col_is_null(struct query *query, int col)
{
    return sqlite3_column_type(stmt_of(query), col) == SQLITE_NULL;
}

static struct bytes sqlite_col_bytes(struct query *query, int col)
{
    sqlite3_stmt *stmt = stmt_of(query);
    struct bytes bytes = { NULL, 0 };

    if (sqlite3_column_type(stmt, col) == SQLITE_NULL)
        return bytes;
    bytes.data = sqlite3_column_blob(stmt, col);
    bytes.len = (size_t)sqlite3_column_bytes(stmt, col);
    if (!bytes.data)
        bytes.data = ""; /* SQLite gives no address for a blob of no bytes */
    return bytes;
}

/* ---- the record for the oplog ---- */

/* Every table but the oplog, whose row is written after this, and the stored replies (recorder_open says why). */
static struct bytes sqlite_record(struct connection *connection)
{
    return recorder_take(of(connection)->recorder);
}

/* ---- between transactions ---- */

static void sqlite_tidy(struct connection *connection)
{
    struct sqlite *sqlite = of(connection);
    bool restart = sqlite->wal_pages >= RESTART_PAGES;
    int in_log = 0, moved = 0, rc;

    if (sqlite->wal_pages < sqlite->checkpoint_at)
        return;
    if (restart)
        sqlite3_busy_timeout(sqlite->db, RESTART_WAIT_MS);
    rc = sqlite3_wal_checkpoint_v2(sqlite->db, "main", restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
    if (restart)
        sqlite3_busy_timeout(sqlite->db, 5000);
    sqlite->checkpoint_at = sqlite->wal_pages + CHECKPOINT_PAGES;
    switch (trouble_of(sqlite->db, rc)) {
    case TROUBLE_NONE:
        sqlite->tidy_failed = false;
        break;
    case TROUBLE_IO:
        /* Behind a failed fsync nobody knows what the database file holds; the log still does. */
        log_die("the checkpoint failed: %s", sqlite3_errmsg(sqlite->db));
    case TROUBLE_FULL:
        if (!sqlite->tidy_failed)
            log_error("the disk is full: the log cannot be moved into the database");
        sqlite->tidy_failed = true;
        break;
    case TROUBLE_BUSY: /* a reader holds the log's end; next time */
    case TROUBLE_STATEMENT:
        break;
    }
}

static uint64_t sqlite_wal_bytes(struct connection *connection)
{
    return of(connection)->wal_written * (PAGE_BYTES + 24);
}

/* ---- snapshot ---- */

static bool sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

static bool sync_folder_of(const char *path)
{
    struct buf folder = buf_heap();
    const char *slash = strrchr(path, '/');
    bool ok;

    buf_add(&folder, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    ok = sync_path(folder.data, O_RDONLY | O_DIRECTORY);
    buf_free(&folder);
    return ok;
}

/* All pages in one step under one snapshot: in slices the copy would start over at each write. The writer goes on;
 * only the log cannot start over meanwhile. */
static enum err sqlite_snapshot(struct connection *connection, const char *path, struct buf *error)
{
    struct sqlite *sqlite = of(connection);
    sqlite3 *copy = NULL;
    sqlite3_backup *backup;
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int rc;
    enum err e = ERR_OK;

    if (fd < 0) {
        buf_printf(error, "%s cannot be made: %s", path, strerror(errno));
        return errno == ENOSPC ? ERR_DISK_FULL : ERR_INTERNAL;
    }
    close(fd);
    rc = sqlite3_open_v2(path, &copy, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK) /* it is synced once, below, and thrown away on any fault */
        rc = sqlite3_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        backup = sqlite3_backup_init(copy, "main", sqlite->db, "main");
        if (backup) {
            sqlite3_backup_step(backup, -1);
            rc = sqlite3_backup_finish(backup);
        } else {
            rc = sqlite3_errcode(copy);
        }
    }
    if (rc != SQLITE_OK) {
        e = trouble_of(copy, rc) == TROUBLE_FULL ? ERR_DISK_FULL : ERR_INTERNAL;
        buf_printf(error, "the database cannot be copied to %s: %s", path, sqlite3_errstr(rc));
    }
    sqlite3_close(copy);
    if (!e && (!sync_path(path, O_RDWR) || !sync_folder_of(path))) {
        e = errno == ENOSPC ? ERR_DISK_FULL : ERR_INTERNAL;
        buf_printf(error, "%s cannot be written: %s", path, strerror(errno));
    }
    if (e)
        unlink(path);
    return e;
}

const struct engine engine_sqlite = {
    .name = "SQLite " SQLITE_VERSION,
    .open = sqlite_open,
    .close = sqlite_close,
    .version = sqlite_version,
    .migrate = sqlite_migrate,
    .set_version = sqlite_set_version,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .stands = sqlite_stands,
    .savepoint = sqlite_savepoint,
    .release = sqlite_release,
    .rollback_to = sqlite_rollback_to,
    .wrote = sqlite_wrote,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .bind_int = sqlite_bind_int,
    .bind_text = sqlite_bind_text,
    .bind_blob = sqlite_bind_blob,
    .bind_null = sqlite_bind_null,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .changes = sqlite_changes,
    .col_int = sqlite_col_int,
    .col_is_null = sqlite_col_is_null,
    .col_bytes = sqlite_col_bytes,
    .record = sqlite_record,
    .tidy = sqlite_tidy,
    .wal_bytes = sqlite_wal_bytes,
    .snapshot = sqlite_snapshot,
};
