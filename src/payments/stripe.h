/*
 * stripe.h - Stripe's REST, as a client: one call, one checked answer.
 *
 * Requests are forms (names with literal brackets), answers JSON that is not
 * trusted: it is read by name and type, and what does not fit is an outage of
 * Stripe, never a crash of ours. A call blocks: lanes and jobs only.
 *
 * Retried with jitter, at most twice, and only what may be: connection errors,
 * 409, 5xx, unless Stripe-Should-Retry says otherwise; a POST always carries an
 * Idempotency-Key of our own making, so a retry is never a second payment. A
 * Retry-After of up to 2 s is waited for, a longer one is the caller's to keep.
 * 429 is retried only where Stripe says when: we are one of many who came too
 * often, so until then no other call is made either (at most a minute).
 *
 * A circuit breaker: after 5 calls in a row that reached nobody, calls fail at
 * once for 5 s, so that an outage costs a buyer milliseconds and not time-outs.
 * Then one call is let through every 5 s until one reaches Stripe again.
 */
#ifndef USHER_PAYMENTS_STRIPE_H
#define USHER_PAYMENTS_STRIPE_H

#include "base/app.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct json_t;
struct stripe;

/* `base`: "https://api.stripe.com", without the /v1; NULL: the simulator at our own listen address, asked for when the first call is made. */
struct stripe *stripe_new(struct app *app, const char *base, const char *secret_key);
/* Calls under way end within a second, others are not begun: ERR_UPSTREAM. Any thread. */
void stripe_stop(struct stripe *stripe);
void stripe_free(struct stripe *stripe);

/* What came back. With ERR_OK `json` is an object and `status` says what Stripe thinks of it: 2xx, or 4xx with the error fields set. */
struct stripe_reply {
    int status;
    struct json_t *json;
    const char *error_type, *error_code, *error_message; /* NULL where absent */
    int retry_after_s;           /* when another try is worth while; 0: nobody said */
};

/* ERR_UPSTREAM: no answer, or none that can be used (5xx, 429, 401, 403, not JSON; `status` and `retry_after_s` are set where there was one).
 * Whether it was carried out is then unknown. */
enum err stripe_get(struct stripe *stripe, struct arena *arena, const char *path, struct stripe_reply *out);
enum err stripe_post(struct stripe *stripe, struct arena *arena, const char *path, const struct buf *form, const char *idempotency_key,
                     struct stripe_reply *out);

/* ---- forms ---- */

/* Append "name=value" to a form: bracketed names keep their brackets, all else is percent-encoded. */
void form_add(struct buf *form, const char *name, const char *value);
void form_add_int(struct buf *form, const char *name, int64_t value);

/* ---- money ---- */

/* Stripe's amount for one of ours in ISO 4217 minor units, and back. They differ for a few currencies (base/money.c). false: Stripe cannot take it. */
bool stripe_amount(const char *currency, int64_t minor, int64_t *out);
bool stripe_amount_back(const char *currency, int64_t amount, int64_t *out_minor);
bool stripe_signed_back(const char *currency, int64_t amount, int64_t *out_minor); /* the same for what has a sign */
/* The highest amount of ours up to `minor` that Stripe can move. `minor`: at most the 999,999,999,999 of a payment. */
int64_t stripe_amount_below(const char *currency, int64_t minor);

/* ---- what answers hold ---- */

enum stripe_intent_status { INTENT_PAYABLE /* requires_... */, INTENT_ACTION /* 3-D Secure is under way */, INTENT_PROCESSING, INTENT_SUCCEEDED, INTENT_CANCELLED };

struct stripe_intent {
    const char *id, *client_secret;  /* client_secret: NULL when not told */
    enum stripe_intent_status status;
    int64_t amount, received;        /* in Stripe's units */
    char currency[4];                /* upper case */
    bool livemode;
    struct id registration;          /* metadata.registration_id; zero: none, the intent is not ours */
    int64_t attempt;                 /* metadata.attempt; 0: none */
    /* Of its latest charge, where that was expanded: */
    int64_t refunded;                /* -1: it was not */
    bool disputed;                   /* was ever */
    const char *balance;             /* the balance transaction, or NULL while there is none */
    int64_t charged_s;               /* 0: not told */
};

enum stripe_refund_status { STRIPE_REFUND_PENDING, STRIPE_REFUND_SUCCEEDED, STRIPE_REFUND_FAILED };
struct stripe_refund {
    const char *id, *intent;
    int64_t amount;
    enum stripe_refund_status status;
    const char *failure;             /* failure_reason, or NULL */
    struct id ours;                  /* metadata.refund_id; zero: made elsewhere */
    const char *balance;             /* as the intent's */
    int64_t created_s;
};

/* A movement of the Stripe account's own money. Amounts have signs: a refund's is negative. */
struct stripe_balance {
    const char *id, *source;         /* source: what moved it (ch_, re_, dp_); NULL where not told */
    const char *intent;              /* the source's, where that was expanded and has one; else NULL */
    int64_t amount, fee;
    char currency[4];                /* in which the account is kept */
    int64_t created_s, available_s;  /* available: for a payout; 0: not told */
};

/* In the order of dispute_status_words. Open ones first; inquiries are those before DISPUTE_NEEDS_RESPONSE, and DISPUTE_INQUIRY_CLOSED. */
enum stripe_dispute_status {
    DISPUTE_INQUIRY_NEEDS_RESPONSE, DISPUTE_INQUIRY_UNDER_REVIEW, DISPUTE_NEEDS_RESPONSE, DISPUTE_UNDER_REVIEW,
    DISPUTE_INQUIRY_CLOSED, DISPUTE_WON, DISPUTE_LOST, DISPUTE_PREVENTED
};
#define DISPUTE_OPEN_LAST DISPUTE_UNDER_REVIEW
#define DISPUTE_BALANCES_MAX 8
struct stripe_dispute {
    const char *id, *intent, *reason; /* reason: NULL where not told */
    int64_t amount;
    char currency[4];
    bool livemode;
    enum stripe_dispute_status status;
    int64_t created_s, evidence_due_s; /* evidence_due_s 0: none */
    struct stripe_balance balances[DISPUTE_BALANCES_MAX]; /* funds withdrawn, and reinstated; never more than two so far */
    size_t balance_count;
};

struct stripe_event {
    const char *id, *type;
    int64_t created_s;
    bool livemode;
    const char *intent;              /* the payment intent that it is about, or NULL */
};

/* false when it is not what it should be. Strings live with the JSON document or in the arena. */
bool stripe_read_intent(struct arena *arena, struct json_t *json, struct stripe_intent *out);
bool stripe_read_refund(struct arena *arena, struct json_t *json, struct stripe_refund *out);
bool stripe_read_balance(struct arena *arena, struct json_t *json, struct stripe_balance *out);
bool stripe_read_dispute(struct arena *arena, struct json_t *json, struct stripe_dispute *out);
bool stripe_read_event(struct arena *arena, struct json_t *json, struct stripe_event *out);
/* "pi_", then letters, digits and '_', at most 255 in all: what may stand in a path and in a row. */
bool stripe_id_valid(const char *text, const char *prefix);
/* The items of {"object":"list"}; NULL when it is none. */
struct json_t *stripe_read_list(struct json_t *json, bool *has_more);

#endif
