#include "registrations/registration.h"

#include "base/log.h"
#include "events/discount.h"
#include "http/spool.h"
#include "registrations/registration_list.h"
#include "registrations/registration_new.h"
#include "registrations/registration_rows.h"

/* ---- what comes in ---- */

static const struct field item_fields[] = {
    FIELD(registration_item_new, "ticketTypeId", ticket_type, FIELD_ID, REQUIRED, 0, 0),
    FIELD(registration_item_new, "quantity", quantity, FIELD_INT, REQUIRED, 1, REGISTRATION_TICKETS_MAX),
    FIELD_END
};
static const struct shape item_shape = SHAPE(registration_item_new, "RegistrationItemNew", item_fields);

static const struct field attendee_fields[] = {
    FIELD(registration_attendee_new, "ticketTypeId", ticket_type, FIELD_ID, REQUIRED, 0, 0),
    FIELD(registration_attendee_new, "name", name, FIELD_LINE, REQUIRED, 1, 200),
    FIELD(registration_attendee_new, "email", email, FIELD_EMAIL, OPTIONAL | NULLABLE, 3, 254),
    FIELD_END
};
static const struct shape attendee_shape = SHAPE(registration_attendee_new, "AttendeeNew", attendee_fields);

static const struct field registration_new_fields[] = {
    FIELD(registration_new, "eventId", event, FIELD_ID, REQUIRED, 0, 0),
    FIELD_MANY(registration_new, "items", items, item_count, FIELD_LIST, &item_shape, REQUIRED, 1, 100),
    FIELD_MANY(registration_new, "attendees", attendees, attendee_count, FIELD_LIST, &attendee_shape, OPTIONAL, 0, REGISTRATION_TICKETS_MAX),
    FIELD(registration_new, "discountCode", discount_code, FIELD_LINE, OPTIONAL | NULLABLE, 1, DISCOUNT_CODE_MAX),
    FIELD_END
};
/* A quote needs no attendees. */
static const struct field quote_fields[] = {
    FIELD(registration_new, "eventId", event, FIELD_ID, REQUIRED, 0, 0),
    FIELD_MANY(registration_new, "items", items, item_count, FIELD_LIST, &item_shape, REQUIRED, 1, 100),
    FIELD(registration_new, "discountCode", discount_code, FIELD_LINE, OPTIONAL | NULLABLE, 1, DISCOUNT_CODE_MAX),
    FIELD_END
};
static const struct shape quote_shape = SHAPE(registration_new, "PriceQuoteNew", quote_fields);
const struct shape registration_new_shape = SHAPE(registration_new, "RegistrationNew", registration_new_fields);

