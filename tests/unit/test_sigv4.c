/* Signature Version 4 in its query form: the addresses that the AWS SDK for JavaScript makes, and what must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* the house has its own */

#include "base/clock.h"
#include "objects/objects_inside.h"

static const struct sigv4 with = { "S3RVER", "S3RVER", "us-east-1", "127.0.0.1:4568" };
#define AT 1795305600000LL /* 2026-11-22T00:00:00Z */

static const char *const sdk_extra[] = { "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD", "x-amz-checksum-mode", "ENABLED", "x-id", "GetObject", NULL };

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_new(0);
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    return 0;
}

static void the_sdk_s_addresses_come_out(void **state)
{
    static const struct { const char *path, *encoded, *signature; } row[] = {
        { "/tickets/t/1.pdf", "/tickets/t/1.pdf", "1bcab9a2f940bb890d21ac28f334ef70458acccc91017b24c930bc98cf552cc6" },
        { "/tickets/a b+c/\xc3\xbc~(1)'!*\xc3\xa9&=?#%.pdf", "/tickets/a%20b%2Bc/%C3%BC~%281%29%27%21%2A%C3%A9%26%3D%3F%23%25.pdf",
          "eaffa66e51859c61bad822b810aa9d1e4d601fc5f5965a537bcd659b0a8a653b" },
    };

    for (size_t i = 0; i < COUNT(row); i++) {
        char *url = sigv4_presign(arena, &with, "GET", "http", row[i].path, sdk_extra, 300, AT);
        char *want = arena_printf(arena, "http://127.0.0.1:4568%s?", row[i].encoded);

        assert_memory_equal(url, want, strlen(want));
        assert_string_equal(strstr(url, "X-Amz-Signature=") + 16, row[i].signature);
    }
}

/* Split what sigv4_presign made into what a server sees. */
static void split(const char *url, char **path, char **query)
{
    const char *slash = strchr(strstr(url, "://") + 3, '/'), *mark = strchr(slash, '?');

    *path = arena_copy(arena, slash, (size_t)(mark - slash));
    *query = arena_strdup(arena, mark + 1);
}

/* `query` with its first `from` replaced. */
static char *changed(const char *query, const char *from, const char *to)
{
    const char *at = strstr(query, from);

    assert_non_null(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - query), query, to, at + strlen(from));
}

static enum sigv4_verdict verify_at(const char *method, const char *path, const char *query, const char *host, int64_t now_ms)
{
    return sigv4_verify(arena, &with, method, path, query, host, now_ms);
}

