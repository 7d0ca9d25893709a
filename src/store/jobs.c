#include "store/jobs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

SQL(job_insert,
    "INSERT INTO job (lane, kind, key, payload, run_at, created_at) VALUES (:lane, :kind, :key, :payload, :run_at, :now)"
    " ON CONFLICT (kind, key) WHERE key IS NOT NULL DO UPDATE SET"
    " generation = job.generation + 1, payload = excluded.payload, lane = excluded.lane,"
    " run_at = CASE WHEN job.parked = 1 OR job.run_at = job.lease_until OR excluded.run_at < job.run_at"
    "  THEN excluded.run_at ELSE job.run_at END,"
    " attempts = 0, parked = 0, failure = NULL");
SQL(job_next, "SELECT run_at, lease_until FROM job WHERE lane = :lane AND parked = 0 ORDER BY run_at, id");
SQL(job_claim,
    "UPDATE job SET attempts = attempts + 1, run_at = :lease_until, lease_until = :lease_until WHERE id IN ("
    " SELECT id FROM job WHERE lane = :lane AND parked = 0 AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)"
    " ORDER BY run_at, id LIMIT :count)"
    " RETURNING id, kind, key, payload, generation, attempts");
SQL(job_done, "DELETE FROM job WHERE id = :id AND generation = :generation AND lease_until = :lease_until");
SQL(job_failed,
    "UPDATE job SET lease_until = NULL, run_at = :run_at, parked = :parked, failure = :failure"
    " WHERE id = :id AND generation = :generation AND lease_until = :lease_until");
/* Asked for again while it ran: its run_at is the time that was asked, or a lease's end where the clock jumped over the lease and the row was claimed
 * anew; then what was asked is due. */
SQL(job_again,
    "UPDATE job SET run_at = CASE WHEN run_at = lease_until THEN :now ELSE run_at END, lease_until = NULL"
    " WHERE id = :id AND lease_until = :lease_until AND generation > :generation");
SQL(job_give_back,
    "UPDATE job SET attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END,"
    " run_at = CASE WHEN run_at = lease_until THEN :now ELSE run_at END, lease_until = NULL"
    " WHERE id = :id AND lease_until = :lease_until");
SQL(job_recover, "UPDATE job SET run_at = :now, lease_until = NULL WHERE lane = :lane AND parked = 0 AND lease_until IS NOT NULL");
SQL(job_adopt, "UPDATE job SET lane = :lane WHERE lane = 0 AND parked = 0 AND kind = :kind");
/* `id > 0` and `lane >= 0` are always so; they let the partial indexes be searched. */
SQL(jobs_count_parked, "SELECT count(*) FROM (SELECT id FROM job WHERE parked = 1 AND id > 0 LIMIT 1000) AS some");
SQL(jobs_count_waiting, "SELECT count(*) FROM (SELECT id FROM job WHERE parked = 0 AND lane >= 0 LIMIT 10000) AS some");
SQL(jobs_list_parked, "SELECT id, kind, key, attempts, failure, created_at FROM job WHERE parked = 1 AND id > :after ORDER BY id LIMIT 100");
SQL(jobs_by_prefix, "SELECT id, key, payload, attempts, created_at FROM job WHERE kind = :kind AND key > :after AND key < :beyond ORDER BY key LIMIT 100");
SQL(job_take_back, "DELETE FROM job WHERE id = :id AND lease_until IS NULL");

/* ---- asking ---- */

void job_ask(struct tx *tx, const char *kind, const char *key, const char *payload, int64_t run_at_ms)
{
    struct lane_state *wake = NULL;
    struct query *q = query(tx, &job_insert);

    assert(tx->writing);
    bind_int(q, ":lane", lanes_kind_lane(tx->app->lanes, kind, &wake));
    bind_text(q, ":kind", kind);
    bind_text(q, ":key", key);
    bind_text(q, ":payload", payload);
    bind_int(q, ":run_at", run_at_ms ? run_at_ms : tx->now_ms);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    if (wake)
        tx_after_commit(tx, lane_look, wake);
}

/* ---- claiming ---- */

int64_t jobs_next_due(struct tx *tx, int lane)
{
    struct query *q = query(tx, &job_next);
    int64_t due = INT64_MAX;

    bind_int(q, ":lane", lane);
    /* Claimed rows that were asked for again stand first, and cannot be claimed before their lease ends; there are few. */
    while (query_row(q)) {
        int64_t run_at = col_int(q, 0), lease_until = col_int(q, 1);

        due = MIN(due, MAX(run_at, lease_until));
        if (!lease_until)
            break;
    }
    query_end(q);
    return due;
}

