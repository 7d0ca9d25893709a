/* sim_endpoints.c - who is told of events: our own server, and the endpoints that a shop sets up beside it. */
#include <string.h>

#include "base/clock.h"
#include "sim/sim_inside.h"

#define ENDPOINTS_MAX 16 /* as Stripe's */

/* ---- deliveries ---- */

/* What a shop's endpoint is usually set to get; our own gets these. */
static bool own_server_takes(const char *type)
{
    static const char *const types[] = {
        "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.processing", "payment_intent.requires_action",
        "payment_intent.canceled", "charge.refunded", "charge.expired", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed",
        "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", NULL,
    };

    return sim_one_of(type, types);
}

/* As the rules want it: never, late, out of order, twice. */
static void plan(struct sim *sim, const char *event_id, const char *endpoint, const char *type)
{
    const struct sim_rule *delay = sim_mischief_take(sim, EVIL_DELAY, type, NULL), *reorder;
    bool dropped = sim_mischief_take(sim, EVIL_DROP, type, NULL), twice = sim_mischief_take(sim, EVIL_DUPLICATE, type, NULL);
    int64_t now_ms = clock_now_ms(), due_ms = now_ms + (delay ? delay->ms : 0);
    uint64_t number = 0;

    reorder = sim_mischief_take(sim, EVIL_REORDER, type, &number);
    if (reorder)
        due_ms += (int64_t)(number % (uint64_t)(reorder->ms + 1));
    for (int copies = dropped ? 0 : twice ? 2 : 1; copies > 0; copies--)
        sim_run(sim, "INSERT INTO delivery (event, endpoint, due, created) VALUES (?, ?, ?, ?)", "ssii", event_id, endpoint, due_ms, now_ms);
}

static bool endpoint_takes(json_t *endpoint, const char *type)
{
    json_t *types = json_object_get(endpoint, "enabled_events");

    for (size_t i = 0; i < json_array_size(types) && sim_is(endpoint, "status", "enabled"); i++) {
        const char *want = json_string_value(json_array_get(types, i));

        if (want && (strcmp(want, "*") == 0 || strcmp(want, type) == 0))
            return true;
    }
    return false;
}

int sim_plan_deliveries(struct sim *sim, const char *event_id, const char *type)
{
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT json FROM object WHERE kind = 'webhook_endpoint' ORDER BY seq", "");
    int planned = 0;

    if (own_server_takes(type)) {
        plan(sim, event_id, "", type);
        planned++;
    }
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *endpoint = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);

        if (endpoint_takes(endpoint, type)) {
            plan(sim, event_id, sim_text(endpoint, "id"), type);
            planned++;
        }
        json_decref(endpoint);
    }
    sqlite3_finalize(stmt);
    if (planned && sim->mischief.count)
        sim_mischief_keep(sim);
    return planned;
}

/* ---- the resource ---- */

#define ENDPOINT_NAMES "url", "enabled_events", "description", "metadata"

/* What the form says of an endpoint, new or old. */
static bool read_endpoint(struct sim_call *call, json_t *endpoint)
{
    const char *url = sim_form_get(&call->form, "url"), *description = sim_form_get(&call->form, "description");
    json_t *types = json_array();

    arena_defer(call->arena, (void (*)(void *))json_decref, types);
    if (url && ((!sim_begins(url, "http://") && !sim_begins(url, "https://")) || strlen(url) > 2048 || strpbrk(url, " \r\n\t")))
        return sim_error(call, 400, "invalid_request_error", "url_invalid", "url", "Invalid URL: An explicit scheme (such as https) must be provided.");
    for (size_t i = 0; i < call->form.count; i++) {
        if (!sim_begins(call->form.pairs[i].name, "enabled_events["))
            continue;
        if (!*call->form.pairs[i].value || strlen(call->form.pairs[i].value) > 100)
            return sim_bad(call, "enabled_events", "Invalid enabled_events: each is an event's type, or *");
        json_array_append_new(types, json_string(call->form.pairs[i].value));
    }
    if (url)
        sim_set_text(endpoint, "url", url);
    if (description)
        sim_set_text(endpoint, "description", *description ? description : NULL);
    if (json_array_size(types))
        json_object_set(endpoint, "enabled_events", types);
    return sim_metadata(call, endpoint);
}

