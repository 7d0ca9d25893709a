/* registration_order.c - see registration_order.h. */
#include "registrations/registration_order.h"

#include "base/money.h"
#include "registrations/registration_rows.h"

SQL(quota_read_sql, "SELECT taken FROM account_quota WHERE event = :event AND account = :account AND n = :n");
SQL(quota_add_sql, "INSERT INTO account_quota (event, account, n, taken) VALUES (:event, :account, :n, :taken)"
                   " ON CONFLICT (event, account, n) DO UPDATE SET taken = account_quota.taken + excluded.taken");
SQL(quota_give_back_sql, "UPDATE account_quota SET taken = CASE WHEN taken > :quantity THEN taken - :quantity ELSE 0 END"
                         " WHERE event = :event AND account = :account AND n = :n");
SQL(quota_count_sql, "SELECT event, status, items FROM registration WHERE account = :account ORDER BY id");

/* ---- limits for one account ---- */

/* What the account has of the type, from its registrations: only asked when no row counts it yet. */
static int64_t quota_count(struct tx *tx, const struct id *event, const struct id *account, unsigned n)
{
    struct query *q = query(tx, &quota_count_sql);
    int64_t taken = 0;

    bind_id(q, ":account", account);
    while (query_row(q)) {
        struct registration reg = { 0 };
        struct id of = col_id(q, 0);
        int64_t status = col_int(q, 1);

        if (!id_equal(&of, event) || (status != REGISTRATION_PENDING && status != REGISTRATION_CONFIRMED))
            continue;
        registration_items_decode(tx->arena, col_text(q, 2, tx->arena), &reg);
        for (size_t i = 0; i < reg.item_count; i++)
            taken += reg.items[i].n == n ? reg.items[i].quantity : 0;
    }
    query_end(q);
    return taken;
}

void quota_add(struct tx *tx, const struct id *event, const struct id *account, unsigned n, int64_t quantity)
{
    struct query *q = query(tx, &quota_add_sql);

    bind_id(q, ":event", event);
    bind_id(q, ":account", account);
    bind_int(q, ":n", n);
    bind_int(q, ":taken", quantity);
    query_run(q);
}

/* The row is made by the first limited order, counting what the account bought before there was a limit. */
static enum err quota_take(struct tx *tx, const struct id *event, const struct id *account, unsigned n, int64_t quantity, int64_t max)
{
    struct query *q = query(tx, &quota_read_sql);
    int64_t taken = 0, before = 0;

    bind_id(q, ":event", event);
    bind_id(q, ":account", account);
    bind_int(q, ":n", n);
    if (query_row(q)) {
        taken = col_int(q, 0);
        query_end(q);
    } else {
        query_end(q);
        taken = before = quota_count(tx, event, account, n);
    }
    if (taken + quantity > max)
        return fail(tx, ERR_LIMIT_REACHED, "An account may have %" PRId64 " of this ticket type; yours has %" PRId64 ".", max, taken);
    quota_add(tx, event, account, n, before + quantity);
    return ERR_OK;
}

void quota_give_back(struct tx *tx, const struct registration *reg, unsigned n, int64_t quantity)
{
    struct query *q = query(tx, &quota_give_back_sql);

    bind_id(q, ":event", &reg->event);
    bind_id(q, ":account", &reg->account);
    bind_int(q, ":n", n);
    bind_int(q, ":quantity", quantity);
    query_run(q);
}

/* ---- reading it ---- */

/* Is there such a type for this buyer? A hidden one is there for who has a code that names it. */
static bool find_type(struct tx *tx, const struct id *event, const struct id *id, const struct order *order, struct sale_type *out)
{
    struct id parent = id_parent(id);
    unsigned n = id_number(id);

    return n && id_equal(&parent, event) && sale_type(tx, event, n, out) && (!out->hidden || (order->has_code && discount_is_for(&order->code, n, true)));
}

/* How many of it one order may have, and whether it stands in the order already. */
static void check_item(struct tx *tx, const struct registration_new *in, size_t i, const struct sale_type *type)
{
    const struct registration_item_new *item = &in->items[i];

    if (item->quantity < type->min_per_order)
        fault_field(tx->fault, arena_printf(tx->arena, "/items/%zu/quantity", i), "too-small",
                    "At least %" PRId64 " of this ticket type must be taken.", type->min_per_order);
    if (type->max_per_order && item->quantity > type->max_per_order)
        fault_field(tx->fault, arena_printf(tx->arena, "/items/%zu/quantity", i), "too-large",
                    "At most %" PRId64 " of this ticket type may be taken at once.", type->max_per_order);
    for (size_t j = 0; j < i; j++)
        if (id_equal(&in->items[j].ticket_type, &item->ticket_type))
            fault_field(tx->fault, arena_printf(tx->arena, "/items/%zu/ticketTypeId", i), "duplicate", "This ticket type is in the order already.");
}

