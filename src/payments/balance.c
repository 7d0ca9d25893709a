#include "payments/balance.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "payments/ledger.h"
#include "payments/payment_rows.h"
#include "registrations/registration_rows.h"

#define SETTLED_S 3600
/* What a clock of ours that goes wrong may miss; read again, it is known. */
#define OVERLAP_S 120
/* A window of time is read in one round, or a narrower one in the next. 10,000 transactions in two minutes are more than Stripe lets a client make. */
#define PAGES_A_ROUND 100
#define WINDOW_MIN_S 10
#define WINDOW_MAX_S (INT64_C(30) * 86400)

/* In order of their ids, and so of time. */
SQL(balance_first_sql, "SELECT registration FROM payment WHERE registration >= :first ORDER BY registration LIMIT 1");
SQL(balance_insert_sql,
    "INSERT INTO balance_transaction (id, event, registration, amount, fee, currency, available_at, at)"
    " VALUES (:id, :event, :registration, :amount, :fee, :currency, :available_at, :at) ON CONFLICT (id) DO NOTHING");
SQL(balance_in_ledger_sql, "SELECT 1 FROM ledger WHERE provider_id IN (:id, :source) AND back = :back LIMIT 1");

/* ---- taking them in ---- */

struct found {
    struct stripe_balance truth;
    struct id event;
};
struct balance_page {
    struct found *found;
    size_t count;
    int64_t read_to_s;         /* 0: leave the cursor */
};

/* A charge is known by the payment that was booked with it, all else by its own row or its refund's. */
static bool in_ledger(struct tx *tx, const struct payment *payment, const struct stripe_balance *truth)
{
    struct query *q;
    bool known;

    if (payment->balance && strcmp(payment->balance, truth->id) == 0)
        return true;
    q = query(tx, &balance_in_ledger_sql);
    bind_text(q, ":id", truth->id);
    bind_text(q, ":source", truth->source ? truth->source : truth->id);
    bind_int(q, ":back", truth->amount > 0);
    known = query_row(q);
    query_end(q);
    return known;
}

static void take_one(struct tx *tx, const struct found *found)
{
    const struct stripe_balance *truth = &found->truth;
    int64_t amount, fee, at_ms = ledger_time(tx, truth->created_s);
    struct payment payment;
    struct query *q;

    if (!payment_by_intent(tx, truth->intent, &payment))
        return;
    if (!stripe_signed_back(truth->currency, truth->amount, &amount) || !stripe_signed_back(truth->currency, truth->fee, &fee)) {
        log_error("Stripe moved an amount by %s that %s does not have", truth->id, truth->currency);
        return;
    }
    q = query(tx, &balance_insert_sql);
    bind_text(q, ":id", truth->id);
    bind_id(q, ":event", &found->event);
    bind_id(q, ":registration", &payment.registration);
    bind_int(q, ":amount", amount);
    bind_int(q, ":fee", fee);
    bind_text(q, ":currency", truth->currency);
    bind_int(q, ":available_at", truth->available_s ? truth->available_s * 1000 : at_ms);
    bind_int(q, ":at", at_ms);
    if (query_run(q) == 1 && !in_ledger(tx, &payment, truth))
        ask_stripe_sync(tx, truth->intent);
}

static enum err run_take(struct tx *tx, void *arg)
{
    const struct balance_page *page = arg;

    for (size_t i = 0; i < page->count; i++)
        take_one(tx, &page->found[i]);
    if (page->read_to_s)
        store_meta_set(tx, BALANCE_CURSOR, arena_printf(tx->arena, "%" PRId64, page->read_to_s));
    return ERR_OK;
}

static enum err take(struct app *app, struct balance_page *page)
{
    struct arena *arena = arena_new(0);
    static const struct id any;
    enum err e = store_write_wait(app->store, arena, NULL, &any, false, run_take, page);

    arena_free(arena);
    return e;
}

/* ---- reading them ---- */

/* Those of a page that are of our payments. `last` becomes the page's last id, for the next. */
static enum err read_page(struct app *app, struct reader *reader, struct arena *arena, json_t *items, struct balance_page *out, const char **last)
{
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    enum err e = ERR_OK;

    *out = (struct balance_page){ .found = ARENA_ARRAY(arena, json_array_size(items) + 1, struct found) };
    reader_begin(reader, &tx, arena, &fault);
    for (size_t i = 0; i < json_array_size(items) && !e; i++) {
        struct found *found = &out->found[out->count];
        struct payment payment;

        if (!stripe_read_balance(arena, json_array_get(items, i), &found->truth)) {
            e = ERR_UPSTREAM;
            break;
        }
        *last = found->truth.id;
        if (found->truth.intent && payment_by_intent(&tx, found->truth.intent, &payment) && registration_event(&tx, &payment.registration, &found->event))
            out->count++;
    }
    reader_end(reader, &tx);
    return e;
}

