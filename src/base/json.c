#include "base/json.h"

#include <assert.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"

/* jansson's parser recurses; a document of brackets alone must not reach its stack. */
#define DEPTH_MAX 16

/* ---- writing ---- */

/* Whatever goes next: its comma if it is not the first, and its name if it has one. */
static void begin_value(struct buf *out, const char *name)
{
    if (out->len) {
        char last = out->data[out->len - 1];

        if (last != '{' && last != '[' && last != ':' && last != '\n')
            buf_char(out, ',');
    }
    if (name) {
        json_quote(out, name, strlen(name));
        buf_char(out, ':');
    }
}

void json_open(struct buf *out, const char *name)
{
    begin_value(out, name);
    buf_char(out, '{');
}

void json_close(struct buf *out)
{
    buf_char(out, '}');
}

void json_open_array(struct buf *out, const char *name)
{
    begin_value(out, name);
    buf_char(out, '[');
}

void json_close_array(struct buf *out)
{
    buf_char(out, ']');
}

void json_str(struct buf *out, const char *name, const char *text)
{
    if (text)
        json_strn(out, name, text, strlen(text));
    else
        json_nil(out, name);
}

void json_strn(struct buf *out, const char *name, const char *text, size_t len)
{
    begin_value(out, name);
    json_quote(out, text, len);
}

void json_int(struct buf *out, const char *name, int64_t value)
{
    begin_value(out, name);
    buf_int(out, value);
}

void json_bool(struct buf *out, const char *name, bool value)
{
    begin_value(out, name);
    buf_str(out, value ? "true" : "false");
}

void json_nil(struct buf *out, const char *name)
{
    begin_value(out, name);
    buf_add(out, "null", 4);
}

void json_id(struct buf *out, const char *name, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    if (!id || id_is_zero(id)) {
        json_nil(out, name);
        return;
    }
    id_format(id, text);
    json_strn(out, name, text, ID_TEXT_LEN);
}

void json_time(struct buf *out, const char *name, int64_t at_ms)
{
    char text[CLOCK_TEXT_LEN + 1];

    clock_format(at_ms, text);
    json_strn(out, name, text, CLOCK_TEXT_LEN);
}

void json_time_or_null(struct buf *out, const char *name, int64_t at_ms)
{
    if (at_ms)
        json_time(out, name, at_ms);
    else
        json_nil(out, name);
}

void json_raw(struct buf *out, const char *name, const char *json, size_t len)
{
    assert(len);
    begin_value(out, name);
    buf_add(out, json, len);
}

void json_quote(struct buf *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const char *end = text + len;

    buf_reserve(out, len + 2);
    buf_char(out, '"');
    while (text < end) {
        const char *run = text;
        unsigned char c;

        while (text < end && (unsigned char)*text >= 0x20 && *text != '"' && *text != '\\')
            text++;
        buf_add(out, run, (size_t)(text - run));
        if (text == end)
            break;
        c = (unsigned char)*text++;
        switch (c) {
        case '"': buf_add(out, "\\\"", 2); break;
        case '\\': buf_add(out, "\\\\", 2); break;
        case '\n': buf_add(out, "\\n", 2); break;
        case '\r': buf_add(out, "\\r", 2); break;
        case '\t': buf_add(out, "\\t", 2); break;
        default: {
            char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

            buf_add(out, escape, sizeof escape);
        }
        }
    }
    buf_char(out, '"');
}

/* ---- reading ---- */

static pthread_once_t seeded = PTHREAD_ONCE_INIT;

/* Objects hash their keys under a random seed, so that nobody can choose keys that collide. */
static void seed_hashes(void)
{
    json_object_seed(0);
}

/* What jansson would find too late or never: nesting that its recursion pays for, and bytes of zero. */
static enum err check_bytes(const char *text, size_t len, struct fault *fault)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (!c)
            return fault_set(fault, ERR_BAD_REQUEST, "The JSON holds a NUL byte.");
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return fault_set(fault, ERR_BAD_REQUEST, "The JSON is nested deeper than %d levels.", DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            if (depth)
                depth--;
        }
    }
    return ERR_OK;
}

/* Our own words: jansson's repeat a piece of the input. */
static const char *what_is_wrong(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input: return "it ends too early";
    case json_error_end_of_input_expected: return "something stands behind its end";
    case json_error_invalid_utf8: return "it is not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "it holds a NUL character";
    case json_error_duplicate_key: return "a key stands twice in one object";
    case json_error_numeric_overflow: return "a number is out of range";
    case json_error_stack_overflow: return "it is nested too deep";
    default: return "it is not well-formed";
    }
}

/* A number that no machine word holds and an escaped NUL are JSON all the same: RFC 8259 lets a reader have such limits. */
static bool is_well_formed(enum json_error_code code)
{
    return code == json_error_numeric_overflow || code == json_error_null_character || code == json_error_null_byte_in_key;
}

static enum err refuse(const json_error_t *error, struct fault *fault)
{
    const char *wrong = what_is_wrong(json_error_code(error));
    bool invalid = is_well_formed(json_error_code(error));

    if (invalid)
        fault_field(fault, "", "limit", "In line %d, column %d: %s.", error->line, error->column, wrong);
    return fault_set(fault, invalid ? ERR_INVALID : ERR_BAD_REQUEST, "The JSON cannot be read: %s (line %d, column %d).", wrong, error->line, error->column);
}

static void free_document(void *document)
{
    json_decref(document);
}

enum err json_parse(struct arena *arena, const char *text, size_t len, struct json_t **out, struct fault *fault)
{
    json_error_t error;
    enum err e = check_bytes(text, len, fault);

    if (e)
        return e;
    pthread_once(&seeded, seed_hashes);
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!*out)
        return refuse(&error, fault);
    arena_defer(arena, free_document, *out);
    return ERR_OK;
}
