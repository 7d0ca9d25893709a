/*
 * check_rows.c - one walk through the events, and within each through its
 * registrations, so that memory stays the same however many there are; then
 * the rows that hang on nothing.
 */
#include "cli/check.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "events/discount.h"
#include "payments/payment.h"
#include "registrations/registration_rows.h"

/* Rows are read in the order of an index and from its beginning, so that no statement needs to sort or to hold anything. */
SQL(check_stock, "SELECT event, n, quantity, held, sold FROM stock WHERE event >= :from ORDER BY event, n");
SQL(check_registrations, "SELECT " REGISTRATION_COLUMNS " FROM registration WHERE event = :event ORDER BY id");
SQL(check_tickets, "SELECT n, type, status FROM ticket WHERE registration = :registration ORDER BY n");
SQL(check_payments, "SELECT attempt, status, amount, currency, intent, received FROM payment WHERE registration = :registration ORDER BY attempt");
SQL(check_refunds, "SELECT id, intent, amount, currency, status, tickets FROM refund WHERE registration = :registration");
SQL(check_admissions, "SELECT ticket, n, kind FROM check_in WHERE event = :event ORDER BY ticket, n");
SQL(check_ticket_history, "SELECT n, kind FROM check_in WHERE event = :event AND ticket = :ticket ORDER BY n");
SQL(check_ticket_exists, "SELECT 1 FROM ticket WHERE registration = :registration AND n = :n");
SQL(check_job_of, "SELECT 1 FROM job WHERE kind = :kind AND key = :key");
SQL(check_jobs, "SELECT id, kind, key, attempts, parked, run_at, failure FROM job WHERE id >= :from ORDER BY id");
SQL(check_stray_registrations, "SELECT id FROM registration WHERE id >= :from"
                               " AND NOT EXISTS (SELECT 1 FROM stock WHERE stock.event = registration.event AND stock.n = 0)");
SQL(check_stray_tickets, "SELECT registration, n FROM ticket WHERE registration >= :from"
                         " AND NOT EXISTS (SELECT 1 FROM registration WHERE registration.id = ticket.registration)");
SQL(check_stray_payments, "SELECT registration, attempt FROM payment WHERE registration >= :from"
                          " AND NOT EXISTS (SELECT 1 FROM registration WHERE registration.id = payment.registration)");
SQL(check_stray_ledger, "SELECT registration FROM ledger WHERE registration >= :from"
                        " AND NOT EXISTS (SELECT 1 FROM registration WHERE registration.id = ledger.registration)");
SQL(check_stray_admissions, "SELECT ticket FROM check_in WHERE event >= :from"
                            " AND NOT EXISTS (SELECT 1 FROM stock WHERE stock.event = check_in.event AND stock.n = 0)");
SQL(check_series, "SELECT organizer, kind, last FROM receipt_series WHERE organizer >= :from ORDER BY organizer, kind");
SQL(check_numbers, "SELECT number FROM receipt WHERE organizer = :organizer AND kind = :kind ORDER BY number");
SQL(check_codes, "SELECT id, used FROM discount_code WHERE event = :event ORDER BY id");
SQL(check_code_uses, "SELECT taken FROM discount_use WHERE event = :event AND code = :code");
SQL(check_registration_exists, "SELECT 1 FROM registration WHERE id = :id");

void check_breach(struct check *check, enum invariant which, const char *about, const struct id *id, const char *format, ...)
{
    struct finding *finding = &check->found[which];
    char text[ID_TEXT_LEN + 1], what[512];
    struct breach *breach;
    va_list args;

    if (finding->breaches++ >= CHECK_BREACHES_SHOWN)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    breach = ARENA_NEW(check->arena, struct breach);
    if (id)
        id_format(id, text);
    breach->about = id ? arena_printf(check->arena, "%s %s", about, text) : arena_strdup(check->arena, about);
    breach->what = arena_strdup(check->arena, what);
    if (finding->last)
        finding->last->next = breach;
    else
        finding->first = breach;
    finding->last = breach;
}

