/* A token is good when this pool made it for this client and its time is not over; every other text is refused, however it looks. */
#include "identity/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

enum { B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static const int64_t now_ms = 1795374000000;
static struct buf pem, other_pem;
static struct jwt_pool pool, stranger;
static struct arena *arena;

static int make_pools(void **state)
{
    assert_true(jwt_key_make(&pem));
    assert_true(jwt_key_make(&other_pem));
    pool = (struct jwt_pool){ .issuer = "http://127.0.0.1:8080/identity/usher_abc", .client_id = "client1" };
    stranger = pool;
    assert_true(jwt_keys_add(&pool, pem.data, pem.len));
    assert_true(jwt_keys_add(&stranger, other_pem.data, other_pem.len));
    arena = arena_new(0);
    return 0;
}

static int free_pools(void **state)
{
    jwt_keys_free(&pool);
    jwt_keys_free(&stranger);
    buf_free(&pem);
    buf_free(&other_pem);
    arena_free(arena);
    return 0;
}

static struct jwt_claims usual(void)
{
    return (struct jwt_claims){
        .use = JWT_ID, .account = id_new(now_ms), .session = id_new(now_ms), .event = id_new(now_ms), .id = id_new(now_ms), .epoch = 3,
        .groups = 6 /* Organizers and Admins */, .email = "ada@example.org", .name = "Ada \"A\" \xC5\x81",
        .auth_time_s = now_ms / 1000, .issued_at_s = now_ms / 1000, .expires_at_s = now_ms / 1000 + 3600,
    };
}

static bool verify_at(const char *text, size_t len, int64_t at_ms)
{
    struct jwt_claims out;

    return jwt_verify(&pool, arena, text, len, at_ms, &out);
}

static bool good(const char *text)
{
    return verify_at(text, strlen(text), now_ms);
}

static char *encode(const char *json)
{
    size_t room = sodium_base64_ENCODED_LEN(strlen(json), B64);

    return sodium_bin2base64(arena_alloc(arena, room), room, (const uint8_t *)json, strlen(json), B64);
}

static char *decode(const char *text, size_t len)
{
    char *out = arena_alloc(arena, len + 1);
    size_t got;

    assert_int_equal(sodium_base642bin((uint8_t *)out, len, text, len, NULL, &got, NULL, B64), 0);
    return out;
}

/* header.payload signed with the pool's own key: what a forger without it cannot make, so that each rule behind the signature is seen alone. */
static char *sign_raw(const struct jwt_pool *with, const char *header, const char *payload)
{
    char *text = arena_printf(arena, "%s.%s", encode(header), encode(payload));
    uint8_t signature[512];
    char encoded[800];
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, with->keys[0].pkey), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    sodium_bin2base64(encoded, sizeof encoded, signature, len, B64);
    return arena_printf(arena, "%s.%s", text, encoded);
}

static char *header_of(const char *alg, const char *more)
{
    return arena_printf(arena, "{\"kid\":\"%s\",\"alg\":\"%s\"%s}", pool.keys[0].kid, alg, more);
}

static char *payload_of(const char *token)
{
    const char *first = strchr(token, '.') + 1;

    return decode(first, (size_t)(strchr(first, '.') - first));
}

