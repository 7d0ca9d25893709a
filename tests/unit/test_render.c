/* Drawing tickets, in this process and in the child. With the argument "render" this program is the child itself, as usher is. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "tickets/render_wire.h"

#define TOKEN "AEAQDAQCQMBYIBIGA4EASCQLBQGQ4DYQCEJBGFAVCYLRQGJKDMOB2HQ7EAQSEIZEEUTCOKBJFIVSYLJOF4YDCMRTGQ2TMNZYHE5DWPB5HY7UAQKCINCEKRSHJBEUUS2MJVHE6UCRKJBVIVKW"
#define DATED 1795305600123LL

static const struct render_ticket samples[] = {
    { "Nordlicht Festival 2027 – Opening Night", "Friday 12 March 2027, 19:30–23:00 CET", "18:30", "Grote Zaal\nVredenburgkade 11\nUtrecht, NL", "Balcony",
      "José Ñúñez", "A1B2C3D4E5-2", "EUR 42.50", "Stichting Nordlicht", TOKEN, DATED },
    { "Noc Świętojańska: Łódź gra", "Saturday 26 June 2027, 20:00 CEST", "19:00", "Manufaktura\nŁódź, PL", "Wejściówka", "Grzegorz Brzęczyszczykiewicz",
      "A1B2C3D4E5-1", "PLN 120.00", "Fundacja Żółw", TOKEN, DATED },
    { "مهرجان الشتاء", "Thursday 3 December 2026, 20:00 +03", "19:00", "مسرح المدينة", "الدرجة الأولى", "محمد عبد الله", "A1B2C3D4E5-3", NULL, NULL, TOKEN, DATED },
    { "上海国际爵士音乐节", "Sunday 18 April 2027, 19:30 CST", NULL, "上海, CN", "一等座", "王小明", "A1B2C3D4E5-4", "CNY 380.00", "上海爵士协会", TOKEN, DATED },
    { "เทศกาลดนตรี", "Wednesday 25 November 2026, 18:00 +07", "17:00", "กรุงเทพฯ, TH", "บัตรทั่วไป", "สมชาย ใจดี", "A1B2C3D4E5-5", "THB 850.00", NULL, TOKEN, DATED },
    { "दिल्ली संगीत समारोह", "Friday 5 February 2027, 18:30 IST", "17:45", "नई दिल्ली, IN", "सामान्य प्रवेश", "अनिता शर्मा", "A1B2C3D4E5-6", "INR 1200.00", NULL, TOKEN, DATED },
};
/* What pdftotext must find; Arabic comes back in an order and a form of poppler's own, so only its letters are asked for. */
static const char *const found[] = { "José Ñúñez", "Grzegorz Brzęczyszczykiewicz", "محمد", "王小明", "สมชาย", "अनिता शर्मा" };

/* cairo 1.16 loses a little with each subset of a CFF font, and pango holds one pattern of fontconfig; neither is ours to mend. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcairo.so\nleak:libfontconfig.so\n";
}

static char dir[] = "/tmp/usher-render-XXXXXX";
static struct arena *arena;
static struct render *render;

static int set_up(void **state)
{
    struct buf error = buf_heap();

    arena = arena_new(1 << 16);
    render = render_open(&error);
    return mkdtemp(dir) && render ? 0 : 1;
}

static int tear_down(void **state)
{
    char command[128];

    render_close(render);
    render_draw_end();
    arena_free(arena);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static bool same(struct bytes a, struct bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static char *save(struct bytes pdf, const char *name)
{
    char *path = arena_printf(arena, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(pdf.data, 1, pdf.len, file), pdf.len);
    fclose(file);
    return path;
}

/* What a command prints, all of it up to 64 KiB. */
static char *output_of(const char *command)
{
    FILE *pipe = popen(command, "r");
    struct buf out = buf_in(arena);
    char chunk[4096];
    size_t n;

    assert_non_null(pipe);
    buf_reserve(&out, 1);
    while (out.len < 65536 && (n = fread(chunk, 1, sizeof chunk, pipe)))
        buf_add(&out, chunk, n);
    if (pclose(pipe) != 0)
        buf_str(&out, "\n(failed)");
    return out.data;
}

static void every_script_is_one_sound_page_that_reads_back(void **state)
{
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct bytes pdf;
        char *path, *text;

        assert_int_equal(render_draw(arena, &samples[i], &pdf), ERR_OK);
        path = save(pdf, "one.pdf");
        assert_non_null(strstr(output_of(arena_printf(arena, "qpdf --check %s 2>&1", path)), "No syntax or stream encoding errors found"));
        assert_string_equal(output_of(arena_printf(arena, "qpdf --show-npages %s", path)), "1\n");
        text = output_of(arena_printf(arena, "pdftotext %s - 2>&1", path));
        if (!strstr(text, found[i]))
            print_error("%s is not in:\n%s\n", found[i], text);
        assert_non_null(strstr(text, found[i]));
        output_of(arena_printf(arena, "pdftoppm -r 150 -png -singlefile %s %s/page", path, dir));
        text = output_of(arena_printf(arena, "zbarimg -q --raw %s/page.png 2>/dev/null", dir));
        assert_string_equal(text, TOKEN "\n");
        /* Fonts are ours, never what else is installed. */
        text = output_of(arena_printf(arena, "pdffonts %s | tail -n +3 | grep -vE '^[A-Z]{6}[+](NotoSans|DroidSans)' | wc -l", path));
        assert_string_equal(text, "0\n");
    }
}

