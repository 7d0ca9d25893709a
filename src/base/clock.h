/*
 * clock.h - the time, as milliseconds since 1970 in UTC, and its RFC 3339 text.
 *
 * clock_now_ms is the wall clock that people's deadlines are kept in; tests
 * move it (clock_set_offset_ms, or the setting USHER_TEST_CLOCK, a file whose
 * text is an offset in ms that is re-read when it changes). clock_mono_us
 * never jumps and measures durations.
 */
#ifndef USHER_BASE_CLOCK_H
#define USHER_BASE_CLOCK_H

#include "base/util.h"

int64_t clock_now_ms(void);
int64_t clock_mono_us(void);
/* Sleep until clock_mono_us is at least this. Never on a loop's thread. */
void clock_mono_wait(int64_t until_us);

/* For tests: the wall clock runs at system time plus this. Any thread. */
void clock_set_offset_ms(int64_t offset_ms);
/* For tests: keep the offset equal to the decimal number in the file at `path`. Starts a small thread; false if unreadable. */
bool clock_follow_file(const char *path);
void clock_unfollow(void);

#define CLOCK_TEXT_LEN 24
/* "2026-11-22T19:00:00.000Z" and a NUL. Years 0001 to 9999. */
void clock_format(int64_t at_ms, char text[CLOCK_TEXT_LEN + 1]);
/* RFC 3339 date-time with any offset; leap seconds and a year over 9999 are refused. Milliseconds are kept, finer digits dropped. */
bool clock_parse(const char *text, size_t len, int64_t *out_ms);

/* Civil date of a UTC instant and back (proleptic Gregorian), for formatting elsewhere. */
struct civil {
    int year, month, day, hour, minute, second, ms, weekday; /* month 1..12, weekday 0 = Sunday */
};
struct civil clock_civil(int64_t at_ms);
int64_t clock_from_civil(const struct civil *civil);

#endif
