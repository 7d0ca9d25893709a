/* sim_refunds.c - money back, at once or later, and the events of everything. */
#include <string.h>

#include "base/clock.h"
#include "sim/sim_inside.h"

/* "Some time later", as Stripe says of the cards whose refunds are slow or fail. */
#define REFUND_LATER_MS 1000

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static json_int_t int_of(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* The charge's own account of what was given back. */
static void charge_refunded(struct sim_call *call, json_t *charge, json_int_t by)
{
    json_int_t refunded = int_of(charge, "amount_refunded") + by;

    json_object_set_new(charge, "amount_refunded", json_integer(refunded));
    json_object_set_new(charge, "refunded", json_boolean(refunded == int_of(charge, "amount")));
    sim_update(call->sim, charge);
    if (by > 0)
        sim_event(call, "charge.refunded", charge);
}

/* The charge that is to be given back: named itself, or by its intent. */
static bool charge_named(struct sim_call *call, json_t **out, const char **number)
{
    const char *charge = sim_form_get(&call->form, "charge"), *intent_id = sim_form_get(&call->form, "payment_intent");
    json_t *intent;

    if (!charge && !intent_id)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "payment_intent",
                         "One of the following params should be provided for this request: payment_intent or charge.");
    if (!charge) {
        intent = sim_object(call->sim, call->arena, "payment_intent", intent_id, NULL);
        if (!intent)
            return sim_error(call, 404, "invalid_request_error", "resource_missing", "payment_intent", "No such payment_intent: '%.200s'", intent_id);
        if (strcmp(text_of(intent, "status"), "succeeded") != 0)
            return sim_bad(call, "payment_intent", "This PaymentIntent (%.100s) does not have a successful charge to refund.", intent_id);
        charge = text_of(intent, "latest_charge");
    }
    *out = sim_object(call->sim, call->arena, "charge", charge, number);
    return *out ? true : sim_missing(call, "charge", charge);
}

