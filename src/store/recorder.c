#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "store/recorder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

#define TABLES_MAX 64
#define COLUMNS_MAX 64
/* Kept between batches; what a rare big one needed goes back. */
#define KEPT_BYTES_MAX ((size_t)2 << 20)

/* The format's type bytes; 0 stands for a column that is not given. */
enum { NOT_GIVEN = 0 };

/* One change: where its bytes are in the table's. For an update, the old values' length tells where the new ones begin. */
struct change {
    uint32_t at, len, old_len;
    uint32_t hash;  /* of its primary key */
    uint8_t op;
    bool merged;    /* into an earlier one */
};

struct table {
    char *name;
    int columns;
    uint8_t is_key[COLUMNS_MAX]; /* its place in the primary key, from 1; 0: not part of it. sqlite3changeset_apply passes over a table where they differ */
    struct buf bytes;
    struct change *changes;
    uint32_t count, cap;
    /* Where it stood at the savepoint `savepoint`; what is older has not been touched since. */
    uint64_t savepoint;
    size_t mark_len;
    uint32_t mark_count;
};

struct recorder {
    sqlite3 *db;
    struct table tables[TABLES_MAX];
    int table_count, last;  /* the table of the change before is tried first */
    bool on;
    uint64_t savepoint;     /* numbers them */
    struct buf out;
    uint32_t *places;       /* of recorder_take: the newest change by hash, plus 1 */
    uint32_t place_count;
};

/* ---- the schema ---- */

static bool read_columns(struct recorder *recorder, struct table *table)
{
    sqlite3_stmt *stmt = NULL;
    bool keyed = false;

    if (sqlite3_prepare_v2(recorder->db, "SELECT pk FROM pragma_table_info(:name) ORDER BY cid", -1, &stmt, NULL) != SQLITE_OK)
        return false;
    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        assert(table->columns < COLUMNS_MAX);
        table->is_key[table->columns] = (uint8_t)sqlite3_column_int(stmt, 0);
        keyed |= table->is_key[table->columns++] > 0;
    }
    sqlite3_finalize(stmt);
    return keyed; /* a row without one could not be found again */
}

/* Left out are the stored replies: half of all bytes of an order, kept for a day and of no use in another timeline. */
struct recorder *recorder_open(sqlite3 *db)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    sqlite3_stmt *stmt = NULL;
    bool ok = true;

    if (!recorder)
        log_die("out of memory");
    recorder->db = db;
    if (sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'idempotency'", -1, &stmt, NULL) != SQLITE_OK)
        ok = false;
    while (ok && sqlite3_step(stmt) == SQLITE_ROW) {
        struct table *table = &recorder->tables[recorder->table_count++];

        assert(recorder->table_count < TABLES_MAX);
        table->name = strdup((const char *)sqlite3_column_text(stmt, 0));
        ok = table->name && read_columns(recorder, table);
    }
    sqlite3_finalize(stmt);
    if (!ok) {
        recorder_close(recorder);
        recorder = NULL;
    }
    return recorder;
}

void recorder_close(struct recorder *recorder)
{
    if (!recorder)
        return;
    sqlite3_preupdate_hook(recorder->db, NULL, NULL);
    for (int i = 0; i < recorder->table_count; i++) {
        free(recorder->tables[i].name);
        free(recorder->tables[i].changes);
        buf_free(&recorder->tables[i].bytes);
    }
    free(recorder->places);
    buf_free(&recorder->out);
    free(recorder);
}

/* ---- recording ---- */

static struct table *find_table(struct recorder *recorder, const char *name)
{
    for (int i = 0; i < recorder->table_count; i++) {
        int at = (recorder->last + i) % recorder->table_count;

        if (strcmp(recorder->tables[at].name, name) == 0) {
            recorder->last = at;
            return &recorder->tables[at];
        }
    }
    return NULL; /* one that is left out */
}

static void put_varint(struct buf *out, uint32_t value)
{
    unsigned char byte[5];
    int n = 0, len;

    /* SQLite's: seven bits a byte, the highest first, all but the last marked. */
    for (uint32_t rest = value >> 7; rest; rest >>= 7)
        n++;
    len = n + 1;
    for (int i = 0; i < len; i++)
        byte[i] = (unsigned char)((value >> (7 * (n - i)) & 0x7f) | (i < n ? 0x80 : 0));
    buf_add(out, byte, (size_t)len);
}

static void put_int64(unsigned char *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(value >> (56 - 8 * i));
}

