/* Events from what is sent to what is found: every fault named, every change within its rules, every list what a plain loop would give. */
#include "store_world.h"

#include <jansson.h>

#include "events/event_change.h"
#include "events/event_list.h"

#define HOUR INT64_C(3600000)
#define NOW clock_now_ms()

/* ---- making one from JSON ---- */

static const char base[] =
    "{\"title\":\"Jazz Night\",\"startsAt\":\"2027-05-01T19:00:00Z\",\"endsAt\":\"2027-05-01T23:00:00Z\",\"timezone\":\"Europe/Warsaw\","
    "\"currency\":\"PLN\",\"capacity\":100,\"ticketTypes\":[{\"name\":\"Standing\",\"price\":5000,\"quantity\":80},"
    "{\"name\":\"Seated\",\"price\":9000,\"quantity\":40}]}";

/* The base with these members in their place; "absent" takes one away. */
static char *with(struct arena *arena, const char *members)
{
    json_t *all = json_loads(base, 0, NULL), *over = json_loads(members, 0, NULL), *value;
    const char *key;
    char *text, *copy;

    assert_non_null(all);
    assert_non_null(over);
    json_object_foreach(over, key, value) {
        if (json_is_string(value) && strcmp(json_string_value(value), "absent") == 0)
            json_object_del(all, key);
        else
            json_object_set(all, key, value);
    }
    text = json_dumps(all, JSON_COMPACT);
    copy = arena_strdup(arena, text);
    free(text);
    json_decref(all);
    json_decref(over);
    return copy;
}

/* "/title required, /endsAt order" */
static char *faults_text(struct arena *arena, const struct fault *fault)
{
    struct buf out = buf_in(arena);

    buf_str(&out, "");
    for (const struct field_fault *f = fault->fields; f; f = f->next)
        buf_printf(&out, "%s%s %s", out.len ? ", " : "", f->pointer, f->code);
    return out.data ? out.data : arena_strdup(arena, "");
}

