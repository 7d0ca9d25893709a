/* objects.c - the simulator's rows, its errors, and how it reads parameters. */
#include "sim/inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

/* The simulator is a guest: trouble with its file ends the request, not the server. */
static sqlite3_stmt *prepare(struct sim *sim, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(sim->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        log_die("simulator: %s", sqlite3_errmsg(sim->db));
    return stmt;
}

static void bind(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
}

const char *sim_new_id(struct arena *arena, const char *prefix)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char text[25];

    for (size_t i = 0; i < 24; i++)
        text[i] = letters[random_below(sizeof letters - 1)];
    text[24] = '\0';
    return arena_printf(arena, "%s_%s", prefix, text);
}

json_t *sim_load(struct sim *sim, const char *type, const char *id)
{
    sqlite3_stmt *stmt = prepare(sim, "SELECT body FROM object WHERE id = ?1 AND type = ?2");
    json_t *out = NULL;

    bind(stmt, 1, id);
    bind(stmt, 2, type);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        out = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);
    sqlite3_finalize(stmt);
    return out;
}

void sim_save(struct sim *sim, const char *type, json_t *object, const char *parent)
{
    sqlite3_stmt *stmt = prepare(sim, "INSERT INTO object (id, type, parent, created, body) VALUES (?1, ?2, ?3, ?4, ?5)"
                                      " ON CONFLICT (id) DO UPDATE SET body = excluded.body");
    char *text = json_dumps(object, JSON_COMPACT);

    bind(stmt, 1, json_string_value(json_object_get(object, "id")));
    bind(stmt, 2, type);
    bind(stmt, 3, parent);
    sqlite3_bind_int64(stmt, 4, json_integer_value(json_object_get(object, "created")));
    bind(stmt, 5, text);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        log_warn("simulator: an object was not kept: %s", sqlite3_errmsg(sim->db));
    sqlite3_finalize(stmt);
    free(text);
}

static int64_t sequence_of(struct sim *sim, const char *id, int64_t otherwise)
{
    sqlite3_stmt *stmt;
    int64_t out = otherwise;

    if (!id)
        return otherwise;
    stmt = prepare(sim, "SELECT seq FROM object WHERE id = ?1");
    bind(stmt, 1, id);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return out;
}

static bool type_wanted(const json_t *types, const char *type)
{
    const char *key;
    json_t *value;
    bool any = false;

    json_object_foreach((json_t *)types, key, value) {
        const char *want = json_string_value(value);
        size_t len = want ? strlen(want) : 0;

        any = true;
        /* "charge.*" stands for all of a kind. */
        if (want && (strcmp(want, type) == 0 || (len > 1 && want[len - 1] == '*' && strncmp(want, type, len - 1) == 0)))
            return true;
    }
    return !any;
}

static bool within(const struct sim_list *list, int64_t created)
{
    return (!list->created_gt || created > list->created_gt) && (!list->created_gte || created >= list->created_gte) &&
           (!list->created_lt || created < list->created_lt) && (!list->created_lte || created <= list->created_lte);
}

json_t *sim_list(struct sim *sim, const struct sim_list *list, const char *url)
{
    bool backwards = list->before && !list->after;
    sqlite3_stmt *stmt = prepare(sim, backwards ? "SELECT body, created FROM object WHERE type = ?1 AND (?2 IS NULL OR parent = ?2) AND seq > ?3 ORDER BY seq"
                                                : "SELECT body, created FROM object WHERE type = ?1 AND (?2 IS NULL OR parent = ?2) AND seq < ?3 ORDER BY seq DESC");
    json_t *out = json_object(), *items = json_array();
    bool more = false;

    bind(stmt, 1, list->type);
    bind(stmt, 2, list->parent);
    sqlite3_bind_int64(stmt, 3, backwards ? sequence_of(sim, list->before, 0) : sequence_of(sim, list->after, INT64_MAX));
    while (!more && sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *object;

        if (!within(list, sqlite3_column_int64(stmt, 1)))
            continue;
        object = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);
        if (list->event_types && !type_wanted(list->event_types, json_string_value(json_object_get(object, "type")))) {
            json_decref(object);
        } else if (json_array_size(items) == (size_t)list->limit) {
            more = true;
            json_decref(object);
        } else if (backwards) {
            json_array_insert_new(items, 0, object);
        } else {
            json_array_append_new(items, object);
        }
    }
    sqlite3_finalize(stmt);
    json_object_set_new(out, "object", json_string("list"));
    json_object_set_new(out, "data", items);
    json_object_set_new(out, "has_more", json_boolean(more));
    json_object_set_new(out, "url", json_string(url));
    return out;
}

