/*
 * registration_people.c - a person's orders in the export, and what becomes of them when the person leaves.
 *
 * An order stays, for accounting and for the seat that was paid: its number,
 * items, amounts and times. Holds are given back, and the names and addresses
 * that were typed into an order go, those of other people too: they were the
 * buyer's to give. Its tickets then bear what is left of the account's name.
 */
#include <stdlib.h>

#include "registrations/registration_list.h"
#include "registrations/registration_rows.h"

SQL(person_walk_sql, "SELECT id, event FROM registration WHERE account = :account AND id > :after ORDER BY id LIMIT :limit");
SQL(person_forget_sql, "UPDATE registration SET attendees = NULL WHERE id = :id AND attendees IS NOT NULL");

size_t registrations_of_person(struct tx *tx, struct person_walk *walk, struct registration_ref *out)
{
    struct query *q = query(tx, &person_walk_sql);
    size_t count = 0;

    bind_id(q, ":account", &walk->account);
    bind_id(q, ":after", &walk->after);
    bind_int(q, ":limit", PERSON_SLICE);
    while (count < PERSON_SLICE && query_row(q))
        out[count++] = (struct registration_ref){ col_id(q, 0), col_id(q, 1) };
    query_end(q);
    if (count)
        walk->after = out[count - 1].id;
    walk->more = count == PERSON_SLICE;
    return count;
}

static int by_event(const void *a, const void *b)
{
    const struct registration_ref *x = a, *y = b;
    int order = id_compare(&x->event, &y->event);

    return order ? order : id_compare(&x->id, &y->id);
}

size_t registrations_of_person_by_event(struct person_walk *walk, struct registration_ref *out)
{
    struct tx tx = { .app = walk->app };
    size_t count;

    reader_begin(walk->reader, &tx, walk->arena, walk->fault);
    count = registrations_of_person(&tx, walk, out);
    reader_end(walk->reader, &tx);
    qsort(out, count, sizeof *out, by_event);
    return count;
}

/* A hold that goes back writes some rows beside its own, so a write takes fewer of them than a slice has. */
#define REFS_A_WRITE 20

struct change {
    enum err (*run)(struct tx *tx, const struct registration_ref *refs, size_t count);
    const struct registration_ref *refs;
    size_t count;
};

static enum err change_run(struct tx *tx, void *arg)
{
    const struct change *change = arg;

    return change->run(tx, change->refs, change->count);
}

enum err registrations_of_person_change(struct person_walk *walk, enum err (*run)(struct tx *tx, const struct registration_ref *refs, size_t count))
{
    struct registration_ref *refs = ARENA_ARRAY(walk->arena, PERSON_SLICE, struct registration_ref);
    size_t count = registrations_of_person_by_event(walk, refs), from = 0;
    enum err e = ERR_OK;

    while (from < count && !e) {
        struct change change = { run, refs + from, 0 };
        struct arena *own = arena_new(0);

        while (from < count && change.count < REFS_A_WRITE && id_equal(&refs[from].event, &change.refs->event)) {
            change.count++;
            from++;
        }
        e = store_write_wait(walk->app->store, own, NULL, &change.refs->event, false, change_run, &change);
        arena_free(own);
    }
    return e;
}

/* ---- the export ---- */

static void write_registrations(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct registration_filter everything = { 0 };
    struct page page = { .limit = PERSON_SLICE, .after = !id_is_zero(&walk->after), .id = walk->after };
    struct registration *regs;
    size_t count = registrations_of_account(tx, &walk->account, &everything, &page, &regs, &walk->after, &walk->more);

    for (size_t i = 0; i < count; i++)
        registration_json(out, NULL, tx, &regs[i]);
}

/* ---- leaving ---- */

/* What is paid for a hold from here on is refunded: the seats are somebody else's now. */
static enum err leave_hold(struct tx *tx, const struct registration *reg)
{
    char key[ID_TEXT_LEN + 1];
    enum err e = registration_give_back(tx, &reg->id);

    if (!e && reg->intent) {
        id_format(&reg->id, key);
        job_ask(tx, "intent-cancel", key, NULL, 0);
    }
    return e;
}

static enum err leave(struct tx *tx, const struct registration_ref *refs, size_t count)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < count && !e; i++) {
        struct registration reg;
        struct query *q;

        if (!registration_find(tx, &refs[i].id, &reg))
            continue;
        if (reg.status == REGISTRATION_PENDING)
            e = leave_hold(tx, &reg);
        q = query(tx, &person_forget_sql);
        bind_id(q, ":id", &reg.id);
        if (query_run(q) == 1)
            tx_note(tx, "registration.names-removed", &reg.id, &reg.event);
    }
    return e;
}

static enum err forget_registrations(struct person_walk *walk)
{
    return registrations_of_person_change(walk, leave);
}

const struct person_part registration_people[] = {
    { .name = "registrations", .holds = "registration.id registration.account registration.attendees", .write = write_registrations,
      .forget = forget_registrations },
    { .name = "limits", .holds = "account_quota.account discount_use.account", .unexported = "What limits of tickets an account are counted by repeats your registrations.",
      .kept = "Counts of orders that stay, under the account's number." },
    PERSON_END
};
