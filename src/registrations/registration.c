#include "registrations/registration.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "registrations/registration_money.h"
#include "registrations/registration_order.h"
#include "registrations/registration_rows.h"

const char *const registration_status_words[] = { "pending", "confirmed", "cancelled", "expired", "refunded", NULL };
const char *const ticket_status_words[] = { "valid", "used", "cancelled", NULL };
_Static_assert(COUNT(registration_status_words) == REGISTRATION_STATUS_COUNT + 1, "each status has its word");

SQL(find_sql, "SELECT " REGISTRATION_COLUMNS " FROM registration WHERE id = :id");
SQL(event_of_sql, "SELECT event FROM registration WHERE id = :id");
SQL(insert_sql, "INSERT INTO registration (id, event, account, status, items, attendees, quantity, amount, currency,"
                " expires_at, created_at, confirmed_at, code)"
                " VALUES (:id, :event, :account, :status, :items, :attendees, :quantity, :amount, :currency,"
                " :expires_at, :now, :confirmed_at, :code)");
SQL(confirm_sql, "UPDATE registration SET status = 1, expires_at = NULL, confirmed_at = :now WHERE id = :id AND status = :from");
SQL(expire_sql, "UPDATE registration SET status = 3, expires_at = NULL WHERE id = :id AND status = 0 AND expires_at <= :now");
SQL(give_back_sql, "UPDATE registration SET status = 2, expires_at = NULL WHERE id = :id AND status = 0");
SQL(end_sql, "UPDATE registration SET status = :to, refunded = refunded + :refunded WHERE id = :id AND status = 1");
SQL(refund_part_sql, "UPDATE registration SET refunded = refunded + :refunded WHERE id = :id AND status = 1");
SQL(add_refunded_sql, "UPDATE registration SET refunded = refunded + :amount WHERE id = :id AND refunded + :amount <= amount");
SQL(unrefund_sql, "UPDATE registration SET refunded = refunded - :amount WHERE id = :id AND refunded >= :amount");
SQL(extend_sql, "UPDATE registration SET extended = 1, expires_at = CASE WHEN expires_at < :until THEN :until ELSE expires_at END"
                " WHERE id = :id AND status = 0 AND extended = 0");
SQL(keep_sql, "UPDATE registration SET kept = :kept WHERE id = :id AND kept <> :kept");
SQL(set_disputed_sql, "UPDATE registration SET disputed = :disputed WHERE id = :id AND disputed <> :disputed");
SQL(set_intent_sql, "UPDATE registration SET intent = :intent WHERE id = :id");

/* Tickets from..to of one type in one statement: an order may have 255. */
SQL(issue_sql, "WITH RECURSIVE numbers (n) AS (SELECT CAST(:from AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n < :to)"
               " INSERT INTO ticket (registration, n, type) SELECT :registration, n, :type FROM numbers");
SQL(tickets_sql, "SELECT n, type, status, edition, used_at, used_gate FROM ticket WHERE registration = :registration ORDER BY n");
SQL(ticket_sql, "SELECT n, type, status, edition, used_at, used_gate FROM ticket WHERE registration = :registration AND n = :n");
SQL(cancel_all_tickets_sql, "UPDATE ticket SET status = 2 WHERE registration = :registration AND status <> 2");
SQL(cancel_ticket_sql, "UPDATE ticket SET status = 2 WHERE registration = :registration AND n = :n AND status <> 2");

/* ---- reading ---- */

/* The next number of an item's, behind '[' or ','; false and 0 where there is none. */
static bool item_number(const char **at, int64_t *out)
{
    char *end;

    *out = 0;
    if (**at != '[' && **at != ',')
        return false;
    *out = strtoll(*at + 1, &end, 10);
    *at = end;
    return true;
}

/* "[[1,2,2500],[3,1,4000,500,125,560,1900,1]]": type, quantity, unit price; and where one of them is not 0: discount, fee, tax, tax rate, and
 * whether the tax is in the price. We wrote it, so it is well-formed; a damaged row yields fewer items, which `usher check` names. */
