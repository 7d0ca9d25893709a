/*
 * dispatch.c - the one place that carries a request's steps out, in the contract's order:
 *
 *     cached reply? -> route (404, 405) -> CORS -> token (401) -> who (403) -> rate limit (429) -> allow (403, 404) -> 415 -> 413
 *     -> 400 JSON -> 422 fields and query -> ids in the path (404) -> key -> refuse_early -> READ, SCAN, WRITE or WORK -> reply
 *
 * What the head alone decides is decided before the body is read.
 */
#include "http/inner.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/addresses.h"
#include "http/assets.h"
#include "observe/metrics.h"
#include "observe/trace.h"

#define WRITES_A_MINUTE 120

/* ---- who asks ---- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The client's own X-Request-Id, when it is a UUID of any version. */
static bool uuid_parse(const char *text, struct id *out)
{
    size_t n = 0;

    for (size_t i = 0; i < ID_TEXT_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
            continue;
        }
        if (hex_of(text[i]) < 0)
            return false;
        out->byte[n / 2] = (uint8_t)(out->byte[n / 2] << 4 | hex_of(text[i]));
        n++;
    }
    return !text[ID_TEXT_LEN] && !id_is_zero(out);
}

/* As a UUIDv7, so that ids sort by time in a log; from the loop's own generator. */
static struct id request_id_new(struct loop *loop, int64_t now_ms, uint64_t *left)
{
    uint64_t random[2], time = (uint64_t)now_ms << 16;
    struct id id;

    loop_random(loop, random);
    for (int i = 0; i < 6; i++)
        id.byte[i] = (uint8_t)(time >> (56 - 8 * i));
    memcpy(id.byte + 6, &random[0], 2);
    memcpy(id.byte + 8, &random[1], 8);
    id.byte[6] = (uint8_t)(0x70 | (id.byte[6] & 0x0F));
    id.byte[8] = (uint8_t)(0x80 | (id.byte[8] & 0x3F));
    *left = random[0];
    return id;
}

/* The last address in X-Forwarded-For that is no proxy of ours: what stands before it anyone may have written. */
static void client_behind_proxies(struct exchange *x, const char *forwarded)
{
    struct http *http = x->loop->http;
    char text[46];

    for (size_t end = strlen(forwarded); end;) {
        size_t begin, len;
        bool ours = false;

        while (end && (forwarded[end - 1] == ' ' || forwarded[end - 1] == ','))
            end--;
        begin = end;
        while (begin && forwarded[begin - 1] != ' ' && forwarded[begin - 1] != ',')
            begin--;
        len = end - begin;
        end = begin;
        if (!len || len >= sizeof text)
            return;
        memcpy(text, forwarded + begin, len);
        text[len] = '\0';
        if (!address_parse(text, x->client))
            return;
        memcpy(x->req.peer, text, len + 1);
        for (size_t i = 0; i < http->proxy_count; i++)
            ours |= !memcmp(http->proxies[i], x->client, 16);
        if (!ours)
            return;
    }
}

static void client_find(struct exchange *x)
{
    static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
    struct http *http = x->loop->http;
    const char *forwarded = http->proxy_count ? exchange_header(x, HEADER_FORWARDED_FOR) : NULL;

    memcpy(x->client, x->conn->address, sizeof x->client);
    memcpy(x->req.peer, x->conn->peer, sizeof x->req.peer);
    if (forwarded)
        for (size_t i = 0; i < http->proxy_count; i++)
            if (!memcmp(http->proxies[i], x->conn->address, 16)) {
                client_behind_proxies(x, forwarded);
                break;
            }
    /* One household has a /64 of IPv6; its hosts are one client. */
    if (memcmp(x->client, mapped, sizeof mapped) != 0)
        memset(x->client + 8, 0, 8);
}

/* Ids and time: what every answer needs, a refusal too. */
static void identify(struct exchange *x)
{
    const char *id = exchange_header(x, HEADER_REQUEST_ID), *w3c = exchange_header(x, HEADER_TRACEPARENT), *amzn = exchange_header(x, HEADER_AMZN_TRACE);
    uint64_t random[2] = { 0 };
    char flags[3] = "00";

    if (x->identified)
        return;
    x->identified = true;
    x->req.now_ms = clock_now_ms();
    if (!id || !uuid_parse(id, &x->req.request_id))
        x->req.request_id = request_id_new(x->loop, x->req.now_ms, &random[0]);
    memcpy(&random[1], x->req.request_id.byte + 8, 8);
    if (!(w3c && trace_parse_w3c(w3c, x->req.trace_id, flags)) && !(amzn && trace_parse_amzn(amzn, x->req.trace_id)))
        trace_new(x->req.now_ms, random, x->req.trace_id);
    if (w3c)
        trace_write_w3c(x->req.trace_id, random[1], flags, x->traceparent);
    if (amzn)
        trace_write_amzn(x->req.trace_id, x->amzn_trace);
}

