/*
 * GET and HEAD /objects/{key...}: a private bucket. Whoever holds an address
 * that we presigned may fetch it until it expires; nobody else learns even
 * whether it exists, for the signature is checked before the key is looked up.
 * Errors are S3's XML.
 */
#include "objects/objects_inside.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err s3_error(struct req *req, int status, const char *code, const char *message)
{
    struct buf *out = reply_begin(req, status, "application/xml");
    char id[ID_TEXT_LEN + 1];

    id_format(&req->request_id, id);
    buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>\n", code, message, id);
    req->reply.cache_control = "private, no-store";
    return ERR_OK;
}

static enum err s3_refusal(struct req *req, enum sigv4_verdict verdict)
{
    switch (verdict) {
    case SIGV4_UNKNOWN_KEY:
        return s3_error(req, 403, "InvalidAccessKeyId", "The access key is not known here.");
    case SIGV4_MISMATCH:
        return s3_error(req, 403, "SignatureDoesNotMatch", "The signature does not fit this method, host, path and query.");
    case SIGV4_EXPIRED:
        return s3_error(req, 403, "AccessDenied", "Request has expired or is not valid yet.");
    default:
        return s3_error(req, 403, "AccessDenied", "A presigned address is needed.");
    }
}

/* A parameter of the (verified) query, decoded; NULL when absent or when it could end a header line. */
static const char *query_value(struct req *req, const char *name)
{
    size_t name_len = strlen(name);

    for (const char *at = req->query_text; *at;) {
        size_t len = strcspn(at, "&");

        if (len > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0) {
            char *value = url_decode(req->arena, at + name_len + 1, len - name_len - 1, false, NULL);

            for (const char *c = value; c && *c; c++) {
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                    return NULL;
            }
            return value;
        }
        at += len + (at[len] == '&');
    }
    return NULL;
}

static const char *type_of(const char *key)
{
    static const char *const types[][2] = {
        { ".pdf", "application/pdf" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".webp", "image/webp" }, { ".gif", "image/gif" },
    };
    const char *dot = strrchr(key, '.');

    for (size_t i = 0; dot && i < COUNT(types); i++) {
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    }
    return "application/octet-stream";
}

/* The file's bytes, all or one range of them. Takes the descriptor. */
static enum err send_file(struct req *req, int fd, int64_t size, const char *key)
{
    const char *type = query_value(req, "response-content-type");
    const char *disposition = query_value(req, "response-content-disposition");
    const char *range = req_header(req, "range");
    int64_t offset = 0, length = size;
    int status = 200;

    if (range && strcmp(req->method, "GET") == 0) {
        enum err e = objects_range(range, size, &offset, &length);

        if (e == ERR_RANGE) {
            close(fd);
            reply_header(req, "Content-Range", arena_printf(req->arena, "bytes */%" PRId64, size));
            return s3_error(req, 416, "InvalidRange", "The range lies outside the object.");
        }
        if (e == ERR_OK) {
            status = 206;
            reply_header(req, "Content-Range", arena_printf(req->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, offset, offset + length - 1, size));
        }
    }
    reply_begin(req, status, type ? type : type_of(key));
    req->reply.file = fd;
    req->reply.file_offset = offset;
    req->reply.file_length = length;
    req->reply.cache_control = "private, no-store";
    reply_header(req, "Accept-Ranges", "bytes");
    /* An image came from an organizer: it must never run as a page of our origin. */
    reply_header(req, "Content-Security-Policy", "default-src 'none'; sandbox");
    if (disposition)
        reply_header(req, "Content-Disposition", disposition);
    return ERR_OK;
}

/* On a lane: checking takes some 20 us, opening a file may wait for the disk. */
static enum err show_object(struct req *req)
{
    struct objects_address address = objects_address(req->arena, req->app->public_url);
    struct sigv4 with = objects_signer(req->app->objects, address.host);
    size_t path_len = strcspn(req->raw_target, "?");
    const char *path = arena_printf(req->arena, "%s%.*s", address.prefix, (int)path_len, req->raw_target);
    enum sigv4_verdict verdict = sigv4_verify(req->arena, &with, req->method, path, req->query_text, with.host, req->now_ms);
    int64_t size;
    int fd;

    /* What we give away is signed for the public host and holds however the request reached us: behind a proxy that rewrites Host, after a
     * restart on another port. A client with the keys signs for the host that it knows us by. */
    if (verdict == SIGV4_MISMATCH)
        verdict = sigv4_verify(req->arena, &with, req->method, path, req->query_text, req_header(req, "host"), req->now_ms);
    if (verdict != SIGV4_GOOD)
        return s3_refusal(req, verdict);
    fd = objects_file(req->app->objects, req->rest, &size);
    if (fd < 0)
        return s3_error(req, 404, "NoSuchKey", "There is no such object.");
    return send_file(req, fd, size, req->rest);
}

const struct route object_routes[] = {
    { .method = "GET", .path = "/objects/{key...}", .kind = WORK, .work = show_object, .lane = LANE_SCAN, .raw = true,
      .summary = "Fetch a stored file by its presigned address (S3 query form of Signature Version 4)",
      .answer_type = "*/*", .problem_type = "application/xml" },
    { .method = "HEAD", .path = "/objects/{key...}", .kind = WORK, .work = show_object, .lane = LANE_SCAN, .raw = true },
    ROUTE_END
};