static void every_fault_is_named(void **state)
{
    static const struct { const char *members, *faults; } row[] = {
        { "{}", "" },
        { "{\"status\":\"published\",\"description\":null,\"category\":\"live-music\",\"venue\":{\"city\":\"Łódź\",\"country\":\"PL\"},"
          "\"online\":true,\"admissionStartsAt\":null}", "" },
        { "{\"title\":\"absent\"}", "/title required" },
        { "{\"endsAt\":\"2027-05-01T19:00:00Z\"}", "/endsAt order" },
        { "{\"endsAt\":\"2027-05-01T18:00:00Z\",\"title\":\"absent\"}", "/title required, /endsAt order" },
        { "{\"admissionStartsAt\":\"2027-05-02T18:00:00Z\"}", "/admissionStartsAt order" },
        { "{\"startsAt\":\"2020-01-01T00:00:00Z\",\"endsAt\":\"2020-01-02T00:00:00Z\"}", "" }, /* a draft may lie in the past */
        { "{\"startsAt\":\"2020-01-01T00:00:00Z\",\"endsAt\":\"2020-01-02T00:00:00Z\",\"status\":\"published\"}", "/endsAt past" },
        { "{\"startsAt\":\"2020-01-01T00:00:00Z\",\"status\":\"published\"}", "" }, /* begun and not over */
        { "{\"status\":\"cancelled\"}", "/status not-allowed" },
        { "{\"currency\":\"XYZ\"}", "/currency format" },
        { "{\"currency\":\"eur\"}", "/currency format" },
        { "{\"timezone\":\"Mars/Base\"}", "/timezone format" },
        { "{\"capacity\":0}", "/capacity too-small" },
        { "{\"capacity\":1000001}", "/capacity too-large" },
        { "{\"capacity\":1.5}", "/capacity type" },
        { "{\"ticketTypes\":[]}", "/ticketTypes too-few" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":-1,\"quantity\":1000001}]}", "/ticketTypes/0/price too-small, /ticketTypes/0/quantity too-large" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":100000000,\"quantity\":0}]}", "/ticketTypes/0/price too-large, /ticketTypes/0/quantity too-small" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":1,\"minPerOrder\":4,\"maxPerOrder\":3,\"maxPerAccount\":2}]}",
          "/ticketTypes/0/maxPerOrder order, /ticketTypes/0/maxPerAccount order" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":1,\"saleStartsAt\":\"2027-01-02T00:00:00Z\",\"saleEndsAt\":\"2027-01-01T00:00:00Z\"}]}",
          "/ticketTypes/0/saleEndsAt order" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":1,\"maxPerOrder\":256}]}", "/ticketTypes/0/maxPerOrder too-large" },
        /* What nobody could pay: PLN has a least card payment of 2.00, KWD ends in 0, MGA has no hundredths; ISK and UGX count whole units, as we do. */
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":199,\"quantity\":1},{\"name\":\"B\",\"price\":200,\"quantity\":1}]}", "/ticketTypes/0/price too-small" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":67,\"quantity\":9,\"minPerOrder\":3}]}", "" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":66,\"quantity\":9,\"minPerOrder\":3}]}", "/ticketTypes/0/price too-small" },
        { "{\"serviceFee\":{\"fixed\":100},\"ticketTypes\":[{\"name\":\"A\",\"price\":100,\"quantity\":1}]}", "" },
        { "{\"serviceFee\":{\"fixed\":100,\"paidBy\":\"organizer\"},\"ticketTypes\":[{\"name\":\"A\",\"price\":100,\"quantity\":1}]}",
          "/ticketTypes/0/price too-small" },
        { "{\"ticketTypes\":[{\"name\":\"A\",\"price\":180,\"quantity\":1,\"taxRateBps\":1900,\"taxIncluded\":false}]}", "" },
        { "{\"currency\":\"KWD\",\"serviceFee\":{\"fixed\":15},\"ticketTypes\":[{\"name\":\"A\",\"price\":1005,\"quantity\":1},{\"name\":\"B\",\"price\":1010,\"quantity\":1}]}",
          "/serviceFee/fixed step, /ticketTypes/0/price step" },
        { "{\"currency\":\"MGA\",\"ticketTypes\":[{\"name\":\"A\",\"price\":150,\"quantity\":1}]}", "/ticketTypes/0/price step" },
        { "{\"currency\":\"ISK\",\"ticketTypes\":[{\"name\":\"A\",\"price\":7,\"quantity\":1}]}", "" },
        { "{\"currency\":\"kwd\",\"ticketTypes\":[{\"name\":\"A\",\"price\":1005,\"quantity\":1}]}", "/currency format" },
        { "{\"eventId\":\"x\",\"color\":1}", "/eventId unknown, /color unknown" },
        { "{\"venue\":{\"city\":7,\"planet\":\"Mars\"},\"category\":\"Live Music\"}", "/category format, /venue/city type, /venue/planet unknown" },
    };
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct fault fault = { .arena = arena };
        char *text = with(arena, row[i].members);
        void *in;
        enum err e = shape_read_json(&event_new_shape, text, strlen(text), &in, &fault);

        assert_int_equal(e, row[i].faults[0] ? ERR_INVALID : ERR_OK);
        if (strcmp(faults_text(arena, &fault), row[i].faults) != 0)
            print_error("row %zu: %s\n  got  %s\n  want %s\n", i, row[i].members, faults_text(arena, &fault), row[i].faults);
        assert_string_equal(faults_text(arena, &fault), row[i].faults);
        arena_reset(arena);
    }
    arena_free(arena);
}

/* ---- steps as writes ---- */

struct step {
    struct world *world;
    enum { CREATE, PATCH, CANCEL, TAKE } kind;
    const char *json;
    struct id event;
    struct id organizer;
    int64_t seats;
    char faults[400];
};

static enum err run(struct tx *tx, void *arg)
{
    struct step *step = arg;
    struct event event;
    void *in;
    enum err e;

