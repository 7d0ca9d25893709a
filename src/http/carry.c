/*
 * carry.c - a request on its way through the writer and the lanes, and back to its loop.
 *
 *     WRITE   loop -> writer -> loop
 *     SCAN    loop -> LANE_SCAN -> loop
 *     WORK    loop -> writer (before) -> lane (work) -> writer (after) -> loop; each may be absent
 *
 * From the push to the give-back the exchange belongs to the queue that holds
 * it: nothing here may be touched by the loop but write.gone.
 */
#include "http/inner.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "observe/metrics.h"

static void work_begin(struct exchange *x);

static void back_to_loop(struct exchange *x, enum err e)
{
    x->outcome = e;
    loop_give_back(x);
}

/* ---- the set of keys under way ---- */

bool carry_key_claim(struct exchange *x)
{
    struct http *http = x->loop->http;
    bool free_to_go = true;

    uv_mutex_lock(&http->keys_lock);
    for (struct exchange *other = http->keys; other && free_to_go; other = other->key_next)
        free_to_go = !id_equal(&other->req.caller.account, &x->req.caller.account) || strcmp(other->idempotency_key, x->idempotency_key) != 0;
    if (free_to_go) {
        x->key_next = http->keys;
        http->keys = x;
        x->key_in_flight = true;
    }
    uv_mutex_unlock(&http->keys_lock);
    return free_to_go;
}

void carry_key_release(struct exchange *x)
{
    struct http *http = x->loop->http;

    if (!x->key_in_flight)
        return;
    uv_mutex_lock(&http->keys_lock);
    for (struct exchange **at = &http->keys; *at; at = &(*at)->key_next)
        if (*at == x) {
            *at = x->key_next;
            break;
        }
    uv_mutex_unlock(&http->keys_lock);
    x->key_in_flight = false;
}

/* ---- in the writer ---- */

/* A handler may run again: everything it answers with goes back to what it was. The arena was rewound by the writer. */
static void reset_reply(struct exchange *x)
{
    if (x->req.reply.file >= 0)
        close(x->req.reply.file);
    x->req.reply = (struct reply){ .file = -1, .body = buf_in(x->arena) };
    fault_clear(&x->req.fault);
    x->req.state = x->state_at_push;
    x->replayed = false;
}

static bool is_success(const struct exchange *x)
{
    return x->req.reply.status >= 200 && x->req.reply.status < 300;
}

static enum err run_handler(struct exchange *x, struct tx *tx)
{
    const struct route *route = x->req.route;
    handler *handle = x->stage == STAGE_AFTER ? route->after : route->handler;
    bool first = x->stage != STAGE_AFTER || !route->handler;
    bool found = false;
    enum err e = ERR_OK;

    tx->fault = &x->req.fault;
    tx->actor = x->req.caller.account;
    x->req.now_ms = tx->now_ms;
    /* Asked where it cannot be outrun: in the transaction that writes. What began before a sign-out may end (an intent that was made at Stripe
     * must be stored), so `after` asks only where nothing did before. */
    if (first && !id_is_zero(&x->req.caller.account) && x->loop->http->hooks.still_valid) {
        e = x->loop->http->hooks.still_valid(tx, &x->req.caller);
        if (e)
            return e;
    }
    if (x->idempotency_key) {
        e = idempotency_look_up(tx, x, &found);
        if (e || found)
            return e;
    }
    if (handle)
        e = handle(&x->req, tx);
    return e;
}

static enum err run_in_batch(struct exchange *x, struct tx *tx)
{
    bool found;
    enum err e;

    /* Work that has answered already comes here for its Idempotency-Key alone. */
    if (x->work_answered) {
        x->req.now_ms = tx->now_ms;
        e = idempotency_look_up(tx, x, &found);
        if (!e && !found)
            idempotency_keep(tx, x);
        return e;
    }
    reset_reply(x);
    e = run_handler(x, tx);
    if (!e && x->idempotency_key && !x->replayed && is_success(x) && x->req.reply.file < 0)
        idempotency_keep(tx, x);
    return e;
}

static void work_begin(struct exchange *x);

static void batch_done(struct exchange *x, const struct write *write, enum err outcome)
{
    if (outcome && !x->req.fault.detail && write->fault.detail)
        x->req.fault.detail = write->fault.detail;
    if (outcome && x->req.route->refuse_early)
        atomic_store_explicit(&x->loop->http->refused[slot_of_id(&x->req.key)], 1, memory_order_relaxed);
    if (x->stage == STAGE_BEFORE && !outcome && !x->req.reply.status)
        work_begin(x);
    else
        back_to_loop(x, outcome);
}

static enum err run_first(struct write *write, struct tx *tx)
{
    return run_in_batch(CONTAINER_OF(write, struct exchange, write), tx);
}

static void done_first(struct write *write, enum err outcome)
{
    batch_done(CONTAINER_OF(write, struct exchange, write), write, outcome);
}

