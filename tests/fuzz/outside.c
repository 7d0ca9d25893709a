/*
 * Another issuer's tokens. The input as it came is never good. Its two lines, header and payload, are also signed with the issuer's key: whatever
 * is then good is in force, has an account, and no text that a row could not take. "%" in the header stands for the key's id.
 */
#include <openssl/evp.h>

#include "fuzz.h"
#include "identity/outside.h"
#include "identity/parts.h"

#define NOW_S 1795374000LL

static const struct jwt_pool *opened(void)
{
    static struct jwt_pool pool = { .issuer = "https://issuer.example/realms/a", .client_id = "client" };

    if (pool.key_count == 0) {
        struct buf pem = buf_heap();

        HOLDS(jwt_key_make(&pem) && jwt_keys_add(&pool, pem.data, pem.len));
        buf_free(&pem);
    }
    return &pool;
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
    jwt_add_b64(token, signature, len);
}

static bool is_line(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ')
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct jwt_pool *pool = opened();
    struct arena *arena = fuzz_arena();
    struct buf header = buf_in(arena), token = buf_in(arena);
    struct outside_claims claims = { 0 };
    const char *line;

    HOLDS(outside_judge(pool, "realm_access.roles", arena, (const char *)data, size, NOW_S * 1000, &claims) != OUTSIDE_GOOD);
    line = fuzz_line(arena, &data, &size);
    for (; *line; line++) {
        if (*line == '%')
            buf_str(&header, pool->keys[0].kid);
        else
            buf_char(&header, *line);
    }
    if (header.len == 0 || header.len > 400)
        return 0;
    jwt_add_b64(&token, header.data, header.len);
    buf_char(&token, '.');
    jwt_add_b64(&token, data, size);
    sign(pool, &token);
    if (outside_judge(pool, "realm_access.roles", arena, token.data, token.len, NOW_S * 1000, &claims) != OUTSIDE_GOOD)
        return 0;
    HOLDS(claims.expires_at_s > NOW_S && claims.issued_at_s <= NOW_S + JWT_SKEW_SECONDS);
    HOLDS(claims.expires_at_s - claims.issued_at_s <= JWT_LIFE_MAX_SECONDS);
    HOLDS(!id_is_zero(&claims.account) && id_number(&claims.account) == 0 && (claims.has_groups || !claims.groups));
    HOLDS(is_line(claims.name) && is_line(claims.handle) && (!claims.email || account_email_good(claims.email)));
    PLANT(claims.groups == GROUP_ORGANIZERS && claims.name && !claims.email);
    return 0;
}
