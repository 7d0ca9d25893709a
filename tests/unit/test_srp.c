/* SRP against numbers that were calculated elsewhere, what is refused, and which verifiers count: over a real store. */
#include "store_world.h"

#include <inttypes.h>
#include <sodium.h>
#include <sys/stat.h>

#include "identity/srp.h"

void http_epoch_raised(struct app *app, const struct id *account)
{
}

static const char time_text[] = "Sun Nov 22 19:19:33 UTC 2026", password[] = "cr\xC3\xA8me br\xC3\xBBl\xC3\xA9" "e";

static const struct vector {
    const char *email, *user, *salt, *v, *b, *a_public, *b_public, *key, *proof;
} vectors[] = {
#include "srp_vectors.h"
};

static void assert_hex(const void *bytes, size_t len, const char *hex)
{
    char text[2 * SRP_NUMBER_BYTES + 1];

    assert_string_equal(sodium_bin2hex(text, sizeof text, bytes, len), hex);
}

static void both_sides_calculate_the_same(void **state)
{
    struct identity identity = { .pool_id = (char[]){ "usher_abcdefghi" } };

    memset(identity.secret, 7, sizeof identity.secret);
    assert_string_equal(srp_pool_name(&identity), "abcdefghi");
    for (size_t i = 0; i < COUNT(vectors); i++) {
        const struct vector *vector = &vectors[i];
        struct srp_verifier verifier = srp_make_verifier(&identity, vector->email, "its hash", password);
        char user[ID_TEXT_LEN + 1], block[64];
        uint8_t a[SRP_NUMBER_BYTES], b[SRP_NUMBER_BYTES], key[SRP_KEY_BYTES], proof[SRP_PROOF_BYTES];
        struct srp_secret secret;

        id_format(&verifier.user, user);
        assert_string_equal(user, vector->user);
        assert_hex(verifier.salt, sizeof verifier.salt, vector->salt);
        assert_hex(verifier.v, sizeof verifier.v, vector->v);

        sodium_hex2bin(secret.b, sizeof secret.b, vector->b, strlen(vector->b), NULL, NULL, NULL);
        assert_true(srp_number_read(vector->a_public, a));
        srp_challenge_with(&verifier, a, &secret, b);
        assert_hex(b, sizeof b, vector->b_public);
        srp_key(&verifier, &secret, key);
        assert_hex(key, sizeof key, vector->key);
        snprintf(block, sizeof block, "block of %s", vector->email);
        srp_proof(key, "abcdefghi", &verifier.user, (struct bytes){ block, strlen(block) }, time_text, proof);
        assert_hex(proof, sizeof proof, vector->proof);
    }
}

