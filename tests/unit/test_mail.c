/* Messages, composed and taken apart again; and the outbox. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* the house has its own */

#include <openssl/evp.h>

#include "base/clock.h"
#include "mail/mail_inside.h"

#define AT 1795374000000LL /* Sunday 22 November 2026, 19:00 UTC */

static char dir[] = "/tmp/usher-mail-XXXXXX";
static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_new(0);
    return mkdtemp(dir) ? 0 : 1;
}

static int tear_down(void **state)
{
    char command[128];

    arena_free(arena);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* ---- a small reader of messages ---- */

/* A header's value, unfolded; NULL when absent. `part` begins with headers. */
static char *header(const char *part, const char *name)
{
    const char *end = strstr(part, "\r\n\r\n");
    size_t name_len = strlen(name);

    for (const char *line = part; line && line < end + 2; line = strstr(line, "\r\n") + 2) {
        struct buf value = buf_in(arena);

        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        for (const char *c = line + name_len + 2; !(c[0] == '\r' && c[2] != ' ' && c[2] != '\t'); c++) {
            if (*c != '\r' && *c != '\n')
                buf_char(&value, *c);
        }
        return value.data;
    }
    return NULL;
}

static struct bytes unbase64(const char *text, size_t len)
{
    struct buf clean = buf_in(arena);
    char *out;
    int n;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\r' && text[i] != '\n')
            buf_char(&clean, text[i]);
    }
    assert_int_equal(clean.len % 4, 0);
    out = arena_alloc(arena, clean.len + 1);
    n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)clean.data, (int)clean.len);
    assert_true(n >= 0);
    for (size_t i = clean.len; i > 0 && clean.data[i - 1] == '='; i--)
        n--;
    return (struct bytes){ out, (size_t)n };
}

/* RFC 2047 words to UTF-8. Each must hold whole characters. */
static char *decoded(const char *value)
{
    struct buf out = buf_in(arena);

    buf_reserve(&out, 1);
    while (*value) {
        const char *end;

        if (strncmp(value, "=?UTF-8?B?", 10) != 0) {
            buf_char(&out, *value++);
            continue;
        }
        end = strstr(value, "?=");
        assert_non_null(end);
        assert_true(end + 2 - value <= 75);
        struct bytes word = unbase64(value + 10, (size_t)(end - value - 10));
        assert_true(((unsigned char)((const char *)word.data)[0] & 0xc0) != 0x80);
        buf_add(&out, word.data, word.len);
        value = end + 2;
        if (strncmp(value, " =?", 3) == 0)
            value++;
    }
    out.data[out.len] = '\0';
    return out.data;
}

static struct bytes body(const char *part, size_t len)
{
    const char *from = strstr(part, "\r\n\r\n") + 4;
    const char *encoding = header(part, "Content-Transfer-Encoding");
    struct buf out = buf_in(arena);
    size_t left = len - (size_t)(from - part);

    buf_reserve(&out, 1);
    if (!encoding || strcmp(encoding, "7bit") == 0)
        return (struct bytes){ arena_copy(arena, from, left), left };
    if (strcmp(encoding, "base64") == 0)
        return unbase64(from, left);
    assert_string_equal(encoding, "quoted-printable");
    for (size_t i = 0; i < left; i++) {
        unsigned value;

        if (from[i] != '=') {
            buf_char(&out, from[i]);
        } else if (from[i + 1] == '\r') {
            i += 2;
        } else {
            assert_int_equal(sscanf(from + i + 1, "%2X", &value), 1);
            buf_char(&out, (char)value);
            i += 2;
        }
    }
    return buf_bytes(&out);
}

/* Part `n` of a multipart; its bytes as a string. */
static char *part(const char *whole, int n)
{
    char *type = header(whole, "Content-Type"), *from = strstr(type, "boundary=\"") + 10, *mark, *at;

    mark = arena_printf(arena, "\r\n--%.*s", (int)strcspn(from, "\""), from);
    at = strstr(whole, mark);
    for (; n > 0 && at; n--)
        at = strstr(at + 1, mark);
    if (!at || strncmp(at + strlen(mark), "--", 2) == 0)
        return NULL;
    at += strlen(mark) + 2;
    return arena_copy(arena, at, (size_t)(strstr(at, mark) - at));
}

static char *compose(const struct mail_message *message)
{
    struct bytes out;

    assert_int_equal(mail_compose(arena, "tickets@example.org", message, AT, &out), ERR_OK);
    return arena_copy(arena, out.data, out.len);
}

