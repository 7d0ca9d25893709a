/*
 * gate.h - letting people in, each ticket exactly once.
 *
 * A scan is one conditional update of the ticket (valid -> used) and one row in
 * check_in. The first of two scans at the same instant wins; the other is told
 * when and where the first was.
 */
#ifndef USHER_GATE_GATE_H
#define USHER_GATE_GATE_H

#include "tickets/ticket.h"

/* In the order in which they are checked; the words are the contract's. */
enum gate_reason {
    GATE_ADMITTED, GATE_FORGED, GATE_NOT_FOUND, GATE_WRONG_EVENT, GATE_CANCELLED, GATE_ALREADY_USED, GATE_NOT_YET_OPEN, GATE_ENDED,
};
extern const char *const gate_reason_words[]; /* NULL for GATE_ADMITTED */

struct gate_scan {
    const char *qr_code;     /* or: */
    struct id ticket;
    struct id event;         /* zero: the ticket's own */
    const char *gate, *device; /* of a caller that is a device: `device` is its id, `gate` its own unless one is named */
    int64_t scanned_at_ms;   /* 0: now */
    /* gate_read_code's: the code was looked at; what it holds stands in `token`, and its ticket in `ticket`. */
    bool read, forged;
    struct ticket_token token;
    char code[TICKET_TOKEN_LEN + 1]; /* as we print it, of that edition; "" when not known */
};
/* Check the code's signature and take the ticket's id from it. 95 us of P-256 (measured), so that it is done before the writer's turn. Any thread. */
void gate_read_code(struct app *app, struct gate_scan *scan);
/* For a scan by id: the code that the answer will show is signed here (60 us), not in the writer's turn. On a snapshot. */
void gate_sign_code(struct tx *tx, struct gate_scan *scan);
/* The event of the scan's ticket, else the one that the scan names, else zero: whose lane it belongs to. */
struct id gate_event_of(struct tx *tx, const struct gate_scan *scan);

struct gate_verdict {
    enum gate_reason reason;
    bool has_ticket;
    struct ticket ticket;
    int64_t first_used_at_ms;
    const char *first_used_gate;
};
/*
 * Judge and, if good, admit. An error only for the caller's rights: ERR_NOT_FOUND or ERR_FORBIDDEN for an event that is not his, be it named or the
 * ticket's own. Where an event is named and the ticket is another's, the reason is GATE_WRONG_EVENT, and the ticket is shown
 * only to whom that other event belongs too.
 *
 * A ticket's older edition, an order that is not confirmed and a cancelled event all read as GATE_CANCELLED. A scanner that was offline says when
 * it scanned; that is then the time of use. The same (ticket, device, scanned_at) again changes nothing and is answered as admitted again, also
 * when the admission was undone since: a scanner that repeats its log must not shut the door on whom a steward let out.
 */
enum err gate_admit(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, struct gate_verdict *out);
/* Used -> valid again: scanned by mistake, or let out to come back. ERR_NOT_FOUND where the event has no such ticket, ERR_CONFLICT unless it is used. */
enum err gate_undo(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, struct ticket *out);

/* A line of the list that a scanner keeps for when it is offline. */
struct roster_row {
    struct id ticket;
    unsigned type;
    enum ticket_status status;
    int64_t edition, used_at_ms;
    const char *used_gate, *attendee_name;
};
/* The event's tickets of every status by id, those behind page->id. */
size_t gate_roster(struct tx *tx, const struct id *event, const struct page *page, struct roster_row **out, bool *more);

extern const struct route gate_routes[];     /* validate-ticket, roster, check-ins, check-ins/undo */
extern const struct answer_schema gate_schemas[];
extern const struct person_part gate_people[];

#endif
