/*
 * metrics.h - what is counted, and its Prometheus text (version 0.0.4).
 *
 * A loop counts in its own shard, so counting costs an addition and no lock;
 * /metrics adds the shards up. Series are named by route template and status
 * class, never by an id: their number is fixed when the tables are read.
 */
#ifndef USHER_OBSERVE_METRICS_H
#define USHER_OBSERVE_METRICS_H

#include "base/buf.h"

enum metric {
    METRIC_CACHE_HITS, METRIC_CACHE_MISSES, METRIC_TOKEN_HITS, METRIC_TOKEN_MISSES, METRIC_REPLAYS, METRIC_CONNECTIONS, METRIC_BYTES_OUT,
    METRIC_REGISTRATIONS,
    METRIC_COUNT
};

/* Beside the routes: requests that reached none. */
#define METRICS_EXTRA_ROUTES 1

struct metrics_shard;
struct metrics_shard *metrics_shard_open(size_t routes);
void metrics_shard_close(struct metrics_shard *shard);

/* On the shard's own thread only. `route` is its index; `status` its HTTP status. */
void metrics_request(struct metrics_shard *shard, size_t route, int status, int64_t us);
void metrics_count(struct metrics_shard *shard, enum metric metric, uint64_t n);
/* Any thread: a connection over the limit was refused. */
void metrics_refused_connection(void);

/* ---- the text; any thread ---- */

struct metrics_label {
    const char *method, *path;
};
/* Requests of all shards: usher_http_requests_total and usher_http_request_duration_seconds, and the counters above. */
void metrics_write(struct buf *out, struct metrics_shard *const *shards, size_t shard_count, const struct metrics_label *routes, size_t route_count);
/* HELP and TYPE lines of one family; `type` is "counter" or "gauge". */
void metrics_family(struct buf *out, const char *name, const char *type, const char *help);
/* One sample; `label` and `value_of_label` may be NULL. */
void metrics_sample(struct buf *out, const char *name, const char *label, const char *value_of_label, double value);

#endif
