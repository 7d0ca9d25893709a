/* payment_work.c - the calls to Stripe and what is made of the answers. No transaction is ever open while one is under way. */
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "payments/dispute.h"

/* Stripe may forget an Idempotency-Key after 24 h. */
#define KEY_FORGOTTEN_MS (INT64_C(20) * 3600 * 1000)

/* Each write gets an arena of its own: it may be run again, and rewinds what it uses. */
static enum err write_now(struct app *app, struct fault *fault, const struct id *event, enum err (*run)(struct tx *tx, void *arg), void *arg)
{
    struct arena *arena = arena_new(0);
    struct fault own = { .arena = arena };
    enum err e = store_write_wait(app->store, arena, &own, event, true, run, arg);

    if (fault && own.detail)
        fault->detail = arena_strdup(fault->arena, own.detail);
    arena_free(arena);
    return e;
}

/* ---- making an intent ---- */

struct opened {
    const struct payment *payment;
    const struct stripe_intent *intent;
    bool still_wanted;
};

static enum err run_opened(struct tx *tx, void *arg)
{
    struct opened *opened = arg;

    return payment_opened(tx, opened->payment, opened->intent, &opened->still_wanted);
}

static enum err run_refused(struct tx *tx, void *arg)
{
    return payment_refused(tx, arg);
}

static void intent_form(struct buf *form, const struct id *event, const struct payment *payment, int64_t amount)
{
    char currency[4] = { 0 }, id[ID_TEXT_LEN + 1];

    for (int i = 0; i < 3; i++)
        currency[i] = (char)(payment->currency[i] | 0x20);
    form_add_int(form, "amount", amount);
    form_add(form, "currency", currency);
    /* Cards, and the wallets that hold cards: what settles within minutes, so that no seat is held for days. */
    form_add(form, "payment_method_types[0]", "card");
    id_format(&payment->registration, id);
    form_add(form, "metadata[registration_id]", id);
    id_format(event, id);
    form_add(form, "metadata[event_id]", id);
    form_add_int(form, "metadata[attempt]", payment->attempt);
}

/* The answer must be the intent that we asked for: a stored answer to a key of ours, mixed up, would sell at another's price. */
static bool as_asked(struct app *app, const struct payment *payment, int64_t amount, const struct stripe_intent *intent)
{
    return intent->amount == amount && strcmp(intent->currency, payment->currency) == 0 && intent->livemode == app->payments->live &&
           id_equal(&intent->registration, &payment->registration) && intent->client_secret;
}

/* Where the key may be forgotten, asking under it could make a second intent: so the first is looked for among those made since. At most
 * 20 pages of 100 are read, an on-sale's minute at Stripe's own limit of calls; what is not among them is made anew, and the first, whose secret
 * never left, cannot be paid. */
static enum err find_old_intent(struct app *app, struct arena *arena, const struct payment *payment, struct stripe_intent *out, bool *found)
{
    int64_t from_s = payment->created_at_ms / 1000 - 300, to_s = payment->updated_at_ms / 1000 + 300;
    const char *last = NULL;
    bool more = true;

    *found = false;
    for (int page = 0; page < 20 && more; page++) {
        struct stripe_reply reply;
        json_t *items;
        enum err e = stripe_get(app->payments->stripe, arena,
                                arena_printf(arena, "/v1/payment_intents?created[gte]=%" PRId64 "&created[lte]=%" PRId64 "&limit=100%s%s", from_s, to_s,
                                             last ? "&starting_after=" : "", last ? last : ""),
                                &reply);

        items = e || reply.status >= 300 ? NULL : stripe_read_list(reply.json, &more);
        if (!items)
            return e ? e : ERR_UPSTREAM;
        for (size_t i = 0; i < json_array_size(items); i++) {
            /* Those of other systems on the account need not be as ours are. */
            bool good = stripe_read_intent(arena, json_array_get(items, i), out);

            if (stripe_id_valid(out->id, "pi_"))
                last = out->id;
            *found = good && id_equal(&out->registration, &payment->registration) && out->attempt == payment->attempt;
            if (*found)
                return ERR_OK;
        }
        more = more && json_array_size(items);
    }
    return ERR_OK;
}

static enum err store_intent(struct app *app, struct fault *fault, const struct id *event, struct payment *payment, const struct stripe_intent *intent)
{
    struct opened opened = { payment, intent, false };
    enum err e = write_now(app, fault, event, run_opened, &opened);

    if (e)
        return e;
    if (!opened.still_wanted)
        return fault_set(fault, ERR_CONFLICT, "The registration is not waiting for a payment any more.");
    payment->intent = intent->id;
    payment->client_secret = intent->client_secret;
    return ERR_OK;
}

