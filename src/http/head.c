/*
 * head.c - a request's head: kept as it comes in, and the framing rules that need the whole of it.
 *
 * Everything is copied, so that a parked request owns what it needs and a head
 * may arrive in any number of pieces. The copy is some 300 bytes; measured
 * against the socket's system calls it is nothing.
 */
#include "http/inner.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum known_header which;
} known_headers[] = {
    { "accept", HEADER_ACCEPT },
    { "accept-encoding", HEADER_ACCEPT_ENCODING },
    { "access-control-request-headers", HEADER_ACR_HEADERS },
    { "access-control-request-method", HEADER_ACR_METHOD },
    { "authorization", HEADER_AUTHORIZATION },
    { "content-length", HEADER_CONTENT_LENGTH },
    { "content-type", HEADER_CONTENT_TYPE },
    { "expect", HEADER_EXPECT },
    { "host", HEADER_HOST },
    { "idempotency-key", HEADER_IDEMPOTENCY_KEY },
    { "if-none-match", HEADER_IF_NONE_MATCH },
    { "if-range", HEADER_IF_RANGE },
    { "origin", HEADER_ORIGIN },
    { "range", HEADER_RANGE },
    { "traceparent", HEADER_TRACEPARENT },
    { "transfer-encoding", HEADER_TRANSFER_ENCODING },
    { "x-amzn-trace-id", HEADER_AMZN_TRACE },
    { "x-forwarded-for", HEADER_FORWARDED_FOR },
    { "x-request-id", HEADER_REQUEST_ID },
};

const char *exchange_header(const struct exchange *x, enum known_header which)
{
    return x->known[which] ? x->head + x->headers[x->known[which] - 1].value : NULL;
}

const char *req_header(const struct req *req, const char *name)
{
    const struct exchange *x = CONTAINER_OF(req, struct exchange, req);
    size_t len = strlen(name);

    for (unsigned i = 0; i < x->header_count; i++)
        if (x->headers[i].name_len == len && !strncasecmp(x->head + x->headers[i].name, name, len))
            return x->head + x->headers[i].value;
    return NULL;
}

/* ---- keeping ---- */

static void head_add(struct exchange *x, const char *at, size_t len)
{
    if (x->head_len + len + 1 > x->head_cap) {
        size_t cap = MAX(x->head_cap * 2, x->head_len + len + 1);
        char *head = arena_alloc(x->arena, cap);

        memcpy(head, x->head, x->head_len);
        x->head = head;
        x->head_cap = cap;
    }
    memcpy(x->head + x->head_len, at, len);
    x->head_len += len;
}

static void head_end_text(struct exchange *x)
{
    head_add(x, "", 1);
}

static void head_begin(void *user)
{
    struct conn *conn = user;
    struct exchange *x = exchange_take(conn->loop);

    x->conn = conn;
    conn->exchange = x;
}

static enum err head_target(void *user, const char *at, size_t len)
{
    struct exchange *x = ((struct conn *)user)->exchange;

    if (x->head_len + len > TARGET_BYTES_MAX)
        return ERR_URI_TOO_LONG;
    head_add(x, at, len);
    return ERR_OK;
}

static void recognise(struct exchange *x, const struct header *header)
{
    const char *name = x->head + header->name;

    for (size_t i = 0; i < COUNT(known_headers); i++) {
        /* All are told apart by first letter and length before the names are compared. */
        if ((name[0] | 0x20) == known_headers[i].name[0] && !strcasecmp(name, known_headers[i].name)) {
            enum known_header which = known_headers[i].which;

            if (!x->known[which])
                x->known[which] = (uint8_t)(x->header_count + 1);
            else if (which == HEADER_HOST || which == HEADER_TRANSFER_ENCODING || which == HEADER_CONTENT_LENGTH || which == HEADER_AUTHORIZATION)
                x->refusal = ERR_BAD_REQUEST; /* which of the two would the next server take? */
            return;
        }
    }
}

static void end_value(struct exchange *x)
{
    struct header *header = &x->headers[x->header_count];

    /* RFC 9110, 5.5: blanks around a value are no part of it; those before it the parser left out. */
    while (x->head_len > header->value && (x->head[x->head_len - 1] == ' ' || x->head[x->head_len - 1] == '\t'))
        x->head_len--;
    header->value_len = (uint16_t)(x->head_len - header->value);
    head_end_text(x);
    recognise(x, header);
    x->header_count++;
    x->in_value = false;
}

static enum err head_field(void *user, const char *at, size_t len)
{
    struct exchange *x = ((struct conn *)user)->exchange;
    struct header *header;

    x->head_bytes += len;
    if (x->head_done) /* a trailer: counted, and left */
        return x->head_bytes > HEAD_BYTES_MAX ? ERR_HEADERS_TOO_LARGE : ERR_OK;
    if (!x->target_len) {
        x->target_len = x->head_len;
        head_end_text(x);
    }
    if (x->in_value)
        end_value(x);
    if (x->header_count == HEADERS_MAX || x->head_bytes > HEAD_BYTES_MAX)
        return ERR_HEADERS_TOO_LARGE;
    header = &x->headers[x->header_count];
    if (!x->in_name) {
        header->name = (uint16_t)x->head_len;
        x->in_name = true;
    }
    head_add(x, at, len);
    header->name_len = (uint16_t)(x->head_len - header->name);
    return ERR_OK;
}

