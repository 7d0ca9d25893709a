/*
 * Paid tickets need money at the provider, and so the whole way: sign in, order,
 * ask for an intent, confirm it with a test card at the simulator, whose webhook
 * then confirms the order. The thread shares nothing with the server but the wire.
 */
#include "cli/demo_sales.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "http/loopback.h"

#define SALES_MAX 16
#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define ANSWER_SECONDS 20L

struct demo_sales {
    /* Set by demo_sales_start, constant from then on. */
    struct arena *arena; /* of what was copied */
    const char *base, *password;
    struct demo_sale sale[SALES_MAX];
    size_t count;
    pthread_t thread;

    atomic_bool stopping; /* any thread */
};

/* ---- one request ---- */

struct shopper {
    struct demo_sales *sales;
    struct arena *arena;
    CURL *curl;
    struct buf answer;
};

static size_t take_answer(char *data, size_t size, size_t count, void *arg)
{
    struct shopper *shopper = arg;

    if (shopper->answer.len + count > ANSWER_BYTES_MAX)
        return 0;
    buf_add(&shopper->answer, data, size * count);
    return size * count;
}

/* curl asks about once a second; anything but 0 ends the transfer. */
static int is_over(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct shopper *shopper = arg;

    return atomic_load(&shopper->sales->stopping);
}

/* The answer's JSON when its status is 200 or 201, else NULL. `headers` is a NULL-terminated list; `body` NULL: a GET. */
static struct json_t *ask(struct shopper *shopper, const char *path, const char *const *headers, const struct buf *body)
{
    struct curl_slist *list = NULL;
    struct fault fault = { .arena = shopper->arena };
    struct json_t *json = NULL;
    long status = 0;
    CURLcode rc;

