/* ics.h - an event as a calendar file (RFC 5545). */
#ifndef USHER_EVENTS_ICS_H
#define USHER_EVENTS_ICS_H

#include "events/event.h"

/* One VCALENDAR with one VEVENT. Its UID stays through every change, and SEQUENCE is the event's version, so that a calendar that imported it
 * takes a later one for an update. */
void ics_event(struct buf *out, const struct app *app, const struct event *event);

#endif