/* ---- seats ---- */

/* What one event's counters say (index 0: the event), and what its registrations say. */
struct seats {
    struct id event;
    bool has[256];
    int64_t quantity[256], held[256], sold[256];
    int64_t held_found[256], sold_found[256];
};

static void compare_seats(struct check *check, const struct seats *seats)
{
    int64_t held = 0, sold = 0;

    for (unsigned n = 1; n < 256; n++) {
        held += seats->held_found[n];
        sold += seats->sold_found[n];
    }
    for (unsigned n = 0; n < 256; n++) {
        struct id type = seats->event;
        const char *about = n ? "ticket type" : "event";
        int64_t held_here = n ? seats->held_found[n] : held, sold_here = n ? seats->sold_found[n] : sold;

        type.byte[15] = (uint8_t)n;
        if (!seats->has[n]) {
            if (held_here || sold_here)
                check_breach(check, CHECK_SEATS, about, &type, "has no counter, and registrations for %" PRId64 " seats", held_here + sold_here);
            continue;
        }
        if (seats->held[n] != held_here)
            check_breach(check, CHECK_SEATS, about, &type, "counts %" PRId64 " seats held; its registrations hold %" PRId64, seats->held[n], held_here);
        if (seats->sold[n] != sold_here)
            check_breach(check, CHECK_SEATS, about, &type, "counts %" PRId64 " seats sold; its registrations bought %" PRId64, seats->sold[n], sold_here);
        if (held_here + sold_here > seats->quantity[n])
            check_breach(check, CHECK_SEATS, about, &type, "has %" PRId64 " seats held and sold, and only %" PRId64 " to sell", held_here + sold_here,
                         seats->quantity[n]);
    }
}

/* ---- jobs that stand in for an outcome ---- */

bool check_has_job(struct check *check, const char *const *kinds, const char *key)
{
    bool found = false;

    for (; *kinds && !found; kinds++) {
        struct query *q = query(check->tx, &check_job_of);

        bind_text(q, ":kind", *kinds);
        bind_text(q, ":key", key);
        found = query_row(q);
        query_end(q);
    }
    return found;
}

static bool has_job_for_id(struct check *check, const char *const *kinds, const struct id *id)
{
    char key[ID_TEXT_LEN + 1];

    id_format(id, key);
    return check_has_job(check, kinds, key);
}

static const char *const payment_kinds[] = { "stripe-sync", NULL };
static const char *const registration_kinds[] = { "intent-cancel", "refund", NULL };
static const char *const refund_kinds[] = { "refund", NULL };

/* ---- one registration's tickets ---- */

struct tickets {
    int64_t count, valid, used;
    bool cancelled[256];       /* by number */
    int64_t cancelled_of[256]; /* by type */
};

/* The gate's history of a ticket: in, out, in, ...; its last entry says whether it is used. */
static void check_history(struct check *check, const struct registration *reg, unsigned n, enum ticket_status status)
{
    struct id ticket = reg->id;
    struct query *q = query(check->tx, &check_ticket_history);
    int64_t rows = 0, kind = 2;

    ticket.byte[15] = (uint8_t)n;
    bind_id(q, ":event", &reg->event);
    bind_id(q, ":ticket", &ticket);
    for (; query_row(q); rows++) {
        if (col_int(q, 0) != rows + 1)
            check_breach(check, CHECK_ADMISSIONS, "ticket", &ticket, "has a gap in its history at the gate before entry %" PRId64, col_int(q, 0));
        if (col_int(q, 1) == kind)
            check_breach(check, CHECK_ADMISSIONS, "ticket", &ticket, kind == 1 ? "was admitted twice in a row" : "has an undoing of no admission");
        kind = col_int(q, 1);
    }
    query_end(q);
    check->found[CHECK_ADMISSIONS].looked_at += (uint64_t)rows;
    if (status == TICKET_USED && kind != 1)
        check_breach(check, CHECK_ADMISSIONS, "ticket", &ticket, "is used, and its history shows no admission in force");
    if (status == TICKET_VALID && kind == 1)
        check_breach(check, CHECK_ADMISSIONS, "ticket", &ticket, "is valid again, and its history shows an admission in force");
}

