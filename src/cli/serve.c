/*
 * serve.c - `usher serve`: from the settings to a server that answers, and back.
 *
 * Threads are told apart by who takes signals: SIGTERM and SIGINT are blocked
 * before any thread begins, so that all inherit it, and one thread waits for
 * them. http_stop is then an ordinary call, not one from a handler.
 */
#include "cli/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
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

static void *wait_for_signals(void *arg)
{
    struct app *app = arg;
    sigset_t set;
    int signal_number;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigwait(&set, &signal_number);
    if (signal_number == SIGUSR1) /* the server ended by itself */
        return NULL;
    log_info("%s: requests in flight finish, then the server ends.", signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
    http_stop(app->http);
    /* A second one is someone who cannot wait. Nothing that was answered is lost by this. */
    sigwait(&set, &signal_number);
    if (signal_number != SIGUSR1)
        _exit(128 + signal_number);
    return NULL;
}

static void block_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int serve_until_stopped(struct app *app)
{
    struct buf error = buf_heap();
    struct control *control = control_open(app, &error);
    pthread_t signals;

    if (!control) {
        cli_complain("%s", error.data);
        buf_free(&error);
        return EXIT_FAILED;
    }
    if (pthread_create(&signals, NULL, wait_for_signals, app))
        log_die("No thread could be made: %s", strerror(errno));
    http_run(app->http, say_ready);
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
