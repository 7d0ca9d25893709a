/* What Stripe answers: intents, refunds, disputes, balance transactions, events and lists from JSON that nobody vouches for. What is taken may stand in rows and paths. */
#include <jansson.h>

#include "fuzz.h"
#include "base/json.h"
#include "payments/stripe.h"

static void read_one(struct arena *arena, json_t *json)
{
    struct stripe_intent intent;
    struct stripe_refund refund;
    struct stripe_event event;
    struct stripe_balance balance;
    struct stripe_dispute dispute;

    if (stripe_read_intent(arena, json, &intent)) {
        HOLDS(stripe_id_valid(intent.id, "pi_") && intent.amount >= 0 && intent.received >= 0 && intent.refunded >= -1 && strlen(intent.currency) == 3);
        HOLDS(intent.attempt >= 0 && intent.charged_s >= 0 && (!intent.balance || stripe_id_valid(intent.balance, "txn_")));
        PLANT(intent.status == INTENT_SUCCEEDED && intent.attempt > 3);
    }
    if (stripe_read_refund(arena, json, &refund))
        HOLDS(stripe_id_valid(refund.intent, "pi_") && refund.amount > 0 && strlen(refund.id) <= 255);
    if (stripe_read_balance(arena, json, &balance))
        HOLDS(stripe_id_valid(balance.id, "txn_") && strlen(balance.currency) == 3 && (!balance.source || strlen(balance.source) <= 255) &&
              (!balance.intent || stripe_id_valid(balance.intent, "pi_")));
    if (stripe_read_dispute(arena, json, &dispute)) {
        HOLDS(stripe_id_valid(dispute.intent, "pi_") && dispute.amount > 0 && dispute.balance_count <= DISPUTE_BALANCES_MAX);
        HOLDS(!dispute.reason || strlen(dispute.reason) <= 100);
    }
    if (stripe_read_event(arena, json, &event))
        HOLDS(stripe_id_valid(event.id, "evt_") && event.created_s >= 0 && (!event.intent || stripe_id_valid(event.intent, "pi_")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct fault fault = { .arena = arena };
    json_t *json, *items;
    bool more;

    if (json_parse(arena, (const char *)data, size, &json, &fault))
        return 0;
    read_one(arena, json);
    items = stripe_read_list(json, &more);
    for (size_t i = 0; i < json_array_size(items); i++)
        read_one(arena, json_array_get(items, i));
    return 0;
}
