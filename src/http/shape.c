/* shape.c - reading JSON objects and query strings by a table of fields. */
#include "http/shape.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/zone.h"
#include "http/shape_value.h"

/* Where we stand in the document; becomes a JSON pointer only when there is a fault to report. */
struct place {
    const struct place *parent; /* NULL: the document itself */
    const char *name;           /* NULL: an array's element */
    size_t index;
};

/* Longer names of unknown fields are cut, so that a hundred faults stay a small answer. */
#define POINTER_BYTES 256
#define NAME_BYTES 100

static void pointer_name(struct buf *out, const char *name)
{
    for (size_t i = 0; name[i] && (i < NAME_BYTES || ((unsigned char)name[i] & 0xC0) == 0x80); i++) {
        if (name[i] == '~')
            buf_str(out, "~0");
        else if (name[i] == '/')
            buf_str(out, "~1");
        else
            buf_char(out, name[i]);
    }
}

static void pointer_write(struct buf *out, const struct place *place)
{
    const struct place *chain[16]; /* json_parse bounds the nesting to 16 */
    size_t depth = 0;

    for (; place->parent && depth < COUNT(chain); place = place->parent)
        chain[depth++] = place;
    while (depth--) {
        buf_char(out, '/');
        if (chain[depth]->name)
            pointer_name(out, chain[depth]->name);
        else
            buf_int(out, (int64_t)chain[depth]->index);
    }
}

static const char *pointer_text(struct arena *arena, const struct place *place)
{
    struct buf text = buf_in(arena);

    buf_reserve(&text, POINTER_BYTES);
    pointer_write(&text, place);
    return text.data;
}

static void report(struct fault *fault, const struct place *place, const struct complaint *complaint)
{
    fault_field(fault, pointer_text(fault->arena, place), complaint->code, "%s", complaint->detail);
}

static bool read_value(const struct field *field, json_t *value, const struct place *place, void *out, struct fault *fault);

static void *member(void *out, size_t offset)
{
    return (char *)out + offset;
}

static const struct field *field_named(const struct shape *shape, const char *name)
{
    for (const struct field *field = shape->fields; field->name; field++)
        if (!strcmp(field->name, name))
            return field;
    return NULL;
}

static void check_between(const struct shape *shape, const void *value, const struct place *place, struct fault *fault)
{
    if (shape->check)
        shape->check(value, pointer_text(fault->arena, place), fault);
}

static bool faults_full(const struct fault *fault)
{
    return fault->field_count >= 100;
}

static void read_object(const struct shape *shape, json_t *object, const struct place *place, void *out, struct fault *fault)
{
    struct given *given = out;
    const char *name;
    json_t *value;
    unsigned row = 0;

    for (const struct field *field = shape->fields; field->name; field++, row++) {
        struct place here = { place, field->name, 0 };

        assert(row < 64);
        value = json_object_get(object, field->name);
        if (!value) {
            if (field->flags & REQUIRED)
                report(fault, &here, &(struct complaint){ "required", "This field is required." });
        } else if (json_is_null(value)) {
            if (field->flags & NULLABLE)
                given->bits |= (uint64_t)1 << row;
            else
                report(fault, &here, &(struct complaint){ "null", "This field cannot be null." });
        } else if (read_value(field, value, &here, out, fault)) {
            given->bits |= (uint64_t)1 << row;
        }
    }
    json_object_foreach(object, name, value)
    {
        struct place here = { place, name, 0 };

        if (faults_full(fault))
            break;
        if (!field_named(shape, name))
            report(fault, &here, &(struct complaint){ "unknown", "There is no such field here." });
    }
    check_between(shape, out, place, fault);
}

static bool count_is_good(const struct field *field, size_t count, const struct place *place, struct fault *fault)
{
    struct complaint complaint;

    if (count < (size_t)field->min)
        complaint = complain(fault->arena, "too-few", "At least %" PRId64 " needed.", field->min);
    else if (count > (size_t)field->max)
        complaint = complain(fault->arena, "too-many", "At most %" PRId64 " allowed.", field->max);
    else
        return true;
    report(fault, place, &complaint);
    return false;
}

/* Elements are read even when others had faults, so that all are named; the list counts as given only when whole. */
static bool read_list(const struct field *field, json_t *value, const struct place *place, void *out, struct fault *fault)
{
    size_t count, before = fault->field_count;
    size_t size = field->type == FIELD_LIST ? field->shape->size : field->type == FIELD_ID_LIST ? sizeof(struct id) : sizeof(char *);
    char *items;

    if (!json_is_array(value)) {
        report(fault, place, &(struct complaint){ "type", "A list is expected." });
        return false;
    }
    count = json_array_size(value);
    if (!count_is_good(field, count, place, fault))
        return false;
    items = arena_array(fault->arena, MAX(count, 1), size);
    for (size_t i = 0; i < count && !faults_full(fault); i++) {
        struct place here = { place, NULL, i };
        json_t *item = json_array_get(value, i);
        struct complaint complaint = { "type", "An object is expected." };

        if (field->type == FIELD_LIST) {
            if (json_is_object(item))
                read_object(field->shape, item, &here, items + i * size, fault);
            else
                report(fault, &here, &complaint);
        } else {
            struct field element = { .type = field->type == FIELD_ID_LIST ? FIELD_ID : FIELD_LINE, .min = 1, .max = 255 };
            struct raw_value raw = raw_of_json(item);

            if (!value_read(fault->arena, &element, &raw, items + i * size, &complaint))
                report(fault, &here, &complaint);
        }
    }
    if (fault->field_count != before)
        return false;
    *(void **)member(out, field->offset) = items;
    *(size_t *)member(out, field->count_offset) = count;
    return true;
}

