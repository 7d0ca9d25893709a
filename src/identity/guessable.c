/* guessable.c - see guessable.h. */
#include "identity/guessable.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/util.h"

enum {
    TEXT_MAX = 64,        /* longer texts are looked at for repetitions alone */
    AFFIX_MAX = 12,
    FREE_DIGITS_MAX = 4,  /* before and behind a word: "2024", "1234", a telephone's last four */
    SIGNS_MAX = 3,
    LINES_MAX = 4,        /* lines that make up a whole password: "123qweasd" has three */
    OWNER_WORD_MIN = 4,
};

/* A piece of the text under judgement. */
struct piece {
    const char *text;
    size_t len;
};

/* ---- words ---- */

/* Halve the text: from its middle back to the blank before a word. */
static bool is_word(const char *text, size_t len)
{
    const char *low = guessable_words, *high = guessable_words + strlen(guessable_words) - 1; /* both at blanks */

    while (low < high) {
        const char *at = low + (high - low) / 2;

        while (*at != ' ')
            at--;
        const char *end = strchr(at + 1, ' ');
        size_t there = (size_t)(end - at - 1);
        int order = memcmp(text, at + 1, MIN(len, there));
        if (!order && len == there)
            return true;
        if (order > 0 || (!order && len > there))
            low = end;
        else
            high = at;
    }
    return false;
}

/* Letters written as what looks like them. 1 and ! are read as i by some and as l by others, so both ways are tried. */
static void read_leet(char *out, const char *text, size_t len, char one)
{
    static const char signs[] = "@430578+$29(|", letters[] = "aaeostbtszgcl";

    for (size_t i = 0; i < len; i++) {
        const char *sign = memchr(signs, text[i], sizeof signs - 1);

        out[i] = text[i] == '1' || text[i] == '!' ? one : sign ? letters[sign - signs] : text[i];
    }
}

static bool is_word_somehow(const char *text, size_t len)
{
    char read[TEXT_MAX], back[TEXT_MAX];

    for (int way = 0; way < 3; way++) {
        memcpy(read, text, len);
        if (way)
            read_leet(read, text, len, way == 1 ? 'i' : 'l');
        for (size_t i = 0; i < len; i++)
            back[i] = read[len - 1 - i];
        if (is_word(read, len) || is_word(back, len))
            return true;
    }
    return false;
}

/* ---- lines ---- */

/* Keys in rows, as they lie above each other. "1qaz" is a line as well as "qwer", and so is "159" on the number pad. */
static const char *const boards[][4] = {
    { "1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./" },
    { "1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm,.-" },
    { "1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn,;:" },
    { "789", "456", "123", "0" },
    { "abcdefghijklmnopqrstuvwxyz", "0123456789", "", "" },
};

static bool find_key(const char *const board[4], char c, int *row, int *column)
{
    for (*row = 0; *row < 4; (*row)++) {
        const char *at = strchr(board[*row], c);

        if (at) {
            *column = (int)(at - board[*row]);
            return true;
        }
    }
    return false;
}

/* How far a line reaches from the first character on one board, in steps to a neighbour (or to nowhere: "aaaa") that are all the same. */
static size_t line_on(const char *const board[4], const char *text, size_t len)
{
    int row, column, down = 0, right = 0;
    size_t n = 1;

    if (!find_key(board, text[0], &row, &column))
        return 1;
    for (; n < len; n++) {
        int next_row, next_column;

        if (!find_key(board, text[n], &next_row, &next_column) || abs(next_row - row) > 1 || abs(next_column - column) > 1 ||
            (n > 1 && (next_row - row != down || next_column - column != right)))
            break;
        down = next_row - row;
        right = next_column - column;
        row = next_row;
        column = next_column;
    }
    return n;
}

static size_t line_from(const char *text, size_t len)
{
    size_t longest = 1;

    for (size_t i = 0; i < COUNT(boards); i++)
        longest = MAX(longest, line_on(boards[i], text, len));
    return longest;
}

