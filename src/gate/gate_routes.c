/* gate_routes.c - the gate over HTTP: tables and thin handlers. */
#include "base/clock.h"
#include "events/event_stats.h"
#include "events/staff.h"
#include "gate/gate.h"

/* A scanner's clock may run ahead by so much; a log of scans may come in so late. */
#define CLOCK_AHEAD_MS (INT64_C(5) * 60 * 1000)
#define LOG_AGE_MS (INT64_C(30) * 24 * 3600 * 1000)
/* Scans in one batch. */
#define BATCH_MAX 100

struct scan_in {
    struct given given;
    const char *qr_code;
    struct id ticket;
    const char *gate, *device;
    int64_t scanned_at_ms;
    struct id event;         /* validate-ticket only */
};
#define SCAN_FIELDS                                                                                \
    /* As much as a QR code can hold: what was scanned by mistake is forged, not malformed. */       \
    FIELD(scan_in, "qrCode", qr_code, FIELD_TEXT, OPTIONAL | NULLABLE, 0, 4296),                   \
    FIELD(scan_in, "ticketId", ticket, FIELD_ID, OPTIONAL | NULLABLE, 0, 0),                       \
    FIELD(scan_in, "gate", gate, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100),                         \
    FIELD(scan_in, "deviceId", device, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100),                   \
    FIELD_WITH_HELP(scan_in, "scannedAt", scanned_at_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0,    \
                    "When a scanner that was off line read it, at most 30 days ago; with the same deviceId and ticketId sent again it is answered again.")

static const struct field validate_fields[] = {
    SCAN_FIELDS,
    FIELD(scan_in, "eventId", event, FIELD_ID, OPTIONAL | NULLABLE, 0, 0),
    FIELD_END
};
static const struct field scan_fields[] = { SCAN_FIELDS, FIELD_END };

static void check_scan(const void *value, const char *pointer, struct fault *fault)
{
    const struct scan_in *in = value;
    int64_t now_ms = clock_now_ms();
    bool by_id = !id_is_zero(&in->ticket);
    const char *code_at = arena_printf(fault->arena, "%s/qrCode", pointer), *id_at = arena_printf(fault->arena, "%s/ticketId", pointer);

    /* One that was sent and is broken has its own fault already. */
    if (!in->qr_code && !by_id && !fault_has(fault, code_at) && !fault_has(fault, id_at))
        fault_field(fault, code_at, "required", "Send the qrCode, or a ticketId.");
    if (in->qr_code && by_id)
        fault_field(fault, id_at, "exclusive", "Send either qrCode or ticketId.");
    if (in->scanned_at_ms > now_ms + CLOCK_AHEAD_MS)
        fault_field(fault, arena_printf(fault->arena, "%s/scannedAt", pointer), "future", "It is more than five minutes ahead.");
    if (in->scanned_at_ms && in->scanned_at_ms < now_ms - LOG_AGE_MS)
        fault_field(fault, arena_printf(fault->arena, "%s/scannedAt", pointer), "past", "It is more than 30 days ago.");
}

static const struct shape validate_shape = {
    .name = "ValidateTicket", .size = sizeof(struct scan_in), .fields = validate_fields, .check = check_scan
};
static const struct shape scan_shape = { .name = "Scan", .size = sizeof(struct scan_in), .fields = scan_fields, .check = check_scan };

static struct gate_scan scan_of_input(const struct scan_in *in, const struct id *event)
{
    return (struct gate_scan){
        .qr_code = in->qr_code, .ticket = in->ticket, .event = *event, .gate = in->gate, .device = in->device,
        .scanned_at_ms = in->scanned_at_ms,
    };
}

static void verdict_json(struct buf *out, struct app *app, const struct gate_verdict *verdict)
{
    json_open(out, NULL);
    json_str(out, "result", verdict->reason == GATE_ADMITTED ? "valid" : "invalid");
    json_str(out, "reason", gate_reason_words[verdict->reason]);
    if (verdict->has_ticket)
        ticket_json(out, "ticket", app, &verdict->ticket);
    else
        json_nil(out, "ticket");
    json_time_or_null(out, "firstUsedAt", verdict->first_used_at_ms);
    json_str(out, "firstUsedGate", verdict->first_used_gate);
    json_close(out);
}

/* ---- one ticket ---- */

/* The code is read here, on the loop: the writer, who serves everyone in turn, is spared the signature. */
static enum err key_of_scan(struct req *req, struct tx *tx, struct id *out)
{
    const struct scan_in *in = req->body;
    struct gate_scan *scan = ARENA_NEW(req->arena, struct gate_scan);

    *scan = scan_of_input(in, &in->event);
    gate_read_code(req->app, scan);
    gate_sign_code(tx, scan);
    req->state = scan;
    *out = gate_event_of(tx, scan);
    return ERR_OK;
}

/* The event stands in the body, so that before the body is judged only this is known: whether he works at any event at all. gate_admit asks about
 * the one. */
static enum err may_scan_somewhere(struct req *req, struct tx *tx)
{
    const struct caller *caller = &req->caller;