struct list_query {
    struct given given;
    int64_t limit;
    const char *cursor;
    int status;
    const char *q;
};
enum { LIST_LIMIT, LIST_CURSOR, LIST_STATUS, LIST_Q };
static const struct field own_list_fields[] = {
    LIST_FIELDS(list_query),
    FIELD_WORDS(list_query, "status", status, OPTIONAL, registration_status_words),
    FIELD_END
};
static const struct shape own_list_shape = SHAPE(list_query, "RegistrationsQuery", own_list_fields);
static const struct field event_list_fields[] = {
    LIST_FIELDS(list_query),
    FIELD_WORDS(list_query, "status", status, OPTIONAL, registration_status_words),
    FIELD(list_query, "q", q, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD_END
};
static const struct shape event_list_shape = SHAPE(list_query, "EventRegistrationsQuery", event_list_fields);

/* ---- keys ---- */

static enum err key_of_body_event(struct req *req, struct tx *tx, struct id *out)
{
    *out = ((const struct registration_new *)req->body)->event;
    return ERR_OK;
}

enum err registration_key(struct req *req, struct tx *tx, struct id *out)
{
    struct id id = id_parent(&req->id[0]);

    return registration_event(tx, &id, out) ? ERR_OK : fail(tx, ERR_NOT_FOUND, "There is no such registration.");
}

/* ---- handlers ---- */

static enum err reply_registration(struct req *req, struct tx *tx, int status, const struct registration *reg)
{
    registration_json(reply_json(req, status), NULL, tx, reg);
    return ERR_OK;
}

static enum err create_registration(struct req *req, struct tx *tx)
{
    const struct registration_new *in = req->body;
    char id[ID_TEXT_LEN + 1];
    struct registration reg;
    enum err e = in->discount_code ? discount_may_guess(req) : ERR_OK;

    if (!e)
        e = registration_create(tx, in, &reg);
    if (e)
        return in->discount_code ? discount_guessed(req, tx, e) : e;
    id_format(&reg.id, id);
    req->reply.location = arena_printf(req->arena, "/v1/registrations/%s", id);
    return reply_registration(req, tx, 201, &reg);
}

static enum err refuse_sold_out_early(struct req *req, struct tx *tx)
{
    return registration_refuse_early(tx, req->body);
}

static enum err quote(struct req *req, struct tx *tx)
{
    const struct registration_new *in = req->body;
    struct registration reg;
    struct buf *out;
    enum err e = in->discount_code ? discount_may_guess(req) : ERR_OK;

    if (!e)
        e = registration_quote(tx, in, &req->caller.account, &reg);
    if (e)
        return in->discount_code ? discount_guessed(req, tx, e) : e;
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_id(out, "eventId", &reg.event);
    json_str(out, "currency", reg.currency);
    registration_items_json(out, &reg);
    registration_sums_json(out, tx, &reg);
    json_close(out);
    return ERR_OK;
}

static enum err show_registration(struct req *req, struct tx *tx)
{
    struct registration reg;
    enum err e = registration_for_caller(tx, &req->caller, &req->id[0], &reg);
    bool manages;

    if (e)
        return e;
    manages = event_for_manager(tx, &req->caller, &reg.event, NULL) == ERR_OK;
    fault_clear(tx->fault);
    registration_detail_json(reply_json(req, 200), tx, &reg, manages);
    return ERR_OK;
}

static void filter_read(const struct list_query *in, struct registration_filter *out)
{
    *out = (struct registration_filter){ .by_status = given(&in->given, LIST_STATUS),
                                         .status = (enum registration_status)in->status,
                                         .words = in->q };
}

static enum err list_registrations(struct req *req, struct tx *tx)
{
    const struct list_query *in = req->query;
    struct registration_filter filter;
    struct registration *regs;
    struct page page;
    struct id last;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = page_read(req, in->limit, in->cursor, &page);

    if (e)
        return e;
    filter_read(in, &filter);
    count = registrations_of_account(tx, &req->caller.account, &filter, &page, &regs, &last, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++)
        registration_json(out, NULL, tx, &regs[i]);
    json_close_array(out);
    page_write_next(out, more, 0, &last);
    json_close(out);
    return ERR_OK;
}

/* Who is not named by the buyer comes under the buyer's name: a door list has a name on each line. */
static void name_all(struct arena *arena, struct registration *reg, const struct registration_buyer *buyer)
{
    if (!reg->attendees)
        reg->attendees = ARENA_ARRAY(arena, (size_t)reg->quantity, struct registration_attendee);
    for (int64_t i = 0; i < reg->quantity; i++)
        if (!reg->attendees[i].name)
            reg->attendees[i] = (struct registration_attendee){ buyer->name ? buyer->name : buyer->email, buyer->email };
}

static enum err list_event_registrations(struct req *req, struct tx *tx)
{
    const struct list_query *in = req->query;
    struct registration_buyer *buyers;
    struct registration_filter filter;
    struct registration *regs;
    struct page page;
    struct id last;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], NULL);

    if (!e)
        e = page_read(req, in->limit, in->cursor, &page);
    if (e)
        return e;
    filter_read(in, &filter);
    count = registrations_of_event(tx, &req->id[0], &filter, &page, &regs, &buyers, &last, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++) {
        name_all(req->arena, &regs[i], &buyers[i]);
        registration_json(out, NULL, tx, &regs[i]);
    }
    json_close_array(out);
    page_write_next(out, more, 0, &last);
    json_close(out);
    return ERR_OK;
}

