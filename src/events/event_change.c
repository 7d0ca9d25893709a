/* event_change.c - see event_change.h. Each change runs in the event's lane, so what was read at its beginning still stands. */
#include "events/event_change.h"

#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "events/event_search.h"
#include "events/payable.h"

#define PRICE_MAX 99999999    /* what Stripe takes in one charge, in minor units */
#define QUANTITY_MAX 1000000
#define ORDER_MAX 255         /* a ticket's number is one byte of its id */

/* ---- what may come in; the rows' places are the bits of `given` ---- */

enum { V_NAME, V_ADDRESS, V_CITY, V_COUNTRY };
static const struct field venue_fields[] = {
    FIELD(venue_in, "name", name, FIELD_LINE, OPTIONAL | NULLABLE, 1, 200),
    FIELD(venue_in, "address", address, FIELD_TEXT, OPTIONAL | NULLABLE, 1, 300),
    FIELD(venue_in, "city", city, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100),
    FIELD(venue_in, "country", country, FIELD_COUNTRY, OPTIONAL | NULLABLE, 2, 2),
    FIELD_END
};
static const struct shape venue_shape = SHAPE(venue_in, "VenueNew", venue_fields);

enum { F_FIXED, F_PERCENT, F_PAID_BY };
static const struct field fee_fields[] = {
    FIELD_WITH_HELP(service_fee_in, "fixed", fixed, FIELD_INT, OPTIONAL, 0, PRICE_MAX, "For each ticket that is not free, in the currency's minor unit."),
    FIELD_WITH_HELP(service_fee_in, "percentBps", percent_bps, FIELD_INT, OPTIONAL, 0, MONEY_BPS_ALL,
                    "Of what the ticket costs after a discount, in hundredths of a percent."),
    FIELD_WORDS(service_fee_in, "paidBy", paid_by, OPTIONAL, event_fee_payer_words),
    FIELD_END
};
static const struct shape fee_shape = SHAPE(service_fee_in, "ServiceFeeNew", fee_fields);

enum { S_NAME, S_ADDRESS, S_TAX_ID };
static const struct field seller_fields[] = {
    FIELD_WITH_HELP(seller_in, "name", name, FIELD_LINE, OPTIONAL | NULLABLE, 1, 200, "The legal name on receipts; null: the organizer's own."),
    FIELD(seller_in, "address", address, FIELD_TEXT, OPTIONAL | NULLABLE, 1, 300),
    FIELD(seller_in, "taxId", tax_id, FIELD_LINE, OPTIONAL | NULLABLE, 1, 50),
    FIELD_END
};
static const struct shape seller_shape = SHAPE(seller_in, "SellerNew", seller_fields);

enum { T_NAME, T_DESCRIPTION, T_PRICE, T_QUANTITY, T_SALE_STARTS, T_SALE_ENDS, T_MIN_ORDER, T_MAX_ORDER, T_MAX_ACCOUNT, T_TAX_RATE,
       T_TAX_INCLUDED, T_HIDDEN, T_ID, T_REMOVE };
#define TICKET_TYPE_FIELDS(need, quantity_min)                                                                  \
    FIELD(ticket_type_in, "name", name, FIELD_LINE, need, 1, 100),                                              \
    FIELD(ticket_type_in, "description", description, FIELD_TEXT, OPTIONAL | NULLABLE, 0, 1000),                \
    FIELD_WITH_HELP(ticket_type_in, "price", price, FIELD_INT, need, 0, PRICE_MAX,                              \
                    "In the currency's minor unit. A change does not touch registrations that exist."),         \
    FIELD(ticket_type_in, "quantity", quantity, FIELD_INT, need, quantity_min, QUANTITY_MAX),                   \
    FIELD(ticket_type_in, "saleStartsAt", sale_starts_at_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0),            \
    FIELD(ticket_type_in, "saleEndsAt", sale_ends_at_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0),                \
    FIELD(ticket_type_in, "minPerOrder", min_per_order, FIELD_INT, OPTIONAL | NULLABLE, 1, ORDER_MAX),          \
    FIELD(ticket_type_in, "maxPerOrder", max_per_order, FIELD_INT, OPTIONAL | NULLABLE, 1, ORDER_MAX),          \
    FIELD_WITH_HELP(ticket_type_in, "maxPerAccount", max_per_account, FIELD_INT, OPTIONAL | NULLABLE, 1, QUANTITY_MAX, \
                    "Tickets that one account may take over all its registrations; null: any number."),                \
    FIELD_WITH_HELP(ticket_type_in, "taxRateBps", tax_rate_bps, FIELD_INT, OPTIONAL, 0, MONEY_BPS_ALL,              \
                    "The tax, in hundredths of a percent: 1900 is 19 %."),                                      \
    FIELD_WITH_HELP(ticket_type_in, "taxIncluded", tax_included, FIELD_BOOL, OPTIONAL, 0, 0,                    \
                    "true (the default): the tax is a part of the price; false: it comes on top."),             \
    FIELD_WITH_HELP(ticket_type_in, "hidden", hidden, FIELD_BOOL, OPTIONAL, 0, 0,                               \
                    "Shown and sold only to who has a discount code that names this type.")

