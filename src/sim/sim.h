/*
 * sim.h - a Stripe of our own, behind Stripe's wire, under /sim/stripe/v1/: PaymentIntents, Refunds, Events, signed webhooks.
 *
 * A guest: it shares nothing with payments/ but the wire, and nothing but main
 * may include it. Its state is DIR/sim.db, never in a backup. Every request runs on LANE_SIM.
 */
#ifndef USHER_SIM_SIM_H
#define USHER_SIM_SIM_H

#include "http/http.h"

struct sim_settings {
    const char *secret_key, *publishable_key, *webhook_secret;
    const char *webhook_url; /* where signed events are posted; NULL: to /v1/stripe-webhook of this very server */
};
struct sim *sim_open(struct app *app, const char *dir, const struct sim_settings *settings, struct buf *error);
void sim_close(struct sim *sim);

extern const struct route sim_routes[];
extern const struct sweep sim_sweeps[];      /* webhook deliveries and their retries */

#endif
