/* sim.c - opening, authentication, idempotency, and the way of one call. */
#include "sim/sim.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "sim/sim_inside.h"

/* Stripe keeps keys for at least 24 h, and lists events of 30 days. */
#define KEPT_MS (INT64_C(24) * 3600 * 1000)
#define EVENTS_KEPT_S (INT64_C(30) * 86400)
#define EVENTS_MAX 100000
#define KEY_MAX 255
/* LANE_SIM has 4 threads; mischief may keep all but one of them waiting. */
#define HELD_MAX 3

/* ---- life ---- */

static bool start(struct sim *sim, const char *path, const char *mischief, struct buf *error)
{
    if (strncmp(sim->secret_key, "sk_test_", 8) != 0 && strncmp(sim->secret_key, "rk_test_", 8) != 0) {
        buf_printf(error, "the Stripe simulator runs with a test key only");
        return false;
    }
    return sim_rows_open(sim, path, error) && sim_mischief_open(sim, mischief, error);
}

static void release(struct sim *sim)
{
    sqlite3_close(sim->db);
    curl_multi_cleanup(sim->multi);
    pthread_mutex_destroy(&sim->keys_lock);
    pthread_mutex_destroy(&sim->lock);
    free(sim->secret_key);
    free(sim->publishable_key);
    free(sim->webhook_secret);
    free(sim->webhook_url);
    free(sim);
}

struct sim *sim_open(struct app *app, const char *dir, const struct sim_settings *settings, struct buf *error)
{
    struct sim *sim = calloc(1, sizeof *sim);
    char path[4096];

    if (!sim)
        log_die("out of memory");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sim->app = app;
    sim->secret_key = strdup(settings->secret_key);
    sim->publishable_key = strdup(settings->publishable_key);
    sim->webhook_secret = strdup(settings->webhook_secret);
    sim->webhook_url = settings->webhook_url ? strdup(settings->webhook_url) : NULL;
    sim->multi = curl_multi_init();
    if (!sim->multi)
        log_die("curl gives no handle");
    pthread_mutex_init(&sim->lock, NULL);
    pthread_mutex_init(&sim->keys_lock, NULL);
    snprintf(path, sizeof path, "%s/sim.db", dir);
    if (!start(sim, path, settings->mischief, error)) {
        release(sim);
        return NULL;
    }
    if (pthread_create(&sim->sender, NULL, sim_sender_main, sim) != 0)
        log_die("the simulator's thread cannot be started");
    return sim;
}

void sim_stop(struct sim *sim)
{
    if (sim)
        atomic_store(&sim->stopping, true);
}

void sim_close(struct sim *sim)
{
    if (!sim)
        return;
    sim_stop(sim);
    sim_wake(sim);
    pthread_join(sim->sender, NULL);
    release(sim);
}

/* ---- who asks ---- */

bool sim_same(const char *a, const char *b)
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
    call->secret = sim_same(key, call->sim->secret_key);
    if (!call->secret && !sim_same(key, call->sim->publishable_key))
        return sim_error(call, 401, "invalid_request_error", NULL, NULL, "Invalid API Key provided.");
    return true;
}

