/* Accounts, sessions, codes and tokens over a real store: what is in force, what ends it, and that http is told. */
#include "store_world.h"

#include <sys/stat.h>

#include "base/random.h"
#include "identity/parts.h"
#include "identity/password.h"

/* In place of the HTTP server's: whose tokens it was told to look at anew. */
static int told;
static struct id told_of;
void http_epoch_raised(struct app *app, const struct id *account)
{
    told++;
    told_of = account ? *account : (struct id){ { 0 } };
}

static const struct config config = { .access_token_seconds = 3600, .refresh_token_seconds = 30 * 24 * 3600, .refresh_grace_seconds = 60 };
static const int64_t minute_ms = 60 * 1000, day_ms = 24 * 3600 * 1000;
/* A stand-in for app.http, which account_tell only asks to be there. */
static char http_place;

static struct identity *open_identity(struct world *world)
{
    struct buf error = buf_heap();
    struct identity *identity = identity_open(&world->app, world->dir, &error);

    if (!identity)
        print_error("%s\n", error.data);
    assert_non_null(identity);
    buf_free(&error);
    identity_keys_wait(identity);
    return identity;
}

static int setup(void **state)
{
    struct world *world = world_new();

    world->app.config = &config;
    world->app.public_url = "http://127.0.0.1:8080";
    world->app.http = (struct http *)(void *)&http_place;
    store_start(world->store);
    world->app.identity = open_identity(world);
    told = 0;
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    clock_set_offset_ms(0);
    identity_close(world->app.identity);
    world_free(world);
    return 0;
}

/* Run `fn` as a write; the step's own result is in `arg`. */
static enum err do_write(struct world *world, enum err (*fn)(struct tx *tx, void *arg), void *arg)
{
    static const struct id any;

    return store_write_wait(world->store, world->arena, NULL, &any, false, fn, arg);
}

static void begin_read(struct world *world, struct tx *tx)
{
    static struct fault fault;

    fault.arena = world->arena;
    reader_begin(world->reader, tx, world->arena, &fault);
}

/* ---- accounts ---- */

struct add {
    const char *email;
    struct id id;
};

static enum err add_account(struct tx *tx, void *arg)
{
    struct add *add = arg;

    return account_add(tx, add->email, NULL, GROUP_ORGANIZERS, "hash", &add->id);
}

static struct id new_account(struct world *world, const char *email)
{
    struct add add = { .email = email };

    assert_int_equal(do_write(world, add_account, &add), ERR_OK);
    return add.id;
}

static bool find(struct world *world, const char *email, struct account *out)
{
    struct tx tx;

    begin_read(world, &tx);
    bool found = account_by_email(&tx, email, out);
    reader_end(world->reader, &tx);
    return found;
}

static void an_address_is_one_account_however_it_is_written(void **state)
{
    struct world *world = *state;
    struct account account;
    struct id id = new_account(world, "Zo\xC3\xAB.Wa\xC5\xBCna@Example.org");
    struct add again = { .email = "zo\xC3\x8B.wa\xC5\xBBNA@EXAMPLE.ORG" };

    assert_int_equal(do_write(world, add_account, &again), ERR_CONFLICT);
    assert_true(find(world, "ZOE\xCC\x88.wa\xC5\xBCna@example.org", &account));
    assert_true(id_equal(&account.id, &id));
    assert_string_equal(account.email, "Zo\xC3\xAB.Wa\xC5\xBCna@Example.org");
    assert_string_equal(account.name, "Zo\xC3\xAB.Wa\xC5\xBCna"); /* none was given */
    assert_int_equal(account.status, ACCOUNT_CONFIRMED);
    assert_false(find(world, "zoe.wazna@example.org", &account));
    static const char *const bad[] = { "", "a", "a@", "@a", "a b@c", "a@b\n", "<a@b>" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct add wrong = { .email = bad[i] };
        assert_int_equal(do_write(world, add_account, &wrong), ERR_INVALID);
    }
}

/* ---- tokens and what ends them ---- */

