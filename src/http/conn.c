/*
 * conn.c - a connection: bytes in, replies out in order, and what it may take its time over.
 *
 * One exchange at a time. While one is parked the bytes behind it are kept
 * unparsed, so pipelined requests are answered in order; reading goes on up to
 * a bound, which is how a client's leaving is noticed. Replies are staged in the
 * loop's buffer and leave in one write when the bytes at hand are used up.
 *
 * Deadlines are absolute: a client that drips bytes gains no time by it. Each
 * kind has one length, so a list per kind is in order by itself and one timer
 * looks at the heads.
 */
#include "http/inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/addresses.h"
#include "observe/metrics.h"

static void conn_settle(struct conn *conn);

/* ---- waiting ---- */

static const int wait_ms[WAIT_COUNT] = {
    [WAIT_HEAD] = HEAD_MS, [WAIT_BODY] = BODY_MS, [WAIT_IDLE] = IDLE_MS, [WAIT_SEND] = SEND_MS, [WAIT_LINGER] = LINGER_MS,
};

static void wait_end(struct conn *conn)
{
    struct conn_list *list = &conn->loop->waiting[conn->wait];

    if (conn->wait == WAIT_NONE)
        return;
    *(conn->prev ? &conn->prev->next : &list->first) = conn->next;
    *(conn->next ? &conn->next->prev : &list->last) = conn->prev;
    conn->prev = conn->next = NULL;
    conn->wait = WAIT_NONE;
}

static void wait_begin(struct conn *conn, enum wait wait)
{
    struct conn_list *list = &conn->loop->waiting[wait];

    wait_end(conn);
    conn->wait = wait;
    conn->deadline_ms = (int64_t)uv_now(&conn->loop->uv) + wait_ms[wait];
    conn->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = conn;
    list->last = conn;
}

/* ---- ending ---- */

static void conn_free(struct conn *conn)
{
    struct http *http = conn->loop->http;

    if (!conn->test_out) {
        addresses_leave(http, conn->address);
        atomic_fetch_sub(&http->connections, 1);
        conn->loop->conn_count--;
    }
    buf_free(&conn->tail);
    free(conn);
}

static void conn_free_if_done(struct conn *conn)
{
    if (conn->closed && !conn->parked && !conn->file)
        conn_free(conn);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    conn->closed = true;
    conn_free_if_done(conn);
}

void conn_close(struct conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    if (conn->lingering)
        conn->loop->lingering_count--;
    wait_end(conn);
    if (conn->exchange && conn->parked) {
        /* The queue owns it. What was not begun is not run any more; what was begun ends, and nobody hears of it. */
        atomic_store(&conn->exchange->write.gone, true);
    } else if (conn->exchange && !conn->answering) {
        exchange_release(conn->exchange);
        conn->exchange = NULL;
    }
    if (conn->test_out) {
        conn->closed = true;
        return;
    }
    uv_close((uv_handle_t *)&conn->socket, on_closed);
}

void conn_reset(struct conn *conn)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    uv_os_fd_t fd;

    if (!conn->closing && !conn->test_out && !uv_fileno((uv_handle_t *)&conn->socket, &fd))
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    conn_close(conn);
}

/* The last reply is on its way. Closing at once could reset the connection before the client has read it (RFC 9112, 9.6). */
static void conn_linger(struct conn *conn)
{
    uv_os_fd_t fd;

    if (conn->test_out || uv_fileno((uv_handle_t *)&conn->socket, &fd) || shutdown(fd, SHUT_WR)) {
        conn_close(conn);
        return;
    }
    conn->lingering = true;
    conn->loop->lingering_count++;
    buf_free(&conn->tail);
    wait_begin(conn, WAIT_LINGER);
}

/* ---- writing ---- */

struct pending {
    uv_write_t write;
    struct conn *conn;
    size_t len;
    char bytes[];
};

static void conn_resume(struct conn *conn);

static void on_written(uv_write_t *write, int status)
{
    struct pending *pending = write->data;
    struct conn *conn = pending->conn;

    conn->unsent -= pending->len;
    free(pending);
    if (conn->closing)
        return;
    if (status < 0) {
        conn_close(conn);
        return;
    }
    conn_resume(conn);
}

void conn_stage(struct conn *conn, const void *data, size_t len)
{
    buf_add(&conn->loop->out, data, len);
    if (conn->loop->out.len >= OUT_BYTES)
        conn_flush(conn);
}

