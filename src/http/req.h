/*
 * req.h - one request: what a handler sees, what it answers with, and the tables that routes are made of.
 *
 * A handler is a plain synchronous function: a checked body, a transaction, an
 * arena in; ERR_OK and a reply, or an error, out. It knows no thread, no queue,
 * no socket. It may be run again, so it touches nothing outside its transaction.
 *
 *     READ   indexed, at most 100 rows, in a snapshot on the loop's thread
 *     SCAN   the same signature, on LANE_SCAN
 *     WRITE  in the batch of its key's lane, in a savepoint
 *     WORK   before (WRITE, or a READ snapshot if before_reads) -> work in a bounded
 *            lane without a transaction -> after (WRITE); each may be absent. A `before` or a
 *            `work` that has already replied (req->reply.status set) ends the request there.
 */
#ifndef USHER_HTTP_REQ_H
#define USHER_HTTP_REQ_H

#include "http/shape.h"
#include "store/lanes.h"

/* Who may call a route; the first test that fails answers 401 or 403. Groups are Cognito's. */
enum who {
    WHO_ANYONE,      /* no token needed; a valid one is still read, a bad one is 401 */
    WHO_SIGNED_IN,
    WHO_ORGANIZERS,  /* Organizers or Admins */
    WHO_ADMINS,
};

enum { GROUP_ATTENDEES = 1, GROUP_ORGANIZERS = 2, GROUP_ADMINS = 4 };

/* The checked token's owner. Zero account: not signed in. */
struct caller {
    struct id account;      /* a scanner device's is the device itself */
    struct id gate_of;      /* a scanner device's: the one event whose gate it keeps; zero for people */
    unsigned groups;        /* GROUP_... */
    int64_t epoch;          /* account.epoch when the token was made; compared in WRITE and WORK */
    const char *email, *name; /* of the token; for display only; each may be NULL */
    struct id session;      /* origin_jti */
    int64_t expires_at_ms;
};

struct reply {
    int status;                 /* 0: no reply yet */
    const char *content_type;   /* static or in the arena */
    struct buf body;            /* in the request's arena */
    const char *cache_control;  /* NULL: the route's own */
    const char *etag;           /* with its quotes, or NULL */
    const char *location;
    struct reply_header { struct reply_header *next; const char *name, *value; } *headers;
    /* Instead of a body in memory: an open file, sent from `offset` for `length` bytes and closed by the server. -1: none. */
    int file; int64_t file_offset, file_length;
    bool cut; /* no answer at all: the connection is reset. The simulator plays a Stripe that is cut off */
};

struct route;
struct req {
    struct app *app;
    const struct route *route;
    struct arena *arena;
    struct fault fault;
    const char *method;
    const char *path;           /* decoded, without the query; NUL-terminated */
    const char *raw_target;     /* as sent: path and query */
    const char *query_text;     /* raw, behind '?'; "" when none */
    struct bytes body_bytes;    /* raw body */
    void *body;                 /* the route's body shape, checked; NULL when it has none or no body came */
    void *query;                /* the route's query shape */
    struct id id[2];            /* ids in the path, in order */
    const char *rest;           /* what a trailing {path...} matched, decoded */
    struct caller caller;
    struct id key;              /* found by route->key */
    int64_t now_ms;
    struct id request_id;       /* X-Request-Id, and requestId in errors */
    char trace_id[33];
    char peer[46];              /* the client's address as text */
    struct reply reply;
    void *state;                /* the handler's own, between before, work and after; lives in the arena */
    struct reader *reader;      /* in WORK's work step: the lane's reader */
};

/* NULL when absent; names match case-insensitively; the first of repeated ones. */
const char *req_header(const struct req *req, const char *name);

typedef enum err handler(struct req *req, struct tx *tx);
typedef enum err worker(struct req *req);
/* The event (the account in identity) that a write belongs to, found through ids that never change. Runs on a read snapshot. */
typedef enum err key_finder(struct req *req, struct tx *tx, struct id *out);

enum route_kind { READ, SCAN, WRITE, WORK };

/* How long a shared cache may keep a public GET. The server keeps the encoded reply itself, too, as long as store_version stands. */
enum reply_cache {
    CACHE_NONE,     /* private, no-store */
    CACHE_BY_KEY,   /* public, max-age=1, stale-while-revalidate=5; own cache valid while the version of `key` stands */
    CACHE_BY_ALL,   /* the same, valid while nothing at all was written */
    CACHE_STATIC,   /* public, max-age=300, stale-while-revalidate=300 */
};

