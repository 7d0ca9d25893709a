/* event_page.c - see event_page.h. */
#include "events/event_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "base/zone.h"
#include "events/event_list.h"
#include "http/assets.h"
#include "identity/identity.h"

/* Search engines show some 155 characters of a description. */
#define DESCRIPTION_CHARS 155
#define LIST_EVENTS 24
/* sitemaps.org: at most 50,000 addresses a file. */
#define SITEMAP_EVENTS 50000

/* ---- small words ---- */

static const char *page_url(struct req *req, const struct id *event)
{
    char id[ID_TEXT_LEN + 1];

    id_format(event, id);
    return arena_printf(req->arena, "%s/e/%s", req->app->public_url, id);
}

/* "2026-12-05T19:00:00+01:00": schema.org wants the local time with its offset. */
static const char *local_time(struct arena *arena, int64_t at_ms, const char *zone_name)
{
    const struct zone *zone = zone_find(zone_name);
    int offset = zone ? zone_offset(zone, at_ms, NULL) / 60 : 0;
    struct civil at = clock_civil(at_ms + (int64_t)offset * 60000);

    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", at.year, at.month, at.day, at.hour, at.minute, at.second,
                        offset < 0 ? '-' : '+', abs(offset) / 60, abs(offset) % 60);
}

/* "Sat 5 Dec 2026, 19:00" there. */
static const char *local_text(struct arena *arena, int64_t at_ms, const char *zone_name)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const struct zone *zone = zone_find(zone_name);
    struct civil at = zone ? zone_civil(zone, at_ms) : clock_civil(at_ms);

    return arena_printf(arena, "%s %d %s %d, %02d:%02d", days[at.weekday], at.day, months[at.month - 1], at.year, at.hour, at.minute);
}

static const char *place_of(struct arena *arena, const struct event *event)
{
    const char *name = event->venue_name, *city = event->venue_city;

    if (name && city)
        return arena_printf(arena, "%s, %s", name, city);
    return name ? name : city ? city : event->online ? "Online" : "";
}

/* All that one ticket costs, fee and tax with it: no page shows less. */
static int64_t price_of(const struct event *event, const struct ticket_type *type)
{
    struct price_line one = { .quantity = 1, .unit = type->price, .tax_rate = type->tax };

    price_lines(&one, 1, &event->fee, NULL, event->currency);
    return one.total;
}

/* The description as one line, cut at a blank before DESCRIPTION_CHARS. */
static const char *summary_of(struct req *req, const struct event *event)
{
    const char *place = place_of(req->arena, event);

    if (!event->description || !*event->description)
        return arena_printf(req->arena, "%s%s%s", local_text(req->arena, event->starts_at_ms, event->timezone), *place ? ", " : "", place);

    char *line = arena_strdup(req->arena, event->description);
    size_t chars = 0, blank = 0, i = 0;
    for (; line[i] && chars < DESCRIPTION_CHARS; i++) {
        if (line[i] == '\n' || line[i] == '\t')
            line[i] = ' ';
        if (line[i] == ' ')
            blank = i;
        chars += ((unsigned char)line[i] & 0xc0) != 0x80;
    }
    if (!line[i])
        return line;
    while (((unsigned char)line[i] & 0xc0) == 0x80)
        i++;
    return arena_printf(req->arena, "%.*s…", (int)(blank ? blank : i), line);
}

/* ---- the head ---- */

static void meta(struct buf *out, const char *kind, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(out, "<meta %s=\"%s\" content=\"", kind, name);
    html_text(out, value);
    buf_str(out, "\">");
}

static const char *image_url(struct req *req, const struct event *event)
{
    char id[ID_TEXT_LEN + 1];

    if (!event->image)
        return NULL;
    id_format(&event->id, id);
    return arena_printf(req->arena, "%s/v1/events/%s/image", req->app->public_url, id);
}

enum sale { SALE_OPEN, SALE_EARLY, SALE_OVER, SALE_SOLD_OUT };

