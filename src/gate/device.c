/* device.c - see device.h. */
#include "gate/device.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "identity/identity.h"

const char *const device_status_words[] = { "waiting", "expired", "active", "suspended", "revoked", NULL };

/* A credential is looked up anew so often, and its device then counts as seen. */
#define LOOK_AGAIN_MS (INT64_C(60) * 1000)

#define COLUMNS "id, event, made_by, name, gate, created_at, claimed_at, seen_at, revoked_at, token_expires_at, credential_hash"

SQL(device_by_id_sql, "SELECT " COLUMNS " FROM device WHERE id = :id");
SQL(device_by_code_sql, "SELECT " COLUMNS " FROM device WHERE token_hash = :hash AND token_expires_at > :now");
SQL(devices_of_event_sql, "SELECT " COLUMNS " FROM device WHERE event = :event AND id > :after ORDER BY id LIMIT :limit");
SQL(device_count_sql, "SELECT count(*), count(CASE WHEN revoked_at IS NULL THEN 1 END) FROM device WHERE event = :event");
SQL(device_insert_sql, "INSERT INTO device (id, event, name, gate, made_by, created_at, token_hash, token_expires_at)"
                       " VALUES (:id, :event, :name, :gate, :actor, :now, :hash, :expires_at)");
SQL(device_provision_sql, "UPDATE device SET token_hash = :hash, token_expires_at = :expires_at, credential_hash = NULL, epoch = epoch + 1,"
                          " claimed_at = NULL, made_by = :actor WHERE id = :id AND revoked_at IS NULL");
/* The rule itself: of two that come at once, the second finds no such code. */
SQL(device_claim_sql, "UPDATE device SET token_hash = NULL, token_expires_at = NULL, credential_hash = :credential, epoch = epoch + 1,"
                      " claimed_at = :now, seen_at = :now WHERE id = :id AND token_hash = :hash AND revoked_at IS NULL");
SQL(device_change_sql, "UPDATE device SET name = :name, gate = :gate WHERE id = :id");
SQL(device_revoke_sql, "UPDATE device SET token_hash = NULL, token_expires_at = NULL, credential_hash = NULL, epoch = epoch + 1, revoked_at = :now"
                       " WHERE id = :id AND revoked_at IS NULL");
SQL(device_gate_sql, "SELECT gate FROM device WHERE id = :id");
SQL(device_by_credential_sql, "SELECT d.id, d.event, d.epoch, d.seen_at, e.ends_at FROM device d JOIN event e ON e.id = d.event"
                              " WHERE d.credential_hash = :hash");
SQL(device_still_valid_sql, "SELECT 1 FROM device d JOIN event e ON e.id = d.event"
                            " WHERE d.id = :id AND d.epoch = :epoch AND d.credential_hash IS NOT NULL AND e.ends_at > :ended_before");
SQL(device_seen_sql, "UPDATE device SET seen_at = :now WHERE id = :id AND credential_hash IS NOT NULL");

/* ---- reading ---- */

static void read_row(struct query *q, struct tx *tx, struct device *out)
{
    bool claimed = !col_is_null(q, 10);

    *out = (struct device){
        .id = col_id(q, 0), .event = col_id(q, 1), .made_by = col_id(q, 2), .name = col_text(q, 3, tx->arena), .gate = col_text(q, 4, tx->arena),
        .created_at_ms = col_int(q, 5), .claimed_at_ms = col_int(q, 6), .seen_at_ms = col_int(q, 7), .revoked_at_ms = col_int(q, 8),
        .code_expires_at_ms = col_int(q, 9),
    };
    out->status = out->revoked_at_ms ? DEVICE_REVOKED : claimed ? DEVICE_ACTIVE : out->code_expires_at_ms > tx->now_ms ? DEVICE_WAITING : DEVICE_EXPIRED;
}

/* Behind the query, for it asks others. */
static void look_at_maker(struct tx *tx, struct device *device)
{
    bool waits = device->status == DEVICE_WAITING;

    if ((waits || device->status == DEVICE_ACTIVE) && !event_managed_by(tx, &device->event, &device->made_by))
        device->status = waits ? DEVICE_EXPIRED : DEVICE_SUSPENDED;
}

static bool read_one(struct query *q, struct tx *tx, struct device *out)
{
    bool found = query_row(q);

    if (found)
        read_row(q, tx, out);
    query_end(q);
    if (found)
        look_at_maker(tx, out);
    return found;
}

bool device_find(struct tx *tx, const struct id *event, const struct id *id, struct device *out)
{
    struct query *q = query(tx, &device_by_id_sql);

    bind_id(q, ":id", id);
    return read_one(q, tx, out) && id_equal(&out->event, event);
}

size_t devices_of_event(struct tx *tx, const struct id *event, const struct page *page, struct device **out, bool *more)
{
    static const struct id none;
    struct device *rows = ARENA_ARRAY(tx->arena, (size_t)page->limit + 1, struct device);
    struct query *q = query(tx, &devices_of_event_sql);
    size_t count = 0;

    bind_id(q, ":event", event);
    bind_id(q, ":after", page->after ? &page->id : &none);
    bind_int(q, ":limit", page->limit + 1);
    while (count <= (size_t)page->limit && query_row(q))
        read_row(q, tx, &rows[count++]);
    query_end(q);
    for (size_t i = 0; i < count; i++)
        look_at_maker(tx, &rows[i]);
    *more = count > (size_t)page->limit;
    *out = rows;
    return *more ? (size_t)page->limit : count;
}

