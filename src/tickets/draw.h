/*
 * draw.h - text on pages, for what the render child draws (draw.c: a ticket, draw_receipt.c: a receipt).
 *
 * Text is hostile until drawn: controls and direction overrides are dropped,
 * what no font can show is dropped (an emoji becomes nothing, not a box), each
 * text shrinks into its box, is cut with an ellipsis at the smallest size, and
 * is clipped to the box, so that stacked marks cannot paint over what counts.
 */
#ifndef USHER_TICKETS_DRAW_H
#define USHER_TICKETS_DRAW_H

#include <cairo-pdf.h>

#include "base/buf.h"
#include "tickets/render.h"

#define MM (72.0 / 25.4)

struct colour {
    double r, g, b;
};
#define RGB(hex) { ((hex) >> 16 & 255) / 255.0, ((hex) >> 8 & 255) / 255.0, ((hex) & 255) / 255.0 }

#define WHITE RGB(0xffffff)
#define INK RGB(0x14161f)
#define GREY RGB(0x5b6475)
#define HAIR RGB(0xc3c8d4)

struct palette;
struct page {
    cairo_t *cr;
    struct arena *arena;
    const struct palette *palette;
    uint32_t seed;
};

struct style {
    double size, size_min; /* points */
    bool bold;
    int lines;             /* at most */
    struct colour colour;
    double spacing;        /* between letters, points */
    bool rather_one;       /* shrink to 70 % before a second line is begun */
    bool at_bottom;        /* stands on the lower edge of its box */
    bool at_right;         /* lines end at its right edge: amounts */
    bool on_line;          /* the first baseline is where it is for every text of this size, so that a row stands on one line */
};

struct box {
    double x, y, w, h;     /* `y` is the top of the capitals of the first line */
};

/* The fonts, once in a process; false when none is installed. */
bool draw_fonts_open(void);
/* Only what can be shown, at most 400 code points of it; a newline stays where `lines`, else it is a space. Trimmed. */
char *draw_clean(struct arena *arena, const char *text, bool lines);
/* Draw `text` into the box as large as it fits. The height that it took. */
double draw_text(struct page *page, const char *text, const struct style *style, struct box box);
/* A small label and its value below. The y behind it. */
double draw_field(struct page *page, const char *label, const char *value, const struct style *style, struct box box);

/* A PDF that depends on nothing but its arguments, written to `pdf`. After its pages it is closed; false when cairo failed. */
cairo_surface_t *draw_pdf_open(struct arena *arena, struct buf *pdf, double width, double height, const char *title, const char *author, int64_t dated_ms);
bool draw_pdf_close(struct page *page, cairo_surface_t *surface);

#endif
