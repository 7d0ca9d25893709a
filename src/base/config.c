#include "base/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/name.h"

extern char **environ;

#define PREFIX "USHER_"
#define FILE_BYTES_MAX (64u << 10)

enum kind { TEXT, NUMBER, SWITCH };

struct setting {
    const char *key;
    enum kind kind;
    size_t offset;
    long least, most;             /* NUMBER */
    const char *preset;           /* as it would stand in the file; NULL: unset */
    const char *help;
    const char *later;            /* known but not served by this version: the sentence that says so */
    /* TEXT: NULL when the value will do, else what it must be ("a URL that ..."). */
    const char *(*check)(const char *value);
    bool secret;                  /* its value never stands in a message */
};

/* ---- what a text must look like ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ADDR:PORT, an IPv6 address in brackets. */
static const char *check_listen(const char *value)
{
    static const char want[] = "ADDR:PORT, as in 127.0.0.1:8080 or [::1]:8080, with a port from 0 to 65535";
    const char *colon = strrchr(value, ':');
    char *end;
    long port;

    if (!colon || colon == value || !isdigit((unsigned char)colon[1]))
        return want;
    if (value[0] == '[' ? colon[-1] != ']' : memchr(value, ':', (size_t)(colon - value)) != NULL)
        return want;
    errno = 0;
    port = strtol(colon + 1, &end, 10);
    return errno || *end || port > 65535 ? want : NULL;
}

static const char *check_http_url(const char *value)
{
    static const char want[] = "a URL that begins with http:// or https://, without a query or fragment";
    const char *host = begins(value, "http://") ? value + 7 : begins(value, "https://") ? value + 8 : NULL;

    return !host || !*host || *host == '/' || strpbrk(value, " ?#\"<>\\") ? want : NULL;
}

/* Compared with what tokens say, to the last byte, so a slash at its end stays. */
static const char *check_issuer(const char *value)
{
    return check_http_url(value);
}

static const char *check_key_set_url(const char *value)
{
    return (begins(value, "http://") || begins(value, "https://")) && !strpbrk(value, " #\"<>\\") ? NULL : "a URL that begins with http:// or https://";
}

/* What a browser sends as Origin (RFC 6454, 6.2), compared byte by byte: so nothing is taken that no browser ever sends. */
static bool is_origin(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    const char *host = begins(text + scheme, "://") ? text + scheme + 3 : "";

    return scheme && *host && !host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]_")];
}

/* Does every word of a list, separated by commas or blanks, hold to `is`? */
static bool each_word(const char *value, bool (*is)(const char *word))
{
    char *copy = strdup(value), *rest = copy, *word;
    bool good = true;

    if (!copy)
        abort();
    while (good && (word = strsep(&rest, " ,")))
        good = !*word || is(word);
    free(copy);
    return good;
}

static const char *check_origins(const char *value)
{
    return each_word(value, is_origin) ? NULL : "a list of origins as browsers send them, in lower case, without a slash at the end, and without a wildcard: https://app.example.org";
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static const char *check_addresses(const char *value)
{
    return each_word(value, is_address) ? NULL : "a list of IP addresses, as 127.0.0.1 or ::1; names and ranges are not taken";
}

static const char *check_smtp_url(const char *value)
{
    return begins(value, "smtp://") || begins(value, "smtps://") ? NULL : "a URL that begins with smtp:// or smtps://";
}

static const char *check_mail_from(const char *value)
{
    const char *at = strchr(value, '@');

    return at && at > value && at[1] && !strpbrk(value, " <>,") ? NULL : "one e-mail address";
}

static const char *check_log_level(const char *value)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };

    for (size_t i = 0; i < COUNT(levels); i++)
        if (!strcmp(value, levels[i]))
            return NULL;
    return "debug, info, warn or error";
}

/* ---- the table ---- */

#define SETTING(key_, kind_, ...) { .key = #key_, .kind = kind_, .offset = offsetof(struct config, key_), __VA_ARGS__ }
#define LATER_S3 "tickets are kept under --data in this version; S3 comes later. Leave it unset"
#define LATER_TLS "this version serves plain HTTP; put a proxy that ends TLS before it, and leave this unset"

