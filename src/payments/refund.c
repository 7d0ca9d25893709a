/* refund.c - money that goes back: asked for by the organizer, by a cancelled event, by the rules of late payments, or made at Stripe itself. */
#include <string.h>

#include "base/log.h"
#include "base/money.h"
#include "identity/identity.h"
#include "mail/mail.h"
#include "payments/dispute.h"
#include "payments/ledger.h"
#include "registrations/registration_rows.h"
#include "tickets/receipt.h"

/* Failures of a refund that nobody need give back by hand: Stripe's word for "a bank has the money" (docs.stripe.com/error-codes), and ours for one of
 * those that was asked for again once the bank had decided. */
#define BLOCKED "charge_disputed"
#define ASKED_AGAIN "asked_again"
/* A refund that banks are in the way of more often than this is a person's to see to. */
#define ASKED_AGAIN_MAX 3

#define REFUND_COLUMNS "id, registration, intent, amount, currency, status, reason, tickets, provider_id, failure, created_at"

SQL(refund_by_id_sql, "SELECT " REFUND_COLUMNS " FROM refund WHERE id = :id");
SQL(refunds_of_sql, "SELECT " REFUND_COLUMNS " FROM refund WHERE registration = :registration AND intent = :intent ORDER BY id LIMIT 100");
/* One of ours, or one that was made at Stripe and is known: by its own row, for there may be more than anybody reads. */
SQL(refund_known_sql, "SELECT " REFUND_COLUMNS " FROM refund WHERE registration = :registration AND intent = :intent"
                      " AND (id = :id OR provider_id = :provider_id) ORDER BY id LIMIT 1");
/* The payment bought nothing: it came too late, twice, or wrong, and went back by itself or was to. */
SQL(refund_was_automatic_sql, "SELECT 1 FROM refund WHERE registration = :registration AND intent = :intent AND tickets IS NULL LIMIT 1");
SQL(refund_insert_sql, "INSERT INTO refund (id, registration, intent, amount, currency, status, reason, tickets, provider_id, actor, created_at, updated_at)"
                       " VALUES (:id, :registration, :intent, :amount, :currency, :status, :reason, :tickets, :provider_id, :actor, :now, :now)");
SQL(refund_move_sql, "UPDATE refund SET status = :to, provider_id = :provider_id, updated_at = :now WHERE id = :id AND status IN (0, 1)");
SQL(refund_failed_sql, "UPDATE refund SET status = 3, failure = :failure, updated_at = :now WHERE id = :id AND status <> 3");
/* Refused while a bank had the money, and not asked for again since; and how often that was done. */
SQL(refunds_blocked_sql, "SELECT " REFUND_COLUMNS " FROM refund WHERE registration = :registration AND intent = :intent AND status = 3"
                         " AND failure = '" BLOCKED "' ORDER BY id LIMIT 100");
SQL(refunds_asked_again_sql, "SELECT count(*) FROM refund WHERE registration = :registration AND intent = :intent AND status = 3 AND failure = '" ASKED_AGAIN "'");
SQL(refund_asked_again_sql, "UPDATE refund SET failure = '" ASKED_AGAIN "', updated_at = :now WHERE id = :id AND failure = '" BLOCKED "'");
/* What the organizer was asked to give back in another way. Of a confirmed registration, what was paid beside it is no part of its price. */
SQL(refunds_by_hand_sql, "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refund WHERE registration = :registration AND status = 3"
                         " AND failure NOT IN ('" BLOCKED "', '" ASKED_AGAIN "') AND (tickets IS NOT NULL OR :never_confirmed = 1)");
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

void payments_tell(struct tx *tx, const struct id *account, const char *subject, const char *text)
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

