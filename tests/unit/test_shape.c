/* What a table of fields takes and refuses: every type, good and bad; every fault named, where it stands. */
#include "http/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const words[] = { "draft", "published", NULL };

struct item {
    struct given given;
    int64_t quantity;
    const char *name;
};
static const struct field item_fields[] = {
    FIELD(item, "quantity", quantity, FIELD_INT, REQUIRED, 1, 255),
    FIELD(item, "name/of", name, FIELD_LINE, OPTIONAL, 1, 10),
    FIELD_END
};
static const struct shape item_shape = SHAPE(item, "Item", item_fields);

struct all {
    struct given given;
    const char *text, *line, *email, *slug, *currency, *zone, *country, *url;
    struct id id;
    int64_t number, at_ms;
    bool flag;
    int word;
    struct item *object, *list;
    size_t list_count, id_count, text_count;
    struct id *ids;
    const char **texts;
};
static const struct field all_fields[] = {
    FIELD(all, "text", text, FIELD_TEXT, OPTIONAL, 2, 5),
    FIELD(all, "line", line, FIELD_LINE, OPTIONAL, 1, 5),
    FIELD(all, "email", email, FIELD_EMAIL, OPTIONAL, 3, 254),
    FIELD(all, "slug", slug, FIELD_SLUG, OPTIONAL, 2, 8),
    FIELD(all, "currency", currency, FIELD_CURRENCY, OPTIONAL, 0, 0),
    FIELD(all, "zone", zone, FIELD_ZONE, OPTIONAL, 0, 0),
    FIELD(all, "country", country, FIELD_COUNTRY, OPTIONAL, 0, 0),
    FIELD(all, "url", url, FIELD_URL, OPTIONAL, 0, 40),
    FIELD(all, "id", id, FIELD_ID, OPTIONAL, 0, 0),
    FIELD(all, "number", number, FIELD_INT, OPTIONAL | NULLABLE, -5, 1000000000000),
    FIELD(all, "at", at_ms, FIELD_TIME, OPTIONAL, 0, 0),
    FIELD(all, "flag", flag, FIELD_BOOL, OPTIONAL, 0, 0),
    FIELD_WORDS(all, "word", word, OPTIONAL, words),
    FIELD_SUB(all, "object", object, &item_shape, OPTIONAL),
    FIELD_MANY(all, "list", list, list_count, FIELD_LIST, &item_shape, OPTIONAL, 1, 200),
    FIELD_MANY(all, "ids", ids, id_count, FIELD_ID_LIST, NULL, OPTIONAL, 0, 2),
    FIELD_MANY(all, "texts", texts, text_count, FIELD_TEXT_LIST, NULL, OPTIONAL, 0, 3),
    FIELD_END
};
static const struct shape all_shape = SHAPE(all, "All", all_fields);

#define ID "\"01930000-0000-7000-8000-0000000000aa\""

/* "pointer:code " for each fault found, in order. */
static enum err read_all(struct arena *arena, const char *json, struct all **out, char *found, size_t size)
{
    struct fault fault = { .arena = arena };
    void *value = NULL;
    enum err e = shape_read_json(&all_shape, json, strlen(json), &value, &fault);
    size_t n = 0;

    found[0] = '\0';
    for (const struct field_fault *field = fault.fields; field && n < size; field = field->next)
        n += (size_t)snprintf(found + n, size - n, "%s%s:%s", n ? " " : "", field->pointer, field->code);
    *out = value;
    return e;
}

