/* sim_intents.c - PaymentIntents: making, changing, capturing, cancelling, who may do which of it; and the charges to read. Paying is sim_confirm.c. */
#include <string.h>

#include "sim/sim_inside.h"

#define AMOUNT_MAX INT64_C(999999999999)

/* ---- making and changing ---- */

static const char intent_json[] =
    "{\"id\":null,\"object\":\"payment_intent\",\"allowed_payment_method_types\":null,\"amount\":0,\"amount_capturable\":0,\"amount_details\":{\"tip\":{}},"
    "\"amount_received\":0,\"application\":null,\"application_fee_amount\":null,\"automatic_payment_methods\":null,\"canceled_at\":null,"
    "\"cancellation_reason\":null,\"capture_method\":\"automatic_async\",\"client_secret\":null,\"confirmation_method\":\"automatic\",\"created\":0,"
    "\"currency\":\"\",\"customer\":null,\"customer_account\":null,\"description\":null,\"excluded_payment_method_types\":null,\"last_payment_error\":null,"
    "\"latest_charge\":null,\"livemode\":false,\"managed_payments\":null,\"metadata\":{},\"next_action\":null,\"on_behalf_of\":null,\"payment_method\":null,"
    "\"payment_method_configuration_details\":null,\"payment_method_options\":{\"card\":{\"installments\":null,\"mandate_options\":null,\"network\":null,"
    "\"request_three_d_secure\":\"automatic\"}},\"payment_method_types\":[],\"payment_record\":null,\"processing\":null,\"receipt_email\":null,\"review\":null,"
    "\"setup_future_usage\":null,\"shipping\":null,\"source\":null,\"statement_descriptor\":null,\"statement_descriptor_suffix\":null,"
    "\"status\":\"requires_payment_method\",\"transfer_data\":null,\"transfer_group\":null}";

#define INTENT_NAMES                                                                                                                           \
    "amount", "currency", "metadata", "description", "receipt_email", "payment_method", "payment_method_data", "payment_method_types",         \
        "payment_method_options", "statement_descriptor", "statement_descriptor_suffix", "setup_future_usage", "shipping", "customer", "capture_method"

static bool set_types(struct sim_call *call, json_t *intent)
{
    json_t *types = json_object_get(intent, "payment_method_types");
    bool automatic, named = false;

    if (!sim_flag(call, "automatic_payment_methods[enabled]", &automatic))
        return false;
    for (size_t i = 0; i < call->form.count; i++)
        if (sim_begins(call->form.pairs[i].name, "payment_method_types[")) {
            if (!named)
                json_array_clear(types);
            named = true;
            json_array_append_new(types, json_string(call->form.pairs[i].value));
        }
    if (named && automatic)
        return sim_bad(call, "automatic_payment_methods", "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.");
    if (named || json_array_size(types))
        return true;
    /* Which methods an account has switched on is its own matter; ours has both. */
    json_array_append_new(types, json_string("card"));
    json_array_append_new(types, json_string("us_bank_account"));
    json_object_set_new(intent, "automatic_payment_methods", json_pack("{s:s, s:b}", "allow_redirects", "always", "enabled", 1));
    return true;
}

/* What may be said of an intent at any time: words for people, and metadata. */
static bool set_words(struct sim_call *call, json_t *intent)
{
    static const char *const words[] = { "description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", NULL };
    const char *customer = sim_form_get(&call->form, "customer");

    if (customer && *customer)
        return sim_error(call, 400, "invalid_request_error", "resource_missing", "customer", "No such customer: '%.200s'", customer);
    for (size_t i = 0; words[i]; i++) {
        const char *text = sim_form_get(&call->form, words[i]);

        if (text && strlen(text) > 1000)
            return sim_bad(call, words[i], "Invalid string; must be at most 1000 characters");
        if (text)
            sim_set_text(intent, words[i], *text ? text : NULL);
    }
    return sim_metadata(call, intent);
}

