/*
 * outside.c - see outside.h: another issuer's public keys, fetched by one thread.
 *
 * The keys are looked at every 5 minutes, and soon after somebody showed a token
 * of a key that is not among them. What was fetched is the truth: a key that is
 * missing there is trusted no longer. What could not be fetched changes nothing:
 * the keys that we have stay in force as long as the issuer is away, also across
 * a restart, for they are kept in DIR/keys/issuer.json.
 */
#include "identity/outside.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "identity/parts.h"

#define CACHE_FILE "issuer.json"

enum {
    SET_BYTES_MAX = 256 * 1024,   /* one with certificates beside its keys has some 20 KiB */
    CONNECT_MS = 3000, FETCH_MS = 10000,
    EVERY_S = 300,                /* a look at the keys */
    AGAIN_S = 10, AGAIN_MAX_S = 300, /* after a failure; doubles */
    ASKED_EVERY_S = 10,           /* looks that tokens of unknown keys may cause */
    FIRST_WAIT_S = 3,
};

struct outside {
    /* Constant from outside_open on. */
    struct identity *identity;
    char *url, *endpoint;

    /* Any thread. */
    atomic_bool stopping;

    /* Guarded by lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool asked, tried;            /* tried: the first fetch is over, however it ended */

    /* The thread's own. */
    pthread_t thread;
    CURL *curl;
    int64_t asked_us;             /* when it last went because it was asked; 0: never */
    int failures;
};

/* ---- fetching ---- */

struct answer {
    struct outside *outside;
    struct buf body;
    bool too_large;
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;

    if (answer->body.len + size * count > SET_BYTES_MAX) {
        answer->too_large = true;
        return 0;
    }
    buf_add(&answer->body, data, size * count);
    return size * count;
}

/* Not 0 ends the call; curl asks at least every second. */
static int give_up(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    return atomic_load(&((struct outside *)arg)->stopping);
}

/* The body of a 200; false with a reason in `why`. */
static bool fetch(struct outside *outside, struct answer *answer, struct buf *why)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/jwk-set+json, application/json");
    CURL *curl = outside->curl;
    CURLcode result;
    long status = 0;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, outside->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Usher/" USHER_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* the settings say whom we trust, and not whom that one sends us to */
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);   /* one call in minutes */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FETCH_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, outside);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (answer->too_large)
        buf_printf(why, "the answer has more than %d bytes", SET_BYTES_MAX);
    else if (result != CURLE_OK)
        buf_str(why, curl_easy_strerror(result));
    else if (status != 200)
        buf_printf(why, "the answer is %ld", status);
    return !why->len;
}

/* ---- the copy on the disk ---- */

static void keep_copy(const struct outside *outside, const struct jwt_pool *pool)
{
    struct buf text = buf_heap(), set = buf_heap(), error = buf_heap();

    jwt_key_set(pool, clock_now_ms(), &set);
    json_open(&text, NULL);
    json_str(&text, "issuer", pool->issuer);
    json_str(&text, "url", outside->url);
    json_time(&text, "fetchedAt", clock_now_ms());
    json_raw(&text, "set", set.data, set.len);
    json_close(&text);
    if (!key_file_replace(outside->identity->dir, CACHE_FILE, &text, &error))
        log_warn("The issuer's keys are in force, but not kept: %s", error.data);
    buf_free(&text);
    buf_free(&set);
    buf_free(&error);
}

/* Of another issuer, or from another address, it is nothing to us. */
static bool read_copy(const struct outside *outside, struct arena *arena, const struct buf *text, struct jwt_pool *pool)
{
    struct fault fault = { .arena = arena };
    struct json_t *copy = NULL, *set;
    const char *issuer, *url;
    char *written;

    if (json_parse(arena, text->data, text->len, &copy, &fault))
        return false;
    issuer = json_string_value(json_object_get(copy, "issuer"));
    url = json_string_value(json_object_get(copy, "url"));
    set = json_object_get(copy, "set");
    if (!issuer || !url || strcmp(issuer, pool->issuer) != 0 || strcmp(url, outside->url) != 0 || !(written = json_dumps(set, JSON_COMPACT)))
        return false;
    bool good = jwt_key_set_read(pool, arena, written, strlen(written), &fault) == ERR_OK;
    free(written);
    return good;
}