static void each_type_has_its_bounds(void **state)
{
    static const struct {
        const char *json, *faults; /* NULL: good */
    } row[] = {
        { "{}", NULL },
        { "{\"text\":\"ab\"}", NULL },
        { "{\"text\":\"a\\nb\\t\"}", NULL },
        { "{\"text\":\"a\"}", "/text:too-short" },
        { "{\"text\":\"abcdef\"}", "/text:too-long" },
        { "{\"text\":\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac\"}", NULL }, /* five characters, eleven bytes */
        { "{\"text\":\"a\\u0001b\"}", "/text:control" },
        { "{\"text\":\"a\\u0085b\"}", "/text:control" },
        { "{\"text\":\"a\\u007fb\"}", "/text:control" },
        { "{\"text\":5}", "/text:type" },
        { "{\"text\":null}", "/text:null" },
        { "{\"line\":\"  ab \"}", NULL },
        { "{\"line\":\"   \"}", "/line:blank" },
        { "{\"line\":\"\\u3000\\u00a0\"}", "/line:blank" },
        { "{\"line\":\"\"}", "/line:too-short" },
        { "{\"line\":\"a\\nb\"}", "/line:control" },
        { "{\"email\":\"ada@example.org\"}", NULL },
        { "{\"email\":\"a.b+c'd@x-y.example\"}", NULL },
        { "{\"email\":\"ada@localhost\"}", NULL },
        { "{\"email\":\"ada\"}", "/email:format" },
        { "{\"email\":\"@x.y\"}", "/email:format" },
        { "{\"email\":\"a@\"}", "/email:format" },
        { "{\"email\":\"a b@x.y\"}", "/email:format" },
        { "{\"email\":\"a@x..y\"}", "/email:format" },
        { "{\"email\":\"a.@x.y\"}", "/email:format" },
        { "{\"email\":\".a@x.y\"}", "/email:format" },
        { "{\"email\":\"a@-x.y\"}", "/email:format" },
        { "{\"email\":\"a@x.y.\"}", "/email:format" },
        { "{\"email\":\"a@x.y\\r\\nBcc: b@x.y\"}", "/email:format" },
        { "{\"email\":\"<a@x.y>\"}", "/email:format" },
        { "{\"email\":\"a@b@x.y\"}", "/email:format" },
        { "{\"slug\":\"rock-n-1\"}", NULL },
        { "{\"slug\":\"Rock\"}", "/slug:format" },
        { "{\"slug\":\"r\"}", "/slug:too-short" },
        { "{\"slug\":\"rockrockr\"}", "/slug:too-long" },
        { "{\"slug\":\"\"}", "/slug:format" },
        { "{\"currency\":\"EUR\"}", NULL },
        { "{\"currency\":\"eur\"}", "/currency:format" },
        { "{\"currency\":\"EURO\"}", "/currency:format" },
        { "{\"currency\":\"ABC\"}", "/currency:format" },
        { "{\"currency\":\"R \"}", "/currency:format" },
        { "{\"zone\":\"Europe/Berlin\"}", NULL },
        { "{\"zone\":\"Mars/Olympus\"}", "/zone:format" },
        { "{\"zone\":\"../etc/passwd\"}", "/zone:format" },
        { "{\"country\":\"DE\"}", NULL },
        { "{\"country\":\"de\"}", "/country:format" },
        { "{\"country\":\"DEU\"}", "/country:format" },
        { "{\"url\":\"https://example.org/a?b#c\"}", NULL },
        { "{\"url\":\"http://h\"}", NULL },
        { "{\"url\":\"http://\"}", "/url:format" },
        { "{\"url\":\"https:///a\"}", "/url:format" },
        { "{\"url\":\"javascript:alert(1)\"}", "/url:format" },
        { "{\"url\":\"http://a b\"}", "/url:format" },
        { "{\"url\":\"http://example.org/0123456789012345678901234\"}", "/url:too-long" },
        { "{\"id\":" ID "}", NULL },
        { "{\"id\":\"01930000-0000-4000-8000-0000000000aa\"}", "/id:format" },
        { "{\"id\":\"x\"}", "/id:format" },
        { "{\"number\":-5}", NULL },
        { "{\"number\":null}", NULL },
        { "{\"number\":-6}", "/number:too-small" },
        { "{\"number\":1000000000001}", "/number:too-large" },
        { "{\"number\":1.0}", "/number:type" },
        { "{\"number\":1e3}", "/number:type" },
        { "{\"number\":\"1\"}", "/number:type" },
        { "{\"number\":true}", "/number:type" },
        { "{\"at\":\"2026-11-22T19:00:00Z\"}", NULL },
        { "{\"at\":\"2026-11-22T20:00:00.5+01:00\"}", NULL },
        { "{\"at\":\"2026-11-22\"}", "/at:format" },
        { "{\"at\":\"1969-12-31T23:59:59Z\"}", "/at:format" },
        { "{\"at\":1}", "/at:type" },
        { "{\"flag\":true}", NULL },
        { "{\"flag\":1}", "/flag:type" },
        { "{\"word\":\"published\"}", NULL },
        { "{\"word\":\"Published\"}", "/word:not-allowed" },
        { "{\"word\":\"draft\\u0000\"}", ":limit" },
        { "{\"object\":{\"quantity\":1}}", NULL },
        { "{\"object\":{}}", "/object/quantity:required" },
        { "{\"object\":[]}", "/object:type" },
        { "{\"object\":{\"quantity\":1,\"name/of\":\"\"}}", "/object/name~1of:too-short" },
        { "{\"object\":{\"quantity\":1,\"a~b\":2}}", "/object/a~0b:unknown" },
        { "{\"list\":[{\"quantity\":1},{\"quantity\":0},7,{\"quantity\":2}]}", "/list/1/quantity:too-small /list/2:type" },
        { "{\"list\":[]}", "/list:too-few" },
        { "{\"list\":{}}", "/list:type" },
        { "{\"ids\":[" ID "," ID "]}", NULL },
        { "{\"ids\":[]}", NULL },
        { "{\"ids\":[" ID "," ID "," ID "]}", "/ids:too-many" },
        { "{\"ids\":[" ID ",5]}", "/ids/1:type" },
        { "{\"texts\":[\"a\",\" b \"]}", NULL },
        { "{\"texts\":[\"a\",\"\\n\"]}", "/texts/1:control" },
        { "{\"more\":1,\"text\":\"a\",\"slug\":\"A\"}", "/text:too-short /slug:format /more:unknown" },
    };
    struct arena *arena = arena_new(0);
    struct all *all;
    char found[512];

    for (size_t i = 0; i < COUNT(row); i++) {
        enum err e = read_all(arena, row[i].json, &all, found, sizeof found);

        if (e != (row[i].faults ? ERR_INVALID : ERR_OK) || strcmp(found, row[i].faults ? row[i].faults : ""))
            fail_msg("%s gave %d \"%s\"", row[i].json, (int)e, found);
        arena_reset(arena);
    }
    arena_free(arena);
}

