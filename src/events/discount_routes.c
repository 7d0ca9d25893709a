/* discount_routes.c - discount codes for who runs the event. */
#include "events/discount.h"

#include <string.h>

#include "base/money.h"
#include "base/random.h"
#include "events/event_rows.h"

#define VALUE_MAX 99999999 /* as a price */
#define USES_MAX 1000000

/* ---- what comes in ---- */

struct discount_in {
    struct given given;
    int64_t percent_bps, amount;
    int amount_per;          /* 0 order, 1 ticket */
    struct id *types;
    size_t type_count;
    int64_t max_uses, max_uses_per_account, max_tickets;
    int64_t starts_at_ms, ends_at_ms;
    bool active;
    const char *code;        /* POST */
    const char *prefix;      /* the batch's, from here */
    int64_t count;
};
enum { D_PERCENT, D_AMOUNT, D_AMOUNT_PER, D_TYPES, D_MAX_USES, D_MAX_PER_ACCOUNT, D_MAX_TICKETS, D_STARTS, D_ENDS, D_ACTIVE };

static const char *const amount_per_words[] = { "order", "ticket", NULL };

#define RULE_FIELDS                                                                                                                  \
    FIELD_WITH_HELP(discount_in, "percentBps", percent_bps, FIELD_INT, OPTIONAL | NULLABLE, 1, MONEY_BPS_ALL,                       \
                    "Off each ticket's price, in hundredths of a percent: 2000 is 20 %, 10000 makes it free."),                       \
    FIELD_WITH_HELP(discount_in, "amount", amount, FIELD_INT, OPTIONAL | NULLABLE, 1, VALUE_MAX,                                    \
                    "Off in the currency's minor unit; a price never goes below 0."),                                                 \
    FIELD_WORDS(discount_in, "amountPer", amount_per, OPTIONAL, amount_per_words),                                                  \
    FIELD_MANY(discount_in, "ticketTypeIds", types, type_count, FIELD_ID_LIST, NULL, OPTIONAL | NULLABLE, 1, EVENT_TYPES_MAX),     \
    FIELD_WITH_HELP(discount_in, "maxUses", max_uses, FIELD_INT, OPTIONAL | NULLABLE, 1, USES_MAX, "Registrations; null: any number."), \
    FIELD(discount_in, "maxUsesPerAccount", max_uses_per_account, FIELD_INT, OPTIONAL | NULLABLE, 1, USES_MAX),                     \
    FIELD_WITH_HELP(discount_in, "maxTickets", max_tickets, FIELD_INT, OPTIONAL | NULLABLE, 1, 255,                                 \
                    "Tickets of its types that one registration may have with it; null: any number."),                                \
    FIELD(discount_in, "startsAt", starts_at_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0),                                            \
    FIELD(discount_in, "endsAt", ends_at_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0),                                                \
    FIELD(discount_in, "active", active, FIELD_BOOL, OPTIONAL, 0, 0)

static const struct field patch_fields[] = { RULE_FIELDS, FIELD_END };
static const struct field new_fields[] = {
    RULE_FIELDS,
    FIELD_WITH_HELP(discount_in, "code", code, FIELD_LINE, REQUIRED, 1, DISCOUNT_CODE_MAX, "Compared without regard to case."),
    FIELD_END
};
static const struct field batch_fields[] = {
    RULE_FIELDS,
    FIELD_WITH_HELP(discount_in, "prefix", prefix, FIELD_LINE, OPTIONAL, 1, 20, "What each of the codes begins with."),
    FIELD(discount_in, "count", count, FIELD_INT, REQUIRED, 1, DISCOUNT_BATCH_MAX),
    FIELD_END
};
static void check_sent(const void *value, const char *pointer, struct fault *fault);
static const struct shape patch_shape = { .name = "DiscountCodePatch", .size = sizeof(struct discount_in), .fields = patch_fields, .check = check_sent };
static const struct shape new_shape = { .name = "DiscountCodeNew", .size = sizeof(struct discount_in), .fields = new_fields, .check = check_sent };
static const struct shape batch_shape = { .name = "DiscountCodeBatch", .size = sizeof(struct discount_in), .fields = batch_fields, .check = check_sent };

