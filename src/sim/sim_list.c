/* sim_list.c - lists, newest first, page by page: limit, starting_after, ending_before, created[...], and filters. */
#include <string.h>

#include "sim/sim_inside.h"

struct bounds {
    int64_t after, before;     /* created > after, created < before */
    int64_t limit, from_seq;   /* seq < from_seq */
    int64_t down_to_seq;       /* ending_before: seq > down_to_seq */
};

static bool seq_of(struct sim_call *call, const char *name, const char *kind, int64_t *out)
{
    const char *id = sim_form_get(&call->form, name);
    int64_t seq;

    if (!id)
        return true;
    seq = sim_count(call->sim, "SELECT seq FROM object WHERE id = ? AND kind = ?", "ss", id, kind);
    if (!seq)
        return sim_error(call, 400, "invalid_request_error", "resource_missing", name, "No such %s: '%.200s'", kind, id);
    *out = seq;
    return true;
}

/* created=T, created[gt|gte|lt|lte]=T, in seconds. */
static bool read_created(struct sim_call *call, struct bounds *out)
{
    static const struct {
        const char *name;
        int after, before; /* what T is moved by to become that bound; 2: not this one */
    } forms[] = { { "created", -1, 1 }, { "created[gt]", 0, 2 }, { "created[gte]", -1, 2 }, { "created[lt]", 2, 0 }, { "created[lte]", 2, 1 } };

    for (size_t i = 0; i < COUNT(forms); i++) {
        int64_t at = 0;
        bool given;

        if (!sim_int(call, forms[i].name, 0, INT64_MAX, &at, &given))
            return false;
        if (given && forms[i].after != 2)
            out->after = MAX(out->after, at + forms[i].after);
        if (given && forms[i].before != 2)
            out->before = MIN(out->before, at + forms[i].before);
    }
    return true;
}

static bool read_bounds(struct sim_call *call, const char *kind, struct bounds *out)
{
    *out = (struct bounds){ .after = -1, .before = INT64_MAX, .limit = 10, .from_seq = INT64_MAX, .down_to_seq = -1 };
    if (sim_form_get(&call->form, "starting_after") && sim_form_get(&call->form, "ending_before"))
        return sim_bad(call, NULL, "You cannot parameterize both starting_after and ending_before.");
    return sim_int(call, "limit", 1, 100, &out->limit, NULL) && read_created(call, out) && seq_of(call, "starting_after", kind, &out->from_seq) &&
           seq_of(call, "ending_before", kind, &out->down_to_seq);
}

/* type=a.b, type=a.*, types[]=a.b */
static bool type_wanted(const struct sim_form *form, const char *type)
{
    bool any = true;

    for (size_t i = 0; i < form->count; i++) {
        const char *name = form->pairs[i].name, *value = form->pairs[i].value;
        size_t len = strlen(value);

        if (strcmp(name, "type") != 0 && strncmp(name, "types[", 6) != 0)
            continue;
        any = false;
        if (strcmp(value, type) == 0 || (len > 2 && strcmp(value + len - 2, ".*") == 0 && strncmp(value, type, len - 1) == 0))
            return true;
    }
    return any;
}

static bool equal_wanted(struct sim_call *call, const char *const *equal, json_t *object)
{
    for (; equal && *equal; equal++) {
        const char *want = sim_form_get(&call->form, *equal);

        if (want && !sim_is(object, *equal, want))
            return false;
    }
    return true;
}

static bool names_known(struct sim_call *call, const struct sim_list_of *of)
{
    static const char *const paging[] = { "created", "ending_before", "limit", "starting_after" };
    const char *names[24];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(paging); i++)
        names[count++] = paging[i];
    for (const char *const *at = of->equal; at && *at; at++)
        names[count++] = *at;
    for (const char *const *at = of->names; at && *at; at++)
        names[count++] = *at;
    names[count] = NULL;
    return sim_known_names(call, names);
}

static sqlite3_stmt *rows_of(struct sim_call *call, const struct sim_list_of *of, const struct bounds *bounds)
{
    bool up = bounds->down_to_seq >= 0;

    if (of->parent)
        return sim_prepare(call->sim, up ? "SELECT json, trait, created FROM object WHERE parent = ? AND kind = ? AND seq > ? AND seq < ? ORDER BY seq"
                                         : "SELECT json, trait, created FROM object WHERE parent = ? AND kind = ? AND seq > ? AND seq < ? ORDER BY seq DESC",
                           "ssii", of->parent, of->kind, bounds->down_to_seq, bounds->from_seq);
    return sim_prepare(call->sim, up ? "SELECT json, trait, created FROM object WHERE kind = ? AND seq > ? AND seq < ? ORDER BY seq"
                                     : "SELECT json, trait, created FROM object WHERE kind = ? AND seq > ? AND seq < ? ORDER BY seq DESC",
                       "sii", of->kind, bounds->down_to_seq, bounds->from_seq);
}

/* A new reference to the row's object if it is wanted; what its columns say is asked first. */
static json_t *row_wanted(struct sim_call *call, const struct sim_list_of *of, const struct bounds *bounds, sqlite3_stmt *stmt)
{
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    int64_t created = sqlite3_column_int64(stmt, 2);
    json_t *object;

    if (created <= bounds->after || created >= bounds->before || (strcmp(of->kind, "event") == 0 && !type_wanted(&call->form, type ? type : "")))
        return NULL;
    object = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);
    if (object && equal_wanted(call, of->equal, object))
        return object;
    json_decref(object);
    return NULL;
}

bool sim_list(struct sim_call *call, const struct sim_list_of *of)
{
    struct bounds bounds;
    bool more = false, up;
    sqlite3_stmt *stmt;
    json_t *items, *list;

    if (!names_known(call, of) || !read_bounds(call, of->kind, &bounds))
        return false;
    up = bounds.down_to_seq >= 0;
    items = json_array();
    stmt = rows_of(call, of, &bounds);
    while (!more && sqlite3_step(stmt) == SQLITE_ROW) {
        json_t *object;

        /* Newest first, and time rises with seq but for a clock that is moved: a day further is looked for stragglers. */
        if (!up && sqlite3_column_int64(stmt, 2) < bounds.after - 86400)
            break;
        object = row_wanted(call, of, &bounds, stmt);
        if (!object)
            continue;
        more = json_array_size(items) == (size_t)bounds.limit;
        if (more)
            json_decref(object);
        else if (up)
            json_array_insert_new(items, 0, object);
        else
            json_array_append_new(items, object);
    }
    sqlite3_finalize(stmt);
    list = json_pack("{s:s, s:o, s:b, s:s}", "object", "list", "data", items, "has_more", more, "url", arena_printf(call->arena, "/v1/%s", call->path));
    arena_defer(call->arena, (void (*)(void *))json_decref, list);
    return sim_answer(call, list);
}

const char *sim_list_parent(struct sim_call *call)
{
    const char *intent = sim_form_get(&call->form, "payment_intent"), *charge = sim_form_get(&call->form, "charge");
    json_t *found = !intent && charge ? sim_object(call->sim, call->arena, "charge", charge, NULL) : NULL;

    return intent ? intent : found ? sim_text(found, "payment_intent") : charge ? charge /* nothing hangs on it */ : NULL;
}
