/*
 * inner.h - what the files of http/ share: the server, its loops, connections and exchanges.
 *
 *     http       made at start, constant while serving but for the groups marked so
 *     loop       a thread with its uv loop, listener, reader and caches; only that thread touches it but for the done-list
 *     conn       a socket; belongs to its loop's thread
 *     exchange   one request and its reply. It belongs to its loop's thread until parked (queued to the writer or a lane),
 *                then to the queue, and comes back through the loop's done-list. It never moves to another loop.
 *
 *     conn.c      bytes in and out, deadlines, pipelining        head.c      headers, framing rules
 *     server.c    listeners, loops, start and stop               parser.c    the seam to the parsing library
 *     router.c    path to route                                  dispatch.c  a request's steps, in order
 *     carry.c     to the writer and the lanes and back           answer.c    a reply becomes bytes
 *     problem.c   errors as RFC 9457 documents                   cors.c, limits.c, tokens.c, reply_cache.c, idempotency.c
 */
#ifndef USHER_HTTP_INNER_H
#define USHER_HTTP_INNER_H

#include <stdatomic.h>

#include <uv.h>

#include "http/http.h"
#include "http/parser.h"

/* ---- the numbers of http.h ---- */

#define HEAD_BYTES_MAX (16 * 1024)
#define HEADERS_MAX 64
#define TARGET_BYTES_MAX (8 * 1024)
#define BODY_BYTES_MAX (64 * 1024)     /* where the route says nothing */
#define LARGE_BODIES_MAX 8             /* over that, at a time on a loop; the next are told to come back */
#define UNSENT_BYTES_MAX (1024 * 1024) /* reading stops above it */
#define PIPELINED_BYTES_MAX (64 * 1024)/* unparsed bytes kept behind a parked request; reading stops above it */
#define READ_BYTES (64 * 1024)         /* the loop's read buffer */
#define OUT_BYTES (64 * 1024)          /* a loop's staging for replies; more than this goes out in several writes */

#define EXCHANGE_ARENA_BYTES ((size_t)6 * 1024) /* an exchange's first block: what most requests need */

#define HEAD_MS 10000
#define BODY_MS 30000
#define IDLE_MS 75000
#define SEND_MS 30000   /* without a byte taken by the client */
#define LINGER_MS 2000  /* after a last reply, for the client to read it before a reset could destroy it */
#define DRAIN_MS 10000
#define WRITE_MS 10000  /* a queued write that waited longer is not run */

/* ---- one request ---- */

/* Headers that the server itself looks at; found while they come in. */
enum known_header {
    HEADER_OTHER,
    HEADER_ACCEPT, HEADER_ACCEPT_ENCODING, HEADER_ACR_HEADERS, HEADER_ACR_METHOD, HEADER_AMZN_TRACE, HEADER_AUTHORIZATION,
    HEADER_CONTENT_LENGTH, HEADER_CONTENT_TYPE, HEADER_EXPECT, HEADER_FORWARDED_FOR, HEADER_HOST, HEADER_IDEMPOTENCY_KEY, HEADER_IF_NONE_MATCH,
    HEADER_IF_RANGE, HEADER_ORIGIN, HEADER_RANGE, HEADER_REQUEST_ID, HEADER_TRACEPARENT, HEADER_TRANSFER_ENCODING,
    HEADER_KNOWN
};

struct header {
    uint16_t name, name_len, value, value_len; /* offsets in exchange.head; a NUL behind each */
};

enum stage {
    STAGE_DIRECT, /* on the loop's thread */
    STAGE_SCAN, STAGE_BEFORE, STAGE_WORK, STAGE_AFTER, STAGE_WRITE, /* parked */
};

struct conn;
struct loop;
struct cached_reply;

struct exchange {
    struct req req;
    struct exchange *next;      /* in the loop's pool or done-list */
    struct conn *conn;
    struct loop *loop;
    enum stage stage;
    enum err outcome;

    /* The head as it came in. */
    int version;                /* 10 * major + minor */
    bool keep_alive, is_head, chunked, has_body, in_name, in_value, head_done, answered_early;
    int64_t content_length;     /* -1: none */
    uint8_t known[HEADER_KNOWN];/* index + 1 in `headers`; 0: absent */
    unsigned header_count;
    size_t head_len, head_cap, target_len, head_bytes;
    char *head;                 /* target, then names and values, each with a NUL; head_inline until it outgrows it */
    enum err refusal;           /* found while the head was read; answered once the message is complete */

    size_t body_max;
    struct buf body;            /* in the arena; on the heap when it is a large one (LARGE_BODIES_MAX) */

    /* Found by dispatch. */
    int route_index;            /* of the metrics; -1: none */
    bool bad_id, head_checked, took_token, replayed;
    const char *allow;          /* for 405 and OPTIONS */
    int limit_policy, limit_window_s, limit_left, limit_reset; /* for the RateLimit headers */
    const char *limit_name;
    uint64_t cache_version;
    bool cacheable;