/* One page of a window, behind the transaction *last. `last` becomes the page's last id, in `arena`; *more: there is another. */
static enum err take_page(struct app *app, struct reader *reader, struct arena *arena, const char *window, const char **last, bool *more)
{
    struct arena *own = arena_new(0); /* a page is half a megabyte, and a window many pages */
    struct stripe_reply reply;
    struct balance_page page;
    const char *last_here = NULL;
    json_t *items;
    enum err e = stripe_get(app->payments->stripe, own,
                            arena_printf(own, "/v1/balance_transactions?%s&limit=100&expand[]=data.source%s%s", window, *last ? "&starting_after=" : "",
                                         *last ? *last : ""), &reply);

    if (e && reply.status == 403) {
        log_warn("our key may not read Stripe's balance transactions: the ledger is not reconciled to them, and there are no payouts");
        atomic_store(&app->payments->balance_refused, true);
    }
    items = e || reply.status >= 300 ? NULL : stripe_read_list(reply.json, more);
    e = items ? read_page(app, reader, own, items, &page, &last_here) : ERR_UPSTREAM;
    if (!e && page.count)
        e = take(app, &page);
    *last = last_here ? arena_strdup(arena, last_here) : NULL;
    arena_free(own);
    return e;
}

/* From `from_s` up to before `to_s`, newest first. True when it was read to its end; `pages` is what may still be asked for. */
static bool read_window(struct app *app, struct reader *reader, struct arena *arena, int64_t from_s, int64_t to_s, int *pages)
{
    const char *window = arena_printf(arena, "created[gte]=%" PRId64 "&created[lt]=%" PRId64, from_s, to_s), *last = NULL;
    bool more = true;

    while (more && *pages > 0) {
        --*pages;
        if (take_page(app, reader, arena, window, &last, &more))
            return false;
        more = more && last;
    }
    return !more;
}

/* The time in an id of version 7: its first 48 bits, in milliseconds. */
static int64_t made_s(const struct id *id)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->byte[i];
    return ms / 1000;
}

/* Where to go on, or, the first time, when the oldest registration with a payment was made; 0: there is none. */
static int64_t read_cursor(struct app *app, struct reader *reader, struct arena *arena, int64_t *now_s)
{
    static const struct id first;
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    const char *text;
    int64_t from_s = 0;

    reader_begin(reader, &tx, arena, &fault);
    text = store_meta_get(&tx, BALANCE_CURSOR);
    *now_s = tx.now_ms / 1000;
    if (text) {
        from_s = strtoll(text, NULL, 10);
    } else {
        struct query *q = query(&tx, &balance_first_sql);

        bind_id(q, ":first", &first);
        if (query_row(q)) {
            struct id registration = col_id(q, 0);

            from_s = made_s(&registration);
        }
        query_end(q);
    }
    reader_end(reader, &tx);
    return from_s;
}

static void read_balance(struct app *app, struct reader *reader, struct arena *arena)
{
    struct payments *payments = app->payments;
    int64_t now_s, cursor_s = read_cursor(app, reader, arena, &now_s), settled_s = now_s - SETTLED_S;
    int pages = PAGES_A_ROUND;

    while (cursor_s && cursor_s < settled_s && pages > 0) {
        int64_t to_s = MIN(cursor_s + payments->balance_window_s, settled_s);
        bool all_pages = pages == PAGES_A_ROUND;

        if (!read_window(app, reader, arena, MAX(cursor_s - OVERLAP_S, 0), to_s, &pages)) {
            if (all_pages && !pages)
                payments->balance_window_s = MAX(payments->balance_window_s / 2, WINDOW_MIN_S);
            return;
        }
        if (take(app, &(struct balance_page){ .read_to_s = to_s }))
            return;
        cursor_s = to_s;
        if (to_s < settled_s)
            payments->balance_window_s = MIN(payments->balance_window_s * 2, WINDOW_MAX_S);
    }
}

/* ---- the round ---- */

struct balance_task {
    struct lane_task task;
    struct app *app;
};

static void run_read_balance(struct lane_task *task, struct reader *reader)
{
    struct balance_task *own = CONTAINER_OF(task, struct balance_task, task);
    struct app *app = own->app;
    struct arena *arena = arena_new(0);

    free(own);
    read_balance(app, reader, arena);
    arena_free(arena);
    atomic_store(&app->payments->reading_balance, false);
}

void reconcile_balance(struct app *app, struct reader *reader, struct arena *arena)
{
    struct balance_task *own;

    if (atomic_load(&app->payments->balance_refused) || atomic_exchange(&app->payments->reading_balance, true))
        return;
    own = calloc(1, sizeof *own);
    if (own) {
        own->task.run = run_read_balance;
        own->app = app;
    }
    if (!own || lane_push(app->lanes, LANE_PAY, &own->task)) {
        free(own);
        atomic_store(&app->payments->reading_balance, false);
    }
}
