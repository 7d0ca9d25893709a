/* event_routes.c - events over HTTP: tables and thin handlers. */
#include <stdlib.h>
#include <string.h>

#include "events/discount.h"
#include "events/event_change.h"
#include "events/event_list.h"
#include "events/event_stats.h"
#include "events/ics.h"
#include "events/image.h"
#include "objects/objects.h"

/* ---- answering with an event ---- */

/* "<version>-<hash of the body>": seats sell without a new version, so the hash tells caches, and the version is what If-Match is about.
 * FNV-1a: 2 us for 2 KB, and whom it fools is only himself. */
static void set_event_etag(struct req *req, const struct event *event)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < req->reply.body.len; i++)
        hash = (hash ^ (uint8_t)req->reply.body.data[i]) * 1099511628211u;
    req->reply.etag = arena_printf(req->arena, "\"%" PRId64 "-%016" PRIx64 "\"", event->version, hash);
}

static enum err reply_event(struct req *req, int status, const struct event *event)
{
    event_json(reply_json(req, status), NULL, req->app, event);
    set_event_etag(req, event);
    return ERR_OK;
}

/* RFC 9110, 13.1.1: "*", or a list of tags, compared strongly; the part behind the version is not. */
static bool if_match_holds(const char *header, int64_t version)
{
    const char *p = header;

    if (!p)
        return true;
    while (*p) {
        char *end;
        bool weak;

        p += strspn(p, " \t,");
        if (*p == '*')
            return true;
        weak = strncmp(p, "W/", 2) == 0;
        p += weak ? 2 : 0;
        if (*p != '"')
            return false;
        if (!weak && p[1] >= '0' && p[1] <= '9' && strtoll(p + 1, &end, 10) == version && (*end == '-' || *end == '"'))
            return true;
        p = strchr(p + 1, '"');
        if (!p)
            return false;
        p++;
    }
    return false;
}

/* ---- making and changing ---- */

static enum err create_event(struct req *req, struct tx *tx)
{
    struct event event;
    char id[ID_TEXT_LEN + 1];
    enum err e = event_create(tx, &req->caller.account, req->body, &event);

    if (e)
        return e;
    id_format(&event.id, id);
    req->reply.location = arena_printf(req->arena, "/v1/events/%s", id);
    return reply_event(req, 201, &event);
}

static enum err change_event(struct req *req, struct tx *tx)
{
    struct event event;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    if (!if_match_holds(req_header(req, "If-Match"), event.version))
        return ERR_PRECONDITION_FAILED;
    e = event_change(tx, &event, req->body);
    if (e)
        return e;
    return reply_event(req, 200, &event);
}

static enum err cancel_event(struct req *req, struct tx *tx)
{
    struct event event;
    enum err e = event_for_owner(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    e = event_cancel(tx, &event);
    if (e)
        return e;
    return reply_event(req, 200, &event);
}

/* ---- showing ---- */

static enum err find_visible(struct req *req, struct tx *tx, struct event *out)
{
    if (!event_find(tx, &req->id[0], out) || !event_visible(tx, &req->caller, out))
        return ERR_NOT_FOUND;
    if (out->status == EVENT_DRAFT)
        req->reply.cache_control = "private, no-store";
    return ERR_OK;
}

struct show_query {
    struct given given;
    const char *code;
};
static const struct field show_query_fields[] = {
    FIELD_WITH_HELP(show_query, "code", code, FIELD_LINE, OPTIONAL, 1, DISCOUNT_CODE_MAX,
                    "A discount code: the hidden ticket types that it opens are shown too. The answer is not for caches."),
    FIELD_END
};
static const struct shape show_query_shape = SHAPE(show_query, "ShowEventQuery", show_query_fields);

static bool has_hidden_types(const struct event *event)
{
    for (size_t i = 0; i < event->type_count; i++)
        if (event->types[i].hidden)
            return true;
    return false;
}

/* What is hidden goes, but for who runs the event, and what the code opens. */
static enum err hide_types(struct req *req, struct tx *tx, const char *text, struct event *event)
{
    struct discount_code code;
    struct id *opened = NULL;
    size_t count = 0;
    enum err e;