struct sign_in {
    struct account account;
    struct session session;
    struct refresh_token token;
};

static enum err insert_session(struct tx *tx, void *arg)
{
    struct sign_in *in = arg;

    in->session = session_new(&in->account, tx->now_ms, config.refresh_token_seconds, &in->token);
    session_insert(tx, &in->session);
    return ERR_OK;
}

static struct sign_in sign_in(struct world *world, const char *email)
{
    struct sign_in in;

    assert_true(find(world, email, &in.account));
    assert_int_equal(do_write(world, insert_session, &in), ERR_OK);
    return in;
}

static char *token_of(struct world *world, const struct sign_in *in)
{
    int64_t now_s = clock_now_ms() / 1000;
    struct jwt_claims claims = {
        .use = JWT_ID, .account = in->account.id, .session = in->session.id, .event = in->session.id, .id = in->session.id,
        .epoch = in->account.epoch, .groups = in->account.groups, .email = in->account.email,
        .auth_time_s = now_s, .issued_at_s = now_s, .expires_at_s = now_s + 3600,
    };

    return identity_sign(world->app.identity, world->arena, &claims);
}

static enum err authenticate(struct world *world, const char *token, struct caller *caller)
{
    struct tx tx;

    begin_read(world, &tx);
    enum err e = identity_authenticate(&world->app, &tx, token, strlen(token), caller);
    enum err still = e ? e : identity_still_valid(&tx, caller);
    reader_end(world->reader, &tx);
    assert_int_equal(e, still);
    return e;
}

static enum err disable(struct tx *tx, void *arg)
{
    return account_disable(tx, arg);
}

static enum err make_attendee(struct tx *tx, void *arg)
{
    return account_set_groups(tx, arg, GROUP_ATTENDEES);
}

static enum err revoke_session(struct tx *tx, void *arg)
{
    session_revoke(tx, arg);
    return ERR_OK;
}

static enum err raise_epoch(struct tx *tx, void *arg)
{
    account_raise_epoch(tx, arg);
    return ERR_OK;
}

static void a_token_stands_until_its_session_or_account_falls(void **state)
{
    struct world *world = *state;
    char email[] = "ada@example.org";
    struct id id = new_account(world, email);
    struct sign_in one = sign_in(world, email), two = sign_in(world, email);
    char *first = token_of(world, &one), *second = token_of(world, &two);
    struct caller caller;

    assert_int_equal(authenticate(world, first, &caller), ERR_OK);
    assert_true(id_equal(&caller.account, &id));
    assert_true(id_equal(&caller.session, &one.session.id));
    assert_int_equal(caller.groups, GROUP_ORGANIZERS);
    assert_string_equal(caller.email, email);
    assert_true(caller.expires_at_ms > clock_now_ms() && caller.expires_at_ms <= clock_now_ms() + 3600 * 1000);

    /* A group taken away is gone at once, from tokens in hand too. */
    assert_int_equal(do_write(world, make_attendee, email), ERR_OK);
    assert_int_equal(told, 1);
    assert_true(id_equal(&told_of, &id));
    assert_int_equal(authenticate(world, first, &caller), ERR_OK);
    assert_int_equal(caller.groups, GROUP_ATTENDEES);

    /* One device signs out; the other does not. */
    assert_int_equal(do_write(world, revoke_session, &one.session), ERR_OK);
    assert_int_equal(told, 2);
    assert_int_equal(authenticate(world, first, &caller), ERR_UNAUTHENTICATED);
    assert_int_equal(authenticate(world, second, &caller), ERR_OK);

    /* Everywhere. */
    assert_int_equal(do_write(world, raise_epoch, &id), ERR_OK);
    assert_int_equal(told, 3);
    assert_int_equal(authenticate(world, second, &caller), ERR_UNAUTHENTICATED);

    struct sign_in three = sign_in(world, email);
    char *third = token_of(world, &three);
    assert_int_equal(authenticate(world, third, &caller), ERR_OK);
    clock_set_offset_ms(3601 * 1000);
    assert_int_equal(authenticate(world, third, &caller), ERR_UNAUTHENTICATED);
    clock_set_offset_ms(0);
    assert_int_equal(authenticate(world, third, &caller), ERR_OK);
    assert_int_equal(do_write(world, disable, email), ERR_OK);
    assert_int_equal(authenticate(world, third, &caller), ERR_UNAUTHENTICATED);
    char nobody[] = "nobody@example.org";
    assert_int_equal(do_write(world, disable, nobody), ERR_NOT_FOUND);
}

