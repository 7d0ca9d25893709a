/* What an event is in other people's formats: pictures that come in, calendar files that go out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* store.h has a word of that name */

#include "events/ics.h"
#include "events/image.h"

/* ---- pictures ---- */

static const uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";
static const uint8_t jpeg[] = "\xff\xd8\xff\xe0\0\x06JFIF\xff\xff\xfe\0\x04hi\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03\x01\x22\0\x02\x11\x01\x03\x11\x01";
static const uint8_t webp_x[] = "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\x7f\x02\0\xdf\x01\0";
static const uint8_t webp_lossless[] = "RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x7f\xc2\x77\0\0\0\0\0\0";
static const uint8_t webp_lossy[] = "RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\x30\x01\0\x9d\x01\x2a\x80\x02\xe0\x01";

static void a_picture_is_what_its_bytes_say(void **state)
{
    static const struct { const uint8_t *bytes; size_t len; enum image_kind kind; } row[] = {
        { png, sizeof png - 1, IMAGE_PNG }, { jpeg, sizeof jpeg - 1, IMAGE_JPEG }, { webp_x, sizeof webp_x - 1, IMAGE_WEBP },
        { webp_lossless, sizeof webp_lossless - 1, IMAGE_WEBP }, { webp_lossy, sizeof webp_lossy - 1, IMAGE_WEBP },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct image image = image_look(row[i].bytes, row[i].len);

        assert_int_equal(image.kind, row[i].kind);
        assert_int_equal(image.width, 640);
        assert_int_equal(image.height, 480);
        for (size_t len = 0; len < 22; len++) { /* cut short, on the heap, so that a byte too far is seen */
            uint8_t *cut = malloc(len ? len : 1);

            memcpy(cut, row[i].bytes, len);
            assert_int_equal(image_look(cut, len).kind, IMAGE_NONE);
            free(cut);
        }
    }
    assert_int_equal(image_look((const uint8_t *)"GIF89a\x01\0\x01\0padding padding padding", 36).kind, IMAGE_NONE);
    assert_int_equal(image_look((const uint8_t *)"<svg xmlns='http://www.w3.org/2000/svg'></svg>", 46).kind, IMAGE_NONE);
}

/* A JPEG whose segments lead in circles, or past its end, ends. */
static void noise_is_no_picture(void **state)
{
    unsigned seed = 3;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = 4 + (unsigned)round % 90;
        uint8_t *noise = malloc(len);

        for (size_t i = 0; i < len; i++)
            noise[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16) | (uint8_t)(i % 3 ? 0 : 0xf0);
        memcpy(noise, "\xff\xd8\xff", 3);
        image_look(noise, len);
        free(noise);
    }
}

/* ---- calendar files ---- */

static char *calendar(struct arena *arena, const struct event *event)
{
    const struct app app = { .public_url = "https://tickets.example.org:8443" };
    struct buf out = buf_in(arena);

    ics_event(&out, &app, event);
    return out.data;
}

/* The text with its folds taken out (RFC 5545, 3.1). */
static char *unfolded(struct arena *arena, const char *text)
{
    struct buf out = buf_in(arena);

    for (const char *p = text; *p; p++) {
        if (strncmp(p, "\r\n ", 3) == 0)
            p += 2;
        else
            buf_char(&out, *p);
    }
    return out.data;
}

static void a_calendar_file_says_what_the_event_says(void **state)
{
    struct arena *arena = arena_new(0);
    struct event event = {
        .id = { { 0x01, 0x92, 0, 0, 0, 0, 0x70, 0, 0x80 } }, .title = "Jazz, Blues; and \\Soul\\", .description = "First line\nsecond, line",
        .starts_at_ms = INT64_C(1795374000000), .ends_at_ms = INT64_C(1795388400000), .created_at_ms = 1000, .updated_at_ms = 2000,
        .venue_name = "Kabelhalle", .venue_city = "Köln", .status = EVENT_PUBLISHED, .version = 7,
    };
    char *text = calendar(arena, &event);

    (void)state;
    assert_non_null(strstr(text, "\r\nMETHOD:PUBLISH\r\n"));
    assert_non_null(strstr(text, "\r\nUID:01920000-0000-7000-8000-000000000000@tickets.example.org:8443\r\n"));
    assert_non_null(strstr(text, "\r\nSEQUENCE:7\r\n"));
    assert_non_null(strstr(text, "\r\nDTSTART:20261122T190000Z\r\nDTEND:20261122T230000Z\r\n"));
    assert_non_null(strstr(text, "\r\nSTATUS:CONFIRMED\r\n"));
    assert_non_null(strstr(text, "\r\nSUMMARY:Jazz\\, Blues\\; and \\\\Soul\\\\\r\n"));
    assert_non_null(strstr(text, "\r\nDESCRIPTION:First line\\nsecond\\, line\r\n"));
    assert_non_null(strstr(text, "\r\nLOCATION:Kabelhalle\\, Köln\r\n"));
    assert_non_null(strstr(unfolded(arena, text), "\r\nURL:https://tickets.example.org:8443/e/01920000-0000-7000-8000-000000000000\r\n"));
    event.status = EVENT_CANCELLED;
    text = calendar(arena, &event);
    assert_non_null(strstr(text, "\r\nMETHOD:CANCEL\r\n"));
    assert_non_null(strstr(text, "\r\nSTATUS:CANCELLED\r\n"));
    arena_free(arena);
}

static void long_lines_are_folded_between_characters(void **state)
{
    struct arena *arena = arena_new(0);
    struct event event = { .title = "x", .starts_at_ms = 1, .ends_at_ms = 2 };
    struct buf long_text = buf_in(arena), want = buf_in(arena);
    char *text;
    size_t column = 0;

    (void)state;
    for (int i = 0; i < 300; i++)
        buf_str(&long_text, i % 3 == 0 ? "a" : i % 3 == 1 ? "音" : "😀");
    event.description = long_text.data;
    text = calendar(arena, &event);
    for (const char *p = text; *p; p++) {
        if (*p == '\n') {
            column = 0;
            continue;
        }
        if (column == 1 && p[-1] == ' ')
            assert_true((*p & 0xc0) != 0x80); /* no character is torn */
        if (*p != '\r')
            assert_true(++column <= 75);
    }
    buf_printf(&want, "\r\nDESCRIPTION:%s\r\n", long_text.data);
    assert_non_null(strstr(unfolded(arena, text), want.data));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_what_its_bytes_say),
        cmocka_unit_test(noise_is_no_picture),
        cmocka_unit_test(a_calendar_file_says_what_the_event_says),
        cmocka_unit_test(long_lines_are_folded_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
