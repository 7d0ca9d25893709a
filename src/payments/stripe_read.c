/* stripe_read.c - Stripe's objects, read by name and type. What is missing or of another type makes the whole object unusable. */
#include "payments/stripe.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "registrations/registration_money.h"

#define STRIPE_ID_MAX 255
/* Twelve digits is the most that Stripe takes of any currency. */
#define AMOUNT_MAX INT64_C(999999999999)
/* The year 3000: what lies behind it is no time. */
#define TIME_MAX INT64_C(32503680000)
#define WORD_MAX 100

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

/* As amount_of, with a sign. */
static bool signed_of(json_t *json, const char *name, int64_t *out)
{
    json_t *value = json_object_get(json, name);

    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= -AMOUNT_MAX && *out <= AMOUNT_MAX;
}

/* A time in seconds; 0 where there is none. */
static int64_t time_of(json_t *json, const char *name)
{
    int64_t at = json_integer_value(json_object_get(json, name));

    return at > 0 && at < TIME_MAX ? at : 0;
}

/* A balance transaction's id, be it expanded or not; NULL while there is none. */
static const char *balance_of(json_t *json)
{
    json_t *balance = json_object_get(json, "balance_transaction");
    const char *id = json_is_object(balance) ? text_of(balance, "id") : json_string_value(balance);

    return stripe_id_valid(id, "txn_") ? id : NULL;
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
    if (json_is_object(charge)) {
        if (!amount_of(charge, "amount_refunded", &out->refunded))
            return false;
        out->disputed = json_is_true(json_object_get(charge, "disputed"));
        out->balance = balance_of(charge);
        out->charged_s = time_of(charge, "created");
    }
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
                                   .failure = text_of(json, "failure_reason"),
                                   .balance = balance_of(json),
                                   .created_s = time_of(json, "created") };
    id_of(json_object_get(json, "metadata"), "refund_id", &out->ours);
    if (!is(json, "refund") || !status || !stripe_id_valid(out->intent, "pi_") || !amount_of(json, "amount", &out->amount) || out->amount == 0)
        return false;
    /* Refunds of cards are re_..., those that a bank carries out pyr_... */
    if (!stripe_id_valid(out->id, "re_") && !stripe_id_valid(out->id, "pyr_"))
        return false;
    if (out->failure && strlen(out->failure) > WORD_MAX)
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

bool stripe_read_balance(struct arena *arena, json_t *json, struct stripe_balance *out)
{
    json_t *source = json_object_get(json, "source"), *intent = json_object_get(source, "payment_intent");

    *out = (struct stripe_balance){ .id = text_of(json, "id"),
                                    .source = json_is_object(source) ? text_of(source, "id") : json_string_value(source),
                                    .intent = json_is_object(intent) ? text_of(intent, "id") : json_string_value(intent),
                                    .created_s = time_of(json, "created"),
                                    .available_s = time_of(json, "available_on") };
    if (!stripe_id_valid(out->intent, "pi_"))
        out->intent = NULL;
    if (out->source && strlen(out->source) > STRIPE_ID_MAX)
        out->source = NULL;
    return is(json, "balance_transaction") && stripe_id_valid(out->id, "txn_") && signed_of(json, "amount", &out->amount) &&
           signed_of(json, "fee", &out->fee) && currency_of(json, out->currency);
}

static bool dispute_status(const char *text, enum stripe_dispute_status *out)
{
    for (size_t i = 0; text && dispute_status_words[i]; i++)
        if (strcmp(text, dispute_status_words[i]) == 0) {
            *out = (enum stripe_dispute_status)i;
            return true;
        }
    return false;
}

bool stripe_read_dispute(struct arena *arena, json_t *json, struct stripe_dispute *out)
{
    json_t *balances = json_object_get(json, "balance_transactions"), *intent = json_object_get(json, "payment_intent");

    *out = (struct stripe_dispute){ .id = text_of(json, "id"),
                                    .intent = json_is_object(intent) ? text_of(intent, "id") : json_string_value(intent),
                                    .reason = text_of(json, "reason"),
                                    .livemode = json_is_true(json_object_get(json, "livemode")),
                                    .created_s = time_of(json, "created"),
                                    .evidence_due_s = time_of(json_object_get(json, "evidence_details"), "due_by") };
    if (out->reason && strlen(out->reason) > WORD_MAX)
        out->reason = NULL;
    out->balance_count = json_array_size(balances);
    if (out->balance_count > DISPUTE_BALANCES_MAX)
        return false;
    for (size_t i = 0; i < out->balance_count; i++)
        if (!stripe_read_balance(arena, json_array_get(balances, i), &out->balances[i]))
            return false;
    /* Disputes are du_... since 2022, dp_... before. */
    return is(json, "dispute") && (stripe_id_valid(out->id, "dp_") || stripe_id_valid(out->id, "du_")) && stripe_id_valid(out->intent, "pi_") &&
           json_is_boolean(json_object_get(json, "livemode")) && dispute_status(text_of(json, "status"), &out->status) &&
           amount_of(json, "amount", &out->amount) && out->amount > 0 && currency_of(json, out->currency);
}

bool stripe_read_event(struct arena *arena, json_t *json, struct stripe_event *out)
{
    json_t *object = json_object_get(json_object_get(json, "data"), "object");
    const char *intent = is(object, "payment_intent") ? text_of(object, "id") : text_of(object, "payment_intent");

    *out = (struct stripe_event){ .id = text_of(json, "id"),
                                  .type = text_of(json, "type"),
                                  .livemode = json_is_true(json_object_get(json, "livemode")),
                                  .intent = stripe_id_valid(intent, "pi_") ? intent : NULL };
    return is(json, "event") && stripe_id_valid(out->id, "evt_") && out->type && strlen(out->type) <= WORD_MAX &&
           amount_of(json, "created", &out->created_s) && json_is_object(object);
}

json_t *stripe_read_list(json_t *json, bool *has_more)
{
    json_t *items = json_object_get(json, "data");

    *has_more = json_is_true(json_object_get(json, "has_more"));
    return is(json, "list") && json_is_array(items) ? items : NULL;
}
