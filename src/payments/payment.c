#include "payments/payment.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "payments/ledger.h"
#include "payments/payment_rows.h"
#include "registrations/registration_money.h"

_Static_assert(PAYMENT_FAILED == 5, "payment_status_words has them in this order");

/* A request to Stripe with all its tries takes at most three time-outs; after that nobody is working on the row any more. */
#define CREATE_LEASE_MS 60000

#define PAYMENT_COLUMNS \
    "registration, attempt, status, amount, currency, intent, client_secret, received, lease_until, created_at, updated_at, balance"

SQL(payment_latest_sql, "SELECT " PAYMENT_COLUMNS " FROM payment WHERE registration = :registration ORDER BY attempt DESC LIMIT 1");
SQL(payment_attempt_sql, "SELECT " PAYMENT_COLUMNS " FROM payment WHERE registration = :registration AND attempt = :attempt");
SQL(payment_by_intent_sql, "SELECT " PAYMENT_COLUMNS " FROM payment WHERE intent = :intent");
SQL(payments_of_sql, "SELECT " PAYMENT_COLUMNS " FROM payment WHERE registration = :registration ORDER BY attempt LIMIT :max");
SQL(payments_open_sql, "SELECT " PAYMENT_COLUMNS " FROM payment WHERE registration = :registration AND status IN (1, 2) ORDER BY attempt LIMIT :max");
SQL(payment_insert_sql, "INSERT INTO payment (registration, attempt, status, amount, currency, intent, client_secret, lease_until, created_at, updated_at)"
                        " VALUES (:registration, :attempt, :status, :amount, :currency, :intent, :secret, :lease, :now, :now)");
SQL(payment_lease_sql, "UPDATE payment SET lease_until = :lease, updated_at = :now WHERE registration = :registration AND attempt = :attempt AND status = 0");
SQL(payment_opened_sql, "UPDATE payment SET status = 1, intent = :intent, client_secret = :secret, lease_until = NULL, updated_at = :now"
                        " WHERE registration = :registration AND attempt = :attempt AND status = 0 AND intent IS NULL");
SQL(payment_refused_sql, "UPDATE payment SET status = 5, lease_until = NULL, updated_at = :now"
                         " WHERE registration = :registration AND attempt = :attempt AND status = 0");
SQL(payment_move_sql, "UPDATE payment SET status = :to, updated_at = :now"
                      " WHERE registration = :registration AND attempt = :attempt AND status IN (0, 1, 2)");
/* From whatever we thought: money that came is the stronger fact. Only once. */
SQL(payment_received_sql, "UPDATE payment SET status = :to, received = :received, currency = :currency, lease_until = NULL, updated_at = :now"
                          " WHERE registration = :registration AND attempt = :attempt AND status <> 3 AND received = 0");
SQL(payment_booked_sql, "UPDATE payment SET balance = :balance WHERE registration = :registration AND attempt = :attempt");
SQL(payment_touch_sql, "UPDATE payment SET updated_at = :now WHERE registration = :registration AND attempt = :attempt");

/* ---- rows ---- */

static void from_row(struct query *q, struct arena *arena, struct payment *out)
{
    *out = (struct payment){ .registration = col_id(q, 0),
                             .attempt = col_int(q, 1),
                             .status = (enum payment_status)col_int(q, 2),
                             .amount = col_int(q, 3),
                             .currency = col_text(q, 4, arena),
                             .intent = col_text(q, 5, arena),
                             .client_secret = col_text(q, 6, arena),
                             .received = col_int(q, 7),
                             .lease_until_ms = col_int(q, 8),
                             .created_at_ms = col_int(q, 9),
                             .updated_at_ms = col_int(q, 10),
                             .balance = col_text(q, 11, arena) };
}

static bool read_one(struct tx *tx, struct query *q, struct payment *out)
{
    bool found = query_row(q);

    if (found)
        from_row(q, tx->arena, out);
    query_end(q);
    return found;
}

bool payment_latest(struct tx *tx, const struct id *registration, struct payment *out)
{
    struct query *q = query(tx, &payment_latest_sql);

    bind_id(q, ":registration", registration);
    return read_one(tx, q, out);
}

bool payment_of_attempt(struct tx *tx, const struct id *registration, int64_t attempt, struct payment *out)
{
    struct query *q = query(tx, &payment_attempt_sql);

    bind_id(q, ":registration", registration);
    bind_int(q, ":attempt", attempt);
    return read_one(tx, q, out);
}

bool payment_by_intent(struct tx *tx, const char *intent, struct payment *out)
{
    struct query *q = query(tx, &payment_by_intent_sql);

    bind_text(q, ":intent", intent);
    return read_one(tx, q, out);
}

