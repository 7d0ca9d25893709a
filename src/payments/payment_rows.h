/*
 * payment_rows.h - what the files of this room share: payment and refund rows, and the rules that move them.
 *
 *     CREATING --intent stored--> OPEN <--> PROCESSING --> SUCCEEDED
 *         \--Stripe refuses--> FAILED   \--cancelled--> CANCELLED
 *
 * SUCCEEDED is only reached together with what follows from it, in the same
 * transaction: the registration's confirmation, or a refund row. FAILED with
 * `received` > 0 is money that was not what we asked for; it is always refunded.
 */
#ifndef USHER_PAYMENTS_PAYMENT_ROWS_H
#define USHER_PAYMENTS_PAYMENT_ROWS_H

#include "payments/payment.h"
#include "payments/stripe.h"

#define WEBHOOK_SECRETS_MAX 2 /* two while one is rolled over */

struct payments {
    /* Set by payments_open, constant from then on: any thread reads freely. */
    struct app *app;
    struct stripe *stripe;
    bool simulator, live;
    char *secret_key, *publishable_key;
    char *webhook_secrets[WEBHOOK_SECRETS_MAX];

    /* Set by the sweep that sends for Stripe's events, cleared by the task that read them. */
    atomic_bool reading_events;
    /* How much time of them is read at once, where there are many. Only the task that reads them uses it. */
    int64_t events_window_s;
    /* The same for its balance transactions; refused: our key may not read them. */
    atomic_bool reading_balance, balance_refused;
    /* How much time of them is read at once. Only the task that reads them uses it. */
    int64_t balance_window_s;
};

struct payment {
    struct id registration;
    int64_t attempt;
    enum payment_status status;
    int64_t amount;
    const char *currency;
    const char *intent, *client_secret; /* NULL while CREATING */
    int64_t received, lease_until_ms, created_at_ms, updated_at_ms;
    const char *balance;                /* Stripe's balance transaction of its charge, once that is in the ledger */
};

enum refund_status { REFUND_ASKED, REFUND_PENDING, REFUND_SUCCEEDED, REFUND_FAILED };

struct refund {
    struct id id, registration;
    const char *intent;
    int64_t amount;
    const char *currency;
    enum refund_status status;
    const char *reason;
    const char *tickets;             /* "all", "[1,2]", "[]"; NULL: given back by itself (paid late, or twice), never part of the registration's `refunded` */
    const char *provider_id, *failure;
    int64_t created_at_ms;
};

/* ---- payments (payment.c) ---- */

/* The newest attempt; false when there is none. */
bool payment_latest(struct tx *tx, const struct id *registration, struct payment *out);
bool payment_of_attempt(struct tx *tx, const struct id *registration, int64_t attempt, struct payment *out);
bool payment_by_intent(struct tx *tx, const char *intent, struct payment *out);
/* Attempts that a buyer may begin; what was paid otherwise is adopted beyond them. */
#define PAYMENT_ATTEMPTS_MAX 16
/* All attempts, or those that may still be paid (open, processing), oldest first; at most 16 are read. */
size_t payments_of(struct tx *tx, const struct id *registration, struct payment *out);
size_t payments_open_of(struct tx *tx, const struct id *registration, struct payment *out);

/* Begin to pay, or go on paying: the attempt that is open, or a new one as CREATING. Lengthens the hold once.
 * ERR_CONFLICT: nothing to pay, or paid; ERR_HOLD_EXPIRED. */
enum err payment_begin(struct tx *tx, const struct registration *reg, struct payment *out);
/* CREATING -> OPEN with the intent that Stripe made. When the registration is not pending any more, its cancel is asked for and *still_wanted is false. */
enum err payment_opened(struct tx *tx, const struct payment *payment, const struct stripe_intent *intent, bool *still_wanted);
/* CREATING -> FAILED: Stripe refuses to make such an intent. */
enum err payment_refused(struct tx *tx, const struct payment *payment);

/* Make our rows say what Stripe says of an intent. `refuse` false: a success confirms the registration, and an error of that is returned
 * (ERR_SOLD_OUT, ERR_CONFLICT; nothing stands then). `refuse` true: a success is taken down together with its refund. */
