/* demo.h - the tables that `usher demo` fills a folder from. */
#ifndef USHER_CLI_DEMO_H
#define USHER_CLI_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct demo_event {
    const char *title, *description, *category, *timezone;
    int days;                 /* from today, in its zone */
    int hour, minute;         /* there */
    int hours_from_now;       /* with days = 0: instead of hour and minute */
    int length_h;
    bool online, draft, cancelled;
    const char *venue, *address, *city, *country; /* none when online */
    const char *currency;
    int64_t capacity;
    const char *types;        /* `ticketTypes` as in POST /v1/events */
    const char *fee, *seller; /* `serviceFee` and `seller` likewise; NULL: none */
    const char *code;         /* a discount code; NULL: none */
    int64_t code_percent_bps, code_max_uses; /* 0 percent: it opens the last ticket type, which is hidden */
};
extern const struct demo_event demo_events[];
extern const size_t demo_event_count;

struct demo_person {
    const char *mailbox, *name; /* mailbox@usher.example */
};
extern const struct demo_person demo_people[];
extern const size_t demo_person_count;

#endif
