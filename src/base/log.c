/*
 * The writing thread gathers lines for 20 ms and writes them in one call: an
 * access log under load costs a handful of system calls a second, not one a
 * request. Two buffers of 512 KiB take turns, one filling, one being written.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#include "base/clock.h"
#include "base/json.h"

#define HALF_BYTES ((size_t)512 << 10)
#define GATHER_MS 20
#define MESSAGE_MAX 1024

/* Any thread, relaxed. */
static _Atomic int least_level = LOG_INFO;
static atomic_uint_fast64_t dropped;

/* Guarded by lock; never held during I/O. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;    /* to the writing thread */
static pthread_cond_t written = PTHREAD_COND_INITIALIZER; /* to those in log_flush */
static char *filling, *writing; /* HALF_BYTES each; NULL unless started */
static size_t filled, in_write;
static bool running, stopping;
static unsigned flushing; /* threads in log_flush: no gathering */
static pthread_t thread;

static void write_all(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDERR_FILENO, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads any more: there is no one to tell */
        data += n;
        len -= (size_t)n;
    }
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

static void *write_lines(void *unused)
{
    pthread_mutex_lock(&lock);
    while (!stopping || filled) {
        char *swap;

        if (!filled) {
            pthread_cond_wait(&wake, &lock);
            continue;
        }
        if (!stopping && !flushing && filled < HALF_BYTES / 2) {
            struct timespec until = after_ms(GATHER_MS);

            while (!stopping && !flushing && filled < HALF_BYTES / 2 && pthread_cond_timedwait(&wake, &lock, &until) == 0)
                ;
        }
        swap = writing;
        writing = filling;
        filling = swap;
        in_write = filled;
        filled = 0;
        pthread_mutex_unlock(&lock);
        write_all(writing, in_write);
        pthread_mutex_lock(&lock);
        in_write = 0;
        pthread_cond_broadcast(&written);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void log_start(enum log_level least)
{
    atomic_store(&least_level, (int)least);
    if (running)
        return;
    filling = malloc(HALF_BYTES);
    writing = malloc(HALF_BYTES);
    stopping = false;
    running = filling && writing && pthread_create(&thread, NULL, write_lines, NULL) == 0;
    if (!running) {
        free(filling);
        free(writing);
        filling = writing = NULL;
    }
}

void log_stop(void)
{
    pthread_mutex_lock(&lock);
    if (!running) {
        pthread_mutex_unlock(&lock);
        return;
    }
    stopping = true;
    pthread_cond_signal(&wake);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&lock);
    running = false;
    free(filling);
    free(writing);
    filling = writing = NULL;
    pthread_mutex_unlock(&lock);
}

/* Wait until the buffers are empty, at most `ms` (0: however long it takes). */
static void flush_within(int64_t ms)
{
    struct timespec until = after_ms(ms);

    pthread_mutex_lock(&lock);
    flushing++;
    pthread_cond_signal(&wake);
    while (running && (filled || in_write)) {
        if (!ms)
            pthread_cond_wait(&written, &lock);
        else if (pthread_cond_timedwait(&written, &lock, &until) == ETIMEDOUT)
            break;
    }
    flushing--;
    pthread_mutex_unlock(&lock);
}

void log_flush(void)
{
    flush_within(0);
}

void log_json(const char *json, size_t len)
{
    pthread_mutex_lock(&lock);
    if (running) {
        if (HALF_BYTES - filled > len) {
            bool first = !filled;

            memcpy(filling + filled, json, len);
            filling[filled + len] = '\n';
            filled += len + 1;
            if (first || filled >= HALF_BYTES / 2)
                pthread_cond_signal(&wake);
        } else {
            atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
        }
        pthread_mutex_unlock(&lock);
    } else {
        struct buf line = buf_heap();

        pthread_mutex_unlock(&lock);
        buf_add(&line, json, len);
        buf_char(&line, '\n');
        write_all(line.data, line.len);
        buf_free(&line);
    }
}

/* A library's message, or one cut at MESSAGE_MAX, need not be UTF-8; a log line must. */
static void replace_bad_utf8(char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(len - i), &c);

        if (n < 1)
            text[i++] = '?';
        else
            i += (size_t)n;
    }
}

__attribute__((format(printf, 2, 0))) static void log_message(enum log_level level, const char *format, va_list args)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char message[MESSAGE_MAX];
    struct buf line = buf_heap();
    int len = vsnprintf(message, sizeof message, format, args);
    size_t kept = len < 0 ? 0 : MIN((size_t)len, sizeof message - 1);

    replace_bad_utf8(message, kept);
    json_open(&line, NULL);
    json_time(&line, "time", clock_now_ms());
    json_str(&line, "level", names[level]);
    json_strn(&line, "message", message, kept);
    json_close(&line);
    log_json(line.data, line.len);
    buf_free(&line);
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    va_start(args, format);
    log_message(level, format, args);
    va_end(args);
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void log_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_message(LOG_ERROR, format, args);
    va_end(args);
    flush_within(2000); /* a terminal that hangs must not keep a process alive that should be dead */
    _exit(70);
}
