/* refund.c - money that goes back: asked for by the organizer, by a cancelled event, by the rules of late payments, or made at Stripe itself. */
#include <string.h>

#include "base/log.h"
#include "identity/identity.h"
#include "mail/mail.h"
#include "payments/payment_rows.h"

#define REFUND_COLUMNS "id, registration, intent, amount, currency, status, reason, tickets, provider_id, failure, created_at"

SQL(refund_by_id_sql, "SELECT " REFUND_COLUMNS " FROM refund WHERE id = :id");
SQL(refunds_of_sql, "SELECT " REFUND_COLUMNS " FROM refund WHERE registration = :registration AND intent = :intent ORDER BY id LIMIT 100");
SQL(refund_insert_sql, "INSERT INTO refund (id, registration, intent, amount, currency, status, reason, tickets, provider_id, actor, created_at, updated_at)"
                       " VALUES (:id, :registration, :intent, :amount, :currency, :status, :reason, :tickets, :provider_id, :actor, :now, :now)");
SQL(refund_move_sql, "UPDATE refund SET status = :to, provider_id = :provider_id, updated_at = :now WHERE id = :id AND status IN (0, 1)");
SQL(refund_failed_sql, "UPDATE refund SET status = 3, failure = :failure, updated_at = :now WHERE id = :id AND status <> 3");
/* What each succeeded payment of a registration has left to give back. */
SQL(refundable_sql, "SELECT p.attempt, p.intent, p.received, CAST(COALESCE((SELECT SUM(f.amount) FROM refund f"
                    " WHERE f.registration = p.registration AND f.intent = p.intent AND f.status <> 3), 0) AS BIGINT)"
                    " FROM payment p WHERE p.registration = :registration AND p.status = 3 ORDER BY p.attempt");

/* ---- rows ---- */

static void from_row(struct query *q, struct arena *arena, struct refund *out)
{
    *out = (struct refund){ .id = col_id(q, 0),
                            .registration = col_id(q, 1),
                            .intent = col_text(q, 2, arena),
                            .amount = col_int(q, 3),
                            .currency = col_text(q, 4, arena),
                            .status = (enum refund_status)col_int(q, 5),
                            .reason = col_text(q, 6, arena),
                            .tickets = col_text(q, 7, arena),
                            .provider_id = col_text(q, 8, arena),
                            .failure = col_text(q, 9, arena),
                            .created_at_ms = col_int(q, 10) };
}

bool refund_find(struct tx *tx, const struct id *id, struct refund *out)
{
    struct query *q = query(tx, &refund_by_id_sql);
    bool found;

    bind_id(q, ":id", id);
    found = query_row(q);
    if (found)
        from_row(q, tx->arena, out);
    query_end(q);
    return found;
}

size_t refunds_of(struct tx *tx, const struct id *registration, const char *intent, struct refund **out)
{
    struct query *q = query(tx, &refunds_of_sql);
    size_t count = 0;

    *out = ARENA_ARRAY(tx->arena, 100, struct refund);
    bind_id(q, ":registration", registration);
    bind_text(q, ":intent", intent);
    while (count < 100 && query_row(q))
        from_row(q, tx->arena, &(*out)[count++]);
    query_end(q);
    return count;
}

static void insert(struct tx *tx, struct refund *refund)
{
    struct query *q = query(tx, &refund_insert_sql);

    refund->id = id_new(tx->now_ms);
    bind_id(q, ":id", &refund->id);
    bind_id(q, ":registration", &refund->registration);
    bind_text(q, ":intent", refund->intent);
    bind_int(q, ":amount", refund->amount);
    bind_text(q, ":currency", refund->currency);
    bind_int(q, ":status", refund->status);
    bind_text(q, ":reason", refund->reason);
    bind_text(q, ":tickets", refund->tickets);
    bind_text(q, ":provider_id", refund->provider_id);
    bind_id_or_null(q, ":actor", &tx->actor);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    tx_note(tx, "refund.asked", &refund->id, &refund->registration);
}

