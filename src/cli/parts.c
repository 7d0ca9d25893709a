#include "cli/parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/cli.h"
#include "events/discount.h"
#include "events/event.h"
#include "events/event_page.h"
#include "events/staff.h"
#include "gate/device.h"
#include "gate/gate.h"
#include "http/assets.h"
#include "http/http.h"
#include "identity/identity.h"
#include "mail/mail.h"
#include "objects/objects.h"
#include "payments/payment.h"
#include "registrations/registration.h"
#include "sim/sim.h"
#include "store/lanes.h"
#include "tickets/receipt.h"
#include "tickets/ticket.h"

/* ---- what the modules bring ---- */

/* The simulator's come first, so that a server with a real Stripe key begins one further on. */
static const struct route *const route_tables[] = {
    sim_routes,    http_routes,   asset_routes,   identity_routes, event_routes, discount_routes, registration_routes,
    object_routes, ticket_routes, payment_routes, finance_routes, gate_routes,     me_routes,    staff_routes,    device_routes,
    event_page_routes, receipt_routes, NULL,
};

static const struct answer_schema *const schema_tables[] = {
    event_schemas, discount_schemas, registration_schemas, ticket_schemas, payment_schemas, finance_schemas, gate_schemas, me_schemas, staff_schemas, device_schemas, receipt_schemas,
    NULL,
};

static const struct job_kind *const job_tables[] = {
    identity_jobs, event_jobs, mail_jobs, ticket_jobs, receipt_jobs, payment_jobs, NULL,
};

static const struct sweep *const sweep_tables[] = {
    sim_sweeps, store_sweeps, http_sweeps, identity_sweeps, event_sweeps, staff_sweeps, registration_sweeps, ticket_sweeps, payment_sweeps, NULL,
};

/* Names go out of the rows (registrations) before the PDFs that bear them (tickets). */
const struct person_part *const person_tables[] = {
    identity_people, event_people, registration_people, ticket_people, payment_people, gate_people, mail_people, http_people, NULL,
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

/* Until a Stripe key is set, Stripe is ours: the same wire, across HTTP to ourselves. */
static bool open_simulator(struct app *app, struct buf *error)
{
    struct sim_settings settings = { .secret_key = payments_secret_key(app->payments),
                                     .publishable_key = payments_publishable_key(app->payments),
                                     .webhook_secret = payments_webhook_secret(app->payments),
                                     .mischief = app->config->sim_mischief };

    app->sim = sim_open(app, app->config->data, &settings, error);
    return app->sim != NULL;
}

/* What /config.json tells the web app beyond the addresses. */
static void write_web_config(struct app *app, struct buf *out)
{
    identity_web_config(app->identity, out);
    json_str(out, "paymentProvider", payments_provider(app->payments));
    json_str(out, "publishableKey", payments_publishable_key(app->payments));
}

static bool stripe_pages(const struct app *app)
{
    return app->config && !payments_simulated(app->config);
}

static struct http *listen_at(struct app *app, bool simulated, struct buf *error)
{
    static const struct http_hooks hooks = {
        .authenticate = gate_authenticate, .still_valid = gate_still_valid, .web_config = write_web_config,
        .stripe_pages = stripe_pages,
    };
    struct buf why = buf_heap();
    struct http *http = http_open(app, route_tables + !simulated, schema_tables, &hooks, &why);

    if (!http)
        buf_printf(error, "%s: %s", app->config->listen, why.data);
    buf_free(&why);
    return http;
}

bool parts_settings_good(const struct config *config, struct buf *error)
{
    return identity_settings_good(config, error) && payments_settings_good(config, error) && sim_mischief_good(config->sim_mischief, error);
}

/* Each step needs what the steps before it opened. The listening socket comes early, for the public address may be its address;
 * connections wait in its backlog until http_run. */
bool parts_open(struct app *app, const struct config *config, struct buf *error)
{
    const char *dir = config->data;
    bool simulated = payments_simulated(config);

    *app = (struct app){ .people = person_tables };
    if (!store_of_folder(app, config, true, error))
        return false;
    if ((app->http = listen_at(app, simulated, error)) && find_public_url(app, error) &&
        (app->identity = identity_open(app, dir, error)) && (app->mail = mail_open(app, dir, error)) &&
        (app->objects = objects_open(app, dir, error)) && (app->tickets = tickets_open(app, dir, error)) &&
        (app->payments = payments_open(app, dir, error)) && (!simulated || open_simulator(app, error))) {
        lanes_start(app, job_tables, sweep_tables + !simulated);
        return true;
    }
    parts_close(app);
    return false;
}

/* The lanes first: their threads use everything. */
void parts_close(struct app *app)
{
    if (app->payments)
        payments_stop(app->payments);
    sim_stop(app->sim);
    if (app->lanes)
        lanes_stop(app->lanes);
    if (app->sim)
        sim_close(app->sim);
    if (app->payments)
        payments_close(app->payments);
    if (app->tickets)
        tickets_close(app->tickets);
    if (app->objects)
        objects_close(app->objects);
    if (app->mail)
        mail_close(app->mail);
    if (app->identity)
        identity_close(app->identity);
    if (app->http)
        http_close(app->http);
    store_of_folder_close(app);
    free((void *)(uintptr_t)app->public_url);
    *app = (struct app){ 0 };
}
