/* identity.c - the pool: its keys and ids, the checks that http asks for, and what is done every so often. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "identity/parts.h"
#include "identity/password.h"

enum { KEY_FILE_MAX = 64 * 1024 };

/* ---- key files ---- */

static bool write_all(int file, const char *data, size_t len)
{
    while (len) {
        ssize_t wrote = write(file, data, len);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        data += wrote;
        len -= (size_t)wrote;
    }
    return true;
}

/* A file that only its owner reads, whole or not at all; where two processes make it, the first one's stands. */
static bool file_make(const char *folder, const char *path, const struct buf *content)
{
    char fresh[4096];
    int file, dir;

    if (snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid()) >= (int)sizeof fresh)
        return false;
    unlink(fresh);
    file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool good = write_all(file, content->data, content->len) && fsync(file) == 0;
    close(file);
    good = good && (link(fresh, path) == 0 || errno == EEXIST);
    unlink(fresh);
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        fsync(dir);
        close(dir);
    }
    return good;
}

/* The file's content in `out`; false with errno. */
static bool file_read(const char *path, struct buf *out)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    ssize_t got = -1;

    if (file < 0)
        return false;
    if (fstat(file, &about) == 0 && about.st_size <= KEY_FILE_MAX) {
        if (about.st_mode & (S_IRWXG | S_IRWXO))
            log_warn("a key file of the identity can be read by others than its owner; its mode should be 0600");
        got = read(file, buf_reserve(out, KEY_FILE_MAX), KEY_FILE_MAX);
        out->len += got > 0 ? (size_t)got : 0;
    }
    close(file);
    return got > 0;
}

static bool make_secret(struct buf *out)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];

    random_bytes(secret, sizeof secret);
    buf_add(out, secret, sizeof secret);
    OPENSSL_cleanse(secret, sizeof secret);
    return true;
}

/* Read DIR/keys/NAME; at the first start make it. */
static bool key_file(const char *dir, const char *name, bool (*make)(struct buf *out), struct buf *out, struct buf *error)
{
    char folder[3000], path[3100];

    snprintf(folder, sizeof folder, "%s/keys", dir);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        buf_printf(error, "cannot make %s: %s", folder, strerror(errno));
        return false;
    }
    if (file_read(path, out))
        return true;
    if (errno == ENOENT) {
        struct buf fresh = buf_heap();
        bool made = make(&fresh) && file_make(folder, path, &fresh);

        if (fresh.data)
            OPENSSL_cleanse(fresh.data, fresh.len);
        buf_free(&fresh);
        if (made && file_read(path, out))
            return true;
    }
    buf_printf(error, "cannot read or make %s: %s", path, strerror(errno));
    return false;
}

static void forget(struct buf *secret)
{
    if (secret->data)
        OPENSSL_cleanse(secret->data, secret->len);
    buf_free(secret);
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
    forget(&secret);
    return good;
}

/* Read the signing keys, or make the first one, and let everybody know. */
static bool load_keys(struct identity *identity, struct buf *error)
{
    struct buf pem = buf_heap();
    bool good = key_file(identity->dir, "tokens.pem", jwt_key_make, &pem, error);

    if (good && !jwt_keys_add(&identity->pool, pem.data, pem.len)) {
        buf_printf(error, "%s/keys/tokens.pem does not hold RSA keys of at least 2048 bits in PEM", identity->dir);
        good = false;
    }
    forget(&pem);
    if (good) {
        jwt_key_set(&identity->pool, &identity->key_set);
        pthread_mutex_lock(&identity->lock);
        atomic_store_explicit(&identity->keys_ready, true, memory_order_release);
        pthread_cond_broadcast(&identity->changed);
        pthread_mutex_unlock(&identity->lock);
    }
    return good;
}

static void *make_keys(void *arg)
{
    struct buf error = buf_heap();

    if (!load_keys(arg, &error))
        log_die("%s", error.data);
    buf_free(&error);
    return NULL;
}

