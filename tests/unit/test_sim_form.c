/* Forms as Stripe's clients send them, and the test cards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* ours refuses */
#include <string.h>

#include "base/buf.h"
#include "sim/sim_inside.h"

static void names_keep_their_brackets_however_they_are_written(void **state)
{
    static const struct {
        const char *form, *name, *value; /* value NULL: there is none */
    } rows[] = {
        { "amount=4200&currency=eur", "amount", "4200" },
        { "amount=4200&currency=eur", "currency", "eur" },
        { "amount=4200", "amoun", NULL },
        { "metadata[a%20b]=%C3%BC%26%3D", "metadata[a b]", "\xc3\xbc&=" },
        { "metadata%5Bx%5D=1+2", "metadata[x]", "1 2" },
        { "metadata[x]=1%202", "metadata[x]", "1 2" },
        { "a[b][c]=1&&a[b][d]=2&", "a[b][d]", "2" },
        { "empty=", "empty", "" },
        { "bare", "bare", "" },
        { "a=1=2", "a", "1=2" },
        { "a=1&a=2", "a", "2" },
        { "", "a", NULL },
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sim_form form;

        assert_true(sim_form_read(arena, rows[i].form, strlen(rows[i].form), &form));
        if (rows[i].value)
            assert_string_equal(sim_form_get(&form, rows[i].name), rows[i].value);
        else
            assert_null(sim_form_get(&form, rows[i].name));
    }
    arena_free(arena);
}

static void what_is_no_form_is_refused(void **state)
{
    static const char *const bad[] = { "a=%", "a=%4", "a=%zz", "a=%00", "a=%FF", "%ZZ=1", "=1" };
    struct arena *arena = arena_new(0);
    struct buf many = buf_in(arena);
    struct sim_form form;

    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(sim_form_read(arena, bad[i], strlen(bad[i]), &form));
    for (int i = 0; i < 201; i++)
        buf_printf(&many, "a%d=1&", i);
    assert_false(sim_form_read(arena, many.data, many.len, &form));
    arena_free(arena);
}

static void test_cards_are_known_by_number_and_by_name(void **state)
{
    assert_ptr_equal(sim_card_named("pm_card_visa"), sim_card_numbered("4242424242424242"));
    assert_ptr_equal(sim_card_named("pm_card_chargeDeclined"), sim_card_named("pm_card_visa_chargeDeclined"));
    assert_string_equal(sim_card_numbered("4000000000009995")->decline_code, "insufficient_funds");
    assert_string_equal(sim_card_numbered("4000000000000069")->code, "expired_card");
    assert_true(sim_card_numbered("4000000000003220")->authenticate);
    assert_null(sim_card_named("pm_card_unheard_of"));
    assert_null(sim_card_numbered("4242424242424241"));
    assert_true(sim_card_luhn("4242424242424242"));
    assert_true(sim_card_luhn("378282246310005"));
    assert_false(sim_card_luhn("4242424242424241"));
    assert_false(sim_card_luhn("4242"));
    assert_false(sim_card_luhn("4242 4242 4242 4242"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_keep_their_brackets_however_they_are_written),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(test_cards_are_known_by_number_and_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
