/* The signed token of the QR code: RFC 6979's vectors, one text a ticket, and nothing but what was signed. */
#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#undef fail /* the house has its own */

#include "base/clock.h"
#include "base/random.h"
#include "tickets/tickets_inside.h"

static char dir[] = "/tmp/usher-token-XXXXXX";
static struct tickets tickets;

static void unhex(const char *hex, uint8_t *out)
{
    for (; *hex; hex += 2)
        sscanf(hex, "%2hhx", out++);
}

static int set_up(void **state)
{
    struct buf error = buf_heap();

    return mkdtemp(dir) && gate_keys_open(&tickets, dir, &error) ? 0 : 1;
}

static int tear_down(void **state)
{
    char command[128];

    gate_keys_close(&tickets);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* RFC 6979, A.2.5, with SHA-256. */
static void the_nonce_is_the_rfc_s(void **state)
{
    static const struct { const char *message, *r_and_s; } row[] = {
        { "sample", "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" },
        { "test", "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083" },
    };
    uint8_t scalar[32], x[32], y[32], want[64], got[64];
    struct gate_key *key;

    unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", scalar);
    key = gate_key_from_scalar(scalar);
    gate_key_public(key, x, y);
    unhex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299", want);
    assert_memory_equal(x, want, 32);
    assert_memory_equal(y, want + 32, 32);
    for (size_t i = 0; i < COUNT(row); i++) {
        unhex(row[i].r_and_s, want);
        for (int again = 0; again < 3; again++) { /* the blind differs, the signature must not */
            gate_key_sign(key, row[i].message, strlen(row[i].message), got);
            assert_memory_equal(got, want, sizeof want);
        }
        assert_true(gate_key_verify(key, row[i].message, strlen(row[i].message), got));
        assert_false(gate_key_verify(key, "other", 5, got));
    }
    gate_key_free(key);
}

static void scalars_out_of_range_are_no_keys(void **state)
{
    uint8_t scalar[32] = { 0 };

    assert_null(gate_key_from_scalar(scalar));
    unhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", scalar);
    assert_null(gate_key_from_scalar(scalar));
    scalar[31]--;
    struct gate_key *key = gate_key_from_scalar(scalar);
    assert_non_null(key);
    gate_key_free(key);
}

/* r and s of 0 or at the order, and a pair that leads to infinity. */
static void degenerate_signatures_fail(void **state)
{
    uint8_t signature[64] = { 0 };

    assert_false(gate_key_verify(tickets.keys[1], "m", 1, signature));
    signature[31] = 1;
    assert_false(gate_key_verify(tickets.keys[1], "m", 1, signature));
    signature[63] = 1;
    assert_false(gate_key_verify(tickets.keys[1], "m", 1, signature));
    unhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", signature);
    assert_false(gate_key_verify(tickets.keys[1], "m", 1, signature));
    memset(signature, 0xff, sizeof signature);
    assert_false(gate_key_verify(tickets.keys[1], "m", 1, signature));
}

static void a_ticket_has_one_token(void **state)
{
    struct id event = id_new(clock_now_ms()), registration = id_new(clock_now_ms()), ticket = id_child(&registration, 3);
    char text[TICKET_TOKEN_LEN + 1], again[TICKET_TOKEN_LEN + 1], padded[TICKET_TOKEN_LEN + 8];
    struct ticket_token token;

    ticket_token(&tickets, &event, &ticket, 2, text);
    ticket_token(&tickets, &event, &ticket, 2, again);
    assert_string_equal(text, again);
    assert_int_equal(strlen(text), TICKET_TOKEN_LEN);
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), TICKET_TOKEN_LEN);
    assert_true(ticket_token_verify(&tickets, text, strlen(text), &token));
    assert_int_equal(token.key_id, 1);
    assert_int_equal(token.edition, 2);
    assert_memory_equal(token.event_tail, event.byte + 8, 8);
    assert_true(id_equal(&token.ticket, &ticket));

    snprintf(padded, sizeof padded, " \r%s\n\t", text);
    for (char *c = padded; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    assert_true(ticket_token_verify(&tickets, padded, strlen(padded), &token));
    ticket_token(&tickets, &event, &ticket, 3, again);
    assert_string_not_equal(text, again);
}

