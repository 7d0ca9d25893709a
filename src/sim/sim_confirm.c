/*
 * sim_confirm.c - how an intent is paid: confirming, 3-D Secure, the bank's answer, and the charge that comes of it.
 *
 *     requires_payment_method --method--> requires_confirmation --confirm--+--> succeeded
 *        ^                                                                 +--> requires_action --yes--> (the bank is asked)
 *        |                                                                 +--> requires_capture --capture--> succeeded
 *        |                                                                 +--> processing (a bank's debit) --> succeeded
 *        +--- declined, "no", or failed later -----------------------------+
 *     requires_... --cancel--> canceled
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_inside.h"

/* Stripe's test accounts take minutes at most. */
#define SETTLE_AFTER_MS 3000
#define DISPUTE_AFTER_MS 1000
/* Most cards hold an authorization for 7 days (docs.stripe.com/payments/place-a-hold-on-a-payment-method). */
#define CAPTURE_WITHIN_MS (INT64_C(7) * 86400 * 1000)

bool sim_intent_error(struct sim_call *call, json_t *intent, const char *format, ...)
{
    char message[600];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    sim_error(call, 400, "invalid_request_error", "payment_intent_unexpected_state", NULL, "%s", message);
    json_object_set_new(json_object_get(call->answer, "error"), "payment_intent", json_deep_copy(intent));
    call->executed = true;
    return false;
}

/* ---- charges ---- */

static json_t *method_details(json_t *method)
{
    const char *type = sim_text(method, "type");
    json_t *shown = json_deep_copy(json_object_get(method, type)), *details = json_pack("{s:s}", "type", type);

    if (strcmp(type, "card") == 0) {
        json_object_del(shown, "display_brand");
        json_object_del(shown, "three_d_secure_usage");
        sim_set_text(shown, "three_d_secure", NULL);
        sim_set_text(shown, "network", sim_text(shown, "brand"));
    }
    json_object_set_new(details, type, shown);
    return details;
}

static void set_outcome(json_t *charge, const struct sim_card *card, bool good)
{
    const char *reason = !good && card->decline_code && strcmp(card->decline_code, "fraudulent") == 0 ? "highest_risk_level" : good ? NULL : card->decline_code;
    bool blocked = reason && strcmp(reason, "highest_risk_level") == 0;

    json_object_set_new(charge, "outcome",
                        json_pack("{s:s, s:s?, s:s, s:s, s:s}", "network_status", good ? "approved_by_network" : blocked ? "not_sent_to_network" : "declined_by_network",
                                  "reason", reason, "risk_level", blocked ? "highest" : "normal", "seller_message",
                                  good ? "Payment complete." : "The bank did not return any further details with this decline.", "type",
                                  good ? "authorized" : blocked ? "blocked" : "issuer_declined"));
}

static json_t *charge_new(struct sim_call *call, json_t *intent, json_t *method, const struct sim_card *card, const char *status)
{
    json_t *charge = sim_new(call, "ch_",
                             "{\"id\":null,\"object\":\"charge\",\"amount\":0,\"amount_captured\":0,\"amount_refunded\":0,\"application\":null,"
                             "\"application_fee\":null,\"application_fee_amount\":null,\"balance_transaction\":null,\"billing_details\":{},"
                             "\"calculated_statement_descriptor\":\"USHER\",\"captured\":false,\"created\":0,\"currency\":\"\",\"customer\":null,"
                             "\"description\":null,\"disputed\":false,\"failure_balance_transaction\":null,\"failure_code\":null,\"failure_message\":null,"
                             "\"fraud_details\":{},\"livemode\":false,\"metadata\":{},\"on_behalf_of\":null,\"outcome\":null,\"paid\":false,"
                             "\"payment_intent\":null,\"payment_method\":null,\"payment_method_details\":null,\"receipt_email\":null,\"receipt_number\":null,"
                             "\"receipt_url\":null,\"refunded\":false,\"review\":null,\"shipping\":null,\"source\":null,\"source_transfer\":null,"
                             "\"statement_descriptor\":null,\"statement_descriptor_suffix\":null,\"status\":\"\",\"transfer_data\":null,\"transfer_group\":null}");
    static const char *const same[] = { "amount", "currency", "description", "receipt_email", NULL };
    bool failed = strcmp(status, "failed") == 0;

    for (size_t i = 0; same[i]; i++)
        json_object_set(charge, same[i], json_object_get(intent, same[i]));
    json_object_set(charge, "billing_details", json_object_get(method, "billing_details"));
    json_object_set_new(charge, "metadata", json_deep_copy(json_object_get(intent, "metadata")));
    sim_set_text(charge, "payment_intent", sim_text(intent, "id"));
    sim_set_text(charge, "payment_method", sim_text(method, "id"));
    json_object_set_new(charge, "payment_method_details", method_details(method));
    sim_set_bool(charge, "paid", strcmp(status, "succeeded") == 0);
    sim_set_text(charge, "status", status);
    if (failed) {
        sim_set_text(charge, "failure_code", card->code);
        sim_set_text(charge, "failure_message", card->message);
    }
    set_outcome(charge, card, !failed);
    sim_insert(call->sim, "charge", sim_text(intent, "id"), card->number, charge);
    sim_set_text(intent, "latest_charge", sim_text(charge, "id"));
    return charge;
}