static void take_copy(struct outside *outside)
{
    struct key_ring *ring = key_ring_new(outside->identity);
    struct arena *arena = arena_new(0);
    struct buf text = buf_heap();

    if (key_file_read(outside->identity->dir, CACHE_FILE, &text) && read_copy(outside, arena, &text, &ring->pool))
        key_ring_put(outside->identity, ring);
    else
        key_ring_drop(outside->identity, ring);
    buf_free(&text);
    arena_free(arena);
}

/* ---- looking ---- */

static bool same_keys(const struct jwt_pool *a, const struct jwt_pool *b)
{
    struct buf one = buf_heap(), other = buf_heap();

    jwt_key_set(a, 0, &one);
    jwt_key_set(b, 0, &other);
    bool same = one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
    buf_free(&one);
    buf_free(&other);
    return same;
}

/* Put what was fetched into force where it differs. Only this thread puts a ring. */
static void take_set(struct outside *outside, struct key_ring *ring)
{
    struct key_ring *now = key_ring_take(outside->identity);

    if (now && same_keys(&now->pool, &ring->pool)) {
        key_ring_drop(outside->identity, ring);
    } else {
        keep_copy(outside, &ring->pool);
        log_info("The issuer has %zu keys for us", ring->pool.key_count);
        key_ring_put(outside->identity, ring);
    }
    key_ring_drop(outside->identity, now);
}

static bool look(struct outside *outside)
{
    struct answer answer = { .outside = outside, .body = buf_heap() };
    struct buf why = buf_heap();
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    bool good = fetch(outside, &answer, &why);

    if (good) {
        struct key_ring *ring = key_ring_new(outside->identity);

        good = jwt_key_set_read(&ring->pool, arena, answer.body.len ? answer.body.data : "", answer.body.len, &fault) == ERR_OK;
        if (good)
            take_set(outside, ring);
        else
            key_ring_drop(outside->identity, ring);
    }
    if (!good && !atomic_load(&outside->stopping))
        log_warn("The issuer's keys could not be fetched: %s. Those that were fetched before stay in force.", why.len ? why.data : fault.detail);
    buf_free(&answer.body);
    buf_free(&why);
    arena_free(arena);
    return good;
}

static int64_t next_us(struct outside *outside, bool good)
{
    int64_t wait_s = EVERY_S;

    outside->failures = good ? 0 : outside->failures + 1;
    if (!good)
        wait_s = MIN((int64_t)AGAIN_S << MIN(outside->failures - 1, 10), AGAIN_MAX_S);
    return clock_mono_us() + wait_s * 1000000;
}

/* Until `due_us`, or until somebody asks and it is not too soon to be asked again. */
static void wait_until(struct outside *outside, int64_t due_us)
{
    int64_t may_us = outside->asked_us ? outside->asked_us + ASKED_EVERY_S * INT64_C(1000000) : 0;

    pthread_mutex_lock(&outside->lock);
    outside->tried = true;
    pthread_cond_broadcast(&outside->changed);
    while (!atomic_load(&outside->stopping)) {
        int64_t now_us = clock_mono_us(), until_us = outside->asked ? MIN(MAX(may_us, now_us), due_us) : due_us;
        struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };

        if (until_us <= now_us)
            break;
        pthread_cond_timedwait(&outside->changed, &outside->lock, &until);
    }
    if (outside->asked)
        outside->asked_us = clock_mono_us();
    outside->asked = false;
    pthread_mutex_unlock(&outside->lock);
}

static void *keep_looking(void *arg)
{
    struct outside *outside = arg;

    while (!atomic_load(&outside->stopping))
        wait_until(outside, next_us(outside, look(outside)));
    return NULL;
}

void outside_ask(struct outside *outside)
{
    pthread_mutex_lock(&outside->lock);
    if (!outside->asked) {
        outside->asked = true;
        pthread_cond_broadcast(&outside->changed);
    }
    pthread_mutex_unlock(&outside->lock);
}

/* ---- settings ---- */

/* In the clear anybody on the way could name keys of his own, and be whoever he likes. */
static bool is_safe(const char *url)
{
    static const char *const own[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };

    for (size_t i = 0; i < COUNT(own); i++) {
        size_t len = strlen(own[i]);

        if (strncmp(url, own[i], len) == 0 && strchr(":/", url[len])) /* or its end */
            return true;
    }
    return strncmp(url, "https://", 8) == 0;
}

