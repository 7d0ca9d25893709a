/* Query strings and percent-decoding: no text gets in that is not UTF-8 or holds a NUL, and what buf_url writes is read back. */
#include <utf8proc.h>

#include "fuzz.h"
#include "http/shape.h"

struct search {
    struct given given;
    const char *q, *city, *cursor;
    int64_t limit, from_ms;
    struct id organizer;
    bool past;
};
static const struct field search_fields[] = {
    FIELD(search, "q", q, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD(search, "city", city, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD(search, "cursor", cursor, FIELD_LINE, OPTIONAL, 1, 200),
    FIELD(search, "limit", limit, FIELD_INT, OPTIONAL, 1, 100),
    FIELD(search, "from", from_ms, FIELD_TIME, OPTIONAL, 0, 0),
    FIELD(search, "organizerId", organizer, FIELD_ID, OPTIONAL, 0, 0),
    FIELD(search, "past", past, FIELD_BOOL, OPTIONAL, 0, 0),
    FIELD_END,
};
static const struct shape search_shape = SHAPE(search, "Search", search_fields);

static void is_text(const char *text, size_t len)
{
    HOLDS(strlen(text) == len);
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(len - at), &point);

        HOLDS(n > 0);
        at += (size_t)n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena };
    const char *text = arena_copy(arena, data, size);
    const struct search *search;
    struct buf again = buf_in(arena);
    size_t len = 0, second = 0;
    void *out = NULL;
    char *decoded;

    for (int plus = 0; plus < 2; plus++) {
        decoded = url_decode(arena, text, size, plus, &len);
        if (!decoded)
            continue;
        is_text(decoded, len);
        buf_clear(&again);
        buf_url(&again, decoded, "/");
        decoded = url_decode(arena, again.data ? again.data : "", again.len, plus, &second);
        HOLDS(decoded && second == len);
    }
    if (shape_read_query(&search_shape, text, size, &out, &fault) != ERR_OK)
        return 0;
    search = out;
    HOLDS(!search->limit || (search->limit >= 1 && search->limit <= 100));
    if (search->q)
        is_text(search->q, strlen(search->q));
    PLANT(search->limit == 100 && search->city && search->q && strlen(search->q) != strlen(search->city));
    return 0;
}
