/* registration_rows.h - reading rows of the table, for the statements of this room and of those that list. */
#ifndef USHER_REGISTRATIONS_REGISTRATION_ROWS_H
#define USHER_REGISTRATIONS_REGISTRATION_ROWS_H

#include "registrations/registration.h"

#define REGISTRATION_COLUMNS                                                                                    \
    "id, event, account, status, items, attendees, quantity, amount, refunded, currency, expires_at, extended," \
    " intent, created_at, confirmed_at, kept, disputed, code"
/* How many those are: where others begin. */
#define REGISTRATION_COLUMN_COUNT 18

/* One row of a SELECT that begins with REGISTRATION_COLUMNS. */
void registration_from_row(struct query *q, struct arena *arena, struct registration *out);
/* The column `items`, written and read; and one of its entries from a priced line. */
const char *registration_items_encode(struct arena *arena, const struct registration *reg);
void registration_items_decode(struct arena *arena, const char *text, struct registration *out);
void registration_item_set(struct registration_item *item, const struct price_line *line);
/* Members that a Registration and a quote have alike: "items"; then "discountCode" and the sums with "amount". */
void registration_items_json(struct buf *out, const struct registration *reg);
void registration_sums_json(struct buf *out, struct tx *tx, const struct registration *reg);
/* The event of a registration; false when there is none. */
bool registration_event(struct tx *tx, const struct id *id, struct id *out);

#endif
