/*
 * faulty_vfs.h - a disk that can be full, break, or lose its power, for unit tests.
 *
 * A layer over SQLite's own VFS; faulty_register makes it the default. Each
 * write also goes into a list of what is not yet synced, and each sync moves
 * that list into a second image of the file, in memory. faulty_power_cut
 * writes those images into a new folder: what a disk holds that keeps synced
 * bytes only, or synced bytes and an arbitrary part of the others.
 */
#ifndef USHER_TESTS_FAULTY_VFS_H
#define USHER_TESTS_FAULTY_VFS_H

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define FAULTY_FILES_MAX 16
#define FAULTY_SECTOR 512

struct faulty_write {
    struct faulty_write *next;
    sqlite3_int64 at;
    int len;             /* -1: truncated to `at` */
    unsigned char data[];
};

/* What the disk has of one file. Guarded by faulty.lock. */
struct faulty_image {
    char path[256];
    unsigned char *data;
    size_t len, cap;
    struct faulty_write *first, *last; /* not synced */
};

struct faulty_file {
    sqlite3_file base;
    struct faulty_image *image; /* NULL: a temporary file */
    sqlite3_file *real;
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs vfs, *real;
    sqlite3_io_methods methods;
    struct faulty_image images[FAULTY_FILES_MAX];
    int traits;          /* SQLITE_IOCAP_...; 0: a plain disk, whose synced sectors may be hurt by a neighbour's write */
    char dir[64];        /* keep images of the files in it; empty: of none */
    int countdown;       /* the write or sync with which `code` begins; 0: none */
    bool once;           /* `code` is given once, else from then on */
    bool syncs;          /* count syncs, not writes */
    int code;
} faulty = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct faulty_file *faulty_of(sqlite3_file *file)
{
    return (struct faulty_file *)file;
}

static sqlite3_file *faulty_real(sqlite3_file *file)
{
    return faulty_of(file)->real;
}

/* What this write (or sync) is answered with. */
static int faulty_answer(bool sync)
{
    int code = SQLITE_OK;

    pthread_mutex_lock(&faulty.lock);
    if (faulty.countdown && sync == faulty.syncs) {
        if (faulty.countdown == 1)
            code = faulty.code;
        if (faulty.countdown > 1 || faulty.once)
            faulty.countdown--;
    }
    pthread_mutex_unlock(&faulty.lock);
    return code;
}

/* The n-th write (sync) from now fails, once or from then on; n = 0: none. */
static void faulty_arm(int n, int code, bool once, bool syncs)
{
    pthread_mutex_lock(&faulty.lock);
    faulty.countdown = n;
    faulty.code = code;
    faulty.once = once;
    faulty.syncs = syncs;
    pthread_mutex_unlock(&faulty.lock);
}

static void faulty_remember(struct faulty_image *image, sqlite3_int64 at, const void *data, int len)
{
    struct faulty_write *write;

    if (!image)
        return;
    write = malloc(sizeof *write + (size_t)(len > 0 ? len : 0));
    assert(write);
    write->next = NULL;
    write->at = at;
    write->len = len;
    if (len > 0)
        memcpy(write->data, data, (size_t)len);
    pthread_mutex_lock(&faulty.lock);
    if (image->last)
        image->last->next = write;
    else
        image->first = write;
    image->last = write;
    pthread_mutex_unlock(&faulty.lock);
}

static void faulty_apply(struct faulty_image *image, sqlite3_int64 at, const unsigned char *data, int len)
{
    size_t end = (size_t)at + (size_t)(len > 0 ? len : 0);

    if (len < 0) {
        image->len = (size_t)at < image->len ? (size_t)at : image->len;
        return;
    }
    if (end > image->cap) {
        image->cap = end * 2;
        image->data = realloc(image->data, image->cap);
        assert(image->data);
    }
    if ((size_t)at > image->len)
        memset(image->data + image->len, 0, (size_t)at - image->len);
    memcpy(image->data + at, data, (size_t)len);
    image->len = end > image->len ? end : image->len;
}

