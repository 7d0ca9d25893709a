/* registration_list.h - registrations in lists: the buyer's own, an event's for its organizer, and as CSV. */
#ifndef USHER_REGISTRATIONS_REGISTRATION_LIST_H
#define USHER_REGISTRATIONS_REGISTRATION_LIST_H

#include "registrations/registration.h"

struct registration_filter {
    bool by_status;
    enum registration_status status;
    const char *words;       /* NULL: all; else what an attendee's or the buyer's name or address must contain (case and accents folded) */
};

/* The buyer of a listed registration. */
struct registration_buyer {
    const char *name, *email;
};

/* Newest first, those older than page->id if page->after; at most page->limit. `more` when there are further ones.
 * `last` is where a cursor goes on: with a filter on words a page may be short, for no more than 20,000 rows are looked at for one. */
size_t registrations_of_account(struct tx *tx, const struct id *account, const struct registration_filter *filter, const struct page *page,
                                struct registration **out, struct id *last, bool *more);
size_t registrations_of_event(struct tx *tx, const struct id *event, const struct registration_filter *filter, const struct page *page,
                              struct registration **out, struct registration_buyer **buyers, struct id *last, bool *more);

/* A line a ticket, for the rows of one page. Cells that a spreadsheet would compute get an apostrophe in front. */
void registrations_csv_header(struct buf *out);
void registrations_csv(struct buf *out, struct tx *tx, const struct event *event, const struct registration *regs,
                       const struct registration_buyer *buyers, size_t count);

struct registration_ref {
    struct id id, event;
};
/* Holds that ran out and have no intent: up to `max`, ordered by their event so that a slice is one write. Intents are payments' business. */
size_t registrations_due(struct tx *tx, size_t max, struct registration_ref **out);

/* A slice of one person's registrations of every status, oldest first; the walk moves on. `out` has room for PERSON_SLICE. */
size_t registrations_of_person(struct tx *tx, struct person_walk *walk, struct registration_ref *out);
/* The same in a snapshot of its own, and then ordered by event. */
size_t registrations_of_person_by_event(struct person_walk *walk, struct registration_ref *out);
/* A slice in writes of one event each, of at most 20 registrations. */
enum err registrations_of_person_change(struct person_walk *walk, enum err (*change)(struct tx *tx, const struct registration_ref *refs, size_t count));

#endif
