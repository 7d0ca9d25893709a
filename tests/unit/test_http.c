/* What a connection answers to bytes, without a socket: framing, routing, refusals in their order, cursors, problem documents. */
#include "http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/clock.h"
#include "http/assets.h"

/* ---- a small server ---- */

struct thing_new {
    struct given given;
    const char *name;
    int64_t size;
};
static const struct field thing_new_fields[] = {
    FIELD(thing_new, "name", name, FIELD_LINE, REQUIRED, 1, 20),
    FIELD(thing_new, "size", size, FIELD_INT, OPTIONAL, 1, 9),
    FIELD_END
};
static const struct shape thing_new_shape = SHAPE(thing_new, "ThingNew", thing_new_fields);

struct list_query {
    struct given given;
    int64_t limit;
    const char *cursor;
};
static const struct field list_query_fields[] = { LIST_FIELDS(list_query), FIELD_END };
static const struct shape list_query_shape = SHAPE(list_query, "ThingsQuery", list_query_fields);

static enum err echo(struct req *req, struct tx *tx)
{
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    json_str(out, "route", req->route->path);
    json_str(out, "path", req->path);
    json_id(out, "id", &req->id[0]);
    json_id(out, "second", &req->id[1]);
    json_str(out, "rest", req->rest);
    json_strn(out, "body", req->body_bytes.data ? req->body_bytes.data : "", req->body_bytes.len);
    json_close(out);
    reply_etag_of_body(req);
    return ERR_OK;
}

static enum err list(struct req *req, struct tx *tx)
{
    const struct list_query *in = req->query;
    struct page page;
    enum err e = page_read(req, in->limit, in->cursor, &page);
    struct buf *out = reply_json(req, 200);

    if (e)
        return e;
    json_open(out, NULL);
    json_int(out, "limit", page.limit);
    json_int(out, "at", page.after ? page.at : -1);
    json_close(out);
    return ERR_OK;
}

static enum err refuse(struct req *req, struct tx *tx)
{
    reply_header(req, "X-Left", "over");
    req->fault.extra_json = "\"available\":[]";
    return fault_set(&req->fault, ERR_SOLD_OUT, "%d left, \"%s\"", 0, "none");
}

static const struct route routes[] = {
    { "GET", "/v1/things", READ, list, .query = &list_query_shape, .summary = "List", .answer = "Thing" },
    { "GET", "/v1/things/{id}", READ, echo, .cache = CACHE_BY_KEY },
    { "GET", "/v1/things/{id}.ics", READ, echo },
    { "GET", "/v1/things/newest", READ, echo },
    { "GET", "/v1/things/{id}/parts/{part}", READ, echo },
    { "GET", "/v1/own/{id}", READ, echo, .who = WHO_SIGNED_IN },
    { "GET", "/v1/admin", READ, echo, .who = WHO_ADMINS },
    { "GET", "/files/{file...}", READ, echo, .raw = true },
    { "GET", "/v1/sold-out", READ, refuse },
    /* Not READ by name: the way through the writer is tested elsewhere. */
    { "POST", "/v1/things", READ, echo, .body = &thing_new_shape, .body_max = 200, .summary = "Make", .answer = "Thing", .answer_status = 201 },
    { "POST", "/v1/own", READ, echo, .body = &thing_new_shape, .who = WHO_ORGANIZERS },
    { "PUT", "/v1/picture", READ, echo, .body_type = "image/" },
    ROUTE_END
};

static enum err authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    if (len < 6 || strncmp(token, "token-", 6) != 0)
        return ERR_UNAUTHENTICATED;
    *out = (struct caller){ .account = { { 1 } }, .expires_at_ms = clock_now_ms() + 60000, .email = "ada@example.org" };
    out->groups = token[6] == 'o' ? GROUP_ORGANIZERS : token[6] == 'A' ? GROUP_ADMINS : GROUP_ATTENDEES;
    return ERR_OK;
}

static struct app app;
static struct config config;
static struct http *server;

