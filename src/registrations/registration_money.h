/*
 * registration_money.h - what came in and went back for one registration, as its buyer and its organizer see it.
 *
 * The rows are written by payments/, the room above; here they are only looked
 * at, for whoever asks for a registration asks for its money too.
 */
#ifndef USHER_REGISTRATIONS_REGISTRATION_MONEY_H
#define USHER_REGISTRATIONS_REGISTRATION_MONEY_H

#include "registrations/registration.h"

/* In the order of the rows' numbers; NULL-terminated. */
extern const char *const payment_status_words[]; /* "creating", "open", "processing", "succeeded", "cancelled", "failed" */
extern const char *const refund_status_words[];  /* "asked", "pending", "succeeded", "failed" */
extern const char *const dispute_status_words[]; /* as Stripe has them: "warning_needs_response", ... */

/* What the buyer got back of the registration's amount: never more than that. One that was never confirmed bought nothing, so whatever came for
 * it and went back counts; of one that was, what was paid beside it (twice, or wrong) and went back does not. */
int64_t registration_given_back(struct tx *tx, const struct registration *reg);
/* The members "payments" and "refunds", and "disputes" for those who run the event. */
void registration_money_json(struct buf *out, struct tx *tx, const struct registration *reg, bool for_manager);

#endif
