/* What stands on a ticket's page, and having that page in the object store. */
#include "tickets/tickets_inside.h"

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/log.h"
#include "base/money.h"
#include "base/zone.h"
#include "objects/objects.h"
#include "tickets/render_wire.h"

/* Raised with each change of the page's design, so that no ticket keeps the old one. */
#define DESIGN "1"

/* ---- texts ---- */

char *order_reference(struct arena *arena, const struct id *registration)
{
    const uint8_t *b = registration->byte + 10;

    return arena_printf(arena, "%02X%02X%02X%02X%02X", b[0], b[1], b[2], b[3], b[4]);
}

static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" };

static bool same_day(const struct civil *a, const struct civil *b)
{
    return a->year == b->year && a->month == b->month && a->day == b->day;
}

static const struct zone *zone_of(const struct event *event)
{
    const struct zone *zone = zone_find(event->timezone);

    return zone ? zone : zone_find("UTC");
}

/* "CET"; zones without letters of their own have "+07", which says nothing without "UTC". */
static const char *zone_letters(struct arena *arena, const struct zone *zone, int64_t at_ms)
{
    const char *letters = "UTC";

    if (zone)
        zone_offset(zone, at_ms, &letters);
    return *letters == '+' || *letters == '-' ? arena_printf(arena, "UTC%s", letters) : letters;
}

static struct civil civil_of(const struct zone *zone, int64_t at_ms)
{
    return zone ? zone_civil(zone, at_ms) : clock_civil(at_ms);
}

char *when_text(struct arena *arena, const struct event *event)
{
    const struct zone *zone = zone_of(event);
    struct civil from = civil_of(zone, event->starts_at_ms), to = civil_of(zone, event->ends_at_ms);
    const char *letters = zone_letters(arena, zone, event->starts_at_ms);

    /* A night that ends after midnight is still one evening. */
    if (same_day(&from, &to) || event->ends_at_ms - event->starts_at_ms < 12 * 3600 * 1000)
        return arena_printf(arena, "%s %d %s %d, %02d:%02d–%02d:%02d %s", weekdays[from.weekday], from.day, months[from.month - 1], from.year, from.hour,
                            from.minute, to.hour, to.minute, letters);
    return arena_printf(arena, "%.3s %d %.3s %d, %02d:%02d – %.3s %d %.3s %d, %02d:%02d %s", weekdays[from.weekday], from.day, months[from.month - 1],
                        from.year, from.hour, from.minute, weekdays[to.weekday], to.day, months[to.month - 1], to.year, to.hour, to.minute, letters);
}

static char *doors_text(struct arena *arena, const struct event *event)
{
    const struct zone *zone = zone_of(event);
    struct civil start = civil_of(zone, event->starts_at_ms), doors = civil_of(zone, event->admission_starts_at_ms);

    if (!event->admission_starts_at_ms)
        return NULL;
    if (same_day(&start, &doors))
        return arena_printf(arena, "%02d:%02d", doors.hour, doors.minute);
    return arena_printf(arena, "%.3s %d %.3s, %02d:%02d", weekdays[doors.weekday], doors.day, months[doors.month - 1], doors.hour, doors.minute);
}

char *day_text(struct arena *arena, const struct event *event, int64_t at_ms)
{
    struct civil day = civil_of(zone_of(event), at_ms);

    return arena_printf(arena, "%d %s %d", day.day, months[day.month - 1], day.year);
}

char *venue_text(struct arena *arena, const struct event *event)
{
    struct buf out = buf_in(arena);

    if (event->venue_name)
        buf_printf(&out, "%s\n", event->venue_name);
    if (event->venue_address)
        buf_printf(&out, "%s\n", event->venue_address);
    if (event->venue_city || event->venue_country)
        buf_printf(&out, "%s%s%s\n", event->venue_city ? event->venue_city : "", event->venue_city && event->venue_country ? ", " : "",
                   event->venue_country ? event->venue_country : "");
    if (event->online)
        buf_str(&out, "Online\n");
    if (!out.len)
        return NULL;
    out.data[--out.len] = '\0';
    return out.data;
}

char *price_text(struct arena *arena, const char *currency, int64_t amount)
{
    return amount ? money_text(arena, currency, amount) : arena_strdup(arena, "Free");
}

static const char *type_name(const struct event *event, unsigned n)
{
    for (size_t i = 0; i < event->type_count; i++) {
        if (event->types[i].n == n)
            return event->types[i].name;
    }
    return NULL;
}

