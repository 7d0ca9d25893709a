#include "observe/trace.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char digits[] = "0123456789abcdef";

/* `n` lower-case hex digits, not all of them zero where `zero` is false. */
static bool is_hex(const char *text, size_t n, bool zero)
{
    bool some = zero;

    for (size_t i = 0; i < n; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        some |= text[i] != '0';
    }
    return some;
}

bool trace_parse_w3c(const char *text, char trace_id[33], char flags[3])
{
    size_t len = strlen(text);

    if (len < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' || !is_hex(text, 2, true) || !is_hex(text + 3, 32, false) ||
        !is_hex(text + 36, 16, false) || !is_hex(text + 53, 2, true) || !memcmp(text, "ff", 2))
        return false;
    /* A later version may say more behind a dash; this one may not. */
    if (len > 55 && (!memcmp(text, "00", 2) || text[55] != '-'))
        return false;
    memcpy(trace_id, text + 3, 32);
    trace_id[32] = '\0';
    memcpy(flags, text + 53, 2);
    flags[2] = '\0';
    return true;
}

bool trace_parse_amzn(const char *text, char trace_id[33])
{
    for (const char *field = text; *field; field += strcspn(field, ";"), field += *field == ';') {
        field += strspn(field, " ");
        if (strncasecmp(field, "Root=1-", 7) != 0 || strcspn(field + 7, "; ") != 33 || field[15] != '-' || !is_hex(field + 7, 8, true) ||
            !is_hex(field + 16, 24, false))
            continue;
        memcpy(trace_id, field + 7, 8);
        memcpy(trace_id + 8, field + 16, 24);
        trace_id[32] = '\0';
        return true;
    }
    return false;
}

static void hex_write(char *out, uint64_t value, size_t n)
{
    while (n--) {
        out[n] = digits[value & 15];
        value >>= 4;
    }
}

void trace_new(int64_t now_ms, const uint64_t random[2], char trace_id[33])
{
    hex_write(trace_id, (uint64_t)(now_ms / 1000), 8);
    hex_write(trace_id + 8, random[0], 8);
    hex_write(trace_id + 16, random[1], 16);
    trace_id[32] = '\0';
}

void trace_write_w3c(const char trace_id[33], uint64_t span, const char *flags, char out[56])
{
    memcpy(out, "00-", 3);
    memcpy(out + 3, trace_id, 32);
    out[35] = '-';
    hex_write(out + 36, span | 1, 16);
    out[52] = '-';
    memcpy(out + 53, flags, 2);
    out[55] = '\0';
}

void trace_write_amzn(const char trace_id[33], char out[64])
{
    snprintf(out, 64, "Root=1-%.8s-%.24s", trace_id, trace_id + 8);
}
