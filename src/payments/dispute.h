/*
 * dispute.h - a cardholder's bank takes a payment back, or asks about it.
 *
 *     an inquiry   warning_needs_response, warning_under_review -> warning_closed | needs_response
 *     a dispute    needs_response, under_review -> won | lost
 *
 * What Stripe says is the truth and is fetched with the payment (stripe-sync),
 * whatever event hinted at it. A registration is `disputed` while a dispute of
 * its payment is open or lost: then, unless the setting block_disputed is off,
 * its tickets do not open a gate (gate.c). Won, they do again. An inquiry takes
 * no money and blocks nothing.
 *
 * Evidence (who came in when and where) is kept in the row, for it must outlive
 * what its people may have deleted. The money is in the ledger.
 */
#ifndef USHER_PAYMENTS_DISPUTE_H
#define USHER_PAYMENTS_DISPUTE_H

#include "payments/payment_rows.h"

/* May Stripe have more to say of a dispute of this payment than we know? */
bool disputes_are_open(struct tx *tx, const struct payment *payment);
/* What banks hold or took of an intent now, in minor units. */
int64_t disputed_of(struct tx *tx, const struct id *registration, const char *intent);
/* Our row becomes what Stripe says; on the first word of it the organizer is told, and on the last. */
enum err dispute_settle(struct tx *tx, const struct payment *payment, const struct stripe_dispute *truth);

#endif
