#include "tickets/gate_keys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/log.h"
#include "base/random.h"

#define SCALAR_BYTES 32

struct gate_key {
    /* Constant from its making on: any thread reads freely. */
    EC_GROUP *group;
    BIGNUM *secret;
    EC_POINT *public;
    BN_MONT_CTX *mod_order;
    const BIGNUM *order;
    uint8_t scalar[SCALAR_BYTES], x[SCALAR_BYTES], y[SCALAR_BYTES];
};

/* The scratch numbers of one thread; making them anew for each signature would cost a third of its time. */
static _Thread_local BN_CTX *scratch;
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *ctx)
{
    BN_CTX_free(ctx);
}

static void scratch_init(void)
{
    pthread_key_create(&scratch_key, scratch_free);
}

static BN_CTX *numbers(void)
{
    if (!scratch) {
        pthread_once(&scratch_once, scratch_init);
        scratch = BN_CTX_secure_new();
        if (!scratch)
            log_die("Out of memory.");
        pthread_setspecific(scratch_key, scratch);
    }
    return scratch;
}

/* ---- making and keeping ---- */

struct gate_key *gate_key_from_scalar(const uint8_t scalar[SCALAR_BYTES])
{
    struct gate_key *key = calloc(1, sizeof *key);
    BIGNUM *x = BN_new(), *y = BN_new();
    bool good;

    if (!key || !x || !y)
        log_die("Out of memory.");
    key->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    key->secret = BN_bin2bn(scalar, SCALAR_BYTES, NULL);
    key->mod_order = BN_MONT_CTX_new();
    if (!key->group || !key->secret || !key->mod_order)
        log_die("Out of memory.");
    BN_set_flags(key->secret, BN_FLG_CONSTTIME);
    key->public = EC_POINT_new(key->group);
    key->order = EC_GROUP_get0_order(key->group);
    good = key->public && !BN_is_zero(key->secret) && BN_cmp(key->secret, key->order) < 0 && BN_MONT_CTX_set(key->mod_order, key->order, numbers()) &&
           EC_POINT_mul(key->group, key->public, key->secret, NULL, NULL, numbers()) &&
           EC_POINT_get_affine_coordinates(key->group, key->public, x, y, numbers()) &&
           BN_bn2binpad(x, key->x, SCALAR_BYTES) == SCALAR_BYTES && BN_bn2binpad(y, key->y, SCALAR_BYTES) == SCALAR_BYTES;
    memcpy(key->scalar, scalar, SCALAR_BYTES);
    BN_free(x);
    BN_free(y);
    if (!good) {
        gate_key_free(key);
        return NULL;
    }
    return key;
}

struct gate_key *gate_key_new(void)
{
    struct gate_key *key = NULL;
    uint8_t scalar[SCALAR_BYTES];

    while (!key) { /* one draw in 2^32 is not below the order */
        random_bytes(scalar, sizeof scalar);
        key = gate_key_from_scalar(scalar);
    }
    OPENSSL_cleanse(scalar, sizeof scalar);
    return key;
}

void gate_key_free(struct gate_key *key)
{
    if (!key)
        return;
    BN_MONT_CTX_free(key->mod_order);
    EC_POINT_free(key->public);
    BN_clear_free(key->secret);
    EC_GROUP_free(key->group);
    OPENSSL_cleanse(key->scalar, sizeof key->scalar);
    free(key);
}

/* As OpenSSL's own key object, which can be written as PEM. */
static EVP_PKEY *as_pkey(const struct gate_key *key)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    uint8_t point[1 + 2 * SCALAR_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };

    memcpy(point + 1, key->x, SCALAR_BYTES);
    memcpy(point + 1 + SCALAR_BYTES, key->y, SCALAR_BYTES);
    if (build && ctx && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) &&
        OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, key->secret, SCALAR_BYTES) &&
        (params = OSSL_PARAM_BLD_to_param(build)) && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* The name of a new key must be on the disk before any ticket is signed with it. */
static bool folder_sync(const char *path)
{
    char folder[4096];
    bool synced;
    int fd;

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

static bool pem_write(const struct gate_key *key, const char *path)
{
    char fresh[4104];
    EVP_PKEY *pkey = as_pkey(key);
    FILE *file = NULL;
    bool written = false;
    int fd;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        file = fdopen(fd, "w");
    if (pkey && file)
        written = PEM_write_PKCS8PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1 && fflush(file) == 0 && fsync(fd) == 0;
    if (file && fclose(file))
        written = false;
    EVP_PKEY_free(pkey);
    return written && rename(fresh, path) == 0 && folder_sync(path);
}

static struct gate_key *pem_read(FILE *file)
{
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    struct gate_key *key = NULL;
    BIGNUM *secret = NULL;
    char curve[32];
    uint8_t scalar[SCALAR_BYTES];

    if (pkey && EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve, NULL) == 1 &&
        (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "P-256") == 0) &&
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1 && BN_bn2binpad(secret, scalar, sizeof scalar) == SCALAR_BYTES)
        key = gate_key_from_scalar(scalar);
    OPENSSL_cleanse(scalar, sizeof scalar);
    BN_clear_free(secret);
    EVP_PKEY_free(pkey);
    return key;
}

