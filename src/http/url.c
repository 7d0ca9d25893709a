/* url.c - percent-decoding of paths, queries and forms (RFC 3986, 2.1; the URL standard's form encoding for '+'). */
#include "http/shape.h"

#include <string.h>

#include <utf8proc.h>

#include "http/text.h"

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_is_utf8(const char *text, size_t len)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;

    while (len) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n;

        if (*at < 0x80) {
            at++;
            len--;
            continue;
        }
        n = utf8proc_iterate(at, (utf8proc_ssize_t)MIN(len, 4), &point);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

char *url_decode(struct arena *arena, const char *text, size_t len, bool plus_is_space, size_t *out_len)
{
    char *out = arena_alloc(arena, len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = len - i > 2 ? hex_value((unsigned char)text[i + 1]) : -1;
            int low = len - i > 2 ? hex_value((unsigned char)text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (!c)
            return NULL;
        out[n++] = c;
    }
    if (!text_is_utf8(out, n))
        return NULL;
    out[n] = '\0';
    if (out_len)
        *out_len = n;
    return out;
}
