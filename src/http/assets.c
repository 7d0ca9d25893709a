/* assets.c - see assets.h. */
#include "http/assets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/inner.h"

static int by_path(const void *path, const void *asset)
{
    return strcmp(path, ((const struct asset *)asset)->path);
}

static const struct asset *asset_find(const char *path)
{
    return bsearch(path, assets, asset_count, sizeof *assets, by_path);
}

/* RFC 9110, 12.5.3: is this coding named, and not by a zero weight? */
static bool takes_coding(const struct req *req, const char *coding)
{
    const char *at = req_header(req, "Accept-Encoding");
    size_t len = strlen(coding);

    for (; at && *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        if (strncasecmp(at, coding, len) != 0)
            continue;
        const char *weight = at + len + strspn(at + len, " \t");
        if (*weight == ',' || !*weight)
            return true;
        if (*weight == ';')
            return strcspn(weight, "123456789") < strcspn(weight, ",");
    }
    return false;
}

static enum asset_form form_for(const struct req *req, const struct asset *asset)
{
    if (asset->form[ASSET_BROTLI].data && takes_coding(req, "br"))
        return ASSET_BROTLI;
    if (asset->form[ASSET_GZIP].data && takes_coding(req, "gzip"))
        return ASSET_GZIP;
    return ASSET_PLAIN;
}

static enum err show_asset(struct req *req, struct tx *tx)
{
    static const char *const codings[ASSET_FORM_COUNT] = { NULL, "br", "gzip" };
    const struct asset *asset = asset_find(req->path);

    if (!asset)
        return fault_set(&req->fault, ERR_NOT_FOUND, "There is no such file.");
    enum asset_form form = form_for(req, asset);
    buf_add(reply_begin(req, 200, asset->type), asset->form[form].data, asset->form[form].len);
    req->reply.etag = asset->etag[form];
    req->reply.cache_control = asset->hashed ? "public, max-age=31536000, immutable" : "public, no-cache";
    reply_header(req, "Vary", "Accept-Encoding");
    if (codings[form])
        reply_header(req, "Content-Encoding", codings[form]);
    return ERR_OK;
}

/* ---- pages ---- */

struct html_page html_begin(struct req *req, int status)
{
    struct html_page page = { .status = status, .head = buf_in(req->arena), .body = buf_in(req->arena), .boot = buf_in(req->arena) };

    json_open(&page.boot, NULL);
    http_config_json(req, &page.boot, "config");
    return page;
}

void html_text(struct buf *out, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '&': buf_str(out, "&amp;"); break;
        case '<': buf_str(out, "&lt;"); break;
        case '>': buf_str(out, "&gt;"); break;
        case '"': buf_str(out, "&quot;"); break;
        case '\'': buf_str(out, "&#39;"); break;
        default: buf_char(out, *text);
        }
    }
}

void html_json(struct buf *out, const char *json, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (json[i]) {
        case '<': buf_str(out, "\\u003c"); break;
        case '>': buf_str(out, "\\u003e"); break;
        case '&': buf_str(out, "\\u0026"); break;
        default:
            /* U+2028 and U+2029 end a line in JavaScript before ES2019. */
            if (len - i >= 3 && !memcmp(json + i, "\xe2\x80", 2) && (json[i + 2] == '\xa8' || json[i + 2] == '\xa9')) {
                buf_str(out, json[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
                i += 2;
            } else {
                buf_char(out, json[i]);
            }
        }
    }
}

/* Copy the template up to a mark and step over it. The marks are in every build (web/scripts/compress.mjs looks), so this cannot run out. */
static const char *copy_to(struct buf *out, const char *at, const char *end, const char *mark)
{
    const char *found = memmem(at, (size_t)(end - at), mark, strlen(mark));

    assert(found);
    if (out)
        buf_add(out, at, (size_t)(found - at));
    return found + strlen(mark);
}

enum err html_reply(struct req *req, struct html_page *page)
{
    const struct asset *shell = asset_find("/index.html");
    struct buf *out = reply_begin(req, page->status, "text/html; charset=utf-8");

    assert(shell);
    const char *at = (const char *)shell->form[ASSET_PLAIN].data, *end = at + shell->form[ASSET_PLAIN].len;
    buf_reserve(out, shell->form[ASSET_PLAIN].len + page->head.len + page->body.len + 2 * page->boot.len + 1024);
    at = copy_to(out, at, end, "<!--head-->");
    if (page->head.len) {
        buf_add(out, page->head.data, page->head.len);
        at = copy_to(NULL, at, end, "<!--/head-->");
    } else {
        at = copy_to(out, at, end, "<!--/head-->");
    }
    at = copy_to(out, at, end, "<!--body-->");
    buf_str(out, "<main>");
    buf_add(out, page->body.data, page->body.len);
    buf_str(out, "</main>");
    at = copy_to(out, at, end, "<!--boot-->");
    json_close(&page->boot);
    buf_str(out, "<script type=\"application/json\" id=\"boot\">");
    html_json(out, page->boot.data, page->boot.len);
    buf_str(out, "</script>");
    buf_add(out, at, (size_t)(end - at));
    if (page->status == 200)
        reply_etag_of_body(req);
    return ERR_OK;
}

/* A page that is about nobody's data, or only about what its visitor may see: the app asks for it with the visitor's token. */
static enum err show_page(struct req *req, struct tx *tx)
{
    struct html_page page = html_begin(req, 200);

    buf_str(&page.head, "<title>Usher</title><meta name=\"robots\" content=\"noindex\">");
    req->reply.cache_control = "public, no-cache";
    return html_reply(req, &page);
}

bool assets_wants_html(const struct req *req)
{
    const char *accept = req_header(req, "Accept");

    return accept && strstr(accept, "text/html");
}

void assets_not_found(struct req *req)
{
    struct html_page page = html_begin(req, 404);

    buf_str(&page.head, "<title>Not found &middot; Usher</title><meta name=\"robots\" content=\"noindex\">");
    buf_str(&page.body, "<div class=\"plain\"><h1>There is no such page</h1><p>The address may be mistyped, or the page is gone. "
                         "<a href=\"/\">Upcoming events</a></p></div>");
    html_reply(req, &page);
}

#define FILE_ROUTE(path_) { "GET", path_, READ, show_asset, .raw = true, .cache = CACHE_STATIC }
#define PAGE_ROUTE(path_) { "GET", path_, READ, show_page, .raw = true, .cache = CACHE_STATIC }

const struct route asset_routes[] = {
    FILE_ROUTE("/assets/{file...}"),
    FILE_ROUTE("/icon.svg"),
    FILE_ROUTE("/theme.js"),
    FILE_ROUTE("/problem.css"),
    FILE_ROUTE("/offline-worker.js"),
    FILE_ROUTE("/tickets-worker.js"),
    FILE_ROUTE("/scan.webmanifest"),
    /* Each needs its line in web/src/routes.tsx; what is not listed is a real 404. "/" and "/e/{eventId}" are events'. */
    PAGE_ROUTE("/checkout/{page...}"),
    PAGE_ROUTE("/tickets"),
    PAGE_ROUTE("/tickets/{page...}"),
    PAGE_ROUTE("/auth/{page...}"),
    PAGE_ROUTE("/invitations/{page...}"),
    PAGE_ROUTE("/account"),
    PAGE_ROUTE("/account/{page...}"),
    PAGE_ROUTE("/manage"),
    PAGE_ROUTE("/manage/{page...}"),
    PAGE_ROUTE("/scan"),
    PAGE_ROUTE("/scan/{page...}"),
    ROUTE_END
};