static void keys_and_names_outlive_a_restart(void **state)
{
    struct world *world = *state;
    char email[] = "ada@example.org", path[128];
    struct stat about;
    struct caller caller;

    new_account(world, email);
    struct sign_in in = sign_in(world, email);
    char *token = token_of(world, &in);
    char *pool = arena_strdup(world->arena, identity_pool_id(world->app.identity));
    char *client = arena_strdup(world->arena, identity_client_id(world->app.identity));
    assert_non_null(strchr(pool, '_'));

    identity_close(world->app.identity);
    world->app.identity = open_identity(world);
    assert_string_equal(identity_pool_id(world->app.identity), pool);
    assert_string_equal(identity_client_id(world->app.identity), client);
    assert_int_equal(authenticate(world, token, &caller), ERR_OK);
    static const char *const files[] = { "tokens.pem", "identity.key" };
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/keys/%s", world->dir, files[i]);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }

    /* A damaged key is a fault at the start, not a new key. */
    identity_close(world->app.identity);
    world->app.identity = NULL;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct buf error = buf_heap();

        snprintf(path, sizeof path, "%s/keys/%s", world->dir, files[i]);
        assert_int_equal(truncate(path, 5), 0);
        assert_null(identity_open(&world->app, world->dir, &error));
        assert_non_null(strstr(error.data, files[i]));
        buf_free(&error);
        assert_int_equal(unlink(path), 0);
    }
}

/* The server is ready while its first key is being made: no token is good meanwhile, and closing waits. */
static void a_first_start_does_not_wait_for_its_key(void **state)
{
    struct world *world = *state;
    struct caller caller;
    char path[128];

    identity_close(world->app.identity);
    snprintf(path, sizeof path, "%s/keys/tokens.pem", world->dir);
    assert_int_equal(unlink(path), 0);
    struct buf error = buf_heap();
    world->app.identity = identity_open(&world->app, world->dir, &error);
    assert_non_null(world->app.identity);
    assert_int_equal(authenticate(world, "e30.e30.e30", &caller), ERR_UNAUTHENTICATED);
    identity_close(world->app.identity);
    assert_int_equal(access(path, R_OK), 0);
    world->app.identity = open_identity(world);
    buf_free(&error);
}

/* ---- refresh tokens ---- */

static enum refresh_worth worth_of(struct world *world, const struct refresh_token *token)
{
    struct session session;
    struct account account;
    struct tx tx;

    begin_read(world, &tx);
    enum refresh_worth worth = session_judge(&tx, token, &session, &account);
    reader_end(world->reader, &tx);
    return worth;
}

struct rotation {
    struct refresh_token from, to;
    bool done;
};

static enum err rotate(struct tx *tx, void *arg)
{
    struct rotation *rotation = arg;

    rotation->to = session_successor(tx->app->identity, &rotation->from);
    rotation->done = session_rotate(tx, &rotation->from, &rotation->to);
    return ERR_OK;
}

