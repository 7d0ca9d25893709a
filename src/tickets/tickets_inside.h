/* tickets_inside.h - what the files of tickets/ share. */
#ifndef USHER_TICKETS_TICKETS_INSIDE_H
#define USHER_TICKETS_TICKETS_INSIDE_H

#include <stdatomic.h>

#include "tickets/gate_keys.h"
#include "tickets/render.h"
#include "tickets/ticket.h"

#define DRAWN_SLOTS 4096

struct tickets {
    /* Set by tickets_open, constant from then on: any thread reads freely. */
    struct app *app;
    struct gate_key *keys[256]; /* by key id */
    unsigned newest;            /* the id that signs */
    struct render *render;

    /* Any thread, relaxed: hashes of object keys whose PDF is known to be in the store, so that a loop thread need not look at the disk.
     * A slot that was overwritten, or a server just started, only costs a look in a lane. */
    _Atomic uint64_t drawn[DRAWN_SLOTS];
};

/* Load the keys of `dir`/keys, or make the first. */
bool gate_keys_open(struct tickets *tickets, const char *dir, struct buf *error);
void gate_keys_close(struct tickets *tickets);

#endif
