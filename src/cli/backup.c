/*
 * backup.c - a copy of a data folder, and a data folder from a copy.
 *
 *     DIR/backup-20261122T190000.000Z/
 *         manifest.json    version, time, how many files and bytes, and the SHA-256 of SHA256SUMS
 *         SHA256SUMS       as sha256sum writes and checks it: every other file
 *         usher.db         the database in one snapshot
 *         keys/  objects/  as in the data folder
 *
 * The folder is filled under a name that begins with a dot, synced and then
 * renamed: what bears the name is whole. The database is copied before the
 * files, so every file that its rows speak of is there. The simulator's
 * database stays out: its money is not money.
 */
#include "cli/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/copy.h"
#include "cli/parts.h"
#include "store/store.h"

#define FORMAT 1
#define SUMS_BYTES_MAX ((size_t)512 << 20) /* some four million files */

static const char *const trees[] = { "keys", "objects" };

struct result {
    char name[64]; /* of the new folder, within DIR */
    struct copied copied;
};

/* ---- backup ---- */

static void name_backup(char name[64])
{
    struct civil now = clock_civil(clock_now_ms());

    snprintf(name, 64, "backup-%04d%02d%02dT%02d%02d%02d.%03dZ", now.year, now.month, now.day, now.hour, now.minute, now.second, now.ms);
}

static bool write_manifest(int folder, const struct buf *sums, const struct copied *copied, struct buf *error)
{
    char hex[SHA256_HEX + 1];
    struct buf text = buf_heap();
    bool ok;

    copy_hash_text(sums, hex);
    json_open(&text, NULL);
    json_int(&text, "format", FORMAT);
    json_str(&text, "usherVersion", USHER_VERSION);
    json_time(&text, "createdAt", clock_now_ms());
    json_int(&text, "files", (int64_t)copied->files);
    json_int(&text, "bytes", (int64_t)copied->bytes);
    json_str(&text, "sums", hex);
    json_close(&text);
    buf_char(&text, '\n');
    ok = copy_write(folder, "SHA256SUMS", sums, error) && copy_write(folder, "manifest.json", &text, error);
    buf_free(&text);
    return ok;
}

/* Fill `folder` (whose path is `path`) with all that belongs into a backup. */
static bool fill(struct app *app, int data, int folder, const char *path, struct copied *copied, struct buf *error)
{
    struct buf sums = buf_heap(), database = buf_heap();
    char hex[SHA256_HEX + 1];
    bool ok;

    buf_printf(&database, "%s/usher.db", path);
    ok = store_snapshot(app->store, database.data, error) == ERR_OK && copy_hash(folder, "usher.db", hex, copied, error);
    if (ok)
        buf_printf(&sums, "%s  usher.db\n", hex);
    for (size_t i = 0; ok && i < COUNT(trees); i++)
        ok = copy_tree(data, trees[i], folder, &sums, copied, error);
    ok = ok && write_manifest(folder, &sums, copied, error) && copy_sync(folder, error);
    buf_free(&sums);
    buf_free(&database);
    return ok;
}

/* What a backup that was killed left behind. The lock on DIR says that nobody is writing one. */
static void remove_leftovers(int dir)
{
    int again = dup(dir);
    DIR *list = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;

    if (!list)
        return;
    rewinddir(list);
    while ((entry = readdir(list)))
        if (!strncmp(entry->d_name, ".backup-", 8))
            copy_remove(dir, entry->d_name);
    closedir(list);
}