/* The items as price lines; faults of each are added. */
static struct price_line *read_items(struct tx *tx, const struct registration_new *in, struct order *order, struct registration *reg)
{
    struct price_line *lines = ARENA_ARRAY(tx->arena, in->item_count, struct price_line);

    order->types = ARENA_ARRAY(tx->arena, in->item_count, struct sale_type);
    for (size_t i = 0; i < in->item_count; i++) {
        const struct registration_item_new *item = &in->items[i];
        struct sale_type *type = &order->types[i];

        if (!find_type(tx, &in->event, &item->ticket_type, order, type)) {
            fault_field(tx->fault, arena_printf(tx->arena, "/items/%zu/ticketTypeId", i), "not-found", "The event has no such ticket type.");
            continue;
        }
        check_item(tx, in, i, type);
        reg->items[i].n = id_number(&item->ticket_type);
        reg->quantity += item->quantity;
        lines[i] = (struct price_line){ .quantity = item->quantity, .unit = type->price, .tax_rate = type->tax,
                                        .discounted = order->has_code && discount_is_for(&order->code, reg->items[i].n, type->hidden) };
    }
    if (reg->quantity > REGISTRATION_TICKETS_MAX)
        fault_field(tx->fault, "/items", "too-large", "At most %d tickets a registration.", REGISTRATION_TICKETS_MAX);
    return lines;
}

/* The code must be for something in the order, or a use would be spent on nothing; and for no more than it allows. */
static void check_code(struct tx *tx, const struct discount_code *code, const struct price_line *lines, size_t count)
{
    int64_t tickets = 0;

    for (size_t i = 0; i < count; i++)
        tickets += lines[i].discounted ? lines[i].quantity : 0;
    if (!tickets)
        fault_field(tx->fault, "/discountCode", "not-applicable", "The code is not for these ticket types.");
    else if (code->max_tickets && tickets > code->max_tickets)
        fault_field(tx->fault, "/discountCode", "too-many", "The code is good for %" PRId64 " tickets at once.", code->max_tickets);
}

static void price(const struct order *order, struct price_line *lines, struct registration *reg)
{
    price_lines(lines, reg->item_count, &order->sale.fee, order->has_code ? &order->code.off : NULL, reg->currency);
    for (size_t i = 0; i < reg->item_count; i++) {
        registration_item_set(&reg->items[i], &lines[i]);
        reg->amount += lines[i].total; /* 100 items of 255 at 99,999,999: far from overflow */
    }
}

/* A total of 0 never goes to Stripe; one that Stripe would refuse is refused here, before a seat is held for it. */
static enum err check_amount(struct tx *tx, const struct registration *reg)
{
    int64_t least = money_minimum(reg->currency);

    if (!reg->amount || reg->amount >= least)
        return ERR_OK;
    return fail(tx, ERR_AMOUNT_TOO_SMALL, "The order comes to %s; a card payment is at least %s.", money_text(tx->arena, reg->currency, reg->amount),
                money_text(tx->arena, reg->currency, least));
}

static enum err find_sale(struct tx *tx, const struct id *event, const struct id *account, bool to_sell, struct sale *out)
{
    if (!sale_event(tx, event, out) || (out->status == EVENT_DRAFT && !id_equal(&out->organizer, account) && !event_managed_by(tx, event, account)))
        return fail(tx, ERR_NOT_FOUND, "There is no such event.");
    if (to_sell && out->status != EVENT_PUBLISHED)
        return fail(tx, ERR_SALE_CLOSED, "%s", out->status == EVENT_DRAFT       ? "The event is not published."
                                               : out->status == EVENT_CANCELLED ? "The event was cancelled."
                                                                                : "The event is over.");
    return ERR_OK;
}

enum err order_read(struct tx *tx, const struct registration_new *in, const struct id *account, bool to_sell, struct order *out, struct registration *reg)
{
    struct price_line *lines;
    enum err e = find_sale(tx, &in->event, account, to_sell, &out->sale), of_code = ERR_OK;