static void what_was_read_stands_in_the_struct(void **state)
{
    struct arena *arena = arena_new(0);
    struct all *all;
    char found[256];

    assert_int_equal(read_all(arena,
                              "{\"line\":\" A\\u030a \",\"number\":7,\"word\":\"published\",\"flag\":true,\"at\":\"1970-01-01T00:00:01Z\","
                              "\"list\":[{\"quantity\":3},{\"quantity\":4}],\"texts\":[\"x\"],\"id\":" ID "}",
                              &all, found, sizeof found),
                     ERR_OK);
    assert_string_equal(all->line, "\xc3\x85"); /* composed and trimmed */
    assert_int_equal(all->number, 7);
    assert_int_equal(all->word, 1);
    assert_true(all->flag);
    assert_int_equal(all->at_ms, 1000);
    assert_int_equal(all->list_count, 2);
    assert_int_equal(all->list[1].quantity, 4);
    assert_int_equal(all->id.byte[15], 0xaa);
    assert_string_equal(all->texts[0], "x");
    assert_true(given(&all->given, 1) && given(&all->given, 9) && !given(&all->given, 0));
    /* null is an answer where it is allowed. */
    assert_int_equal(read_all(arena, "{\"number\":null}", &all, found, sizeof found), ERR_OK);
    assert_true(given(&all->given, 9));
    assert_int_equal(all->number, 0);
    arena_free(arena);
}

