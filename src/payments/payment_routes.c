#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "payments/payment_rows.h"
#include "payments/webhook.h"

SQL(provider_event_insert_sql, "INSERT INTO provider_event (id, at) VALUES (:id, :now) ON CONFLICT (id) DO NOTHING");

/* ---- POST /v1/create-payment-intent ---- */

struct intent_new {
    struct given given;
    struct id registration;
};
static const struct field intent_new_fields[] = { FIELD(intent_new, "registrationId", registration, FIELD_ID, REQUIRED, 0, 0), FIELD_END };
static const struct shape intent_new_shape = SHAPE(intent_new, "PaymentIntentNew", intent_new_fields);

struct paying {
    struct payment payment;
    struct id event;
};

static enum err key_of_body_registration(struct req *req, struct tx *tx, struct id *out)
{
    const struct intent_new *in = req->body;
    struct registration reg;

    if (!registration_find(tx, &in->registration, &reg))
        return fail(tx, ERR_NOT_FOUND, "There is no such registration.");
    *out = reg.event;
    return ERR_OK;
}

static enum err reply_intent(struct req *req, const struct payment *payment)
{
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    json_str(out, "paymentIntentId", payment->intent);
    json_str(out, "clientSecret", payment->client_secret);
    json_int(out, "amount", payment->amount);
    json_str(out, "currency", payment->currency);
    json_str(out, "publishableKey", payments_publishable_key(req->app->payments));
    json_str(out, "provider", payments_provider(req->app->payments));
    json_close(out);
    return ERR_OK;
}

/* An open intent is answered at once; else there is a row now that Stripe is asked about. */
static enum err begin_paying(struct req *req, struct tx *tx)
{
    const struct intent_new *in = req->body;
    struct paying *paying = ARENA_NEW(req->arena, struct paying);
    struct registration reg;
    enum err e = registration_for_buyer(tx, &req->caller, &in->registration, &reg);

    if (!e)
        e = payment_begin(tx, &reg, &paying->payment);
    if (e)
        return e;
    paying->event = reg.event;
    req->state = paying;
    return paying->payment.status == PAYMENT_OPEN ? reply_intent(req, &paying->payment) : ERR_OK;
}

static enum err ask_stripe(struct req *req)
{
    struct paying *paying = req->state;

    return payment_create_intent(req->app, req->arena, &req->fault, &paying->event, &paying->payment);
}

/* The row has committed: from here on the secret may leave. */
static enum err answer_intent(struct req *req, struct tx *tx)
{
    const struct paying *paying = req->state;
    struct payment payment;

    if (!payment_of_attempt(tx, &paying->payment.registration, paying->payment.attempt, &payment) || !payment.intent || !payment.client_secret)
        return fail(tx, ERR_CONFLICT, "The payment changed meanwhile; try again.");
    return reply_intent(req, &payment);
}

/* ---- POST /v1/stripe-webhook ---- */

/* Off the writer's thread: what was not signed never reaches it. */
static enum err read_webhook(struct req *req, struct tx *tx)
{
    const struct payments *payments = req->app->payments;
    struct stripe_event *event;
    json_t *json;
    enum err e;

    if (!webhook_verify((const char *const *)payments->webhook_secrets, COUNT(payments->webhook_secrets), req_header(req, "Stripe-Signature"),
                        req->body_bytes, tx->now_ms / 1000))
        return fail(tx, ERR_BAD_SIGNATURE, "The Stripe-Signature header does not fit the body.");
    e = json_parse(req->arena, req->body_bytes.data, req->body_bytes.len, &json, tx->fault);
    if (e)
        return e;
    event = ARENA_NEW(req->arena, struct stripe_event);
    if (!stripe_read_event(req->arena, json, event))
        return fail(tx, ERR_BAD_REQUEST, "It is not an event of Stripe's.");
    req->state = event;
    return ERR_OK;
}

/* Only a hint: the job that it asks for fetches the truth. Unknown types and other accounts' things are taken and left. */
static enum err take_webhook(struct req *req, struct tx *tx)
{
    const struct stripe_event *event;
    struct query *q;
    struct buf *out;

    assert(req->state); /* read_webhook came before */
    event = req->state;
    q = query(tx, &provider_event_insert_sql);
    bind_text(q, ":id", event->id);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) == 1 && event->intent && event->livemode == req->app->payments->live)
        ask_stripe_sync(tx, event->intent);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_bool(out, "received", true);
    json_close(out);
    return ERR_OK;
}

/* ---- POST /v1/registrations/{registrationId}/refund ---- */

struct refund_new {
    struct given given;
    int64_t amount;
    struct id *tickets;
    size_t ticket_count;
    const char *reason;
};
enum { REFUND_AMOUNT, REFUND_TICKETS, REFUND_REASON };
static const struct field refund_new_fields[] = {
    FIELD(refund_new, "amount", amount, FIELD_INT, OPTIONAL, 1, INT64_C(999999999999)),
    FIELD_MANY(refund_new, "ticketIds", tickets, ticket_count, FIELD_ID_LIST, NULL, OPTIONAL, 1, 255),
    FIELD(refund_new, "reason", reason, FIELD_TEXT, OPTIONAL | NULLABLE, 0, 500),
    FIELD_END
};
static const struct shape refund_new_shape = SHAPE(refund_new, "RefundNew", refund_new_fields);

