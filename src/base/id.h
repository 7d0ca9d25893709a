/*
 * id.h - 16-byte ids: UUID version 7 (RFC 9562, 5.7), made by this process in rising order.
 *
 * The last byte of every id that id_new makes is zero. A thing that hangs on
 * another (a ticket on its registration, a ticket type on its event) has its
 * parent's id with its own number 1..255 in that byte: the parent is found
 * without a look-up. Such ids are guessable among siblings, so no id ever
 * authorizes anything.
 */
#ifndef USHER_BASE_ID_H
#define USHER_BASE_ID_H

#include "base/util.h"

struct id {
    uint8_t byte[16];
};

#define ID_TEXT_LEN 36

/* A new id at `now_ms`; rises even when the clock does not. Any thread. */
struct id id_new(int64_t now_ms);
bool id_is_zero(const struct id *id);
int id_compare(const struct id *a, const struct id *b); /* as memcmp */
#define id_equal(a, b) (id_compare((a), (b)) == 0)

/* The child's id, its number (0 when it is no child), and the parent's id. */
struct id id_child(const struct id *parent, unsigned n);
unsigned id_number(const struct id *id);
struct id id_parent(const struct id *id);

/* Lower-case text with dashes, 36 bytes and a NUL. */
void id_format(const struct id *id, char text[ID_TEXT_LEN + 1]);
/* Exactly `len` = 36 bytes, either case, version 7 and the RFC's variant; false for anything else. */
bool id_parse(const char *text, size_t len, struct id *out);

#endif
