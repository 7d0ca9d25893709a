/* Words are found however they are written: each row says what stands on the page, what is asked, and whether it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "events/event_search.h"

static void refuse(const char *question, const char *page)
{
    print_error("\"%s\" asked of \"%s\" gives the wrong answer\n", question, page);
    _fail(__FILE__, __LINE__);
}

/* As the store does it: some word lies in the range of every term. */
static bool finds(struct arena *arena, const char *page, const char *question)
{
    struct search_term term[SEARCH_TERMS_MAX];
    size_t terms = search_terms(arena, question, term);
    struct word_set set;

    word_set_init(&set, arena, SEARCH_WORDS_MAX);
    word_set_add_text(&set, page);
    for (size_t i = 0; i < terms; i++) {
        bool hit = false;

        for (size_t w = 0; w < set.count && !hit; w++)
            hit = strcmp(set.word[w], term[i].from) >= 0 && strcmp(set.word[w], term[i].to) < 0;
        if (!hit)
            return false;
    }
    return terms > 0;
}

static void words_are_found_however_they_are_written(void **state)
{
    static const struct { const char *page, *question; bool found; } row[] = {
        { "Summer Jazz Night", "jazz", true },
        { "Summer Jazz Night", "NIGHT summer", true },
        { "Summer Jazz Night", "jaz", true },            /* the last word is a prefix */
        { "Summer Jazz Night", "jaz night", false },     /* only the last */
        { "Summer Jazz Night", "azz", false },
        { "Summer Jazz Night", "jazz rock", false },     /* all words */
        { "Summer Jazz Night", "!!!", false },
        { "Summer Jazz Night", "", false },
        { "Rock'n'Roll 2026", "2026 rock", true },
        { "Zażółć gęślą jaźń w Łodzi", "zazolc GESLA", true },
        { "Zazolc gesla", "zażółć gęślą", true },
        { "Łódź", "lodz", true },
        { "Straßenfest in Köln", "STRASSENFEST köln", true },
        { "STRASSENFEST IN KOELN", "straße", true },
        { "STRASSENFEST", "straßen", true },
        { "Musik für alle", "fur", true },
        { "Ærø Øl-festival", "aero ol", true },
        { "İstanbul caz", "istanbul", true },
        { "Crème brûlée", "creme brulee", true },
        { "Cre\xCC\x80me", "cr\xC3\xA8me", true },       /* composed or not */
        { "ΟΔΥΣΣΕΥΣ", "οδυσσευς", true },                /* final sigma */
        { "Ёлка для всех", "елка", true },
        { "حَفْلَةُ الموسيقى", "حفله الموسيقي", true },     /* vowels and endings as people type them */
        { "أمسية شعرية", "امسيه", true },
        { "מוּזִיקָה", "מוזיקה", true },
        { "北京音乐节", "北京", true },
        { "北京音乐节", "音乐节", true },
        { "北京音乐节", "节", true },                     /* the last by itself */
        { "北京音乐节", "京", true },
        { "北京音乐节", "北音", false },
        { "北京音乐节", "上海", false },
        { "東京ジャズ２０２６", "ジャズ 2026", true },      /* full-width digits */
        { "東京ｼﾞｬｽﾞ", "ジャズ", true },                   /* half-width kana */
        { "서울에서 열리는 축제", "서울", true },
        { "คอนเสิร์ตในกรุงเทพ", "กรุงเทพ", true },
        { "คอนเสิร์ตในกรุงเทพ", "คอนเสิร์ต", true },
        { "คอนเสิร์ตในกรุงเทพ", "เชียงใหม่", false },
        { "दिल्ली संगीत", "संगीत", true },
        { "दिल्ली संगीत", "संगात", false },               /* vowels are kept */
        { "Ｆｕｌｌ　ｗｉｄｔｈ", "full width", true },
        { "ﬁnale", "finale", true },
    };
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        if (finds(arena, row[i].page, row[i].question) != row[i].found)
            refuse(row[i].question, row[i].page);
        arena_reset(arena);
    }
    arena_free(arena);
}

/* Whatever is mixed with whatever: a text of letters finds itself. */
static void a_text_finds_itself(void **state)
{
    static const char *const part[] = { "ab", "łó", "ß", "é", "音", "楽", "ก", "ที่", " ", "-", "7", "Ω", "ـ", "한", "\n", "’", "क्षि", "😀" };
    struct arena *arena = arena_new(0);
    unsigned seed = 20261122;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        char text[400] = "a";

        for (int i = 0; i < 12; i++) {
            seed = seed * 1103515245u + 12345u;
            strcat(text, part[(seed >> 16) % COUNT(part)]);
        }
        if (!finds(arena, text, text))
            refuse(text, text);
        arena_reset(arena);
    }
    arena_free(arena);
}

static void sizes_are_bounded(void **state)
{
    struct arena *arena = arena_new(0);
    struct buf text = buf_in(arena);
    struct word_set set;
    struct search_term term[SEARCH_TERMS_MAX];

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, "w%d ", i);
    word_set_init(&set, arena, SEARCH_WORDS_MAX);
    word_set_add_text(&set, text.data);
    assert_int_equal(set.count, SEARCH_WORDS_MAX);
    assert_true(word_set_has(&set, "w0"));
    assert_false(word_set_has(&set, "w4999"));
    assert_int_equal(search_terms(arena, text.data, term), SEARCH_TERMS_MAX);

    buf_clear(&text);
    for (int i = 0; i < 1000; i++)
        buf_str(&text, "x");
    word_set_init(&set, arena, 10);
    word_set_add_text(&set, text.data);
    assert_int_equal(set.count, 1);
    assert_int_equal(strlen(set.word[0]), SEARCH_WORD_MAX);
    assert_true(finds(arena, text.data, text.data));
    arena_free(arena);
}

static void names_fold_as_a_whole(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    assert_string_equal(search_fold(arena, "  ŁÓDŹ \t"), "lodz");
    assert_string_equal(search_fold(arena, "New\xC2\xA0  York"), "new york");
    assert_string_equal(search_fold(arena, "Frankfurt (Oder)"), "frankfurt (oder)");
    assert_string_equal(search_fold(arena, ""), "");
    assert_null(search_fold(arena, NULL));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found_however_they_are_written),
        cmocka_unit_test(a_text_finds_itself),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(names_fold_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
