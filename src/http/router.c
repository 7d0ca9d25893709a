/*
 * router.c - from method and path to a route.
 *
 * A tree of path segments, made once from the tables. Literal segments go
 * before {names}, those before a {rest...}. Segments are split before they are
 * decoded, so that an escaped slash is never a separator: a proxy in front and
 * we see the same path. Tables are checked at start; a bad row stops the first
 * run, not a customer.
 */
#include "http/inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define METHODS_MAX 8

struct node {
    struct node *sibling, *children; /* literals first, then names with a suffix, names, rest: the order of trying */
    enum node_kind { NODE_LITERAL, NODE_NAME, NODE_REST } kind;
    const char *text;       /* of a literal; of a name: the suffix behind it ("" or ".ics") */
    size_t len;
    int routes[METHODS_MAX];
    unsigned route_count;
    char allow[64];         /* "GET, HEAD, OPTIONS" */
};

struct router {
    struct arena *arena;
    const struct route **routes;
    int count;
    struct node root;
};

static bool node_goes_before(const struct node *a, const struct node *b)
{
    return a->kind != b->kind ? a->kind < b->kind : a->len > b->len;
}

static struct node *node_child(struct router *router, struct node *parent, enum node_kind kind, const char *text, size_t len)
{
    struct node **at, *node;

    for (node = parent->children; node; node = node->sibling)
        if (node->kind == kind && node->len == len && !memcmp(node->text, text, len))
            return node;
    node = ARENA_NEW(router->arena, struct node);
    node->kind = kind;
    node->text = arena_copy(router->arena, text, len);
    node->len = len;
    for (at = &parent->children; *at && !node_goes_before(node, *at); at = &(*at)->sibling)
        ;
    node->sibling = *at;
    *at = node;
    return node;
}

static bool bad_row(struct buf *error, const struct route *route, const char *why)
{
    buf_printf(error, "The route %s %s is not sound: %s.", route->method, route->path, why);
    return false;
}

static bool route_check(const struct route *route, struct buf *error)
{
    bool takes_body = !strcmp(route->method, "POST") || !strcmp(route->method, "PUT") || !strcmp(route->method, "PATCH") || !strcmp(route->method, "DELETE");

    if (route->path[0] != '/')
        return bad_row(error, route, "the path does not begin with a slash");
    if (route->kind != WORK && !route->handler)
        return bad_row(error, route, "it has no handler");
    if (route->kind == WORK && !route->work && !route->after && !route->handler)
        return bad_row(error, route, "it has no work");
    if (route->kind == WORK && route->work && route->lane == LANE_NONE && !route->lane_of)
        return bad_row(error, route, "its work has no lane");
    if (route->kind == WRITE && !takes_body)
        return bad_row(error, route, "a GET does not write");
    if (route->body && !takes_body)
        return bad_row(error, route, "its method has no body");
    return true;
}

static bool add_route(struct router *router, const struct route *route, struct buf *error)
{
    struct node *node = &router->root;
    const char *at = route->path;
    unsigned ids = 0;

    if (!route_check(route, error))
        return false;
    while (*at) {
        size_t len = strcspn(++at, "/");

        if (at[0] == '{') {
            const char *close = memchr(at, '}', len);

            if (!close)
                return bad_row(error, route, "a brace is open");
            if (close - at > 3 && !memcmp(close - 3, "...", 3)) {
                if (close[1])
                    return bad_row(error, route, "something stands behind the rest");
                node = node_child(router, node, NODE_REST, "", 0);
            } else {
                if (++ids > 2)
                    return bad_row(error, route, "it has more than two ids");
                node = node_child(router, node, NODE_NAME, close + 1, (size_t)(at + len - close - 1));
            }
        } else {
            node = node_child(router, node, NODE_LITERAL, at, len);
        }
        at += len;
    }
    for (unsigned i = 0; i < node->route_count; i++)
        if (!strcmp(router->routes[node->routes[i]]->method, route->method))
            return bad_row(error, route, "another row has the same method and path");
    if (node->route_count == METHODS_MAX)
        return bad_row(error, route, "the path has too many methods");
    node->routes[node->route_count++] = router->count;
    router->routes[router->count++] = route;
    return true;
}

static void write_allow(const struct router *router, struct node *node)
{
    size_t len = 0;

    for (unsigned i = 0; i < node->route_count; i++) {
        const char *method = router->routes[node->routes[i]]->method;
        const char *words[2] = { method, !strcmp(method, "GET") ? "HEAD" : NULL };

        for (int w = 0; w < 2 && words[w]; w++) {
            assert(len + strlen(words[w]) + 12 < sizeof node->allow);
            len = (size_t)(stpcpy(stpcpy(node->allow + len, words[w]), ", ") - node->allow);
        }
    }
    memcpy(node->allow + len, "OPTIONS", sizeof "OPTIONS");
}

