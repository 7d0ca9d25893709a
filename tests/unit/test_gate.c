/* Tickets at the door: who is let in when, told in steps; each opens a door exactly as often as it is valid. */
#include "store_world.h"

#include "events/event_change.h"
#include "gate/gate.h"
#include "registrations/registration_new.h"

/* Accounts tell http of sign-outs; there is no server here. */
void http_epoch_raised(struct app *app, const struct id *account)
{
    (void)app;
    (void)account;
}

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

static struct id organizer, stranger, buyer;

/* Two events of the organizer (the first: doors at 18:00, from 19:00 to 23:00), one of a stranger; three tickets for each. */
struct party {
    struct world *world;
    struct id event[3];
    struct id ticket[3][3];
    char code[3][3][TICKET_TOKEN_LEN + 1];
    int64_t start_ms;
};

static enum err make_event(struct tx *tx, struct party *party, size_t i)
{
    struct event_in in;
    struct event event;
    struct registration reg;
    struct registration_item_new item = { .quantity = 3 };
    struct registration_new order = { .items = &item, .item_count = 1 };
    struct ticket_type_in type = { .name = "Standing", .quantity = 10 };
    enum err e;

    memset(&in, 0, sizeof in);
    in.given.bits = ~(uint64_t)0;
    in.title = "Night";
    in.status = EVENT_PUBLISHED;
    in.starts_at_ms = party->start_ms;
    in.ends_at_ms = party->start_ms + 4 * HOUR;
    in.admission_starts_at_ms = party->start_ms - HOUR;
    in.timezone = "UTC";
    in.currency = "EUR";
    in.capacity = 10;
    in.types = &type;
    in.type_count = 1;
    e = event_create(tx, i == 2 ? &stranger : &organizer, &in, &event);
    if (e)
        return e;
    party->event[i] = order.event = event.id;
    item.ticket_type = event.types[0].id;
    tx->actor = buyer;
    e = registration_create(tx, &order, &reg);
    if (e)
        return e;
    for (unsigned n = 0; n < 3; n++) {
        party->ticket[i][n] = id_child(&reg.id, n + 1);
        ticket_token(tx->app->tickets, &event.id, &party->ticket[i][n], 1, party->code[i][n]);
    }
    return ERR_OK;
}

static enum err fill(struct tx *tx, void *arg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < 3 && !e; i++)
        e = make_event(tx, arg, i);
    return e;
}

static struct party *party_new(void)
{
    static struct config config = { .hold_seconds = 600 };
    struct party *party = calloc(1, sizeof *party);
    struct world *world = world_new();
    struct buf error = buf_heap();

    party->world = world;
    world->app.config = &config;
    world->app.tickets = tickets_open(&world->app, world->dir, &error);
    if (!world->app.tickets)
        print_error("%s\n", error.data);
    assert_non_null(world->app.tickets);
    store_start(world->store);
    organizer = id_new(clock_now_ms());
    stranger = id_new(clock_now_ms());
    buyer = id_new(clock_now_ms());
    party->start_ms = (clock_now_ms() / HOUR + 24) * HOUR;
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, fill, party), ERR_OK);
    return party;
}

static void party_free(struct party *party)
{
    clock_set_offset_ms(0);
    tickets_close(party->world->app.tickets);
    world_free(party->world);
    free(party);
}

/* ---- one scan or undo as a write ---- */

struct scan {
    struct gate_scan scan;
    struct caller caller;
    bool undo;
    enum gate_reason reason;
    bool has_ticket;
    enum ticket_status status;
    int64_t first_used_at_ms;
    char first_used_gate[40];
};

static enum err run_scan(struct tx *tx, void *arg)
{
    struct scan *scan = arg;
    struct gate_verdict verdict;
    struct ticket ticket;
    enum err e;

