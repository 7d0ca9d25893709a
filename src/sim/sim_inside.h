/*
 * sim_inside.h - what the files of the simulator share.
 *
 * Every object is a JSON document in one table, as Stripe shows it; what Stripe
 * keeps to itself (how a test card behaves) is the column `trait`. A request
 * runs in one transaction of sim.db under the lock; the sender of webhooks has a
 * thread of its own and takes the lock only to look and to note.
 */
#ifndef USHER_SIM_SIM_INSIDE_H
#define USHER_SIM_SIM_INSIDE_H

#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>

#include "sim/sim.h"

/* Where a misbehaving Stripe is made: how one answer, or one delivery, goes wrong. All zero: it behaves. */
struct sim_mischief {
    int delivery_copies;    /* further sendings of each event */
    int delivery_delay_ms;
};

struct sim {
    /* Set by sim_open, constant from then on: any thread reads freely. */
    struct app *app;
    char *secret_key, *publishable_key, *webhook_secret, *webhook_url;
    struct sim_mischief mischief;

    /* Guarded by lock. Held for one request's transaction or one look at the deliveries, never across a sending. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    sqlite3 *db;
    bool stopping;

    pthread_t sender;
};

/* ---- rows (sim_rows.c); the lock must be held ---- */

/* Prepare, with text and int64_t arguments bound in order: 's' text (NULL binds NULL), 'i' int64_t, 'b' const struct bytes *. */
sqlite3_stmt *sim_prepare(struct sim *sim, const char *sql, const char *types, ...);
/* The same, stepped to its end; the number of rows changed, or -1 when the file failed. */
int64_t sim_run(struct sim *sim, const char *sql, const char *types, ...);
bool sim_rows_open(struct sim *sim, const char *path, struct buf *error);

/* A new reference, or NULL. `trait` may be NULL; else a copy in the arena, or NULL. */
json_t *sim_object(struct sim *sim, struct arena *arena, const char *kind, const char *id, const char **trait);
void sim_insert(struct sim *sim, const char *kind, const char *parent, const char *trait, json_t *object);
void sim_update(struct sim *sim, json_t *object);
/* "pi_" and 24 letters and digits. */
char *sim_new_id(struct arena *arena, const char *prefix);

/* ---- forms (sim_form.c) ---- */

struct sim_pair {
    const char *name, *value; /* name in one form: "metadata[a]", "expand[]" and "expand[0]" as sent */
};
struct sim_form {
    struct sim_pair *pairs;
    size_t count;
};
/* false: malformed, or more than 200 names. */
bool sim_form_read(struct arena *arena, const char *text, size_t len, struct sim_form *out);
const char *sim_form_get(const struct sim_form *form, const char *name);

/* ---- one call (sim.c) ---- */

struct sim_call {
    struct sim *sim;
    struct arena *arena;
    const char *method, *path;   /* behind /v1/, e.g. "payment_intents/pi_1/confirm" */
    struct sim_form form;
    bool secret;                 /* with the secret key; else the publishable one */
    const char *idempotency_key, *request_id;
    int64_t now_s;
    int status;
    json_t *answer;              /* owned by the call */
    bool executed;               /* an answer that an Idempotency-Key keeps: refusals of the form are not */
};

/* An error as Stripe words it. Any of code and param may be NULL. Always returns false, for `return`. */
bool sim_error(struct sim_call *call, int status, const char *type, const char *code, const char *param, const char *format, ...) PRINTF_LIKE(6, 7);
#define sim_bad(call, param, ...) sim_error((call), 400, "invalid_request_error", NULL, (param), __VA_ARGS__)
bool sim_missing(struct sim_call *call, const char *what, const char *id);
/* Answer with the object (a reference is taken), expanded as the form asks. */
bool sim_answer(struct sim_call *call, json_t *object);
/* Names that the form may have at its top; anything else is parameter_unknown. NULL-terminated; "expand" always may. */
bool sim_known_names(struct sim_call *call, const char *const *names);
/* metadata[...] of the form, merged into the object's. */
bool sim_metadata(struct sim_call *call, json_t *object);
/* A whole number of min..max; *given false when absent. */
bool sim_int(struct sim_call *call, const char *name, int64_t min, int64_t max, int64_t *out, bool *given);
/* A page of a kind's objects as a list. `parent` NULL: all. */
bool sim_list(struct sim_call *call, const char *kind, const char *parent);
/* Note that something happened to `object`: an event, and its delivery. */
void sim_event(struct sim_call *call, const char *type, json_t *object);
/* Something to be done later by the sender's thread: "refund-succeed", "refund-fail", "intent-finish". */
void sim_later(struct sim_call *call, const char *what, const char *object, int64_t after_ms);

/* ---- resources; each answers or refuses through the call ---- */

bool sim_intents(struct sim_call *call, const char *rest);   /* behind "payment_intents" */
bool sim_payment_methods(struct sim_call *call, const char *rest);
bool sim_refunds(struct sim_call *call, const char *rest);
bool sim_charges(struct sim_call *call, const char *rest);
bool sim_events(struct sim_call *call, const char *rest);
bool sim_endpoints(struct sim_call *call, const char *rest); /* behind "webhook_endpoints" */
/* What sim_later asked for, when its time has come. */
void sim_do_later(struct sim_call *call, const char *what, const char *object);
/* The 3-D Secure page's verdict on an intent. */
bool sim_intent_authenticated(struct sim_call *call, const char *id, bool passed);

/* ---- test cards (sim_cards.c) ---- */

struct sim_card {
    const char *number, *brand;
    const char *names[3];        /* payment methods: "pm_card_visa", ... */
    const char *code, *decline_code, *message; /* NULL: it pays */
    bool authenticate;           /* 3-D Secure first */
    const char *refund;          /* NULL: at once; "pending", "fails" */
};
const struct sim_card *sim_card_named(const char *payment_method);
const struct sim_card *sim_card_numbered(const char *number);
/* Do its digits add up (ISO/IEC 7812)? */
bool sim_card_luhn(const char *number);

/* ---- webhooks (sim_sender.c) ---- */

void *sim_sender_main(void *sim);
/* Plan the deliveries of an event: to our own server, if it is a kind that it takes, and to every endpoint that asked for it. */
void sim_plan_deliveries(struct sim *sim, const char *event_id, const char *type);

#endif
