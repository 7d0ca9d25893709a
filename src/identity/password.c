/* password.c - see password.h. */
#include "identity/password.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* OWASP's first choice for Argon2id; measured here at 21-44 ms. */
#define OPS 2
#define MEMORY ((size_t)19 * 1024 * 1024)

/* What to compare with where there is no account: the same parameters, a salt and a hash of no password. */
static const char dummy[] = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4uLg$bm9ib2R5J3MgcGFzc3dvcmQgaGFzIHRoaXMgaGFzaC4";

/* The commonest that are long enough to pass the length rule: what guessers try first. Lower case; compared without case. */
static const char *const commonest[] = {
    "00000000", "000000000", "0000000000", "01234567", "0123456789", "0987654321", "09876543", "10101010", "11111111", "111111111", "1111111111",
    "11223344", "1122334455", "112233445566", "12121212", "12123434", "123123123", "123123123123", "12341234", "123412341234", "12345678",
    "123456789", "1234567890", "12345678910", "1234567891", "123456789a", "12345678a", "1234567a", "123456abc", "1234abcd", "123abc123",
    "123qwe123", "12qwaszx", "147258369", "14789632", "159357159", "159753159", "1a2b3c4d", "1a2b3c4d5e", "1q2w3e4r", "1q2w3e4r5t",
    "1q2w3e4r5t6y", "1qaz2wsx", "1qaz2wsx3edc", "1qazxsw2", "20202020", "21436587", "22222222", "222222222", "31415926", "314159265",
    "33333333", "44444444", "55555555", "555555555", "66666666", "666666666", "69696969", "741852963", "77777777", "777777777", "7777777777",
    "789456123", "87654321", "88888888", "888888888", "963852741", "98765432", "987654321", "9876543210", "99999999", "999999999", "9999999999",
    "a1234567", "a12345678", "a123456789", "a1b2c3d4", "aa123456", "aaaaaaaa", "aaaaaaaaaa", "abc12345", "abc123456", "abc123abc", "abcabc123",
    "abcd1234", "abcd12345", "abcdefg1", "abcdefgh", "abcdefghi", "abcdefghij", "access14", "admin123", "admin1234", "admin12345", "administrator",
    "alexander", "asdasdasd", "asdf1234", "asdfasdf", "asdfghjk", "asdfghjkl", "asdfjkl;", "azertyui", "azertyuiop", "babygirl", "babygirl1",
    "baseball", "baseball1", "basketball", "benjamin", "blink182", "butterfly", "caroline", "changeme", "changeme1", "charlie1", "chocolate",
    "computer", "computer1", "danielle", "december", "diamond1", "dragon123", "einstein", "elephant", "elizabeth", "facebook", "february", "ferrari1",
    "football", "football1", "freedom1", "freepass", "garfield", "hellohello", "hello123", "hello1234", "iloveyou", "iloveyou1", "iloveyou2",
    "iloveyou!", "internet", "isabella", "jennifer", "jessica1", "johnjohn", "jonathan", "jordan23", "katherine", "l1verpool", "letmein1",
    "letmein123", "letmein!", "liverpool", "liverpool1", "lovelove", "loveyou1", "manchester", "marlboro", "maverick", "mercedes", "metallica",
    "michael1", "michelle", "michelle1", "midnight", "monkey123", "motorola", "mustang1", "mypassword", "myspace1", "nicholas", "november",
    "p@ssw0rd", "p@ssword", "pa$$word", "pa55word", "pass1234", "passpass", "passw0rd", "passw0rd1", "password", "password!", "password.",
    "password0", "password00", "password01", "password1", "password1!", "password10", "password11", "password12", "password123", "password123!",
    "password1234", "password12345", "password2", "password3", "password7", "password99", "passwort", "patricia", "playboy1", "pokemon1", "princess",
    "princess1", "princesse", "q1w2e3r4", "q1w2e3r4t5", "qazwsx123", "qazwsxedc", "qqqqqqqq", "qwer1234", "qwert123", "qwert1234", "qwerty12",
    "qwerty123", "qwerty1234", "qwerty12345", "qwertyui", "qwertyuiop", "qwertyuiop1", "qwertz123", "qwertzui", "qwertzuiop", "rockyou1", "samantha",
    "samsung1", "scorpion", "secret123", "september", "shadow12", "slipknot", "snowball", "spiderman", "spiderman1", "starwars", "stephanie",
    "sunshine", "sunshine1", "superman", "superman1", "swordfish", "test1234", "testtest", "testing1", "thebeatles", "trustno1", "trustno1!",
    "twilight", "valentin", "veronica", "victoria", "vladimir", "welcome1", "welcome123", "welcome1!", "whatever", "whatever1", "william1",
    "woaini123", "zaq12wsx", "zaq1zaq1", "zxcvbnm1", "zxcvbnm123", "zxcvbnm,", "zzzzzzzz",
};

/* In NFC, on the heap; NULL when it is not UTF-8. */
static char *normal(const char *password)
{
    return (char *)utf8proc_NFC((const utf8proc_uint8_t *)password);
}

static void forget(char *text)
{
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
}

static size_t chars_of(const char *text)
{
    size_t chars = 0;

    for (; *text; text++)
        chars += ((unsigned char)*text & 0xc0) != 0x80;
    return chars;
}

static bool is_common(const char *text)
{
    for (size_t i = 0; i < COUNT(commonest); i++) {
        if (strcasecmp(commonest[i], text) == 0)
            return true;
    }
    return false;
}

/* "aaaaaaaaaaaa": long, and the first thing that is tried. */
static bool is_one_character(const char *text)
{
    return strspn(text, (char[]){ text[0], 0 }) == strlen(text);
}

const char *password_fault(const char *password)
{
    char *text = normal(password);
    const char *fault = NULL;

    if (!text)
        return "Password is not valid UTF-8";

    size_t chars = chars_of(text);
    if (chars < PASSWORD_CHARS_MIN)
        fault = "Password not long enough: it takes 8 characters";
    else if (chars > PASSWORD_CHARS_MAX)
        fault = "Password too long: at most 256 characters";
    else if (is_common(text) || is_one_character(text))
        fault = "Password is one of the commonest and would be guessed first";
    forget(text);
    return fault;
}

const char *password_hash(struct arena *arena, const char *password)
{
    char *out = arena_alloc(arena, crypto_pwhash_STRBYTES);
    char *text = normal(password);
    bool good = text && crypto_pwhash_str_alg(out, text, strlen(text), OPS, MEMORY, crypto_pwhash_ALG_ARGON2ID13) == 0;

    forget(text);
    return good ? out : NULL;
}

bool password_matches(struct arena *arena, const char *hash, const char *password)
{
    bool nobody = !hash || !*hash;
    /* crypto_pwhash_str_verify reads the text alone, but takes a buffer of full size. */
    char *stored = arena_alloc(arena, crypto_pwhash_STRBYTES);
    char *text = normal(password);

    strncpy(stored, nobody ? dummy : hash, crypto_pwhash_STRBYTES - 1);
    bool matches = text && crypto_pwhash_str_verify(stored, text, strlen(text)) == 0;
    forget(text);
    return matches && !nobody;
}
