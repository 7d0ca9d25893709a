/* problem.c - an error becomes application/problem+json (RFC 9457). */
#include "http/inner.h"

#include <string.h>
#include <unistd.h>

/* What a Retry-After says when nobody knew better. */
static int retry_after_s(const struct req *req, enum err e)
{
    if (req->fault.retry_after_s)
        return req->fault.retry_after_s;
    return e == ERR_BUSY ? 1 : e == ERR_TOO_MANY_REQUESTS ? 60 : e == ERR_DISK_FULL ? 60 : 0;
}

static void problem_reset(struct req *req, enum err e)
{
    int wait = retry_after_s(req, e);

    /* What a handler prepared before it refused is not sent. */
    if (req->reply.file >= 0)
        close(req->reply.file);
    req->reply = (struct reply){ .file = -1, .body = buf_in(req->arena) };
    if (wait)
        reply_header(req, "Retry-After", arena_printf(req->arena, "%d", wait));
}

static void problem_json(struct req *req, enum err e)
{
    const struct err_info *info = err_info(e);
    struct buf *body = reply_begin(req, info->status, "application/problem+json");
    char id[ID_TEXT_LEN + 1];

    id_format(&req->request_id, id);
    json_open(body, NULL);
    json_str(body, "type", arena_printf(req->arena, "/problems/%s", info->slug));
    json_str(body, "title", info->title);
    json_int(body, "status", info->status);
    json_str(body, "detail", req->fault.detail ? req->fault.detail : info->text);
    json_str(body, "requestId", id);
    if (req->fault.fields) {
        json_open_array(body, "errors");
        for (const struct field_fault *field = req->fault.fields; field; field = field->next) {
            json_open(body, NULL);
            json_str(body, "pointer", field->pointer);
            json_str(body, "code", field->code);
            json_str(body, "detail", field->detail);
            json_close(body);
        }
        json_close_array(body);
    }
    if (req->fault.extra_json) {
        buf_char(body, ',');
        buf_str(body, req->fault.extra_json);
    }
    json_close(body);
}

void problem_write(struct req *req, enum err e)
{
    problem_reset(req, e);
    if (req->route && req->route->problem)
        req->route->problem(req, e);
    if (!req->reply.status)
        problem_json(req, e);
}
