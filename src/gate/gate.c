/* gate.c - see gate.h. */
#include "gate/gate.h"
#include "gate/device.h"

#include <ctype.h>
#include <string.h>

#include "registrations/registration_rows.h"

const char *const gate_reason_words[] = {
    [GATE_ADMITTED] = NULL, [GATE_FORGED] = "forged", [GATE_NOT_FOUND] = "not-found", [GATE_WRONG_EVENT] = "wrong-event",
    [GATE_CANCELLED] = "cancelled", [GATE_ALREADY_USED] = "already-used", [GATE_NOT_YET_OPEN] = "not-yet-open", [GATE_ENDED] = "ended",
};

/* The rule itself: of two that come at once, the second finds the status changed. */
SQL(gate_use,
    "UPDATE ticket SET status = 1, used_at = :at, used_gate = :gate WHERE registration = :registration AND n = :n AND status = 0");
SQL(gate_free,
    "UPDATE ticket SET status = 0, used_at = NULL, used_gate = NULL WHERE registration = :registration AND n = :n AND status = 1");
SQL(gate_write_history,
    "INSERT INTO check_in (event, ticket, n, kind, at, scanned_at, gate, device, actor)"
    " SELECT :event, :ticket, COALESCE(max(n), 0) + 1, :kind, :now, :scanned_at, :gate, :device, :actor"
    " FROM check_in WHERE event = :event AND ticket = :ticket");
SQL(gate_was_admitted,
    "SELECT 1 FROM check_in WHERE event = :event AND ticket = :ticket AND kind = 1 AND device = :device AND scanned_at = :scanned_at LIMIT 1");

enum { CHECK_IN_ADMITTED = 1, CHECK_IN_UNDONE = 2 };

/* What the printer wrote: upper case, no blanks around. */
static void print_code(const char *scanned, char out[TICKET_TOKEN_LEN + 1])
{
    size_t len = 0;

    for (const char *p = scanned; *p && len < TICKET_TOKEN_LEN; p++)
        if ((unsigned char)*p > ' ')
            out[len++] = (char)toupper((unsigned char)*p);
    out[len] = '\0';
}

void gate_read_code(struct app *app, struct gate_scan *scan)
{
    scan->read = true;
    if (!scan->qr_code)
        return;
    scan->forged = !ticket_token_verify(app->tickets, scan->qr_code, strlen(scan->qr_code), &scan->token);
    if (scan->forged)
        return;
    scan->ticket = scan->token.ticket;
    print_code(scan->qr_code, scan->code);
}

void gate_sign_code(struct tx *tx, struct gate_scan *scan)
{
    struct id registration = id_parent(&scan->ticket), event;
    struct ticket_row row;

    if (scan->qr_code || !registration_ticket(tx, &scan->ticket, &row) || !registration_event(tx, &registration, &event))
        return;
    scan->token.edition = (unsigned)row.edition;
    ticket_token(tx->app->tickets, &event, &scan->ticket, scan->token.edition, scan->code);
}

struct id gate_event_of(struct tx *tx, const struct gate_scan *scan)
{
    struct id registration = id_parent(&scan->ticket), event;

    if (!scan->forged && registration_event(tx, &registration, &event))
        return event;
    return scan->event;
}

/* Who has a device's credential scans as that device, whatever the request says, and at its gate unless it names another. */
static void scan_as_device(struct tx *tx, const struct caller *caller, struct gate_scan *scan)
{
    char *text;

    if (id_is_zero(&caller->gate_of))
        return;
    text = arena_alloc(tx->arena, ID_TEXT_LEN + 1);
    id_format(&caller->account, text);
    scan->device = text;
    if (!scan->gate)
        scan->gate = device_gate(tx, &caller->account);
}

static int64_t scan_time(const struct tx *tx, const struct gate_scan *scan)
{
    /* A scanner's clock may run ahead a little; nothing is used in the future. */
    return scan->scanned_at_ms ? MIN(scan->scanned_at_ms, tx->now_ms) : tx->now_ms;
}

static bool is_repeated(struct tx *tx, const struct gate_scan *scan, const struct ticket *ticket)
{
    struct query *q;
    bool found;

    if (!scan->device || !scan->scanned_at_ms)
        return false;
    q = query(tx, &gate_was_admitted);
    bind_id(q, ":event", &ticket->event.id);
    bind_id(q, ":ticket", &ticket->id);
    bind_text(q, ":device", scan->device);
    bind_int(q, ":scanned_at", scan->scanned_at_ms);
    found = query_row(q);
    query_end(q);
    return found;
}

