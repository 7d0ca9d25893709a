/*
 * receipt.h - receipts for paid registrations and credit notes for refunds, numbered without gaps for each organizer.
 *
 * A number is not given when a registration is confirmed: that is done in the
 * event's lane, and the sequence is a row of the organizer, whose lane is
 * another. The job that delivers the tickets asks for it next, and a refund that
 * went out asks for its credit note by a job of its own: one write in the
 * organizer's lane looks whether the registration (the refund) has its number
 * already, else raises the sequence and writes the row that has it, with all
 * that the paper says. So there are no gaps, no number twice, and what was given
 * out never changes, whatever becomes of the event, the order or the names.
 * The PDF is drawn from that row whenever it is asked for, the same bytes each time.
 */
#ifndef USHER_TICKETS_RECEIPT_H
#define USHER_TICKETS_RECEIPT_H

#include "tickets/ticket.h"

enum receipt_kind { RECEIPT_SALE = 1, RECEIPT_CREDIT = 2 };

struct receipt {
    struct id organizer;
    enum receipt_kind kind;
    int64_t number;          /* from 1 on, for each organizer and kind */
    struct id source;        /* the registration, or the refund */
    const char *content;     /* JSON: what the page says (draw_receipt.c), and "amount", "taxes" for those that follow */
    int64_t amount, made_at_ms;
};

/* All papers of one registration, in order of their making: its receipt, then credit notes, one for each refund. */
size_t receipts_of(struct tx *tx, const struct id *registration, struct receipt **out);
/* Has it cost money, and was it confirmed once? Then it has a receipt, or gets one. */
bool receipt_is_due(const struct registration *reg);
/* Give it its number, unless it has one. One write in the organizer's lane: not on a loop's thread, nor the writer's. */
enum err receipt_issue(struct app *app, struct reader *reader, struct arena *arena, struct fault *fault, const struct id *registration);
/* "R-000017", "C-000003". */
char *receipt_number(struct arena *arena, const struct receipt *receipt);

/* Ask for the credit note of a refund that went out. `tickets`: their numbers as "[1,2]", "all", or "[]" for just an amount. */
void receipt_ask_credit(struct tx *tx, const struct id *refund, const struct id *registration, int64_t amount, const char *tickets);

/* The PDF is in the object store when this returns ERR_OK; drawn if it is not. Blocks: in a lane. `key` is the object's. */
enum err receipt_pdf_ready(struct app *app, struct arena *arena, const struct receipt *receipt, const char **key);
char *receipt_pdf_name(struct arena *arena, const struct receipt *receipt);
char *receipt_pdf_url(struct app *app, struct arena *arena, const struct receipt *receipt, const char *key, int seconds, int64_t now_ms);

extern const struct route receipt_routes[];      /* GET /v1/registrations/{id}/receipt */
extern const struct answer_schema receipt_schemas[];
extern const struct job_kind receipt_jobs[];     /* "credit-note" */

#endif
