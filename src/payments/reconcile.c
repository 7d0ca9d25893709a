/*
 * reconcile.c - the webhook is the fast way, this is the sure one.
 *
 * Payments that nothing was heard of for a while are asked after, and Stripe's
 * list of events is read from where it was read last, so that a webhook that
 * never came, a crash between a call and its answer, or an hour without network
 * leaves nobody paid and without a ticket.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "payments/payment_jobs.h"
#include "payments/payment_rows.h"

/* ---- payments, refunds and disputes that are open ---- */

/* A round of 5 s asks after at most this many of each kind: sixteen calls a second at worst, beside a hundred that Stripe allows. */
#define OPEN_A_ROUND 20
#define QUIET_MS 30000
#define HOUR_MS INT64_C(3600000)

/* Asked again after 30 s, then ever later: when half of its age has passed since the last time, at most an hour. */
SQL(quiet_payments_sql,
    "SELECT p.registration, p.attempt, p.status, p.intent, p.lease_until, r.status, r.event FROM payment p JOIN registration r ON r.id = p.registration"
    " WHERE p.status IN (0, 1, 2) AND p.updated_at <= :quiet"
    " AND (p.updated_at <= :hour_ago OR :now - p.updated_at >= (p.updated_at - p.created_at) / 2) ORDER BY p.updated_at LIMIT :max");
SQL(quiet_refunds_sql,
    "SELECT f.id, f.status, f.intent, r.event FROM refund f JOIN registration r ON r.id = f.registration"
    " WHERE f.status IN (0, 1) AND f.updated_at <= :quiet"
    " AND (f.updated_at <= :hour_ago OR :now - f.updated_at >= (f.updated_at - f.created_at) / 2) ORDER BY f.updated_at LIMIT :max");
/* Paid, and the fee not known yet: the provider may take an hour to say. What is not said in a week never is, and the index is entered behind it:
 * a key that may not read fees leaves every payment there ever was in it. */
SQL(unbooked_payments_sql,
    "SELECT p.registration, p.attempt, p.intent, r.event FROM payment p JOIN registration r ON r.id = p.registration"
    " WHERE p.received > 0 AND p.balance IS NULL AND p.updated_at <= :quiet AND p.updated_at > :week_ago AND p.created_at > :week_ago"
    " AND (p.updated_at <= :hour_ago OR :now - p.updated_at >= (p.updated_at - p.created_at) / 2) ORDER BY p.updated_at LIMIT :max");
SQL(quiet_disputes_sql,
    "SELECT d.intent, d.event, d.id FROM dispute d WHERE d.status <= 3 AND d.updated_at <= :hour_ago ORDER BY d.updated_at LIMIT :max");
SQL(dispute_touch_sql, "UPDATE dispute SET updated_at = :now WHERE id = :id");
SQL(refund_touch_sql, "UPDATE refund SET updated_at = :now WHERE id = :id");

struct quiet {
    enum { QUIET_PAYMENT, QUIET_REFUND, QUIET_FEE, QUIET_DISPUTE } what;
    struct id id, event;       /* the registration's, or the refund's */
    int64_t attempt, status;
    const char *intent, *dispute;
    bool leased, pending;      /* somebody may be at work on it; its registration waits for the money */
};

static struct query *quiet_query(struct tx *tx, struct sql *sql)
{
    struct query *q = query(tx, sql);

    bind_int(q, ":hour_ago", tx->now_ms - HOUR_MS);
    bind_int(q, ":max", OPEN_A_ROUND);
    if (sql == &quiet_disputes_sql)
        return q;
    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":quiet", tx->now_ms - QUIET_MS);
    if (sql == &unbooked_payments_sql)
        bind_int(q, ":week_ago", tx->now_ms - 7 * 24 * HOUR_MS);
    return q;
}