/* Few lines, each of three characters and more on average. */
static bool is_lines(const char *text, size_t len)
{
    size_t lines = 0;

    for (size_t at = 0; at < len; lines++)
        at += line_from(text + at, len - at);
    return lines <= LINES_MAX && len >= 3 * lines;
}

/* Two lines taken in turns: "1q2w3e4r", "a1b2c3d4". */
static bool is_braid(const char *text, size_t len)
{
    char half[2][TEXT_MAX];

    for (size_t i = 0; i < len; i++)
        half[i % 2][i / 2] = text[i];
    return len >= 6 && line_from(half[0], (len + 1) / 2) == (len + 1) / 2 && line_from(half[1], len / 2) == len / 2;
}

/* ---- repetitions and dates ---- */

/* The shortest part that the text repeats; its whole length when it repeats nothing. */
static size_t period_of(const char *text, size_t len)
{
    for (size_t period = 1; period <= len / 2; period++) {
        if (memcmp(text, text + period, len - period) == 0)
            return period;
    }
    return len;
}

static int number(const char *digits, int count)
{
    int n = 0;

    while (count--)
        n = n * 10 + *digits++ - '0';
    return n;
}

static bool is_day(int year, int month, int day)
{
    return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Eight digits, with or without signs between: year first, day first, or month first. */
static bool is_date(const char *text, size_t len)
{
    char d[8];
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        if (isdigit((unsigned char)text[i])) {
            if (count == sizeof d)
                return false;
            d[count++] = text[i];
        } else if (!strchr("./-_ ", text[i])) {
            return false;
        }
    }
    return count == sizeof d && (is_day(number(d, 4), number(d + 4, 2), number(d + 6, 2)) || is_day(number(d + 4, 4), number(d + 2, 2), number(d, 2)) ||
                                 is_day(number(d + 4, 4), number(d, 2), number(d + 2, 2)));
}

/* ---- what stands around a word ---- */

/* How much a guesser must try to find what stands before or behind: digits that are no line, and signs. */
struct affix {
    size_t free_digits, signs;
};

/* False when the piece holds anything else. */
static bool read_affix(struct piece piece, struct affix *sum)
{
    char digits[AFFIX_MAX], signs[AFFIX_MAX];
    size_t digit_count = 0, sign_count = 0;

    for (size_t i = 0; i < piece.len; i++) {
        unsigned char c = (unsigned char)piece.text[i];

        if (isdigit(c))
            digits[digit_count++] = (char)c;
        else if (ispunct(c) || c == ' ')
            signs[sign_count++] = (char)c;
        else
            return false;
    }
    if (digit_count && !is_lines(digits, digit_count))
        sum->free_digits += digit_count;
    if (sign_count)
        sum->signs += period_of(signs, sign_count);
    return true;
}

/* ---- the owner's words ---- */

struct owner {
    char *word[16]; /* folded, letters and digits alone; on the heap */
    size_t count;
};

/* Lower case, without accents: "Zoë" is guessed as "zoe". On the heap; NULL when it is not UTF-8. */
static char *fold(const char *text)
{
    utf8proc_uint8_t *out = NULL;

    if (utf8proc_map((const utf8proc_uint8_t *)text, 0, &out,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK) < 0)
        return NULL;
    return (char *)out;
}

static void forget(char *text)
{
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
}

static bool is_of_word(char c)
{
    return !ispunct((unsigned char)c) && c != ' ';
}

/* Without signs; how long it is. */
static size_t squeeze(char *out, const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (is_of_word(text[i]))
            out[n++] = text[i];
    }
    return n;
}

static void add_word(struct owner *owner, const char *text, size_t len)
{
    char *word = calloc(1, len + 1);

    if (!word)
        abort();
    if (squeeze(word, text, len) >= OWNER_WORD_MIN && owner->count < COUNT(owner->word))
        owner->word[owner->count++] = word;
    else
        free(word);
}

static bool is_no_blank(char c)
{
    return c != ' ';
}

static bool is_letter(char c)
{
    return is_of_word(c) && !isdigit((unsigned char)c);
}

