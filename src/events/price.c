#include "events/price.h"

#include <assert.h>

#include "base/money.h"

/* ---- the discount, by line ---- */

static int64_t list_price(const struct price_line *line)
{
    return line->quantity * line->unit;
}

/* An amount off a price: all of it, or what can be paid less. A code may be older than the event's currency. */
static int64_t amount_off(int64_t value, int64_t price, int64_t step)
{
    return value >= price ? price : value - value % step;
}

static int64_t discount_of_ticket(const struct price_line *line, const struct price_discount *discount, int64_t step)
{
    switch (discount->kind) {
    case PRICE_PERCENT:
        return MIN(money_percent(line->unit, discount->value, step), line->unit);
    case PRICE_AMOUNT_TICKET:
        return amount_off(discount->value, line->unit, step);
    case PRICE_NO_DISCOUNT:
    case PRICE_AMOUNT_ORDER:
        break;
    }
    return 0;
}

/* Once for the order: each line has its part of the running sum, so that the parts come to the whole however they round. */
static void discount_order(struct price_line *lines, size_t count, int64_t value, int64_t step)
{
    int64_t whole = 0, upto = 0, given = 0;

    for (size_t i = 0; i < count; i++)
        whole += lines[i].discounted ? list_price(&lines[i]) : 0;
    value = amount_off(value, whole, step);
    for (size_t i = 0; i < count && whole; i++) {
        int64_t reached;

        if (!lines[i].discounted)
            continue;
        upto += list_price(&lines[i]);
        reached = money_proportion(value, upto, whole, step);
        lines[i].discount = MIN(reached - given, list_price(&lines[i]));
        given += lines[i].discount;
    }
}

/* ---- fee and tax ---- */

/* A price, or a discount, that nobody can pay to the last digit (KWD 0.015) divides by the digit, so that no ticket's part is larger than its price. */
static int64_t discount_share(const struct price_line *line, int64_t k, int64_t step)
{
    return money_share(line->discount, k, line->quantity, line->unit % step || line->discount % step ? 1 : step);
}

/* A line's discount may be uneven by a step: its tickets have at most a few prices, and each is rounded by itself. */
static void price_line_fill(struct price_line *line, const struct price_fee *fee, int64_t step)
{
    for (int64_t k = 1; k <= line->quantity; k++) {
        int64_t price = line->unit - discount_share(line, k, step);

        assert(price >= 0);
        if (price && !fee->by_organizer)
            line->fee += fee->fixed + money_percent(price, fee->bps, step);
        line->tax += line->tax_rate.included ? money_tax_within(price, line->tax_rate.bps, step) : money_percent(price, line->tax_rate.bps, step);
    }
    line->total = list_price(line) - line->discount + line->fee + (line->tax_rate.included ? 0 : line->tax);
}

void price_lines(struct price_line *lines, size_t count, const struct price_fee *fee, const struct price_discount *discount, const char *currency)
{
    int64_t step = money_step(currency);

    for (size_t i = 0; i < count; i++) {
        lines[i].discount = lines[i].fee = lines[i].tax = lines[i].total = 0;
        if (discount && lines[i].discounted)
            lines[i].discount = lines[i].quantity * discount_of_ticket(&lines[i], discount, step);
    }
    if (discount && discount->kind == PRICE_AMOUNT_ORDER)
        discount_order(lines, count, discount->value, step);
    for (size_t i = 0; i < count; i++) {
        /* Most events have neither: then a line is its price. */
        if (lines[i].tax_rate.bps || fee->fixed || fee->bps)
            price_line_fill(&lines[i], fee, step);
        else
            lines[i].total = list_price(&lines[i]) - lines[i].discount;
    }
}

int64_t price_of_order(int64_t quantity, int64_t unit, struct price_tax tax, const struct price_fee *fee, const char *currency)
{
    struct price_line line = { .quantity = quantity, .unit = unit, .tax_rate = tax };

    price_lines(&line, 1, fee, NULL, currency);
    return line.total;
}

void price_sums_add(struct price_sums *sums, const struct price_line *line)
{
    sums->subtotal += list_price(line);
    sums->discount += line->discount;
    sums->fees += line->fee;
    sums->tax += line->tax;
    sums->amount += line->total;
}

struct price_line price_share(const struct price_line *line, int64_t k, const char *currency)
{
    int64_t step = money_step(currency);
    struct price_line share = *line;

    share.quantity = 1;
    share.discount = discount_share(line, k, step);
    share.fee = money_share(line->fee, k, line->quantity, step);
    share.tax = money_share(line->tax, k, line->quantity, step);
    share.total = line->unit - share.discount + share.fee + (line->tax_rate.included ? 0 : share.tax);
    return share;
}
