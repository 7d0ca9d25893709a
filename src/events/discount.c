#include "events/discount.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/log.h"

#define COLUMNS                                                                                                  \
    "id, event, code, kind, value, types, max_uses, max_uses_per_account, max_tickets, starts_at, ends_at, active," \
    " used, created_at, updated_at"

SQL(discount_by_id, "SELECT " COLUMNS " FROM discount_code WHERE event = :event AND id = :id");
SQL(discount_by_key, "SELECT " COLUMNS " FROM discount_code WHERE event = :event AND code_key = :key");
SQL(discount_of_event, "SELECT " COLUMNS " FROM discount_code WHERE event = :event AND id < :before ORDER BY id DESC LIMIT :limit");
SQL(discount_insert, "INSERT INTO discount_code (event, id, code, code_key, kind, value, types, max_uses, max_uses_per_account, max_tickets,"
                     " starts_at, ends_at, active, created_at, updated_at)"
                     " VALUES (:event, :id, :code, :key, :kind, :value, :types, :max_uses, :max_uses_per_account, :max_tickets,"
                     " :starts_at, :ends_at, :active, :now, :now) ON CONFLICT (event, code_key) DO NOTHING");
SQL(discount_update, "UPDATE discount_code SET kind = :kind, value = :value, types = :types, max_uses = :max_uses,"
                     " max_uses_per_account = :max_uses_per_account, max_tickets = :max_tickets, starts_at = :starts_at, ends_at = :ends_at,"
                     " active = :active, updated_at = :now"
                     " WHERE event = :event AND id = :id AND (:any_uses = 1 OR used <= :max_uses)");
SQL(discount_remove, "DELETE FROM discount_code WHERE event = :event AND id = :id AND used = 0");
SQL(discount_switch_off, "UPDATE discount_code SET active = 0, updated_at = :now WHERE event = :event AND id = :id");
SQL(discount_was_used, "SELECT 1 FROM discount_use WHERE event = :event AND code = :code LIMIT 1");
SQL(discount_is_full, "SELECT 1 FROM discount_code WHERE event = :event LIMIT 1 OFFSET :most");
SQL(discount_take_sql, "UPDATE discount_code SET used = used + 1"
                       " WHERE event = :event AND id = :id AND active = 1 AND (max_uses IS NULL OR used < max_uses)");
SQL(discount_take_again_sql, "UPDATE discount_code SET used = used + 1 WHERE event = :event AND id = :id AND (max_uses IS NULL OR used < max_uses)");
SQL(discount_give_back_sql, "UPDATE discount_code SET used = used - 1 WHERE event = :event AND id = :id AND used > 0");
SQL(discount_use_take, "INSERT INTO discount_use (event, code, account, taken) VALUES (:event, :code, :account, 1)"
                       " ON CONFLICT (event, code, account) DO UPDATE SET taken = discount_use.taken + 1"
                       " WHERE :any = 1 OR discount_use.taken < :max");
SQL(discount_use_read, "SELECT taken FROM discount_use WHERE event = :event AND code = :code AND account = :account");
SQL(discount_use_give_back, "UPDATE discount_use SET taken = taken - 1 WHERE event = :event AND code = :code AND account = :account AND taken > 0");

/* ---- rows ---- */

static void from_row(struct query *q, struct arena *arena, struct discount_code *out)
{
    struct bytes types = col_blob(q, 5, arena);

    *out = (struct discount_code){ .id = col_id(q, 0),
                                   .event = col_id(q, 1),
                                   .code = col_text(q, 2, arena),
                                   .off = { (enum price_discount_kind)col_int(q, 3), col_int(q, 4) },
                                   .types = types.data,
                                   .type_count = types.len,
                                   .max_uses = col_int(q, 6),
                                   .max_uses_per_account = col_int(q, 7),
                                   .max_tickets = col_int(q, 8),
                                   .starts_at_ms = col_int(q, 9),
                                   .ends_at_ms = col_int(q, 10),
                                   .active = col_int(q, 11) != 0,
                                   .used = col_int(q, 12),
                                   .created_at_ms = col_int(q, 13),
                                   .updated_at_ms = col_int(q, 14) };
}

static bool read_one(struct tx *tx, struct query *q, struct discount_code *out)
{
    bool found = query_row(q);

    if (found)
        from_row(q, tx->arena, out);
    query_end(q);
    return found;
}

bool discount_find(struct tx *tx, const struct id *event, const struct id *id, struct discount_code *out)
{
    struct query *q = query(tx, &discount_by_id);

    bind_id(q, ":event", event);
    bind_id(q, ":id", id);
    return read_one(tx, q, out);
}