/* The row and the job that carries it out. */
static void ask(struct tx *tx, struct refund *refund)
{
    char key[ID_TEXT_LEN + 1];

    refund->status = REFUND_ASKED;
    insert(tx, refund);
    id_format(&refund->id, key);
    job_ask(tx, "refund", key, NULL, 0);
}

/* ---- mails ---- */

/* A few plain sentences to the buyer or the organizer. */
static void tell(struct tx *tx, const struct id *account, const char *subject, const char *text)
{
    struct mail_message message = { .subject = subject, .text = text, .id = id_new(tx->now_ms), .account = *account };
    struct account to;

    if (!account_by_id(tx, account, &to))
        return;
    message.to = to.email;
    message.to_name = to.name;
    mail_ask(tx, &message);
}

/* ---- asking ---- */

/* The intent that `amount` can be given back from; NULL when there is none. */
static const char *intent_with(struct tx *tx, const struct id *registration, int64_t amount)
{
    struct query *q = query(tx, &refundable_sql);
    const char *intent = NULL;

    bind_id(q, ":registration", registration);
    while (!intent && query_row(q))
        if (col_int(q, 2) - col_int(q, 3) >= amount)
            intent = col_text(q, 1, tx->arena);
    query_end(q);
    return intent;
}

static const char *numbers_text(struct arena *arena, const unsigned *numbers, size_t count)
{
    struct buf out = buf_in(arena);

    json_open_array(&out, NULL);
    for (size_t i = 0; i < count; i++)
        json_int(&out, NULL, numbers[i]);
    json_close_array(&out);
    return out.data;
}

static int64_t price_of(const struct registration *reg, unsigned ticket)
{
    unsigned type = registration_type_of(reg, ticket);

    for (size_t i = 0; i < reg->item_count; i++)
        if (reg->items[i].n == type)
            return reg->items[i].unit_price;
    return 0;
}

static enum err give_money(struct tx *tx, const struct registration *reg, int64_t amount, const char *tickets, const char *reason)
{
    struct refund refund = { .registration = reg->id, .amount = amount, .currency = reg->currency, .reason = reason, .tickets = tickets };
    int64_t ignored;

    if (amount == 0)
        return ERR_OK;
    if (!stripe_amount(reg->currency, amount, &ignored))
        return fail(tx, ERR_CONFLICT, "The payment provider cannot give back this amount of %s.", reg->currency);
    refund.intent = intent_with(tx, &reg->id, amount);
    if (!refund.intent)
        return fail(tx, ERR_CONFLICT, "No payment has that much left to give back.");
    ask(tx, &refund);
    return ERR_OK;
}

enum err refund_everything(struct tx *tx, const struct registration *reg, const char *reason)
{
    int64_t left = reg->amount - reg->refunded;
    enum err e = give_money(tx, reg, left, "all", reason);

    return e ? e : registration_end(tx, &reg->id, reg->amount ? REGISTRATION_REFUNDED : REGISTRATION_CANCELLED, left);
}

enum err refund_ask(struct tx *tx, const struct registration *reg, int64_t amount, const unsigned *numbers, size_t count, const char *reason)
{
    int64_t left = reg->amount - reg->refunded;
    enum err e;

    if (reg->status != REGISTRATION_CONFIRMED)
        return fail(tx, ERR_CONFLICT, "The registration is %s; only a confirmed one is refunded.", registration_status_words[reg->status]);
    if (amount > left)
        return fail(tx, ERR_CONFLICT, "At most %" PRId64 " is left to refund.", left);
    if (count == 0 && (amount < 0 || (amount == left && left)))
        return refund_everything(tx, reg, reason);
    if (amount < 0) {
        amount = 0;
        for (size_t i = 0; i < count; i++)
            amount += price_of(reg, numbers[i]);
        amount = MIN(amount, left);
    }
    e = give_money(tx, reg, amount, numbers_text(tx->arena, numbers, count), reason);
    return e ? e : registration_cancel_tickets(tx, &reg->id, numbers, count, amount);
}

