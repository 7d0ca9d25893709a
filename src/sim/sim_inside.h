/*
 * sim_inside.h - what the files of the simulator share.
 *
 * Every object is a JSON document in one table, as Stripe shows it; what Stripe
 * keeps to itself (how a test card behaves, where a card holder came from) is
 * the column `trait`. A call runs in one transaction of sim.db under the lock
 * and leaves nothing behind when it is refused, but for declines: those are
 * carried out. The sender has a thread of its own and takes the lock only to
 * look and to note.
 */
#ifndef USHER_SIM_SIM_INSIDE_H
#define USHER_SIM_SIM_INSIDE_H

#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "sim/sim.h"

/* The API version whose shapes these are; Stripe-Version of a caller is taken and changes nothing. */
#define SIM_API_VERSION "2026-10-28.endive"

/* ---- mischief (sim_mischief.c) ---- */

enum sim_evil {
    EVIL_FAIL,        /* 500, and nothing was done */
    EVIL_LIMIT,       /* 429 */
    EVIL_RESET,       /* the connection is reset before anything is done */
    EVIL_SLOW,        /* the call waits, then goes its way */
    EVIL_FAIL_AFTER,  /* done, and the answer is a 502 */
    EVIL_RESET_AFTER, /* done, and the connection is reset */
    EVIL_HANG,        /* done, and nothing is heard until the connection is reset */
    EVIL_DUPLICATE,   /* a webhook is sent twice */
    EVIL_DELAY,       /* ... later */
    EVIL_REORDER,     /* ... after a time of its own, so that later ones go first */
    EVIL_DROP,        /* ... never */
    EVIL_COUNT
};

#define SIM_RULES_MAX 32
#define SIM_TURNS_MAX 32

struct sim_rule {
    enum sim_evil evil;
    int64_t ms;              /* how long SLOW, HANG, DELAY and REORDER take */
    double chance;           /* 0..1; unused where turns are given */
    int64_t turns[SIM_TURNS_MAX]; /* exactly these of the calls (or webhooks) it meets, counted from 1 */
    size_t turn_count;
    char scope[64];          /* "refunds", "POST payment_intents", "charge.refunded": only what begins so; "": all */
    int64_t met, done;       /* how many came by, and how many it befell */
};
struct sim_fate {            /* what a rule has in store for one call */
    bool befalls;
    enum sim_evil evil;
    int64_t ms;
};
struct sim_mischief {
    uint64_t seed;
    struct sim_rule rules[SIM_RULES_MAX];
    size_t count;
};

/* Read "seed=7 fail=0.1 hang:15000@2,5/refunds". On a fault false and a sentence in `error` (an arena's or the heap's buf). */
bool sim_mischief_read(const char *text, struct sim_mischief *out, struct buf *error);
/* The same text again, with how often each rule was met and did its work, as "#met,done"; sim_mischief_read takes that too. */
void sim_mischief_write(const struct sim_mischief *mischief, struct buf *out);
const char *sim_evil_name(enum sim_evil evil);

struct sim {
    /* Set by sim_open, constant from then on: any thread reads freely. */
    struct app *app;
    char *secret_key, *publishable_key, *webhook_secret, *webhook_url;
    void *multi;             /* curl's; the sender's thread, but for its wake-up */

    /* Guarded by lock. Held for one call's transaction or one look at the deliveries, never across a sending or a wait. */
    pthread_mutex_t lock;
    sqlite3 *db;
    struct sim_mischief mischief;

    /* Guarded by keys_lock, which is held for a few instructions and with no other lock. */
    pthread_mutex_t keys_lock;
    struct sim_busy_key *busy; /* Idempotency-Keys of calls under way */
    int held;                  /* calls that mischief makes wait */

    atomic_bool stopping;
    pthread_t sender;
};

/* ---- rows (sim_rows.c); the lock must be held ---- */

/* Prepare, with text and int64_t arguments bound in order: 's' text (NULL binds NULL), 'i' int64_t. */
sqlite3_stmt *sim_prepare(struct sim *sim, const char *sql, const char *types, ...);
/* The same, stepped to its end; the number of rows changed, or -1 when the file failed. */
int64_t sim_run(struct sim *sim, const char *sql, const char *types, ...);
/* The first column of its first row; 0 when there is none. */
int64_t sim_count(struct sim *sim, const char *sql, const char *types, ...);
bool sim_rows_open(struct sim *sim, const char *path, struct buf *error);

/* A reference that the arena drops, or NULL. `trait` may be NULL; else a copy in the arena, or NULL. */
json_t *sim_object(struct sim *sim, struct arena *arena, const char *kind, const char *id, const char **trait);
void sim_insert(struct sim *sim, const char *kind, const char *parent, const char *trait, json_t *object);
void sim_update(struct sim *sim, json_t *object);
void sim_set_trait(struct sim *sim, const char *id, const char *trait);
/* "pi_" and 24 letters and digits. */
char *sim_new_id(struct arena *arena, const char *prefix);
/* What is kept under a name across restarts; NULL when nothing is. */
char *sim_kept(struct sim *sim, struct arena *arena, const char *name);
void sim_keep(struct sim *sim, const char *name, const char *value);

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
    bool stands;                 /* refused, and yet something happened that is to stay: a decline */
    bool replayed;
    bool cut;                    /* no answer: the connection is reset */
};

