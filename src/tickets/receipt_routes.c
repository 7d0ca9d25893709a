/* receipt_routes.c - a registration's receipt and credit notes, as presigned downloads. */
#include "tickets/receipt.h"

#include "base/json.h"
#include "tickets/tickets_inside.h"

#define DOWNLOAD_SECONDS 900 /* as a ticket's */

static enum err find_registration(struct req *req, struct tx *tx)
{
    struct registration *reg = ARENA_NEW(req->arena, struct registration);
    enum err e = registration_for_caller(tx, &req->caller, &req->id[0], reg);

    if (e)
        return e;
    if (!receipt_is_due(reg))
        return fail(tx, ERR_NOT_FOUND, reg->amount ? "It has not been paid." : "What costs nothing has no receipt.");
    req->state = reg;
    return ERR_OK;
}

static void receipt_json(struct buf *out, const char *name, struct req *req, const struct receipt *receipt, const char *key)
{
    json_open(out, name);
    json_str(out, "number", receipt_number(req->arena, receipt));
    json_time(out, "issuedAt", receipt->made_at_ms);
    json_int(out, "amount", receipt->amount);
    json_str(out, "downloadUrl", receipt_pdf_url(req->app, req->arena, receipt, key, DOWNLOAD_SECONDS, req->now_ms));
    json_time(out, "downloadUrlExpiresAt", req->now_ms - req->now_ms % 1000 + DOWNLOAD_SECONDS * INT64_C(1000));
    json_close(out);
}

/* The job that delivers the tickets has usually given the number already; who asks before it does so himself. */
static enum err draw_receipts(struct req *req)
{
    const struct registration *reg = req->state;
    struct receipt *receipts;
    const char **keys;
    struct buf *out;
    struct tx tx = { .app = req->app };
    size_t count;
    enum err e = receipt_issue(req->app, req->reader, req->arena, &req->fault, &reg->id);

    if (e)
        return e;
    reader_begin(req->reader, &tx, req->arena, &req->fault);
    count = receipts_of(&tx, &reg->id, &receipts);
    reader_end(req->reader, &tx);
    keys = ARENA_ARRAY(req->arena, count + 1, const char *);
    for (size_t i = 0; i < count && !e; i++)
        e = receipt_pdf_ready(req->app, req->arena, &receipts[i], &keys[i]);
    if (e || !count)
        return e ? e : ERR_BUSY;
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_id(out, "registrationId", &reg->id);
    json_str(out, "currency", reg->currency);
    receipt_json(out, "receipt", req, &receipts[0], keys[0]);
    json_open_array(out, "creditNotes");
    for (size_t i = 1; i < count; i++)
        receipt_json(out, NULL, req, &receipts[i], keys[i]);
    json_close_array(out);
    json_close(out);
    return ERR_OK;
}

const struct route receipt_routes[] = {
    { .method = "GET", .path = "/v1/registrations/{registrationId}/receipt", .kind = WORK, .handler = find_registration, .before_reads = true,
      .work = draw_receipts, .lane = LANE_RENDER, .who = WHO_SIGNED_IN,
      .summary = "The receipt of a paid registration and its credit notes, with presigned addresses of their PDFs, good for 15 minutes",
      .answer = "Receipts" },
    ROUTE_END
};

#define PAPER                                                                                                                                       \
    "{\"type\":\"object\",\"required\":[\"number\",\"issuedAt\",\"amount\",\"downloadUrl\",\"downloadUrlExpiresAt\"],\"properties\":{\"number\":{\"type\":\"string\"}," \
    "\"issuedAt\":{\"type\":\"string\",\"format\":\"date-time\"},\"amount\":{\"type\":\"integer\"},\"downloadUrl\":{\"type\":\"string\",\"format\":\"uri\"}," \
    "\"downloadUrlExpiresAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}"

const struct answer_schema receipt_schemas[] = {
    { "Receipts", "{\"type\":\"object\",\"required\":[\"registrationId\",\"currency\",\"receipt\",\"creditNotes\"],\"properties\":{"
                  "\"registrationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"currency\":{\"type\":\"string\"},\"receipt\":" PAPER ","
                  "\"creditNotes\":{\"type\":\"array\",\"items\":" PAPER "}}}" },
    { NULL, NULL },
};
