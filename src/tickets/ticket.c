/* Tickets as their owners, organizers and gates see them. Their rows are written by registrations/ and gate/. */
#include "tickets/tickets_inside.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/log.h"

/* Outer rows come by registration_account from the newest; only the tickets of one registration (at most 255) are sorted at a time. */
SQL(of_account, "SELECT r.id, t.n, t.type, t.status, t.edition, t.used_at, t.used_gate, r.event, r.attendees,"
                " e.title, e.starts_at, e.timezone, e.venue_name, e.venue_address, e.venue_city, e.venue_country"
                " FROM registration r JOIN ticket t ON t.registration = r.id JOIN event e ON e.id = r.event"
                " WHERE r.account = :account AND r.id <= :before AND (r.id < :before OR t.n > :n)"
                " AND (:any_event = 1 OR r.event = :event) AND (:any_status = 1 OR t.status = :status)"
                " ORDER BY r.id DESC, t.n LIMIT :limit");

/* ---- life ---- */

struct tickets *tickets_open(struct app *app, const char *dir, struct buf *error)
{
    struct tickets *tickets = calloc(1, sizeof *tickets);

    if (!tickets)
        log_die("Out of memory.");
    tickets->app = app;
    if (gate_keys_open(tickets, dir, error) && (tickets->render = render_open(error)))
        return tickets;
    tickets_close(tickets);
    return NULL;
}

void tickets_close(struct tickets *tickets)
{
    if (!tickets)
        return;
    render_close(tickets->render);
    gate_keys_close(tickets);
    free(tickets);
}

/* ---- one ticket ---- */

const char *ticket_attendee_name(const struct registration *reg, unsigned n, const struct account *buyer)
{
    if (reg->attendees && n >= 1 && n <= reg->quantity && reg->attendees[n - 1].name)
        return reg->attendees[n - 1].name;
    return buyer->name ? buyer->name : buyer->email;
}

static bool find(struct tx *tx, const struct id *ticket_id, bool to_print, struct ticket *out)
{
    struct id registration = id_parent(ticket_id);
    struct account account = { 0 };

    *out = (struct ticket){ .id = *ticket_id };
    if (!id_number(ticket_id) || !registration_ticket(tx, ticket_id, &out->row) || !registration_find(tx, &registration, &out->registration) ||
        !event_find(tx, &out->registration.event, &out->event))
        return false;
    account_by_id(tx, &out->registration.account, &account); /* a deleted account leaves its tickets behind, with the names that were given */
    out->attendee_name = ticket_attendee_name(&out->registration, out->row.n, &account);
    if (to_print && account_by_id(tx, &out->event.organizer, &account))
        out->organizer_name = account.name;
    return true;
}

bool ticket_find(struct tx *tx, const struct id *ticket_id, struct ticket *out)
{
    return find(tx, ticket_id, false, out);
}

bool ticket_find_to_print(struct tx *tx, const struct id *ticket_id, struct ticket *out)
{
    return find(tx, ticket_id, true, out);
}

const char *ticket_token_of(struct app *app, const struct ticket *ticket, char space[TICKET_TOKEN_LEN + 1])
{
    if (ticket->qr_code)
        return ticket->qr_code;
    ticket_token(app->tickets, &ticket->registration.event, &ticket->id, (unsigned)ticket->row.edition, space);
    return space;
}

void ticket_json_members(struct buf *out, struct app *app, const struct ticket *ticket)
{
    const struct event *event = &ticket->event;
    struct id type = id_child(&ticket->registration.event, ticket->row.type);
    char token[TICKET_TOKEN_LEN + 1];

    json_id(out, "ticketId", &ticket->id);
    json_id(out, "eventId", &ticket->registration.event);
    json_id(out, "registrationId", &ticket->registration.id);
    json_id(out, "userId", &ticket->registration.account);
    json_id(out, "ticketTypeId", &type);
    json_str(out, "attendeeName", ticket->attendee_name);
    json_str(out, "status", ticket_status_words[ticket->row.status]);
    json_strn(out, "qrCode", ticket_token_of(app, ticket, token), TICKET_TOKEN_LEN);
    json_time_or_null(out, "usedAt", ticket->row.used_at_ms);
    json_open(out, "event");
    json_str(out, "title", event->title);
    json_time(out, "startsAt", event->starts_at_ms);
    json_str(out, "timezone", event->timezone);
    json_open(out, "venue");
    json_str(out, "name", event->venue_name);
    json_str(out, "address", event->venue_address);
    json_str(out, "city", event->venue_city);
    json_str(out, "country", event->venue_country);
    json_close(out);
    json_close(out);
}