static const struct field ticket_type_new_fields[] = { TICKET_TYPE_FIELDS(REQUIRED, 1), FIELD_END };
static const struct field ticket_type_patch_fields[] = {
    TICKET_TYPE_FIELDS(OPTIONAL, 0),
    FIELD_WITH_HELP(ticket_type_in, "ticketTypeId", id, FIELD_ID, OPTIONAL, 0, 0,
                    "The type to change; without it this is a new type. Types that are not listed stay as they are."),
    FIELD_WITH_HELP(ticket_type_in, "remove", remove, FIELD_BOOL, OPTIONAL, 0, 0,
                    "Take the type away; possible while nobody has ever registered for the event."),
    FIELD_END
};

static void check_ticket_type_new(const void *value, const char *pointer, struct fault *fault);
static void check_ticket_type_patch(const void *value, const char *pointer, struct fault *fault);
static void check_event_new(const void *value, const char *pointer, struct fault *fault);
static void apply_fee(struct event *event, const struct service_fee_in *fee);
static void check_event(const void *value, const char *pointer, struct fault *fault);

static const struct shape ticket_type_new_shape = {
    .name = "TicketTypeNew", .size = sizeof(struct ticket_type_in), .fields = ticket_type_new_fields, .check = check_ticket_type_new
};
static const struct shape ticket_type_patch_shape = {
    .name = "TicketTypePatch", .size = sizeof(struct ticket_type_in), .fields = ticket_type_patch_fields, .check = check_ticket_type_patch
};

static const char *const status_words[] = { "draft", "published", NULL };

enum {
    E_TITLE, E_DESCRIPTION, E_CATEGORY, E_STATUS, E_STARTS, E_ENDS, E_ADMISSION, E_TIMEZONE, E_VENUE, E_ONLINE, E_CURRENCY, E_CAPACITY, E_TYPES,
    E_REFUND_UNTIL, E_REFUND_FEE, E_FEE, E_SELLER
};
#define EVENT_FIELDS(need, types_shape, types_min)                                                              \
    FIELD(event_in, "title", title, FIELD_LINE, need, 1, 200),                                                  \
    FIELD(event_in, "description", description, FIELD_TEXT, OPTIONAL | NULLABLE, 0, 10000),                     \
    FIELD(event_in, "category", category, FIELD_SLUG, OPTIONAL | NULLABLE, 1, 50),                              \
    FIELD_WORDS(event_in, "status", status, OPTIONAL, status_words),                                            \
    FIELD(event_in, "startsAt", starts_at_ms, FIELD_TIME, need, 0, 0),                                          \
    FIELD(event_in, "endsAt", ends_at_ms, FIELD_TIME, need, 0, 0),                                              \
    FIELD_WITH_HELP(event_in, "admissionStartsAt", admission_starts_at_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0, \
                    "Before it no ticket is valid at the gate; null: doors are open at any time."),             \
    FIELD(event_in, "timezone", timezone, FIELD_ZONE, need, 1, 64),                                             \
    FIELD_SUB(event_in, "venue", venue, &venue_shape, OPTIONAL | NULLABLE),                                     \
    FIELD(event_in, "online", online, FIELD_BOOL, OPTIONAL, 0, 0),                                              \
    FIELD(event_in, "currency", currency, FIELD_CURRENCY, need, 3, 3),                                          \
    FIELD_WITH_HELP(event_in, "capacity", capacity, FIELD_INT, need, 1, QUANTITY_MAX,                           \
                    "Seats over all ticket types; their quantities may sum to more."),                          \
    FIELD_MANY(event_in, "ticketTypes", types, type_count, FIELD_LIST, types_shape, need, types_min, EVENT_TYPES_MAX), \
    FIELD_WITH_HELP(event_in, "refundUntil", refund_until_ms, FIELD_TIME, OPTIONAL | NULLABLE, 0, 0,            \
                    "Until then a buyer may give tickets back that were not used; null: only the organizer gives refunds."), \
    FIELD_WITH_HELP(event_in, "refundFeePercent", refund_fee_percent, FIELD_INT, OPTIONAL, 0, 100,              \
                    "What a buyer who gives tickets back is not refunded, of their price, rounded half up to the minor unit."), \
    FIELD_SUB(event_in, "serviceFee", fee, &fee_shape, OPTIONAL | NULLABLE),                                    \
    FIELD_SUB(event_in, "seller", seller, &seller_shape, OPTIONAL | NULLABLE)

static const struct field event_new_fields[] = { EVENT_FIELDS(REQUIRED, &ticket_type_new_shape, 1), FIELD_END };
static const struct field event_patch_fields[] = { EVENT_FIELDS(OPTIONAL, &ticket_type_patch_shape, 0), FIELD_END };

const struct shape event_new_shape = {
    .name = "EventNew", .size = sizeof(struct event_in), .fields = event_new_fields, .check = check_event_new
};
const struct shape event_patch_shape = {
    .name = "EventPatch", .size = sizeof(struct event_in), .fields = event_patch_fields, .check = check_event
};

/* ---- rules between fields: of what was sent, then (PATCH) of what it makes ---- */

