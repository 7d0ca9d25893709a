/* The seat counters against a plain array: random moves, a refusal for each that does not fit, and one wrong move to show that the comparison bites. */
#include "store_world.h"

#include "events/event.h"

#define TYPES 3

SQL(test_add_stock, "INSERT INTO stock (event, n, quantity) VALUES (:event, :n, :quantity)");
SQL(test_spoil, "UPDATE stock SET quantity = quantity + 1, sold = sold + 1 WHERE event = :event AND n = 1");

/* Row 0 is the event, as in the table. The types' quantities sum to more than the capacity, as the contract allows. */
struct model {
    struct id event;
    int64_t quantity[TYPES + 1], held[TYPES + 1], sold[TYPES + 1];
};
struct step {
    const struct model *model;
    enum err (*move)(struct tx *tx, const struct id *event, unsigned n, int64_t quantity);
    unsigned n;
    int64_t quantity;
};

static enum err make(struct tx *tx, void *arg)
{
    const struct model *model = arg;

    for (unsigned n = 0; n <= TYPES; n++) {
        struct query *q = query(tx, &test_add_stock);

        bind_id(q, ":event", &model->event);
        bind_int(q, ":n", n);
        bind_int(q, ":quantity", model->quantity[n]);
        query_run(q);
    }
    return ERR_OK;
}

static enum err run(struct tx *tx, void *arg)
{
    const struct step *step = arg;

    return step->move(tx, &step->model->event, step->n, step->quantity);
}

static enum err spoil(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &test_spoil);

    bind_id(q, ":event", arg);
    return query_run(q) == 1 ? ERR_OK : ERR_INTERNAL;
}

/* What the move should answer; the model moves along. */
static enum err expect(struct model *model, const struct step *step)
{
    const unsigned row[] = { 0, step->n };
    int64_t take = 0, held = 0, sold = 0;

    if (step->move == stock_hold)
        take = held = step->quantity;
    else if (step->move == stock_sell)
        take = sold = step->quantity;
    else if (step->move == stock_sell_held)
        held = -step->quantity, sold = step->quantity;
    else if (step->move == stock_release_held)
        held = -step->quantity;
    else
        sold = -step->quantity;
    for (size_t i = 0; i < COUNT(row); i++) {
        if (take && model->held[row[i]] + model->sold[row[i]] + take > model->quantity[row[i]])
            return ERR_SOLD_OUT;
        if (model->held[row[i]] + held < 0 || model->sold[row[i]] + sold < 0)
            return ERR_INTERNAL;
    }
    for (size_t i = 0; i < COUNT(row); i++) {
        model->held[row[i]] += held;
        model->sold[row[i]] += sold;
    }
    return ERR_OK;
}

static bool same(struct world *world, const struct model *model)
{
    struct fault fault = { .arena = world->arena };
    struct tx tx;
    bool all = true;

    reader_begin(world->reader, &tx, world->arena, &fault);
    for (unsigned n = 0; n <= TYPES; n++) {
        int64_t quantity = -1, held = -1, sold = -1;

        if (!stock_read(&tx, &model->event, n, &quantity, &held, &sold) || quantity != model->quantity[n] || held != model->held[n] ||
            sold != model->sold[n])
            all = false;
    }
    reader_end(world->reader, &tx);
    arena_reset(world->arena);
    return all;
}

static void the_counters_are_what_an_array_would_be(void **state)
{
    static enum err (*const moves[])(struct tx *, const struct id *, unsigned, int64_t) = {
        stock_hold, stock_hold, stock_sell_held, stock_sell, stock_release_held, stock_release_sold
    };
    struct world *world = world_new();
    struct model model = { .quantity = { 40, 25, 20, 5 } };
    unsigned seed = 22, refused = 0, done = 0;

    (void)state;
    log_start(LOG_ERROR + 1);
    store_start(world->store);
    model.event = id_new(1000);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, &model.event, false, make, &model), ERR_OK);
    for (int i = 0; i < 1000; i++) {
        struct step step = { .model = &model };
        enum err want, got;

        seed = seed * 1103515245u + 12345u;
        step.move = moves[(seed >> 16) % COUNT(moves)];
        step.n = 1 + (seed >> 20) % TYPES;
        step.quantity = 1 + (seed >> 24) % 6;
        want = expect(&model, &step);
        got = store_write_wait(world->store, world->arena, NULL, &model.event, false, run, &step);
        arena_reset(world->arena);
        assert_int_equal(got, want);
        assert_true(same(world, &model));
        want ? refused++ : done++;
    }
    assert_true(refused > 100 && done > 100); /* both sides were walked */

    assert_int_equal(store_write_wait(world->store, world->arena, NULL, &model.event, false, spoil, &model.event), ERR_OK);
    assert_false(same(world, &model));
    log_stop();
    world_free(world);
}

static void a_seat_of_no_event_is_sold_out(void **state)
{
    struct world *world = world_new();
    struct model none = { .event = id_new(1000) };
    struct step step = { .model = &none, .move = stock_hold, .n = 1, .quantity = 1 };

    (void)state;
    store_start(world->store);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, &none.event, false, run, &step), ERR_SOLD_OUT);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counters_are_what_an_array_would_be),
        cmocka_unit_test(a_seat_of_no_event_is_sold_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
