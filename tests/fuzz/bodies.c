/*
 * The bodies and queries of all routes. The input's first line is a method and a path as in the route tables, or those and "?" for its
 * query; the rest is what came. Whatever the route's own shape accepts it accepts again, to the same effect.
 */
#include "events/discount.h"
#include "events/event.h"
#include "fuzz.h"
#include "gate/gate.h"
#include "payments/payment.h"
#include "tickets/ticket.h"

static const struct route *find(const char *line, bool *query)
{
    static const struct route *const tables[] = { event_routes, discount_routes, registration_routes, payment_routes, ticket_routes, gate_routes, NULL };
    size_t len = strlen(line);

    *query = len > 0 && line[len - 1] == '?';
    len -= *query;
    for (size_t t = 0; tables[t]; t++) {
        for (const struct route *route = tables[t]; route->method; route++) {
            size_t method = strlen(route->method), path = strlen(route->path);

            if (len == method + 1 + path && memcmp(line, route->method, method) == 0 && line[method] == ' ' && memcmp(line + method + 1, route->path, path) == 0)
                return route;
        }
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena }, second = { .arena = arena };
    bool query;
    const struct route *route = find(fuzz_line(arena, &data, &size), &query);
    const struct shape *shape = !route ? NULL : query ? route->query : route->body;
    const char *text = arena_copy(arena, data, size);
    void *out = NULL, *again = NULL;
    enum err e;

    if (!shape)
        return 0;
    e = query ? shape_read_query(shape, text, size, &out, &fault) : shape_read_json(shape, text, size, &out, &fault);
    HOLDS(e == ERR_OK || e == ERR_INVALID || e == ERR_BAD_REQUEST);
    HOLDS(e != ERR_INVALID || fault.field_count > 0);
    HOLDS(e != ERR_OK || fault.field_count == 0);
    HOLDS(fault.field_count <= 100);
    HOLDS(e == (query ? shape_read_query(shape, text, size, &again, &second) : shape_read_json(shape, text, size, &again, &second)));
    HOLDS(fault.field_count == second.field_count);
    if (e == ERR_OK)
        HOLDS(out && again && memcmp(out, again, sizeof(struct given)) == 0);
    PLANT(e == ERR_OK && !query && size > 0 && memchr(text, '\t', size));
    return 0;
}