static void add_parts(struct owner *owner, const char *text, size_t len, bool (*is_part)(char c))
{
    for (size_t from = 0, to; from < len; from = to + 1) {
        for (to = from; to < len && is_part(text[to]); to++)
            ;
        add_word(owner, text + from, to - from);
    }
}

/* The whole of it, and its parts: between blanks, between signs, and of letters alone. */
static void add_words(struct owner *owner, const char *text, size_t len)
{
    add_word(owner, text, len);
    add_parts(owner, text, len, is_no_blank);
    add_parts(owner, text, len, is_of_word);
    add_parts(owner, text, len, is_letter);
}

static void read_owner(struct owner *owner, const char *email, const char *name)
{
    char *folded_email = email ? fold(email) : NULL, *folded_name = name ? fold(name) : NULL;

    add_word(owner, "usher", 5);
    if (folded_email) {
        const char *at = strrchr(folded_email, '@');

        add_word(owner, folded_email, strlen(folded_email));
        add_words(owner, folded_email, at ? (size_t)(at - folded_email) : strlen(folded_email));
    }
    if (folded_name)
        add_words(owner, folded_name, strlen(folded_name));
    free(folded_email);
    free(folded_name);
}

static bool is_owners(const struct owner *owner, const char *text, size_t len)
{
    char plain[TEXT_MAX], read[TEXT_MAX];
    size_t n = squeeze(plain, text, len);

    for (size_t i = 0; i < owner->count; i++) {
        if (strlen(owner->word[i]) != n)
            continue;
        for (int way = 0; way < 3; way++) {
            memcpy(read, plain, n);
            if (way)
                read_leet(read, plain, n, way == 1 ? 'i' : 'l');
            if (memcmp(read, owner->word[i], n) == 0)
                return true;
        }
    }
    return false;
}

/* ---- the judgement ---- */

static bool is_core(const struct owner *owner, const char *text, size_t len)
{
    size_t period = period_of(text, len);

    return len >= 3 && (is_word_somehow(text, len) || is_lines(text, len) || is_braid(text, len) || is_date(text, len) ||
                        is_owners(owner, text, len) || (period < len && (period <= 4 || (len % period == 0 && is_word_somehow(text, period)))));
}

/* Each way of taking up to twelve digits and signs off either end. */
static bool is_trimmed_core(const struct owner *owner, const char *text, size_t len)
{
    for (size_t before = 0; before <= MIN(len, (size_t)AFFIX_MAX); before++) {
        struct affix front = { 0 };

        if (!read_affix((struct piece){ text, before }, &front))
            break;
        for (size_t behind = 0; behind <= MIN(len - before, (size_t)AFFIX_MAX); behind++) {
            struct affix sum = front;

            if (!read_affix((struct piece){ text + len - behind, behind }, &sum))
                break;
            if (sum.free_digits <= FREE_DIGITS_MAX && sum.signs <= SIGNS_MAX && is_core(owner, text + before, len - before - behind))
                return true;
        }
    }
    return false;
}

/* The row of digits with the shift key held. */
static void unshift(char *text)
{
    static const char shifted[] = "!@#$%^&*()_+", plain[] = "1234567890-=";

    for (; *text; text++) {
        const char *at = strchr(shifted, *text);

        if (at)
            *text = plain[at - shifted];
    }
}

bool password_is_guessable(const char *text, const char *email, const char *name)
{
    struct owner owner = { 0 };
    char *folded = fold(text);
    size_t len = folded ? strlen(folded) : 0;
    bool guessable = len && period_of(folded, len) <= 4 && period_of(folded, len) < len;

    if (folded && len <= TEXT_MAX && !guessable) {
        read_owner(&owner, email, name);
        guessable = is_trimmed_core(&owner, folded, len);
        unshift(folded);
        guessable = guessable || is_lines(folded, len) || is_braid(folded, len);
        for (size_t i = 0; i < owner.count; i++)
            free(owner.word[i]);
    }
    forget(folded);
    return guessable;
}
