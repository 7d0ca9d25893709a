/*
 * AWS Signature Version 4 in its query form, as S3 wants it.
 *
 * S3 differs from every other service: the path is signed as it is, neither
 * normalised ("a//b/../c" stays) nor encoded twice. The verifier leaves out
 * X-Amz-Signature alone and signs every other parameter that came, known or
 * not, so that nothing can be added to an address that was given away.
 */
#include "objects/objects.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define EXPIRES_MAX 604800         /* seven days, the most that S3 takes */
#define SKEW_MS (15 * 60 * 1000LL) /* a date further ahead than this is not from any clock of ours */
#define PARAMS_MAX 64
#define STAMP_LEN 16               /* 20261122T190000Z */
#define DAY_LEN 8

/* A query parameter, both halves encoded the one canonical way. */
struct param {
    const char *name, *value;
};

static int param_compare(const void *a, const void *b)
{
    const struct param *x = a, *y = b;
    int by_name = strcmp(x->name, y->name);

    return by_name ? by_name : strcmp(x->value, y->value);
}

/* As buf_url, for bytes that may hold a NUL. */
static char *encode(struct arena *arena, const char *text, size_t len, const char *keep)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf out = buf_in(arena);

    buf_reserve(&out, len + len / 2);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-._~", c)) || (c && keep && strchr(keep, c))) {
            buf_char(&out, (char)c);
        } else {
            char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

            buf_add(&out, escape, sizeof escape);
        }
    }
    return out.data;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode what came and encode it again: clients differ in which of "()!*'" they escape, and in the case of the digits, and S3 takes them all.
 * A '+' is a plus: SDKs write a space as %20. NULL when an escape is broken. */
static char *recode(struct arena *arena, const char *text, size_t len, const char *keep)
{
    char *plain = arena_alloc(arena, len + 1);
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%') {
            plain[out++] = text[i];
            continue;
        }
        if (len - i < 3 || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
            return NULL;
        plain[out++] = (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
        i += 2;
    }
    return encode(arena, plain, out, keep);
}

static void stamp_of(int64_t now_ms, char out[STAMP_LEN + 1])
{
    struct civil at = clock_civil(now_ms);
    char text[96];

    snprintf(text, sizeof text, "%04d%02d%02dT%02d%02d%02dZ", at.year, at.month, at.day, at.hour, at.minute, at.second);
    memcpy(out, text, STAMP_LEN);
    out[STAMP_LEN] = '\0';
}

static bool digits(const char *text, size_t len, int *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return true;
}

static bool stamp_parse(const char *text, int64_t *out_ms)
{
    struct civil at = { 0 };

    if (strlen(text) != STAMP_LEN || text[8] != 'T' || text[15] != 'Z')
        return false;
    if (!digits(text, 4, &at.year) || !digits(text + 4, 2, &at.month) || !digits(text + 6, 2, &at.day) ||
        !digits(text + 9, 2, &at.hour) || !digits(text + 11, 2, &at.minute) || !digits(text + 13, 2, &at.second))
        return false;
    if (at.year < 1970 || at.month < 1 || at.month > 12 || at.day < 1 || at.day > 31 || at.hour > 23 || at.minute > 59 || at.second > 59)
        return false;
    *out_ms = clock_from_civil(&at);
    return true;
}

static void hmac(const void *key, size_t key_len, const char *text, size_t len, unsigned char out[SHA256_DIGEST_LENGTH])
{
    unsigned char *done = HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, out, NULL);

    assert(done);
}

/* The lower-case hex signature of a canonical request. `params` gets sorted. */
static const char *signature(struct arena *arena, const struct sigv4 *with, const char *method, const char *encoded_path,
                             struct param *params, size_t count, const char *host, const char *stamp)
{
    struct buf request = buf_in(arena), to_sign = buf_in(arena), first = buf_in(arena), hex = buf_in(arena);
    unsigned char digest[SHA256_DIGEST_LENGTH], key[SHA256_DIGEST_LENGTH];

    qsort(params, count, sizeof *params, param_compare);
    buf_printf(&request, "%s\n%s\n", method, encoded_path);
    for (size_t i = 0; i < count; i++)
        buf_printf(&request, "%s%s=%s", i ? "&" : "", params[i].name, params[i].value);
    buf_printf(&request, "\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", host);
    SHA256((const unsigned char *)request.data, request.len, digest);

    buf_printf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/s3/aws4_request\n", stamp, stamp, with->region);
    buf_hex(&to_sign, digest, sizeof digest);

    buf_printf(&first, "AWS4%s", with->secret_key);
    hmac(first.data, first.len, stamp, DAY_LEN, key);
    hmac(key, sizeof key, with->region, strlen(with->region), key);
    hmac(key, sizeof key, "s3", 2, key);
    hmac(key, sizeof key, "aws4_request", 12, key);
    hmac(key, sizeof key, to_sign.data, to_sign.len, digest);
    OPENSSL_cleanse(first.data, first.len);
    OPENSSL_cleanse(key, sizeof key);
    buf_hex(&hex, digest, sizeof digest);
    return hex.data;
}

