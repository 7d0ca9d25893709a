/* objects_inside.h - what objects.c and its routes share. */
#ifndef USHER_OBJECTS_OBJECTS_INSIDE_H
#define USHER_OBJECTS_OBJECTS_INSIDE_H

#include "objects/objects.h"

/* [A-Za-z0-9._-] parts with a '/' between, none empty, none beginning with a dot; at most 512 bytes. */
bool objects_key_good(const char *key);

/* The public address in pieces: `host` as a client's Host header has it, `prefix` the path in front of ours ("" or "/usher"). */
struct objects_address {
    const char *scheme, *host, *prefix;
};
struct objects_address objects_address(struct arena *arena, const char *public_url);

/* Our own credentials, for that host. */
struct sigv4 objects_signer(struct objects *objects, const char *host);

/* "bytes=a-b", "bytes=a-", "bytes=-n" over `size` bytes. ERR_OK with the slice; ERR_RANGE when it lies outside;
 * ERR_INVALID when it is none that we serve (several ranges, another unit), which RFC 9110, 14.2 lets us ignore. */
enum err objects_range(const char *header, int64_t size, int64_t *offset, int64_t *length);

#endif