/* ---- what the head decides ---- */

/* The path within the target: "/a/b?c", or the absolute form that a proxy sends (RFC 9112, 3.2.2). */
static const char *target_path(const struct exchange *x, size_t *len, const char **query)
{
    const char *path = x->req.raw_target, *mark;

    if (path[0] != '/') {
        const char *host = strstr(path, "://");
        const char *slash = host ? strpbrk(host + 3, "/?#") : NULL;

        path = slash && *slash == '/' ? slash : host ? "/" : path;
    }
    *len = strcspn(path, "?#");
    mark = path + *len;
    *query = *mark == '?' ? mark + 1 : "";
    return path;
}

static enum err find_route(struct exchange *x)
{
    struct http *http = x->loop->http;
    size_t len;
    const char *path = target_path(x, &len, &x->req.query_text);
    struct routed routed = router_find(http->router, x->req.method, path, len, &x->req);

    if (!strcmp(x->req.method, "OPTIONS") && !strcmp(path, "*"))
        routed.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    else if (routed.bad_path)
        return fault_set(&x->req.fault, ERR_BAD_REQUEST, "The path is malformed: it must begin with a slash, and its escapes be UTF-8.");
    x->allow = routed.allow;
    x->req.path = memchr(path, '%', len) ? url_decode(x->arena, path, len, false, NULL) : arena_copy(x->arena, path, len);
    if (!x->req.path)
        return ERR_BAD_REQUEST;
    if (!strcmp(x->req.method, "OPTIONS") && routed.allow && !routed.route) {
        x->preflight = true;
        return ERR_OK;
    }
    if (!routed.route)
        return routed.allow ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND;
    x->req.route = routed.route;
    x->route_index = routed.index;
    x->bad_id = routed.bad_id;
    x->body_max = routed.route->body_max ? routed.route->body_max : BODY_BYTES_MAX;
    return ERR_OK;
}

static enum err check_token(struct exchange *x)
{
    const struct route *route = x->req.route;
    const char *token = exchange_header(x, HEADER_AUTHORIZATION);
    enum err e;

    if (route->raw)
        return ERR_OK;
    if (token) {
        if (!strncasecmp(token, "Bearer ", 7))
            token += 7 + strspn(token + 7, " ");
        e = tokens_check(x, token, strlen(token), &x->req.caller);
        if (e)
            return e;
        x->took_token = true;
    }
    if (!id_is_zero(&x->req.caller.gate_of) && !route->devices)
        return fault_set(&x->req.fault, ERR_FORBIDDEN, "A scanner device may only do what its gate needs.");
    if (route->who == WHO_ANYONE)
        return ERR_OK;
    if (id_is_zero(&x->req.caller.account))
        return ERR_UNAUTHENTICATED;
    if (route->who == WHO_ORGANIZERS && !(x->req.caller.groups & (GROUP_ORGANIZERS | GROUP_ADMINS)))
        return ERR_FORBIDDEN;
    if (route->who == WHO_ADMINS && !(x->req.caller.groups & GROUP_ADMINS))
        return ERR_FORBIDDEN;
    return ERR_OK;
}

static bool is_reading(const struct exchange *x)
{
    return x->is_head || !strcmp(x->req.method, "GET");
}

static enum err check_limit(struct exchange *x)
{
    const struct route *route = x->req.route;
    struct limit_taken taken;

    if (route->raw || route->urgent || (is_reading(x) && !route->hourly) || !x->req.app->config->limits || id_is_zero(&x->req.caller.account))
        return ERR_OK;
    x->limit_name = route->hourly ? route->hourly_name : "writes";
    x->limit_policy = route->hourly ? route->hourly : WRITES_A_MINUTE;
    x->limit_window_s = route->hourly ? HOUR_S : MINUTE_S;
    taken = limits_take(x->loop->http->limits, x->limit_name, &x->req.caller.account, sizeof(struct id), x->limit_policy, x->limit_window_s,
                        x->req.now_ms);
    x->limit_left = taken.left;
    x->limit_reset = taken.reset_s;
    if (taken.allowed)
        return ERR_OK;
    x->req.fault.retry_after_s = MAX(taken.reset_s, 1);
    return ERR_TOO_MANY_REQUESTS;
}

