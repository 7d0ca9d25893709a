/*
 * assets.h - the web app that the binary carries: the files of web/dist, made into a table by scripts/embed at build time.
 *
 * Files whose name holds a hash of their content are cached for ever; all else
 * is asked for anew each time, for a page of an older version names files that
 * are gone. Compressed forms were made at build time, so nothing is compressed here.
 *
 * Every page of the app is the same HTML with three places that the server
 * fills: what stands in the head, text for those without JavaScript, and what
 * the app would else have to ask for first.
 */
#ifndef USHER_HTTP_ASSETS_H
#define USHER_HTTP_ASSETS_H

#include "http/req.h"

enum asset_form { ASSET_PLAIN, ASSET_BROTLI, ASSET_GZIP, ASSET_FORM_COUNT };

struct asset {
    const char *path;                       /* "/index.html", "/assets/index-Bq1x7a2c.js" */
    const char *type;
    const char *etag[ASSET_FORM_COUNT];     /* with their quotes */
    bool hashed;                            /* the name changes with the content */
    struct bytes form[ASSET_FORM_COUNT];    /* no data where that would not be smaller */
};
extern const struct asset assets[];         /* by path */
extern const size_t asset_count;

/* Pages are built so that http need not know what they are about: HTML in `head` and `body`, escaped by html_text, and in `boot` an open JSON object
 * that has the server's settings already; add members by json_str and its like. */
struct html_page {
    int status;
    struct buf head, body, boot;
};
struct html_page html_begin(struct req *req, int status);
/* Text as HTML text or as a quoted attribute. NULL is "". */
void html_text(struct buf *out, const char *text);
/* JSON as it may stand inside <script>: what HTML or old JavaScript would read as its own is written as \uXXXX. */
void html_json(struct buf *out, const char *json, size_t len);
/* Answer with the app's HTML around these parts. ERR_OK, for `return`. */
enum err html_reply(struct req *req, struct html_page *page);

/* A person's browser that asked for a page which is not there gets the app, which says so, with 404. */
bool assets_wants_html(const struct req *req);
void assets_not_found(struct req *req);

extern const struct route asset_routes[]; /* the app's files, and its pages that need no data */

#endif