static int faulty_close(sqlite3_file *file)
{
    int rc = faulty_real(file)->pMethods->xClose(faulty_real(file));

    free(faulty_of(file)->real);
    return rc;
}

static int faulty_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    return faulty_real(file)->pMethods->xRead(faulty_real(file), out, len, at);
}

static int faulty_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    int rc = faulty_answer(false);

    if (rc == SQLITE_OK)
        rc = faulty_real(file)->pMethods->xWrite(faulty_real(file), data, len, at);
    if (rc == SQLITE_OK)
        faulty_remember(faulty_of(file)->image, at, data, len);
    return rc;
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = faulty_real(file)->pMethods->xTruncate(faulty_real(file), size);

    if (rc == SQLITE_OK)
        faulty_remember(faulty_of(file)->image, size, NULL, -1);
    return rc;
}

static int faulty_sync(sqlite3_file *file, int flags)
{
    struct faulty_image *image = faulty_of(file)->image;
    int rc = faulty_answer(true);

    if (rc != SQLITE_OK)
        return rc;
    /* The bytes themselves need not reach a real disk: the images are the disk here. */
    if (!image)
        return faulty_real(file)->pMethods->xSync(faulty_real(file), flags);
    pthread_mutex_lock(&faulty.lock);
    while (image->first) {
        struct faulty_write *write = image->first;

        image->first = write->next;
        faulty_apply(image, write->at, write->data, write->len);
        free(write);
    }
    image->last = NULL;
    pthread_mutex_unlock(&faulty.lock);
    return SQLITE_OK;
}

static int faulty_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return faulty_real(file)->pMethods->xFileSize(faulty_real(file), out);
}

static int faulty_lock(sqlite3_file *file, int level)
{
    return faulty_real(file)->pMethods->xLock(faulty_real(file), level);
}

static int faulty_unlock(sqlite3_file *file, int level)
{
    return faulty_real(file)->pMethods->xUnlock(faulty_real(file), level);
}

static int faulty_check_lock(sqlite3_file *file, int *out)
{
    return faulty_real(file)->pMethods->xCheckReservedLock(faulty_real(file), out);
}

static int faulty_control(sqlite3_file *file, int op, void *arg)
{
    return faulty_real(file)->pMethods->xFileControl(faulty_real(file), op, arg);
}

static int faulty_sector_size(sqlite3_file *file)
{
    return FAULTY_SECTOR;
}

static int faulty_characteristics(sqlite3_file *file)
{
    return faulty.traits;
}

static int faulty_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return faulty_real(file)->pMethods->xShmMap(faulty_real(file), page, size, extend, out);
}

static int faulty_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return faulty_real(file)->pMethods->xShmLock(faulty_real(file), offset, n, flags);
}

static void faulty_shm_barrier(sqlite3_file *file)
{
    faulty_real(file)->pMethods->xShmBarrier(faulty_real(file));
}

static int faulty_shm_unmap(sqlite3_file *file, int remove)
{
    return faulty_real(file)->pMethods->xShmUnmap(faulty_real(file), remove);
}

/* What is in the file already counts as synced. */
static void faulty_load(struct faulty_image *image)
{
    FILE *in = fopen(image->path, "rb");
    unsigned char block[4096];
    size_t got;

    while (in && (got = fread(block, 1, sizeof block, in)) > 0)
        faulty_apply(image, (sqlite3_int64)image->len, block, (int)got);
    if (in)
        fclose(in);
}

/* The image of `path`. The -shm file never comes here: it is memory, not disk. */
static struct faulty_image *faulty_find(const char *path)
{
    struct faulty_image *found = NULL;

    if (!path || !faulty.dir[0] || strncmp(path, faulty.dir, strlen(faulty.dir)) != 0)
        return NULL;
    pthread_mutex_lock(&faulty.lock);
    for (int i = 0; i < FAULTY_FILES_MAX && !found; i++) {
        struct faulty_image *image = &faulty.images[i];

        if (!image->path[0]) {
            snprintf(image->path, sizeof image->path, "%s", path);
            faulty_load(image); /* nobody has it open yet, so that closing it here drops no lock */
        }
        if (strcmp(image->path, path) == 0)
            found = image;
    }
    pthread_mutex_unlock(&faulty.lock);
    assert(found);
    return found;
}

