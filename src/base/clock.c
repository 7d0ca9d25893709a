#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
#define FIRST_MS INT64_C(-62135596800000)
#define LAST_MS INT64_C(253402300799999)

#define DAY_MS INT64_C(86400000)

/* Any thread. */
static _Atomic int64_t offset_ms;

int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load_explicit(&offset_ms, memory_order_relaxed);
}

int64_t clock_mono_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void clock_mono_wait(int64_t until_us)
{
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

/* ---- for tests ---- */

void clock_set_offset_ms(int64_t offset)
{
    atomic_store(&offset_ms, offset);
}

/* Set by clock_follow_file before the thread begins, constant until it was joined. */
static char *follow_path;
static pthread_t follow_thread;
static bool following;
/* Guarded by follow_lock. */
static pthread_mutex_t follow_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t follow_wake = PTHREAD_COND_INITIALIZER;
static bool follow_stop;

/* False when the file is not a decimal number (a writer may be half way: the old offset stays). */
static bool read_offset(const char *path)
{
    char text[32], *end;
    long long value;
    size_t len;
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || errno || (*end && *end != '\n'))
        return false;
    clock_set_offset_ms(value);
    return true;
}

static void *follow(void *unused)
{
    struct stat seen = { 0 };

    pthread_mutex_lock(&follow_lock);
    while (!follow_stop) {
        struct timespec until;
        struct stat now;

        if (stat(follow_path, &now) == 0 &&
            (now.st_mtim.tv_sec != seen.st_mtim.tv_sec || now.st_mtim.tv_nsec != seen.st_mtim.tv_nsec ||
             now.st_ino != seen.st_ino || now.st_size != seen.st_size) &&
            read_offset(follow_path))
            seen = now;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 10000000; /* 10 ms: a test that moved the time waits no longer */
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&follow_wake, &follow_lock, &until);
    }
    pthread_mutex_unlock(&follow_lock);
    return NULL;
}

bool clock_follow_file(const char *path)
{
    if (following || !read_offset(path))
        return false;
    follow_path = strdup(path);
    follow_stop = false;
    following = follow_path && pthread_create(&follow_thread, NULL, follow, NULL) == 0;
    if (!following)
        free(follow_path);
    return following;
}

void clock_unfollow(void)
{
    if (!following)
        return;
    pthread_mutex_lock(&follow_lock);
    follow_stop = true;
    pthread_cond_signal(&follow_wake);
    pthread_mutex_unlock(&follow_lock);
    pthread_join(follow_thread, NULL);
    free(follow_path);
    following = false;
}

/* ---- civil dates ---- */

/* Days since 1970-01-01 of a proleptic Gregorian date. The year begins in March, so that the leap day is its last. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t era, year_of_era, day_of_year, day_of_era;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468; /* days from 0000-03-01 to 1970-01-01 */
}

struct civil clock_civil(int64_t at_ms)
{
    int64_t days = at_ms / DAY_MS, rest = at_ms % DAY_MS;
    int64_t era, day_of_era, year_of_era, day_of_year, march_month;
    struct civil civil;

    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    civil.weekday = (int)((days % 7 + 11) % 7); /* 1970-01-01 was a Thursday */
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    day_of_era = days - era * 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    march_month = (5 * day_of_year + 2) / 153;
    civil.day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    civil.month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    civil.year = (int)(year_of_era + era * 400 + (civil.month <= 2));
    civil.ms = (int)(rest % 1000);
    rest /= 1000;
    civil.second = (int)(rest % 60);
    civil.minute = (int)(rest / 60 % 60);
    civil.hour = (int)(rest / 3600);
    return civil;
}

int64_t clock_from_civil(const struct civil *civil)
{
    return days_of(civil->year, civil->month, civil->day) * DAY_MS +
           ((civil->hour * INT64_C(60) + civil->minute) * 60 + civil->second) * 1000 + civil->ms;
}

/* ---- text ---- */

static char *put_digits(char *out, int value, int count)
{
    for (int i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

void clock_format(int64_t at_ms, char text[CLOCK_TEXT_LEN + 1])
{
    struct civil civil = clock_civil(MAX(FIRST_MS, MIN(LAST_MS, at_ms)));
    char *out = put_digits(text, civil.year, 4);

    *out++ = '-';
    out = put_digits(out, civil.month, 2);
    *out++ = '-';
    out = put_digits(out, civil.day, 2);
    *out++ = 'T';
    out = put_digits(out, civil.hour, 2);
    *out++ = ':';
    out = put_digits(out, civil.minute, 2);
    *out++ = ':';
    out = put_digits(out, civil.second, 2);
    *out++ = '.';
    out = put_digits(out, civil.ms, 3);
    *out++ = 'Z';
    *out = '\0';
}

/* Exactly `count` digits at *at, moved past them; -1 if there are not that many. */
static int take_digits(const char **at, const char *end, int count)
{
    int value = 0;

    if (end - *at < count)
        return -1;
    for (; count; count--, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool take(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static bool between(int value, int least, int most)
{
    return value >= least && value <= most;
}

/* "Z" or "+02:00" (RFC 3339, 5.6; "z" is the same). */
static bool take_zone(const char **at, const char *end, int *minutes_east)
{
    int sign, hours, minutes;

    *minutes_east = 0;
    if (take(at, end, 'Z') || take(at, end, 'z'))
        return true;
    if (take(at, end, '+'))
        sign = 1;
    else if (take(at, end, '-'))
        sign = -1;
    else
        return false;
    hours = take_digits(at, end, 2);
    if (!take(at, end, ':'))
        return false;
    minutes = take_digits(at, end, 2);
    *minutes_east = sign * (hours * 60 + minutes);
    return between(hours, 0, 23) && between(minutes, 0, 59);
}

bool clock_parse(const char *text, size_t len, int64_t *out_ms)
{
    const char *at = text, *end = text + len;
    struct civil civil = { 0 };
    int minutes_east;
    int64_t ms;

    civil.year = take_digits(&at, end, 4);
    if (!take(&at, end, '-'))
        return false;
    civil.month = take_digits(&at, end, 2);
    if (!take(&at, end, '-'))
        return false;
    civil.day = take_digits(&at, end, 2);
    if (!take(&at, end, 'T') && !take(&at, end, 't'))
        return false;
    civil.hour = take_digits(&at, end, 2);
    if (!take(&at, end, ':'))
        return false;
    civil.minute = take_digits(&at, end, 2);
    if (!take(&at, end, ':'))
        return false;
    civil.second = take_digits(&at, end, 2);
    if (!between(civil.year, 1, 9999) || !between(civil.month, 1, 12) || !between(civil.day, 1, days_in_month(civil.year, civil.month)) ||
        !between(civil.hour, 0, 23) || !between(civil.minute, 0, 59) || !between(civil.second, 0, 59))
        return false;
    if (take(&at, end, '.')) {
        int scale = 100, digits = 0;

        for (; at < end && *at >= '0' && *at <= '9'; at++, scale /= 10, digits++)
            civil.ms += (*at - '0') * scale;
        if (!digits)
            return false;
    }
    if (!take_zone(&at, end, &minutes_east) || at != end)
        return false;
    ms = clock_from_civil(&civil) - minutes_east * INT64_C(60000);
    if (ms < FIRST_MS || ms > LAST_MS)
        return false;
    *out_ms = ms;
    return true;
}
