/* check.c - `usher check`: opens the data folder for reading alone, has the rows counted, and reports. */
#include "cli/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"

static const struct {
    const char *name, *title, *looked_at;
} invariants[CHECK_COUNT] = {
    [CHECK_SEATS] = { "seats", "held and sold seats are what registrations say, and no more than there are", "registrations" },
    [CHECK_TICKETS] = { "tickets", "a confirmed registration has just its tickets, no other has a valid one", "tickets" },
    [CHECK_MONEY] = { "money", "paid exactly before confirmed; money that came became tickets or goes back", "payments" },
    [CHECK_ADMISSIONS] = { "admissions", "a ticket is admitted once each time it is valid", "admissions" },
    [CHECK_DURABLE] = { "durable", "the database file is sound", "databases" },
    [CHECK_OUTSIDE] = { "outside", "what is to be sent has a job until it was sent", "refunds and jobs" },
};

static uint64_t count_breaches(const struct check *check)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < CHECK_COUNT; i++)
        sum += check->found[i].breaches;
    return sum;
}

static void report_balance(const struct check *check, struct buf *out)
{
    char at[CLOCK_TEXT_LEN + 1];

    if (!check->balance_read_to_ms) {
        buf_str(out, "balance   the ledger was not compared with the provider's balance, which was not read yet\n");
        return;
    }
    clock_format(check->balance_read_to_ms, at);
    buf_printf(out, "balance   read up to %s: the money of %" PRIu64 " registrations compared with the ledger, that of %" PRIu64 " not in it\n", at,
               check->balance_compared, check->balance_absent);
}

static void report_jobs(const struct check *check, struct buf *out)
{
    struct fault fault = { .arena = check->arena };
    struct json_t *jobs = NULL;

    buf_printf(out, "jobs      %" PRIu64 " to be done, %" PRIu64 " of them parked\n", check->job_count, check->job_parked);
    if (json_parse(check->arena, check->jobs.data, check->jobs.len, &jobs, &fault))
        return;
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const struct json_t *job = json_array_get(jobs, i);
        const char *key = json_string_value(json_object_get(job, "key")), *failure = json_string_value(json_object_get(job, "failure"));

        buf_printf(out, "          %s %s %s, %" JSON_INTEGER_FORMAT " attempts, due %s%s%s\n",
                   json_is_true(json_object_get(job, "parked")) ? "parked" : "live", json_string_value(json_object_get(job, "kind")), key ? key : "-",
                   json_integer_value(json_object_get(job, "attempts")), json_string_value(json_object_get(job, "runAt")), failure ? ": " : "",
                   failure ? failure : "");
    }
    if (check->job_count > json_array_size(jobs))
        buf_printf(out, "          and %" PRIu64 " more\n", check->job_count - json_array_size(jobs));
}

static void report(const struct check *check, struct buf *out)
{
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        const struct finding *found = &check->found[i];

        buf_printf(out, "%-6s %zu  %-11s %s (%" PRIu64 " %s)\n", found->breaches ? "BROKEN" : "ok", i + 1, invariants[i].name, invariants[i].title,
                   found->looked_at, invariants[i].looked_at);
        for (const struct breach *breach = found->first; breach; breach = breach->next)
            buf_printf(out, "          %s %s\n", breach->about, breach->what);
        if (found->breaches > CHECK_BREACHES_SHOWN)
            buf_printf(out, "          and %" PRIu64 " more\n", found->breaches - CHECK_BREACHES_SHOWN);
    }
    report_balance(check, out);
    report_jobs(check, out);
}

static void report_json(const struct check *check, struct buf *out)
{
    json_open(out, NULL);
    json_bool(out, "ok", count_breaches(check) == 0);
    json_open_array(out, "invariants");
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        const struct finding *found = &check->found[i];

        json_open(out, NULL);
        json_int(out, "number", (int64_t)i + 1);
        json_str(out, "name", invariants[i].name);
        json_bool(out, "ok", found->breaches == 0);
        json_int(out, "lookedAt", (int64_t)found->looked_at);
        json_int(out, "breachCount", (int64_t)found->breaches);
        json_open_array(out, "breaches");
        for (const struct breach *breach = found->first; breach; breach = breach->next) {
            json_open(out, NULL);
            json_str(out, "about", breach->about);
            json_str(out, "what", breach->what);
            json_close(out);
        }
        json_close_array(out);
        json_close(out);
    }
    json_close_array(out);
    json_time_or_null(out, "balanceReadTo", check->balance_read_to_ms);
    json_int(out, "balanceCompared", (int64_t)check->balance_compared);
    json_int(out, "balanceAbsent", (int64_t)check->balance_absent);
    json_int(out, "jobCount", (int64_t)check->job_count);
    json_int(out, "jobsParked", (int64_t)check->job_parked);
    json_raw(out, "jobs", check->jobs.data, check->jobs.len);
    json_close(out);
    buf_char(out, '\n');
}

/* Count everything in one snapshot; false and a sentence when the rows cannot be read through. */
static bool count(struct check *check, const struct config *config, struct buf *error)
{
    struct app app = { .config = config };
    struct arena *arena = arena_new(0);
    struct fault fault = { .arena = arena };
    struct store *store = store_open_readonly(&app, config->data, error);
    struct reader *reader;
    struct tx tx;
    bool ok;

    if (!store) {
        arena_free(arena);
        return false;
    }
    app.store = store;
    reader = reader_open(store);
    reader_begin(reader, &tx, arena, &fault);
    check->tx = &tx;
    ok = check_rows(check);
    reader_end(reader, &tx);
    reader_close(reader);
    store_close(store);
    arena_free(arena);
    check_file(check, config->data);
    if (!ok && !check->found[CHECK_DURABLE].breaches)
        buf_str(error, "The database could not be read through; nothing is known of the invariants.");
    return ok || check->found[CHECK_DURABLE].breaches;
}

int check_run(const struct args *args)
{
    struct check check = { .arena = arena_new(0), .jobs = buf_heap() };
    struct buf error = buf_heap(), out = buf_heap();
    struct config config;
    int code = EXIT_FAILED;

    if (!args_config(args, &config)) {
        arena_free(check.arena);
        return EXIT_USAGE;
    }
    if (!count(&check, &config, &error)) {
        cli_complain("%s", error.data);
    } else {
        if (args_option(args, "json"))
            report_json(&check, &out);
        else
            report(&check, &out);
        if (cli_print(&out) && !count_breaches(&check))
            code = EXIT_DONE;
    }
    buf_free(&check.jobs);
    buf_free(&error);
    buf_free(&out);
    arena_free(check.arena);
    config_free(&config);
    return code;
}