/* What codes are compared by: the shape has made it NFC and trimmed it; case goes here. */
static const char *fold(struct arena *arena, const char *text)
{
    utf8proc_uint8_t *folded = utf8proc_NFKC_Casefold((const utf8proc_uint8_t *)text);
    const char *out = arena_strdup(arena, folded ? (const char *)folded : text);

    free(folded);
    return out;
}

static struct query *on_row(struct tx *tx, struct sql *sql, const struct id *event, const struct id *id)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":event", event);
    bind_id(q, ":id", id);
    return q;
}

static struct query *on_use(struct tx *tx, struct sql *sql, const struct id *event, const struct id *code, const struct id *account)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":event", event);
    bind_id(q, ":code", code);
    bind_id(q, ":account", account);
    return q;
}

/* ---- using one ---- */

bool discount_is_for(const struct discount_code *code, unsigned n, bool hidden)
{
    if (!code->type_count)
        return !hidden;
    return memchr(code->types, (int)n, code->type_count) != NULL;
}

static enum err refuse_used_up(struct tx *tx)
{
    return fail(tx, ERR_CODE_USED_UP, "The code has been used as often as it may be.");
}

enum err discount_usable(struct tx *tx, const struct id *event, const char *text, const char *pointer, struct discount_code *out)
{
    struct query *q = query(tx, &discount_by_key);

    bind_id(q, ":event", event);
    bind_text(q, ":key", fold(tx->arena, text));
    /* One that was switched off is as good as unknown. */
    if (!read_one(tx, q, out) || !out->active)
        fault_field(tx->fault, pointer, "unknown", "The event has no such code.");
    else if (tx->now_ms < out->starts_at_ms)
        fault_field(tx->fault, pointer, "not-yet", "The code is not good yet.");
    else if (out->ends_at_ms && tx->now_ms >= out->ends_at_ms)
        fault_field(tx->fault, pointer, "expired", "The code is not good any more.");
    else
        return out->max_uses && out->used >= out->max_uses ? refuse_used_up(tx) : ERR_OK;
    return ERR_INVALID;
}

enum err discount_may_guess(struct req *req)
{
    return http_limit_left(req, DISCOUNT_GUESSES, DISCOUNT_GUESSES_A_MINUTE) ? ERR_OK : ERR_TOO_MANY_REQUESTS;
}

enum err discount_guessed(struct req *req, struct tx *tx, enum err e)
{
    for (const struct field_fault *fault = tx->fault->fields; e == ERR_INVALID && fault; fault = fault->next)
        if (strcmp(fault->code, "unknown") == 0) {
            http_limit_take(req, DISCOUNT_GUESSES, DISCOUNT_GUESSES_A_MINUTE);
            break;
        }
    return e;
}

size_t discount_types(struct tx *tx, const struct discount_code *code, struct id **out)
{
    *out = ARENA_ARRAY(tx->arena, code->type_count, struct id);
    for (size_t i = 0; i < code->type_count; i++)
        (*out)[i] = id_child(&code->event, code->types[i]);
    return code->type_count;
}

static enum err refuse_account(struct tx *tx, const struct discount_code *code)
{
    return fail(tx, ERR_LIMIT_REACHED, "An account may use this code %" PRId64 " times.", code->max_uses_per_account);
}

enum err discount_may_take(struct tx *tx, const struct discount_code *code, const struct id *account)
{
    struct query *q = on_use(tx, &discount_use_read, &code->event, &code->id, account);
    int64_t taken = query_row(q) ? col_int(q, 0) : 0;

    query_end(q);
    return code->max_uses_per_account && taken >= code->max_uses_per_account ? refuse_account(tx, code) : ERR_OK;
}

static bool use_take(struct tx *tx, const struct id *event, const struct id *code, const struct id *account, int64_t max)
{
    struct query *q = on_use(tx, &discount_use_take, event, code, account);

    bind_int(q, ":any", max == 0);
    bind_int(q, ":max", max);
    return query_run(q) == 1;
}

enum err discount_take(struct tx *tx, const struct discount_code *code, const struct id *account)
{
    if (query_run(on_row(tx, &discount_take_sql, &code->event, &code->id)) != 1)
        return refuse_used_up(tx);
    return use_take(tx, &code->event, &code->id, account, code->max_uses_per_account) ? ERR_OK : refuse_account(tx, code);
}

enum err discount_take_again(struct tx *tx, const struct id *event, const struct id *code, const struct id *account)
{
    if (query_run(on_row(tx, &discount_take_again_sql, event, code)) != 1)
        return fail(tx, ERR_SOLD_OUT, "The discount code that it was bought with has no use left.");
    use_take(tx, event, code, account, 0);
    return ERR_OK;
}