static enum sale sale_of(const struct event *event, const struct ticket_type *type, int64_t now_ms)
{
    if (event->status != EVENT_PUBLISHED || event->ends_at_ms <= now_ms || (type->sale_ends_at_ms && type->sale_ends_at_ms <= now_ms))
        return SALE_OVER;
    if (type->sale_starts_at_ms > now_ms)
        return SALE_EARLY;
    return event_available(event, type) ? SALE_OPEN : SALE_SOLD_OUT;
}

static const char *availability_of(const struct event *event, const struct ticket_type *type, int64_t now_ms)
{
    static const char *const words[] = { [SALE_OPEN] = "https://schema.org/InStock",
                                         [SALE_EARLY] = "https://schema.org/PreOrder",
                                         [SALE_OVER] = "https://schema.org/SoldOut",
                                         [SALE_SOLD_OUT] = "https://schema.org/SoldOut" };

    return words[sale_of(event, type, now_ms)];
}

static void offers_json(struct buf *out, struct req *req, const struct event *event)
{
    json_open_array(out, "offers");
    for (size_t i = 0; i < event->type_count; i++) {
        const struct ticket_type *type = &event->types[i];

        json_open(out, NULL);
        json_str(out, "@type", "Offer");
        json_str(out, "name", type->name);
        json_str(out, "price", money_text(req->arena, event->currency, price_of(event, type)) + 4);
        json_str(out, "priceCurrency", event->currency);
        json_str(out, "availability", availability_of(event, type, req->now_ms));
        json_time(out, "validFrom", type->sale_starts_at_ms ? type->sale_starts_at_ms : event->created_at_ms);
        json_str(out, "url", page_url(req, &event->id));
        json_close(out);
    }
    json_close_array(out);
}

static void place_json(struct buf *out, struct req *req, const struct event *event)
{
    if (event->online && !event->venue_name && !event->venue_city) {
        json_open(out, "location");
        json_str(out, "@type", "VirtualLocation");
        json_str(out, "url", page_url(req, &event->id));
        json_close(out);
        return;
    }
    json_open(out, "location");
    json_str(out, "@type", "Place");
    json_str(out, "name", place_of(req->arena, event));
    json_open(out, "address");
    json_str(out, "@type", "PostalAddress");
    if (event->venue_address)
        json_str(out, "streetAddress", event->venue_address);
    if (event->venue_city)
        json_str(out, "addressLocality", event->venue_city);
    if (event->venue_country)
        json_str(out, "addressCountry", event->venue_country);
    json_close(out);
    json_close(out);
}

/* schema.org/Event as search engines read it (Google's "Event" structured data). */
static void json_ld(struct buf *out, struct req *req, struct tx *tx, const struct event *event)
{
    struct buf json = buf_in(req->arena);
    struct account organizer;

    json_open(&json, NULL);
    json_str(&json, "@context", "https://schema.org");
    json_str(&json, "@type", "Event");
    json_str(&json, "name", event->title);
    json_str(&json, "description", summary_of(req, event));
    json_str(&json, "startDate", local_time(req->arena, event->starts_at_ms, event->timezone));
    json_str(&json, "endDate", local_time(req->arena, event->ends_at_ms, event->timezone));
    json_str(&json, "eventStatus", event->status == EVENT_CANCELLED ? "https://schema.org/EventCancelled" : "https://schema.org/EventScheduled");
    json_str(&json, "eventAttendanceMode", !event->online               ? "https://schema.org/OfflineEventAttendanceMode"
                                           : event->venue_name || event->venue_city ? "https://schema.org/MixedEventAttendanceMode"
                                                                                    : "https://schema.org/OnlineEventAttendanceMode");
    place_json(&json, req, event);
    if (event->image)
        json_str(&json, "image", image_url(req, event));
    if (account_by_id(tx, &event->organizer, &organizer) && organizer.name) {
        json_open(&json, "organizer");
        json_str(&json, "@type", "Organization");
        json_str(&json, "name", organizer.name);
        json_close(&json);
    }
    json_str(&json, "url", page_url(req, &event->id));
    offers_json(&json, req, event);
    json_close(&json);
    buf_str(out, "<script type=\"application/ld+json\">");
    html_json(out, json.data, json.len);
    buf_str(out, "</script>");
}