    if (e)
        return e;
    *reg = (struct registration){ .event = in->event, .account = *account, .currency = out->sale.currency, .item_count = in->item_count,
                                  .items = ARENA_ARRAY(tx->arena, in->item_count, struct registration_item) };
    out->has_code = in->discount_code != NULL;
    if (out->has_code) {
        of_code = discount_usable(tx, &in->event, in->discount_code, "/discountCode", &out->code);
        out->has_code = of_code == ERR_OK;
    }
    lines = read_items(tx, in, out, reg);
    if (out->has_code && !tx->fault->field_count)
        check_code(tx, &out->code, lines, reg->item_count);
    if (tx->fault->field_count)
        return ERR_INVALID;
    if (of_code)
        return of_code;
    if (out->has_code)
        reg->code = out->code.id;
    price(out, lines, reg);
    return check_amount(tx, reg);
}

/* ---- taking it ---- */

/* Answer "sold-out" with what is left of each type. Asked before anything of the order was held. */
enum err order_refuse_sold_out(struct tx *tx, const struct id *event)
{
    struct sale_left *left;
    int64_t whole;
    size_t count = sale_left_shown(tx, event, &left, &whole);
    struct buf extra = buf_in(tx->arena);

    json_open_array(&extra, "available");
    for (size_t i = 0; i < count; i++) {
        struct id type = id_child(event, left[i].n);

        json_open(&extra, NULL);
        json_id(&extra, "ticketTypeId", &type);
        json_int(&extra, "available", MIN(left[i].seats, whole));
        json_close(&extra);
    }
    json_close_array(&extra);
    tx->fault->extra_json = extra.data;
    return fail(tx, ERR_SOLD_OUT, "There are fewer seats left than you asked for.");
}

enum err order_take(struct tx *tx, const struct order *order, const struct registration *reg)
{
    int64_t wanted = 0;
    bool enough = true;
    enum err e = ERR_OK;

    for (size_t i = 0; i < reg->item_count; i++) {
        const struct sale_type *type = &order->types[i];

        if (tx->now_ms < type->starts_at_ms || (type->ends_at_ms && tx->now_ms >= type->ends_at_ms))
            return fail(tx, ERR_SALE_CLOSED, "%s", tx->now_ms < type->starts_at_ms ? "The sale of this ticket type has not begun."
                                                                                     : "The sale of this ticket type is over.");
        wanted += reg->items[i].quantity;
        enough = enough && reg->items[i].quantity <= type->seats && wanted <= order->sale.seats;
    }
    for (size_t i = 0; i < reg->item_count && !e; i++)
        if (order->types[i].max_per_account)
            e = quota_take(tx, &reg->event, &reg->account, reg->items[i].n, reg->items[i].quantity, order->types[i].max_per_account);
    if (e)
        return e;
    if (!enough)
        return order_refuse_sold_out(tx, &reg->event);
    return order->has_code ? discount_take(tx, &order->code, &reg->account) : ERR_OK;
}

enum err order_place_attendees(struct tx *tx, const struct registration_new *in, struct registration *reg)
{
    int64_t *used;

    if (!in->attendee_count)
        return ERR_OK;
    reg->attendees = ARENA_ARRAY(tx->arena, (size_t)reg->quantity, struct registration_attendee);
    used = ARENA_ARRAY(tx->arena, reg->item_count, int64_t);
    for (size_t i = 0; i < in->attendee_count; i++) {
        const struct registration_attendee_new *attendee = &in->attendees[i];
        int64_t first = 0;
        size_t item = 0;

        while (item < in->item_count && !id_equal(&in->items[item].ticket_type, &attendee->ticket_type))
            first += in->items[item++].quantity;
        if (item == in->item_count)
            fault_field(tx->fault, arena_printf(tx->arena, "/attendees/%zu/ticketTypeId", i), "not-found", "The order has no ticket of this type.");
        else if (used[item] == in->items[item].quantity)
            fault_field(tx->fault, arena_printf(tx->arena, "/attendees/%zu", i), "too-many", "There are more attendees than tickets of this type.");
        else
            reg->attendees[first + used[item]++] = (struct registration_attendee){ attendee->name, attendee->email };
    }
    return tx->fault->field_count ? ERR_INVALID : ERR_OK;
}