/* Keys that are there are read at once, so that a damaged file stops the start. */
static bool open_keys(struct identity *identity, struct buf *error)
{
    char path[3100];

    snprintf(path, sizeof path, "%s/keys/tokens.pem", identity->dir);
    if (access(path, F_OK) == 0)
        return load_keys(identity, error);
    identity->making = pthread_create(&identity->maker, NULL, make_keys, identity) == 0;
    return identity->making || load_keys(identity, error);
}

void identity_keys_wait(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    while (!identity_keys_ready(identity))
        pthread_cond_wait(&identity->changed, &identity->lock);
    pthread_mutex_unlock(&identity->lock);
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

struct id identity_client(const struct identity *identity, const struct req *req)
{
    static const struct id none;
    struct id client;
    uint8_t mac[32];

    identity_mac(identity, "client", &none, http_client(req), 16, mac);
    memcpy(client.byte, mac, sizeof client.byte);
    return client;
}

struct id identity_decoy(const struct identity *identity, const char *email_key)
{
    static const struct id none;
    struct id decoy;
    uint8_t mac[32];

    identity_mac(identity, "decoy", &none, email_key, strlen(email_key), mac);
    memcpy(decoy.byte, mac, sizeof decoy.byte);
    return decoy;
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
    identity->pool.issuer = identity->issuer;
    identity->pool.client_id = identity->client_id;

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

struct identity *identity_open(struct app *app, const char *dir, struct buf *error)
{
    struct identity *identity = calloc(1, sizeof *identity);

    assert(app->store && app->public_url);
    if (!identity)
        log_die("out of memory");
    identity->app = app;
    identity->key_set = buf_heap();
    identity->configuration = buf_heap();
    identity->attempts = attempts_new();
    identity->dir = strdup(dir);
    pthread_mutex_init(&identity->lock, NULL);
    pthread_cond_init(&identity->changed, NULL);
    bool good = load_secret(identity, error) && load_names(identity, error);
    if (good)
        write_documents(identity);
    if (!good || !open_keys(identity, error)) {
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
    if (identity->making)
        pthread_join(identity->maker, NULL);
    pthread_cond_destroy(&identity->changed);
    pthread_mutex_destroy(&identity->lock);
    jwt_keys_free(&identity->pool);
    attempts_free(identity->attempts);
    buf_free(&identity->key_set);
    buf_free(&identity->configuration);
    free(identity->dir);
    free(identity->issuer);
    free(identity->pool_id);
    free(identity->client_id);
    OPENSSL_cleanse(identity->secret, sizeof identity->secret);
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

/* ---- what http asks ---- */

enum err identity_authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out)
{
    struct jwt_claims claims;
    struct account account;

    if (!identity_keys_ready(app->identity) || !jwt_verify(&app->identity->pool, tx->arena, token, len, clock_now_ms(), &claims) ||
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
    return account_of_token(tx, &caller->account, caller->epoch, &caller->session, NULL) ? ERR_OK : ERR_UNAUTHENTICATED;
}

enum err identity_hash_password(struct arena *arena, struct fault *fault, const char *password, const char **out)
{
    const char *wrong = password_fault(password);

    if (wrong)
        return fault_set(fault, ERR_INVALID, "%s", wrong);
    *out = password_hash(arena, password);
    return *out ? ERR_OK : ERR_BUSY;
}

/* ---- every so often ---- */

static void sweep_failures(struct app *app, struct reader *reader, struct arena *arena)
{
    flush_failures(app->identity, arena);
}

static enum err remove_expired(struct tx *tx, void *arg)
{
    *(int64_t *)arg = MAX(session_remove_expired(tx), challenge_remove_expired(tx));
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

const struct sweep identity_sweeps[] = {
    { "identity-failures", 1000, sweep_failures },
    { "identity-sessions", 60 * 1000, sweep_sessions },
    SWEEP_END
};

