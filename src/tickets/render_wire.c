#include "tickets/render_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

static void write_text(struct buf *out, const char *text)
{
    uint32_t len = RENDER_NO_TEXT;

    if (text) {
        size_t whole = strlen(text);

        if (whole > RENDER_TEXT_MAX) {
            whole = RENDER_TEXT_MAX;
            while (whole && ((unsigned char)text[whole] & 0xc0) == 0x80)
                whole--;
        }
        len = (uint32_t)whole;
    }
    buf_add(out, &len, sizeof len);
    if (text)
        buf_add(out, text, len);
}

void render_write_request(struct buf *out, const struct render_ticket *ticket)
{
    size_t from = out->len;
    uint32_t len = 0;

    buf_add(out, &len, sizeof len);
    buf_add(out, &ticket->dated_ms, sizeof ticket->dated_ms);
#define X(member) write_text(out, ticket->member);
    RENDER_TEXTS(X)
#undef X
    len = (uint32_t)(out->len - from - sizeof len);
    memcpy(out->data + from, &len, sizeof len);
}

struct cursor {
    const char *at;
    size_t left;
};

static bool take(struct cursor *in, void *out, size_t len)
{
    if (in->left < len)
        return false;
    memcpy(out, in->at, len);
    in->at += len;
    in->left -= len;
    return true;
}

static bool take_text(struct arena *arena, struct cursor *in, const char **out)
{
    uint32_t len;

    *out = NULL;
    if (!take(in, &len, sizeof len))
        return false;
    if (len == RENDER_NO_TEXT)
        return true;
    if (len > RENDER_TEXT_MAX || len > in->left)
        return false;
    *out = arena_copy(arena, in->at, len);
    in->at += len;
    in->left -= len;
    return true;
}

bool render_read_request(struct arena *arena, const void *data, size_t len, struct render_ticket *out)
{
    struct cursor in = { data, len };

    *out = (struct render_ticket){ 0 };
    if (!take(&in, &out->dated_ms, sizeof out->dated_ms))
        return false;
#define X(member)                                 \
    if (!take_text(arena, &in, &out->member)) \
        return false;
    RENDER_TEXTS(X)
#undef X
    return in.left == 0;
}

static bool wait_for(int fd, short events, int64_t until_us)
{
    struct pollfd one = { .fd = fd, .events = events };

    for (;;) {
        int64_t left_ms = (until_us - clock_mono_us() + 999) / 1000;
        int n;

        if (left_ms <= 0)
            return false;
        n = poll(&one, 1, (int)MIN(left_ms, INT32_MAX));
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

bool render_send(int fd, const void *data, size_t len, int64_t until_us)
{
    const char *at = data;

    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (!wait_for(fd, POLLOUT, until_us)) {
            return false;
        }
    }
    return true;
}

bool render_receive(int fd, void *data, size_t len, int64_t until_us)
{
    char *at = data;

    while (len) {
        ssize_t n = recv(fd, at, len, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (!wait_for(fd, POLLIN, until_us)) {
            return false;
        }
    }
    return true;
}
