/* attempts.c - see attempts.h. */
#include "identity/attempts.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { SETS = 4096, WAYS = 4 };

static const struct rule {
    int64_t free, first_ms, longest_ms, forget_ms;
} rules[ATTEMPT_KIND_COUNT] = {
    /* The contract: after at most 10 wrong passwords the answer comes at once. */
    [ATTEMPT_PASSWORD] = { .free = 10, .first_ms = 60 * 1000, .longest_ms = 3600 * 1000, .forget_ms = 24 * 3600 * 1000 },
    /* Three codes are good at a time: five guesses are 15 in a million, and then four an hour at most. */
    [ATTEMPT_TOTP] = { .free = 5, .first_ms = 60 * 1000, .longest_ms = 15 * 60 * 1000, .forget_ms = 24 * 3600 * 1000 },
    /* Five mails, so five times five guesses at a code of a million, then one mail in a quarter of an hour. */
    [ATTEMPT_CODE_MAIL] = { .free = 5, .first_ms = 15 * 60 * 1000, .longest_ms = 4 * 3600 * 1000, .forget_ms = 24 * 3600 * 1000 },
};

struct entry {
    struct attempt_key key;
    struct id account;
    int64_t count, last_ms; /* count 0: the place is free */
    bool changed;
};

struct attempts {
    /* Constant from attempts_new on. */
    uint8_t secret[crypto_generichash_KEYBYTES];

    /* Guards the table; held for a look at four entries. */
    pthread_mutex_t lock;
    struct entry table[SETS][WAYS];
    size_t changed; /* entries with `changed` set */
};

struct attempts *attempts_new(void)
{
    struct attempts *attempts = calloc(1, sizeof *attempts);

    if (!attempts)
        abort();
    random_bytes(attempts->secret, sizeof attempts->secret);
    pthread_mutex_init(&attempts->lock, NULL);
    return attempts;
}

void attempts_free(struct attempts *attempts)
{
    if (!attempts)
        return;
    pthread_mutex_destroy(&attempts->lock);
    free(attempts);
}

struct attempt_key attempts_key(const struct attempts *attempts, enum attempt_kind kind, const char *name)
{
    struct attempt_key key;
    crypto_generichash_state state;
    uint8_t tag = (uint8_t)kind;

    crypto_generichash_init(&state, attempts->secret, sizeof attempts->secret, sizeof key.byte);
    crypto_generichash_update(&state, &tag, 1);
    crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    crypto_generichash_final(&state, key.byte, sizeof key.byte);
    return key;
}

static struct entry *set_of(struct attempts *attempts, const struct attempt_key *key)
{
    uint16_t n;

    memcpy(&n, key->byte, sizeof n);
    return attempts->table[n % SETS];
}

static struct entry *find_locked(struct attempts *attempts, const struct attempt_key *key)
{
    struct entry *set = set_of(attempts, key);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].count && memcmp(&set[i].key, key, sizeof *key) == 0)
            return &set[i];
    }
    return NULL;
}

static struct entry *make_locked(struct attempts *attempts, const struct attempt_key *key)
{
    struct entry *set = set_of(attempts, key), *oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (!set[i].count) {
            oldest = &set[i];
            break;
        }
        if (set[i].last_ms < oldest->last_ms)
            oldest = &set[i];
    }
    attempts->changed -= oldest->changed;
    *oldest = (struct entry){ .key = *key };
    return oldest;
}

/* What counts now: the table's entry, else the row's memory; nothing once it is old. */
static void present_locked(struct attempts *attempts, const struct rule *rule, const struct attempt_key *key, const struct attempts_kept *kept,
                           int64_t now_ms, int64_t *count, int64_t *last_ms)
{
    const struct entry *entry = find_locked(attempts, key);

    *count = entry ? entry->count : kept->failures;
    *last_ms = entry ? entry->last_ms : kept->failed_at_ms;
    if (now_ms - *last_ms >= rule->forget_ms)
        *count = 0;
}

int64_t attempts_wait_ms(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept,
                         int64_t now_ms)
{
    const struct rule *rule = &rules[kind];
    int64_t count, last_ms;

    pthread_mutex_lock(&attempts->lock);
    present_locked(attempts, rule, key, kept, now_ms, &count, &last_ms);
    pthread_mutex_unlock(&attempts->lock);

    if (count < rule->free)
        return 0;
    int64_t wait = MIN(rule->first_ms << MIN(count - rule->free, 20), rule->longest_ms);
    /* A clock that was set back must not lengthen the wait. */
    int64_t passed = MAX(now_ms - last_ms, 0);
    return MAX(wait - passed, 0);
}

void attempts_add(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept, int64_t now_ms)
{
    int64_t count, last_ms;

    pthread_mutex_lock(&attempts->lock);
    present_locked(attempts, &rules[kind], key, kept, now_ms, &count, &last_ms);
    struct entry *entry = find_locked(attempts, key);
    if (!entry)
        entry = make_locked(attempts, key);
    entry->account = kept->account;
    entry->count = count + 1;
    entry->last_ms = now_ms;
    if (kind == ATTEMPT_PASSWORD && !entry->changed && !id_is_zero(&entry->account)) {
        entry->changed = true;
        attempts->changed++;
    }
    pthread_mutex_unlock(&attempts->lock);
}

void attempts_clear(struct attempts *attempts, const struct attempt_key *key)
{
    pthread_mutex_lock(&attempts->lock);
    struct entry *entry = find_locked(attempts, key);
    if (entry) {
        attempts->changed -= entry->changed;
        *entry = (struct entry){ 0 };
    }
    pthread_mutex_unlock(&attempts->lock);
}

size_t attempts_take_changed(struct attempts *attempts, struct attempts_kept *out, size_t max)
{
    size_t taken = 0;

    pthread_mutex_lock(&attempts->lock);
    for (size_t s = 0; s < SETS && attempts->changed && taken < max; s++) {
        for (size_t w = 0; w < WAYS && taken < max; w++) {
            struct entry *entry = &attempts->table[s][w];

            if (!entry->changed)
                continue;
            out[taken++] = (struct attempts_kept){ entry->account, entry->count, entry->last_ms };
            entry->changed = false;
            assert(attempts->changed > 0);
            attempts->changed--;
        }
    }
    pthread_mutex_unlock(&attempts->lock);
    return taken;
}

_Static_assert(COUNT(rules) == ATTEMPT_KIND_COUNT, "each kind has its rule");
