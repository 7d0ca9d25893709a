/* name.h - how far a mistyped name is from a known one, for "the nearest is ...". */
#ifndef USHER_BASE_NAME_H
#define USHER_BASE_NAME_H

#include "base/buf.h"

#define NAME_SHOWN_MAX 64

/* Levenshtein's distance between a name of `len` bytes and a known one, upper case counting as lower; both are cut at NAME_SHOWN_MAX. */
unsigned name_distance(const char *name, size_t len, const char *known);
/* Append a name that came from outside: what is not printable becomes '?', and at most NAME_SHOWN_MAX bytes of it are shown. */
void name_show(struct buf *out, const char *name, size_t len);

#endif
