/*
 * oplog.h - one row for each batch: what it changed, and its audit lines. Internal to store/.
 *
 * The row is written in the batch's own transaction. Rows go again when there
 * are more than 100,000, when they hold more than 256 MiB, or after 24 h,
 * whichever comes first: two for each batch that adds one, so that no batch
 * ever pays for more than its own. When nobody writes, a sweep sees to it that
 * a day later they are gone all the same: they hold what was deleted since.
 *
 * Why these numbers: a day is how long a retry may come under its
 * Idempotency-Key, and so how far back anybody asks "what happened"; 256 MiB
 * bounds the disk on a day of on-sales; 100,000 rows bound a quiet server
 * that writes ten small batches a second.
 */
#ifndef USHER_STORE_OPLOG_H
#define USHER_STORE_OPLOG_H

#include "store/engine.h"

#define OPLOG_ROWS_MAX 100000
#define OPLOG_BYTES_MAX ((int64_t)256 << 20)
#define OPLOG_AGE_MS_MAX ((int64_t)24 * 3600 * 1000)
enum { PRUNED_A_BATCH = 2, PRUNED_IDLE = 100 };

/* The writer's thread alone. Mirrors the table's two ends, so that nothing is looked up on the way of a batch. */
struct oplog {
    bool known;                /* the rest is true; else it is read anew */
    int64_t first_seq, last_seq; /* last < first: empty */
    int64_t first_total, last_total; /* `total` of those rows */
    int64_t first_at_ms;
};

void oplog_open(struct oplog *oplog, struct connection *connection);
/* In the writer's transaction, after the last handler. Writes nothing when nothing changed and nothing was noted. */
void oplog_write(struct oplog *oplog, struct connection *connection, const struct buf *notes);
/* The transaction fell. */
void oplog_forget(struct oplog *oplog);

#endif
