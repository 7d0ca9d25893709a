/*
 * zone.h - IANA time zones, read from the system's tzdata without setenv("TZ") (which is process-global).
 *
 * Files are TZif (RFC 8536), read once and kept; any thread.
 */
#ifndef USHER_BASE_ZONE_H
#define USHER_BASE_ZONE_H

#include "base/clock.h"

struct zone; /* lives as long as the process */

/* "Europe/Berlin", "UTC"; NULL when there is no such zone. Names with "..", a leading '/' or other than [A-Za-z0-9_+-/] are none. */
const struct zone *zone_find(const char *name);
/* Seconds east of UTC at that instant, and the abbreviation then in force ("CET"); the footer's rule applies behind the last transition. */
int zone_offset(const struct zone *zone, int64_t at_ms, const char **abbreviation);
/* The wall-clock reading there. */
struct civil zone_civil(const struct zone *zone, int64_t at_ms);
const char *zone_name(const struct zone *zone);

#endif
