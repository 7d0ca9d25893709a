/*
 * tokens.c - tokens that were checked once are remembered until they expire.
 *
 * A table of 4,096 groups of four, a loop, keyed by the token's SHA-256: what
 * is kept could not be used by whoever reads it. An entry also holds the
 * counter of its account's epoch slot as it was before the check. Raising the
 * epoch moves the counter, so a sign-out is in force on every loop at once,
 * without a message to any of them.
 */
#include "http/inner.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/log.h"
#include "observe/metrics.h"

#define GROUPS 4096
#define WAYS 4
#define TOKEN_BYTES_MAX 8192

struct remembered {
    unsigned char hash[32];
    struct caller caller;      /* email and name: heap */
    unsigned epoch;            /* of the account's slot */
    uint32_t used;             /* for forgetting the one that was used longest ago; 0: free */
};

struct token_cache {
    uint32_t now;
    EVP_MD *sha256;            /* fetched once: an implicit fetch costs more than the hash */
    EVP_MD_CTX *context;
    struct remembered (*groups)[WAYS];
};

struct token_cache *tokens_open(void)
{
    struct token_cache *tokens = calloc(1, sizeof *tokens);

    if (!tokens)
        log_die("Out of memory.");
    tokens->groups = calloc(GROUPS, sizeof *tokens->groups);
    tokens->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    tokens->context = EVP_MD_CTX_new();
    if (!tokens->groups || !tokens->sha256 || !tokens->context)
        log_die("The token cache cannot be set up.");
    return tokens;
}

static void forget_texts(struct remembered *entry)
{
    free((char *)(uintptr_t)entry->caller.email);
    free((char *)(uintptr_t)entry->caller.name);
}

void tokens_close(struct token_cache *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; i < GROUPS; i++)
        for (size_t j = 0; j < WAYS; j++)
            forget_texts(&tokens->groups[i][j]);
    free(tokens->groups);
    EVP_MD_free(tokens->sha256);
    EVP_MD_CTX_free(tokens->context);
    free(tokens);
}

static void hash_token(struct token_cache *tokens, const char *token, size_t len, unsigned char out[32])
{
    if (!EVP_DigestInit_ex2(tokens->context, tokens->sha256, NULL) || !EVP_DigestUpdate(tokens->context, token, len) ||
        !EVP_DigestFinal_ex(tokens->context, out, NULL))
        log_die("SHA-256 failed.");
}

static unsigned epoch_now(const struct http *http, const struct id *account)
{
    return atomic_load(&http->epoch[slot_of_id(account)]);
}

static struct remembered *find(struct token_cache *tokens, const unsigned char hash[32], bool *found)
{
    struct remembered *group, *oldest;
    uint32_t slot;

    memcpy(&slot, hash, sizeof slot);
    group = tokens->groups[slot % GROUPS];
    oldest = &group[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (group[i].used && !memcmp(group[i].hash, hash, 32)) {
            *found = true;
            return &group[i];
        }
        if (group[i].used < oldest->used)
            oldest = &group[i];
    }
    *found = false;
    return oldest;
}

static void remember(struct token_cache *tokens, struct remembered *entry, const unsigned char hash[32], const struct caller *caller, unsigned epoch)
{
    forget_texts(entry);
    memcpy(entry->hash, hash, 32);
    entry->caller = *caller;
    entry->caller.email = caller->email ? strdup(caller->email) : NULL;
    entry->caller.name = caller->name ? strdup(caller->name) : NULL;
    entry->epoch = epoch;
    entry->used = ++tokens->now ? tokens->now : ++tokens->now;
}

enum err tokens_check(struct exchange *x, const char *token, size_t len, struct caller *out)
{
    struct http *http = x->loop->http;
    struct token_cache *tokens = x->loop->tokens;
    struct remembered *entry;
    unsigned char hash[32];
    struct tx tx = { .app = http->app };
    unsigned raises, epoch;
    bool found;
    enum err e;

    if (!len || len > TOKEN_BYTES_MAX || !http->hooks.authenticate)
        return ERR_UNAUTHENTICATED;
    hash_token(tokens, token, len, hash);
    entry = find(tokens, hash, &found);
    if (found && entry->caller.expires_at_ms > x->req.now_ms && entry->epoch == epoch_now(http, &entry->caller.account)) {
        entry->used = ++tokens->now ? tokens->now : ++tokens->now;
        *out = entry->caller;
        out->email = arena_strdup(x->arena, entry->caller.email);
        out->name = arena_strdup(x->arena, entry->caller.name);
        metrics_count(x->loop->metrics, METRIC_TOKEN_HITS, 1);
        return ERR_OK;
    }
    /* A raise counts in epoch_raises before it counts in the account's slot. So if none was counted since before the snapshot, the slot's
     * counter is no newer than what the snapshot saw. */
    raises = atomic_load(&http->epoch_raises);
    if (x->loop->reader)
        reader_begin(x->loop->reader, &tx, x->arena, &x->req.fault);
    e = http->hooks.authenticate(http->app, &tx, token, len, out);
    if (x->loop->reader)
        reader_end(x->loop->reader, &tx);
    metrics_count(x->loop->metrics, METRIC_TOKEN_MISSES, 1);
    if (e)
        return e;
    epoch = epoch_now(http, &out->account);
    if (atomic_load(&http->epoch_raises) == raises)
        remember(tokens, entry, hash, out, epoch);
    return ERR_OK;
}