enum err payment_settle(struct tx *tx, const struct stripe_intent *truth, bool refuse);
/* Adopt an intent that we have no row for, by its metadata. False when it is nothing of ours. */
bool payment_adopt(struct tx *tx, const struct stripe_intent *truth);
/* Touch updated_at, which the reconciler backs off by. */
void payment_touch(struct tx *tx, const struct payment *payment);

/* Ask for the job "intent-cancel" of a registration, "stripe-sync" of an intent, "balance" of a balance transaction of that intent's. */
void ask_intent_cancel(struct tx *tx, const struct id *registration);
void ask_stripe_sync(struct tx *tx, const char *intent);
void ask_balance(struct tx *tx, const char *balance, const char *intent);

/* What Stripe took of a charge or a refund goes into the ledger, and where it moved another sum than we wrote, the difference. */
void payment_book(struct tx *tx, const struct payment *payment, const struct stripe_balance *truth);

/* A few plain sentences by mail to the buyer or the organizer. */
void payments_tell(struct tx *tx, const struct id *account, const char *subject, const char *text);

/* ---- refunds (refund.c) ---- */

/* By the organizer. `numbers` are ticket numbers (count 0: none named); amount < 0: not named. See payment_routes.c. */
enum err refund_ask(struct tx *tx, const struct registration *reg, int64_t amount, const unsigned *numbers, size_t count, const char *reason);
/* May its buyer give tickets back at all? ERR_FORBIDDEN where the event has no policy for it. */
enum err refund_policy(struct tx *tx, const struct registration *reg);
/* By the buyer, as that policy says: tickets that were not used (count 0: all), less the fee, which is rounded half up to the minor unit.
 * ERR_CONFLICT: its time is over, a ticket was used, the payment is disputed. */
enum err refund_ask_own(struct tx *tx, const struct registration *reg, const unsigned *numbers, size_t count, const char *reason);
/* Tell the buyer by mail what a refund that was asked for did to the order: `before` and after it. `reason` may be NULL. */
void refund_tell(struct tx *tx, const struct registration *before, const struct registration *after, const char *reason);
/* As much as can go back, whatever it is (the event was cancelled), and the end of a confirmed registration. Not what banks hold, nor what failed to go
 * back before: that is given back by hand, and would be paid twice. */
enum err refund_rest(struct tx *tx, const struct registration *reg, const char *reason);
/* Money that came too late, twice, or wrong: a refund row of its own and its job. */
void refund_automatic(struct tx *tx, const struct payment *payment, int64_t amount, const char *reason);

bool refund_find(struct tx *tx, const struct id *id, struct refund *out);
/* Refunds of one registration's intent; at most 100. */
size_t refunds_of(struct tx *tx, const struct id *registration, const char *intent, struct refund **out);
/* What Stripe says of one refund: ours (by id or metadata) or one made elsewhere, which is adopted. In Stripe's units. */
enum err refund_settle(struct tx *tx, const struct payment *payment, const struct stripe_refund *truth);
/* It will not come about: shown, and taken back from the registration's `refunded`. The organizer is asked to give it back by hand, but where a bank has
 * the money ("charge_disputed"). */
enum err refund_failed(struct tx *tx, const struct refund *refund, const char *failure);
/* A bank has given the money of this payment back: refunds that it stood in the way of are asked for again, once each. */
enum err refund_blocked_again(struct tx *tx, const struct payment *payment);

/* ---- work outside transactions (payment_work.c): lanes and jobs only ---- */

/* Post an intent for a CREATING row and store it. ERR_CONFLICT: the registration left `pending` meanwhile, or Stripe refuses. */
enum err payment_create_intent(struct app *app, struct arena *arena, struct fault *fault, const struct id *event, struct payment *payment);
/* Fetch the truth about an intent, settle it, its refunds and its disputes. */
enum err payment_sync(struct app *app, struct reader *reader, struct arena *arena, const char *intent);
/* Fetch a balance transaction of an intent's, and book it. */
enum err payment_fetch_balance(struct app *app, struct reader *reader, struct arena *arena, const char *balance, const char *intent);
/* Cancel what can still be paid of a registration that nobody waits for, then settle. */
enum err payment_cancel_open(struct app *app, struct reader *reader, struct arena *arena, const struct id *registration);
/* Carry out a refund that was asked for. One that failed stays an error, with its sentence in `fault`. */
enum err refund_post(struct app *app, struct reader *reader, struct arena *arena, struct fault *fault, const struct id *refund);

#endif
