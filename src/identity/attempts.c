/* attempts.c - see attempts.h. */
#include "identity/attempts.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { SETS = 2048, WAYS = 8 };

#define SECONDS(n) ((int64_t)(n) * 1000)
#define MINUTES(n) SECONDS((n) * 60)
#define HOURS(n) MINUTES((n) * 60)

/* With `free` tries used up, the wait after the n-th further one is first << n, at most `longest`, from the last try on. `forget` after the
 * last try all is forgotten; where `drain` is set, one try is forgiven in each such time as well. */
static const struct rule {
    int64_t free, first_ms, longest_ms, forget_ms, drain_ms;
    bool kept; /* written through to a row */
} rules[ATTEMPT_KIND_COUNT] = {
    /* The contract: after at most 10 wrong passwords the answer comes at once. */
    [ATTEMPT_PASSWORD] = { .free = 10, .first_ms = MINUTES(1), .longest_ms = HOURS(1), .forget_ms = HOURS(24), .kept = true },
    /* Three codes are good at a time: five guesses are 15 in a million, and then four an hour at most. */
    [ATTEMPT_TOTP] = { .free = 5, .first_ms = MINUTES(1), .longest_ms = MINUTES(15), .forget_ms = HOURS(24), .kept = true },
    /* A venue or a carrier is one address to us: a hundred slips at once, and one a minute for good, close nothing. Whoever tries one password
     * on many names gets those, instead of the 30 a minute that sign-ins may have. */
    [ATTEMPT_CLIENT_PASSWORD] = { .free = 100, .first_ms = MINUTES(1), .longest_ms = MINUTES(15), .forget_ms = HOURS(24), .drain_ms = MINUTES(1) },
    /* Closes nothing. It drains no slower than the address's count does: else own slips, drained there and then taken back, would pay for guesses at
     * others. As it is, what counts by address is never less than if only others' names had been tried. */
    [ATTEMPT_CLIENT_NAME] = { .free = 10, .first_ms = 0, .longest_ms = 0, .forget_ms = HOURS(24), .drain_ms = MINUTES(1) },
    /* Only who has right passwords comes here; four accounts' worth, then one in five minutes. */
    [ATTEMPT_CLIENT_TOTP] = { .free = 20, .first_ms = MINUTES(1), .longest_ms = MINUTES(15), .forget_ms = HOURS(24), .drain_ms = MINUTES(5) },
    /* Longer than any challenge lives. */
    [ATTEMPT_SRP_BLOCK] = { .free = 1, .first_ms = MINUTES(5), .longest_ms = MINUTES(5), .forget_ms = MINUTES(5) },
    /* Closes nothing. As long as a sign-up waits; forgotten before that, its owner is challenged for the wrong password once more. */
    [ATTEMPT_SRP_TURN] = { .free = 1, .first_ms = 0, .longest_ms = 0, .forget_ms = HOURS(24) },
    /* Five mails, so five times five guesses at a code of a million, then one mail in a quarter of an hour, and rarer. */
    [ATTEMPT_MAIL] = { .free = 5, .first_ms = MINUTES(15), .longest_ms = HOURS(4), .forget_ms = HOURS(24) },
    /* Four addresses' worth. It does not hold up the owner, whose own address has not asked yet. */
    [ATTEMPT_NAME_MAIL] = { .free = 20, .first_ms = MINUTES(15), .longest_ms = MINUTES(15), .forget_ms = HOURS(24), .drain_ms = HOURS(1) },
    /* Whatever is done, a mailbox gets no more than these, and four an hour. Holding its owner up takes a hundred addresses a day. */
    [ATTEMPT_NAME_MAIL_ALL] = { .free = 100, .first_ms = MINUTES(15), .longest_ms = MINUTES(15), .forget_ms = HOURS(24), .drain_ms = MINUTES(15) },
};

