/* keys.c - `usher keys ...`: the command builds a request, and the server that holds the data folder carries it out, or we do it ourselves. */
#include "cli/keys.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "identity/identity.h"

/* ---- what the server does ---- */

static const char *const words[] = { [TOKEN_KEY_NEXT] = "next", [TOKEN_KEY_SIGNS] = "signs", [TOKEN_KEY_RETIRES] = "retires" };

enum err keys_list(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    struct token_key *keys;
    size_t count;
    enum err e = identity_keys_list(app, arena, &keys, &count, fault);

    if (e)
        return e;
    json_open_array(reply, "keys");
    for (size_t i = 0; i < count; i++) {
        json_open(reply, NULL);
        json_str(reply, "kid", keys[i].kid);
        json_str(reply, "state", words[keys[i].state]);
        json_time_or_null(reply, "signsFrom", keys[i].signs_from_ms);
        json_time_or_null(reply, "leavesAt", keys[i].leaves_at_ms);
        json_close(reply);
    }
    json_close_array(reply);
    return ERR_OK;
}

enum err keys_rotate(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    enum err e = identity_keys_rotate(app, json_is_true(json_object_get(request, "now")), fault);

    return e ? e : keys_list(app, arena, request, reply, fault);
}

/* ---- the command ---- */

static const char *text_or(const struct json_t *object, const char *name, const char *none)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : none;
}

static void add_key(struct buf *out, const struct json_t *key, bool as_json)
{
    if (as_json) {
        char *line = json_dumps(key, JSON_COMPACT);

        if (!line)
            abort();
        buf_printf(out, "%s\n", line);
        free(line);
        return;
    }
    buf_printf(out, "%-44s %-8s %-26s %s\n", text_or(key, "kid", ""), text_or(key, "state", ""), text_or(key, "signsFrom", "from the beginning"),
               text_or(key, "leavesAt", "-"));
}

/* The new key is the last one. */
static void add_sentence(struct buf *out, const struct json_t *keys, bool now)
{
    size_t count = json_array_size(keys);
    const struct json_t *new = json_array_get(keys, count - 1), *signs = new;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(text_or(json_array_get(keys, i), "state", ""), words[TOKEN_KEY_SIGNS]) == 0)
            signs = json_array_get(keys, i);
    }
    if (signs == new)
        buf_printf(out, "%s signs from now on%s\n", text_or(new, "kid", ""), now ? "; every ID and access token from before is void." : ".");
    else
        buf_printf(out, "%s is published and signs from %s on; %s leaves at %s.\n", text_or(new, "kid", ""), text_or(new, "signsFrom", ""),
                   text_or(signs, "kid", ""), text_or(signs, "leavesAt", ""));
}

/* Ask, and print what `print` makes of the keys that the answer lists. */
static int ask(const struct args *args, const char *command, bool flag, void (*print)(struct buf *out, const struct json_t *keys, bool flag))
{
    struct arena *arena = arena_new(0);
    struct buf request = buf_heap(), out = buf_heap();
    struct config config;
    int code = EXIT_USAGE;

    if (args_config(args, &config)) {
        json_open(&request, NULL);
        json_str(&request, "command", command);
        json_bool(&request, "now", flag);
        json_close(&request);
        struct json_t *answer = control_carry_out(&config, &request, false, arena);
        code = EXIT_FAILED;
        if (answer) {
            print(&out, json_object_get(answer, "keys"), flag);
            code = cli_print(&out) ? EXIT_DONE : EXIT_FAILED;
        }
        config_free(&config);
    }
    buf_free(&request);
    buf_free(&out);
    arena_free(arena);
    return code;
}

int keys_rotate_run(const struct args *args)
{
    return ask(args, "keys-rotate", args_option(args, "now") != NULL, add_sentence);
}

static void add_list(struct buf *out, const struct json_t *keys, bool as_json)
{
    for (size_t i = 0; i < json_array_size(keys); i++)
        add_key(out, json_array_get(keys, i), as_json);
}

int keys_list_run(const struct args *args)
{
    return ask(args, "keys-list", args_option(args, "json") != NULL, add_list);
}