static void check_tickets_of(struct check *check, const struct registration *reg, struct tickets *out)
{
    struct query *q = query(check->tx, &check_tickets);
    bool confirmed = reg->status == REGISTRATION_CONFIRMED;

    *out = (struct tickets){ 0 };
    bind_id(q, ":registration", &reg->id);
    while (query_row(q)) {
        int64_t n = col_int(q, 0), type = col_int(q, 1);
        enum ticket_status status = (enum ticket_status)col_int(q, 2);

        out->count++;
        out->valid += status == TICKET_VALID;
        out->used += status == TICKET_USED;
        if (status == TICKET_CANCELLED && n > 0 && n < 256)
            out->cancelled[n] = true;
        if (status == TICKET_CANCELLED && type > 0 && type < 256)
            out->cancelled_of[type]++;
        if (n != out->count)
            check_breach(check, CHECK_TICKETS, "registration", &reg->id, "has no ticket number %" PRId64, out->count);
        else if (confirmed && type != registration_type_of(reg, (unsigned)n))
            check_breach(check, CHECK_TICKETS, "registration", &reg->id, "has a ticket number %" PRId64 " of type %" PRId64 ", bought was type %u", n, type,
                         registration_type_of(reg, (unsigned)n));
        check_history(check, reg, (unsigned)n, status);
    }
    query_end(q);
    check->found[CHECK_TICKETS].looked_at += (uint64_t)out->count;
    if (confirmed && out->count != reg->quantity)
        check_breach(check, CHECK_TICKETS, "registration", &reg->id, "is confirmed with %" PRId64 " tickets where %" PRId64 " were bought", out->count,
                     reg->quantity);
    if (!confirmed && out->valid + out->used)
        check_breach(check, CHECK_TICKETS, "registration", &reg->id, "is %s and has %" PRId64 " tickets that are not cancelled",
                     registration_status_words[reg->status], out->valid + out->used);
}

/* ---- one registration's money ---- */

/* Refunds of one intent that did not fail. */
static int64_t refunded_of(struct check *check, const struct registration *reg, const char *intent, const char *paid_in, bool *waits)
{
    struct query *q = query(check->tx, &check_refunds);
    int64_t sum = 0;

    bind_id(q, ":registration", &reg->id);
    while (query_row(q)) {
        struct id refund = col_id(q, 0);
        const char *of = col_text(q, 1, check->tx->arena), *currency = col_text(q, 3, check->tx->arena);
        int64_t status = col_int(q, 4);

        if (!of || !intent || strcmp(of, intent) != 0)
            continue;
        if (status != 3)
            sum += col_int(q, 2);
        else if (has_job_for_id(check, refund_kinds, &refund))
            *waits = true;
        if (currency && strcasecmp(currency, paid_in) != 0)
            check_breach(check, CHECK_MONEY, "refund", &refund, "is in %s, its payment in %s", currency, paid_in);
    }
    query_end(q);
    return sum;
}

/* Money that came in must have become tickets, or go back. `kept`: this payment is the one that the tickets were bought with. */
static void check_payment_ends(struct check *check, const struct registration *reg, const char *intent, const char *paid_in, int64_t received,
                               bool kept)
{
    bool waits = false;
    int64_t back = refunded_of(check, reg, intent, paid_in, &waits);
    int64_t taken = check_disputed(check, reg, intent);

    if (back > received)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "gives back %" PRId64 " of a payment of %" PRId64 " (%s)", back, received,
                     intent ? intent : "no intent");
    if (kept || back + taken + reg->kept >= received || waits || (intent && check_has_job(check, payment_kinds, intent)) ||
        has_job_for_id(check, registration_kinds, &reg->id))
        return;
    check_breach(check, CHECK_MONEY, "registration", &reg->id,
                 "is %s, and of its payment of %" PRId64 " (%s) only %" PRId64 " goes back, with no job that would see to the rest", registration_status_words[reg->status],
                 received, intent ? intent : "no intent", back);
}

