/*
 * sim_mischief.c - a Stripe that misbehaves, by rules that a text gives.
 *
 *     seed=7 fail=0.1 hang:15000@2,5/POST:refunds drop=0.2/charge.
 *
 * A word is a kind, how long it takes (":" and milliseconds), how often it
 * strikes ("=" and a chance of 0 to 1, or "@" and exactly which of the calls or
 * webhooks that come by, counted from 1; neither: each), and of what ("/" and
 * how a path, "METHOD:path" or an event's type begins). Each rule counts for
 * itself and draws from the seed, its place and its count alone, so the n-th
 * thing that it meets has the same fate in each run. The counts are kept
 * in sim.db: a kill does not begin them anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_inside.h"

static const struct {
    const char *name;
    int64_t ms, ms_max; /* preset and most; 0: it takes no time */
} evils[EVIL_COUNT] = {
    [EVIL_FAIL] = { "fail", 0, 0 },
    [EVIL_LIMIT] = { "limit", 0, 0 },
    [EVIL_RESET] = { "reset", 0, 0 },
    [EVIL_SLOW] = { "slow", 1000, 60000 },
    [EVIL_FAIL_AFTER] = { "fail_after", 0, 0 },
    [EVIL_RESET_AFTER] = { "reset_after", 0, 0 },
    [EVIL_HANG] = { "hang", 15000, 60000 },
    [EVIL_DUPLICATE] = { "duplicate", 0, 0 },
    [EVIL_DELAY] = { "delay", 5000, 86400000 },
    [EVIL_REORDER] = { "reorder", 3000, 86400000 },
    [EVIL_DROP] = { "drop", 0, 0 },
};

const char *sim_evil_name(enum sim_evil evil)
{
    return evils[evil].name;
}

/* ---- the text ---- */

static bool wrong(struct buf *error, const char *word, size_t len, const char *why)
{
    buf_printf(error, "The mischief '%.*s' cannot be read: %s.", (int)MIN(len, 60), word, why);
    return false;
}

static bool read_number(const char **at, int64_t max, int64_t *out)
{
    char *end;

    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *out = strtoll(*at, &end, 10);
    *at = end;
    return !errno && *out <= max;
}

static bool read_kind(const char **at, enum sim_evil *out)
{
    size_t len = strcspn(*at, ":=@/#");

    for (int i = 0; i < EVIL_COUNT; i++)
        if (strlen(evils[i].name) == len && strncmp(*at, evils[i].name, len) == 0) {
            *out = (enum sim_evil)i;
            *at += len;
            return true;
        }
    return false;
}

static bool read_turns(const char **at, struct sim_rule *rule)
{
    do {
        ++*at; /* '@' or ',' */
        if (rule->turn_count == SIM_TURNS_MAX || !read_number(at, INT32_MAX, &rule->turns[rule->turn_count]) || rule->turns[rule->turn_count] < 1)
            return false;
        rule->turn_count++;
    } while (**at == ',');
    return true;
}

static bool read_chance(const char **at, double *out)
{
    char *end;

    ++*at;
    if ((**at < '0' || **at > '9') && **at != '.') /* small ones are written as 9.5e-07 */
        return false;
    *out = strtod(*at, &end);
    *at = end;
    return *out >= 0 && *out <= 1;
}

static bool read_scope(const char **at, char out[64])
{
    size_t len = strcspn(++*at, "#");

    if (len == 0 || len > 63)
        return false;
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len;
    return true;
}

/* One word, NUL-terminated. */
static bool read_rule(const char *word, struct sim_rule *rule, struct buf *error)
{
    const char *at = word;
    size_t len = strlen(word);

    *rule = (struct sim_rule){ .chance = 1 };
    if (!read_kind(&at, &rule->evil))
        return wrong(error, word, len, "it is none of fail, limit, reset, slow, fail_after, reset_after, hang, duplicate, delay, reorder, drop and seed");
    rule->ms = evils[rule->evil].ms;
    if (*at == ':' && (++at, !read_number(&at, evils[rule->evil].ms_max, &rule->ms)))
        return wrong(error, word, len, "behind ':' stand the milliseconds that it takes, within its bound");
    if (*at == '=' && !read_chance(&at, &rule->chance))
        return wrong(error, word, len, "behind '=' stands a chance of 0 to 1");
    if (*at == '@' && !read_turns(&at, rule))
        return wrong(error, word, len, "behind '@' stand at most 32 numbers from 1, with commas between them");
    if (*at == '/' && !read_scope(&at, rule->scope))
        return wrong(error, word, len, "behind '/' stand at most 63 letters of a path or an event's type");
    if (*at == '#' && (++at, !read_number(&at, INT64_MAX, &rule->met) || *at != ',' || (++at, !read_number(&at, INT64_MAX, &rule->done))))
        return wrong(error, word, len, "behind '#' stand two counts");
    return !*at || wrong(error, word, len, "there is something behind it");
}

