/*
 * One ticket as one A6 page.
 *
 * Runs in the render child only (and in tests): cairo and pango keep their
 * fonts in statics here, so one thread at a time. The page depends on nothing
 * but the request: no clock, no locale, no fonts but Noto's, so the same ticket
 * is the same bytes in any process.
 *
 * Text is hostile until drawn: controls and direction overrides are dropped,
 * what no font can show is dropped (an emoji becomes nothing, not a box), each
 * text shrinks into its box, is cut with an ellipsis at the smallest size, and
 * is clipped to the box, so that stacked marks cannot paint over the code.
 */
#include "tickets/render.h"

#include <math.h>
#include <string.h>

#include <cairo-pdf.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <qrencode.h>
#include <utf8proc.h>

#include "base/clock.h"

#define MM (72.0 / 25.4)
#define PAGE_W (105 * MM)
#define PAGE_H (148 * MM)
#define MARGIN 20.0
#define BAND_H 114.0
#define TEAR_Y 246.0
#define CODE_SIDE (45 * MM)
#define CODE_Y (TEAR_Y + 13)
#define TEXT_CODEPOINTS_MAX 400
#define LINES_MAX 6

/* Debian's fonts-noto-core and fonts-noto-cjk, with fonts-droid-fallback where the latter is left out. Everything else that is installed is
 * refused, or a font that a desktop brings would change tickets. The caches are only read: without them 300 files are scanned at the start. */
static const char fonts_xml[] =
    "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig>"
    "<dir>/usr/share/fonts/truetype/noto</dir><dir>/usr/share/fonts/opentype/noto</dir><dir>/usr/share/fonts/truetype/droid</dir>"
    "<cachedir>/var/cache/fontconfig</cachedir>"
    "<selectfont><rejectfont><glob>*</glob></rejectfont><acceptfont>"
    "<glob>/usr/share/fonts/truetype/noto/NotoSans*-Regular.ttf</glob><glob>/usr/share/fonts/truetype/noto/NotoSans*-Bold.ttf</glob>"
    "<glob>/usr/share/fonts/opentype/noto/NotoSansCJK-*.ttc</glob><glob>/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf</glob>"
    "</acceptfont></selectfont></fontconfig>";

/* The order decides which font shows a character that several have. */
#define FAMILIES                                                                                                                              \
    "Noto Sans, Noto Sans Arabic, Noto Sans Hebrew, Noto Sans Devanagari, Noto Sans Thai, Noto Sans Bengali, Noto Sans Tamil, "               \
    "Noto Sans Telugu, Noto Sans Gujarati, Noto Sans Gurmukhi, Noto Sans Kannada, Noto Sans Malayalam, Noto Sans Sinhala, Noto Sans Khmer, "  \
    "Noto Sans Lao, Noto Sans Myanmar, Noto Sans Georgian, Noto Sans Armenian, Noto Sans Ethiopic"

struct colour {
    double r, g, b;
};
#define RGB(hex) { ((hex) >> 16 & 255) / 255.0, ((hex) >> 8 & 255) / 255.0, ((hex) & 255) / 255.0 }

/* An event keeps one of these: chosen by its title. White text has a contrast of at least 4.5 on each. */
static const struct palette {
    struct colour dark, bright, accent;
} palettes[] = {
    { RGB(0x14123d), RGB(0x46309c), RGB(0xffc247) }, { RGB(0x052d38), RGB(0x0b6f70), RGB(0xffd166) }, { RGB(0x38092b), RGB(0x9c1f4c), RGB(0xffb48a) },
    { RGB(0x0d2c1c), RGB(0x2a7047), RGB(0xe9f27a) }, { RGB(0x0a1b3c), RGB(0x1d58b3), RGB(0x8fe4ff) }, { RGB(0x2b0f3a), RGB(0xb03f35), RGB(0xffdca8) },
};

#define WHITE RGB(0xffffff)
#define INK RGB(0x14161f)
#define GREY RGB(0x5b6475)
static const struct colour hair = RGB(0xc3c8d4);

/* Set at the first drawing, kept until the process ends. One thread. */
static PangoFontMap *font_map;
static FcCharSet *known_chars;

struct page {
    cairo_t *cr;
    struct arena *arena;
    const struct palette *palette;
    uint32_t seed;
};

/* ---- fonts ---- */

static bool fonts_open(void)
{
    FcConfig *config;
    FcFontSet *fonts;
    FcCharSet *all;

    if (font_map)
        return true;
    config = FcConfigCreate();
    if (!config || !FcConfigParseAndLoadFromMemory(config, (const FcChar8 *)fonts_xml, FcTrue) || !FcConfigBuildFonts(config))
        return false;
    fonts = FcConfigGetFonts(config, FcSetSystem);
    if (!fonts || fonts->nfont == 0)
        return false;
    all = FcCharSetCreate();
    for (int i = 0; i < fonts->nfont; i++) {
        FcCharSet *one;

        if (FcPatternGetCharSet(fonts->fonts[i], FC_CHARSET, 0, &one) == FcResultMatch)
            FcCharSetMerge(all, one, NULL);
    }
    known_chars = all;
    font_map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(font_map), config);
    FcConfigDestroy(config);
    return true;
}

