/* access_log.h - one JSON line a request: template and status, never an address, a query, an id in a path, or an e-mail. */
#ifndef USHER_OBSERVE_ACCESS_LOG_H
#define USHER_OBSERVE_ACCESS_LOG_H

#include "base/buf.h"
#include "base/id.h"

struct access_line {
    const char *time;            /* "2026-11-22T19:00:00." */
    int ms;
    const struct id *request_id;
    const char *trace_id, *method, *route;
    int status;
    int64_t bytes, us;
    const struct id *account;    /* NULL: not signed in */
};

/* `scratch` is reused from line to line. */
void access_log_write(struct buf *scratch, const struct access_line *line);

#endif
