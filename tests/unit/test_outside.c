/* Another issuer's people: their ids, and the rows that the check before every write makes and asks. */
#include "store_world.h"

#include <jansson.h>

#include "identity/parts.h"

static int told;
void http_epoch_raised(struct app *app, const struct id *account)
{
    told++;
}

static const struct config config = { .access_token_seconds = 3600, .oidc_issuer = "https://issuer.example", .oidc_groups_claim = "cognito:groups" };

/* An identity with an issuer that is nowhere: rows are not its business. */
static int setup(void **state)
{
    struct world *world = world_new();
    struct identity *identity = calloc(1, sizeof *identity);

    assert_non_null(identity);
    identity->app = &world->app;
    identity->outside = (struct outside *)(void *)identity;
    world->app.config = &config;
    world->app.identity = identity;
    store_start(world->store);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    free(world->app.identity);
    world_free(world);
    return 0;
}

static struct caller caller_of(const char *sub, const char *email, const char *name)
{
    return (struct caller){ .account = outside_account_id(config.oidc_issuer, sub), .groups = GROUP_ORGANIZERS, .email = email, .name = name };
}

static enum err check_run(struct tx *tx, void *arg)
{
    return identity_still_valid(tx, arg);
}

static enum err check_before_a_write(struct world *world, struct caller *caller)
{
    static const struct id any;

    return store_write_wait(world->store, world->arena, NULL, &any, false, check_run, caller);
}

static enum err check_before_a_read(struct world *world, struct caller *caller)
{
    struct fault fault = { .arena = world->arena };
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    enum err e = identity_still_valid(&tx, caller);
    reader_end(world->reader, &tx);
    return e;
}

static bool find(struct world *world, const struct id *id, struct account *out)
{
    struct fault fault = { .arena = world->arena };
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    bool found = account_by_id(&tx, id, out);
    reader_end(world->reader, &tx);
    return found;
}

static void an_id_follows_from_issuer_and_subject_and_looks_like_ours(void **state)
{
    struct id one = outside_account_id("https://a", "b"), again = outside_account_id("https://a", "b"), parsed;
    struct id others[] = { outside_account_id("https://a", "c"), outside_account_id("https://ab", ""), outside_account_id("https://", "ab") };
    char text[ID_TEXT_LEN + 1];

    assert_true(id_equal(&one, &again));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(id_equal(&one, &others[i]));
    id_format(&one, text);
    assert_true(id_parse(text, strlen(text), &parsed));
    assert_true(id_equal(&one, &parsed));
    assert_int_equal(id_number(&one), 0);
    /* As it is in data folders that exist: it must never change. */
    assert_string_equal(text, "b8058105-82ef-7ec5-a849-28356d243b00");
}

static void the_first_write_makes_the_row_and_a_read_makes_none(void **state)
{
    struct world *world = *state;
    struct caller caller = caller_of("ada", "Ada@example.org", "Ada"), nameless = caller_of("bob", "bob@example.org", NULL), bare = caller_of("eve", NULL, NULL);
    struct account row;

    assert_int_equal(check_before_a_read(world, &caller), ERR_OK);
    assert_false(find(world, &caller.account, &row));
    for (int i = 0; i < 2; i++) { /* once */
        assert_int_equal(check_before_a_write(world, &caller), ERR_OK);
        assert_true(find(world, &caller.account, &row));
        assert_string_equal(row.email, "Ada@example.org");
        assert_string_equal(row.email_key, "ada@example.org");
        assert_string_equal(row.name, "Ada");
        assert_int_equal(row.groups, GROUP_ORGANIZERS);
        assert_int_equal(row.status, ACCOUNT_CONFIRMED);
        assert_string_equal(row.password, "");
    }
    assert_int_equal(check_before_a_write(world, &nameless), ERR_OK);
    assert_true(find(world, &nameless.account, &row));
    assert_string_equal(row.name, "bob");
    assert_int_equal(check_before_a_write(world, &bare), ERR_OK);
    assert_true(find(world, &bare.account, &row));
    assert_string_equal(row.name, "Guest");
    assert_string_equal(row.email, "");
}

static void an_address_that_somebody_has_is_no_way_into_his_account(void **state)
{
    struct world *world = *state;
    struct caller first = caller_of("ada", "ada@example.org", "Ada"), second = caller_of("other", "ADA@example.org", "Other");
    struct account row, by_address;
    struct fault fault = { .arena = world->arena };
    struct tx tx;

    assert_int_equal(check_before_a_write(world, &first), ERR_OK);
    assert_int_equal(check_before_a_write(world, &second), ERR_OK);
    assert_true(find(world, &second.account, &row));
    assert_string_equal(row.email, "ADA@example.org");
    reader_begin(world->reader, &tx, world->arena, &fault);
    assert_true(account_by_email(&tx, "ada@example.org", &by_address));
    reader_end(world->reader, &tx);
    assert_true(id_equal(&by_address.id, &first.account));
}

static enum err disable_run(struct tx *tx, void *arg)
{
    return account_disable(tx, arg);
}

static void a_row_that_is_disabled_shuts_its_person_out(void **state)
{
    static const struct id any;
    struct world *world = *state;
    struct caller bare = caller_of("eve", NULL, NULL), gone = caller_of("never-seen", NULL, NULL);
    char text[ID_TEXT_LEN + 1];

    assert_int_equal(check_before_a_write(world, &bare), ERR_OK);
    id_format(&bare.account, text); /* it has no address to be called by */
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, &any, false, disable_run, text), ERR_OK);
    assert_int_equal(check_before_a_write(world, &bare), ERR_UNAUTHENTICATED);
    assert_int_equal(check_before_a_read(world, &bare), ERR_UNAUTHENTICATED);
    bare.epoch = 1; /* also with the epoch that the row has now */
    assert_int_equal(check_before_a_write(world, &bare), ERR_UNAUTHENTICATED);
    /* A token that was judged when there was a row, which is gone, is asked for anew. */
    gone.epoch = 1;
    assert_int_equal(check_before_a_write(world, &gone), ERR_UNAUTHENTICATED);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_follows_from_issuer_and_subject_and_looks_like_ours),
        IN_A_WORLD(the_first_write_makes_the_row_and_a_read_makes_none),
        IN_A_WORLD(an_address_that_somebody_has_is_no_way_into_his_account),
        IN_A_WORLD(a_row_that_is_disabled_shuts_its_person_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
