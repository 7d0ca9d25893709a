/* finance_routes.c - an event's money over HTTP, for its organizer alone. */
#include <stdio.h>

#include "http/spool.h"
#include "payments/finance.h"
#include "payments/payment.h"

static enum err show_finance(struct req *req, struct tx *tx)
{
    struct finance finance;
    struct event event;
    enum err e = event_for_owner(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    finance_of(tx, &event, &finance);
    finance_json(reply_json(req, 200), tx, &event, &finance);
    return ERR_OK;
}

/* ---- CSV ---- */

/* Rows a slice. Each slice is a snapshot of its own, so that a long export never keeps the log from being reused. */
#define CSV_SLICE 1000

static enum err csv_before(struct req *req, struct tx *tx)
{
    struct event *event = ARENA_NEW(req->arena, struct event);

    req->state = event;
    return event_for_owner(tx, &req->caller, &req->id[0], event);
}

/* One slice; `last` is where the next goes on, copied out of the slice's arena. False when there is none. */
static bool csv_slice(struct req *req, struct spool *spool, struct arena *arena, struct movement *last, char last_id[256])
{
    const struct event *event = req->state;
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = req->app };
    struct buf out = buf_in(arena);
    struct movement *rows;
    size_t count;
    bool more;

    reader_begin(req->reader, &tx, arena, &fault);
    count = ledger_of_event(&tx, &event->id, last->provider_id ? last : NULL, CSV_SLICE, &rows, &more);
    reader_end(req->reader, &tx);
    finance_csv(&out, event, rows, count);
    spool_add(spool, out.data, out.len);
    if (count) {
        *last = rows[count - 1];
        snprintf(last_id, 256, "%s", last->provider_id); /* Stripe's ids have at most 255 */
        last->provider_id = last_id;
    }
    return more && !spool->outcome;
}

static enum err csv_work(struct req *req)
{
    struct arena *arena = arena_new(1 << 16);
    struct buf header = buf_in(req->arena);
    struct movement last = { 0 };
    struct spool spool;
    char last_id[256];

    spool_open(&spool, req);
    finance_csv_header(&header);
    spool_add(&spool, header.data, header.len);
    while (csv_slice(req, &spool, arena, &last, last_id))
        arena_reset(arena);
    arena_free(arena);
    return spool_reply(&spool, "text/csv; charset=utf-8; header=present", "finance.csv");
}

/* ---- the table ---- */

const struct route finance_routes[] = {
    { "GET", "/v1/events/{eventId}/finance", SCAN, show_finance, .who = WHO_SIGNED_IN, .allow = event_allow_owner,
      .summary = "What the event earned, by day and currency, with its refunds and disputes", .answer = "EventFinance" },
    { "GET", "/v1/events/{eventId}/finance.csv", WORK, csv_before, csv_work, .lane = LANE_SCAN, .before_reads = true, .who = WHO_SIGNED_IN,
      .allow = event_allow_owner, .summary = "Every movement of the event's money as CSV", .answer_type = "text/csv" },
    ROUTE_END
};

#define MONEY "{\"type\":\"integer\"}"
#define LINE                                                                                                                                  \
    "\"currency\":{\"type\":\"string\"},\"gross\":" MONEY ",\"fees\":" MONEY ",\"refunds\":" MONEY ",\"disputes\":" MONEY                     \
    ",\"adjustments\":" MONEY ",\"net\":" MONEY ",\"payments\":{\"type\":\"integer\",\"minimum\":0}"
#define LINE_REQUIRED "\"currency\",\"gross\",\"fees\",\"refunds\",\"disputes\",\"adjustments\",\"net\",\"payments\""

const struct answer_schema finance_schemas[] = {
    { "EventFinance",
      "{\"type\":\"object\",\"required\":[\"eventId\",\"currency\",\"timezone\",\"totals\",\"days\",\"payouts\",\"refunds\",\"disputes\"],\"properties\":{"
      "\"eventId\":{\"type\":\"string\",\"format\":\"uuid\"},\"currency\":{\"type\":\"string\"},\"timezone\":{\"type\":\"string\"},"
      "\"totals\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[" LINE_REQUIRED "],\"properties\":{" LINE "}}},"
      "\"days\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"date\"," LINE_REQUIRED "],\"properties\":{\"date\":{\"type\":\"string\",\"format\":\"date\"}," LINE "}}},"
      "\"payouts\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"date\",\"currency\",\"amount\"],\"properties\":{\"date\":{\"type\":\"string\",\"format\":\"date\"},"
      "\"currency\":{\"type\":\"string\"},\"amount\":" MONEY "}}},"
      "\"refunds\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"status\",\"currency\",\"count\",\"amount\"],\"properties\":{\"status\":{\"enum\":[\"asked\",\"pending\",\"succeeded\","
      "\"failed\"]},\"currency\":{\"type\":\"string\"},\"count\":{\"type\":\"integer\"},\"amount\":" MONEY "}}},"
      "\"disputes\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"disputeId\",\"registrationId\",\"amount\",\"currency\","
      "\"status\",\"reason\",\"evidenceDueBy\",\"createdAt\"],\"properties\":{\"disputeId\":{\"type\":\"string\"},"
      "\"registrationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"amount\":" MONEY ",\"currency\":{\"type\":\"string\"},"
      "\"status\":{\"type\":\"string\"},\"reason\":{\"type\":[\"string\",\"null\"]},\"evidenceDueBy\":{\"type\":[\"string\",\"null\"],"
      "\"format\":\"date-time\"},\"createdAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}}}}" },
    { .name = NULL }
};
