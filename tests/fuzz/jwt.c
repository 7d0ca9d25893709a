/*
 * Tokens. The input as it came is never good. Its two lines, header and payload, are also signed with the pool's key, as if the signer
 * had been tricked: whatever then verifies has claims that are in force. "%" in the header stands for the pool's key id.
 */
#include <openssl/evp.h>

#include "fuzz.h"
#include "identity/jwt.h"

#define NOW_S 1795374000LL

static const struct jwt_pool *opened(void)
{
    static struct jwt_pool pool = { .issuer = "http://127.0.0.1:8080/identity/eu_pool", .client_id = "client" };

    if (pool.key_count == 0) {
        struct buf pem = buf_heap();

        HOLDS(jwt_key_make(&pem) && jwt_keys_add(&pool, pem.data, pem.len));
        buf_free(&pem);
    }
    return &pool;
}

static void base64url(struct buf *out, const void *data, size_t len)
{
    char *at = buf_reserve(out, len * 4 / 3 + 8);
    int n = EVP_EncodeBlock((unsigned char *)at, data, (int)len);

    while (n > 0 && at[n - 1] == '=')
        n--;
    for (int i = 0; i < n; i++)
        at[i] = (char)(at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i]);
    out->len += (size_t)n;
}

static void sign(const struct jwt_pool *pool, struct buf *token)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t len = sizeof(signature);

    HOLDS(context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pool->keys[0].pkey) == 1);
    HOLDS(EVP_DigestSign(context, signature, &len, (const unsigned char *)token->data, token->len) == 1);
    EVP_MD_CTX_free(context);
    buf_char(token, '.');
    base64url(token, signature, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct jwt_pool *pool = opened();
    struct arena *arena = fuzz_arena();
    struct buf header = buf_in(arena), token = buf_in(arena);
    struct jwt_claims claims = { 0 };
    const char *line;

    HOLDS(!jwt_verify(pool, arena, (const char *)data, size, NOW_S * 1000, &claims));
    line = fuzz_line(arena, &data, &size);
    for (; *line; line++) {
        if (*line == '%')
            buf_str(&header, pool->keys[0].kid);
        else
            buf_char(&header, *line);
    }
    if (header.len == 0 || header.len > 400)
        return 0;
    base64url(&token, header.data, header.len);
    buf_char(&token, '.');
    base64url(&token, data, size);
    sign(pool, &token);
    if (!jwt_verify(pool, arena, token.data, token.len, NOW_S * 1000, &claims))
        return 0;
    HOLDS(claims.expires_at_s > NOW_S && claims.issued_at_s <= NOW_S + JWT_SKEW_SECONDS);
    HOLDS(claims.expires_at_s - claims.issued_at_s <= JWT_LIFE_MAX_SECONDS);
    HOLDS(!id_is_zero(&claims.account) && (claims.use == JWT_ID || claims.use == JWT_ACCESS));
    PLANT(claims.auth_time_s != claims.issued_at_s);
    return 0;
}
