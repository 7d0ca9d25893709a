/*
 * money.h - amounts in a currency's minor units: how they are written, rounded and divided, and what is known of each currency (one table).
 *
 * One rule rounds everything: half up, for each ticket, to the smallest amount
 * that can be paid in the currency (money_step). For each ticket and not for
 * the order, because then the price on the page times the number is what is
 * paid, and one ticket's refund is exactly what that ticket cost.
 */
#ifndef USHER_BASE_MONEY_H
#define USHER_BASE_MONEY_H

#include "base/arena.h"

/* A whole, in hundredths of a percent. */
#define MONEY_BPS_ALL 10000

/* Digits behind the point by ISO 4217: 0, 2 or 3. */
int money_digits(const char *currency);
/* Digits of the amounts that go to Stripe and come from it: the same but for ISK and UGX (2) and MGA (0). */
int money_provider_digits(const char *currency);
/* "EUR 42.50", "JPY 4500", "KWD 1.250"; "EUR -42.50". */
char *money_text(struct arena *arena, const char *currency, int64_t amount);
/* Amounts of the currency are multiples of this: 1, but 10 where the card networks take thousandths only with a last digit of 0, and 100 for MGA,
 * whose hundredths nobody can pay (docs.stripe.com/currencies). */
int64_t money_step(const char *currency);
/* The least that a card payment may be, by Stripe's table for the currency (docs.stripe.com/currencies, "Minimum and maximum charge amounts"); 0
 * where it names none: the bank's own currency then decides, and Stripe answers for it. */
int64_t money_minimum(const char *currency);

/* amount * bps / 10000, half up to a multiple of `step`. Neither is negative; amount up to 10^12. */
int64_t money_percent(int64_t amount, int64_t bps, int64_t step);
/* The tax of rate `bps` that is contained in `gross`, rounded like it. */
int64_t money_tax_within(int64_t gross, int64_t bps, int64_t step);
/* What part k (1..of) has of `total`: as even as `step` allows, and all parts sum to the total. Parts differ by a step at most; what is no multiple of
 * a step goes to the last. */
int64_t money_share(int64_t total, int64_t k, int64_t of, int64_t step);
/* total * upto / whole, rounded down to a multiple of `step`: differences of this divide `total` in proportion and sum to it exactly.
 * total <= whole; each up to 10^12. */
int64_t money_proportion(int64_t total, int64_t upto, int64_t whole, int64_t step);

#endif