static bool back_up(struct app *app, const char *to, struct result *result, struct buf *error)
{
    struct buf path = buf_heap();
    int dir = -1, data = -1, folder = -1;
    const char *hidden;
    bool ok = false;

    name_backup(result->name);
    buf_printf(&path, "%s/.%s", to, result->name);
    hidden = path.data + strlen(to) + 1;
    if (!cli_make_folders(to, error))
        goto done;
    dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    data = open(app->config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || data < 0) {
        buf_printf(error, "%s cannot be opened: %s.", dir < 0 ? to : app->config->data, strerror(errno));
        goto done;
    }
    if (flock(dir, LOCK_EX | LOCK_NB)) {
        buf_printf(error, "Another backup is being written into %s.", to);
        goto done;
    }
    remove_leftovers(dir);
    if (mkdirat(dir, hidden, 0700) || (folder = openat(dir, hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        buf_printf(error, "%s cannot be made: %s.", path.data, strerror(errno));
        goto done;
    }
    ok = fill(app, data, folder, path.data, &result->copied, error);
    if (ok && (renameat(dir, hidden, dir, result->name) || fsync(dir))) {
        buf_printf(error, "%s cannot be renamed: %s.", path.data, strerror(errno));
        ok = false;
    }
    if (!ok)
        copy_remove(dir, hidden);
done:
    if (folder >= 0)
        close(folder);
    if (data >= 0)
        close(data);
    if (dir >= 0)
        close(dir);
    buf_free(&path);
    return ok;
}

enum err backup_serving(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    const char *to = json_string_value(json_object_get(request, "dir"));
    struct buf error = buf_heap();
    struct result result = { .copied = { 0 } };
    enum err e = ERR_OK;

    if (!to || to[0] != '/')
        return fault_set(fault, ERR_BAD_REQUEST, "The request is not one of ours.");
    if (back_up(app, to, &result, &error)) {
        json_str(reply, "backup", arena_printf(arena, "%s/%s", to, result.name));
        json_int(reply, "files", (int64_t)result.copied.files);
        json_int(reply, "bytes", (int64_t)result.copied.bytes);
    } else {
        e = fault_set(fault, ERR_INTERNAL, "%s", error.len ? error.data : "The backup could not be written.");
    }
    buf_free(&error);
    return e;
}

/* The server has a working folder of its own: what it is told must not depend on ours. */
static bool absolute(const char *path, struct buf *out)
{
    char here[PATH_MAX];

    if (path[0] == '/') {
        buf_str(out, path);
        return true;
    }
    if (!getcwd(here, sizeof here)) {
        cli_complain("the working folder has no path: %s.", strerror(errno));
        return false;
    }
    buf_printf(out, "%s/%s", here, path);
    return true;
}

static int say_what_was_done(const struct json_t *answer)
{
    struct buf out = buf_heap();
    int code;

    buf_printf(&out, "%s: %" JSON_INTEGER_FORMAT " files, %" JSON_INTEGER_FORMAT " bytes\n", json_string_value(json_object_get(answer, "backup")),
               json_integer_value(json_object_get(answer, "files")), json_integer_value(json_object_get(answer, "bytes")));
    code = cli_print(&out) ? EXIT_DONE : EXIT_FAILED;
    buf_free(&out);
    return code;
}

int backup_run(const struct args *args)
{
    struct buf path = buf_heap(), request = buf_heap();
    struct arena *arena = arena_new(0);
    struct json_t *answer = NULL;
    struct config config;
    int code = EXIT_USAGE;

    if (args_config(args, &config)) {
        if (absolute(args->word[0], &path)) {
            json_open(&request, NULL);
            json_str(&request, "command", "backup");
            json_str(&request, "dir", path.data);
            json_close(&request);
            answer = control_carry_out(&config, &request, false, arena);
        }
        code = answer ? say_what_was_done(answer) : EXIT_FAILED;
        config_free(&config);
    }
    buf_free(&path);
    buf_free(&request);
    arena_free(arena);
    return code;
}

/* ---- restore ---- */

/* A whole file as text. */
static bool read_text(int folder, const char *name, size_t most, struct buf *out, struct buf *error)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;

    while (n > 0 && out->len <= most) {
        n = read(fd, buf_reserve(out, 65536), 65536);
        if (n > 0)
            out->len += (size_t)n;
    }
    if (n < 0)
        buf_printf(error, "%s cannot be read: %s.", name, strerror(errno));
    else if (out->len > most)
        buf_printf(error, "%s is larger than any of ours.", name);
    if (fd >= 0)
        close(fd);
    buf_reserve(out, 0)[0] = '\0';
    return !error->len;
}

static bool holds_manifest(int dir, const char *name)
{
    struct buf path = buf_heap();
    struct stat found;
    bool holds;

    buf_printf(&path, "%s/manifest.json", name);
    holds = fstatat(dir, path.data, &found, 0) == 0;
    buf_free(&path);
    return holds;
}

/* The newest backup under DIR, or DIR itself; -1 and a sentence when there is none. Names sort by time. */
static int open_backup(const char *path, struct buf *error)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), again, folder = -1;
    char newest[NAME_MAX + 1] = "";
    struct dirent *entry;
    DIR *list;

    if (dir < 0) {
        buf_printf(error, "%s cannot be opened: %s.", path, strerror(errno));
        return -1;
    }
    if (holds_manifest(dir, "."))
        return dir;
    again = dup(dir);
    list = again < 0 ? NULL : fdopendir(again);
    while (list && (entry = readdir(list)))
        if (!strncmp(entry->d_name, "backup-", 7) && strcmp(entry->d_name, newest) > 0 && holds_manifest(dir, entry->d_name))
            snprintf(newest, sizeof newest, "%s", entry->d_name);
    if (list)
        closedir(list);
    if (newest[0])
        folder = openat(dir, newest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        buf_printf(error, "There is no backup in %s.", path);
    close(dir);
    return folder;
}

