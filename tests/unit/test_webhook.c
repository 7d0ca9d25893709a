/* What a webhook's signature must be: each row is what Stripe's own library (23.1) accepts or rejects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "payments/webhook.h"

#define AT 1795375741
#define BODY "{\"id\":\"evt_1\",\"object\":\"event\"}"
/* printf 'TIME.BODY' | openssl dgst -sha256 -hmac whsec_test_secret */
#define GOOD "56dc8c1a2eb2e9c3331eadbe9c85bc6e6c9bb1bec9ddabe32f71e471d42f665a"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"

static const char *const secret[] = { "whsec_test_secret" };

struct row {
    const char *header, *body;
    int64_t now;
    bool want;
};

static void what_stripes_library_accepts_is_accepted(void **state)
{
    static const struct row rows[] = {
        /* accepted */
        { "t=1795375741,v1=" GOOD, BODY, AT, true },
        { "v1=" GOOD ",t=1795375741", BODY, AT, true },
        { "t=1795375741,v1=" OTHER ",v1=" GOOD, BODY, AT, true },
        { "t=1795375741,v1=" GOOD ",v1=" OTHER, BODY, AT, true },
        { "t=1795375741,v1=" GOOD ",v0=" OTHER, BODY, AT, true },
        { "t=1795375741,x=y,v1=" GOOD ",v9=,,", BODY, AT, true },
        { "t=1795375741,v1=short,v1=" GOOD, BODY, AT, true },
        { "t=1795375741,v1=" GOOD, BODY, AT + 300, true },
        { "t=1795375741,v1=" GOOD, BODY, AT - 600, true }, /* from a clock that runs ahead */
        /* rejected */
        { "t=1795375741,v1=" GOOD, BODY, AT + 301, false },
        { "t=1795375741,v1=" GOOD, BODY, AT - 3601, false },
        { "t=1795375741,v1=" GOOD, BODY " ", AT, false },
        { "t=1795375741,v1=" GOOD, "", AT, false },
        { "t=1795375742,v1=" GOOD, BODY, AT, false },
        { "t=1795375741,v1=" OTHER, BODY, AT, false },
        { "t=1795375741,v0=" GOOD, BODY, AT, false },
        { "v1=" GOOD, BODY, AT, false },
        { "t=1795375741", BODY, AT, false },
        { "t=1795375741, v1=" GOOD, BODY, AT, false },
        { "t=1795375741;v1=" GOOD, BODY, AT, false },
        { " t=1795375741,v1=" GOOD, BODY, AT, false },
        { "t= 1795375741,v1=" GOOD, BODY, AT, false },
        { "t=+1795375741,v1=" GOOD, BODY, AT, false },
        { "t=01795375741,v1=" GOOD, BODY, AT, false },
        { "t=1795375741.0,v1=" GOOD, BODY, AT, false },
        { "t=0x6b034b7d,v1=" GOOD, BODY, AT, false },
        { "t=99999999999999999999,v1=" GOOD, BODY, AT, false },
        { "t=,v1=" GOOD, BODY, AT, false },
        { "t=1795375741,v1=" GOOD "0", BODY, AT, false },
        { "t=1795375741,v1=", BODY, AT, false },
        { "T=1795375741,V1=" GOOD, BODY, AT, false },
        { "", BODY, AT, false },
        { ",,,,", BODY, AT, false },
        { NULL, BODY, AT, false },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        bool got = webhook_verify(secret, 1, rows[i].header, (struct bytes){ rows[i].body, strlen(rows[i].body) }, rows[i].now);

        if (got != rows[i].want)
            fail_msg("row %zu: %s is %s", i, rows[i].header, got ? "accepted" : "rejected");
    }
}

static void hex_in_upper_case_is_rejected(void **state)
{
    char header[] = "t=1795375741,v1=" GOOD;

    for (char *c = strstr(header, "v1=") + 3; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 32 : *c);
    assert_string_not_equal(header, "t=1795375741,v1=" GOOD);
    assert_false(webhook_verify(secret, 1, header, BYTES_OF(BODY), AT));
}

static void either_of_two_secrets_will_do_and_none_is_no_secret(void **state)
{
    static const char *const roll[] = { "whsec_new", "whsec_test_secret" };
    static const char *const none[] = { NULL, "" };
    static const char header[] = "t=1795375741,v1=" GOOD;

    assert_true(webhook_verify(roll, 2, header, BYTES_OF(BODY), AT));
    assert_false(webhook_verify(roll, 1, header, BYTES_OF(BODY), AT));
    assert_false(webhook_verify(none, 2, header, BYTES_OF(BODY), AT));
    assert_false(webhook_verify(secret, 0, header, BYTES_OF(BODY), AT));
}

static void a_header_of_any_length_costs_little(void **state)
{
    static char header[100000];
    size_t at = (size_t)sprintf(header, "t=1795375741");

    for (int i = 0; i < 9; i++)
        at += (size_t)sprintf(header + at, ",v1=" OTHER);
    sprintf(header + at, ",v1=" GOOD);
    assert_false(webhook_verify(secret, 1, header, BYTES_OF(BODY), AT)); /* more signatures than there are ever secrets */
    memset(header, ',', sizeof header - 1);
    memcpy(header, "t=1795375741,v1=" GOOD, strlen("t=1795375741,v1=" GOOD));
    assert_false(webhook_verify(secret, 1, header, BYTES_OF(BODY), AT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stripes_library_accepts_is_accepted),
        cmocka_unit_test(hex_in_upper_case_is_rejected),
        cmocka_unit_test(either_of_two_secrets_will_do_and_none_is_no_secret),
        cmocka_unit_test(a_header_of_any_length_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
