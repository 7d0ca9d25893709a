/* Our reading of tzdata against the C library's, in every zone and over two centuries; and names that are none. */
#include "base/zone.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int compared;

static void compare_at(const struct zone *zone, int64_t at)
{
    const char *abbreviation = NULL;
    int offset = zone_offset(zone, at * 1000, &abbreviation);
    time_t t = (time_t)at;
    struct tm tm;
    struct civil civil;

    assert_non_null(localtime_r(&t, &tm));
    if (offset != tm.tm_gmtoff || strcmp(abbreviation, tm.tm_zone) != 0)
        fail_msg("%s at %lld: %d %s, not %ld %s", zone_name(zone), (long long)at, offset, abbreviation, tm.tm_gmtoff, tm.tm_zone);
    civil = zone_civil(zone, at * 1000 + 999);
    assert_int_equal(civil.hour * 60 + civil.minute, tm.tm_hour * 60 + tm.tm_min);
    assert_int_equal(civil.day, tm.tm_mday);
    assert_int_equal(civil.weekday, tm.tm_wday);
    compared++;
}

/* Whenever the C library's offset changes between two instants, walk to the very second and look at both sides. */
static void compare_zone(const char *name, int64_t from, int64_t to, int64_t step)
{
    const struct zone *zone = zone_find(name);
    long before = 0;

    if (!zone)
        fail_msg("no zone %s", name);
    assert_ptr_equal(zone, zone_find(name));
    setenv("TZ", name, 1);
    tzset();
    for (int64_t at = from; at < to; at += step) {
        time_t t = (time_t)at;
        struct tm tm;

        localtime_r(&t, &tm);
        if (at > from && tm.tm_gmtoff != before) {
            int64_t low = at - step, high = at;

            while (high - low > 1) {
                time_t middle = (time_t)(low + (high - low) / 2);
                struct tm there;

                localtime_r(&middle, &there);
                if (there.tm_gmtoff == before)
                    low = middle;
                else
                    high = middle;
            }
            compare_at(zone, low);
            compare_at(zone, high);
        }
        before = tm.tm_gmtoff;
        compare_at(zone, at);
    }
}

#define Y1900 INT64_C(-2208988800)
#define Y1970 INT64_C(0)
#define Y2020 INT64_C(1577836800)
#define Y2100 INT64_C(4102444800)
#define DAY INT64_C(86400)

static void odd_zones_agree_to_the_second(void **state)
{
    static const char *const names[] = {
        "UTC", "Europe/Berlin", "Europe/Warsaw", "Europe/Dublin", "Europe/London", "Europe/Lisbon", "America/New_York", "America/Sao_Paulo",
        "America/St_Johns", "America/Nuuk", "America/Santiago", "America/Asuncion", "Australia/Lord_Howe", "Australia/Adelaide",
        "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran",
        "Asia/Gaza", "Asia/Jerusalem", "Asia/Pyongyang", "Africa/Casablanca", "Africa/Cairo", "Africa/Monrovia", "Antarctica/Troll",
        "Etc/GMT+12", "Etc/GMT-14",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        compare_zone(names[i], Y1970, Y2100, 5 * DAY + 3607);
    assert_true(compared > 200000);
}

/* A line of tzdata's own list: "DE<tab>+5230+01322<tab>Europe/Berlin<tab>...". */
static void every_zone_agrees(void **state)
{
    FILE *file = fopen("/usr/share/zoneinfo/zone.tab", "re");
    char line[512];
    int zones = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char name[128];

        if (line[0] == '#' || sscanf(line, "%*s %*s %127s", name) != 1)
            continue;
        compare_zone(name, Y1900, Y2020, 97 * DAY);
        compare_zone(name, Y2020, Y2100, 29 * DAY);
        zones++;
    }
    fclose(file);
    assert_true(zones > 300);
}

static void names_that_are_none(void **state)
{
    static const char *const names[] = {
        "", "/", "/etc/passwd", "../../../etc/passwd", "Europe/../Europe/Berlin", "Europe", "Europe/", "Europe//Berlin", "/Europe/Berlin",
        "europe/berlin", "Europe/Berlin ", "Europe/Berl\xc3\xadn", "zone.tab", "tzdata.zi", "leapseconds", "right/UTC", "posix/UTC", "localtime",
        "Mars/Olympus", "Europe/Berlin/Berlin/Berlin/Berlin/Berlin/Berlin/Berlin/Berlin/Berlin/Berlin/Berlin",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (zone_find(names[i]))
            fail_msg("found %s", names[i]);
}

static void *find_berlin(void *unused)
{
    return (void *)(uintptr_t)zone_find("Europe/Vienna");
}

static void threads_get_the_same_zone(void **state)
{
    pthread_t thread[8];
    void *first = NULL, *zone;

    for (size_t i = 0; i < COUNT(thread); i++)
        pthread_create(&thread[i], NULL, find_berlin, NULL);
    for (size_t i = 0; i < COUNT(thread); i++) {
        pthread_join(thread[i], &zone);
        assert_non_null(zone);
        assert_true(!first || first == zone);
        first = zone;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_zones_agree_to_the_second),
        cmocka_unit_test(every_zone_agrees),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(threads_get_the_same_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