static bool read_word(const char *word, struct sim_mischief *out, struct buf *error)
{
    const char *at = word + 5;
    int64_t seed;

    if (strncmp(word, "seed=", 5) == 0) {
        if (!read_number(&at, INT64_MAX, &seed) || *at)
            return wrong(error, word, strlen(word), "the seed is a whole number");
        out->seed = (uint64_t)seed;
        return true;
    }
    if (out->count == SIM_RULES_MAX)
        return wrong(error, word, strlen(word), "there are more than 32 rules");
    return read_rule(word, &out->rules[out->count], error) && ++out->count;
}

bool sim_mischief_read(const char *text, struct sim_mischief *out, struct buf *error)
{
    static const char blanks[] = " \t\r\n";

    *out = (struct sim_mischief){ .seed = 1 };
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        char word[512];
        size_t len = strcspn(text, blanks);

        if (len >= sizeof word)
            return wrong(error, text, len, "it is too long");
        memcpy(word, text, len);
        word[len] = '\0';
        if (!read_word(word, out, error))
            return false;
        text += len;
    }
    return true;
}

bool sim_mischief_good(const char *rules, struct buf *error)
{
    struct sim_mischief read;

    return !rules || sim_mischief_read(rules, &read, error);
}

void sim_mischief_write(const struct sim_mischief *mischief, struct buf *out)
{
    buf_printf(out, "seed=%" PRIu64, mischief->seed);
    for (size_t i = 0; i < mischief->count; i++) {
        const struct sim_rule *rule = &mischief->rules[i];

        buf_printf(out, " %s", evils[rule->evil].name);
        if (evils[rule->evil].ms_max)
            buf_printf(out, ":%" PRId64, rule->ms);
        if (!rule->turn_count)
            buf_printf(out, "=%.17g", rule->chance);
        for (size_t n = 0; n < rule->turn_count; n++)
            buf_printf(out, "%c%" PRId64, n ? ',' : '@', rule->turns[n]);
        if (*rule->scope)
            buf_printf(out, "/%s", rule->scope);
        buf_printf(out, "#%" PRId64 ",%" PRId64, rule->met, rule->done);
    }
}

/* ---- kept over a restart ---- */

void sim_mischief_keep(struct sim *sim)
{
    struct buf text = buf_heap();

    sim_mischief_write(&sim->mischief, &text);
    sim_keep(sim, "mischief", text.data);
    buf_free(&text);
}

/* The same rules, whatever they have counted so far? */
static bool same_rules(const struct sim_mischief *a, const struct sim_mischief *b)
{
    struct sim_mischief plain[2] = { *a, *b };
    struct buf text[2] = { buf_heap(), buf_heap() };
    bool same;

    for (int i = 0; i < 2; i++) {
        for (size_t n = 0; n < plain[i].count; n++)
            plain[i].rules[n].met = plain[i].rules[n].done = 0;
        sim_mischief_write(&plain[i], &text[i]);
    }
    same = strcmp(text[0].data, text[1].data) == 0;
    buf_free(&text[0]);
    buf_free(&text[1]);
    return same;
}

bool sim_mischief_open(struct sim *sim, const char *setting, struct buf *error)
{
    struct arena *arena = arena_new(0);
    const char *text = sim_kept(sim, arena, "mischief");
    struct sim_mischief kept;
    struct buf ignored = buf_in(arena);
    bool good = sim_mischief_read(setting ? setting : "", &sim->mischief, error);

    /* What was kept goes on where it was, unless the setting has come to say something else. */
    if (good && text && sim_mischief_read(text, &kept, &ignored) && (!setting || same_rules(&sim->mischief, &kept)))
        sim->mischief = kept;
    arena_free(arena);
    return good;
}

