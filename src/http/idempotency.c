/*
 * idempotency.c - the first 2xx under an Idempotency-Key is kept for 24 h and answered again.
 *
 * The row goes into the handler's savepoint, so it is there exactly when the
 * change is. A refusal changed nothing and is not kept. The kept reply begins
 * with two lines, its ETag and its content type; the body follows.
 */
#include "http/inner.h"

#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"

#define KEEP_MS (24 * 3600 * (int64_t)1000)
#define SWEEP_ROWS 100

SQL(idempotency_find, "SELECT request, status, location, reply, created_at FROM idempotency WHERE key = :key AND account = :account");
SQL(idempotency_drop, "DELETE FROM idempotency WHERE key = :key AND account = :account");
SQL(idempotency_insert, "INSERT INTO idempotency (key, account, request, status, location, reply, created_at)"
                        " VALUES (:key, :account, :request, :status, :location, :reply, :now)");
/* Ids rise with time, so the oldest rows are the lowest ids; the first that is young enough ends the search. */
SQL(idempotency_oldest, "SELECT id, created_at FROM idempotency WHERE id > 0 ORDER BY id LIMIT :rows");
/* There is no index by account, for each order would pay for it: who is forgotten is looked for in the day's rows. */
SQL(idempotency_walk, "SELECT id, account FROM idempotency WHERE id > :after ORDER BY id LIMIT :rows");
SQL(idempotency_remove, "DELETE FROM idempotency WHERE id = :id");
SQL(idempotency_clear, "DELETE FROM idempotency WHERE id <= :id");

void idempotency_hash(struct exchange *x)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)x->req.method, strlen(x->req.method) + 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)x->req.raw_target, x->target_len + 1);
    if (x->body.len)
        crypto_hash_sha256_update(&state, (const unsigned char *)x->body.data, x->body.len);
    crypto_hash_sha256_final(&state, x->request_hash);
}

/* The line up to the next newline, cut off the front of `rest`. */
static char *take_line(struct arena *arena, struct bytes *rest)
{
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    size_t len = end ? (size_t)(end - (const char *)rest->data) : rest->len;
    char *line = arena_copy(arena, rest->data, len);

    *rest = (struct bytes){ (const char *)rest->data + len + (end != NULL), rest->len - len - (end != NULL) };
    return line;
}

static void replay(struct exchange *x, struct query *q)
{
    struct reply *reply = &x->req.reply;
    struct bytes kept = col_blob(q, 3, x->arena);
    const char *etag = take_line(x->arena, &kept), *type = take_line(x->arena, &kept);

    reply->status = (int)col_int(q, 1);
    reply->location = col_text(q, 2, x->arena);
    reply->etag = *etag ? etag : NULL;
    reply->content_type = *type ? type : NULL;
    reply->body = buf_in(x->arena);
    buf_add(&reply->body, kept.data, kept.len);
    x->replayed = true;
}

enum err idempotency_look_up(struct tx *tx, struct exchange *x, bool *found)
{
    struct query *q = query(tx, &idempotency_find);
    struct bytes request;
    bool expired = false;
    enum err e = ERR_OK;

    *found = false;
    bind_text(q, ":key", x->idempotency_key);
    bind_id(q, ":account", &x->req.caller.account);
    if (query_row(q)) {
        request = col_blob(q, 0, x->arena);
        expired = tx->now_ms - col_int(q, 4) > KEEP_MS;
        *found = !expired;
        if (expired)
            ;
        else if (request.len != sizeof x->request_hash || memcmp(request.data, x->request_hash, request.len) != 0)
            e = ERR_KEY_REUSED;
        else
            replay(x, q);
    }
    query_end(q);
    if (expired && tx->writing) {
        q = query(tx, &idempotency_drop);
        bind_text(q, ":key", x->idempotency_key);
        bind_id(q, ":account", &x->req.caller.account);
        query_run(q);
    }
    return e;
}

