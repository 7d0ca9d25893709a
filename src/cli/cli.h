/*
 * cli.h - the commands: one table that names, documents, parses and runs them.
 *
 * Exit codes: 0 done; 1 it could not be done, or `check` found something
 * broken; 2 the command line or a setting is wrong, and nothing was opened.
 * What a command was asked for goes to standard output, everything else to
 * standard error.
 */
#ifndef USHER_CLI_CLI_H
#define USHER_CLI_CLI_H

#include "base/app.h"
#include "base/buf.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct option {
    const char *name;   /* without dashes; NULL ends the list */
    const char *value;  /* what stands behind it ("DIR"); NULL: it is a switch */
    const char *help;
};

#define WORDS_MAX 4
#define OPTIONS_MAX 12

/* A parsed command line. Everything in it lives as long as argv. */
struct args {
    const struct command *command;
    const char *word[WORDS_MAX]; /* what is neither option nor command, in order */
    size_t word_count;
    const char *given[OPTIONS_MAX]; /* value of command->options[i]; "" for a switch; NULL: absent */
};

struct command {
    const char *name;      /* "serve", "user add"; NULL ends the table */
    const char *words;     /* its words in the usage line ("EMAIL"), or NULL */
    size_t word_count;     /* how many it must have */
    const char *summary;   /* one line */
    const char *help;      /* further paragraphs, wrapped by hand, or NULL */
    const struct option *options;
    int (*run)(const struct args *args);
    bool words_optional;   /* `word_count` is the most, not exact */
    bool hidden;
};
extern const struct command commands[];

/* All of main. */
int cli_main(int argc, char **argv);

/* An option's value, "" for a switch that was given, NULL when absent. The name must be in the command's table. */
const char *args_option(const struct args *args, const char *name);
/* The settings: --config, the environment, then --data and --listen. Prints the fault and returns false. */
bool args_config(const struct args *args, struct config *out);

/* "usher: " and a sentence on standard error. */
void cli_complain(const char *format, ...) PRINTF_LIKE(1, 2);
/* Write it all to standard output; false (and a sentence) when that fails, so that a full disk behind a pipe is not taken for success. */
bool cli_print(const struct buf *text);
/* Make a folder and those above it, 0700. A sentence and false on a fault. */
bool cli_make_folders(const char *path, struct buf *error);

int serve_run(const struct args *args);
int demo_run(const struct args *args);
int user_add_run(const struct args *args);
int user_list_run(const struct args *args);
int user_group_run(const struct args *args);
int user_disable_run(const struct args *args);
int user_mfa_run(const struct args *args);
int keys_rotate_run(const struct args *args);
int keys_list_run(const struct args *args);
int user_delete_run(const struct args *args);
int backup_run(const struct args *args);
int restore_run(const struct args *args);
int check_run(const struct args *args);

#endif
