/*
 * shape.h - a table of declared fields turns JSON (or a query string, or a form) into a checked struct.
 *
 * One row says name, type, where it goes in the struct, whether it is required,
 * and its bounds; the same rows print the JSON Schema in /openapi.json. Every
 * fault is reported, unknown fields too. Nothing reaches a handler unchecked.
 *
 *     struct event_new { struct given given; const char *title; int64_t starts_at_ms; ... };
 *     static const struct field event_new_fields[] = {
 *         FIELD(event_new, "title", title, FIELD_TEXT, REQUIRED, 1, 200),
 *         FIELD(event_new, "startsAt", starts_at_ms, FIELD_TIME, REQUIRED, 0, 0),
 *         FIELD_LIST(event_new, "ticketTypes", ticket_types, ticket_type_count, &ticket_type_new_shape, REQUIRED, 1, 100),
 *         FIELD_END
 *     };
 *     static const struct shape event_new_shape = SHAPE(event_new, "EventNew", event_new_fields);
 *
 * The first member of such a struct is `struct given given`: which fields the
 * client named (a PATCH changes just those), bit i for row i.
 */
#ifndef USHER_HTTP_SHAPE_H
#define USHER_HTTP_SHAPE_H

#include "base/err.h"
#include "base/id.h"
#include "base/json.h"

struct given {
    uint64_t bits;
};
static inline bool given(const struct given *given, unsigned row)
{
    return given->bits >> row & 1;
}

enum field_type {          /* the struct's member */
    FIELD_TEXT,            /* const char *; min..max code points; valid UTF-8 without control characters but \n and \t; NFC */
    FIELD_LINE,            /* const char *; as TEXT, without \n and \t, not only blanks; trimmed */
    FIELD_EMAIL,           /* const char *; a plain address, 3..254 bytes (RFC 5321, 4.5.3.1.3 less the brackets), no control, <, >, spaces */
    FIELD_ID,              /* struct id */
    FIELD_INT,             /* int64_t; min..max; a JSON integer (1.0 and 1e3 are not) */
    FIELD_BOOL,            /* bool */
    FIELD_TIME,            /* int64_t ms, > 0 */
    FIELD_ENUM,            /* int: index in `words` */
    FIELD_SLUG,            /* const char *; [a-z0-9-], min..max */
    FIELD_CURRENCY,        /* const char *; three letters A-Z of ISO 4217 */
    FIELD_ZONE,            /* const char *; an IANA zone that zone_find knows */
    FIELD_COUNTRY,         /* const char *; two letters A-Z */
    FIELD_OBJECT,          /* pointer to the sub-shape's struct */
    FIELD_LIST,            /* pointer to an array of the sub-shape's structs, and a size_t count */
    FIELD_ID_LIST,         /* struct id *, and a size_t count */
    FIELD_TEXT_LIST,       /* const char **, and a size_t count; each as FIELD_LINE of at most 255 */
    FIELD_URL,             /* const char *; http or https, at most max bytes */
};

enum { OPTIONAL = 0, REQUIRED = 1, NULLABLE = 2 }; /* NULLABLE: null counts as given and leaves 0 / NULL */

struct shape;
struct field {
    const char *name;          /* NULL ends the table */
    enum field_type type;
    unsigned flags;
    size_t offset, count_offset; /* count_offset for lists */
    int64_t min, max;
    const char *const *words;  /* FIELD_ENUM, NULL-terminated */
    const struct shape *shape; /* FIELD_OBJECT, FIELD_LIST */
    const char *help;          /* for the API description; may be NULL */
};
struct shape {
    const char *name;          /* of its schema in /openapi.json */
    size_t size;
    const struct field *fields;
    /* Rules between fields, or NULL. Called once the fields were read, also when some had faults (those are left zero, and not given), so that
     * one answer names every fault. `pointer` is where this struct stands ("", "/ticketTypes/0"): report with fault_field(pointer + "/name"). */
    void (*check)(const void *value, const char *pointer, struct fault *fault);
};

#define FIELD(type_, json, member, kind, flags_, min_, max_) \
    { .name = (json), .type = (kind), .flags = (flags_), .offset = offsetof(struct type_, member), .min = (min_), .max = (max_) }
#define FIELD_WITH_HELP(type_, json, member, kind, flags_, min_, max_, help_)                                                      \
    { .name = (json), .type = (kind), .flags = (flags_), .offset = offsetof(struct type_, member), .min = (min_), .max = (max_), .help = (help_) }
#define FIELD_WORDS(type_, json, member, flags_, words_) \
    { .name = (json), .type = FIELD_ENUM, .flags = (flags_), .offset = offsetof(struct type_, member), .words = (words_) }
#define FIELD_SUB(type_, json, member, shape_, flags_) \
    { .name = (json), .type = FIELD_OBJECT, .flags = (flags_), .offset = offsetof(struct type_, member), .shape = (shape_) }
#define FIELD_MANY(type_, json, member, count_, kind, shape_, flags_, min_, max_)                                              \
    { .name = (json), .type = (kind), .flags = (flags_), .offset = offsetof(struct type_, member),                              \
      .count_offset = offsetof(struct type_, count_), .min = (min_), .max = (max_), .shape = (shape_) }
#define FIELD_END { .name = NULL }
#define SHAPE(type_, name_, fields_) { .name = (name_), .size = sizeof(struct type_), .fields = (fields_) }

/* Fill a new struct (in fault->arena) from JSON text. ERR_BAD_REQUEST when it is not strict JSON, ERR_INVALID with every fault (pointer "": it is no
 * object). */
enum err shape_read_json(const struct shape *shape, const char *text, size_t len, void **out, struct fault *fault);
/* The same from a parsed value, for documents that are read in two steps. */
enum err shape_read_value(const struct shape *shape, struct json_t *value, void **out, struct fault *fault);
/* From "a=1&b=x": values are percent-decoded ('+' is a space). Scalars only; a repeated or unknown name is a fault. */
enum err shape_read_query(const struct shape *shape, const char *query, size_t len, void **out, struct fault *fault);
/* The shape as a JSON Schema (2020-12) object; sub-shapes stand as references to /components/schemas. And one field of it, as a named member. */
void shape_schema(const struct shape *shape, struct buf *out);
void shape_field_schema(const struct field *field, struct buf *out, const char *name);

/* Percent-decode `len` bytes; `plus_is_space` for queries and forms. NULL when malformed, not UTF-8, or holding NUL. `out_len` may be NULL. */
char *url_decode(struct arena *arena, const char *text, size_t len, bool plus_is_space, size_t *out_len);

#endif