static void put_value(struct buf *out, sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    unsigned char fixed[9] = { (unsigned char)type };
    uint64_t bits;
    double real;

    switch (type) {
    case SQLITE_INTEGER:
        put_int64(fixed + 1, (uint64_t)sqlite3_value_int64(value));
        buf_add(out, fixed, sizeof fixed);
        break;
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        memcpy(&bits, &real, sizeof bits);
        put_int64(fixed + 1, bits);
        buf_add(out, fixed, sizeof fixed);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        const void *data = type == SQLITE_TEXT ? (const void *)sqlite3_value_text(value) : sqlite3_value_blob(value);
        int len = sqlite3_value_bytes(value);

        buf_add(out, fixed, 1);
        put_varint(out, (uint32_t)len);
        buf_add(out, data, (size_t)len);
        break;
    }
    default: /* NULL */
        buf_add(out, fixed, 1);
    }
}

static bool same_value(sqlite3_value *a, sqlite3_value *b)
{
    int type = sqlite3_value_type(a), len;

    if (type != sqlite3_value_type(b))
        return false;
    switch (type) {
    case SQLITE_INTEGER:
        return sqlite3_value_int64(a) == sqlite3_value_int64(b);
    case SQLITE_FLOAT:
        return memcmp(&(double){ sqlite3_value_double(a) }, &(double){ sqlite3_value_double(b) }, sizeof(double)) == 0;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        len = sqlite3_value_bytes(a);
        return len == sqlite3_value_bytes(b) && (len == 0 || memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b), (size_t)len) == 0);
    default:
        return true;
    }
}

/* FNV-1a over the key's bytes as they were written. */
static uint32_t hash_bytes(uint32_t hash, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)data[i]) * 16777619u;
    return hash;
}

/* Begin a change at the table's end. */
static struct change *change_begin(struct table *table, int op)
{
    struct change *change;

    if (table->count == table->cap) {
        uint32_t cap = table->cap ? table->cap * 2 : 64;
        struct change *changes = realloc(table->changes, cap * sizeof *changes);

        if (!changes)
            log_die("out of memory");
        table->changes = changes;
        table->cap = cap;
    }
    change = &table->changes[table->count++];
    *change = (struct change){ .at = (uint32_t)table->bytes.len, .op = (uint8_t)op, .hash = 2166136261u };
    buf_char(&table->bytes, (char)op);
    buf_char(&table->bytes, 0); /* not by a trigger */
    return change;
}

/* One row's values: all of them (`other` NULL), or the key and what differs from `other`, or only what differs. */
static void put_row(struct table *table, struct change *change, sqlite3_value *const *row, sqlite3_value *const *other, bool with_key)
{
    for (int i = 0; i < table->columns; i++) {
        bool given = !other || (with_key && table->is_key[i]) || !same_value(row[i], other[i]);
        size_t before = table->bytes.len;

        if (given)
            put_value(&table->bytes, row[i]);
        else
            buf_char(&table->bytes, NOT_GIVEN);
        if (given && table->is_key[i] && with_key)
            change->hash = hash_bytes(change->hash, table->bytes.data + before, table->bytes.len - before);
    }
}

static void put_whole(struct table *table, int op, sqlite3_value *const *row)
{
    struct change *change = change_begin(table, op);

    put_row(table, change, row, NULL, true);
    change->len = (uint32_t)table->bytes.len - change->at;
}

static void put_update(struct table *table, sqlite3_value *const *old, sqlite3_value *const *new)
{
    bool same = true, same_key = true;
    struct change *change;

    for (int i = 0; i < table->columns; i++) {
        if (!same_value(old[i], new[i])) {
            same = false;
            same_key &= !table->is_key[i];
        }
    }
    if (same)
        return;
    if (!same_key) { /* the format knows no change of a key */
        put_whole(table, SQLITE_DELETE, old);
        put_whole(table, SQLITE_INSERT, new);
        return;
    }
    change = change_begin(table, SQLITE_UPDATE);
    put_row(table, change, old, new, true);
    change->old_len = (uint32_t)table->bytes.len - change->at - 2;
    put_row(table, change, new, old, false);
    change->len = (uint32_t)table->bytes.len - change->at;
}

static void on_change(void *arg, sqlite3 *db, int op, char const *schema, char const *name, sqlite3_int64 from, sqlite3_int64 to)
{
    struct recorder *recorder = arg;
    sqlite3_value *old[COLUMNS_MAX], *new[COLUMNS_MAX];
    struct table *table;

    if (!recorder->on || strcmp(schema, "main") != 0 || !(table = find_table(recorder, name)))
        return;
    if (table->savepoint != recorder->savepoint) {
        table->savepoint = recorder->savepoint;
        table->mark_len = table->bytes.len;
        table->mark_count = table->count;
    }
    for (int i = 0; i < table->columns; i++) {
        if ((op != SQLITE_INSERT && sqlite3_preupdate_old(db, i, &old[i]) != SQLITE_OK) ||
            (op != SQLITE_DELETE && sqlite3_preupdate_new(db, i, &new[i]) != SQLITE_OK))
            log_die("out of memory");
    }
    if (op == SQLITE_UPDATE)
        put_update(table, old, new);
    else
        put_whole(table, op, op == SQLITE_INSERT ? new : old);
}