struct gate_key *gate_key_load(const char *path, bool make, struct buf *error)
{
    FILE *file = fopen(path, "re");
    struct gate_key *key;

    if (!file && errno == ENOENT && make) {
        key = gate_key_new();
        if (pem_write(key, path))
            return key;
        buf_printf(error, "The gate key %s cannot be written: %s.", path, strerror(errno));
        gate_key_free(key);
        return NULL;
    }
    if (!file) {
        buf_printf(error, "The gate key %s cannot be read: %s.", path, strerror(errno));
        return NULL;
    }
    key = pem_read(file);
    fclose(file);
    if (!key)
        buf_printf(error, "The file %s does not hold a P-256 private key in PEM.", path);
    return key;
}

void gate_key_public(const struct gate_key *key, uint8_t x[SCALAR_BYTES], uint8_t y[SCALAR_BYTES])
{
    memcpy(x, key->x, SCALAR_BYTES);
    memcpy(y, key->y, SCALAR_BYTES);
}

/* ---- signing ---- */

/* RFC 6979, 3.2: HMAC over V, a separator and up to two more pieces. */
static void hmac(const uint8_t *key, const uint8_t *v, int separator, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    uint8_t text[SCALAR_BYTES * 3 + 1];
    size_t len = SCALAR_BYTES;

    memcpy(text, v, SCALAR_BYTES);
    if (separator >= 0)
        text[len++] = (uint8_t)separator;
    if (a) {
        memcpy(text + len, a, SCALAR_BYTES);
        memcpy(text + len + SCALAR_BYTES, b, SCALAR_BYTES);
        len += 2 * SCALAR_BYTES;
    }
    if (!HMAC(EVP_sha256(), key, SCALAR_BYTES, text, len, out, NULL))
        log_die("HMAC failed.");
    OPENSSL_cleanse(text, sizeof text);
}

/* The derived nonces of one message, one after the other. */
struct nonces {
    uint8_t k[SCALAR_BYTES], v[SCALAR_BYTES];
};

/* `digest` reduced modulo the order: bits2octets of RFC 6979, 2.3.4. */
static void nonces_begin(struct nonces *n, const struct gate_key *key, const uint8_t digest[SCALAR_BYTES])
{
    memset(n->v, 1, sizeof n->v);
    memset(n->k, 0, sizeof n->k);
    hmac(n->k, n->v, 0, key->scalar, digest, n->k);
    hmac(n->k, n->v, -1, NULL, NULL, n->v);
    hmac(n->k, n->v, 1, key->scalar, digest, n->k);
    hmac(n->k, n->v, -1, NULL, NULL, n->v);
}

static void nonces_next(struct nonces *n, uint8_t out[SCALAR_BYTES])
{
    hmac(n->k, n->v, -1, NULL, NULL, n->v);
    memcpy(out, n->v, SCALAR_BYTES);
}

static void nonces_again(struct nonces *n)
{
    hmac(n->k, n->v, 0, NULL, NULL, n->k);
    hmac(n->k, n->v, -1, NULL, NULL, n->v);
}

