/* registration_new.h - an order as it comes in, and making a registration of it; for this room's routes and the demo. */
#ifndef USHER_REGISTRATIONS_REGISTRATION_NEW_H
#define USHER_REGISTRATIONS_REGISTRATION_NEW_H

#include "registrations/registration.h"

/* A ticket's number is the last byte of its id. */
#define REGISTRATION_TICKETS_MAX 255

struct registration_item_new {
    struct given given;
    struct id ticket_type;
    int64_t quantity;
};
struct registration_attendee_new {
    struct given given;
    struct id ticket_type;
    const char *name, *email; /* email may be NULL */
};
struct registration_new {
    struct given given;
    struct id event;
    struct registration_item_new *items;
    size_t item_count;
    struct registration_attendee_new *attendees;
    size_t attendee_count;
    const char *discount_code; /* as it was typed, or NULL */
};
extern const struct shape registration_new_shape;

/* Take seats off sale for tx->actor: PENDING for the hold time where money is due, else CONFIRMED with its tickets.
 * ERR_SOLD_OUT (with what is left), ERR_SALE_CLOSED, ERR_LIMIT_REACHED, ERR_CODE_USED_UP,
 * ERR_AMOUNT_TOO_SMALL, ERR_INVALID, ERR_NOT_FOUND. */
enum err registration_create(struct tx *tx, const struct registration_new *in, struct registration *out);
/* What it would cost, with everything that does not depend on seats and times checked; nothing is held. `account` may be zero. The result has
 * items, amount, currency and code. */
enum err registration_quote(struct tx *tx, const struct registration_new *in, const struct id *account, struct registration *out);
/* The cheap "sold out" from a snapshot: only where a wanted type has nothing left at all. Only the writer says yes. */
enum err registration_refuse_early(struct tx *tx, const struct registration_new *in);

#endif
