/*
 * load.c - a closed-loop load generator: N connections, each sends its next request when the last was answered.
 *
 *     load [options] ADDR:PORT PATH
 *       -c N        connections (16)
 *       -s SECONDS  how long (3); or -n COUNT, that many requests
 *       -w SECONDS  how long before it counts (0)
 *       -r RATE     open loop: that many requests a second in all; latency counts from the intended start (no coordinated omission)
 *       -m METHOD   GET
 *       -b BODY     the body of every request; -B FILE: one body a line, in turn
 *       -P FILE     one path a line, in turn (PATH is then not given)
 *       -t FILE     one bearer token a line, in turn
 *       -H 'Name: value'   a further header; may be repeated
 *       -k          each request has its own Idempotency-Key, a UUID version 7
 *       -1          lists (-B, -P) are used up once: stop at their end
 *
 * One thread, epoll, HTTP/1.1 keep-alive, for one core. Prints one line of JSON: requests, seconds, rps, statuses, errors, and latencies in
 * microseconds. Closed loop shows the peak rate; for latency at a rate use -r.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, REQUEST_MAX = 64 << 10, REPLY_MAX = 1 << 20, HEADER_MAX = 8 };

struct list {
    char **line;
    size_t count, next;
};

struct connection {
    int fd;
    bool busy;
    int64_t began_us;       /* intended start of the request in flight */
    size_t out_len, out_sent;
    size_t in_len;
    size_t body_at;         /* where the reply's body begins; 0: its head is not whole yet */
    size_t reply_len;       /* of the whole reply, once the head is read */
    int status;
    char *out, *in;
};

static struct {
    int connections;
    double seconds, warm_seconds, rate;
    int64_t count;
    const char *method, *path, *body, *host;
    struct list bodies, paths, tokens;
    const char *headers[HEADER_MAX];
    int header_count;
    bool keys, once;
    struct sockaddr_in address;
} opt = { .connections = 16, .seconds = 3, .method = "GET" };

static int64_t sent, answered, counted, errors, statuses[600], bytes_in;
static bool counting;
static uint64_t random_state;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* ---- latencies: 64 buckets for each power of two, so that a bucket is at most 1.6 % wide ---- */

enum { SUB = 64, POWERS = 40 };
static int64_t histogram[POWERS * SUB];
static int64_t slowest_us;

static size_t bucket_of(int64_t us)
{
    int power = 63 - __builtin_clzll((uint64_t)us | 1);

    if (power < 6)
        return (size_t)us;
    return (size_t)(power - 5) * SUB + (size_t)((us >> (power - 6)) - SUB);
}

static int64_t bucket_value(size_t bucket)
{
    size_t power = bucket / SUB;

    if (power == 0)
        return (int64_t)bucket;
    return (int64_t)(SUB + bucket % SUB) << (power - 1);
}

static void record(int64_t us)
{
    size_t bucket = bucket_of(us < 0 ? 0 : us);

    histogram[bucket < POWERS * SUB ? bucket : POWERS * SUB - 1]++;
    if (us > slowest_us)
        slowest_us = us;
}

static int64_t percentile(double share)
{
    int64_t before = 0, rank = (int64_t)(share * (double)counted);

    for (size_t i = 0; i < POWERS * SUB; i++) {
        before += histogram[i];
        if (before > rank)
            return bucket_value(i);
    }
    return slowest_us;
}

/* ---- requests ---- */

static struct list read_lines(const char *path)
{
    struct list list = { 0 };
    size_t cap = 0, size = 0;
    char *line = NULL;
    ssize_t len;
    FILE *file = fopen(path, "r");

    if (!file)
        die(path);
    while ((len = getline(&line, &size, file)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (list.count == cap) {
            cap = cap ? cap * 2 : 1024;
            list.line = realloc(list.line, cap * sizeof(*list.line));
            if (!list.line)
                die("no memory");
        }
        list.line[list.count++] = strdup(line);
    }
    free(line);
    fclose(file);
    if (list.count == 0)
        die("an empty list");
    return list;
}

static const char *next_line(struct list *list)
{
    return list->line[list->next++ % list->count];
}

static bool used_up(const struct list *list)
{
    return opt.once && list->count > 0 && list->next >= list->count;
}

/* xorshift64*: keys must differ, not be secret. */
static uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 2685821657736338717ULL;
}