static void only_what_was_signed_passes(void **state)
{
    static const char *const extra[] = { "response-content-type", "application/pdf", "response-content-disposition", "attachment; filename=\"a b.pdf\"", NULL };
    const char *host = with.host;
    char *path, *query;
    static const struct { const char *from, *to; enum sigv4_verdict want; } tamper[] = {
        { "X-Amz-Expires=300", "X-Amz-Expires=301", SIGV4_MISMATCH },
        { "X-Amz-Expires=300", "X-Amz-Expires=604801", SIGV4_MALFORMED },
        { "X-Amz-Expires=300", "X-Amz-Expires=0", SIGV4_MALFORMED },
        { "X-Amz-Expires=300", "X-Amz-Expires=-1", SIGV4_MALFORMED },
        { "X-Amz-Expires=300", "X-Amz-Expires=300s", SIGV4_MALFORMED },
        { "X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=300", SIGV4_MALFORMED },
        { "X-Amz-Expires=300", "X-Amz-Expires=300&x-amz-expires=900", SIGV4_MALFORMED },
        { "X-Amz-Expires=300&", "", SIGV4_MALFORMED },
        { "X-Amz-Date=20261122T000000Z", "X-Amz-Date=20261122T000001Z", SIGV4_MISMATCH },
        { "X-Amz-Date=20261122T000000Z", "X-Amz-Date=20261123T000000Z", SIGV4_MISMATCH },
        { "X-Amz-Date=20261122T000000Z", "X-Amz-Date=20261322T000000Z", SIGV4_MALFORMED },
        { "X-Amz-Credential=S3RVER", "X-Amz-Credential=OTHER", SIGV4_UNKNOWN_KEY },
        { "X-Amz-Credential=S3RVER", "X-Amz-Credential=S3RVER%2F", SIGV4_MISMATCH },
        { "us-east-1", "eu-west-1", SIGV4_MISMATCH },
        { "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", SIGV4_MALFORMED },
        { "X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange", SIGV4_MALFORMED },
        { "application%2Fpdf", "text%2Fhtml", SIGV4_MISMATCH },
        { "X-Amz-Algorithm", "unknown=1&X-Amz-Algorithm", SIGV4_MISMATCH },
        { "X-Amz-Algorithm", "X-Amz-%Algorithm", SIGV4_MALFORMED },
        { "X-Amz-Signature=", "X-Amz-Signature=0", SIGV4_MALFORMED },
        { "X-Amz-Signature=", "x-amz-signature=", SIGV4_MALFORMED },
        /* Escapes are compared by what they say. */
        { "application%2Fpdf", "application%2fpdf", SIGV4_GOOD },
        { "application%2Fpdf", "application/pdf", SIGV4_GOOD },
        { "X-Amz-Algorithm", "&X-Amz-Algorithm", SIGV4_GOOD },
    };

    split(sigv4_presign(arena, &with, "GET", "http", "/objects/tickets/a.pdf", extra, 300, AT), &path, &query);
    assert_int_equal(verify_at("GET", path, query, host, AT), SIGV4_GOOD);
    for (size_t i = 0; i < COUNT(tamper); i++) {
        enum sigv4_verdict verdict = verify_at("GET", path, changed(query, tamper[i].from, tamper[i].to), host, AT);

        if (verdict != tamper[i].want)
            print_error("row %zu: %s\n", i, tamper[i].to);
        assert_int_equal(verdict, tamper[i].want);
    }
    assert_int_equal(verify_at("HEAD", path, query, host, AT), SIGV4_MISMATCH);
    assert_int_equal(verify_at("GET", "/objects/tickets/b.pdf", query, host, AT), SIGV4_MISMATCH);
    assert_int_equal(verify_at("GET", "/objects//tickets/a.pdf", query, host, AT), SIGV4_MISMATCH);
    assert_int_equal(verify_at("GET", path, query, "127.0.0.1", AT), SIGV4_MISMATCH);
    assert_int_equal(verify_at("GET", path, query, "example.org", AT), SIGV4_MISMATCH);
    assert_int_equal(verify_at("GET", path, query, NULL, AT), SIGV4_MALFORMED);
    assert_int_equal(verify_at("GET", path, "", host, AT), SIGV4_MALFORMED);
    /* The last bit of the signature. */
    query[strlen(query) - 1] ^= 1;
    assert_int_equal(verify_at("GET", path, query, host, AT), SIGV4_MISMATCH);
}

static void it_expires_to_the_second(void **state)
{
    char *path, *query;

    split(sigv4_presign(arena, &with, "GET", "http", "/objects/a", NULL, 300, AT), &path, &query);
    assert_int_equal(verify_at("GET", path, query, with.host, AT + 299999), SIGV4_GOOD);
    assert_int_equal(verify_at("GET", path, query, with.host, AT + 300000), SIGV4_EXPIRED);
    assert_int_equal(verify_at("GET", path, query, with.host, AT - 15 * 60 * 1000), SIGV4_GOOD);
    assert_int_equal(verify_at("GET", path, query, with.host, AT - 15 * 60 * 1000 - 1), SIGV4_EXPIRED);
}

static void the_public_address_gives_the_host_that_clients_send(void **state)
{
    static const struct { const char *url, *scheme, *host, *prefix; } row[] = {
        { "http://127.0.0.1:8080", "http", "127.0.0.1:8080", "" },
        { "https://Tickets.Example.org", "https", "tickets.example.org", "" },
        { "https://example.org:443/usher", "https", "example.org", "/usher" },
        { "http://example.org:80", "http", "example.org", "" },
        { "http://example.org:443", "http", "example.org:443", "" },
    };

    for (size_t i = 0; i < COUNT(row); i++) {
        struct objects_address address = objects_address(arena, row[i].url);

        assert_string_equal(address.scheme, row[i].scheme);
        assert_string_equal(address.host, row[i].host);
        assert_string_equal(address.prefix, row[i].prefix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sdk_s_addresses_come_out),
        cmocka_unit_test(only_what_was_signed_passes),
        cmocka_unit_test(it_expires_to_the_second),
        cmocka_unit_test(the_public_address_gives_the_host_that_clients_send),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
