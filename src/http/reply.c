/* reply.c - what handlers begin their answers with. */
#include "http/req.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

struct buf *reply_begin(struct req *req, int status, const char *content_type)
{
    req->reply.status = status;
    req->reply.content_type = content_type;
    buf_clear(&req->reply.body);
    return &req->reply.body;
}

struct buf *reply_json(struct req *req, int status)
{
    return reply_begin(req, status, "application/json");
}

enum err reply_empty(struct req *req, int status)
{
    reply_begin(req, status, NULL);
    return ERR_OK;
}

void reply_header(struct req *req, const char *name, const char *value)
{
    struct reply_header *header = ARENA_NEW(req->arena, struct reply_header), **at = &req->reply.headers;

    header->name = name;
    header->value = value;
    while (*at)
        at = &(*at)->next;
    *at = header;
}

void reply_etag_of_body(struct req *req)
{
    unsigned char hash[16];
    char *tag = arena_alloc(req->arena, 2 * sizeof hash + 3);

    crypto_generichash(hash, sizeof hash, (const unsigned char *)req->reply.body.data, req->reply.body.len, NULL, 0);
    tag[0] = '"';
    sodium_bin2hex(tag + 1, 2 * sizeof hash + 1, hash, sizeof hash);
    tag[1 + 2 * sizeof hash] = '"';
    req->reply.etag = tag;
}
