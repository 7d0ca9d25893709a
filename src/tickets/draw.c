/*
 * One ticket as one A6 page.
 *
 * Runs in the render child only (and in tests): cairo and pango keep their
 * fonts in statics, so one thread at a time. The page depends on nothing but
 * the request: no clock, no locale, no fonts but Noto's, so the same ticket is
 * the same bytes in any process.
 */
#include "tickets/draw.h"

#include <math.h>
#include <string.h>

#include <glib.h>
#include <qrencode.h>

#define PAGE_W (105 * MM)
#define PAGE_H (148 * MM)
#define MARGIN 20.0
#define BAND_H 114.0
#define TEAR_Y 246.0
#define CODE_SIDE (45 * MM)
#define CODE_Y (TEAR_Y + 13)

/* An event keeps one of these: chosen by its title. White text has a contrast of at least 4.5 on each. */
static const struct palette {
    struct colour dark, bright, accent;
} palettes[] = {
    { RGB(0x14123d), RGB(0x46309c), RGB(0xffc247) }, { RGB(0x052d38), RGB(0x0b6f70), RGB(0xffd166) }, { RGB(0x38092b), RGB(0x9c1f4c), RGB(0xffb48a) },
    { RGB(0x0d2c1c), RGB(0x2a7047), RGB(0xe9f27a) }, { RGB(0x0a1b3c), RGB(0x1d58b3), RGB(0x8fe4ff) }, { RGB(0x2b0f3a), RGB(0xb03f35), RGB(0xffdca8) },
};

static const struct colour hair = HAIR;

/* ---- the parts of the page ---- */

static void colour(cairo_t *cr, struct colour c, double alpha)
{
    if (alpha >= 1)
        cairo_set_source_rgb(cr, c.r, c.g, c.b);
    else
        cairo_set_source_rgba(cr, c.r, c.g, c.b, alpha);
}

static double seeded(struct page *page, double low, double high)
{
    page->seed = page->seed * 1664525u + 1013904223u;
    return low + (high - low) * (page->seed >> 8) / (double)(1 << 24);
}

/* Light from the stage: rings around a point outside the band, which differs from event to event. */
static void draw_band(struct page *page)
{
    cairo_t *cr = page->cr;
    cairo_pattern_t *gradient = cairo_pattern_create_linear(0, 0, PAGE_W, BAND_H * 1.3);
    double x = seeded(page, 0.72, 0.98) * PAGE_W, y = seeded(page, -0.25, 0.2) * BAND_H, step = seeded(page, 13, 19);

    cairo_save(cr);
    cairo_rectangle(cr, 0, 0, PAGE_W, BAND_H);
    cairo_clip(cr);
    cairo_pattern_add_color_stop_rgb(gradient, 0, page->palette->dark.r, page->palette->dark.g, page->palette->dark.b);
    cairo_pattern_add_color_stop_rgb(gradient, 1, page->palette->bright.r, page->palette->bright.g, page->palette->bright.b);
    cairo_set_source(cr, gradient);
    cairo_paint(cr);
    cairo_pattern_destroy(gradient);
    for (int i = 1; i <= 9; i++) {
        cairo_new_path(cr);
        cairo_arc(cr, x, y, i * step, 0, 2 * G_PI);
        cairo_set_line_width(cr, 5.5 - i * 0.45);
        colour(cr, page->palette->accent, 0.20 - i * 0.017);
        cairo_stroke(cr);
    }
    cairo_restore(cr);
    colour(cr, page->palette->accent, 1);
    cairo_rectangle(cr, 0, BAND_H, PAGE_W, 3);
    cairo_fill(cr);
}

/* The line along which the lower part would be torn off, with a notch at each end. */
static void draw_tear(struct page *page)
{
    static const double dashes[] = { 3.2, 3.2 };
    cairo_t *cr = page->cr;

    cairo_set_line_width(cr, 0.8);
    cairo_set_dash(cr, dashes, 2, 0);
    colour(cr, hair, 1);
    cairo_move_to(cr, 12, TEAR_Y);
    cairo_line_to(cr, PAGE_W - 12, TEAR_Y);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
    for (int side = 0; side < 2; side++) {
        cairo_new_path(cr);
        cairo_arc(cr, side ? PAGE_W : 0, TEAR_Y, 6.5, 0, 2 * G_PI);
        colour(cr, hair, 1);
        cairo_fill(cr);
    }
}

