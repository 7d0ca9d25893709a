#include "registrations/registration_money.h"

#include <string.h>

const char *const payment_status_words[] = { "creating", "open", "processing", "succeeded", "cancelled", "failed", NULL };
const char *const refund_status_words[] = { "asked", "pending", "succeeded", "failed", NULL };
const char *const dispute_status_words[] = { "warning_needs_response", "warning_under_review", "needs_response", "under_review",
                                             "warning_closed", "won", "lost", "prevented", NULL };

/* More than anybody has of one registration; what lies beyond is still in the event's ledger. */
#define ROWS_MAX 100

SQL(money_returned_sql, "SELECT CAST(COALESCE(sum(amount), 0) AS BIGINT) FROM refund WHERE registration = :registration AND status <> 3"
                        " AND currency = :currency");
SQL(money_payments_sql, "SELECT intent, status, amount, received, currency, created_at FROM payment WHERE registration = :registration"
                        " AND intent IS NOT NULL ORDER BY attempt LIMIT :max");
SQL(money_refunds_sql, "SELECT id, intent, amount, currency, status, reason, failure, created_at FROM refund WHERE registration = :registration"
                       " ORDER BY id LIMIT :max");
SQL(money_disputes_sql, "SELECT id, intent, amount, currency, status, reason, evidence_due, evidence, created_at FROM dispute"
                        " WHERE registration = :registration ORDER BY created_at, id LIMIT :max");

int64_t registration_given_back(struct tx *tx, const struct registration *reg)
{
    struct query *q;
    int64_t sum;

    if (reg->confirmed_at_ms || !reg->intent)
        return reg->refunded;
    q = query(tx, &money_returned_sql);
    bind_id(q, ":registration", &reg->id);
    bind_text(q, ":currency", reg->currency);
    sum = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return MIN(sum, reg->amount);
}

static struct query *rows_of(struct tx *tx, struct sql *sql, const struct registration *reg)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":registration", &reg->id);
    bind_int(q, ":max", ROWS_MAX);
    return q;
}

static const char *word(const char *const *words, size_t count, int64_t n)
{
    return n >= 0 && (size_t)n < count ? words[n] : NULL;
}
#define WORD(words, n) word((words), COUNT(words) - 1, (n))

static void payments_json(struct buf *out, struct tx *tx, const struct registration *reg)
{
    struct query *q = rows_of(tx, &money_payments_sql, reg);

    json_open_array(out, "payments");
    while (query_row(q)) {
        json_open(out, NULL);
        json_str(out, "paymentIntentId", col_text(q, 0, tx->arena));
        json_str(out, "status", WORD(payment_status_words, col_int(q, 1)));
        json_int(out, "amount", col_int(q, 2));
        json_int(out, "received", col_int(q, 3));
        json_str(out, "currency", col_text(q, 4, tx->arena));
        json_time(out, "createdAt", col_int(q, 5));
        json_close(out);
    }
    query_end(q);
    json_close_array(out);
}

static void refunds_json(struct buf *out, struct tx *tx, const struct registration *reg)
{
    struct query *q = rows_of(tx, &money_refunds_sql, reg);

    json_open_array(out, "refunds");
    while (query_row(q)) {
        struct id id = col_id(q, 0);

        json_open(out, NULL);
        json_id(out, "refundId", &id);
        json_str(out, "paymentIntentId", col_text(q, 1, tx->arena));
        json_int(out, "amount", col_int(q, 2));
        json_str(out, "currency", col_text(q, 3, tx->arena));
        json_str(out, "status", WORD(refund_status_words, col_int(q, 4)));
        json_str(out, "reason", col_text(q, 5, tx->arena));
        json_str(out, "failure", col_text(q, 6, tx->arena));
        json_time(out, "createdAt", col_int(q, 7));
        json_close(out);
    }
    query_end(q);
    json_close_array(out);
}

static void disputes_json(struct buf *out, struct tx *tx, const struct registration *reg)
{
    struct query *q = rows_of(tx, &money_disputes_sql, reg);

    json_open_array(out, "disputes");
    while (query_row(q)) {
        const char *evidence = col_text(q, 7, tx->arena);

        json_open(out, NULL);
        json_str(out, "disputeId", col_text(q, 0, tx->arena));
        json_str(out, "paymentIntentId", col_text(q, 1, tx->arena));
        json_int(out, "amount", col_int(q, 2));
        json_str(out, "currency", col_text(q, 3, tx->arena));
        json_str(out, "status", WORD(dispute_status_words, col_int(q, 4)));
        json_str(out, "reason", col_text(q, 5, tx->arena));
        json_time_or_null(out, "evidenceDueBy", col_int(q, 6));
        json_raw(out, "admissions", evidence, strlen(evidence));
        json_time(out, "createdAt", col_int(q, 8));
        json_close(out);
    }
    query_end(q);
    json_close_array(out);
}

void registration_money_json(struct buf *out, struct tx *tx, const struct registration *reg, bool for_manager)
{
    payments_json(out, tx, reg);
    refunds_json(out, tx, reg);
    json_bool(out, "disputed", reg->disputed);
    if (for_manager)
        disputes_json(out, tx, reg);
}
