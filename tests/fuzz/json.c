/* Strict JSON: what is accepted means the same after being written and read again, and the writer's strings are read back as they were. */
#include <jansson.h>

#include "base/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena };
    struct json_t *first, *second;
    enum err e = json_parse(arena, (const char *)data, size, &first, &fault);
    struct buf quoted = buf_in(arena);
    char *text;

    HOLDS(e == ERR_OK || e == ERR_BAD_REQUEST || e == ERR_INVALID);
    if (e)
        return 0;
    text = json_dumps(first, JSON_ENCODE_ANY | JSON_COMPACT);
    HOLDS(text);
    HOLDS(json_parse(arena, text, strlen(text), &second, &fault) == ERR_OK);
    HOLDS(json_equal(first, second));
    free(text);
    if (json_is_string(first)) {
        json_quote(&quoted, json_string_value(first), json_string_length(first));
        HOLDS(json_parse(arena, quoted.data, quoted.len, &second, &fault) == ERR_OK);
        HOLDS(json_equal(first, second));
    }
    PLANT(json_is_array(first) && json_is_object(json_array_get(first, 0)));
    return 0;
}
