/*
 * jobs.h - the rows of table `job`: claiming, finishing, giving back. Internal to store/; lanes.h is what others see.
 *
 *     waiting --claim--> claimed --job_finish--> gone
 *        ^                  |---fails: waiting again, later--->
 *        |                  \---fails the 8th time---> parked --job_ask--> waiting
 *        \---lease runs out--/
 *
 * A claimed row has lease_until, and run_at = lease_until unless the job was
 * asked for again meanwhile: then run_at is the time that was asked. Whoever
 * finishes names the lease that was given to him: if another has claimed it since, nothing changes.
 */
#ifndef USHER_STORE_JOBS_H
#define USHER_STORE_JOBS_H

#include "store/lanes.h"

/* One write claims so many at most. */
#define CLAIM_MAX 32
#define JOB_ATTEMPTS_MAX 8

struct claim {
    struct claim *next;
    int64_t id, generation, lease_until;
    int64_t claimed_us;        /* clock_mono_us */
    int attempt;
    const char *kind, *key, *payload;
    char text[];               /* those three */
};

/* `lane` is the number that rows carry. When the next job of it is due, INT64_MAX when none waits. */
int64_t jobs_next_due(struct tx *tx, int lane);

/* Claim up to `count` due jobs. A list on the heap, NULL when there is none or the store would not; each is freed with free(). */
struct claim *jobs_claim(struct app *app, struct arena *arena, int lane, int count, int64_t lease_ms);

/* The job came back with `outcome`. `lease_until`: as the claim has it now. True when the row stays: failed, asked for again, or not markable. */
bool job_finish(struct app *app, struct arena *arena, const struct claim *claim, int64_t lease_until, enum err outcome, const struct fault *fault);

/* Not begun: as if never claimed. Frees the list. */
void jobs_give_back(struct app *app, struct arena *arena, struct claim *list);

/* Before the first claim of a lane: what an earlier process had claimed is free again (the data lock says that it is gone), and
 * jobs that were asked for before there were lanes find theirs. `kinds`: those of this lane, ended by NULL. */
void jobs_recover(struct app *app, struct arena *arena, int lane, const char *const *kinds);

/* lanes.c: where a kind's jobs are carried out, and how to wake who does it. */
struct lane_state;
int lanes_kind_lane(struct lanes *lanes, const char *kind, struct lane_state **out);
void lane_look(struct app *app, void *lane_state);
bool lane_is_stopping(struct lane_state *lane);

#endif
