/* sim.c - opening, authentication, idempotency, and the way of one call. */
#include "sim/sim.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "sim/sim_inside.h"

/* Stripe keeps keys for at least 24 h. */
#define KEPT_MS (INT64_C(24) * 3600 * 1000)

/* ---- life ---- */

struct sim *sim_open(struct app *app, const char *dir, const struct sim_settings *settings, struct buf *error)
{
    struct sim *sim = calloc(1, sizeof *sim);
    char path[4096];

    if (!sim)
        log_die("out of memory");
    sim->app = app;
    sim->secret_key = strdup(settings->secret_key);
    sim->publishable_key = strdup(settings->publishable_key);
    sim->webhook_secret = strdup(settings->webhook_secret);
    sim->webhook_url = settings->webhook_url ? strdup(settings->webhook_url) : NULL;
    pthread_mutex_init(&sim->lock, NULL);
    pthread_cond_init(&sim->changed, NULL);
    snprintf(path, sizeof path, "%s/sim.db", dir);
    if (strncmp(sim->secret_key, "sk_test_", 8) != 0 && strncmp(sim->secret_key, "rk_test_", 8) != 0) {
        buf_printf(error, "the Stripe simulator runs with a test key only");
        sim->stopping = true;
    } else if (!sim_rows_open(sim, path, error) || pthread_create(&sim->sender, NULL, sim_sender_main, sim) != 0) {
        sim->stopping = true;
    }
    if (sim->stopping) {
        sqlite3_close(sim->db);
        sim->db = NULL;
        sim_close(sim);
        return NULL;
    }
    return sim;
}

void sim_close(struct sim *sim)
{
    if (!sim)
        return;
    if (sim->db) {
        pthread_mutex_lock(&sim->lock);
        sim->stopping = true;
        pthread_cond_signal(&sim->changed);
        pthread_mutex_unlock(&sim->lock);
        pthread_join(sim->sender, NULL);
        sqlite3_close(sim->db);
    }
    pthread_cond_destroy(&sim->changed);
    pthread_mutex_destroy(&sim->lock);
    free(sim->secret_key);
    free(sim->publishable_key);
    free(sim->webhook_secret);
    free(sim->webhook_url);
    free(sim);
}

/* ---- answers ---- */

static void answer_with(struct sim_call *call, int status, json_t *answer)
{
    if (!answer)
        log_die("out of memory");
    json_decref(call->answer);
    call->answer = answer;
    call->status = status;
}

bool sim_error(struct sim_call *call, int status, const char *type, const char *code, const char *param, const char *format, ...)
{
    char message[1000];
    json_t *error;
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error = json_pack("{s:s*, s:s*, s:s, s:s}", "code", code, "param", param, "message", message, "type", type);
    if (!error) /* a cut in the middle of a character */
        error = json_pack("{s:s, s:s}", "message", "The request cannot be carried out.", "type", type);
    if (code) {
        char url[200];

        snprintf(url, sizeof url, "https://stripe.com/docs/error-codes/%s", code);
        json_object_set_new(error, "doc_url", json_string(url));
    }
    answer_with(call, status, json_pack("{s:o}", "error", error));
    return false;
}

bool sim_missing(struct sim_call *call, const char *what, const char *id)
{
    return sim_error(call, 404, "invalid_request_error", "resource_missing", strcmp(what, "payment_intent") == 0 ? "intent" : "id", "No such %s: '%.200s'", what, id);
}

/* One field that holds an id becomes the object. */
static bool expand_field(struct sim_call *call, json_t *object, const char *field)
{
    static const struct {
        const char *field, *kind;
    } may[] = { { "latest_charge", "charge" }, { "charge", "charge" }, { "payment_intent", "payment_intent" }, { "payment_method", "payment_method" } };
    const char *id = json_string_value(json_object_get(object, field));

    for (size_t i = 0; i < COUNT(may); i++)
        if (strcmp(field, may[i].field) == 0 && json_object_get(object, field)) {
            json_t *whole = id ? sim_object(call->sim, call->arena, may[i].kind, id, NULL) : NULL;

            if (whole)
                json_object_set(object, field, whole);
            return true;
        }
    /* A browser's answer lacks fields that exist; what it asks for of those it just does not get. */
    return !call->secret || sim_bad(call, "expand", "This property cannot be expanded (%.100s).", field);
}