/* Its buyer has the money back, or is about to. */
static bool is_blocked(const struct tx *tx, bool disputed)
{
    return disputed && tx->app->config->block_disputed;
}

/* In the contract's order. */
static enum gate_reason judge(const struct tx *tx, const struct gate_scan *scan, const struct ticket *ticket)
{
    int64_t at = scan_time(tx, scan);

    if (ticket->row.status == TICKET_CANCELLED || ticket->registration.status != REGISTRATION_CONFIRMED ||
        ticket->event.status == EVENT_CANCELLED || is_blocked(tx, ticket->registration.disputed) || (scan->qr_code && (int64_t)scan->token.edition != ticket->row.edition))
        return GATE_CANCELLED;
    if (ticket->row.status == TICKET_USED)
        return GATE_ALREADY_USED;
    if (ticket->event.admission_starts_at_ms && at < ticket->event.admission_starts_at_ms)
        return GATE_NOT_YET_OPEN;
    if (at >= ticket->event.ends_at_ms + EVENT_GATE_AFTER_END_MS)
        return GATE_ENDED;
    return GATE_ADMITTED;
}

static void write_history(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, const struct ticket *ticket, int kind)
{
    struct query *q = query(tx, &gate_write_history);

    bind_id(q, ":event", &ticket->event.id);
    bind_id(q, ":ticket", &ticket->id);
    bind_int(q, ":kind", kind);
    bind_int(q, ":now", tx->now_ms);
    bind_time_or_null(q, ":scanned_at", scan->scanned_at_ms);
    bind_text(q, ":gate", scan->gate);
    bind_text(q, ":device", scan->device);
    bind_id(q, ":actor", &caller->account);
    query_run(q);
}

static int64_t change_ticket(struct tx *tx, struct sql *sql, const struct ticket *ticket)
{
    struct query *q = query(tx, sql);
    struct id registration = id_parent(&ticket->id);

    bind_id(q, ":registration", &registration);
    bind_int(q, ":n", id_number(&ticket->id));
    if (sql == &gate_use) {
        bind_int(q, ":at", ticket->row.used_at_ms);
        bind_text(q, ":gate", ticket->row.used_gate);
    }
    return query_run(q);
}

/* `ticket` becomes what it is once used. */
static enum gate_reason use(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, struct ticket *ticket)
{
    ticket->row.status = TICKET_USED;
    ticket->row.used_at_ms = scan_time(tx, scan);
    ticket->row.used_gate = scan->gate;
    if (change_ticket(tx, &gate_use, ticket) != 1) /* the one writer makes that impossible; two writers would not */
        return GATE_ALREADY_USED;
    write_history(tx, caller, scan, ticket, CHECK_IN_ADMITTED);
    tx_note(tx, "ticket.admitted", &ticket->id, &ticket->event.id);
    return GATE_ADMITTED;
}

enum err gate_admit(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, struct gate_verdict *out)
{
    struct gate_scan looked_at = *scan;
    enum err named = ERR_OK, own;

    memset(out, 0, sizeof *out);
    if (!looked_at.read)
        gate_read_code(tx->app, &looked_at);
    scan_as_device(tx, caller, &looked_at);
    scan = &looked_at;
    if (!id_is_zero(&scan->event))
        named = event_for_gate(tx, caller, &scan->event, NULL);
    if (named)
        return named;
    out->reason = GATE_FORGED;
    if (scan->forged)
        return ERR_OK;
    out->reason = GATE_NOT_FOUND;
    if (!ticket_find(tx, &scan->ticket, &out->ticket))
        return ERR_OK;
    own = event_for_gate(tx, caller, &out->ticket.event.id, NULL);
    if (!id_is_zero(&scan->event) && !id_equal(&scan->event, &out->ticket.event.id)) {
        out->reason = GATE_WRONG_EVENT;
        out->has_ticket = own == ERR_OK;
        return ERR_OK;
    }
    if (own)
        return own;

    out->has_ticket = true;
    if (scan->code[0] && scan->token.edition == (unsigned)out->ticket.row.edition)
        out->ticket.qr_code = arena_strdup(tx->arena, scan->code);
    if (is_repeated(tx, scan, &out->ticket)) {
        out->reason = GATE_ADMITTED;
        return ERR_OK;
    }
    out->reason = judge(tx, scan, &out->ticket);
    if (out->reason == GATE_ADMITTED)
        out->reason = use(tx, caller, scan, &out->ticket);
    if (out->reason == GATE_ALREADY_USED) {
        out->first_used_at_ms = out->ticket.row.used_at_ms;
        out->first_used_gate = out->ticket.row.used_gate;
    }
    return ERR_OK;
}

