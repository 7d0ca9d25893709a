/*
 * sim.h - a Stripe of our own, behind Stripe's wire, under /sim/stripe/v1/: PaymentIntents, PaymentMethods, Charges, Refunds, Disputes, the
 * balance, Events, signed webhooks; and a hand on it under /sim/, with which tests make it settle, dispute, deliver and misbehave.
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
    const char *mischief;    /* the rules of sim_mischief.c; NULL: what was last set by call */
};
/* Can these rules of mischief be read (NULL: none)? A sentence and false when not. Asked before anything is opened. */
bool sim_mischief_good(const char *rules, struct buf *error);
struct sim *sim_open(struct app *app, const char *dir, const struct sim_settings *settings, struct buf *error);
/* The server ends: calls that mischief makes wait go on. Takes NULL. Any thread. */
void sim_stop(struct sim *sim);
void sim_close(struct sim *sim);

extern const struct route sim_routes[];
extern const struct sweep sim_sweeps[];      /* old events and kept answers */

#endif