    switch (step->kind) {
    case CREATE:
        e = shape_read_json(&event_new_shape, step->json, strlen(step->json), &in, tx->fault);
        if (!e)
            e = event_create(tx, &step->organizer, in, &event);
        step->event = event.id;
        return e;
    case PATCH:
        assert_true(event_find(tx, &step->event, &event));
        e = shape_read_json(&event_patch_shape, step->json, strlen(step->json), &in, tx->fault);
        if (!e)
            e = event_change(tx, &event, in);
        break;
    case CANCEL:
        assert_true(event_find(tx, &step->event, &event));
        e = event_cancel(tx, &event);
        break;
    case TAKE:
        return stock_sell(tx, &step->event, 1, step->seats);
    default:
        return ERR_INTERNAL;
    }
    snprintf(step->faults, sizeof step->faults, "%s", faults_text(tx->arena, tx->fault));
    if (!e) { /* what is answered is what is stored */
        struct event stored;
        struct buf said = buf_in(tx->arena), is = buf_in(tx->arena);

        assert_true(event_find(tx, &event.id, &stored));
        event_json(&said, NULL, tx->app, &event);
        event_json(&is, NULL, tx->app, &stored);
        assert_string_equal(said.data, is.data);
        assert_int_equal(event.version, stored.version);
    }
    return e;
}

static enum err do_step(struct world *world, struct step *step)
{
    struct fault fault = { .arena = world->arena };

    return store_write_wait(world->store, world->arena, &fault, &step->event, false, run, step);
}

static struct event find(struct world *world, const struct id *id)
{
    struct fault fault = { .arena = world->arena };
    struct event event;
    struct tx tx;

    reader_begin(world->reader, &tx, world->arena, &fault);
    assert_true(event_find(&tx, id, &event));
    reader_end(world->reader, &tx);
    return event;
}