static bool create(struct sim_call *call)
{
    static const char *const names[] = { ENDPOINT_NAMES, "api_version", "connect", NULL };
    char *secret = sim_new_id(call->arena, "whsec_");
    json_t *endpoint, *shown;

    if (!sim_known_names(call, names))
        return false;
    if (!sim_form_get(&call->form, "url"))
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "url", "Missing required param: url.");
    endpoint = sim_new(call, "we_", "{\"id\":null,\"object\":\"webhook_endpoint\",\"api_version\":null,\"application\":null,\"created\":0,\"description\":null,"
                                    "\"enabled_events\":[],\"livemode\":false,\"metadata\":{},\"status\":\"enabled\",\"url\":\"\"}");
    if (!read_endpoint(call, endpoint))
        return false;
    if (!json_array_size(json_object_get(endpoint, "enabled_events")))
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "enabled_events", "Missing required param: enabled_events.");
    call->executed = true;
    if (sim_count(call->sim, "SELECT count(*) FROM object WHERE kind = 'webhook_endpoint'", "") >= ENDPOINTS_MAX)
        return sim_bad(call, NULL, "You have reached the maximum of %d test webhook endpoints.", ENDPOINTS_MAX);
    sim_insert(call->sim, "webhook_endpoint", NULL, secret, endpoint);
    shown = json_copy(endpoint);
    arena_defer(call->arena, (void (*)(void *))json_decref, shown);
    sim_set_text(shown, "secret", secret); /* told once */
    return sim_answer(call, shown);
}

static void forget_deliveries(struct sim_call *call, const char *endpoint)
{
    sim_run(call->sim, "DELETE FROM delivery WHERE endpoint = ?", "s", endpoint);
}

static bool update(struct sim_call *call, json_t *endpoint)
{
    static const char *const names[] = { ENDPOINT_NAMES, "disabled", NULL };
    bool disabled;

    if (!sim_known_names(call, names) || !sim_flag(call, "disabled", &disabled) || !read_endpoint(call, endpoint))
        return false;
    call->executed = true;
    if (sim_form_get(&call->form, "disabled"))
        sim_set_text(endpoint, "status", disabled ? "disabled" : "enabled");
    if (disabled)
        forget_deliveries(call, sim_text(endpoint, "id"));
    sim_update(call->sim, endpoint);
    return sim_answer(call, endpoint);
}

static bool delete(struct sim_call *call, const char *id)
{
    json_t *gone = json_pack("{s:s, s:s, s:b}", "id", id, "object", "webhook_endpoint", "deleted", 1);

    arena_defer(call->arena, (void (*)(void *))json_decref, gone);
    forget_deliveries(call, id);
    sim_run(call->sim, "DELETE FROM object WHERE id = ?", "s", id);
    return sim_answer(call, gone);
}

bool sim_endpoints(struct sim_call *call, const char *rest)
{
    bool get = strcmp(call->method, "GET") == 0, post = strcmp(call->method, "POST") == 0;
    json_t *endpoint;

    if (!call->secret)
        return sim_needs_secret(call);
    if (!*rest)
        return get ? sim_list(call, &(struct sim_list_of){ .kind = "webhook_endpoint" }) : post ? create(call) : sim_no_such_url(call);
    endpoint = sim_object(call->sim, call->arena, "webhook_endpoint", rest, NULL);
    if (!endpoint)
        return sim_missing(call, "webhook endpoint", rest);
    return get ? sim_answer(call, endpoint) : post ? update(call, endpoint) : delete(call, rest);
}
