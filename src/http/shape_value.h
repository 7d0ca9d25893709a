/* shape_value.h - one scalar from outside, checked by its field's row: what shape.c and its readers share. */
#ifndef USHER_HTTP_SHAPE_VALUE_H
#define USHER_HTTP_SHAPE_VALUE_H

#include "http/shape.h"

struct complaint {
    const char *code, *detail;
};
struct complaint complain(struct arena *arena, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);

struct raw_value {
    enum { RAW_TEXT, RAW_INT, RAW_BOOL, RAW_OTHER } kind;
    bool from_query;   /* numbers and booleans are spelled out as text */
    const char *text;
    size_t len;
    int64_t number;
};
struct raw_value raw_of_json(struct json_t *value);

/* Check and store at `out` (the struct's member). False, and why, when it is not valid; `out` is untouched then. */
bool value_read(struct arena *arena, const struct field *field, const struct raw_value *raw, void *out, struct complaint *why);

#endif
