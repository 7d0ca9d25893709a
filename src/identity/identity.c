/* identity.c - the pool: its keys and ids, the checks that http asks for, and what is done every so often. */
#include <assert.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "identity/srp.h"
#include "identity/password.h"

/* ---- keys ---- */

static bool make_secret(struct buf *out)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];

    random_bytes(secret, sizeof secret);
    buf_add(out, secret, sizeof secret);
    OPENSSL_cleanse(secret, sizeof secret);
    return true;
}

static bool load_secret(struct identity *identity, struct buf *error)
{
    struct buf secret = buf_heap();
    bool good = key_file(identity->dir, "identity.key", make_secret, &secret, error);

    if (good && secret.len != sizeof identity->secret) {
        buf_printf(error, "%s/keys/identity.key does not hold %zu bytes", identity->dir, sizeof identity->secret);
        good = false;
    }
    if (good)
        memcpy(identity->secret, secret.data, sizeof identity->secret);
    key_file_forget(&secret);
    return good;
}

void identity_mac(const struct identity *identity, const char *label, const struct id *id, const void *data, size_t len, uint8_t out[32])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, identity->secret, sizeof identity->secret);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)label, strlen(label) + 1); /* with its NUL: no label continues into what follows */
    crypto_auth_hmacsha256_update(&state, id->byte, sizeof id->byte);
    crypto_auth_hmacsha256_update(&state, data, len);
    crypto_auth_hmacsha256_final(&state, out);
}

/* An id that stands for some bytes, in the form that id_parse takes. */
static struct id id_for(const struct identity *identity, const char *label, const void *data, size_t len)
{
    static const struct id none;
    struct id id;
    uint8_t mac[32];

    identity_mac(identity, label, &none, data, len, mac);
    memcpy(id.byte, mac, sizeof id.byte);
    id.byte[6] = (uint8_t)(0x70 | (id.byte[6] & 0x0F));
    id.byte[8] = (uint8_t)(0x80 | (id.byte[8] & 0x3F));
    return id;
}

struct id identity_client(const struct identity *identity, const struct req *req)
{
    return id_for(identity, "client", http_client(req), 16);
}

struct id identity_subject(const struct identity *identity, const char *email_key)
{
    return id_for(identity, "subject", email_key, strlen(email_key));
}

/* ---- wrong passwords and second factors, from memory to the rows ---- */

enum { KEEP_MAX = 100 };

struct keep {
    void (*keep)(struct tx *tx, const struct attempts_kept *kept);
    struct attempts_kept list[KEEP_MAX];
    size_t count;
};

static enum err keep_failures(struct tx *tx, void *arg)
{
    const struct keep *keep = arg;

    for (size_t i = 0; i < keep->count; i++)
        keep->keep(tx, &keep->list[i]);
    return ERR_OK;
}

/* They are counted in memory, so that a guess costs no commit and takes no longer where there is an account; here they reach the rows. */
static void flush_failures(struct identity *identity, struct arena *arena)
{
    static const struct {
        enum attempt_kind kind;
        void (*keep)(struct tx *tx, const struct attempts_kept *kept);
    } kinds[] = { { ATTEMPT_PASSWORD, account_keep_failures }, { ATTEMPT_TOTP, totp_keep_failures } };
    static const struct id any;
    struct keep *keep = ARENA_NEW(arena, struct keep);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        keep->keep = kinds[i].keep;
        keep->count = attempts_take_changed(identity->attempts, kinds[i].kind, keep->list, KEEP_MAX);
        if (keep->count)
            store_write_wait(identity->app->store, arena, NULL, &any, false, keep_failures, keep);
    }
}

/* ---- what passwords cost ---- */

enum { OWASP_LEAST_KIB = 5 * 7168 }; /* the least work among its choices for Argon2id */

static struct password_cost cost_by(const struct config *config)
{
    return (struct password_cost){ config->argon2_memory_kib, config->argon2_passes };
}

static int64_t dearest(struct tx *tx)
{
    const char *text = store_meta_get(tx, "password_work");

    return text ? strtoll(text, NULL, 10) : 0;
}

/* The dearest that hashes ever were; it goes wherever the accounts go. */
static enum err raise_dearest(struct tx *tx, void *arg)
{
    int64_t *work = arg;

    if (dearest(tx) < *work)
        store_meta_set(tx, "password_work", arena_printf(tx->arena, "%" PRId64, *work));
    *work = dearest(tx);
    return ERR_OK;
}