static void the_same_ticket_is_the_same_bytes(void **state)
{
    struct bytes first[COUNT(samples)], pdf;
    struct timespec wait = { .tv_nsec = 20 * 1000 * 1000 };

    for (size_t i = 0; i < COUNT(samples); i++)
        assert_int_equal(render_draw(arena, &samples[i], &first[i]), ERR_OK);
    /* A day later by the clock that the house reads, and (cairo reads the real one) over a second's edge. */
    clock_set_offset_ms(86400000);
    for (time_t from = time(NULL); time(NULL) == from;)
        nanosleep(&wait, NULL);
    for (size_t i = COUNT(samples); i-- > 0;) {
        assert_int_equal(render_draw(arena, &samples[i], &pdf), ERR_OK);
        assert_true(same(pdf, first[i]));
        assert_int_equal(render_pdf(render, arena, &samples[i], &pdf), ERR_OK);
        assert_true(same(pdf, first[i]));
    }
    clock_set_offset_ms(0);
}

/* In this process and in the child, over a second's edge; in any script; and what is no JSON is refused, not drawn. */
static void a_receipt_is_the_same_bytes_and_reads_back(void **state)
{
    static const char json[] =
        "{\"title\":\"Receipt\",\"number\":\"R-000017\",\"date\":\"12 March 2027\",\"author\":\"Zażółć\",\"seller\":\"Zażółć sp. z o.o.\\nGdańsk\","
        "\"buyer\":\"\\u0646\\u0648\\u0631\",\"event\":\"東京ナイトラン\",\"payment\":\"pi_1\",\"dated\":1805000000000,"
        "\"lines\":[[\"दिल्ली\",\"2\",\"KWD 1.250\",\"KWD 2.500\"],[7,null,\"\"]],\"sums\":[[\"Subtotal\",\"KWD 2.500\"]],\"totalLabel\":\"Total paid\","
        "\"total\":\"KWD 2.500\",\"taxLines\":[[\"Tax 5 % included in KWD 2.500\",\"KWD 0.120\"]],\"foot\":\"Receipt R-000017\"}";
    struct timespec wait = { .tv_nsec = 20 * 1000 * 1000 };
    struct bytes first, again;
    char *path, *text;

    assert_int_equal(render_draw_receipt(arena, json, strlen(json), &first), ERR_OK);
    for (time_t from = time(NULL); time(NULL) == from;)
        nanosleep(&wait, NULL);
    assert_int_equal(render_draw_receipt(arena, json, strlen(json), &again), ERR_OK);
    assert_true(same(first, again));
    assert_int_equal(render_receipt_pdf(render, arena, json, strlen(json), &again), ERR_OK);
    assert_true(same(first, again));
    path = save(first, "receipt.pdf");
    assert_non_null(strstr(output_of(arena_printf(arena, "qpdf --check %s 2>&1", path)), "No syntax or stream encoding errors found"));
    text = output_of(arena_printf(arena, "pdftotext -layout %s - 2>&1", path));
    assert_non_null(strstr(text, "Zażółć sp. z o.o."));
    assert_non_null(strstr(text, "KWD 2.500"));
    assert_non_null(strstr(text, "東京ナイトラン"));
    assert_int_equal(render_receipt_pdf(render, arena, "{}", 2, &again), ERR_OK);
    assert_int_equal(render_receipt_pdf(render, arena, "no json", 7, &again), ERR_INTERNAL);
}