void registration_items_decode(struct arena *arena, const char *text, struct registration *out)
{
    size_t count = 0;

    for (const char *at = text; *at; at++)
        count += *at == '[';
    out->items = ARENA_ARRAY(arena, count + 1, struct registration_item);
    for (const char *at = text + (*text == '['); *at == '[' || *at == ',';) {
        struct registration_item *item = &out->items[out->item_count];
        int64_t n, included = 1;

        at += *at == ',';
        if (*at != '[' || !item_number(&at, &n) || !item_number(&at, &item->quantity) || !item_number(&at, &item->unit_price))
            break;
        item->n = (unsigned)n;
        if (item_number(&at, &item->discount) && item_number(&at, &item->fee) && item_number(&at, &item->tax) && item_number(&at, &item->tax_rate.bps))
            item_number(&at, &included);
        item->tax_rate.included = included != 0;
        if (*at != ']')
            break;
        out->item_count++;
        at++;
    }
}

void registration_item_set(struct registration_item *item, const struct price_line *line)
{
    *item = (struct registration_item){ .n = item->n, .quantity = line->quantity, .unit_price = line->unit, .discount = line->discount,
                                        .fee = line->fee, .tax = line->tax, .tax_rate = line->tax_rate };
}

struct price_line registration_line(const struct registration_item *item)
{
    return (struct price_line){ .quantity = item->quantity, .unit = item->unit_price, .tax_rate = item->tax_rate, .discount = item->discount,
                                .fee = item->fee, .tax = item->tax,
                                .total = item->quantity * item->unit_price - item->discount + item->fee + (item->tax_rate.included ? 0 : item->tax) };
}

struct price_sums registration_sums(const struct registration *reg)
{
    struct price_sums sums = { 0 };

    for (size_t i = 0; i < reg->item_count; i++) {
        struct price_line line = registration_line(&reg->items[i]);

        price_sums_add(&sums, &line);
    }
    return sums;
}

/* "[["Ada","ada@example.org"],null]": one entry a ticket. */
static void attendees_decode(struct arena *arena, const char *text, struct registration *out)
{
    struct fault ignored = { .arena = arena };
    json_t *list;

    if (json_parse(arena, text, strlen(text), &list, &ignored))
        return;
    out->attendees = ARENA_ARRAY(arena, (size_t)out->quantity, struct registration_attendee);
    for (size_t i = 0; i < json_array_size(list) && i < (size_t)out->quantity; i++) {
        json_t *entry = json_array_get(list, i);

        out->attendees[i].name = json_string_value(json_array_get(entry, 0));
        out->attendees[i].email = json_string_value(json_array_get(entry, 1));
    }
}

void registration_from_row(struct query *q, struct arena *arena, struct registration *out)
{
    const char *attendees;

    *out = (struct registration){ .id = col_id(q, 0),
                                  .event = col_id(q, 1),
                                  .account = col_id(q, 2),
                                  .status = (enum registration_status)col_int(q, 3),
                                  .quantity = col_int(q, 6),
                                  .amount = col_int(q, 7),
                                  .refunded = col_int(q, 8),
                                  .currency = col_text(q, 9, arena),
                                  .expires_at_ms = col_int(q, 10),
                                  .extended = col_int(q, 11) != 0,
                                  .intent = col_text(q, 12, arena),
                                  .created_at_ms = col_int(q, 13),
                                  .confirmed_at_ms = col_int(q, 14),
                                  .kept = col_int(q, 15),
                                  .disputed = col_int(q, 16) != 0,
                                  .code = col_id(q, 17) };
    registration_items_decode(arena, col_text(q, 4, arena), out);
    attendees = col_text(q, 5, arena);
    if (attendees)
        attendees_decode(arena, attendees, out);
}

bool registration_find(struct tx *tx, const struct id *id, struct registration *out)
{
    struct query *q = query(tx, &find_sql);
    bool found;

    bind_id(q, ":id", id);
    found = query_row(q);
    if (found)
        registration_from_row(q, tx->arena, out);
    query_end(q);
    return found;
}

bool registration_event(struct tx *tx, const struct id *id, struct id *out)
{
    struct query *q = query(tx, &event_of_sql);
    bool found;

    bind_id(q, ":id", id);
    found = query_row(q);
    if (found)
        *out = col_id(q, 0);
    query_end(q);
    return found;
}

static struct ticket_row ticket_from_row(struct query *q, struct arena *arena)
{
    return (struct ticket_row){ .n = (unsigned)col_int(q, 0),
                                .type = (unsigned)col_int(q, 1),
                                .status = (enum ticket_status)col_int(q, 2),
                                .edition = col_int(q, 3),
                                .used_at_ms = col_int(q, 4),
                                .used_gate = col_text(q, 5, arena) };
}