static bool load_costs(struct identity *identity, struct buf *error)
{
    static const struct id any;
    struct password_cost cost = cost_by(identity->app->config);
    int64_t work = password_work(cost);
    struct arena *arena = arena_new(0);
    bool good = store_write_wait(identity->app->store, arena, NULL, &any, false, raise_dearest, &work) == ERR_OK;

    identity->password_cost = cost;
    identity->password_effort = (struct password_effort){ work, cost.memory_kib };
    if (password_work(cost) < OWASP_LEAST_KIB)
        log_warn("passwords are hashed with less work than OWASP's least: raise argon2_memory_kib or argon2_passes");
    arena_free(arena);
    if (!good)
        buf_str(error, "cannot keep the cost of passwords in the store");
    return good;
}

/* ---- the pool's names ---- */

static void random_word(char *out, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    for (size_t i = 0; i < len; i++)
        out[i] = letters[random_below(sizeof letters - 1)];
    out[len] = 0;
}

/* Kept in the store, so that they go wherever the accounts go. A running node's or a twin's names stand. */
static enum err make_names(struct tx *tx, void *arg)
{
    char pool[] = "usher_123456789", client[27];

    random_word(pool + 6, 9);
    random_word(client, 26);
    if (!store_meta_get(tx, "user_pool"))
        store_meta_set(tx, "user_pool", pool);
    if (!store_meta_get(tx, "user_pool_client"))
        store_meta_set(tx, "user_pool_client", client);
    return ERR_OK;
}

static bool read_names(struct identity *identity, struct arena *arena)
{
    struct fault fault = { .arena = arena };
    struct reader *reader = reader_open(identity->app->store);
    struct tx tx;

    reader_begin(reader, &tx, arena, &fault);
    char *pool = store_meta_get(&tx, "user_pool"), *client = store_meta_get(&tx, "user_pool_client");
    if (pool && client) {
        identity->pool_id = strdup(pool);
        identity->client_id = strdup(client);
    }
    reader_end(reader, &tx);
    reader_close(reader);
    return identity->pool_id && identity->client_id;
}

static bool load_names(struct identity *identity, struct buf *error)
{
    static const struct id any;
    struct arena *arena = arena_new(0);
    bool good = read_names(identity, arena) ||
                (store_write_wait(identity->app->store, arena, NULL, &any, false, make_names, NULL) == ERR_OK && read_names(identity, arena));

    arena_free(arena);
    if (!good)
        buf_str(error, "cannot keep the user pool's name in the store");
    return good;
}

static void write_documents(struct identity *identity)
{
    struct buf issuer = buf_heap(), address = buf_heap(), *out = &identity->configuration;

    buf_printf(&issuer, "%s/identity/%s", identity->app->public_url, identity->pool_id);
    buf_printf(&address, "%s/.well-known/jwks.json", issuer.data);
    identity->issuer = issuer.data; /* the heap's, freed at close */

    json_open(out, NULL);
    json_str(out, "issuer", identity->issuer);
    json_str(out, "jwks_uri", address.data);
    json_open_array(out, "id_token_signing_alg_values_supported");
    json_str(out, NULL, "RS256");
    json_close_array(out);
    json_open_array(out, "subject_types_supported");
    json_str(out, NULL, "public");
    json_close_array(out);
    json_open_array(out, "response_types_supported");
    json_str(out, NULL, "token");
    json_close_array(out);
    json_close(out);
    buf_free(&address);
}

/* Whose tokens are taken: another issuer's, or our own pool's. */
static bool open_issuer(struct identity *identity, struct buf *error)
{
    if (identity->app->config->oidc_issuer) {
        identity->outside = outside_open(identity);
        return true;
    }
    if (!load_names(identity, error))
        return false;
    write_documents(identity);
    return key_ring_open(identity, error);
}

struct identity *identity_open(struct app *app, const char *dir, struct buf *error)
{
    struct identity *identity = calloc(1, sizeof *identity);

    assert(app->store && app->public_url);
    if (!identity)
        log_die("out of memory");
    identity->app = app;
    identity->configuration = buf_heap();
    identity->attempts = attempts_new();
    identity->dir = strdup(dir);
    pthread_mutex_init(&identity->lock, NULL);
    pthread_mutex_init(&identity->look_lock, NULL);
    pthread_cond_init(&identity->changed, NULL);
    if (!load_secret(identity, error) || !load_costs(identity, error) || !srp_open(identity, error) || !open_issuer(identity, error)) {
        identity_close(identity);
        return NULL;
    }
    return identity;
}