    if (text) {
        req->reply.cache_control = "private, no-store";
        e = discount_may_guess(req);
        if (!e)
            e = discount_usable(tx, &event->id, text, "code", &code);
        if (e)
            return discount_guessed(req, tx, e);
        count = discount_types(tx, &code, &opened);
    }
    if (!has_hidden_types(event))
        return ERR_OK;
    if (!id_is_zero(&req->caller.account) && event_for_manager(tx, &req->caller, &event->id, NULL) == ERR_OK)
        return ERR_OK;
    fault_clear(tx->fault);
    event_hide_types(event, opened, count);
    return ERR_OK;
}

static enum err show_event(struct req *req, struct tx *tx)
{
    const struct show_query *in = req->query;
    struct event event;
    enum err e = find_visible(req, tx, &event);

    if (!e)
        e = hide_types(req, tx, in ? in->code : NULL, &event);
    return e ? e : reply_event(req, 200, &event);
}

static enum err show_calendar(struct req *req, struct tx *tx)
{
    struct event event;
    enum err e = find_visible(req, tx, &event);

    if (e)
        return e;
    ics_event(reply_begin(req, 200, "text/calendar; charset=utf-8"), req->app, &event);
    reply_header(req, "Content-Disposition", "attachment; filename=\"event.ics\"");
    reply_etag_of_body(req);
    return ERR_OK;
}

struct event_query {
    struct given given;
    const char *category, *words, *city;
    struct id organizer;
    int64_t from_ms, to_ms;
    int64_t limit;
    const char *cursor;
};
static const struct field event_query_fields[] = {
    FIELD(event_query, "category", category, FIELD_SLUG, OPTIONAL, 1, 50),
    FIELD_WITH_HELP(event_query, "q", words, FIELD_TEXT, OPTIONAL, 0, 200,
                    "Words that must all be in title, description, category or venue, in any case and without accents; the last may be the "
                    "beginning of one. The first 16 count."),
    FIELD_WITH_HELP(event_query, "from", from_ms, FIELD_TIME, OPTIONAL, 0, 0, "The earliest start."),
    FIELD_WITH_HELP(event_query, "to", to_ms, FIELD_TIME, OPTIONAL, 0, 0, "The latest start."),
    FIELD(event_query, "city", city, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD(event_query, "organizerId", organizer, FIELD_ID, OPTIONAL, 0, 0),
    LIST_FIELDS(event_query),
    FIELD_END
};
static void check_event_query(const void *value, const char *pointer, struct fault *fault)
{
    const struct event_query *in = value;

    (void)pointer;
    if (in->from_ms && in->to_ms && in->to_ms < in->from_ms)
        fault_field(fault, "to", "order", "It must not be before from.");
}
static const struct shape event_query_shape = {
    .name = "EventQuery", .size = sizeof(struct event_query), .fields = event_query_fields, .check = check_event_query
};

/* A search box that was emptied asks for everything. */
static bool is_blank(const char *text)
{
    return !text || text[strspn(text, " \t\n")] == '\0';
}

static void write_next(struct buf *out, const struct event_page *events)
{
    page_write_next(out, events->more, events->next_at, &events->next_id);
}

static enum err list_events(struct req *req, struct tx *tx)
{
    const struct event_query *in = req->query;
    const struct event_filter filter = {
        .category = in->category, .words = is_blank(in->words) ? NULL : in->words, .city = in->city, .organizer = in->organizer,
        .from_ms = in->from_ms, .to_ms = in->to_ms,
    };
    struct event_page events;
    struct page page;
    struct buf *out;
    enum err e = page_read(req, in->limit, in->cursor, &page);

    if (e)
        return e;
    event_list(tx, &filter, &page, &events);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < events.count; i++) {
        event_hide_types(&events.items[i], NULL, 0);
        event_json(out, NULL, req->app, &events.items[i]);
    }
    json_close_array(out);
    write_next(out, &events);
    json_close(out);
    reply_etag_of_body(req);
    return ERR_OK;
}

struct my_events_query {
    struct given given;
    int status;
    int64_t limit;
    const char *cursor;
};
static const struct field my_events_query_fields[] = {
    FIELD_WORDS(my_events_query, "status", status, OPTIONAL, event_status_words),
    LIST_FIELDS(my_events_query),
    FIELD_END
};
static const struct shape my_events_query_shape = SHAPE(my_events_query, "MyEventsQuery", my_events_query_fields);

static enum err list_my_events(struct req *req, struct tx *tx)
{
    const struct my_events_query *in = req->query;
    struct event_page events;
    struct page page;
    struct buf *out;
    enum err e = page_read(req, in->limit, in->cursor, &page);