enum err gate_undo(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, struct ticket *out)
{
    struct gate_scan as_device = *scan;
    enum err e = event_for_gate(tx, caller, &scan->event, NULL);

    if (e)
        return e;
    scan_as_device(tx, caller, &as_device);
    scan = &as_device;
    if (!ticket_find(tx, &scan->ticket, out) || !id_equal(&out->event.id, &scan->event))
        return ERR_NOT_FOUND;
    if (change_ticket(tx, &gate_free, out) != 1)
        return fail(tx, ERR_CONFLICT, "The ticket is %s, so there is no admission to undo.", ticket_status_words[out->row.status]);
    out->row.status = TICKET_VALID;
    out->row.used_at_ms = 0;
    out->row.used_gate = NULL;
    write_history(tx, caller, scan, out, CHECK_IN_UNDONE);
    tx_note(tx, "ticket.readmitted", &out->id, &out->event.id);
    return ERR_OK;
}

/* ---- the roster ---- */

SQL(gate_roster_tickets,
    "SELECT t.registration, t.n, t.type, t.status, t.edition, t.used_at, t.used_gate, a.name, r.disputed"
    " FROM registration r JOIN ticket t ON t.registration = r.id LEFT JOIN account a ON a.id = r.account"
    " WHERE r.event = :event AND r.id >= :registration AND (r.id > :registration OR t.n > :n)"
    " ORDER BY r.id, t.n LIMIT :limit");
SQL(gate_roster_registrations,
    "SELECT " REGISTRATION_COLUMNS " FROM registration WHERE event = :event AND id >= :first AND id <= :last"
    " AND attendees IS NOT NULL AND confirmed_at IS NOT NULL ORDER BY id");

/* Names that were given with the order take the place of the account's. Both lists are in order of registration. */
static void name_attendees(struct tx *tx, const struct id *event, struct roster_row *rows, size_t count)
{
    struct query *q = query(tx, &gate_roster_registrations);
    struct id first = id_parent(&rows[0].ticket), last = id_parent(&rows[count - 1].ticket);
    size_t at = 0;

    bind_id(q, ":event", event);
    bind_id(q, ":first", &first);
    bind_id(q, ":last", &last);
    while (query_row(q)) {
        struct registration reg;

        registration_from_row(q, tx->arena, &reg);
        for (; at < count; at++) {
            struct id of = id_parent(&rows[at].ticket);
            unsigned n = id_number(&rows[at].ticket);
            int order = id_compare(&of, &reg.id);

            if (order > 0)
                break;
            if (order == 0 && reg.attendees && n <= reg.quantity && reg.attendees[n - 1].name)
                rows[at].attendee_name = reg.attendees[n - 1].name;
        }
    }
    query_end(q);
}

size_t gate_roster(struct tx *tx, const struct id *event, const struct page *page, struct roster_row **out, bool *more)
{
    static const struct id none;
    struct roster_row *rows = ARENA_ARRAY(tx->arena, (size_t)page->limit, struct roster_row);
    struct id registration = page->after ? id_parent(&page->id) : none;
    struct query *q = query(tx, &gate_roster_tickets);
    size_t count = 0;

    *more = false;
    bind_id(q, ":event", event);
    bind_id(q, ":registration", &registration);
    bind_int(q, ":n", page->after ? (int64_t)id_number(&page->id) : 0);
    bind_int(q, ":limit", page->limit + 1);
    while (query_row(q)) {
        struct id of = col_id(q, 0);
        struct roster_row *row = &rows[count];

        if (count == (size_t)page->limit) {
            *more = true;
            break;
        }
        row->ticket = id_child(&of, (unsigned)col_int(q, 1));
        row->type = (unsigned)col_int(q, 2);
        row->status = (enum ticket_status)col_int(q, 3);
        row->edition = col_int(q, 4);
        row->used_at_ms = col_int(q, 5);
        row->used_gate = col_text(q, 6, tx->arena);
        row->attendee_name = col_text(q, 7, tx->arena); /* never the address: the gate has no need of it */
        if (is_blocked(tx, col_int(q, 8) != 0) && row->status == TICKET_VALID) /* off line the scanner judges */
            row->status = TICKET_CANCELLED;
        count++;
    }
    query_end(q);
    if (count)
        name_attendees(tx, event, rows, count);
    *out = rows;
    return count;
}
