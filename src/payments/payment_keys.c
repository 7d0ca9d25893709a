/*
 * payment_keys.c - whose Stripe it is: the simulator's when no key is set, else the one behind the key.
 *
 * The simulator's own keys are made on the first start and kept in
 * DIR/keys/stripe-simulator (0600), so that a browser's page and a script's key
 * outlive a restart.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "payments/balance.h"
#include "payments/payment_jobs.h"
#include "payments/payment_rows.h"

static bool begins(const char *text, const char *prefix)
{
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), tail = strlen(suffix);

    return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

/* ---- keys of the simulator ---- */

struct sim_keys {
    char secret[64], publishable[64], webhook[64];
};

static void make_key(char out[64], const char *prefix)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t at = strlen(prefix);

    memcpy(out, prefix, at);
    for (int i = 0; i < 32; i++)
        out[at++] = letters[random_below(sizeof letters - 1)];
    out[at] = '\0';
}

static bool read_keys(const char *path, struct sim_keys *keys)
{
    FILE *file = fopen(path, "re");
    bool good;

    if (!file)
        return false;
    good = fscanf(file, "%63s %63s %63s", keys->secret, keys->publishable, keys->webhook) == 3 && begins(keys->secret, "sk_test_") &&
           begins(keys->publishable, "pk_test_") && begins(keys->webhook, "whsec_");
    fclose(file);
    return good;
}

/* Under another name first: a start that is cut off leaves no half a file. */
static bool write_keys(const char *path, const struct sim_keys *keys)
{
    char fresh[4096];
    FILE *file = NULL;
    bool good;
    int fd;

    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh)
        return false;
    fd = open(fresh, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        file = fdopen(fd, "w");
    if (!file) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    fprintf(file, "%s\n%s\n%s\n", keys->secret, keys->publishable, keys->webhook);
    good = fflush(file) == 0 && fsync(fd) == 0;
    good = fclose(file) == 0 && good;
    return good && rename(fresh, path) == 0;
}