void conn_flush(struct conn *conn)
{
    struct buf *out = &conn->loop->out;
    size_t sent = 0;

    if (out->len && conn->test_out) {
        buf_add(conn->test_out, out->data, out->len);
    } else if (out->len && !conn->closing) {
        uv_buf_t bytes = uv_buf_init(out->data, (unsigned)out->len);
        struct pending *pending;
        int n = conn->unsent ? UV_EAGAIN : uv_try_write((uv_stream_t *)&conn->socket, &bytes, 1);

        if (n < 0 && n != UV_EAGAIN) {
            buf_clear(out);
            conn_close(conn);
            return;
        }
        sent = n > 0 ? (size_t)n : 0;
        if (sent < out->len) {
            pending = malloc(sizeof *pending + out->len - sent);
            if (!pending)
                log_die("Out of memory.");
            pending->write.data = pending;
            pending->conn = conn;
            pending->len = out->len - sent;
            memcpy(pending->bytes, out->data + sent, pending->len);
            bytes = uv_buf_init(pending->bytes, (unsigned)pending->len);
            conn->unsent += pending->len;
            n = uv_write(&pending->write, (uv_stream_t *)&conn->socket, &bytes, 1, on_written);
            if (n) {
                conn->unsent -= pending->len;
                free(pending);
                conn_close(conn);
            }
        }
    }
    buf_clear(out);
    /* One big reply must not keep its size for ever. */
    if (out->cap > 4 * OUT_BYTES)
        buf_free(out);
}

/* ---- files ---- */

struct file_send {
    uv_fs_t read;
    uv_write_t write;
    struct conn *conn;
    int file;
    int64_t offset, left;
    char bytes[64 * 1024];
};

static void file_end(struct file_send *send)
{
    struct conn *conn = send->conn;

    close(send->file); /* read-only: closing neither waits nor fails in a way that matters */
    free(send);
    conn->file = NULL;
    if (conn->closing)
        conn_free_if_done(conn);
    else
        conn_resume(conn);
}

static void file_next(struct file_send *send);

static void on_file_written(uv_write_t *write, int status)
{
    struct file_send *send = write->data;

    if (status < 0)
        conn_close(send->conn);
    if (send->conn->closing || !send->left) {
        file_end(send);
        return;
    }
    if (send->conn->wait == WAIT_SEND)
        wait_begin(send->conn, WAIT_SEND); /* a chunk was taken: that is progress */
    file_next(send);
}

static void on_file_read(uv_fs_t *read)
{
    struct file_send *send = read->data;
    ssize_t n = read->result;
    uv_buf_t bytes;

    uv_fs_req_cleanup(read);
    if (n <= 0 || send->conn->closing) {
        /* Shorter than promised: the head has left already, so all that is left is to end the connection early. */
        conn_close(send->conn);
        file_end(send);
        return;
    }
    send->offset += n;
    send->left -= n;
    bytes = uv_buf_init(send->bytes, (unsigned)n);
    send->write.data = send;
    if (uv_write(&send->write, (uv_stream_t *)&send->conn->socket, &bytes, 1, on_file_written)) {
        conn_close(send->conn);
        file_end(send);
    }
}

/* Through libuv's threads: the disk may be slow, the loop may not. */
static void file_next(struct file_send *send)
{
    uv_buf_t bytes = uv_buf_init(send->bytes, (unsigned)MIN(send->left, (int64_t)sizeof send->bytes));

    send->read.data = send;
    if (uv_fs_read(&send->conn->loop->uv, &send->read, send->file, &bytes, 1, send->offset, on_file_read)) {
        conn_close(send->conn);
        file_end(send);
    }
}

void conn_send_file(struct conn *conn, int file, int64_t offset, int64_t length)
{
    struct file_send *send;

    conn_flush(conn);
    if (conn->closing || conn->test_out || !length) {
        close(file);
        return;
    }
    send = malloc(sizeof *send);
    if (!send)
        log_die("Out of memory.");
    send->conn = conn;
    send->file = file;
    send->offset = offset;
    send->left = length;
    conn->file = send;
    file_next(send);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct conn *conn = handle->data;

    *out = uv_buf_init(conn->loop->read_buffer, READ_BYTES);
}