static int open_server(void **state)
{
    static const struct route *const tables[] = { http_routes, asset_routes, routes, NULL };
    static const struct answer_schema schemas[] = { { "Thing", "{\"type\":\"object\"}" }, { NULL, NULL } };
    static const struct answer_schema *const schema_tables[] = { schemas, NULL };
    static const struct http_hooks hooks = { .authenticate = authenticate };
    struct buf error = buf_heap();

    if (sodium_init() < 0)
        return -1;
    config = (struct config){ .listen = "127.0.0.1:0", .limits = true, .max_connections = 100, .max_connections_per_address = 100,
                              .cors_origins = "https://app.example, https://other.example" };
    app.config = &config;
    server = http_open(&app, tables, schema_tables, &hooks, &error);
    if (!server)
        fprintf(stderr, "%s\n", error.data);
    buf_free(&error);
    return server ? 0 : -1;
}

static int close_server(void **state)
{
    http_close(server);
    return 0;
}

static char *answer(const char *bytes, size_t len)
{
    struct buf out = buf_heap();

    http_feed_for_tests(server, bytes, len, &out);
    return out.data ? out.data : strdup("");
}

/* The same bytes whole and one by one must be the same to us. */
static int status_of(const char *bytes)
{
    char *out = answer(bytes, strlen(bytes));
    int status = strncmp(out, "HTTP/1.1 ", 9) ? 0 : (int)strtol(out + 9, NULL, 10);

    free(out);
    return status;
}

#define HOST "Host: x\r\n"
#define ID "01930000-0000-7000-8000-0000000000aa"