struct codes_query {
    struct given given;
    int64_t limit;
    const char *cursor;
};
static const struct field codes_query_fields[] = { LIST_FIELDS(codes_query), FIELD_END };
static const struct shape codes_query_shape = SHAPE(codes_query, "DiscountCodesQuery", codes_query_fields);

static void check_sent(const void *value, const char *pointer, struct fault *fault)
{
    const struct discount_in *in = value;

    (void)pointer;
    if (in->percent_bps && in->amount)
        fault_field(fault, "/amount", "conflict", "A code takes off a percentage or an amount, not both.");
    if (in->starts_at_ms && in->ends_at_ms && in->ends_at_ms <= in->starts_at_ms)
        fault_field(fault, "/endsAt", "order", "It must end after it starts.");
}

/* ---- what it makes ---- */

static void apply_discount(struct discount_code *code, const struct discount_in *in)
{
    enum price_discount_kind amount_kind = code->off.kind == PRICE_AMOUNT_TICKET ? PRICE_AMOUNT_TICKET : PRICE_AMOUNT_ORDER;

    if (given(&in->given, D_AMOUNT_PER))
        amount_kind = in->amount_per ? PRICE_AMOUNT_TICKET : PRICE_AMOUNT_ORDER;
    if (in->percent_bps)
        code->off = (struct price_discount){ PRICE_PERCENT, in->percent_bps };
    else if (in->amount)
        code->off = (struct price_discount){ amount_kind, in->amount };
    else if (given(&in->given, code->off.kind == PRICE_PERCENT ? D_PERCENT : D_AMOUNT)) /* null takes it away */
        code->off = (struct price_discount){ 0 };
    else if (code->off.kind > PRICE_PERCENT)
        code->off.kind = amount_kind;
}

/* The ticket types that are named, as their numbers. */
static void apply_types(struct tx *tx, struct discount_code *code, const struct discount_in *in, struct event *event)
{
    uint8_t *numbers = arena_alloc(tx->arena, in->type_count + 1);

    if (!given(&in->given, D_TYPES))
        return;
    for (size_t i = 0; i < in->type_count; i++) {
        struct id parent = id_parent(&in->types[i]);

        numbers[i] = (uint8_t)id_number(&in->types[i]);
        if (!id_equal(&parent, &event->id) || !event_type(event, numbers[i]))
            fault_field(tx->fault, arena_printf(tx->arena, "/ticketTypeIds/%zu", i), "not-found", "The event has no such ticket type.");
    }
    code->types = numbers;
    code->type_count = in->type_count;
}

static enum err apply(struct tx *tx, struct discount_code *code, const struct discount_in *in, struct event *event)
{
    apply_discount(code, in);
    apply_types(tx, code, in, event);
    if (given(&in->given, D_MAX_USES))
        code->max_uses = in->max_uses;
    if (given(&in->given, D_MAX_PER_ACCOUNT))
        code->max_uses_per_account = in->max_uses_per_account;
    if (given(&in->given, D_MAX_TICKETS))
        code->max_tickets = in->max_tickets;
    if (given(&in->given, D_STARTS))
        code->starts_at_ms = in->starts_at_ms;
    if (given(&in->given, D_ENDS))
        code->ends_at_ms = in->ends_at_ms;
    if (given(&in->given, D_ACTIVE))
        code->active = in->active;
    if (code->starts_at_ms && code->ends_at_ms && code->ends_at_ms <= code->starts_at_ms)
        fault_field(tx->fault, given(&in->given, D_ENDS) ? "/endsAt" : "/startsAt", "order", "It must end after it starts.");
    if (code->off.kind == PRICE_NO_DISCOUNT && !code->type_count)
        fault_field(tx->fault, "/percentBps", "required", "Say percentBps or amount, or name the hidden ticketTypeIds that the code opens.");
    if (code->off.kind > PRICE_PERCENT && code->off.value % money_step(event->currency))
        fault_field(tx->fault, "/amount", "step", "In %s amounts are multiples of %" PRId64 ".", event->currency, money_step(event->currency));
    return tx->fault->field_count ? ERR_INVALID : ERR_OK;
}

/* ---- as JSON ---- */

static void number_or_null(struct buf *out, const char *name, bool there, int64_t value)
{
    if (there)
        json_int(out, name, value);
    else
        json_nil(out, name);
}

