/* key_files.c - the identity's files under DIR/keys, and the rotation of the keys that sign tokens. See parts.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "identity/parts.h"

enum { KEY_FILE_MAX = 128 * 1024 };

static const char token_keys[] = "tokens.pem";

void key_file_forget(struct buf *secret)
{
    if (secret->data)
        OPENSSL_cleanse(secret->data, secret->len);
    buf_free(secret);
}

/* ---- the folder ---- */

/* The folder with its lock held; let go by close. The lock is the owner's of the descriptor, so threads keep each other out too. */
struct folder {
    int dir, lock;
};

static void folder_close(struct folder *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    if (folder->dir >= 0)
        close(folder->dir);
}

static bool folder_lock(const char *dir, struct folder *out, struct buf *error)
{
    char path[4096];

    *out = (struct folder){ -1, -1 };
    if (snprintf(path, sizeof path, "%s/keys", dir) >= (int)sizeof path)
        errno = ENAMETOOLONG;
    else if (mkdir(path, 0700) == 0 || errno == EEXIST)
        out->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->dir >= 0)
        out->lock = openat(out->dir, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (out->lock >= 0) {
        if (flock(out->lock, LOCK_EX) == 0)
            return true;
        if (errno != EINTR)
            break;
    }
    buf_printf(error, "cannot open and lock %s/keys: %s", dir, strerror(errno));
    folder_close(out);
    return false;
}

static bool write_all(int file, const char *data, size_t len)
{
    while (len) {
        ssize_t wrote = write(file, data, len);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        data += wrote;
        len -= (size_t)wrote;
    }
    return true;
}

/* With the lock held. The hidden file of one that was killed is written over. False with errno. */
static bool replace_locked(const struct folder *folder, const char *name, const struct buf *content)
{
    char fresh[64];

    snprintf(fresh, sizeof fresh, ".%s.new", name);
    int file = openat(folder->dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool good = fchmod(file, 0600) == 0 && write_all(file, content->data, content->len) && fsync(file) == 0;
    int why = errno;
    close(file);
    errno = why;
    good = good && renameat(folder->dir, fresh, folder->dir, name) == 0 && fsync(folder->dir) == 0;
    why = errno;
    if (!good)
        unlinkat(folder->dir, fresh, 0);
    errno = why;
    return good;
}

/* The file's content in `out`; false with errno. */
static bool read_at(int dir, const char *name, struct buf *out)
{
    int file = openat(dir, name, O_RDONLY | O_CLOEXEC);
    struct stat about;
    ssize_t got = -1;

    if (file < 0)
        return false;
    if (fstat(file, &about) == 0 && about.st_size <= KEY_FILE_MAX) {
        if (about.st_mode & (S_IRWXG | S_IRWXO))
            log_warn("a key file of the identity can be read by others than its owner; its mode should be 0600");
        got = read(file, buf_reserve(out, KEY_FILE_MAX), KEY_FILE_MAX);
        out->len += got > 0 ? (size_t)got : 0;
    } else {
        errno = EFBIG;
    }
    close(file);
    if (got == 0)
        errno = ENODATA;
    return got > 0;
}

bool key_file_read(const char *dir, const char *name, struct buf *out)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/keys/%s", dir, name);
    return read_at(AT_FDCWD, path, out);
}

bool key_file_remove(const char *dir, const char *name, struct buf *error)
{
    struct folder folder;

    if (!folder_lock(dir, &folder, error))
        return false;
    bool good = (unlinkat(folder.dir, name, 0) == 0 && fsync(folder.dir) == 0) || errno == ENOENT;
    if (!good)
        buf_printf(error, "cannot remove %s/keys/%s: %s", dir, name, strerror(errno));
    folder_close(&folder);
    return good;
}

static bool make_locked(const struct folder *folder, const char *name, bool (*make)(struct buf *out), struct buf *out)
{
    struct buf fresh = buf_heap();
    bool made = make(&fresh) && replace_locked(folder, name, &fresh);

    key_file_forget(&fresh);
    return made && read_at(folder->dir, name, out);
}

/* Where two processes make it, the first one's stands: the second finds it under the lock. */
bool key_file(const char *dir, const char *name, bool (*make)(struct buf *out), struct buf *out, struct buf *error)
{
    struct folder folder;

    if (key_file_read(dir, name, out))
        return true;
    if (errno == ENOENT) {
        if (!folder_lock(dir, &folder, error))
            return false;
        bool good = read_at(folder.dir, name, out) || (errno == ENOENT && make_locked(&folder, name, make, out));
        int why = errno;
        folder_close(&folder);
        if (good)
            return true;
        errno = why;
    }
    buf_printf(error, "cannot read or make %s/keys/%s: %s", dir, name, strerror(errno));
    return false;
}

bool key_file_replace(const char *dir, const char *name, const struct buf *content, struct buf *error)
{
    struct folder folder;

    if (!folder_lock(dir, &folder, error))
        return false;
    bool good = replace_locked(&folder, name, content);
    if (!good)
        buf_printf(error, "cannot write %s/keys/%s: %s", dir, name, strerror(errno));
    folder_close(&folder);
    return good;
}

/* ---- the keys that sign tokens ---- */

