/*
 * event_search.h - words, folded so that a search finds them however they are written.
 *
 * Folding: NFKD, case folded, diacritics dropped where they are an ornament of
 * the script (Latin, Greek, Cyrillic, Hebrew, Arabic) and kept where they are
 * vowels (Thai, Devanagari, ...), then composed again. Letters that do not
 * decompose go to what people type instead (ł to l, ø to o, ة to ه).
 *
 * Scripts written without spaces (Han, Kana, Hangul for its endings, Thai, Lao,
 * Tibetan, Burmese, Khmer) become pairs of characters, and each run's last character by
 * itself, so that a single character finds every place where it stands.
 */
#ifndef USHER_EVENTS_EVENT_SEARCH_H
#define USHER_EVENTS_EVENT_SEARCH_H

#include "base/arena.h"

/* A word is cut at so many code points, in the index and in the question alike. */
#define SEARCH_WORD_MAX 32
/* Distinct words kept of one event: title, category and place first, then as much of the description as fits. */
#define SEARCH_WORDS_MAX 2000
/* Words of a question that are looked at. */
#define SEARCH_TERMS_MAX 16

/* A set of folded words in the order in which they came. */
struct word_set {
    struct arena *arena;
    const char **word;   /* UTF-8 */
    size_t count, max;
    uint16_t *slot;      /* open addressing; index into word + 1 */
    size_t slots;
};
void word_set_init(struct word_set *set, struct arena *arena, size_t max);
/* The words of a text (NULL: none) as they are kept in the index; what is over `max` is left out. */
void word_set_add_text(struct word_set *set, const char *text);
bool word_set_has(const struct word_set *set, const char *word);

/* One word of a question as a range of words: from <= word < to. The last one is a prefix unless its script has no spaces. */
struct search_term {
    const char *from, *to;
};
/* How many there are, at most SEARCH_TERMS_MAX; 0 when the text has no letter or digit. */
size_t search_terms(struct arena *arena, const char *text, struct search_term out[SEARCH_TERMS_MAX]);

/* A name folded for comparing as a whole, blanks made one space: "  ŁÓDŹ " is "lodz". NULL gives NULL. */
char *search_fold(struct arena *arena, const char *text);

#endif
