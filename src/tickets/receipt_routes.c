/* receipt_routes.c - a registration's receipt and credit notes, as presigned downloads. */
#include "tickets/receipt.h"

#include "base/json.h"
#include "tickets/tickets_inside.h"

#define DOWNLOAD_SECONDS 900 /* as a ticket's */

/* The credit notes are a list in pages like any other: each page has the receipt. */
struct papers_query {
    struct given given;
    int64_t limit;
    const char *cursor;
};
static const struct field papers_query_fields[] = { LIST_FIELDS(papers_query), FIELD_END };
static const struct shape papers_query_shape = SHAPE(papers_query, "ReceiptsQuery", papers_query_fields);

struct papers {
    struct registration reg;
    struct page page;        /* at: the number of the last credit note before it */
};

static enum err find_registration(struct req *req, struct tx *tx)
{
    const struct papers_query *in = req->query;
    struct papers *papers = ARENA_NEW(req->arena, struct papers);
    struct registration *reg = &papers->reg;
    enum err e = registration_for_caller(tx, &req->caller, &req->id[0], reg);

    if (!e)
        e = page_read(req, in->limit, in->cursor, &papers->page);
    if (e)
        return e;
    if (!receipt_is_due(reg))
        return fail(tx, ERR_NOT_FOUND, reg->amount ? "It has not been paid." : "What costs nothing has no receipt.");
    req->state = papers;
    return ERR_OK;
}

/* Those of the page: the receipt first, then credit notes behind the cursor. */
static size_t one_page(const struct page *page, struct receipt *all, size_t count, bool *more)
{
    size_t kept = 0;

    *more = false;
    for (size_t i = 0; i < count; i++) {
        bool behind = i == 0 || !page->after || all[i].number > page->at;

        if (behind && kept <= (size_t)page->limit)
            all[kept++] = all[i];
        else
            *more |= behind;
    }
    return kept;
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
    const struct papers *papers = req->state;
    const struct registration *reg = &papers->reg;
    struct receipt *receipts;
    const char **keys;
    struct buf *out;
    struct tx tx = { .app = req->app };
    size_t count;
    bool more;
    enum err e = receipt_issue(req->app, req->reader, req->arena, &req->fault, &reg->id);

    if (e)
        return e;
    reader_begin(req->reader, &tx, req->arena, &req->fault);
    count = receipts_of(&tx, &reg->id, &receipts);
    reader_end(req->reader, &tx);
    count = one_page(&papers->page, receipts, count, &more);
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
    page_write_next(out, more, more ? receipts[count - 1].number : 0, &reg->id);
    json_close(out);
    return ERR_OK;
}

const struct route receipt_routes[] = {
    { .method = "GET", .path = "/v1/registrations/{registrationId}/receipt", .kind = WORK, .handler = find_registration, .before_reads = true,
      .work = draw_receipts, .lane = LANE_RENDER, .who = WHO_SIGNED_IN, .query = &papers_query_shape,
      .summary = "The receipt of a paid registration and its credit notes, with presigned addresses of their PDFs, good for 15 minutes",
      .answer = "Receipts" },
    ROUTE_END
};

#define PAPER                                                                                                                                       \
    "{\"type\":\"object\",\"required\":[\"number\",\"issuedAt\",\"amount\",\"downloadUrl\",\"downloadUrlExpiresAt\"],\"properties\":{\"number\":{\"type\":\"string\"}," \
    "\"issuedAt\":{\"type\":\"string\",\"format\":\"date-time\"},\"amount\":{\"type\":\"integer\"},\"downloadUrl\":{\"type\":\"string\",\"format\":\"uri\"}," \
    "\"downloadUrlExpiresAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}"

const struct answer_schema receipt_schemas[] = {
    { "Receipts", "{\"type\":\"object\",\"required\":[\"registrationId\",\"currency\",\"receipt\",\"creditNotes\",\"nextCursor\"],\"properties\":{"
                  "\"registrationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"currency\":{\"type\":\"string\"},\"receipt\":" PAPER ","
                  "\"creditNotes\":{\"type\":\"array\",\"items\":" PAPER "},\"nextCursor\":{\"type\":[\"string\",\"null\"]}}}" },
    { NULL, NULL },
};
