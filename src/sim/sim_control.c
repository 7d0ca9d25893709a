/*
 * sim_control.c - a hand on the simulator, for tests and demonstrations, behind its secret key:
 *
 *     GET  /sim/state       everything that counts, in one answer
 *     GET  /sim/mischief    the rules, and what they have done
 *     POST /sim/mischief    rules=TEXT: from now on (sim_mischief.c); empty: none
 *     POST /sim/settle      [object=ID] [outcome=succeeded|failed|won|lost]: what would happen later happens now
 *     POST /sim/deliver     what webhooks are planned are tried now; answers when each was
 *     POST /sim/dispute     payment_intent=ID or charge=ID [reason=...] [inquiry=true]
 *     POST /sim/reset       back to an empty simulator
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "sim/sim_inside.h"

#define STATE_MAX 10000 /* of each kind; the newest */
#define SETTLE_MAX 1000 /* at a time */
#define DELIVER_WAIT_MS 20000

static bool answer_new(struct sim_call *call, json_t *answer)
{
    sim_answer_with(call, 200, answer);
    return true;
}

/* ---- what there is ---- */

static json_t *summary(json_t *object, const char *const *fields)
{
    json_t *out = json_object();

    for (; *fields; fields++)
        if (json_object_get(object, *fields))
            json_object_set(out, *fields, json_object_get(object, *fields));
    return out;
}

/* Oldest first. *whole false: there are more than are shown. */
static json_t *summaries(struct sim *sim, const char *kind, const char *const *fields, bool *whole)
{
    json_t *out = json_array();
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT json FROM object WHERE kind = ?1 AND seq > coalesce((SELECT seq FROM object WHERE kind = ?1"
                                          " ORDER BY seq DESC LIMIT 1 OFFSET ?2), 0) ORDER BY seq", "si", kind, (int64_t)STATE_MAX);

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *object = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);

        json_array_append_new(out, summary(object, fields));
        json_decref(object);
    }
    sqlite3_finalize(stmt);
    *whole = *whole && json_array_size(out) < STATE_MAX;
    return out;
}

static bool show_state(struct sim_call *call)
{
    static const char *const intent[] = { "id", "status", "amount", "amount_received", "amount_capturable", "currency", "latest_charge", "metadata", "created", NULL };
    static const char *const charge[] = { "id", "status", "amount", "amount_captured", "amount_refunded", "currency", "disputed", "payment_intent",
                                          "balance_transaction", NULL };
    static const char *const refund[] = { "id", "status", "amount", "currency", "charge", "payment_intent", "balance_transaction", "failure_reason", "metadata", NULL };
    static const char *const dispute[] = { "id", "status", "amount", "currency", "charge", "payment_intent", "reason", NULL };
    struct sim *sim = call->sim;
    struct buf rules = buf_in(call->arena);
    bool whole = true;
    json_t *answer = json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "object", "state", "now", (json_int_t)call->now_s, "payment_intents",
                               summaries(sim, "payment_intent", intent, &whole), "charges", summaries(sim, "charge", charge, &whole), "refunds",
                               summaries(sim, "refund", refund, &whole), "disputes", summaries(sim, "dispute", dispute, &whole), "balance",
                               sim_balance_now(call));

    sim_mischief_write(&sim->mischief, &rules);
    sim_set_number(answer, "events", sim_count(sim, "SELECT count(*) FROM object WHERE kind = 'event'", ""));
    sim_set_number(answer, "deliveries", sim_count(sim, "SELECT count(*) FROM delivery", ""));
    sim_set_number(answer, "later", sim_count(sim, "SELECT count(*) FROM later WHERE what NOT IN ('capture-expire', 'dispute-due')", ""));
    sim_set_bool(answer, "whole", whole);
    sim_set_text(answer, "mischief", rules.data);
    return answer_new(call, answer);
}

/* ---- mischief ---- */