/* `text` with the first `from` replaced; it must be there. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    assert_non_null(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void what_was_signed_is_read_again(void **state)
{
    for (enum jwt_use use = JWT_ID; use <= JWT_ACCESS; use++) {
        struct jwt_claims in = usual(), out;

        in.use = use;
        char *text = jwt_sign(&pool, arena, &in);
        assert_true(strlen(text) < JWT_TEXT_MAX / 2);
        assert_true(jwt_verify(&pool, arena, text, strlen(text), now_ms, &out));
        assert_int_equal(out.use, use);
        assert_true(id_equal(&in.account, &out.account));
        assert_true(id_equal(&in.session, &out.session));
        assert_int_equal(out.epoch, 3);
        assert_int_equal(out.groups, in.groups);
        assert_int_equal(out.expires_at_s, in.expires_at_s);
        if (use == JWT_ID) {
            assert_string_equal(out.email, in.email);
            assert_string_equal(out.name, in.name);
        } else {
            assert_null(out.email);
        }
    }
}

static void time_ends_a_token_to_the_second(void **state)
{
    struct jwt_claims in = usual(), out;
    char *text = jwt_sign(&pool, arena, &in);
    size_t len = strlen(text);

    assert_true(verify_at(text, len, in.expires_at_s * 1000 - 1));
    assert_false(verify_at(text, len, in.expires_at_s * 1000));
    assert_int_equal(jwt_judge(&pool, arena, text, len, in.expires_at_s * 1000, &out), JWT_EXPIRED);
    assert_int_equal(jwt_judge(&pool, arena, text, len - 1, in.expires_at_s * 1000, &out), JWT_BAD);
    assert_true(verify_at(text, len, now_ms - JWT_SKEW_SECONDS * 1000));
    assert_false(verify_at(text, len, now_ms - JWT_SKEW_SECONDS * 1000 - 1000));

    in.expires_at_s = in.issued_at_s + JWT_LIFE_MAX_SECONDS + 1;
    assert_false(good(jwt_sign(&pool, arena, &in)));
}

static void no_algorithm_but_ours(void **state)
{
    struct jwt_claims in = usual();
    char *payload = payload_of(jwt_sign(&pool, arena, &in));
    uint8_t mac[32];
    char encoded[64];

    assert_true(good(sign_raw(&pool, header_of("RS256", ""), payload)));
    assert_true(good(sign_raw(&pool, header_of("RS256", ",\"typ\":\"JWT\",\"jku\":\"http://evil.example/\""), payload))); /* not believed, not fetched */
    assert_false(good(sign_raw(&stranger, header_of("RS256", ""), payload)));
    static const struct { const char *typ; bool taken; } types[] = {
        { "\"JWT\"", true }, { "\"jwt\"", true }, { "\"at+jwt\"", true }, { "\"application/at+jwt\"", true },
        { "\"logout+jwt\"", false }, { "\"dpop+jwt\"", false }, { "\"\"", false }, { "null", false }, { "1", false }, { "[\"JWT\"]", false },
    };
    for (size_t i = 0; i < COUNT(types); i++)
        assert_int_equal(good(sign_raw(&pool, header_of("RS256", arena_printf(arena, ",\"typ\":%s", types[i].typ)), payload)), types[i].taken);
    static const char *const algs[] = { "none", "None", "nOnE", "", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256" };
    for (size_t i = 0; i < COUNT(algs); i++)
        assert_false(good(sign_raw(&pool, header_of(algs[i], ""), payload)));
    assert_false(good(sign_raw(&pool, header_of("RS256", ",\"crit\":[\"b64\"],\"b64\":false"), payload)));
    assert_false(good(sign_raw(&pool, "{\"alg\":\"RS256\"}", payload)));
    assert_false(good(sign_raw(&pool, with(header_of("RS256", ""), "\"kid\":\"", "\"kid\":\"x"), payload)));
    assert_false(good(sign_raw(&pool, arena_printf(arena, "{\"kid\":\"%s\",\"alg\":\"RS256\",\"alg\":\"RS256\"}", pool.keys[0].kid), payload)));
    assert_false(good(sign_raw(&pool, "[]", payload)));
    assert_false(good(sign_raw(&pool, "", payload)));

    /* alg none: no signature at all, or an empty third part. */
    assert_false(good(arena_printf(arena, "%s.%s.", encode(header_of("none", "")), encode(payload))));
    assert_false(good(arena_printf(arena, "%s.%s", encode(header_of("none", "")), encode(payload))));
    /* HS256 with the public key's text as the secret. */
    struct buf keys = buf_in(arena);
    jwt_key_set(&pool, now_ms, &keys);
    char *text = arena_printf(arena, "%s.%s", encode(header_of("HS256", "")), encode(payload));
    HMAC(EVP_sha256(), keys.data, (int)keys.len, (const uint8_t *)text, strlen(text), mac, NULL);
    sodium_bin2base64(encoded, sizeof encoded, mac, sizeof mac, B64);
    assert_false(good(arena_printf(arena, "%s.%s", text, encoded)));
}

