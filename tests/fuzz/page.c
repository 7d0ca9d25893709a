/* Cursors of lists: ours are read back as they were written, anything else is refused without harm. */
#include "fuzz.h"
#include "http/req.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct req req = { .arena = arena, .fault = { .arena = arena } };
    struct buf out = buf_in(arena);
    struct page page, again;
    char *cursor, *end;

    if (page_read(&req, 20, arena_copy(arena, data, size), &page) != ERR_OK) {
        HOLDS(req.fault.fields && strcmp(req.fault.fields->pointer, "cursor") == 0);
        return 0;
    }
    if (!page.after)
        return 0;
    PLANT(page.at < 0 && page.id.byte[15] == 7);
    /* {"nextCursor":"..."} */
    page_write_next(&out, true, page.at, &page.id);
    cursor = strchr(out.data, ':');
    HOLDS(cursor && cursor[1] == '"');
    cursor += 2;
    end = strchr(cursor, '"');
    HOLDS(end);
    *end = '\0';
    HOLDS(page_read(&req, 20, cursor, &again) == ERR_OK);
    HOLDS(again.after && again.at == page.at && id_equal(&again.id, &page.id));
    return 0;
}