size_t registration_tickets(struct tx *tx, const struct id *id, struct ticket_row **out)
{
    struct query *q = query(tx, &tickets_sql);
    struct ticket_row *rows = ARENA_ARRAY(tx->arena, 255, struct ticket_row);
    size_t count = 0;

    bind_id(q, ":registration", id);
    while (count < 255 && query_row(q))
        rows[count++] = ticket_from_row(q, tx->arena);
    query_end(q);
    *out = rows;
    return count;
}

bool registration_ticket(struct tx *tx, const struct id *ticket_id, struct ticket_row *out)
{
    struct id parent = id_parent(ticket_id);
    struct query *q = query(tx, &ticket_sql);
    bool found;

    bind_id(q, ":registration", &parent);
    bind_int(q, ":n", id_number(ticket_id));
    found = query_row(q);
    if (found)
        *out = ticket_from_row(q, tx->arena);
    query_end(q);
    return found;
}

unsigned registration_type_of(const struct registration *reg, unsigned n)
{
    int64_t upto = 0;

    for (size_t i = 0; i < reg->item_count; i++) {
        upto += reg->items[i].quantity;
        if (n <= upto)
            return reg->items[i].n;
    }
    return 0;
}

struct price_line registration_ticket_price(const struct registration *reg, unsigned n)
{
    int64_t before = 0;

    for (size_t i = 0; i < reg->item_count; i++) {
        struct price_line line = registration_line(&reg->items[i]);

        if (n > before && n <= before + line.quantity)
            return price_share(&line, n - before, reg->currency);
        before += line.quantity;
    }
    return (struct price_line){ 0 };
}

/* ---- holding ---- */

const char *registration_items_encode(struct arena *arena, const struct registration *reg)
{
    struct buf out = buf_in(arena);

    buf_char(&out, '[');
    for (size_t i = 0; i < reg->item_count; i++) {
        buf_str(&out, i ? ",[" : "[");
        buf_int(&out, reg->items[i].n);
        buf_char(&out, ',');
        buf_int(&out, reg->items[i].quantity);
        buf_char(&out, ',');
        buf_int(&out, reg->items[i].unit_price);
        if (reg->items[i].discount || reg->items[i].fee || reg->items[i].tax_rate.bps)
            buf_printf(&out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%d", reg->items[i].discount, reg->items[i].fee, reg->items[i].tax,
                       reg->items[i].tax_rate.bps, reg->items[i].tax_rate.included);
        buf_char(&out, ']');
    }
    buf_char(&out, ']');
    return out.data;
}

static const char *attendees_encode(struct arena *arena, const struct registration *reg)
{
    struct buf out = buf_in(arena);

    if (!reg->attendees)
        return NULL;
    json_open_array(&out, NULL);
    for (int64_t i = 0; i < reg->quantity; i++) {
        if (!reg->attendees[i].name) {
            json_nil(&out, NULL);
            continue;
        }
        json_open_array(&out, NULL);
        json_str(&out, NULL, reg->attendees[i].name);
        json_str(&out, NULL, reg->attendees[i].email);
        json_close_array(&out);
    }
    json_close_array(&out);
    return out.data;
}

static void registration_insert(struct tx *tx, const struct registration *reg)
{
    struct query *q = query(tx, &insert_sql);

    bind_id(q, ":id", &reg->id);
    bind_id(q, ":event", &reg->event);
    bind_id(q, ":account", &reg->account);
    bind_int(q, ":status", reg->status);
    bind_text(q, ":items", registration_items_encode(tx->arena, reg));
    bind_text(q, ":attendees", attendees_encode(tx->arena, reg));
    bind_int(q, ":quantity", reg->quantity);
    bind_int(q, ":amount", reg->amount);
    bind_text(q, ":currency", reg->currency);
    bind_time_or_null(q, ":expires_at", reg->expires_at_ms);
    bind_int(q, ":now", reg->created_at_ms);
    bind_time_or_null(q, ":confirmed_at", reg->confirmed_at_ms);
    bind_id_or_null(q, ":code", &reg->code);
    query_run(q);
}

