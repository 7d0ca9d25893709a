/* key_ring.c - the keys in force, while their file changes underneath and other threads sign and verify. See parts.h. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "identity/parts.h"

struct key_ring *key_ring_new(const struct identity *identity)
{
    struct key_ring *ring = calloc(1, sizeof *ring);

    if (!ring)
        log_die("out of memory");
    ring->users = 1; /* the identity itself */
    ring->pool.issuer = identity->issuer;
    ring->pool.client_id = identity->client_id;
    return ring;
}

struct key_ring *key_ring_take(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    struct key_ring *ring = identity->ring;
    if (ring)
        ring->users++;
    pthread_mutex_unlock(&identity->lock);
    return ring;
}

void key_ring_drop(struct identity *identity, struct key_ring *ring)
{
    if (!ring)
        return;
    pthread_mutex_lock(&identity->lock);
    bool last = --ring->users == 0;
    pthread_mutex_unlock(&identity->lock);
    if (last) {
        jwt_keys_free(&ring->pool);
        free(ring);
    }
}

/* Is a key gone before its time, or another one under its name, so that tokens which it signed must not count any longer? */
static bool lost_a_key(const struct key_ring *old, const struct key_ring *new, int64_t now_ms)
{
    for (size_t i = 0; old && i < old->pool.key_count; i++) {
        const struct jwt_key *was = &old->pool.keys[i], *is = jwt_key_find(&new->pool, was->kid);

        if (!jwt_key_has_left(was, now_ms) && (!is || EVP_PKEY_eq(is->pkey, was->pkey) != 1))
            return true;
    }
    return false;
}

void key_ring_put(struct identity *identity, struct key_ring *ring)
{
    pthread_mutex_lock(&identity->lock);
    struct key_ring *old = identity->ring;
    identity->ring = ring;
    pthread_cond_broadcast(&identity->changed);
    pthread_mutex_unlock(&identity->lock);
    if (lost_a_key(old, ring, clock_now_ms())) /* behind the change: who asks for the token now finds the new keys */
        http_epoch_raised(identity->app, NULL);
    key_ring_drop(identity, old);
}

/* Read the signing keys, or make the first one, and let everybody know. */
static bool load_keys(struct identity *identity, struct buf *error)
{
    struct key_ring *ring = key_ring_new(identity);
    bool good = token_keys_read(identity->dir, identity->app->config->access_token_seconds, true, &ring->pool, error);

    if (good)
        key_ring_put(identity, ring);
    else
        key_ring_drop(identity, ring);
    return good;
}

static void *make_keys(void *arg)
{
    struct identity *identity = arg;
    struct buf error = buf_heap();

    pthread_mutex_lock(&identity->look_lock);
    if (!load_keys(identity, &error))
        log_die("%s", error.data);
    token_keys_seen(identity->dir, &identity->seen);
    pthread_mutex_unlock(&identity->look_lock);
    buf_free(&error);
    return NULL;
}

/* Keys that are there are read at once, so that a damaged file stops the start. */
bool key_ring_open(struct identity *identity, struct buf *error)
{
    if (token_keys_seen(identity->dir, &identity->seen))
        return load_keys(identity, error);
    identity->making = pthread_create(&identity->maker, NULL, make_keys, identity) == 0;
    return identity->making || load_keys(identity, error);
}

void identity_keys_look(struct identity *identity)
{
    struct buf error = buf_heap();
    struct key_file_stamp seen;

    pthread_mutex_lock(&identity->look_lock);
    bool there = token_keys_seen(identity->dir, &seen);
    if (memcmp(&seen, &identity->seen, sizeof seen) != 0) {
        identity->seen = seen; /* a file that is no good is told of once; its next change is looked at again */
        if (!there)
            log_error("keys/tokens.pem is gone; this server goes on with the keys that it has read, and cannot start again with them");
        else if (!load_keys(identity, &error))
            log_error("%s; this server goes on with the keys that it has", error.data);
        else
            log_info("The token signing keys were read anew");
    }
    pthread_mutex_unlock(&identity->look_lock);
    buf_free(&error);
}

