/*
 * sim_disputes.c - a card holder denies a charge, and the shop answers.
 *
 *     needs_response --evidence--> under_review --> won | lost
 *        \--close--> lost
 *        \--nothing for 7 days--> lost
 *     warning_needs_response (an inquiry: no money moves) --evidence--> warning_under_review --> warning_closed
 *
 * As in Stripe's sandboxes the evidence decides: uncategorized_text "winning_evidence" wins,
 * "losing_evidence" loses, and anything else waits for POST /sim/settle.
 */
#include <string.h>

#include "sim/sim_inside.h"

#define DISPUTE_FEE 1500
#define DECIDED_AFTER_MS 1000
#define ANSWER_WITHIN_S (INT64_C(7) * 86400)
#define EVIDENCE_MAX 20000 /* of one text */

static const char dispute_json[] =
    "{\"id\":null,\"object\":\"dispute\",\"amount\":0,\"balance_transactions\":[],\"charge\":null,\"created\":0,\"currency\":\"\","
    "\"enhanced_eligibility_types\":[],\"evidence\":{\"access_activity_log\":null,\"billing_address\":null,\"cancellation_policy\":null,"
    "\"cancellation_policy_disclosure\":null,\"cancellation_rebuttal\":null,\"customer_communication\":null,\"customer_email_address\":null,"
    "\"customer_name\":null,\"customer_purchase_ip\":null,\"customer_signature\":null,\"duplicate_charge_documentation\":null,"
    "\"duplicate_charge_explanation\":null,\"duplicate_charge_id\":null,\"enhanced_evidence\":{},\"product_description\":null,\"receipt\":null,"
    "\"refund_policy\":null,\"refund_policy_disclosure\":null,\"refund_refusal_explanation\":null,\"service_date\":null,\"service_documentation\":null,"
    "\"shipping_address\":null,\"shipping_carrier\":null,\"shipping_date\":null,\"shipping_documentation\":null,\"shipping_tracking_number\":null,"
    "\"uncategorized_file\":null,\"uncategorized_text\":null},\"evidence_details\":{\"due_by\":0,\"enhanced_eligibility\":{},\"has_evidence\":false,"
    "\"past_due\":false,\"submission_count\":0},\"intended_submission_method\":null,\"is_charge_refundable\":false,\"livemode\":false,\"metadata\":{},"
    "\"payment_intent\":null,\"payment_method_details\":null,\"reason\":\"\",\"status\":\"needs_response\"}";

/* ---- opening ---- */

bool sim_charge_disputed(struct sim_call *call, json_t *charge)
{
    return sim_count(call->sim,
                     "SELECT count(*) FROM object WHERE parent = ? AND kind = 'dispute' AND trait = ?"
                     " AND json_extract(json, '$.status') IN ('needs_response', 'under_review', 'lost')", "ss", sim_text(charge, "payment_intent"),
                     sim_text(charge, "id")) > 0;
}

static bool may_be_disputed(struct sim_call *call, json_t *charge)
{
    call->executed = true;
    if (!json_is_true(json_object_get(charge, "captured")) || sim_number(charge, "amount_captured") == sim_number(charge, "amount_refunded"))
        return sim_bad(call, "charge", "There is no money of charge %s to dispute.", sim_text(charge, "id"));
    if (json_is_true(json_object_get(charge, "disputed")))
        return sim_bad(call, "charge", "Charge %s has been disputed before.", sim_text(charge, "id"));
    return true;
}

/* The dispute's money goes, or comes back; the movement is listed in it. */
static void move(struct sim_call *call, json_t *dispute, json_int_t amount, json_int_t fee, const char *category)
{
    const char *txn = sim_move(call, "adjustment", category, dispute, amount, fee, true);

    json_array_append(json_object_get(dispute, "balance_transactions"), sim_object(call->sim, call->arena, "balance_transaction", txn, NULL));
}

bool sim_dispute_open(struct sim_call *call, json_t *charge, const char *reason, bool inquiry, json_t **out)
{
    json_t *dispute = *out = sim_new(call, "dp_", dispute_json);
    json_int_t amount = sim_number(charge, "amount_captured") - sim_number(charge, "amount_refunded");

    if (!may_be_disputed(call, charge))
        return false;
    sim_set_number(dispute, "amount", amount);
    sim_set_text(dispute, "charge", sim_text(charge, "id"));
    sim_set_text(dispute, "currency", sim_text(charge, "currency"));
    sim_set_text(dispute, "payment_intent", sim_text(charge, "payment_intent"));
    sim_set_text(dispute, "reason", reason);
    sim_set_bool(dispute, "is_charge_refundable", inquiry);
    sim_set_number(json_object_get(dispute, "evidence_details"), "due_by", call->now_s + ANSWER_WITHIN_S);
    if (inquiry)
        sim_set_text(dispute, "status", "warning_needs_response");
    else
        move(call, dispute, -amount, DISPUTE_FEE, "dispute");
    sim_set_bool(charge, "disputed", true);
    sim_update(call->sim, charge);
    sim_insert(call->sim, "dispute", sim_text(charge, "payment_intent"), sim_text(charge, "id"), dispute);
    sim_later(call, "dispute-due", sim_text(dispute, "id"), ANSWER_WITHIN_S * 1000);
    sim_event(call, "charge.dispute.created", dispute);
    if (!inquiry)
        sim_event(call, "charge.dispute.funds_withdrawn", dispute);
    return true;
}

/* ---- ending ---- */

