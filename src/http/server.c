/*
 * server.c - listeners and loops, from open to close.
 *
 * Loops = max(1, cores - 1): the remaining core is the writer's and the lanes'.
 * With several, each has a listener of its own on the same address
 * (SO_REUSEPORT), so the kernel spreads connections and no lock is shared.
 */
#include "http/inner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "http/addresses.h"
#include "observe/metrics.h"

#define TICK_MS 250
#define STOP_TICK_MS 10
#define BACKLOG 4096
#define POOL_MAX 512    /* exchanges kept for reuse, a loop: some 10 KiB each */
#define LOOPS_MAX 64

/* ---- exchanges ---- */

struct exchange *exchange_take(struct loop *loop)
{
    struct exchange *x = loop->pool;
    struct http *http = loop->http;

    if (x) {
        loop->pool = x->next;
        loop->pool_count--;
    } else {
        x = malloc(sizeof *x);
        if (!x)
            log_die("Out of memory.");
        x->arena = arena_new(EXCHANGE_ARENA_BYTES);
    }
    memset(x, 0, EXCHANGE_CLEARED);
    x->loop = loop;
    x->head = x->head_inline;
    x->head_cap = sizeof x->head_inline;
    x->content_length = -1;
    x->route_index = -1;
    x->body_max = BODY_BYTES_MAX;
    x->began_us = clock_mono_us();
    x->body = buf_in(x->arena);
    x->req.app = http->app;
    x->req.arena = x->arena;
    x->req.fault.arena = x->arena;
    x->req.reply.file = -1;
    x->req.reply.body = buf_in(x->arena);
    return x;
}

void exchange_release(struct exchange *x)
{
    struct loop *loop = x->loop;

    if (x->req.reply.file >= 0)
        close(x->req.reply.file);
    if (!x->body.arena) {
        buf_free(&x->body);
        loop->large_bodies--;
    }
    if (loop->pool_count >= POOL_MAX) {
        arena_free(x->arena);
        free(x);
        return;
    }
    arena_reset(x->arena);
    x->next = loop->pool;
    loop->pool = x;
    loop->pool_count++;
}

void loop_give_back(struct exchange *x)
{
    struct loop *loop = x->loop;
    bool was_empty;

    x->next = NULL;
    uv_mutex_lock(&loop->done_lock);
    was_empty = !loop->done_first;
    *(loop->done_last ? &loop->done_last->next : &loop->done_first) = x;
    loop->done_last = x;
    uv_mutex_unlock(&loop->done_lock);
    /* One wake-up a batch: the loop takes the whole list at once. */
    if (was_empty)
        uv_async_send(&loop->wake);
}

/* ---- small services of a loop ---- */