static void check_money_of(struct check *check, const struct registration *reg)
{
    struct query *q = query(check->tx, &check_payments);
    bool paid = false;

    bind_id(q, ":registration", &reg->id);
    while (query_row(q)) {
        int64_t attempt = col_int(q, 0), amount = col_int(q, 2), received = col_int(q, 5);
        enum payment_status status = (enum payment_status)col_int(q, 1);
        const char *currency = col_text(q, 3, check->tx->arena), *intent = col_text(q, 4, check->tx->arena);
        bool exact = amount == reg->amount && currency && !strcasecmp(currency, reg->currency);
        bool kept;

        check->found[CHECK_MONEY].looked_at++;
        if (status == PAYMENT_SUCCEEDED && received < amount)
            check_breach(check, CHECK_MONEY, "registration", &reg->id,
                         "has a payment (attempt %" PRId64 ") that succeeded with %" PRId64 " received of %" PRId64, attempt, received, amount);
        if (status != PAYMENT_SUCCEEDED && received <= 0)
            continue;
        kept = status == PAYMENT_SUCCEEDED && exact && reg->status == REGISTRATION_CONFIRMED && !paid;
        paid = paid || (status == PAYMENT_SUCCEEDED && exact);
        check_payment_ends(check, reg, intent, currency ? currency : reg->currency, received, kept);
    }
    query_end(q);
    if (reg->amount && !paid && (reg->status == REGISTRATION_CONFIRMED || reg->status == REGISTRATION_REFUNDED))
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "costs %" PRId64 " %s and is %s without a succeeded payment of just that", reg->amount,
                     reg->currency, registration_status_words[reg->status]);
}

/* Mark the tickets that a refund's text names: "[1,3]", or "all". */
static void read_named(const char *text, bool named[256])
{
    if (!strcmp(text, "all"))
        memset(named, true, 256);
    for (; *text; text += *text != '\0') {
        char *end;
        unsigned long n = strtoul(text, &end, 10);

        if (end != text && n < 256)
            named[n] = true;
        text = end == text ? text : end;
    }
}

/* Cancelled tickets that cost money are those that refunds name, and what `refunded` says is on its way. */
static void check_refunds_of(struct check *check, const struct registration *reg, const struct tickets *tickets)
{
    struct query *q = query(check->tx, &check_refunds);
    int64_t sum = 0, rows = 0, unnamed = 0;
    bool named[256] = { false };

    bind_id(q, ":registration", &reg->id);
    for (; query_row(q); rows++) {
        struct id refund = col_id(q, 0);
        int64_t status = col_int(q, 4);

        if (status != 3 && !col_is_null(q, 5))
            sum += col_int(q, 2);
        if (!col_is_null(q, 5))
            read_named(col_text(q, 5, check->tx->arena), named);
        if (status == 0 && !has_job_for_id(check, refund_kinds, &refund))
            check_breach(check, CHECK_OUTSIDE, "refund", &refund, "was asked for, is not at the provider, and no job will send it");
    }
    query_end(q);
    check->found[CHECK_OUTSIDE].looked_at += (uint64_t)rows;
    if (reg->refunded != sum)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "says that %" PRId64 " were refunded; its refunds come to %" PRId64, reg->refunded, sum);
    /* Once all the money is back, further tickets are cancelled without any; and a buyer may have given some back for nothing. */
    for (unsigned n = 1; n < 256 && reg->status == REGISTRATION_CONFIRMED && reg->refunded + reg->kept < reg->amount; n++)
        if (tickets->cancelled[n] && !named[n]) {
            unnamed += registration_ticket_price(reg, n).total;
            if (unnamed > reg->kept)
                check_breach(check, CHECK_TICKETS, "registration", &reg->id, "has ticket number %u cancelled, which no refund names", n);
        }
}

/* ---- discount codes ---- */