static void snapshot_begin(struct exchange *x, struct tx *tx);
static void snapshot_end(struct exchange *x, struct tx *tx);

/* 401 and 403 come before anything that is wrong with the body, also where they hang on whose thing it is. */
static enum err check_allowed(struct exchange *x)
{
    struct tx tx;
    enum err e;

    if (!x->req.route->allow || x->bad_id)
        return ERR_OK;
    snapshot_begin(x, &tx);
    e = x->req.route->allow(&x->req, &tx);
    snapshot_end(x, &tx);
    return e;
}

/* application/json or anything+json (RFC 6838, 4.2.8), in UTF-8. */
static bool is_json_type(const char *type)
{
    size_t len = strcspn(type, "; \t");
    const char *charset = strcasestr(type + len, "charset=");

    if (charset) {
        charset += 8 + (charset[8] == '"');
        if (strncasecmp(charset, "utf-8", 5) != 0)
            return false;
    }
    if (len == 16 && !strncasecmp(type, "application/json", 16))
        return true;
    return len > 17 && !strncasecmp(type, "application/", 12) && !strncasecmp(type + len - 5, "+json", 5);
}

static enum err check_body_type(struct exchange *x)
{
    const struct route *route = x->req.route;
    const char *type = exchange_header(x, HEADER_CONTENT_TYPE);

    if (!x->has_body)
        return ERR_OK;
    if (route->body_type && (!type || strncasecmp(type, route->body_type, strlen(route->body_type)) != 0))
        return ERR_UNSUPPORTED_MEDIA;
    if (route->body && !route->body_type && (!type || !is_json_type(type)))
        return fault_set(&x->req.fault, ERR_UNSUPPORTED_MEDIA, "The body must be application/json, in UTF-8.");
    if (x->content_length > 0 && (uint64_t)x->content_length > x->body_max)
        return ERR_TOO_LARGE;
    return ERR_OK;
}

void dispatch_head(struct exchange *x)
{
    enum err e;

    identify(x);
    client_find(x);
    x->head_checked = true;
    e = find_route(x);
    if (!e && !x->preflight)
        e = check_token(x);
    if (!e && !x->preflight)
        e = check_limit(x);
    if (!e && !x->preflight)
        e = check_allowed(x);
    if (!e && !x->preflight)
        e = check_body_type(x);
    x->refusal = e;
}

/* ---- what the body decides ---- */

static bool is_visible_ascii(const char *text)
{
    for (; *text; text++)
        if (*text < 0x21 || *text > 0x7E)
            return false;
    return true;
}

static void take_idempotency_key(struct exchange *x)
{
    const char *key = exchange_header(x, HEADER_IDEMPOTENCY_KEY);
    size_t len;

    if (!key || x->req.route->raw || x->req.route->secret || is_reading(x) || id_is_zero(&x->req.caller.account))
        return;
    len = strlen(key);
    if (!len || len > 255 || !is_visible_ascii(key)) {
        fault_field(&x->req.fault, "Idempotency-Key", "format", "1 to 255 visible ASCII characters are expected.");
        return;
    }
    x->idempotency_key = key;
}

static enum err read_body(struct exchange *x)
{
    const struct route *route = x->req.route;

    x->req.body_bytes = buf_bytes(&x->body);
    if (!route->body)
        return ERR_OK;
    if (!x->body.len && route->body_optional)
        return shape_read_json(route->body, "{}", 2, &x->req.body, &x->req.fault);
    if (!x->body.len)
        return fault_set(&x->req.fault, ERR_BAD_REQUEST, "A JSON body is expected.");
    return shape_read_json(route->body, x->body.data, x->body.len, &x->req.body, &x->req.fault);
}

static enum err read_query(struct exchange *x)
{
    static const struct field none[] = { FIELD_END };
    static const struct shape no_query = { .name = "NoQuery", .size = sizeof(struct given), .fields = none };
    const struct route *route = x->req.route;
    const char *query = x->req.query_text;
    void *ignored;

