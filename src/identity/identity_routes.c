/*
 * identity_routes.c - the address of Cognito's wire, and where the pool's public keys are found.
 *
 * All operations share one address, so the route's three steps look the
 * operation up in the lists of operations.h and carry out its steps.
 */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "identity/operations.h"

static const struct operation *const operations[] = { sign_up_operations, sign_in_operations, srp_operations, token_operations, account_operations, mfa_operations };

/* The row for this request, or NULL with an exception answered. */
static const struct operation *find_operation(struct req *req, const char *name, const struct json_t *document)
{
    const char *member = name && strcmp(name, "RespondToAuthChallenge") == 0 ? "ChallengeName" : "AuthFlow";
    const char *flow = json_string_value(json_object_get(document, member));
    bool named = false;

    for (size_t i = 0; name && i < COUNT(operations); i++) {
        for (const struct operation *row = operations[i]; row->name; row++) {
            if (strcmp(row->name, name) != 0)
                continue;
            named = true;
            if ((!row->flow || (flow && strcmp(row->flow, flow) == 0)) && (!row->srp || req->app->config->srp))
                return row;
        }
    }
    if (!named)
        refuse(req, UnknownOperationException, NULL);
    else if (flow)
        refuse(req, InvalidParameterException, "This auth flow is not enabled for this client.");
    else
        refuse(req, InvalidParameterException, "1 validation error detected: Value at '%s' failed to satisfy constraint: it is required", member);
    return NULL;
}

enum err operation_read(struct req *req, const char *name, const struct operation **operation, void **in)
{
    struct json_t *document = NULL;
    enum err e = json_parse(req->arena, req->body_bytes.data, req->body_bytes.len, &document, &req->fault) ? ERR_BAD_REQUEST : ERR_OK;

    *operation = e ? NULL : find_operation(req, name, document);
    if (*operation && !cognito_read(req, document, (*operation)->shape, in))
        *operation = NULL;
    return e;
}

static bool client_good(struct req *req, const struct call *call)
{
    const struct for_client *in = call->in;

    if (call->operation->by_token || strcmp(in->client_id, identity_of(req)->client_id) == 0)
        return true;
    refuse(req, ResourceNotFoundException, NULL);
    return false;
}

static enum err begin(struct req *req, struct tx *tx)
{
    struct call *call = ARENA_NEW(req->arena, struct call);

    call->began_us = clock_mono_us();
    if (identity_of(req)->outside)
        return refuse(req, ResourceNotFoundException, "There is no user pool here: people sign in at %s", identity_of(req)->issuer);
    enum err e = operation_read(req, cognito_operation(req), &call->operation, &call->in);
    if (e)
        return e;
    if (!call->operation || !client_good(req, call))
        return ERR_OK;
    if (call->operation->limit && !http_limit_take(req, call->operation->limit, call->operation->per_minute))
        return refuse(req, TooManyRequestsException, NULL);
    call->lane = call->operation->lane;
    call->client = identity_client(identity_of(req), req);
    req->state = call;
    return call->operation->look ? call->operation->look(req, tx, call) : ERR_OK;
}

static enum lane lane_of(struct req *req)
{
    const struct call *call = req->state;

    return call->lane;
}

static enum err work(struct req *req)
{
    struct call *call = req->state;
    enum err e = call->operation->work(req, call);

    if (call->operation->least_us)
        clock_mono_wait(call->began_us + call->operation->least_us);
    return e;
}

static enum err finish(struct req *req, struct tx *tx)
{
    struct call *call = req->state;

    assert(call->operation->finish);
    return call->operation->finish(req, tx, call);
}

/* Zero for a name without an account, which has nothing to write. */
static enum err key_of_account(struct req *req, struct tx *tx, struct id *out)
{
    const struct call *call = req->state;

    *out = call->account.id;
    return ERR_OK;
}

/* ---- the public keys ---- */

static enum err reply_configuration(struct req *req)
{
    const struct buf *document = &identity_of(req)->configuration;
    struct buf *out = reply_json(req, 200);

    buf_add(out, document->data, document->len);
    reply_etag_of_body(req);
    return ERR_OK;
}

/* Written anew each time: who fetches it keeps it, and a key that was rotated is in the next answer. */
static enum err reply_key_set(struct req *req)
{
    if (!identity_key_set(identity_of(req), reply_json(req, 200)))
        return ERR_BUSY;
    req->reply.cache_control = arena_printf(req->arena, "public, max-age=%d", KEY_SET_CACHE_SECONDS);
    reply_etag_of_body(req);
    return ERR_OK;
}

static enum err show_document(struct req *req, struct tx *tx)
{
    struct identity *identity = identity_of(req);

    if (identity->outside) /* it publishes its own */
        return ERR_NOT_FOUND;
    size_t pool_len = strlen(identity->pool_id);
    const char *rest = strncmp(req->rest, identity->pool_id, pool_len) == 0 ? req->rest + pool_len : "";

    if (strcmp(rest, "/.well-known/openid-configuration") == 0)
        return reply_configuration(req);
    if (strcmp(rest, "/.well-known/jwks.json") != 0)
        return ERR_NOT_FOUND;
    return identity_keys_ready(identity) ? reply_key_set(req) : ERR_OK;
}

/* Only in the first half second of the first start. */
static enum err wait_for_keys(struct req *req)
{
    identity_keys_wait(identity_of(req));
    return reply_key_set(req);
}

#define OPERATIONS_ROUTE(path_, summary_)                                                                                           \
    { "POST", path_, WORK, begin, .work = work, .after = finish, .lane = LANE_HASH, .lane_of = lane_of, .before_reads = true,       \
      .body_type = "application/x-amz-json-1.1", .key = key_of_account, .urgent = true, .raw = true, .problem = cognito_problem,    \
      .answer_type = "application/x-amz-json-1.1", .problem_type = "application/x-amz-json-1.1", .summary = summary_ }

const struct route identity_routes[] = {
    OPERATIONS_ROUTE("/identity/", "Amazon Cognito's user pool operations, named by X-Amz-Target"),
    OPERATIONS_ROUTE("/identity", NULL),
    { "GET", "/identity/{path...}", WORK, show_document, .work = wait_for_keys, .lane = LANE_SIGN, .before_reads = true, .raw = true,
      .cache = CACHE_STATIC, .summary = "{poolId}/.well-known/jwks.json: the keys that tokens are verified by; openid-configuration beside it",
      .answer_type = "application/json" },
    ROUTE_END
};
