/* payment_jobs.c - the jobs of this room, and the sweep over holds whose intent must be cancelled before their seats go back. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "payments/balance.h"
#include "payments/payment_jobs.h"
#include "payments/payment_rows.h"

/* ---- jobs with a key: an intent, a registration, a refund ---- */

static bool key_id(const struct job *job, struct id *out)
{
    return job->key && id_parse(job->key, strlen(job->key), out);
}

static enum err run_sync(struct job *job)
{
    return job->key ? payment_sync(job->app, job->reader, job->arena, job->key) : ERR_OK;
}

static enum err run_balance(struct job *job)
{
    bool good = job->key && job->payload && stripe_id_valid(job->key, "txn_") && stripe_id_valid(job->payload, "pi_");

    return good ? payment_fetch_balance(job->app, job->reader, job->arena, job->key, job->payload) : ERR_OK;
}

static enum err run_intent_cancel(struct job *job)
{
    struct id registration;

    return key_id(job, &registration) ? payment_cancel_open(job->app, job->reader, job->arena, &registration) : ERR_OK;
}

static enum err run_refund(struct job *job)
{
    struct id refund;

    return key_id(job, &refund) ? refund_post(job->app, job->reader, job->arena, &job->fault, &refund) : ERR_OK;
}

/* An intent whose request was cut off: asked for again under the same key, then stored, or cancelled if nobody waits any more. */
static enum err run_intent_create(struct job *job)
{
    struct fault fault = { .arena = job->arena };
    struct tx tx = { .app = job->app };
    struct id registration;
    struct registration reg;
    struct payment payment;
    bool found;
    enum err e;

    if (!key_id(job, &registration))
        return ERR_OK;
    reader_begin(job->reader, &tx, job->arena, &fault);
    found = registration_find(&tx, &registration, &reg) && payment_latest(&tx, &registration, &payment) &&
            payment.status == PAYMENT_CREATING && payment.lease_until_ms <= tx.now_ms;
    reader_end(job->reader, &tx);
    if (!found)
        return ERR_OK;
    e = payment_create_intent(job->app, job->arena, &job->fault, &reg.event, &payment);
    return e == ERR_CONFLICT ? ERR_OK : e; /* it was stored, and its cancel asked for */
}

const struct job_kind payment_jobs[] = {
    /* What waits for Stripe waits beside the buyers' calls, never in front of mails and expiry. Leases: a call with its tries takes
     * at most 20 s; a sync makes three, a cancel four for each of a few attempts, and looking for an intent of yesterday up to twenty, quick ones. */
    { "stripe-sync", LANE_PAY, run_sync, 120 },
    { "balance", LANE_PAY, run_balance, 60 },
    { "intent-cancel", LANE_PAY, run_intent_cancel, 240 },
    { "intent-create", LANE_PAY, run_intent_create, 240 },
    { "refund", LANE_PAY, run_refund, 120 },
    { "event-cancel", LANE_SWEEP, event_cancel_run, 120 },
    JOB_KIND_END
};

/* ---- holds that ran out while an intent could be paid ---- */

/* A hold is looked at again if its cancel has not come back by then; the job itself backs off. */
#define CANCEL_LEASE_MS 15000
/* Once the grace is over, a cancel that was only just asked for (the server was down when the hold ended) still gets this long. */
#define CANCEL_CHANCE_MS 5000
#define DUE_A_ROUND 1000
#define DUE_A_WRITE 25

/* Due, and nobody has been told in the last while: open ones are to be cancelled, the others are over. A payment being made in the moment
 * (creating) joins nothing here, for it has no intent yet; its registration has the intent of an older attempt or none. */
SQL(due_with_intent_sql,
    "SELECT r.id, r.event, r.expires_at, p.attempt, p.status, p.lease_until FROM registration r LEFT JOIN payment p ON p.intent = r.intent"
    " WHERE r.status = 0 AND r.expires_at <= :now AND r.intent IS NOT NULL"
    " AND (p.lease_until IS NULL OR p.lease_until <= :now OR (p.status = 1 AND r.expires_at <= :grace_over AND p.lease_until <= :had_its_chance))"
    " ORDER BY r.expires_at, r.id LIMIT :max");
