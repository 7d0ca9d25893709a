/* RFC 3339 there and back, what is refused, civil dates against the C library, and the clock that tests move. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void times_are_read(void **state)
{
    static const struct {
        const char *text, *utc;
    } row[] = {
        { "2026-11-22T19:00:00.000Z", "2026-11-22T19:00:00.000Z" },
        { "2026-11-22t19:00:00z", "2026-11-22T19:00:00.000Z" },
        { "2026-11-22T19:00:00+01:00", "2026-11-22T18:00:00.000Z" },
        { "2026-11-22T19:00:00-03:30", "2026-11-22T22:30:00.000Z" },
        { "2026-11-22T19:00:00-00:00", "2026-11-22T19:00:00.000Z" },
        { "2026-11-22T19:00:00.1Z", "2026-11-22T19:00:00.100Z" },
        { "2026-11-22T19:00:00.1239999999Z", "2026-11-22T19:00:00.123Z" },
        { "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z" },
        { "2000-02-29T23:59:59.999+23:59", "2000-02-29T00:00:59.999Z" },
        { "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z" },
        { "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z" },
        { "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z" },
        { "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z" },
    };

    for (size_t i = 0; i < COUNT(row); i++) {
        char text[CLOCK_TEXT_LEN + 1];
        int64_t at;

        if (!clock_parse(row[i].text, strlen(row[i].text), &at))
            fail_msg("refused %s", row[i].text);
        clock_format(at, text);
        assert_string_equal(text, row[i].utc);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const row[] = {
        "", "2026", "2026-11-22", "2026-11-22T19:00:00", "2026-11-22T19:00Z", "2026-11-22 19:00:00Z", "2026-11-22T19:00:00.Z",
        "2026-11-22T19:00:00,5Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T19:60:00Z", "2026-11-22T19:00:60Z",
        "2016-12-31T23:59:60Z", "2026-11-22T19:00:00+24:00", "2026-11-22T19:00:00+01:60", "2026-11-22T19:00:00+0100",
        "2026-11-22T19:00:00+01", "2026-11-22T19:00:00Zx", "2026-11-22T19:00:00Z ", " 2026-11-22T19:00:00Z", "+2026-11-22T19:00:00Z",
        "-001-11-22T19:00:00Z", "12026-11-22T19:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01", "2026-1-22T19:00:00Z", "2026-11-22T9:00:00Z", "20261122T190000Z", "2026-11-22T19:00:-1Z", "Z",
    };

    for (size_t i = 0; i < COUNT(row); i++) {
        int64_t at = 77;

        if (clock_parse(row[i], strlen(row[i]), &at))
            fail_msg("took %s", row[i]);
        assert_int_equal(at, 77);
    }
}

/* Every 17 hours or so from year 1 to 9999 would take seconds; a stride that shares no factor with a day meets every kind of date. */
static void civil_dates_agree_with_the_c_library(void **state)
{
    for (int64_t at = INT64_C(-62135596800); at < INT64_C(253402300800); at += 86400 * 29 + 3607) {
        struct civil civil = clock_civil(at * 1000 + 7);
        time_t t = (time_t)at;
        char text[CLOCK_TEXT_LEN + 1];
        struct tm tm;
        int64_t back;

        gmtime_r(&t, &tm);
        assert_int_equal(civil.year, tm.tm_year + 1900);
        assert_int_equal(civil.month, tm.tm_mon + 1);
        assert_int_equal(civil.day, tm.tm_mday);
        assert_int_equal(civil.hour, tm.tm_hour);
        assert_int_equal(civil.minute, tm.tm_min);
        assert_int_equal(civil.second, tm.tm_sec);
        assert_int_equal(civil.weekday, tm.tm_wday);
        assert_int_equal(civil.ms, 7);
        assert_true(clock_from_civil(&civil) == at * 1000 + 7);
        clock_format(at * 1000 + 7, text);
        assert_true(clock_parse(text, CLOCK_TEXT_LEN, &back));
        assert_true(back == at * 1000 + 7);
    }
}

static void a_time_out_of_range_is_still_a_time(void **state)
{
    char text[CLOCK_TEXT_LEN + 1];

    clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000Z");
}

static bool is_near(int64_t a, int64_t b)
{
    return a - b < 2000 && b - a < 2000;
}

static void tests_move_the_clock(void **state)
{
    int64_t now = clock_now_ms(), mono = clock_mono_us();

    assert_true(is_near(now, (int64_t)time(NULL) * 1000));
    clock_set_offset_ms(3600000);
    assert_true(is_near(clock_now_ms(), now + 3600000));
    clock_set_offset_ms(0);
    assert_true(is_near(clock_now_ms(), now));
    assert_in_range(clock_mono_us() - mono, 0, 2000000);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void wait_for_offset(int64_t offset)
{
    int64_t begun = clock_mono_us();

    while (!is_near(clock_now_ms(), (int64_t)time(NULL) * 1000 + offset)) {
        assert_true(clock_mono_us() - begun < 5000000);
        usleep(1000);
    }
}

static void the_clock_follows_a_file(void **state)
{
    char path[] = "/tmp/usher-clock-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_false(clock_follow_file("/nonexistent/clock"));
    assert_false(clock_follow_file(path)); /* empty: not a number */
    write_file(path, "86400000\n");
    assert_true(clock_follow_file(path));
    wait_for_offset(86400000);
    write_file(path, "rubbish");
    write_file(path, "-7200000");
    wait_for_offset(-7200000);
    clock_unfollow();
    clock_set_offset_ms(0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(civil_dates_agree_with_the_c_library),
        cmocka_unit_test(a_time_out_of_range_is_still_a_time),
        cmocka_unit_test(tests_move_the_clock),
        cmocka_unit_test(the_clock_follows_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
