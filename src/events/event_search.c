/* event_search.c - see event_search.h. */
#include "events/event_search.h"

#include <string.h>
#include <utf8proc.h>

/* ---- folding ---- */

/* Marks that readers leave out when they type; those of other scripts are vowels. */
static bool is_ornament(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);

    if (category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_ME)
        return false;
    return c < 0x0700 || (c >= 0x1AB0 && c <= 0x1AFF) || (c >= 0x1DC0 && c <= 0x1DFF) || (c >= 0x20D0 && c <= 0x20FF) ||
           (c >= 0xFE20 && c <= 0xFE2F);
}

/* Letters that Unicode does not decompose, by what is typed for them. Two letters at most. */
static const struct { int32_t from, to[2]; } letter_for[] = {
    { 0x00E6, { 'a', 'e' } },   /* æ */
    { 0x00F0, { 'd' } },        /* ð */
    { 0x00F8, { 'o' } },        /* ø */
    { 0x00FE, { 't', 'h' } },   /* þ */
    { 0x0111, { 'd' } },        /* đ */
    { 0x0127, { 'h' } },        /* ħ */
    { 0x0131, { 'i' } },        /* ı */
    { 0x0142, { 'l' } },        /* ł */
    { 0x014B, { 'n' } },        /* ŋ */
    { 0x0153, { 'o', 'e' } },   /* œ */
    { 0x0167, { 't' } },        /* ŧ */
    { 0x0629, { 0x0647 } },     /* ة as ه */
    { 0x0640, { 0 } },          /* tatweel only stretches */
    { 0x0649, { 0x064A } },     /* ى as ي */
    { 0x06A9, { 0x0643 } },     /* Persian ک as ك */
    { 0x06CC, { 0x064A } },     /* Persian ی as ي */
};

static size_t put_letter(int32_t *out, int32_t c)
{
    for (size_t i = 0; i < COUNT(letter_for); i++) {
        if (letter_for[i].from > c)
            break;
        if (letter_for[i].from == c) {
            size_t n = 0;

            while (n < 2 && letter_for[i].to[n]) {
                out[n] = letter_for[i].to[n];
                n++;
            }
            return n;
        }
    }
    *out = c;
    return 1;
}

/* Folded code points, in the arena. Text that is not UTF-8 (it was checked on its way in) has none. */
static int32_t *fold(struct arena *arena, const char *text, size_t *count)
{
    const utf8proc_option_t options = UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STABLE;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t len = (utf8proc_ssize_t)strlen(text);
    utf8proc_ssize_t need = utf8proc_decompose(bytes, len, NULL, 0, options);
    int32_t *wide, *out;
    size_t kept = 0;

    *count = 0;
    if (need <= 0)
        return NULL;
    wide = ARENA_ARRAY(arena, (size_t)need, int32_t);
    out = ARENA_ARRAY(arena, (size_t)need * 2 + 1, int32_t);
    if (utf8proc_decompose(bytes, len, wide, need, options) != need)
        return NULL;
    for (utf8proc_ssize_t i = 0; i < need; i++)
        if (!is_ornament(wide[i]))
            kept += put_letter(out + kept, wide[i]);
    need = utf8proc_normalize_utf32(out, (utf8proc_ssize_t)kept, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    *count = need > 0 ? (size_t)need : 0;
    return out;
}

/* UTF-8 of some code points. */
static char *encode(struct arena *arena, const int32_t *wide, size_t count)
{
    char *text = arena_alloc(arena, count * 4 + 1);
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)utf8proc_encode_char(wide[i], (utf8proc_uint8_t *)text + len);
    text[len] = '\0';
    return text;
}

char *search_fold(struct arena *arena, const char *text)
{
    size_t count, kept = 0;
    int32_t *wide;

    if (!text)
        return NULL;
    wide = fold(arena, text, &count);
    for (size_t i = 0; i < count; i++) {
        bool blank = wide[i] <= ' ' || utf8proc_category(wide[i]) == UTF8PROC_CATEGORY_ZS;

        if (!blank)
            wide[kept++] = wide[i];
        else if (kept && wide[kept - 1] != ' ')
            wide[kept++] = ' ';
    }
    if (kept && wide[kept - 1] == ' ')
        kept--;
    return encode(arena, wide, kept);
}

/* ---- words ---- */

enum letter { BLANK, SPACED, UNSPACED };

static const struct { int32_t first, last; } unspaced[] = {
    { 0x0E00, 0x0FFF },   /* Thai, Lao, Tibetan */
    { 0x1000, 0x109F },   /* Burmese */
    { 0x1100, 0x11FF },   /* Hangul's parts */
    { 0x1780, 0x17FF },   /* Khmer */
    { 0x2E80, 0x2FDF },   /* Han radicals */
    { 0x3005, 0x3007 },   /* 々 and its like */
    { 0x3040, 0x312F },   /* Kana, Bopomofo */
    { 0x31A0, 0x31FF },
    { 0x3400, 0x4DBF },   /* Han */
    { 0x4E00, 0x9FFF },
    { 0xA9E0, 0xA9FF },   /* Burmese, more of it */
    { 0xAA60, 0xAA7F },
    { 0xAC00, 0xD7AF },   /* Hangul */
    { 0xF900, 0xFAFF },   /* Han, kept for old encodings */
    { 0x20000, 0x3FFFF },
};