static bool sim_keys(const char *dir, struct sim_keys *keys, struct buf *error)
{
    char path[4096];

    if ((size_t)snprintf(path, sizeof path, "%s/keys/stripe-simulator", dir) >= sizeof path) {
        buf_printf(error, "the data folder's path is too long");
        return false;
    }
    if (read_keys(path, keys))
        return true;
    if (access(path, F_OK) == 0) {
        buf_printf(error, "%s cannot be read as the simulator's three keys", path);
        return false;
    }
    path[strlen(path) - strlen("/stripe-simulator")] = '\0';
    mkdir(path, 0700);
    strcat(path, "/stripe-simulator"); /* it was there a moment ago */
    make_key(keys->secret, "sk_test_sim_");
    make_key(keys->publishable, "pk_test_sim_");
    make_key(keys->webhook, "whsec_");
    if (!write_keys(path, keys)) {
        buf_printf(error, "%s cannot be written: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* ---- settings ---- */

/* "https://api.stripe.com", without a trailing slash or /v1; NULL when unset. */
static char *base_of(struct arena *arena, const char *setting)
{
    char *base;

    if (!setting || !*setting)
        return NULL;
    base = arena_strdup(arena, setting);
    while (ends(base, "/"))
        base[strlen(base) - 1] = '\0';
    if (ends(base, "/v1"))
        base[strlen(base) - 3] = '\0';
    return base;
}

/* One or two secrets, separated by a comma or blanks: their number, and the first of them where `payments` is given. */
static size_t split_secrets(const char *setting, struct payments *payments)
{
    char *copy = strdup(setting ? setting : ""), *rest = NULL;
    size_t count = 0;

    if (!copy)
        log_die("out of memory");
    for (char *word = strtok_r(copy, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
        if (payments && count < COUNT(payments->webhook_secrets))
            payments->webhook_secrets[count] = strdup(word);
        count++;
    }
    free(copy);
    return count;
}

/* "sk_live_..." or "rk_live_..."; restricted keys are as good. */
static bool is_key_of(const char *key, const char *mode)
{
    return (begins(key, "sk_") || begins(key, "rk_")) && begins(key + 3, mode);
}

/* Every key says its mode, and all must say the same: an object of the other mode is nobody's money, or somebody's by mistake. */
static bool refuse(const struct config *config, const char *base, bool live, bool simulator, struct buf *error)
{
    if (split_secrets(config->stripe_webhook_secret, NULL) > WEBHOOK_SECRETS_MAX)
        buf_printf(error, "USHER_STRIPE_WEBHOOK_SECRET takes one secret, or two while one is rolled over");
    else if (!config->stripe_secret_key && base && !simulator)
        buf_printf(error, "USHER_STRIPE_API_BASE without USHER_STRIPE_SECRET_KEY: Stripe needs a key");
    else if (live && simulator)
        buf_printf(error, "a live Stripe key does not go with the simulator: unset USHER_STRIPE_API_BASE, or use a test key");
    else if (live && base && !begins(base, "https://"))
        buf_printf(error, "a live Stripe key goes over https only: USHER_STRIPE_API_BASE is %s", base);
    else if (config->stripe_secret_key && !live && !is_key_of(config->stripe_secret_key, "test_"))
        buf_printf(error, "USHER_STRIPE_SECRET_KEY is not a Stripe secret key: it begins with sk_test_, rk_test_, sk_live_ or rk_live_");
    else if (config->stripe_publishable_key && !begins(config->stripe_publishable_key, live ? "pk_live_" : "pk_test_"))
        buf_printf(error, "USHER_STRIPE_PUBLISHABLE_KEY does not go with the secret key: it begins with %s", live ? "pk_live_" : "pk_test_");
    else
        return false;
    return true;
}

bool payments_simulated(const struct config *config)
{
    struct arena *arena = arena_new(0);
    const char *base = base_of(arena, config->stripe_api_base);
    /* The simulator is known by its path, so that one behind a proxy of ours is recognized too. */
    bool simulated = base ? ends(base, "/sim/stripe") : !config->stripe_secret_key;

    arena_free(arena);
    return simulated;
}

bool payments_settings_good(const struct config *config, struct buf *error)
{
    struct arena *arena = arena_new(0);
    bool good = !refuse(config, base_of(arena, config->stripe_api_base), is_key_of(config->stripe_secret_key, "live_"), payments_simulated(config), error);

    arena_free(arena);
    return good;
}

struct payments *payments_open(struct app *app, const char *dir, struct buf *error)
{
    const struct config *config = app->config;
    struct payments *payments = calloc(1, sizeof *payments);
    struct arena *arena = arena_new(0);
    struct sim_keys keys = { 0 };
    char *base = base_of(arena, config->stripe_api_base);

    if (!payments)
        log_die("out of memory");
    payments->app = app;
    payments->balance_window_s = BALANCE_WINDOW_S;
    payments->events_window_s = EVENTS_WINDOW_S;
    payments->live = is_key_of(config->stripe_secret_key, "live_");
    payments->simulator = payments_simulated(config);
    if (payments->simulator && !sim_keys(dir, &keys, error)) {
        arena_free(arena);
        payments_close(payments);
        return NULL;
    }
    split_secrets(config->stripe_webhook_secret, payments);
    payments->secret_key = strdup(config->stripe_secret_key ? config->stripe_secret_key : keys.secret);
    if (config->stripe_publishable_key || payments->simulator)
        payments->publishable_key = strdup(config->stripe_publishable_key ? config->stripe_publishable_key : keys.publishable);
    if (!payments->webhook_secrets[0] && payments->simulator)
        payments->webhook_secrets[0] = strdup(keys.webhook);
    if (payments->simulator)
        log_info("Payments are simulated: test cards pay, and no money moves. USHER_STRIPE_SECRET_KEY connects a real account.");
    if (!payments->webhook_secrets[0])
        log_warn("USHER_STRIPE_WEBHOOK_SECRET is not set: Stripe's webhooks are refused, and payments show when the reconciler asks");
    if (!payments->publishable_key)
        log_warn("USHER_STRIPE_PUBLISHABLE_KEY is not set: browsers cannot confirm a payment");
    if (!payments->simulator && !base)
        base = arena_strdup(arena, "https://api.stripe.com");
    payments->stripe = stripe_new(app, base, payments->secret_key);
    arena_free(arena);
    return payments;
}

void payments_stop(struct payments *payments)
{
    stripe_stop(payments->stripe);
}

void payments_close(struct payments *payments)
{
    if (!payments)
        return;
    stripe_free(payments->stripe);
    free(payments->secret_key);
    free(payments->publishable_key);
    for (size_t i = 0; i < COUNT(payments->webhook_secrets); i++)
        free(payments->webhook_secrets[i]);
    free(payments);
}

const char *payments_provider(const struct payments *payments)
{
    return payments->simulator ? "simulator" : "stripe";
}

const char *payments_publishable_key(const struct payments *payments)
{
    return payments->publishable_key;
}

const char *payments_webhook_secret(const struct payments *payments)
{
    return payments->webhook_secrets[0];
}

const char *payments_secret_key(const struct payments *payments)
{
    return payments->secret_key;
}
