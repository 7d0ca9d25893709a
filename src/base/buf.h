/*
 * buf.h - bytes that grow at the end.
 *
 * A buf either lives in an arena (buf_in: nobody frees it) or on the heap
 * (buf_heap: buf_free). `data` is NUL-terminated whenever it is not NULL, so
 * that text in it can be passed on; the NUL is not counted in `len`.
 */
#ifndef USHER_BASE_BUF_H
#define USHER_BASE_BUF_H

#include "base/arena.h"

struct buf {
    char *data;
    size_t len, cap;
    struct arena *arena; /* NULL: on the heap */
};

static inline struct buf buf_in(struct arena *arena)
{
    return (struct buf){ .arena = arena };
}
static inline struct buf buf_heap(void)
{
    return (struct buf){ 0 };
}
void buf_free(struct buf *buf); /* heap only; leaves an empty buf */
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

/* Room for `more` bytes behind `len`; the address to write them to. Raise `len` afterwards. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_int(struct buf *buf, int64_t value); /* decimal */
void buf_hex(struct buf *buf, const void *data, size_t len); /* lower case */
/* Percent-encoding of RFC 3986: unreserved bytes stay, the others become %XX in upper case.
 * `keep` names further bytes that stay ("/" in a path), or is NULL. */
void buf_url(struct buf *buf, const char *text, const char *keep);

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return (struct bytes){ buf->data, buf->len };
}

#endif