static bool expand(struct sim_call *call, json_t *object)
{
    json_t *items = json_object_get(object, "data");
    bool list = json_is_array(items);

    for (size_t i = 0; i < call->form.count; i++) {
        const char *field = call->form.pairs[i].value;

        if (strncmp(call->form.pairs[i].name, "expand[", 7) != 0)
            continue;
        if (!list) {
            if (!expand_field(call, object, field))
                return false;
            continue;
        }
        for (size_t n = 0; n < json_array_size(items); n++)
            if (!expand_field(call, json_array_get(items, n), strncmp(field, "data.", 5) == 0 ? field + 5 : field))
                return false;
    }
    return true;
}

bool sim_answer(struct sim_call *call, json_t *object)
{
    json_t *copy = json_copy(object);

    if (!copy || !expand(call, copy)) {
        json_decref(copy);
        return false;
    }
    answer_with(call, 200, copy);
    return true;
}

/* ---- what a form may say ---- */

bool sim_known_names(struct sim_call *call, const char *const *names)
{
    for (size_t i = 0; i < call->form.count; i++) {
        const char *name = call->form.pairs[i].name;
        size_t len = strcspn(name, "[");
        bool known = (len == 6 && strncmp(name, "expand", 6) == 0) || (len == 3 && strncmp(name, "key", 3) == 0) ||
                     strncmp(name, "_stripe_", 8) == 0;

        for (const char *const *at = names; *at && !known; at++)
            known = strlen(*at) == len && strncmp(name, *at, len) == 0;
        if (!known)
            return sim_error(call, 400, "invalid_request_error", "parameter_unknown", name, "Received unknown parameter: %.200s", name);
    }
    return true;
}

bool sim_metadata(struct sim_call *call, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");

    for (size_t i = 0; i < call->form.count; i++) {
        const char *name = call->form.pairs[i].name, *value = call->form.pairs[i].value;
        size_t len = strlen(name);
        char key[42];

        if (strcmp(name, "metadata") == 0 && !*value)
            json_object_clear(metadata);
        if (strncmp(name, "metadata[", 9) != 0 || name[len - 1] != ']')
            continue;
        if (len - 10 > 40 || strlen(value) > 500)
            return sim_bad(call, "metadata", "Metadata keys have at most 40 characters, and values 500.");
        memcpy(key, name + 9, len - 10);
        key[len - 10] = '\0';
        if (*value)
            json_object_set_new(metadata, key, json_string(value));
        else
            json_object_del(metadata, key);
        if (json_object_size(metadata) > 50)
            return sim_bad(call, "metadata", "Metadata has at most 50 keys.");
    }
    return true;
}

bool sim_int(struct sim_call *call, const char *name, int64_t min, int64_t max, int64_t *out, bool *given)
{
    const char *text = sim_form_get(&call->form, name);

    if (given)
        *given = text != NULL;
    if (!text)
        return true;
    if (!*text || strlen(text) > 15 || strspn(text, "0123456789") != strlen(text))
        return sim_error(call, 400, "invalid_request_error", "parameter_invalid_integer", name, "Invalid integer: %.100s", text);
    *out = strtoll(text, NULL, 10);
    if (*out < min)
        return sim_error(call, 400, "invalid_request_error", "parameter_invalid_integer", name,
                         "This value must be greater than or equal to %" PRId64 ".", min);
    if (*out > max)
        return sim_error(call, 400, "invalid_request_error", "amount_too_large", name, "This value must be at most %" PRId64 ".", max);
    return true;
}

/* ---- lists ---- */

struct bounds {
    int64_t after, before;     /* created > after, created < before */
    int64_t limit, from_seq;   /* seq < from_seq */
    int64_t down_to_seq;       /* ending_before: seq > down_to_seq */
};

