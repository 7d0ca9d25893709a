/* password.c - see password.h. */
#include "identity/password.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "identity/guessable.h"

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

const char *password_fault(const char *password, const char *email, const char *name)
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
    else if (password_is_guessable(text, email, name))
        fault = "Password is among the first that would be guessed: it is one of the commonest, or your name or address";
    forget(text);
    return fault;
}

const char *password_hash(struct arena *arena, struct password_cost cost, const char *password)
{
    char *out = arena_alloc(arena, crypto_pwhash_STRBYTES);
    char *text = normal(password);
    bool good = text && crypto_pwhash_str_alg(out, text, strlen(text), (unsigned long long)cost.passes, (size_t)cost.memory_kib * 1024,
                                              crypto_pwhash_ALG_ARGON2ID13) == 0;

    forget(text);
    return good ? out : NULL;
}

/* The cost that a hash says of itself; zeros when it says none. */
static struct password_cost cost_of(const char *hash)
{
    struct password_cost cost;

    if (!hash || sscanf(hash, "$argon2id$v=19$m=%d,t=%d,", &cost.memory_kib, &cost.passes) != 2)
        cost = (struct password_cost){ 0 };
    return cost;
}

bool password_is_cheaper(const char *hash, struct password_cost cost)
{
    return password_work(cost_of(hash)) < password_work(cost);
}

/* Spend this much work, in memory that is no larger than `memory_kib`. Argon2 takes time by the blocks that it fills: passes times memory. */
static void spend(int64_t work, int memory_kib, const char *text)
{
    static const uint8_t salt[crypto_pwhash_SALTBYTES];
    int64_t passes = (work + memory_kib - 1) / MAX(memory_kib, 1);
    uint8_t nothing[32];

    if (passes > 0 && work / passes >= (int64_t)crypto_pwhash_MEMLIMIT_MIN / 1024 &&
        crypto_pwhash(nothing, sizeof nothing, text, strlen(text), salt, (unsigned long long)passes, (size_t)(work / passes) * 1024,
                      crypto_pwhash_ALG_ARGON2ID13) == 0)
        sodium_memzero(nothing, sizeof nothing);
}

/* What a password is compared with where there is none: a salt and a hash of no password, at the cost of the dearest hash that there may be. */
static void write_nobodys(const struct password_effort *effort, char out[crypto_pwhash_STRBYTES])
{
    snprintf(out, crypto_pwhash_STRBYTES, "$argon2id$v=19$m=%d,t=%d,p=1$bm9ib2R5J3Mgc2FsdC4uLg$bm9ib2R5J3MgcGFzc3dvcmQgaGFzIHRoaXMgaGFzaC4",
             effort->memory_kib, (int)MAX(effort->work / MAX(effort->memory_kib, 1), 1));
}

bool password_matches(struct arena *arena, const char *hash, const char *password, const struct password_effort *effort)
{
    /* crypto_pwhash_str_verify reads the text alone, but takes a buffer of full size. It is called in either case, not only as much hashed:
     * what it does beside took some 15 us, which enough questions tell. */
    char *stored = arena_alloc(arena, crypto_pwhash_STRBYTES);
    char *text = normal(password);
    bool nobodys = !hash || !*hash;

    if (nobodys)
        write_nobodys(effort, stored);
    else
        strncpy(stored, hash, crypto_pwhash_STRBYTES - 1);
    bool matches = text && crypto_pwhash_str_verify(stored, text, strlen(text)) == 0 && !nobodys;
    if (!matches && text)
        spend(effort->work - password_work(cost_of(stored)), effort->memory_kib, text);
    forget(text);
    return matches;
}

void password_tag(const char *hash, uint8_t tag[PASSWORD_TAG_BYTES])
{
    uint8_t whole[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(whole, (const uint8_t *)hash, strlen(hash));
    memcpy(tag, whole, PASSWORD_TAG_BYTES);
}