/* The charge that an amount and a currency ask for. */
static bool set_price(struct sim_call *call, json_t *intent, bool *given)
{
    const char *currency = sim_form_get(&call->form, "currency");
    int64_t amount = sim_number(intent, "amount");
    char code[4];

    if (!sim_int(call, "amount", 1, AMOUNT_MAX, &amount, given))
        return false;
    if (!*given && !amount)
        return sim_error(call, 400, "invalid_request_error", "parameter_missing", "amount", "Missing required param: amount.");
    if (!sim_currency(call, currency ? currency : *sim_text(intent, "currency") ? sim_text(intent, "currency") : NULL, code) || !sim_amount(call, code, amount))
        return false;
    *given |= currency != NULL;
    sim_set_number(intent, "amount", (json_int_t)amount);
    sim_set_text(intent, "currency", code);
    return true;
}

static bool set_capture(struct sim_call *call, json_t *intent)
{
    static const char *const words[] = { "automatic", "automatic_async", "manual", NULL };
    const char *method = sim_form_get(&call->form, "capture_method");

    if (!sim_word(call, "capture_method", words))
        return false;
    if (method)
        sim_set_text(intent, "capture_method", method);
    return true;
}

static bool create(struct sim_call *call)
{
    static const char *const names[] = { INTENT_NAMES, "automatic_payment_methods", "confirm", "return_url", "off_session", "confirmation_method",
                                         "error_on_requires_action", "use_stripe_sdk", NULL };
    json_t *intent, *method = NULL;
    bool priced, now;

    if (!call->secret)
        return sim_needs_secret(call);
    if (!sim_known_names(call, names))
        return false;
    intent = sim_new(call, "pi_", intent_json);
    if (!set_price(call, intent, &priced) || !set_capture(call, intent) || !set_types(call, intent) || !sim_flag(call, "confirm", &now) ||
        !set_words(call, intent) || !sim_method_named(call, &method))
        return false;
    if (!now && (sim_form_get(&call->form, "off_session") || sim_form_get(&call->form, "return_url")))
        return sim_bad(call, sim_form_get(&call->form, "return_url") ? "return_url" : "off_session",
                       "This parameter may only be given together with confirm=true.");
    sim_set_text(intent, "client_secret", arena_printf(call->arena, "%s_secret_%s", sim_text(intent, "id"), sim_new_id(call->arena, "")));
    if (method) {
        sim_set_text(intent, "payment_method", sim_text(method, "id"));
        sim_set_text(intent, "status", "requires_confirmation");
    }
    call->executed = true;
    sim_insert(call->sim, "payment_intent", NULL, NULL, intent);
    sim_event(call, "payment_intent.created", intent);
    return (!now || sim_confirm(call, intent)) && sim_answer(call, intent);
}

/* Another price or method has to be confirmed, and authenticated, anew. */
static void back_to_confirmation(json_t *intent)
{
    sim_set_text(intent, "next_action", NULL);
    sim_set_text(intent, "status", sim_text(intent, "payment_method") ? "requires_confirmation" : "requires_payment_method");
}

static bool update(struct sim_call *call, json_t *intent)
{
    static const char *const names[] = { INTENT_NAMES, NULL };
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", NULL };
    static const char *const fixed[] = { "amount", "currency", "payment_method", "payment_method_data", "payment_method_types", "capture_method", NULL };
    json_t *method;
    bool priced;

    if (!sim_known_names(call, names))
        return false;
    for (size_t i = 0; i < call->form.count && !sim_one_of(sim_text(intent, "status"), open); i++) {
        const char *name = arena_printf(call->arena, "%.*s", (int)strcspn(call->form.pairs[i].name, "["), call->form.pairs[i].name);

        if (sim_one_of(name, fixed))
            return sim_intent_error(call, intent, "This PaymentIntent's %s could not be updated because it has a status of %s. You may only update the %s of a "
                                    "PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.",
                                    name, sim_text(intent, "status"), name);
    }
    if (!set_price(call, intent, &priced) || !set_capture(call, intent) || !set_types(call, intent) || !set_words(call, intent) ||
        !sim_method_named(call, &method))
        return false;
    if (method)
        sim_set_text(intent, "payment_method", sim_text(method, "id"));
    if (method || (priced && sim_is(intent, "status", "requires_action")))
        back_to_confirmation(intent);
    call->executed = true;
    sim_update(call->sim, intent);
    return sim_answer(call, intent);
}

