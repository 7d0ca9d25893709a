/*
 * event.c - finding events, who may do what with them, and their JSON.
 *
 * Making and changing them is event_change.c, lists are event_list.c, the words
 * of a search event_search.c, the counters stock.c.
 */
#include <assert.h>
#include <string.h>

#include "events/event_rows.h"
#include "events/staff.h"

const char *const event_status_words[] = { "draft", "published", "cancelled", "ended", NULL };
const char *const event_fee_payer_words[] = { "buyer", "organizer", NULL };

/* The column lists are shared by event_find and the lists: event_read_row and type_read_row read them in this order. */
SQL(event_by_id,
    "SELECT " EVENT_COLUMNS " FROM event e JOIN stock s ON s.event = e.id AND s.n = 0 WHERE e.id = :id");
SQL(event_types_of,
    "SELECT " EVENT_TYPE_COLUMNS " FROM ticket_type t JOIN stock s ON s.event = t.event AND s.n = t.n WHERE t.event = :event ORDER BY t.n");
SQL(event_owner_of, "SELECT organizer, status FROM event WHERE id = :id");
SQL(event_account_of, "SELECT e.organizer, a.groups FROM event e JOIN account a ON a.id = :account WHERE e.id = :event AND a.status = 1");
/* A row of the room above; whose word a scanner's credential rests on is asked here, where all rights are decided. */
SQL(event_device_maker, "SELECT made_by FROM device WHERE id = :id AND event = :event");

void event_read_row(struct query *q, struct tx *tx, struct event *out)
{
    int col = 0;

    memset(out, 0, sizeof *out);
    out->id = col_id(q, col++);
    out->organizer = col_id(q, col++);
    out->status = (enum event_status)col_int(q, col++);
    out->title = col_text(q, col++, tx->arena);
    out->description = col_text(q, col++, tx->arena);
    out->category = col_text(q, col++, tx->arena);
    out->starts_at_ms = col_int(q, col++);
    out->ends_at_ms = col_int(q, col++);
    out->admission_starts_at_ms = col_int(q, col++);
    out->timezone = col_text(q, col++, tx->arena);
    out->venue_name = col_text(q, col++, tx->arena);
    out->venue_address = col_text(q, col++, tx->arena);
    out->venue_city = col_text(q, col++, tx->arena);
    out->venue_country = col_text(q, col++, tx->arena);
    out->online = col_int(q, col++) != 0;
    out->image = col_text(q, col++, tx->arena);
    out->currency = col_text(q, col++, tx->arena);
    out->version = col_int(q, col++);
    out->created_at_ms = col_int(q, col++);
    out->updated_at_ms = col_int(q, col++);
    out->refund_until_ms = col_int(q, col++);
    out->refund_fee_percent = col_int(q, col++);
    out->fee.fixed = col_int(q, col++);
    out->fee.bps = col_int(q, col++);
    out->fee.by_organizer = col_int(q, col++) != 0;
    out->seller_name = col_text(q, col++, tx->arena);
    out->seller_address = col_text(q, col++, tx->arena);
    out->seller_tax_id = col_text(q, col++, tx->arena);
    out->capacity = col_int(q, col++);
    out->held = col_int(q, col++);
    out->sold = col_int(q, col++);
    if (out->status == EVENT_PUBLISHED && out->ends_at_ms <= tx->now_ms)
        out->status = EVENT_ENDED;
}

void event_type_read_row(struct query *q, struct tx *tx, const struct id *event, struct ticket_type *out)
{
    int col = 1; /* column 0 is the event's id, which lists group by */

    memset(out, 0, sizeof *out);
    out->n = (unsigned)col_int(q, col++);
    out->id = id_child(event, out->n);
    out->name = col_text(q, col++, tx->arena);
    out->description = col_text(q, col++, tx->arena);
    out->price = col_int(q, col++);
    out->sale_starts_at_ms = col_int(q, col++);
    out->sale_ends_at_ms = col_int(q, col++);
    out->min_per_order = col_int(q, col++);
    out->max_per_order = col_int(q, col++);
    out->max_per_account = col_int(q, col++);
    out->tax.bps = col_int(q, col++);
    out->tax.included = col_int(q, col++) != 0;
    out->hidden = col_int(q, col++) != 0;
    out->quantity = col_int(q, col++);
    out->held = col_int(q, col++);
    out->sold = col_int(q, col++);
}

