#include "events/sale.h"

SQL(sale_event_sql, "SELECT e.organizer, e.status, e.ends_at, e.currency, s.quantity - s.held - s.sold, e.fee_fixed, e.fee_bps, e.fee_by_organizer"
                    " FROM event e JOIN stock s ON s.event = e.id AND s.n = 0 WHERE e.id = :id");
SQL(sale_type_sql, "SELECT t.price, t.sale_starts_at, t.sale_ends_at, t.min_per_order, t.max_per_order, t.max_per_account,"
                   " s.quantity - s.held - s.sold, t.tax_bps, t.tax_included, t.hidden"
                   " FROM ticket_type t JOIN stock s ON s.event = t.event AND s.n = t.n WHERE t.event = :event AND t.n = :n");
SQL(sale_left_sql, "SELECT n, quantity - held - sold FROM stock WHERE event = :event ORDER BY n");
SQL(sale_left_shown_sql, "SELECT s.n, s.quantity - s.held - s.sold FROM stock s LEFT JOIN ticket_type t ON t.event = s.event AND t.n = s.n"
                         " WHERE s.event = :event AND (t.hidden IS NULL OR t.hidden = 0) ORDER BY s.n");

/* More ticket types than an event may have, and its own row. */
#define STOCK_ROWS_MAX 256

bool sale_event(struct tx *tx, const struct id *event, struct sale *out)
{
    struct query *q = query(tx, &sale_event_sql);
    bool found;

    bind_id(q, ":id", event);
    found = query_row(q);
    if (found) {
        out->organizer = col_id(q, 0);
        out->status = (enum event_status)col_int(q, 1);
        if (out->status == EVENT_PUBLISHED && col_int(q, 2) <= tx->now_ms)
            out->status = EVENT_ENDED;
        out->currency = col_text(q, 3, tx->arena);
        out->seats = col_int(q, 4);
        out->fee = (struct price_fee){ .fixed = col_int(q, 5), .bps = col_int(q, 6), .by_organizer = col_int(q, 7) != 0 };
    }
    query_end(q);
    return found;
}

bool sale_type(struct tx *tx, const struct id *event, unsigned n, struct sale_type *out)
{
    struct query *q = query(tx, &sale_type_sql);
    bool found;

    bind_id(q, ":event", event);
    bind_int(q, ":n", n);
    found = query_row(q);
    if (found)
        *out = (struct sale_type){ .price = col_int(q, 0),
                                   .starts_at_ms = col_int(q, 1),
                                   .ends_at_ms = col_int(q, 2),
                                   .min_per_order = col_int(q, 3),
                                   .max_per_order = col_int(q, 4),
                                   .max_per_account = col_int(q, 5),
                                   .seats = col_int(q, 6),
                                   .tax = { .bps = col_int(q, 7), .included = col_int(q, 8) != 0 },
                                   .hidden = col_int(q, 9) != 0 };
    query_end(q);
    return found;
}

static size_t left_by(struct tx *tx, struct sql *sql, const struct id *event, struct sale_left **out, int64_t *whole)
{
    struct sale_left *left = ARENA_ARRAY(tx->arena, STOCK_ROWS_MAX, struct sale_left);
    struct query *q = query(tx, sql);
    size_t count = 0;

    *whole = 0;
    bind_id(q, ":event", event);
    while (count < STOCK_ROWS_MAX && query_row(q)) {
        int64_t n = col_int(q, 0), seats = col_int(q, 1);

        if (n == 0) /* the event's own row, first in order */
            *whole = seats;
        else
            left[count++] = (struct sale_left){ (unsigned)n, seats };
    }
    query_end(q);
    *out = left;
    return count;
}

size_t sale_left(struct tx *tx, const struct id *event, struct sale_left **out, int64_t *whole)
{
    return left_by(tx, &sale_left_sql, event, out, whole);
}

size_t sale_left_shown(struct tx *tx, const struct id *event, struct sale_left **out, int64_t *whole)
{
    return left_by(tx, &sale_left_shown_sql, event, out, whole);
}
