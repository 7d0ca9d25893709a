/* Keys that sign tokens: their file, their times, their rotation beside those that verify; and key sets of another issuer. */
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail

#include "base/clock.h"
#include "identity/parts.h"

enum { LIFE_S = 600 };
static const int64_t second_ms = 1000;
static struct arena *arena;
static char dir[64];

static atomic_int raised;
void http_epoch_raised(struct app *app, const struct id *account)
{
    assert_null(account);
    raised++;
}

static int make_folder(void **state)
{
    arena = arena_new(0);
    strcpy(dir, "/tmp/usher-unit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    clock_set_offset_ms(0);
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];

    clock_set_offset_ms(0);
    arena_free(arena);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static struct jwt_pool read_pool(void)
{
    struct jwt_pool pool = { .issuer = "http://127.0.0.1/identity/usher_a", .client_id = "client" };
    struct buf error = buf_heap();

    if (!token_keys_read(dir, LIFE_S, true, &pool, &error))
        print_error("%s\n", error.data);
    buf_free(&error);
    assert_true(pool.key_count > 0);
    return pool;
}

static enum err rotate(bool at_once)
{
    struct buf error = buf_heap();
    enum err e = token_keys_rotate(dir, LIFE_S, at_once, &error);

    assert_int_equal(e == ERR_OK, error.len == 0);
    buf_free(&error);
    return e;
}

/* The kid that signs at this moment. */
static char *signs(void)
{
    struct jwt_pool pool = read_pool();
    char *kid = arena_strdup(arena, jwt_signing_key(&pool, clock_now_ms())->kid);

    jwt_keys_free(&pool);
    return kid;
}

static size_t count_published(void)
{
    struct jwt_pool pool = read_pool();
    struct buf set = buf_in(arena);
    size_t count = 0;

    jwt_key_set(&pool, clock_now_ms(), &set);
    for (const char *at = set.data; (at = strstr(at, "\"kid\"")); at++)
        count++;
    jwt_keys_free(&pool);
    return count;
}

/* ---- rotation ---- */

static void a_new_key_is_published_before_it_signs_and_the_old_one_leaves_behind_its_last_token(void **state)
{
    char *first = signs();

    assert_int_equal(rotate(false), ERR_OK);
    assert_string_equal(signs(), first);
    assert_int_equal(count_published(), 2);
    clock_set_offset_ms((KEY_LEAD_SECONDS - 5) * second_ms);
    assert_string_equal(signs(), first);
    clock_set_offset_ms((KEY_LEAD_SECONDS + 5) * second_ms);
    char *second = signs();
    assert_string_not_equal(second, first);
    assert_int_equal(count_published(), 2);

    /* What the first one signed in its last second is good for its whole life. */
    clock_set_offset_ms((KEY_LEAD_SECONDS + LIFE_S) * second_ms);
    assert_int_equal(count_published(), 2);
    clock_set_offset_ms((KEY_LEAD_SECONDS + LIFE_S + JWT_SKEW_SECONDS + 5) * second_ms);
    assert_int_equal(count_published(), 1);
    assert_string_equal(signs(), second);
    struct jwt_pool pool = read_pool();
    assert_int_equal(pool.key_count, 2); /* on the disk still */
    jwt_keys_free(&pool);
    token_keys_prune(dir, LIFE_S);
    pool = read_pool();
    assert_int_equal(pool.key_count, 1);
    assert_string_equal(pool.keys[0].kid, second);
    jwt_keys_free(&pool);
}

static void a_token_lives_through_a_rotation_and_no_longer_than_its_key(void **state)
{
    int64_t now_s = clock_now_ms() / 1000;
    struct jwt_claims out, in = { .use = JWT_ACCESS, .account = id_new(1), .session = id_new(1), .event = id_new(1), .id = id_new(1),
                                  .auth_time_s = now_s, .issued_at_s = now_s, .expires_at_s = now_s + LIFE_S };
    struct jwt_pool pool = read_pool();
    char *token = jwt_sign(&pool, arena, &in);

    jwt_keys_free(&pool);
    assert_int_equal(rotate(false), ERR_OK);
    pool = read_pool();
    assert_true(jwt_verify(&pool, arena, token, strlen(token), now_s * 1000, &out));
    /* Signed by the next key before its time, by a node whose clock is ahead: good as well. */
    in.issued_at_s += KEY_LEAD_SECONDS + 1;
    in.expires_at_s += KEY_LEAD_SECONDS + 1;
    char *next = jwt_sign(&pool, arena, &in);
    assert_true(jwt_verify(&pool, arena, next, strlen(next), (now_s + KEY_LEAD_SECONDS - 10) * 1000, &out));
    /* A token that claims a longer life than its key has ends with the key. */
    int64_t leaves_ms = pool.keys[0].leaves_at_ms;
    in.issued_at_s = now_s;
    in.expires_at_s = now_s + 20 * 3600;
    token = jwt_sign(&pool, arena, &in);
    assert_true(jwt_verify(&pool, arena, token, strlen(token), leaves_ms - 1, &out));
    assert_false(jwt_verify(&pool, arena, token, strlen(token), leaves_ms, &out));
    jwt_keys_free(&pool);
}

static void at_once_leaves_nothing_of_the_old_keys(void **state)
{
    char *first = signs();

    assert_int_equal(rotate(false), ERR_OK);
    assert_int_equal(rotate(true), ERR_OK);
    struct jwt_pool pool = read_pool();
    assert_int_equal(pool.key_count, 1);
    assert_string_not_equal(pool.keys[0].kid, first);
    /* A node whose clock is behind signs with it all the same, for there is no other. */
    assert_string_equal(jwt_signing_key(&pool, clock_now_ms() - 3600 * second_ms)->kid, pool.keys[0].kid);
    jwt_keys_free(&pool);
}

static void write_file(const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/keys/tokens.pem", dir);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static void there_are_no_more_keys_than_are_kept(void **state)
{
    struct buf pem = buf_in(arena), text = buf_in(arena), error = buf_heap();
    char at[CLOCK_TEXT_LEN + 1];

    signs();
    assert_true(jwt_key_make(&pem));
    for (int i = 1; i <= JWT_KEYS_MAX; i++) {
        clock_format(clock_now_ms() + i * 60 * second_ms, at);
        buf_printf(&text, "signs-from: %s\n%s", at, pem.data);
        if (i == JWT_KEYS_MAX - 1) {
            write_file(text.data);
            assert_int_equal(rotate(false), ERR_OK);
            assert_int_equal(count_published(), JWT_KEYS_MAX);
        }
    }
    assert_int_equal(token_keys_rotate(dir, LIFE_S, false, &error), ERR_CONFLICT);
    assert_non_null(strstr(error.data, "--now"));
    assert_int_equal(count_published(), JWT_KEYS_MAX);
    assert_int_equal(rotate(true), ERR_OK);
    assert_int_equal(count_published(), 1);
    /* One more than there is room for is no file of ours. */
    buf_printf(&text, "%s", pem.data);
    struct jwt_pool pool = { .key_count = 0 };
    write_file(text.data);
    buf_clear(&error);
    assert_false(token_keys_read(dir, LIFE_S, true, &pool, &error));
    buf_free(&error);
}

static void a_damaged_file_is_a_fault_and_is_never_written_over_unasked(void **state)
{
    struct buf pem = buf_in(arena), error = buf_heap();

    signs();
    assert_true(jwt_key_make(&pem));
    const char *texts[] = {
        "nothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        arena_printf(arena, "%s-----BEGIN PRIVATE KEY-----\nAAAA\n", pem.data), /* a good key does not make up for a bad one */
        arena_printf(arena, "%s-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", pem.data),
        arena_printf(arena, "signs-from: tomorrow\n%s", pem.data), arena_printf(arena, "signs from: 2026-11-26T10:00:00Z\n%s", pem.data), "\n", "",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct jwt_pool pool = { .key_count = 0 };

        write_file(texts[i]);
        buf_clear(&error);
        assert_false(token_keys_read(dir, LIFE_S, true, &pool, &error));
        assert_non_null(strstr(error.data, "tokens.pem"));
        assert_int_equal(rotate(false), ERR_INTERNAL);
    }
    assert_int_equal(rotate(true), ERR_OK); /* asked for: what was there does not matter */
    assert_int_equal(count_published(), 1);
    write_file(arena_printf(arena, "# a comment\nsigns-from: 2026-11-26T10:00:00+01:00\n%s", pem.data));
    struct jwt_pool pool = read_pool();
    assert_int_equal(pool.keys[0].signs_from_ms, 1795683600000);
    jwt_keys_free(&pool);
    buf_free(&error);
}

static void the_file_is_its_owners_alone_and_appears_whole(void **state)
{
    struct key_file_stamp before, after;
    struct stat about;
    char path[128];

    assert_false(token_keys_seen(dir, &before));
    signs();
    assert_true(token_keys_seen(dir, &before));
    umask(0);
    assert_int_equal(rotate(false), ERR_OK);
    umask(022);
    assert_true(token_keys_seen(dir, &after));
    assert_memory_not_equal(&before, &after, sizeof before);
    snprintf(path, sizeof path, "%s/keys/tokens.pem", dir);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/keys/.tokens.pem.new", dir);
    assert_int_equal(access(path, F_OK), -1);
    /* What a killed rotation left is written over, however it looks. */
    int file = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, "half a key", 10), 10);
    close(file);
    assert_int_equal(rotate(false), ERR_OK);
    assert_int_equal(count_published(), 3);
    snprintf(path, sizeof path, "%s/keys/tokens.pem", dir);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

/* The disk is full, or a kill comes, in the middle of writing: the keys are as they were. */
static void a_write_that_ends_halfway_changes_nothing(void **state)
{
    char *first = signs();
    struct rlimit was, small = { 1000, 1000 };

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err one = rotate(false), other = rotate(true);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(one, ERR_INTERNAL);
    assert_int_equal(other, ERR_INTERNAL);
    assert_string_equal(signs(), first);
    assert_int_equal(count_published(), 1);
    assert_int_equal(rotate(false), ERR_OK);
}

/* ---- a rotation beside threads that sign and verify ---- */

static struct identity *ring_world(struct app *app, const struct config *config)
{
    struct identity *identity = calloc(1, sizeof *identity);

    *app = (struct app){ .config = config, .identity = identity };
    identity->app = app;
    identity->dir = strdup(dir);
    identity->issuer = strdup("http://127.0.0.1/identity/usher_a");
    identity->client_id = strdup("client");
    pthread_mutex_init(&identity->lock, NULL);
    pthread_mutex_init(&identity->look_lock, NULL);
    pthread_cond_init(&identity->changed, NULL);
    return identity;
}

static void ring_world_free(struct identity *identity)
{
    key_ring_drop(identity, identity->ring);
    pthread_mutex_destroy(&identity->lock);
    pthread_mutex_destroy(&identity->look_lock);
    pthread_cond_destroy(&identity->changed);
    free(identity->dir);
    free(identity->issuer);
    free(identity->client_id);
    free(identity);
}

struct user {
    struct identity *identity;
    atomic_bool stop;
    atomic_int signed_count, bad;
};

/* Signs, and what was signed is good, unless all keys were replaced meanwhile. */
static void *use_keys(void *arg)
{
    struct user *user = arg;
    struct arena *own = arena_new(0);

    while (!user->stop) {
        int64_t now_s = clock_now_ms() / 1000;
        struct jwt_claims out, in = { .use = JWT_ACCESS, .account = id_new(1), .session = id_new(1), .event = id_new(1), .id = id_new(1),
                                      .auth_time_s = now_s, .issued_at_s = now_s, .expires_at_s = now_s + LIFE_S };
        int before = raised;
        char *token = identity_sign(user->identity, own, &in);

        if (identity_judge(user->identity, own, token, strlen(token), &out) != JWT_GOOD && raised == before)
            user->bad++;
        user->signed_count++;
        arena_reset(own);
        usleep(1000); /* room for the key that is being made */
    }
    arena_free(own);
    return NULL;
}

static void rotations_go_on_beside_threads_that_sign_and_verify(void **state)
{
    const struct config config = { .data = dir, .access_token_seconds = LIFE_S };
    struct app app;
    struct identity *identity = ring_world(&app, &config);
    struct user user = { .identity = identity };
    struct fault fault = { .arena = arena };
    pthread_t threads[2];

    signs();
    identity_keys_look(identity);
    raised = 0;
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_keys, &user), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(identity_keys_rotate(&app, false, &fault), ERR_OK);
    assert_int_equal(raised, 0); /* nothing became void */
    assert_int_equal(identity_keys_rotate(&app, true, &fault), ERR_OK);
    assert_int_equal(raised, 1);
    /* Another process's doing. */
    assert_int_equal(rotate(true), ERR_OK);
    identity_keys_look(identity);
    assert_int_equal(raised, 2);
    identity_keys_look(identity);
    assert_int_equal(raised, 2);
    int seen = user.signed_count;
    while (user.signed_count < seen + 20)
        usleep(1000);
    user.stop = true;
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(user.bad, 0);

    struct token_key *keys;
    size_t count;
    assert_int_equal(identity_keys_list(&app, arena, &keys, &count, &fault), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(keys[0].state, TOKEN_KEY_SIGNS);

    /* A file that is no good leaves the keys as they are. */
    write_file("garbage");
    identity_keys_look(identity);
    assert_int_equal(raised, 2);
    assert_string_equal(identity->ring->pool.keys[0].kid, keys[0].kid);
    ring_world_free(identity);
}

/* ---- another issuer's key set ---- */

static char *number_of(EVP_PKEY *pkey, const char *param)
{
    struct buf out = buf_in(arena);
    uint8_t raw[1024];
    BIGNUM *n = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, param, &n), 1);
    jwt_add_b64(&out, raw, (size_t)BN_bn2bin(n, raw));
    BN_free(n);
    return out.data;
}

