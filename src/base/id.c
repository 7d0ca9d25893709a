#include "base/id.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/random.h"

/*
 * Layout (RFC 9562, 5.7): 48 bits of milliseconds, 4 of version, 12 of rand_a,
 * 2 of variant, 62 of rand_b, of which we keep the last 8 zero. Within a
 * millisecond the other 12 + 54 bits are one number that rises by a random step
 * (method 2 of 6.2), so an id tells neither how many came before nor the next.
 */
#define LOW_BITS 54
#define LOW_MASK (((uint64_t)1 << LOW_BITS) - 1)

/* Guarded by lock, held for a few instructions and one draw of random bytes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;
static uint32_t last_high; /* 12 bits */
static uint64_t last_low;  /* 54 bits */

struct id id_new(int64_t now_ms)
{
    struct id id;
    uint64_t random, low, ms;
    uint32_t high;

    random_bytes(&random, sizeof random);
    pthread_mutex_lock(&lock);
    if (now_ms > last_ms) {
        last_ms = now_ms;
        /* The top bit starts at zero: room for 2^65 steps before the millisecond must be borrowed. */
        last_high = (uint32_t)(random >> LOW_BITS) & 0x3ff;
        last_low = random & LOW_MASK;
    } else {
        last_low += (random & 0xffffffff) + 1;
        if (last_low > LOW_MASK) {
            last_low &= LOW_MASK;
            if (++last_high > 0xfff) {
                last_high = 0;
                last_ms++;
            }
        }
    }
    ms = (uint64_t)last_ms;
    high = last_high;
    low = last_low;
    pthread_mutex_unlock(&lock);

    for (int i = 0; i < 6; i++)
        id.byte[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.byte[6] = (uint8_t)(0x70 | high >> 8);
    id.byte[7] = (uint8_t)high;
    id.byte[8] = (uint8_t)(0x80 | low >> 48);
    for (int i = 0; i < 6; i++)
        id.byte[9 + i] = (uint8_t)(low >> (40 - 8 * i));
    id.byte[15] = 0;
    return id;
}

bool id_is_zero(const struct id *id)
{
    static const struct id zero;

    return id_compare(id, &zero) == 0;
}

int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->byte, b->byte, sizeof a->byte);
}

struct id id_child(const struct id *parent, unsigned n)
{
    struct id child = *parent;

    assert(n <= 255 && !parent->byte[15]);
    child.byte[15] = (uint8_t)n;
    return child;
}

unsigned id_number(const struct id *id)
{
    return id->byte[15];
}

struct id id_parent(const struct id *id)
{
    struct id parent = *id;

    parent.byte[15] = 0;
    return parent;
}

static bool dash_at(int i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void id_format(const struct id *id, char text[ID_TEXT_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *byte = id->byte;

    for (int i = 0; i < ID_TEXT_LEN; byte++) {
        if (dash_at(i))
            text[i++] = '-';
        text[i++] = hex[*byte >> 4];
        text[i++] = hex[*byte & 15];
    }
    text[ID_TEXT_LEN] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool id_parse(const char *text, size_t len, struct id *out)
{
    struct id id;
    uint8_t *byte = id.byte;

    if (len != ID_TEXT_LEN)
        return false;
    for (int i = 0; i < ID_TEXT_LEN; byte++) {
        int high, low;

        if (dash_at(i) && text[i++] != '-')
            return false;
        high = hex_value(text[i]);
        low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *byte = (uint8_t)(high << 4 | low);
        i += 2;
    }
    if (id.byte[6] >> 4 != 7 || id.byte[8] >> 6 != 2)
        return false;
    *out = id;
    return true;
}