/* The intent that has the most left to give back, and how much; NULL and 0 when none has. What a bank holds is not ours to give. */
static const char *fullest_intent(struct tx *tx, const struct id *registration, int64_t *left)
{
    struct query *q = query(tx, &refundable_sql);
    const char *fullest = NULL;

    *left = 0;
    bind_id(q, ":registration", registration);
    while (query_row(q)) {
        const char *intent = col_text(q, 1, tx->arena);
        int64_t has = col_int(q, 2) - col_int(q, 3) - disputed_of(tx, registration, intent);

        if (has > *left) {
            *left = has;
            fullest = intent;
        }
    }
    query_end(q);
    return fullest;
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

static enum err give_money(struct tx *tx, const struct registration *reg, int64_t amount, const char *tickets, const char *reason)
{
    struct refund refund = { .registration = reg->id, .amount = amount, .currency = reg->currency, .reason = reason, .tickets = tickets };
    int64_t left;

    if (amount == 0)
        return ERR_OK;
    if (stripe_amount_below(reg->currency, amount) != amount)
        return fail(tx, ERR_CONFLICT, "The payment provider cannot give back this amount of %s.", reg->currency);
    refund.intent = fullest_intent(tx, &reg->id, &left);
    if (left < amount)
        return fail(tx, ERR_CONFLICT, "No payment has that much left to give back.");
    ask(tx, &refund);
    return ERR_OK;
}

/* What of its price went back, or is on its way, and what is the organizer's to keep, leave this. */
static int64_t left_of(const struct registration *reg)
{
    return reg->amount - reg->refunded - reg->kept;
}

/* All its tickets are void. It was refunded if any money goes back. */
static enum err end(struct tx *tx, const struct registration *reg, int64_t amount)
{
    return registration_end(tx, &reg->id, reg->refunded + amount ? REGISTRATION_REFUNDED : REGISTRATION_CANCELLED, amount);
}

static enum err refund_everything(struct tx *tx, const struct registration *reg, const char *reason)
{
    int64_t left = left_of(reg);
    enum err e = give_money(tx, reg, left, "all", reason);

    return e ? e : end(tx, reg, left);
}

static int64_t by_hand(struct tx *tx, const struct registration *reg)
{
    struct query *q = query(tx, &refunds_by_hand_sql);
    int64_t sum;

    bind_id(q, ":registration", &reg->id);
    bind_int(q, ":never_confirmed", reg->confirmed_at_ms == 0);
    sum = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return sum;
}

enum err refund_rest(struct tx *tx, const struct registration *reg, const char *reason)
{
    int64_t left;
    enum err e;

    fullest_intent(tx, &reg->id, &left);
    left = stripe_amount_below(reg->currency, MAX(0, MIN(left, left_of(reg) - by_hand(tx, reg))));
    e = give_money(tx, reg, left, "all", reason);
    if (e)
        return e;
    return reg->status == REGISTRATION_CONFIRMED ? end(tx, reg, left) : registration_add_refunded(tx, &reg->id, left);
}

/* These tickets are void. With the last of them it ends; what does not go back of its money is then the organizer's for good. */
static enum err void_tickets(struct tx *tx, const struct registration *reg, const unsigned *numbers, size_t count, int64_t amount)
{
    struct registration now;
    enum err e = registration_cancel_tickets(tx, &reg->id, numbers, count, amount);

    if (!e && registration_find(tx, &reg->id, &now) && now.status != REGISTRATION_CONFIRMED)
        registration_keep(tx, &reg->id, now.amount - now.refunded);
    return e;
}

/* The price of the tickets named, as far as it is left. */
static int64_t price_of_all(const struct registration *reg, const unsigned *numbers, size_t count)
{
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += registration_ticket_price(reg, numbers[i]).total;
    return MIN(sum, left_of(reg));
}

static enum err refuse_unless_confirmed(struct tx *tx, const struct registration *reg)
{
    if (reg->status != REGISTRATION_CONFIRMED)
        return fail(tx, ERR_CONFLICT, "The registration is %s; only a confirmed one is refunded.", registration_status_words[reg->status]);
    if (reg->disputed)
        return fail(tx, ERR_CONFLICT, "The payment is disputed: the bank decides, and would give the money back a second time.");
    return ERR_OK;
}

enum err refund_ask(struct tx *tx, const struct registration *reg, int64_t amount, const unsigned *numbers, size_t count, const char *reason)
{
    /* An amount may take back what was kept of a ticket that the buyer gave back. */
    int64_t left = amount < 0 ? left_of(reg) : reg->amount - reg->refunded;
    enum err e = refuse_unless_confirmed(tx, reg);

    if (e)
        return e;
    if (amount > left)
        return fail(tx, ERR_CONFLICT, "At most %" PRId64 " is left to refund.", left);
    if (amount > left_of(reg))
        registration_keep(tx, &reg->id, left - amount);
    if (count == 0 && (amount < 0 || (amount == left && left))) {
        struct registration whole = *reg;

        whole.kept = amount < 0 ? reg->kept : 0;
        return refund_everything(tx, &whole, reason);
    }
    if (amount < 0)
        amount = price_of_all(reg, numbers, count);
    e = give_money(tx, reg, amount, numbers_text(tx->arena, numbers, count), reason);
    return e ? e : void_tickets(tx, reg, numbers, count, amount);
}

enum err refund_policy(struct tx *tx, const struct registration *reg)
{
    struct event event;

    if (!event_find(tx, &reg->event, &event) || !event.refund_until_ms)
        return fail(tx, ERR_FORBIDDEN, "Refunds for this event are given by its organizer.");
    return ERR_OK;
}

/* May its buyer give these tickets back, now? */
static enum err refuse_by_policy(struct tx *tx, const struct registration *reg, const unsigned *numbers, size_t count, int64_t *fee_percent)
{
    struct ticket_row *tickets;
    struct event event;
    size_t ticket_count = registration_tickets(tx, &reg->id, &tickets);
    enum err e;

    if (!event_find(tx, &reg->event, &event))
        return ERR_NOT_FOUND;
    e = refuse_unless_confirmed(tx, reg);
    if (e)
        return e;
    if (event.status == EVENT_CANCELLED)
        return fail(tx, ERR_CONFLICT, "The event was cancelled; everybody is given back everything.");
    if (tx->now_ms >= event.refund_until_ms)
        return fail(tx, ERR_CONFLICT, "The time in which tickets of this event could be given back is over.");
    for (size_t i = 0; i < ticket_count; i++) {
        bool named = count == 0;

        for (size_t k = 0; k < count; k++)
            named |= numbers[k] == tickets[i].n;
        if (named && tickets[i].status == TICKET_USED)
            return fail(tx, ERR_CONFLICT, "Ticket %u was used; only others can be given back, by their ticketIds.", tickets[i].n);
    }
    *fee_percent = event.refund_fee_percent;
    return ERR_OK;
}

/* The price of the tickets that are not void yet. The organizer may have given less for those that are. */
static int64_t price_of_rest(struct tx *tx, const struct registration *reg)
{
    unsigned numbers[255];
    struct ticket_row *tickets;
    size_t all = registration_tickets(tx, &reg->id, &tickets), count = 0;

    for (size_t i = 0; i < all; i++)
        if (tickets[i].status != TICKET_CANCELLED)
            numbers[count++] = tickets[i].n;
    return price_of_all(reg, numbers, count);
}

enum err refund_ask_own(struct tx *tx, const struct registration *reg, const unsigned *numbers, size_t count, const char *reason)
{
    int64_t percent = 0, price, amount;
    enum err e = refuse_by_policy(tx, reg, numbers, count, &percent);

    if (e)
        return e;
    price = count ? price_of_all(reg, numbers, count) : price_of_rest(tx, reg);
    /* Half up, to the minor unit; then, where the provider cannot move that, down to what it can. */
    amount = stripe_amount_below(reg->currency, price - (price * percent + 50) / 100);
    e = give_money(tx, reg, amount, count ? numbers_text(tx->arena, numbers, count) : "all", reason);
    if (e)
        return e;
    if (!count) {
        registration_keep(tx, &reg->id, reg->amount - reg->refunded - amount);
        return end(tx, reg, amount);
    }
    registration_keep(tx, &reg->id, reg->kept + price - amount);
    return void_tickets(tx, reg, numbers, count, amount);
}

void refund_tell(struct tx *tx, const struct registration *before, const struct registration *after, const char *reason)
{
    int64_t amount = after->refunded - before->refunded;
    const char *why = reason && *reason ? arena_printf(tx->arena, "\n\nThe reason given: %s", reason) : "";
    struct event event;

    if (!event_find(tx, &after->event, &event))
        return;
    if (amount > 0)
        payments_tell(tx, &after->account, "Your refund",
                      arena_printf(tx->arena, "Hello,\n\n%s of your order for \"%s\" is on its way back to you. It takes some days until your bank shows it.%s\n",
                                   money_text(tx->arena, after->currency, amount), event.title, why));
    else
        payments_tell(tx, &after->account, "Tickets given back",
                      arena_printf(tx->arena, "Hello,\n\ntickets of your order for \"%s\" are void now; no money goes back for them.%s\n", event.title, why));
}

void refund_automatic(struct tx *tx, const struct payment *payment, int64_t amount, const char *reason)
{
    struct refund refund = { .registration = payment->registration, .intent = payment->intent, .amount = amount, .currency = payment->currency,
                             .reason = reason };
    struct registration reg;

    ask(tx, &refund);
    if (registration_find(tx, &payment->registration, &reg))
        payments_tell(tx, &reg.account, "Your payment is given back",
                      arena_printf(tx->arena,
                                   "Hello,\n\nyour payment for an order was given back to your card. %s\n\nIt takes some days until your bank shows it.\n",
                                   reason));
}

/* ---- what Stripe says of them ---- */

static void book(struct tx *tx, const struct refund *refund, const struct stripe_refund *truth)
{
    struct movement moved = { .kind = LEDGER_REFUND, .provider_id = truth->id, .registration = refund->registration, .amount = -refund->amount,
                              .currency = refund->currency, .at_ms = ledger_time(tx, truth->created_s) };

    if (registration_event(tx, &refund->registration, &moved.event) && ledger_write(tx, &moved))
        ask_balance(tx, truth->balance, refund->intent);
    /* Only what went out for good, and was paid for tickets: a number that was given cannot be taken back. */
    if (truth->status == STRIPE_REFUND_SUCCEEDED && refund->tickets)
        receipt_ask_credit(tx, &refund->id, &refund->registration, refund->amount, refund->tickets);
}

/* What had gone out came back. */
static void take_back(struct tx *tx, const struct refund *refund)
{
    struct movement moved;

    if (!refund->provider_id || !ledger_find(tx, LEDGER_REFUND, refund->provider_id, &moved))
        return;
    moved.back = true;
    moved.amount = -moved.amount;
    moved.at_ms = tx->now_ms;
    ledger_write(tx, &moved);
}

static int64_t times_asked_again(struct tx *tx, const struct id *registration, const char *intent)
{
    struct query *q = query(tx, &refunds_asked_again_sql);
    int64_t times;

    bind_id(q, ":registration", registration);
    bind_text(q, ":intent", intent);
    times = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return times;
}

static const char *failure_sentence(const char *failure)
{
    if (strcmp(failure, BLOCKED) == 0)
        return "The buyer's bank has taken the payment up and has the money, so do not give it back in another way. Should it be decided for you, "
               "the refund is asked for again by itself.";
    if (strcmp(failure, "charge_already_refunded") == 0)
        return "It says that the payment was given back before; look there before you give back anything in another way.";
    return "The money is still with you; please give it back to the buyer in another way.";
}

static void tell_failed(struct tx *tx, const struct refund *refund, const char *failure)
{
    struct registration reg;
    struct event event;

    if (registration_find(tx, &refund->registration, &reg) && event_find(tx, &reg.event, &event))
        payments_tell(tx, &event.organizer, "A refund failed",
                      arena_printf(tx->arena, "Hello,\n\na refund of %s for your event \"%s\" could not be carried out by the payment provider (%s). %s\n",
                                   money_text(tx->arena, refund->currency, refund->amount), event.title, failure, failure_sentence(failure)));
}

enum err refund_failed(struct tx *tx, const struct refund *refund, const char *failure)
{
    struct query *q = query(tx, &refund_failed_sql);
    bool blocked = strcmp(failure, BLOCKED) == 0;
    char key[ID_TEXT_LEN + 1];

    if (blocked && times_asked_again(tx, &refund->registration, refund->intent) >= ASKED_AGAIN_MAX) {
        failure = "disputed_again";
        blocked = false;
    }
    bind_id(q, ":id", &refund->id);
    bind_text(q, ":failure", failure);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return ERR_OK;
    take_back(tx, refund);
    log_error("a refund of the intent %s failed: %s", refund->intent, failure);
    tx_note(tx, "refund.failed", &refund->id, &refund->registration);
    if (blocked) {
        ask_stripe_sync(tx, refund->intent); /* the dispute may be unknown yet, or decided already */
    } else {
        /* Its job cannot succeed any more; it is parked in the end, where `usher check` and the metrics show what a person must see to. */
        id_format(&refund->id, key);
        job_ask(tx, "refund", key, NULL, 0);
    }
    tell_failed(tx, refund, failure);
    return refund->tickets ? registration_unrefund(tx, &refund->registration, refund->amount) : ERR_OK;
}

/* ---- a bank stood in the way ---- */

static size_t blocked_of(struct tx *tx, const struct payment *payment, struct refund *out, size_t max)
{
    struct query *q = query(tx, &refunds_blocked_sql);
    size_t count = 0;

    bind_id(q, ":registration", &payment->registration);
    bind_text(q, ":intent", payment->intent);
    while (count < max && query_row(q))
        from_row(q, tx->arena, &out[count++]);
    query_end(q);
    return count;
}

/* A row of its own, for the provider remembers what it answered to the first one's key. */
static enum err ask_again(struct tx *tx, const struct refund *blocked)
{
    struct refund again = *blocked;
    struct registration reg;
    struct query *q;

    if (again.tickets && (!registration_find(tx, &again.registration, &reg) || again.amount > reg.amount - reg.refunded))
        return ERR_OK;
    q = query(tx, &refund_asked_again_sql);
    bind_id(q, ":id", &blocked->id);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    again.provider_id = again.failure = NULL;
    ask(tx, &again);
    return again.tickets ? registration_add_refunded(tx, &again.registration, again.amount) : ERR_OK;
}

enum err refund_blocked_again(struct tx *tx, const struct payment *payment)
{
    struct refund blocked[ASKED_AGAIN_MAX * 4];
    size_t count = blocked_of(tx, payment, blocked, COUNT(blocked));
    enum err e = ERR_OK;

    for (size_t i = 0; i < count && !e; i++)
        e = ask_again(tx, &blocked[i]);
    return e;
}

static bool was_automatic(struct tx *tx, const struct payment *payment)
{
    struct query *q = query(tx, &refund_was_automatic_sql);
    bool found;

    bind_id(q, ":registration", &payment->registration);
    bind_text(q, ":intent", payment->intent);
    found = query_row(q);
    query_end(q);
    return found;
}

/* A refund that was made at Stripe, not here: it counts all the same, if the tickets were bought with this payment. */
static enum err adopt(struct tx *tx, const struct payment *payment, const struct stripe_refund *truth)
{
    struct refund refund = { .registration = payment->registration, .intent = payment->intent, .currency = payment->currency,
                             .reason = "Made at the payment provider.", .provider_id = truth->id,
                             .status = truth->status == STRIPE_REFUND_PENDING ? REFUND_PENDING : REFUND_SUCCEEDED };
    struct registration reg;
    int64_t left, whole;
    bool all;

    if (truth->status == STRIPE_REFUND_FAILED || !stripe_amount_back(payment->currency, truth->amount, &refund.amount) ||
        !registration_find(tx, &payment->registration, &reg))
        return ERR_OK;
    left = left_of(&reg);
    whole = reg.amount - reg.refunded;
    all = reg.status == REGISTRATION_CONFIRMED && (refund.amount == left || refund.amount == whole);
    if (reg.confirmed_at_ms && refund.amount <= whole && !was_automatic(tx, payment))
        refund.tickets = all ? "all" : "[]";
    insert(tx, &refund);
    book(tx, &refund, truth);
    if (!refund.tickets)
        return ERR_OK;
    if (refund.amount > left)
        registration_keep(tx, &reg.id, whole - refund.amount);
    if (reg.status != REGISTRATION_CONFIRMED)
        return registration_add_refunded(tx, &reg.id, refund.amount);
    return all ? registration_end(tx, &reg.id, REGISTRATION_REFUNDED, refund.amount)
               : registration_cancel_tickets(tx, &reg.id, NULL, 0, refund.amount);
}

static bool find_known(struct tx *tx, const struct payment *payment, const struct stripe_refund *truth, struct refund *out)
{
    struct query *q = query(tx, &refund_known_sql);
    bool found;

    bind_id(q, ":registration", &payment->registration);
    bind_text(q, ":intent", payment->intent);
    bind_id(q, ":id", &truth->ours);
    bind_text(q, ":provider_id", truth->id);
    found = query_row(q);
    if (found)
        from_row(q, tx->arena, out);
    query_end(q);
    return found;
}

enum err refund_settle(struct tx *tx, const struct payment *payment, const struct stripe_refund *truth)
{
    struct refund ours;
    struct query *q;

    if (!find_known(tx, payment, truth, &ours))
        return adopt(tx, payment, truth);
    if (truth->status == STRIPE_REFUND_FAILED)
        return refund_failed(tx, &ours, truth->failure ? truth->failure : "unknown");
    q = query(tx, &refund_move_sql);
    bind_id(q, ":id", &ours.id);
    bind_int(q, ":to", truth->status == STRIPE_REFUND_PENDING ? REFUND_PENDING : REFUND_SUCCEEDED);
    bind_text(q, ":provider_id", truth->id);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return ERR_OK;
    book(tx, &ours, truth);
    if (truth->status == STRIPE_REFUND_SUCCEEDED)
        tx_note(tx, "refund.succeeded", &ours.id, &ours.registration);
    return ERR_OK;
}