static bool seq_of(struct sim_call *call, const char *name, const char *kind, int64_t *out)
{
    const char *id = sim_form_get(&call->form, name);
    sqlite3_stmt *stmt;
    bool found;

    if (!id)
        return true;
    stmt = sim_prepare(call->sim, "SELECT seq FROM object WHERE id = ? AND kind = ?", "ss", id, kind);
    found = sqlite3_step(stmt) == SQLITE_ROW;
    if (found)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return found ? true : sim_missing(call, kind, id);
}

static bool read_bounds(struct sim_call *call, const char *kind, struct bounds *out)
{
    int64_t at = 0;
    bool given;

    *out = (struct bounds){ .after = -1, .before = INT64_MAX, .limit = 10, .from_seq = INT64_MAX, .down_to_seq = -1 };
    if (!sim_int(call, "limit", 1, 100, &out->limit, NULL))
        return false;
    if (!sim_int(call, "created", 0, INT64_MAX, &at, &given))
        return false;
    if (given) {
        out->after = at - 1;
        out->before = at + 1;
    }
    if (!sim_int(call, "created[gt]", 0, INT64_MAX, &out->after, NULL) || !sim_int(call, "created[lt]", 0, INT64_MAX, &out->before, NULL))
        return false;
    if (!sim_int(call, "created[gte]", 0, INT64_MAX, &at, &given))
        return false;
    if (given)
        out->after = at - 1;
    if (!sim_int(call, "created[lte]", 0, INT64_MAX, &at, &given))
        return false;
    if (given)
        out->before = at + 1;
    return seq_of(call, "starting_after", kind, &out->from_seq) && seq_of(call, "ending_before", kind, &out->down_to_seq);
}

/* type=a.b, type=a.*, types[]=a.b */
static bool type_wanted(const struct sim_form *form, const char *type)
{
    bool any = true;

    for (size_t i = 0; i < form->count; i++) {
        const char *name = form->pairs[i].name, *value = form->pairs[i].value;
        size_t len = strlen(value);

        if (strcmp(name, "type") != 0 && strncmp(name, "types[", 6) != 0)
            continue;
        any = false;
        if (strcmp(value, type) == 0 || (len > 2 && strcmp(value + len - 2, ".*") == 0 && strncmp(value, type, len - 1) == 0))
            return true;
    }
    return any;
}

bool sim_list(struct sim_call *call, const char *kind, const char *parent)
{
    json_t *items = json_array();
    struct bounds bounds;
    sqlite3_stmt *stmt;
    bool more = false, backwards;
    json_t *list;

    if (!read_bounds(call, kind, &bounds)) {
        json_decref(items);
        return false;
    }
    backwards = bounds.down_to_seq >= 0;
    stmt = parent ? sim_prepare(call->sim, backwards ? "SELECT json FROM object WHERE parent = ? AND kind = ? AND seq > ? AND seq < ? ORDER BY seq"
                                                     : "SELECT json FROM object WHERE parent = ? AND kind = ? AND seq > ? AND seq < ? ORDER BY seq DESC",
                                "ssii", parent, kind, bounds.down_to_seq, bounds.from_seq)
                  : sim_prepare(call->sim, backwards ? "SELECT json FROM object WHERE kind = ? AND seq > ? AND seq < ? ORDER BY seq"
                                                     : "SELECT json FROM object WHERE kind = ? AND seq > ? AND seq < ? ORDER BY seq DESC",
                                "sii", kind, bounds.down_to_seq, bounds.from_seq);
    while (!more && sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *object = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);
        int64_t created = json_integer_value(json_object_get(object, "created"));
        const char *type = json_string_value(json_object_get(object, "type"));

        /* Newest first, and time rises with seq but for a clock that is moved: a little further is looked for stragglers. */
        if (!backwards && created < bounds.after - 86400) {
            json_decref(object);
            break;
        }
        if (created > bounds.after && created < bounds.before && (strcmp(kind, "event") != 0 || type_wanted(&call->form, type ? type : ""))) {
            more = json_array_size(items) == (size_t)bounds.limit;
            if (!more && backwards)
                json_array_insert(items, 0, object);
            else if (!more)
                json_array_append(items, object);
        }
        json_decref(object);
    }
    sqlite3_finalize(stmt);
    list = json_pack("{s:s, s:o, s:b, s:s}", "object", "list", "data", items, "has_more", more, "url",
                     arena_printf(call->arena, "/v1/%s", call->path));
    arena_defer(call->arena, (void (*)(void *))json_decref, list);
    return sim_answer(call, list);
}

