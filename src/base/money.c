#include "base/money.h"

#include <assert.h>
#include <string.h>

/*
 * What currencies are, where they are not like most: two digits, counted so by the provider, any amount, no least one that is known.
 * docs.stripe.com/currencies has "zero-decimal", "three-decimal" and "special case" currencies, and "Minimum and maximum charge amounts".
 */
static const struct currency {
    char code[4];
    int8_t digits, provider_digits; /* behind the point, by ISO 4217 and as Stripe counts */
    int step;                       /* in ours */
    int minimum;                    /* in ours; 0: none named */
} currencies[] = {
    /* No minor unit. */
    { "BIF", 0, 0, 1, 0 }, { "CLP", 0, 0, 1, 0 }, { "DJF", 0, 0, 1, 0 }, { "GNF", 0, 0, 1, 0 }, { "JPY", 0, 0, 1, 50 }, { "KMF", 0, 0, 1, 0 },
    { "KRW", 0, 0, 1, 0 }, { "PYG", 0, 0, 1, 0 }, { "RWF", 0, 0, 1, 0 }, { "VND", 0, 0, 1, 0 }, { "VUV", 0, 0, 1, 0 },  { "XAF", 0, 0, 1, 0 },
    { "XOF", 0, 0, 1, 0 }, { "XPF", 0, 0, 1, 0 },
    /* None by ISO, but Stripe counts hundredths, and takes whole units only. */
    { "ISK", 0, 2, 1, 0 }, { "UGX", 0, 2, 1, 0 },
    /* ISO's minor unit is a fifth, which Stripe ignores: it counts whole ariary. */
    { "MGA", 2, 0, 100, 0 },
    /* Thousandths, the last of which must be 0 for the card networks. Stripe has no IQD and no LYD. */
    { "BHD", 3, 3, 10, 0 }, { "JOD", 3, 3, 10, 0 }, { "KWD", 3, 3, 10, 0 }, { "OMR", 3, 3, 10, 0 }, { "TND", 3, 3, 10, 0 }, { "IQD", 3, 3, 1, 0 },
    { "LYD", 3, 3, 1, 0 },
    /* A least payment. */
    { "AED", 2, 2, 1, 200 }, { "AUD", 2, 2, 1, 50 }, { "BGN", 2, 2, 1, 100 }, { "BRL", 2, 2, 1, 50 }, { "CAD", 2, 2, 1, 50 }, { "CHF", 2, 2, 1, 50 },
    { "CZK", 2, 2, 1, 1500 }, { "DKK", 2, 2, 1, 250 }, { "EUR", 2, 2, 1, 50 }, { "GBP", 2, 2, 1, 30 }, { "HKD", 2, 2, 1, 400 },
    { "HUF", 2, 2, 1, 17500 }, { "INR", 2, 2, 1, 50 }, { "MXN", 2, 2, 1, 1000 }, { "MYR", 2, 2, 1, 200 }, { "NOK", 2, 2, 1, 300 },
    { "NZD", 2, 2, 1, 50 }, { "PLN", 2, 2, 1, 200 }, { "RON", 2, 2, 1, 200 }, { "SEK", 2, 2, 1, 300 }, { "SGD", 2, 2, 1, 50 },
    { "THB", 2, 2, 1, 1000 }, { "USD", 2, 2, 1, 50 },
};

static const struct currency *facts(const char *code)
{
    static const struct currency most = { "", 2, 2, 1, 0 };

    for (size_t i = 0; i < COUNT(currencies); i++)
        if (strcmp(currencies[i].code, code) == 0)
            return &currencies[i];
    return &most;
}

int money_digits(const char *currency)
{
    return facts(currency)->digits;
}

int money_provider_digits(const char *currency)
{
    return facts(currency)->provider_digits;
}

char *money_text(struct arena *arena, const char *currency, int64_t amount)
{
    int digits = money_digits(currency);
    int64_t unit = digits == 0 ? 1 : digits == 3 ? 1000 : 100;
    int64_t whole = amount < 0 ? -amount : amount;
    const char *sign = amount < 0 ? "-" : "";

    if (digits == 0)
        return arena_printf(arena, "%s %s%" PRId64, currency, sign, whole);
    return arena_printf(arena, "%s %s%" PRId64 ".%0*" PRId64, currency, sign, whole / unit, digits, whole % unit);
}

int64_t money_step(const char *currency)
{
    return facts(currency)->step;
}

int64_t money_minimum(const char *currency)
{
    return facts(currency)->minimum;
}

/* a * b / c of numbers that are not negative, half up to a multiple of `step`. 10^12 * 20000 is far from overflow. */
static int64_t half_up(int64_t a, int64_t b, int64_t c, int64_t step)
{
    assert(a >= 0 && b >= 0 && c > 0 && step > 0);
    return (2 * a * b + c * step) / (2 * c * step) * step;
}

int64_t money_percent(int64_t amount, int64_t bps, int64_t step)
{
    return half_up(amount, bps, MONEY_BPS_ALL, step);
}

int64_t money_tax_within(int64_t gross, int64_t bps, int64_t step)
{
    return MIN(gross, half_up(gross, bps, MONEY_BPS_ALL + bps, step));
}

int64_t money_share(int64_t total, int64_t k, int64_t of, int64_t step)
{
    int64_t steps = total / step;

    assert(total >= 0 && k >= 1 && k <= of && step > 0);
    return (steps * k / of - steps * (k - 1) / of) * step + (k == of ? total % step : 0);
}

int64_t money_proportion(int64_t total, int64_t upto, int64_t whole, int64_t step)
{
    __int128 part = (__int128)total * upto;

    assert(total >= 0 && upto >= 0 && upto <= whole && total <= whole && step > 0);
    return upto == whole ? total : (int64_t)(part / whole / step) * step;
}
