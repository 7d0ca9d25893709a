/*
 * discount.h - codes that lower a price, or open what is hidden.
 *
 *     percent, or an amount (once for the order, or for each ticket), or nothing:
 *     a code that names a hidden ticket type opens it, with or without a discount.
 *
 * A code belongs to an event. Its limits are exact however many ask at once: a
 * use is one conditional update of the code's row, which lies under the event
 * and so in the event's lane; the CHECK of the schema is the second fence. A use
 * is a registration that is pending or confirmed: it comes back when that
 * expires, is given back, cancelled or refunded whole. `usher check` recounts.
 *
 * Codes compare folded (case, NFC). One that was ever used is switched off
 * rather than deleted, for registrations name it.
 */
#ifndef USHER_EVENTS_DISCOUNT_H
#define USHER_EVENTS_DISCOUNT_H

#include "events/event.h"

#define DISCOUNT_CODE_MAX 40      /* characters */
#define DISCOUNT_CODES_MAX 10000  /* of one event; a full house is 409 */
#define DISCOUNT_BATCH_MAX 100    /* a handler writes no more rows */
/* Wrong codes that one address may try in a minute; then even a right one is 429 until it may guess again. */
#define DISCOUNT_GUESSES_A_MINUTE 20
#define DISCOUNT_GUESSES "codes"  /* the limit's name */

struct discount_code {
    struct id id, event;
    const char *code;
    struct price_discount off;
    const uint8_t *types;    /* numbers of the ticket types that it is for */
    size_t type_count;       /* 0: all that are not hidden */
    int64_t max_uses, max_uses_per_account, max_tickets; /* 0: no limit */
    int64_t starts_at_ms, ends_at_ms;                    /* 0: no bound */
    bool active;
    int64_t used, created_at_ms, updated_at_ms;
};

bool discount_find(struct tx *tx, const struct id *event, const struct id *id, struct discount_code *out);
/* Is it for this ticket type? A hidden one must be named. */
bool discount_is_for(const struct discount_code *code, unsigned n, bool hidden);
/* The code that somebody typed, if it may be used now: ERR_INVALID with a fault at `pointer` (unknown, not-yet, expired), ERR_CODE_USED_UP. */
enum err discount_usable(struct tx *tx, const struct id *event, const char *text, const char *pointer, struct discount_code *out);
/* What it opens of the event, as ids in the arena. */
size_t discount_types(struct tx *tx, const struct discount_code *code, struct id **out);

/* Against guessing, by the client's address: ERR_TOO_MANY_REQUESTS before a code is looked at where too many were wrong lately; and what the outcome
 * `e` of a request with a code says is counted and returned. A handler that is run again counts twice, which is to nobody's harm. */
enum err discount_may_guess(struct req *req);
enum err discount_guessed(struct req *req, struct tx *tx, enum err e);

/* Take a use for the account: ERR_CODE_USED_UP, or ERR_LIMIT_REACHED where the account had all of its own. */
enum err discount_take(struct tx *tx, const struct discount_code *code, const struct id *account);
/* A late payment is honoured: the use is taken again if there is one left, whatever else changed. ERR_SOLD_OUT when there is none. */
enum err discount_take_again(struct tx *tx, const struct id *event, const struct id *code, const struct id *account);
void discount_give_back(struct tx *tx, const struct id *event, const struct id *code, const struct id *account);
/* ERR_LIMIT_REACHED as discount_take would say, without taking: for a quote. */
enum err discount_may_take(struct tx *tx, const struct discount_code *code, const struct id *account);

/* ---- for their organizer (discount_routes.c) ---- */

/* Newest first, those older than page->id. */
size_t discount_list(struct tx *tx, const struct id *event, const struct page *page, struct discount_code **out, bool *more);
/* ERR_CONFLICT: the event has this code, or as many as it may have. Fills in id and times. */
enum err discount_create(struct tx *tx, struct discount_code *code);
/* Writes everything but the code itself and its uses. ERR_CONFLICT where max_uses would be less than are used. */
enum err discount_change(struct tx *tx, struct discount_code *code);
/* Gone if nobody ever used it, else switched off: *gone says which. */
enum err discount_delete(struct tx *tx, struct discount_code *code, bool *gone);

extern const struct route discount_routes[];
extern const struct answer_schema discount_schemas[];

#endif
