/*
 * answer.c - a reply becomes bytes: status line, headers that every response has, and the body, a file, or nothing.
 */
#include "http/inner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "observe/access_log.h"
#include "observe/metrics.h"
#include "observe/trace.h"

static const char *reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Other";
    }
}

static void add(struct buf *out, const char *name, const char *value)
{
    buf_str(out, name);
    buf_add(out, ": ", 2);
    buf_add(out, value, strcspn(value, "\r\n")); /* whatever a handler took from outside, it ends here and not in a header of its own */
    buf_add(out, "\r\n", 2);
}
#define ADD_LITERAL(out, text) buf_add((out), (text), sizeof(text) - 1)

void answer_continue(struct conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    conn_stage(conn, text, sizeof text - 1);
    conn_flush(conn);
}

/* ---- caching ---- */

/* May a cache that others share keep it, and might others have been answered otherwise? */
static bool is_shared(const struct exchange *x)
{
    const struct route *route = x->req.route;

    return route && !route->raw && route->cache != CACHE_NONE && !x->took_token && x->req.reply.status < 400;
}

static const char *cache_control(const struct exchange *x)
{
    const struct req *req = &x->req;

    if (req->reply.status >= 400)
        return "no-store";
    if (x->took_token)
        return "private, no-store";
    if (req->reply.cache_control)
        return req->reply.cache_control;
    switch (req->route && req->reply.status < 400 ? req->route->cache : CACHE_NONE) {
    case CACHE_BY_KEY:
    case CACHE_BY_ALL:
        return "public, max-age=1, stale-while-revalidate=5";
    case CACHE_STATIC:
        return "public, max-age=300, stale-while-revalidate=300";
    default:
        return "private, no-store";
    }
}

/* RFC 9110, 13.1.2: a list of tags, weakly compared; "*" is any. */
static bool etag_matches(const char *list, const char *etag)
{
    size_t len = strlen(etag);

    for (const char *at = list; *at;) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        if (at[0] == 'W' && at[1] == '/')
            at += 2;
        if (!strncmp(at, etag, len) && (!at[len] || strchr(" \t,", at[len])))
            return true;
        if (*at == '"')
            at += 1 + strcspn(at + 1, "\"");
        at += strcspn(at, ",");
    }
    return false;
}

static bool is_not_modified(const struct exchange *x, const char *etag)
{
    const char *known = exchange_header(x, HEADER_IF_NONE_MATCH);

    return known && etag && (x->is_head || !strcmp(x->req.method, "GET")) && etag_matches(known, etag);
}

/* ---- ranges of files ---- */

/* "bytes=a-b", "bytes=a-", "bytes=-n". False: to be ignored (RFC 9110, 14.2: other units, several ranges, nonsense). */
static bool range_parse(const char *text, int64_t size, int64_t *first, int64_t *last)
{
    char *end;
    int64_t from, to;

    if (strncmp(text, "bytes=", 6) != 0 || strchr(text, ','))
        return false;
    text += 6;
    if (*text == '-') {
        if (text[1] < '0' || text[1] > '9')
            return false;
        from = strtoll(text + 1, &end, 10);
        if (*end)
            return false;
        *first = from >= size ? 0 : size - from;
        *last = from ? size - 1 : -1;
        return true;
    }
    if (*text < '0' || *text > '9')
        return false;
    from = strtoll(text, &end, 10);
    if (*end != '-')
        return false;
    to = size - 1;
    if (end[1]) {
        if (end[1] < '0' || end[1] > '9')
            return false;
        to = strtoll(end + 1, &end, 10);
        if (*end || to < from)
            return false;
        to = MIN(to, size - 1);
    }
    *first = from;
    *last = to;
    return true;
}

static bool has_header(const struct reply *reply, const char *name)
{
    for (const struct reply_header *header = reply->headers; header; header = header->next)
        if (!strcasecmp(header->name, name))
            return true;
    return false;
}

/* Narrow a file's reply to the Range asked for. */
static void apply_range(struct exchange *x)
{
    struct reply *reply = &x->req.reply;
    const char *range = exchange_header(x, HEADER_RANGE), *condition = exchange_header(x, HEADER_IF_RANGE);
    int64_t first, last, size = reply->file_length;

    if (!has_header(reply, "Accept-Ranges"))
        reply_header(&x->req, "Accept-Ranges", "bytes");
    if (!range || strcmp(x->req.method, "GET") != 0 || (condition && (!reply->etag || strcmp(condition, reply->etag) != 0)))
        return;
    if (!range_parse(range, size, &first, &last))
        return;
    if (first >= size || last < first) {
        problem_write(&x->req, ERR_RANGE);
        reply_header(&x->req, "Content-Range", arena_printf(x->arena, "bytes */%" PRId64, size));
        return;
    }
    reply->status = 206;
    reply->file_offset += first;
    reply->file_length = last - first + 1;
    reply_header(&x->req, "Content-Range", arena_printf(x->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first, last, size));
}

