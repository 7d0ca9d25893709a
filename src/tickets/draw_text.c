/* Fonts and text for the pages that the render child draws; see draw.h. */
#include "tickets/draw.h"

#include <string.h>

#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <utf8proc.h>

#include "base/clock.h"

#define TEXT_CODEPOINTS_MAX 400

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

/* Set at the first drawing, kept until the process ends. One thread. */
static PangoFontMap *font_map;
static FcCharSet *known_chars;

/* ---- fonts ---- */

bool draw_fonts_open(void)
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

char *draw_clean(struct arena *arena, const char *text, bool lines)
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

double draw_text(struct page *page, const char *raw, const struct style *style, struct box box)
{
    const char *text = draw_clean(page->arena, raw, style->lines > 1);
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
    if (style->on_line)
        stand.first = 0.95 * size;
    if (style->at_bottom)
        box.y += MAX(0, box.h - stand.height);

    cairo_save(page->cr);
    cairo_rectangle(page->cr, box.x - 1, box.y - 0.3 * size, box.w + 2, box.h + 0.6 * size);
    cairo_clip(page->cr);
    cairo_set_source_rgb(page->cr, style->colour.r, style->colour.g, style->colour.b);
    for (int i = 0; i < stand.lines; i++) {
        PangoLayoutLine *line = pango_layout_get_line_readonly(layout, i);
        PangoRectangle logical = { .width = 0 };

        if (style->at_right)
            pango_layout_line_get_extents(line, NULL, &logical);
        cairo_move_to(page->cr, style->at_right ? box.x + box.w - (double)logical.width / PANGO_SCALE : box.x, box.y + stand.first + i * stand.leading);
        pango_cairo_show_layout_line(page->cr, line);
    }
    cairo_restore(page->cr);
    g_object_unref(layout);
    g_object_unref(context);
    return stand.height;
}

double draw_field(struct page *page, const char *label, const char *value, const struct style *style, struct box box)
{
    static const struct style label_style = { 5.6, 5.6, true, 1, GREY, 0.7 };

    draw_text(page, label, &label_style, (struct box){ box.x, box.y, box.w, 8 });
    box.y += 9.5;
    box.h -= 9.5;
    return box.y + draw_text(page, value, style, box);
}

/* ---- the file ---- */

static cairo_status_t write_pdf(void *closure, const unsigned char *data, unsigned length)
{
    buf_add(closure, data, length);
    return CAIRO_STATUS_SUCCESS;
}

cairo_surface_t *draw_pdf_open(struct arena *arena, struct buf *pdf, double width, double height, const char *title, const char *author, int64_t dated_ms)
{
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(write_pdf, pdf, width, height);
    char dated[CLOCK_TEXT_LEN + 1];

    clock_format(dated_ms - dated_ms % 1000, dated);
    strcpy(dated + 19, "Z"); /* cairo takes no fraction */
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, draw_clean(arena, title, false));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_AUTHOR, draw_clean(arena, author, false));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "Usher");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, dated);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_MOD_DATE, dated);
    return surface;
}

bool draw_pdf_close(struct page *page, cairo_surface_t *surface)
{
    bool drawn = cairo_status(page->cr) == CAIRO_STATUS_SUCCESS;

    cairo_destroy(page->cr);
    cairo_surface_finish(surface);
    drawn &= cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(surface);
    return drawn;
}
