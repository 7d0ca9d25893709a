/* What tickets cost: a table of roundings, and random carts whose sums are exact however they are taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours refuses */

#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "base/random.h"
#include "registrations/registration.h"
#include "registrations/registration_rows.h"

/* Half up, for each ticket, to what can be paid. Worked out by hand. */
static void a_line_costs_what_the_table_says(void **state)
{
    static const struct {
        const char *currency;
        int64_t quantity, unit, tax_bps;
        bool included;
        int64_t fee_fixed, fee_bps;
        bool by_organizer;
        enum price_discount_kind kind;
        int64_t value;
        int64_t discount, fee, tax, total;
    } rows[] = {
        /* Nothing but the price. */
        { "EUR", 2, 2500, 0, true, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 0, 5000 },
        /* 19 % contained in 25.00 is 3.9916 -> 3.99, twice; on top it is 4.75. */
        { "EUR", 2, 2500, 1900, true, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 798, 5000 },
        { "EUR", 2, 2500, 1900, false, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 950, 5950 },
        /* 7 % of 10.50 is 0.735: half goes up, for each ticket (0.74), not for the three (2.205 -> 2.21). */
        { "EUR", 3, 1050, 700, false, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 222, 3372 },
        /* Fee: 0.99 and 2.5 % of 33.33 (0.83325 -> 0.83). The organizer's is nobody's business. */
        { "USD", 3, 3333, 0, true, 99, 250, false, PRICE_NO_DISCOUNT, 0, 0, 546, 0, 10545 },
        { "USD", 3, 3333, 0, true, 99, 250, true, PRICE_NO_DISCOUNT, 0, 0, 0, 0, 9999 },
        /* 15 % off 9.99 is 1.4985 -> 1.50; tax and fee are of the 8.49 that are left: 1.6131 -> 1.61 and 0.8490 -> 0.85. */
        { "EUR", 2, 999, 1900, false, 0, 1000, false, PRICE_PERCENT, 1500, 300, 170, 322, 2190 },
        /* All of it: a free ticket has no fee. */
        { "EUR", 2, 999, 1900, false, 100, 1000, false, PRICE_PERCENT, 10000, 1998, 0, 0, 0 },
        /* An amount for each ticket stops at the price; one for the order is divided, and the odd cent is one ticket's. */
        { "EUR", 3, 400, 0, true, 50, 0, false, PRICE_AMOUNT_TICKET, 500, 1200, 0, 0, 0 },
        { "EUR", 3, 400, 0, true, 0, 0, false, PRICE_AMOUNT_ORDER, 500, 500, 0, 0, 700 },
        { "EUR", 3, 400, 0, true, 0, 0, false, PRICE_AMOUNT_ORDER, 5000, 1200, 0, 0, 0 },
        /* No minor unit: 10 % of 4,545 yen are 454.5 -> 455; contained, 413.18 -> 413. */
        { "JPY", 1, 4545, 1000, false, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 455, 5000 },
        { "JPY", 1, 4545, 1000, true, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 413, 4545 },
        /* Thousandths, of which cards take only tens: 5 % of 1.250 is 0.0625 -> 0.060; 33 % off is 0.4125 -> 0.410. */
        { "KWD", 1, 1250, 500, false, 0, 0, false, PRICE_NO_DISCOUNT, 0, 0, 0, 60, 1310 },
        { "KWD", 2, 1250, 0, true, 0, 0, false, PRICE_PERCENT, 3300, 820, 0, 0, 1680 },
        /* An amount that no card can pay is rounded down to one that can, or is all of the price. */
        { "KWD", 2, 10, 0, true, 0, 0, false, PRICE_AMOUNT_ORDER, 15, 10, 0, 0, 10 },
        { "KWD", 2, 1000, 0, true, 0, 0, false, PRICE_AMOUNT_TICKET, 15, 20, 0, 0, 1980 },
        { "KWD", 1, 15, 0, true, 0, 0, false, PRICE_AMOUNT_TICKET, 15, 15, 0, 0, 0 },
        { "KWD", 2, 15, 0, true, 0, 0, false, PRICE_AMOUNT_ORDER, 30, 30, 0, 0, 0 },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct price_line line = { .quantity = rows[i].quantity, .unit = rows[i].unit, .tax_rate = { rows[i].tax_bps, rows[i].included }, .discounted = true };
        struct price_fee fee = { rows[i].fee_fixed, rows[i].fee_bps, rows[i].by_organizer };
        struct price_discount discount = { rows[i].kind, rows[i].value };

        price_lines(&line, 1, &fee, &discount, rows[i].currency);
        if (line.discount != rows[i].discount || line.fee != rows[i].fee || line.tax != rows[i].tax || line.total != rows[i].total)
            print_error("row %zu: discount %ld fee %ld tax %ld total %ld\n", i, (long)line.discount, (long)line.fee, (long)line.tax, (long)line.total);
        assert_int_equal(line.discount, rows[i].discount);
        assert_int_equal(line.fee, rows[i].fee);
        assert_int_equal(line.tax, rows[i].tax);
        assert_int_equal(line.total, rows[i].total);
    }
}