static enum err give_back(struct req *req, struct tx *tx)
{
    struct registration reg;
    char key[ID_TEXT_LEN + 1];
    enum err e = registration_for_buyer(tx, &req->caller, &req->id[0], &reg);

    if (!e)
        e = registration_give_back(tx, &req->id[0]);
    if (e)
        return e;
    /* What is paid from here on is refunded: the seats are somebody else's now. */
    if (reg.intent) {
        id_format(&reg.id, key);
        job_ask(tx, "intent-cancel", key, NULL, 0);
    }
    if (!registration_find(tx, &req->id[0], &reg))
        return ERR_INTERNAL;
    return reply_registration(req, tx, 200, &reg);
}

/* ---- CSV ---- */

/* Rows a slice. Each slice is a snapshot of its own, so that a long export never keeps the log from being reused. */
#define CSV_SLICE 500

static enum err csv_before(struct req *req, struct tx *tx)
{
    struct event *event = ARENA_NEW(req->arena, struct event);

    req->state = event;
    return event_for_manager(tx, &req->caller, &req->id[0], event);
}

/* One slice in its own snapshot; `page` moves on. False when there is no further one. */
static bool csv_slice(struct req *req, struct spool *spool, struct arena *arena, struct page *page)
{
    const struct event *event = req->state;
    struct registration_filter everything = { 0 };
    struct fault fault = { .arena = arena };
    struct registration_buyer *buyers;
    struct registration *regs;
    struct buf out = buf_in(arena);
    struct tx tx = { .app = req->app };
    size_t count;
    bool more;

    reader_begin(req->reader, &tx, arena, &fault);
    count = registrations_of_event(&tx, &event->id, &everything, page, &regs, &buyers, &page->id, &more);
    page->after = true;
    registrations_csv(&out, &tx, event, regs, buyers, count);
    reader_end(req->reader, &tx);
    spool_add(spool, out.data, out.len);
    return more && !spool->outcome;
}

static enum err csv_work(struct req *req)
{
    struct arena *arena = arena_new(1 << 16);
    struct page page = { .limit = CSV_SLICE };
    struct buf header = buf_in(req->arena);
    struct spool spool;

    spool_open(&spool, req);
    registrations_csv_header(&header);
    spool_add(&spool, header.data, header.len);
    while (csv_slice(req, &spool, arena, &page))
        arena_reset(arena);
    arena_free(arena);
    return spool_reply(&spool, "text/csv; charset=utf-8; header=present", "registrations.csv");
}

/* ---- expiry ---- */

struct expire_slice {
    const struct registration_ref *due;
    size_t count;
};

static enum err expire_run(struct tx *tx, void *arg)
{
    const struct expire_slice *slice = arg;

    for (size_t i = 0; i < slice->count; i++) {
        enum err e = registration_expire(tx, &slice->due[i].id);

        /* Paid, given back or lengthened since the snapshot: no longer ours. */
        if (e && e != ERR_CONFLICT)
            return e;
        fault_clear(tx->fault);
    }
    return ERR_OK;
}

/* At most this many holds a round, in writes of at most 100 of one event, so that a buyer never waits behind the sweeper for longer than one short write. */
#define DUE_A_ROUND 2000
#define DUE_A_WRITE 100

static void expire_holds(struct app *app, struct reader *reader, struct arena *arena)
{
    struct registration_ref *due;
    struct fault fault = { .arena = arena };
    struct tx tx = { .app = app };
    size_t count, from = 0;

    reader_begin(reader, &tx, arena, &fault);
    count = registrations_due(&tx, DUE_A_ROUND, &due);
    reader_end(reader, &tx);
    while (from < count) {
        struct expire_slice slice = { due + from, 0 };
        struct arena *own = arena_new(0);
        enum err e;

        while (from < count && slice.count < DUE_A_WRITE && id_equal(&due[from].event, &slice.due->event)) {
            slice.count++;
            from++;
        }
        e = store_write_wait(app->store, own, NULL, &slice.due->event, false, expire_run, &slice);
        arena_free(own);
        if (e) {
            log_warn("expiring %zu holds failed: %s; they stay held until the next round", slice.count, err_info(e)->name);
            return;
        }
    }
}