/* ---- who asks ---- */

static bool same(const char *a, const char *b)
{
    size_t len = strlen(b);

    return strlen(a) == len && CRYPTO_memcmp(a, b, len) == 0;
}

/* The key in "Bearer KEY", in "Basic base64(KEY:)", or in the form's `key`, as Stripe's script sends it. */
static const char *key_of(const struct req *req, struct sim_call *call)
{
    const char *header = req_header(req, "Authorization");
    unsigned char decoded[300];

    if (header && strncasecmp(header, "Bearer ", 7) == 0)
        return header + 7;
    if (header && strncasecmp(header, "Basic ", 6) == 0 && strlen(header + 6) < 380) {
        int len = EVP_DecodeBlock(decoded, (const unsigned char *)header + 6, (int)strlen(header + 6));

        if (len > 0) {
            char *text = arena_copy(call->arena, decoded, (size_t)len);

            text[strcspn(text, ":")] = '\0';
            return text;
        }
    }
    return sim_form_get(&call->form, "key");
}

static bool authenticate(const struct req *req, struct sim_call *call)
{
    const char *key = key_of(req, call);

    if (!key)
        return sim_error(call, 401, "invalid_request_error", NULL, NULL,
                         "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.");
    call->secret = same(key, call->sim->secret_key);
    if (!call->secret && !same(key, call->sim->publishable_key))
        return sim_error(call, 401, "invalid_request_error", NULL, NULL, "Invalid API Key provided.");
    return true;
}

/* ---- one call ---- */

static const struct {
    const char *name;
    bool (*serve)(struct sim_call *call, const char *rest);
} resources[] = {
    { "payment_intents", sim_intents }, { "payment_methods", sim_payment_methods }, { "refunds", sim_refunds },
    { "charges", sim_charges },         { "events", sim_events }, { "webhook_endpoints", sim_endpoints },
};

static bool serve(struct sim_call *call)
{
    size_t len = strcspn(call->path, "/");

    for (size_t i = 0; i < COUNT(resources); i++)
        if (strlen(resources[i].name) == len && strncmp(call->path, resources[i].name, len) == 0)
            return resources[i].serve(call, call->path[len] ? call->path + len + 1 : "");
    return sim_error(call, 404, "invalid_request_error", NULL, NULL, "Unrecognized request URL (%s: /v1/%.200s).", call->method, call->path);
}

/* What makes two requests the same: method, path and every pair, in the order sent. */
static char *fingerprint(struct sim_call *call)
{
    struct buf out = buf_in(call->arena);

    buf_printf(&out, "%s %s", call->method, call->path);
    for (size_t i = 0; i < call->form.count; i++) {
        buf_char(&out, '\n');
        buf_url(&out, call->form.pairs[i].name, NULL);
        buf_char(&out, '=');
        buf_url(&out, call->form.pairs[i].value, NULL);
    }
    return out.data;
}

/* True when the key was used before: then the call has its answer. */
static bool replay(struct sim_call *call, const char *request, bool *replayed)
{
    sqlite3_stmt *stmt = sim_prepare(call->sim, "SELECT request, status, body, request_id FROM kept_answer WHERE key = ? AND at > ?", "si",
                                     call->idempotency_key, clock_now_ms() - KEPT_MS);
    bool used = sqlite3_step(stmt) == SQLITE_ROW;

    if (used && strcmp((const char *)sqlite3_column_text(stmt, 0), request) == 0) {
        answer_with(call, sqlite3_column_int(stmt, 1), json_loads((const char *)sqlite3_column_text(stmt, 2), 0, NULL));
        call->request_id = arena_strdup(call->arena, (const char *)sqlite3_column_text(stmt, 3));
        *replayed = true;
    } else if (used) {
        sim_error(call, 400, "idempotency_error", NULL, NULL,
                  "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '%.100s' "
                  "if you meant to execute a different request.",
                  call->idempotency_key);
    }
    sqlite3_finalize(stmt);
    return used;
}

