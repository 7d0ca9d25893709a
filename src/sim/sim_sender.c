/*
 * sim_sender.c - the thread that posts signed events, again and again until they are taken, and does what comes later.
 *
 * At least once and in no promised order, as Stripe: 2xx ends a delivery, all
 * else tries again after 1 s, 2 s, 4 s ... an hour, for 3 days. What is due is a
 * row, so a restart goes on.
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/loopback.h"
#include "sim/sim_inside.h"

#define SEND_TIMEOUT_MS 5000L
#define RETRY_MAX_MS INT64_C(3600000)
#define GIVE_UP_MS (INT64_C(3) * 86400 * 1000)

/* What a shop's endpoint is usually set to get; our own gets these. */
static bool own_server_takes(const char *type)
{
    static const char *const types[] = { "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.processing",
                                         "payment_intent.requires_action", "payment_intent.canceled", "charge.refunded", "refund.created",
                                         "refund.updated", "refund.failed" };

    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static void plan(struct sim *sim, const char *event_id, const char *endpoint)
{
    int64_t now_ms = clock_now_ms();

    for (int copy = 0; copy <= sim->mischief.delivery_copies; copy++)
        sim_run(sim, "INSERT INTO delivery (event, endpoint, due, created) VALUES (?, ?, ?, ?)", "ssii", event_id, endpoint,
                now_ms + sim->mischief.delivery_delay_ms, now_ms);
}

static bool endpoint_takes(json_t *endpoint, const char *type)
{
    json_t *types = json_object_get(endpoint, "enabled_events");

    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *want = json_string_value(json_array_get(types, i));

        if (want && (strcmp(want, "*") == 0 || strcmp(want, type) == 0))
            return true;
    }
    return false;
}

void sim_plan_deliveries(struct sim *sim, const char *event_id, const char *type)
{
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT json FROM object WHERE kind = 'webhook_endpoint' ORDER BY seq", "");

    if (own_server_takes(type))
        plan(sim, event_id, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *endpoint = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);

        if (endpoint_takes(endpoint, type))
            plan(sim, event_id, json_string_value(json_object_get(endpoint, "id")));
        json_decref(endpoint);
    }
    sqlite3_finalize(stmt);
}

/* ---- endpoints beside our own server's ---- */

#define ENDPOINTS_MAX 16

static bool endpoint_create(struct sim_call *call)
{
    static const char *const names[] = { "url", "enabled_events", "description", "metadata", "api_version", "connect", NULL };
    const char *url = sim_form_get(&call->form, "url");
    char *secret = sim_new_id(call->arena, "whsec_");
    json_t *endpoint, *types, *shown;
    sqlite3_stmt *stmt;
    int64_t count = 0;

    if (!sim_known_names(call, names))
        return false;
    if (!url || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || strlen(url) > 2048)
        return sim_error(call, 400, "invalid_request_error", "url_invalid", "url", "Invalid URL: An explicit scheme (such as https) must be provided.");
    stmt = sim_prepare(call->sim, "SELECT count(*) FROM object WHERE kind = 'webhook_endpoint'", "");
    if (sqlite3_step(stmt) == SQLITE_ROW)
        count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    if (count >= ENDPOINTS_MAX)
        return sim_bad(call, NULL, "You have reached the maximum of %d test webhook endpoints.", ENDPOINTS_MAX);
    endpoint = json_pack("{s:s, s:s, s:I, s:[], s:b, s:{}, s:s, s:s}", "id", sim_new_id(call->arena, "we_"), "object", "webhook_endpoint", "created",
                         (json_int_t)call->now_s, "enabled_events", "livemode", 0, "metadata", "status", "enabled", "url", url);
    arena_defer(call->arena, (void (*)(void *))json_decref, endpoint);
    types = json_object_get(endpoint, "enabled_events");
    for (size_t i = 0; i < call->form.count; i++)
        if (strncmp(call->form.pairs[i].name, "enabled_events[", 15) == 0)
            json_array_append_new(types, json_string(call->form.pairs[i].value));
    if (!json_array_size(types))
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "enabled_events", "Missing required param: enabled_events.");
    if (!sim_metadata(call, endpoint))
        return false;
    call->executed = true;
    sim_insert(call->sim, "webhook_endpoint", NULL, secret, endpoint);
    shown = json_copy(endpoint);
    arena_defer(call->arena, (void (*)(void *))json_decref, shown);
    json_object_set_new(shown, "secret", json_string(secret)); /* told once */
    return sim_answer(call, shown);
}

bool sim_endpoints(struct sim_call *call, const char *rest)
{
    json_t *endpoint, *gone;

    if (!call->secret)
        return sim_error(call, 403, "invalid_request_error", NULL, NULL, "This needs the secret key.");
    if (!*rest)
        return strcmp(call->method, "GET") == 0 ? sim_list(call, "webhook_endpoint", NULL) : endpoint_create(call);
    endpoint = sim_object(call->sim, call->arena, "webhook_endpoint", rest, NULL);
    if (!endpoint)
        return sim_missing(call, "webhook endpoint", rest);
    if (strcmp(call->method, "DELETE") != 0)
        return sim_answer(call, endpoint);
    sim_run(call->sim, "DELETE FROM delivery WHERE endpoint = ?", "s", rest);
    sim_run(call->sim, "DELETE FROM object WHERE id = ?", "s", rest);
    gone = json_pack("{s:s, s:s, s:b}", "id", rest, "object", "webhook_endpoint", "deleted", 1);
    arena_defer(call->arena, (void (*)(void *))json_decref, gone);
    return sim_answer(call, gone);
}

