#include "payments/stripe.h"

#include <assert.h>
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "http/http.h"
#include "http/loopback.h"

/* The version whose shapes stripe_read.c knows; Stripe keeps answering in it whatever the account's default is. */
#define STRIPE_VERSION "2026-10-28.endive"

#define CONNECT_TIMEOUT_MS 3000L
#define CALL_TIMEOUT_MS 10000L
#define TRIES 3
/* No further try after this long: a buyer is waiting, or the next job. So a call takes at most twice that. */
#define TRY_AGAIN_US (10 * INT64_C(1000000))
/* A list of 100 intents with their charges is about 400 KiB. */
#define REPLY_MAX ((size_t)2 << 20)

/* A Retry-After that a call waits for itself, and the longest that keeps other calls back. */
#define RETRY_AFTER_WAIT_S 2
#define RETRY_AFTER_MAX_S 60

#define BREAKER_FAILURES 5
#define BREAKER_OPEN_US (5 * INT64_C(1000000))

struct stripe {
    /* Set by stripe_new, constant from then on: read freely. */
    struct app *app;
    char *base, *secret_key;
    bool own_simulator;

    /* Any thread. */
    atomic_bool stopping;

    /* Any thread. The breaker opens by counting; who moves open_until_us on is the one that tries whether it may close. */
    atomic_int failures;
    _Atomic int64_t open_until_us;

    /* Any thread. Too many calls (429): the next is worth while at this time. */
    _Atomic int64_t busy_until_us;
};

/* ---- one handle a thread: it keeps its connection to Stripe open between calls ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static pthread_key_t curl_key;

static void free_handle(void *handle)
{
    curl_easy_cleanup(handle);
}

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_key_create(&curl_key, free_handle);
}

static CURL *thread_handle(void)
{
    CURL *handle = pthread_getspecific(curl_key);

    if (!handle) {
        handle = curl_easy_init();
        if (!handle)
            log_die("curl gives no handle");
        pthread_setspecific(curl_key, handle);
    }
    curl_easy_reset(handle); /* keeps connections and the DNS cache */
    return handle;
}

struct stripe *stripe_new(struct app *app, const char *base, const char *secret_key)
{
    struct stripe *stripe = calloc(1, sizeof *stripe);

    if (!stripe)
        log_die("out of memory");
    pthread_once(&curl_once, start_curl);
    stripe->app = app;
    stripe->base = base ? strdup(base) : NULL;
    stripe->own_simulator = !base;
    stripe->secret_key = strdup(secret_key);
    return stripe;
}

void stripe_free(struct stripe *stripe)
{
    if (!stripe)
        return;
    free(stripe->base);
    free(stripe->secret_key);
    free(stripe);
}

void stripe_stop(struct stripe *stripe)
{
    atomic_store(&stripe->stopping, true);
}

/* ---- one try ---- */

struct call {
    struct stripe *stripe;
    struct arena *arena;
    const char *url;
    const struct buf *form;          /* NULL: GET */
    const char *idempotency_key;
    struct buf body;
    bool too_large;
    int should_retry;                /* Stripe-Should-Retry: -1 not said, 0 false, 1 true */
    int retry_after_s;               /* Retry-After in seconds (its dates are not Stripe's way); 0: not said */
    long status;
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct call *call = arg;

    if (call->body.len + size * count > REPLY_MAX) {
        call->too_large = true;
        return 0;
    }
    buf_add(&call->body, data, size * count);
    return size * count;
}

/* The value behind "name:", without its blanks; NULL when it is another header. `len` becomes the value's. */
static const char *header_value(const char *data, size_t *len, const char *name)
{
    const char *end = data + *len, *at = data + strlen(name);

    if (*len < strlen(name) || strncasecmp(data, name, strlen(name)) != 0)
        return NULL;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (unsigned char)end[-1] <= ' ')
        end--;
    *len = (size_t)(end - at);
    return at;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    size_t all = size * count, len = all;
    const char *value = header_value(data, &len, "stripe-should-retry:");

    if (value)
        call->should_retry = len == 4 && strncasecmp(value, "true", 4) == 0;
    len = all;
    value = header_value(data, &len, "retry-after:");
    if (value && len > 0 && len <= 6) {
        int seconds = 0;

        for (size_t i = 0; i < len && seconds >= 0; i++)
            seconds = value[i] >= '0' && value[i] <= '9' ? seconds * 10 + (value[i] - '0') : -1;
        call->retry_after_s = MAX(seconds, 0);
    }
    return all;
}

