/* Log lines arrive whole, in order, as JSON, from several threads; what does not fit is counted. */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static FILE *captured;
static int old_stderr;

static void capture(void)
{
    captured = tmpfile();
    old_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

static void release(void)
{
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    rewind(captured);
}

static void a_line_is_json(void **state)
{
    char line[8192];
    json_t *parsed;

    capture();
    log_start(LOG_INFO);
    log_line(LOG_DEBUG, "not shown");
    log_warn("a \"quote\", a \\, a\nnewline and %d bad byte: \xff", 1);
    log_json("{\"x\":1}", 7);
    log_flush();
    release();
    assert_non_null(fgets(line, sizeof line, captured));
    parsed = json_loads(line, 0, NULL);
    assert_non_null(parsed);
    assert_string_equal(json_string_value(json_object_get(parsed, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(parsed, "message")), "a \"quote\", a \\, a\nnewline and 1 bad byte: ?");
    assert_int_equal(strlen(json_string_value(json_object_get(parsed, "time"))), 24);
    json_decref(parsed);
    assert_non_null(fgets(line, sizeof line, captured));
    assert_string_equal(line, "{\"x\":1}\n");
    assert_null(fgets(line, sizeof line, captured));
    log_stop();
    fclose(captured);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    char message[5000] = "a", line[16384];
    json_t *parsed;

    for (size_t i = 1; i + 3 < sizeof message; i += 2)
        memcpy(message + i, "\xc5\x82", 3);
    capture();
    log_warn("%s", message); /* not started: written at once */
    release();
    assert_non_null(fgets(line, sizeof line, captured));
    parsed = json_loads(line, 0, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    fclose(captured);
}

#define THREADS 4
#define EACH 500

static void *log_many(void *arg)
{
    for (int i = 0; i < EACH; i++)
        log_info("%ld %d", (long)(intptr_t)arg, i);
    return NULL;
}

static void lines_of_threads_stay_whole_and_in_order(void **state)
{
    pthread_t thread[THREADS];
    int next[THREADS] = { 0 }, lines = 0;
    char line[1024];

    capture();
    log_start(LOG_INFO);
    for (long t = 0; t < THREADS; t++)
        pthread_create(&thread[t], NULL, log_many, (void *)(intptr_t)t);
    for (int t = 0; t < THREADS; t++)
        pthread_join(thread[t], NULL);
    log_stop();
    release();
    for (; fgets(line, sizeof line, captured); lines++) {
        json_t *parsed = json_loads(line, 0, NULL);
        int t, i;

        assert_non_null(parsed);
        assert_int_equal(sscanf(json_string_value(json_object_get(parsed, "message")), "%d %d", &t, &i), 2);
        assert_int_equal(i, next[t]++);
        json_decref(parsed);
    }
    assert_int_equal(lines + (int)log_dropped(), THREADS * EACH);
    fclose(captured);
}

/* A reader that stands still: the program goes on, and lines are counted instead of kept. */
static void a_slow_terminal_stops_nobody(void **state)
{
    int pipes[2], old = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    uint64_t before = log_dropped();
    char sink[65536];

    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    close(pipes[1]);
    log_start(LOG_INFO);
    for (int i = 0; i < 40000; i++)
        log_info("a line that nobody reads, number %d", i);
    dup2(nowhere, STDERR_FILENO); /* the thread still hangs in its write to the pipe */
    assert_true(log_dropped() > before);
    while (log_dropped() && read(pipes[0], sink, sizeof sink) > 0)
        ;
    log_stop();
    dup2(old, STDERR_FILENO);
    close(old);
    close(nowhere);
    close(pipes[0]);
}

static void dying_leaves_the_reason(void **state)
{
    char line[1024];
    int status;
    pid_t child;

    capture();
    child = fork();
    if (!child) {
        log_start(LOG_INFO);
        log_die("the disk is %s", "gone");
    }
    waitpid(child, &status, 0);
    release();
    assert_int_equal(WEXITSTATUS(status), 70);
    assert_non_null(fgets(line, sizeof line, captured));
    assert_non_null(strstr(line, "the disk is gone"));
    fclose(captured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_json),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(lines_of_threads_stay_whole_and_in_order),
        cmocka_unit_test(a_slow_terminal_stops_nobody),
        cmocka_unit_test(dying_leaves_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
