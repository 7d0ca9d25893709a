/*
 * sim_refunds.c - money back, at once or later.
 *
 *     succeeded --(some cards)--> failed          the money is the shop's again
 *     pending --> succeeded | failed | canceled
 */
#include <string.h>

#include "sim/sim_inside.h"

/* "Some time later", as Stripe says of the cards whose refunds are slow or fail. */
#define REFUND_LATER_MS 1000

/* The charge's own account of what was given back. */
static void charge_refunded(struct sim_call *call, json_t *charge, json_int_t by)
{
    json_int_t refunded = sim_number(charge, "amount_refunded") + by;

    sim_set_number(charge, "amount_refunded", refunded);
    sim_set_bool(charge, "refunded", refunded == sim_number(charge, "amount_captured"));
    if (by > 0)
        sim_changed(call, charge, "charge.refunded");
    else
        sim_update(call->sim, charge);
}

/* The charge that is to be given back: named itself, or by its intent. */
static bool charge_named(struct sim_call *call, json_t **out, const char **number)
{
    const char *charge = sim_form_get(&call->form, "charge"), *intent_id = sim_form_get(&call->form, "payment_intent");
    json_t *intent;

    if (!charge && !intent_id)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "payment_intent",
                         "One of the following params should be provided for this request: payment_intent or charge.");
    if (intent_id) {
        intent = sim_object(call->sim, call->arena, "payment_intent", intent_id, NULL);
        if (!intent)
            return sim_error(call, 404, "invalid_request_error", "resource_missing", "payment_intent", "No such payment_intent: '%.200s'", intent_id);
        if (!sim_is(intent, "status", "succeeded") || (charge && !sim_is(intent, "latest_charge", charge))) {
            call->executed = true;
            return sim_bad(call, "payment_intent", "This PaymentIntent (%.100s) does not have a successful charge to refund.", intent_id);
        }
        charge = sim_text(intent, "latest_charge");
    }
    *out = sim_object(call->sim, call->arena, "charge", charge, number);
    if (!*out)
        return sim_error(call, 404, "invalid_request_error", "resource_missing", "charge", "No such charge: '%.200s'", charge);
    if (json_is_true(json_object_get(*out, "captured")))
        return true;
    call->executed = true;
    return sim_bad(call, "charge", "Charge %s has not been captured, or has failed, so that there is nothing to refund.", charge);
}

static bool amount_of(struct sim_call *call, json_t *charge, int64_t *out)
{
    int64_t left = sim_number(charge, "amount_captured") - sim_number(charge, "amount_refunded");
    bool given;

    if (!sim_int(call, "amount", 1, INT64_C(999999999999), out, &given))
        return false;
    call->executed = true;
    if (sim_charge_disputed(call, charge))
        return sim_error(call, 400, "invalid_request_error", "charge_disputed", NULL, "Charge %s has been charged back; cannot issue a refund.", sim_text(charge, "id"));
    if (left == 0)
        return sim_error(call, 400, "invalid_request_error", "charge_already_refunded", NULL, "Charge %s has already been refunded.", sim_text(charge, "id"));
    if (!given)
        *out = left;
    if (*out > left)
        return sim_bad(call, "amount", "Refund amount (%" PRId64 ") is greater than unrefunded amount on charge (%" PRId64 ").", *out, left);
    return true;
}

static bool create(struct sim_call *call)
{
    static const char *const names[] = { "payment_intent", "charge", "amount", "reason", "metadata", "instructions_email", NULL };
    static const char *const reasons[] = { "duplicate", "fraudulent", "requested_by_customer", NULL };
    const struct sim_card *card;
    const char *number = NULL, *id;
    json_t *charge = NULL, *refund;
    int64_t amount = 0;
    bool pending;

    if (!sim_known_names(call, names) || !sim_word(call, "reason", reasons) || !charge_named(call, &charge, &number) || !amount_of(call, charge, &amount))
        return false;
    card = sim_card_numbered(number);
    pending = card->habit == HABIT_REFUND_PENDING;
    refund = sim_new(call, "re_",
                     "{\"id\":null,\"object\":\"refund\",\"amount\":0,\"balance_transaction\":null,\"charge\":null,\"created\":0,\"currency\":\"\","
                     "\"customer\":null,\"customer_account\":null,\"destination_details\":{\"card\":{\"reference_status\":\"pending\","
                     "\"reference_type\":\"acquirer_reference_number\",\"type\":\"refund\"},\"type\":\"card\"},\"metadata\":{},\"payment_intent\":null,"
                     "\"payment_method\":null,\"reason\":null,\"receipt_number\":null,\"source_transfer_reversal\":null,\"status\":\"succeeded\","
                     "\"transfer_reversal\":null}");
    json_object_del(refund, "livemode");
    if (!sim_metadata(call, refund)) {
        call->executed = false;
        return false;
    }
    id = sim_text(refund, "id");
    sim_set_number(refund, "amount", (json_int_t)amount);
    sim_set_text(refund, "charge", sim_text(charge, "id"));
    sim_set_text(refund, "currency", sim_text(charge, "currency"));
    sim_set_text(refund, "payment_intent", sim_text(charge, "payment_intent"));
    sim_set_text(refund, "payment_method", sim_text(charge, "payment_method"));
    sim_set_text(refund, "reason", sim_form_get(&call->form, "reason"));
    if (pending) {
        sim_set_text(refund, "status", "pending");
        sim_set_text(refund, "pending_reason", "processing");
    }
    sim_set_text(refund, "balance_transaction", sim_move(call, "refund", "refund", refund, -(json_int_t)amount, 0, true));
    sim_insert(call->sim, "refund", sim_text(charge, "payment_intent"), sim_text(charge, "id"), refund);
    sim_event(call, "refund.created", refund);
    charge_refunded(call, charge, (json_int_t)amount);
    if (pending || card->habit == HABIT_REFUND_FAILS)
        sim_later(call, pending ? "refund-succeed" : "refund-fail", id, REFUND_LATER_MS);
    return sim_answer(call, refund);
}