/* N in hexadecimal, and N - 1, N + 1, 2N: whoever sends a multiple of N knows S without the password. */
static void only_numbers_between_nothing_and_n_are_taken(void **state)
{
    uint8_t out[SRP_NUMBER_BYTES];
    char n[769], less[769], more[769], twice[770];

    /* RFC 3526, 4. */
    static const char head[] = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245"
                               "E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
                               "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9"
                               "DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
                               "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB31"
                               "43DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";
    assert_int_equal(strlen(head), 768);
    strcpy(n, head);
    strcpy(less, head);
    less[767] = 'E';
    strcpy(more, head);
    memset(more + 752, '0', 16); /* + 1: the last sixteen digits are all F, and the one before them is A */
    more[751] = 'B';
    /* 2N: each digit doubled with the carry of the one behind it. */
    int carry = 0;
    for (int i = 767; i >= 0; i--) {
        int digit = (head[i] <= '9' ? head[i] - '0' : head[i] - 'A' + 10) * 2 + carry;

        twice[i + 1] = "0123456789ABCDEF"[digit & 15];
        carry = digit >> 4;
    }
    twice[0] = (char)('0' + carry);
    twice[769] = 0;

    assert_true(srp_number_read("1", out));
    assert_true(srp_number_read(less, out));
    assert_true(srp_number_read("00aBc", out));
    const char *bad[] = { "", "0", "000000", n, more, twice, "-1", "0x12", "1g", " 1", "1 ", "1\n" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(srp_number_read(bad[i], out));
}

static void the_time_is_read_as_it_is_written(void **state)
{
    static const char *const good[] = { time_text, "Mon Jan 1 00:00:00 UTC 2024", "Thu Feb 29 23:59:59 UTC 2024", "Wed Dec 31 09:05:07 UTC 2025" };
    static const char *const bad[] = {
        "", "now", "Mon Nov 22 19:19:33 UTC 2026", "Sun Nov 22 19:19:33 GMT 2026", "Sun Nov 22 19:19:33 UTC 26", "Sun nov 22 19:19:33 UTC 2026",
        "Sun Nov 22 19:19:33 UTC 2026 ", "Sun Nov 22 19:19:33 UTC 20261", "Mon Jan 01 00:00:00 UTC 2024", "Sun Feb 29 00:00:00 UTC 2026",
        "Sun Nov 22 24:19:33 UTC 2026", "Sun Nov 22 19:60:33 UTC 2026", "Sun  Nov 22 19:19:33 UTC 2026", "2026-11-22T19:19:33Z", "Sun ovN 22 19:19:33 UTC 2026",
        "Sun Nov -2 19:19:33 UTC 2026",
    };
    int64_t ms;

    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(srp_time_read(good[i], &ms));
    assert_true(srp_time_read(time_text, &ms));
    assert_int_equal(ms, 1795375173000);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(srp_time_read(bad[i], &ms));
}

static struct config config = { .access_token_seconds = 3600, .refresh_token_seconds = 86400, .refresh_grace_seconds = 60, .srp = true };

static void open_identity(struct world *world)
{
    struct buf error = buf_heap();

    world->app.identity = identity_open(&world->app, world->dir, &error);
    assert_non_null(world->app.identity);
    identity_keys_wait(world->app.identity);
    buf_free(&error);
}

static int setup(void **state)
{
    struct world *world = world_new();

    config.srp = true;
    world->app.config = &config;
    world->app.public_url = "http://127.0.0.1:8080";
    store_start(world->store);
    open_identity(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    identity_close(world->app.identity);
    world_free(world);
    return 0;
}

static enum err do_write(struct world *world, enum err (*fn)(struct tx *tx, void *arg), void *arg)
{
    static const struct id any;

    return store_write_wait(world->store, world->arena, NULL, &any, false, fn, arg);
}

static enum err add_with_verifier(struct tx *tx, void *arg)
{
    struct account *account = arg;
    enum err e = account_add(tx, account->email, NULL, GROUP_ATTENDEES, "first hash", &account->id);

    if (!e) {
        account->email_key = account->email;
        srp_keep(tx, &account->id, srp_make(tx->app->identity, tx->arena, account, "first hash", password));
    }
    return e;
}

static enum err reset(struct tx *tx, void *arg)
{
    const struct account *account = arg;

    return account_reset_password(tx, &account->id, "second hash") ? ERR_OK : ERR_NOT_FOUND;
}

static enum err keep_second(struct tx *tx, void *arg)
{
    const struct account *account = arg;

    srp_keep(tx, &account->id, srp_make(tx->app->identity, tx->arena, account, "second hash", password));
    return ERR_OK;
}

/* Another's row under this account's id. */
static enum err move_row(struct tx *tx, void *arg)
{
    const struct account *accounts = arg;

    srp_keep(tx, &accounts[0].id, srp_make(tx->app->identity, tx->arena, &accounts[1], "second hash", password));
    return ERR_OK;
}

static bool counts(struct world *world, const char *email, struct srp_verifier *out)
{
    struct fault fault = { .arena = world->arena };
    struct account account;
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    assert_true(account_by_email(&tx, email, &account));
    bool found = srp_read(&tx, &account, out);
    reader_end(world->reader, &tx);
    return found;
}

static void a_verifier_counts_beside_its_own_hash_alone(void **state)
{
    struct world *world = *state;
    struct account accounts[] = { { .email = "ada@example.org" }, { .email = "grace@example.org" } };
    struct srp_verifier verifier;

    for (size_t i = 0; i < COUNT(accounts); i++)
        assert_int_equal(do_write(world, add_with_verifier, &accounts[i]), ERR_OK);
    assert_true(counts(world, "ada@example.org", &verifier));
    /* The password changed in a way that knows nothing of verifiers. */
    assert_int_equal(do_write(world, reset, &accounts[0]), ERR_OK);
    assert_false(counts(world, "ada@example.org", &verifier));
    assert_int_equal(do_write(world, keep_second, &accounts[0]), ERR_OK);
    assert_true(counts(world, "ada@example.org", &verifier));
    assert_int_equal(do_write(world, move_row, accounts), ERR_OK);
    assert_false(counts(world, "ada@example.org", &verifier));
    assert_true(counts(world, "grace@example.org", &verifier));
}

static void run_sweeps(struct world *world)
{
    for (const struct sweep *sweep = identity_sweeps; sweep->name; sweep++)
        sweep->run(&world->app, world->reader, world->arena);
}

static bool any_row(struct world *world)
{
    struct fault fault = { .arena = world->arena };
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    bool any = srp_any(&tx);
    reader_end(world->reader, &tx);
    return any;
}

static void switched_off_the_key_goes_at_once_and_the_rows_by_the_sweep(void **state)
{
    struct world *world = *state;
    char path[128], email[40];
    struct srp_verifier verifier;
    struct stat about;

    for (int i = 0; i < 205; i++) {
        struct account account = { .email = email };

        snprintf(email, sizeof email, "ada%d@example.org", i);
        assert_int_equal(do_write(world, add_with_verifier, &account), ERR_OK);
    }
    run_sweeps(world);
    assert_true(any_row(world));
    snprintf(path, sizeof path, "%s/keys/srp.key", world->dir);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);

    identity_close(world->app.identity);
    config.srp = false;
    open_identity(world);
    assert_int_equal(stat(path, &about), -1);
    assert_true(any_row(world));

    /* On again before the sweep came by: the rows are under a key that is no more. */
    identity_close(world->app.identity);
    config.srp = true;
    open_identity(world);
    assert_false(counts(world, "ada7@example.org", &verifier));

    config.srp = false;
    run_sweeps(world);
    assert_false(any_row(world));
}

static void a_decoy_is_always_the_same_and_nobodys(void **state)
{
    struct world *world = *state;
    const struct identity *identity = world->app.identity;
    struct id user = srp_user(identity, "nobody@example.org"), again = srp_user(identity, "nobody@example.org"), other = srp_user(identity, "no@example.org");
    struct srp_verifier decoy = srp_decoy(identity, &user), same = srp_decoy(identity, &again), another = srp_decoy(identity, &other);
    struct srp_verifier real = srp_make_verifier(identity, "nobody@example.org", "hash", password);
    char text[ID_TEXT_LEN + 1];

    assert_memory_equal(&decoy, &same, sizeof decoy);
    assert_memory_not_equal(decoy.salt, another.salt, sizeof decoy.salt);
    assert_memory_not_equal(decoy.v, another.v, sizeof decoy.v);
    /* What a stranger sees does not change when somebody signs up under the name. */
    assert_memory_equal(decoy.salt, real.salt, sizeof decoy.salt);
    assert_true(id_equal(&decoy.user, &real.user));
    id_format(&user, text);
    assert_int_equal(text[14], '7');
}

static int64_t challenge_us(const struct srp_verifier *verifier, const uint8_t a[SRP_NUMBER_BYTES])
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < 20; i++) {
        struct srp_secret secret;
        uint8_t b[SRP_NUMBER_BYTES], key[SRP_KEY_BYTES];
        int64_t begin = clock_mono_us();

        srp_challenge(verifier, a, &secret, b);
        srp_key(verifier, &secret, key);
        least = MIN(least, clock_mono_us() - begin);
    }
    return least;
}

