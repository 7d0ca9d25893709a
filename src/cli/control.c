#include "cli/control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/backup.h"
#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/keys.h"
#include "cli/parts.h"
#include "cli/user.h"

#define SOCKET_NAME "control.sock"
#define PEER_SILENT_SECONDS 5
/* A backup of a large folder takes as long as the disk does. */
#define ANSWER_SECONDS 3600

struct control {
    struct app *app;
    char *path;
    int listener;
    pthread_t thread;
    atomic_bool stopping;
};

/* ---- requests ---- */

static void reply_error(struct buf *reply, const char *sentence)
{
    buf_clear(reply);
    json_open(reply, NULL);
    json_bool(reply, "ok", false);
    json_str(reply, "error", sentence);
    json_close(reply);
}

void control_execute(struct app *app, const char *line, size_t len, struct buf *reply)
{
    static const struct {
        const char *command;
        /* Appends members of the reply object, or sets the fault. */
        enum err (*run)(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault);
    } requests[] = {
        { "user-add", user_add }, { "user-list", user_list }, { "user-group", user_group }, { "user-disable", user_disable },
        { "user-mfa-off", user_mfa_off }, { "user-delete", user_delete }, { "keys-rotate", keys_rotate }, { "keys-list", keys_list },
        { "backup", backup_serving },
    };
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    struct json_t *request = NULL;
    const char *command = NULL;
    enum err e = json_parse(arena, line, len, &request, &fault);
    size_t n = 0;

    if (!e)
        command = json_string_value(json_object_get(request, "command"));
    while (n < COUNT(requests) && (!command || strcmp(command, requests[n].command) != 0))
        n++;
    if (!e && n == COUNT(requests))
        e = fault_set(&fault, ERR_BAD_REQUEST, "There is no such command.");
    if (!e) {
        json_open(reply, NULL);
        json_bool(reply, "ok", true);
        e = requests[n].run(app, arena, request, reply, &fault);
        json_close(reply);
    }
    if (e)
        reply_error(reply, fault.detail ? fault.detail : err_info(e)->title);
    arena_free(arena);
}

/* ---- the socket ---- */

/* A socket's address has room for 107 bytes; by way of the folder's descriptor any path fits. */
static bool socket_address(int folder, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    return snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/" SOCKET_NAME, folder) < (int)sizeof out->sun_path;
}

static void set_patience(int fd, int seconds)
{
    struct timeval patience = { .tv_sec = seconds };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/* Read up to a newline, at most `most` bytes of line. */
static bool read_line(int fd, struct buf *line, size_t most)
{
    for (;;) {
        char piece[4096], *newline;
        ssize_t n = recv(fd, piece, sizeof piece, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        newline = memchr(piece, '\n', (size_t)n);
        buf_add(line, piece, newline ? (size_t)(newline - piece) : (size_t)n);
        if (line->len > most)
            return false;
        if (newline)
            return true;
    }
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The file's mode keeps others out already; this holds even if someone widens it. */
static bool peer_is_owner(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void serve_peer(struct control *control, int fd)
{
    struct buf line = buf_heap(), reply = buf_heap();

    set_patience(fd, PEER_SILENT_SECONDS);
    if (peer_is_owner(fd) && read_line(fd, &line, CONTROL_LINE_MAX)) {
        control_execute(control->app, line.data, line.len, &reply);
        buf_char(&reply, '\n');
        if (!send_all(fd, reply.data, reply.len))
            log_warn("A command left before its answer.");
    }
    if (line.len) /* it may have held a password's hash */
        explicit_bzero(line.data, line.len);
    buf_free(&line);
    buf_free(&reply);
}

static void *serve_peers(void *arg)
{
    struct control *control = arg;

    while (!atomic_load(&control->stopping)) {
        int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve_peer(control, fd);
            close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED && !atomic_load(&control->stopping)) {
            sleep(1); /* out of descriptors: that passes */
        }
    }
    return NULL;
}

struct control *control_open(struct app *app, struct buf *error)
{
    struct control *control = calloc(1, sizeof *control);
    struct buf path = buf_heap();
    struct sockaddr_un address;
    int folder = open(app->config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (!control)
        abort();
    buf_printf(&path, "%s/" SOCKET_NAME, app->config->data);
    control->app = app;
    control->path = path.data;
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (folder < 0 || control->listener < 0 || !socket_address(folder, &address))
        goto fault;
    unlink(control->path);
    /* Nobody can connect before listen, so the mode is in force for everyone; the umask is left alone, for it is all threads'. */
    if (bind(control->listener, (struct sockaddr *)&address, sizeof address) || chmod(control->path, 0600) || listen(control->listener, 8) ||
        pthread_create(&control->thread, NULL, serve_peers, control))
        goto fault;
    close(folder);
    return control;
fault:
    buf_printf(error, "The control socket %s cannot be made: %s.", control->path, strerror(errno));
    if (folder >= 0)
        close(folder);
    if (control->listener >= 0)
        close(control->listener);
    free(control->path);
    free(control);
    return NULL;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    atomic_store(&control->stopping, true);
    copy_cancel();
    unlink(control->path);
    shutdown(control->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(control->thread, NULL);
    close(control->listener);
    free(control->path);
    free(control);
}

/* ---- the command's side ---- */

bool control_ask(const char *dir, const struct buf *request, struct buf *reply, struct buf *error)
{
    struct sockaddr_un address;
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = false;

    if (folder >= 0 && fd >= 0 && socket_address(folder, &address) && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        set_patience(fd, ANSWER_SECONDS);
        ok = send_all(fd, request->data, request->len) && send_all(fd, "\n", 1) && read_line(fd, reply, CONTROL_REPLY_MAX);
        if (!ok)
            buf_str(error, "The server that holds the data folder did not answer; whether it did what was asked is not known.");
    }
    if (folder >= 0)
        close(folder);
    if (fd >= 0)
        close(fd);
    return ok;
}

struct json_t *control_carry_out(const struct config *config, const struct buf *request, bool make, struct arena *arena)
{
    struct fault fault = { .arena = arena };
    struct buf reply = buf_heap(), error = buf_heap();
    struct json_t *answer = NULL;
    struct app app = { 0 };

    if (!control_ask(config->data, request, &reply, &error) && !error.len) {
        if (store_of_folder(&app, config, make, &error)) {
            control_execute(&app, request->data, request->len, &reply);
            store_of_folder_close(&app);
        }
    }
    if (!error.len && json_parse(arena, reply.data, reply.len, &answer, &fault))
        buf_str(&error, "The server's answer makes no sense.");
    if (!error.len && !json_is_true(json_object_get(answer, "ok")))
        buf_str(&error, json_string_value(json_object_get(answer, "error")));
    if (error.len) {
        cli_complain("%s", error.data);
        answer = NULL;
    }
    buf_free(&reply);
    buf_free(&error);
    return answer;
}
