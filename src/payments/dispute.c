#include "payments/dispute.h"

#include <string.h>

#include "base/log.h"
#include "payments/ledger.h"
#include "registrations/registration_money.h"

/* More than a registration's tickets go in and out; what lies beyond is in the gate's history. */
#define ADMISSIONS_MAX 500

SQL(dispute_open_sql, "SELECT 1 FROM dispute WHERE registration = :registration AND intent = :intent AND status <= 3 LIMIT 1");
SQL(dispute_taken_sql, "SELECT CAST(COALESCE(sum(amount), 0) AS BIGINT) FROM dispute WHERE registration = :registration AND intent = :intent"
                       " AND status IN (2, 3, 6)");
SQL(dispute_blocks_sql, "SELECT 1 FROM dispute WHERE registration = :registration AND status IN (2, 3, 6) LIMIT 1");
SQL(dispute_status_sql, "SELECT status FROM dispute WHERE id = :id");
SQL(dispute_insert_sql,
    "INSERT INTO dispute (id, event, registration, intent, amount, currency, status, reason, evidence_due, evidence, created_at, updated_at)"
    " VALUES (:id, :event, :registration, :intent, :amount, :currency, :status, :reason, :evidence_due, :evidence, :created, :now)");
/* What is over stays over: an older answer that comes late says nothing new. */
SQL(dispute_update_sql,
    "UPDATE dispute SET amount = :amount, status = :status, reason = :reason, evidence_due = :evidence_due, evidence = :evidence, updated_at = :now"
    " WHERE id = :id AND (status <= 3 OR :status > 3)");
SQL(dispute_admissions_sql, "SELECT ticket, kind, at, gate FROM check_in WHERE event = :event AND ticket >= :first AND ticket <= :last"
                            " ORDER BY ticket, n LIMIT :max");

/* ---- looking ---- */

static bool any(struct query *q)
{
    bool found = query_row(q);

    query_end(q);
    return found;
}

bool disputes_are_open(struct tx *tx, const struct payment *payment)
{
    struct query *q = query(tx, &dispute_open_sql);

    bind_id(q, ":registration", &payment->registration);
    bind_text(q, ":intent", payment->intent);
    return any(q);
}

int64_t disputed_of(struct tx *tx, const struct id *registration, const char *intent)
{
    struct query *q = query(tx, &dispute_taken_sql);
    int64_t sum;

    bind_id(q, ":registration", registration);
    bind_text(q, ":intent", intent);
    sum = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return sum;
}

static bool blocks(struct tx *tx, const struct id *registration)
{
    struct query *q = query(tx, &dispute_blocks_sql);

    bind_id(q, ":registration", registration);
    return any(q);
}

/* The gate's history of its tickets: that somebody came in is what a bank believes. */
static const char *evidence(struct tx *tx, const struct registration *reg)
{
    struct query *q = query(tx, &dispute_admissions_sql);
    struct id first = id_child(&reg->id, 1), last = id_child(&reg->id, 255);
    struct buf out = buf_in(tx->arena);

    bind_id(q, ":event", &reg->event);
    bind_id(q, ":first", &first);
    bind_id(q, ":last", &last);
    bind_int(q, ":max", ADMISSIONS_MAX);
    json_open_array(&out, NULL);
    while (query_row(q)) {
        struct id ticket = col_id(q, 0);

        json_open(&out, NULL);
        json_id(&out, "ticketId", &ticket);
        json_str(&out, "kind", col_int(q, 1) == 1 ? "admitted" : "undone");
        json_time(&out, "at", col_int(q, 2));
        json_str(&out, "gate", col_text(q, 3, tx->arena));
        json_close(&out);
    }
    query_end(q);
    json_close_array(&out);
    return out.data;
}

/* ---- writing ---- */

/* Funds withdrawn and reinstated, and what the provider takes for it. Where the account is kept in another currency, the sum is the dispute's
 * own, so that it stands against the charge. */
static void book(struct tx *tx, const struct registration *reg, const struct stripe_dispute *truth, int64_t amount)
{
    for (size_t i = 0; i < truth->balance_count; i++) {
        const struct stripe_balance *balance = &truth->balances[i];
        bool same = strcmp(balance->currency, truth->currency) == 0;
        struct movement moved = { .kind = LEDGER_DISPUTE, .back = balance->amount > 0, .provider_id = balance->id, .event = reg->event,
                                  .registration = reg->id, .currency = truth->currency, .at_ms = ledger_time(tx, balance->created_s) };

        if (!same || !stripe_signed_back(truth->currency, balance->amount, &moved.amount))
            moved.amount = balance->amount > 0 ? amount : -amount;
        ledger_write(tx, &moved);
        moved.kind = LEDGER_FEE;
        moved.currency = balance->currency;
        if (stripe_signed_back(balance->currency, -balance->fee, &moved.amount))
            ledger_write(tx, &moved);
    }
}