struct claiming {
    int lane, count;
    int64_t lease_ms;
    struct claim *first; /* on the heap: they outlive the arena, and threads hand them on */
};

static void claims_free(struct claim *list)
{
    while (list) {
        struct claim *next = list->next;

        free(list);
        list = next;
    }
}

static const char *claim_text(char **at, const char *text)
{
    char *copy = *at;
    size_t size;

    if (!text)
        return NULL;
    size = strlen(text) + 1;
    *at += size;
    return memcpy(copy, text, size);
}

static struct claim *claim_read(struct query *q, struct arena *arena)
{
    const char *kind = col_text(q, 1, arena), *key = col_text(q, 2, arena), *payload = col_text(q, 3, arena);
    size_t size = strlen(kind) + 1 + (key ? strlen(key) + 1 : 0) + (payload ? strlen(payload) + 1 : 0);
    struct claim *claim = malloc(sizeof *claim + size);
    char *at;

    if (!claim)
        log_die("out of memory");
    at = claim->text;
    claim->id = col_int(q, 0);
    claim->kind = claim_text(&at, kind);
    claim->key = claim_text(&at, key);
    claim->payload = claim_text(&at, payload);
    claim->generation = col_int(q, 4);
    claim->attempt = (int)col_int(q, 5);
    claim->claimed_us = clock_mono_us();
    return claim;
}

static enum err claim_run(struct tx *tx, void *arg)
{
    struct claiming *claiming = arg;
    struct claim **last = &claiming->first;
    int64_t lease_until = tx->now_ms + claiming->lease_ms;
    struct query *q;

    claims_free(claiming->first); /* of an earlier run */
    claiming->first = NULL;
    q = query(tx, &job_claim);
    bind_int(q, ":lane", claiming->lane);
    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":lease_until", lease_until);
    bind_int(q, ":count", claiming->count);
    while (query_row(q)) {
        struct claim *claim = claim_read(q, tx->arena);

        claim->lease_until = lease_until;
        claim->next = NULL;
        *last = claim;
        last = &claim->next;
    }
    query_end(q);
    return ERR_OK;
}

struct claim *jobs_claim(struct app *app, struct arena *arena, int lane, int count, int64_t lease_ms)
{
    struct claiming claiming = { .lane = lane, .count = count, .lease_ms = lease_ms };

    assert(count >= 1 && count <= CLAIM_MAX);
    if (store_write_wait(app->store, arena, NULL, NULL, false, claim_run, &claiming) != ERR_OK) {
        claims_free(claiming.first);
        claiming.first = NULL;
    }
    return claiming.first;
}

/* ---- finishing ---- */

/* 2 s, 8 s, 32 s, ... an hour, each a quarter more or less, so that what failed together does not come back together.
 * Seven waits are about 1 h 45 min: longer than most outages and than a mail server's greylist. */
static int64_t backoff_ms(int attempt)
{
    int64_t wait = 2000;

    for (int i = 1; i < attempt && wait < 3600000; i++)
        wait *= 4;
    wait = MIN(wait, 3600000);
    return wait * 3 / 4 + random_below((uint32_t)(wait / 2));
}

struct finishing {
    const struct claim *claim;
    int64_t lease_until, wait_ms;
    bool ok, parked;
    bool done;          /* the row is gone */
    const char *failure;
};

static enum err finish_run(struct tx *tx, void *arg)
{
    struct finishing *finishing = arg;
    const struct claim *claim = finishing->claim;
    struct query *q = query(tx, finishing->ok ? &job_done : &job_failed);

    bind_int(q, ":id", claim->id);
    bind_int(q, ":generation", claim->generation);
    bind_int(q, ":lease_until", finishing->lease_until);
    if (!finishing->ok) {
        bind_int(q, ":run_at", tx->now_ms + finishing->wait_ms);
        bind_int(q, ":parked", finishing->parked);
        bind_text(q, ":failure", finishing->failure);
    }
    finishing->done = false;
    if (query_run(q)) {
        finishing->done = finishing->ok;
        return ERR_OK;
    }
    q = query(tx, &job_again);
    bind_int(q, ":id", claim->id);
    bind_int(q, ":generation", claim->generation);
    bind_int(q, ":lease_until", finishing->lease_until);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    return ERR_OK;
}