static bool show_mischief(struct sim_call *call)
{
    const struct sim_mischief *mischief = &call->sim->mischief;
    struct buf text = buf_in(call->arena);
    json_t *rules = json_array();

    sim_mischief_write(mischief, &text);
    for (size_t i = 0; i < mischief->count; i++) {
        const struct sim_rule *rule = &mischief->rules[i];
        json_t *turns = json_array();

        for (size_t n = 0; n < rule->turn_count; n++)
            json_array_append_new(turns, json_integer(rule->turns[n]));
        json_array_append_new(rules, json_pack("{s:s, s:I, s:f, s:o, s:s, s:I, s:I}", "kind", sim_evil_name(rule->evil), "ms", (json_int_t)rule->ms, "chance",
                                               rule->chance, "turns", turns, "scope", rule->scope, "met", (json_int_t)rule->met, "done", (json_int_t)rule->done));
    }
    return answer_new(call, json_pack("{s:s, s:s, s:I, s:o}", "object", "mischief", "text", text.data, "seed", (json_int_t)mischief->seed, "rules", rules));
}

static bool set_mischief(struct sim_call *call)
{
    static const char *const names[] = { "rules", NULL };
    const char *text = sim_form_get(&call->form, "rules");
    struct sim_mischief read;
    struct buf error = buf_in(call->arena);

    if (!sim_known_names(call, names))
        return false;
    if (!text)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "rules", "Missing required param: rules.");
    if (!sim_mischief_read(text, &read, &error))
        return sim_bad(call, "rules", "%s", error.data);
    call->sim->mischief = read;
    sim_mischief_keep(call->sim);
    return show_mischief(call);
}

/* ---- now instead of later ---- */

struct due {
    int64_t id;
    const char *what, *object;
};

static size_t planned(struct sim_call *call, const char *object, struct due *out)
{
    sqlite3_stmt *stmt = object ? sim_prepare(call->sim, "SELECT id, what, object FROM later WHERE object = ? ORDER BY due, id LIMIT ?", "si", object, (int64_t)SETTLE_MAX)
                                : sim_prepare(call->sim, "SELECT id, what, object FROM later WHERE what NOT IN ('capture-expire', 'dispute-due')"
                                                         " ORDER BY due, id LIMIT ?", "i", (int64_t)SETTLE_MAX);
    size_t count = 0;

    while (sqlite3_step(stmt) == SQLITE_ROW)
        out[count++] = (struct due){ sqlite3_column_int64(stmt, 0), arena_strdup(call->arena, (const char *)sqlite3_column_text(stmt, 1)),
                                     arena_strdup(call->arena, (const char *)sqlite3_column_text(stmt, 2)) };
    sqlite3_finalize(stmt);
    return count;
}

/* An object for which nothing is planned, told how it ends. */
static bool settle_named(struct sim_call *call, const char *id, const char *outcome)
{
    if (sim_object(call->sim, call->arena, "payment_intent", id, NULL))
        sim_settle_intent(call, id, outcome);
    else if (sim_object(call->sim, call->arena, "refund", id, NULL))
        sim_settle_refund(call, id, !outcome || strcmp(outcome, "failed") != 0, "unknown");
    else if (sim_object(call->sim, call->arena, "dispute", id, NULL))
        sim_dispute_decide(call, id, outcome ? outcome : "lost");
    else if (!sim_object(call->sim, call->arena, "charge", id, NULL))
        return false;
    return true;
}

static bool settle(struct sim_call *call)
{
    static const char *const names[] = { "object", "outcome", NULL };
    static const char *const outcomes[] = { "succeeded", "failed", "won", "lost", NULL };
    const char *object = sim_form_get(&call->form, "object"), *outcome = sim_form_get(&call->form, "outcome");
    struct due *due = ARENA_ARRAY(call->arena, SETTLE_MAX, struct due);
    size_t count;

    if (!sim_known_names(call, names) || !sim_word(call, "outcome", outcomes))
        return false;
    count = planned(call, object, due);
    for (size_t i = 0; i < count; i++) {
        sim_run(call->sim, "DELETE FROM later WHERE id = ?", "i", due[i].id);
        sim_do_later(call, due[i].what, due[i].object, outcome);
    }
    if (!count && object && !settle_named(call, object, outcome))
        return sim_missing(call, "object", object);
    return answer_new(call, json_pack("{s:s, s:I}", "object", "settled", "count", (json_int_t)count));
}

