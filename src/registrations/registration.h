/*
 * registration.h - a buyer's claim on seats, and the tickets it turns into.
 *
 *     PENDING --confirm--> CONFIRMED --cancel/refund--> CANCELLED | REFUNDED
 *        |---expire--> EXPIRED --confirm (late payment, seats left)--> CONFIRMED
 *        \---give back--> CANCELLED
 *
 * Always true (usher check recounts it): a registration has expires_at exactly
 * while PENDING; a CONFIRMED one has `quantity` tickets, less those cancelled by
 * a partial refund; no other has a valid one; stock.held and stock.sold are the
 * sums over PENDING and CONFIRMED ones.
 *
 * Each state change is one conditional update: who comes second changes nothing
 * and gets ERR_CONFLICT. Ticket rows are written here, for they stand and fall
 * with the registration; reading, drawing and sending them is tickets/.
 *
 * Not here: money (payments/), admission (gate/).
 */
#ifndef USHER_REGISTRATIONS_REGISTRATION_H
#define USHER_REGISTRATIONS_REGISTRATION_H

#include "events/event.h"

enum registration_status {
    REGISTRATION_PENDING, REGISTRATION_CONFIRMED, REGISTRATION_CANCELLED, REGISTRATION_EXPIRED, REGISTRATION_REFUNDED,
    REGISTRATION_STATUS_COUNT
};
extern const char *const registration_status_words[]; /* NULL-terminated */

enum ticket_status { TICKET_VALID, TICKET_USED, TICKET_CANCELLED };
extern const char *const ticket_status_words[];

struct registration_item {
    unsigned n;              /* the ticket type's number */
    int64_t quantity, unit_price;
    int64_t discount, fee, tax; /* of all its tickets; fixed when the seats were held */
    struct price_tax tax_rate;
};
struct registration_attendee { /* one a ticket, in ticket order; NULLs where none was named */
    const char *name, *email;
};
struct registration {
    struct id id, event, account;
    enum registration_status status;
    struct registration_item *items;
    size_t item_count;
    struct registration_attendee *attendees; /* `quantity` entries, or NULL */
    int64_t quantity, amount, refunded;
    struct id code;          /* the discount code that it was bought with; zero: none */
    const char *currency;
    int64_t expires_at_ms, created_at_ms, confirmed_at_ms;
    bool extended;
    const char *intent;
    int64_t kept;            /* of `amount`, for good: the event's refund fee where the buyer gave tickets back, and what was not refunded of the last ones.
                                refunded + kept <= amount */
    bool disputed;           /* its payment is disputed at the bank, or was lost that way; not so any more once it is won */
};

struct ticket_row {
    unsigned n, type;        /* number in its registration; ticket type's number */
    enum ticket_status status;
    int64_t edition, used_at_ms;
    const char *used_gate;
};

/* false when there is none. */
bool registration_find(struct tx *tx, const struct id *id, struct registration *out);
/* Its ticket rows in order (none unless confirmed once). */
size_t registration_tickets(struct tx *tx, const struct id *id, struct ticket_row **out);
bool registration_ticket(struct tx *tx, const struct id *ticket_id, struct ticket_row *out);
/* Number of the ticket type of ticket n, from the items. */
unsigned registration_type_of(const struct registration *reg, unsigned n);
/* What an item cost, with its total; and what all of them did. */
struct price_line registration_line(const struct registration_item *item);
struct price_sums registration_sums(const struct registration *reg);
/* What ticket n cost, as a line of one: its total is what is given back for it. Those of all tickets sum to `amount`. */
struct price_line registration_ticket_price(const struct registration *reg, unsigned n);
void registration_json(struct buf *out, const char *name, struct tx *tx, const struct registration *reg);
/* The same with its payments and refunds one by one; `for_manager`: and its disputes, with the evidence. */
void registration_detail_json(struct buf *out, struct tx *tx, const struct registration *reg, bool for_manager);

/* PENDING (whatever its time: a payment that came is honoured while the seats are held) or EXPIRED (if seats are left: else ERR_SOLD_OUT)
 * -> CONFIRMED: seats held -> sold, tickets made, job "deliver" asked under the registration's id. ERR_CONFLICT from any other state. */
enum err registration_confirm(struct tx *tx, const struct id *id);
/* PENDING and its time is over -> EXPIRED, seats back. ERR_CONFLICT otherwise. Only when no intent can be paid any more, or the grace is over. */
enum err registration_expire(struct tx *tx, const struct id *id);
/* PENDING -> CANCELLED, seats back. */
enum err registration_give_back(struct tx *tx, const struct id *id);
/* CONFIRMED -> REFUNDED where any money went back, else CANCELLED: all tickets cancelled, seats back, `refunded` += refunded_amount. */
enum err registration_end(struct tx *tx, const struct id *id, enum registration_status to, int64_t refunded_amount);
/* Stays CONFIRMED (or ends, when no valid or used ticket is left): these tickets cancelled, their seats back, `refunded` += amount. ERR_CONFLICT if one is not valid or used. */
enum err registration_cancel_tickets(struct tx *tx, const struct id *id, const unsigned *numbers, size_t count, int64_t refunded_amount);
/* What is kept of its money from now on (beside what was refunded). */
void registration_keep(struct tx *tx, const struct id *id, int64_t kept);
void registration_set_disputed(struct tx *tx, const struct id *id, bool disputed);
/* Money goes back beside what ended it: `refunded` += amount. */
enum err registration_add_refunded(struct tx *tx, const struct id *id, int64_t amount);
/* A refund that failed later: `refunded` -= amount. Tickets stay cancelled. */
enum err registration_unrefund(struct tx *tx, const struct id *id, int64_t amount);
/* Remember the intent in force, and lengthen the hold once, to now + hold_seconds (never shorten). ERR_CONFLICT when not PENDING, ERR_HOLD_EXPIRED when over. */
enum err registration_start_paying(struct tx *tx, const struct id *id);
enum err registration_set_intent(struct tx *tx, const struct id *id, const char *intent);

/* ERR_NOT_FOUND unless the caller registered it, or manages its event. */
enum err registration_for_caller(struct tx *tx, const struct caller *caller, const struct id *id, struct registration *out);
enum err registration_for_buyer(struct tx *tx, const struct caller *caller, const struct id *id, struct registration *out);
/* key_finder: the event of the registration (or of the ticket, whose id leads to it) in the path. */
enum err registration_key(struct req *req, struct tx *tx, struct id *out);

extern const struct route registration_routes[];
extern const struct answer_schema registration_schemas[];
extern const struct sweep registration_sweeps[];
extern const struct person_part registration_people[];

#endif
