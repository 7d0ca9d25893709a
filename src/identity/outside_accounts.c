/*
 * outside_accounts.c - see outside.h: the rows of another issuer's people, made and kept up with what their tokens say.
 *
 * A token is judged on a loop, which writes nothing. A row that is missing, or
 * that says something else than the token, is seen to by a small write that
 * nobody waits for: once a token, since http remembers it from then on. A first
 * request that writes may be faster than that, so the check that stands before
 * every write makes the row too, in the same transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "identity/outside.h"
#include "identity/parts.h"

/* What a row has of its person. Texts may be NULL. */
struct person {
    struct id id;
    const char *email, *name, *handle;
    bool has_groups;
    unsigned groups;
};

SQL(outside_update_sql, "UPDATE account SET email = :email, email_key = :email_key, name = :name, groups = :groups, updated_at = :now"
                        " WHERE id = :id AND status = 1");

/* ---- rows ---- */

/* What the row is found by. Issuers give an address to one person after another, and some to two at a time; the first one here has it alone. */
static const char *key_of(struct tx *tx, const struct person *person, const char *email)
{
    const char *key = *email ? account_fold_email(tx->arena, email) : NULL;
    char id[ID_TEXT_LEN + 1];
    struct account other;

    if (key && (!account_by_email(tx, email, &other) || id_equal(&other.id, &person->id)))
        return key;
    id_format(&person->id, id);
    return arena_printf(tx->arena, "%s#%s", key ? key : "", id);
}

/* Without an address mail has nobody to go to, and passes it over. */
static void insert(struct tx *tx, const struct person *person)
{
    const char *email = person->email ? person->email : "";
    struct account account = {
        .id = person->id, .email = email, .email_key = key_of(tx, person, email), .groups = person->groups, .status = ACCOUNT_CONFIRMED,
        .name = person->name ? person->name : person->handle ? person->handle : *email ? NULL : "Guest",
    };

    account_insert(tx, &account);
    tx_note(tx, "account.outside", &person->id, NULL);
}

static bool differs(const char *text, const char *row)
{
    return text && (!row || strcmp(text, row) != 0);
}

/* The row is as the token says, where that says anything. */
static bool agrees(const struct person *person, const struct account *row)
{
    return !differs(person->email, row->email) && !differs(person->name, row->name) && (!person->has_groups || person->groups == row->groups);
}

static void update(struct tx *tx, const struct person *person, const struct account *row)
{
    const char *email = person->email ? person->email : row->email;
    struct query *q;

    const char *key = differs(person->email, row->email) ? key_of(tx, person, email) : row->email_key;
    q = query(tx, &outside_update_sql);
    bind_id(q, ":id", &person->id);
    bind_text(q, ":email", email);
    bind_text(q, ":email_key", key);
    bind_text(q, ":name", person->name ? person->name : row->name);
    bind_int(q, ":groups", person->has_groups ? person->groups : row->groups);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
}

/* ---- the write that nobody waits for ---- */

struct keeping {
    struct write write;
    struct person person;
};

static enum err keep_run(struct write *write, struct tx *tx)
{
    const struct person *person = &CONTAINER_OF(write, struct keeping, write)->person;
    struct account row;

    if (!account_by_id(tx, &person->id, &row))
        insert(tx, person);
    else if (!agrees(person, &row))
        update(tx, person, &row);
    return ERR_OK;
}

static void keep_done(struct write *write, enum err outcome)
{
    arena_free(write->arena);
    free(CONTAINER_OF(write, struct keeping, write));
}

/* If the queue is full the next token does it. */
static void keep(struct app *app, const struct person *person)
{
    struct keeping *keeping = calloc(1, sizeof *keeping);

    if (!keeping)
        log_die("out of memory");
    struct arena *arena = arena_new(0);
    keeping->person = *person;
    keeping->person.email = arena_strdup(arena, person->email);
    keeping->person.name = arena_strdup(arena, person->name);
    keeping->person.handle = arena_strdup(arena, person->handle);
    keeping->write = (struct write){ .run = keep_run, .done = keep_done, .arena = arena, .fault = { .arena = arena }, .key = person->id };
    if (store_write(app->store, &keeping->write) != ERR_OK)
        keep_done(&keeping->write, ERR_BUSY);
}

/* ---- what http asks ---- */

enum err outside_authenticate(struct identity *identity, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    struct key_ring *ring = key_ring_take(identity);
    const char *groups_claim = identity->app->config->oidc_groups_claim;
    struct outside_claims claims;
    struct account row;

    if (!ring) {
        outside_ask(identity->outside);
        return fail(tx, ERR_BUSY, "The issuer of tokens cannot be reached to check this one.");
    }
    enum outside_worth worth = outside_judge(&ring->pool, groups_claim, tx->arena, token, len, clock_now_ms(), &claims);
    key_ring_drop(identity, ring);
    if (worth == OUTSIDE_NO_KEY)
        outside_ask(identity->outside);
    if (worth != OUTSIDE_GOOD)
        return ERR_UNAUTHENTICATED;

    struct person person = { claims.account, claims.email, claims.name, claims.handle, claims.has_groups, claims.groups };
    bool known = account_by_id(tx, &claims.account, &row);
    if (known && row.status != ACCOUNT_CONFIRMED)
        return ERR_UNAUTHENTICATED;
    if (!known || !agrees(&person, &row))
        keep(identity->app, &person);
    *out = (struct caller){
        .account = claims.account,
        .groups = claims.groups,
        .epoch = known ? row.epoch : 0,
        .email = claims.email ? claims.email : known && *row.email ? row.email : NULL,
        .name = claims.name ? claims.name : claims.handle,
        .session = claims.session,
        .expires_at_ms = claims.expires_at_s * 1000,
    };
    return ERR_OK;
}

enum err outside_still_valid(struct tx *tx, const struct caller *caller)
{
    struct person person = { caller->account, caller->email, caller->name, NULL, true, caller->groups };
    struct account row;

    if (account_by_id(tx, &caller->account, &row))
        return row.status == ACCOUNT_CONFIRMED && row.epoch == caller->epoch ? ERR_OK : ERR_UNAUTHENTICATED;
    if (caller->epoch != 0)
        return ERR_UNAUTHENTICATED;
    if (tx->writing)
        insert(tx, &person);
    return ERR_OK;
}
