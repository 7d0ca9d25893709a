/*
 * sim_money.c - currencies, fees, and the account's balance.
 *
 * Each movement of money is a balance transaction, as at Stripe: a charge (net
 * of its fee), a refund, a refund that failed, a dispute and its reversal. The
 * balance is their sum by currency; nothing is converted, each currency
 * settles in itself.
 *
 *     fee of a charge     1.5 % + 25 minor units, rounded half up; not given back with a refund
 *     fee of a dispute    1,500 minor units; not given back when it is won
 *     available           2 days after, until then pending
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_inside.h"

#define AVAILABLE_AFTER_S (2 * 86400)

/*
 * ---- currencies ----
 *
 * Tables of the simulator's own, from Stripe's pages and not from base/money.c: a judge that looked up what it judges would judge nothing. A unit test
 * compares the two, currency by currency.
 */

/* docs.stripe.com/currencies: what is presented. */
static const char currencies[] =
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp "
    "etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga "
    "mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd "
    "std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw ";

/* docs.stripe.com/currencies#minimum-and-maximum-charge-amounts; a currency without a line there has no minimum here. */
static const struct {
    char currency[4];
    int minimum;
} minimums[] = {
    { "usd", 50 },   { "aed", 200 }, { "aud", 50 },  { "brl", 50 },  { "cad", 50 },  { "chf", 50 },  { "czk", 1500 }, { "dkk", 250 },
    { "eur", 50 },   { "gbp", 30 },  { "hkd", 400 }, { "huf", 17500 }, { "inr", 50 }, { "jpy", 50 },  { "mxn", 1000 }, { "myr", 200 },
    { "nok", 300 },  { "nzd", 50 },  { "pln", 200 }, { "ron", 200 }, { "sek", 300 }, { "sgd", 50 },  { "thb", 1000 },
};

/* Of these Stripe takes no amount that is not a multiple: thousandths end in 0, and the two that it counts in hundredths have none. */
static const struct {
    char currency[4];
    int step;
} steps[] = { { "bhd", 10 }, { "jod", 10 }, { "kwd", 10 }, { "omr", 10 }, { "tnd", 10 }, { "isk", 100 }, { "ugx", 100 } };

char *sim_money_text(struct arena *arena, const char *currency, json_int_t amount)
{
    static const char *const whole[] = { "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf", NULL };
    static const char *const thousandths[] = { "bhd", "jod", "kwd", "omr", "tnd", NULL };
    json_int_t unit = sim_one_of(currency, thousandths) ? 1000 : 100;

    if (sim_one_of(currency, whole))
        return arena_printf(arena, "%" PRId64 " %s", (int64_t)amount, currency);
    return arena_printf(arena, "%" PRId64 ".%0*" PRId64 " %s", (int64_t)(amount / unit), unit == 100 ? 2 : 3, (int64_t)(amount % unit), currency);
}

bool sim_currency(struct sim_call *call, const char *text, char out[4])
{
    char wanted[5];

    if (!text)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "currency", "Missing required param: currency.");
    if (strlen(text) == 3) {
        for (int i = 0; i < 3; i++)
            out[i] = wanted[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
        out[3] = '\0';
        strcpy(wanted + 3, " ");
        if (!memchr(wanted, ' ', 3) && strstr(currencies, wanted))
            return true;
    }
    return sim_bad(call, "currency", "Invalid currency: %.20s. Stripe currently supports these currencies: %s", text, currencies);
}

bool sim_amount(struct sim_call *call, const char *currency, int64_t amount)
{
    for (size_t i = 0; i < COUNT(minimums); i++)
        if (strcmp(currency, minimums[i].currency) == 0 && amount < minimums[i].minimum)
            return sim_error(call, 400, "invalid_request_error", "amount_too_small", "amount",
                             "Amount must be at least %s.", sim_money_text(call->arena, currency, minimums[i].minimum));
    for (size_t i = 0; i < COUNT(steps); i++)
        if (strcmp(currency, steps[i].currency) == 0 && amount % steps[i].step != 0)
            return sim_bad(call, "amount", "Invalid amount: in %s it must be a multiple of %d.", currency, steps[i].step);
    return true;
}

/* ---- movements ---- */

json_int_t sim_fee(json_int_t amount)
{
    return (amount * 15 + 500) / 1000 + 25;
}

