/*
 * serve.c - `usher serve`: from the settings to a server that answers, and back.
 *
 * Threads are told apart by who takes signals: SIGTERM and its kind are blocked
 * before any thread begins, so that all inherit it, and one thread waits for
 * them. http_stop is then an ordinary call, not one from a handler.
 */
#include "cli/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/parts.h"
#include "http/http.h"

static enum log_level level_of(const char *word)
{
    static const char *const words[] = { "debug", "info", "warn", "error" };

    for (size_t i = 0; i < COUNT(words); i++)
        if (!strcmp(word, words[i]))
            return (enum log_level)i;
    return LOG_INFO;
}

/* By plain write, whatever the log's level is: scripts and supervisors wait for this line. */
static void say_ready(struct app *app)
{
    char line[128];
    int len = snprintf(line, sizeof line, "usher: ready on http://%s\n", http_address(app->http));

    log_flush();
    if (write(STDERR_FILENO, line, (size_t)len) < 0)
        log_warn("The ready line could not be written.");
}

/* The signals that mean "end"; and SIGUSR1, by which the main thread tells the waiting one that the server has ended. */
static void end_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
}

struct ending {
    struct app *app;
    atomic_bool ended; /* set before the SIGUSR1 that counts; one from elsewhere is nothing to us */
};

static void *wait_for_signals(void *arg)
{
    struct ending *ending = arg;
    bool asked = false;
    sigset_t set;

    end_signals(&set);
    for (;;) {
        int number;

        sigwait(&set, &number);
        if (atomic_load(&ending->ended))
            return NULL;
        if (number == SIGUSR1)
            continue;
        /* A second one is someone who cannot wait. Nothing that was answered is lost by this. */
        if (asked)
            _exit(128 + number);
        asked = true;
        log_info("SIG%s: requests in flight finish, then the server ends.", sigabbrev_np(number));
        http_stop(ending->app->http);
    }
}

static void block_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    end_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int serve_until_stopped(struct app *app)
{
    struct buf error = buf_heap();
    struct control *control = control_open(app, &error);
    struct ending ending = { .app = app };
    pthread_t signals;

    if (!control) {
        cli_complain("%s", error.data);
        buf_free(&error);
        return EXIT_FAILED;
    }
    if (pthread_create(&signals, NULL, wait_for_signals, &ending))
        log_die("No thread could be made: %s", strerror(errno));
    http_run(app->http, say_ready);
    atomic_store(&ending.ended, true);
    pthread_kill(signals, SIGUSR1);
    pthread_join(signals, NULL);
    control_close(control);
    return EXIT_DONE;
}

int serve_config(const struct config *config, int (*prepare)(struct app *app))
{
    struct buf error = buf_heap();
    struct app app;
    int code;

    block_signals();
    if (!parts_settings_good(config, &error)) {
        cli_complain("%s", error.data);
        buf_free(&error);
        return EXIT_USAGE;
    }
    if (config->test_clock && !clock_follow_file(config->test_clock)) {
        cli_complain("USHER_TEST_CLOCK: %s holds no number of milliseconds.", config->test_clock);
        return EXIT_USAGE;
    }
    log_start(level_of(config->log_level));
    if (!config->limits)
        log_warn("Rate limits are off (USHER_LIMITS): for load tests, never for the public.");
    if (parts_open(&app, config, &error)) {
        code = prepare ? prepare(&app) : EXIT_DONE;
        if (code == EXIT_DONE)
            code = serve_until_stopped(&app);
        parts_close(&app);
    } else {
        log_flush();
        cli_complain("%s", error.data);
        code = EXIT_FAILED;
    }
    buf_free(&error);
    log_stop();
    clock_unfollow();
    return code;
}

int serve_run(const struct args *args)
{
    struct config config;
    int code;

    if (!args_config(args, &config))
        return EXIT_USAGE;
    code = serve_config(&config, NULL);
    config_free(&config);
    return code;
}