/* What every message must keep: CRLF alone, no line over 78 bytes, ASCII. */
static void check_lines(const char *message)
{
    size_t column = 0;

    for (const char *c = message; *c; c++) {
        if (*c == '\r') {
            assert_int_equal(c[1], '\n');
            assert_true(column <= 78);
            column = 0;
            c++;
            continue;
        }
        assert_true(*c != '\n' && (unsigned char)*c < 0x7f && ((unsigned char)*c >= ' ' || *c == '\t'));
        column++;
    }
}

/* ---- the tests ---- */

static void a_message_reads_back(void **state)
{
    static const char text[] = "Hallo Łukasz,\n\nπ = 3.14… trailing blank \nنص عربي\n.\nFrom here\na very long line that goes on and on and on until it has to be broken somewhere, ünd then söme";
    uint8_t pdf[5000];
    struct mail_attachment files[] = { { "ticket-1.pdf", "application/pdf", { pdf, sizeof pdf } },
                                       { "Łódź \"x\".ics", "text/calendar; charset=utf-8; method=PUBLISH", BYTES_OF("BEGIN:VCALENDAR\r\n") } };
    struct mail_message message = { .to = "lukasz@example.pl", .to_name = "Łukasz \"Ł\" Żółw", .subject = "Your tickets: 上海国际爵士音乐节 🎷 and a title that is longer than one line of mail can ever be",
                                    .text = text, .html = "<p>Grüße</p>", .attachments = files, .attachment_count = 2, .id = id_new(AT) };
    char *mail, *alternative, *file;
    struct bytes got;

    for (size_t i = 0; i < sizeof pdf; i++)
        pdf[i] = (uint8_t)(i * 7);
    mail = compose(&message);
    check_lines(mail);
    assert_string_equal(header(mail, "Date"), "Sun, 22 Nov 2026 19:00:00 +0000");
    assert_string_equal(decoded(header(mail, "Subject")), message.subject);
    assert_string_equal(decoded(header(mail, "To")), "Łukasz \"Ł\" Żółw <lukasz@example.pl>");
    assert_string_equal(header(mail, "From"), "\"Usher\" <tickets@example.org>");
    assert_string_equal(header(mail, "MIME-Version"), "1.0");

    alternative = part(mail, 0);
    got = body(part(alternative, 0), strlen(part(alternative, 0)));
    /* Line ends are CRLF on the way. */
    struct buf lf = buf_in(arena);
    for (size_t i = 0; i < got.len; i++) {
        if (((const char *)got.data)[i] != '\r')
            buf_char(&lf, ((const char *)got.data)[i]);
    }
    assert_int_equal(strncmp(lf.data, text, strlen(text)), 0);
    assert_non_null(strstr(part(alternative, 0), "text/plain"));
    got = body(part(alternative, 1), strlen(part(alternative, 1)));
    assert_memory_equal(got.data, message.html, strlen(message.html));
    assert_null(part(alternative, 2));

    file = part(mail, 1);
    got = body(file, strlen(file));
    assert_int_equal(got.len, sizeof pdf);
    assert_memory_equal(got.data, pdf, sizeof pdf);
    assert_string_equal(header(file, "Content-Disposition"), "attachment; filename=\"ticket-1.pdf\"");
    file = part(mail, 2);
    assert_string_equal(header(file, "Content-Type"), "text/calendar; charset=utf-8; method=PUBLISH");
    assert_string_equal(header(file, "Content-Disposition"), "attachment; filename*=UTF-8''%C5%81%C3%B3d%C5%BA%20%22x%22.ics");
    assert_null(part(mail, 3));
}

static void the_same_message_is_the_same_bytes(void **state)
{
    struct mail_message message = { .to = "a@example.org", .subject = "s", .text = "t", .html = "<p>t</p>", .id = id_new(AT) };

    assert_string_equal(compose(&message), compose(&message));
}

