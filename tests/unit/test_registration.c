/* Random orders, payments, expiries and refunds: after every step the counters are what the rows say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours refuses */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "registrations/registration_list.h"
#include "registrations/registration_new.h"

SQL(add_event_sql, "INSERT INTO event (id, organizer, status, listed, title, starts_at, ends_at, timezone, currency, created_at, updated_at)"
                   " VALUES (:id, :organizer, :status, 1, 'Fest', :starts_at, :ends_at, 'UTC', 'EUR', :now, :now)");
SQL(add_type_sql, "INSERT INTO ticket_type (event, n, name, price, min_per_order, max_per_order, max_per_account)"
                  " VALUES (:event, :n, 'Type', :price, :min, :max, :per_account)");
SQL(add_stock_sql, "INSERT INTO stock (event, n, quantity) VALUES (:event, :n, :quantity)");
SQL(add_code_sql, "INSERT INTO discount_code (event, id, code, code_key, kind, value, max_uses, active, created_at, updated_at)"
                  " VALUES (:event, :id, 'Half', 'half', 1, 5000, 1, 1, :now, :now)");
SQL(read_code_sql, "SELECT used FROM discount_code WHERE event = :event AND id = :id");
SQL(read_stock_sql, "SELECT n, quantity, held, sold FROM stock WHERE event = :event ORDER BY n");

struct world {
    char dir[64];
    struct config config;
    struct app app;
    struct reader *reader;
    struct arena *arena;
    struct id event, buyer[3];
};

/* Type 1: 30 seats at 10.00; 2: 20 free ones; 3: 5 at 5.00, at most 2 an account. The event holds 45. */
static enum err fill(struct tx *tx, void *arg)
{
    static const struct { int64_t quantity, price, min, max, per_account; } types[] = {
        { 30, 1000, 1, 6, 0 }, { 20, 0, 2, 0, 0 }, { 5, 500, 1, 0, 2 },
    };
    struct world *world = arg;
    struct query *q = query(tx, &add_event_sql);

    bind_id(q, ":id", &world->event);
    bind_id(q, ":organizer", &world->buyer[0]);
    bind_int(q, ":status", EVENT_PUBLISHED);
    bind_int(q, ":starts_at", tx->now_ms + INT64_C(400) * 86400000);
    bind_int(q, ":ends_at", tx->now_ms + INT64_C(401) * 86400000);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    q = query(tx, &add_stock_sql);
    bind_id(q, ":event", &world->event);
    bind_int(q, ":n", 0);
    bind_int(q, ":quantity", 45);
    query_run(q);
    for (unsigned i = 0; i < COUNT(types); i++) {
        q = query(tx, &add_type_sql);
        bind_id(q, ":event", &world->event);
        bind_int(q, ":n", i + 1);
        bind_int(q, ":price", types[i].price);
        bind_int(q, ":min", types[i].min);
        bind_time_or_null(q, ":max", types[i].max);
        bind_time_or_null(q, ":per_account", types[i].per_account);
        query_run(q);
        q = query(tx, &add_stock_sql);
        bind_id(q, ":event", &world->event);
        bind_int(q, ":n", i + 1);
        bind_int(q, ":quantity", types[i].quantity);
        query_run(q);
    }
    return ERR_OK;
}

