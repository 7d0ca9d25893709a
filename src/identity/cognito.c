/* cognito.c - see cognito.h. */
#include "identity/cognito.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *name, *text; } errors[] = {
#define X(name, text) [COGNITO_##name] = { #name, text },
    COGNITO_ERRORS(X)
#undef X
};
_Static_assert(COUNT(errors) == COGNITO_ERROR_COUNT, "each error has its line");

static struct buf *begin(struct req *req, int status)
{
    char *id = arena_alloc(req->arena, ID_TEXT_LEN + 1);
    struct buf *out = reply_begin(req, status, "application/x-amz-json-1.1");

    id_format(&req->request_id, id);
    reply_header(req, "x-amzn-requestid", id);
    req->reply.cache_control = "private, no-store";
    return out;
}

static void answer_error(struct req *req, enum cognito_error error, const char *message)
{
    struct buf *out = begin(req, error == COGNITO_InternalErrorException ? 500 : 400);

    reply_header(req, "x-amzn-errortype", errors[error].name);
    json_open(out, NULL);
    json_str(out, "__type", errors[error].name);
    json_str(out, "message", message);
    json_close(out);
}

enum err cognito_refuse(struct req *req, enum cognito_error error, const char *format, ...)
{
    const char *message = errors[error].text;

    if (format) {
        va_list args;

        va_start(args, format);
        int len = vsnprintf(NULL, 0, format, args);
        va_end(args);
        char *line = arena_alloc(req->arena, (size_t)MAX(len, 0) + 1);
        va_start(args, format);
        vsnprintf(line, (size_t)MAX(len, 0) + 1, format, args);
        va_end(args);
        message = line;
    }
    answer_error(req, error, message);
    return ERR_OK;
}

void cognito_problem(struct req *req, enum err e)
{
    switch (e) {
    case ERR_BUSY:
    case ERR_TOO_MANY_REQUESTS:
        answer_error(req, COGNITO_TooManyRequestsException, errors[COGNITO_TooManyRequestsException].text);
        break;
    case ERR_UNAUTHENTICATED:
    case ERR_FORBIDDEN:
        answer_error(req, COGNITO_NotAuthorizedException, "Access Token has been revoked");
        break;
    case ERR_BAD_REQUEST:
        answer_error(req, COGNITO_SerializationException, req->fault.detail ? req->fault.detail : errors[COGNITO_SerializationException].text);
        break;
    default:
        if (err_info(e)->status < 500)
            answer_error(req, COGNITO_InvalidParameterException, req->fault.detail ? req->fault.detail : err_info(e)->title);
        else
            answer_error(req, COGNITO_InternalErrorException, errors[COGNITO_InternalErrorException].text);
    }
}

struct buf *cognito_reply(struct req *req)
{
    return begin(req, 200);
}

enum err cognito_reply_empty(struct req *req)
{
    buf_str(cognito_reply(req), "{}");
    return ERR_OK;
}

/* ---- reading ---- */

const char *cognito_operation(const struct req *req)
{
    static const char service[] = "AWSCognitoIdentityProviderService.";
    const char *target = req_header(req, "x-amz-target");

    return target && strncmp(target, service, sizeof service - 1) == 0 ? target + sizeof service - 1 : NULL;
}

static const struct field *field_named(const struct shape *shape, const char *name)
{
    for (const struct field *field = shape->fields; field->name; field++) {
        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

/* Take away what the shape does not know, and nulls, which AWS clients send for "not given". As deep as the shape is. */
static void strip(json_t *object, const struct shape *shape)
{
    const char *name;
    void *next;
    json_t *value;

    if (!json_is_object(object))
        return;
    json_object_foreach_safe(object, next, name, value)
    {
        const struct field *field = field_named(shape, name);

        if (!field || json_is_null(value)) {
            json_object_del(object, name);
        } else if (field->type == FIELD_OBJECT) {
            strip(value, field->shape);
        } else if (field->type == FIELD_LIST) {
            size_t i;
            json_t *item;

            json_array_foreach(value, i, item)
                strip(item, field->shape);
        }
    }
}

bool cognito_read(struct req *req, struct json_t *document, const struct shape *shape, void **out)
{
    if (!json_is_object(document)) {
        cognito_problem(req, ERR_BAD_REQUEST);
        return false;
    }
    strip(document, shape);
    enum err e = shape_read_value(shape, document, out, &req->fault);
    if (e) {
        const struct field_fault *first = req->fault.fields;

        if (first)
            refuse(req, InvalidParameterException, "1 validation error detected: Value at '%s' failed to satisfy constraint: %s",
                   first->pointer[0] ? first->pointer + 1 : "", first->detail);
        else
            cognito_problem(req, e);
    }
    return e == ERR_OK;
}

/* ---- addresses ---- */

/* Bytes of the first character: UTF-8 that was checked on the way in. */
static int first_char(const char *text)
{
    int len = text[0] != 0;

    while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
        len++;
    return len;
}

const char *cognito_mask(struct arena *arena, const char *email)
{
    const char *at = strrchr(email, '@');
    const char *domain = at ? at + 1 : "";

    return arena_printf(arena, "%.*s***@%.*s***", first_char(email), email, first_char(domain), domain);
}

void cognito_delivery(struct buf *out, struct arena *arena, const char *email)
{
    json_open(out, "CodeDeliveryDetails");
    json_str(out, "AttributeName", "email");
    json_str(out, "DeliveryMedium", "EMAIL");
    json_str(out, "Destination", cognito_mask(arena, email));
    json_close(out);
}