static void refresh_tokens_follow_one_another(void **state)
{
    struct world *world = *state;
    char email[] = "ada@example.org";

    new_account(world, email);
    struct sign_in in = sign_in(world, email);
    assert_int_equal(worth_of(world, &in.token), REFRESH_CURRENT);

    struct rotation first = { .from = in.token }, again = { .from = in.token };
    assert_int_equal(do_write(world, rotate, &first), ERR_OK);
    assert_true(first.done);
    assert_int_equal(worth_of(world, &first.to), REFRESH_CURRENT);

    /* The other tab, a moment later: the previous token counts, and leads to the same successor. */
    assert_int_equal(worth_of(world, &in.token), REFRESH_PREVIOUS);
    assert_int_equal(do_write(world, rotate, &again), ERR_OK);
    assert_false(again.done);
    assert_memory_equal(&again.to, &first.to, sizeof first.to);
    assert_int_equal(worth_of(world, &first.to), REFRESH_CURRENT);

    clock_set_offset_ms(61 * 1000);
    assert_int_equal(worth_of(world, &in.token), REFRESH_REUSED);
    assert_int_equal(worth_of(world, &first.to), REFRESH_CURRENT);

    struct rotation second = { .from = first.to };
    assert_int_equal(do_write(world, rotate, &second), ERR_OK);
    assert_int_equal(worth_of(world, &in.token), REFRESH_REUSED); /* two steps back: no grace */
    assert_int_equal(worth_of(world, &first.to), REFRESH_PREVIOUS);
    assert_int_equal(worth_of(world, &second.to), REFRESH_CURRENT);

    clock_set_offset_ms(31 * day_ms);
    assert_int_equal(worth_of(world, &second.to), REFRESH_OVER);
    clock_set_offset_ms(0);
    assert_int_equal(do_write(world, revoke_session, &in.session), ERR_OK);
    assert_int_equal(worth_of(world, &second.to), REFRESH_OVER);

    struct refresh_token stranger = { .session = id_new(clock_now_ms()) };
    assert_int_equal(worth_of(world, &stranger), REFRESH_UNKNOWN);
    struct sign_in other = sign_in(world, email);
    assert_int_equal(do_write(world, raise_epoch, &other.account.id), ERR_OK);
    assert_int_equal(worth_of(world, &other.token), REFRESH_OVER);
}

static void a_refresh_token_has_one_spelling(void **state)
{
    struct world *world = *state;
    struct refresh_token token, out;

    random_bytes(&token, sizeof token);
    char *text = refresh_token_write(world->arena, &token);
    assert_int_equal(strlen(text), 64);
    assert_true(refresh_token_read(text, &out));
    assert_memory_equal(&token, &out, sizeof token);
    assert_false(refresh_token_read(arena_printf(world->arena, "%s=", text), &out));
    assert_false(refresh_token_read(arena_printf(world->arena, "%sA", text), &out));
    assert_false(refresh_token_read(text + 1, &out));
    assert_false(refresh_token_read("", &out));
    text[7] = '.';
    assert_false(refresh_token_read(text, &out));
}

static enum err remove_expired(struct tx *tx, void *arg)
{
    *(int64_t *)arg = session_remove_expired(tx);
    return ERR_OK;
}

static void old_sessions_go_a_hundred_at_a_time(void **state)
{
    struct world *world = *state;
    char email[] = "ada@example.org";
    int64_t removed;

    new_account(world, email);
    for (int i = 0; i < 105; i++)
        sign_in(world, email);
    assert_int_equal(do_write(world, remove_expired, &removed), ERR_OK);
    assert_int_equal(removed, 0);
    clock_set_offset_ms(30 * day_ms + day_ms / 2); /* over, but its last tokens may still be in hand */
    struct sign_in fresh = sign_in(world, email);
    assert_int_equal(do_write(world, remove_expired, &removed), ERR_OK);
    assert_int_equal(removed, 0);
    clock_set_offset_ms(32 * day_ms);
    assert_int_equal(do_write(world, remove_expired, &removed), ERR_OK);
    assert_int_equal(removed, 100);
    assert_int_equal(do_write(world, remove_expired, &removed), ERR_OK);
    assert_int_equal(removed, 5);
    assert_int_equal(worth_of(world, &fresh.token), REFRESH_CURRENT);
}

/* ---- codes ---- */

struct code {
    struct code_for what;
    char text[8];
    enum code_verdict verdict;
    struct id asked_by;
};

static enum err make_code(struct tx *tx, void *arg)
{
    struct code *code = arg;

