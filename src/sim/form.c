/* form.c - application/x-www-form-urlencoded with names that nest by brackets, as Stripe's clients send it. */
#include "sim/inner.h"

#include <stdio.h>
#include <string.h>

#define PAIRS_MAX 500
#define LEVELS_MAX 5
#define NAME_BYTES_MAX 200
#define VALUE_BYTES_MAX 5000

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decoded into `out` of `room` bytes with a NUL; false when too long, malformed, or holding NUL. */
static bool decode(const char *text, size_t len, char *out, size_t room)
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < len ? hex(text[i + 1]) : -1, low = i + 2 < len ? hex(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!c || used + 1 >= room)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

/* Put `value` at a[b][c], making the objects on the way. "[]" takes the next number. */
static bool place(json_t *root, char *name, const char *value)
{
    json_t *object = root, *text;
    char *part = name, *open = strchr(name, '[');

    if (!*name || open == name)
        return false;
    for (int level = 0; open; level++) {
        char *close = strchr(open, ']');
        json_t *inner;

        if (!close || (close[1] && close[1] != '[') || level == LEVELS_MAX)
            return false;
        *open = *close = '\0';
        inner = json_object_get(object, part);
        if (!inner) {
            inner = json_object();
            if (json_object_set_new(object, part, inner) != 0)
                return false;
        }
        if (!json_is_object(inner))
            return false;
        object = inner;
        part = open + 1;
        open = close[1] ? close + 1 : NULL;
    }
    char number[24];
    if (!*part) {
        snprintf(number, sizeof number, "%zu", json_object_size(object));
        part = number;
    }
    if (json_object_get(object, part))
        return false;
    text = json_string(value); /* NULL when not UTF-8 */
    return text && json_object_set_new(object, part, text) == 0;
}

json_t *sim_form_parse(const char *text, size_t len)
{
    json_t *root = json_object();
    size_t at = 0, pairs = 0;

    while (at < len) {
        const char *end = memchr(text + at, '&', len - at);
        size_t stop = end ? (size_t)(end - text) : len;
        const char *equals = memchr(text + at, '=', stop - at);
        size_t name_end = equals ? (size_t)(equals - text) : stop;
        char name[NAME_BYTES_MAX], value[VALUE_BYTES_MAX];

        if (stop > at) {
            if (++pairs > PAIRS_MAX || !decode(text + at, name_end - at, name, sizeof name) ||
                !decode(equals ? equals + 1 : "", equals ? stop - name_end - 1 : 0, value, sizeof value) || !place(root, name, value)) {
                json_decref(root);
                return NULL;
            }
        }
        at = stop + 1;
    }
    return root;
}