    if (route->query)
        return shape_read_query(route->query, query, strcspn(query, "#"), &x->req.query, &x->req.fault);
    if (!route->raw && *query && !strncmp(route->path, "/v1/", 4))
        return shape_read_query(&no_query, query, strcspn(query, "#"), &ignored, &x->req.fault);
    return ERR_OK;
}

static enum err read_input(struct exchange *x)
{
    enum err e = read_body(x), of_query;

    if (e == ERR_BAD_REQUEST)
        return e;
    of_query = read_query(x);
    if (of_query == ERR_BAD_REQUEST)
        return of_query;
    take_idempotency_key(x);
    if (x->req.fault.fields)
        return ERR_INVALID;
    if (e || of_query)
        return e ? e : of_query;
    return x->bad_id ? ERR_NOT_FOUND : ERR_OK;
}

/* ---- carrying it out ---- */

static void snapshot_begin(struct exchange *x, struct tx *tx)
{
    *tx = (struct tx){ .app = x->req.app, .arena = x->arena, .fault = &x->req.fault, .now_ms = x->req.now_ms };
    if (x->loop->reader)
        reader_begin(x->loop->reader, tx, x->arena, &x->req.fault);
    tx->actor = x->req.caller.account;
    x->req.now_ms = tx->now_ms;
}

static void snapshot_end(struct exchange *x, struct tx *tx)
{
    if (x->loop->reader)
        reader_end(x->loop->reader, tx);
}

static bool may_cache(const struct exchange *x)
{
    const struct route *route = x->req.route;

    return (route->cache == CACHE_BY_KEY || route->cache == CACHE_BY_ALL) && !x->known[HEADER_AUTHORIZATION] && !x->loop->http->bare;
}

static void run_read(struct exchange *x)
{
    static const struct id everything;
    const struct route *route = x->req.route;
    const struct store *store = x->req.app->store;
    bool cache = may_cache(x);
    uint64_t version = cache ? store_version(store, &everything) : 0;
    struct tx tx;
    enum err e = ERR_OK;

    snapshot_begin(x, &tx);
    if (cache && route->cache == CACHE_BY_KEY) {
        if (route->key)
            e = route->key(&x->req, &tx, &x->req.key);
        /* The key's own version was to be read before the snapshot, which had to be there to find the key. It is as good if nothing at all
         * has been written since before the snapshot. */
        x->cache_version = store_version(store, &x->req.key);
        cache = store_version(store, &everything) == version;
    } else {
        x->cache_version = version;
    }
    if (!e)
        e = route->handler(&x->req, &tx);
    snapshot_end(x, &tx);
    x->cacheable = cache && !e;
    if (cache)
        metrics_count(x->loop->metrics, METRIC_CACHE_MISSES, 1);
    dispatch_finish(x, e);
}

/* Key, Idempotency-Key and the cheap refusal, in one snapshot. True: the request is answered. The cheap refusal is asked for only where the
 * writer has just refused: as long as there are seats, the look would be a second reading of what the writer reads anyway. */
static bool prepare(struct exchange *x)
{
    const struct route *route = x->req.route;
    bool found = false, early;
    atomic_uchar *refused;
    struct tx tx;
    enum err e = ERR_OK;

    if (x->idempotency_key)
        idempotency_hash(x);
    if (!route->key && !route->refuse_early && !(route->kind == WORK && (x->idempotency_key || route->before_reads)))
        return false;
    snapshot_begin(x, &tx);
    if (route->key && !route->before_reads)
        e = route->key(&x->req, &tx, &x->req.key);
    refused = &x->loop->http->refused[slot_of_id(&x->req.key)];
    /* Without a key it is no shortcut but the first half of the handler (a webhook's signature), and always taken. */
    early = route->refuse_early && (!route->key || atomic_load_explicit(refused, memory_order_relaxed));
    if (!e && x->idempotency_key && (route->kind == WORK || early))
        e = idempotency_look_up(&tx, x, &found);
    if (!e && !found && early) {
        e = route->refuse_early(&x->req, &tx);
        if (!e)
            atomic_store_explicit(refused, 0, memory_order_relaxed);
    }
    if (!e && !found && route->kind == WORK && route->before_reads) {
        if (!id_is_zero(&x->req.caller.account) && !is_reading(x) && x->loop->http->hooks.still_valid)
            e = x->loop->http->hooks.still_valid(&tx, &x->req.caller);
        if (!e && route->handler)
            e = route->handler(&x->req, &tx);
        found = x->req.reply.status != 0;
        if (!e && !found && route->key)
            e = route->key(&x->req, &tx, &x->req.key);
    }
    snapshot_end(x, &tx);
    if (!e && !found)
        return false;
    dispatch_finish(x, e);
    return true;
}

