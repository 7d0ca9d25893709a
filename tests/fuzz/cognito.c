/*
 * Cognito's JSON 1.1: every operation and its body. The input's first line is the operation, as in X-Amz-Target; the rest is the body. What is
 * not accepted gets an exception with a name; what is accepted is accepted again with members that nobody knows, and nulls, added (a member
 * that is there twice is refused, so names are taken that are not there yet).
 */
#include <jansson.h>

#include "fuzz.h"
#include "identity/operations.h"

static struct req *new_req(struct arena *arena, const char *body, size_t len)
{
    static const struct config config = { .srp = true };
    static struct app app = { .config = &config };
    struct req *req = ARENA_NEW(arena, struct req);

    req->app = &app;
    req->arena = req->fault.arena = req->reply.body.arena = arena;
    req->body_bytes = (struct bytes){ body, len };
    return req;
}

/* {"__type":...,"message":...} with status 400, as JSON. */
static void is_exception(struct req *req)
{
    struct json_t *reply = NULL;

    HOLDS(req->reply.status == 400);
    HOLDS(json_parse(req->arena, req->reply.body.data, req->reply.body.len, &reply, &req->fault) == ERR_OK);
    HOLDS(json_object_size(reply) == 2 && json_string_length(json_object_get(reply, "__type")) > 0);
    HOLDS(json_string_length(json_object_get(reply, "message")) > 0);
}

/* A name that the document's outermost object does not have. */
static const char *new_name(struct req *req, const char *name)
{
    struct json_t *document = NULL;

    HOLDS(json_parse(req->arena, req->body_bytes.data, req->body_bytes.len, &document, &req->fault) == ERR_OK);
    while (json_object_get(document, name))
        name = arena_printf(req->arena, "%sz", name);
    return name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    const char *name = fuzz_line(arena, &data, &size);
    const char *text = arena_copy(arena, data, size), *brace = memchr(text, '{', size);
    const struct operation *operation = NULL, *again = NULL;
    struct req *req = new_req(arena, text, size);
    void *in = NULL, *in_again = NULL;
    enum err e = operation_read(req, name, &operation, &in);

    HOLDS(e == ERR_OK || e == ERR_BAD_REQUEST);
    if (e || !operation) {
        if (!e)
            is_exception(req);
        return 0;
    }
    HOLDS(strcmp(operation->name, name) == 0 && in && brace && req->reply.status == 0);
    const struct for_client *first = in;
    HOLDS(strlen(first->client_id) <= (operation->by_token ? TOKEN_TEXT_MAX : 128)); /* the token, where it is by token */

    const char *more = arena_printf(arena, "%.*s{\"%s\":{\"a\":[1]},\"%s\":null,%s", (int)(brace - text), text, new_name(req, ""), new_name(req, "y"),
                                    brace + 1);
    HOLDS(operation_read(new_req(arena, more, strlen(more)), name, &again, &in_again) == ERR_OK);
    HOLDS(again == operation && memcmp(in, in_again, sizeof(struct given)) == 0);
    PLANT(operation->flow && strlen(first->client_id) > strlen("client"));
    return 0;
}
