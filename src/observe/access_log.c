#include "observe/access_log.h"

#include <string.h>

#include "base/log.h"

/* By hand, not printf: this runs for every request that the reply cache answers, too. Nothing in it needs quoting: methods come from the
 * parser's list, templates from our tables, ids are hex. */
static char *put_int(char *at, int64_t value)
{
    char digits[24], *end = digits + sizeof digits, *from = end;
    uint64_t rest = value < 0 ? 0 : (uint64_t)value;

    do
        *--from = (char)('0' + rest % 10);
    while (rest /= 10);
    return mempcpy(at, from, (size_t)(end - from));
}

#define PUT(at, literal) mempcpy((at), (literal), sizeof(literal) - 1)

void access_log_write(struct buf *scratch, const struct access_line *line)
{
    size_t method = strlen(line->method), route = strlen(line->route);
    char *at;

    buf_clear(scratch);
    at = buf_reserve(scratch, 400 + method + route);
    at = PUT(at, "{\"time\":\"");
    at = mempcpy(at, line->time, 20);
    *at++ = (char)('0' + line->ms / 100 % 10);
    *at++ = (char)('0' + line->ms / 10 % 10);
    *at++ = (char)('0' + line->ms % 10);
    at = PUT(at, "Z\",\"level\":\"info\",\"message\":\"request\",\"requestId\":\"");
    id_format(line->request_id, at);
    at += ID_TEXT_LEN;
    at = PUT(at, "\",\"traceId\":\"");
    at = mempcpy(at, line->trace_id, 32);
    at = PUT(at, "\",\"method\":\"");
    at = mempcpy(at, line->method, method);
    at = PUT(at, "\",\"route\":\"");
    at = mempcpy(at, line->route, route);
    at = PUT(at, "\",\"status\":");
    at = put_int(at, line->status);
    at = PUT(at, ",\"bytes\":");
    at = put_int(at, line->bytes);
    at = PUT(at, ",\"us\":");
    at = put_int(at, line->us);
    if (line->account) {
        at = PUT(at, ",\"account\":\"");
        id_format(line->account, at);
        at += ID_TEXT_LEN;
        *at++ = '"';
    }
    *at++ = '}';
    log_json(scratch->data, (size_t)(at - scratch->data));
}