/* Begin a call of a request: its form is read, its key judged. False: it is refused, and the answer is there. */
bool sim_call_begin(struct req *req, struct sim_call *call);
/* In one transaction: what the Idempotency-Key remembers, or `serve` and what is kept of it. A refusal leaves nothing but a decline's traces. */
void sim_carry_out(struct sim_call *call, bool (*serve)(struct sim_call *call));
/* Write the reply and let go of the answer. */
void sim_reply(struct req *req, struct sim_call *call);
/* Wait, but not when the server ends, nor when this would leave no thread of the lane for others: then false at once. */
bool sim_hold(struct sim *sim, int64_t ms);
bool sim_same(const char *a, const char *b); /* in constant time */

/* ---- mischief at work (sim_mischief.c) ---- */

/* What befalls this call: its error or its wait, and what is for sim_mischief_after. False: it ends here. The lock must not be held. */
bool sim_mischief_before(struct sim_call *call, struct sim_fate *after);
void sim_mischief_after(struct sim_call *call, const struct sim_fate *after);
/* One thing of this name comes by the rules of `evil`: the first that it meets its fate at, or NULL. `number` (may be NULL) follows from the seed,
 * the rule and its turn. The lock must be held, a transaction open. */
const struct sim_rule *sim_mischief_take(struct sim *sim, enum sim_evil evil, const char *name, uint64_t *number);
/* At the start: the setting, else what was set by call before. */
bool sim_mischief_open(struct sim *sim, const char *setting, struct buf *error);
void sim_mischief_keep(struct sim *sim);

/* ---- answers (sim_answer.c) ---- */

/* An error as Stripe words it. Any of code and param may be NULL. Always returns false, for `return`. */
bool sim_error(struct sim_call *call, int status, const char *type, const char *code, const char *param, const char *format, ...) PRINTF_LIKE(6, 7);
#define sim_bad(call, param, ...) sim_error((call), 400, "invalid_request_error", NULL, (param), __VA_ARGS__)
bool sim_missing(struct sim_call *call, const char *what, const char *id);
bool sim_needs_secret(struct sim_call *call);
bool sim_no_such_url(struct sim_call *call);
/* "https://stripe.com/docs/error-codes/card-declined" */
char *sim_doc_url(struct arena *arena, const char *code);
/* Answer with the object (a reference is taken), expanded as the form asks. */
bool sim_answer(struct sim_call *call, json_t *object);
/* Answer with a status of its own; takes the reference. */
void sim_answer_with(struct sim_call *call, int status, json_t *answer);
/* Names that the form may have at its top; anything else is parameter_unknown. NULL-terminated; "expand" always may. */
bool sim_known_names(struct sim_call *call, const char *const *names);
/* metadata[...] of the form, merged into the object's. */
bool sim_metadata(struct sim_call *call, json_t *object);
/* A whole number of min..max; *given false when absent. */
bool sim_int(struct sim_call *call, const char *name, int64_t min, int64_t max, int64_t *out, bool *given);
/* One of the words, or absent. */
bool sim_word(struct sim_call *call, const char *name, const char *const *words);
/* "true" and "false"; anything else is refused. */
bool sim_flag(struct sim_call *call, const char *name, bool *out);

/* A JSON text as a new object with a new id and the time; the arena drops it. */
json_t *sim_new(struct sim_call *call, const char *prefix, const char *json);
const char *sim_text(json_t *object, const char *name);
json_int_t sim_number(json_t *object, const char *name);
bool sim_is(json_t *object, const char *name, const char *text);
void sim_set_text(json_t *object, const char *name, const char *text); /* NULL sets null */
void sim_set_number(json_t *object, const char *name, json_int_t number);
void sim_set_bool(json_t *object, const char *name, bool value);
bool sim_one_of(const char *text, const char *const *words);
bool sim_begins(const char *text, const char *with);

/* ---- lists (sim_list.c) ---- */

struct sim_list_of {
    const char *kind, *parent;       /* parent NULL: all of the kind */
    const char *const *equal;        /* names of the form that filter by the object's field of the same name; NULL-terminated, or NULL */
    const char *const *names;        /* further names that the form may have */
};
bool sim_list(struct sim_call *call, const struct sim_list_of *of);
/* The intent that a list is asked for, by payment_intent or by charge; NULL: neither was named. */
const char *sim_list_parent(struct sim_call *call);

/* ---- events and what happens later (sim_events.c) ---- */

/* Note that something happened to `object`: an event, and its deliveries. */
void sim_event(struct sim_call *call, const char *type, json_t *object);
/* Store the changed object and note it; the event says what it was before, where Stripe's does. */
void sim_changed(struct sim_call *call, json_t *object, const char *type);
/* Something to be done later by the sender's thread. */
void sim_later(struct sim_call *call, const char *what, const char *object, int64_t after_ms);
void sim_not_later(struct sim_call *call, const char *object);
/* Do it. `outcome` NULL: as the test card wants it. */
void sim_do_later(struct sim_call *call, const char *what, const char *object, const char *outcome);