/* The tickets of a registration that has just been confirmed, and the job that draws and mails them. */
static void issue(struct tx *tx, const struct registration *reg)
{
    char key[ID_TEXT_LEN + 1];
    int64_t n = 1;

    for (size_t i = 0; i < reg->item_count; i++) {
        struct query *q = query(tx, &issue_sql);

        bind_int(q, ":from", n);
        bind_int(q, ":to", n + reg->items[i].quantity - 1);
        bind_id(q, ":registration", &reg->id);
        bind_int(q, ":type", reg->items[i].n);
        query_run(q);
        n += reg->items[i].quantity;
    }
    id_format(&reg->id, key);
    job_ask(tx, "deliver", key, NULL, 0);
}

enum err registration_create(struct tx *tx, const struct registration_new *in, struct registration *out)
{
    struct registration reg;
    struct order order;
    enum err e = order_read(tx, in, &tx->actor, true, &order, &reg);

    if (!e)
        e = order_take(tx, &order, &reg);
    if (!e)
        e = order_place_attendees(tx, in, &reg);
    if (e)
        return e;
    for (size_t i = 0; i < reg.item_count; i++) {
        const struct registration_item *item = &reg.items[i];

        e = reg.amount ? stock_hold(tx, &reg.event, item->n, item->quantity) : stock_sell(tx, &reg.event, item->n, item->quantity);
        if (e)
            return e;
    }
    reg.id = id_new(tx->now_ms);
    reg.created_at_ms = tx->now_ms;
    if (reg.amount) {
        reg.status = REGISTRATION_PENDING;
        reg.expires_at_ms = tx->now_ms + (int64_t)tx->app->config->hold_seconds * 1000;
    } else {
        reg.status = REGISTRATION_CONFIRMED;
        reg.confirmed_at_ms = tx->now_ms;
    }
    registration_insert(tx, &reg);
    if (reg.status == REGISTRATION_CONFIRMED)
        issue(tx, &reg);
    tx_note(tx, "registration.created", &reg.id, &reg.event);
    *out = reg;
    return ERR_OK;
}

enum err registration_quote(struct tx *tx, const struct registration_new *in, const struct id *account, struct registration *out)
{
    struct order order;
    enum err e = order_read(tx, in, account, false, &order, out);

    return e || !order.has_code ? e : discount_may_take(tx, &order.code, account);
}

enum err registration_refuse_early(struct tx *tx, const struct registration_new *in)
{
    struct sale_left *left;
    int64_t whole;
    size_t count = sale_left(tx, &in->event, &left, &whole);

    for (size_t i = 0; i < in->item_count; i++)
        for (size_t j = 0; j < count; j++)
            if (left[j].n == id_number(&in->items[i].ticket_type) && (left[j].seats == 0 || whole == 0))
                return order_refuse_sold_out(tx, &in->event);
    return ERR_OK;
}

/* ---- what happens to it ---- */

static enum err find_or_refuse(struct tx *tx, const struct id *id, struct registration *out)
{
    return registration_find(tx, id, out) ? ERR_OK : fail(tx, ERR_NOT_FOUND, "There is no such registration.");
}

static enum err refuse_state(struct tx *tx, const struct registration *reg)
{
    return fail(tx, ERR_CONFLICT, "The registration is %s.", registration_status_words[reg->status]);
}

enum err registration_confirm(struct tx *tx, const struct id *id)
{
    struct registration reg;
    struct query *q;
    enum err e = find_or_refuse(tx, id, &reg);

    if (e)
        return e;
    if (reg.status != REGISTRATION_PENDING && reg.status != REGISTRATION_EXPIRED)
        return refuse_state(tx, &reg);
    q = query(tx, &confirm_sql);
    bind_id(q, ":id", id);
    bind_int(q, ":from", reg.status);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return refuse_state(tx, &reg);
    for (size_t i = 0; i < reg.item_count && !e; i++) {
        const struct registration_item *item = &reg.items[i];

        if (reg.status == REGISTRATION_PENDING)
            e = stock_sell_held(tx, &reg.event, item->n, item->quantity);
        else
            e = stock_sell(tx, &reg.event, item->n, item->quantity);
        /* The limit of an account was kept when it registered; a late payment is honoured, and counted again. */
        if (!e && reg.status == REGISTRATION_EXPIRED) {
            struct sale_type type;

            if (sale_type(tx, &reg.event, item->n, &type) && type.max_per_account)
                quota_add(tx, &reg.event, &reg.account, item->n, item->quantity);
        }
    }
    if (!e && reg.status == REGISTRATION_EXPIRED && !id_is_zero(&reg.code))
        e = discount_take_again(tx, &reg.event, &reg.code, &reg.account);
    if (e)
        return e;
    issue(tx, &reg);
    tx_note(tx, "registration.confirmed", id, &reg.event);
    return ERR_OK;
}