/* 10.00 off lines of 10.00, 20.00 and 0.01: in proportion, and together 10.00. */
static void an_amount_for_the_order_is_divided_in_proportion_and_comes_to_itself(void **state)
{
    struct price_line lines[] = {
        { .quantity = 1, .unit = 1000, .discounted = true, .tax_rate = { 0, true } }, { .quantity = 2, .unit = 1000, .discounted = true, .tax_rate = { 0, true } },
        { .quantity = 1, .unit = 1, .discounted = true, .tax_rate = { 0, true } }, { .quantity = 1, .unit = 5000, .tax_rate = { 0, true } },
    };
    struct price_discount discount = { PRICE_AMOUNT_ORDER, 1000 };
    struct price_fee none = { 0 };

    price_lines(lines, COUNT(lines), &none, &discount, "EUR");
    assert_int_equal(lines[0].discount, 333);
    assert_int_equal(lines[1].discount, 666);
    assert_int_equal(lines[2].discount, 1);
    assert_int_equal(lines[3].discount, 0);
    /* 6.66 off two tickets is 3.33 each. */
    assert_int_equal(price_share(&lines[1], 1, "EUR").total, 667);
    assert_int_equal(price_share(&lines[1], 2, "EUR").total, 667);
}

static void amounts_are_written_as_people_write_them(void **state)
{
    static const struct { const char *currency; int64_t amount; const char *text; } rows[] = {
        { "EUR", 4250, "EUR 42.50" }, { "EUR", 5, "EUR 0.05" }, { "JPY", 4500, "JPY 4500" }, { "KWD", 1250, "KWD 1.250" }, { "EUR", -4250, "EUR -42.50" },
        { "KWD", 7, "KWD 0.007" }, { "ISK", 1200, "ISK 1200" },
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(money_text(arena, rows[i].currency, rows[i].amount), rows[i].text);
    assert_int_equal(money_minimum("EUR"), 50);
    assert_int_equal(money_minimum("JPY"), 50);
    assert_int_equal(money_minimum("XPF"), 0);
    arena_free(arena);
}

/* ---- random carts ---- */

static int64_t chance(int64_t below)
{
    return (int64_t)random_below((uint32_t)below);
}

struct cart {
    const char *currency;
    struct price_line lines[6];
    size_t count;
    struct price_fee fee;
    struct price_discount discount;
};

static struct cart random_cart(void)
{
    static const char *const currencies[] = { "EUR", "USD", "JPY", "KWD", "MGA", "PLN" };
    struct cart cart = { .currency = currencies[chance(COUNT(currencies))], .count = 1 + (size_t)chance(6) };
    int64_t step = money_step(cart.currency);

    for (size_t i = 0; i < cart.count; i++)
        cart.lines[i] = (struct price_line){ .quantity = 1 + chance(40),
                                             .unit = chance(8) == 0 ? 0 : (1 + chance(chance(2) ? 2000 : 99999)) * (chance(10) ? step : 1),
                                             .tax_rate = { chance(2) ? chance(2600) : 0, chance(2) == 0 },
                                             .discounted = chance(4) != 0 };
    if (chance(2))
        cart.fee = (struct price_fee){ chance(300) * step, chance(1500), chance(3) == 0 };
    cart.discount.kind = (enum price_discount_kind)chance(4);
    cart.discount.value = cart.discount.kind == PRICE_PERCENT ? 1 + chance(MONEY_BPS_ALL) : (1 + chance(50000)) * (chance(10) ? step : 1);
    return cart;
}

/* Each amount is not negative, a line's parts make its total, all tickets of a line make the line, and what cards can pay stays so. */
static int64_t check_line(const struct cart *cart, const struct price_line *line)
{
    struct price_line sum = { 0 };
    int64_t step = money_step(cart->currency);

    /* A price, or a code from before the currency was changed, may be what no card can pay. */
    if (line->unit % step || line->discount % step)
        step = 1;
    assert_true(line->discount >= 0 && line->discount <= line->quantity * line->unit);
    assert_true(line->fee >= 0 && line->tax >= 0 && line->total >= 0);
    assert_int_equal(line->total, line->quantity * line->unit - line->discount + line->fee + (line->tax_rate.included ? 0 : line->tax));
    if (line->tax_rate.included)
        assert_true(line->tax <= line->quantity * line->unit - line->discount);
    if (!line->discounted)
        assert_int_equal(line->discount, 0);
    for (int64_t k = 1; k <= line->quantity; k++) {
        struct price_line share = price_share(line, k, cart->currency);

        assert_int_equal(share.quantity, 1);
        assert_true(share.discount >= 0 && share.discount <= share.unit && share.fee >= 0 && share.tax >= 0 && share.total >= 0);
        assert_int_equal(share.total % step, 0);
        sum.discount += share.discount;
        sum.fee += share.fee;
        sum.tax += share.tax;
        sum.total += share.total;
    }
    assert_int_equal(sum.discount, line->discount);
    assert_int_equal(sum.fee, line->fee);
    assert_int_equal(sum.tax, line->tax);
    assert_int_equal(sum.total, line->total);
    return sum.total;
}

/* The registration as it would be stored and read again: its tickets, given back one by one, come to its amount. */
static void check_refunds(struct arena *arena, const struct cart *cart, int64_t amount)
{
    struct registration reg = { .currency = cart->currency, .items = ARENA_ARRAY(arena, cart->count, struct registration_item), .item_count = cart->count };
    struct registration again = { .currency = cart->currency };
    struct price_sums sums;
    int64_t back = 0;

    for (size_t i = 0; i < cart->count; i++) {
        reg.items[i].n = (unsigned)i + 1;
        registration_item_set(&reg.items[i], &cart->lines[i]);
        reg.quantity += cart->lines[i].quantity;
    }
    registration_items_decode(arena, registration_items_encode(arena, &reg), &again);
    assert_int_equal(again.item_count, reg.item_count);
    sums = registration_sums(&again);
    assert_int_equal(sums.amount, amount);
    for (int64_t n = 1; n <= reg.quantity; n++)
        back += registration_ticket_price(&again, (unsigned)n).total;
    assert_int_equal(back, amount);
    assert_int_equal(registration_ticket_price(&again, (unsigned)reg.quantity + 1).total, 0);
    assert_int_equal(registration_ticket_price(&again, 0).total, 0);
}

static void random_carts_are_exact_to_the_cent(void **state)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1 + random_below(1u << 30);
    struct arena *arena = arena_new(0);

    print_message("TEST_SEED=%u\n", seed);
    random_seed_for_tests(seed);

    for (int round = 0; round < 20000; round++) {
        struct cart cart = random_cart();
        struct price_sums sums = { 0 };
        int64_t amount = 0, discounted = 0, wanted;

        price_lines(cart.lines, cart.count, &cart.fee, &cart.discount, cart.currency);
        for (size_t i = 0; i < cart.count; i++) {
            amount += check_line(&cart, &cart.lines[i]);
            price_sums_add(&sums, &cart.lines[i]);
            discounted += cart.lines[i].discounted ? cart.lines[i].quantity * cart.lines[i].unit : 0;
        }
        assert_int_equal(sums.amount, amount);
        /* An amount for the order is given whole, or as far as the prices go; where a price is not payable, less than a step may be lost. */
        wanted = MIN(cart.discount.value, discounted);
        if (cart.discount.kind == PRICE_AMOUNT_ORDER)
            assert_in_range(wanted - sums.discount, 0, money_step(cart.currency) * (int64_t)cart.count);
        if (cart.discount.kind == PRICE_AMOUNT_ORDER && money_step(cart.currency) == 1)
            assert_int_equal(sums.discount, wanted);
        if (cart.discount.kind == PRICE_NO_DISCOUNT)
            assert_int_equal(sums.discount, 0);
        check_refunds(arena, &cart, amount);
        arena_reset(arena);
    }
    random_seed_for_tests(0);
    arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_costs_what_the_table_says),
        cmocka_unit_test(an_amount_for_the_order_is_divided_in_proportion_and_comes_to_itself),
        cmocka_unit_test(amounts_are_written_as_people_write_them),
        cmocka_unit_test(random_carts_are_exact_to_the_cent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