/* The tickets that are named, as numbers within the registration; each once. */
static enum err ticket_numbers(struct tx *tx, const struct registration *reg, const struct refund_new *in, unsigned *numbers)
{
    bool seen[256] = { false };

    for (size_t i = 0; i < in->ticket_count; i++) {
        struct id parent = id_parent(&in->tickets[i]);
        unsigned n = id_number(&in->tickets[i]);

        if (!n || !id_equal(&parent, &reg->id) || n > reg->quantity)
            fault_field(tx->fault, arena_printf(tx->arena, "/ticketIds/%zu", i), "not-found", "The registration has no such ticket.");
        else if (seen[n])
            fault_field(tx->fault, arena_printf(tx->arena, "/ticketIds/%zu", i), "duplicate", "This ticket is named twice.");
        numbers[i] = n;
        seen[n] = true;
    }
    return tx->fault->field_count ? ERR_INVALID : ERR_OK;
}

static enum err ask_refund(struct tx *tx, const struct registration *reg, const struct refund_new *in, const unsigned *numbers, bool manages)
{
    bool amount = given(&in->given, REFUND_AMOUNT);

    if (manages)
        return refund_ask(tx, reg, amount ? in->amount : -1, numbers, in->ticket_count, in->reason);
    if (amount) {
        fault_field(tx->fault, "/amount", "not-allowed", "Only those who run the event name an amount.");
        return ERR_INVALID;
    }
    return refund_ask_own(tx, reg, numbers, in->ticket_count, in->reason);
}

/* Who manages the event gives back what he likes; who bought, what the event's policy says, if it has one. */
static enum err refunder(struct req *req, struct tx *tx, struct registration *reg, bool *manages)
{
    enum err e = registration_for_caller(tx, &req->caller, &req->id[0], reg);

    if (e)
        return e;
    e = event_for_manager(tx, &req->caller, &reg->event, NULL);
    *manages = e == ERR_OK;
    if (e != ERR_FORBIDDEN || !id_equal(&reg->account, &req->caller.account))
        return e;
    fault_clear(tx->fault);
    return refund_policy(tx, reg);
}

/* Asked before the body is looked at; the handler asks again. */
static enum err may_refund(struct req *req, struct tx *tx)
{
    struct registration reg;
    bool manages;

    return refunder(req, tx, &reg, &manages);
}

static enum err give_refund(struct req *req, struct tx *tx)
{
    static const struct refund_new everything = { .amount = 0 };
    const struct refund_new *in = req->body ? req->body : &everything;
    unsigned numbers[255];
    struct registration reg, after;
    bool manages;
    enum err e = refunder(req, tx, &reg, &manages);

    if (!e)
        e = ticket_numbers(tx, &reg, in, numbers);
    if (!e)
        e = ask_refund(tx, &reg, in, numbers, manages);
    if (e)
        return e;
    if (!registration_find(tx, &req->id[0], &after))
        return ERR_INTERNAL;
    refund_tell(tx, &reg, &after, in->reason);
    registration_detail_json(reply_json(req, 200), tx, &after, manages);
    return ERR_OK;
}

/* ---- the table ---- */

const struct route payment_routes[] = {
    { "POST", "/v1/create-payment-intent", WORK, begin_paying, ask_stripe, answer_intent, .lane = LANE_PAY, .who = WHO_SIGNED_IN,
      .body = &intent_new_shape, .key = key_of_body_registration, .summary = "Begin to pay for a registration, or go on", .answer = "PaymentIntent" },
    /* Stripe's events are a few KiB; the usual limit of 64 KiB also bounds what a signature costs to check. */
    { "POST", "/v1/stripe-webhook", WRITE, take_webhook, .refuse_early = read_webhook, .raw = true, .urgent = true, .body_type = "application/json",
      .summary = "Stripe's signed events", .answer = "WebhookTaken" },
    { "POST", "/v1/registrations/{registrationId}/refund", WRITE, give_refund, .who = WHO_SIGNED_IN, .allow = may_refund, .body = &refund_new_shape,
      .body_optional = true, .key = registration_key, .summary = "Give money back, and with it the tickets", .answer = "RegistrationDetail" },
    ROUTE_END
};

const struct answer_schema payment_schemas[] = {
    { "PaymentIntent",
      "{\"type\":\"object\",\"required\":[\"paymentIntentId\",\"clientSecret\",\"amount\",\"currency\",\"publishableKey\",\"provider\"],\"properties\":{"
      "\"paymentIntentId\":{\"type\":\"string\"},\"clientSecret\":{\"type\":\"string\"},\"amount\":{\"type\":\"integer\"},"
      "\"currency\":{\"type\":\"string\"},\"publishableKey\":{\"type\":[\"string\",\"null\"]},\"provider\":{\"enum\":[\"simulator\",\"stripe\"]}}}" },
    { "WebhookTaken", "{\"type\":\"object\",\"required\":[\"received\"],\"properties\":{\"received\":{\"const\":true}}}" },
    { .name = NULL }
};