static size_t read_all(struct tx *tx, struct sql *sql, const struct id *registration, struct payment *out)
{
    struct query *q = query(tx, sql);
    size_t count = 0;

    bind_id(q, ":registration", registration);
    bind_int(q, ":max", PAYMENT_ATTEMPTS_MAX);
    while (count < PAYMENT_ATTEMPTS_MAX && query_row(q))
        from_row(q, tx->arena, &out[count++]);
    query_end(q);
    return count;
}

size_t payments_of(struct tx *tx, const struct id *registration, struct payment *out)
{
    return read_all(tx, &payments_of_sql, registration, out);
}

size_t payments_open_of(struct tx *tx, const struct id *registration, struct payment *out)
{
    return read_all(tx, &payments_open_sql, registration, out);
}

static struct query *on_row(struct tx *tx, struct sql *sql, const struct payment *payment)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":registration", &payment->registration);
    bind_int(q, ":attempt", payment->attempt);
    bind_int(q, ":now", tx->now_ms);
    return q;
}

static void insert(struct tx *tx, const struct payment *payment)
{
    struct query *q = on_row(tx, &payment_insert_sql, payment);

    bind_int(q, ":status", payment->status);
    bind_int(q, ":amount", payment->amount);
    bind_text(q, ":currency", payment->currency);
    bind_text(q, ":intent", payment->intent);
    bind_text(q, ":secret", payment->client_secret);
    bind_time_or_null(q, ":lease", payment->lease_until_ms);
    query_run(q);
}

void payment_touch(struct tx *tx, const struct payment *payment)
{
    query_run(on_row(tx, &payment_touch_sql, payment));
}

/* ---- jobs ---- */

void ask_intent_cancel(struct tx *tx, const struct id *registration)
{
    char key[ID_TEXT_LEN + 1];

    id_format(registration, key);
    job_ask(tx, "intent-cancel", key, NULL, 0);
}

void ask_stripe_sync(struct tx *tx, const char *intent)
{
    job_ask(tx, "stripe-sync", intent, NULL, 0);
}

void ask_balance(struct tx *tx, const char *balance, const char *intent)
{
    if (balance)
        job_ask(tx, "balance", balance, intent, 0);
}

/* ---- beginning ---- */

enum err payment_begin(struct tx *tx, const struct registration *reg, struct payment *out)
{
    struct payment fresh = { .registration = reg->id, .attempt = 1, .amount = reg->amount, .currency = reg->currency };
    struct query *q;
    int64_t amount;
    enum err e;

    if (reg->amount == 0)
        return fail(tx, ERR_CONFLICT, "The registration costs nothing.");
    if (!stripe_amount(reg->currency, reg->amount, &amount))
        return fail(tx, ERR_CONFLICT, "The payment provider cannot take this amount of %s.", reg->currency);
    e = registration_start_paying(tx, &reg->id);
    if (e)
        return e;
    if (payment_latest(tx, &reg->id, out)) {
        switch (out->status) {
        case PAYMENT_OPEN:
            return ERR_OK;
        case PAYMENT_CREATING:
            /* A second tab, or a second try: it posts under the same key and gets the same intent. */
            q = on_row(tx, &payment_lease_sql, out);
            bind_int(q, ":lease", tx->now_ms + CREATE_LEASE_MS);
            query_run(q);
            return ERR_OK;
        case PAYMENT_PROCESSING:
        case PAYMENT_SUCCEEDED:
            return fail(tx, ERR_CONFLICT, "A payment is under way.");
        case PAYMENT_CANCELLED:
        case PAYMENT_FAILED:
            break;
        }
        if (out->attempt >= PAYMENT_ATTEMPTS_MAX)
            return fail(tx, ERR_CONFLICT, "The payment was tried too often; register again.");
        fresh.attempt = out->attempt + 1;
    }
    fresh.status = PAYMENT_CREATING;
    fresh.lease_until_ms = tx->now_ms + CREATE_LEASE_MS;
    fresh.created_at_ms = fresh.updated_at_ms = tx->now_ms;
    insert(tx, &fresh);
    *out = fresh;
    return ERR_OK;
}

enum err payment_opened(struct tx *tx, const struct payment *payment, const struct stripe_intent *intent, bool *still_wanted)
{
    struct registration reg;
    struct payment now;
    struct query *q;

