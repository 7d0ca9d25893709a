/* addresses.h - client addresses as 16 bytes, and how many connections each has open. */
#ifndef USHER_HTTP_ADDRESSES_H
#define USHER_HTTP_ADDRESSES_H

#include <sys/socket.h>

#include "http/inner.h"

/* IPv4 as ::ffff:a.b.c.d; `text` is the usual spelling. */
void address_of(const struct sockaddr_storage *name, uint8_t out[16], char text[46]);
bool address_parse(const char *text, uint8_t out[16]);

/* Count one more connection of this address; false when that makes more than `max` (it counts all the same). Any thread. */
bool addresses_enter(struct http *http, const uint8_t address[16], size_t max);
void addresses_leave(struct http *http, const uint8_t address[16]);
void addresses_close(struct http *http);

#endif
