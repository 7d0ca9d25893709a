/*
 * limits.c - token buckets by account and by address, in a table of fixed size.
 *
 * A bucket holds at most a window's worth (a minute's, or an hour's) and refills evenly. The table has
 * room for 32,768 buckets in groups of eight; when a group is full the bucket
 * that is nearest to full again is forgotten, which costs the limit least: an
 * attacker with many addresses can make us forget only clients that hardly
 * used theirs. Keys are hashed with a secret, so nobody can choose a group.
 */
#include "http/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "base/random.h"

#define GROUPS 4096
#define WAYS 8

struct bucket {
    uint64_t key;   /* 0: free */
    double tokens;
    int64_t at_ms;  /* when `tokens` was right */
    double per_ms, full;
};

struct limits {
    unsigned char secret[crypto_shorthash_KEYBYTES];
    /* Guarded by lock; held for a few instructions. Only writes and sign-ins come here. */
    uv_mutex_t lock;
    struct bucket buckets[GROUPS][WAYS];
};

struct limits *limits_open(void)
{
    struct limits *limits = calloc(1, sizeof *limits);

    if (!limits || uv_mutex_init(&limits->lock))
        log_die("Out of memory.");
    random_bytes(limits->secret, sizeof limits->secret);
    return limits;
}

void limits_close(struct limits *limits)
{
    if (!limits)
        return;
    uv_mutex_destroy(&limits->lock);
    free(limits);
}

static double tokens_now(const struct bucket *bucket, int64_t now_ms)
{
    int64_t passed = now_ms > bucket->at_ms ? now_ms - bucket->at_ms : 0;

    return fmin(bucket->full, bucket->tokens + bucket->per_ms * (double)passed);
}

static struct bucket *bucket_find(struct limits *limits, uint64_t key, int count, int window_s, int64_t now_ms)
{
    struct bucket *group = limits->buckets[key % GROUPS], *best = &group[0];
    double best_missing = INFINITY;

    for (size_t i = 0; i < WAYS; i++) {
        double missing = group[i].key ? group[i].full - tokens_now(&group[i], now_ms) : -1;

        if (group[i].key == key && group[i].full == count)
            return &group[i];
        if (missing < best_missing) {
            best = &group[i];
            best_missing = missing;
        }
    }
    *best = (struct bucket){ key, count, now_ms, count / (window_s * 1000.0), count };
    return best;
}

static struct limit_taken take(struct limits *limits, const char *name, const void *who, size_t who_len, int count, int window_s, int64_t now_ms,
                                double cost)
{
    unsigned char text[64] = { 0 };
    size_t name_len = MIN(strlen(name), (size_t)24);
    struct limit_taken taken;
    struct bucket *bucket;
    uint64_t key;

    memcpy(text, name, name_len);
    memcpy(text + 24, who, MIN(who_len, (size_t)40));
    crypto_shorthash((unsigned char *)&key, text, sizeof text, limits->secret);
    uv_mutex_lock(&limits->lock);
    bucket = bucket_find(limits, key | 1, count, window_s, now_ms);
    bucket->tokens = tokens_now(bucket, now_ms);
    bucket->at_ms = now_ms;
    taken.allowed = bucket->tokens >= 1;
    if (taken.allowed)
        bucket->tokens -= cost;
    taken.left = (int)bucket->tokens;
    /* Until one more is there, or until the bucket is full again when some are left. */
    taken.reset_s = (int)ceil((taken.allowed ? bucket->full - bucket->tokens : 1 - bucket->tokens) / bucket->per_ms / 1000);
    uv_mutex_unlock(&limits->lock);
    return taken;
}

struct limit_taken limits_take(struct limits *limits, const char *name, const void *who, size_t who_len, int count, int window_s, int64_t now_ms)
{
    return take(limits, name, who, who_len, count, window_s, now_ms, 1);
}

static bool take_of_address(struct req *req, const char *name, int per_minute, double cost)
{
    struct exchange *x = CONTAINER_OF(req, struct exchange, req);
    struct limit_taken taken;

    if (!req->app->config->limits)
        return true;
    taken = take(x->loop->http->limits, name, x->client, sizeof x->client, per_minute, MINUTE_S, req->now_ms, cost);
    x->limit_name = name;
    x->limit_policy = per_minute;
    x->limit_window_s = MINUTE_S;
    x->limit_left = taken.left;
    x->limit_reset = taken.reset_s;
    if (!taken.allowed)
        req->fault.retry_after_s = MAX(taken.reset_s, 1);
    return taken.allowed;
}

bool http_limit_take(struct req *req, const char *name, int per_minute)
{
    return take_of_address(req, name, per_minute, 1);
}

bool http_limit_left(struct req *req, const char *name, int per_minute)
{
    return take_of_address(req, name, per_minute, 0);
}

const uint8_t *http_client(const struct req *req)
{
    return CONTAINER_OF(req, const struct exchange, req)->client;
}