/* The least of some is nearly free of what else the machine does. */
static void a_decoy_takes_as_long_as_a_verifier(void **state)
{
    struct world *world = *state;
    const struct identity *identity = world->app.identity;
    struct id user = srp_user(identity, "ada@example.org");
    struct srp_verifier decoy = srp_decoy(identity, &user), real;
    uint8_t a[SRP_NUMBER_BYTES];

    int64_t begin = clock_mono_us();
    for (int i = 0; i < 20; i++)
        real = srp_make_verifier(identity, "ada@example.org", "hash", password);
    int64_t making_us = (clock_mono_us() - begin) / 20;
    assert_true(srp_number_read(vectors[0].a_public, a));
    int64_t for_decoy = challenge_us(&decoy, a), for_real = challenge_us(&real, a);
    print_message("a verifier %" PRId64 " us; challenge and key for a decoy %" PRId64 " us, for a verifier %" PRId64 " us\n", making_us, for_decoy, for_real);
    assert_true(for_decoy < 2 * for_real && for_real < 2 * for_decoy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_calculate_the_same),
        cmocka_unit_test(only_numbers_between_nothing_and_n_are_taken),
        cmocka_unit_test(the_time_is_read_as_it_is_written),
        cmocka_unit_test_setup_teardown(a_verifier_counts_beside_its_own_hash_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(switched_off_the_key_goes_at_once_and_the_rows_by_the_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(a_decoy_takes_as_long_as_a_verifier, setup, teardown),
        cmocka_unit_test_setup_teardown(a_decoy_is_always_the_same_and_nobodys, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