static bool capture(struct sim_call *call, json_t *intent)
{
    static const char *const names[] = { "amount_to_capture", "final_capture", "metadata", "statement_descriptor", "statement_descriptor_suffix", NULL };
    int64_t capturable = sim_number(intent, "amount_capturable"), amount = capturable;

    if (!sim_known_names(call, names) || !sim_int(call, "amount_to_capture", 1, AMOUNT_MAX, &amount, NULL))
        return false;
    if (!sim_is(intent, "status", "requires_capture"))
        return sim_intent_error(call, intent, "This PaymentIntent could not be captured because it has a status of %s. Only a PaymentIntent with one of the "
                                "following statuses may be captured: requires_capture.", sim_text(intent, "status"));
    if (amount > capturable)
        return sim_error(call, 400, "invalid_request_error", "amount_too_large", "amount_to_capture",
                         "The amount to capture (%" PRId64 ") is greater than the capturable amount (%" PRId64 ").", amount, capturable);
    if (!set_words(call, intent))
        return false;
    call->executed = true;
    sim_capture(call, intent, amount);
    return sim_answer(call, intent);
}

static bool cancel(struct sim_call *call, json_t *intent)
{
    static const char *const names[] = { "cancellation_reason", NULL };
    static const char *const reasons[] = { "duplicate", "fraudulent", "requested_by_customer", "abandoned", NULL };
    static const char *const open[] = { "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", NULL };

    if (!sim_known_names(call, names) || !sim_word(call, "cancellation_reason", reasons))
        return false;
    /* "processing" is in Stripe's sentence for methods that can still be stopped; a debit that is on its way at the bank cannot. */
    if (!sim_one_of(sim_text(intent, "status"), open))
        return sim_intent_error(call, intent, "You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the following "
                                "statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.",
                                sim_text(intent, "status"));
    call->executed = true;
    if (sim_is(intent, "status", "requires_capture"))
        sim_release(call, intent, "charge.refunded");
    sim_set_text(intent, "status", "canceled");
    sim_set_text(intent, "cancellation_reason", sim_form_get(&call->form, "cancellation_reason"));
    sim_set_number(intent, "canceled_at", call->now_s);
    sim_set_text(intent, "next_action", NULL);
    sim_changed(call, intent, "payment_intent.canceled");
    return sim_answer(call, intent);
}

/* Of the simulator's own making: the bank's page as one call, outcome=succeeded (the default) or failed. */
static bool authenticate(struct sim_call *call, json_t *intent)
{
    static const char *const names[] = { "outcome", "client_secret", NULL };
    static const char *const outcomes[] = { "succeeded", "success", "pass", "failed", "failure", "fail", NULL };
    const char *outcome = sim_form_get(&call->form, "outcome");

    return sim_known_names(call, names) && sim_word(call, "outcome", outcomes) && sim_authenticated(call, intent, !outcome || outcome[0] != 'f');
}

/* ---- who asks ---- */

#define CONFIRM_NAMES                                                                                                                        \
    "payment_method", "payment_method_data", "payment_method_types", "payment_method_options", "return_url", "client_secret", "mandate_data", \
        "expected_payment_method_type", "use_stripe_sdk", "receipt_email", "setup_future_usage", "shipping"

/* A browser sees less than the shop. */
static bool answer_browser(struct sim_call *call, json_t *intent)
{
    static const char *const hidden[] = { "metadata", "amount_received", "amount_capturable", "latest_charge", "customer", "on_behalf_of", "application",
                                          "application_fee_amount", "review", "transfer_data", "transfer_group", "statement_descriptor",
                                          "statement_descriptor_suffix", NULL };
    json_t *copy = json_copy(intent);

    for (size_t i = 0; hidden[i]; i++)
        json_object_del(copy, hidden[i]);
    arena_defer(call->arena, (void (*)(void *))json_decref, copy);
    return sim_answer(call, copy);
}

/* What a decline tells of the intent, a browser is told no more of either. */
static bool error_for_browser(struct sim_call *call)
{
    json_t *error = json_object_get(call->answer, "error"), *intent = json_object_get(error, "payment_intent");

    json_object_del(intent, "metadata");
    json_object_del(intent, "customer");
    return false;
}