    if (scan->undo)
        return gate_undo(tx, &scan->caller, &scan->scan, &ticket);
    e = gate_admit(tx, &scan->caller, &scan->scan, &verdict);
    if (e)
        return e;
    scan->reason = verdict.reason;
    scan->has_ticket = verdict.has_ticket;
    scan->status = verdict.ticket.row.status;
    scan->first_used_at_ms = verdict.first_used_at_ms;
    snprintf(scan->first_used_gate, sizeof scan->first_used_gate, "%s", verdict.first_used_gate ? verdict.first_used_gate : "");
    if (verdict.has_ticket) { /* the code in the answer is the one that was printed, whether it was read or made anew */
        struct buf json = buf_in(tx->arena);
        char code[TICKET_TOKEN_LEN + 1];

        ticket_token(tx->app->tickets, &verdict.ticket.event.id, &verdict.ticket.id, (unsigned)verdict.ticket.row.edition, code);
        ticket_json(&json, NULL, tx->app, &verdict.ticket);
        assert_non_null(strstr(json.data, code));
    }
    return ERR_OK;
}

static enum err do_scan(struct party *party, struct scan *scan)
{
    struct fault fault = { .arena = party->world->arena };
    enum err e = store_write_wait(party->world->store, party->world->arena, &fault, NULL, true, run_scan, scan);

    arena_reset(party->world->arena);
    return e;
}

SQL(test_cancel_ticket, "UPDATE ticket SET status = 2 WHERE registration = :registration AND n = :n");
SQL(test_raise_edition, "UPDATE ticket SET edition = 2 WHERE registration = :registration AND n = :n");
SQL(test_admissions, "SELECT count(*) FROM check_in WHERE kind = 1");
SQL(test_undone, "SELECT count(*) FROM check_in WHERE kind = 2");

struct spoil {
    struct sql *sql;
    struct id ticket;
};

static enum err run_spoil(struct tx *tx, void *arg)
{
    const struct spoil *spoil = arg;
    struct query *q = query(tx, spoil->sql);
    struct id registration = id_parent(&spoil->ticket);

    bind_id(q, ":registration", &registration);
    bind_int(q, ":n", id_number(&spoil->ticket));
    return query_run(q) == 1 ? ERR_OK : ERR_INTERNAL;
}

static void spoil(struct party *party, struct sql *sql, const struct id *ticket)
{
    struct spoil what = { sql, *ticket };

    assert_int_equal(store_write_wait(party->world->store, party->world->arena, NULL, NULL, false, run_spoil, &what), ERR_OK);
}

/* Codes are named by event and ticket: "A1" is the first ticket of the first event. In small letters the ticket is given by id. */
struct told {
    int at_min;                  /* minutes from the start */
    const char *what, *event;    /* event: "A", "B", "C" or "" */
    const char *gate, *device;
    int scanned_min;             /* 9999: now */
    const char *want;            /* "valid", a reason, "403", "404"; "undo" steps: "undone", "409" */
};

static void tell(struct party *party, const struct told *row, size_t count, const struct caller *caller)
{
    for (size_t i = 0; i < count; i++) {
        struct scan scan = { .caller = *caller, .reason = GATE_FORGED };
        char code[200] = "";
        const char *what = row[i].what, *got;
        enum err e;

        clock_set_offset_ms(0);
        clock_set_offset_ms(party->start_ms + row[i].at_min * MINUTE - clock_now_ms() + 1);
        scan.undo = strncmp(what, "undo ", 5) == 0;
        what += scan.undo ? 5 : 0;
        if (what[0] >= 'A' && what[0] <= 'C')
            snprintf(code, sizeof code, "%s", party->code[what[0] - 'A'][what[1] - '1']);
        else if (what[0] >= 'a' && what[0] <= 'c' && what[1] >= '1' && what[1] <= '3')
            scan.scan.ticket = party->ticket[what[0] - 'a'][what[1] - '1'];
        else if (strcmp(what, "nobody") == 0)
            scan.scan.ticket = id_child(&party->event[0], 1);
        else
            snprintf(code, sizeof code, "%s", what);
        if (strcmp(what, "A1~") == 0) /* one character of the signature changed */
            code[100] = code[100] == 'A' ? 'B' : 'A';
        scan.scan.qr_code = code[0] ? code : NULL;
        if (row[i].event[0])
            scan.scan.event = party->event[row[i].event[0] - 'A'];
        scan.scan.gate = row[i].gate;
        scan.scan.device = row[i].device;
        scan.scan.scanned_at_ms = row[i].scanned_min == 9999 ? 0 : party->start_ms + row[i].scanned_min * MINUTE;
        e = do_scan(party, &scan);
        got = e == ERR_FORBIDDEN ? "403" : e == ERR_NOT_FOUND ? "404" : e == ERR_CONFLICT ? "409" : e ? "?" : scan.undo ? "undone"
            : scan.reason == GATE_ADMITTED ? "valid" : gate_reason_words[scan.reason];
        if (strcmp(got, row[i].want) != 0)
            print_error("step %zu, %s: %s, not %s\n", i, row[i].what, got, row[i].want);
        assert_string_equal(got, row[i].want);
        if (strcmp(got, "already-used") == 0)
            assert_true(scan.first_used_at_ms > 0);
    }
}

