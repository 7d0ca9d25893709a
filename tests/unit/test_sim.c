/* Forms as Stripe's clients send them, the test cards, and the rules of mischief. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* ours refuses */
#include <string.h>

#include "base/buf.h"
#include "base/money.h"
#include "payments/stripe.h"
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
    assert_int_equal(sim_card_numbered("4000000000003220")->habit, HABIT_ASKS);
    assert_null(sim_card_named("pm_card_unheard_of"));
    assert_null(sim_card_numbered("4242424242424241"));
    assert_true(sim_card_luhn("4242424242424242"));
    assert_true(sim_card_luhn("378282246310005"));
    assert_false(sim_card_luhn("4242424242424241"));
    assert_false(sim_card_luhn("4242"));
    assert_false(sim_card_luhn("4242 4242 4242 4242"));
}

/* Each number adds up but the banks' names; no number and no name stands twice; what declines says how. */
static void the_table_of_cards_is_sound(void **state)
{
    const struct sim_card *card;

    for (size_t i = 0; (card = sim_card_at(i)); i++) {
        bool bank = strcmp(card->brand, "bank") == 0;

        if (sim_card_luhn(card->number) == bank)
            print_error("%s\n", card->number);
        assert_true(sim_card_luhn(card->number) != bank);
        assert_ptr_equal(sim_card_numbered(card->number), card);
        for (size_t n = 0; n < COUNT(card->names) && card->names[n]; n++)
            assert_ptr_equal(sim_card_named(card->names[n]), card);
        assert_true(!card->code == !card->message);
        if (card->code && !bank)
            assert_non_null(card->decline_code);
        assert_int_equal(strlen(card->country), 2);
    }
    assert_non_null(sim_card_at(60));
}

static void rules_are_read_and_written_alike(void **state)
{
    static const struct {
        const char *text, *written;
    } rows[] = {
        { "", "seed=1" },
        { " \t\n", "seed=1" },
        { "seed=7", "seed=7" },
        { "fail", "seed=1 fail=1#0,0" },
        { "seed=9  slow:250=0.5 drop@1,3/charge.", "seed=9 slow:250=0.5#0,0 drop@1,3/charge.#0,0" },
        { "hang=.25/POST:refunds#12,3", "seed=1 hang:15000=0.25/POST:refunds#12,3" },
        { "reorder duplicate=0", "seed=1 reorder:3000=1#0,0 duplicate=0#0,0" },
        { "fail=0.00006103515625", "seed=1 fail=6.103515625e-05#0,0" },
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf error = buf_in(arena), out = buf_in(arena), again = buf_in(arena);
        struct sim_mischief read;

        assert_true(sim_mischief_read(rows[i].text, &read, &error));
        sim_mischief_write(&read, &out);
        assert_string_equal(out.data, rows[i].written);
        assert_true(sim_mischief_read(out.data, &read, &error));
        sim_mischief_write(&read, &again);
        assert_string_equal(again.data, rows[i].written);
    }
    arena_free(arena);
}

static void what_is_no_rule_is_named(void **state)
{
    static const char *const bad[] = { "nonsense", "fail=2", "fail=-1", "fail=nan", "fail@0", "fail@", "fail@1,", "fail:5", "slow:60001", "slow:", "slow:x", "drop/",
                                       "seed=", "seed=x", "seed=-1", "fail=1x", "fail#1", "fail#1,2x", "=", "@1", "fail@1=0.5", "failing" };
    struct arena *arena = arena_new(0);
    struct buf many = buf_in(arena);
    struct sim_mischief read;

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buf error = buf_in(arena);

        if (sim_mischief_read(bad[i], &read, &error))
            print_error("%s\n", bad[i]);
        assert_true(error.len > 0);
        assert_non_null(strstr(error.data, bad[i]));
    }
    for (int i = 0; i < 33; i++)
        buf_str(&many, "fail ");
    assert_false(sim_mischief_read(many.data, &read, &many));
    arena_free(arena);
}

/* The n-th thing that a rule meets has the same fate each time, by the seed; about as often as its chance says; and other rules do not matter. */
static void a_seed_repeats_a_run(void **state)
{
    static const char *const texts[] = { "seed=5 drop=0.3", "seed=5 drop=0.3", "seed=5 drop=0.3 fail=0.5", "seed=6 drop=0.3" };
    struct sim sims[COUNT(texts)] = { 0 };
    struct arena *arena = arena_new(0);
    struct buf error = buf_in(arena);
    int dropped = 0, differing = 0;

    for (size_t i = 0; i < COUNT(texts); i++)
        assert_true(sim_mischief_read(texts[i], &sims[i].mischief, &error));
    for (int n = 0; n < 2000; n++) {
        bool fates[COUNT(texts)];

        sim_mischief_take(&sims[2], EVIL_FAIL, "GET:events", NULL);
        for (size_t i = 0; i < COUNT(texts); i++)
            fates[i] = sim_mischief_take(&sims[i], EVIL_DROP, "refund.created", NULL) != NULL;
        assert_true(fates[0] == fates[1] && fates[0] == fates[2]);
        dropped += fates[0];
        differing += fates[0] != fates[3];
    }
    assert_in_range(dropped, 500, 700);
    assert_true(differing > 500);
    arena_free(arena);
}