/* ---- money (sim_money.c) ---- */

/* A currency of Stripe's list, in lower case. */
bool sim_currency(struct sim_call *call, const char *text, char out[4]);
/* Not below the currency's minimum, nor a fraction that it has not. */
bool sim_amount(struct sim_call *call, const char *currency, int64_t amount);
/* Move money: a balance transaction. Returns its id, in the arena. `at_once`: available now, not in two days. */
const char *sim_move(struct sim_call *call, const char *type, const char *category, json_t *source, json_int_t amount, json_int_t fee, bool at_once);
json_int_t sim_fee(json_int_t amount);
/* "42.00 eur", "4200 jpy" */
char *sim_money_text(struct arena *arena, const char *currency, json_int_t amount);
/* {"available":[...],"pending":[...]}; a new reference. */
json_t *sim_balance_now(struct sim_call *call);

/* ---- resources; each answers or refuses through the call ---- */

bool sim_intents(struct sim_call *call, const char *rest);   /* behind "payment_intents" */
bool sim_payment_methods(struct sim_call *call, const char *rest);
bool sim_refunds(struct sim_call *call, const char *rest);
bool sim_charges(struct sim_call *call, const char *rest);
bool sim_disputes(struct sim_call *call, const char *rest);
bool sim_balance(struct sim_call *call, const char *rest);
bool sim_balance_transactions(struct sim_call *call, const char *rest);
bool sim_events(struct sim_call *call, const char *rest);
bool sim_endpoints(struct sim_call *call, const char *rest); /* behind "webhook_endpoints" */

/* ---- test cards (sim_cards.c) ---- */

enum sim_habit {
    HABIT_NONE,
    HABIT_ASKS,            /* 3-D Secure first */
    HABIT_BANK,            /* a bank's debit: it is under way for a while; `code` says that it will fail */
    HABIT_NEVER_SETTLES,   /* ... until told */
    HABIT_REFUND_PENDING, HABIT_REFUND_FAILS,
    HABIT_FRAUDULENT, HABIT_NOT_RECEIVED, HABIT_INQUIRY, /* the charge is disputed */
    HABIT_AVAILABLE,       /* its money is available at once */
    HABIT_CVC_FAILS,
};
struct sim_card {
    const char *number, *brand, *country;
    const char *names[3];        /* payment methods: "pm_card_visa", ... */
    enum sim_habit habit;
    const char *code, *decline_code, *param, *message; /* NULL: it pays */
};
const struct sim_card *sim_card_named(const char *payment_method);
const struct sim_card *sim_card_numbered(const char *number);
const struct sim_card *sim_card_at(size_t i); /* NULL behind the last */
/* Do its digits add up (ISO/IEC 7812)? */
bool sim_card_luhn(const char *number);

/* ---- payment methods (sim_methods.c) ---- */

/* The method that a call names, in one of three ways; NULL and true when it names none. */
bool sim_method_named(struct sim_call *call, json_t **out);
json_t *sim_method(struct sim_call *call, const char *id, const struct sim_card **card);

/* ---- paying (sim_confirm.c) ---- */

/* The changed intent is in `intent` on true; else the call has its error. */
bool sim_confirm(struct sim_call *call, json_t *intent);
bool sim_authenticated(struct sim_call *call, json_t *intent, bool passed);
bool sim_intent_error(struct sim_call *call, json_t *intent, const char *format, ...) PRINTF_LIKE(3, 4);
/* What was authorized is taken, all or a part of it; or given back. */
void sim_capture(struct sim_call *call, json_t *intent, int64_t amount);
void sim_release(struct sim_call *call, json_t *intent, const char *event);
/* A debit that is under way ends. */
void sim_settle_intent(struct sim_call *call, const char *id, const char *outcome);
void sim_expire_capture(struct sim_call *call, const char *id);

/* ---- refunds and disputes ---- */

void sim_settle_refund(struct sim_call *call, const char *id, bool succeeds, const char *reason);
/* `reason` in Stripe's words; inquiry: no money moves yet. False: the call has its error. */
bool sim_dispute_open(struct sim_call *call, json_t *charge, const char *reason, bool inquiry, json_t **out);
void sim_dispute_decide(struct sim_call *call, const char *id, const char *outcome);
/* Is money of this charge in dispute, or lost to one? */
bool sim_charge_disputed(struct sim_call *call, json_t *charge);

/* ---- webhooks (sim_endpoints.c, sim_sender.c) ---- */

void *sim_sender_main(void *sim);
void sim_wake(struct sim *sim);
/* Plan the deliveries of an event: to our own server, if it is a kind that it takes, and to every endpoint that asked for it. How many. */
int sim_plan_deliveries(struct sim *sim, const char *event_id, const char *type);

/* ---- the hand on the simulator (sim_control.c) ---- */

enum err sim_control(struct req *req);

/* ---- pages (sim_page.c) ---- */

enum err sim_page_show(struct req *req);
enum err sim_page_take(struct req *req);
enum err sim_page_style(struct req *req);

#endif