    strcpy(code->text, code_make(tx, &code->what));
    return ERR_OK;
}

static enum err use_code(struct tx *tx, void *arg)
{
    struct code *code = arg;

    code->verdict = code_use(tx, &code->what, code->text, &code->asked_by);
    return ERR_OK;
}

static enum code_verdict try_code(struct world *world, struct code code)
{
    assert_int_equal(do_write(world, use_code, &code), ERR_OK);
    return code.verdict;
}

static struct code other_than(struct code code)
{
    code.text[5] = code.text[5] == '9' ? '0' : (char)(code.text[5] + 1);
    return code;
}

static struct id client_number(uint8_t n)
{
    return (struct id){ .byte = { 0xc1, n } };
}

/* A code that client `n` asked for, under one and the same name. */
static struct code new_code(struct world *world, uint8_t n)
{
    struct code code = { .what = { identity_subject(world->app.identity, "ada@example.org"), CODE_SIGN_UP, client_number(n) } };

    assert_int_equal(do_write(world, make_code, &code), ERR_OK);
    return code;
}

static struct code typed_by(struct code code, uint8_t n)
{
    code.what.client = client_number(n);
    return code;
}

static void a_code_is_used_once_soon_and_for_its_purpose(void **state)
{
    struct world *world = *state;
    struct code code = new_code(world, 1), reset = code, odd = code;

    assert_int_equal(strspn(code.text, "0123456789"), 6);
    assert_int_equal(strlen(code.text), 6);
    reset.what.purpose = CODE_RESET;
    assert_int_equal(try_code(world, reset), CODE_WRONG); /* none was made */
    assert_int_equal(try_code(world, other_than(code)), CODE_WRONG);
    strcpy(odd.text, "");
    assert_int_equal(try_code(world, odd), CODE_WRONG);
    assert_int_equal(try_code(world, code), CODE_GOOD);
    assert_int_equal(try_code(world, code), CODE_EXPIRED);

    struct code older = new_code(world, 1);
    do {
        code = new_code(world, 1);
    } while (strcmp(code.text, older.text) == 0);
    assert_int_equal(try_code(world, older), CODE_WRONG);
    clock_set_offset_ms(CODE_SIGN_UP_HOURS * 60 * minute_ms + 1000);
    assert_int_equal(try_code(world, code), CODE_EXPIRED);
    clock_set_offset_ms(0);
    assert_int_equal(try_code(world, code), CODE_GOOD);
}

static void five_wrong_guesses_close_the_door_until_the_client_asks_again(void **state)
{
    struct world *world = *state;
    struct code code = new_code(world, 1);

    for (int i = 0; i < CODE_GUESSES_MAX; i++)
        assert_int_equal(try_code(world, other_than(code)), CODE_WRONG);
    assert_int_equal(try_code(world, other_than(code)), CODE_EXPIRED);
    assert_int_equal(try_code(world, code), CODE_EXPIRED);
    assert_int_equal(try_code(world, new_code(world, 1)), CODE_GOOD);
    /* A name that nobody asked for is answered alike, and after a day all is forgotten. */
    struct code nobody = { .what = { identity_subject(world->app.identity, "nobody@example.org"), CODE_SIGN_UP, client_number(1) }, .text = "123456" };
    for (int i = 0; i < CODE_GUESSES_MAX; i++)
        assert_int_equal(try_code(world, nobody), CODE_WRONG);
    assert_int_equal(try_code(world, nobody), CODE_EXPIRED);
    clock_set_offset_ms(day_ms + 1000);
    assert_int_equal(try_code(world, nobody), CODE_WRONG);
    clock_set_offset_ms(0);
}

