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

static struct json_t *parsed(struct arena *arena, const char *text)
{
    struct fault fault = { .arena = arena };
    struct json_t *json;

    assert_int_equal(json_parse(arena, text, strlen(text), &json, &fault), ERR_OK);
    return json;
}

static void a_charge_tells_of_its_fee_and_its_dispute(void **state)
{
    struct arena *arena = arena_new(0);
    struct stripe_intent intent;

    assert_true(read_intent(arena, INTENT(",\"currency\":\"eur\",\"status\":\"succeeded\",\"latest_charge\":{\"amount_refunded\":0,\"disputed\":true,"
                                          "\"balance_transaction\":\"txn_1\",\"created\":1795375741}"), &intent));
    assert_true(intent.disputed);
    assert_string_equal(intent.balance, "txn_1");
    assert_int_equal(intent.charged_s, 1795375741);
    assert_true(read_intent(arena, INTENT(",\"currency\":\"eur\",\"status\":\"succeeded\",\"latest_charge\":{\"amount_refunded\":0,"
                                          "\"balance_transaction\":{\"id\":\"txn_2\"},\"created\":-5}"), &intent));
    assert_string_equal(intent.balance, "txn_2");
    assert_int_equal(intent.charged_s, 0);
    assert_true(read_intent(arena, INTENT(",\"currency\":\"eur\",\"status\":\"succeeded\",\"latest_charge\":{\"amount_refunded\":0,"
                                          "\"balance_transaction\":\"../txn\"}"), &intent));
    assert_null(intent.balance);
    arena_free(arena);
}

#define BALANCE(id, amount, fee)                                                                                                        \
    "{\"id\":\"" id "\",\"object\":\"balance_transaction\",\"amount\":" amount ",\"fee\":" fee ",\"currency\":\"eur\",\"created\":5,\"source\":\"ch_1\"}"
#define DISPUTE(status, balances)                                                                                                       \
    "{\"id\":\"du_1\",\"object\":\"dispute\",\"livemode\":false,\"amount\":2500,\"currency\":\"eur\",\"payment_intent\":\"pi_1\",\"created\":7,"         \
    "\"reason\":\"fraudulent\",\"status\":\"" status "\",\"evidence_details\":{\"due_by\":99},\"balance_transactions\":[" balances "]}"

static void balances_and_disputes_are_read_by_name_and_type(void **state)
{
    static const char *const bad[] = { "{}", DISPUTE("thinking", ""), DISPUTE("lost", "{}"), DISPUTE("lost", "null"), DISPUTE("lost", BALANCE("x_1", "1", "1")),
                                       DISPUTE("lost", BALANCE("txn_1", "1.5", "1")), DISPUTE("lost", BALANCE("txn_1", "9999999999999", "1")) };
    struct arena *arena = arena_new(0);
    /* What a transaction's source may be, and the intent that it leads to. */
    static const struct {
        const char *json, *intent;
    } sources[] = { { "{\"id\":\"ch_1\",\"payment_intent\":\"pi_1\"}", "pi_1" }, { "{\"id\":\"du_1\",\"payment_intent\":{\"id\":\"pi_2\"}}", "pi_2" },
                    { "{\"id\":\"po_1\"}", NULL },  { "{\"id\":\"ch_1\",\"payment_intent\":null}", NULL },
                    { "{\"id\":\"ch_1\",\"payment_intent\":\"pi_/../x\"}", NULL }, { "null", NULL }, { "7", NULL } };
    struct stripe_balance balance;
    struct stripe_dispute dispute;

    assert_true(stripe_read_balance(arena, parsed(arena, BALANCE("txn_1", "-2500", "1500")), &balance));
    assert_int_equal(balance.amount, -2500);
    assert_int_equal(balance.fee, 1500);
    assert_string_equal(balance.source, "ch_1");
    assert_null(balance.intent);
    assert_int_equal(balance.available_s, 0);
    for (size_t i = 0; i < COUNT(sources); i++) {
        const char *text = arena_printf(arena, "{\"id\":\"txn_1\",\"object\":\"balance_transaction\",\"amount\":1,\"fee\":0,\"currency\":\"eur\","
                                               "\"available_on\":86400,\"source\":%s}", sources[i].json);

        assert_true(stripe_read_balance(arena, parsed(arena, text), &balance));
        assert_int_equal(balance.available_s, 86400);
        if (sources[i].intent)
            assert_string_equal(balance.intent, sources[i].intent);
        else
            assert_null(balance.intent);
    }
    assert_true(stripe_read_dispute(arena, parsed(arena, DISPUTE("needs_response", BALANCE("txn_1", "-2500", "1500") "," BALANCE("txn_2", "2500", "0"))), &dispute));
    assert_int_equal(dispute.status, DISPUTE_NEEDS_RESPONSE);
    assert_int_equal(dispute.balance_count, 2);
    assert_int_equal(dispute.balances[1].amount, 2500);
    assert_int_equal(dispute.evidence_due_s, 99);
    assert_string_equal(dispute.intent, "pi_1");
    assert_true(stripe_read_dispute(arena, parsed(arena, DISPUTE("won", "")), &dispute));
    assert_int_equal(dispute.status, DISPUTE_WON);
    assert_true(stripe_read_dispute(arena, parsed(arena, DISPUTE("lost", "")), &dispute));
    assert_int_equal(dispute.status, DISPUTE_LOST);
    assert_true(stripe_read_dispute(arena, parsed(arena, DISPUTE("warning_closed", "")), &dispute));
    assert_int_equal(dispute.status, DISPUTE_INQUIRY_CLOSED);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (stripe_read_dispute(arena, parsed(arena, bad[i]), &dispute))
            fail_msg("row %zu was taken", i);
    arena_free(arena);
}

static void what_cannot_move_is_rounded_down_and_signs_stay(void **state)
{
    int64_t minor;

    assert_int_equal(stripe_amount_below("EUR", 1234), 1234);
    assert_int_equal(stripe_amount_below("KWD", 1239), 1230);
    assert_int_equal(stripe_amount_below("MGA", 199), 100);
    assert_int_equal(stripe_amount_below("MGA", 99), 0);
    assert_int_equal(stripe_amount_below("EUR", -1), -1);
    assert_true(stripe_signed_back("ISK", -500, &minor));
    assert_int_equal(minor, -5);
    assert_false(stripe_signed_back("ISK", -50, &minor));
    assert_false(stripe_signed_back("EUR", INT64_MIN + 1, &minor));
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
        cmocka_unit_test(a_charge_tells_of_its_fee_and_its_dispute),
        cmocka_unit_test(balances_and_disputes_are_read_by_name_and_type),
        cmocka_unit_test(what_cannot_move_is_rounded_down_and_signs_stay),
        cmocka_unit_test(an_id_may_stand_in_a_path),
        cmocka_unit_test(our_own_address_can_be_connected_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
