/* The JSON writer's commas and escapes, and everything that the reader must refuse. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static void commas_and_names_stand_where_they_belong(void **state)
{
    struct buf out = buf_heap();
    struct id id = { { 1, 0x93, 0x5f, 0, 0, 1, 0x70, 2, 0x80, 3, 4, 5, 6, 7, 8, 0 } }, zero = { { 0 } };

    json_open(&out, NULL);
    json_str(&out, "a", "x");
    json_int(&out, "b", INT64_MIN);
    json_open_array(&out, "c");
    json_int(&out, NULL, 1);
    json_open(&out, NULL);
    json_close(&out);
    json_open(&out, NULL);
    json_bool(&out, "t", true);
    json_bool(&out, "f", false);
    json_close(&out);
    json_open_array(&out, NULL);
    json_close_array(&out);
    json_str(&out, NULL, NULL);
    json_close_array(&out);
    json_nil(&out, "d");
    json_id(&out, "e", &id);
    json_id(&out, "g", &zero);
    json_id(&out, "h", NULL);
    json_time(&out, "i", 1795374000000);
    json_time_or_null(&out, "j", 0);
    json_raw(&out, "k", "[1]", 3);
    json_close(&out);
    assert_string_equal(out.data,
                        "{\"a\":\"x\",\"b\":-9223372036854775808,\"c\":[1,{},{\"t\":true,\"f\":false},[],null],\"d\":null,"
                        "\"e\":\"01935f00-0001-7002-8003-040506070800\",\"g\":null,\"h\":null,"
                        "\"i\":\"2026-11-22T19:00:00.000Z\",\"j\":null,\"k\":[1]}");
    buf_free(&out);
}

static void text_is_escaped(void **state)
{
    static const char odd[] = "\" \\ \n \r \t \x01 \x1f \x7f \xc5\x82 {[,:";
    struct buf out = buf_heap();

    json_strn(&out, NULL, odd, sizeof odd - 1);
    assert_string_equal(out.data, "\"\\\" \\\\ \\n \\r \\t \\u0001 \\u001f \x7f \xc5\x82 {[,:\"");
    buf_clear(&out);
    json_open_array(&out, NULL);
    json_str(&out, NULL, "ends in {");
    json_str(&out, NULL, "");
    json_close_array(&out);
    assert_string_equal(out.data, "[\"ends in {\",\"\"]");
    buf_free(&out);
}

static enum err parse(struct arena *arena, const char *text, size_t len)
{
    struct fault fault = { .arena = arena };
    struct json_t *document = NULL;
    /* From a block of just that size, so that a byte read behind it shows. */
    char *exact = malloc(len ? len : 1);
    enum err e;

    memcpy(exact, text, len);
    e = json_parse(arena, exact, len, &document, &fault);
    free(exact);
    assert_true(e == ERR_OK ? document != NULL : fault.detail != NULL);
    if (fault.detail) /* it repeats nothing of the input, so it is always clean */
        for (const char *c = fault.detail; *c; c++)
            assert_in_range((unsigned char)*c, 0x20, 0x7e);
    arena_reset(arena);
    return e;
}

#define D15 "[[[[[[[[[[[[[[["
#define C15 "]]]]]]]]]]]]]]]"

static void only_strict_json_is_read(void **state)
{
#define ROW(text, want) { text, sizeof(text) - 1, want }
    static const struct {
        const char *text;
        size_t len;
        enum err want;
    } row[] = {
        ROW("{}", ERR_OK),
        ROW(" [1, -2.5e3, \"\\u0141\", true, null] \n", ERR_OK),
        ROW("\"just text\"", ERR_OK),
        ROW("\"\\ud83c\\udf9f\"", ERR_OK),
        ROW(D15 "[" "]" C15, ERR_OK),
        ROW("\"" D15 D15 "\\\"" D15 "\"", ERR_OK),
        ROW(D15 "[[" "]]" C15, ERR_BAD_REQUEST),
        ROW(D15 D15, ERR_BAD_REQUEST),
        ROW("", ERR_BAD_REQUEST),
        ROW(" ", ERR_BAD_REQUEST),
        ROW("{", ERR_BAD_REQUEST),
        ROW("\"\\", ERR_BAD_REQUEST),
        ROW("{\"a\":1,}", ERR_BAD_REQUEST),
        ROW("{a:1}", ERR_BAD_REQUEST),
        ROW("{'a':1}", ERR_BAD_REQUEST),
        ROW("{\"a\":1,\"a\":2}", ERR_BAD_REQUEST),
        ROW("{\"a\":{\"b\":1,\"\\u0062\":2}}", ERR_BAD_REQUEST),
        ROW("{} {}", ERR_BAD_REQUEST),
        ROW("{}x", ERR_BAD_REQUEST),
        ROW("[NaN]", ERR_BAD_REQUEST),
        ROW("[Infinity]", ERR_BAD_REQUEST),
        ROW("[01]", ERR_BAD_REQUEST),
        ROW("[+1]", ERR_BAD_REQUEST),
        ROW("[9223372036854775808]", ERR_INVALID),
        ROW("[1e999]", ERR_INVALID),
        ROW("\"a\nb\"", ERR_BAD_REQUEST),
        ROW("\"\\u0000\"", ERR_INVALID),
        ROW("{\"a\\u0000b\":1}", ERR_INVALID),
        ROW("\"a\0b\"", ERR_BAD_REQUEST),
        ROW("{}\0", ERR_BAD_REQUEST),
        ROW("\"\\ud800\"", ERR_BAD_REQUEST),
        ROW("\"\xff\"", ERR_BAD_REQUEST),
        ROW("\"\xc0\xaf\"", ERR_BAD_REQUEST),
        ROW("\"\xed\xa0\x80\"", ERR_BAD_REQUEST),
        ROW("\"\xf4\x90\x80\x80\"", ERR_BAD_REQUEST),
        ROW("\"\xc5\"", ERR_BAD_REQUEST),
        ROW("\xef\xbb\xbf{}", ERR_BAD_REQUEST),
        ROW("// no\n{}", ERR_BAD_REQUEST),
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(row); i++)
        if (parse(arena, row[i].text, row[i].len) != row[i].want)
            fail_msg("row %zu: %s", i, row[i].text);
    arena_free(arena);
}

static void a_hundred_thousand_brackets_are_refused_at_once(void **state)
{
    struct arena *arena = arena_new(0);
    char *text = malloc(100000);

    memset(text, '[', 100000);
    assert_int_equal(parse(arena, text, 100000), ERR_BAD_REQUEST);
    free(text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_names_stand_where_they_belong),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(only_strict_json_is_read),
        cmocka_unit_test(a_hundred_thousand_brackets_are_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