static void strangers_burn_their_own_guesses_and_never_the_owners(void **state)
{
    struct world *world = *state;
    struct code code = new_code(world, 1), theirs = new_code(world, 2);

    /* Whoever else asks leaves the code as it is, and a code is good from wherever it is typed. */
    assert_int_equal(try_code(world, typed_by(code, 3)), CODE_GOOD);
    code = new_code(world, 1);
    theirs = new_code(world, 2);
    /* Ten guesses of others, from whatever addresses, and it works only where it was asked for. */
    for (int i = 0; i < CODE_OTHERS_GUESSES_MAX; i++)
        assert_int_equal(try_code(world, typed_by(other_than(code), (uint8_t)(10 + i / 4))), CODE_WRONG);
    assert_int_equal(try_code(world, typed_by(code, 20)), CODE_EXPIRED);
    assert_int_equal(try_code(world, code), CODE_GOOD);
    assert_int_equal(try_code(world, theirs), CODE_EXPIRED); /* what it was for is done */
}

static void sixteen_clients_have_a_code_and_the_oldest_makes_room(void **state)
{
    struct world *world = *state;
    struct code first = new_code(world, 0), last;

    for (uint8_t n = 1; n <= 16; n++) {
        clock_set_offset_ms(n * 1000);
        last = new_code(world, n);
    }
    assert_int_equal(try_code(world, first), CODE_WRONG);
    assert_int_equal(try_code(world, last), CODE_GOOD);
    clock_set_offset_ms(0);
}

/* ---- sign-ups ---- */

struct waiting {
    struct id subject, client;
    struct account account;
    size_t count;
    bool own;
};

static enum err put_sign_up(struct tx *tx, void *arg)
{
    struct waiting *waiting = arg;

    sign_up_put(tx, &waiting->subject, &waiting->client, &waiting->account);
    return ERR_OK;
}

static void sign_up_as(struct world *world, uint8_t n, const char *password)
{
    struct waiting waiting = { .subject = identity_subject(world->app.identity, "ada@example.org"), .client = client_number(n) };

    waiting.account = (struct account){ .id = id_new(clock_now_ms()), .email = "Ada@example.org", .groups = GROUP_ATTENDEES, .password = password };
    assert_int_equal(do_write(world, put_sign_up, &waiting), ERR_OK);
}

static struct waiting find_sign_up(struct world *world, uint8_t n)
{
    struct waiting out = { .subject = identity_subject(world->app.identity, "ada@example.org"), .client = client_number(n) };
    struct tx tx;

    begin_read(world, &tx);
    out.count = sign_up_find(&tx, &out.subject, &out.client, &out.account, &out.own);
    reader_end(world->reader, &tx);
    return out;
}

static enum err remove_old_sign_ups(struct tx *tx, void *arg)
{
    *(int64_t *)arg = sign_up_remove_old(tx);
    return ERR_OK;
}

static void each_client_has_a_sign_up_and_the_newest_stands_for_others(void **state)
{
    struct world *world = *state;
    int64_t removed = -1;

    assert_int_equal(find_sign_up(world, 1).count, 0);
    sign_up_as(world, 1, "first");
    clock_set_offset_ms(1000);
    sign_up_as(world, 2, "second");
    assert_string_equal(find_sign_up(world, 1).account.password, "first");
    assert_true(find_sign_up(world, 1).own);
    assert_string_equal(find_sign_up(world, 3).account.password, "second");
    assert_false(find_sign_up(world, 3).own);
    sign_up_as(world, 1, "again");
    assert_string_equal(find_sign_up(world, 1).account.password, "again");
    assert_string_equal(find_sign_up(world, 1).account.email_key, "ada@example.org");
    assert_int_equal(find_sign_up(world, 1).count, 2);
    struct account account;
    assert_false(find(world, "ada@example.org", &account)); /* none of it is an account */

    for (uint8_t n = 10; n < 40; n++) {
        clock_set_offset_ms(n * 1000);
        sign_up_as(world, n, "more");
    }
    assert_int_equal(find_sign_up(world, 1).count, 16);
    clock_set_offset_ms(day_ms + 60 * 1000);
    assert_int_equal(find_sign_up(world, 1).count, 0);
    assert_int_equal(do_write(world, remove_old_sign_ups, &removed), ERR_OK);
    assert_int_equal(removed, 16);
    clock_set_offset_ms(0);
}

