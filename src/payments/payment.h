/*
 * payment.h - money for a registration: intents, webhooks, refunds, by Stripe's REST.
 *
 * Design, section 5: before (WRITE) makes a payment row `creating` with a lease;
 * work posts to Stripe under the key pi-<registration>-<attempt>; after stores
 * the id. The webhook is a hint: it asks for the keyed job "stripe-sync", which
 * fetches the truth, compares amount, currency, mode and registration, and only
 * then confirms. Nothing outside is ever called inside a transaction.
 */
#ifndef USHER_PAYMENTS_PAYMENT_H
#define USHER_PAYMENTS_PAYMENT_H

#include "registrations/registration.h"

enum payment_status { PAYMENT_CREATING, PAYMENT_OPEN, PAYMENT_PROCESSING, PAYMENT_SUCCEEDED, PAYMENT_CANCELLED, PAYMENT_FAILED };

/* Is Stripe our own simulator by these settings: no key, or a base address that ends in /sim/stripe? */
bool payments_simulated(const struct config *config);
/* Do the settings of Stripe go together? A sentence and false when not. Asked before anything is opened. */
bool payments_settings_good(const struct config *config, struct buf *error);
struct payments *payments_open(struct app *app, const char *dir, struct buf *error);
/* The server ends: nobody waits for Stripe any longer. What is not done stays asked for. */
void payments_stop(struct payments *payments);
void payments_close(struct payments *payments);
/* For /config.json: "simulator" or "stripe". */
const char *payments_provider(const struct payments *payments);
const char *payments_publishable_key(const struct payments *payments);
/* Shared with the simulator, which signs its webhooks with it. */
const char *payments_webhook_secret(const struct payments *payments);
const char *payments_secret_key(const struct payments *payments);

extern const struct route payment_routes[];  /* create-payment-intent, stripe-webhook, registrations/{id}/refund, events/{id}/cancel */
extern const struct route finance_routes[];  /* events/{id}/finance, events/{id}/finance.csv */
extern const struct answer_schema payment_schemas[], finance_schemas[];
extern const struct job_kind payment_jobs[]; /* "stripe-sync", "intent-cancel", "refund", "event-cancel", ... */
extern const struct person_part payment_people[];
extern const struct sweep payment_sweeps[];  /* expiry of holds with an intent, the reconciler */

#endif