/* pointer + "/" + name; the fault copies it. */
static const char *member(struct fault *fault, const char *pointer, const char *name)
{
    return arena_printf(fault->arena, "%s/%s", pointer, name);
}

/* Zero stands for "not set" in each of these; a rule speaks only where both its sides are set. */
static void check_type_rules(const struct ticket_type *type, const char *pointer, struct fault *fault)
{
    if (type->sale_starts_at_ms && type->sale_ends_at_ms && type->sale_ends_at_ms <= type->sale_starts_at_ms)
        fault_field(fault, member(fault, pointer, "saleEndsAt"), "order", "The sale must end after it starts.");
    if (type->max_per_order && type->max_per_order < type->min_per_order)
        fault_field(fault, member(fault, pointer, "maxPerOrder"), "order", "It must not be less than minPerOrder.");
    if (type->max_per_account && type->max_per_account < type->min_per_order)
        fault_field(fault, member(fault, pointer, "maxPerAccount"), "order", "It must not be less than minPerOrder.");
}

static struct ticket_type type_of_input(const struct ticket_type_in *in)
{
    return (struct ticket_type){
        .name = in->name, .description = in->description, .price = in->price, .quantity = in->quantity,
        .sale_starts_at_ms = in->sale_starts_at_ms, .sale_ends_at_ms = in->sale_ends_at_ms,
        .min_per_order = in->min_per_order ? in->min_per_order : 1, .max_per_order = in->max_per_order,
        .max_per_account = in->max_per_account,
        .tax = { .bps = in->tax_rate_bps, .included = in->tax_included || !given(&in->given, T_TAX_INCLUDED) }, .hidden = in->hidden,
    };
}

static void check_ticket_type_new(const void *value, const char *pointer, struct fault *fault)
{
    struct ticket_type type = type_of_input(value);

    check_type_rules(&type, pointer, fault);
}

static void check_ticket_type_patch(const void *value, const char *pointer, struct fault *fault)
{
    static const struct { const char *name; unsigned row; } needed[] = { { "name", T_NAME }, { "price", T_PRICE }, { "quantity", T_QUANTITY } };
    const struct ticket_type_in *in = value;
    struct ticket_type type = type_of_input(in);
    const char *id = member(fault, pointer, "ticketTypeId");

    if (given(&in->given, T_ID) || fault_has(fault, id)) {
        if (!given(&in->given, T_MIN_ORDER)) /* the stored one counts, and is checked with it */
            type.min_per_order = 0;
        check_type_rules(&type, pointer, fault);
        return;
    }
    check_type_rules(&type, pointer, fault);
    if (in->remove)
        fault_field(fault, id, "required", "Name the ticket type to remove.");
    for (size_t i = 0; i < COUNT(needed) && !in->remove; i++) {
        const char *at = member(fault, pointer, needed[i].name);

        if (!given(&in->given, needed[i].row) && !fault_has(fault, at))
            fault_field(fault, at, "required", "A ticket type without ticketTypeId is a new one and needs it.");
    }
    if (!in->remove && given(&in->given, T_QUANTITY) && in->quantity == 0)
        fault_field(fault, member(fault, pointer, "quantity"), "too-small", "A new ticket type needs at least 1.");
}

/* Which of two fields to blame: the one that was sent. */
static void check_dates(const struct event *event, const struct event_in *in, struct fault *fault)
{
    bool ends_sent = given(&in->given, E_ENDS);

    if (event->starts_at_ms && event->ends_at_ms && event->ends_at_ms <= event->starts_at_ms)
        fault_field(fault, ends_sent ? "/endsAt" : "/startsAt", "order", "The event must end after it starts.");
    if (event->admission_starts_at_ms && event->ends_at_ms && event->admission_starts_at_ms > event->ends_at_ms)
        fault_field(fault, given(&in->given, E_ADMISSION) ? "/admissionStartsAt" : "/endsAt", "order",
                    "Admission must not start after the event's end.");
    if (event->refund_until_ms && event->ends_at_ms && event->refund_until_ms > event->ends_at_ms)
        fault_field(fault, given(&in->given, E_REFUND_UNTIL) ? "/refundUntil" : "/endsAt", "order",
                    "Tickets cannot be given back after the event's end.");
}

static void check_event(const void *value, const char *pointer, struct fault *fault)
{
    const struct event_in *in = value;
    const struct event sent = {
        .starts_at_ms = in->starts_at_ms, .ends_at_ms = in->ends_at_ms, .admission_starts_at_ms = in->admission_starts_at_ms,
        .refund_until_ms = in->refund_until_ms
    };

    (void)pointer;
    check_dates(&sent, in, fault);
    if (given(&in->given, E_STATUS) && in->status == EVENT_PUBLISHED && in->ends_at_ms && in->ends_at_ms <= clock_now_ms())
        fault_field(fault, "/endsAt", "past", "An event to be published must end in the future.");
    for (size_t i = 0; i < in->type_count; i++) /* at most 100 squared */
        for (size_t k = 0; k < i; k++)
            if (!id_is_zero(&in->types[i].id) && id_equal(&in->types[i].id, &in->types[k].id)) {
                fault_field(fault, arena_printf(fault->arena, "/ticketTypes/%zu/ticketTypeId", i), "repeated", "It is listed twice.");
                break;
            }
}

