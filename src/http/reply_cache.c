/*
 * reply_cache.c - whole replies of public GETs, encoded, by their raw target.
 *
 * A hit costs a hash of the target, two comparisons and a copy: that is what
 * lets a list of events be read as fast as a file. An entry stands while
 * the version of its key stands (so a write is seen by the next read), and at
 * most a second, since answers also depend on the time of day. At most 1,024
 * entries and 8 MiB a loop; the one used longest ago goes first.
 */
#include "http/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"

#define ENTRIES_MAX 1024
#define BYTES_MAX ((size_t)8 << 20)
#define BUCKETS 2048
#define AGE_MAX_MS 1000

struct entry {
    struct entry *chain;            /* of its bucket */
    struct entry *newer, *older;    /* by last use */
    uint64_t hash;
    size_t target_len, bytes;
    struct cached_reply reply;
    char text[];                    /* target, head, body, etag */
};

struct reply_store {
    uint64_t secret;                /* so that no client can fill one bucket */
    size_t count, bytes;
    struct entry *newest, *oldest;
    struct entry *buckets[BUCKETS];
};

struct reply_store *replies_open(void)
{
    struct reply_store *replies = calloc(1, sizeof *replies);

    if (!replies)
        log_die("Out of memory.");
    random_bytes(&replies->secret, sizeof replies->secret);
    return replies;
}

/* Eight bytes a step; the secret and the final mixing keep chains short for chosen targets. */
static uint64_t hash_of(const struct reply_store *replies, const char *target, size_t len)
{
    uint64_t hash = replies->secret ^ len * 0x9E3779B97F4A7C15u;

    for (; len >= 8; target += 8, len -= 8) {
        uint64_t word;

        memcpy(&word, target, 8);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    if (len) {
        uint64_t word = 0;

        memcpy(&word, target, len);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash;
}

static void order_remove(struct reply_store *replies, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &replies->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &replies->oldest) = entry->newer;
}

static void order_add(struct reply_store *replies, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = replies->newest;
    *(entry->older ? &entry->older->newer : &replies->oldest) = entry;
    replies->newest = entry;
}

static struct entry **find(struct reply_store *replies, uint64_t hash, const char *target, size_t len)
{
    struct entry **at = &replies->buckets[hash % BUCKETS];

    while (*at && ((*at)->hash != hash || (*at)->target_len != len || memcmp((*at)->text, target, len) != 0))
        at = &(*at)->chain;
    return at;
}

static void drop(struct reply_store *replies, struct entry **at)
{
    struct entry *entry = *at;

    *at = entry->chain;
    order_remove(replies, entry);
    replies->count--;
    replies->bytes -= entry->bytes;
    free(entry);
}

void replies_close(struct reply_store *replies)
{
    if (!replies)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (replies->buckets[i])
            drop(replies, &replies->buckets[i]);
    free(replies);
}

const struct cached_reply *replies_find(struct reply_store *replies, struct http *http, const char *target, size_t len, int64_t now_ms)
{
    struct entry **at = find(replies, hash_of(replies, target, len), target, len), *entry = *at;
    int64_t age;

    if (!entry)
        return NULL;
    age = now_ms - entry->reply.made_ms;
    /* A clock set back counts as too old. */
    if (age < 0 || age > AGE_MAX_MS || (!http->bare && store_version(http->app->store, &entry->reply.key) != entry->reply.version)) {
        drop(replies, at);
        return NULL;
    }
    if (replies->newest != entry) {
        order_remove(replies, entry);
        order_add(replies, entry);
    }
    return &entry->reply;
}

void replies_keep(struct reply_store *replies, const char *target, size_t len, const struct cached_reply *reply)
{
    uint64_t hash = hash_of(replies, target, len);
    size_t etag_len = reply->etag ? strlen(reply->etag) + 1 : 0;
    size_t bytes = sizeof(struct entry) + len + reply->head_len + reply->body_len + etag_len;
    struct entry **at, *entry;
    char *text;

    /* One page may not push everything else out. */
    if (bytes > BYTES_MAX / 16)
        return;
    at = find(replies, hash, target, len);
    if (*at)
        drop(replies, at);
    while (replies->count >= ENTRIES_MAX || replies->bytes + bytes > BYTES_MAX) {
        struct entry *oldest = replies->oldest;

        drop(replies, find(replies, oldest->hash, oldest->text, oldest->target_len));
    }
    entry = malloc(bytes);
    if (!entry)
        log_die("Out of memory.");
    *entry = (struct entry){ .hash = hash, .target_len = len, .bytes = bytes, .reply = *reply };
    text = entry->text;
    text = mempcpy(text, target, len);
    entry->reply.head = text;
    text = mempcpy(text, reply->head, reply->head_len);
    entry->reply.body = text;
    if (reply->body_len)
        text = mempcpy(text, reply->body, reply->body_len);
    entry->reply.etag = reply->etag ? text : NULL;
    if (reply->etag)
        memcpy(text, reply->etag, etag_len);
    at = &replies->buckets[hash % BUCKETS];
    entry->chain = *at;
    *at = entry;
    order_add(replies, entry);
    replies->count++;
    replies->bytes += bytes;
}