static void discount_json(struct buf *out, const char *name, const struct discount_code *code)
{
    bool amount = code->off.kind == PRICE_AMOUNT_ORDER || code->off.kind == PRICE_AMOUNT_TICKET;

    json_open(out, name);
    json_id(out, "discountCodeId", &code->id);
    json_id(out, "eventId", &code->event);
    json_str(out, "code", code->code);
    number_or_null(out, "percentBps", code->off.kind == PRICE_PERCENT, code->off.value);
    number_or_null(out, "amount", amount, code->off.value);
    json_str(out, "amountPer", amount ? amount_per_words[code->off.kind == PRICE_AMOUNT_TICKET] : NULL);
    if (code->type_count) {
        json_open_array(out, "ticketTypeIds");
        for (size_t i = 0; i < code->type_count; i++) {
            struct id type = id_child(&code->event, code->types[i]);

            json_id(out, NULL, &type);
        }
        json_close_array(out);
    } else {
        json_nil(out, "ticketTypeIds");
    }
    event_json_limit(out, "maxUses", code->max_uses);
    event_json_limit(out, "maxUsesPerAccount", code->max_uses_per_account);
    event_json_limit(out, "maxTickets", code->max_tickets);
    json_time_or_null(out, "startsAt", code->starts_at_ms);
    json_time_or_null(out, "endsAt", code->ends_at_ms);
    json_bool(out, "active", code->active);
    json_int(out, "used", code->used);
    json_time(out, "createdAt", code->created_at_ms);
    json_time(out, "updatedAt", code->updated_at_ms);
    json_close(out);
}

/* ---- handlers ---- */

static enum err list_codes(struct req *req, struct tx *tx)
{
    const struct codes_query *in = req->query;
    struct discount_code *codes;
    struct page page;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = event_allow_manager(req, tx);

    if (!e)
        e = page_read(req, in->limit, in->cursor, &page);
    if (e)
        return e;
    count = discount_list(tx, &req->id[0], &page, &codes, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++)
        discount_json(out, NULL, &codes[i]);
    json_close_array(out);
    page_write_next(out, more, 0, more ? &codes[count - 1].id : NULL);
    json_close(out);
    return ERR_OK;
}

/* The event, and a code with what was sent: for POST and the batch. */
static enum err begin_code(struct req *req, struct tx *tx, struct discount_code *code)
{
    struct event event;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    *code = (struct discount_code){ .event = event.id, .active = true };
    return apply(tx, code, req->body, &event);
}

static enum err create_code(struct req *req, struct tx *tx)
{
    struct discount_code code;
    enum err e = begin_code(req, tx, &code);

    if (e)
        return e;
    code.code = ((const struct discount_in *)req->body)->code;
    e = discount_create(tx, &code);
    if (e)
        return e;
    discount_json(reply_json(req, 201), NULL, &code);
    return ERR_OK;
}

/* Without 0, 1, I, L and O, which people misread: 31^8 codes, so that 10,000 of them are guessed once in 85 million tries. */
static const char *random_code(struct arena *arena, const char *prefix)
{
    static const char letters[] = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
    char text[9] = "";

    for (size_t i = 0; i < 8; i++)
        text[i] = letters[random_below(sizeof letters - 1)];
    return arena_printf(arena, "%s%s", prefix ? prefix : "", text);
}

static enum err create_batch(struct req *req, struct tx *tx)
{
    const struct discount_in *in = req->body;
    struct discount_code code;
    struct buf *out;
    enum err e = begin_code(req, tx, &code);

    if (e)
        return e;
    if (!given(&in->given, D_MAX_USES))
        code.max_uses = 1;
    out = reply_json(req, 201);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (int64_t i = 0; i < in->count; i++) {
        code.code = random_code(tx->arena, in->prefix);
        e = discount_create(tx, &code); /* a code drawn twice is 409, once in a lifetime */
        if (e)
            return e;
        discount_json(out, NULL, &code);
    }
    json_close_array(out);
    json_close(out);
    return ERR_OK;
}

static enum err find_code(struct req *req, struct tx *tx, struct event *event, struct discount_code *code)
{
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], event);

    if (e)
        return e;
    return discount_find(tx, &req->id[0], &req->id[1], code) ? ERR_OK : fail(tx, ERR_NOT_FOUND, "The event has no such discount code.");
}