/* False: we know better. *before: what we thought, or -1 when it is new. */
static bool write_row(struct tx *tx, const struct registration *reg, const struct stripe_dispute *truth, int64_t amount, int64_t *before)
{
    struct query *q = query(tx, &dispute_status_sql);
    const char *admissions = evidence(tx, reg);

    bind_text(q, ":id", truth->id);
    *before = query_row(q) ? col_int(q, 0) : -1;
    query_end(q);
    q = query(tx, *before < 0 ? &dispute_insert_sql : &dispute_update_sql);
    if (*before < 0) {
        bind_id(q, ":event", &reg->event);
        bind_id(q, ":registration", &reg->id);
        bind_text(q, ":intent", truth->intent);
        bind_text(q, ":currency", truth->currency);
        bind_int(q, ":created", ledger_time(tx, truth->created_s));
    }
    bind_text(q, ":id", truth->id);
    bind_int(q, ":amount", amount);
    bind_int(q, ":status", truth->status);
    bind_text(q, ":reason", truth->reason);
    bind_time_or_null(q, ":evidence_due", truth->evidence_due_s * 1000);
    bind_text(q, ":evidence", admissions);
    bind_int(q, ":now", tx->now_ms);
    return query_run(q) == 1;
}

/* ---- telling ---- */

static const char *sentence(enum stripe_dispute_status status, bool confirmed)
{
    switch (status) {
    case DISPUTE_INQUIRY_NEEDS_RESPONSE:
    case DISPUTE_INQUIRY_UNDER_REVIEW:
        return "The buyer's bank asks about the payment. No money was taken; an answer may prevent that it is.";
    case DISPUTE_NEEDS_RESPONSE:
    case DISPUTE_UNDER_REVIEW:
        return "The buyer's bank took the money back until it is decided. Answer with what you know; the times at which the tickets "
               "were used are kept with the registration.";
    case DISPUTE_WON:
        return confirmed ? "It was decided for you: the money is with you again, and the tickets are good."
                         : "It was decided for you: the money is with you again. The tickets are void, so it goes back to the buyer, less what you were "
                           "asked before to give back in another way.";
    case DISPUTE_LOST:
        return "It was decided for the buyer: the money is gone.";
    case DISPUTE_INQUIRY_CLOSED:
    case DISPUTE_PREVENTED:
        break;
    }
    return "It is over, and no money was taken.";
}

static void tell(struct tx *tx, const struct registration *reg, const struct stripe_dispute *truth)
{
    char id[ID_TEXT_LEN + 1];
    struct event event;

    if (!event_find(tx, &reg->event, &event))
        return;
    id_format(&reg->id, id);
    payments_tell(tx, &event.organizer, truth->status <= DISPUTE_OPEN_LAST ? "A payment is disputed" : "A dispute is decided",
                  arena_printf(tx->arena, "Hello,\n\nthis is about a payment for your event \"%s\" (registration %s; the bank says: %s).\n\n%s\n",
                               event.title, id, truth->reason ? truth->reason : "no reason", sentence(truth->status, reg->status == REGISTRATION_CONFIRMED)));
}

/* What went, or was to go, back to the buyer while the bank had the money; now it is here, and not the organizer's. Refunds that were refused are looked
 * for each time, for one may have failed since. */
static enum err give_back(struct tx *tx, const struct payment *payment, const struct id *registration, bool just_won)
{
    struct registration reg;
    enum err e = refund_blocked_again(tx, payment);

    if (e || !just_won || !registration_find(tx, registration, &reg) || reg.status == REGISTRATION_CONFIRMED)
        return e;
    return refund_rest(tx, &reg, "It was paid for tickets that are void.");
}

enum err dispute_settle(struct tx *tx, const struct payment *payment, const struct stripe_dispute *truth)
{
    struct registration reg;
    int64_t amount, before;
    bool over = truth->status > DISPUTE_OPEN_LAST;

    if (strcmp(truth->intent, payment->intent) != 0 || truth->livemode != tx->app->payments->live) {
        log_error("the dispute %s is not of this payment, or not of this mode", truth->id);
        return ERR_UPSTREAM;
    }
    if (!registration_find(tx, &payment->registration, &reg))
        return ERR_OK;
    if (!stripe_amount_back(truth->currency, truth->amount, &amount))
        amount = truth->amount;
    book(tx, &reg, truth, amount);
    if (!write_row(tx, &reg, truth, amount, &before))
        return ERR_OK;
    if (before != (int64_t)truth->status) {
        log_warn("a dispute of the intent %s is %s", payment->intent, dispute_status_words[truth->status]);
        registration_set_disputed(tx, &reg.id, blocks(tx, &reg.id));
        if (before < 0 || over || (before < DISPUTE_NEEDS_RESPONSE && truth->status >= DISPUTE_NEEDS_RESPONSE))
            tell(tx, &reg, truth);
    }
    if (truth->status != DISPUTE_WON || disputes_are_open(tx, payment))
        return ERR_OK;
    return give_back(tx, payment, &reg.id, before != DISPUTE_WON);
}