static void head_of(struct buf *out, struct req *req, struct tx *tx, const struct event *event)
{
    const char *summary = summary_of(req, event);

    buf_str(out, "<title>");
    html_text(out, event->title);
    buf_str(out, " · Usher</title>");
    meta(out, "name", "description", summary);
    buf_str(out, "<link rel=\"canonical\" href=\"");
    html_text(out, page_url(req, &event->id));
    buf_str(out, "\">");
    meta(out, "property", "og:type", "website");
    meta(out, "property", "og:title", event->title);
    meta(out, "property", "og:description", summary);
    meta(out, "property", "og:url", page_url(req, &event->id));
    meta(out, "property", "og:image", image_url(req, event));
    meta(out, "property", "og:site_name", "Usher");
    meta(out, "name", "twitter:card", event->image ? "summary_large_image" : "summary");
    json_ld(out, req, tx, event);
}

/* ---- the body, for those without JavaScript, and for all until the app is there (".plain" in the app's styles) ---- */

static void paragraph(struct buf *out, const char *text)
{
    buf_str(out, "<p>");
    html_text(out, text);
    buf_str(out, "</p>");
}

/* Why a ticket cannot be had now, where the event itself is still to come. */
static const char *sale_text(struct req *req, const struct event *event, const struct ticket_type *type)
{
    if (event->status != EVENT_PUBLISHED || event->ends_at_ms <= req->now_ms)
        return "";
    switch (sale_of(event, type, req->now_ms)) {
    case SALE_EARLY:
        return arena_printf(req->arena, " (on sale from %s)", local_text(req->arena, type->sale_starts_at_ms, event->timezone));
    case SALE_OVER:
        return " (sale has ended)";
    case SALE_SOLD_OUT:
        return " (sold out)";
    default:
        return "";
    }
}

static const char *type_text(struct req *req, const struct event *event, const struct ticket_type *type)
{
    const char *left = sale_text(req, event, type);

    if (!type->price)
        return arena_printf(req->arena, "%s: free%s", type->name, left);
    return arena_printf(req->arena, "%s: %s%s", type->name, money_text(req->arena, event->currency, price_of(event, type)), left);
}

static void body_of(struct buf *out, struct req *req, const struct event *event)
{
    const char *place = place_of(req->arena, event);

    buf_str(out, "<article class=\"plain\"><h1>");
    html_text(out, event->title);
    buf_str(out, "</h1>");
    if (event->status == EVENT_CANCELLED)
        paragraph(out, "This event was cancelled.");
    else if (event->ends_at_ms <= req->now_ms)
        paragraph(out, "This event is over.");
    paragraph(out, arena_printf(req->arena, "%s (%s)", local_text(req->arena, event->starts_at_ms, event->timezone), event->timezone));
    if (*place)
        paragraph(out, event->venue_address ? arena_printf(req->arena, "%s, %s", place, event->venue_address) : place);
    if (event->description)
        paragraph(out, event->description);
    buf_str(out, "<ul>");
    for (size_t i = 0; i < event->type_count; i++) {
        buf_str(out, "<li>");
        html_text(out, type_text(req, event, &event->types[i]));
        buf_str(out, "</li>");
    }
    buf_str(out, "</ul><noscript><p>Buying a ticket needs JavaScript.</p></noscript></article>");
}

/* ---- pages ---- */

/* The app asks again with the visitor's token: who may see a draft is shown it. To all others it is not there. */
static enum err page_of_nothing(struct req *req)
{
    assets_not_found(req);
    return ERR_OK;
}

static enum err show_event_page(struct req *req, struct tx *tx)
{
    struct html_page page = html_begin(req, 200);
    struct event event;