/* Runs of dark modules, each grown downwards as far as it goes: few rectangles, and no hairlines where modules meet. */
static bool draw_code(struct page *page, const char *token, double x, double y, double side)
{
    QRcode *code = QRcode_encodeString(token, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    double module;
    int width;

    if (!code)
        return false;
    width = code->width;
    module = side / width;
    cairo_set_source_rgb(page->cr, 1, 1, 1);
    cairo_rectangle(page->cr, x - 4 * module, y - 4 * module, side + 8 * module, side + 8 * module);
    cairo_fill(page->cr);
    for (int row = 0; row < width; row++) {
        for (int col = 0; col < width; col++) {
            int end = col, bottom = row + 1;
            bool whole = true;

            while (end < width && code->data[row * width + end] & 1)
                end++;
            if (end == col)
                continue;
            while (whole && bottom < width) {
                for (int i = col; i < end; i++)
                    whole &= code->data[bottom * width + i] & 1;
                bottom += whole;
            }
            for (int r = row; r < bottom; r++)
                memset(code->data + r * width + col, 0, (size_t)(end - col));
            cairo_rectangle(page->cr, x + col * module, y + row * module, (end - col) * module, (bottom - row) * module);
            col = end - 1;
        }
    }
    cairo_set_source_rgb(page->cr, 0, 0, 0);
    cairo_fill(page->cr);
    QRcode_free(code);
    return true;
}

static bool draw_page(struct page *page, const struct render_ticket *ticket)
{
    static const struct style organizer = { 7.5, 6, false, 1, WHITE }, title = { 23, 10, true, 4, WHITE, .at_bottom = true };
    static const struct style name = { 19, 9, true, 2, INK, .rather_one = true }, value = { 9, 6.5, true, 2, INK };
    static const struct style venue = { 9, 6.5, true, 5, INK }, big = { 12, 8, true, 2, INK };
    static const struct style hint = { 7.2, 6, false, 3, GREY }, small = { 5.6, 4.5, false, 2, GREY };
    struct style when = { 9.5, 7, true, 1, page->palette->accent };
    double width = PAGE_W - 2 * MARGIN, half = 116, right_x = MARGIN + half + 14, right_w = width - half - 14;
    double y, beside_x = MARGIN + CODE_SIDE + 16, beside_w = PAGE_W - 14 - beside_x;

    draw_band(page);
    if (ticket->organizer)
        draw_text(page, ticket->organizer, &organizer, (struct box){ MARGIN, 15, width, 12 });
    draw_text(page, ticket->event_title ? ticket->event_title : "", &title, (struct box){ MARGIN, 28, width, 58 });
    if (ticket->when_line)
        draw_text(page, ticket->when_line, &when, (struct box){ MARGIN, BAND_H - 18, width, 13 });

    draw_field(page, "ADMIT ONE", ticket->attendee ? ticket->attendee : "Guest", &name, (struct box){ MARGIN, BAND_H + 16, width, 48 });
    y = BAND_H + 72;
    if (ticket->venue_lines)
        draw_field(page, "WHERE", ticket->venue_lines, &venue, (struct box){ MARGIN, y, half, 54 });
    if (ticket->ticket_type)
        y = draw_field(page, "TICKET", ticket->ticket_type, &value, (struct box){ right_x, y, right_w, 33 }) + 8;
    if (ticket->doors_line)
        draw_field(page, "DOORS", ticket->doors_line, &value, (struct box){ right_x, y, right_w, 24 });

    draw_tear(page);
    if (ticket->token && !draw_code(page, ticket->token, MARGIN, CODE_Y, CODE_SIDE))
        return false;
    y = CODE_Y + 2;
    y += draw_text(page, "Show this code at the door", &big, (struct box){ beside_x, y, beside_w, 32 }) + 6;
    y += draw_text(page, "On paper or on a screen with the brightness up.", &hint, (struct box){ beside_x, y, beside_w, 32 }) + 12;
    if (ticket->order_line)
        y = draw_field(page, "ORDER", ticket->order_line, &value, (struct box){ beside_x, y, beside_w, 22 }) + 8;
    if (ticket->price_line)
        draw_field(page, "PRICE", ticket->price_line, &value, (struct box){ beside_x, y, beside_w, 22 });
    draw_text(page, "This ticket admits one person, once: the first scan counts, copies are refused. Keep the code to yourself and do not post a picture of it.", &small,
              (struct box){ MARGIN, PAGE_H - 19.5, width, 15 });
    return true;
}

static uint32_t title_hash(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; text && *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

enum err render_draw(struct arena *arena, const struct render_ticket *ticket, struct bytes *out)
{
    struct buf pdf = buf_heap();
    struct page page = { .arena = arena };
    cairo_surface_t *surface;
    bool drawn;

    if (!draw_fonts_open())
        return ERR_INTERNAL;
    page.seed = title_hash(ticket->event_title);
    page.palette = &palettes[(page.seed >> 16) % COUNT(palettes)];
    surface = draw_pdf_open(arena, &pdf, PAGE_W, PAGE_H, ticket->event_title ? ticket->event_title : "Ticket",
                            ticket->organizer ? ticket->organizer : "Usher", ticket->dated_ms);
    page.cr = cairo_create(surface);
    drawn = draw_page(&page, ticket);
    cairo_show_page(page.cr);
    drawn &= draw_pdf_close(&page, surface);
    if (drawn)
        *out = (struct bytes){ arena_copy(arena, pdf.data, pdf.len), pdf.len };
    buf_free(&pdf);
    return drawn ? ERR_OK : ERR_INTERNAL;
}
