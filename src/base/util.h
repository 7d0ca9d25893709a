/* util.h - the few macros that every file wants. */
#ifndef USHER_BASE_UTIL_H
#define USHER_BASE_UTIL_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#undef MIN /* <sys/param.h>, which libuv brings along, has the same two */
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* The struct that holds `member` at address `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define PRINTF_LIKE(text, rest) __attribute__((format(printf, text, rest)))

/* A run of bytes with its length; it owns nothing. Text in it is UTF-8 unless said otherwise. */
struct bytes {
    const void *data;
    size_t len;
};

#define BYTES_OF(literal) ((struct bytes){ (literal), sizeof(literal) - 1 })

#endif