static bool with_browser(struct sim_call *call, json_t *intent, const char *action)
{
    static const char *const confirm_names[] = { CONFIRM_NAMES, NULL };
    static const char *const read_names[] = { "client_secret", NULL };
    const char *secret = sim_form_get(&call->form, "client_secret");
    bool get = strcmp(call->method, "GET") == 0;

    if (!secret)
        return sim_error(call, 401, "invalid_request_error", NULL, NULL, "This needs the secret key, or the publishable key and the client_secret.");
    if (!sim_same(secret, sim_text(intent, "client_secret")))
        return sim_error(call, 400, "invalid_request_error", "payment_intent_invalid_parameter", "client_secret",
                         "The client_secret provided does not match the client_secret associated with this PaymentIntent.");
    if (get && !*action)
        return sim_known_names(call, read_names) && answer_browser(call, intent);
    if (!get && strcmp(action, "confirm") == 0)
        return sim_known_names(call, confirm_names) && (sim_confirm(call, intent) ? answer_browser(call, intent) : error_for_browser(call));
    if (!get && strcmp(action, "authenticate") == 0)
        return authenticate(call, intent) ? answer_browser(call, intent) : error_for_browser(call);
    return sim_needs_secret(call);
}

/* ---- the address decides ---- */

static bool with_secret(struct sim_call *call, json_t *intent, const char *action)
{
    static const char *const confirm_names[] = { CONFIRM_NAMES, "off_session", "error_on_requires_action", "capture_method", NULL };
    static const char *const read_names[] = { "client_secret", NULL };

    if (strcmp(call->method, "GET") == 0)
        return *action ? sim_no_such_url(call) : sim_known_names(call, read_names) && sim_answer(call, intent);
    if (strcmp(call->method, "POST") != 0)
        return sim_no_such_url(call);
    if (!*action)
        return update(call, intent);
    if (strcmp(action, "confirm") == 0)
        return sim_known_names(call, confirm_names) && set_capture(call, intent) && sim_confirm(call, intent) && sim_answer(call, intent);
    if (strcmp(action, "authenticate") == 0)
        return authenticate(call, intent) && sim_answer(call, intent);
    if (strcmp(action, "capture") == 0)
        return capture(call, intent);
    if (strcmp(action, "cancel") == 0)
        return cancel(call, intent);
    return sim_no_such_url(call);
}

bool sim_intents(struct sim_call *call, const char *rest)
{
    static const char *const equal[] = { "customer", NULL };
    bool get = strcmp(call->method, "GET") == 0;
    size_t id_len = strcspn(rest, "/");
    const char *id;
    json_t *intent;

    if (!*rest && !call->secret)
        return sim_needs_secret(call);
    if (!*rest)
        return get ? sim_list(call, &(struct sim_list_of){ .kind = "payment_intent", .equal = equal })
                   : strcmp(call->method, "POST") == 0 ? create(call) : sim_no_such_url(call);
    id = arena_printf(call->arena, "%.*s", (int)id_len, rest);
    intent = sim_object(call->sim, call->arena, "payment_intent", id, NULL);
    if (!intent)
        return sim_missing(call, "payment_intent", id);
    return (call->secret ? with_secret : with_browser)(call, intent, rest[id_len] ? rest + id_len + 1 : "");
}

/* ---- charges ---- */

bool sim_charges(struct sim_call *call, const char *rest)
{
    static const char *const equal[] = { "payment_intent", "customer", "transfer_group", NULL };
    static const char *const update_names[] = { "description", "metadata", "receipt_email", NULL };
    json_t *charge;

    if (!call->secret)
        return sim_needs_secret(call);
    if (!*rest)
        return strcmp(call->method, "GET") == 0 ? sim_list(call, &(struct sim_list_of){ .kind = "charge", .parent = sim_list_parent(call), .equal = equal })
                                                : sim_bad(call, NULL, "Charges come of PaymentIntents.");
    charge = sim_object(call->sim, call->arena, "charge", rest, NULL);
    if (!charge)
        return sim_missing(call, "charge", rest);
    if (strcmp(call->method, "GET") == 0)
        return sim_answer(call, charge);
    if (strcmp(call->method, "POST") != 0)
        return sim_no_such_url(call);
    if (!sim_known_names(call, update_names) || !set_words(call, charge))
        return false;
    call->executed = true;
    sim_changed(call, charge, "charge.updated");
    return sim_answer(call, charge);
}
