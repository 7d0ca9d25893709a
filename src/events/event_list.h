/* event_list.h - pages of events: what the public looks for, and what an organizer has. */
#ifndef USHER_EVENTS_EVENT_LIST_H
#define USHER_EVENTS_EVENT_LIST_H

#include "events/event_rows.h"

struct event_filter {
    const char *category;    /* NULL: any */
    const char *words;       /* NULL: any; all must be there, the last as a prefix */
    const char *city;        /* compared folded; NULL: any */
    struct id organizer;     /* zero: any */
    int64_t from_ms, to_ms;  /* of the start, both inclusive; 0: no bound */
};
struct event_page {
    struct event *items;
    size_t count;
    bool more;
    int64_t next_at;         /* with `more`: where the next page goes on */
    struct id next_id;
};

/* Published events that have not ended, by (starts_at, id). A page of a search for words that are common apart and rare together
 * may be short and still have a next one: it looks at 1,000 events at most. */
void event_list(struct tx *tx, const struct event_filter *filter, const struct page *page, struct event_page *out);
/* One organizer's events of that status (-1: any), newest first. */
void event_list_of_organizer(struct tx *tx, const struct id *organizer, int status, const struct page *page, struct event_page *out);

#endif