static void hostile_texts_are_drawn_or_dropped(void **state)
{
    char long_text[20000], marks[4001];
    struct render_ticket ticket = samples[0];
    struct bytes pdf;

    memset(long_text, 'W', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    for (size_t i = 0; i + 2 < sizeof marks; i += 2)
        memcpy(marks + i, i ? "\xcc\x81" : "aa", 2);
    marks[sizeof marks - 1] = '\0';
    const char *texts[] = { "", " ", "\n\n\n", long_text, marks, "\xe2\x80\xae" "dlrow", "\x01\x02\x7f", "\xff\xfe not utf-8", "🎷🎉", "a\nb\nc\nd\ne\nf\ng\nh", "\xef\xbf\xbf", "<b>&amp;%s%n" };

    for (size_t i = 0; i < COUNT(texts); i++) {
        ticket.event_title = ticket.when_line = ticket.doors_line = ticket.venue_lines = ticket.ticket_type = texts[i];
        ticket.attendee = ticket.order_line = ticket.price_line = ticket.organizer = texts[i];
        assert_int_equal(render_pdf(render, arena, &ticket, &pdf), ERR_OK);
        assert_string_equal(output_of(arena_printf(arena, "qpdf --show-npages %s", save(pdf, "hostile.pdf"))), "1\n");
        output_of(arena_printf(arena, "pdftoppm -r 150 -png -singlefile %s/hostile.pdf %s/page", dir, dir));
        assert_string_equal(output_of(arena_printf(arena, "zbarimg -q --raw %s/page.png 2>/dev/null", dir)), TOKEN "\n");
    }
    ticket = (struct render_ticket){ .dated_ms = DATED };
    assert_int_equal(render_pdf(render, arena, &ticket, &pdf), ERR_OK);
}

/* The process id of our only child. */
static pid_t child_pid(void)
{
    char *text = output_of(arena_printf(arena, "pgrep -P %d -x -f 'usher render'", (int)getpid()));

    return (pid_t)atoi(text);
}

static void a_child_that_died_is_started_again(void **state)
{
    struct bytes pdf;
    pid_t first, second;

    assert_int_equal(render_pdf(render, arena, &samples[0], &pdf), ERR_OK);
    first = child_pid();
    assert_true(first > 0);
    kill(first, SIGKILL);
    assert_int_equal(render_pdf(render, arena, &samples[0], &pdf), ERR_OK);
    second = child_pid();
    assert_true(second > 0 && second != first);

    /* Ended while idle: the sweep takes leave of it, and no zombie stays. */
    kill(second, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)second, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
    render_reap(render);
    assert_int_equal(kill(second, 0), -1);
    assert_int_equal(render_pdf(render, arena, &samples[0], &pdf), ERR_OK);
}

/* It has its socket, three times nothing, and none of the server's files. */
static void the_child_holds_nothing_of_ours(void **state)
{
    FILE *secret = fopen("/tmp", "r");
    struct bytes pdf;
    char *text;

    assert_int_equal(render_pdf(render, arena, &samples[0], &pdf), ERR_OK);
    text = output_of(arena_printf(arena, "ls -l /proc/%d/fd | grep -c -e socket: -e /dev/null", (int)child_pid()));
    assert_string_equal(text, "4\n");
    text = output_of(arena_printf(arena, "ls -l /proc/%d/fd | grep -- '->' | grep -vc -e socket: -e /dev/null -e fonts || true", (int)child_pid()));
    assert_string_equal(text, "0\n");
    text = output_of(arena_printf(arena, "tr '\\0' '\\n' </proc/%d/environ | grep -vc -e ^LANG= -e ^PATH= || true", (int)child_pid()));
    assert_string_equal(text, "0\n");
    if (secret)
        fclose(secret);
}

static void requests_survive_the_wire(void **state)
{
    struct buf out = buf_in(arena);
    struct render_ticket back;
    uint8_t noise[512];

    render_write_request(&out, &samples[2]);
    assert_true(render_read_request(arena, out.data + 4, out.len - 4, &back));
    assert_string_equal(back.attendee, samples[2].attendee);
    assert_null(back.price_line);
    assert_int_equal(back.dated_ms, DATED);
    for (size_t len = 0; len < out.len - 4; len++)
        assert_false(render_read_request(arena, out.data + 4, len, &back));
    random_seed_for_tests(7);
    for (int i = 0; i < 2000; i++) {
        random_bytes(noise, sizeof noise);
        assert_false(render_read_request(arena, noise, random_below(sizeof noise), &back));
    }
    random_seed_for_tests(0);
}

/* Not a judgement: prints what docs/performance.md quotes. */
static void speed(void **state)
{
    struct bytes pdf;
    int64_t from = clock_mono_us();

    for (int i = 0; i < 100; i++) {
        struct arena_mark mark = arena_mark(arena);

        assert_int_equal(render_pdf(render, arena, &samples[0], &pdf), ERR_OK);
        arena_rewind(arena, mark);
    }
    print_message("a Latin ticket in the child: %.1f ms, %zu bytes\n", (double)(clock_mono_us() - from) / 1e5, pdf.len);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_survive_the_wire),       cmocka_unit_test(every_script_is_one_sound_page_that_reads_back),
        cmocka_unit_test(the_same_ticket_is_the_same_bytes),
        cmocka_unit_test(a_receipt_is_the_same_bytes_and_reads_back), cmocka_unit_test(hostile_texts_are_drawn_or_dropped),
        cmocka_unit_test(a_child_that_died_is_started_again), cmocka_unit_test(the_child_holds_nothing_of_ours), cmocka_unit_test(speed),
    };

    if (argc == 2 && strcmp(argv[1], "render") == 0)
        return render_child_main();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