static void keep(struct sim_call *call, const char *request)
{
    char *body = json_dumps(call->answer, JSON_COMPACT);

    if (!body)
        log_die("out of memory");
    sim_run(call->sim, "INSERT OR REPLACE INTO kept_answer (key, request, status, body, request_id, at) VALUES (?, ?, ?, ?, ?, ?)", "ssissi",
            call->idempotency_key, request, (int64_t)call->status, body, call->request_id, clock_now_ms());
    free(body);
}

/* In one transaction: what the key remembers, or the call and what it keeps. */
static void carry_out(struct sim_call *call, bool *replayed)
{
    struct sim *sim = call->sim;
    bool writes = strcmp(call->method, "GET") != 0;
    char *request = call->idempotency_key && writes ? fingerprint(call) : NULL;

    pthread_mutex_lock(&sim->lock);
    if (sim_run(sim, writes ? "BEGIN IMMEDIATE" : "BEGIN", "") < 0) {
        sim_error(call, 500, "api_error", NULL, NULL, "The simulator's file cannot be used.");
        pthread_mutex_unlock(&sim->lock);
        return;
    }
    if (!request || !replay(call, request, replayed)) {
        bool good = serve(call);

        if (request && (good || call->executed))
            keep(call, request);
    }
    if (sim_run(sim, "COMMIT", "") < 0) {
        sim_run(sim, "ROLLBACK", "");
        sim_error(call, 500, "api_error", NULL, NULL, "The simulator's file cannot be written.");
    }
    if (writes)
        pthread_cond_signal(&sim->changed);
    pthread_mutex_unlock(&sim->lock);
}

static void reply(struct req *req, struct sim_call *call, bool replayed)
{
    char *body = json_dumps(call->answer, JSON_INDENT(2));
    struct buf *out = reply_begin(req, call->status, "application/json");

    if (!body)
        log_die("out of memory");
    buf_str(out, body);
    free(body);
    reply_header(req, "Request-Id", call->request_id);
    if (call->idempotency_key)
        reply_header(req, "Idempotency-Key", call->idempotency_key);
    if (replayed)
        reply_header(req, "Idempotent-Replayed", "true");
    req->reply.cache_control = "no-cache, no-store";
}

