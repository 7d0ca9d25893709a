#include "http/addresses.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* As many addresses as there may be connections; chains stay short. */
#define BUCKETS 1024

struct address_count {
    struct address_count *next;
    uint8_t address[16];
    size_t count;
};

static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

void address_of(const struct sockaddr_storage *name, uint8_t out[16], char text[46])
{
    memset(out, 0, 16);
    if (name->ss_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)name)->sin6_addr, 16);
        if (memcmp(out, mapped, 12) == 0)
            inet_ntop(AF_INET, out + 12, text, 46);
        else
            inet_ntop(AF_INET6, out, text, 46);
    } else if (name->ss_family == AF_INET) {
        memcpy(out, mapped, 12);
        memcpy(out + 12, &((const struct sockaddr_in *)name)->sin_addr, 4);
        inet_ntop(AF_INET, out + 12, text, 46);
    } else {
        text[0] = '\0';
    }
}

bool address_parse(const char *text, uint8_t out[16])
{
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    memcpy(out, mapped, 12);
    return inet_pton(AF_INET, text, out + 12) == 1;
}

/* Neighbours differ in the last bytes; a client that chooses its address to collide gains a chain of at most 4,096. */
static size_t bucket_of(const uint8_t address[16])
{
    uint64_t high, low;

    memcpy(&high, address, 8);
    memcpy(&low, address + 8, 8);
    return (size_t)(((high ^ low * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u) >> 54) % BUCKETS;
}

static struct address_count **find(struct http *http, const uint8_t address[16])
{
    struct address_count **at;

    if (!http->addresses) {
        http->addresses = calloc(BUCKETS, sizeof *http->addresses);
        if (!http->addresses)
            log_die("Out of memory.");
    }
    at = &http->addresses[bucket_of(address)].next;
    while (*at && memcmp((*at)->address, address, 16) != 0)
        at = &(*at)->next;
    return at;
}

bool addresses_enter(struct http *http, const uint8_t address[16], size_t max)
{
    struct address_count **at;
    bool allowed;

    uv_mutex_lock(&http->address_lock);
    at = find(http, address);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at)
            log_die("Out of memory.");
        memcpy((*at)->address, address, 16);
    }
    allowed = ++(*at)->count <= max;
    uv_mutex_unlock(&http->address_lock);
    return allowed;
}

void addresses_leave(struct http *http, const uint8_t address[16])
{
    struct address_count **at, *gone;

    uv_mutex_lock(&http->address_lock);
    at = find(http, address);
    assert(*at && (*at)->count);
    if (!--(*at)->count) {
        gone = *at;
        *at = gone->next;
        free(gone);
    }
    uv_mutex_unlock(&http->address_lock);
}

void addresses_close(struct http *http)
{
    for (size_t i = 0; http->addresses && i < BUCKETS; i++) {
        struct address_count *next;

        for (struct address_count *at = http->addresses[i].next; at; at = next) {
            next = at->next;
            free(at);
        }
    }
    free(http->addresses);
}