    for (; headers && *headers; headers++)
        list = curl_slist_append(list, *headers);
    buf_clear(&shopper->answer);
    curl_easy_reset(shopper->curl);
    curl_easy_setopt(shopper->curl, CURLOPT_URL, arena_printf(shopper->arena, "%s%s", shopper->sales->base, path));
    curl_easy_setopt(shopper->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(shopper->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(shopper->curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
    curl_easy_setopt(shopper->curl, CURLOPT_HTTPHEADER, list);
    if (body) {
        curl_easy_setopt(shopper->curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
        curl_easy_setopt(shopper->curl, CURLOPT_POSTFIELDS, body->data);
    }
    curl_easy_setopt(shopper->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(shopper->curl, CURLOPT_WRITEDATA, shopper);
    curl_easy_setopt(shopper->curl, CURLOPT_XFERINFOFUNCTION, is_over);
    curl_easy_setopt(shopper->curl, CURLOPT_XFERINFODATA, shopper);
    curl_easy_setopt(shopper->curl, CURLOPT_NOPROGRESS, 0L);
    rc = curl_easy_perform(shopper->curl);
    curl_easy_getinfo(shopper->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(list);
    if (rc == CURLE_OK && (status == 200 || status == 201) &&
        json_parse(shopper->arena, shopper->answer.data, shopper->answer.len, &json, &fault) == ERR_OK)
        return json;
    if (!atomic_load(&shopper->sales->stopping))
        log_warn("A visitor of the demo could not buy: %s answered %ld (%s).", path, status, curl_easy_strerror(rc));
    return NULL;
}

/* ---- one sale ---- */

/* "Authorization: Bearer ..." after signing in; NULL when that failed. */
static const char *sign_in(struct shopper *shopper, const char *email)
{
    static const char *const headers[] = { "Content-Type: application/x-amz-json-1.1",
                                           "X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth", NULL };
    struct buf body = buf_in(shopper->arena);
    struct json_t *answer = ask(shopper, "/config.json", NULL, NULL); /* where the web app finds it, too */
    const char *client = json_string_value(json_object_get(answer, "userPoolClientId")), *token;

    if (!client)
        return NULL;
    json_open(&body, NULL);
    json_str(&body, "AuthFlow", "USER_PASSWORD_AUTH");
    json_str(&body, "ClientId", client);
    json_open(&body, "AuthParameters");
    json_str(&body, "USERNAME", email);
    json_str(&body, "PASSWORD", shopper->sales->password);
    json_close(&body);
    json_close(&body);
    answer = ask(shopper, "/identity/", headers, &body);
    token = json_string_value(json_object_get(json_object_get(answer, "AuthenticationResult"), "IdToken"));
    return token ? arena_printf(shopper->arena, "Authorization: Bearer %s", token) : NULL;
}

/* The registration's id, as text. */
static const char *order(struct shopper *shopper, const char *token, const struct demo_sale *sale)
{
    const char *headers[] = { "Content-Type: application/json", token, NULL };
    struct buf body = buf_in(shopper->arena);
    struct id type = id_child(&sale->event, sale->type);
    struct json_t *answer;

    json_open(&body, NULL);
    json_id(&body, "eventId", &sale->event);
    json_open_array(&body, "items");
    json_open(&body, NULL);
    json_id(&body, "ticketTypeId", &type);
    json_int(&body, "quantity", sale->quantity);
    json_close(&body);
    json_close_array(&body);
    json_close(&body);
    answer = ask(shopper, "/v1/registrations", headers, &body);
    return json_string_value(json_object_get(answer, "registrationId"));
}

static bool pay(struct shopper *shopper, const char *token, const char *registration)
{
    const char *headers[] = { "Content-Type: application/json", token, NULL };
    struct buf body = buf_in(shopper->arena), form = buf_in(shopper->arena);
    struct json_t *intent;
    const char *id, *secret, *key;

    json_open(&body, NULL);
    json_str(&body, "registrationId", registration);
    json_close(&body);
    intent = ask(shopper, "/v1/create-payment-intent", headers, &body);
    id = json_string_value(json_object_get(intent, "paymentIntentId"));
    secret = json_string_value(json_object_get(intent, "clientSecret"));
    key = json_string_value(json_object_get(intent, "publishableKey"));
    if (!id || !secret || !key)
        return false;
    headers[0] = "Content-Type: application/x-www-form-urlencoded";
    headers[1] = arena_printf(shopper->arena, "Authorization: Bearer %s", key);
    buf_str(&form, "payment_method=pm_card_visa&client_secret=");
    buf_url(&form, secret, NULL);
    return ask(shopper, arena_printf(shopper->arena, "/sim/stripe/v1/payment_intents/%s/confirm", id), headers, &form) != NULL;
}

static void *buy(void *arg)
{
    struct demo_sales *sales = arg;
    struct shopper shopper = { .sales = sales, .arena = arena_new(0), .curl = curl_easy_init(), .answer = buf_heap() };

    for (size_t i = 0; shopper.curl && i < sales->count && !atomic_load(&sales->stopping); i++) {
        const char *token = sign_in(&shopper, sales->sale[i].email);
        const char *registration = token ? order(&shopper, token, &sales->sale[i]) : NULL;

        if (!registration || !pay(&shopper, token, registration))
            break;
        arena_reset(shopper.arena);
    }
    if (shopper.curl)
        curl_easy_cleanup(shopper.curl);
    buf_free(&shopper.answer);
    arena_free(shopper.arena);
    return NULL;
}

/* ---- from outside ---- */

struct demo_sales *demo_sales_start(const char *address, const char *password, const struct demo_sale *sale, size_t count)
{
    struct demo_sales *sales = calloc(1, sizeof *sales);

    if (!sales)
        abort();
    sales->arena = arena_new(0);
    sales->base = http_loopback_base(sales->arena, address, false);
    sales->password = arena_strdup(sales->arena, password);
    sales->count = MIN(count, (size_t)SALES_MAX);
    for (size_t i = 0; i < sales->count; i++) {
        sales->sale[i] = sale[i];
        sales->sale[i].email = arena_strdup(sales->arena, sale[i].email);
    }
    if (pthread_create(&sales->thread, NULL, buy, sales) == 0)
        return sales;
    arena_free(sales->arena);
    free(sales);
    return NULL;
}

void demo_sales_stop(struct demo_sales *sales)
{
    if (!sales)
        return;
    atomic_store(&sales->stopping, true);
    pthread_join(sales->thread, NULL);
    arena_free(sales->arena);
    free(sales);
}
