/* tickets_inside.h - what the files of tickets/ share. */
#ifndef USHER_TICKETS_TICKETS_INSIDE_H
#define USHER_TICKETS_TICKETS_INSIDE_H

#include <stdatomic.h>

#include "identity/identity.h"
#include "tickets/gate_keys.h"
#include "tickets/render.h"
#include "tickets/ticket.h"

#define DRAWN_SLOTS 4096

struct tickets {
    /* Set by tickets_open, constant from then on: any thread reads freely. */
    struct app *app;
    struct gate_key *keys[256]; /* by key id */
    unsigned newest;            /* the id that signs */
    struct render *render;

    /* Any thread, relaxed: hashes of object keys whose PDF is known to be in the store, so that a loop thread need not look at the disk.
     * A slot that was overwritten, or a server just started, only costs a look in a lane. */
    _Atomic uint64_t drawn[DRAWN_SLOTS];
};

/* ---- ticket.c ---- */

/* With `organizer_name`, which only the page shows. */
bool ticket_find_to_print(struct tx *tx, const struct id *ticket_id, struct ticket *out);
/* Name of the person that ticket n is for. */
const char *ticket_attendee_name(const struct registration *reg, unsigned n, const struct account *buyer);

/* What of the owner's tickets is asked for. */
struct ticket_filter {
    struct id event;     /* zero: of any */
    bool by_status;
    enum ticket_status status;
};
/* Newest registration first, its tickets in order, those behind (registration page->id, n page->at). At most page->limit; `more` when there are further ones.
 * Of event and registration only what ticket_json shows is filled in. */
size_t tickets_of_account(struct tx *tx, const struct id *account, const struct ticket_filter *filter, const struct page *page, struct ticket **out, bool *more);

/* The QR text: `ticket->qr_code`, or signed now into `space`. */
const char *ticket_token_of(struct app *app, const struct ticket *ticket, char space[TICKET_TOKEN_LEN + 1]);

/* The members of ticket_json, without the braces. */
void ticket_json_members(struct buf *out, struct app *app, const struct ticket *ticket);

/* ---- print.c: what stands on the page ---- */

/* "A1B2C3D4E5": the last ten hexadecimal digits of a registration's id that are not zero by rule, so that whoever has the id finds it. */
char *order_reference(struct arena *arena, const struct id *registration);
/* "Friday 12 March 2027, 19:30–23:00 CET", in the event's zone. */
char *when_text(struct arena *arena, const struct event *event);
/* "12 March 2027", in the event's zone. */
char *day_text(struct arena *arena, const struct event *event, int64_t at_ms);
/* "Grote Zaal\nVredenburgkade 11\nUtrecht, NL"; NULL when nothing is known. */
char *venue_text(struct arena *arena, const struct event *event);
/* "EUR 42.50" by the currency's minor units, "Free" for nothing. */
char *price_text(struct arena *arena, const char *currency, int64_t amount);

/* Where the PDF of this ticket is, or would be: the key names the ticket and a hash of all that is printed, so that a changed event or name is another object. */
char *ticket_pdf_key(struct app *app, struct arena *arena, const struct ticket *ticket);
/* Known to be in the store, without a look at the disk. */
bool ticket_pdf_known(struct app *app, const char *key);
/* The folder that an event's tickets are kept in, without a slash at its end. */
char *ticket_pdf_folder(struct arena *arena, const struct id *event);
/* This object was deleted: not known any more. */
void ticket_pdf_forget(struct app *app, const char *key);
/* A download address good for `seconds`. */
char *ticket_pdf_url(struct app *app, struct arena *arena, const struct ticket *ticket, const char *key, int seconds, int64_t now_ms);
char *ticket_pdf_name(struct arena *arena, const struct ticket *ticket);

/* ---- deliver.c ---- */

/* Ask for the mail with a registration's tickets once more. */
void ticket_deliver_again(struct tx *tx, const struct id *registration);

/* Load the keys of `dir`/keys, or make the first. */
bool gate_keys_open(struct tickets *tickets, const char *dir, struct buf *error);
void gate_keys_close(struct tickets *tickets);

#endif
