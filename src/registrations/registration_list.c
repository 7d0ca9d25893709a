#include "registrations/registration_list.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/clock.h"
#include "registrations/registration_rows.h"

SQL(of_account_sql, "SELECT " REGISTRATION_COLUMNS " FROM registration WHERE account = :account AND id < :before ORDER BY id DESC LIMIT :limit");
SQL(of_event_sql, "SELECT r.id, r.event, r.account, r.status, r.items, r.attendees, r.quantity, r.amount, r.refunded, r.currency,"
                  " r.expires_at, r.extended, r.intent, r.created_at, r.confirmed_at, r.kept, r.disputed, r.code, a.name, CASE WHEN a.deleted_at IS NULL THEN a.email END"
                  " FROM registration r LEFT JOIN account a ON a.id = r.account"
                  " WHERE r.event = :event AND r.id < :before ORDER BY r.id DESC LIMIT :limit");
SQL(due_sql, "SELECT id, event FROM registration WHERE status = 0 AND expires_at <= :now AND intent IS NULL ORDER BY expires_at LIMIT :max");

/* Rows looked at for one page; with a filter that fits few, the caller goes on with the cursor. */
#define ROWS_LOOKED_AT_MAX 20000
#define SLICE 500

static const struct id highest_id = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } };

/* Case and accents away, so that "lukasz" finds "Łukasz" as far as Unicode decomposes it. NULL stays NULL. */
static const char *fold(struct arena *arena, const char *text)
{
    utf8proc_uint8_t *folded = NULL;
    const char *out;
    utf8proc_ssize_t len;

    if (!text)
        return NULL;
    len = utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded,
                       UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK);
    if (len < 0)
        return "";
    out = arena_copy(arena, folded, (size_t)len);
    free(folded);
    return out;
}

static bool contains(struct arena *arena, const char *text, const char *folded_words)
{
    return text && strstr(fold(arena, text), folded_words);
}

static bool fits(struct arena *arena, const struct registration_filter *filter, const char *folded_words, const struct registration *reg,
                 const struct registration_buyer *buyer)
{
    if (filter->by_status && reg->status != filter->status)
        return false;
    if (!folded_words)
        return true;
    if (buyer && (contains(arena, buyer->name, folded_words) || contains(arena, buyer->email, folded_words)))
        return true;
    for (int64_t i = 0; reg->attendees && i < reg->quantity; i++)
        if (contains(arena, reg->attendees[i].name, folded_words) || contains(arena, reg->attendees[i].email, folded_words))
            return true;
    return false;
}

/* Both lists are one walk down an index; they differ in the statement and in whether the buyer is joined. */
static size_t walk(struct tx *tx, struct sql *sql, const char *key_name, const struct id *key, const struct registration_filter *filter,
                   const struct page *page, struct registration **out, struct registration_buyer **buyers, struct id *last, bool *more)
{
    const char *words = fold(tx->arena, filter->words);
    struct id before = page->after ? page->id : highest_id;
    bool filtered = filter->by_status || words;
    size_t count = 0, looked_at = 0, rows;

    *out = ARENA_ARRAY(tx->arena, (size_t)page->limit, struct registration);
    if (buyers)
        *buyers = ARENA_ARRAY(tx->arena, (size_t)page->limit, struct registration_buyer);
    *more = false;
    do {
        int64_t slice = filtered ? SLICE : page->limit + 1;
        struct query *q = query(tx, sql);

        rows = 0;
        bind_id(q, key_name, key);
        bind_id(q, ":before", &before);
        bind_int(q, ":limit", slice);
        while (!*more && query_row(q)) {
            struct arena_mark mark = arena_mark(tx->arena);
            struct registration reg;
            struct registration_buyer buyer = { 0 };

            rows++;
            registration_from_row(q, tx->arena, &reg);
            if (buyers)
                buyer = (struct registration_buyer){ col_text(q, REGISTRATION_COLUMN_COUNT, tx->arena), col_text(q, REGISTRATION_COLUMN_COUNT + 1, tx->arena) };
            if (!fits(tx->arena, filter, words, &reg, buyers ? &buyer : NULL)) {
                before = reg.id;
                arena_rewind(tx->arena, mark);
                continue;
            }
            if (count == (size_t)page->limit) {
                *more = true;
                break;
            }
            before = reg.id;
            if (buyers)
                (*buyers)[count] = buyer;
            (*out)[count++] = reg;
        }
        query_end(q);
        looked_at += rows;
        if (rows < (size_t)slice)
            break;
        if (looked_at >= ROWS_LOOKED_AT_MAX)
            *more = true;
    } while (!*more);
    *last = before;
    return count;
}

