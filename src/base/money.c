#include "base/money.h"

#include <assert.h>
#include <string.h>

static bool is_one_of(const char *list, const char *currency)
{
    return strlen(currency) == 3 && strstr(list, currency) != NULL;
}

int money_digits(const char *currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", three[] = "BHD IQD JOD KWD LYD OMR TND";

    return is_one_of(none, currency) ? 0 : is_one_of(three, currency) ? 3 : 2;
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
    return is_one_of("BHD JOD KWD OMR TND", currency) ? 10 : is_one_of("MGA", currency) ? 100 : 1;
}

int64_t money_minimum(const char *currency)
{
    static const struct {
        char currency[4];
        int64_t least;
    } table[] = {
        { "AED", 200 }, { "AUD", 50 },  { "BGN", 100 }, { "BRL", 50 },    { "CAD", 50 },  { "CHF", 50 },  { "CZK", 1500 }, { "DKK", 250 },
        { "EUR", 50 },  { "GBP", 30 },  { "HKD", 400 }, { "HUF", 17500 }, { "INR", 50 },  { "JPY", 50 },  { "MXN", 1000 }, { "MYR", 200 },
        { "NOK", 300 }, { "NZD", 50 },  { "PLN", 200 }, { "RON", 200 },   { "SEK", 300 }, { "SGD", 50 },  { "THB", 1000 }, { "USD", 50 },
    };

    for (size_t i = 0; i < COUNT(table); i++)
        if (strcmp(table[i].currency, currency) == 0)
            return table[i].least;
    return 0;
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