static size_t find_quiet(struct tx *tx, struct quiet *out)
{
    struct query *q = quiet_query(tx, &quiet_payments_sql);
    size_t count = 0;

    while (count < OPEN_A_ROUND && query_row(q))
        out[count++] = (struct quiet){ .id = col_id(q, 0),
                                       .attempt = col_int(q, 1),
                                       .status = col_int(q, 2),
                                       .intent = col_text(q, 3, tx->arena),
                                       .leased = col_int(q, 4) > tx->now_ms,
                                       .pending = col_int(q, 5) == REGISTRATION_PENDING,
                                       .event = col_id(q, 6) };
    query_end(q);
    q = quiet_query(tx, &quiet_refunds_sql);
    while (count < 2 * OPEN_A_ROUND && query_row(q))
        out[count++] = (struct quiet){ .what = QUIET_REFUND,
                                       .id = col_id(q, 0),
                                       .status = col_int(q, 1),
                                       .intent = col_text(q, 2, tx->arena),
                                       .event = col_id(q, 3) };
    query_end(q);
    q = quiet_query(tx, &unbooked_payments_sql);
    while (count < 3 * OPEN_A_ROUND && query_row(q))
        out[count++] = (struct quiet){ .what = QUIET_FEE,
                                       .id = col_id(q, 0),
                                       .attempt = col_int(q, 1),
                                       .intent = col_text(q, 2, tx->arena),
                                       .event = col_id(q, 3) };
    query_end(q);
    q = quiet_query(tx, &quiet_disputes_sql);
    while (count < 4 * OPEN_A_ROUND && query_row(q))
        out[count++] = (struct quiet){ .what = QUIET_DISPUTE,
                                       .intent = col_text(q, 0, tx->arena),
                                       .event = col_id(q, 1),
                                       .dispute = col_text(q, 2, tx->arena) };
    query_end(q);
    return count;
}

/* Ask for the job that finds out, and note the time, so that the next round asks after others. */
static enum err run_ask_after(struct tx *tx, void *arg)
{
    const struct quiet *quiet = arg;
    struct payment row = { .registration = quiet->id, .attempt = quiet->attempt };
    char key[ID_TEXT_LEN + 1];
    struct query *q;

    id_format(&quiet->id, key);
    switch (quiet->what) {
    case QUIET_PAYMENT:
        payment_touch(tx, &row);
        if (quiet->status == PAYMENT_CREATING)
            job_ask(tx, "intent-create", key, NULL, 0);
        else if (quiet->pending)
            ask_stripe_sync(tx, quiet->intent);
        else
            ask_intent_cancel(tx, &quiet->id);
        return ERR_OK;
    case QUIET_REFUND:
        q = query(tx, &refund_touch_sql);
        bind_id(q, ":id", &quiet->id);
        bind_int(q, ":now", tx->now_ms);
        query_run(q);
        if (quiet->status == REFUND_ASKED)
            job_ask(tx, "refund", key, NULL, 0);
        else
            ask_stripe_sync(tx, quiet->intent);
        return ERR_OK;
    case QUIET_FEE:
        payment_touch(tx, &row);
        ask_stripe_sync(tx, quiet->intent);
        return ERR_OK;
    case QUIET_DISPUTE:
        q = query(tx, &dispute_touch_sql);
        bind_text(q, ":id", quiet->dispute);
        bind_int(q, ":now", tx->now_ms);
        query_run(q);
        ask_stripe_sync(tx, quiet->intent);
        return ERR_OK;
    }
    return ERR_OK;
}

void reconcile_payments(struct app *app, struct reader *reader, struct arena *arena)
{
    struct quiet *quiet = ARENA_ARRAY(arena, 4 * OPEN_A_ROUND, struct quiet);
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    size_t count;

    reader_begin(reader, &tx, arena, &fault);
    count = find_quiet(&tx, quiet);
    reader_end(reader, &tx);
    for (size_t i = 0; i < count; i++) {
        struct arena *own;

        if (quiet[i].what == QUIET_PAYMENT && quiet[i].leased && quiet[i].status == PAYMENT_CREATING)
            continue;
        own = arena_new(0);
        if (store_write_wait(app->store, own, NULL, &quiet[i].event, false, run_ask_after, &quiet[i]))
            count = i; /* the store is busy or full: the next round goes on */
        arena_free(own);
    }
}

/* ---- Stripe's list of events, from where it was read last ---- */

