/*
 * A receipt or a credit note on A4, from the JSON that is kept with its number (receipt.h). Goes on over as many pages as its lines need.
 */
#include "tickets/draw.h"

#include <jansson.h>
#include <string.h>

#include "base/json.h"

#define PAGE_W (210 * MM)
#define PAGE_H (297 * MM)
#define MARGIN 56.0
#define WIDTH (PAGE_W - 2 * MARGIN)
#define BOTTOM (PAGE_H - 72)
/* Right edges of the columns. */
#define COUNT_RIGHT (MARGIN + WIDTH - 190)
#define UNIT_RIGHT (MARGIN + WIDTH - 95)
#define AMOUNT_RIGHT (MARGIN + WIDTH)

struct sheet {
    struct page page;
    json_t *doc;
    double y;
    int number;              /* of the page */
};

static const struct style heading = { 22, 14, true, 1, INK }, body = { 9.5, 7, false, 1, INK, .on_line = true }, strong = { 10.5, 8, true, 1, INK, .on_line = true };
static const struct style small = { 7.5, 6, false, 2, GREY, .on_line = true }, right = { 9.5, 6.5, false, 1, INK, .at_right = true, .on_line = true };
static const struct style strong_right = { 10.5, 7, true, 1, INK, .at_right = true, .on_line = true }, small_right = { 7.5, 6, false, 1, GREY, .at_right = true, .on_line = true };
static const struct style label = { 6.5, 6.5, true, 1, GREY, 0.7 }, label_right = { 6.5, 6.5, true, 1, GREY, 0.7, .at_right = true };
static const struct style item = { 9.5, 7, false, 2, INK, .on_line = true }, block = { 9.5, 7, false, 6, INK };

static const char *text_of(const struct sheet *sheet, const char *name)
{
    const char *text = json_string_value(json_object_get(sheet->doc, name));

    return text ? text : "";
}

static void rule(struct sheet *sheet, double from, double width)
{
    static const struct colour hair = HAIR;
    cairo_t *cr = sheet->page.cr;

    cairo_set_source_rgb(cr, hair.r, hair.g, hair.b);
    cairo_set_line_width(cr, width);
    cairo_move_to(cr, from, sheet->y);
    cairo_line_to(cr, AMOUNT_RIGHT, sheet->y);
    cairo_stroke(cr);
}

static void at_right(struct sheet *sheet, const char *text, const struct style *style, double edge, double width)
{
    draw_text(&sheet->page, text, style, (struct box){ edge - width, sheet->y, width, 14 });
}

static void columns(struct sheet *sheet)
{
    draw_text(&sheet->page, "WHAT", &label, (struct box){ MARGIN, sheet->y, 200, 8 });
    at_right(sheet, "NUMBER", &label_right, COUNT_RIGHT, 60);
    at_right(sheet, "EACH", &label_right, UNIT_RIGHT, 90);
    at_right(sheet, "AMOUNT", &label_right, AMOUNT_RIGHT, 90);
    sheet->y += 13;
    rule(sheet, MARGIN, 0.8);
    sheet->y += 9;
}

static void foot(struct sheet *sheet)
{
    struct page *page = &sheet->page;
    double y = sheet->y;

    sheet->y = PAGE_H - 46;
    draw_text(page, text_of(sheet, "foot"), &small, (struct box){ MARGIN, sheet->y, WIDTH - 80, 18 });
    at_right(sheet, arena_printf(page->arena, "Page %d", sheet->number), &small_right, AMOUNT_RIGHT, 70);
    sheet->y = y;
}

/* Room for `height` more, on this page or the next. */
static void need(struct sheet *sheet, double height, bool in_table)
{
    if (sheet->y + height <= BOTTOM)
        return;
    foot(sheet);
    cairo_show_page(sheet->page.cr);
    sheet->number++;
    sheet->y = MARGIN;
    draw_text(&sheet->page, arena_printf(sheet->page.arena, "%s %s", text_of(sheet, "title"), text_of(sheet, "number")), &strong,
              (struct box){ MARGIN, sheet->y, WIDTH, 14 });
    sheet->y += 28;
    if (in_table)
        columns(sheet);
}