/* One code of an event: what it counts, and what registrations say. */
struct code {
    struct id id;
    int64_t used, used_found;
};
struct codes {
    struct code *code; /* by id */
    size_t count;
};

static struct codes read_codes(struct check *check, const struct id *event)
{
    struct codes codes = { 0 };
    struct query *q = query(check->tx, &check_codes);

    bind_id(q, ":event", event);
    while (codes.count < DISCOUNT_CODES_MAX && query_row(q)) {
        if (!codes.code) /* most events have none */
            codes.code = ARENA_ARRAY(check->tx->arena, DISCOUNT_CODES_MAX, struct code);
        codes.code[codes.count++] = (struct code){ col_id(q, 0), col_int(q, 1), 0 };
    }
    query_end(q);
    return codes;
}

static int by_id(const void *a, const void *b)
{
    return id_compare(&((const struct code *)a)->id, &((const struct code *)b)->id);
}

static void count_code(struct check *check, const struct registration *reg, struct codes *codes)
{
    struct code wanted = { .id = reg->code }, *found;

    if (id_is_zero(&reg->code) || (reg->status != REGISTRATION_PENDING && reg->status != REGISTRATION_CONFIRMED))
        return;
    found = codes->count ? bsearch(&wanted, codes->code, codes->count, sizeof wanted, by_id) : NULL;
    if (found)
        found->used_found++;
    else
        check_breach(check, CHECK_SEATS, "registration", &reg->id, "has a discount code that there is not");
}

static void compare_codes(struct check *check, const struct id *event, const struct codes *codes)
{
    for (size_t i = 0; i < codes->count; i++) {
        const struct code *code = &codes->code[i];
        struct query *q = query(check->tx, &check_code_uses);
        int64_t by_account = 0;

        bind_id(q, ":event", event);
        bind_id(q, ":code", &code->id);
        while (query_row(q))
            by_account += col_int(q, 0);
        query_end(q);
        check->found[CHECK_SEATS].looked_at++;
        if (code->used != code->used_found)
            check_breach(check, CHECK_SEATS, "discount code", &code->id, "counts %" PRId64 " uses; registrations say %" PRId64, code->used, code->used_found);
        if (by_account != code->used)
            check_breach(check, CHECK_SEATS, "discount code", &code->id, "counts %" PRId64 " uses; by account they are %" PRId64, code->used, by_account);
    }
}

/* ---- the walk ---- */

static void check_registration(struct check *check, const struct registration *reg, struct seats *seats)
{
    struct tickets tickets;
    int64_t ordered = 0, price = 0;

    if ((unsigned)reg->status >= REGISTRATION_STATUS_COUNT) {
        check_breach(check, CHECK_TICKETS, "registration", &reg->id, "has a status that there is not");
        return;
    }
    check_tickets_of(check, reg, &tickets);
    check_money_of(check, reg);
    check_refunds_of(check, reg, &tickets);
    check_ledger_of(check, reg);
    check_balance_of(check, reg);
    for (size_t i = 0; i < reg->item_count; i++) {
        const struct registration_item *item = &reg->items[i];

        ordered += item->quantity;
        price += registration_line(item).total;
        if (item->n < 1 || item->n > 255 || item->quantity < 1 || item->quantity > 255) {
            check_breach(check, CHECK_SEATS, "registration", &reg->id, "ordered %" PRId64 " seats of type %u", item->quantity, item->n);
            continue;
        }
        if (reg->status == REGISTRATION_PENDING)
            seats->held_found[item->n] += item->quantity;
        if (reg->status == REGISTRATION_CONFIRMED)
            seats->sold_found[item->n] += item->quantity;
    }
    if (reg->status == REGISTRATION_CONFIRMED)
        for (unsigned n = 1; n < 256; n++)
            seats->sold_found[n] -= tickets.cancelled_of[n];
    if (ordered != reg->quantity)
        check_breach(check, CHECK_SEATS, "registration", &reg->id, "is for %" PRId64 " seats; its items come to %" PRId64, reg->quantity, ordered);
    if (price != reg->amount)
        check_breach(check, CHECK_MONEY, "registration", &reg->id, "costs %" PRId64 "; its items come to %" PRId64, reg->amount, price);
    check->found[CHECK_SEATS].looked_at++;
}

