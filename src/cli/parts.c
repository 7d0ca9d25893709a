#include "cli/parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/cli.h"
#include "http/http.h"
#include "store/lanes.h"

/* ---- what the modules bring ---- */

static const struct route *const route_tables[] = {
    http_routes,
    NULL,
};

static const struct answer_schema *const schema_tables[] = {
    NULL,
};

static const struct job_kind *const job_tables[] = {
    NULL,
};

static const struct sweep *const sweep_tables[] = {
    NULL,
};

/* ---- the address that people use ---- */

/* The listen address as a URL. Nobody can go to a wildcard address, so that one becomes this machine's own. */
static char *url_of_address(const char *address)
{
    struct buf url = buf_heap();
    const char *port = strrchr(address, ':');

    if (!strncmp(address, "0.0.0.0:", 8) || !strncmp(address, "[::]:", 5))
        buf_printf(&url, "http://127.0.0.1%s", port);
    else
        buf_printf(&url, "http://%s", address);
    return url.data;
}

/* Take the kept address, or keep this one: tokens that were issued under it must hold after a restart on another port. */
static enum err keep_public_url(struct tx *tx, void *arg)
{
    char **url = arg;
    const char *kept = store_meta_get(tx, "public_url");

    if (!kept) {
        store_meta_set(tx, "public_url", *url);
        return ERR_OK;
    }
    free(*url);
    *url = strdup(kept);
    return *url ? ERR_OK : ERR_INTERNAL;
}

static bool find_public_url(struct app *app, struct buf *error)
{
    static const struct id any;
    struct arena *arena;
    char *url;
    enum err e;

    if (app->config->public_url) {
        app->public_url = strdup(app->config->public_url);
        return app->public_url != NULL;
    }
    url = url_of_address(http_address(app->http));
    arena = arena_new(0);
    e = store_write_wait(app->store, arena, NULL, &any, false, keep_public_url, &url);
    arena_free(arena);
    app->public_url = url;
    if (e)
        buf_str(error, "The public address could not be kept in the database; the log says more.");
    return e == ERR_OK;
}

/* ---- opening ---- */

static bool has_database(const char *dir)
{
    struct buf path = buf_heap();
    struct stat found;
    bool is;

    buf_printf(&path, "%s/usher.db", dir);
    is = stat(path.data, &found) == 0;
    buf_free(&path);
    return is;
}

bool store_of_folder(struct app *app, const struct config *config, bool make, struct buf *error)
{
    app->config = config;
    if (!make && !has_database(config->data)) {
        buf_printf(error, "There is no usher.db in %s; --data names the data folder.", config->data);
        return false;
    }
    if (make && !cli_make_folders(config->data, error))
        return false;
    app->store = store_open(app, config->data, error);
    if (app->store)
        store_start(app->store);
    return app->store != NULL;
}

void store_of_folder_close(struct app *app)
{
    store_stop(app->store);
    store_close(app->store);
    app->store = NULL;
}

/* Each step needs what the steps before it opened. The listening socket comes early, for the public address may be its address. */
bool parts_open(struct app *app, const struct config *config, struct buf *error)
{
    static const struct http_hooks hooks = { 0 };

    *app = (struct app){ 0 };
    if (!store_of_folder(app, config, true, error))
        return false;
    app->http = http_open(app, route_tables, schema_tables, &hooks, error);
    if (!app->http || !find_public_url(app, error))
        goto fault;
    app->lanes = lanes_start(app, job_tables, sweep_tables);
    return true;
fault:
    parts_close(app);
    return false;
}

void parts_close(struct app *app)
{
    if (app->lanes)
        lanes_stop(app->lanes);
    if (app->http)
        http_close(app->http);
    store_of_folder_close(app);
    free((void *)(uintptr_t)app->public_url);
    *app = (struct app){ 0 };
}