void identity_close(struct identity *identity)
{
    if (!identity)
        return;
    struct arena *arena = arena_new(0);

    flush_failures(identity, arena);
    arena_free(arena);
    outside_close(identity->outside);
    if (identity->making)
        pthread_join(identity->maker, NULL);
    pthread_cond_destroy(&identity->changed);
    key_ring_drop(identity, identity->ring);
    pthread_mutex_destroy(&identity->lock);
    pthread_mutex_destroy(&identity->look_lock);
    attempts_free(identity->attempts);
    buf_free(&identity->configuration);
    free(identity->dir);
    free(identity->issuer);
    free(identity->pool_id);
    free(identity->client_id);
    OPENSSL_cleanse(identity->secret, sizeof identity->secret);
    OPENSSL_cleanse(identity->srp_key, sizeof identity->srp_key);
    free(identity);
}

const char *identity_pool_id(const struct identity *identity)
{
    return identity->pool_id;
}

const char *identity_client_id(const struct identity *identity)
{
    return identity->client_id;
}

void identity_web_config(const struct identity *identity, struct buf *out)
{
    struct buf endpoint = buf_heap();

    buf_printf(&endpoint, "%s/identity/", identity->app->public_url);
    json_str(out, "identityEndpoint", identity->outside ? outside_endpoint(identity->outside) : endpoint.data);
    json_str(out, "issuer", identity->issuer);
    json_str(out, "userPoolId", identity->pool_id);
    json_str(out, "userPoolClientId", identity->client_id);
    buf_free(&endpoint);
}

/* ---- what http asks ---- */

enum err identity_authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    struct jwt_claims claims;
    struct account account;

    if (app->identity->outside)
        return outside_authenticate(app->identity, tx, token, len, out);
    if (identity_judge(app->identity, tx->arena, token, len, &claims) != JWT_GOOD ||
        !account_of_token(tx, &claims.account, claims.epoch, &claims.session, &account))
        return ERR_UNAUTHENTICATED;
    *out = (struct caller){
        .account = claims.account,
        .groups = account.groups, /* the row's: a group that was taken away is gone at once */
        .epoch = claims.epoch,
        .email = account.email,
        .session = claims.session,
        .expires_at_ms = claims.expires_at_s * 1000,
    };
    return ERR_OK;
}

enum err identity_still_valid(struct tx *tx, const struct caller *caller)
{
    if (tx->app && tx->app->identity && tx->app->identity->outside)
        return outside_still_valid(tx, caller);
    return account_of_token(tx, &caller->account, caller->epoch, &caller->session, NULL) ? ERR_OK : ERR_UNAUTHENTICATED;
}

enum err identity_hash_password(struct arena *arena, struct fault *fault, const struct config *config, const char *password, const char *email,
                                const char *name, const char **out)
{
    const char *wrong = password_fault(password, email, name);

    if (wrong)
        return fault_set(fault, ERR_INVALID, "%s", wrong);
    *out = password_hash(arena, cost_by(config), password);
    return *out ? ERR_OK : ERR_BUSY;
}

/* ---- every so often ---- */

static void sweep_failures(struct app *app, struct reader *reader, struct arena *arena)
{
    flush_failures(app->identity, arena);
}

static enum err remove_expired(struct tx *tx, void *arg)
{
    *(int64_t *)arg = MAX(MAX(session_remove_expired(tx), challenge_remove_expired(tx)), MAX(code_remove_old(tx), sign_up_remove_old(tx)));
    return ERR_OK;
}

static void sweep_sessions(struct app *app, struct reader *reader, struct arena *arena)
{
    static const struct id any;
    int64_t removed = 0;

    do {
        if (store_write_wait(app->store, arena, NULL, &any, false, remove_expired, &removed) != ERR_OK)
            return;
    } while (removed == 100);
}

static enum err remove_verifiers(struct tx *tx, void *arg)
{
    *(int64_t *)arg = srp_remove_some(tx);
    return ERR_OK;
}

/* With the setting off they are worthless already, for their key is gone; here they go as well, in slices. */
static void sweep_verifiers(struct app *app, struct reader *reader, struct arena *arena)
{
    struct fault fault = { .arena = arena };
    static const struct id any;
    int64_t removed = 100;
    struct tx tx;

    if (app->config->srp)
        return;
    reader_begin(reader, &tx, arena, &fault);
    bool there = srp_any(&tx);
    reader_end(reader, &tx);
    while (there && removed == 100) {
        if (store_write_wait(app->store, arena, NULL, &any, false, remove_verifiers, &removed) != ERR_OK)
            return;
    }
}

const struct sweep identity_sweeps[] = {
    { "identity-verifiers", 60 * 1000, sweep_verifiers },
    { "identity-failures", 1000, sweep_failures },
    { "identity-keys", 1000, key_ring_sweep },
    { "identity-sessions", 60 * 1000, sweep_sessions },
    SWEEP_END
};

