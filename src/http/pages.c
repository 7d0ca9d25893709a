/* pages.c - the server's own small routes: is it well, what does it count, what does the API look like, what does an error mean. */
#include "http/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/assets.h"
#include "observe/metrics.h"

static struct loop *loop_of(struct req *req)
{
    return CONTAINER_OF(req, struct exchange, req)->loop;
}

static void reply_text(struct req *req, int status, const char *text)
{
    buf_str(reply_begin(req, status, "text/plain; charset=utf-8"), text);
    req->reply.cache_control = "no-store";
}

static enum err show_health(struct req *req, struct tx *tx)
{
    reply_text(req, 200, "ok\n");
    return ERR_OK;
}

SQL(ready_probe, "SELECT value FROM meta WHERE key = 'schema'");

static enum err show_ready(struct req *req, struct tx *tx)
{
    struct query *q;

    if (atomic_load(&loop_of(req)->http->stopping))
        return fault_set(&req->fault, ERR_BUSY, "The server is stopping.");
    if (tx->connection) {
        q = query(tx, &ready_probe);
        query_row(q);
        query_end(q);
        if (tx_failed(tx))
            return fault_set(&req->fault, ERR_BUSY, "The store does not answer.");
    }
    reply_text(req, 200, "ready\n");
    return ERR_OK;
}

/* ---- /metrics ---- */

static void write_store(struct buf *out, struct app *app)
{
    struct store_stats stats;

    store_stats(app->store, &stats);
    metrics_family(out, "usher_writes_total", "counter", "Handlers that the writer ran.");
    metrics_sample(out, "usher_writes_total", NULL, NULL, (double)stats.writes);
    metrics_family(out, "usher_batches_total", "counter", "Transactions that the writer committed.");
    metrics_sample(out, "usher_batches_total", NULL, NULL, (double)stats.batches);
    metrics_family(out, "usher_commit_seconds_total", "counter", "Time spent in commits.");
    metrics_sample(out, "usher_commit_seconds_total", NULL, NULL, (double)stats.commit_us_total / 1e6);
    metrics_family(out, "usher_writes_refused_total", "counter", "Writes refused, for the queue was full.");
    metrics_sample(out, "usher_writes_refused_total", NULL, NULL, (double)stats.refused_full);
    metrics_family(out, "usher_write_queue", "gauge", "Writes that wait.");
    metrics_sample(out, "usher_write_queue", NULL, NULL, (double)stats.queued);
    metrics_family(out, "usher_write_queue_bytes", "gauge", "Memory of the writes that wait.");
    metrics_sample(out, "usher_write_queue_bytes", NULL, NULL, (double)stats.queued_bytes);
    metrics_family(out, "usher_wal_bytes", "gauge", "Size of the write-ahead log.");
    metrics_sample(out, "usher_wal_bytes", NULL, NULL, (double)stats.wal_bytes);
}

static void write_lanes(struct buf *out, struct app *app)
{
    struct lanes_stats stats;

    lanes_stats(app->lanes, &stats);
    metrics_family(out, "usher_lane_queue", "gauge", "Tasks that wait, by lane.");
    for (enum lane lane = LANE_NONE + 1; lane < LANE_COUNT; lane++)
        metrics_sample(out, "usher_lane_queue", "lane", lane_name(lane), (double)stats.queued[lane]);
    metrics_family(out, "usher_lane_queue_max", "gauge", "Most tasks that ever waited, by lane.");
    for (enum lane lane = LANE_NONE + 1; lane < LANE_COUNT; lane++)
        metrics_sample(out, "usher_lane_queue_max", "lane", lane_name(lane), (double)stats.queue_max[lane]);
    metrics_family(out, "usher_jobs_done_total", "counter", "Jobs carried out.");
    metrics_sample(out, "usher_jobs_done_total", NULL, NULL, (double)stats.jobs_done);
    metrics_family(out, "usher_jobs_failed_total", "counter", "Attempts at jobs that failed.");
    metrics_sample(out, "usher_jobs_failed_total", NULL, NULL, (double)stats.jobs_failed);
}