bool token_keys_seen(const char *dir, struct key_file_stamp *out)
{
    char path[4096];
    struct stat about;

    *out = (struct key_file_stamp){ 0 };
    snprintf(path, sizeof path, "%s/keys/%s", dir, token_keys);
    if (stat(path, &about) != 0)
        return false;
    *out = (struct key_file_stamp){ about.st_dev, about.st_ino, (uint64_t)about.st_size, about.st_ctim.tv_sec, about.st_ctim.tv_nsec };
    return true;
}

static bool pool_from_text(const char *dir, const struct buf *text, int64_t life_s, struct jwt_pool *pool, struct buf *error)
{
    if (!jwt_keys_add(pool, text->data, text->len)) {
        jwt_keys_free(pool);
        buf_printf(error, "%s/keys/%s does not hold RSA keys of %d to %d bits in PEM, as usher writes them, %d at most", dir, token_keys, JWT_RSA_BITS,
                   JWT_RSA_BITS_MAX, JWT_KEYS_MAX);
        return false;
    }
    jwt_keys_end(pool, life_s);
    return true;
}

bool token_keys_read(const char *dir, int64_t life_s, bool make, struct jwt_pool *pool, struct buf *error)
{
    struct buf text = buf_heap();
    bool good = make ? key_file(dir, token_keys, jwt_key_make, &text, error) : key_file_read(dir, token_keys, &text);

    if (!good && !make)
        buf_printf(error, "cannot read %s/keys/%s: %s", dir, token_keys, strerror(errno));
    good = good && pool_from_text(dir, &text, life_s, pool, error);
    key_file_forget(&text);
    return good;
}

static bool write_pool_locked(const struct folder *folder, const struct jwt_pool *pool)
{
    struct buf text = buf_heap();
    bool good = jwt_keys_write(pool, &text) && replace_locked(folder, token_keys, &text);

    key_file_forget(&text);
    return good;
}

static bool add_new_key(struct jwt_pool *pool, int64_t signs_from_ms)
{
    struct buf pem = buf_heap();
    size_t before = pool->key_count;
    bool made = jwt_key_make(&pem) && jwt_keys_add(pool, pem.data, pem.len);

    if (made)
        pool->keys[before].signs_from_ms = signs_from_ms;
    key_file_forget(&pem);
    return made;
}

static enum err refuse_full(const struct jwt_pool *pool, struct buf *error)
{
    char at[CLOCK_TEXT_LEN + 1] = "";
    int64_t first_ms = INT64_MAX;

    for (size_t i = 0; i < pool->key_count; i++) {
        if (pool->keys[i].leaves_at_ms)
            first_ms = MIN(first_ms, pool->keys[i].leaves_at_ms);
    }
    if (first_ms != INT64_MAX)
        clock_format(first_ms, at);
    buf_printf(error, "There are %d keys, and no more are kept; the first of them leaves at %s. Wait for that, or replace them all with --now.",
               JWT_KEYS_MAX, *at ? at : "no time that is known");
    return ERR_CONFLICT;
}

enum err token_keys_rotate(const char *dir, int64_t life_s, bool at_once, struct buf *error)
{
    struct jwt_pool pool = { .key_count = 0 };
    struct buf text = buf_heap();
    struct folder folder;
    enum err e = ERR_INTERNAL;

    if (!folder_lock(dir, &folder, error))
        return ERR_INTERNAL;
    int64_t now_ms = clock_now_ms();
    /* With `at_once` nothing of the old file is needed, not even that it can be read. */
    if (!at_once && !read_at(folder.dir, token_keys, &text) && errno != ENOENT) {
        buf_printf(error, "cannot read %s/keys/%s: %s", dir, token_keys, strerror(errno));
        goto done;
    }
    if (text.len && !pool_from_text(dir, &text, life_s, &pool, error))
        goto done;
    jwt_keys_drop_left(&pool, now_ms);
    if (pool.key_count == JWT_KEYS_MAX) {
        e = refuse_full(&pool, error);
        goto done;
    }
    if (add_new_key(&pool, pool.key_count == 0 ? now_ms : now_ms + KEY_LEAD_SECONDS * 1000) && write_pool_locked(&folder, &pool))
        e = ERR_OK;
    else
        buf_printf(error, "cannot write %s/keys/%s: %s", dir, token_keys, strerror(errno));
done:
    key_file_forget(&text);
    jwt_keys_free(&pool);
    folder_close(&folder);
    return e;
}

void token_keys_prune(const char *dir, int64_t life_s)
{
    struct jwt_pool pool = { .key_count = 0 };
    struct buf text = buf_heap(), error = buf_heap();
    struct folder folder;

    if (folder_lock(dir, &folder, &error)) {
        if (read_at(folder.dir, token_keys, &text) && pool_from_text(dir, &text, life_s, &pool, &error) &&
            jwt_keys_drop_left(&pool, clock_now_ms()) && !write_pool_locked(&folder, &pool))
            buf_printf(&error, "cannot write %s/keys/%s: %s", dir, token_keys, strerror(errno));
        folder_close(&folder);
    }
    if (error.len)
        log_warn("%s", error.data);
    key_file_forget(&text);
    buf_free(&error);
    jwt_keys_free(&pool);
}