/* ---- how it ends ---- */

/* The money comes back to the shop, and the charge counts it no longer. */
static void take_back(struct sim_call *call, json_t *refund, const char *charge_id)
{
    json_t *charge = sim_object(call->sim, call->arena, "charge", charge_id, NULL);
    json_int_t amount = sim_number(refund, "amount");

    sim_set_text(refund, "failure_balance_transaction", sim_move(call, "refund_failure", "refund_failure", refund, amount, 0, true));
    json_object_del(refund, "pending_reason");
    if (charge)
        charge_refunded(call, charge, -amount);
}

void sim_settle_refund(struct sim_call *call, const char *id, bool succeeds, const char *reason)
{
    const char *charge_id = NULL;
    json_t *refund = sim_object(call->sim, call->arena, "refund", id, &charge_id);

    sim_not_later(call, id);
    if (!refund || !(sim_is(refund, "status", "pending") || (!succeeds && sim_is(refund, "status", "succeeded"))))
        return;
    if (succeeds) {
        json_object_del(refund, "pending_reason");
        sim_set_text(refund, "status", "succeeded");
        sim_changed(call, refund, "refund.updated");
        sim_event(call, "charge.refund.updated", refund);
        return;
    }
    sim_set_text(refund, "status", "failed");
    sim_set_text(refund, "failure_reason", reason);
    take_back(call, refund, charge_id);
    sim_changed(call, refund, "refund.failed");
    sim_event(call, "charge.refund.updated", refund);
}

static bool cancel(struct sim_call *call, json_t *refund, const char *charge_id)
{
    static const char *const names[] = { NULL };

    if (!sim_known_names(call, names))
        return false;
    call->executed = true;
    if (!sim_is(refund, "status", "pending") && !sim_is(refund, "status", "requires_action"))
        return sim_bad(call, NULL, "This refund has a status of %s and cannot be canceled.", sim_text(refund, "status"));
    sim_not_later(call, sim_text(refund, "id"));
    sim_set_text(refund, "status", "canceled");
    sim_set_text(refund, "failure_reason", "merchant_request");
    take_back(call, refund, charge_id);
    sim_changed(call, refund, "refund.updated");
    sim_event(call, "charge.refund.updated", refund);
    return sim_answer(call, refund);
}

bool sim_refunds(struct sim_call *call, const char *rest)
{
    static const char *const equal[] = { "payment_intent", "charge", NULL };
    static const char *const update_names[] = { "metadata", NULL };
    bool get = strcmp(call->method, "GET") == 0, post = strcmp(call->method, "POST") == 0;
    const char *id = arena_printf(call->arena, "%.*s", (int)strcspn(rest, "/"), rest), *action = rest + strlen(id), *charge_id = NULL;
    json_t *refund;

    if (!call->secret)
        return sim_needs_secret(call);
    if (!*rest && get)
        return sim_list(call, &(struct sim_list_of){ .kind = "refund", .parent = sim_list_parent(call), .equal = equal });
    if (!post && !get)
        return sim_no_such_url(call);
    if (!*rest)
        return create(call);
    refund = sim_object(call->sim, call->arena, "refund", id, &charge_id);
    if (!refund)
        return sim_missing(call, "refund", id);
    if (post && strcmp(action, "/cancel") == 0)
        return cancel(call, refund, charge_id);
    if (*action)
        return sim_no_such_url(call);
    if (get)
        return sim_answer(call, refund);
    if (!sim_known_names(call, update_names) || !sim_metadata(call, refund))
        return false;
    call->executed = true;
    sim_changed(call, refund, "refund.updated");
    return sim_answer(call, refund);
}