char *sigv4_presign(struct arena *arena, const struct sigv4 *with, const char *method, const char *scheme, const char *raw_path,
                    const char *const *extra_query, int seconds, int64_t now_ms)
{
    const char *path = encode(arena, raw_path, strlen(raw_path), "/");
    struct param params[PARAMS_MAX];
    char stamp[STAMP_LEN + 1];
    struct buf url = buf_in(arena);
    const char *credential, *sign;
    size_t count = 0;

    assert(seconds >= 1 && seconds <= EXPIRES_MAX);
    stamp_of(now_ms, stamp);
    credential = arena_printf(arena, "%s/%.8s/%s/s3/aws4_request", with->access_key, stamp, with->region);
    params[count++] = (struct param){ "X-Amz-Algorithm", "AWS4-HMAC-SHA256" };
    params[count++] = (struct param){ "X-Amz-Credential", encode(arena, credential, strlen(credential), NULL) };
    params[count++] = (struct param){ "X-Amz-Date", arena_strdup(arena, stamp) };
    params[count++] = (struct param){ "X-Amz-Expires", arena_printf(arena, "%d", seconds) };
    params[count++] = (struct param){ "X-Amz-SignedHeaders", "host" };
    for (; extra_query && extra_query[0]; extra_query += 2) {
        assert(count < PARAMS_MAX);
        params[count++] = (struct param){ encode(arena, extra_query[0], strlen(extra_query[0]), NULL),
                                          encode(arena, extra_query[1], strlen(extra_query[1]), NULL) };
    }
    sign = signature(arena, with, method, path, params, count, with->host, stamp);
    buf_printf(&url, "%s://%s%s?", scheme, with->host, path);
    for (size_t i = 0; i < count; i++)
        buf_printf(&url, "%s=%s&", params[i].name, params[i].value);
    buf_printf(&url, "X-Amz-Signature=%s", sign);
    return url.data;
}

/* Split and re-encode the query. False when it has a broken escape or too many parameters. */
static bool params_read(struct arena *arena, const char *query, struct param *params, size_t *count)
{
    *count = 0;
    while (*query) {
        size_t len = strcspn(query, "&"), name_len;
        const char *equals = memchr(query, '=', len);

        if (len) {
            if (*count == PARAMS_MAX)
                return false;
            name_len = equals ? (size_t)(equals - query) : len;
            params[*count].name = recode(arena, query, name_len, NULL);
            params[*count].value = equals ? recode(arena, equals + 1, len - name_len - 1, NULL) : "";
            if (!params[*count].name || !params[*count].value)
                return false;
            (*count)++;
        }
        query += len;
        if (*query)
            query++;
    }
    return true;
}

/* The value of a parameter that must be there exactly once, or NULL. Names are compared without case: "x-amz-date" beside "X-Amz-Date" is two. */
static const char *only(const struct param *params, size_t count, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(params[i].name, name))
            continue;
        if (value || strcmp(params[i].name, name) != 0)
            return NULL;
        value = params[i].value;
    }
    return value;
}

enum sigv4_verdict sigv4_verify(struct arena *arena, const struct sigv4 *with, const char *method, const char *encoded_path,
                                const char *raw_query, const char *host_header, int64_t now_ms)
{
    struct param params[PARAMS_MAX];
    size_t count, kept = 0;
    const char *path, *algorithm, *credential, *stamp, *expires, *headers, *given, *want, *scope;
    char *seconds_end;
    int64_t at_ms;
    long seconds;

    if (!host_header || encoded_path[0] != '/' || !params_read(arena, raw_query, params, &count))
        return SIGV4_MALFORMED;
    path = recode(arena, encoded_path, strlen(encoded_path), "/");
    algorithm = only(params, count, "X-Amz-Algorithm");
    credential = only(params, count, "X-Amz-Credential");
    stamp = only(params, count, "X-Amz-Date");
    expires = only(params, count, "X-Amz-Expires");
    headers = only(params, count, "X-Amz-SignedHeaders");
    given = only(params, count, "X-Amz-Signature");
    if (!path || !algorithm || !credential || !stamp || !expires || !headers || !given)
        return SIGV4_MALFORMED;
    /* Only the host is signed by what we give away; a client that signs more headers would have to be shown more of the request. */
    if (strcmp(algorithm, "AWS4-HMAC-SHA256") != 0 || strcmp(headers, "host") != 0 || strlen(given) != SHA256_DIGEST_LENGTH * 2)
        return SIGV4_MALFORMED;
    if (!stamp_parse(stamp, &at_ms))
        return SIGV4_MALFORMED;
    if (*expires < '0' || *expires > '9' || strlen(expires) > 6)
        return SIGV4_MALFORMED;
    seconds = strtol(expires, &seconds_end, 10);
    if (*seconds_end || seconds < 1 || seconds > EXPIRES_MAX)
        return SIGV4_MALFORMED;
    scope = strstr(credential, "%2F");
    if (!scope)
        return SIGV4_MALFORMED;
    if ((size_t)(scope - credential) != strlen(with->access_key) || strncmp(credential, with->access_key, strlen(with->access_key)) != 0)
        return SIGV4_UNKNOWN_KEY;
    if (strcmp(scope, arena_printf(arena, "%%2F%.8s%%2F%s%%2Fs3%%2Faws4_request", stamp, with->region)) != 0)
        return SIGV4_MISMATCH;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(params[i].name, "X-Amz-Signature") != 0)
            params[kept++] = params[i];
    }
    want = signature(arena, with, method, path, params, kept, host_header, stamp);
    if (CRYPTO_memcmp(want, given, SHA256_DIGEST_LENGTH * 2) != 0)
        return SIGV4_MISMATCH;
    if (now_ms >= at_ms + seconds * 1000 || at_ms > now_ms + SKEW_MS)
        return SIGV4_EXPIRED;
    return SIGV4_GOOD;
}