    *still_wanted = false;
    if (payment_by_intent(tx, intent->id, &now) && (!id_equal(&now.registration, &payment->registration) || now.attempt != payment->attempt)) {
        log_error("Stripe gave the intent %s twice", intent->id);
        return ERR_UPSTREAM;
    }
    if (!registration_find(tx, &payment->registration, &reg))
        return fail(tx, ERR_NOT_FOUND, "There is no such registration.");
    q = on_row(tx, &payment_opened_sql, payment);
    bind_text(q, ":intent", intent->id);
    bind_text(q, ":secret", intent->client_secret);
    if (query_run(q) != 1) {
        /* Its twin came first; both hold the same intent. */
        *still_wanted = payment_of_attempt(tx, &payment->registration, payment->attempt, &now) && now.status == PAYMENT_OPEN &&
                        reg.status == REGISTRATION_PENDING;
        return ERR_OK;
    }
    /* In every state: it says which intent this registration's money would come by. */
    registration_set_intent(tx, &reg.id, intent->id);
    *still_wanted = reg.status == REGISTRATION_PENDING;
    if (!*still_wanted)
        ask_intent_cancel(tx, &reg.id);
    tx_note(tx, "payment.opened", &reg.id, &reg.event);
    return ERR_OK;
}

enum err payment_refused(struct tx *tx, const struct payment *payment)
{
    query_run(on_row(tx, &payment_refused_sql, payment));
    return ERR_OK;
}

bool payment_adopt(struct tx *tx, const struct stripe_intent *truth)
{
    struct payment row, fresh;
    struct registration reg;
    bool wanted;

    if (payment_by_intent(tx, truth->id, &row))
        return true;
    if (id_is_zero(&truth->registration) || !registration_find(tx, &truth->registration, &reg))
        return false;
    if (truth->attempt && payment_of_attempt(tx, &reg.id, truth->attempt, &row) && row.status == PAYMENT_CREATING)
        return payment_opened(tx, &row, truth, &wanted) == ERR_OK;
    fresh = (struct payment){ .registration = reg.id, .attempt = 1, .status = PAYMENT_OPEN, .amount = reg.amount, .currency = reg.currency,
                              .intent = truth->id, .client_secret = truth->client_secret };
    if (payment_latest(tx, &reg.id, &row))
        fresh.attempt = row.attempt + 1;
    insert(tx, &fresh);
    if (!reg.intent)
        registration_set_intent(tx, &reg.id, truth->id);
    log_info("the intent %s was adopted by its metadata", truth->id);
    return true;
}

/* ---- settling: our rows are made to say what Stripe says ---- */

static bool due(const struct tx *tx, const struct registration *reg)
{
    return reg->status == REGISTRATION_PENDING && reg->expires_at_ms <= tx->now_ms;
}

/* Is it exactly the money that we asked for? */
static bool matches(const struct payment *payment, const struct stripe_intent *truth)
{
    int64_t amount;

    return stripe_amount(payment->currency, payment->amount, &amount) && truth->amount == amount && truth->received == amount &&
           strcmp(truth->currency, payment->currency) == 0 && id_equal(&truth->registration, &payment->registration);
}

/* The money is there: the payment's row and the ledger's say so. False when they said so before. */
static bool receive(struct tx *tx, const struct payment *payment, const struct registration *reg, const struct stripe_intent *truth,
                    enum payment_status to, int64_t received, const char *currency)
{
    struct movement charge = { .kind = LEDGER_CHARGE, .provider_id = payment->intent, .event = reg->event, .registration = reg->id,
                               .amount = received, .currency = currency, .at_ms = ledger_time(tx, truth->charged_s) };
    struct query *q = on_row(tx, &payment_received_sql, payment);

    bind_int(q, ":to", to);
    bind_int(q, ":received", received);
    bind_text(q, ":currency", currency);
    if (query_run(q) != 1)
        return false;
    ledger_write(tx, &charge);
    return true;
}

/* The tickets, and which intent they were bought with; another that could still be paid is cancelled, or it would be paid only to be given back. */
static enum err confirm(struct tx *tx, const struct payment *payment, const struct registration *reg)
{
    enum err e = registration_confirm(tx, &reg->id);

    if (e || (reg->intent && strcmp(reg->intent, payment->intent) == 0))
        return e;
    ask_intent_cancel(tx, &reg->id);
    return registration_set_intent(tx, &reg->id, payment->intent);
}

/* Money came that we did not ask for. It confirms nothing, and goes back whole. */
static enum err settle_mismatch(struct tx *tx, const struct payment *payment, const struct registration *reg, const struct stripe_intent *truth)
{
    struct payment as_paid = *payment;
    int64_t received;

