/* gather.c - see gather.h. */
#include "store/gather.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A log as SQLite holds it: the file below stands right behind it in the same allocation. */
struct log_file {
    sqlite3_file base;
    sqlite3_file *below;
    char *data;              /* GATHER_MAX bytes, made at the first write */
    bool gathers;            /* a write behind a sync is the next commit's: see gather_open */
    sqlite3_int64 at;        /* where data[0] belongs */
    size_t len;
};

static struct log_file *of(sqlite3_file *file)
{
    return (struct log_file *)file;
}

/* What was gathered goes out; on a fault it is dropped, as SQLite writes those frames anew or not at all. */
static int write_out(struct log_file *log)
{
    size_t len = log->len;

    log->len = 0;
    return len ? log->below->pMethods->xWrite(log->below, log->data, (int)len, log->at) : SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
    struct log_file *log = of(file);
    int rc = write_out(log);
    int closed = log->below->pMethods->xClose(log->below);

    free(log->data);
    log->data = NULL;
    return rc ? rc : closed;
}

static int log_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int rc = write_out(of(file));

    return rc ? rc : of(file)->below->pMethods->xRead(of(file)->below, to, len, at);
}

static int log_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
    struct log_file *log = of(file);
    int rc;

    if (log->len && (at != log->at + (sqlite3_int64)log->len || (size_t)len > GATHER_MAX - log->len)) {
        rc = write_out(log);
        if (rc)
            return rc;
    }
    if (!log->data && log->gathers)
        log->data = malloc(GATHER_MAX);
    if (!log->data || (size_t)len > GATHER_MAX)
        return log->below->pMethods->xWrite(log->below, from, len, at);
    if (!log->len)
        log->at = at;
    memcpy(log->data + log->len, from, (size_t)len);
    log->len += (size_t)len;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = write_out(of(file));

    return rc ? rc : of(file)->below->pMethods->xTruncate(of(file)->below, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
    int rc = write_out(of(file));

    return rc ? rc : of(file)->below->pMethods->xSync(of(file)->below, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int rc = write_out(of(file));

    return rc ? rc : of(file)->below->pMethods->xFileSize(of(file)->below, size);
}

static int log_lock(sqlite3_file *file, int level)
{
    return of(file)->below->pMethods->xLock(of(file)->below, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return of(file)->below->pMethods->xUnlock(of(file)->below, level);
}

static int log_reserved(sqlite3_file *file, int *held)
{
    return of(file)->below->pMethods->xCheckReservedLock(of(file)->below, held);
}

static int log_control(sqlite3_file *file, int op, void *arg)
{
    return of(file)->below->pMethods->xFileControl(of(file)->below, op, arg);
}

static int log_sector(sqlite3_file *file)
{
    return of(file)->below->pMethods->xSectorSize(of(file)->below);
}

static int log_traits(sqlite3_file *file)
{
    return of(file)->below->pMethods->xDeviceCharacteristics(of(file)->below);
}

/* Version 1: a log is neither locked by pages nor mapped. */
static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_traits,
};

/* Set once by register_vfs, constant from then on. */
static sqlite3_vfs gather, *below;

static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    if (!(flags & SQLITE_OPEN_WAL))
        return below->xOpen(below, name, file, flags, out_flags);

    struct log_file *log = of(file);
    *log = (struct log_file){ .below = (sqlite3_file *)(log + 1) };
    int rc = below->xOpen(below, name, log->below, flags, out_flags);
    /* Only what has methods is closed. */
    log->base.pMethods = log->below->pMethods ? &log_methods : NULL;
    /* On a disk that may hurt a synced sector when its neighbour is written, SQLite fills a commit's last sector up with copies of its
     * last page: some of them behind the sync, and yet in the index. There is nothing to be gathered on such a disk. */
    log->gathers = rc == SQLITE_OK && (log->below->pMethods->xDeviceCharacteristics(log->below) & SQLITE_IOCAP_POWERSAFE_OVERWRITE);
    return rc;
}

static void register_vfs(void)
{
    below = sqlite3_vfs_find(NULL);
    if (!below)
        return;
    gather = *below; /* its own data as well: all methods but one are the ones below, and may look for it */
    gather.pNext = NULL;
    gather.zName = "usher-gather";
    gather.szOsFile = (int)sizeof(struct log_file) + below->szOsFile;
    gather.xOpen = gather_open;
    if (sqlite3_vfs_register(&gather, 0) != SQLITE_OK)
        gather.zName = NULL;
}

const char *gather_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_vfs);
    return gather.zName;
}