const char *device_gate(struct tx *tx, const struct id *device)
{
    struct query *q = query(tx, &device_gate_sql);
    const char *gate = NULL;

    bind_id(q, ":id", device);
    if (query_row(q))
        gate = col_text(q, 0, tx->arena);
    query_end(q);
    return gate;
}

static bool find_by_code(struct tx *tx, const char *code, struct device *out)
{
    uint8_t hash[SECRET_HASH_BYTES];
    struct query *q = query(tx, &device_by_code_sql);

    secret_hash(code, strlen(code), hash);
    bind_blob(q, ":hash", hash, sizeof hash);
    bind_int(q, ":now", tx->now_ms);
    return read_one(q, tx, out);
}

/* One answer for every reason, so that a guess learns nothing. */
static enum err refuse_code(struct tx *tx)
{
    return fail(tx, ERR_NOT_FOUND, "This code is not good, or not any more: it works once, for 15 minutes. Ask for a new one.");
}

enum err device_event_of_code(struct tx *tx, const char *code, struct id *out)
{
    struct device device;

    if (!find_by_code(tx, code, &device))
        return refuse_code(tx);
    *out = device.event;
    return ERR_OK;
}

/* ---- making ---- */

static void tell_http(struct app *app, void *arg)
{
    http_epoch_raised(app, arg);
}

/* Once this transaction is durable no loop remembers the device's credential any more. The arena outlives the commit. */
static void drop_remembered(struct tx *tx, const struct id *device)
{
    if (tx->app && tx->app->http)
        tx_after_commit(tx, tell_http, arena_copy(tx->arena, device, sizeof *device));
}

static enum err refuse_if_over(struct tx *tx, const struct event *event)
{
    if (!event_is_over(event, tx->now_ms))
        return ERR_OK;
    return fail(tx, ERR_CONFLICT, "The event is %s.", event->status == EVENT_CANCELLED ? "cancelled" : "over");
}

static enum err refuse_if_full(struct tx *tx, const struct id *event)
{
    struct query *q = query(tx, &device_count_sql);
    int64_t ever = 0, now = 0;

    bind_id(q, ":event", event);
    if (query_row(q)) {
        ever = col_int(q, 0);
        now = col_int(q, 1);
    }
    query_end(q);
    if (now >= DEVICES_MAX)
        return fail(tx, ERR_CONFLICT, "An event has at most %d devices; revoke one first.", DEVICES_MAX);
    if (ever >= DEVICES_EVER_MAX)
        return fail(tx, ERR_CONFLICT, "An event has at most %d devices, revoked ones counted.", DEVICES_EVER_MAX);
    return ERR_OK;
}

/* A fresh code into the device's row. */
static const char *set_code(struct tx *tx, struct sql *sql, struct device *device)
{
    const char *code = secret_make(tx->arena, DEVICE_CODE_PREFIX);
    uint8_t hash[SECRET_HASH_BYTES];
    struct query *q = query(tx, sql);

    secret_hash(code, strlen(code), hash);
    device->code_expires_at_ms = tx->now_ms + DEVICE_CODE_MS;
    bind_id(q, ":id", &device->id);
    bind_blob(q, ":hash", hash, sizeof hash);
    bind_int(q, ":expires_at", device->code_expires_at_ms);
    bind_id(q, ":actor", &device->made_by);
    if (sql == &device_insert_sql) {
        bind_id(q, ":event", &device->event);
        bind_text(q, ":name", device->name);
        bind_text(q, ":gate", device->gate);
        bind_int(q, ":now", tx->now_ms);
    }
    query_run(q);
    return code;
}

enum err device_make(struct tx *tx, const struct event *event, const char *name, const char *gate, struct device *out, const char **code)
{
    enum err e = refuse_if_over(tx, event);

    if (!e)
        e = refuse_if_full(tx, &event->id);
    if (e)
        return e;
    *out = (struct device){ .id = id_new(tx->now_ms), .event = event->id, .made_by = tx->actor, .name = name, .gate = gate, .created_at_ms = tx->now_ms };
    *code = set_code(tx, &device_insert_sql, out);
    tx_note(tx, "device.made", &out->id, &event->id);
    return ERR_OK;
}

enum err device_provision(struct tx *tx, const struct event *event, struct device *device, const char **code)
{
    enum err e = refuse_if_over(tx, event);

    if (e)
        return e;
    if (device->status == DEVICE_REVOKED)
        return fail(tx, ERR_CONFLICT, "The device is revoked; make a new one.");
    device->made_by = tx->actor;
    device->status = DEVICE_WAITING;
    device->claimed_at_ms = 0;
    *code = set_code(tx, &device_provision_sql, device);
    drop_remembered(tx, &device->id);
    tx_note(tx, "device.provisioned", &device->id, &event->id);
    return ERR_OK;
}

