/*
 * lanes.c - the threads of the lanes: tasks first, then sweeps, then jobs.
 *
 * A thread sleeps on its lane's condition. A commit that asked for a job wakes
 * its lane (lane_look); a job that is due later wakes it by time. While it
 * sleeps it compares the wall clock once a second, for that one may jump; the
 * database is only read when there is something to expect.
 */
#include "store/lanes.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/jobs.h"
#include "store/thread.h"

#define THREADS_MAX 4
#define SWEEPS_MAX 32
#define KINDS_MAX 64
/* A claimed job begins within this, or goes back: its lease counts from the claim. */
#define CLAIM_WAIT_MS 10000
/* Claim as many as take about this long, so that a stop gives little back. */
#define CLAIM_WORK_US 500000
/* With so many writes queued, jobs let requests go first, but never for longer than this. */
#define PRESSED_WRITES 64
#define YIELD_MS_MAX 250
#define LOOK_AT_CLOCK_MS 1000

/* `number` is what job rows carry: it never changes, whatever the order of the enum. */
static const struct lane_kind {
    const char *name;
    int number, threads;
    int jobs_at_once;   /* less than threads where somebody waits for the tasks */
    int nice_level;
    size_t queue_max;
} lane_kinds[LANE_COUNT] = {
    [LANE_NONE] = { "none", 0, 0, 0, 0, 0 },
    [LANE_HASH] = { "hash", 1, 1, 1, 10, 64 },
    [LANE_SIGN] = { "sign", 2, 1, 1, 0, 1024 },
    [LANE_SCAN] = { "scan", 3, 1, 1, 0, 1024 },
    [LANE_PAY] = { "pay", 4, 4, 3, 0, 1024 },
    /* Drawing is one at a time in its child; the others sync files and rows meanwhile. 200 orders at once were mailed in 3.4 s instead of 7.2. */
    [LANE_RENDER] = { "render", 5, 4, 3, 10, 1024 },
    [LANE_SWEEP] = { "sweep", 6, 2, 2, 0, 1024 },
    [LANE_SIM] = { "sim", 7, 4, 1, 0, 1024 },
};

struct sweep_state {
    const struct sweep *sweep;
    int64_t due_ms;
};

struct lane_state {
    /* Set by lanes_start, constant from then on. */
    struct lanes *lanes;
    const struct lane_kind *kind;
    int64_t lease_ms;  /* the longest of its kinds' */
    bool has_jobs, has_sweeps;
    pthread_t threads[THREADS_MAX];

    /* Guarded by lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct lane_task *first, *last;
    size_t length;     /* tasks waiting */
    bool stopping, sweeping;
    bool recovered;    /* leases of an earlier process are gone */
    bool look;         /* a job was asked for; the table must be read */
    bool claiming;     /* one thread is reading it */
    int64_t due_ms;    /* else the next job is due then */
    int64_t pressed_since_us; /* 0: the writer is not pressed */
    struct claim *claimed;    /* not begun */
    struct claim *running;
    int running_count;
    int64_t job_us;    /* how long a job takes, on average of late */
};

struct lanes {
    struct app *app;
    const struct job_kind *kinds[KINDS_MAX];
    size_t kind_count;
    struct sweep_state sweeps[SWEEPS_MAX]; /* due_ms guarded by LANE_SWEEP's lock */
    size_t sweep_count;
    struct lane_state lane[LANE_COUNT];
    atomic_uint_fast64_t jobs_done, jobs_failed; /* relaxed, for metrics */
};

/* What a thread has to itself. */
struct worker {
    struct lane_state *lane;
    struct app *app;
    struct reader *reader; /* opened at the start: under load there may be no file descriptor left */
    struct arena *arena;
};

const char *lane_name(enum lane lane)
{
    assert(lane < LANE_COUNT);
    return lane_kinds[lane].name;
}

/* ---- tasks ---- */

enum err lane_push(struct lanes *lanes, enum lane lane, struct lane_task *task)
{
    struct lane_state *state = &lanes->lane[lane];
    enum err e = ERR_BUSY;