static bool conn_can_go_on(const struct conn *conn)
{
    return !conn->parked && !conn->closing && !conn->lingering && !conn->close_after && !conn->file && conn->unsent <= UNSENT_BYTES_MAX;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;

    if (n < 0) {
        conn_close(conn);
        return;
    }
    if (!n || conn->lingering || conn->close_after)
        return;
    if (!conn_can_go_on(conn) || conn->tail.len) {
        buf_add(&conn->tail, buf->base, (size_t)n);
        if (conn->tail.len > PIPELINED_BYTES_MAX) {
            uv_read_stop(stream);
            conn->reading = false;
        }
        return;
    }
    conn_feed(conn, buf->base, (size_t)n);
}

static void conn_read(struct conn *conn)
{
    if (conn->reading || conn->closing || conn->test_out)
        return;
    if (uv_read_start((uv_stream_t *)&conn->socket, on_alloc, on_read))
        conn_close(conn);
    else
        conn->reading = true;
}

/* Bytes that cannot be a request: answered once, and that is all of this connection. */
static void conn_refuse(struct conn *conn, enum err e)
{
    struct exchange *x = conn->exchange;

    if (!x) {
        head_calls.begin(conn);
        x = conn->exchange;
    }
    x->keep_alive = false;
    if (!x->head_done) {
        x->req.method = "";
        x->req.raw_target = "";
    }
    dispatch_refuse(x, e);
}

static void conn_parse(struct conn *conn, const char *data, size_t len)
{
    while (len && conn_can_go_on(conn)) {
        size_t used;
        enum parsed parsed = parser_feed(&conn->parser, &head_calls, conn, data, len, &used);
        struct exchange *x = conn->exchange;

        if (parsed == PARSED_BAD) {
            conn_refuse(conn, conn->parser.refusal);
            return;
        }
        data += used;
        len -= used;
        if (parsed == PARSED_MORE)
            return;
        if (x->refusal)
            dispatch_refuse(x, x->refusal);
        else
            dispatch(x);
    }
    if (len && !conn->closing && !conn->close_after)
        buf_add(&conn->tail, data, len);
}

void conn_feed(struct conn *conn, const char *data, size_t len)
{
    conn->busy = true;
    conn_parse(conn, data, len);
    conn->busy = false;
    conn_flush(conn);
    conn_settle(conn);
}

/* Something that held this connection up is over: answer what came meanwhile. */
static void conn_resume(struct conn *conn)
{
    while (conn->tail.len && conn_can_go_on(conn)) {
        struct buf tail = conn->tail;

        conn->tail = buf_heap();
        conn_feed(conn, tail.data, tail.len);
        buf_free(&tail);
    }
    if (conn->closing)
        return;
    if (conn->tail.len <= PIPELINED_BYTES_MAX && conn->unsent <= UNSENT_BYTES_MAX)
        conn_read(conn);
    conn_settle(conn);
}

/* What the connection waits for now, and until when. */
static void conn_settle(struct conn *conn)
{
    enum wait wait = WAIT_IDLE;

    if (conn->closing || conn->lingering || conn->test_out)
        return;
    if (conn->unsent || conn->file) {
        if (conn->wait != WAIT_SEND) {
            conn->unsent_seen = conn->unsent;
            wait_begin(conn, WAIT_SEND);
        }
        /* Whoever sends faster than he reads waits here. */
        if (conn->reading && conn->unsent > UNSENT_BYTES_MAX) {
            uv_read_stop((uv_stream_t *)&conn->socket);
            conn->reading = false;
        }
        return;
    }
    if (conn->parked) {
        wait_end(conn);
        return;
    }
    if (conn->close_after) {
        conn_linger(conn);
        return;
    }
    if (conn->exchange)
        wait = conn->exchange->head_done ? WAIT_BODY : WAIT_HEAD;
    else if (conn->loop->stopping) {
        conn_close(conn);
        return;
    }
    if (wait == WAIT_IDLE || conn->wait != wait)
        wait_begin(conn, wait);
}

void conn_exchange_done(struct conn *conn)
{
    struct exchange *x = conn->exchange;
    bool was_parked = conn->parked;

    conn->exchange = NULL;
    conn->parked = conn->answering = false;
    if (was_parked)
        conn->loop->parked_count--;
    if (!x->keep_alive)
        conn->close_after = true;
    exchange_release(x);
    if (conn->closing) {
        conn_free_if_done(conn);
        return;
    }
    if (conn->wait == WAIT_HEAD || conn->wait == WAIT_BODY)
        wait_end(conn);
    if (conn->busy)
        return;
    conn_flush(conn);
    conn_resume(conn);
}

/* ---- deadlines ---- */

