/* GET /v1/tickets and its like. */
#include "tickets/tickets_inside.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/json.h"

#define DOWNLOAD_SECONDS 900 /* a quarter of an hour, by the contract */

/* ---- own tickets ---- */

struct tickets_query {
    struct given given;
    struct id event;
    int status;
    int64_t limit;
    const char *cursor;
};

enum { QUERY_EVENT, QUERY_STATUS };
static const struct field tickets_query_fields[] = {
    FIELD(tickets_query, "eventId", event, FIELD_ID, OPTIONAL, 0, 0),
    FIELD_WORDS(tickets_query, "status", status, OPTIONAL, ticket_status_words),
    LIST_FIELDS(tickets_query),
    FIELD_END
};
static const struct shape tickets_query_shape = SHAPE(tickets_query, "TicketsQuery", tickets_query_fields);

static enum err list_tickets(struct req *req, struct tx *tx)
{
    const struct tickets_query *in = req->query;
    struct ticket_filter filter = { .event = in->event, .by_status = given(&in->given, QUERY_STATUS), .status = (enum ticket_status)in->status };
    struct ticket *list;
    struct page page;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = page_read(req, in->limit, in->cursor, &page);

    if (e)
        return e;
    count = tickets_of_account(tx, &req->caller.account, &filter, &page, &list, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++)
        ticket_json(out, NULL, req->app, &list[i]);
    json_close_array(out);
    page_write_next(out, more, more ? list[count - 1].row.n : 0, more ? &list[count - 1].registration.id : NULL);
    json_close(out);
    return ERR_OK;
}

/* ---- one, with its download ---- */

static enum err reply_ticket(struct req *req, const struct ticket *ticket, const char *key)
{
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    ticket_json_members(out, req->app, ticket);
    json_str(out, "downloadUrl", key ? ticket_pdf_url(req->app, req->arena, ticket, key, DOWNLOAD_SECONDS, req->now_ms) : NULL);
    /* The address counts whole seconds. */
    json_time_or_null(out, "downloadUrlExpiresAt", key ? req->now_ms - req->now_ms % 1000 + DOWNLOAD_SECONDS * INT64_C(1000) : 0);
    json_close(out);
    return ERR_OK;
}

/* Before: who may see it, and an answer at once where the PDF is known to be there. A cancelled ticket has no download. */
static enum err show_ticket(struct req *req, struct tx *tx)
{
    struct ticket *ticket = ARENA_NEW(req->arena, struct ticket);
    char *token = arena_alloc(req->arena, TICKET_TOKEN_LEN + 1);
    const char *key;

    if (!ticket_find_to_print(tx, &req->id[0], ticket))
        return fail(tx, ERR_NOT_FOUND, "There is no such ticket.");
    if (!id_equal(&ticket->registration.account, &req->caller.account) && event_for_manager(tx, &req->caller, &ticket->event.id, NULL) != ERR_OK)
        return fail(tx, ERR_NOT_FOUND, "There is no such ticket.");
    ticket->qr_code = ticket_token_of(req->app, ticket, token); /* signed once for the code, the page and its hash: some 35 us */
    if (ticket->row.status == TICKET_CANCELLED)
        return reply_ticket(req, ticket, NULL);
    key = ticket_pdf_key(req->app, req->arena, ticket);
    if (ticket_pdf_known(req->app, key))
        return reply_ticket(req, ticket, key);
    req->state = ticket;
    return ERR_OK;
}

static enum err draw_ticket(struct req *req)
{
    const struct ticket *ticket = req->state;
    const char *key;
    enum err e = ticket_pdf_ready(req->app, req->arena, ticket, &key);

    if (e == ERR_DISK_FULL) /* the code alone opens the gate: reading goes on while nothing can be stored */
        return reply_ticket(req, ticket, NULL);
    return e ? e : reply_ticket(req, ticket, key);
}

/* ---- the mail once more ---- */

/* Asked before the body is looked at; the handler asks again. */
static enum err may_resend(struct req *req, struct tx *tx)
{
    struct registration reg;

    return registration_for_caller(tx, &req->caller, &req->id[0], &reg);
}

static enum err resend(struct req *req, struct tx *tx)
{
    struct registration reg;
    enum err e = registration_for_caller(tx, &req->caller, &req->id[0], &reg);
    struct buf *out;

    if (e)
        return e;
    if (reg.status != REGISTRATION_CONFIRMED)
        return fail(tx, ERR_CONFLICT, "Only a confirmed registration has tickets to send.");
    ticket_deliver_again(tx, &reg.id);
    out = reply_json(req, 202);
    json_open(out, NULL);
    json_id(out, "registrationId", &reg.id);
    json_str(out, "status", "queued");
    json_close(out);
    return ERR_OK;
}

/* ---- what a scanner needs to tell a forgery ---- */