static bool visible(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

/* Only a POST has one: reading and deleting are safe to repeat as they are. */
static bool read_idempotency_key(const struct req *req, struct sim_call *call)
{
    const char *key = strcmp(call->method, "POST") == 0 ? req_header(req, "Idempotency-Key") : NULL;

    if (!key || !*key)
        return true;
    if (strlen(key) > KEY_MAX)
        return sim_bad(call, NULL, "Idempotency keys cannot be longer than %d characters, but the key you provided is %zu characters long.", KEY_MAX, strlen(key));
    if (!visible(key))
        return sim_bad(call, NULL, "Idempotency keys are made of visible ASCII characters.");
    call->idempotency_key = key;
    return true;
}

bool sim_call_begin(struct req *req, struct sim_call *call)
{
    bool get = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0, read;

    *call = (struct sim_call){ .sim = req->app->sim, .arena = req->arena, .method = get ? "GET" : req->method, .path = req->rest ? req->rest : "",
                               .request_id = sim_new_id(req->arena, "req_"), .now_s = clock_now_ms() / 1000 };
    read = get ? sim_form_read(req->arena, req->query_text, strlen(req->query_text), &call->form)
               : sim_form_read(req->arena, req->body_bytes.len ? req->body_bytes.data : "", req->body_bytes.len, &call->form);
    if (!read)
        return sim_bad(call, NULL, "The form cannot be read.");
    return authenticate(req, call) && read_idempotency_key(req, call);
}

/* ---- one call ---- */

static const struct {
    const char *name;
    bool (*serve)(struct sim_call *call, const char *rest);
} resources[] = {
    { "payment_intents", sim_intents }, { "payment_methods", sim_payment_methods }, { "refunds", sim_refunds },
    { "charges", sim_charges },         { "disputes", sim_disputes },               { "balance", sim_balance },
    { "events", sim_events },           { "balance_transactions", sim_balance_transactions }, { "webhook_endpoints", sim_endpoints },
};

static bool serve(struct sim_call *call)
{
    size_t len = strcspn(call->path, "/");

    for (size_t i = 0; i < COUNT(resources); i++)
        if (strlen(resources[i].name) == len && strncmp(call->path, resources[i].name, len) == 0)
            return resources[i].serve(call, call->path[len] ? call->path + len + 1 : "");
    return sim_no_such_url(call);
}

/* What makes two requests the same: who asks, method, path and every pair, in the order sent. */
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

/* A page's keys are not the shop's: what one was answered the other never sees. */
static char *kept_key(struct sim_call *call)
{
    return arena_printf(call->arena, "%c:%s", call->secret ? 's' : 'p', call->idempotency_key);
}

/* True when the key was used before: then the call has its answer. */
static bool replay(struct sim_call *call, const char *request)
{
    sqlite3_stmt *stmt = sim_prepare(call->sim, "SELECT request, status, body, request_id FROM kept_answer WHERE key = ? AND at > ?", "si", kept_key(call),
                                     clock_now_ms() - KEPT_MS);
    bool used = sqlite3_step(stmt) == SQLITE_ROW;

    if (used && strcmp((const char *)sqlite3_column_text(stmt, 0), request) == 0) {
        sim_answer_with(call, sqlite3_column_int(stmt, 1), json_loads((const char *)sqlite3_column_text(stmt, 2), 0, NULL));
        call->request_id = arena_strdup(call->arena, (const char *)sqlite3_column_text(stmt, 3));
        call->replayed = true;
    } else if (used) {
        sim_error(call, 400, "idempotency_error", NULL, NULL,
                  "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '%.255s' "
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
            kept_key(call), request, (int64_t)call->status, body, call->request_id, clock_now_ms());
    free(body);
}

/* In a savepoint, which a refusal rolls back; the answer that the key keeps outlives it. */
static void execute(struct sim_call *call, const char *request, bool (*serve_)(struct sim_call *call))
{
    struct sim *sim = call->sim;
    bool stands;

    sim_run(sim, "SAVEPOINT call", "");
    stands = serve_(call) || call->stands;
    if (!stands)
        sim_run(sim, "ROLLBACK TO call", "");
    sim_run(sim, "RELEASE call", "");
    if (request && (stands || call->executed))
        keep(call, request);
}

void sim_carry_out(struct sim_call *call, bool (*serve_)(struct sim_call *call))
{
    struct sim *sim = call->sim;
    bool writes = strcmp(call->method, "GET") != 0;
    char *request = call->idempotency_key ? fingerprint(call) : NULL;

    pthread_mutex_lock(&sim->lock);
    if (sim_run(sim, writes ? "BEGIN IMMEDIATE" : "BEGIN", "") < 0) {
        sim_error(call, 500, "api_error", NULL, NULL, "The simulator's file cannot be used.");
    } else {
        if (!request || !replay(call, request))
            execute(call, request, serve_);
        if (sim_run(sim, "COMMIT", "") < 0) {
            sim_run(sim, "ROLLBACK", "");
            sim_error(call, 500, "api_error", NULL, NULL, "The simulator's file cannot be written.");
        }
    }
    pthread_mutex_unlock(&sim->lock);
    if (writes)
        sim_wake(sim);
}

/* ---- keys of calls under way ---- */

struct sim_busy_key {
    struct sim_busy_key *next;
    const char *key;
};

/* False: another call has the key, and has not been answered. */
static bool take_key(struct sim_call *call, struct sim_busy_key *mine)
{
    struct sim *sim = call->sim;
    bool taken = true;

    pthread_mutex_lock(&sim->keys_lock);
    for (struct sim_busy_key *busy = sim->busy; busy && taken; busy = busy->next)
        taken = strcmp(busy->key, mine->key) != 0;
    if (taken) {
        mine->next = sim->busy;
        sim->busy = mine;
    }
    pthread_mutex_unlock(&sim->keys_lock);
    return taken || sim_error(call, 409, "invalid_request_error", "idempotency_key_in_use", NULL,
                              "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other "
                              "request is still going through): %.255s. Please try again later.", call->idempotency_key);
}

static void give_key(struct sim *sim, struct sim_busy_key *mine)
{
    pthread_mutex_lock(&sim->keys_lock);
    for (struct sim_busy_key **at = &sim->busy; *at; at = &(*at)->next)
        if (*at == mine) {
            *at = mine->next;
            break;
        }
    pthread_mutex_unlock(&sim->keys_lock);
}

bool sim_hold(struct sim *sim, int64_t ms)
{
    const struct timespec pause = { 0, 5000000 };
    int64_t until_us = clock_mono_us() + ms * 1000;
    bool room;

    pthread_mutex_lock(&sim->keys_lock);
    room = sim->held < HELD_MAX;
    sim->held += room;
    pthread_mutex_unlock(&sim->keys_lock);
    if (!room)
        return false;
    while (clock_mono_us() < until_us && !atomic_load(&sim->stopping))
        nanosleep(&pause, NULL);
    pthread_mutex_lock(&sim->keys_lock);
    sim->held--;
    pthread_mutex_unlock(&sim->keys_lock);
    return true;
}

/* ---- the answer ---- */

void sim_reply(struct req *req, struct sim_call *call)
{
    char *body = json_dumps(call->answer, JSON_INDENT(2));
    struct buf *out = reply_begin(req, call->status, "application/json");

    if (!body)
        log_die("out of memory");
    buf_str(out, body);
    free(body);
    json_decref(call->answer);
    reply_header(req, "Request-Id", call->request_id);
    if (call->idempotency_key)
        reply_header(req, "Idempotency-Key", call->idempotency_key);
    if (call->replayed)
        reply_header(req, "Idempotent-Replayed", "true");
    reply_header(req, "Stripe-Version", SIM_API_VERSION);
    req->reply.cache_control = "no-cache, no-store";
    req->reply.cut = call->cut;
}

static enum err answer_call(struct req *req)
{
    struct sim_call call;
    struct sim_busy_key mine = { 0 };
    struct sim_fate after;

    if (!req->app->sim)
        return ERR_NOT_FOUND;
    if (sim_call_begin(req, &call)) {
        mine.key = call.idempotency_key ? kept_key(&call) : NULL;
        if (!mine.key || take_key(&call, &mine)) {
            if (sim_mischief_before(&call, &after)) {
                sim_carry_out(&call, serve);
                sim_mischief_after(&call, &after);
            }
            give_key(call.sim, &mine);
        }
    }
    sim_reply(req, &call);
    return ERR_OK;
}

/* ---- old rows ---- */

/* 1,000 at a time, so that no call waits long for the lock; the next sweep goes on. */
static void purge(struct app *app, struct reader *reader, struct arena *arena)
{
    struct sim *sim = app->sim;
    int64_t now_ms = clock_now_ms();

    if (!sim)
        return;
    pthread_mutex_lock(&sim->lock);
    sim_run(sim, "DELETE FROM kept_answer WHERE key IN (SELECT key FROM kept_answer WHERE at < ? ORDER BY at LIMIT 1000)", "i", now_ms - KEPT_MS);
    sim_run(sim, "DELETE FROM object WHERE seq IN (SELECT seq FROM object WHERE kind = 'event' AND created < ? ORDER BY created LIMIT 1000)", "i",
            now_ms / 1000 - EVENTS_KEPT_S);
    sim_run(sim, "DELETE FROM object WHERE seq IN (SELECT seq FROM object WHERE kind = 'event' AND seq <= (SELECT seq FROM object WHERE kind = 'event'"
                 " ORDER BY seq DESC LIMIT 1 OFFSET ?) ORDER BY seq LIMIT 1000)", "i", (int64_t)EVENTS_MAX);
    sim_run(sim, "DELETE FROM delivery WHERE event NOT IN (SELECT id FROM object)", "");
    pthread_mutex_unlock(&sim->lock);
}

const struct sweep sim_sweeps[] = { { "sim-purge", 60000, purge }, SWEEP_END };

/* ---- the table ---- */

/* What the server itself refuses (too large, overloaded), in Stripe's shape. */
static void problem(struct req *req, enum err e)
{
    struct sim_call call = { .arena = req->arena, .request_id = "req_refused" };

    sim_error(&call, err_info(e)->status, err_info(e)->status >= 500 ? "api_error" : "invalid_request_error", NULL, NULL, "%s", err_info(e)->title);
    sim_reply(req, &call);
}

#define CALL(method_, path_, work_) { method_, path_, WORK, .work = work_, .lane = LANE_SIM, .raw = true, .problem = problem, .body_type = "" }
#define PAGE(method_, path_, work_) { method_, path_, WORK, .work = work_, .lane = LANE_SIM, .raw = true, .body_type = "" }

const struct route sim_routes[] = {
    CALL("GET", "/sim/stripe/v1/{path...}", answer_call),
    CALL("POST", "/sim/stripe/v1/{path...}", answer_call),
    CALL("DELETE", "/sim/stripe/v1/{path...}", answer_call),
    PAGE("GET", "/sim/stripe/3ds/{intent...}", sim_page_show),
    PAGE("POST", "/sim/stripe/3ds/{intent...}", sim_page_take),
    PAGE("GET", "/sim/stripe/3ds.css", sim_page_style),
    CALL("GET", "/sim/state", sim_control),
    CALL("GET", "/sim/mischief", sim_control),
    CALL("POST", "/sim/mischief", sim_control),
    CALL("POST", "/sim/settle", sim_control),
    CALL("POST", "/sim/deliver", sim_control),
    CALL("POST", "/sim/dispute", sim_control),
    CALL("POST", "/sim/reset", sim_control),
    ROUTE_END,
};