void idempotency_keep(struct tx *tx, struct exchange *x)
{
    const struct reply *reply = &x->req.reply;
    struct buf kept = buf_in(x->arena);
    struct query *q;

    buf_reserve(&kept, reply->body.len + 128);
    buf_printf(&kept, "%s\n%s\n", reply->etag ? reply->etag : "", reply->content_type ? reply->content_type : "");
    buf_add(&kept, reply->body.data, reply->body.len);
    q = query(tx, &idempotency_insert);
    bind_text(q, ":key", x->idempotency_key);
    bind_id(q, ":account", &x->req.caller.account);
    bind_blob(q, ":request", x->request_hash, sizeof x->request_hash);
    bind_int(q, ":status", reply->status);
    bind_text(q, ":location", reply->location);
    bind_blob(q, ":reply", kept.data, kept.len);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
}

/* ---- clearing ---- */

static enum err clear_run(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &idempotency_clear);

    bind_int(q, ":id", *(const int64_t *)arg);
    query_run(q);
    return ERR_OK;
}

/* The last id of at most SWEEP_ROWS that are all too old; 0 when there is none. */
static int64_t last_expired(struct app *app, struct reader *reader, struct arena *arena)
{
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    struct query *q;
    int64_t last = 0, now;

    reader_begin(reader, &tx, arena, &fault);
    now = clock_now_ms();
    q = query(&tx, &idempotency_oldest);
    bind_int(q, ":rows", SWEEP_ROWS);
    while (query_row(q) && now - col_int(q, 1) > KEEP_MS)
        last = col_int(q, 0);
    query_end(q);
    reader_end(reader, &tx);
    return last;
}

static void clear_keys(struct app *app, struct reader *reader, struct arena *arena)
{
    /* In slices, so that nobody waits behind a long write. */
    for (int round = 0; round < 1000; round++) {
        int64_t last = last_expired(app, reader, arena);
        struct fault fault = { .arena = arena };
        struct id none = { { 0 } };

        if (!last || store_write_wait(app->store, arena, &fault, &none, false, clear_run, &last))
            return;
    }
}

/* ---- those of somebody who is gone ---- */

#define WALK_ROWS 2000

struct removal {
    int64_t ids[PERSON_SLICE];
    size_t count;
};

static enum err remove_run(struct tx *tx, void *arg)
{
    const struct removal *removal = arg;

    for (size_t i = 0; i < removal->count; i++) {
        struct query *q = query(tx, &idempotency_remove);

        bind_int(q, ":id", removal->ids[i]);
        query_run(q);
    }
    return ERR_OK;
}

/* WALK_ROWS behind walk->after_n, less if PERSON_SLICE of them are the person's. */
static void find_replies(struct person_walk *walk, struct removal *out)
{
    struct tx tx = { .app = walk->app };
    int64_t rows = 0;
    struct query *q;

    reader_begin(walk->reader, &tx, walk->arena, walk->fault);
    q = query(&tx, &idempotency_walk);
    bind_int(q, ":after", walk->after_n);
    bind_int(q, ":rows", WALK_ROWS);
    while (out->count < PERSON_SLICE && query_row(q)) {
        struct id account = col_id(q, 1);

        walk->after_n = col_int(q, 0);
        if (id_equal(&account, &walk->account))
            out->ids[out->count++] = walk->after_n;
        rows++;
    }
    query_end(q);
    walk->more = rows == WALK_ROWS || out->count == PERSON_SLICE;
    reader_end(walk->reader, &tx);
}

static enum err forget_replies(struct person_walk *walk)
{
    struct removal removal = { .count = 0 };

    find_replies(walk, &removal);
    if (!removal.count)
        return ERR_OK;
    return store_write_wait(walk->app->store, walk->arena, walk->fault, &walk->account, false, remove_run, &removal);
}

const struct person_part http_people[] = {
    { .name = "storedReplies", .holds = "idempotency.key idempotency.account idempotency.reply idempotency.location",
      .unexported = "The answers that an Idempotency-Key repeats are copies of what stands here, and are removed after 24 hours.",
      .forget = forget_replies },
    PERSON_END
};

const struct sweep http_sweeps[] = {
    { "idempotency", 60 * 1000, clear_keys },
    SWEEP_END
};
