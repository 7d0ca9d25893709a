/*
 * stripe_money.c - our amounts and Stripe's.
 *
 * We count in ISO 4217 minor units, Stripe in its own "smallest currency unit",
 * which has the same number of digits but for a few (base/money.c has the
 * table, and the step that amounts must be a multiple of).
 */
#include "payments/stripe.h"

#include "base/money.h"

/* Twelve digits is the most that Stripe takes of any currency. */
#define AMOUNT_MAX INT64_C(999999999999)

/* amount * 10^digits; 10^-digits where that leaves nothing over. */
static bool shift(int64_t amount, int digits, int64_t *out)
{
    for (; digits > 0; digits--)
        amount *= 10;
    for (; digits < 0; digits++) {
        if (amount % 10)
            return false;
        amount /= 10;
    }
    *out = amount;
    return true;
}

bool stripe_amount(const char *currency, int64_t minor, int64_t *out)
{
    if (minor < 0 || minor > AMOUNT_MAX || minor % money_step(currency))
        return false;
    return shift(minor, money_provider_digits(currency) - money_digits(currency), out) && *out <= AMOUNT_MAX;
}

bool stripe_amount_back(const char *currency, int64_t amount, int64_t *out_minor)
{
    return amount >= 0 && amount <= AMOUNT_MAX && shift(amount, money_digits(currency) - money_provider_digits(currency), out_minor);
}

bool stripe_signed_back(const char *currency, int64_t amount, int64_t *out_minor)
{
    bool good = amount >= -AMOUNT_MAX && stripe_amount_back(currency, amount < 0 ? -amount : amount, out_minor);

    if (good && amount < 0)
        *out_minor = -*out_minor;
    return good;
}

int64_t stripe_amount_below(const char *currency, int64_t minor)
{
    int64_t ignored;

    if (minor > 0)
        minor -= minor % money_step(currency);
    /* What is left to be too much is too much for Stripe. */
    while (minor > 0 && !stripe_amount(currency, minor, &ignored))
        minor -= money_step(currency);
    return minor;
}
