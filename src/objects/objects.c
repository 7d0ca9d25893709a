/*
 * Objects are files of DIR/objects, under their key. A file is whole or not
 * there: it is written beside its place, synced and renamed, and the folders
 * that name it are synced too.
 */
#include "objects/objects.h"
#include "objects/objects_inside.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"

#define KEY_BYTES_MAX 512
#define SECRET_BYTES 30
#define REGION "us-east-1" /* what clients of S3-compatible servers assume when told nothing */

struct objects {
    /* Set by objects_open, constant from then on: any thread reads freely. */
    struct app *app;
    int folder, fresh;        /* DIR/objects, and DIR/objects/.new for what is being written */
    char access_key[24], secret_key[48];
};

bool objects_key_good(const char *key)
{
    size_t len = strlen(key);

    if (len == 0 || len > KEY_BYTES_MAX || key[0] == '/' || key[len - 1] == '/')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = key[i];

        /* No part begins with a dot (so neither "." nor ".." nor .new) and none is empty. */
        if ((c == '.' || c == '/') && (i == 0 || key[i - 1] == '/'))
            return false;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._/-", c)))
            return false;
    }
    return true;
}

static enum err disk_err(int error)
{
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return ERR_DISK_FULL;
    log_error("An object could not be written: %s.", strerror(error));
    return ERR_INTERNAL;
}

/* ---- credentials ---- */