void render_draw_end(void)
{
    if (!font_map)
        return;
    FcCharSetDestroy(known_chars);
    pango_fc_font_map_shutdown(PANGO_FC_FONT_MAP(font_map));
    g_object_unref(font_map);
    font_map = NULL;
    cairo_debug_reset_static_data();
}

/* ---- text ---- */

static bool shown(utf8proc_int32_t c)
{
    /* Overrides and isolates of direction could make a line read otherwise than it was written. */
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
        return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_CF:
        return c == 0x200c || c == 0x200d || c == 0x200e || c == 0x200f; /* joiners and marks that scripts need */
    case UTF8PROC_CATEGORY_ZS:
        return true;
    default:
        return FcCharSetHasChar(known_chars, (FcChar32)c);
    }
}

/* Only what can be shown, at most TEXT_CODEPOINTS_MAX of it; a newline stays where `lines`, else it is a space. Trimmed. */
static char *clean(struct arena *arena, const char *text, bool lines)
{
    struct buf out = buf_in(arena);
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(text);
    int count = 0;

    buf_reserve(&out, 1);
    while (left > 0 && count < TEXT_CODEPOINTS_MAX) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate(at, left, &c);
        bool blank;

        if (n <= 0)
            break;
        blank = c == '\n' || c == '\t' || c == ' ';
        if (blank) {
            if (out.len && out.data[out.len - 1] != ' ' && out.data[out.len - 1] != '\n')
                buf_char(&out, c == '\n' && lines ? '\n' : ' ');
        } else if (shown(c)) {
            buf_add(&out, at, (size_t)n);
        }
        count++;
        at += n;
        left -= n;
    }
    while (out.len && (out.data[out.len - 1] == ' ' || out.data[out.len - 1] == '\n'))
        out.data[--out.len] = '\0';
    return out.data;
}

/* Han characters look different in Chinese, Japanese and Korean; kana or hangul beside them tell. */
static const char *han_family(const char *text, const char **language)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    utf8proc_int32_t c;
    utf8proc_ssize_t n;

    while (*at && (n = utf8proc_iterate(at, -1, &c)) > 0) {
        if (c >= 0x3040 && c <= 0x30ff) {
            *language = "ja";
            return "Noto Sans CJK JP";
        }
        if ((c >= 0xac00 && c <= 0xd7a3) || (c >= 0x1100 && c <= 0x11ff)) {
            *language = "ko";
            return "Noto Sans CJK KR";
        }
        at += n;
    }
    *language = "zh-cn";
    return "Noto Sans CJK SC";
}

struct style {
    double size, size_min; /* points */
    bool bold;
    int lines;             /* at most */
    struct colour colour;
    double spacing;        /* between letters, points */
    bool rather_one;       /* shrink to 70 % before a second line is begun */
    bool at_bottom;        /* stands on the lower edge of its box */
};

struct box {
    double x, y, w, h;     /* `y` is the top of the capitals of the first line */
};

