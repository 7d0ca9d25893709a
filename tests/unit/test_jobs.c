/* Lanes and jobs: what is asked for is done, once if it can be, later if it must, and given up in the end. */
#include "store_world.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/random.h"
#include "store/jobs.h"
#include "store/lanes.h"

SQL(count_jobs, "SELECT count(*) FROM job");
SQL(job_parked_flag, "SELECT parked FROM job");
SQL(job_untouched, "SELECT count(*) FROM job WHERE attempts = 0 AND lease_until IS NULL");
SQL(job_run_at, "SELECT run_at FROM job");
SQL(job_waiting_attempts, "SELECT attempts FROM job WHERE lease_until IS NULL");
/* Claimed by a clock that is an hour ahead of when it was made. */
SQL(job_leased_ahead, "SELECT count(*) FROM job WHERE lease_until > created_at + 3600000");
SQL(make_claimed, "UPDATE job SET attempts = 1, run_at = :until, lease_until = :until");

/* What the jobs of a test did; guarded by lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int runs, at_once, at_once_max, begun, sweeps, tasks;
    bool gate_closed;
    enum err answer;
    char payload[64];
    int attempt;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static enum err run_job(struct job *job)
{
    enum err e;

    pthread_mutex_lock(&seen.lock);
    seen.begun++;
    seen.at_once++;
    seen.at_once_max = MAX(seen.at_once_max, seen.at_once);
    seen.attempt = job->attempt;
    snprintf(seen.payload, sizeof seen.payload, "%s", job->payload ? job->payload : "");
    pthread_cond_broadcast(&seen.changed);
    while (seen.gate_closed)
        pthread_cond_wait(&seen.changed, &seen.lock);
    seen.at_once--;
    seen.runs++;
    pthread_cond_broadcast(&seen.changed);
    e = seen.answer;
    pthread_mutex_unlock(&seen.lock);
    return e ? fault_set(&job->fault, e, "it said %s", err_info(e)->name) : ERR_OK;
}

static void run_sweep(struct app *app, struct reader *reader, struct arena *arena)
{
    pthread_mutex_lock(&seen.lock);
    seen.sweeps++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static const struct job_kind kinds[] = {
    { "alone", LANE_SIM, run_job, 60 },
    { "many", LANE_SWEEP, run_job, 60 },
    JOB_KIND_END,
};
static const struct job_kind *const all_kinds[] = { kinds, NULL };
static const struct sweep sweeps[] = { { "hourly", 3600000, run_sweep }, SWEEP_END };
static const struct sweep *const all_sweeps[] = { sweeps, NULL };

static void wait_for(const int *counter, int at_least)
{
    pthread_mutex_lock(&seen.lock);
    while (*counter < at_least)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void set_gate(bool closed)
{
    pthread_mutex_lock(&seen.lock);
    seen.gate_closed = closed;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static int setup(void **state)
{
    struct world *world = world_new();

    random_seed_for_tests(7);
    seen.runs = seen.at_once = seen.at_once_max = seen.begun = seen.sweeps = seen.tasks = 0;
    seen.gate_closed = false;
    seen.answer = ERR_OK;
    store_start(world->store);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    set_gate(false); /* a test that failed may have left somebody waiting */
    lanes_stop(world->app.lanes);
    world_free(world);
    clock_set_offset_ms(0);
    return 0;
}

struct asking {
    const char *kind, *key, *payload;
    int64_t run_at_ms;
    int times;
    enum err answer;
};

static enum err ask_run(struct tx *tx, void *arg)
{
    const struct asking *asking = arg;

    for (int i = 0; i < asking->times; i++)
        job_ask(tx, asking->kind, asking->key, asking->payload, asking->run_at_ms);
    return asking->answer;
}

static void ask(struct world *world, struct asking asking)
{
    asking.times = MAX(asking.times, 1);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, ask_run, &asking), asking.answer);
}

/* Have the lane look at the table now: it would notice a moved clock by itself within a second. */
static void look(struct world *world, const char *kind)
{
    struct lane_state *lane;

    lanes_kind_lane(world->app.lanes, kind, &lane);
    lane_look(&world->app, lane);
}

static void wait_for_rows(struct world *world, struct sql *sql, int64_t rows)
{
    while (world_number(world, sql) != rows)
        sched_yield();
}