static enum err run_after(struct write *write, struct tx *tx)
{
    return run_in_batch(CONTAINER_OF(write, struct exchange, after), tx);
}

static void done_after(struct write *write, enum err outcome)
{
    batch_done(CONTAINER_OF(write, struct exchange, after), write, outcome);
}

/* What this request weighs beside the exchange and its first block, which the queue's bound on their number covers. A parsed JSON document
 * takes some eight times its text (measured with jansson: 50-70 bytes a value). A body that is not parsed (a picture) was taken in whole
 * before the queue is asked, so waiting there adds nothing to it. */
static size_t queue_bytes(const struct exchange *x)
{
    size_t arena = arena_bytes(x->arena);

    return x->head_len + (x->req.route->body ? 8 * x->body.len : 0) + (arena > EXCHANGE_ARENA_BYTES ? arena - EXCHANGE_ARENA_BYTES : 0);
}

/* `write` is filled on the loop's thread before it is parked, and from then on the loop may set its `gone`. What was done outside is stored
 * however late it is and whoever left, so `after` is a write of its own that nobody calls off and that has no deadline. */
static enum err push_write(struct exchange *x, enum stage stage)
{
    struct write *write = stage == STAGE_AFTER ? &x->after : &x->write;

    x->stage = stage;
    x->state_at_push = x->req.state;
    write->run = stage == STAGE_AFTER ? run_after : run_first;
    write->done = stage == STAGE_AFTER ? done_after : done_first;
    write->arena = x->arena;
    write->fault = (struct fault){ .arena = x->arena };
    write->key = x->req.key;
    write->actor = x->req.caller.account;
    write->urgent = x->req.route->urgent;
    write->deadline_ms = stage == STAGE_AFTER ? 0 : clock_now_ms() + WRITE_MS;
    write->bytes = queue_bytes(x);
    return store_write(x->loop->http->app->store, write);
}

static void park(struct exchange *x)
{
    x->conn->parked = true;
    x->loop->parked_count++;
}

void carry_write(struct exchange *x, enum stage stage)
{
    enum err e;

    park(x);
    e = push_write(x, stage);
    if (e)
        dispatch_finish(x, e);
}

/* ---- in a lane ---- */

static void scan_run(struct lane_task *task, struct reader *reader)
{
    struct exchange *x = CONTAINER_OF(task, struct exchange, task);
    struct tx tx = { .app = x->req.app };
    enum err e;

    if (atomic_load(&x->write.gone)) {
        back_to_loop(x, ERR_BUSY);
        return;
    }
    reader_begin(reader, &tx, x->arena, &x->req.fault);
    tx.actor = x->req.caller.account;
    x->req.now_ms = tx.now_ms;
    e = x->req.route->handler(&x->req, &tx);
    reader_end(reader, &tx);
    back_to_loop(x, e);
}

void carry_scan(struct exchange *x)
{
    enum err e;

    park(x);
    x->stage = STAGE_SCAN;
    x->task.run = scan_run;
    e = lane_push(x->loop->http->app->lanes, LANE_SCAN, &x->task);
    if (e)
        dispatch_finish(x, e);
}

/* On whichever thread the step before ended. */
static void after_begin(struct exchange *x)
{
    enum err e;

    if (!x->req.route->after && !x->work_answered) {
        back_to_loop(x, ERR_OK);
        return;
    }
    e = push_write(x, STAGE_AFTER);
    if (e)
        back_to_loop(x, e);
}

static void work_run(struct lane_task *task, struct reader *reader)
{
    struct exchange *x = CONTAINER_OF(task, struct exchange, task);
    const struct route *route = x->req.route;
    enum err e;

    /* Nobody waits for it, and nothing that was stored asks for it to go on. */
    if (atomic_load(&x->write.gone) && !(route->handler && !route->before_reads)) {
        back_to_loop(x, ERR_BUSY);
        return;
    }
    x->req.reader = reader;
    e = route->work(&x->req);
    x->req.reader = NULL;
    if (e) {
        back_to_loop(x, e);
    } else if (x->req.reply.status) {
        x->work_answered = true;
        if (x->idempotency_key && is_success(x) && x->req.reply.file < 0)
            after_begin(x);
        else
            back_to_loop(x, ERR_OK);
    } else {
        after_begin(x);
    }
}

static void work_begin(struct exchange *x)
{
    const struct route *route = x->req.route;
    enum lane lane = route->lane_of ? route->lane_of(&x->req) : route->lane;
    enum err e;

    x->stage = STAGE_WORK;
    if (!route->work || lane == LANE_NONE) {
        after_begin(x);
        return;
    }
    x->task.run = work_run;
    e = lane_push(x->loop->http->app->lanes, lane, &x->task);
    if (e)
        back_to_loop(x, e);
}

void carry_work(struct exchange *x)
{
    park(x);
    work_begin(x);
}