struct route {
    const char *method;      /* NULL ends the table */
    const char *path;        /* "/v1/events/{eventId}": {name} is an id, and a literal may follow it ("{eventId}.ics"); "{name...}" at the end is the rest of the path */
    enum route_kind kind;
    handler *handler;        /* READ, SCAN, WRITE; WORK: `before` */
    worker *work;
    handler *after;
    enum lane lane;          /* WORK */
    enum lane (*lane_of)(struct req *req); /* WORK: this request's lane, asked after `before`; NULL: `lane`. LANE_NONE: no work, straight on to `after` */
    void (*problem)(struct req *req, enum err e); /* writes the reply for an error in a wire of its own (Cognito, Stripe); NULL: problem+json */
    bool before_reads;       /* WORK: `handler` runs in a read snapshot */
    enum who who;
    bool devices;            /* scanner devices may call it too; every other route refuses them, public ones as well */
    handler *allow;          /* who may, where that depends on the thing: on a snapshot as soon as the head is read, before the body is judged; an error is the answer */
    const struct shape *body, *query;
    bool body_optional;      /* no body reads as {} */
    const char *body_type;   /* another Content-Type than JSON, e.g. "image/"; the handler takes body_bytes. A prefix */
    size_t body_max;         /* 0: 64 KiB */
    key_finder *key;         /* WRITE, WORK with writes, and CACHE_BY_KEY; NULL: zero key. With before_reads it is asked behind `handler` */
    handler *refuse_early;   /* WRITE: runs on a snapshot before queueing; an error is the answer, ERR_OK goes on. The Idempotency-Key was looked up first.
                              * A route with a `key` may find it skipped (it is taken where the writer has just refused); one without never does */
    int hourly;              /* so many an hour an account, reading or not, under `hourly_name`: for answers that take long to make. 0: the writes' limit */
    const char *hourly_name;
    bool urgent;             /* drained first by the writer; not rate-limited as a write */
    bool raw;                /* no idempotency, no rate limit, no token read at all: webhooks, /objects, /sim */
    bool secret;             /* its answer is never kept: an Idempotency-Key is passed over */
    enum reply_cache cache;
    const char *summary;     /* one line for /openapi.json; NULL keeps the route out of it */
    /* Said in /openapi.json, and held to by the tests: */
    const char *answer;      /* name of the schema of its 2xx answer ("Event"), or NULL */
    const char *answer_type; /* media type of a 2xx answer that is not JSON, e.g. "text/csv"; NULL: application/json, or nothing without `answer` */
    const char *problem_type;/* media type of its errors where they are another wire's; NULL: application/problem+json */
    int answer_status;       /* 0: 200 */
    bool or_none;            /* may also answer 204 */
    bool if_match;           /* takes If-Match, and answers 412 */
};
#define ROUTE_END { .method = NULL }

/* Begin a JSON reply; write the value into the returned buf. */
struct buf *reply_json(struct req *req, int status);
struct buf *reply_begin(struct req *req, int status, const char *content_type);
void reply_header(struct req *req, const char *name, const char *value); /* both are kept by pointer; a value ends at a CR or LF */
enum err reply_empty(struct req *req, int status); /* ERR_OK, for `return` */
/* A strong ETag over the body so far; the server answers If-None-Match with 304 itself. */
void reply_etag_of_body(struct req *req);

/* Lists: `limit` (1..100, default 20) and an opaque cursor over up to two int64 and an id. */
struct page {
    int64_t limit;
    bool after;         /* a cursor was given: */
    int64_t at;
    struct id id;
};
/* The two query fields that each list has; put LIST_FIELDS(struct_name) into its query shape, with members `int64_t limit; const char *cursor;`. */
#define LIST_FIELDS(type_) \
    FIELD(type_, "limit", limit, FIELD_INT, OPTIONAL, 1, 100), FIELD(type_, "cursor", cursor, FIELD_LINE, OPTIONAL, 1, 200)
/* ERR_INVALID (pointer "cursor") when it is not one of ours. */
enum err page_read(struct req *req, int64_t limit, const char *cursor, struct page *out);
/* Write "nextCursor": of the last row written, or null when `more` is false. */
void page_write_next(struct buf *out, bool more, int64_t at, const struct id *id);

/* Schemas of answers, for /openapi.json: a module lists those that are its own. Written by hand as JSON Schema text. */
struct answer_schema {
    const char *name; /* NULL ends the table */
    const char *json;
};

#endif
