/* sim_rows.c - sim.db. It is a guest's file: WAL with synchronous=NORMAL, so a power cut may take the last moment's test money with it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "sim/sim_inside.h"

/* Raised with the schema; `raise` says how to come from the one before. */
#define SCHEMA_VERSION 2

static const char raise_from_1[] =
    "DROP TABLE IF EXISTS delivery; DROP TABLE IF EXISTS kept_answer;" /* what was under way; the reconciler finds it */
    "ALTER TABLE object ADD COLUMN created INTEGER NOT NULL DEFAULT 0;"
    "UPDATE object SET created = coalesce(json_extract(json, '$.created'), 0);"
    "UPDATE object SET trait = json_extract(json, '$.type') WHERE kind = 'event';";

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000;"
    "CREATE TABLE IF NOT EXISTS object ("
    " seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, parent TEXT, trait TEXT, json TEXT NOT NULL,"
    " created INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);"
    "CREATE INDEX IF NOT EXISTS object_event_created ON object (created) WHERE kind = 'event';"
    "CREATE INDEX IF NOT EXISTS object_parent ON object (parent, kind, seq) WHERE parent IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS kept_answer ("
    " key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS kept_answer_at ON kept_answer (at);"
    /* endpoint '': our own server. AUTOINCREMENT: a delivery that is on its way is never taken for a later one. asked: by POST /sim/deliver. */
    "CREATE TABLE IF NOT EXISTS delivery ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    " created INTEGER NOT NULL, asked INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (endpoint, due, id);"
    "CREATE INDEX IF NOT EXISTS delivery_event ON delivery (event);"
    "CREATE TABLE IF NOT EXISTS later (id INTEGER PRIMARY KEY, due INTEGER NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS later_due ON later (due);"
    "CREATE INDEX IF NOT EXISTS later_object ON later (object);"
    "CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "PRAGMA user_version = 2;"; /* SCHEMA_VERSION */

static bool has_objects(struct sim *sim)
{
    return sqlite3_table_column_metadata(sim->db, NULL, "object", NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t version(struct sim *sim)
{
    sqlite3_stmt *stmt = NULL;
    int64_t found = -1;

    if (sqlite3_prepare_v2(sim->db, "SELECT user_version FROM pragma_user_version", -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        found = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return found;
}

static bool run_script(struct sim *sim, const char *sql, const char *path, struct buf *error)
{
    char *what = NULL;

    if (sqlite3_exec(sim->db, sql, NULL, NULL, &what) == SQLITE_OK)
        return true;
    buf_printf(error, "%s cannot be used: %s", path, what ? what : sqlite3_errmsg(sim->db));
    sqlite3_free(what);
    return false;
}

bool sim_rows_open(struct sim *sim, const char *path, struct buf *error)
{
    int64_t found;

    if (sqlite3_open_v2(path, &sim->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
        buf_printf(error, "%s cannot be opened: %s", path, sqlite3_errmsg(sim->db));
        return false;
    }
    found = version(sim);
    if (has_objects(sim) && (found < 1 || found > SCHEMA_VERSION)) {
        buf_printf(error, "%s was made by another version of the simulator; remove it to begin with an empty one", path);
        return false;
    }
    if (found == 1 && !run_script(sim, raise_from_1, path, error))
        return false;
    return run_script(sim, schema, path, error);
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(struct sim *sim, const char *sql, const char *types, va_list args)
{
    sqlite3_stmt *stmt;

    if (sqlite3_prepare_v2(sim->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        log_die("the simulator's statement cannot be prepared: %s", sqlite3_errmsg(sim->db));
    for (int i = 1; *types; i++, types++) {
        if (*types == 's') {
            const char *text = va_arg(args, const char *);

            if (text)
                sqlite3_bind_text(stmt, i, text, -1, SQLITE_TRANSIENT);
        } else {
            sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
        }
    }
    return stmt;
}

sqlite3_stmt *sim_prepare(struct sim *sim, const char *sql, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *stmt;

    va_start(args, types);
    stmt = prepare(sim, sql, types, args);
    va_end(args);
    return stmt;
}

int64_t sim_run(struct sim *sim, const char *sql, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *stmt;
    int64_t changed = -1;

    va_start(args, types);
    stmt = prepare(sim, sql, types, args);
    va_end(args);
    if (sqlite3_step(stmt) == SQLITE_DONE)
        changed = sqlite3_changes64(sim->db);
    else
        log_warn("the simulator's file: %s", sqlite3_errmsg(sim->db));
    sqlite3_finalize(stmt);
    return changed;
}

int64_t sim_count(struct sim *sim, const char *sql, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *stmt;
    int64_t found = 0;

    va_start(args, types);
    stmt = prepare(sim, sql, types, args);
    va_end(args);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        found = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return found;
}

/* ---- objects ---- */

static void drop(void *json)
{
    json_decref(json);
}

json_t *sim_object(struct sim *sim, struct arena *arena, const char *kind, const char *id, const char **trait)
{
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT json, trait FROM object WHERE id = ? AND kind = ?", "ss", id, kind);
    json_t *object = NULL;

    if (sqlite3_step(stmt) == SQLITE_ROW) {
        object = json_loads((const char *)sqlite3_column_text(stmt, 0), 0, NULL);
        if (trait)
            *trait = arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    if (object)
        arena_defer(arena, drop, object);
    return object;
}

static char *text_of(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    if (!text)
        log_die("out of memory");
    return text;
}

void sim_insert(struct sim *sim, const char *kind, const char *parent, const char *trait, json_t *object)
{
    char *text = text_of(object);

    sim_run(sim, "INSERT INTO object (json, id, kind, parent, trait, created) VALUES (?, ?, ?, ?, ?, ?)", "sssssi", text, sim_text(object, "id"), kind, parent,
            trait, (int64_t)sim_number(object, "created"));
    free(text);
}

void sim_update(struct sim *sim, json_t *object)
{
    char *text = text_of(object);

    sim_run(sim, "UPDATE object SET json = ? WHERE id = ?", "ss", text, sim_text(object, "id"));
    free(text);
}

void sim_set_trait(struct sim *sim, const char *id, const char *trait)
{
    sim_run(sim, "UPDATE object SET trait = ? WHERE id = ?", "ss", trait, id);
}

char *sim_new_id(struct arena *arena, const char *prefix)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char text[25];

    for (int i = 0; i < 24; i++)
        text[i] = letters[random_below(sizeof letters - 1)];
    text[24] = '\0';
    return arena_printf(arena, "%s%s", prefix, text);
}

/* ---- what is kept ---- */

char *sim_kept(struct sim *sim, struct arena *arena, const char *name)
{
    sqlite3_stmt *stmt = sim_prepare(sim, "SELECT value FROM kept WHERE name = ?", "s", name);
    char *value = NULL;

    if (sqlite3_step(stmt) == SQLITE_ROW)
        value = arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return value;
}

void sim_keep(struct sim *sim, const char *name, const char *value)
{
    sim_run(sim, "INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", "ss", name, value);
}