    if (!id_is_zero(&caller->gate_of) || (caller->groups & (GROUP_ORGANIZERS | GROUP_ADMINS)) || staff_works_anywhere(tx, &caller->account))
        return ERR_OK;
    return ERR_FORBIDDEN;
}

static enum err validate_ticket(struct req *req, struct tx *tx)
{
    struct gate_verdict verdict;
    enum err e = gate_admit(tx, &req->caller, req->state, &verdict);

    if (e)
        return e;
    verdict_json(reply_json(req, 200), req->app, &verdict);
    return ERR_OK;
}

/* ---- a batch ---- */

struct batch_in {
    struct given given;
    struct scan_in *scans;
    size_t scan_count;
};
static const struct field batch_fields[] = {
    FIELD_MANY(batch_in, "scans", scans, scan_count, FIELD_LIST, &scan_shape, REQUIRED, 1, BATCH_MAX),
    FIELD_END
};
static const struct shape batch_shape = SHAPE(batch_in, "CheckIns", batch_fields);

/* A hundred signatures are 10 ms: on a lane. */
static enum err read_codes(struct req *req)
{
    const struct batch_in *in = req->body;
    struct gate_scan *scans = ARENA_ARRAY(req->arena, in->scan_count, struct gate_scan);
    struct tx tx;

    reader_begin(req->reader, &tx, req->arena, &req->fault);
    for (size_t i = 0; i < in->scan_count; i++) {
        scans[i] = scan_of_input(&in->scans[i], &req->id[0]);
        gate_read_code(req->app, &scans[i]);
        gate_sign_code(&tx, &scans[i]);
    }
    reader_end(req->reader, &tx);
    req->state = scans;
    return ERR_OK;
}

/* In the order in which they were sent: of two scans of one ticket the earlier in the list is the first. */
static enum err check_in_batch(struct req *req, struct tx *tx)
{
    const struct batch_in *in = req->body;
    const struct gate_scan *scans = req->state;
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < in->scan_count; i++) {
        struct gate_verdict verdict;
        enum err e = gate_admit(tx, &req->caller, &scans[i], &verdict);

        if (e)
            return e;
        verdict_json(out, req->app, &verdict);
    }
    json_close_array(out);
    json_close(out);
    return ERR_OK;
}

struct undo_in {
    struct given given;
    struct id ticket;
    const char *gate, *device;
};
static const struct field undo_fields[] = {
    FIELD(undo_in, "ticketId", ticket, FIELD_ID, REQUIRED, 0, 0),
    FIELD(undo_in, "gate", gate, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100),
    FIELD(undo_in, "deviceId", device, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100),
    FIELD_END
};
static const struct shape undo_shape = SHAPE(undo_in, "CheckInUndo", undo_fields);

static enum err undo_check_in(struct req *req, struct tx *tx)
{
    const struct undo_in *in = req->body;
    const struct gate_scan scan = { .ticket = in->ticket, .event = req->id[0], .gate = in->gate, .device = in->device };
    struct ticket ticket;
    enum err e = gate_undo(tx, &req->caller, &scan, &ticket);

    if (e)
        return e;
    ticket_json(reply_json(req, 200), NULL, req->app, &ticket);
    return ERR_OK;
}

/* ---- the roster ---- */

struct roster_query {
    struct given given;
    int64_t limit;
    const char *cursor;
};
static const struct field roster_query_fields[] = { LIST_FIELDS(roster_query), FIELD_END };
static const struct shape roster_query_shape = SHAPE(roster_query, "RosterQuery", roster_query_fields);

static void roster_row_json(struct buf *out, struct event *event, const struct roster_row *row)
{
    const struct ticket_type *type = event_type(event, row->type);
    struct id type_id = id_child(&event->id, row->type);

    json_open(out, NULL);
    json_id(out, "ticketId", &row->ticket);
    json_id(out, "ticketTypeId", &type_id);
    json_str(out, "ticketTypeName", type ? type->name : NULL);
    json_str(out, "attendeeName", row->attendee_name);
    json_str(out, "status", ticket_status_words[row->status]);
    json_int(out, "edition", row->edition);
    json_time_or_null(out, "usedAt", row->used_at_ms);
    json_str(out, "usedGate", row->used_gate);
    json_close(out);
}

