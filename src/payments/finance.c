#include "payments/finance.h"

#include <stdio.h>
#include <string.h>

#include "base/zone.h"
#include "registrations/registration_money.h"

/* Open and recent disputes shown; all of them are in the registrations. */
#define DISPUTES_SHOWN 100

SQL(finance_rows_sql, "SELECT kind, amount, currency, at FROM ledger WHERE event = :event ORDER BY at, provider_id, kind, back");
/* The provider's days begin at one hour, so these are few. */
SQL(finance_payouts_sql, "SELECT available_at, currency, CAST(sum(amount - fee) AS BIGINT) FROM balance_transaction WHERE event = :event"
                         " GROUP BY available_at, currency ORDER BY available_at, currency");
SQL(finance_refunds_sql, "SELECT f.status, f.currency, count(*), CAST(sum(f.amount) AS BIGINT) FROM registration r JOIN refund f ON f.registration = r.id"
                         " WHERE r.event = :event GROUP BY f.status, f.currency ORDER BY f.status, f.currency");
SQL(finance_disputes_sql, "SELECT id, registration, amount, currency, status, reason, evidence_due, created_at FROM dispute WHERE event = :event"
                          " ORDER BY created_at DESC LIMIT :max");

/* ---- adding up ---- */

static void date_of(const struct zone *zone, int64_t at_ms, char out[DATE_SIZE])
{
    struct civil day = zone ? zone_civil(zone, at_ms) : clock_civil(at_ms);

    snprintf(out, DATE_SIZE, "%04d-%02d-%02d", day.year, day.month, day.day);
}

/* The line of that day and currency, made when there is none; `lines` has room for one more. Rows come in order of time, so it is one of the last. */
static struct finance_line *line_of(struct finance_line *lines, size_t *count, const char *date, const char *currency, struct arena *arena)
{
    for (size_t i = *count; i-- > 0 && strcmp(lines[i].date, date) == 0;)
        if (strcmp(lines[i].currency, currency) == 0)
            return &lines[i];
    lines[*count] = (struct finance_line){ .currency = arena_strdup(arena, currency) };
    memcpy(lines[*count].date, date, strlen(date) + 1);
    return &lines[(*count)++];
}

/* Twice the room when it is full: an arena's pieces do not grow. `size`: of one item. */
static void *with_room(struct arena *arena, void *items, size_t size, size_t count, size_t *room)
{
    void *wider;

    if (count < *room)
        return items;
    *room = *room ? 2 * *room : 64;
    wider = arena_array(arena, *room, size);
    if (count)
        memcpy(wider, items, count * size);
    return wider;
}

static void add(struct finance_line *line, int64_t kind, int64_t amount)
{
    line->sum[kind] += amount;
    line->count[kind]++;
}

static struct payout *payout_of(struct finance *finance, const char *date, const char *currency)
{
    for (size_t i = finance->payout_count; i-- > 0 && strcmp(finance->payouts[i].date, date) == 0;)
        if (strcmp(finance->payouts[i].currency, currency) == 0)
            return &finance->payouts[i];
    finance->payouts[finance->payout_count] = (struct payout){ .currency = currency };
    memcpy(finance->payouts[finance->payout_count].date, date, strlen(date) + 1);
    return &finance->payouts[finance->payout_count++];
}

static void read_payouts(struct tx *tx, const struct event *event, const struct zone *zone, struct finance *out)
{
    struct query *q = query(tx, &finance_payouts_sql);
    size_t room = 0;

    bind_id(q, ":event", &event->id);
    while (query_row(q)) {
        char date[DATE_SIZE];

        date_of(zone, col_int(q, 0), date);
        out->payouts = with_room(tx->arena, out->payouts, sizeof *out->payouts, out->payout_count, &room);
        payout_of(out, date, col_text(q, 1, tx->arena))->amount += col_int(q, 2);
    }
    query_end(q);
}

void finance_of(struct tx *tx, const struct event *event, struct finance *out)
{
    const struct zone *zone = zone_find(event->timezone);
    struct query *q = query(tx, &finance_rows_sql);
    size_t day_room = 0, total_room = 0;

    *out = (struct finance){ 0 };
    bind_id(q, ":event", &event->id);
    while (query_row(q)) {
        int64_t kind = col_int(q, 0), amount = col_int(q, 1);
        struct arena_mark mark = arena_mark(tx->arena);
        const char *currency = col_text(q, 2, tx->arena);
        char currency_here[4], date[DATE_SIZE];

        snprintf(currency_here, sizeof currency_here, "%s", currency);
        arena_rewind(tx->arena, mark);
        if (kind < 0 || kind >= LEDGER_KIND_COUNT)
            continue;
        date_of(zone, col_int(q, 3), date);
        out->days = with_room(tx->arena, out->days, sizeof *out->days, out->day_count, &day_room);
        out->totals = with_room(tx->arena, out->totals, sizeof *out->totals, out->total_count, &total_room);
        add(line_of(out->days, &out->day_count, date, currency_here, tx->arena), kind, amount);
        add(line_of(out->totals, &out->total_count, "", currency_here, tx->arena), kind, amount);
    }
    query_end(q);
    read_payouts(tx, event, zone, out);
}

