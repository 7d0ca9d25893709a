/* Settings: file, environment and command line in that order; faults are named before anything is opened. */
#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static char path[] = "/tmp/usher-config-XXXXXX";

static void clean_environment(void)
{
    for (char **variable = environ; *variable;) {
        if (!strncmp(*variable, "USHER_", 6)) {
            char *name = strndup(*variable, strcspn(*variable, "="));

            unsetenv(name);
            free(name);
        } else {
            variable++;
        }
    }
}

/* The file's text (NULL: none) and one variable (NULL: none); the sentence, or "" when it loads. */
static const char *load(const char *text, const char *name, const char *value, struct config *out)
{
    static char sentence[1024];
    struct buf error = buf_heap();
    bool ok;

    clean_environment();
    if (name)
        setenv(name, value, 1);
    if (text) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    ok = config_load(text ? path : NULL, out, &error);
    assert_int_equal(ok, error.len == 0);
    snprintf(sentence, sizeof sentence, "%s", ok ? "" : error.data);
    buf_free(&error);
    clean_environment();
    return sentence;
}

static void nothing_set_gives_the_defaults(void **state)
{
    struct config config;

    assert_string_equal(load(NULL, NULL, NULL, &config), "");
    assert_string_equal(config.data, "./data");
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_null(config.public_url);
    assert_int_equal(config.hold_seconds, 600);
    assert_int_equal(config.expiry_grace_seconds, 120);
    assert_true(config.limits);
    assert_true(config.access_log);
    assert_int_equal(config.access_token_seconds, 3600);
    assert_int_equal(config.refresh_token_seconds, 2592000);
    assert_int_equal(config.max_connections, 4096);
    assert_int_equal(config.max_connections_per_address, 1024);
    assert_string_equal(config.log_level, "info");
    assert_null(config.stripe_secret_key);
    assert_null(config.smtp_url);
    config_free(&config);
}

