/*
 * query.c - statements: the table of all of them, binding by name, reading columns; and what a transaction leaves behind.
 *
 * The same for each engine; the engine's part is behind engine.h.
 */
#include "store/engine.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* The linker gives the bounds of the section that SQL() writes to. Weak: a program without a statement has no such section. */
extern struct sql *const __start_usher_sql[] __attribute__((weak));
extern struct sql *const __stop_usher_sql[] __attribute__((weak));

size_t sql_count(void)
{
    return (size_t)(__stop_usher_sql - __start_usher_sql);
}

struct sql *sql_at(size_t i)
{
    assert(i < sql_count());
    return __start_usher_sql[i];
}

struct query *query(struct tx *tx, struct sql *sql)
{
    struct connection *connection = tx->connection;
    struct query *query;

    assert(connection && sql->index >= 0);
    query = connection->queries[sql->index];
    if (!query) {
        query = connection->engine->prepare(connection, sql);
        connection->queries[sql->index] = query;
    }
    if (query->open)
        log_die("the statement %s is used inside itself, or was not ended", sql->name);
    query->open = true;
    query->open_next = connection->open;
    connection->open = query;
    query->bound = 0;
    query->param_hint = 0;
    return query;
}

static void query_close(struct query *query)
{
    struct query **at = &query->connection->open;

    if (!query->open)
        return;
    query->connection->engine->reset(query);
    while (*at != query)
        at = &(*at)->open_next;
    *at = query->open_next;
    query->open = false;
}

void connection_end_queries(struct connection *connection)
{
    while (connection->open)
        query_close(connection->open);
}

void connection_free_queries(struct connection *connection)
{
    for (size_t i = 0; i < sql_count(); i++) {
        if (connection->queries[i])
            connection->engine->finalize(connection->queries[i]);
    }
    free(connection->queries);
    connection->queries = NULL;
}

/* The parameter's place. An unknown name is our own mistake. */
static int param_find(struct query *query, const char *name)
{
    int at = query->param_hint;

    for (int tried = 0; tried < query->param_count; tried++, at++) {
        if (at >= query->param_count)
            at = 0;
        if (strcmp(query->params[at], name) == 0) {
            query->param_hint = at + 1;
            query->bound |= (uint64_t)1 << at;
            return at;
        }
    }
    log_die("the statement %s has no parameter %s", query->sql->name, name);
}

void bind_int(struct query *q, const char *name, int64_t value)
{
    q->connection->engine->bind_int(q, param_find(q, name), value);
}

void bind_id(struct query *q, const char *name, const struct id *id)
{
    q->connection->engine->bind_blob(q, param_find(q, name), id->byte, sizeof id->byte);
}

void bind_id_or_null(struct query *q, const char *name, const struct id *id)
{
    if (id && !id_is_zero(id))
        bind_id(q, name, id);
    else
        bind_null(q, name);
}

void bind_text(struct query *q, const char *name, const char *text)
{
    if (text)
        bind_textn(q, name, text, strlen(text));
    else
        bind_null(q, name);
}

void bind_textn(struct query *q, const char *name, const char *text, size_t len)
{
    q->connection->engine->bind_text(q, param_find(q, name), text, len);
}

void bind_blob(struct query *q, const char *name, const void *data, size_t len)
{
    q->connection->engine->bind_blob(q, param_find(q, name), data, len);
}

void bind_null(struct query *q, const char *name)
{
    q->connection->engine->bind_null(q, param_find(q, name));
}

void bind_time_or_null(struct query *q, const char *name, int64_t at_ms)
{
    if (at_ms)
        bind_int(q, name, at_ms);
    else
        bind_null(q, name);
}

bool query_row(struct query *q)
{
    struct connection *connection = q->connection;

    if (!q->open)
        return false;
    /* A parameter that was forgotten would keep its value of the last use. */
    if (q->param_count && q->bound != UINT64_MAX >> (64 - q->param_count))
        log_die("the statement %s has a parameter that was not bound", q->sql->name);
    if (!connection->trouble && connection->engine->step(q))
        return true;
    query_close(q);
    return false;
}

void query_end(struct query *q)
{
    query_close(q);
}

int64_t query_run(struct query *q)
{
    int64_t changes;

    assert(q->open);
    while (query_row(q)) {
    }
    changes = q->connection->trouble ? 0 : q->connection->engine->changes(q);
    query_close(q);
    return changes;
}

int64_t col_int(struct query *q, int col)
{
    return q->connection->engine->col_int(q, col);
}

bool col_is_null(struct query *q, int col)
{
    return q->connection->engine->col_is_null(q, col);
}

struct id col_id(struct query *q, int col)
{
    struct bytes bytes = q->connection->engine->col_bytes(q, col);
    struct id id = { { 0 } };

    if (bytes.len == sizeof id.byte)
        memcpy(id.byte, bytes.data, sizeof id.byte);
    return id;
}

char *col_text(struct query *q, int col, struct arena *arena)
{
    struct bytes bytes = q->connection->engine->col_bytes(q, col);

    return bytes.data ? arena_copy(arena, bytes.data, bytes.len) : NULL;
}

struct bytes col_blob(struct query *q, int col, struct arena *arena)
{
    struct bytes bytes = q->connection->engine->col_bytes(q, col);

    if (bytes.data)
        bytes.data = arena_copy(arena, bytes.data, bytes.len);
    return bytes;
}

bool tx_failed(const struct tx *tx)
{
    return tx->connection->trouble != TROUBLE_NONE;
}

/* ---- the trail ---- */

static void note_id(struct buf *notes, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    buf_char(notes, ' ');
    if (id && !id_is_zero(id)) {
        id_format(id, text);
        buf_add(notes, text, ID_TEXT_LEN);
    } else {
        buf_char(notes, '-');
    }
}

/* "registration.created <thing> <about> <actor>\n"; '-' stands for none. */
void tx_note(struct tx *tx, const char *kind, const struct id *thing, const struct id *about)
{
    struct buf *notes;

    assert(tx->writing && tx->connection->trail);
    notes = &tx->connection->trail->notes;
    buf_str(notes, kind);
    note_id(notes, thing);
    note_id(notes, about);
    note_id(notes, &tx->actor);
    buf_char(notes, '\n');
}

void tx_after_commit(struct tx *tx, void (*fn)(struct app *app, void *arg), void *arg)
{
    struct trail *trail = tx->connection->trail;

    assert(tx->writing && trail);
    /* A rush of handlers that wake the same thread needs one wake-up. */
    if (trail->hook_count && trail->hooks[trail->hook_count - 1].fn == fn && trail->hooks[trail->hook_count - 1].arg == arg)
        return;
    if (trail->hook_count == trail->hook_cap) {
        size_t cap = trail->hook_cap ? trail->hook_cap * 2 : 64;
        struct after_commit *hooks = realloc(trail->hooks, cap * sizeof *hooks);

        if (!hooks)
            log_die("out of memory");
        trail->hooks = hooks;
        trail->hook_cap = cap;
    }
    trail->hooks[trail->hook_count++] = (struct after_commit){ fn, arg };
}

void trail_cut(struct trail *trail, size_t notes_len, size_t hook_count)
{
    trail->notes.len = notes_len;
    trail->hook_count = hook_count;
}

void trail_free(struct trail *trail)
{
    buf_free(&trail->notes);
    free(trail->hooks);
    *trail = (struct trail){ 0 };
}
