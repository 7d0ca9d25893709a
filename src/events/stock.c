/*
 * stock.c - the seat counters: rows of (event, n), n = 0 for the event as a whole.
 *
 * Each move is one UPDATE of two rows whose WHERE is the rule, so that it is
 * right however many ask at once; the CHECK of the schema is the second fence.
 * Two rows changed means done. Anything else means that one of them refused,
 * and the caller's savepoint takes back what the other may have done.
 */
#include <assert.h>

#include "base/log.h"
#include "events/event.h"

SQL(stock_hold_sql,
    "UPDATE stock SET held = held + :quantity"
    " WHERE event = :event AND n IN (0, :n) AND held + sold + :quantity <= quantity");
SQL(stock_sell_sql,
    "UPDATE stock SET sold = sold + :quantity"
    " WHERE event = :event AND n IN (0, :n) AND held + sold + :quantity <= quantity");
SQL(stock_sell_held_sql,
    "UPDATE stock SET held = held - :quantity, sold = sold + :quantity"
    " WHERE event = :event AND n IN (0, :n) AND held >= :quantity");
SQL(stock_release_held_sql,
    "UPDATE stock SET held = held - :quantity"
    " WHERE event = :event AND n IN (0, :n) AND held >= :quantity");
SQL(stock_release_sold_sql,
    "UPDATE stock SET sold = sold - :quantity"
    " WHERE event = :event AND n IN (0, :n) AND sold >= :quantity");
SQL(stock_read_sql, "SELECT quantity, held, sold FROM stock WHERE event = :event AND n = :n");

/* True when both rows took it. */
static bool stock_move(struct tx *tx, struct sql *sql, const struct id *event, unsigned n, int64_t quantity)
{
    struct query *q;

    assert(n >= 1 && n <= 255);
    assert(quantity >= 1);
    q = query(tx, sql);
    bind_id(q, ":event", event);
    bind_int(q, ":n", n);
    bind_int(q, ":quantity", quantity);
    return query_run(q) == 2;
}

/* A seat cannot be given back that was not taken: the counters then disagree with the registrations, which `usher check` will name. */
static enum err stock_astray(struct tx *tx, const struct id *event, unsigned n, const char *what)
{
    char text[ID_TEXT_LEN + 1];

    if (tx_failed(tx)) /* no row changed because the engine failed; the writer answers */
        return ERR_BUSY;
    id_format(event, text);
    log_error("Event %s, ticket type %u: %s does not fit the counters; run usher check.", text, n, what);
    return ERR_INTERNAL;
}

enum err stock_hold(struct tx *tx, const struct id *event, unsigned n, int64_t quantity)
{
    return stock_move(tx, &stock_hold_sql, event, n, quantity) ? ERR_OK : ERR_SOLD_OUT;
}

enum err stock_sell(struct tx *tx, const struct id *event, unsigned n, int64_t quantity)
{
    return stock_move(tx, &stock_sell_sql, event, n, quantity) ? ERR_OK : ERR_SOLD_OUT;
}

enum err stock_sell_held(struct tx *tx, const struct id *event, unsigned n, int64_t quantity)
{
    return stock_move(tx, &stock_sell_held_sql, event, n, quantity) ? ERR_OK : stock_astray(tx, event, n, "selling a hold");
}

enum err stock_release_held(struct tx *tx, const struct id *event, unsigned n, int64_t quantity)
{
    return stock_move(tx, &stock_release_held_sql, event, n, quantity) ? ERR_OK : stock_astray(tx, event, n, "giving back a hold");
}

enum err stock_release_sold(struct tx *tx, const struct id *event, unsigned n, int64_t quantity)
{
    return stock_move(tx, &stock_release_sold_sql, event, n, quantity) ? ERR_OK : stock_astray(tx, event, n, "giving back a seat");
}

bool stock_read(struct tx *tx, const struct id *event, unsigned n, int64_t *quantity, int64_t *held, int64_t *sold)
{
    struct query *q = query(tx, &stock_read_sql);
    bool found;

    bind_id(q, ":event", event);
    bind_int(q, ":n", n);
    found = query_row(q);
    if (found) {
        *quantity = col_int(q, 0);
        *held = col_int(q, 1);
        *sold = col_int(q, 2);
    }
    query_end(q);
    return found;
}