void sim_dispute_decide(struct sim_call *call, const char *id, const char *outcome)
{
    static const char *const over[] = { "won", "lost", "warning_closed", NULL };
    json_t *dispute = sim_object(call->sim, call->arena, "dispute", id, NULL);
    bool won = strcmp(outcome, "won") == 0 || strcmp(outcome, "succeeded") == 0, inquiry;

    sim_not_later(call, id);
    if (!dispute || sim_one_of(sim_text(dispute, "status"), over))
        return;
    inquiry = sim_begins(sim_text(dispute, "status"), "warning_");
    sim_set_text(dispute, "status", inquiry ? "warning_closed" : won ? "won" : "lost");
    sim_set_bool(dispute, "is_charge_refundable", inquiry || won);
    if (won && !inquiry)
        move(call, dispute, sim_number(dispute, "amount"), 0, "dispute_reversal");
    sim_changed(call, dispute, "charge.dispute.closed");
    if (won && !inquiry)
        sim_event(call, "charge.dispute.funds_reinstated", dispute);
}

/* ---- the shop's answer ---- */

static bool read_evidence(struct sim_call *call, json_t *dispute, bool *given)
{
    json_t *evidence = json_object_get(dispute, "evidence");

    *given = false;
    for (size_t i = 0; i < call->form.count; i++) {
        const char *name = call->form.pairs[i].name, *value = call->form.pairs[i].value;
        char *key;

        if (!sim_begins(name, "evidence["))
            continue;
        key = arena_strdup(call->arena, name + 9);
        key[strcspn(key, "]")] = '\0';
        if (!json_object_get(evidence, key))
            return sim_error(call, 400, "invalid_request_error", "parameter_unknown", name, "Received unknown parameter: %.200s", name);
        if (strlen(value) > EVIDENCE_MAX)
            return sim_bad(call, name, "Evidence is limited to %d characters.", EVIDENCE_MAX);
        if (!json_is_object(json_object_get(evidence, key)))
            sim_set_text(evidence, key, *value ? value : NULL);
        *given = true;
    }
    return true;
}

static void submit(struct sim_call *call, json_t *dispute)
{
    json_t *details = json_object_get(dispute, "evidence_details");
    const char *text = sim_text(json_object_get(dispute, "evidence"), "uncategorized_text");

    sim_not_later(call, sim_text(dispute, "id"));
    sim_set_number(details, "submission_count", sim_number(details, "submission_count") + 1);
    sim_set_text(dispute, "status", sim_begins(sim_text(dispute, "status"), "warning_") ? "warning_under_review" : "under_review");
    if (text && strcmp(text, "winning_evidence") == 0)
        sim_later(call, "dispute-won", sim_text(dispute, "id"), DECIDED_AFTER_MS);
    else if (text && strcmp(text, "losing_evidence") == 0)
        sim_later(call, "dispute-lost", sim_text(dispute, "id"), DECIDED_AFTER_MS);
}

static bool update(struct sim_call *call, json_t *dispute)
{
    static const char *const names[] = { "evidence", "metadata", "submit", "intended_submission_method", NULL };
    static const char *const open[] = { "needs_response", "warning_needs_response", NULL };
    bool given, now, evidence_open = sim_one_of(sim_text(dispute, "status"), open);

    if (!sim_known_names(call, names) || !read_evidence(call, dispute, &given) || !sim_metadata(call, dispute) || !sim_flag(call, "submit", &now))
        return false;
    call->executed = true;
    if ((given || now) && !evidence_open)
        return sim_bad(call, NULL, "This dispute has a status of %s and takes no more evidence.", sim_text(dispute, "status"));
    if (given)
        sim_set_bool(json_object_get(dispute, "evidence_details"), "has_evidence", true);
    /* Evidence is sent off unless submit=false holds it back, as at Stripe. */
    if (now || (given && !sim_form_get(&call->form, "submit")))
        submit(call, dispute);
    sim_changed(call, dispute, "charge.dispute.updated");
    return sim_answer(call, dispute);
}

static bool give_up(struct sim_call *call, json_t *dispute)
{
    static const char *const names[] = { NULL };
    static const char *const open[] = { "needs_response", "under_review", "warning_needs_response", "warning_under_review", NULL };
    const char *id = sim_text(dispute, "id");

    if (!sim_known_names(call, names))
        return false;
    call->executed = true;
    if (!sim_one_of(sim_text(dispute, "status"), open))
        return sim_bad(call, NULL, "This dispute is already closed.");
    sim_dispute_decide(call, id, "lost");
    return sim_answer(call, sim_object(call->sim, call->arena, "dispute", id, NULL));
}

bool sim_disputes(struct sim_call *call, const char *rest)
{
    static const char *const equal[] = { "payment_intent", "charge", NULL };
    bool get = strcmp(call->method, "GET") == 0, post = strcmp(call->method, "POST") == 0;
    const char *id = arena_printf(call->arena, "%.*s", (int)strcspn(rest, "/"), rest), *action = rest + strlen(id);
    json_t *dispute;

    if (!call->secret)
        return sim_needs_secret(call);
    if (!*rest && get)
        return sim_list(call, &(struct sim_list_of){ .kind = "dispute", .parent = sim_list_parent(call), .equal = equal });
    dispute = *rest ? sim_object(call->sim, call->arena, "dispute", id, NULL) : NULL;
    if (*rest && !dispute)
        return sim_missing(call, "dispute", id);
    if (dispute && get && !*action)
        return sim_answer(call, dispute);
    if (dispute && post && !*action)
        return update(call, dispute);
    if (dispute && post && strcmp(action, "/close") == 0)
        return give_up(call, dispute);
    return sim_no_such_url(call);
}