/* All of it is here, so what it costs can be judged at once. */
static void check_event_new(const void *value, const char *pointer, struct fault *fault)
{
    const struct event_in *in = value;
    struct event sent = { .currency = in->currency };

    check_event(value, pointer, fault);
    if (!in->currency)
        return;
    if (in->fee)
        apply_fee(&sent, in->fee);
    payable_fee(&sent, "/serviceFee/fixed", fault);
    for (size_t i = 0; i < in->type_count; i++) {
        struct ticket_type type = type_of_input(&in->types[i]);

        if (type.name)
            payable_type(&type, &sent, arena_printf(fault->arena, "/ticketTypes/%zu/price", i), fault);
    }
}

/* ---- rows ---- */

SQL(event_insert,
    "INSERT INTO event (id, organizer, status, title, description, category, starts_at, ends_at, admission_starts_at, timezone,"
    " venue_name, venue_address, venue_city, venue_country, city_key, listed, online, image, currency, version, created_at, updated_at,"
    " refund_until, refund_fee_percent, fee_fixed, fee_bps, fee_by_organizer, seller_name, seller_address, seller_tax_id, types_made)"
    " VALUES (:id, :organizer, :status, :title, :description, :category, :starts_at, :ends_at, :admission_starts_at, :timezone,"
    " :venue_name, :venue_address, :venue_city, :venue_country, :city_key, :listed, :online, NULL, :currency, 1, :now, :now,"
    " :refund_until, :refund_fee_percent, :fee_fixed, :fee_bps, :fee_by_organizer, :seller_name, :seller_address, :seller_tax_id, :types_made)");
SQL(event_update,
    "UPDATE event SET status = :status, title = :title, description = :description, category = :category, starts_at = :starts_at,"
    " ends_at = :ends_at, admission_starts_at = :admission_starts_at, timezone = :timezone, venue_name = :venue_name,"
    " venue_address = :venue_address, venue_city = :venue_city, venue_country = :venue_country, city_key = :city_key, listed = :listed,"
    " online = :online, currency = :currency, refund_until = :refund_until, refund_fee_percent = :refund_fee_percent,"
    " fee_fixed = :fee_fixed, fee_bps = :fee_bps, fee_by_organizer = :fee_by_organizer, seller_name = :seller_name,"
    " seller_address = :seller_address, seller_tax_id = :seller_tax_id, version = version + 1, updated_at = :now"
    " WHERE id = :id AND version = :version AND status <> 2");
SQL(event_cancel_sql,
    "UPDATE event SET status = 2, listed = 0, version = version + 1, updated_at = :now WHERE id = :id AND status <> 2 AND ends_at > :ended_by");
SQL(event_set_image_sql,
    "UPDATE event SET image = :image, version = version + 1, updated_at = :now WHERE id = :id AND status <> 2");
SQL(ticket_type_insert,
    "INSERT INTO ticket_type (event, n, name, description, price, sale_starts_at, sale_ends_at, min_per_order, max_per_order, max_per_account,"
    " tax_bps, tax_included, hidden)"
    " VALUES (:event, :n, :name, :description, :price, :sale_starts_at, :sale_ends_at, :min_per_order, :max_per_order, :max_per_account,"
    " :tax_bps, :tax_included, :hidden)");
SQL(ticket_type_update,
    "UPDATE ticket_type SET name = :name, description = :description, price = :price, sale_starts_at = :sale_starts_at,"
    " sale_ends_at = :sale_ends_at, min_per_order = :min_per_order, max_per_order = :max_per_order, max_per_account = :max_per_account,"
    " tax_bps = :tax_bps, tax_included = :tax_included, hidden = :hidden"
    " WHERE event = :event AND n = :n");
SQL(event_types_made, "SELECT types_made FROM event WHERE id = :id");
SQL(event_set_types_made, "UPDATE event SET types_made = :made WHERE id = :id");
SQL(ticket_type_delete, "DELETE FROM ticket_type WHERE event = :event AND n = :n");
SQL(stock_insert, "INSERT INTO stock (event, n, quantity) VALUES (:event, :n, :quantity)");
SQL(stock_set_quantity, "UPDATE stock SET quantity = :quantity WHERE event = :event AND n = :n AND held + sold <= :quantity");
SQL(stock_delete, "DELETE FROM stock WHERE event = :event AND n = :n AND held = 0 AND sold = 0");
/* A look at what hangs on the event: a type that a registration names, whatever became of it, must keep its name. */
SQL(event_was_registered_for, "SELECT 1 FROM registration WHERE event = :event LIMIT 1");
SQL(event_word_insert, "INSERT INTO event_word (word, event) VALUES (:word, :event) ON CONFLICT (word, event) DO NOTHING");
SQL(event_word_delete, "DELETE FROM event_word WHERE event = :event");

static bool is_listed(const struct event *event, int64_t now_ms)
{
    return event->status == EVENT_PUBLISHED && event->ends_at_ms > now_ms;
}