/* Entries at the gate whose ticket is not there: check_history sees only tickets that are. */
static void check_admissions_of(struct check *check, const struct id *event)
{
    struct query *q = query(check->tx, &check_admissions);
    struct id last = { { 0 } };

    bind_id(q, ":event", event);
    while (query_row(q)) {
        struct id ticket = col_id(q, 0), registration = id_parent(&ticket);
        struct query *exists;

        if (id_equal(&ticket, &last))
            continue;
        last = ticket;
        exists = query(check->tx, &check_ticket_exists);
        bind_id(exists, ":registration", &registration);
        bind_int(exists, ":n", id_number(&ticket));
        if (!query_row(exists))
            check_breach(check, CHECK_ADMISSIONS, "ticket", &ticket, "was at the gate, and there is no such ticket");
        query_end(exists);
    }
    query_end(q);
}

static void check_event(struct check *check, struct seats *seats)
{
    struct arena_mark all = arena_mark(check->tx->arena), mark;
    struct codes codes = read_codes(check, &seats->event);
    struct query *q = query(check->tx, &check_registrations);

    mark = arena_mark(check->tx->arena);
    bind_id(q, ":event", &seats->event);
    while (query_row(q)) {
        struct registration reg;

        registration_from_row(q, check->tx->arena, &reg);
        check_registration(check, &reg, seats);
        count_code(check, &reg, &codes);
        arena_rewind(check->tx->arena, mark);
    }
    query_end(q);
    compare_codes(check, &seats->event, &codes);
    arena_rewind(check->tx->arena, all);
    check_admissions_of(check, &seats->event);
    compare_seats(check, seats);
}

static void check_events(struct check *check)
{
    struct query *q = query(check->tx, &check_stock);
    struct seats *seats = ARENA_NEW(check->arena, struct seats);
    bool any = false;

    bind_blob(q, ":from", "", 0);
    while (query_row(q)) {
        struct id event = col_id(q, 0);
        int64_t n = col_int(q, 1);

        if (any && !id_equal(&event, &seats->event)) {
            check_event(check, seats);
            *seats = (struct seats){ 0 };
        }
        any = true;
        seats->event = event;
        if (n < 0 || n > 255) {
            check_breach(check, CHECK_SEATS, "event", &event, "has a counter number %" PRId64, n);
            continue;
        }
        seats->has[n] = true;
        seats->quantity[n] = col_int(q, 2);
        seats->held[n] = col_int(q, 3);
        seats->sold[n] = col_int(q, 4);
    }
    query_end(q);
    if (any)
        check_event(check, seats);
}

static void check_strays(struct check *check)
{
    static const struct {
        struct sql *sql;
        enum invariant which;
        const char *about, *what;
    } strays[] = {
        { &check_stray_registrations, CHECK_SEATS, "registration", "belongs to no event" },
        { &check_stray_tickets, CHECK_TICKETS, "ticket of registration", "belongs to no registration" },
        { &check_stray_payments, CHECK_MONEY, "payment of registration", "belongs to no registration" },
        { &check_stray_ledger, CHECK_MONEY, "money of registration", "belongs to no registration" },
        { &check_stray_admissions, CHECK_ADMISSIONS, "ticket", "was at the gate of no event" },
    };

    for (size_t i = 0; i < COUNT(strays); i++) {
        struct query *q = query(check->tx, strays[i].sql);

        bind_blob(q, ":from", "", 0);
        while (query_row(q)) {
            struct id id = col_id(q, 0);

            check_breach(check, strays[i].which, strays[i].about, &id, "%s", strays[i].what);
        }
        query_end(q);
    }
}

