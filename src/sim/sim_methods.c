/* sim_methods.c - PaymentMethods: test cards by name, by token or by number, and the test accounts at a bank. */
#include <string.h>

#include "base/clock.h"
#include "sim/sim_inside.h"

/* ---- making one ---- */

#define METHOD_HEAD                                                                                                                              \
    "{\"id\":null,\"object\":\"payment_method\",\"allow_redisplay\":\"unspecified\",\"billing_details\":{\"address\":{\"city\":null,\"country\":null," \
    "\"line1\":null,\"line2\":null,\"postal_code\":null,\"state\":null},\"email\":null,\"name\":null,\"phone\":null,\"tax_id\":null},"

static json_t *method_new(struct sim_call *call, const struct sim_card *card, int64_t month, int64_t year)
{
    bool bank = strcmp(card->brand, "bank") == 0;
    json_t *method = sim_new(call, "pm_", bank ? METHOD_HEAD "\"created\":0,\"customer\":null,\"livemode\":false,\"metadata\":{},\"type\":\"us_bank_account\","
                                                 "\"us_bank_account\":{\"account_holder_type\":\"individual\",\"account_type\":\"checking\","
                                                 "\"bank_name\":\"STRIPE TEST BANK\",\"fingerprint\":\"simulated\",\"last4\":\"6789\",\"routing_number\":\"110000000\"}}"
                                               : METHOD_HEAD "\"card\":{\"brand\":\"\",\"checks\":{\"address_line1_check\":null,\"address_postal_code_check\":null,"
                                                 "\"cvc_check\":\"pass\"},\"country\":\"\",\"display_brand\":\"\",\"exp_month\":0,\"exp_year\":0,"
                                                 "\"fingerprint\":\"simulated\",\"funding\":\"credit\",\"generated_from\":null,\"last4\":\"\","
                                                 "\"networks\":{\"available\":[],\"preferred\":null},\"three_d_secure_usage\":{\"supported\":true},\"wallet\":null},"
                                                 "\"created\":0,\"customer\":null,\"livemode\":false,\"metadata\":{},\"type\":\"card\"}");
    json_t *shown = json_object_get(method, "card");

    if (shown) {
        sim_set_text(shown, "brand", card->brand);
        sim_set_text(shown, "display_brand", card->brand);
        sim_set_text(shown, "country", card->country);
        sim_set_number(shown, "exp_month", month);
        sim_set_number(shown, "exp_year", year);
        sim_set_text(shown, "last4", card->number + strlen(card->number) - 4);
        json_array_append_new(json_object_get(json_object_get(shown, "networks"), "available"), json_string(card->brand));
        if (card->habit == HABIT_CVC_FAILS)
            sim_set_text(json_object_get(shown, "checks"), "cvc_check", "fail");
    }
    /* How the card behaves is its number, which Stripe would never show again. */
    sim_insert(call->sim, "payment_method", NULL, card->number, method);
    return method;
}

static bool card_error(struct sim_call *call, const char *code, const char *param, const char *message)
{
    return sim_error(call, 402, "card_error", code, param, "%s", message);
}

/* The digits of a number as people write them, with blanks and dashes. */
static void only_digits(const char *number, char out[32])
{
    size_t n = 0;

    for (; *number && n < 31; number++)
        if (*number != ' ' && *number != '-')
            out[n++] = *number;
    out[n] = '\0';
}

/* A card by its number, month, year and code, under `prefix`. */
static bool method_from_card(struct sim_call *call, const char *prefix, json_t **out)
{
    const char *number = sim_form_get(&call->form, arena_printf(call->arena, "%s[number]", prefix));
    const char *cvc = sim_form_get(&call->form, arena_printf(call->arena, "%s[cvc]", prefix));
    const char *month_name = arena_printf(call->arena, "%s[exp_month]", prefix), *year_name = arena_printf(call->arena, "%s[exp_year]", prefix);
    struct civil now = clock_civil(call->now_s * 1000);
    const struct sim_card *card;
    char digits[32];
    int64_t month = 0, year = 0;

    if (!number)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", prefix, "Missing required param: %s[number].", prefix);
    only_digits(number, digits);
    if (!sim_card_luhn(digits))
        return card_error(call, "incorrect_number", "number", "Your card number is incorrect.");
    if (!sim_int(call, month_name, 0, 9999, &month, NULL) || !sim_int(call, year_name, 0, 9999, &year, NULL))
        return false;
    year += year < 100 ? 2000 : 0;
    if (month < 1 || month > 12)
        return card_error(call, "invalid_expiry_month", "exp_month", "Your card's expiration month is invalid.");
    if (year < now.year || (year == now.year && month < now.month) || year > now.year + 50)
        return card_error(call, "invalid_expiry_year", "exp_year", "Your card's expiration year is invalid.");
    if (cvc && (strlen(cvc) < 3 || strlen(cvc) > 4 || strspn(cvc, "0123456789") != strlen(cvc)))
        return card_error(call, "invalid_cvc", "cvc", "Your card's security code is invalid.");
    card = sim_card_numbered(digits);
    if (!card)
        return card_error(call, "card_declined", NULL, "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid "
                                                       "test cards, visit: https://stripe.com/docs/testing.");
    *out = method_new(call, card, month, year);
    return true;
}