enum err payment_create_intent(struct app *app, struct arena *arena, struct fault *fault, const struct id *event, struct payment *payment)
{
    char id[ID_TEXT_LEN + 1];
    struct buf form = buf_in(arena);
    struct stripe_reply reply;
    struct stripe_intent intent;
    int64_t amount;
    bool found = false;
    enum err e = ERR_OK;

    if (!stripe_amount(payment->currency, payment->amount, &amount))
        return ERR_CONFLICT;
    if (clock_now_ms() - payment->created_at_ms > KEY_FORGOTTEN_MS)
        e = find_old_intent(app, arena, payment, &intent, &found);
    if (e)
        return fault_set(fault, e, "The payment provider does not answer; try again.");
    if (found && as_asked(app, payment, amount, &intent))
        return store_intent(app, fault, event, payment, &intent);
    intent_form(&form, event, payment, amount);
    id_format(&payment->registration, id);
    e = stripe_post(app->payments->stripe, arena, "/v1/payment_intents", &form, arena_printf(arena, "pi-%s-%" PRId64, id, payment->attempt), &reply);
    fault->retry_after_s = reply.retry_after_s;
    if (e)
        return fault_set(fault, e, "The payment provider does not answer; try again.");
    if (reply.status == 409)
        return fault_set(fault, ERR_UPSTREAM, "The payment provider is still at work on it; try again.");
    if (reply.status >= 300) {
        /* The same key would get the same answer for a day, so the next try is another attempt. */
        log_error("Stripe refuses to make an intent: %s", reply.error_code ? reply.error_code : reply.error_type ? reply.error_type : "no code");
        e = write_now(app, NULL, event, run_refused, payment);
        return e ? e : fault_set(fault, ERR_UPSTREAM, "The payment provider refuses this payment.");
    }
    if (!stripe_read_intent(arena, reply.json, &intent) || !as_asked(app, payment, amount, &intent)) {
        log_error("Stripe's new intent is not what was asked for");
        return fault_set(fault, ERR_UPSTREAM, "The payment provider's answer cannot be used.");
    }
    return store_intent(app, fault, event, payment, &intent);
}

/* ---- the truth ---- */

struct settle {
    const struct stripe_intent *truth;
    bool refuse;
};

static enum err run_settle(struct tx *tx, void *arg)
{
    struct settle *settle = arg;

    return payment_adopt(tx, settle->truth) ? payment_settle(tx, settle->truth, settle->refuse) : ERR_OK;
}

static enum err settle(struct app *app, const struct id *event, const struct stripe_intent *truth)
{
    struct settle arg = { truth, false };
    enum err e;

    if (truth->livemode != app->payments->live) {
        log_error("the intent %s is not of the mode of our key", truth->id);
        return ERR_UPSTREAM;
    }
    e = write_now(app, NULL, event, run_settle, &arg);

    if (e != ERR_SOLD_OUT && e != ERR_CONFLICT)
        return e;
    /* The money is there and no ticket can be: nothing of the first write stands, and the second takes the payment down with its refund. */
    arg.refuse = true;
    return write_now(app, NULL, event, run_settle, &arg);
}

struct known {
    struct payment payment;
    struct refund *refunds;
    size_t refund_count;
    struct id event;
    bool found, disputed;    /* disputed: a dispute of it is open, as far as we know */
};

/* What we know of an intent: its payment row, refunds and event. `registration` is looked up where there is no row. */
static void look_up(struct app *app, struct reader *reader, struct arena *arena, const char *intent, const struct id *registration, struct known *out)
{
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    struct registration reg;
    bool found;

    *out = (struct known){ 0 };
    reader_begin(reader, &tx, arena, &fault);
    out->found = payment_by_intent(&tx, intent, &out->payment);
    if (out->found) {
        out->disputed = disputes_are_open(&tx, &out->payment);
        out->refund_count = refunds_of(&tx, &out->payment.registration, intent, &out->refunds);
    }
    found = registration_find(&tx, out->found ? &out->payment.registration : registration, &reg);
    if (found)
        out->event = reg.event;
    reader_end(reader, &tx);
}

static enum err fetch_intent(struct app *app, struct arena *arena, const char *id, struct stripe_intent *out, bool *missing)
{
    struct stripe_reply reply;
    enum err e = stripe_get(app->payments->stripe, arena, arena_printf(arena, "/v1/payment_intents/%s?expand[0]=latest_charge", id), &reply);

