/* check_ledger.c - the ledger, added up against the rows that it tells the story of. */
#include "cli/check.h"

#include <string.h>

#include "payments/ledger.h"
#include "registrations/registration.h"

SQL(check_ledger_rows, "SELECT kind, amount, event FROM ledger WHERE registration = :registration");
SQL(check_received, "SELECT CAST(COALESCE(sum(received), 0) AS BIGINT) FROM payment WHERE registration = :registration");
SQL(check_went_back, "SELECT CAST(COALESCE(sum(amount), 0) AS BIGINT) FROM refund WHERE registration = :registration AND status IN (1, 2)");
SQL(check_disputes, "SELECT intent, amount, status FROM dispute WHERE registration = :registration");

static int64_t sum_of(struct check *check, struct sql *sql, const struct registration *reg)
{
    struct query *q = query(check->tx, sql);
    int64_t sum;

    bind_id(q, ":registration", &reg->id);
    sum = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return sum;
}

/* needs_response, under_review, lost: the bank has it. */
static bool is_taken(int64_t status)
{
    return status == 2 || status == 3 || status == 6;
}

int64_t check_disputed(struct check *check, const struct registration *reg, const char *intent)
{
    struct query *q = query(check->tx, &check_disputes);
    int64_t sum = 0;

    bind_id(q, ":registration", &reg->id);
    while (query_row(q)) {
        const char *of = col_text(q, 0, check->tx->arena);

        if (intent && of && strcmp(of, intent) == 0 && is_taken(col_int(q, 2)))
            sum += col_int(q, 1);
    }
    query_end(q);
    return sum;
}

/* All that banks ever asked for back, and whether they have any of it now. */
static int64_t disputed_ever(struct check *check, const struct registration *reg, bool *taken)
{
    struct query *q = query(check->tx, &check_disputes);
    int64_t sum = 0;

    *taken = false;
    bind_id(q, ":registration", &reg->id);
    while (query_row(q)) {
        sum += col_int(q, 1);
        *taken |= is_taken(col_int(q, 2));
    }
    query_end(q);
    return sum;
}

void check_ledger_of(struct check *check, const struct registration *reg)
{
    int64_t sum[LEDGER_KIND_COUNT] = { 0 }, received, back, disputed;
    struct query *q = query(check->tx, &check_ledger_rows);
    bool taken;

    bind_id(q, ":registration", &reg->id);
    while (query_row(q)) {
        int64_t kind = col_int(q, 0);
        struct id event = col_id(q, 2);

        if (kind >= 0 && kind < LEDGER_KIND_COUNT)
            sum[kind] += col_int(q, 1);
        if (!id_equal(&event, &reg->event))
            check_breach(check, CHECK_MONEY, "registration", &reg->id, "has money in the ledger of another event");
    }
    query_end(q);
    received = sum_of(check, &check_received, reg);
    back = sum_of(check, &check_went_back, reg);
    disputed = disputed_ever(check, reg, &taken);
    if (sum[LEDGER_CHARGE] != received)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "received %" PRId64 "; the ledger has charges of %" PRId64, received,
                     sum[LEDGER_CHARGE]);
    if (sum[LEDGER_REFUND] != -back)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "gave back %" PRId64 "; the ledger has refunds of %" PRId64, back,
                     -sum[LEDGER_REFUND]);
    if (reg->refunded + reg->kept > reg->amount)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "costs %" PRId64 "; %" PRId64 " went back of it and %" PRId64 " were kept", reg->amount,
                     reg->refunded, reg->kept);
    if (sum[LEDGER_DISPUTE] > 0 || sum[LEDGER_DISPUTE] < -disputed)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "has disputes of %" PRId64 "; the ledger says %" PRId64, disputed,
                     -sum[LEDGER_DISPUTE]);
    if (reg->disputed != taken)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, taken ? "has a disputed payment, and its tickets do not know"
                                                                         : "counts as disputed, and no dispute of it is open or lost");
}
