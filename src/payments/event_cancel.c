/*
 * event_cancel.c - after an event was cancelled: holds are given back, confirmed registrations refunded, everyone told.
 *
 * The job needs no memory of how far it came: what it has dealt with is in a
 * state that it does not look for any more. It works through the event in the
 * order of registration ids, and after a while asks for itself again, so that
 * other jobs get their turn and its lease never ends while it works.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/money.h"
#include "mail/mail.h"
#include "payments/payment_jobs.h"
#include "payments/payment_rows.h"

/* About ten rows each: registration, tickets, stock, quota, refund, jobs, mail. */
#define SLICE 10
#define RUN_MS 20000

SQL(cancel_slice_sql, "SELECT r.id, a.email, a.name FROM registration r LEFT JOIN account a ON a.id = r.account"
                      " WHERE r.event = :event AND r.id > :after AND r.status IN (0, 1) ORDER BY r.id LIMIT :max");

struct slice {
    struct id event, after;
    int64_t max;             /* SLICE, or 1 */
    size_t count;            /* looked at in the last write; fewer than max: that was all */
    struct id failed;        /* the registration that the last write failed at; zero: it was not of one */
    struct event about;
};

/* What becomes of their money. A bank that has taken up the payment gives it back, or decides that it stays: nobody is promised it twice. */
static const char *money_sentence(struct tx *tx, const struct registration *before, const struct registration *after)
{
    int64_t back = after->refunded - before->refunded;
    const char *disputed = "Your bank has taken up the payment, so what it has is not given back a second time. Should the bank decide against you, it is.";

    if (before->status != REGISTRATION_CONFIRMED)
        return "Your order is void; nothing is charged.";
    return arena_printf(tx->arena, "Your tickets are void.%s%s%s%s", back ? arena_printf(tx->arena, " %s ", money_text(tx->arena, before->currency, back)) : "",
                        back ? "is given back to your card; it takes some days until your bank shows it." : "", before->disputed ? " " : "",
                        before->disputed ? disputed : "");
}

static void tell(struct tx *tx, const struct slice *slice, const struct registration *before, const char *email, const char *name)
{
    struct mail_message message = { .to = email, .to_name = name, .id = id_new(tx->now_ms), .account = before->account };
    struct registration after;

    if (!email || !registration_find(tx, &before->id, &after))
        return;
    message.subject = arena_printf(tx->arena, "Cancelled: %s", slice->about.title);
    message.text = arena_printf(tx->arena, "Hello,\n\nwe are sorry: \"%s\" will not take place. %s\n", slice->about.title, money_sentence(tx, before, &after));
    mail_ask(tx, &message);
}

static enum err end_one(struct tx *tx, const struct registration *reg)
{
    if (reg->status == REGISTRATION_PENDING) {
        ask_intent_cancel(tx, &reg->id);
        return registration_give_back(tx, &reg->id);
    }
    return refund_rest(tx, reg, "The event was cancelled.");
}

static enum err run_slice(struct tx *tx, void *arg)
{
    struct slice *slice = arg;
    struct id ids[SLICE], after = slice->after;
    const char *emails[SLICE], *names[SLICE];
    struct query *q = query(tx, &cancel_slice_sql);
    size_t count = 0;

    bind_id(q, ":event", &slice->event);
    bind_id(q, ":after", &after);
    bind_int(q, ":max", slice->max);
    while (count < (size_t)slice->max && query_row(q)) {
        ids[count] = col_id(q, 0);
        emails[count] = col_text(q, 1, tx->arena);
        names[count++] = col_text(q, 2, tx->arena);
    }
    query_end(q);
    for (size_t i = 0; i < count; i++) {
        struct registration reg;
        enum err e;

        if (!registration_find(tx, &ids[i], &reg))
            continue;
        e = end_one(tx, &reg);
        if (e) {
            slice->failed = ids[i];
            return e;
        }
        tell(tx, slice, &reg, emails[i], names[i]);
    }
    slice->count = count;
    if (count)
        slice->after = ids[count - 1];
    return ERR_OK;
}

static enum err run_again(struct tx *tx, void *arg)
{
    const struct slice *slice = arg;
    char key[ID_TEXT_LEN + 1];

    id_format(&slice->event, key);
    job_ask(tx, "event-cancel", key, NULL, 0);
    return ERR_OK;
}

/* Write the next of them. One that fails among others is found by writing one by one; alone, it is left out, and its error returned. */
static enum err next_slice(struct job *job, struct arena *arena, struct slice *slice)
{
    struct slice next = *slice;
    char id[ID_TEXT_LEN + 1];
    enum err e;

    next.failed = (struct id){ 0 };
    e = store_write_wait(job->app->store, arena, &job->fault, &slice->event, false, run_slice, &next);
    if (!e) {
        *slice = next;
        return ERR_OK;
    }
    slice->failed = next.failed;
    if (e != ERR_CONFLICT && e != ERR_INTERNAL) /* the store is busy, or full: nobody's fault */
        slice->failed = (struct id){ 0 };
    if (id_is_zero(&slice->failed))
        return e;
    if (slice->max > 1) {
        slice->max = slice->count = 1;
        return ERR_OK;
    }
    id_format(&next.failed, id);
    log_error("registration %s of a cancelled event cannot be given back: %s; run usher check", id, err_info(e)->name);
    slice->after = next.failed;
    return e;
}

enum err event_cancel_run(struct job *job)
{
    struct fault fault = { .arena = job->arena };
    struct tx tx = { .app = job->app };
    struct slice slice = { .max = SLICE, .count = SLICE };
    int64_t until_us = clock_mono_us() + (int64_t)RUN_MS * 1000;
    struct arena *arena;
    bool cancelled;
    enum err e = ERR_OK, left_out = ERR_OK;

    if (!job->key || !id_parse(job->key, strlen(job->key), &slice.event))
        return ERR_OK;
    reader_begin(job->reader, &tx, job->arena, &fault);
    cancelled = event_find(&tx, &slice.event, &slice.about) && slice.about.status == EVENT_CANCELLED;
    reader_end(job->reader, &tx);
    if (!cancelled)
        return ERR_OK;
    arena = arena_new(0);
    while (!e && slice.count == (size_t)slice.max && clock_mono_us() < until_us) {
        e = next_slice(job, arena, &slice);
        if (e && !id_is_zero(&slice.failed)) {
            left_out = e;
            e = ERR_OK;
        }
        arena_reset(arena);
    }
    if (!e && slice.count == (size_t)slice.max)
        e = store_write_wait(job->app->store, arena, &job->fault, &slice.event, false, run_again, &slice);
    arena_free(arena);
    return e ? e : left_out;
}