static const struct setting settings[] = {
    SETTING(data, TEXT, .preset = "./data", .help = "The data folder. Also --data."),
    SETTING(listen, TEXT, .preset = "127.0.0.1:8080", .check = check_listen, .help = "Where to listen; port 0 takes any free one. Also --listen."),
    SETTING(public_url, TEXT, .check = check_http_url,
            .help = "The address that people and mails use, and the issuer of tokens. Default: the first start's listen address, then kept."),
    SETTING(hold_seconds, NUMBER, .least = 1, .most = 86400, .preset = "600", .help = "How long unpaid seats are held."),
    { .key = "expiry_grace", .kind = NUMBER, .offset = offsetof(struct config, expiry_grace_seconds), .least = 0, .most = 86400, .preset = "120",
            .help = "How many seconds to wait for the payment provider's word on an expired hold before its seats go back anyway." },
    SETTING(limits, SWITCH, .preset = "on", .help = "Rate limits and the limit of connections from one address. \"off\" is for load tests."),
    SETTING(max_connections, NUMBER, .least = 1, .most = 1000000, .preset = "4096", .help = "Connections at a time, in all."),
    SETTING(max_connections_per_address, NUMBER, .least = 1, .most = 1000000, .preset = "1024", .help = "Connections at a time from one address."),
    SETTING(trusted_proxies, TEXT, .check = check_addresses, .help = "Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas."),
    SETTING(cors_origins, TEXT, .check = check_origins, .help = "Origins (scheme, host, port) whose pages may call the API, separated by commas."),
    SETTING(access_token_seconds, NUMBER, .least = 60, .most = 86400, .preset = "3600", .help = "How long ID and access tokens hold."),
    SETTING(refresh_token_seconds, NUMBER, .least = 3600, .most = 315360000, .preset = "2592000", .help = "How long refresh tokens hold (30 days)."),
    SETTING(refresh_grace_seconds, NUMBER, .least = 0, .most = 3600, .preset = "60",
            .help = "How long the refresh token before the newest still works, so that two tabs may refresh at once. Older ones end the session."),
    SETTING(argon2_memory_kib, NUMBER, .least = 7168, .most = 1048576, .preset = "19456",
            .help = "Memory that hashing a password takes (Argon2id). OWASP's least: 47104 with 1 pass, 19456 with 2, 12288 with 3, 7168 with 5. "
                    "Raised: hashes follow as their owners sign in. Lowered: they stay as they are until the password is changed."),
    SETTING(argon2_passes, NUMBER, .least = 1, .most = 16, .preset = "2", .help = "Passes over that memory."),
    SETTING(srp, SWITCH, .preset = "off",
            .help = "Sign-in by USER_SRP_AUTH, which is Amplify's own choice: the password never leaves the browser. For it the server keeps a verifier "
                    "beside the Argon2id hash: whoever steals the data folder with its keys guesses at a verifier some 40 times faster, and on graphics "
                    "cards far more. \"off\" removes the verifiers and their key at the next start; backups keep theirs. Accounts without a "
                    "verifier get one at their next sign-in by USER_PASSWORD_AUTH."),
    SETTING(oidc_issuer, TEXT, .check = check_issuer,
            .help = "Trust this issuer's tokens in place of the built-in user pool: a pool at Amazon Cognito, Keycloak, or another OpenID provider; as \"iss\" in its tokens."),
    SETTING(oidc_client_id, TEXT, .help = "The application at that issuer whose tokens are for us."),
    SETTING(oidc_jwks_url, TEXT, .check = check_key_set_url, .help = "Where the issuer's key set is. Default: the issuer and /.well-known/jwks.json."),
    SETTING(oidc_groups_claim, TEXT, .preset = "cognito:groups",
            .help = "The claim that holds a person's groups; with dots for one inside another, as in realm_access.roles."),
    SETTING(smtp_url, TEXT, .check = check_smtp_url, .secret = true,
            .help = "smtp://[USER:PASSWORD@]HOST[:PORT], or smtps:// for TLS from the start. Unset: mail is written to DIR/outbox/*.eml."),
    SETTING(mail_from, TEXT, .preset = "tickets@localhost", .check = check_mail_from, .help = "The sender's address on mail."),
    SETTING(stripe_secret_key, TEXT, .secret = true, .help = "Stripe's secret key. Unset: the built-in simulator of Stripe takes the payments."),
    SETTING(stripe_publishable_key, TEXT, .help = "Stripe's publishable key, for the browser."),
    SETTING(stripe_webhook_secret, TEXT, .secret = true, .help = "The signing secret of the webhook at /v1/stripe-webhook."),
    SETTING(stripe_api_base, TEXT, .check = check_http_url, .help = "Where Stripe's API is. Default: https://api.stripe.com, or the simulator."),
    SETTING(block_disputed, SWITCH, .preset = "on",
            .help = "Refuse tickets at the gate while their payment is disputed by the buyer's bank, and for good once that is lost."),
    SETTING(sim_mischief, TEXT, .help = "For tests: how the simulator of Stripe misbehaves, as in \"seed=7 fail=0.1 drop=0.2\"; docs/payments.md."),
    SETTING(log_level, TEXT, .preset = "info", .check = check_log_level, .help = "The least level that is logged: debug, info, warn or error."),
    SETTING(access_log, SWITCH, .preset = "on", .help = "A line for each request."),
    SETTING(test_clock, TEXT, .help = "For tests: a file with a number of milliseconds that the clock is ahead, re-read when it changes."),
    SETTING(tls_cert, TEXT, .help = "A certificate chain (PEM).", .later = LATER_TLS),
    SETTING(tls_key, TEXT, .help = "The certificate's key (PEM).", .later = LATER_TLS),
    SETTING(database_url, TEXT, .secret = true, .help = "postgres://...: keep the data in PostgreSQL.",
            .later = "the data is kept in SQLite under --data in this version; PostgreSQL comes later. Leave it unset"),
    SETTING(s3_endpoint, TEXT, .help = "An S3 service to keep tickets and images in.", .later = LATER_S3),
    SETTING(s3_bucket, TEXT, .help = "Its bucket.", .later = LATER_S3),
    SETTING(s3_region, TEXT, .help = "Its region.", .later = LATER_S3),
    SETTING(s3_access_key, TEXT, .help = "The access key.", .later = LATER_S3),
    SETTING(s3_secret_key, TEXT, .secret = true, .help = "The secret key.", .later = LATER_S3),
};