static enum err change_code(struct req *req, struct tx *tx)
{
    struct discount_code code;
    struct event event;
    enum err e = find_code(req, tx, &event, &code);

    if (!e)
        e = apply(tx, &code, req->body, &event);
    if (!e)
        e = discount_change(tx, &code);
    if (e)
        return e;
    discount_json(reply_json(req, 200), NULL, &code);
    return ERR_OK;
}

static enum err delete_code(struct req *req, struct tx *tx)
{
    struct discount_code code;
    struct event event;
    bool gone;
    enum err e = find_code(req, tx, &event, &code);

    if (!e)
        e = discount_delete(tx, &code, &gone);
    if (e)
        return e;
    if (gone)
        return reply_empty(req, 204);
    discount_json(reply_json(req, 200), NULL, &code);
    return ERR_OK;
}

/* ---- tables ---- */

const struct route discount_routes[] = {
    { .method = "GET", .path = "/v1/events/{eventId}/discount-codes", .kind = READ, .handler = list_codes, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .query = &codes_query_shape, .summary = "An event's discount codes with their uses, newest first", .answer = "DiscountCodeList" },
    { .method = "POST", .path = "/v1/events/{eventId}/discount-codes", .kind = WRITE, .handler = create_code, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .body = &new_shape, .key = event_key, .summary = "Make a discount code", .answer = "DiscountCode", .answer_status = 201 },
    { .method = "POST", .path = "/v1/events/{eventId}/discount-codes/batch", .kind = WRITE, .handler = create_batch, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .body = &batch_shape, .key = event_key, .summary = "Make up to 100 random codes, each good once unless maxUses says otherwise",
      .answer = "DiscountCodes", .answer_status = 201 },
    { .method = "PATCH", .path = "/v1/events/{eventId}/discount-codes/{discountCodeId}", .kind = WRITE, .handler = change_code, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .body = &patch_shape, .key = event_key,
      .summary = "Change a discount code; registrations that have it stay as they are", .answer = "DiscountCode" },
    { .method = "DELETE", .path = "/v1/events/{eventId}/discount-codes/{discountCodeId}", .kind = WRITE, .handler = delete_code, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .key = event_key, .summary = "Delete a discount code (204), or switch it off where it was used (200)", .answer = "DiscountCode",
      .or_none = true },
    ROUTE_END
};

#define NUMBER_OR_NULL "{\"type\":[\"integer\",\"null\"],\"minimum\":1}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define UUID "{\"type\":\"string\",\"format\":\"uuid\"}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"

const struct answer_schema discount_schemas[] = {
    { "DiscountCode",
      "{\"type\":\"object\",\"required\":[\"discountCodeId\",\"eventId\",\"code\",\"percentBps\",\"amount\",\"amountPer\",\"ticketTypeIds\",\"maxUses\","
      "\"maxUsesPerAccount\",\"maxTickets\",\"startsAt\",\"endsAt\",\"active\",\"used\",\"createdAt\",\"updatedAt\"],\"properties\":{"
      "\"discountCodeId\":" UUID ",\"eventId\":" UUID ",\"code\":{\"type\":\"string\"},\"percentBps\":" NUMBER_OR_NULL ",\"amount\":" NUMBER_OR_NULL
      ",\"amountPer\":{\"enum\":[\"order\",\"ticket\",null]},\"ticketTypeIds\":{\"type\":[\"array\",\"null\"],\"items\":" UUID "},"
      "\"maxUses\":" NUMBER_OR_NULL ",\"maxUsesPerAccount\":" NUMBER_OR_NULL ",\"maxTickets\":" NUMBER_OR_NULL ",\"startsAt\":" TIME_OR_NULL
      ",\"endsAt\":" TIME_OR_NULL ",\"active\":{\"type\":\"boolean\"},\"used\":{\"type\":\"integer\",\"minimum\":0},\"createdAt\":" TIME
      ",\"updatedAt\":" TIME "}}" },
    { "DiscountCodeList",
      "{\"type\":\"object\",\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
      "{\"$ref\":\"#/components/schemas/DiscountCode\"}},\"nextCursor\":{\"type\":[\"string\",\"null\"]}}}" },
    { "DiscountCodes",
      "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
      "{\"$ref\":\"#/components/schemas/DiscountCode\"}}}}" },
    { NULL, NULL },
};