    assert(lane > LANE_NONE && lane < LANE_COUNT);
    task->next = NULL;
    pthread_mutex_lock(&state->lock);
    if (!state->stopping && state->length < state->kind->queue_max) {
        if (state->last)
            state->last->next = task;
        else
            state->first = task;
        state->last = task;
        state->length++;
        pthread_cond_signal(&state->changed);
        e = ERR_OK;
    }
    pthread_mutex_unlock(&state->lock);
    return e;
}

static struct lane_task *task_pop_locked(struct lane_state *lane)
{
    struct lane_task *task = lane->first;

    if (task) {
        lane->first = task->next;
        if (!lane->first)
            lane->last = NULL;
        lane->length--;
    }
    return task;
}

/* ---- sweeps ---- */

static struct sweep_state *sweep_due_locked(struct lane_state *lane, int64_t now_ms)
{
    struct lanes *lanes = lane->lanes;

    if (!lane->has_sweeps || lane->sweeping)
        return NULL;
    for (size_t i = 0; i < lanes->sweep_count; i++) {
        struct sweep_state *state = &lanes->sweeps[i];

        if (state->due_ms > now_ms + state->sweep->every_ms)
            state->due_ms = now_ms + state->sweep->every_ms; /* the clock went back */
        if (state->due_ms <= now_ms)
            return state;
    }
    return NULL;
}

static void run_sweep_locked(struct worker *worker, struct sweep_state *state, int64_t now_ms)
{
    struct lane_state *lane = worker->lane;

    /* Before it runs, so that a nudge meanwhile is kept. */
    state->due_ms = now_ms + state->sweep->every_ms;
    lane->sweeping = true;
    pthread_mutex_unlock(&lane->lock);
    state->sweep->run(worker->app, worker->reader, worker->arena);
    arena_reset(worker->arena);
    pthread_mutex_lock(&lane->lock);
    lane->sweeping = false;
}