static void a_change_keeps_the_rules(void **state)
{
    /* In turn, on one event of 100 seats with the types 1 (80) and 2 (40); ID1.. stand for their ids. */
    static const struct { const char *json; enum err want; const char *faults; } row[] = {
        { "{\"title\":\"Jazz Day\"}", ERR_OK, "" },
        { "{\"title\":null}", ERR_INVALID, "/title null" },
        { "{}", ERR_OK, "" },
        { "{\"startsAt\":\"2028-05-01T19:00:00Z\"}", ERR_INVALID, "/startsAt order" },
        { "{\"endsAt\":\"2020-05-01T19:00:00Z\"}", ERR_INVALID, "/endsAt order" },
        { "{\"venue\":{\"city\":\"Gdańsk\"}}", ERR_OK, "" },
        { "{\"venue\":{\"name\":\"Klub\"}}", ERR_OK, "" },
        { "{\"ticketTypes\":[{\"price\":10}]}", ERR_INVALID, "/ticketTypes/0/name required, /ticketTypes/0/quantity required" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID9\",\"price\":10}]}", ERR_INVALID, "/ticketTypes/0/ticketTypeId unknown" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"price\":10},{\"ticketTypeId\":\"ID1\",\"price\":11}]}", ERR_INVALID,
          "/ticketTypes/1/ticketTypeId repeated" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"remove\":true},{\"ticketTypeId\":\"ID2\",\"remove\":true}]}", ERR_INVALID, "/ticketTypes too-few" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"price\":4500,\"minPerOrder\":2},{\"name\":\"VIP\",\"price\":20000,\"quantity\":5}]}", ERR_OK, "" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"maxPerOrder\":1}]}", ERR_INVALID, "/ticketTypes/0/maxPerOrder order" }, /* the stored minimum is 2 */
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID2\",\"remove\":true}]}", ERR_OK, "" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID2\",\"price\":1}]}", ERR_INVALID, "/ticketTypes/0/ticketTypeId unknown" },
        /* What it costs stays payable, whatever of it changes: ID1 is 45.00 for at least two, VIP (ID3) 200.00. */
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"price\":99}]}", ERR_INVALID, "/ticketTypes/0/price too-small" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"price\":100}]}", ERR_OK, "" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"minPerOrder\":1}]}", ERR_INVALID, "/ticketTypes/0/price too-small" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"minPerOrder\":1}],\"serviceFee\":{\"fixed\":105}}", ERR_OK, "" },
        { "{\"serviceFee\":null}", ERR_INVALID, "/serviceFee too-small" },
        { "{\"currency\":\"KWD\"}", ERR_INVALID, "/currency step" },
        { "{\"currency\":\"HUF\"}", ERR_INVALID, "/currency too-small" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"price\":4500}],\"serviceFee\":null}", ERR_OK, "" },
        { "{\"currency\":\"JPY\",\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"price\":49}]}", ERR_INVALID, "/ticketTypes/0/price too-small" },
        { "{\"status\":\"published\"}", ERR_OK, "" },
        { "{\"status\":\"draft\"}", ERR_OK, "" },
        { "{\"status\":\"published\"}", ERR_OK, "" },
        { "SELL 12", ERR_OK, "" },
        { "{\"status\":\"draft\"}", ERR_CONFLICT, "" },
        { "{\"currency\":\"EUR\"}", ERR_CONFLICT, "" },
        { "{\"capacity\":11}", ERR_CONFLICT, "" },
        { "{\"capacity\":11,\"timezone\":\"Nowhere\"}", ERR_INVALID, "/timezone format" },
        { "{\"capacity\":12}", ERR_OK, "" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"quantity\":11}]}", ERR_CONFLICT, "" },
        { "{\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"quantity\":12}]}", ERR_OK, "" },
        { "SELL 1", ERR_SOLD_OUT, "" },
        { "{\"capacity\":50,\"ticketTypes\":[{\"ticketTypeId\":\"ID1\",\"quantity\":13}]}", ERR_OK, "" },
        { "SELL 1", ERR_OK, "" },
        { "{\"endsAt\":\"2020-05-01T19:00:00Z\",\"startsAt\":\"2020-04-01T19:00:00Z\"}", ERR_INVALID, "/endsAt past" },
        { "CANCEL", ERR_OK, "" },
        { "CANCEL", ERR_OK, "" },
        { "{\"title\":\"Too late\"}", ERR_CONFLICT, "" },
    };
    struct world *world = world_new();
    struct step step = { .world = world, .kind = CREATE, .json = base, .organizer = id_new(NOW) };
    struct event event;

    (void)state;
    store_start(world->store);
    assert_int_equal(do_step(world, &step), ERR_OK);
    for (size_t i = 0; i < COUNT(row); i++) {
        struct buf json = buf_in(world->arena);
        enum err got;

        for (const char *p = row[i].json; *p; p++) { /* ID3 becomes the id of type 3 */
            char text[ID_TEXT_LEN + 1];
            struct id id;

            if (strncmp(p, "ID", 2) != 0 || p[2] < '0' || p[2] > '9') {
                buf_char(&json, *p);
                continue;
            }
            id = id_child(&step.event, (unsigned)(p[2] - '0'));
            id_format(&id, text);
            buf_str(&json, text);
            p += 2;
        }
        step.json = json.data;
        step.kind = row[i].json[0] == '{' ? PATCH : row[i].json[0] == 'C' ? CANCEL : TAKE;
        step.seats = step.kind == TAKE ? atoi(row[i].json + 5) : 0;
        step.faults[0] = '\0';
        got = do_step(world, &step);
        if (got != row[i].want || strcmp(step.faults, row[i].faults) != 0)
            print_error("row %zu %s: %s (%s)\n", i, row[i].json, err_info(got)->name, step.faults);
        assert_int_equal(got, row[i].want);
        assert_string_equal(step.faults, row[i].faults);
        arena_reset(world->arena);
    }
    event = find(world, &step.event);
    assert_int_equal(event.status, EVENT_CANCELLED);
    assert_string_equal(event.title, "Jazz Day");
    assert_string_equal(event.venue_city, "Gdańsk");
    assert_string_equal(event.venue_name, "Klub");
    assert_int_equal(event.type_count, 2);
    assert_int_equal(event.types[0].price, 4500);
    assert_int_equal(event.types[1].n, 3);
    assert_int_equal(event.sold, 13);
    assert_int_equal(event.capacity, 50);
    world_free(world);
}