bool identity_keys_ready(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    bool ready = identity->ring != NULL;
    pthread_mutex_unlock(&identity->lock);
    return ready;
}

void identity_keys_wait(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    while (!identity->ring)
        pthread_cond_wait(&identity->changed, &identity->lock);
    pthread_mutex_unlock(&identity->lock);
}

enum jwt_worth identity_judge(struct identity *identity, struct arena *arena, const char *token, size_t len, struct jwt_claims *out)
{
    struct key_ring *ring = key_ring_take(identity);
    enum jwt_worth worth = ring ? jwt_judge(&ring->pool, arena, token, len, clock_now_ms(), out) : JWT_BAD;

    key_ring_drop(identity, ring);
    return worth;
}

char *identity_sign(struct identity *identity, struct arena *arena, const struct jwt_claims *claims)
{
    identity_keys_wait(identity);
    struct key_ring *ring = key_ring_take(identity);
    char *token = jwt_sign(&ring->pool, arena, claims);

    key_ring_drop(identity, ring);
    return token;
}

bool identity_key_set(struct identity *identity, struct buf *out)
{
    struct key_ring *ring = key_ring_take(identity);

    if (ring)
        jwt_key_set(&ring->pool, clock_now_ms(), out);
    key_ring_drop(identity, ring);
    return ring != NULL;
}

/* What another node, or a command, did to the keys; and keys whose last token has expired go from the disk too. */
void key_ring_sweep(struct app *app, struct reader *reader, struct arena *arena)
{
    struct identity *identity = app->identity;
    struct key_ring *ring = identity->outside ? NULL : key_ring_take(identity); /* another issuer's keys are not in a file of ours */
    int64_t now_ms = clock_now_ms();
    bool left = false;

    for (size_t i = 0; ring && i < ring->pool.key_count; i++)
        left = left || jwt_key_has_left(&ring->pool.keys[i], now_ms);
    key_ring_drop(identity, ring);
    if (left)
        token_keys_prune(identity->dir, app->config->access_token_seconds);
    if (ring)
        identity_keys_look(identity);
}

/* ---- from the shell ---- */

enum err identity_keys_rotate(struct app *app, bool at_once, struct fault *fault)
{
    struct buf error = buf_heap();
    enum err e = token_keys_rotate(app->config->data, app->config->access_token_seconds, at_once, &error);

    if (e)
        e = fault_set(fault, e, "%s", error.data);
    else if (app->identity && !app->identity->outside)
        identity_keys_look(app->identity);
    if (!e && app->identity)
        log_info(at_once ? "A new token signing key signs at once; every token from before is void" : "A new token signing key is published");
    buf_free(&error);
    return e;
}

enum err identity_keys_list(struct app *app, struct arena *arena, struct token_key **out, size_t *count, struct fault *fault)
{
    struct jwt_pool pool = { .key_count = 0 };
    struct buf error = buf_heap();
    int64_t now_ms = clock_now_ms();

    if (!token_keys_read(app->config->data, app->config->access_token_seconds, false, &pool, &error)) {
        fault_set(fault, ERR_INTERNAL, "%s", error.data);
        buf_free(&error);
        return ERR_INTERNAL;
    }
    jwt_keys_drop_left(&pool, now_ms);
    const struct jwt_key *signing = jwt_signing_key(&pool, now_ms);
    *count = pool.key_count;
    *out = arena_alloc(arena, pool.key_count * sizeof **out);
    for (size_t i = 0; i < pool.key_count; i++) {
        const struct jwt_key *key = &pool.keys[i];

        (*out)[i] = (struct token_key){
            .kid = arena_strdup(arena, key->kid), .signs_from_ms = key->signs_from_ms, .leaves_at_ms = key->leaves_at_ms,
            .state = key == signing ? TOKEN_KEY_SIGNS : key->signs_from_ms > now_ms ? TOKEN_KEY_NEXT : TOKEN_KEY_RETIRES,
        };
    }
    jwt_keys_free(&pool);
    return ERR_OK;
}
