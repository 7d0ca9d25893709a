/* The job that forgets who left: every part in its turn, from where it left off, twice; and nobody who did not leave. */
#include "store_world.h"

#include "identity/parts.h"

SQL(waiting_sql, "SELECT payload, run_at FROM job WHERE kind = 'forget' AND key = :key");
SQL(waiting_done_sql, "DELETE FROM job WHERE kind = 'forget' AND key = :key");

/* What the parts below were asked, in order. */
static struct {
    char order[256];
    int64_t slices, long_slices; /* of the part "long": done, and in all */
    bool by_id;                  /* its walk has an id beside a number */
    enum err answer;
} seen;

static void note(const char *name)
{
    if (!seen.order[0] || strcmp(strrchr(seen.order, ' ') + 1, name) != 0)
        strcat(strcat(seen.order, " "), name);
}

static enum err forget_first(struct person_walk *walk)
{
    note("first");
    assert_true(id_is_zero(&walk->after) && walk->after_n == 0);
    return ERR_OK;
}

/* Says in the walk how many slices it did; the whole is seen.long_slices. */
static enum err forget_long(struct person_walk *walk)
{
    note("long");
    seen.slices++;
    if (seen.by_id)
        walk->after = id_new(1);
    walk->after_n++;
    walk->more = walk->after_n < seen.long_slices;
    return seen.answer;
}

static enum err forget_last(struct person_walk *walk)
{
    note("last");
    assert_true(id_is_zero(&walk->after) && walk->after_n == 0);
    return ERR_OK;
}

static const struct person_part some[] = {
    { .name = "first", .forget = forget_first }, { .name = "stays", .kept = "it does" }, { .name = "long", .forget = forget_long }, PERSON_END
};
static const struct person_part others[] = { { .name = "last", .forget = forget_last }, PERSON_END };
static const struct person_part *const people[] = { some, others, NULL };

struct person {
    struct world *world;
    struct id account;
    char key[ID_TEXT_LEN + 1];
};

static enum err add_run(struct tx *tx, void *arg)
{
    return account_add(tx, "ada@example.org", "Ada", 1, NULL, arg);
}

static enum err leave_run(struct tx *tx, void *arg)
{
    return account_remove(tx, "ada@example.org");
}

static enum err done_run(struct tx *tx, void *arg)
{
    struct query *q = query(tx, &waiting_done_sql);

    bind_text(q, ":key", arg);
    query_run(q);
    return ERR_OK;
}

static int setup(void **state)
{
    struct person *person = calloc(1, sizeof *person);

    memset(&seen, 0, sizeof seen);
    seen.long_slices = 1;
    person->world = world_new();
    person->world->app.people = people;
    store_start(person->world->store);
    assert_int_equal(store_write_wait(person->world->store, person->world->arena, NULL, NULL, false, add_run, &person->account), ERR_OK);
    id_format(&person->account, person->key);
    *state = person;
    return 0;
}

static int teardown(void **state)
{
    struct person *person = *state;

    world_free(person->world);
    free(person);
    return 0;
}

static void leave(struct person *person)
{
    assert_int_equal(store_write_wait(person->world->store, person->world->arena, NULL, NULL, false, leave_run, NULL), ERR_OK);
}

/* The payload of the job that waits, in the arena, and in how long it runs; NULL when none waits. */
static const char *waiting(struct person *person, int64_t *in_ms)
{
    struct world *world = person->world;
    struct fault fault = { .arena = world->arena };
    const char *payload = NULL;
    struct query *q;
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    q = query(&tx, &waiting_sql);
    bind_text(q, ":key", person->key);
    if (query_row(q)) {
        payload = col_is_null(q, 0) ? "" : col_text(q, 0, world->arena);
        *in_ms = col_int(q, 1) - tx.now_ms;
    }
    query_end(q);
    reader_end(world->reader, &tx);
    return payload;
}

/* As a lane would: the row is gone when it is done, unless it was asked for again. */
static enum err run(struct person *person, const char *payload)
{
    struct world *world = person->world;
    struct job job = { .app = &world->app, .reader = world->reader, .arena = world->arena, .kind = "forget", .key = person->key, .payload = payload,
                       .fault = { .arena = world->arena } };

    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, done_run, person->key), ERR_OK);
    return leave_run_forget(&job);
}

static void nobody_is_forgotten_who_is_there(void **state)
{
    struct person *person = *state;
    int64_t in_ms;

    assert_int_equal(run(person, NULL), ERR_OK);
    assert_string_equal(seen.order, "");
    assert_null(waiting(person, &in_ms));
}

static void every_part_once_and_later_once_more(void **state)
{
    struct person *person = *state;
    const char *payload;
    int64_t in_ms;

    leave(person);
    payload = waiting(person, &in_ms);
    assert_string_equal(payload, "");
    assert_true(in_ms <= 0);
    assert_int_equal(run(person, NULL), ERR_OK);
    assert_string_equal(seen.order, " first long last");
    payload = waiting(person, &in_ms);
    assert_string_equal(payload, "2");
    assert_in_range(in_ms, 9 * 60000, 10 * 60000);

    seen.order[0] = '\0';
    assert_int_equal(run(person, payload), ERR_OK);
    assert_string_equal(seen.order, " first long last");
    assert_null(waiting(person, &in_ms));
}

static void a_long_part_goes_on_where_its_turn_ended(void **state)
{
    struct person *person = *state;
    const char *payload = NULL;
    int64_t in_ms = 0;
    int turns = 0;

    seen.long_slices = 2500;
    leave(person);
    do {
        seen.by_id = turns % 2 == 1; /* a walk may be by either */
        assert_int_equal(run(person, payload), ERR_OK);
        payload = waiting(person, &in_ms);
        turns++;
    } while (payload && in_ms <= 0 && turns < 10);
    assert_int_equal(turns, 3);
    assert_int_equal(seen.slices, 2500); /* none twice */
    assert_string_equal(seen.order, " first long last");
    assert_string_equal(payload, "2");
}

static void what_fails_comes_again_from_where_it_began(void **state)
{
    struct person *person = *state;
    int64_t in_ms;

    leave(person);
    seen.answer = ERR_DISK_FULL;
    assert_int_equal(run(person, NULL), ERR_DISK_FULL);
    assert_string_equal(seen.order, " first long");
    assert_null(waiting(person, &in_ms)); /* the lane keeps the row: that is its affair (test_jobs) */
    seen.answer = ERR_OK;
    assert_int_equal(run(person, NULL), ERR_OK);
    assert_string_equal(waiting(person, &in_ms), "2");
}

static void a_part_that_is_not_known_means_from_the_beginning(void **state)
{
    static const char *const payloads[] = {
        "1 renamed 01a20653-f41a-7b84-8a48-f469280d6188 5", "1 stays 01a20653-f41a-7b84-8a48-f469280d6188 5", "1 long", "1 long nonsense 5", "x", "",
    };
    struct person *person = *state;
    int64_t in_ms;

    leave(person);
    for (size_t i = 0; i < COUNT(payloads); i++) {
        seen.order[0] = '\0';
        assert_int_equal(run(person, payloads[i]), ERR_OK);
        assert_string_equal(seen.order, " first long last");
        assert_string_equal(waiting(person, &in_ms), "2");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_forgotten_who_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(every_part_once_and_later_once_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_part_goes_on_where_its_turn_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fails_comes_again_from_where_it_began, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_that_is_not_known_means_from_the_beginning, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