static void a_ticket_opens_a_door_once(void **state)
{
    static const struct told row[] = {
        { -61, "A1", "A", "north", NULL, 9999, "not-yet-open" },
        { -60, "A1", "A", "north", NULL, 9999, "valid" },
        { -60, "A1", "A", "south", NULL, 9999, "already-used" },
        { -59, "a1", "A", "south", NULL, 9999, "already-used" },
        { -59, "A1~", "A", "south", NULL, 9999, "forged" },
        { -59, "hello", "", NULL, NULL, 9999, "forged" },
        { -59, "nobody", "", NULL, NULL, 9999, "not-found" },
        { -59, "A2", "B", "south", NULL, 9999, "wrong-event" },
        { -59, "A2", "", "south", NULL, 9999, "valid" },
        { 0, "a3", "", "south", NULL, 9999, "valid" },
        { 0, "B1", "B", NULL, NULL, 9999, "valid" },
        { 4 * 60 + 24 * 60 - 1, "B2", "B", NULL, NULL, 9999, "valid" },
        { 4 * 60 + 24 * 60, "B3", "B", NULL, NULL, 9999, "ended" },
        { 4 * 60 + 24 * 60, "B2", "B", NULL, NULL, 9999, "already-used" }, /* the order of reasons */
        { 4 * 60 + 24 * 60, "B1", "A", NULL, NULL, 9999, "wrong-event" },
    };
    struct party *party = party_new();

    (void)state;
    tell(party, row, COUNT(row), &(struct caller){ .account = organizer, .groups = GROUP_ORGANIZERS });
    assert_int_equal(world_number(party->world, &test_admissions), 5);
    party_free(party);
}

static void only_those_who_run_the_event_may_scan(void **state)
{
    static const struct told as_stranger[] = {
        { 0, "A1", "A", NULL, NULL, 9999, "403" },
        { 0, "A1", "", NULL, NULL, 9999, "403" },
        { 0, "a1", "", NULL, NULL, 9999, "403" },
        { 0, "A1", "C", NULL, NULL, 9999, "wrong-event" },
        { 0, "undo a1", "A", NULL, NULL, 9999, "403" },
        { 0, "undo a1", "C", NULL, NULL, 9999, "404" },
        { 0, "hello", "A", NULL, NULL, 9999, "403" },
        { 0, "C1", "C", NULL, NULL, 9999, "valid" },
    };
    static const struct told as_admin[] = {
        { 0, "A1", "A", NULL, NULL, 9999, "valid" }, { 0, "C2", "C", NULL, NULL, 9999, "valid" },
    };
    struct party *party = party_new();

    (void)state;
    tell(party, as_stranger, COUNT(as_stranger), &(struct caller){ .account = stranger, .groups = GROUP_ORGANIZERS });
    tell(party, as_admin, COUNT(as_admin), &(struct caller){ .account = buyer, .groups = GROUP_ADMINS });
    party_free(party);
}

/* What is not his is not shown, even where the event named is his. */
static void a_stranger_s_ticket_is_not_shown(void **state)
{
    struct party *party = party_new();
    struct scan scan = { .caller = { .account = stranger }, .scan = { .qr_code = party->code[0][0], .event = party->event[2] } };

    (void)state;
    assert_int_equal(do_scan(party, &scan), ERR_OK);
    assert_int_equal(scan.reason, GATE_WRONG_EVENT);
    assert_false(scan.has_ticket);
    scan.caller.account = organizer;
    scan.scan.event = party->event[1];
    assert_int_equal(do_scan(party, &scan), ERR_OK);
    assert_int_equal(scan.reason, GATE_WRONG_EVENT);
    assert_true(scan.has_ticket);
    party_free(party);
}