static void bind_event(struct query *q, struct tx *tx, const struct event *event)
{
    bind_id(q, ":id", &event->id);
    bind_int(q, ":status", event->status == EVENT_ENDED ? EVENT_PUBLISHED : event->status);
    bind_text(q, ":title", event->title);
    bind_text(q, ":description", event->description);
    bind_text(q, ":category", event->category);
    bind_int(q, ":starts_at", event->starts_at_ms);
    bind_int(q, ":ends_at", event->ends_at_ms);
    bind_time_or_null(q, ":admission_starts_at", event->admission_starts_at_ms);
    bind_text(q, ":timezone", event->timezone);
    bind_text(q, ":venue_name", event->venue_name);
    bind_text(q, ":venue_address", event->venue_address);
    bind_text(q, ":venue_city", event->venue_city);
    bind_text(q, ":venue_country", event->venue_country);
    bind_text(q, ":city_key", search_fold(tx->arena, event->venue_city));
    bind_int(q, ":listed", is_listed(event, tx->now_ms));
    bind_int(q, ":online", event->online);
    bind_text(q, ":currency", event->currency);
    bind_time_or_null(q, ":refund_until", event->refund_until_ms);
    bind_int(q, ":refund_fee_percent", event->refund_fee_percent);
    bind_int(q, ":fee_fixed", event->fee.fixed);
    bind_int(q, ":fee_bps", event->fee.bps);
    bind_int(q, ":fee_by_organizer", event->fee.by_organizer);
    bind_text(q, ":seller_name", event->seller_name);
    bind_text(q, ":seller_address", event->seller_address);
    bind_text(q, ":seller_tax_id", event->seller_tax_id);
    bind_int(q, ":now", tx->now_ms);
}

static void bind_limit(struct query *q, const char *name, int64_t limit)
{
    if (limit)
        bind_int(q, name, limit);
    else
        bind_null(q, name);
}

static void type_write(struct tx *tx, struct sql *sql, const struct id *event, const struct ticket_type *type)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":event", event);
    bind_int(q, ":n", type->n);
    bind_text(q, ":name", type->name);
    bind_text(q, ":description", type->description);
    bind_int(q, ":price", type->price);
    bind_time_or_null(q, ":sale_starts_at", type->sale_starts_at_ms);
    bind_time_or_null(q, ":sale_ends_at", type->sale_ends_at_ms);
    bind_int(q, ":min_per_order", type->min_per_order);
    bind_limit(q, ":max_per_order", type->max_per_order);
    bind_limit(q, ":max_per_account", type->max_per_account);
    bind_int(q, ":tax_bps", type->tax.bps);
    bind_int(q, ":tax_included", type->tax.included);
    bind_int(q, ":hidden", type->hidden);
    query_run(q);
}

static int64_t stock_write(struct tx *tx, struct sql *sql, const struct id *event, unsigned n, int64_t quantity)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":event", event);
    bind_int(q, ":n", n);
    bind_int(q, ":quantity", quantity);
    return query_run(q);
}

static void row_delete(struct tx *tx, struct sql *sql, const struct id *event, unsigned n)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":event", event);
    bind_int(q, ":n", n);
    query_run(q);
}

void event_words_delete(struct tx *tx, const struct id *event)
{
    struct query *q = query(tx, &event_word_delete);

    bind_id(q, ":event", event);
    query_run(q);
}

/* Up to 2,000 short rows, in the event's own transaction: who was answered that it is published finds it. About 3 ms at worst. */
static void words_write(struct tx *tx, const struct event *event)
{
    struct word_set set;

    word_set_init(&set, tx->arena, SEARCH_WORDS_MAX);
    word_set_add_text(&set, event->title);
    word_set_add_text(&set, event->category);
    word_set_add_text(&set, event->venue_name);
    word_set_add_text(&set, event->venue_city);
    word_set_add_text(&set, event->description);
    for (size_t i = 0; i < set.count; i++) {
        struct query *q = query(tx, &event_word_insert);

        bind_text(q, ":word", set.word[i]);
        bind_id(q, ":event", &event->id);
        query_run(q);
    }
}

/* ---- making one ---- */

static void apply_venue(struct event *event, const struct venue_in *venue)
{
    if (!venue) {
        event->venue_name = event->venue_address = event->venue_city = event->venue_country = NULL;
        return;
    }
    if (given(&venue->given, V_NAME))
        event->venue_name = venue->name;
    if (given(&venue->given, V_ADDRESS))
        event->venue_address = venue->address;
    if (given(&venue->given, V_CITY))
        event->venue_city = venue->city;
    if (given(&venue->given, V_COUNTRY))
        event->venue_country = venue->country;
}

static void apply_fee(struct event *event, const struct service_fee_in *fee)
{
    if (!fee) {
        event->fee = (struct price_fee){ 0 };
        return;
    }
    if (given(&fee->given, F_FIXED))
        event->fee.fixed = fee->fixed;
    if (given(&fee->given, F_PERCENT))
        event->fee.bps = fee->percent_bps;
    if (given(&fee->given, F_PAID_BY))
        event->fee.by_organizer = fee->paid_by != 0;
}