struct entry {
    struct attempt_key key;
    struct id account;
    int64_t count, last_ms; /* count 0: forgiven, whatever a row says */
    int64_t drained_ms;     /* up to when `count` was drained */
    bool used, changed;
};

struct table {
    struct entry set[SETS][WAYS];
    size_t changed; /* entries with `changed` set */
};

struct attempts {
    /* Constant from attempts_new on. */
    uint8_t secret[crypto_generichash_KEYBYTES];

    /* Guards the tables; held for a look at eight entries. */
    pthread_mutex_t lock;
    struct table table[ATTEMPT_KIND_COUNT];
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

struct attempt_key attempts_key(const struct attempts *attempts, enum attempt_kind kind, const char *name, const struct id *client)
{
    static const struct id any;
    struct attempt_key key;
    crypto_generichash_state state;
    uint8_t tag = (uint8_t)kind;

    crypto_generichash_init(&state, attempts->secret, sizeof attempts->secret, sizeof key.byte);
    crypto_generichash_update(&state, &tag, 1);
    crypto_generichash_update(&state, client ? client->byte : any.byte, sizeof any.byte);
    crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    crypto_generichash_final(&state, key.byte, sizeof key.byte);
    return key;
}

static struct entry *set_of(struct table *table, const struct attempt_key *key)
{
    uint16_t n;

    memcpy(&n, key->byte, sizeof n);
    return table->set[n % SETS];
}

static struct entry *find_locked(struct table *table, const struct attempt_key *key)
{
    struct entry *set = set_of(table, key);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].used && memcmp(&set[i].key, key, sizeof *key) == 0)
            return &set[i];
    }
    return NULL;
}

/* What of it still counts. A clock that was set back forgives nothing. */
static int64_t worth_of(const struct rule *rule, int64_t count, int64_t last_ms, int64_t drained_ms, int64_t now_ms)
{
    if (now_ms - last_ms >= rule->forget_ms)
        return 0;
    return rule->drain_ms ? MAX(count - MAX(now_ms - drained_ms, 0) / rule->drain_ms, 0) : count;
}

static struct entry *make_locked(struct table *table, const struct rule *rule, const struct attempt_key *key, int64_t now_ms)
{
    struct entry *set = set_of(table, key), *least = NULL;
    int64_t least_worth = INT64_MAX;

    for (size_t i = 0; i < WAYS; i++) {
        int64_t worth = set[i].used ? worth_of(rule, set[i].count, set[i].last_ms, set[i].drained_ms, now_ms) : -1;

        if (worth < least_worth || (worth == least_worth && set[i].last_ms < least->last_ms)) {
            least = &set[i];
            least_worth = worth;
        }
    }
    table->changed -= least->changed;
    *least = (struct entry){ .key = *key, .drained_ms = now_ms, .used = true };
    return least;
}

/* What counts now: the table's entry, else the row's memory. */
static int64_t present_locked(struct table *table, const struct rule *rule, const struct attempt_key *key, const struct attempts_kept *kept,
                              int64_t now_ms, int64_t *last_ms)
{
    const struct entry *entry = find_locked(table, key);

    *last_ms = entry ? entry->last_ms : kept ? kept->failed_at_ms : 0;
    if (entry)
        return worth_of(rule, entry->count, entry->last_ms, entry->drained_ms, now_ms);
    return kept ? worth_of(rule, kept->failures, kept->failed_at_ms, kept->failed_at_ms, now_ms) : 0;
}

int64_t attempts_wait_ms(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept,
                         int64_t now_ms)
{
    const struct rule *rule = &rules[kind];
    int64_t last_ms;

    pthread_mutex_lock(&attempts->lock);
    int64_t count = present_locked(&attempts->table[kind], rule, key, kept, now_ms, &last_ms);
    pthread_mutex_unlock(&attempts->lock);

    if (count < rule->free)
        return 0;
    int64_t wait = MIN(rule->first_ms << MIN(count - rule->free, 20), rule->longest_ms);
    /* A clock that was set back must not lengthen the wait. */
    int64_t passed = MAX(now_ms - last_ms, 0);
    return MAX(wait - passed, 0);
}