void refund_automatic(struct tx *tx, const struct payment *payment, int64_t amount, const char *reason)
{
    struct refund refund = { .registration = payment->registration, .intent = payment->intent, .amount = amount, .currency = payment->currency,
                             .reason = reason };
    struct registration reg;

    ask(tx, &refund);
    if (registration_find(tx, &payment->registration, &reg))
        tell(tx, &reg.account, "Your payment is given back",
             arena_printf(tx->arena,
                          "Hello,\n\nyour payment for an order was given back to your card. %s\n\nIt takes some days until your bank shows it.\n", reason));
}

/* ---- what Stripe says of them ---- */

enum err refund_failed(struct tx *tx, const struct refund *refund, const char *failure)
{
    struct query *q = query(tx, &refund_failed_sql);
    char key[ID_TEXT_LEN + 1];
    struct registration reg;
    struct event event;

    bind_id(q, ":id", &refund->id);
    bind_text(q, ":failure", failure);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return ERR_OK;
    log_error("a refund of the intent %s failed: %s", refund->intent, failure);
    tx_note(tx, "refund.failed", &refund->id, &refund->registration);
    /* Its job cannot succeed any more; it is parked in the end, where `usher check` and the metrics show what a person must see to. */
    id_format(&refund->id, key);
    job_ask(tx, "refund", key, NULL, 0);
    if (registration_find(tx, &refund->registration, &reg) && event_find(tx, &reg.event, &event))
        tell(tx, &event.organizer, "A refund failed",
             arena_printf(tx->arena,
                          "Hello,\n\na refund for your event \"%s\" could not be carried out by the payment provider (%s). "
                          "The money is still with you; please give it back to the buyer in another way.\n",
                          event.title, failure));
    return refund->tickets ? registration_unrefund(tx, &refund->registration, refund->amount) : ERR_OK;
}

/* A refund that was made at Stripe, not here: it counts all the same. */
static enum err adopt(struct tx *tx, const struct payment *payment, const struct stripe_refund *truth)
{
    struct refund refund = { .registration = payment->registration, .intent = payment->intent, .currency = payment->currency,
                             .reason = "Made at the payment provider.", .provider_id = truth->id,
                             .status = truth->status == STRIPE_REFUND_PENDING ? REFUND_PENDING : REFUND_SUCCEEDED };
    struct registration reg;
    int64_t left;

    if (truth->status == STRIPE_REFUND_FAILED || !stripe_amount_back(payment->currency, truth->amount, &refund.amount) ||
        !registration_find(tx, &payment->registration, &reg))
        return ERR_OK;
    left = reg.amount - reg.refunded;
    if (reg.status != REGISTRATION_CONFIRMED || refund.amount > left) {
        insert(tx, &refund);
        return ERR_OK;
    }
    refund.tickets = refund.amount == left ? "all" : "[]";
    insert(tx, &refund);
    return refund.amount == left ? registration_end(tx, &reg.id, REGISTRATION_REFUNDED, left)
                                 : registration_cancel_tickets(tx, &reg.id, NULL, 0, refund.amount);
}

enum err refund_settle(struct tx *tx, const struct payment *payment, const struct stripe_refund *truth)
{
    struct refund *known, *ours = NULL;
    size_t count = refunds_of(tx, &payment->registration, payment->intent, &known);
    struct query *q;

    for (size_t i = 0; i < count && !ours; i++)
        if (id_equal(&known[i].id, &truth->ours) || (known[i].provider_id && strcmp(known[i].provider_id, truth->id) == 0))
            ours = &known[i];
    if (!ours)
        return adopt(tx, payment, truth);
    if (truth->status == STRIPE_REFUND_FAILED)
        return refund_failed(tx, ours, truth->failure ? truth->failure : "unknown");
    q = query(tx, &refund_move_sql);
    bind_id(q, ":id", &ours->id);
    bind_int(q, ":to", truth->status == STRIPE_REFUND_PENDING ? REFUND_PENDING : REFUND_SUCCEEDED);
    bind_text(q, ":provider_id", truth->id);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) == 1 && truth->status == STRIPE_REFUND_SUCCEEDED)
        tx_note(tx, "refund.succeeded", &ours->id, &ours->registration);
    return ERR_OK;
}
