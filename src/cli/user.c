/*
 * user.c - `usher user ...`: the command builds a request, and the server that
 * holds the data folder carries it out, or we do it ourselves on a stopped one.
 *
 * A password is read from standard input, never from the command line, where
 * every user of the machine could see it, and is hashed here: the server, and
 * the socket, see the hash alone.
 */
#include "cli/user.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/parts.h"
#include "identity/identity.h"

#define USERS_PER_PAGE 500
#define PASSWORD_LINE_MAX 1026 /* 256 characters of 4 bytes, and the line's end */

/* ---- groups ---- */

static const struct {
    const char *name;
    unsigned bit;
} groups[] = { { "Attendees", GROUP_ATTENDEES }, { "Organizers", GROUP_ORGANIZERS }, { "Admins", GROUP_ADMINS } };

/* "Organizers,Admins" as bits; 0 when one is unknown. */
static unsigned groups_from_text(const char *text)
{
    unsigned bits = 0;

    while (*text) {
        size_t len = strcspn(text, ","), n = 0;

        while (n < COUNT(groups) && (strlen(groups[n].name) != len || strncmp(groups[n].name, text, len) != 0))
            n++;
        if (n == COUNT(groups))
            return 0;
        bits |= groups[n].bit;
        text += len;
        text += *text == ',';
    }
    return bits;
}

/* ---- what the server does ---- */

struct change {
    const char *email, *name, *password_hash;
    unsigned groups;
    struct id account;
};

static enum err read_change(const struct json_t *request, struct change *out, struct fault *fault)
{
    json_int_t bits = json_integer_value(json_object_get(request, "groups"));

    out->email = json_string_value(json_object_get(request, "email"));
    out->name = json_string_value(json_object_get(request, "name"));
    out->password_hash = json_string_value(json_object_get(request, "passwordHash"));
    if (!out->email || bits < 0 || bits > (GROUP_ATTENDEES | GROUP_ORGANIZERS | GROUP_ADMINS))
        return fault_set(fault, ERR_BAD_REQUEST, "The request is not one of ours.");
    out->groups = (unsigned)bits;
    return ERR_OK;
}

static enum err run_add(struct tx *tx, void *arg)
{
    struct change *change = arg;

    return account_add(tx, change->email, change->name, change->groups, change->password_hash, &change->account);
}

static enum err run_group(struct tx *tx, void *arg)
{
    struct change *change = arg;

    return account_set_groups(tx, change->email, change->groups);
}

static enum err run_disable(struct tx *tx, void *arg)
{
    struct change *change = arg;

    return account_disable(tx, change->email);
}

static enum err run_mfa_off(struct tx *tx, void *arg)
{
    struct change *change = arg;

    return account_take_factor_off(tx, change->email);
}

static enum err run_delete(struct tx *tx, void *arg)
{
    struct change *change = arg;

    return account_remove(tx, change->email);
}

/* `arena` holds the request, which a second run still needs: the write gets one of its own. */
static enum err write_change(struct app *app, struct arena *arena, const struct json_t *request, struct fault *fault, struct change *change,
                             enum err (*run)(struct tx *tx, void *arg))
{
    static const struct id any;
    struct arena *own = arena_new(0);
    struct fault own_fault = { .arena = own };
    enum err e = read_change(request, change, fault);

    if (!e) {
        e = store_write_wait(app->store, own, &own_fault, &any, true, run, change);
        if (e && own_fault.detail)
            fault->detail = arena_strdup(arena, own_fault.detail);
    }
    arena_free(own);
    return e;
}

enum err user_add(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    struct change change = { 0 };
    enum err e = write_change(app, arena, request, fault, &change, run_add);

    if (!e)
        json_id(reply, "accountId", &change.account);
    return e;
}

enum err user_group(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    struct change change = { 0 };

    return write_change(app, arena, request, fault, &change, run_group);
}

enum err user_disable(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    struct change change = { 0 };

    return write_change(app, arena, request, fault, &change, run_disable);
}

enum err user_mfa_off(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    struct change change = { 0 };

    return write_change(app, arena, request, fault, &change, run_mfa_off);
}

enum err user_delete(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    struct change change = { 0 };

    return write_change(app, arena, request, fault, &change, run_delete);
}

SQL(user_page, "SELECT id, email, email_key, name, groups, CASE WHEN deleted_at IS NULL THEN status ELSE 3 END, created_at FROM account WHERE email_key > :after"
               " ORDER BY email_key LIMIT :limit");

enum err user_list(struct app *app, struct arena *arena, const struct json_t *request, struct buf *reply, struct fault *fault)
{
    static const char *const words[] = { "unconfirmed", "confirmed", "disabled", "deleted" };
    const char *after = json_string_value(json_object_get(request, "after")), *last = NULL;
    struct reader *reader = reader_open(app->store);
    struct query *q;
    struct tx tx;
    bool failed;
    int count = 0;

