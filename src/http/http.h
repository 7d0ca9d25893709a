/*
 * http.h - the server: loops, connections, routing, dispatch. Opened by main.
 *
 * What a connection may do, as numbers (each has an answer): headers 16 KiB and
 * 64 of them (431), target 8 KiB (414), body by route (413), 10 s from the first
 * byte to the end of the headers and 30 s for the body (408, closed), 75 s idle
 * between requests, 4,096 connections in all and 1,024 from one address
 * (USHER_LIMITS), 1 MiB of unsent reply before reading stops. Framing that two
 * servers could read differently is refused: Content-Length with
 * Transfer-Encoding, two Content-Lengths, space before a colon, any coding but
 * chunked, no Host.
 */
#ifndef USHER_HTTP_HTTP_H
#define USHER_HTTP_HTTP_H

#include "http/req.h"
#include "store/person.h"

struct http_hooks {
    /* Check a bearer token. ERR_UNAUTHENTICATED unless it is good; called on a loop's thread with its reader, cached by http by the token's
     * SHA-256 until caller.expires_at_ms or until the account's epoch rises (http_epoch_raised). */
    enum err (*authenticate)(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out);
    /* In a WRITE's transaction: is caller.epoch still the account's, and the account not disabled? ERR_UNAUTHENTICATED if not. */
    enum err (*still_valid)(struct tx *tx, const struct caller *caller);
    /* Write the members of /config.json that http does not know (identityEndpoint, userPoolId, paymentProvider, ...) with json_str(out, name, ...). NULL: none. */
    void (*web_config)(struct app *app, struct buf *out);
    /* Do pages load Stripe's own script? NULL: no. */
    bool (*stripe_pages)(const struct app *app);
};

/* `tables` is a NULL-terminated list of route tables, `schemas` of answer schemas. Listens at once, accepts after http_run. */
struct http *http_open(struct app *app, const struct route *const *tables, const struct answer_schema *const *schemas,
                       const struct http_hooks *hooks, struct buf *error);
/* "127.0.0.1:8080": the address really bound. */
const char *http_address(const struct http *http);
/* Serve until http_stop; calls `ready` once requests are accepted. Runs loop 0 on the calling thread. */
void http_run(struct http *http, void (*ready)(struct app *app));
/* Any thread, also a signal handler's: stop accepting, finish what is in flight (at most 10 s), return from http_run. */
void http_stop(struct http *http);
void http_close(struct http *http);

/* Drop remembered tokens of this account: sign-out, disabling, deletion; NULL: of all, for a signing key was withdrawn. Any thread (use from
 * tx_after_commit). */
void http_epoch_raised(struct app *app, const struct id *account);

/* Take one of `per_minute` tries that the client's address has under `name` (a literal), e.g. "sign-in". False: answer ERR_TOO_MANY_REQUESTS.
 * Always true with USHER_LIMITS off. Any thread; call once a request (not in what may run again). */
bool http_limit_take(struct req *req, const char *name, int per_minute);
/* The client's address behind trusted proxies, 16 bytes: IPv4 as ::ffff:a.b.c.d, an IPv6 client as its /64. */
const uint8_t *http_client(const struct req *req);

/* Is there one left, without taking it? For tries of which only the wrong ones count. Any thread. */
bool http_limit_left(struct req *req, const char *name, int per_minute);

/* For tests and fuzzing: what a fresh connection answers to these bytes, without a socket. `out` is on the heap. Routes must be READ, or refuse. */
void http_feed_for_tests(struct http *http, const char *data, size_t len, struct buf *out);
/* The same in pieces. */
struct http_test_conn;
struct http_test_conn *http_test_open(struct http *http, struct buf *out);
void http_test_feed(struct http_test_conn *conn, const char *data, size_t len);
void http_test_close(struct http_test_conn *conn);

extern const struct person_part http_people[];  /* the stored replies */
extern const struct sweep http_sweeps[];    /* clears Idempotency-Keys after 24 h */
extern const struct route http_routes[];    /* /healthz, /readyz, /metrics, /openapi.json, /config.json, /problems/{slug} */

#endif