    if (e)
        return e;
    event_list_of_organizer(tx, &req->caller.account, given(&in->given, 0) ? in->status : -1, &page, &events);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < events.count; i++) {
        const struct event *event = &events.items[i];

        json_open(out, NULL);
        event_json_members(out, req->app, event);
        json_open(out, "counts");
        json_int(out, "held", event->held);
        json_int(out, "sold", event->sold);
        json_int(out, "available", MAX(0, event->capacity - event->held - event->sold));
        json_close(out);
        json_close(out);
    }
    json_close_array(out);
    write_next(out, &events);
    json_close(out);
    return ERR_OK;
}

/* ---- statistics ---- */

static void stats_type_json(struct buf *out, const struct event *event, const struct ticket_type *type, int64_t checked_in)
{
    json_open(out, NULL);
    json_id(out, "ticketTypeId", &type->id);
    json_str(out, "name", type->name);
    json_int(out, "quantity", type->quantity);
    json_int(out, "held", type->held);
    json_int(out, "sold", type->sold);
    json_int(out, "available", event_available(event, type));
    json_int(out, "checkedIn", checked_in);
    json_close(out);
}

/* How far giving the money back has come. Once an event is cancelled, who is pending or confirmed still waits for it. */
static void refunds_json(struct buf *out, const struct event_stats *stats)
{
    static const char *const names[] = { "asked", "pending", "succeeded", "failed" };

    json_open(out, "refunds");
    for (size_t i = 0; i < COUNT(names); i++)
        json_int(out, names[i], stats->refunds[i]);
    json_close(out);
}

static enum err show_stats(struct req *req, struct tx *tx)
{
    struct event event;
    struct event_stats stats;
    struct check_in_counts counts;
    struct buf *out;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    event_stats(tx, &event.id, &stats);
    event_check_in_counts(tx, &event.id, &counts);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_id(out, "eventId", &event.id);
    json_str(out, "currency", event.currency);
    json_int(out, "capacity", event.capacity);
    json_int(out, "held", event.held);
    json_int(out, "sold", event.sold);
    json_int(out, "available", MAX(0, event.capacity - event.held - event.sold));
    json_int(out, "checkedIn", counts.all);
    json_int(out, "pendingRegistrations", stats.pending);
    json_int(out, "confirmedRegistrations", stats.confirmed);
    json_int(out, "revenue", stats.revenue - stats.refunded);
    json_int(out, "refunded", stats.refunded);
    refunds_json(out, &stats);
    json_open_array(out, "ticketTypes");
    for (size_t i = 0; i < event.type_count; i++)
        stats_type_json(out, &event, &event.types[i], counts.of_type[event.types[i].n]);
    json_close_array(out);
    json_close(out);
    return ERR_OK;
}

/* ---- the picture ---- */

/* An upload that came to nothing is cleared away after so long. */
#define UPLOAD_MS (10 * 60 * 1000)

struct upload {
    const char *key;
};