static void world_open(struct world *world)
{
    struct buf error = buf_heap();

    memset(world, 0, sizeof *world);
    strcpy(world->dir, "/tmp/usher-test-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->config.hold_seconds = 600;
    world->config.data = world->dir;
    world->app.config = &world->config;
    world->app.store = store_open(&world->app, world->dir, &error);
    if (!world->app.store)
        print_error("%s\n", error.data);
    assert_non_null(world->app.store);
    store_start(world->app.store);
    world->reader = reader_open(world->app.store);
    world->arena = arena_new(0);
    world->event = id_new(clock_now_ms());
    for (size_t i = 0; i < COUNT(world->buyer); i++)
        world->buyer[i] = id_new(clock_now_ms());
    assert_int_equal(store_write_wait(world->app.store, world->arena, NULL, &world->event, false, fill, world), ERR_OK);
}

static void world_close(struct world *world)
{
    char command[128];

    clock_set_offset_ms(0);
    reader_close(world->reader);
    store_stop(world->app.store);
    store_close(world->app.store);
    arena_free(world->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", world->dir);
    assert_int_equal(system(command), 0);
}

/* One step as a write of its own. */
struct step {
    enum { CREATE, CONFIRM, EXPIRE, GIVE_BACK, END, CANCEL_TICKETS, PAY } kind;
    struct id buyer, id;
    struct registration_new in;
    unsigned numbers[3];
    size_t number_count;
    struct id out;
};

static enum err run_step(struct tx *tx, void *arg)
{
    struct step *step = arg;
    struct registration reg;
    enum err e;

    switch (step->kind) {
    case CREATE:
        tx->actor = step->buyer;
        e = registration_create(tx, &step->in, &reg);
        if (!e)
            step->out = reg.id;
        return e;
    case CONFIRM:
        return registration_confirm(tx, &step->id);
    case EXPIRE:
        return registration_expire(tx, &step->id);
    case GIVE_BACK:
        return registration_give_back(tx, &step->id);
    case END:
        return registration_end(tx, &step->id, REGISTRATION_REFUNDED, 0);
    case CANCEL_TICKETS:
        return registration_cancel_tickets(tx, &step->id, step->numbers, step->number_count, 0);
    case PAY:
        return registration_start_paying(tx, &step->id);
    }
    return ERR_INTERNAL;
}

static enum err do_step(struct world *world, struct step *step, struct fault *fault)
{
    arena_reset(world->arena);
    if (fault)
        *fault = (struct fault){ .arena = world->arena };
    return store_write_wait(world->app.store, world->arena, fault, &world->event, false, run_step, step);
}

static struct step order(struct world *world, unsigned buyer, struct registration_item_new *items, size_t count)
{
    return (struct step){ .kind = CREATE, .buyer = world->buyer[buyer], .in = { .event = world->event, .items = items, .item_count = count } };
}

static struct registration_item_new item(struct world *world, unsigned n, int64_t quantity)
{
    return (struct registration_item_new){ .ticket_type = id_child(&world->event, n), .quantity = quantity };
}

/* Recount held and sold from every registration and its tickets; compare with the counters. */
static void check_counters(struct world *world, const struct id *ids, size_t count)
{
    int64_t held[4] = { 0 }, sold[4] = { 0 };
    struct fault fault = { .arena = world->arena };
    struct tx tx = { .app = &world->app };
    struct query *q;

    arena_reset(world->arena);
    reader_begin(world->reader, &tx, world->arena, &fault);
    for (size_t i = 0; i < count; i++) {
        struct registration reg;
        struct ticket_row *tickets;
        size_t ticket_count;

        assert_true(registration_find(&tx, &ids[i], &reg));
        ticket_count = registration_tickets(&tx, &ids[i], &tickets);
        for (size_t k = 0; k < reg.item_count && reg.status == REGISTRATION_PENDING; k++) {
            held[reg.items[k].n] += reg.items[k].quantity;
            held[0] += reg.items[k].quantity;
        }
        assert_int_equal(ticket_count, reg.confirmed_at_ms ? (size_t)reg.quantity : 0);
        for (size_t k = 0; k < ticket_count; k++) {
            assert_int_equal(tickets[k].type, registration_type_of(&reg, tickets[k].n));
            if (tickets[k].status == TICKET_CANCELLED)
                continue;
            assert_int_equal(reg.status, REGISTRATION_CONFIRMED);
            sold[tickets[k].type]++;
            sold[0]++;
        }
    }
    q = query(&tx, &read_stock_sql);
    bind_id(q, ":event", &world->event);
    while (query_row(q)) {
        int64_t n = col_int(q, 0);

        assert_int_equal(col_int(q, 2), held[n]);
        assert_int_equal(col_int(q, 3), sold[n]);
        assert_true(col_int(q, 2) + col_int(q, 3) <= col_int(q, 1));
    }
    query_end(q);
    reader_end(world->reader, &tx);
}

static void counters_follow_the_rows_through_any_order_of_events(void **state)
{
    static struct id ids[3000];
    struct world world;
    size_t count = 0, sold_out = 0, late = 0;

    world_open(&world);
    random_seed_for_tests(20261122);
    for (int i = 0; i < 2500; i++) {
        struct registration_item_new items[2] = { item(&world, 1 + random_below(3), 1 + random_below(4)),
                                                  item(&world, 1 + random_below(3), 1 + random_below(4)) };
        struct step step = { .kind = random_below(PAY + 1) };
        enum err e;

        if (step.kind == CREATE || !count || random_below(3) == 0) {
            step = order(&world, random_below(3), items, 1 + random_below(2));
        } else {
            step.id = ids[count - 1 - random_below((uint32_t)MIN(count, 12))];
            step.number_count = 1 + random_below(2);
            step.numbers[0] = 1 + random_below(3);
            step.numbers[1] = step.numbers[0] + 1;
        }
        e = do_step(&world, &step, NULL);
        if (step.kind == CREATE && !e)
            ids[count++] = step.out;
        sold_out += step.kind == CREATE && e == ERR_SOLD_OUT;
        late += step.kind == CONFIRM && e == ERR_SOLD_OUT;
        if (random_below(8) == 0)
            clock_set_offset_ms((int64_t)(i + 1) * 120000);
        if (i % 10 == 0)
            check_counters(&world, ids, count);
    }
    check_counters(&world, ids, count);
    /* The walk reached the edges that it is about. */
    assert_true(count > 100);
    assert_true(sold_out > 20);
    assert_true(late > 0);
    random_seed_for_tests(0);
    world_close(&world);
    (void)state;
}

static void refusals_name_each_fault_and_change_nothing(void **state)
{
    struct world world;
    struct fault fault;
    struct registration_item_new items[3];
    struct step step;

    world_open(&world);
    items[0] = item(&world, 9, 1);
    items[1] = item(&world, 2, 1);
    items[2] = item(&world, 1, 7);
    step = order(&world, 0, items, 3);
    assert_int_equal(do_step(&world, &step, &fault), ERR_INVALID);
    assert_int_equal(fault.field_count, 3);
    assert_string_equal(fault.fields->pointer, "/items/0/ticketTypeId");
    assert_string_equal(fault.fields->next->pointer, "/items/1/quantity");
    assert_string_equal(fault.fields->next->next->pointer, "/items/2/quantity");

    items[0] = item(&world, 3, 2);
    step = order(&world, 1, items, 1);
    assert_int_equal(do_step(&world, &step, &fault), ERR_OK);
    items[0] = item(&world, 3, 1);
    step = order(&world, 1, items, 1);
    assert_int_equal(do_step(&world, &step, &fault), ERR_LIMIT_REACHED);
    step = order(&world, 2, items, 1); /* another account may */
    assert_int_equal(do_step(&world, &step, &fault), ERR_OK);

    /* The answer says what is left, with this order's own part given back. */
    items[0] = item(&world, 1, 1);
    items[1] = item(&world, 2, 21);
    step = order(&world, 2, items, 2);
    assert_int_equal(do_step(&world, &step, &fault), ERR_SOLD_OUT);
    assert_non_null(strstr(fault.extra_json, "\"available\":30"));
    assert_non_null(strstr(fault.extra_json, "\"available\":20"));
    world_close(&world);
    (void)state;
}

static void a_hold_ends_once_and_a_late_payment_takes_seats_only_if_there_are(void **state)
{
    struct world world;
    struct registration_item_new items[1];
    struct step step;
    struct id first;

    world_open(&world);
    items[0] = item(&world, 3, 2);
    step = order(&world, 0, items, 1);
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    first = step.out;
    step = (struct step){ .kind = EXPIRE, .id = first };
    assert_int_equal(do_step(&world, &step, NULL), ERR_CONFLICT); /* not due */
    clock_set_offset_ms(300000);
    step.kind = PAY;
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    clock_set_offset_ms(800000);
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK); /* lengthened once, to 900 s: paying again adds nothing */
    clock_set_offset_ms(901000);
    assert_int_equal(do_step(&world, &step, NULL), ERR_HOLD_EXPIRED);
    step.kind = EXPIRE;
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    assert_int_equal(do_step(&world, &step, NULL), ERR_CONFLICT);
    step.kind = CONFIRM;
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK); /* seats were left */
    assert_int_equal(do_step(&world, &step, NULL), ERR_CONFLICT);
    check_counters(&world, &first, 1);
    world_close(&world);
    (void)state;
}