/* ---- the head ---- */

/* What pages may load and do. The scanner's reader of QR codes is WebAssembly, so its pages are come to by a load of their own; Stripe's script and
 * frames come in only where Stripe is the provider (Stripe's docs, "Content security policy"). A handler's own policy is left as it is. */
static void page_headers(const struct exchange *x, struct buf *out)
{
    if (!has_header(&x->req.reply, "Content-Security-Policy")) {
        bool stripe = x->loop->http->hooks.stripe_pages && x->loop->http->hooks.stripe_pages(x->req.app);

        ADD_LITERAL(out, "Content-Security-Policy: default-src 'self'; script-src 'self'");
        buf_str(out, x->req.path && !strncmp(x->req.path, "/scan", 5) ? " 'wasm-unsafe-eval'" : "");
        buf_str(out, stripe ? " https://js.stripe.com https://*.js.stripe.com" : "");
        ADD_LITERAL(out, "; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'");
        buf_str(out, stripe ? " https://api.stripe.com; frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com" : "");
        ADD_LITERAL(out, "; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n");
    }
    ADD_LITERAL(out, "Referrer-Policy: strict-origin-when-cross-origin\r\nPermissions-Policy: camera=(self)\r\n");
}

/* The part that is the same each time a cached reply is sent. */
static void head_write(struct exchange *x, struct buf *out, int64_t length)
{
    const struct reply *reply = &x->req.reply;

    ADD_LITERAL(out, "HTTP/1.1 ");
    buf_int(out, reply->status);
    buf_char(out, ' ');
    buf_str(out, reason(reply->status));
    ADD_LITERAL(out, "\r\n");
    if (reply->content_type)
        add(out, "Content-Type", reply->content_type);
    if (length >= 0) {
        ADD_LITERAL(out, "Content-Length: ");
        buf_int(out, length);
        ADD_LITERAL(out, "\r\n");
    }
    add(out, "Cache-Control", cache_control(x));
    if (reply->etag)
        add(out, "ETag", reply->etag);
    if (reply->location)
        add(out, "Location", reply->location);
    ADD_LITERAL(out, "X-Content-Type-Options: nosniff\r\n");
    if (reply->content_type && !strncmp(reply->content_type, "text/html", 9))
        page_headers(x, out);
    /* Whoever may see a draft is shown it; caches must not mix the two. */
    if (is_shared(x))
        ADD_LITERAL(out, "Vary: Authorization, Origin\r\n");
    else if (cors_any(x->loop->http->cors))
        ADD_LITERAL(out, "Vary: Origin\r\n");
    for (const struct reply_header *header = reply->headers; header; header = header->next)
        add(out, header->name, header->value);
}

/* The part that differs from request to request, and the empty line. */
static void tail_write(struct exchange *x, struct buf *out)
{
    const char *origin = exchange_header(x, HEADER_ORIGIN);
    char id[ID_TEXT_LEN + 1];
    char *at;

    id_format(&x->req.request_id, id);
    at = buf_reserve(out, 120);
    loop_second(x->loop, x->req.now_ms);
    at = stpcpy(at, x->loop->date);
    at = mempcpy(at, "X-Request-Id: ", 14);
    at = mempcpy(at, id, ID_TEXT_LEN);
    at = mempcpy(at, "\r\n", 2);
    out->len = (size_t)(at - out->data);
    if (x->traceparent[0])
        add(out, "traceparent", x->traceparent);
    if (x->amzn_trace[0])
        add(out, "X-Amzn-Trace-Id", x->amzn_trace);
    if (origin && cors_allows(x->loop->http->cors, origin)) {
        add(out, "Access-Control-Allow-Origin", origin);
        ADD_LITERAL(out, "Access-Control-Expose-Headers: X-Request-Id, ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed, "
                         "x-amzn-requestid, x-amzn-errortype\r\n");
    }
    if (x->limit_name) {
        buf_printf(out, "RateLimit-Policy: \"%s\";q=%d;w=%d\r\nRateLimit: \"%s\";r=%d;t=%d\r\n", x->limit_name, x->limit_policy, x->limit_window_s,
                   x->limit_name, x->limit_left, x->limit_reset);
    }
    if (x->replayed)
        ADD_LITERAL(out, "Idempotency-Replayed: true\r\n");
    if (!x->keep_alive)
        ADD_LITERAL(out, "Connection: close\r\n");
    else if (x->version == 10)
        ADD_LITERAL(out, "Connection: keep-alive\r\n");
    ADD_LITERAL(out, "\r\n");
}

