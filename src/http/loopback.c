#include "http/loopback.h"

#include <string.h>

char *http_loopback_base(struct arena *arena, const char *address, bool tls)
{
    const char *scheme = tls ? "https" : "http";
    const char *port = strrchr(address, ':');

    /* "Any address" is where to listen, not where to connect to. */
    if (port && (size_t)(port - address) == strlen("0.0.0.0") && strncmp(address, "0.0.0.0", strlen("0.0.0.0")) == 0)
        return arena_printf(arena, "%s://127.0.0.1%s", scheme, port);
    if (port && (size_t)(port - address) == strlen("[::]") && strncmp(address, "[::]", strlen("[::]")) == 0)
        return arena_printf(arena, "%s://[::1]%s", scheme, port);
    return arena_printf(arena, "%s://%s", scheme, address);
}