/* ---- lists against a plain loop ---- */

#define EVENTS 400
static const char *const categories[] = { "music", "theatre", "sport", NULL };
static const char *const cities[] = { "Łódź", "Berlin", "București", NULL };
static const char *const words[] = { "jazz", "rock", "北京音乐", "straße", "zażółć" };

struct known {
    struct id id, organizer;
    int64_t starts_at_ms;
    unsigned category, city, word, second;
    bool draft;
};
struct question {
    unsigned category, city;        /* the index behind the last: any */
    int word, second;               /* -1: any */
    int organizer;
    int64_t from_ms, to_ms;
};

static struct known known[EVENTS * 2];
static size_t known_count;
static struct id organizers[3];
static unsigned seed = 7;

static unsigned below(unsigned bound)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % bound;
}

static void add_event(struct world *world)
{
    struct known *event = &known[known_count++];
    struct step step = { .world = world, .kind = CREATE };
    char starts[CLOCK_TEXT_LEN + 1], ends[CLOCK_TEXT_LEN + 1];
    struct buf venue = buf_in(world->arena);
    unsigned by = below(3);

    event->organizer = step.organizer = organizers[by];
    event->category = below(COUNT(categories));
    event->city = below(COUNT(cities));
    event->word = below(2) ? 0 : below(COUNT(words)); /* the first is on more events than a search fetches at once */
    event->second = below(COUNT(words));
    event->draft = below(8) == 0;
    event->starts_at_ms = (NOW / HOUR + 24 + below(20)) * HOUR; /* many at the same time: the id decides */
    clock_format(event->starts_at_ms, starts);
    clock_format(event->starts_at_ms + HOUR, ends);
    buf_printf(&venue, "{\"startsAt\":\"%s\",\"endsAt\":\"%s\",\"title\":\"%s evening\",\"description\":\"With %s, and more\",\"status\":\"%s\"", starts,
               ends, words[event->word], words[event->second], event->draft ? "draft" : "published");
    if (categories[event->category])
        buf_printf(&venue, ",\"category\":\"%s\"", categories[event->category]);
    if (cities[event->city])
        buf_printf(&venue, ",\"venue\":{\"city\":\"%s\"}", cities[event->city]);
    buf_str(&venue, "}");
    step.json = with(world->arena, venue.data);
    assert_int_equal(do_step(world, &step), ERR_OK);
    event->id = step.event;
}

static bool matches(const struct known *event, const struct question *ask)
{
    if (event->draft)
        return false;
    if (ask->category < COUNT(categories) - 1 && event->category != ask->category)
        return false;
    if (ask->city < COUNT(cities) - 1 && event->city != ask->city)
        return false;
    if (ask->organizer >= 0 && !id_equal(&event->organizer, &organizers[ask->organizer]))
        return false;
    if (ask->word >= 0 && (int)event->word != ask->word && (int)event->second != ask->word)
        return false;
    if (ask->second >= 0 && (int)event->word != ask->second && (int)event->second != ask->second)
        return false;
    return event->starts_at_ms >= ask->from_ms && (!ask->to_ms || event->starts_at_ms <= ask->to_ms);
}

static bool precedes(const struct known *a, const struct known *b)
{
    return a->starts_at_ms != b->starts_at_ms ? a->starts_at_ms < b->starts_at_ms : id_compare(&a->id, &b->id) < 0;
}