static void event_read_types(struct tx *tx, struct event *event)
{
    struct ticket_type room[EVENT_TYPES_MAX];
    struct query *q = query(tx, &event_types_of);
    size_t count = 0;

    bind_id(q, ":event", &event->id);
    while (count < COUNT(room) && query_row(q))
        event_type_read_row(q, tx, &event->id, &room[count++]);
    query_end(q);
    event->types = ARENA_ARRAY(tx->arena, count ? count : 1, struct ticket_type);
    memcpy(event->types, room, count * sizeof room[0]);
    event->type_count = count;
}

bool event_find(struct tx *tx, const struct id *id, struct event *out)
{
    struct query *q = query(tx, &event_by_id);
    bool found;

    bind_id(q, ":id", id);
    found = query_row(q);
    if (found)
        event_read_row(q, tx, out);
    query_end(q);
    if (found)
        event_read_types(tx, out);
    return found;
}

struct ticket_type *event_type(struct event *event, unsigned n)
{
    for (size_t i = 0; i < event->type_count; i++)
        if (event->types[i].n == n)
            return &event->types[i];
    return NULL;
}

int64_t event_available(const struct event *event, const struct ticket_type *type)
{
    int64_t of_type = type->quantity - type->held - type->sold;
    int64_t of_event = event->capacity - event->held - event->sold;

    return MAX(0, MIN(of_type, of_event));
}

bool event_is_over(const struct event *event, int64_t now_ms)
{
    return event->status == EVENT_CANCELLED || now_ms >= event->ends_at_ms + EVENT_GATE_AFTER_END_MS;
}

void event_hide_types(struct event *event, const struct id *ids, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < event->type_count; i++) {
        bool shown = !event->types[i].hidden;

        for (size_t k = 0; k < count && !shown; k++)
            shown = id_equal(&ids[k], &event->types[i].id);
        if (shown)
            event->types[kept++] = event->types[i];
    }
    event->type_count = kept;
}

/* ---- who may ---- */

enum right { RIGHT_NONE, RIGHT_GATE, RIGHT_MANAGE, RIGHT_OWN };

static enum right right_of_account(struct tx *tx, const struct id *account, unsigned groups, const struct id *event, const struct id *organizer)
{
    if (id_equal(account, organizer) || (groups & GROUP_ADMINS))
        return RIGHT_OWN;
    switch (staff_role_of(tx, event, account)) {
    case STAFF_MANAGER:
        return RIGHT_MANAGE;
    case STAFF_GATE:
        return RIGHT_GATE;
    case STAFF_NONE:
        break;
    }
    return RIGHT_NONE;
}

bool event_managed_by(struct tx *tx, const struct id *event, const struct id *account)
{
    struct query *q = query(tx, &event_account_of);
    struct id organizer;
    unsigned groups = 0;
    bool found;

    bind_id(q, ":event", event);
    bind_id(q, ":account", account);
    found = query_row(q);
    if (found) {
        organizer = col_id(q, 0);
        groups = (unsigned)col_int(q, 1);
    }
    query_end(q);
    return found && right_of_account(tx, account, groups, event, &organizer) >= RIGHT_MANAGE;
}

/* A scanner device has the gate of its event as long as who made it manages that event: who is removed leaves no way back in. */
static enum right right_of_device(struct tx *tx, const struct caller *caller, const struct id *event)
{
    struct query *q;
    struct id maker;
    bool found;