static void apply_seller(struct event *event, const struct seller_in *seller)
{
    if (!seller) {
        event->seller_name = event->seller_address = event->seller_tax_id = NULL;
        return;
    }
    if (given(&seller->given, S_NAME))
        event->seller_name = seller->name;
    if (given(&seller->given, S_ADDRESS))
        event->seller_address = seller->address;
    if (given(&seller->given, S_TAX_ID))
        event->seller_tax_id = seller->tax_id;
}

/* The fields that were sent, less the types. */
static void apply_fields(struct event *event, const struct event_in *in)
{
    if (given(&in->given, E_TITLE))
        event->title = in->title;
    if (given(&in->given, E_DESCRIPTION))
        event->description = in->description;
    if (given(&in->given, E_CATEGORY))
        event->category = in->category;
    if (given(&in->given, E_STATUS))
        event->status = (enum event_status)in->status;
    if (given(&in->given, E_STARTS))
        event->starts_at_ms = in->starts_at_ms;
    if (given(&in->given, E_ENDS))
        event->ends_at_ms = in->ends_at_ms;
    if (given(&in->given, E_ADMISSION))
        event->admission_starts_at_ms = in->admission_starts_at_ms;
    if (given(&in->given, E_TIMEZONE))
        event->timezone = in->timezone;
    if (given(&in->given, E_VENUE))
        apply_venue(event, in->venue);
    if (given(&in->given, E_ONLINE))
        event->online = in->online;
    if (given(&in->given, E_CURRENCY))
        event->currency = in->currency;
    if (given(&in->given, E_CAPACITY))
        event->capacity = in->capacity;
    if (given(&in->given, E_REFUND_UNTIL))
        event->refund_until_ms = in->refund_until_ms;
    if (given(&in->given, E_REFUND_FEE))
        event->refund_fee_percent = in->refund_fee_percent;
    if (given(&in->given, E_FEE))
        apply_fee(event, in->fee);
    if (given(&in->given, E_SELLER))
        apply_seller(event, in->seller);
}

static void type_add(struct tx *tx, struct event *event, struct ticket_type type, unsigned n)
{
    type.n = n;
    type.id = id_child(&event->id, n);
    type_write(tx, &ticket_type_insert, &event->id, &type);
    stock_write(tx, &stock_insert, &event->id, n, type.quantity);
    event->types[event->type_count++] = type;
}

enum err event_create(struct tx *tx, const struct id *organizer, const struct event_in *in, struct event *out)
{
    struct query *q;

    *out = (struct event){
        .id = id_new(tx->now_ms), .organizer = *organizer, .version = 1, .created_at_ms = tx->now_ms, .updated_at_ms = tx->now_ms,
        .types = ARENA_ARRAY(tx->arena, in->type_count, struct ticket_type),
    };
    apply_fields(out, in);
    q = query(tx, &event_insert);
    bind_event(q, tx, out);
    bind_id(q, ":organizer", organizer);
    bind_int(q, ":types_made", (int64_t)in->type_count);
    query_run(q);
    stock_write(tx, &stock_insert, &out->id, 0, out->capacity);
    for (size_t i = 0; i < in->type_count; i++)
        type_add(tx, out, type_of_input(&in->types[i]), (unsigned)i + 1);
    if (is_listed(out, tx->now_ms))
        words_write(tx, out);
    tx_note(tx, "event.created", &out->id, NULL);
    return ERR_OK;
}

/* ---- changing one ---- */

static bool was_registered_for(struct tx *tx, const struct id *event)
{
    struct query *q = query(tx, &event_was_registered_for);
    bool found;

    bind_id(q, ":event", event);
    found = query_row(q);
    query_end(q);
    return found;
}

static void apply_type(struct ticket_type *type, const struct ticket_type_in *in)
{
    struct ticket_type sent = type_of_input(in);

    if (given(&in->given, T_NAME))
        type->name = sent.name;
    if (given(&in->given, T_DESCRIPTION))
        type->description = sent.description;
    if (given(&in->given, T_PRICE))
        type->price = sent.price;
    if (given(&in->given, T_QUANTITY))
        type->quantity = sent.quantity;
    if (given(&in->given, T_SALE_STARTS))
        type->sale_starts_at_ms = sent.sale_starts_at_ms;
    if (given(&in->given, T_SALE_ENDS))
        type->sale_ends_at_ms = sent.sale_ends_at_ms;
    if (given(&in->given, T_MIN_ORDER))
        type->min_per_order = sent.min_per_order;
    if (given(&in->given, T_MAX_ORDER))
        type->max_per_order = sent.max_per_order;
    if (given(&in->given, T_MAX_ACCOUNT))
        type->max_per_account = sent.max_per_account;
    if (given(&in->given, T_TAX_RATE))
        type->tax.bps = sent.tax.bps;
    if (given(&in->given, T_TAX_INCLUDED))
        type->tax.included = sent.tax.included;
    if (given(&in->given, T_HIDDEN))
        type->hidden = sent.hidden;
}

static struct ticket_type *type_named(struct event *event, const struct id *id)
{
    struct id parent = id_parent(id);

    return id_equal(&parent, &event->id) ? event_type(event, id_number(id)) : NULL;
}

