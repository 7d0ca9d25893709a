/*
 * sim_intents.c - PaymentIntents and their whole life, PaymentMethods, and the charges that come of them.
 *
 *     requires_payment_method --method--> requires_confirmation --confirm--> succeeded
 *        ^                                             \--3-D Secure--> requires_action --passed--> succeeded
 *        \--declined or not passed--------------------------------------/
 *     each requires_... --cancel--> canceled
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "http/http.h"
#include "sim/sim_inside.h"

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, text ? json_string(text) : json_null());
}

/* ---- errors with the intent in them ---- */

static bool intent_error(struct sim_call *call, json_t *intent, const char *message)
{
    sim_error(call, 400, "invalid_request_error", "payment_intent_unexpected_state", NULL, "%s", message);
    json_object_set(json_object_get(call->answer, "error"), "payment_intent", intent);
    call->executed = true;
    return false;
}

/* ---- payment methods ---- */

static json_t *method_new(struct sim_call *call, const struct sim_card *card, int64_t month, int64_t year)
{
    const char *last4 = card->number + strlen(card->number) - 4;
    json_t *method = json_pack("{s:s, s:s, s:s, s:{s:{s:n,s:n,s:n,s:n,s:n,s:n}, s:n, s:n, s:n}, s:{s:s, s:{s:n, s:n, s:s}, s:s, s:s, s:I, s:I, s:s, s:s, s:s}, s:I, s:n, s:b, s:{}, s:s}",
                               "id", sim_new_id(call->arena, "pm_"), "object", "payment_method", "allow_redisplay", "unspecified",
                               "billing_details", "address", "city", "country", "line1", "line2", "postal_code", "state", "email", "name", "phone",
                               "card", "brand", card->brand, "checks", "address_line1_check", "address_postal_code_check", "cvc_check", "pass",
                               "country", "US", "display_brand", card->brand, "exp_month", (json_int_t)month, "exp_year", (json_int_t)year,
                               "fingerprint", "simulated", "funding", "credit", "last4", last4, "created", (json_int_t)call->now_s, "customer",
                               "livemode", 0, "metadata", "type", "card");

    /* How the card behaves is its number, which Stripe would never show again. */
    sim_insert(call->sim, "payment_method", NULL, card->number, method);
    arena_defer(call->arena, (void (*)(void *))json_decref, method);
    return method;
}

static bool card_error(struct sim_call *call, const char *code, const char *param, const char *message)
{
    return sim_error(call, 402, "card_error", code, param, "%s", message);
}

/* A card by its number, month, year and code, under `prefix`[card]. */
static bool method_from_card(struct sim_call *call, const char *prefix, json_t **out)
{
    const char *number = sim_form_get(&call->form, arena_printf(call->arena, "%s[number]", prefix));
    const char *cvc = sim_form_get(&call->form, arena_printf(call->arena, "%s[cvc]", prefix));
    const char *month_name = arena_printf(call->arena, "%s[exp_month]", prefix), *year_name = arena_printf(call->arena, "%s[exp_year]", prefix);
    struct civil now = clock_civil(call->now_s * 1000);
    const struct sim_card *card;
    char digits[32];
    size_t n = 0;
    int64_t month = 0, year = 0;

    for (const char *at = number ? number : ""; *at; at++)
        if (*at != ' ' && *at != '-') {
            if (n == sizeof digits - 1)
                break;
            digits[n++] = *at;
        }
    digits[n] = '\0';
    if (!number)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", prefix, "Missing required param: %s[number].", prefix);
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
        return sim_error(call, 402, "card_error", "card_declined", NULL,
                         "Your card was declined. Your request was in test mode, but used a non test card.");
    *out = method_new(call, card, month, year);
    return true;
}

static json_t *method_from_name(struct sim_call *call, const char *name)
{
    const struct sim_card *card = sim_card_named(name);

    return card ? method_new(call, card, 8, clock_civil(call->now_s * 1000).year + 1)
                : sim_object(call->sim, call->arena, "payment_method", name, NULL);
}

