/* Ten wrong passwords, then a wait that grows; alike whether there is such an account or not. */
#include "identity/attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t start_ms = 1795374000000, minute_ms = 60000;
static const struct attempts_kept nobody;

static int64_t wait_at(struct attempts *attempts, const struct attempt_key *key, int64_t now_ms)
{
    return attempts_wait_ms(attempts, ATTEMPT_PASSWORD, key, &nobody, now_ms);
}

static void ten_wrong_passwords_close_the_door_for_longer_and_longer(void **state)
{
    struct attempts *attempts = attempts_new();
    struct attempt_key key = attempts_key(attempts, ATTEMPT_PASSWORD, "ada@example.org", NULL);
    int64_t now = start_ms;

    for (int i = 0; i < 10; i++) {
        assert_int_equal(wait_at(attempts, &key, now), 0);
        attempts_add(attempts, ATTEMPT_PASSWORD, &key, &nobody, now++);
    }
    assert_true(wait_at(attempts, &key, now) > 0);
    for (int64_t wait = minute_ms; wait <= 16 * minute_ms; wait *= 2) {
        assert_int_equal(wait_at(attempts, &key, now - 1), wait);
        assert_int_equal(wait_at(attempts, &key, now - 2 + wait), 1);
        now += wait;
        assert_int_equal(wait_at(attempts, &key, now), 0);
        attempts_add(attempts, ATTEMPT_PASSWORD, &key, &nobody, now++);
    }
    for (int i = 0; i < 70; i++)
        attempts_add(attempts, ATTEMPT_PASSWORD, &key, &nobody, now);
    assert_int_equal(wait_at(attempts, &key, now), 60 * minute_ms);
    assert_int_equal(wait_at(attempts, &key, now - 5 * minute_ms), 60 * minute_ms); /* a clock that was set back */

    struct attempt_key other = attempts_key(attempts, ATTEMPT_PASSWORD, "eve@example.org", NULL);
    assert_int_equal(wait_at(attempts, &other, now), 0);
    attempts_clear(attempts, ATTEMPT_PASSWORD, &key);
    assert_int_equal(wait_at(attempts, &key, now), 0);
    attempts_free(attempts);
}

/* An address's count and the part of it that may be taken back drain alike, so that no more is taken back than still counts. */
static void what_is_taken_back_was_counted_and_not_drained(void **state)
{
    struct attempts *attempts = attempts_new();
    struct id venue = id_new(start_ms);
    struct attempt_key wide = attempts_key(attempts, ATTEMPT_CLIENT_PASSWORD, "", &venue), own = attempts_key(attempts, ATTEMPT_CLIENT_NAME, "ada", &venue);
    int64_t now = start_ms;

    for (int i = 0; i < 8; i++) {
        attempts_add(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, NULL, now);
        attempts_add(attempts, ATTEMPT_CLIENT_NAME, &own, NULL, now);
    }
    for (int i = 0; i < 50; i++)
        attempts_add(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, NULL, now);
    now += 5 * minute_ms + 1;
    assert_int_equal(attempts_count(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, now), 53);
    assert_int_equal(attempts_take_back(attempts, ATTEMPT_CLIENT_NAME, &own, INT64_MAX, now), 3);
    assert_int_equal(attempts_take_back(attempts, ATTEMPT_CLIENT_NAME, &own, INT64_MAX, now), 0); /* once */
    assert_int_equal(attempts_take_back(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, 3, now), 3);
    assert_int_equal(attempts_count(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, now), 50);
    assert_int_equal(attempts_count(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, now + minute_ms), 49); /* and goes on draining as before */
    assert_int_equal(attempts_take_back(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, 0, now), 0);
    assert_int_equal(attempts_take_back(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, 1000, now), 50);
    assert_int_equal(attempts_count(attempts, ATTEMPT_CLIENT_PASSWORD, &wide, now), 0);
    attempts_free(attempts);
}

/* The sweep has taken the count to write it to the row, and the owner is forgiven before it gets there. */
static void what_is_written_late_holds_up_nobody_who_was_forgiven(void **state)
{
    struct attempts *attempts = attempts_new();
    struct attempts_kept fresh = { .account = id_new(start_ms) }, late, out;
    struct attempt_key key = attempts_key(attempts, ATTEMPT_PASSWORD, "ada@example.org", NULL);

    for (int i = 0; i < 10; i++)
        attempts_add(attempts, ATTEMPT_PASSWORD, &key, &fresh, start_ms);
    assert_int_equal(attempts_take_changed(attempts, ATTEMPT_PASSWORD, &late, 1), 1);
    attempts_clear(attempts, ATTEMPT_PASSWORD, &key);
    assert_int_equal(late.failures, 10);
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_PASSWORD, &key, &late, start_ms + 1), 0);

    /* The row is put right, once, and counting begins at the beginning. */
    assert_int_equal(attempts_take_changed(attempts, ATTEMPT_PASSWORD, &out, 1), 1);
    assert_true(id_equal(&out.account, &fresh.account));
    assert_int_equal(out.failures, 0);
    assert_int_equal(attempts_take_changed(attempts, ATTEMPT_PASSWORD, &out, 1), 0);
    attempts_add(attempts, ATTEMPT_PASSWORD, &key, &late, start_ms + 2);
    assert_int_equal(attempts_count(attempts, ATTEMPT_PASSWORD, &key, start_ms + 2), 1);
    attempts_free(attempts);
}

