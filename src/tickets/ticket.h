/*
 * ticket.h - what gets a person in: the signed QR token, the PDF, its download and its mail.
 *
 * The token is version 1 | key id 1 | edition 1 | last 8 bytes of the event id |
 * ticket id 16 | ECDSA P-256 r|s 64 = 91 bytes, as upper-case base32 without
 * padding: 146 characters, 41x41 modules at level M. The nonce is derived (RFC
 * 6979), so that the same ticket always has the same token and the same PDF
 * bytes. The gate key is DIR/keys/gate-<id>.pem (0600); scanners get the public half.
 */
#ifndef USHER_TICKETS_TICKET_H
#define USHER_TICKETS_TICKET_H

#include "registrations/registration.h"

#define TICKET_TOKEN_LEN 146

struct ticket_token {
    unsigned key_id, edition;
    uint8_t event_tail[8];
    struct id ticket;
};

struct tickets *tickets_open(struct app *app, const char *dir, struct buf *error);
void tickets_close(struct tickets *tickets);

/* The QR text of a ticket. About 50 us. Any thread. */
void ticket_token(struct tickets *tickets, const struct id *event, const struct id *ticket, unsigned edition, char out[TICKET_TOKEN_LEN + 1]);
/* Check and take apart what a scanner read (either case, surrounding blanks ignored). false: forged or garbage. Any thread. */
bool ticket_token_verify(struct tickets *tickets, const char *text, size_t len, struct ticket_token *out);

/* One ticket as the contract shapes it, all joined. */
struct ticket {
    struct id id;
    struct ticket_row row;
    struct registration registration;
    struct event event;
    const char *attendee_name;   /* named, else the account's name, else its e-mail */
    const char *qr_code;         /* where it is known already (a gate has just read it); NULL: it is signed anew for JSON */
    const char *organizer_name;  /* NULL unless it was read for printing, or when there is none */
};
/* false when there is none (or the event's tail does not fit). */
bool ticket_find(struct tx *tx, const struct id *ticket_id, struct ticket *out);
void ticket_json(struct buf *out, const char *name, struct app *app, const struct ticket *ticket);

/* The PDF is in the object store when this returns ERR_OK; draws it if it is not. Blocks: on LANE_RENDER or LANE_SWEEP. `key` is the object's. */
enum err ticket_pdf_ready(struct app *app, struct arena *arena, const struct ticket *ticket, const char **key);

extern const struct route ticket_routes[];      /* GET /v1/tickets, GET /v1/tickets/{id}, POST /v1/registrations/{id}/resend, GET /v1/gate-keys */
extern const struct answer_schema ticket_schemas[];
extern const struct job_kind ticket_jobs[];     /* "deliver" */
extern const struct person_part ticket_people[];
extern const struct sweep ticket_sweeps[];      /* takes leave of a drawing process that ended while idle */

#endif