/* ---- one sending ---- */

struct delivery {
    int64_t id, attempts, created_ms;
    const char *body;
    const char *url, *secret;    /* NULL: our own server */
};

static void sign(const char *secret, const char *body, int64_t now_s, struct buf *header)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    struct buf signed_text = buf_in(header->arena);

    buf_printf(&signed_text, "%" PRId64 ".", now_s);
    buf_str(&signed_text, body);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)signed_text.data, signed_text.len, mac, &mac_len))
        return;
    buf_printf(header, "Stripe-Signature: t=%" PRId64 ",v1=", now_s);
    buf_hex(header, mac, mac_len);
}

static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
    return size * count;
}

static const char *target(struct sim *sim, struct arena *arena)
{
    if (sim->webhook_url)
        return sim->webhook_url;
    if (!sim->app->http)
        return NULL;
    return arena_printf(arena, "%s/v1/stripe-webhook", http_loopback_base(arena, http_address(sim->app->http), sim->app->config->tls_cert != NULL));
}

static bool post(struct sim *sim, CURL *curl, struct arena *arena, const struct delivery *delivery)
{
    const char *url = delivery->url ? delivery->url : target(sim, arena);
    struct buf header = buf_in(arena);
    struct curl_slist *headers = NULL;
    long status = 0;

    if (!url)
        return false;
    sign(delivery->url ? delivery->secret : sim->webhook_secret, delivery->body, clock_now_ms() / 1000, &header);
    headers = curl_slist_append(headers, "Content-Type: application/json; charset=utf-8");
    headers = curl_slist_append(headers, header.data);
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery->body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Stripe/1.0 (simulated)");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!delivery->url) {
        /* Our own process, by its loopback address, which its certificate does not name. */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, SEND_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return status >= 200 && status < 300;
}

/* ---- the rows ---- */

static bool next_delivery(struct sim *sim, struct arena *arena, struct delivery *out)
{
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT d.id, d.attempts, d.created, o.json, e.json, e.trait FROM delivery d JOIN object o ON o.id = d.event"
                                          " LEFT JOIN object e ON e.id = d.endpoint WHERE d.due <= ? ORDER BY d.due, d.id LIMIT 1", "i", clock_now_ms());
    bool found = sqlite3_step(stmt) == SQLITE_ROW;

    if (found) {
        json_t *endpoint = json_loads(sqlite3_column_text(stmt, 4) ? (const char *)sqlite3_column_text(stmt, 4) : "{}", 0, NULL);

        *out = (struct delivery){ sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2),
                                  arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 3)),
                                  arena_strdup(arena, json_string_value(json_object_get(endpoint, "url"))),
                                  arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 5)) };
        json_decref(endpoint);
    }
    sqlite3_finalize(stmt);
    return found;
}

static void note_delivery(struct sim *sim, const struct delivery *delivery, bool taken)
{
    int64_t now_ms = clock_now_ms();

    if (taken || now_ms > delivery->created_ms + GIVE_UP_MS)
        sim_run(sim, "DELETE FROM delivery WHERE id = ?", "i", delivery->id);
    else
        sim_run(sim, "UPDATE delivery SET attempts = attempts + 1, due = ? WHERE id = ?", "ii",
                now_ms + MIN(INT64_C(1000) << MIN(delivery->attempts, 12), RETRY_MAX_MS), delivery->id);
}

/* What is due of the things that happen by themselves; one at a time, each in its transaction. */
static bool do_later(struct sim *sim, struct arena *arena)
{
    struct sim_call call = { .sim = sim, .arena = arena, .now_s = clock_now_ms() / 1000 };
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT id, what, object FROM later WHERE due <= ? ORDER BY due LIMIT 1", "i", clock_now_ms());
    const char *what = NULL, *object = NULL;
    int64_t id = 0;

    if (sqlite3_step(stmt) == SQLITE_ROW) {
        id = sqlite3_column_int64(stmt, 0);
        what = arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 1));
        object = arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 2));
    }
    sqlite3_finalize(stmt);
    if (!what)
        return false;
    sim_run(sim, "BEGIN IMMEDIATE", "");
    sim_do_later(&call, what, object);
    sim_run(sim, "DELETE FROM later WHERE id = ?", "i", id);
    sim_run(sim, "COMMIT", "");
    return true;
}

/* ---- the thread ---- */

/* Woken by new events; else it looks every quarter second, for the clock of tests jumps. */
static void wait_a_little(struct sim *sim)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 250000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&sim->changed, &sim->lock, &until);
}

void *sim_sender_main(void *arg)
{
    struct sim *sim = arg;
    struct arena *arena = arena_new(0);
    CURL *curl;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    if (!curl)
        log_die("curl gives no handle");
    pthread_mutex_lock(&sim->lock);
    while (!sim->stopping) {
        struct delivery delivery;
        bool worked = do_later(sim, arena);

        if (next_delivery(sim, arena, &delivery)) {
            bool taken;

            pthread_mutex_unlock(&sim->lock);
            taken = post(sim, curl, arena, &delivery);
            pthread_mutex_lock(&sim->lock);
            note_delivery(sim, &delivery, taken);
            worked = true;
        }
        arena_reset(arena);
        if (!worked && !sim->stopping)
            wait_a_little(sim);
    }
    pthread_mutex_unlock(&sim->lock);
    curl_easy_cleanup(curl);
    arena_free(arena);
    return NULL;
}