size_t registrations_of_account(struct tx *tx, const struct id *account, const struct registration_filter *filter, const struct page *page,
                                struct registration **out, struct id *last, bool *more)
{
    return walk(tx, &of_account_sql, ":account", account, filter, page, out, NULL, last, more);
}

size_t registrations_of_event(struct tx *tx, const struct id *event, const struct registration_filter *filter, const struct page *page,
                              struct registration **out, struct registration_buyer **buyers, struct id *last, bool *more)
{
    return walk(tx, &of_event_sql, ":event", event, filter, page, out, buyers, last, more);
}

/* RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front. */
static void cell(struct buf *out, const char *text, bool first)
{
    if (!first)
        buf_char(out, ',');
    if (!text || !*text)
        return;
    buf_char(out, '"');
    if (strchr("=+-@\t\r", *text))
        buf_char(out, '\'');
    for (; *text; text++) {
        if (*text == '"')
            buf_char(out, '"');
        buf_char(out, *text);
    }
    buf_char(out, '"');
}

static void cell_id(struct buf *out, const struct id *id, bool first)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    cell(out, text, first);
}

static const char *type_name(const struct event *event, unsigned n)
{
    for (size_t i = 0; i < event->type_count; i++)
        if (event->types[i].n == n)
            return event->types[i].name;
    return NULL;
}

void registrations_csv_header(struct buf *out)
{
    buf_str(out, "registrationId,status,createdAt,buyerName,buyerEmail,ticketType,attendeeName,attendeeEmail,unitPrice,currency,ticketId,"
                 "ticketStatus,usedAt,discount,fee,tax,paid\r\n");
}

void registrations_csv(struct buf *out, struct tx *tx, const struct event *event, const struct registration *regs,
                       const struct registration_buyer *buyers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct registration *reg = &regs[i];
        struct ticket_row *tickets = NULL;
        size_t ticket_count = reg->confirmed_at_ms ? registration_tickets(tx, &reg->id, &tickets) : 0;
        char created[CLOCK_TEXT_LEN + 1];
        unsigned n = 0;

        clock_format(reg->created_at_ms, created);
        for (size_t item = 0; item < reg->item_count; item++)
            for (int64_t k = 0; k < reg->items[item].quantity && n < reg->quantity; k++, n++) {
                const struct ticket_row *ticket = n < ticket_count ? &tickets[n] : NULL;
                const struct registration_attendee *attendee = reg->attendees && reg->attendees[n].name ? &reg->attendees[n] : NULL;
                char used[CLOCK_TEXT_LEN + 1] = "";
                struct price_line price;

                cell_id(out, &reg->id, true);
                cell(out, registration_status_words[reg->status], false);
                cell(out, created, false);
                cell(out, buyers[i].name, false);
                cell(out, buyers[i].email, false);
                cell(out, type_name(event, reg->items[item].n), false);
                cell(out, attendee ? attendee->name : buyers[i].name, false);
                cell(out, attendee ? attendee->email : buyers[i].email, false);
                buf_printf(out, ",%" PRId64, reg->items[item].unit_price);
                cell(out, reg->currency, false);
                if (ticket) {
                    struct id id = id_child(&reg->id, ticket->n);

                    cell_id(out, &id, false);
                    cell(out, ticket_status_words[ticket->status], false);
                    if (ticket->used_at_ms)
                        clock_format(ticket->used_at_ms, used);
                    cell(out, used, false);
                } else {
                    buf_str(out, ",,,");
                }
                price = registration_ticket_price(reg, n + 1);
                buf_printf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "\r\n", price.discount, price.fee, price.tax,
                           reg->confirmed_at_ms ? price.total : 0);
            }
    }
}

static int by_event(const void *a, const void *b)
{
    return id_compare(&((const struct registration_ref *)a)->event, &((const struct registration_ref *)b)->event);
}

size_t registrations_due(struct tx *tx, size_t max, struct registration_ref **out)
{
    struct query *q = query(tx, &due_sql);
    size_t count = 0;

    *out = ARENA_ARRAY(tx->arena, max, struct registration_ref);
    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":max", (int64_t)max);
    while (count < max && query_row(q))
        (*out)[count++] = (struct registration_ref){ col_id(q, 0), col_id(q, 1) };
    query_end(q);
    qsort(*out, count, sizeof **out, by_event);
    return count;
}
