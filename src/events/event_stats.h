/* event_stats.h - how an event sells and fills, for those who run it; and how many are in, for the gate too. */
#ifndef USHER_EVENTS_EVENT_STATS_H
#define USHER_EVENTS_EVENT_STATS_H

#include "events/event_rows.h"

struct event_stats {
    int64_t pending, confirmed;             /* registrations */
    int64_t revenue, refunded;              /* taken in all, and given back of it; minor units */
    int64_t refunds[4];                     /* by their status: asked, pending, succeeded, failed */
};
struct check_in_counts {
    int64_t all;                            /* tickets used now */
    int64_t of_type[256];                   /* by the ticket type's number */
};
/* Counted from the rows, in one snapshot; about 2 us a registration and 1 us a ticket, so it belongs on LANE_SCAN. */
void event_stats(struct tx *tx, const struct id *event, struct event_stats *out);
void event_check_in_counts(struct tx *tx, const struct id *event, struct check_in_counts *out);

#endif