static void give_code_back(struct tx *tx, const struct registration *reg)
{
    if (!id_is_zero(&reg->code))
        discount_give_back(tx, &reg->event, &reg->code, &reg->account);
}

/* Held seats go back, and the account may take them again; so does a code. */
static enum err release_held(struct tx *tx, const struct registration *reg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < reg->item_count && !e; i++) {
        e = stock_release_held(tx, &reg->event, reg->items[i].n, reg->items[i].quantity);
        quota_give_back(tx, reg, reg->items[i].n, reg->items[i].quantity);
    }
    give_code_back(tx, reg);
    return e;
}

enum err registration_expire(struct tx *tx, const struct id *id)
{
    struct registration reg;
    struct query *q;
    enum err e = find_or_refuse(tx, id, &reg);

    if (e)
        return e;
    q = query(tx, &expire_sql);
    bind_id(q, ":id", id);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return refuse_state(tx, &reg);
    tx_note(tx, "registration.expired", id, &reg.event);
    return release_held(tx, &reg);
}

enum err registration_give_back(struct tx *tx, const struct id *id)
{
    struct registration reg;
    struct query *q;
    enum err e = find_or_refuse(tx, id, &reg);

    if (e)
        return e;
    q = query(tx, &give_back_sql);
    bind_id(q, ":id", id);
    if (query_run(q) != 1)
        return refuse_state(tx, &reg);
    tx_note(tx, "registration.given-back", id, &reg.event);
    return release_held(tx, &reg);
}

/* Sold seats of cancelled tickets go back, counted by type. */
static enum err release_sold(struct tx *tx, const struct registration *reg, const int64_t by_type[256])
{
    enum err e = ERR_OK;

    for (unsigned n = 1; n < 256 && !e; n++)
        if (by_type[n]) {
            e = stock_release_sold(tx, &reg->event, n, by_type[n]);
            quota_give_back(tx, reg, n, by_type[n]);
        }
    return e;
}

enum err registration_end(struct tx *tx, const struct id *id, enum registration_status to, int64_t refunded_amount)
{
    int64_t by_type[256] = { 0 };
    struct ticket_row *tickets;
    struct registration reg;
    struct query *q;
    size_t count;
    enum err e = find_or_refuse(tx, id, &reg);

    assert(to == REGISTRATION_CANCELLED || to == REGISTRATION_REFUNDED);
    if (e)
        return e;
    if (refunded_amount < 0 || reg.refunded + refunded_amount > reg.amount)
        return fail(tx, ERR_CONFLICT, "At most %" PRId64 " is left to refund.", reg.amount - reg.refunded);
    q = query(tx, &end_sql);
    bind_id(q, ":id", id);
    bind_int(q, ":to", to);
    bind_int(q, ":refunded", refunded_amount);
    if (query_run(q) != 1)
        return refuse_state(tx, &reg);
    count = registration_tickets(tx, id, &tickets);
    for (size_t i = 0; i < count; i++)
        if (tickets[i].status != TICKET_CANCELLED)
            by_type[tickets[i].type]++;
    q = query(tx, &cancel_all_tickets_sql);
    bind_id(q, ":registration", id);
    query_run(q);
    give_code_back(tx, &reg);
    tx_note(tx, to == REGISTRATION_REFUNDED ? "registration.refunded" : "registration.cancelled", id, &reg.event);
    return release_sold(tx, &reg, by_type);
}

enum err registration_cancel_tickets(struct tx *tx, const struct id *id, const unsigned *numbers, size_t count, int64_t refunded_amount)
{
    int64_t by_type[256] = { 0 };
    struct registration reg;
    struct ticket_row *tickets;
    struct query *q;
    size_t ticket_count, live = 0;
    enum err e = find_or_refuse(tx, id, &reg);

