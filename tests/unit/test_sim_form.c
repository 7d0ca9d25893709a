/* Forms with nested names, as Stripe's clients send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours refuses */

#include <stdlib.h>
#include <string.h>

#include "sim/inner.h"

static void names_nest_by_brackets_however_they_are_written(void **state)
{
    static const struct { const char *form, *json; } rows[] = {
        { "", "{}" },
        { "amount=4200&currency=eur", "{\"amount\":\"4200\",\"currency\":\"eur\"}" },
        { "metadata[a%20b]=%C3%BC%26%3D", "{\"metadata\":{\"a b\":\"\303\274&=\"}}" },
        { "metadata%5Bx%5D=1+2", "{\"metadata\":{\"x\":\"1 2\"}}" },
        { "expand[]=a&expand[]=b", "{\"expand\":{\"0\":\"a\",\"1\":\"b\"}}" },
        { "types[0]=a&created[gte]=5", "{\"types\":{\"0\":\"a\"},\"created\":{\"gte\":\"5\"}}" },
        { "a[b][c]=1&a[b][d]=2&&", "{\"a\":{\"b\":{\"c\":\"1\",\"d\":\"2\"}}}" },
        { "empty=", "{\"empty\":\"\"}" },
        /* and what must be refused */
        { "a=1&a=2", NULL }, { "a[b]=1&a=2", NULL }, { "a=1&a[b]=2", NULL }, { "=1", NULL }, { "[a]=1", NULL }, { "a[b=1", NULL },
        { "a[b]c=1", NULL }, { "a=%", NULL }, { "a=%4", NULL }, { "a=%zz", NULL }, { "a=%00", NULL }, { "a=%FF", NULL },
        { "a[1][2][3][4][5][6]=x", NULL },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *got = sim_form_parse(rows[i].form, strlen(rows[i].form));
        char *text = got ? json_dumps(got, JSON_COMPACT) : NULL;

        if (rows[i].json)
            assert_string_equal(text, rows[i].json);
        else
            assert_null(got);
        free(text);
        json_decref(got);
    }
    (void)state;
}

static void more_pairs_than_anyone_sends_are_refused(void **state)
{
    struct buf form = buf_heap();
    json_t *got;

    for (int i = 0; i < 500; i++)
        buf_printf(&form, "a%d=1&", i);
    got = sim_form_parse(form.data, form.len);
    assert_non_null(got);
    json_decref(got);
    buf_str(&form, "b=1");
    assert_null(sim_form_parse(form.data, form.len));
    buf_free(&form);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_nest_by_brackets_however_they_are_written),
        cmocka_unit_test(more_pairs_than_anyone_sends_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