/* ---- at work ---- */

/* splitmix64: a seed, a rule and a turn as 64 bits that look like chance. */
static uint64_t mix(uint64_t seed, uint64_t rule, uint64_t turn)
{
    uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + (rule + 1) * UINT64_C(0xd1b54a32d192ed03) + turn * UINT64_C(0x8cb92ba72f3d8dd7);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool in_scope(const struct sim_rule *rule, const char *name)
{
    const char *path = strchr(name, ':');

    return !*rule->scope || sim_begins(name, rule->scope) || (path && sim_begins(path + 1, rule->scope));
}

static bool strikes(const struct sim_rule *rule, uint64_t number)
{
    for (size_t i = 0; i < rule->turn_count; i++)
        if (rule->turns[i] == rule->met)
            return true;
    return !rule->turn_count && (double)(number >> 11) * 0x1p-53 < rule->chance;
}

const struct sim_rule *sim_mischief_take(struct sim *sim, enum sim_evil evil, const char *name, uint64_t *number)
{
    const struct sim_rule *first = NULL;

    for (size_t i = 0; i < sim->mischief.count; i++) {
        struct sim_rule *rule = &sim->mischief.rules[i];
        uint64_t drawn;

        if (rule->evil != evil || !in_scope(rule, name))
            continue;
        rule->met++;
        drawn = mix(sim->mischief.seed, i, (uint64_t)rule->met);
        if (!strikes(rule, drawn))
            continue;
        rule->done++;
        if (!first && number)
            *number = mix(drawn, i, 0);
        first = first ? first : rule;
    }
    return first;
}

/* Every rule sees every call, whatever the others do to it: else their counts would hang together. */
static void draw_fates(struct sim_call *call, struct sim_fate fates[EVIL_DUPLICATE])
{
    struct sim *sim = call->sim;
    const char *name = arena_printf(call->arena, "%s:%s", call->method, call->path);

    pthread_mutex_lock(&sim->lock);
    if (sim->mischief.count && sim_run(sim, "BEGIN IMMEDIATE", "") >= 0) {
        for (int evil = 0; evil < EVIL_DUPLICATE; evil++) {
            const struct sim_rule *rule = sim_mischief_take(sim, (enum sim_evil)evil, name, NULL);

            fates[evil] = (struct sim_fate){ rule != NULL, (enum sim_evil)evil, rule ? rule->ms : 0 };
        }
        sim_mischief_keep(sim);
        if (sim_run(sim, "COMMIT", "") < 0)
            sim_run(sim, "ROLLBACK", "");
    }
    pthread_mutex_unlock(&sim->lock);
}

bool sim_mischief_before(struct sim_call *call, struct sim_fate *after)
{
    struct sim_fate fates[EVIL_DUPLICATE] = { 0 };

    *after = (struct sim_fate){ 0 };
    draw_fates(call, fates);
    if (fates[EVIL_SLOW].befalls)
        sim_hold(call->sim, fates[EVIL_SLOW].ms);
    if (fates[EVIL_RESET].befalls) {
        call->cut = true;
        return sim_error(call, 500, "api_error", NULL, NULL, "The connection was cut.");
    }
    if (fates[EVIL_LIMIT].befalls)
        return sim_error(call, 429, "invalid_request_error", "rate_limit", NULL, "Request rate limit exceeded. Learn more about rate limits here "
                                                                               "https://stripe.com/docs/rate-limits.");
    if (fates[EVIL_FAIL].befalls)
        return sim_error(call, 500, "api_error", NULL, NULL, "An unknown error occurred");
    for (int evil = EVIL_FAIL_AFTER; evil <= EVIL_HANG && !after->befalls; evil++)
        *after = fates[evil];
    return true;
}

/* What was done stays done, and is kept under its key: it is the answer that is lost on the way. */
void sim_mischief_after(struct sim_call *call, const struct sim_fate *after)
{
    if (!after->befalls)
        return;
    if (after->evil == EVIL_FAIL_AFTER) {
        sim_error(call, 502, "api_error", NULL, NULL, "An unknown error occurred");
        return;
    }
    if (after->evil == EVIL_HANG)
        sim_hold(call->sim, after->ms);
    call->cut = true;
}