static bool read_value(const struct field *field, json_t *value, const struct place *place, void *out, struct fault *fault)
{
    struct complaint complaint = { "type", "An object is expected." };
    struct raw_value raw;

    switch (field->type) {
    case FIELD_LIST:
    case FIELD_ID_LIST:
    case FIELD_TEXT_LIST:
        return read_list(field, value, place, out, fault);
    case FIELD_OBJECT:
        if (json_is_object(value)) {
            size_t before = fault->field_count;
            void *inner = arena_alloc(fault->arena, field->shape->size);

            read_object(field->shape, value, place, inner, fault);
            if (fault->field_count != before)
                return false;
            *(void **)member(out, field->offset) = inner;
            return true;
        }
        break;
    default:
        raw = raw_of_json(value);
        if (value_read(fault->arena, field, &raw, member(out, field->offset), &complaint))
            return true;
        break;
    }
    report(fault, place, &complaint);
    return false;
}

enum err shape_read_value(const struct shape *shape, struct json_t *value, void **out, struct fault *fault)
{
    static const struct place root = { 0 };
    size_t before = fault->field_count;

    if (!json_is_object(value)) {
        fault_field(fault, "", "type", "The body must be a JSON object.");
        return ERR_INVALID;
    }
    *out = arena_alloc(fault->arena, shape->size);
    read_object(shape, value, &root, *out, fault);
    return fault->field_count != before || faults_full(fault) ? ERR_INVALID : ERR_OK;
}

enum err shape_read_json(const struct shape *shape, const char *text, size_t len, void **out, struct fault *fault)
{
    struct json_t *value;
    enum err e = json_parse(fault->arena, text, len, &value, fault);

    return e ? e : shape_read_value(shape, value, out, fault);
}

/* ---- query strings ---- */

static void query_fault(struct fault *fault, const char *name, const char *code, const char *detail)
{
    char cut[NAME_BYTES + 4];
    size_t n = 0;

    for (; name[n] && (n < NAME_BYTES || ((unsigned char)name[n] & 0xC0) == 0x80) && n < sizeof cut - 1; n++)
        cut[n] = name[n];
    cut[n] = '\0';
    fault_field(fault, cut, code, "%s", detail);
}

static void query_pair(const struct shape *shape, const char *name, char *value, size_t value_len, void *out, uint64_t *seen, struct fault *fault)
{
    struct given *given = out;
    const struct field *field = field_named(shape, name);
    struct raw_value raw = { .kind = RAW_TEXT, .from_query = true, .text = value, .len = value_len };
    struct complaint complaint;
    unsigned row;

    if (!field) {
        query_fault(fault, name, "unknown", "There is no such query parameter here.");
        return;
    }
    row = (unsigned)(field - shape->fields);
    assert(row < 64);
    if (*seen >> row & 1) {
        query_fault(fault, name, "repeated", "This query parameter may stand only once.");
        return;
    }
    *seen |= (uint64_t)1 << row;
    if (value_read(fault->arena, field, &raw, member(out, field->offset), &complaint))
        given->bits |= (uint64_t)1 << row;
    else
        query_fault(fault, name, complaint.code, complaint.detail);
}

enum err shape_read_query(const struct shape *shape, const char *query, size_t len, void **out, struct fault *fault)
{
    size_t before = fault->field_count;
    const char *end = query + len;
    uint64_t seen = 0;

    *out = arena_alloc(fault->arena, shape->size);
    while (query < end && !faults_full(fault)) {
        const char *stop = memchr(query, '&', (size_t)(end - query));
        const char *equals;
        char *name, *value;
        size_t value_len;

        if (!stop)
            stop = end;
        if (stop > query) {
            equals = memchr(query, '=', (size_t)(stop - query));
            name = url_decode(fault->arena, query, (size_t)((equals ? equals : stop) - query), true, NULL);
            value = equals ? url_decode(fault->arena, equals + 1, (size_t)(stop - equals - 1), true, &value_len)
                           : url_decode(fault->arena, "", 0, true, &value_len);
            if (!name || !value)
                return fault_set(fault, ERR_BAD_REQUEST, "The query holds an escape that is malformed or not UTF-8.");
            query_pair(shape, name, value, value_len, *out, &seen, fault);
        }
        query = stop + (stop < end);
    }
    for (const struct field *field = shape->fields; field->name; field++)
        if (field->flags & REQUIRED && !(seen >> (field - shape->fields) & 1))
            query_fault(fault, field->name, "required", "This query parameter is required.");
    if (shape->check)
        shape->check(*out, "", fault);
    return fault->field_count != before || faults_full(fault) ? ERR_INVALID : ERR_OK;
}
