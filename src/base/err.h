/*
 * err.h - every outcome that a client can meet.
 *
 * Name, HTTP status, slug, title, and the sentence that /problems/<slug> shows.
 * The title is fixed for each type (RFC 9457, 3.1.3); what is special to one
 * occurrence goes to the fault's `detail`. A fallible function returns
 * `enum err`; ERR_OK is 0, so `if (e) return e;` is the whole grammar.
 *
 * A refusal (the client's matter) has its own name here; an outage (disk,
 * Stripe) is BUSY, UPSTREAM, DISK_FULL or INTERNAL with its cause in the log;
 * our own mistake is an assert.
 */
#ifndef USHER_BASE_ERR_H
#define USHER_BASE_ERR_H

#include "base/arena.h"

#define ERR_MAP(X)                                                                                                                                            \
    X(OK, 200, "ok", "OK", "Nothing is wrong.")                                                                                                               \
    X(BAD_REQUEST, 400, "bad-request", "The request cannot be read", "It is not HTTP, JSON or UTF-8 as the route expects it.")                                \
    X(BAD_SIGNATURE, 400, "bad-signature", "The signature does not match", "A webhook's signature is missing, wrong or too old.")                             \
    X(UNAUTHENTICATED, 401, "unauthenticated", "Sign in first", "There is no token, or it is wrong, expired or revoked.")                                     \
    X(FORBIDDEN, 403, "forbidden", "Not allowed", "The account is known and may not do this.")                                                                \
    X(NOT_FOUND, 404, "not-found", "Not found", "There is no such thing, or none that you may see.")                                                          \
    X(METHOD_NOT_ALLOWED, 405, "method-not-allowed", "Method not allowed", "The path exists; `Allow` names its methods.")                                     \
    X(REQUEST_TIMEOUT, 408, "request-timeout", "The request took too long to arrive", "10 s for the headers, 30 s for the body.")                              \
    X(CONFLICT, 409, "conflict", "The present state forbids this", "The thing's status, or another change under way, does not allow it.")                     \
    X(SOLD_OUT, 409, "sold-out", "Not enough seats left", "`available` names what is left of each ticket type.")                                              \
    X(SALE_CLOSED, 409, "sale-closed", "Not on sale now", "The sale of this ticket type has not begun or is over, or the event is not open for sale.")        \
    X(LIMIT_REACHED, 409, "limit-reached", "The limit for one account is reached", "The ticket type allows an account only so many tickets.")                 \
    X(CODE_USED_UP, 409, "code-used-up", "The discount code is used up", "It was used as often as it may be; uses come back when orders that have it end unpaid.") \
    X(AMOUNT_TOO_SMALL, 409, "amount-too-small", "The amount is too small to be paid by card", "Card payments have a least amount in each currency; take more tickets, or leave the code out.") \
    X(HOLD_EXPIRED, 409, "hold-expired", "The hold has run out", "The seats went back on sale; register again.")                                              \
    X(PRECONDITION_FAILED, 412, "precondition-failed", "It was changed meanwhile", "The If-Match tag is not the current one; fetch it again.")                \
    X(TOO_LARGE, 413, "too-large", "The body is too large", "The route's limit on the body was passed.")                                                      \
    X(URI_TOO_LONG, 414, "uri-too-long", "The address is too long", "At most 8 KiB.")                                                                         \
    X(UNSUPPORTED_MEDIA, 415, "unsupported-media-type", "Unsupported media type", "The route takes another Content-Type.")                                    \
    X(RANGE, 416, "range-not-satisfiable", "No such range", "The Range lies outside the object.")                                                             \
    X(INVALID, 422, "invalid", "Some fields are not valid", "`errors` has one entry for every fault found.")                                                  \
    X(KEY_REUSED, 422, "idempotency-key-reused", "This Idempotency-Key was used for another request", "Use a new key for a new request.")                     \
    X(TOO_MANY_REQUESTS, 429, "too-many-requests", "Too many requests", "Wait as long as `Retry-After` says.")                                                \
    X(HEADERS_TOO_LARGE, 431, "headers-too-large", "The headers are too large", "At most 64 headers and 16 KiB.")                                             \
    X(INTERNAL, 500, "internal", "Something went wrong here", "It was logged under the requestId.")                                                           \
    X(UPSTREAM, 502, "upstream", "A service that we depend on failed", "Nothing was charged; try again.")                                                     \
    X(BUSY, 503, "busy", "Try again shortly", "The server is at its limit; `Retry-After` says when to come back.")                                            \
    X(DISK_FULL, 507, "disk-full", "The server's disk is full", "Nothing was changed. Reading still works.")

enum err {
#define X(name, status, slug, title, text) ERR_##name,
    ERR_MAP(X)
#undef X
    ERR_COUNT
};

struct err_info {
    int status;
    const char *name, *slug, *title, *text;
};
const struct err_info *err_info(enum err e);

/* One bad input. `pointer` is RFC 6901 without '#' ("/ticketTypes/0/price"), or a query parameter's name. */
struct field_fault {
    struct field_fault *next;
    const char *pointer;
    const char *code;   /* "required", "unknown", "type", "too-long", ... */
    const char *detail; /* a sentence for people */
};

/* What went wrong with one request; the finder adds the sentence, once. It lives in `arena`. */
struct fault {
    struct arena *arena;
    const char *detail;              /* NULL: the title says it all */
    struct field_fault *fields, *fields_last;
    size_t field_count;
    const char *extra_json;          /* further members, e.g. "\"available\":[...]", or NULL */
    int retry_after_s;               /* 0: no Retry-After but the status's own default */
};

/* Set the sentence and return `e`, so that a refusal is one line: return fault_set(f, ERR_SOLD_OUT, "%d left", n). */
enum err fault_set(struct fault *fault, enum err e, const char *format, ...) PRINTF_LIKE(3, 4);
/* Add one bad field; pointer and detail are copied. At most 100 are kept. */
void fault_field(struct fault *fault, const char *pointer, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
bool fault_has(const struct fault *fault, const char *pointer); /* is there one for this field already? */
void fault_clear(struct fault *fault); /* keeps the arena pointer */

#endif