    if (!id_equal(&caller->gate_of, event))
        return RIGHT_NONE;
    q = query(tx, &event_device_maker);
    bind_id(q, ":id", &caller->account);
    bind_id(q, ":event", event);
    found = query_row(q);
    if (found)
        maker = col_id(q, 0);
    query_end(q);
    return found && event_managed_by(tx, event, &maker) ? RIGHT_GATE : RIGHT_NONE;
}

/* All that this caller may do at this event: each right holds those below it. */
static enum right right_of(struct tx *tx, const struct caller *caller, const struct id *event, const struct id *organizer)
{
    if (id_is_zero(&caller->account))
        return RIGHT_NONE;
    if (!id_is_zero(&caller->gate_of))
        return right_of_device(tx, caller, event);
    return right_of_account(tx, &caller->account, caller->groups, event, organizer);
}

bool event_visible(struct tx *tx, const struct caller *caller, const struct event *event)
{
    return event->status != EVENT_DRAFT || right_of(tx, caller, &event->id, &event->organizer) != RIGHT_NONE;
}

static enum err judge(struct tx *tx, const struct caller *caller, const struct id *event, const struct id *organizer, bool draft, enum right needed)
{
    enum right has = right_of(tx, caller, event, organizer);

    if (has >= needed)
        return ERR_OK;
    return draft && has == RIGHT_NONE ? ERR_NOT_FOUND : ERR_FORBIDDEN;
}

static enum err event_for(struct tx *tx, const struct caller *caller, const struct id *id, enum right needed, struct event *out)
{
    struct query *q;
    struct id organizer;
    bool draft;

    if (out) {
        if (!event_find(tx, id, out))
            return ERR_NOT_FOUND;
        return judge(tx, caller, id, &out->organizer, out->status == EVENT_DRAFT, needed);
    }
    q = query(tx, &event_owner_of);
    bind_id(q, ":id", id);
    if (!query_row(q)) {
        query_end(q);
        return ERR_NOT_FOUND;
    }
    organizer = col_id(q, 0);
    draft = col_int(q, 1) == EVENT_DRAFT;
    query_end(q);
    return judge(tx, caller, id, &organizer, draft, needed);
}

enum err event_for_owner(struct tx *tx, const struct caller *caller, const struct id *id, struct event *out)
{
    return event_for(tx, caller, id, RIGHT_OWN, out);
}

enum err event_for_manager(struct tx *tx, const struct caller *caller, const struct id *id, struct event *out)
{
    return event_for(tx, caller, id, RIGHT_MANAGE, out);
}

enum err event_for_gate(struct tx *tx, const struct caller *caller, const struct id *id, struct event *out)
{
    return event_for(tx, caller, id, RIGHT_GATE, out);
}

enum err event_allow_owner(struct req *req, struct tx *tx)
{
    return event_for_owner(tx, &req->caller, &req->id[0], NULL);
}

enum err event_allow_manager(struct req *req, struct tx *tx)
{
    return event_for_manager(tx, &req->caller, &req->id[0], NULL);
}

enum err event_allow_gate(struct req *req, struct tx *tx)
{
    return event_for_gate(tx, &req->caller, &req->id[0], NULL);
}

enum err event_key(struct req *req, struct tx *tx, struct id *out)
{
    (void)tx;
    *out = req->id[0];
    return ERR_OK;
}

/* ---- as JSON ---- */

