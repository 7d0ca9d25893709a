/* Whatever goes wrong is said in Cognito's words, and an overload is never what signs people out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* store.h has a word of that name */

#include "identity/cognito.h"

static struct req *new_req(void)
{
    struct arena *arena = arena_new(0);
    struct req *req = ARENA_NEW(arena, struct req);

    req->arena = req->fault.arena = req->reply.body.arena = arena;
    req->request_id = id_new(1795374000000);
    return req;
}

static const char *header(const struct req *req, const char *name)
{
    for (const struct reply_header *h = req->reply.headers; h; h = h->next) {
        if (strcmp(h->name, name) == 0)
            return h->value;
    }
    return "";
}

static void every_error_has_a_name_of_theirs(void **state)
{
    for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
        struct req *req = new_req();
        char want[100];

        cognito_problem(req, e);
        const char *name = header(req, "x-amzn-errortype");
        snprintf(want, sizeof want, "{\"__type\":\"%s\",\"message\":\"", name);
        assert_int_equal(strncmp(req->reply.body.data, want, strlen(want)), 0);
        assert_int_equal(strlen(header(req, "x-amzn-requestid")), ID_TEXT_LEN);
        assert_int_equal(req->reply.status, strcmp(name, "InternalErrorException") == 0 ? 500 : 400);
        if (e == ERR_BUSY || e == ERR_TOO_MANY_REQUESTS)
            assert_string_equal(name, "TooManyRequestsException");
        else if (err_info(e)->status >= 500)
            assert_string_equal(name, "InternalErrorException");
        assert_int_equal(strcmp(name, "NotAuthorizedException") == 0, e == ERR_UNAUTHENTICATED || e == ERR_FORBIDDEN);
        arena_free(req->arena);
    }
}

static void an_inside_is_not_told(void **state)
{
    struct req *req = new_req();

    req->fault.detail = "database disk image is malformed";
    cognito_problem(req, ERR_INTERNAL);
    assert_null(strstr(req->reply.body.data, "malformed"));
    arena_free(req->arena);
}

static void addresses_are_masked(void **state)
{
    static const struct { const char *email, *want; } rows[] = {
        { "ada@example.org", "a***@e***" }, { "a@b", "a***@b***" }, { "\xC5\x82ukasz@\xC5\xBC.pl", "\xC5\x82***@\xC5\xBC***" },
        { "\"a@b\"@c.d", "\"***@c***" }, { "none", "n***@***" }, { "", "***@***" }, { "@", "@***@***" },
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(cognito_mask(arena, rows[i].email), rows[i].want);
    arena_free(arena);
}

static void a_sentence_may_be_long(void **state)
{
    struct req *req = new_req();
    char *text = arena_alloc(req->arena, 5001);

    memset(text, 'x', 5000);
    assert_int_equal(refuse(req, InvalidParameterException, "%s", text), ERR_OK);
    assert_non_null(strstr(req->reply.body.data, text));
    arena_free(req->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_of_theirs),
        cmocka_unit_test(an_inside_is_not_told),
        cmocka_unit_test(addresses_are_masked),
        cmocka_unit_test(a_sentence_may_be_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