static size_t put_uuid7(char *out)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t low = random_next(), high;
    uint8_t byte[16];
    struct timespec t;
    size_t len = 0;

    clock_gettime(CLOCK_REALTIME, &t);
    high = (uint64_t)(t.tv_sec * 1000LL + t.tv_nsec / 1000000) << 16 | 0x7000 | (random_next() & 0xfff);
    low = (low & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
    for (int i = 0; i < 8; i++) {
        byte[i] = (uint8_t)(high >> (56 - 8 * i));
        byte[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[len++] = '-';
        out[len++] = hex[byte[i] >> 4];
        out[len++] = hex[byte[i] & 15];
    }
    return len;
}

static size_t put(char *out, size_t at, const char *text)
{
    size_t len = strlen(text);

    if (at + len + 256 > REQUEST_MAX)
        die("a request of more than 64 KiB");
    memcpy(out + at, text, len);
    return at + len;
}

static void build(struct connection *c)
{
    const char *body = opt.bodies.count ? next_line(&opt.bodies) : opt.body;
    const char *path = opt.paths.count ? next_line(&opt.paths) : opt.path;
    size_t n = 0;

    n = put(c->out, n, opt.method);
    n = put(c->out, n, " ");
    n = put(c->out, n, path);
    n = put(c->out, n, " HTTP/1.1\r\nHost: ");
    n = put(c->out, n, opt.host);
    if (opt.tokens.count) {
        n = put(c->out, n, "\r\nAuthorization: Bearer ");
        n = put(c->out, n, next_line(&opt.tokens));
    }
    for (int i = 0; i < opt.header_count; i++) {
        n = put(c->out, n, "\r\n");
        n = put(c->out, n, opt.headers[i]);
    }
    if (opt.keys) {
        n = put(c->out, n, "\r\nIdempotency-Key: ");
        n += put_uuid7(c->out + n);
    }
    if (body) {
        n += (size_t)sprintf(c->out + n, "\r\nContent-Type: application/json\r\nContent-Length: %zu", strlen(body));
        n = put(c->out, n, "\r\n\r\n");
        n = put(c->out, n, body);
    } else {
        n = put(c->out, n, "\r\n\r\n");
    }
    c->out_len = n;
    c->out_sent = 0;
    c->in_len = c->body_at = c->reply_len = 0;
}

static void flush(struct connection *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            return; /* the socket is edge-triggered for writing, too: it will say so */
        if (n <= 0)
            die("send");
        c->out_sent += (size_t)n;
    }
}

static void begin(struct connection *c, int64_t intended_us)
{
    c->busy = true;
    c->began_us = intended_us;
    build(c);
    sent++;
    flush(c);
}

/* The head is whole: status and length. A reply without Content-Length must be one that has no body. */
static void read_head(struct connection *c, const char *end)
{
    const char *line = c->in;
    bool known = false;
    size_t length = 0;

    if (strncmp(c->in, "HTTP/1.1 ", 9) != 0)
        die("not an HTTP/1.1 reply");
    c->status = atoi(c->in + 9);
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if (strncasecmp(line, "content-length:", 15) == 0) {
            length = strtoul(line + 15, NULL, 10);
            known = true;
        }
    }
    if (!known && c->status != 204 && c->status != 304)
        die("a reply without Content-Length");
    c->body_at = (size_t)(end - c->in);
    c->reply_len = c->body_at + (c->status == 304 ? 0 : length);
}

/* True when the reply to the request in flight is complete. */
static bool take(struct connection *c)
{
    for (;;) {
        ssize_t n;

        if (c->in_len == REPLY_MAX) { /* a body larger than the buffer: count it, keep none of it */
            c->reply_len -= c->in_len - c->body_at;
            c->in_len = c->body_at;
        }
        n = recv(c->fd, c->in + c->in_len, REPLY_MAX - c->in_len, 0);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            die("the server closed a connection");
        }
        c->in_len += (size_t)n;
        bytes_in += n;
        if (c->body_at == 0) {
            char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);

            if (end)
                read_head(c, end + 4);
        }
        if (c->body_at && c->in_len >= c->reply_len)
            return true;
    }
}

static void open_connection(struct connection *c, int epoll)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->out = malloc(REQUEST_MAX);
    c->in = malloc(REPLY_MAX);
    if (c->fd < 0 || !c->out || !c->in || connect(c->fd, (struct sockaddr *)&opt.address, sizeof(opt.address)))
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event))
        die("connect");
}

static void finish(struct connection *c)
{
    int64_t us = now_us() - c->began_us;

    c->busy = false;
    answered++;
    if (!counting)
        return;
    counted++;
    record(us);
    statuses[c->status >= 0 && c->status < 600 ? c->status : 0]++;
    if (c->status >= 500)
        errors++;
}

