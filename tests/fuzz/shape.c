/* JSON into structs through a table that has every kind of field: whatever is accepted keeps its bounds, in memory and in value. */
#include "fuzz.h"
#include "http/shape.h"

struct line {
    struct given given;
    struct id id;
    int64_t quantity;
    const char *note;
};
static const struct field line_fields[] = {
    FIELD(line, "ticketTypeId", id, FIELD_ID, REQUIRED, 0, 0),
    FIELD(line, "quantity", quantity, FIELD_INT, REQUIRED, 1, 255),
    FIELD(line, "note", note, FIELD_TEXT, NULLABLE, 0, 20),
    FIELD_END,
};
static const struct shape line_shape = SHAPE(line, "Line", line_fields);

struct place {
    struct given given;
    const char *city, *country;
};
static const struct field place_fields[] = {
    FIELD(place, "city", city, FIELD_LINE, OPTIONAL, 1, 40),
    FIELD(place, "country", country, FIELD_COUNTRY, OPTIONAL, 0, 0),
    FIELD_END,
};
static const struct shape place_shape = SHAPE(place, "Place", place_fields);

static const char *const colour_words[] = { "red", "green", "blue", NULL };

struct order {
    struct given given;
    const char *title, *text, *email, *slug, *currency, *zone, *url;
    struct id event;
    int64_t price, at_ms;
    bool online;
    int colour;
    struct place *place;
    struct line *lines;
    size_t line_count;
    struct id *ids;
    size_t id_count;
    const char **tags;
    size_t tag_count;
};
static const struct field order_fields[] = {
    FIELD(order, "title", title, FIELD_LINE, REQUIRED, 1, 30),
    FIELD(order, "text", text, FIELD_TEXT, OPTIONAL | NULLABLE, 0, 100),
    FIELD(order, "email", email, FIELD_EMAIL, OPTIONAL, 0, 0),
    FIELD(order, "slug", slug, FIELD_SLUG, OPTIONAL, 1, 10),
    FIELD(order, "currency", currency, FIELD_CURRENCY, OPTIONAL, 0, 0),
    FIELD(order, "zone", zone, FIELD_ZONE, OPTIONAL, 0, 0),
    FIELD(order, "url", url, FIELD_URL, OPTIONAL, 0, 60),
    FIELD(order, "eventId", event, FIELD_ID, OPTIONAL, 0, 0),
    FIELD(order, "price", price, FIELD_INT, OPTIONAL, -5, 1000),
    FIELD(order, "at", at_ms, FIELD_TIME, OPTIONAL, 0, 0),
    FIELD(order, "online", online, FIELD_BOOL, OPTIONAL, 0, 0),
    FIELD_WORDS(order, "colour", colour, OPTIONAL, colour_words),
    FIELD_SUB(order, "place", place, &place_shape, OPTIONAL | NULLABLE),
    FIELD_MANY(order, "lines", lines, line_count, FIELD_LIST, &line_shape, REQUIRED, 1, 4),
    FIELD_MANY(order, "ids", ids, id_count, FIELD_ID_LIST, NULL, OPTIONAL, 0, 3),
    FIELD_MANY(order, "tags", tags, tag_count, FIELD_TEXT_LIST, NULL, OPTIONAL, 0, 5),
    FIELD_END,
};
static const struct shape order_shape = SHAPE(order, "Order", order_fields);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena };
    void *out = NULL;
    enum err e = shape_read_json(&order_shape, (const char *)data, size, &out, &fault);
    const struct order *order = out;

    HOLDS(e == ERR_OK || e == ERR_BAD_REQUEST || e == ERR_INVALID);
    HOLDS((e == ERR_INVALID) == (fault.fields != NULL));
    if (e)
        return 0;

    HOLDS(order->title && strlen(order->title) >= 1 && strlen(order->title) <= 30 * 4);
    HOLDS(order->price >= -5 && order->price <= 1000);
    HOLDS(order->at_ms >= 0 && order->colour >= 0 && order->colour < 3);
    HOLDS(!order->currency || strlen(order->currency) == 3);
    HOLDS(!order->url || strlen(order->url) <= 60);
    HOLDS(order->line_count >= 1 && order->line_count <= 4 && order->id_count <= 3 && order->tag_count <= 5);
    for (size_t i = 0; i < order->line_count; i++)
        HOLDS(order->lines[i].quantity >= 1 && order->lines[i].quantity <= 255);
    for (size_t i = 0; i < order->tag_count; i++)
        HOLDS(strlen(order->tags[i]) <= 255 * 4);
    /* As if whoever prints the price had room for less than eight. */
    PLANT(order->price > 7);
    return 0;
}