/* The object's deletion is asked for first, to be called off by the event naming it: a crash at any point leaves no orphan. */
static enum err begin_image(struct req *req, struct tx *tx)
{
    struct image image = image_look(req->body_bytes.data, req->body_bytes.len);
    struct upload *upload;
    struct id version;
    char event_text[ID_TEXT_LEN + 1], version_text[ID_TEXT_LEN + 1];
    struct event event;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    if (event.status == EVENT_CANCELLED)
        return fail(tx, ERR_CONFLICT, "The event is cancelled.");
    if (!image.kind)
        return fail(tx, ERR_UNSUPPORTED_MEDIA, "It is not a PNG, JPEG or WebP picture.");
    if (image.width > IMAGE_PIXELS_MAX || image.height > IMAGE_PIXELS_MAX) {
        fault_field(tx->fault, "", "too-large", "A side has at most %d pixels; this is %" PRIu32 " x %" PRIu32 ".", IMAGE_PIXELS_MAX,
                    image.width, image.height);
        return ERR_INVALID;
    }
    version = id_new(tx->now_ms);
    id_format(&event.id, event_text);
    id_format(&version, version_text);
    upload = ARENA_NEW(req->arena, struct upload);
    upload->key = arena_printf(req->arena, "events/%s/%s.%s", event_text, version_text, image_extension(image.kind));
    event_drop_image_later(tx, &event.id, upload->key, tx->now_ms + UPLOAD_MS);
    req->state = upload;
    return ERR_OK;
}

static enum err store_image(struct req *req)
{
    const struct upload *upload = req->state;

    return objects_put(req->app->objects, upload->key, req->body_bytes.data, req->body_bytes.len);
}

static enum err finish_image(struct req *req, struct tx *tx)
{
    const struct upload *upload = req->state;
    struct event event;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (e)
        return e;
    e = event_set_image(tx, &event, upload->key);
    if (e)
        return e;
    return reply_event(req, 200, &event);
}

