#include "observe/metrics.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"

/* Upper bounds in microseconds; what is slower falls into +Inf. */
static const int64_t bounds_us[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000 };
static const char *const bounds_text[] = { "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
                                           "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10" };
_Static_assert(COUNT(bounds_us) == COUNT(bounds_text), "each bound has its text");
#define CLASSES 5

/* Only the shard's thread writes; the reader of /metrics may see a request's bucket before its sum, which is as good. */
struct series {
    atomic_uint_fast64_t buckets[COUNT(bounds_us) + 1];
    atomic_uint_fast64_t us;
};

struct metrics_shard {
    size_t routes;
    atomic_uint_fast64_t counts[METRIC_COUNT];
    struct series series[]; /* routes * CLASSES */
};

static atomic_uint_fast64_t refused_connections;

static void add(atomic_uint_fast64_t *to, uint64_t n)
{
    /* One writer, so no locked instruction is needed. */
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

struct metrics_shard *metrics_shard_open(size_t routes)
{
    struct metrics_shard *shard = calloc(1, sizeof *shard + routes * CLASSES * sizeof shard->series[0]);

    if (!shard)
        log_die("Out of memory.");
    shard->routes = routes;
    return shard;
}

void metrics_shard_close(struct metrics_shard *shard)
{
    free(shard);
}

void metrics_request(struct metrics_shard *shard, size_t route, int status, int64_t us)
{
    struct series *series;
    size_t bucket = 0;

    assert(route < shard->routes && status >= 100 && status < 600);
    series = &shard->series[route * CLASSES + (size_t)(status / 100 - 1)];
    while (bucket < COUNT(bounds_us) && us > bounds_us[bucket])
        bucket++;
    add(&series->buckets[bucket], 1);
    add(&series->us, us > 0 ? (uint64_t)us : 0);
}

void metrics_count(struct metrics_shard *shard, enum metric metric, uint64_t n)
{
    add(&shard->counts[metric], n);
}

void metrics_refused_connection(void)
{
    atomic_fetch_add_explicit(&refused_connections, 1, memory_order_relaxed);
}

/* ---- text ---- */

void metrics_family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_sample(struct buf *out, const char *name, const char *label, const char *value_of_label, double value)
{
    buf_str(out, name);
    if (label)
        buf_printf(out, "{%s=\"%s\"}", label, value_of_label);
    buf_printf(out, " %.17g\n", value);
}

struct sum {
    uint64_t buckets[COUNT(bounds_us) + 1], us, count;
};

static struct sum sum_up(struct metrics_shard *const *shards, size_t shard_count, size_t at)
{
    struct sum sum = { .us = 0 };

    for (size_t s = 0; s < shard_count; s++) {
        const struct series *series = &shards[s]->series[at];

        for (size_t b = 0; b <= COUNT(bounds_us); b++) {
            uint64_t n = get(&series->buckets[b]);

            sum.buckets[b] += n;
            sum.count += n;
        }
        sum.us += get(&series->us);
    }
    return sum;
}

static void write_series(struct buf *out, const struct metrics_label *label, size_t class, const struct sum *sum)
{
    uint64_t below = 0;

    for (size_t b = 0; b <= COUNT(bounds_us); b++) {
        below += sum->buckets[b];
        buf_printf(out, "usher_http_request_duration_seconds_bucket{method=\"%s\",route=\"%s\",status=\"%zuxx\",le=\"%s\"} %" PRIu64 "\n", label->method,
                   label->path, class + 1, b < COUNT(bounds_us) ? bounds_text[b] : "+Inf", below);
    }
    buf_printf(out,
               "usher_http_request_duration_seconds_sum{method=\"%s\",route=\"%s\",status=\"%zuxx\"} %.6f\n"
               "usher_http_request_duration_seconds_count{method=\"%s\",route=\"%s\",status=\"%zuxx\"} %" PRIu64 "\n",
               label->method, label->path, class + 1, (double)sum->us / 1e6, label->method, label->path, class + 1, sum->count);
}

static const struct {
    const char *name, *help;
} counters[METRIC_COUNT] = {
    [METRIC_CACHE_HITS] = { "usher_reply_cache_hits_total", "Public GETs answered from memory." },
    [METRIC_CACHE_MISSES] = { "usher_reply_cache_misses_total", "Public GETs that could have been answered from memory and were made anew." },
    [METRIC_TOKEN_HITS] = { "usher_token_cache_hits_total", "Bearer tokens that were known." },
    [METRIC_TOKEN_MISSES] = { "usher_token_cache_misses_total", "Bearer tokens that were checked in full." },
    [METRIC_REPLAYS] = { "usher_idempotent_replays_total", "Writes answered again under their Idempotency-Key." },
    [METRIC_CONNECTIONS] = { "usher_connections_total", "Connections accepted." },
    [METRIC_BYTES_OUT] = { "usher_sent_bytes_total", "Bytes of replies, heads included." },
    [METRIC_REGISTRATIONS] = { "usher_registrations_total", "Registrations made since the start (201 from POST /v1/registrations)." },
};

void metrics_write(struct buf *out, struct metrics_shard *const *shards, size_t shard_count, const struct metrics_label *routes, size_t route_count)
{
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        uint64_t total = 0;

        for (size_t s = 0; s < shard_count; s++)
            total += get(&shards[s]->counts[m]);
        metrics_family(out, counters[m].name, "counter", counters[m].help);
        metrics_sample(out, counters[m].name, NULL, NULL, (double)total);
    }
    metrics_family(out, "usher_connections_refused_total", "counter", "Connections refused, for too many were open.");
    metrics_sample(out, "usher_connections_refused_total", NULL, NULL, (double)get(&refused_connections));
    metrics_family(out, "usher_http_request_duration_seconds", "histogram", "Time from a request's first byte to its reply, by route template and status class.");
    for (size_t r = 0; r < route_count; r++) {
        for (size_t class = 0; class < CLASSES; class++) {
            struct sum sum = sum_up(shards, shard_count, r * CLASSES + class);

            if (sum.count)
                write_series(out, &routes[r], class, &sum);
        }
    }
}
