/*
 * guessable.h - would a guesser try this password among the first?
 *
 * Guessers take a word and trim it: "Dragon1!", "p@ssw0rd2024", "drowssap". A
 * list of such results is long and always too short, so the rule is the
 * guessers' own: 2,700 base words, in whatever case, with letters written as
 * digits and signs, forwards or backwards, once or repeated, and with the few
 * digits and signs before or behind that do not help; and lines across a
 * keyboard or through the alphabet, repetitions, and dates. What an attacker
 * knows of the person counts as a word too (NIST SP 800-63B, 3.1.1.2).
 *
 * Two words and more, or a word with other letters, are nobody's business
 * here: the wait after wrong passwords answers those.
 *
 * Bounded: texts of over 64 bytes are looked at for repetitions alone. At most
 * 0.9 ms (measured, with a text made for it), 6 us for an honest password.
 */
#ifndef USHER_IDENTITY_GUESSABLE_H
#define USHER_IDENTITY_GUESSABLE_H

#include <stdbool.h>

/* `text` is valid UTF-8. `email` and `name` are the owner's; NULL where they are not known. */
bool password_is_guessable(const char *text, const char *email, const char *name);

extern const char guessable_words[]; /* guessable_words.c */

#endif