static void failures_reach_the_row_by_the_sweep(void **state)
{
    struct world *world = *state;
    struct attempts *attempts = world->app.identity->attempts;
    struct account account;

    new_account(world, "ada@example.org");
    assert_true(find(world, "ada@example.org", &account));
    struct attempts_kept kept = { account.id, account.failures, account.failed_at_ms };
    struct attempt_key key = attempts_key(attempts, ATTEMPT_PASSWORD, account.email_key, NULL);
    for (int i = 0; i < 10; i++)
        attempts_add(attempts, ATTEMPT_PASSWORD, &key, &kept, clock_now_ms());
    for (const struct sweep *sweep = identity_sweeps; sweep->name; sweep++)
        sweep->run(&world->app, world->reader, world->arena);
    assert_true(find(world, "ada@example.org", &account));
    assert_int_equal(account.failures, 10);

    /* After a restart the door is still closed; what no sweep had seen yet was kept at the end. */
    attempts_add(attempts, ATTEMPT_PASSWORD, &key, &kept, clock_now_ms());
    identity_close(world->app.identity);
    world->app.identity = open_identity(world);
    assert_true(find(world, "ada@example.org", &account));
    assert_int_equal(account.failures, 11);
    attempts = world->app.identity->attempts;
    key = attempts_key(attempts, ATTEMPT_PASSWORD, account.email_key, NULL);
    kept = (struct attempts_kept){ account.id, account.failures, account.failed_at_ms };
    assert_true(attempts_wait_ms(attempts, ATTEMPT_PASSWORD, &key, &kept, clock_now_ms()) > 0);
}

/* Printed, not judged: what stands before every write of a signed-in request, and what a new token costs a loop once. */
static void the_checks_are_cheap(void **state)
{
    struct world *world = *state;
    char email[] = "ada@example.org";
    struct caller caller;
    struct tx tx;

    new_account(world, email);
    struct sign_in in = sign_in(world, email);
    char *token = token_of(world, &in);
    assert_int_equal(authenticate(world, token, &caller), ERR_OK);
    begin_read(world, &tx);
    struct arena_mark mark = arena_mark(world->arena);
    int64_t begin = clock_mono_us();
    for (int i = 0; i < 5000; i++)
        assert_int_equal(identity_still_valid(&tx, &caller), ERR_OK);
    int64_t middle = clock_mono_us();
    for (int i = 0; i < 500; i++) {
        assert_int_equal(identity_authenticate(&world->app, &tx, token, strlen(token), &caller), ERR_OK);
        arena_rewind(world->arena, mark);
    }
    print_message("still_valid %.2f us, authenticate %.1f us\n", (double)(middle - begin) / 5000, (double)(clock_mono_us() - middle) / 500);
    reader_end(world->reader, &tx);
}

/* RFC 6238, appendix B, the rows for SHA-1 and their last six digits. */
static void codes_of_an_app_are_the_rfcs(void **state)
{
    static const char secret[] = "12345678901234567890";
    static const struct { int64_t seconds; const char *code; } rows[] = {
        { 59, "287082" }, { 1111111109, "081804" }, { 1111111111, "050471" }, { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
    };
    const struct bytes bytes = { secret, 20 };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t step = rows[i].seconds / TOTP_STEP_SECONDS, ms = rows[i].seconds * 1000;
        char code[7];

        totp_code((const uint8_t *)secret, 20, step, code);
        assert_string_equal(code, rows[i].code);
        assert_int_equal(totp_step(bytes, code, ms, 0), step);
        assert_int_equal(totp_step(bytes, code, ms + 30000, step - 1), step);
        assert_int_equal(totp_step(bytes, code, ms, step), 0);          /* used up */
        assert_int_equal(totp_step(bytes, code, ms + 60000, 0), 0);     /* two steps late */
    }
}

/* What the writer decides, whatever a snapshot said before: each step, recovery code and challenge counts once. */
struct second_factor {
    struct id account, challenge;
    const char *recovery;
    bool new_step, same_step, old_step, first_code, second_code, first_answer, second_answer;
};