static void a_job_runs_once_after_its_commit(void **state)
{
    struct world *world = *state;

    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone", .payload = "never", .answer = ERR_CONFLICT });
    ask(world, (struct asking){ .kind = "alone", .payload = "hello" });
    wait_for(&seen.runs, 1);
    wait_for_rows(world, &count_jobs, 0);
    assert_int_equal(seen.runs, 1);
    assert_int_equal(seen.attempt, 1);
    assert_string_equal(seen.payload, "hello");
}

static void what_was_asked_before_there_were_lanes_is_done(void **state)
{
    struct world *world = *state;

    ask(world, (struct asking){ .kind = "many", .times = 3 });
    lanes_start(&world->app, all_kinds, NULL);
    wait_for_rows(world, &count_jobs, 0);
    assert_int_equal(seen.runs, 3);
}

static void a_failing_job_is_tried_8_times_and_parked(void **state)
{
    struct world *world = *state;
    struct fault fault = { .arena = world->arena };
    struct jobs_summary summary;
    struct job_parked *parked;
    struct tx tx;
    int64_t least_ms = 1500, offset_ms = 0;

    seen.answer = ERR_UPSTREAM;
    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone", .key = "k" });
    for (int attempt = 1; attempt <= 8; attempt++) {
        int64_t wait_ms;

        wait_for(&seen.runs, attempt);
        assert_int_equal(seen.attempt, attempt);
        if (attempt == 8)
            break;
        wait_for_rows(world, &job_waiting_attempts, attempt);
        wait_ms = world_number(world, &job_run_at) - clock_now_ms();
        /* A quarter more or less; and this test takes its time, too. */
        assert_in_range(wait_ms, least_ms - MIN(least_ms, 1000), least_ms / 3 * 5);
        least_ms = MIN(least_ms * 4, 2700000);
        offset_ms += wait_ms + 1000;
        clock_set_offset_ms(offset_ms);
        look(world, "alone");
    }
    wait_for_rows(world, &job_parked_flag, 1);
    clock_set_offset_ms(offset_ms + (int64_t)48 * 3600000);
    look(world, "alone");
    reader_begin(world->reader, &tx, world->arena, &fault);
    jobs_summary(&tx, &summary);
    assert_int_equal(summary.parked, 1);
    assert_int_equal(summary.waiting, 0);
    assert_int_equal(jobs_parked(&tx, 0, &parked), 1);
    assert_string_equal(parked->kind, "alone");
    assert_string_equal(parked->key, "k");
    assert_string_equal(parked->failure, "it said UPSTREAM");
    assert_int_equal(parked->attempts, 8);
    reader_end(world->reader, &tx);

    /* Asking again takes it back. */
    pthread_mutex_lock(&seen.lock);
    assert_int_equal(seen.runs, 8);
    seen.answer = ERR_OK;
    pthread_mutex_unlock(&seen.lock);
    ask(world, (struct asking){ .kind = "alone", .key = "k" });
    wait_for(&seen.runs, 9);
    assert_int_equal(seen.attempt, 1);
    wait_for_rows(world, &count_jobs, 0);
}

static void a_keyed_job_that_waits_is_one_job(void **state)
{
    struct world *world = *state;

    ask(world, (struct asking){ .kind = "alone", .key = "k", .payload = "old", .times = 5 });
    ask(world, (struct asking){ .kind = "alone", .key = "k", .payload = "new" });
    assert_int_equal(world_number(world, &count_jobs), 1);
    lanes_start(&world->app, all_kinds, NULL);
    wait_for_rows(world, &count_jobs, 0);
    assert_int_equal(seen.runs, 1);
    assert_string_equal(seen.payload, "new");
}

static void asking_while_it_runs_runs_it_again_afterwards(void **state)
{
    struct world *world = *state;

    set_gate(true);
    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "many", .key = "k", .payload = "old" });
    wait_for(&seen.begun, 1);
    ask(world, (struct asking){ .kind = "many", .key = "k", .payload = "new" });
    look(world, "many"); /* the second thread looks, and must not take it */
    ask(world, (struct asking){ .kind = "many", .payload = "another" });
    wait_for(&seen.begun, 2);
    set_gate(false);
    wait_for(&seen.runs, 3);
    wait_for_rows(world, &count_jobs, 0);
    assert_int_equal(seen.runs, 3);
    assert_string_equal(seen.payload, "new");
}

static void asking_for_later_while_it_runs_keeps_the_time(void **state)
{
    struct world *world = *state;
    int64_t later_ms = clock_now_ms() + 3600000;

    set_gate(true);
    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone", .key = "k" });
    wait_for(&seen.begun, 1);
    ask(world, (struct asking){ .kind = "alone", .key = "k", .run_at_ms = later_ms });
    set_gate(false);
    wait_for(&seen.runs, 1);
    wait_for_rows(world, &job_untouched, 1);
    assert_int_equal(world_number(world, &job_run_at), later_ms);
}

