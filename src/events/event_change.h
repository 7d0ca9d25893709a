/*
 * event_change.h - what an organizer sends, and making, changing and cancelling events with it.
 *
 * POST and PATCH share the structs and the rules between fields; a PATCH changes
 * just the fields that it names. Its `ticketTypes` lists changes, not the whole:
 *
 *     {"ticketTypeId": ..., "price": 1500}                 changes that type
 *     {"name": ..., "price": ..., "quantity": ...}         adds one
 *     {"ticketTypeId": ..., "remove": true}                takes one away, while nobody has ever registered for the event
 *     not listed                                           stays as it is
 *
 * A removed type's number is never given again: a discount code that names it must not meet another type.
 * A price change does not touch registrations that exist. No quantity goes below what is held or sold.
 */
#ifndef USHER_EVENTS_EVENT_CHANGE_H
#define USHER_EVENTS_EVENT_CHANGE_H

#include "events/event_rows.h"

struct venue_in {
    struct given given;
    const char *name, *address, *city, *country;
};
struct service_fee_in {
    struct given given;
    int64_t fixed, percent_bps;
    int paid_by;             /* 0 buyer, 1 organizer */
};
struct seller_in {
    struct given given;
    const char *name, *address, *tax_id;
};
struct ticket_type_in {
    struct given given;
    const char *name, *description;
    int64_t price, quantity;
    int64_t sale_starts_at_ms, sale_ends_at_ms, min_per_order, max_per_order, max_per_account;
    int64_t tax_rate_bps;
    bool tax_included, hidden;
    struct id id;            /* PATCH only, from here */
    bool remove;
};
struct event_in {
    struct given given;
    const char *title, *description, *category;
    int status;              /* EVENT_DRAFT or EVENT_PUBLISHED */
    int64_t starts_at_ms, ends_at_ms, admission_starts_at_ms;
    const char *timezone;
    struct venue_in *venue;
    bool online;
    const char *currency;
    struct service_fee_in *fee;
    struct seller_in *seller;
    int64_t capacity;
    struct ticket_type_in *types;
    size_t type_count;
    int64_t refund_until_ms, refund_fee_percent;
};

extern const struct shape event_new_shape;   /* "EventNew": POST */
extern const struct shape event_patch_shape; /* "EventPatch": PATCH */

/* A checked event_new becomes a row with its types and counters. `out` is the event as it now is. */
enum err event_create(struct tx *tx, const struct id *organizer, const struct event_in *in, struct event *out);
/* `event` as event_find gave it in this transaction; afterwards as it now is. ERR_INVALID where the merged event would break a rule,
 * ERR_CONFLICT where its state forbids it: cancelled, or fewer seats than are taken. */
enum err event_change(struct tx *tx, struct event *event, const struct event_in *in);
/* Draft or published -> cancelled, and the job "event-cancel" under the event's id gives the money back. A second call changes nothing and
 * is fine too; ERR_CONFLICT once it is over. */
enum err event_cancel(struct tx *tx, struct event *event);
/* A new picture is in the object store under `key`. */
enum err event_set_image(struct tx *tx, struct event *event, const char *key);
/* Ask for an object of this event to be deleted at that time, unless it is its picture then. */
void event_drop_image_later(struct tx *tx, const struct id *event, const char *key, int64_t at_ms);

/* Take it out of the search. */
void event_words_delete(struct tx *tx, const struct id *event);

#endif