static enum err show_roster(struct req *req, struct tx *tx)
{
    const struct roster_query *in = req->query;
    struct roster_row *rows;
    struct event event;
    struct page page;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = event_for_gate(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    e = page_read(req, in->limit, in->cursor, &page);
    if (e)
        return e;
    count = gate_roster(tx, &event.id, &page, &rows, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++)
        roster_row_json(out, &event, &rows[i]);
    json_close_array(out);
    page_write_next(out, more, 0, more ? &rows[count - 1].ticket : NULL);
    json_close(out);
    reply_etag_of_body(req);
    return ERR_OK;
}

/* ---- how many are in ---- */

static void counts_type_json(struct buf *out, const struct ticket_type *type, int64_t checked_in)
{
    json_open(out, NULL);
    json_id(out, "ticketTypeId", &type->id);
    json_str(out, "name", type->name);
    json_int(out, "sold", type->sold);
    json_int(out, "checkedIn", checked_in);
    json_close(out);
}

static enum err show_counts(struct req *req, struct tx *tx)
{
    struct event event;
    struct check_in_counts counts;
    struct buf *out;
    enum err e = event_for_gate(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    event_check_in_counts(tx, &event.id, &counts);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_id(out, "eventId", &event.id);
    json_int(out, "sold", event.sold);
    json_int(out, "checkedIn", counts.all);
    json_open_array(out, "ticketTypes");
    for (size_t i = 0; i < event.type_count; i++)
        counts_type_json(out, &event.types[i], counts.of_type[event.types[i].n]);
    json_close_array(out);
    json_close(out);
    reply_etag_of_body(req);
    return ERR_OK;
}

/* ---- tables ---- */

const struct route gate_routes[] = {
    { .method = "POST", .path = "/v1/validate-ticket", .kind = WRITE, .handler = validate_ticket, .who = WHO_SIGNED_IN, .devices = true,
      .allow = may_scan_somewhere, .body = &validate_shape, .key = key_of_scan, .urgent = true, .summary = "Check a ticket at the gate and let its bearer in",
      .answer = "Verdict" },
    { .method = "GET", .path = "/v1/events/{eventId}/roster", .kind = SCAN, .handler = show_roster, .who = WHO_SIGNED_IN, .devices = true,
      .allow = event_allow_gate, .query = &roster_query_shape, .summary = "The tickets of an event, for scanners that go offline", .answer = "Roster" },
    { .method = "POST", .path = "/v1/events/{eventId}/check-ins", .kind = WORK,
      .work = read_codes, .after = check_in_batch, .lane = LANE_SCAN, .who = WHO_SIGNED_IN, .devices = true, .allow = event_allow_gate, .body = &batch_shape, .key = event_key,
      .urgent = true, .summary = "Hand in a scanner's log, each scan answered", .answer = "VerdictList" },
    { .method = "POST", .path = "/v1/events/{eventId}/check-ins/undo", .kind = WRITE, .handler = undo_check_in, .who = WHO_SIGNED_IN, .devices = true,
      .allow = event_allow_gate, .body = &undo_shape, .key = event_key, .urgent = true, .summary = "Make a used ticket valid again", .answer = "Ticket" },
    { .method = "GET", .path = "/v1/events/{eventId}/check-in-counts", .kind = SCAN, .handler = show_counts, .who = WHO_SIGNED_IN, .devices = true,
      .allow = event_allow_gate, .summary = "How many are in, of how many tickets", .answer = "CheckInCounts" },
    ROUTE_END
};

#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define UUID "{\"type\":\"string\",\"format\":\"uuid\"}"

const struct answer_schema gate_schemas[] = {
    { "Verdict",
      "{\"type\":\"object\",\"required\":[\"result\",\"reason\",\"ticket\",\"firstUsedAt\",\"firstUsedGate\"],\"properties\":{"
      "\"result\":{\"type\":\"string\",\"enum\":[\"valid\",\"invalid\"]},"
      "\"reason\":{\"type\":[\"string\",\"null\"],\"enum\":[null,\"forged\",\"not-found\",\"wrong-event\",\"cancelled\",\"already-used\","
      "\"not-yet-open\",\"ended\"]},"
      "\"ticket\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Ticket\"},{\"type\":\"null\"}]},\"firstUsedAt\":" TIME_OR_NULL
      ",\"firstUsedGate\":" TEXT_OR_NULL "}}" },
    { "VerdictList",
      "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
      "{\"$ref\":\"#/components/schemas/Verdict\"}}}}" },
    { "Roster",
      "{\"type\":\"object\",\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
      "\"required\":[\"ticketId\",\"ticketTypeId\",\"ticketTypeName\",\"attendeeName\",\"status\",\"edition\",\"usedAt\",\"usedGate\"],"
      "\"properties\":{\"ticketId\":" UUID ",\"ticketTypeId\":" UUID ",\"ticketTypeName\":" TEXT_OR_NULL ",\"attendeeName\":" TEXT_OR_NULL
      ",\"status\":{\"type\":\"string\",\"enum\":[\"valid\",\"used\",\"cancelled\"]},\"edition\":{\"type\":\"integer\"},\"usedAt\":" TIME_OR_NULL
      ",\"usedGate\":" TEXT_OR_NULL "}}},\"nextCursor\":" TEXT_OR_NULL "}}" },
    { "CheckInCounts",
      "{\"type\":\"object\",\"required\":[\"eventId\",\"sold\",\"checkedIn\",\"ticketTypes\"],\"properties\":{\"eventId\":" UUID
      ",\"sold\":{\"type\":\"integer\"},\"checkedIn\":{\"type\":\"integer\"},\"ticketTypes\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
      "\"properties\":{\"ticketTypeId\":" UUID ",\"name\":{\"type\":\"string\"},\"sold\":{\"type\":\"integer\"},"
      "\"checkedIn\":{\"type\":\"integer\"}}}}}}" },
    { NULL, NULL },
};