static enum letter letter_kind(int32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? SPACED : BLANK;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO:
        break;
    default:
        return BLANK;
    }
    for (size_t i = 0; i < COUNT(unspaced); i++)
        if (c >= unspaced[i].first && c <= unspaced[i].last)
            return UNSPACED;
    return SPACED;
}

/* The next run of letters of one kind at or behind *at; false at the end. */
static bool next_run(const int32_t *wide, size_t count, size_t *at, size_t *len, enum letter *kind)
{
    size_t i = *at;

    while (i < count && letter_kind(wide[i]) == BLANK)
        i++;
    if (i == count)
        return false;
    *at = i;
    *kind = letter_kind(wide[i]);
    while (i < count && letter_kind(wide[i]) == *kind)
        i++;
    *len = i - *at;
    return true;
}

void word_set_init(struct word_set *set, struct arena *arena, size_t max)
{
    size_t slots = 64;

    while (slots < max * 2)
        slots *= 2;
    *set = (struct word_set){ .arena = arena, .max = max, .slots = slots };
    set->word = ARENA_ARRAY(arena, max, const char *);
    set->slot = ARENA_ARRAY(arena, slots, uint16_t);
}

/* Where the word is, or would be. FNV-1a; the words of one event are a client's own and hurt only him, up to `max` of them. */
static size_t word_slot(const struct word_set *set, const char *word)
{
    uint32_t hash = 2166136261u;
    size_t at;

    for (const char *p = word; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    at = hash & (set->slots - 1);
    while (set->slot[at] && strcmp(set->word[set->slot[at] - 1], word) != 0)
        at = (at + 1) & (set->slots - 1);
    return at;
}

bool word_set_has(const struct word_set *set, const char *word)
{
    return set->slot[word_slot(set, word)] != 0;
}

static void word_set_add(struct word_set *set, const int32_t *wide, size_t count)
{
    char *word;
    size_t at;

    if (set->count == set->max)
        return;
    word = encode(set->arena, wide, MIN(count, SEARCH_WORD_MAX));
    at = word_slot(set, word);
    if (set->slot[at])
        return;
    set->word[set->count++] = word;
    set->slot[at] = (uint16_t)set->count;
}

void word_set_add_text(struct word_set *set, const char *text)
{
    size_t count, at = 0, len;
    enum letter kind;
    int32_t *wide;

    if (!text)
        return;
    wide = fold(set->arena, text, &count);
    for (; next_run(wide, count, &at, &len, &kind) && set->count < set->max; at += len) {
        if (kind == SPACED) {
            word_set_add(set, wide + at, len);
            continue;
        }
        for (size_t i = 0; i + 1 < len; i++)
            word_set_add(set, wide + at + i, 2);
        word_set_add(set, wide + at + len - 1, 1);
    }
}

/* ---- questions ---- */

/* Behind `from` and every word that begins with it, whatever follows. U+10FFFF is no letter and sorts last. */
static const char *behind_prefix(struct arena *arena, const char *from)
{
    return arena_printf(arena, "%s\xF4\x8F\xBF\xBF", from);
}

/* Behind `from` alone: no word holds a control character. */
static const char *behind_word(struct arena *arena, const char *from)
{
    return arena_printf(arena, "%s\x01", from);
}

size_t search_terms(struct arena *arena, const char *text, struct search_term out[SEARCH_TERMS_MAX])
{
    struct word_set exact, prefix;
    size_t count, at = 0, len, terms = 0;
    enum letter kind;
    int32_t *wide = fold(arena, text, &count);

    word_set_init(&exact, arena, SEARCH_TERMS_MAX);
    word_set_init(&prefix, arena, SEARCH_TERMS_MAX);
    for (; next_run(wide, count, &at, &len, &kind); at += len) {
        size_t next = at + len, next_len;
        enum letter next_kind;
        bool last = !next_run(wide, count, &next, &next_len, &next_kind);

        if (kind == SPACED)
            word_set_add(last ? &prefix : &exact, wide + at, len);
        else if (len == 1) /* begins a pair, or ends a run */
            word_set_add(&prefix, wide + at, 1);
        else
            for (size_t i = 0; i + 1 < len; i++)
                word_set_add(&exact, wide + at + i, 2);
    }
    for (size_t i = 0; i < prefix.count && terms < SEARCH_TERMS_MAX; i++)
        out[terms++] = (struct search_term){ prefix.word[i], behind_prefix(arena, prefix.word[i]) };
    for (size_t i = 0; i < exact.count && terms < SEARCH_TERMS_MAX; i++)
        out[terms++] = (struct search_term){ exact.word[i], behind_word(arena, exact.word[i]) };
    return terms;
}
