/*
 * cors.c - which other origins' pages may call (the Fetch standard's CORS protocol), by an exact list.
 *
 * No wildcard and no credentials: calls carry a bearer token, never a cookie.
 */
#include "http/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct cors {
    char *text;
    const char *origins[64];
    size_t count;
};

struct cors *cors_open(const char *origins)
{
    struct cors *cors = calloc(1, sizeof *cors);
    char *rest;

    if (!cors)
        log_die("Out of memory.");
    cors->text = strdup(origins ? origins : "");
    if (!cors->text)
        log_die("Out of memory.");
    rest = cors->text;
    for (char *word; (word = strsep(&rest, " ,"));) {
        if (!*word)
            continue;
        if (cors->count == COUNT(cors->origins)) {
            log_warn("More than 64 CORS origins: the others are left out.");
            break;
        }
        cors->origins[cors->count++] = word;
    }
    return cors;
}

void cors_close(struct cors *cors)
{
    if (!cors)
        return;
    free(cors->text);
    free(cors);
}

bool cors_any(const struct cors *cors)
{
    return cors->count > 0;
}

bool cors_allows(const struct cors *cors, const char *origin)
{
    for (size_t i = 0; i < cors->count; i++)
        if (!strcmp(cors->origins[i], origin))
            return true;
    return false;
}

void cors_preflight(struct exchange *x)
{
    struct req *req = &x->req;
    const char *origin = exchange_header(x, HEADER_ORIGIN);

    reply_empty(req, 204);
    reply_header(req, "Allow", x->allow);
    if (!origin || !exchange_header(x, HEADER_ACR_METHOD) || !cors_allows(x->loop->http->cors, origin))
        return;
    reply_header(req, "Access-Control-Allow-Methods", x->allow);
    /* The names that Amplify and the AWS SDK send, and ours. */
    reply_header(req, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent, tracestate, X-Amzn-Trace-Id, "
                 "X-Amz-Target, X-Amz-User-Agent, amz-sdk-invocation-id, amz-sdk-request, Cache-Control, Range, Stripe-Version");
    reply_header(req, "Access-Control-Max-Age", "7200");
}
