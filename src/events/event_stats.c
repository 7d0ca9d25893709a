/*
 * event_stats.c - see event_stats.h.
 *
 * It looks at rows of the rooms above (registration, ticket) because a count
 * kept here would be one more row to write for every sale.
 */
#include "events/event_stats.h"

#include <string.h>

/* 0 pending, 1 confirmed, 2 cancelled, 3 expired, 4 refunded. Money came in where it was confirmed once. */
SQL(stats_registrations,
    "SELECT r.status, count(*), sum(CASE WHEN r.confirmed_at IS NOT NULL THEN r.amount ELSE 0 END),"
    " sum(CASE WHEN r.confirmed_at IS NOT NULL THEN r.refunded ELSE 0 END)"
    " FROM registration r WHERE r.event = :event GROUP BY r.status");
SQL(stats_refunds, "SELECT f.status, count(*) FROM registration r JOIN refund f ON f.registration = r.id WHERE r.event = :event GROUP BY f.status");
SQL(stats_checked_in,
    "SELECT t.type, count(*) FROM registration r JOIN ticket t ON t.registration = r.id"
    " WHERE r.event = :event AND r.status = 1 AND t.status = 1 GROUP BY t.type");

void event_stats(struct tx *tx, const struct id *event, struct event_stats *out)
{
    struct query *q = query(tx, &stats_registrations);

    memset(out, 0, sizeof *out);
    bind_id(q, ":event", event);
    while (query_row(q)) {
        if (col_int(q, 0) == 0)
            out->pending = col_int(q, 1);
        if (col_int(q, 0) == 1)
            out->confirmed = col_int(q, 1);
        out->revenue += col_int(q, 2);
        out->refunded += col_int(q, 3);
    }
    query_end(q);
    q = query(tx, &stats_refunds);
    bind_id(q, ":event", event);
    while (query_row(q))
        if (col_int(q, 0) >= 0 && col_int(q, 0) < (int64_t)COUNT(out->refunds))
            out->refunds[col_int(q, 0)] = col_int(q, 1);
    query_end(q);
}

void event_check_in_counts(struct tx *tx, const struct id *event, struct check_in_counts *out)
{
    struct query *q = query(tx, &stats_checked_in);

    memset(out, 0, sizeof *out);
    bind_id(q, ":event", event);
    while (query_row(q)) {
        out->of_type[(uint8_t)col_int(q, 0)] = col_int(q, 1);
        out->all += col_int(q, 1);
    }
    query_end(q);
}
