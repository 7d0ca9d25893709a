/*
 * sale.h - the few facts about an event that selling needs, without its texts.
 *
 * A registration on a hot event asks for these thousands of times a second, so
 * they come from one narrow statement each.
 */
#ifndef USHER_EVENTS_SALE_H
#define USHER_EVENTS_SALE_H

#include "events/event.h"

struct sale {
    struct id organizer;
    enum event_status status; /* EVENT_ENDED where it applies */
    const char *currency;
    struct price_fee fee;
    int64_t seats;            /* left of the whole event */
};
struct sale_type {
    int64_t price;            /* minor units */
    int64_t starts_at_ms, ends_at_ms;                    /* 0: no bound */
    int64_t min_per_order, max_per_order, max_per_account; /* the two max: 0 is none */
    struct price_tax tax;
    bool hidden;
    int64_t seats;            /* left of the type alone */
};
struct sale_left {
    unsigned n;
    int64_t seats;
};

/* false when there is none. */
bool sale_event(struct tx *tx, const struct id *event, struct sale *out);
bool sale_type(struct tx *tx, const struct id *event, unsigned n, struct sale_type *out);
/* What is left of each type, by number, and of the event as a whole; the count. `out` in tx->arena. */
size_t sale_left(struct tx *tx, const struct id *event, struct sale_left **out, int64_t *whole);
/* The same less the hidden types: what may be said to anybody. */
size_t sale_left_shown(struct tx *tx, const struct id *event, struct sale_left **out, int64_t *whole);

#endif