    reader_begin(reader, &tx, arena, fault);
    q = query(&tx, &user_page);
    bind_text(q, ":after", after ? after : "");
    bind_int(q, ":limit", USERS_PER_PAGE);
    json_open_array(reply, "users");
    for (; query_row(q); count++) {
        struct id id = col_id(q, 0);
        unsigned bits = (unsigned)col_int(q, 4);
        int64_t status = col_int(q, 5);

        json_open(reply, NULL);
        json_id(reply, "accountId", &id);
        json_str(reply, "email", col_text(q, 1, arena));
        json_str(reply, "name", col_text(q, 3, arena));
        json_open_array(reply, "groups");
        for (size_t n = 0; n < COUNT(groups); n++)
            if (bits & groups[n].bit)
                json_str(reply, NULL, groups[n].name);
        json_close_array(reply);
        json_str(reply, "status", status >= 0 && status < (int64_t)COUNT(words) ? words[status] : "?");
        json_time(reply, "createdAt", col_int(q, 6));
        json_close(reply);
        last = col_text(q, 2, arena);
    }
    json_close_array(reply);
    json_str(reply, "next", count == USERS_PER_PAGE ? last : NULL);
    query_end(q);
    failed = tx_failed(&tx);
    reader_end(reader, &tx);
    reader_close(reader);
    return failed ? ERR_INTERNAL : ERR_OK;
}

/* ---- the command ---- */

/* Begin {"command":...; the caller adds members and closes it. */
static void begin_request(struct buf *request, const char *command)
{
    json_open(request, NULL);
    json_str(request, "command", command);
}

/* Send what `request` holds; print `sentence` when it was done. */
static int ask_and_say(const struct args *args, const struct buf *request, const char *sentence)
{
    struct arena *arena = arena_new(0);
    struct buf out = buf_heap();
    struct config config;
    int code = EXIT_USAGE;

    if (args_config(args, &config)) {
        code = EXIT_FAILED;
        if (control_carry_out(&config, request, true, arena)) {
            buf_printf(&out, "%s %s\n", args->word[0], sentence);
            code = cli_print(&out) ? EXIT_DONE : EXIT_FAILED;
        }
        config_free(&config);
    }
    buf_free(&out);
    arena_free(arena);
    return code;
}

/* The first line of standard input, hashed. NULL and a sentence when that cannot be. */
static const char *read_password(const struct args *args, const struct config *config, struct arena *arena)
{
    char line[PASSWORD_LINE_MAX + 1];
    struct fault fault = { .arena = arena };
    const char *hash = NULL;
    size_t len;

    if (!fgets(line, sizeof line, stdin)) {
        cli_complain("there is no password on standard input.");
        return NULL;
    }
    len = strcspn(line, "\r\n");
    line[len] = '\0';
    if (identity_hash_password(arena, &fault, config, line, args->word[0], args_option(args, "name"), &hash)) {
        cli_complain("the password will not do: %s", fault.fields ? fault.fields->detail : fault.detail ? fault.detail : "it cannot be hashed");
        hash = NULL;
    }
    explicit_bzero(line, sizeof line);
    return hash;
}

/* Bytes that json_quote would pass on although no JSON reader takes them. */
static bool is_text(const char *text)
{
    struct buf quoted = buf_heap();
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    struct json_t *parsed;
    bool is;

    json_quote(&quoted, text, strlen(text));
    is = json_parse(arena, quoted.data, quoted.len, &parsed, &fault) == ERR_OK;
    for (const char *c = text; is && *c; c++)
        is = (unsigned char)*c >= ' ' && *c != 0x7f;
    buf_free(&quoted);
    arena_free(arena);
    return is;
}

static bool words_are_text(const struct args *args)
{
    const char *name = args->command->run == user_add_run ? args_option(args, "name") : NULL;

    if (is_text(args->word[0]) && (!name || (*name && strlen(name) <= 200 && is_text(name))))
        return true;
    cli_complain("an address or a name is UTF-8 without control characters, a name of 1 to 200 bytes.");
    return false;
}

/* EXIT_DONE with the bits, or the exit code after a sentence. */
static int read_groups(const char *text, unsigned *out)
{
    *out = groups_from_text(text);
    if (*out)
        return EXIT_DONE;
    cli_complain("--group is one of Attendees, Organizers and Admins; several are separated by commas.");
    return EXIT_USAGE;
}

