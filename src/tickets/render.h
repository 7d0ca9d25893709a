/*
 * render.h - drawing PDFs in a child process, `usher render`.
 *
 * glib ends the process when memory does, and hostile names deserve a wall: so
 * cairo and pango run in a child over a socketpair, at nice 10, without keys,
 * which ends when idle and is started again after a death. One page, fonts by
 * a private fontconfig file, dates and metadata fixed: same ticket, same bytes.
 */
#ifndef USHER_TICKETS_RENDER_H
#define USHER_TICKETS_RENDER_H

#include "base/app.h"
#include "base/err.h"

struct render_ticket {      /* all UTF-8; NULL: leave out */
    const char *event_title, *when_line, *doors_line, *venue_lines, *ticket_type, *attendee, *order_line, *price_line, *organizer, *token;
    int64_t dated_ms;       /* the PDF's CreationDate */
};

struct render;
struct render *render_open(struct buf *error);
void render_close(struct render *render);
/* Draw. Any thread; one drawing at a time. ERR_BUSY when the child died or took over 10 s twice. `out` in arena. */
enum err render_pdf(struct render *render, struct arena *arena, const struct render_ticket *ticket, struct bytes *out);

/* The same for a receipt, which is sent as the JSON that is kept with its number (receipt.h). */
enum err render_receipt_pdf(struct render *render, struct arena *arena, const char *json, size_t len, struct bytes *out);

/* Take leave of a child that ended while idle; for a sweep. Never waits. */
void render_reap(struct render *render);

/* `usher render`: serve drawings on file descriptor 3 until it closes. Returns the exit code. */
int render_child_main(void);
/* The drawing itself, in this process. One thread at a time; ERR_INTERNAL when no font is installed. */
enum err render_draw(struct arena *arena, const struct render_ticket *ticket, struct bytes *out);
enum err render_draw_receipt(struct arena *arena, const char *json, size_t len, struct bytes *out);
/* Give its fonts back, so that a leak checker sees what was really lost. */
void render_draw_end(void);

#endif
