/*
 * demo.c - `usher demo`: a server over a folder in which something goes on.
 *
 * The rows are made as clients would make them: each event and each order
 * passes the shape of its route and the rules of its module, in some forty
 * writes. The last of them leaves a mark, so a folder is filled once. Free tickets are
 * confirmed at once; what costs money is bought once the server runs, across
 * HTTP (demo_sales.c), for the payment provider must know of it too.
 */
#include "cli/demo.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/zone.h"
#include "cli/cli.h"
#include "cli/demo_sales.h"
#include "cli/serve.h"
#include "events/discount.h"
#include "events/event_change.h"
#include "gate/gate.h"
#include "identity/identity.h"
#include "registrations/registration_new.h"

#define ORGANIZER "organizer@usher.example"
#define ATTENDEE "attendee@usher.example"
#define ORGANIZER_PASSWORD "Open-the-doors-7"
#define ATTENDEE_PASSWORD "Front-row-seat-7"

struct demo {
    struct app *app;
    const char *organizer_hash, *attendee_hash;
    struct id organizer, attendee, person[32];
    struct id event[32];
    size_t at;  /* which event or registration the write at hand is about */
};

/* ---- accounts ---- */

/* `person` -1: the attendee whose sign-in is printed. The others have the same password. */
static const char *email_of(struct arena *arena, int person)
{
    return person < 0 ? ATTENDEE : arena_printf(arena, "%s@usher.example", demo_people[person].mailbox);
}

static enum err add_accounts(struct tx *tx, void *arg)
{
    struct demo *demo = arg;
    enum err e;

    store_meta_set(tx, "demo", "begun");
    e = account_add(tx, ORGANIZER, "Olga Nowak", GROUP_ORGANIZERS, demo->organizer_hash, &demo->organizer);

    if (!e)
        e = account_add(tx, ATTENDEE, "Theo Okafor", GROUP_ATTENDEES, demo->attendee_hash, &demo->attendee);
    for (size_t i = 0; !e && i < demo_person_count; i++)
        e = account_add(tx, email_of(tx->arena, (int)i), demo_people[i].name, GROUP_ATTENDEES, demo->attendee_hash, &demo->person[i]);
    return e;
}

/* ---- events ---- */

/* The instant of a wall-clock reading `days` from today. The offset is taken twice, for the first guess may lie across a change. */
static int64_t local_time(const struct zone *zone, int64_t now_ms, const struct demo_event *event)
{
    struct civil civil = zone_civil(zone, now_ms + event->days * INT64_C(86400000));
    int64_t local, at;

    civil.hour = event->hour;
    civil.minute = event->minute;
    civil.second = civil.ms = 0;
    local = clock_from_civil(&civil);
    at = local - zone_offset(zone, local, NULL) * INT64_C(1000);
    return local - zone_offset(zone, at, NULL) * INT64_C(1000);
}

static int64_t starts_at(const struct demo_event *event, int64_t now_ms)
{
    const struct zone *zone = zone_find(event->timezone);

    if (event->days && zone)
        return local_time(zone, now_ms, event);
    return now_ms - now_ms % 3600000 + event->hours_from_now * INT64_C(3600000);
}

/* As POST /v1/events would take it. */
static void event_text(struct buf *out, const struct demo_event *event, int64_t now_ms)
{
    int64_t starts = starts_at(event, now_ms);

    json_open(out, NULL);
    json_str(out, "title", event->title);
    json_str(out, "description", event->description);
    json_str(out, "category", event->category);
    json_str(out, "status", event->draft ? "draft" : "published");
    json_time(out, "startsAt", starts);
    json_time(out, "endsAt", starts + event->length_h * INT64_C(3600000));
    json_str(out, "timezone", event->timezone);
    if (event->online) {
        json_bool(out, "online", true);
    } else {
        json_open(out, "venue");
        json_str(out, "name", event->venue);
        if (event->address)
            json_str(out, "address", event->address);
        json_str(out, "city", event->city);
        json_str(out, "country", event->country);
        json_close(out);
    }
    json_str(out, "currency", event->currency);
    json_int(out, "capacity", event->capacity);
    json_raw(out, "ticketTypes", event->types, strlen(event->types));
    if (event->fee)
        json_raw(out, "serviceFee", event->fee, strlen(event->fee));
    if (event->seller)
        json_raw(out, "seller", event->seller, strlen(event->seller));
    json_close(out);
}

static enum err add_code(struct tx *tx, const struct demo_event *of, const struct event *event)
{
    struct discount_code code = { .event = event->id, .code = of->code, .active = true, .max_uses = of->code_max_uses };
    uint8_t last = (uint8_t)event->types[event->type_count - 1].n;