/* 1, 2, 3, ... up to the last that was given. */
static void check_receipts(struct check *check)
{
    struct query *q = query(check->tx, &check_series);

    bind_blob(q, ":from", "", 0);
    while (query_row(q)) {
        struct id organizer = col_id(q, 0);
        int64_t last = col_int(q, 2), wanted = 1;
        struct query *numbers = query(check->tx, &check_numbers);

        bind_id(numbers, ":organizer", &organizer);
        bind_int(numbers, ":kind", col_int(q, 1));
        for (; query_row(numbers); wanted++)
            if (col_int(numbers, 0) != wanted)
                break;
        query_end(numbers);
        if (wanted != last + 1)
            check_breach(check, CHECK_MONEY, "organizer", &organizer, "has gaps in the numbers of its %s: %" PRId64 " is missing, %" PRId64 " was given",
                         col_int(q, 1) == 1 ? "receipts" : "credit notes", wanted, last);
    }
    query_end(q);
}

static bool registration_exists(struct check *check, const struct id *id)
{
    struct query *q = query(check->tx, &check_registration_exists);
    bool found;

    bind_id(q, ":id", id);
    found = query_row(q);
    query_end(q);
    return found;
}

static void check_all_jobs(struct check *check)
{
    struct query *q = query(check->tx, &check_jobs);
    struct arena *arena = check->tx->arena;
    struct arena_mark mark = arena_mark(arena);

    bind_int(q, ":from", INT64_MIN);
    for (; query_row(q); check->job_count++) {
        const char *kind = col_text(q, 1, arena), *key = col_text(q, 2, arena);
        bool parked = col_int(q, 4) != 0;
        struct id id;

        check->job_parked += parked;
        check->found[CHECK_OUTSIDE].looked_at++;
        /* A mail that was asked for again has a key of its own behind the registration's id. */
        if (!strcmp(kind, "deliver") && (!key || !id_parse(key, strcspn(key, " "), &id) || !registration_exists(check, &id)))
            check_breach(check, CHECK_OUTSIDE, "job", NULL, "%" PRId64 " delivers tickets of no registration (%s)", col_int(q, 0), key ? key : "no key");
        if (check->job_count < CHECK_JOBS_SHOWN || (parked && check->job_parked < CHECK_JOBS_SHOWN)) {
            json_open(&check->jobs, NULL);
            json_int(&check->jobs, "id", col_int(q, 0));
            json_str(&check->jobs, "kind", kind);
            json_str(&check->jobs, "key", key);
            json_int(&check->jobs, "attempts", col_int(q, 3));
            json_bool(&check->jobs, "parked", parked);
            json_time(&check->jobs, "runAt", col_int(q, 5));
            json_str(&check->jobs, "failure", col_text(q, 6, arena));
            json_close(&check->jobs);
        }
        arena_rewind(arena, mark);
    }
    query_end(q);
}

bool check_rows(struct check *check)
{
    json_open_array(&check->jobs, NULL);
    check_balance_begin(check);
    check_events(check);
    check_strays(check);
    check_receipts(check);
    check_all_jobs(check);
    json_close_array(&check->jobs);
    return !tx_failed(check->tx);
}

/* ---- the file ---- */

static int keep_complaint(void *arg, int columns, char **values, char **names)
{
    struct check *check = arg;

    check->found[CHECK_DURABLE].looked_at++;
    if (columns == 1 && values[0] && strcmp(values[0], "ok") != 0)
        check_breach(check, CHECK_DURABLE, "database", NULL, "%s", values[0]);
    return 0;
}

bool check_file(struct check *check, const char *dir)
{
    struct buf path = buf_heap();
    sqlite3 *db = NULL;
    int rc;

    buf_printf(&path, "%s/usher.db", dir);
    rc = sqlite3_open_v2(path.data, &db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK)
        sqlite3_busy_timeout(db, 5000);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA quick_check(20)", keep_complaint, check, NULL);
    if (rc != SQLITE_OK)
        check_breach(check, CHECK_DURABLE, "database", NULL, "cannot be read through: %s", sqlite3_errstr(rc));
    sqlite3_close(db);
    buf_free(&path);
    return rc == SQLITE_OK;
}