static void every_claim_is_held_to_its_word(void **state)
{
    struct jwt_claims in = usual();
    char *payload = payload_of(jwt_sign(&pool, arena, &in));
    const char *header = header_of("RS256", "");
    char iat[40], exp[40];

    snprintf(iat, sizeof iat, "\"iat\":%" PRId64, in.issued_at_s);
    snprintf(exp, sizeof exp, "\"exp\":%" PRId64, in.expires_at_s);
    const struct { const char *from, *to; } rows[] = {
        { "usher_abc", "usher_abd" },
        { "\"iss\":\"http", "\"iss\":[\"http" }, /* no JSON any more */
        { "\"iss\":", "\"isr\":" },
        { "client1", "client2" },
        { "\"aud\":\"client1\"", "\"aud\":[\"client1\"]" },
        { "\"aud\":", "\"client_id\":" },
        { "\"token_use\":\"id\"", "\"token_use\":\"refresh\"" },
        { "\"token_use\":\"id\"", "\"token_use\":\"access\"" },
        { "\"token_use\":\"id\"", "\"token_use\":1" },
        { "\"sub\":\"", "\"sub\":\"x" },
        { "\"origin_jti\":", "\"origin\":" },
        { "\"usher:epoch\":3", "\"usher:epoch\":\"3\"" },
        { "\"usher:epoch\":3", "\"usher:epoch\":-1" },
        { "\"usher:epoch\":3", "\"usher:epoch\":3.0" },
        { iat, "\"iat\":99999999999" },
        { iat, "\"iat\":null" },
        { iat, "\"iat\":0" },
        { exp, "\"exp\":99999999999999999999" },
        { exp, "\"exp\":\"never\"" },
        { exp, "\"exp\":1" },
        { exp, "\"nbf\":1" },
        { "{", "{\"nbf\":99999999999," },
        { "{", "{\"nbf\":\"1\"," },
        { "{", "{\"nbf\":-1," },
        { "{", "{\"iss\":\"http://127.0.0.1:8080/identity/usher_abc\"," },   /* each member once, */
        { "{", "{\"x\":{\"y\":[{\"z\":1,\"z\":1}]}," },                      /* however deep */
    };

    assert_true(good(sign_raw(&pool, header, payload)));
    assert_true(good(sign_raw(&pool, header, with(payload, "{", "{\"nbf\":1,\"x\":{\"y\":[{\"z\":1}]},"))));
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (good(sign_raw(&pool, header, with(payload, rows[i].from, rows[i].to))))
            fail_msg("row %zu was taken: %s", i, rows[i].to);
    }
}

static void any_changed_byte_breaks_it(void **state)
{
    struct jwt_claims in = usual();
    char *text = jwt_sign(&pool, arena, &in);
    size_t len = strlen(text);
    struct arena_mark mark = arena_mark(arena);

    for (size_t i = 0; i < len; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        assert_false(good(text));
        text[i] = was;
        assert_false(verify_at(text, i, now_ms)); /* cut short */
        arena_rewind(arena, mark);
    }
    assert_true(good(text));
    assert_false(good(arena_printf(arena, "%s=", text)));
    assert_false(good(arena_printf(arena, "%sA", text)));
    assert_false(good(arena_printf(arena, "%s.", text)));
    assert_false(good(arena_printf(arena, " %s", text)));
    assert_false(good(arena_printf(arena, ".%s", text)));
    assert_false(verify_at(text, len + 1, now_ms)); /* the NUL counted */
}

static void base64_has_one_spelling(void **state)
{
    struct jwt_claims in = usual();
    char *text = jwt_sign(&pool, arena, &in);
    size_t len = strlen(text);

    /* 256 bytes end in a character of which two bits count: the other spellings of the same bytes are refused. */
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t taken = 0;
    for (size_t i = 0; i < 64; i++) {
        text[len - 1] = alphabet[i];
        taken += good(text);
    }
    assert_int_equal(taken, 1);
}

