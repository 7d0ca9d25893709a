#include "cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/name.h"
#include "tickets/render.h"

/* ---- printing ---- */

void cli_complain(const char *format, ...)
{
    struct buf line = buf_heap();
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(&line, "usher: %s\n", text);
    fputs(line.data, stderr);
    buf_free(&line);
}

bool cli_print(const struct buf *text)
{
    size_t at = 0;

    while (at < text->len) {
        ssize_t n = write(STDOUT_FILENO, text->data + at, text->len - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            cli_complain("cannot write to standard output: %s", strerror(errno));
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

bool cli_make_folders(const char *path, struct buf *error)
{
    struct buf part = buf_heap();
    bool ok = true;

    buf_str(&part, path);
    for (size_t i = 1; ok && i <= part.len; i++) {
        char c = part.data[i];

        if (c != '/' && c != '\0')
            continue;
        part.data[i] = '\0';
        if (mkdir(part.data, 0700) && errno != EEXIST) {
            buf_printf(error, "The folder %s cannot be made: %s.", part.data, strerror(errno));
            ok = false;
        }
        part.data[i] = c;
    }
    buf_free(&part);
    return ok;
}

/* ---- help ---- */

static bool is_group_of(const char *group, const struct command *command)
{
    size_t len = strlen(group);

    return !strncmp(command->name, group, len) && command->name[len] == ' ';
}

static void add_usage(struct buf *out, const struct command *command)
{
    buf_printf(out, "usher %s", command->name);
    if (command->words)
        buf_printf(out, command->words_optional ? " [%s]" : " %s", command->words);
    for (const struct option *option = command->options; option && option->name; option++) {
        buf_printf(out, " [--%s", option->name);
        if (option->value)
            buf_printf(out, " %s", option->value);
        buf_char(out, ']');
    }
    buf_char(out, '\n');
}

static void add_help(struct buf *out, const struct command *command)
{
    add_usage(out, command);
    buf_printf(out, "\n%s\n", command->summary);
    if (command->help)
        buf_printf(out, "\n%s\n", command->help);
    if (command->options) {
        buf_str(out, "\nOptions:\n");
        for (const struct option *option = command->options; option->name; option++) {
            char name[64];

            snprintf(name, sizeof name, "--%s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
            buf_printf(out, "  %-24s %s\n", name, option->help);
        }
    }
}

static void add_overview(struct buf *out)
{
    buf_str(out, "Usher sells tickets, and checks them at the gate.\n\n");
    for (const struct command *command = commands; command->name; command++)
        if (!command->hidden)
            buf_printf(out, "  usher %-14s %s\n", command->name, command->summary);
    buf_str(out, "\n'usher help COMMAND' tells more; 'usher help config' lists every setting.\n");
}

static bool add_help_on(struct buf *out, const char *topic)
{
    bool found = false;

    if (!strcmp(topic, "config")) {
        buf_str(out, "Every setting is a key of the file given with --config ('key = value', lines that begin with # are\n"
                     "comments) and an environment variable, which wins. An empty value leaves a setting unset.\n\n");
        config_describe(out);
        return true;
    }
    for (const struct command *command = commands; command->name; command++) {
        if (strcmp(command->name, topic) != 0 && !is_group_of(topic, command))
            continue;
        if (found)
            buf_char(out, '\n');
        add_help(out, command);
        found = true;
    }
    return found;
}

static int print_and_free(struct buf *out)
{
    int code = cli_print(out) ? EXIT_DONE : EXIT_FAILED;

    buf_free(out);
    return code;
}

static int unknown_command(const char *name)
{
    const struct command *nearest = NULL;
    struct buf shown = buf_heap();
    unsigned least = UINT32_MAX;

    for (const struct command *command = commands; command->name; command++) {
        unsigned distance = name_distance(name, strlen(name), command->name);

        if (!command->hidden && distance < least) {
            least = distance;
            nearest = command;
        }
    }
    name_show(&shown, name, strlen(name));
    cli_complain("there is no command '%s'; the nearest is '%s'. See 'usher help'.", shown.data ? shown.data : "", nearest->name);
    buf_free(&shown);
    return EXIT_USAGE;
}

static int help_run(const struct args *args)
{
    struct buf out = buf_heap();
    struct buf topic = buf_heap();
    bool found = true;
    int code;

    if (args->word_count) {
        for (size_t i = 0; i < args->word_count; i++)
            buf_printf(&topic, i ? " %s" : "%s", args->word[i]);
        found = add_help_on(&out, topic.data);
    } else {
        add_overview(&out);
    }
    code = found ? print_and_free(&out) : unknown_command(topic.data);
    buf_free(&topic);
    return code;
}

static int version_run(const struct args *args)
{
    struct buf out = buf_heap();

    buf_str(&out, "usher " USHER_VERSION "\n");
    return print_and_free(&out);
}

static int render_run(const struct args *args)
{
    return render_child_main();
}

/* ---- the table ---- */

#define DATA { "data", "DIR", "the data folder (./data)" }
#define CONFIG { "config", "FILE", "a file with settings; see 'usher help config'" }
#define LISTEN { "listen", "ADDR:PORT", "where to listen (127.0.0.1:8080); port 0 takes any free one" }

static const struct option serve_options[] = { DATA, LISTEN, CONFIG, { NULL } };
static const struct option folder_options[] = { DATA, CONFIG, { NULL } };
static const struct option user_add_options[] = {
    { "group", "GROUP", "Attendees (the default), Organizers or Admins" },
    { "name", "NAME", "the name that tickets bear" },
    { "password-stdin", NULL, "read the password from the first line of standard input" },
    DATA, CONFIG, { NULL }
};
static const struct option user_group_options[] = {
    { "group", "GROUP", "Attendees, Organizers or Admins; several are separated by commas" }, DATA, CONFIG, { NULL }
};
static const struct option user_mfa_options[] = { { "off", NULL, "take the second factor and its recovery codes off" }, DATA, CONFIG, { NULL } };
static const struct option list_options[] = { { "json", NULL, "one JSON object a line" }, DATA, CONFIG, { NULL } };
static const struct option keys_rotate_options[] = {
    { "now", NULL, "for a key that others may know: void whatever it and all others signed" }, DATA, CONFIG, { NULL }
};
static const struct option restore_options[] = {
    { "at", "TIME", "a point in time: not in this version" }, DATA, CONFIG, { NULL }
};
static const struct option check_options[] = { { "json", NULL, "one JSON object" }, DATA, CONFIG, { NULL } };

const struct command commands[] = {
    { .name = "serve", .summary = "Run everything: API, identity, payments, tickets, jobs.", .options = serve_options, .run = serve_run,
      .help = "Prints 'usher: ready on http://ADDR:PORT' on standard error once it accepts requests. SIGTERM: requests\n"
              "in flight finish (at most 10 s), jobs not begun wait for the next start, exit 0. Logs are JSON lines on\n"
              "standard error." },
    { .name = "demo", .summary = "The same over a folder filled with believable events.", .options = serve_options, .run = demo_run,
      .help = "Fills the data folder if it is empty, prints an organizer's and an attendee's sign-in, and serves. The\n"
              "passwords are known to everyone, so it listens on this machine alone." },
    { .name = "user add", .words = "EMAIL", .word_count = 1, .summary = "Add an account, confirmed at once.", .options = user_add_options,
      .run = user_add_run,
      .help = "Works on a stopped data folder and beside a running server. Without --password-stdin the account has\n"
              "no password, and signing in begins with resetting it by mail." },
    { .name = "user list", .summary = "List the accounts.", .options = list_options, .run = user_list_run },
    { .name = "user group", .words = "EMAIL", .word_count = 1, .summary = "Put an account into groups, and out of the others.",
      .options = user_group_options, .run = user_group_run },
    { .name = "user disable", .words = "EMAIL", .word_count = 1, .summary = "Bar an account; its tokens end at once.", .options = folder_options,
      .run = user_disable_run, .help = "EMAIL may also be the account's id, for one without an address." },
    { .name = "user mfa", .words = "EMAIL", .word_count = 1, .summary = "Take the second factor off an account.", .options = user_mfa_options,
      .run = user_mfa_run,
      .help = "With --off: for somebody who lost the authenticator app and the recovery codes, and whom you have made\n"
              "sure of in another way. The password stays, sessions stay, and the owner is told by mail." },
    { .name = "keys rotate", .summary = "Put a new key in place of the one that signs tokens.", .options = keys_rotate_options, .run = keys_rotate_run,
      .help = "Works on a stopped data folder and beside a running server. The new key is published at once and signs\n"
              "6 minutes later, when every cache of the key set has it; the old one verifies until the last token that\n"
              "it signed has expired, and is then removed. Nobody notices. With --now the new key signs at once and all\n"
              "others are gone: every ID and access token so far is void, and clients refresh them." },
    { .name = "keys list", .summary = "List the keys that sign and verify tokens.", .options = list_options, .run = keys_list_run },
    { .name = "user delete", .words = "EMAIL", .word_count = 1, .summary = "Delete an account for ever, and what is held on its owner.",
      .options = folder_options, .run = user_delete_run,
      .help = "As if its owner had asked. The account goes at once; names in orders, PDFs and the rest go by a job of the\n"
              "running server. What accounting needs is kept under the account's number. Refused while the account has\n"
              "published events that have not ended. EMAIL may also be the account's id." },
    { .name = "backup", .words = "DIR", .word_count = 1, .summary = "Write a backup into a new folder under DIR.", .options = folder_options,
      .run = backup_run,
      .help = "Works beside a running server. A backup holds the database, the keys and the stored files, and a\n"
              "manifest with the SHA-256 of each. It appears under its name only when it is whole. DIR is made." },
    { .name = "restore", .words = "DIR", .word_count = 1, .summary = "Fill a new data folder from the newest backup under DIR.",
      .options = restore_options, .run = restore_run,
      .help = "Every file is compared with the manifest first. A data folder that holds a database is refused. DIR may\n"
              "also be one backup's own folder." },
    { .name = "check", .summary = "Recount the invariants from the rows.", .options = check_options, .run = check_run,
      .help = "In one snapshot, on a stopped folder or beside a running server. Prints a line for each invariant, and\n"
              "what is broken; exit 1 when something is." },
    { .name = "version", .summary = "Print the version.", .run = version_run },
    { .name = "help", .words = "COMMAND", .word_count = 2, .words_optional = true, .summary = "Tell what a command does, or list the settings.",
      .run = help_run },
    { .name = "render", .summary = "Draw tickets for the server that started this.", .run = render_run, .hidden = true },
    { 0 },
};

/* ---- parsing ---- */

const char *args_option(const struct args *args, const char *name)
{
    for (size_t i = 0; args->command->options[i].name; i++)
        if (!strcmp(args->command->options[i].name, name))
            return args->given[i];
    assert(!"an option that is not in the command's table");
    return NULL;
}

/* "user add" before "user"; `used` is the number of arguments that the name takes. */
static const struct command *command_find(int argc, char **argv, int *used)
{
    for (const struct command *command = commands; command->name; command++) {
        const char *space = strchr(command->name, ' ');

        if (!space && !strcmp(command->name, argv[0])) {
            *used = 1;
            return command;
        }
        if (space && argc > 1 && strlen(argv[0]) == (size_t)(space - command->name) &&
            !strncmp(command->name, argv[0], (size_t)(space - command->name)) && !strcmp(space + 1, argv[1])) {
            *used = 2;
            return command;
        }
    }
    return NULL;
}

static int unknown_option(const struct command *command, const char *name, size_t len)
{
    struct buf text = buf_heap();
    const char *nearest = "help";
    unsigned least = name_distance(name, len, nearest);

    for (const struct option *option = command->options; option && option->name; option++) {
        unsigned distance = name_distance(name, len, option->name);

        if (distance < least) {
            least = distance;
            nearest = option->name;
        }
    }
    name_show(&text, name, len);
    cli_complain("'%s' has no option '--%s'; the nearest is '--%s'. See 'usher help %s'.", command->name, text.data ? text.data : "", nearest,
                 command->name);
    buf_free(&text);
    return EXIT_USAGE;
}

/* The option at argv[*i], moved past its value. EXIT_DONE to go on. */
static int parse_option(struct args *args, int argc, char **argv, int *i)
{
    const struct option *options = args->command->options;
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name), n = 0;

    if (argv[*i][1] != '-')
        return unknown_option(args->command, argv[*i] + 1, strlen(argv[*i] + 1));
    while (options && options[n].name && (strlen(options[n].name) != len || strncmp(options[n].name, name, len) != 0))
        n++;
    if (!options || !options[n].name)
        return unknown_option(args->command, name, len);
    assert(n < OPTIONS_MAX);
    if (args->given[n]) {
        cli_complain("--%s is given twice.", options[n].name);
        return EXIT_USAGE;
    }
    if (!options[n].value && equals) {
        cli_complain("--%s takes no value.", options[n].name);
        return EXIT_USAGE;
    }
    if (options[n].value && !equals && *i + 1 == argc) {
        cli_complain("--%s needs a value: --%s %s.", options[n].name, options[n].name, options[n].value);
        return EXIT_USAGE;
    }
    if (!options[n].value)
        args->given[n] = "";
    else
        args->given[n] = equals ? equals + 1 : argv[++*i];
    return EXIT_DONE;
}

static int parse(struct args *args, int argc, char **argv)
{
    const struct command *command = args->command;
    bool only_words = false;

    for (int i = 0; i < argc; i++) {
        int code = EXIT_DONE;

        if (!only_words && !strcmp(argv[i], "--")) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            code = parse_option(args, argc, argv, &i);
        } else if (args->word_count == command->word_count) {
            cli_complain("'%s' takes %s. See 'usher help %s'.", command->name, command->word_count ? "fewer words" : "no words", command->name);
            code = EXIT_USAGE;
        } else {
            args->word[args->word_count++] = argv[i];
        }
        if (code)
            return code;
    }
    if (args->word_count < command->word_count && !command->words_optional) {
        cli_complain("'%s' needs %s. See 'usher help %s'.", command->name, command->words, command->name);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

bool args_config(const struct args *args, struct config *out)
{
    static const char *const overrides[] = { "data", "listen" };
    struct buf error = buf_heap();
    bool ok = config_load(args_option(args, "config"), out, &error);

    for (size_t i = 0; ok && i < COUNT(overrides); i++) {
        const struct option *option = args->command->options;

        while (option->name && strcmp(option->name, overrides[i]) != 0)
            option++;
        if (option->name && args_option(args, overrides[i])) {
            ok = config_override(out, overrides[i], args_option(args, overrides[i]), &error);
            if (!ok)
                config_free(out);
        }
    }
    if (!ok)
        cli_complain("%s", error.data);
    buf_free(&error);
    return ok;
}

int cli_main(int argc, char **argv)
{
    struct args args = { 0 };
    struct buf out = buf_heap();
    int used = 0, code;

    umask(0077); /* what we write holds people's names, and keys */
    if (argc < 2) {
        add_overview(&out);
        fputs(out.data, stderr);
        buf_free(&out);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return help_run(&args);
    if (!strcmp(argv[1], "--version"))
        return version_run(&args);
    args.command = command_find(argc - 1, argv + 1, &used);
    if (!args.command) {
        if (!add_help_on(&out, argv[1]) || !strcmp(argv[1], "config")) {
            buf_free(&out);
            return unknown_command(argv[1]);
        }
        if (asks_for_help(argc - 2, argv + 2))
            return print_and_free(&out);
        fputs(out.data, stderr); /* "usher user": which of them? */
        buf_free(&out);
        return EXIT_USAGE;
    }
    if (asks_for_help(argc - 1 - used, argv + 1 + used)) {
        add_help(&out, args.command);
        return print_and_free(&out);
    }
    code = parse(&args, argc - 1 - used, argv + 1 + used);
    return code ? code : args.command->run(&args);
}
