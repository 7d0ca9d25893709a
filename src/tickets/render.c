/* The server's side of drawing: start the child, hand it a ticket, take the PDF, start it again when it died. */
#include "tickets/render_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

struct render {
    pthread_mutex_t lock; /* held for a whole drawing: the child does one at a time anyway */

    /* Guarded by lock. */
    pid_t child;          /* 0: none */
    int fd;
};

struct render *render_open(struct buf *error)
{
    struct render *render = calloc(1, sizeof *render);

    if (!render)
        log_die("Out of memory.");
    pthread_mutex_init(&render->lock, NULL);
    render->fd = -1;
    return render;
}

/* Killed even where it should be ending by itself: a child that was taken over may have closed its socket and stayed, and we wait for it. */
static void child_end(struct render *render)
{
    int status = 0;

    if (!render->child)
        return;
    close(render->fd);
    kill(render->child, SIGKILL);
    while (waitpid(render->child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        log_warn("The drawing process was ended by signal %d.", WTERMSIG(status));
    render->child = 0;
    render->fd = -1;
}

void render_close(struct render *render)
{
    if (!render)
        return;
    pthread_mutex_lock(&render->lock);
    child_end(render);
    pthread_mutex_unlock(&render->lock);
    pthread_mutex_destroy(&render->lock);
    free(render);
}

static bool child_start(struct render *render)
{
    static char *const args[] = { "usher", "render", NULL };
    static char *const environment[] = { "LANG=C.UTF-8", "PATH=/usr/bin:/bin", NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int pair[2], error;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        log_error("The drawing process could not be started: %s.", strerror(errno));
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], RENDER_FD);
    for (int fd = 0; fd < RENDER_FD; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, RENDER_FD + 1);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawn(&render->child, "/proc/self/exe", &actions, &attributes, args, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    if (error) {
        log_error("The drawing process could not be started: %s.", strerror(error));
        close(pair[0]);
        render->child = 0;
        return false;
    }
    render->fd = pair[0];
    return true;
}

/* An idle child has nothing to say: readable means that it has ended. */
static bool child_gone(struct render *render)
{
    char byte;
    ssize_t n = recv(render->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

    return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

void render_reap(struct render *render)
{
    if (pthread_mutex_trylock(&render->lock))
        return;
    if (render->child && child_gone(render))
        child_end(render);
    pthread_mutex_unlock(&render->lock);
}

/* False when the child failed us: it died, took too long, or answered nonsense. */
static bool ask(struct render *render, struct arena *arena, const struct buf *request, struct bytes *out, enum err *e)
{
    int64_t until_us = clock_mono_us() + RENDER_DRAWING_MS * INT64_C(1000);
    struct render_reply reply;
    char *pdf;

    if (!render_send(render->fd, request->data, request->len, until_us) || !render_receive(render->fd, &reply, sizeof reply, until_us))
        return false;
    if (reply.length > RENDER_REPLY_MAX || reply.err >= ERR_COUNT)
        return false;
    pdf = arena_alloc(arena, reply.length);
    if (!render_receive(render->fd, pdf, reply.length, until_us))
        return false;
    *out = (struct bytes){ pdf, reply.length };
    *e = (enum err)reply.err;
    return true;
}

static enum err draw(struct render *render, struct arena *arena, const struct buf *request, struct bytes *out)
{
    enum err e = ERR_BUSY;

    pthread_mutex_lock(&render->lock);
    if (render->child && child_gone(render))
        child_end(render);
    for (int tries = 0; tries < 2; tries++) {
        if (!render->child && !child_start(render))
            break;
        if (ask(render, arena, request, out, &e))
            break;
        log_warn("The drawing process died or was too slow; it is started again.");
        child_end(render);
    }
    pthread_mutex_unlock(&render->lock);
    if (e == ERR_INTERNAL)
        log_error("A page could not be drawn: no fonts (fonts-noto-core), or no memory.");
    return e;
}

enum err render_pdf(struct render *render, struct arena *arena, const struct render_ticket *ticket, struct bytes *out)
{
    struct buf request = buf_heap();
    enum err e;

    render_write_request(&request, ticket);
    e = draw(render, arena, &request, out);
    buf_free(&request);
    return e;
}

enum err render_receipt_pdf(struct render *render, struct arena *arena, const char *json, size_t len, struct bytes *out)
{
    struct buf request = buf_heap();
    uint32_t word = (uint32_t)len | RENDER_RECEIPT;
    enum err e;

    if (len > RENDER_REQUEST_MAX)
        return ERR_INTERNAL;
    buf_add(&request, &word, sizeof word);
    buf_add(&request, json, len);
    e = draw(render, arena, &request, out);
    buf_free(&request);
    return e;
}
