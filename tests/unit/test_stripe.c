/* The pure half of the Stripe client: forms, amounts, and reading what Stripe says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "http/loopback.h"
#include "payments/stripe.h"

static void a_form_keeps_brackets_and_encodes_the_rest(void **state)
{
    struct arena *arena = arena_new(0);
    struct buf form = buf_in(arena);

    form_add_int(&form, "amount", 4200);
    form_add(&form, "metadata[a b]", "\xc3\xbc&= +%");
    form_add(&form, "expand[0]", "latest_charge");
    form_add(&form, "metadata[x]", "");
    assert_string_equal(form.data, "amount=4200&metadata[a%20b]=%C3%BC%26%3D%20%2B%25&expand[0]=latest_charge&metadata[x]=");
    arena_free(arena);
}

static void amounts_go_to_stripe_and_back(void **state)
{
    static const struct {
        const char *currency;
        int64_t ours, stripes; /* -1: Stripe cannot take it */
    } rows[] = {
        { "EUR", 2500, 2500 },  { "USD", 1, 1 },       { "JPY", 5000, 5000 },    { "KRW", 12000, 12000 }, { "ISK", 990, 99000 },
        { "UGX", 7, 700 },      { "MGA", 100, 1 },     { "MGA", 150, -1 },       { "KWD", 1230, 1230 },   { "KWD", 1234, -1 },
        { "TND", 10, 10 },      { "TND", 5, -1 },      { "EUR", 0, 0 },          { "EUR", -1, -1 },       { "EUR", 999999999999, 999999999999 },
        { "EUR", 1000000000000, -1 }, { "ISK", 10000000000, -1 }, { "EUR", INT64_MAX, -1 }, { "ISK", INT64_MAX, -1 },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t amount = -1, back = -1;
        bool good = stripe_amount(rows[i].currency, rows[i].ours, &amount);

        assert_int_equal(good, rows[i].stripes >= 0);
        if (!good)
            continue;
        assert_int_equal(amount, rows[i].stripes);
        assert_true(stripe_amount_back(rows[i].currency, amount, &back));
        assert_int_equal(back, rows[i].ours);
    }
}

static void parts_of_a_krona_are_nobodys(void **state)
{
    int64_t minor;

    assert_false(stripe_amount_back("ISK", 150, &minor));
    assert_false(stripe_amount_back("EUR", -5, &minor));
    assert_false(stripe_amount_back("MGA", INT64_MAX, &minor));
}

#define INTENT(rest)                                                                                                         \
    "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"livemode\":false,\"amount\":2500,\"amount_received\":2500,"             \
    "\"client_secret\":\"pi_1_secret_x\",\"metadata\":{\"registration_id\":\"01a0d3b1-7c00-7000-8000-000000000100\",\"attempt\":\"3\"}" rest "}"

static bool read_intent(struct arena *arena, const char *text, struct stripe_intent *out)
{
    struct fault fault = { .arena = arena };
    struct json_t *json;

    assert_int_equal(json_parse(arena, text, strlen(text), &json, &fault), ERR_OK);
    return stripe_read_intent(arena, json, out);
}

static void an_intent_is_read_by_name_and_type(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "\"pi_1\"",
        "{\"object\":\"payment_intent\"}",
        INTENT(""),
        INTENT(",\"currency\":\"eur\",\"status\":\"what\""),
        INTENT(",\"currency\":\"EUR\",\"status\":\"succeeded\""),
        INTENT(",\"currency\":\"euro\",\"status\":\"succeeded\""),
        INTENT(",\"currency\":null,\"status\":\"succeeded\""),
        INTENT(",\"currency\":\"eur\",\"status\":7"),
        INTENT(",\"currency\":\"eur\",\"status\":\"succeeded\",\"latest_charge\":{\"amount_refunded\":\"5\"}"),
        INTENT(",\"currency\":\"eur\",\"status\":\"succeeded\",\"latest_charge\":{\"amount_refunded\":-5}"),
        "{\"id\":\"pi_1/../refunds\",\"object\":\"payment_intent\",\"livemode\":false,\"amount\":1,\"amount_received\":0,\"currency\":\"eur\",\"status\":\"processing\"}",
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"livemode\":\"no\",\"amount\":1,\"amount_received\":0,\"currency\":\"eur\",\"status\":\"processing\"}",
        "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"livemode\":false,\"amount\":1.5,\"amount_received\":0,\"currency\":\"eur\",\"status\":\"processing\"}",
        "{\"id\":\"pi_1\",\"object\":\"charge\",\"livemode\":false,\"amount\":1,\"amount_received\":0,\"currency\":\"eur\",\"status\":\"processing\"}",
    };
    struct arena *arena = arena_new(0);
    struct stripe_intent intent;
    char id[ID_TEXT_LEN + 1];

    assert_true(read_intent(arena, INTENT(",\"currency\":\"eur\",\"status\":\"succeeded\",\"latest_charge\":{\"amount_refunded\":100}"), &intent));
    assert_string_equal(intent.id, "pi_1");
    assert_int_equal(intent.status, INTENT_SUCCEEDED);
    assert_int_equal(intent.received, 2500);
    assert_int_equal(intent.refunded, 100);
    assert_int_equal(intent.attempt, 3);
    assert_string_equal(intent.currency, "EUR");
    id_format(&intent.registration, id);
    assert_string_equal(id, "01a0d3b1-7c00-7000-8000-000000000100");
    assert_true(read_intent(arena, INTENT(",\"currency\":\"eur\",\"status\":\"requires_action\",\"latest_charge\":\"ch_1\""), &intent));
    assert_int_equal(intent.refunded, -1);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (read_intent(arena, bad[i], &intent))
            fail_msg("row %zu was taken", i);
    arena_free(arena);
}

static void an_id_may_stand_in_a_path(void **state)
{
    char longest[300];

    assert_true(stripe_id_valid("pi_3MtwBwLkdIwHu7ix28a3tqPa", "pi_"));
    assert_false(stripe_id_valid("pi_", "pi_"));
    assert_false(stripe_id_valid("ch_1", "pi_"));
    assert_false(stripe_id_valid("pi_1/cancel", "pi_"));
    assert_false(stripe_id_valid("pi_1?x", "pi_"));
    assert_false(stripe_id_valid(NULL, "pi_"));
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "pi_", 3);
    longest[256] = '\0';
    assert_false(stripe_id_valid(longest, "pi_"));
    longest[255] = '\0';
    assert_true(stripe_id_valid(longest, "pi_"));
}

static void our_own_address_can_be_connected_to(void **state)
{
    struct arena *arena = arena_new(0);

    assert_string_equal(http_loopback_base(arena, "127.0.0.1:8080", false), "http://127.0.0.1:8080");
    assert_string_equal(http_loopback_base(arena, "0.0.0.0:80", false), "http://127.0.0.1:80");
    assert_string_equal(http_loopback_base(arena, "[::]:443", true), "https://[::1]:443");
    assert_string_equal(http_loopback_base(arena, "192.0.2.7:80", false), "http://192.0.2.7:80");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_keeps_brackets_and_encodes_the_rest),
        cmocka_unit_test(amounts_go_to_stripe_and_back),
        cmocka_unit_test(parts_of_a_krona_are_nobodys),
        cmocka_unit_test(an_intent_is_read_by_name_and_type),
        cmocka_unit_test(an_id_may_stand_in_a_path),
        cmocka_unit_test(our_own_address_can_be_connected_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