static void write_allow_all(const struct router *router, struct node *parent)
{
    if (parent->route_count)
        write_allow(router, parent);
    for (struct node *node = parent->children; node; node = node->sibling)
        write_allow_all(router, node); /* as deep as the longest path in the tables */
}

struct router *router_open(const struct route *const *tables, struct buf *error)
{
    struct router *router = calloc(1, sizeof *router);
    size_t count = 0;

    if (!router)
        log_die("Out of memory.");
    router->arena = arena_new(16 * 1024);
    for (size_t t = 0; tables[t]; t++)
        for (const struct route *route = tables[t]; route->method; route++)
            count++;
    router->routes = ARENA_ARRAY(router->arena, count + 1, const struct route *);
    for (size_t t = 0; tables[t]; t++) {
        for (const struct route *route = tables[t]; route->method; route++) {
            if (!add_route(router, route, error)) {
                router_close(router);
                return NULL;
            }
        }
    }
    write_allow_all(router, &router->root);
    return router;
}

void router_close(struct router *router)
{
    if (!router)
        return;
    arena_free(router->arena);
    free(router);
}

int router_count(const struct router *router)
{
    return router->count;
}

const struct route *router_at(const struct router *router, int i)
{
    return router->routes[i];
}

/* ---- finding ---- */

#define SEGMENTS_MAX 12

struct segment {
    const char *text; /* decoded */
    size_t len;
    const char *raw;
    size_t suffix;    /* bytes at the end that belong to the route, not to the id */
};

/* Only literals, a handful of names and one rest can branch, and paths have few segments: the search is bounded by the tables' depth. */
static const struct node *walk(const struct node *parent, struct segment *segments, size_t count, const struct segment **names, const char **rest)
{
    if (!count && parent->route_count)
        return parent;
    for (const struct node *node = parent->children; node; node = node->sibling) {
        const struct node *found;

        if (!count)
            continue;
        if (node->kind == NODE_REST) {
            *rest = segments->raw;
            return node;
        }
        if (node->kind == NODE_LITERAL) {
            if (segments->len != node->len || memcmp(segments->text, node->text, node->len) != 0)
                continue;
            found = walk(node, segments + 1, count - 1, names, rest);
        } else {
            if (segments->len <= node->len || memcmp(segments->text + segments->len - node->len, node->text, node->len) != 0)
                continue;
            segments->suffix = node->len;
            *names = segments;
            found = walk(node, segments + 1, count - 1, names + 1, rest);
            if (!found)
                *names = NULL;
        }
        if (found)
            return found;
    }
    return NULL;
}

static bool split(const char *path, size_t len, struct arena *arena, struct segment *out, size_t *out_count)
{
    const char *end = path + len, *at = path;
    size_t count = 0;

    while (at < end) {
        const char *stop = memchr(at + 1, '/', (size_t)(end - at - 1));
        struct segment *segment = &out[count];

        at++;
        if (!stop)
            stop = end;
        if (count == SEGMENTS_MAX) {
            /* Deeper than any route; what is behind can only be a {rest...}, which is decoded as one. */
            break;
        }
        segment->raw = segment->text = at;
        segment->suffix = 0;
        segment->len = (size_t)(stop - at);
        if (memchr(at, '%', segment->len)) {
            segment->text = url_decode(arena, at, segment->len, false, &segment->len);
            if (!segment->text)
                return false;
        }
        count++;
        at = stop;
    }
    *out_count = count;
    return true;
}

struct routed router_find(const struct router *router, const char *method, const char *path, size_t len, struct req *req)
{
    struct segment segments[SEGMENTS_MAX];
    const struct segment *names[3] = { NULL };
    struct routed out = { .index = -1 };
    const struct node *node;
    const char *rest = NULL;
    size_t count;

    if (!len || path[0] != '/' || !split(path, len, req->arena, segments, &count)) {
        out.bad_path = true;
        return out;
    }
    node = walk(&router->root, segments, count, names, &rest);
    if (!node)
        return out;
    out.allow = node->allow;
    for (unsigned i = 0; i < node->route_count; i++) {
        const struct route *route = router->routes[node->routes[i]];

        if (!strcmp(route->method, method) || (!strcmp(method, "HEAD") && !strcmp(route->method, "GET"))) {
            out.route = route;
            out.index = node->routes[i];
            if (!strcmp(route->method, method))
                break;
        }
    }
    for (size_t i = 0; i < 2 && names[i]; i++)
        if (!id_parse(names[i]->text, names[i]->len - names[i]->suffix, &req->id[i]))
            out.bad_id = true;
    if (rest) {
        req->rest = url_decode(req->arena, rest, (size_t)(path + len - rest), false, NULL);
        if (!req->rest)
            out.bad_path = true;
    }
    return out;
}
