/* sim_answer.c - answers and errors as Stripe words them, what a form may say, and small words about JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sim/sim_inside.h"

/* ---- JSON ---- */

static void drop(void *json)
{
    json_decref(json);
}

json_t *sim_new(struct sim_call *call, const char *prefix, const char *json)
{
    json_t *object = json_loads(json, 0, NULL);

    if (!object)
        log_die("the simulator's own JSON cannot be read");
    arena_defer(call->arena, drop, object);
    sim_set_text(object, "id", sim_new_id(call->arena, prefix));
    sim_set_number(object, "created", call->now_s);
    sim_set_bool(object, "livemode", false);
    return object;
}

const char *sim_text(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

json_int_t sim_number(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool sim_is(json_t *object, const char *name, const char *text)
{
    const char *value = sim_text(object, name);

    return value && strcmp(value, text) == 0;
}

void sim_set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, text ? json_string(text) : json_null());
}

void sim_set_number(json_t *object, const char *name, json_int_t number)
{
    json_object_set_new(object, name, json_integer(number));
}

void sim_set_bool(json_t *object, const char *name, bool value)
{
    json_object_set_new(object, name, json_boolean(value));
}

bool sim_one_of(const char *text, const char *const *words)
{
    for (; text && *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

bool sim_begins(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

/* ---- answers ---- */

void sim_answer_with(struct sim_call *call, int status, json_t *answer)
{
    if (!answer)
        log_die("out of memory");
    json_decref(call->answer);
    call->answer = answer;
    call->status = status;
}

char *sim_doc_url(struct arena *arena, const char *code)
{
    char *url = arena_printf(arena, "https://stripe.com/docs/error-codes/%s", code);

    for (char *at = url; *at; at++)
        if (*at == '_')
            *at = '-';
    return url;
}

bool sim_error(struct sim_call *call, int status, const char *type, const char *code, const char *param, const char *format, ...)
{
    char message[2000];
    json_t *error;
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error = json_pack("{s:s*, s:s*, s:s*, s:s, s:s}", "code", code, "doc_url", code ? sim_doc_url(call->arena, code) : NULL, "param", param, "message",
                      message, "type", type);
    if (!error) /* a cut in the middle of a character */
        error = json_pack("{s:s, s:s}", "message", "The request cannot be carried out.", "type", type);
    sim_answer_with(call, status, json_pack("{s:o}", "error", error));
    return false;
}

bool sim_missing(struct sim_call *call, const char *what, const char *id)
{
    return sim_error(call, 404, "invalid_request_error", "resource_missing", strcmp(what, "payment_intent") == 0 ? "intent" : "id", "No such %s: '%.200s'", what, id);
}

bool sim_needs_secret(struct sim_call *call)
{
    return sim_error(call, 403, "invalid_request_error", "secret_key_required", NULL,
                     "This API call cannot be made with a publishable API key. Please use a secret API key.");
}

bool sim_no_such_url(struct sim_call *call)
{
    return sim_error(call, 404, "invalid_request_error", NULL, NULL,
                     "Unrecognized request URL (%s: /v1/%.200s). If you are trying to list objects, remove the trailing slash. If you are trying to retrieve "
                     "an object, make sure you passed a valid (non-empty) identifier in your code.", call->method, call->path);
}

/* ---- expand[] ---- */

#define EXPAND_DEPTH_MAX 4

static bool cannot_expand(struct sim_call *call, const char *path)
{
    /* A browser's answer lacks fields that exist; what it asks for of those it just does not get. */
    if (!call->secret)
        return true;
    call->executed = false;
    return sim_bad(call, "expand", "This property cannot be expanded (%.100s).", path);
}

/* The kind of object that a field's id names; NULL: the field never holds one. */
static const char *kind_of(const char *field, const char *id)
{
    static const char *const same[] = { "charge", "payment_intent", "payment_method", "balance_transaction", "refund", "dispute", NULL };
    static const char *const never_here[] = { "customer", "on_behalf_of", "application", "review", "transfer", NULL };

    if (strcmp(field, "latest_charge") == 0)
        return "charge";
    if (strcmp(field, "failure_balance_transaction") == 0)
        return "balance_transaction";
    if (strcmp(field, "source") == 0)
        return sim_begins(id, "ch_") ? "charge" : sim_begins(id, "re_") ? "refund" : "dispute";
    return sim_one_of(field, same) ? field : sim_one_of(field, never_here) ? "customer" : NULL;
}

/* "latest_charge.balance_transaction", "data.charge": one step, then the rest of the way. */
static bool expand_path(struct sim_call *call, json_t *object, const char *path, int depth)
{
    size_t len = strcspn(path, ".");
    const char *field = arena_printf(call->arena, "%.*s", (int)len, path), *rest = path[len] ? path + len + 1 : NULL;
    json_t *value = json_object_get(object, field);
    const char *kind;

    if (json_is_array(value) && strcmp(field, "data") == 0) {
        for (size_t i = 0; rest && i < json_array_size(value); i++)
            if (!expand_path(call, json_array_get(value, i), rest, depth + 1))
                return false;
        return true;
    }
    kind = kind_of(field, json_string_value(value));
    if (!kind || !value || depth == EXPAND_DEPTH_MAX)
        return cannot_expand(call, path);
    if (json_is_string(value)) {
        json_t *whole = sim_object(call->sim, call->arena, kind, json_string_value(value), NULL);

        if (whole)
            json_object_set(object, field, whole);
        value = whole;
    }
    return !rest || !json_is_object(value) || expand_path(call, value, rest, depth + 1);
}

static bool expand(struct sim_call *call, json_t *object)
{
    for (size_t i = 0; i < call->form.count; i++)
        if (strncmp(call->form.pairs[i].name, "expand[", 7) == 0 && !expand_path(call, object, call->form.pairs[i].value, 0))
            return false;
    return true;
}

/* What Stripe works out when it is asked: money that has become available, webhooks that are still to come. */
static void freshen(struct sim_call *call, json_t *object)
{
    static const char *const within[] = { "latest_charge", "charge", "balance_transaction", "source" };
    json_t *items = json_object_get(object, "data");

    for (size_t i = 0; json_is_array(items) && i < json_array_size(items); i++)
        freshen(call, json_array_get(items, i));
    for (size_t i = 0; i < COUNT(within); i++)
        if (json_is_object(json_object_get(object, within[i])))
            freshen(call, json_object_get(object, within[i]));
    if (sim_is(object, "object", "balance_transaction") && sim_number(object, "available_on") <= call->now_s)
        sim_set_text(object, "status", "available");
    if (sim_is(object, "object", "event"))
        sim_set_number(object, "pending_webhooks", sim_count(call->sim, "SELECT count(*) FROM delivery WHERE event = ?", "s", sim_text(object, "id")));
}

bool sim_answer(struct sim_call *call, json_t *object)
{
    json_t *copy = json_deep_copy(object);

    if (!copy)
        log_die("out of memory");
    if (!expand(call, copy)) {
        json_decref(copy);
        return false;
    }
    freshen(call, copy);
    sim_answer_with(call, 200, copy);
    return true;
}

/* ---- what a form may say ---- */

bool sim_known_names(struct sim_call *call, const char *const *names)
{
    for (size_t i = 0; i < call->form.count; i++) {
        const char *name = call->form.pairs[i].name;
        size_t len = strcspn(name, "[");
        bool known = (len == 6 && strncmp(name, "expand", 6) == 0) || (len == 3 && strncmp(name, "key", 3) == 0) ||
                     strncmp(name, "_stripe_", 8) == 0;

        for (const char *const *at = names; *at && !known; at++)
            known = strlen(*at) == len && strncmp(name, *at, len) == 0;
        if (!known)
            return sim_error(call, 400, "invalid_request_error", "parameter_unknown", name, "Received unknown parameter: %.200s", name);
    }
    return true;
}

bool sim_metadata(struct sim_call *call, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");

    for (size_t i = 0; i < call->form.count; i++) {
        const char *name = call->form.pairs[i].name, *value = call->form.pairs[i].value;
        size_t len = strlen(name);
        char key[42];

        if (strcmp(name, "metadata") == 0 && *value)
            return sim_bad(call, "metadata", "Invalid object");
        if (strcmp(name, "metadata") == 0)
            json_object_clear(metadata);
        if (strncmp(name, "metadata[", 9) != 0)
            continue;
        if (name[len - 1] != ']' || len < 11 || memchr(name + 9, '[', len - 10))
            return sim_bad(call, name, "Metadata is a flat set of keys and texts.");
        if (len - 10 > 40 || strlen(value) > 500)
            return sim_bad(call, "metadata", "Metadata keys have at most 40 characters, and values 500.");
        memcpy(key, name + 9, len - 10);
        key[len - 10] = '\0';
        if (*value)
            json_object_set_new(metadata, key, json_string(value));
        else
            json_object_del(metadata, key);
        if (json_object_size(metadata) > 50)
            return sim_bad(call, "metadata", "Metadata has at most 50 keys.");
    }
    return true;
}

bool sim_int(struct sim_call *call, const char *name, int64_t min, int64_t max, int64_t *out, bool *given)
{
    const char *text = sim_form_get(&call->form, name);

    if (given)
        *given = text != NULL;
    if (!text)
        return true;
    if (!*text || strlen(text) > 15 || strspn(text, "0123456789") != strlen(text))
        return sim_error(call, 400, "invalid_request_error", "parameter_invalid_integer", name, "Invalid integer: %.100s", text);
    *out = strtoll(text, NULL, 10);
    if (*out < min)
        return sim_error(call, 400, "invalid_request_error", "parameter_invalid_integer", name,
                         "This value must be greater than or equal to %" PRId64 ".", min);
    if (*out > max)
        return sim_error(call, 400, "invalid_request_error", strcmp(name, "amount") == 0 ? "amount_too_large" : "parameter_invalid_integer", name,
                         "This value must be less than or equal to %" PRId64 ".", max);
    return true;
}

bool sim_word(struct sim_call *call, const char *name, const char *const *words)
{
    const char *text = sim_form_get(&call->form, name);
    struct buf all = buf_in(call->arena);

    if (!text || sim_one_of(text, words))
        return true;
    for (const char *const *at = words; *at; at++)
        buf_printf(&all, "%s%s", at == words ? "" : at[1] ? ", " : ", or ", *at);
    return sim_bad(call, name, "Invalid %s: must be one of %s", name, all.data);
}

bool sim_flag(struct sim_call *call, const char *name, bool *out)
{
    const char *text = sim_form_get(&call->form, name);

    *out = text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
    if (!text || *out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || !*text)
        return true;
    return sim_bad(call, name, "Invalid boolean: %.100s", text);
}