bool sim_payment_methods(struct sim_call *call, const char *rest)
{
    static const char *const names[] = { "type", "card", "billing_details", "metadata", "client_secret", "guid", "muid", "sid", "referrer", "time_on_page",
                                         "allow_redisplay", "payment_user_agent", NULL };
    const char *type = sim_form_get(&call->form, "type"), *token = sim_form_get(&call->form, "card[token]");
    json_t *method;

    if (*rest) {
        method = call->secret && strcmp(call->method, "GET") == 0 ? sim_object(call->sim, call->arena, "payment_method", rest, NULL) : NULL;
        return method ? sim_answer(call, method) : sim_missing(call, "PaymentMethod", rest);
    }
    if (strcmp(call->method, "POST") != 0)
        return sim_error(call, 404, "invalid_request_error", NULL, NULL, "Unrecognized request URL (%s: /v1/payment_methods).", call->method);
    if (!sim_known_names(call, names))
        return false;
    if (!type || strcmp(type, "card") != 0)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "type", "The simulator knows payment methods of the type card.");
    call->executed = true;
    if (token && strncmp(token, "tok_", 4) == 0) {
        method = method_from_name(call, arena_printf(call->arena, "pm_card_%s", token + 4));
        return method ? sim_answer(call, method) : sim_missing(call, "token", token);
    }
    return method_from_card(call, "card", &method) && sim_metadata(call, method) && sim_answer(call, method);
}

/* ---- charges ---- */

static json_t *charge_new(struct sim_call *call, json_t *intent, const char *method_id, const struct sim_card *card)
{
    bool paid = !card->code;
    json_int_t amount = json_integer_value(json_object_get(intent, "amount"));
    json_t *charge = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:I, s:s, s:b, s:s?, s:s?, s:b, s:O, s:{s:s, s:s?, s:s, s:s, s:s}, s:b, s:s, s:s, s:{s:{s:s, s:s}, s:s}, s:b, s:s}",
                               "id", sim_new_id(call->arena, "ch_"), "object", "charge", "amount", amount, "amount_captured", paid ? amount : 0,
                               "amount_refunded", (json_int_t)0, "captured", paid, "created", (json_int_t)call->now_s, "currency",
                               text_of(intent, "currency"), "disputed", 0, "failure_code", card->code, "failure_message", card->message, "livemode", 0,
                               "metadata", json_object_get(intent, "metadata"), "outcome", "network_status", paid ? "approved_by_network" : "declined_by_network",
                               "reason", card->decline_code, "risk_level", "normal", "seller_message", paid ? "Payment complete." : "The bank declined the payment.",
                               "type", paid ? "authorized" : "issuer_declined", "paid", paid, "payment_intent", text_of(intent, "id"), "payment_method",
                               method_id, "payment_method_details", "card", "brand", card->brand, "last4", card->number + strlen(card->number) - 4, "type",
                               "card", "refunded", 0, "status", paid ? "succeeded" : "failed");

    sim_insert(call->sim, "charge", text_of(intent, "id"), card->number, charge);
    arena_defer(call->arena, (void (*)(void *))json_decref, charge);
    return charge;
}

bool sim_charges(struct sim_call *call, const char *rest)
{
    json_t *charge;

    if (!call->secret)
        return sim_error(call, 403, "invalid_request_error", NULL, NULL, "This needs the secret key.");
    if (strcmp(call->method, "GET") != 0)
        return sim_error(call, 404, "invalid_request_error", NULL, NULL, "Charges come of PaymentIntents.");
    if (!*rest)
        return sim_list(call, "charge", sim_form_get(&call->form, "payment_intent"));
    charge = sim_object(call->sim, call->arena, "charge", rest, NULL);
    return charge ? sim_answer(call, charge) : sim_missing(call, "charge", rest);
}

/* ---- confirming ---- */

static bool decline(struct sim_call *call, json_t *intent, json_t *method, const char *charge_id, const char *code, const char *decline_code,
                    const char *message)
{
    json_t *error = json_pack("{s:s*, s:s, s:s*, s:s, s:s, s:O, s:s}", "charge", charge_id, "code", code, "decline_code", decline_code, "doc_url",
                              arena_printf(call->arena, "https://stripe.com/docs/error-codes/%s", code), "message", message, "payment_method", method,
                              "type", charge_id ? "card_error" : "invalid_request_error");

    json_object_set(intent, "last_payment_error", error);
    set_text(intent, "status", "requires_payment_method");
    set_text(intent, "payment_method", NULL);
    set_text(intent, "next_action", NULL);
    sim_update(call->sim, intent);
    sim_event(call, "payment_intent.payment_failed", intent);
    json_object_set_new(error, "payment_intent", json_deep_copy(intent));
    json_decref(call->answer);
    call->answer = json_pack("{s:o}", "error", error);
    call->status = 402;
    call->executed = true;
    return false;
}

