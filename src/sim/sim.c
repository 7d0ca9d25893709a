/* sim.c - the simulator's life, its routes, who may call what, and idempotency. */
#include "sim/inner.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

/* Stripe keeps keys for at least 24 h. */
#define KEY_LIFE_S 86400

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS object (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, parent TEXT,"
    " created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS object_type ON object (type, seq);"
    "CREATE INDEX IF NOT EXISTS object_parent ON object (parent, type, seq) WHERE parent IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS idempotency (key TEXT NOT NULL PRIMARY KEY, request BLOB NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,"
    " created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS delivery (event TEXT NOT NULL PRIMARY KEY, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (next_at);";

struct sim *sim_open(struct app *app, const char *dir, const struct sim_settings *settings, struct buf *error)
{
    struct sim *sim = calloc(1, sizeof *sim);
    struct buf path = buf_heap();
    int code;

    if (!sim) {
        buf_str(error, "out of memory");
        return NULL;
    }
    sim->app = app;
    sim->secret_key = strdup(settings->secret_key);
    sim->publishable_key = strdup(settings->publishable_key);
    sim->webhook_secret = strdup(settings->webhook_secret);
    sim->webhook_url = strdup(settings->webhook_url ? settings->webhook_url : "");
    pthread_mutex_init(&sim->lock, NULL);
    buf_printf(&path, "%s/sim.db", dir);
    code = sqlite3_open_v2(path.data, &sim->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(sim->db, schema, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        buf_printf(error, "%s: %s", path.data, sqlite3_errmsg(sim->db));
        buf_free(&path);
        sim_close(sim);
        return NULL;
    }
    buf_free(&path);
    sim_webhooks_open(sim);
    return sim;
}

void sim_close(struct sim *sim)
{
    if (!sim)
        return;
    sim_webhooks_close(sim);
    sqlite3_close(sim->db);
    pthread_mutex_destroy(&sim->lock);
    free(sim->secret_key);
    free(sim->publishable_key);
    free(sim->webhook_secret);
    free(sim->webhook_url);
    free(sim);
}

/* ---- who may ---- */

enum key_kind { KEY_NONE, KEY_SECRET, KEY_PUBLISHABLE };

static enum key_kind key_of(const struct sim *sim, const struct req *req)
{
    const char *header = req_header(req, "Authorization");

    if (!header || strncmp(header, "Bearer ", 7) != 0)
        return KEY_NONE;
    header += 7;
    return strcmp(header, sim->secret_key) == 0        ? KEY_SECRET
           : strcmp(header, sim->publishable_key) == 0 ? KEY_PUBLISHABLE
                                                       : KEY_NONE;
}

/* ---- lists ---- */

static bool answer_object(struct sim_call *call, const char *type, const char *what, const char *id)
{
    json_t *object = sim_load(call->sim, type, id);

    if (!object)
        return sim_missing(call, what, id);
    json_object_del(object, "behaves");
    json_decref(call->answer);
    call->answer = object;
    call->status = 200;
    return true;
}

static int64_t bound(const struct sim_call *call, const char *name)
{
    const char *text = sim_param_in(json_object_get(call->params, "created"), name);

    return text ? strtoll(text, NULL, 10) : 0;
}

static bool answer_list(struct sim_call *call, const char *type, const char *parent, const char *url)
{
    struct sim_list list = { .type = type,
                             .parent = parent,
                             .after = sim_param(call, "starting_after"),
                             .before = sim_param(call, "ending_before"),
                             .limit = 10,
                             .created_gt = bound(call, "gt"),
                             .created_gte = bound(call, "gte"),
                             .created_lt = bound(call, "lt"),
                             .created_lte = bound(call, "lte") };
    const char *one = sim_param(call, "type");
    json_t *types = NULL;

    if (!sim_param_int(call, "limit", 1, 100, &list.limit))
        return false;
    if (one)
        types = json_pack("{s:s}", "0", one);
    list.event_types = one ? types : json_object_get(call->params, "types");
    json_decref(call->answer);
    call->answer = sim_list(call->sim, &list, url);
    call->status = 200;
    json_decref(types);
    return true;
}

/* ---- the calls, by path ---- */

/* Up to three parts of "payment_intents/pi_1/confirm", in the arena. */
static size_t split(struct arena *arena, const char *path, char *parts[3])
{
    char *at = arena_strdup(arena, path);
    size_t count = 0;

    while (count < 3 && *at) {
        parts[count++] = at;
        at = strchr(at, '/');
        if (!at)
            return count;
        *at++ = '\0';
    }
    return *at ? 4 : count;
}

static bool carry_out(struct sim_call *call, const char *path)
{
    static const struct {
        const char *method, *name, *verb; /* verb: "" none, and an id when has_id */
        bool has_id, browser;
        bool (*run)(struct sim_call *call);
        bool (*run_id)(struct sim_call *call, const char *id);
    } calls[] = {
        { "POST", "payment_intents", "", false, false, sim_intent_create, NULL },
        { "GET", "payment_intents", "", true, true, NULL, sim_intent_show },
        { "POST", "payment_intents", "", true, false, NULL, sim_intent_update },
        { "POST", "payment_intents", "confirm", true, true, NULL, sim_intent_confirm },
        { "POST", "payment_intents", "authenticate", true, true, NULL, sim_intent_authenticate },
        { "POST", "payment_intents", "cancel", true, false, NULL, sim_intent_cancel },
        { "POST", "payment_methods", "", false, true, sim_method_create, NULL },
        { "POST", "refunds", "", false, false, sim_refund_create, NULL },
    };
    static const struct { const char *name, *type, *what, *by; } things[] = {
        { "payment_intents", "payment_intent", "payment_intent", NULL }, { "payment_methods", "payment_method", "payment_method", NULL },
        { "charges", "charge", "charge", "payment_intent" },             { "refunds", "refund", "refund", "payment_intent" },
        { "events", "event", "event", NULL },
    };
    char *parts[3];
    size_t count = split(call->arena, path, parts);

    for (size_t i = 0; i < COUNT(calls) && count >= 1 && count <= 3; i++) {
        bool fits = strcmp(calls[i].method, call->method) == 0 && strcmp(calls[i].name, parts[0]) == 0 && calls[i].has_id == (count >= 2) &&
                    strcmp(calls[i].verb, count == 3 ? parts[2] : "") == 0;

        if (fits && call->publishable && !calls[i].browser)
            break;
        if (fits)
            return calls[i].run ? calls[i].run(call) : calls[i].run_id(call, parts[1]);
    }
    for (size_t i = 0; i < COUNT(things) && count >= 1 && count <= 2 && !call->publishable && strcmp(call->method, "GET") == 0; i++) {
        if (strcmp(things[i].name, parts[0]) != 0)
            continue;
        if (count == 2)
            return answer_object(call, things[i].type, things[i].what, parts[1]);
        return answer_list(call, things[i].type, things[i].by ? sim_param(call, things[i].by) : NULL, arena_printf(call->arena, "/v1/%s", parts[0]));
    }
    if (call->publishable)
        return sim_refuse(call, 403, "invalid_request_error", "secret_key_required", NULL, "This API call cannot be made with a publishable API key.");
    return sim_refuse(call, 404, "invalid_request_error", NULL, NULL, "Unrecognized request URL (%s: /v1/%.100s).", call->method, path);
}

/* ---- idempotency ---- */

/* Stripe's rule: the same key with the same parameters has the first answer again, with others it is an error. True when answered. */
static bool replay(struct sim_call *call, const unsigned char hash[SHA256_DIGEST_LENGTH])
{
    sqlite3_stmt *stmt = NULL;
    bool found;

    sqlite3_prepare_v2(call->sim->db, "SELECT request, status, body FROM idempotency WHERE key = ?1 AND created > ?2", -1, &stmt, NULL);
    sqlite3_bind_text(stmt, 1, call->idempotency_key, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, call->now_s - KEY_LIFE_S);
    found = sqlite3_step(stmt) == SQLITE_ROW;
    if (found && memcmp(sqlite3_column_blob(stmt, 0), hash, SHA256_DIGEST_LENGTH) != 0) {
        sim_refuse(call, 400, "idempotency_error", NULL, NULL,
                   "Keys for idempotent requests can only be used with the same parameters they were first used with.");
    } else if (found) {
        call->status = sqlite3_column_int(stmt, 1);
        call->answer = json_loads((const char *)sqlite3_column_text(stmt, 2), 0, NULL);
    }
    sqlite3_finalize(stmt);
    return found;
}

static void remember(struct sim_call *call, const unsigned char hash[SHA256_DIGEST_LENGTH])
{
    char *text = json_dumps(call->answer, JSON_COMPACT);
    sqlite3_stmt *stmt = NULL;

    sqlite3_prepare_v2(call->sim->db, "INSERT OR REPLACE INTO idempotency (key, request, status, body, created) VALUES (?1, ?2, ?3, ?4, ?5)", -1, &stmt,
                       NULL);
    sqlite3_bind_text(stmt, 1, call->idempotency_key, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(stmt, 2, hash, SHA256_DIGEST_LENGTH, SQLITE_TRANSIENT);
    sqlite3_bind_int(stmt, 3, call->status);
    sqlite3_bind_text(stmt, 4, text, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 5, call->now_s);
    sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    free(text);
}

/* ---- the one handler ---- */

static void write_answer(struct req *req, struct sim_call *call)
{
    char *text = json_dumps(call->answer, JSON_COMPACT);

    buf_str(reply_begin(req, call->status, "application/json"), text);
    free(text);
    json_decref(call->answer);
    reply_header(req, "Request-Id", arena_strdup(req->arena, call->request_id));
    reply_header(req, "Stripe-Version", "2026-10-28.endive");
    req->reply.cache_control = "no-store";
}

static enum err call_sim(struct req *req)
{
    struct sim *sim = req->app->sim;
    enum key_kind kind = key_of(sim, req);
    bool is_get = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;
    struct sim_call call = { .sim = sim,
                             .arena = req->arena,
                             .method = is_get ? "GET" : req->method,
                             .publishable = kind == KEY_PUBLISHABLE,
                             .now_s = clock_now_ms() / 1000,
                             .idempotency_key = is_get ? NULL : req_header(req, "Idempotency-Key") };
    unsigned char hash[SHA256_DIGEST_LENGTH];

    snprintf(call.request_id, sizeof call.request_id, "req_%08x%08x", random_below(UINT32_MAX), random_below(UINT32_MAX));
    if (kind == KEY_NONE) {
        sim_refuse(&call, 401, "invalid_request_error", NULL, NULL, "You did not provide a valid API key.");
        write_answer(req, &call);
        return ERR_OK;
    }
    call.params = is_get ? sim_form_parse(req->query_text, strlen(req->query_text)) : sim_form_parse(req->body_bytes.data, req->body_bytes.len);
    if (!call.params) {
        sim_refuse(&call, 400, "invalid_request_error", NULL, NULL, "The parameters could not be read.");
        write_answer(req, &call);
        return ERR_OK;
    }
    SHA256(NULL, 0, hash);
    if (call.idempotency_key) {
        struct buf all = buf_in(req->arena);

        buf_printf(&all, "%s\n%s\n", req->method, req->rest);
        buf_add(&all, req->body_bytes.data, req->body_bytes.len);
        SHA256((const unsigned char *)all.data, all.len, hash);
    }
    pthread_mutex_lock(&sim->lock);
    sqlite3_exec(sim->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (call.idempotency_key && replay(&call, hash)) {
        reply_header(req, "Idempotent-Replayed", "true");
    } else {
        carry_out(&call, req->rest);
        if (call.idempotency_key)
            remember(&call, hash);
    }
    if (sqlite3_exec(sim->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        sqlite3_exec(sim->db, "ROLLBACK", NULL, NULL, NULL);
        sim_refuse(&call, 500, "api_error", NULL, NULL, "The simulator could not keep this.");
        call.events_made = false;
    }
    pthread_mutex_unlock(&sim->lock);
    json_decref(call.params);
    write_answer(req, &call);
    if (call.events_made)
        lanes_nudge(req->app->lanes, "simulator-webhooks");
    return ERR_OK;
}

/* What the server itself refuses (too large, overloaded), in Stripe's shape. */
static void sim_problem(struct req *req, enum err e)
{
    struct sim_call call = { .arena = req->arena };

    sim_refuse(&call, err_info(e)->status, err_info(e)->status >= 500 ? "api_error" : "invalid_request_error", NULL, NULL, "%s", err_info(e)->title);
    snprintf(call.request_id, sizeof call.request_id, "req_refused");
    write_answer(req, &call);
}

#define SIM_ROUTE(method_) \
    { method_, "/sim/stripe/v1/{path...}", WORK, .work = call_sim, .lane = LANE_SIM, .raw = true, .problem = sim_problem, .body_type = "" }

const struct route sim_routes[] = { SIM_ROUTE("GET"), SIM_ROUTE("POST"), ROUTE_END };
