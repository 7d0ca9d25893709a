/*
 * leave.c - somebody leaves: the account goes at once, what hangs on it in the rooms above by a job.
 *
 * The transaction that deletes the account asks for the job "forget" under its
 * id. That walks what the modules hold on a person (store/person.h), part after
 * part and slice after slice; after a while it asks for itself again and says
 * in its payload how far it came, so that other jobs get their turn and its
 * lease never ends while it works. Cut off, it begins where it last said so:
 * whatever it does twice, it finds done.
 *
 * It comes once more, later: what was under way when the account went (a ticket
 * being drawn, a payment being made, a mail being sent) may have written behind it.
 */
#include "identity/operations.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mail/mail.h"

#define RUN_MS 20000
#define RUN_SLICES 1000
/* Longer than any lease of a job or any work of a request. */
#define AGAIN_MS (10 * 60 * 1000)

SQL(leave_is_gone_sql, "SELECT 1 FROM account WHERE id = :id AND deleted_at IS NOT NULL");

/* ---- the account ---- */

/* Nobody's mail in the sense of mail.h: the job must not drop it. It holds the address until it was sent. */
static void bid_farewell(struct tx *tx, const struct account *account)
{
    struct mail_message message = {
        .to = account->email,
        .subject = "Your account was deleted",
        .text = "Your Usher account was deleted just now. Tickets that were bought with it stay good, without your name on them:\n"
                "keep their PDFs, for they cannot be sent again. What accounting must keep is kept without your name and address.\n",
        .id = id_new(tx->now_ms),
    };

    mail_ask(tx, &message);
}

static void ask_forget(struct tx *tx, const struct id *account, const char *payload, int64_t at_ms)
{
    char key[ID_TEXT_LEN + 1];

    id_format(account, key);
    job_ask(tx, "forget", key, payload, at_ms);
}

enum err account_leave(struct tx *tx, const struct account *account)
{
    if (account_sells(tx, &account->id))
        return fail(tx, ERR_CONFLICT, "This account has published events that have not ended: cancel them first, or wait until they are over.");
    bid_farewell(tx, account);
    account_delete(tx, &account->id);
    ask_forget(tx, &account->id, NULL, 0);
    tx_note(tx, "account.deleted", &account->id, NULL);
    return ERR_OK;
}

enum err account_remove(struct tx *tx, const char *email)
{
    struct account account;

    if (!account_by_email_or_id(tx, email, &account))
        return fail(tx, ERR_NOT_FOUND, "there is no account with this address");
    return account_leave(tx, &account);
}

/* ---- the job: its payload, where there is one, is "<round>", or "<round> <part> <after> <after_n>" with '-' for no id ---- */

struct forgetting {
    struct person_walk walk;
    int round;               /* 1, and 2 for the later look */
    char part[64];           /* where to go on; "": at the beginning */
    int64_t until_us;
    int slices;              /* that are left of this turn */
};

static bool turn_is_over(const struct forgetting *forgetting)
{
    return forgetting->slices <= 0 || clock_mono_us() >= forgetting->until_us;
}

static bool is_part(const struct app *app, const char *name)
{
    for (const struct person_part *const *table = app->people; table && *table; table++)
        for (const struct person_part *part = *table; part->name; part++)
            if (part->forget && strcmp(part->name, name) == 0)
                return true;
    return false;
}

/* A part that another version wrote down and this one does not know: from the beginning. */
static void read_payload(const char *payload, struct forgetting *out)
{
    char after[ID_TEXT_LEN + 1] = "";
    struct id id = { { 0 } };
    int64_t after_n = 0;
    int fields = payload ? sscanf(payload, "%d %63s %36s %" SCNd64, &out->round, out->part, after, &after_n) : 0;

    if (fields < 1)
        out->round = 1;
    if (fields < 4 || (strcmp(after, "-") != 0 && !id_parse(after, strlen(after), &id)) || !is_part(out->walk.app, out->part)) {
        out->part[0] = '\0';
        return;
    }
    out->walk.after = id;
    out->walk.after_n = after_n;
}

