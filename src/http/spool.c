#include "http/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static enum err outcome_of(int error)
{
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return ERR_DISK_FULL;
    log_error("An export could not be written: %s.", strerror(error));
    return ERR_INTERNAL;
}

void spool_open(struct spool *spool, struct req *req)
{
    char *path = arena_printf(req->arena, "%s/export-XXXXXX", req->app->config->data);

    *spool = (struct spool){ .req = req, .file = mkostemp(path, O_CLOEXEC) };
    if (spool->file >= 0)
        unlink(path);
    else
        spool->outcome = outcome_of(errno);
}

void spool_add(struct spool *spool, const void *data, size_t len)
{
    if (!spool->outcome && spool->written + (int64_t)len > SPOOL_BYTES_MAX)
        spool->outcome = ERR_DISK_FULL;
    for (size_t at = 0; at < len && !spool->outcome;) {
        ssize_t done = write(spool->file, (const char *)data + at, len - at);

        if (done > 0)
            at += (size_t)done;
        else if (errno != EINTR)
            spool->outcome = outcome_of(errno);
    }
    if (!spool->outcome)
        spool->written += (int64_t)len;
}

enum err spool_reply(struct spool *spool, const char *content_type, const char *filename)
{
    struct reply *reply = &spool->req->reply;

    if (spool->outcome) {
        spool_drop(spool);
        return spool->outcome;
    }
    reply_begin(spool->req, 200, content_type);
    reply_header(spool->req, "Content-Disposition", arena_printf(spool->req->arena, "attachment; filename=\"%s\"", filename));
    reply->file = spool->file;
    reply->file_offset = 0;
    reply->file_length = spool->written;
    return ERR_OK;
}

void spool_drop(struct spool *spool)
{
    if (spool->file >= 0)
        close(spool->file);
    spool->file = -1;
}
