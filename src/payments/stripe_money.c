/*
 * stripe_money.c - our amounts and Stripe's.
 *
 * We count in ISO 4217 minor units, Stripe in its own "smallest currency unit",
 * which is the same but for these (docs.stripe.com/currencies):
 *
 *   ISK, UGX   ISO has no minor unit, Stripe still counts hundredths, and takes whole units only
 *   MGA        ISO has a minor unit of a fifth that Stripe ignores: it counts whole ariary
 *   BHD, JOD, KWD, OMR, TND   thousandths in both, but Stripe's last digit must be 0
 */
#include "payments/stripe.h"

#include <string.h>

static const struct {
    char currency[4];
    int64_t times, per; /* Stripe's amount = ours * times / per */
    int64_t step;       /* Stripe's amount is a multiple of it */
} differing[] = {
    { "ISK", 100, 1, 100 }, { "UGX", 100, 1, 100 }, { "MGA", 1, 100, 1 }, { "BHD", 1, 1, 10 },
    { "JOD", 1, 1, 10 },    { "KWD", 1, 1, 10 },    { "OMR", 1, 1, 10 },  { "TND", 1, 1, 10 },
};

/* Twelve digits is the most that Stripe takes of any currency. */
#define AMOUNT_MAX INT64_C(999999999999)

bool stripe_amount(const char *currency, int64_t minor, int64_t *out)
{
    int64_t times = 1, per = 1, step = 1;

    if (minor < 0 || minor > AMOUNT_MAX)
        return false;
    for (size_t i = 0; i < COUNT(differing); i++)
        if (strcmp(currency, differing[i].currency) == 0) {
            times = differing[i].times;
            per = differing[i].per;
            step = differing[i].step;
        }
    if (minor * times % per != 0)
        return false;
    *out = minor * times / per;
    return *out <= AMOUNT_MAX && *out % step == 0;
}

bool stripe_amount_back(const char *currency, int64_t amount, int64_t *out_minor)
{
    int64_t times = 1, per = 1;

    if (amount < 0 || amount > AMOUNT_MAX)
        return false;
    for (size_t i = 0; i < COUNT(differing); i++)
        if (strcmp(currency, differing[i].currency) == 0) {
            times = differing[i].times;
            per = differing[i].per;
        }
    if (amount * per % times != 0)
        return false;
    *out_minor = amount * per / times;
    return true;
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

    /* Steps are of 10, 100 at most. */
    while (minor > 0 && !stripe_amount(currency, minor, &ignored))
        minor--;
    return minor;
}
