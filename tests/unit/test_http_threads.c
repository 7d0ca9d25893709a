/* The loop, the writer and the lanes hand requests to one another: nothing is lost, mixed up or raced, also where clients leave. */
#include "store_world.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>

#include "http/http.h"
#include "store/lanes.h"

#define CLIENTS 24
#define ROUNDS 60

struct mark_new {
    struct given given;
    const char *name;
};
static const struct field mark_new_fields[] = { FIELD(mark_new, "name", name, FIELD_LINE, REQUIRED, 1, 40), FIELD_END };
static const struct shape mark_new_shape = SHAPE(mark_new, "MarkNew", mark_new_fields);

static enum err write_mark(struct req *req, struct tx *tx)
{
    const struct mark_new *in = req->body;
    struct buf *out;

    store_meta_set(tx, in->name, "here");
    out = reply_json(req, 201);
    json_open(out, NULL);
    json_str(out, "name", in->name);
    json_close(out);
    return ERR_OK;
}

static enum err read_mark(struct req *req, struct tx *tx)
{
    if (!store_meta_get(tx, req->rest))
        return ERR_NOT_FOUND;
    json_str(reply_json(req, 200), NULL, req->rest);
    return ERR_OK;
}

static enum err work_outside(struct req *req)
{
    req->state = arena_strdup(req->arena, ((const struct mark_new *)req->body)->name);
    return ERR_OK;
}

static enum err write_what_was_worked(struct req *req, struct tx *tx)
{
    assert_string_equal(req->state, ((const struct mark_new *)req->body)->name);
    return write_mark(req, tx);
}

static enum err authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    *out = (struct caller){ .account = { { 1, (uint8_t)token[0] } }, .expires_at_ms = clock_now_ms() + 60000 };
    return ERR_OK;
}

static const struct route routes[] = {
    { "POST", "/w", WRITE, write_mark, .body = &mark_new_shape, .who = WHO_SIGNED_IN },
    { "POST", "/l", WORK, NULL, work_outside, write_what_was_worked, LANE_SWEEP, .body = &mark_new_shape, .who = WHO_SIGNED_IN },
    { "GET", "/r/{name...}", READ, read_mark, .cache = CACHE_BY_ALL },
    { "GET", "/s/{name...}", SCAN, read_mark },
    ROUTE_END
};

/* ---- clients, in processes of their own ---- */

static int dial(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof to) ? fd : -1;
}

/* Read answers until `count` of them ended, and give each one's status; false when one does not come. */
static bool hear(int fd, int *statuses, int count)
{
    static char text[65536];
    size_t have = 0;

    for (int i = 0; i < count; i++) {
        char *end, *length;
        size_t need;

        for (;;) {
            ssize_t n;

            text[have] = '\0';
            end = strstr(text, "\r\n\r\n");
            length = strstr(text, "Content-Length: ");
            need = end && length && length < end ? (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10) : 0;
            if (need && have >= need)
                break;
            n = read(fd, text + have, sizeof text - 1 - have);
            if (n <= 0)
                return false;
            have += (size_t)n;
        }
        statuses[i] = (int)strtol(text + 9, NULL, 10);
        memmove(text, text + need, have - need);
        have -= need;
    }
    return true;
}

/* Writes by the writer, by a lane, twice under one key, then reads of what was answered, all in one segment; some leave without listening. */
static int client(int port, int me)
{
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[2048], name[32], body[64];
        int fd = dial(port), statuses[6];
        int len, n;

        if (fd < 0)
            return 1;
        snprintf(name, sizeof name, "m-%d-%d", me, round);
        n = snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
#define HEAD "Host: x\r\nAuthorization: %c\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        len = snprintf(bytes, sizeof bytes,
                       "POST /w HTTP/1.1\r\n" HEAD "Idempotency-Key: %s\r\n\r\n%s"
                       "POST /w HTTP/1.1\r\n" HEAD "Idempotency-Key: %s\r\n\r\n%s"
                       "GET /r/%s HTTP/1.1\r\nHost: x\r\n\r\nGET /s/%s HTTP/1.1\r\nHost: x\r\n\r\n"
                       "POST /l HTTP/1.1\r\n" HEAD "\r\n%s"
                       "GET /r/%s-never HTTP/1.1\r\nHost: x\r\n\r\n",
                       'a' + me, n, name, body, 'a' + me, n, name, body, name, name, 'a' + me, n, body, name);
        if (write(fd, bytes, (size_t)len) != len)
            return 2;
        if (round % 5 != 4) {
            static const int want[6] = { 201, 201, 200, 200, 201, 404 };

            if (!hear(fd, statuses, 6))
                return 3;
            if (memcmp(statuses, want, sizeof want) != 0)
                return 4;
        }
        close(fd);
    }
    return 0;
}

static void *serve(void *http)
{
    http_run(http, NULL);
    return NULL;
}

static void requests_come_back_to_their_own_clients(void **state)
{
    static const struct route *const tables[] = { http_routes, routes, NULL };
    static const struct job_kind *const jobs[] = { NULL };
    static const struct sweep *const sweeps[] = { http_sweeps, NULL };
    static const struct http_hooks hooks = { .authenticate = authenticate };
    static const struct config config = { .listen = "127.0.0.1:0", .max_connections = 1000, .max_connections_per_address = 1000 };
    struct buf error = buf_heap();
    struct world *world;
    pthread_t thread;
    pid_t clients[CLIENTS];
    int ports[2], port;

    /* The clients first, while there is one thread. Each waits for the port. */
    assert_int_equal(pipe(ports), 0);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = fork();
        assert_true(clients[i] >= 0);
        if (!clients[i]) {
            close(ports[1]);
            _exit(read(ports[0], &port, sizeof port) == sizeof port ? client(port, i) : 9);
        }
    }
    assert_true(sodium_init() >= 0);
    world = world_new();
    world->app.config = &config;
    store_start(world->store);
    assert_non_null(http_open(&world->app, tables, NULL, &hooks, &error));
    world->app.lanes = lanes_start(&world->app, jobs, sweeps);
    port = (int)strtol(strrchr(http_address(world->app.http), ':') + 1, NULL, 10);
    assert_int_equal(pthread_create(&thread, NULL, serve, world->app.http), 0);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(write(ports[1], &port, sizeof port), sizeof port);
    for (int i = 0; i < CLIENTS; i++) {
        int how;

        assert_int_equal(waitpid(clients[i], &how, 0), clients[i]);
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
    }
    http_stop(world->app.http);
    pthread_join(thread, NULL);
    lanes_stop(world->app.lanes);
    http_close(world->app.http);
    close(ports[0]);
    close(ports[1]);
    buf_free(&error);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(requests_come_back_to_their_own_clients) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
