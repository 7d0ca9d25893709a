/*
 * Stripe-Signature. The first line is the header, the rest the body. As they came they are never good. Then each "%" of the header becomes
 * the right signature for the time that the header names last, as if the signer had been tricked: what verifies is near the present.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fuzz.h"
#include "payments/webhook.h"

#define NOW_S INT64_C(1795375741)
#define SECRET "whsec_test_secret"

static void sign(struct arena *arena, const char *header, const uint8_t *body, size_t size, struct buf *hex)
{
    struct buf text = buf_in(arena);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    const char *time = "";

    for (const char *at = header; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "t=", 2) == 0)
            time = at + 2;
    }
    buf_add(&text, time, strcspn(time, ","));
    buf_char(&text, '.');
    buf_add(&text, body, size);
    HOLDS(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)text.data, text.len, mac, &mac_len));
    buf_hex(hex, mac, mac_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const secrets[] = { NULL, SECRET };
    struct arena *arena = fuzz_arena();
    const char *header = fuzz_line(arena, &data, &size);
    struct buf hex = buf_in(arena), filled = buf_in(arena);
    struct bytes body = { data, size };
    size_t signatures = 0;

    HOLDS(!webhook_verify(secrets, 2, header, body, NOW_S));
    if (strlen(header) > 1000)
        return 0;
    sign(arena, header, data, size, &hex);
    for (const char *at = header; *at; at++) {
        if (*at == '%' && ++signatures <= 20)
            buf_add(&filled, hex.data, hex.len);
        else
            buf_char(&filled, *at);
    }
    if (!filled.len || !webhook_verify(secrets, 2, filled.data, body, NOW_S))
        return 0;
    HOLDS(signatures > 0);
    HOLDS(!webhook_verify(secrets, 1, filled.data, body, NOW_S));
    HOLDS(!webhook_verify(secrets, 2, filled.data, body, NOW_S + 100000));
    PLANT(strstr(filled.data, "v1=x") != NULL);
    return 0;
}