/* "Code mails begin with a text/plain part whose only run of six digits is the code." */
static void a_code_is_the_only_run_of_six_digits(void **state)
{
    for (int i = 0; i < 200; i++) {
        struct mail_message message = { .to = "a@example.org", .subject = "Your code", .text = "Your code is 482913.\n\nIt is good for an hour.", .html = i & 1 ? "<p>482913</p>" : NULL,
                                        .id = id_new(AT + i) };
        char *mail = compose(&message);
        int runs = 0;

        for (char *c = mail; *c; c++) {
            size_t n = strspn(c, "0123456789");

            if (n >= 6) {
                assert_memory_equal(c, "482913", 6);
                assert_int_equal(n, 6);
                runs++;
            }
            if (n)
                c += n - 1;
        }
        assert_int_equal(runs, i & 1 ? 2 : 1);
        assert_non_null(strstr(mail, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nYour code is 482913.\r\n"));
    }
}

static void nobody_adds_a_header_or_a_recipient(void **state)
{
    static const char *const bad[] = { "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "a@b\nx", "<a@b>", "a@b>\r\nRCPT TO:<evil@x", "a\"@b", "a,b@c", "ü@b", "a@bü", "a@b\x7f" };
    struct mail_message message = { .to = "a@example.org", .to_name = "A\r\nBcc: evil@example.org\r\n\r\nHi", .subject = "S\r\nBcc: evil@example.org\n\n<html>",
                                    .text = "--=_alternative_x\n.\r\nBcc: no\n", .html = "", .id = id_new(AT) };
    struct mail_attachment file = { "a\r\nBcc: evil.pdf\"; x=\"", "text/plain\r\nBcc: evil", BYTES_OF("x") };
    struct bytes out;
    char *mail;

    message.attachments = &file;
    message.attachment_count = 1;
    mail = compose(&message);
    check_lines(mail);
    for (const char *line = mail; (line = strstr(line, "\r\n")); line++)
        assert_true(strncasecmp(line + 2, "bcc:", 4) != 0 || strstr(mail, "\r\n\r\n") < line);
    assert_null(header(mail, "Bcc"));
    assert_null(header(part(mail, 1), "Bcc"));
    assert_null(strstr(mail, "\r\n--=_alternative_x"));
    for (size_t i = 0; i < COUNT(bad); i++) {
        message.to = bad[i];
        assert_int_equal(mail_compose(arena, "tickets@example.org", &message, AT, &out), ERR_INVALID);
        message.to = "a@example.org";
        if (*bad[i] != '<') /* a sender may be written so */
            assert_int_equal(mail_compose(arena, bad[i], &message, AT, &out), ERR_INVALID);
    }
    assert_int_equal(mail_compose(arena, "Box Office <tickets@example.org>", &message, AT, &out), ERR_OK);
    assert_string_equal(header(arena_copy(arena, out.data, out.len), "From"), "\"Box Office\" <tickets@example.org>");
}

static void the_outbox_has_one_file_a_message(void **state)
{
    struct config config = { .mail_from = "tickets@example.org" };
    struct app app = { .config = &config };
    struct mail_message message = { .to = "a@example.org", .subject = "s", .text = "first", .id = id_new(AT) };
    struct buf error = buf_heap();
    struct mail *mail = mail_open(&app, dir, &error);
    char path[128], text[ID_TEXT_LEN + 1], read_back[4096];
    struct dirent *entry;
    int files = 0;
    DIR *folder;
    FILE *file;
    size_t n;

    assert_non_null(mail);
    assert_int_equal(mail_send(mail, arena, &message, AT), ERR_OK);
    struct mail_message nobody = message;
    nobody.to = "deleted:01a20653-f41a-7b84-8a48-f469280d6188"; /* what is left of an account: no file, no fault */
    nobody.id = id_new(AT + 1);
    assert_int_equal(mail_send(mail, arena, &nobody, AT), ERR_OK);
    message.text = "second";
    assert_int_equal(mail_send(mail, arena, &message, AT), ERR_OK);
    snprintf(path, sizeof path, "%s/outbox", dir);
    folder = opendir(path);
    while ((entry = readdir(folder)))
        files += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(folder);
    assert_int_equal(files, 1);
    id_format(&message.id, text);
    snprintf(path, sizeof path, "%s/outbox/%s.eml", dir, text);
    file = fopen(path, "r");
    assert_non_null(file);
    n = fread(read_back, 1, sizeof read_back - 1, file);
    read_back[n] = '\0';
    fclose(file);
    assert_non_null(strstr(read_back, "\r\n\r\nsecond\r\n"));
    mail_close(mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reads_back), cmocka_unit_test(the_same_message_is_the_same_bytes), cmocka_unit_test(a_code_is_the_only_run_of_six_digits),
        cmocka_unit_test(nobody_adds_a_header_or_a_recipient), cmocka_unit_test(the_outbox_has_one_file_a_message),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