/* Not 0 ends the call. curl asks about every second while nothing comes, and with every piece that does. */
static int give_up(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    return atomic_load(&((struct stripe *)arg)->stopping);
}

static struct curl_slist *header(struct curl_slist *list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(list, text);

    if (!longer)
        log_die("out of memory");
    return longer;
}

static CURLcode try_once(struct call *call)
{
    CURL *curl = thread_handle();
    struct curl_slist *headers = NULL;
    CURLcode result;

    buf_clear(&call->body);
    call->should_retry = -1;
    call->retry_after_s = 0;
    call->status = 0;
    headers = header(headers, arena_printf(call->arena, "Authorization: Bearer %s", call->stripe->secret_key));
    headers = header(headers, "Stripe-Version: " STRIPE_VERSION);
    headers = header(headers, "Accept: application/json");
    headers = header(headers, "Expect:");
    if (call->form) {
        headers = header(headers, "Content-Type: application/x-www-form-urlencoded");
        headers = header(headers, arena_printf(call->arena, "Idempotency-Key: %s", call->idempotency_key));
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->form->len ? call->form->data : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->form->len);
    }
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Usher/" USHER_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, CALL_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call->stripe);
    if (call->stripe->own_simulator) {
        /* Our own process on our own machine, whose certificate names the public host and not 127.0.0.1. */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    result = curl_easy_perform(curl);
    if (result == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return result;
}

/* ---- the breaker ---- */

/* Closed; or open for long enough that this call may try. Whoever gets that turn has 5 s before the next. */
static bool breaker_lets_through(struct stripe *stripe)
{
    int64_t now_us = clock_mono_us(), until_us = atomic_load(&stripe->open_until_us);

    if (atomic_load(&stripe->failures) < BREAKER_FAILURES)
        return true;
    return now_us >= until_us && atomic_compare_exchange_strong(&stripe->open_until_us, &until_us, now_us + BREAKER_OPEN_US);
}

static void breaker_note(struct stripe *stripe, bool reached)
{
    int failures;

    if (reached) {
        if (atomic_exchange(&stripe->failures, 0) >= BREAKER_FAILURES)
            log_info("Stripe answers again");
        return;
    }
    failures = atomic_fetch_add(&stripe->failures, 1) + 1;
    if (failures < BREAKER_FAILURES)
        return;
    atomic_store(&stripe->open_until_us, clock_mono_us() + BREAKER_OPEN_US);
    if (failures == BREAKER_FAILURES)
        log_warn("Stripe cannot be reached; calls fail at once, and every %d s one tries", (int)(BREAKER_OPEN_US / 1000000));
}

/* ---- too many calls ---- */

static int busy_for_s(struct stripe *stripe)
{
    int64_t left_us = atomic_load(&stripe->busy_until_us) - clock_mono_us();

    return left_us > 0 ? (int)((left_us + 999999) / 1000000) : 0;
}

static void note_busy(struct stripe *stripe, const struct call *call)
{
    if (call->status != 429)
        return;
    log_warn("Stripe: too many calls%s", call->retry_after_s ? "; it said when to come again" : "");
    if (call->retry_after_s)
        atomic_store(&stripe->busy_until_us, clock_mono_us() + MIN(call->retry_after_s, RETRY_AFTER_MAX_S) * INT64_C(1000000));
}

/* ---- a call with its retries ---- */

static void sleep_before_try(int next, int retry_after_s)
{
    /* 0.25 s, 0.5 s, each with half of it left to chance, so that those who failed together do not come back together. */
    int64_t base_ms = INT64_C(125) << next;
    int64_t ms = retry_after_s * INT64_C(1000) + base_ms / 2 + random_below((uint32_t)base_ms / 2 + 1);
    struct timespec wait = { ms / 1000, (ms % 1000) * 1000000 };

    nanosleep(&wait, NULL);
}

static bool may_retry(const struct call *call, CURLcode result)
{
    if (result != CURLE_OK)
        return !call->too_large;
    if (call->retry_after_s > RETRY_AFTER_WAIT_S)
        return false;
    if (call->should_retry >= 0)
        return call->should_retry == 1;
    return call->status == 409 || call->status >= 500 || (call->status == 429 && call->retry_after_s);
}

static enum err read_reply(struct call *call, struct stripe_reply *out)
{
    struct fault fault = { .arena = call->arena };
    json_t *error;

    *out = (struct stripe_reply){ .status = (int)call->status, .retry_after_s = call->retry_after_s };
    if (call->status < 200 || call->status >= 500 || call->status == 429 || call->status == 401 || call->status == 403) {
        if (call->status == 401 || call->status == 403)
            log_error("Stripe refuses our key (%ld)", call->status);
        return ERR_UPSTREAM;
    }
    if (json_parse(call->arena, call->body.len ? call->body.data : "", call->body.len, &out->json, &fault) || !json_is_object(out->json)) {
        log_warn("Stripe's answer (%ld) is not JSON", call->status);
        return ERR_UPSTREAM;
    }
    error = json_object_get(out->json, "error");
    if (call->status >= 300 && !json_is_object(error))
        return ERR_UPSTREAM;
    out->error_type = json_string_value(json_object_get(error, "type"));
    out->error_code = json_string_value(json_object_get(error, "code"));
    out->error_message = json_string_value(json_object_get(error, "message"));
    return ERR_OK;
}

/* Stands in the path of a log line: what follows '?' may hold what is somebody's. */
static int path_len(const char *path)
{
    return (int)strcspn(path, "?");
}

static enum err call_stripe(struct call *call, const char *path, struct stripe_reply *out)
{
    struct stripe *stripe = call->stripe;
    int64_t began_us = clock_mono_us();
    enum err e;

    *out = (struct stripe_reply){ 0 };
    for (int n = 1;; n++) {
        CURLcode result;

        if (n == 1)
            out->retry_after_s = busy_for_s(stripe);
        if (atomic_load(&stripe->stopping) || out->retry_after_s || !breaker_lets_through(stripe))
            return ERR_UPSTREAM;
        result = try_once(call);
        if (result == CURLE_ABORTED_BY_CALLBACK)
            return ERR_UPSTREAM;
        breaker_note(stripe, result == CURLE_OK);
        if (n < TRIES && may_retry(call, result) && clock_mono_us() - began_us < TRY_AGAIN_US) {
            sleep_before_try(n, call->retry_after_s);
            continue;
        }
        note_busy(stripe, call);
        if (result != CURLE_OK) {
            log_warn("Stripe: %.*s failed after %d tries: %s", path_len(path), path, n, curl_easy_strerror(result));
            return ERR_UPSTREAM;
        }
        break;
    }
    e = read_reply(call, out);
    if (e || out->status >= 300)
        log_info("Stripe: %.*s answered %ld (%s)", path_len(path), path, call->status, out->error_code ? out->error_code : "no code");
    return e;
}

static const char *url_of(struct stripe *stripe, struct arena *arena, const char *path)
{
    if (stripe->base)
        return arena_printf(arena, "%s%s", stripe->base, path);
    return arena_printf(arena, "%s/sim/stripe%s",
                        http_loopback_base(arena, http_address(stripe->app->http), stripe->app->config->tls_cert != NULL), path);
}

enum err stripe_get(struct stripe *stripe, struct arena *arena, const char *path, struct stripe_reply *out)
{
    struct call call = { .stripe = stripe, .arena = arena, .url = url_of(stripe, arena, path), .body = buf_in(arena) };

    return call_stripe(&call, path, out);
}

enum err stripe_post(struct stripe *stripe, struct arena *arena, const char *path, const struct buf *form, const char *idempotency_key,
                     struct stripe_reply *out)
{
    struct call call = { .stripe = stripe, .arena = arena, .url = url_of(stripe, arena, path), .form = form,
                         .idempotency_key = idempotency_key, .body = buf_in(arena) };

    assert(form && idempotency_key);
    return call_stripe(&call, path, out);
}