/* r and s for nonce k; false when the nonce is none (0, too big, or r or s comes out 0). */
static bool sign_with(const struct gate_key *key, BN_CTX *ctx, EC_POINT *point, const BIGNUM *z, const uint8_t nonce[SCALAR_BYTES], uint8_t out[GATE_SIGNATURE_BYTES])
{
    BIGNUM *k, *r, *s, *blind, *sum;
    uint8_t random[SCALAR_BYTES];
    bool done = false;

    BN_CTX_start(ctx);
    k = BN_CTX_get(ctx);
    r = BN_CTX_get(ctx);
    s = BN_CTX_get(ctx);
    blind = BN_CTX_get(ctx);
    sum = BN_CTX_get(ctx);
    random_bytes(random, sizeof random);
    if (!sum || !BN_bin2bn(nonce, SCALAR_BYTES, k) || !BN_bin2bn(random, sizeof random, blind))
        goto done;
    BN_set_flags(k, BN_FLG_CONSTTIME);
    if (BN_is_zero(k) || BN_cmp(k, key->order) >= 0)
        goto done;
    if (!BN_nnmod(blind, blind, key->order, ctx) || (BN_is_zero(blind) && !BN_one(blind)))
        goto done;
    if (!EC_POINT_mul(key->group, point, k, NULL, NULL, ctx) || !EC_POINT_get_affine_coordinates(key->group, point, r, NULL, ctx) ||
        !BN_nnmod(r, r, key->order, ctx) || BN_is_zero(r))
        goto done;
    /* s = k^-1 (z + r d) = (b k)^-1 (b z + r (b d)), b the blind. */
    if (!BN_mod_mul_montgomery(s, blind, key->secret, key->mod_order, ctx) || !BN_to_montgomery(s, s, key->mod_order, ctx) ||
        !BN_to_montgomery(s, s, key->mod_order, ctx) || !BN_mod_mul_montgomery(s, s, r, key->mod_order, ctx) ||
        !BN_mod_mul(sum, blind, z, key->order, ctx) || !BN_mod_add_quick(sum, sum, s, key->order))
        goto done;
    if (!BN_mod_mul_montgomery(k, k, blind, key->mod_order, ctx) || !BN_to_montgomery(k, k, key->mod_order, ctx))
        goto done;
    BN_set_flags(k, BN_FLG_CONSTTIME);
    if (!BN_mod_inverse(k, k, key->order, ctx) || !BN_mod_mul(s, k, sum, key->order, ctx) || BN_is_zero(s))
        goto done;
    done = BN_bn2binpad(r, out, SCALAR_BYTES) == SCALAR_BYTES && BN_bn2binpad(s, out + SCALAR_BYTES, SCALAR_BYTES) == SCALAR_BYTES;
done:
    BN_CTX_end(ctx);
    OPENSSL_cleanse(random, sizeof random);
    return done;
}

void gate_key_sign(const struct gate_key *key, const void *message, size_t len, uint8_t out[GATE_SIGNATURE_BYTES])
{
    BN_CTX *ctx = numbers();
    EC_POINT *point = EC_POINT_new(key->group);
    uint8_t digest[SCALAR_BYTES], nonce[SCALAR_BYTES];
    struct nonces nonces;
    BIGNUM *z;

    if (!point)
        log_die("Out of memory.");
    SHA256(message, len, digest);
    BN_CTX_start(ctx);
    z = BN_CTX_get(ctx);
    if (!z || !BN_bin2bn(digest, sizeof digest, z) || !BN_nnmod(z, z, key->order, ctx) || BN_bn2binpad(z, digest, sizeof digest) < 0)
        log_die("A ticket could not be signed.");
    nonces_begin(&nonces, key, digest);
    for (int tries = 0;; tries++) { /* a second try is needed once in 2^32 */
        nonces_next(&nonces, nonce);
        if (sign_with(key, ctx, point, z, nonce, out))
            break;
        if (tries == 16)
            log_die("A ticket could not be signed.");
        nonces_again(&nonces);
    }
    BN_CTX_end(ctx);
    EC_POINT_clear_free(point);
    OPENSSL_cleanse(&nonces, sizeof nonces);
    OPENSSL_cleanse(nonce, sizeof nonce);
}

/* FIPS 186-4, 6.4.2. Nothing here is secret, so nothing is blinded. */
bool gate_key_verify(const struct gate_key *key, const void *message, size_t len, const uint8_t signature[GATE_SIGNATURE_BYTES])
{
    BN_CTX *ctx = numbers();
    EC_POINT *point = EC_POINT_new(key->group);
    BIGNUM *r, *s, *z, *u, *x;
    uint8_t digest[SCALAR_BYTES];
    bool good = false;

    if (!point)
        log_die("Out of memory.");
    SHA256(message, len, digest);
    BN_CTX_start(ctx);
    r = BN_CTX_get(ctx);
    s = BN_CTX_get(ctx);
    z = BN_CTX_get(ctx);
    u = BN_CTX_get(ctx);
    x = BN_CTX_get(ctx);
    if (!x || !BN_bin2bn(signature, SCALAR_BYTES, r) || !BN_bin2bn(signature + SCALAR_BYTES, SCALAR_BYTES, s) || !BN_bin2bn(digest, sizeof digest, z))
        log_die("Out of memory.");
    if (!BN_is_zero(r) && BN_cmp(r, key->order) < 0 && !BN_is_zero(s) && BN_cmp(s, key->order) < 0 && BN_mod_inverse(s, s, key->order, ctx) &&
        BN_mod_mul(z, z, s, key->order, ctx) && BN_mod_mul(u, r, s, key->order, ctx) && EC_POINT_mul(key->group, point, z, key->public, u, ctx) &&
        !EC_POINT_is_at_infinity(key->group, point) && EC_POINT_get_affine_coordinates(key->group, point, x, NULL, ctx) &&
        BN_nnmod(x, x, key->order, ctx))
        good = BN_cmp(x, r) == 0;
    BN_CTX_end(ctx);
    EC_POINT_free(point);
    return good;
}