bool job_finish(struct app *app, struct arena *arena, const struct claim *claim, int64_t lease_until, enum err outcome, const struct fault *fault)
{
    struct finishing finishing = {
        .claim = claim,
        .lease_until = lease_until,
        .ok = outcome == ERR_OK,
        .parked = claim->attempt >= JOB_ATTEMPTS_MAX,
        .wait_ms = backoff_ms(claim->attempt),
        .failure = fault->detail ? fault->detail : err_info(outcome)->title,
    };

    /* The sentence is kept in the row, for `usher check`, and not logged: it may name what a person typed. */
    if (!finishing.ok && finishing.parked)
        log_error("job %" PRId64 " (%s) failed for the %dth time and is parked: %s", claim->id, claim->kind, claim->attempt, err_info(outcome)->name);
    else if (!finishing.ok)
        log_warn("job %" PRId64 " (%s) failed at attempt %d: %s", claim->id, claim->kind, claim->attempt, err_info(outcome)->name);
    if (store_write_wait(app->store, arena, NULL, NULL, false, finish_run, &finishing) != ERR_OK) {
        log_warn("job %" PRId64 " (%s) could not be marked; it runs again when its lease ends", claim->id, claim->kind);
        return true;
    }
    return !finishing.done;
}

static enum err give_back_run(struct tx *tx, void *arg)
{
    for (const struct claim *claim = arg; claim; claim = claim->next) {
        struct query *q = query(tx, &job_give_back);

        bind_int(q, ":id", claim->id);
        bind_int(q, ":lease_until", claim->lease_until);
        bind_int(q, ":now", tx->now_ms);
        query_run(q);
    }
    return ERR_OK;
}

void jobs_give_back(struct app *app, struct arena *arena, struct claim *list)
{
    /* If it fails, they wait for the end of their lease. */
    if (list)
        (void)store_write_wait(app->store, arena, NULL, NULL, false, give_back_run, list);
    claims_free(list);
}

struct recovering {
    int lane;
    const char *const *kinds;
};

static enum err recover_run(struct tx *tx, void *arg)
{
    const struct recovering *recovering = arg;
    struct query *q = query(tx, &job_recover);

    bind_int(q, ":lane", recovering->lane);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    for (const char *const *kind = recovering->kinds; *kind; kind++) {
        q = query(tx, &job_adopt);
        bind_int(q, ":lane", recovering->lane);
        bind_text(q, ":kind", *kind);
        query_run(q);
    }
    return ERR_OK;
}

void jobs_recover(struct app *app, struct arena *arena, int lane, const char *const *kinds)
{
    struct recovering recovering = { lane, kinds };

    if (store_write_wait(app->store, arena, NULL, NULL, false, recover_run, &recovering) != ERR_OK)
        log_warn("jobs of an earlier process wait for the end of their lease");
}

/* ---- looking ---- */

static int64_t count(struct tx *tx, struct sql *sql)
{
    struct query *q = query(tx, sql);
    int64_t number = query_row(q) ? col_int(q, 0) : 0;

    query_end(q);
    return number;
}

void jobs_summary(struct tx *tx, struct jobs_summary *out)
{
    out->waiting = count(tx, &jobs_count_waiting);
    out->parked = count(tx, &jobs_count_parked);
}

size_t jobs_parked(struct tx *tx, int64_t after, struct job_parked **out)
{
    struct query *q = query(tx, &jobs_list_parked);
    size_t n = 0;

    *out = ARENA_ARRAY(tx->arena, 100, struct job_parked);
    bind_int(q, ":after", after);
    while (query_row(q)) {
        struct job_parked *parked = &(*out)[n++];

        parked->id = col_int(q, 0);
        parked->kind = col_text(q, 1, tx->arena);
        parked->key = col_text(q, 2, tx->arena);
        parked->attempts = (int)col_int(q, 3);
        parked->failure = col_text(q, 4, tx->arena);
        parked->created_at_ms = col_int(q, 5);
    }
    query_end(q);
    return n;
}

size_t jobs_with_prefix(struct tx *tx, const char *kind, const char *prefix, const char *after, struct job_waiting **out)
{
    struct query *q = query(tx, &jobs_by_prefix);
    const char *beyond = arena_printf(tx->arena, "%s\x7f", prefix);
    size_t n = 0;

    *out = ARENA_ARRAY(tx->arena, 100, struct job_waiting);
    bind_text(q, ":kind", kind);
    bind_text(q, ":after", after ? after : prefix);
    bind_text(q, ":beyond", beyond);
    while (n < 100 && query_row(q))
        (*out)[n++] = (struct job_waiting){ .id = col_int(q, 0),
                                            .key = col_text(q, 1, tx->arena),
                                            .payload = col_text(q, 2, tx->arena),
                                            .attempts = (int)col_int(q, 3),
                                            .created_at_ms = col_int(q, 4) };
    query_end(q);
    return n;
}

void job_drop(struct tx *tx, int64_t id)
{
    struct query *q = query(tx, &job_take_back);

    bind_int(q, ":id", id);
    query_run(q);
}