void ticket_json(struct buf *out, const char *name, struct app *app, const struct ticket *ticket)
{
    json_open(out, name);
    ticket_json_members(out, app, ticket);
    json_close(out);
}

/* ---- an account's tickets ---- */

/* The names given in one registration, [[name, email], null, ...], parsed once for all of its tickets. */
struct given_names {
    struct id registration;
    json_t *list;
};

/* Name `n`; NULL when none was given. */
static const char *named_attendee(struct tx *tx, struct given_names *names, const struct id *registration, const char *attendees, unsigned n)
{
    if (!id_equal(&names->registration, registration)) {
        names->registration = *registration;
        names->list = NULL;
        if (attendees && json_parse(tx->arena, attendees, strlen(attendees), &names->list, tx->fault))
            names->list = NULL;
    }
    return json_string_value(json_array_get(json_array_get(names->list, n - 1), 0));
}

static void ticket_from_row(struct query *q, struct tx *tx, const struct id *account, struct given_names *names, struct ticket *out)
{
    out->registration.id = col_id(q, 0);
    out->registration.account = *account;
    out->row.n = (unsigned)col_int(q, 1);
    out->row.type = (unsigned)col_int(q, 2);
    out->row.status = (enum ticket_status)col_int(q, 3);
    out->row.edition = col_int(q, 4);
    out->row.used_at_ms = col_int(q, 5);
    out->row.used_gate = col_text(q, 6, tx->arena);
    out->registration.event = out->event.id = col_id(q, 7);
    out->attendee_name = named_attendee(tx, names, &out->registration.id, col_text(q, 8, tx->arena), out->row.n);
    out->event.title = col_text(q, 9, tx->arena);
    out->event.starts_at_ms = col_int(q, 10);
    out->event.timezone = col_text(q, 11, tx->arena);
    out->event.venue_name = col_text(q, 12, tx->arena);
    out->event.venue_address = col_text(q, 13, tx->arena);
    out->event.venue_city = col_text(q, 14, tx->arena);
    out->event.venue_country = col_text(q, 15, tx->arena);
    out->id = id_child(&out->registration.id, out->row.n);
}

size_t tickets_of_account(struct tx *tx, const struct id *account, const struct ticket_filter *filter, const struct page *page, struct ticket **out, bool *more)
{
    static const struct id highest = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } };
    struct ticket *list = ARENA_ARRAY(tx->arena, (size_t)page->limit + 1, struct ticket);
    struct account owner = { 0 };
    struct given_names names = { 0 };
    struct query *q;
    size_t count = 0;

    account_by_id(tx, account, &owner);
    q = query(tx, &of_account);
    bind_id(q, ":account", account);
    bind_id(q, ":before", page->after ? &page->id : &highest);
    bind_int(q, ":n", page->after ? page->at : 0);
    bind_int(q, ":any_event", id_is_zero(&filter->event));
    bind_id(q, ":event", &filter->event);
    bind_int(q, ":any_status", !filter->by_status);
    bind_int(q, ":status", filter->by_status ? (int64_t)filter->status : 0);
    bind_int(q, ":limit", page->limit + 1);
    while (count <= (size_t)page->limit && query_row(q)) {
        ticket_from_row(q, tx, account, &names, &list[count]);
        if (!list[count].attendee_name)
            list[count].attendee_name = owner.name ? owner.name : owner.email;
        count++;
    }
    query_end(q);
    *more = count > (size_t)page->limit;
    *out = list;
    return *more ? (size_t)page->limit : count;
}