static void write_requests(struct buf *out, struct req *req, struct http *http)
{
    size_t routes = (size_t)router_count(http->router);
    struct metrics_label *labels = ARENA_ARRAY(req->arena, routes + METRICS_EXTRA_ROUTES, struct metrics_label);
    struct metrics_shard **shards = ARENA_ARRAY(req->arena, http->loop_count, struct metrics_shard *);

    for (size_t i = 0; i < routes; i++)
        labels[i] = (struct metrics_label){ router_at(http->router, (int)i)->method, router_at(http->router, (int)i)->path };
    labels[routes] = (struct metrics_label){ "", "(none)" };
    for (unsigned i = 0; i < http->loop_count; i++)
        shards[i] = http->loops[i].metrics;
    metrics_write(out, shards, http->loop_count, labels, routes + METRICS_EXTRA_ROUTES);
}

static enum err show_metrics(struct req *req, struct tx *tx)
{
    struct http *http = loop_of(req)->http;
    struct buf *out = reply_begin(req, 200, "text/plain; version=0.0.4; charset=utf-8");
    struct jobs_summary jobs;

    buf_reserve(out, 32 * 1024);
    write_requests(out, req, http);
    metrics_family(out, "usher_connections_open", "gauge", "Connections that are open.");
    metrics_sample(out, "usher_connections_open", NULL, NULL, (double)atomic_load(&http->connections));
    metrics_family(out, "usher_log_dropped_total", "counter", "Log lines dropped, for the log's reader was too slow.");
    metrics_sample(out, "usher_log_dropped_total", NULL, NULL, (double)log_dropped());
    if (req->app->store)
        write_store(out, req->app);
    if (req->app->lanes)
        write_lanes(out, req->app);
    if (tx->connection) {
        jobs_summary(tx, &jobs);
        metrics_family(out, "usher_jobs_waiting", "gauge", "Jobs that wait for their time or a lane.");
        metrics_sample(out, "usher_jobs_waiting", NULL, NULL, (double)jobs.waiting);
        metrics_family(out, "usher_jobs_parked", "gauge", "Jobs given up after their last attempt; each needs a person.");
        metrics_sample(out, "usher_jobs_parked", NULL, NULL, (double)jobs.parked);
    }
    req->reply.cache_control = "no-store";
    return ERR_OK;
}

/* ---- descriptions ---- */

static enum err show_openapi(struct req *req, struct tx *tx)
{
    struct http *http = loop_of(req)->http;
    struct buf *out = reply_begin(req, 200, "application/json");

    buf_add(out, http->openapi.data, http->openapi.len);
    req->reply.etag = http->openapi_etag;
    return ERR_OK;
}

void http_config_json(struct req *req, struct buf *out, const char *name)
{
    struct http *http = loop_of(req)->http;
    const char *url = req->app->public_url ? req->app->public_url : "";

    json_open(out, name);
    json_str(out, "apiEndpoint", arena_printf(req->arena, "%s/v1", url));
    if (http->hooks.web_config)
        http->hooks.web_config(req->app, out);
    json_close(out);
}

static enum err show_config(struct req *req, struct tx *tx)
{
    http_config_json(req, reply_json(req, 200), NULL);
    reply_etag_of_body(req);
    return ERR_OK;
}

static enum err show_problem(struct req *req, struct tx *tx)
{
    for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
        const struct err_info *info = err_info(e);
        struct buf *out;

        if (strcmp(info->slug, req->rest) != 0)
            continue;
        out = reply_begin(req, 200, "text/html; charset=utf-8");
        buf_str(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "<title>");
        html_text(out, info->title);
        buf_str(out, " &middot; Usher</title><link rel=\"stylesheet\" href=\"/problem.css\"></head><body><main class=\"note\"><p class=\"code\">");
        buf_printf(out, "%d</p><h1>", info->status);
        html_text(out, info->title);
        buf_str(out, "</h1><p>");
        html_text(out, info->text);
        buf_printf(out, "</p><p class=\"quiet\">Problem type <code>/problems/%s</code>. <a href=\"/\">Usher</a></p></main></body></html>\n", info->slug);
        reply_etag_of_body(req);
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

const struct route http_routes[] = {
    { "GET", "/healthz", READ, show_health, .raw = true },
    { "GET", "/readyz", READ, show_ready, .raw = true },
    { "GET", "/metrics", READ, show_metrics, .raw = true },
    { "GET", "/openapi.json", READ, show_openapi, .raw = true, .cache = CACHE_STATIC },
    { "GET", "/config.json", READ, show_config, .raw = true, .cache = CACHE_STATIC },
    { "GET", "/problems/{slug...}", READ, show_problem, .raw = true, .cache = CACHE_STATIC },
    ROUTE_END
};