/* ---- what the bank says ---- */

static void forget_error(json_t *intent)
{
    sim_set_text(intent, "last_payment_error", NULL);
    sim_set_text(intent, "next_action", NULL);
    sim_set_text(intent, "processing", NULL);
}

/* Back to the start, with the reason; a new reference to it. */
static json_t *payment_failed(struct sim_call *call, json_t *intent, json_t *method, const char *charge_id, const char *code, const char *decline_code,
                              const char *param, const char *message)
{
    bool card = charge_id && sim_is(method, "type", "card");
    json_t *error = json_pack("{s:s*, s:s, s:s*, s:s, s:s, s:s*, s:O, s:s}", "charge", charge_id, "code", code, "decline_code", decline_code, "doc_url",
                              sim_doc_url(call->arena, code), "message", message, "param", param, "payment_method", method, "type",
                              card ? "card_error" : "invalid_request_error");

    forget_error(intent);
    json_object_set_new(intent, "last_payment_error", json_deep_copy(error));
    sim_set_text(intent, "status", "requires_payment_method");
    sim_set_text(intent, "payment_method", NULL);
    sim_changed(call, intent, "payment_intent.payment_failed");
    return error;
}

/* The same as the call's answer, which is an error and yet stays. */
static bool decline(struct sim_call *call, json_t *intent, json_t *error, int status)
{
    json_object_set_new(error, "payment_intent", json_deep_copy(intent));
    sim_answer_with(call, status, json_pack("{s:o}", "error", error));
    call->executed = call->stands = true;
    return false;
}

/* The money is there: `amount` of the charge's. */
static void take_money(struct sim_call *call, json_t *intent, json_t *charge, const struct sim_card *card, json_int_t amount)
{
    const char *id = sim_text(charge, "id");

    sim_set_bool(charge, "captured", true);
    sim_set_bool(charge, "paid", true);
    sim_set_text(charge, "status", "succeeded");
    sim_set_number(charge, "amount_captured", amount);
    sim_set_text(charge, "balance_transaction", sim_move(call, "charge", "charge", charge, amount, sim_fee(amount), card->habit == HABIT_AVAILABLE));
    forget_error(intent);
    sim_set_text(intent, "status", "succeeded");
    sim_set_number(intent, "amount_received", amount);
    sim_set_number(intent, "amount_capturable", 0);
    if (card->habit == HABIT_FRAUDULENT)
        sim_later(call, "dispute-fraudulent", id, DISPUTE_AFTER_MS);
    else if (card->habit == HABIT_NOT_RECEIVED)
        sim_later(call, "dispute-not-received", id, DISPUTE_AFTER_MS);
    else if (card->habit == HABIT_INQUIRY)
        sim_later(call, "dispute-inquiry", id, DISPUTE_AFTER_MS);
}

static void authorize(struct sim_call *call, json_t *intent, json_t *charge)
{
    forget_error(intent);
    sim_set_text(intent, "status", "requires_capture");
    json_object_set(intent, "amount_capturable", json_object_get(intent, "amount"));
    sim_later(call, "capture-expire", sim_text(intent, "id"), CAPTURE_WITHIN_MS);
    sim_event(call, "charge.succeeded", charge);
    sim_changed(call, intent, "payment_intent.amount_capturable_updated");
}

