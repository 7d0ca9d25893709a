/*
 * `usher render`: the child that draws. It has no key, no database, no other
 * descriptor than its socket, and little to take with it when a font or a name
 * brings it down.
 */
#include "tickets/render_wire.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/clock.h"

/* cairo 1.16 loses some 800 bytes with each subset of a CFF font (Chinese, Japanese, Korean): 16 MB by then, and a fresh child costs 50 ms. */
#define DRAWINGS_MAX 10000
#define MEMORY_MAX (1024u * 1024 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer))
#else
#define SANITIZED 0
#endif

static void limit(int what, rlim_t most)
{
    struct rlimit both = { most, most };

    setrlimit(what, &both);
}

static void put_up_walls(void)
{
    setpriority(PRIO_PROCESS, 0, 10);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 64);
    if (!SANITIZED) /* which reserves terabytes of addresses */
        limit(RLIMIT_AS, MEMORY_MAX);
    /* A terminal's Ctrl-C, and systemd, signal the whole group; the server still finishes its requests then. It ends us by closing the socket. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
}

/* One request, one reply. False when the server is gone or sent what it never would. */
static bool serve_one(struct arena *arena)
{
    int64_t until_us = clock_mono_us() + RENDER_DRAWING_MS * INT64_C(1000);
    struct render_reply reply = { .err = ERR_INTERNAL };
    struct render_ticket ticket;
    struct bytes pdf = { 0 };
    uint32_t len;
    char *request;
    bool receipt;

    if (!render_receive(RENDER_FD, &len, sizeof len, until_us))
        return false;
    receipt = len & RENDER_RECEIPT;
    len &= ~RENDER_RECEIPT;
    if (len > RENDER_REQUEST_MAX)
        return false;
    request = arena_alloc(arena, len);
    if (!render_receive(RENDER_FD, request, len, until_us) || (!receipt && !render_read_request(arena, request, len, &ticket)))
        return false;
    reply.err = receipt ? render_draw_receipt(arena, request, len, &pdf) : render_draw(arena, &ticket, &pdf);
    reply.length = reply.err ? 0 : (uint32_t)pdf.len;
    return render_send(RENDER_FD, &reply, sizeof reply, until_us) && render_send(RENDER_FD, pdf.data, reply.length, until_us);
}

int render_child_main(void)
{
    struct arena *arena = arena_new(1 << 18);
    struct pollfd socket = { .fd = RENDER_FD, .events = POLLIN };
    bool going = true;

    put_up_walls();
    for (int i = 0; going && i < DRAWINGS_MAX && poll(&socket, 1, RENDER_IDLE_MS) > 0; i++) {
        going = serve_one(arena);
        arena_reset(arena);
    }
    render_draw_end();
    arena_free(arena);
    return 0;
}