    if (e)
        return e;
    if (reg.status != REGISTRATION_CONFIRMED)
        return refuse_state(tx, &reg);
    if (refunded_amount < 0 || reg.refunded + refunded_amount > reg.amount)
        return fail(tx, ERR_CONFLICT, "At most %" PRId64 " is left to refund.", reg.amount - reg.refunded);
    ticket_count = registration_tickets(tx, id, &tickets);
    for (size_t i = 0; i < ticket_count; i++)
        live += tickets[i].status != TICKET_CANCELLED;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] < 1 || numbers[i] > ticket_count)
            return fail(tx, ERR_NOT_FOUND, "The registration has no such ticket.");
        q = query(tx, &cancel_ticket_sql);
        bind_id(q, ":registration", id);
        bind_int(q, ":n", numbers[i]);
        if (query_run(q) != 1)
            return fail(tx, ERR_CONFLICT, "Ticket %u of the registration is cancelled already.", numbers[i]);
        by_type[tickets[numbers[i] - 1].type]++;
        live--;
    }
    /* With its last ticket the registration ends. */
    q = query(tx, live ? &refund_part_sql : &end_sql);
    bind_id(q, ":id", id);
    bind_int(q, ":refunded", refunded_amount);
    if (!live)
        bind_int(q, ":to", reg.refunded + refunded_amount ? REGISTRATION_REFUNDED : REGISTRATION_CANCELLED);
    if (query_run(q) != 1)
        return refuse_state(tx, &reg);
    if (!live)
        give_code_back(tx, &reg);
    tx_note(tx, "registration.tickets-cancelled", id, &reg.event);
    return release_sold(tx, &reg, by_type);
}

enum err registration_add_refunded(struct tx *tx, const struct id *id, int64_t amount)
{
    struct query *q = query(tx, &add_refunded_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":amount", amount);
    return query_run(q) == 1 ? ERR_OK : fail(tx, ERR_CONFLICT, "The registration has not that much left to refund.");
}

enum err registration_unrefund(struct tx *tx, const struct id *id, int64_t amount)
{
    struct query *q = query(tx, &unrefund_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":amount", amount);
    if (query_run(q) != 1)
        return fail(tx, ERR_CONFLICT, "The registration has no such refund.");
    tx_note(tx, "registration.refund-failed", id, NULL);
    return ERR_OK;
}

void registration_keep(struct tx *tx, const struct id *id, int64_t kept)
{
    struct query *q = query(tx, &keep_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":kept", kept);
    query_run(q);
}

void registration_set_disputed(struct tx *tx, const struct id *id, bool disputed)
{
    struct query *q = query(tx, &set_disputed_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":disputed", disputed);
    if (query_run(q) == 1)
        tx_note(tx, disputed ? "registration.disputed" : "registration.undisputed", id, NULL);
}

enum err registration_start_paying(struct tx *tx, const struct id *id)
{
    struct registration reg;
    struct query *q;
    enum err e = find_or_refuse(tx, id, &reg);

    if (e)
        return e;
    if (reg.status == REGISTRATION_EXPIRED || (reg.status == REGISTRATION_PENDING && reg.expires_at_ms <= tx->now_ms))
        return fail(tx, ERR_HOLD_EXPIRED, "The hold ran out; register again.");
    if (reg.status != REGISTRATION_PENDING)
        return refuse_state(tx, &reg);
    /* Once, and to now + hold: at most the same again, since the hold is not over yet. */
    q = query(tx, &extend_sql);
    bind_id(q, ":id", id);
    bind_int(q, ":until", tx->now_ms + (int64_t)tx->app->config->hold_seconds * 1000);
    query_run(q);
    return ERR_OK;
}

enum err registration_set_intent(struct tx *tx, const struct id *id, const char *intent)
{
    struct query *q = query(tx, &set_intent_sql);

    bind_id(q, ":id", id);
    bind_text(q, ":intent", intent);
    return query_run(q) == 1 ? ERR_OK : fail(tx, ERR_NOT_FOUND, "There is no such registration.");
}

/* ---- who may see it ---- */

enum err registration_for_buyer(struct tx *tx, const struct caller *caller, const struct id *id, struct registration *out)
{
    if (!registration_find(tx, id, out) || !id_equal(&out->account, &caller->account))
        return fail(tx, ERR_NOT_FOUND, "There is no such registration.");
    return ERR_OK;
}

