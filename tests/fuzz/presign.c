/*
 * Presigned addresses (SigV4, query form). The input is lines: path, query, Host, then (name, value) pairs. The first three are verified
 * as a request received; the pairs are signed by ourselves, and that address must verify, and must not once a byte of it is changed.
 */
#include "fuzz.h"
#include "objects/objects.h"

static const struct sigv4 keys = { .access_key = "AKIDEXAMPLE", .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", .region = "us-east-1", .host = "127.0.0.1:8080" };

/* 2026-11-22T19:00:00Z */
#define NOW_MS 1795374000000LL

static void round_trip(struct arena *arena, const char *raw_path, const char *const *extra)
{
    char *url = sigv4_presign(arena, &keys, "GET", "http", raw_path, extra, 900, NOW_MS);
    char *path = strchr(url + strlen("http://"), '/');
    char *query = strchr(path, '?');
    char *signature;

    HOLDS(path && query);
    path = arena_copy(arena, path, (size_t)(query - path));
    query++;
    HOLDS(sigv4_verify(arena, &keys, "GET", path, query, keys.host, NOW_MS + 1000) == SIGV4_GOOD);
    HOLDS(sigv4_verify(arena, &keys, "GET", path, query, keys.host, NOW_MS + 901 * 1000) == SIGV4_EXPIRED);
    HOLDS(sigv4_verify(arena, &keys, "PUT", path, query, keys.host, NOW_MS) == SIGV4_MISMATCH);
    HOLDS(sigv4_verify(arena, &keys, "GET", path, query, "evil.example", NOW_MS) == SIGV4_MISMATCH);
    signature = strstr(query, "X-Amz-Signature=");
    HOLDS(signature);
    signature += strlen("X-Amz-Signature=");
    *signature = *signature == '0' ? '1' : '0';
    HOLDS(sigv4_verify(arena, &keys, "GET", path, query, keys.host, NOW_MS) == SIGV4_MISMATCH);
    /* As if a value with an encoded space were cut there. */
    PLANT(extra[0] && extra[1] && strchr(extra[1], ' ') && strstr(query, "%20") && strlen(raw_path) > 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    const char *path = fuzz_line(arena, &data, &size), *query = fuzz_line(arena, &data, &size), *host = fuzz_line(arena, &data, &size);
    const char *extra[5] = { NULL };
    size_t count = 0;

    sigv4_verify(arena, &keys, "GET", path, query, host, NOW_MS);
    while (size > 0 && count < 4)
        extra[count++] = fuzz_line(arena, &data, &size);
    extra[count & ~(size_t)1] = NULL;
    for (size_t i = 0; extra[i]; i += 2)
        if (strncmp(extra[i], "response-", 9) != 0)
            return 0; /* only what our own code asks to be signed: names that are not X-Amz-... */
    if (path[0] == '/' && strlen(path) < 500)
        round_trip(arena, path, extra);
    return 0;
}
