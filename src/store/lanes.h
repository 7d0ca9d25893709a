/*
 * lanes.h - bounded threads for what must not run on an event loop, and the job rows that they carry out.
 *
 *     LANE_HASH    1 thread, nice 10: Argon2id only (25-45 a second a core; the bound keeps a login flood off the sale)
 *     LANE_SIGN    1 thread: RSA signatures of refreshed tokens (270-540 us a pair), apart from hashing so that no session waits for a login flood
 *     LANE_SCAN    1 thread: exports, search, statistics, in keyset slices
 *     LANE_PAY     buyers' calls to Stripe
 *     LANE_RENDER  4 threads, 3 for jobs: PDFs (the render child draws them one by one), their files and mails, nice 10
 *     LANE_SWEEP   jobs: mail, cancels, refunds, syncs; and the periodic sweeps
 *     LANE_SIM     4 threads, 1 for jobs: the Stripe simulator's state; its mischief keeps up to 3 waiting
 *
 * A task is in the hands of the lane from lane_push until its `run` returns.
 *
 * A *job* is a row: it is asked for inside a transaction (job_ask) and done at
 * least once after the commit, idempotently. A claim commits attempts + 1 and
 * a lease before the work begins. It fails by returning an error: then it is
 * tried again with backoff, and after 8 attempts parked, counted and shown. A
 * keyed job has a generation: asking again while it waits or runs raises it, and
 * finishing deletes the row only if the generation is still the one that was
 * seen. On SIGTERM jobs not begun wait for the next start.
 */
#ifndef USHER_STORE_LANES_H
#define USHER_STORE_LANES_H

#include "store/store.h"

enum lane { LANE_NONE, LANE_HASH, LANE_SIGN, LANE_SCAN, LANE_PAY, LANE_RENDER, LANE_SWEEP, LANE_SIM, LANE_COUNT };

struct lane_task {
    struct lane_task *next;
    /* On the lane's thread. `reader` is the thread's own. */
    void (*run)(struct lane_task *task, struct reader *reader);
};

struct job {
    struct app *app;
    struct reader *reader;
    struct arena *arena;     /* reset after the job */
    int64_t id;
    const char *kind, *key;  /* key: NULL when not keyed */
    const char *payload;     /* text given to job_ask, usually JSON; may be NULL */
    int attempt;             /* 1 for the first */
    int64_t generation;
    struct fault fault;      /* its detail is kept with a failed job */
};

struct job_kind {
    const char *name;        /* "deliver", "stripe-sync" */
    enum lane lane;
    enum err (*run)(struct job *job);
    int lease_seconds;       /* longer than the work can take */
};
#define JOB_KIND_END { 0 }

/* Something done every so often on LANE_SWEEP, e.g. finding holds that ran out. */
struct sweep {
    const char *name;
    int every_ms;
    void (*run)(struct app *app, struct reader *reader, struct arena *arena);
};
#define SWEEP_END { 0 }

extern const struct sweep store_sweeps[]; /* lets the oplog go when nobody writes */

/* `kinds` and `sweeps` are NULL-terminated lists of the modules' tables. */
struct lanes *lanes_start(struct app *app, const struct job_kind *const *kinds, const struct sweep *const *sweeps);
/* Tasks queued are run, jobs not begun are left; joins. Before store_stop: what was run must still be marked. */
void lanes_stop(struct lanes *lanes);

/* ERR_BUSY at once when the lane's queue is full (HASH 64, others 1,024). Any thread. */
enum err lane_push(struct lanes *lanes, enum lane lane, struct lane_task *task);
/* Wake LANE_SWEEP to run the sweep of that name now rather than at its time. */
void lanes_nudge(struct lanes *lanes, const char *sweep);

/* Ask for a job in this transaction. `key` NULL: each asking is a job of its own. `run_at_ms` 0: at once.
 * For a keyed job that exists: raises its generation, takes the new payload, un-parks it, and runs it at the earlier of the two times. */
void job_ask(struct tx *tx, const char *kind, const char *key, const char *payload, int64_t run_at_ms);

/* For /metrics. Any thread. */
struct lanes_stats {
    uint64_t queued[LANE_COUNT], queue_max[LANE_COUNT];
    uint64_t jobs_done, jobs_failed, jobs_running;
};
void lanes_stats(struct lanes *lanes, struct lanes_stats *out);
const char *lane_name(enum lane lane);

/* What the table holds, for /metrics and `check`; counted up to 10,000 waiting and 1,000 parked. */
struct jobs_summary {
    int64_t waiting, parked;
};
void jobs_summary(struct tx *tx, struct jobs_summary *out);

struct job_parked {
    int64_t id;
    const char *kind, *key, *failure; /* key NULL when not keyed */
    int attempts;
    int64_t created_at_ms;
};
/* Jobs of a kind whose keys begin with `prefix` (ASCII), those behind the key `after` (NULL: all), at most 100, by key, in the arena. */
struct job_waiting {
    int64_t id;
    const char *key, *payload;
    int attempts;
    int64_t created_at_ms;
};
size_t jobs_with_prefix(struct tx *tx, const char *kind, const char *prefix, const char *after, struct job_waiting **out);
/* Take back a job that nobody is carrying out just now. */
void job_drop(struct tx *tx, int64_t id);

/* Up to 100 parked jobs with an id above `after`, in the arena. */
size_t jobs_parked(struct tx *tx, int64_t after, struct job_parked **out);

#endif