/* `space` holds the token and must outlive `out`. */
static void page_of(struct app *app, struct arena *arena, const struct ticket *ticket, char space[TICKET_TOKEN_LEN + 1], struct render_ticket *out)
{
    const struct registration *reg = &ticket->registration;

    *out = (struct render_ticket){
        .event_title = ticket->event.title,
        .when_line = when_text(arena, &ticket->event),
        .doors_line = doors_text(arena, &ticket->event),
        .venue_lines = venue_text(arena, &ticket->event),
        .ticket_type = type_name(&ticket->event, ticket->row.type),
        .attendee = ticket->attendee_name,
        .order_line = arena_printf(arena, "%s-%u", order_reference(arena, &reg->id), ticket->row.n),
        .price_line = price_text(arena, reg->currency, registration_ticket_price(reg, ticket->row.n).total),
        .organizer = ticket->organizer_name,
        .token = ticket_token_of(app, ticket, space),
        .dated_ms = reg->confirmed_at_ms ? reg->confirmed_at_ms : reg->created_at_ms,
    };
}

/* ---- the PDF ---- */

char *ticket_pdf_folder(struct arena *arena, const struct id *event)
{
    char text[ID_TEXT_LEN + 1];

    id_format(event, text);
    return arena_printf(arena, "tickets/%s", text);
}

char *ticket_pdf_key(struct app *app, struct arena *arena, const struct ticket *ticket)
{
    char id[ID_TEXT_LEN + 1], token[TICKET_TOKEN_LEN + 1];
    struct buf request = buf_in(arena), key = buf_in(arena);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct render_ticket page;

    page_of(app, arena, ticket, token, &page);
    buf_str(&request, DESIGN);
    render_write_request(&request, &page);
    SHA256((const unsigned char *)request.data, request.len, digest);
    id_format(&ticket->id, id);
    buf_printf(&key, "%s/%s-", ticket_pdf_folder(arena, &ticket->event.id), id);
    buf_hex(&key, digest, 8);
    buf_str(&key, ".pdf");
    return key.data;
}

static _Atomic uint64_t *drawn_slot(struct app *app, const char *key, uint64_t *hash)
{
    *hash = 14695981039346656037u; /* FNV-1a, 64 bits: two keys of one hash are not met in practice */
    for (; *key; key++)
        *hash = (*hash ^ (unsigned char)*key) * 1099511628211u;
    return &app->tickets->drawn[*hash % DRAWN_SLOTS];
}

bool ticket_pdf_known(struct app *app, const char *key)
{
    uint64_t hash;
    _Atomic uint64_t *slot = drawn_slot(app, key, &hash);

    return atomic_load_explicit(slot, memory_order_relaxed) == hash;
}

static void remember_drawn(struct app *app, const char *key)
{
    uint64_t hash;
    _Atomic uint64_t *slot = drawn_slot(app, key, &hash);

    atomic_store_explicit(slot, hash, memory_order_relaxed);
}

void ticket_pdf_forget(struct app *app, const char *key)
{
    uint64_t hash;
    _Atomic uint64_t *slot = drawn_slot(app, key, &hash);

    atomic_compare_exchange_strong_explicit(slot, &hash, 0, memory_order_relaxed, memory_order_relaxed);
}

enum err ticket_pdf_ready(struct app *app, struct arena *arena, const struct ticket *ticket, const char **key)
{
    char token[TICKET_TOKEN_LEN + 1];
    struct render_ticket page;
    struct arena_mark mark;
    struct bytes pdf;
    enum err e;

    *key = ticket_pdf_key(app, arena, ticket);
    mark = arena_mark(arena); /* a big order must not hold all of its PDFs in memory */
    e = ERR_OK;
    if (!objects_exists(app->objects, *key)) {
        page_of(app, arena, ticket, token, &page);
        e = render_pdf(app->tickets->render, arena, &page, &pdf);
        if (!e)
            e = objects_put(app->objects, *key, pdf.data, pdf.len);
    }
    if (!e)
        remember_drawn(app, *key);
    arena_rewind(arena, mark);
    return e;
}

char *ticket_pdf_name(struct arena *arena, const struct ticket *ticket)
{
    return arena_printf(arena, "ticket-%s-%u.pdf", order_reference(arena, &ticket->registration.id), ticket->row.n);
}

char *ticket_pdf_url(struct app *app, struct arena *arena, const struct ticket *ticket, const char *key, int seconds, int64_t now_ms)
{
    return objects_presign(app->objects, arena, key, ticket_pdf_name(arena, ticket), "application/pdf", seconds, now_ms);
}