/* The contract's line between 400 and 422: what is not JSON, and what is JSON and not what was asked for. */
static void what_is_json_and_no_object_is_a_fault_of_the_whole(void **state)
{
    static const struct {
        const char *json;
        enum err want;
        const char *found;
    } row[] = {
        { "", ERR_BAD_REQUEST, "" },
        { "{", ERR_BAD_REQUEST, "" },
        { "nul", ERR_BAD_REQUEST, "" },
        { "{}x", ERR_BAD_REQUEST, "" },
        { "{\"a\":1,\"a\":2}", ERR_BAD_REQUEST, "" },
        { "{\"text\":\"\xff\"}", ERR_BAD_REQUEST, "" },
        { "[]", ERR_INVALID, ":type" },
        { "1", ERR_INVALID, ":type" },
        { "\"x\"", ERR_INVALID, ":type" },
        { "null", ERR_INVALID, ":type" },
        { "{\"number\":9223372036854775808}", ERR_INVALID, ":limit" },
        { "{\"number\":1e999}", ERR_INVALID, ":limit" },
        { "{\"text\":\"a\\u0000b\"}", ERR_INVALID, ":limit" },
    };
    struct arena *arena = arena_new(0);
    struct all *all;
    char found[256];

    for (size_t i = 0; i < COUNT(row); i++) {
        assert_int_equal(read_all(arena, row[i].json, &all, found, sizeof found), row[i].want);
        assert_string_equal(found, row[i].found);
    }
    arena_free(arena);
}

static void a_thousand_faults_stay_a_small_answer(void **state)
{
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    struct buf json = buf_heap();
    void *value;
    char name[3000];

    memset(name, 'n', sizeof name);
    buf_str(&json, "{\"list\":[");
    for (int i = 0; i < 150; i++)
        buf_printf(&json, "%s{\"quantity\":0,\"u%d\":1}", i ? "," : "", i);
    buf_printf(&json, "],\"%.*s\":1}", (int)sizeof name, name);
    assert_int_equal(shape_read_json(&all_shape, json.data, json.len, &value, &fault), ERR_INVALID);
    assert_int_equal(fault.field_count, 100);
    /* A name of any length does not become an answer of any length. */
    fault_clear(&fault);
    buf_clear(&json);
    buf_printf(&json, "{\"%.*s\":1}", (int)sizeof name, name);
    assert_int_equal(shape_read_json(&all_shape, json.data, json.len, &value, &fault), ERR_INVALID);
    assert_true(strlen(fault.fields->pointer) < 120);
    buf_free(&json);
    arena_free(arena);
}

struct search {
    struct given given;
    const char *q;
    int64_t limit, from_ms;
    bool online;
    int status;
};
static const struct field search_fields[] = {
    FIELD(search, "q", q, FIELD_LINE, OPTIONAL, 1, 20), FIELD(search, "limit", limit, FIELD_INT, OPTIONAL, 1, 100),
    FIELD(search, "from", from_ms, FIELD_TIME, OPTIONAL, 0, 0), FIELD(search, "online", online, FIELD_BOOL, OPTIONAL, 0, 0),
    FIELD_WORDS(search, "status", status, REQUIRED, words), FIELD_END
};
static const struct shape search_shape = SHAPE(search, "Search", search_fields);