static void begin_debit(struct sim_call *call, json_t *intent, json_t *method, const struct sim_card *card)
{
    json_t *charge = charge_new(call, intent, method, card, "pending");

    forget_error(intent);
    sim_set_text(intent, "status", "processing");
    if (card->habit == HABIT_BANK)
        sim_later(call, "intent-settle", sim_text(intent, "id"), SETTLE_AFTER_MS);
    sim_event(call, "charge.pending", charge);
    sim_changed(call, intent, "payment_intent.processing");
}

/* The bank is asked for the money. */
static bool attempt(struct sim_call *call, json_t *intent, json_t *method, const struct sim_card *card)
{
    json_t *charge;

    sim_set_text(intent, "payment_method", sim_text(method, "id"));
    if (strcmp(card->brand, "bank") == 0) {
        begin_debit(call, intent, method, card);
        return true;
    }
    charge = charge_new(call, intent, method, card, card->code ? "failed" : "succeeded");
    if (card->code) {
        json_t *error;

        sim_event(call, "charge.failed", charge);
        error = payment_failed(call, intent, method, sim_text(charge, "id"), card->code, card->decline_code, card->param, card->message);
        return decline(call, intent, error, 402);
    }
    if (sim_is(intent, "capture_method", "manual")) {
        authorize(call, intent, charge);
        return true;
    }
    take_money(call, intent, charge, card, sim_number(intent, "amount"));
    sim_changed(call, charge, "charge.succeeded");
    sim_changed(call, intent, "payment_intent.succeeded");
    return true;
}

/* ---- what comes later ---- */

void sim_settle_intent(struct sim_call *call, const char *id, const char *outcome)
{
    json_t *intent = sim_object(call->sim, call->arena, "payment_intent", id, NULL), *charge, *method;
    const struct sim_card *card;

    if (!intent || !sim_is(intent, "status", "processing"))
        return;
    charge = sim_object(call->sim, call->arena, "charge", sim_text(intent, "latest_charge"), NULL);
    method = sim_method(call, sim_text(intent, "payment_method"), &card);
    if (!charge || !card)
        return;
    sim_not_later(call, id);
    if (outcome ? strcmp(outcome, "failed") != 0 : !card->code) {
        take_money(call, intent, charge, card, sim_number(intent, "amount"));
        sim_changed(call, charge, "charge.succeeded");
        sim_changed(call, intent, "payment_intent.succeeded");
        return;
    }
    sim_set_text(charge, "status", "failed");
    sim_set_text(charge, "failure_code", card->code ? card->code : "payment_method_customer_decline");
    sim_set_text(charge, "failure_message", card->message ? card->message : "The customer's bank refused the payment.");
    sim_changed(call, charge, "charge.failed");
    json_decref(payment_failed(call, intent, method, sim_text(charge, "id"), sim_text(charge, "failure_code"), NULL, NULL, sim_text(charge, "failure_message")));
}

void sim_capture(struct sim_call *call, json_t *intent, int64_t amount)
{
    const char *number = NULL;
    json_t *charge = sim_object(call->sim, call->arena, "charge", sim_text(intent, "latest_charge"), &number);

    if (!charge || !number)
        return;
    sim_not_later(call, sim_text(intent, "id"));
    take_money(call, intent, charge, sim_card_numbered(number), (json_int_t)amount);
    sim_changed(call, charge, "charge.captured");
    sim_changed(call, intent, "payment_intent.succeeded");
}

/* No money moved, yet Stripe shows the charge as given back. */
void sim_release(struct sim_call *call, json_t *intent, const char *event)
{
    json_t *charge = sim_object(call->sim, call->arena, "charge", sim_text(intent, "latest_charge"), NULL);

    sim_not_later(call, sim_text(intent, "id"));
    sim_set_number(intent, "amount_capturable", 0);
    if (!charge)
        return;
    json_object_set(charge, "amount_refunded", json_object_get(charge, "amount"));
    sim_set_bool(charge, "refunded", true);
    sim_changed(call, charge, event);
}

void sim_expire_capture(struct sim_call *call, const char *id)
{
    json_t *intent = sim_object(call->sim, call->arena, "payment_intent", id, NULL);

    if (!intent || !sim_is(intent, "status", "requires_capture"))
        return;
    sim_release(call, intent, "charge.expired");
    sim_set_text(intent, "status", "canceled");
    sim_set_text(intent, "cancellation_reason", "automatic");
    sim_set_number(intent, "canceled_at", call->now_s);
    sim_changed(call, intent, "payment_intent.canceled");
}

/* ---- 3-D Secure ---- */