static void the_account_remembers_across_a_restart(void **state)
{
    struct attempts *attempts = attempts_new();
    struct attempts_kept kept = { .account = id_new(start_ms), .failures = 9, .failed_at_ms = start_ms }, out[4];
    struct attempt_key key = attempts_key(attempts, ATTEMPT_PASSWORD, "ada@example.org", NULL);

    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_PASSWORD, &key, &kept, start_ms + 1), 0);
    attempts_add(attempts, ATTEMPT_PASSWORD, &key, &kept, start_ms + 1);
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_PASSWORD, &key, &kept, start_ms + 1), minute_ms);
    assert_int_equal(attempts_take_changed(attempts, ATTEMPT_PASSWORD, out, COUNT(out)), 1);
    assert_true(id_equal(&out[0].account, &kept.account));
    assert_int_equal(out[0].failures, 10);
    assert_int_equal(attempts_take_changed(attempts, ATTEMPT_PASSWORD, out, COUNT(out)), 0);
    /* A day later all is forgotten. */
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_PASSWORD, &key, &kept, start_ms + 24 * 60 * minute_ms + 1), 0);
    attempts_free(attempts);
}

/* Names that were tried a little never push out one that was tried much, however many they are. */
static void a_flood_of_names_does_not_forget_a_closed_door(void **state)
{
    struct attempts *attempts = attempts_new();
    struct attempt_key victim = attempts_key(attempts, ATTEMPT_PASSWORD, "ada@example.org", NULL);
    char name[40];

    for (int n = 0; n < 10; n++)
        attempts_add(attempts, ATTEMPT_PASSWORD, &victim, &nobody, start_ms);
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "guess%d@example.org", i);
        struct attempt_key key = attempts_key(attempts, ATTEMPT_PASSWORD, name, NULL);
        for (int n = 0; n < 9; n++)
            attempts_add(attempts, ATTEMPT_PASSWORD, &key, &nobody, start_ms + 1);
    }
    assert_true(wait_at(attempts, &victim, start_ms + 1) > 0);
    attempts_free(attempts);
}

/* With all places taken by closed doors the table keeps its size, and the newest has a place. */
static void a_full_table_takes_the_newest(void **state)
{
    struct attempts *attempts = attempts_new();
    char name[40];

    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "guess%d@example.org", i);
        struct attempt_key key = attempts_key(attempts, ATTEMPT_PASSWORD, name, NULL);
        for (int n = 0; n < 10; n++)
            attempts_add(attempts, ATTEMPT_PASSWORD, &key, &nobody, start_ms + i);
        assert_true(wait_at(attempts, &key, start_ms + i) > 0);
    }
    attempts_free(attempts);
}

static void an_address_has_a_hundred_slips_and_one_a_minute(void **state)
{
    struct attempts *attempts = attempts_new();
    struct id here = id_new(start_ms), there = id_new(start_ms);
    struct attempt_key key = attempts_key(attempts, ATTEMPT_CLIENT_PASSWORD, "", &here);
    struct attempt_key other = attempts_key(attempts, ATTEMPT_CLIENT_PASSWORD, "", &there);
    int64_t now = start_ms;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_CLIENT_PASSWORD, &key, NULL, now), 0);
        assert_int_equal(attempts_add(attempts, ATTEMPT_CLIENT_PASSWORD, &key, NULL, now), i == 99);
    }
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_CLIENT_PASSWORD, &key, NULL, now), minute_ms);
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_CLIENT_PASSWORD, &other, NULL, now), 0);
    /* One in each half minute: half of them are forgiven meanwhile, also when they come faster than that. */
    now += 50 * minute_ms;
    assert_int_equal(attempts_count(attempts, ATTEMPT_CLIENT_PASSWORD, &key, now), 50);
    for (int i = 0; i < 80; i++, now += minute_ms / 2)
        attempts_add(attempts, ATTEMPT_CLIENT_PASSWORD, &key, NULL, now);
    assert_int_equal(attempts_count(attempts, ATTEMPT_CLIENT_PASSWORD, &key, now), 90);
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_CLIENT_PASSWORD, &key, NULL, now), 0);
    attempts_free(attempts);
}

static void five_mails_then_a_quarter_of_an_hour(void **state)
{
    struct attempts *attempts = attempts_new();
    struct attempts_kept kept = { .account = id_new(start_ms) }, out[4];
    struct attempt_key key = attempts_key(attempts, ATTEMPT_MAIL, "ada@example.org", NULL);

    for (int i = 0; i < 5; i++) {
        assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_MAIL, &key, &kept, start_ms), 0);
        attempts_add(attempts, ATTEMPT_MAIL, &key, &kept, start_ms);
    }
    assert_int_equal(attempts_wait_ms(attempts, ATTEMPT_MAIL, &key, &kept, start_ms), 15 * minute_ms);
    assert_int_equal(attempts_take_changed(attempts, ATTEMPT_PASSWORD, out, COUNT(out)), 0); /* no wrong passwords */
    struct attempt_key password = attempts_key(attempts, ATTEMPT_PASSWORD, "ada@example.org", NULL);
    assert_int_equal(wait_at(attempts, &password, start_ms), 0);
    attempts_free(attempts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_wrong_passwords_close_the_door_for_longer_and_longer),
        cmocka_unit_test(what_is_taken_back_was_counted_and_not_drained),
        cmocka_unit_test(what_is_written_late_holds_up_nobody_who_was_forgiven),
        cmocka_unit_test(the_account_remembers_across_a_restart),
        cmocka_unit_test(a_flood_of_names_does_not_forget_a_closed_door),
        cmocka_unit_test(a_full_table_takes_the_newest),
        cmocka_unit_test(an_address_has_a_hundred_slips_and_one_a_minute),
        cmocka_unit_test(five_mails_then_a_quarter_of_an_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