    *missing = !e && reply.status == 404;
    if (e || *missing)
        return e;
    if (reply.status >= 300 || !stripe_read_intent(arena, reply.json, out) || strcmp(out->id, id) != 0) {
        log_warn("Stripe's answer about %s cannot be used", id);
        return ERR_UPSTREAM;
    }
    return ERR_OK;
}

/* Do our rows add up to what Stripe says was given back, with nothing under way? */
static bool refunds_agree(const struct known *known, const struct stripe_intent *truth)
{
    int64_t sum = 0, amount;

    for (size_t i = 0; i < known->refund_count; i++) {
        const struct refund *refund = &known->refunds[i];

        if (refund->status == REFUND_ASKED || refund->status == REFUND_PENDING)
            return false;
        if (refund->status == REFUND_SUCCEEDED && stripe_amount(refund->currency, refund->amount, &amount))
            sum += amount;
    }
    return truth->refunded < 0 || truth->refunded == sum;
}

struct settle_refunds {
    const struct payment *payment;
    const struct stripe_refund *refunds;
    size_t count;
};

static enum err run_settle_refunds(struct tx *tx, void *arg)
{
    const struct settle_refunds *all = arg;
    enum err e = ERR_OK;

    for (size_t i = 0; i < all->count && !e; i++)
        e = refund_settle(tx, all->payment, &all->refunds[i]);
    return e;
}

/* One page of an intent's refunds, newest first, behind `last`, which becomes the page's; added to `out`, which has room for 100 more. */
static enum err list_refunds_page(struct app *app, struct arena *arena, const char *intent, const char **last, struct stripe_refund *out, size_t *count,
                                  bool *more)
{
    struct stripe_reply reply;
    json_t *items;
    enum err e = stripe_get(app->payments->stripe, arena,
                            arena_printf(arena, "/v1/refunds?payment_intent=%s&limit=100%s%s", intent, *last ? "&starting_after=" : "", *last ? *last : ""), &reply);

    if (e)
        return e;
    items = reply.status < 300 ? stripe_read_list(reply.json, more) : NULL;
    if (!items || json_array_size(items) > 100)
        return ERR_UPSTREAM;
    for (size_t i = 0; i < json_array_size(items); i++) {
        struct stripe_refund *refund = &out[*count];

        if (!stripe_read_refund(arena, json_array_get(items, i), refund) || strcmp(refund->intent, intent) != 0)
            return ERR_UPSTREAM;
        *last = refund->id;
        ++*count;
    }
    *more &= json_array_size(items) > 0;
    return ERR_OK;
}

/* All refunds of a payment, oldest first. Two pages are rare; beyond ten thousand refunds of one payment somebody plays with us. */
static enum err list_refunds(struct app *app, struct arena *arena, const char *intent, struct stripe_refund **out, size_t *count)
{
    struct stripe_refund *all = ARENA_ARRAY(arena, 100, struct stripe_refund);
    const char *last = NULL;
    bool more = true;

    *count = 0;
    while (more && *count < 10000) {
        enum err e = list_refunds_page(app, arena, intent, &last, all, count, &more);

        if (e)
            return e;
        if (more) {
            struct stripe_refund *wider = ARENA_ARRAY(arena, *count + 100, struct stripe_refund);

            memcpy(wider, all, *count * sizeof *all);
            all = wider;
        }
    }
    *out = ARENA_ARRAY(arena, *count + 1, struct stripe_refund);
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = all[*count - 1 - i];
    return ERR_OK;
}

static enum err sync_refunds(struct app *app, struct arena *arena, const struct known *known)
{
    struct settle_refunds all = { .payment = &known->payment };
    struct stripe_refund *refunds;
    enum err e = list_refunds(app, arena, known->payment.intent, &refunds, &all.count);

    all.refunds = refunds;
    return e ? e : write_now(app, NULL, &known->event, run_settle_refunds, &all);
}

struct settle_disputes {
    const struct payment *payment;
    const struct stripe_dispute *disputes;
    size_t count;
};

static enum err run_settle_disputes(struct tx *tx, void *arg)
{
    const struct settle_disputes *all = arg;
    enum err e = ERR_OK;

    for (size_t i = 0; i < all->count && !e; i++)
        e = dispute_settle(tx, all->payment, &all->disputes[i]);
    return e;
}

/* A payment has one dispute, rarely two. */
static enum err sync_disputes(struct app *app, struct arena *arena, const struct known *known)
{
    struct settle_disputes all = { .payment = &known->payment };
    struct stripe_dispute *disputes;
    struct stripe_reply reply;
    json_t *items;
    bool more;
    enum err e = stripe_get(app->payments->stripe, arena, arena_printf(arena, "/v1/disputes?payment_intent=%s&limit=20", known->payment.intent), &reply);

