/* Folding and cutting into words: any text finds itself, and no more is kept than was said. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "events/event_search.h"
#include "fuzz.h"

/* Only UTF-8 without NUL gets past the shapes. */
static bool is_text(const uint8_t *data, size_t size)
{
    while (size) {
        utf8proc_int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate(data, (utf8proc_ssize_t)size, &c);

        if (len <= 0 || c == 0)
            return false;
        data += len;
        size -= (size_t)len;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena;
    struct search_term term[SEARCH_TERMS_MAX];
    struct word_set set;
    char *text;
    size_t terms;

    if (!is_text(data, size))
        return 0;
    arena = arena_new(0);
    text = arena_copy(arena, data, size);
    word_set_init(&set, arena, SEARCH_WORDS_MAX);
    word_set_add_text(&set, text);
    terms = search_terms(arena, text, term);
    HOLDS(terms <= SEARCH_TERMS_MAX && set.count <= SEARCH_WORDS_MAX);
    HOLDS((terms == 0) == (set.count == 0));
    for (size_t i = 0; i < terms && set.count < SEARCH_WORDS_MAX; i++) {
        bool found = false;

        HOLDS(strcmp(term[i].from, term[i].to) < 0);
        for (size_t w = 0; w < set.count && !found; w++)
            found = strcmp(set.word[w], term[i].from) >= 0 && strcmp(set.word[w], term[i].to) < 0;
        HOLDS(found);
    }
    for (size_t w = 0; w < set.count; w++)
        HOLDS(set.word[w][0] && word_set_has(&set, set.word[w]));
    HOLDS(search_fold(arena, text));
    /* A letter that does not decompose, in a word of its own. */
    PLANT(terms == 2 && word_set_has(&set, "lo"));
    arena_free(arena);
    return 0;
}
