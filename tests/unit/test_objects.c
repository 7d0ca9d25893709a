/* The object store on disk. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* the house has its own */

#include "base/clock.h"
#include "objects/objects_inside.h"

static char dir[] = "/tmp/usher-objects-XXXXXX";
static struct app app = { .public_url = "http://127.0.0.1:8080" };
static struct objects *objects;
static struct arena *arena;

static struct objects *reopen(void)
{
    struct buf error = buf_heap();
    struct objects *opened;

    objects_close(objects);
    opened = objects_open(&app, dir, &error);
    assert_null(error.data);
    assert_non_null(opened);
    return opened;
}

static int set_up(void **state)
{
    arena = arena_new(0);
    if (!mkdtemp(dir))
        return 1;
    objects = reopen();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    objects_close(objects);
    arena_free(arena);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void what_was_put_is_there_whole(void **state)
{
    static const char text[] = "one ticket";
    char read_back[32];
    int64_t size;
    int fd;

    assert_false(objects_exists(objects, "tickets/e/1.pdf"));
    assert_int_equal(objects_put(objects, "tickets/e/1.pdf", "older", 5), ERR_OK);
    assert_int_equal(objects_put(objects, "tickets/e/1.pdf", text, strlen(text)), ERR_OK);
    assert_true(objects_exists(objects, "tickets/e/1.pdf"));
    fd = objects_file(objects, "tickets/e/1.pdf", &size);
    assert_true(fd >= 0);
    assert_int_equal(size, strlen(text));
    assert_int_equal(read(fd, read_back, sizeof read_back), size);
    close(fd);
    assert_memory_equal(read_back, text, strlen(text));
    assert_int_equal(objects_file(objects, "tickets/e", &size), -1);
    assert_int_equal(objects_delete(objects, "tickets/e/1.pdf"), ERR_OK);
    assert_int_equal(objects_delete(objects, "tickets/e/1.pdf"), ERR_OK);
    assert_false(objects_exists(objects, "tickets/e/1.pdf"));
}

static bool begins_with(void *arg, const char *name)
{
    return strncmp(name, arg, strlen(arg)) == 0;
}

static bool everything(void *arg, const char *name)
{
    return true;
}

static void a_folder_is_cleared_of_what_is_named_and_of_nothing_else(void **state)
{
    static const char *const keys[] = { "tickets/f/1-a.pdf", "tickets/f/1-b.pdf", "tickets/f/2-a.pdf", "tickets/g/1-a.pdf" };

    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(objects_put(objects, keys[i], "x", 1), ERR_OK);
    assert_int_equal(objects_clear(objects, "tickets/f", begins_with, "1-"), ERR_OK);
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(objects_exists(objects, keys[i]), i >= 2);
    assert_int_equal(objects_clear(objects, "tickets/nowhere", everything, NULL), ERR_OK); /* nothing was ever put there */
    assert_int_equal(objects_clear(objects, "../keys", everything, NULL), ERR_INTERNAL);
    assert_int_equal(objects_clear(objects, "tickets/f", everything, NULL), ERR_OK);
    assert_int_equal(objects_clear(objects, "tickets/g", everything, NULL), ERR_OK);
    assert_false(objects_exists(objects, keys[2]) || objects_exists(objects, keys[3]));
}

static void keys_stay_inside(void **state)
{
    static const char *const bad[] = { "", "/", "/a", "a/", "a//b", "..", "../keys/objects", "a/../../keys/objects", ".new", ".new/x", "a/.b", "a b", "a\nb", "\xc3\xbc" };
    char long_key[600];
    int64_t size;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(objects_key_good(bad[i]));
        assert_int_equal(objects_file(objects, bad[i], &size), -1);
    }
    memset(long_key, 'a', sizeof long_key);
    long_key[512] = '\0';
    assert_true(objects_key_good(long_key));
    long_key[512] = 'a';
    long_key[513] = '\0';
    assert_false(objects_key_good(long_key));
    assert_true(objects_key_good("tickets/0192-a/b.c_d-1.pdf"));
}

/* A link that someone put into the folder is not followed out of it. */
static void links_are_not_followed(void **state)
{
    char path[128];
    int64_t size;

    snprintf(path, sizeof path, "%s/objects/link", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(objects_file(objects, "link", &size), -1);
    assert_false(objects_exists(objects, "link"));
}

static void credentials_are_private_and_kept(void **state)
{
    char path[128];
    struct stat stat_buf;
    char *before = objects_presign(objects, arena, "a.pdf", "a.pdf", "application/pdf", 60, 1795305600000LL);

    snprintf(path, sizeof path, "%s/keys/objects", dir);
    assert_int_equal(stat(path, &stat_buf), 0);
    assert_int_equal(stat_buf.st_mode & 0777, 0600);
    objects = reopen();
    assert_string_equal(objects_presign(objects, arena, "a.pdf", "a.pdf", "application/pdf", 60, 1795305600000LL), before);
    assert_non_null(strstr(before, "http://127.0.0.1:8080/objects/a.pdf?"));
    assert_non_null(strstr(before, "response-content-disposition=attachment%3B%20filename%3D%22a.pdf%22"));
}

/* A process was killed while it wrote: the piece goes at a later start, one that is being written stays. */
static void what_a_kill_left_is_cleared(void **state)
{
    struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
    char path[128], fresh[128];

    snprintf(path, sizeof path, "%s/objects/.new/left", dir);
    snprintf(fresh, sizeof fresh, "%s/objects/.new/busy", dir);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    close(open(fresh, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    objects = reopen();
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(fresh, F_OK), 0);
    unlink(fresh);
}

static void ranges(void **state)
{
    static const struct { const char *header; enum err want; int64_t offset, length; } row[] = {
        { "bytes=0-9", ERR_OK, 0, 10 }, { "bytes=10-", ERR_OK, 10, 90 }, { "bytes=-10", ERR_OK, 90, 10 }, { "bytes=-1000", ERR_OK, 0, 100 },
        { "bytes=99-200", ERR_OK, 99, 1 }, { "bytes=0-0", ERR_OK, 0, 1 },
        { "bytes=100-", ERR_RANGE, 0, 0 }, { "bytes=-0", ERR_RANGE, 0, 0 }, { "bytes=200-300", ERR_RANGE, 0, 0 },
        { "bytes=5-4", ERR_INVALID, 0, 0 }, { "bytes=", ERR_INVALID, 0, 0 }, { "bytes=-", ERR_INVALID, 0, 0 }, { "bytes=0-1,3-4", ERR_INVALID, 0, 0 },
        { "lines=0-1", ERR_INVALID, 0, 0 }, { "bytes=99999999999999999999-", ERR_INVALID, 0, 0 }, { "bytes= 0-1", ERR_INVALID, 0, 0 },
    };

    for (size_t i = 0; i < COUNT(row); i++) {
        int64_t offset = 0, length = 0;

        assert_int_equal(objects_range(row[i].header, 100, &offset, &length), row[i].want);
        if (row[i].want == ERR_OK) {
            assert_int_equal(offset, row[i].offset);
            assert_int_equal(length, row[i].length);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_cleared_of_what_is_named_and_of_nothing_else),
        cmocka_unit_test(what_was_put_is_there_whole), cmocka_unit_test(keys_stay_inside), cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(credentials_are_private_and_kept), cmocka_unit_test(what_a_kill_left_is_cleared), cmocka_unit_test(ranges),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
