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

/* What a shop's endpoint is usually set to get. */
bool sim_event_delivered(const char *type)
{
    static const char *const types[] = { "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.processing",
                                         "payment_intent.requires_action", "payment_intent.canceled", "charge.refunded", "refund.created",
                                         "refund.updated", "refund.failed" };

    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* ---- one sending ---- */

struct delivery {
    int64_t id, attempts, created_ms;
    char *body;
};

static void sign(const struct sim *sim, const char *body, int64_t now_s, struct buf *header)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    struct buf signed_text = buf_in(header->arena);

    buf_printf(&signed_text, "%" PRId64 ".", now_s);
    buf_str(&signed_text, body);
    if (!HMAC(EVP_sha256(), sim->webhook_secret, (int)strlen(sim->webhook_secret), (const unsigned char *)signed_text.data, signed_text.len, mac, &mac_len))
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

static bool post(struct sim *sim, CURL *curl, struct arena *arena, const char *body)
{
    const char *url = target(sim, arena);
    struct buf header = buf_in(arena);
    struct curl_slist *headers = NULL;
    long status = 0;

    if (!url)
        return false;
    sign(sim, body, clock_now_ms() / 1000, &header);
    headers = curl_slist_append(headers, "Content-Type: application/json; charset=utf-8");
    headers = curl_slist_append(headers, header.data);
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Stripe/1.0 (simulated)");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L); /* our own process, by its loopback address */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
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
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT d.id, d.attempts, d.created, o.json FROM delivery d JOIN object o ON o.id = d.event"
                                          " WHERE d.due <= ? ORDER BY d.due, d.id LIMIT 1", "i", clock_now_ms());
    bool found = sqlite3_step(stmt) == SQLITE_ROW;

    if (found)
        *out = (struct delivery){ sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2),
                                  arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 3)) };
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
            taken = post(sim, curl, arena, delivery.body);
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