static void run_work(struct exchange *x)
{
    /* A twin would do the outside work twice; the writer cannot make it wait while the first is outside. */
    if (x->idempotency_key && !carry_key_claim(x)) {
        dispatch_finish(x, fault_set(&x->req.fault, ERR_CONFLICT, "A request with this Idempotency-Key is under way."));
        return;
    }
    if (prepare(x))
        return;
    if (x->req.route->handler && !x->req.route->before_reads)
        carry_write(x, STAGE_BEFORE);
    else
        carry_work(x);
}

static void carry_out(struct exchange *x)
{
    switch (x->req.route->kind) {
    case READ:
        run_read(x);
        return;
    case SCAN:
        carry_scan(x);
        return;
    case WRITE:
        if (!prepare(x))
            carry_write(x, STAGE_WRITE);
        return;
    case WORK:
        run_work(x);
        return;
    }
}

void dispatch(struct exchange *x)
{
    enum err e;

    identify(x);
    if (!x->head_checked) {
        if (!x->known[HEADER_AUTHORIZATION] && is_reading(x)) {
            const struct cached_reply *cached = replies_find(x->loop->replies, x->loop->http, x->req.raw_target, x->target_len, x->req.now_ms);

            if (cached) {
                metrics_count(x->loop->metrics, METRIC_CACHE_HITS, 1);
                x->conn->answering = true;
                answer_cached(x, cached);
                conn_exchange_done(x->conn);
                return;
            }
        }
        dispatch_head(x);
    }
    e = x->refusal;
    if (!e && x->preflight) {
        cors_preflight(x);
        dispatch_finish(x, ERR_OK);
        return;
    }
    if (!e)
        e = read_input(x);
    if (e)
        dispatch_refuse(x, e);
    else
        carry_out(x);
}

/* ---- the answer ---- */

void dispatch_refuse(struct exchange *x, enum err e)
{
    identify(x);
    dispatch_finish(x, e);
}

/* The web app is everything that is not the API's or a machine's. */
static bool is_page(const struct exchange *x)
{
    static const char *const others[] = { "/v1/", "/identity/", "/objects/", "/sim/", "/.well-known/" };
    const char *path = x->req.path ? x->req.path : "/";

    for (size_t i = 0; i < COUNT(others); i++)
        if (!strncmp(path, others[i], strlen(others[i])))
            return false;
    return !x->req.route || !strncmp(path, "/assets/", 8) || !strncmp(path, "/problems/", 10);
}

static void write_refusal(struct exchange *x, enum err e)
{
    if (e == ERR_INTERNAL) {
        char id[ID_TEXT_LEN + 1];

        id_format(&x->req.request_id, id);
        log_error("Request %s ended with an internal error in %s %s.", id, x->req.method, x->req.route ? x->req.route->path : "(no route)");
        x->req.fault.detail = NULL;
    }
    if (e == ERR_NOT_FOUND && is_page(x) && assets_wants_html(&x->req))
        assets_not_found(&x->req);
    else
        problem_write(&x->req, e);
    if (e == ERR_METHOD_NOT_ALLOWED && x->allow)
        reply_header(&x->req, "Allow", x->allow);
    if (e == ERR_UNAUTHENTICATED)
        reply_header(&x->req, "WWW-Authenticate", x->known[HEADER_AUTHORIZATION] ? "Bearer error=\"invalid_token\"" : "Bearer");
}

void dispatch_finish(struct exchange *x, enum err e)
{
    struct conn *conn = x->conn;

    carry_key_release(x);
    if (!e && !x->req.reply.status) {
        log_error("The handler of %s %s left no reply.", x->req.method, x->req.route ? x->req.route->path : "(no route)");
        e = ERR_INTERNAL;
    }
    if (e)
        write_refusal(x, e);
    if (x->replayed)
        metrics_count(x->loop->metrics, METRIC_REPLAYS, 1);
    conn->answering = true;
    answer_send(x);
    conn_exchange_done(conn);
}
