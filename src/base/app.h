/*
 * app.h - the parts that main opens at start and closes in reverse order.
 *
 * Opaque to everyone but their owners. Constant between start and stop: any
 * thread reads freely. A pointer is NULL only before its part was opened (unit
 * tests open just what they need).
 */
#ifndef USHER_BASE_APP_H
#define USHER_BASE_APP_H

#include "base/config.h"

struct app {
    const struct config *config;
    const char *public_url;      /* without a trailing slash */
    struct store *store;
    struct lanes *lanes;         /* store/lanes.h: threads that do what may block */
    struct http *http;
    struct identity *identity;   /* keys, user pool */
    struct payments *payments;   /* Stripe client */
    struct tickets *tickets;     /* gate keys, render child */
    struct objects *objects;     /* where files are, and the key that presigns */
    struct mail *mail;
    struct sim *sim;
    const struct person_part *const *people; /* store/person.h: what each module holds on a person; NULL-terminated */
};

#endif