/* `price` is as listed; fee, tax and total are of one ticket, so that a page shows the whole price before anything is ordered. */
static void type_json(struct buf *out, const struct event *event, const struct ticket_type *type)
{
    struct price_line one = { .quantity = 1, .unit = type->price, .tax_rate = type->tax };

    price_lines(&one, 1, &event->fee, NULL, event->currency);
    json_open(out, NULL);
    json_id(out, "ticketTypeId", &type->id);
    json_str(out, "name", type->name);
    json_str(out, "description", type->description);
    json_int(out, "price", type->price);
    json_int(out, "taxRateBps", type->tax.bps);
    json_bool(out, "taxIncluded", type->tax.included);
    json_int(out, "fee", one.fee);
    json_int(out, "tax", one.tax);
    json_int(out, "total", one.total);
    json_int(out, "quantity", type->quantity);
    json_int(out, "available", event_available(event, type));
    json_time_or_null(out, "saleStartsAt", type->sale_starts_at_ms);
    json_time_or_null(out, "saleEndsAt", type->sale_ends_at_ms);
    json_int(out, "minPerOrder", type->min_per_order);
    event_json_limit(out, "maxPerOrder", type->max_per_order);
    event_json_limit(out, "maxPerAccount", type->max_per_account);
    json_bool(out, "hidden", type->hidden);
    json_close(out);
}

static void fee_json(struct buf *out, const struct price_fee *fee)
{
    if (!fee->fixed && !fee->bps) {
        json_nil(out, "serviceFee");
        return;
    }
    json_open(out, "serviceFee");
    json_int(out, "fixed", fee->fixed);
    json_int(out, "percentBps", fee->bps);
    json_str(out, "paidBy", event_fee_payer_words[fee->by_organizer]);
    json_close(out);
}

void event_json_limit(struct buf *out, const char *name, int64_t limit)
{
    if (limit)
        json_int(out, name, limit);
    else
        json_nil(out, name);
}

/* The picture's object key ends in its version; the address carries it, so that the picture may be cached for long. */
static void image_url_json(struct buf *out, const struct app *app, const struct event *event)
{
    struct buf url = buf_in(out->arena);
    char id[ID_TEXT_LEN + 1];
    const char *version;

    if (!event->image) {
        json_nil(out, "imageUrl");
        return;
    }
    id_format(&event->id, id);
    version = strrchr(event->image, '/');
    buf_printf(&url, "%s/v1/events/%s/image?v=", app->public_url ? app->public_url : "", id);
    buf_url(&url, version ? version + 1 : event->image, NULL);
    json_strn(out, "imageUrl", url.data, url.len);
    if (!url.arena)
        buf_free(&url);
}

void event_json_members(struct buf *out, const struct app *app, const struct event *event)
{
    json_id(out, "eventId", &event->id);
    json_id(out, "organizerId", &event->organizer);
    json_str(out, "title", event->title);
    json_str(out, "description", event->description);
    json_str(out, "category", event->category);
    json_str(out, "status", event_status_words[event->status]);
    json_time(out, "startsAt", event->starts_at_ms);
    json_time(out, "endsAt", event->ends_at_ms);
    json_time_or_null(out, "admissionStartsAt", event->admission_starts_at_ms);
    json_str(out, "timezone", event->timezone);
    json_open(out, "venue");
    json_str(out, "name", event->venue_name);
    json_str(out, "address", event->venue_address);
    json_str(out, "city", event->venue_city);
    json_str(out, "country", event->venue_country);
    json_close(out);
    json_bool(out, "online", event->online);
    image_url_json(out, app, event);
    json_str(out, "currency", event->currency);
    fee_json(out, &event->fee);
    json_open(out, "seller");
    json_str(out, "name", event->seller_name);
    json_str(out, "address", event->seller_address);
    json_str(out, "taxId", event->seller_tax_id);
    json_close(out);
    json_int(out, "capacity", event->capacity);
    json_open_array(out, "ticketTypes");
    for (size_t i = 0; i < event->type_count; i++)
        type_json(out, event, &event->types[i]);
    json_close_array(out);
    json_time_or_null(out, "refundUntil", event->refund_until_ms);
    json_int(out, "refundFeePercent", event->refund_fee_percent);
    json_time(out, "createdAt", event->created_at_ms);
    json_time(out, "updatedAt", event->updated_at_ms);
}

void event_json(struct buf *out, const char *name, struct app *app, const struct event *event)
{
    json_open(out, name);
    event_json_members(out, app, event);
    json_close(out);
}