int user_add_run(const struct args *args)
{
    const char *group = args_option(args, "group"), *hash = NULL;
    struct arena *arena = arena_new(0);
    struct buf request = buf_heap();
    unsigned bits = 0;
    int code = read_groups(group ? group : "Attendees", &bits);

    if (!code && !words_are_text(args))
        code = EXIT_USAGE;
    if (!code && args_option(args, "password-stdin")) {
        struct config config;

        code = args_config(args, &config) ? EXIT_DONE : EXIT_USAGE;
        if (!code) {
            hash = read_password(args, &config, arena);
            code = hash ? EXIT_DONE : EXIT_FAILED;
            config_free(&config);
        }
    }
    if (!code) {
        begin_request(&request, "user-add");
        json_str(&request, "email", args->word[0]);
        json_str(&request, "name", args_option(args, "name"));
        json_int(&request, "groups", bits);
        json_str(&request, "passwordHash", hash);
        json_close(&request);
        code = ask_and_say(args, &request, hash ? "was added." : "was added; it has no password yet.");
    }
    buf_free(&request);
    arena_free(arena);
    return code;
}

int user_group_run(const struct args *args)
{
    struct buf request = buf_heap();
    unsigned bits = 0;
    int code;

    if (!args_option(args, "group")) {
        cli_complain("'user group' needs --group.");
        return EXIT_USAGE;
    }
    code = read_groups(args_option(args, "group"), &bits);
    if (!code && !words_are_text(args))
        code = EXIT_USAGE;
    if (!code) {
        begin_request(&request, "user-group");
        json_str(&request, "email", args->word[0]);
        json_int(&request, "groups", bits);
        json_close(&request);
        code = ask_and_say(args, &request, "is in these groups now.");
    }
    buf_free(&request);
    return code;
}

static int ask_about(const struct args *args, const char *command, const char *sentence)
{
    struct buf request = buf_heap();
    int code = words_are_text(args) ? EXIT_DONE : EXIT_USAGE;

    if (!code) {
        begin_request(&request, command);
        json_str(&request, "email", args->word[0]);
        json_close(&request);
        code = ask_and_say(args, &request, sentence);
    }
    buf_free(&request);
    return code;
}

int user_disable_run(const struct args *args)
{
    return ask_about(args, "user-disable", "is disabled.");
}

int user_delete_run(const struct args *args)
{
    return ask_about(args, "user-delete", "was deleted; what else is held on the person follows while the server runs.");
}

int user_mfa_run(const struct args *args)
{
    if (args_option(args, "off"))
        return ask_about(args, "user-mfa-off", "signs in by password alone now.");
    cli_complain("say --off: a second factor can be taken off from here, and set up by its owner alone.");
    return EXIT_USAGE;
}

/* ---- the list ---- */

static void add_user(struct buf *out, const struct json_t *user, bool as_json)
{
    size_t count = json_array_size(json_object_get(user, "groups"));
    struct buf names = buf_heap();

    if (as_json) {
        char *line = json_dumps(user, JSON_COMPACT);

        if (!line)
            abort();
        buf_printf(out, "%s\n", line);
        free(line);
        return;
    }
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, i ? ",%s" : "%s", json_string_value(json_array_get(json_object_get(user, "groups"), i)));
    buf_printf(out, "%-40s %-12s %-24s %s\n", json_string_value(json_object_get(user, "email")),
               json_string_value(json_object_get(user, "status")), names.data ? names.data : "-",
               json_is_string(json_object_get(user, "name")) ? json_string_value(json_object_get(user, "name")) : "");
    buf_free(&names);
}

/* Pages until the last; each is a request of its own, so that neither side ever holds all accounts. */
static int list_users(const struct config *config, bool as_json)
{
    struct arena *arena = arena_new(0);
    struct buf request = buf_heap(), out = buf_heap();
    char *after = NULL;
    int code = EXIT_DONE;

    do {
        struct json_t *answer, *users;

        buf_clear(&request);
        begin_request(&request, "user-list");
        json_str(&request, "after", after);
        json_close(&request);
        free(after);
        after = NULL;
        arena_reset(arena);
        answer = control_carry_out(config, &request, true, arena);
        if (!answer) {
            code = EXIT_FAILED;
            break;
        }
        users = json_object_get(answer, "users");
        buf_clear(&out);
        for (size_t i = 0; i < json_array_size(users); i++)
            add_user(&out, json_array_get(users, i), as_json);
        if (!cli_print(&out))
            code = EXIT_FAILED;
        if (json_is_string(json_object_get(answer, "next")))
            after = strdup(json_string_value(json_object_get(answer, "next")));
    } while (after && !code);
    free(after);
    buf_free(&request);
    buf_free(&out);
    arena_free(arena);
    return code;
}

int user_list_run(const struct args *args)
{
    struct config config;
    int code;

    if (!args_config(args, &config))
        return EXIT_USAGE;
    code = list_users(&config, args_option(args, "json") != NULL);
    config_free(&config);
    return code;
}