/* Stripe takes at most 20 types. */
#define EVENT_TYPES                                                                                           \
    "&types[0]=payment_intent.succeeded&types[1]=payment_intent.processing&types[2]=payment_intent.canceled" \
    "&types[3]=payment_intent.payment_failed&types[4]=charge.refunded&types[5]=refund.created"                \
    "&types[6]=refund.updated&types[7]=refund.failed&types[8]=charge.dispute.created&types[9]=charge.dispute.updated" \
    "&types[10]=charge.dispute.closed&types[11]=charge.dispute.funds_withdrawn&types[12]=charge.dispute.funds_reinstated"
#define CURSOR "stripe_events_read_to"
/* Events appear in the list a little after their time; the overlap is paid for with look-ups only. */
#define OVERLAP_S 120
/* 20,000 events: an on-sale's hour without network. What is more is read in pieces of time, the oldest first; Stripe lets nobody make so many in the
 * two minutes and a bit of the shortest. */
#define PAGES_A_ROUND 200
#define WINDOW_MIN_S 10
#define WINDOW_MAX_S (INT64_C(30) * 86400)
/* Stripe keeps 30 days of events and retries a webhook for 3. */
#define EVENTS_KEPT_MS (INT64_C(30) * 86400 * 1000)

SQL(provider_event_known_sql, "SELECT 1 FROM provider_event WHERE id = :id");
SQL(provider_event_take_sql, "INSERT INTO provider_event (id, at) VALUES (:id, :now) ON CONFLICT (id) DO NOTHING");
SQL(provider_event_purge_sql, "DELETE FROM provider_event WHERE id IN (SELECT id FROM provider_event WHERE at < :before ORDER BY at LIMIT 100)");

struct events {
    const struct stripe_event *events;
    size_t count;
    int64_t read_to_s;          /* 0: leave the cursor */
};

static enum err run_take_events(struct tx *tx, void *arg)
{
    const struct events *all = arg;

    for (size_t i = 0; i < all->count; i++) {
        struct query *q = query(tx, &provider_event_take_sql);

        bind_text(q, ":id", all->events[i].id);
        bind_int(q, ":now", tx->now_ms);
        if (query_run(q) == 1 && all->events[i].intent)
            ask_stripe_sync(tx, all->events[i].intent);
    }
    if (all->read_to_s) {
        struct query *q = query(tx, &provider_event_purge_sql);

        bind_int(q, ":before", tx->now_ms - EVENTS_KEPT_MS);
        query_run(q);
        store_meta_set(tx, CURSOR, arena_printf(tx->arena, "%" PRId64, all->read_to_s));
    }
    return ERR_OK;
}

static enum err take_events(struct app *app, const struct events *all)
{
    struct arena *arena = arena_new(0);
    static const struct id any;
    struct events copy = *all;
    enum err e = store_write_wait(app->store, arena, NULL, &any, false, run_take_events, &copy);

    arena_free(arena);
    return e;
}

/* Those of a page that no webhook brought. `last` becomes the page's last id, for the next. */
static enum err read_page(struct app *app, struct reader *reader, struct arena *arena, json_t *items, struct events *out, const char **last,
                          int64_t *newest_s)
{
    struct stripe_event *events = ARENA_ARRAY(arena, json_array_size(items) + 1, struct stripe_event);
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    enum err e = ERR_OK;

    *out = (struct events){ .events = events };
    reader_begin(reader, &tx, arena, &fault);
    for (size_t i = 0; i < json_array_size(items) && !e; i++) {
        struct stripe_event *event = &events[out->count];
        struct query *q;

        if (!stripe_read_event(arena, json_array_get(items, i), event)) {
            e = ERR_UPSTREAM;
            break;
        }
        *last = event->id;
        *newest_s = MAX(*newest_s, event->created_s);
        q = query(&tx, &provider_event_known_sql);
        bind_text(q, ":id", event->id);
        if (!query_row(q) && event->livemode == app->payments->live)
            out->count++;
        query_end(q);
    }
    reader_end(reader, &tx);
    return e;
}

static int64_t read_cursor(struct app *app, struct reader *reader, struct arena *arena, int64_t *now_s)
{
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    const char *text;

    reader_begin(reader, &tx, arena, &fault);
    text = store_meta_get(&tx, CURSOR);
    *now_s = tx.now_ms / 1000;
    reader_end(reader, &tx);
    return text ? strtoll(text, NULL, 10) : 0;
}