struct image_query {
    struct given given;
    const char *version;
};
static const struct field image_query_fields[] = {
    FIELD(image_query, "v", version, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD_END
};
static const struct shape image_query_shape = SHAPE(image_query, "ImageQuery", image_query_fields);

static const char *content_type_of(const char *key)
{
    for (enum image_kind kind = IMAGE_PNG; kind <= IMAGE_WEBP; kind++)
        if (strcmp(strrchr(key, '.') + 1, image_extension(kind)) == 0)
            return image_content_type(kind);
    return image_content_type(IMAGE_NONE);
}

/* imageUrl names the version, so that address may be kept for ever; without it, or with an older one, the picture is today's. A draft's is
 * shown to whom knows its version, for an <img> sends no token. */
static enum err show_image(struct req *req, struct tx *tx)
{
    const struct image_query *in = req->query;
    const char *name;
    struct event event;
    bool exact;
    int64_t size;

    if (!event_find(tx, &req->id[0], &event) || !event.image)
        return ERR_NOT_FOUND;
    name = strrchr(event.image, '/') + 1; /* keys are ours, made in begin_image */
    exact = in && in->version && strcmp(in->version, name) == 0;
    if (!exact && !event_visible(tx, &req->caller, &event))
        return ERR_NOT_FOUND;
    req->reply.file = objects_file(req->app->objects, event.image, &size);
    if (req->reply.file < 0)
        return ERR_NOT_FOUND;
    reply_begin(req, 200, content_type_of(event.image));
    req->reply.file_offset = 0;
    req->reply.file_length = size;
    req->reply.etag = arena_printf(req->arena, "\"%s\"", name);
    req->reply.cache_control = exact ? "public, max-age=31536000, immutable, stale-while-revalidate=86400" : "public, max-age=60, stale-while-revalidate=300";
    return ERR_OK;
}

/* ---- tables ---- */

const struct route event_routes[] = {
    { .method = "POST", .path = "/v1/events", .kind = WRITE, .handler = create_event, .who = WHO_ORGANIZERS, .body = &event_new_shape,
      .body_max = 256 * 1024, .summary = "Create an event", .answer = "Event", .answer_status = 201 },
    { .method = "GET", .path = "/v1/events", .kind = READ, .handler = list_events, .query = &event_query_shape, .cache = CACHE_BY_ALL,
      .summary = "List published events that have not ended, by their start", .answer = "EventList" },
    { .method = "GET", .path = "/v1/events/{eventId}", .kind = READ, .handler = show_event, .query = &show_query_shape, .cache = CACHE_BY_KEY, .key = event_key,
      .summary = "Show an event", .answer = "Event" },
    { .method = "PATCH", .path = "/v1/events/{eventId}", .kind = WRITE, .handler = change_event, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .body = &event_patch_shape, .body_max = 256 * 1024, .key = event_key, .summary = "Change or publish an event", .answer = "Event", .if_match = true },
    { .method = "POST", .path = "/v1/events/{eventId}/cancel", .kind = WRITE, .handler = cancel_event, .who = WHO_SIGNED_IN,
      .allow = event_allow_owner, .key = event_key,
      .summary = "Cancel an event and give the money back", .answer = "Event" },
    { .method = "GET", .path = "/v1/events/{eventId}.ics", .kind = READ, .handler = show_calendar, .cache = CACHE_BY_KEY, .key = event_key,
      .summary = "The event as a calendar file", .answer_type = "text/calendar" },
    { .method = "GET", .path = "/v1/events/{eventId}/stats", .kind = SCAN, .handler = show_stats, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .summary = "How the event sells and fills", .answer = "EventStats" },
    { .method = "PUT", .path = "/v1/events/{eventId}/image", .kind = WORK, .handler = begin_image, .work = store_image, .after = finish_image,
      .lane = LANE_SWEEP, .who = WHO_SIGNED_IN, .allow = event_allow_manager, .body_type = "image/", .body_max = IMAGE_BYTES_MAX, .key = event_key,
      .summary = "Set the event's picture (PNG, JPEG or WebP)", .answer = "Event" },
    { .method = "GET", .path = "/v1/events/{eventId}/image", .kind = SCAN, .handler = show_image, .query = &image_query_shape,
      .summary = "The event's picture", .answer_type = "image/*" },
    { .method = "GET", .path = "/v1/my-events", .kind = READ, .handler = list_my_events, .who = WHO_ORGANIZERS, .query = &my_events_query_shape,
      .summary = "Own events, newest first, with their counts", .answer = "MyEventList" },
    ROUTE_END
};

#define STRING "{\"type\":\"string\"}"
#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define UUID "{\"type\":\"string\",\"format\":\"uuid\"}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define COUNTER "{\"type\":\"integer\",\"minimum\":0}"
#define LIMIT_OR_NULL "{\"type\":[\"integer\",\"null\"],\"minimum\":1}"
#define LIST_OF(name) \
    "{\"type\":\"object\",\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":" \
    "{\"$ref\":\"#/components/schemas/" name "\"}},\"nextCursor\":" TEXT_OR_NULL "}}"

const struct answer_schema event_schemas[] = {
    { "TicketType",
      "{\"type\":\"object\",\"required\":[\"ticketTypeId\",\"name\",\"price\",\"fee\",\"tax\",\"total\",\"quantity\",\"available\"],\"properties\":{"
      "\"ticketTypeId\":" UUID ",\"name\":" STRING ",\"description\":" TEXT_OR_NULL ",\"price\":" COUNTER ",\"taxRateBps\":" COUNTER
      ",\"taxIncluded\":{\"type\":\"boolean\"},\"fee\":" COUNTER ",\"tax\":" COUNTER ",\"total\":" COUNTER ",\"hidden\":{\"type\":\"boolean\"},\"quantity\":" COUNTER
      ",\"available\":" COUNTER ",\"saleStartsAt\":" TIME_OR_NULL ",\"saleEndsAt\":" TIME_OR_NULL ",\"minPerOrder\":" COUNTER
      ",\"maxPerOrder\":" LIMIT_OR_NULL ",\"maxPerAccount\":" LIMIT_OR_NULL "}}" },
    { "Event",
      "{\"type\":\"object\",\"required\":[\"eventId\",\"organizerId\",\"title\",\"status\",\"startsAt\",\"endsAt\",\"timezone\",\"currency\","
      "\"capacity\",\"ticketTypes\",\"createdAt\",\"updatedAt\"],\"properties\":{"
      "\"eventId\":" UUID ",\"organizerId\":" UUID ",\"title\":" STRING ",\"description\":" TEXT_OR_NULL ",\"category\":" TEXT_OR_NULL
      ",\"status\":{\"type\":\"string\",\"enum\":[\"draft\",\"published\",\"cancelled\",\"ended\"]},\"startsAt\":" TIME ",\"endsAt\":" TIME
      ",\"admissionStartsAt\":" TIME_OR_NULL ",\"timezone\":" STRING ",\"venue\":{\"type\":\"object\",\"properties\":{\"name\":" TEXT_OR_NULL
      ",\"address\":" TEXT_OR_NULL ",\"city\":" TEXT_OR_NULL ",\"country\":" TEXT_OR_NULL "}},\"online\":{\"type\":\"boolean\"},"
      "\"imageUrl\":{\"type\":[\"string\",\"null\"],\"format\":\"uri\"},\"currency\":" STRING
      ",\"serviceFee\":{\"type\":[\"object\",\"null\"],\"properties\":{\"fixed\":" COUNTER ",\"percentBps\":" COUNTER
      ",\"paidBy\":{\"enum\":[\"buyer\",\"organizer\"]}}},\"seller\":{\"type\":\"object\",\"properties\":{\"name\":" TEXT_OR_NULL
      ",\"address\":" TEXT_OR_NULL ",\"taxId\":" TEXT_OR_NULL "}},\"capacity\":" COUNTER
      ",\"ticketTypes\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/TicketType\"}},\"refundUntil\":" TIME_OR_NULL
      ",\"refundFeePercent\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},\"createdAt\":" TIME
      ",\"updatedAt\":" TIME "}}" },
    { "EventList", LIST_OF("Event") },
    { "MyEvent",
      "{\"allOf\":[{\"$ref\":\"#/components/schemas/Event\"},{\"type\":\"object\",\"required\":[\"counts\"],\"properties\":{\"counts\":"
      "{\"type\":\"object\",\"required\":[\"held\",\"sold\",\"available\"],\"properties\":{\"held\":" COUNTER ",\"sold\":" COUNTER ",\"available\":" COUNTER "}}}}]}" },
    { "MyEventList", LIST_OF("MyEvent") },
    { "EventStats",
      "{\"type\":\"object\",\"required\":[\"eventId\",\"currency\",\"capacity\",\"held\",\"sold\",\"available\",\"checkedIn\",\"pendingRegistrations\","
      "\"confirmedRegistrations\",\"revenue\",\"refunded\",\"refunds\",\"ticketTypes\"],"
      "\"properties\":{\"eventId\":" UUID ",\"currency\":" STRING ",\"capacity\":" COUNTER ",\"held\":" COUNTER
      ",\"sold\":" COUNTER ",\"available\":" COUNTER ",\"checkedIn\":" COUNTER ",\"pendingRegistrations\":" COUNTER
      ",\"confirmedRegistrations\":" COUNTER ",\"revenue\":" COUNTER ",\"refunded\":" COUNTER
      ",\"refunds\":{\"type\":\"object\",\"required\":[\"asked\",\"pending\",\"succeeded\",\"failed\"],"
      "\"properties\":{\"asked\":" COUNTER ",\"pending\":" COUNTER ",\"succeeded\":" COUNTER ",\"failed\":" COUNTER "}}"
      ",\"ticketTypes\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"ticketTypeId\",\"name\",\"quantity\",\"held\",\"sold\","
      "\"available\",\"checkedIn\"],\"properties\":{\"ticketTypeId\":" UUID ",\"name\":" STRING
      ",\"quantity\":" COUNTER ",\"held\":" COUNTER ",\"sold\":" COUNTER ",\"available\":" COUNTER ",\"checkedIn\":" COUNTER "}}}}}" },
    { NULL, NULL },
};