static void queries_are_read_by_the_same_rows(void **state)
{
    static const struct {
        const char *query;
        enum err want;
        const char *faults;
    } row[] = {
        { "status=draft&q=a+b%20c&limit=5&from=2026-11-22T19%3A00%3A00Z&online=true", ERR_OK, "" },
        { "status=draft&&", ERR_OK, "" },
        { "", ERR_INVALID, "status:required" },
        { "status=draft&limit=0", ERR_INVALID, "limit:too-small" },
        { "status=draft&limit=", ERR_INVALID, "limit:type" },
        { "status=draft&limit=-", ERR_INVALID, "limit:type" },
        { "status=draft&limit=99999999999999999999", ERR_INVALID, "limit:type" },
        { "status=draft&online=1", ERR_INVALID, "online:type" },
        { "status=draft&q", ERR_INVALID, "q:too-short" },
        { "status=draft&status=draft", ERR_INVALID, "status:repeated" },
        { "status=x&y%2Fz=1", ERR_INVALID, "status:not-allowed y/z:unknown" },
        { "status=draft&q=%zz", ERR_BAD_REQUEST, "" },
        { "status=draft&q=%ff", ERR_BAD_REQUEST, "" },
        { "status=draft&q=%00", ERR_BAD_REQUEST, "" },
        { "status=draft&q=%4", ERR_BAD_REQUEST, "" },
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(row); i++) {
        struct fault fault = { .arena = arena };
        char found[256] = "";
        size_t n = 0;
        void *value;
        enum err e = shape_read_query(&search_shape, row[i].query, strlen(row[i].query), &value, &fault);

        for (const struct field_fault *field = fault.fields; field; field = field->next)
            n += (size_t)snprintf(found + n, sizeof found - n, "%s%s:%s", n ? " " : "", field->pointer, field->code);
        if (e != row[i].want || strcmp(found, row[i].faults))
            fail_msg("%s gave %d \"%s\"", row[i].query, (int)e, found);
        if (!i) {
            const struct search *search = value;

            assert_string_equal(search->q, "a b c");
            assert_int_equal(search->limit, 5);
            assert_true(search->online);
        }
    }
    arena_free(arena);
}

static void the_schema_says_what_the_rows_say(void **state)
{
    struct buf out = buf_heap();

    shape_schema(&item_shape, &out);
    assert_string_equal(out.data, "{\"type\":\"object\",\"properties\":{\"quantity\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":255},"
                                  "\"name/of\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":10}},\"required\":[\"quantity\"],"
                                  "\"additionalProperties\":false}");
    buf_clear(&out);
    shape_schema(&all_shape, &out);
    assert_non_null(strstr(out.data, "\"list\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":200,\"items\":{\"$ref\":\"#/components/schemas/Item\"}}"));
    assert_non_null(strstr(out.data, "\"number\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":-5,\"maximum\":1000000000000},{\"type\":\"null\"}]}"));
    buf_free(&out);
}

static void escapes_are_decoded_or_refused(void **state)
{
    static const struct {
        const char *in, *out;
        bool plus;
    } row[] = {
        { "a%20b", "a b", false }, { "a+b", "a+b", false }, { "a+b", "a b", true }, { "%C3%A4", "\xc3\xa4", false }, { "%c3%a4", "\xc3\xa4", false },
        { "%", NULL, false }, { "%4", NULL, false }, { "%4x", NULL, false }, { "%00", NULL, false }, { "%C3", NULL, false }, { "%ED%A0%80", NULL, false },
        { "%C0%AF", NULL, false }, { "\xff", NULL, false }, { "", "", false },
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(row); i++) {
        size_t len = 999;
        char *out = url_decode(arena, row[i].in, strlen(row[i].in), row[i].plus, &len);

        if (!row[i].out)
            assert_null(out);
        else
            assert_string_equal(out, row[i].out);
        if (out)
            assert_int_equal(len, strlen(out));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_bounds),
        cmocka_unit_test(what_was_read_stands_in_the_struct),
        cmocka_unit_test(what_is_json_and_no_object_is_a_fault_of_the_whole),
        cmocka_unit_test(a_thousand_faults_stay_a_small_answer),
        cmocka_unit_test(queries_are_read_by_the_same_rows),
        cmocka_unit_test(the_schema_says_what_the_rows_say),
        cmocka_unit_test(escapes_are_decoded_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