static const struct ticket_type_in *sent_for(const struct event_in *in, const struct id *type)
{
    for (size_t i = 0; i < in->type_count; i++)
        if (id_equal(&in->types[i].id, type))
            return &in->types[i];
    return NULL;
}

static bool price_sent(const struct ticket_type_in *in)
{
    return given(&in->given, T_PRICE) || given(&in->given, T_MIN_ORDER) || given(&in->given, T_TAX_RATE) || given(&in->given, T_TAX_INCLUDED);
}

static bool fee_changed(const struct price_fee *a, const struct price_fee *b)
{
    return a->fixed != b->fixed || a->bps != b->bps || a->by_organizer != b->by_organizer;
}

/* What a new currency or fee makes unpayable, where no new price was sent that could be blamed. */
static void check_prices(const struct event *event, const struct event *before, const struct event_in *in, struct fault *fault)
{
    bool currency = strcmp(event->currency, before->currency) != 0, fee = fee_changed(&event->fee, &before->fee);

    if (!currency && !fee)
        return;
    payable_fee(event, fee ? "/serviceFee/fixed" : "/currency", fault);
    for (size_t i = 0; i < event->type_count; i++) {
        const struct ticket_type_in *sent = sent_for(in, &event->types[i].id);

        if (!sent || (!price_sent(sent) && !sent->remove))
            payable_type(&event->types[i], event, currency ? "/currency" : "/serviceFee", fault);
    }
}

/* What the merged event would break, with every fault; and what its state forbids, of which one is enough. */
static enum err check_change(struct tx *tx, struct event *event, const struct event *before, const struct event_in *in)
{
    struct fault *fault = tx->fault;
    size_t added = 0, removed = 0;
    bool registered = false, asked = false;
    const char *forbids = NULL;

    check_dates(event, in, fault);
    check_prices(event, before, in, fault);
    if (event->status == EVENT_PUBLISHED && event->ends_at_ms <= tx->now_ms && (given(&in->given, E_ENDS) || before->status == EVENT_DRAFT))
        fault_field(fault, given(&in->given, E_ENDS) ? "/endsAt" : "/status", "past", "A published event must end in the future.");
    if (event->capacity < event->held + event->sold)
        forbids = arena_printf(tx->arena, "The capacity cannot go below the %" PRId64 " seats that are held or sold.", event->held + event->sold);
    if (strcmp(event->currency, before->currency) != 0 && event->held + event->sold > 0)
        forbids = arena_printf(tx->arena, "The currency cannot change while seats are held or sold.");
    if (event->status == EVENT_DRAFT && before->status != EVENT_DRAFT && event->held + event->sold > 0)
        forbids = arena_printf(tx->arena, "It cannot be a draft again while seats are held or sold.");

    for (size_t i = 0; i < in->type_count; i++) {
        const struct ticket_type_in *sent = &in->types[i];
        const char *pointer = arena_printf(tx->arena, "/ticketTypes/%zu", i);
        struct ticket_type *found, type;

        if (id_is_zero(&sent->id)) {
            added++;
            type = type_of_input(sent);
            payable_type(&type, event, member(fault, pointer, "price"), fault);
            continue;
        }
        found = type_named(event, &sent->id);
        if (!found) {
            fault_field(fault, member(fault, pointer, "ticketTypeId"), "unknown", "This event has no such ticket type.");
            continue;
        }
        if (sent->remove) {
            removed++;
            if (!asked)
                registered = was_registered_for(tx, &event->id);
            asked = true;
            if (registered)
                forbids = arena_printf(tx->arena, "A ticket type cannot be removed once someone has registered; lower its quantity instead.");
            continue;
        }
        type = *found;
        apply_type(&type, sent);
        check_type_rules(&type, pointer, fault);
        if (price_sent(sent))
            payable_type(&type, event, member(fault, pointer, "price"), fault);
        if (type.quantity < type.held + type.sold)
            forbids = arena_printf(tx->arena, "The quantity of \"%s\" cannot go below the %" PRId64 " that are held or sold.", type.name,
                         type.held + type.sold);
    }
    if (event->type_count + added > EVENT_TYPES_MAX + removed)
        fault_field(fault, "/ticketTypes", "too-many", "An event has at most %d ticket types.", EVENT_TYPES_MAX);
    if (event->type_count + added == removed)
        fault_field(fault, "/ticketTypes", "too-few", "An event needs a ticket type.");
    if (fault->fields)
        return ERR_INVALID;
    return forbids ? fail(tx, ERR_CONFLICT, "%s", forbids) : ERR_OK;
}

static unsigned types_made(struct tx *tx, const struct id *event)
{
    struct query *q = query(tx, &event_types_made);
    unsigned made;

    bind_id(q, ":id", event);
    made = query_row(q) ? (unsigned)col_int(q, 0) : 0;
    query_end(q);
    return made;
}

/* Each gets the next number that the event never gave: a removed type's stays its own, for discount codes and old links name it. */
static enum err add_types(struct tx *tx, struct event *event, const struct event_in *in)
{
    unsigned before = types_made(tx, &event->id), made = before;
    struct query *q;