/* "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC" is the pool eu-west-1_AbC at https://cognito-idp.eu-west-1.amazonaws.com/. An issuer
 * whose last part is no pool's name is an endpoint as a whole, and gets a name of that form: clients insist on it. */
static void read_names(struct outside *outside, const char *issuer, struct buf *pool)
{
    struct buf endpoint = buf_heap();
    size_t len = strlen(issuer);

    while (len && issuer[len - 1] == '/')
        len--;
    size_t last = len;
    while (last && issuer[last - 1] != '/')
        last--;
    if (memchr(issuer + last, '_', len - last)) {
        buf_add(pool, issuer + last, len - last);
        len = last - (last > 0);
    } else {
        buf_str(pool, "oidc_");
        for (size_t i = last; i < len; i++)
            if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", issuer[i]))
                buf_char(pool, issuer[i]);
    }
    buf_add(&endpoint, issuer, len);
    buf_char(&endpoint, '/');
    outside->endpoint = endpoint.data;
}

static char *key_set_url(const struct config *config)
{
    struct buf url = buf_heap();
    size_t len = strlen(config->oidc_issuer);

    while (len && config->oidc_issuer[len - 1] == '/')
        len--;
    if (config->oidc_jwks_url)
        buf_str(&url, config->oidc_jwks_url);
    else
        buf_printf(&url, "%.*s/.well-known/jwks.json", (int)len, config->oidc_issuer);
    return url.data;
}

bool identity_settings_good(const struct config *config, struct buf *error)
{
    char *url;

    if (!config->oidc_issuer)
        return true;
    url = key_set_url(config);
    if (!config->oidc_client_id)
        buf_str(error, "USHER_OIDC_ISSUER needs USHER_OIDC_CLIENT_ID: tokens that the issuer made for other applications are not for us");
    else if (!is_safe(url) || !is_safe(config->oidc_issuer))
        buf_str(error, "USHER_OIDC_ISSUER and USHER_OIDC_JWKS_URL must begin with https://, unless they are on this machine");
    free(url);
    return !error->len;
}

/* ---- life ---- */

static void wait_for_first_set(struct outside *outside)
{
    int64_t until_us = clock_mono_us() + FIRST_WAIT_S * INT64_C(1000000);
    struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };

    pthread_mutex_lock(&outside->lock);
    while (!outside->tried && clock_mono_us() < until_us)
        pthread_cond_timedwait(&outside->changed, &outside->lock, &until);
    pthread_mutex_unlock(&outside->lock);
}

static void make_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct outside *outside_open(struct identity *identity)
{
    const struct config *config = identity->app->config;
    struct buf pool = buf_heap();

    struct outside *outside = calloc(1, sizeof *outside);
    if (!outside || curl_global_init(CURL_GLOBAL_DEFAULT) || !(outside->curl = curl_easy_init()))
        log_die("out of memory");
    outside->identity = identity;
    outside->url = key_set_url(config);
    read_names(outside, config->oidc_issuer, &pool);
    identity->pool_id = pool.data;
    identity->issuer = strdup(config->oidc_issuer);
    identity->client_id = strdup(config->oidc_client_id);
    pthread_mutex_init(&outside->lock, NULL);
    make_monotonic(&outside->changed);
    take_copy(outside);
    if (pthread_create(&outside->thread, NULL, keep_looking, outside))
        log_die("No thread could be made for the issuer's keys.");
    if (!identity_keys_ready(identity))
        wait_for_first_set(outside);
    return outside;
}

void outside_close(struct outside *outside)
{
    if (!outside)
        return;
    pthread_mutex_lock(&outside->lock);
    atomic_store(&outside->stopping, true);
    pthread_cond_broadcast(&outside->changed);
    pthread_mutex_unlock(&outside->lock);
    pthread_join(outside->thread, NULL);
    pthread_mutex_destroy(&outside->lock);
    pthread_cond_destroy(&outside->changed);
    curl_easy_cleanup(outside->curl);
    curl_global_cleanup();
    free(outside->url);
    free(outside->endpoint);
    free(outside);
}

const char *outside_endpoint(const struct outside *outside)
{
    return outside->endpoint;
}