static bool create(struct sim_call *call)
{
    static const char *const names[] = { "payment_intent", "charge", "amount", "reason", "metadata", NULL };
    const char *reason = sim_form_get(&call->form, "reason"), *number = NULL, *behaviour;
    const struct sim_card *card;
    json_t *charge, *refund;
    int64_t amount = 0, left;
    bool given;

    if (!sim_known_names(call, names) || !charge_named(call, &charge, &number) || !sim_int(call, "amount", 1, INT64_C(999999999999), &amount, &given))
        return false;
    if (reason && strcmp(reason, "duplicate") != 0 && strcmp(reason, "fraudulent") != 0 && strcmp(reason, "requested_by_customer") != 0)
        return sim_bad(call, "reason", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer");
    call->executed = true;
    left = int_of(charge, "amount") - int_of(charge, "amount_refunded");
    if (left == 0)
        return sim_error(call, 400, "invalid_request_error", "charge_already_refunded", NULL, "Charge %s has already been refunded.", text_of(charge, "id"));
    if (!given)
        amount = left;
    if (amount > left)
        return sim_bad(call, "amount", "Refund amount (%" PRId64 ") is greater than unrefunded amount on charge (%" PRId64 ").", amount, left);
    card = number ? sim_card_numbered(number) : NULL;
    behaviour = card ? card->refund : NULL;
    refund = json_pack("{s:s, s:s, s:I, s:n, s:s, s:I, s:s, s:{}, s:s, s:s?, s:n, s:s}", "id", sim_new_id(call->arena, "re_"), "object", "refund", "amount",
                       (json_int_t)amount, "balance_transaction", "charge", text_of(charge, "id"), "created", (json_int_t)call->now_s, "currency",
                       text_of(charge, "currency"), "metadata", "payment_intent", text_of(charge, "payment_intent"), "reason", reason, "receipt_number",
                       "status", behaviour && strcmp(behaviour, "pending") == 0 ? "pending" : "succeeded");
    arena_defer(call->arena, (void (*)(void *))json_decref, refund);
    if (!sim_metadata(call, refund))
        return false;
    sim_insert(call->sim, "refund", text_of(charge, "payment_intent"), text_of(charge, "id"), refund);
    sim_event(call, "refund.created", refund);
    charge_refunded(call, charge, (json_int_t)amount);
    if (behaviour)
        sim_later(call, strcmp(behaviour, "pending") == 0 ? "refund-succeed" : "refund-fail", text_of(refund, "id"), REFUND_LATER_MS);
    return sim_answer(call, refund);
}

void sim_do_later(struct sim_call *call, const char *what, const char *object)
{
    const char *charge_id = NULL;
    json_t *refund = sim_object(call->sim, call->arena, "refund", object, &charge_id), *charge;

    if (!refund)
        return;
    if (strcmp(what, "refund-succeed") == 0) {
        json_object_set_new(refund, "status", json_string("succeeded"));
        sim_update(call->sim, refund);
        sim_event(call, "refund.updated", refund);
        return;
    }
    json_object_set_new(refund, "status", json_string("failed"));
    json_object_set_new(refund, "failure_reason", json_string("expired_or_canceled_card"));
    sim_update(call->sim, refund);
    charge = charge_id ? sim_object(call->sim, call->arena, "charge", charge_id, NULL) : NULL;
    if (charge)
        charge_refunded(call, charge, -int_of(refund, "amount"));
    sim_event(call, "refund.failed", refund);
}

bool sim_refunds(struct sim_call *call, const char *rest)
{
    static const char *const update_names[] = { "metadata", NULL };
    bool get = strcmp(call->method, "GET") == 0;
    json_t *refund;

    if (!call->secret)
        return sim_error(call, 403, "invalid_request_error", NULL, NULL, "This needs the secret key.");
    if (!*rest)
        return get ? sim_list(call, "refund", sim_form_get(&call->form, "payment_intent")) : create(call);
    refund = sim_object(call->sim, call->arena, "refund", rest, NULL);
    if (!refund)
        return sim_missing(call, "refund", rest);
    if (get)
        return sim_answer(call, refund);
    if (!sim_known_names(call, update_names) || !sim_metadata(call, refund))
        return false;
    call->executed = true;
    sim_update(call->sim, refund);
    return sim_answer(call, refund);
}

/* ---- events ---- */

void sim_event(struct sim_call *call, const char *type, json_t *object)
{
    char *id = sim_new_id(call->arena, "evt_");
    json_t *event = json_pack("{s:s, s:s, s:s, s:I, s:{s:O}, s:b, s:i, s:{s:s?, s:s?}, s:s}", "id", id, "object", "event", "api_version",
                              "2026-10-28.endive", "created", (json_int_t)call->now_s, "data", "object", object, "livemode", 0, "pending_webhooks",
                              1, "request", "id", call->request_id, "idempotency_key", call->idempotency_key, "type", type);

    sim_insert(call->sim, "event", NULL, NULL, event);
    json_decref(event);
    sim_plan_deliveries(call->sim, id, type);
}

void sim_later(struct sim_call *call, const char *what, const char *object, int64_t after_ms)
{
    sim_run(call->sim, "INSERT INTO later (due, what, object) VALUES (?, ?, ?)", "iss", clock_now_ms() + after_ms, what, object);
}

bool sim_events(struct sim_call *call, const char *rest)
{
    static const char *const names[] = { "created", "delivery_success", "ending_before", "limit", "starting_after", "type", "types", NULL };
    json_t *event;

    if (!call->secret)
        return sim_error(call, 403, "invalid_request_error", NULL, NULL, "This needs the secret key.");
    if (strcmp(call->method, "GET") != 0)
        return sim_error(call, 404, "invalid_request_error", NULL, NULL, "Events cannot be made.");
    if (!*rest)
        return sim_known_names(call, names) && sim_list(call, "event", NULL);
    event = sim_object(call->sim, call->arena, "event", rest, NULL);
    return event ? sim_answer(call, event) : sim_missing(call, "event", rest);
}