    if (e)
        return e;
    items = reply.status < 300 ? stripe_read_list(reply.json, &more) : NULL;
    if (!items)
        return ERR_UPSTREAM;
    disputes = ARENA_ARRAY(arena, json_array_size(items) + 1, struct stripe_dispute);
    for (size_t i = json_array_size(items); i-- > 0; all.count++)
        if (!stripe_read_dispute(arena, json_array_get(items, i), &disputes[all.count]))
            return ERR_UPSTREAM;
    all.disputes = disputes;
    return write_now(app, NULL, &known->event, run_settle_disputes, &all);
}

enum err payment_sync(struct app *app, struct reader *reader, struct arena *arena, const char *intent)
{
    struct stripe_intent truth;
    struct known known;
    bool missing;
    enum err e;

    if (!stripe_id_valid(intent, "pi_"))
        return ERR_OK;
    e = fetch_intent(app, arena, intent, &truth, &missing);
    if (e)
        return e;
    if (missing) {
        log_warn("Stripe does not know the intent %s", intent);
        truth = (struct stripe_intent){ .id = intent, .status = INTENT_CANCELLED, .livemode = app->payments->live };
    }
    look_up(app, reader, arena, intent, &truth.registration, &known);
    if (id_is_zero(&known.event))
        return ERR_OK; /* another system's, on the same Stripe account */
    e = settle(app, &known.event, &truth);
    if (e || truth.status != INTENT_SUCCEEDED)
        return e;
    look_up(app, reader, arena, intent, &truth.registration, &known);
    if (!known.found)
        return ERR_OK;
    e = refunds_agree(&known, &truth) ? ERR_OK : sync_refunds(app, arena, &known);
    if (!e && (truth.disputed || known.disputed))
        e = sync_disputes(app, arena, &known);
    return e;
}

/* ---- what Stripe took of it ---- */

struct book {
    const char *intent;
    const struct stripe_balance *truth;
};

static enum err run_book(struct tx *tx, void *arg)
{
    const struct book *book = arg;
    struct payment payment;

    if (payment_by_intent(tx, book->intent, &payment))
        payment_book(tx, &payment, book->truth);
    return ERR_OK;
}

enum err payment_fetch_balance(struct app *app, struct reader *reader, struct arena *arena, const char *balance, const char *intent)
{
    static const struct id nobody;
    struct stripe_balance truth;
    struct stripe_reply reply;
    struct known known;
    enum err e = stripe_get(app->payments->stripe, arena, arena_printf(arena, "/v1/balance_transactions/%s", balance), &reply);

    /* A restricted key that may not read them: fees stay unknown, and nothing else hangs on it. */
    if (e && reply.status == 403) {
        log_warn("our key may not read Stripe's balance transactions: fees are not in the ledger");
        return ERR_OK;
    }
    if (e || reply.status == 404)
        return e;
    if (reply.status >= 300 || !stripe_read_balance(arena, reply.json, &truth) || strcmp(truth.id, balance) != 0)
        return ERR_UPSTREAM;
    look_up(app, reader, arena, intent, &nobody, &known);
    return known.found ? write_now(app, NULL, &known.event, run_book, &(struct book){ intent, &truth }) : ERR_OK;
}

/* ---- cancelling ---- */

static enum err cancel_one(struct app *app, struct reader *reader, struct arena *arena, const struct id *event, const struct payment *payment)
{
    struct buf form = buf_in(arena);
    struct stripe_intent truth;
    struct stripe_reply reply;
    enum err e;

    form_add(&form, "cancellation_reason", "abandoned");
    /* A key of its own each time: a refusal ("it is processing") would be played back for a day, and cancelling twice does no harm. */
    e = stripe_post(app->payments->stripe, arena, arena_printf(arena, "/v1/payment_intents/%s/cancel", payment->intent), &form,
                    arena_printf(arena, "cancel-%s-%" PRId64, payment->intent, clock_now_ms()), &reply);
    if (e)
        return e;
    if (reply.status < 300 && stripe_read_intent(arena, reply.json, &truth) && strcmp(truth.id, payment->intent) == 0 &&
        truth.status == INTENT_CANCELLED)
        return settle(app, event, &truth);
    /* It was paid, or is being paid, or is cancelled already: whatever it is, it is settled. */
    return payment_sync(app, reader, arena, payment->intent);
}