static json_t *method_from_name(struct sim_call *call, const char *name)
{
    const struct sim_card *card = sim_card_named(name);

    return card ? method_new(call, card, 8, clock_civil(call->now_s * 1000).year + 1)
                : sim_object(call->sim, call->arena, "payment_method", name, NULL);
}

/* What a form says under `prefix`: a token of a test card, or the card itself. */
static bool method_from_form(struct sim_call *call, const char *prefix, json_t **out)
{
    const char *token = sim_form_get(&call->form, arena_printf(call->arena, "%s[token]", prefix));

    if (!token)
        return method_from_card(call, prefix, out);
    *out = sim_begins(token, "tok_") ? method_from_name(call, arena_printf(call->arena, "pm_card_%s", token + 4)) : NULL;
    return *out ? true : sim_error(call, 400, "invalid_request_error", "resource_missing", prefix, "No such token: '%.200s'", token);
}

/* ---- billing_details[...] ---- */

static void billing_details(struct sim_call *call, const char *prefix, json_t *method)
{
    json_t *details = json_object_get(method, "billing_details"), *value;
    const char *name;

    json_object_foreach(details, name, value) {
        const char *given = sim_form_get(&call->form, arena_printf(call->arena, "%s[%s]", prefix, name));

        if (given && !json_is_object(value))
            sim_set_text(details, name, *given ? given : NULL);
    }
    details = json_object_get(details, "address");
    json_object_foreach(details, name, value) {
        const char *given = sim_form_get(&call->form, arena_printf(call->arena, "%s[address][%s]", prefix, name));

        if (given)
            sim_set_text(details, name, *given ? given : NULL);
    }
}

/* ---- naming one ---- */

json_t *sim_method(struct sim_call *call, const char *id, const struct sim_card **card)
{
    const char *number = NULL;
    json_t *method = id ? sim_object(call->sim, call->arena, "payment_method", id, &number) : NULL;

    *card = method && number ? sim_card_numbered(number) : NULL;
    return method;
}

bool sim_method_named(struct sim_call *call, json_t **out)
{
    const char *name = sim_form_get(&call->form, "payment_method");

    *out = NULL;
    if (name && *name) {
        *out = method_from_name(call, name);
        return *out ? true : sim_error(call, 400, "invalid_request_error", "resource_missing", "payment_method", "No such PaymentMethod: '%.200s'", name);
    }
    if (!sim_form_get(&call->form, "payment_method_data[type]"))
        return true;
    if (strcmp(sim_form_get(&call->form, "payment_method_data[type]"), "card") != 0)
        return sim_bad(call, "payment_method_data[type]", "The simulator makes payment methods of the type card; its bank accounts have names.");
    if (!method_from_form(call, "payment_method_data[card]", out))
        return false;
    billing_details(call, "payment_method_data[billing_details]", *out);
    sim_update(call->sim, *out);
    return true;
}

/* ---- the resource ---- */

static bool create(struct sim_call *call)
{
    static const char *const names[] = { "type", "card", "billing_details", "metadata", "client_secret", "guid", "muid", "sid", "referrer", "time_on_page",
                                         "allow_redisplay", "payment_user_agent", "pasted_fields", NULL };
    const char *type = sim_form_get(&call->form, "type");
    json_t *method;

    if (!sim_known_names(call, names))
        return false;
    if (!type)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "type", "Missing required param: type.");
    if (strcmp(type, "card") != 0)
        return sim_bad(call, "type", "The simulator makes payment methods of the type card; its bank accounts have names.");
    if (!method_from_form(call, "card", &method) || !sim_metadata(call, method))
        return false;
    billing_details(call, "billing_details", method);
    call->executed = true;
    sim_update(call->sim, method);
    return sim_answer(call, method);
}

bool sim_payment_methods(struct sim_call *call, const char *rest)
{
    static const char *const update_names[] = { "metadata", "billing_details", "allow_redisplay", NULL };
    bool get = strcmp(call->method, "GET") == 0, post = strcmp(call->method, "POST") == 0;
    json_t *method;

    if (!*rest && post)
        return create(call);
    if (!call->secret)
        return sim_needs_secret(call);
    if (!*rest || (!get && !post) || strchr(rest, '/'))
        return sim_no_such_url(call);
    method = sim_object(call->sim, call->arena, "payment_method", rest, NULL);
    if (!method)
        return sim_missing(call, "PaymentMethod", rest);
    if (get)
        return sim_answer(call, method);
    if (!sim_known_names(call, update_names) || !sim_metadata(call, method))
        return false;
    billing_details(call, "billing_details", method);
    call->executed = true;
    sim_update(call->sim, method);
    return sim_answer(call, method);
}