    for (size_t i = 0; i < in->type_count; i++) {
        if (!id_is_zero(&in->types[i].id))
            continue;
        if (made == 255)
            return fail(tx, ERR_CONFLICT, "The event has used up its 255 numbers of ticket types.");
        type_add(tx, event, type_of_input(&in->types[i]), ++made);
    }
    if (made == before)
        return ERR_OK;
    q = query(tx, &event_set_types_made);
    bind_id(q, ":id", &event->id);
    bind_int(q, ":made", made);
    query_run(q);
    return ERR_OK;
}

static enum err change_types(struct tx *tx, struct event *event, const struct event_in *in)
{
    struct ticket_type *old = event->types;
    size_t old_count = event->type_count;

    event->types = ARENA_ARRAY(tx->arena, old_count + in->type_count + 1, struct ticket_type);
    event->type_count = 0;
    for (size_t i = 0; i < old_count; i++) {
        const struct ticket_type_in *sent = sent_for(in, &old[i].id);

        if (sent && sent->remove) {
            row_delete(tx, &stock_delete, &event->id, old[i].n);
            row_delete(tx, &ticket_type_delete, &event->id, old[i].n);
            continue;
        }
        if (sent) {
            apply_type(&old[i], sent);
            type_write(tx, &ticket_type_update, &event->id, &old[i]);
            if (given(&sent->given, T_QUANTITY) && stock_write(tx, &stock_set_quantity, &event->id, old[i].n, old[i].quantity) != 1)
                return ERR_CONFLICT;
        }
        event->types[event->type_count++] = old[i];
    }
    return add_types(tx, event, in);
}

static bool words_changed(const struct event_in *in)
{
    return given(&in->given, E_TITLE) || given(&in->given, E_DESCRIPTION) || given(&in->given, E_CATEGORY) || given(&in->given, E_VENUE);
}

enum err event_change(struct tx *tx, struct event *event, const struct event_in *in)
{
    const struct event before = *event;
    bool was_listed = is_listed(&before, tx->now_ms), listed, reword;
    struct query *q;
    enum err e;

    if (event->status == EVENT_CANCELLED)
        return fail(tx, ERR_CONFLICT, "The event is cancelled, and that is final.");
    if (event->status == EVENT_ENDED) /* as stored, until we know the new end */
        event->status = EVENT_PUBLISHED;
    apply_fields(event, in);
    e = check_change(tx, event, &before, in);
    if (e)
        return e;

    q = query(tx, &event_update);
    bind_event(q, tx, event);
    bind_int(q, ":version", before.version);
    if (query_run(q) != 1)
        return fail(tx, ERR_CONFLICT, "It was changed meanwhile.");
    event->version++;
    event->updated_at_ms = tx->now_ms;
    if (event->capacity != before.capacity && stock_write(tx, &stock_set_quantity, &event->id, 0, event->capacity) != 1)
        return ERR_CONFLICT;
    if (in->type_count) {
        e = change_types(tx, event, in);
        if (e)
            return e;
    }
    listed = is_listed(event, tx->now_ms);
    reword = listed && (!was_listed || words_changed(in));
    if (reword || (!listed && before.status != EVENT_DRAFT)) /* an ended event may still have its words: the sweep comes later */
        event_words_delete(tx, &event->id);
    if (reword)
        words_write(tx, event);
    if (event->status == EVENT_PUBLISHED && !listed)
        event->status = EVENT_ENDED;
    tx_note(tx, before.status == EVENT_DRAFT && listed ? "event.published" : "event.changed", &event->id, NULL);
    return ERR_OK;
}

enum err event_cancel(struct tx *tx, struct event *event)
{
    struct query *q;
    char id[ID_TEXT_LEN + 1];

    if (event->status == EVENT_CANCELLED)
        return ERR_OK;
    q = query(tx, &event_cancel_sql);
    bind_id(q, ":id", &event->id);
    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":ended_by", event->status == EVENT_DRAFT ? 0 : tx->now_ms);
    if (query_run(q) != 1)
        return fail(tx, ERR_CONFLICT, "The event is over.");
    event_words_delete(tx, &event->id);
    id_format(&event->id, id);
    if (event->status != EVENT_DRAFT) /* nobody registers for a draft */
        job_ask(tx, "event-cancel", id, NULL, 0);
    event->status = EVENT_CANCELLED;
    event->version++;
    event->updated_at_ms = tx->now_ms;
    tx_note(tx, "event.cancelled", &event->id, NULL);
    return ERR_OK;
}

/* ---- its picture ---- */

void event_drop_image_later(struct tx *tx, const struct id *event, const char *key, int64_t at_ms)
{
    char id[ID_TEXT_LEN + 1];

    id_format(event, id);
    job_ask(tx, "event-image", key, id, at_ms);
}

enum err event_set_image(struct tx *tx, struct event *event, const char *key)
{
    struct query *q = query(tx, &event_set_image_sql);

    bind_id(q, ":id", &event->id);
    bind_text(q, ":image", key);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return fail(tx, ERR_CONFLICT, "The event is cancelled.");
    if (event->image)
        event_drop_image_later(tx, &event->id, event->image, 0);
    event->image = key;
    event->version++;
    event->updated_at_ms = tx->now_ms;
    tx_note(tx, "event.changed", &event->id, NULL);
    return ERR_OK;
}
