/*
 * sim_sender.c - the thread that posts signed events, again and again until they are taken, and does what comes later.
 *
 * At least once and in no promised order, as Stripe: 2xx ends a delivery, all
 * else tries again after 1 s, 2 s, 4 s ... an hour, for 3 days. What is due is a
 * row, so a restart goes on. Each endpoint has at most 4 posts under way, so one
 * that is dead or slow holds up nobody but itself.
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/loopback.h"
#include "sim/sim_inside.h"

#define SEND_TIMEOUT_MS 5000L
#define RETRY_MAX_MS INT64_C(3600000)
#define GIVE_UP_MS (INT64_C(3) * 86400 * 1000)
#define PER_ENDPOINT 4
#define SENDINGS_MAX (17 * PER_ENDPOINT) /* our own server and 16 endpoints */
/* The clock of tests jumps; a commit wakes the thread besides. */
#define LOOK_MS 250
#define LATER_AT_ONCE 32

/* One post under way. Everything it points to is its arena's. */
struct sending {
    int64_t id, attempts, created_ms; /* id 0: free */
    struct arena *arena;
    const char *endpoint, *url, *secret, *body;
    CURL *easy;
    struct curl_slist *headers;
};

struct sender {
    struct sim *sim;
    CURLM *multi;
    struct sending sendings[SENDINGS_MAX];
    struct arena *arena; /* of one look */
};

void sim_wake(struct sim *sim)
{
    curl_multi_wakeup(sim->multi);
}

/* ---- one post ---- */

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

static const char *own_url(struct sim *sim, struct arena *arena)
{
    if (sim->webhook_url)
        return sim->webhook_url;
    if (!sim->app->http)
        return NULL;
    return arena_printf(arena, "%s/v1/stripe-webhook", http_loopback_base(arena, http_address(sim->app->http), sim->app->config->tls_cert != NULL));
}

static void begin_post(struct sender *sender, struct sending *sending)
{
    struct buf header = buf_in(sending->arena);
    CURL *curl = sending->easy = curl_easy_init();

    if (!curl)
        log_die("curl gives no handle");
    sign(sending->secret, sending->body, clock_now_ms() / 1000, &header);
    sending->headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    sending->headers = curl_slist_append(sending->headers, header.data);
    sending->headers = curl_slist_append(sending->headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_URL, sending->url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sending->body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, sending->headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Stripe/1.0 (simulated)");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!*sending->endpoint) {
        /* Our own process, by its loopback address, which its certificate does not name. */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, SEND_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, sending);
    curl_multi_add_handle(sender->multi, curl);
}

static void end_post(struct sender *sender, struct sending *sending)
{
    curl_multi_remove_handle(sender->multi, sending->easy);
    curl_easy_cleanup(sending->easy);
    curl_slist_free_all(sending->headers);
    arena_free(sending->arena);
    *sending = (struct sending){ 0 };
}

/* ---- the rows; the lock is held ---- */

static size_t under_way(struct sender *sender, const char *endpoint, int64_t id)
{
    size_t count = 0;

    for (size_t i = 0; i < SENDINGS_MAX; i++)
        count += sender->sendings[i].id && strcmp(sender->sendings[i].endpoint, endpoint) == 0 && (!id || sender->sendings[i].id == id);
    return count;
}

static struct sending *free_place(struct sender *sender)
{
    for (size_t i = 0; i < SENDINGS_MAX; i++)
        if (!sender->sendings[i].id)
            return &sender->sendings[i];
    return NULL;
}

/* What is due for one endpoint, as far as it has room. `url` NULL: our own server, whose address is not known before it listens. */
static void begin_due(struct sender *sender, const char *endpoint, const char *url, const char *secret)
{
    sqlite3_stmt *stmt = sim_prepare(sender->sim, "SELECT d.id, d.attempts, d.created, o.json FROM delivery d JOIN object o ON o.id = d.event"
                                                  " WHERE d.endpoint = ? AND d.due <= ? ORDER BY d.due, d.id LIMIT ?", "sii", endpoint, clock_now_ms(),
                                     (int64_t)(2 * PER_ENDPOINT));

    while (url && under_way(sender, endpoint, 0) < PER_ENDPOINT && sqlite3_step(stmt) == SQLITE_ROW) {
        struct sending *sending = free_place(sender);
        int64_t id = sqlite3_column_int64(stmt, 0);

        if (!sending || under_way(sender, endpoint, id))
            continue;
        *sending = (struct sending){ .id = id, .attempts = sqlite3_column_int64(stmt, 1), .created_ms = sqlite3_column_int64(stmt, 2), .arena = arena_new(0) };
        sending->endpoint = arena_strdup(sending->arena, endpoint);
        sending->url = arena_strdup(sending->arena, url);
        sending->secret = arena_strdup(sending->arena, secret);
        sending->body = arena_strdup(sending->arena, (const char *)sqlite3_column_text(stmt, 3));
        begin_post(sender, sending);
    }
    sqlite3_finalize(stmt);
}