const char *sim_move(struct sim_call *call, const char *type, const char *category, json_t *source, json_int_t amount, json_int_t fee, bool at_once)
{
    json_t *txn = sim_new(call, "txn_",
                          "{\"id\":null,\"object\":\"balance_transaction\",\"amount\":0,\"available_on\":0,\"balance_type\":\"payments\",\"created\":0,\"currency\":\"\","
                          "\"description\":null,\"exchange_rate\":null,\"fee\":0,\"fee_details\":[],\"net\":0,\"reporting_category\":\"\",\"source\":null,"
                          "\"status\":\"pending\",\"type\":\"\"}");
    const char *currency = sim_text(source, "currency");

    json_object_del(txn, "livemode");
    sim_set_number(txn, "amount", amount);
    sim_set_number(txn, "available_on", call->now_s + (at_once ? 0 : AVAILABLE_AFTER_S));
    sim_set_text(txn, "currency", currency);
    sim_set_text(txn, "description", sim_text(source, "description"));
    sim_set_number(txn, "fee", fee);
    if (fee)
        json_array_append_new(json_object_get(txn, "fee_details"),
                              json_pack("{s:I, s:n, s:s, s:s, s:s}", "amount", fee, "application", "currency", currency, "description",
                                        strcmp(category, "dispute") == 0 ? "Dispute fee" : "Stripe processing fees", "type", "stripe_fee"));
    sim_set_number(txn, "net", amount - fee);
    sim_set_text(txn, "reporting_category", category);
    sim_set_text(txn, "source", sim_text(source, "id"));
    sim_set_text(txn, "type", type);
    if (at_once)
        sim_set_text(txn, "status", "available");
    sim_insert(call->sim, "balance_transaction", NULL, NULL, txn);
    return sim_text(txn, "id");
}

bool sim_balance_transactions(struct sim_call *call, const char *rest)
{
    static const char *const equal[] = { "type", "currency", "source", NULL };
    json_t *txn;

    if (!call->secret)
        return sim_needs_secret(call);
    if (strcmp(call->method, "GET") != 0)
        return sim_no_such_url(call);
    if (!*rest)
        return sim_list(call, &(struct sim_list_of){ .kind = "balance_transaction", .equal = equal });
    txn = sim_object(call->sim, call->arena, "balance_transaction", rest, NULL);
    return txn ? sim_answer(call, txn) : sim_missing(call, "balance transaction", rest);
}

/* ---- the balance ---- */

static json_t *balance_part(const char *currency, json_int_t amount)
{
    return json_pack("{s:I, s:s, s:{s:I}}", "amount", amount, "currency", currency, "source_types", "card", amount);
}

json_t *sim_balance_now(struct sim_call *call)
{
    json_t *available = json_array(), *pending = json_array();
    sqlite3_stmt *stmt = sim_prepare(call->sim,
                                     "SELECT json_extract(json, '$.currency') AS currency,"
                                     " sum(CASE WHEN json_extract(json, '$.available_on') <= ?1 THEN json_extract(json, '$.net') ELSE 0 END),"
                                     " sum(CASE WHEN json_extract(json, '$.available_on') > ?1 THEN json_extract(json, '$.net') ELSE 0 END)"
                                     " FROM object WHERE kind = 'balance_transaction' GROUP BY currency ORDER BY currency", "i", call->now_s);

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *currency = (const char *)sqlite3_column_text(stmt, 0);

        json_array_append_new(available, balance_part(currency, sqlite3_column_int64(stmt, 1)));
        json_array_append_new(pending, balance_part(currency, sqlite3_column_int64(stmt, 2)));
    }
    sqlite3_finalize(stmt);
    return json_pack("{s:s, s:o, s:b, s:o}", "object", "balance", "available", available, "livemode", 0, "pending", pending);
}

bool sim_balance(struct sim_call *call, const char *rest)
{
    static const char *const names[] = { NULL };
    json_t *balance;

    if (!call->secret)
        return sim_needs_secret(call);
    if (strcmp(call->method, "GET") != 0 || *rest)
        return sim_no_such_url(call);
    if (!sim_known_names(call, names))
        return false;
    balance = sim_balance_now(call);
    arena_defer(call->arena, (void (*)(void *))json_decref, balance);
    return sim_answer(call, balance);
}
