#include "payments/webhook.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

/* Stripe sends about 100 bytes a secret, and at most two secrets while one is rolled over. */
#define HEADER_MAX 2048
#define SIGNATURES_MAX 8

struct signature {
    const char *time;   /* its decimal digits, as they were signed */
    size_t time_len;
    int64_t at_s;
    const char *v1[SIGNATURES_MAX];
    size_t count;
};

/* Decimal digits only, no sign, no leading blank, few enough not to overflow. */
static bool read_time(const char *text, size_t len, struct signature *out)
{
    int64_t value = 0;

    if (len == 0 || len > 12)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    out->time = text;
    out->time_len = len;
    out->at_s = value;
    return true;
}

/* Items are split at every comma and compared to the letter, as Stripe's own library does: a blank behind a comma makes another scheme. */
static bool read_header(const char *header, struct signature *out)
{
    const char *at = header;

    *out = (struct signature){ 0 };
    for (;;) {
        size_t len = strcspn(at, ",");

        if (len >= 2 && strncmp(at, "t=", 2) == 0 && !read_time(at + 2, len - 2, out))
            return false;
        if (len >= 3 && strncmp(at, "v1=", 3) == 0) {
            if (out->count == SIGNATURES_MAX)
                return false;
            if (len == 3 + 64)
                out->v1[out->count++] = at + 3;
        }
        if (!at[len])
            break;
        at += len + 1;
    }
    return out->time && out->count;
}

static bool expected(const char *secret, const struct signature *sig, struct bytes body, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    HMAC_CTX *hmac;
    bool good;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    /* The HMAC calls of OpenSSL 1 work unchanged in 3 and skip a fetch by name for each message. */
    hmac = HMAC_CTX_new();
    good = hmac && HMAC_Init_ex(hmac, secret, (int)strlen(secret), EVP_sha256(), NULL) &&
           HMAC_Update(hmac, (const unsigned char *)sig->time, sig->time_len) && HMAC_Update(hmac, (const unsigned char *)".", 1) &&
           (!body.len || HMAC_Update(hmac, body.data, body.len)) && HMAC_Final(hmac, mac, &mac_len) && mac_len == 32;
    HMAC_CTX_free(hmac);
#pragma GCC diagnostic pop
    for (size_t i = 0; good && i < 32; i++) {
        hex[2 * i] = digits[mac[i] >> 4];
        hex[2 * i + 1] = digits[mac[i] & 15];
    }
    hex[64] = '\0';
    return good;
}

bool webhook_verify(const char *const *secrets, size_t count, const char *header, struct bytes body, int64_t now_s)
{
    struct signature sig;
    bool fits = false;

    if (!header || strnlen(header, HEADER_MAX + 1) > HEADER_MAX || !read_header(header, &sig))
        return false;
    if (sig.at_s < now_s - WEBHOOK_TOLERANCE_S || sig.at_s > now_s + WEBHOOK_FUTURE_S)
        return false;
    for (size_t i = 0; i < count; i++) {
        char hex[65];

        if (!secrets[i] || !*secrets[i] || !expected(secrets[i], &sig, body, hex))
            continue;
        for (size_t j = 0; j < sig.count; j++)
            fits |= CRYPTO_memcmp(hex, sig.v1[j], 64) == 0;
    }
    return fits;
}