enum err registration_for_caller(struct tx *tx, const struct caller *caller, const struct id *id, struct registration *out)
{
    if (!registration_find(tx, id, out))
        return fail(tx, ERR_NOT_FOUND, "There is no such registration.");
    if (id_equal(&out->account, &caller->account) || event_for_manager(tx, caller, &out->event, NULL) == ERR_OK)
        return ERR_OK;
    fault_clear(tx->fault);
    return fail(tx, ERR_NOT_FOUND, "There is no such registration.");
}

/* ---- on the wire ---- */

void registration_items_json(struct buf *out, const struct registration *reg)
{
    json_open_array(out, "items");
    for (size_t i = 0; i < reg->item_count; i++) {
        struct id type = id_child(&reg->event, reg->items[i].n);
        struct price_line line = registration_line(&reg->items[i]);

        json_open(out, NULL);
        json_id(out, "ticketTypeId", &type);
        json_int(out, "quantity", line.quantity);
        json_int(out, "unitPrice", line.unit);
        json_int(out, "discount", line.discount);
        json_int(out, "fee", line.fee);
        json_int(out, "tax", line.tax);
        json_int(out, "taxRateBps", line.tax_rate.bps);
        json_bool(out, "taxIncluded", line.tax_rate.included);
        json_int(out, "total", line.total);
        json_close(out);
    }
    json_close_array(out);
}

void registration_sums_json(struct buf *out, struct tx *tx, const struct registration *reg)
{
    struct price_sums sums = registration_sums(reg);
    struct discount_code code = { 0 };

    if (!id_is_zero(&reg->code))
        discount_find(tx, &reg->event, &reg->code, &code);
    json_str(out, "discountCode", code.code);
    json_int(out, "subtotal", sums.subtotal);
    json_int(out, "discount", sums.discount);
    json_int(out, "fees", sums.fees);
    json_int(out, "tax", sums.tax);
    json_int(out, "amount", reg->amount);
}

static void members(struct buf *out, struct tx *tx, const struct registration *reg)
{
    json_id(out, "registrationId", &reg->id);
    json_id(out, "eventId", &reg->event);
    json_id(out, "userId", &reg->account);
    json_str(out, "status", registration_status_words[reg->status]);
    registration_items_json(out, reg);
    json_open_array(out, "attendees");
    for (int64_t i = 0; reg->attendees && i < reg->quantity; i++) {
        struct id type = id_child(&reg->event, registration_type_of(reg, (unsigned)i + 1));

        if (!reg->attendees[i].name)
            continue;
        json_open(out, NULL);
        json_id(out, "ticketTypeId", &type);
        json_str(out, "name", reg->attendees[i].name);
        json_str(out, "email", reg->attendees[i].email);
        json_close(out);
    }
    json_close_array(out);
    registration_sums_json(out, tx, reg);
    json_int(out, "refundedAmount", registration_given_back(tx, reg));
    json_int(out, "refundFeeAmount", reg->kept);
    json_str(out, "currency", reg->currency);
    json_time_or_null(out, "expiresAt", reg->expires_at_ms);
    json_str(out, "paymentIntentId", reg->intent);
    json_open_array(out, "ticketIds");
    if (reg->status == REGISTRATION_CONFIRMED) {
        struct ticket_row *tickets = NULL;
        /* Just made: every ticket stands, no need to look. */
        bool whole = reg->confirmed_at_ms == tx->now_ms;
        size_t count = whole ? (size_t)reg->quantity : registration_tickets(tx, &reg->id, &tickets);

        for (size_t i = 0; i < count; i++) {
            struct id ticket = id_child(&reg->id, whole ? (unsigned)i + 1 : tickets[i].n);

            if (whole || tickets[i].status != TICKET_CANCELLED)
                json_id(out, NULL, &ticket);
        }
    }
    json_close_array(out);
    json_time(out, "createdAt", reg->created_at_ms);
}

void registration_json(struct buf *out, const char *name, struct tx *tx, const struct registration *reg)
{
    json_open(out, name);
    members(out, tx, reg);
    json_close(out);
}

void registration_detail_json(struct buf *out, struct tx *tx, const struct registration *reg, bool for_manager)
{
    json_open(out, NULL);
    members(out, tx, reg);
    registration_money_json(out, tx, reg, for_manager);
    json_close(out);
}