/* ---- sending ---- */

static void account_for(struct exchange *x, int status, int64_t bytes)
{
    struct loop *loop = x->loop;
    int64_t us = clock_mono_us() - x->began_us;
    size_t route = x->route_index >= 0 ? (size_t)x->route_index : (size_t)router_count(loop->http->router);

    metrics_request(loop->metrics, route, status, us);
    metrics_count(loop->metrics, METRIC_BYTES_OUT, (uint64_t)bytes);
    if (status == 201 && x->req.route && !x->replayed && x->route_index == loop->http->registrations_route)
        metrics_count(loop->metrics, METRIC_REGISTRATIONS, 1);
    if (loop->http->app->config->access_log) {
        struct access_line line = {
            .time = loop->log_time, .ms = (int)(x->req.now_ms % 1000), .request_id = &x->req.request_id, .trace_id = x->req.trace_id,
            .method = x->req.method, .route = x->req.route ? x->req.route->path : "(none)", .status = status, .bytes = bytes, .us = us,
            .account = id_is_zero(&x->req.caller.account) ? NULL : &x->req.caller.account,
        };

        loop_second(loop, x->req.now_ms);
        access_log_write(&loop->log, &line);
    }
}

static void keep_in_cache(struct exchange *x, const struct buf *out, size_t from)
{
    const struct reply *reply = &x->req.reply;
    struct cached_reply cached = {
        .head = out->data + from, .head_len = out->len - from, .body = reply->body.data, .body_len = reply->body.len, .etag = reply->etag,
        .route = x->req.route, .route_index = x->route_index, .version = x->cache_version, .key = x->req.key, .made_ms = x->req.now_ms,
    };

    replies_keep(x->loop->replies, x->req.raw_target, x->target_len, &cached);
}

static void send_body(struct exchange *x, const char *body, size_t len)
{
    if (!x->is_head && len)
        conn_stage(x->conn, body, len);
}

void answer_send(struct exchange *x)
{
    struct reply *reply = &x->req.reply;
    struct buf *out = &x->loop->out;
    struct conn *conn = x->conn;
    size_t from;
    int64_t length, sent_from = (int64_t)out->len;

    assert(reply->status);
    if (reply->status == 200 && is_not_modified(x, reply->etag)) {
        reply->status = 304;
        reply->content_type = NULL;
        buf_clear(&reply->body);
        if (reply->file >= 0)
            close(reply->file);
        reply->file = -1;
    }
    if (reply->status == 200 && reply->file >= 0)
        apply_range(x);
    length = reply->status == 204 || reply->status == 304 ? -1 : reply->file >= 0 ? reply->file_length : (int64_t)reply->body.len;
    x->keep_alive = x->keep_alive && !x->loop->stopping;
    if (conn->closing) {
        /* Left before it was run: no fault of ours. 499 is what nginx's log calls it. */
        account_for(x, x->outcome == ERR_BUSY ? 499 : reply->status, 0);
        return;
    }
    if (reply->cut) {
        account_for(x, reply->status, 0);
        conn_reset(conn);
        return;
    }
    from = out->len;
    head_write(x, out, length);
    if (x->cacheable && reply->status == 200 && reply->file < 0)
        keep_in_cache(x, out, from);
    tail_write(x, out);
    account_for(x, reply->status, (int64_t)out->len - sent_from + (x->is_head ? 0 : MAX(length, 0)));
    if (reply->file >= 0) {
        int file = reply->file;

        reply->file = -1;
        if (x->is_head)
            close(file);
        else
            conn_send_file(conn, file, reply->file_offset, reply->file_length);
        return;
    }
    send_body(x, reply->body.data, reply->body.len);
}

void answer_cached(struct exchange *x, const struct cached_reply *cached)
{
    struct buf *out = &x->loop->out;
    size_t from = out->len;
    bool same = is_not_modified(x, cached->etag);

    x->req.route = cached->route;
    x->route_index = cached->route_index;
    x->keep_alive = x->keep_alive && !x->loop->stopping;
    if (same) {
        /* Rare enough to be written anew, from the parts that a 304 must repeat (RFC 9110, 15.4.5). */
        x->req.reply.status = 304;
        x->req.reply.etag = cached->etag;
        head_write(x, out, -1);
    } else {
        buf_add(out, cached->head, cached->head_len);
    }
    tail_write(x, out);
    account_for(x, same ? 304 : 200, (int64_t)(out->len - from + (same || x->is_head ? 0 : cached->body_len)));
    if (!same)
        send_body(x, cached->body, cached->body_len);
}
