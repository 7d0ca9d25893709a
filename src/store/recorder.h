/*
 * recorder.h - what a batch changed, as a SQLite changeset. Internal to sqlite.c.
 *
 * The bytes are those of SQLite's session extension (its documentation, "The
 * changeset format"), so sqlite3changeset_apply replays them. We write them
 * ourselves, from the same hook: a session is made anew for each batch, asks
 * the schema for each table again, keeps each row's first values, and at the
 * end selects each row once more. Measured with bench/store_bench under
 * callgrind, for a whole hold: 1,500,000 instructions with a session and
 * 210,000 with this in batches of one, 170,000 and 127,000 in batches of 16 to
 * 256. And a rolled-back savepoint simply takes its part with it.
 *
 * Updates of one row that change the same columns become one, so that the
 * counters of a hot event are there once a batch. Other changes of a row stay
 * in their order, which replays as well.
 */
#ifndef USHER_STORE_RECORDER_H
#define USHER_STORE_RECORDER_H

#include <sqlite3.h>

#include "base/util.h"

struct recorder;

/* For the connection that writes, after the migrations: it reads the schema, once. NULL when that fails. */
struct recorder *recorder_open(sqlite3 *db);
void recorder_close(struct recorder *recorder); /* before the connection; takes NULL */

void recorder_begin(struct recorder *recorder);     /* forget all, record from here */
void recorder_savepoint(struct recorder *recorder); /* one at a time; they do not nest */
void recorder_rollback_to(struct recorder *recorder);
/* Record no more. What was changed since recorder_begin, until the next one; no bytes when nothing was. */
struct bytes recorder_take(struct recorder *recorder);

#endif
