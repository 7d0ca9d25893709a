#include "http/assets.h"

#include <string.h>

static const struct asset *asset_find(const char *path)
{
    for (const struct asset *asset = assets; asset->path; asset++)
        if (strcmp(asset->path, path) == 0)
            return asset;
    return NULL;
}

/* RFC 9110, 12.5.3, as far as browsers go: gzip is named and not refused by a zero weight. */
static bool takes_gzip(const struct req *req)
{
    const char *accept = req_header(req, "Accept-Encoding");
    const char *gzip = accept ? strstr(accept, "gzip") : NULL;

    return gzip && strncmp(gzip, "gzip;q=0", 8) != 0;
}

static enum err show_asset(struct req *req, struct tx *tx)
{
    const struct asset *asset = asset_find(req->path);
    bool packed;

    if (!asset)
        return fault_set(&req->fault, ERR_NOT_FOUND, "There is no such page.");
    packed = asset->packed.data && takes_gzip(req);
    const struct bytes *bytes = packed ? &asset->packed : &asset->plain;
    buf_add(reply_begin(req, 200, asset->type), bytes->data, bytes->len);
    req->reply.etag = packed ? asset->packed_etag : asset->etag;
    reply_header(req, "Vary", "Accept-Encoding");
    if (packed)
        reply_header(req, "Content-Encoding", "gzip");
    return ERR_OK;
}

bool assets_wants_html(const struct req *req)
{
    const char *accept = req_header(req, "Accept");

    return accept && strstr(accept, "text/html");
}

void assets_not_found(struct req *req)
{
    static const char page[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<title>Not found &middot; Usher</title><link rel=\"stylesheet\" href=\"/assets/page.css\"></head><body><main class=\"wide\">"
        "<h1>There is no such page</h1><p class=\"note\">The address may be mistyped, or the page is gone. "
        "<a href=\"/\">Upcoming events</a></p></main></body></html>\n";

    buf_add(reply_begin(req, 404, "text/html; charset=utf-8"), page, sizeof page - 1);
}

const struct route asset_routes[] = {
    { "GET", "/", READ, show_asset, .raw = true, .cache = CACHE_STATIC },
    { "GET", "/assets/{file...}", READ, show_asset, .raw = true, .cache = CACHE_STATIC },
    ROUTE_END
};