static void conn_overdue(struct conn *conn)
{
    switch (conn->wait) {
    case WAIT_HEAD:
    case WAIT_BODY:
        wait_end(conn);
        conn->exchange->keep_alive = false;
        conn_refuse(conn, ERR_REQUEST_TIMEOUT);
        break;
    case WAIT_SEND:
        if (conn->unsent) {
            /* libuv counts what the kernel has not taken; the size of one big write shrinks as it goes. */
            size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&conn->socket);

            if (left < conn->unsent_seen) {
                conn->unsent_seen = left;
                wait_begin(conn, WAIT_SEND);
                return;
            }
        }
        conn_close(conn);
        break;
    default:
        conn_close(conn);
    }
}

void conn_deadlines(struct loop *loop)
{
    int64_t now = (int64_t)uv_now(&loop->uv);

    for (int wait = WAIT_NONE + 1; wait < WAIT_COUNT; wait++) {
        struct conn_list *list = &loop->waiting[wait];

        while (list->first && list->first->deadline_ms <= now) {
            struct conn *conn = list->first;

            conn_overdue(conn);
            assert(list->first != conn || conn->deadline_ms > now);
        }
    }
}

void conn_close_idle(struct loop *loop)
{
    while (loop->waiting[WAIT_IDLE].first)
        conn_close(loop->waiting[WAIT_IDLE].first);
}

/* ---- beginning ---- */

static void peer_of(struct conn *conn)
{
    struct sockaddr_storage name;
    int len = sizeof name;

    if (uv_tcp_getpeername(&conn->socket, (struct sockaddr *)&name, &len))
        return;
    address_of(&name, conn->address, conn->peer);
}

#define FULL_BODY "{\"type\":\"/problems/busy\",\"title\":\"Try again shortly\",\"status\":503,\"detail\":\"Too many connections are open.\"}"
_Static_assert(sizeof FULL_BODY - 1 == 108, "as the Content-Length below says");
static const char full_answer[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: 108\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" FULL_BODY;

void conn_open(struct loop *loop, uv_stream_t *listener)
{
    struct http *http = loop->http;
    struct conn *conn = calloc(1, sizeof *conn);
    size_t count = atomic_fetch_add(&http->connections, 1) + 1;
    bool allowed;

    if (!conn)
        log_die("Out of memory.");
    conn->loop = loop;
    loop->conn_count++;
    uv_tcp_init(&loop->uv, &conn->socket);
    conn->socket.data = conn;
    parser_init(&conn->parser);
    if (uv_accept(listener, (uv_stream_t *)&conn->socket)) {
        addresses_enter(http, conn->address, SIZE_MAX);
        conn_close(conn);
        return;
    }
    metrics_count(loop->metrics, METRIC_CONNECTIONS, 1);
    uv_tcp_nodelay(&conn->socket, 1);
    peer_of(conn);
    allowed = addresses_enter(http, conn->address, http->app->config->limits ? (size_t)http->app->config->max_connections_per_address : SIZE_MAX);
    if (!allowed || count > (size_t)http->app->config->max_connections) {
        metrics_refused_connection();
        conn->close_after = true;
        conn_stage(conn, full_answer, sizeof full_answer - 1);
        conn_flush(conn);
        /* These stand above the limit, so few may linger: an overload must not keep descriptors. */
        if (conn->closing)
            return;
        if (loop->lingering_count > 64 || conn->unsent) {
            conn_close(conn);
            return;
        }
        conn_linger(conn);
        if (!conn->closing)
            conn_read(conn);
        return;
    }
    conn_read(conn);
    if (!conn->closing)
        conn_settle(conn);
}

/* ---- without a socket ---- */

struct http_test_conn {
    struct conn conn;
};

struct http_test_conn *http_test_open(struct http *http, struct buf *out)
{
    struct http_test_conn *test = calloc(1, sizeof *test);

    if (!test)
        log_die("Out of memory.");
    test->conn.loop = &http->loops[0];
    test->conn.test_out = out;
    parser_init(&test->conn.parser);
    return test;
}

void http_test_feed(struct http_test_conn *test, const char *data, size_t len)
{
    /* As from a socket: what comes after the last answer is not looked at. */
    if (!test->conn.closing && !test->conn.close_after)
        conn_feed(&test->conn, data, len);
}

void http_test_close(struct http_test_conn *test)
{
    conn_close(&test->conn);
    conn_free_if_done(&test->conn);
}

void http_feed_for_tests(struct http *http, const char *data, size_t len, struct buf *out)
{
    struct http_test_conn *test = http_test_open(http, out);

    http_test_feed(test, data, len);
    http_test_close(test);
}