static const char *write_payload(struct arena *arena, const struct forgetting *forgetting)
{
    const struct person_walk *walk = &forgetting->walk;
    char after[ID_TEXT_LEN + 1] = "-";

    if (!id_is_zero(&walk->after))
        id_format(&walk->after, after);
    return arena_printf(arena, "%d %s %s %" PRId64, forgetting->round, forgetting->part, after, walk->after_n);
}

struct asking {
    const struct id *account;
    const char *payload;
    int64_t in_ms;
};

static enum err ask_again(struct tx *tx, void *arg)
{
    const struct asking *asking = arg;

    ask_forget(tx, asking->account, asking->payload, tx->now_ms + asking->in_ms);
    return ERR_OK;
}

static enum err ask_later(struct job *job, const struct forgetting *forgetting, const char *payload, int64_t in_ms)
{
    struct asking asking = { &forgetting->walk.account, payload, in_ms };
    struct arena *arena = arena_new(0);
    enum err e = store_write_wait(job->app->store, arena, NULL, asking.account, false, ask_again, &asking);

    arena_free(arena);
    return e;
}

/* Slices until the part is done or the turn is over; `walk.more` tells which. */
static enum err forget_part(struct forgetting *forgetting, const struct person_part *part)
{
    struct person_walk *walk = &forgetting->walk;
    enum err e;

    do {
        walk->more = false;
        e = part->forget(walk);
        arena_reset(walk->arena);
        forgetting->slices--;
    } while (!e && walk->more && !turn_is_over(forgetting));
    return e;
}

/* Every part from where the payload left off. True in `*over` when the turn is, with `part` and the walk where to go on. */
static enum err forget_parts(struct forgetting *forgetting, bool *over)
{
    struct person_walk *walk = &forgetting->walk;

    for (const struct person_part *const *table = walk->app->people; table && *table; table++)
        for (const struct person_part *part = *table; part->name; part++) {
            enum err e;

            if (!part->forget || (forgetting->part[0] && strcmp(part->name, forgetting->part) != 0))
                continue;
            e = forget_part(forgetting, part);
            if (e)
                return e;
            *over = walk->more;
            if (*over) {
                snprintf(forgetting->part, sizeof forgetting->part, "%s", part->name);
                return ERR_OK;
            }
            forgetting->part[0] = '\0';
            walk->after = (struct id){ { 0 } };
            walk->after_n = 0;
        }
    return ERR_OK;
}

static bool is_gone(struct job *job, const struct id *account)
{
    struct query *q;
    struct tx tx;
    bool gone;

    reader_begin(job->reader, &tx, job->arena, &job->fault);
    q = query(&tx, &leave_is_gone_sql);
    bind_id(q, ":id", account);
    gone = query_row(q);
    query_end(q);
    reader_end(job->reader, &tx);
    return gone;
}

enum err leave_run_forget(struct job *job)
{
    struct forgetting forgetting = { .walk = { .app = job->app, .reader = job->reader, .fault = &job->fault },
                                     .until_us = clock_mono_us() + INT64_C(1000) * RUN_MS, .slices = RUN_SLICES };
    bool over = false;
    enum err e;

    if (!job->key || !id_parse(job->key, strlen(job->key), &forgetting.walk.account) || !is_gone(job, &forgetting.walk.account))
        return ERR_OK;
    read_payload(job->payload, &forgetting);
    forgetting.walk.arena = arena_new(0);
    e = forget_parts(&forgetting, &over);
    arena_free(forgetting.walk.arena);
    if (e)
        return e;
    if (over)
        return ask_later(job, &forgetting, write_payload(job->arena, &forgetting), 0);
    return forgetting.round == 1 ? ask_later(job, &forgetting, "2", AGAIN_MS) : ERR_OK;
}