/* All pages of `limit`, checked item by item against the loop; an event is added between the pages if `grow`. */
static size_t check_list(struct world *world, const struct question *ask, int64_t limit, bool grow)
{
    static const char *const typed[] = { "JAZZ", "rock", "音乐", "STRASSE", "zazolc" };
    struct known *expected[COUNT(known)], *last = NULL;
    size_t count = 0, at = 0;
    struct page page = { .limit = limit };
    struct event_filter filter = { .from_ms = ask->from_ms, .to_ms = ask->to_ms };
    struct buf text = buf_heap();

    if (ask->category < COUNT(categories) - 1)
        filter.category = categories[ask->category];
    if (ask->city < COUNT(cities) - 1)
        filter.city = cities[ask->city];
    if (ask->organizer >= 0)
        filter.organizer = organizers[ask->organizer];
    if (ask->word >= 0)
        buf_printf(&text, "%s ", typed[ask->word]);
    if (ask->second >= 0)
        buf_str(&text, typed[ask->second]);
    filter.words = text.data;
    for (size_t i = 0; i < known_count; i++)
        if (matches(&known[i], ask))
            expected[count++] = &known[i];
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (precedes(expected[k], expected[i])) {
                struct known *other = expected[i];

                expected[i] = expected[k];
                expected[k] = other;
            }
    for (;;) {
        struct fault fault = { .arena = world->arena };
        struct event_page found;
        struct tx tx;

        reader_begin(world->reader, &tx, world->arena, &fault);
        event_list(&tx, &filter, &page, &found);
        reader_end(world->reader, &tx);
        for (size_t i = 0; i < found.count; i++) {
            struct known *is = NULL;

            for (size_t k = 0; k < known_count; k++)
                if (id_equal(&known[k].id, &found.items[i].id))
                    is = &known[k];
            assert_non_null(is);
            assert_true(matches(is, ask));
            assert_int_equal(found.items[i].type_count, 2);
            assert_string_equal(found.items[i].types[1].name, "Seated");
            assert_true(!last || precedes(last, is));
            last = is;
            if (at < count && is == expected[at])
                at++;
            else
                assert_true(grow && is >= &known[EVENTS]); /* only what came in between may be new */
        }
        if (!found.more)
            break;
        assert_true(found.count > 0);
        page = (struct page){ .limit = limit, .after = true, .at = found.next_at, .id = found.next_id };
        arena_reset(world->arena);
        if (grow && known_count < COUNT(known))
            add_event(world);
    }
    assert_int_equal(at, count); /* none was lost, none came twice */
    arena_reset(world->arena);
    buf_free(&text);
    return count;
}

static void lists_are_what_a_plain_loop_gives(void **state)
{
    struct world *world = world_new();
    size_t found = 0;

    (void)state;
    store_start(world->store);
    known_count = 0;
    for (size_t i = 0; i < COUNT(organizers); i++)
        organizers[i] = id_new(NOW);
    while (known_count < EVENTS)
        add_event(world);
    for (int i = 0; i < 300; i++) {
        struct question ask = {
            .category = below(2) ? below(COUNT(categories)) : 9, .city = below(2) ? below(COUNT(cities)) : 9,
            .word = below(2) ? (int)below(COUNT(words)) : -1, .second = below(3) ? -1 : (int)below(COUNT(words)),
            .organizer = below(3) ? -1 : (int)below(3),
            .from_ms = below(3) ? 0 : (NOW / HOUR + 24 + below(20)) * HOUR,
        };
        ask.to_ms = below(3) ? 0 : (NOW / HOUR + 30 + below(20)) * HOUR;
        found += check_list(world, &ask, 1 + below(40), false);
    }
    assert_true(found > 1000);
    check_list(world, &(struct question){ .category = 9, .city = 9, .word = -1, .second = -1, .organizer = -1 }, 5, true);
    world_free(world);
}

/* 1,300 events; the words of a question are each on hundreds, and together on few, late ones. */
static enum err make_many(struct tx *tx, void *arg)
{
    int64_t starts_at_ms = *(int64_t *)arg;

    for (int i = 0; i < 1300; i++) {
        struct ticket_type_in type = { .name = "Standing", .quantity = 1 };
        struct event_in in;
        struct event event;

        memset(&in, 0, sizeof in);
        in.given.bits = ~(uint64_t)0;
        in.title = i < 1250 ? i >= 950 ? "alpha beta" : "alpha" : "beta";
        in.status = EVENT_PUBLISHED;
        in.starts_at_ms = starts_at_ms + i * 1000;
        in.ends_at_ms = in.starts_at_ms + HOUR;
        in.timezone = "UTC";
        in.currency = "EUR";
        in.capacity = 1;
        in.types = &type;
        in.type_count = 1;
        event_create(tx, &organizers[0], &in, &event);
    }
    return ERR_OK;
}