struct manifest {
    int64_t files, bytes;
    char sums[SHA256_HEX + 1];
};

static bool read_manifest(int folder, struct manifest *out, struct buf *error)
{
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    struct buf text = buf_heap();
    struct json_t *manifest = NULL;
    const char *sums;

    if (read_text(folder, "manifest.json", 65536, &text, error)) {
        if (json_parse(arena, text.data, text.len, &manifest, &fault) || !json_is_object(manifest)) {
            buf_str(error, "The backup's manifest.json is damaged.");
        } else if (json_integer_value(json_object_get(manifest, "format")) != FORMAT) {
            buf_str(error, "The backup is of another format; take the usher that wrote it, or a newer one.");
        } else {
            sums = json_string_value(json_object_get(manifest, "sums"));
            out->files = json_integer_value(json_object_get(manifest, "files"));
            out->bytes = json_integer_value(json_object_get(manifest, "bytes"));
            snprintf(out->sums, sizeof out->sums, "%s", sums ? sums : "");
        }
    }
    buf_free(&text);
    arena_free(arena);
    return !error->len;
}

/* Only what a backup of ours holds: a manifest from elsewhere must not write over other places. */
static bool path_is_ours(const char *path)
{
    size_t len = strlen(path);

    if (!strcmp(path, "usher.db"))
        return true;
    if (strstr(path, "//") || strstr(path, "/.") || len > 1024)
        return false;
    for (size_t i = 0; i < COUNT(trees); i++)
        if (!strncmp(path, trees[i], strlen(trees[i])) && path[strlen(trees[i])] == '/')
            return true;
    return false;
}

/* Copy what a line of SHA256SUMS names, and compare. */
static bool restore_line(int from, int to, const char *line, struct copied *copied, struct buf *error)
{
    const char *path = line + SHA256_HEX + 2;
    char hex[SHA256_HEX + 1];

    if (strlen(line) < SHA256_HEX + 3 || strspn(line, "0123456789abcdef") != SHA256_HEX || strncmp(line + SHA256_HEX, "  ", 2) != 0 ||
        !path_is_ours(path)) {
        buf_str(error, "The backup's SHA256SUMS is damaged.");
        return false;
    }
    if (!copy_file(from, path, to, path, hex, copied, NULL, error))
        return false;
    if (strncmp(hex, line, SHA256_HEX) != 0) {
        buf_printf(error, "%s of the backup is damaged: its SHA-256 is not the one in the manifest.", path);
        return false;
    }
    return true;
}

