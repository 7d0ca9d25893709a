/*
 * webhooks.c - signed events on their way, at least once, not always in order.
 *
 * A delivery is a row until it was answered with 2xx: so a restart forgets
 * none. The sweep takes what is due, lets go of the lock, posts, and comes back.
 */
#include "sim/inner.h"

#include <curl/curl.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/clock.h"
#include "http/loopback.h"

/* As Stripe in live mode: with growing pauses, for three days. */
#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS (INT64_C(3600) * 1000)
#define GIVE_UP_AFTER 80
#define DUE_A_ROUND 50

static size_t swallow(char *data, size_t size, size_t count, void *unused)
{
    (void)data;
    (void)unused;
    return size * count;
}

void sim_webhooks_open(struct sim *sim)
{
    CURL *curl = curl_easy_init();

    sim->curl = curl;
    if (!curl)
        return;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
}

void sim_webhooks_close(struct sim *sim)
{
    curl_easy_cleanup(sim->curl);
}

char *sim_signature(struct arena *arena, const char *secret, const char *payload, int64_t now_s)
{
    const char *text = arena_printf(arena, "%" PRId64 ".", now_s);
    struct buf all = buf_in(arena), out = buf_in(arena);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    buf_str(&all, text);
    buf_str(&all, payload);
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)all.data, all.len, mac, &len);
    buf_printf(&out, "t=%" PRId64 ",v1=", now_s);
    buf_hex(&out, mac, len);
    return out.data;
}

struct due {
    const char *event, *body;
    int attempts;
};

static size_t take_due(struct sim *sim, struct arena *arena, struct due *due)
{
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;

    pthread_mutex_lock(&sim->lock);
    sqlite3_prepare_v2(sim->db, "SELECT d.event, d.attempts, o.body FROM delivery d JOIN object o ON o.id = d.event WHERE d.next_at <= ?1"
                                " ORDER BY d.next_at LIMIT ?2", -1, &stmt, NULL);
    sqlite3_bind_int64(stmt, 1, clock_now_ms());
    sqlite3_bind_int(stmt, 2, DUE_A_ROUND);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        due[count++] = (struct due){ arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 0)),
                                     arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 2)), sqlite3_column_int(stmt, 1) };
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&sim->lock);
    return count;
}

/* The server's own webhook, unless another was set. Its port is known only once it listens. */
static const char *webhook_url(struct sim *sim, struct arena *arena)
{
    if (*sim->webhook_url)
        return sim->webhook_url;
    return arena_printf(arena, "%s/v1/stripe-webhook", http_loopback_base(arena, http_address(sim->app->http), sim->app->config->tls_cert != NULL));
}

static bool post(struct sim *sim, struct arena *arena, const char *body)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    const char *signature = sim_signature(arena, sim->webhook_secret, body, clock_now_ms() / 1000);
    long status = 0;
    CURLcode code;

    headers = curl_slist_append(headers, arena_printf(arena, "Stripe-Signature: %s", signature));
    curl_easy_setopt(sim->curl, CURLOPT_URL, webhook_url(sim, arena));
    curl_easy_setopt(sim->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(sim->curl, CURLOPT_POSTFIELDS, body);
    code = curl_easy_perform(sim->curl);
    curl_easy_getinfo(sim->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return code == CURLE_OK && status >= 200 && status < 300;
}

static void settle(struct sim *sim, const struct due *due, bool delivered)
{
    int64_t pause = MIN((int64_t)FIRST_PAUSE_MS << MIN(due->attempts, 20), LONGEST_PAUSE_MS);
    bool over = delivered || due->attempts + 1 >= GIVE_UP_AFTER;
    sqlite3_stmt *stmt = NULL;

    pthread_mutex_lock(&sim->lock);
    sqlite3_prepare_v2(sim->db, over ? "DELETE FROM delivery WHERE event = ?1"
                                     : "UPDATE delivery SET attempts = attempts + 1, next_at = ?2 WHERE event = ?1", -1, &stmt, NULL);
    sqlite3_bind_text(stmt, 1, due->event, -1, SQLITE_TRANSIENT);
    if (!over)
        sqlite3_bind_int64(stmt, 2, clock_now_ms() + pause);
    sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&sim->lock);
}

static void deliver(struct app *app, struct reader *reader, struct arena *arena)
{
    struct sim *sim = app->sim;
    struct due *due = ARENA_ARRAY(arena, DUE_A_ROUND, struct due);
    size_t count;

    (void)reader;
    if (!sim || !sim->curl)
        return;
    do {
        count = take_due(sim, arena, due);
        for (size_t i = 0; i < count; i++) {
            bool delivered = post(sim, arena, due[i].body);

            settle(sim, &due[i], delivered);
            /* Nobody is there: the others wait for their own time rather than each for a time-out. */
            if (!delivered)
                return;
        }
    } while (count == DUE_A_ROUND);
}

/* Nudged by each request that made an event; the period is for the retries. */
const struct sweep sim_sweeps[] = { { "simulator-webhooks", 500, deliver }, SWEEP_END };
