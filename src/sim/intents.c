/*
 * intents.c - the life of a PaymentIntent, with the published test cards.
 *
 *     requires_payment_method --confirm--> requires_action --authenticate--> succeeded
 *               ^   |                            |                |
 *               |   \------------confirm---------+--> succeeded   |
 *               \---- declined ------------------+----------------/
 *     requires_* --cancel--> canceled
 */
#include "sim/inner.h"

#include <string.h>

#include "base/random.h"

enum card_fate { CARD_PAYS, CARD_DECLINES, CARD_ASKS };

/* Numbers and names from Stripe's page on testing. */
static const struct card {
    const char *number, *name, *brand;
    enum card_fate fate;
    const char *code, *decline_code, *message;
} cards[] = {
    { "4242424242424242", "pm_card_visa", "visa", CARD_PAYS },
    { "4000056655665556", "pm_card_visa_debit", "visa", CARD_PAYS },
    { "5555555555554444", "pm_card_mastercard", "mastercard", CARD_PAYS },
    { "5200828282828210", "pm_card_mastercard_debit", "mastercard", CARD_PAYS },
    { "378282246310005", "pm_card_amex", "amex", CARD_PAYS },
    { "6011111111111117", "pm_card_discover", "discover", CARD_PAYS },
    { "4000002760000016", "pm_card_de", "visa", CARD_PAYS },
    { "4000000000000002", "pm_card_visa_chargeDeclined", "visa", CARD_DECLINES, "card_declined", "generic_decline", "Your card was declined." },
    { "4000000000000002", "pm_card_chargeDeclined", "visa", CARD_DECLINES, "card_declined", "generic_decline", "Your card was declined." },
    { "4000000000000341", "pm_card_chargeCustomerFail", "visa", CARD_DECLINES, "card_declined", "generic_decline", "Your card was declined." },
    { "4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", "visa", CARD_DECLINES, "card_declined", "insufficient_funds",
      "Your card has insufficient funds." },
    { "4000000000009995", "pm_card_chargeDeclinedInsufficientFunds", "visa", CARD_DECLINES, "card_declined", "insufficient_funds",
      "Your card has insufficient funds." },
    { "4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "visa", CARD_DECLINES, "card_declined", "lost_card", "Your card was declined." },
    { "4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "visa", CARD_DECLINES, "card_declined", "stolen_card", "Your card was declined." },
    { "4000000000000069", "pm_card_chargeDeclinedExpiredCard", "visa", CARD_DECLINES, "expired_card", "expired_card", "Your card has expired." },
    { "4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", "visa", CARD_DECLINES, "incorrect_cvc", "incorrect_cvc",
      "Your card's security code is incorrect." },
    { "4000000000000119", "pm_card_chargeDeclinedProcessingError", "visa", CARD_DECLINES, "processing_error", "processing_error",
      "An error occurred while processing your card. Try again in a little bit." },
    { "4000000000003220", "pm_card_threeDSecure2Required", "visa", CARD_ASKS },
    { "4000002500003155", "pm_card_authenticationRequiredOnSetup", "visa", CARD_ASKS },
    { "4000002760003184", "pm_card_authenticationRequired", "visa", CARD_ASKS },
    { "4000000000003063", "pm_card_threeDSecureRequired", "visa", CARD_ASKS },
};

static const struct card *card_by_number(const char *number)
{
    for (size_t i = 0; i < COUNT(cards); i++)
        if (strcmp(cards[i].number, number) == 0)
            return &cards[i];
    return NULL;
}

static const struct card *card_by_name(const char *name)
{
    for (size_t i = 0; i < COUNT(cards); i++)
        if (strcmp(cards[i].name, name) == 0)
            return &cards[i];
    return NULL;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool is_status(const json_t *intent, const char *status)
{
    return strcmp(text_of(intent, "status"), status) == 0;
}

static bool is_open(const json_t *intent)
{
    return strncmp(text_of(intent, "status"), "requires_", 9) == 0;
}

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

/* The intent as the answer, with its charge in full where that was asked for; a browser is not told what is between server and Stripe. */
static bool answer_intent(struct sim_call *call, json_t *intent)
{
    const char *charge_id = text_of(intent, "latest_charge");
    json_t *shown = json_copy(intent);

    if (charge_id && sim_expands(call, "latest_charge"))
        set(shown, "latest_charge", sim_load(call->sim, "charge", charge_id));
    if (call->publishable) {
        json_object_del(shown, "metadata");
        json_object_del(shown, "latest_charge");
    }
    json_decref(call->answer);
    call->answer = shown;
    call->status = 200;
    json_decref(intent);
    return true;
}

static bool unexpected_state(struct sim_call *call, json_t *intent, const char *what)
{
    sim_refuse(call, 400, "invalid_request_error", "payment_intent_unexpected_state", NULL,
               "You cannot %s this PaymentIntent because it has a status of %s.", what, text_of(intent, "status"));
    json_object_set(json_object_get(call->answer, "error"), "payment_intent", intent);
    json_decref(intent);
    return false;
}

/* The intent, for a caller who may: the secret key, or the intent's own client secret. NULL when refused. */
static json_t *load_intent(struct sim_call *call, const char *id)
{
    json_t *intent = sim_load(call->sim, "payment_intent", id);
    const char *secret = sim_param(call, "client_secret");

    if (!intent) {
        sim_missing(call, "payment_intent", id);
        return NULL;
    }
    if ((call->publishable && !secret) || (secret && strcmp(secret, text_of(intent, "client_secret")) != 0)) {
        json_decref(intent);
        sim_refuse(call, 400, "invalid_request_error", "resource_missing", "client_secret",
                   "The client_secret provided does not match the client_secret associated with the PaymentIntent.");
        return NULL;
    }
    return intent;
}

/* ---- payment methods ---- */

static bool luhn(const char *number)
{
    int sum = 0;
    size_t len = strlen(number);

    if (len < 12 || len > 19 || strspn(number, "0123456789") != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int digit = number[len - 1 - i] - '0';

        if (i % 2)
            digit = digit > 4 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return sum % 10 == 0;
}

static bool refuse_card(struct sim_call *call, const char *code, const char *message)
{
    return sim_refuse(call, 402, "card_error", code, "number", "%s", message);
}

/* A payment method of a card's details. Only its behaviour and its last four digits are kept. NULL when refused. */
static json_t *method_from(struct sim_call *call, const json_t *data)
{
    const json_t *card = json_object_get(data, "card");
    const char *number = sim_param_in(card, "number"), *type = sim_param_in(data, "type");
    char digits[32];
    size_t len = 0;
    const struct card *known;
    json_t *method;

    if (type && strcmp(type, "card") != 0) {
        sim_refuse(call, 400, "invalid_request_error", "parameter_invalid", "type", "Only cards are simulated.");
        return NULL;
    }
    if (!number) {
        sim_refuse(call, 400, "invalid_request_error", "parameter_missing", "card[number]", "Missing required param: card[number].");
        return NULL;
    }
    for (; *number && len + 1 < sizeof digits; number++)
        if (*number != ' ' && *number != '-')
            digits[len++] = *number;
    digits[len] = '\0';
    if (!luhn(digits)) {
        refuse_card(call, "incorrect_number", "Your card number is incorrect.");
        return NULL;
    }
    known = card_by_number(digits);
    if (!known) {
        refuse_card(call, "card_declined", "Your card was declined. Your request was in test mode, but used a non test card.");
        return NULL;
    }
    method = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:I, s:b, s:s}", "id", sim_new_id(call->arena, "pm"), "object", "payment_method", "type",
                       "card", "card", "brand", known->brand, "last4", digits + len - 4, "created", (json_int_t)call->now_s, "livemode", 0, "behaves",
                       known->name);
    sim_save(call->sim, "payment_method", method, NULL);
    return method;
}

bool sim_method_create(struct sim_call *call)
{
    json_t *method = method_from(call, call->params);

    if (!method)
        return false;
    json_object_del(method, "behaves");
    json_decref(call->answer);
    call->answer = method;
    call->status = 200;
    return true;
}

/* What the intent is to be paid with: named in this request, given as card details, or chosen before. NULL when refused. */
static const struct card *choose_card(struct sim_call *call, json_t *intent)
{
    const char *id = sim_param(call, "payment_method");
    const json_t *data = json_object_get(call->params, "payment_method_data");
    const struct card *card;
    json_t *method = NULL;

    if (data) {
        method = method_from(call, data);
        if (!method)
            return NULL;
        id = arena_strdup(call->arena, text_of(method, "id"));
    }
    if (!id)
        id = text_of(intent, "payment_method");
    if (!id) {
        sim_refuse(call, 400, "invalid_request_error", "parameter_missing", "payment_method",
                   "You cannot confirm this PaymentIntent because it's missing a payment method.");
        return NULL;
    }
    if (!method)
        method = sim_load(call->sim, "payment_method", id);
    card = card_by_name(method ? text_of(method, "behaves") : id);
    json_decref(method);
    if (!card)
        sim_refuse(call, 400, "invalid_request_error", "resource_missing", "payment_method", "No such PaymentMethod: '%.100s'", id);
    else
        set(intent, "payment_method", json_string(id));
    return card;
}

/* ---- paying ---- */

static const char *charge(struct sim_call *call, json_t *intent, const struct card *card)
{
    const char *id = sim_new_id(call->arena, "ch");
    json_t *charge = json_pack("{s:s, s:s, s:O, s:i, s:O, s:I, s:O, s:O, s:O, s:b, s:b, s:b, s:s, s:n, s:b, s:{s:s, s:{s:s, s:s}}}", "id", id,
                               "object", "charge", "amount", json_object_get(intent, "amount"), "amount_refunded", 0, "currency",
                               json_object_get(intent, "currency"), "created", (json_int_t)call->now_s, "metadata",
                               json_object_get(intent, "metadata"), "payment_intent", json_object_get(intent, "id"), "payment_method",
                               json_object_get(intent, "payment_method"), "livemode", 0, "paid", 1, "refunded", 0, "status", "succeeded",
                               "failure_code", "captured", 1, "payment_method_details", "type", "card", "card", "brand", card->brand, "last4",
                               card->number + strlen(card->number) - 4);

    sim_save(call->sim, "charge", charge, text_of(intent, "id"));
    set(intent, "latest_charge", json_string(id));
    sim_event(call, "charge.succeeded", charge);
    json_decref(charge);
    return id;
}

static bool succeed(struct sim_call *call, json_t *intent, const struct card *card)
{
    const char *id = text_of(intent, "id");

    charge(call, intent, card);
    set(intent, "status", json_string("succeeded"));
    set(intent, "amount_received", json_incref(json_object_get(intent, "amount")));
    set(intent, "next_action", json_null());
    set(intent, "last_payment_error", json_null());
    sim_save(call->sim, "payment_intent", intent, NULL);
    sim_event(call, "payment_intent.succeeded", intent);
    (void)id;
    return answer_intent(call, intent);
}

static bool decline(struct sim_call *call, json_t *intent, const char *code, const char *decline_code, const char *message)
{
    json_t *error = json_pack("{s:s, s:s, s:s?, s:s}", "type", "card_error", "code", code, "decline_code", decline_code, "message", message);

    set(intent, "status", json_string("requires_payment_method"));
    set(intent, "payment_method", json_null());
    set(intent, "next_action", json_null());
    set(intent, "last_payment_error", json_deep_copy(error));
    sim_save(call->sim, "payment_intent", intent, NULL);
    sim_event(call, "payment_intent.payment_failed", intent);
    json_object_set_new(error, "payment_intent", intent);
    json_decref(call->answer);
    call->answer = json_pack("{s:o}", "error", error);
    call->status = 402;
    return false;
}

static bool confirm(struct sim_call *call, json_t *intent)
{
    const struct card *card;
    const char *return_url = sim_param(call, "return_url");

    if (!is_open(intent))
        return unexpected_state(call, intent, "confirm");
    card = choose_card(call, intent);
    if (!card) {
        json_decref(intent);
        return false;
    }
    switch (card->fate) {
    case CARD_PAYS:
        return succeed(call, intent, card);
    case CARD_DECLINES:
        return decline(call, intent, card->code, card->decline_code, card->message);
    case CARD_ASKS:
        break;
    }
    set(intent, "status", json_string("requires_action"));
    set(intent, "next_action",
        return_url ? json_pack("{s:s, s:{s:s, s:s}}", "type", "redirect_to_url", "redirect_to_url", "url", return_url, "return_url", return_url)
                   : json_pack("{s:s, s:{s:s}}", "type", "use_stripe_sdk", "use_stripe_sdk", "type", "three_d_secure_redirect"));
    sim_save(call->sim, "payment_intent", intent, NULL);
    sim_event(call, "payment_intent.requires_action", intent);
    return answer_intent(call, intent);
}

/* ---- the calls ---- */

bool sim_intent_create(struct sim_call *call)
{
    static const char *const known[] = { "amount", "currency", "metadata", "payment_method", "payment_method_data", "payment_method_types",
                                         "payment_method_options", "automatic_payment_methods", "confirm", "description", "receipt_email",
                                         "return_url", "expand", "capture_method", "statement_descriptor_suffix", "off_session", "use_stripe_sdk", NULL };
    const char *currency = sim_param(call, "currency"), *id = sim_new_id(call->arena, "pi"), *confirm_now = sim_param(call, "confirm");
    int64_t amount = 0;
    json_t *intent;

    if (!sim_params_known(call, known) || !sim_param_int(call, "amount", 1, 99999999, &amount))
        return false;
    if (!amount)
        return sim_refuse(call, 400, "invalid_request_error", "parameter_missing", "amount", "Missing required param: amount.");
    if (!currency)
        return sim_refuse(call, 400, "invalid_request_error", "parameter_missing", "currency", "Missing required param: currency.");
    if (strlen(currency) != 3 || strspn(currency, "abcdefghijklmnopqrstuvwxyz") != 3)
        return sim_refuse(call, 400, "invalid_request_error", NULL, "currency", "Invalid currency: %.20s", currency);
    intent = json_pack("{s:s, s:s, s:I, s:i, s:i, s:n, s:n, s:s, s:s, s:s, s:I, s:s, s:s?, s:n, s:n, s:b, s:{}, s:n, s:s?, s:[s], s:s?, s:s}", "id",
                       id, "object", "payment_intent", "amount", (json_int_t)amount, "amount_capturable", 0, "amount_received", 0, "canceled_at",
                       "cancellation_reason", "capture_method", "automatic", "client_secret",
                       arena_printf(call->arena, "%s_secret_%s", id, sim_new_id(call->arena, "s") + 2), "confirmation_method", "automatic",
                       "created", (json_int_t)call->now_s, "currency", currency, "description", sim_param(call, "description"),
                       "last_payment_error", "latest_charge", "livemode", 0, "metadata", "next_action", "payment_method",
                       sim_param(call, "payment_method"), "payment_method_types", "card", "receipt_email", sim_param(call, "receipt_email"), "status",
                       "requires_payment_method");
    sim_merge_metadata(call, intent);
    if (sim_param(call, "payment_method"))
        set(intent, "status", json_string("requires_confirmation"));
    sim_save(call->sim, "payment_intent", intent, NULL);
    sim_event(call, "payment_intent.created", intent);
    if (confirm_now && strcmp(confirm_now, "true") == 0)
        return confirm(call, intent);
    return answer_intent(call, intent);
}

bool sim_intent_show(struct sim_call *call, const char *id)
{
    json_t *intent = load_intent(call, id);

    return intent ? answer_intent(call, intent) : false;
}

bool sim_intent_update(struct sim_call *call, const char *id)
{
    static const char *const known[] = { "amount", "currency", "metadata", "description", "receipt_email", "payment_method", "payment_method_types",
                                         "expand", NULL };
    json_t *intent = load_intent(call, id);
    int64_t amount = 0;

    if (!intent)
        return false;
    if (!sim_params_known(call, known) || !sim_param_int(call, "amount", 1, 99999999, &amount)) {
        json_decref(intent);
        return false;
    }
    /* Only what is said about it, not what is paid, may change once it is over. */
    if (!is_open(intent) && (amount || sim_param(call, "currency") || sim_param(call, "payment_method")))
        return unexpected_state(call, intent, "update");
    if (amount)
        set(intent, "amount", json_integer(amount));
    for (size_t i = 3; i < 6; i++)
        if (sim_param(call, known[i]))
            set(intent, known[i], json_string(sim_param(call, known[i])));
    if (sim_param(call, "currency"))
        set(intent, "currency", json_string(sim_param(call, "currency")));
    sim_merge_metadata(call, intent);
    sim_save(call->sim, "payment_intent", intent, NULL);
    return answer_intent(call, intent);
}

bool sim_intent_confirm(struct sim_call *call, const char *id)
{
    json_t *intent = load_intent(call, id);

    return intent ? confirm(call, intent) : false;
}

/* What the buyer does on the bank's page; `outcome` is "success" (the default) or "failure". Of the simulator's own making. */
bool sim_intent_authenticate(struct sim_call *call, const char *id)
{
    const char *outcome = sim_param(call, "outcome");
    json_t *intent = load_intent(call, id), *method;
    const struct card *card;

    if (!intent)
        return false;
    if (!is_status(intent, "requires_action"))
        return unexpected_state(call, intent, "authenticate");
    if (outcome && strcmp(outcome, "failure") == 0)
        return decline(call, intent, "payment_intent_authentication_failure", NULL,
                       "We are unable to authenticate your payment method. Please choose a different payment method and try again.");
    method = sim_load(call->sim, "payment_method", text_of(intent, "payment_method"));
    card = card_by_name(method ? text_of(method, "behaves") : text_of(intent, "payment_method"));
    json_decref(method);
    return succeed(call, intent, card ? card : &cards[0]);
}

bool sim_intent_cancel(struct sim_call *call, const char *id)
{
    static const char *const known[] = { "cancellation_reason", "expand", NULL };
    json_t *intent = load_intent(call, id);

    if (!intent)
        return false;
    if (!sim_params_known(call, known)) {
        json_decref(intent);
        return false;
    }
    if (!is_open(intent))
        return unexpected_state(call, intent, "cancel");
    set(intent, "status", json_string("canceled"));
    set(intent, "canceled_at", json_integer(call->now_s));
    set(intent, "next_action", json_null());
    if (sim_param(call, "cancellation_reason"))
        set(intent, "cancellation_reason", json_string(sim_param(call, "cancellation_reason")));
    sim_save(call->sim, "payment_intent", intent, NULL);
    sim_event(call, "payment_intent.canceled", intent);
    return answer_intent(call, intent);
}

/* ---- refunds ---- */

bool sim_refund_create(struct sim_call *call)
{
    static const char *const known[] = { "payment_intent", "charge", "amount", "reason", "metadata", "expand", NULL };
    const char *intent_id = sim_param(call, "payment_intent"), *charge_id = sim_param(call, "charge");
    json_t *charge, *refund, *intent;
    int64_t amount = 0, left, refunded;

    if (!sim_params_known(call, known) || !sim_param_int(call, "amount", 1, 99999999, &amount))
        return false;
    if (!intent_id && !charge_id)
        return sim_refuse(call, 400, "invalid_request_error", "parameter_missing", "payment_intent",
                          "One of the following params should be provided for this request: payment_intent or charge.");
    if (!charge_id) {
        intent = sim_load(call->sim, "payment_intent", intent_id);
        if (!intent)
            return sim_missing(call, "payment_intent", intent_id);
        charge_id = text_of(intent, "latest_charge") ? arena_strdup(call->arena, text_of(intent, "latest_charge")) : NULL;
        json_decref(intent);
        if (!charge_id)
            return sim_refuse(call, 400, "invalid_request_error", NULL, "payment_intent",
                              "This PaymentIntent (%.100s) does not have a successful charge to refund.", intent_id);
    }
    charge = sim_load(call->sim, "charge", charge_id);
    if (!charge)
        return sim_missing(call, "charge", charge_id);
    refunded = json_integer_value(json_object_get(charge, "amount_refunded"));
    left = json_integer_value(json_object_get(charge, "amount")) - refunded;
    if (!left || amount > left) {
        json_decref(charge);
        return left ? sim_refuse(call, 400, "invalid_request_error", NULL, "amount",
                                 "Refund amount (%lld) is greater than unrefunded amount on charge (%lld)", (long long)amount, (long long)left)
                    : sim_refuse(call, 400, "invalid_request_error", "charge_already_refunded", NULL, "Charge %s has already been refunded.", charge_id);
    }
    if (!amount)
        amount = left;
    set(charge, "amount_refunded", json_integer(refunded + amount));
    set(charge, "refunded", json_boolean(amount == left));
    sim_save(call->sim, "charge", charge, NULL);
    refund = json_pack("{s:s, s:s, s:I, s:s, s:I, s:O, s:{}, s:O, s:s?, s:s}", "id", sim_new_id(call->arena, "re"), "object", "refund", "amount",
                       (json_int_t)amount, "charge", charge_id, "created", (json_int_t)call->now_s, "currency", json_object_get(charge, "currency"),
                       "metadata", "payment_intent", json_object_get(charge, "payment_intent"), "reason", sim_param(call, "reason"), "status",
                       "succeeded");
    sim_merge_metadata(call, refund);
    sim_save(call->sim, "refund", refund, text_of(charge, "payment_intent"));
    sim_event(call, "refund.created", refund);
    sim_event(call, "charge.refunded", charge);
    json_decref(charge);
    json_decref(call->answer);
    call->answer = refund;
    call->status = 200;
    return true;
}
