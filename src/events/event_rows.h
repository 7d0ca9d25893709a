/* event_rows.h - what the files of this room share: the columns of an event, and reading them. */
#ifndef USHER_EVENTS_EVENT_ROWS_H
#define USHER_EVENTS_EVENT_ROWS_H

#include "events/event.h"

/* Ticket types an event may have; its ids leave room for 255. */
#define EVENT_TYPES_MAX 100

#define EVENT_COLUMNS                                                                                                    \
    "e.id, e.organizer, e.status, e.title, e.description, e.category, e.starts_at, e.ends_at, e.admission_starts_at,"     \
    " e.timezone, e.venue_name, e.venue_address, e.venue_city, e.venue_country, e.online, e.image, e.currency, e.version," \
    " e.created_at, e.updated_at, e.refund_until, e.refund_fee_percent, e.fee_fixed, e.fee_bps, e.fee_by_organizer, e.seller_name," \
    " e.seller_address, e.seller_tax_id, s.quantity, s.held, s.sold"
#define EVENT_TYPE_COLUMNS                                                                                              \
    "t.event, t.n, t.name, t.description, t.price, t.sale_starts_at, t.sale_ends_at, t.min_per_order, t.max_per_order," \
    " t.max_per_account, t.tax_bps, t.tax_included, t.hidden, s.quantity, s.held, s.sold"

extern const char *const event_fee_payer_words[]; /* "buyer", "organizer": by price_fee.by_organizer */

/* The row of EVENT_COLUMNS, without its types; EVENT_ENDED where it applies at tx->now_ms. */
void event_read_row(struct query *q, struct tx *tx, struct event *out);
/* The row of EVENT_TYPE_COLUMNS. */
void event_type_read_row(struct query *q, struct tx *tx, const struct id *event, struct ticket_type *out);
/* May this caller know that it exists? All but drafts; a draft its organizer, its staff and the admins. */
bool event_visible(struct tx *tx, const struct caller *caller, const struct event *event);
/* The members of an Event without the braces, for shapes that have more. */
void event_json_members(struct buf *out, const struct app *app, const struct event *event);
/* A number, or null for 0: no limit. */
void event_json_limit(struct buf *out, const char *name, int64_t limit);

#endif