enum err payment_cancel_open(struct app *app, struct reader *reader, struct arena *arena, const struct id *registration)
{
    struct payment open[PAYMENT_ATTEMPTS_MAX];
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    struct registration reg;
    size_t count = 0;
    bool wanted = true;
    enum err first = ERR_OK;

    reader_begin(reader, &tx, arena, &fault);
    if (registration_find(&tx, registration, &reg)) {
        /* Asked for when its time was over; a clock set back makes it wanted again. */
        wanted = reg.status == REGISTRATION_PENDING && reg.expires_at_ms > tx.now_ms;
        count = payments_open_of(&tx, registration, open);
    }
    reader_end(reader, &tx);
    for (size_t i = 0; i < count && !wanted; i++) {
        enum err e = cancel_one(app, reader, arena, &reg.event, &open[i]);

        first = first ? first : e;
    }
    return first;
}

/* ---- refunding ---- */

struct refund_verdict {
    const struct refund *refund;
    const char *failure;
};

static enum err run_refund_failed(struct tx *tx, void *arg)
{
    const struct refund_verdict *verdict = arg;

    return refund_failed(tx, verdict->refund, verdict->failure);
}

/* Look at what Stripe has of it before asking again, or after it refused. *found: it is there and settled. */
static enum err look_for_refund(struct app *app, struct arena *arena, const struct known *known, const struct refund *refund, bool *found)
{
    struct stripe_refund *refunds;
    struct settle_refunds all = { .payment = &known->payment };
    enum err e = list_refunds(app, arena, refund->intent, &refunds, &all.count);

    *found = false;
    if (e)
        return e;
    all.refunds = refunds;
    for (size_t i = 0; i < all.count; i++)
        *found |= id_equal(&refunds[i].ours, &refund->id) != 0;
    return *found ? write_now(app, NULL, &known->event, run_settle_refunds, &all) : ERR_OK;
}

static enum err post_refund(struct app *app, struct arena *arena, const struct known *known, const struct refund *refund)
{
    char id[ID_TEXT_LEN + 1], registration[ID_TEXT_LEN + 1];
    struct buf form = buf_in(arena);
    struct stripe_refund truth;
    struct settle_refunds one = { &known->payment, &truth, 1 };
    struct refund_verdict verdict = { refund, NULL };
    struct stripe_reply reply;
    int64_t amount;
    bool found = false;
    enum err e;

    id_format(&refund->id, id);
    id_format(&refund->registration, registration);
    form_add(&form, "payment_intent", refund->intent);
    /* One that goes back by itself goes back whole, whatever its currency. */
    if (refund->tickets && stripe_amount(refund->currency, refund->amount, &amount))
        form_add_int(&form, "amount", amount);
    form_add(&form, "reason", "requested_by_customer");
    form_add(&form, "metadata[refund_id]", id);
    form_add(&form, "metadata[registration_id]", registration);
    e = stripe_post(app->payments->stripe, arena, "/v1/refunds", &form, arena_printf(arena, "refund-%s", id), &reply);
    if (e || reply.status == 409)
        return e ? e : ERR_UPSTREAM;
    if (reply.status < 300)
        return stripe_read_refund(arena, reply.json, &truth) && strcmp(truth.intent, refund->intent) == 0
                   ? write_now(app, NULL, &known->event, run_settle_refunds, &one)
                   : ERR_UPSTREAM;
    e = look_for_refund(app, arena, known, refund, &found);
    if (e || found)
        return e;
    verdict.failure = reply.error_code && strlen(reply.error_code) <= 100 ? reply.error_code : "refused";
    return write_now(app, NULL, &known->event, run_refund_failed, &verdict);
}

enum err refund_post(struct app *app, struct reader *reader, struct arena *arena, struct fault *job_fault, const struct id *id)
{
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    struct refund refund;
    struct known known;
    int64_t now;
    bool found, there = false;
    enum err e = ERR_OK;

    reader_begin(reader, &tx, arena, &fault);
    found = refund_find(&tx, id, &refund);
    now = tx.now_ms;
    reader_end(reader, &tx);
    if (found && refund.status == REFUND_FAILED)
        return fault_set(job_fault, ERR_CONFLICT, "The refund failed at the payment provider (%s); the money must be given back by hand.", refund.failure);
    if (!found || refund.status != REFUND_ASKED)
        return ERR_OK;
    look_up(app, reader, arena, refund.intent, &refund.registration, &known);
    if (!known.found)
        return ERR_INTERNAL;
    if (now - refund.created_at_ms > KEY_FORGOTTEN_MS)
        e = look_for_refund(app, arena, &known, &refund, &there);
    return e || there ? e : post_refund(app, arena, &known, &refund);
}