static void the_environment_wins_over_the_file_and_the_command_line_over_both(void **state)
{
    struct buf error = buf_heap();
    struct config config;

    assert_string_equal(load("# a comment\n\n  hold_seconds = 30 \r\nlimits=off\npublic_url = https://tickets.example/x/\ndata = /a\nsmtp_url =\n"
                             "stripe_secret_key = sk_#=x\n",
                             "USHER_HOLD_SECONDS", "40", &config), "");
    assert_int_equal(config.hold_seconds, 40);
    assert_false(config.limits);
    assert_string_equal(config.public_url, "https://tickets.example/x");
    assert_string_equal(config.stripe_secret_key, "sk_#=x");
    assert_null(config.smtp_url);
    assert_string_equal(config.data, "/a");
    assert_true(config_override(&config, "data", "/b", &error));
    assert_string_equal(config.data, "/b");
    assert_false(config_override(&config, "listen", "8080", &error));
    assert_non_null(strstr(error.data, "--listen must be ADDR:PORT"));
    buf_free(&error);
    config_free(&config);
    assert_string_equal(load(NULL, "USHER_HOLD_SECONDS", "", &config), "");
    assert_int_equal(config.hold_seconds, 600);
    config_free(&config);
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *text, *name, *value, *want; /* `want`: what the sentence must say */
    } row[] = {
        { NULL, "USHER_HOLD_SECOND", "1", "'USHER_HOLD_SECONDS'" },
        { NULL, "USHER_STRIPE_SECRET", "1", "the nearest is 'USHER_STRIPE_SECRET_KEY'" },
        { NULL, "USHER_LIMIT", "1", "'USHER_LIMITS'" },
        { NULL, "USHER_limits", "on", "'USHER_LIMITS'" },
        { NULL, "USHER_", "1", "There is no setting 'USHER_'" },
        { NULL, "USHER_HOLD_SECONDS", "0", "USHER_HOLD_SECONDS must be a whole number from 1 to 86400, not '0'." },
        { NULL, "USHER_HOLD_SECONDS", "86401", "from 1 to 86400" },
        { NULL, "USHER_HOLD_SECONDS", "-1", "from 1 to 86400" },
        { NULL, "USHER_HOLD_SECONDS", "10s", "from 1 to 86400" },
        { NULL, "USHER_HOLD_SECONDS", "99999999999999999999", "from 1 to 86400" },
        { NULL, "USHER_LIMITS", "maybe", "USHER_LIMITS must be on or off" },
        { NULL, "USHER_LISTEN", "localhost", "ADDR:PORT" },
        { NULL, "USHER_LISTEN", "127.0.0.1:65536", "65535" },
        { NULL, "USHER_LISTEN", "::1:80", "ADDR:PORT" },
        { NULL, "USHER_PUBLIC_URL", "ftp://x", "http:// or https://" },
        { NULL, "USHER_PUBLIC_URL", "https://", "http:// or https://" },
        { NULL, "USHER_PUBLIC_URL", "https://x/?a", "http:// or https://" },
        { NULL, "USHER_PUBLIC_URL", "https://x\r\ny", "control characters" },
        { NULL, "USHER_LOG_LEVEL", "loud", "debug, info, warn or error" },
        { NULL, "USHER_MAIL_FROM", "nobody", "one e-mail address" },
        { NULL, "USHER_DATABASE_URL", "postgres://u:secret@h/d", "PostgreSQL comes later" },
        { NULL, "USHER_S3_BUCKET", "b", "S3 comes later" },
        { NULL, "USHER_TLS_CERT", "c.pem", "USHER_TLS_CERT cannot be served yet" },
        { "hold_second = 1\n", NULL, NULL, "line 1: there is no setting 'hold_second'; the nearest is 'hold_seconds'." },
        { "\n# x\nhold_seconds = 0\n", NULL, NULL, "line 3: hold_seconds must be a whole number from 1 to 86400" },
        { "limits = on\nlimits = off\n", NULL, NULL, "line 2: limits is set a second time" },
        { "limits\n", NULL, NULL, "line 1: expected 'key = value'" },
        { "USHER_LIMITS = on\n", NULL, NULL, "there is no setting" },
        { "tls_key = k\n", NULL, NULL, "line 1: tls_key cannot be served yet" },
    };
    struct config config;

    for (size_t i = 0; i < COUNT(row); i++) {
        const char *sentence = load(row[i].text, row[i].name, row[i].value, &config);

        if (!*sentence)
            config_free(&config);
        if (!strstr(sentence, row[i].want))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, sentence, row[i].want);
        assert_null(strstr(sentence, "secret@"));
    }
}

static void a_file_that_cannot_be_read_is_a_fault(void **state)
{
    struct buf error = buf_heap();
    struct config config;

    assert_false(config_load("/nonexistent/usher.conf", &config, &error));
    assert_non_null(strstr(error.data, "/nonexistent/usher.conf cannot be read"));
    buf_clear(&error);
    assert_false(config_load("/tmp", &config, &error));
    assert_true(error.len > 0);
    buf_free(&error);
}

static void the_description_names_every_setting(void **state)
{
    static const char *const names[] = {
        "USHER_DATA", "USHER_LISTEN", "USHER_PUBLIC_URL", "USHER_HOLD_SECONDS", "USHER_EXPIRY_GRACE", "USHER_LIMITS", "USHER_TLS_CERT",
        "USHER_TLS_KEY", "USHER_CORS_ORIGINS", "USHER_SMTP_URL", "USHER_STRIPE_SECRET_KEY", "USHER_STRIPE_API_BASE", "USHER_DATABASE_URL",
        "USHER_S3_ENDPOINT", "USHER_S3_BUCKET", "USHER_S3_REGION", "USHER_S3_ACCESS_KEY", "USHER_S3_SECRET_KEY",
    };
    struct buf out = buf_heap();

    config_describe(&out);
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strstr(out.data, names[i]))
            fail_msg("%s is missing", names[i]);
    assert_non_null(strstr(out.data, "hold_seconds, USHER_HOLD_SECONDS  (whole number from 1 to 86400; default 600)"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_set_gives_the_defaults),
        cmocka_unit_test(the_environment_wins_over_the_file_and_the_command_line_over_both),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(a_file_that_cannot_be_read_is_a_fault),
        cmocka_unit_test(the_description_names_every_setting),
    };
    int fd = mkstemp(path), failed;

    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
