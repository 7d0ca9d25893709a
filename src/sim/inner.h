/* inner.h - what the files of the simulator share. */
#ifndef USHER_SIM_INNER_H
#define USHER_SIM_INNER_H

#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>

#include "sim/sim.h"

struct sim {
    /* Set by sim_open, constant from then on. */
    struct app *app;
    struct sim_settings settings;
    char *secret_key, *publishable_key, *webhook_secret, *webhook_url;

    /* Guarded by lock, which is never held across a call to the outside: the requests' lane and the webhook sweep both come here. */
    pthread_mutex_t lock;
    sqlite3 *db;

    /* The webhook sweep alone. */
    void *curl;
};

/* One request while it is carried out, with the lock held and a transaction open. */
struct sim_call {
    struct sim *sim;
    struct arena *arena;
    const char *method;
    json_t *params;           /* the form or the query, nested */
    bool publishable;         /* signed in with the publishable key: only what a browser may */
    const char *idempotency_key;
    char request_id[32];
    int64_t now_s;
    int status;
    json_t *answer;           /* the object, or {"error": ...}; a new reference */
    bool events_made;         /* the webhook sweep has something to do */
};

/* ---- form.c ---- */

/* "a[b]=1&c[]=2" as {"a":{"b":"1"},"c":{"0":"2"}}: names nest by brackets, plain or %5B. At most 500 pairs, 5 levels, each once.
 * NULL when malformed. A new reference. Outside bytes: fuzzed. */
json_t *sim_form_parse(const char *text, size_t len);

/* ---- objects.c: kept as JSON text, one row each ---- */

/* "pi_" and 24 random letters and digits. */
const char *sim_new_id(struct arena *arena, const char *prefix);
/* A new reference, or NULL when there is none of that type. */
json_t *sim_load(struct sim *sim, const char *type, const char *id);
/* Insert or replace; `parent` is what lists filter by (a refund's intent), or NULL. */
void sim_save(struct sim *sim, const char *type, json_t *object, const char *parent);
/* Newest first, behind `after` (an id, or NULL) or before `before`; at most `limit`. Events may be filtered by types and time. */
struct sim_list {
    const char *type, *parent, *after, *before;
    const json_t *event_types; /* values of an object or array, or NULL */
    int64_t limit, created_gt, created_gte, created_lt, created_lte; /* 0: no bound */
};
json_t *sim_list(struct sim *sim, const struct sim_list *list, const char *url);
/* Keep an event about `object` and plan its delivery, if it is one that an integration asks for. */
void sim_event(struct sim_call *call, const char *type, json_t *object);

/* ---- errors ---- */

/* Set the answer to an error of Stripe's shape; code and param may be NULL. Returns false, for `return`. */
bool sim_refuse(struct sim_call *call, int status, const char *type, const char *code, const char *param, const char *format, ...) PRINTF_LIKE(6, 7);
bool sim_missing(struct sim_call *call, const char *what, const char *id);

/* ---- parameters ---- */

const char *sim_param(const struct sim_call *call, const char *name); /* NULL when absent */
const char *sim_param_in(const json_t *object, const char *name);
/* false (and refused) when it is there and no integer in min..max. Leaves `out` alone when absent. */
bool sim_param_int(struct sim_call *call, const char *name, int64_t min, int64_t max, int64_t *out);
/* false (and refused) on a top-level name that is not in the NULL-terminated list. */
bool sim_params_known(struct sim_call *call, const char *const *names);
/* Merge metadata: an empty value deletes (Stripe's rule). */
void sim_merge_metadata(struct sim_call *call, json_t *object);
bool sim_expands(const struct sim_call *call, const char *name);

/* ---- intents.c, refunds.c ---- */

bool sim_intent_create(struct sim_call *call);
bool sim_intent_show(struct sim_call *call, const char *id);
bool sim_intent_update(struct sim_call *call, const char *id);
bool sim_intent_confirm(struct sim_call *call, const char *id);
bool sim_intent_authenticate(struct sim_call *call, const char *id);
bool sim_intent_cancel(struct sim_call *call, const char *id);
bool sim_method_create(struct sim_call *call);
bool sim_refund_create(struct sim_call *call);

/* ---- webhooks.c ---- */

void sim_webhooks_open(struct sim *sim);
void sim_webhooks_close(struct sim *sim);
/* "t=...,v1=..." over the payload. */
char *sim_signature(struct arena *arena, const char *secret, const char *payload, int64_t now_s);

#endif
