/*
 * render_wire.h - what goes over the socketpair between the server and `usher render`.
 *
 *     request   length u32 | dated i64 | for each text: length u32 (RENDER_NO_TEXT: none), its bytes
 *               length u32 with the bit RENDER_RECEIPT | a receipt's JSON
 *     reply     enum err u32 | length u32 | the PDF
 *
 * Both ends are one program on one machine: numbers are in its byte order. The
 * lengths are still bounded on both sides, for the wall between them is there
 * because the child may be taken over.
 */
#ifndef USHER_TICKETS_RENDER_WIRE_H
#define USHER_TICKETS_RENDER_WIRE_H

#include "base/buf.h"
#include "tickets/render.h"

#define RENDER_FD 3
#define RENDER_IDLE_MS 60000
#define RENDER_DRAWING_MS 10000
#define RENDER_TEXT_MAX 4096u
#define RENDER_REQUEST_MAX (64u * 1024)
#define RENDER_REPLY_MAX (8u * 1024 * 1024)
#define RENDER_NO_TEXT UINT32_MAX
#define RENDER_RECEIPT 0x80000000u

struct render_reply {
    uint32_t err, length;
};

/* The texts of a request, in the order of the wire. */
#define RENDER_TEXTS(X) \
    X(event_title) X(when_line) X(doors_line) X(venue_lines) X(ticket_type) X(attendee) X(order_line) X(price_line) X(organizer) X(token)

/* Appends the request with its length in front; a text longer than RENDER_TEXT_MAX is cut at a character. */
void render_write_request(struct buf *out, const struct render_ticket *ticket);
/* From the bytes behind the length. False when they are not a request. The texts live in `arena`. */
bool render_read_request(struct arena *arena, const void *data, size_t len, struct render_ticket *out);

/* All of it, or false: the other end is gone, or `until_us` (clock_mono_us) has passed. */
bool render_send(int fd, const void *data, size_t len, int64_t until_us);
bool render_receive(int fd, void *data, size_t len, int64_t until_us);

#endif