/* Into the staging folder `to`. */
static bool restore_files(int from, int to, struct copied *copied, struct buf *error)
{
    struct buf sums = buf_heap();
    struct manifest manifest = { 0 };
    char hex[SHA256_HEX + 1], *rest, *line;
    bool ok = read_manifest(from, &manifest, error) && read_text(from, "SHA256SUMS", SUMS_BYTES_MAX, &sums, error);

    if (ok) {
        copy_hash_text(&sums, hex);
        ok = !strcmp(hex, manifest.sums) && !memchr(sums.data, 0, sums.len);
        if (!ok)
            buf_str(error, "The backup's SHA256SUMS is not the one that its manifest names.");
    }
    rest = sums.data;
    while (ok && (line = strsep(&rest, "\n")) && *line)
        ok = restore_line(from, to, line, copied, error);
    if (ok && ((int64_t)copied->files != manifest.files || (int64_t)copied->bytes != manifest.bytes)) {
        buf_str(error, "The backup holds other files than its manifest counts.");
        ok = false;
    }
    buf_free(&sums);
    return ok && copy_sync(to, error);
}

#define STAGING ".restore"

/* Into place, the database last: a data folder that holds one is whole. */
static bool move_into_place(int data, struct buf *error)
{
    static const char *const names[] = { "keys", "objects", "usher.db" };

    for (size_t i = 0; i < COUNT(names); i++) {
        char from[64];

        snprintf(from, sizeof from, STAGING "/%s", names[i]);
        if (renameat(data, from, data, names[i]) && errno != ENOENT) {
            buf_printf(error, "%s cannot be moved into the data folder: %s.", names[i], strerror(errno));
            return false;
        }
    }
    copy_remove(data, STAGING);
    return copy_sync(data, error);
}

/* Nothing of an older life may mix with what comes: not its database, keys or files. */
static bool is_unused(int data, const char *path, struct buf *error)
{
    static const char *const names[] = { "usher.db", "usher.db-wal", "keys", "objects", "sim.db" };

    for (size_t i = 0; i < COUNT(names); i++) {
        struct stat found;

        if (fstatat(data, names[i], &found, AT_SYMLINK_NOFOLLOW) == 0) {
            buf_printf(error, "%s holds %s already; a backup is restored into an empty or new folder.", path, names[i]);
            return false;
        }
    }
    return true;
}

static bool restore(const char *backup, const char *path, struct copied *copied, struct buf *error)
{
    int from = open_backup(backup, error), data = -1, staging = -1;
    bool ok = false;

    if (from < 0 || !cli_make_folders(path, error))
        goto done;
    data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0) {
        buf_printf(error, "%s cannot be opened: %s.", path, strerror(errno));
        goto done;
    }
    if (flock(data, LOCK_EX | LOCK_NB)) {
        buf_printf(error, "Another restore is under way in %s.", path);
        goto done;
    }
    if (!is_unused(data, path, error))
        goto done;
    copy_remove(data, STAGING);
    if (mkdirat(data, STAGING, 0700) || (staging = openat(data, STAGING, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        buf_printf(error, "%s/" STAGING " cannot be made: %s.", path, strerror(errno));
        goto done;
    }
    ok = restore_files(from, staging, copied, error) && move_into_place(data, error);
    if (!ok)
        copy_remove(data, STAGING);
done:
    if (staging >= 0)
        close(staging);
    if (data >= 0)
        close(data);
    if (from >= 0)
        close(from);
    return ok;
}

int restore_run(const struct args *args)
{
    struct buf error = buf_heap(), out = buf_heap();
    struct copied copied = { 0 };
    struct config config;
    int code = EXIT_FAILED;

    if (args_option(args, "at")) {
        cli_complain("--at: this version restores a backup as it was made; points in time come later.");
        return EXIT_USAGE;
    }
    if (!args_config(args, &config))
        return EXIT_USAGE;
    if (restore(args->word[0], config.data, &copied, &error)) {
        buf_printf(&out, "%s: %" PRIu64 " files, %" PRIu64 " bytes, each as the manifest says\n", config.data, copied.files, copied.bytes);
        code = cli_print(&out) ? EXIT_DONE : EXIT_FAILED;
    } else {
        cli_complain("%s", error.data);
    }
    buf_free(&error);
    buf_free(&out);
    config_free(&config);
    return code;
}