static char *modulus_of_bits(unsigned bits)
{
    EVP_PKEY *pkey = EVP_RSA_gen(bits);
    char *n = number_of(pkey, OSSL_PKEY_PARAM_RSA_N);

    EVP_PKEY_free(pkey);
    return n;
}

static size_t keys_in(const char *text)
{
    struct jwt_pool pool = { .key_count = 0 };
    struct fault fault = { .arena = arena };
    enum err e = jwt_key_set_read(&pool, arena, text, strlen(text), &fault);
    size_t count = pool.key_count;

    assert_int_equal(e == ERR_OK, count > 0);
    assert_int_equal(e == ERR_OK, fault.detail == NULL);
    jwt_keys_free(&pool);
    return count;
}

static void only_keys_that_may_verify_rs256_are_taken_from_a_set(void **state)
{
    char *n = modulus_of_bits(2048), *short_n = modulus_of_bits(1024), *long_n = arena_alloc(arena, 1368);
    struct buf even = buf_in(arena);
    uint8_t raw[256];

    memset(long_n, 'A', 1367);
    long_n[0] = 'v';
    memset(raw, 0xFE, sizeof raw);
    jwt_add_b64(&even, raw, sizeof raw);
    const struct { const char *more, *kid, *n, *e; size_t taken; } rows[] = {
        { "\"kty\":\"RSA\"", "\"k\"", n, "AQAB", 1 },
        { "\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"x5t\":\"x\",\"key_ops\":[\"verify\"]", "\"k\"", n, "AQAB", 1 },
        { "\"kty\":\"RSA\",\"use\":\"enc\"", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"RSA\",\"use\":1", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"RSA\",\"alg\":\"RS512\"", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\"", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"RSA\",\"key_ops\":[\"encrypt\"]", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"EC\"", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"oct\"", "\"k\"", n, "AQAB", 0 },
        { "\"x\":1", "\"k\"", n, "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"\"", n, "AQAB", 0 },
        { "\"kty\":\"RSA\"", "7", n, "AQAB", 0 },
        { "\"kty\":\"RSA\"", arena_printf(arena, "\"%0128d\"", 1), n, "AQAB", 1 },
        { "\"kty\":\"RSA\"", arena_printf(arena, "\"%0129d\"", 1), n, "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", short_n, "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", long_n, "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", even.data, "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", "", "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", "AA", "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", arena_printf(arena, "%s=", n), "AQAB", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", n, "Aw", 1 },     /* 3 */
        { "\"kty\":\"RSA\"", "\"k\"", n, "AQ", 0 },     /* 1: everything is its own signature */
        { "\"kty\":\"RSA\"", "\"k\"", n, "AA", 0 },
        { "\"kty\":\"RSA\"", "\"k\"", n, "AQAA", 0 },   /* even */
        { "\"kty\":\"RSA\"", "\"k\"", n, "AQAAAAAAAAAB", 0 },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = arena_printf(arena, "{\"keys\":[{%s,\"kid\":%s,\"n\":\"%s\",\"e\":\"%s\"}]}", rows[i].more, rows[i].kid, rows[i].n, rows[i].e);

        size_t taken = keys_in(text);
        if (taken != rows[i].taken)
            print_error("row %zu: %.120s\n", i, text);
        assert_int_equal(taken, rows[i].taken);
    }
    char *key = arena_printf(arena, "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"AQAB\"}", n);
    assert_int_equal(keys_in(arena_printf(arena, "{\"keys\":[7,null,{},%s]}", key)), 1); /* others are passed over */
    assert_int_equal(keys_in(arena_printf(arena, "{\"keys\":[%s,%s]}", key, key)), 1);   /* one name is one key */
    const char *none[] = { "", "{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":[]}", "<html>", arena_printf(arena, "%s", key),
                           arena_printf(arena, "{\"keys\":[%s]}x", key), arena_printf(arena, "{\"keys\":[],\"keys\":[%s]}", key) };
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(keys_in(none[i]), 0);
}

