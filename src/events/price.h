/*
 * price.h - what tickets cost: price, discount, service fee and tax, in that order. Pure.
 *
 *     listed price  - discount                  = what the ticket costs      (never below 0)
 *                   + fee      of that price: fixed + percent, none where the ticket is free; 0 where the organizer bears it
 *                   + tax      of that price, where it comes on top; else it is a part of the price
 *                                               = total
 *
 * Each step is rounded for each ticket (base/money.h says how, and why), and an
 * amount off, once to what can be paid: so whatever is listed at a payable price
 * comes to a payable total. The fee is a gross amount: whatever tax is in it is
 * not broken out.
 *
 * A line is one ticket type of an order. It keeps sums; what one of its tickets
 * cost is the line's sums divided evenly (price_share), so that all tickets of
 * a line always come to the line.
 */
#ifndef USHER_EVENTS_PRICE_H
#define USHER_EVENTS_PRICE_H

#include "base/util.h"

struct price_tax {
    int64_t bps;
    bool included;           /* in the listed price; else it comes on top */
};
struct price_fee {
    int64_t fixed, bps;      /* for each ticket that is not free */
    bool by_organizer;       /* he bears it: buyers see and pay none */
};

enum price_discount_kind {
    PRICE_NO_DISCOUNT,       /* a code that only opens hidden ticket types */
    PRICE_PERCENT,           /* value: basis points of each ticket */
    PRICE_AMOUNT_ORDER,      /* value: minor units, once for the order, divided in proportion to the prices */
    PRICE_AMOUNT_TICKET,     /* value: minor units for each ticket */
};
struct price_discount {
    enum price_discount_kind kind;
    int64_t value;
};

struct price_line {
    /* In. */
    int64_t quantity, unit;  /* 1..255; the listed price */
    struct price_tax tax_rate;
    bool discounted;         /* the discount is meant for this ticket type */
    /* Out: sums over the line. */
    int64_t discount, fee, tax, total;
};

/* The sums of an order; `tax` counts both kinds. subtotal - discount + fees + tax on top = amount. */
struct price_sums {
    int64_t subtotal, discount, fees, tax, amount;
};

/* Fill in what the lines cost. `discount` may be NULL. At most 100 lines at prices below 10^8. */
void price_lines(struct price_line *lines, size_t count, const struct price_fee *fee, const struct price_discount *discount, const char *currency);
/* What an order of `quantity` tickets at this listed price comes to without a discount. */
int64_t price_of_order(int64_t quantity, int64_t unit, struct price_tax tax, const struct price_fee *fee, const char *currency);
void price_sums_add(struct price_sums *sums, const struct price_line *line);

/* Ticket k (1..quantity) of a priced line, as a line of one. Its total is what is given back for it. */
struct price_line price_share(const struct price_line *line, int64_t k, const char *currency);

#endif