    if (!event_find(tx, &req->id[0], &event) || event.status == EVENT_DRAFT)
        return page_of_nothing(req);
    event_hide_types(&event, NULL, 0);
    head_of(&page.head, req, tx, &event);
    body_of(&page.body, req, &event);
    event_json(&page.boot, "event", req->app, &event);
    return html_reply(req, &page);
}

static void list_item(struct buf *out, struct req *req, const struct event *event)
{
    const char *place = place_of(req->arena, event);

    buf_str(out, "<li><a href=\"");
    html_text(out, page_url(req, &event->id));
    buf_str(out, "\">");
    html_text(out, event->title);
    buf_str(out, "</a>, ");
    html_text(out, local_text(req->arena, event->starts_at_ms, event->timezone));
    if (*place)
        buf_str(out, ", ");
    html_text(out, place);
    buf_str(out, "</li>");
}

static enum err show_list_page(struct req *req, struct tx *tx)
{
    static const char words[] = "Upcoming events and their tickets.";
    struct html_page page = html_begin(req, 200);
    struct page first = { .limit = LIST_EVENTS };
    struct event_page events;

    event_list(tx, &(struct event_filter){ 0 }, &first, &events);
    buf_str(&page.head, "<title>Upcoming events · Usher</title>");
    meta(&page.head, "name", "description", words);
    meta(&page.head, "property", "og:title", "Upcoming events");
    meta(&page.head, "property", "og:site_name", "Usher");
    buf_str(&page.body, "<div class=\"plain\"><h1>Upcoming events</h1><ul>");
    for (size_t i = 0; i < events.count; i++)
        list_item(&page.body, req, &events.items[i]);
    buf_str(&page.body, "</ul></div>");
    return html_reply(req, &page);
}

/* ---- for search engines ---- */

/* In pages of 100, each of a snapshot of its own time; a thousand events are 100 KB. */
static enum err show_sitemap(struct req *req, struct tx *tx)
{
    struct buf *out = reply_begin(req, 200, "application/xml");
    struct page page = { .limit = 100 };
    struct event_page events;

    buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n");
    for (size_t count = 0; count < SITEMAP_EVENTS; count += events.count) {
        event_list(tx, &(struct event_filter){ 0 }, &page, &events);
        for (size_t i = 0; i < events.count; i++) {
            char at[CLOCK_TEXT_LEN + 1];

            clock_format(events.items[i].updated_at_ms, at);
            buf_str(out, "<url><loc>");
            html_text(out, page_url(req, &events.items[i].id));
            buf_printf(out, "</loc><lastmod>%s</lastmod></url>\n", at);
        }
        if (!events.more)
            break;
        page = (struct page){ .limit = 100, .after = true, .at = events.next_at, .id = events.next_id };
    }
    buf_str(out, "</urlset>\n");
    req->reply.cache_control = "public, max-age=3600, stale-while-revalidate=86400";
    reply_etag_of_body(req);
    return ERR_OK;
}

static enum err show_robots(struct req *req, struct tx *tx)
{
    struct buf *out = reply_begin(req, 200, "text/plain; charset=utf-8");

    buf_printf(out, "User-agent: *\nDisallow: /v1/\nDisallow: /sim/\nAllow: /v1/events/*/image\nSitemap: %s/sitemap.xml\n", req->app->public_url);
    req->reply.cache_control = "public, max-age=3600, stale-while-revalidate=86400";
    reply_etag_of_body(req);
    return ERR_OK;
}

const struct route event_page_routes[] = {
    { .method = "GET", .path = "/", .kind = READ, .handler = show_list_page, .cache = CACHE_BY_ALL },
    { .method = "GET", .path = "/e/{eventId}", .kind = READ, .handler = show_event_page, .cache = CACHE_BY_KEY, .key = event_key },
    { .method = "GET", .path = "/sitemap.xml", .kind = SCAN, .handler = show_sitemap },
    { .method = "GET", .path = "/robots.txt", .kind = READ, .handler = show_robots, .cache = CACHE_STATIC },
    ROUTE_END
};
