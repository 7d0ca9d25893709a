/*
 * sim_page.c - the page where a card holder of 3-D Secure says yes or no.
 *
 * Plain HTML without script, and its style in a file, so that the server's
 * Content-Security-Policy stands as it is. The way back leads to the shop's
 * return_url with payment_intent, payment_intent_client_secret and
 * redirect_status, as Stripe's does. A form may only lead to our own origin
 * (form-action 'self', which browsers hold redirects to as well), so another
 * origin is reached by a refresh and a link.
 */
#include <string.h>

#include "base/clock.h"
#include "sim/sim_inside.h"

static void add_html(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            buf_str(out, "&lt;");
        else if (*text == '>')
            buf_str(out, "&gt;");
        else if (*text == '&')
            buf_str(out, "&amp;");
        else if (*text == '"')
            buf_str(out, "&quot;");
        else
            buf_char(out, *text);
    }
}

/* Everything up to the heading. `refresh` may be NULL: stay here. */
static struct buf *page_begin(struct req *req, int status, const char *refresh, const char *heading)
{
    struct buf *out = reply_begin(req, status, "text/html; charset=utf-8");

    req->reply.cache_control = "no-store";
    buf_str(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
                 "<title>3-D Secure (simulated)</title>");
    if (refresh) {
        buf_str(out, "<meta http-equiv=\"refresh\" content=\"0;url=");
        add_html(out, refresh);
        buf_str(out, "\">");
    }
    buf_printf(out, "<link rel=\"stylesheet\" href=\"/sim/stripe/3ds.css\"><main><h1>%s</h1>", heading);
    return out;
}

static void page_end(struct buf *out)
{
    buf_str(out, "<p>This is the Stripe simulator. No money moves.</p></main></html>\n");
}

enum err sim_page_style(struct req *req)
{
    static const char style[] = "body{margin:0;font:1.1rem/1.5 system-ui,sans-serif;color:#1a1f36;background:#f6f8fa}"
                                "main{max-width:26rem;margin:8vh auto;padding:1.5rem;background:#fff;border:1px solid #d5dbe1;border-radius:.5rem}"
                                "h1{font-size:1.4rem;margin-top:0}button{font:inherit;margin-right:.5rem;min-height:3rem;padding:0 1.5rem}";

    if (!req->app->sim)
        return ERR_NOT_FOUND;
    buf_str(reply_begin(req, 200, "text/css; charset=utf-8"), style);
    req->reply.cache_control = "public, max-age=300";
    return ERR_OK;
}

/* ---- the way back ---- */

static bool may_return_to(const char *url)
{
    return url && (sim_begins(url, "http://") || sim_begins(url, "https://")) && !strpbrk(url, "\r\n\"<> ");
}

static const char *redirect_status(json_t *intent)
{
    const char *status = sim_text(intent, "status");

    if (strcmp(status, "succeeded") == 0 || strcmp(status, "requires_capture") == 0)
        return "succeeded";
    return strcmp(status, "processing") == 0 ? "pending" : "failed";
}

/* NULL: the shop named no way back. */
static char *way_back(struct arena *arena, json_t *intent, const char *return_url)
{
    size_t len = return_url ? strcspn(return_url, "#") : 0;

    if (!may_return_to(return_url))
        return NULL;
    return arena_printf(arena, "%.*s%spayment_intent=%s&payment_intent_client_secret=%s&redirect_status=%s%s", (int)len, return_url,
                        memchr(return_url, '?', len) ? "&" : "?", sim_text(intent, "id"), sim_text(intent, "client_secret"), redirect_status(intent),
                        return_url + len);
}

static bool is_ours(const char *url, const char *public_url)
{
    size_t len = public_url ? strlen(public_url) : 0;

    return len && strncmp(url, public_url, len) == 0 && (!url[len] || strchr("/?#", url[len]));
}