static void json_base64url(struct buf *out, const char *name, const uint8_t bytes[32])
{
    char text[45];
    int len = EVP_EncodeBlock((unsigned char *)text, bytes, 32);

    while (len > 0 && text[len - 1] == '=')
        len--;
    for (int i = 0; i < len; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    json_strn(out, name, text, (size_t)len);
}

/* A JWK set (RFC 7517); `kid` is the key id in the token's second byte, in decimal. */
static enum err gate_keys(struct req *req, struct tx *tx)
{
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    json_open_array(out, "keys");
    for (unsigned id = 1; id < COUNT(req->app->tickets->keys); id++) {
        const struct gate_key *key = req->app->tickets->keys[id];
        uint8_t x[32], y[32];
        char kid[4];

        if (!key)
            continue;
        gate_key_public(key, x, y);
        snprintf(kid, sizeof kid, "%u", id & 255);
        json_open(out, NULL);
        json_str(out, "kty", "EC");
        json_str(out, "crv", "P-256");
        json_base64url(out, "x", x);
        json_base64url(out, "y", y);
        json_str(out, "kid", kid);
        json_str(out, "alg", "ES256");
        json_str(out, "use", "sig");
        json_close(out);
    }
    json_close_array(out);
    json_close(out);
    reply_etag_of_body(req);
    return ERR_OK;
}

const struct route ticket_routes[] = {
    { .method = "GET", .path = "/v1/tickets", .kind = SCAN, .handler = list_tickets, .who = WHO_SIGNED_IN, .query = &tickets_query_shape,
      .summary = "Own tickets of every status, newest registration first", .answer = "TicketList" },
    { .method = "GET", .path = "/v1/tickets/{ticketId}", .kind = WORK, .handler = show_ticket, .before_reads = true, .work = draw_ticket, .lane = LANE_RENDER,
      .who = WHO_SIGNED_IN, .summary = "One ticket with a presigned address of its PDF, good for 15 minutes (null for a cancelled one, and while the disk is full)", .answer = "TicketDownload" },
    { .method = "POST", .path = "/v1/registrations/{registrationId}/resend", .kind = WRITE, .handler = resend, .who = WHO_SIGNED_IN, .allow = may_resend, .key = registration_key,
      .summary = "Mail the tickets of a confirmed registration to their buyer again", .answer = "Resend", .answer_status = 202 },
    { .method = "GET", .path = "/v1/gate-keys", .kind = READ, .handler = gate_keys, .who = WHO_ANYONE, .devices = true, .cache = CACHE_STATIC,
      .summary = "Public keys of the codes on tickets, as a JWK set", .answer = "GateKeys" },
    ROUTE_END
};

#define TICKET_MEMBERS                                                                                                                              \
    "\"ticketId\":{\"type\":\"string\",\"format\":\"uuid\"},\"eventId\":{\"type\":\"string\",\"format\":\"uuid\"},"                             \
    "\"registrationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"userId\":{\"type\":\"string\",\"format\":\"uuid\"},"                        \
    "\"ticketTypeId\":{\"type\":\"string\",\"format\":\"uuid\"},\"attendeeName\":{\"type\":[\"string\",\"null\"]},"                             \
    "\"status\":{\"enum\":[\"valid\",\"used\",\"cancelled\"]},"                                                                                 \
    "\"qrCode\":{\"type\":\"string\",\"description\":\"Base32 of version 1, key id 1, edition 1, event tail 8, ticket id 16, ECDSA P-256 r|s 64 bytes\"}," \
    "\"usedAt\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},"                                                                     \
    "\"event\":{\"type\":\"object\",\"required\":[\"title\",\"startsAt\",\"timezone\",\"venue\"],\"properties\":{\"title\":{\"type\":\"string\"},\"startsAt\":{\"type\":\"string\",\"format\":\"date-time\"}," \
    "\"timezone\":{\"type\":\"string\"},\"venue\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":[\"string\",\"null\"]},"            \
    "\"address\":{\"type\":[\"string\",\"null\"]},\"city\":{\"type\":[\"string\",\"null\"]},\"country\":{\"type\":[\"string\",\"null\"]}}}}}"
#define TICKET_REQUIRED "\"ticketId\",\"eventId\",\"registrationId\",\"userId\",\"ticketTypeId\",\"attendeeName\",\"status\",\"qrCode\",\"usedAt\",\"event\""

const struct answer_schema ticket_schemas[] = {
    { "Ticket", "{\"type\":\"object\",\"properties\":{" TICKET_MEMBERS "},\"required\":[" TICKET_REQUIRED "]}" },
    { "TicketDownload", "{\"type\":\"object\",\"properties\":{" TICKET_MEMBERS ",\"downloadUrl\":{\"type\":[\"string\",\"null\"],\"format\":\"uri\"},"
                        "\"downloadUrlExpiresAt\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}},\"required\":[" TICKET_REQUIRED
                        ",\"downloadUrl\",\"downloadUrlExpiresAt\"]}" },
    { "TicketList", "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Ticket\"}},"
                    "\"nextCursor\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"items\",\"nextCursor\"]}" },
    { "Resend", "{\"type\":\"object\",\"properties\":{\"registrationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"status\":{\"const\":\"queued\"}},"
                "\"required\":[\"registrationId\",\"status\"]}" },
    { "GateKeys", "{\"type\":\"object\",\"properties\":{\"keys\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"kty\",\"crv\",\"x\",\"y\",\"kid\",\"alg\",\"use\"],"
                  "\"properties\":{\"kty\":{\"const\":\"EC\"},"
                  "\"crv\":{\"const\":\"P-256\"},\"x\":{\"type\":\"string\"},\"y\":{\"type\":\"string\"},\"kid\":{\"type\":\"string\"},"
                  "\"alg\":{\"const\":\"ES256\"},\"use\":{\"const\":\"sig\"}}}}},\"required\":[\"keys\"]}" },
    { NULL, NULL }
};