/* The bank is asked for the money. */
static bool charge(struct sim_call *call, json_t *intent, json_t *method, const struct sim_card *card)
{
    json_t *made = charge_new(call, intent, text_of(method, "id"), card);

    set_text(intent, "latest_charge", text_of(made, "id"));
    if (card->code) {
        sim_event(call, "charge.failed", made);
        return decline(call, intent, method, text_of(made, "id"), card->code, card->decline_code, card->message);
    }
    set_text(intent, "status", "succeeded");
    set_text(intent, "payment_method", text_of(method, "id"));
    json_object_set_new(intent, "last_payment_error", json_null());
    json_object_set_new(intent, "next_action", json_null());
    json_object_set(intent, "amount_received", json_object_get(intent, "amount"));
    sim_update(call->sim, intent);
    sim_event(call, "charge.succeeded", made);
    sim_event(call, "payment_intent.succeeded", intent);
    return true;
}

/* The bank wants its customer to say yes first. */
static void require_action(struct sim_call *call, json_t *intent, json_t *method)
{
    const char *return_url = sim_form_get(&call->form, "return_url"), *secret = text_of(intent, "client_secret");
    char *page = arena_printf(call->arena, "%s/sim/stripe/3ds/%s?client_secret=%s", call->sim->app->public_url ? call->sim->app->public_url : "",
                              text_of(intent, "id"), secret);

    set_text(intent, "status", "requires_action");
    set_text(intent, "payment_method", text_of(method, "id"));
    json_object_set_new(intent, "next_action", json_pack("{s:s, s:{s:s, s:s?}}", "type", "redirect_to_url", "redirect_to_url", "url", page,
                                                         "return_url", return_url));
    sim_update(call->sim, intent);
    sim_event(call, "payment_intent.requires_action", intent);
}

