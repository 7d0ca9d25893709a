#include "payments/ledger.h"

const char *const ledger_kind_words[] = { "charge", "fee", "refund", "dispute", "adjustment", NULL };
_Static_assert(COUNT(ledger_kind_words) == LEDGER_KIND_COUNT + 1, "each kind has its word");

#define LEDGER_COLUMNS "provider_id, kind, back, event, registration, amount, currency, at"

SQL(ledger_insert_sql, "INSERT INTO ledger (" LEDGER_COLUMNS ") VALUES (:provider_id, :kind, :back, :event, :registration, :amount, :currency, :at)"
                       " ON CONFLICT (provider_id, kind, back) DO NOTHING");
SQL(ledger_find_sql, "SELECT " LEDGER_COLUMNS " FROM ledger WHERE provider_id = :provider_id AND kind = :kind AND back = 0");
SQL(ledger_of_event_sql, "SELECT " LEDGER_COLUMNS " FROM ledger WHERE event = :event AND (at, provider_id, kind, back) > (:at, :provider_id, :kind, :back)"
                         " ORDER BY at, provider_id, kind, back LIMIT :max");

bool ledger_write(struct tx *tx, const struct movement *movement)
{
    struct query *q;

    if (!movement->amount)
        return false;
    q = query(tx, &ledger_insert_sql);
    bind_text(q, ":provider_id", movement->provider_id);
    bind_int(q, ":kind", movement->kind);
    bind_int(q, ":back", movement->back);
    bind_id(q, ":event", &movement->event);
    bind_id(q, ":registration", &movement->registration);
    bind_int(q, ":amount", movement->amount);
    bind_text(q, ":currency", movement->currency);
    bind_int(q, ":at", movement->at_ms);
    return query_run(q) == 1;
}

static void from_row(struct query *q, struct arena *arena, struct movement *out)
{
    *out = (struct movement){ .provider_id = col_text(q, 0, arena),
                              .kind = (enum ledger_kind)col_int(q, 1),
                              .back = col_int(q, 2) != 0,
                              .event = col_id(q, 3),
                              .registration = col_id(q, 4),
                              .amount = col_int(q, 5),
                              .currency = col_text(q, 6, arena),
                              .at_ms = col_int(q, 7) };
}

bool ledger_find(struct tx *tx, enum ledger_kind kind, const char *provider_id, struct movement *out)
{
    struct query *q = query(tx, &ledger_find_sql);
    bool found;

    bind_text(q, ":provider_id", provider_id);
    bind_int(q, ":kind", kind);
    found = query_row(q);
    if (found)
        from_row(q, tx->arena, out);
    query_end(q);
    return found;
}

int64_t ledger_time(const struct tx *tx, int64_t at_s)
{
    return at_s > 0 && at_s <= tx->now_ms / 1000 ? at_s * 1000 : tx->now_ms;
}

size_t ledger_of_event(struct tx *tx, const struct id *event, const struct movement *after, size_t max, struct movement **out, bool *more)
{
    static const struct movement start = { .provider_id = "", .at_ms = INT64_MIN };
    struct query *q = query(tx, &ledger_of_event_sql);
    size_t count = 0;

    if (!after)
        after = &start;
    *more = false;
    *out = ARENA_ARRAY(tx->arena, max, struct movement);
    bind_id(q, ":event", event);
    bind_int(q, ":at", after->at_ms);
    bind_text(q, ":provider_id", after->provider_id);
    bind_int(q, ":kind", after->kind);
    bind_int(q, ":back", after->back);
    bind_int(q, ":max", (int64_t)max + 1);
    while (query_row(q)) {
        if (count == max) {
            *more = true;
            break;
        }
        from_row(q, tx->arena, &(*out)[count++]);
    }
    query_end(q);
    return count;
}
