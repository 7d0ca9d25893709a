/*
 * balance.h - the provider's own books: what its account moved for our payments.
 *
 * The ledger is written from what we hear of payments, refunds and disputes.
 * Stripe's balance transactions are what really moved, so they are read beside
 * it, all of them, in order of time: those whose source belongs to one of our
 * payments become rows of `balance_transaction` (a Stripe account may serve
 * others, too). A movement that the ledger lacks has its payment asked after.
 *
 * They are read an hour after they were made, for a charge may get its
 * transaction that late (docs.stripe.com/payments/payment-intents/asynchronous-capture).
 * BALANCE_CURSOR in `meta`, in seconds, is the time up to which all are there:
 * `usher check` compares what lies before it, and only that.
 */
#ifndef USHER_PAYMENTS_BALANCE_H
#define USHER_PAYMENTS_BALANCE_H

#include "store/store.h"

#define BALANCE_CURSOR "stripe_balance_read_to"

/* Time that a first round reads at once; later ones find out how much it may be. */
#define BALANCE_WINDOW_S 86400

/* A round of the sweep, on LANE_PAY. Asks nothing while nobody ever paid, nor, until the next start, once our key was told that it may not (403). */
void reconcile_balance(struct app *app, struct reader *reader, struct arena *arena);

#endif