    if (of->code_percent_bps) {
        code.off = (struct price_discount){ PRICE_PERCENT, of->code_percent_bps };
    } else {
        code.types = &last;
        code.type_count = 1;
    }
    return discount_create(tx, &code);
}

static enum err add_event(struct tx *tx, void *arg)
{
    struct demo *demo = arg;
    struct buf text = buf_in(tx->arena);
    struct event event;
    void *in;
    enum err e;

    tx->actor = demo->organizer;
    event_text(&text, &demo_events[demo->at], tx->now_ms);
    e = shape_read_json(&event_new_shape, text.data, text.len, &in, tx->fault);
    if (!e)
        e = event_create(tx, &demo->organizer, in, &event);
    if (!e)
        demo->event[demo->at] = event.id;
    if (!e && demo_events[demo->at].code)
        e = add_code(tx, &demo_events[demo->at], &event);
    if (!e && demo_events[demo->at].cancelled)
        e = event_cancel(tx, &event);
    return e;
}

/* ---- who comes ---- */

#define FAIR 0    /* indices into demo_events */
#define COMPILERS 1
#define LETTERPRESS 2
#define JAZZ 3
#define RUN 4
#define CALLIGRAPHY 5
#define STREET_FOOD 6
#define LIVE 10
#define KAYAK 11

/* `admitted`: how many of the tickets were at the gate. */
static const struct {
    size_t event;
    int person;
    unsigned type, quantity, admitted;
} orders[] = {
    { FAIR, -1, 1, 2, 0 },       { FAIR, 0, 1, 1, 1 },        { FAIR, 1, 1, 4, 4 },        { FAIR, 2, 1, 2, 2 },         { FAIR, 3, 1, 1, 0 },
    { FAIR, 7, 1, 3, 2 },        { FAIR, 9, 1, 2, 2 },        { FAIR, 10, 1, 1, 0 },       { COMPILERS, -1, 1, 1, 0 },   { COMPILERS, 0, 1, 1, 0 },
    { COMPILERS, 4, 1, 2, 0 },   { COMPILERS, 6, 1, 1, 0 },   { COMPILERS, 11, 1, 2, 0 },  { LETTERPRESS, 7, 1, 3, 0 },  { LETTERPRESS, 8, 1, 3, 0 },
    { LETTERPRESS, 1, 1, 2, 0 }, { LETTERPRESS, 5, 1, 2, 0 }, { LETTERPRESS, 10, 1, 2, 0 }, { LIVE, -1, 2, 1, 0 },       { LIVE, 2, 2, 1, 0 },
};

/* What is bought with a test card. */
static const struct {
    size_t event;
    int person;
    unsigned type, quantity;
} sales[] = {
    { JAZZ, -1, 1, 2 }, { RUN, 2, 1, 1 }, { CALLIGRAPHY, 3, 2, 1 }, { STREET_FOOD, 8, 2, 4 }, { JAZZ, 1, 2, 2 }, { KAYAK, 7, 2, 1 },
};

static enum err admit(struct tx *tx, const struct demo *demo, const struct registration *reg, unsigned count)
{
    struct caller caller = { .account = demo->organizer, .groups = GROUP_ORGANIZERS };
    enum err e = ERR_OK;

    tx->actor = demo->organizer;
    for (unsigned n = 1; !e && n <= count; n++) {
        struct gate_scan scan = { .ticket = id_child(&reg->id, n), .event = reg->event, .gate = n % 2 ? "North door" : "South door" };
        struct gate_verdict verdict;

        e = gate_admit(tx, &caller, &scan, &verdict);
    }
    return e;
}

static enum err add_order(struct tx *tx, void *arg)
{
    struct demo *demo = arg;
    int person = orders[demo->at].person;
    struct buf text = buf_in(tx->arena);
    struct id type = id_child(&demo->event[orders[demo->at].event], orders[demo->at].type);
    struct registration reg;
    void *in;
    enum err e;

    tx->actor = person < 0 ? demo->attendee : demo->person[person];
    json_open(&text, NULL);
    json_id(&text, "eventId", &demo->event[orders[demo->at].event]);
    json_open_array(&text, "items");
    json_open(&text, NULL);
    json_id(&text, "ticketTypeId", &type);
    json_int(&text, "quantity", orders[demo->at].quantity);
    json_close(&text);
    json_close_array(&text);
    json_close(&text);
    e = shape_read_json(&registration_new_shape, text.data, text.len, &in, tx->fault);
    if (!e)
        e = registration_create(tx, in, &reg);
    return e ? e : admit(tx, demo, &reg, orders[demo->at].admitted);
}

/* ---- filling ---- */

static enum err mark_filled(struct tx *tx, void *arg)
{
    store_meta_set(tx, "demo", "filled");
    return ERR_OK;
}