static void scans_from_offline_count_by_their_own_time(void **state)
{
    static const struct told row[] = {
        { 90, "A1", "A", "north", "d1", 10, "valid" },
        { 91, "A1", "A", "north", "d1", 10, "valid" },          /* the same scan, sent again */
        { 92, "A1", "A", "south", "d2", 5, "already-used" },    /* earlier, but later here */
        { 93, "A1", "A", "north", "d1", 11, "already-used" },   /* another scan of the same device */
        { 94, "undo a1", "A", NULL, NULL, 9999, "undone" },
        { 95, "undo a1", "A", NULL, NULL, 9999, "409" },
        { 96, "A1", "A", "north", "d1", 10, "valid" },          /* the log once more: nothing changes */
        { 97, "undo a1", "A", NULL, NULL, 9999, "409" },
        { 98, "A1", "A", "north", "d1", 98, "valid" },
        { 99, "undo b1", "A", NULL, NULL, 9999, "404" },
        { 99, "undo nobody", "A", NULL, NULL, 9999, "404" },
        { 4 * 60 + 30 * 60, "A2", "A", "north", "d1", 10, "valid" }, /* handed in after the end */
        { 4 * 60 + 30 * 60, "A3", "A", "north", "d1", -61, "not-yet-open" },
    };
    struct party *party = party_new();
    struct scan scan = { .caller = { .account = organizer }, .scan = { .qr_code = party->code[0][1], .gate = "south" } };

    (void)state;
    tell(party, row, COUNT(row), &scan.caller);
    assert_int_equal(world_number(party->world, &test_admissions), 3);
    assert_int_equal(world_number(party->world, &test_undone), 1);
    assert_int_equal(do_scan(party, &scan), ERR_OK);
    assert_int_equal(scan.reason, GATE_ALREADY_USED);
    assert_int_equal(scan.first_used_at_ms, party->start_ms + 10 * MINUTE);
    assert_string_equal(scan.first_used_gate, "north");
    party_free(party);
}

static enum err run_cancel(struct tx *tx, void *arg)
{
    struct event event;

    assert_true(event_find(tx, arg, &event));
    return event_cancel(tx, &event);
}

static void what_was_called_off_opens_nothing(void **state)
{
    static const struct told row[] = {
        { 0, "A1", "A", NULL, NULL, 9999, "cancelled" }, { 0, "A2", "A", NULL, NULL, 9999, "cancelled" }, { 0, "a2", "A", NULL, NULL, 9999, "valid" },
        { 0, "B1", "B", NULL, NULL, 9999, "cancelled" },
    };
    struct party *party = party_new();

    (void)state;
    spoil(party, &test_cancel_ticket, &party->ticket[0][0]);
    spoil(party, &test_raise_edition, &party->ticket[0][1]); /* as a transfer does: the old paper is worth nothing */
    assert_int_equal(store_write_wait(party->world->store, party->world->arena, NULL, NULL, false, run_cancel, &party->event[1]), ERR_OK);
    tell(party, row, COUNT(row), &(struct caller){ .account = organizer });
    party_free(party);
}

static void the_roster_has_every_ticket_once(void **state)
{
    struct party *party = party_new();
    struct world *world = party->world;
    struct page page = { .limit = 2 };
    size_t seen = 0;
    bool more = true;

    (void)state;
    while (more) {
        struct fault fault = { .arena = world->arena };
        struct roster_row *rows;
        struct tx tx;
        size_t count;

        reader_begin(world->reader, &tx, world->arena, &fault);
        count = gate_roster(&tx, &party->event[0], &page, &rows, &more);
        reader_end(world->reader, &tx);
        for (size_t i = 0; i < count; i++, seen++) {
            assert_true(seen < 3);
            assert_true(id_equal(&rows[i].ticket, &party->ticket[0][seen]));
            assert_int_equal(rows[i].type, 1);
            page.id = rows[i].ticket;
        }
        page.after = true;
    }
    assert_int_equal(seen, 3);
    party_free(party);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_opens_a_door_once),
        cmocka_unit_test(only_those_who_run_the_event_may_scan),
        cmocka_unit_test(a_stranger_s_ticket_is_not_shown),
        cmocka_unit_test(scans_from_offline_count_by_their_own_time),
        cmocka_unit_test(what_was_called_off_opens_nothing),
        cmocka_unit_test(the_roster_has_every_ticket_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
