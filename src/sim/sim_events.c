/* sim_events.c - the events of everything, and what happens later by itself. */
#include <string.h>

#include "base/clock.h"
#include "sim/sim_inside.h"

/* ---- events ---- */

static void note(struct sim_call *call, const char *type, json_t *object, json_t *previous)
{
    json_t *event = sim_new(call, "evt_", "{\"id\":null,\"object\":\"event\",\"api_version\":\"" SIM_API_VERSION "\",\"created\":0,\"data\":{},\"livemode\":false,"
                                          "\"pending_webhooks\":0,\"request\":{\"id\":null,\"idempotency_key\":null},\"type\":\"\"}");
    json_t *data = json_object_get(event, "data"), *request = json_object_get(event, "request");

    json_object_set_new(data, "object", json_deep_copy(object));
    if (previous)
        json_object_set(data, "previous_attributes", previous);
    sim_set_text(request, "id", call->request_id);
    sim_set_text(request, "idempotency_key", call->idempotency_key);
    sim_set_text(event, "type", type);
    /* The number stands in what is sent; whoever asks later is told how many are left. */
    sim_set_number(event, "pending_webhooks", sim_plan_deliveries(call->sim, sim_text(event, "id"), type));
    sim_insert(call->sim, "event", NULL, type, event);
}

void sim_event(struct sim_call *call, const char *type, json_t *object)
{
    note(call, type, object, NULL);
}

/* Names and earlier values of what differs; a reference that the arena drops. */
static json_t *differences(struct sim_call *call, json_t *object)
{
    static const char *const kinds[] = { "payment_intent", "charge", "refund", "dispute", NULL };
    const char *kind = sim_text(object, "object"), *name;
    json_t *before = sim_one_of(kind, kinds) ? sim_object(call->sim, call->arena, kind, sim_text(object, "id"), NULL) : NULL;
    json_t *previous = json_object(), *value;

    arena_defer(call->arena, (void (*)(void *))json_decref, previous);
    json_object_foreach(before, name, value) {
        if (!json_equal(value, json_object_get(object, name)))
            json_object_set(previous, name, value);
    }
    json_object_foreach(object, name, value) {
        if (before && !json_object_get(before, name))
            json_object_set_new(previous, name, json_null());
    }
    return previous;
}

/* Stripe gives them with *.updated and a few more. */
static bool tells_before(const char *type)
{
    static const char *const more[] = { "charge.refunded", "charge.captured", "charge.dispute.closed", NULL };
    size_t len = strlen(type);

    return (len > 8 && strcmp(type + len - 8, ".updated") == 0) || sim_one_of(type, more);
}

void sim_changed(struct sim_call *call, json_t *object, const char *type)
{
    json_t *previous = tells_before(type) ? differences(call, object) : NULL;

    sim_update(call->sim, object);
    note(call, type, object, previous);
}

bool sim_events(struct sim_call *call, const char *rest)
{
    static const char *const names[] = { "type", "types", NULL };
    json_t *event;

    if (!call->secret)
        return sim_needs_secret(call);
    if (strcmp(call->method, "GET") != 0)
        return sim_no_such_url(call);
    if (!*rest)
        return sim_list(call, &(struct sim_list_of){ .kind = "event", .names = names });
    event = sim_object(call->sim, call->arena, "event", rest, NULL);
    return event ? sim_answer(call, event) : sim_missing(call, "event", rest);
}

/* ---- later ---- */

void sim_later(struct sim_call *call, const char *what, const char *object, int64_t after_ms)
{
    sim_run(call->sim, "INSERT INTO later (due, what, object) VALUES (?, ?, ?)", "iss", clock_now_ms() + after_ms, what, object);
}

void sim_not_later(struct sim_call *call, const char *object)
{
    sim_run(call->sim, "DELETE FROM later WHERE object = ?", "s", object);
}

static void open_dispute(struct sim_call *call, const char *what, const char *charge_id)
{
    json_t *charge = sim_object(call->sim, call->arena, "charge", charge_id, NULL), *dispute;

    if (charge)
        sim_dispute_open(call, charge, strcmp(what, "dispute-not-received") == 0 ? "product_not_received" : "fraudulent",
                         strcmp(what, "dispute-inquiry") == 0, &dispute);
}

void sim_do_later(struct sim_call *call, const char *what, const char *object, const char *outcome)
{
    bool fails = outcome && strcmp(outcome, "failed") == 0;

    if (strcmp(what, "intent-settle") == 0)
        sim_settle_intent(call, object, outcome);
    else if (strcmp(what, "capture-expire") == 0)
        sim_expire_capture(call, object);
    else if (strcmp(what, "refund-succeed") == 0)
        sim_settle_refund(call, object, !fails, "expired_or_canceled_card");
    else if (strcmp(what, "refund-fail") == 0)
        sim_settle_refund(call, object, outcome && !fails, "expired_or_canceled_card");
    else if (strcmp(what, "dispute-won") == 0)
        sim_dispute_decide(call, object, outcome ? outcome : "won");
    else if (strcmp(what, "dispute-lost") == 0 || strcmp(what, "dispute-due") == 0)
        sim_dispute_decide(call, object, outcome ? outcome : "lost");
    else
        open_dispute(call, what, object);
}