int64_t attempts_count(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, int64_t now_ms)
{
    int64_t last_ms;

    pthread_mutex_lock(&attempts->lock);
    int64_t count = present_locked(&attempts->table[kind], &rules[kind], key, NULL, now_ms, &last_ms);
    pthread_mutex_unlock(&attempts->lock);
    return count;
}

static void mark_changed_locked(struct table *table, const struct rule *rule, struct entry *entry)
{
    if (!rule->kept || entry->changed || id_is_zero(&entry->account))
        return;
    entry->changed = true;
    table->changed++;
}

/* `count` is what counts now: whole steps only are drained, so that tries which follow closely drain as well. */
static void drain_locked(const struct rule *rule, struct entry *entry, int64_t count, int64_t now_ms)
{
    if (rule->drain_ms && count)
        entry->drained_ms += MAX(now_ms - entry->drained_ms, 0) / rule->drain_ms * rule->drain_ms;
    else
        entry->drained_ms = now_ms;
}

bool attempts_add(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, const struct attempts_kept *kept, int64_t now_ms)
{
    const struct rule *rule = &rules[kind];
    struct table *table = &attempts->table[kind];
    int64_t last_ms;

    pthread_mutex_lock(&attempts->lock);
    int64_t count = present_locked(table, rule, key, kept, now_ms, &last_ms);
    struct entry *entry = find_locked(table, key);
    if (!entry)
        entry = make_locked(table, rule, key, now_ms);
    drain_locked(rule, entry, count, now_ms);
    if (kept)
        entry->account = kept->account;
    entry->count = count + 1;
    entry->last_ms = now_ms;
    mark_changed_locked(table, rule, entry);
    pthread_mutex_unlock(&attempts->lock);
    return count + 1 == rule->free;
}

int64_t attempts_take_back(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key, int64_t max, int64_t now_ms)
{
    const struct rule *rule = &rules[kind];
    int64_t last_ms, taken;

    pthread_mutex_lock(&attempts->lock);
    int64_t count = present_locked(&attempts->table[kind], rule, key, NULL, now_ms, &last_ms);
    struct entry *entry = find_locked(&attempts->table[kind], key);
    taken = MIN(count, max);
    if (entry && taken) {
        drain_locked(rule, entry, count, now_ms);
        entry->count = count - taken;
    }
    pthread_mutex_unlock(&attempts->lock);
    return taken;
}

/* The entry stays and says so: a count that was taken to be written to the row may get there behind the forgiving, and would hold the owner up. */
void attempts_clear(struct attempts *attempts, enum attempt_kind kind, const struct attempt_key *key)
{
    struct table *table = &attempts->table[kind];

    pthread_mutex_lock(&attempts->lock);
    struct entry *entry = find_locked(table, key);
    if (entry) {
        entry->count = 0;
        mark_changed_locked(table, &rules[kind], entry);
    }
    pthread_mutex_unlock(&attempts->lock);
}

size_t attempts_take_changed(struct attempts *attempts, enum attempt_kind kind, struct attempts_kept *out, size_t max)
{
    struct table *table = &attempts->table[kind];
    size_t taken = 0;

    pthread_mutex_lock(&attempts->lock);
    for (size_t s = 0; s < SETS && table->changed && taken < max; s++) {
        for (size_t w = 0; w < WAYS && taken < max; w++) {
            struct entry *entry = &table->set[s][w];

            if (!entry->changed)
                continue;
            out[taken++] = (struct attempts_kept){ entry->account, entry->count, entry->last_ms };
            entry->changed = false;
            assert(table->changed > 0);
            table->changed--;
        }
    }
    pthread_mutex_unlock(&attempts->lock);
    return taken;
}

_Static_assert(COUNT(rules) == ATTEMPT_KIND_COUNT, "each kind has its rule");
