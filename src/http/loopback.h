/* loopback.h - our own address as a process on this machine reaches it: for the simulator and its webhooks. */
#ifndef USHER_HTTP_LOOPBACK_H
#define USHER_HTTP_LOOPBACK_H

#include "base/arena.h"

/* "http://127.0.0.1:8080" for an address that http_address gave ("0.0.0.0:8080", "[::]:8080", "10.0.0.7:80"); https with `tls`. */
char *http_loopback_base(struct arena *arena, const char *address, bool tls);

#endif