static bool visible(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

static enum err answer_call(struct req *req)
{
    const char *key = req_header(req, "Idempotency-Key");
    struct sim_call call = { .sim = req->app->sim, .arena = req->arena, .method = strcmp(req->method, "HEAD") == 0 ? "GET" : req->method, .path = req->rest,
                             .request_id = sim_new_id(req->arena, "req_"), .now_s = clock_now_ms() / 1000 };
    bool get = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0, replayed = false, read;

    if (!call.sim)
        return ERR_NOT_FOUND;
    if (key && *key && strlen(key) <= 255 && visible(key))
        call.idempotency_key = key;
    read = get ? sim_form_read(req->arena, req->query_text, strlen(req->query_text), &call.form)
               : sim_form_read(req->arena, req->body_bytes.len ? req->body_bytes.data : "", req->body_bytes.len, &call.form);
    if (!read)
        sim_bad(&call, NULL, "The form cannot be read.");
    else if (authenticate(req, &call))
        carry_out(&call, &replayed);
    reply(req, &call, replayed);
    json_decref(call.answer);
    return ERR_OK;
}

/* ---- the page where a card holder of 3-D Secure says yes or no ---- */

static const char page_top[] = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
                               "<title>3-D Secure (simulated)</title><h1>Your bank asks: is this you?</h1>"
                               "<p>This is the Stripe simulator. No money moves.</p>";

static enum err show_authentication(struct req *req)
{
    struct buf *out;

    if (!req->app->sim)
        return ERR_NOT_FOUND;
    out = reply_begin(req, 200, "text/html; charset=utf-8");
    buf_str(out, page_top);
    /* The form goes back to the address that it came from, which holds the intent and its secret. */
    buf_str(out, "<form method=\"post\"><button name=\"outcome\" value=\"pass\">Yes, pay</button> <button name=\"outcome\" value=\"fail\">No</button></form>");
    req->reply.cache_control = "no-store";
    return ERR_OK;
}

static enum err take_authentication(struct req *req)
{
    struct sim_call call = { .sim = req->app->sim, .arena = req->arena, .method = req->method, .path = req->rest,
                             .request_id = sim_new_id(req->arena, "req_"), .now_s = clock_now_ms() / 1000 };
    struct sim_form query;
    const char *outcome, *to;
    bool good;

    if (!call.sim)
        return ERR_NOT_FOUND;
    if (!sim_form_read(req->arena, req->query_text, strlen(req->query_text), &query) ||
        !sim_form_read(req->arena, req->body_bytes.len ? req->body_bytes.data : "", req->body_bytes.len, &call.form))
        return ERR_BAD_REQUEST;
    outcome = sim_form_get(&call.form, "outcome");
    call.form = query; /* client_secret */
    pthread_mutex_lock(&call.sim->lock);
    sim_run(call.sim, "BEGIN IMMEDIATE", "");
    good = sim_intent_authenticated(&call, req->rest, outcome && strcmp(outcome, "pass") == 0);
    sim_run(call.sim, "COMMIT", "");
    pthread_cond_signal(&call.sim->changed);
    pthread_mutex_unlock(&call.sim->lock);
    to = good ? json_string_value(json_object_get(call.answer, "return_to")) : NULL;
    if (to) {
        reply_begin(req, 303, "text/plain; charset=utf-8");
        req->reply.location = arena_strdup(req->arena, to);
    } else if (good) {
        buf_str(reply_begin(req, 200, "text/html; charset=utf-8"), page_top);
        buf_str(&req->reply.body, "<p>Done. You may go back.</p>");
    }
    json_decref(call.answer);
    return good ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- old rows ---- */

static void purge(struct app *app, struct reader *reader, struct arena *arena)
{
    struct sim *sim = app->sim;
    int64_t now_ms = clock_now_ms();

    if (!sim)
        return;
    pthread_mutex_lock(&sim->lock);
    sim_run(sim, "DELETE FROM kept_answer WHERE key IN (SELECT key FROM kept_answer WHERE at < ? ORDER BY at LIMIT 1000)", "i", now_ms - KEPT_MS);
    pthread_mutex_unlock(&sim->lock);
}

const struct sweep sim_sweeps[] = { { "sim-purge", 60000, purge }, SWEEP_END };

/* ---- the table ---- */

/* What the server itself refuses (too large, overloaded), in Stripe's shape. */
static void problem(struct req *req, enum err e)
{
    struct sim_call call = { .arena = req->arena, .request_id = "req_refused" };

    sim_error(&call, err_info(e)->status, err_info(e)->status >= 500 ? "api_error" : "invalid_request_error", NULL, NULL, "%s", err_info(e)->title);
    reply(req, &call, false);
    json_decref(call.answer);
}

#define CALL(method_) \
    { method_, "/sim/stripe/v1/{path...}", WORK, .work = answer_call, .lane = LANE_SIM, .raw = true, .problem = problem, .body_type = "" }
#define PAGE(method_, work_) { method_, "/sim/stripe/3ds/{intent...}", WORK, .work = work_, .lane = LANE_SIM, .raw = true, .body_type = "" }

const struct route sim_routes[] = { CALL("GET"), CALL("POST"), CALL("DELETE"), PAGE("GET", show_authentication), PAGE("POST", take_authentication), ROUTE_END };
