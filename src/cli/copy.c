#include "cli/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 << 10)
#define DEPTH_MAX 16

/* Any thread; set once. */
static atomic_bool cancelled;

void copy_cancel(void)
{
    atomic_store(&cancelled, true);
}

static void to_hex(const unsigned char hash[crypto_hash_sha256_BYTES], char hex[SHA256_HEX + 1])
{
    sodium_bin2hex(hex, SHA256_HEX + 1, hash, crypto_hash_sha256_BYTES);
}

static bool fault(struct buf *error, const char *path, const char *what)
{
    buf_printf(error, "%s cannot be %s: %s.", path, what, strerror(errno));
    return false;
}

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Read `from` to its end, write it to `to` (-1: nowhere), hash it. errno says what went wrong. */
static bool pump(int from, int to, char hex[SHA256_HEX + 1], struct copied *copied)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    char *piece = malloc(PIECE_BYTES);
    bool ok = true;
    ssize_t n;

    if (!piece)
        abort();
    crypto_hash_sha256_init(&state);
    while (ok && (n = read(from, piece, PIECE_BYTES)) != 0) {
        if (atomic_load_explicit(&cancelled, memory_order_relaxed)) {
            errno = ECANCELED;
            ok = false;
            break;
        }
        if (n < 0) {
            ok = errno == EINTR;
            continue;
        }
        crypto_hash_sha256_update(&state, (unsigned char *)piece, (unsigned long long)n);
        copied->bytes += (uint64_t)n;
        ok = to < 0 || write_all(to, piece, (size_t)n);
    }
    crypto_hash_sha256_final(&state, hash);
    to_hex(hash, hex);
    copied->files++;
    free(piece);
    return ok;
}

static bool make_folders_above(int folder, const char *path)
{
    struct buf part = buf_heap();
    bool ok = true;

    buf_str(&part, path);
    for (size_t i = 1; ok && i < part.len; i++) {
        if (part.data[i] != '/')
            continue;
        part.data[i] = '\0';
        ok = mkdirat(folder, part.data, 0700) == 0 || errno == EEXIST;
        part.data[i] = '/';
    }
    buf_free(&part);
    return ok;
}

bool copy_file(int from_folder, const char *from, int to_folder, const char *to, char hex[SHA256_HEX + 1], struct copied *copied, bool *missing,
               struct buf *error)
{
    int in = openat(from_folder, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out;
    bool ok;

    if (in < 0) {
        if (missing && errno == ENOENT)
            *missing = true;
        return fault(error, from, "read");
    }
    out = make_folders_above(to_folder, to) ? openat(to_folder, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    ok = out >= 0 && pump(in, out, hex, copied);
    if (!ok)
        fault(error, to, "written");
    if (out >= 0 && close(out) && ok)
        ok = fault(error, to, "written");
    close(in);
    return ok;
}

/* One entry of a tree. `path` is its place under both folders. */
static bool copy_entry(int from_folder, struct buf *path, int to_folder, unsigned depth, struct buf *sums, struct copied *copied, struct buf *error);

static bool copy_folder(int from_folder, struct buf *path, int to_folder, unsigned depth, struct buf *sums, struct copied *copied,
                        struct buf *error)
{
    int fd = openat(from_folder, path->data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    size_t len = path->len;
    bool ok = true;

    if (!dir) {
        bool gone = errno == ENOENT;

        if (fd >= 0)
            close(fd);
        return gone || fault(error, path->data, "read");
    }
    while (ok && (errno = 0, entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        buf_printf(path, "/%s", entry->d_name);
        ok = copy_entry(from_folder, path, to_folder, depth, sums, copied, error);
        path->len = len;
        path->data[len] = '\0';
    }
    if (ok && errno)
        ok = fault(error, path->data, "read");
    closedir(dir);
    return ok;
}

static bool copy_entry(int from_folder, struct buf *path, int to_folder, unsigned depth, struct buf *sums, struct copied *copied, struct buf *error)
{
    char hex[SHA256_HEX + 1];
    bool missing = false;
    struct stat found;

    if (fstatat(from_folder, path->data, &found, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT || fault(error, path->data, "read");
    if (S_ISDIR(found.st_mode)) {
        if (depth == DEPTH_MAX) {
            buf_printf(error, "%s lies more than %d folders deep.", path->data, DEPTH_MAX);
            return false;
        }
        return copy_folder(from_folder, path, to_folder, depth + 1, sums, copied, error);
    }
    if (!S_ISREG(found.st_mode) || strchr(path->data, '\n')) {
        buf_printf(error, "%s is no plain file of ours; take it away.", path->data);
        return false;
    }
    if (!copy_file(from_folder, path->data, to_folder, path->data, hex, copied, &missing, error)) {
        if (missing)
            buf_clear(error);
        return missing;
    }
    buf_printf(sums, "%s  %s\n", hex, path->data);
    return true;
}

bool copy_tree(int from_folder, const char *name, int to_folder, struct buf *sums, struct copied *copied, struct buf *error)
{
    struct buf path = buf_heap();
    bool ok;

    buf_str(&path, name);
    ok = copy_folder(from_folder, &path, to_folder, 1, sums, copied, error);
    buf_free(&path);
    return ok;
}

bool copy_hash(int folder, const char *path, char hex[SHA256_HEX + 1], struct copied *copied, struct buf *error)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && pump(fd, -1, hex, copied);

    if (!ok)
        fault(error, path, "read");
    if (fd >= 0)
        close(fd);
    return ok;
}

bool copy_write(int folder, const char *path, const struct buf *text, struct buf *error)
{
    int fd = openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, text->data, text->len);

    if (!ok)
        fault(error, path, "written");
    if (fd >= 0 && close(fd) && ok)
        ok = fault(error, path, "written");
    return ok;
}

void copy_hash_text(const struct buf *text, char hex[SHA256_HEX + 1])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)text->data, text->len);
    to_hex(hash, hex);
}

bool copy_sync(int folder, struct buf *error)
{
    /* One call for all files: a hundred thousand fsyncs of small tickets would take minutes. It reports write-back faults since Linux 5.8. */
    if (syncfs(folder) == 0)
        return true;
    buf_printf(error, "The files cannot be made durable: %s.", strerror(errno));
    return false;
}

static void remove_below(int folder, const char *name, unsigned depth)
{
    int fd;
    DIR *dir;
    struct dirent *entry;

    if (unlinkat(folder, name, 0) == 0 || depth > DEPTH_MAX + 1)
        return;
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_below(dirfd(dir), entry->d_name, depth + 1);
    closedir(dir);
    unlinkat(folder, name, AT_REMOVEDIR);
}

void copy_remove(int folder, const char *name)
{
    remove_below(folder, name, 0);
}
