/* assets.h - the pages that the binary carries: files under web/static, made into a table by scripts/embed at build time. */
#ifndef USHER_HTTP_ASSETS_H
#define USHER_HTTP_ASSETS_H

#include "http/req.h"

struct asset {
    const char *path;                 /* "/", "/assets/page.css"; NULL ends the table */
    const char *type;
    const char *etag, *packed_etag;   /* with their quotes */
    struct bytes plain, packed;       /* packed: gzip, or no data where that would not be smaller */
};
extern const struct asset assets[];

/* A person's browser that asked for a page which is not there gets a page that says so. */
bool assets_wants_html(const struct req *req);
void assets_not_found(struct req *req);

extern const struct route asset_routes[]; /* "/" and "/assets/..." */

#endif