void lanes_nudge(struct lanes *lanes, const char *sweep)
{
    struct lane_state *lane = &lanes->lane[LANE_SWEEP];

    pthread_mutex_lock(&lane->lock);
    for (size_t i = 0; i < lanes->sweep_count; i++) {
        if (strcmp(lanes->sweeps[i].sweep->name, sweep) == 0)
            lanes->sweeps[i].due_ms = 0;
    }
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

/* ---- jobs ---- */

static const struct job_kind *kind_find(const struct lanes *lanes, const char *name)
{
    for (size_t i = 0; i < lanes->kind_count; i++) {
        if (strcmp(lanes->kinds[i]->name, name) == 0)
            return lanes->kinds[i];
    }
    return NULL;
}

int lanes_kind_lane(struct lanes *lanes, const char *kind, struct lane_state **out)
{
    const struct job_kind *found;

    *out = NULL;
    if (!lanes)
        return 0; /* a command without lanes; the next server adopts it */
    found = kind_find(lanes, kind);
    if (!found)
        log_die("there is no kind of job named %s", kind);
    *out = &lanes->lane[found->lane];
    return lane_kinds[found->lane].number;
}

void lane_look(struct app *app, void *lane_state)
{
    struct lane_state *lane = lane_state;

    pthread_mutex_lock(&lane->lock);
    lane->look = true;
    pthread_cond_signal(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

bool lane_is_stopping(struct lane_state *lane)
{
    bool stopping;

    pthread_mutex_lock(&lane->lock);
    stopping = lane->stopping;
    pthread_mutex_unlock(&lane->lock);
    return stopping;
}

static void claim_unlink_locked(struct lane_state *lane, struct claim *claim)
{
    struct claim **at = &lane->running;

    while (*at != claim)
        at = &(*at)->next;
    *at = claim->next;
}

/* Is the same row in our hands already (the clock jumped over its lease)? Then the newer lease is its lease. */
static bool claim_renews_locked(struct claim *list, const struct claim *claim)
{
    for (; list; list = list->next) {
        if (list->id == claim->id) {
            list->lease_until = claim->lease_until;
            return true;
        }
    }
    return false;
}

/* Take over what was claimed, the oldest first. */
static void take_claims_locked(struct lane_state *lane, struct claim *list)
{
    struct claim **last = &lane->claimed;

    while (*last)
        last = &(*last)->next;
    while (list) {
        struct claim *claim = list;

        list = claim->next;
        claim->next = NULL;
        if (claim_renews_locked(lane->running, claim) || claim_renews_locked(lane->claimed, claim)) {
            free(claim);
        } else {
            *last = claim;
            last = &claim->next;
        }
    }
    if (lane->claimed)
        pthread_cond_broadcast(&lane->changed);
}

/* True when the row is still there: failed, or asked for again meanwhile. */
static bool carry_out(struct worker *worker, struct claim *claim)
{
    struct lane_state *lane = worker->lane;
    const struct job_kind *kind = kind_find(lane->lanes, claim->kind);
    struct job job = {
        .app = worker->app,
        .reader = worker->reader,
        .arena = worker->arena,
        .id = claim->id,
        .kind = claim->kind,
        .key = claim->key,
        .payload = claim->payload,
        .attempt = claim->attempt,
        .generation = claim->generation,
        .fault.arena = worker->arena,
    };
    int64_t begun_us = clock_mono_us(), lease_until;
    enum err e;
    bool left;

    e = kind ? kind->run(&job) : fault_set(&job.fault, ERR_INTERNAL, "This version has no such kind of job.");
    atomic_fetch_add_explicit(e ? &lane->lanes->jobs_failed : &lane->lanes->jobs_done, 1, memory_order_relaxed);
    /* Out of our hands before the row is marked: from then on another thread may claim it anew, or a row that got its number, and that is its own. */
    pthread_mutex_lock(&lane->lock);
    lane->job_us += (clock_mono_us() - begun_us - lane->job_us) / 8;
    lease_until = claim->lease_until;
    claim_unlink_locked(lane, claim);
    pthread_mutex_unlock(&lane->lock);
    left = job_finish(worker->app, worker->arena, claim, lease_until, e, &job.fault);
    arena_reset(worker->arena);
    return left;
}

/* Carry out the next claimed job. */
static void run_job_locked(struct worker *worker)
{
    struct lane_state *lane = worker->lane;
    struct claim *claim = lane->claimed;
    bool stale = clock_mono_us() - claim->claimed_us > (int64_t)CLAIM_WAIT_MS * 1000;
    bool left;

    lane->claimed = claim->next;
    if (stale) {
        pthread_mutex_unlock(&lane->lock);
        claim->next = NULL;
        jobs_give_back(worker->app, worker->arena, claim);
        arena_reset(worker->arena);
        pthread_mutex_lock(&lane->lock);
        lane->look = true;
        return;
    }
    claim->next = lane->running;
    lane->running = claim;
    lane->running_count++;
    pthread_mutex_unlock(&lane->lock);
    left = carry_out(worker, claim);
    pthread_mutex_lock(&lane->lock);
    lane->running_count--;
    free(claim);
    if (left)
        lane->look = true;
    if (lane->claimed)
        pthread_cond_signal(&lane->changed);
}

static int64_t read_next_due(struct worker *worker)
{
    struct fault fault = { .arena = worker->arena };
    struct tx tx;
    int64_t due;

    reader_begin(worker->reader, &tx, worker->arena, &fault);
    due = jobs_next_due(&tx, worker->lane->kind->number);
    reader_end(worker->reader, &tx);
    arena_reset(worker->arena);
    return due;
}

static void recover(struct worker *worker)
{
    const struct lanes *lanes = worker->lane->lanes;
    const char *kinds[KINDS_MAX + 1] = { NULL };
    size_t n = 0;

    for (size_t i = 0; i < lanes->kind_count; i++) {
        if (&lanes->lane[lanes->kinds[i]->lane] == worker->lane)
            kinds[n++] = lanes->kinds[i]->name;
    }
    jobs_recover(worker->app, worker->arena, worker->lane->kind->number, kinds);
    arena_reset(worker->arena);
}

/* Look when the next job is due, and claim what is. */
static void claim_jobs_locked(struct worker *worker)
{
    struct lane_state *lane = worker->lane;
    bool recovered = lane->recovered;
    int64_t due;
    int count = lane->kind->jobs_at_once;
    struct claim *list = NULL;

    if (lane->job_us < CLAIM_WORK_US)
        count = (int)MIN(CLAIM_MAX, CLAIM_WORK_US / MAX(lane->job_us, 1) * lane->kind->jobs_at_once);
    lane->look = false;
    lane->claiming = true;
    pthread_mutex_unlock(&lane->lock);
    if (!recovered)
        recover(worker);
    due = read_next_due(worker);
    if (due <= clock_now_ms()) {
        list = jobs_claim(worker->app, worker->arena, lane->kind->number, count, lane->lease_ms);
        arena_reset(worker->arena);
        due = read_next_due(worker);
        /* The writer would not (a full disk): not again at once. */
        if (!list)
            due = MAX(due, clock_now_ms() + LOOK_AT_CLOCK_MS);
    }
    pthread_mutex_lock(&lane->lock);
    lane->claiming = false;
    lane->recovered = true;
    lane->due_ms = due;
    take_claims_locked(lane, list);
}

/* Buyers first: while the writer has much to do, jobs are not claimed, but not for longer than YIELD_MS_MAX at a time. */
static bool must_yield_locked(struct lane_state *lane)
{
    struct store_stats stats;
    int64_t now_us = clock_mono_us();

    store_stats(lane->lanes->app->store, &stats);
    if (stats.queued < PRESSED_WRITES || (lane->pressed_since_us && now_us - lane->pressed_since_us > YIELD_MS_MAX * 1000)) {
        lane->pressed_since_us = 0;
        return false;
    }
    if (!lane->pressed_since_us)
        lane->pressed_since_us = now_us;
    return true;
}

/* ---- the threads ---- */

static void wait_locked(struct lane_state *lane, int64_t at_most_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += at_most_ms / 1000;
    until.tv_nsec += at_most_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&lane->changed, &lane->lock, &until);
}

static int64_t wait_ms_locked(const struct lane_state *lane, int64_t now_ms)
{
    int64_t due = lane->has_jobs && !lane->claimed && !lane->claiming ? lane->due_ms : INT64_MAX;

    if (lane->has_sweeps && !lane->sweeping) {
        for (size_t i = 0; i < lane->lanes->sweep_count; i++)
            due = MIN(due, lane->lanes->sweeps[i].due_ms);
    }
    return MAX(1, MIN(LOOK_AT_CLOCK_MS, due == INT64_MAX ? due : due - now_ms));
}

static void *lane_main(void *arg)
{
    struct lane_state *lane = arg;
    struct worker worker = { .lane = lane, .app = lane->lanes->app, .reader = reader_open(lane->lanes->app->store), .arena = arena_new(0) };

    pthread_mutex_lock(&lane->lock);
    for (;;) {
        int64_t now_ms = clock_now_ms();
        struct lane_task *task = task_pop_locked(lane);
        struct sweep_state *sweep;

        if (task) {
            pthread_mutex_unlock(&lane->lock);
            task->run(task, worker.reader);
            pthread_mutex_lock(&lane->lock);
        } else if (lane->stopping) {
            break;
        } else if ((sweep = sweep_due_locked(lane, now_ms))) {
            run_sweep_locked(&worker, sweep, now_ms);
        } else if (lane->claimed && lane->running_count < lane->kind->jobs_at_once) {
            run_job_locked(&worker);
        } else if (lane->has_jobs && !lane->claimed && !lane->claiming && (lane->look || lane->due_ms <= now_ms)) {
            if (must_yield_locked(lane))
                wait_locked(lane, 10);
            else
                claim_jobs_locked(&worker);
        } else if (lane->has_jobs || lane->has_sweeps) {
            wait_locked(lane, wait_ms_locked(lane, now_ms));
        } else {
            pthread_cond_wait(&lane->changed, &lane->lock);
        }
    }
    pthread_mutex_unlock(&lane->lock);
    reader_close(worker.reader);
    arena_free(worker.arena);
    return NULL;
}

/* ---- life ---- */

static void add_kind(struct lanes *lanes, const struct job_kind *kind)
{
    struct lane_state *lane = &lanes->lane[kind->lane];

    assert(kind->lane > LANE_NONE && kind->lane < LANE_COUNT && kind->run && kind->lease_seconds > 0);
    assert(lanes->kind_count < KINDS_MAX && !kind_find(lanes, kind->name));
    lanes->kinds[lanes->kind_count++] = kind;
    lane->has_jobs = true;
    lane->look = true;
    lane->lease_ms = MAX(lane->lease_ms, (int64_t)kind->lease_seconds * 1000 + CLAIM_WAIT_MS);
}

static void add_sweep(struct lanes *lanes, const struct sweep *sweep)
{
    assert(lanes->sweep_count < SWEEPS_MAX && sweep->run && sweep->every_ms > 0);
    lanes->sweeps[lanes->sweep_count++] = (struct sweep_state){ .sweep = sweep };
    lanes->lane[LANE_SWEEP].has_sweeps = true;
}

static void lane_init(struct lanes *lanes, struct lane_state *lane, const struct lane_kind *kind)
{
    pthread_condattr_t attributes;

    lane->lanes = lanes;
    lane->kind = kind;
    lane->due_ms = INT64_MAX;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct lanes *lanes_start(struct app *app, const struct job_kind *const *kinds, const struct sweep *const *sweeps)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);

    if (!lanes)
        log_die("out of memory");
    lanes->app = app;
    for (int i = LANE_NONE; i < LANE_COUNT; i++)
        lane_init(lanes, &lanes->lane[i], &lane_kinds[i]);
    for (; kinds && *kinds; kinds++) {
        for (const struct job_kind *kind = *kinds; kind->name; kind++)
            add_kind(lanes, kind);
    }
    for (; sweeps && *sweeps; sweeps++) {
        for (const struct sweep *sweep = *sweeps; sweep->name; sweep++)
            add_sweep(lanes, sweep);
    }
    app->lanes = lanes; /* before a sweep or job can look at it */
    for (int i = LANE_NONE + 1; i < LANE_COUNT; i++) {
        for (int n = 0; n < lane_kinds[i].threads; n++)
            lanes->lane[i].threads[n] = thread_start(lane_kinds[i].name, lane_kinds[i].nice_level, lane_main, &lanes->lane[i]);
    }
    return lanes;
}

void lanes_stop(struct lanes *lanes)
{
    struct arena *arena;

    if (!lanes)
        return;
    for (int i = LANE_NONE + 1; i < LANE_COUNT; i++) {
        pthread_mutex_lock(&lanes->lane[i].lock);
        lanes->lane[i].stopping = true;
        pthread_cond_broadcast(&lanes->lane[i].changed);
        pthread_mutex_unlock(&lanes->lane[i].lock);
    }
    for (int i = LANE_NONE + 1; i < LANE_COUNT; i++) {
        for (int n = 0; n < lane_kinds[i].threads; n++)
            pthread_join(lanes->lane[i].threads[n], NULL);
    }
    arena = arena_new(0);
    for (int i = LANE_NONE; i < LANE_COUNT; i++) {
        struct lane_state *lane = &lanes->lane[i];

        jobs_give_back(lanes->app, arena, lane->claimed);
        pthread_mutex_destroy(&lane->lock);
        pthread_cond_destroy(&lane->changed);
    }
    arena_free(arena);
    lanes->app->lanes = NULL;
    free(lanes);
}

void lanes_stats(struct lanes *lanes, struct lanes_stats *out)
{
    *out = (struct lanes_stats){ 0 };
    for (int i = LANE_NONE + 1; i < LANE_COUNT; i++) {
        struct lane_state *lane = &lanes->lane[i];

        pthread_mutex_lock(&lane->lock);
        out->queued[i] = lane->length;
        out->jobs_running += (uint64_t)lane->running_count;
        pthread_mutex_unlock(&lane->lock);
        out->queue_max[i] = lane->kind->queue_max;
    }
    out->jobs_done = atomic_load_explicit(&lanes->jobs_done, memory_order_relaxed);
    out->jobs_failed = atomic_load_explicit(&lanes->jobs_failed, memory_order_relaxed);
}