void discount_give_back(struct tx *tx, const struct id *event, const struct id *code, const struct id *account)
{
    char text[ID_TEXT_LEN + 1];

    if (query_run(on_row(tx, &discount_give_back_sql, event, code)) != 1 && !tx_failed(tx)) {
        id_format(code, text);
        log_error("Discount code %s: giving back a use does not fit its counter; run usher check.", text);
    }
    query_run(on_use(tx, &discount_use_give_back, event, code, account));
}

/* ---- for their organizer ---- */

size_t discount_list(struct tx *tx, const struct id *event, const struct page *page, struct discount_code **out, bool *more)
{
    static const struct id highest = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } };
    struct query *q = query(tx, &discount_of_event);
    size_t count = 0;

    *out = ARENA_ARRAY(tx->arena, (size_t)page->limit + 1, struct discount_code);
    bind_id(q, ":event", event);
    bind_id(q, ":before", page->after ? &page->id : &highest);
    bind_int(q, ":limit", page->limit + 1);
    while (count <= (size_t)page->limit && query_row(q))
        from_row(q, tx->arena, &(*out)[count++]);
    query_end(q);
    *more = count > (size_t)page->limit;
    return *more ? (size_t)page->limit : count;
}

static void bind_limit(struct query *q, const char *name, int64_t limit)
{
    if (limit)
        bind_int(q, name, limit);
    else
        bind_null(q, name);
}

static void bind_rules(struct query *q, struct tx *tx, const struct discount_code *code)
{
    bind_int(q, ":kind", code->off.kind);
    bind_int(q, ":value", code->off.value);
    if (code->type_count)
        bind_blob(q, ":types", code->types, code->type_count);
    else
        bind_null(q, ":types");
    bind_limit(q, ":max_uses", code->max_uses);
    bind_limit(q, ":max_uses_per_account", code->max_uses_per_account);
    bind_limit(q, ":max_tickets", code->max_tickets);
    bind_time_or_null(q, ":starts_at", code->starts_at_ms);
    bind_time_or_null(q, ":ends_at", code->ends_at_ms);
    bind_int(q, ":active", code->active);
    bind_int(q, ":now", tx->now_ms);
}

static bool is_full(struct tx *tx, const struct id *event)
{
    struct query *q = query(tx, &discount_is_full);
    bool full;

    bind_id(q, ":event", event);
    bind_int(q, ":most", DISCOUNT_CODES_MAX - 1);
    full = query_row(q);
    query_end(q);
    return full;
}

enum err discount_create(struct tx *tx, struct discount_code *code)
{
    struct query *q;

    if (is_full(tx, &code->event))
        return fail(tx, ERR_CONFLICT, "An event has at most %d discount codes.", DISCOUNT_CODES_MAX);
    code->id = id_new(tx->now_ms);
    code->created_at_ms = code->updated_at_ms = tx->now_ms;
    q = on_row(tx, &discount_insert, &code->event, &code->id);
    bind_text(q, ":code", code->code);
    bind_text(q, ":key", fold(tx->arena, code->code));
    bind_rules(q, tx, code);
    if (query_run(q) != 1)
        return fail(tx, ERR_CONFLICT, "The event has this code already.");
    tx_note(tx, "discount-code.created", &code->id, &code->event);
    return ERR_OK;
}

enum err discount_change(struct tx *tx, struct discount_code *code)
{
    struct query *q = on_row(tx, &discount_update, &code->event, &code->id);

    bind_rules(q, tx, code);
    bind_int(q, ":any_uses", code->max_uses == 0);
    if (query_run(q) != 1)
        return fail(tx, ERR_CONFLICT, "The code has been used %" PRId64 " times; its limit cannot go below that. Switch it off instead.", code->used);
    code->updated_at_ms = tx->now_ms;
    tx_note(tx, "discount-code.changed", &code->id, &code->event);
    return ERR_OK;
}

enum err discount_delete(struct tx *tx, struct discount_code *code, bool *gone)
{
    struct query *q = query(tx, &discount_was_used);
    bool used;

    bind_id(q, ":event", &code->event);
    bind_id(q, ":code", &code->id);
    used = query_row(q);
    query_end(q);
    *gone = !used && query_run(on_row(tx, &discount_remove, &code->event, &code->id)) == 1;
    if (!*gone) {
        q = on_row(tx, &discount_switch_off, &code->event, &code->id);
        bind_int(q, ":now", tx->now_ms);
        query_run(q);
        code->active = false;
        code->updated_at_ms = tx->now_ms;
    }
    tx_note(tx, "discount-code.deleted", &code->id, &code->event);
    return ERR_OK;
}