static bool dispute(struct sim_call *call)
{
    static const char *const names[] = { "payment_intent", "charge", "reason", "inquiry", NULL };
    static const char *const reasons[] = { "fraudulent", "product_not_received", "product_unacceptable", "duplicate", "credit_not_processed", "unrecognized",
                                           "subscription_canceled", "general", NULL };
    const char *intent_id = sim_form_get(&call->form, "payment_intent"), *id = sim_form_get(&call->form, "charge"), *reason = sim_form_get(&call->form, "reason");
    json_t *intent = intent_id ? sim_object(call->sim, call->arena, "payment_intent", intent_id, NULL) : NULL, *charge, *made;
    bool inquiry;

    if (!sim_known_names(call, names) || !sim_word(call, "reason", reasons) || !sim_flag(call, "inquiry", &inquiry))
        return false;
    id = intent && sim_text(intent, "latest_charge") ? sim_text(intent, "latest_charge") : id;
    charge = id ? sim_object(call->sim, call->arena, "charge", id, NULL) : NULL;
    if (!charge)
        return sim_missing(call, "charge", id ? id : intent_id ? intent_id : "");
    return sim_dispute_open(call, charge, reason ? reason : "fraudulent", inquiry, &made) && sim_answer(call, made);
}

/* Deleting whole tables is a few pages' work, however much was in them. */
static bool reset(struct sim_call *call)
{
    static const char *const tables[] = { "DELETE FROM object", "DELETE FROM kept_answer", "DELETE FROM delivery", "DELETE FROM later", "DELETE FROM kept" };

    for (size_t i = 0; i < COUNT(tables); i++)
        sim_run(call->sim, tables[i], "");
    call->sim->mischief = (struct sim_mischief){ .seed = 1 };
    sim_mischief_keep(call->sim);
    return answer_new(call, json_pack("{s:s}", "object", "reset"));
}

/* ---- webhooks now ---- */

static bool ask_for_all(struct sim_call *call)
{
    int64_t asked = sim_run(call->sim, "UPDATE delivery SET asked = 1, due = min(due, ?)", "i", clock_now_ms());

    return answer_new(call, json_pack("{s:s, s:I}", "object", "deliveries", "tried", (json_int_t)asked));
}

/* The sender tries them; the wait is no lock's. */
static void wait_for_all(struct sim_call *call)
{
    const struct timespec pause = { 0, 5000000 };
    int64_t until_us = clock_mono_us() + INT64_C(1000) * DELIVER_WAIT_MS, left = 1;

    sim_wake(call->sim);
    while (left && clock_mono_us() < until_us && !atomic_load(&call->sim->stopping)) {
        pthread_mutex_lock(&call->sim->lock);
        left = sim_count(call->sim, "SELECT count(*) FROM delivery WHERE asked = 1", "");
        sim_set_number(call->answer, "waiting", sim_count(call->sim, "SELECT count(*) FROM delivery", ""));
        pthread_mutex_unlock(&call->sim->lock);
        if (left)
            nanosleep(&pause, NULL);
    }
}

/* ---- the address decides ---- */

static const struct {
    const char *method, *path;
    bool (*serve)(struct sim_call *call);
    void (*after)(struct sim_call *call); /* without the lock */
} hands[] = {
    { "GET", "/sim/state", show_state, NULL },      { "GET", "/sim/mischief", show_mischief, NULL }, { "POST", "/sim/mischief", set_mischief, NULL },
    { "POST", "/sim/settle", settle, NULL },        { "POST", "/sim/deliver", ask_for_all, wait_for_all }, { "POST", "/sim/dispute", dispute, NULL },
    { "POST", "/sim/reset", reset, NULL },
};

enum err sim_control(struct req *req)
{
    struct sim_call call;

    if (!req->app->sim)
        return ERR_NOT_FOUND;
    if (sim_call_begin(req, &call) && !call.secret)
        sim_needs_secret(&call);
    for (size_t i = 0; i < COUNT(hands) && !call.answer; i++) {
        if (strcmp(hands[i].method, call.method) != 0 || strcmp(hands[i].path, req->route->path) != 0)
            continue;
        sim_carry_out(&call, hands[i].serve);
        if (hands[i].after && call.status == 200)
            hands[i].after(&call);
    }
    sim_reply(req, &call);
    return ERR_OK;
}