static void begin_all_due(struct sender *sender)
{
    struct sim *sim = sender->sim;
    sqlite3_stmt *stmt;

    begin_due(sender, "", own_url(sim, sender->arena), sim->webhook_secret);
    stmt = sim_prepare(sim, "SELECT id, json, trait FROM object WHERE kind = 'webhook_endpoint' ORDER BY seq", "");
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *endpoint = json_loads((const char *)sqlite3_column_text(stmt, 1), 0, NULL);

        begin_due(sender, (const char *)sqlite3_column_text(stmt, 0), sim_text(endpoint, "url"), (const char *)sqlite3_column_text(stmt, 2));
        json_decref(endpoint);
    }
    sqlite3_finalize(stmt);
}

static void note_delivery(struct sim *sim, const struct sending *sending, bool taken)
{
    int64_t now_ms = clock_now_ms();

    if (taken || now_ms > sending->created_ms + GIVE_UP_MS)
        sim_run(sim, "DELETE FROM delivery WHERE id = ?", "i", sending->id);
    else
        sim_run(sim, "UPDATE delivery SET attempts = attempts + 1, asked = 0, due = ? WHERE id = ?", "ii",
                now_ms + MIN(INT64_C(1000) << MIN(sending->attempts, 12), RETRY_MAX_MS), sending->id);
}

/* What is due of the things that happen by themselves; one at a time, each in its transaction. False: nothing, or the file fails. */
static bool do_later(struct sender *sender)
{
    struct sim *sim = sender->sim;
    struct sim_call call = { .sim = sim, .arena = sender->arena, .now_s = clock_now_ms() / 1000 };
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT id, what, object FROM later WHERE due <= ? ORDER BY due, id LIMIT 1", "i", clock_now_ms());
    const char *what = NULL, *object = NULL;
    int64_t id = 0;
    bool good;

    if (sqlite3_step(stmt) == SQLITE_ROW) {
        id = sqlite3_column_int64(stmt, 0);
        what = arena_strdup(sender->arena, (const char *)sqlite3_column_text(stmt, 1));
        object = arena_strdup(sender->arena, (const char *)sqlite3_column_text(stmt, 2));
    }
    sqlite3_finalize(stmt);
    if (!what || sim_run(sim, "BEGIN IMMEDIATE", "") < 0)
        return false;
    sim_do_later(&call, what, object, NULL);
    json_decref(call.answer);
    good = sim_run(sim, "DELETE FROM later WHERE id = ?", "i", id) >= 0 && sim_run(sim, "COMMIT", "") >= 0;
    if (!good)
        sim_run(sim, "ROLLBACK", "");
    return good;
}

/* ---- the thread ---- */

/* True when there is more of what comes later: a few at a time, so that a clock that leaps keeps no call waiting for the lock. */
static bool look(struct sender *sender)
{
    struct sim *sim = sender->sim;
    int done = 0;

    pthread_mutex_lock(&sim->lock);
    while (done < LATER_AT_ONCE && do_later(sender))
        done++;
    begin_all_due(sender);
    pthread_mutex_unlock(&sim->lock);
    arena_reset(sender->arena);
    return done == LATER_AT_ONCE;
}

/* Posts that have ended make room; true when there were any. */
static bool reap(struct sender *sender)
{
    CURLMsg *message;
    int left;
    bool any = false;

    while ((message = curl_multi_info_read(sender->multi, &left))) {
        struct sending *sending = NULL;
        long status = 0;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&sending);
        if (message->data.result == CURLE_OK)
            curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        pthread_mutex_lock(&sender->sim->lock);
        note_delivery(sender->sim, sending, status >= 200 && status < 300);
        pthread_mutex_unlock(&sender->sim->lock);
        end_post(sender, sending);
        any = true;
    }
    return any;
}

void *sim_sender_main(void *arg)
{
    struct sim *sim = arg;
    struct sender *sender = calloc(1, sizeof *sender);

    if (!sender)
        log_die("out of memory");
    sender->sim = sim;
    sender->multi = sim->multi;
    sender->arena = arena_new(0);
    while (!atomic_load(&sim->stopping)) {
        bool more = look(sender);
        int running;

        curl_multi_perform(sender->multi, &running);
        if (!reap(sender) && !more)
            curl_multi_poll(sender->multi, NULL, 0, LOOK_MS, NULL);
    }
    for (size_t i = 0; i < SENDINGS_MAX; i++)
        if (sender->sendings[i].id)
            end_post(sender, &sender->sendings[i]);
    arena_free(sender->arena);
    free(sender);
    return NULL;
}