static void a_job_for_later_waits_for_its_time(void **state)
{
    struct world *world = *state;
    int64_t later_ms = clock_now_ms() + 3600000;

    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone", .key = "k", .run_at_ms = later_ms });
    ask(world, (struct asking){ .kind = "alone", .payload = "now" });
    wait_for(&seen.runs, 1);
    assert_string_equal(seen.payload, "now");
    /* The earlier of two times holds. */
    ask(world, (struct asking){ .kind = "alone", .key = "k", .run_at_ms = later_ms + 1 });
    wait_for_rows(world, &count_jobs, 1);
    assert_int_equal(world_number(world, &job_run_at), later_ms);
    clock_set_offset_ms(3600001); /* noticed without being told */
    wait_for(&seen.runs, 2);
    wait_for_rows(world, &count_jobs, 0);
}

static enum err make_claimed_run(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &make_claimed);

    bind_int(q, ":until", tx->now_ms + 3600000);
    query_run(q);
    return ERR_OK;
}

static void a_claim_of_a_dead_process_is_free_at_the_next_start(void **state)
{
    struct world *world = *state;

    lanes_start(&world->app, all_kinds, NULL);
    lanes_stop(world->app.lanes);
    ask(world, (struct asking){ .kind = "alone" });
    lanes_start(&world->app, all_kinds, NULL); /* adopts it */
    wait_for(&seen.runs, 1);
    wait_for_rows(world, &count_jobs, 0);
    ask(world, (struct asking){ .kind = "alone", .run_at_ms = clock_now_ms() + 3600000 });
    lanes_stop(world->app.lanes);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, make_claimed_run, NULL), ERR_OK);
    lanes_start(&world->app, all_kinds, NULL);
    wait_for(&seen.runs, 2);
    assert_int_equal(seen.attempt, 2);
    wait_for_rows(world, &count_jobs, 0);
}

static void a_lease_that_ran_out_is_claimed_again(void **state)
{
    struct world *world = *state;

    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone" });
    wait_for_rows(world, &count_jobs, 0); /* so the lane has freed what an earlier process had claimed */
    ask(world, (struct asking){ .kind = "alone", .run_at_ms = clock_now_ms() + 1000000 });
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, make_claimed_run, NULL), ERR_OK);
    ask(world, (struct asking){ .kind = "alone" });
    wait_for(&seen.runs, 2); /* the other one */
    wait_for_rows(world, &count_jobs, 1);
    assert_int_equal(seen.runs, 2);
    clock_set_offset_ms(3600001);
    look(world, "alone");
    wait_for(&seen.runs, 3);
    assert_int_equal(seen.attempt, 2);
    wait_for_rows(world, &count_jobs, 0);
}

static void a_clock_that_jumps_over_a_lease_runs_nothing_twice(void **state)
{
    struct world *world = *state;

    set_gate(true);
    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "many", .key = "k" });
    wait_for(&seen.begun, 1);
    clock_set_offset_ms(3600000);
    look(world, "many");
    ask(world, (struct asking){ .kind = "many", .payload = "another" });
    wait_for(&seen.begun, 2); /* the other thread has looked by now */
    set_gate(false);
    wait_for_rows(world, &count_jobs, 0);
    assert_int_equal(seen.runs, 2);
}

/* The clock jumps over the lease of a job that runs and was asked for again: the row is claimed anew, and still runs again as soon as the first run ends. */
static void what_is_asked_while_it_runs_does_not_wait_for_a_lease_that_was_renewed(void **state)
{
    struct world *world = *state;

    lanes_start(&world->app, all_kinds, NULL);
    set_gate(true);
    ask(world, (struct asking){ .kind = "many", .key = "k" });
    wait_for(&seen.begun, 1);
    ask(world, (struct asking){ .kind = "many", .key = "k", .payload = "again" });
    clock_set_offset_ms(3600000);
    look(world, "many");
    wait_for_rows(world, &job_leased_ahead, 1);
    set_gate(false);
    wait_for(&seen.runs, 2);
    assert_string_equal(seen.payload, "again");
    wait_for_rows(world, &count_jobs, 0);
}

/* A job that has just been marked, and was asked for again, may be claimed by another thread before the first has put it out of its hands: that is a
 * new claim, and not a longer lease of the old one. Each round is done long before a lease ends. */