SQL(demo_any_account, "SELECT 1 FROM account WHERE email_key > '' LIMIT 1");

enum filling { EMPTY, BEGUN, FILLED, SOMEONES };

static enum filling look(struct app *app)
{
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    struct reader *reader = reader_open(app->store);
    enum filling filling = EMPTY;
    const char *mark;
    struct query *q;
    struct tx tx;

    reader_begin(reader, &tx, arena, &fault);
    q = query(&tx, &demo_any_account);
    if (query_row(q))
        filling = SOMEONES;
    query_end(q);
    mark = store_meta_get(&tx, "demo");
    if (mark)
        filling = !strcmp(mark, "filled") ? FILLED : BEGUN;
    reader_end(reader, &tx);
    reader_close(reader);
    arena_free(arena);
    return filling;
}

/* One write; a fault of the tables above is ours, and says where it is. */
static bool write_step(struct demo *demo, const struct id *key, enum err (*run)(struct tx *tx, void *arg))
{
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    enum err e = store_write_wait(demo->app->store, arena, &fault, key, false, run, demo);

    if (e)
        cli_complain("the demo's data could not be written (step %zu): %s %s", demo->at, fault.detail ? fault.detail : err_info(e)->title,
                     fault.fields ? fault.fields->pointer : "");
    arena_free(arena);
    return e == ERR_OK;
}

/* Set by prepare, on the main thread, and stopped there when the server has ended. */
static struct demo_sales *visitors;

static void start_selling(const struct demo *demo)
{
    struct demo_sale list[COUNT(sales)];
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < COUNT(sales); i++)
        list[i] = (struct demo_sale){ email_of(arena, sales[i].person), demo->event[sales[i].event], sales[i].type, sales[i].quantity };
    visitors = demo_sales_start(http_address(demo->app->http), ATTENDEE_PASSWORD, list, COUNT(list));
    arena_free(arena);
}

static bool fill(struct app *app)
{
    static const struct id any;
    struct demo demo = { .app = app };
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    bool ok = !identity_hash_password(arena, &fault, app->config, ORGANIZER_PASSWORD, ORGANIZER, NULL, &demo.organizer_hash) &&
              !identity_hash_password(arena, &fault, app->config, ATTENDEE_PASSWORD, ATTENDEE, NULL, &demo.attendee_hash) && write_step(&demo, &any, add_accounts);

    for (demo.at = 0; ok && demo.at < demo_event_count; demo.at++)
        ok = write_step(&demo, &any, add_event);
    for (demo.at = 0; ok && demo.at < COUNT(orders); demo.at++)
        ok = write_step(&demo, &demo.event[orders[demo.at].event], add_order);
    ok = ok && write_step(&demo, &any, mark_filled);
    if (ok && app->sim)
        start_selling(&demo);
    arena_free(arena);
    return ok;
}

static bool print_sign_ins(const struct app *app)
{
    struct buf out = buf_heap();
    bool ok;

    buf_printf(&out,
               "The demo's sign-ins at %s:\n"
               "  organizer  %-26s %s\n"
               "  attendee   %-26s %s\n",
               app->public_url, ORGANIZER, ORGANIZER_PASSWORD, ATTENDEE, ATTENDEE_PASSWORD);
    ok = cli_print(&out);
    buf_free(&out);
    return ok;
}

static int prepare(struct app *app)
{
    _Static_assert(sizeof(((struct demo *)0)->person) / sizeof(struct id) >= 12, "a place for each person");

    switch (look(app)) {
    case SOMEONES:
        cli_complain("%s holds accounts that are not the demo's; name an empty folder with --data.", app->config->data);
        return EXIT_FAILED;
    case BEGUN:
        cli_complain("%s was left half filled when an earlier demo was ended; remove it, or name another folder with --data.",
                     app->config->data);
        return EXIT_FAILED;
    case EMPTY:
        if (!fill(app))
            return EXIT_FAILED;
        break;
    case FILLED:
        break;
    }
    return print_sign_ins(app) ? EXIT_DONE : EXIT_FAILED;
}

/* Everyone knows the passwords. */
static bool is_this_machine(const char *listen)
{
    return !strncmp(listen, "127.", 4) || !strncmp(listen, "[::1]:", 6) || !strncmp(listen, "localhost:", 10);
}

int demo_run(const struct args *args)
{
    struct config config;
    int code;

    if (!args_config(args, &config))
        return EXIT_USAGE;
    if (is_this_machine(config.listen)) {
        code = serve_config(&config, prepare);
        demo_sales_stop(visitors);
    } else {
        cli_complain("the demo listens on this machine alone, for its passwords are known: --listen 127.0.0.1:PORT.");
        code = EXIT_USAGE;
    }
    config_free(&config);
    return code;
}