/* ---- showing ---- */

/* What came is gross; what went of it is told as a positive number; net is what is left. */
static void line_json(struct buf *out, const struct finance_line *line)
{
    int64_t net = 0;

    for (size_t kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        net += line->sum[kind];
    json_open(out, NULL);
    if (line->date[0])
        json_str(out, "date", line->date);
    json_str(out, "currency", line->currency);
    json_int(out, "gross", line->sum[LEDGER_CHARGE]);
    json_int(out, "fees", -line->sum[LEDGER_FEE]);
    json_int(out, "refunds", -line->sum[LEDGER_REFUND]);
    json_int(out, "disputes", -line->sum[LEDGER_DISPUTE]);
    json_int(out, "adjustments", line->sum[LEDGER_ADJUSTMENT]);
    json_int(out, "net", net);
    json_int(out, "payments", line->count[LEDGER_CHARGE]);
    json_close(out);
}

static void lines_json(struct buf *out, const char *name, const struct finance_line *lines, size_t count)
{
    json_open_array(out, name);
    for (size_t i = 0; i < count; i++)
        line_json(out, &lines[i]);
    json_close_array(out);
}

static void payouts_json(struct buf *out, const struct finance *finance)
{
    json_open_array(out, "payouts");
    for (size_t i = 0; i < finance->payout_count; i++) {
        json_open(out, NULL);
        json_str(out, "date", finance->payouts[i].date);
        json_str(out, "currency", finance->payouts[i].currency);
        json_int(out, "amount", finance->payouts[i].amount);
        json_close(out);
    }
    json_close_array(out);
}

static void refunds_json(struct buf *out, struct tx *tx, const struct event *event)
{
    struct query *q = query(tx, &finance_refunds_sql);

    bind_id(q, ":event", &event->id);
    json_open_array(out, "refunds");
    while (query_row(q)) {
        json_open(out, NULL);
        json_str(out, "status", refund_status_words[col_int(q, 0)]);
        json_str(out, "currency", col_text(q, 1, tx->arena));
        json_int(out, "count", col_int(q, 2));
        json_int(out, "amount", col_int(q, 3));
        json_close(out);
    }
    query_end(q);
    json_close_array(out);
}

static void disputes_json(struct buf *out, struct tx *tx, const struct event *event)
{
    struct query *q = query(tx, &finance_disputes_sql);

    bind_id(q, ":event", &event->id);
    bind_int(q, ":max", DISPUTES_SHOWN);
    json_open_array(out, "disputes");
    while (query_row(q)) {
        struct id registration = col_id(q, 1);

        json_open(out, NULL);
        json_str(out, "disputeId", col_text(q, 0, tx->arena));
        json_id(out, "registrationId", &registration);
        json_int(out, "amount", col_int(q, 2));
        json_str(out, "currency", col_text(q, 3, tx->arena));
        json_str(out, "status", dispute_status_words[col_int(q, 4)]);
        json_str(out, "reason", col_text(q, 5, tx->arena));
        json_time_or_null(out, "evidenceDueBy", col_int(q, 6));
        json_time(out, "createdAt", col_int(q, 7));
        json_close(out);
    }
    query_end(q);
    json_close_array(out);
}

void finance_json(struct buf *out, struct tx *tx, const struct event *event, const struct finance *finance)
{
    json_open(out, NULL);
    json_id(out, "eventId", &event->id);
    json_str(out, "currency", event->currency);
    json_str(out, "timezone", event->timezone);
    lines_json(out, "totals", finance->totals, finance->total_count);
    lines_json(out, "days", finance->days, finance->day_count);
    payouts_json(out, finance);
    refunds_json(out, tx, event);
    disputes_json(out, tx, event);
    json_close(out);
}

void finance_csv_header(struct buf *out)
{
    buf_str(out, "at,date,type,reversal,amount,currency,registrationId,providerId\r\n");
}

void finance_csv(struct buf *out, const struct event *event, const struct movement *rows, size_t count)
{
    const struct zone *zone = zone_find(event->timezone);

    /* Nothing in a row was typed by a person, so no cell needs quotes. */
    for (size_t i = 0; i < count; i++) {
        char at[CLOCK_TEXT_LEN + 1], date[DATE_SIZE], registration[ID_TEXT_LEN + 1];

        clock_format(rows[i].at_ms, at);
        date_of(zone, rows[i].at_ms, date);
        id_format(&rows[i].registration, registration);
        buf_printf(out, "%s,%s,%s,%s,%" PRId64 ",%s,%s,%s\r\n", at, date, ledger_kind_words[rows[i].kind], rows[i].back ? "true" : "false", rows[i].amount,
                   rows[i].currency, registration, rows[i].provider_id);
    }
}