void recorder_begin(struct recorder *recorder)
{
    for (int i = 0; i < recorder->table_count; i++) {
        struct table *table = &recorder->tables[i];

        buf_clear(&table->bytes);
        table->count = 0;
        if (table->bytes.cap > KEPT_BYTES_MAX)
            buf_free(&table->bytes);
    }
    buf_clear(&recorder->out);
    if (recorder->out.cap > KEPT_BYTES_MAX)
        buf_free(&recorder->out);
    recorder->savepoint++;
    recorder->on = true;
    sqlite3_preupdate_hook(recorder->db, on_change, recorder);
}

void recorder_savepoint(struct recorder *recorder)
{
    recorder->savepoint++;
}

void recorder_rollback_to(struct recorder *recorder)
{
    for (int i = 0; i < recorder->table_count; i++) {
        struct table *table = &recorder->tables[i];

        if (table->savepoint == recorder->savepoint) {
            table->bytes.len = table->mark_len;
            table->count = table->mark_count;
        }
    }
}

/* ---- the changeset ---- */

static size_t value_len(const unsigned char *at)
{
    size_t len = 0, n = 1;

    switch (at[0]) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        return 9;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        do
            len = len << 7 | (at[n] & 0x7f);
        while (at[n++] & 0x80);
        return n + len;
    default:
        return 1;
    }
}

/* Two updates of one row that give the same columns, the new values in as many bytes? */
static bool mergeable(const struct table *table, const struct change *a, const struct change *b)
{
    const unsigned char *old_a = (const unsigned char *)table->bytes.data + a->at + 2, *old_b = (const unsigned char *)table->bytes.data + b->at + 2;

    if (a->op != SQLITE_UPDATE || b->op != SQLITE_UPDATE || a->len - a->old_len != b->len - b->old_len)
        return false;
    for (int i = 0; i < table->columns; i++) {
        size_t len_a = value_len(old_a), len_b = value_len(old_b);

        if ((old_a[0] == NOT_GIVEN) != (old_b[0] == NOT_GIVEN))
            return false;
        if (table->is_key[i] && (len_a != len_b || memcmp(old_a, old_b, len_a) != 0))
            return false;
        old_a += len_a;
        old_b += len_b;
    }
    return true;
}

/* Mark the updates that repeat an earlier one, and give that one their new values. */
static void merge(struct recorder *recorder, struct table *table)
{
    uint32_t places = 64;

    while (places < table->count * 2)
        places *= 2;
    if (places > recorder->place_count) {
        free(recorder->places);
        recorder->places = malloc(places * sizeof *recorder->places);
        if (!recorder->places)
            log_die("out of memory");
        recorder->place_count = places;
    }
    memset(recorder->places, 0, places * sizeof *recorder->places);
    for (uint32_t i = 0; i < table->count; i++) {
        struct change *change = &table->changes[i], *earlier;
        uint32_t *place = &recorder->places[change->hash & (places - 1)];

        earlier = *place ? &table->changes[*place - 1] : NULL;
        if (earlier && mergeable(table, earlier, change)) {
            memcpy(table->bytes.data + earlier->at + 2 + earlier->old_len, table->bytes.data + change->at + 2 + change->old_len,
                   change->len - 2 - change->old_len);
            change->merged = true;
        } else {
            *place = i + 1;
        }
    }
}

static void put_table(struct recorder *recorder, struct table *table)
{
    buf_char(&recorder->out, 'T');
    put_varint(&recorder->out, (uint32_t)table->columns);
    buf_add(&recorder->out, table->is_key, (size_t)table->columns);
    buf_add(&recorder->out, table->name, strlen(table->name) + 1);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct change *change = &table->changes[i];

        if (!change->merged)
            buf_add(&recorder->out, table->bytes.data + change->at, change->len);
    }
}

struct bytes recorder_take(struct recorder *recorder)
{
    recorder->on = false;
    sqlite3_preupdate_hook(recorder->db, NULL, NULL);
    for (int i = 0; i < recorder->table_count; i++) {
        struct table *table = &recorder->tables[i];

        if (table->count) {
            merge(recorder, table);
            put_table(recorder, table);
        }
    }
    return buf_bytes(&recorder->out);
}