static bool text_from_random(char *out, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t bytes[64];

    assert(len <= sizeof bytes);
    random_bytes(bytes, len);
    for (size_t i = 0; i < len; i++)
        out[i] = letters[bytes[i] & 31];
    out[len] = '\0';
    return true;
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

/* Two lines, access key and secret; made on the first start. */
static bool credentials_load(struct objects *objects, const char *dir, struct buf *error)
{
    char path[4096], fresh[4104], text[128];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "%s/keys", dir);
    if (mkdir(path, 0700) && errno != EEXIST) {
        buf_printf(error, "The folder %s cannot be made: %s.", path, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%s/keys/objects", dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        char access[17], secret[SECRET_BYTES + 11];
        bool written;

        text_from_random(access, 16);
        text_from_random(secret, 40);
        snprintf(text, sizeof text, "USHR%s\n%s\n", access, secret);
        snprintf(fresh, sizeof fresh, "%s.new", path);
        fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        written = fd >= 0 && write_all(fd, text, strlen(text)) && fsync(fd) == 0;
        if (fd >= 0)
            close(fd);
        if (!written || rename(fresh, path)) {
            buf_printf(error, "The file %s cannot be written: %s.", path, strerror(errno));
            return false;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        buf_printf(error, "The file %s cannot be read: %s.", path, strerror(errno));
        return false;
    }
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%23[A-Za-z0-9]\n%47[A-Za-z0-9/+]\n", objects->access_key, objects->secret_key) != 2) {
        buf_printf(error, "The file %s does not hold an access key and a secret on two lines.", path);
        return false;
    }
    return true;
}

/* ---- life ---- */

/* What a killed process was writing. An hour old: another one may be at work in the same folder. */
static void sweep_fresh(struct objects *objects)
{
    DIR *folder = fdopendir(dup(objects->fresh));
    struct dirent *entry;
    struct stat stat;

    while (folder && (entry = readdir(folder))) {
        if (fstatat(objects->fresh, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode) && stat.st_mtime < time(NULL) - 3600)
            unlinkat(objects->fresh, entry->d_name, 0);
    }
    if (folder)
        closedir(folder);
}

struct objects *objects_open(struct app *app, const char *dir, struct buf *error)
{
    struct objects *objects = calloc(1, sizeof *objects);
    char path[4096];

    if (!objects)
        log_die("Out of memory.");
    objects->app = app;
    objects->folder = objects->fresh = -1;
    snprintf(path, sizeof path, "%s/objects", dir);
    if ((mkdir(path, 0700) && errno != EEXIST) || (objects->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        (mkdirat(objects->folder, ".new", 0700) && errno != EEXIST) ||
        (objects->fresh = openat(objects->folder, ".new", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        buf_printf(error, "The folder %s cannot be used: %s.", path, strerror(errno));
        objects_close(objects);
        return NULL;
    }
    sweep_fresh(objects);
    if (!credentials_load(objects, dir, error)) {
        objects_close(objects);
        return NULL;
    }
    return objects;
}

void objects_close(struct objects *objects)
{
    if (!objects)
        return;
    if (objects->fresh >= 0)
        close(objects->fresh);
    if (objects->folder >= 0)
        close(objects->folder);
    explicit_bzero(objects->secret_key, sizeof objects->secret_key);
    free(objects);
}

/* ---- files ---- */

/* The folder that holds `key`, made where missing; -1 with errno. A new folder's name is on the disk before anything is put into it. */
static int folder_of(struct objects *objects, const char *key)
{
    int at = dup(objects->folder);
    const char *slash;

    while (at >= 0 && (slash = strchr(key, '/'))) {
        char name[KEY_BYTES_MAX + 1];
        int next, error;

        memcpy(name, key, (size_t)(slash - key));
        name[slash - key] = '\0';
        next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && errno == ENOENT) {
            if ((mkdirat(at, name, 0700) == 0 && fsync(at) == 0) || errno == EEXIST)
                next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        error = errno;
        close(at);
        errno = error;
        at = next;
        key = slash + 1;
    }
    return at;
}

static const char *last_part(const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash ? slash + 1 : key;
}

enum err objects_put(struct objects *objects, const char *key, const void *data, size_t len)
{
    uint8_t random[12];
    char name[sizeof random * 2 + 1];
    enum err e = ERR_OK;
    int fd, folder;

    assert(objects_key_good(key));
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(name + 2 * i, 3, "%02x", random[i]);
    fd = openat(objects->fresh, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return disk_err(errno);
    folder = folder_of(objects, key);
    if (folder < 0 || !write_all(fd, data, len) || fsync(fd) ||
        renameat(objects->fresh, name, folder, last_part(key)) || fsync(folder)) {
        e = disk_err(errno);
        unlinkat(objects->fresh, name, 0);
    }
    if (folder >= 0)
        close(folder);
    close(fd);
    return e;
}

int objects_file(struct objects *objects, const char *key, int64_t *size)
{
    struct stat stat;
    int fd;

    if (!objects_key_good(key))
        return -1;
    fd = openat(objects->folder, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &stat) || !S_ISREG(stat.st_mode)) {
        close(fd);
        return -1;
    }
    *size = stat.st_size;
    return fd;
}

bool objects_exists(struct objects *objects, const char *key)
{
    struct stat stat;

    return objects_key_good(key) && fstatat(objects->folder, key, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode);
}

enum err objects_delete(struct objects *objects, const char *key)
{
    if (!objects_key_good(key) || (unlinkat(objects->folder, key, 0) && errno != ENOENT))
        return ERR_INTERNAL;
    return ERR_OK;
}

enum err objects_clear(struct objects *objects, const char *folder, bool (*gone)(void *arg, const char *name), void *arg)
{
    bool good = true, changed = false;
    struct dirent *entry;
    DIR *entries;
    int fd;

    if (!objects_key_good(folder))
        return ERR_INTERNAL;
    fd = openat(objects->folder, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_OK : ERR_INTERNAL;
    entries = fdopendir(fd);
    if (!entries) {
        close(fd);
        return ERR_INTERNAL;
    }
    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.' || !gone(arg, entry->d_name))
            continue;
        changed = true;
        good = (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) && good;
    }
    good = (!changed || fsync(fd) == 0) && good;
    closedir(entries);
    return good ? ERR_OK : ERR_INTERNAL;
}

/* ---- ranges ---- */

static bool decimal(const char **at, int64_t *out)
{
    const char *from = *at;

    *out = 0;
    while (**at >= '0' && **at <= '9') {
        if (*at - from >= 18)
            return false;
        *out = *out * 10 + (*(*at)++ - '0');
    }
    return *at > from;
}

enum err objects_range(const char *header, int64_t size, int64_t *offset, int64_t *length)
{
    int64_t first, last = INT64_MAX;

    if (strncmp(header, "bytes=", 6) != 0)
        return ERR_INVALID;
    header += 6;
    if (*header == '-') {
        header++;
        if (!decimal(&header, &last) || *header)
            return ERR_INVALID;
        if (last == 0 || size == 0)
            return ERR_RANGE;
        *length = MIN(last, size);
        *offset = size - *length;
        return ERR_OK;
    }
    if (!decimal(&header, &first) || *header++ != '-')
        return ERR_INVALID;
    if (*header && (!decimal(&header, &last) || *header || last < first))
        return ERR_INVALID;
    if (first >= size)
        return ERR_RANGE;
    *offset = first;
    *length = MIN(last, size - 1) - first + 1;
    return ERR_OK;
}

/* ---- addresses ---- */

struct objects_address objects_address(struct arena *arena, const char *public_url)
{
    struct objects_address out = { .scheme = "http", .prefix = "" };
    const char *rest = strstr(public_url, "://"), *slash, *port;
    size_t len;
    char *host;

    if (rest) {
        out.scheme = arena_copy(arena, public_url, (size_t)(rest - public_url));
        rest += 3;
    } else {
        rest = public_url;
    }
    slash = strchr(rest, '/');
    len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (slash)
        out.prefix = slash;
    /* Browsers leave the scheme's own port out of Host and send names in lower case; what is signed must be what they send. */
    port = strcmp(out.scheme, "https") == 0 ? ":443" : ":80";
    if (len > strlen(port) && memcmp(rest + len - strlen(port), port, strlen(port)) == 0)
        len -= strlen(port);
    host = arena_copy(arena, rest, len);
    for (char *c = host; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    out.host = host;
    return out;
}

struct sigv4 objects_signer(struct objects *objects, const char *host)
{
    return (struct sigv4){ objects->access_key, objects->secret_key, REGION, host };
}

char *objects_presign(struct objects *objects, struct arena *arena, const char *key, const char *filename, const char *content_type,
                      int seconds, int64_t now_ms)
{
    struct objects_address address = objects_address(arena, objects->app->public_url);
    struct sigv4 with = objects_signer(objects, address.host);
    const char *extra[5] = { NULL };
    size_t n = 0;

    assert(objects_key_good(key));
    if (filename) {
        /* Names are ours and ASCII; a quote or a backslash would end the quoted string. */
        assert(!strpbrk(filename, "\"\\\r\n"));
        extra[n++] = "response-content-disposition";
        extra[n++] = arena_printf(arena, "attachment; filename=\"%s\"", filename);
    }
    if (content_type) {
        extra[n++] = "response-content-type";
        extra[n++] = content_type;
    }
    return sigv4_presign(arena, &with, "GET", address.scheme, arena_printf(arena, "%s/objects/%s", address.prefix, key), extra, seconds, now_ms);
}
