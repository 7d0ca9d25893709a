/* registration_rows.h - reading rows of the table, for the statements of this room and of those that list. */
#ifndef USHER_REGISTRATIONS_REGISTRATION_ROWS_H
#define USHER_REGISTRATIONS_REGISTRATION_ROWS_H

#include "registrations/registration.h"

#define REGISTRATION_COLUMNS                                                                                    \
    "id, event, account, status, items, attendees, quantity, amount, refunded, currency, expires_at, extended," \
    " intent, created_at, confirmed_at, kept, disputed"
/* How many those are: where others begin. */
#define REGISTRATION_COLUMN_COUNT 17

/* One row of a SELECT that begins with REGISTRATION_COLUMNS. */
void registration_from_row(struct query *q, struct arena *arena, struct registration *out);
/* The event of a registration; false when there is none. */
bool registration_event(struct tx *tx, const struct id *id, struct id *out);

#endif