static void what_is_asked_as_it_ends_does_not_wait_for_its_lease(void **state)
{
    static const char *const keys[] = { "a", "b", "c" };
    struct world *world = *state;

    lanes_start(&world->app, all_kinds, NULL);
    for (int round = 0; round < 30; round++) {
        int64_t until_us = clock_mono_us() + 40 * INT64_C(1000000);

        for (int i = 0; i < 15; i++)
            ask(world, (struct asking){ .kind = "many", .key = keys[i % 3] });
        while (world_number(world, &count_jobs) > 0) {
            assert_true(clock_mono_us() < until_us);
            sched_yield();
        }
    }
}

static void a_rush_of_jobs_costs_the_writer_little(void **state)
{
    struct world *world = *state;
    struct store_stats stats;
    struct lanes_stats lanes_were;

    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "many", .times = 320 });
    wait_for(&seen.runs, 320);
    wait_for_rows(world, &count_jobs, 0);
    lanes_stats(world->app.lanes, &lanes_were);
    assert_int_equal(lanes_were.jobs_failed, 0);
    lanes_stop(world->app.lanes);
    store_stats(world->store, &stats);
    assert_int_equal(seen.runs, 320);
    assert_in_range(seen.at_once_max, 1, 2);
    /* Each is marked done by one write; claiming them took 10, and two lanes looked first. */
    assert_in_range(stats.writes, 330, 345);
}

/* ---- jobs yield to requests ---- */

static enum err wait_at_gate(struct write *write, struct tx *tx)
{
    pthread_mutex_lock(&seen.lock);
    seen.tasks++;
    pthread_cond_broadcast(&seen.changed);
    while (seen.gate_closed)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
    return ERR_OK;
}

static void no_matter(struct write *write, enum err outcome)
{
}

static void while_requests_queue_up_jobs_wait_but_not_for_ever(void **state)
{
    struct world *world = *state;
    static struct write writes[100];
    struct arena *arena = arena_new(0);
    struct store_stats stats;
    int64_t begun_us;

    lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone" }); /* both lanes have looked, and recovered */
    ask(world, (struct asking){ .kind = "many" });
    wait_for_rows(world, &count_jobs, 0);
    ask(world, (struct asking){ .kind = "alone", .run_at_ms = clock_now_ms() + 3600000 });
    ask(world, (struct asking){ .kind = "alone" });
    wait_for_rows(world, &count_jobs, 1); /* its lane has read the table and sleeps: a look under way would be too late to yield */
    set_gate(true);
    begun_us = clock_mono_us(); /* from here on the writer can look pressed: the lane may still be about to see what was asked last */
    for (size_t i = 0; i < COUNT(writes); i++) {
        writes[i] = (struct write){ .run = wait_at_gate, .done = no_matter, .arena = arena };
        assert_int_equal(store_write(world->store, &writes[i]), ERR_OK);
    }
    wait_for(&seen.tasks, 1); /* the writer is busy with the first */
    clock_set_offset_ms(3600001);
    look(world, "alone");
    do {
        sched_yield();
        store_stats(world->store, &stats);
    } while (stats.queued == COUNT(writes));
    assert_int_equal(stats.queued, COUNT(writes) + 1); /* the claim */
    assert_true(clock_mono_us() - begun_us > 200000);
    set_gate(false);
    wait_for(&seen.runs, 4);
    wait_for_rows(world, &count_jobs, 0);
    lanes_stop(world->app.lanes);
    store_stop(world->store);
    arena_free(arena);
}

static void *stop_main(void *arg)
{
    lanes_stop(arg);
    return NULL;
}

