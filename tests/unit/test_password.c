/* The rule for passwords, what a hash costs, and that a wrong password takes the same time whatever it is compared with. */
#include "identity/password.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "identity/guessable.h"

static void length_decides_and_what_is_guessed_first_is_refused(void **state)
{
    char *long_one = malloc(2000);

    static const char *const bad[] = { "", "a", "1234567", "aaaaaaaaaaaaaaaa", "Password", "PASSWORD123", "12345678", "qwertyuiop", "iloveyou" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_non_null(password_fault(bad[i], NULL, NULL));
    static const char *const fine[] = { "correct horse", "\xC5\x82\xC3\xB3\xC5\xBCko\xC3\xAF\xC3\xA9s", "        x", "hunter2hunter3" };
    for (size_t i = 0; i < COUNT(fine); i++)
        assert_null(password_fault(fine[i], NULL, NULL));
    /* Characters are counted, not bytes: seven of three bytes each are too few, 256 of two are not too many. */
    assert_non_null(password_fault("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", NULL, NULL));
    for (int i = 0; i < 512; i += 2)
        memcpy(long_one + i, i % 6 ? "\xC3\xA9" : i % 4 ? "\xC3\xBC" : "\xC3\xA5", 2);
    memcpy(long_one, "\xC5\x82", 2);
    long_one[512] = 0;
    assert_null(password_fault(long_one, NULL, NULL));
    strcpy(long_one + 512, "x");
    assert_non_null(password_fault(long_one, NULL, NULL));
    free(long_one);
}

/* In the order of halving, or a word would be there and not be found. */
static void each_word_is_found(void **state)
{
    char word[64], trimmed[80];
    int count = 0;

    for (const char *at = guessable_words + 1, *end; *at; at = end + 1, count++) {
        end = strchr(at, ' ');
        snprintf(word, sizeof word, "%.*s", (int)(end - at), at);
        assert_true(password_is_guessable(word, NULL, NULL));
        snprintf(trimmed, sizeof trimmed, "%s2026!", word);
        trimmed[0] = (char)(trimmed[0] - 32);
        assert_true(password_is_guessable(trimmed, NULL, NULL));
        snprintf(trimmed, sizeof trimmed, "%sqx7vw", word);
        assert_false(password_is_guessable(trimmed, NULL, NULL));
    }
    assert_int_equal(count, 2680);
}

static void a_guesser_trims_words_and_so_does_the_rule(void **state)
{
    static const char *const bad[] = {
        /* case, digits and signs about a word */
        "Dragon1!", "DRAGON2024", "1dragon1", "!!dragon!!", "dragon-1987", "sunshine 1", "2019liverpool", "Monkey123456789", "monkey1111111",
        /* letters that are written otherwise */
        "p@ssw0rd", "P@$$w0rd1", "pa55word!", "l1verpool", "1iverp00l", "tru5tn01", "$unsh1ne", "b4tm4n2000", ("contrase\xC3\xB1" "a"), "P\xC3\xA4sswort1",
        /* backwards, and again */
        "drowssap", "drowssap1", "loveloveLOVE", "passpass1", "abcabcabc", "12121212", "xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxy",
        /* lines: rows, columns, the number pad, other keyboards, the alphabet, the shift key held, two in turns */
        "qwertyui", "asdfghjkl;", "1qaz2wsx", "1qazxsw2", "zaq12wsx", "147258369", "159753456", "qwertzuiop", "azertyuiop", "abcdefgh", "zyxwvuts",
        "!@#$%^&*", "!QAZ2wsx", "1q2w3e4r", "q1w2e3r4t5", "a1b2c3d4", "123qweasd", "qwer1234", "abc123456", "9876543210", "qweasdzxc!", "asdf1234",
        /* dates */
        "19840612", "12.06.1984", "06-12-1984", "1984/06/12", "31121999!",
        /* the service */
        "usher2026", "ush3r!!!",
    };
    static const char *const fine[] = {
        "Correct-horse-9", "A-second-password-9", "Open-the-doors-7", "Front-row-seat-7", "dragon horse", "dragonhorse", "dragon7c3q", "dragon83746291",
        "tr0ub4dor&3x", "48215937", "a walk by the sea", "kerfuffle", "Qw7!zPm2", "gvtw\xC5\xBCqpl", "99 luftballons", "19841399", "2907361854",
        "correcthorsebatterystaple", "\xE5\xAF\x86\xE7\xA0\x81\xE5\xBE\x88\xE9\x95\xBF\xE7\x9A\x84\xE5\x8F\xA5\xE5\xAD\x90",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        if (!password_is_guessable(bad[i], NULL, NULL))
            fail_msg("'%s' passes", bad[i]);
    }
    for (size_t i = 0; i < COUNT(fine); i++) {
        if (password_is_guessable(fine[i], "ada.lovelace@example.org", "Ada Lovelace"))
            fail_msg("'%s' is refused", fine[i]);
    }
}

static void ones_own_name_and_address_are_no_password(void **state)
{
    static const char email[] = "Zo\xC3\xAB.lovelace42@example.org", name[] = "Zo\xC3\xAB King-Noel";
    static const char *const bad[] = {
        "zoe.lovelace42", "Zo\xC3\xAB.Lovelace42@example.org", "zoelovelace42", "L0velace42!", "lovelace421815", "zoekingnoel", "zoe king-noel", "King-Noel-1",
        "kingnoel1852",
    };
    static const char *const fine[] = { "lovelace engine", "zoe-engine", "example.org-77" };

    for (size_t i = 0; i < COUNT(bad); i++) {
        if (!password_is_guessable(bad[i], email, name))
            fail_msg("'%s' passes", bad[i]);
        assert_null(password_fault("a walk by the sea", email, name));
    }
    for (size_t i = 0; i < COUNT(fine); i++)
        assert_false(password_is_guessable(fine[i], email, name));
    assert_false(password_is_guessable("zoe.lovelace42", "grace@example.org", "Grace"));
}

static const struct password_cost usual = { 19456, 2 };

static void a_password_matches_its_hash_however_it_was_typed(void **state)
{
    const struct password_effort effort = { password_work(usual), usual.memory_kib };
    struct arena *arena = arena_new(0);
    const char *hash = password_hash(arena, usual, "cr\xC3\xA8me br\xC3\xBBl\xC3\xA9" "e");

    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_true(password_matches(arena, hash, "cr\xC3\xA8me br\xC3\xBBl\xC3\xA9" "e", &effort));
    assert_true(password_matches(arena, hash, "cre\xCC\x80me bru\xCC\x82le\xCC\x81" "e", &effort));
    assert_false(password_matches(arena, hash, "creme brulee", &effort));
    assert_false(password_matches(arena, NULL, "creme brulee", &effort));
    assert_false(password_matches(arena, "", "", &effort));
    assert_false(password_matches(arena, "$argon2id$broken", "x", &effort));
    arena_free(arena);
}

static void a_hash_tells_what_it_cost(void **state)
{
    static const struct password_cost dearer = { 19456, 3 }, wider = { 47104, 1 }, cheaper = { 7168, 5 };
    struct arena *arena = arena_new(0);
    const char *hash = password_hash(arena, usual, "a walk by the sea");

    assert_false(password_is_cheaper(hash, usual));
    assert_true(password_is_cheaper(hash, dearer));
    assert_true(password_is_cheaper(hash, wider));
    assert_false(password_is_cheaper(hash, cheaper));
    assert_true(password_is_cheaper("", cheaper)); /* none at all */
    arena_free(arena);
}

static int64_t cpu_us(const char *hash, const struct password_effort *effort)
{
    struct arena *arena = arena_new(0);
    struct timespec from, to;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    assert_false(password_matches(arena, hash, "not the password", effort));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    arena_free(arena);
    return (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
}

/* With the settings raised, names without an account, accounts with an old hash and with a new one take the same time: of each the least of some,
 * which is nearly free of what else the machine does. */
static void a_wrong_password_takes_the_same_time_whatever_it_is_compared_with(void **state)
{
    static const struct password_cost raised = { 24576, 4 };
    const struct password_effort effort = { password_work(raised), raised.memory_kib };
    struct arena *arena = arena_new(0);
    const char *hashes[] = { NULL, password_hash(arena, usual, "a walk by the sea"), password_hash(arena, raised, "a walk by the sea") };
    int64_t least[COUNT(hashes)] = { INT64_MAX, INT64_MAX, INT64_MAX }, lowest = INT64_MAX, highest = 0;

    for (int turn = 0; turn < 5; turn++) {
        for (size_t i = 0; i < COUNT(hashes); i++)
            least[i] = MIN(least[i], cpu_us(hashes[i], &effort));
    }
    for (size_t i = 0; i < COUNT(hashes); i++) {
        lowest = MIN(lowest, least[i]);
        highest = MAX(highest, least[i]);
    }
    print_message("microseconds: nobody %" PRId64 ", old hash %" PRId64 ", new hash %" PRId64 "\n", least[0], least[1], least[2]);
    assert_true(highest < lowest * 3 / 2); /* without making up the difference the old hash takes two fifths */
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_decides_and_what_is_guessed_first_is_refused),
        cmocka_unit_test(each_word_is_found),
        cmocka_unit_test(a_guesser_trims_words_and_so_does_the_rule),
        cmocka_unit_test(ones_own_name_and_address_are_no_password),
        cmocka_unit_test(a_password_matches_its_hash_however_it_was_typed),
        cmocka_unit_test(a_hash_tells_what_it_cost),
        cmocka_unit_test(a_wrong_password_takes_the_same_time_whatever_it_is_compared_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
