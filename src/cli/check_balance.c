/* check_balance.c - the ledger against what the provider's account really moved. */
#include "cli/check.h"

#include <stdlib.h>
#include <string.h>

#include "payments/balance.h"
#include "payments/ledger.h"
#include "registrations/registration.h"

/* A charge may get its transaction an hour after it was made; what lies closer to where reading ended is left for the next time. */
#define SLACK_MS INT64_C(3900000)
/* The account's own, and those of what was paid. */
#define CURRENCIES_MAX 8

SQL(check_balance_ledger, "SELECT kind, amount, currency, at FROM ledger WHERE registration = :registration");
SQL(check_balance_rows, "SELECT id, amount, fee, currency FROM balance_transaction WHERE registration = :registration");
SQL(check_balance_intents, "SELECT intent FROM payment WHERE registration = :registration AND intent IS NOT NULL");
SQL(check_balance_pending, "SELECT 1 FROM refund WHERE registration = :registration AND status = 1");

/* In one currency: what moved and what was taken of it (negative), in the ledger and at the provider. */
struct books {
    char currency[4];
    bool in_ledger, in_balance;
    int64_t moved, fees, balance_moved, balance_fees;
};
struct compared {
    struct books books[CURRENCIES_MAX];
    size_t count, ledger_rows, balance_rows;
    bool early, at_work;       /* not all of it was read yet; or a job sees to it */
};

void check_balance_begin(struct check *check)
{
    const char *text = store_meta_get(check->tx, BALANCE_CURSOR);

    check->balance_read_to_ms = text ? strtoll(text, NULL, 10) * 1000 : 0;
}

static struct books *books_of(struct compared *all, const char *currency)
{
    for (size_t i = 0; i < all->count; i++)
        if (strncmp(all->books[i].currency, currency, 3) == 0)
            return &all->books[i];
    if (all->count == CURRENCIES_MAX)
        return NULL;
    memcpy(all->books[all->count].currency, currency, MIN(strlen(currency), (size_t)3));
    return &all->books[all->count++];
}

static void read_ledger(struct check *check, const struct registration *reg, struct compared *all)
{
    struct query *q = query(check->tx, &check_balance_ledger);

    bind_id(q, ":registration", &reg->id);
    for (; query_row(q); all->ledger_rows++) {
        struct books *books = books_of(all, col_text(q, 2, check->tx->arena));
        bool fee = col_int(q, 0) == LEDGER_FEE;

        all->early |= !books || col_int(q, 3) > check->balance_read_to_ms - SLACK_MS;
        if (!books)
            continue;
        books->in_ledger |= !fee;
        *(fee ? &books->fees : &books->moved) += col_int(q, 1);
    }
    query_end(q);
}

static void read_balance(struct check *check, const struct registration *reg, struct compared *all)
{
    static const char *const kinds[] = { "balance", NULL };
    struct query *q = query(check->tx, &check_balance_rows);

    bind_id(q, ":registration", &reg->id);
    for (; query_row(q); all->balance_rows++) {
        struct books *books = books_of(all, col_text(q, 3, check->tx->arena));

        all->early |= !books;
        all->at_work |= check_has_job(check, kinds, col_text(q, 0, check->tx->arena));
        if (!books)
            continue;
        books->in_balance |= col_int(q, 1) != 0;
        books->balance_moved += col_int(q, 1);
        books->balance_fees -= col_int(q, 2);
    }
    query_end(q);
}

/* A sync that was asked for, or a refund that the bank has not carried out: the provider may move it any day. */
static bool at_work(struct check *check, const struct registration *reg)
{
    static const char *const kinds[] = { "stripe-sync", "intent-cancel", NULL };
    struct query *q = query(check->tx, &check_balance_pending);
    bool found;

    bind_id(q, ":registration", &reg->id);
    found = query_row(q);
    query_end(q);
    q = query(check->tx, &check_balance_intents);
    bind_id(q, ":registration", &reg->id);
    while (!found && query_row(q))
        found = check_has_job(check, kinds, col_text(q, 0, check->tx->arena));
    query_end(q);
    return found;
}

/* Where the account is kept in another currency than was paid, what moved there is not what was paid, and only the fees are told in the same one. */
static bool is_exchanged(const struct compared *all)
{
    bool only_balance = false, only_ledger = false;

    for (size_t i = 0; i < all->count; i++) {
        only_balance |= all->books[i].in_balance && !all->books[i].in_ledger;
        only_ledger |= all->books[i].in_ledger && !all->books[i].in_balance;
    }
    return only_balance && only_ledger;
}

void check_balance_of(struct check *check, const struct registration *reg)
{
    struct compared all = { 0 };
    bool exchanged;

    if (!check->balance_read_to_ms)
        return;
    read_ledger(check, reg, &all);
    read_balance(check, reg, &all);
    if ((!all.ledger_rows && !all.balance_rows) || all.early || all.at_work || at_work(check, reg))
        return;
    if (!all.balance_rows) {
        check->balance_absent++;
        return;
    }
    check->balance_compared++;
    exchanged = is_exchanged(&all);
    for (size_t i = 0; i < all.count; i++) {
        const struct books *books = &all.books[i];
        int64_t ledger = books->fees + (exchanged ? 0 : books->moved), balance = books->balance_fees + (exchanged ? 0 : books->balance_moved);

        if (ledger != balance)
            check_breach(check, CHECK_MONEY, "registration", &reg->id, "has %s of %" PRId64 " %s in the ledger; the provider's balance has %" PRId64,
                         exchanged ? "fees" : "money", ledger, books->currency, balance);
    }
}