static void head(struct sheet *sheet)
{
    struct page *page = &sheet->page;
    double half = WIDTH / 2 - 12, left_x = MARGIN, right_x = MARGIN + WIDTH / 2 + 12, y;

    sheet->y = MARGIN;
    draw_text(page, text_of(sheet, "title"), &heading, (struct box){ MARGIN, sheet->y, half, 26 });
    at_right(sheet, text_of(sheet, "number"), &strong_right, AMOUNT_RIGHT, half);
    sheet->y += 17;
    at_right(sheet, text_of(sheet, "date"), &right, AMOUNT_RIGHT, half);
    sheet->y += 38;
    y = sheet->y;
    draw_field(page, "SELLER", text_of(sheet, "seller"), &block, (struct box){ left_x, y, half, 88 });
    draw_field(page, "BUYER", text_of(sheet, "buyer"), &block, (struct box){ right_x, y, half, 88 });
    y += 100;
    draw_field(page, "EVENT", text_of(sheet, "event"), &block, (struct box){ left_x, y, half, 76 });
    draw_field(page, "PAYMENT", text_of(sheet, "payment"), &block, (struct box){ right_x, y, half, 76 });
    sheet->y = y + 96;
}

/* [what, number, each, amount] a line. */
static void lines(struct sheet *sheet)
{
    json_t *line;
    size_t i;

    columns(sheet);
    json_array_foreach(json_object_get(sheet->doc, "lines"), i, line) {
        const char *cell[4];
        double height;

        for (size_t k = 0; k < COUNT(cell); k++) {
            const char *text = json_string_value(json_array_get(line, k));

            cell[k] = text ? text : "";
        }
        need(sheet, 32, true);
        height = draw_text(&sheet->page, cell[0], &item, (struct box){ MARGIN, sheet->y, COUNT_RIGHT - 60 - MARGIN, 28 });
        at_right(sheet, cell[1], &right, COUNT_RIGHT, 60);
        at_right(sheet, cell[2], &right, UNIT_RIGHT, 90);
        at_right(sheet, cell[3], &right, AMOUNT_RIGHT, 90);
        sheet->y += MAX(height, 9) + 9;
    }
    rule(sheet, MARGIN, 0.8);
    sheet->y += 10;
}

/* [label, amount], then "total", then the taxes that are in it. */
static void sums(struct sheet *sheet)
{
    json_t *sum;
    size_t i;
    double from = UNIT_RIGHT - 160;

    json_array_foreach(json_object_get(sheet->doc, "sums"), i, sum) {
        const char *name = json_string_value(json_array_get(sum, 0)), *amount = json_string_value(json_array_get(sum, 1));

        need(sheet, 18, false);
        draw_text(&sheet->page, name ? name : "", &body, (struct box){ from, sheet->y, UNIT_RIGHT - from, 12 });
        at_right(sheet, amount ? amount : "", &right, AMOUNT_RIGHT, 90);
        sheet->y += 18;
    }
    need(sheet, 40, false);
    if (i) {
        rule(sheet, from, 0.8);
        sheet->y += 9;
    }
    draw_text(&sheet->page, text_of(sheet, "totalLabel"), &strong, (struct box){ from, sheet->y, UNIT_RIGHT - from, 13 });
    at_right(sheet, text_of(sheet, "total"), &strong_right, AMOUNT_RIGHT, 120);
    sheet->y += 24;
    json_array_foreach(json_object_get(sheet->doc, "taxLines"), i, sum) {
        const char *name = json_string_value(json_array_get(sum, 0)), *amount = json_string_value(json_array_get(sum, 1));

        need(sheet, 14, false);
        draw_text(&sheet->page, name ? name : "", &small, (struct box){ from, sheet->y, UNIT_RIGHT - from, 12 });
        at_right(sheet, amount ? amount : "", &small_right, AMOUNT_RIGHT, 90);
        sheet->y += 14;
    }
}

enum err render_draw_receipt(struct arena *arena, const char *text, size_t len, struct bytes *out)
{
    struct sheet sheet = { .page = { .arena = arena }, .number = 1 };
    struct fault fault = { .arena = arena };
    struct buf pdf = buf_heap();
    cairo_surface_t *surface;
    bool drawn;

    if (!draw_fonts_open() || json_parse(arena, text, len, &sheet.doc, &fault))
        return ERR_INTERNAL;
    surface = draw_pdf_open(arena, &pdf, PAGE_W, PAGE_H, arena_printf(arena, "%s %s", text_of(&sheet, "title"), text_of(&sheet, "number")),
                            text_of(&sheet, "author"), json_integer_value(json_object_get(sheet.doc, "dated")));
    sheet.page.cr = cairo_create(surface);
    head(&sheet);
    lines(&sheet);
    sums(&sheet);
    foot(&sheet);
    cairo_show_page(sheet.page.cr);
    drawn = draw_pdf_close(&sheet.page, surface);
    if (drawn)
        *out = (struct bytes){ arena_copy(arena, pdf.data, pdf.len), pdf.len };
    buf_free(&pdf);
    return drawn ? ERR_OK : ERR_INTERNAL;
}