/* A quarter second: an expired hold shows within 2 s, with room for a busy lane. */
const struct sweep registration_sweeps[] = { { "expire-holds", 250, expire_holds }, SWEEP_END };

/* ---- the table ---- */

const struct route registration_routes[] = {
    { "POST", "/v1/registrations", WRITE, create_registration, .who = WHO_SIGNED_IN, .body = &registration_new_shape, .key = key_of_body_event,
      .refuse_early = refuse_sold_out_early, .summary = "Register for an event: hold seats, or take free ones", .answer = "Registration",
      .answer_status = 201 },
    { "POST", "/v1/price-quotes", READ, quote, .who = WHO_ANYONE, .body = &quote_shape,
      .summary = "What an order would cost, with or without a discount code; nothing is held", .answer = "PriceQuote" },
    { "GET", "/v1/registrations", READ, list_registrations, .who = WHO_SIGNED_IN, .query = &own_list_shape,
      .summary = "Your registrations, newest first", .answer = "RegistrationList" },
    { "GET", "/v1/registrations/{registrationId}", READ, show_registration, .who = WHO_SIGNED_IN,
      .summary = "One registration, with its payments and refunds", .answer = "RegistrationDetail" },
    { "DELETE", "/v1/registrations/{registrationId}", WRITE, give_back, .who = WHO_SIGNED_IN, .key = registration_key,
      .summary = "Give a hold back", .answer = "Registration" },
    { "GET", "/v1/events/{eventId}/registrations", SCAN, list_event_registrations, .who = WHO_SIGNED_IN, .allow = event_allow_manager, .query = &event_list_shape,
      .summary = "An event's registrations, for its organizer", .answer = "RegistrationList" },
    { "GET", "/v1/events/{eventId}/registrations.csv", WORK, csv_before, csv_work, .lane = LANE_SCAN, .before_reads = true, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .summary = "The same as CSV, a line a ticket", .answer_type = "text/csv" },
    ROUTE_END
};

#define ITEMS_SCHEMA                                                                                                                    \
    "\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"ticketTypeId\",\"quantity\",\"unitPrice\",\"discount\"," \
    "\"fee\",\"tax\",\"taxRateBps\",\"taxIncluded\",\"total\"],\"properties\":{"                                                    \
    "\"ticketTypeId\":{\"type\":\"string\",\"format\":\"uuid\"},\"quantity\":{\"type\":\"integer\"},\"unitPrice\":{\"type\":\"integer\"}," \
    "\"discount\":{\"type\":\"integer\"},\"fee\":{\"type\":\"integer\"},\"tax\":{\"type\":\"integer\"},\"taxRateBps\":{\"type\":\"integer\"}," \
    "\"taxIncluded\":{\"type\":\"boolean\"},\"total\":{\"type\":\"integer\"}}}}"
#define SUMS_SCHEMA                                                                                                                     \
    "\"discountCode\":{\"type\":[\"string\",\"null\"]},\"subtotal\":{\"type\":\"integer\"},\"discount\":{\"type\":\"integer\"},"         \
    "\"fees\":{\"type\":\"integer\"},\"tax\":{\"type\":\"integer\"},\"amount\":{\"type\":\"integer\"}"

