/*
 * openapi.c - the API's description (OpenAPI 3.1), printed once at start from the tables that the code runs on.
 */
#include "http/inner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* ---- schemas ---- */

struct names {
    const char *seen[256];
    size_t count;
};

static bool names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (!strcmp(names->seen[i], name))
            return false;
    if (names->count == COUNT(names->seen))
        log_die("More schemas than openapi.c has room for.");
    names->seen[names->count++] = name;
    return true;
}

/* The shape and those within it; tables are finite and shapes do not hold themselves. */
static void write_shape(struct buf *out, struct names *names, const struct shape *shape)
{
    struct buf schema = buf_heap();

    if (!shape || !names_add(names, shape->name))
        return;
    shape_schema(shape, &schema);
    json_raw(out, shape->name, schema.data, schema.len);
    buf_free(&schema);
    for (const struct field *field = shape->fields; field->name; field++)
        write_shape(out, names, field->shape);
}

static const char problem_schema[] =
    "{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"requestId\"],\"properties\":{"
    "\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
    "\"detail\":{\"type\":\"string\"},\"requestId\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\",\"code\",\"detail\"],\"properties\":{"
    "\"pointer\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}},"
    "\"available\":{\"type\":\"array\",\"description\":\"Of sold-out: what is left of each ticket type.\",\"items\":{\"type\":\"object\","
    "\"required\":[\"ticketTypeId\",\"available\"],\"properties\":{\"ticketTypeId\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"available\":{\"type\":\"integer\",\"minimum\":0}}}}}}";

static void write_schemas(struct http *http, struct buf *out)
{
    struct names names = { .count = 0 };

    json_open(out, "schemas");
    names_add(&names, "Problem");
    json_raw(out, "Problem", problem_schema, sizeof problem_schema - 1);
    for (size_t s = 0; http->schemas && http->schemas[s]; s++)
        for (const struct answer_schema *schema = http->schemas[s]; schema->name; schema++)
            if (names_add(&names, schema->name))
                json_raw(out, schema->name, schema->json, strlen(schema->json));
    for (int i = 0; i < router_count(http->router); i++)
        if (router_at(http->router, i)->summary)
            write_shape(out, &names, router_at(http->router, i)->body);
    json_close(out);
}

/* ---- operations ---- */

static void write_ref(struct buf *out, const char *name)
{
    struct buf ref = buf_heap();

    buf_printf(&ref, "#/components/schemas/%s", name);
    json_open(out, "schema");
    json_str(out, "$ref", ref.data);
    json_close(out);
    buf_free(&ref);
}

static void parameter_open(struct buf *out, const char *name, size_t len, const char *in, bool required)
{
    json_open(out, NULL);
    json_strn(out, "name", name, len);
    json_str(out, "in", in);
    json_bool(out, "required", required);
}

static void write_header_parameter(struct buf *out, const char *name, int longest)
{
    parameter_open(out, name, strlen(name), "header", false);
    json_open(out, "schema");
    json_str(out, "type", "string");
    json_int(out, "minLength", 1);
    json_int(out, "maxLength", longest);
    json_close(out);
    json_close(out);
}

static bool changes(const struct route *route)
{
    return strcmp(route->method, "GET") != 0;
}

static void write_parameters(struct buf *out, const struct route *route)
{
    json_open_array(out, "parameters");
    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{')) {
        size_t len = strcspn(at + 1, ".}");
        bool rest = at[1 + len] == '.';

        parameter_open(out, at + 1, len, "path", true);
        json_open(out, "schema");
        json_str(out, "type", "string");
        if (!rest)
            json_str(out, "format", "uuid");
        json_close(out);
        json_close(out);
    }
    for (const struct field *field = route->query ? route->query->fields : NULL; field && field->name; field++) {
        parameter_open(out, field->name, strlen(field->name), "query", field->flags & REQUIRED);
        shape_field_schema(field, out, "schema");
        json_close(out);
    }
    if (changes(route) && !route->raw && !route->secret && route->who != WHO_ANYONE)
        write_header_parameter(out, "Idempotency-Key", 255);
    if (route->if_match)
        write_header_parameter(out, "If-Match", HEAD_BYTES_MAX);
    json_close_array(out);
}

static void write_request_body(struct buf *out, const struct route *route)
{
    if (!route->body && !route->body_type)
        return;
    json_open(out, "requestBody");
    json_bool(out, "required", !route->body_optional);
    json_open(out, "content");
    if (route->body) {
        json_open(out, "application/json");
        write_ref(out, route->body->name);
        json_close(out);
    } else {
        struct buf type = buf_heap();

        buf_printf(&type, "%s%s", route->body_type, route->body_type[strlen(route->body_type) - 1] == '/' ? "*" : "");
        json_open(out, type.data);
        json_close(out);
        buf_free(&type);
    }
    json_close(out);
    json_close(out);
}

static void write_content(struct buf *out, const char *type, const char *schema)
{
    json_open(out, "content");
    json_open(out, type);
    if (schema)
        write_ref(out, schema);
    json_close(out);
    json_close(out);
}

static void write_problem_answer(struct buf *out, const struct route *route, const char *status, const char *description)
{
    json_open(out, status);
    json_str(out, "description", description);
    write_content(out, route->problem_type ? route->problem_type : "application/problem+json", route->problem_type ? NULL : "Problem");
    json_close(out);
}

