/* Ids rise, whoever makes them and whatever the clock does; their text goes there and back. */
#include "base/id.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static void ids_rise_even_when_the_clock_does_not(void **state)
{
    static const int64_t steps[] = { 0, 0, 1, -1, -1000000, 5, 0, 0, 100 };
    int64_t now = 1795374000000;
    struct id last = id_new(now);

    for (int i = 0; i < 200000; i++) {
        struct id id;

        now += steps[(size_t)i % COUNT(steps)] * (i % 7 == 0);
        id = id_new(now);
        assert_true(id_compare(&last, &id) < 0);
        assert_int_equal(id.byte[6] >> 4, 7);
        assert_int_equal(id.byte[8] >> 6, 2);
        assert_int_equal(id.byte[15], 0);
        last = id;
    }
}

static void an_id_begins_with_its_time(void **state)
{
    const int64_t later = 4102444800000; /* 2100: ahead of what other tests used */
    struct id id = id_new(later);
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.byte[i];
    assert_true(ms == later);
}

#define THREADS 4
#define EACH 20000

static void *make_many(void *arg)
{
    struct id *ids = arg;

    for (int i = 0; i < EACH; i++)
        ids[i] = id_new(1795374000000);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return id_compare(a, b);
}

static void threads_never_make_the_same_id(void **state)
{
    struct id *ids = calloc((size_t)THREADS * EACH, sizeof *ids);
    pthread_t thread[THREADS];

    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, make_many, ids + t * EACH), 0);
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        for (int i = 1; i < EACH; i++)
            assert_true(id_compare(&ids[t * EACH + i - 1], &ids[t * EACH + i]) < 0);
    }
    qsort(ids, (size_t)THREADS * EACH, sizeof *ids, compare);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_false(id_equal(&ids[i - 1], &ids[i]));
    free(ids);
}

static void children_lead_back_to_their_parent(void **state)
{
    struct id parent = id_new(1795374000000), child = id_child(&parent, 255), back = id_parent(&child);

    assert_int_equal(id_number(&parent), 0);
    assert_int_equal(id_number(&child), 255);
    assert_true(id_equal(&parent, &back));
    assert_true(id_compare(&parent, &child) < 0);
}

static void text_goes_there_and_back(void **state)
{
    static const char *const bad[] = {
        "", "0", "01935f00-0001-7002-8003-04050607080", "01935f00-0001-7002-8003-0405060708000", "01935f0000001-7002-8003-040506070800",
        "01935f00-0001-4002-8003-040506070800", "01935f00-0001-7002-c003-040506070800", "01935f00-0001-7002-0003-040506070800",
        "01935f00-0001-7002-8003-0405060708zz", "{1935f00-0001-7002-8003-04050607080}", "01935f00 0001 7002 8003 040506070800",
        "00000000-0000-0000-0000-000000000000", "01935f00-0001-7002-8003-0405060708\xc5\x82", "01935f00-0001-7002-8003-04050607080`",
    };
    char text[ID_TEXT_LEN + 1];
    struct id id, back;

    assert_true(id_parse("01935F00-0001-7002-8003-0405060708fF", 36, &id));
    id_format(&id, text);
    assert_string_equal(text, "01935f00-0001-7002-8003-0405060708ff");
    for (int i = 0; i < 1000; i++) {
        id = id_new(1795374000000 + i);
        id_format(&id, text);
        assert_true(id_parse(text, strlen(text), &back));
        assert_true(id_equal(&id, &back));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (id_parse(bad[i], strlen(bad[i]), &id))
            fail_msg("took %s", bad[i]);
}

static void seeded_randomness_repeats_and_is_even(void **state)
{
    unsigned char a[32], b[32];
    unsigned count[6] = { 0 };

    random_seed_for_tests(7);
    random_bytes(a, sizeof a);
    random_seed_for_tests(7);
    random_bytes(b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (int i = 0; i < 60000; i++)
        count[random_below(6)]++;
    for (size_t i = 0; i < COUNT(count); i++)
        assert_in_range(count[i], 9500, 10500);
    random_seed_for_tests(0);
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_rise_even_when_the_clock_does_not),
        cmocka_unit_test(an_id_begins_with_its_time),
        cmocka_unit_test(threads_never_make_the_same_id),
        cmocka_unit_test(children_lead_back_to_their_parent),
        cmocka_unit_test(text_goes_there_and_back),
        cmocka_unit_test(seeded_randomness_repeats_and_is_even),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
