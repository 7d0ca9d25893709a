/*
 * person.h - what is held on one person, as tables: how each part of it is given out, and how it is let go of.
 *
 * A module lists its parts, main collects the lists (app->people), and two
 * walk them:
 *
 *     the export     GET /v1/me/export writes each part that has a `write`
 *     the job        "forget", after an account was deleted, runs each part's `forget`
 *
 * Both go in slices: a `write` gives at most PERSON_SLICE entries of its own
 * snapshot, a `forget` changes at most PERSON_SLICE rows a write, so that an
 * account with 100,000 registrations neither blocks nor fills the memory. A
 * `forget` may be repeated and cut off anywhere: what is done is done.
 *
 * `holds` names every column that a part answers for. tests/unit/test_person.c
 * walks the schema and fails on a column that nobody answers for, so that a new
 * table cannot be forgotten.
 */
#ifndef USHER_STORE_PERSON_H
#define USHER_STORE_PERSON_H

#include "store/store.h"

enum { PERSON_SLICE = 100 };

struct person_walk {
    struct app *app;
    struct reader *reader;
    struct arena *arena;     /* reset after each slice */
    struct fault *fault;
    struct id account;
    /* Where the next slice begins; zero at a part's beginning. The part's own to use. */
    struct id after;
    int64_t after_n;
    bool more;               /* a slice sets it when there may be another */
};

struct person_part {
    const char *name;        /* its member in the export; NULL ends a table */
    const char *holds;       /* "table.column table.column ..." */
    /* Append a slice: elements of an array, or, where it is `single`, the members of one object. NULL: `unexported` says why, to the person too. */
    void (*write)(struct tx *tx, struct person_walk *walk, struct buf *out);
    bool single;
    const char *unexported;
    /* Let go of a slice; outside of any transaction. An error: the job comes again. NULL: `kept` says why. */
    enum err (*forget)(struct person_walk *walk);
    const char *kept;
};
#define PERSON_END { .name = NULL }

#endif