/* xoroshiro128+, seeded from the system's randomness: an id per request without a system call. */
void loop_random(struct loop *loop, uint64_t out[2])
{
    for (int i = 0; i < 2; i++) {
        uint64_t a = loop->random[0], b = loop->random[1];

        out[i] = a + b;
        b ^= a;
        loop->random[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
        loop->random[1] = b << 37 | b >> 27;
    }
}

void loop_second(struct loop *loop, int64_t now_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t second = now_ms / 1000;
    struct civil civil;
    char text[CLOCK_TEXT_LEN + 1];

    if (second == loop->date_s)
        return;
    loop->date_s = second;
    civil = clock_civil(second * 1000);
    snprintf(loop->date, sizeof loop->date, "Date: %.3s, %02u %.3s %04u %02u:%02u:%02u GMT\r\n", days + 3 * civil.weekday, (unsigned)civil.day % 100,
             months + 3 * (civil.month - 1), (unsigned)civil.year % 10000, (unsigned)civil.hour % 100, (unsigned)civil.minute % 100, (unsigned)civil.second % 100);
    clock_format(second * 1000, text);
    memcpy(loop->log_time, text, 20); /* up to and with the point */
    loop->log_time[20] = '\0';
}

/* ---- a loop's life ---- */

static void loop_end_if_done(struct loop *loop)
{
    if (loop->stopping && !loop->conn_count && !loop->ended) {
        loop->ended = true;
        uv_close((uv_handle_t *)&loop->tick, NULL);
        uv_close((uv_handle_t *)&loop->wake, NULL);
    }
}

static void on_tick(uv_timer_t *tick);

static void loop_stop(struct loop *loop)
{
    if (loop->stopping)
        return;
    loop->stopping = true;
    loop->stop_by_ms = (int64_t)uv_now(&loop->uv) + DRAIN_MS;
    if (loop->listening)
        uv_close((uv_handle_t *)&loop->listener, NULL);
    loop->listening = false;
    conn_close_idle(loop);
    uv_timer_start(&loop->tick, on_tick, STOP_TICK_MS, STOP_TICK_MS); /* the end is noticed soon */
}

/* Past the drain's time: whoever is still being read or sent to is cut off. Parked requests end with their queue, which is bounded by their deadlines. */
static void loop_cut_off(struct loop *loop)
{
    for (int wait = WAIT_NONE + 1; wait < WAIT_COUNT; wait++)
        while (loop->waiting[wait].first)
            conn_close(loop->waiting[wait].first);
}

static void on_tick(uv_timer_t *tick)
{
    struct loop *loop = tick->data;

    conn_deadlines(loop);
    if (loop->stopping && (int64_t)uv_now(&loop->uv) >= loop->stop_by_ms)
        loop_cut_off(loop);
    loop_end_if_done(loop);
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    struct exchange *x, *next;

    uv_mutex_lock(&loop->done_lock);
    x = loop->done_first;
    loop->done_first = loop->done_last = NULL;
    uv_mutex_unlock(&loop->done_lock);
    for (; x; x = next) {
        next = x->next;
        dispatch_finish(x, x->outcome);
    }
    if (atomic_load(&loop->http->stopping)) {
        loop_stop(loop);
        loop_end_if_done(loop);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct loop *loop = listener->data;

    if (status < 0)
        log_warn("A connection could not be accepted: %s.", uv_strerror(status));
    else
        conn_open(loop, listener);
}

static void loop_run(void *arg)
{
    struct loop *loop = arg;

    if (!loop->http->bare)
        loop->reader = reader_open(loop->http->app->store);
    uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
    atomic_fetch_add(&loop->http->running, 1);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (loop->reader)
        reader_close(loop->reader);
    loop->reader = NULL;
}

static void loop_open(struct http *http, struct loop *loop, unsigned index, int fd)
{
    loop->http = http;
    loop->index = index;
    loop->socket = fd;
    loop->listening = true;
    if (uv_loop_init(&loop->uv) || uv_tcp_init(&loop->uv, &loop->listener) || uv_timer_init(&loop->uv, &loop->tick) ||
        uv_async_init(&loop->uv, &loop->wake, on_wake) || uv_mutex_init(&loop->done_lock) || uv_tcp_open(&loop->listener, fd))
        log_die("The event loop cannot be set up.");
    loop->listener.data = loop->tick.data = loop->wake.data = loop;
    loop->read_buffer = malloc(READ_BYTES);
    if (!loop->read_buffer)
        log_die("Out of memory.");
    random_bytes(loop->random, sizeof loop->random);
    loop->random[0] |= 1; /* the generator must not begin at zero */
    loop->tokens = tokens_open();
    loop->replies = replies_open();
    loop->metrics = metrics_shard_open((size_t)router_count(http->router) + METRICS_EXTRA_ROUTES);
}

static void loop_close(struct loop *loop)
{
    struct exchange *x;

    /* Never run: the handles are still open. */
    if (!loop->ended) {
        uv_close((uv_handle_t *)&loop->listener, NULL);
        uv_close((uv_handle_t *)&loop->tick, NULL);
        uv_close((uv_handle_t *)&loop->wake, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    while ((x = loop->pool)) {
        loop->pool = x->next;
        arena_free(x->arena);
        free(x);
    }
    if (uv_loop_close(&loop->uv))
        log_warn("A loop ended with handles open.");
    uv_mutex_destroy(&loop->done_lock);
    tokens_close(loop->tokens);
    replies_close(loop->replies);
    metrics_shard_close(loop->metrics);
    buf_free(&loop->out);
    buf_free(&loop->log);
    free(loop->read_buffer);
}

/* ---- listening ---- */

static bool address_split(const char *listen_text, struct sockaddr_storage *out, socklen_t *out_len, struct buf *error)
{
    const char *colon = strrchr(listen_text, ':');
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found;
    size_t host_len = colon ? (size_t)(colon - listen_text) : 0;
    char host[256];
    int e;

    if (!colon || host_len >= sizeof host) {
        buf_printf(error, "The address to listen on, \"%s\", is not ADDR:PORT.", listen_text);
        return false;
    }
    if (host_len >= 2 && listen_text[0] == '[' && listen_text[host_len - 1] == ']') {
        listen_text++;
        host_len -= 2;
    }
    memcpy(host, listen_text, host_len);
    host[host_len] = '\0';
    e = getaddrinfo(host_len ? host : NULL, colon + 1, &hints, &found);
    if (e) {
        buf_printf(error, "The address to listen on cannot be used: %s.", gai_strerror(e));
        return false;
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *out_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static int socket_bound(const struct sockaddr_storage *address, socklen_t len, bool shared, struct buf *error)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
        (!shared || !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)) && !bind(fd, (const struct sockaddr *)address, len))
        return fd;
    buf_printf(error, "The address cannot be listened on: %s.", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void address_write(struct http *http, int fd)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    char host[64], port[16];

    if (getsockname(fd, (struct sockaddr *)&name, &len) ||
        getnameinfo((struct sockaddr *)&name, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        log_die("The listening socket has no address.");
    snprintf(http->address, sizeof http->address, name.ss_family == AF_INET6 ? "[%.45s]:%.6s" : "%.45s:%.6s", host, port);
}

/* Every connection is a descriptor; the usual soft limit of 1,024 would be met long before ours. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static unsigned loops_wanted(void)
{
    unsigned cores = uv_available_parallelism();

    return cores > LOOPS_MAX ? LOOPS_MAX : cores > 1 ? cores - 1 : 1;
}

/* The socket that systemd holds for us across restarts (sd_listen_fds(3)), or -1. One is all that can be used. */
static int inherited_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

    return pid && count && strtol(pid, NULL, 10) == (long)getpid() && strtol(count, NULL, 10) >= 1 ? 3 : -1;
}

/* All loops wait at the one socket. */
static void listen_inherited(struct http *http, int fd)
{
    for (unsigned i = 0; i < http->loop_count; i++) {
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        if (own < 0)
            log_die("The inherited socket cannot be used: %s.", strerror(errno));
        if (!i)
            address_write(http, own);
        loop_open(http, &http->loops[i], i, own);
    }
    close(fd);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
}

static bool listen_all(struct http *http, struct buf *error)
{
    struct sockaddr_storage address;
    socklen_t len;
    bool shared = http->loop_count > 1;
    int fd;

    fd = inherited_socket();
    if (fd >= 0) {
        listen_inherited(http, fd);
        return true;
    }
    if (!address_split(http->app->config->listen, &address, &len, error))
        return false;
    if (shared) {
        /* Sharing would let a second server take half of our connections unseen; without it, a taken address is told. */
        fd = socket_bound(&address, len, false, error);
        if (fd < 0)
            return false;
        len = sizeof address;
        getsockname(fd, (struct sockaddr *)&address, &len);
        close(fd);
    }
    for (unsigned i = 0; i < http->loop_count; i++) {
        fd = socket_bound(&address, len, shared, error);
        if (fd < 0) {
            http->loop_count = i;
            return false;
        }
        if (!i)
            address_write(http, fd);
        loop_open(http, &http->loops[i], i, fd);
        /* From here on connections wait in the backlog until the loop runs. */
        if (listen(fd, BACKLOG)) {
            buf_printf(error, "The address cannot be listened on: %s.", strerror(errno));
            http->loop_count = i + 1;
            return false;
        }
    }
    return true;
}

/* ---- open, run, stop, close ---- */

static void proxies_read(struct http *http, const char *text)
{
    char copy[46];
    size_t len;

    for (; text && *text; text += len) {
        text += strspn(text, ", ");
        len = strcspn(text, ", ");
        if (!len || len >= sizeof copy)
            continue;
        memcpy(copy, text, len);
        copy[len] = '\0';
        http->proxies = realloc(http->proxies, (http->proxy_count + 1) * sizeof *http->proxies);
        if (!http->proxies)
            log_die("Out of memory.");
        if (address_parse(copy, http->proxies[http->proxy_count])) /* else config_load refused it */
            http->proxy_count++;
    }
}

struct http *http_open(struct app *app, const struct route *const *tables, const struct answer_schema *const *schemas,
                       const struct http_hooks *hooks, struct buf *error)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http)
        log_die("Out of memory.");
    http->app = app;
    http->tables = tables;
    http->schemas = schemas;
    http->bare = !app->store;
    if (hooks)
        http->hooks = *hooks;
    if (uv_mutex_init(&http->address_lock) || uv_mutex_init(&http->keys_lock))
        log_die("The server cannot be set up.");
    raise_descriptor_limit();
    http->cors = cors_open(app->config->cors_origins);
    http->limits = limits_open();
    proxies_read(http, app->config->trusted_proxies);
    http->router = router_open(tables, error);
    http->loop_count = http->router ? loops_wanted() : 0;
    http->loops = calloc(MAX(http->loop_count, 1), sizeof *http->loops);
    if (!http->loops)
        log_die("Out of memory.");
    if (!http->router || !listen_all(http, error)) {
        http_close(http);
        return NULL;
    }
    http->registrations_route = -1;
    for (int i = 0; i < router_count(http->router); i++)
        if (!strcmp(router_at(http->router, i)->method, "POST") && !strcmp(router_at(http->router, i)->path, "/v1/registrations"))
            http->registrations_route = i;
    app->http = http;
    return http;
}

const char *http_address(const struct http *http)
{
    return http->address;
}

static void describe(struct http *http)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];

    buf_clear(&http->openapi);
    openapi_write(http, &http->openapi);
    crypto_generichash(hash, sizeof hash, (const unsigned char *)http->openapi.data, http->openapi.len, NULL, 0);
    http->openapi_etag[0] = '"';
    sodium_bin2hex(http->openapi_etag + 1, 2 * sizeof hash + 1, hash, sizeof hash);
    http->openapi_etag[1 + 2 * sizeof hash] = '"';
}

void http_run(struct http *http, void (*ready)(struct app *app))
{
    describe(http); /* here, for the public address was not known when the socket was opened */
    for (unsigned i = 0; i < http->loop_count; i++)
        if (uv_listen((uv_stream_t *)&http->loops[i].listener, BACKLOG, on_connection))
            log_die("The address cannot be listened to.");
    for (unsigned i = 1; i < http->loop_count; i++)
        if (uv_thread_create(&http->loops[i].thread, loop_run, &http->loops[i]))
            log_die("A thread cannot be started.");
    /* Connections made from here on wait in the backlog until loop 0 runs, which is at once. */
    if (ready)
        ready(http->app);
    loop_run(&http->loops[0]);
    for (unsigned i = 1; i < http->loop_count; i++)
        uv_thread_join(&http->loops[i].thread);
}

void http_stop(struct http *http)
{
    /* A store and writes to eventfds: fit for a signal handler. */
    atomic_store(&http->stopping, true);
    for (unsigned i = 0; i < http->loop_count; i++)
        uv_async_send(&http->loops[i].wake);
}

void http_close(struct http *http)
{
    if (!http)
        return;
    for (unsigned i = 0; i < http->loop_count; i++)
        loop_close(&http->loops[i]);
    free(http->loops);
    addresses_close(http);
    cors_close(http->cors);
    limits_close(http->limits);
    router_close(http->router);
    buf_free(&http->openapi);
    free(http->proxies);
    uv_mutex_destroy(&http->address_lock);
    uv_mutex_destroy(&http->keys_lock);
    if (http->app->http == http)
        http->app->http = NULL;
    free(http);
}

void http_epoch_raised(struct app *app, const struct id *account)
{
    if (!app->http)
        return;
    atomic_fetch_add(&app->http->epoch_raises, 1); /* first: see tokens_check */
    if (account)
        atomic_fetch_add(&app->http->epoch[slot_of_id(account)], 1);
    for (size_t slot = 0; !account && slot < ID_SLOTS; slot++)
        atomic_fetch_add(&app->http->epoch[slot], 1);
}
