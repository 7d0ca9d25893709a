/* event_jobs.c - what happens to events by themselves: pictures that nobody shows are deleted, ended events leave the lists. */
#include "events/event_change.h"
#include "objects/objects.h"

#include <string.h>

SQL(event_image_of, "SELECT image FROM event WHERE id = :id");

/* Key: the object. Payload: the event. Asked for by each upload, and again when another picture takes its place. */
static enum err run_event_image(struct job *job)
{
    struct id event;
    struct tx tx;
    struct query *q;
    const char *image = NULL;
    bool shown;

    if (!job->payload || !id_parse(job->payload, strlen(job->payload), &event))
        return fault_set(&job->fault, ERR_INTERNAL, "The payload is no event's id.");
    reader_begin(job->reader, &tx, job->arena, &job->fault);
    q = query(&tx, &event_image_of);
    bind_id(q, ":id", &event);
    if (query_row(q))
        image = col_text(q, 0, job->arena);
    query_end(q);
    shown = tx_failed(&tx) || (image && strcmp(image, job->key) == 0);
    reader_end(job->reader, &tx);
    return shown ? ERR_OK : objects_delete(job->app->objects, job->key);
}

const struct job_kind event_jobs[] = {
    { .name = "event-image", .lane = LANE_SWEEP, .run = run_event_image, .lease_seconds = 30 },
    JOB_KIND_END
};

/* ---- ended events ---- */

/* So many a turn, each in a write of its own lane; it takes its words along, some hundred short rows. */
#define ENDED_A_TURN 50
SQL(event_ended_find, "SELECT id FROM event WHERE listed = 1 AND ends_at <= :now ORDER BY ends_at LIMIT :limit");
SQL(event_ended_unlist, "UPDATE event SET listed = 0 WHERE id = :id AND listed = 1 AND ends_at <= :now");

static enum err unlist(struct tx *tx, void *arg)
{
    const struct id *event = arg;
    struct query *q = query(tx, &event_ended_unlist);

    bind_id(q, ":id", event);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) == 1) /* else it was given a later end meanwhile */
        event_words_delete(tx, event);
    return ERR_OK;
}

static void sweep_ended(struct app *app, struct reader *reader, struct arena *arena)
{
    struct id ended[ENDED_A_TURN];
    size_t count = 0;
    struct fault fault = { .arena = arena };
    struct tx tx;
    struct query *q;

    reader_begin(reader, &tx, arena, &fault);
    q = query(&tx, &event_ended_find);
    bind_int(q, ":now", tx.now_ms);
    bind_int(q, ":limit", ENDED_A_TURN);
    while (count < ENDED_A_TURN && query_row(q))
        ended[count++] = col_id(q, 0);
    query_end(q);
    reader_end(reader, &tx);
    for (size_t i = 0; i < count; i++)
        if (store_write_wait(app->store, arena, NULL, &ended[i], false, unlist, &ended[i]) != ERR_OK)
            return;
}

const struct sweep event_sweeps[] = {
    { .name = "events-ended", .every_ms = 10000, .run = sweep_ended },
    SWEEP_END
};