SQL(cancel_lease_sql, "UPDATE payment SET lease_until = :lease WHERE registration = :registration AND attempt = :attempt AND status IN (1, 2)");

struct due {
    struct id registration, event;
    int64_t expires_at_ms, attempt;
    bool asked;      /* its cancel was asked for before */
    bool open;       /* its intent may still be paid, or is just being paid */
    bool processing;
};

static int by_event(const void *a, const void *b)
{
    return id_compare(&((const struct due *)a)->event, &((const struct due *)b)->event);
}

static size_t find_due(struct tx *tx, struct due *out)
{
    int64_t grace_over = tx->now_ms - (int64_t)tx->app->config->expiry_grace_seconds * 1000;
    struct query *q = query(tx, &due_with_intent_sql);
    size_t count = 0;

    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":grace_over", grace_over);
    bind_int(q, ":had_its_chance", tx->now_ms + CANCEL_LEASE_MS - CANCEL_CHANCE_MS);
    bind_int(q, ":max", DUE_A_ROUND);
    while (count < DUE_A_ROUND && query_row(q)) {
        int64_t status = col_is_null(q, 4) ? PAYMENT_FAILED : col_int(q, 4);

        out[count++] = (struct due){ .registration = col_id(q, 0),
                                     .event = col_id(q, 1),
                                     .expires_at_ms = col_int(q, 2),
                                     .attempt = col_int(q, 3),
                                     .asked = !col_is_null(q, 5),
                                     .open = status == PAYMENT_OPEN || status == PAYMENT_PROCESSING,
                                     .processing = status == PAYMENT_PROCESSING };
    }
    query_end(q);
    return count;
}

struct due_slice {
    const struct due *due;
    size_t count;
};

/* One hold: its intent is cancelled first; when that had no answer in the grace, the seats go back and the cancel goes on. */
static enum err expire_one(struct tx *tx, const struct due *due)
{
    int64_t grace_ms = (int64_t)tx->app->config->expiry_grace_seconds * 1000;
    struct query *q;

    if (due->open) {
        q = query(tx, &cancel_lease_sql);
        bind_id(q, ":registration", &due->registration);
        bind_int(q, ":attempt", due->attempt);
        bind_int(q, ":lease", tx->now_ms + CANCEL_LEASE_MS);
        query_run(q);
        ask_intent_cancel(tx, &due->registration);
        if (due->processing || !due->asked || tx->now_ms < due->expires_at_ms + grace_ms)
            return ERR_OK;
    }
    return registration_expire(tx, &due->registration);
}

static enum err run_due(struct tx *tx, void *arg)
{
    const struct due_slice *slice = arg;

    for (size_t i = 0; i < slice->count; i++) {
        enum err e = expire_one(tx, &slice->due[i]);

        /* Paid or given back since the snapshot: no longer ours. */
        if (e && e != ERR_CONFLICT)
            return e;
        fault_clear(tx->fault);
    }
    return ERR_OK;
}

static void expire_paying(struct app *app, struct reader *reader, struct arena *arena)
{
    struct due *due = ARENA_ARRAY(arena, DUE_A_ROUND, struct due);
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    size_t count, from = 0;

    reader_begin(reader, &tx, arena, &fault);
    count = find_due(&tx, due);
    reader_end(reader, &tx);
    qsort(due, count, sizeof *due, by_event);
    while (from < count) {
        struct due_slice slice = { due + from, 0 };
        struct arena *own = arena_new(0);
        enum err e;

        while (from < count && slice.count < DUE_A_WRITE && id_equal(&due[from].event, &slice.due->event)) {
            slice.count++;
            from++;
        }
        e = store_write_wait(app->store, own, NULL, &slice.due->event, false, run_due, &slice);
        arena_free(own);
        if (e) {
            log_warn("expiring %zu holds with a payment begun failed: %s; they stay held until the next round", slice.count, err_info(e)->name);
            return;
        }
    }
}

const struct sweep payment_sweeps[] = {
    { "expire-paying", 250, expire_paying },
    { "reconcile-payments", 5000, reconcile_payments },
    { "reconcile-events", 30000, reconcile_events },
    { "reconcile-balance", 60000, reconcile_balance },
    SWEEP_END
};
