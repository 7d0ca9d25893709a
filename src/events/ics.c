/* ics.c - see ics.h. */
#include "events/ics.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* A content line is at most 75 octets without its break; a longer one goes on behind CRLF and a space (3.1), never inside a character. */
static void line(struct buf *out, const char *name, const char *value)
{
    size_t column = strlen(name) + 1;

    buf_str(out, name);
    buf_char(out, ':');
    for (const char *p = value; *p;) {
        size_t len = 1;

        while ((p[len] & 0xc0) == 0x80)
            len++;
        if (column + len > 75) {
            buf_str(out, "\r\n ");
            column = 1;
        }
        buf_add(out, p, len);
        column += len;
        p += len;
    }
    buf_str(out, "\r\n");
}

/* TEXT (3.3.11). Other control characters were refused on their way in. */
static void text_line(struct buf *out, const char *name, const char *text)
{
    struct buf escaped = buf_heap();

    if (!text || !*text)
        return;
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || *p == ';' || *p == ',')
            buf_char(&escaped, '\\');
        if (*p == '\n')
            buf_str(&escaped, "\\n");
        else
            buf_char(&escaped, *p);
    }
    line(out, name, escaped.data);
    buf_free(&escaped);
}

static void time_line(struct buf *out, const char *name, int64_t at_ms)
{
    struct civil at = clock_civil(at_ms);
    char text[40];

    snprintf(text, sizeof text, "%04d%02d%02dT%02d%02d%02dZ", at.year, at.month, at.day, at.hour, at.minute, at.second);
    line(out, name, text);
}

static void location_line(struct buf *out, const struct event *event)
{
    const char *part[] = { event->venue_name, event->venue_address, event->venue_city, event->venue_country };
    struct buf joined = buf_heap();

    for (size_t i = 0; i < COUNT(part); i++) {
        if (!part[i])
            continue;
        if (joined.len)
            buf_str(&joined, ", ");
        buf_str(&joined, part[i]);
    }
    if (!joined.len && event->online)
        buf_str(&joined, "Online");
    if (joined.len)
        text_line(out, "LOCATION", joined.data);
    buf_free(&joined);
}

void ics_event(struct buf *out, const struct app *app, const struct event *event)
{
    static const char *const status[] = {
        [EVENT_DRAFT] = "TENTATIVE", [EVENT_PUBLISHED] = "CONFIRMED", [EVENT_CANCELLED] = "CANCELLED", [EVENT_ENDED] = "CONFIRMED"
    };
    const char *site = app->public_url ? app->public_url : "";
    const char *host = strstr(site, "://");
    char id[ID_TEXT_LEN + 1], text[512];

    id_format(&event->id, id);
    buf_str(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Usher//Usher " USHER_VERSION "//EN\r\nCALSCALE:GREGORIAN\r\n");
    line(out, "METHOD", event->status == EVENT_CANCELLED ? "CANCEL" : "PUBLISH");
    buf_str(out, "BEGIN:VEVENT\r\n");
    snprintf(text, sizeof text, "%s@%.200s", id, host ? host + 3 : "usher");
    line(out, "UID", text);
    snprintf(text, sizeof text, "%" PRId64, event->version);
    line(out, "SEQUENCE", text);
    time_line(out, "DTSTAMP", event->updated_at_ms);
    time_line(out, "CREATED", event->created_at_ms);
    time_line(out, "LAST-MODIFIED", event->updated_at_ms);
    time_line(out, "DTSTART", event->starts_at_ms);
    time_line(out, "DTEND", event->ends_at_ms);
    line(out, "STATUS", status[event->status]);
    text_line(out, "SUMMARY", event->title);
    text_line(out, "DESCRIPTION", event->description);
    text_line(out, "CATEGORIES", event->category);
    location_line(out, event);
    snprintf(text, sizeof text, "%.400s/e/%s", site, id);
    line(out, "URL", text);
    buf_str(out, "END:VEVENT\r\nEND:VCALENDAR\r\n");
}