static enum err use_second_factor(struct tx *tx, void *arg)
{
    struct second_factor *f = arg;

    totp_begin(tx, &f->account);
    totp_prove(tx, &f->account, 1000, "phone");
    totp_enable(tx, &f->account);
    f->recovery = recovery_make(tx, &f->account)[7];
    f->new_step = totp_use(tx, &f->account, 1001);
    f->same_step = totp_use(tx, &f->account, 1001);
    f->old_step = totp_use(tx, &f->account, 1000);
    f->first_code = recovery_good(tx, &f->account, f->recovery) && recovery_use(tx, &f->account, f->recovery);
    f->second_code = recovery_good(tx, &f->account, f->recovery) || recovery_use(tx, &f->account, f->recovery);
    f->first_answer = !challenge_is_spent(tx, &f->challenge) && challenge_spend(tx, &f->challenge, tx->now_ms + 1000);
    f->second_answer = !challenge_is_spent(tx, &f->challenge) || challenge_spend(tx, &f->challenge, tx->now_ms + 1000);
    return recovery_left(tx, &f->account) == RECOVERY_CODES - 1 ? ERR_OK : ERR_INTERNAL;
}

static void a_step_a_recovery_code_and_a_challenge_count_once(void **state)
{
    struct second_factor f = { .account = id_new(clock_now_ms()), .challenge = id_new(clock_now_ms()) };

    assert_int_equal(do_write(*state, use_second_factor, &f), ERR_OK);
    assert_true(f.new_step);
    assert_false(f.same_step);
    assert_false(f.old_step);
    assert_true(f.first_code);
    assert_false(f.second_code);
    assert_true(f.first_answer);
    assert_false(f.second_answer);
}

static void what_is_sealed_opens_here_under_its_label_alone(void **state)
{
    struct world *world = *state;
    struct arena *arena = arena_new(0);
    struct identity *identity = world->app.identity;
    struct bytes sealed = identity_seal(identity, arena, "a", "secret", 6), again = identity_seal(identity, arena, "a", "secret", 6), out;
    uint8_t *byte = (uint8_t *)(uintptr_t)sealed.data;

    assert_true(identity_unseal(identity, arena, "a", sealed, &out));
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "secret", 6);
    assert_memory_not_equal(sealed.data, again.data, sealed.len);
    assert_false(identity_unseal(identity, arena, "b", sealed, &out));
    for (size_t len = 0; len < sealed.len; len++)
        assert_false(identity_unseal(identity, arena, "a", (struct bytes){ sealed.data, len }, &out));
    for (size_t i = 0; i < sealed.len; i++) {
        byte[i] ^= 1;
        assert_false(identity_unseal(identity, arena, "a", sealed, &out));
        byte[i] ^= 1;
    }
    arena_free(arena);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_address_is_one_account_however_it_is_written),
        CASE(a_token_stands_until_its_session_or_account_falls),
        CASE(keys_and_names_outlive_a_restart),
        CASE(a_first_start_does_not_wait_for_its_key),
        CASE(refresh_tokens_follow_one_another),
        CASE(a_refresh_token_has_one_spelling),
        CASE(old_sessions_go_a_hundred_at_a_time),
        CASE(a_code_is_used_once_soon_and_for_its_purpose),
        CASE(five_wrong_guesses_close_the_door_until_the_client_asks_again),
        CASE(strangers_burn_their_own_guesses_and_never_the_owners),
        CASE(sixteen_clients_have_a_code_and_the_oldest_makes_room),
        CASE(each_client_has_a_sign_up_and_the_newest_stands_for_others),
        CASE(failures_reach_the_row_by_the_sweep),
        cmocka_unit_test(codes_of_an_app_are_the_rfcs),
        CASE(a_step_a_recovery_code_and_a_challenge_count_once),
        CASE(what_is_sealed_opens_here_under_its_label_alone),
        CASE(the_checks_are_cheap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