/* The bank wants its customer to say yes first. */
static bool require_action(struct sim_call *call, json_t *intent, json_t *method)
{
    const char *return_url = sim_form_get(&call->form, "return_url"), *public_url = call->sim->app->public_url;
    char *page = arena_printf(call->arena, "%s/sim/stripe/3ds/%s?client_secret=%s", public_url ? public_url : "", sim_text(intent, "id"),
                              sim_text(intent, "client_secret"));

    forget_error(intent);
    sim_set_text(intent, "status", "requires_action");
    sim_set_text(intent, "payment_method", sim_text(method, "id"));
    json_object_set_new(intent, "next_action", json_pack("{s:s, s:{s:s, s:s?}}", "type", "redirect_to_url", "redirect_to_url", "url", page,
                                                         "return_url", return_url));
    sim_set_trait(call->sim, sim_text(intent, "id"), return_url); /* a second click on the page goes there too */
    sim_changed(call, intent, "payment_intent.requires_action");
    return true;
}

bool sim_authenticated(struct sim_call *call, json_t *intent, bool passed)
{
    const struct sim_card *card;
    json_t *method, *error;

    if (!sim_is(intent, "status", "requires_action"))
        return sim_intent_error(call, intent, "This PaymentIntent does not wait for an authentication: it has a status of %s.", sim_text(intent, "status"));
    method = sim_method(call, sim_text(intent, "payment_method"), &card);
    if (!card)
        return sim_missing(call, "PaymentMethod", sim_text(intent, "payment_method"));
    call->executed = true;
    if (passed)
        return attempt(call, intent, method, card);
    error = payment_failed(call, intent, method, NULL, "payment_intent_authentication_failure", NULL, NULL,
                           "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to "
                           "fulfill this PaymentIntent again.");
    return decline(call, intent, error, 400);
}

/* Nobody is there to say yes: the payment fails instead of waiting. */
static bool nobody_there(struct sim_call *call, json_t *intent, json_t *method, const struct sim_card *card)
{
    static const struct sim_card required = { .code = "authentication_required", .decline_code = "authentication_required",
                                              .message = "Your card was declined. This transaction requires authentication." };
    struct sim_card as = required;
    json_t *charge, *error;

    as.number = card->number;
    as.brand = card->brand;
    charge = charge_new(call, intent, method, &as, "failed");
    sim_event(call, "charge.failed", charge);
    error = payment_failed(call, intent, method, sim_text(charge, "id"), as.code, as.decline_code, NULL, as.message);
    return decline(call, intent, error, 402);
}

/* ---- confirming ---- */

static bool method_allowed(struct sim_call *call, json_t *intent, json_t *method)
{
    json_t *types = json_object_get(intent, "payment_method_types");
    const char *type = sim_text(method, "type");
    struct buf all = buf_in(call->arena);

    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *may = json_string_value(json_array_get(types, i));

        if (strcmp(may, type) == 0)
            return true;
        buf_printf(&all, "%s%s", i ? ", " : "", may);
    }
    return sim_bad(call, "payment_method", "The PaymentMethod provided (%s) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of the "
                                           "following types: %s.", type, all.len ? all.data : "none");
}

bool sim_confirm(struct sim_call *call, json_t *intent)
{
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    const char *status = sim_text(intent, "status");
    const struct sim_card *card;
    bool off_session, no_action;
    json_t *method;

    if (strcmp(status, "succeeded") == 0)
        return sim_intent_error(call, intent, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.");
    if (!sim_one_of(status, open))
        return sim_intent_error(call, intent, "This PaymentIntent could not be confirmed because it has a status of %s. Only a PaymentIntent with one of the "
                                "following statuses may be confirmed: requires_confirmation, requires_action.", status);
    if (!sim_flag(call, "off_session", &off_session) || !sim_flag(call, "error_on_requires_action", &no_action) || !sim_method_named(call, &method))
        return false;
    method = sim_method(call, method ? sim_text(method, "id") : sim_text(intent, "payment_method"), &card);
    if (!method)
        return sim_intent_error(call, intent, "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
                                "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.");
    if (!card)
        return sim_missing(call, "PaymentMethod", sim_text(method, "id"));
    if (!method_allowed(call, intent, method))
        return false;
    call->executed = true;
    if (card->habit == HABIT_ASKS && (off_session || no_action))
        return nobody_there(call, intent, method, card);
    if (card->habit == HABIT_ASKS)
        return require_action(call, intent, method);
    return attempt(call, intent, method, card);
}