static void a_set_of_very_many_keys_is_read_as_far_as_there_is_room(void **state)
{
    char *n = modulus_of_bits(2048);
    struct buf text = buf_in(arena);

    buf_str(&text, "{\"keys\":[");
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "%s{\"kty\":\"RSA\",\"kid\":\"k%d\",\"n\":\"%s\",\"e\":\"AQAB\"}", i ? "," : "", i, n);
    buf_str(&text, "]}");
    assert_int_equal(keys_in(text.data), JWT_KEYS_MAX);
}

static void our_own_set_reads_back(void **state)
{
    struct jwt_pool pool = read_pool(), again = { .issuer = pool.issuer, .client_id = pool.client_id };
    struct fault fault = { .arena = arena };
    struct buf set = buf_in(arena);
    int64_t now_s = clock_now_ms() / 1000;
    struct jwt_claims out, in = { .use = JWT_ACCESS, .account = id_new(1), .session = id_new(1), .event = id_new(1), .id = id_new(1),
                                  .auth_time_s = now_s, .issued_at_s = now_s, .expires_at_s = now_s + LIFE_S };

    jwt_key_set(&pool, now_s * 1000, &set);
    assert_int_equal(jwt_key_set_read(&again, arena, set.data, set.len, &fault), ERR_OK);
    char *token = jwt_sign(&pool, arena, &in);
    assert_true(jwt_verify(&again, arena, token, strlen(token), now_s * 1000, &out));
    jwt_keys_free(&pool);
    jwt_keys_free(&again);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_new_key_is_published_before_it_signs_and_the_old_one_leaves_behind_its_last_token),
        IN_A_FOLDER(a_token_lives_through_a_rotation_and_no_longer_than_its_key),
        IN_A_FOLDER(at_once_leaves_nothing_of_the_old_keys),
        IN_A_FOLDER(there_are_no_more_keys_than_are_kept),
        IN_A_FOLDER(a_damaged_file_is_a_fault_and_is_never_written_over_unasked),
        IN_A_FOLDER(the_file_is_its_owners_alone_and_appears_whole),
        IN_A_FOLDER(a_write_that_ends_halfway_changes_nothing),
        IN_A_FOLDER(rotations_go_on_beside_threads_that_sign_and_verify),
        IN_A_FOLDER(only_keys_that_may_verify_rs256_are_taken_from_a_set),
        IN_A_FOLDER(a_set_of_very_many_keys_is_read_as_far_as_there_is_room),
        IN_A_FOLDER(our_own_set_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