static void a_long_search_goes_on_where_it_stopped(void **state)
{
    struct world *world = world_new();
    int64_t starts_at_ms = NOW + 24 * HOUR, last = 0;
    struct event_filter filter = { .words = "beta alph" };
    struct page page = { .limit = 100 };
    size_t found = 0, pages = 0, short_pages = 0;
    bool more = true;

    (void)state;
    store_start(world->store);
    organizers[0] = id_new(NOW);
    assert_int_equal(store_write_wait(world->store, world->arena, NULL, NULL, false, make_many, &starts_at_ms), ERR_OK);
    for (; more; pages++) {
        struct fault fault = { .arena = world->arena };
        struct event_page events;
        struct tx tx;

        reader_begin(world->reader, &tx, world->arena, &fault);
        event_list(&tx, &filter, &page, &events);
        reader_end(world->reader, &tx);
        for (size_t i = 0; i < events.count; i++) {
            assert_string_equal(events.items[i].title, "alpha beta");
            assert_true(events.items[i].starts_at_ms > last);
            last = events.items[i].starts_at_ms;
        }
        found += events.count;
        more = events.more;
        short_pages += more && events.count < 100;
        page = (struct page){ .limit = 100, .after = true, .at = events.next_at, .id = events.next_id };
        arena_reset(world->arena);
    }
    assert_int_equal(found, 300);
    assert_int_equal(short_pages, 1); /* the first thousand had fifty */
    assert_true(pages <= 5);
    world_free(world);
}

static void an_ended_event_leaves_the_lists(void **state)
{
    struct world *world = world_new();
    struct question all = { .category = 9, .city = 9, .word = -1, .second = -1, .organizer = -1 };
    SQL(count_listed, "SELECT count(*) FROM event WHERE listed = 1");
    SQL(count_words, "SELECT count(*) FROM event_word");

    (void)state;
    store_start(world->store);
    known_count = 0;
    for (int i = 0; i < 3; i++) {
        organizers[i] = id_new(NOW);
        add_event(world);
        known[i].draft = false;
    }
    for (int i = 0; i < 3; i++) {
        struct step step = { .world = world, .kind = PATCH, .json = "{\"status\":\"published\"}", .event = known[i].id };

        assert_int_equal(do_step(world, &step), ERR_OK);
    }
    assert_int_equal(check_list(world, &all, 20, false), 3);
    clock_set_offset_ms(60 * HOUR);
    assert_int_equal(find(world, &known[0].id).status, EVENT_ENDED);
    assert_int_equal(world_number(world, &count_listed), 3);
    struct step step = { .world = world, .kind = PATCH, .json = "{\"title\":\"Was it good?\"}", .event = known[2].id };
    assert_int_equal(do_step(world, &step), ERR_OK); /* before the sweep has seen it: its words go with it */
    assert_int_equal(world_number(world, &count_listed), 2);
    event_sweeps[0].run(&world->app, world->reader, world->arena);
    assert_int_equal(world_number(world, &count_listed), 0);
    assert_int_equal(world_number(world, &count_words), 0);

    /* Given a later end it is back; cancelling one that is over is refused. */
    step = (struct step){ .world = world, .kind = CANCEL, .event = known[1].id };
    assert_int_equal(do_step(world, &step), ERR_CONFLICT);
    step = (struct step){ .world = world, .kind = PATCH, .json = "{\"endsAt\":\"2099-01-01T00:00:00Z\"}", .event = known[0].id };
    assert_int_equal(do_step(world, &step), ERR_OK);
    assert_int_equal(world_number(world, &count_listed), 1);
    assert_true(world_number(world, &count_words) > 2);
    clock_set_offset_ms(0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(a_change_keeps_the_rules),
        cmocka_unit_test(lists_are_what_a_plain_loop_gives),
        cmocka_unit_test(a_long_search_goes_on_where_it_stopped),
        cmocka_unit_test(an_ended_event_leaves_the_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