    const char *idempotency_key;
    unsigned char request_hash[32];
    bool key_in_flight;
    struct exchange *key_next;  /* in the set of keys under way */

    uint8_t client[16];         /* the client's address behind trusted proxies; an IPv6 client is its /64 */
    int64_t began_us;
    char traceparent[56];       /* passed on in the reply; "" when the client sent none */
    char amzn_trace[64];

    struct write write;         /* WRITE, and WORK's `before` */
    struct write after;         /* WORK's `after` */
    struct lane_task task;
    void *state_at_push;
    bool work_answered;         /* `work` has made the reply */
    bool identified, preflight;

    /* What begins here is not cleared between requests. */
    struct arena *arena;
    struct header headers[HEADERS_MAX];
    char head_inline[1400];
};
#define EXCHANGE_CLEARED offsetof(struct exchange, arena)

const char *exchange_header(const struct exchange *x, enum known_header which); /* NULL when absent */

/* ---- connections ---- */

enum wait { WAIT_NONE, WAIT_HEAD, WAIT_BODY, WAIT_IDLE, WAIT_SEND, WAIT_LINGER, WAIT_COUNT };

struct conn {
    uv_tcp_t socket;
    struct loop *loop;
    struct conn *prev, *next;   /* in the loop's list of what it waits for */
    enum wait wait;
    int64_t deadline_ms;        /* of the loop's clock */
    struct exchange *exchange;  /* the one being read or answered; NULL between requests */
    bool parked, closing, closed, lingering, reading, close_after;
    bool busy;                  /* bytes are being parsed: the flush comes at their end */
    bool answering;             /* the reply is being staged: the exchange stays */
    size_t unsent;              /* handed to libuv and not yet taken by the kernel */
    size_t unsent_seen;         /* at the last look of the send deadline */
    struct buf tail;            /* read, and not yet parsed: requests behind a parked one */
    struct parser parser;
    struct file_send *file;     /* the reply's file that is being sent */
    struct buf *test_out;       /* a connection without a socket (http_feed_for_tests) */
    char peer[46];
    uint8_t address[16];        /* for the limits: IPv6, or IPv4-mapped */
};

/* Feed bytes as if read from the socket. */
void conn_feed(struct conn *conn, const char *data, size_t len);
/* The exchange has its reply staged: release it and go on with what is behind it. */
void conn_exchange_done(struct conn *conn);
void conn_stage(struct conn *conn, const void *data, size_t len);  /* onto the loop's staging */
void conn_flush(struct conn *conn);
void conn_open(struct loop *loop, uv_stream_t *listener);
void conn_close(struct conn *conn);
void conn_reset(struct conn *conn); /* the same by a TCP reset */
void conn_close_idle(struct loop *loop);
void conn_deadlines(struct loop *loop);
void conn_send_file(struct conn *conn, int file, int64_t offset, int64_t length);

/* ---- loops ---- */

struct conn_list {
    struct conn *first, *last;
};

struct loop {
    struct http *http;
    unsigned index;
    uv_loop_t uv;
    uv_tcp_t listener;
    uv_timer_t tick;
    uv_async_t wake;
    uv_thread_t thread;
    int socket;                 /* the listening one */
    bool listening, stopping, ended;
    int64_t stop_by_ms;
    struct reader *reader;
    struct conn_list waiting[WAIT_COUNT];
    size_t conn_count, parked_count, lingering_count, large_bodies;
    struct exchange *pool;
    size_t pool_count;
    struct token_cache *tokens;
    struct reply_store *replies;
    struct metrics_shard *metrics;
    uint64_t random[2];
    char *read_buffer;
    struct buf out;             /* replies staged for the connection at hand */
    struct buf log;             /* one access log line */
    int64_t date_s;
    char date[40];              /* "Date: ...\r\n" of second date_s */
    char log_time[32];          /* "2026-11-22T19:00:00." of the same second */

    /* Guarded by done_lock, held for a few instructions: exchanges that come back from the writer or a lane. */
    uv_mutex_t done_lock;
    struct exchange *done_first, *done_last;
};

/* From any thread: hand a finished exchange back to its loop. */
void loop_give_back(struct exchange *x);
void loop_random(struct loop *loop, uint64_t out[2]); /* cheap and unguessable enough for trace ids, never for secrets */
void loop_second(struct loop *loop, int64_t now_ms); /* keeps date and log_time at this second */
struct exchange *exchange_take(struct loop *loop);
void exchange_release(struct exchange *x);

/* ---- the server ---- */

#define ID_SLOTS 4096
static inline size_t slot_of_id(const struct id *account)
{
    /* The random bits of a UUIDv7 stand behind its time; the last byte is its number. */
    return ((size_t)account->byte[13] << 8 | account->byte[14]) % ID_SLOTS;
}