/* Kinds that an integration like ours subscribes to; the others are only in the list of events. */
static bool is_delivered(const char *type)
{
    static const char *const quiet[] = { "payment_intent.created", "charge.succeeded", "charge.failed" };

    for (size_t i = 0; i < COUNT(quiet); i++)
        if (strcmp(type, quiet[i]) == 0)
            return false;
    return true;
}

void sim_event(struct sim_call *call, const char *type, json_t *object)
{
    struct sim *sim = call->sim;
    const char *id = sim_new_id(call->arena, "evt");
    json_t *event = json_pack("{s:s, s:s, s:s, s:I, s:{s:O}, s:b, s:i, s:{s:s, s:s?}, s:s}", "id", id, "object", "event", "api_version",
                              "2026-10-28.endive", "created", (json_int_t)call->now_s, "data", "object", object, "livemode", 0, "pending_webhooks",
                              is_delivered(type) ? 1 : 0, "request", "id", call->request_id, "idempotency_key", call->idempotency_key, "type", type);
    sqlite3_stmt *stmt;

    sim_save(sim, "event", event, NULL);
    json_decref(event);
    if (!is_delivered(type))
        return;
    stmt = prepare(sim, "INSERT INTO delivery (event, attempts, next_at) VALUES (?1, 0, ?2)");
    bind(stmt, 1, id);
    sqlite3_bind_int64(stmt, 2, clock_now_ms());
    sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    call->events_made = true;
}

/* ---- errors ---- */

bool sim_refuse(struct sim_call *call, int status, const char *type, const char *code, const char *param, const char *format, ...)
{
    char message[300];
    va_list args;
    json_t *error = json_object();

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    json_object_set_new(error, "type", json_string(type));
    if (code)
        json_object_set_new(error, "code", json_string(code));
    if (param)
        json_object_set_new(error, "param", json_string(param));
    json_object_set_new(error, "message", json_string(message));
    json_decref(call->answer);
    call->answer = json_pack("{s:o}", "error", error);
    call->status = status;
    return false;
}

bool sim_missing(struct sim_call *call, const char *what, const char *id)
{
    return sim_refuse(call, 404, "invalid_request_error", "resource_missing", "id", "No such %s: '%.100s'", what, id);
}

/* ---- parameters ---- */

const char *sim_param_in(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

const char *sim_param(const struct sim_call *call, const char *name)
{
    return sim_param_in(call->params, name);
}

bool sim_param_int(struct sim_call *call, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const json_t *value = json_object_get(call->params, name);
    const char *text = json_string_value(value);
    char *end;
    long long number;

    if (!value)
        return true;
    number = text ? strtoll(text, &end, 10) : 0;
    if (!text || !*text || *end)
        return sim_refuse(call, 400, "invalid_request_error", "parameter_invalid_integer", name, "Invalid integer: %.60s", text ? text : "a hash");
    if (number < min || number > max)
        return sim_refuse(call, 400, "invalid_request_error", "parameter_invalid_integer", name, "%s must be between %lld and %lld", name,
                          (long long)min, (long long)max);
    *out = number;
    return true;
}

bool sim_params_known(struct sim_call *call, const char *const *names)
{
    const char *key;
    json_t *value;

    json_object_foreach(call->params, key, value) {
        const char *const *name = names;

        while (*name && strcmp(*name, key) != 0)
            name++;
        if (!*name)
            return sim_refuse(call, 400, "invalid_request_error", "parameter_unknown", key, "Received unknown parameter: %.60s", key);
    }
    return true;
}

void sim_merge_metadata(struct sim_call *call, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata"), *value;
    const char *key;

    json_object_foreach(json_object_get(call->params, "metadata"), key, value) {
        const char *text = json_string_value(value);

        if (!text || !*text)
            json_object_del(metadata, key);
        else
            json_object_set(metadata, key, value);
    }
}

bool sim_expands(const struct sim_call *call, const char *name)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(call->params, "expand"), key, value) {
        const char *text = json_string_value(value);

        if (text && strcmp(text, name) == 0)
            return true;
    }
    return false;
}