static void run_task(struct lane_task *task, struct reader *reader)
{
    pthread_mutex_lock(&seen.lock);
    seen.tasks++;
    pthread_cond_broadcast(&seen.changed);
    while (seen.gate_closed)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void at_stop_jobs_not_begun_wait_for_the_next_start(void **state)
{
    struct world *world = *state;
    struct lane_state *lane;
    struct lanes *lanes;
    pthread_t thread;

    set_gate(true);
    lanes = lanes_start(&world->app, all_kinds, NULL);
    ask(world, (struct asking){ .kind = "alone", .times = 20 });
    wait_for(&seen.begun, 1);
    assert_int_equal(pthread_create(&thread, NULL, stop_main, lanes), 0);
    lanes_kind_lane(lanes, "alone", &lane);
    while (!lane_is_stopping(lane)) /* it is busy with the job */
        sched_yield();
    set_gate(false);
    pthread_join(thread, NULL);
    assert_int_equal(seen.runs, 1);
    assert_int_equal(world_number(world, &count_jobs), 19);
    assert_int_equal(world_number(world, &job_untouched), 19);
    lanes_start(&world->app, all_kinds, NULL);
    wait_for_rows(world, &count_jobs, 0);
    assert_int_equal(seen.runs, 20);
}

static void a_lanes_queue_has_an_end_and_its_tasks_are_run(void **state)
{
    struct world *world = *state;
    struct lane_task tasks[66];
    struct lanes_stats stats;
    struct lanes *lanes = lanes_start(&world->app, NULL, NULL);
    int taken = 0;

    set_gate(true);
    for (int i = 0; i < 66; i++) {
        tasks[i] = (struct lane_task){ .run = run_task };
        taken += lane_push(lanes, LANE_HASH, &tasks[i]) == ERR_OK;
        if (i == 0)
            wait_for(&seen.tasks, 1); /* the thread has it */
    }
    assert_int_equal(taken, 65);
    lanes_stats(lanes, &stats);
    assert_int_equal(stats.queued[LANE_HASH], 64);
    assert_int_equal(stats.queue_max[LANE_HASH], 64);
    assert_string_equal(lane_name(LANE_HASH), "hash");
    set_gate(false);
    lanes_stop(lanes);
    assert_int_equal(seen.tasks, 65);
}

static int nice_level_seen;

static void look_at_priority(struct lane_task *task, struct reader *reader)
{
    pthread_mutex_lock(&seen.lock);
    nice_level_seen = getpriority(PRIO_PROCESS, (id_t)gettid());
    seen.tasks++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void hashing_and_drawing_step_back(void **state)
{
    struct world *world = *state;
    struct lane_task tasks[3] = { { .run = look_at_priority }, { .run = look_at_priority }, { .run = look_at_priority } };
    struct lanes *lanes = lanes_start(&world->app, NULL, NULL);
    static const struct { enum lane lane; int more; } want[] = { { LANE_HASH, 10 }, { LANE_RENDER, 10 }, { LANE_PAY, 0 } };
    int own = getpriority(PRIO_PROCESS, (id_t)gettid());

    for (int i = 0; i < 3; i++) {
        assert_int_equal(lane_push(lanes, want[i].lane, &tasks[i]), ERR_OK);
        wait_for(&seen.tasks, i + 1);
        assert_int_equal(nice_level_seen, want[i].more ? want[i].more : own);
    }
}

static void a_sweep_runs_at_start_by_time_and_when_nudged(void **state)
{
    struct world *world = *state;
    struct lanes *lanes = lanes_start(&world->app, NULL, all_sweeps);

    wait_for(&seen.sweeps, 1);
    lanes_nudge(lanes, "hourly");
    wait_for(&seen.sweeps, 2);
    clock_set_offset_ms(3600001);
    wait_for(&seen.sweeps, 3);
}

int main(void)
{
#define WITH_STORE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_job_runs_once_after_its_commit),
        WITH_STORE(what_was_asked_before_there_were_lanes_is_done),
        WITH_STORE(a_failing_job_is_tried_8_times_and_parked),
        WITH_STORE(a_keyed_job_that_waits_is_one_job),
        WITH_STORE(asking_while_it_runs_runs_it_again_afterwards),
        WITH_STORE(asking_for_later_while_it_runs_keeps_the_time),
        WITH_STORE(a_job_for_later_waits_for_its_time),
        WITH_STORE(a_claim_of_a_dead_process_is_free_at_the_next_start),
        WITH_STORE(a_lease_that_ran_out_is_claimed_again),
        WITH_STORE(a_clock_that_jumps_over_a_lease_runs_nothing_twice),
        WITH_STORE(what_is_asked_while_it_runs_does_not_wait_for_a_lease_that_was_renewed),
        WITH_STORE(what_is_asked_as_it_ends_does_not_wait_for_its_lease),
        WITH_STORE(a_rush_of_jobs_costs_the_writer_little),
        WITH_STORE(while_requests_queue_up_jobs_wait_but_not_for_ever),
        WITH_STORE(at_stop_jobs_not_begun_wait_for_the_next_start),
        WITH_STORE(a_lanes_queue_has_an_end_and_its_tasks_are_run),
        WITH_STORE(hashing_and_drawing_step_back),
        WITH_STORE(a_sweep_runs_at_start_by_time_and_when_nudged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