static PangoLayout *layout_of(PangoContext *context, const char *text, const struct style *style, double size, double width)
{
    PangoLayout *layout = pango_layout_new(context);
    PangoAttrList *attrs = pango_attr_list_new();
    const char *language, *han = han_family(text, &language);
    char families[sizeof FAMILIES + 64];
    PangoFontDescription *font = pango_font_description_new();

    snprintf(families, sizeof families, FAMILIES ", %s, Droid Sans Fallback", han);
    pango_font_description_set_family(font, families);
    pango_font_description_set_weight(font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_attr_list_insert(attrs, pango_attr_language_new(pango_language_from_string(language)));
    if (style->spacing > 0)
        pango_attr_list_insert(attrs, pango_attr_letter_spacing_new((int)(style->spacing * PANGO_SCALE)));
    pango_layout_set_attributes(layout, attrs);
    pango_attr_list_unref(attrs);
    pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_text(layout, text, -1);
    return layout;
}

/* How a laid-out text stands in its box, in points. */
struct stand {
    double first, leading, height; /* baseline of the first line below the top; between baselines; in all */
    int lines;
};

/* Fonts of different scripts have very different ascents, so lines are placed by what is really inked, within reason. */
static struct stand stand_of(PangoLayout *layout, double size)
{
    struct stand out = { .first = 0.72 * size, .leading = 1.22 * size };
    double below = 0, above = 0;

    out.lines = pango_layout_get_line_count(layout);
    for (int i = 0; i < out.lines; i++) {
        PangoRectangle inked;
        double up, down;

        pango_layout_line_get_extents(pango_layout_get_line_readonly(layout, i), &inked, NULL);
        up = MIN((double)PANGO_ASCENT(inked) / PANGO_SCALE, 1.25 * size);
        down = MIN((double)PANGO_DESCENT(inked) / PANGO_SCALE, 0.6 * size);
        if (i == 0)
            out.first = MAX(out.first, up);
        else
            above = MAX(above, up);
        below = MAX(below, down);
    }
    if (out.lines > 1)
        out.leading = MAX(out.leading, above + below + 0.1 * size);
    out.height = out.first + (out.lines - 1) * out.leading + below;
    return out;
}

/* The last resort: the smallest size, and an ellipsis where the box ends. Pango counts lines by paragraph, so there must be one. */
static PangoLayout *layout_cut(struct page *page, PangoContext *context, const char *text, const struct style *style, struct box box, struct stand *stand)
{
    struct buf one = buf_in(page->arena);
    PangoLayout *layout;
    int fit;

    for (; *text; text++) {
        if (*text == '\n')
            buf_str(&one, ", ");
        else
            buf_char(&one, *text);
    }
    layout = layout_of(context, one.data, style, style->size_min, box.w);
    *stand = stand_of(layout, style->size_min);
    fit = MIN(style->lines, 1 + (int)MAX(0, (box.h - stand->first) / stand->leading));
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_height(layout, -fit);
    *stand = stand_of(layout, style->size_min);
    stand->lines = MIN(stand->lines, fit);
    return layout;
}

/* Draw `text` into the box as large as it fits. The height that it took. */
static double draw_text(struct page *page, const char *raw, const struct style *style, struct box box)
{
    const char *text = clean(page->arena, raw, style->lines > 1);
    PangoContext *context;
    cairo_font_options_t *options;
    PangoLayout *layout = NULL;
    struct stand stand = { 0 };
    double size;

    if (!*text)
        return 0;
    context = pango_font_map_create_context(font_map);
    options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(context, options);
    cairo_font_options_destroy(options);
    pango_cairo_context_set_resolution(context, 72); /* pango assumes 96 dots an inch and draws a third too large */
    pango_context_set_round_glyph_positions(context, FALSE);

    for (size = style->size; size >= style->size_min; size -= MAX(0.5, size * 0.06)) {
        int lines = style->rather_one && size >= style->size * 0.7 ? 1 : style->lines;

        layout = layout_of(context, text, style, size, box.w);
        stand = stand_of(layout, size);
        if (stand.lines <= lines && stand.height <= box.h)
            break;
        g_clear_object(&layout);
    }
    if (!layout) {
        size = style->size_min;
        layout = layout_cut(page, context, text, style, box, &stand);
    }
    if (style->at_bottom)
        box.y += MAX(0, box.h - stand.height);

    cairo_save(page->cr);
    cairo_rectangle(page->cr, box.x - 1, box.y - 0.3 * size, box.w + 2, box.h + 0.6 * size);
    cairo_clip(page->cr);
    cairo_set_source_rgb(page->cr, style->colour.r, style->colour.g, style->colour.b);
    for (int i = 0; i < stand.lines; i++) {
        cairo_move_to(page->cr, box.x, box.y + stand.first + i * stand.leading);
        pango_cairo_show_layout_line(page->cr, pango_layout_get_line_readonly(layout, i));
    }
    cairo_restore(page->cr);
    g_object_unref(layout);
    g_object_unref(context);
    return stand.height;
}

/* A small label and its value below. The y behind it. */
static double draw_field(struct page *page, const char *label, const char *value, const struct style *style, struct box box)
{
    static const struct style label_style = { 5.6, 5.6, true, 1, GREY, 0.7 };

    draw_text(page, label, &label_style, (struct box){ box.x, box.y, box.w, 8 });
    box.y += 9.5;
    box.h -= 9.5;
    return box.y + draw_text(page, value, style, box);
}

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

static cairo_status_t write_pdf(void *closure, const unsigned char *data, unsigned length)
{
    buf_add(closure, data, length);
    return CAIRO_STATUS_SUCCESS;
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
    char dated[CLOCK_TEXT_LEN + 1];
    cairo_surface_t *surface;
    bool drawn;

    if (!fonts_open())
        return ERR_INTERNAL;
    page.seed = title_hash(ticket->event_title);
    page.palette = &palettes[(page.seed >> 16) % COUNT(palettes)];
    clock_format(ticket->dated_ms - ticket->dated_ms % 1000, dated);
    strcpy(dated + 19, "Z"); /* cairo takes no fraction */
    surface = cairo_pdf_surface_create_for_stream(write_pdf, &pdf, PAGE_W, PAGE_H);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, clean(arena, ticket->event_title ? ticket->event_title : "Ticket", false));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_AUTHOR, clean(arena, ticket->organizer ? ticket->organizer : "Usher", false));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "Usher");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, dated);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_MOD_DATE, dated);
    page.cr = cairo_create(surface);
    drawn = draw_page(&page, ticket);
    cairo_show_page(page.cr);
    drawn &= cairo_status(page.cr) == CAIRO_STATUS_SUCCESS;
    cairo_destroy(page.cr);
    cairo_surface_finish(surface);
    drawn &= cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(surface);
    if (drawn)
        *out = (struct bytes){ arena_copy(arena, pdf.data, pdf.len), pdf.len };
    buf_free(&pdf);
    return drawn ? ERR_OK : ERR_INTERNAL;
}
