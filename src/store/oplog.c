#include "store/oplog.h"

#include "store/lanes.h"

#include "base/clock.h"

SQL(oplog_oldest, "SELECT seq, total, at FROM oplog WHERE seq > 0 ORDER BY seq LIMIT 1");
SQL(oplog_newest, "SELECT seq, total FROM oplog WHERE seq > 0 ORDER BY seq DESC LIMIT 1");
SQL(oplog_insert, "INSERT INTO oplog (seq, at, changes, notes, total) VALUES (:seq, :at, :changes, :notes, :total)");
SQL(oplog_prune, "DELETE FROM oplog WHERE seq < :seq");

static void read_ends(struct oplog *oplog, struct tx *tx)
{
    struct query *q = query(tx, &oplog_oldest);

    *oplog = (struct oplog){ .first_seq = 1, .last_seq = 0 };
    if (query_row(q)) {
        oplog->first_seq = col_int(q, 0);
        oplog->first_total = col_int(q, 1);
        oplog->first_at_ms = col_int(q, 2);
    }
    query_end(q);
    q = query(tx, &oplog_newest);
    if (query_row(q)) {
        oplog->last_seq = col_int(q, 0);
        oplog->last_total = col_int(q, 1);
    }
    query_end(q);
    oplog->known = !tx_failed(tx);
}

void oplog_open(struct oplog *oplog, struct connection *connection)
{
    oplog_forget(oplog);
}

void oplog_forget(struct oplog *oplog)
{
    oplog->known = false;
}

static bool too_old(const struct oplog *oplog, int64_t now_ms)
{
    return oplog->last_seq > oplog->first_seq && now_ms - oplog->first_at_ms > OPLOG_AGE_MS_MAX;
}

static bool too_much(const struct oplog *oplog, int64_t now_ms)
{
    return oplog->last_seq - oplog->first_seq >= OPLOG_ROWS_MAX || oplog->last_total - oplog->first_total > OPLOG_BYTES_MAX ||
           too_old(oplog, now_ms);
}

static void prune(struct oplog *oplog, struct tx *tx, int64_t rows)
{
    struct query *q = query(tx, &oplog_prune);

    bind_int(q, ":seq", MIN(oplog->first_seq + rows, oplog->last_seq));
    query_run(q);
    q = query(tx, &oplog_oldest);
    if (query_row(q)) {
        oplog->first_seq = col_int(q, 0);
        oplog->first_total = col_int(q, 1);
        oplog->first_at_ms = col_int(q, 2);
    }
    query_end(q);
}

void oplog_write(struct oplog *oplog, struct connection *connection, const struct buf *notes)
{
    const struct engine *engine = connection->engine;
    struct tx tx = { .app = connection->app, .now_ms = clock_now_ms(), .writing = true, .connection = connection };
    struct bytes changes = { NULL, 0 };
    struct query *q;
    int64_t bytes;

    if (engine->wrote(connection))
        changes = engine->record(connection);
    bytes = (int64_t)(changes.len + notes->len);
    if (!oplog->known)
        read_ends(oplog, &tx);
    if (!bytes) {
        if (too_old(oplog, tx.now_ms))
            prune(oplog, &tx, PRUNED_IDLE);
        return;
    }
    q = query(&tx, &oplog_insert);
    bind_int(q, ":seq", oplog->last_seq + 1);
    bind_int(q, ":at", tx.now_ms);
    bind_blob(q, ":changes", changes.data, changes.len);
    if (notes->len)
        bind_textn(q, ":notes", notes->data, notes->len);
    else
        bind_null(q, ":notes");
    bind_int(q, ":total", oplog->last_total + bytes);
    query_run(q);
    if (oplog->last_seq < oplog->first_seq) {
        oplog->first_seq = oplog->last_seq + 1;
        oplog->first_total = oplog->last_total + bytes;
        oplog->first_at_ms = tx.now_ms;
    }
    oplog->last_seq++;
    oplog->last_total += bytes;
    if (too_much(oplog, tx.now_ms))
        prune(oplog, &tx, PRUNED_A_BATCH);
}

/* ---- when nobody writes ---- */

#define ROUNDS 200

static enum err note_once(struct tx *tx, void *arg)
{
    if (*(const int *)arg == 0)
        tx_note(tx, "oplog.aged", NULL, NULL);
    return ERR_OK;
}

static bool has_old(struct app *app, struct reader *reader, struct arena *arena)
{
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    bool old;

    reader_begin(reader, &tx, arena, &fault);
    struct query *q = query(&tx, &oplog_oldest);
    old = query_row(q) && tx.now_ms - col_int(q, 2) > OPLOG_AGE_MS_MAX;
    query_end(q);
    reader_end(reader, &tx);
    return old;
}

/* The newest row stays whatever its age, for the next one counts on from it: so the first round makes a new one. Each further round is a batch
 * without changes, which lets go of what is too old. */
static void let_go(struct app *app, struct reader *reader, struct arena *arena)
{
    static const struct id any;

    for (int round = 0; round < ROUNDS && has_old(app, reader, arena); round++) {
        if (store_write_wait(app->store, arena, NULL, &any, false, note_once, &round) != ERR_OK)
            return;
    }
}

const struct sweep store_sweeps[] = {
    { .name = "oplog", .every_ms = 5 * 60 * 1000, .run = let_go },
    SWEEP_END
};