static int faulty_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    struct faulty_file *own = faulty_of(file);
    int rc;

    own->real = calloc(1, (size_t)faulty.real->szOsFile);
    assert(own->real);
    own->image = faulty_find(path);
    rc = faulty.real->xOpen(faulty.real, path, own->real, flags, out_flags);
    own->base.pMethods = rc == SQLITE_OK ? &faulty.methods : NULL;
    if (rc != SQLITE_OK)
        free(own->real);
    return rc;
}

static void faulty_register(void)
{
    faulty.real = sqlite3_vfs_find(NULL);
    faulty.vfs = *faulty.real;
    faulty.vfs.zName = "faulty";
    faulty.vfs.szOsFile = sizeof(struct faulty_file);
    faulty.vfs.xOpen = faulty_open;
    faulty.methods = (sqlite3_io_methods){
        .iVersion = 2, /* no xFetch: readers read */
        .xClose = faulty_close,
        .xRead = faulty_read,
        .xWrite = faulty_write,
        .xTruncate = faulty_truncate,
        .xSync = faulty_sync,
        .xFileSize = faulty_file_size,
        .xLock = faulty_lock,
        .xUnlock = faulty_unlock,
        .xCheckReservedLock = faulty_check_lock,
        .xFileControl = faulty_control,
        .xSectorSize = faulty_sector_size,
        .xDeviceCharacteristics = faulty_characteristics,
        .xShmMap = faulty_shm_map,
        .xShmLock = faulty_shm_lock,
        .xShmBarrier = faulty_shm_barrier,
        .xShmUnmap = faulty_shm_unmap,
    };
    sqlite3_vfs_register(&faulty.vfs, 1);
}

/* Sectors of a write that was not synced: each arrives or not. */
static void faulty_apply_some(struct faulty_image *copy, const struct faulty_write *write)
{
    for (int at = 0; at < write->len; at += FAULTY_SECTOR) {
        int len = write->len - at < FAULTY_SECTOR ? write->len - at : FAULTY_SECTOR;

        if (rand() % 2)
            faulty_apply(copy, write->at + at, write->data + at, len);
    }
}

/* Write what the disk would hold after a power cut at this moment into the existing folder `dir`. */
static void faulty_power_cut(const char *dir, bool keep_some_unsynced)
{
    pthread_mutex_lock(&faulty.lock);
    for (int i = 0; i < FAULTY_FILES_MAX && faulty.images[i].path[0]; i++) {
        const struct faulty_image *image = &faulty.images[i];
        struct faulty_image copy = { .len = 0 };
        const char *name = strrchr(image->path, '/');
        char path[320];
        FILE *out;

        if (image->len)
            faulty_apply(&copy, 0, image->data, (int)image->len);
        for (const struct faulty_write *write = image->first; write && keep_some_unsynced; write = write->next) {
            if (write->len >= 0)
                faulty_apply_some(&copy, write);
        }
        snprintf(path, sizeof path, "%s%s", dir, name ? name : "/none");
        out = copy.len ? fopen(path, "wb") : NULL;
        if (out) {
            size_t written = fwrite(copy.data, 1, copy.len, out);

            assert(written == copy.len);
            fclose(out);
        }
        free(copy.data);
    }
    pthread_mutex_unlock(&faulty.lock);
}

static void faulty_forget(void)
{
    pthread_mutex_lock(&faulty.lock);
    for (int i = 0; i < FAULTY_FILES_MAX; i++) {
        struct faulty_image *image = &faulty.images[i];

        while (image->first) {
            struct faulty_write *write = image->first;

            image->first = write->next;
            free(write);
        }
        free(image->data);
        *image = (struct faulty_image){ 0 };
    }
    pthread_mutex_unlock(&faulty.lock);
}

#endif