static void *field_of(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static const struct setting *setting_find(const char *key, size_t len)
{
    for (size_t i = 0; i < COUNT(settings); i++)
        if (strlen(settings[i].key) == len && !memcmp(settings[i].key, key, len))
            return &settings[i];
    return NULL;
}

/* ---- the nearest known name ---- */

static const struct setting *setting_nearest(const char *key, size_t len)
{
    const struct setting *nearest = &settings[0];
    unsigned least = UINT32_MAX;

    for (size_t i = 0; i < COUNT(settings); i++) {
        unsigned d = name_distance(key, len, settings[i].key);

        if (d < least) {
            least = d;
            nearest = &settings[i];
        }
    }
    return nearest;
}

/* "hold_seconds" as "USHER_HOLD_SECONDS". */
static void add_variable(struct buf *out, const char *key)
{
    buf_str(out, PREFIX);
    for (; *key; key++)
        buf_char(out, (char)toupper((unsigned char)*key));
}

/* ---- setting a value ---- */

/* Where a value came from, for the sentence: a line of the file (line > 0), else the environment. */
struct origin {
    const char *file;
    int line;
};

static void add_origin(struct buf *error, const struct setting *setting, struct origin origin)
{
    if (origin.line)
        buf_printf(error, "%s, line %d: %s", origin.file, origin.line, setting->key);
    else
        add_variable(error, setting->key);
}

static bool refuse(struct buf *error, const struct setting *setting, struct origin origin, const char *value, const char *want)
{
    add_origin(error, setting, origin);
    buf_printf(error, " must be %s", want);
    if (!setting->secret) {
        buf_str(error, ", not '");
        name_show(error, value, strlen(value));
        buf_char(error, '\'');
    }
    buf_char(error, '.');
    return false;
}

static bool has_control(const char *value)
{
    for (; *value; value++)
        if (iscntrl((unsigned char)*value))
            return true;
    return false;
}

static bool set_text(struct config *config, const struct setting *setting, const char *value, struct origin origin, struct buf *error)
{
    const char **field = field_of(config, setting);
    const char *want = has_control(value) ? "free of control characters" : setting->check ? setting->check(value) : NULL;
    char *copy;

    if (want)
        return refuse(error, setting, origin, value, want);
    copy = strdup(value);
    if (!copy)
        abort();
    /* A base address is always followed by a path that begins with a slash. */
    if (setting->check == check_http_url)
        for (size_t len = strlen(copy); len && copy[len - 1] == '/'; len--)
            copy[len - 1] = '\0';
    free((void *)(uintptr_t)*field);
    *field = copy;
    return true;
}

static bool set_number(struct config *config, const struct setting *setting, const char *value, struct origin origin, struct buf *error)
{
    int *field = field_of(config, setting);
    char want[80], *end;
    long number;

    errno = 0;
    number = strtol(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || errno || *end || number < setting->least || number > setting->most) {
        snprintf(want, sizeof want, "a whole number from %ld to %ld", setting->least, setting->most);
        return refuse(error, setting, origin, value, want);
    }
    *field = (int)number;
    return true;
}

static bool set_switch(struct config *config, const struct setting *setting, const char *value, struct origin origin, struct buf *error)
{
    static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1" };
    bool *field = field_of(config, setting);

    for (size_t i = 0; i < COUNT(words); i++) {
        if (!strcasecmp(value, words[i])) {
            *field = i % 2;
            return true;
        }
    }
    return refuse(error, setting, origin, value, "on or off");
}

/* An empty value leaves the setting as it was: that is how a container says "unset". */
static bool set(struct config *config, const struct setting *setting, const char *value, struct origin origin, struct buf *error)
{
    if (!*value)
        return true;
    if (setting->later) {
        add_origin(error, setting, origin);
        buf_printf(error, " cannot be served yet: %s.", setting->later);
        return false;
    }
    switch (setting->kind) {
    case TEXT: return set_text(config, setting, value, origin, error);
    case NUMBER: return set_number(config, setting, value, origin, error);
    case SWITCH: return set_switch(config, setting, value, origin, error);
    }
    return false;
}

/* ---- the file ---- */

/* The file as text; NULL and a sentence when that cannot be. The caller frees it. */
static char *read_text(const char *path, struct buf *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = malloc(FILE_BYTES_MAX + 1);
    size_t len = 0;
    ssize_t n = 0;

    if (!text)
        abort();
    while (fd >= 0 && len <= FILE_BYTES_MAX && (n = read(fd, text + len, FILE_BYTES_MAX + 1 - len)) > 0)
        len += (size_t)n;
    if (fd < 0 || n < 0)
        buf_printf(error, "The configuration file %s cannot be read: %s.", path, strerror(errno));
    else if (len > FILE_BYTES_MAX)
        buf_printf(error, "The configuration file %s is larger than %u bytes.", path, FILE_BYTES_MAX);
    else if (memchr(text, 0, len))
        buf_printf(error, "The configuration file %s holds a NUL byte.", path);
    if (fd >= 0)
        close(fd);
    if (error->len) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

static char *trim(char *text)
{
    size_t len;

    while (*text == ' ' || *text == '\t')
        text++;
    len = strlen(text);
    while (len && strchr(" \t\r", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static bool read_line(struct config *config, char *line, struct origin origin, bool *given, struct buf *error)
{
    const struct setting *setting;
    char *equals, *key;

    line = trim(line);
    if (!*line || *line == '#')
        return true;
    equals = strchr(line, '=');
    if (!equals) {
        buf_printf(error, "%s, line %d: expected 'key = value'.", origin.file, origin.line);
        return false;
    }
    *equals = '\0';
    key = trim(line);
    setting = setting_find(key, strlen(key));
    if (!setting) {
        buf_printf(error, "%s, line %d: there is no setting '", origin.file, origin.line);
        name_show(error, key, strlen(key));
        buf_printf(error, "'; the nearest is '%s'.", setting_nearest(key, strlen(key))->key);
        return false;
    }
    if (given[setting - settings]) {
        buf_printf(error, "%s, line %d: %s is set a second time.", origin.file, origin.line, setting->key);
        return false;
    }
    given[setting - settings] = true;
    return set(config, setting, trim(equals + 1), origin, error);
}

static bool read_file(struct config *config, const char *path, struct buf *error)
{
    bool given[COUNT(settings)] = { false };
    char *text = read_text(path, error), *rest = text, *line;
    struct origin origin = { path, 0 };
    bool ok = text != NULL;

    while (ok && (line = strsep(&rest, "\n"))) {
        origin.line++;
        ok = read_line(config, line, origin, given, error);
    }
    free(text);
    return ok;
}

/* ---- the environment ---- */

static bool read_variable(struct config *config, const char *variable, struct buf *error)
{
    char key[NAME_SHOWN_MAX + 1];
    const char *name = variable + strlen(PREFIX), *equals = strchr(name, '=');
    const struct setting *setting = NULL;
    size_t len;

    if (!equals)
        return true;
    len = (size_t)(equals - name);
    if (len <= NAME_SHOWN_MAX) {
        bool upper = true;

        for (size_t i = 0; i < len; i++) {
            key[i] = (char)tolower((unsigned char)name[i]);
            upper = upper && !islower((unsigned char)name[i]);
        }
        setting = upper ? setting_find(key, len) : NULL;
    }
    if (setting)
        return set(config, setting, equals + 1, (struct origin){ 0 }, error);
    buf_str(error, "There is no setting '" PREFIX);
    name_show(error, name, len);
    buf_str(error, "' in the environment; the nearest is '");
    add_variable(error, setting_nearest(name, len)->key);
    buf_str(error, "'.");
    return false;
}

/* ---- public ---- */

bool config_load(const char *file, struct config *out, struct buf *error)
{
    bool ok = true;

    *out = (struct config){ 0 };
    for (size_t i = 0; i < COUNT(settings); i++)
        if (settings[i].preset) {
            ok = set(out, &settings[i], settings[i].preset, (struct origin){ 0 }, error);
            assert(ok);
        }
    if (file)
        ok = read_file(out, file, error);
    for (char **variable = environ; ok && *variable; variable++)
        if (begins(*variable, PREFIX))
            ok = read_variable(out, *variable, error);
    if (!ok)
        config_free(out);
    return ok;
}

bool config_override(struct config *config, const char *key, const char *value, struct buf *error)
{
    const struct setting *setting = setting_find(key, strlen(key));
    const char *want;

    assert(setting && setting->kind == TEXT);
    want = !*value ? "not empty" : setting->check ? setting->check(value) : NULL;
    if (want) {
        buf_printf(error, "--%s must be %s.", key, want);
        return false;
    }
    return set(config, setting, value, (struct origin){ 0 }, error);
}

/* Break `text` at spaces so that lines stay within 96 columns, each behind six spaces. */
static void add_wrapped(struct buf *out, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (!column || column + 1 + word > 96) {
            buf_str(out, column ? "\n      " : "      ");
            column = 6;
        } else {
            buf_char(out, ' ');
            column++;
        }
        buf_add(out, text, word);
        column += word;
        text += word;
        text += *text == ' ';
    }
    buf_char(out, '\n');
}

void config_describe(struct buf *out)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *setting = &settings[i];

        buf_printf(out, "%s, ", setting->key);
        add_variable(out, setting->key);
        buf_str(out, "  (");
        switch (setting->kind) {
        case TEXT: buf_str(out, "text"); break;
        case NUMBER: buf_printf(out, "whole number from %ld to %ld", setting->least, setting->most); break;
        case SWITCH: buf_str(out, "on or off"); break;
        }
        if (setting->later)
            buf_str(out, "; not served yet");
        else if (setting->preset)
            buf_printf(out, "; default %s", setting->preset);
        buf_str(out, ")\n");
        add_wrapped(out, setting->help);
    }
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < COUNT(settings); i++)
        if (settings[i].kind == TEXT) {
            const char **field = field_of(config, &settings[i]);

            free((void *)(uintptr_t)*field);
            *field = NULL;
        }
}