static void turns_and_scopes_are_exact(void **state)
{
    static const char *const calls[] = { "POST:refunds", "POST:payment_intents/pi_1/confirm", "GET:refunds/re_1", "POST:refunds", "POST:refunds" };
    static const bool want[] = { false, false, false, true, false };
    struct sim sim = { 0 };
    struct arena *arena = arena_new(0);
    struct buf error = buf_in(arena);

    assert_true(sim_mischief_read("fail@2/POST:refunds limit@3/refunds", &sim.mischief, &error));
    for (size_t i = 0; i < COUNT(calls); i++) {
        assert_int_equal(sim_mischief_take(&sim, EVIL_FAIL, calls[i], NULL) != NULL, want[i]);
        assert_int_equal(sim_mischief_take(&sim, EVIL_LIMIT, calls[i], NULL) != NULL, i == 3);
    }
    assert_int_equal(sim.mischief.rules[0].met, 3);
    assert_int_equal(sim.mischief.rules[0].done, 1);
    assert_int_equal(sim.mischief.rules[1].met, 4);
    arena_free(arena);
}

static void money_is_written_as_people_do(void **state)
{
    static const struct {
        const char *currency;
        int amount;
        const char *text;
    } rows[] = { { "eur", 4200, "42.00 eur" }, { "usd", 5, "0.05 usd" }, { "jpy", 4200, "4200 jpy" }, { "kwd", 1050, "1.050 kwd" }, { "isk", 5000, "50.00 isk" } };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(sim_money_text(arena, rows[i].currency, rows[i].amount), rows[i].text);
    arena_free(arena);
}

/* Does the simulator take this amount, in Stripe's units? */
static bool simulator_takes(const char *currency, int64_t amount)
{
    struct sim_call call = { .arena = arena_new(0) };
    bool taken = sim_amount(&call, currency, amount);

    json_decref(call.answer);
    arena_free(call.arena);
    return taken;
}

static bool we_would_ask(const char *currency, int64_t amount)
{
    int64_t minor, again;

    return stripe_amount_back(currency, amount, &minor) && stripe_amount(currency, minor, &again) && again == amount && minor >= money_minimum(currency);
}

static bool simulator_knows(const char *currency)
{
    struct sim_call call = { .arena = arena_new(0) };
    char out[4];
    bool known = sim_currency(&call, currency, out);

    json_decref(call.answer);
    arena_free(call.arena);
    return known;
}

static void compare_currency(const char *currency)
{
    char lower[4] = { (char)(currency[0] | 0x20), (char)(currency[1] | 0x20), (char)(currency[2] | 0x20) };
    struct arena *arena = arena_new(0);
    const char *text = sim_money_text(arena, lower, 0), *point = strchr(text, '.');

    assert_int_equal(money_provider_digits(currency), point ? strcspn(point + 1, " ") : 0);
    arena_free(arena);
    for (int64_t hundreds = 0; hundreds <= 20000; hundreds += 100)
        for (int64_t amount = MAX(1, hundreds - 1); amount <= (hundreds ? hundreds + 1 : 700); amount++)
            if (we_would_ask(currency, amount) != simulator_takes(lower, amount)) {
                print_error("%s: we and the simulator differ on %d\n", currency, (int)amount);
                assert_true(false);
            }
}

/* The simulator has a table of its own, so that one wrong line is not wrong on both sides: what we would send it takes, and what it refuses we do not send. */
static void our_table_of_currencies_is_the_simulators(void **state)
{
    int known = 0;

    for (int i = 0; i < 26 * 26 * 26; i++) {
        char currency[4] = { (char)('A' + i / 676), (char)('A' + i / 26 % 26), (char)('A' + i % 26) };

        if (!simulator_knows(currency))
            continue;
        compare_currency(currency);
        known++;
    }
    assert_in_range(known, 130, 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_keep_their_brackets_however_they_are_written),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(test_cards_are_known_by_number_and_by_name),
        cmocka_unit_test(the_table_of_cards_is_sound),
        cmocka_unit_test(rules_are_read_and_written_alike),
        cmocka_unit_test(what_is_no_rule_is_named),
        cmocka_unit_test(a_seed_repeats_a_run),
        cmocka_unit_test(turns_and_scopes_are_exact),
        cmocka_unit_test(money_is_written_as_people_do),
        cmocka_unit_test(our_table_of_currencies_is_the_simulators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
