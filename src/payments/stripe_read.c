/* stripe_read.c - Stripe's objects, read by name and type. What is missing or of another type makes the whole object unusable. */
#include "payments/stripe.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define STRIPE_ID_MAX 255

bool stripe_id_valid(const char *text, const char *prefix)
{
    size_t len = text ? strlen(text) : 0;

    return len > strlen(prefix) && len <= STRIPE_ID_MAX && strncmp(text, prefix, strlen(prefix)) == 0 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

static const char *text_of(json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static bool is(json_t *json, const char *object)
{
    const char *text = text_of(json, "object");

    return json_is_object(json) && text && strcmp(text, object) == 0;
}

static bool amount_of(json_t *json, const char *name, int64_t *out)
{
    json_t *value = json_object_get(json, name);

    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 0;
}

/* Three lower-case letters, as our upper-case ones. */
static bool currency_of(json_t *json, char out[4])
{
    const char *text = text_of(json, "currency");

    if (!text || strlen(text) != 3)
        return false;
    for (int i = 0; i < 3; i++) {
        if (text[i] < 'a' || text[i] > 'z')
            return false;
        out[i] = (char)(text[i] - 'a' + 'A');
    }
    out[3] = '\0';
    return true;
}

static void id_of(json_t *metadata, const char *name, struct id *out)
{
    const char *text = text_of(metadata, name);

    if (!text || !id_parse(text, strlen(text), out))
        *out = (struct id){ 0 };
}

static bool intent_status(const char *text, enum stripe_intent_status *out)
{
    static const struct {
        const char *word;
        enum stripe_intent_status status;
    } words[] = {
        { "requires_payment_method", INTENT_PAYABLE }, { "requires_confirmation", INTENT_PAYABLE },
        { "requires_action", INTENT_ACTION },          { "processing", INTENT_PROCESSING },
        { "succeeded", INTENT_SUCCEEDED },             { "canceled", INTENT_CANCELLED },
    };

    /* requires_capture cannot come about: our intents are captured at once. */
    for (size_t i = 0; text && i < COUNT(words); i++)
        if (strcmp(text, words[i].word) == 0) {
            *out = words[i].status;
            return true;
        }
    return false;
}

bool stripe_read_intent(struct arena *arena, json_t *json, struct stripe_intent *out)
{
    json_t *metadata = json_object_get(json, "metadata"), *charge = json_object_get(json, "latest_charge");
    const char *attempt = text_of(metadata, "attempt");

    *out = (struct stripe_intent){ .refunded = -1 };
    out->id = text_of(json, "id");
    out->client_secret = text_of(json, "client_secret");
    out->livemode = json_is_true(json_object_get(json, "livemode"));
    id_of(metadata, "registration_id", &out->registration);
    if (attempt && strlen(attempt) <= 9 && strspn(attempt, "0123456789") == strlen(attempt))
        out->attempt = strtoll(attempt, NULL, 10);
    if (json_is_object(charge) && !amount_of(charge, "amount_refunded", &out->refunded))
        return false;
    if (json_is_null(charge))
        out->refunded = 0;
    return is(json, "payment_intent") && stripe_id_valid(out->id, "pi_") && json_is_boolean(json_object_get(json, "livemode")) &&
           intent_status(text_of(json, "status"), &out->status) && amount_of(json, "amount", &out->amount) &&
           amount_of(json, "amount_received", &out->received) && currency_of(json, out->currency) &&
           (!out->client_secret || strlen(out->client_secret) <= STRIPE_ID_MAX);
}

bool stripe_read_refund(struct arena *arena, json_t *json, struct stripe_refund *out)
{
    const char *status = text_of(json, "status");

    *out = (struct stripe_refund){ .id = text_of(json, "id"),
                                   .intent = text_of(json, "payment_intent"),
                                   .failure = text_of(json, "failure_reason") };
    id_of(json_object_get(json, "metadata"), "refund_id", &out->ours);
    if (!is(json, "refund") || !status || !stripe_id_valid(out->intent, "pi_") || !amount_of(json, "amount", &out->amount) || out->amount == 0)
        return false;
    /* Refunds of cards are re_..., those that a bank carries out pyr_... */
    if (!stripe_id_valid(out->id, "re_") && !stripe_id_valid(out->id, "pyr_"))
        return false;
    if (out->failure && strlen(out->failure) > 100)
        out->failure = NULL;
    if (strcmp(status, "succeeded") == 0)
        out->status = STRIPE_REFUND_SUCCEEDED;
    else if (strcmp(status, "failed") == 0 || strcmp(status, "canceled") == 0)
        out->status = STRIPE_REFUND_FAILED;
    else if (strcmp(status, "pending") == 0 || strcmp(status, "requires_action") == 0)
        out->status = STRIPE_REFUND_PENDING;
    else
        return false;
    return true;
}

bool stripe_read_event(struct arena *arena, json_t *json, struct stripe_event *out)
{
    json_t *object = json_object_get(json_object_get(json, "data"), "object");
    const char *intent = is(object, "payment_intent") ? text_of(object, "id") : text_of(object, "payment_intent");

    *out = (struct stripe_event){ .id = text_of(json, "id"),
                                  .type = text_of(json, "type"),
                                  .livemode = json_is_true(json_object_get(json, "livemode")),
                                  .intent = stripe_id_valid(intent, "pi_") ? intent : NULL };
    return is(json, "event") && stripe_id_valid(out->id, "evt_") && out->type && strlen(out->type) <= 100 &&
           amount_of(json, "created", &out->created_s) && json_is_object(object);
}

json_t *stripe_read_list(json_t *json, bool *has_more)
{
    json_t *items = json_object_get(json, "data");

    *has_more = json_is_true(json_object_get(json, "has_more"));
    return is(json, "list") && json_is_array(items) ? items : NULL;
}
