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
struct gate_scan {
    const char *qr_code;     /* or: */
    struct id ticket;
    struct id event;         /* zero: the ticket's own */
    const char *gate, *device;
    int64_t scanned_at_ms;   /* 0: now */
};
struct gate_verdict {
    enum gate_reason reason;
    bool has_ticket;
    struct ticket ticket;
    int64_t first_used_at_ms;
    const char *first_used_gate;
};
/* Judge and, if good, admit. An error only for the caller's rights. */
enum err gate_admit(struct tx *tx, const struct caller *caller, const struct gate_scan *scan, struct gate_verdict *out);

extern const struct route gate_routes[];     /* validate-ticket, roster, check-ins, check-ins/undo */
extern const struct answer_schema gate_schemas[];

#endif