static void any_change_is_forged(void **state)
{
    struct id event = id_new(clock_now_ms()), ticket = id_child(&event, 1);
    char text[TICKET_TOKEN_LEN + 2];
    struct ticket_token token;
    uint8_t noise[300];

    ticket_token(&tickets, &event, &ticket, 1, text);
    for (size_t i = 0; i < TICKET_TOKEN_LEN; i++) {
        char kept = text[i];

        text[i] = kept == 'A' ? 'B' : 'A';
        assert_false(ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN, &token));
        text[i] = '1'; /* not in the alphabet */
        assert_false(ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN, &token));
        text[i] = kept;
    }
    assert_true(ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN, &token));
    assert_false(ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN - 1, &token));
    text[TICKET_TOKEN_LEN] = 'A';
    assert_false(ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN + 1, &token));
    assert_false(ticket_token_verify(&tickets, "", 0, &token));
    for (int i = 0; i < 1000; i++) {
        random_bytes(noise, sizeof noise);
        assert_false(ticket_token_verify(&tickets, (const char *)noise, random_below(sizeof noise), &token));
    }
}

static void keys_are_private_kept_and_may_be_followed_by_newer_ones(void **state)
{
    struct id event = id_new(clock_now_ms()), ticket = id_child(&event, 1);
    char old_text[TICKET_TOKEN_LEN + 1], new_text[TICKET_TOKEN_LEN + 1], path[128];
    struct buf error = buf_heap();
    struct ticket_token token;
    struct gate_key *key;
    struct stat stat_buf;

    ticket_token(&tickets, &event, &ticket, 1, old_text);
    snprintf(path, sizeof path, "%s/keys/gate-1.pem", dir);
    assert_int_equal(stat(path, &stat_buf), 0);
    assert_int_equal(stat_buf.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/keys/gate-2.pem", dir);
    key = gate_key_load(path, true, &error);
    assert_non_null(key);
    gate_key_free(key);

    gate_keys_close(&tickets);
    memset(&tickets, 0, sizeof tickets);
    assert_true(gate_keys_open(&tickets, dir, &error));
    assert_int_equal(tickets.newest, 2);
    ticket_token(&tickets, &event, &ticket, 1, new_text);
    assert_string_not_equal(old_text, new_text);
    assert_true(ticket_token_verify(&tickets, old_text, TICKET_TOKEN_LEN, &token));
    assert_int_equal(token.key_id, 1);
    assert_true(ticket_token_verify(&tickets, new_text, TICKET_TOKEN_LEN, &token));
    assert_int_equal(token.key_id, 2);
}

static void *sign_and_verify(void *arg)
{
    struct id event = { { 1 } }, ticket = id_child(&event, 7);
    char first[TICKET_TOKEN_LEN + 1], text[TICKET_TOKEN_LEN + 1];
    struct ticket_token token;
    bool good = true;

    ticket_token(&tickets, &event, &ticket, 1, first);
    for (int i = 0; i < 100; i++) {
        ticket_token(&tickets, &event, &ticket, 1, text);
        good &= strcmp(first, text) == 0 && ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN, &token);
    }
    strcpy(arg, good ? first : "");
    return NULL;
}

static void threads_sign_alike(void **state)
{
    char text[4][TICKET_TOKEN_LEN + 1];
    pthread_t thread[4];

    for (size_t i = 0; i < COUNT(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, sign_and_verify, text[i]), 0);
    for (size_t i = 0; i < COUNT(thread); i++)
        pthread_join(thread[i], NULL);
    for (size_t i = 0; i < COUNT(thread); i++) {
        assert_int_equal(strlen(text[i]), TICKET_TOKEN_LEN);
        assert_string_equal(text[i], text[0]);
    }
}

/* Not a judgement: prints what docs/performance.md quotes. */
static void speed(void **state)
{
    struct id event = id_new(clock_now_ms()), ticket = id_child(&event, 1);
    char text[TICKET_TOKEN_LEN + 1];
    struct ticket_token token;
    int64_t best_sign = INT64_MAX, best_verify = INT64_MAX;

    for (int round = 0; round < 5; round++) {
        int64_t from = clock_mono_us(), middle;

        for (int i = 0; i < 200; i++)
            ticket_token(&tickets, &event, &ticket, 1, text);
        middle = clock_mono_us();
        for (int i = 0; i < 200; i++)
            assert_true(ticket_token_verify(&tickets, text, TICKET_TOKEN_LEN, &token));
        best_sign = MIN(best_sign, middle - from);
        best_verify = MIN(best_verify, clock_mono_us() - middle);
    }
    print_message("a token: signed in %.1f us, verified in %.1f us\n", (double)best_sign / 200, (double)best_verify / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nonce_is_the_rfc_s), cmocka_unit_test(scalars_out_of_range_are_no_keys), cmocka_unit_test(degenerate_signatures_fail),
        cmocka_unit_test(a_ticket_has_one_token), cmocka_unit_test(any_change_is_forged),
        cmocka_unit_test(keys_are_private_kept_and_may_be_followed_by_newer_ones), cmocka_unit_test(threads_sign_alike), cmocka_unit_test(speed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