/* The method that a call names, in one of three ways; NULL and true when it names none. */
static bool method_named(struct sim_call *call, json_t **out)
{
    const char *name = sim_form_get(&call->form, "payment_method"), *type = sim_form_get(&call->form, "payment_method_data[type]");
    const char *token = sim_form_get(&call->form, "payment_method_data[card][token]");

    *out = NULL;
    if (name && *name) {
        *out = method_from_name(call, name);
        return *out ? true : sim_error(call, 400, "invalid_request_error", "resource_missing", "payment_method", "No such PaymentMethod: '%.200s'", name);
    }
    if (!type)
        return true;
    if (token && strncmp(token, "tok_", 4) == 0) {
        *out = method_from_name(call, arena_printf(call->arena, "pm_card_%s", token + 4));
        return *out ? true : sim_missing(call, "token", token);
    }
    return method_from_card(call, "payment_method_data[card]", out);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool confirm(struct sim_call *call, json_t *intent)
{
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    const char *status = text_of(intent, "status"), *number = NULL;
    const struct sim_card *card;
    json_t *method;

    if (strcmp(status, "succeeded") == 0)
        return intent_error(call, intent, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.");
    if (!is_one_of(status, open))
        return intent_error(call, intent,
                            arena_printf(call->arena, "This PaymentIntent could not be confirmed because it has a status of %s. Only a PaymentIntent with "
                                         "one of the following statuses may be confirmed: requires_confirmation, requires_action.", status));
    if (!method_named(call, &method))
        return false;
    if (!method && text_of(intent, "payment_method"))
        method = sim_object(call->sim, call->arena, "payment_method", text_of(intent, "payment_method"), NULL);
    if (!method)
        return intent_error(call, intent, "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
                                          "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.");
    call->executed = true;
    method = sim_object(call->sim, call->arena, "payment_method", text_of(method, "id"), &number);
    card = number ? sim_card_numbered(number) : NULL;
    if (!card)
        return sim_missing(call, "PaymentMethod", text_of(method, "id"));
    if (card->authenticate) {
        require_action(call, intent, method);
        return true;
    }
    return charge(call, intent, method, card);
}

/* The card holder said yes or no. */
static bool authenticated(struct sim_call *call, json_t *intent, bool passed)
{
    const char *number = NULL;
    const struct sim_card *card;
    json_t *method;

    if (strcmp(text_of(intent, "status"), "requires_action") != 0)
        return intent_error(call, intent, "This PaymentIntent does not wait for an authentication.");
    method = sim_object(call->sim, call->arena, "payment_method", text_of(intent, "payment_method"), &number);
    card = number ? sim_card_numbered(number) : NULL;
    if (!card)
        return sim_missing(call, "PaymentMethod", text_of(intent, "payment_method"));
    call->executed = true;
    if (passed)
        return charge(call, intent, method, card);
    return decline(call, intent, method, NULL, "payment_intent_authentication_failure", NULL,
                   "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill "
                   "this PaymentIntent again.");
}

/* Of the simulator's own making: the bank's page as one call, outcome=success (the default) or failure. */
static bool authenticate(struct sim_call *call, json_t *intent)
{
    const char *outcome = sim_form_get(&call->form, "outcome");

    return authenticated(call, intent, !outcome || strcmp(outcome, "failure") != 0);
}

bool sim_intent_authenticated(struct sim_call *call, const char *id, bool passed)
{
    json_t *intent = sim_object(call->sim, call->arena, "payment_intent", id, NULL);
    const char *secret = sim_form_get(&call->form, "client_secret"), *return_url;
    char *to = NULL;

    if (!intent || !secret || strcmp(secret, text_of(intent, "client_secret")) != 0)
        return sim_missing(call, "payment_intent", id);
    return_url = text_of(json_object_get(json_object_get(intent, "next_action"), "redirect_to_url"), "return_url");
    if (return_url && (strncmp(return_url, "http://", 7) == 0 || strncmp(return_url, "https://", 8) == 0) && !strpbrk(return_url, "\r\n"))
        to = arena_printf(call->arena, "%s%spayment_intent=%s&payment_intent_client_secret=%s&redirect_status=%s", return_url,
                          strchr(return_url, '?') ? "&" : "?", id, secret, passed ? "succeeded" : "failed");
    /* A "no", or a card that is declined behind the "yes", is an outcome like another: the shop's page shows it. */
    if (!authenticated(call, intent, passed) && call->status != 402)
        return false;
    json_decref(call->answer);
    call->answer = json_pack("{s:s*, s:s}", "return_to", to, "object", "authentication");
    call->status = 200;
    return true;
}

/* ---- making and changing ---- */

static bool currency_ok(struct sim_call *call, const char *currency, char out[4])
{
    if (!currency)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "currency", "Missing required param: currency.");
    if (strlen(currency) != 3 || strspn(currency, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return sim_bad(call, "currency", "Invalid currency: %.20s.", currency);
    for (int i = 0; i < 3; i++)
        out[i] = (char)(currency[i] | 0x20);
    out[3] = '\0';
    return true;
}

static json_t *types_of(struct sim_call *call)
{
    json_t *types = json_array();

    for (size_t i = 0; i < call->form.count; i++)
        if (strncmp(call->form.pairs[i].name, "payment_method_types[", 21) == 0)
            json_array_append_new(types, json_string(call->form.pairs[i].value));
    if (!json_array_size(types))
        json_array_append_new(types, json_string("card"));
    return types;
}

#define INTENT_NAMES                                                                                                                           \
    "amount", "currency", "metadata", "description", "receipt_email", "payment_method", "payment_method_data", "payment_method_types",         \
        "payment_method_options", "statement_descriptor", "statement_descriptor_suffix", "setup_future_usage", "shipping", "customer", "capture_method"

static bool create(struct sim_call *call)
{
    static const char *const names[] = { INTENT_NAMES, "automatic_payment_methods", "confirm", "return_url", "off_session", "confirmation_method", "use_stripe_sdk", NULL };
    const char *automatic = sim_form_get(&call->form, "automatic_payment_methods[enabled]"), *now = sim_form_get(&call->form, "confirm");
    char *id = sim_new_id(call->arena, "pi_"), *secret = arena_printf(call->arena, "%s_secret_%s", id, sim_new_id(call->arena, ""));
    json_t *intent, *method = NULL;
    char currency[4];
    int64_t amount = 0;
    bool given;

    if (!call->secret)
        return sim_error(call, 403, "invalid_request_error", NULL, NULL, "This API call cannot be made with a publishable API key. Please use a secret API key.");
    if (!sim_known_names(call, names) || !sim_int(call, "amount", 1, INT64_C(999999999999), &amount, &given))
        return false;
    if (!given)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "amount", "Missing required param: amount.");
    if (!currency_ok(call, sim_form_get(&call->form, "currency"), currency) || !method_named(call, &method))
        return false;
    intent = json_pack("{s:s, s:s, s:I, s:I, s:{s:{}}, s:I, s:n, s:n, s:n, s:s, s:s, s:s, s:I, s:s, s:n, s:s?, s:n, s:n, s:b, s:{}, s:n, s:n, s:s?, s:{s:{s:n,s:n,s:n,s:s}}, s:o, s:n, s:s?, s:n, s:n, s:s}",
                       "id", id, "object", "payment_intent", "amount", (json_int_t)amount, "amount_capturable", (json_int_t)0, "amount_details", "tip",
                       "amount_received", (json_int_t)0, "automatic_payment_methods", "canceled_at", "cancellation_reason", "capture_method", "automatic_async",
                       "client_secret", secret, "confirmation_method", "automatic", "created", (json_int_t)call->now_s, "currency", currency, "customer",
                       "description", sim_form_get(&call->form, "description"), "last_payment_error", "latest_charge", "livemode", 0, "metadata",
                       "next_action", "on_behalf_of", "payment_method", method ? text_of(method, "id") : NULL, "payment_method_options", "card",
                       "installments", "mandate_options", "network", "request_three_d_secure", "automatic", "payment_method_types", types_of(call), "processing",
                       "receipt_email", sim_form_get(&call->form, "receipt_email"), "setup_future_usage", "shipping", "status",
                       method ? "requires_confirmation" : "requires_payment_method");
    arena_defer(call->arena, (void (*)(void *))json_decref, intent);
    if (automatic && strcmp(automatic, "true") == 0)
        json_object_set_new(intent, "automatic_payment_methods", json_pack("{s:s, s:b}", "allow_redirects", "always", "enabled", 1));
    if (!sim_metadata(call, intent))
        return false;
    call->executed = true;
    sim_insert(call->sim, "payment_intent", NULL, NULL, intent);
    sim_event(call, "payment_intent.created", intent);
    if (now && strcmp(now, "true") == 0 && !confirm(call, intent))
        return false;
    return sim_answer(call, intent);
}

static bool update(struct sim_call *call, json_t *intent)
{
    static const char *const names[] = { INTENT_NAMES, NULL };
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    const char *currency = sim_form_get(&call->form, "currency"), *description = sim_form_get(&call->form, "description");
    bool priced;
    int64_t amount;
    char code[4];
    json_t *method;

    if (!sim_known_names(call, names) || !sim_int(call, "amount", 1, INT64_C(999999999999), &amount, &priced) || !method_named(call, &method))
        return false;
    if ((priced || currency || method) && !is_one_of(text_of(intent, "status"), open))
        return intent_error(call, intent, arena_printf(call->arena, "This PaymentIntent's %s could not be updated because it has a status of %s.",
                                                       priced ? "amount" : currency ? "currency" : "payment_method", text_of(intent, "status")));
    if (currency && !currency_ok(call, currency, code))
        return false;
    if (priced)
        json_object_set_new(intent, "amount", json_integer((json_int_t)amount));
    if (currency)
        set_text(intent, "currency", code);
    if (description)
        set_text(intent, "description", *description ? description : NULL);
    if (method) {
        set_text(intent, "payment_method", text_of(method, "id"));
        set_text(intent, "status", "requires_confirmation");
    }
    if (!sim_metadata(call, intent))
        return false;
    call->executed = true;
    sim_update(call->sim, intent);
    return sim_answer(call, intent);
}

static bool cancel(struct sim_call *call, json_t *intent)
{
    static const char *const names[] = { "cancellation_reason", NULL };
    static const char *const reasons[] = { "duplicate", "fraudulent", "requested_by_customer", "abandoned", NULL };
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    const char *reason = sim_form_get(&call->form, "cancellation_reason");

    if (!sim_known_names(call, names))
        return false;
    if (reason && !is_one_of(reason, reasons))
        return sim_bad(call, "cancellation_reason", "Invalid cancellation_reason: must be one of duplicate, fraudulent, requested_by_customer, or abandoned");
    if (!is_one_of(text_of(intent, "status"), open))
        return intent_error(call, intent,
                            arena_printf(call->arena, "You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the "
                                         "following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, "
                                         "processing.", text_of(intent, "status")));
    call->executed = true;
    set_text(intent, "status", "canceled");
    set_text(intent, "cancellation_reason", reason);
    json_object_set_new(intent, "canceled_at", json_integer((json_int_t)call->now_s));
    json_object_set_new(intent, "next_action", json_null());
    sim_update(call->sim, intent);
    sim_event(call, "payment_intent.canceled", intent);
    return sim_answer(call, intent);
}

/* ---- the address decides ---- */

/* A browser sees less than the shop. */
static bool answer_browser(struct sim_call *call, json_t *intent)
{
    static const char *const hidden[] = { "metadata", "amount_received", "amount_capturable", "latest_charge", "customer", "on_behalf_of", NULL };
    json_t *copy = json_copy(intent);

    for (size_t i = 0; hidden[i]; i++)
        json_object_del(copy, hidden[i]);
    arena_defer(call->arena, (void (*)(void *))json_decref, copy);
    return sim_answer(call, copy);
}

static bool with_browser(struct sim_call *call, json_t *intent, const char *action)
{
    const char *secret = sim_form_get(&call->form, "client_secret");
    bool get = strcmp(call->method, "GET") == 0;

    if (!secret)
        return sim_error(call, 401, "invalid_request_error", NULL, NULL, "This needs the secret key, or the publishable key and the client_secret.");
    if (strcmp(secret, text_of(intent, "client_secret")) != 0)
        return sim_bad(call, "client_secret", "The client_secret provided does not match the client_secret associated with this PaymentIntent.");
    if (get && !*action)
        return answer_browser(call, intent);
    if (!get && strcmp(action, "confirm") == 0)
        return confirm(call, intent) && answer_browser(call, intent);
    if (!get && strcmp(action, "authenticate") == 0)
        return authenticate(call, intent) && answer_browser(call, intent);
    return sim_error(call, 403, "invalid_request_error", NULL, NULL, "This needs the secret key.");
}

bool sim_intents(struct sim_call *call, const char *rest)
{
    static const char *const confirm_names[] = { "payment_method", "payment_method_data", "payment_method_types", "payment_method_options", "return_url",
                                                 "client_secret", "expected_payment_method_type", "use_stripe_sdk", "mandate_data", "receipt_email",
                                                 "setup_future_usage", "shipping", "off_session", "error_on_requires_action", NULL };
    bool get = strcmp(call->method, "GET") == 0;
    size_t id_len = strcspn(rest, "/");
    const char *id, *action = rest[id_len] ? rest + id_len + 1 : "";
    json_t *intent;

    if (!*rest)
        return get && call->secret ? sim_list(call, "payment_intent", NULL) : create(call);
    id = arena_printf(call->arena, "%.*s", (int)id_len, rest);
    intent = sim_object(call->sim, call->arena, "payment_intent", id, NULL);
    if (!intent)
        return sim_missing(call, "payment_intent", id);
    if (!get && strcmp(action, "confirm") == 0 && !sim_known_names(call, confirm_names))
        return false;
    if (!call->secret)
        return with_browser(call, intent, action);
    if (get && !*action)
        return sim_answer(call, intent);
    if (!get && !*action)
        return update(call, intent);
    if (!get && strcmp(action, "confirm") == 0)
        return confirm(call, intent) && sim_answer(call, intent);
    if (!get && strcmp(action, "authenticate") == 0)
        return authenticate(call, intent) && sim_answer(call, intent);
    if (!get && strcmp(action, "cancel") == 0)
        return cancel(call, intent);
    return sim_error(call, 404, "invalid_request_error", NULL, NULL, "Unrecognized request URL (%s: /v1/payment_intents/%.200s).", call->method, rest);
}