static void options(int argc, char **argv)
{
    char *colon;
    int o;

    while ((o = getopt(argc, argv, "c:s:n:w:r:m:b:B:P:t:H:k1")) != -1) {
        switch (o) {
        case 'c': opt.connections = atoi(optarg); break;
        case 's': opt.seconds = atof(optarg); break;
        case 'n': opt.count = atoll(optarg); break;
        case 'w': opt.warm_seconds = atof(optarg); break;
        case 'r': opt.rate = atof(optarg); break;
        case 'm': opt.method = optarg; break;
        case 'b': opt.body = optarg; break;
        case 'B': opt.bodies = read_lines(optarg); break;
        case 'P': opt.paths = read_lines(optarg); break;
        case 't': opt.tokens = read_lines(optarg); break;
        case 'k': opt.keys = true; break;
        case '1': opt.once = true; break;
        case 'H':
            if (opt.header_count == HEADER_MAX)
                die("too many headers");
            opt.headers[opt.header_count++] = optarg;
            break;
        default: exit(2);
        }
    }
    errno = 0;
    if (optind >= argc || (!opt.paths.count && optind + 1 >= argc) || opt.connections < 1 || opt.connections > CONNECTIONS_MAX)
        die("usage: load [options] ADDR:PORT PATH (the file's head has the options)");
    opt.host = argv[optind];
    opt.path = opt.paths.count ? NULL : argv[optind + 1];
    colon = strchr(argv[optind], ':');
    if (!colon)
        die("ADDR:PORT");
    opt.address.sin_family = AF_INET;
    opt.address.sin_port = htons((uint16_t)atoi(colon + 1));
    char host[64] = "";
    snprintf(host, sizeof(host), "%.*s", (int)(colon - argv[optind]), argv[optind]);
    if (inet_pton(AF_INET, host, &opt.address.sin_addr) != 1)
        die("ADDR is an IPv4 address");
}

static void report(double seconds)
{
    bool first = true;

    printf("{\"requests\":%" PRId64 ",\"seconds\":%.3f,\"rps\":%.1f,\"errors\":%" PRId64 ",\"bytes\":%" PRId64 ",\"statuses\":{", counted, seconds,
           (double)counted / seconds, errors, bytes_in);
    for (int i = 0; i < 600; i++) {
        if (!statuses[i])
            continue;
        printf("%s\"%d\":%" PRId64, first ? "" : ",", i, statuses[i]);
        first = false;
    }
    printf("},\"p50\":%" PRId64 ",\"p90\":%" PRId64 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64 ",\"max\":%" PRId64 "}\n", percentile(0.5), percentile(0.9),
           percentile(0.99), percentile(0.999), slowest_us);
}

int main(int argc, char **argv)
{
    static struct connection connections[CONNECTIONS_MAX];
    static struct epoll_event events[CONNECTIONS_MAX];
    int epoll = epoll_create1(EPOLL_CLOEXEC), idle[CONNECTIONS_MAX], idle_count = 0;
    int64_t start, counts_from, end, due = 0;
    bool stopping = false;

    options(argc, argv);
    if (getrandom(&random_state, sizeof(random_state), 0) != sizeof(random_state))
        die("getrandom");
    random_state |= 1;
    for (int i = 0; i < opt.connections; i++)
        open_connection(&connections[i], epoll);

    start = now_us();
    counts_from = start + (int64_t)(opt.warm_seconds * 1e6);
    end = opt.count ? INT64_MAX : counts_from + (int64_t)(opt.seconds * 1e6);
    counting = opt.warm_seconds <= 0;
    for (int i = opt.connections; i > 0; i--)
        idle[idle_count++] = i - 1;

    for (;;) {
        int64_t now = now_us();
        int64_t wait_us = 100000;
        int n;

        if (!counting && now >= counts_from)
            counting = true;
        if (now >= end || (opt.count && sent >= opt.count) || used_up(&opt.bodies) || used_up(&opt.paths))
            stopping = true;
        if (!stopping && opt.rate > 0) {
            /* Request number k is due at start + k / rate, whether a connection is free or not. */
            while (idle_count > 0 && (due = start + (int64_t)((double)sent / opt.rate * 1e6)) <= now && !used_up(&opt.bodies) && !used_up(&opt.paths))
                begin(&connections[idle[--idle_count]], due);
            due = start + (int64_t)((double)sent / opt.rate * 1e6);
            wait_us = idle_count > 0 ? (due > now ? due - now : 0) : 100000;
            wait_us = wait_us > 100000 ? 100000 : wait_us;
        } else if (!stopping) {
            while (idle_count > 0 && (!opt.count || sent < opt.count) && !used_up(&opt.bodies) && !used_up(&opt.paths))
                begin(&connections[idle[--idle_count]], now_us());
        }
        if (stopping && answered == sent)
            break;
        /* To the microsecond, and asleep: a loader that spins would take the core from the one beside it. */
        n = epoll_pwait2(epoll, events, opt.connections, &(struct timespec){ wait_us / 1000000, wait_us % 1000000 * 1000 }, NULL);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;

            if (!c->busy)
                continue;
            flush(c);
            if (!take(c))
                continue;
            finish(c);
            idle[idle_count++] = (int)(c - connections);
        }
    }
    report((double)(now_us() - counts_from) / 1e6);
    return 0;
}