struct http {
    struct app *app;
    struct http_hooks hooks;
    const struct route *const *tables;
    const struct answer_schema *const *schemas;
    struct router *router;
    struct loop *loops;
    unsigned loop_count;
    char address[64];
    struct cors *cors;
    int registrations_route;    /* POST /v1/registrations, whose 201s are counted; -1: none */
    struct buf openapi;
    char openapi_etag[40];
    struct limits *limits;
    uint8_t (*proxies)[16];     /* addresses whose X-Forwarded-For is believed */
    size_t proxy_count;
    bool bare;                  /* opened without a store, by a test */

    /* Any thread. */
    atomic_bool stopping;
    atomic_size_t connections;
    atomic_uint running;        /* loops that accept */
    atomic_uint epoch_raises;
    atomic_uchar refused[ID_SLOTS]; /* the writer refused something under a key of this slot: the next ones are worth an early look */
    atomic_uint epoch[ID_SLOTS]; /* raised with the epoch of an account whose id falls into the slot: older remembered tokens do not count */

    /* Guarded by address_lock: connections by client address. */
    uv_mutex_t address_lock;
    struct address_count *addresses;

    /* Guarded by keys_lock: exchanges of WORK routes with an Idempotency-Key that are under way. */
    uv_mutex_t keys_lock;
    struct exchange *keys;
};

/* ---- the steps ---- */

/* head.c */
extern const struct parser_calls head_calls; /* user: the conn */

/* router.c */
struct router *router_open(const struct route *const *tables, struct buf *error);
void router_close(struct router *router);
struct routed {
    const struct route *route; /* NULL: no such path, or not with this method */
    int index;                 /* of the route among all */
    const char *allow;         /* the methods of the path; NULL: no such path */
    bool bad_path, bad_id;
};
/* `path` is raw; what it matched is put into req (id, rest), decoded in the arena. */
struct routed router_find(const struct router *router, const char *method, const char *path, size_t len, struct req *req);
int router_count(const struct router *router);
const struct route *router_at(const struct router *router, int i);

/* dispatch.c */
void dispatch_head(struct exchange *x);     /* what the head alone decides; the outcome is in x->refusal */
void dispatch(struct exchange *x);          /* the message is complete: answered, or parked, on return */
void dispatch_refuse(struct exchange *x, enum err e); /* answer with an error and end the exchange */
void dispatch_finish(struct exchange *x, enum err e); /* on the loop's thread, once everything is done */

/* carry.c */
void carry_write(struct exchange *x, enum stage stage);
void carry_scan(struct exchange *x);
void carry_work(struct exchange *x);
bool carry_key_claim(struct exchange *x);   /* false: a twin is under way */
void carry_key_release(struct exchange *x);

/* answer.c */
void answer_send(struct exchange *x);
struct cached_reply;
void answer_cached(struct exchange *x, const struct cached_reply *cached);
void answer_continue(struct conn *conn);

/* problem.c */
void problem_write(struct req *req, enum err e);

/* cors.c */
struct cors *cors_open(const char *origins);
void cors_close(struct cors *cors);
bool cors_allows(const struct cors *cors, const char *origin);
bool cors_any(const struct cors *cors);
void cors_preflight(struct exchange *x);    /* fills the reply */

/* limits.c */
struct limits *limits_open(void);
void limits_close(struct limits *limits);
enum { MINUTE_S = 60, HOUR_S = 3600 };
struct limit_taken { bool allowed; int left, reset_s; };
struct limit_taken limits_take(struct limits *limits, const char *name, const void *who, size_t who_len, int count, int window_s, int64_t now_ms);

/* tokens.c */
struct token_cache *tokens_open(void);
void tokens_close(struct token_cache *tokens);
enum err tokens_check(struct exchange *x, const char *token, size_t len, struct caller *out);

/* reply_cache.c */
struct reply_store *replies_open(void);
void replies_close(struct reply_store *replies);
struct cached_reply {
    const char *head;      /* status line and headers that never change for this reply */
    size_t head_len;
    const char *body;
    size_t body_len;
    const char *etag;
    const struct route *route;
    int route_index;
    uint64_t version;
    struct id key;
    int64_t made_ms;
};
/* NULL unless it is there, fresh and unchanged. Valid until the next call on this loop. */
const struct cached_reply *replies_find(struct reply_store *replies, struct http *http, const char *target, size_t len, int64_t now_ms);
void replies_keep(struct reply_store *replies, const char *target, size_t len, const struct cached_reply *reply);

/* idempotency.c */
enum err idempotency_look_up(struct tx *tx, struct exchange *x, bool *found);
void idempotency_keep(struct tx *tx, struct exchange *x);
void idempotency_hash(struct exchange *x);
extern const struct sweep http_sweeps[];

/* pages.c: what /config.json says. */
void http_config_json(struct req *req, struct buf *out, const char *name);

/* openapi.c */
void openapi_write(struct http *http, struct buf *out);

#endif