/* One page of `window`, behind the event *last. `last` becomes the page's last id, in `arena`; *more: there is another. */
static enum err take_page(struct app *app, struct reader *reader, struct arena *arena, const char *window, const char **last, int64_t *newest_s, bool *more)
{
    struct arena *own = arena_new(0); /* a page is some hundred kilobytes, and there are many */
    const char *last_here = NULL;
    struct stripe_reply reply;
    struct events found;
    json_t *items;
    enum err e = stripe_get(app->payments->stripe, own,
                            arena_printf(own, "/v1/events?%s&limit=100" EVENT_TYPES "%s%s", window, *last ? "&starting_after=" : "", *last ? *last : ""), &reply);

    items = e || reply.status >= 300 ? NULL : stripe_read_list(reply.json, more);
    e = items ? read_page(app, reader, own, items, &found, &last_here, newest_s) : ERR_UPSTREAM;
    if (!e && found.count) {
        log_info("%zu events of Stripe's came by no webhook", found.count);
        e = take_events(app, &found);
    }
    *last = last_here ? arena_strdup(arena, last_here) : NULL;
    arena_free(own);
    return e;
}

/* Newest first, so only a window that was read to its end was read at all. `to_s` 0: whatever there is. */
static bool read_window(struct app *app, struct reader *reader, struct arena *arena, int64_t from_s, int64_t to_s, int *pages, int64_t *newest_s)
{
    const char *upto = to_s ? arena_printf(arena, "&created[lt]=%" PRId64, to_s) : "", *last = NULL;
    const char *window = arena_printf(arena, "created[gte]=%" PRId64 "%s", from_s, upto);
    bool more = true;

    while (more && *pages > 0) {
        --*pages;
        if (take_page(app, reader, arena, window, &last, newest_s, &more))
            return false;
        more = more && last;
    }
    return !more;
}

/*
 * The cursor moves on only over what was read to its end. Mostly that is all there is since: then it goes to the newest event's own time, for Stripe's
 * clock made it. Where that is more than a round reads, time is read in windows, each half as long as the one that was too much.
 */
static void read_events(struct app *app, struct reader *reader, struct arena *arena)
{
    struct payments *payments = app->payments;
    int64_t now_s, cursor_s = read_cursor(app, reader, arena, &now_s);
    int pages = PAGES_A_ROUND;

    if (!cursor_s) {
        take_events(app, &(struct events){ .read_to_s = now_s });
        return;
    }
    while (pages > 0) {
        int64_t to_s = cursor_s + payments->events_window_s, newest_s = 0;
        bool all_pages = pages == PAGES_A_ROUND, rest = to_s > now_s - OVERLAP_S;

        if (!read_window(app, reader, arena, cursor_s - OVERLAP_S, rest ? 0 : to_s, &pages, &newest_s)) {
            if (all_pages && !pages)
                payments->events_window_s = MAX(MIN(payments->events_window_s, now_s - cursor_s) / 2, WINDOW_MIN_S);
            return;
        }
        to_s = rest ? newest_s : to_s;
        if (to_s > cursor_s && take_events(app, &(struct events){ .read_to_s = to_s }))
            return;
        payments->events_window_s = MIN(payments->events_window_s * 2, WINDOW_MAX_S);
        if (rest)
            return;
        cursor_s = to_s;
    }
}

struct events_task {
    struct lane_task task;
    struct app *app;
};

static void run_read_events(struct lane_task *task, struct reader *reader)
{
    struct events_task *own = CONTAINER_OF(task, struct events_task, task);
    struct app *app = own->app;
    struct arena *arena = arena_new(0);

    free(own);
    read_events(app, reader, arena);
    arena_free(arena);
    atomic_store(&app->payments->reading_events, false);
}

/* The call waits where payments wait: a Stripe that hangs must not hold up the sweep that frees seats. */
void reconcile_events(struct app *app, struct reader *reader, struct arena *arena)
{
    struct events_task *own;

    if (atomic_exchange(&app->payments->reading_events, true))
        return;
    own = calloc(1, sizeof *own);
    if (own) {
        own->task.run = run_read_events;
        own->app = app;
    }
    if (!own || lane_push(app->lanes, LANE_PAY, &own->task)) {
        free(own);
        atomic_store(&app->payments->reading_events, false);
    }
}