    as_paid.currency = truth->currency;
    if (!stripe_amount_back(truth->currency, truth->received, &received))
        received = truth->received;
    if (!receive(tx, payment, reg, truth, PAYMENT_FAILED, received, truth->currency) || received == 0)
        return ERR_OK;
    log_error("the intent %s brought %" PRId64 " %s where %" PRId64 " %s were due; it is refunded", truth->id, truth->received, truth->currency,
              payment->amount, payment->currency);
    refund_automatic(tx, &as_paid, received, "What was paid is not what was due.");
    return due(tx, reg) ? registration_expire(tx, &reg->id) : ERR_OK;
}

static enum err settle_succeeded(struct tx *tx, const struct payment *payment, const struct registration *reg, const struct stripe_intent *truth,
                                 bool refuse)
{
    struct event event;
    enum err e = ERR_OK;

    if (payment->status == PAYMENT_SUCCEEDED || payment->received)
        return ERR_OK;
    if (!matches(payment, truth))
        return settle_mismatch(tx, payment, reg, truth);
    if (!event_find(tx, &reg->event, &event) || (event.status == EVENT_CANCELLED && !refuse))
        return fail(tx, ERR_CONFLICT, "The event was cancelled.");
    if (!receive(tx, payment, reg, truth, PAYMENT_SUCCEEDED, payment->amount, payment->currency))
        return ERR_OK;
    tx_note(tx, "payment.succeeded", &reg->id, &reg->event);
    if (!refuse)
        return confirm(tx, payment, reg);
    refund_automatic(tx, payment, payment->amount,
                     reg->status == REGISTRATION_CONFIRMED ? "It was paid twice." : "It was paid when the seats were gone.");
    if (reg->status == REGISTRATION_PENDING) /* of a cancelled event */
        e = registration_give_back(tx, &reg->id);
    return e;
}

static enum err settle_cancelled(struct tx *tx, const struct payment *payment, const struct registration *reg)
{
    struct query *q = on_row(tx, &payment_move_sql, payment);

    bind_int(q, ":to", PAYMENT_CANCELLED);
    query_run(q);
    /* The seats waited for just this. Another intent of the same registration may be open: it is cancelled as late. */
    return due(tx, reg) && reg->intent && payment->intent && strcmp(reg->intent, payment->intent) == 0 ? registration_expire(tx, &reg->id) : ERR_OK;
}

enum err payment_settle(struct tx *tx, const struct stripe_intent *truth, bool refuse)
{
    struct registration reg;
    struct payment payment;
    struct query *q;

    if (!payment_by_intent(tx, truth->id, &payment) || !registration_find(tx, &payment.registration, &reg))
        return ERR_OK;
    switch (truth->status) {
    case INTENT_SUCCEEDED:
        if (!payment.balance)
            ask_balance(tx, truth->balance, payment.intent);
        return settle_succeeded(tx, &payment, &reg, truth, refuse);
    case INTENT_CANCELLED:
        return settle_cancelled(tx, &payment, &reg);
    case INTENT_PAYABLE:
    case INTENT_ACTION:
    case INTENT_PROCESSING:
        q = on_row(tx, &payment_move_sql, &payment);
        bind_int(q, ":to", truth->status == INTENT_PROCESSING ? PAYMENT_PROCESSING : PAYMENT_OPEN);
        query_run(q);
        return ERR_OK;
    }
    return ERR_OK;
}

/* ---- what the provider took of it ---- */

void payment_book(struct tx *tx, const struct payment *payment, const struct stripe_balance *truth)
{
    struct movement moved, fee;
    struct query *q;
    bool charge = !ledger_find(tx, LEDGER_REFUND, truth->source ? truth->source : "", &moved);
    int64_t amount;

    if (charge && !ledger_find(tx, LEDGER_CHARGE, payment->intent, &moved))
        return; /* the charge itself is not settled yet: its sync asks again */
    fee = moved;
    fee.kind = LEDGER_FEE;
    fee.provider_id = truth->id;
    fee.at_ms = ledger_time(tx, truth->created_s);
    fee.currency = truth->currency;
    if (stripe_signed_back(truth->currency, -truth->fee, &fee.amount))
        ledger_write(tx, &fee);
    if (strcmp(truth->currency, moved.currency) == 0 && stripe_signed_back(truth->currency, truth->amount, &amount) && amount != moved.amount) {
        log_error("Stripe moved %" PRId64 " %s by %s where %" PRId64 " were due", amount, moved.currency, truth->id, moved.amount);
        moved.kind = LEDGER_ADJUSTMENT;
        moved.provider_id = truth->id;
        moved.amount = amount - moved.amount;
        ledger_write(tx, &moved);
    }
    if (!charge)
        return;
    q = query(tx, &payment_booked_sql);
    bind_id(q, ":registration", &payment->registration);
    bind_int(q, ":attempt", payment->attempt);
    bind_text(q, ":balance", truth->id);
    query_run(q);
}