/* Back to the shop: by a redirect behind a form where that may be, else by a page that leads on. */
static void send_back(struct req *req, json_t *intent, const char *return_url)
{
    char *to = way_back(req->arena, intent, return_url);
    struct buf *out;

    if (to && strcmp(req->method, "POST") == 0 && is_ours(to, req->app->public_url)) {
        out = page_begin(req, 303, NULL, "Done");
        req->reply.location = to;
    } else {
        out = page_begin(req, 200, to, "Done");
    }
    if (to) {
        buf_str(out, "<p><a href=\"");
        add_html(out, to);
        buf_str(out, "\">Back to the shop</a></p>");
    } else {
        buf_str(out, "<p>You may go back.</p>");
    }
    page_end(out);
}

/* ---- yes or no ---- */

/* The intent, by its id in the path and its secret in the query; NULL: there is none. The lock is held. */
static json_t *intent_of(struct req *req, struct sim_call *call, const char **return_url)
{
    struct sim_form query;
    const char *secret;
    json_t *intent;

    if (!sim_form_read(req->arena, req->query_text, strlen(req->query_text), &query))
        return NULL;
    secret = sim_form_get(&query, "client_secret");
    intent = sim_object(call->sim, req->arena, "payment_intent", req->rest, return_url);
    return intent && secret && sim_same(secret, sim_text(intent, "client_secret")) ? intent : NULL;
}

static struct sim_call call_of(struct req *req)
{
    return (struct sim_call){ .sim = req->app->sim, .arena = req->arena, .method = req->method, .path = req->rest,
                              .request_id = sim_new_id(req->arena, "req_"), .now_s = clock_now_ms() / 1000 };
}

enum err sim_page_show(struct req *req)
{
    struct sim_call call = call_of(req);
    const char *return_url = NULL;
    json_t *intent;
    struct buf *out;

    if (!call.sim)
        return ERR_NOT_FOUND;
    pthread_mutex_lock(&call.sim->lock);
    intent = intent_of(req, &call, &return_url);
    pthread_mutex_unlock(&call.sim->lock);
    if (!intent)
        return ERR_NOT_FOUND;
    if (!sim_is(intent, "status", "requires_action")) {
        send_back(req, intent, return_url);
        return ERR_OK;
    }
    out = page_begin(req, 200, NULL, "Your bank asks: is this you?");
    buf_printf(out, "<p>A payment of %s", sim_money_text(req->arena, sim_text(intent, "currency"), sim_number(intent, "amount")));
    if (sim_text(intent, "description")) {
        buf_str(out, ", for ");
        add_html(out, sim_text(intent, "description"));
    }
    /* The form goes back to the address that it came from, which holds the intent and its secret. */
    buf_str(out, ".</p><form method=\"post\"><button name=\"outcome\" value=\"pass\">Yes, pay</button> <button name=\"outcome\" value=\"fail\">No</button></form>");
    page_end(out);
    return ERR_OK;
}

/* What the holder said, as `serve` of a call whose form it is. */
static bool authenticate(struct sim_call *call)
{
    const char *outcome = sim_form_get(&call->form, "outcome");
    json_t *intent = sim_object(call->sim, call->arena, "payment_intent", call->path, NULL);

    /* A second click finds it done, and is led back as the first was. */
    if (intent && sim_is(intent, "status", "requires_action"))
        return sim_authenticated(call, intent, outcome && strcmp(outcome, "pass") == 0);
    return true;
}

enum err sim_page_take(struct req *req)
{
    struct sim_call call = call_of(req);
    const char *return_url = NULL;
    json_t *intent;

    if (!call.sim)
        return ERR_NOT_FOUND;
    if (!sim_form_read(req->arena, req->body_bytes.len ? req->body_bytes.data : "", req->body_bytes.len, &call.form))
        return ERR_BAD_REQUEST;
    pthread_mutex_lock(&call.sim->lock);
    intent = intent_of(req, &call, &return_url);
    pthread_mutex_unlock(&call.sim->lock);
    if (!intent)
        return ERR_NOT_FOUND;
    sim_carry_out(&call, authenticate);
    pthread_mutex_lock(&call.sim->lock);
    intent = intent_of(req, &call, &return_url);
    pthread_mutex_unlock(&call.sim->lock);
    json_decref(call.answer);
    if (!intent)
        return ERR_NOT_FOUND; /* emptied meanwhile */
    send_back(req, intent, return_url);
    return ERR_OK;
}