static void framing_that_two_servers_could_read_differently_is_refused(void **state)
{
    static const struct {
        int want;
        const char *bytes;
    } row[] = {
        { 200, "GET /healthz HTTP/1.1\r\n" HOST "\r\n" },
        { 200, "\r\n\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n" },
        { 200, "GET http://x/healthz HTTP/1.1\r\n" HOST "\r\n" },
        { 200, "GET /healthz HTTP/1.0\r\n" HOST "\r\n" },
        { 200, "GET /healthz HTTP/1.0\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST HOST "\r\n" },
        { 400, "GET /healthz HTTP/2.0\r\n" HOST "\r\n" },
        { 400, "GET /healthz\r\n\r\n" },
        { 400, "\x16\x03\x01\x02" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\naa" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length : 1\r\n\r\na" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: +1\r\n\r\na" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: -1\r\n\r\na" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 1,1\r\n\r\na" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 99999999999999999999\r\n\r\na" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.0\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST "X-A: b\r\n c\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST "X-A: b\r\n\tc\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST "X A: b\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST ": b\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST "X-A: a\x01" "b\r\n\r\n" },
        { 400, "GET /healthz HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n" },
        { 200, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n" },
        { 400, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\nabc\r\n0\r\n\r\n" },
        /* An Upgrade is not taken up: the body is a body. */
        { 200, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na" },
    };

    for (size_t i = 0; i < COUNT(row); i++)
        if (status_of(row[i].bytes) != row[i].want)
            fail_msg("row %zu: %d for %s", i, status_of(row[i].bytes), row[i].bytes);
}

static void limits_have_their_own_answers(void **state)
{
    struct buf bytes = buf_heap();

    buf_str(&bytes, "GET /");
    for (int i = 0; i < 8200; i++)
        buf_char(&bytes, 'a');
    buf_str(&bytes, " HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(status_of(bytes.data), 414);
    buf_clear(&bytes);
    buf_str(&bytes, "GET /healthz HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 63; i++)
        buf_printf(&bytes, "X-%d: y\r\n", i);
    buf_str(&bytes, "\r\n");
    assert_int_equal(status_of(bytes.data), 200);
    bytes.len -= 2;
    buf_str(&bytes, "X-One: more\r\n\r\n");
    assert_int_equal(status_of(bytes.data), 431);
    buf_clear(&bytes);
    buf_str(&bytes, "GET /healthz HTTP/1.1\r\n" HOST "X-Long: ");
    for (int i = 0; i < 17000; i++)
        buf_char(&bytes, 'a');
    buf_str(&bytes, "\r\n\r\n");
    assert_int_equal(status_of(bytes.data), 431);
    buf_free(&bytes);
    assert_int_equal(status_of("POST /v1/things HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 201\r\n\r\n"), 413);
    /* Chunked says its length only bit by bit. */
    assert_int_equal(status_of("POST /v1/things HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nc9\r\n"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n0\r\n\r\n"),
                     413);
}

static void bytes_may_come_in_any_pieces(void **state)
{
    static const char bytes[] =
        "POST /v1/things HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nX-Request-Id: 01930000-0000-7000-8000-00000000000a\r\n"
        "Content-Length: 12\r\n\r\n{\"name\":\"a\"}"
        "GET /v1/things/" ID " HTTP/1.1\r\n" HOST "X-Request-Id: 01930000-0000-7000-8000-00000000000b\r\n\r\n"
        "POST /v1/things HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        "X-Request-Id: 01930000-0000-7000-8000-00000000000c\r\n\r\n5\r\n{\"nam\r\n7\r\ne\":\"b\"}\r\n0\r\n\r\n";
    char *whole = answer(bytes, sizeof bytes - 1);

    assert_non_null(strstr(whole, "{\\\"name\\\":\\\"b\\\"}"));
    for (size_t cut = 1; cut < sizeof bytes - 1; cut++) {
        struct buf out = buf_heap();
        struct http_test_conn *conn = http_test_open(server, &out);

        http_test_feed(conn, bytes, cut);
        http_test_feed(conn, bytes + cut, sizeof bytes - 1 - cut);
        http_test_close(conn);
        /* But for the second on the clock. */
        for (char *a = strstr(whole, "Date: "), *b = strstr(out.data, "Date: "); a && b; a = strstr(a + 1, "Date: "), b = strstr(b + 1, "Date: "))
            memcpy(b, a, 35);
        assert_string_equal(whole, out.data);
        buf_free(&out);
    }
    free(whole);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    char *out = answer("GET /files/a HTTP/1.1\r\n" HOST "\r\nHEAD /files/b HTTP/1.1\r\n" HOST "\r\nGET /files/c HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                       "GET /files/d HTTP/1.1\r\n" HOST "\r\n",
                       sizeof "GET /files/a HTTP/1.1\r\n" HOST "\r\nHEAD /files/b HTTP/1.1\r\n" HOST "\r\nGET /files/c HTTP/1.1\r\n" HOST
                              "Connection: close\r\n\r\nGET /files/d HTTP/1.1\r\n" HOST "\r\n" - 1);
    const char *a = strstr(out, "\"rest\":\"a\""), *c = strstr(out, "\"rest\":\"c\"");

    assert_non_null(a);
    assert_non_null(c);
    assert_true(a < c);
    assert_null(strstr(out, "\"rest\":\"b\"")); /* HEAD has no body */
    assert_null(strstr(out, "\"rest\":\"d\"")); /* nothing after close */
    assert_non_null(strstr(out, "Connection: close\r\n"));
    free(out);
}

static void paths_find_their_routes(void **state)
{
    static const struct {
        int want;
        const char *target, *holds;
    } row[] = {
        { 200, "/v1/things/" ID, "\"id\":\"" ID "\"" },
        { 200, "/v1/things/" ID ".ics", "{id}.ics" },
        { 200, "/v1/things/newest", "\"/v1/things/newest\"" },
        { 200, "/v1/%74hings/newest", "\"path\":\"/v1/things/newest\"" },
        { 200, "/v1/things/" ID "/parts/" ID, "\"second\":\"" ID "\"" },
        { 200, "/files/a/b%20c/d", "\"rest\":\"a/b c/d\"" },
        { 200, "/files/", "\"rest\":\"\"" },
        { 404, "/files", "problem" },
        { 200, "/files/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", "\"rest\":\"1/2/3/4/5/6/7/8/9/10/11/12/13/14/15\"" },
        { 404, "/v1/things/nonsense", "problem" },
        { 404, "/v1/things/" ID ".txt", "problem" },
        { 404, "/v1/things/" ID "x", "problem" },
        { 404, "/v1/things/", "problem" },
        { 404, "/v1/things%2Fnewest", "problem" }, /* an escaped slash is no separator */
        { 404, "/v2", "problem" },
        { 404, "//v1/things", "problem" },
        { 400, "/v1/%zz", "problem" },
        { 400, "/files/%ff", "problem" },
        { 400, "/files/%00", "problem" },
        { 422, "/v1/things/" ID "?x=1", "\"pointer\":\"x\"" },
        { 200, "/files/a?x=1", "rest" },
    };

    for (size_t i = 0; i < COUNT(row); i++) {
        char bytes[512], status[16];
        char *out;

        snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n" HOST "\r\n", row[i].target);
        snprintf(status, sizeof status, "HTTP/1.1 %d", row[i].want);
        out = answer(bytes, strlen(bytes));
        if (strncmp(out, status, strlen(status)) != 0 || !strstr(out, row[i].holds))
            fail_msg("%s: %s", row[i].target, out);
        free(out);
    }
}

static void refusals_come_in_the_contracts_order(void **state)
{
#define POST(path, headers, body) "POST " path " HTTP/1.1\r\n" HOST headers "Content-Length: " body
    static const struct {
        int want;
        const char *bytes;
    } row[] = {
        /* Everything is wrong: the first in the order is told; each row repairs one. */
        { 401, POST("/v1/own?bad=1", "Content-Type: text/plain\r\n", "99999\r\n\r\n") },
        { 401, POST("/v1/own?bad=1", "Authorization: nonsense\r\nContent-Type: text/plain\r\n", "99999\r\n\r\n") },
        { 403, POST("/v1/own?bad=1", "Authorization: token-a\r\nContent-Type: text/plain\r\n", "99999\r\n\r\n") },
        { 415, POST("/v1/own?bad=1", "Authorization: token-o\r\nContent-Type: text/plain\r\n", "99999\r\n\r\n") },
        { 413, POST("/v1/own?bad=1", "Authorization: Bearer token-o\r\nContent-Type: application/json\r\n", "99999\r\n\r\n") },
        { 400, POST("/v1/own?bad=1", "Authorization: token-o\r\nContent-Type: application/json\r\n", "2\r\n\r\n{]") },
        { 422, POST("/v1/own?bad=1", "Authorization: token-o\r\nContent-Type: application/json\r\n", "12\r\n\r\n{\"name\":\"a\"}") },
        { 422, POST("/v1/own", "Authorization: token-o\r\nContent-Type: application/json\r\n", "2\r\n\r\n{}") },
        { 422, POST("/v1/own", "Authorization: token-o\r\nContent-Type: application/json\r\nIdempotency-Key: a b\r\n", "12\r\n\r\n{\"name\":\"a\"}") },
        { 200, POST("/v1/own", "Authorization: token-o\r\nContent-Type: application/json; charset=utf-8\r\n", "12\r\n\r\n{\"name\":\"a\"}") },
        { 200, POST("/v1/own", "Authorization: token-A\r\nContent-Type: application/x+json\r\n", "12\r\n\r\n{\"name\":\"a\"}") },
        { 415, POST("/v1/own", "Authorization: token-o\r\nContent-Type: application/json; charset=latin1\r\n", "12\r\n\r\n{\"name\":\"a\"}") },
        { 415, POST("/v1/own", "Authorization: token-o\r\n", "12\r\n\r\n{\"name\":\"a\"}") },
        { 400, POST("/v1/own", "Authorization: token-o\r\nContent-Type: application/json\r\n", "0\r\n\r\n") },
        { 415, "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\na" },
        { 401, "GET /v1/own/nonsense HTTP/1.1\r\n" HOST "\r\n" },
        { 404, "GET /v1/own/nonsense HTTP/1.1\r\n" HOST "Authorization: token-a\r\n\r\n" },
        { 401, "GET /v1/things/" ID " HTTP/1.1\r\n" HOST "Authorization: Bearer wrong\r\n\r\n" },
        { 403, "GET /v1/admin HTTP/1.1\r\n" HOST "Authorization: token-o\r\n\r\n" },
        { 405, "DELETE /v1/things HTTP/1.1\r\n" HOST "\r\n" },
        { 405, "POST /healthz HTTP/1.1\r\n" HOST "\r\n" },
        { 204, "OPTIONS /v1/own HTTP/1.1\r\n" HOST "\r\n" },
        { 204, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n" },
        { 404, "OPTIONS /v9 HTTP/1.1\r\n" HOST "\r\n" },
    };

    for (size_t i = 0; i < COUNT(row); i++)
        if (status_of(row[i].bytes) != row[i].want)
            fail_msg("row %zu: %d, not %d, for %s", i, status_of(row[i].bytes), row[i].want, row[i].bytes);
}

static void expect_is_answered_before_the_body(void **state)
{
    static const char good[] = "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    static const char bad[] = "PUT /v1/picture HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    char *out = answer(good, sizeof good - 1);

    assert_string_equal(out, "HTTP/1.1 100 Continue\r\n\r\n");
    free(out);
    out = answer(bad, sizeof bad - 1);
    assert_int_equal(strncmp(out, "HTTP/1.1 415", 12), 0);
    assert_non_null(strstr(out, "Connection: close"));
    free(out);
}

static char *get(const char *path, const char *headers)
{
    char bytes[1024];

    snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n" HOST "%s\r\n", path, headers);
    return answer(bytes, strlen(bytes));
}

static void problems_tell_type_title_and_trace(void **state)
{
    char *out = get("/v1/sold-out", "X-Request-Id: 6ba7b810-9dad-11d1-80b4-00c04fd430c8\r\n");

    assert_non_null(strstr(out, "HTTP/1.1 409 Conflict\r\n"));
    assert_non_null(strstr(out, "Content-Type: application/problem+json\r\n"));
    assert_non_null(strstr(out, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(out, "X-Request-Id: 6ba7b810-9dad-11d1-80b4-00c04fd430c8\r\n"));
    assert_null(strstr(out, "X-Left")); /* what the handler prepared before it refused */
    assert_non_null(strstr(out, "{\"type\":\"/problems/sold-out\",\"title\":\"Not enough seats left\",\"status\":409,\"detail\":\"0 left, \\\"none\\\"\","
                                "\"requestId\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\",\"available\":[]}"));
    free(out);
    out = get("/problems/sold-out", "");
    assert_non_null(strstr(out, "200 OK"));
    assert_non_null(strstr(out, "Content-Security-Policy: default-src 'self'"));
    free(out);
    out = get("/problems/nonsense", "");
    assert_non_null(strstr(out, "404 Not Found"));
    free(out);
    /* One that is not a UUID could carry anything into the log: ours is taken. */
    out = get("/healthz", "X-Request-Id: evil\r\n");
    assert_null(strstr(out, "evil"));
    free(out);
}

static void cors_follows_the_exact_list(void **state)
{
    char *out = get("/v1/sold-out", "Origin: https://app.example\r\n");

    assert_non_null(strstr(out, "Access-Control-Allow-Origin: https://app.example\r\n")); /* on errors, too */
    assert_non_null(strstr(out, "Vary: Origin\r\n"));
    free(out);
    out = get("/v1/sold-out", "Origin: https://app.example.evil\r\n");
    assert_null(strstr(out, "Access-Control"));
    assert_non_null(strstr(out, "Vary: Origin\r\n"));
    free(out);
#define PREFLIGHT "OPTIONS /v1/own HTTP/1.1\r\n" HOST "Origin: https://other.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    out = answer(PREFLIGHT, sizeof PREFLIGHT - 1);
    assert_non_null(strstr(out, "204 No Content"));
    assert_non_null(strstr(out, "Access-Control-Allow-Methods: POST, OPTIONS"));
    assert_non_null(strstr(out, "Access-Control-Max-Age: 7200"));
    assert_non_null(strstr(out, "X-Amz-Target"));
    free(out);
}

static void tags_spare_the_body(void **state)
{
    char *out = get("/v1/things/" ID, ""), tag[128], header[256], *at = strstr(out, "ETag: ");

    assert_non_null(at);
    assert_int_equal(sscanf(at, "ETag: %127[^\r]", tag), 1);
    assert_non_null(strstr(out, "Cache-Control: public, max-age=1, stale-while-revalidate=5\r\n"));
    free(out);
    snprintf(header, sizeof header, "If-None-Match: \"x\", W/%s\r\n", tag);
    out = get("/v1/things/" ID, header);
    assert_non_null(strstr(out, "304 Not Modified"));
    assert_non_null(strstr(out, "ETag: "));
    assert_null(strstr(out, "Content-Length"));
    free(out);
    out = get("/v1/things/" ID, "If-None-Match: \"x\"\r\n");
    assert_non_null(strstr(out, "200 OK"));
    free(out);
    out = get("/v1/things/" ID, "Authorization: token-a\r\n");
    assert_non_null(strstr(out, "Cache-Control: private, no-store\r\n"));
    free(out);
}

static void traces_are_taken_up(void **state)
{
    static const struct {
        const char *headers, *holds;
    } row[] = {
        { "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-" },
        { "traceparent: 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more\r\n", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-" },
        { "X-Amzn-Trace-Id: Self=1;Root=1-5759e988-bd862e3fe1be46a994272793\r\n", "X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n" },
    };
    static const char *const bad[] = {
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "x",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    };
    char header[256];
    char *out;

    for (size_t i = 0; i < COUNT(row); i++) {
        out = get("/healthz", row[i].headers);
        assert_non_null(strstr(out, row[i].holds));
        free(out);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(header, sizeof header, "traceparent: %s\r\n", bad[i]);
        out = get("/healthz", header);
        assert_non_null(strstr(out, "traceparent: 00-"));
        assert_null(strstr(out, "0af7651916cd43dd"));
        assert_null(strstr(out, "-00000000000000000000000000000000-"));
        free(out);
    }
}

static void cursors_come_back_as_they_went(void **state)
{
    static const int64_t times[] = { 0, 1, 1795374000123, -1, INT64_MAX };
    struct id id = { { 1, 2, 3, 250, 255, 0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

    for (size_t i = 0; i < COUNT(times); i++) {
        struct buf text = buf_heap();
        char path[256], want[64], *out;
        const char *cursor;

        page_write_next(&text, true, times[i], &id);
        cursor = strchr(strchr(text.data, ':'), '"') + 1;
        snprintf(path, sizeof path, "/v1/things?limit=7&cursor=%.*s", (int)strcspn(cursor, "\""), cursor);
        snprintf(want, sizeof want, "{\"limit\":7,\"at\":%" PRId64 "}", times[i]);
        out = get(path, "");
        assert_non_null(strstr(out, want));
        free(out);
        buf_free(&text);
    }
    for (size_t i = 0; i < 3; i++) {
        static const char *const bad[] = { "/v1/things?cursor=x", "/v1/things?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA!", "/v1/things?cursor=" };
        char *out = get(bad[i], "");

        assert_non_null(strstr(out, "422 "));
        assert_non_null(strstr(out, "\"pointer\":\"cursor\""));
        free(out);
    }
    {
        struct buf text = buf_heap();

        page_write_next(&text, false, 1, &id);
        assert_string_equal(text.data, "\"nextCursor\":null");
        buf_free(&text);
    }
}

static void an_unsound_table_stops_the_start(void **state)
{
    static const struct route bad[][2] = {
        { { "GET", "no-slash", READ, echo }, ROUTE_END },
        { { "GET", "/a/{id", READ, echo }, ROUTE_END },
        { { "GET", "/a/{rest...}/b", READ, echo }, ROUTE_END },
        { { "GET", "/a/{x}/{y}/{z}", READ, echo }, ROUTE_END },
        { { "GET", "/a", READ, NULL }, ROUTE_END },
        { { "GET", "/a", WRITE, echo }, ROUTE_END },
        { { "GET", "/a", READ, echo, .body = &thing_new_shape }, ROUTE_END },
        { { "GET", "/healthz", READ, echo }, ROUTE_END },
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct route *tables[] = { http_routes, bad[i], NULL };
        struct app other = { .config = &config };
        struct buf error = buf_heap();

        assert_null(http_open(&other, tables, NULL, NULL, &error));
        assert_non_null(strstr(error.data, "is not sound"));
        buf_free(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing_that_two_servers_could_read_differently_is_refused),
        cmocka_unit_test(limits_have_their_own_answers),
        cmocka_unit_test(bytes_may_come_in_any_pieces),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(paths_find_their_routes),
        cmocka_unit_test(refusals_come_in_the_contracts_order),
        cmocka_unit_test(expect_is_answered_before_the_body),
        cmocka_unit_test(problems_tell_type_title_and_trace),
        cmocka_unit_test(cors_follows_the_exact_list),
        cmocka_unit_test(tags_spare_the_body),
        cmocka_unit_test(traces_are_taken_up),
        cmocka_unit_test(cursors_come_back_as_they_went),
        cmocka_unit_test(an_unsound_table_stops_the_start),
    };

    return cmocka_run_group_tests(tests, open_server, close_server);
}
