#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *buf)
{
    assert(!buf->arena);
    free(buf->data);
    *buf = buf_heap();
}

char *buf_reserve(struct buf *buf, size_t more)
{
    size_t need = buf->len + more + 1;
    size_t cap;
    char *data;

    assert(need > more);
    if (need <= buf->cap)
        return buf->data + buf->len;
    cap = MAX(need, buf->cap ? buf->cap * 2 : 256);
    if (buf->arena) {
        data = arena_alloc(buf->arena, cap);
        if (buf->len)
            memcpy(data, buf->data, buf->len);
    } else {
        data = realloc(buf->data, cap);
        if (!data) {
            fputs("usher: out of memory\n", stderr);
            abort();
        }
    }
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    char *end = buf_reserve(buf, len);

    if (len)
        memcpy(end, data, len);
    end[len] = '\0';
    buf->len += len;
}

void buf_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    vsnprintf(buf_reserve(buf, (size_t)len), (size_t)len + 1, format, again);
    va_end(again);
    buf->len += (size_t)len;
}

void buf_int(struct buf *buf, int64_t value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--at = '-';
    buf_add(buf, at, (size_t)(digits + sizeof digits - at));
}

void buf_hex(struct buf *buf, const void *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *in = data;
    char *out = buf_reserve(buf, len * 2);

    for (size_t i = 0; i < len; i++) {
        *out++ = hex[in[i] >> 4];
        *out++ = hex[in[i] & 15];
    }
    *out = '\0';
    buf->len += len * 2;
}

void buf_url(struct buf *buf, const char *text, const char *keep)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c) || (keep && strchr(keep, c))) {
            buf_char(buf, (char)c);
        } else {
            char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

            buf_add(buf, escape, 3);
        }
    }
}
