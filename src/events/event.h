/*
 * event.h - what is put on: its dates, place, ticket types, and how many seats are left.
 *
 *     DRAFT --publish--> PUBLISHED --cancel--> CANCELLED        (ENDED is derived: published and past ends_at)
 *       \------------------------cancel------------/
 *
 * The seat counters are the narrow rows of `stock`: row n for ticket type n,
 * row 0 for the whole event (quantity = capacity). Always true, and fenced by
 * the schema: held + sold <= quantity in each row, and row 0 is the sum.
 */
#ifndef USHER_EVENTS_EVENT_H
#define USHER_EVENTS_EVENT_H

#include "events/price.h"
#include "http/http.h"

enum event_status { EVENT_DRAFT, EVENT_PUBLISHED, EVENT_CANCELLED, EVENT_ENDED /* derived, never stored */ };
extern const char *const event_status_words[]; /* "draft", ..., NULL */

struct ticket_type {
    struct id id;            /* the event's, with n in the last byte */
    unsigned n;
    const char *name, *description;
    int64_t price;           /* minor units */
    int64_t quantity, held, sold;
    int64_t sale_starts_at_ms, sale_ends_at_ms; /* 0: no bound */
    int64_t min_per_order, max_per_order, max_per_account; /* the two max: 0 is none */
    struct price_tax tax;
    bool hidden;             /* shown and sold only to who has a code that names it (discount.h) */
};

struct event {
    struct id id, organizer;
    enum event_status status; /* EVENT_ENDED where it applies at tx->now_ms */
    const char *title, *description, *category;
    int64_t starts_at_ms, ends_at_ms, admission_starts_at_ms;
    const char *timezone, *venue_name, *venue_address, *venue_city, *venue_country;
    bool online;
    const char *image;       /* object key */
    const char *currency;
    struct price_fee fee;
    const char *seller_name, *seller_address, *seller_tax_id; /* for receipts; NULL: the organizer's own name, none, none */
    int64_t capacity, held, sold;
    int64_t version, created_at_ms, updated_at_ms;
    int64_t refund_until_ms;      /* until then buyers may give tickets back themselves; 0: never */
    int64_t refund_fee_percent;   /* of their price, kept then */
    struct ticket_type *types;
    size_t type_count;
};

/* The event with its types; false when there is none. Strings live in tx->arena. Shows drafts: the caller decides who may see. */
bool event_find(struct tx *tx, const struct id *id, struct event *out);
/* Its type with number n, or NULL. */
struct ticket_type *event_type(struct event *event, unsigned n);
/* Seats that could be taken now: least of the type's and the event's. */
int64_t event_available(const struct event *event, const struct ticket_type *type);
/* Take the hidden types out but those that `ids` name, for who does not manage the event. */
void event_hide_types(struct event *event, const struct id *ids, size_t count);
/* As in the contract's shapes. */
void event_json(struct buf *out, const char *name, struct app *app, const struct event *event);

/*
 * For routes on an event's insides: ERR_NOT_FOUND where the caller cannot see it (another's draft), ERR_FORBIDDEN where he sees it and has not the
 * right. `out` may be NULL. The organizer and the admins have every right; docs/security.md has the table of what hangs on which.
 */
enum err event_for_owner(struct tx *tx, const struct caller *caller, const struct id *id, struct event *out);   /* nobody else */
enum err event_for_manager(struct tx *tx, const struct caller *caller, const struct id *id, struct event *out); /* staff: managers */
enum err event_for_gate(struct tx *tx, const struct caller *caller, const struct id *id, struct event *out);    /* all its staff, and its scanner devices */

/* Late guests and slow clocks: the gate counts as open so long after the end. */
#define EVENT_GATE_AFTER_END_MS (INT64_C(24) * 3600 * 1000)
/* Cancelled, or its gate has closed for good: nobody begins to help there any more. */
bool event_is_over(const struct event *event, int64_t now_ms);
/* May this account manage it, as account and staff stand now? What it set up and left to others (scanner devices) is good only so long. */
bool event_managed_by(struct tx *tx, const struct id *event, const struct id *account);
/* The same as a route's `allow`, where the first id in the path is the event. */
enum err event_allow_owner(struct req *req, struct tx *tx);
enum err event_allow_manager(struct req *req, struct tx *tx);
enum err event_allow_gate(struct req *req, struct tx *tx);
/* key_finder for routes whose first path id is the event. */
enum err event_key(struct req *req, struct tx *tx, struct id *out);

/* Moves between free, held and sold for type n and the event together; each is one conditional update of two rows.
 * ERR_SOLD_OUT changes nothing (the caller's savepoint goes back). */
enum err stock_hold(struct tx *tx, const struct id *event, unsigned n, int64_t quantity);      /* free -> held */
enum err stock_sell_held(struct tx *tx, const struct id *event, unsigned n, int64_t quantity); /* held -> sold */
enum err stock_sell(struct tx *tx, const struct id *event, unsigned n, int64_t quantity);      /* free -> sold */
enum err stock_release_held(struct tx *tx, const struct id *event, unsigned n, int64_t quantity); /* held -> free */
enum err stock_release_sold(struct tx *tx, const struct id *event, unsigned n, int64_t quantity); /* sold -> free */
/* Counters as they are: for "sold-out" answers. held and sold of type n (0: the event). */
bool stock_read(struct tx *tx, const struct id *event, unsigned n, int64_t *quantity, int64_t *held, int64_t *sold);

extern const struct route event_routes[];
extern const struct answer_schema event_schemas[];
extern const struct job_kind event_jobs[];   /* "event-image"; "event-cancel", which event_cancel asks for, is payments' */
extern const struct sweep event_sweeps[];
extern const struct person_part event_people[];

#endif