static void huge_and_odd_texts_are_refused(void **state)
{
    size_t len = 2 * 1024 * 1024;
    char *huge = malloc(len + 1);

    memset(huge, 'A', len);
    huge[len] = 0;
    assert_false(verify_at(huge, len, now_ms));
    for (size_t i = 0; i < len; i += 2)
        huge[i] = '.';
    assert_false(verify_at(huge, len, now_ms));
    assert_false(verify_at(huge, JWT_TEXT_MAX, now_ms));
    free(huge);
    static const char *const odd[] = { "", ".", "..", "...", "a.b.c", "e30.e30.e30", "e30..", ".e30.", "\xff\xfe.\x80.\x00", "Bearer x.y.z" };
    for (size_t i = 0; i < COUNT(odd); i++)
        assert_false(good(odd[i]));
    assert_false(good(sign_raw(&pool, header_of("RS256", ""), "\xff\xfe")));
    assert_false(good(sign_raw(&pool, header_of("RS256", ""), "{\"sub\":\"a\\u0000b\"}")));
    char *deep = arena_alloc(arena, 2001);
    memset(deep, '[', 2000);
    assert_false(good(sign_raw(&pool, header_of("RS256", ""), deep)));
}

static void an_older_key_still_verifies(void **state)
{
    struct jwt_claims in = usual(), out;
    char *old = jwt_sign(&stranger, arena, &in);
    struct buf both = buf_in(arena);
    struct jwt_pool rotated = { .issuer = pool.issuer, .client_id = pool.client_id };

    buf_add(&both, pem.data, pem.len);
    buf_add(&both, other_pem.data, other_pem.len);
    assert_true(jwt_keys_add(&rotated, both.data, both.len));
    assert_int_equal(rotated.key_count, 2);
    assert_true(jwt_verify(&rotated, arena, old, strlen(old), now_ms, &out));
    char *new = jwt_sign(&rotated, arena, &in);
    assert_true(jwt_verify(&pool, arena, new, strlen(new), now_ms, &out));

    struct buf set = buf_in(arena);
    jwt_key_set(&rotated, now_ms, &set);
    assert_non_null(strstr(set.data, rotated.keys[0].kid));
    assert_non_null(strstr(set.data, rotated.keys[1].kid));
    assert_null(strstr(set.data, "\"d\":"));
    jwt_keys_free(&rotated);
    assert_false(jwt_keys_add(&rotated, "no key", 6));
}

/* Printed, not judged: what the two cost on this machine. */
static void their_cost_is_known(void **state)
{
    struct jwt_claims in = usual(), out;
    char *text = jwt_sign(&pool, arena, &in);
    struct arena_mark mark = arena_mark(arena);
    int64_t begin = clock_mono_us();

    for (int i = 0; i < 2000; i++) {
        assert_true(jwt_verify(&pool, arena, text, strlen(text), now_ms, &out));
        arena_rewind(arena, mark);
    }
    int64_t middle = clock_mono_us();
    for (int i = 0; i < 200; i++) {
        assert_non_null(jwt_sign(&pool, arena, &in));
        arena_rewind(arena, mark);
    }
    print_message("verify %.1f us, sign %.1f us\n", (double)(middle - begin) / 2000, (double)(clock_mono_us() - middle) / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_is_read_again),
        cmocka_unit_test(time_ends_a_token_to_the_second),
        cmocka_unit_test(no_algorithm_but_ours),
        cmocka_unit_test(every_claim_is_held_to_its_word),
        cmocka_unit_test(any_changed_byte_breaks_it),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(huge_and_odd_texts_are_refused),
        cmocka_unit_test(an_older_key_still_verifies),
        cmocka_unit_test(their_cost_is_known),
    };

    return cmocka_run_group_tests(tests, make_pools, free_pools);
}
