/* Bytes on a connection: framing, heads, bodies, routing, refusals. Cut in two anywhere they must be answered with the same statuses. */
#include "fuzz.h"

#include <sodium.h>

#include "base/clock.h"
#include "http/http.h"

struct in {
    struct given given;
    const char *name;
};
static const struct field in_fields[] = { FIELD(in, "name", name, FIELD_LINE, REQUIRED, 1, 20), FIELD_END };
static const struct shape in_shape = SHAPE(in, "In", in_fields);

static enum err echo(struct req *req, struct tx *tx)
{
    struct buf *out = reply_json(req, 200);

    PLANT(req->rest && req->body_bytes.len > 4);
    json_open(out, NULL);
    json_str(out, "path", req->path);
    json_str(out, "rest", req->rest);
    json_str(out, "agent", req_header(req, "User-Agent") ? "given" : "none");
    json_close(out);
    reply_etag_of_body(req);
    return ERR_OK;
}

static const struct route routes[] = {
    { "GET", "/a/{id}", READ, echo },
    { "GET", "/v1/a", READ, echo },
    { "GET", "/f/{rest...}", READ, echo, .raw = true },
    { "POST", "/p", READ, echo, .body = &in_shape },
    { "POST", "/s", READ, echo, .body = &in_shape, .who = WHO_SIGNED_IN },
    { "PUT", "/f/{rest...}", READ, echo, .body_type = "image/", .body_max = 64 },
    ROUTE_END
};

static enum err authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    *out = (struct caller){ .account = { { 1 } }, .expires_at_ms = clock_now_ms() + 60000 };
    return len > 3 && token[0] == 't' ? ERR_OK : ERR_UNAUTHENTICATED;
}

static struct http *server(void)
{
    static const struct route *const tables[] = { http_routes, routes, NULL };
    static const struct http_hooks hooks = { .authenticate = authenticate };
    static struct config config = { .listen = "127.0.0.1:0", .max_connections = 10, .max_connections_per_address = 10, .cors_origins = "https://a.b" };
    static struct app app = { .config = &config };
    struct buf error = buf_heap();

    if (!app.http) {
        HOLDS(sodium_init() >= 0);
        HOLDS(http_open(&app, tables, NULL, &hooks, &error));
    }
    return app.http;
}

/* "200 404 " of the answers; bodies are ours and hold no such line. */
static void statuses(const struct buf *answers, struct buf *out)
{
    for (const char *at = answers->data; at && (at = strstr(at, "HTTP/1.1 ")); at += 9)
        buf_add(out, at + 9, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct buf whole = buf_heap(), cut = buf_heap(), want = buf_in(arena), got = buf_in(arena);
    struct http_test_conn *conn;
    size_t at;

    if (size < 2)
        return 0;
    at = data[0] % (size - 1);
    data++;
    size--;
    http_feed_for_tests(server(), (const char *)data, size, &whole);
    conn = http_test_open(server(), &cut);
    http_test_feed(conn, (const char *)data, at);
    http_test_feed(conn, (const char *)data + at, size - at);
    http_test_close(conn);
    statuses(&whole, &want);
    statuses(&cut, &got);
    HOLDS(want.len == got.len && !memcmp(want.data ? want.data : "", got.data ? got.data : "", want.len));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