const struct answer_schema registration_schemas[] = {
    { "Registration",
      "{\"type\":\"object\",\"required\":[\"registrationId\",\"eventId\",\"userId\",\"status\",\"items\",\"attendees\",\"discountCode\",\"subtotal\",\"discount\",\"fees\",\"tax\",\"amount\",\"refundedAmount\","
      "\"currency\",\"expiresAt\",\"paymentIntentId\",\"ticketIds\",\"createdAt\"],\"properties\":{"
      "\"registrationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"eventId\":{\"type\":\"string\",\"format\":\"uuid\"},"
      "\"userId\":{\"type\":\"string\",\"format\":\"uuid\"},"
      "\"status\":{\"enum\":[\"pending\",\"confirmed\",\"cancelled\",\"expired\",\"refunded\"]},"
      ITEMS_SCHEMA ","
      "\"attendees\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"ticketTypeId\",\"name\",\"email\"],\"properties\":{"
      "\"ticketTypeId\":{\"type\":\"string\",\"format\":\"uuid\"},\"name\":{\"type\":\"string\"},\"email\":{\"type\":[\"string\",\"null\"]}}}},"
      SUMS_SCHEMA ",\"refundedAmount\":{\"type\":\"integer\"},\"refundFeeAmount\":{\"type\":\"integer\"},"
      "\"currency\":{\"type\":\"string\"},"
      "\"expiresAt\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},\"paymentIntentId\":{\"type\":[\"string\",\"null\"]},"
      "\"ticketIds\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"format\":\"uuid\"}},"
      "\"createdAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}" },
    { "RegistrationDetail",
      "{\"allOf\":[{\"$ref\":\"#/components/schemas/Registration\"},{\"type\":\"object\",\"required\":[\"payments\",\"refunds\",\"disputed\"],"
      "\"properties\":{\"payments\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"paymentIntentId\":{\"type\":\"string\"},"
      "\"status\":{\"enum\":[\"creating\",\"open\",\"processing\",\"succeeded\",\"cancelled\",\"failed\"]},\"amount\":{\"type\":\"integer\"},"
      "\"received\":{\"type\":\"integer\"},\"currency\":{\"type\":\"string\"},\"createdAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}},"
      "\"refunds\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"refundId\",\"paymentIntentId\",\"amount\",\"currency\","
      "\"status\",\"reason\",\"failure\",\"createdAt\"],\"properties\":{\"refundId\":{\"type\":\"string\",\"format\":\"uuid\"},"
      "\"paymentIntentId\":{\"type\":\"string\"},\"amount\":{\"type\":\"integer\"},\"currency\":{\"type\":\"string\"},"
      "\"status\":{\"enum\":[\"asked\",\"pending\",\"succeeded\",\"failed\"]},\"reason\":{\"type\":[\"string\",\"null\"]},"
      "\"failure\":{\"type\":[\"string\",\"null\"]},\"createdAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}},"
      "\"disputed\":{\"type\":\"boolean\"},\"disputes\":{\"type\":\"array\",\"description\":\"For those who run the event.\",\"items\":"
      "{\"type\":\"object\",\"required\":[\"disputeId\",\"amount\",\"currency\",\"status\"],\"properties\":{\"disputeId\":{\"type\":\"string\"},\"paymentIntentId\":{\"type\":\"string\"},"
      "\"amount\":{\"type\":\"integer\"},\"currency\":{\"type\":\"string\"},\"status\":{\"type\":\"string\"},\"reason\":{\"type\":[\"string\",\"null\"]},"
      "\"evidenceDueBy\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},\"admissions\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
      "\"createdAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}}}}]}" },
    { "PriceQuote",
      "{\"type\":\"object\",\"required\":[\"eventId\",\"currency\",\"items\",\"discountCode\",\"subtotal\",\"discount\",\"fees\",\"tax\","
      "\"amount\"],\"properties\":{\"eventId\":{\"type\":\"string\",\"format\":\"uuid\"},\"currency\":{\"type\":\"string\"},"
      ITEMS_SCHEMA "," SUMS_SCHEMA "}}" },
    { "RegistrationList",
      "{\"type\":\"object\",\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
      "{\"$ref\":\"#/components/schemas/Registration\"}},\"nextCursor\":{\"type\":[\"string\",\"null\"]}}}" },
    { .name = NULL }
};