static void write_good_answer(struct buf *out, const struct route *route)
{
    int status = route->answer_status ? route->answer_status : 200;
    char text[4] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10) };

    json_open(out, text);
    json_str(out, "description", status == 201 ? "Made." : status == 204 ? "Done." : "The answer.");
    if (route->answer || route->answer_type)
        write_content(out, route->answer_type ? route->answer_type : "application/json", route->answer);
    json_close(out);
    if (!route->or_none)
        return;
    json_open(out, "204");
    json_str(out, "description", "Done.");
    json_close(out);
}

static void write_answers(struct buf *out, const struct route *route)
{
    json_open(out, "responses");
    write_good_answer(out, route);
    if (route->who != WHO_ANYONE)
        write_problem_answer(out, route, "401", "Sign in first.");
    if (route->who == WHO_ORGANIZERS || route->who == WHO_ADMINS || route->allow)
        write_problem_answer(out, route, "403", "Not allowed.");
    if (strchr(route->path, '{'))
        write_problem_answer(out, route, "404", "There is no such thing, or none that you may see.");
    if (route->if_match)
        write_problem_answer(out, route, "412", "It was changed meanwhile.");
    if (route->body || route->query)
        write_problem_answer(out, route, "422", "Some fields are not valid; `errors` names each.");
    write_problem_answer(out, route, "default", "Any other refusal.");
    json_close(out);
}

/* "listEvents" out of "GET /v1/events": method and the words of the path. */
static void write_operation_id(struct buf *out, const struct route *route)
{
    struct buf id = buf_heap();
    bool upper = false;

    for (const char *at = route->method; *at; at++)
        buf_char(&id, (char)tolower((unsigned char)*at));
    for (const char *at = strncmp(route->path, "/v1", 3) ? route->path : route->path + 3; *at; at++) {
        if (!isalnum((unsigned char)*at)) {
            upper = true;
            continue;
        }
        buf_char(&id, upper ? (char)toupper((unsigned char)*at) : *at);
        upper = false;
    }
    json_str(out, "operationId", id.data);
    buf_free(&id);
}

static void write_operation(struct buf *out, const struct route *route)
{
    char method[16] = { 0 };

    for (size_t i = 0; route->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    json_open(out, method);
    write_operation_id(out, route);
    json_str(out, "summary", route->summary);
    if (route->who != WHO_ANYONE) {
        json_open_array(out, "security");
        json_open(out, NULL);
        json_open_array(out, "token");
        json_close_array(out);
        json_close(out);
        if (route->devices) {
            json_open(out, NULL);
            json_open_array(out, "device");
            json_close_array(out);
            json_close(out);
        }
        json_close_array(out);
    }
    write_parameters(out, route);
    write_request_body(out, route);
    write_answers(out, route);
    json_close(out);
}

/* "{path...}" is our spelling; OpenAPI's is "{path}". */
static void write_path_name(struct buf *out, const char *path)
{
    for (; *path; path++)
        if (strncmp(path, "...}", 4) != 0)
            buf_char(out, *path);
        else
            path += 2;
}

static void write_paths(struct http *http, struct buf *out)
{
    int count = router_count(http->router);

    json_open(out, "paths");
    for (int i = 0; i < count; i++) {
        const struct route *first = router_at(http->router, i);
        struct buf name = buf_heap();
        bool before = false;

        for (int j = 0; j < i; j++)
            before |= router_at(http->router, j)->summary && !strcmp(router_at(http->router, j)->path, first->path);
        if (!first->summary || before)
            continue;
        write_path_name(&name, first->path);
        json_open(out, name.data);
        buf_free(&name);
        for (int j = i; j < count; j++)
            if (router_at(http->router, j)->summary && !strcmp(router_at(http->router, j)->path, first->path))
                write_operation(out, router_at(http->router, j));
        json_close(out);
    }
    json_close(out);
}

void openapi_write(struct http *http, struct buf *out)
{
    json_open(out, NULL);
    json_str(out, "openapi", "3.1.0");
    json_open(out, "info");
    json_str(out, "title", "Usher");
    json_str(out, "version", USHER_VERSION);
    json_str(out, "description", "Event ticketing: events, registrations, payments, tickets, and the gate. Errors are RFC 9457 problem documents.");
    json_open(out, "license");
    json_str(out, "name", "Apache-2.0");
    json_str(out, "identifier", "Apache-2.0");
    json_close(out);
    json_close(out);
    if (http->app->public_url) {
        json_open_array(out, "servers");
        json_open(out, NULL);
        json_str(out, "url", http->app->public_url);
        json_close(out);
        json_close_array(out);
    }
    write_paths(http, out);
    json_open(out, "components");
    json_open(out, "securitySchemes");
    json_open(out, "token");
    json_str(out, "type", "http");
    json_str(out, "scheme", "bearer");
    json_str(out, "bearerFormat", "JWT");
    json_close(out);
    json_open(out, "device");
    json_str(out, "type", "http");
    json_str(out, "scheme", "bearer");
    json_str(out, "description", "A scanner device's credential; operations that do not name it refuse it.");
    json_close(out);
    json_close(out);
    write_schemas(http, out);
    json_close(out);
    json_close(out);
}