/* ---- a discount code with one use ---- */

static enum err add_code(struct tx *tx, void *arg)
{
    struct world *world = arg;
    struct query *q = query(tx, &add_code_sql);

    bind_id(q, ":event", &world->event);
    bind_id(q, ":id", &world->event); /* any id will do */
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    return ERR_OK;
}

static int64_t code_used(struct world *world)
{
    struct fault fault = { .arena = world->arena };
    struct tx tx = { .app = &world->app };
    struct query *q;
    int64_t used;

    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, &read_code_sql);
    bind_id(q, ":event", &world->event);
    bind_id(q, ":id", &world->event);
    used = query_row(q) ? col_int(q, 0) : -1;
    query_end(q);
    reader_end(world->reader, &tx);
    return used;
}

/* The first buyer's hold runs out, the second takes the only use; the first one's late payment is then not honoured, though seats are left. Given
 * back, the use is there for a late payment again. */
static void a_late_payment_takes_its_code_only_if_a_use_is_left(void **state)
{
    struct world world;
    struct registration_item_new items[1];
    struct step step;
    struct id first, second;

    world_open(&world);
    assert_int_equal(store_write_wait(world.app.store, world.arena, NULL, &world.event, false, add_code, &world), ERR_OK);
    items[0] = item(&world, 1, 2);
    step = order(&world, 0, items, 1);
    step.in.discount_code = "HALF";
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    first = step.out;
    assert_int_equal(code_used(&world), 1);
    step = order(&world, 1, items, 1);
    step.in.discount_code = "half";
    assert_int_equal(do_step(&world, &step, NULL), ERR_CODE_USED_UP);
    clock_set_offset_ms(601000);
    step = (struct step){ .kind = EXPIRE, .id = first };
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    assert_int_equal(code_used(&world), 0);
    step = order(&world, 1, items, 1);
    step.in.discount_code = "half";
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    second = step.out;
    step = (struct step){ .kind = CONFIRM, .id = first };
    assert_int_equal(do_step(&world, &step, NULL), ERR_SOLD_OUT);
    assert_int_equal(code_used(&world), 1);
    step = (struct step){ .kind = GIVE_BACK, .id = second };
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    assert_int_equal(code_used(&world), 0);
    step = (struct step){ .kind = CONFIRM, .id = first };
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    assert_int_equal(code_used(&world), 1);
    step = (struct step){ .kind = END, .id = first };
    assert_int_equal(do_step(&world, &step, NULL), ERR_OK);
    assert_int_equal(code_used(&world), 0);
    check_counters(&world, (struct id[]){ first, second }, 2);
    world_close(&world);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_payment_takes_its_code_only_if_a_use_is_left),
        cmocka_unit_test(counters_follow_the_rows_through_any_order_of_events),
        cmocka_unit_test(refusals_name_each_fault_and_change_nothing),
        cmocka_unit_test(a_hold_ends_once_and_a_late_payment_takes_seats_only_if_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