static enum err head_value(void *user, const char *at, size_t len)
{
    struct exchange *x = ((struct conn *)user)->exchange;
    struct header *header;

    x->head_bytes += len;
    if (x->head_bytes > HEAD_BYTES_MAX)
        return ERR_HEADERS_TOO_LARGE;
    if (x->head_done)
        return ERR_OK;
    header = &x->headers[x->header_count];
    if (!x->in_value) {
        head_end_text(x);
        x->in_name = false;
        header->value = (uint16_t)x->head_len;
        x->in_value = true;
    }
    head_add(x, at, len);
    return ERR_OK;
}

/* ---- the whole head ---- */

/* RFC 9112, 6: where the body ends must be beyond doubt, or a proxy before us may see other requests in these bytes than we do. */
static enum err check_framing(struct exchange *x)
{
    const char *coding = exchange_header(x, HEADER_TRANSFER_ENCODING);
    const char *length = exchange_header(x, HEADER_CONTENT_LENGTH);
    const char *expect = exchange_header(x, HEADER_EXPECT);

    if (x->refusal)
        return x->refusal;
    if (x->version != 10 && x->version != 11)
        return fault_set(&x->req.fault, ERR_BAD_REQUEST, "HTTP/1.1 and HTTP/1.0 are spoken here.");
    /* HTTP/1.0 has none of it: health checks of load balancers are such (RFC 9112, 3.2). */
    if (x->version == 11 && (!x->known[HEADER_HOST] || !exchange_header(x, HEADER_HOST)[0]))
        return fault_set(&x->req.fault, ERR_BAD_REQUEST, "The Host header is missing.");
    if (coding && (length || x->version == 10 || strcasecmp(coding, "chunked") != 0 || !x->chunked))
        return fault_set(&x->req.fault, ERR_BAD_REQUEST, "The only transfer coding is chunked, without a Content-Length.");
    if (length) {
        if (!length[0] || length[strspn(length, "0123456789")] || strlen(length) > 18)
            return fault_set(&x->req.fault, ERR_BAD_REQUEST, "The Content-Length is not a number.");
    }
    if (expect && strcasecmp(expect, "100-continue") != 0)
        return fault_set(&x->req.fault, ERR_BAD_REQUEST, "Nothing but 100-continue can be expected.");
    return ERR_OK;
}

static enum err head_complete(void *user)
{
    struct conn *conn = user;
    struct exchange *x = conn->exchange;
    const char *expect;
    enum err e;

    if (!x->target_len) {
        x->target_len = x->head_len;
        head_end_text(x);
    }
    if (x->in_value)
        end_value(x);
    x->head_done = true;
    x->version = parser_version(&conn->parser);
    x->keep_alive = parser_keeps_alive(&conn->parser);
    x->chunked = parser_chunked(&conn->parser);
    x->content_length = parser_content_length(&conn->parser);
    x->has_body = x->chunked || x->content_length > 0;
    x->req.method = parser_method(&conn->parser);
    x->is_head = !strcmp(x->req.method, "HEAD");
    x->req.raw_target = x->head;
    e = check_framing(x);
    if (e)
        return e;
    if (!x->has_body)
        return ERR_OK;
    /* Who sends a body learns before it whether it is wanted: a declared length over the limit is not read, and with Expect nothing is. */
    dispatch_head(x);
    expect = exchange_header(x, HEADER_EXPECT);
    if (x->refusal && (expect || x->refusal == ERR_TOO_LARGE || x->content_length > BODY_BYTES_MAX))
        return x->refusal;
    if (expect && x->version == 11)
        answer_continue(conn);
    return ERR_OK;
}

/* A body over 64 KiB (a picture) moves to the heap: in the arena it would leave each size it grew through behind, and count against the writer's
 * queue, of which one alone would fill most. */
static enum err body_to_heap(struct exchange *x)
{
    struct buf body = buf_heap();

    if (x->loop->large_bodies == LARGE_BODIES_MAX)
        return ERR_BUSY;
    x->loop->large_bodies++;
    buf_reserve(&body, x->content_length > 0 ? (size_t)x->content_length : x->body.len * 2);
    buf_add(&body, x->body.data, x->body.len);
    x->body = body;
    return ERR_OK;
}

static enum err head_body(void *user, const char *at, size_t len)
{
    enum err e = ERR_OK;
    struct exchange *x = ((struct conn *)user)->exchange;

    if (x->refusal) {
        /* Already refused by its head: what is left of a small body is passed over, so that the connection can go on. */
        x->head_bytes += len;
        return x->head_bytes > HEAD_BYTES_MAX + BODY_BYTES_MAX ? x->refusal : ERR_OK;
    }
    if (x->body.len + len > x->body_max)
        return ERR_TOO_LARGE;
    if (!x->body.data && x->content_length > 0)
        buf_reserve(&x->body, (size_t)MIN(x->content_length, (int64_t)BODY_BYTES_MAX));
    if (x->body.arena && x->body.len + len > BODY_BYTES_MAX)
        e = body_to_heap(x);
    if (!e)
        buf_add(&x->body, at, len);
    return e;
}

const struct parser_calls head_calls = {
    .begin = head_begin, .target = head_target, .field = head_field, .value = head_value, .head = head_complete, .body = head_body,
};