/* ---- claiming, changing, ending ---- */

enum err device_claim(struct tx *tx, const char *code, struct device *out, const char **credential)
{
    uint8_t hash[SECRET_HASH_BYTES], kept[SECRET_HASH_BYTES];
    struct event event;
    struct query *q;

    secret_hash(code, strlen(code), hash);
    *credential = secret_make(tx->arena, DEVICE_CREDENTIAL_PREFIX);
    secret_hash(*credential, strlen(*credential), kept);
    if (!find_by_code(tx, code, out) || out->status != DEVICE_WAITING || !event_find(tx, &out->event, &event) || event_is_over(&event, tx->now_ms))
        return refuse_code(tx);
    q = query(tx, &device_claim_sql);
    bind_id(q, ":id", &out->id);
    bind_blob(q, ":hash", hash, sizeof hash);
    bind_blob(q, ":credential", kept, sizeof kept);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return refuse_code(tx);
    drop_remembered(tx, &out->id);
    tx_note(tx, "device.claimed", &out->id, &out->event);
    return device_find(tx, &out->event, &out->id, out) ? ERR_OK : ERR_INTERNAL;
}

void device_change(struct tx *tx, struct device *device, const char *name, const char *gate)
{
    struct query *q = query(tx, &device_change_sql);

    device->name = name;
    device->gate = gate;
    bind_id(q, ":id", &device->id);
    bind_text(q, ":name", name);
    bind_text(q, ":gate", gate);
    query_run(q);
}

void device_revoke(struct tx *tx, struct device *device)
{
    struct query *q = query(tx, &device_revoke_sql);

    bind_id(q, ":id", &device->id);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return;
    drop_remembered(tx, &device->id);
    tx_note(tx, "device.revoked", &device->id, &device->event);
}

/* ---- when it was last seen ---- */

struct seen {
    struct write write;
    struct id device;
};

static enum err write_seen(struct write *write, struct tx *tx)
{
    struct seen *seen = CONTAINER_OF(write, struct seen, write);
    struct query *q = query(tx, &device_seen_sql);

    bind_id(q, ":id", &seen->device);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    return ERR_OK;
}

static void done_seen(struct write *write, enum err outcome)
{
    arena_free(write->arena);
    free(CONTAINER_OF(write, struct seen, write));
}

/* Nobody waits for it; where the writer is busy the next minute will do. */
static void note_seen(struct app *app, const struct id *device, const struct id *event)
{
    struct seen *seen = calloc(1, sizeof *seen);

    if (!seen)
        return;
    seen->device = *device;
    seen->write.run = write_seen;
    seen->write.done = done_seen;
    seen->write.arena = arena_new(0);
    seen->write.fault = (struct fault){ .arena = seen->write.arena };
    seen->write.key = *event;
    seen->write.bytes = sizeof *seen;
    if (store_write(app->store, &seen->write) != ERR_OK)
        done_seen(&seen->write, ERR_BUSY);
}

/* ---- what http asks ---- */

static enum err authenticate_device(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    uint8_t hash[SECRET_HASH_BYTES];
    struct query *q = query(tx, &device_by_credential_sql);
    int64_t now_ms = clock_now_ms(), closes_at_ms = 0, seen_at_ms = 0;

    secret_hash(token, len, hash);
    bind_blob(q, ":hash", hash, sizeof hash);
    if (query_row(q)) {
        *out = (struct caller){ .account = col_id(q, 0), .gate_of = col_id(q, 1), .epoch = col_int(q, 2) };
        seen_at_ms = col_int(q, 3);
        closes_at_ms = col_int(q, 4) + EVENT_GATE_AFTER_END_MS;
    }
    query_end(q);
    if (closes_at_ms <= now_ms)
        return ERR_UNAUTHENTICATED;
    out->expires_at_ms = MIN(now_ms + LOOK_AGAIN_MS, closes_at_ms);
    if (seen_at_ms <= now_ms - LOOK_AGAIN_MS)
        note_seen(app, &out->account, &out->gate_of);
    return ERR_OK;
}

enum err gate_authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    size_t prefix = strlen(DEVICE_CREDENTIAL_PREFIX);

    if (len == prefix + SECRET_TEXT_LEN && !memcmp(token, DEVICE_CREDENTIAL_PREFIX, prefix))
        return authenticate_device(app, tx, token, len, out);
    return identity_authenticate(app, tx, token, len, out);
}

enum err gate_still_valid(struct tx *tx, const struct caller *caller)
{
    struct query *q;
    bool valid;

    if (id_is_zero(&caller->gate_of))
        return identity_still_valid(tx, caller);
    q = query(tx, &device_still_valid_sql);
    bind_id(q, ":id", &caller->account);
    bind_int(q, ":epoch", caller->epoch);
    bind_int(q, ":ended_before", tx->now_ms - EVENT_GATE_AFTER_END_MS);
    valid = query_row(q);
    query_end(q);
    return valid ? ERR_OK : ERR_UNAUTHENTICATED;
}
