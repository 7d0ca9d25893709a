/* payment_people.c - what a person paid and was given back: all of it in the export, and all of it kept for accounting but for what others wrote about it. */
#include <string.h>

#include "payments/payment_rows.h"
#include "registrations/registration_list.h"
#include "registrations/registration_money.h"

SQL(person_refunds_sql, "SELECT id, intent, amount, currency, status, reason, provider_id, failure, created_at FROM refund"
                        " WHERE registration = :registration ORDER BY id");
/* A reason that a person typed may name another. It was sent nowhere; while the refund is under way its row is left alone. */
SQL(person_refund_reasons_sql, "UPDATE refund SET reason = NULL WHERE registration = :registration AND status IN (2, 3) AND actor IS NOT NULL"
                               " AND reason IS NOT NULL");

SQL(person_disputes_sql, "SELECT id, amount, currency, status, reason, evidence, created_at FROM dispute WHERE registration = :registration"
                         " ORDER BY created_at, id");

/* The client secret is left out: it can still change an open payment. */
static void write_payments(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct registration_ref *refs = ARENA_ARRAY(tx->arena, PERSON_SLICE, struct registration_ref);
    size_t count = registrations_of_person(tx, walk, refs);

    for (size_t i = 0; i < count; i++) {
        struct payment payments[PAYMENT_ATTEMPTS_MAX];
        size_t attempts = payments_of(tx, &refs[i].id, payments);

        for (size_t n = 0; n < attempts; n++) {
            json_open(out, NULL);
            json_id(out, "registrationId", &payments[n].registration);
            json_int(out, "attempt", payments[n].attempt);
            json_str(out, "status", payment_status_words[payments[n].status]);
            json_int(out, "amount", payments[n].amount);
            json_int(out, "received", payments[n].received);
            json_str(out, "currency", payments[n].currency);
            json_str(out, "paymentIntentId", payments[n].intent);
            json_time(out, "createdAt", payments[n].created_at_ms);
            json_time(out, "updatedAt", payments[n].updated_at_ms);
            json_close(out);
        }
    }
}

static void write_refunds(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct registration_ref *refs = ARENA_ARRAY(tx->arena, PERSON_SLICE, struct registration_ref);
    size_t count = registrations_of_person(tx, walk, refs);

    for (size_t i = 0; i < count; i++) {
        struct query *q = query(tx, &person_refunds_sql);

        bind_id(q, ":registration", &refs[i].id);
        while (query_row(q)) {
            struct id id = col_id(q, 0);

            json_open(out, NULL);
            json_id(out, "refundId", &id);
            json_id(out, "registrationId", &refs[i].id);
            json_str(out, "paymentIntentId", col_text(q, 1, tx->arena));
            json_int(out, "amount", col_int(q, 2));
            json_str(out, "currency", col_text(q, 3, tx->arena));
            json_str(out, "status", refund_status_words[col_int(q, 4)]);
            json_str(out, "reason", col_text(q, 5, tx->arena));
            json_str(out, "providerRefundId", col_text(q, 6, tx->arena));
            json_str(out, "failure", col_text(q, 7, tx->arena));
            json_time(out, "createdAt", col_int(q, 8));
            json_close(out);
        }
        query_end(q);
    }
}

static void write_disputes(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct registration_ref *refs = ARENA_ARRAY(tx->arena, PERSON_SLICE, struct registration_ref);
    size_t count = registrations_of_person(tx, walk, refs);

    for (size_t i = 0; i < count; i++) {
        struct query *q = query(tx, &person_disputes_sql);

        bind_id(q, ":registration", &refs[i].id);
        while (query_row(q)) {
            const char *admissions = col_text(q, 5, tx->arena);

            json_open(out, NULL);
            json_str(out, "disputeId", col_text(q, 0, tx->arena));
            json_id(out, "registrationId", &refs[i].id);
            json_int(out, "amount", col_int(q, 1));
            json_str(out, "currency", col_text(q, 2, tx->arena));
            json_str(out, "status", dispute_status_words[col_int(q, 3)]);
            json_str(out, "reason", col_text(q, 4, tx->arena));
            json_raw(out, "admissions", admissions, strlen(admissions));
            json_time(out, "createdAt", col_int(q, 6));
            json_close(out);
        }
        query_end(q);
    }
}

static enum err remove_reasons(struct tx *tx, const struct registration_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct query *q = query(tx, &person_refund_reasons_sql);

        bind_id(q, ":registration", &refs[i].id);
        query_run(q);
    }
    return ERR_OK;
}

static enum err forget_reasons(struct person_walk *walk)
{
    return registrations_of_person_change(walk, remove_reasons);
}

const struct person_part payment_people[] = {
    { .name = "payments", .holds = "payment.registration payment.amount payment.received payment.intent", .write = write_payments,
      .kept = "Accounting: amounts, times and the provider's numbers." },
    { .name = "refunds", .holds = "refund.registration refund.amount refund.reason refund.provider_id", .write = write_refunds,
      .forget = forget_reasons },
    { .name = "disputes", .holds = "dispute.registration dispute.reason dispute.evidence", .write = write_disputes,
      .kept = "What a bank was told, and when the tickets were used: evidence for as long as it may be asked for." },
    PERSON_END
};
